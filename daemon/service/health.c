/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/health.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

typedef struct Reasons {
    HealthReason *reasons;
    size_t n;
} Reasons;

static void add(Reasons *reasons, const char *code, const char *format, ...) PRINTF_LIKE(3, 4);
static void add(Reasons *reasons, const char *code, const char *format, ...) {
    va_list args;
    assert(reasons->n < HEALTH_REASONS_MAX);
    HealthReason *reason = &reasons->reasons[reasons->n++];
    reason->code = code;
    va_start(args, format);
    (void)vsnprintf(reason->text, sizeof(reason->text), format, args);
    va_end(args);
}

static void check_progress(Reasons *reasons, const Health *health, int64_t now_ms) {
    int64_t since_ms = now_ms - health->progress_ms;
    if (since_ms > health->stuck_after_ms)
        add(reasons, "no_progress", "the loop has not come round for %" PRId64 " s", since_ms / 1000);
}

static void check_phase(Reasons *reasons, const Health *health) {
    if (health->phase == HEALTH_STARTING)
        add(reasons, "starting", "the process is starting");
    else if (health->phase == HEALTH_CONNECTING)
        add(reasons, "connecting", "connecting to Kafka and Redis: see kafka.unavailable, redis.unavailable, pipeline.restart in the log");
    else if (health->phase == HEALTH_STOPPING)
        add(reasons, "stopping", "the process is stopping");
}

static void check_shards(Reasons *reasons, const Health *health) {
    char list[HEALTH_HALTED_MAX * 12] = "";
    size_t len = 0;
    for (int32_t i = 0; i < MIN(health->n_halted, HEALTH_HALTED_MAX); i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, " %" PRId32, health->halted[i]);
    if (health->n_halted > 0)
        add(reasons, "halted", "%" PRId32 " shards cannot go on:%s%s; see shard.halted and takeover.waiting in the log", health->n_halted, list,
                health->n_halted > HEALTH_HALTED_MAX ? " …" : "");
    else if (health->n_owned == 0)
        add(reasons, "no_partitions", "no partitions are assigned to this instance");
}

static void check_servers(Reasons *reasons, const Health *health) {
    if (health->is_kafka_away)
        add(reasons, "kafka_away", "no broker of Kafka is connected");
    if (health->is_redis_away)
        add(reasons, "redis_away", "Redis does not answer");
    if (health->is_paused)
        add(reasons, "paused", "reading is paused until Redis is back");
    if (health->view_behind_ms > HEALTH_VIEW_BEHIND_MS)
        add(reasons, "view_behind", "a committed batch has waited for Redis for %" PRId64 " s", health->view_behind_ms / 1000);
}

size_t health_reasons(const Health *health, HealthQuestion question, int64_t now_ms, HealthReason ret[static HEALTH_REASONS_MAX]) {
    Reasons reasons = {.reasons = ret};
    check_progress(&reasons, health, now_ms);
    if (question == HEALTH_LIVE)
        return reasons.n;
    check_phase(&reasons, health);
    if (health->phase == HEALTH_RUNNING) {
        check_shards(&reasons, health);
        check_servers(&reasons, health);
    }
    return reasons.n;
}
