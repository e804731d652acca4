/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one transaction writes of an entity, one reads: so record, fields, moment and ranks belong together however much is being
 * written meanwhile.
 */
#include "daemon/io/redis/redis_look.h"

#include <math.h>

#include "daemon/io/redis/redis_view_internal.h"

/* Commands of one transaction: about a millisecond of Redis, which serves others besides us. */
#define COMMANDS_MAX ((size_t)1000)
/* Of one entity, beside a rank for each board: its record, hash and moment. */
#define COMMANDS_EACH ((size_t)3)

static size_t commands_of(const RedisView *view, EntityKind kind) {
    return COMMANDS_EACH + view->n_boards[kind];
}

size_t redis_look_max(const RedisView *view, EntityKind kind) {
    return COMMANDS_MAX / commands_of(view, kind);
}

static void request_score(RedisView *view, int32_t shard, const char *set, Str board, Str id) {
    redis_request_command(view->transport, 3);
    redis_request_arg(view->transport, STR_LITERAL("ZSCORE"));
    view_request_key(view, shard, set, board);
    redis_request_arg(view->transport, id);
}

static void request_entity(RedisView *view, int32_t shard, EntityKind kind, Str id) {
    const ViewKeys *keys = &view_keys[kind];
    redis_request_command(view->transport, 2);
    redis_request_arg(view->transport, STR_LITERAL("GET"));
    view_request_key(view, shard, keys->record, id);
    redis_request_command(view->transport, 2);
    redis_request_arg(view->transport, STR_LITERAL("HGETALL"));
    view_request_key(view, shard, keys->hash, id);
    request_score(view, shard, keys->moments, STR_NULL, id);
    for (size_t i = 0; i < view->n_boards[kind]; i++)
        request_score(view, shard, keys->rank, view->boards[kind][i], id);
}

/* False: it is neither a number nor absent. */
static bool read_score(const RedisView *view, const redisReply *reply, double *ret) {
    char text[64], *end;
    Str s = view_reply_str(reply);
    *ret = -INFINITY;
    if (str_is_null(s))
        return reply->type == REDIS_REPLY_NIL;
    if (s.len == 0 || s.len >= sizeof(text))
        return false;
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    *ret = strtod_l(text, &end, view->locale);
    return *end == '\0' && !isnan(*ret);
}

static int read_entity(RedisView *view, int32_t shard, EntityKind kind, redisReply *const *replies, Arena *arena, char *text, ViewLook *ret) {
    const redisReply *hash = replies[1];
    size_t n_boards = view->n_boards[kind];
    ViewField *fields = arena_new_array(arena, ViewField, MAX(hash->elements / 2, (size_t)1));
    double *ranks = arena_new_array(arena, double, MAX(n_boards, (size_t)1));
    if (!fields || !ranks)
        return -ENOMEM;
    if (hash->type != REDIS_REPLY_ARRAY)
        return view_unexpected(view, shard, text);
    for (size_t i = 0; i < hash->elements / 2; i++)
        fields[i] = (ViewField){view_reply_str(hash->element[2 * i]), view_reply_str(hash->element[2 * i + 1])};
    *ret = (ViewLook){.record = view_reply_str(replies[0]), .fields = fields, .n_fields = hash->elements / 2, .ranks = ranks};
    bool good = read_score(view, replies[2], &ret->moment_ms);
    for (size_t i = 0; i < n_boards; i++)
        good = read_score(view, replies[COMMANDS_EACH + i], &ranks[i]) && good;
    return good ? 0 : view_unexpected(view, shard, text);
}

int redis_look(RedisView *view, int32_t shard, EntityKind kind, const Str *ids, size_t n, Arena *arena, char *text, ViewMeta *ret_meta,
        ViewLook *ret) {
    size_t n_each = commands_of(view, kind);
    const redisReply *reply = NULL;
    assert(n <= redis_look_max(view, kind));
    int r = view_begin(view, shard, text);
    if (r)
        return r;
    redis_request(view->transport, "MULTI");
    view_request_meta(view, shard);
    for (size_t i = 0; i < n; i++)
        request_entity(view, shard, kind, ids[i]);
    r = view_transact(view, 1 + n * n_each, &reply, text);
    if (!r)
        r = view_parse_meta(view, shard, reply->element[0], text, ret_meta);
    for (size_t i = 0; i < n && !r; i++)
        r = read_entity(view, shard, kind, reply->element + 1 + i * n_each, arena, text, &ret[i]);
    return r;
}

/* ---- whose there is anything ---- */

static bool take_prefix(Str key, Str base, const char *prefix, Str *ret) {
    Str rest = {key.data + base.len, key.len - base.len};
    if (!str_starts_with(rest, prefix))
        return false;
    *ret = (Str){rest.data + strlen(prefix), rest.len - strlen(prefix)};
    return true;
}

static bool owner_of(Str key, Str base, ViewOwner *ret) {
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++) {
        ret->kind = kind;
        if (take_prefix(key, base, view_keys[kind].record, &ret->id) || take_prefix(key, base, view_keys[kind].hash, &ret->id))
            return true;
    }
    return false;
}

int redis_look_keys(RedisView *view, int32_t shard, ViewScan *scan, Arena *arena, char *text, const ViewOwner **ret,
        size_t *ret_n) {
    const redisReply *keys = NULL;
    int r = view_scan_keys(view, shard, scan, text, &keys);
    if (r)
        return r;
    ViewOwner *owners = arena_new_array(arena, ViewOwner, MAX(keys->elements, (size_t)1));
    if (!owners)
        return -ENOMEM;
    *ret_n = 0;
    for (size_t i = 0; i < keys->elements; i++) {
        Str key = view_reply_str(keys->element[i]);
        *ret_n += key.len > view->bases[shard].len && owner_of(key, view->bases[shard], &owners[*ret_n]);
    }
    *ret = owners;
    return 0;
}

size_t redis_look_sets(const RedisView *view, EntityKind kind) {
    return 1 + view->n_boards[kind];
}

int redis_look_members(RedisView *view, int32_t shard, EntityKind kind, size_t set, ViewScan *scan, Arena *arena,
        char *text, const ViewOwner **ret, size_t *ret_n) {
    RedisTransport *t = view->transport;
    const redisReply *members = NULL;
    assert(set < redis_look_sets(view, kind));
    int r = view_begin(view, shard, text);
    if (r)
        return r;
    redis_request_command(t, 5);
    redis_request_arg(t, STR_LITERAL("ZSCAN"));
    if (set == 0)
        view_request_key(view, shard, view_keys[kind].moments, STR_NULL);
    else
        view_request_key(view, shard, view_keys[kind].rank, view->boards[kind][set - 1]);
    redis_request_arg(t, str_from(scan->cursor));
    redis_request_arg(t, STR_LITERAL("COUNT"));
    redis_request_arg(t, STR_LITERAL(VIEW_SCAN_COUNT));
    r = view_finish_scan(view, shard, scan, text, &members);
    if (r)
        return r;
    ViewOwner *owners = arena_new_array(arena, ViewOwner, MAX(members->elements / 2, (size_t)1));
    if (!owners)
        return -ENOMEM;
    for (size_t i = 0; i < members->elements / 2; i++)
        owners[i] = (ViewOwner){kind, view_reply_str(members->element[2 * i])};
    *ret_n = members->elements / 2;
    *ret = owners;
    return 0;
}
