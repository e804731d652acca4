#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Live Shard
 *
 * What the owner of a shard holds between rounds: the engine with its cached leads, where inputs and
 * changelog stand, and what the view has not acknowledged yet.
 */
#include "daemon/footer.h"
#include "daemon/pipeline.h"
#include "daemon/view_queue.h"
#include "daemon/watermark.h"
#include "lib/shard.h"

struct LiveShard {
    Pipeline *pipeline;
    int32_t id;
    Shard *engine;
    char lineage[LINEAGE_LEN + 1];
    int64_t bno;                 /* of the last committed batch */
    int64_t footer_offset;       /* of its footer in the changelog; -1: unknown */
    int64_t offsets[TOPICS_MAX]; /* next to read, as committed; -1: nothing read yet */
    SourceProgress sources[CONFIG_SOURCES_MAX];
    int64_t horizon_ms;          /* moments of leads that are not cached are known up to here */
    ViewQueue *view_queue;
    bool moments_left;           /* due ones that the last round had no room for */
};

MUST_CHECK int live_shard_new(Pipeline *p, int32_t id, OutputSink sink, LiveShard **ret);
LiveShard *live_shard_free(LiveShard *shard);
DEFINE_CLEANUP(LiveShard *, live_shard_free)

/* Loads those leads of `ids` that are not cached. 0, PIPELINE_E_WAIT, _HALT, _RESTART or negative errno. */
MUST_CHECK int live_shard_load(LiveShard *shard, const Str *ids, size_t n);
/*
 * Loads leads whose moments are due up to until_ms, at most `budget` of them and then the rest of one millisecond;
 * *ret_n how many. Afterwards all that is due before live_shard_barrier() is in memory.
 */
MUST_CHECK int live_shard_load_due(LiveShard *shard, int64_t until_ms, size_t budget, size_t *ret_n);
/* The watermark may not reach this instant before more is loaded; TIME_NEVER: everything is known. */
int64_t live_shard_barrier(const LiveShard *shard);
/* Drops cached leads beyond the shard's part of the cache. */
MUST_CHECK int live_shard_trim(LiveShard *shard);
/* Pages the nearest moments in from the view; after a takeover. */
MUST_CHECK int live_shard_load_moments(LiveShard *shard);
