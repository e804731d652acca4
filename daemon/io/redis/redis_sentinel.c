/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sentinel is asked for the master and for news of it in one request, so that nothing can happen in between unnoticed.
 *
 * One that is cut off from the others names a master that is none any more. That one says so itself, unless it is cut off, too; what is
 * written there is lost then, as it would have been a moment before the failover, and the view is caught up after it.
 */
#include "daemon/io/redis/redis_sentinel.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/base/random.h"
#include "daemon/io/net/backoff.h"

/* One that does not answer shall not take all the time that there is. */
#define ASK_TIMEOUT_MS 500
/* How often another one is looked for while the master is well. */
#define LISTEN_LEAST_MS 500
#define LISTEN_MOST_MS 10000

struct RedisSentinels {
    const Config *config;
    RedisLink *links[CONFIG_REDIS_HOSTS_MAX];
    size_t n;
    size_t at; /* who is listened to, or asked first */
    RetryGate gate; /* for one to listen to */
};

int redis_sentinels_new(const Config *config, RedisSentinels **ret) {
    RedisLogin login = {.username = config->redis_sentinel_username, .password_file = config->redis_sentinel_password_file,
            .has_tls = config->redis_sentinel_tls};
    RedisSentinels *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->config = config;
    s->gate.backoff = (Backoff){.least_ms = LISTEN_LEAST_MS, .most_ms = LISTEN_MOST_MS};
    int r = 0;
    for (; s->n < config->redis_sentinels.n && !r; s->n += !r) {
        RedisAddress address;
        bool is_good = redis_address_parse_host(str_from(config->redis_sentinels.hosts[s->n]), &address);
        assert(is_good && "the configuration has been checked");
        r = is_good ? redis_link_new(config, &login, &address, &s->links[s->n]) : -EINVAL;
    }
    if (r)
        redis_sentinels_free(s);
    else
        *ret = s;
    return r;
}

RedisSentinels *redis_sentinels_free(RedisSentinels *s) {
    if (!s)
        return NULL;
    for (size_t i = 0; i < s->n; i++)
        redis_link_free(s->links[i]);
    return free_null(s);
}

/* ---- asking ---- */

/* What the sentinel at the link has answered; it is listened to afterwards. */
static int read_master(const RedisSentinels *s, RedisLink *link, redisReply *const replies[2], char *text, RedisAddress *ret) {
    static const char doing[] = "asking the sentinel at";
    const redisReply *pair = replies[0];
    char why[300];
    for (size_t i = 0; i < 2; i++)
        if (replies[i]->type == REDIS_REPLY_ERROR)
            return redis_link_fail(link, text, doing, replies[i]->str);
    if (pair->type == REDIS_REPLY_NIL) {
        snprintf(why, sizeof(why), "it knows no master \"%.200s\"", s->config->redis_master);
        return redis_link_fail(link, text, doing, why);
    }
    if (pair->type != REDIS_REPLY_ARRAY || pair->elements != 2 || pair->element[0]->type != REDIS_REPLY_STRING ||
            pair->element[1]->type != REDIS_REPLY_STRING ||
            !redis_address_make((Str){pair->element[0]->str, pair->element[0]->len}, (Str){pair->element[1]->str, pair->element[1]->len}, ret))
        return redis_link_fail(link, text, doing, "it is none");
    return 0;
}

static int ask_one(const RedisSentinels *s, RedisLink *link, int64_t deadline_ms, char *text, RedisAddress *ret) {
    redisReply *replies[2] = {NULL, NULL};
    RedisRequest request = {0};
    redis_link_close(link); /* a connection that listens takes no questions */
    int r = redis_link_open(link, deadline_ms, text);
    if (r)
        return r;
    request_of(&request, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", s->config->redis_master);
    request_of(&request, "SUBSCRIBE", "+switch-master");
    r = redis_link_exchange(link, &request, 2, replies, deadline_ms, text);
    request_done(&request);
    if (!r)
        r = read_master(s, link, replies, text, ret);
    redis_replies_free(replies, 2);
    return r;
}

/* One after the other, beginning with the one that answered last. */
static int ask_any(RedisSentinels *s, int64_t deadline_ms, char *text, RedisAddress *ret) {
    int r = VIEW_E_UNREACHABLE;
    for (size_t i = 0; i < s->n && (i == 0 || clock_monotonic_ms() < deadline_ms); i++) {
        r = ask_one(s, s->links[s->at], earliest(deadline_ms, clock_monotonic_ms() + ASK_TIMEOUT_MS), text, ret);
        if (r <= 0)
            return r;
        s->at = (s->at + 1) % s->n;
    }
    return r;
}

/* ---- the master ---- */

/* By INFO, which is asked for memory's policy, too: so no further right is needed. */
static int check_role(RedisLink *link, int64_t deadline_ms, char *text) {
    _cleanup_(redis_reply_free) redisReply *reply = NULL;
    RedisRequest request = {0};
    request_of(&request, "INFO", "replication");
    int r = redis_link_exchange(link, &request, 1, &reply, deadline_ms, text);
    request_done(&request);
    if (r)
        return r;
    if (reply->type == REDIS_REPLY_ERROR)
        return redis_link_fail(link, text, "asking for the role of Redis at", reply->str);
    if (reply->type == REDIS_REPLY_STRING && strstr(reply->str, "role:master"))
        return 0;
    return redis_link_fail(link, text, "following the sentinels to Redis at", "it is no master");
}

int redis_sentinels_connect(RedisSentinels *s, RedisLink *link, int64_t deadline_ms, char *text) {
    RedisAddress master;
    int r = ask_any(s, deadline_ms, text, &master);
    if (r) {
        redis_link_close(link);
        return r;
    }
    redis_link_set_address(link, &master);
    r = redis_link_open(link, deadline_ms, text);
    if (!r)
        r = check_role(link, deadline_ms, text);
    /* The next to be asked is another one: this one may be who is wrong. */
    if (r > 0)
        s->at = (s->at + 1) % s->n;
    return r;
}

/* ---- news ---- */

/* A message [message, channel, "NAME OLD-IP OLD-PORT NEW-IP NEW-PORT"] about our master. */
static bool is_switch(const RedisSentinels *s, const redisReply *message) {
    if (message->type != REDIS_REPLY_ARRAY || message->elements != 3 || message->element[2]->type != REDIS_REPLY_STRING)
        return false;
    Str text = {message->element[2]->str, message->element[2]->len};
    size_t len = strlen(s->config->redis_master);
    return text.len > len && text.data[len] == ' ' && str_starts_with(text, s->config->redis_master);
}

static bool has_switched(const RedisSentinels *s, RedisLink *link) {
    bool found = false;
    for (;;) {
        _cleanup_(redis_reply_free) redisReply *message = NULL;
        int r = redis_link_is_open(link) ? redis_link_receive(link, &message) : 0;
        if (r || !message)
            return found;
        found |= is_switch(s, message);
    }
}

/* Another one to listen to; as it is asked, too, nothing is missed. */
static bool look_elsewhere(RedisSentinels *s, const RedisLink *link) {
    int64_t now_ms = clock_monotonic_ms();
    char text[REDIS_TEXT_SIZE];
    RedisAddress master;
    uint32_t lot = UINT32_MAX;
    if (retry_gate_wait(&s->gate, now_ms) > 0)
        return false;
    s->at = (s->at + 1) % s->n;
    int r = ask_one(s, s->links[s->at], now_ms + ASK_TIMEOUT_MS, text, &master);
    if (r == 0) {
        retry_gate_open(&s->gate);
        return !redis_address_eq(&master, redis_link_address(link));
    }
    (void)!random_bytes(&lot, sizeof(lot));
    retry_gate_shut(&s->gate, clock_monotonic_ms(), lot);
    return false;
}

bool redis_sentinels_tell_another(RedisSentinels *s, const RedisLink *link) {
    RedisLink *listened = s->links[s->at];
    if (has_switched(s, listened))
        return true;
    return !redis_link_is_open(listened) && look_elsewhere(s, link);
}
