/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One consumer, but a queue of its own for each partition: what librdkafka fetches ahead is bounded for each queue, so a partition whose
 * turn comes late waits without holding up those before it. The heads of the queues are in a heap.
 *
 * Librdkafka assigns partitions only to a client that names a group. This one names the daemon's, but never subscribes.
 */
#include "daemon/io/kafka/kafka_history.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/io/kafka/kafka_internal.h"

/* What is fetched ahead: of all partitions, and the least of each. */
#define AHEAD_KIB (64 * 1024)
#define SHARE_KIB_MIN 64
/* Of one partition in an answer. */
#define FETCH_KIB_MAX 1024
/* An answer is in memory as long as one of its records is; librdkafka's 50 MiB would be, for each partition in the worst case. */
#define ANSWER_BYTES (4 * 1024 * 1024)
/* A fetch that waits for records that are to come later, in partitions that are read to their ends, holds up all others of its broker. */
#define FETCH_WAIT_MS "10"
/* A record that was fetched ahead is there at once; else the broker's thread may be asleep, see wake_fetcher(). */
#define ASLEEP_MS 3
#define WAKE_TIMEOUT_MS 100
/* Troubles of the client, which come by a queue of their own, are looked for after so long without a record. */
#define POLL_MS 100

typedef struct Partition {
    rd_kafka_queue_t *queue;
    const char *topic;
    size_t topic_index;
    int32_t id;
    int64_t next; /* what was read is before it */
    int64_t end;
    rd_kafka_message_t *head;
    int64_t timestamp_ms; /* the head's */
} Partition;

struct KafkaHistory {
    KafkaOwner owner;
    rd_kafka_t *rk;
    Partition *partitions; /* those that have records */
    size_t n_partitions;
    Partition **waiting;   /* whose next record is not known yet: at first all, later one at a time */
    size_t n_waiting;
    Partition **heap; /* whose next record is known, the least first */
    size_t n_heap;
    Partition *given; /* whose head the caller has … */
    char *own_value;  /* … with this value, where it is not the head's; or NULL */
    char trouble[KAFKA_TEXT_SIZE / 2]; /* what the client told last since the last record */
};

/* --- what there is to be read ------------------------------------------------------------------------ */

typedef struct Spans {
    KafkaSpan *items;
    size_t *topics; /* of each, its index */
    size_t n, n_alloc;
} Spans;

static void spans_deinit(Spans *spans) {
    free(spans->items);
    free(spans->topics);
}

static int add_topic(Spans *spans, const char *topic, size_t index, int32_t n_partitions) {
    KafkaSpan *items = reallocarray(spans->items, spans->n + (size_t)n_partitions, sizeof(*items));
    if (items)
        spans->items = items;
    size_t *topics = reallocarray(spans->topics, spans->n + (size_t)n_partitions, sizeof(*topics));
    if (topics)
        spans->topics = topics;
    if (!items || !topics)
        return -ENOMEM;
    for (int32_t i = 0; i < n_partitions; i++) {
        spans->topics[spans->n] = index;
        spans->items[spans->n++] = (KafkaSpan){.topic = topic, .partition = i};
    }
    return 0;
}

static int find_spans(const Config *config, const KafkaHistoryOptions *options, KafkaLog log, int64_t deadline_ms, char *text,
        Spans *spans) {
    _cleanup_(kafka_cluster_free) KafkaCluster *cluster = NULL;
    int r = kafka_cluster_new_committed(config, log, text, &cluster);
    for (size_t i = 0; r == 0 && i < options->n_topics; i++) {
        int32_t n = 0;
        int64_t left_ms = latest(deadline_ms - clock_monotonic_ms(), INT64_C(1));
        r = kafka_cluster_partitions(cluster, options->topics[i], (int)left_ms, text, &n);
        if (r == 0)
            r = add_topic(spans, options->topics[i], i, n);
    }
    if (r == 0)
        r = kafka_cluster_spans(cluster, spans->items, spans->n, options->from_ms, options->to_ms,
                (int)latest(deadline_ms - clock_monotonic_ms(), INT64_C(1)), text);
    for (size_t i = 0; r == 0 && options->latest > 0 && i < spans->n; i++)
        spans->items[i].first = MAX(spans->items[i].first, spans->items[i].end - options->latest);
    return r;
}

static size_t count_filled(const Spans *spans) {
    size_t n = 0;
    for (size_t i = 0; i < spans->n; i++)
        n += spans->items[i].first < spans->items[i].end;
    return n;
}

/* --- the client -------------------------------------------------------------------------------------- */

/* Librdkafka wants an answer to have room for the largest message. */
static int64_t answer_bytes(const Config *config) {
    int64_t bytes = ANSWER_BYTES;
    for (size_t i = 0; i < config->n_kafka_properties; i++)
        if (strcmp(config->kafka_properties[i].name, "message.max.bytes") == 0)
            bytes = latest(bytes, strtoll(config->kafka_properties[i].value, NULL, 10));
    return bytes;
}

static int open_client(KafkaHistory *h, const Config *config, size_t n_partitions, char *text) {
    char share[32], fetch[32], answer[32];
    size_t share_kib = MAX(AHEAD_KIB / n_partitions, (size_t)SHARE_KIB_MIN);
    (void)snprintf(share, sizeof(share), "%zu", share_kib);
    (void)snprintf(fetch, sizeof(fetch), "%zu", MIN(share_kib, (size_t)FETCH_KIB_MAX) * 1024);
    (void)snprintf(answer, sizeof(answer), "%" PRId64, answer_bytes(config));
    /* Of records that are deleted before they are read, what is left begins later: librdkafka goes on there. */
    const char *const extra[] = {"queued.max.messages.kbytes", share, "fetch.message.max.bytes", fetch, "fetch.max.bytes", answer,
            "fetch.wait.max.ms", FETCH_WAIT_MS, "auto.offset.reset", "earliest", NULL};
    return kafka_client_new_with_extra(config, KAFKA_ROLE_READER, &h->owner, (KafkaCallbacks){0}, extra, text, &h->rk);
}

/* Its queue has to be apart before the partition is assigned. */
static int open_partition(KafkaHistory *h, const KafkaSpan *span, size_t topic, char *text) {
    Partition *p = &h->partitions[h->n_partitions];
    *p = (Partition){.topic = span->topic, .topic_index = topic, .id = span->partition, .next = span->first, .end = span->end};
    p->queue = rd_kafka_queue_get_partition(h->rk, span->topic, span->partition);
    if (!p->queue) {
        kafka_tell(text, "topic %s: no queue for partition %" PRId32, span->topic, span->partition);
        return KAFKA_E_FATAL;
    }
    rd_kafka_queue_forward(p->queue, NULL);
    h->n_partitions++;
    h->waiting[h->n_waiting++] = p;
    return 0;
}

static int assign(KafkaHistory *h, const Spans *spans, char *text) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new((int)spans->n);
    for (size_t i = 0; i < spans->n; i++) {
        const KafkaSpan *span = &spans->items[i];
        if (span->first == span->end)
            continue;
        rd_kafka_topic_partition_list_add(list, span->topic, span->partition)->offset = span->first;
        int r = open_partition(h, span, spans->topics[i], text);
        if (r)
            return r;
    }
    rd_kafka_resp_err_t err = rd_kafka_assign(h->rk, list);
    if (err)
        kafka_tell(text, "topic %s: %s", spans->items[0].topic, rd_kafka_err2str(err));
    return kafka_sort(err);
}

static int begin(KafkaHistory *h, const Config *config, const Spans *spans, char *text) {
    size_t n = count_filled(spans);
    if (n == 0)
        return 0;
    h->partitions = calloc(n, sizeof(*h->partitions));
    h->waiting = calloc(n, sizeof(Partition *));
    h->heap = calloc(n, sizeof(Partition *));
    if (!h->partitions || !h->waiting || !h->heap)
        return -ENOMEM;
    int r = open_client(h, config, n, text);
    return r == 0 ? assign(h, spans, text) : r;
}

int kafka_history_new(const Config *config, const KafkaHistoryOptions *options, KafkaLog log, int timeout_ms, char *text,
        KafkaHistory **ret) {
    _cleanup_(kafka_history_free) KafkaHistory *h = calloc(1, sizeof(*h));
    Spans spans = {0};
    if (!h)
        return -ENOMEM;
    h->owner.log = log;
    int r = find_spans(config, options, log, clock_monotonic_ms() + timeout_ms, text, &spans);
    if (r == 0)
        r = begin(h, config, &spans, text);
    spans_deinit(&spans);
    if (r)
        return r;
    *ret = TAKE_PTR(h);
    return 0;
}

KafkaHistory *kafka_history_free(KafkaHistory *h) {
    if (!h)
        return NULL;
    for (size_t i = 0; i < h->n_partitions; i++) {
        if (h->partitions[i].head)
            rd_kafka_message_destroy(h->partitions[i].head);
        rd_kafka_queue_destroy(h->partitions[i].queue);
    }
    if (h->rk)
        rd_kafka_destroy(h->rk);
    free(h->own_value);
    free(h->partitions);
    free(h->waiting);
    free(h->heap);
    return free_null(h);
}

/* --- the heap ---------------------------------------------------------------------------------------- */

static bool is_before(const Partition *a, const Partition *b) {
    if (a->timestamp_ms != b->timestamp_ms)
        return a->timestamp_ms < b->timestamp_ms;
    return a->topic_index != b->topic_index ? a->topic_index < b->topic_index : a->id < b->id;
}

static void heap_push(KafkaHistory *h, Partition *p) {
    size_t i = h->n_heap++;
    for (; i > 0 && is_before(p, h->heap[(i - 1) / 2]); i = (i - 1) / 2)
        h->heap[i] = h->heap[(i - 1) / 2];
    h->heap[i] = p;
}

static Partition *heap_pop(KafkaHistory *h) {
    Partition *least = h->heap[0], *last = h->heap[--h->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < h->n_heap && is_before(h->heap[child + 1], h->heap[child]))
            child++;
        if (child >= h->n_heap || !is_before(h->heap[child], last))
            break;
        h->heap[i] = h->heap[child];
        i = child;
    }
    h->heap[i] = last;
    return least;
}

/* --- records ----------------------------------------------------------------------------------------- */

/* What troubles the client, such as that no broker is there. Librdkafka goes on by itself. */
static void note_trouble(KafkaHistory *h) {
    rd_kafka_message_t *message;
    while ((message = rd_kafka_consumer_poll(h->rk, 0))) {
        if (message->err)
            (void)snprintf(h->trouble, sizeof(h->trouble), "%s", rd_kafka_message_errstr(message));
        rd_kafka_message_destroy(message);
    }
}

/*
 * Before 2.2, librdkafka's thread for a broker sleeps for up to a second when all queues have their share, whatever is taken from them
 * meanwhile; with many partitions a share is read in much less. A question to the broker, whatever it is, wakes it.
 */
static void wake_fetcher(KafkaHistory *h, const Partition *p) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, p->topic, p->id)->offset = RD_KAFKA_OFFSET_END;
    (void)rd_kafka_offsets_for_times(h->rk, list, WAKE_TIMEOUT_MS);
}

/* Nothing more is to be fetched of it. */
static void end_partition(KafkaHistory *h, const Partition *p) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, p->topic, p->id);
    (void)rd_kafka_pause_partitions(h->rk, list);
}

/* 0: the client goes on with the partition. */
static int take_error(KafkaHistory *h, const Partition *p, const rd_kafka_message_t *message, char *text) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
        return KAFKA_HISTORY_E_END;
    int r = kafka_sort(message->err);
    if (r == KAFKA_E_RETRY || r == KAFKA_E_TIMEOUT) {
        (void)snprintf(h->trouble, sizeof(h->trouble), "%s", rd_kafka_message_errstr(message));
        return 0;
    }
    kafka_tell(text, "%s [%" PRId32 "]: %s", p->topic, p->id, rd_kafka_message_errstr(message));
    return r;
}

/* What comes next of the partition; NULL: nothing within the time. */
static rd_kafka_message_t *poll_message(KafkaHistory *h, const Partition *p, int timeout_ms) {
    rd_kafka_message_t *message = rd_kafka_consume_queue(p->queue, MIN(timeout_ms, ASLEEP_MS));
    if (message || timeout_ms <= ASLEEP_MS)
        return message;
    wake_fetcher(h, p);
    return rd_kafka_consume_queue(p->queue, timeout_ms - ASLEEP_MS);
}

/* 0: the head is there, or not yet; KAFKA_HISTORY_E_END: it has no more. */
static int poll_head(KafkaHistory *h, Partition *p, int timeout_ms, char *text) {
    _cleanup_(kafka_message_free) rd_kafka_message_t *message = poll_message(h, p, timeout_ms);
    rd_kafka_timestamp_type_t type;
    if (!message) {
        note_trouble(h);
        return 0;
    }
    if (message->err)
        return take_error(h, p, message, text);
    if (message->offset >= p->end)
        return KAFKA_HISTORY_E_END;
    if (message->offset < p->next)
        return 0; /* a new leader has lost its end, which sent the client back to the beginning */
    p->next = message->offset + 1;
    p->timestamp_ms = rd_kafka_message_timestamp(message, &type);
    p->head = TAKE_PTR(message);
    h->trouble[0] = '\0';
    return 0;
}

/* 0: nobody is waited for. */
static int await_heads(KafkaHistory *h, int64_t deadline_ms, char *text) {
    while (h->n_waiting > 0) {
        Partition *p = h->waiting[h->n_waiting - 1];
        int64_t left_ms = latest(deadline_ms - clock_monotonic_ms(), INT64_C(0));
        int r = poll_head(h, p, (int)MIN(left_ms, (int64_t)POLL_MS), text);
        if (r != 0 && r != KAFKA_HISTORY_E_END)
            return r;
        if (r == KAFKA_HISTORY_E_END) {
            end_partition(h, p);
            h->n_waiting--;
        } else if (p->head) {
            heap_push(h, p);
            h->n_waiting--;
        } else if (left_ms == 0) {
            kafka_tell(text, "%s [%" PRId32 "]: no records came%s%s", p->topic, p->id, h->trouble[0] ? ": " : "", h->trouble);
            return KAFKA_E_TIMEOUT;
        }
    }
    return 0;
}

/* Lets go of the record that the caller has. */
static void release(KafkaHistory *h) {
    if (!h->given)
        return;
    h->own_value = free_null(h->own_value);
    rd_kafka_message_destroy(h->given->head);
    h->given->head = NULL;
    h->waiting[h->n_waiting++] = h->given;
    h->given = NULL;
}

int kafka_history_next(KafkaHistory *h, int timeout_ms, char *text, KafkaHistoryRecord *ret) {
    release(h);
    int r = await_heads(h, clock_monotonic_ms() + timeout_ms, text);
    if (r)
        return r;
    if (h->n_heap == 0)
        return KAFKA_HISTORY_E_END;
    Partition *p = heap_pop(h);
    h->given = p;
    Str value;
    r = kafka_value(p->head, &h->own_value, &value);
    if (r < 0)
        return r;
    *ret = (KafkaHistoryRecord){
            .topic = p->topic_index,
            .partition = p->id,
            .offset = p->head->offset,
            .timestamp_ms = p->timestamp_ms,
            .key = {p->head->key, p->head->key_len},
            .value = value,
    };
    return 0;
}

Str kafka_history_header(const KafkaHistory *h, const char *name) {
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (!h->given || rd_kafka_message_headers(h->given->head, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
            rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return STR_NULL;
    return (Str){value, size};
}
