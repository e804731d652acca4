/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/calendar/timestamp.h"
#include "tests/unit/suite.h"

#define SENTINEL INT64_C(-12345)
#define DAY_MS INT64_C(86400000)
#define LAST_MS INT64_C(253402300799999)

static const struct {
    const char *text;
    int64_t at_ms;
} parse_rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.001Z", 1},
        {"2026-01-31T23:59:59.999Z", INT64_C(1769903999999)},
        {"2026-01-31t23:59:59.999z", INT64_C(1769903999999)},
        {"2026-01-31 23:59:59.999Z", INT64_C(1769903999999)},
        {"2000-02-29T12:00:00Z", INT64_C(951825600000)},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
        {"2100-02-28T00:00:00Z", INT64_C(4107456000000)},
        {"9999-12-31T23:59:59.999Z", LAST_MS},
        /* fractions of any length, cut */
        {"1970-01-01T00:00:00.1Z", 100},
        {"1970-01-01T00:00:00.12Z", 120},
        {"1970-01-01T00:00:00.1239Z", 123},
        {"1970-01-01T00:00:00.0009999999999999999999999999Z", 0},
        /* offsets */
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T23:00:00-01:00", 0},
        {"1969-12-31T00:01:00-23:59", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"2026-07-01T09:00:00+02:00", INT64_C(1782889200000)},
        {"9999-12-31T23:59:59.999+00:01", LAST_MS - 60000},
};

START_TEST(rfc_3339_is_read) {
    int64_t at_ms = SENTINEL;
    ck_assert(timestamp_parse(str_from(parse_rows[_i].text), &at_ms));
    ck_assert_int_eq(at_ms, parse_rows[_i].at_ms);
}
END_TEST

static const char *const refused_rows[] = {
        "",
        "2026",
        "2026-01-31",
        "2026-01-31T23:59:59",
        "2026-01-31T23:59Z",
        "2026-01-31T23:59:59.Z",
        "2026-01-31T23:59:59,5Z",
        "2026-01-31T23:59:59ZZ",
        "2026-01-31T23:59:59Z ",
        " 2026-01-31T23:59:59Z",
        "2026-01-31T23:59:59 Z",
        "2026-01-31_23:59:59Z",
        "2026-01-31T23:59:59+01",
        "2026-01-31T23:59:59+0100",
        "2026-01-31T23:59:59+1:00",
        "2026-01-31T23:59:59+01:",
        "2026-01-31T23:59:59+",
        "2026-1-31T23:59:59Z",
        "26-01-31T23:59:59Z",
        "+2026-01-31T23:59:59Z",
        "2026-01-31T2a:59:59Z",
        "20260131T235959Z",
        /* out of range */
        "2026-00-10T00:00:00Z",
        "2026-13-10T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-31T23:59:59+24:00",
        "2026-01-31T23:59:59+01:60",
        /* years out of range, some by the offset only */
        "1969-12-31T23:59:59.999Z",
        "1970-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
};

START_TEST(other_texts_are_refused) {
    int64_t at_ms = SENTINEL;
    ck_assert(!timestamp_parse(str_from(refused_rows[_i]), &at_ms));
    ck_assert_int_eq(at_ms, SENTINEL);
}
END_TEST

START_TEST(null_and_nul_are_refused) {
    int64_t at_ms = SENTINEL;
    ck_assert(!timestamp_parse(STR_NULL, &at_ms));
    ck_assert(!timestamp_parse(STR_LITERAL("2026-01-31T23:59:59Z\0"), &at_ms));
    ck_assert(!timestamp_parse(STR_LITERAL("2026-01-31\00023:59:59Z"), &at_ms));
    ck_assert_int_eq(at_ms, SENTINEL);
}
END_TEST

static const struct {
    int64_t at_ms;
    const char *text;
} print_rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {INT64_C(1769903999999), "2026-01-31T23:59:59.999Z"},
        {INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
        {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z"},
        {INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z"},
        {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
        {LAST_MS, "9999-12-31T23:59:59.999Z"},
        {INT64_C(-62167219200001), "0000-01-01T00:00:00.000Z"},
        {LAST_MS + 1, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
};

START_TEST(instant_is_printed_in_utc) {
    char text[TIMESTAMP_TEXT_SIZE];
    ck_assert_uint_eq(timestamp_print(print_rows[_i].at_ms, text), TIMESTAMP_TEXT_SIZE - 1);
    ck_assert_str_eq(text, print_rows[_i].text);
}
END_TEST

START_TEST(days_read_back) {
    /* The calendar repeats after 146097 days: all of those, then samples, at another time each day. */
    for (int64_t day = 0; day * DAY_MS <= LAST_MS; day += day < 150000 ? 1 : 29) {
        int64_t at_ms = day * DAY_MS + day * 577 % DAY_MS, read_ms = SENTINEL;
        char text[TIMESTAMP_TEXT_SIZE];
        size_t len = timestamp_print(at_ms, text);
        if (!timestamp_parse((Str){text, len}, &read_ms) || read_ms != at_ms)
            ck_abort_msg("%s", text);
    }
}
END_TEST

static const struct {
    const char *text;
    int64_t ms;
    const char *printed;
} duration_rows[] = {
        {"250ms", 250, "250ms"},
        {"90s", 90000, "90s"},
        {"5m", 300000, "5m"},
        {"24h", DAY_MS, "1d"},
        {"30d", 30 * DAY_MS, "30d"},
        {"2w", 14 * DAY_MS, "2w"},
        {"14d", 14 * DAY_MS, "2w"},
        {"120m", 7200000, "2h"},
        {"1000ms", 1000, "1s"},
        {"1001ms", 1001, "1001ms"},
        {"0ms", 0, "0s"},
        {"0w", 0, "0s"},
        {"007s", 7000, "7s"},
        {"36525d", 36525 * DAY_MS, "36525d"},
        {"3155760000000ms", 36525 * DAY_MS, "36525d"},
};

START_TEST(duration_reads_and_prints) {
    int64_t ms = SENTINEL;
    ck_assert(duration_parse(str_from(duration_rows[_i].text), &ms));
    ck_assert_int_eq(ms, duration_rows[_i].ms);
    char text[DURATION_TEXT_SIZE];
    ck_assert_uint_eq(duration_print(ms, text), strlen(duration_rows[_i].printed));
    ck_assert_str_eq(text, duration_rows[_i].printed);
    ck_assert(duration_parse(str_from(text), &ms));
    ck_assert_int_eq(ms, duration_rows[_i].ms);
}
END_TEST

static const char *const duration_refused_rows[] = {
        "",
        "5",
        "m",
        "ms",
        "-5m",
        "+5m",
        "5 m",
        " 5m",
        "5m ",
        "5M",
        "5min",
        "1.5h",
        "1h30m",
        "5y",
        "1e3s",
        "0x5s",
        "5mss",
        "36526d",
        "3155760000001ms",
        "99999999999999999999999999999999w",
        "9223372036854775807ms",
        "18446744073709551616ms",
        "5218w",
};

START_TEST(other_durations_are_refused) {
    int64_t ms = SENTINEL;
    ck_assert(!duration_parse(str_from(duration_refused_rows[_i]), &ms));
    ck_assert_int_eq(ms, SENTINEL);
}
END_TEST

START_TEST(any_duration_prints) {
    char text[DURATION_TEXT_SIZE];
    duration_print(INT64_MIN, text);
    ck_assert_str_eq(text, "-9223372036854775808ms");
    duration_print(INT64_MAX, text);
    ck_assert_str_eq(text, "9223372036854775807ms");
    duration_print(-90000, text);
    ck_assert_str_eq(text, "-90s");
    int64_t ms = SENTINEL;
    ck_assert(!duration_parse(STR_NULL, &ms));
    ck_assert_int_eq(ms, SENTINEL);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("timestamp");
    TCase *tc = tcase_create("timestamp");
    tcase_add_loop_test(tc, rfc_3339_is_read, 0, ARRAY_SIZE(parse_rows));
    tcase_add_loop_test(tc, other_texts_are_refused, 0, ARRAY_SIZE(refused_rows));
    tcase_add_test(tc, null_and_nul_are_refused);
    tcase_add_loop_test(tc, instant_is_printed_in_utc, 0, ARRAY_SIZE(print_rows));
    tcase_add_test(tc, days_read_back);
    tcase_add_loop_test(tc, duration_reads_and_prints, 0, ARRAY_SIZE(duration_rows));
    tcase_add_loop_test(tc, other_durations_are_refused, 0, ARRAY_SIZE(duration_refused_rows));
    tcase_add_test(tc, any_duration_prints);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
