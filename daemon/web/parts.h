#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Parts of the Board
 *
 * What is known, as JSON for the page. Instants are milliseconds since 1970, for a browser counts with them; values are courses (course_json.h),
 * so that a part's text changes when something has happened, and not by time alone.
 */
#include "daemon/io/json/json_writer.h"
#include "daemon/service/health.h"
#include "daemon/top/top.h"
#include "daemon/web/funnel.h"
#include "daemon/web/hot_accounts.h"

/* Shards that are told one by one. */
#define PARTS_SHARDS_MAX 256
/* Clocks that are shown, of those that the board of the terminal has found. */
#define PARTS_CLOCKS_MAX 40

/* What is to be told of who tells. */
typedef struct PartsStatus {
    int64_t now_ms, refreshed_ms; /* TIME_NONE: Redis has not been read yet */
    Health health;
    int64_t monotonic_ms;
    size_t n_watchers;
    int32_t n_shards;
    const BoardShard *shards; /* the first n_shards_known */
    int32_t n_shards_known;
    const int64_t *lags; /* by shard; NULL: not known */
    int32_t n_lags;
} PartsStatus;

/* These append one JSON value. The writer keeps errors. */
void parts_hello(JsonWriter *writer, const Top *top);
void parts_status(JsonWriter *writer, const Top *top, const PartsStatus *status);
void parts_leads(JsonWriter *writer, const Top *top, int64_t now_ms);
void parts_accounts(JsonWriter *writer, const Model *model, const HotAccounts *hot, int64_t now_ms);
void parts_clocks(JsonWriter *writer, const Top *top);
void parts_funnel(JsonWriter *writer, const Funnel *funnel, int64_t now_ms);
/* An output, without what it carries along and a dead letter's original; told_ms: when it was produced. 0 or -ENOMEM. */
MUST_CHECK int parts_news(JsonWriter *writer, const Output *output, int64_t told_ms);
