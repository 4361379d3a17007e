/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole door in this process, on a free port, before a mock cluster in this
 * process or a real Kafka (HEARBACK_KAFKA), and a client that knocks with libcurl.
 */
#ifndef HEARBACK_TESTS_COMPONENT_TEST_DOOR_KIT_H
#define HEARBACK_TESTS_COMPONENT_TEST_DOOR_KIT_H

#include "tests/unit/producer/cmocka_kit.h"

#include "common/config.h"
#include "common/kafka.h"
#include "producer/door.h"

#include <curl/curl.h>
#include <librdkafka/rdkafka_mock.h>

#define SECRET "Jefe"
#define HOOK   "/hooks/research"
#define INTERVIEW                                                                                  \
    "{\"event\":\"interview.analysis_ready\",\"study_id\":\"s\",\"interview_id\":\"i\"}"
#define KNOCK_HEADERS_MAX 4

struct stage {
    struct config config;
    struct door *door;
    uint16_t port;
    rd_kafka_t *rk;                /* the test's own, for counting */
    rd_kafka_mock_cluster_t *mock; /* NULL before a real Kafka */
};

/* Is there a real Kafka? Says that it is skipped when not. */
bool stage_has_kafka(void);
/* A cluster with our topic (unless `empty`) and a configuration; change it before stage_open. */
void stage_init(struct stage *stage, bool real, bool empty);
/* Starts the door; stage_ready also waits until it takes interviews. */
void stage_open(struct stage *stage);
void stage_ready(struct stage *stage);
void stage_close(struct stage *stage);

/* One above the last offset of a partition of the interviews. */
int64_t stage_end(const struct stage *stage, int32_t partition);
/* All records that the topic ever took. */
int64_t stage_records(const struct stage *stage);
int64_t stage_metric(const char *name, const char *label, const char *value);

struct knock {
    const char *method; /* NULL: POST */
    const char *path;   /* NULL: HOOK */
    const char *body;
    const char *signs; /* with this secret; NULL: unsigned */
    const char *headers[KNOCK_HEADERS_MAX];
    bool chunked;
};

struct heard {
    CURLcode code;
    long status;
    double seconds;
    char retry_after[16];
    char allow[32];
    char content_type[64];
    char nosniff[16];
    char body[2048];
    size_t body_len;
    /* the client's own */
    CURL *curl;
    struct curl_slist *headers;
    const char *left; /* of a chunked body */
    char *sent;
};

/* Prepares; knock_take reads what curl_easy_perform or a multi handle brought, and frees. */
void knock_begin(const struct stage *stage, const struct knock *knock, struct heard *heard);
void knock_take(struct heard *heard);
struct heard knock(const struct stage *stage, const struct knock *knock);

/* A connected socket to the door. */
int stage_connect(const struct stage *stage);

#endif
