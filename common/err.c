/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of error classes, and the end of the process when something that must
 * not happen did. Any thread.
 */
#include "common/err.h"

#include <stdio.h>
#include <stdlib.h>

const char *err_class_name(enum err_class class)
{
    switch (class) {
    case ERR_OK:
        return "ok";
    case ERR_RETRY:
        return "retry";
    case ERR_REJECT:
        return "reject";
    case ERR_POISON:
        return "poison";
    case ERR_STALE:
        return "stale";
    case ERR_CONFIG:
        return "config";
    case ERR_FATAL:
        return "fatal";
    }
    return "unknown";
}

_Noreturn void err_check_failed(const char *condition, const char *where)
{
    fprintf(stderr,
            "{\"level\":\"fatal\",\"event\":\"check_failed\",\"condition\":\"%s\","
            "\"where\":\"%s\"}\n",
            condition, where);
    abort();
}
