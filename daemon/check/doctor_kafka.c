/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rights are tried: the group's offsets are read, and a transactional id of the group's is opened on which nobody but a
 * doctor works, so that no daemon is fenced; on it each topic is tried for being written (kafka_rights.h).
 */
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/check/check_kafka.h"
#include "daemon/check/doctor.h"
#include "daemon/check/kafka_cause.h"
#include "daemon/io/kafka/kafka_offsets.h"
#include "daemon/io/kafka/kafka_sink.h"

#define INSTANCE "doctor"
/* A record from that far ahead is not the time between two clocks being read. */
#define AHEAD_MS 2000
/* A coordinator that is there and lets us ask has answered by then. */
#define GROUP_TIMEOUT_MS 3000
#define SPANS_MAX 4096

static void find_right(const char *subject, int r, const char *text, const char *expected, Findings *findings) {
    if (r == 0) {
        findings_add(findings, FINDING_OK, subject, "%s is granted", expected);
        return;
    }
    findings_add(findings, FINDING_ERROR, subject, "%s", text);
    findings_expected(findings, "%s", expected);
    findings_remedy(findings, "`scored topics --acls` prints all rights that are needed");
}

static int check_group(const Config *config, Findings *findings) {
    _cleanup_(kafka_offsets_free) KafkaOffsets *offsets = NULL;
    char text[KAFKA_TEXT_SIZE] = "", subject[300];
    CommittedOffset committed;
    int r = kafka_offsets_new(config, kafka_cause_note, text, &offsets);
    if (r == 0)
        r = kafka_offsets_get(offsets, config->sources[0], 0, GROUP_TIMEOUT_MS, text, &committed);
    if (r < 0)
        return r;
    (void)snprintf(subject, sizeof(subject), "group %s", config->group);
    find_right(subject, r, text, "Read on the group", findings);
    return 0;
}

/* The same id for both: there is nobody on it who could be fenced. */
static int check_transactions(const Config *config, Findings *findings) {
    _cleanup_(kafka_cluster_free) KafkaCluster *cluster = NULL;
    _cleanup_(kafka_sink_free) KafkaSink *sink = NULL;
    char text[KAFKA_TEXT_SIZE] = "", subject[600];
    Config as_doctor = *config;
    as_doctor.instance = INSTANCE;
    int r = kafka_sink_new(&as_doctor, &(KafkaSinkHandlers){.log = kafka_cause_note}, CHECK_TIMEOUT_MS, text, &sink);
    if (r < 0)
        return r;
    (void)snprintf(subject, sizeof(subject), "transactional id %s." INSTANCE, config->group);
    find_right(subject, r, text, "Write on transactional ids that begin with the group", findings);
    if (r > 0)
        return 0; /* without it no topic can be written */
    r = kafka_cluster_new(config, kafka_cause_note, text, &cluster);
    return r ? MIN(r, 0) : check_may_write(&as_doctor, cluster, findings);
}

/* How many partitions there are to be asked for; those that cannot be told have been a finding. */
static size_t add_spans(const Config *config, KafkaCluster *cluster, KafkaSpan spans[static SPANS_MAX]) {
    char text[KAFKA_TEXT_SIZE];
    size_t n = 0;
    for (size_t i = 0; i < config->n_sources; i++) {
        int32_t n_partitions;
        if (kafka_cluster_partitions(cluster, config->sources[i], CHECK_TIMEOUT_MS, text, &n_partitions) != 0)
            continue;
        for (int32_t k = 0; k < n_partitions && n < SPANS_MAX; k++)
            spans[n++] = (KafkaSpan){.topic = config->sources[i], .partition = k};
    }
    return n;
}

/* Kafka does not tell its time; but whoever stamps records, brokers or producers, should not be ahead of us. */
static int check_timestamps(const Config *config, Findings *findings) {
    _cleanup_(kafka_cluster_free) KafkaCluster *cluster = NULL;
    _cleanup_(free_null) KafkaSpan *spans = calloc(SPANS_MAX, sizeof(*spans));
    char text[KAFKA_TEXT_SIZE];
    int r = spans ? kafka_cluster_new(config, kafka_cause_note, text, &cluster) : -ENOMEM;
    if (r)
        return MIN(r, 0);
    size_t n = add_spans(config, cluster, spans), n_ahead = 0, latest = 0;
    r = kafka_cluster_spans(cluster, spans, n, clock_wall_ms() + AHEAD_MS, TIME_NEVER, CHECK_TIMEOUT_MS, text);
    if (r)
        return MIN(r, 0);
    for (size_t i = 0; i < n; i++)
        if (spans[i].first < spans[i].end) {
            n_ahead++;
            latest = i;
        }
    if (n_ahead == 0) {
        findings_add(findings, FINDING_OK, "clock", "no source has a record of later than now, so neither brokers nor producers are ahead");
        return 0;
    }
    findings_add(findings, FINDING_WARNING, "clock", "%zu of %zu partitions of sources have records of later than now, such as %s [%d] at %lld",
            n_ahead, n, spans[latest].topic, (int)spans[latest].partition, (long long)spans[latest].first);
    findings_expected(findings, "that brokers and producers, which stamp them, are not ahead of this machine");
    findings_remedy(findings, "synchronize all of them by NTP");
    return 0;
}

int doctor_kafka(const Config *config, Findings *findings) {
    int r = check_timestamps(config, findings);
    if (r == 0 && !config->embedded)
        r = check_group(config, findings);
    return r == 0 && !config->embedded ? check_transactions(config, findings) : r;
}
