/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/case_instant.h"

#include "lib/event/event.h"
#include "tests/unit/suite.h"

#define START INT64_C(1767603600000) /* 2026-01-05T09:00:00Z */
#define UNTOUCHED (-7)

static const struct {
    const char *text;
    int64_t at_ms;       /* UNTOUCHED: not an instant */
    const char *printed; /* NULL: not looked at */
} rows[] = {
        {"+0s", START, "+0s (2026-01-05T09:00:00.000Z)"},
        {"+90s", START + 90000, "+1m30s (2026-01-05T09:01:30.000Z)"},
        {"+1ms", START + 1, "+1ms (2026-01-05T09:00:00.001Z)"},
        {"+2d4h30m", START + 2 * 86400000 + 16200000, "+2d4h30m (2026-01-07T13:30:00.000Z)"},
        {"+1w1d", START + 8 * 86400000, "+8d (2026-01-13T09:00:00.000Z)"},
        {"+1m1m", START + 120000, NULL},
        {"2026-01-05T10:00:00+01:00", START, NULL},
        {"2026-01-05T08:59:59Z", START - 1000, "2026-01-05T08:59:59.000Z"},
        {"", UNTOUCHED, NULL},
        {"+", UNTOUCHED, NULL},
        {"2d", UNTOUCHED, NULL},
        {"+2", UNTOUCHED, NULL},
        {"+d", UNTOUCHED, NULL},
        {"+2d-1h", UNTOUCHED, NULL},
        {"+2 d", UNTOUCHED, NULL},
        {"++2d", UNTOUCHED, NULL},
        {"-2d", UNTOUCHED, NULL},
        {"+99y", UNTOUCHED, NULL},
        {"2026-01-05", UNTOUCHED, NULL},
};

START_TEST(instants_are_read_from_the_start) {
    char text[CASE_INSTANT_TEXT_SIZE];
    int64_t at_ms = UNTOUCHED;

    bool parsed = case_instant_parse(str_from(rows[_i].text), START, &at_ms);
    ck_assert_int_eq(parsed, rows[_i].at_ms != UNTOUCHED);
    ck_assert_int_eq(at_ms, rows[_i].at_ms);
    if (!rows[_i].printed)
        return;
    case_instant_print(at_ms, START, text);
    ck_assert_str_eq(text, rows[_i].printed);
}
END_TEST

START_TEST(sums_that_leave_the_years_are_refused) {
    char text[500] = "+";
    int64_t at_ms = UNTOUCHED;

    /* A hundred years each: the last of them would be beyond 9999. */
    for (int i = 0; i < 81; i++)
        strcat(text, "5200w");
    ck_assert(!case_instant_parse(str_from(text), START, &at_ms));
    ck_assert_int_eq(at_ms, UNTOUCHED);
    ck_assert(!case_instant_parse(STR_LITERAL("+1s"), EVENT_TIME_MS_MAX, &at_ms));
}
END_TEST

START_TEST(longest_span_fits) {
    char text[CASE_INSTANT_TEXT_SIZE];

    case_instant_print(EVENT_TIME_MS_MAX, 0, text);
    ck_assert_str_eq(text, "+2932896d23h59m59s999ms (9999-12-31T23:59:59.999Z)");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("case_instant");
    TCase *tcase = tcase_create("case_instant");
    tcase_add_loop_test(tcase, instants_are_read_from_the_start, 0, ARRAY_SIZE(rows));
    tcase_add_test(tcase, sums_that_leave_the_years_are_refused);
    tcase_add_test(tcase, longest_span_fits);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
