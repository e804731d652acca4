#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health
 *
 * Is the process alive, and is it ready? From what the pipeline has told of itself; with the reasons if not. Alive is whose loop goes
 * round: who is not should be killed. Ready is who does its work: it has partitions, none of them is halted, its servers are there and
 * Redis follows. Pure.
 */
#include "lib/base/util.h"

typedef enum HealthPhase {
    HEALTH_STARTING,   /* no session yet */
    HEALTH_CONNECTING, /* to Kafka and Redis, or anew after a failure */
    HEALTH_RUNNING,
    HEALTH_STOPPING,
} HealthPhase;

/* Of halted shards; the others are counted. */
#define HEALTH_HALTED_MAX 8

typedef struct Health {
    HealthPhase phase;
    int64_t progress_ms;   /* monotonic: when the loop told of progress last … */
    int64_t stuck_after_ms; /* … and after how long without it is stuck */
    int32_t n_owned, n_halted;
    int32_t halted[HEALTH_HALTED_MAX]; /* the first of them */
    bool is_kafka_away, is_redis_away, is_paused;
    int64_t view_behind_ms; /* how long the oldest committed batch has waited for Redis */
} Health;

/* Redis is behind if a batch has waited for it so long: it takes some milliseconds, a large one a second. */
#define HEALTH_VIEW_BEHIND_MS 10000

typedef enum HealthQuestion { HEALTH_LIVE, HEALTH_READY } HealthQuestion;

typedef struct HealthReason {
    const char *code; /* static */
    char text[192];
} HealthReason;
#define HEALTH_REASONS_MAX 8

/* What speaks against it at now_ms; how many. None: the answer is yes. */
size_t health_reasons(const Health *health, HealthQuestion question, int64_t now_ms, HealthReason ret[static HEALTH_REASONS_MAX]);
