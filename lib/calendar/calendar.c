/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working time is walked through, day by day, from the instant at which it begins: a day's hours are found by
 * its date, and their ends become instants by the zone. A year is 365 steps of well under a microsecond, and
 * typical targets are hours; sums kept for each week would be quicker for decades only, and would have to
 * know of every change of clocks, closed day and night shift.
 *
 * A later local time is never an earlier instant (timezone_to_utc_ms() sees to that, at changes of clocks
 * too). So intervals that are in order and apart in local time are so as instants, and those that overlap or
 * touch can be united beforehand, in minutes. Only the end of a night shift may reach into the next day's
 * hours; there the walk remembers up to where it has been.
 */
#include "lib/calendar/calendar.h"

#include "lib/calendar/date.h"
#include "lib/event/event.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (CALENDAR_DAY_MINUTES * MINUTE_MS)
/* "Nothing open within 10 years" (SPEC section 10). */
#define SEARCH_MS_MAX (3653 * DAY_MS)

struct Calendar {
    const Timezone *zone;
    CalendarHours week[7]; /* in order and apart, like those of `open` */
    int32_t *closed;       /* in order */
    size_t n_closed;
    CalendarOpenDay *open; /* in order */
    size_t n_open;
    const DaySet *holidays;
};

/* --- making one -------------------------------------------------------------------------------------- */

static int compare_intervals(const void *a, const void *b) {
    const CalendarInterval *x = a, *y = b;
    return (x->begin_min > y->begin_min) - (x->begin_min < y->begin_min);
}

/* In order, and those that overlap or touch as one. */
static int copy_hours(Arena *arena, const CalendarHours *hours, CalendarHours *ret) {
    CalendarInterval *united = arena_new_array(arena, CalendarInterval, hours->n);
    size_t n = 0;

    if (!united)
        return -ENOMEM;
    if (hours->n > 0) {
        memcpy(united, hours->intervals, hours->n * sizeof(*united));
        qsort(united, hours->n, sizeof(*united), compare_intervals);
    }
    for (size_t i = 0; i < hours->n; i++) {
        assert(united[i].begin_min >= 0 && united[i].begin_min < CALENDAR_DAY_MINUTES);
        assert(united[i].end_min > united[i].begin_min);
        assert(united[i].end_min <= united[i].begin_min + CALENDAR_DAY_MINUTES);
        if (n > 0 && united[i].begin_min <= united[n - 1].end_min)
            united[n - 1].end_min = MAX(united[n - 1].end_min, united[i].end_min);
        else
            united[n++] = united[i];
    }
    *ret = (CalendarHours){united, n};
    return 0;
}

static int compare_days(const void *a, const void *b) {
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}
static_assert(offsetof(CalendarOpenDay, day) == 0, "open days are compared as days");

static int copy_days(Arena *arena, const CalendarSpec *spec, Calendar *calendar) {
    int r = 0;

    calendar->closed = arena_new_array(arena, int32_t, spec->n_closed);
    calendar->open = arena_new_array(arena, CalendarOpenDay, spec->n_open);
    if (!calendar->closed || !calendar->open)
        return -ENOMEM;
    if (spec->n_closed > 0) {
        memcpy(calendar->closed, spec->closed, spec->n_closed * sizeof(*spec->closed));
        qsort(calendar->closed, spec->n_closed, sizeof(*spec->closed), compare_days);
    }
    for (size_t i = 0; r == 0 && i < spec->n_open; i++) {
        calendar->open[i].day = spec->open[i].day;
        r = copy_hours(arena, &spec->open[i].hours, &calendar->open[i].hours);
    }
    if (spec->n_open > 0)
        qsort(calendar->open, spec->n_open, sizeof(*calendar->open), compare_days);
    calendar->n_closed = spec->n_closed;
    calendar->n_open = spec->n_open;
    return r;
}

int calendar_new(Arena *arena, const CalendarSpec *spec, const Calendar **ret) {
    Calendar *calendar = arena_new_array(arena, Calendar, 1);
    int r;

    if (!calendar)
        return -ENOMEM;
    calendar->zone = spec->zone;
    calendar->holidays = spec->holidays;
    r = copy_days(arena, spec, calendar);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(spec->week); i++)
        r = copy_hours(arena, &spec->week[i], &calendar->week[i]);
    if (r == 0)
        *ret = calendar;
    return r;
}

/* --- walking through working time -------------------------------------------------------------------- */

static CalendarHours hours_of_day(const Calendar *calendar, int32_t day) {
    const CalendarOpenDay *open = NULL;

    if (calendar->n_open > 0)
        open = bsearch(&day, calendar->open, calendar->n_open, sizeof(*calendar->open), compare_days);
    if (open)
        return open->hours;
    if (calendar->n_closed > 0 &&
            bsearch(&day, calendar->closed, calendar->n_closed, sizeof(*calendar->closed), compare_days))
        return (CalendarHours){0};
    if (calendar->holidays && day_set_contains(calendar->holidays, day))
        return (CalendarHours){0};
    return calendar->week[date_weekday(day)];
}

typedef struct Walk {
    const Calendar *calendar;
    int32_t day; /* whose hours are being gone through */
    CalendarHours hours;
    size_t i;
    int64_t reached_ms; /* working time before this instant has been told, or lies before the walk */
} Walk;

static Walk walk_begin(const Calendar *calendar, int64_t from_ms) {
    int64_t local_ms = from_ms + timezone_offset_ms(calendar->zone, from_ms);
    int64_t day = local_ms / DAY_MS - (local_ms % DAY_MS < 0);
    Walk walk = {.calendar = calendar, .reached_ms = from_ms};

    /*
     * An interval that is open at from_ms ends at a later local time than clocks show then. It ends two days
     * after the midnight of its own day at the latest, so it can be one of yesterday.
     */
    walk.day = (int32_t)day - 1;
    walk.hours = hours_of_day(calendar, walk.day);
    return walk;
}

/*
 * The next stretch of working time, after all before and apart from them. False: none begins before limit_ms,
 * or before the end of all time.
 */
static bool walk_next(Walk *walk, int64_t limit_ms, int64_t *ret_begin_ms, int64_t *ret_end_ms) {
    const Timezone *zone = walk->calendar->zone;

    while (walk->day <= DATE_DAY_MAX + 1) {
        int64_t midnight_ms = walk->day * DAY_MS;

        for (; walk->i < walk->hours.n; walk->i++) {
            const CalendarInterval *interval = &walk->hours.intervals[walk->i];
            int64_t begin_ms = timezone_to_utc_ms(zone, midnight_ms + interval->begin_min * MINUTE_MS);
            int64_t end_ms = timezone_to_utc_ms(zone, midnight_ms + interval->end_min * MINUTE_MS);

            begin_ms = MAX(begin_ms, walk->reached_ms);
            if (begin_ms >= limit_ms)
                return false;
            if (end_ms <= begin_ms)
                continue;
            walk->reached_ms = end_ms;
            walk->i++;
            *ret_begin_ms = begin_ms;
            *ret_end_ms = end_ms;
            return true;
        }
        /* Days without hours don't lead on forever, either. */
        if (midnight_ms - TIMEZONE_OFFSET_MS_MAX >= limit_ms)
            return false;
        walk->day++;
        walk->hours = hours_of_day(walk->calendar, walk->day);
        walk->i = 0;
    }
    return false;
}

int64_t calendar_add(const Calendar *calendar, int64_t from_ms, int64_t work_ms) {
    int64_t at_ms = from_ms, end_ms = from_ms, begin_ms;

    if (!calendar)
        return __builtin_add_overflow(from_ms, work_ms, &at_ms) || at_ms > EVENT_TIME_MS_MAX ? TIME_NEVER
                                                                                             : at_ms;
    if (work_ms == 0)
        return from_ms;

    Walk walk = walk_begin(calendar, from_ms);
    while (walk_next(&walk, MIN(end_ms + SEARCH_MS_MAX, EVENT_TIME_MS_MAX), &begin_ms, &end_ms)) {
        if (work_ms <= end_ms - begin_ms) {
            at_ms = begin_ms + work_ms;
            return at_ms <= EVENT_TIME_MS_MAX ? at_ms : TIME_NEVER;
        }
        work_ms -= end_ms - begin_ms;
    }
    return TIME_NEVER;
}

int64_t calendar_between(const Calendar *calendar, int64_t from_ms, int64_t to_ms) {
    int64_t begin_ms, end_ms, sum_ms = 0;

    if (!calendar || to_ms <= from_ms)
        return MAX(to_ms - from_ms, 0);

    Walk walk = walk_begin(calendar, from_ms);
    while (walk_next(&walk, to_ms, &begin_ms, &end_ms))
        sum_ms += MIN(end_ms, to_ms) - begin_ms;
    return sum_ms;
}
