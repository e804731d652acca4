/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Librdkafka assigns partitions only to a client that names a group; it names the daemon's own, so that no
 * further rights are needed, but never subscribes, and so is no member.
 */
#include "daemon/io/kafka/kafka_changelog.h"

#include <inttypes.h>

#include "daemon/io/kafka/kafka_internal.h"

struct KafkaChangelog {
    KafkaOwner owner;
    rd_kafka_t *rk;
    const Config *config;
    int32_t shard;
    int64_t position;            /* next to read, or where it was told to begin */
    rd_kafka_message_t *message; /* what the last record borrows */
};

/* Long enough for a broker that is there. */
#define WARM_UP_MS 1000

/*
 * Librdkafka looks once a second for the leaders of partitions that it did not know when they were assigned, and the first reading would
 * wait for that. What it knows of the topic beforehand spares it; if the brokers do not answer, it is only slower.
 */
static void warm_up(rd_kafka_t *rk, const char *topic_name) {
    const struct rd_kafka_metadata *metadata;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, topic_name, NULL);
    if (!topic)
        return;
    if (rd_kafka_metadata(rk, 0, topic, &metadata, WARM_UP_MS) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
}

int kafka_changelog_new(const Config *config, KafkaLog log, char *text, KafkaChangelog **ret) {
    _cleanup_(kafka_changelog_free) KafkaChangelog *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->owner.log = log;
    c->config = config;
    c->shard = -1;
    int r = kafka_client_new(config, KAFKA_ROLE_READER, &c->owner, (KafkaCallbacks){0}, text, &c->rk);
    if (r)
        return r;
    warm_up(c->rk, config->changelog_topic);
    *ret = TAKE_PTR(c);
    return 0;
}

static void release(KafkaChangelog *c) {
    if (c->message)
        rd_kafka_message_destroy(c->message);
    c->message = NULL;
}

KafkaChangelog *kafka_changelog_free(KafkaChangelog *c) {
    if (!c)
        return NULL;
    release(c);
    if (c->rk)
        rd_kafka_destroy(c->rk);
    free(c);
    return NULL;
}

int kafka_changelog_seek(KafkaChangelog *c, int32_t shard, int64_t offset, char *text) {
    release(c);
    if (offset < 0 && offset != RD_KAFKA_OFFSET_BEGINNING) {
        kafka_tell(text, "changelog: no offset: %" PRId64, offset);
        return -EINVAL;
    }
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, c->config->changelog_topic, shard)->offset = offset;
    rd_kafka_resp_err_t err = rd_kafka_assign(c->rk, list);
    if (err) {
        kafka_tell(text, "changelog: %s", rd_kafka_err2str(err));
        return kafka_sort(err);
    }
    c->shard = shard;
    c->position = offset;
    return 0;
}

void kafka_changelog_rest(KafkaChangelog *c) {
    release(c);
    (void)rd_kafka_assign(c->rk, NULL);
    c->shard = -1;
}

static int sort_error(
        KafkaChangelog *c, const rd_kafka_message_t *message, char *text, ChangelogRecord *ret) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        c->position = MAX(c->position, message->offset);
        *ret = (ChangelogRecord){.offset = message->offset};
        return KAFKA_E_UNKNOWN;
    }
    kafka_tell(text, "changelog [%" PRId32 "]: %s", c->shard, rd_kafka_message_errstr(message));
    int r = kafka_sort(message->err);
    return r == KAFKA_E_UNKNOWN ? KAFKA_E_CONFIG : r == KAFKA_E_TIMEOUT ? KAFKA_E_RETRY : r;
}

int kafka_changelog_next(KafkaChangelog *c, int timeout_ms, char *text, ChangelogRecord *ret) {
    rd_kafka_timestamp_type_t type;
    release(c);
    for (;;) {
        _cleanup_(kafka_message_free) rd_kafka_message_t *message = rd_kafka_consumer_poll(c->rk, timeout_ms);
        if (!message) {
            kafka_tell(text, "changelog [%" PRId32 "]: nothing came in %d ms", c->shard, timeout_ms);
            return KAFKA_E_TIMEOUT;
        }
        if (message->err)
            return sort_error(c, message, text, ret);
        /* Delivered again, which librdkafka 2.0 may do after a change of leader. */
        if (message->offset < c->position)
            continue;
        c->position = message->offset + 1;
        *ret = (ChangelogRecord){
                .offset = message->offset,
                .timestamp_ms = rd_kafka_message_timestamp(message, &type),
                .key = {message->key, message->key_len},
                .value = {message->payload, message->len},
        };
        c->message = TAKE_PTR(message);
        return 0;
    }
}
