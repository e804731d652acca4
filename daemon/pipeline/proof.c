/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/proof.h"

#include "daemon/base/clock.h"
#include "daemon/log/log.h"

#define ASK_TIMEOUT_MS 2000

/* Is a source of the shard's own not known up to there? What routed ones bring is for other shards to prove. */
static bool is_unproved(const LiveShard *shard, int64_t at_ms) {
    const Config *config = shard->pipeline->config;
    for (size_t i = 0; i < config->n_sources; i++)
        if (!config->is_routed[i] && MAX(shard->sources[i].newest_ms, shard->sources[i].proved_ms) < at_ms)
            return true;
    return false;
}

bool proof_is_awaited(const LiveShard *shard, int64_t now_ms) {
    const Pipeline *p = shard->pipeline;
    if (p->config->watermark != WATERMARK_WALL)
        return false;
    int64_t due_ms = earliest(shard_next_moment(shard->engine), shard->horizons_ms[ENTITY_LEAD]);
    return due_ms != TIME_NEVER && due_ms <= now_ms - p->model->lateness_ms && due_ms > shard_watermark(shard->engine) &&
            is_unproved(shard, due_ms + p->model->lateness_ms);
}

/* Of this instant. */
static SourceEnd question(Pipeline *p) {
    return (SourceEnd){.at_ms = clock_wall_ms(), .no = ++p->n_asked};
}

static bool wants_proof(const LiveShard *shard, int64_t now_ms) {
    bool is_wall = shard->pipeline->config->watermark == WATERMARK_WALL;
    return shard->waits_for_order || proof_is_awaited(shard, now_ms) ||
            (is_wall && (live_shard_is_to_tell_accounts(shard) || live_shard_is_to_tell_routed(shard)));
}

/* The ends to ask for, one per input that is a source's; room for INPUTS_MAX. How many. */
static size_t add_ends(const LiveShard *shard, KafkaEnd *ends) {
    const Inputs *inputs = &shard->pipeline->inputs;
    size_t n = 0;
    for (unsigned i = 0; i < inputs->n; i++) {
        int32_t partition = inputs_partition(inputs, i, shard->id);
        if (partition >= 0 && !inputs_is_internal(inputs, i))
            ends[n++] = (KafkaEnd){.topic = inputs->inputs[i].topic, .partition = partition};
    }
    return n;
}

/* The answers, in the same order; how many they are. */
static size_t note(LiveShard *shard, const KafkaEnd *ends, SourceEnd asked) {
    const Inputs *inputs = &shard->pipeline->inputs;
    size_t n = 0;
    for (unsigned i = 0; i < inputs->n; i++) {
        SourceProgress *progress = live_shard_progress(shard, i);
        if (!progress)
            continue;
        asked.offset = ends[n++].end;
#ifdef PLANTED_UNPROVED
        asked.offset = 0;
#endif
        source_progress_note_end(progress, asked);
    }
    return n;
}

static int ask(Pipeline *p, KafkaEnd *ends, size_t n) {
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_cluster_ends(p->cluster, ends, n, ASK_TIMEOUT_MS, text);
    if (r > 0)
        log_warning_burst(3, "proof.unanswered", LOG_STR("error", text));
    return r;
}

/* One by one: a partition without a leader must not hold the other shards' deadlines up. */
static int ask_apart(Pipeline *p, LiveShard **wanting, size_t n, KafkaEnd *ends) {
    for (size_t i = 0; i < n; i++) {
        SourceEnd asked = question(p);
        int r = ask(p, ends, add_ends(wanting[i], ends));
        if (r < 0)
            return r;
        if (r == 0)
            (void)note(wanting[i], ends, asked);
        pipeline_note_progress(p);
    }
    return 0;
}

int proof_seek(Pipeline *p) {
    int64_t now_ms = clock_wall_ms();
    size_t n = 0, n_ends = 0;
    _cleanup_(free_null) LiveShard **wanting = calloc((size_t)p->n_shards, sizeof(LiveShard *));
    _cleanup_(free_null) KafkaEnd *ends = calloc((size_t)p->n_shards * p->inputs.n, sizeof(*ends));
    if (!wanting || !ends)
        return -ENOMEM;
    for (int32_t i = 0; i < p->n_shards; i++)
        if (p->shards[i] && wants_proof(p->shards[i], now_ms)) {
            wanting[n++] = p->shards[i];
            n_ends += add_ends(p->shards[i], &ends[n_ends]);
        }
    if (n == 0)
        return 0;
    SourceEnd asked = question(p);
    int r = ask(p, ends, n_ends);
    if (r > 0)
        return ask_apart(p, wanting, n, ends);
    for (size_t i = 0, at = 0; i < n && r == 0; i++)
        at += note(wanting[i], &ends[at], asked);
    return r;
}
