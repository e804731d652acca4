#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The State of a Score
 *
 * The points that a lead has in one score, or that one member brings to one score of an account, in as little as tells
 * their worth at any later instant: one number for what does not decay or halves; for `linear` and `window` decays the points
 * of each step of time that still counts. Which it is follows from the decay, which every function takes.
 */
#include "lib/lead/decay.h"

/*
 * Steps that can count at one instant. A step is span / 64 rounded down, so it goes at most 127 times into the span (a span of
 * 127 ms has steps of 1 ms), and one more is under way.
 */
#define SCORE_BUCKETS_MAX 128

/* The points of one step of time. */
typedef struct ScoreBucket {
    int64_t at_ms; /* a multiple of the step */
    double points;
} ScoreBucket;

typedef struct ScoreState {
    double value; /* what all points so far are worth at at_ms; none and half-life */
    int64_t at_ms; /* TIME_NONE: none yet */
    ScoreBucket *buckets; /* linear and window; by time, owned */
    uint32_t n_buckets, n_buckets_alloc;
} ScoreState;

/* No bound is -INFINITY, INFINITY. */
typedef struct ScoreBounds {
    double min, max;
} ScoreBounds;

void score_state_done(ScoreState *state);
/* Forgets all points; keeps the memory. at_ms: TIME_NONE or an instant. */
void score_state_clear(ScoreState *state, int64_t at_ms);
/* What it is worth at at_ms, which is not before any instant handed in so far; smaller than SCORE_EPSILON in size reads as 0. */
double score_state_value(const ScoreState *state, const Decay *decay, int64_t at_ms);
/*
 * Adds points dated occurred_at_ms at the instant now_ms (not before occurred_at_ms), cut so that the value at now_ms stays within the
 * bounds: positive ones only against max, negative ones only against min, never past 0 (SPEC section 2). *ret_points is what was
 * kept, in points as of occurred_at_ms: 0 when that is less than SCORE_EPSILON, or when the value would overflow. 0 or -ENOMEM.
 */
MUST_CHECK int score_state_award(ScoreState *state, const Decay *decay, ScoreBounds bounds, double points, int64_t occurred_at_ms,
        int64_t now_ms, double *ret_points);
/* What is kept of points that are worth `contribution` at at_ms, in their worth then: cut as above. */
double score_state_cut(const ScoreState *state, const Decay *decay, ScoreBounds bounds, double contribution, int64_t at_ms);
/*
 * Adds all that `other` holds, as one award at now_ms: cut as above, each part scaled alike (SPEC section 9). *ret_scale is the part
 * of it that was kept, 1 if all. 0 or -ENOMEM.
 */
MUST_CHECK int score_state_merge(ScoreState *state, const Decay *decay, ScoreBounds bounds, const ScoreState *other, int64_t now_ms,
        double *ret_scale);
/* Bytes on the heap. */
size_t score_state_memory(const ScoreState *state);
