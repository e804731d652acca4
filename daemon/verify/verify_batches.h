#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Batches Wrote
 *
 * The latest batches of a shard with all that the changelog has of them, until what they wrote to other topics has been gathered, too, and
 * the hash of all that can be compared with the footer's. Bounded in number and in bytes. Pure.
 */
#include "daemon/pipeline/batch_hash.h"
#include "daemon/verify/verify_report.h"

typedef struct VerifyBatches VerifyBatches;

MUST_CHECK int verify_batches_new(size_t n_max, size_t bytes_max, VerifyBatches **ret);
VerifyBatches *verify_batches_free(VerifyBatches *batches);
DEFINE_CLEANUP(VerifyBatches *, verify_batches_free)

/* A record of the batch that is being read in the changelog. */
MUST_CHECK int verify_batches_add(VerifyBatches *batches, Str key, Str value, int64_t timestamp_ms);
/* Its footer. One that was not seen whole is dropped. */
MUST_CHECK int verify_batches_end(VerifyBatches *batches, const Footer *footer, bool is_whole, int64_t timestamp_ms);
size_t verify_batches_count(const VerifyBatches *batches);
/* When the earliest of them wrote its first record to the changelog; TIME_NEVER: there is none. */
int64_t verify_batches_since(const VerifyBatches *batches);

/* Forgets what other topics had. */
void verify_batches_forget_outputs(VerifyBatches *batches);
/* A record of another topic; of no batch that is kept: nothing happens. The topic's name is borrowed. */
MUST_CHECK int verify_batches_output(VerifyBatches *batches, const BatchTag *tag, const char *topic, Str key, Str value);

typedef struct VerifyHashes {
    int64_t first_bno;   /* of those that were compared; 0: none was */
    size_t n_right;
    size_t n_wrong;
    size_t n_incomplete; /* that lack records in other topics */
    size_t n_untold;     /* written by a version that did not say which records are whose */
    size_t n_too_large;
} VerifyHashes;
/*
 * `changelog`: the name of that topic. `complete`: what is missing in other topics was not taken away by retention or compaction. Tells what
 * is wrong if there is a report. 0 or -ENOMEM.
 */
MUST_CHECK int verify_batches_judge(
        VerifyBatches *batches, const char *changelog, bool complete, VerifyReport *report, VerifyHashes *ret);
