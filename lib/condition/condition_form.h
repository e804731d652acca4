#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comparisons as Linear Forms
 *
 * What the left side of a comparison that involves time is more than its right side, as a sum of scores, elapsed time and a
 * constant. Most comparisons are of params and scores alone: their forms are worked out once, at load.
 */
#include "lib/condition/condition_program.h"
#include "lib/model/model.h"

typedef struct FormTerm {
    double factor; /* not 0 */
    unsigned score;
} FormTerm;

/* constant + slope * (t - the situation's instant) + sum of factor * (value of the score at t) */
typedef struct Form {
    double constant, slope;
    bool is_bounded; /* of one that is kept: see condition_is_out_of_reach() */
    unsigned n_terms;
    FormTerm terms[MODEL_SCORES_MAX]; /* by ascending score; of a kept form only n_terms are there */
} Form;

/* Works out the forms that are the same for all leads of a segment, or for all accounts. NULL conditions have none. 0 or -ENOMEM. */
MUST_CHECK int condition_prepare_forms(Arena *arena, const Model *model, Condition *condition, bool of_accounts);
/*
 * The form of the condition's comparison of that number among those that involve time; it must be an order. NULL: null or a text
 * is compared, so that it is false whenever. `room` is used where it has not been worked out.
 */
const Form *condition_form(const Condition *condition, unsigned comparison, const Situation *s, Form *room);
/* NULL: it is not one that was worked out at load. */
const Form *condition_kept_form(const Condition *condition, unsigned comparison, const Situation *s);
/* How a score of the situation's lead or account decays. */
const Decay *situation_decay(const Situation *s, unsigned score);
