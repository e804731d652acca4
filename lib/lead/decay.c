/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "lib/lead/decay.h"

/*
 * Dating back makes a factor grow without bound; we stop at the largest power of two that a double holds,
 * since an infinite factor would turn a score of 0 into a NaN. Ahead in time it runs out at 0.
 */
#define HALVINGS_BACK_MAX 1023.0

int64_t decay_step(const Decay *decay, int64_t at_ms) {
    int64_t step_ms = MAX(decay->span_ms / DECAY_STEPS, 1);
    return decay_is_stepped(decay) ? at_ms - at_ms % step_ms : at_ms;
}

static double half_life_factor(const Decay *decay, int64_t from_ms, int64_t at_ms) {
    /* Exact wherever both are instants; TIME_NONE and TIME_NEVER can be further apart than an int64 holds. */
    int64_t elapsed_ms;
    double elapsed = __builtin_sub_overflow(at_ms, from_ms, &elapsed_ms) ? (double)at_ms - (double)from_ms
                                                                         : (double)elapsed_ms;
    double halvings = elapsed / (double)decay->span_ms;
    return halvings > DECAY_HALVINGS_TO_NOTHING ? 0 : exp2(MIN(-halvings, HALVINGS_BACK_MAX));
}

double decay_factor(const Decay *decay, int64_t from_ms, int64_t at_ms) {
    if (decay->kind == DECAY_NONE)
        return 1;
    assert(decay->span_ms > 0);
    if (decay->kind == DECAY_HALF_LIFE)
        return from_ms == at_ms ? 1 : half_life_factor(decay, from_ms, at_ms);
    int64_t elapsed_ms = at_ms - decay_step(decay, from_ms);
    if (elapsed_ms >= decay->span_ms)
        return 0;
    return decay->kind == DECAY_WINDOW ? 1 : 1 - (double)elapsed_ms / (double)decay->span_ms;
}
