/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/day_set.h"

#include "lib/date.h"

#define N_DAYS (DATE_DAY_MAX + 1)
static_assert(DATE_DAY_MIN == 0, "a day is its bit's number");

struct DaySet {
    uint8_t bits[(N_DAYS + 7) / 8];
};

DaySet *day_set_new(Arena *arena) {
    return arena_new_array(arena, DaySet, 1);
}

void day_set_add(DaySet *set, int32_t day, int32_t end) {
    for (int32_t d = MAX(day, 0); d < MIN(end, N_DAYS); d++)
        set->bits[d / 8] |= (uint8_t)(1U << (d % 8));
}

bool day_set_contains(const DaySet *set, int32_t day) {
    return day >= 0 && day < N_DAYS && (set->bits[day / 8] >> (day % 8) & 1U);
}
