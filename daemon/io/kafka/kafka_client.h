#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka Clients
 *
 * What is common to the consumer, the producer and the changelog reader: how a client is configured, how an
 * error of librdkafka is sorted, and questions to the cluster (partitions, ends, topics). The files
 * of daemon/io/kafka are the only ones that know librdkafka.
 */
#include "daemon/config/config.h"
#include "lib/base/util.h"

/* Room for an error's text beside its code. */
#define KAFKA_TEXT_SIZE 512

/* How the caller must go on. Negative errno (out of memory) besides. */
enum {
    _KAFKA_E_SUCCESS,
    KAFKA_E_TIMEOUT, /* nothing within the time given; try again */
    KAFKA_E_RETRY,   /* did not happen; the same call may be made again */
    KAFKA_E_ABORT,   /* the transaction must be aborted */
    KAFKA_E_FATAL, /* fenced, unknown outcome or unflagged: destroy the producer, take all shards over anew */
    KAFKA_E_UNKNOWN, /* the topic or partition does not exist */
    KAFKA_E_CONFIG,  /* a property is unknown or has a wrong value */
    KAFKA_E_OFFSET,  /* an offset is out of the log's range */
};

/* Offset and metadata that the group has committed for one input of a shard. */
typedef struct CommittedOffset {
    int64_t offset;     /* next to read; -1: none */
    char metadata[256]; /* terminated; empty: none (or an operator's reset) */
} CommittedOffset;

typedef struct KafkaCluster KafkaCluster;

/* Extra properties of one client; NULL-terminated name, value, name, value … list. */
typedef const char *const *KafkaExtra;

/*
 * A handle for questions to the cluster (a consumer without a group): metadata, ends of partitions as a
 * read_uncommitted reader sees them, admin requests. Librdkafka's own log lines go to `log`, which its
 * threads call; NULL: to nobody. As for all clients, `config` must outlive it.
 */
typedef void (*KafkaLog)(int syslog_level, const char *facility, const char *message);
/*
 * Takes a client's statistics, JSON as librdkafka documents it (kafka_statistics.h), every KAFKA_STATISTICS_INTERVAL_MS unless
 * kafka.properties say otherwise, on the thread that polls the client. `take` NULL: nobody wants them.
 */
typedef struct KafkaStatisticsHandler {
    void (*take)(void *userdata, Str json);
    void *userdata;
} KafkaStatisticsHandler;
/*
 * Of who does not want to be held up by calls that wait for brokers: called several times a second meanwhile, on the caller's thread, with
 * what was wrong with a connection last; NULL: nothing that is known. True: the call ends soon, as if its time were over.
 */
typedef struct KafkaPatience {
    bool (*is_over)(void *userdata, const char *error);
    void *userdata;
} KafkaPatience;
MUST_CHECK int kafka_cluster_new(const Config *config, KafkaLog log, char *text, KafkaCluster **ret);
/* The same, but ends are those of a read_committed reader: what transactions that are open have written is not there yet. */
MUST_CHECK int kafka_cluster_new_committed(const Config *config, KafkaLog log, char *text, KafkaCluster **ret);
KafkaCluster *kafka_cluster_free(KafkaCluster *cluster);
DEFINE_CLEANUP(KafkaCluster *, kafka_cluster_free)

/* From now on, for all questions but those for offsets. */
void kafka_cluster_set_patience(KafkaCluster *c, KafkaPatience patience);

/* Sleeps as one who waits for the brokers, because of `error`, which is told if ms is 0, too. False: it is not to be waited any more. */
MUST_CHECK bool kafka_cluster_wait(KafkaCluster *c, int64_t ms, const char *error);

/* *ret: number of brokers, one of which has answered. */
MUST_CHECK int kafka_cluster_brokers(KafkaCluster *c, int timeout_ms, char *text, int *ret);
/* *ret: number of partitions; KAFKA_E_UNKNOWN if there is no such topic. */
MUST_CHECK int kafka_cluster_partitions(
        KafkaCluster *c, const char *topic, int timeout_ms, char *text, int32_t *ret);
/*
 * First and end offset of a partition, asked of its leader now: the end is the high watermark,
 * read_uncommitted, so that records of open transactions count (DESIGN section 4, "Proof").
 */
MUST_CHECK int kafka_cluster_range(KafkaCluster *c, const char *topic, int32_t partition, int timeout_ms,
        char *text, int64_t *ret_first, int64_t *ret_end);

typedef struct KafkaEnd {
    const char *topic;
    int32_t partition;
    int64_t end; /* set by kafka_cluster_ends() */
} KafkaEnd;
/* The ends of many partitions, as kafka_cluster_range() tells them, in one request a broker: all or none. */
MUST_CHECK int kafka_cluster_ends(KafkaCluster *c, KafkaEnd *ends, size_t n, int timeout_ms, char *text);

/* A part of a partition: the offsets from `first` on and before `end`. */
typedef struct KafkaSpan {
    const char *topic;
    int32_t partition;
    int64_t first, end; /* set by kafka_cluster_spans(); equal if there is nothing */
} KafkaSpan;
/*
 * What came into the partitions from from_ms on (TIME_NONE: from their beginnings) and before to_ms (TIME_NEVER: to their ends), by the
 * timestamps of the records: a span begins with the first record that is not before from_ms, and ends with the first that is not before
 * to_ms, so that spans that follow one another leave nothing out. All or none.
 */
MUST_CHECK int kafka_cluster_spans(
        KafkaCluster *c, KafkaSpan *spans, size_t n, int64_t from_ms, int64_t to_ms, int timeout_ms, char *text);

/* Creates the topic. `properties`: NULL-terminated list of name, value pairs. Existing already is success. */
MUST_CHECK int kafka_cluster_create_topic(KafkaCluster *c, const char *topic, int32_t partitions,
        int64_t replication_factor, KafkaExtra properties, int timeout_ms, char *text);
/* A topic's configuration value into `value` (size bytes). */
MUST_CHECK int kafka_cluster_topic_property(KafkaCluster *c, const char *topic, const char *property,
        int timeout_ms, char *text, char *value, size_t size);

/* The partition to which config->partitioner sends `key` of n partitions; -1 for a null key, which it
 * scatters. */
int32_t kafka_partition_of(const Config *config, Str key, int32_t n);
/* The partitioners that a configuration may name. */
#define KAFKA_PARTITIONERS 3
const char *kafka_partitioner_name(unsigned partitioner);
/* The one that it does name. */
unsigned kafka_partitioner(const Config *config);
/* As kafka_partition_of(), by any of them. */
int32_t kafka_partition_by(unsigned partitioner, Str key, int32_t n);
/* Can the library log in by SCRAM where it is taken by the letter, as by brokers from 4.0 on? */
bool kafka_scram_is_strict(void);
/* Of librdkafka. */
const char *kafka_client_version(void);
/* Is the property one that scored sets itself and that may not be passed through? */
bool kafka_property_is_reserved(const char *name);
/* Checks a pass-through property as librdkafka would. */
MUST_CHECK bool kafka_property_check(const char *name, const char *value, char *text);
