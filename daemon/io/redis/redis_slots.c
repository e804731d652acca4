/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/redis/redis_slots.h"

#include "lib/base/decimal.h"

static_assert(REDIS_NODES_MAX <= INT16_MAX, "places fit");

void redis_slots_init(RedisSlots *slots) {
    *slots = (RedisSlots){0};
    for (size_t i = 0; i < REDIS_SLOTS; i++)
        slots->owner[i] = -1;
}

void redis_slots_done(RedisSlots *slots) {
    free(slots->nodes);
    redis_slots_init(slots);
}

int redis_slots_node(RedisSlots *slots, const RedisAddress *address, size_t *ret) {
    for (size_t i = 0; i < slots->n_nodes; i++)
        if (redis_address_eq(&slots->nodes[i], address)) {
            *ret = i;
            return 0;
        }
    if (slots->n_nodes == REDIS_NODES_MAX)
        return -E2BIG;
    int r = array_reserve(&slots->nodes, &slots->n_alloc, slots->n_nodes, sizeof(*slots->nodes));
    if (r)
        return r;
    slots->nodes[slots->n_nodes] = *address;
    *ret = slots->n_nodes++;
    return 0;
}

/* ---- CLUSTER SLOTS ---- */

static bool is_text(const redisReply *reply) {
    return reply->type == REDIS_REPLY_STRING && reply->len > 0;
}

/* Of [host, port, id, [name, value …]]; NULL if it is not there. */
static const redisReply *find_value(const redisReply *node, const char *name) {
    const redisReply *pairs = node->elements > 3 ? node->element[3] : NULL;
    for (size_t i = 0; pairs && pairs->type == REDIS_REPLY_ARRAY && i + 1 < pairs->elements; i += 2)
        if (is_text(pairs->element[i]) && strcmp(pairs->element[i]->str, name) == 0)
            return pairs->element[i + 1];
    return NULL;
}

/*
 * The host of a node that does not say it is that which was asked. "?" is that of one that should be called by a hostname and has been given
 * none: its address is with the rest.
 */
static bool read_endpoint(const redisReply *node, const RedisAddress *from, RedisAddress *ret) {
    if (node->type != REDIS_REPLY_ARRAY || node->elements < 2 || node->element[1]->type != REDIS_REPLY_INTEGER)
        return false;
    const redisReply *host = node->element[0], *ip = find_value(node, "ip");
    if (is_text(host) && strcmp(host->str, "?") == 0 && ip)
        host = ip;
    char port[DECIMAL_SIZE];
    size_t len = decimal_print(node->element[1]->integer, port);
    return redis_address_make(is_text(host) ? (Str){host->str, host->len} : str_from(from->host), (Str){port, len}, ret);
}

/* [first, last, [host, port, …] of the master, those of its replicas …] */
static int read_range(const redisReply *range, const RedisAddress *from, RedisSlots *slots) {
    RedisAddress address;
    size_t node;
    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 || range->element[0]->type != REDIS_REPLY_INTEGER ||
            range->element[1]->type != REDIS_REPLY_INTEGER || !read_endpoint(range->element[2], from, &address))
        return -EPROTO;
    long long first = range->element[0]->integer, last = range->element[1]->integer;
    if (first < 0 || first > last || last >= REDIS_SLOTS)
        return -EPROTO;
    int r = redis_slots_node(slots, &address, &node);
    for (long long slot = first; slot <= last && !r; slot++)
        slots->owner[slot] = (int16_t)node;
    return r;
}

int redis_slots_read(const redisReply *reply, const RedisAddress *from, RedisSlots *ret) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
        return -EPROTO;
    for (size_t i = 0; i < reply->elements; i++) {
        int r = read_range(reply->element[i], from, ret);
        if (r)
            return r;
    }
    return 0;
}

/* ---- MOVED and ASK ---- */

/* The next word, and what is behind it. */
static Str take_word(Str *rest) {
    const char *blank = rest->len ? memchr(rest->data, ' ', rest->len) : NULL;
    Str word = {rest->data, blank ? (size_t)(blank - rest->data) : rest->len};
    size_t n = MIN(word.len + 1, rest->len);
    *rest = (Str){rest->data + n, rest->len - n};
    return word;
}

static bool parse_slot(Str word, unsigned *ret) {
    unsigned slot = 0;
    if (word.len == 0 || word.len > 5)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] < '0' || word.data[i] > '9')
            return false;
        slot = 10 * slot + (unsigned)(word.data[i] - '0');
    }
    *ret = slot;
    return slot < REDIS_SLOTS;
}

/* host:port, where an address of IPv6 has no brackets, and the host may be left out. */
static bool parse_endpoint(Str word, const RedisAddress *from, RedisAddress *ret) {
    if (word.len == 0 || word.data[0] != ':' || memchr(word.data + 1, ':', word.len - 1))
        return redis_address_parse_host(word, ret);
    return redis_address_make(str_from(from->host), (Str){word.data + 1, word.len - 1}, ret);
}

Redirect redis_redirect_parse(Str error, const RedisAddress *from, unsigned *ret_slot, RedisAddress *ret) {
    Str rest = error, word = take_word(&rest);
    bool is_moved = str_eq_c(word, "MOVED");
    if (!is_moved && !str_eq_c(word, "ASK"))
        return REDIRECT_NONE;
    Str slot = take_word(&rest);
    if (!parse_slot(slot, ret_slot) || !parse_endpoint(take_word(&rest), from, ret))
        return REDIRECT_NONE;
    return is_moved ? REDIRECT_MOVED : REDIRECT_ASK;
}
