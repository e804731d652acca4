/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/condition/course.h"

#include <math.h>

Course course_none(int64_t from_ms) {
    return (Course){.from_ms = from_ms, .half_life_ms = 1, .until_ms = TIME_NEVER};
}

static void add_bucket(Course *course, const ScoreBucket *bucket, const Decay *decay) {
    int64_t end_ms = bucket->at_ms + decay->span_ms;
    if (end_ms <= course->from_ms)
        return;
    course->constant += bucket->points * decay_factor(decay, bucket->at_ms, course->from_ms);
    if (decay->kind == DECAY_LINEAR)
        course->slope -= bucket->points / (double)decay->span_ms;
    course->until_ms = MIN(course->until_ms, end_ms);
}

void course_add(Course *course, const ScoreState *state, const Decay *decay) {
    switch (decay->kind) {
    case DECAY_NONE:
        course->constant += state->value;
        return;
    case DECAY_HALF_LIFE:
        course->exponential += state->value * decay_factor(decay, state->at_ms, course->from_ms);
        course->half_life_ms = (double)decay->span_ms;
        return;
    default:
        for (uint32_t i = 0; i < state->n_buckets; i++)
            add_bucket(course, &state->buckets[i], decay);
    }
}

/* When it is `target`, in milliseconds after from_ms; INFINITY: never. It is one straight line or one exponential. */
static double reaches(const Course *course, double target) {
    if (course->exponential != 0 && (course->exponential > 0) != (target > 0))
        return INFINITY;
    double elapsed_ms = course->exponential != 0 ? course->half_life_ms * log2(course->exponential / target)
                                                 : (target - course->constant) / course->slope;
    return elapsed_ms >= 0 ? elapsed_ms : INFINITY; /* NaN too: it is on no way there */
}

/* The first millisecond after that has to be looked at. */
static void end_where_it_reaches(Course *course, double target) {
    double elapsed_ms = reaches(course, target);
    if (elapsed_ms < (double)(TIME_NEVER / 2 - course->from_ms))
        course->until_ms = MIN(course->until_ms, course->from_ms + (int64_t)elapsed_ms + 1);
}

static void read_as(Course *course, double value) {
    course->constant = value;
    course->slope = course->exponential = 0;
}

void course_read(Course *course, double max) {
    double value = course->constant + course->exponential;
    if (course->slope != 0 || course->exponential != 0) {
        end_where_it_reaches(course, SCORE_EPSILON);
        end_where_it_reaches(course, -SCORE_EPSILON);
        if (isfinite(max))
            end_where_it_reaches(course, max);
    }
    if (value > max)
        read_as(course, max);
    else if (fabs(value) < SCORE_EPSILON)
        read_as(course, 0);
}
