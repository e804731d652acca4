/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log/log.h"
#include "daemon/pipeline/model_walk.h"
#include "daemon/pipeline/round_internal.h"
#include "daemon/pipeline/takeover.h"
#include "daemon/pipeline/unreadable.h"

/* What the run's records are about, so that it can be fetched in one go. */
struct Wanted {
    Str *ids[_ENTITY_KIND_MAX]; /* borrowed from the records */
    size_t n[_ENTITY_KIND_MAX];
    bool is_loaded[_ENTITY_KIND_MAX];
    int64_t accounts_ms; /* where the accounts' watermark gets to */
    SourceProgress routed[CONFIG_SOURCES_MAX]; /* the farthest that is told of each source */
};

static void want(Wanted *wanted, EntityKind kind, Str id) {
    wanted->ids[kind][wanted->n[kind]++] = id;
}

/* A message that cannot be taken halts its shard here, before anything has changed: the others go on. */
static int refuse(const LiveShard *shard, const Record *record, Unreadable why) {
    log_error("message.unreadable", LOG_INT("shard", shard->id), LOG_INT("offset", record->offset), LOG_STR("error", why.reason));
    return live_shard_halt(shard->id, "the internal topic holds a message that cannot be taken", why.remedy);
}

/* It may go by an earlier version under which this shard has never written anything. */
static int check_message(LiveShard *shard, const Record *record, const ShardMessage *message) {
    const Model *model = shard->pipeline->model;
    int64_t version;
    int r = courier_check(shard->courier, message, &version);
    if (r == COURIER_E_MODEL && version < model->version) {
        int learned = takeover_learn_model(shard, version);
        if (learned != 0)
            return learned;
        r = courier_check(shard->courier, message, &version);
    }
    if (r <= 0)
        return r;
    return refuse(shard, record, r == COURIER_E_MODEL ? unreadable_version(version > model->version) : unreadable_message(SHARD_MESSAGE_E_CORRUPT));
}

static int read_message(const Run *run, const Record *record, ShardMessage *ret) {
    Arena *arena = run->shard->pipeline->round->arena;
    arena_reset(arena);
    int r = shard_message_unpack(record->value, arena, ret);
    if (r <= 0)
        return r < 0 ? r : check_message(run->shard, record, ret);
    return refuse(run->shard, record, unreadable_message(r));
}

/* What a message is about. */
static int want_of_message(Run *run, const Record *record, int64_t *watermarks_ms, Wanted *wanted) {
    ShardMessage message;
    int r = read_message(run, record, &message);
    if (r != 0)
        return r;
    unsigned source;
    if (message.kind == MESSAGE_PROGRESS && inputs_find_routed(&run->shard->pipeline->inputs, message.topic, &source)) {
        wanted->routed[source].newest_ms = MAX(wanted->routed[source].newest_ms, message.at_ms);
        wanted->routed[source].at_end |= message.at_end;
    }
    bool is_account = message.kind == MESSAGE_TOUCH || message.kind == MESSAGE_LEAVE || message.kind == MESSAGE_ENTRY;
    if (message.kind == MESSAGE_WATERMARK && message.from_shard < run->shard->pipeline->n_shards)
        watermarks_ms[message.from_shard] = MAX(watermarks_ms[message.from_shard], message.at_ms);
    else if (message.kind != MESSAGE_WATERMARK && message.kind != MESSAGE_PROGRESS)
        want(wanted, is_account ? ENTITY_ACCOUNT : ENTITY_LEAD, shard_message_target(&message));
    return 0;
}

static int want_all(Run *run, Wanted *wanted) {
    const Pipeline *p = run->shard->pipeline;
    _cleanup_(free_null) int64_t *watermarks_ms = calloc((size_t)p->n_shards, sizeof(*watermarks_ms));
    if (!watermarks_ms)
        return -ENOMEM;
    memcpy(watermarks_ms, run->shard->lead_watermarks_ms, (size_t)p->n_shards * sizeof(*watermarks_ms));
    for (size_t i = 0; i < run->n; i++) {
        const Record *record = &run->records[i];
        if (round_is_message(p, record)) {
            int r = want_of_message(run, record, watermarks_ms, wanted);
            if (r != 0)
                return r;
        } else if (p->inputs.inputs[record->input].is_routed) {
            continue; /* it is only sent on */
        } else if (record->key.len > 0 && record->key.len <= EVENT_LEAD_ID_LEN_MAX) {
            want(wanted, ENTITY_LEAD, record->key); /* the key is the lead id, or the record is a dead letter */
        }
    }
    wanted->accounts_ms = TIME_NEVER;
    for (int32_t i = 0; i < p->n_shards; i++)
        wanted->accounts_ms = MIN(wanted->accounts_ms, watermarks_ms[i]);
    return 0;
}

/* The watermark at the end of the run, if all of its events count and all shards are as far as the farthest: at most that. */
static int64_t foresee_watermark(const Run *run, const Wanted *wanted, int64_t now_ms) {
    const LiveShard *shard = run->shard;
    const Pipeline *p = shard->pipeline;
    SourceProgress sources[CONFIG_SOURCES_MAX];
    memcpy(sources, shard->sources, sizeof(sources));
    for (unsigned i = 0; i < p->config->n_sources; i++) {
        sources[i].newest_ms = MAX(sources[i].newest_ms, wanted->routed[i].newest_ms);
        sources[i].at_end |= wanted->routed[i].at_end;
        if (wanted->routed[i].at_end) /* who is at the end holds the source back no more: it may be as far as any of the others then */
            sources[i].newest_ms = latest(sources[i].newest_ms, routed_farthest(shard->routed, i));
    }
    for (size_t i = 0; i < run->n; i++) {
        LeadEvent event;
        const char *reason;
        char text[256];
        const Record *record = &run->records[i];
        if (round_is_message(p, record) || p->inputs.inputs[record->input].is_routed)
            continue;
        if (round_decode(shard->pipeline, record, now_ms, &event, &reason, text, sizeof(text)) == 0) {
            SourceProgress *source = &sources[p->inputs.inputs[record->input].source];
            source->newest_ms = latest(source->newest_ms, round_counted_time(p, record, &event, now_ms));
        }
    }
    for (size_t i = 0; i < p->config->n_sources; i++)
        source_progress_take_proof(&sources[i]);
    return watermark_of(p->config->watermark, sources, p->config->n_sources, p->model->lateness_ms);
}

/* What is due up to the watermark that the run will get to. */
static int load_due(Run *run, EntityKind kind, int64_t until_ms) {
    LiveShard *shard = run->shard;
    size_t n_due;
    return live_shard_load_due(shard, kind, until_ms, (size_t)shard->pipeline->config->batch_max_moments, &n_due);
}

static int load_wanted(Run *run, const Wanted *wanted, int64_t now_ms) {
    LiveShard *shard = run->shard;
    int r = 0;
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX && r == 0; kind++)
        r = wanted->is_loaded[kind] ? 0 : live_shard_load(shard, kind, wanted->ids[kind], wanted->n[kind]);
    if (r == 0 && live_shard_barrier(shard, ENTITY_LEAD) != TIME_NEVER)
        r = load_due(run, ENTITY_LEAD, latest(foresee_watermark(run, wanted, now_ms), shard_watermark(shard->engine)));
    if (r == 0 && live_shard_barrier(shard, ENTITY_ACCOUNT) <= wanted->accounts_ms)
        r = load_due(run, ENTITY_ACCOUNT, wanted->accounts_ms);
    return r;
}

Wanted *round_wanted_free(Wanted *wanted) {
    for (EntityKind kind = 0; wanted && kind < _ENTITY_KIND_MAX; kind++)
        free(wanted->ids[kind]);
    return free_null(wanted);
}

static int new_wanted(const Run *run, Wanted **ret) {
    _cleanup_(round_wanted_free) Wanted *wanted = calloc(1, sizeof(*wanted));
    if (!wanted)
        return -ENOMEM;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        wanted->routed[i] = SOURCE_PROGRESS_INIT;
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++) {
        wanted->ids[kind] = calloc(MAX(run->n, (size_t)1), sizeof(Str));
        if (!wanted->ids[kind])
            return -ENOMEM;
    }
    *ret = TAKE_PTR(wanted);
    return 0;
}

int round_want(Run *run) {
    LiveShard *shard = run->shard;
    int r = view_queue_go_on(shard->view_queue, shard);
    if (r == PIPELINE_E_WAIT && !view_queue_is_full(shard->view_queue))
        r = 0;
    if (r == 0)
        r = new_wanted(run, &run->wanted);
    if (r == 0 && shard->walk)
        r = model_walk_load(shard);
    return r == 0 ? want_all(run, run->wanted) : r;
}

int round_load_together(Pipeline *p, Run *runs, size_t n) {
    _cleanup_(free_null) ShardWant *wants = calloc(MAX(n * _ENTITY_KIND_MAX, (size_t)1), sizeof(*wants));
    if (!wants)
        return -ENOMEM;
    for (size_t i = 0; i < n * _ENTITY_KIND_MAX; i++) {
        const Run *run = &runs[i / _ENTITY_KIND_MAX];
        EntityKind kind = (EntityKind)(i % _ENTITY_KIND_MAX);
        wants[i] = (ShardWant){.shard = run->shard, .kind = kind, .ids = run->wanted->ids[kind], .n = run->wanted->n[kind]};
    }
    int r = live_shard_load_together(p, wants, n * _ENTITY_KIND_MAX);
    for (size_t i = 0; i < n * _ENTITY_KIND_MAX && r == 0; i++)
        runs[i / _ENTITY_KIND_MAX].wanted->is_loaded[wants[i].kind] = wants[i].is_loaded;
    return r;
}

int round_load(Run *run, int64_t now_ms) {
    return load_wanted(run, run->wanted, now_ms);
}
