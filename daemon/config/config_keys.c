/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/config_keys.h"

#include <limits.h>

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define SECOND_MS INT64_C(1000)
#define DAY_MS (86400 * SECOND_MS)

/* Of Kafka: the file of a log is named after its topic. */
#define TOPIC_LEN_MAX 249
/* Our own topics' names need some, the longest being ".dead-letters". */
#define TOPIC_PREFIX_LEN_MAX (TOPIC_LEN_MAX - 16)
/* Group and instance together make the transactional id. */
#define ID_LEN_MAX 255
/* It stands in each of millions of keys. */
#define REDIS_PREFIX_LEN_MAX 64

static const char *const partitioners[] = {"murmur2_random", "consistent_random", "fnv1a_random", NULL};
static const char *const starts[] = {[START_EARLIEST] = "earliest", [START_LATEST] = "latest", NULL};
static const char *const watermarks[] = {[WATERMARK_WALL] = "wall", [WATERMARK_DATA] = "data", NULL};
static const char *const log_formats[] = {
        [LOG_AUTO] = "auto", [LOG_LOGFMT] = "logfmt", [LOG_JSON] = "json", [LOG_JOURNAL] = "journal", NULL};
static const char *const log_ids[] = {[LOG_IDS_CLEAR] = "clear", [LOG_IDS_HASHED] = "hashed", [LOG_IDS_NONE] = "none", NULL};
static const char *const log_levels[] = {
        [LOG_ERROR] = "error", [LOG_WARNING] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug", NULL};

#define ROW(section_arg, key_arg, type_arg, field, ...)                                                      \
    {                                                                                                        \
        .section = (section_arg), .key = (key_arg), .type = CONFIG_##type_arg,                               \
        .offset = offsetof(Config, field), __VA_ARGS__                                                       \
    }
#define RANGE(min_arg, max_arg) .min = (min_arg), .max = (max_arg)
#define OUTPUT_TOPIC(key_arg, type_arg, absent_arg, summary_arg)                                             \
    ROW("topics", key_arg, TOPIC, output_topics[type_arg], RANGE(1, TOPIC_LEN_MAX), .absent = (absent_arg),  \
            .summary = (summary_arg))

/* clang-format off */
const ConfigKey config_keys[] = {
    ROW(NULL, "model", PATH, model_path,
        .summary = "the model's file"),
    ROW(NULL, "sources", TOPICS, sources, RANGE(1, TOPIC_LEN_MAX),
        .summary = "the topics of events, in the order in which a batch takes them"),
    ROW(NULL, "route", ROUTED, is_routed, .default_text = "[]",
        .summary = "those of them that are not keyed by lead_id like the others: events are sent on to their leads' partitions"),
    ROW(NULL, "instance", TEXT, instance, RANGE(1, ID_LEN_MAX), .absent = "the host's name",
        .summary = "this process among those of the group; stays the same over restarts"),
    ROW(NULL, "watermark", CHOICE, watermark, .words = watermarks, .default_text = "wall",
        .summary = "what time follows: the wall clock, or the events alone (for loads of history)"),
    ROW(NULL, "max_future", DURATION, max_future_ms, RANGE(0, 365 * DAY_MS), .default_text = "10m",
        .summary = "events further ahead of the wall clock are dead letters"),

    ROW("kafka", "bootstrap_servers", TEXT, bootstrap_servers, RANGE(1, 4096),
        .summary = "host:port of one broker or, with commas between them, of some"),
    ROW("kafka", "group", TEXT, group, RANGE(1, ID_LEN_MAX), .default_text = "scored",
        .summary = "the consumer group, whose members share the partitions"),
    ROW("kafka", "partitioner", WORD, partitioner, .words = partitioners, .default_text = "murmur2_random",
        .summary = "how the producers of the sources assign keys to partitions"),
    ROW("kafka", "start", CHOICE, start, .words = starts, .default_text = "earliest",
        .summary = "where a new group begins in its sources"),
    ROW("kafka", "embedded", BOOLEAN, embedded, .default_text = "false",
        .summary = "the brokers are librdkafka's in-process cluster; for demonstrations"),
    ROW("kafka", "properties", PROPERTIES, kafka_properties, .default_text = "{}",
        .summary = "further properties of librdkafka, as its documentation lists them"),
    ROW("kafka", "secrets", SECRETS, kafka_properties, .default_text = "{}",
        .summary = "the same for secrets: the files that hold them"),

    ROW("topics", "prefix", TOPIC, prefix, RANGE(1, TOPIC_PREFIX_LEN_MAX), .default_text = "scored",
        .summary = "of the names of all topics below"),
    OUTPUT_TOPIC("stages", OUTPUT_STAGE_CHANGED, "PREFIX.stages", "stage changes"),
    OUTPUT_TOPIC("sla", OUTPUT_SLA_EVENT, "PREFIX.sla", "warnings, breaches and other news of clocks"),
    OUTPUT_TOPIC("refused", OUTPUT_REFUSED, "PREFIX.refused", "moves that a requirement refused"),
    OUTPUT_TOPIC("retired", OUTPUT_LEAD_RETIRED, "PREFIX.retired", "leads that were merged or forgotten"),
    OUTPUT_TOPIC("dead_letters", OUTPUT_DEAD_LETTER, "PREFIX.dead-letters", "records that are no event"),
    ROW("topics", "changelog", TOPIC, changelog_topic, RANGE(1, TOPIC_LEN_MAX), .absent = "PREFIX.changelog",
        .summary = "the state of every lead: compacted, and read by no one else"),
    ROW("topics", "internal", TOPIC, internal_topic, RANGE(1, TOPIC_LEN_MAX), .absent = "PREFIX.internal",
        .summary = "what crosses partitions"),
    ROW("topics", "partitions", INTEGER, shards, RANGE(1, 100000), .absent = "as the sources, or the largest routed one",
        .summary = "of changelog and internal topic where all sources are routed"),
    ROW("topics", "create", BOOLEAN, create_topics, .default_text = "true",
        .summary = "create those of our topics that don't exist"),
    ROW("topics", "replication_factor", INTEGER, replication_factor, RANGE(-1, SHRT_MAX),
        .default_text = "-1",
        .summary = "of topics that are created; -1: the brokers' default"),

    ROW("schemas", "directory", PATH, output_schema_dir,
        .summary = "the directory of our own schemas, StageChanged.avsc and so on"),
    ROW("schemas", "events", SCHEMAS, schemas, .absent = "the registry's; without one they are required",
        .summary = "the schemas of the sources: the id in a message, and the file"),
    ROW("schemas", "outputs", OUTPUT_IDS, output_schema_ids,
        .default_text = "{ StageChanged: 1, SlaEvent: 2, Refused: 3, LeadRetired: 4, DeadLetter: 5 }",
        .summary = "the ids under which our own schemas are known to those who read"),

    ROW("registry", "urls", URLS, registry_urls, .absent = "no registry: the ids of schemas are those of schemas.events and schemas.outputs",
        .summary = "a Schema Registry, by one URL or several that are tried in turn"),
    ROW("registry", "register", BOOLEAN, registry_register, .default_text = "true",
        .summary = "register our own schemas; if not, they have to be there"),
    ROW("registry", "username", TEXT, registry_username, RANGE(1, 256), .absent = "no login",
        .summary = "whom to log in as"),
    ROW("registry", "password_file", SECRET, registry_password_file, .absent = "no login",
        .summary = "the file that holds the password"),
    ROW("registry", "token_file", SECRET, registry_token_file, .absent = "no token",
        .summary = "the file that holds a bearer token"),
    ROW("registry", "ca_file", SECRET, registry_ca_file, .absent = "the system's",
        .summary = "the certificate authorities (PEM) by which the registry proves who it is"),
    ROW("registry", "certificate_file", SECRET, registry_certificate_file, .absent = "none",
        .summary = "our own certificate (PEM), for a registry that asks for one"),
    ROW("registry", "key_file", SECRET, registry_key_file, .absent = "none",
        .summary = "its private key (PEM)"),
    ROW("registry", "key_password_file", SECRET, registry_key_password_file, .absent = "the key is not encrypted",
        .summary = "the file that holds the password of the key"),
    ROW("registry", "timeout", DURATION, registry_timeout_ms, RANGE(100, 60 * SECOND_MS), .default_text = "5s",
        .summary = "how long one URL is waited for"),

    ROW("redis", "address", ADDRESS, redis_address, .absent = "that of sentinels or cluster, one of which has to be given then",
        .summary = "unix:/path/of/socket or tcp:host:port"),
    ROW("redis", "sentinels", HOSTS, redis_sentinels, .absent = "there are none",
        .summary = "in place of the address: host:port of each sentinel, which know who the master is"),
    ROW("redis", "master", TEXT, redis_master, RANGE(1, 200), .absent = "there are no sentinels",
        .summary = "the name by which they know it"),
    ROW("redis", "sentinel_username", TEXT, redis_sentinel_username, RANGE(1, 256), .absent = "their default user",
        .summary = "whom to log in as to sentinels"),
    ROW("redis", "sentinel_password_file", SECRET, redis_sentinel_password_file, .absent = "no login",
        .summary = "the file that holds the password for sentinels"),
    ROW("redis", "sentinel_tls", BOOLEAN, redis_sentinel_tls, .absent = "as tls",
        .summary = "encrypt what is said to sentinels"),
    ROW("redis", "cluster", HOSTS, redis_cluster, .absent = "it is none",
        .summary = "in place of the address: host:port of some nodes of a Redis Cluster"),
    ROW("redis", "username", TEXT, redis_username, RANGE(1, 256), .absent = "Redis's default user",
        .summary = "whom to log in as"),
    ROW("redis", "password_file", SECRET, redis_password_file, .absent = "no login",
        .summary = "the file that holds the password"),
    ROW("redis", "database", INTEGER, redis_database, RANGE(0, INT_MAX), .default_text = "0",
        .summary = "the number of the database"),
    ROW("redis", "prefix", PREFIX, redis_prefix, RANGE(1, REDIS_PREFIX_LEN_MAX), .default_text = "scored",
        .summary = "of all keys"),
    ROW("redis", "hashes", BOOLEAN, redis_hashes, .default_text = "true",
        .summary = "write a readable hash of each lead and account, too; what it says reader functions tell as well"),
    ROW("redis", "tls", BOOLEAN, redis_tls, .default_text = "false",
        .summary = "encrypt, and see its certificate"),
    ROW("redis", "ca_file", SECRET, redis_ca_file, .absent = "the system's",
        .summary = "the certificate authorities (PEM) by which Redis proves who it is"),
    ROW("redis", "certificate_file", SECRET, redis_certificate_file, .absent = "none",
        .summary = "our own certificate (PEM), for a Redis that asks for one"),
    ROW("redis", "key_file", SECRET, redis_key_file, .absent = "none",
        .summary = "its private key (PEM)"),
    ROW("redis", "key_password_file", SECRET, redis_key_password_file, .absent = "the key is not encrypted",
        .summary = "the file that holds the password of the key"),
    ROW("redis", "server_name", TEXT, redis_server_name, RANGE(1, 255), .absent = "the host by which it is reached",
        .summary = "the name that has to be in Redis's certificate"),

    ROW("batch", "max_events", INTEGER, batch_max_events, RANGE(1, 100000), .default_text = "50000",
        .summary = "events in one transaction"),
    ROW("batch", "max_time", DURATION, batch_max_ms, RANGE(1, 5 * SECOND_MS), .default_text = "20ms",
        .summary = "how long a batch waits for more events"),
    ROW("batch", "max_moments", INTEGER, batch_max_moments, RANGE(1, 100000), .default_text = "5000",
        .summary = "leads that time moves, of one partition in one transaction"),
    ROW("batch", "order_wait", DURATION, batch_order_wait_ms, RANGE(0, 3600 * SECOND_MS), .default_text = "10s",
        .summary = "how long an event waits for earlier ones of other sources"),

    ROW("view", "max_pending", INTEGER, view_max_pending, RANGE(1, 1000), .default_text = "200",
        .summary = "batches of a partition that may wait for Redis before no more are read"),
    ROW("view", "max", SIZE, view_max_bytes, RANGE(64 * KIB, 1024 * GIB), .default_text = "32MiB",
        .summary = "memory for batches that wait for Redis, of all partitions together"),
    ROW("view", "max_delay", DURATION, view_max_delay_ms, RANGE(0, 10 * SECOND_MS), .default_text = "200ms",
        .summary = "how long a batch waits for the next ones, as long as events are waiting"),

    ROW("cache", "max", SIZE, cache_max_bytes, RANGE(64 * KIB, 1024 * GIB), .default_text = "256MiB",
        .summary = "leads kept in memory, of all partitions together"),
    ROW("cache", "moments", INTEGER, moments_near_max, RANGE(1, 100000000), .default_text = "100000",
        .summary = "next moments kept in memory of leads that are not, per partition"),

    ROW("http", "listen", LISTEN, http_listen, .default_text = "off",
        .summary = "where metrics and health are served: 127.0.0.1:9464, unix:/path or off"),
    ROW("http", "allow_remote", BOOLEAN, http_allow_remote, .default_text = "false",
        .summary = "listen at an address that others than this machine reach, too"),
    ROW("http", "stuck_after", DURATION, http_stuck_after_ms, RANGE(SECOND_MS, 3600 * SECOND_MS), .default_text = "60s",
        .summary = "without progress for so long it is not alive"),
    ROW("http", "max_sources", INTEGER, http_max_sources, RANGE(0, 1000), .default_text = "20",
        .summary = "first sources of leads that metrics tell apart"),
    ROW("http", "board", BOOLEAN, http_board, .default_text = "false",
        .summary = "serve the board, a page for browsers, too"),
    ROW("http", "token_file", SECRET, http_token_file, .absent = "no token is asked for, and the board is for this machine only",
        .summary = "a file with the token that the board asks for"),
    ROW("http", "host", TEXT, http_host, RANGE(1, 253), .absent = "localhost and addresses only",
        .summary = "the name by which browsers ask for the board"),

    ROW("log", "format", CHOICE, log_format, .words = log_formats, .default_text = "auto",
        .summary = "logfmt or JSON on standard error, or the journal; auto: the journal if standard error is, else logfmt"),
    ROW("log", "level", CHOICE, log_level, .words = log_levels, .default_text = "info",
        .summary = "the least that is logged"),
    ROW("log", "lead_ids", CHOICE, log_lead_ids, .words = log_ids, .default_text = "clear",
        .summary = "how ids of leads, accounts and events are shown; hashed: so that the lines of one can be found"),
    ROW("log", "lead_ids_key_file", SECRET, log_lead_ids_key_file, .absent = "a random key of each process",
        .summary = "the file with the key of the hash, 16 to 1,024 bytes"),
};
/* clang-format on */
const size_t config_n_keys = ARRAY_SIZE(config_keys);

const char *config_section(size_t i) {
    const char *section = NULL;
    for (size_t k = 0; k < config_n_keys; k++) {
        const char *next = config_keys[k].section;
        if (!next || (section && strcmp(section, next) == 0))
            continue;
        section = next;
        if (i-- == 0)
            return section;
    }
    return NULL;
}
