/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing: who may write what, when
 *
 * All that is ever written are absolute values of committed batches, so it is order alone that could go wrong: an older value of a record
 * over a newer one, with nobody left to notice. So nothing is written but in a transaction under a condition on the shard's meta, which is
 * watched (WATCH) before it is read: if anybody else, or a server that knows less, has changed it meanwhile, the transaction (MULTI, EXEC) is
 * not performed. (It takes half the time of Redis that a script takes of the same writes: Lua has a copy made of each argument, and
 * another one for each command.) A batch or chunk that fits into one call is safe by that: what writes the records also moves bno and next.
 *
 * A larger one is several calls, and only the last of them moves bno. The first puts the writer's
 * token, unique to this attempt at this batch, into the meta's field `applying`; every other one demands to find it there. So if anybody
 * else begins to write in between, be it only a part that then failed, the attempt ends, and starts over under its full condition. The last
 * call takes the token away. (A failover that loses the latest calls ends the connection, and thereby the attempt.)
 *
 * A chunk of the changelog that does not end with a footer makes the shard `rebuilding`, which refuses
 * batches: a paused owner that wakes in the middle of its successor's catching up cannot put its older values
 * over those that the successor wrote already. A catch-up itself never starts later in the log than the
 * shard's bno says, so it writes everything anew that a batch cut off in the middle may have left behind.
 *
 * What a reader sees in the meantime: each lead or account is as it was after some committed batch, and bno is the
 * batch up to which *all* leads are at least. Fetching records for the engine is stricter (redis_view.c): the
 * owner of a shard only takes values from a view that is not behind what it knows to be committed; if it is,
 * the owner catches up first. Values that are newer than bno says can so be read by nobody but an owner that
 * has already lost the shard, whose transaction the broker refuses, or after Kafka lost a committed batch,
 * which is why a token of somebody else in a live shard makes a fetch fail.
 *
 * A command can fail in the middle of a transaction, all others being performed: on a key of ours that somebody has put something else
 * into. Then the shard is left as if its dropping had begun, whence it is written anew.
 *
 * A shard's leads and accounts have hashes either all or none (redis.hashes), so who would write it the other way is refused until it is
 * dropped. That there are none say the meta's field `hashes` and, first of all, the list of boards. Programs that do not know of it, and
 * write hashes of what changes, leave the field alone and put their own list there: so it shows that they were here.
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

/* The shard's meta as it was found when the watch on it began. */
typedef struct Found {
    ViewMeta meta;
    bool is_missing;         /* there is none */
    bool has_token, is_ours; /* somebody is in the middle of a large write; it is this attempt */
    Str boards;              /* borrowed until the next exchange; null: none */
} Found;

/* One call of a job: a transaction. */
typedef struct Call {
    const Job *job;
    const Found *found;
    const char *token;
    const ViewWrite *const *writes; /* those to be set first, then those to be erased */
    size_t n_set, n_erased;
    bool is_first, is_last;
    size_t n_commands; /* appended so far, between MULTI and EXEC */
} Call;

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

static void begin_command(RedisView *view, Call *call, const char *name, size_t n_args) {
    call->n_commands++;
    redis_request_command(view->transport, 1 + n_args);
    redis_request_arg(view->transport, str_from(name));
}

static void append_set_key(RedisView *view, const Call *call, Set set) {
    const ViewKeys *keys = &view_keys[set.kind];
    if (set.i == 0)
        view_request_key(view, call->job->shard, keys->moments, STR_NULL);
    else
        view_request_key(view, call->job->shard, keys->rank, view->boards[set.kind][set.i - 1]);
}

static void append_set(RedisView *view, Call *call, Set set) {
    double score;
    size_t n_at = count_places(call, set, PLACE_AT), n_none = count_places(call, set, PLACE_NONE);
    if (n_at) {
        begin_command(view, call, "ZADD", 1 + 2 * n_at);
        append_set_key(view, call, set);
    }
    for (size_t i = 0; n_at && i < call->n_set; i++)
        if (place_in(call->writes[i], set, &score) == PLACE_AT) {
            append_score(view, score);
            redis_request_arg(view->transport, call->writes[i]->id);
        }
    if (n_none) {
        begin_command(view, call, "ZREM", 1 + n_none);
        append_set_key(view, call, set);
    }
    for (size_t i = 0; n_none && i < call->n_set + call->n_erased; i++)
        if (place_in(call->writes[i], set, &score) == PLACE_NONE)
            redis_request_arg(view->transport, call->writes[i]->id);
}

static void append_record_key(RedisView *view, const Call *call, const ViewWrite *write) {
    view_request_key(view, call->job->shard, view_keys[write->kind].record, write->id);
}

static void append_hash_key(RedisView *view, const Call *call, const ViewWrite *write) {
    view_request_key(view, call->job->shard, view_keys[write->kind].hash, write->id);
}

/* What is erased goes, and so do all hashes first: they may have fields that they shall not have any more. */
static void append_records(RedisView *view, Call *call) {
    size_t n = call->n_set + call->n_erased, n_hashes = view->config->redis_hashes ? n : 0;
    if (call->n_set)
        begin_command(view, call, "MSET", 2 * call->n_set);
    for (size_t i = 0; i < call->n_set; i++) {
        append_record_key(view, call, call->writes[i]);
        redis_request_arg(view->transport, call->writes[i]->record);
    }
    if (call->n_erased + n_hashes)
        begin_command(view, call, "UNLINK", call->n_erased + n_hashes);
    for (size_t i = call->n_set; i < n; i++)
        append_record_key(view, call, call->writes[i]);
    for (size_t i = 0; i < n_hashes; i++)
        append_hash_key(view, call, call->writes[i]);
}

static void append_hash(RedisView *view, Call *call, const ViewWrite *write) {
    if (!write->n_fields)
        return;
    begin_command(view, call, "HSET", 1 + 2 * write->n_fields);
    append_hash_key(view, call, write);
    view_request_fields(view, write->fields, write->n_fields);
}

/* ---- the meta ---- */

static bool is_of_lineage(const Job *job, const Found *found) {
    return !found->is_missing && strcmp(found->meta.lineage, job->lineage) == 0;
}

/* Nothing was ever written there, or all has been dropped. */
static bool is_empty(const Job *job, const Found *found) {
    return found->is_missing || (is_of_lineage(job, found) && found->meta.bno == 0 && found->meta.next_offset == 0);
}

/* May the job begin? */
static bool fits(const RedisView *view, const Job *job, const Found *found) {
    const ViewMeta *meta = &found->meta;
    bool is_ours = is_of_lineage(job, found);
    if (!found->is_missing && meta->hashes != (view->config->redis_hashes ? VIEW_HASHES_ALL : VIEW_HASHES_NONE))
        return false;
    if (job->is_chunk)
        return is_ours && meta->next_offset == job->expected && (job->to_bno == 0 || meta->bno <= job->to_bno);
    return (is_empty(job, found) && job->expected == 0) ||
           (is_ours && meta->mode == VIEW_LIVE && meta->bno >= job->expected && meta->bno < job->to_bno);
}

/* Fields of the meta that are written. */
typedef struct MetaFields {
    ViewField items[16];
    size_t n;
    char texts[16][DECIMAL_SIZE];
} MetaFields;

static void add_field(MetaFields *fields, const char *name, Str value) {
    assert(fields->n < ARRAY_SIZE(fields->items));
    fields->items[fields->n++] = (ViewField){str_from(name), value};
}

static void add_integer(MetaFields *fields, const char *name, int64_t value) {
    char *text = fields->texts[fields->n];
    add_field(fields, name, (Str){text, decimal_print(value, text)});
}

static void add_first_fields(const RedisView *view, const Call *call, MetaFields *fields) {
    const Job *job = call->job;
    if (job->is_chunk) {
        add_field(fields, "mode", STR_LITERAL("rebuilding"));
    } else if (is_empty(job, call->found)) {
        add_field(fields, "mode", STR_LITERAL("live"));
        add_field(fields, "lineage", str_from(job->lineage));
        add_integer(fields, "bno", 0);
        add_integer(fields, "next", 0);
        add_integer(fields, "updated_at", job->now_ms);
    }
    if (call->found->is_missing && !view->config->redis_hashes)
        add_field(fields, "hashes", STR_LITERAL("0"));
    if (!str_eq(call->found->boards, view->board_list))
        add_field(fields, "boards", view->board_list);
}

/* Of two of one name the last counts. */
static void add_last_fields(const Call *call, MetaFields *fields) {
    const Job *job = call->job;
    add_integer(fields, "next", job->next_offset);
    add_integer(fields, "updated_at", job->now_ms);
    if (job->to_bno == 0)
        return;
    add_field(fields, "mode", STR_LITERAL("live"));
    add_integer(fields, "bno", job->to_bno);
    if (job->watermark_ms == TIME_NONE)
        add_field(fields, "watermark", STR_LITERAL(""));
    else
        add_integer(fields, "watermark", job->watermark_ms);
}

static void append_meta(RedisView *view, Call *call) {
    MetaFields fields = {.n = 0};
    if (call->is_first)
        add_first_fields(view, call, &fields);
    if (call->is_first && !call->is_last)
        add_field(&fields, "applying", str_from(call->token));
    if (call->is_last)
        add_last_fields(call, &fields);
    if (fields.n) {
        begin_command(view, call, "HSET", 1 + 2 * fields.n);
        view_request_key(view, call->job->shard, "meta", STR_NULL);
        view_request_fields(view, fields.items, fields.n);
    }
    if (call->is_last && call->found->has_token) {
        begin_command(view, call, "HDEL", 2);
        view_request_key(view, call->job->shard, "meta", STR_NULL);
        redis_request_arg(view->transport, STR_LITERAL("applying"));
    }
}

/* The first line of the list, which loses it; its newline is not in it. */
static Str take_line(Str *list) {
    const char *end = memchr(list->data, '\n', list->len);
    size_t len = end ? (size_t)(end - list->data) : list->len;
    Str line = {list->data, len};
    *list = (Str){list->data + len + (end != NULL), list->len - len - (end != NULL)};
    return line;
}

static bool has_board(const RedisView *view, Str name) {
    Str list = view->board_list;
    while (list.len)
        if (str_eq(take_line(&list), name))
            return true;
    return false;
}

/*
 * Boards of an earlier model go: nobody would take those who are erased off them. Boards of accounts are listed as account-rank:<name>, boards
 * of leads by their names alone, in which there is no colon.
 */
static void append_former_boards(RedisView *view, Call *call) {
    Str list = call->found->boards;
    while (list.len) {
        Str name = take_line(&list);
        if (has_board(view, name))
            continue;
        begin_command(view, call, "UNLINK", 1);
        view_request_key(view, call->job->shard, memchr(name.data, ':', name.len) ? "" : view_keys[ENTITY_LEAD].rank, name);
    }
}

/* ---- one call ---- */

static int read_found(RedisView *view, const Job *job, const char *token, const redisReply *reply, char *text, Found *ret) {
    *ret = (Found){0};
    int r = view_parse_meta(view, job->shard, reply, text, &ret->meta);
    if (r)
        return r;
    Str applying = view_reply_str(reply->element[META_APPLYING]);
    ret->is_missing = reply->element[META_MODE]->type == REDIS_REPLY_NIL;
    ret->has_token = !str_is_null(applying);
    ret->is_ours = str_eq(applying, str_from(token));
    ret->boards = view_reply_str(reply->element[META_BOARDS]);
    return 0;
}

/*
 * Begins a watch on the meta, and reads it. From then on it is this connection. In a cluster the watch goes before, alone, to where the slot
 * has moved; what else is asked of a node that is only about to get the slot says so itself.
 */
static int look(RedisView *view, const Job *job, const char *token, char *text, Found *ret) {
    bool is_alone = redis_transport_is_cluster(view->transport);
    view_request_watch(view, job->shard);
    int r = is_alone ? view_exchange(view, 1, text) : 0;
    (void)redis_transport_pin(view->transport, true);
    if (r)
        return r;
    view_request_meta(view, job->shard);
    r = view_exchange(view, is_alone ? 1 : 2, text);
    return r ? r : read_found(view, job, token, view_last_reply(view), text, ret);
}

static void append_call(RedisView *view, Call *call) {
    redis_request(view->transport, "MULTI");
    append_records(view, call);
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++)
        for (size_t i = 0; i <= view->n_boards[kind]; i++)
            append_set(view, call, (Set){kind, i});
    for (size_t i = 0; view->config->redis_hashes && i < call->n_set; i++)
        append_hash(view, call, call->writes[i]);
    if (call->is_first && !str_eq(call->found->boards, view->board_list))
        append_former_boards(view, call);
    append_meta(view, call);
    redis_request(view->transport, "EXEC");
}

/* As if its dropping had begun: its owner drops it, and writes it anew. What was performed of the call has moved bno, so this is allowed, too. */
static void give_up_shard(RedisView *view, const Call *call, char *text) {
    char why_not[REDIS_TEXT_SIZE];
    const char *const fields[] = {"mode", "rebuilding", "bno", "0", "next", "-1", "applying", call->token};
    redis_request_command(view->transport, 2 + ARRAY_SIZE(fields));
    redis_request_arg(view->transport, STR_LITERAL("HSET"));
    view_request_key(view, call->job->shard, "meta", STR_NULL);
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        redis_request_arg(view->transport, str_from(fields[i]));
    size_t len = strlen(text);
    if (view_exchange(view, 1, why_not) == 0)
        snprintf(text + len, REDIS_TEXT_SIZE - len, "; what is in " VIEW_META_FMT " goes, to be written anew", VIEW_META_ARG(view, call->job->shard));
}

/*
 * *ret_performed: false if the meta has changed since it was looked at. Behind a call that is not the last one there is the next look: *found is
 * what the call found, and then what the next one finds.
 */
static int run_call(RedisView *view, Call *call, char *text, bool *ret_performed, Found *found) {
    size_t n_more = call->is_last ? 0 : 2;
    append_call(view, call);
    if (n_more) {
        view_request_watch(view, call->job->shard);
        view_request_meta(view, call->job->shard);
    }
    view_release(view);
    int r = view_exchange(view, call->n_commands + 2 + n_more, text);
    if (r)
        return r;
    const redisReply *executed = view->held[view->n_held - 1 - n_more];
    *ret_performed = executed->type != REDIS_REPLY_NIL;
    if (!*ret_performed)
        return 0;
    r = view_check_exec(view, executed, call->n_commands, text);
    if (r == VIEW_E_REFUSED && call->is_last)
        give_up_shard(view, call, text);
    return r || call->is_last ? r : read_found(view, call->job, call->token, view_last_reply(view), text, found);
}

static const char *with_hashes(bool has_hashes) {
    return has_hashes ? "with" : "without";
}

/* Why may it not begin? 0: because it is done already. */
static int judge_refusal(const RedisView *view, const Job *job, const Found *found, char *text) {
    const ViewMeta *meta = &found->meta;
    bool is_live = meta->mode == VIEW_LIVE;
    int r;
    if (meta->mode == VIEW_ABSENT)
        r = VIEW_E_BEHIND;
    else if (!is_of_lineage(job, found))
        r = VIEW_E_LINEAGE;
    else if (job->is_chunk)
        r = meta->next_offset == job->next_offset && (job->to_bno == 0 || (meta->bno == job->to_bno && is_live)) ? 0 : VIEW_E_AHEAD;
    else if (!is_live || meta->bno < job->expected)
        r = VIEW_E_BEHIND;
    else
        r = meta->bno == job->to_bno ? 0 : VIEW_E_AHEAD;

    if (r && found->is_missing)
        snprintf(text, REDIS_TEXT_SIZE, VIEW_META_FMT " does not exist", VIEW_META_ARG(view, job->shard));
    else if (r)
        snprintf(text, REDIS_TEXT_SIZE,
                VIEW_META_FMT " is %s at batch %" PRId64 ", next offset %" PRId64
                              ", of lineage %s, %s hashes; expected %s %" PRId64 " of lineage %s, %s hashes",
                VIEW_META_ARG(view, job->shard), is_live ? "live" : "rebuilding", meta->bno, meta->next_offset, meta->lineage,
                with_hashes(meta->hashes == VIEW_HASHES_ALL), job->is_chunk ? "next offset" : "live at batch", job->expected,
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

static Call make_call(const Job *job, const Found *found, const char *token, size_t at, size_t n, const ViewWrite **sorted) {
    Call call = {.job = job, .found = found, .token = token, .writes = sorted, .is_first = at == 0, .is_last = at + n == job->n_writes};
    call.n_set = sort_writes(job->writes + at, n, sorted);
    call.n_erased = n - call.n_set;
    return call;
}

/* How an attempt ended. */
typedef enum Outcome {
    OUTCOME_REFUSED, /* or failed */
    OUTCOME_INTERRUPTED, /* somebody else has written meanwhile */
    OUTCOME_DONE,
} Outcome;

static int run_calls(RedisView *view, const Job *job, char *text, Outcome *ret) {
    const ViewWrite *sorted[CALL_WRITES_MAX];
    char token[VIEW_TOKEN_SIZE];
    Found found;
    view_new_token(view, token);
    int r = look(view, job, token, text, &found);
    for (size_t at = 0, n; !r; at += n) {
        if (at == 0 && !fits(view, job, &found))
            return judge_refusal(view, job, &found, text);
        n = call_length(job, at);
        Call call = make_call(job, &found, token, at, n, sorted);
        bool is_performed = false;
        if (at == 0 || found.is_ours)
            r = run_call(view, &call, text, &is_performed, &found);
        if (r)
            return r;
        *ret = !is_performed ? OUTCOME_INTERRUPTED : call.is_last ? OUTCOME_DONE : OUTCOME_REFUSED;
        if (*ret != OUTCOME_REFUSED)
            return 0;
    }
    return r;
}

static int run_attempt(RedisView *view, const Job *job, char *text, Outcome *ret) {
    *ret = OUTCOME_REFUSED;
    int r = view_begin(view, job->shard, text);
    if (r)
        return r;
    r = run_calls(view, job, text, ret);
    if (*ret != OUTCOME_DONE)
        view_stop_watching(view, job->shard);
    (void)redis_transport_pin(view->transport, false);
    return r;
}

static int run_job(RedisView *view, Job *job, const ViewWrite *writes, size_t n, char *text) {
    _cleanup_(free_null) const ViewWrite **selected = NULL;
    int r = select_writes(view, writes, n, &selected, &job->n_writes);
    if (r)
        return r;
    job->writes = selected;

    for (unsigned i = 0; i < ATTEMPTS_MAX; i++) {
        Outcome outcome;
        r = run_attempt(view, job, text, &outcome);
        if (r || outcome != OUTCOME_INTERRUPTED)
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
