/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May our own topics be read and written? Brokers that do not let a user write a topic describe it all the same, and the changelog is not read
 * before a shard has something in it: both would be noticed late. Topics that are not there cannot be tried.
 */
#include <stdio.h>

#include "daemon/check/check_kafka.h"
#include "daemon/check/kafka_cause.h"
#include "daemon/io/kafka/kafka_rights.h"

/* Of a broker that is there, to answer a fetch or the coordinator's requests. */
#define TRY_TIMEOUT_MS 10000
static_assert(2 + _OUTPUT_TYPE_MAX <= KAFKA_TRIED_MAX, "all of our own topics can be tried");

typedef struct TriedTopics {
    KafkaTried items[KAFKA_TRIED_MAX];
    size_t n;
} TriedTopics;

/* If it is there, and not there twice: two outputs may share one. */
static void add(KafkaCluster *cluster, const char *topic, TriedTopics *tried) {
    char text[KAFKA_TEXT_SIZE];
    int32_t n_partitions;
    for (size_t i = 0; i < tried->n; i++)
        if (strcmp(tried->items[i].topic, topic) == 0)
            return;
    if (kafka_cluster_partitions(cluster, topic, CHECK_TIMEOUT_MS, text, &n_partitions) == 0)
        tried->items[tried->n++] = (KafkaTried){.topic = topic};
}

static void add_own(const Config *config, KafkaCluster *cluster, bool with_outputs, TriedTopics *tried) {
    add(cluster, config->changelog_topic, tried);
    add(cluster, config->internal_topic, tried);
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX && with_outputs; i++)
        add(cluster, config->output_topics[i], tried);
}

static void tell(const TriedTopics *tried, const char *operation, const char *verb, Findings *findings) {
    size_t n_denied = 0;
    char subject[300];
    for (size_t i = 0; i < tried->n; i++) {
        if (!tried->items[i].is_denied)
            continue;
        n_denied++;
        (void)snprintf(subject, sizeof(subject), "topic %s", tried->items[i].topic);
        findings_add(findings, FINDING_ERROR, subject, "this user may not %s it: Topic authorization failed", verb);
        findings_expected(findings, "%s on the topic", operation);
        findings_remedy(findings, "grant it; `scored topics --acls` prints all rights that are needed");
    }
    if (n_denied == 0 && tried->n > 0) {
        (void)snprintf(subject, sizeof(subject), "right to %s", verb);
        findings_add(findings, FINDING_OK, subject, "%s is granted on %zu topics of scored's own", operation, tried->n);
    }
}

static int outcome(int r, const char *verb, const char *text, Findings *findings) {
    char subject[32];
    if (r <= 0)
        return r;
    (void)snprintf(subject, sizeof(subject), "right to %s", verb);
    findings_add(findings, FINDING_WARNING, subject, "whether topics may be %s cannot be told: %s", verb[0] == 'r' ? "read" : "written", text);
    findings_remedy(findings, "try again; see the brokers' logs");
    return 0;
}

int check_may_read(const Config *config, KafkaCluster *cluster, Findings *findings) {
    TriedTopics tried = {.n = 0};
    char text[KAFKA_TEXT_SIZE];
    add_own(config, cluster, config->http_board, &tried);
    int r = tried.n > 0 ? kafka_try_read(config, kafka_cause_note, tried.items, tried.n, TRY_TIMEOUT_MS, text) : 0;
    if (r == 0)
        tell(&tried, "Read", "read", findings);
    return outcome(r, "read", text, findings);
}

int check_may_write(const Config *config, KafkaCluster *cluster, Findings *findings) {
    TriedTopics tried = {.n = 0};
    char text[KAFKA_TEXT_SIZE];
    add_own(config, cluster, true, &tried);
    int r = kafka_try_write(config, kafka_cause_note, tried.items, tried.n, TRY_TIMEOUT_MS, text);
    if (r == 0)
        tell(&tried, "Write", "write", findings);
    return outcome(r, "write", text, findings);
}
