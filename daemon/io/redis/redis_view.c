/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading, and what reading and writing share. How writers keep out of each other's way is told in redis_view_write.c.
 *
 * Records and moments are read in one MULTI with the shard's meta, so that the answer is of one instant. That
 * the owner of a shard insists on a live view, which is not behind the last batch that it knows to be
 * committed, keeps a record of before a lost second (a failover, an older dump) out of the engine.
 */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/base/random.h"
#include "daemon/io/redis/redis_view_internal.h"

/* ---- making ---- */

static int copy_str(const char *a, Str b, const char *c, Str *ret) {
    size_t a_len = strlen(a), c_len = strlen(c);
    char *data = malloc(a_len + b.len + c_len + 1);
    if (!data)
        return -ENOMEM;
    memcpy(data, a, a_len);
    if (b.len)
        memcpy(data + a_len, b.data, b.len);
    memcpy(data + a_len + b.len, c, c_len + 1);
    *ret = (Str){data, a_len + b.len + c_len};
    return 0;
}

static void free_strs(Str *strs, size_t n) {
    for (size_t i = 0; strs && i < n; i++)
        free((char *)strs[i].data);
    free(strs);
}

/* Appends to the list; takes what it was. */
static int append_to_list(Str *list, const char *prefix, Str name) {
    Str line = STR_NULL, longer = STR_NULL;
    int r = copy_str(prefix, name, "\n", &line);
    if (!r)
        r = copy_str(list->data, line, "", &longer);
    free((char *)line.data);
    if (r)
        return r;
    free((char *)list->data);
    *list = longer;
    return 0;
}

static int copy_boards_of(RedisView *view, EntityKind kind, const char *const *names, size_t n) {
    /* Leads' boards are listed by their bare names, as they were before accounts had any. */
    const char *prefix = kind == ENTITY_LEAD ? "" : view_keys[kind].rank;
    view->boards[kind] = calloc(MAX(n, (size_t)1), sizeof(*view->boards[kind]));
    if (!view->boards[kind])
        return -ENOMEM;
    view->n_boards[kind] = n;
    int r = 0;
    for (size_t i = 0; i < n && !r; i++) {
        assert(!strpbrk(names[i], ":\n"));
        r = copy_str(names[i], STR_NULL, "", &view->boards[kind][i]);
        if (!r)
            r = append_to_list(&view->board_list, prefix, view->boards[kind][i]);
    }
    return r;
}

static int copy_boards(RedisView *view, const ViewBoards *boards) {
    int r = copy_str("", STR_NULL, view->config->redis_hashes ? "" : VIEW_NO_HASHES "\n", &view->board_list);
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX && !r; kind++)
        r = copy_boards_of(view, kind, boards->names[kind], boards->n[kind]);
    return r;
}

static int draw_lots(RedisView *view) {
    uint64_t random[3];
    int r = random_bytes(random, sizeof(random));
    if (r < 0)
        return r;
    view->hash_key = (SipKey){random[0], random[1]};
    snprintf(view->token_prefix, sizeof(view->token_prefix), "%016" PRIx64 "-", random[2]);
    return 0;
}

int redis_view_new(const Config *config, const ViewBoards *boards, char *text, RedisView **ret) {
    const char *prefix = config->redis_prefix;
    if (!prefix || !prefix[0] || strpbrk(prefix, "{}")) {
        /* Its braces would be taken for the hash tag. */
        snprintf(text, REDIS_TEXT_SIZE, "the prefix of the keys must not be empty or contain { or }");
        return VIEW_E_REFUSED;
    }

    _cleanup_(redis_view_free) RedisView *view = calloc(1, sizeof(*view));
    if (!view)
        return -ENOMEM;
    view->config = config;
    view->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!view->locale)
        return -ENOMEM;
    int r = draw_lots(view);
    if (!r)
        r = copy_boards(view, boards);
    if (!r)
        r = copy_str(prefix, STR_LITERAL(":info"), "", &view->info_key);
    if (!r)
        r = redis_transport_new(config, text, &view->transport);
    if (r)
        return r;
    view->info_slot = redis_slot(view->info_key);
    *ret = TAKE_PTR(view);
    return 0;
}

void view_release(RedisView *view) {
    for (size_t i = 0; i < view->n_held; i++)
        redis_reply_free(view->held[i]);
    view->n_held = 0;
}

RedisView *redis_view_free(RedisView *view) {
    if (!view)
        return NULL;
    view_release(view);
    free(view->held);
    redis_transport_free(view->transport);
    if (view->locale)
        freelocale(view->locale);
    free((char *)view->info_key.data);
    free((char *)view->board_list.data);
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++)
        free_strs(view->boards[kind], view->n_boards[kind]);
    free_strs(view->bases, (size_t)view->n_shards);
    return free_null(view);
}

int redis_view_set_shards(RedisView *view, int32_t n_shards, char *text) {
    if (n_shards < 1 || n_shards > SHARDS_MAX) {
        snprintf(text, REDIS_TEXT_SIZE, "%" PRId32 " shards, expected 1 to %d", n_shards, SHARDS_MAX);
        return VIEW_E_REFUSED;
    }
    char(*tags)[SHARD_TAG_SIZE] = NULL;
    int r = shard_tags(n_shards, &tags);
    if (r)
        return r;

    Str *bases = calloc((size_t)n_shards, sizeof(*bases));
    if (!bases)
        r = -ENOMEM;
    for (int32_t shard = 0; shard < n_shards && !r; shard++) {
        char tag[SHARD_TAG_SIZE + 5];
        snprintf(tag, sizeof(tag), ":{%s}:", tags[shard]);
        r = copy_str(view->config->redis_prefix, str_from(tag), "", &bases[shard]);
    }
    free(tags);
    if (r) {
        free_strs(bases, (size_t)n_shards);
        return r;
    }

    free_strs(view->bases, (size_t)view->n_shards);
    view->bases = bases;
    view->n_shards = n_shards;
    return 0;
}

void redis_view_set_timeouts(RedisView *view, int connect_timeout_ms, int command_timeout_ms) {
    redis_transport_set_timeouts(view->transport, connect_timeout_ms, command_timeout_ms);
}

/* ---- shared ---- */

int view_begin_slot(RedisView *view, unsigned slot, char *text) {
    view_release(view);
    return redis_transport_open(view->transport, slot, text);
}

int view_begin(RedisView *view, int32_t shard, char *text) {
    return view_begin_slot(view, shard_slot(shard, view->n_shards), text);
}

void view_request_watch(RedisView *view, int32_t shard) {
    redis_request_command(view->transport, 2);
    redis_request_arg(view->transport, STR_LITERAL("WATCH"));
    view_request_key(view, shard, "meta", STR_NULL);
}

void view_request_key(RedisView *view, int32_t shard, const char *kind, Str id) {
    assert(shard >= 0 && shard < view->n_shards);
    Str base = view->bases[shard], kind_str = str_from(kind);
    redis_request_arg_begin(view->transport, base.len + kind_str.len + id.len);
    redis_request_arg_piece(view->transport, base);
    redis_request_arg_piece(view->transport, kind_str);
    redis_request_arg_piece(view->transport, id);
    redis_request_arg_end(view->transport);
}

void view_request_fields(RedisView *view, const ViewField *fields, size_t n) {
    for (size_t i = 0; i < n; i++) {
        redis_request_arg(view->transport, fields[i].name);
        redis_request_arg(view->transport, fields[i].value);
    }
}

int view_exchange(RedisView *view, size_t n, char *text) {
    while (view->n_held_alloc < view->n_held + n) {
        int r = array_reserve(&view->held, &view->n_held_alloc, view->n_held_alloc, sizeof(redisReply *));
        if (r)
            return r;
    }
    int r = redis_transport_exchange(view->transport, n, view->held + view->n_held, text);
    if (!r)
        view->n_held += n;
    for (size_t i = view->n_held - (r ? 0 : n); i < view->n_held && !r; i++)
        r = redis_reply_check(view->transport, view->held[i], text);
    return r;
}

void view_new_token(RedisView *view, char token[static VIEW_TOKEN_SIZE]) {
    snprintf(token, VIEW_TOKEN_SIZE, "%s%" PRIu64, view->token_prefix, ++view->n_tokens);
}

void redis_view_join(RedisView *view, const RedisView *other) {
    memcpy(view->token_prefix, other->token_prefix, sizeof(view->token_prefix));
    view->n_tokens = other->n_tokens + (UINT64_C(1) << 63); /* no token is ever the other's, too */
}

bool view_parse_integer(Str s, int64_t *ret) {
    size_t i = s.len && s.data[0] == '-';
    if (i == s.len)
        return false;
    int64_t value = 0;
    for (; i < s.len; i++) {
        /* Counted downwards: INT64_MIN has no counterpart. */
        if (s.data[i] < '0' || s.data[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
                __builtin_sub_overflow(value, s.data[i] - '0', &value))
            return false;
    }
    if (s.data[0] != '-' && __builtin_sub_overflow((int64_t)0, value, &value))
        return false;
    *ret = value;
    return true;
}

int view_unexpected(RedisView *view, int32_t shard, char *text) {
    snprintf(text, REDIS_TEXT_SIZE, VIEW_META_FMT " holds what scored has not written there",
            VIEW_META_ARG(view, shard));
    return VIEW_E_REFUSED;
}

/* ---- connection, policy, info ---- */

int redis_view_connect(RedisView *view, char *text) {
    return view_begin_slot(view, view->info_slot, text);
}

Str view_info_value(Str info, const char *name) {
    size_t name_len = strlen(name);
    for (size_t i = 0; i < info.len;) {
        const char *line = info.data + i;
        const char *end = memchr(line, '\n', info.len - i);
        size_t len = end ? (size_t)(end - line) : info.len - i;
        i += len + 1;
        if (len && line[len - 1] == '\r')
            len--;
        if (len > name_len && memcmp(line, name, name_len) == 0 && line[name_len] == ':')
            return (Str){line + name_len + 1, len - name_len - 1};
    }
    return STR_NULL;
}

/* Of the server that has the slot. */
static int check_policy(RedisView *view, unsigned slot, const void *context, char *text) {
    (void)context;
    char address[REDIS_ADDRESS_SIZE];
    int r = view_begin_slot(view, slot, text);
    if (r)
        return r;
    /* Not by CONFIG GET, which managed services forbid. */
    redis_request(view->transport, "INFO", "memory");
    r = view_exchange(view, 1, text);
    if (r)
        return r;

    Str policy = view_info_value(view_reply_str(view_last_reply(view)), "maxmemory_policy");
    if (str_eq_c(policy, "noeviction"))
        return 0;
    redis_transport_print(view->transport, address);
    snprintf(text, REDIS_TEXT_SIZE,
            "Redis at %s may evict keys (maxmemory-policy %.*s), and would lose leads unnoticed; set "
            "\"maxmemory-policy noeviction\" in its configuration",
            address, (int)earliest((int64_t)policy.len, 40), str_is_null(policy) ? "unknown" : policy.data);
    return VIEW_E_REFUSED;
}

void view_request_server_key(RedisView *view, unsigned slot, const char *name) {
    char tag[SHARD_TAG_SIZE];
    shard_tag((int32_t)slot, SHARDS_MAX, tag); /* with so many shards each slot is one */
    const char *pieces[] = {view->config->redis_prefix, ":{", tag, "}:", name};
    size_t len = 0;
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
        len += strlen(pieces[i]);
    redis_request_arg_begin(view->transport, len);
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
        redis_request_arg_piece(view->transport, str_from(pieces[i]));
    redis_request_arg_end(view->transport);
}

static int try_write(RedisView *view, unsigned slot, const void *context, char *text) {
    (void)context;
    int r = view_begin_slot(view, slot, text);
    if (r)
        return r;
    RedisTransport *t = view->transport;
    const redisReply *reply;
    redis_request(t, "MULTI");
    redis_request_command(t, 5);
    redis_request_arg(t, STR_LITERAL("SET"));
    view_request_server_key(view, slot, "check");
    redis_request_arg(t, STR_LITERAL(""));
    redis_request_arg(t, STR_LITERAL("PX"));
    redis_request_arg(t, STR_LITERAL("1000"));
    redis_request_command(t, 2);
    redis_request_arg(t, STR_LITERAL("DEL"));
    view_request_server_key(view, slot, "check");
    return view_transact(view, 2, &reply, text);
}

int view_ask_each(RedisView *view, int (*ask)(RedisView *view, unsigned slot, const void *context, char *text), const void *context, char *text) {
    int r = redis_view_connect(view, text);
    for (size_t i = 0; !r && i < redis_transport_servers(view->transport); i++) {
        int slot = redis_transport_slot_of(view->transport, i);
        if (slot >= 0)
            r = ask(view, (unsigned)slot, context, text);
    }
    return r;
}

int redis_view_check(RedisView *view, char *text) {
    return view_ask_each(view, check_policy, NULL, text);
}

int redis_view_check_server(RedisView *view, const RedisServer *server, char *text) {
    return check_policy(view, server->slot, NULL, text);
}

int redis_view_try_write(RedisView *view, char *text) {
    return view_ask_each(view, try_write, NULL, text);
}

int redis_view_try_write_server(RedisView *view, const RedisServer *server, char *text) {
    return try_write(view, server->slot, NULL, text);
}

int view_check_exec(const RedisView *view, const redisReply *reply, size_t n_commands, char *text) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != n_commands) {
        snprintf(text, REDIS_TEXT_SIZE, "unexpected answer of Redis to EXEC");
        return VIEW_E_REFUSED;
    }
    int r = 0;
    for (size_t i = 0; i < n_commands && !r; i++)
        r = redis_reply_check(view->transport, reply->element[i], text);
    return r;
}

int view_transact(RedisView *view, size_t n_commands, const redisReply **ret, char *text) {
    redis_request(view->transport, "EXEC");
    int r = view_exchange(view, n_commands + 2, text);
    if (r)
        return r;
    *ret = view_last_reply(view);
    return view_check_exec(view, *ret, n_commands, text);
}

void view_stop_watching(RedisView *view, int32_t shard) {
    char text[REDIS_TEXT_SIZE];
    (void)redis_transport_pin(view->transport, true);
    int r = view_begin(view, shard, text);
    if (r)
        return; /* the connection is gone, and the watch with it */
    redis_request(view->transport, "MULTI");
    redis_request(view->transport, "EXEC");
    r = view_exchange(view, 2, text);
    (void)r; /* performed or not: it ends the watch */
}

int redis_view_set_info(RedisView *view, const ViewField *fields, size_t n, char *text) {
    RedisTransport *t = view->transport;
    int r = redis_view_connect(view, text);
    if (r)
        return r;
    redis_request(t, "MULTI");
    redis_request(t, "DEL", view->info_key.data);
    if (n) {
        redis_request_command(t, 2 + 2 * n);
        redis_request_arg(t, STR_LITERAL("HSET"));
        redis_request_arg(t, view->info_key);
        view_request_fields(view, fields, n);
    }
    const redisReply *reply;
    return view_transact(view, n ? 2 : 1, &reply, text);
}

/* ---- meta ---- */

void view_request_meta(RedisView *view, int32_t shard) {
    static const char *const names[] = {
            [META_MODE] = "mode",
            [META_LINEAGE] = "lineage",
            [META_BNO] = "bno",
            [META_NEXT] = "next",
            [META_WATERMARK] = "watermark",
            [META_UPDATED_AT] = "updated_at",
            [META_APPLYING] = "applying",
            [META_HASHES] = "hashes",
            [META_BOARDS] = "boards",
    };
    static_assert(ARRAY_SIZE(names) == _META_FIELD_MAX, "a name for each field");
    redis_request_command(view->transport, 2 + ARRAY_SIZE(names));
    redis_request_arg(view->transport, STR_LITERAL("HMGET"));
    view_request_key(view, shard, "meta", STR_NULL);
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        redis_request_arg(view->transport, str_from(names[i]));
}

static bool parse_mode(Str mode, ViewMode *ret) {
    if (!str_eq_c(mode, "live") && !str_eq_c(mode, "rebuilding"))
        return false;
    *ret = str_eq_c(mode, "live") ? VIEW_LIVE : VIEW_REBUILDING;
    return true;
}

/* A time that is not known is an empty or a missing field. */
static bool parse_time(Str s, int64_t unknown, int64_t *ret) {
    *ret = unknown;
    return s.len == 0 || view_parse_integer(s, ret);
}

int view_parse_meta(RedisView *view, int32_t shard, const redisReply *reply, char *text, ViewMeta *ret) {
    ViewMeta meta = {.mode = VIEW_ABSENT};
    Str field[_META_FIELD_MAX];
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != ARRAY_SIZE(field))
        return view_unexpected(view, shard, text);
    for (size_t i = 0; i < ARRAY_SIZE(field); i++)
        field[i] = view_reply_str(reply->element[i]);
    if (str_is_null(field[META_MODE])) {
        *ret = meta;
        return 0;
    }

    if (!parse_mode(field[META_MODE], &meta.mode) || field[META_LINEAGE].len >= VIEW_LINEAGE_SIZE ||
            !view_parse_integer(field[META_BNO], &meta.bno) || !view_parse_integer(field[META_NEXT], &meta.next_offset) ||
            !parse_time(field[META_WATERMARK], TIME_NONE, &meta.watermark_ms) ||
            !parse_time(field[META_UPDATED_AT], 0, &meta.updated_at_ms))
        return view_unexpected(view, shard, text);
    if (field[META_LINEAGE].len)
        memcpy(meta.lineage, field[META_LINEAGE].data, field[META_LINEAGE].len);
    /* Its keys are not all dropped yet: the dropping was cut off and must be done again. */
    if (meta.next_offset < 0)
        meta.mode = VIEW_ABSENT;
    meta.is_torn = meta.mode == VIEW_LIVE && !str_is_null(field[META_APPLYING]) &&
                   !str_starts_with(field[META_APPLYING], view->token_prefix);
    if (!str_is_null(field[META_HASHES]))
        meta.hashes = str_starts_with(field[META_BOARDS], VIEW_NO_HASHES) ? VIEW_HASHES_NONE : VIEW_HASHES_SOME;
    *ret = meta;
    return 0;
}

int redis_view_meta(RedisView *view, int32_t shard, char *text, ViewMeta *ret) {
    int r = view_begin(view, shard, text);
    if (r)
        return r;
    view_request_meta(view, shard);
    r = view_exchange(view, 1, text);
    return r ? r : view_parse_meta(view, shard, view_last_reply(view), text, ret);
}

/* ---- reading records and moments ---- */

/* What a read demands of the shard. */
typedef struct Demand {
    int32_t shard;
    const char *lineage;
    int64_t min_bno, max_bno;
    EntityKind kind;
} Demand;

static int judge(RedisView *view, const Demand *demand, const ViewMeta *meta, char *text) {
    int32_t shard = demand->shard;
    if (meta->mode == VIEW_ABSENT) {
        snprintf(text, REDIS_TEXT_SIZE, VIEW_META_FMT " does not exist", VIEW_META_ARG(view, shard));
        return VIEW_E_BEHIND;
    }
    if (strcmp(meta->lineage, demand->lineage) != 0) {
        snprintf(text, REDIS_TEXT_SIZE, VIEW_META_FMT " is of lineage %s, expected %s",
                VIEW_META_ARG(view, shard), meta->lineage, demand->lineage);
        return VIEW_E_LINEAGE;
    }
    if (meta->mode != VIEW_LIVE || meta->bno < demand->min_bno) {
        snprintf(text, REDIS_TEXT_SIZE,
                VIEW_META_FMT " is %s at batch %" PRId64 ", expected live at %" PRId64,
                VIEW_META_ARG(view, shard), meta->mode == VIEW_LIVE ? "live" : "rebuilding", meta->bno,
                demand->min_bno);
        return VIEW_E_BEHIND;
    }
    if (meta->bno > demand->max_bno) {
        snprintf(text, REDIS_TEXT_SIZE,
                VIEW_META_FMT " is at batch %" PRId64 ", expected %" PRId64 " at most",
                VIEW_META_ARG(view, shard), meta->bno, demand->max_bno);
        return VIEW_E_AHEAD;
    }
    if (meta->is_torn) {
        snprintf(text, REDIS_TEXT_SIZE,
                VIEW_META_FMT " is at batch %" PRId64 ", and somebody has begun to write a later one",
                VIEW_META_ARG(view, shard), meta->bno);
        return VIEW_E_AHEAD;
    }
    return 0;
}

/* Begins a transaction that reads the meta and, by the one command to be appended before read_end(),
 * something else. */
static void read_begin(RedisView *view, int32_t shard) {
    redis_request(view->transport, "MULTI");
    view_request_meta(view, shard);
}

/* Takes the reply to EXEC apart. *ret: the reply to the command, an array of at most `max` elements. */
static int read_reply(RedisView *view, const Demand *demand, const redisReply *reply, size_t max, char *text, ViewMeta *ret_meta,
        const redisReply **ret) {
    int r = view_parse_meta(view, demand->shard, reply->element[0], text, ret_meta);
    if (!r)
        r = judge(view, demand, ret_meta, text);
    if (r)
        return r;
    *ret = reply->element[1];
    if ((*ret)->type != REDIS_REPLY_ARRAY || (*ret)->elements > max)
        return view_unexpected(view, demand->shard, text);
    return 0;
}

static int read_end(RedisView *view, const Demand *demand, size_t max, char *text, ViewMeta *ret_meta,
        const redisReply **ret) {
    const redisReply *reply = NULL;
    int r = view_transact(view, 2, &reply, text);
    return r ? r : read_reply(view, demand, reply, max, text, ret_meta, ret);
}

static void request_records(RedisView *view, const Demand *demand, const Str *ids, size_t n) {
    read_begin(view, demand->shard);
    redis_request_command(view->transport, 1 + n);
    redis_request_arg(view->transport, STR_LITERAL("MGET"));
    for (size_t i = 0; i < n; i++)
        view_request_key(view, demand->shard, view_keys[demand->kind].record, ids[i]);
}

static int take_records(RedisView *view, int32_t shard, const redisReply *reply, size_t n, char *text, Str *values) {
    if (reply->elements != n)
        return view_unexpected(view, shard, text);
    for (size_t i = 0; i < n; i++)
        values[i] = view_reply_str(reply->element[i]);
    return 0;
}

static int fetch_some(RedisView *view, const Demand *demand, const Str *ids, size_t n, char *text,
        int64_t *ret_bno, Str *values) {
    ViewMeta meta;
    const redisReply *reply = NULL;
    request_records(view, demand, ids, n);
    int r = read_end(view, demand, n, text, &meta, &reply);
    if (r)
        return r;
    *ret_bno = meta.bno;
    return take_records(view, demand->shard, reply, n, text, values);
}

int redis_view_fetch(RedisView *view, int32_t shard, const char *lineage, int64_t min_bno, int64_t max_bno,
        EntityKind kind, const Str *ids, size_t n, char *text, Str *values) {
    Demand demand = {shard, lineage, min_bno, max_bno, kind};
    int r = view_begin(view, shard, text);
    for (size_t at = 0; at < n && !r; at += (size_t)VIEW_FETCH_MAX) {
        int64_t bno = 0;
        r = fetch_some(view, &demand, ids + at, MIN((size_t)VIEW_FETCH_MAX, n - at), text, &bno, values + at);
        /* All values are of one batch, as if they had come in one call: nobody else writes in between. */
        demand.min_bno = demand.max_bno = bno;
    }
    return r;
}

/* Replies of one fetch: to MULTI, to the two commands that it queues, and to EXEC. */
#define FETCH_REPLIES 4

static Demand demand_of(const ViewFetch *fetch) {
    return (Demand){fetch->shard, fetch->lineage, fetch->min_bno, fetch->max_bno, fetch->kind};
}

/* The next `n` fetches, of one server. */
static int fetch_together(RedisView *view, ViewFetch *fetches, size_t n, char *text) {
    size_t at = view->n_held;
    for (size_t i = 0; i < n; i++) {
        Demand demand = demand_of(&fetches[i]);
        request_records(view, &demand, fetches[i].ids, fetches[i].n);
        redis_request(view->transport, "EXEC");
    }
    int r = view_exchange(view, n * FETCH_REPLIES, text);
    for (size_t i = 0; i < n && !r; i++) {
        Demand demand = demand_of(&fetches[i]);
        const redisReply *executed = view->held[at + (i + 1) * FETCH_REPLIES - 1], *reply;
        ViewMeta meta;
        r = view_check_exec(view, executed, 2, text);
        if (r)
            return r;
        fetches[i].outcome = read_reply(view, &demand, executed, fetches[i].n, text, &meta, &reply);
        if (!fetches[i].outcome)
            fetches[i].outcome = take_records(view, demand.shard, reply, fetches[i].n, text, fetches[i].values);
    }
    return r;
}

int redis_view_fetch_all(RedisView *view, ViewFetch *fetches, size_t n, char *text) {
    /* A redirect of one would take all others to its node. */
    size_t n_together = redis_transport_is_cluster(view->transport) ? 1 : n;
    int r = 0;
    view_release(view);
    for (size_t at = 0; at < n && !r; at += n_together) {
        r = redis_transport_open(view->transport, shard_slot(fetches[at].shard, view->n_shards), text);
        if (!r)
            r = fetch_together(view, fetches + at, n_together, text);
    }
    return r;
}

static bool parse_score(const RedisView *view, Str s, int64_t *ret) {
    char text[64], *end;
    if (view_parse_integer(s, ret))
        return true;
    /* Newer servers write 1.7e+12. */
    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    double score = strtod_l(text, &end, view->locale);
    if (*end || !(score >= -(double)EXACT_INTEGER_MAX && score <= (double)EXACT_INTEGER_MAX))
        return false;
    *ret = (int64_t)score;
    return true;
}

int redis_view_moments(RedisView *view, int32_t shard, const char *lineage, int64_t min_bno, int64_t max_bno,
        EntityKind kind, int64_t from_ms, size_t max, char *text, ViewMoment *ret, size_t *ret_n) {
    RedisTransport *t = view->transport;
    Demand demand = {shard, lineage, min_bno, max_bno, kind};
    int r = view_begin(view, shard, text);
    if (r)
        return r;
    read_begin(view, shard);
    redis_request_command(t, 8);
    redis_request_arg(t, STR_LITERAL("ZRANGEBYSCORE"));
    view_request_key(view, shard, view_keys[kind].moments, STR_NULL);
    if (from_ms == TIME_NONE)
        redis_request_arg(t, STR_LITERAL("-inf"));
    else
        redis_request_arg_integer(t, MIN(from_ms, EXACT_INTEGER_MAX));
    redis_request_arg(t, STR_LITERAL("+inf"));
    redis_request_arg(t, STR_LITERAL("WITHSCORES"));
    redis_request_arg(t, STR_LITERAL("LIMIT"));
    redis_request_arg(t, STR_LITERAL("0"));
    redis_request_arg_integer(t, (int64_t)max);

    ViewMeta meta;
    const redisReply *reply = NULL;
    r = read_end(view, &demand, 2 * max, text, &meta, &reply);
    if (r)
        return r;
    for (size_t i = 0; i < reply->elements / 2; i++) {
        ret[i].id = view_reply_str(reply->element[2 * i]);
        if (!parse_score(view, view_reply_str(reply->element[2 * i + 1]), &ret[i].moment_ms))
            return view_unexpected(view, shard, text);
    }
    *ret_n = reply->elements / 2;
    return 0;
}
