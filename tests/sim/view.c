/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/view.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/io/redis/redis_library.h"
#include "tests/sim/adapters.h"
#include "tests/sim/scenario.h"

#define SNAPSHOTS_MAX 64
/* One call in so many is remembered. */
#define SNAPSHOT_EACH 4
#define ATTEMPTS_MAX 3
#define TOKEN_SIZE sizeof(((ViewShard *)0)->applying)
/* How late a request may be carried out that nobody waits for any more. */
#define LATE_MS 8000
#define COMMAND_TIMEOUT_MS 5000

static struct {
    ViewShard *shards;
    int32_t n_shards;
    size_t writes_max; /* of one call */
    ViewShard *snapshots[SNAPSHOTS_MAX];
    uint64_t n_snapshots, n_calls;
    uint64_t n_failovers; /* each of them ends all connections, and what is on its way in them */
    void (*moved)(int32_t shard, int64_t before_bno);
} redis;

struct RedisView {
    char token_prefix[20];
    uint64_t n_tokens;
    unsigned n_held;
};

/* --- what is there ----------------------------------------------------------------------------------- */

void view_init(int32_t n_shards, size_t writes_max) {
    redis.shards = world_alloc((size_t)n_shards, sizeof(ViewShard));
    redis.n_shards = n_shards;
    redis.writes_max = writes_max;
}

void view_watch(void (*moved)(int32_t shard, int64_t before_bno)) {
    redis.moved = moved;
}

ViewShard *view_shard(int32_t shard) {
    assert(shard >= 0 && shard < redis.n_shards);
    return &redis.shards[shard];
}

static size_t find(const ViewShard *shard, EntityKind kind, Str id) {
    size_t i = 0;
    while (i < shard->n && (shard->entries[i]->write.kind != kind || !str_eq(shard->entries[i]->write.id, id)))
        i++;
    return i;
}

const ViewEntry *view_find(const ViewShard *shard, EntityKind kind, Str id) {
    size_t i = find(shard, kind, id);
    return i < shard->n ? shard->entries[i] : NULL;
}

static ViewShard *copy_shards(const ViewShard *from) {
    ViewShard *copy = world_alloc((size_t)redis.n_shards, sizeof(ViewShard));
    memcpy(copy, from, (size_t)redis.n_shards * sizeof(ViewShard));
    for (int32_t i = 0; i < redis.n_shards; i++) {
        copy[i].entries = world_alloc(from[i].n, sizeof(ViewEntry *));
        copy[i].n_alloc = MAX(from[i].n, (size_t)1);
        if (from[i].n)
            memcpy(copy[i].entries, from[i].entries, from[i].n * sizeof(ViewEntry *));
    }
    return copy;
}

static void remember(void) {
    if (redis.n_calls++ % SNAPSHOT_EACH == 0)
        redis.snapshots[redis.n_snapshots++ % SNAPSHOTS_MAX] = copy_shards(redis.shards);
}

void view_empty(void) {
    redis.n_failovers++;
    redis.shards = world_alloc((size_t)redis.n_shards, sizeof(ViewShard));
}

bool view_roll_back(void) {
    uint64_t n = MIN(redis.n_snapshots, (uint64_t)SNAPSHOTS_MAX);
    if (n == 0)
        return false;
    redis.n_failovers++;
    uint64_t back = (uint64_t)chance_between(&world.chance, 1, (int64_t)n);
    redis.shards = copy_shards(redis.snapshots[(redis.n_snapshots - back) % SNAPSHOTS_MAX]);
    return true;
}

static ViewEntry *copy_write(const ViewWrite *write) {
    ViewEntry *entry = world_alloc(1, sizeof(*entry));
    ViewField *fields = world_alloc(write->n_fields, sizeof(ViewField));
    ViewRank *ranks = world_alloc(write->n_ranks, sizeof(ViewRank));
    entry->write = *write;
    entry->write.id = world_copy(write->id);
    entry->write.record = world_copy(write->record);
    for (size_t i = 0; i < write->n_fields; i++)
        fields[i] = (ViewField){world_copy(write->fields[i].name), world_copy(write->fields[i].value)};
    if (write->n_ranks)
        memcpy(ranks, write->ranks, write->n_ranks * sizeof(ViewRank));
    entry->write.fields = fields;
    entry->write.ranks = ranks;
    return entry;
}

static void put(ViewShard *shard, const ViewEntry *entry) {
    size_t i = find(shard, entry->write.kind, entry->write.id);
    if (str_is_null(entry->write.record)) {
        if (i < shard->n)
            shard->entries[i] = shard->entries[--shard->n];
        return;
    }
    if (i == shard->n) {
        shard->entries = world_grow(shard->entries, &shard->n_alloc, shard->n, sizeof(ViewEntry *));
        shard->n++;
    }
    shard->entries[i] = entry;
}

/* --- the way there ----------------------------------------------------------------------------------- */

int redis_view_new(const Config *config, const ViewBoards *boards, char *text, RedisView **ret) {
    (void)config;
    (void)boards;
    (void)text;
    RedisView *view = world_alloc(1, sizeof(*view));
    (void)snprintf(view->token_prefix, sizeof(view->token_prefix), "%016" PRIx64 "-", chance_next(&world.chance));
    *ret = view;
    return 0;
}

void redis_view_join(RedisView *view, const RedisView *other) {
    memcpy(view->token_prefix, other->token_prefix, sizeof(view->token_prefix));
    view->n_tokens = other->n_tokens + 1000000000;
}

RedisView *redis_view_free(RedisView *view) {
    (void)view;
    return NULL;
}

int redis_view_set_shards(RedisView *view, int32_t n_shards, char *text) {
    (void)view;
    (void)text;
    if (n_shards != redis.n_shards)
        world_fail("%d shards", (int)n_shards);
    return 0;
}

static int unreachable(char *text) {
    (void)snprintf(text, REDIS_TEXT_SIZE, "Redis does not answer");
    return VIEW_E_UNREACHABLE;
}

/* Refused at once as a rule; sometimes it is waited for in vain. */
static int go(Point point, char *text) {
    world_pass(point, 0, chance_percent(&world.chance, 5) ? 20 : 1);
    if (process_reaches_redis(world.current))
        return 0;
    if (chance_percent(&world.chance, 20))
        world_pass(point, COMMAND_TIMEOUT_MS, COMMAND_TIMEOUT_MS);
    return unreachable(text);
}

int redis_view_connect(RedisView *view, char *text) {
    (void)view;
    return go(POINT_READ, text);
}

int redis_view_check(RedisView *view, char *text) {
    (void)view;
    return go(POINT_READ, text);
}

int redis_view_set_info(RedisView *view, const ViewField *fields, size_t n, char *text) {
    (void)view;
    (void)fields;
    (void)n;
    return go(POINT_READ, text);
}

int redis_library_offer(RedisView *view, const RedisLibrary *library, char *text) {
    (void)view;
    (void)library;
    (void)text;
    return 0; /* nobody here reads by functions */
}

/* --- reading ----------------------------------------------------------------------------------------- */

static ViewMeta meta_of(const RedisView *view, const ViewShard *shard) {
    ViewMeta meta = {.mode = VIEW_ABSENT};
    if (!shard->exists)
        return meta;
    meta = (ViewMeta){.mode = shard->next_offset < 0 ? VIEW_ABSENT : shard->mode, .bno = shard->bno, .next_offset = shard->next_offset,
            .watermark_ms = shard->watermark_ms, .updated_at_ms = shard->updated_at_ms};
    memcpy(meta.lineage, shard->lineage, sizeof(meta.lineage));
    meta.is_torn = meta.mode == VIEW_LIVE && shard->applying[0] && !str_starts_with(str_from(shard->applying), view->token_prefix);
    return meta;
}

int redis_view_meta(RedisView *view, int32_t shard, char *text, ViewMeta *ret) {
    int r = go(POINT_READ, text);
    if (r != 0)
        return r;
    *ret = meta_of(view, view_shard(shard));
    world_pass(POINT_READ, 0, 1);
    return 0;
}

static int position_of(const ViewMeta *meta, const char *lineage, int64_t min_bno, int64_t max_bno) {
    if (meta->mode == VIEW_ABSENT)
        return VIEW_E_BEHIND;
    if (strcmp(meta->lineage, lineage) != 0)
        return VIEW_E_LINEAGE;
    if (meta->mode != VIEW_LIVE || meta->bno < min_bno)
        return VIEW_E_BEHIND;
    return meta->bno > max_bno || meta->is_torn ? VIEW_E_AHEAD : 0;
}

static int judge(const RedisView *view, int32_t number, const char *lineage, int64_t min_bno, int64_t max_bno, char *text) {
    ViewMeta meta = meta_of(view, view_shard(number));
    int r = adapter_lacks == GUARANTEE_POSITION ? 0 : position_of(&meta, lineage, min_bno, max_bno);
    if (r != 0)
        (void)snprintf(text, REDIS_TEXT_SIZE, "shard %d of the view: mode %d, lineage %s, batch %" PRId64 ", torn %d; expected %s, %" PRId64 " to %" PRId64,
                (int)number, (int)meta.mode, meta.lineage, meta.bno, meta.is_torn, lineage, min_bno, max_bno);
    return r;
}

int redis_view_fetch(RedisView *view, int32_t shard, const char *lineage, int64_t min_bno, int64_t max_bno, EntityKind kind, const Str *ids, size_t n,
        char *text, Str *values) {
    int r = n ? go(POINT_READ, text) : 0;
    if (n && r == 0)
        r = judge(view, shard, lineage, min_bno, max_bno, text);
    for (size_t i = 0; i < n && r == 0; i++) {
        const ViewEntry *entry = view_find(view_shard(shard), kind, ids[i]);
        values[i] = entry ? entry->write.record : STR_NULL;
    }
    if (n && r == 0)
        world_pass(POINT_READ, 0, 1);
    return r;
}

int redis_view_fetch_all(RedisView *view, ViewFetch *fetches, size_t n, char *text) {
    int r = n ? go(POINT_READ, text) : 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        ViewFetch *f = &fetches[i];
        f->outcome = judge(view, f->shard, f->lineage, f->min_bno, f->max_bno, text);
        for (size_t k = 0; k < f->n; k++) {
            const ViewEntry *entry = view_find(view_shard(f->shard), f->kind, f->ids[k]);
            f->values[k] = entry ? entry->write.record : STR_NULL;
        }
    }
    if (n && r == 0)
        world_pass(POINT_READ, 0, 1);
    return r;
}

static int compare_moments(const void *a, const void *b) {
    const ViewMoment *x = a, *y = b;
    return x->moment_ms != y->moment_ms ? (x->moment_ms < y->moment_ms ? -1 : 1) : str_compare(x->id, y->id);
}

int redis_view_moments(RedisView *view, int32_t shard, const char *lineage, int64_t min_bno, int64_t max_bno, EntityKind kind, int64_t from_ms,
        size_t max, char *text, ViewMoment *ret, size_t *ret_n) {
    int r = go(POINT_READ, text);
    if (r == 0)
        r = judge(view, shard, lineage, min_bno, max_bno, text);
    if (r != 0)
        return r;
    const ViewShard *found = view_shard(shard);
    ViewMoment *moments = world_alloc(found->n, sizeof(ViewMoment));
    size_t n = 0;
    for (size_t i = 0; i < found->n; i++) {
        const ViewWrite *write = &found->entries[i]->write;
        if (write->kind == kind && write->moment_ms != TIME_NEVER && write->moment_ms >= from_ms)
            moments[n++] = (ViewMoment){write->id, write->moment_ms};
    }
    if (n)
        qsort(moments, n, sizeof(*moments), compare_moments);
    *ret_n = MIN(n, max);
    if (*ret_n)
        memcpy(ret, moments, *ret_n * sizeof(*moments));
    world_pass(POINT_READ, 0, 1);
    return 0;
}

/* --- writing ----------------------------------------------------------------------------------------- */

/* A batch or a chunk, and what of it one call carries. */
typedef struct Call {
    bool is_chunk, is_first, is_last;
    int32_t shard;
    char lineage[VIEW_LINEAGE_SIZE];
    int64_t expected, to_bno, next_offset, watermark_ms, now_ms;
    char token[TOKEN_SIZE];
    const ViewEntry **writes;
    size_t n_writes;
    uint64_t connection; /* redis.n_failovers as of its beginning */
} Call;

typedef enum Outcome { OUTCOME_DONE, OUTCOME_REFUSED, OUTCOME_INTERRUPTED } Outcome;

static bool fits(const ViewShard *shard, const Call *call) {
    bool is_ours = shard->exists && strcmp(shard->lineage, call->lineage) == 0;
    bool is_empty = !shard->exists || (is_ours && shard->bno == 0 && shard->next_offset == 0);
    if (adapter_lacks == GUARANTEE_CONDITIONAL)
        return true;
    if (call->is_chunk)
        return is_ours && shard->next_offset == call->expected && (call->to_bno == 0 || shard->bno <= call->to_bno);
    return (is_empty && call->expected == 0) ||
           (is_ours && shard->mode == VIEW_LIVE && shard->bno >= call->expected && shard->bno < call->to_bno);
}

/* The conditions of a call, and then what it does. */
static Outcome run_call(const Call *call) {
    ViewShard *shard = view_shard(call->shard);
    if (!call->is_first && strcmp(shard->applying, call->token) != 0)
        return OUTCOME_INTERRUPTED;
    if (call->is_first && !fits(shard, call))
        return OUTCOME_REFUSED;
    bool is_empty = !shard->exists || (shard->bno == 0 && shard->next_offset == 0);
    int64_t before_bno = shard->bno;
    if (call->is_first && call->is_chunk)
        shard->mode = VIEW_REBUILDING;
    if (call->is_first && !call->is_chunk && is_empty) {
        shard->exists = true;
        shard->mode = VIEW_LIVE;
        shard->updated_at_ms = call->now_ms;
        shard->bno = shard->next_offset = 0;
        memcpy(shard->lineage, call->lineage, sizeof(shard->lineage));
    }
    memcpy(shard->applying, call->token, sizeof(shard->applying));
    for (size_t i = 0; i < call->n_writes; i++)
        put(shard, call->writes[i]);
    if (call->is_last) {
        shard->next_offset = call->next_offset;
        shard->updated_at_ms = call->now_ms;
        shard->applying[0] = 0;
        if (call->to_bno) {
            shard->mode = VIEW_LIVE;
            shard->watermark_ms = call->watermark_ms;
            shard->bno = call->to_bno;
            redis.moved(call->shard, before_bno);
        }
    }
    remember();
    return OUTCOME_DONE;
}

static void run_late(void *userdata) {
    const Call *call = userdata;
    if (call->connection != redis.n_failovers)
        return;
    static const char *const outcomes[] = {"done", "refused", "interrupted"};
    Outcome outcome = run_call(call);
    world_trace("-- a late write to the view, shard %d to batch %" PRId64 ": %s", (int)call->shard, call->to_bno, outcomes[outcome]);
}

/* The answer is lost, or the request, or that comes late. */
static int lose(const Call *call, char *text) {
    Call *late = world_alloc(1, sizeof(*late));
    *late = *call;
    fault_counts[FAULT_LOST]++;
    switch (chance_between(&world.chance, 0, 2)) {
    case 0:
        run_late(late);
        break;
    case 1:
        world_at(world.now_ms + chance_between(&world.chance, 0, LATE_MS), run_late, late);
        break;
    default:
        break;
    }
    world_pass(POINT_VIEWED, 0, COMMAND_TIMEOUT_MS);
    return unreachable(text);
}

static int send_call(const Call *call, char *text, Outcome *ret) {
    int r = go(POINT_VIEW, text);
    if (r != 0)
        return r;
    if (call->connection != redis.n_failovers)
        return unreachable(text);
    if (chance_percent(&world.chance, adapter_faults.lost_writes_percent))
        return lose(call, text);
    *ret = run_call(call);
    world_pass(POINT_VIEWED, 0, 1);
    return 0;
}

static int judge_refusal(const Call *call, char *text) {
    const ViewShard *shard = view_shard(call->shard);
    (void)snprintf(text, REDIS_TEXT_SIZE, "shard %d of the view: mode %d, batch %" PRId64 ", next %" PRId64 "; expected %" PRId64, (int)call->shard,
            (int)shard->mode, shard->bno, shard->next_offset, call->expected);
    if (!shard->exists || shard->next_offset < 0)
        return VIEW_E_BEHIND;
    if (strcmp(shard->lineage, call->lineage) != 0)
        return VIEW_E_LINEAGE;
    bool is_live = shard->mode == VIEW_LIVE;
    if (call->is_chunk)
        return shard->next_offset == call->next_offset && (call->to_bno == 0 || (shard->bno == call->to_bno && is_live)) ? 0 : VIEW_E_AHEAD;
    if (!is_live || shard->bno < call->expected)
        return VIEW_E_BEHIND;
    return shard->bno == call->to_bno ? 0 : VIEW_E_AHEAD;
}

static void new_token(RedisView *view, char token[static TOKEN_SIZE]) {
    (void)snprintf(token, TOKEN_SIZE, "%s%" PRIu64, view->token_prefix, ++view->n_tokens);
}

/* Once through all calls. */
static int attempt(RedisView *view, Call *call, const ViewEntry **entries, size_t n, char *text, Outcome *ret) {
    new_token(view, call->token);
    call->connection = redis.n_failovers;
    for (size_t at = 0; at == 0 || at < n; at += call->n_writes) {
        call->writes = entries + at;
        call->n_writes = MIN(n - at, redis.writes_max);
        call->is_first = at == 0;
        call->is_last = at + call->n_writes == n;
        int r = send_call(call, text, ret);
        /* In Redis, too, what is answered is what the call has found. */
        if (r == 0 && *ret == OUTCOME_REFUSED)
            r = judge_refusal(call, text);
        if (r != 0 || *ret != OUTCOME_DONE || call->is_last)
            return r;
    }
    return 0;
}

/* Of several writes of one entity the last counts. */
static const ViewEntry **select_writes(const ViewWrite *writes, size_t n, size_t *ret_n) {
    const ViewEntry **entries = world_alloc(n, sizeof(*entries));
    size_t n_entries = 0;
    for (size_t i = n; i-- > 0;) {
        size_t k = 0;
        while (k < n_entries && (entries[k]->write.kind != writes[i].kind || !str_eq(entries[k]->write.id, writes[i].id)))
            k++;
        if (k == n_entries)
            entries[n_entries++] = copy_write(&writes[i]);
    }
    *ret_n = n_entries;
    return entries;
}

static int run_job(RedisView *view, Call *call, const ViewWrite *writes, size_t n, char *text) {
    size_t n_entries;
    const ViewEntry **entries = select_writes(writes, n, &n_entries);
    for (int i = 0; i < ATTEMPTS_MAX; i++) {
        Outcome outcome = OUTCOME_DONE;
        int r = attempt(view, call, entries, n_entries, text, &outcome);
        if (r != 0 || outcome != OUTCOME_INTERRUPTED)
            return r;
    }
    (void)snprintf(text, REDIS_TEXT_SIZE, "somebody else writes all the time");
    return VIEW_E_AHEAD;
}

int redis_view_apply(RedisView *view, const ViewBatch *batch, char *text) {
    Call call = {.shard = batch->shard, .expected = batch->from_bno, .to_bno = batch->to_bno, .next_offset = batch->next_offset,
            .watermark_ms = batch->watermark_ms, .now_ms = batch->now_ms};
    (void)snprintf(call.lineage, sizeof(call.lineage), "%s", batch->lineage);
    return run_job(view, &call, batch->writes, batch->n_writes, text);
}

int redis_view_catch_up(RedisView *view, int32_t shard, const char *lineage, int64_t expect_next, int64_t next_offset, int64_t to_bno,
        int64_t watermark_ms, int64_t now_ms, const ViewWrite *writes, size_t n_writes, char *text) {
    Call call = {.is_chunk = true, .shard = shard, .expected = expect_next, .to_bno = to_bno, .next_offset = next_offset,
            .watermark_ms = watermark_ms, .now_ms = now_ms};
    (void)snprintf(call.lineage, sizeof(call.lineage), "%s", lineage);
    return run_job(view, &call, writes, n_writes, text);
}

/* --- dropping ---------------------------------------------------------------------------------------- */

static void begin_drop(ViewShard *shard, const char *lineage, int64_t now_ms, const char *token) {
    shard->exists = true;
    shard->mode = VIEW_REBUILDING;
    shard->bno = 0;
    shard->next_offset = -1;
    shard->watermark_ms = TIME_NONE;
    shard->updated_at_ms = now_ms;
    (void)snprintf(shard->lineage, sizeof(shard->lineage), "%s", lineage);
    (void)snprintf(shard->applying, sizeof(shard->applying), "%s", token);
}

int redis_view_drop(RedisView *view, int32_t number, const char *lineage, int64_t now_ms, char *text) {
    char token[TOKEN_SIZE];
    new_token(view, token);
    uint64_t connection = redis.n_failovers;
    int r = go(POINT_VIEW, text);
    if (r != 0)
        return r;
    begin_drop(view_shard(number), lineage, now_ms, token);
    for (bool is_empty = false; r == 0 && !is_empty;) {
        r = go(POINT_VIEW, text);
        ViewShard *shard = view_shard(number);
        if (connection != redis.n_failovers)
            return unreachable(text);
        if (r == 0 && strcmp(shard->applying, token) != 0) {
            (void)snprintf(text, REDIS_TEXT_SIZE, "somebody else has written to the shard while it was dropped");
            return VIEW_E_AHEAD;
        }
        is_empty = shard->n == 0;
        if (r == 0)
            shard->n -= MIN(shard->n, redis.writes_max);
    }
    if (r == 0) {
        view_shard(number)->next_offset = 0;
        view_shard(number)->applying[0] = 0;
        remember();
    }
    return r;
}
