/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP calls to destinations, through curl's multi interface on the loop's own
 * epoll. A request body goes out through a read callback that cannot rewind, so
 * that libcurl never sends a POST twice on its own. Replies are bounded. What a
 * call came to is told from calls_turn, never from inside a callback of curl.
 */
#ifndef HEARBACK_CONSUMER_ENGINE_CALLS_H
#define HEARBACK_CONSUMER_ENGINE_CALLS_H

#include "consumer/engine/breaker.h"
#include "consumer/engine/budgets.h"
#include "consumer/worker.h"

#define CALLS_HEADERS_MAX      64
#define DESTINATION_GATES_MAX  8
#define DESTINATION_STAGES_MAX 16
#define REFUSALS_KEYS          16

struct curl_slist;
struct work;

/* The calls of one class to a destination: those that wait to begin, in order, and those that have
 * all that they need but a place in the class's budget. stages_gates.c owns it. */
struct gate {
    const char *class;
    struct destination *to;
    struct stages *home;
    int64_t cost_max; /* of one call; 0: not known */
    bool limited;     /* it has a budget */
    struct budget budget;
    struct budget_rule key_rule; /* of one key's calls; no interval: no limit */
    struct work *waiting;
    struct work **waiting_last;
    int64_t waiting_cost;
    struct work *ready;
    struct work **ready_last;
    int64_t admitted;      /* cost of the calls that began and were not sent */
    int64_t prepare_ms;    /* what comes before a call took lately, on average */
    unsigned refused;      /* 429s in a row */
    int64_t held_until_ms; /* after one, without a budget */
    struct timer wake;
    struct metric *queue; /* gauge: waiting */
};

/* What came of a stage's calls. Each stage has its own: that something may be read does not mean
 * that it may be written. */
struct standing {
    /* Since the last success. Refusals for different order keys: a ticket that the vendor does not
     * like is refused for each of its interviews. */
    int64_t refusals;
    uint64_t refused[REFUSALS_KEYS]; /* whose they were, as hashes; beyond those all are counted */
    size_t refused_count;
    int64_t failures;
    uint64_t failer;   /* of which item the failures are, by serial; 0: there is none */
    bool several;      /* of more than that one */
    int64_t proved_ms; /* when the last call that was a success was sent */
};

/* A vendor as the engine sees it. */
struct destination {
    const struct destination_kind *kind;
    struct destination_settings settings;
    struct curl_slist *headers;
    struct breaker breaker;
    struct timer probe;
    struct standing standings[DESTINATION_STAGES_MAX]; /* by stage */
    /* Of which nothing came while others went through, and so it opened the breaker; NULL: nothing
     * came of any, or it is closed. */
    const struct stage *culprit;
    int64_t calls_out;
    int64_t calls_max;
    uint8_t salt[BUDGET_SALT_BYTES]; /* a digest of its address and login: names its budgets */
    struct gate gates[DESTINATION_GATES_MAX];
    size_t gate_count;
    int64_t held_until_ms; /* after a 429 about all of its calls */
    struct stages *home;   /* while its probe's timer is set */
    size_t items;          /* of order keys of which the first is here; see intake_room.c */
};

struct transfer {
    /* The request; spans and method live until done is called. */
    struct destination *to;
    const char *method;
    span path;
    span body;
    void (*done)(void *self, struct transfer *transfer);
    /* Asked as the request goes out, which may be long after start: a connection is made first, and
     * the process may have been stopped. False: it is not sent. NULL: always. */
    bool (*may_send)(void *self);
    void *self;

    /* What came of it; lives until transfer_close. */
    int transport; /* CURLcode */
    bool reached;  /* the connection stood: the request may have been seen */
    bool withheld; /* may_send said no: not all of the request went out, so nothing happened */
    int status;
    struct buf reply_body;
    struct arena arena;           /* of the headers */
    struct reply_header *headers; /* in the arena */
    size_t header_count;

    /* Private to calls.c. */
    struct transfer *next;
    void *easy;
    size_t body_sent;
    size_t head_bytes;
    bool begun;    /* a request went out, or was about to */
    bool repeated; /* and libcurl was about to send it again */
};

/* Who makes calls: curl here, a model in the simulation. */
struct caller {
    void (*start)(void *self, struct transfer *transfer);
    void (*abort)(void *self, struct transfer *transfer); /* done is not called any more */
    void *self;
};

struct calls;

/* `tag` marks its descriptors in the epoll set: data.u64 is tag << 32 | descriptor. */
MUST_USE struct err calls_new(int epoll_fd, uint32_t tag, int64_t calls_max, struct calls **out);
void calls_free(struct calls **at); /* every call has ended or was aborted */
struct caller calls_interface(struct calls *calls);

void calls_ready(struct calls *calls, int fd, uint32_t events);
/* Serves curl's time-outs and tells of finished calls. Returns milliseconds until it wants to be
 * called again, -1 when it does not. */
int64_t calls_turn(struct calls *calls, int64_t now_ms);
/* Sends what was started in this turn, which would else wait for the next one. Returns the same. */
int64_t calls_begin(struct calls *calls, int64_t now_ms);

void transfer_init(struct transfer *transfer, int64_t reply_bytes_max);
void transfer_close(struct transfer *transfer);
/* One header of the reply; name and value are not copied. Beyond the maximum they are left out. */
void transfer_add_header(struct transfer *transfer, span name, span value);

/* Opens each destination the worker's stages name, once. The caller closes them in any case. */
MUST_USE struct err destination_open(struct destination *to, const struct destination_kind *kind,
                                     const struct config *config);
void destination_close(struct destination *to);

#endif
