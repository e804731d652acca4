#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Course of a Score
 *
 * How a score goes on from an instant, as long as nothing happens: a constant, a straight line or one exponential, and the
 * instant from which on it is something else (a bucket runs out, it begins to read as 0, it falls below its maximum). What
 * condition_crossing.c computes the moments of comparisons from.
 */
#include "lib/lead/score_state.h"

typedef struct Course {
    int64_t from_ms;
    double constant;    /* at from_ms */
    double slope;       /* per millisecond */
    double exponential; /* its worth at from_ms; halves every half_life_ms */
    double half_life_ms;
    int64_t until_ms; /* from this instant on it has to be looked at anew: after from_ms; TIME_NEVER */
} Course;

/* That of nothing: 0 for ever. */
Course course_none(int64_t from_ms);
/* Adds a state's. All states of a course have the same decay; from_ms is as in score_state_value(). */
void course_add(Course *course, const ScoreState *state, const Decay *decay);
/* As it is read: 0 where it is smaller than SCORE_EPSILON in size, `max` where it is more. */
void course_read(Course *course, double max);
