/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: batches, chunks of the changelog, dropping a shard. See redis_script.c for the reasons.
 *
 * The arguments of one script call are put in the order in which Redis takes them: all records are one MSET,
 * all moments of a kind one ZADD and one ZREM, and so on, so that the Lua in between only hands on slices of
 * what it got.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/io/redis/redis_view_internal.h"
#include "lib/base/decimal.h"

/*
 * What one call carries at most, and a single record more: a few ms of Redis, during which it serves nobody
 * else. Calls of 1,000 were less than a tenth cheaper per record.
 */
#define CALL_WRITES_MAX ((size_t)250)
#define CALL_BYTES_MAX ((size_t)1024 * 1024)
/* Attempts at one batch that others interrupt; who is interrupted time and again no longer owns the shard. */
#define ATTEMPTS_MAX 3
/* Arguments of the write script before those that depend on the writes. */
#define N_HEADER_ARGS 15

/* A batch or a chunk. */
typedef struct Job {
    bool is_chunk;
    int32_t shard;
    const char *lineage;
    int64_t expected; /* bno or next offset, before */
    int64_t to_bno, next_offset, watermark_ms, now_ms;
    const ViewWrite *const *writes; /* each lead and account once */
    size_t n_writes;
} Job;

/* One script call of a job. */
typedef struct Call {
    const Job *job;
    const char *token;
    const ViewWrite *const *writes; /* those to be set first, then those to be erased */
    size_t n_set, n_erased;
    bool is_first, is_last;
    bool has[_ENTITY_KIND_MAX]; /* writes of the kind: its sorted sets are among the keys */
} Call;

/* How a call ended. */
typedef enum Outcome { OUTCOME_DONE, OUTCOME_REFUSED, OUTCOME_INTERRUPTED } Outcome;

/* ---- the last write of each id, those to be set first ---- */

static bool is_known(RedisView *view, uint32_t *table, size_t mask, const ViewWrite *writes, size_t i) {
    size_t slot = (size_t)siphash_13(view->hash_key, writes[i].id) & mask;
    for (; table[slot]; slot = (slot + 1) & mask) {
        const ViewWrite *other = &writes[table[slot] - 1];
        if (other->kind == writes[i].kind && str_eq(other->id, writes[i].id))
            return true;
    }
    table[slot] = (uint32_t)(i + 1);
    return false;
}

/*
 * A chunk of a log that is not compacted yet may hold several values of one entity, of which the last counts.
 * Within one call writes are not performed in their order, so the others are left out.
 */
static int select_writes(
        RedisView *view, const ViewWrite *writes, size_t n, const ViewWrite ***ret, size_t *ret_n) {
    if (n >= UINT32_MAX / 4)
        return -E2BIG;
    size_t n_slots = 16;
    while (n_slots < 2 * n)
        n_slots *= 2;
    _cleanup_(free_null) uint32_t *table = calloc(n_slots, sizeof(*table));
    _cleanup_(free_null) const ViewWrite **list = calloc(MAX(n, (size_t)1), sizeof(*list));
    if (!table || !list)
        return -ENOMEM;

    size_t n_list = 0;
    for (size_t i = n; i-- > 0;)
        if (!is_known(view, table, n_slots - 1, writes, i))
            list[n_list++] = &writes[i];
    *ret = TAKE_PTR(list);
    *ret_n = n_list;
    return 0;
}

/* ---- arguments ---- */

/* A sorted set, of moments or a leaderboard. */
typedef struct Set {
    EntityKind kind;
    size_t i; /* 0: moments; else 1 + the rank */
} Set;

/* Goes through the sets of all kinds that the call has to do with; begins with SET_FIRST. */
#define SET_FIRST ((Set){.kind = 0, .i = SIZE_MAX})
static bool next_set(const RedisView *view, const Call *call, Set *set) {
    set->i++;
    while (set->kind < _ENTITY_KIND_MAX && (!call->has[set->kind] || set->i > view->n_boards[set->kind]))
        *set = (Set){.kind = set->kind + 1};
    return set->kind < _ENTITY_KIND_MAX;
}

/* Where a lead or an account stands in one of them. */
typedef enum Place { PLACE_AS_IT_WAS, PLACE_AT, PLACE_NONE } Place;

static Place place_in(const ViewWrite *write, Set set, double *ret_score) {
    if (write->kind != set.kind)
        return PLACE_AS_IT_WAS;
    if (str_is_null(write->record))
        return PLACE_NONE;
    if (set.i == 0) {
        /* A moment too far off for a double comes too early, which the engine puts right. */
        *ret_score = (double)MIN(write->moment_ms, EXACT_INTEGER_MAX);
        return write->moment_ms == TIME_NEVER ? PLACE_NONE : PLACE_AT;
    }
    /* Ranks come in their order, as a rule all of them. */
    size_t rank = set.i - 1, i = rank;
    if (i >= write->n_ranks || write->ranks[i].rank != rank)
        for (i = 0; i < write->n_ranks && write->ranks[i].rank != rank;)
            i++;
    if (i == write->n_ranks)
        return PLACE_AS_IT_WAS;
    *ret_score = write->ranks[i].score;
    return isnan(*ret_score) || *ret_score == -INFINITY ? PLACE_NONE : PLACE_AT;
}

static size_t count_places(const Call *call, Set set, Place place) {
    double score;
    size_t n = 0;
    for (size_t i = 0; i < call->n_set + call->n_erased; i++)
        n += place_in(call->writes[i], set, &score) == place;
    return n;
}

static size_t count_sets(const RedisView *view, const Call *call) {
    size_t n = 0;
    for (Set set = SET_FIRST; next_set(view, call, &set);)
        n++;
    return n;
}

/* Of so many leads and accounts. */
static size_t n_hashes(const RedisView *view, size_t n) {
    return view->config->redis_hashes ? n : 0;
}

static size_t count_args(const RedisView *view, const Call *call) {
    size_t n = N_HEADER_ARGS + call->n_set;
    for (Set set = SET_FIRST; next_set(view, call, &set);)
        n += 2 + 2 * count_places(call, set, PLACE_AT) + count_places(call, set, PLACE_NONE);
    for (size_t i = 0; i < n_hashes(view, call->n_set); i++)
        n += 1 + 2 * call->writes[i]->n_fields;
    return n;
}

/* Scores that are integers, as moments are, in figures; others with all their digits and a point. */
static void append_score(RedisView *view, double score) {
    if (fabs(score) <= (double)EXACT_INTEGER_MAX && score == trunc(score)) {
        redis_request_arg_integer(view->transport, (int64_t)score);
        return;
    }
    char text[40];
    size_t len = decimal_print_double(score, text);
    if (len == 0) {
        locale_t before = uselocale(view->locale);
        len = (size_t)snprintf(text, sizeof(text), "%.17g", score);
        uselocale(before);
    }
    redis_request_arg(view->transport, (Str){text, len});
}

static void append_set(RedisView *view, const Call *call, Set set) {
    RedisTransport *t = view->transport;
    double score;
    redis_request_arg_integer(t, (int64_t)count_places(call, set, PLACE_AT));
    for (size_t i = 0; i < call->n_set; i++)
        if (place_in(call->writes[i], set, &score) == PLACE_AT) {
            append_score(view, score);
            redis_request_arg(t, call->writes[i]->id);
        }
    redis_request_arg_integer(t, (int64_t)count_places(call, set, PLACE_NONE));
    for (size_t i = 0; i < call->n_set + call->n_erased; i++)
        if (place_in(call->writes[i], set, &score) == PLACE_NONE)
            redis_request_arg(t, call->writes[i]->id);
}

static void append_hash_key(RedisView *view, const Call *call, size_t i) {
    const ViewWrite *write = call->writes[i];
    view_request_key(view, call->job->shard, view_keys[write->kind].hash, write->id);
}

static void append_keys(RedisView *view, const Call *call) {
    int32_t shard = call->job->shard;
    size_t n = call->n_set + call->n_erased;
    view_request_key(view, shard, "meta", STR_NULL);
    for (Set set = SET_FIRST; next_set(view, call, &set);) {
        const ViewKeys *keys = &view_keys[set.kind];
        if (set.i == 0)
            view_request_key(view, shard, keys->moments, STR_NULL);
        else
            view_request_key(view, shard, keys->rank, view->boards[set.kind][set.i - 1]);
    }
    for (size_t i = 0; i < n; i++)
        view_request_key(view, shard, view_keys[call->writes[i]->kind].record, call->writes[i]->id);
    for (size_t i = 0; i < n_hashes(view, call->n_erased); i++)
        append_hash_key(view, call, call->n_set + i);
    for (size_t i = 0; i < n_hashes(view, call->n_set); i++)
        append_hash_key(view, call, i);
}

static void append_header(RedisView *view, const Call *call) {
    RedisTransport *t = view->transport;
    const Job *job = call->job;
    redis_request_arg(t, call->is_first ? STR_LITERAL("1") : STR_LITERAL("0"));
    redis_request_arg(t, call->is_last ? STR_LITERAL("1") : STR_LITERAL("0"));
    redis_request_arg(t, str_from(call->token));
    redis_request_arg(t, job->is_chunk ? STR_LITERAL("chunk") : STR_LITERAL("batch"));
    redis_request_arg(t, str_from(job->lineage));
    redis_request_arg_integer(t, job->expected);
    redis_request_arg_integer(t, job->to_bno);
    redis_request_arg_integer(t, job->next_offset);
    if (job->watermark_ms == TIME_NONE)
        redis_request_arg(t, STR_LITERAL(""));
    else
        redis_request_arg_integer(t, job->watermark_ms);
    redis_request_arg_integer(t, job->now_ms);
    redis_request_arg(t, view->board_list);
    redis_request_arg(t, view->config->redis_hashes ? STR_LITERAL("1") : STR_LITERAL("0"));
    redis_request_arg_integer(t, (int64_t)count_sets(view, call));
    redis_request_arg_integer(t, (int64_t)call->n_set);
    redis_request_arg_integer(t, (int64_t)call->n_erased);
}

static void append_call(RedisView *view, const void *context) {
    const Call *call = context;
    RedisTransport *t = view->transport;
    append_keys(view, call);
    append_header(view, call);
    for (size_t i = 0; i < call->n_set; i++)
        redis_request_arg(t, call->writes[i]->record);
    for (Set set = SET_FIRST; next_set(view, call, &set);)
        append_set(view, call, set);
    for (size_t i = 0; i < n_hashes(view, call->n_set); i++) {
        const ViewWrite *write = call->writes[i];
        redis_request_arg_integer(t, (int64_t)write->n_fields);
        for (size_t j = 0; j < write->n_fields; j++) {
            redis_request_arg(t, write->fields[j].name);
            redis_request_arg(t, write->fields[j].value);
        }
    }
}

/* ---- one call ---- */

/* What the script found, in figures and words. */
typedef struct Found {
    Str mode, lineage;
    int64_t bno, next_offset;
    bool has_hashes;
} Found;

static int read_result(RedisView *view, const Call *call, char *text, Outcome *ret, Found *ret_found) {
    const redisReply *reply = view_last_reply(view);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 6)
        return view_unexpected(view, call->job->shard, text);
    Str what = view_reply_str(reply->element[0]);
    *ret = str_eq_c(what, "done")      ? OUTCOME_DONE
           : str_eq_c(what, "refused") ? OUTCOME_REFUSED
                                       : OUTCOME_INTERRUPTED;
    *ret_found = (Found){
            .mode = view_reply_str(reply->element[1]),
            .lineage = view_reply_str(reply->element[2]),
            .has_hashes = view_reply_str(reply->element[5]).len == 0,
    };
    if (*ret != OUTCOME_REFUSED || ret_found->mode.len == 0)
        return 0;
    if (!view_parse_integer(view_reply_str(reply->element[3]), &ret_found->bno) ||
            !view_parse_integer(view_reply_str(reply->element[4]), &ret_found->next_offset))
        return view_unexpected(view, call->job->shard, text);
    return 0;
}

static int run_call(RedisView *view, const Call *call, char *text, Outcome *ret, Found *ret_found) {
    size_t n = call->n_set + call->n_erased;
    ScriptCall script = {
            .script = REDIS_SCRIPT_WRITE,
            .n_keys = 1 + count_sets(view, call) + n + n_hashes(view, n),
            .n_args = count_args(view, call),
            .append = append_call,
            .context = call,
    };
    int r = view_run_script(view, &script, text);
    return r ? r : read_result(view, call, text, ret, ret_found);
}

static const char *with_hashes(bool has_hashes) {
    return has_hashes ? "with" : "without";
}

/* Why was it refused? 0: because it is done already. */
static int judge_refusal(RedisView *view, const Job *job, const Found *found, char *text) {
    int r;
    if (found->mode.len == 0 || found->next_offset < 0)
        r = VIEW_E_BEHIND;
    else if (!str_eq_c(found->lineage, job->lineage))
        r = VIEW_E_LINEAGE;
    else if (job->is_chunk)
        r = found->next_offset == job->next_offset &&
                            (job->to_bno == 0 || (found->bno == job->to_bno && str_eq_c(found->mode, "live")))
                    ? 0
                    : VIEW_E_AHEAD;
    else if (!str_eq_c(found->mode, "live") || found->bno < job->expected)
        r = VIEW_E_BEHIND;
    else
        r = found->bno == job->to_bno ? 0 : VIEW_E_AHEAD;

    if (r && found->mode.len == 0)
        snprintf(text, REDIS_TEXT_SIZE, VIEW_META_FMT " does not exist", VIEW_META_ARG(view, job->shard));
    else if (r)
        snprintf(text, REDIS_TEXT_SIZE,
                VIEW_META_FMT " is %.*s at batch %" PRId64 ", next offset %" PRId64
                              ", of lineage %.*s, %s hashes; expected %s %" PRId64 " of lineage %s, %s hashes",
                VIEW_META_ARG(view, job->shard), STR_FMT(found->mode), found->bno, found->next_offset,
                STR_FMT(found->lineage), with_hashes(found->has_hashes), job->is_chunk ? "next offset" : "live at batch", job->expected,
                job->lineage, with_hashes(view->config->redis_hashes));
    return r;
}

/* ---- a job ---- */

static size_t write_bytes(const ViewWrite *write) {
    size_t n = write->record.len + 3 * write->id.len;
    for (size_t i = 0; i < write->n_fields; i++)
        n += write->fields[i].name.len + write->fields[i].value.len;
    return n;
}

/* How many of the writes from `at` on one call takes. */
static size_t call_length(const Job *job, size_t at) {
    size_t n = 0, n_bytes = 0;
    while (at + n < job->n_writes && n < CALL_WRITES_MAX && n_bytes < CALL_BYTES_MAX)
        n_bytes += write_bytes(job->writes[at + n++]);
    return n;
}

/* Those to be set to the front, of at most CALL_WRITES_MAX. */
static size_t sort_writes(const ViewWrite *const *writes, size_t n, const ViewWrite **ret) {
    size_t n_set = 0, end = n;
    for (size_t i = 0; i < n; i++) {
        if (str_is_null(writes[i]->record))
            ret[--end] = writes[i];
        else
            ret[n_set++] = writes[i];
    }
    return n_set;
}

static int run_attempt(RedisView *view, const Job *job, char *text, bool *ret_interrupted) {
    const ViewWrite *sorted[CALL_WRITES_MAX];
    char token[VIEW_TOKEN_SIZE];
    view_new_token(view, token);

    for (size_t at = 0, n; at == 0 || at < job->n_writes; at += n) {
        n = call_length(job, at);
        Call call = {.job = job, .token = token, .writes = sorted, .is_first = at == 0};
        call.is_last = at + n == job->n_writes;
        call.n_set = sort_writes(job->writes + at, n, sorted);
        call.n_erased = n - call.n_set;
        for (size_t i = 0; i < n; i++)
            call.has[sorted[i]->kind] = true;

        Outcome outcome = OUTCOME_DONE;
        Found found;
        int r = run_call(view, &call, text, &outcome, &found);
        if (r)
            return r;
        if (outcome == OUTCOME_REFUSED)
            return judge_refusal(view, job, &found, text);
        *ret_interrupted = outcome == OUTCOME_INTERRUPTED;
        if (*ret_interrupted || call.is_last)
            return 0;
        /* A server that has not seen this call must not take the next one for its successor. */
        (void)redis_transport_pin(view->transport, true);
    }
    return 0;
}

static int run_job(RedisView *view, Job *job, const ViewWrite *writes, size_t n, char *text) {
    int r = view_begin(view, job->shard, text);
    if (r)
        return r;
    _cleanup_(free_null) const ViewWrite **selected = NULL;
    r = select_writes(view, writes, n, &selected, &job->n_writes);
    if (r)
        return r;
    job->writes = selected;

    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        bool interrupted = false;
        r = run_attempt(view, job, text, &interrupted);
        (void)redis_transport_pin(view->transport, false);
        if (r || !interrupted)
            return r;
    }
    snprintf(text, REDIS_TEXT_SIZE, VIEW_META_FMT ": somebody else writes to this shard all the time",
            VIEW_META_ARG(view, job->shard));
    return VIEW_E_AHEAD;
}

int redis_view_apply(RedisView *view, const ViewBatch *batch, char *text) {
    assert(batch->from_bno >= 0 && batch->from_bno < batch->to_bno);
    Job job = {
            .shard = batch->shard,
            .lineage = batch->lineage,
            .expected = batch->from_bno,
            .to_bno = batch->to_bno,
            .next_offset = batch->next_offset,
            .watermark_ms = batch->watermark_ms,
            .now_ms = batch->now_ms,
    };
    return run_job(view, &job, batch->writes, batch->n_writes, text);
}

int redis_view_catch_up(RedisView *view, int32_t shard, const char *lineage, int64_t expect_next,
        int64_t next_offset, int64_t to_bno, int64_t watermark_ms, int64_t now_ms, const ViewWrite *writes,
        size_t n_writes, char *text) {
    assert(expect_next >= 0 && expect_next <= next_offset);
    assert(to_bno >= 0);
    Job job = {
            .is_chunk = true,
            .shard = shard,
            .lineage = lineage,
            .expected = expect_next,
            .to_bno = to_bno,
            .next_offset = next_offset,
            .watermark_ms = watermark_ms,
            .now_ms = now_ms,
    };
    return run_job(view, &job, writes, n_writes, text);
}

/* ---- dropping ---- */

/* The keys that SCAN gave, without the meta: that goes on standing for the shard. */
typedef struct UnlinkStep {
    int32_t shard;
    const char *token;
    const redisReply *keys; /* NULL: all are gone */
} UnlinkStep;

static bool is_meta_key(const RedisView *view, int32_t shard, Str key) {
    Str base = view->bases[shard];
    return key.len == base.len + 4 && memcmp(key.data + base.len, "meta", 4) == 0;
}

static void append_unlink(RedisView *view, const void *context) {
    const UnlinkStep *step = context;
    view_request_key(view, step->shard, "meta", STR_NULL);
    for (size_t i = 0; step->keys && i < step->keys->elements; i++) {
        Str key = view_reply_str(step->keys->element[i]);
        if (!is_meta_key(view, step->shard, key))
            redis_request_arg(view->transport, key);
    }
    redis_request_arg(view->transport, str_from(step->token));
    redis_request_arg(view->transport, step->keys ? STR_LITERAL("0") : STR_LITERAL("1"));
}

static int unlink_keys(RedisView *view, const UnlinkStep *step, char *text) {
    size_t n_keys = 1;
    for (size_t i = 0; step->keys && i < step->keys->elements; i++)
        n_keys += !is_meta_key(view, step->shard, view_reply_str(step->keys->element[i]));
    if (step->keys && n_keys == 1)
        return 0;

    ScriptCall script = {
            .script = REDIS_SCRIPT_UNLINK,
            .n_keys = n_keys,
            .n_args = 2,
            .append = append_unlink,
            .context = step,
    };
    int r = view_run_script(view, &script, text);
    if (r || view_last_reply(view)->integer == 1)
        return r;
    snprintf(text, REDIS_TEXT_SIZE,
            VIEW_META_FMT ": somebody else has written to the shard while it was dropped",
            VIEW_META_ARG(view, step->shard));
    return VIEW_E_AHEAD;
}

/* Puts up the sign: whoever reads sees that nothing here is to be relied upon, whoever writes is refused. */
static int begin_drop(
        RedisView *view, int32_t shard, const char *lineage, int64_t now_ms, const char *token, char *text) {
    RedisTransport *t = view->transport;
    redis_request(t, "MULTI");
    redis_request_command(t, 2);
    redis_request_arg(t, STR_LITERAL("DEL"));
    view_request_key(view, shard, "meta", STR_NULL);
    /* The last pair only where there are no hashes. */
    const char *const fields[] = {"mode", "rebuilding", "lineage", lineage, "bno", "0", "next", "-1", "applying", token, "boards",
            view->board_list.data, "hashes", "0"};
    size_t n_fields = ARRAY_SIZE(fields) - (view->config->redis_hashes ? 2 : 0);
    redis_request_command(t, 4 + n_fields);
    redis_request_arg(t, STR_LITERAL("HSET"));
    view_request_key(view, shard, "meta", STR_NULL);
    for (size_t i = 0; i < n_fields; i++)
        redis_request_arg(t, str_from(fields[i]));
    redis_request_arg(t, STR_LITERAL("updated_at"));
    redis_request_arg_integer(t, now_ms);
    redis_request(t, "EXEC");
    return view_exchange(view, 4, text);
}

/* P:{T}:* with what would be a pattern in it escaped. */
static void request_pattern(RedisView *view, int32_t shard) {
    Str base = view->bases[shard];
    size_t n_special = 0;
    for (size_t i = 0; i < base.len; i++)
        n_special += strchr("*?[]\\^-", base.data[i]) != NULL;
    redis_request_arg_begin(view->transport, base.len + n_special + 1);
    for (size_t i = 0; i < base.len; i++) {
        if (strchr("*?[]\\^-", base.data[i]))
            redis_request_arg_piece(view->transport, STR_LITERAL("\\"));
        redis_request_arg_piece(view->transport, (Str){base.data + i, 1});
    }
    redis_request_arg_piece(view->transport, STR_LITERAL("*"));
    redis_request_arg_end(view->transport);
}

/*
 * One answer, to a step of a scan. The cursor is the connection's own: what another server had passed at that place, this one has not.
 */
int view_finish_scan(RedisView *view, int32_t shard, ViewScan *scan, char *text, const redisReply **ret) {
    int r = view_exchange(view, 1, text);
    if (r)
        return r;
    uint64_t connection = redis_transport_connection(view->transport);
    if (scan->connection == 0)
        scan->connection = connection;
    if (scan->connection != connection) {
        snprintf(text, REDIS_TEXT_SIZE, VIEW_META_FMT ": the connection was lost while the shard's keys were gone through", VIEW_META_ARG(view, shard));
        return VIEW_E_UNREACHABLE;
    }
    const redisReply *reply = view_last_reply(view);
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || reply->element[1]->type != REDIS_REPLY_ARRAY)
        return view_unexpected(view, shard, text);
    Str next = view_reply_str(reply->element[0]);
    if (next.len == 0 || next.len >= REDIS_CURSOR_SIZE)
        return view_unexpected(view, shard, text);
    memcpy(scan->cursor, next.data, next.len);
    scan->cursor[str_eq_c(next, "0") ? 0 : next.len] = '\0';
    *ret = reply->element[1];
    return 0;
}

/*
 * Are all keys of the shard at the node that we are connected to? While a slot moves it has a part of them, and a scan would not tell. But
 * asked for a key that is nowhere it says then that it may be at the other node; so it does when the slot has moved.
 */
static int check_place(RedisView *view, int32_t shard, char *text) {
    RedisTransport *t = view->transport;
    if (!redis_transport_is_cluster(t))
        return 0;
    redis_request_command(t, 2);
    redis_request_arg(t, STR_LITERAL("GET"));
    view_request_key(view, shard, "nowhere", STR_NULL);
    bool was_pinned = redis_transport_pin(t, true); /* it is this node that is asked */
    int r = view_exchange(view, 1, text);
    (void)redis_transport_pin(t, was_pinned);
    return r;
}

int view_scan_keys(RedisView *view, int32_t shard, ViewScan *scan, char *text, const redisReply **ret) {
    RedisTransport *t = view->transport;
    int r = view_begin(view, shard, text);
    if (r)
        return r;
    redis_request_command(t, 6);
    redis_request_arg(t, STR_LITERAL("SCAN"));
    redis_request_arg(t, str_from(scan->cursor));
    redis_request_arg(t, STR_LITERAL("MATCH"));
    request_pattern(view, shard);
    redis_request_arg(t, STR_LITERAL("COUNT"));
    redis_request_arg(t, STR_LITERAL(VIEW_SCAN_COUNT));
    r = view_finish_scan(view, shard, scan, text, ret);
    return r ? r : check_place(view, shard, text);
}

static int drop_step(RedisView *view, int32_t shard, const char *token, ViewScan *scan, char *text) {
    UnlinkStep step = {.shard = shard, .token = token};
    int r = view_scan_keys(view, shard, scan, text, &step.keys);
    return r ? r : unlink_keys(view, &step, text);
}

/* Whose connection is lost on the way, or whose shard is moving, has dropped it by half, and does it again. */
int redis_view_drop(RedisView *view, int32_t shard, const char *lineage, int64_t now_ms, char *text) {
    char token[VIEW_TOKEN_SIZE];
    ViewScan scan = VIEW_SCAN_BEGIN;
    view_new_token(view, token);
    int r = view_begin(view, shard, text);
    if (!r)
        r = begin_drop(view, shard, lineage, now_ms, token, text);
    (void)redis_transport_pin(view->transport, true);
    while (!r && !view_scan_is_through(&scan))
        r = drop_step(view, shard, token, &scan, text);
    UnlinkStep end = {.shard = shard, .token = token};
    if (!r)
        r = unlink_keys(view, &end, text);
    (void)redis_transport_pin(view->transport, false);
    return r;
}
