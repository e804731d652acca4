/* SPDX-License-Identifier: Apache-2.0 */
/*
 * While a slot moves, its keys are on two nodes, each key on one of them. A command is answered where all of its keys are; one whose keys
 * are not there goes to the other node (ASK); one whose keys are partly here, or partly not at all, is refused (TRYAGAIN), until the slot
 * has arrived. So what is written together is written together, and no key is taken for missing that is only elsewhere.
 */
#include "daemon/io/redis/redis_cluster.h"

#include <stdio.h>

#include "daemon/base/clock.h"

/* One node that does not answer shall not take all the time that there is; but where few can be asked, each has its share. */
#define ASK_TIMEOUT_MS 500

struct RedisCluster {
    const Config *config;
    RedisLogin login;
    RedisSlots slots;
    RedisLink **links; /* by node; NULL: none yet */
    size_t n_links;
    RedisLink *seeds[CONFIG_REDIS_HOSTS_MAX];
    size_t n_seeds;
    bool is_doubtful;
    size_t at; /* who is asked first: nodes, then seeds */
};

int redis_cluster_new(const Config *config, const RedisLogin *login, RedisCluster **ret) {
    RedisCluster *c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->config = config;
    c->login = *login;
    c->is_doubtful = true;
    redis_slots_init(&c->slots);
    int r = 0;
    for (; c->n_seeds < config->redis_cluster.n && !r; c->n_seeds += !r) {
        RedisAddress address;
        bool is_good = redis_address_parse_host(str_from(config->redis_cluster.hosts[c->n_seeds]), &address);
        assert(is_good && "the configuration has been checked");
        r = is_good ? redis_link_new(config, login, &address, &c->seeds[c->n_seeds]) : -EINVAL;
    }
    if (r)
        redis_cluster_free(c);
    else
        *ret = c;
    return r;
}

static void free_links(RedisLink **links, size_t n) {
    for (size_t i = 0; i < n; i++)
        redis_link_free(links[i]);
    free(links);
}

RedisCluster *redis_cluster_free(RedisCluster *c) {
    if (!c)
        return NULL;
    free_links(c->links, c->n_links);
    for (size_t i = 0; i < c->n_seeds; i++)
        redis_link_free(c->seeds[i]);
    redis_slots_done(&c->slots);
    return free_null(c);
}

void redis_cluster_doubt(RedisCluster *c) {
    c->is_doubtful = true;
}

/* ---- learning the slots ---- */

/* Takes over the slots, and of the links those to nodes that are still there. */
static int take_slots(RedisCluster *c, RedisSlots *slots) {
    RedisLink **links = calloc(MAX(slots->n_nodes, (size_t)1), sizeof(RedisLink *));
    if (!links)
        return -ENOMEM;
    for (size_t i = 0; i < slots->n_nodes; i++)
        for (size_t k = 0; k < c->n_links && !links[i]; k++)
            if (c->links[k] && redis_address_eq(&slots->nodes[i], redis_link_address(c->links[k])))
                links[i] = TAKE_PTR(c->links[k]);
    free_links(c->links, c->n_links);
    redis_slots_done(&c->slots);
    c->slots = *slots;
    redis_slots_init(slots);
    c->links = links;
    c->n_links = c->slots.n_nodes;
    return 0;
}

static int ask_for_slots(RedisCluster *c, RedisLink *link, int64_t deadline_ms, char *text) {
    _cleanup_(redis_reply_free) redisReply *reply = NULL;
    RedisRequest request = {0};
    RedisSlots slots;
    int r = redis_link_open(link, deadline_ms, text);
    if (r)
        return r;
    request_of(&request, "CLUSTER", "SLOTS");
    r = redis_link_exchange(link, &request, 1, &reply, deadline_ms, text);
    request_done(&request);
    if (r)
        return r;
    if (reply->type == REDIS_REPLY_ERROR)
        return redis_link_fail(link, text, "asking for the slots of the cluster at", reply->str);
    redis_slots_init(&slots);
    r = redis_slots_read(reply, redis_link_address(link), &slots);
    if (!r)
        r = take_slots(c, &slots);
    redis_slots_done(&slots);
    if (!r || r == -ENOMEM)
        return r;
    return redis_link_fail(link, text, "asking for the slots of the cluster at", "it knows nobody who serves any");
}

/* The i-th to be asked: nodes that are known, then those of the configuration. */
static int candidate(RedisCluster *c, size_t i, RedisLink **ret) {
    if (i >= c->n_links) {
        *ret = c->seeds[i - c->n_links];
        return 0;
    }
    int r = c->links[i] ? 0 : redis_link_new(c->config, &c->login, &c->slots.nodes[i], &c->links[i]);
    *ret = c->links[i];
    return r;
}

/* One after the other, beginning behind the one that did not answer last time. */
static int learn_slots(RedisCluster *c, int64_t deadline_ms, char *text) {
    size_t n = c->n_links + c->n_seeds;
    int r = VIEW_E_UNREACHABLE;
    for (size_t i = 0; i < n && (i == 0 || clock_monotonic_ms() < deadline_ms); i++) {
        int64_t now_ms = clock_monotonic_ms(), share_ms = (deadline_ms - now_ms) / (int64_t)(n - i);
        RedisLink *link = NULL;
        r = candidate(c, c->at % n, &link);
        if (!r)
            r = ask_for_slots(c, link, earliest(deadline_ms, now_ms + latest(share_ms, ASK_TIMEOUT_MS)), text);
        if (r <= 0)
            break;
        c->at++;
    }
    if (r == 0)
        c->is_doubtful = false;
    return r;
}

/* ---- links ---- */

static int link_to(RedisCluster *c, size_t node, RedisLink **ret) {
    int r = c->links[node] ? 0 : redis_link_new(c->config, &c->login, &c->slots.nodes[node], &c->links[node]);
    *ret = c->links[node];
    return r;
}

/* What is known is better than nothing, as long as nobody answers. */
int redis_cluster_find(RedisCluster *c, unsigned slot, int64_t deadline_ms, char *text, RedisLink **ret) {
    assert(slot < REDIS_SLOTS);
    int r = c->is_doubtful ? learn_slots(c, deadline_ms, text) : 0;
    if (r < 0 || (r && c->slots.n_nodes == 0))
        return r;
    if (c->slots.owner[slot] >= 0)
        return link_to(c, (size_t)c->slots.owner[slot], ret);
    snprintf(text, REDIS_TEXT_SIZE, "no node of the Redis Cluster serves slot %u", slot);
    c->is_doubtful = true;
    return VIEW_E_UNREACHABLE;
}

static int add_node(RedisCluster *c, const RedisAddress *address, size_t *ret) {
    int r = redis_slots_node(&c->slots, address, ret);
    if (r || c->n_links == c->slots.n_nodes)
        return r;
    RedisLink **links = reallocarray(c->links, c->slots.n_nodes, sizeof(*links));
    if (!links) {
        c->slots.n_nodes--;
        return -ENOMEM;
    }
    links[c->n_links++] = NULL;
    c->links = links;
    return 0;
}

int redis_cluster_follow(RedisCluster *c, const RedisLink *from, Str error, char *text, Redirect *ret_redirect, RedisLink **ret) {
    RedisAddress address;
    unsigned slot;
    size_t node;
    *ret_redirect = redis_redirect_parse(error, redis_link_address(from), &slot, &address);
    if (*ret_redirect == REDIRECT_NONE)
        return 0;
    int r = add_node(c, &address, &node);
    if (r == -E2BIG) {
        snprintf(text, REDIS_TEXT_SIZE, "the Redis Cluster has more than %d nodes", REDIS_NODES_MAX);
        c->is_doubtful = true;
        return VIEW_E_UNREACHABLE;
    }
    if (r)
        return r;
    if (*ret_redirect == REDIRECT_MOVED) {
        c->slots.owner[slot] = (int16_t)node;
        c->is_doubtful = true; /* where one has moved, others may have */
    }
    return link_to(c, node, ret);
}

size_t redis_cluster_count(const RedisCluster *c) {
    return c->slots.n_nodes;
}

int redis_cluster_slot_of(const RedisCluster *c, size_t node) {
    for (int slot = 0; slot < REDIS_SLOTS; slot++)
        if (c->slots.owner[slot] == (int16_t)node)
            return slot;
    return -1;
}
