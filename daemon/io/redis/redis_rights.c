/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a user may call a command is judged before the command is carried out. So each is called such that, if it may be called, it fails,
 * or finds nothing: nothing is written, and nothing is left behind.
 */
#include "daemon/io/redis/redis_view_internal.h"

#define ARGS_MAX 6

/* In arguments: a key of our own that is never there. */
#define KEY "KEY"

/* README, "Redis's rights", but for what has been needed to come here, and CLIENT SETNAME, which is a courtesy. */
static const struct {
    const char *name; /* as a user's rule has it */
    RedisRightUse use;
    const char *args[ARGS_MAX + 1];
} commands[] = {
        {"function|load", REDIS_RIGHT_OF_READERS, {"FUNCTION", "LOAD", "no library"}},
        {"fcall_ro", REDIS_RIGHT_OF_READERS, {"FCALL_RO", "no function", "0"}},
        {"watch", REDIS_RIGHT_NEEDED, {"WATCH", KEY}},
        {"get", REDIS_RIGHT_NEEDED, {"GET", KEY}},
        {"mget", REDIS_RIGHT_NEEDED, {"MGET", KEY}},
        {"mset", REDIS_RIGHT_NEEDED, {"MSET", KEY, "", KEY}},
        {"set", REDIS_RIGHT_NEEDED, {"SET", KEY, "", "no option"}},
        {"del", REDIS_RIGHT_NEEDED, {"DEL", KEY}},
        {"unlink", REDIS_RIGHT_NEEDED, {"UNLINK", KEY}},
        {"hget", REDIS_RIGHT_NEEDED, {"HGET", KEY, ""}},
        {"hmget", REDIS_RIGHT_NEEDED, {"HMGET", KEY, ""}},
        {"hgetall", REDIS_RIGHT_NEEDED, {"HGETALL", KEY}},
        {"hset", REDIS_RIGHT_NEEDED, {"HSET", KEY, "", "", "no value follows"}},
        {"hdel", REDIS_RIGHT_NEEDED, {"HDEL", KEY, ""}},
        {"zadd", REDIS_RIGHT_NEEDED, {"ZADD", KEY, "no number", ""}},
        {"zrem", REDIS_RIGHT_NEEDED, {"ZREM", KEY, ""}},
        {"zscore", REDIS_RIGHT_NEEDED, {"ZSCORE", KEY, ""}},
        {"zrange", REDIS_RIGHT_OF_BOARD, {"ZRANGE", KEY, "0", "0"}},
        {"zrevrange", REDIS_RIGHT_OF_BOARD, {"ZREVRANGE", KEY, "0", "0"}},
        {"zrangebyscore", REDIS_RIGHT_NEEDED, {"ZRANGEBYSCORE", KEY, "0", "0"}},
        {"zscan", REDIS_RIGHT_NEEDED, {"ZSCAN", KEY, "0"}},
        {"scan", REDIS_RIGHT_NEEDED, {"SCAN", "0", "COUNT", "1"}},
        {"multi", REDIS_RIGHT_NEEDED, {"MULTI"}},
        {"exec", REDIS_RIGHT_NEEDED, {"EXEC"}}, /* the last: it ends both */
};
static_assert(ARRAY_SIZE(commands) <= REDIS_RIGHTS_MAX, "there is room for all");

static void request_probe(RedisView *view, unsigned slot, const char *const args[ARGS_MAX + 1]) {
    size_t n = 0;
    while (args[n])
        n++;
    redis_request_command(view->transport, n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(args[i], KEY) == 0)
            view_request_server_key(view, slot, "check");
        else
            redis_request_arg(view->transport, str_from(args[i]));
    }
}

/* "NOPERM … has no permissions to run the 'zadd' command", or "… to access one of the keys used as arguments"; of EXEC behind other words. */
static void note_denied(const redisReply *reply, size_t command, RedisRights *rights) {
    if (reply->type != REDIS_REPLY_ERROR || !strstr(reply->str, "NOPERM"))
        return;
    RedisRightUse use = commands[command].use;
    if (strstr(reply->str, " key"))
        rights->lacks_keys = true;
    else
        rights->missing[use][rights->n_missing[use]++] = commands[command].name;
}

int redis_view_rights(RedisView *view, const RedisServer *server, char *text, RedisRights *ret) {
    RedisTransport *t = view->transport;
    redisReply *replies[ARRAY_SIZE(commands) + 1] = {NULL};
    bool is_cluster = redis_transport_is_cluster(t);
    size_t n = 0;
    int r = view_begin_slot(view, server->slot, text);
    if (r)
        return r;
    if (is_cluster)
        redis_request(t, "ASKING");
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        request_probe(view, server->slot, commands[i].args);
    r = redis_transport_exchange(t, ARRAY_SIZE(commands) + is_cluster, replies, text);
    if (r)
        return r;
    *ret = (RedisRights){0};
    if (is_cluster && replies[n++]->type == REDIS_REPLY_ERROR)
        ret->missing[REDIS_RIGHT_NEEDED][ret->n_missing[REDIS_RIGHT_NEEDED]++] = "asking";
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        note_denied(replies[n + i], i, ret);
    redis_replies_free(replies, ARRAY_SIZE(commands) + is_cluster);
    return 0;
}
