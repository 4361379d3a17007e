/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the intake share: intake.c (consuming), intake_group.c
 * (partitions and the group), intake_loads.c (open records), intake_items.c (their
 * items), intake_room.c (shares of the pool),
 * intake_watch.c (lag), intake_reset.c (offsets that are not as expected),
 * intake_retry.c (records that are taken up again) and intake_alone.c (records
 * that crashed the worker).
 * Nobody else includes this.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_INTAKE_INSIDE_H
#define HEARBACK_CONSUMER_ENGINE_INTAKE_INSIDE_H

#include "common/kafka.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/metrics.h"
#include "consumer/engine/intake.h"
#include "consumer/engine/stash.h"
#include "consumer/engine/suspects.h"

#define INTAKE_BATCH          256
#define INTAKE_BATCH_MAX      4096 /* while catching up */
#define INTAKE_OPEN_MAX       256  /* records opened in a turn */
#define INTAKE_RECORD_MIN     256  /* a prefetch is at most so many bytes in records */
#define INTAKE_WATCH_MS       200
#define INTAKE_METADATA_MS    1000
#define INTAKE_COMMITTED_MS   2000 /* longer, and librdkafka finds out by itself */
#define INTAKE_PARTITIONS_MAX 4096
#define INTAKE_TOPIC_NAME     256
#define INTAKE_DIGEST_LEN     16  /* of an effect id, in hearback_only */
#define INTAKE_IDLE_POLL_MS   100 /* while there is no room: one record, so rebalances are served */
#define INTAKE_PAUSE_AFTER_MS 10000
#define INTAKE_MEMORY_WAIT_MS 60000  /* then a record that cannot be held is a dead letter */
#define INTAKE_HEARD_MS       1000   /* a record is here within that time, when nothing is behind */
#define INTAKE_ALONE_MS       300000 /* a suspect's time alone, and its wait for the others */
#define INTAKE_LATE_WAIT_MS   5000   /* a suspect that waits and is read again is here by then */
#define INTAKE_ARENA_BYTES    (64u << 20)
#define INTAKE_OPEN_BYTES     (64u << 20) /* of open records, which a share may keep waiting */

enum { INTAKE_SOURCE, INTAKE_RETRY, INTAKE_TOPICS };

/* A topic that the worker reads, and what it has, or had, of it. */
struct intake_topic {
    char name[INTAKE_TOPIC_NAME];
    bool retry;
    struct partition *partitions[INTAKE_PARTITIONS_MAX]; /* by id; made when first assigned */
    int32_t partition_count;                             /* as far as we know; 0: not at all */
    struct metric *metric_partitions;
    struct metric *metric_lag;
};

struct intake {
    struct intake_parts parts;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue;
    int event_fd;
    bool joined;
    bool met; /* the group has told us our part at least once */
    bool stopping;
    bool shrank;
    bool caught_up; /* in this turn everything that had come in was taken */
    bool full;      /* between the two marks the answer stays what it was */
    uint64_t digest;
    struct intake_topic topics[INTAKE_TOPICS];
    struct partition *partitions; /* of both topics */
    struct partition *newest;     /* where the last record belonged */
    const rd_kafka_topic_t *newest_topic;
    rd_kafka_message_t *batch[INTAKE_BATCH_MAX]; /* here, since a stack's are zeroed each time */
    struct stash stash;                          /* taken, not yet opened */
    int64_t taken_bytes;                         /* since librdkafka was last woken */
    int64_t taken_records;
    bool catching_up;
    int64_t watched_ms;
    struct load *newest_load; /* all that are open */
    struct load *unmade;      /* loads of which items are to be made, in order */
    struct load **unmade_last;
    bool news;       /* a pass over them may come to something */
    bool swept;      /* no load is open of which the partition is gone, unless all of it is made */
    uint64_t looks;  /* at keys and loads, whether anything could be made of them */
    uint64_t pumped; /* how many had returned to the pool at the last one */
    uint64_t pass;
    size_t tickets;
    size_t loads;
    size_t load_bytes; /* of their messages */
    int64_t polled_ms;
    int64_t short_since_ms;
    bool paused;
    struct suspects suspects;
    struct load *alone; /* the one record that is open: a suspect */
    int64_t alone_until_ms;
    bool held;                /* the first of the stash waits: for a suspect, or for word of them */
    int64_t waiting_since_ms; /* a suspect for the others; 0: none does */
    int64_t late_until_ms;    /* until then a suspect is expected that is read again */
    struct metric *metric_records;
    struct metric *metric_skipped;
    struct metric *metric_catching_up;
    struct metric *metric_waiting;
    struct metric *metric_suspects;
    struct metric *metric_convicted;
    struct metric *metric_lost;
};

/* intake_group.c */
/* NULL: never ours. */
struct partition *intake_partition(struct intake *intake, const char *topic, int32_t id);
struct partition *intake_partition_of(struct intake *intake, const rd_kafka_message_t *m);
/* The partition is ours from now on. */
struct partition *intake_gain(struct intake *intake, const rd_kafka_topic_partition_t *at);
/* The partition's offsets begin anew: what is open of the old ones settles no more. */
void intake_begin(struct intake *intake, struct partition *partition);
void intake_rebalanced(rd_kafka_t *rk, rd_kafka_resp_err_t err,
                       rd_kafka_topic_partition_list_t *partitions, void *opaque);
/* A shortage that lasts pauses the partitions: nothing is fetched, rebalances are still served. */
void intake_pause(struct intake *intake, bool paused);

/* intake_loads.c */
void intake_open(struct intake *intake, struct partition *partition, rd_kafka_message_t *message);
/* The end of a load of which no item is open; frees it. */
void intake_settled(struct intake *intake, struct load *load);

/* What came of making a load's items. */
enum made {
    MADE_ALL,
    MADE_WAITS,    /* the others wait in the lines of their keys: later records may go on */
    MADE_BARS,     /* which keys the others have is not known: nothing of the partition may go on */
    MADE_NO_PLACE, /* the pool is used up */
    MADE_NEVER,    /* the record is given up, and what waited of it is gone */
};

/* intake_items.c */
/* Makes items of open records while there is room. */
void intake_pump(struct intake *intake);
/* The load's item number `index`, into `item`. */
MUST_USE struct err intake_itemise(struct intake *intake, struct load *load, size_t index,
                                   struct item *item, bool *made);
/* All items of the load were made: were they those that a retry record asked for? */
void intake_say_missing(struct load *load);
bool intake_item_wanted(const struct intake *intake, const struct item *item);
void intake_admit(struct intake *intake, struct load *load, size_t index, struct work *work);
/* The record becomes a dead letter. */
void intake_bury(struct intake *intake, struct load *load, struct err err);
/* Memory was short. True when that went on for so long that the record was buried. */
bool intake_gives_up(struct intake *intake, struct load *load, struct err err);

/* intake_room.c */
bool intake_record_admits(const struct intake *intake, const struct load *load);
/* May an item of this key be made that no ticket stands for? */
bool intake_key_admits(const struct intake *intake, span name);
/* Lists what is still to be made of the load. */
enum made intake_list(struct intake *intake, struct load *load);
/* Makes what can be made of what is listed. */
enum made intake_make_listed(struct intake *intake, struct load *load);
/* The same by key: what has room now that had none. MADE_NO_PLACE, or MADE_ALL. */
enum made intake_make_stirred(struct intake *intake);
/* The next pass looks at the load. */
void intake_list_again(struct intake *intake, struct load *load);
void intake_drop_tickets(struct intake *intake, struct load *load);
/* The load waits: what was read of it may go. */
void intake_forget(struct load *load);

/* intake_reset.c */
/* The partition's next record is not the one expected. */
void intake_jumped(struct intake *intake, struct partition *partition, int64_t offset);
/* The next record was settled before: did the group have an offset? */
void intake_settled_before(const struct partition *partition, int64_t offset);
/* How many partitions the topics have now. */
void intake_count_partitions(struct intake *intake);
/* Is this one of those? */
void intake_check_added(const struct partition *partition);

/* intake_watch.c */
/* Once a turn: lag, catching up or not, and librdkafka when it sleeps. */
void intake_watch(struct intake *intake, int64_t now);

/* intake_retry.c */
/* What the headers of a retry record say; ERR_POISON: they cannot be followed. */
MUST_USE struct err intake_retry_read(struct job *job, rd_kafka_headers_t *headers);
/* Is the effect among those wanted of the record? */
bool intake_retry_wants(const struct job *job, span effect_id);
/* intake_replay.c */
/* Assigns what the replay is to read, instead of joining the group. ERR_RETRY: Kafka is away. */
MUST_USE struct err intake_replay_begin(struct intake *intake);
/* Is the item, or its record, what the replay was asked for? */
bool intake_replay_wants(const struct replay *replay, const struct item *item);
/* The end of the partition, or of what is to be read of it, was reached. */
void intake_ended(struct intake *intake, const rd_kafka_message_t *m);

span intake_header(const rd_kafka_headers_t *headers, const char *name);

/* intake_alone.c */
void intake_alone_init(struct intake *intake);
/* True when the record must not be opened now. */
bool intake_must_wait(struct intake *intake, const rd_kafka_message_t *message);
/* The same for one that was read again. */
bool intake_late_must_wait(struct intake *intake, const rd_kafka_message_t *message);
/* True while nothing more is to be read, for a suspect's sake. Every turn. */
bool intake_holds(struct intake *intake);
/* The load is opened, is freed, is settled (with the partition still ours). */
void intake_alone_opened(struct intake *intake, struct load *load);
void intake_alone_closed(struct intake *intake, struct load *load);
void intake_alone_settled(struct intake *intake, struct load *load);

#endif
