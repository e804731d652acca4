#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Is to Be Said of the Sources
 *
 * From samples of all sources and the numbers of partitions: which of them need `route`, which could do with another partitioner, which are
 * routed for nothing, and which hold records that are no events. No I/O.
 */
#include "daemon/base/findings.h"
#include "daemon/check/source_sample.h"

typedef struct SourcesVerdict {
    const SourceSample *samples; /* of all sources, in order */
    size_t n;
    int32_t n_shards;
    bool has_state; /* there is a changelog, which was written by the configured partitioner */
} SourcesVerdict;

/* The numbers of partitions of our own topics: not positive if there is no such topic, or the broker does not say. */
typedef struct ShardsKnown {
    int32_t changelog, internal;
    int64_t configured; /* topics.partitions */
} ShardsKnown;

/*
 * How many shards there are, or will be: the number of partitions of the sources that are not routed. If these differ, that of our own
 * topics, or else the most frequent one. If all are routed, that of our own topics, else the configured one, else that of the largest
 * source. 0: no source has been found.
 */
int32_t sources_shards(const SourceSample *samples, size_t n, const ShardsKnown *known);

/* Only whether the numbers of partitions fit: what can be said without records. */
void sources_judge_counts(const SourcesVerdict *verdict, Findings *findings);
void sources_judge(const SourcesVerdict *verdict, Findings *findings);
