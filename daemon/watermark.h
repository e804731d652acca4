#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Watermark
 *
 * Up to which instant a shard knows what happened (DESIGN section 4): from the events that were read, and, where
 * every source is proved to be read up to an instant, from the wall clock. Pure; the pipeline supplies proofs.
 */
#include "daemon/config.h"

/* What is known of one source topic of a shard. */
typedef struct SourceProgress {
    int64_t newest_ms; /* the greatest occurred_at read, each counted at most as the wall clock at its reading */
    int64_t proved_ms; /* everything appended before is read, and has been through the engine */
    int64_t proof_ms;  /* the same, once the records at hand have been through it */
    int64_t read_to;   /* offset: everything before it is read */
    bool at_end;       /* the last thing read was the partition's end */
} SourceProgress;

#define SOURCE_PROGRESS_INIT ((SourceProgress){.newest_ms = TIME_NONE, .proved_ms = TIME_NONE, .proof_ms = TIME_NONE, .read_to = -1})

/*
 * W = min over sources of max(newest, proved) - lateness, or TIME_NONE while some source has neither. With WATERMARK_DATA:
 * proofs do not count, and a source at its end does not hold W back.
 */
int64_t watermark_of(WatermarkMode mode, const SourceProgress *sources, size_t n, int64_t lateness_ms);
/* The same with one event more of source `source`, which is not noted yet. */
int64_t watermark_with(WatermarkMode mode, const SourceProgress *sources, size_t n, int64_t lateness_ms,
        unsigned source, int64_t occurred_at_ms);
