/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/routed.h"

struct Routed {
    const Inputs *inputs;
    WatermarkMode mode;
    SourceProgress read[INPUTS_MAX];           /* by input */
    SourceProgress *told[CONFIG_SOURCES_MAX];  /* by source and shard; NULL: it is not routed */
    size_t n_told[CONFIG_SOURCES_MAX];         /* shards that read it */
};

static int add_source(Routed *routed, unsigned source, size_t n_shards) {
    if (routed->told[source])
        return 0; /* a further input of it */
    routed->told[source] = calloc(n_shards, sizeof(SourceProgress));
    if (!routed->told[source])
        return -ENOMEM;
    routed->n_told[source] = n_shards;
    for (size_t i = 0; i < n_shards; i++)
        routed->told[source][i] = SOURCE_PROGRESS_INIT;
    return 0;
}

int routed_new(const Inputs *inputs, WatermarkMode mode, Routed **ret) {
    _cleanup_(routed_free) Routed *routed = NULL;
    int r = 0;
    for (unsigned i = 0; i < inputs->n && r == 0; i++) {
        const Input *input = &inputs->inputs[i];
        if (!input->is_routed)
            continue;
        if (!routed)
            routed = calloc(1, sizeof(*routed));
        r = routed ? add_source(routed, input->source, (size_t)MIN(inputs->n_shards, input->n_partitions)) : -ENOMEM;
    }
    if (r < 0)
        return r;
    if (routed) {
        routed->inputs = inputs;
        routed->mode = mode;
        for (size_t i = 0; i < INPUTS_MAX; i++)
            routed->read[i] = SOURCE_PROGRESS_INIT;
    }
    *ret = TAKE_PTR(routed);
    return 0;
}

Routed *routed_free(Routed *routed) {
    if (!routed)
        return NULL;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        free(routed->told[i]);
    return free_null(routed);
}

SourceProgress *routed_input(Routed *routed, unsigned input) {
    return &routed->read[input];
}

void routed_take_proofs(Routed *routed) {
    for (unsigned i = 0; i < routed->inputs->n; i++)
        source_progress_take_proof(&routed->read[i]);
}

static SourceProgress least_of(const Routed *routed, const SourceProgress *progress, size_t n) {
    SourceProgress least = SOURCE_PROGRESS_INIT;
    least.newest_ms = watermark_of(routed->mode, progress, n, 0);
    least.at_end = n > 0;
    for (size_t i = 0; i < n; i++)
        least.at_end = least.at_end && source_progress_is_at_end(&progress[i]);
    return least;
}

/* Of those partitions of the source that the shard reads; false: there are none. */
static bool own(const Routed *routed, unsigned source, int32_t shard, SourceProgress *ret) {
    SourceProgress progress[INPUTS_MAX];
    size_t n = 0;
    for (unsigned i = 0; i < routed->inputs->n; i++)
        if (routed->inputs->inputs[i].source == source && inputs_partition(routed->inputs, i, shard) >= 0)
            progress[n++] = routed->read[i];
    if (n == 0)
        return false;
    *ret = least_of(routed, progress, n);
    return true;
}

size_t routed_news(const Routed *routed, int32_t shard, RoutedNews *ret) {
    size_t n = 0;
    for (unsigned source = 0; source < CONFIG_SOURCES_MAX; source++) {
        SourceProgress progress;
        if (!routed->told[source] || !own(routed, source, shard, &progress))
            continue;
        bool at_end = routed->mode == WATERMARK_DATA && progress.at_end;
        if (progress.newest_ms != TIME_NONE || at_end)
            ret[n++] = (RoutedNews){source, progress.newest_ms, at_end};
    }
    return n;
}

/* NULL: there is no such partition that the shard could have read. */
static SourceProgress *find_told(Routed *routed, unsigned source, int32_t from_shard) {
    return from_shard >= 0 && (size_t)from_shard < routed->n_told[source] ? &routed->told[source][from_shard] : NULL;
}

bool routed_hear(Routed *routed, const RoutedNews *news, int32_t from_shard) {
    SourceProgress *told = find_told(routed, news->source, from_shard);
    if (!told)
        return false;
    told->newest_ms = MAX(told->newest_ms, news->at_ms);
    told->at_end = news->at_end;
    return true;
}

bool routed_foresee(Routed *routed, const RoutedNews *news, int32_t from_shard, SourceProgress *ret) {
    SourceProgress *told = find_told(routed, news->source, from_shard);
    if (!told)
        return false;
    SourceProgress before = *told;
    (void)routed_hear(routed, news, from_shard);
    *ret = routed_source(routed, news->source);
    *told = before;
    return true;
}

void routed_restore(Routed *routed, unsigned source, int64_t newest_ms) {
    for (size_t i = 0; i < routed->n_told[source]; i++)
        routed->told[source][i].newest_ms = newest_ms;
}

SourceProgress routed_source(const Routed *routed, unsigned source) {
    return least_of(routed, routed->told[source], routed->n_told[source]);
}

int64_t routed_farthest(const Routed *routed, unsigned source) {
    int64_t farthest_ms = TIME_NONE;
    for (size_t i = 0; i < routed->n_told[source]; i++)
        farthest_ms = MAX(farthest_ms, routed->told[source][i].newest_ms);
    return farthest_ms;
}
