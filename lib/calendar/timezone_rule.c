/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX TZ strings, with the extension of RFC 8536 section 3.3.1: times of change from -167 to 167 hours.
 * They count offsets westwards; everything else here counts them eastwards.
 */
#include "lib/calendar/timezone_rule.h"

#include "lib/calendar/date.h"

#define HOUR_S 3600
#define DAY_S INT64_C(86400)
#define OFFSET_HOURS_MAX 24
#define CHANGE_HOURS_MAX 167
#define CHANGE_DEFAULT_S (2 * HOUR_S)

static bool take_char(Str *s, char c) {
    if (s->len == 0 || s->data[0] != c)
        return false;
    *s = (Str){s->data + 1, s->len - 1};
    return true;
}

/* A number of any length up to max. */
static bool take_number(Str *s, int min, int max, int *ret) {
    int number = 0;
    size_t n = 0;
    for (; n < s->len && s->data[n] >= '0' && s->data[n] <= '9'; n++) {
        number = number * 10 + (s->data[n] - '0');
        if (number > max)
            return false;
    }
    if (n == 0 || number < min)
        return false;
    *s = (Str){s->data + n, s->len - n};
    *ret = number;
    return true;
}

/* "<+0330>" or "CET"; names are for people, and nothing here shows them. */
static bool take_name(Str *s) {
    bool quoted = take_char(s, '<');
    size_t n = 0;
    for (; n < s->len; n++) {
        char c = s->data[n];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!letter && !(quoted && ((c >= '0' && c <= '9') || c == '+' || c == '-')))
            break;
    }
    if (n < 3)
        return false;
    *s = (Str){s->data + n, s->len - n};
    return !quoted || take_char(s, '>');
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(Str *s, int hours_max, int32_t *ret_s) {
    bool negative = take_char(s, '-');
    int hours, minutes = 0, seconds = 0;
    if (!negative)
        (void)take_char(s, '+');
    if (!take_number(s, 0, hours_max, &hours))
        return false;
    if (take_char(s, ':')) {
        if (!take_number(s, 0, 59, &minutes))
            return false;
        if (take_char(s, ':') && !take_number(s, 0, 59, &seconds))
            return false;
    }
    *ret_s = (negative ? -1 : 1) * (hours * HOUR_S + minutes * 60 + seconds);
    return true;
}

static bool take_day(Str *s, TimezoneRuleDay *day) {
    bool taken;
    if (take_char(s, 'M')) {
        day->type = TIMEZONE_DAY_OF_WEEK;
        taken = take_number(s, 1, 12, &day->month) && take_char(s, '.') && take_number(s, 1, 5, &day->week) &&
                take_char(s, '.') && take_number(s, 0, 6, &day->day);
    } else if (take_char(s, 'J')) {
        day->type = TIMEZONE_DAY_JULIAN;
        taken = take_number(s, 1, 365, &day->day);
    } else {
        day->type = TIMEZONE_DAY_OF_YEAR;
        taken = take_number(s, 0, 365, &day->day);
    }
    day->time_s = CHANGE_DEFAULT_S;
    return taken && (!take_char(s, '/') || take_time(s, CHANGE_HOURS_MAX, &day->time_s));
}

bool timezone_rule_parse(Str text, TimezoneRule *ret) {
    TimezoneRule rule = {0};
    int32_t west_s;

    if (!take_name(&text) || !take_time(&text, OFFSET_HOURS_MAX, &west_s))
        return false;
    rule.standard_s = -west_s;
    if (text.len > 0) {
        rule.has_daylight = true;
        rule.daylight_s = rule.standard_s + HOUR_S;
        if (!take_name(&text))
            return false;
        if (text.len > 0 && text.data[0] != ',') {
            if (!take_time(&text, OFFSET_HOURS_MAX, &west_s))
                return false;
            rule.daylight_s = -west_s;
        }
        /* Without dates POSIX leaves them to the system: nothing that a file may rely on. */
        if (!take_char(&text, ',') || !take_day(&text, &rule.start) || !take_char(&text, ',') ||
                !take_day(&text, &rule.end))
            return false;
    }
    if (text.len > 0)
        return false;
    *ret = rule;
    return true;
}

/* The `week`th such weekday of the month, or the last. */
static int32_t day_of_week(const TimezoneRuleDay *day, int year) {
    int32_t first = date_to_day((Date){year, day->month, 1});
    /* Sunday is 0 in the rule, and 6 in date_weekday(). */
    int32_t found = first + (day->day + 6 - date_weekday(first)) % 7 + 7 * (day->week - 1);
    return found < first + date_month_days(year, day->month) ? found : found - 7;
}

int64_t timezone_rule_day_at_s(const TimezoneRuleDay *day, int year, int32_t offset_s) {
    int32_t first = date_to_day((Date){year, 1, 1}), found = first;

    switch (day->type) {
    case TIMEZONE_DAY_JULIAN:
        /* March 1 is day 60 in every year. */
        found = first + day->day - 1 + (day->day >= 60 && date_month_days(year, 2) == 29);
        break;
    case TIMEZONE_DAY_OF_YEAR:
        found = first + day->day;
        break;
    case TIMEZONE_DAY_OF_WEEK:
        found = day_of_week(day, year);
        break;
    }
    return found * DAY_S + day->time_s - offset_s;
}
