/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/live_shard.h"

#include "daemon/base/clock.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/model_walk.h"
#include "daemon/pipeline/takeover.h"
#include "daemon/pipeline/unreadable.h"
#include "lib/record/account_record.h"
#include "lib/shard/entity_window.h"

/* Leads fetched with one call: large enough to make round trips cheap, small enough not to hold Redis up. */
#define FETCH_MAX VIEW_FETCH_MAX
/* Moments paged in with one call. */
#define PAGE_MAX 5000
/* Accounts are judged at most so much later than leads, and deadlines at most so much later where sources are routed. */
#define TELL_INTERVAL_MS 1000

static void set_all(int64_t *times_ms, size_t n, int64_t value_ms) {
    for (size_t i = 0; i < n; i++)
        times_ms[i] = value_ms;
}

int live_shard_new(Pipeline *p, int32_t id, OutputSink sink, MessageSink messages, LiveShard **ret) {
    _cleanup_(live_shard_free) LiveShard *shard = calloc(1, sizeof(*shard));
    if (!shard)
        return -ENOMEM;
    *shard = (LiveShard){.pipeline = p, .id = id, .footer_offset = -1, .skeleton_offset = -1, .told_watermark_ms = TIME_NONE};
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        shard->told_routed[i].at_ms = TIME_NONE;
    set_all(shard->horizons_ms, _ENTITY_KIND_MAX, TIME_NEVER);
    for (size_t i = 0; i < INPUTS_MAX; i++)
        shard->offsets[i] = -1;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        shard->sources[i] = SOURCE_PROGRESS_INIT;
    shard->lead_watermarks_ms = calloc((size_t)p->n_shards, sizeof(*shard->lead_watermarks_ms));
    if (!shard->lead_watermarks_ms)
        return -ENOMEM;
    set_all(shard->lead_watermarks_ms, (size_t)p->n_shards, TIME_NONE);
    sink.userdata = messages.userdata = shard;
    int r = routed_new(&p->inputs, p->config->watermark, &shard->routed);
    if (r == 0)
        r = shard_new(p->model, sink, &shard->engine);
    if (r == 0)
        r = shard_new(p->model, sink, &shard->accounts);
    if (r == 0)
        r = courier_new(p->model, shard->engine, shard->accounts, messages, &shard->courier);
    if (r == 0)
        r = view_queue_new(p, &shard->view_queue);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(shard);
    return 0;
}

LiveShard *live_shard_free(LiveShard *shard) {
    if (!shard)
        return NULL;
    courier_free(shard->courier);
    model_walk_free(shard->walk);
    model_history_done(&shard->history);
    shard_free(shard->engine);
    shard_free(shard->accounts);
    view_queue_free(shard->view_queue);
    routed_free(shard->routed);
    free(shard->lead_watermarks_ms);
    free(shard);
    return NULL;
}

int live_shard_halt(int32_t id, const char *reason, const char *remedy) {
    log_error("shard.halted", LOG_INT("shard", id), LOG_STR("reason", reason), LOG_STR("remedy", remedy));
    return PIPELINE_E_HALT;
}

Shard *live_shard_engine(const LiveShard *shard, EntityKind kind) {
    return kind == ENTITY_LEAD ? shard->engine : shard->accounts;
}

int64_t live_shard_accounts_watermark(const LiveShard *shard) {
    int64_t least_ms = TIME_NEVER;
    for (int32_t i = 0; i < shard->pipeline->n_shards; i++)
        least_ms = MIN(least_ms, shard->lead_watermarks_ms[i]);
    return least_ms;
}

bool live_shard_is_to_tell_accounts(const LiveShard *shard) {
    return shard->pipeline->model->has_accounts && clock_monotonic_ms() - shard->told_at_ms >= TELL_INTERVAL_MS;
}

/* A history of months may go by in a second: then it is told with every batch. */
bool live_shard_is_to_tell_routed(const LiveShard *shard) {
    return shard->routed && (shard->pipeline->config->watermark == WATERMARK_DATA ||
                                    clock_monotonic_ms() - shard->told_routed_at_ms >= TELL_INTERVAL_MS);
}

SourceProgress *live_shard_progress(LiveShard *shard, unsigned input) {
    const Inputs *inputs = &shard->pipeline->inputs;
    if (inputs_is_internal(inputs, input) || inputs_partition(inputs, input, shard->id) < 0)
        return NULL;
    return inputs->inputs[input].is_routed ? routed_input(shard->routed, input) : &shard->sources[inputs->inputs[input].source];
}

void live_shard_take_proofs(LiveShard *shard) {
    for (size_t i = 0; i < shard->pipeline->config->n_sources; i++)
        source_progress_take_proof(&shard->sources[i]);
    if (shard->routed)
        routed_take_proofs(shard->routed);
}

/* --- records ----------------------------------------------------------------------------------------- */

static EntityTable *table_of(const LiveShard *shard, EntityKind kind) {
    return kind == ENTITY_LEAD ? shard_leads(shard->engine) : shard_accounts(shard->accounts);
}

static int load_lead(LiveShard *shard, Str id, Str bytes) {
    _cleanup_(lead_free) Lead *lead = NULL;
    int r = model_history_unpack_lead(&shard->history, shard->pipeline->model, bytes, id, &lead);
    if (r == 0)
        r = shard_load(shard->engine, lead);
    if (r == 0)
        lead = NULL;
    return r;
}

static int load_account(LiveShard *shard, Str id, Str bytes) {
    _cleanup_(account_free) Account *account = NULL;
    int r = model_history_unpack_account(&shard->history, shard->pipeline->model, bytes, id, &account);
    if (r == 0)
        r = shard_load_account(shard->accounts, account);
    if (r == 0)
        account = NULL;
    return r;
}

static int load_bytes(LiveShard *shard, EntityKind kind, Str id, Str bytes) {
    return kind == ENTITY_LEAD ? load_lead(shard, id, bytes) : load_account(shard, id, bytes);
}

/* The same; one that cannot be read halts the shard. */
static int load_record(LiveShard *shard, EntityKind kind, Str id, Str bytes) {
    int r = load_bytes(shard, kind, id, bytes);
    if (r <= 0)
        return r;
    log_error("record.unreadable", LOG_INT("shard", shard->id), LOG_STR("kind", kind == ENTITY_LEAD ? "lead" : "account"),
            LOG_ID("id", id), LOG_INT("code", r));
    Unreadable why = unreadable_record_in_redis(r);
    return live_shard_halt(shard->id, why.reason, why.remedy);
}

/*
 * What changed stays in memory until the view has it, but for what was erased: that is in neither of both, whatever the view still
 * has of it.
 */
static bool is_news(const LiveShard *shard, EntityKind kind, Str id, Str bytes) {
    return bytes.data && !entity_table_get(table_of(shard, kind), id) && !view_queue_erases(shard->view_queue, kind, id);
}

static ViewFetch fetch_of(const LiveShard *shard, EntityKind kind, const Str *ids, size_t n, Str *values) {
    return (ViewFetch){.shard = shard->id, .lineage = shard->lineage, .min_bno = shard->bno - (int64_t)view_queue_count(shard->view_queue),
            .max_bno = shard->bno, .kind = kind, .ids = ids, .n = n, .values = values};
}

/* Fetches up to FETCH_MAX records; ids of those that are in memory meanwhile are passed over. */
static int fetch(LiveShard *shard, EntityKind kind, const Str *ids, size_t n) {
    Pipeline *p = shard->pipeline;
    Str values[FETCH_MAX];
    char text[REDIS_TEXT_SIZE];
    int r;
    assert(n <= FETCH_MAX);
    do {
        int64_t begun_us = clock_monotonic_us();
        ViewFetch f = fetch_of(shard, kind, ids, n, values);
        r = redis_view_fetch(p->view, f.shard, f.lineage, f.min_bno, f.max_bno, kind, ids, n, text, values);
        pipeline_note_redis(p, REDIS_FETCH, clock_monotonic_us() - begun_us, r);
        if (r > 0) {
            int repaired = takeover_repair(shard, r, text);
            if (repaired != 0)
                return repaired;
        }
    } while (r > 0);
    for (size_t i = 0; i < n && r == 0; i++)
        if (is_news(shard, kind, ids[i], values[i]))
            r = load_record(shard, kind, ids[i], values[i]);
    return r;
}

/* Nothing has ever been written: all that there is is in memory. */
static bool is_all_in_memory(const LiveShard *shard) {
    return shard->bno == (int64_t)view_queue_count(shard->view_queue);
}

int live_shard_load(LiveShard *shard, EntityKind kind, const Str *ids, size_t n) {
    Str missing[FETCH_MAX];
    size_t n_missing = 0, n_missed = 0;
    int r = 0;
    if (is_all_in_memory(shard))
        return 0;
    EntityWindow window = entity_window(table_of(shard, kind));
    for (size_t i = 0, n_told = 0; i < n && r == 0; i++) {
        while (n_told < MIN(i + ENTITY_WINDOW_AHEAD, n))
            entity_window_tell(&window, ids[n_told++]);
        if (!entity_table_get_by_hash(table_of(shard, kind), entity_window_hash(&window, i), ids[i]))
            missing[n_missing++] = ids[i];
        if (n_missing == FETCH_MAX || (i + 1 == n && n_missing)) {
            r = fetch(shard, kind, missing, n_missing);
            n_missed += n_missing;
            n_missing = 0;
        }
    }
    telemetry_cache(shard->pipeline->telemetry, kind, n, n_missed);
    return r;
}

/* --- of several shards at once ----------------------------------------------------------------------- */

/* Those that are not in memory, into `ret`; how many. */
static size_t find_missing(const ShardWant *want, Str *ret) {
    size_t n = 0;
    for (size_t i = 0; i < want->n && !is_all_in_memory(want->shard); i++)
        if (!entity_table_get(table_of(want->shard, want->kind), want->ids[i]))
            ret[n++] = want->ids[i];
    return n;
}

static void note_loaded(ShardWant *want, size_t n_missed) {
    want->is_loaded = true;
    if (!is_all_in_memory(want->shard))
        telemetry_cache(want->shard->pipeline->telemetry, want->kind, want->n, n_missed);
}

/* What cannot be taken is left to live_shard_load(), which meets with it again and tells of it. */
static int take_fetched(ShardWant *want, const ViewFetch *f) {
    int r = f->outcome;
    for (size_t i = 0; i < f->n && r == 0; i++)
        if (is_news(want->shard, want->kind, f->ids[i], f->values[i]))
            r = load_bytes(want->shard, want->kind, f->ids[i], f->values[i]);
    if (r == 0)
        note_loaded(want, f->n);
    return MIN(r, 0);
}

int live_shard_load_together(Pipeline *p, ShardWant *wants, size_t n) {
    Str ids[FETCH_MAX], values[FETCH_MAX];
    char text[REDIS_TEXT_SIZE];
    size_t n_all = 0, n_ids = 0, n_fetches = 0;
    for (size_t i = 0; i < n; i++)
        n_all += wants[i].n;
    if (n_all > FETCH_MAX)
        return 0;
    _cleanup_(free_null) ViewFetch *fetches = calloc(MAX(n, (size_t)1), sizeof(*fetches));
    if (!fetches)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        size_t n_missing = find_missing(&wants[i], ids + n_ids);
        if (n_missing)
            fetches[n_fetches++] = fetch_of(wants[i].shard, wants[i].kind, ids + n_ids, n_missing, values + n_ids);
        else
            note_loaded(&wants[i], 0);
        n_ids += n_missing;
    }
    if (n_fetches < 2)
        return 0; /* one is as fast without */
    int64_t begun_us = clock_monotonic_us();
    int r = redis_view_fetch_all(p->view, fetches, n_fetches, text);
    pipeline_note_redis(p, REDIS_FETCH, clock_monotonic_us() - begun_us, r);
    for (size_t i = 0, k = 0; i < n && r == 0; i++)
        if (!wants[i].is_loaded)
            r = take_fetched(&wants[i], &fetches[k++]);
    return MIN(r, 0);
}

/* --- moments ----------------------------------------------------------------------------------------- */

int64_t live_shard_barrier(const LiveShard *shard, EntityKind kind) {
    return earliest(shard_next_cold(live_shard_engine(shard, kind)).at_ms, shard->horizons_ms[kind]);
}

/* Up to `max` moments from the horizon on, into `moments`; repairs the view if need be. */
static int read_moments(LiveShard *shard, EntityKind kind, size_t max, ViewMoment *moments, size_t *ret_n) {
    Pipeline *p = shard->pipeline;
    char text[REDIS_TEXT_SIZE];
    for (;;) {
        int64_t begun_us = clock_monotonic_us();
        int r = redis_view_moments(p->view, shard->id, shard->lineage,
                shard->bno - (int64_t)view_queue_count(shard->view_queue), shard->bno, kind, shard->horizons_ms[kind], max,
                text, moments, ret_n);
        pipeline_note_redis(p, REDIS_MOMENTS, clock_monotonic_us() - begun_us, r);
        int repaired = r > 0 ? takeover_repair(shard, r, text) : r;
        if (r <= 0 || repaired != 0)
            return repaired;
    }
}

/*
 * Pages in what follows the horizon and moves it. A full page may have been cut within a millisecond, so the next one begins there
 * again; if a page holds nothing but one millisecond, a larger one is read.
 */
static int load_page(LiveShard *shard, EntityKind kind) {
    for (size_t max = PAGE_MAX;; max *= 2) {
        _cleanup_(free_null) ViewMoment *moments = calloc(max, sizeof(*moments));
        size_t n = 0;
        int r = moments ? read_moments(shard, kind, max, moments, &n) : -ENOMEM;
        if (r == 0 && n == max && moments[0].moment_ms == moments[n - 1].moment_ms)
            continue;
        for (size_t i = 0; i < n && r == 0; i++)
            r = shard_add_cold(live_shard_engine(shard, kind), kind, moments[i].id, moments[i].moment_ms);
        if (r == 0)
            shard->horizons_ms[kind] = n < max ? TIME_NEVER : moments[n - 1].moment_ms;
        return r;
    }
}

static int load_moments(LiveShard *shard, EntityKind kind) {
    const Shard *engine = live_shard_engine(shard, kind);
    int r = 0;
    shard->horizons_ms[kind] = shard->bno == 0 ? TIME_NEVER : TIME_NONE;
    while (r == 0 && shard->horizons_ms[kind] != TIME_NEVER &&
            shard_count_cold(engine) < (size_t)shard->pipeline->config->moments_near_max) {
        r = load_page(shard, kind);
        pipeline_note_progress(shard->pipeline);
    }
    return r;
}

int live_shard_load_moments(LiveShard *shard) {
    int r = load_moments(shard, ENTITY_LEAD);
    return r == 0 && shard->pipeline->model->has_accounts ? load_moments(shard, ENTITY_ACCOUNT) : r;
}

/* Ids taken from the cold ones, so that they can be put back. */
typedef struct Chunk {
    Arena *arena;
    Str ids[FETCH_MAX];
    int64_t at_ms[FETCH_MAX];
    size_t n;
} Chunk;

/* Up to `max` of those due up to until_ms, the earliest first. */
static int take_chunk(Shard *engine, EntityKind kind, int64_t until_ms, size_t max, Chunk *chunk) {
    while (chunk->n < max) {
        Moment next = shard_next_cold(engine);
        if (next.at_ms == TIME_NEVER || next.at_ms > until_ms)
            return 0;
        Str copy = arena_str(chunk->arena, next.id);
        if (!copy.data)
            return -ENOMEM;
        chunk->ids[chunk->n] = copy;
        chunk->at_ms[chunk->n++] = next.at_ms;
        shard_drop_cold(engine, kind, copy);
    }
    return 0;
}

static int load_chunk(LiveShard *shard, EntityKind kind, int64_t until_ms, size_t max, size_t *n) {
    _cleanup_(free_null) Chunk *chunk = calloc(1, sizeof(*chunk));
    _cleanup_(arena_free) Arena *arena = NULL;
    Shard *engine = live_shard_engine(shard, kind);
    int r = chunk ? arena_new(&arena) : -ENOMEM;
    if (r < 0)
        return r;
    chunk->arena = arena;
    r = take_chunk(engine, kind, until_ms, max, chunk);
    if (r == 0)
        r = fetch(shard, kind, chunk->ids, chunk->n);
    for (size_t i = 0; i < chunk->n && r > 0; i++) {
        int put_back = shard_add_cold(engine, kind, chunk->ids[i], chunk->at_ms[i]);
        if (put_back < 0)
            return put_back;
    }
    *n += chunk->n;
    return r;
}

int live_shard_load_due(LiveShard *shard, EntityKind kind, int64_t until_ms, size_t budget, size_t *ret_n) {
    size_t n = 0;
    int r = 0;
    int64_t barrier_ms, last_ms = TIME_NONE;
    while (r == 0 && (barrier_ms = live_shard_barrier(shard, kind)) <= until_ms) {
        if (n >= budget && barrier_ms != last_ms)
            break;
        last_ms = barrier_ms;
        if (barrier_ms == shard->horizons_ms[kind])
            r = load_page(shard, kind);
        else if (n < budget)
            r = load_chunk(shard, kind, until_ms, MIN(budget - n, (size_t)FETCH_MAX), &n);
        else /* moments of one millisecond are loaded together, or the watermark could never pass it */
            r = load_chunk(shard, kind, barrier_ms, FETCH_MAX, &n);
    }
    *ret_n = n;
    return r;
}

int live_shard_trim(LiveShard *shard) {
    const Pipeline *p = shard->pipeline;
    uint32_t n_waiting = (uint32_t)view_queue_count(shard->view_queue); /* batches that the view has not got yet */
    size_t max_bytes = (size_t)(p->config->cache_max_bytes / MAX(p->n_owned, 1));
    int r = shard_trim(shard->accounts, max_bytes, n_waiting, shard->horizons_ms[ENTITY_ACCOUNT]); /* to a quarter of it */
    size_t taken = entity_table_memory(shard_accounts(shard->accounts));
    return r < 0 ? r : shard_trim(shard->engine, max_bytes - MIN(taken, max_bytes), n_waiting, shard->horizons_ms[ENTITY_LEAD]);
}
