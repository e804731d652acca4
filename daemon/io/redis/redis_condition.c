/* SPDX-License-Identifier: Apache-2.0 */
/* What a Redis says of itself, by one INFO, which the daemon may ask for anyhow; of a cluster, one of its nodes. */
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

int redis_view_condition(RedisView *view, char *text, RedisCondition *ret) {
    int r = view_begin_slot(view, view->info_slot, text);
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
    ret->time_ms = time_us < 0 ? TIME_NONE : time_us / 1000;
    ret->used_bytes = number_of(info, "used_memory");
    ret->max_bytes = number_of(info, "maxmemory");
    ret->keeps_log = number_of(info, "aof_enabled") == 1;
    ret->last_save_failed = str_eq_c(view_info_value(info, "rdb_last_bgsave_status"), "err");
    ret->log_failed = str_eq_c(view_info_value(info, "aof_last_write_status"), "err");
    return 0;
}
