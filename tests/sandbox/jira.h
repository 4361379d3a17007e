/* SPDX-License-Identifier: Apache-2.0
 *
 * The played Jira Cloud (REST v3), shared by the jira_*.c files: its state, one
 * call being served, and the helpers they have in common. A route's function
 * reads the call and fills in its answer. Everything runs under the sandbox's
 * lock. Message texts come from the reference sheet where it has them.
 */
#ifndef HEARBACK_TESTS_SANDBOX_JIRA_H
#define HEARBACK_TESTS_SANDBOX_JIRA_H

#include "common/secret.h"
#include "tests/sandbox/store.h"
#include "tests/sandbox/vendor.h"

#define JIRA_ACCOUNT_ID   "5b10ac8d82e05b22cc7d4ef5"
#define JIRA_ISSUE_GONE   "Issue does not exist or you do not have permission to see it."
#define JIRA_LOGIN_NEEDED "Client must be authenticated to access this resource."
#define JIRA_BAD_PAYLOAD                                                                           \
    "Invalid request payload. Refer to the REST API documentation and try again."
#define JIRA_TEXT_UNITS_MAX     32767
#define JIRA_PROPERTY_KEY_MAX   255
#define JIRA_PROPERTY_BYTES_MAX 32768
#define JIRA_ROUTES_MAX         40

/* A token bucket: `left_milli` thousandths of a request at `at_ms`. */
struct bucket {
    int64_t left_milli;
    int64_t at_ms;
};

/* When the latest calls of a method were let in: a ring. */
#define JIRA_METHODS     4
#define JIRA_SLIDING_MAX 128
struct sliding {
    int64_t at_ms[JIRA_SLIDING_MAX];
    uint64_t count;
};

struct jira {
    const struct clock *clock;
    struct secret token;
    char *user;
    bool limits;
    bool limits_at_start;
    bool sliding; /* bursts are counted strictly: see jira_limits.c */
    struct sliding methods[JIRA_METHODS];
    int64_t accepted[JIRA_METHODS];
    int64_t refused;
    int64_t comments_max;
    int64_t comments_max_at_start;
    struct store store;
    struct bucket buckets[JIRA_ROUTES_MAX];
    int64_t requests[JIRA_ROUTES_MAX];
};

enum jira_login { JIRA_ANONYMOUS, JIRA_KNOWN, JIRA_REFUSED };

struct jira_call {
    struct jira *jira;
    struct request *req;
    struct answer *answer;
    enum jira_login login;
    int64_t stale_ms; /* the search is blind to issues younger than this */
};

/* jira_auth.c: reads Authorization and sets the headers that tell who asked. */
enum jira_login jira_authenticate(const struct jira *jira, const struct request *req,
                                  struct answer *answer);

/* jira_limits.c: false when the call was answered with 429. */
extern const char *const jira_methods[JIRA_METHODS];
bool jira_limit_burst(struct jira_call *call, size_t route, int64_t per_second);
void jira_count_accepted(struct jira_call *call);
bool jira_limit_writes(struct jira_call *call, struct issue *issue);
void jira_note_write(const struct jira *jira, struct issue *issue);

/* jira_error.c: an ErrorCollection. */
struct jira_errors {
    json_object *messages; /* array, owned */
    json_object *fields;   /* object, owned */
};
void jira_errors_init(struct jira_errors *errors);
void jira_errors_close(struct jira_errors *errors);
bool jira_errors_any(const struct jira_errors *errors);
void jira_errors_say(struct jira_errors *errors, const char *message);
void jira_errors_field(struct jira_errors *errors, const char *field, const char *format, ...)
    PRINTF_LIKE(3, 4);
void jira_errors_answer(struct jira_errors *errors, unsigned status, struct answer *answer);
/* One message, no fields. */
void jira_fail(struct jira_call *call, unsigned status, const char *message);

/* jira_body.c: reading what a call carries. */
/* The body as an object, owned by the caller, or NULL after answering 400 or 415. */
json_object *jira_body(struct jira_call *call);
/* False when a member is not one of the blank-separated `known`. */
bool jira_only_keys(const json_object *body, const char *known);
/* Checks [{key, value}] and puts each into `into`. */
void jira_take_properties(const json_object *list, json_object *into, struct jira_errors *errors);
/* Checks ADF and its length; a fault goes into `errors` under `field` and, for people,
 * into the answer's X-Sandbox-Reason. */
bool jira_check_adf(struct jira_call *call, const char *field, const char *text_refused,
                    json_object *adf, struct jira_errors *errors);

/* jira_fields.c: an issue's fields being set, by create and by edit. */
struct draft {
    struct jira_call *call;
    json_object *fields; /* being changed; owned */
    bool creating;
    struct jira_errors errors;
};
void draft_apply(struct draft *draft, const json_object *given, const json_object *update);
json_object *jira_fields_list(void);

/* jira_view.c: what is shown of things. */
void jira_time(int64_t wall_ms, char *out, size_t room);
/* fields NULL or "": `otherwise`. The caller owns the result. */
json_object *jira_show_issue(const struct jira_call *call, const struct issue *issue,
                             const char *fields, const char *properties, const char *otherwise);
json_object *jira_show_comment(const struct jira_call *call, const struct comment *comment,
                               bool properties);
json_object *jira_show_user(const struct jira_call *call);

/* Looks an issue or comment up by the first argument; NULL after answering 404 (or 401 for an
 * anonymous write, which never gets this far). */
struct issue *jira_find_issue(struct jira_call *call);
struct comment *jira_find_comment(struct jira_call *call);

/* The routes' functions. */
void jira_myself(struct jira_call *call);
void jira_list_fields(struct jira_call *call);
void jira_create(struct jira_call *call);
void jira_read(struct jira_call *call);
void jira_edit(struct jira_call *call);
void jira_comment_add(struct jira_call *call);
void jira_comment_list(struct jira_call *call);
void jira_comment_read(struct jira_call *call);
void jira_issue_property_list(struct jira_call *call);
void jira_issue_property(struct jira_call *call);
void jira_comment_property_list(struct jira_call *call);
void jira_comment_property(struct jira_call *call);
void jira_search(struct jira_call *call);
void jira_search_removed(struct jira_call *call);

/* jira_state.c: what the control API shows. */
json_object *jira_state(struct jira *jira);
void jira_board(struct jira *jira, struct buf *out);

#endif
