/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Librdkafka assigns partitions only to a client that names a group; this one names the daemon's, never subscribes, and so is no member.
 * It reads what is committed; asked by such a one for the group's offsets, brokers do not answer while a transaction is open, so that under
 * load the lag would not be known. Another client asks for them.
 */
#include "daemon/io/kafka/kafka_feed.h"

#include <inttypes.h>

#include "daemon/base/clock.h"
#include "daemon/io/kafka/kafka_internal.h"

struct KafkaFeed {
    KafkaOwner owner;
    rd_kafka_t *rk;
    KafkaOffsets *offsets; /* NULL: of a past, and of an embedded cluster, which forgets what was committed in transactions */
    const Config *config;
    AvroOutputReader *reader;
    rd_kafka_topic_partition_list_t *sources; /* all their partitions */
    int64_t *lags;                          /* by partition of the sources */
    int32_t n_lags;
    FeedKeys keys;                          /* of a past: all else is passed over; none: follow */
    FeedRecent recent;                      /* what of the past is read before it follows; n_each 0: nothing */
    rd_kafka_topic_partition_list_t *open;  /* of a past: whose end has not been seen yet */
    rd_kafka_message_t *message; /* what the last output borrows from */
};

static bool is_past(const KafkaFeed *feed) {
    return feed->keys.n > 0;
}

static bool is_wanted(const KafkaFeed *feed, Str key) {
    bool wanted = !is_past(feed);
    for (size_t i = 0; i < feed->keys.n && !wanted; i++)
        wanted = str_eq(feed->keys.keys[i], key);
    return wanted;
}

static int failed(const char *what, const char *topic, rd_kafka_resp_err_t err, char *text) {
    kafka_tell(text, "%s %s: %s", what, topic, rd_kafka_err2str(err));
    return kafka_sort(err);
}

static int time_left(int64_t deadline_ms) {
    return (int)latest(deadline_ms - clock_monotonic_ms(), (int64_t)1);
}

/* Sets the partitions' offsets to their ends. */
static rd_kafka_resp_err_t ask_ends(KafkaFeed *feed, rd_kafka_topic_partition_list_t *list, int timeout_ms) {
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = RD_KAFKA_OFFSET_END;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(feed->rk, list, timeout_ms);
    for (int i = 0; i < list->cnt && !err; i++)
        err = list->elems[i].err;
    return err;
}

/* The same to where they are read from to see the recent past as well. */
static rd_kafka_resp_err_t ask_starts(KafkaFeed *feed, rd_kafka_topic_partition_list_t *list, int64_t deadline_ms) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *times = rd_kafka_topic_partition_list_copy(list);
    rd_kafka_resp_err_t err = ask_ends(feed, list, time_left(deadline_ms));
    if (err || feed->recent.n_each == 0)
        return err;
    for (int i = 0; i < times->cnt; i++)
        times->elems[i].offset = feed->recent.since_ms;
    err = rd_kafka_offsets_for_times(feed->rk, times, time_left(deadline_ms));
    for (int i = 0; i < list->cnt && !err; i++) {
        /* Negative: nothing is as young as that, or it is not known. */
        if (!times->elems[i].err && times->elems[i].offset >= 0)
            list->elems[i].offset = latest(times->elems[i].offset, list->elems[i].offset - feed->recent.n_each);
    }
    return err;
}

/* Adds the topic's partitions to the list; *ret_n how many they are. */
static int add_partitions(KafkaFeed *feed, const char *topic, int timeout_ms, char *text,
        rd_kafka_topic_partition_list_t *list, int32_t *ret_n) {
    _cleanup_(kafka_topic_free) rd_kafka_topic_t *handle = rd_kafka_topic_new(feed->rk, topic, NULL);
    if (!handle)
        return failed("topic", topic, rd_kafka_last_error(), text);
    const struct rd_kafka_metadata *metadata;
    rd_kafka_resp_err_t err = rd_kafka_metadata(feed->rk, 0, handle, &metadata, timeout_ms);
    if (err)
        return failed("metadata of topic", topic, err, text);
    err = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    *ret_n = err ? 0 : metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    if (err)
        return failed("topic", topic, err, text);
    for (int32_t i = 0; i < *ret_n; i++)
        rd_kafka_topic_partition_list_add(list, topic, i);
    return 0;
}

/* Of a past only the keys' partitions, from their beginnings on. */
static int add_output(KafkaFeed *feed, const char *topic, int64_t deadline_ms, char *text, rd_kafka_topic_partition_list_t *list) {
    int32_t n;
    if (!is_past(feed))
        return add_partitions(feed, topic, time_left(deadline_ms), text, list, &n);
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(1);
    int r = add_partitions(feed, topic, time_left(deadline_ms), text, all, &n);
    if (r)
        return r;
    for (size_t i = 0; i < feed->keys.n; i++) {
        int32_t partition = kafka_partition_of(feed->config, feed->keys.keys[i], n);
        if (!rd_kafka_topic_partition_list_find(list, topic, partition))
            rd_kafka_topic_partition_list_add(list, topic, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    return 0;
}

static int assign_outputs(KafkaFeed *feed, unsigned types, int64_t deadline_ms, char *text) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new(_OUTPUT_TYPE_MAX);
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        const char *topic = feed->config->output_topics[i];
        /* Two outputs may share a topic. */
        bool is_there = false;
        for (int k = 0; k < list->cnt; k++)
            is_there |= strcmp(list->elems[k].topic, topic) == 0;
        if (!(types & (1U << i)) || is_there)
            continue;
        int r = add_output(feed, topic, deadline_ms, text, list);
        if (r)
            return r;
    }
    if (is_past(feed))
        feed->open = rd_kafka_topic_partition_list_copy(list);
    /* Asked now, so that nothing is missed that comes after this. */
    rd_kafka_resp_err_t err = is_past(feed) ? 0 : ask_starts(feed, list, deadline_ms);
    if (!err)
        err = rd_kafka_assign(feed->rk, list);
    return err ? failed("outputs, such as", feed->config->output_topics[0], err, text) : 0;
}

static int find_sources(KafkaFeed *feed, int64_t deadline_ms, char *text) {
    feed->sources = rd_kafka_topic_partition_list_new((int)feed->config->n_sources);
    for (size_t i = 0; i < feed->config->n_sources; i++) {
        int32_t n;
        int r = add_partitions(
                feed, feed->config->sources[i], time_left(deadline_ms), text, feed->sources, &n);
        if (r)
            return r;
        feed->n_lags = MAX(feed->n_lags, n);
    }
    feed->lags = calloc(MAX((size_t)feed->n_lags, (size_t)1), sizeof(*feed->lags));
    return feed->lags ? 0 : -ENOMEM;
}

/* What of the past is read: of these keys all, or of all the latest. */
static int new_feed(const Config *config, AvroOutputReader *reader, unsigned types, FeedKeys keys, FeedRecent recent, KafkaLog log,
        int timeout_ms, char *text, KafkaFeed **ret) {
    _cleanup_(kafka_feed_free) KafkaFeed *feed = calloc(1, sizeof(*feed));
    if (!feed)
        return -ENOMEM;
    feed->owner.log = log;
    feed->config = config;
    feed->reader = reader;
    feed->keys = keys;
    feed->recent = recent;
    /* Of records that are deleted before they are read: who watches wants what comes now, who asks for the past what is left of it. */
    const char *const extra[] = {"auto.offset.reset", is_past(feed) ? "earliest" : "latest", NULL};
    int r = kafka_client_new_with_extra(config, KAFKA_ROLE_READER, &feed->owner, (KafkaCallbacks){0}, extra, text, &feed->rk);
    if (!r && !config->embedded && !is_past(feed))
        r = kafka_offsets_new(config, log, text, &feed->offsets);
    if (r)
        return r;
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    r = find_sources(feed, deadline_ms, text);
    if (!r)
        r = assign_outputs(feed, types, deadline_ms, text);
    if (r)
        return r;
    *ret = TAKE_PTR(feed);
    return 0;
}

int kafka_feed_new(const Config *config, AvroOutputReader *reader, unsigned types, KafkaLog log, int timeout_ms, char *text,
        KafkaFeed **ret) {
    return new_feed(config, reader, types, (FeedKeys){0}, (FeedRecent){0}, log, timeout_ms, text, ret);
}

int kafka_feed_new_past(const Config *config, AvroOutputReader *reader, unsigned types, FeedKeys keys, KafkaLog log, int timeout_ms,
        char *text, KafkaFeed **ret) {
    return new_feed(config, reader, types, keys, (FeedRecent){0}, log, timeout_ms, text, ret);
}

int kafka_feed_new_recent(const Config *config, AvroOutputReader *reader, unsigned types, FeedRecent recent, KafkaLog log,
        int timeout_ms, char *text, KafkaFeed **ret) {
    return new_feed(config, reader, types, (FeedKeys){0}, recent, log, timeout_ms, text, ret);
}

static void release(KafkaFeed *feed) {
    if (feed->message)
        rd_kafka_message_destroy(feed->message);
    feed->message = NULL;
}

KafkaFeed *kafka_feed_free(KafkaFeed *feed) {
    if (!feed)
        return NULL;
    release(feed);
    if (feed->sources)
        rd_kafka_topic_partition_list_destroy(feed->sources);
    if (feed->open)
        rd_kafka_topic_partition_list_destroy(feed->open);
    kafka_offsets_free(feed->offsets);
    if (feed->rk)
        rd_kafka_destroy(feed->rk);
    free(feed->lags);
    return free_null(feed);
}

static void take_end(KafkaFeed *feed, const rd_kafka_message_t *message, FeedPoll *ret) {
    if (!feed->open)
        return;
    rd_kafka_topic_partition_list_del(feed->open, rd_kafka_topic_name(message->rkt), message->partition);
    if (feed->open->cnt == 0)
        ret->type = FEED_END;
}

static void take_error(KafkaFeed *feed, const rd_kafka_message_t *message, FeedPoll *ret) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        take_end(feed, message, ret);
        return;
    }
    ret->type = FEED_ERROR;
    kafka_tell(ret->text, "%s", rd_kafka_message_errstr(message));
}

static void take_record(KafkaFeed *feed, const rd_kafka_message_t *message, FeedPoll *ret) {
    char why[KAFKA_TEXT_SIZE / 2];
    rd_kafka_timestamp_type_t timestamp_type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &timestamp_type);
    if (!is_wanted(feed, (Str){message->key, message->key_len}))
        return;
    if (!message->payload)
        return; /* a tombstone follows what retires a lead */
    ret->timestamp_ms = timestamp_type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms;
    Str value = {message->payload, message->len};
    int r = avro_output_read(feed->reader, value, &ret->output, why, sizeof(why));
    ret->type = r ? FEED_BROKEN : FEED_OUTPUT;
    if (r)
        kafka_tell(ret->text, "%s [%" PRId32 "] offset %" PRId64 ": %s", rd_kafka_topic_name(message->rkt),
                message->partition, message->offset, why);
}

void kafka_feed_poll(KafkaFeed *feed, int timeout_ms, FeedPoll *ret) {
    ret->type = FEED_NOTHING;
    ret->text[0] = '\0';
    release(feed);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(feed->rk, timeout_ms);
    if (!message)
        return;
    feed->message = message;
    if (message->err)
        take_error(feed, message, ret);
    else
        take_record(feed, message, ret);
}

/* By partition; the sum is returned. -1: nothing is committed for any of them. */
static int64_t lag_of(
        KafkaFeed *feed, const rd_kafka_topic_partition_list_t *ends, const rd_kafka_topic_partition_list_t *committed) {
    int64_t lag = 0;
    bool known = false;
    for (int i = 0; i < ends->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &committed->elems[i];
        bool has_offset = !partition->err && partition->offset >= 0;
        int64_t left = MAX(ends->elems[i].offset - (has_offset ? partition->offset : 0), 0);
        known = known || has_offset;
        lag += left;
        int64_t *of_partition = &feed->lags[ends->elems[i].partition];
        *of_partition = MAX(*of_partition, 0) + left;
    }
    return known ? lag : -1;
}

int kafka_feed_progress(KafkaFeed *feed, int timeout_ms, char *text, FeedProgress *ret) {
    FeedProgress progress = {.lag = -1, .lags = feed->lags, .n_lags = feed->n_lags};
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *ends =
            rd_kafka_topic_partition_list_copy(feed->sources);
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *committed =
            rd_kafka_topic_partition_list_copy(feed->sources);
    rd_kafka_resp_err_t err = ask_ends(feed, ends, timeout_ms);
    if (err)
        return failed("sources, such as", feed->config->sources[0], err, text);
    for (int i = 0; i < ends->cnt; i++)
        progress.n_records += MAX(ends->elems[i].offset, 0);
    for (int32_t i = 0; i < feed->n_lags; i++)
        feed->lags[i] = -1;
    if (feed->offsets && !kafka_offsets_ask(feed->offsets, committed, timeout_ms))
        progress.lag = lag_of(feed, ends, committed);
    *ret = progress;
    return 0;
}
