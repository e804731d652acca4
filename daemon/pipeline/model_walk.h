#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A New Model's Walk
 *
 * After a new model version has been loaded every record of a shard is brought to it, in bounded steps beside the shard's other work
 * (DESIGN section 3). The changelog, which has every lead and account, is read from its beginning to where it ended when the version
 * came; what was written since is of the version already. How far the walk is stands in the footers.
 */
#include "daemon/pipeline/live_shard.h"

typedef struct ModelWalk ModelWalk;

/* From the changelog's offset `next` (-2: its beginning) to before `end`. */
MUST_CHECK int model_walk_new(int64_t next, int64_t end, ModelWalk **ret);
ModelWalk *model_walk_free(ModelWalk *walk);
DEFINE_CLEANUP(ModelWalk *, model_walk_free)

/* Where it goes on, and ends. */
int64_t model_walk_next(const ModelWalk *walk);
int64_t model_walk_end(const ModelWalk *walk);

/* Reads the next step's keys and loads what they name. 0, PIPELINE_E_WAIT, _HALT, _RESTART or negative errno. */
MUST_CHECK int model_walk_load(LiveShard *shard);
/* Settles what has been loaded under the new model. *ret_done: that was the last of it. Errors as of the engine. */
MUST_CHECK int model_walk_apply(LiveShard *shard, bool *ret_done);
