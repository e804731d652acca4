#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka Source
 *
 * The consumer group member: all source topics and the internal topic, read_committed. Those that pair up are subscribed and assigned
 * by `range`, so that partition i of all of them has one owner (DESIGN section 2); whose shard it is reads the partitions of routed
 * sources that fall to it, too. Offsets are never committed here; they travel in the producer's transactions.
 */
#include "daemon/base/inputs.h"
#include "daemon/io/kafka/kafka_client.h"

typedef struct KafkaSource KafkaSource;
typedef struct rd_kafka_consumer_group_metadata_s rd_kafka_consumer_group_metadata_t;

/*
 * Called from kafka_source_poll() when the group has moved shards. `assigned` must call kafka_source_start()
 * for every shard that it takes; one that it does not start (halted) is not read. Before `revoked` returns,
 * what is to be committed for the shards must be; after `lost` nothing can be. A negative errno ends
 * kafka_source_poll() with it, now and ever after, and neither is called any more.
 */
typedef struct KafkaSourceHandler {
    int (*assigned)(void *userdata, const int32_t *shards, size_t n);
    int (*revoked)(void *userdata, const int32_t *shards, size_t n, bool lost);
    void *userdata;
    void (*statistics)(void *userdata, Str json); /* NULL: not wanted; see KafkaStatisticsHandler */
} KafkaSourceHandler;

typedef enum SourcePollType {
    SOURCE_NOTHING, /* timeout_ms went by, or a rebalance was handled */
    SOURCE_RECORD,
    SOURCE_END,   /* the partition is read to its end, `offset` */
    SOURCE_ERROR, /* told in `text`; the client goes on by itself */
    SOURCE_RANGE, /* the position is out of the log: records were deleted before they were read */
} SourcePollType;

typedef struct SourcePoll {
    SourcePollType type;
    unsigned input;
    int32_t shard;
    int64_t offset;
    int64_t timestamp_ms; /* -1: none */
    bool is_append_time;  /* it is the broker's, of when the record was appended; else the producer's */
    Str key, value;       /* null where the record has none; valid until `message` is freed */
    void *message;        /* to be freed by kafka_source_release() … */
    char *own_value;      /* … with the value, where that is not the message's: an id from a header stands in front of it; or NULL */
    char text[KAFKA_TEXT_SIZE];
} SourcePoll;

/* Subscribes. `inputs` outlives the source. */
MUST_CHECK int kafka_source_new(const Config *config, const Inputs *inputs, KafkaSourceHandler handler, KafkaLog log, char *text,
        KafkaSource **ret);
const Inputs *kafka_source_inputs(const KafkaSource *source);
/* Leaves the group at once (after `revoked` was called). */
KafkaSource *kafka_source_free(KafkaSource *source);
DEFINE_CLEANUP(KafkaSource *, kafka_source_free)

/*
 * One record or other thing. 0; or, with a text of SOURCE_ERROR, a negative errno: the handler's, -EPROTO if
 * the group's assignment does not pair the topics up, -ENOTRECOVERABLE if the client cannot go on.
 */
MUST_CHECK int kafka_source_poll(KafkaSource *source, int timeout_ms, SourcePoll *ret);
void kafka_source_release(SourcePoll *result);

/*
 * What the group has committed for a shard, one entry per input (of one that the shard does not have: nothing); waits out a predecessor's pending
 * transaction (RequireStable). Only from within `assigned` or later.
 */
MUST_CHECK int kafka_source_committed(
        KafkaSource *source, int32_t shard, int timeout_ms, char *text, CommittedOffset *ret);
/* Reads the shard from offsets[input] on; -2 begins at the first there is, -1 at the end. */
MUST_CHECK int kafka_source_start(KafkaSource *source, int32_t shard, const int64_t *offsets, char *text);
/* Ends the reading of a shard that stays assigned, until kafka_source_start(). */
void kafka_source_stop(KafkaSource *source, int32_t shard);
/* Stops (true) or goes on (false) to deliver records of all shards, while staying in the group. */
MUST_CHECK int kafka_source_pause(KafkaSource *source, bool pause, char *text);
/* The same for one input of a shard, whatever becomes of the others: on hold it is not read while they are. */
MUST_CHECK int kafka_source_hold(KafkaSource *source, int32_t shard, unsigned input, bool hold, char *text);
/* Where the log of one of a shard's inputs ended when it was last fetched from; -1: not known. */
int64_t kafka_source_end(const KafkaSource *source, int32_t shard, unsigned input);
/* Has the assignment been lost (session expired)? */
bool kafka_source_is_lost(const KafkaSource *source);
/*
 * The group's metadata of this instant; to be taken on this thread just before it is used (DESIGN section 3).
 * NULL if this is no longer the member, of the generation, that the shards were assigned to. Caller destroys.
 */
rd_kafka_consumer_group_metadata_t *kafka_source_group_metadata(KafkaSource *source);
