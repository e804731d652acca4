/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever is behind a connection may be replaced by who knows less: a replica that was behind, a node that a slot was given to by force. So
 * each request stands on its own and says what it expects to find (redis_view_write.c); and where several of them make one whole, they are
 * pinned to one connection.
 */
#include "daemon/io/redis/redis_transport.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/io/redis/redis_cluster.h"
#include "daemon/io/redis/redis_sentinel.h"

/* From node to node: a slot has one, perhaps another one to come, and what was known of it may be old. */
#define REDIRECTS_MAX 5

struct RedisTransport {
    RedisRequest request; /* the first: redis_transport_request() */
    const Config *config;
    int connect_timeout_ms, command_timeout_ms;
    RedisLink *own;            /* the server, or the master; NULL: a cluster */
    RedisSentinels *sentinels; /* NULL: there are none */
    RedisCluster *cluster;     /* NULL: it is none */

    RedisLink *link; /* the present one; NULL: none */
    bool is_pinned;
    uint64_t n_connections;
};
static_assert(offsetof(RedisTransport, request) == 0, "redis_transport_request() takes it there");

/* ---- making ---- */

static int bad_address(const char *address, char *text) {
    snprintf(text, REDIS_TEXT_SIZE, "\"%s\" is no address of a Redis: expected unix:/path or tcp:host:port", address ? address : "");
    return VIEW_E_REFUSED;
}

static int make_links(RedisTransport *t, char *text) {
    const Config *config = t->config;
    RedisLogin login = {.username = config->redis_username, .password_file = config->redis_password_file,
            .database = config->redis_database, .has_tls = config->redis_tls};
    RedisAddress address = {0}; /* not known yet, of a master */
    if (config->redis_cluster.n)
        return redis_cluster_new(config, &login, &t->cluster);
    if (!config->redis_sentinels.n && !redis_address_parse(config->redis_address, &address))
        return bad_address(config->redis_address, text);
    int r = redis_link_new(config, &login, &address, &t->own);
    return r || !config->redis_sentinels.n ? r : redis_sentinels_new(config, &t->sentinels);
}

int redis_transport_new(const Config *config, char *text, RedisTransport **ret) {
    _cleanup_(redis_transport_free) RedisTransport *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->config = config;
    t->connect_timeout_ms = REDIS_CONNECT_TIMEOUT_MS;
    t->command_timeout_ms = REDIS_COMMAND_TIMEOUT_MS;
    int r = make_links(t, text);
    if (r)
        return r;
    *ret = TAKE_PTR(t);
    return 0;
}

RedisTransport *redis_transport_free(RedisTransport *t) {
    if (!t)
        return NULL;
    redis_link_free(t->own);
    redis_sentinels_free(t->sentinels);
    redis_cluster_free(t->cluster);
    request_done(&t->request);
    return free_null(t);
}

void redis_transport_set_timeouts(RedisTransport *t, int connect_timeout_ms, int command_timeout_ms) {
    t->connect_timeout_ms = connect_timeout_ms;
    t->command_timeout_ms = command_timeout_ms;
}

/* ---- the present connection ---- */

/* This one is spoken on now. */
static void use(RedisTransport *t, RedisLink *link) {
    t->link = link;
    if (redis_link_number(link) == 0)
        redis_link_set_number(link, ++t->n_connections);
}

uint64_t redis_transport_connection(const RedisTransport *t) {
    return t->link ? redis_link_number(t->link) : 0;
}

void redis_transport_print(const RedisTransport *t, char ret[static REDIS_ADDRESS_SIZE]) {
    if (t->link)
        redis_address_print(redis_link_address(t->link), ret);
    else
        snprintf(ret, REDIS_ADDRESS_SIZE, "%s", t->config->redis_address);
}

bool redis_transport_pin(RedisTransport *t, bool is_pinned) {
    bool was_pinned = t->is_pinned;
    t->is_pinned = is_pinned;
    return was_pinned;
}

bool redis_transport_is_cluster(const RedisTransport *t) {
    return t->cluster != NULL;
}

size_t redis_transport_servers(const RedisTransport *t) {
    return t->cluster ? redis_cluster_count(t->cluster) : 1;
}

int redis_transport_slot_of(const RedisTransport *t, size_t server) {
    return t->cluster ? redis_cluster_slot_of(t->cluster, server) : 0;
}

void redis_transport_print_server(const RedisTransport *t, size_t server, char ret[static REDIS_ADDRESS_SIZE]) {
    if (t->cluster)
        redis_address_print(redis_cluster_address(t->cluster, server), ret);
    else
        redis_transport_print(t, ret);
}

unsigned redis_transport_unserved(const RedisTransport *t) {
    return t->cluster ? redis_cluster_unserved(t->cluster) : 0;
}

/* ---- opening ---- */

static int open_pinned(RedisTransport *t, char *text) {
    if (t->link && redis_link_is_good(t->link))
        return 0;
    snprintf(text, REDIS_TEXT_SIZE, "the connection to Redis was lost in the middle of several calls");
    return VIEW_E_UNREACHABLE;
}

static int open_master(RedisTransport *t, int64_t deadline_ms, char *text) {
    if (redis_link_is_good(t->own) && !redis_sentinels_tell_another(t->sentinels, t->own))
        return 0;
    redis_link_close(t->own);
    int r = redis_link_may_try(t->own, text);
    return r ? r : redis_sentinels_connect(t->sentinels, t->own, deadline_ms, text);
}

static int open_node(RedisTransport *t, unsigned slot, int64_t deadline_ms, char *text, RedisLink **ret) {
    t->link = NULL; /* it may go when the slots are learnt anew */
    int r = redis_cluster_find(t->cluster, slot, deadline_ms, text, ret);
    if (!r)
        r = redis_link_open(*ret, deadline_ms, text);
    if (r)
        redis_cluster_doubt(t->cluster);
    return r;
}

int redis_transport_open(RedisTransport *t, unsigned slot, char *text) {
    int64_t deadline_ms = clock_monotonic_ms() + t->connect_timeout_ms;
    RedisLink *link = t->own;
    request_reset(&t->request);
    if (t->is_pinned)
        return open_pinned(t, text);
    int r = t->cluster     ? open_node(t, slot, deadline_ms, text, &link)
            : t->sentinels ? open_master(t, deadline_ms, text)
                           : redis_link_open(link, deadline_ms, text);
    if (!r)
        use(t, link);
    return r;
}

int redis_transport_learn(RedisTransport *t, unsigned slot, char *text) {
    if (!t->cluster)
        return redis_transport_open(t, slot, text);
    t->link = NULL;
    return redis_cluster_learn(t->cluster, clock_monotonic_ms() + t->connect_timeout_ms, text);
}

/* ---- exchange ---- */

/* The first error that tells of another node; null: none. Nothing was done then: a transaction in which one is told is given up. */
static Str find_redirect(redisReply *const *replies, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (replies[i]->type == REDIS_REPLY_ERROR &&
                (strncmp(replies[i]->str, "MOVED ", 6) == 0 || strncmp(replies[i]->str, "ASK ", 4) == 0))
            return (Str){replies[i]->str, replies[i]->len};
    return STR_NULL;
}

/* Goes over to where the error says. It holds for the next command, or transaction, of a connection that says so. */
static int follow(RedisTransport *t, Str error, int64_t deadline_ms, char *text) {
    RedisRequest asking = {0};
    RedisLink *link = NULL;
    Redirect redirect;
    int r = redis_cluster_follow(t->cluster, t->link, error, text, &redirect, &link);
    if (r)
        return r;
    if (redirect == REDIRECT_NONE) {
        snprintf(text, REDIS_TEXT_SIZE, "unexpected answer of a Redis Cluster: %.200s", error.data);
        return VIEW_E_UNREACHABLE;
    }
    r = redis_link_open(link, deadline_ms, text);
    if (r)
        return r;
    use(t, link);
    if (redirect == REDIRECT_MOVED)
        return 0;
    _cleanup_(redis_reply_free) redisReply *reply = NULL;
    request_of(&asking, "ASKING");
    r = redis_link_exchange(link, &asking, 1, &reply, deadline_ms, text);
    request_done(&asking);
    return r ? r : redis_reply_check(t, reply, text);
}

static int exchange_in_cluster(RedisTransport *t, size_t n, redisReply **ret, int64_t deadline_ms, char *text) {
    for (int n_redirects = 0;; n_redirects++) {
        int r = redis_link_exchange(t->link, &t->request, n, ret, deadline_ms, text);
        Str error = r ? STR_NULL : find_redirect(ret, n);
        if (!r && str_is_null(error))
            return 0;
        if (!r && (t->is_pinned || n_redirects == REDIRECTS_MAX)) {
            snprintf(text, REDIS_TEXT_SIZE, "the keys have moved to another node: %.200s", error.data);
            r = VIEW_E_UNREACHABLE;
        }
        if (!r)
            r = follow(t, error, deadline_ms, text);
        if (!str_is_null(error))
            redis_replies_free(ret, n);
        if (r) {
            redis_cluster_doubt(t->cluster);
            return r;
        }
    }
}

int redis_transport_exchange(RedisTransport *t, size_t n, redisReply **ret, char *text) {
    int64_t deadline_ms = clock_monotonic_ms() + t->command_timeout_ms;
    int r = t->cluster ? exchange_in_cluster(t, n, ret, deadline_ms, text)
                       : redis_link_exchange(t->link, &t->request, n, ret, deadline_ms, text);
    request_reset(&t->request);
    return r;
}

/* ---- error replies ---- */

int redis_reply_check(RedisTransport *t, const redisReply *reply, char *text) {
    /* On a new connection, perhaps to another server by then, the same call may succeed. */
    static const char *const passing[] = {"LOADING", "READONLY", "MASTERDOWN", "BUSY ", "NOREPLICAS", "UNBLOCKED"};
    /* On the same one as well, once a slot's keys have all arrived. */
    static const char *const of_cluster[] = {"TRYAGAIN", "CLUSTERDOWN"};
    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
        if (strncmp(reply->str, passing[i], strlen(passing[i])) == 0)
            return redis_link_fail(t->link, text, "asking Redis at", reply->str);
    char address[REDIS_ADDRESS_SIZE];
    redis_transport_print(t, address);
    for (size_t i = 0; t->cluster && i < ARRAY_SIZE(of_cluster); i++)
        if (strncmp(reply->str, of_cluster[i], strlen(of_cluster[i])) == 0) {
            redis_cluster_doubt(t->cluster);
            snprintf(text, REDIS_TEXT_SIZE, "asking Redis at %s: %.200s", address, reply->str);
            return VIEW_E_UNREACHABLE;
        }
    snprintf(text, REDIS_TEXT_SIZE, "Redis at %s refuses: %.200s", address, reply->str);
    return VIEW_E_REFUSED;
}
