#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* A file of events through one shard: no Kafka, no Redis, no clock. Time is what the events say. */
#include "daemon/io/file/file_source.h"
#include "lib/shard/shard.h"

typedef struct ReplayEvents {
    FILE *file; /* borrowed, as is all else */
    const Model *model;
    Shard *shard;
    int64_t until_ms; /* time passes up to here after the last event; TIME_NONE: it stays */
    /* Takes what is no valid event, or cannot be applied. Negative errno is passed on. */
    int (*bad)(void *userdata, const FileLine *line, const char *reason, const char *text);
    void *userdata;
    bool cannot_read; /* afterwards: the error is about the file */
} ReplayEvents;

/* 0 or a negative errno. */
MUST_CHECK int replay_events(ReplayEvents *replay);
