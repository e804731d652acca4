/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/calendar.h"

#include "lib/event.h"

int64_t calendar_add(const Calendar *calendar, int64_t from_ms, int64_t work_ms) {
    (void)calendar;
    int64_t at_ms;
    return __builtin_add_overflow(from_ms, work_ms, &at_ms) || at_ms > EVENT_TIME_MS_MAX ? TIME_NEVER : at_ms;
}

int64_t calendar_between(const Calendar *calendar, int64_t from_ms, int64_t to_ms) {
    (void)calendar;
    return MAX(to_ms - from_ms, 0);
}
