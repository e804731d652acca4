/* SPDX-License-Identifier: Apache-2.0 */
/* Holidays: what a file's events come to, and what is said of files that are not understood. */
#include <stdio.h>

#include "lib/calendar/date.h"
#include "lib/calendar/icalendar.h"
#include "tests/unit/suite.h"

/* A file with the lines in it; an event with the lines in it. */
#define FILE_OF(lines) "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" lines "END:VCALENDAR\r\n"
#define EVENT(lines) "BEGIN:VEVENT\r\n" lines "END:VEVENT\r\n"
#define DAY(date) "DTSTART;VALUE=DATE:" date "\r\n"

static Arena *arena;

static void setup(void) {
    ck_assert_int_eq(arena_new(&arena), 0);
}

static void teardown(void) {
    arena = arena_free(arena);
}

/* On the heap, exactly as long, so that the sanitizer sees what reads past the end. */
static int read_text(const char *text, DaySet **ret, IcalendarError *error) {
    size_t len = strlen(text);
    _cleanup_(free_null) char *bytes = malloc(MAX(len, 1));
    memcpy(bytes, text, len);
    ck_assert_ptr_nonnull(*ret = day_set_new(arena));
    return icalendar_read(arena, (Str){bytes, len}, *ret, error);
}

/* All days from 2026 to 2028, and before; a run of them as "first-last". */
static void list_days(const DaySet *set, char *text, size_t size) {
    size_t len = 0;
    text[0] = '\0';
    for (int32_t day = 0; day < date_to_day((Date){2029, 1, 1}); day++) {
        int32_t first = day;
        while (day_set_contains(set, day))
            day++;
        if (day == first)
            continue;
        Date a = date_from_day(first), b = date_from_day(day - 1);
        len += (size_t)snprintf(
                text + len, size - len, "%s%04d%02d%02d", len ? " " : "", a.year, a.month, a.day);
        if (day - 1 > first)
            len += (size_t)snprintf(text + len, size - len, "-%04d%02d%02d", b.year, b.month, b.day);
        ck_assert_uint_lt(len, size);
    }
}

static const struct {
    const char *file, *days;
} rows[] = {
        {FILE_OF(""), ""},
        {FILE_OF(EVENT(DAY("20261225"))), "20261225"},
        {FILE_OF(EVENT("DTSTART:20261225\r\n")), "20261225"},
        {FILE_OF(EVENT("dtstart;X-A=\"a;VALUE=b:c\";value=\"date\":20261225\r\n")), "20261225"},
        {FILE_OF(EVENT(DAY("20261225") "DTEND;VALUE=DATE:20261227\r\n")), "20261225-20261226"},
        {FILE_OF(EVENT(DAY("20261225") "DTEND;VALUE=DATE:20261225\r\n")), "20261225"},
        {FILE_OF(EVENT("DURATION:P3D\r\n" DAY("20261225"))), "20261225-20261227"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:P1W\r\n")), "20261225-20261231"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:+p2d\r\n")), "20261225-20261226"},
        {FILE_OF(EVENT(DAY("19691230") "DURATION:P1W\r\n")), "19700101-19700105"},
        /* a time of day: no holiday, whatever else it says */
        {FILE_OF(EVENT("DTSTART:20261225T000000\r\nDURATION:P1D\r\nRRULE:FREQ=HOURLY\r\n")), ""},
        {FILE_OF(EVENT("DTSTART;TZID=Europe/Berlin:20261225T090000\r\nRDATE:20261226T090000\r\n")), ""},
        {FILE_OF(EVENT("DTSTART;VALUE=DATE-TIME:20261225T000000Z\r\n")), ""},
        /* recurring */
        {FILE_OF(EVENT(DAY("20001225") "RRULE:FREQ=YEARLY;UNTIL=20001231\r\nRDATE;VALUE=DATE:20260101\r\n")),
                "20001225 20260101"},
        {FILE_OF(EVENT(DAY("20251126") "RRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=4TH\r\nDURATION:P2D\r\n")),
                "20251127-20251128 20261126-20261127 20271125-20271126 20281123-20281124"},
        {FILE_OF(EVENT(
                 DAY("20260101") "RRULE:FREQ=WEEKLY;COUNT=4\r\nEXDATE;VALUE=DATE:20260108,20260101\r\n")),
                "20260115 20260122"},
        {FILE_OF(EVENT(DAY("20260101") "RRULE:FREQ=DAILY;COUNT=5\r\nEXDATE:20260102\r\nEXDATE:20260104\r\n")),
                "20260101 20260103 20260105"},
        {FILE_OF(EVENT(DAY("20260101") "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=3\r\nDURATION:P4D\r\n")),
                "20260101-20260108"},
        {FILE_OF(EVENT(DAY("20260101") "RDATE:20260301,20260201\r\nEXDATE:20260301\r\n")),
                "20260101 20260201"},
        {FILE_OF(EVENT(DAY("20260101") "EXDATE:20260101\r\n")), ""},
        /* a day of a recurring event that another takes the place of, before or behind it */
        {FILE_OF(EVENT("UID:a\r\n" DAY("20250704") "RRULE:FREQ=YEARLY;COUNT=3\r\n")
                         EVENT("UID:a\r\nRECURRENCE-ID;VALUE=DATE:20260704\r\n" DAY("20260703"))),
                "20250704 20260703 20270704"},
        {FILE_OF(EVENT("UID:a\r\nSTATUS:CANCELLED\r\nRECURRENCE-ID;VALUE=DATE:20260704\r\n" DAY("20260704"))
                         EVENT("UID:a\r\n" DAY("20250704") "RRULE:FREQ=YEARLY;COUNT=3\r\n")
                                 EVENT("UID:b\r\n" DAY("20260101") "RRULE:FREQ=YEARLY;COUNT=2\r\n")),
                "20250704 20260101 20270101 20270704"},
        {FILE_OF(EVENT("UID:a\r\n" DAY("20250704") "RRULE:FREQ=YEARLY;COUNT=2\r\nEXDATE:20250704\r\n")
                         EVENT("UID:a\r\nRECURRENCE-ID;VALUE=DATE:20260704\r\nDTSTART:20260704T090000\r\n")),
                ""},
        {FILE_OF(EVENT("STATUS:cancelled\r\n" DAY("20261225"))), ""},
        {FILE_OF(EVENT("STATUS:TENTATIVE\r\nTRANSP:TRANSPARENT\r\n" DAY("20261225"))), "20261225"},
        /* what stands in other components is theirs */
        {FILE_OF(EVENT(DAY("20261225") "BEGIN:VALARM\r\nDURATION:PT5M\r\nDTSTART:x\r\nEND:VALARM\r\n")),
                "20261225"},
        {FILE_OF("BEGIN:VTIMEZONE\r\nBEGIN:STANDARD\r\nDTSTART:20261225\r\nRRULE:FREQ=HOURLY\r\n"
                 "END:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VTODO\r\nDTSTART:20261226\r\nEND:VTODO\r\n"),
                ""},
        /* the form of lines */
        {"\xEF\xBB\xBF" FILE_OF(EVENT(DAY("20261225"))) FILE_OF(EVENT(DAY("20261226"))), "20261225-20261226"},
        {"begin:vcalendar\nbegin:vevent\nDTSTART:20261225\n\nend:vevent\nend:vcalendar", "20261225"},
        {FILE_OF(EVENT("DTST\r\n ART;VALUE=DA\r\n\tTE:2026\r\n 1225\r\nSUMMARY:a\r\n  b:c\r\n")), "20261225"},
};

START_TEST(file_comes_to_days) {
    DaySet *set;
    char text[1024];
    IcalendarError error = {0};
    int r = read_text(rows[_i].file, &set, &error);
    ck_assert_msg(r == 0, "%u: %s", error.line, error.text);
    list_days(set, text, sizeof(text));
    ck_assert_str_eq(text, rows[_i].days);
}
END_TEST

#define ALL_DAY_EXPECTED "expected a date such as 20261225, as DTSTART is one"

static const struct {
    const char *file;
    unsigned line;
    const char *text;
} refused_rows[] = {
        {"", 1, "not an iCalendar file: expected BEGIN:VCALENDAR, got nothing"},
        {"\n\n", 1, "not an iCalendar file: expected BEGIN:VCALENDAR, got nothing"},
        {"<html>\n", 1, "not an iCalendar file: expected BEGIN:VCALENDAR, got \"<html>\""},
        {"\nVERSION:2.0\n", 2, "not an iCalendar file: expected BEGIN:VCALENDAR, got \"VERSION\""},
        {"BEGIN:VEVENT\n", 1, "\"BEGIN:VEVENT\" in the wrong place: expected VEVENT within VCALENDAR"},
        {FILE_OF("BEGIN:VCALENDAR\r\n"), 3,
                "\"BEGIN:VCALENDAR\" in the wrong place: expected VEVENT within VCALENDAR"},
        {FILE_OF(EVENT(DAY("20261225") EVENT(""))), 5,
                "\"BEGIN:VEVENT\" in the wrong place: expected VEVENT within VCALENDAR"},
        {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\n", 3, "\"END:VCALENDAR\" without its BEGIN"},
        {"BEGIN:VCALENDAR\nEND:VCALENDAR\nEND:VCALENDAR\n", 3,
                "not an iCalendar file: expected BEGIN:VCALENDAR, got \"END\""},
        {"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261225\n", 3, "the file breaks off: expected END:VEVENT"},
        {FILE_OF("nothing\r\n"), 3, "\"nothing\": expected NAME:value"},
        {FILE_OF("BEGIN:A\r\nBEGIN:A\r\nBEGIN:A\r\nBEGIN:A\r\nBEGIN:A\r\nBEGIN:A\r\nBEGIN:A\r\nBEGIN:A\r\n"),
                10, "more than 8 components within each other"},
        {FILE_OF(EVENT("SUMMARY:x\r\n")), 3, "the event has no DTSTART: expected a date such as 20261225"},
        {FILE_OF(EVENT(DAY("20260230"))), 4, "bad DTSTART \"20260230\": expected a date such as 20261225"},
        {FILE_OF(EVENT(DAY("20261225T000000"))), 4,
                "bad DTSTART \"20261225T000000\": expected a date such as 20261225"},
        {FILE_OF(EVENT("DTSTART;VALUE=DATE-TIME:20261225\r\n")), 4,
                "bad DTSTART \"20261225\": expected a date such as 20261225"},
        {FILE_OF(EVENT("DTSTART:Christmas\r\n")), 4,
                "bad DTSTART \"Christmas\": expected a date such as 20261225"},
        {FILE_OF(EVENT(DAY("20261225") DAY("20261225"))), 5, "DTSTART is in the event twice"},
        {FILE_OF(EVENT(DAY("20261225") "DTEND:20261226\r\nDURATION:P1D\r\n")), 6,
                "the event has DTEND and DURATION: expected one of them"},
        {FILE_OF(EVENT(DAY("20261225") "DTEND:20261225T120000\r\n")), 5,
                "bad DTEND \"20261225T120000\": " ALL_DAY_EXPECTED},
        {FILE_OF(EVENT(DAY("20261225") "DTEND:20261224\r\n")), 5,
                "bad DTEND \"20261224\": expected the day after the event's last, 3660 days after DTSTART at "
                "most"},
        {FILE_OF(EVENT(DAY("20261225") "DTEND:20370102\r\n")), 5,
                "bad DTEND \"20370102\": expected the day after the event's last, 3660 days after DTSTART at most"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:PT24H\r\n")), 5,
                "bad DURATION \"PT24H\": expected days or weeks such as P1D, 3660 days at most"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:P1M\r\n")), 5,
                "bad DURATION \"P1M\": expected days or weeks such as P1D, 3660 days at most"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:P\r\n")), 5,
                "bad DURATION \"P\": expected days or weeks such as P1D, 3660 days at most"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:one day\r\n")), 5,
                "bad DURATION \"one day\": expected days or weeks such as P1D, 3660 days at most"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:-P1D\r\n")), 5,
                "bad DURATION \"-P1D\": expected days or weeks such as P1D, 3660 days at most"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:P0D\r\n")), 5,
                "bad DURATION \"P0D\": expected days or weeks such as P1D, 3660 days at most"},
        {FILE_OF(EVENT(DAY("20261225") "DURATION:P523W\r\n")), 5,
                "bad DURATION \"P523W\": expected days or weeks such as P1D, 3660 days at most"},
        {FILE_OF(EVENT(DAY("20261225") "RRULE:FREQ=YEARLY;BY\r\n SETPOS=1\r\n")), 5,
                "RRULE part \"BYSETPOS=1\" is not supported: expected FREQ, INTERVAL, COUNT, UNTIL, BYMONTH, "
                "BYMONTHDAY or BYDAY"},
        {FILE_OF(EVENT("SUMMARY:folded\r\n  once\r\n and twice\r\n" DAY("20261225") "RRULE:FREQ=HOURLY\r\n")),
                8, "bad RRULE part \"FREQ=HOURLY\": expected YEARLY, MONTHLY, WEEKLY or DAILY"},
        {FILE_OF(EVENT(DAY("20261225") "EXRULE:FREQ=YEARLY\r\n")), 5,
                "\"EXRULE\" is not supported: expected EXDATE"},
        {FILE_OF(EVENT(DAY("20261225") "EXDATE:20261225T000000\r\n")), 5,
                "bad EXDATE \"20261225T000000\": " ALL_DAY_EXPECTED},
        {FILE_OF(EVENT(DAY("20261225") "RDATE:20261225,\r\n")), 5, "bad RDATE \"\": " ALL_DAY_EXPECTED},
        {FILE_OF(EVENT("UID:a\r\nRECURRENCE-ID;VALUE=DATE;RANGE=THISANDFUTURE:20261225\r\n" DAY("20261225"))),
                5, "RANGE is not supported: expected a RECURRENCE-ID without it"},
};

START_TEST(other_files_are_refused) {
    DaySet *set;
    IcalendarError error = {0};
    ck_assert_int_eq(read_text(refused_rows[_i].file, &set, &error), ICALENDAR_E_FORMAT);
    ck_assert_str_eq(error.text, refused_rows[_i].text);
    ck_assert_uint_eq(error.line, refused_rows[_i].line);
}
END_TEST

static const struct limit {
    size_t max;
    const char *before, *item, *after, *text;
} limits[] = {
        {ICALENDAR_EVENTS_MAX, "", EVENT(DAY("20260101")), "", "more than 20000 all-day events"},
        {ICALENDAR_RULES_MAX, "", EVENT(DAY("20260101") "RRULE:FREQ=DAILY;COUNT=1\r\n"), "",
                "more than 1000 recurring events"},
        {ICALENDAR_MOVED_MAX, "", EVENT("UID:a\r\nRECURRENCE-ID:20260101\r\n" DAY("20260101")), "",
                "more than 1000 RECURRENCE-ID"},
        {ICALENDAR_DATES_MAX - 1, "BEGIN:VEVENT\r\nDTSTART:20260101\r\nEXDATE:20260101", ",20260101",
                "\r\nEND:VEVENT\r\n", "more than 50000 dates in EXDATE and RDATE"},
};

START_TEST(what_a_file_may_hold_is_limited) {
    const struct limit *limit = &limits[_i];
    DaySet *set;
    IcalendarError error = {0};
    for (size_t more = 0; more <= 1; more++) {
        size_t n_item = strlen(limit->item), n = limit->max + more;
        _cleanup_(free_null) char *text = malloc(n * n_item + 1024);
        char *at = stpcpy(stpcpy(text, "BEGIN:VCALENDAR\r\n"), limit->before);
        for (size_t i = 0; i < n; i++)
            at = stpcpy(at, limit->item);
        (void)stpcpy(stpcpy(at, limit->after), "END:VCALENDAR\r\n");
        int r = read_text(text, &set, &error);
        ck_assert_msg(r == (more ? ICALENDAR_E_FORMAT : 0), "%s", error.text);
    }
    ck_assert_str_eq(error.text, limit->text);
}
END_TEST

START_TEST(days_outside_of_the_set_are_let_be) {
    DaySet *set = day_set_new(arena);
    day_set_add(set, INT32_MIN, -5);
    day_set_add(set, -5, 2);
    day_set_add(set, DATE_DAY_MAX, INT32_MAX);
    ck_assert(day_set_contains(set, 0) && day_set_contains(set, 1) && !day_set_contains(set, 2));
    ck_assert(day_set_contains(set, DATE_DAY_MAX) && !day_set_contains(set, DATE_DAY_MAX - 1));
    ck_assert(!day_set_contains(set, DAY_SET_DAY_MIN - 1) && !day_set_contains(set, DATE_DAY_MAX + 1));
    ck_assert(!day_set_contains(set, INT32_MIN) && !day_set_contains(set, INT32_MAX));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("icalendar");
    TCase *tc = tcase_create("icalendar");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, file_comes_to_days, 0, ARRAY_SIZE(rows));
    tcase_add_loop_test(tc, other_files_are_refused, 0, ARRAY_SIZE(refused_rows));
    tcase_add_loop_test(tc, what_a_file_may_hold_is_limited, 0, ARRAY_SIZE(limits));
    tcase_add_test(tc, days_outside_of_the_set_are_let_be);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
