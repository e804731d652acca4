/* SPDX-License-Identifier: Apache-2.0 */
/*
 * f has n exponentials and a polynomial part of degree at most 1. Multiplying f by a positive function does
 * not move its zeros, so f times 2^(t/h), where h is one of its half-lives, has the zeros of f and one
 * constant term; its derivative has one term less than f, and is itself, up to a positive factor, such a sum.
 * (Where there is a polynomial part, the plain derivative lowers its degree instead.) Between two neighbouring
 * zeros of that derivative the product is monotone, so f changes its sign there at most once, and a bisection
 * over whole milliseconds finds where. The derivative's own zeros are found the same way, down to a sum of one
 * term, which has none. That is Rolle's theorem used as in the proof of Descartes' rule for exponential sums
 * (Pólya and Szegő, Problems and Theorems in Analysis II, part V, problem 77): at most as many zeros as terms,
 * less one, whatever half-lives and signs.
 *
 * Zeros of derivatives are rounded to milliseconds, so the millisecond that holds one is looked at by itself.
 */
#include "lib/condition/crossing.h"

#include <math.h>

/* Zeros of a sum: at most its terms less one; the rounding of a zero into its millisecond adds none. */
#define ZEROS_MAX (MODEL_SCORES_MAX + 2)

void exponential_sum_add(ExponentialSum *sum, double value, double half_life_ms) {
    if (value == 0)
        return;
    for (unsigned i = 0; i < sum->n_exponentials; i++)
        if (sum->exponentials[i].half_life_ms == half_life_ms) {
            sum->exponentials[i].value += value;
            return;
        }
    assert(sum->n_exponentials < ARRAY_SIZE(sum->exponentials));
    sum->exponentials[sum->n_exponentials++] = (Exponential){value, half_life_ms};
}

/* What is left of the exponential. */
static double part_at(const Exponential *exponential, double elapsed_ms) {
    double halvings = elapsed_ms / exponential->half_life_ms;
    double factor = halvings == 0 ? 1 : halvings > DECAY_HALVINGS_TO_NOTHING ? 0 : exp2(-halvings);
    return exponential->value * factor;
}

double exponential_sum_value(const ExponentialSum *sum, int64_t at_ms) {
    double elapsed_ms = (double)(at_ms - sum->origin_ms);
    double value = sum->constant + sum->slope * elapsed_ms;
    for (unsigned i = 0; i < sum->n_exponentials; i++)
        value += part_at(&sum->exponentials[i], elapsed_ms);
    return value + sum->offset;
}

static bool is_positive(const ExponentialSum *sum, int64_t at_ms) {
    return exponential_sum_value(sum, at_ms) > 0;
}

/* Does every term only fall, or only rise? Then the sum does, and needs no derivative. */
static bool is_monotone(const ExponentialSum *sum) {
    bool falls = sum->slope < 0, rises = sum->slope > 0;
    for (unsigned i = 0; i < sum->n_exponentials; i++) {
        falls |= sum->exponentials[i].value > 0;
        rises |= sum->exponentials[i].value < 0;
    }
    return !(falls && rises);
}

/* The sum whose zeros part the range into pieces where `sum` changes its sign at most once. Rates are in 1 / half-life. */
static ExponentialSum reduce(const ExponentialSum *sum) {
    ExponentialSum reduced = {.origin_ms = sum->origin_ms};
    if (sum->slope != 0 || sum->constant != 0 || sum->offset != 0) {
        /* the derivative, with ln 2 left out of the exponentials' part and so divided out of the slope */
        reduced.constant = sum->slope / M_LN2;
        for (unsigned i = 0; i < sum->n_exponentials; i++)
            exponential_sum_add(&reduced, -sum->exponentials[i].value / sum->exponentials[i].half_life_ms,
                    sum->exponentials[i].half_life_ms);
        return reduced;
    }
    double rate = 1 / sum->exponentials[0].half_life_ms;
    for (unsigned i = 1; i < sum->n_exponentials; i++)
        exponential_sum_add(&reduced, sum->exponentials[i].value * (rate - 1 / sum->exponentials[i].half_life_ms),
                sum->exponentials[i].half_life_ms);
    return reduced;
}

/* First t in (from, to] with another sign than at `from`, where there is exactly one change. */
static int64_t bisect(const ExponentialSum *sum, int64_t from_ms, int64_t to_ms, bool before) {
    while (to_ms - from_ms > 1) {
        int64_t middle_ms = from_ms + (to_ms - from_ms) / 2;
        if (is_positive(sum, middle_ms) == before)
            from_ms = middle_ms;
        else
            to_ms = middle_ms;
    }
    return to_ms;
}

/*
 * The step from a place of the curve to where its tangent meets zero. Exponentials against a constant alone are compared by their
 * logarithms, whose difference is almost a straight line.
 */
static double newton_step(const ExponentialSum *sum, double elapsed_ms) {
    double parts = 0, rate = 0, constant = sum->constant + sum->offset;
    for (unsigned i = 0; i < sum->n_exponentials; i++) {
        double part = part_at(&sum->exponentials[i], elapsed_ms);
        parts += part;
        rate += part / sum->exponentials[i].half_life_ms;
    }
    if (sum->slope == 0 && constant != 0)
        return log2(parts / -constant) * parts / rate;
    return -(constant + sum->slope * elapsed_ms + parts) / (sum->slope - rate * M_LN2);
}

static bool has_change(const ExponentialSum *sum, int64_t from_ms, int64_t to_ms, bool before) {
    return from_ms < to_ms && is_positive(sum, from_ms) == before && is_positive(sum, to_ms) != before;
}

/* More than it takes from afar: each step doubles the digits once it is near. */
#define NEWTON_STEPS_MAX 40

static double least_half_life(const ExponentialSum *sum) {
    double least_ms = INFINITY;
    for (unsigned i = 0; i < sum->n_exponentials; i++)
        least_ms = fmin(least_ms, sum->exponentials[i].half_life_ms);
    return least_ms;
}

/*
 * Newton's method spares most of the bisection. A sum whose terms all fall, or all rise, is convex, or concave, so from its left end on the
 * steps come nearer and nearer without passing the zero; so is the logarithm of its exponentials. Wherever they end: what is narrowed has
 * the change within it.
 */
static void narrow(const ExponentialSum *sum, int64_t *from_ms, int64_t *to_ms, bool before) {
    double elapsed_ms = (double)(*from_ms - sum->origin_ms), last_ms = (double)(*to_ms - sum->origin_ms);
    double step_ms = INFINITY;
    /* Behind a step, what is still missing is at most its square times ln 2 / 2 / the least half-life. */
    double near_ms = sqrt(least_half_life(sum)) / 2;
    for (unsigned n = 0; n < NEWTON_STEPS_MAX && step_ms > near_ms && elapsed_ms <= last_ms; n++) {
        step_ms = newton_step(sum, elapsed_ms);
        if (!(step_ms >= 0)) /* at the zero, or on no way to it */
            break;
        elapsed_ms += step_ms;
    }
    if (!(elapsed_ms <= last_ms))
        return;
    int64_t guess_ms = sum->origin_ms + (int64_t)elapsed_ms;
    for (int64_t off_ms = 0; off_ms <= 2; off_ms += 2) {
        int64_t low_ms = MAX(guess_ms - off_ms, *from_ms), high_ms = MIN(guess_ms + 1 + off_ms, *to_ms);
        if (has_change(sum, low_ms, high_ms, before)) {
            *from_ms = low_ms;
            *to_ms = high_ms;
            return;
        }
    }
}

/* One piece (from, to] with at most one change: adds it. */
static unsigned change_within(const ExponentialSum *sum, int64_t from_ms, int64_t to_ms, int64_t *changes, unsigned n) {
    if (from_ms >= to_ms || n == ZEROS_MAX)
        return n;
    bool before = is_positive(sum, from_ms);
    if (is_positive(sum, to_ms) == before)
        return n;
    if (is_monotone(sum))
        narrow(sum, &from_ms, &to_ms, before);
    changes[n] = bisect(sum, from_ms, to_ms, before);
    return n + 1;
}

/* All changes in (from, to], ascending; with `first_only` at most the first. The depth is the number of terms. */
static unsigned find_changes(const ExponentialSum *sum, int64_t from_ms, int64_t to_ms, bool first_only, int64_t *changes) {
    int64_t borders[ZEROS_MAX];
    unsigned n_borders = 0, n = 0;

    if (!is_monotone(sum)) {
        ExponentialSum reduced = reduce(sum);
        n_borders = find_changes(&reduced, from_ms, to_ms, false, borders);
    }
    for (unsigned i = 0; i <= n_borders && !(first_only && n); i++) {
        int64_t end_ms = i < n_borders ? borders[i] : to_ms;
        if (i < n_borders) {
            n = change_within(sum, from_ms, end_ms - 1, changes, n);
            from_ms = end_ms - 1;
        }
        if (!(first_only && n))
            n = change_within(sum, from_ms, end_ms, changes, n);
        from_ms = end_ms;
    }
    return n;
}

int64_t crossing_first(const ExponentialSum *sum, int64_t from_ms, int64_t to_ms) {
    int64_t changes[ZEROS_MAX];
    if (from_ms >= to_ms)
        return TIME_NEVER;
    return find_changes(sum, from_ms, to_ms, true, changes) ? changes[0] : TIME_NEVER;
}
