#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of daemon/io/kafka share with each other, and with nobody else: it includes librdkafka. */
#include <librdkafka/rdkafka.h>

#include "daemon/io/kafka/kafka_client.h"
#include "daemon/io/kafka/kafka_offsets.h"

/* After it the broker aborts the transaction. */
#define KAFKA_TRANSACTION_TIMEOUT_MS 10000

typedef enum KafkaRole {
    KAFKA_ROLE_READER,    /* consumer, read_committed: the group's member, the changelog's reader */
    KAFKA_ROLE_QUESTIONS, /* consumer without a group, read_uncommitted */
    KAFKA_ROLE_COMMITTED_QUESTIONS, /* the same, read_committed */
    KAFKA_ROLE_PRODUCER,  /* transactional */
    KAFKA_ROLE_SECOND_PRODUCER, /* the same, under another transactional.id */
} KafkaRole;

/*
 * The first member of everything that owns a client: librdkafka's callbacks get a pointer to it. The log
 * function is called from librdkafka's threads.
 */
typedef struct KafkaOwner {
    KafkaLog log;
    KafkaStatisticsHandler statistics;
    KafkaPatience patience; /* is_over NULL: it has no end */
    char error[KAFKA_TEXT_SIZE]; /* of a connection; for `patience`, written and read by who polls the client */
} KafkaOwner;

/* How long a call may wait without asking whether it is to wait on. */
#define KAFKA_PATIENCE_MS 200
/* Of left_ms, the time for one try of a call that is made again: at most slice_ms, if the owner is impatient. */
int kafka_slice(const KafkaOwner *owner, int64_t slice_ms, int64_t left_ms);
/* Serves the client, and asks. */
MUST_CHECK bool kafka_is_patience_over(KafkaOwner *owner, rd_kafka_t *rk);

struct KafkaCluster {
    KafkaOwner owner;
    rd_kafka_t *rk;
    bool takes_admin_requests; /* librdkafka's embedded cluster lets them time out */
};

typedef struct KafkaCallbacks {
    void (*rebalance)(
            rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *owner);
    void (*delivery)(rd_kafka_t *rk, const rd_kafka_message_t *message, void *owner);
} KafkaCallbacks;

/*
 * `owner` must outlive the client. A reader is served by rd_kafka_consumer_poll() alone. KAFKA_E_CONFIG if the properties don't fit together,
 * or -ENOMEM.
 */
MUST_CHECK int kafka_client_new(const Config *config, KafkaRole role, KafkaOwner *owner,
        KafkaCallbacks callbacks, char *text, rd_kafka_t **ret);

/* The same; `extra` goes above all other properties, and is not kept. */
MUST_CHECK int kafka_client_new_with_extra(const Config *config, KafkaRole role, KafkaOwner *owner,
        KafkaCallbacks callbacks, KafkaExtra extra, char *text, rd_kafka_t **ret);

/* Writes the text beside an error code: `text` has KAFKA_TEXT_SIZE bytes. */
void kafka_tell(char *text, const char *format, ...) PRINTF_LIKE(2, 3);
/* The outcome for an error outside of transactions; 0 for no error. */
int kafka_sort(rd_kafka_resp_err_t err);
/* The outcome for an error of the transactional API, by its flags: what is not flagged is fatal. Frees
 * `error`. */
int kafka_sort_transaction(const char *action, rd_kafka_error_t *error, char *text);

/*
 * A record's value with the schema's id in front, also where a header has it (schema_id.h). *ret_own: the memory that is to be freed
 * after it; NULL: the message's. 0 or -ENOMEM.
 */
MUST_CHECK int kafka_value(const rd_kafka_message_t *message, char **ret_own, Str *ret);

/* The generation of a group's member, -1 for who is none. Librdkafka 2.0 tells it in serialized form only. */
int32_t kafka_generation(const rd_kafka_consumer_group_metadata_t *metadata);

/* What a partition's answer says that was committed. */
void kafka_copy_committed(const rd_kafka_topic_partition_t *partition, CommittedOffset *ret);

/* Sets the partitions' offsets to those that are committed, -1001 or less where none is; each partition has its own error besides. */
rd_kafka_resp_err_t kafka_offsets_ask(KafkaOffsets *offsets, rd_kafka_topic_partition_list_t *list, int timeout_ms);

static inline rd_kafka_topic_partition_list_t *partition_list_free(rd_kafka_topic_partition_list_t *list) {
    rd_kafka_topic_partition_list_destroy(list);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_topic_partition_list_t *, partition_list_free)

static inline rd_kafka_topic_t *kafka_topic_free(rd_kafka_topic_t *topic) {
    rd_kafka_topic_destroy(topic);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_topic_t *, kafka_topic_free)

static inline rd_kafka_consumer_group_metadata_t *group_metadata_free(
        rd_kafka_consumer_group_metadata_t *metadata) {
    rd_kafka_consumer_group_metadata_destroy(metadata);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_consumer_group_metadata_t *, group_metadata_free)

static inline rd_kafka_message_t *kafka_message_free(rd_kafka_message_t *message) {
    rd_kafka_message_destroy(message);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_message_t *, kafka_message_free)
