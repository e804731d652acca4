#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files share that make up a view: redis_view.c, redis_view_write.c, redis_view_drop.c, and others that ask by it. */
#include <locale.h>

#include "daemon/io/redis/redis_transport.h"
#include "daemon/io/redis/redis_view.h"
#include "daemon/io/redis/shard_tag.h"
#include "lib/base/siphash.h"

/* Beyond it a double, which a moment is in a sorted set, skips integers. */
#define EXACT_INTEGER_MAX (INT64_C(1) << 53)
#define VIEW_TOKEN_SIZE 40 /* token_prefix and a number */
/* What the list of a shard's boards begins with if its leads and accounts have no hashes: no board is called so. */
#define VIEW_NO_HASHES "hashes:none"

struct RedisView {
    const Config *config;
    RedisTransport *transport;
    Str info_key;
    unsigned info_slot;

    int32_t n_shards;
    Str *bases; /* by shard: what its keys begin with, P:{T}: */

    Str *boards[_ENTITY_KIND_MAX]; /* their names */
    size_t n_boards[_ENTITY_KIND_MAX];
    /* The names, each followed by a newline; those of accounts' boards with `account-rank:` before them, VIEW_NO_HASHES before all. */
    Str board_list;

    char token_prefix[18]; /* 16 random hexadecimal digits and a dash: what makes a token ours */
    uint64_t n_tokens;
    SipKey hash_key; /* random, for hashing ids: they are chosen by others */
    locale_t locale; /* a number's point is a point, whatever the process's locale says */

    redisReply **held; /* what was lent out, until the next call */
    size_t n_held, n_held_alloc;
};

/* What the keys of one kind of entity are called behind the shard's base. */
typedef struct ViewKeys {
    const char *record, *hash; /* followed by an id */
    const char *moments;
    const char *rank; /* followed by a board's name */
} ViewKeys;
static const ViewKeys view_keys[] = {
        [ENTITY_LEAD] = {"record:", "lead:", "moments", "rank:"},
        [ENTITY_ACCOUNT] = {"account-record:", "account:", "account-moments", "account-rank:"},
};
static_assert(ARRAY_SIZE(view_keys) == _ENTITY_KIND_MAX, "keys for each kind");

/* Begins a public call about a shard, or about keys of a slot: takes back what was lent, makes sure of a connection. */
MUST_CHECK int view_begin(RedisView *view, int32_t shard, char *text);
MUST_CHECK int view_begin_slot(RedisView *view, unsigned slot, char *text);
/* Asks each server that has a part of the keys, by a slot of its. */
MUST_CHECK int view_ask_each(
        RedisView *view, int (*ask)(RedisView *view, unsigned slot, const void *context, char *text), const void *context, char *text);
/* Appends the key <base><kind><id> of the shard to the request. */
void view_request_key(RedisView *view, int32_t shard, const char *kind, Str id);
/* Appends the pairs of field and value. */
void view_request_fields(RedisView *view, const ViewField *fields, size_t n);
/* The key P:{tag}:<name>, of its own for each server, of whose slots the given one is. */
void view_request_server_key(RedisView *view, unsigned slot, const char *name);
/* Sends the request, checks its `n` replies for errors and keeps them until the next call, at
 * view->held[n_held - n …]. */
MUST_CHECK int view_exchange(RedisView *view, size_t n, char *text);
static inline const redisReply *view_last_reply(const RedisView *view) {
    return view->held[view->n_held - 1];
}

/* Takes back what was lent. */
void view_release(RedisView *view);
/* The reply to EXEC, of so many commands that did not fail. */
MUST_CHECK int view_check_exec(const RedisView *view, const redisReply *reply, size_t n_commands, char *text);
/* Ends a transaction of so many commands, whose replies are one: that of EXEC. */
MUST_CHECK int view_transact(RedisView *view, size_t n_commands, const redisReply **ret, char *text);

/* Appends a watch on the shard's meta: the next transaction on this connection is not performed if that has changed. */
void view_request_watch(RedisView *view, int32_t shard);
/* Ends it, on the connection that is pinned from then on, if that is still there: else it has ended with it. */
void view_stop_watching(RedisView *view, int32_t shard);

/* Fields of the meta, in the order in which they are asked for. */
typedef enum MetaField {
    META_MODE,
    META_LINEAGE,
    META_BNO,
    META_NEXT,
    META_WATERMARK,
    META_UPDATED_AT,
    META_APPLYING,
    META_HASHES,
    META_BOARDS,
    _META_FIELD_MAX,
} MetaField;
/* Appends the question for the shard's meta, and takes its reply apart: an array of those. */
void view_request_meta(RedisView *view, int32_t shard);
MUST_CHECK int view_parse_meta(RedisView *view, int32_t shard, const redisReply *reply, char *text, ViewMeta *ret);
/* Keys that one step of a SCAN goes through. */
#define VIEW_SCAN_COUNT "1000"
/*
 * One step of a scan. The elements are lent until the next public call. The first scans the shard's keys; the second reads the answer to a SCAN
 * or ZSCAN that was requested. VIEW_E_UNREACHABLE also if there was another connection since the scan began: it is to be begun again.
 */
MUST_CHECK int view_scan_keys(RedisView *view, int32_t shard, ViewScan *scan, char *text, const redisReply **ret);
MUST_CHECK int view_finish_scan(RedisView *view, int32_t shard, ViewScan *scan, char *text, const redisReply **ret);

/* A token that no other writer has, nor this one had before. */
void view_new_token(RedisView *view, char token[static VIEW_TOKEN_SIZE]);

static inline Str view_reply_str(const redisReply *reply) {
    bool is_text = reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS;
    return is_text ? (Str){reply->str, reply->len} : STR_NULL;
}
/* A reply that no Redis gives, or a meta that we have not written: VIEW_E_REFUSED. */
MUST_CHECK int view_unexpected(RedisView *view, int32_t shard, char *text);
/* The value of `name` in the lines of INFO; null if it is not there. */
Str view_info_value(Str info, const char *name);
/* A decimal number in full; false: it is not one. */
MUST_CHECK bool view_parse_integer(Str s, int64_t *ret);
/* The meta's key, for texts. */
#define VIEW_META_FMT "%.*smeta"
#define VIEW_META_ARG(view, shard) STR_FMT((view)->bases[shard])
