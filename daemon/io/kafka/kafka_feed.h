#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Feed
 *
 * Follows the output topics from their ends on, for people who watch, or reads what there is about one lead or account, for
 * people who ask: read_committed, outside of any group, so that watching changes nothing. Also counts what goes into the sources.
 */
#include "daemon/io/avro/avro_output_reader.h"
#include "daemon/io/kafka/kafka_client.h"

typedef struct KafkaFeed KafkaFeed;

typedef enum FeedPollType {
    FEED_NOTHING, /* timeout_ms went by */
    FEED_OUTPUT,
    FEED_BROKEN, /* a record that cannot be read, `text` says why; what follows can be */
    FEED_ERROR,  /* told in `text`; the client goes on by itself */
    FEED_END,    /* of a past: what there was has been read */
} FeedPollType;

typedef struct FeedPoll {
    FeedPollType type;
    Output output;        /* borrows from the record and the reader: valid until the feed's next call */
    int64_t timestamp_ms; /* when the record was produced; -1: unknown */
    char text[KAFKA_TEXT_SIZE];
} FeedPoll;

/*
 * Follows the topics of the types whose bit is set in `types` (bit i: OutputType i), all partitions. `config`
 * and `reader` are borrowed. KAFKA_E_UNKNOWN if a topic does not exist, KAFKA_E_TIMEOUT if no broker answers.
 */
MUST_CHECK int kafka_feed_new(const Config *config, AvroOutputReader *reader, unsigned types, KafkaLog log,
        int timeout_ms, char *text, KafkaFeed **ret);
/* Keys of records; borrowed. */
typedef struct FeedKeys {
    const Str *keys;
    size_t n;
} FeedKeys;
/*
 * The same from the topics' beginnings to their ends, but only what has one of these keys, one at least: only the partitions that they
 * belong to are read.
 */
MUST_CHECK int kafka_feed_new_past(const Config *config, AvroOutputReader *reader, unsigned types, FeedKeys keys, KafkaLog log,
        int timeout_ms, char *text, KafkaFeed **ret);
/* What is read before what comes: nothing older than since_ms, and the latest n_each records of each partition at most. */
typedef struct FeedRecent {
    int64_t since_ms, n_each;
} FeedRecent;
/* Follows the topics as kafka_feed_new() does, but from a while before their ends. */
MUST_CHECK int kafka_feed_new_recent(const Config *config, AvroOutputReader *reader, unsigned types, FeedRecent recent, KafkaLog log,
        int timeout_ms, char *text, KafkaFeed **ret);
KafkaFeed *kafka_feed_free(KafkaFeed *feed);
DEFINE_CLEANUP(KafkaFeed *, kafka_feed_free)

/* One record or other thing. */
void kafka_feed_poll(KafkaFeed *feed, int timeout_ms, FeedPoll *ret);

/* What has gone into the sources, and what of it the daemon has not committed yet. */
typedef struct FeedProgress {
    int64_t n_records; /* sum of the ends of all partitions: its growth is the rate */
    int64_t lag;       /* records; -1: unknown, as nothing is committed in an embedded cluster */
    const int64_t *lags; /* by partition, of all sources together; -1 as above. Valid until the feed's next call */
    int32_t n_lags;
} FeedProgress;
MUST_CHECK int kafka_feed_progress(KafkaFeed *feed, int timeout_ms, char *text, FeedProgress *ret);
