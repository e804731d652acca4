#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Shard
 *
 * The engine over all leads of one partition: its watermark, its leads and their moments. Events go in one
 * by one, outputs come out through the sink, in the order that SPEC sections 3 and 4 define. Pure: the same
 * events and watermarks give the same outputs, whether they come from Kafka or from a file.
 *
 * Live, not every lead is in memory. Before shard_event() or shard_advance() the caller puts in those that
 * will be touched: the event's lead, and every lead with a moment at or before the new watermark
 * (see "Cold leads"). A lead that is not in the table then is one that never was.
 */
#include "lib/lead_table.h"
#include "lib/output.h"

typedef struct Shard Shard;

enum { _SHARD_E_SUCCESS, SHARD_E_COLD /* a cold lead's moment is due: it must be loaded first */ };

/* What became of an event. */
typedef enum EventOutcome {
    EVENT_APPLIED,
    EVENT_DUPLICATE, /* SPEC section 4, step 2 */
    EVENT_IGNORED,   /* step 3; see ignore_rule */
    EVENT_REJECTED,  /* cannot be applied: goes to the dead letters with reason and text */
} EventOutcome;

typedef struct EventResult {
    EventOutcome outcome;
    unsigned ignore_rule;
    const char *reason; /* for EVENT_REJECTED: a code of SPEC section 8 */
    const char *text;
} EventResult;

/* `model` and what the sink refers to outlive the shard. */
MUST_CHECK int shard_new(const Model *model, OutputSink sink, Shard **ret);
Shard *shard_free(Shard *shard);
DEFINE_CLEANUP(Shard *, shard_free)

LeadTable *shard_leads(Shard *shard);
/* TIME_NONE before the first event. */
int64_t shard_watermark(const Shard *shard);
/* For taking over: where the predecessor stood. Fires nothing. */
void shard_restore_watermark(Shard *shard, int64_t watermark_ms);

/*
 * Applies one valid event (SPEC section 4). If it passes steps 1 to 3, the watermark first rises to
 * watermark_ms (if that is higher) and all moments up to it happen. Returns 0, or a negative errno: out of
 * memory or the sink's; the shard is then in no defined state and must be dropped; or SHARD_E_COLD: the event was not applied.
 */
MUST_CHECK int shard_event(Shard *shard, const LeadEvent *event, int64_t watermark_ms, EventResult *ret);
/*
 * Would the event pass steps 1 to 3, and so raise the watermark? For a caller that cannot load all moments up to there
 * at once, and goes there in several calls of shard_advance() before shard_event().
 */
MUST_CHECK int shard_accepts(Shard *shard, const LeadEvent *event, bool *ret);
/*
 * The watermark rises to watermark_ms, if that is higher; all moments up to it happen. Errors as above. SHARD_E_COLD:
 * they happened up to a cold lead's.
 */
MUST_CHECK int shard_advance(Shard *shard, int64_t watermark_ms);

/* The earliest moment of all leads in the table and of cold ones; TIME_NEVER if there is none. */
int64_t shard_next_moment(const Shard *shard);

/*
 * Cold leads: known by id and next moment only, until they are loaded. Adding one again, or one whose lead is
 * in the table, does nothing.
 */
MUST_CHECK int shard_add_cold(Shard *shard, Str lead_id, int64_t moment_ms);
/* The earliest cold lead: its id, borrowed until the shard's next call, and moment; null and TIME_NEVER if there is none. */
Str shard_next_cold(const Shard *shard, int64_t *ret_moment_ms);
size_t shard_count_cold(const Shard *shard);
/* Puts a loaded lead in (takes it, unless an error is returned) and arms its moments; it is cold no more. */
MUST_CHECK int shard_load(Shard *shard, Lead *lead);
/* A cold lead turned out not to exist: forgets it. */
void shard_drop_cold(Shard *shard, Str lead_id);
/*
 * Drops unchanged leads until the table holds at most max_bytes. Those with a moment before horizon_ms stay known as cold ones.
 */
MUST_CHECK int shard_trim(Shard *shard, size_t max_bytes, int64_t horizon_ms);
