/* SPDX-License-Identifier: Apache-2.0 */
/* Each server that has keys, and what it says of itself, by one INFO, which the daemon may ask for anyhow. */
#include <stdio.h>

#include "daemon/io/redis/redis_view_internal.h"

static int64_t number_of(Str info, const char *name) {
    int64_t number;
    return view_parse_integer(view_info_value(info, name), &number) ? number : -1;
}

static void copy_text(Str info, const char *name, char *ret, size_t size) {
    Str value = view_info_value(info, name);
    (void)snprintf(ret, size, "%.*s", STR_FMT(str_is_null(value) ? STR_LITERAL("") : value));
}

/* slave0:ip=10.0.0.2,port=6379,state=online,offset=…,lag=0 */
static bool read_replica(Str line, RedisAddress *ret) {
    Str values[2] = {STR_NULL, STR_NULL};
    static const char *const names[] = {"ip=", "port="};
    for (const char *at = line.data, *end = line.data + line.len; at < end;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        Str pair = {at, (size_t)((comma ? comma : end) - at)};
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
            if (str_starts_with(pair, names[i]))
                values[i] = (Str){pair.data + strlen(names[i]), pair.len - strlen(names[i])};
        at += pair.len + 1;
    }
    return !str_is_null(values[0]) && !str_is_null(values[1]) && redis_address_make(values[0], values[1], ret);
}

static size_t read_replicas(Str info, RedisAddress ret[static REDIS_REPLICAS_MAX]) {
    size_t n = 0;
    for (int i = 0; n < REDIS_REPLICAS_MAX; i++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "slave%d", i);
        Str line = view_info_value(info, name);
        if (str_is_null(line))
            break;
        n += read_replica(line, &ret[n]);
    }
    return n;
}

int redis_view_condition(RedisView *view, const RedisServer *server, char *text, RedisCondition *ret) {
    int r = view_begin_slot(view, server->slot, text);
    if (r)
        return r;
    redis_request(view->transport, "INFO");
    r = view_exchange(view, 1, text);
    if (r)
        return r;
    Str info = view_reply_str(view_last_reply(view));
    int64_t time_us = number_of(info, "server_time_usec");
    copy_text(info, "redis_version", ret->version, sizeof(ret->version));
    copy_text(info, "role", ret->role, sizeof(ret->role));
    copy_text(info, "maxmemory_policy", ret->policy, sizeof(ret->policy));
    ret->time_ms = time_us < 0 ? TIME_NONE : time_us / 1000;
    ret->used_bytes = number_of(info, "used_memory");
    ret->max_bytes = number_of(info, "maxmemory");
    ret->keeps_log = number_of(info, "aof_enabled") == 1;
    ret->last_save_failed = str_eq_c(view_info_value(info, "rdb_last_bgsave_status"), "err");
    ret->log_failed = str_eq_c(view_info_value(info, "aof_last_write_status"), "err");
    ret->is_cut_off = str_eq_c(view_info_value(info, "master_link_status"), "down");
    ret->n_replicas = read_replicas(info, ret->replicas);
    return 0;
}

int redis_view_servers(RedisView *view, char *text, RedisServer **ret, size_t *ret_n, unsigned *ret_n_unserved) {
    const RedisTransport *t = view->transport;
    int r = redis_transport_learn(view->transport, view->info_slot, text);
    if (r)
        return r;
    size_t n = redis_transport_servers(t);
    RedisServer *servers = calloc(MAX(n, (size_t)1), sizeof(*servers));
    if (!servers)
        return -ENOMEM;
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        int slot = redis_transport_slot_of(t, i);
        if (slot < 0)
            continue;
        servers[*ret_n].slot = (unsigned)slot;
        redis_transport_print_server(t, i, servers[(*ret_n)++].address);
    }
    *ret_n_unserved = redis_transport_unserved(t);
    *ret = servers;
    return 0;
}
