#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Watermark
 *
 * Up to which instant a shard knows what happened (DESIGN section 4): from the events that were read, and, where
 * every source is proved to be read up to an instant, from the wall clock. Pure; the pipeline supplies proofs.
 */
#include "daemon/config/config.h"
#include "daemon/pipeline/source_progress.h"

/*
 * W = min over sources of max(newest, proved) - lateness, or TIME_NONE while some source has neither. With WATERMARK_DATA:
 * proofs do not count, and a source at its end does not hold W back.
 */
int64_t watermark_of(WatermarkMode mode, const SourceProgress *sources, size_t n, int64_t lateness_ms);
/* The same with one event more of source `source`, which is not noted yet. */
int64_t watermark_with(WatermarkMode mode, const SourceProgress *sources, size_t n, int64_t lateness_ms,
        unsigned source, int64_t occurred_at_ms);
