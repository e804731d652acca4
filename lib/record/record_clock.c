/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/record/record_clock.h"

#include "lib/lead/sla_clock.h"

/* A clock's phase and whether it is breached share a number with its epoch. */
#define CLOCK_PHASE_MASK 3
#define CLOCK_BREACHED 4
#define CLOCK_EPOCH_SHIFT 3
#define CLOCK_HEAD_MAX ((uint64_t)UINT32_MAX << CLOCK_EPOCH_SHIFT | CLOCK_BREACHED | CLOCK_PHASE_MASK)

/* How many pauses a clock has shares a number with what there is to read of them. */
#define PAUSES_LAST 1 /* the last one lasts */
#define PAUSES_BASE 2 /* there is a base */
#define PAUSES_SHIFT 2
#define PAUSES_TIMES 512 /* the clock has times of its own, which follow the pauses; beyond what their number takes */
#define PAUSES_HEAD_MAX ((uint64_t)SLA_PAUSES_MAX << PAUSES_SHIFT | PAUSES_BASE | PAUSES_LAST)
#define PAUSE_BYTES_MIN 1

static_assert(MODEL_LEVELS_MAX <= 32, "masks hold them all");
static_assert(PAUSES_HEAD_MAX < PAUSES_TIMES, "they don't share bits");
static_assert(SLA_PHASE_REVISABLE <= CLOCK_PHASE_MASK, "phases fit their bits");

/* Does the mask name only the first n of its bits? */
static bool mask_within(uint64_t mask, size_t n) {
    return n >= 64 || mask >> n == 0;
}

static void put_pauses(Packer *p, const SlaClock *clock) {
    bool lasts = sla_clock_is_paused(clock), has_base = clock->base_after_ms > 0;
    int64_t at_ms = clock->started_at_ms + clock->base_after_ms;
    pack_number(p, clock->n_pauses << PAUSES_SHIFT | (has_base ? PAUSES_BASE : 0) | (lasts ? PAUSES_LAST : 0) |
            (clock->times ? PAUSES_TIMES : 0));
    if (has_base) {
        pack_number(p, (uint64_t)clock->base_after_ms);
        pack_number(p, (uint64_t)clock->base_work_ms);
    }
    for (size_t i = 0; i < clock->n_pauses; i++) {
        const SlaPause *pause = &clock->pauses[i];
        pack_number(p, (uint64_t)(pause->from_ms - at_ms));
        if (pause->to_ms != TIME_NEVER)
            pack_number(p, (uint64_t)(pause->to_ms - pause->from_ms));
        at_ms = pause->to_ms;
    }
}

void pack_sla_clock(Packer *p, SeenIndex *seen, const SlaClock *clock) {
    uint64_t head = (uint64_t)clock->epoch << CLOCK_EPOCH_SHIFT | clock->phase;
    if (clock->phase == SLA_PHASE_NONE) {
        /* Of a clock that is over only the epoch counts. */
        pack_number(p, head);
        return;
    }
    assert(clock->epoch > 0);
    pack_number(p, head | (clock->breached ? CLOCK_BREACHED : 0));
    pack_past(p, clock->started_at_ms);
    pack_future_or_never(p, clock->due_at_ms);
    pack_number(p, clock->calendar);
    put_pauses(p, clock);
    if (clock->times)
        pack_sla_times(p, clock->times);
    pack_number(p, clock->warned);
    pack_number(p, clock->escalated);
    pack_event_id(p, seen, &clock->start_event_id);
}

/* An instant that many milliseconds after another one, at least min_ms. */
static int64_t get_after(Unpacker *u, int64_t at_ms, uint64_t min_ms) {
    uint64_t distance_ms = unpack_number_up_to(u, (uint64_t)(EVENT_TIME_MS_MAX - at_ms));
    if (distance_ms < min_ms)
        u->corrupt = true;
    return at_ms + (int64_t)distance_ms;
}

static int get_pauses(Unpacker *u, SlaClock *clock, bool *ret_times) {
    uint64_t head = unpack_number_up_to(u, PAUSES_TIMES | PAUSES_HEAD_MAX);
    *ret_times = head & PAUSES_TIMES;
    head &= ~(uint64_t)PAUSES_TIMES;
    if (head > PAUSES_HEAD_MAX)
        u->corrupt = true;
    size_t n = head >> PAUSES_SHIFT;
    int64_t at_ms = clock->started_at_ms;
    if (head & PAUSES_BASE) {
        at_ms = get_after(u, at_ms, 1);
        clock->base_after_ms = at_ms - clock->started_at_ms;
        clock->base_work_ms = (int64_t)unpack_number_up_to(u, (uint64_t)clock->base_after_ms);
    }
    if (n * PAUSE_BYTES_MIN > unpack_left(u) || (head & PAUSES_LAST && n == 0))
        u->corrupt = true;
    if (u->corrupt || n == 0)
        return 0;
    clock->pauses = calloc(n, sizeof(SlaPause));
    if (!clock->pauses)
        return -ENOMEM;
    clock->n_pauses = clock->n_pauses_alloc = n;
    for (size_t i = 0; i < n && !u->corrupt; i++) {
        bool lasts = head & PAUSES_LAST && i == n - 1;
        SlaPause *pause = &clock->pauses[i];
        pause->from_ms = get_after(u, at_ms, i > 0); /* only the first can begin where the base is */
        pause->to_ms = at_ms = lasts ? TIME_NEVER : get_after(u, pause->from_ms, 1);
    }
    return 0;
}

/* A clock has times of its own only if its policy says something else. */
static int get_times_of_its_own(Unpacker *u, SlaClock *clock, const SlaPolicy *policy) {
    SlaTimesBuffer buffer;
    SlaTimes times = unpack_sla_times(u, &buffer), present = sla_times_of(policy);
    if (u->corrupt || sla_times_equal(&times, &present)) {
        u->corrupt = true;
        return 0;
    }
    return sla_times_dup(&times, &clock->times);
}

int unpack_sla_clock(Unpacker *u, SlaClock *clock, SeenIndex *seen, const Model *model, unsigned policy) {
    uint64_t head = unpack_number_up_to(u, CLOCK_HEAD_MAX);
    clock->epoch = (uint32_t)(head >> CLOCK_EPOCH_SHIFT);
    clock->breached = head & CLOCK_BREACHED;
    switch (head & CLOCK_PHASE_MASK) {
    case SLA_PHASE_NONE:
        if (clock->breached)
            u->corrupt = true;
        return 0;
    case SLA_PHASE_OPEN:
        clock->phase = SLA_PHASE_OPEN;
        break;
    case SLA_PHASE_REVISABLE:
        clock->phase = SLA_PHASE_REVISABLE;
        break;
    default:
        u->corrupt = true;
        return 0;
    }
    if (clock->epoch == 0)
        u->corrupt = true;
    clock->started_at_ms = unpack_past(u);
    clock->due_at_ms = unpack_future_or_never(u);
    clock->calendar = (unsigned)unpack_number_up_to(u, model->n_calendars);
    bool has_times;
    int error = get_pauses(u, clock, &has_times);
    if (!error && has_times)
        error = get_times_of_its_own(u, clock, &model->policies[policy]);
    if (error)
        return error;
    SlaTimes levels = sla_terms(clock, model, policy).times;
    clock->warned = (uint32_t)unpack_number_up_to(u, UINT32_MAX);
    clock->escalated = (uint32_t)unpack_number_up_to(u, UINT32_MAX);
    if (!mask_within(clock->warned, levels.n_warnings) || !mask_within(clock->escalated, levels.n_escalations))
        u->corrupt = true;
    return unpack_event_id(u, seen, &clock->start_event_id);
}
