#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telemetry
 *
 * What the pipeline counts, and how others get to see it. The pipeline's thread counts in a registry of its own, without a lock: what a
 * transaction brings apart, until it is committed, so that nothing counts that was taken back. A few times a second, between rounds, it
 * shows a copy, which is all that the thread of the HTTP server ever sees: figures of one instant that belong together.
 *
 * All functions for the pipeline's thread take NULL, if nobody wants to know, and do nothing.
 */
#include "daemon/io/kafka/kafka_statistics.h"
#include "daemon/service/health.h"
#include "daemon/service/metrics_table.h"
#include "lib/engine/output.h"
#include "lib/lead/entity.h"

typedef struct Config Config;
typedef struct Telemetry Telemetry;

/* `config` outlives it. */
MUST_CHECK int telemetry_new(const Config *config, Telemetry **ret);
Telemetry *telemetry_free(Telemetry *t);
DEFINE_CLEANUP(Telemetry *, telemetry_free)

/* --- of the transaction under way -------------------------------------------------------------------- */

typedef enum TelemetryOutcome {
    TELEMETRY_APPLIED,
    TELEMETRY_DUPLICATE,
    TELEMETRY_IGNORED,
    TELEMETRY_REJECTED,
    TELEMETRY_FORWARDED,
    _TELEMETRY_OUTCOME_MAX,
} TelemetryOutcome;
/* `type`: of an event that was applied; else null. */
void telemetry_event(Telemetry *t, TelemetryOutcome outcome, Str type);
void telemetry_output(Telemetry *t, const Model *model, const Output *output);
/* It is complete, and being committed; what comes now is of the next one. */
void telemetry_close(Telemetry *t);
/* Of what is being committed: a record of a source, which was written so long ago. */
void telemetry_latency(Telemetry *t, int64_t latency_ms);

typedef struct TelemetryBatch {
    size_t n_events;
    int64_t duration_us, commit_us;
} TelemetryBatch;
/* What was closed is committed: it counts. */
void telemetry_commit(Telemetry *t, TelemetryBatch batch);
/* Neither that nor what came since is, or ever will be. */
void telemetry_drop(Telemetry *t);

/* --- what counts at once ----------------------------------------------------------------------------- */

void telemetry_transaction_failed(Telemetry *t);
void telemetry_order_given_up(Telemetry *t, const char *topic);
/* Of `n` leads or accounts that were asked for so many were not in memory. */
void telemetry_cache(Telemetry *t, EntityKind kind, size_t n, size_t n_missed);
/* A call of Redis that began at begun_us of the monotonic clock and ended with `outcome`, 0 or VIEW_E_*. */
typedef enum RedisOperation { REDIS_APPLY, REDIS_FETCH, REDIS_MOMENTS, REDIS_LOOK, _REDIS_OPERATION_MAX } RedisOperation;
void telemetry_redis(Telemetry *t, RedisOperation operation, int64_t duration_us, int outcome);
void telemetry_view_delay(Telemetry *t, int64_t delay_ms);
/* What librdkafka tells of the consumer or one of the producers; what cannot be read is left out. */
typedef enum KafkaClient { KAFKA_CONSUMER, KAFKA_PRODUCER, KAFKA_SECOND_PRODUCER, _KAFKA_CLIENT_MAX } KafkaClient;
void telemetry_kafka(Telemetry *t, KafkaClient client, Str json);
/* Its clients are no more. */
void telemetry_forget_kafka(Telemetry *t);
/* The figures that the model may bring exist from now on, as 0. */
void telemetry_take_model(Telemetry *t, const Model *model);

/* --- showing it -------------------------------------------------------------------------------------- */

/* The loop goes round. */
void telemetry_note_progress(Telemetry *t, int64_t now_ms);
/* Is it time to show something? */
bool telemetry_is_due(const Telemetry *t, int64_t now_ms);
/* Where gauges go before they are shown. */
Metrics *telemetry_metrics(Telemetry *t);
/* No broker is connected, as far as the consumer's statistics tell. */
bool telemetry_is_kafka_away(const Telemetry *t);
/* Progress and stuck_after_ms are filled in by itself. */
void telemetry_show(Telemetry *t, const Health *health, int64_t now_ms);

/*
 * For any other thread: what was shown last. `ret` was made by telemetry_new_copy(). 0 or -ENOMEM.
 */
MUST_CHECK int telemetry_new_copy(Metrics **ret);
MUST_CHECK int telemetry_copy(Telemetry *t, Metrics *ret, Health *ret_health);
