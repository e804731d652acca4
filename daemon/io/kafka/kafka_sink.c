/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order within a commit matters for what an error means. First the records, and while they are on their way the offsets, then a wait
 * until every record is acknowledged: a failure of either is known, and the transaction can be aborted. Only then EndTxn is sent, by a
 * rd_kafka_commit_transaction() that has nothing else left to do; whatever it answers but success leaves the outcome unknown, also where
 * librdkafka calls the error abortable.
 *
 * Two clients take turns. The coordinator takes nothing of a client's next transaction, answering CONCURRENT_TRANSACTIONS, until it has
 * written the markers of the one before, some milliseconds after that was told to be committed. The other client need not wait for them, and
 * so its partitions are asked for while its offsets are on the way. Its transaction begins when the one before is known to be committed, as
 * with one client: there is one that may become fact at a time, and their records follow each other in every partition. Readers see them in
 * that order, too: what is stable ends before the first record whose marker is missing.
 *
 * Records are held here until the commit, and handed to librdkafka together. Each partition has to be added to the transaction; librdkafka
 * asks for that within a millisecond of the first record, for all that came meanwhile, and its main thread spins away what is left of that
 * millisecond (the time is rounded down to a wait of 0). Spread over a batch that was several milliseconds of CPU and as many requests.
 */
#include "daemon/io/kafka/kafka_sink.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "daemon/base/clock.h"
#include "daemon/io/kafka/kafka_internal.h"
#include "lib/base/arena.h"

/* More topics than a daemon has outputs. */
#define TOPICS_MAX 64
/* Of one call to librdkafka that is repeated until the transaction's time is over. */
#define STEP_MS 1000
/* Before a retriable error's next try. */
#define RETRY_MS 20
/* After the transaction's time, for the reports of the records that ran out of it: they name the topic. */
#define REPORT_MS 2000
/* What is held at most; beyond it a batch does not fit the processor's caches, and large records need no help. */
#define HELD_BYTES_MAX ((size_t)16 * 1024 * 1024)

/* A topic, with what it has been written since the transaction began. */
typedef struct Topic {
    const char *name; /* the handles' */
    rd_kafka_topic_t *handles[KAFKA_SINK_CLIENTS];
    bool *is_begun; /* by partition: a record for it was held */
    size_t n_begun;
} Topic;

/* A record that is held. */
typedef struct Held {
    unsigned topic; /* index into the sink's */
    int32_t partition;
    Str key, value;
    rd_kafka_headers_t *headers; /* owned; NULL: none, or handed over */
    int64_t *ret_offset;
    bool is_early; /* goes first, see hand_over() */
} Held;

/* A transaction's records that are held, and whether librdkafka knows of it. */
typedef struct Transaction {
    Held *held;
    size_t n_held, n_alloc, n_bytes;
    Arena *arena; /* of their keys and values */
    unsigned client; /* whose it is */
    bool is_begun;
} Transaction;

/* One of those that take turns. */
typedef struct Client {
    KafkaOwner owner;
    KafkaSink *sink;
    rd_kafka_t *rk;
} Client;

struct KafkaSink {
    Client clients[KAFKA_SINK_CLIENTS];
    const Config *config;
    Topic topics[TOPICS_MAX];
    size_t n_topics;
    size_t record_bytes_max; /* key and value of one */
    Transaction open, closed;
    rd_kafka_topic_partition_list_t *offsets; /* of the closed one, and the group as it was then */
    rd_kafka_consumer_group_metadata_t *metadata;
    atomic_bool is_closed; /* one is: all that follows is for who finishes it */
    size_t n_undelivered; /* handed over, and no report yet */
    int64_t deadline_ms; /* of the transaction that librdkafka has */
    bool has_failed;     /* a record of it was not delivered */
    char failure[KAFKA_TEXT_SIZE];
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *owner) {
    (void)rk;
    KafkaSink *sink = ((Client *)owner)->sink;
    sink->n_undelivered--;
    if (!message->err) {
        int64_t *ret_offset = message->_private;
        if (ret_offset)
            *ret_offset = message->offset >= 0 ? message->offset : -1;
        return;
    }
    if (sink->has_failed)
        return;
    sink->has_failed = true;
    kafka_tell(sink->failure, "delivery to %s [%" PRId32 "]: %s", rd_kafka_topic_name(message->rkt),
            message->partition, rd_kafka_err2str(message->err));
}

static rd_kafka_t *client_of(const KafkaSink *sink, const Transaction *t) {
    return sink->clients[t->client].rk;
}

static bool has_fatal_error(rd_kafka_t *rk, char *text) {
    char error[KAFKA_TEXT_SIZE - 64];
    rd_kafka_resp_err_t err = rd_kafka_fatal_error(rk, error, sizeof(error));
    if (err)
        kafka_tell(text, "producer: %s: %s", rd_kafka_err2name(err), error);
    return err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int ask_record_bytes_max(KafkaSink *sink, char *text) {
    char value[32];
    size_t size = sizeof(value);
    if (rd_kafka_conf_get(rd_kafka_conf(sink->clients[0].rk), "message.max.bytes", value, &size) != RD_KAFKA_CONF_OK) {
        kafka_tell(text, "Kafka client: no message.max.bytes");
        return KAFKA_E_CONFIG;
    }
    sink->record_bytes_max = strtoul(value, NULL, 10);
    return 0;
}

/* A call that has timed out goes on in the background, and the next one waits for the same. */
static int init_transactions(Client *client, int64_t deadline_ms, char *text) {
    for (;;) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        rd_kafka_error_t *error = rd_kafka_init_transactions(client->rk, kafka_slice(&client->owner, KAFKA_PATIENCE_MS, left_ms));
        if (!error)
            return 0;
        if (kafka_sort_transaction("init_transactions", error, text) != KAFKA_E_RETRY)
            return KAFKA_E_FATAL;
        if (left_ms <= RETRY_MS || kafka_is_patience_over(&client->owner, client->rk))
            return KAFKA_E_TIMEOUT;
        rd_kafka_poll(client->rk, RETRY_MS);
    }
}

static int new_client(KafkaSink *sink, unsigned no, const KafkaSinkHandlers *handlers, int64_t deadline_ms, char *text) {
    static const KafkaRole roles[KAFKA_SINK_CLIENTS] = {KAFKA_ROLE_PRODUCER, KAFKA_ROLE_SECOND_PRODUCER};
    Client *client = &sink->clients[no];
    *client = (Client){.owner = {.log = handlers->log, .statistics = handlers->statistics[no], .patience = handlers->patience}, .sink = sink};
    int r = kafka_client_new(sink->config, roles[no], &client->owner, (KafkaCallbacks){.delivery = on_delivery}, text, &client->rk);
    return r ? r : init_transactions(client, deadline_ms, text);
}

int kafka_sink_new(const Config *config, const KafkaSinkHandlers *handlers, int timeout_ms, char *text, KafkaSink **ret) {
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    _cleanup_(kafka_sink_free) KafkaSink *sink = calloc(1, sizeof(*sink));
    if (!sink)
        return -ENOMEM;
    sink->config = config;
    int r = arena_new(&sink->open.arena);
    if (!r)
        r = arena_new(&sink->closed.arena);
    for (unsigned i = 0; i < KAFKA_SINK_CLIENTS && !r; i++)
        r = new_client(sink, i, handlers, deadline_ms, text);
    if (!r)
        r = ask_record_bytes_max(sink, text);
    if (r)
        return r;
    *ret = TAKE_PTR(sink);
    return 0;
}

static void drop_held(Transaction *t) {
    for (size_t i = 0; i < t->n_held; i++)
        if (t->held[i].headers)
            rd_kafka_headers_destroy(t->held[i].headers);
    t->n_held = t->n_bytes = 0;
    if (t->arena)
        arena_reset(t->arena);
}

static void drop_offsets(KafkaSink *sink) {
    if (sink->offsets)
        rd_kafka_topic_partition_list_destroy(sink->offsets);
    if (sink->metadata)
        rd_kafka_consumer_group_metadata_destroy(sink->metadata);
    sink->offsets = NULL;
    sink->metadata = NULL;
}

static void free_handles(const Topic *topic) {
    for (unsigned i = 0; i < KAFKA_SINK_CLIENTS; i++)
        if (topic->handles[i])
            rd_kafka_topic_destroy(topic->handles[i]);
}

static void free_transaction(Transaction *t) {
    drop_held(t);
    free(t->held);
    arena_free(t->arena);
}

/*
 * Nothing may be on its way to a broker: rd_kafka_destroy() (from 2.0.2 to 2.15.0 at least) frees what the threads of the brokers
 * still use where an answer says once more that the producer is fenced (rd_kafka_txns_term() comes before they are joined).
 */
static void free_client(const Client *client) {
    if (!client->rk)
        return;
    if (rd_kafka_outq_len(client->rk) > 0)
        (void)rd_kafka_purge(client->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(client->rk);
}

KafkaSink *kafka_sink_free(KafkaSink *sink) {
    if (!sink)
        return NULL;
    free_transaction(&sink->open);
    free_transaction(&sink->closed);
    drop_offsets(sink);
    for (size_t i = 0; i < sink->n_topics; i++) {
        free_handles(&sink->topics[i]);
        free(sink->topics[i].is_begun);
    }
    for (unsigned i = 0; i < KAFKA_SINK_CLIENTS; i++)
        free_client(&sink->clients[i]);
    free(sink);
    return NULL;
}

void kafka_sink_serve(KafkaSink *sink) {
    for (unsigned i = 0; i < KAFKA_SINK_CLIENTS && !sink->is_closed; i++)
        (void)rd_kafka_poll(sink->clients[i].rk, 0);
}

int kafka_sink_begin(KafkaSink *sink, char *text) {
    for (unsigned i = 0; i < KAFKA_SINK_CLIENTS; i++)
        if (has_fatal_error(sink->clients[i].rk, text))
            return KAFKA_E_FATAL;
    drop_held(&sink->open);
    sink->open.is_begun = false;
    for (size_t i = 0; i < sink->n_topics; i++)
        if (sink->topics[i].n_begun)
            memset(sink->topics[i].is_begun, 0, sink->topics[i].n_begun * sizeof(bool));
    return 0;
}

/* Tells librdkafka of it, which has one at a time. */
static int begin(KafkaSink *sink, Transaction *t, char *text) {
    if (t->is_begun)
        return 0;
    sink->has_failed = false;
    sink->deadline_ms = clock_monotonic_ms() + KAFKA_TRANSACTION_TIMEOUT_MS;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(client_of(sink, t));
    if (!error) {
        t->is_begun = true;
        return 0;
    }
    (void)kafka_sort_transaction("begin_transaction", error, text);
    return KAFKA_E_FATAL; /* there is nothing to abort, and no reason for it to fail but a fatal one */
}

/*
 * Asks whether the topic is there. Librdkafka would take records for one that is not, and fail them only when
 * the transaction's time is over.
 */
static int check_topic(rd_kafka_t *rk, rd_kafka_topic_t *handle, const char *name, char *text) {
    int64_t deadline_ms = clock_monotonic_ms() + KAFKA_TRANSACTION_TIMEOUT_MS;
    for (;;) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        const struct rd_kafka_metadata *metadata;
        rd_kafka_resp_err_t err = rd_kafka_metadata(rk, 0, handle, &metadata, (int)MAX(left_ms, 1));
        if (!err) {
            err = metadata->topic_cnt == 1 ? metadata->topics[0].err
                                           : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            rd_kafka_metadata_destroy(metadata);
        }
        int r = kafka_sort(err);
        if (r == 0)
            return 0;
        kafka_tell(text, "topic %s: %s", name, rd_kafka_err2str(err));
        if (r == KAFKA_E_UNKNOWN || r == KAFKA_E_CONFIG)
            return r;
        if (r == KAFKA_E_FATAL || left_ms <= RETRY_MS)
            return KAFKA_E_ABORT;
        clock_sleep_ms(RETRY_MS); /* delivery reports may be another thread's at present */
    }
}

/* *ret is the client's. */
static int new_handle(rd_kafka_t *rk, const char *name, char *text, rd_kafka_topic_t **ret) {
    _cleanup_(kafka_topic_free) rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, name, NULL);
    if (!handle) {
        kafka_tell(text, "topic %s: %s", name, rd_kafka_err2str(rd_kafka_last_error()));
        return KAFKA_E_CONFIG;
    }
    int r = check_topic(rk, handle, name, text);
    if (!r)
        *ret = TAKE_PTR(handle);
    return r;
}

static int topic_add(KafkaSink *sink, const char *name, char *text) {
    if (sink->n_topics == TOPICS_MAX) {
        kafka_tell(text, "more than %d topics to write to", TOPICS_MAX);
        return KAFKA_E_CONFIG;
    }
    Topic topic = {0};
    int r = 0;
    for (unsigned i = 0; i < KAFKA_SINK_CLIENTS && !r; i++)
        r = new_handle(sink->clients[i].rk, name, text, &topic.handles[i]);
    if (r) {
        free_handles(&topic);
        return r;
    }
    topic.name = rd_kafka_topic_name(topic.handles[0]);
    sink->topics[sink->n_topics++] = topic;
    return 0;
}

/* Its index. */
static int find_topic(KafkaSink *sink, const char *name, char *text, unsigned *ret) {
    for (*ret = 0; *ret < sink->n_topics; (*ret)++)
        if (strcmp(sink->topics[*ret].name, name) == 0)
            return 0;
    return topic_add(sink, name, text);
}

static rd_kafka_headers_t *headers_new(const KafkaHeader *headers, size_t n) {
    rd_kafka_headers_t *list = rd_kafka_headers_new(n);
    for (size_t i = 0; i < n; i++)
        (void)rd_kafka_header_add(
                list, headers[i].name, -1, headers[i].value.data, (ssize_t)headers[i].value.len);
    return list;
}

static rd_kafka_resp_err_t enqueue(KafkaSink *sink, unsigned client, Held *held) {
    rd_kafka_vu_t fields[] = {
            {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = sink->topics[held->topic].handles[client]},
            {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = held->partition},
            {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
            {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)held->key.data, held->key.len}},
            {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)held->value.data, held->value.len}},
            {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = held->ret_offset},
            {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = held->headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(sink->clients[client].rk, fields, ARRAY_SIZE(fields) - !held->headers);
    if (!error) {
        held->headers = NULL;
        sink->n_undelivered++;
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_resp_err_t err = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    return err;
}

static int sort_produce(const KafkaSink *sink, unsigned client, const Held *held, rd_kafka_resp_err_t err, char *text) {
    if (has_fatal_error(sink->clients[client].rk, text))
        return KAFKA_E_FATAL;
    kafka_tell(text, "record of %zu bytes to %s [%" PRId32 "]: %s", held->key.len + held->value.len, sink->topics[held->topic].name,
            held->partition, sink->has_failed ? sink->failure : rd_kafka_err2str(err));
    int r = kafka_sort(err);
    return r == KAFKA_E_UNKNOWN || r == KAFKA_E_CONFIG ? r : KAFKA_E_ABORT;
}

static int hand_over_one(KafkaSink *sink, unsigned client, Held *held, char *text) {
    for (;;) {
        rd_kafka_resp_err_t err = enqueue(sink, client, held);
        if (!err)
            return 0;
        bool has_time = clock_monotonic_ms() < sink->deadline_ms && !sink->has_failed;
        if (err != RD_KAFKA_RESP_ERR__QUEUE_FULL || !has_time)
            return sort_produce(sink, client, held, err, text);
        rd_kafka_poll(sink->clients[client].rk, RETRY_MS); /* room comes with the delivery reports */
    }
}

/* The first of each partition before all others: so librdkafka asks for all of them at once. */
static int hand_over(KafkaSink *sink, Transaction *t, char *text) {
    int r = begin(sink, t, text);
    for (int early = 1; early >= 0; early--)
        for (size_t i = 0; i < t->n_held && r == 0; i++)
            if (t->held[i].is_early == early)
                r = hand_over_one(sink, t->client, &t->held[i], text);
    drop_held(t);
    return r;
}

/* Whether it may overtake others: none of them is of its partition. */
static int is_early(Topic *topic, int32_t partition, bool *ret) {
    *ret = true;
    if (partition < 0)
        return 0;
    size_t n = (size_t)partition + 1;
    if (topic->n_begun < n) {
        bool *is_begun = realloc(topic->is_begun, n * sizeof(bool));
        if (!is_begun)
            return -ENOMEM;
        memset(is_begun + topic->n_begun, 0, (n - topic->n_begun) * sizeof(bool));
        topic->is_begun = is_begun;
        topic->n_begun = n;
    }
    *ret = !topic->is_begun[partition];
    topic->is_begun[partition] = true;
    return 0;
}

static int hold(Transaction *t, Held held, Str key, Str value, const KafkaHeader *headers, size_t n_headers) {
    int r = array_reserve(&t->held, &t->n_alloc, t->n_held, sizeof(*t->held));
    if (r)
        return r;
    held.key = arena_str(t->arena, key);
    held.value = arena_str(t->arena, value);
    if (str_is_null(held.key) != str_is_null(key) || str_is_null(held.value) != str_is_null(value))
        return -ENOMEM;
    held.headers = n_headers ? headers_new(headers, n_headers) : NULL;
    t->held[t->n_held++] = held;
    t->n_bytes += sizeof(held) + key.len + value.len;
    return 0;
}

int kafka_sink_produce(KafkaSink *sink, const char *topic_name, int32_t partition, Str key, Str value,
        const KafkaHeader *headers, size_t n_headers, int64_t *ret_offset, char *text) {
    unsigned topic;
    int r = find_topic(sink, topic_name, text, &topic);
    if (r)
        return r;
    if (key.len + value.len > sink->record_bytes_max) {
        kafka_tell(text, "record of %zu bytes to %s [%" PRId32 "]: message.max.bytes is %zu", key.len + value.len, topic_name, partition,
                sink->record_bytes_max);
        return KAFKA_E_CONFIG;
    }
    Held held = {.topic = topic, .partition = partition, .ret_offset = ret_offset};
    r = is_early(&sink->topics[topic], partition, &held.is_early);
    if (!r)
        r = hold(&sink->open, held, key, value, headers, n_headers);
    return r || sink->open.n_bytes < HELD_BYTES_MAX || sink->is_closed ? r : hand_over(sink, &sink->open, text);
}

static rd_kafka_topic_partition_list_t *offsets_list(
        const Inputs *inputs, const ShardOffsets *shards, size_t n) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)(n * inputs->n));
    for (size_t i = 0; i < n; i++)
        for (unsigned input = 0; input < inputs->n; input++) {
            int32_t number = inputs_partition(inputs, input, shards[i].shard);
            if (number < 0 || shards[i].offsets[input] < 0)
                continue;
            rd_kafka_topic_partition_t *partition =
                    rd_kafka_topic_partition_list_add(list, inputs->inputs[input].topic, number);
            partition->offset = shards[i].offsets[input];
            /* The list frees it. */
            partition->metadata = strdup(shards[i].metadata);
            partition->metadata_size = strlen(shards[i].metadata);
        }
    return list;
}

static int send_offsets(KafkaSink *sink, char *text) {
    for (;;) {
        int64_t left_ms = sink->deadline_ms - clock_monotonic_ms();
        rd_kafka_error_t *error =
                rd_kafka_send_offsets_to_transaction(client_of(sink, &sink->closed), sink->offsets, sink->metadata, (int)MAX(left_ms, 1));
        if (!error)
            return 0;
        int r = kafka_sort_transaction("send_offsets_to_transaction", error, text);
        if (r != KAFKA_E_RETRY)
            return r;
        if (left_ms <= RETRY_MS)
            return KAFKA_E_ABORT; /* no EndTxn was sent */
        rd_kafka_poll(client_of(sink, &sink->closed), RETRY_MS);
    }
}

/* Waits until every record is acknowledged. */
static int deliver(KafkaSink *sink, char *text) {
    rd_kafka_t *rk = client_of(sink, &sink->closed);
    while (sink->n_undelivered > 0) {
        rd_kafka_poll(rk, STEP_MS); /* rd_kafka_flush() looks only every 10 ms */
        if (has_fatal_error(rk, text))
            return KAFKA_E_FATAL;
        if (sink->has_failed) {
            kafka_tell(text, "%s", sink->failure);
            return KAFKA_E_ABORT;
        }
        if (clock_monotonic_ms() >= sink->deadline_ms + REPORT_MS) {
            kafka_tell(text, "delivery: %zu records not acknowledged in time", sink->n_undelivered);
            return KAFKA_E_ABORT;
        }
    }
    return 0;
}

/* Calls an operation that can be resumed until it is done; `what` is its name. */
static int complete(rd_kafka_t *rk, const char *what, rd_kafka_error_t *(*operation)(rd_kafka_t *, int), char *text) {
    int64_t deadline_ms = clock_monotonic_ms() + KAFKA_TRANSACTION_TIMEOUT_MS;
    for (;;) {
        rd_kafka_error_t *error = operation(rk, STEP_MS);
        if (!error)
            return 0;
        if (kafka_sort_transaction(what, error, text) != KAFKA_E_RETRY || clock_monotonic_ms() >= deadline_ms)
            return KAFKA_E_FATAL;
        rd_kafka_poll(rk, RETRY_MS);
    }
}

static int take_offsets(KafkaSink *sink, KafkaSource *source, const ShardOffsets *shards, size_t n, char *text) {
    drop_offsets(sink);
    sink->offsets = offsets_list(kafka_source_inputs(source), shards, n);
    /* Without offsets nothing would tie the transaction to the group's generation. */
    if (sink->offsets->cnt == 0) {
        kafka_tell(text, "a transaction without offsets");
        return -EINVAL;
    }
    for (int i = 0; i < sink->offsets->cnt; i++)
        if (!sink->offsets->elems[i].metadata)
            return -ENOMEM;
    sink->metadata = kafka_source_group_metadata(source);
    if (!sink->metadata) {
        kafka_tell(text, "this process is no longer the member of group %s that it was", sink->config->group);
        return KAFKA_E_ABORT;
    }
    return 0;
}

static void close_open(KafkaSink *sink) {
    Transaction closed = sink->closed; /* empty, but for its memory */
    sink->closed = sink->open;
    sink->open = closed;
    sink->open.client = (sink->closed.client + 1) % KAFKA_SINK_CLIENTS;
    sink->is_closed = true;
}

int kafka_sink_close(KafkaSink *sink, KafkaSource *source, const ShardOffsets *shards, size_t n, char *text) {
    assert(!sink->is_closed);
    int r = take_offsets(sink, source, shards, n, text);
    if (!r)
        close_open(sink);
    return r;
}

/* All but the end: what fails here is known to have failed. */
static int send_closed(KafkaSink *sink, char *text) {
    int r = hand_over(sink, &sink->closed, text);
    if (r)
        return r == KAFKA_E_UNKNOWN || r == KAFKA_E_CONFIG ? KAFKA_E_ABORT : r;
    if (sink->offsets)
        r = send_offsets(sink, text);
    return r ? r : deliver(sink, text);
}

#ifdef PLANTED_TWO_TRANSACTIONS
static int commit_records_first(KafkaSink *sink, char *text) {
    int r = hand_over(sink, &sink->closed, text);
    if (!r)
        r = deliver(sink, text);
    if (!r)
        r = complete(client_of(sink, &sink->closed), "commit_transaction", rd_kafka_commit_transaction, text);
    sink->closed.is_begun = false;
    return r;
}
#endif

int kafka_sink_finish(KafkaSink *sink, char *text) {
    int r = 0;
#ifdef PLANTED_TWO_TRANSACTIONS
    r = commit_records_first(sink, text);
#endif
    if (!r)
        r = send_closed(sink, text);
    if (!r)
        r = complete(client_of(sink, &sink->closed), "commit_transaction", rd_kafka_commit_transaction, text);
    sink->closed.is_begun &= r != 0;
    drop_offsets(sink);
    sink->is_closed = false;
    return r;
}

int kafka_sink_commit(
        KafkaSink *sink, KafkaSource *source, const ShardOffsets *shards, size_t n, char *text) {
    int r = kafka_sink_close(sink, source, shards, n, text);
    return r ? r : kafka_sink_finish(sink, text);
}

int kafka_sink_commit_alone(KafkaSink *sink, char *text) {
    drop_offsets(sink);
    close_open(sink);
    return kafka_sink_finish(sink, text);
}

static int abort_one(const KafkaSink *sink, Transaction *t, char *text) {
    int r = t->is_begun ? complete(client_of(sink, t), "abort_transaction", rd_kafka_abort_transaction, text) : 0; /* else librdkafka knows of none */
    t->is_begun = false;
    return r;
}

int kafka_sink_abort(KafkaSink *sink, char *text) {
    drop_held(&sink->open);
    drop_held(&sink->closed);
    int r = abort_one(sink, &sink->closed, text);
    if (!r)
        r = abort_one(sink, &sink->open, text);
    sink->has_failed = false;
    return r;
}
