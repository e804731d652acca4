/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "lib/decay.h"

/*
 * Dating back makes a factor grow without bound; we stop at the largest power of two that a double holds,
 * since an infinite factor would turn a score of 0 into a NaN. Ahead in time no bound is needed: exp2() runs
 * out at 0.
 */
#define HALVINGS_BACK_MAX 1023.0

double decay_factor(const Decay *decay, int64_t from_ms, int64_t at_ms) {
    if (decay->kind == DECAY_NONE || from_ms == at_ms)
        return 1;
    assert(decay->half_life_ms > 0);

    /* Exact wherever both are instants; TIME_NONE and TIME_NEVER can be further apart than an int64 holds. */
    int64_t elapsed_ms;
    double elapsed = __builtin_sub_overflow(at_ms, from_ms, &elapsed_ms) ? (double)at_ms - (double)from_ms
                                                                         : (double)elapsed_ms;
    return exp2(MIN(-elapsed / (double)decay->half_life_ms, HALVINGS_BACK_MAX));
}
