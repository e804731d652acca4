/* SPDX-License-Identifier: Apache-2.0 */
/* Our own topics, against what daemon/pipeline/topics.c wants of them. */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/check/check_kafka.h"

/* Kafka's own default. daemon/pipeline/takeover.c catches no view up that is nearly as old as the changelog's erasures. */
#define DELETE_RETENTION_MS_MIN (INT64_C(24) * 3600 * 1000)

typedef struct OwnTopics {
    const Config *config;
    KafkaCluster *cluster;
    Findings *findings;
    int32_t n_shards;
    size_t n_right; /* that exist, and of which nothing is to be said */
} OwnTopics;

/* "topic scored.changelog" */
typedef struct Subject {
    char text[300];
} Subject;

static Subject subject_of(const char *topic) {
    Subject subject;
    (void)snprintf(subject.text, sizeof(subject.text), "topic %s", topic);
    return subject;
}

int check_topics_known(const Config *config, KafkaCluster *cluster, Findings *findings, ShardsKnown *ret) {
    *ret = (ShardsKnown){.configured = config->shards};
    int r = check_partitions(cluster, subject_of(config->changelog_topic).text, config->changelog_topic, findings, &ret->changelog);
    return r ? r : check_partitions(cluster, subject_of(config->internal_topic).text, config->internal_topic, findings, &ret->internal);
}

static void tell_missing(const OwnTopics *own, const char *topic) {
    if (own->config->create_topics && !own->config->embedded && own->n_shards == 0) {
        findings_add(own->findings, FINDING_NOTE, subject_of(topic).text,
                "it is not there yet: `scored run` creates it when it knows the sources' partitions");
        return;
    }
    if (own->config->create_topics && !own->config->embedded) {
        findings_add(own->findings, FINDING_NOTE, subject_of(topic).text,
                "it is not there yet: `scored run` creates it with %" PRId32 " partition%s", own->n_shards, own->n_shards == 1 ? "" : "s");
        return;
    }
    findings_add(own->findings, FINDING_ERROR, subject_of(topic).text, "there is no such topic");
    findings_remedy(own->findings, "create it%s", own->config->embedded ? "" : ", or set topics.create to true");
}

/* A property's value; "" if it cannot be told, after a finding. */
static int read_property(const OwnTopics *own, const char *topic, const char *property, char *value, size_t size) {
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_cluster_topic_property(own->cluster, topic, property, CHECK_TIMEOUT_MS, text, value, size);
    if (r <= 0)
        return r;
    value[0] = '\0';
    findings_add(own->findings, FINDING_ERROR, subject_of(topic).text, "%s", text);
    findings_remedy(own->findings, "allow this client to describe the configuration of topics");
    return r == KAFKA_E_TIMEOUT ? r : 0;
}

static int check_retention(const OwnTopics *own, const char *topic) {
    char value[64];
    int r = read_property(own, topic, "delete.retention.ms", value, sizeof(value));
    if (r || !value[0] || strtoll(value, NULL, 10) >= DELETE_RETENTION_MS_MIN)
        return r;
    findings_add(own->findings, FINDING_WARNING, subject_of(topic).text,
            "its delete.retention.ms is %s: after a short absence already Redis is built anew from all of it, not caught up", value);
    findings_remedy(own->findings, "set its delete.retention.ms to 604800000, a week, as scored does when it creates it");
    return 0;
}

static int check_changelog(const OwnTopics *own, const char *topic) {
    char policy[64];
    int r = read_property(own, topic, "cleanup.policy", policy, sizeof(policy));
    if (r || !policy[0])
        return r;
    if (strcmp(policy, "compact") == 0)
        return check_retention(own, topic);
    findings_add(own->findings, FINDING_ERROR, subject_of(topic).text,
            "its cleanup.policy is %s: records of quiet leads would be deleted by age, and their scores lost", policy);
    findings_remedy(own->findings, "set its cleanup.policy to compact");
    return 0;
}

static int check_internal(const OwnTopics *own, const char *topic) {
    char policy[64];
    int r = read_property(own, topic, "cleanup.policy", policy, sizeof(policy));
    if (r || !strstr(policy, "compact"))
        return r;
    findings_add(own->findings, FINDING_ERROR, subject_of(topic).text,
            "its cleanup.policy is %s: messages between shards would be lost before they are read", policy);
    findings_remedy(own->findings, "set its cleanup.policy to delete");
    return 0;
}

static void check_count(const OwnTopics *own, const char *topic, int32_t n) {
    if (n == own->n_shards || own->n_shards == 0)
        return;
    findings_add(own->findings, FINDING_ERROR, subject_of(topic).text,
            "it has %" PRId32 " partition%s, but the sources that are not routed have %" PRId32 ": the number of shards cannot change", n,
            n == 1 ? "" : "s", own->n_shards);
    findings_remedy(own->findings, "use another topics.prefix and redis.prefix, or route the sources, or recreate the topic");
}

/* One that must have as many partitions as there are shards. */
static int check_state_topic(
        OwnTopics *own, const char *topic, int32_t n, int (*check_policy)(const OwnTopics *own, const char *topic)) {
    size_t n_found = own->findings->n;
    int r = 0;
    if (n > 0) {
        check_count(own, topic, n);
        if (!own->config->embedded)
            r = check_policy(own, topic);
    } else if (n == 0) {
        tell_missing(own, topic);
    }
    own->n_right += n > 0 && own->findings->n == n_found;
    return r;
}

static int check_output(OwnTopics *own, size_t type) {
    const char *topic = own->config->output_topics[type];
    int32_t n;
    for (size_t i = 0; i < type; i++)
        if (strcmp(own->config->output_topics[i], topic) == 0)
            return 0; /* two outputs may share one */
    int r = check_partitions(own->cluster, subject_of(topic).text, topic, own->findings, &n);
    if (r == 0 && n == 0)
        tell_missing(own, topic);
    own->n_right += n > 0;
    return r;
}

int check_topics(const Config *config, KafkaCluster *cluster, const ShardsKnown *known, int32_t n_shards, Findings *findings) {
    OwnTopics own = {.config = config, .cluster = cluster, .findings = findings, .n_shards = n_shards};
    if (config->shards > 0 && n_shards > 0 && config->shards != n_shards) {
        findings_add(findings, FINDING_ERROR, "topics.partitions", "it is %" PRId64 ", but there are %" PRId32 " shards", config->shards,
                n_shards);
        findings_remedy(findings, "leave it out: it is for where all sources are routed, and before the first start");
    }
    int r = check_state_topic(&own, config->changelog_topic, known->changelog, check_changelog);
    if (r == 0)
        r = check_state_topic(&own, config->internal_topic, known->internal, check_internal);
    for (size_t i = 0; r == 0 && i < _OUTPUT_TYPE_MAX; i++)
        r = check_output(&own, i);
    if (r == 0 && own.n_right > 0)
        findings_add(findings, FINDING_OK, "topics", "%zu topic%s of scored's own %s there and as %s should be", own.n_right,
                own.n_right == 1 ? "" : "s", own.n_right == 1 ? "is" : "are", own.n_right == 1 ? "it" : "they");
    return r;
}
