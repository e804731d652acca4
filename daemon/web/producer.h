#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Board's Producer
 *
 * A thread of its own, of low priority, with connections of its own: it reads leaderboards and clocks from Redis once a second, follows the
 * output topics, and puts what there is to show into the hub, once for all who watch; it also answers what is asked at the desk. While nobody
 * watches it sleeps and has no connections. The pipeline's thread has nothing to do with it.
 *
 * All of it is of all shards, whoever owns them: Redis and the topics are what all instances share, so each of them shows the same. Stage
 * changes come from the topics for the same reason, and because what stands there is what has been told.
 */
#include <signal.h>

#include "daemon/service/telemetry.h"
#include "daemon/web/desk.h"
#include "daemon/web/hub.h"

typedef struct Registry Registry;

typedef struct ProducerOptions {
    const Config *config;
    const char *model_path;
    Registry *registry;
    Telemetry *telemetry;
    Hub *hub;
    Desk *desk;
} ProducerOptions;

typedef struct Producer Producer;

/* Starts the thread; it wakes the server when there is something new. 0 or a negative errno. */
MUST_CHECK int producer_new(const ProducerOptions *options, HttpServer *server, Producer **ret);
/* Waits for its end. */
Producer *producer_free(Producer *producer);
DEFINE_CLEANUP(Producer *, producer_free)
