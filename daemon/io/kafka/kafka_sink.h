#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kafka Sink
 *
 * The transactional producer: two clients that take turns, one transaction at a time (kafka_sink.c). One transaction carries outputs, state records, footers and the offsets of
 * their inputs; a reader with isolation.level=read_committed sees all of it or nothing.
 */
#include "daemon/io/kafka/kafka_source.h"

typedef struct KafkaSink KafkaSink;

typedef struct KafkaHeader {
    const char *name;
    Str value;
} KafkaHeader;

/* Offsets of one shard to commit, with the same metadata for each of its inputs. */
typedef struct ShardOffsets {
    int32_t shard;
    const int64_t *offsets; /* next to read, one per input of the source; -1: nothing known, left out */
    const char *metadata;
} ShardOffsets;

#define KAFKA_SINK_CLIENTS 2

typedef struct KafkaSinkHandlers {
    KafkaLog log;
    KafkaStatisticsHandler statistics[KAFKA_SINK_CLIENTS];
    KafkaPatience patience;
} KafkaSinkHandlers;

/*
 * The clients' transactional.id are <group>.<instance> and the same with "~2" behind it. Waits for init_transactions of both,
 * which fences a predecessor. All handlers may be left out; they are copied.
 */
MUST_CHECK int kafka_sink_new(const Config *config, const KafkaSinkHandlers *handlers, int timeout_ms, char *text, KafkaSink **ret);
KafkaSink *kafka_sink_free(KafkaSink *sink);
DEFINE_CLEANUP(KafkaSink *, kafka_sink_free)

/* Lets the client tell what it has to tell, its statistics: to be called now and then where no transaction is made. */
void kafka_sink_serve(KafkaSink *sink);

MUST_CHECK int kafka_sink_begin(KafkaSink *sink, char *text);
/*
 * Queues one record for `partition` (-1: by config->partitioner from the key; of one topic either all or none). Key and value are copied; a
 * null value is a tombstone. The time of the commit is its timestamp. `ret_offset`, if not NULL, receives the
 * record's offset once kafka_sink_commit() has returned 0 (-1 if the broker has not told it, which can be
 * after a retry); it must live until then (or until abort). KAFKA_E_UNKNOWN: no such topic (a partition that is none the commit finds);
 * KAFKA_E_CONFIG: may not be written, or is larger than message.max.bytes; KAFKA_E_ABORT; after each of them
 * the transaction is to be aborted.
 */
MUST_CHECK int kafka_sink_produce(KafkaSink *sink, const char *topic, int32_t partition, Str key, Str value,
        const KafkaHeader *headers, size_t n_headers, int64_t *ret_offset, char *text);
/*
 * Sends the offsets into the transaction under the source's group metadata of this instant, and commits. 0,
 * or KAFKA_E_ABORT (then call kafka_sink_abort), or KAFKA_E_FATAL (free the sink; whether it was committed is
 * unknown). Retriable errors are retried within, up to some 20 s in all. -EINVAL without any offset: nothing
 * would fence the transaction. After an abort librdkafka 2.0 may want another one for the client's next transaction.
 */
MUST_CHECK int kafka_sink_commit(
        KafkaSink *sink, KafkaSource *source, const ShardOffsets *shards, size_t n, char *text);
/*
 * The same in two steps, of which the second waits. After the first the next transaction may be begun and records queued for it, also while
 * another thread takes the second. Each fails as above; the first does without anything having been sent.
 */
MUST_CHECK int kafka_sink_close(KafkaSink *sink, KafkaSource *source, const ShardOffsets *shards, size_t n, char *text);
MUST_CHECK int kafka_sink_finish(KafkaSink *sink, char *text);
/* The same for what has no inputs of a group's: only the transactional id fences it. */
MUST_CHECK int kafka_sink_commit_alone(KafkaSink *sink, char *text);
/* 0 or KAFKA_E_FATAL. */
MUST_CHECK int kafka_sink_abort(KafkaSink *sink, char *text);
