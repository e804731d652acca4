#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Round
 *
 * What is done with what was polled: the records of each shard go through its engine in the order of sources (source_order.h), due
 * moments happen, and everything that comes of it is committed by one transaction; then the view follows
 * (DESIGN section 3, "Batch"). The commit is another thread's: meanwhile the next records may be polled, and the next round may run, up to
 * its own commit. A round that cannot begin, because a server is away, has changed nothing and keeps its
 * records for the next try.
 */
#include "daemon/pipeline/live_shard.h"

MUST_CHECK int round_new(Pipeline *p, Round **ret);
Round *round_free(Round *round);
DEFINE_CLEANUP(Round *, round_free)

/* The engine's outputs go here; `userdata` is the LiveShard. */
int round_output(void *userdata, const Output *output);
/* And what it has to say to other shards here. */
int round_message(void *userdata, const ShardMessage *message);

/* Copies a polled record. 0 or -ENOMEM. */
MUST_CHECK int round_add(Round *round, const SourcePoll *poll);
/* Records waiting for a round. */
size_t round_count(const Round *round);
/* Of those, how many do not wait for other sources to bring what is before them, or for a schema. */
size_t round_count_ready(const Round *round);
/* Do some wait for other sources? */
bool round_waits_for_order(const Round *round);
/* The registry may have forgotten schemas: looks again at whether those of all records are known. 0 or negative errno. */
MUST_CHECK int round_look_again(Round *round);
/*
 * Puts what was polled in order, and notes in each shard whether it waits for a proof. Those inputs are put on hold that are too far ahead
 * of the others. 0, negative errno or PIPELINE_E_RESTART.
 */
MUST_CHECK int round_order(Round *round);
/* Is a transaction being committed? */
bool round_is_committing(const Round *round);
/*
 * Waits for the commit, if there is one, and takes note of it: before anything that supposes that what shards have made is committed. 0, or
 * PIPELINE_E_RESTART: it failed, or nobody knows.
 */
MUST_CHECK int round_settle(Round *round);
/* Brings on the way to the views what waits for it, and keeps the cache within bounds. 0, PIPELINE_E_RESTART or negative errno. */
MUST_CHECK int round_view(Round *round);
/* Drops all records: the assignment has changed, and their next owner reads them again. */
void round_drop(Round *round);

/* Sets a shard aside that cannot go on, and has said why: it is not read, and is taken over again from time to time. Nothing is being committed. */
void round_halt(Round *round, int32_t shard);

/*
 * Runs one round over what is waiting and over the owned shards' due moments. 0; PIPELINE_E_WAIT: a server is away, nothing was
 * changed; PIPELINE_E_RESTART; negative errno.
 */
MUST_CHECK int round_run(Round *round);
