/* SPDX-License-Identifier: Apache-2.0
 *
 * The kit. One thread.
 */
#include "tests/unit/consumer/kit.h"

#include "common/clock.h"
#include "common/mem.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIG_BYTES (1u << 20)

struct kit_random kit_random(void)
{
    const char *given = getenv("HEARBACK_SEED");
    int64_t seed = 0;
    if (given == NULL || !span_number(span_text(given), 1, INT64_MAX, &seed)) {
        seed = clock_wall_ms(clock_system()) * 1000 + getpid() % 1000;
    }
    print_message("HEARBACK_SEED=%" PRId64 "\n", seed);
    return (struct kit_random){.state = (uint64_t)seed};
}

uint64_t kit_draw(struct kit_random *random)
{
    uint64_t x = random->state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

size_t kit_below(struct kit_random *random, size_t n)
{
    return (size_t)(kit_draw(random) % n);
}

bool kit_dies(void (*fn)(void *), void *what)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(nowhere, STDERR_FILENO);
        fn(what);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#define TEXT(name_, literal_)                                                                      \
    {                                                                                              \
        .name = (name_), .text = {.at = (const uint8_t *)(literal_), .len = sizeof(literal_) - 1 } \
    }

static struct kit_text hostile[] = {
    TEXT("plain", "plain"),
    TEXT("empty", ""),
    TEXT("blank", " "),
    TEXT("only blanks", " \t\r\n \n\n\t "),
    TEXT("only line ends", "\n\n\n"),
    TEXT("NUL alone", "\0"),
    TEXT("NUL inside", "a\0b"),
    TEXT("NUL between lines", "a\n\0\nb"),
    TEXT("control characters", "\x01\x02\x07\x08\x0b\x0c\x1b[31mred\x1f\x7f"),
    TEXT("control characters in lines of their own", "\x01\n\x02\n\x7f"),
    TEXT("line end first", "\na"),
    TEXT("line end last", "a\n"),
    TEXT("line ends around and inside", "\n\n a\n\n\nb \r\n c\r\n\n"),
    TEXT("carriage returns alone", "a\rb\r"),
    TEXT("a lead byte at the end", "a\xC3"),
    TEXT("a continuation first", "\x80"
                                 "a"),
    TEXT("overlong", "\xC0\xAF\xE0\x80\xAF\xF0\x80\x80\xAF"),
    TEXT("surrogates", "\xED\xA0\x80\xED\xB0\x80"),
    TEXT("beyond Unicode", "\xF4\x90\x80\x80\xFF\xFE"),
    TEXT("cut emoji", "ok \xF0\x9F\x98"),
    TEXT("emoji", "\xF0\x9F\x98\x80\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB"),
    TEXT("right to left", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xE2\x80\xAE"
                          "abc\xE2\x80\xAC"),
    TEXT("byte order mark", "\xEF\xBB\xBF"
                            "a"),
    TEXT("no-break space alone", "\xC2\xA0"),
    TEXT("line separator", "a\xE2\x80\xA8"
                           "b\xE2\x80\xA9"
                           "c"),
    TEXT("C1 control", "a\xC2\x85"
                       "b"),
    TEXT("quotes and backslashes", "\"\\\"\\\\\" \\n \\u0000 \\"),
    TEXT("a document of its own", "\"}]},{\"type\":\"rule\"},{\"type\":\"text\",\"text\":\""),
    TEXT("markup", "<script>alert(1)</script> {code} *bold* [l|http://x] %s%n %08x"),
    TEXT("query", "x\" OR project = SEC AND labels = \"y' --"),
    {.name = "1 MB"},
};

size_t kit_hostile(const struct kit_text **texts)
{
    static uint8_t big[BIG_BYTES];
    for (size_t i = 0; i + 4 <= BIG_BYTES; i += 4) {
        memcpy(big + i,
               i % 4096 == 0  ? "\n  \xC2"
               : i % 256 == 0 ? "\"\\\n\x01"
                              : "\xF0\x9F\x98\x80",
               4);
    }
    hostile[COUNT_OF(hostile) - 1].text = span_of(big, BIG_BYTES);
    *texts = hostile;
    return COUNT_OF(hostile);
}

struct json_object *kit_json(span text)
{
    struct json_object *tree = NULL;
    struct err err = json_parse(text, &tree);
    if (failed(err)) {
        fail_msg("no JSON (%s): %.*s", err.text, (int)(text.len < 500 ? text.len : 500),
                 (const char *)text.at);
    }
    return tree;
}

span kit_text_at(struct json_object *root, const char *pointer)
{
    span text = json_text_at(root, pointer);
    if (text.at == NULL) {
        fail_msg("no text at %s of %s", pointer, json_object_to_json_string(root));
    }
    return text;
}

void kit_assert_text(span got, const char *expected)
{
    if (!span_is(got, expected)) {
        fail_msg("got \"" SPAN_FMT "\", expected \"%s\"", SPAN_ARG(got), expected);
    }
}

void kit_config(struct config *config)
{
    struct buf faults;
    buf_init(&faults, 65536);
    assert_int_equal(setenv("HEARBACK_JIRA_TOKEN", "token-for-tests", 1), 0);
    struct err err = config_parse(
        config,
        span_text("kafka: {bootstrap: \"kafka:9092\"}\n"
                  "redis: {address: \"redis:6379\"}\n"
                  "jira: {url: \"https://example.atlassian.net\", user: me@example.com, "
                  "project: RES}\n"),
        "kit.yaml", CONFIG_FOR_WORKER, &faults);
    if (failed(err)) {
        fail_msg("%s", buf_text(&faults));
    }
    buf_close(&faults);
}
