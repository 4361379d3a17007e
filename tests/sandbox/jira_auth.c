/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks. Basic credentials of an account email (any case) and its API token
 * make the caller known; an opaque Bearer token is refused with 403, as on a
 * site's own address; everything else is a stranger. X-AAccountId stands on
 * every answer to a known caller and on no other, and a stranger's answers carry
 * X-Seraph-LoginReason and the xsrf cookie that marks an anonymous session.
 */
#include "tests/sandbox/jira.h"

static int digit64(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : (c == '/' ? 63 : -1);
}

/* False unless the whole text is base64 and fits. */
static bool decode64(span text, uint8_t *out, size_t room, size_t *len)
{
    uint32_t bits = 0;
    int held = 0;
    *len = 0;
    while (text.len > 0 && text.at[text.len - 1] == '=') {
        text.len--;
    }
    for (size_t i = 0; i < text.len; i++) {
        int digit = digit64(text.at[i]);
        if (digit < 0) {
            return false;
        }
        bits = ((bits << 6) | (uint32_t)digit) & 0xFFFFFF;
        held += 6;
        if (held >= 8) {
            if (*len == room) {
                return false;
            }
            held -= 8;
            out[(*len)++] = (uint8_t)(bits >> held);
        }
    }
    return true;
}

static bool basic_fits(const struct jira *jira, span credentials)
{
    uint8_t plain[512];
    size_t len = 0;
    if (!decode64(credentials, plain, sizeof(plain), &len)) {
        return false;
    }
    const uint8_t *colon = memchr(plain, ':', len);
    if (colon == NULL) {
        return false;
    }
    size_t user_len = (size_t)(colon - plain);
    return span_is_nocase(span_of(plain, user_len), jira->user) &&
           secret_equal(&jira->token, span_of(colon + 1, len - user_len - 1));
}

enum jira_login jira_authenticate(const struct jira *jira, const struct request *req,
                                  struct answer *answer)
{
    const char *header = request_header(req, "Authorization");
    span value = span_text(header);
    bool basic = value.len > 6 && span_is_nocase(span_of(value.at, 6), "Basic ");
    if (basic && basic_fits(jira, span_trim(span_of(value.at + 6, value.len - 6)))) {
        answer_header(answer, "X-AAccountId", "%s", JIRA_ACCOUNT_ID);
        return JIRA_KNOWN;
    }
    answer_header(answer, "X-Seraph-LoginReason", "AUTHENTICATED_FAILED");
    answer_header(answer, "Set-Cookie", "atlassian.xsrf.token=0f3a_lout; Path=/");
    bool bearer = value.len > 7 && span_is_nocase(span_of(value.at, 7), "Bearer ");
    return bearer ? JIRA_REFUSED : JIRA_ANONYMOUS;
}

void jira_myself(struct jira_call *call)
{
    answer_json(call->answer, 200, jira_show_user(call));
}
