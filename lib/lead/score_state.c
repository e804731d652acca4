/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/lead/score_state.h"

#include <math.h>

#define BUCKETS_ALLOC_MIN 4

void score_state_done(ScoreState *state) {
    free(state->buckets);
    *state = (ScoreState){.at_ms = TIME_NONE};
}

void score_state_clear(ScoreState *state, int64_t at_ms) {
    state->value = 0;
    state->at_ms = at_ms;
    state->n_buckets = 0;
}

size_t score_state_memory(const ScoreState *state) {
    return state->n_buckets_alloc * sizeof(*state->buckets);
}

static double raw_value(const ScoreState *state, const Decay *decay, int64_t at_ms) {
    if (!decay_is_stepped(decay))
        return state->at_ms == at_ms ? state->value : state->value * decay_factor(decay, state->at_ms, at_ms);
    double value = 0;
    for (uint32_t i = 0; i < state->n_buckets; i++)
        value += state->buckets[i].points * decay_factor(decay, state->buckets[i].at_ms, at_ms);
    return value;
}

/* What is smaller reads as 0. */
static double as_read(double value) {
    return fabs(value) < SCORE_EPSILON ? 0 : value;
}

double score_state_value(const ScoreState *state, const Decay *decay, int64_t at_ms) {
    return as_read(raw_value(state, decay, at_ms));
}

/* All at one instant. */
static double cut(double contribution, double value, ScoreBounds bounds) {
    if (contribution > 0 && value + contribution > bounds.max)
        return fmax(0, bounds.max - value);
    if (contribution < 0 && value + contribution < bounds.min)
        return fmin(0, bounds.min - value);
    return contribution;
}

double score_state_cut(const ScoreState *state, const Decay *decay, ScoreBounds bounds, double contribution, int64_t at_ms) {
    return cut(contribution, score_state_value(state, decay, at_ms), bounds);
}

/* --- buckets ----------------------------------------------------------------------------------------- */

/* Time only moves on, so what no longer counts never will again. */
static void drop_expired(ScoreState *state, const Decay *decay, int64_t now_ms) {
    uint32_t n = 0;
    while (n < state->n_buckets && now_ms - state->buckets[n].at_ms >= decay->span_ms)
        n++;
    if (n == 0)
        return;
    state->n_buckets -= n;
    memmove(state->buckets, state->buckets + n, state->n_buckets * sizeof(*state->buckets));
}

static int reserve_bucket(ScoreState *state) {
    assert(state->n_buckets < SCORE_BUCKETS_MAX);
    if (state->n_buckets < state->n_buckets_alloc)
        return 0;
    uint32_t n = MIN(MAX(state->n_buckets_alloc * 2, (uint32_t)BUCKETS_ALLOC_MIN), (uint32_t)SCORE_BUCKETS_MAX);
    ScoreBucket *bigger = realloc(state->buckets, n * sizeof(*bigger));
    if (!bigger)
        return -ENOMEM;
    state->buckets = bigger;
    state->n_buckets_alloc = n;
    return 0;
}

/* Points of a step that still counts. */
static int add_to_bucket(ScoreState *state, int64_t step_ms, double points) {
    uint32_t i = state->n_buckets;
    while (i > 0 && state->buckets[i - 1].at_ms > step_ms)
        i--;
    if (i > 0 && state->buckets[i - 1].at_ms == step_ms) {
        state->buckets[i - 1].points += points;
        return 0;
    }
    int r = reserve_bucket(state);
    if (r < 0)
        return r;
    memmove(state->buckets + i + 1, state->buckets + i, (state->n_buckets - i) * sizeof(*state->buckets));
    state->buckets[i] = (ScoreBucket){step_ms, points};
    state->n_buckets++;
    return 0;
}

/* --- awards ------------------------------------------------------------------------------------------ */

/* By more than rounding: a score at its bound is not. */
static bool is_past(double value, double points, ScoreBounds bounds) {
    return points > 0 ? value > bounds.max + SCORE_EPSILON : value < bounds.min - SCORE_EPSILON;
}

int score_state_award(ScoreState *state, const Decay *decay, ScoreBounds bounds, double points, int64_t occurred_at_ms,
        int64_t now_ms, double *ret_points) {
    double factor = decay_factor(decay, occurred_at_ms, now_ms);
    double contribution = points * factor, before = raw_value(state, decay, now_ms);
    double kept = cut(contribution, as_read(before), bounds);
    *ret_points = 0;
    /* What counts nothing by now needs no cut, unless nothing would be left of it however little it counted. */
    if (contribution == 0 && is_past(as_read(before), points, bounds))
        return 0;
    if (kept != contribution)
        points = kept / factor; /* the factor is not 0, or the contribution would have been and nothing cut */
    if (fabs(points) < SCORE_EPSILON)
        return 0;
    double value = before + kept;
    if (!isfinite(value))
        return 0; /* an overflow is null (SPEC section 2), and a null award is none */
    if (!decay_is_stepped(decay)) {
        state->value = value;
        state->at_ms = now_ms;
    } else {
        drop_expired(state, decay, now_ms);
        int r = factor == 0 ? 0 : add_to_bucket(state, decay_step(decay, occurred_at_ms), points);
        if (r < 0)
            return r;
    }
    *ret_points = points;
    return 0;
}

int score_state_merge(ScoreState *state, const Decay *decay, ScoreBounds bounds, const ScoreState *other, int64_t now_ms,
        double *ret_scale) {
    double contribution = score_state_value(other, decay, now_ms);
    double before = raw_value(state, decay, now_ms);
    double kept = cut(contribution, as_read(before), bounds);
    double value = before + kept;
    double scale = kept == contribution ? 1 : kept / contribution;
    *ret_scale = 0;
    if (!isfinite(value))
        return 0;
    *ret_scale = scale;
    if (!decay_is_stepped(decay)) {
        state->value = value;
        state->at_ms = now_ms;
        return 0;
    }
    drop_expired(state, decay, now_ms);
    for (uint32_t i = 0; i < other->n_buckets && scale != 0; i++) {
        const ScoreBucket *bucket = &other->buckets[i];
        int r = now_ms - bucket->at_ms >= decay->span_ms ? 0 : add_to_bucket(state, bucket->at_ms, bucket->points * scale);
        if (r < 0)
            return r;
    }
    return 0;
}
