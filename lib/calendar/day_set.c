/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/calendar/day_set.h"

#include "lib/calendar/date.h"

#define N_DAYS (DATE_DAY_MAX - DAY_SET_DAY_MIN + 1)

struct DaySet {
    uint8_t bits[(N_DAYS + 7) / 8];
};

DaySet *day_set_new(Arena *arena) {
    return arena_new_array(arena, DaySet, 1);
}

void day_set_add(DaySet *set, int32_t day, int32_t end) {
    int32_t last = MIN(end - 1, DATE_DAY_MAX);
    for (int32_t i = MAX(day, DAY_SET_DAY_MIN) - DAY_SET_DAY_MIN; i <= last - DAY_SET_DAY_MIN; i++)
        set->bits[i / 8] |= (uint8_t)(1U << (i % 8));
}

bool day_set_contains(const DaySet *set, int32_t day) {
    if (day < DAY_SET_DAY_MIN || day > DATE_DAY_MAX)
        return false;
    int32_t i = day - DAY_SET_DAY_MIN;
    return set->bits[i / 8] >> (i % 8) & 1U;
}
