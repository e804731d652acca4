#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that come into the sources: forms and the calls that follow them, companies, profiles; some late, twice, malformed; leads merged
 * and forgotten; of one source some in transactions, that are aborted now and then.
 */
#include "lib/base/util.h"

void workload_start(void);

/* An event that stops the clock, as it was sent. */
typedef struct SentEvent {
    Str lead_id, event_id;
    int64_t occurred_at_ms, appended_at_ms;
    int32_t partition;
    unsigned source;
    int64_t offset;
    enum { SENT_START, SENT_STOP } kind;
} SentEvent;
extern SentEvent *workload_events;
extern size_t workload_n_events;
/* Was the lead merged, or somebody into it, or was it forgotten? */
bool workload_is_merged(Str lead_id);
