/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the command line. Only a loopback address is taken: the sandbox holds
 * no secrets worth guarding and guards none. Runs once, in main.
 */
#include "tests/sandbox/options.h"

#include <getopt.h>
#include <stddef.h>

const char options_usage[] =
    "usage: hearback-sandbox --port N|0 --jira-user EMAIL --jira-token TOKEN\n"
    "       [--address 127.0.0.1] [--project PROD[,OTHER]] [--limits on|off]\n"
    "       [--comments-max N] [--port-file FILE]\n";

static struct err take(struct options *options, int letter, const char *value)
{
    int64_t number = 0;
    switch (letter) {
    case 'p':
        if (!span_number(span_text(value), 0, 65535, &number)) {
            FAIL(ERR_CONFIG, 0, "--port is a number from 0 to 65535");
        }
        options->port = (int)number;
        break;
    case 'a':
        options->address = value;
        break;
    case 'u':
        options->jira_user = value;
        break;
    case 't':
        options->jira_token = value;
        break;
    case 'P':
        options->projects = value;
        break;
    case 'l':
        options->limits = strcmp(value, "on") == 0;
        if (!options->limits && strcmp(value, "off") != 0) {
            FAIL(ERR_CONFIG, 0, "--limits is on or off");
        }
        break;
    case 'c':
        if (!span_number(span_text(value), 0, INT32_MAX, &options->comments_max)) {
            FAIL(ERR_CONFIG, 0, "--comments-max is a number");
        }
        break;
    case 'f':
        options->port_file = value;
        break;
    default:
        FAIL(ERR_CONFIG, 0, "there is an unknown option or a value is missing");
    }
    return NO_ERROR;
}

struct err options_parse(struct options *options, int argc, char **argv)
{
    static const struct option known[] = {
        {"port", required_argument, NULL, 'p'},
        {"address", required_argument, NULL, 'a'},
        {"jira-user", required_argument, NULL, 'u'},
        {"jira-token", required_argument, NULL, 't'},
        {"project", required_argument, NULL, 'P'},
        {"limits", required_argument, NULL, 'l'},
        {"comments-max", required_argument, NULL, 'c'},
        {"port-file", required_argument, NULL, 'f'},
        {NULL, 0, NULL, 0},
    };
    *options = (struct options){
        .address = "127.0.0.1", .port = -1, .projects = "PROD", .comments_max = 5000};
    int letter = 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread starts */
    while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        TRY(take(options, letter, optarg));
    }
    if (options->port < 0 || options->jira_user == NULL || options->jira_token == NULL ||
        optind != argc) {
        FAIL(ERR_CONFIG, 0, "--port, --jira-user and --jira-token are needed, and nothing else");
    }
    if (!span_starts(span_text(options->address), "127.")) {
        FAIL(ERR_CONFIG, 0, "--address is a loopback address");
    }
    return NO_ERROR;
}
