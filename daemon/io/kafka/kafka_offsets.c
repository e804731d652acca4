/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer that names the group and never subscribes; Kafka lets such a one commit as long as the group has no members. */
#include "daemon/io/kafka/kafka_offsets.h"

#include "daemon/io/kafka/kafka_internal.h"

struct KafkaOffsets {
    KafkaOwner owner;
    rd_kafka_t *rk;
};

static int new_offsets(const Config *config, const char *isolation, KafkaLog log, char *text, KafkaOffsets **ret) {
    _cleanup_(kafka_offsets_free) KafkaOffsets *offsets = calloc(1, sizeof(*offsets));
    if (!offsets)
        return -ENOMEM;
    offsets->owner.log = log;
    const char *const extra[] = {"isolation.level", isolation, NULL}; /* by which the broker is told whether to wait */
    int r = kafka_client_new_with_extra(config, KAFKA_ROLE_READER, &offsets->owner, (KafkaCallbacks){0}, extra, text, &offsets->rk);
    if (r == 0)
        *ret = TAKE_PTR(offsets);
    return r;
}

int kafka_offsets_new(const Config *config, KafkaLog log, char *text, KafkaOffsets **ret) {
    return new_offsets(config, "read_uncommitted", log, text, ret);
}

int kafka_offsets_new_stable(const Config *config, KafkaLog log, char *text, KafkaOffsets **ret) {
    return new_offsets(config, "read_committed", log, text, ret);
}

KafkaOffsets *kafka_offsets_free(KafkaOffsets *offsets) {
    if (!offsets)
        return NULL;
    if (offsets->rk)
        rd_kafka_destroy(offsets->rk);
    return free_null(offsets);
}

static int failed(const char *what, const char *topic, int32_t partition, rd_kafka_resp_err_t err, char *text) {
    kafka_tell(text, "%s of topic %s [%d]: %s", what, topic, (int)partition, rd_kafka_err2str(err));
    bool is_refused = err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID || err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
            err == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    return is_refused ? KAFKA_E_FATAL : kafka_sort(err);
}

/*
 * What waits for the client, such as a new token of SASL. The result: that its group is forbidden, of which it tells only so, and asks for the
 * coordinator again and again.
 */
static rd_kafka_resp_err_t serve(KafkaOffsets *offsets) {
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_message_t *message;
    while ((message = rd_kafka_consumer_poll(offsets->rk, 0))) {
        if (message->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
            err = message->err;
        rd_kafka_message_destroy(message);
    }
    return err;
}

rd_kafka_resp_err_t kafka_offsets_ask(KafkaOffsets *offsets, rd_kafka_topic_partition_list_t *list, int timeout_ms) {
    (void)serve(offsets);
    rd_kafka_resp_err_t err = rd_kafka_committed(offsets->rk, list, timeout_ms);
    rd_kafka_resp_err_t refused = err == RD_KAFKA_RESP_ERR__TIMED_OUT ? serve(offsets) : RD_KAFKA_RESP_ERR_NO_ERROR;
    return refused ? refused : err;
}

int kafka_offsets_get(
        KafkaOffsets *offsets, const char *topic, int32_t partition, int timeout_ms, char *text, CommittedOffset *ret) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *elem = rd_kafka_topic_partition_list_add(list, topic, partition);
    rd_kafka_resp_err_t err = kafka_offsets_ask(offsets, list, timeout_ms);
    if (!err)
        err = elem->err;
    if (err)
        return failed("committed offset", topic, partition, err, text);
    kafka_copy_committed(elem, ret);
    return 0;
}

int kafka_offsets_set(KafkaOffsets *offsets, const char *topic, int32_t partition, const CommittedOffset *committed, char *text) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *elem = rd_kafka_topic_partition_list_add(list, topic, partition);
    elem->offset = committed->offset;
    elem->metadata = strdup(committed->metadata); /* the list frees it */
    if (!elem->metadata)
        return -ENOMEM;
    elem->metadata_size = strlen(committed->metadata);
    rd_kafka_resp_err_t err = rd_kafka_commit(offsets->rk, list, 0);
    if (!err)
        err = list->elems[0].err;
    return err ? failed("setting the offset", topic, partition, err, text) : 0;
}
