#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* One lead or account, explained as `scored lead --json` and `scored account --json` do it. */
#include "daemon/io/json/json_writer.h"
#include "daemon/io/redis/redis_board.h"

typedef struct WebSubject {
    const Config *config;
    const Model *model;
    RedisBoard *board;
    int32_t n_shards;
    EntityKind kind;
    Str id;
    int64_t now_ms;
} WebSubject;

/*
 * Appends the explanation, or {"error": …}; *ret_status is that of HTTP. Ids that were merged are followed. A record that a new version of
 * the model has not come to yet is an error: it will be there in a while. The writer keeps errors.
 */
void web_subject(JsonWriter *writer, const WebSubject *subject, unsigned *ret_status);
