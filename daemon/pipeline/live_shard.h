#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Live Shard
 *
 * What the owner of a shard holds between rounds: the engine over its cached leads and the one over its accounts, which go by a
 * watermark of their own, where inputs and changelog stand, and what the view has not acknowledged yet.
 */
#include "daemon/pipeline/footer.h"
#include "daemon/pipeline/model_history.h"
#include "daemon/pipeline/pipeline.h"
#include "daemon/pipeline/routed.h"
#include "daemon/pipeline/watermark.h"
#include "daemon/view/view_queue.h"
#include "lib/shard/shard_courier.h"

/* Since when an input cannot be read for want of a schema; 0: it can. */
typedef struct SchemaWait {
    int64_t since_ms; /* monotonic */
    bool is_told;     /* in the log */
} SchemaWait;

struct LiveShard {
    Pipeline *pipeline;
    int32_t id;
    Shard *engine;   /* the leads */
    Shard *accounts;
    Courier *courier; /* between them and those of other shards */
    char lineage[LINEAGE_LEN + 1];
    int64_t bno;                 /* of the last batch that is committed, or being so */
    int64_t taken_bno;           /* what it was when the shard was taken over */
    int64_t footer_offset;       /* of its footer in the changelog; -1: unknown */
    int64_t offsets[INPUTS_MAX]; /* next to read, as of that; -1: nothing read yet */
    SourceProgress sources[CONFIG_SOURCES_MAX]; /* how far the leads know them; of a routed one, by what the shards tell that read it */
    size_t n_waiting;            /* records that wait for another source's (source_order.h), or for a schema … */
    bool waits_for_order;        /* … and some of them for another source's: */
    uint64_t waiting_asked_no;   /* for a question with a higher number than this */
    SchemaWait schema_waits[INPUTS_MAX];
    bool is_on_hold[INPUTS_MAX]; /* so much of it waits that no more is fetched */
    Routed *routed; /* NULL: no source is */
    int64_t horizons_ms[_ENTITY_KIND_MAX]; /* moments of leads, and of accounts, that are not cached are known up to here */
    int64_t *lead_watermarks_ms; /* of each shard, as it has told them: the least is that of the accounts. TIME_NONE: nothing yet */
    ModelHistory history;        /* earlier models that records may go by */
    bool has_skeleton;           /* the present model's is in the changelog … */
    int64_t skeleton_offset;     /* … here; -1: unknown */
    struct ModelWalk *walk;      /* NULL: all records are of the present model */
    bool walk_ended;             /* with the batch that is under construction */
    int64_t told_watermark_ms;   /* what this one has told last … */
    int64_t told_at_ms;          /* … and when, by the monotonic clock */
    RoutedNews told_routed[CONFIG_SOURCES_MAX]; /* the same by source */
    int64_t told_routed_at_ms;
    ViewQueue *view_queue;
    bool moments_left;           /* due ones that the last round had no room for */
};

/* The sinks' userdata is set to the shard. */
MUST_CHECK int live_shard_new(Pipeline *p, int32_t id, OutputSink sink, MessageSink messages, LiveShard **ret);
LiveShard *live_shard_free(LiveShard *shard);
DEFINE_CLEANUP(LiveShard *, live_shard_free)

/* Says in the log that the shard cannot go on until an operator has acted. PIPELINE_E_HALT. */
int live_shard_halt(int32_t id, const char *reason, const char *remedy);

/* The engine over the leads or over the accounts. */
Shard *live_shard_engine(const LiveShard *shard, EntityKind kind);
/* The watermark of the accounts: the least of all shards' leads; TIME_NONE while one has not told its own. */
int64_t live_shard_accounts_watermark(const LiveShard *shard);

/* Of one of the shard's own inputs; NULL: it is the internal topic, or not the shard's. */
SourceProgress *live_shard_progress(LiveShard *shard, unsigned input);
/* What was proved when the records at hand were not through the engine yet counts from now on. */
void live_shard_take_proofs(LiveShard *shard);

/* Is it time to tell all shards how far this one is? Accounts wait for its leads … */
bool live_shard_is_to_tell_accounts(const LiveShard *shard);
/* … and leads for what it reads of routed sources. */
bool live_shard_is_to_tell_routed(const LiveShard *shard);

/* Loads those leads or accounts of `ids` that are not cached. 0, PIPELINE_E_WAIT, _HALT, _RESTART or negative errno. */
MUST_CHECK int live_shard_load(LiveShard *shard, EntityKind kind, const Str *ids, size_t n);
/* What a shard is to have in memory. */
typedef struct ShardWant {
    LiveShard *shard;
    EntityKind kind;
    const Str *ids;
    size_t n;
    bool is_loaded; /* false at first */
} ShardWant;
/*
 * Asks Redis for what is missing of several shards in one round trip, if it is not much, and loads it. What has not come so is not is_loaded
 * afterwards, and for live_shard_load(), which repairs what is wrong. 0 or negative errno.
 */
MUST_CHECK int live_shard_load_together(Pipeline *p, ShardWant *wants, size_t n);
/*
 * Loads those whose moments are due up to until_ms, at most about `budget` of them; *ret_n how many. Afterwards all
 * that is due before live_shard_barrier() is in memory.
 */
MUST_CHECK int live_shard_load_due(LiveShard *shard, EntityKind kind, int64_t until_ms, size_t budget, size_t *ret_n);
/* The watermark may not reach this instant before more is loaded; TIME_NEVER: everything is known. */
int64_t live_shard_barrier(const LiveShard *shard, EntityKind kind);
/* Drops cached leads and accounts beyond the shard's part of the cache. */
MUST_CHECK int live_shard_trim(LiveShard *shard);
/* Pages the nearest moments in from the view; after a takeover. */
MUST_CHECK int live_shard_load_moments(LiveShard *shard);
