#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Pipeline
 *
 * What `scored run` does: records in, the engine over them, one Kafka transaction a round, then the view
 * (DESIGN section 3). One thread, and two workers that wait for Kafka's commits and for Redis; the clients have their own.
 *
 *   pipeline.c     the loop: shards come and go, polling, rounds, sessions
 *   clients.c      connecting to Kafka and Redis
 *   source_order.c in which order a shard takes the records of its sources
 *   proof.c        whether all is read up to an instant, so that deadlines may be judged
 *   live_shard.c   what is held of a shard between rounds; loading of leads and moments from the view
 *   takeover.c     taking a shard over: offsets, last footer, the view brought up to it
 *   round_schema.c records whose schema the registry has not told yet wait
 *   round.c        one round: events and moments through the engine, the transaction, the view's writes
 *   batch.c        a shard's part of it: outputs, state records, footer
 *   model_walk.c   bringing a new model version to all of a shard's records
 *   view_queue.c   committed batches that the view has not acknowledged yet
 *   worker.c       the thread that brings them there
 *   telemetry.c    what is counted, for others to see; gauges.c: what else there is to see between rounds
 *   topics.c       creating and checking topics at the start
 *
 * Outcomes that the parts hand up, beside 0 and negative errno (out of memory, a broken engine: the process ends):
 */
#include <signal.h>

#include "daemon/base/worker.h"
#include "daemon/config/config.h"
#include "daemon/io/avro/avro_event.h"
#include "daemon/io/avro/avro_output.h"
#include "daemon/io/kafka/kafka_changelog.h"
#include "daemon/io/kafka/kafka_sink.h"
#include "daemon/io/redis/redis_view.h"
#include "daemon/io/registry/registry.h"
#include "daemon/service/notify.h"
#include "daemon/service/telemetry.h"

enum {
    _PIPELINE_E_SUCCESS,
    PIPELINE_E_WAIT,    /* a server is away; nothing was changed: try the same again later */
    PIPELINE_E_RESTART, /* fenced, or an unknown outcome: all clients anew, all shards taken over anew */
    PIPELINE_E_HALT,    /* this shard cannot go on until an operator has acted; said in the log */
    PIPELINE_E_REFUSED, /* the daemon must not start like this; said in the log */
    PIPELINE_E_RELOAD,  /* a new model version is to be taken */
};

typedef struct LiveShard LiveShard;
typedef struct Round Round;

/* Since the start of the process. */
typedef struct PipelineCounts {
    int64_t events, applied, duplicates, ignored, dead_letters, outputs, batches, restarts;
} PipelineCounts;

/* Reads the model's file again. *ret stays NULL if it has errors, which have been told. 0 or negative errno. */
typedef struct ModelLoader {
    int (*load)(void *userdata, Model **ret);
    void *userdata;
} ModelLoader;

/* Set by signals. */
typedef struct PipelineSignals {
    const volatile sig_atomic_t *stop;
    volatile sig_atomic_t *reload; /* taken back when it is seen */
} PipelineSignals;

typedef struct Pipeline {
    const Config *config;
    const Model *model;
    Model *owned_model, *next_model; /* loaded meanwhile: the present one if it is not the first, and one that is to be taken */
    ModelLoader loader;
    char model_hash[2 * MODEL_HASH_SIZE + 1];
    char ce_source[256];               /* CloudEvents' source of our outputs: /scored/<group> */
    const volatile sig_atomic_t *stop;
    volatile sig_atomic_t *reload;
    Notify *notify;
    Telemetry *telemetry; /* NULL: nobody wants to know */

    bool is_busy; /* more events are waiting than the last batch could take */

    Registry *registry;
    AvroEventDecoder *decoder;
    AvroOutput *encoder;
    KafkaCluster *cluster;
    KafkaSource *source;
    KafkaSink *sink;
    KafkaChangelog *changelog;
    bool has_read_changelog; /* so it may be read */
    RedisView *view;   /* for all but the batches … */
    RedisView *writer; /* … which go by this one, the worker's as long as one is on its way */
    Worker *worker;
    Worker *committer; /* finishes transactions */
    size_t view_bytes;  /* that wait in the view queues */
    uint64_t n_errands; /* that the worker was given */
    bool is_redis_away; /* as of the latest that was asked of it */

    Inputs inputs; /* of the session */
    bool is_output_compacted[_OUTPUT_TYPE_MAX];
    int64_t tombstones_ms; /* for how long the changelog tells of what was erased: a view that is older cannot be caught up */
    int32_t n_shards;
    LiveShard **shards; /* n_shards; NULL: not ours, or halted */
    bool *halted; /* n_shards: ours, but it cannot go on yet */
    int32_t n_owned;
    HealthPhase phase;
    HealthServer awaited; /* until it runs */
    char awaited_error[HEALTH_ERROR_SIZE];
    bool is_paused; /* a server is away: nothing is read */
    Round *round;
    bool in_transaction;
    uint64_t n_asked; /* questions for the ends of logs so far: proof.c */
    PipelineCounts counts;
} Pipeline;

/* Runs until *stop is set. Returns 0, -errno, or PIPELINE_E_REFUSED. */
MUST_CHECK int pipeline_run(const Config *config, const Model *model, ModelLoader loader, Registry *registry,
        AvroOutput *encoder, Notify *notify, Telemetry *telemetry, PipelineSignals signals);

/* To be called by whatever takes long: tells the watchdog that there is progress. */
void pipeline_note_progress(Pipeline *p);
/* It does not get on without the server; `error`: what is wrong, NULL or empty if nothing new is known. */
void pipeline_note_awaited(Pipeline *p, HealthServer server, const char *error);
/* Something was asked of Redis: how long it took, and what came of it. */
void pipeline_note_redis(Pipeline *p, RedisOperation operation, int64_t duration_us, int outcome);
