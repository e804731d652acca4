/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/calendar/date.h"
#include "tests/unit/suite.h"

#define SENTINEL (-12345)

static const struct {
    const char *text;
    int32_t day;
    int weekday;
} rows[] = {
        {"1970-01-01", 0, 3},
        {"1970-01-04", 3, 6},
        {"1970-01-05", 4, 0},
        {"2000-02-29", 11016, 1},
        {"2026-12-25", 20812, 4},
        {"9999-12-31", DATE_DAY_MAX, 4},
};

START_TEST(date_is_read) {
    int32_t day = SENTINEL;
    ck_assert(date_parse(str_from(rows[_i].text), &day));
    ck_assert_int_eq(day, rows[_i].day);
    ck_assert_int_eq(date_weekday(day), rows[_i].weekday);
}
END_TEST

static const char *const refused_rows[] = {"", "2026", "2026-12", "2026-12-2", "2026-12-255", "2026-12-25 ",
        " 2026-12-25", "20261225", "2026/12/25", "2026-2-1", "2026-00-10", "2026-13-10", "2026-04-31",
        "2026-02-29", "2100-02-29", "2026-01-00", "2026-01-32", "0000-01-01", "-2026-12-25",
        "26-12-25", "2026-12-+5", "2026-12-25T00:00:00Z"};

START_TEST(other_texts_are_refused) {
    int32_t day = SENTINEL;
    ck_assert(!date_parse(str_from(refused_rows[_i]), &day));
    ck_assert_int_eq(day, SENTINEL);
}
END_TEST

/* Counted on day by day from 0000-01-01, a Saturday. */
START_TEST(days_follow_each_other) {
    Date date = {0, 1, 1};
    int weekday = 5;
    for (int32_t day = -719528; day <= DATE_DAY_MAX; day++) {
        Date read = date_from_day(day);
        if (date_to_day(date) != day || read.year != date.year || read.month != date.month ||
                read.day != date.day || date_weekday(day) != weekday)
            ck_abort_msg("day %d", day);
        weekday = (weekday + 1) % 7;
        if (++date.day <= date_month_days(date.year, date.month))
            continue;
        date.day = 1;
        if (++date.month > 12)
            date = (Date){date.year + 1, 1, 1};
    }
    ck_assert_int_eq(date.year, DATE_YEAR_MAX + 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("date");
    TCase *tc = tcase_create("date");
    tcase_add_loop_test(tc, date_is_read, 0, ARRAY_SIZE(rows));
    tcase_add_loop_test(tc, other_texts_are_refused, 0, ARRAY_SIZE(refused_rows));
    tcase_add_test(tc, days_follow_each_other);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
