#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a Condition
 *
 * A condition that does not hold, taken apart at its `and` and `or` into the parts that keep it from holding,
 * each with what its names are worth: behaviour >= mql_up, which is 43.2 >= 60.
 */
#include "lib/condition.h"

/* Parts that are told; a person reads no more. */
#define CONDITION_PARTS_MAX 8

typedef struct ConditionPart {
    Str text;   /* "behaviour >= mql_up" */
    Str values; /* "43.2 >= 60"; null: there is nothing to add to the text */
} ConditionPart;

/*
 * The parts of `condition`, which does not hold. `place` is where it stands in the model. Returns how many
 * there are, or -ENOMEM; texts are in `arena`.
 */
MUST_CHECK int condition_parts(const Condition *condition, ConditionPlace place, const Situation *situation,
        Arena *arena, ConditionPart ret[static CONDITION_PARTS_MAX]);
