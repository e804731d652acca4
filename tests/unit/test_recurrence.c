/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recurrence rules. The days expected were first made by another implementation (dateutil), then looked at
 * against a calendar; a campaign of some thousand random rules against it is not kept.
 */
#include <stdio.h>

#include "lib/calendar/date.h"
#include "lib/calendar/recurrence.h"
#include "tests/unit/suite.h"

#define DAYS_SHOWN 5

typedef struct Found {
    char text[10 * DAYS_SHOWN];
    size_t n;
    int32_t latest;
} Found;

static void found(void *userdata, int32_t day) {
    Found *f = userdata;
    Date date = date_from_day(day);

    if (day <= f->latest || day > DATE_DAY_MAX)
        ck_abort_msg("day %d after day %d", day, f->latest);
    f->latest = day;
    if (f->n++ >= DAYS_SHOWN)
        return;
    size_t len = strlen(f->text);
    (void)snprintf(f->text + len, sizeof(f->text) - len, "%s%04d%02d%02d", len ? " " : "", date.year,
            date.month, date.day);
}

static Found expand(const char *start, const char *text) {
    Found f = {.latest = INT32_MIN};
    char why[RECURRENCE_TEXT_SIZE] = "";
    Recurrence rule;
    int32_t day;

    ck_assert(recurrence_parse_date(str_from(start), &day));
    int r = recurrence_parse(str_from(text), &rule, why);
    ck_assert_msg(r == 0, "%s", why);
    recurrence_expand(&rule, day, found, &f);
    return f;
}

/* The first five days; fewer: there are no more. */
static const struct {
    const char *start, *rule, *days;
} rows[] = {
        {"20260704", "FREQ=YEARLY", "20260704 20270704 20280704 20290704 20300704"},
        {"20240229", "FREQ=YEARLY", "20240229 20280229 20320229 20360229 20400229"},
        {"19000101", "FREQ=YEARLY;INTERVAL=21", "19000101 19210101 19420101 19630101 19840101"},
        {"20260101", "FREQ=YEARLY;BYMONTH=1,7", "20260101 20260701 20270101 20270701 20280101"},
        {"20260131", "FREQ=YEARLY;BYMONTH=1,2,3,4", "20260131 20260331 20270131 20270331 20280131"},
        {"20260101", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", ""},
        {"20260101", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1", "20260228 20270228 20280229 20290228 20300228"},
        {"20260101", "FREQ=YEARLY;BYMONTHDAY=13", "20260113 20260213 20260313 20260413 20260513"},
        {"20261126", "FREQ=YEARLY;BYMONTH=11;BYDAY=4TH", "20261126 20271125 20281123 20291122 20301128"},
        {"20260525", "FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO", "20260525 20270531 20280529 20290528 20300527"},
        {"20260101", "FREQ=YEARLY;BYDAY=1MO", "20260105 20270104 20280103 20290101 20300107"},
        {"20260101", "FREQ=YEARLY;BYDAY=-1SU", "20261227 20271226 20281231 20291230 20301229"},
        {"20260101", "FREQ=YEARLY;BYDAY=20MO", "20260518 20270517 20280515 20290514 20300520"},
        {"20260101", "FREQ=YEARLY;BYMONTH=1,2;BYDAY=5SU", "20270131 20280130 20320229 20330130 20340129"},
        {"20260101", "FREQ=YEARLY;BYDAY=WE", "20260107 20260114 20260121 20260128 20260204"},
        {"20260101", "FREQ=YEARLY;BYMONTH=3;BYDAY=TU", "20260303 20260310 20260317 20260324 20260331"},
        {"20260101", "FREQ=YEARLY;BYMONTHDAY=13;BYDAY=FR", "20260213 20260313 20261113 20270813 20281013"},
        {"20201103", "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
                "20201103 20241105 20281107 20321102 20361104"},
        {"20260101", "FREQ=YEARLY;BYMONTHDAY=1,2,3,4,5,6,7;BYDAY=20MO", ""},
        {"20260115", "FREQ=MONTHLY;COUNT=3", "20260115 20260215 20260315"},
        {"20260131", "FREQ=MONTHLY", "20260131 20260331 20260531 20260731 20260831"},
        {"20260131", "FREQ=MONTHLY;INTERVAL=3", "20260131 20260731 20261031 20270131 20270731"},
        {"20260101", "FREQ=MONTHLY;BYMONTHDAY=-31", "20260101 20260301 20260501 20260701 20260801"},
        {"20260101", "FREQ=MONTHLY;BYMONTHDAY=15,-1", "20260115 20260131 20260215 20260228 20260315"},
        {"20260101", "FREQ=MONTHLY;BYDAY=2TU,-1FR", "20260113 20260130 20260210 20260227 20260310"},
        {"20260101", "FREQ=MONTHLY;BYDAY=5MO", "20260330 20260629 20260831 20261130 20270329"},
        {"20260101", "FREQ=MONTHLY;BYMONTH=2,8;BYDAY=MO", "20260202 20260209 20260216 20260223 20260803"},
        {"20260101", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", "20260213 20260313 20261113 20270813 20281013"},
        {"20260101", "FREQ=MONTHLY;INTERVAL=18;BYMONTHDAY=10,11",
                "20260110 20260111 20270710 20270711 20290110"},
        {"20260107", "FREQ=WEEKLY", "20260107 20260114 20260121 20260128 20260204"},
        {"20260107", "FREQ=WEEKLY;INTERVAL=2", "20260107 20260121 20260204 20260218 20260304"},
        {"20260107", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", "20260111 20260119 20260125 20260202 20260208"},
        {"20260104", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", "20260104 20260112 20260118 20260126 20260201"},
        {"20260107", "FREQ=WEEKLY;BYMONTH=3;BYDAY=FR", "20260306 20260313 20260320 20260327 20270305"},
        {"20260107", "FREQ=WEEKLY;UNTIL=20260121;BYDAY=WE,TH",
                "20260107 20260108 20260114 20260115 20260121"},
        {"20260107", "FREQ=WEEKLY;UNTIL=20260121T235959Z", "20260107 20260114 20260121"},
        {"20260107", "FREQ=WEEKLY;UNTIL=20260120T235959", "20260107 20260114"},
        {"20260107", "FREQ=DAILY;COUNT=3", "20260107 20260108 20260109"},
        {"20260107", "FREQ=DAILY;INTERVAL=10", "20260107 20260117 20260127 20260206 20260216"},
        {"20260107", "FREQ=DAILY;INTERVAL=2;BYMONTH=2;BYDAY=SA",
                "20260214 20260228 20270213 20270227 20280212"},
        {"20260107", "FREQ=DAILY;BYMONTHDAY=-1,1", "20260131 20260201 20260228 20260301 20260331"},
        {"20260107", "FREQ=DAILY;UNTIL=20260106", ""},
        /* the first day is not the rule's: neither among the days nor counted */
        {"20261225", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24;COUNT=2", "20271224 20281224"},
        {"20260107", "freq=weekly;byday=we,fr;wkst=mo;count=2", "20260107 20260109"},
        {"20260101", "FREQ=MONTHLY;BYDAY=+1MO,MO;COUNT=6", "20260105 20260112 20260119 20260126 20260202"},
        {"99991230", "FREQ=DAILY", "99991230 99991231"},
        {"00000229", "FREQ=YEARLY;COUNT=2", "00000229 00040229"},
};

START_TEST(rule_expands) {
    Found f = expand(rows[_i].start, rows[_i].rule);
    ck_assert_str_eq(f.text, rows[_i].days);
}
END_TEST

START_TEST(rule_without_end_ends_with_the_calendar) {
    ck_assert_uint_eq(expand("19700101", "FREQ=DAILY").n, DATE_DAY_MAX + 1);
    ck_assert_uint_eq(expand("19700101", "FREQ=YEARLY").n, 8030);
    ck_assert_uint_eq(expand("19700101", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30").n, 0);
    ck_assert_uint_eq(expand("19700101", "FREQ=DAILY;INTERVAL=1000000").n, 3);
    ck_assert_uint_eq(expand("20260101", "FREQ=MONTHLY;COUNT=1000").n, 1000);
}
END_TEST

#define NOT_SUPPORTED "is not supported: expected FREQ, INTERVAL, COUNT, UNTIL, BYMONTH, BYMONTHDAY or BYDAY"
#define BAD_FREQ "expected YEARLY, MONTHLY, WEEKLY or DAILY"
#define BAD_NUMBER "expected a number from 1 to 1000000"
#define BAD_MONTH "expected months such as 1,12"
#define BAD_MONTH_DAY "expected days of the month such as 1,-1"
#define BAD_WEEKDAY "expected weekdays such as MO,-1FR, at most 64 with a number"

static const struct {
    const char *rule, *text;
} refused_rows[] = {
        {"", "RRULE part \"\" " NOT_SUPPORTED},
        {"FREQ", "RRULE part \"FREQ\" " NOT_SUPPORTED},
        {"FREQ=YEARLY;", "RRULE part \"\" " NOT_SUPPORTED},
        {"FREQ=YEARLY;BYSETPOS=1", "RRULE part \"BYSETPOS=1\" " NOT_SUPPORTED},
        {"BYYEARDAY=1;FREQ=YEARLY", "RRULE part \"BYYEARDAY=1\" " NOT_SUPPORTED},
        {"FREQ=YEARLY;BYWEEKNO=20", "RRULE part \"BYWEEKNO=20\" " NOT_SUPPORTED},
        {"FREQ=DAILY;BYHOUR=9", "RRULE part \"BYHOUR=9\" " NOT_SUPPORTED},
        {"FREQ=YEARLY;RSCALE=CHINESE", "RRULE part \"RSCALE=CHINESE\" " NOT_SUPPORTED},
        {"FREQ=HOURLY", "bad RRULE part \"FREQ=HOURLY\": " BAD_FREQ},
        {"FREQ=", "bad RRULE part \"FREQ=\": " BAD_FREQ},
        {"COUNT=3", "the RRULE has no FREQ: " BAD_FREQ},
        {"FREQ=DAILY;FREQ=DAILY", "FREQ is in the RRULE twice"},
        {"FREQ=DAILY;INTERVAL=0", "bad RRULE part \"INTERVAL=0\": " BAD_NUMBER},
        {"FREQ=DAILY;INTERVAL=-1", "bad RRULE part \"INTERVAL=-1\": " BAD_NUMBER},
        {"FREQ=DAILY;INTERVAL=1000001", "bad RRULE part \"INTERVAL=1000001\": " BAD_NUMBER},
        {"FREQ=DAILY;INTERVAL=99999999999", "bad RRULE part \"INTERVAL=99999999999\": " BAD_NUMBER},
        {"FREQ=DAILY;COUNT=0", "bad RRULE part \"COUNT=0\": " BAD_NUMBER},
        {"FREQ=DAILY;COUNT=x", "bad RRULE part \"COUNT=x\": " BAD_NUMBER},
        {"FREQ=DAILY;COUNT=1;UNTIL=20260101", "the RRULE has COUNT and UNTIL: expected one of them at most"},
        {"FREQ=DAILY;UNTIL=2026", "bad RRULE part \"UNTIL=2026\": expected a date such as 20301231"},
        {"FREQ=DAILY;UNTIL=20260230", "bad RRULE part \"UNTIL=20260230\": expected a date such as 20301231"},
        {"FREQ=DAILY;UNTIL=20260101T1",
                "bad RRULE part \"UNTIL=20260101T1\": expected a date such as 20301231"},
        {"FREQ=DAILY;UNTIL=20260101T000000X",
                "bad RRULE part \"UNTIL=20260101T000000X\": expected a date such as 20301231"},
        {"FREQ=YEARLY;BYMONTH=13", "bad RRULE part \"BYMONTH=13\": " BAD_MONTH},
        {"FREQ=YEARLY;BYMONTH=-1", "bad RRULE part \"BYMONTH=-1\": " BAD_MONTH},
        {"FREQ=YEARLY;BYMONTH=1,", "bad RRULE part \"BYMONTH=1,\": " BAD_MONTH},
        {"FREQ=YEARLY;BYMONTHDAY=0", "bad RRULE part \"BYMONTHDAY=0\": " BAD_MONTH_DAY},
        {"FREQ=YEARLY;BYMONTHDAY=32", "bad RRULE part \"BYMONTHDAY=32\": " BAD_MONTH_DAY},
        {"FREQ=YEARLY;BYMONTHDAY=-32", "bad RRULE part \"BYMONTHDAY=-32\": " BAD_MONTH_DAY},
        {"FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY is not for FREQ=WEEKLY: expected YEARLY, MONTHLY or DAILY"},
        {"FREQ=WEEKLY;BYDAY=XX", "bad RRULE part \"BYDAY=XX\": " BAD_WEEKDAY},
        {"FREQ=WEEKLY;BYDAY=M", "bad RRULE part \"BYDAY=M\": " BAD_WEEKDAY},
        {"FREQ=MONTHLY;BYDAY=0MO", "bad RRULE part \"BYDAY=0MO\": " BAD_WEEKDAY},
        {"FREQ=MONTHLY;BYDAY=54MO", "bad RRULE part \"BYDAY=54MO\": " BAD_WEEKDAY},
        {"FREQ=MONTHLY;BYDAY=-MO", "bad RRULE part \"BYDAY=-MO\": " BAD_WEEKDAY},
        {"FREQ=WEEKLY;BYDAY=1MO",
                "BYDAY has a numbered weekday: expected with FREQ=YEARLY and FREQ=MONTHLY only"},
        {"FREQ=DAILY;BYDAY=-1MO",
                "BYDAY has a numbered weekday: expected with FREQ=YEARLY and FREQ=MONTHLY only"},
        {"FREQ=WEEKLY;WKST=SU", "bad RRULE part \"WKST=SU\": expected MO: weeks begin on Monday"},
};

START_TEST(other_rules_are_refused) {
    char text[RECURRENCE_TEXT_SIZE] = "";
    Recurrence rule;
    ck_assert_int_eq(recurrence_parse(str_from(refused_rows[_i].rule), &rule, text), RECURRENCE_E_TEXT);
    ck_assert_str_eq(text, refused_rows[_i].text);
}
END_TEST

START_TEST(numbered_weekdays_have_a_limit) {
    char rule_text[1024] = "FREQ=MONTHLY;BYDAY=1MO", text[RECURRENCE_TEXT_SIZE];
    Recurrence rule;
    for (int i = 1; i < RECURRENCE_NUMBERED_MAX; i++)
        strcat(rule_text, ",1MO");
    ck_assert_int_eq(recurrence_parse(str_from(rule_text), &rule, text), 0);
    strcat(rule_text, ",1MO");
    ck_assert_int_eq(recurrence_parse(str_from(rule_text), &rule, text), RECURRENCE_E_TEXT);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("recurrence");
    TCase *tc = tcase_create("recurrence");
    tcase_add_loop_test(tc, rule_expands, 0, ARRAY_SIZE(rows));
    tcase_add_test(tc, rule_without_end_ends_with_the_calendar);
    tcase_add_loop_test(tc, other_rules_are_refused, 0, ARRAY_SIZE(refused_rows));
    tcase_add_test(tc, numbered_weekdays_have_a_limit);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
