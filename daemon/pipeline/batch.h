#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Batch
 *
 * One shard's part of a round's transaction: outputs, state records, and the footer that numbers it (DESIGN section 3).
 */
#include "daemon/pipeline/live_shard.h"

typedef struct Batch Batch;

/* The transaction has begun; the batch's number is the shard's next. */
MUST_CHECK int batch_new(LiveShard *shard, Batch **ret);
Batch *batch_free(Batch *batch);
DEFINE_CLEANUP(Batch *, batch_free)

/* Encodes the output and queues it for its topic, keyed by lead id or by `key` if that is not null. 0, PIPELINE_E_RESTART or negative errno. */
MUST_CHECK int batch_add_output(Batch *batch, const Output *output, Str key);
/* Queues a message for the shard of whom it is for, or for all shards. Outcomes as above. */
MUST_CHECK int batch_add_message(Batch *batch, const ShardMessage *message);
/* The input is read up to next_offset. */
void batch_note_input(Batch *batch, unsigned input, int64_t next_offset);
/*
 * All is in: queues the state records of the leads and accounts that changed and the footer; *ret are the offsets to commit, valid as long as
 * the batch. Outcomes as above.
 */
MUST_CHECK int batch_finish(Batch *batch, ShardOffsets *ret);
/*
 * The transaction is being committed. For the engine the shard stands at this batch from now on, and the next one may begin; for all
 * others it does once that is done.
 */
void batch_close(Batch *batch);
/* It was committed: the view is to follow. */
void batch_settle(Batch *batch);
