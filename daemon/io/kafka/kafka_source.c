/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rebalances are eager: all is revoked, then all is assigned, both told by a callback from within
 * rd_kafka_consumer_poll(), on the caller's thread. The group waits for the callback, so the generation
 * cannot move on while the caller believes that it owns a shard, except when the membership is lost.
 *
 * Where to read on is kept here and not left to the library, which can deliver records again after a pause or
 * a change of leader: what lies below the position is dropped. A change of what is read (a shard that is
 * started late, or stopped) assigns everything anew at the positions; the eager protocol has no other way.
 * The next poll does it, once for all changes before it, for what was fetched ahead is thrown away.
 *
 * Messages are polled one by one. Taken off the queue together, by rd_kafka_consume_batch_queue(), some are left out for good around a
 * pause: of librdkafka 2.8 that was seen, of those before 2.1 its notes tell it.
 */
#include "daemon/io/kafka/kafka_source.h"

#include <inttypes.h>
#include <poll.h>

#include "daemon/base/clock.h"
#include "daemon/io/kafka/kafka_assignment.h"

/* Between two questions for committed offsets that a pending transaction holds back. */
#define COMMITTED_POLL_MS 50

struct KafkaSource {
    KafkaOwner owner;
    rd_kafka_t *rk;
    const Config *config;
    KafkaSourceHandler handler;
    const Inputs *inputs;
    const char *topics[CONFIG_SOURCES_MAX + 1]; /* that are subscribed */
    unsigned n_topics;
    Assignment assignment;
    int32_t generation; /* of the assignment; -1: none */

    unsigned last_input; /* of the record before: the next one is likely to be of the same */
    bool is_rewound;     /* the record before was dropped */
    bool is_in_callback; /* librdkafka waits to be told of the assignment */
    bool is_stale;       /* the client does not read what `assignment` says */
    bool is_paused;      /* as the caller wants it; see AssignedShard for what the client has */
    int error;           /* why nothing more is read: a handler's, or an assignment that cannot be; else 0 */
    char text[KAFKA_TEXT_SIZE];
};

/* Makes the client read what the assignment says. */
static int assign_started(KafkaSource *source, char *text) {
    int r = assignment_apply(&source->assignment, source->rk, source->is_paused, text);
    source->is_stale = r != 0;
    return r;
}

static void unassign(KafkaSource *source) {
    assignment_end(&source->assignment, source->rk);
    source->generation = -1;
    source->is_stale = false;
}

static int32_t current_generation(const KafkaSource *source) {
    rd_kafka_consumer_group_metadata_t *metadata = rd_kafka_consumer_group_metadata(source->rk);
    if (!metadata)
        return -1;
    int32_t generation = kafka_generation(metadata);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    return generation;
}

static void on_assign(KafkaSource *source, const rd_kafka_topic_partition_list_t *list) {
    Assignment *assignment = &source->assignment;
    if (!source->error)
        source->error = assignment_take(assignment, list, source->config->group, source->text);
    source->generation = current_generation(source);
    if (!source->error && assignment->n_shards > 0)
        source->error =
                source->handler.assigned(source->handler.userdata, assignment->numbers, assignment->n_shards);
    if (source->error)
        assignment_clear(assignment);
    char text[KAFKA_TEXT_SIZE];
    (void)assign_started(source, text); /* the next poll tries again */
}

static void on_revoke(KafkaSource *source) {
    const Assignment *assignment = &source->assignment;
    bool lost = rd_kafka_assignment_lost(source->rk);
    if (!source->error && assignment->n_shards > 0)
        source->error = source->handler.revoked(
                source->handler.userdata, assignment->numbers, assignment->n_shards, lost);
    unassign(source);
}

static void on_rebalance(
        rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *owner) {
    KafkaSource *source = owner;
    source->is_in_callback = true;
    if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS)
        on_assign(source, list);
    else
        on_revoke(source);
    source->is_in_callback = false;
    rd_kafka_yield(rk); /* so that the poll returns, with the handler's error or without */
}

static int subscribe(KafkaSource *source, char *text) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new((int)source->n_topics);
    for (unsigned i = 0; i < source->n_topics; i++)
        rd_kafka_topic_partition_list_add(list, source->topics[i], RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(source->rk, list);
    if (err)
        kafka_tell(text, "subscription: %s", rd_kafka_err2str(err));
    return kafka_sort(err);
}

int kafka_source_new(const Config *config, const Inputs *inputs, KafkaSourceHandler handler, KafkaLog log, char *text,
        KafkaSource **ret) {
    _cleanup_(kafka_source_free) KafkaSource *source = calloc(1, sizeof(*source));
    if (!source)
        return -ENOMEM;
    source->owner.log = log;
    source->owner.statistics = (KafkaStatisticsHandler){.take = handler.statistics, .userdata = handler.userdata};
    source->config = config;
    source->handler = handler;
    source->generation = -1;
    source->inputs = inputs;
    for (size_t i = 0; i < config->n_sources; i++)
        if (!config->is_routed[i])
            source->topics[source->n_topics++] = config->sources[i];
    source->topics[source->n_topics++] = config->internal_topic;
    source->assignment.inputs = inputs;
    source->assignment.topics = source->topics;
    source->assignment.n_topics = source->n_topics;
    int r = kafka_client_new(config, KAFKA_ROLE_READER, &source->owner,
            (KafkaCallbacks){.rebalance = on_rebalance}, text, &source->rk);
    if (r)
        return r;
    r = subscribe(source, text);
    if (r)
        return r;
    *ret = TAKE_PTR(source);
    return 0;
}

KafkaSource *kafka_source_free(KafkaSource *source) {
    if (!source)
        return NULL;
    if (source->rk) {
        (void)rd_kafka_consumer_close(source->rk); /* calls on_rebalance() */
        rd_kafka_destroy(source->rk);
    }
    assignment_clear(&source->assignment);
    free(source);
    return NULL;
}

const Inputs *kafka_source_inputs(const KafkaSource *source) {
    return source->inputs;
}

/* The shard that reads the message's partition, and as which input; NULL if it is none that is read here. */
static AssignedShard *find_reader(KafkaSource *source, const rd_kafka_message_t *message, SourcePoll *ret) {
    if (!message->rkt ||
            !inputs_find(source->inputs, rd_kafka_topic_name(message->rkt), message->partition, source->last_input, &ret->shard,
                    &ret->input))
        return NULL;
    source->last_input = ret->input;
    AssignedShard *shard = assignment_find(&source->assignment, ret->shard);
    return shard && shard->is_started ? shard : NULL;
}

/* Below the position: read already. Told once for a run of them. */
static void drop(
        KafkaSource *source, const AssignedShard *shard, const rd_kafka_message_t *message, SourcePoll *ret) {
    if (source->is_rewound)
        return;
    source->is_rewound = true;
    ret->type = SOURCE_ERROR;
    kafka_tell(ret->text,
            "%s [%" PRId32 "] went back to offset %" PRId64 " from %" PRId64 "; left out what was read",
            source->inputs->inputs[ret->input].topic, message->partition, message->offset, shard->positions[ret->input]);
}

static int take_record(KafkaSource *source, AssignedShard *shard, rd_kafka_message_t *message, SourcePoll *ret) {
    int64_t *position = &shard->positions[ret->input];
    if (message->offset < *position) {
        drop(source, shard, message, ret);
        rd_kafka_message_destroy(message);
        return 0;
    }
    if (kafka_value(message, &ret->own_value, &ret->value) < 0) {
        rd_kafka_message_destroy(message);
        kafka_tell(ret->text, "out of memory");
        return -ENOMEM;
    }
    source->is_rewound = false;
    *position = message->offset + 1;
    rd_kafka_timestamp_type_t timestamp_type;
    int64_t timestamp_ms = rd_kafka_message_timestamp(message, &timestamp_type);
    ret->type = SOURCE_RECORD;
    ret->offset = message->offset;
    ret->timestamp_ms = timestamp_type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : timestamp_ms;
    ret->is_append_time = timestamp_type == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    ret->key = (Str){message->key, message->key_len};
    ret->message = message;
    return 0;
}

static void take_error(
        KafkaSource *source, AssignedShard *shard, const rd_kafka_message_t *message, SourcePoll *ret) {
    switch ((int)message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (!shard)
            return;
        ret->type = SOURCE_END;
        ret->offset = message->offset;
        shard->positions[ret->input] = MAX(shard->positions[ret->input], message->offset);
        return;
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        if (!shard)
            return;
        ret->type = SOURCE_RANGE;
        ret->offset = shard->positions[ret->input];
        break;
    case RD_KAFKA_RESP_ERR__FATAL:
        source->error = -ENOTRECOVERABLE;
        kafka_tell(source->text, "%s", rd_kafka_message_errstr(message));
        return;
    default:
        ret->type = SOURCE_ERROR;
        break;
    }
    kafka_tell(ret->text, "%s", rd_kafka_message_errstr(message));
}

static int poll_failed(const KafkaSource *source, SourcePoll *ret) {
    ret->type = SOURCE_ERROR;
    kafka_tell(ret->text, "%s", source->text);
    return source->error;
}

int kafka_source_poll(KafkaSource *source, int timeout_ms, SourcePoll *ret) {
    ret->type = SOURCE_NOTHING;
    ret->message = NULL;
    ret->own_value = NULL;
    ret->text[0] = 0;
    if (source->error)
        return poll_failed(source, ret);
    /* An assignment that is lost will be revoked by this poll; to assign would hide the loss. */
    if (source->is_stale && !rd_kafka_assignment_lost(source->rk) && assign_started(source, ret->text)) {
        ret->type = SOURCE_ERROR;
        return 0;
    }
    rd_kafka_message_t *message = rd_kafka_consumer_poll(source->rk, timeout_ms);
    if (source->error) {
        if (message)
            rd_kafka_message_destroy(message);
        return poll_failed(source, ret);
    }
    if (!message)
        return 0;
    AssignedShard *shard = find_reader(source, message, ret);
    if (!message->err && shard)
        return take_record(source, shard, message, ret);
    if (message->err)
        take_error(source, shard, message, ret);
    rd_kafka_message_destroy(message);
    return source->error ? poll_failed(source, ret) : 0;
}

void kafka_source_release(SourcePoll *result) {
    if (result->message)
        rd_kafka_message_destroy(result->message);
    result->message = NULL;
    result->own_value = free_null(result->own_value);
}

static rd_kafka_resp_err_t ask_committed(
        KafkaSource *source, rd_kafka_topic_partition_list_t *list, int64_t timeout_ms) {
    rd_kafka_resp_err_t err = rd_kafka_committed(source->rk, list, (int)MAX(timeout_ms, 1));
    for (int i = 0; !err && i < list->cnt; i++)
        err = list->elems[i].err;
    return err;
}

int kafka_source_committed(
        KafkaSource *source, int32_t shard, int timeout_ms, char *text, CommittedOffset *ret) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new((int)source->inputs->n);
    for (unsigned i = 0; i < source->inputs->n; i++) {
        int32_t partition = inputs_partition(source->inputs, i, shard);
        ret[i] = (CommittedOffset){.offset = -1};
        if (partition >= 0)
            rd_kafka_topic_partition_list_add(list, source->inputs->inputs[i].topic, partition);
    }
    int64_t deadline_ms = clock_monotonic_ms() + timeout_ms;
    int r;
    for (;;) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        rd_kafka_resp_err_t err = ask_committed(source, list, left_ms);
        r = kafka_sort(err);
        if (r == 0)
            break;
        kafka_tell(text, "committed offsets of shard %" PRId32 ": %s", shard, rd_kafka_err2str(err));
        if (r != KAFKA_E_RETRY && r != KAFKA_E_TIMEOUT)
            return r;
        if (left_ms <= COMMITTED_POLL_MS)
            return KAFKA_E_TIMEOUT;
        (void)poll(NULL, 0, COMMITTED_POLL_MS);
    }
    /* in the order in which they were added */
    for (unsigned i = 0, k = 0; i < source->inputs->n; i++)
        if (inputs_partition(source->inputs, i, shard) >= 0)
            kafka_copy_committed(&list->elems[k++], &ret[i]);
    return 0;
}

int kafka_source_start(KafkaSource *source, int32_t shard_number, const int64_t *offsets, char *text) {
    AssignedShard *shard = assignment_find(&source->assignment, shard_number);
    if (!shard) {
        kafka_tell(text, "shard %" PRId32 " is not assigned", shard_number);
        return KAFKA_E_UNKNOWN;
    }
    for (unsigned i = 0; i < source->inputs->n; i++)
        if (inputs_partition(source->inputs, i, shard_number) >= 0 && offsets[i] < RD_KAFKA_OFFSET_BEGINNING) {
            kafka_tell(text, "shard %" PRId32 " cannot start at %" PRId64, shard_number, offsets[i]);
            return -EINVAL;
        }
    memcpy(shard->positions, offsets, source->inputs->n * sizeof(*offsets));
    for (unsigned i = 0; i < source->inputs->n; i++)
        shard->inputs[i].is_on_hold = false;
    shard->is_started = true;
    source->is_stale = true;
    return 0;
}

void kafka_source_stop(KafkaSource *source, int32_t shard_number) {
    AssignedShard *shard = assignment_find(&source->assignment, shard_number);
    if (!shard || !shard->is_started)
        return;
    shard->is_started = false;
    source->is_stale = true;
}

int kafka_source_pause(KafkaSource *source, bool pause, char *text) {
    source->is_paused = pause;
    if (source->is_in_callback || source->is_stale)
        return 0; /* what assigns next does it */
    return assignment_pause(&source->assignment, source->rk, pause, text);
}

int kafka_source_hold(KafkaSource *source, int32_t shard_number, unsigned input, bool hold, char *text) {
    AssignedShard *shard = assignment_find(&source->assignment, shard_number);
    if (!shard)
        return 0;
    shard->inputs[input].is_on_hold = hold;
    return kafka_source_pause(source, source->is_paused, text);
}

int64_t kafka_source_end(const KafkaSource *source, int32_t shard, unsigned input) {
    int64_t first, end;
    int32_t partition = inputs_partition(source->inputs, input, shard);
    if (partition < 0 || rd_kafka_get_watermark_offsets(source->rk, source->inputs->inputs[input].topic, partition, &first, &end))
        return -1;
    return end >= 0 ? end : -1;
}

bool kafka_source_is_lost(const KafkaSource *source) {
    return rd_kafka_assignment_lost(source->rk);
}

rd_kafka_consumer_group_metadata_t *kafka_source_group_metadata(KafkaSource *source) {
#ifdef PLANTED_UNFENCED
    return rd_kafka_consumer_group_metadata_new(source->config->group);
#endif
    _cleanup_(group_metadata_free) rd_kafka_consumer_group_metadata_t *metadata =
            rd_kafka_consumer_group_metadata(source->rk);
    /*
     * A member that has lost its place can have an empty id and no generation. The broker takes that for a
     * client that commits without being in the group, and does not fence it.
     */
    if (!metadata || source->generation < 0 || kafka_generation(metadata) != source->generation)
        return NULL;
    return TAKE_PTR(metadata);
}
