#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The History of Topics
 *
 * What topics hold, from an instant on to their ends as they are now, once: all partitions of all of them merged by the records'
 * timestamps, which is about the order in which the records arrived. Each partition keeps its own order; records of one instant come by
 * topic as given, then by partition. Read_committed, without being a member of any group, and without committing anything, so that reading
 * changes nothing. What compaction, retention or an aborted transaction has taken away is not there.
 *
 * A merge needs the next record of every partition. Of all partitions together librdkafka fetches at most 64 MiB ahead, an equal share for
 * each that has records to be read, but at least 64 KiB; it keeps the brokers' answers (4 MiB, or one message) while a record in them is
 * to be read.
 */
#include "daemon/io/kafka/kafka_client.h"

typedef struct KafkaHistory KafkaHistory;

enum { KAFKA_HISTORY_E_END = 100 }; /* beside KAFKA_E_*: everything has been read */

typedef struct KafkaHistoryOptions {
    const char *const *topics; /* borrowed */
    size_t n_topics;
    int64_t from_ms, to_ms; /* as kafka_cluster_spans() has them: TIME_NONE, TIME_NEVER: all there is */
    int64_t latest;         /* if positive: of each partition only the latest so many offsets of that */
} KafkaHistoryOptions;

/* What it borrows is valid until the next one is asked for. */
typedef struct KafkaHistoryRecord {
    size_t topic; /* index into the options' */
    int32_t partition;
    int64_t offset, timestamp_ms; /* -1: it has no timestamp */
    Str key, value;               /* null if it has none */
} KafkaHistoryRecord;

/*
 * Asks where the topics begin and end, and begins to read. KAFKA_E_UNKNOWN if a topic does not exist, KAFKA_E_TIMEOUT or KAFKA_E_RETRY if
 * no broker answers. `config` is borrowed.
 */
MUST_CHECK int kafka_history_new(const Config *config, const KafkaHistoryOptions *options, KafkaLog log, int timeout_ms, char *text,
        KafkaHistory **ret);
KafkaHistory *kafka_history_free(KafkaHistory *history);
DEFINE_CLEANUP(KafkaHistory *, kafka_history_free)

/*
 * The next record. KAFKA_HISTORY_E_END after the last; KAFKA_E_TIMEOUT if it did not come in time, with the client's latest trouble in
 * `text`: a later call goes on. What else there is of KAFKA_E_* ends it.
 */
MUST_CHECK int kafka_history_next(KafkaHistory *history, int timeout_ms, char *text, KafkaHistoryRecord *ret);
/* The latest header of that name of the record that was given last; null: it has none. Borrowed like the record. */
Str kafka_history_header(const KafkaHistory *history, const char *name);
