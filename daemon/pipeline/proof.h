#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proofs of Being Caught Up
 *
 * A deadline may be judged by the wall clock only when everything that was appended before it has been read (DESIGN section 4,
 * "Proof"). So the sources are asked for their ends, after the time was noted: if what was polled reaches them, that
 * time is proved. Cached ends are too old for that, and a log may end in records that no consumer sees, which is why
 * the end that a partition's EOF event tells counts like a record.
 */
#include "daemon/pipeline/live_shard.h"

/* Is something of the shard due by the wall clock, and not judged for want of a proof? */
bool proof_is_awaited(const LiveShard *shard, int64_t now_ms);

/*
 * Asks for those owned shards in which something is due by the wall clock that the watermark has not reached, or a record waits for the
 * other sources. What is proved counts for the watermark once the records at hand have been through the engine. 0 or negative errno; a broker that does not
 * answer proves nothing.
 */
MUST_CHECK int proof_seek(Pipeline *p);
