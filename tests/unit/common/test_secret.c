/* SPDX-License-Identifier: Apache-2.0
 *
 * Secrets: what they equal, and where they come from.
 */
#include "common/secret.h"

#include "tests/unit/consumer/kit.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define NAME "HEARBACK_TEST_SECRET"

static char path[] = "/tmp/hearback-secret-XXXXXX";

static int make_file(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

static int clean_environment(void **state)
{
    (void)state;
    return unsetenv(NAME) + unsetenv(NAME "_FILE");
}

static void write_file(span bytes)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.at, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(setenv(NAME "_FILE", path, 1), 0);
}

static void equality(void **state)
{
    (void)state;
    struct secret secret = {0};
    assert_false(secret_is_set(&secret));
    assert_false(secret_equal(&secret, SPAN_NONE)); /* unset equals nothing, not even nothing */
    assert_false(secret_equal(&secret, span_text("")));
    assert_false(secret_equal(&secret, span_text("a")));
    secret_init(&secret, SPAN_NONE);
    assert_false(secret_is_set(&secret));
    assert_false(secret_equal(&secret, SPAN_NONE));
    secret_close(&secret);
    secret_init(&secret, span_of("s\0t", 3));
    assert_true(secret_is_set(&secret));
    assert_true(secret_equal(&secret, span_of("s\0t", 3)));
    assert_false(secret_equal(&secret, span_of("s\0u", 3)));
    assert_false(secret_equal(&secret, span_of("S\0t", 3)));
    assert_false(secret_equal(&secret, span_of("s\0", 2)));
    assert_false(secret_equal(&secret, span_of("s\0tt", 4)));
    assert_false(secret_equal(&secret, SPAN_NONE));
    assert_true(span_equal(secret_reveal(&secret), span_of("s\0t", 3)));
    secret_close(&secret);
    assert_false(secret_is_set(&secret));
    assert_int_equal(secret_reveal(&secret).len, 0);
    secret_close(&secret);
}

static void from_the_environment(void **state)
{
    (void)state;
    struct secret secret;
    assert_false(failed(secret_load(&secret, NAME))); /* unset is no error */
    assert_false(secret_is_set(&secret));
    assert_int_equal(setenv(NAME, "", 1), 0);
    assert_false(failed(secret_load(&secret, NAME)));
    assert_false(secret_is_set(&secret));
    assert_int_equal(setenv(NAME, " value\n", 1), 0);
    assert_false(failed(secret_load(&secret, NAME)));
    assert_true(secret_equal(&secret, span_text(" value\n"))); /* as it stands */
    secret_close(&secret);
    assert_int_equal(setenv(NAME "_FILE", "", 1), 0); /* an empty name is none */
    assert_false(failed(secret_load(&secret, NAME)));
    assert_true(secret_is_set(&secret));
    secret_close(&secret);
}

static void from_a_file(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *secret; /* NULL: ERR_CONFIG */
    } cases[] = {
        {"s", "s"},         {"s\n", "s"}, {"s\r\n", "s"}, {" s \n", " s "},
        {"a\nb\n", "a\nb"}, {"", NULL},   {"\n", NULL},   {"\r\n", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct secret secret;
        write_file(span_text(cases[i].bytes));
        struct err err = secret_load(&secret, NAME);
        assert_int_equal(err.class, cases[i].secret == NULL ? ERR_CONFIG : ERR_OK);
        assert_int_equal(secret_is_set(&secret), cases[i].secret != NULL);
        if (cases[i].secret != NULL) {
            assert_true(secret_equal(&secret, span_text(cases[i].secret)));
        }
        secret_close(&secret);
    }
    struct secret secret;
    write_file(span_of("a\0b", 3));
    assert_false(failed(secret_load(&secret, NAME)));
    assert_true(secret_equal(&secret, span_of("a\0b", 3)));
    secret_close(&secret);
}

static void a_files_size(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        const char *end;
        bool fits;
    } cases[] = {{8191, "", true},     {8192, "", true},    {8193, "", false}, {8192, "\n", true},
                 {8192, "\r\n", true}, {8193, "\n", false}, {20000, "", false}};
    static char bytes[20008];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct secret secret;
        size_t end = strlen(cases[i].end);
        memset(bytes, 's', sizeof(bytes));
        memcpy(bytes + cases[i].bytes, cases[i].end, end);
        write_file(span_of(bytes, cases[i].bytes + end));
        struct err err = secret_load(&secret, NAME);
        if (err.class != (cases[i].fits ? ERR_OK : ERR_CONFIG)) {
            fail_msg("%zu bytes and %zu: %s", cases[i].bytes, end, err_class_name(err.class));
        }
        assert_int_equal(secret_reveal(&secret).len, cases[i].fits ? cases[i].bytes : 0);
        secret_close(&secret);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    struct secret secret;
    write_file(span_text("s"));
    assert_int_equal(setenv(NAME, "s", 1), 0);
    assert_int_equal(secret_load(&secret, NAME).class, ERR_CONFIG); /* both, even when equal */
    assert_false(secret_is_set(&secret));
    assert_int_equal(unsetenv(NAME), 0);
    assert_int_equal(setenv(NAME "_FILE", "/nonexistent/secret", 1), 0);
    struct err err = secret_load(&secret, NAME);
    assert_int_equal(err.class, ERR_CONFIG);
    assert_int_equal(err.code, ENOENT);
    assert_int_equal(setenv(NAME "_FILE", "/tmp", 1), 0); /* a folder reads as nothing */
    assert_int_equal(secret_load(&secret, NAME).class, ERR_CONFIG);
    char name[300];
    memset(name, 'N', sizeof(name));
    name[sizeof(name) - 1] = 0;
    assert_int_equal(secret_load(&secret, name).class, ERR_CONFIG);
    name[250] = 0;
    assert_false(failed(secret_load(&secret, name)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality),
        cmocka_unit_test_setup(from_the_environment, clean_environment),
        cmocka_unit_test_setup(from_a_file, clean_environment),
        cmocka_unit_test_setup(a_files_size, clean_environment),
        cmocka_unit_test_setup(what_is_refused, clean_environment),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}
