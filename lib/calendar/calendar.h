#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working-Time Calendars
 *
 * When people work: the open intervals of each day in a time zone, with closed days, days with hours of their
 * own and holidays (SPEC section 5). Instants are UTC, milliseconds since 1970; working time is counted in
 * milliseconds, too. Where a calendar is taken, NULL is round the clock.
 */
#include "lib/base/util.h"
#include "lib/calendar/day_set.h"
#include "lib/calendar/timezone.h"

typedef struct Calendar Calendar;

#define CALENDAR_DAY_MINUTES (24 * 60)

/* Minutes from the midnight at which the day begins; 0 <= begin < end <= begin + CALENDAR_DAY_MINUTES. */
typedef struct CalendarInterval {
    int begin_min, end_min;
} CalendarInterval;

/* A day's intervals, in any order; they may overlap. None: closed. */
typedef struct CalendarHours {
    const CalendarInterval *intervals;
    size_t n;
} CalendarHours;

/* A date with hours of its own. */
typedef struct CalendarOpenDay {
    int32_t day;
    CalendarHours hours;
} CalendarOpenDay;

typedef struct CalendarSpec {
    const Timezone *zone;
    CalendarHours week[7]; /* from Monday on */
    const int32_t *closed; /* days, in any order */
    size_t n_closed;
    const CalendarOpenDay *open; /* in any order, each day once; they win over `closed` and holidays */
    size_t n_open;
    const DaySet *holidays; /* NULL: none */
} CalendarSpec;

/* In `arena`, in which the zone and the holidays must live too; the rest of `spec` is copied. 0 or -ENOMEM. */
MUST_CHECK int calendar_new(Arena *arena, const CalendarSpec *spec, const Calendar **ret);

/*
 * The earliest instant at or after from_ms by which work_ms (>= 0) of working time have passed since from_ms.
 * For work_ms of 0 that is from_ms itself, also while closed. A deadline may fall on a closing instant.
 * TIME_NEVER: it would be after the last instant that can be written, or nothing is open for 10 years on the way.
 */
int64_t calendar_add(const Calendar *calendar, int64_t from_ms, int64_t work_ms);
/* Working time in [from_ms, to_ms]; 0 if to_ms is not after from_ms. */
int64_t calendar_between(const Calendar *calendar, int64_t from_ms, int64_t to_ms);
