/* SPDX-License-Identifier: Apache-2.0
 *
 * Every kind of source there is. A new one is a file under sources/ and a line here.
 */
#include "producer/source.h"

static const struct source *const sources[] = {
    &source_koji,
};

const struct source *source_find(const char *kind)
{
    for (size_t i = 0; i < COUNT_OF(sources); i++) {
        if (strcmp(sources[i]->kind, kind) == 0) {
            return sources[i];
        }
    }
    return NULL;
}
