/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/topics.h"

#include "daemon/base/clock.h"
#include "daemon/log/log.h"

#define ASK_TIMEOUT_MS 10000
/*
 * Brokers hear of a new topic one after the other, and late if they have just started: one that is not known for so long is missing, which
 * ends the service for good. Looked for so often.
 */
#define APPEAR_MS 10000
#define APPEAR_POLL_MS 100

/*
 * A view that was away for less than delete.retention.ms still learns of erasures; a reader that is within min.compaction.lag.ms still
 * sees every batch, so that density and hashes can be verified.
 */
static const char *const changelog_properties[] = {"cleanup.policy", "compact", "min.compaction.lag.ms", "3600000",
        "delete.retention.ms", "604800000", NULL};
static const char *const no_properties[] = {NULL};

static int refused(const char *topic, const char *reason, const char *remedy) {
    log_error("topics.refused", LOG_STR("topic", topic), LOG_STR("reason", reason), LOG_STR("remedy", remedy));
    return PIPELINE_E_REFUSED;
}

/* Also what may not be asked: it is asked again, for rights can be given while we wait. */
static int unanswered(KafkaCluster *cluster, const char *topic, int r, const char *text) {
    if (r == KAFKA_E_CONFIG)
        log_error("topics.forbidden", LOG_STR("topic", topic), LOG_STR("error", text),
                LOG_STR("remedy", TOPICS_FORBIDDEN_REMEDY));
    else
        log_warning("topics.unanswered", LOG_STR("topic", topic), LOG_STR("error", text));
    (void)!kafka_cluster_wait(cluster, 0, text);
    return PIPELINE_E_WAIT;
}

/* As kafka_cluster_partitions(), of a topic that has to be there. */
static int find_topic(KafkaCluster *cluster, const char *topic, char *text, int32_t *ret) {
    int64_t until_ms = clock_monotonic_ms() + APPEAR_MS;
    for (bool is_told = false;; is_told = true) {
        int r = kafka_cluster_partitions(cluster, topic, ASK_TIMEOUT_MS, text, ret);
        if (r != KAFKA_E_UNKNOWN || clock_monotonic_ms() >= until_ms)
            return r;
        if (!is_told)
            log_info("topics.awaited", LOG_STR("topic", topic), LOG_STR("error", text));
        if (!kafka_cluster_wait(cluster, APPEAR_POLL_MS, text))
            return KAFKA_E_TIMEOUT;
    }
}

static int count_partitions(const Config *config, KafkaCluster *cluster, int32_t counts[static CONFIG_SOURCES_MAX]) {
    char text[KAFKA_TEXT_SIZE];
    for (size_t i = 0; i < config->n_sources; i++) {
        int r = find_topic(cluster, config->sources[i], text, &counts[i]);
        if (r == KAFKA_E_UNKNOWN)
            return refused(config->sources[i], "the source topic does not exist", "create it, or correct `sources`");
        if (r != 0)
            return r < 0 ? r : unanswered(cluster, config->sources[i], r, text);
    }
    return 0;
}

/* Sources that are not routed have one number of partitions: partition i of each is shard i. *ret 0: all are routed. */
static int pair_sources(const Config *config, const int32_t *counts, int32_t *ret) {
    *ret = 0;
    for (size_t i = 0; i < config->n_sources; i++) {
        if (config->is_routed[i])
            continue;
        if (*ret > 0 && counts[i] != *ret)
            return refused(config->sources[i], "the source topics have different numbers of partitions",
                    "a lead's events must be in the same partition of each: name one under `route`, or recreate it with as many");
        *ret = counts[i];
    }
    if (*ret > 0 && config->shards > 0 && config->shards != *ret)
        return refused(config->internal_topic, "topics.partitions is not the number of partitions of the sources",
                "leave it out: it is for where all sources are routed");
    return 0;
}

/* Where all sources are routed: what our own topics say, or the configuration; else as the largest source has. */
static int choose_shards(const Config *config, KafkaCluster *cluster, const int32_t *counts, int32_t *ret) {
    const char *own[] = {config->internal_topic, config->changelog_topic};
    char text[KAFKA_TEXT_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
        int r = kafka_cluster_partitions(cluster, own[i], ASK_TIMEOUT_MS, text, ret);
        if (r == 0 && config->shards > 0 && config->shards != *ret)
            return refused(own[i], "the topic has not as many partitions as topics.partitions says",
                    "the number of shards cannot change: correct topics.partitions, or use another prefix");
        if (r <= 0)
            return r;
        if (r != KAFKA_E_UNKNOWN)
            return unanswered(cluster, own[i], r, text);
    }
    *ret = (int32_t)config->shards;
    for (size_t i = 0; i < config->n_sources && config->shards == 0; i++)
        *ret = MAX(*ret, counts[i]);
    return 0;
}

static int find_inputs(const Config *config, KafkaCluster *cluster, Inputs *ret) {
    int32_t counts[CONFIG_SOURCES_MAX], n_shards;
    int r = count_partitions(config, cluster, counts);
    if (r == 0)
        r = pair_sources(config, counts, &n_shards);
    if (r == 0 && n_shards == 0)
        r = choose_shards(config, cluster, counts, &n_shards);
    if (r == 0 && !inputs_make(config, counts, n_shards, ret))
        return refused(config->internal_topic, "routed sources have so many partitions that a shard would have over 127 to read",
                "have more shards (partitions of the other sources, or topics.partitions), or route fewer sources");
    return r;
}

static int read_property(KafkaCluster *cluster, const char *topic, const char *property, char *value, size_t size) {
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_cluster_topic_property(cluster, topic, property, ASK_TIMEOUT_MS, text, value, size);
    return r > 0 ? unanswered(cluster, topic, r, text) : r;
}

static int check_changelog(KafkaCluster *cluster, const char *topic, int64_t *ret_tombstones_ms) {
    char value[64];
    int r = read_property(cluster, topic, "cleanup.policy", value, sizeof(value));
    if (r != 0)
        return r;
    if (strcmp(value, "compact") != 0)
        return refused(topic, "the changelog is not compacted: records of quiet leads would be deleted by age",
                "set its cleanup.policy to compact");
    r = read_property(cluster, topic, "delete.retention.ms", value, sizeof(value));
    if (r == 0)
        *ret_tombstones_ms = strtoll(value, NULL, 10);
    return r;
}

static int check_internal(KafkaCluster *cluster, const char *topic) {
    char value[64];
    int r = read_property(cluster, topic, "cleanup.policy", value, sizeof(value));
    if (r == 0 && strstr(value, "compact"))
        return refused(topic, "the internal topic is compacted: messages between shards would be lost before they are read",
                "set its cleanup.policy to delete");
    return r;
}

/* One of our own topics. */
static int prepare_topic(
        const Config *config, KafkaCluster *cluster, const char *topic, int32_t n_shards, bool must_pair, bool compacted) {
    char text[KAFKA_TEXT_SIZE];
    bool may_create = !config->embedded && config->create_topics;
    int32_t n;
    int r = may_create ? kafka_cluster_partitions(cluster, topic, ASK_TIMEOUT_MS, text, &n) : find_topic(cluster, topic, text, &n);
    if (r == KAFKA_E_UNKNOWN && !may_create)
        return refused(topic, "the topic does not exist", "create it, or set topics.create to true");
    if (r == KAFKA_E_UNKNOWN) {
        r = kafka_cluster_create_topic(cluster, topic, n_shards, config->replication_factor,
                compacted ? changelog_properties : no_properties, ASK_TIMEOUT_MS, text);
        if (r == 0)
            log_info("topic.created", LOG_STR("topic", topic), LOG_INT("partitions", n_shards));
        n = n_shards;
    }
    if (r != 0)
        return r < 0 ? r : unanswered(cluster, topic, r, text);
    if (must_pair && n != n_shards)
        return refused(topic, "the topic has not as many partitions as the sources",
                "the number of shards cannot change: use another prefix, or recreate the topic");
    return 0;
}

/* An output topic; does it keep the latest record of each key only? */
static int prepare_output(const Config *config, KafkaCluster *cluster, const char *topic, int32_t n_shards, bool *ret_is_compacted) {
    char policy[64];
    int r = prepare_topic(config, cluster, topic, n_shards, false, false);
    *ret_is_compacted = false;
    if (r != 0 || config->embedded)
        return r;
    r = read_property(cluster, topic, "cleanup.policy", policy, sizeof(policy));
    *ret_is_compacted = r == 0 && strstr(policy, "compact"); /* "compact,delete", too */
    return r;
}

int topics_prepare(const Config *config, KafkaCluster *cluster, Inputs *ret_inputs,
        bool ret_is_compacted[static _OUTPUT_TYPE_MAX], int64_t *ret_tombstones_ms) {
    int r = find_inputs(config, cluster, ret_inputs);
    int32_t n_shards = ret_inputs->n_shards;
    if (r == 0)
        r = prepare_topic(config, cluster, config->changelog_topic, n_shards, true, true);
    if (r == 0)
        r = prepare_topic(config, cluster, config->internal_topic, n_shards, true, false);
    *ret_tombstones_ms = TIME_NEVER;
    if (r == 0 && !config->embedded)
        r = check_changelog(cluster, config->changelog_topic, ret_tombstones_ms);
    if (r == 0 && !config->embedded)
        r = check_internal(cluster, config->internal_topic);
    for (int i = 0; i < _OUTPUT_TYPE_MAX && r == 0; i++)
        r = prepare_output(config, cluster, config->output_topics[i], n_shards, &ret_is_compacted[i]);
    return r;
}
