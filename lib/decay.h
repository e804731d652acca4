#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decay
 *
 * How the worth of points falls with time (SPEC section 2, "Scores"). Nothing ticks: a value is brought to
 * an instant in closed form when it is read. `linear` and `window` come with the rest of the model language.
 */
#include "lib/util.h"

/* Below this size a score reads as 0, and two numbers are equal (SPEC section 2). */
#define SCORE_EPSILON 1e-9

typedef enum DecayKind { DECAY_NONE, DECAY_HALF_LIFE } DecayKind;

typedef struct Decay {
    DecayKind kind;
    int64_t half_life_ms; /* > 0 for DECAY_HALF_LIFE */
} Decay;

/* What 1 point given at from_ms is worth at at_ms; more than 1 when at_ms is earlier (dating back). */
double decay_factor(const Decay *decay, int64_t from_ms, int64_t at_ms);
