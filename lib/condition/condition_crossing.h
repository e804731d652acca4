#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a Condition Changes
 *
 * The next instants at which time alone may change what a condition says of a lead, nothing else changing.
 */
#include "lib/condition/condition.h"

/*
 * The first millisecond after from_ms (not before situation->at_ms) at which one of the condition's comparisons may change its
 * truth, or TIME_NEVER. Between from_ms and there the condition's value does not change. The instant is exact up to the
 * rounding of doubles: the caller judges the condition there, and one millisecond before and after.
 * NULL conditions never change.
 */
int64_t condition_next_change(const Condition *condition, const Situation *situation, int64_t from_ms);
