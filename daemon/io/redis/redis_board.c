/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/redis/redis_board.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "daemon/io/redis/redis_transport.h"
#include "daemon/io/redis/shard_tag.h"

/* Somebody is looking at a screen that waits. */
#define CONNECT_TIMEOUT_MS 500
#define COMMAND_TIMEOUT_MS 1000
/* Up to here a double tells one offset from the next. */
#define OFFSET_MAX 9007199254740992.0

struct RedisBoard {
    const Config *config;
    RedisTransport *transport;
    unsigned info_slot;
    int32_t n_shards;
    char (*tags)[SHARD_TAG_SIZE]; /* n_shards */
    locale_t locale;              /* in which a number's point is a point */
    redisReply **held;            /* what was lent out, until the next call */
    size_t n_held, n_held_alloc;
};

int redis_board_new(const Config *config, char *text, RedisBoard **ret) {
    _cleanup_(redis_board_free) RedisBoard *board = calloc(1, sizeof(*board));
    if (!board)
        return -ENOMEM;
    board->config = config;
    board->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!board->locale)
        return -ENOMEM;
    int r = redis_transport_new(config, text, &board->transport);
    if (r)
        return r;
    char info[BOARD_KEY_SIZE];
    (void)snprintf(info, sizeof(info), "%s:info", config->redis_prefix);
    board->info_slot = redis_slot(str_from(info));
    redis_transport_set_timeouts(board->transport, CONNECT_TIMEOUT_MS, COMMAND_TIMEOUT_MS);
    *ret = TAKE_PTR(board);
    return 0;
}

static void release(RedisBoard *board) {
    for (size_t i = 0; i < board->n_held; i++)
        redis_reply_free(board->held[i]);
    board->n_held = 0;
}

RedisBoard *redis_board_free(RedisBoard *board) {
    if (!board)
        return NULL;
    release(board);
    free(board->held);
    redis_transport_free(board->transport);
    if (board->locale)
        freelocale(board->locale);
    free(board->tags);
    return free_null(board);
}

/* ---- requests ---- */

static int begin(RedisBoard *board, unsigned slot, char *text) {
    release(board);
    return redis_transport_open(board->transport, slot, text);
}

static unsigned slot_of(const RedisBoard *board, int32_t shard) {
    return shard_slot(shard, board->n_shards);
}

/* The key P:{T}:<kind><id> of the shard. */
static void request_key(RedisBoard *board, int32_t shard, const char *kind, Str id) {
    const char *pieces[] = {board->config->redis_prefix, ":{", board->tags[shard], "}:", kind};
    size_t len = id.len;
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
        len += strlen(pieces[i]);
    redis_request_arg_begin(board->transport, len);
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
        redis_request_arg_piece(board->transport, str_from(pieces[i]));
    if (id.len)
        redis_request_arg_piece(board->transport, id);
    redis_request_arg_end(board->transport);
}

/* The replies, without errors, are held behind those that are held already. */
static int exchange(RedisBoard *board, size_t n, char *text) {
    while (board->n_held_alloc < board->n_held + n) {
        int r = array_reserve(&board->held, &board->n_held_alloc, board->n_held_alloc, sizeof(redisReply *));
        if (r)
            return r;
    }
    size_t first = board->n_held;
    int r = redis_transport_exchange(board->transport, n, board->held + first, text);
    if (r)
        return r;
    board->n_held += n;
    for (size_t i = first; i < board->n_held && !r; i++)
        r = redis_reply_check(board->transport, board->held[i], text);
    return r;
}

/* Commands about several shards, which go to one server together, or in a cluster each to its node. */
typedef struct Questions {
    size_t n;
    int32_t (*shard)(const void *context, size_t i);
    void (*request)(RedisBoard *board, const void *context, size_t i);
    const void *context;
} Questions;

/* The replies are board->held[0 … n-1] afterwards. */
static int ask(RedisBoard *board, const Questions *questions, char *text) {
    release(board);
    bool is_cluster = redis_transport_is_cluster(board->transport);
    size_t n_each = is_cluster ? 1 : questions->n;
    int r = 0;
    for (size_t i = 0; i < questions->n && !r; i += n_each) {
        r = redis_transport_open(board->transport, slot_of(board, questions->shard(questions->context, i)), text);
        for (size_t k = 0; k < n_each && !r; k++)
            questions->request(board, questions->context, i + k);
        if (!r)
            r = exchange(board, n_each, text);
    }
    return r;
}

static int unexpected(const RedisBoard *board, char *text) {
    snprintf(text, REDIS_TEXT_SIZE, "the keys %s:* hold what scored has not written there",
            board->config->redis_prefix);
    return VIEW_E_REFUSED;
}

static Str reply_str(const redisReply *reply) {
    return reply->type == REDIS_REPLY_STRING ? (Str){reply->str, reply->len} : STR_NULL;
}

static bool parse_number(const RedisBoard *board, Str s, double *ret) {
    char number[64], *end;
    if (s.len == 0 || s.len >= sizeof(number))
        return false;
    memcpy(number, s.data, s.len);
    number[s.len] = '\0';
    *ret = strtod_l(number, &end, board->locale);
    return *end == '\0' && !isnan(*ret);
}

/* ---- what there is ---- */

static int set_shards(RedisBoard *board, int32_t n_shards) {
    char(*tags)[SHARD_TAG_SIZE] = NULL;
    if (n_shards == board->n_shards)
        return 0;
    int r = n_shards ? shard_tags(n_shards, &tags) : 0;
    if (r)
        return r;
    free(board->tags);
    board->tags = tags;
    board->n_shards = n_shards;
    return 0;
}

static void request_info(RedisBoard *board, const char *name) {
    RedisTransport *t = board->transport;
    Str prefix = str_from(board->config->redis_prefix), info = STR_LITERAL(":info"),
        kind = STR_LITERAL("board:");
    redis_request_command(t, 7);
    redis_request_arg(t, STR_LITERAL("HMGET"));
    redis_request_arg_begin(t, prefix.len + info.len);
    redis_request_arg_piece(t, prefix);
    redis_request_arg_piece(t, info);
    redis_request_arg_end(t);
    redis_request_arg(t, STR_LITERAL("shards"));
    redis_request_arg(t, STR_LITERAL("model_version"));
    redis_request_arg_begin(t, kind.len + strlen(name));
    redis_request_arg_piece(t, kind);
    redis_request_arg_piece(t, str_from(name));
    redis_request_arg_end(t);
    redis_request_arg(t, STR_LITERAL("model"));
    redis_request_arg(t, STR_LITERAL("partitioner"));
}

/* A field that is absent or a number from 0 to max. */
static bool parse_field(const RedisBoard *board, const redisReply *reply, double max, double *ret) {
    *ret = 0;
    return reply->type == REDIS_REPLY_NIL ||
           (parse_number(board, reply_str(reply), ret) && *ret >= 0 && *ret <= max);
}

int redis_board_info(RedisBoard *board, const char *name, char *text, BoardInfo *ret) {
    double n_shards, version, half_life_ms;
    int r = begin(board, board->info_slot, text);
    if (r)
        return r;
    request_info(board, name);
    r = exchange(board, 1, text);
    if (r)
        return r;
    const redisReply *reply = board->held[0];
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5 ||
            !parse_field(board, reply->element[0], SHARDS_MAX, &n_shards) ||
            !parse_field(board, reply->element[1], 1e15, &version) ||
            !parse_field(board, reply->element[2], 1e15, &half_life_ms))
        return unexpected(board, text);
    r = set_shards(board, (int32_t)n_shards);
    if (r)
        return r;
    *ret = (BoardInfo){
            .n_shards = board->n_shards,
            .model_version = (int64_t)version,
            .has_board = reply->element[2]->type != REDIS_REPLY_NIL,
            .half_life_ms = (int64_t)half_life_ms,
            .model = reply_str(reply->element[3]),
            .partitioner = reply_str(reply->element[4]),
    };
    return 0;
}

/* ---- sorted sets ---- */

bool board_entry_make(int32_t shard, Str lead_id, double score, BoardEntry *ret) {
    if (lead_id.len > sizeof(ret->id))
        return false;
    *ret = (BoardEntry){.shard = shard, .score = score, .id_len = lead_id.len};
    memcpy(ret->id, lead_id.data, lead_id.len);
    return true;
}

/* An entry of a reply. */
typedef struct Place {
    int32_t shard;
    Str lead_id;
    double score;
} Place;

typedef int CompareFn(const void *a, const void *b);

static int lowest_first(const void *a, const void *b) {
    const Place *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? -1 : 1;
    return str_compare(x->lead_id, y->lead_id);
}

static int highest_first(const void *a, const void *b) {
    const Place *x = a, *y = b;
    return x->score != y->score ? lowest_first(b, a) : lowest_first(a, b);
}

/* What the shards answered: how many pairs of id and score. */
static int count_pairs(const RedisBoard *board, char *text, size_t *ret) {
    *ret = 0;
    for (size_t i = 0; i < board->n_held; i++) {
        if (board->held[i]->type != REDIS_REPLY_ARRAY)
            return unexpected(board, text);
        *ret += board->held[i]->elements / 2;
    }
    return 0;
}

/* Reads a reply into `places`; false: it holds something else. */
static bool read_pairs(const RedisBoard *board, size_t i, Place *places) {
    const redisReply *reply = board->held[i];
    for (size_t j = 0; j < reply->elements / 2; j++) {
        Place place = {.shard = (int32_t)i, .lead_id = reply_str(reply->element[2 * j])};
        if (place.lead_id.len == 0 || place.lead_id.len > EVENT_LEAD_ID_LEN_MAX ||
                !parse_number(board, reply_str(reply->element[2 * j + 1]), &place.score))
            return false;
        places[j] = place;
    }
    return true;
}

/*
 * All shards' answers as one sorted list, cut at `max`. *ret_bound: the last score of what was cut, here or
 * by a shard that was asked for n_each and has as many.
 */
static int collect(RedisBoard *board, size_t n_each, CompareFn *order, char *text, BoardEntry *ret,
        size_t max, size_t *ret_n, double *ret_bound) {
    size_t n, at = 0;
    int r = count_pairs(board, text, &n);
    if (r)
        return r;
    _cleanup_(free_null) Place *places = calloc(MAX(n, (size_t)1), sizeof(*places));
    if (!places)
        return -ENOMEM;
    *ret_bound = -INFINITY;
    for (size_t i = 0; i < board->n_held; i++) {
        if (!read_pairs(board, i, places + at))
            return unexpected(board, text);
        at += board->held[i]->elements / 2;
        if (board->held[i]->elements / 2 >= n_each)
            *ret_bound = MAX(*ret_bound, places[at - 1].score);
    }
    qsort(places, n, sizeof(*places), order);
    if (n > max)
        *ret_bound = MAX(*ret_bound, places[max].score);
    *ret_n = MIN(n, max);
    for (size_t i = 0; i < *ret_n; i++)
        if (!board_entry_make(places[i].shard, places[i].lead_id, places[i].score, &ret[i]))
            return unexpected(board, text);
    return 0;
}

/* A range of a sorted set of each shard. */
typedef struct Range {
    const char *command, *kind, *name;
    size_t from, n;
} Range;

static int32_t shard_itself(const void *context, size_t i) {
    (void)context;
    return (int32_t)i;
}

static void request_range(RedisBoard *board, const void *context, size_t i) {
    const Range *range = context;
    RedisTransport *t = board->transport;
    redis_request_command(t, 5);
    redis_request_arg(t, str_from(range->command));
    request_key(board, (int32_t)i, range->kind, str_from(range->name));
    redis_request_arg_integer(t, (int64_t)range->from);
    redis_request_arg_integer(t, (int64_t)(range->from + range->n - 1));
    redis_request_arg(t, STR_LITERAL("WITHSCORES"));
}

static int ask_for_range(RedisBoard *board, const Range *range, char *text) {
    assert(range->n > 0);
    Questions questions = {.n = (size_t)board->n_shards, .shard = shard_itself, .request = request_range, .context = range};
    return ask(board, &questions, text);
}

int redis_board_leaders(RedisBoard *board, EntityKind kind, const char *name, size_t from, size_t n_each, char *text,
        BoardEntry *ret, size_t max, size_t *ret_n, double *ret_bound) {
    Range range = {.command = "ZREVRANGE", .kind = kind == ENTITY_LEAD ? "rank:" : "account-rank:", .name = name, .from = from, .n = n_each};
    int r = ask_for_range(board, &range, text);
    return r ? r : collect(board, n_each, highest_first, text, ret, max, ret_n, ret_bound);
}

int redis_board_moments(
        RedisBoard *board, size_t n_each, char *text, BoardEntry *ret, size_t max, size_t *ret_n) {
    double bound;
    Range range = {.command = "ZRANGE", .kind = "moments", .name = "", .n = n_each};
    int r = ask_for_range(board, &range, text);
    return r ? r : collect(board, n_each, lowest_first, text, ret, max, ret_n, &bound);
}

/* ---- records ---- */

static const char *key_kind(EntityKind kind, BoardKey key) {
    static const char *const kinds[_ENTITY_KIND_MAX][_BOARD_KEY_MAX] = {
            [ENTITY_LEAD] = {"record:", "lead:", "meta"},
            [ENTITY_ACCOUNT] = {"account-record:", "account:", "meta"},
    };
    return kinds[kind][key];
}

/* The records of one kind. */
typedef struct Records {
    EntityKind kind;
    const BoardEntry *entries;
} Records;

static int32_t record_shard(const void *context, size_t i) {
    const Records *records = context;
    return records->entries[i].shard;
}

static void request_record(RedisBoard *board, const void *context, size_t i) {
    const Records *records = context;
    const BoardEntry *entry = &records->entries[i];
    assert(entry->shard >= 0 && entry->shard < board->n_shards);
    redis_request_command(board->transport, 2);
    redis_request_arg(board->transport, STR_LITERAL("GET"));
    request_key(board, entry->shard, key_kind(records->kind, BOARD_KEY_RECORD), board_entry_id(entry));
}

int redis_board_records(RedisBoard *board, EntityKind kind, const BoardEntry *entries, size_t n, char *text, Str *values) {
    Records records = {kind, entries};
    Questions questions = {.n = n, .shard = record_shard, .request = request_record, .context = &records};
    assert(n <= BOARD_ASK_MAX);
    int r = ask(board, &questions, text);
    for (size_t i = 0; i < n && !r; i++)
        values[i] = reply_str(board->held[i]);
    return r;
}

void redis_board_keys(
        const RedisBoard *board, EntityKind kind, int32_t shard, Str id, char ret[static _BOARD_KEY_MAX][BOARD_KEY_SIZE]) {
    assert(shard >= 0 && shard < board->n_shards);
    for (int i = 0; i < _BOARD_KEY_MAX; i++) {
        Str end = i == BOARD_KEY_META ? STR_LITERAL("") : id;
        (void)snprintf(ret[i], BOARD_KEY_SIZE, "%s:{%s}:%s%.*s", board->config->redis_prefix, board->tags[shard],
                key_kind(kind, (BoardKey)i), STR_FMT(end));
    }
}

static int64_t parse_instant(const RedisBoard *board, const redisReply *reply) {
    double at;
    bool known = parse_number(board, reply_str(reply), &at);
    return known && at > 0 && at <= (double)EVENT_TIME_MS_MAX ? (int64_t)at : TIME_NONE;
}

static void request_shard(RedisBoard *board, const void *context, size_t i) {
    RedisTransport *t = board->transport;
    (void)context;
    redis_request_command(t, 6);
    redis_request_arg(t, STR_LITERAL("HMGET"));
    request_key(board, (int32_t)i, key_kind(ENTITY_LEAD, BOARD_KEY_META), STR_NULL);
    redis_request_arg(t, STR_LITERAL("bno"));
    redis_request_arg(t, STR_LITERAL("mode"));
    redis_request_arg(t, STR_LITERAL("watermark"));
    redis_request_arg(t, STR_LITERAL("updated_at"));
}

int redis_board_shards(RedisBoard *board, int32_t n, char *text, BoardShard *ret) {
    Questions questions = {.n = (size_t)n, .shard = shard_itself, .request = request_shard};
    double bno;
    assert(n <= board->n_shards && (size_t)n <= BOARD_ASK_MAX);
    int r = ask(board, &questions, text);
    for (int32_t i = 0; i < n && !r; i++) {
        const redisReply *meta = board->held[i];
        if (meta->type != REDIS_REPLY_ARRAY || meta->elements != 4)
            return unexpected(board, text);
        bool is_there = parse_number(board, reply_str(meta->element[0]), &bno);
        ret[i] = (BoardShard){
                .is_there = is_there,
                .is_rebuilding = str_eq_c(reply_str(meta->element[1]), "rebuilding"),
                .bno = is_there && bno >= 0 && bno <= OFFSET_MAX ? (int64_t)bno : 0,
                .watermark_ms = parse_instant(board, meta->element[2]),
                .updated_at_ms = parse_instant(board, meta->element[3]),
        };
    }
    return r;
}

/* Where one lead or account is looked for. */
typedef struct Lookup {
    EntityKind kind;
    int32_t shard;
    Str id;
} Lookup;

static int32_t lookup_shard(const void *context, size_t i) {
    const Lookup *lookup = context;
    (void)i;
    return lookup->shard;
}

/* First its record, then its shard's meta. */
static void request_lookup(RedisBoard *board, const void *context, size_t i) {
    const Lookup *lookup = context;
    RedisTransport *t = board->transport;
    if (i == 0) {
        redis_request_command(t, 2);
        redis_request_arg(t, STR_LITERAL("GET"));
        request_key(board, lookup->shard, key_kind(lookup->kind, BOARD_KEY_RECORD), lookup->id);
        return;
    }
    redis_request_command(t, 5);
    redis_request_arg(t, STR_LITERAL("HMGET"));
    request_key(board, lookup->shard, key_kind(lookup->kind, BOARD_KEY_META), STR_NULL);
    redis_request_arg(t, STR_LITERAL("mode"));
    redis_request_arg(t, STR_LITERAL("watermark"));
    redis_request_arg(t, STR_LITERAL("next"));
}

int redis_board_record(RedisBoard *board, EntityKind kind, int32_t shard, Str id, char *text, BoardRecord *ret) {
    double next;
    assert(shard >= 0 && shard < board->n_shards);
    Lookup lookup = {.kind = kind, .shard = shard, .id = id};
    Questions questions = {.n = 2, .shard = lookup_shard, .request = request_lookup, .context = &lookup};
    int r = ask(board, &questions, text);
    if (r)
        return r;
    const redisReply *meta = board->held[1];
    if (meta->type != REDIS_REPLY_ARRAY || meta->elements != 3)
        return unexpected(board, text);
    bool has_next = parse_number(board, reply_str(meta->element[2]), &next);
    *ret = (BoardRecord){
            .value = reply_str(board->held[0]),
            .is_rebuilding = str_eq_c(reply_str(meta->element[0]), "rebuilding"),
            .watermark_ms = parse_instant(board, meta->element[1]),
            .next_offset = has_next && next >= 0 && next <= OFFSET_MAX ? (int64_t)next : -1,
    };
    return 0;
}
