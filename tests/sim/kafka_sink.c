/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transactional producers that take turns, in place of daemon/io/kafka/kafka_sink.c. Records are on their way until the commit waits for
 * them.
 */
#include "daemon/io/kafka/kafka_sink.h"

#include <stdio.h>

#include "lib/base/arena.h"
#include "lib/calendar/timestamp.h"
#include "lib/shard/shard_message.h"
#include "tests/sim/adapters.h"
#include "tests/sim/scenario.h"

/* As the real one: see there. */
#define TRANSACTION_MS 10000
/* How late a request that nobody waits for any more may arrive. */
#define LATE_MS 15000

/* One of those that take turns. */
typedef struct Client {
    Producer *producer;
    int64_t epoch;
} Client;

/* Records of one transaction. */
typedef struct Queue {
    NewRecord *records;
    size_t n, n_alloc, n_sent;
    const Client *client;
} Queue;

struct KafkaSink {
    const Config *config;
    Client clients[KAFKA_SINK_CLIENTS];
    int64_t deadline_ms; /* of the transaction that the broker has */
    Queue open, closed;
    bool is_closed; /* one is, and not finished yet */
    SourceMembership membership; /* and offsets of the closed one */
    const Inputs *inputs;
    ShardOffsets *offsets;
    size_t n_offsets;
};

static int init(const Config *config, Client *client, const char *suffix, int64_t until_ms) {
    char id[256];
    (void)snprintf(id, sizeof(id), "%s.%s%s", config->group, config->instance, suffix);
    client->producer = broker_producer(id);
    producer_init(client->producer);
    client->epoch = client->producer->epoch;
    while (!producer_is_settled(client->producer)) {
        world_pass(POINT_INIT, 1, 20);
        if (world.now_ms > until_ms)
            return KAFKA_E_TIMEOUT;
    }
    world_pass(POINT_INIT, 0, 2);
    return 0;
}

int kafka_sink_new(const Config *config, const KafkaSinkHandlers *handlers, int timeout_ms, char *text, KafkaSink **ret) {
    (void)handlers;
    int64_t until_ms = world.now_ms + timeout_ms;
    KafkaSink *sink = world_alloc(1, sizeof(*sink));
    sink->config = config;
    for (unsigned i = 0; i < KAFKA_SINK_CLIENTS; i++) {
        int r = adapter_go_to_kafka(POINT_INIT, (int)MAX(until_ms - world.now_ms, 1), text);
        if (r == 0)
            r = init(config, &sink->clients[i], i ? CONFIG_SECOND_PRODUCER : "", until_ms);
        if (r != 0)
            return r;
    }
    sink->open.client = &sink->clients[0];
    *ret = sink;
    return 0;
}

KafkaSink *kafka_sink_free(KafkaSink *sink) {
    (void)sink;
    return NULL;
}

void kafka_sink_serve(KafkaSink *sink) {
    (void)sink;
}

int kafka_sink_begin(KafkaSink *sink, char *text) {
    (void)text;
    sink->open = (Queue){.client = sink->open.client};
    return 0;
}

static int fenced(const Client *client, char *text) {
    (void)snprintf(text, KAFKA_TEXT_SIZE, "%s is fenced", client->producer->id);
    return KAFKA_E_FATAL;
}

/* The markers of the client's transaction before are still on their way: CONCURRENT_TRANSACTIONS. */
static int wait_settled(const KafkaSink *sink, const Client *client, char *text) {
    while (client->producer->epoch == client->epoch && client->producer->transaction &&
            client->producer->transaction->state != TRANSACTION_OPEN && !producer_is_settled(client->producer)) {
        if (world.now_ms > sink->deadline_ms) {
            (void)snprintf(text, KAFKA_TEXT_SIZE, "the transaction before does not end");
            return KAFKA_E_ABORT;
        }
        world_pass(POINT_SEND, 1, 10);
    }
    return 0;
}

/* The way to the broker within the transaction's time. */
static int go(const KafkaSink *sink, Point point, char *text) {
    int r = adapter_go_to_kafka(point, MAX(sink->deadline_ms - world.now_ms, 1), text);
    return r == KAFKA_E_TIMEOUT ? KAFKA_E_ABORT : r;
}

/* Up to `most` of the records that wait. */
static int send_some(KafkaSink *sink, Queue *queue, size_t most, char *text) {
    if (queue->n_sent == 0)
        sink->deadline_ms = world.now_ms + TRANSACTION_MS;
    int r = go(sink, POINT_SEND, text);
    if (r == 0)
        r = wait_settled(sink, queue->client, text);
    if (r != 0)
        return r;
    for (size_t i = 0; i < most && queue->n_sent < queue->n; i++)
        if (!producer_send(queue->client->producer, queue->client->epoch, &queue->records[queue->n_sent++]))
            return fenced(queue->client, text);
    return 0;
}

/* What is kept of a footer, or of what shards tell each other, for people. */
static void trace_record(const NewRecord *record) {
    static const char *const kinds[] = {[MESSAGE_WATERMARK] = "watermark", [MESSAGE_TOUCH] = "touch", [MESSAGE_LEAVE] = "leave",
            [MESSAGE_ENTRY] = "entry", [MESSAGE_MERGE] = "merge", [MESSAGE_EVENT] = "event", [MESSAGE_UNNAME] = "unname", [MESSAGE_PROGRESS] = "progress"};
    _cleanup_(arena_free) Arena *arena = NULL;
    ShardMessage message;
    char text[128] = "";
    if (!world.is_verbose || arena_new(&arena) < 0)
        return;
    if (strstr(record->partition->topic->name, ".internal") && shard_message_unpack(record->value, arena, &message) == 0)
        (void)snprintf(text, sizeof(text), "%s of shard %d, %lld", kinds[message.kind], (int)message.from_shard,
                (long long)(message.at_ms > 0 ? world_since_begin(message.at_ms) : message.offset));
    world_trace("sends %s [%d] %.*s %s%s", record->partition->topic->name, (int)record->partition->number, STR_FMT(record->key), text,
            record->value.data ? "" : "null");
}

static int64_t find_decided_at(const KafkaHeader *headers, size_t n) {
    int64_t at_ms = TIME_NONE;
    for (size_t i = 0; i < n; i++)
        if (strcmp(headers[i].name, "scored_decided_at") == 0 && !timestamp_parse(headers[i].value, &at_ms))
            world_fail("scored_decided_at is no time");
    return at_ms;
}

int kafka_sink_produce(KafkaSink *sink, const char *topic, int32_t partition, Str key, Str value, const KafkaHeader *headers, size_t n_headers,
        int64_t *ret_offset, char *text) {
    Topic *found = broker_topic(topic);
    if (!found)
        return KAFKA_E_UNKNOWN;
    if (partition < 0)
        partition = kafka_partition_of(sink->config, key, found->n_partitions);
    if (partition < 0)
        partition = (int32_t)chance_between(&world.chance, 0, found->n_partitions - 1);
    Queue *queue = &sink->open;
    queue->records = world_grow(queue->records, &queue->n_alloc, queue->n, sizeof(NewRecord));
    /* Copied before anybody else runs: the caller's buffers may be shared. */
    queue->records[queue->n++] = (NewRecord){.partition = adapter_partition(topic, partition), .key = world_copy(key),
            .value = world_copy(value), .decided_at_ms = find_decided_at(headers, n_headers), .ret_offset = ret_offset};
    trace_record(&queue->records[queue->n - 1]);
    if (sink->is_closed || !chance_percent(&world.chance, 3))
        return 0;
    return send_some(sink, queue, (size_t)chance_between(&world.chance, 1, 20), text);
}

static int deliver(KafkaSink *sink, char *text) {
    int r = 0;
    while (r == 0 && sink->closed.n_sent < sink->closed.n)
        r = send_some(sink, &sink->closed, (size_t)chance_between(&world.chance, 1, 200), text);
    return r;
}

/* --- offsets ----------------------------------------------------------------------------------------- */

static int send_shard_offsets(const Client *client, const Inputs *inputs, const ShardOffsets *offsets, char *text) {
    for (unsigned i = 0; i < inputs->n; i++) {
        int32_t number = inputs_partition(inputs, i, offsets->shard);
        if (number < 0 || offsets->offsets[i] < 0)
            continue;
        PendingOffset offset = {adapter_partition(inputs->inputs[i].topic, number), offsets->offsets[i],
                world_copy(str_from(offsets->metadata)).data};
        if (!producer_send_offset(client->producer, client->epoch, &offset))
            return fenced(client, text);
    }
    return 0;
}

static int send_offsets(KafkaSink *sink, char *text) {
    if (sink->closed.n_sent == 0)
        sink->deadline_ms = world.now_ms + TRANSACTION_MS;
    int r = go(sink, POINT_OFFSETS, text);
    if (r == 0)
        r = wait_settled(sink, sink->closed.client, text);
    if (r != 0)
        return r;
#ifndef PLANTED_UNFENCED
    if (!group_has(sink->membership.member_id, sink->membership.generation)) {
        (void)snprintf(text, KAFKA_TEXT_SIZE, "the group has gone on without it");
        return KAFKA_E_ABORT;
    }
#endif
    for (size_t i = 0; i < sink->n_offsets && r == 0; i++)
        r = send_shard_offsets(sink->closed.client, sink->inputs, &sink->offsets[i], text);
    return r;
}

/* --- the end ----------------------------------------------------------------------------------------- */

static void end_late(void *userdata) {
    const Client *client = userdata;
    bool is_done = producer_end(client->producer, client->epoch, true);
    world_trace("-- a late commit of %s %s", client->producer->id, is_done ? "counts" : "is refused");
}

/* The request, or its answer, is lost; or the request comes late. Nobody knows. */
static int lose(KafkaSink *sink, char *text) {
    Client *client = world_alloc(1, sizeof(*client));
    *client = *sink->closed.client;
    (void)snprintf(text, KAFKA_TEXT_SIZE, "the commit was not answered");
    switch (chance_between(&world.chance, 0, 2)) {
    case 0:
        end_late(client);
        break;
    case 1:
        world_at(world.now_ms + chance_between(&world.chance, 0, LATE_MS), end_late, client);
        break;
    default:
        break;
    }
    world_pass(POINT_COMMITTED, 0, 1000);
    return KAFKA_E_FATAL;
}

static int end_transaction(KafkaSink *sink, char *text) {
    world_pass(POINT_COMMIT, 0, 2);
    if (!process_reaches_kafka(world.current))
        return lose(sink, text);
    if (chance_percent(&world.chance, adapter_faults.lost_commits_percent)) {
        fault_counts[FAULT_LOST]++;
        return lose(sink, text);
    }
    if (!producer_end(sink->closed.client->producer, sink->closed.client->epoch, true))
        return fenced(sink->closed.client, text);
    world_trace("commits");
    world_pass(POINT_COMMITTED, 0, 2);
    return 0;
}

static void copy_offsets(KafkaSink *sink, const ShardOffsets *shards, size_t n) {
    sink->offsets = world_alloc(n, sizeof(ShardOffsets));
    sink->n_offsets = n;
    for (size_t i = 0; i < n; i++) {
        int64_t *offsets = world_alloc(sink->inputs->n, sizeof(*offsets));
        memcpy(offsets, shards[i].offsets, sink->inputs->n * sizeof(*offsets));
        sink->offsets[i] = (ShardOffsets){shards[i].shard, offsets, world_copy(str_from(shards[i].metadata)).data};
    }
}

int kafka_sink_close(KafkaSink *sink, KafkaSource *source, const ShardOffsets *shards, size_t n, char *text) {
    if (n == 0)
        world_fail("a transaction without offsets");
    if (sink->is_closed)
        world_fail("two transactions at once");
    sink->membership = adapter_membership(source);
    if (sink->membership.generation < 0) {
        (void)snprintf(text, KAFKA_TEXT_SIZE, "it is no member");
        return KAFKA_E_ABORT;
    }
    sink->inputs = kafka_source_inputs(source);
    copy_offsets(sink, shards, n);
    sink->closed = sink->open;
    sink->open = (Queue){.client = &sink->clients[sink->closed.client == sink->clients]};
    sink->is_closed = true;
    return 0;
}

int kafka_sink_finish(KafkaSink *sink, char *text) {
    int r = 0;
#ifdef PLANTED_TWO_TRANSACTIONS
    r = deliver(sink, text);
    if (r == 0)
        r = end_transaction(sink, text);
    sink->closed = (Queue){.client = sink->closed.client};
#endif
    if (r == 0)
        r = deliver(sink, text);
    if (r == 0)
        r = send_offsets(sink, text);
    if (r == 0)
        r = end_transaction(sink, text);
    sink->is_closed = false;
    return r;
}

static int abort_one(Queue *queue) {
    const Client *client = queue->client;
    *queue = (Queue){.client = client};
    bool has_one = client && client->producer->transaction && client->producer->transaction->state == TRANSACTION_OPEN;
    return has_one && !producer_end(client->producer, client->epoch, false) ? KAFKA_E_FATAL : 0;
}

int kafka_sink_abort(KafkaSink *sink, char *text) {
    int r = adapter_go_to_kafka(POINT_COMMIT, TRANSACTION_MS, text);
    int closed = abort_one(&sink->closed), open = abort_one(&sink->open);
    return r || closed || open ? KAFKA_E_FATAL : 0;
}
