/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of the sources: the latest records of each partition, as many as tell something and take no time. */
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/check/check_kafka.h"
#include "daemon/io/kafka/kafka_history.h"

/* Of a source, of one partition, and for how long. */
#define SAMPLE_RECORDS 1000
#define SAMPLE_PARTITION_RECORDS_MAX 200
#define SAMPLE_TIME_MS 10000

enum { SAMPLE_E_CUT = 201 }; /* beside KAFKA_E_* and KAFKA_HISTORY_E_*: said in the sample */

int check_partitions(KafkaCluster *cluster, const char *subject, const char *topic, Findings *findings, int32_t *ret) {
    char text[KAFKA_TEXT_SIZE];
    *ret = 0;
    int r = kafka_cluster_partitions(cluster, topic, CHECK_TIMEOUT_MS, text, ret);
    if (r <= 0 || r == KAFKA_E_UNKNOWN)
        return MIN(r, 0);
    *ret = -1;
    findings_add(findings, FINDING_ERROR, subject, "%s", text);
    findings_remedy(findings, "%s",
            r == KAFKA_E_CONFIG ? "allow this client to describe and read it: `scored topics --acls` prints all rights that it needs"
                                : "bring the broker that leads it back");
    return r == KAFKA_E_TIMEOUT ? r : 0;
}

int check_sources_exist(const Config *config, KafkaCluster *cluster, SourceSample *samples, Findings *findings) {
    for (size_t i = 0; i < config->n_sources; i++) {
        char subject[300];
        SourceSample *s = &samples[i];
        int32_t n;
        *s = (SourceSample){
                .topic = config->sources[i], .is_routed = config->is_routed[i], .partitioner = kafka_partitioner(config)};
        (void)snprintf(subject, sizeof(subject), "source %s", s->topic);
        int r = check_partitions(cluster, subject, s->topic, findings, &n);
        if (r)
            return r;
        s->n_partitions = MAX(n, 0);
        if (n != 0)
            continue;
        findings_add(findings, FINDING_ERROR, subject, "there is no such topic");
        findings_remedy(findings, "create it, or correct `sources`");
    }
    return 0;
}

/* 0, SAMPLE_E_CUT if there is no use in going on, or negative errno. */
static int take_record(Registry *registry, AvroEventDecoder *decoder, const KafkaHistoryRecord *record, SourceSample *s) {
    const SampleRecord place = {.partition = record->partition, .offset = record->offset, .key = record->key};
    char text[SAMPLE_TEXT_SIZE / 2];
    const char *reason;
    LeadEvent event;
    int r = message_decode(registry, decoder, record->value.data, record->value.len, &event, &reason, text, sizeof(text));
    if (r == 0)
        source_sample_add_event(s, &place, &event);
    else if (r == MESSAGE_E_REJECTED)
        source_sample_add_unusable(s, &place, reason, text);
    else if (r == MESSAGE_E_AWAITED)
        (void)snprintf(s->cut, sizeof(s->cut), "%s", text);
    return r == MESSAGE_E_AWAITED ? SAMPLE_E_CUT : MIN(r, 0);
}

static int take_records(KafkaHistory *history, Registry *registry, AvroEventDecoder *decoder, SourceSample *s) {
    int64_t deadline_ms = clock_monotonic_ms() + SAMPLE_TIME_MS;
    char text[KAFKA_TEXT_SIZE];
    KafkaHistoryRecord record;
    for (;;) {
        int64_t left_ms = latest(deadline_ms - clock_monotonic_ms(), INT64_C(0));
        int r = kafka_history_next(history, (int)left_ms, text, &record);
        if (r == 0)
            r = take_record(registry, decoder, &record, s);
        if (r > 0 && r != KAFKA_HISTORY_E_END && r != SAMPLE_E_CUT)
            (void)snprintf(s->cut, sizeof(s->cut), "%s", text);
        if (r != 0)
            return MIN(r, 0);
        if (left_ms == 0) {
            (void)snprintf(s->cut, sizeof(s->cut), "it took longer than %d s", SAMPLE_TIME_MS / 1000);
            return 0;
        }
    }
}

static int sample(const Config *config, Registry *registry, AvroEventDecoder *decoder, SourceSample *s) {
    _cleanup_(kafka_history_free) KafkaHistory *history = NULL;
    int64_t latest = SAMPLE_RECORDS / s->n_partitions;
    const KafkaHistoryOptions options = {
            .topics = &s->topic,
            .n_topics = 1,
            .from_ms = TIME_NONE,
            .to_ms = TIME_NEVER,
            .latest = MAX(MIN(latest, (int64_t)SAMPLE_PARTITION_RECORDS_MAX), INT64_C(1)),
    };
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_history_new(config, &options, NULL, CHECK_TIMEOUT_MS, text, &history);
    if (r > 0)
        (void)snprintf(s->cut, sizeof(s->cut), "%s", text);
    return r ? MIN(r, 0) : take_records(history, registry, decoder, s);
}

int check_sources_sample(const Config *config, Registry *registry, SourceSample *samples) {
    _cleanup_(avro_event_decoder_free) AvroEventDecoder *decoder = NULL;
    int r = avro_event_decoder_new(&decoder);
    for (size_t i = 0; r == 0 && i < config->n_sources; i++)
        if (samples[i].n_partitions > 0)
            r = sample(config, registry, decoder, &samples[i]);
    return r;
}
