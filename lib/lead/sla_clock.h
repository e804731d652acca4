#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working Time of an SLA Clock
 *
 * A clock runs in the working time of its calendar and stands still in its pauses (SPEC section 5). What it has run and when it
 * will have run so long are found from its start and its pauses, whatever came in between, so that a stop that arrives late is
 * measured like one that came in time.
 */
#include "lib/lead/lead.h"

/*
 * What a clock goes by, as of its start: all that is asked of times and calendar is asked through this. What stops, cancels and pauses it
 * is what its policy says at present.
 */
typedef struct SlaTerms {
    SlaTimes times;
    const Calendar *calendar; /* NULL: round the clock */
} SlaTerms;

/* Of the clock of the model's policy with this index. */
SlaTerms sla_terms(const SlaClock *clock, const Model *model, unsigned policy);

static inline bool sla_clock_is_paused(const SlaClock *clock) {
    return clock->n_pauses > 0 && clock->pauses[clock->n_pauses - 1].to_ms == TIME_NEVER;
}

/* Working time from the start to at_ms. */
int64_t sla_clock_elapsed(const SlaClock *clock, SlaTerms terms, int64_t at_ms);
/*
 * The instant by which the clock has run for work_ms. TIME_NEVER: not as long as it is paused, or nothing is open. Where that would be the
 * very beginning of a pause, it is not reached before the end of it, unless the breach was told at that instant before the pause began.
 */
int64_t sla_clock_instant(const SlaClock *clock, SlaTerms terms, int64_t work_ms);
/* When it is due; if it is not to be as long as it is paused, as if it went on at at_ms. */
int64_t sla_clock_due(const SlaClock *clock, SlaTerms terms, int64_t at_ms);

/* Opens the clock's next epoch; calendar is a number of the model. */
void sla_clock_start(SlaClock *clock, const Model *model, unsigned policy, int64_t at_ms, unsigned calendar);
/* Opens the next epoch as a continuation of `from`, another lead's, which is open, and no more afterwards. */
void sla_clock_move(SlaClock *clock, SlaClock *from, int64_t at_ms);
/*
 * Its calendar is no more, and not to be asked any more: what is left at at_ms is counted round the clock. Its due instant stays, and the
 * levels keep their distance from it. Of a clock that has none, as it is paused, what it told last has run by then, and no more.
 */
void sla_clock_lose_calendar(SlaClock *clock, const SlaTimes *times, int64_t at_ms);
/* Ends it for good: only its epoch counts from now on. */
void sla_clock_end(SlaClock *clock);
/* From at_ms on, or from the end of its latest pause if that is later, it stands still. 0 or -ENOMEM. */
MUST_CHECK int sla_clock_pause(SlaClock *clock, SlaTerms terms, int64_t at_ms);
/* A paused clock goes on at at_ms. A pause of no length has not been. */
void sla_clock_resume(SlaClock *clock, SlaTerms terms, int64_t at_ms);
