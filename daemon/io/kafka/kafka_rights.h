#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether topics may be read and written
 *
 * No request of Kafka's tells it that this client could send, so it is tried, such that nothing is read and nothing written: a fetch at a
 * partition's end, and a producer's transaction that has been fenced before its first record.
 */
#include "daemon/io/kafka/kafka_client.h"

/* More than a daemon has topics of its own. */
#define KAFKA_TRIED_MAX 16

typedef struct KafkaTried {
    const char *topic; /* one that is there */
    bool is_denied;    /* set by either call */
} KafkaTried;

/* Both return 0, a KAFKA_E_* with a text, or -ENOMEM. The log is the client's. */
MUST_CHECK int kafka_try_read(const Config *config, KafkaLog log, KafkaTried *tried, size_t n, int timeout_ms, char *text);
/*
 * Works on the transactional id <group>.<instance>, and fences whoever has it: the configuration's instance has to be one that no daemon
 * has.
 */
MUST_CHECK int kafka_try_write(const Config *config, KafkaLog log, KafkaTried *tried, size_t n, int timeout_ms, char *text);
