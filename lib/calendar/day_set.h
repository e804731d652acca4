#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Set of Days
 *
 * A bit for each day from the end of 1969 to 9999-12-31, 366 KB in an arena: what an iCalendar file comes to,
 * however many rules it has.
 */
#include "lib/base/arena.h"

/* When 1970 begins in UTC it is 1969 in the west, and the night shift there began a day before. */
#define DAY_SET_DAY_MIN (-3)

typedef struct DaySet DaySet;

/* Empty; NULL when out of memory. */
DaySet *day_set_new(Arena *arena);
/* Days from `day` up to and without `end`; those outside of the set's years are left out. */
void day_set_add(DaySet *set, int32_t day, int32_t end);
bool day_set_contains(const DaySet *set, int32_t day);
