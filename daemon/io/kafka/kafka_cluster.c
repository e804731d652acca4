/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handle is a consumer without a group: unlike a producer it does not ask the broker to create the topics
 * it asks about, and it is the consumers whose isolation level decides which end of a log is told.
 */
#include "daemon/io/kafka/kafka_internal.h"

#include <inttypes.h>

#include "daemon/base/clock.h"

static int new_cluster(const Config *config, KafkaRole role, KafkaLog log, char *text, KafkaCluster **ret) {
    _cleanup_(kafka_cluster_free) KafkaCluster *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->owner.log = log;
    c->takes_admin_requests = !config->embedded;
    int r = kafka_client_new(config, role, &c->owner, (KafkaCallbacks){0}, text, &c->rk);
    if (r)
        return r;
    *ret = TAKE_PTR(c);
    return 0;
}

int kafka_cluster_new(const Config *config, KafkaLog log, char *text, KafkaCluster **ret) {
    return new_cluster(config, KAFKA_ROLE_QUESTIONS, log, text, ret);
}

int kafka_cluster_new_committed(const Config *config, KafkaLog log, char *text, KafkaCluster **ret) {
    return new_cluster(config, KAFKA_ROLE_COMMITTED_QUESTIONS, log, text, ret);
}

KafkaCluster *kafka_cluster_free(KafkaCluster *c) {
    if (!c)
        return NULL;
    if (c->rk)
        rd_kafka_destroy(c->rk);
    free(c);
    return NULL;
}

/* Tells `err` of a question about `topic`. */
static int failed(
        const char *question, const char *topic, rd_kafka_resp_err_t err, const char *error, char *text) {
    kafka_tell(text, "%s %s: %s", question, topic, error ? error : rd_kafka_err2str(err));
    return kafka_sort(err);
}

int kafka_cluster_brokers(KafkaCluster *c, int timeout_ms, char *text, int *ret) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(c->rk, 0, NULL, &metadata, timeout_ms);
    if (err) {
        kafka_tell(text, "%s", rd_kafka_err2str(err));
        return kafka_sort(err);
    }
    *ret = metadata->broker_cnt;
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

static int count_partitions(
        const struct rd_kafka_metadata_topic *topic, const char *name, char *text, int32_t *ret) {
    if (topic->err)
        return failed("topic", name, topic->err, NULL, text);
    for (int i = 0; i < topic->partition_cnt; i++)
        if (topic->partitions[i].leader < 0)
            return failed("topic", name, RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, NULL, text);
    *ret = topic->partition_cnt;
    return 0;
}

int kafka_cluster_partitions(KafkaCluster *c, const char *topic, int timeout_ms, char *text, int32_t *ret) {
    _cleanup_(kafka_topic_free) rd_kafka_topic_t *rkt = rd_kafka_topic_new(c->rk, topic, NULL);
    if (!rkt)
        return failed("topic", topic, rd_kafka_last_error(), NULL, text);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(c->rk, 0, rkt, &metadata, timeout_ms);
    if (err)
        return failed("metadata of topic", topic, err, NULL, text);
    int r = KAFKA_E_UNKNOWN;
    if (metadata->topic_cnt == 1)
        r = count_partitions(&metadata->topics[0], topic, text, ret);
    else
        kafka_tell(text, "topic %s: not in the broker's answer", topic);
    rd_kafka_metadata_destroy(metadata);
    return r;
}

/* Asks where `list` is at `position` (RD_KAFKA_OFFSET_BEGINNING, _END or an instant); one request to each leader. */
static int ask_offsets(KafkaCluster *c, rd_kafka_topic_partition_list_t *list, int64_t position,
        int timeout_ms, char *text) {
    rd_kafka_poll(c->rk, 0); /* errors that are told meanwhile would pile up */
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = position;
    /* Not rd_kafka_query_watermark_offsets(): that one waits beyond its timeout for a broker that is silent.
     */
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(c->rk, list, timeout_ms);
    if (err)
        return failed("offsets of topic", list->elems[0].topic, err, NULL, text);
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &list->elems[i];
        if (partition->err)
            return failed("offsets of topic", partition->topic, partition->err, NULL, text);
        /* No record is as late as that instant. */
        if (position >= 0 && partition->offset == RD_KAFKA_OFFSET_END)
            continue;
        if (partition->offset < 0) {
            kafka_tell(text, "offsets of topic %s: none told of partition %" PRId32, partition->topic,
                    partition->partition);
            return KAFKA_E_RETRY;
        }
    }
    return 0;
}

int kafka_cluster_range(KafkaCluster *c, const char *topic, int32_t partition, int timeout_ms, char *text,
        int64_t *ret_first, int64_t *ret_end) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, partition);
    int64_t started_at_ms = clock_monotonic_ms();
    int r = ask_offsets(c, list, RD_KAFKA_OFFSET_BEGINNING, timeout_ms, text);
    if (r)
        return r;
    int64_t first = list->elems[0].offset;
    int64_t left_ms = timeout_ms - (clock_monotonic_ms() - started_at_ms);
    r = ask_offsets(c, list, RD_KAFKA_OFFSET_END, (int)MAX(left_ms, 1), text);
    if (r)
        return r;
    *ret_first = first;
    *ret_end = list->elems[0].offset;
    return 0;
}

int kafka_cluster_ends(KafkaCluster *c, KafkaEnd *ends, size_t n, int timeout_ms, char *text) {
    if (n == 0)
        return 0;
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, ends[i].topic, ends[i].partition);
    int r = ask_offsets(c, list, RD_KAFKA_OFFSET_END, timeout_ms, text);
    if (r)
        return r;
    /* The client keeps the list's order. */
    for (size_t i = 0; i < n; i++) {
        assert(list->elems[i].partition == ends[i].partition);
        ends[i].end = list->elems[i].offset;
    }
    return 0;
}

/* Where the spans' partitions are at `position`, in their order; the caller frees the list. */
static int locate(KafkaCluster *c, const KafkaSpan *spans, size_t n, int64_t position, int64_t deadline_ms, char *text,
        rd_kafka_topic_partition_list_t **ret) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(list, spans[i].topic, spans[i].partition);
    int r = ask_offsets(c, list, position, (int)latest(deadline_ms - clock_monotonic_ms(), INT64_C(1)), text);
    if (r == 0)
        *ret = TAKE_PTR(list);
    return r;
}

int kafka_cluster_spans(
        KafkaCluster *c, KafkaSpan *spans, size_t n, int64_t from_ms, int64_t to_ms, int timeout_ms, char *text) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *first = NULL, *to = NULL, *end = NULL;
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    if (n == 0)
        return 0;
    /* Negative instants mean something else to the broker, and no record is older than 1970. */
    int r = locate(c, spans, n, from_ms == TIME_NONE ? RD_KAFKA_OFFSET_BEGINNING : MAX(from_ms, INT64_C(0)), deadline_ms,
            text, &first);
    if (r == 0 && to_ms != TIME_NEVER)
        r = locate(c, spans, n, MAX(to_ms, INT64_C(0)), deadline_ms, text, &to);
    if (r == 0)
        r = locate(c, spans, n, RD_KAFKA_OFFSET_END, deadline_ms, text, &end);
    if (r)
        return r;
    /* The client keeps the lists' order. */
    for (size_t i = 0; i < n; i++) {
        assert(first->elems[i].partition == spans[i].partition && end->elems[i].partition == spans[i].partition);
        spans[i].end = end->elems[i].offset;
        if (to && to->elems[i].offset >= 0)
            spans[i].end = MIN(to->elems[i].offset, spans[i].end);
        spans[i].first = first->elems[i].offset < 0 ? spans[i].end : MIN(first->elems[i].offset, spans[i].end);
    }
    return 0;
}
