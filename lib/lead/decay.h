#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decay
 *
 * How the worth of points falls with time (SPEC section 2, "Scores"). Nothing ticks: a value is brought to
 * an instant in closed form when it is read.
 */
#include "lib/base/util.h"

/* Below this size a score reads as 0, and two numbers are equal (SPEC section 2). */
#define SCORE_EPSILON 1e-9

/* 2^-1075 is nearer to 0 than to the least double. exp2() finds that out, too, but by an underflow, which processors are slow at. */
#define DECAY_HALVINGS_TO_NOTHING 1076.0

typedef enum DecayKind {
    DECAY_NONE,
    DECAY_HALF_LIFE, /* half of it is left after each span */
    DECAY_LINEAR,    /* falls evenly to 0 over the span */
    DECAY_WINDOW,    /* all of it, until the span is over */
} DecayKind;

typedef struct Decay {
    DecayKind kind;
    int64_t span_ms; /* > 0 unless DECAY_NONE */
} Decay;

/* Points of linear and window decays are dated in steps: their time is rounded down to a multiple of span / 64. */
#define DECAY_STEPS 64
static inline bool decay_is_stepped(const Decay *decay) {
    return decay->kind == DECAY_LINEAR || decay->kind == DECAY_WINDOW;
}
/* The time at which points given at at_ms (not before 1970) count as given. */
int64_t decay_step(const Decay *decay, int64_t at_ms);

/* What 1 point given at from_ms is worth at at_ms; for a half-life more than 1 when at_ms is earlier (dating back). */
double decay_factor(const Decay *decay, int64_t from_ms, int64_t at_ms);
