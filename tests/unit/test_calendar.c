/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working time: cases worked out by hand, and random calendars against a walk from minute to minute that
 * takes local time from libc. With SCORED_TEST_EXHAUSTIVE set the walk covers the years 2020 to 2037 in every
 * zone that changes its clocks then; otherwise a few days around some of the changes.
 */
#include <time.h>

#include "lib/calendar/calendar.h"
#include "lib/calendar/date.h"
#include "lib/event/event.h"
#include "tests/unit/engine_fixture.h"
#include "tests/unit/zone_fixture.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define DAY_MINUTES CALENDAR_DAY_MINUTES
#define INTERVALS_MAX 8
#define DAYS_MAX 64

static Arena *arena;

static void setup(void) {
    ck_assert_int_eq(arena_new(&arena), 0);
}

static void teardown(void) {
    arena = arena_free(arena);
}

/* --- calendars from text ----------------------------------------------------------------------------- */

typedef struct Draft {
    CalendarSpec spec;
    CalendarInterval week[7][INTERVALS_MAX];
    CalendarInterval open_intervals[DAYS_MAX][INTERVALS_MAX];
    CalendarOpenDay open[DAYS_MAX];
    int32_t closed[DAYS_MAX];
} Draft;

static void draft_init(Draft *draft) {
    memset(draft, 0, sizeof(*draft));
    for (size_t i = 0; i < 7; i++)
        draft->spec.week[i].intervals = draft->week[i];
    for (size_t i = 0; i < DAYS_MAX; i++)
        draft->open[i].hours.intervals = draft->open_intervals[i];
    draft->spec.open = draft->open;
    draft->spec.closed = draft->closed;
}

static void add_interval(CalendarInterval *to, CalendarHours *hours, int begin_min, int end_min) {
    ck_assert_uint_lt(hours->n, INTERVALS_MAX);
    to[hours->n++] = (CalendarInterval){begin_min, end_min > begin_min ? end_min : end_min + DAY_MINUTES};
}

static int32_t day_of(const char *date) {
    int32_t day = 0;
    ck_assert_msg(date_parse((Str){date, 10}, &day), "%s", date);
    return day;
}

/* "09:00-12:00", after which *text stands. */
static void take_interval(const char **text, CalendarInterval *to, CalendarHours *hours) {
    int a, b, c, d, n = 0;
    ck_assert_int_eq(sscanf(*text, "%d:%d-%d:%d%n", &a, &b, &c, &d, &n), 4);
    add_interval(to, hours, a * 60 + b, c * 60 + d);
    *text += n;
}

/* Words: "1-5" weekdays, "2026-12-24" a date, then their intervals; "closed" or "holiday" before dates. */
static void draft_read(Draft *draft, const char *text) {
    int first = 0, last = -1;
    enum { WEEK, OPEN, CLOSED, HOLIDAY } mode = WEEK;

    for (; *text; text += strspn(text, " ")) {
        if (strncmp(text, "closed", 6) == 0) {
            mode = CLOSED;
            text += 6;
        } else if (strncmp(text, "holiday", 7) == 0) {
            mode = HOLIDAY;
            text += 7;
        } else if (strspn(text, "0123456789") == 4) {
            int32_t day = day_of(text);
            if (mode == CLOSED)
                draft->closed[draft->spec.n_closed++] = day;
            else if (mode == HOLIDAY)
                day_set_add((DaySet *)(uintptr_t)draft->spec.holidays, day, day + 1);
            else
                mode = OPEN, draft->open[draft->spec.n_open++].day = day;
            text += 10;
        } else if (text[1] == '-') {
            mode = WEEK;
            first = text[0] - '1';
            last = text[2] - '1';
            text += 3;
        } else if (mode == OPEN) {
            size_t i = draft->spec.n_open - 1;
            take_interval(&text, draft->open_intervals[i], &draft->open[i].hours);
        } else {
            const char *at = text;
            for (int day = first; day <= last; day++, text = day <= last ? at : text)
                take_interval(&text, draft->week[day], &draft->spec.week[day]);
        }
    }
}

static const Calendar *calendar_of(const char *zone, const char *text) {
    static Draft draft;
    const Calendar *calendar = NULL;

    draft_init(&draft);
    draft.spec.zone = fixture_zone(arena, zone);
    draft.spec.holidays = day_set_new(arena);
    draft_read(&draft, text);
    ck_assert_int_eq(calendar_new(arena, &draft.spec, &calendar), 0);
    /* What was handed in is not needed any more. */
    draft_init(&draft);
    return calendar;
}

/* --- cases by hand ----------------------------------------------------------------------------------- */

#define OFFICE "1-5 09:00-17:00 "

static const struct {
    const char *zone, *calendar, *from;
    int64_t work_ms;
    const char *due;
} rows[] = {
        /* 2026-01-05 is a Monday */
        {"UTC", OFFICE, "2026-01-05T10:00:00Z", HOUR_MS, "2026-01-05T11:00:00Z"},
        {"UTC", OFFICE, "2026-01-05T10:00:00.250Z", 1, "2026-01-05T10:00:00.251Z"},
        {"UTC", OFFICE, "2026-01-05T08:00:00Z", HOUR_MS, "2026-01-05T10:00:00Z"},
        {"UTC", OFFICE, "2026-01-05T16:59:59.999Z", 2, "2026-01-06T09:00:00.001Z"},
        /* on the closing instant, and nothing at all */
        {"UTC", OFFICE, "2026-01-05T16:00:00Z", HOUR_MS, "2026-01-05T17:00:00Z"},
        {"UTC", OFFICE, "2026-01-05T16:00:00Z", HOUR_MS + 1, "2026-01-06T09:00:00.001Z"},
        {"UTC", OFFICE, "2026-01-04T12:00:00Z", 0, "2026-01-04T12:00:00Z"},
        {"UTC", OFFICE, "2026-01-05T17:00:00Z", 1, "2026-01-06T09:00:00.001Z"},
        /* over the weekend */
        {"UTC", OFFICE, "2026-01-09T16:00:00Z", 2 * HOUR_MS, "2026-01-12T10:00:00Z"},
        {"UTC", OFFICE, "2026-01-05T09:00:00Z", 40 * HOUR_MS, "2026-01-09T17:00:00Z"},
        {"UTC", OFFICE, "2026-01-05T09:00:00Z", 40 * HOUR_MS + MINUTE_MS, "2026-01-12T09:01:00Z"},
        /* a lunch break */
        {"UTC", "1-5 09:00-12:00 13:00-18:00", "2026-01-05T11:30:00Z", HOUR_MS, "2026-01-05T13:30:00Z"},
        {"UTC", "1-5 13:00-18:00 09:00-12:00", "2026-01-05T12:30:00Z", 5 * HOUR_MS, "2026-01-05T18:00:00Z"},
        /* past midnight, on the day on which it begins */
        {"UTC", "1-1 22:00-06:00", "2026-01-05T12:00:00Z", 3 * HOUR_MS, "2026-01-06T01:00:00Z"},
        {"UTC", "1-1 22:00-06:00", "2026-01-06T05:00:00Z", 2 * HOUR_MS, "2026-01-12T23:00:00Z"},
        {"UTC", "7-7 22:00-06:00", "2026-01-05T01:00:00Z", HOUR_MS, "2026-01-05T02:00:00Z"},
        {"UTC", "1-1 22:00-06:00 closed 2026-01-05", "2026-01-06T01:00:00Z", 1, "2026-01-12T22:00:00.001Z"},
        {"UTC", "1-1 22:00-06:00 closed 2026-01-06", "2026-01-06T01:00:00Z", 1, "2026-01-06T01:00:00.001Z"},
        {"UTC", "1-7 00:00-24:00", "2026-01-05T12:00:00Z", 100 * HOUR_MS, "2026-01-09T16:00:00Z"},
        {"UTC", "1-1 18:00-24:00", "2026-01-05T12:00:00Z", 7 * HOUR_MS, "2026-01-12T19:00:00Z"},
        {"UTC", "1-1 23:59-23:58", "2026-01-05T12:00:00Z", 2 * HOUR_MS, "2026-01-06T01:59:00Z"},
        /* overlapping intervals count once: of a day, and of a night shift and the next day */
        {"UTC", "1-1 09:00-12:00 11:00-14:00 10:00-11:00 14:00-15:00", "2026-01-05T09:00:00Z", 6 * HOUR_MS,
                "2026-01-05T15:00:00Z"},
        {"UTC", "1-1 20:00-08:00 2-2 06:00-10:00", "2026-01-05T20:00:00Z", 13 * HOUR_MS,
                "2026-01-06T09:00:00Z"},
        {"UTC", "1-1 20:00-12:00 2-2 06:00-10:00 11:00-13:00", "2026-01-05T20:00:00Z", 17 * HOUR_MS,
                "2026-01-06T13:00:00Z"},
        {"UTC", "1-1 20:00-12:00 2-2 06:00-10:00 11:00-13:00", "2026-01-06T11:30:00Z", HOUR_MS + MINUTE_MS,
                "2026-01-06T12:31:00Z"},
        /* closed days, holidays, days with hours of their own */
        {"UTC", OFFICE "closed 2026-01-06 2026-01-05", "2026-01-05T10:00:00Z", HOUR_MS,
                "2026-01-07T10:00:00Z"},
        {"UTC", OFFICE "holiday 2026-01-06", "2026-01-05T16:00:00Z", 2 * HOUR_MS, "2026-01-07T10:00:00Z"},
        {"UTC", OFFICE "2026-01-06 20:00-21:00", "2026-01-05T17:00:00Z", 2 * HOUR_MS, "2026-01-07T10:00:00Z"},
        {"UTC", OFFICE "2026-01-10 10:00-12:00 2026-01-05 12:00-13:00", "2026-01-05T00:00:00Z", 34 * HOUR_MS,
                "2026-01-10T11:00:00Z"},
        {"UTC", OFFICE "2026-01-06 20:00-22:00 closed 2026-01-06 holiday 2026-01-06", "2026-01-05T17:00:00Z",
                HOUR_MS, "2026-01-06T21:00:00Z"},
        {"UTC", OFFICE "2026-01-06", "2026-01-05T17:00:00Z", HOUR_MS, "2026-01-07T10:00:00Z"},
        {"UTC", OFFICE "2026-01-06 22:00-06:00", "2026-01-06T17:00:00Z", 8 * HOUR_MS, "2026-01-07T06:00:00Z"},
        /* clocks are put forward: 02:00 to 03:00 is not there */
        {"America/New_York", "7-7 00:00-24:00", "2026-03-08T05:00:00Z", 23 * HOUR_MS, "2026-03-09T04:00:00Z"},
        {"America/New_York", "7-7 01:30-02:30", "2026-03-08T05:00:00Z", HOUR_MS, "2026-03-15T06:00:00Z"},
        {"America/New_York", "7-7 02:00-03:00", "2026-03-08T05:00:00Z", HOUR_MS, "2026-03-15T07:00:00Z"},
        {"America/New_York", "7-7 02:30-04:00", "2026-03-08T05:00:00Z", HOUR_MS, "2026-03-08T08:00:00Z"},
        {"America/New_York", "6-6 22:00-06:00", "2026-03-08T03:00:00Z", 7 * HOUR_MS, "2026-03-08T10:00:00Z"},
        /* and back: 01:00 to 02:00 is there twice; the first of both ends an interval, and begins one */
        {"America/New_York", "7-7 00:00-24:00", "2026-11-01T04:00:00Z", 25 * HOUR_MS, "2026-11-02T05:00:00Z"},
        {"America/New_York", "7-7 00:00-01:30", "2026-11-01T04:00:00Z", 90 * MINUTE_MS,
                "2026-11-01T05:30:00Z"},
        {"America/New_York", "7-7 01:30-02:00", "2026-11-01T04:00:00Z", 90 * MINUTE_MS,
                "2026-11-01T07:00:00Z"},
        {"America/New_York", "7-7 01:00-01:30", "2026-11-01T05:30:00Z", 1, "2026-11-08T06:00:00.001Z"},
        {"Europe/Berlin", "7-7 00:00-24:00", "2026-03-28T23:00:00Z", 23 * HOUR_MS, "2026-03-29T22:00:00Z"},
        {"Europe/Berlin", "7-7 00:00-24:00", "2026-10-24T22:00:00Z", 25 * HOUR_MS, "2026-10-25T23:00:00Z"},
        {"Europe/Berlin", OFFICE, "2026-03-27T15:00:00Z", 2 * HOUR_MS, "2026-03-30T08:00:00Z"},
        {"Australia/Lord_Howe", "7-7 01:00-03:00", "2026-10-03T14:00:00Z", 90 * MINUTE_MS,
                "2026-10-03T16:00:00Z"},
        {"Australia/Lord_Howe", "7-7 01:00-03:00", "2026-04-04T13:00:00Z", 150 * MINUTE_MS,
                "2026-04-04T16:30:00Z"},
        /* Samoa left out Friday, December 30, 2011 */
        {"Pacific/Apia", OFFICE, "2011-12-30T03:00:00Z", HOUR_MS, "2012-01-01T20:00:00Z"},
        {"Pacific/Apia", "4-4 22:00-06:00", "2011-12-30T08:00:00Z", 2 * HOUR_MS, "2011-12-30T10:00:00Z"},
        {"Pacific/Apia", "1-7 00:00-24:00", "2011-12-30T09:00:00Z", 3 * HOUR_MS, "2011-12-30T12:00:00Z"},
        /* 9 working hours in New York, from Friday afternoon */
        {"America/New_York", "1-5 09:00-12:00 13:00-18:00", "2026-07-03T20:00:00Z", 9 * HOUR_MS,
                "2026-07-06T21:00:00Z"},
        {"Asia/Kolkata", OFFICE, "2026-01-05T00:00:00Z", HOUR_MS, "2026-01-05T04:30:00Z"},
};

START_TEST(deadline_is_found) {
    const Calendar *calendar = calendar_of(rows[_i].zone, rows[_i].calendar);
    int64_t from_ms = fixture_instant(rows[_i].from);
    int64_t due_ms = calendar_add(calendar, from_ms, rows[_i].work_ms);
    ASSERT_INSTANT(due_ms, rows[_i].due);
    ck_assert_int_eq(calendar_between(calendar, from_ms, due_ms), rows[_i].work_ms);
}
END_TEST

START_TEST(time_between_is_working_time) {
    const Calendar *calendar = calendar_of("UTC", OFFICE);
    int64_t monday_ms = fixture_instant("2026-01-05T00:00:00Z");
    ck_assert_int_eq(calendar_between(calendar, monday_ms, monday_ms + 7 * DAY_MS), 40 * HOUR_MS);
    ck_assert_int_eq(calendar_between(calendar, monday_ms + 10 * HOUR_MS, monday_ms + 11 * HOUR_MS), HOUR_MS);
    ck_assert_int_eq(calendar_between(calendar, monday_ms + 9 * HOUR_MS - 1, monday_ms + 9 * HOUR_MS + 1), 1);
    ck_assert_int_eq(calendar_between(calendar, monday_ms, monday_ms + 9 * HOUR_MS), 0);
    ck_assert_int_eq(calendar_between(calendar, monday_ms + 17 * HOUR_MS, monday_ms + 20 * HOUR_MS), 0);
    ck_assert_int_eq(calendar_between(calendar, monday_ms + DAY_MS, monday_ms), 0);
    ck_assert_int_eq(calendar_between(calendar, monday_ms + 10 * HOUR_MS, monday_ms + 10 * HOUR_MS), 0);
}
END_TEST

START_TEST(without_a_calendar_all_time_counts) {
    ck_assert_int_eq(calendar_add(NULL, 1000, 0), 1000);
    ck_assert_int_eq(calendar_add(NULL, 1000, 500), 1500);
    ck_assert_int_eq(calendar_add(NULL, EVENT_TIME_MS_MAX - 1, 1), EVENT_TIME_MS_MAX);
    ck_assert_int_eq(calendar_add(NULL, EVENT_TIME_MS_MAX, 1), TIME_NEVER);
    ck_assert_int_eq(calendar_add(NULL, EVENT_TIME_MS_MAX, INT64_MAX), TIME_NEVER);
    ck_assert_int_eq(calendar_between(NULL, 1000, 1500), 500);
    ck_assert_int_eq(calendar_between(NULL, 1500, 1000), 0);
}
END_TEST

START_TEST(deadline_that_does_not_come_is_never) {
    const Calendar *office = calendar_of("Pacific/Kiritimati", OFFICE);
    /* The last Friday: December 31, 9999. It ends there ten hours before it does in Greenwich. */
    int64_t friday_ms = fixture_instant("9999-12-30T19:00:00Z");
    ck_assert_int_eq(calendar_add(office, friday_ms, 8 * HOUR_MS), friday_ms + 8 * HOUR_MS);
    ck_assert_int_eq(calendar_add(office, friday_ms, 8 * HOUR_MS + 1), TIME_NEVER);
    ck_assert_int_eq(calendar_add(office, EVENT_TIME_MS_MAX, 1), TIME_NEVER);
    ck_assert_int_eq(calendar_between(office, friday_ms, EVENT_TIME_MS_MAX), 8 * HOUR_MS);
    const Calendar *west = calendar_of("America/New_York", "1-7 00:00-24:00");
    ck_assert_int_eq(calendar_add(west, EVENT_TIME_MS_MAX, 1), TIME_NEVER);
    ck_assert_int_eq(calendar_add(west, EVENT_TIME_MS_MAX - 1, 1), EVENT_TIME_MS_MAX);

    const Calendar *closed = calendar_of("UTC", "");
    ck_assert_int_eq(calendar_add(closed, 0, 1), TIME_NEVER);
    ck_assert_int_eq(calendar_between(closed, 0, EVENT_TIME_MS_MAX), 0);
    const Calendar *once = calendar_of("UTC", "2036-01-01 09:00-10:00 2050-01-01 09:00-10:00");
    ASSERT_INSTANT(
            calendar_add(once, fixture_instant("2026-01-05T00:00:00Z"), HOUR_MS), "2036-01-01T10:00:00Z");
    ck_assert_int_eq(calendar_add(once, fixture_instant("2025-12-01T00:00:00Z"), 1), TIME_NEVER);
    ck_assert_int_eq(calendar_add(once, fixture_instant("2036-01-01T00:00:00Z"), HOUR_MS + 1), TIME_NEVER);
}
END_TEST

/* A bound that a machine under load keeps, sanitizers on: about a thousand times what it takes. */
START_TEST(long_targets_take_little_time) {
    const Calendar *calendar = calendar_of("America/New_York", "1-5 09:00-12:00 13:00-18:00");
    int64_t year_ms = 2088 * HOUR_MS, from_ms = fixture_instant("2026-01-05T14:00:00Z");
    clock_t begin = clock();
    for (int i = 0; i < 100; i++)
        if (calendar_add(calendar, from_ms + i * HOUR_MS, year_ms) == TIME_NEVER)
            ck_abort();
    ck_assert_int_lt((clock() - begin) / 100, CLOCKS_PER_SEC / 50);
}
END_TEST

/* --- random calendars against a walk ----------------------------------------------------------------- */

#define MARGIN_MINUTES (3 * DAY_MINUTES)
#define WINDOW_MINUTES_MAX (30 * DAY_MINUTES)

/* What clocks show at each minute from begin_ms on, and working time before it, in minutes. */
typedef struct Window {
    int64_t begin_ms;
    int n; /* margins included */
    int64_t local_min[WINDOW_MINUTES_MAX + 2 * MARGIN_MINUTES];
    bool open[WINDOW_MINUTES_MAX + 2 * MARGIN_MINUTES];
    int before[WINDOW_MINUTES_MAX + 2 * MARGIN_MINUTES + 1];
} Window;

static int64_t libc_local_min(int64_t at_ms) {
    time_t at_s = (time_t)(at_ms / 1000);
    struct tm tm;
    if (!localtime_r(&at_s, &tm))
        ck_abort();
    return (at_s + tm.tm_gmtoff) / 60;
}

/* The first minute at which clocks show local_min or more. */
static int first_at(const Window *window, int64_t local_min) {
    int i = (int)MIN(MAX(local_min - window->local_min[0] - 2 * DAY_MINUTES, 0), window->n);
    while (i < window->n && window->local_min[i] < local_min)
        i++;
    return i;
}

static const CalendarHours *naive_hours(const Draft *draft, int32_t day) {
    static const CalendarHours none = {0};
    for (size_t i = 0; i < draft->spec.n_open; i++)
        if (draft->open[i].day == day)
            return &draft->open[i].hours;
    for (size_t i = 0; i < draft->spec.n_closed; i++)
        if (draft->closed[i] == day)
            return &none;
    /* January 1, 1970 was a Thursday. */
    return day_set_contains(draft->spec.holidays, day) ? &none : &draft->spec.week[(day + 3) % 7];
}

static void walk_window(Window *window, const Draft *draft) {
    int32_t first = (int32_t)(window->local_min[0] / DAY_MINUTES) - 1;
    int32_t last = (int32_t)(window->local_min[window->n - 1] / DAY_MINUTES) + 1;

    memset(window->open, 0, sizeof(window->open));
    for (int32_t day = first; day <= last; day++) {
        const CalendarHours *hours = naive_hours(draft, day);
        for (size_t i = 0; i < hours->n; i++) {
            int end = first_at(window, (int64_t)day * DAY_MINUTES + hours->intervals[i].end_min);
            for (int m = first_at(window, (int64_t)day * DAY_MINUTES + hours->intervals[i].begin_min);
                    m < end; m++)
                window->open[m] = true;
        }
    }
    window->before[0] = 0;
    for (int m = 0; m < window->n; m++)
        window->before[m + 1] = window->before[m] + window->open[m];
}

/* Mostly where clocks are changed: in the first hours of a day. */
static int random_minute(uint64_t *state) {
    return (int)(random_below(state, 2) ? random_below(state, 5 * 4) * 15 : random_below(state, DAY_MINUTES));
}

static void random_hours(uint64_t *state, CalendarInterval *intervals, CalendarHours *hours) {
    for (uint64_t n = random_below(state, 4); n > 0; n--) {
        int begin_min = random_minute(state), end_min = random_minute(state);
        if (begin_min != end_min)
            add_interval(intervals, hours, begin_min, end_min);
    }
}

static void random_draft(uint64_t *state, Draft *draft, const Timezone *zone, int64_t begin_ms, int n_days) {
    int32_t first = (int32_t)(begin_ms / DAY_MS);

    draft_init(draft);
    draft->spec.zone = zone;
    DaySet *holidays = day_set_new(arena);
    draft->spec.holidays = holidays;
    for (int i = 0; i < 7; i++)
        random_hours(state, draft->week[i], &draft->spec.week[i]);
    for (int i = 0; i < n_days; i++) {
        if (random_below(state, 8) == 0)
            draft->closed[draft->spec.n_closed++] = first + i;
        if (random_below(state, 8) == 0)
            day_set_add(holidays, first + i, first + i + 1);
        if (random_below(state, 8) == 0) {
            size_t n = draft->spec.n_open++;
            draft->open[n].day = first + i;
            random_hours(state, draft->open_intervals[n], &draft->open[n].hours);
        }
    }
}

static void compare_window(
        const char *name, const Window *window, const Calendar *calendar, uint64_t *state) {
    int first = MARGIN_MINUTES, n = window->n - 2 * MARGIN_MINUTES;

    for (int i = 0; i < 300; i++) {
        int from = first + (int)random_below(state, (uint64_t)n),
            to = first + (int)random_below(state, (uint64_t)n);
        int work = MAX(window->before[to] - window->before[from], 0);
        int64_t from_ms = window->begin_ms + from * MINUTE_MS, to_ms = window->begin_ms + to * MINUTE_MS;
        if (calendar_between(calendar, from_ms, to_ms) != work * MINUTE_MS)
            ck_abort_msg("%s: between %lld and %lld", name, (long long)from_ms, (long long)to_ms);
        /* The first minute before which that much has passed. */
        while (work > 0 && window->before[to - 1] - window->before[from] == work)
            to--;
        to_ms = work > 0 ? window->begin_ms + to * MINUTE_MS : from_ms;
        if (calendar_add(calendar, from_ms, work * MINUTE_MS) != to_ms)
            ck_abort_msg("%s: %d minutes from %lld", name, work, (long long)from_ms);
    }
}

static void check_window(
        const char *name, const Timezone *zone, int64_t begin_ms, int n_days, uint64_t *state) {
    static Window window;
    static Draft draft;
    const Calendar *calendar;

    window.n = n_days * DAY_MINUTES + 2 * MARGIN_MINUTES;
    window.begin_ms = begin_ms - MARGIN_MINUTES * MINUTE_MS;
    for (int m = 0; m < window.n; m++)
        window.local_min[m] = libc_local_min(window.begin_ms + m * MINUTE_MS);
    random_draft(state, &draft, zone, begin_ms, n_days);
    if (calendar_new(arena, &draft.spec, &calendar) < 0)
        ck_abort();
    walk_window(&window, &draft);
    compare_window(name, &window, calendar, state);
}

static int64_t midnight_before(int64_t at_ms) {
    return at_ms / DAY_MS * DAY_MS;
}

START_TEST(every_zone_agrees_with_a_walk) {
    int64_t first_ms = fixture_instant("2020-01-01T00:00:00Z"),
            end_ms = fixture_instant("2038-01-01T00:00:00Z");
    bool exhaustive = getenv("SCORED_TEST_EXHAUSTIVE") != NULL;
    uint64_t state = 1;
    size_t n, n_changing = 0;
    char **names = fixture_zone_names(&n);

    for (size_t i = 0; i < n; i++) {
        char tz[1024];
        (void)snprintf(tz, sizeof(tz), ":%s", names[i]);
        ck_assert_int_eq(setenv("TZ", tz, 1), 0);
        tzset();
        const Timezone *zone = fixture_zone(arena, names[i]);
        int64_t at_ms = timezone_next_change_ms(zone, first_ms);
        n_changing += at_ms < end_ms;
        for (int k = 0; !exhaustive && k < 2 && at_ms < end_ms; k++) {
            check_window(names[i], zone, midnight_before(at_ms) - DAY_MS, 3, &state);
            /* Another one, forward or back, in another year. */
            for (uint64_t skip = 2 * random_below(&state, 8) + 1; skip > 0; skip--)
                at_ms = at_ms < end_ms ? timezone_next_change_ms(zone, at_ms) : at_ms;
        }
        if (exhaustive && at_ms < end_ms)
            for (at_ms = first_ms; at_ms < end_ms; at_ms += 30 * DAY_MS)
                check_window(names[i], zone, at_ms, 30, &state);
        arena_reset(arena);
        free(names[i]);
    }
    free(names);
    ck_assert_uint_gt(n_changing, 100);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("calendar");
    TCase *tc = tcase_create("calendar");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, getenv("SCORED_TEST_EXHAUSTIVE") ? 7200 : 60);
    tcase_add_loop_test(tc, deadline_is_found, 0, ARRAY_SIZE(rows));
    tcase_add_test(tc, time_between_is_working_time);
    tcase_add_test(tc, without_a_calendar_all_time_counts);
    tcase_add_test(tc, deadline_that_does_not_come_is_never);
    tcase_add_test(tc, long_targets_take_little_time);
    tcase_add_test(tc, every_zone_agrees_with_a_walk);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
