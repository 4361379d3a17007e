/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker is: a name, a topic, a function that makes items of a record,
 * and a table of stages. A stage asks one peer one thing and reads the answer;
 * both halves are pure: they look at the item and the configuration, and touch
 * nothing else. Everything that can go wrong in between is the engine's.
 */
#ifndef HEARBACK_CONSUMER_WORKER_H
#define HEARBACK_CONSUMER_WORKER_H

#include "common/arena.h"
#include "common/config.h"
#include "common/json.h"
#include "common/redis.h"

/* ---- what comes in ---- */

/* One Kafka record. Its value and headers are borrowed from librdkafka until it is settled. */
struct record {
    const char *topic; /* static or interned */
    int32_t partition;
    int64_t offset;
    int64_t at_ms; /* the record's timestamp */
    span key;
    span value;
    span type;   /* ce_type */
    span source; /* ce_source's last path segment: the entry under sources: */
};

/* Where a record stood first: its own place, or what the headers of a retry record say. */
struct origin {
    span topic;
    int32_t partition;
    int64_t offset;
};

/* A record on its way; `state` is the worker's, in the arena. */
struct job {
    struct record record;
    struct origin origin;
    /* The effects wanted of it, 16 hex digits of span_hash(effect id) each; .at NULL: all. */
    span only;
    bool again_dead; /* what is settled as a dead letter runs again */
    struct arena arena;
    void *state;
    size_t made;         /* items made so far: the cursor */
    const char *nothing; /* why there are no items at all: counted under this reason */
    bool redo;           /* what is done is written again, where that harms nobody: see stage */
};

/* One effect on the world. Spans live in the item's arena. */
struct item {
    const struct config *config;
    struct job *job;
    span effect_id; /* what must happen at most once; unique within the worker */
    span order_key; /* what must not happen side by side */
    void *part;     /* the worker's: which part of job->state this is */

    int stage;
    struct json_object
        *memo;          /* an object; kept with the effect in the ledger, so no person in it */
    struct arena arena; /* lives as long as the item */

    /* Set by the engine before ask and answered. */
    int64_t now_ms; /* wall */
    bool in_doubt;  /* an earlier attempt at the effect this stage looks for may have happened */
    /* For how long nobody else can have sent anything for this order key, when the question was
     * asked: an answer may be as old as that. Negative while a call of a holder that vanished may
     * still be under way. */
    int64_t alone_ms;
    /* For how long the ledger's present view had been there, likewise. */
    int64_t view_ms;
};

/* ---- what a stage asks ---- */

struct script { /* a Lua script that touches one hash tag; see scripts.h */
    const char *name;
    const char *text;
    char sha[41];
};

enum step_kind {
    STEP_NEXT,    /* go on with .stage */
    STEP_DONE,    /* the effect is there: settle */
    STEP_SKIP,    /* nothing to do, for .reason: settle without a trace in the ledger */
    STEP_AGAIN,   /* ask again in .wait_ms; not a failure. The item keeps its place and its lease */
    STEP_LATER,   /* go on with .stage at .due_ms, hours or days from now: kept in the ledger */
    STEP_DEAD,    /* will never work: dead letter with .reason */
    STEP_UNCLEAR, /* the answer cannot be read: doubt for an effect, again for a question */
    STEP_FAULT,   /* the destination or its settings are at fault: breaker and alarm */
};

struct step {
    enum step_kind kind;
    int stage;
    int64_t wait_ms;
    int64_t due_ms;     /* wall */
    const char *reason; /* static, lower_case_words: a metric label and a dead letter header */
    const char *alarm;  /* static; said in the log once when set */
};

static inline struct step step_next(int stage)
{
    return (struct step){.kind = STEP_NEXT, .stage = stage};
}
static inline struct step step_done(const char *reason)
{
    return (struct step){.kind = STEP_DONE, .reason = reason};
}
static inline struct step step_skip(const char *reason)
{
    return (struct step){.kind = STEP_SKIP, .reason = reason};
}
static inline struct step step_again(int64_t wait_ms, const char *reason)
{
    return (struct step){.kind = STEP_AGAIN, .wait_ms = wait_ms, .reason = reason};
}
static inline struct step step_later(int stage, int64_t due_ms, const char *reason)
{
    return (struct step){.kind = STEP_LATER, .stage = stage, .due_ms = due_ms, .reason = reason};
}
static inline struct step step_dead(const char *reason)
{
    return (struct step){.kind = STEP_DEAD, .reason = reason};
}
static inline struct step step_unclear(const char *reason)
{
    return (struct step){.kind = STEP_UNCLEAR, .reason = reason};
}
static inline struct step step_fault(const char *reason)
{
    return (struct step){.kind = STEP_FAULT, .reason = reason};
}

#define CALL_KEYS_MAX 4
#define CALL_ARGS_MAX 16

enum call_kind {
    CALL_HTTP,
    CALL_SCRIPT,
    CALL_STEP, /* nothing needs asking: .step */
};

/* Built by ask in call->arena, which lives until the answer is read. */
struct call {
    enum call_kind kind;
    struct arena *arena;
    const char *method; /* GET, POST, PUT, DELETE */
    span path;          /* with its query, behind the destination's base URL */
    span body;          /* JSON, .len 0: none */
    const struct script *script;
    span keys[CALL_KEYS_MAX];
    size_t key_count;
    span args[CALL_ARGS_MAX];
    size_t arg_count;
    const char *budget_class; /* of the destination's limits; NULL: the method */
    span budget_key;          /* what limits by key count it under, such as the issue it changes */
    int64_t budget_cost;      /* how much of the limit it takes, such as its events; 0: one */
    struct step step;
};

/* ---- what comes back ---- */

struct reply_header {
    span name;
    span value;
};

/* A body's tree, from when it is first asked for. */
struct reply_tree {
    bool read;
    struct json_object *json;
};

/* Lives until answered returns. */
struct reply {
    int status;              /* HTTP */
    span body;               /* HTTP */
    struct reply_tree *tree; /* HTTP: see reply_json */
    const struct reply_header *headers;
    size_t header_count;
    const struct redis_reply *script; /* what the script returned, without its journal */
    struct arena *arena;
};

/* The body when it is JSON, else NULL; it lives as long as the reply's arena. It is read when it is
 * first asked for: of many answers the status says it all. */
struct json_object *reply_json(const struct reply *reply);
/* The header's value, .len 0 when absent; ASCII case does not matter. */
span reply_header(const struct reply *reply, const char *name);

/* ---- destinations ---- */

/* A vendor's address and how to be let in, made from the configuration once. */
struct destination_settings {
    const char *base_url;
    struct secret authorization; /* the value of the Authorization header; the engine closes it */
    int64_t timeout_ms;
};

/* At most .most in any .window_ms: what a vendor says of its calls. Declared as data beside the
 * vendor's api; the engine keeps it, together with every process of the same credential. */
struct limit {
    const char *class; /* of calls: a method, or a word that ask puts in call->budget_class; NULL:
                          every call that names a budget_key */
    int64_t most;      /* calls, or whatever call->budget_cost counts */
    int64_t window_ms; /* 0: in one call */
    int64_t cost_max;  /* of one call; 0: one */
    bool by_key;       /* for each call->budget_key apart */
    size_t setting;    /* where in struct config an int64_t stands that replaces .most (0: no
                          limit); LIMIT_FIXED: nowhere */
};

#define LIMIT_FIXED ((size_t)-1)

/* What a 429 is about. */
enum limit_scope { LIMIT_SCOPE_CLASS, LIMIT_SCOPE_KEY, LIMIT_SCOPE_ALL };

struct destination_kind {
    const char *name;
    const struct limit *limits; /* NULL: none is known */
    size_t limit_count;
    /* Which limit a 429 speaks of, by the vendor's own header; NULL: its class's. */
    enum limit_scope (*limited)(const struct reply *reply);
    MUST_USE struct err (*open)(const struct config *config, struct destination_settings *out);
    /* The vendor's own words for a refusal, shortened; nothing of a person. */
    void (*explain)(const struct reply *reply, struct buf *out);
    /* True when this vendor means something else than the verdict table; `effect`: a stage with
     * doubt. May be NULL. */
    bool (*override)(const struct reply *reply, bool effect, struct step *out);
};

/* ---- the table ---- */

#define STAGE_READ   (-1) /* as .doubt: changes nothing, may be repeated */
#define STAGE_NOBODY (-2) /* as .doubt: an effect, and nobody can be asked whether it happened */

/* A kind of effect of which an accident could make too many. */
struct blast {
    const char *name;
    size_t setting; /* where in struct config an int64_t says how many an hour; 0: any number */
};

struct stage { /* one question to one peer */
    const char *name;
    const struct destination_kind *to; /* NULL: a script */
    MUST_USE struct err (*ask)(struct item *item, struct call *call);
    struct step (*answered)(struct item *item, const struct reply *reply);
    int doubt; /* the stage that finds out whether this effect happened, or STAGE_* */
    /* An effect that may be written any number of times, as what it writes is all there is to see
     * of it (an attribute, a field): only such effects are repeated by a redo, which passes over
     * the others to the next row. */
    bool repeatable;
    const struct blast *blast; /* an effect of this kind; NULL: of none that is counted */
};

struct worker {
    const char *name; /* consumer group suffix, metric label, ledger prefix */
    const char *topic;
    const char *help;
    const struct stage *stages;
    size_t stage_count;
    /* Makes the record's item number job->made (effect_id, order_key, part) or answers *made =
     * false at the end. The same one may be asked for again, when there was no room for it, and
     * earlier ones: it is the same then. job->state NULL: the record was not read, or is to be read
     * again. ERR_POISON: the record is a dead letter. ERR_RETRY: no memory now. */
    MUST_USE struct err (*itemise)(struct job *job, struct item *next, bool *made);
    /* The item's own part of the record, for its dead letter; nothing of a person. */
    void (*fragment)(const struct item *item, struct buf *out);
    /* A script that takes back what an item began and will never end, before its dead letter is
     * written; NULL: there is nothing to take back. */
    MUST_USE struct err (*bury)(struct item *item, struct call *call);
    /* What decides the outcome besides the record: part of the seen bits' names. */
    uint64_t (*digest)(const struct config *config);
};

/* All workers, by hand, in workers.c. */
const struct worker *const *workers_all(size_t *count);
const struct worker *workers_find(const char *name);

/* ---- for stages ---- */

/* The memo, made when there is none yet. */
struct json_object *item_memo(struct item *item);
/* Memo members. The text is borrowed from the memo; SPAN_NONE when absent. */
span item_memo_text(const struct item *item, const char *name);
void item_memo_set(struct item *item, const char *name, span value);
bool item_memo_flag(const struct item *item, const char *name);
void item_memo_set_flag(struct item *item, const char *name, bool value);
int64_t item_memo_number(const struct item *item, const char *name);
void item_memo_set_number(struct item *item, const char *name, int64_t value);

#endif
