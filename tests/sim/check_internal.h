#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What check.c, check_batches.c and check_outputs.c share. */
#include "daemon/pipeline/footer.h"
#include "daemon/pipeline/source_order.h"
#include "tests/sim/adapters.h"
#include "tests/sim/check.h"
#include "tests/sim/scenario.h"

/* One of a shard, as the changelog has it. */
typedef struct ShownBatch {
    const Footer *footer;
    int64_t offset;          /* of the footer */
    int64_t first_offset;    /* of its records in the changelog */
    const LogRecord *record; /* the footer's */
} ShownBatch;

typedef struct ShownShard {
    ShownBatch *batches;
    size_t n, n_alloc;
} ShownShard;

Partition *check_changelog(int32_t shard);
/* The last footer that is committed; NULL: there is none yet. */
const Footer *check_last_footer(int32_t shard);

/* --- check_batches.c --------------------------------------------------------------------------------- */

/* What a shard took, in the order in which its batches did. */
typedef struct TakenRecords {
    Record *records;
    size_t n, n_alloc;
} TakenRecords;

/* All batches again, against what their transactions hold. */
void check_batches(const ShownShard *shards);
/* Afterwards. */
const TakenRecords *check_taken(int32_t shard);

/* --- check_order.c ----------------------------------------------------------------------------------- */

/* What was there first was taken first, whichever source it stood in (daemon/pipeline/source_order.h). */
void check_order(void);

/* --- check_outputs.c --------------------------------------------------------------------------------- */

/* What others read: nothing twice, and no verdict that was known to be wrong. After check_batches(). */
void check_outputs(void);
