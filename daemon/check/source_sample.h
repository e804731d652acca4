#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Sample of a Source
 *
 * Counts over some records of a source topic: do they decode, is the key the lead's id, and which partitioner would have put it where it
 * stands? No I/O.
 */
#include "daemon/io/kafka/kafka_client.h"
#include "lib/event/event.h"

/* An example, in words. */
#define SAMPLE_TEXT_SIZE 512

typedef struct SourceSample {
    const char *topic;
    bool is_routed;
    int32_t n_partitions; /* 0: not known */
    unsigned partitioner; /* the configured one */
    uint64_t n_records;
    uint64_t n_unusable; /* of them: no event */
    uint64_t n_unknown_schema; /* of these: no schema has their id */
    uint64_t n_foreign;  /* events whose key is not their lead_id */
    uint64_t n_misplaced[KAFKA_PARTITIONERS]; /* the others, where the partitioner puts the lead_id elsewhere */
    /* The first of each; misplaced: by the configured partitioner. */
    char unusable[SAMPLE_TEXT_SIZE], foreign[SAMPLE_TEXT_SIZE], misplaced[SAMPLE_TEXT_SIZE];
    char cut[SAMPLE_TEXT_SIZE]; /* why it has fewer records than it should; "" if it has not */
} SourceSample;

/* Where a record stands, and its key, null if it has none. */
typedef struct SampleRecord {
    int32_t partition;
    int64_t offset;
    Str key;
} SampleRecord;

void source_sample_add_event(SourceSample *sample, const SampleRecord *record, const LeadEvent *event);
/* A record that is no event: the reason is a dead letter's, the text is for people. */
void source_sample_add_unusable(SourceSample *sample, const SampleRecord *record, const char *reason, const char *text);

/* Those that are events. */
static inline uint64_t source_sample_events(const SourceSample *sample) {
    return sample->n_records - sample->n_unusable;
}
