#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a Condition Changes
 *
 * The next instants at which time alone may change what a condition says of a lead, nothing else changing.
 */
#include "lib/condition/condition.h"

/*
 * Is it known that the condition does not hold at the situation's instant, nor at any later one as long as nothing else changes? Of most
 * leads and accounts it is, without a power of two: what they have is less than what they are to reach, even as it was when they got it. Of
 * accounts also if that is so by now, which spares a search over all the instants at which members leave the committee.
 */
bool condition_is_out_of_reach(const Condition *condition, const Situation *situation);
/*
 * The first millisecond after from_ms (not before situation->at_ms) at which one of the condition's comparisons may change its
 * truth, or TIME_NEVER. Between from_ms and there the condition's value does not change. The instant is exact up to the
 * rounding of doubles: the caller judges the condition there, and one millisecond before and after.
 * NULL conditions never change.
 */
int64_t condition_next_change(const Condition *condition, const Situation *situation, int64_t from_ms);
