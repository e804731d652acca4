/* SPDX-License-Identifier: Apache-2.0 */
/* Each object has a function that is called for each of its members, and takes or skips the value. */
#include "daemon/io/kafka/kafka_statistics.h"

#include <stdio.h>

typedef struct Parser {
    JsonReader *reader;
    KafkaStatistics *statistics;
    BrokerStatistics broker; /* at hand */
    bool is_up;
} Parser;

/* The member's value begins with `token`. 0, JSON_E_SYNTAX or -ENOMEM. */
typedef int (*TakeMember)(Parser *parser, Str name, JsonToken token);

/* Reads the members of an object that has begun; what is no object is skipped. */
static int read_object(Parser *parser, JsonToken token, TakeMember take) {
    if (token != JSON_TOKEN_OBJECT_BEGIN)
        return json_reader_skip(parser->reader, token);
    for (;;) {
        int r = json_reader_next(parser->reader, &token);
        if (r != 0 || token == JSON_TOKEN_OBJECT_END)
            return r;
        Str name = parser->reader->string;
        r = json_reader_next(parser->reader, &token);
        if (r == 0)
            r = take(parser, name, token);
        if (r != 0)
            return r;
    }
}

/* Where the figures of an object go. */
typedef struct Place {
    const char *name;
    int64_t *sum;
} Place;

/* Adds the value to its place, if it has one; else skips it. */
static int take_figure(Parser *parser, Str name, JsonToken token, const Place *places, size_t n) {
    for (size_t i = 0; i < n && token == JSON_TOKEN_INTEGER; i++)
        if (str_eq_c(name, places[i].name)) {
            *places[i].sum += parser->reader->integer;
            return 0;
        }
    return json_reader_skip(parser->reader, token);
}

static int take_rtt(Parser *parser, Str name, JsonToken token) {
    const Place places[] = {{"avg", &parser->broker.rtt_mean_us}, {"p99", &parser->broker.rtt_p99_us}};
    return take_figure(parser, name, token, places, ARRAY_SIZE(places));
}

static int take_broker_member(Parser *parser, Str name, JsonToken token) {
    KafkaStatistics *s = parser->statistics;
    const Place places[] = {
            {"nodeid", &parser->broker.id},
            {"txerrs", &s->n_send_errors},
            {"rxerrs", &s->n_receive_errors},
            {"req_timeouts", &s->n_timeouts},
            {"disconnects", &s->n_disconnects},
    };
    if (str_eq_c(name, "rtt"))
        return read_object(parser, token, take_rtt);
    if (str_eq_c(name, "state") && token == JSON_TOKEN_STRING) {
        parser->is_up = str_eq_c(parser->reader->string, "UP");
        return 0;
    }
    return take_figure(parser, name, token, places, ARRAY_SIZE(places));
}

static int take_broker(Parser *parser, Str name, JsonToken token) {
    KafkaStatistics *s = parser->statistics;
    (void)name;
    parser->broker = (BrokerStatistics){0};
    parser->is_up = false;
    int r = read_object(parser, token, take_broker_member);
    s->is_connected |= parser->is_up;
    if (r != 0 || parser->broker.id < 0) /* one that was configured and not met, or a role that a broker has */
        return r;
    s->n_known++;
    s->n_up += parser->is_up;
    if (s->n_brokers < ARRAY_SIZE(s->brokers))
        s->brokers[s->n_brokers++] = parser->broker;
    return 0;
}

static int take_partition_member(Parser *parser, Str name, JsonToken token) {
    const Place places[] = {{"fetchq_cnt", &parser->statistics->queue_messages}, {"fetchq_size", &parser->statistics->queue_bytes}};
    return take_figure(parser, name, token, places, ARRAY_SIZE(places));
}

static int take_partition(Parser *parser, Str name, JsonToken token) {
    (void)name;
    return read_object(parser, token, take_partition_member);
}

static int take_topic_member(Parser *parser, Str name, JsonToken token) {
    return str_eq_c(name, "partitions") ? read_object(parser, token, take_partition) : json_reader_skip(parser->reader, token);
}

static int take_topic(Parser *parser, Str name, JsonToken token) {
    (void)name;
    return read_object(parser, token, take_topic_member);
}

static int take_group_member(Parser *parser, Str name, JsonToken token) {
    const Place places[] = {{"rebalance_cnt", &parser->statistics->n_rebalances}};
    parser->statistics->has_group = true;
    if (str_eq_c(name, "join_state") && token == JSON_TOKEN_STRING) {
        parser->statistics->is_joined = str_eq_c(parser->reader->string, "steady");
        return 0;
    }
    return take_figure(parser, name, token, places, ARRAY_SIZE(places));
}

static int take_eos_member(Parser *parser, Str name, JsonToken token) {
    char *state = parser->statistics->transaction_state;
    if (!str_eq_c(name, "txn_state") || token != JSON_TOKEN_STRING)
        return json_reader_skip(parser->reader, token);
    (void)snprintf(state, KAFKA_STATISTICS_STATE_SIZE, "%.*s", STR_FMT(parser->reader->string));
    return 0;
}

static int take_client_member(Parser *parser, Str name, JsonToken token) {
    KafkaStatistics *s = parser->statistics;
    const Place places[] = {
            {"tx_bytes", &s->sent_bytes},
            {"rx_bytes", &s->received_bytes},
            {"txmsgs", &s->sent_messages},
            {"rxmsgs", &s->received_messages},
            {"msg_cnt", &s->queue_messages},
            {"msg_size", &s->queue_bytes},
            {"replyq", &s->reply_queue},
    };
    static const struct {
        const char *name;
        TakeMember take;
    } objects[] = {{"brokers", take_broker}, {"topics", take_topic}, {"cgrp", take_group_member}, {"eos", take_eos_member}};
    for (size_t i = 0; i < ARRAY_SIZE(objects); i++)
        if (str_eq_c(name, objects[i].name))
            return read_object(parser, token, objects[i].take);
    return take_figure(parser, name, token, places, ARRAY_SIZE(places));
}

int kafka_statistics_parse(JsonReader *reader, Str json, KafkaStatistics *ret) {
    KafkaStatistics statistics = {0};
    Parser parser = {.reader = reader, .statistics = &statistics};
    JsonToken token;
    json_reader_start(reader, json);
    int r = json_reader_next(reader, &token);
    if (r == 0)
        r = read_object(&parser, token, take_client_member);
    if (r == 0)
        *ret = statistics;
    return r;
}
