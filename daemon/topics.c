/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/topics.h"

#include "daemon/log.h"

#define ASK_TIMEOUT_MS 10000

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

static int unanswered(const char *topic, const char *text) {
    log_warning("topics.unanswered", LOG_STR("topic", topic), LOG_STR("error", text));
    return PIPELINE_E_WAIT;
}

/* All sources have one number of partitions: partition i of each is shard i. */
static int pair_sources(const Config *config, KafkaCluster *cluster, int32_t *ret) {
    char text[KAFKA_TEXT_SIZE];
    int32_t n_shards = 0;
    for (size_t i = 0; i < config->n_sources; i++) {
        int32_t n;
        int r = kafka_cluster_partitions(cluster, config->sources[i], ASK_TIMEOUT_MS, text, &n);
        if (r == KAFKA_E_UNKNOWN)
            return refused(config->sources[i], "the source topic does not exist", "create it, or correct `sources`");
        if (r != 0)
            return r < 0 ? r : unanswered(config->sources[i], text);
        if (i > 0 && n != n_shards)
            return refused(config->sources[i], "the source topics have different numbers of partitions",
                    "a lead's events must be in the same partition of each: recreate the topic with as many");
        n_shards = n;
    }
    *ret = n_shards;
    return 0;
}

static int read_policy(KafkaCluster *cluster, const char *topic, char *value, size_t size) {
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_cluster_topic_property(cluster, topic, "cleanup.policy", ASK_TIMEOUT_MS, text, value, size);
    return r > 0 ? unanswered(topic, text) : r;
}

static int check_compacted(KafkaCluster *cluster, const char *topic) {
    char value[64];
    int r = read_policy(cluster, topic, value, sizeof(value));
    if (r != 0)
        return r;
    if (strcmp(value, "compact") != 0)
        return refused(topic, "the changelog is not compacted: records of quiet leads would be deleted by age",
                "set its cleanup.policy to compact");
    return 0;
}

/* One of our own topics; n_wanted 0: any number of partitions does. */
static int prepare_topic(
        const Config *config, KafkaCluster *cluster, const char *topic, int32_t n_shards, bool must_pair, bool compacted) {
    char text[KAFKA_TEXT_SIZE];
    int32_t n;
    int r = kafka_cluster_partitions(cluster, topic, ASK_TIMEOUT_MS, text, &n);
    if (r == KAFKA_E_UNKNOWN && (config->embedded || !config->create_topics))
        return refused(topic, "the topic does not exist", "create it, or set topics.create to true");
    if (r == KAFKA_E_UNKNOWN) {
        r = kafka_cluster_create_topic(cluster, topic, n_shards, config->replication_factor,
                compacted ? changelog_properties : no_properties, ASK_TIMEOUT_MS, text);
        if (r == 0)
            log_info("topic.created", LOG_STR("topic", topic), LOG_INT("partitions", n_shards));
        n = n_shards;
    }
    if (r != 0)
        return r < 0 ? r : unanswered(topic, text);
    if (must_pair && n != n_shards)
        return refused(topic, "the topic has not as many partitions as the sources",
                "the number of shards cannot change: use another prefix, or recreate the topic");
    return compacted && !config->embedded ? check_compacted(cluster, topic) : 0;
}

/* An output topic; does it keep the latest record of each key only? */
static int prepare_output(const Config *config, KafkaCluster *cluster, const char *topic, int32_t n_shards, bool *ret_is_compacted) {
    char policy[64];
    int r = prepare_topic(config, cluster, topic, n_shards, false, false);
    *ret_is_compacted = false;
    if (r != 0 || config->embedded)
        return r;
    r = read_policy(cluster, topic, policy, sizeof(policy));
    *ret_is_compacted = r == 0 && strstr(policy, "compact"); /* "compact,delete", too */
    return r;
}

int topics_prepare(const Config *config, KafkaCluster *cluster, int32_t *ret_n_shards,
        bool ret_is_compacted[static _OUTPUT_TYPE_MAX]) {
    int32_t n_shards;
    int r = pair_sources(config, cluster, &n_shards);
    if (r == 0)
        r = prepare_topic(config, cluster, config->changelog_topic, n_shards, true, true);
    if (r == 0)
        r = prepare_topic(config, cluster, config->internal_topic, n_shards, true, false);
    for (int i = 0; i < _OUTPUT_TYPE_MAX && r == 0; i++)
        r = prepare_output(config, cluster, config->output_topics[i], n_shards, &ret_is_compacted[i]);
    if (r == 0)
        *ret_n_shards = n_shards;
    return r;
}
