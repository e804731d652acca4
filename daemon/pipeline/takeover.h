#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking a Shard Over
 *
 * DESIGN section 3, "Taking over a shard": from the committed offsets and the last footer to a live shard whose view stands
 * at the committed batch. Nothing is recomputed and nothing is written to Kafka.
 */
#include "daemon/pipeline/live_shard.h"

/*
 * A shard that can go on; PIPELINE_E_HALT: not until an operator has acted (logged with the remedy); PIPELINE_E_WAIT: a
 * server is away.
 */
MUST_CHECK int takeover_shard(Pipeline *p, int32_t id, OutputSink sink, MessageSink messages, LiveShard **ret);

/*
 * Another shard has written to this one by an earlier model version, under which this one has never written anything itself, so that
 * its changelog does not have the version's names. Those of the others are looked through. 0, also if none has them; errors as above.
 */
MUST_CHECK int takeover_learn_model(LiveShard *shard, int64_t version);

/*
 * Brings the view from wherever it stands to the shard's committed batch by applying the changelog. Also for a live shard
 * whose view has lost something.
 */
MUST_CHECK int takeover_catch_up(LiveShard *shard);
/* After a write or read of the view went wrong: what to do; `code` is a VIEW_E_*. 0: the view was caught up; do it again. */
MUST_CHECK int takeover_repair(LiveShard *shard, int code, const char *text);
