/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka.instance_id: who a worker process is in its group. In Kubernetes that is
 * the pod's name, which stands in a variable; so "$NAME" is looked up here, for
 * workers only: nobody else has the variable. Before threads start.
 */
#include "common/config_reader.h"
#include "common/config_table.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define INSTANCE_MAX 249 /* Kafka's own bound */

bool config_instance_fits(const char *text)
{
    size_t len = strlen(text);
    return len <= INSTANCE_MAX && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

bool config_variable_fits(const char *text)
{
    return text[0] != 0 && (text[0] < '0' || text[0] > '9') &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
               strlen(text);
}

void config_check_instance(struct config_reader *reader)
{
    char **member = &reader->config->kafka.instance_id;
    const struct config_seen *seen = config_seen(reader, member);
    bool sound = seen == NULL || seen->sound;
    if ((reader->needed_for & CONFIG_FOR_WORKER) == 0 || !sound || *member == NULL ||
        (*member)[0] != '$') {
        return;
    }
    const char *name = config_say(reader, "%s", *member + 1);
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): before any thread starts */
    if (value == NULL || value[0] == 0 || !config_instance_fits(value)) {
        config_fault(
            reader, seen == NULL ? 1 : seen->line, "kafka.instance_id",
            (struct config_wrong){
                .found = value == NULL || value[0] == 0
                             ? config_say(reader, "no variable %s in the environment", name)
                             : config_say(reader, "%s, which is \"%s\"", name, value),
                .expected = "a name of its own for each process, of letters, digits and "
                            ". _ -",
                .advice = "set the variable, for example to the pod's name, or remove the "
                          "line"});
        return;
    }
    mem_free_text(member);
    *member = mem_must_copy_text(value);
}
