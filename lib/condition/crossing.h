#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Crossings
 *
 * When does a sum of decaying exponentials, a constant and a linear part change its sign? Exactly, to the
 * millisecond, without sampling: see crossing.c for the method. This is how scores of different half-lives
 * and signs, and elapsed times, meet a threshold between two events (SPEC section 3, "Internal moments").
 */
#include "lib/model/model.h"

/* One half-life's part: what it is worth at the sum's origin. */
typedef struct Exponential {
    double value;
    double half_life_ms;
} Exponential;

/*
 * f(t) = constant + slope * (t - origin) + sum of value * 2^(-(t - origin) / half_life) + offset, in this order: what is so small that it would
 * be lost beside the constant counts where the rest cancels out.
 */
typedef struct ExponentialSum {
    int64_t origin_ms;
    double constant;
    double slope; /* per millisecond */
    double offset;
    Exponential exponentials[MODEL_SCORES_MAX]; /* distinct half-lives */
    unsigned n_exponentials;
} ExponentialSum;

/* Adds value * 2^(-(t - origin) / half_life), joining equal half-lives. */
void exponential_sum_add(ExponentialSum *sum, double value, double half_life_ms);
double exponential_sum_value(const ExponentialSum *sum, int64_t at_ms);

/*
 * The first millisecond t in (from_ms, to_ms] at which "f(t) > 0" is not what it was at t - 1, or TIME_NEVER. from_ms must not be
 * before the origin. Two changes within one millisecond cancel out and are not seen, as nobody could see them.
 */
int64_t crossing_first(const ExponentialSum *sum, int64_t from_ms, int64_t to_ms);
