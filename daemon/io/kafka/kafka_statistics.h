#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka Statistics
 *
 * What librdkafka tells of a client every now and then, as JSON: the figures of it that somebody who runs scored wants to see. Pure.
 */
#include "daemon/io/json/json_reader.h"

/* More are connected to, too, but not told of one by one. */
#define KAFKA_STATISTICS_BROKERS_MAX 64
/* Of a state's name, with its NUL. */
#define KAFKA_STATISTICS_STATE_SIZE 32

typedef struct BrokerStatistics {
    int64_t id;
    int64_t rtt_mean_us, rtt_p99_us; /* 0: no answer within the window */
} BrokerStatistics;

typedef struct KafkaStatistics {
    BrokerStatistics brokers[KAFKA_STATISTICS_BROKERS_MAX]; /* that have an id */
    size_t n_brokers;
    int64_t n_known, n_up; /* with an id; and of those */
    bool is_connected;     /* to any, also one whose id is not known yet */
    int64_t n_send_errors, n_receive_errors, n_timeouts, n_disconnects; /* of all brokers */
    int64_t sent_bytes, received_bytes, sent_messages, received_messages;
    int64_t queue_messages, queue_bytes; /* a producer's own, a consumer's fetched ones */
    int64_t reply_queue;
    bool has_group;
    bool is_joined; /* a member, and no rebalance under way */
    int64_t n_rebalances;
    char transaction_state[KAFKA_STATISTICS_STATE_SIZE]; /* empty: no transactional producer */
} KafkaStatistics;

/* 0, JSON_E_SYNTAX or -ENOMEM; *ret is set on 0 only. What librdkafka does not tell is 0. */
MUST_CHECK int kafka_statistics_parse(JsonReader *reader, Str json, KafkaStatistics *ret);
