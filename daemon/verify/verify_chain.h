#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Chain of Batches
 *
 * Judges the footers of a shard in the order of its changelog: each batch follows the one before, in one lineage, and goes back in nothing.
 * Pure.
 *
 * All footers have one key, so compaction leaves one of those that it has come by, and nothing certain of the batches before: the chain
 * begins at the first footer there is. What follows that one has not been compacted. But compaction goes on while the log is being read,
 * and what is read next may be of a part that it has come by meanwhile. So a footer that does not follow is looked at twice:
 * verify_chain_doubts(), and if the one before is no longer in the log, verify_chain_restart().
 */
#include "daemon/pipeline/footer.h"
#include "daemon/verify/verify_report.h"

typedef struct VerifyChain {
    int32_t n_shards;
    bool has_last; /* a footer has been seen */
    Footer last;
    int64_t last_offset; /* of that footer */
    int64_t first_bno; /* the chain holds from there on */
    int64_t n_batches; /* that were judged whole */
    int64_t n_records; /* since the last footer … */
    int64_t loose_offset; /* … and where the first of them is */
} VerifyChain;

/* A record that belongs to the batch whose footer comes next. */
void verify_chain_add(VerifyChain *chain, int64_t offset);
/* Is the footer another than is due? */
bool verify_chain_doubts(const VerifyChain *chain, const Footer *footer);
/* The last footer has been compacted away: the next one begins a chain. */
void verify_chain_restart(VerifyChain *chain);
/* The next footer; what is wrong with it is told. Returns whether the whole batch was seen. */
bool verify_chain_footer(VerifyChain *chain, const Footer *footer, int64_t offset, VerifyReport *report);
/* All that is committed before `end` has been seen. */
void verify_chain_end(const VerifyChain *chain, int64_t end, VerifyReport *report);
