/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between its pauses a clock *runs*: from its base (the start, as a rule) to its first pause, from the end of each pause to the next
 * one, and from the end of the last one on, unless that lasts. All questions are answered by going through these runs.
 *
 * Of more pauses than are kept, the oldest becomes part of the base. What is dated before that is measured as if there had
 * been no pause before the base, but as no more than what the clock had run by then.
 */
#include "lib/lead/sla_clock.h"

SlaTerms sla_terms(const SlaClock *clock, const Model *model, unsigned policy) {
    assert(policy < model->n_policies);
    return (SlaTerms){
        .times = clock->times ? *clock->times : sla_times_of(&model->policies[policy]),
        .calendar = model_calendar(model, clock->calendar),
    };
}

/* --- asking ------------------------------------------------------------------------------------------ */

static int64_t base_at(const SlaClock *clock) {
    return clock->started_at_ms + clock->base_after_ms;
}

static int64_t run_begin(const SlaClock *clock, size_t i) {
    return i == 0 ? base_at(clock) : clock->pauses[i - 1].to_ms;
}

int64_t sla_clock_elapsed(const SlaClock *clock, SlaTerms terms, int64_t at_ms) {
    if (at_ms < base_at(clock))
        return earliest(calendar_between(terms.calendar, clock->started_at_ms, at_ms), clock->base_work_ms);
    int64_t work_ms = clock->base_work_ms;
    for (size_t i = 0; i <= clock->n_pauses; i++) {
        int64_t begin_ms = run_begin(clock, i);
        if (begin_ms >= at_ms)
            break;
        int64_t end_ms = i < clock->n_pauses ? MIN(clock->pauses[i].from_ms, at_ms) : at_ms;
        work_ms += calendar_between(terms.calendar, begin_ms, end_ms);
    }
    return work_ms;
}

/* Did its breach bring about the pause, or come before it at the same instant? Then all levels of that instant have been reached. */
static bool is_after_breach(const SlaClock *clock, const SlaPause *pause) {
    return clock->breached && clock->due_at_ms == pause->from_ms;
}

int64_t sla_clock_instant(const SlaClock *clock, SlaTerms terms, int64_t work_ms) {
    if (work_ms < clock->base_work_ms)
        return earliest(calendar_add(terms.calendar, clock->started_at_ms, work_ms), base_at(clock));
    work_ms -= clock->base_work_ms;
    for (size_t i = 0; i < clock->n_pauses; i++) {
        int64_t begin_ms = run_begin(clock, i), end_ms = clock->pauses[i].from_ms;
        int64_t at_ms = calendar_add(terms.calendar, begin_ms, work_ms);
        if (at_ms < end_ms || (at_ms == end_ms && is_after_breach(clock, &clock->pauses[i])))
            return at_ms;
        work_ms -= calendar_between(terms.calendar, begin_ms, end_ms);
    }
    if (sla_clock_is_paused(clock))
        return TIME_NEVER;
    return calendar_add(terms.calendar, run_begin(clock, clock->n_pauses), work_ms);
}

int64_t sla_clock_due(const SlaClock *clock, SlaTerms terms, int64_t at_ms) {
    if (clock->due_at_ms != TIME_NEVER || !sla_clock_is_paused(clock))
        return clock->due_at_ms;
    int64_t paused_at_ms = clock->pauses[clock->n_pauses - 1].from_ms;
    int64_t left_ms = terms.times.target_ms - sla_clock_elapsed(clock, terms, paused_at_ms);
    return calendar_add(terms.calendar, MAX(at_ms, paused_at_ms), MAX(left_ms, 0));
}

/* --- what happens to it ------------------------------------------------------------------------------ */

void sla_clock_start(SlaClock *clock, const Model *model, unsigned policy, int64_t at_ms, unsigned calendar) {
    sla_clock_end(clock);
    *clock = (SlaClock){
        .phase = SLA_PHASE_OPEN,
        .epoch = clock->epoch + 1,
        .started_at_ms = at_ms,
        .calendar = calendar,
    };
    SlaTerms terms = sla_terms(clock, model, policy);
    clock->due_at_ms = sla_clock_instant(clock, terms, terms.times.target_ms);
}

void sla_clock_move(SlaClock *clock, SlaClock *from, int64_t at_ms) {
    uint32_t epoch = clock->epoch + 1;
    sla_clock_end(clock);
    *clock = *from;
    clock->epoch = epoch;
    clock->taken_at_ms = at_ms;
    *from = (SlaClock){.epoch = from->epoch};
}

void sla_clock_end(SlaClock *clock) {
    free(clock->pauses);
    free(clock->times);
    event_id_done(&clock->start_event_id);
    *clock = (SlaClock){.epoch = clock->epoch};
}

/* The most working time that is known to have passed: that of the levels that were told. */
static int64_t told_work(const SlaClock *clock, const SlaTimes *times) {
    int64_t work_ms = clock->breached ? times->target_ms : 0;
    for (size_t i = 0; i < times->n_warnings; i++)
        if (clock->warned >> i & 1)
            work_ms = MAX(work_ms, times->warnings[i].after_ms);
    for (size_t i = 0; i < times->n_escalations; i++)
        if (clock->escalated >> i & 1)
            work_ms = MAX(work_ms, times->escalations[i].after_ms);
    return work_ms;
}

/* From at_ms on, by when it has run for work_ms. The pauses before are part of that. */
static void rebase(SlaClock *clock, int64_t at_ms, int64_t work_ms) {
    size_t n = sla_clock_is_paused(clock);
    if (n)
        clock->pauses[0] = clock->pauses[clock->n_pauses - 1];
    clock->n_pauses = n;
    clock->base_after_ms = at_ms - clock->started_at_ms;
    clock->base_work_ms = MIN(work_ms, clock->base_after_ms);
    clock->calendar = 0;
    clock->next_level_known = false;
}

void sla_clock_lose_calendar(SlaClock *clock, const SlaTimes *times, int64_t at_ms) {
    bool paused = sla_clock_is_paused(clock);
    at_ms = paused ? clock->pauses[clock->n_pauses - 1].from_ms : latest(at_ms, run_begin(clock, clock->n_pauses));
    if (clock->due_at_ms != TIME_NEVER) {
        int64_t left_ms = clock->due_at_ms - at_ms;
        if (left_ms > times->target_ms) { /* it has the whole of it still to run, and begins so long before it is due */
            at_ms = MIN(clock->due_at_ms - times->target_ms, EVENT_TIME_MS_MAX);
            left_ms = times->target_ms;
        }
        rebase(clock, at_ms, times->target_ms - left_ms);
        return;
    }
    rebase(clock, at_ms, told_work(clock, times));
    if (!paused)
        clock->due_at_ms = sla_clock_instant(clock, (SlaTerms){.times = *times}, times->target_ms);
}

/* Makes the oldest pause part of the base. */
static void fold(SlaClock *clock, SlaTerms terms) {
    const SlaPause *oldest = &clock->pauses[0];
    clock->base_work_ms += calendar_between(terms.calendar, base_at(clock), oldest->from_ms);
    clock->base_after_ms = oldest->to_ms - clock->started_at_ms;
    clock->n_pauses--;
    memmove(clock->pauses, clock->pauses + 1, clock->n_pauses * sizeof(*clock->pauses));
}

static int add_pause(SlaClock *clock, SlaTerms terms, int64_t at_ms) {
    if (clock->n_pauses == SLA_PAUSES_MAX)
        fold(clock, terms);
    int r = array_reserve(&clock->pauses, &clock->n_pauses_alloc, clock->n_pauses, sizeof(*clock->pauses));
    if (r < 0)
        return r;
    clock->pauses[clock->n_pauses++] = (SlaPause){at_ms, TIME_NEVER};
    return 0;
}

int sla_clock_pause(SlaClock *clock, SlaTerms terms, int64_t at_ms) {
    assert(!sla_clock_is_paused(clock));
    int64_t run_begin_ms = run_begin(clock, clock->n_pauses);
    at_ms = MAX(at_ms, run_begin_ms);
    if (clock->n_pauses && at_ms == run_begin_ms) {
        clock->pauses[clock->n_pauses - 1].to_ms = TIME_NEVER; /* it goes on: there was no run in between */
    } else {
        int r = add_pause(clock, terms, at_ms);
        if (r < 0)
            return r;
    }
    if (clock->due_at_ms > at_ms || (clock->due_at_ms == at_ms && !clock->breached))
        clock->due_at_ms = TIME_NEVER;
    clock->next_level_known = false;
    return 0;
}

void sla_clock_resume(SlaClock *clock, SlaTerms terms, int64_t at_ms) {
    assert(sla_clock_is_paused(clock));
    SlaPause *last = &clock->pauses[clock->n_pauses - 1];
    last->to_ms = MAX(at_ms, last->from_ms);
    if (last->from_ms == last->to_ms)
        clock->n_pauses--;
    /* One that was due before it was paused stays so, whatever has become of the pauses that it was found by. */
    if (clock->due_at_ms == TIME_NEVER)
        clock->due_at_ms = sla_clock_instant(clock, terms, terms.times.target_ms);
    clock->next_level_known = false;
}
