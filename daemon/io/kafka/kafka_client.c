/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties are applied in three layers: our defaults, which the user may override; the user's own, the same
 * for every client; ours that the protocol rests on. Librdkafka takes a consumer's property on a producer
 * (and the other way round) and ignores it with a warning in the log, which we drop, since one list serves
 * all clients.
 */
#include "daemon/io/kafka/kafka_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

/* Longest transactional.id, "<group>.<instance>"; a Kafka string may be longer. */
#define TRANSACTIONAL_ID_SIZE 1024

/* Soon enough for a health check; a text of some hundred bytes for each partition and broker. */
#define KAFKA_STATISTICS_INTERVAL_MS 2000

#define DECIMAL_(number) #number
#define DECIMAL(number) DECIMAL_(number)

/*
 * Before 2.2, librdkafka's fetcher sleeps up to a second once the queue holds queued.min.messages, which
 * starves a consumer that is slower than the fetcher; so the bound that counts is the one in bytes, for all
 * partitions together. It is some batches of usual events: with less, reading waits for the broker, with more
 * it takes memory and gains no time. Nor does one answer bring more of a partition than a part of it. A fetch
 * that is under way holds up that of shards which are started or resumed meanwhile, so it does not wait long
 * for records. The session is shorter than librdkafka's 45 s so that a dead member's shards don't wait that long.
 */
static const KafkaProperty reader_defaults[] = {
        {"queued.min.messages", "1000000"},
        {"queued.max.messages.kbytes", "16384"},
        {"fetch.message.max.bytes", "262144"},
        {"fetch.wait.max.ms", "100"},
        {"session.timeout.ms", "10000"},
        {"check.crcs", "true"},
        {NULL, NULL},
};
static const KafkaProperty reader_properties[] = {
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"isolation.level", "read_committed"},
        {"enable.partition.eof", "true"},
        {"auto.offset.reset", "error"},
        {"partition.assignment.strategy", "range"},
        {NULL, NULL},
};
static const KafkaProperty questions_properties[] = {
        {"enable.auto.commit", "false"},
        {"isolation.level", "read_uncommitted"},
        {NULL, NULL},
};
static const KafkaProperty committed_questions_properties[] = {
        {"enable.auto.commit", "false"},
        {"isolation.level", "read_committed"},
        {NULL, NULL},
};
/*
 * The coordinator answers CONCURRENT_TRANSACTIONS until it has written the markers of the transaction before, see kafka_sink.c;
 * with librdkafka's 100 ms between tries, a commit that follows another at once takes 60 ms instead of 10.
 */
static const KafkaProperty producer_defaults[] = {
        {"retry.backoff.ms", "2"},
        {"compression.codec", "lz4"},
        {"linger.ms", "0"}, /* a transaction's records come all at once, and then it waits for them */
        {"queue.buffering.max.messages", "500000"},
        {"queue.buffering.max.kbytes", "131072"},
        {NULL, NULL},
};
static const KafkaProperty producer_properties[] = {
        {"enable.idempotence", "true"},
        {"transaction.timeout.ms", DECIMAL(KAFKA_TRANSACTION_TIMEOUT_MS)},
        {NULL, NULL},
};
/* A broker that is back is tried soon: librdkafka's 10 s would cost a whole transaction's time. */
static const KafkaProperty common_defaults[] = {
        {"client.id", "scored"},
        {"reconnect.backoff.max.ms", "2000"},
        {NULL, NULL},
};
static const KafkaProperty no_properties[] = {{NULL, NULL}};

static const struct {
    rd_kafka_type_t type;
    const KafkaProperty *defaults, *properties; /* to {NULL, NULL} */
} roles[] = {
        [KAFKA_ROLE_READER] = {RD_KAFKA_CONSUMER, reader_defaults, reader_properties},
        [KAFKA_ROLE_QUESTIONS] = {RD_KAFKA_CONSUMER, no_properties, questions_properties},
        [KAFKA_ROLE_COMMITTED_QUESTIONS] = {RD_KAFKA_CONSUMER, no_properties, committed_questions_properties},
        [KAFKA_ROLE_PRODUCER] = {RD_KAFKA_PRODUCER, producer_defaults, producer_properties},
        [KAFKA_ROLE_SECOND_PRODUCER] = {RD_KAFKA_PRODUCER, producer_defaults, producer_properties},
};

/* Beside those in the tables above: other keys of the configuration, or contrary to how the clients work. */
static const char *const reserved[] = {
        "bootstrap.servers",
        "metadata.broker.list",
        "group.id",
        "group.instance.id",
        "group.protocol.type",
        "transactional.id",
        "partitioner",
        "auto.commit.enable",
        "offset.store.method",
        "delivery.report.only.error",
        "log.queue",
        "enabled_events",
        "test.mock.num.brokers",
};

/* Before 2.6.1 it repeats its nonce, which Kafka 4 refuses like a wrong password (RFC 5802 section 7). */
#define SCRAM_STRICT_VERSION 0x020601ff

bool kafka_scram_is_strict(void) {
    return rd_kafka_version() >= SCRAM_STRICT_VERSION;
}

static bool is_among(const KafkaProperty *properties, const char *name) {
    for (; properties->name; properties++)
        if (strcmp(properties->name, name) == 0)
            return true;
    return false;
}

const char *kafka_client_version(void) {
    return rd_kafka_version_str();
}

bool kafka_property_is_reserved(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        if (strcmp(reserved[i], name) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        if (is_among(roles[i].properties, name))
            return true;
    return false;
}

void kafka_tell(char *text, const char *format, ...) {
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, KAFKA_TEXT_SIZE, format, args);
    va_end(args);
}

static rd_kafka_conf_t *conf_free(rd_kafka_conf_t *conf) {
    rd_kafka_conf_destroy(conf);
    return NULL;
}
DEFINE_CLEANUP(rd_kafka_conf_t *, conf_free)

static int set(rd_kafka_conf_t *conf, const char *name, const char *value, char *text) {
    char error[KAFKA_TEXT_SIZE - 64];
    if (rd_kafka_conf_set(conf, name, value, error, sizeof(error)) == RD_KAFKA_CONF_OK)
        return 0;
    kafka_tell(text, "Kafka property: %s", error);
    return KAFKA_E_CONFIG;
}

static int set_all(rd_kafka_conf_t *conf, const KafkaProperty *properties, char *text) {
    for (; properties->name; properties++) {
        int r = set(conf, properties->name, properties->value, text);
        if (r)
            return r;
    }
    return 0;
}

bool kafka_property_check(const char *name, const char *value, char *text) {
    _cleanup_(conf_free) rd_kafka_conf_t *conf = rd_kafka_conf_new();
    return set(conf, name, value, text) == 0;
}

static int set_identity(rd_kafka_conf_t *conf, const Config *config, KafkaRole role, char *text) {
    if (role == KAFKA_ROLE_QUESTIONS || role == KAFKA_ROLE_COMMITTED_QUESTIONS)
        return 0;
    if (role == KAFKA_ROLE_READER)
        return set(conf, "group.id", config->group, text);
    char id[TRANSACTIONAL_ID_SIZE];
    int n = snprintf(id, sizeof(id), "%s.%s%s", config->group, config->instance, role == KAFKA_ROLE_SECOND_PRODUCER ? CONFIG_SECOND_PRODUCER : "");
    if (n < 0 || (size_t)n >= sizeof(id)) {
        kafka_tell(text, "group and instance together are longer than %d bytes", TRANSACTIONAL_ID_SIZE - 2);
        return KAFKA_E_CONFIG;
    }
    int r = set(conf, "transactional.id", id, text);
    return r ? r : set(conf, "partitioner", config->partitioner, text);
}

static int fill(rd_kafka_conf_t *conf, const Config *config, KafkaRole role, KafkaExtra extra, char *text) {
    int r = set_all(conf, common_defaults, text);
    if (!r)
        r = set_all(conf, roles[role].defaults, text);
    for (size_t i = 0; !r && i < config->n_kafka_properties; i++)
        r = set(conf, config->kafka_properties[i].name, config->kafka_properties[i].value, text);
    if (!r)
        r = set_all(conf, roles[role].properties, text);
    for (; !r && extra && *extra; extra += 2)
        r = set(conf, extra[0], extra[1], text);
    if (!r)
        r = set(conf, "bootstrap.servers", config->bootstrap_servers, text);
    return r ? r : set_identity(conf, config, role, text);
}

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *message) {
    const KafkaOwner *owner = rd_kafka_opaque(rk);
    if (strcmp(facility, "CONFWARN") == 0 && strstr(message, "property and will be ignored by this"))
        return;
    if (owner && owner->log)
        owner->log(level, facility, message);
}

/* The log has told of it already, but for what ends the client. */
static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    (void)rk;
    KafkaOwner *owner = opaque;
    if (err == RD_KAFKA_RESP_ERR__FATAL && owner->log)
        owner->log(LOG_ERR, "FATAL", reason);
    /* That all are down says less than what each of them said before. */
    if (owner->patience.is_over && (err != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !owner->error[0]))
        (void)snprintf(owner->error, sizeof(owner->error), "%s", reason);
}

int kafka_slice(const KafkaOwner *owner, int64_t slice_ms, int64_t left_ms) {
    return (int)latest(owner->patience.is_over ? earliest(slice_ms, left_ms) : left_ms, INT64_C(1));
}

bool kafka_is_patience_over(KafkaOwner *owner, rd_kafka_t *rk) {
    if (!owner->patience.is_over)
        return false;
    (void)rd_kafka_poll(rk, 0);
    return owner->patience.is_over(owner->patience.userdata, owner->error[0] ? owner->error : NULL);
}

/* Librdkafka keeps the text if we do not take it back: 0. */
static int on_statistics(rd_kafka_t *rk, char *json, size_t len, void *opaque) {
    const KafkaOwner *owner = opaque;
    (void)rk;
    owner->statistics.take(owner->statistics.userdata, (Str){json, len});
    return 0;
}

static int want_statistics(rd_kafka_conf_t *conf, const Config *config, char *text) {
    rd_kafka_conf_set_stats_cb(conf, on_statistics);
    for (size_t i = 0; i < config->n_kafka_properties; i++)
        if (strcmp(config->kafka_properties[i].name, "statistics.interval.ms") == 0)
            return 0;
    return set(conf, "statistics.interval.ms", DECIMAL(KAFKA_STATISTICS_INTERVAL_MS), text);
}

int kafka_client_new(const Config *config, KafkaRole role, KafkaOwner *owner, KafkaCallbacks callbacks,
        char *text, rd_kafka_t **ret) {
    return kafka_client_new_with_extra(config, role, owner, callbacks, NULL, text, ret);
}

int kafka_client_new_with_extra(const Config *config, KafkaRole role, KafkaOwner *owner,
        KafkaCallbacks callbacks, KafkaExtra extra, char *text, rd_kafka_t **ret) {
    _cleanup_(conf_free) rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int r = fill(conf, config, role, extra, text);
    if (!r && owner->statistics.take)
        r = want_statistics(conf, config, text);
    if (r)
        return r;
    rd_kafka_conf_set_opaque(conf, owner);
    rd_kafka_conf_set_log_cb(conf, on_log);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (callbacks.rebalance)
        rd_kafka_conf_set_rebalance_cb(conf, callbacks.rebalance);
    if (callbacks.delivery)
        rd_kafka_conf_set_dr_msg_cb(conf, callbacks.delivery);
    char error[KAFKA_TEXT_SIZE - 64];
    rd_kafka_t *rk = rd_kafka_new(roles[role].type, conf, error, sizeof(error));
    if (!rk) {
        kafka_tell(text, "Kafka client: %s", error);
        return KAFKA_E_CONFIG;
    }
    conf = NULL; /* the client has it now */
    rd_kafka_resp_err_t err = role == KAFKA_ROLE_READER ? rd_kafka_poll_set_consumer(rk) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (err) {
        kafka_tell(text, "Kafka client: %s", rd_kafka_err2str(err));
        rd_kafka_destroy(rk);
        return kafka_sort(err);
    }
    *ret = rk;
    return 0;
}

int kafka_sort(rd_kafka_resp_err_t err) {
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return 0;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
        return KAFKA_E_TIMEOUT;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return KAFKA_E_UNKNOWN;
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return KAFKA_E_OFFSET;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
        return KAFKA_E_RETRY;
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return KAFKA_E_CONFIG;
    default:
        return KAFKA_E_FATAL;
    }
}

int kafka_sort_transaction(const char *action, rd_kafka_error_t *error, char *text) {
    int r = KAFKA_E_FATAL;
    if (!rd_kafka_error_is_fatal(error) && rd_kafka_error_txn_requires_abort(error))
        r = KAFKA_E_ABORT;
    else if (!rd_kafka_error_is_fatal(error) && rd_kafka_error_is_retriable(error))
        r = KAFKA_E_RETRY;
    kafka_tell(text, "%s: %s: %s", action, rd_kafka_error_name(error), rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return r;
}

int32_t kafka_generation(const rd_kafka_consumer_group_metadata_t *metadata) {
    static const char magic[] = "CGMDv2:"; /* then the generation, the group and the member's id */
    int32_t generation = -1;
    void *buffer;
    size_t size;
    rd_kafka_error_t *error = rd_kafka_consumer_group_metadata_write(metadata, &buffer, &size);
    if (error) {
        rd_kafka_error_destroy(error);
        return -1;
    }
    const char *bytes = buffer, *end = bytes + size;
    if (size > sizeof(magic) - 1 + sizeof(generation) && memcmp(bytes, magic, sizeof(magic) - 1) == 0) {
        const char *group = bytes + sizeof(magic) - 1 + sizeof(generation);
        const char *group_end = memchr(group, 0, (size_t)(end - group));
        if (group_end && group_end + 1 < end && group_end[1])
            memcpy(&generation, bytes + sizeof(magic) - 1, sizeof(generation));
    }
    rd_kafka_mem_free(NULL, buffer);
    return generation;
}

static const struct {
    const char *name;
    int32_t (*partition_of)(const rd_kafka_topic_t *, const void *, size_t, int32_t, void *, void *);
    bool scatters_empty;
} partitioners[KAFKA_PARTITIONERS] = {
        {"murmur2_random", rd_kafka_msg_partitioner_murmur2_random, false},
        {"consistent_random", rd_kafka_msg_partitioner_consistent_random, true},
        {"fnv1a_random", rd_kafka_msg_partitioner_fnv1a_random, false},
};

const char *kafka_partitioner_name(unsigned partitioner) {
    return partitioners[partitioner].name;
}

unsigned kafka_partitioner(const Config *config) {
    for (unsigned i = 0; i < KAFKA_PARTITIONERS; i++)
        if (strcmp(config->partitioner, partitioners[i].name) == 0)
            return i;
    assert(false && "a partitioner that the configuration has not checked");
    return 0;
}

int32_t kafka_partition_by(unsigned partitioner, Str key, int32_t n) {
    if (str_is_null(key) || (key.len == 0 && partitioners[partitioner].scatters_empty))
        return -1;
    /* The topic is only looked at for a key that is scattered. */
    return partitioners[partitioner].partition_of(NULL, key.data, key.len, n, NULL, NULL);
}

int32_t kafka_partition_of(const Config *config, Str key, int32_t n) {
    return kafka_partition_by(kafka_partitioner(config), key, n);
}

void kafka_copy_committed(const rd_kafka_topic_partition_t *partition, CommittedOffset *ret) {
    size_t n = MIN(partition->metadata_size, sizeof(ret->metadata) - 1);
    ret->offset = partition->offset >= 0 ? partition->offset : -1;
    if (n)
        memcpy(ret->metadata, partition->metadata, n);
    ret->metadata[n] = 0;
}
