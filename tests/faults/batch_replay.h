#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches, Run Again
 *
 * Runs the batches of one shard again, as its footers say: which records each took, and by what watermarks. Tells what each batch must
 * have written, in order. Nothing is asked of a server, and all leads and accounts stay in memory. What is wrong with the input ends the
 * program.
 */
#include "daemon/io/avro/avro_output.h"
#include "daemon/pipeline/round_internal.h"

/* What becomes of a record: EventOutcome, and what is no event of this shard's source. */
enum { REPLAY_DEAD_LETTER = 10, REPLAY_MESSAGE, REPLAY_SENT_ON };

typedef struct BatchReplay BatchReplay;

typedef struct BatchReplayOptions {
    const Config *config;
    Registry *registry;
    AvroOutput *encoder;
    const Inputs *inputs; /* copied */
    int32_t shard;
    bool is_compacted[_OUTPUT_TYPE_MAX]; /* the outputs' topics */
    /* `partition` -1: any. What is borrowed is valid for the call. */
    void (*written)(void *userdata, const char *topic, int32_t partition, Str key, Str value);
    void *userdata;
} BatchReplayOptions;

BatchReplay *batch_replay_new(const BatchReplayOptions *options);
BatchReplay *batch_replay_free(BatchReplay *replay);

/*
 * The shard goes on under this model, which is borrowed; the one before is not looked at any more. Then come the skeletons by which records
 * of before are to be read, the opening, and those records.
 */
void batch_replay_set_model(BatchReplay *replay, const Model *model);
void batch_replay_add_skeleton(BatchReplay *replay, Str skeleton);
void batch_replay_open(BatchReplay *replay);
void batch_replay_load(BatchReplay *replay, EntityKind kind, Str id, Str bytes);
bool batch_replay_has_model(const BatchReplay *replay);

/* Of one source, as a footer says. */
typedef struct BatchReplaySource {
    int64_t proved_ms;     /* when the batch began */
    int64_t newest_end_ms; /* when it ended */
} BatchReplaySource;
/* `is_taken`: the shard was taken over before. `sources`: by their numbers. */
void batch_replay_begin(BatchReplay *replay, bool is_taken, int64_t watermark_ms, const BatchReplaySource *sources);
/* In which order a batch takes records that are sorted by input and offset (source_order.h). */
void batch_replay_order(BatchReplay *replay, Record *sorted, size_t n, Record *ret);
/* `now_ms`: the wall clock at its reading. Its outcome. */
int64_t batch_replay_record(BatchReplay *replay, const Record *record, int64_t now_ms);
/* A new model's walk comes by. */
void batch_replay_settle(BatchReplay *replay, EntityKind kind, Str id);
/* How far time goes, as the footer says. */
void batch_replay_advance(BatchReplay *replay, int64_t watermark_ms, int64_t accounts_ms);
/* The state records. */
void batch_replay_end(BatchReplay *replay);

int64_t batch_replay_watermark(const BatchReplay *replay, EntityKind kind);
/* Of the batch. */
int64_t batch_replay_outputs(const BatchReplay *replay);
/* The message that may have been sent to all shards after batch_replay_advance(); null: it cannot have been. Borrowed until the next call. */
Str batch_replay_told(BatchReplay *replay);
