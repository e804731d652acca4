/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dropping a shard, step by step; and going through its keys. Each step is performed only if the token that stands in the meta since the first
 * one is still ours: see redis_view_write.c.
 */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/io/redis/redis_view_internal.h"

typedef struct DropStep {
    int32_t shard;
    const char *token;
    const redisReply *keys; /* that SCAN gave; the meta, if it is among them, goes on standing for the shard */
} DropStep;

static int written_by_others(const RedisView *view, int32_t shard, char *text) {
    snprintf(text, REDIS_TEXT_SIZE, VIEW_META_FMT ": somebody else has written to the shard while it was dropped", VIEW_META_ARG(view, shard));
    return VIEW_E_AHEAD;
}

static bool is_meta_key(const RedisView *view, int32_t shard, Str key) {
    Str base = view->bases[shard];
    return key.len == base.len + 4 && memcmp(key.data + base.len, "meta", 4) == 0;
}

/* Has nobody else written to the shard since? The answer holds until the next transaction, which is not performed if it does not. */
static int watch_token(RedisView *view, const DropStep *step, char *text) {
    int r = view_begin(view, step->shard, text);
    if (r)
        return r;
    view_request_watch(view, step->shard);
    redis_request_command(view->transport, 3);
    redis_request_arg(view->transport, STR_LITERAL("HGET"));
    view_request_key(view, step->shard, "meta", STR_NULL);
    redis_request_arg(view->transport, STR_LITERAL("applying"));
    r = view_exchange(view, 2, text);
    if (r || str_eq_c(view_reply_str(view_last_reply(view)), step->token))
        return r;
    return written_by_others(view, step->shard, text);
}

static int end_transaction(RedisView *view, int32_t shard, size_t n_commands, char *text) {
    redis_request(view->transport, "EXEC");
    int r = view_exchange(view, n_commands + 2, text);
    if (r)
        return r;
    if (view_last_reply(view)->type == REDIS_REPLY_NIL)
        return written_by_others(view, shard, text);
    return view_check_exec(view, view_last_reply(view), n_commands, text);
}

static int unlink_keys(RedisView *view, const DropStep *step, char *text) {
    size_t n_keys = 0;
    for (size_t i = 0; i < step->keys->elements; i++)
        n_keys += !is_meta_key(view, step->shard, view_reply_str(step->keys->element[i]));
    if (n_keys == 0)
        return 0;
    redis_request(view->transport, "MULTI");
    redis_request_command(view->transport, 1 + n_keys);
    redis_request_arg(view->transport, STR_LITERAL("UNLINK"));
    for (size_t i = 0; i < step->keys->elements; i++) {
        Str key = view_reply_str(step->keys->element[i]);
        if (!is_meta_key(view, step->shard, key))
            redis_request_arg(view->transport, key);
    }
    return end_transaction(view, step->shard, 1, text);
}

/* Of a shard that is being dropped `next` is -1, so that no chunk fits it, until all is gone. */
static int end_drop(RedisView *view, const DropStep *step, char *text) {
    int r = watch_token(view, step, text);
    if (r)
        return r;
    redis_request(view->transport, "MULTI");
    redis_request_command(view->transport, 4);
    redis_request_arg(view->transport, STR_LITERAL("HSET"));
    view_request_key(view, step->shard, "meta", STR_NULL);
    redis_request_arg(view->transport, STR_LITERAL("next"));
    redis_request_arg(view->transport, STR_LITERAL("0"));
    redis_request_command(view->transport, 3);
    redis_request_arg(view->transport, STR_LITERAL("HDEL"));
    view_request_key(view, step->shard, "meta", STR_NULL);
    redis_request_arg(view->transport, STR_LITERAL("applying"));
    return end_transaction(view, step->shard, 2, text);
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

static int drop_step(RedisView *view, const DropStep *step, ViewScan *scan, char *text) {
    DropStep next = *step;
    int r = watch_token(view, step, text);
    if (!r)
        r = view_scan_keys(view, step->shard, scan, text, &next.keys);
    return r ? r : unlink_keys(view, &next, text);
}

/* Whose connection is lost on the way, or whose shard is moving, has dropped it by half, and does it again. */
int redis_view_drop(RedisView *view, int32_t shard, const char *lineage, int64_t now_ms, char *text) {
    char token[VIEW_TOKEN_SIZE];
    ViewScan scan = VIEW_SCAN_BEGIN;
    DropStep step = {.shard = shard, .token = token};
    view_new_token(view, token);
    int r = view_begin(view, shard, text);
    if (!r)
        r = begin_drop(view, shard, lineage, now_ms, token, text);
    (void)redis_transport_pin(view->transport, true);
    while (!r && !view_scan_is_through(&scan))
        r = drop_step(view, &step, &scan, text);
    if (!r)
        r = end_drop(view, &step, text);
    if (r)
        view_stop_watching(view, shard);
    (void)redis_transport_pin(view->transport, false);
    return r;
}
