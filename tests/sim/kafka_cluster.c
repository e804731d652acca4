/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the cluster and the changelog's reader, in place of daemon/io/kafka/kafka_cluster.c, kafka_topics.c and kafka_changelog.c. */
#include <stdio.h>

#include "tests/sim/adapters.h"
#include "tests/sim/scenario.h"

AdapterFaults adapter_faults;
Guarantee adapter_lacks;

int adapter_go_to_kafka(Point point, int64_t timeout_ms, char *text) {
    int64_t until_ms = world.now_ms + timeout_ms;
    world_pass(point, 0, chance_percent(&world.chance, 5) ? 30 : 2);
    while (!process_reaches_kafka(world.current)) {
        if (world.now_ms >= until_ms) {
            (void)snprintf(text, KAFKA_TEXT_SIZE, "no broker answers");
            return KAFKA_E_TIMEOUT;
        }
        world_pass(point, 1, MAX(MIN(until_ms - world.now_ms, 200), 1));
    }
    return 0;
}

Partition *adapter_partition(const char *topic, int32_t number) {
    Topic *found = broker_topic(topic);
    if (!found || number < 0 || number >= found->n_partitions)
        world_fail("there is no %s [%d]", topic, (int)number);
    return &found->partitions[number];
}

/* --- questions --------------------------------------------------------------------------------------- */

struct KafkaCluster {
    const Config *config;
};

int kafka_cluster_new(const Config *config, KafkaLog log, char *text, KafkaCluster **ret) {
    (void)log;
    (void)text;
    *ret = world_alloc(1, sizeof(**ret));
    (*ret)->config = config;
    return 0;
}

KafkaCluster *kafka_cluster_free(KafkaCluster *cluster) {
    (void)cluster;
    return NULL;
}

static int ask(int timeout_ms, char *text) {
    if (!chance_percent(&world.chance, adapter_faults.lost_questions_percent))
        return adapter_go_to_kafka(POINT_ASK, timeout_ms, text);
    fault_counts[FAULT_LOST]++;
    world_pass(POINT_ASK, timeout_ms, timeout_ms);
    (void)snprintf(text, KAFKA_TEXT_SIZE, "the question was lost");
    return KAFKA_E_TIMEOUT;
}

int kafka_cluster_partitions(KafkaCluster *c, const char *topic, int timeout_ms, char *text, int32_t *ret) {
    (void)c;
    int r = ask(timeout_ms, text);
    const Topic *found = broker_topic(topic);
    if (r != 0 || !found)
        return r != 0 ? r : KAFKA_E_UNKNOWN;
    *ret = found->n_partitions;
    return 0;
}

int kafka_cluster_range(KafkaCluster *c, const char *topic, int32_t partition, int timeout_ms, char *text, int64_t *ret_first, int64_t *ret_end) {
    (void)c;
    int r = ask(timeout_ms, text);
    if (r != 0)
        return r;
    *ret_first = 0;
    *ret_end = (int64_t)adapter_partition(topic, partition)->n;
    world_pass(POINT_ASK, 0, 2);
    return 0;
}

/* Each leader answers at a time of its own. */
int kafka_cluster_ends(KafkaCluster *c, KafkaEnd *ends, size_t n, int timeout_ms, char *text) {
    (void)c;
    int r = ask(timeout_ms, text);
    for (size_t i = 0; i < n && r == 0; i++) {
        if (chance_percent(&world.chance, 20))
            world_pass(POINT_ASK, 0, 2);
        const Partition *partition = adapter_partition(ends[i].topic, ends[i].partition);
        ends[i].end = adapter_lacks == GUARANTEE_END ? partition_stable_end(partition) : (int64_t)partition->n;
    }
    if (r == 0)
        world_pass(POINT_ASK, 0, 2);
    return r;
}

int kafka_cluster_create_topic(KafkaCluster *c, const char *topic, int32_t partitions, int64_t replication_factor, KafkaExtra properties,
        int timeout_ms, char *text) {
    (void)c;
    (void)replication_factor;
    int r = ask(timeout_ms, text);
    /* Another process may have been faster. */
    if (r == 0 && !broker_topic(topic))
        (void)broker_create_topic(topic, partitions, properties[0] != NULL);
    return r;
}

/* As the changelog is created. */
#define TOMBSTONES_MS (7 * 24 * 3600 * 1000)

int kafka_cluster_topic_property(KafkaCluster *c, const char *topic, const char *property, int timeout_ms, char *text, char *value, size_t size) {
    (void)c;
    int r = ask(timeout_ms, text);
    const Topic *found = broker_topic(topic);
    if (r != 0 || !found)
        return r != 0 ? r : KAFKA_E_UNKNOWN;
    if (strcmp(property, "cleanup.policy") == 0)
        (void)snprintf(value, size, "%s", found->is_compacted ? "compact" : "delete");
    else if (strcmp(property, "delete.retention.ms") == 0)
        (void)snprintf(value, size, "%d", TOMBSTONES_MS);
    else
        world_fail("%s is asked for", property);
    return 0;
}

/* --- the changelog ----------------------------------------------------------------------------------- */

struct KafkaChangelog {
    const Config *config;
    int32_t shard; /* -1: none */
    int64_t position, told_end;
};

int kafka_changelog_new(const Config *config, KafkaLog log, char *text, KafkaChangelog **ret) {
    (void)log;
    (void)text;
    *ret = world_alloc(1, sizeof(**ret));
    **ret = (KafkaChangelog){.config = config, .shard = -1};
    return 0;
}

KafkaChangelog *kafka_changelog_free(KafkaChangelog *changelog) {
    (void)changelog;
    return NULL;
}

int kafka_changelog_seek(KafkaChangelog *c, int32_t shard, int64_t offset, char *text) {
    (void)text;
    if (offset < 0 && offset != -2)
        world_fail("the changelog is to be read from %lld", (long long)offset);
    c->shard = shard;
    c->position = MAX(offset, 0);
    c->told_end = -1;
    return 0;
}

void kafka_changelog_rest(KafkaChangelog *c) {
    c->shard = -1;
}

int kafka_changelog_next(KafkaChangelog *c, int timeout_ms, char *text, ChangelogRecord *ret) {
    int64_t until_ms = world.now_ms + timeout_ms;
    if (c->shard < 0)
        world_fail("the changelog is read without a place");
    /* Records come in large answers. */
    if (chance_percent(&world.chance, 10))
        world_pass(POINT_CHANGELOG, 0, 5);
    Partition *partition = adapter_partition(c->config->changelog_topic, c->shard);
    if (c->position > (int64_t)partition->n)
        return KAFKA_E_OFFSET;
    for (; world.now_ms <= until_ms; world_wait(POINT_CHANGELOG, MAX(until_ms - world.now_ms, 1))) {
        if (!process_reaches_kafka(world.current))
            continue;
        const LogRecord *record = partition_read(partition, &c->position);
        if (record) {
            *ret = (ChangelogRecord){.offset = c->position++, .key = record->key, .value = record->value};
            return 0;
        }
        if (c->told_end != c->position) {
            *ret = (ChangelogRecord){.offset = c->told_end = c->position};
            return KAFKA_E_UNKNOWN;
        }
    }
    (void)snprintf(text, KAFKA_TEXT_SIZE, "nothing came");
    return KAFKA_E_TIMEOUT;
}
