/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/model_walk.h"

#include "daemon/base/clock.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/takeover.h"

/* Records a step, but no more than moments: enough to make a seek worth it, few enough not to hold events up. */
#define STEP_MAX 1000
#define READ_TIMEOUT_MS 200
#define READ_GIVE_UP_MS 20000

struct ModelWalk {
    int64_t next, end;
    Arena *arena; /* of the step's ids */
    Str ids[_ENTITY_KIND_MAX][STEP_MAX];
    size_t n[_ENTITY_KIND_MAX];
    int64_t step_next; /* behind what the step has read */
    bool is_read;      /* a step waits to be applied */
};

int model_walk_new(int64_t next, int64_t end, ModelWalk **ret) {
    _cleanup_(model_walk_free) ModelWalk *walk = calloc(1, sizeof(*walk));
    int r = walk ? arena_new(&walk->arena) : -ENOMEM;
    if (r < 0)
        return r;
    walk->next = next;
    walk->end = end;
    *ret = TAKE_PTR(walk);
    return 0;
}

ModelWalk *model_walk_free(ModelWalk *walk) {
    if (!walk)
        return NULL;
    arena_free(walk->arena);
    return free_null(walk);
}

int64_t model_walk_next(const ModelWalk *walk) {
    return walk->next;
}

int64_t model_walk_end(const ModelWalk *walk) {
    return walk->end;
}

static int add_key(ModelWalk *walk, Str key) {
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++) {
        const char *prefix = kind == ENTITY_LEAD ? CHANGELOG_LEAD_PREFIX : CHANGELOG_ACCOUNT_PREFIX;
        Str id;
        if (!changelog_take_prefix(key, prefix, &id) || id.len == 0)
            continue;
        id = arena_str(walk->arena, id);
        if (!id.data)
            return -ENOMEM;
        walk->ids[kind][walk->n[kind]++] = id;
    }
    return 0;
}

static int wait_for_changelog(const LiveShard *shard, const char *text) {
    log_warning("model.walk_waits", LOG_INT("shard", shard->id), LOG_STR("error", text));
    return PIPELINE_E_WAIT;
}

/* The keys of one step. */
static int read_step(LiveShard *shard, ModelWalk *walk) {
    Pipeline *p = shard->pipeline;
    char text[KAFKA_TEXT_SIZE] = "";
    int64_t since_ms = clock_monotonic_ms();
    size_t n_max = MIN((size_t)STEP_MAX, (size_t)p->config->batch_max_moments);
    walk->step_next = walk->next;
    int r = kafka_changelog_seek(p->changelog, shard->id, walk->next, text);
    if (r > 0)
        return wait_for_changelog(shard, text);
    for (size_t n = 0; r == 0 && n < n_max && walk->step_next < walk->end; n++) {
        ChangelogRecord record;
        r = kafka_changelog_next(p->changelog, READ_TIMEOUT_MS, text, &record);
        pipeline_note_progress(p);
        if (r == KAFKA_E_UNKNOWN) {
            walk->step_next = walk->end; /* what is left are control records */
            return 0;
        }
        if (r == KAFKA_E_TIMEOUT && clock_monotonic_ms() - since_ms < READ_GIVE_UP_MS && !*p->stop) {
            r = 0;
            n--;
            continue;
        }
        if (r == 0) {
            walk->step_next = record.offset + 1;
            if (record.offset < walk->end && record.value.data)
                r = add_key(walk, record.key);
        }
    }
    return r > 0 ? wait_for_changelog(shard, text) : r;
}

static int next_step(LiveShard *shard, ModelWalk *walk) {
    arena_reset(walk->arena);
    memset(walk->n, 0, sizeof(walk->n));
    int r = read_step(shard, walk);
    kafka_changelog_rest(shard->pipeline->changelog);
    walk->is_read = r == 0;
    return r;
}

/* What was loaded for a round that had no turn for it may have been dropped since. */
int model_walk_load(LiveShard *shard) {
    ModelWalk *walk = shard->walk;
    int r = walk->is_read ? 0 : next_step(shard, walk);
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX && r == 0; kind++)
        r = live_shard_load(shard, kind, walk->ids[kind], walk->n[kind]);
    return r;
}

int model_walk_apply(LiveShard *shard, bool *ret_done) {
    ModelWalk *walk = shard->walk;
    int r = 0;
    *ret_done = false;
    if (!walk->is_read)
        return 0;
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++)
        for (size_t i = 0; i < walk->n[kind] && r == 0; i++)
            r = shard_apply_model(live_shard_engine(shard, kind), kind, walk->ids[kind][i]);
    walk->next = walk->step_next;
    walk->is_read = false;
    *ret_done = walk->next >= walk->end;
    return r;
}
