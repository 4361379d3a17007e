/* SPDX-License-Identifier: Apache-2.0
 *
 * A tiny worker with one stage of each kind, and the vendor it works on:
 *   find    READ     GET  /find/EFFECT    found → keep, else → create
 *   create  ?find    POST /create/EFFECT  → keep
 *   keep    script                        → tell
 *   tell    ?NOBODY  POST /tell/EFFECT    done
 * The vendor counts what really happened, whatever it answers.
 */
#ifndef HEARBACK_TESTS_COMPONENT_ENGINE_ERRAND_H
#define HEARBACK_TESTS_COMPONENT_ENGINE_ERRAND_H

#include "tests/component/engine/rig.h"

extern const struct worker errand;

/* Its parts that are the same for whatever does other errands: */
struct err errand_open(const struct config *config, struct destination_settings *out);
struct err errand_itemise(struct job *job, struct item *next, bool *made); /* none: see rig_admit */
void errand_fragment(const struct item *item, struct buf *out);
uint64_t errand_digest(const struct config *config);

#define VENDOR_EFFECTS_MAX 64

struct vendor {
    struct {
        char effect[64];
        int created;
        int told;
    } effects[VENDOR_EFFECTS_MAX];
    size_t count;
    char log[4096]; /* "GET /find/a;POST /create/a;" in the order answered */
};

/* Does what the call asks and answers it. */
void vendor_answer(struct vendor *vendor, struct rig *rig, struct transfer *transfer);
/* Does what the call asks; the answer is `answer`. */
void vendor_does(struct vendor *vendor, struct rig *rig, struct transfer *transfer,
                 struct fake_answer answer);
/* Answers everything until nothing is asked any more; waits are moved over, `ms` at most. */
void vendor_serve(struct vendor *vendor, struct rig *rig, int64_t ms);
int vendor_created(const struct vendor *vendor, const char *effect);
int vendor_told(const struct vendor *vendor, const char *effect);

/* ---- a bench with a Redis of its own, and one rig of this worker on it ---- */

struct bench {
    struct redis_server server;
    redisContext *plain;
    struct clock_fake time;
    struct rig rig;
    struct vendor vendor;
};

int bench_open(void **state);
int bench_close(void **state);

/* The same bench with this worker instead, or dry. Nothing may be open. */
void bench_stages(struct bench *bench, const struct worker *worker, bool dry);

/* "intended:create", "next:keep", "done:told", "dead:http_400", "" without a record. */
const char *bench_record(struct bench *bench, const char *effect, const char *key);
/* What the lease's field holds, "" without. */
const char *bench_lease(struct bench *bench, const char *key, const char *field);
/* The one open call must be this one. */
struct transfer *bench_call(struct rig *rig, const char *what);
/* Redis was emptied: restored from what the outbox had acknowledged, under this epoch. */
void bench_restore(struct bench *bench, struct rig *rig, const char *epoch);

#endif
