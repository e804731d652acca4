/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/redis_transport.h"

#include <stdio.h>

#include "daemon/clock.h"

struct RedisTransport {
    RedisRequest request; /* the first: redis_transport_request() */
    const Config *config;
    int connect_timeout_ms, command_timeout_ms;
    RedisLink *link;
};
static_assert(offsetof(RedisTransport, request) == 0, "redis_transport_request() takes it there");

static int bad_address(const char *address, char *text) {
    snprintf(text, REDIS_TEXT_SIZE, "\"%s\" is no address of a Redis: expected unix:/path or tcp:host:port", address ? address : "");
    return VIEW_E_REFUSED;
}

static RedisLogin login_of(const Config *config) {
    return (RedisLogin){
            .username = config->redis_username,
            .password_file = config->redis_password_file,
            .database = config->redis_database,
            .has_tls = config->redis_tls,
    };
}

int redis_transport_new(const Config *config, char *text, RedisTransport **ret) {
    RedisAddress address;
    if (!redis_address_parse(config->redis_address, &address))
        return bad_address(config->redis_address, text);
    _cleanup_(redis_transport_free) RedisTransport *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->config = config;
    t->connect_timeout_ms = REDIS_CONNECT_TIMEOUT_MS;
    t->command_timeout_ms = REDIS_COMMAND_TIMEOUT_MS;
    RedisLogin login = login_of(config);
    int r = redis_link_new(config, &login, &address, &t->link);
    if (r)
        return r;
    *ret = TAKE_PTR(t);
    return 0;
}

RedisTransport *redis_transport_free(RedisTransport *t) {
    if (!t)
        return NULL;
    redis_link_free(t->link);
    request_done(&t->request);
    return free_null(t);
}

void redis_transport_set_timeouts(RedisTransport *t, int connect_timeout_ms, int command_timeout_ms) {
    t->connect_timeout_ms = connect_timeout_ms;
    t->command_timeout_ms = command_timeout_ms;
}

int redis_transport_open(RedisTransport *t, char *text) {
    request_reset(&t->request);
    return redis_link_open(t->link, clock_monotonic_ms() + t->connect_timeout_ms, text);
}

void redis_transport_close(RedisTransport *t) {
    redis_link_close(t->link);
}

bool redis_transport_is_open(const RedisTransport *t) {
    return redis_link_is_open(t->link);
}

uint64_t redis_transport_connections(const RedisTransport *t) {
    return redis_link_connections(t->link);
}

int redis_transport_exchange(RedisTransport *t, size_t n, redisReply **ret, char *text) {
    int r = redis_link_exchange(t->link, &t->request, n, ret, clock_monotonic_ms() + t->command_timeout_ms, text);
    request_reset(&t->request);
    return r;
}

/* ---- error replies ---- */

int redis_reply_check(RedisTransport *t, const redisReply *reply, char *text) {
    /* On a new connection, perhaps to another server by then, the same call may succeed. */
    static const char *const passing[] = {"LOADING", "READONLY", "MASTERDOWN", "BUSY ", "TRYAGAIN",
            "CLUSTERDOWN", "NOREPLICAS", "UNBLOCKED"};
    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
        if (strncmp(reply->str, passing[i], strlen(passing[i])) == 0)
            return redis_link_fail(t->link, text, "asking Redis at", reply->str);
    snprintf(text, REDIS_TEXT_SIZE, "Redis at %s refuses: %s", t->config->redis_address, reply->str);
    return VIEW_E_REFUSED;
}
