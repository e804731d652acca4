#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Configuration
 *
 * scored.yaml: connections, topics, batching. Read and checked in one go like the model (every error with its
 * place), from one table of keys that also lists the defaults. Secrets are given by file, never in the open.
 */
#include "lib/base/diagnostic.h"
#include "lib/engine/output.h"

/* Ours: a footer names each source, and the schemas of one registry that events are still read with are a handful. */
#define CONFIG_SOURCES_MAX 16
#define CONFIG_SCHEMAS_MAX 256
#define CONFIG_REGISTRY_URLS_MAX 8
#define CONFIG_REDIS_HOSTS_MAX 16

/* A librdkafka property, passed through as it is. */
typedef struct KafkaProperty {
    const char *name, *value;
} KafkaProperty;

/* A writer schema of source events. */
typedef struct SchemaFile {
    int32_t id;
    const char *path;
} SchemaFile;

typedef enum WatermarkMode {
    WATERMARK_WALL, /* follows the wall clock where every source is proved to be read up to it */
    WATERMARK_DATA, /* follows the events alone: loads of history */
} WatermarkMode;

/* LOG_AUTO: fields if standard error is the journal, else logfmt. */
typedef enum LogFormat { LOG_AUTO, LOG_LOGFMT, LOG_JSON, LOG_JOURNAL } LogFormat;
/* How ids of leads, accounts and events are shown. */
typedef enum LogIds { LOG_IDS_CLEAR, LOG_IDS_HASHED, LOG_IDS_NONE } LogIds;
typedef enum LogLevel { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG } LogLevel;

/* Where a new shard starts in its sources. */
typedef enum StartAt { START_EARLIEST, START_LATEST } StartAt;

/* Some of the servers of one system: host:port. */
typedef struct ConfigHosts {
    const char *hosts[CONFIG_REDIS_HOSTS_MAX];
    size_t n;
} ConfigHosts;

/* What the transactional id of the second producer of an instance ends with. */
#define CONFIG_SECOND_PRODUCER "~2"

typedef struct Config {
    struct Arena *arena;
    const char *model_path;

    const char *bootstrap_servers;
    const char *group;    /* consumer group; also names the transactional ids */
    const char *instance; /* default: the host name */
    const char *partitioner; /* murmur2_random, consistent_random or fnv1a_random */
    StartAt start;
    bool embedded; /* librdkafka's in-process cluster: no admin requests, no transactional offsets */
    KafkaProperty *kafka_properties;
    size_t n_kafka_properties;

    const char *sources[CONFIG_SOURCES_MAX]; /* topics, in the order in which a batch takes them */
    size_t n_sources;
    bool is_routed[CONFIG_SOURCES_MAX]; /* its events are sent on to the shards of their leads, whichever partition they stand in */
    int64_t shards; /* where all sources are routed, and no topic of ours tells: how many; 0: as the largest has partitions */
    const char *prefix;                              /* of every topic of ours: <prefix>.changelog, … */
    const char *output_topics[_OUTPUT_TYPE_MAX];     /* default <prefix>.stages, .sla, .refused, .retired, .dead-letters */
    const char *changelog_topic, *internal_topic;
    bool create_topics;
    int64_t replication_factor; /* of created topics; -1: the broker's default */

    SchemaFile *schemas;
    size_t n_schemas;
    const char *output_schema_dir; /* of our own .avsc */
    int32_t output_schema_ids[_OUTPUT_TYPE_MAX];

    const char *registry_urls[CONFIG_REGISTRY_URLS_MAX]; /* of one Schema Registry */
    size_t n_registry_urls;                              /* 0: there is none, the files say it all */
    bool registry_register;
    const char *registry_username, *registry_password_file, *registry_token_file;
    const char *registry_ca_file, *registry_certificate_file, *registry_key_file, *registry_key_password_file;
    int64_t registry_timeout_ms;

    const char *redis_address; /* unix:/path or tcp:host:port; of sentinels or a cluster, what they are called in texts */
    ConfigHosts redis_sentinels;
    const char *redis_master; /* as the sentinels call it */
    ConfigHosts redis_cluster;
    const char *redis_sentinel_username, *redis_sentinel_password_file;
    bool redis_sentinel_tls;
    const char *redis_username;
    const char *redis_password_file;
    int64_t redis_database;
    const char *redis_prefix;  /* of every key of ours */
    bool redis_hashes;         /* leads and accounts have readable hashes */
    bool redis_tls;
    const char *redis_ca_file, *redis_certificate_file, *redis_key_file, *redis_key_password_file;
    const char *redis_server_name; /* what its certificate has to be for; NULL: the host's name, or address, that it is reached by */

    WatermarkMode watermark;
    int64_t max_future_ms;
    int64_t batch_max_events;
    int64_t batch_max_ms;
    int64_t batch_order_wait_ms; /* how long a source's record waits for what the others have before it */
    int64_t batch_max_moments; /* due moments of a shard in one transaction */
    int64_t view_max_pending;  /* batches of a shard that may wait for Redis */
    int64_t view_max_bytes;    /* memory for those that do, all shards */
    int64_t view_max_delay_ms; /* one waits for the next, as long as batches are full */
    int64_t cache_max_bytes;   /* records in memory, all shards */
    int64_t moments_near_max;  /* moments of leads that are not cached, kept in the process, per shard */
    const char *http_listen;   /* for metrics and health: unix:/path or host:port (listen_address.h); NULL: nowhere */
    bool http_allow_remote;    /* an address that is not this machine's alone */
    int64_t http_stuck_after_ms; /* without progress it is no more alive */
    int64_t http_max_sources;  /* first sources of leads that metrics tell apart */
    bool http_board;           /* the board for browsers is served as well … */
    const char *http_token_file; /* … to whoever has the token in this file; NULL: to whoever reaches it */
    const char *http_host;     /* the name that browsers know it by, beside localhost and addresses; NULL: none */
    LogFormat log_format;
    LogLevel log_level;
    LogIds log_lead_ids;
    const char *log_lead_ids_key_file; /* NULL: a random key */
} Config;

/*
 * Reads `source`, the bytes of scored.yaml. Relative paths in it are taken from `directory`, the file's own.
 * *ret is set only if there is no error. Returns 0 or -ENOMEM.
 */
MUST_CHECK int config_load(Str source, const char *directory, Diagnostics *diagnostics, Config **ret);
Config *config_free(Config *config);
DEFINE_CLEANUP(Config *, config_free)
/*
 * The model's path in a configuration that may have errors elsewhere, so that the model can be checked all the
 * same. *ret is the caller's to free; NULL: it can't be told. Returns 0 or -ENOMEM.
 */
MUST_CHECK int config_find_model(Str source, const char *directory, char **ret);
/* Is the property of librdkafka one whose value may be a secret? */
bool config_is_secret(const char *property);
