/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/gauges.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/pipeline/live_shard.h"

/* Overdue moments are counted no further: it costs a walk over them. */
#define OVERDUE_MAX ((size_t)10000)

#define VALUES(...) ((const Str[]){__VA_ARGS__})

/* What is added up over the shards. */
typedef struct Sums {
    size_t n_entries[_ENTITY_KIND_MAX], bytes[_ENTITY_KIND_MAX];
    int32_t n_walks;
} Sums;

/* The instant at which it is shown. */
typedef struct Now {
    int64_t wall_ms, monotonic_ms;
} Now;

/* These are of shards, which come and go. */
static const MetricId of_shards[] = {METRIC_SOURCE_LAG, METRIC_RECORDS_WAITING, METRIC_WATERMARK_LAG, METRIC_MOMENTS_PENDING,
        METRIC_MOMENTS_OVERDUE, METRIC_MOMENTS_OVERDUE_AGE, METRIC_VIEW_PENDING, METRIC_VIEW_BEHIND};

static void set_moments(Metrics *m, const LiveShard *shard, Str id, int64_t now_ms) {
    size_t n = 0, n_overdue = 0;
    int64_t first_ms = TIME_NEVER, until_ms = now_ms - shard->pipeline->model->lateness_ms - 1;
    for (int kind = 0; kind < _ENTITY_KIND_MAX; kind++) {
        const Shard *engine = live_shard_engine(shard, (EntityKind)kind);
        n += shard_count_moments(engine);
        n_overdue += shard_count_due(engine, until_ms, OVERDUE_MAX - n_overdue);
        first_ms = earliest(first_ms, shard_next_moment(engine));
    }
    metrics_set(m, METRIC_MOMENTS_PENDING, &id, (double)n);
    if (shard->pipeline->config->watermark != WATERMARK_WALL)
        return; /* what is due is for the events to say */
    metrics_set(m, METRIC_MOMENTS_OVERDUE, &id, (double)n_overdue);
    metrics_set(m, METRIC_MOMENTS_OVERDUE_AGE, &id, n_overdue ? (double)(until_ms - first_ms) / 1000 : 0);
}

/* Where a log ends in what no consumer sees, being at its end is told by the poll that came there. */
static int64_t lag_of(const Pipeline *p, const LiveShard *shard, unsigned input, const SourceProgress *progress) {
    int64_t end = p->source ? kafka_source_end(p->source, shard->id, input) : -1, begin = shard->offsets[input];
    if (end < 0 || begin < 0 || (source_progress_is_at_end(progress) && progress->read_to >= end))
        return 0;
    return latest(end - begin, 0);
}

/* A routed source has several inputs. */
static void set_lags(Metrics *m, const Pipeline *p, LiveShard *shard, Str id) {
    int64_t lags[CONFIG_SOURCES_MAX] = {0};
    bool is_read[CONFIG_SOURCES_MAX] = {0};
    for (unsigned i = 0; i < p->inputs.n; i++) {
        const SourceProgress *progress = live_shard_progress(shard, i);
        if (!progress)
            continue;
        is_read[p->inputs.inputs[i].source] = true;
        lags[p->inputs.inputs[i].source] += lag_of(p, shard, i, progress);
    }
    for (size_t i = 0; i < p->config->n_sources; i++)
        if (is_read[i])
            metrics_set(m, METRIC_SOURCE_LAG, VALUES(str_from(p->config->sources[i]), id), (double)lags[i]);
}

static void set_shard(Metrics *m, const Pipeline *p, LiveShard *shard, Now now) {
    char number[16];
    (void)snprintf(number, sizeof(number), "%d", (int)shard->id);
    Str id = str_from(number);
    int64_t watermark_ms = shard_watermark(shard->engine);
    set_lags(m, p, shard, id);
    metrics_set(m, METRIC_RECORDS_WAITING, &id, (double)shard->n_waiting);
    if (watermark_ms != TIME_NONE)
        metrics_set(m, METRIC_WATERMARK_LAG, &id, (double)latest(now.wall_ms - watermark_ms, 0) / 1000);
    set_moments(m, shard, id, now.wall_ms);
    metrics_set(m, METRIC_VIEW_PENDING, &id, (double)view_queue_count(shard->view_queue));
    metrics_set(m, METRIC_VIEW_BEHIND, &id, (double)view_queue_age(shard->view_queue, now.monotonic_ms) / 1000);
}

static void add_up(const LiveShard *shard, Sums *sums) {
    const EntityTable *tables[] = {[ENTITY_LEAD] = shard_leads(shard->engine), [ENTITY_ACCOUNT] = shard_accounts(shard->accounts)};
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        sums->n_entries[i] += entity_table_count(tables[i]);
        sums->bytes[i] += entity_table_memory(tables[i]);
    }
    sums->n_walks += shard->walk != NULL;
}

static void set_sums(Metrics *m, const Pipeline *p, const Sums *sums, const Health *health) {
    static const char *const kinds[] = {[ENTITY_LEAD] = "lead", [ENTITY_ACCOUNT] = "account"};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        metrics_set(m, METRIC_CACHE_ENTRIES, VALUES(str_from(kinds[i])), (double)sums->n_entries[i]);
        metrics_set(m, METRIC_CACHE_BYTES, VALUES(str_from(kinds[i])), (double)sums->bytes[i]);
    }
    metrics_set(m, METRIC_CACHE_LIMIT, NULL, (double)p->config->cache_max_bytes);
    metrics_set(m, METRIC_MODEL_WALKS, NULL, sums->n_walks);
    metrics_set(m, METRIC_PARTITIONS, NULL, p->n_shards);
    metrics_set(m, METRIC_SHARDS_OWNED, NULL, health->n_owned);
    metrics_set(m, METRIC_SHARDS_HALTED, NULL, health->n_halted);
    metrics_set(m, METRIC_REDIS_UP, NULL, !health->is_redis_away);
    metrics_set(m, METRIC_RESTARTS, NULL, (double)p->counts.restarts);
}

static void note_halted(Health *health, int32_t shard) {
    if (health->n_halted < HEALTH_HALTED_MAX)
        health->halted[health->n_halted] = shard;
    health->n_halted++;
}

static void look_at_shards(Pipeline *p, Metrics *m, Now now, Health *health, Sums *sums) {
    for (size_t i = 0; i < ARRAY_SIZE(of_shards); i++)
        metrics_hide(m, of_shards[i]);
    for (int32_t i = 0; p->shards && p->halted && i < p->n_shards; i++) {
        LiveShard *shard = p->shards[i];
        if (p->halted[i])
            note_halted(health, i);
        if (!shard)
            continue;
        add_up(shard, sums);
        set_shard(m, p, shard, now);
        health->view_behind_ms = latest(health->view_behind_ms, view_queue_age(shard->view_queue, now.monotonic_ms));
    }
}

void gauges_show(Pipeline *p) {
    if (!p->telemetry)
        return;
    Metrics *m = telemetry_metrics(p->telemetry);
    Now now = {.wall_ms = clock_wall_ms(), .monotonic_ms = clock_monotonic_ms()};
    Health health = {.phase = p->phase, .n_owned = p->n_owned, .is_paused = p->is_paused,
            .is_kafka_away = telemetry_is_kafka_away(p->telemetry), .is_redis_away = p->is_redis_away};
    Sums sums = {0};
    look_at_shards(p, m, now, &health, &sums);
    set_sums(m, p, &sums, &health);
    telemetry_show(p->telemetry, &health, now.monotonic_ms);
}
