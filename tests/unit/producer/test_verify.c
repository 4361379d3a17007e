/* SPDX-License-Identifier: Apache-2.0
 *
 * The proof: published vectors, everything that must be refused, rotation.
 */
#include "tests/unit/producer/cmocka_kit.h"

#include "common/own.h"
#include "producer/verify.h"
#include "tests/unit/producer/kit.h"

#define JEFE   "what do ya want for nothing?"
#define SHA256 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
#define SHA512                                                                                     \
    "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0" \
    "e6fdcaeab1a34d4a6b4b636e070a38bce737"
#define SHA1     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
#define BASE64   "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
#define JIRA_KEY "It's a Secret to Everybody"
#define JIRA_HEX "a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
#define UPPER256 "5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843"

struct vector {
    const char *name;
    const char *algorithm;
    const char *encoding;
    const char *prefix;
    const char *secret;
    const char *body;
    const char *given;
    bool fits;
};

static const struct vector vectors[] = {
    {"RFC 4231 case 2", "sha256", "hex", "", "Jefe", JEFE, SHA256, true},
    {"RFC 4231 case 2, sha512", "sha512", "hex", "", "Jefe", JEFE, SHA512, true},
    {"RFC 2202 case 2, sha1", "sha1", "hex", "", "Jefe", JEFE, SHA1, true},
    {"Jira's own vector", "sha256", "hex", "sha256=", JIRA_KEY, "Hello World!", "sha256=" JIRA_HEX,
     true},
    {"capital digits", "sha256", "hex", "", "Jefe", JEFE, UPPER256, true},
    {"a prefix that is missing", "sha256", "hex", "sha256=", "Jefe", JEFE, SHA256, true},
    {"base64", "sha256", "base64", "", "Jefe", JEFE, BASE64, true},
    {"base64 behind a prefix", "sha256", "base64", "v1,", "Jefe", JEFE, "v1," BASE64, true},
    {"a prefix nobody configured", "sha256", "hex", "", "Jefe", JEFE, "sha256=" SHA256, false},
    {"another prefix", "sha256", "hex", "sha256=", "Jefe", JEFE, "sha512=" SHA256, false},
    {"the prefix twice", "sha256", "hex", "sha256=", "Jefe", JEFE, "sha256=sha256=" SHA256, false},
    {"only the prefix", "sha256", "hex", "sha256=", "Jefe", JEFE, "sha256=", false},
    {"another body", "sha256", "hex", "", "Jefe", JEFE " ", SHA256, false},
    {"another secret", "sha256", "hex", "", "Jeff", JEFE, SHA256, false},
    {"another algorithm", "sha512", "hex", "", "Jefe", JEFE, SHA256, false},
    {"the last digit", "sha256", "hex", "", "Jefe", JEFE,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3844", false},
    {"the first digit", "sha256", "hex", "", "Jefe", JEFE,
     "6bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", false},
    {"one digit short", "sha256", "hex", "", "Jefe", JEFE,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec384", false},
    {"one byte short", "sha256", "hex", "", "Jefe", JEFE,
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec38", false},
    {"one byte more", "sha256", "hex", "", "Jefe", JEFE, SHA256 "00", false},
    {"no hex", "sha256", "hex", "", "Jefe", JEFE,
     "gbdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", false},
    {"a second digit that is none and would borrow", "sha256", "hex", "", "Jefe", JEFE,
     "5bdcc146cg60754e6a042426089575c75a003f089d2739839dec58b964ec3843", false},
    {"empty", "sha256", "hex", "", "Jefe", JEFE, "", false},
    {"hex where base64 is wanted", "sha256", "base64", "", "Jefe", JEFE, SHA256, false},
    {"base64 where hex is wanted", "sha256", "hex", "", "Jefe", JEFE, BASE64, false},
    {"base64 without padding", "sha256", "base64", "", "Jefe", JEFE,
     "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM", false},
    {"base64 with stray bits", "sha256", "base64", "", "Jefe", JEFE,
     "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEN=", false},
    {"two in one value", "sha256", "hex", "", "Jefe", JEFE, SHA256 ", " SHA256, false},
    {"no secret", "sha256", "hex", "", "", JEFE, SHA256, false},
    {"an unknown algorithm", "md5", "hex", "", "Jefe", JEFE, SHA256, false},
    {"an unknown encoding", "sha256", "rot13", "", "Jefe", JEFE, SHA256, false},
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const struct vector *row = &vectors[i];
        struct config_source source;
        kit_source(&source);
        kit_set(&source.signature_algorithm, row->algorithm);
        kit_set(&source.signature_encoding, row->encoding);
        kit_set(&source.signature_prefix, row->prefix);
        kit_secret(&source.secret, row->secret);
        bool fits = verify_signature(&source, span_text(row->body), span_text(row->given));
        kit_close(&source);
        ROW_CHECK(row->name, fits == row->fits);
    }
}

static void test_long_and_empty_bodies(void **state)
{
    static char body[1024 * 1024 + 1];
    char given[80];
    struct config_source source;
    (void)state;
    kit_source(&source);
    memset(body, 'x', sizeof(body) - 1);
    kit_sign("Jefe", body, given);
    assert_true(verify_signature(&source, span_text(body), span_text(given)));
    body[sizeof(body) - 2] = 'y';
    assert_false(verify_signature(&source, span_text(body), span_text(given)));
    kit_sign("Jefe", "", given);
    assert_true(verify_signature(&source, SPAN_NONE, span_text(given)));
    assert_true(verify_signature(&source, span_text(""), span_text(given)));
    assert_false(verify_signature(&source, span_text("x"), span_text(given)));
    kit_close(&source);
}

static void test_two_secrets_live(void **state)
{
    char by_new[80];
    char by_old[80];
    char by_none[80];
    struct config_source source;
    (void)state;
    kit_source(&source);
    kit_secret(&source.secret, "new");
    kit_secret(&source.old_secret, "old");
    kit_sign("new", JEFE, by_new);
    kit_sign("old", JEFE, by_old);
    kit_sign("", JEFE, by_none);
    assert_true(verify_signature(&source, span_text(JEFE), span_text(by_new)));
    assert_true(verify_signature(&source, span_text(JEFE), span_text(by_old)));
    assert_false(verify_signature(&source, span_text(JEFE), span_text(by_none)));
    secret_close(&source.old_secret);
    assert_false(verify_signature(&source, span_text(JEFE), span_text(by_old)));
    /* An unset secret is no secret, not the empty one. */
    assert_false(verify_signature(&source, span_text(JEFE), span_text(by_none)));
    kit_close(&source);
}

struct case_of_headers {
    const char *name;
    const char *proof;
    const char *values[3];
    enum verify_result result;
};

static const struct case_of_headers header_cases[] = {
    {"missing", "hmac", {NULL}, VERIFY_UNSIGNED},
    {"right", "hmac", {SHA256}, VERIFY_GOOD},
    {"right, with blanks around", "hmac", {"  " SHA256 "\t"}, VERIFY_GOOD},
    {"twice the same", "hmac", {SHA256, SHA256}, VERIFY_GOOD},
    {"right, then wrong", "hmac", {SHA256, SHA1}, VERIFY_BAD},
    {"wrong, then right", "hmac", {SHA1, SHA256}, VERIFY_BAD},
    {"there but empty is not unsigned", "hmac", {""}, VERIFY_BAD},
    {"wrong", "hmac", {SHA1}, VERIFY_BAD},
    {"nobody asks", "none", {NULL}, VERIFY_GOOD},
    {"nobody asks, wrong", "none", {SHA1}, VERIFY_GOOD},
    {"a proof we do not know", "trust", {SHA256}, VERIFY_BAD},
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(header_cases); i++) {
        const struct case_of_headers *row = &header_cases[i];
        struct request request = {.method = REQUEST_POST, .body = span_text(JEFE)};
        struct config_source source;
        kit_source(&source);
        kit_set(&source.proof, row->proof);
        kit_header(&request, "X-Other", SHA256);
        for (size_t k = 0; k < COUNT_OF(row->values) && row->values[k] != NULL; k++) {
            kit_header(&request, k == 0 ? "x-koji-SIGNATURE" : "X-Koji-Signature", row->values[k]);
        }
        enum verify_result result = verify_request(&source, &request);
        kit_close(&source);
        ROW_CHECK(row->name, result == row->result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_long_and_empty_bodies),
        cmocka_unit_test(test_two_secrets_live),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
