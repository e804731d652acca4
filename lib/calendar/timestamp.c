/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calendar is computed here, not by libc: gmtime() and timegm() differ in range between platforms, and
 * mktime() depends on the environment's time zone.
 */
#include <stdio.h>
#include "lib/calendar/date.h"
#include "lib/calendar/timestamp.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)
#define WEEK_MS (7 * DAY_MS)

#define TIMESTAMP_PARSE_MS_MIN INT64_C(0)
/* 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z */
#define TIMESTAMP_MS_MIN INT64_C(-62167219200000)
#define TIMESTAMP_MS_MAX INT64_C(253402300799999)

/* 100 years of 365.25 days. */
#define DURATION_MS_MAX (36525 * DAY_MS)

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Takes the next character if it is one of `set`. */
static bool take_char(Str *s, const char *set) {
    if (s->len == 0 || s->data[0] == '\0' || !strchr(set, s->data[0]))
        return false;
    *s = (Str){s->data + 1, s->len - 1};
    return true;
}

static bool take_date(Str *s, int64_t *ret_days) {
    Date date;
    if (!date_take_number(s, 4, 0, DATE_YEAR_MAX, &date.year) || !take_char(s, "-") ||
            !date_take_number(s, 2, 1, 12, &date.month) || !take_char(s, "-") ||
            !date_take_number(s, 2, 1, date_month_days(date.year, date.month), &date.day))
        return false;
    *ret_days = date_to_day(date);
    return true;
}

/* A time of day with or without a fraction; a leap second has no place in milliseconds since 1970. */
static bool take_time(Str *s, int64_t *ret_ms) {
    int hour, minute, second;
    if (!date_take_number(s, 2, 0, 23, &hour) || !take_char(s, ":") ||
            !date_take_number(s, 2, 0, 59, &minute) || !take_char(s, ":") ||
            !date_take_number(s, 2, 0, 59, &second))
        return false;

    int64_t fraction_ms = 0;
    if (take_char(s, ".")) {
        if (s->len == 0 || !is_digit(s->data[0]))
            return false;
        for (int64_t weight_ms = 100; s->len && is_digit(s->data[0]); weight_ms /= 10) {
            fraction_ms += weight_ms * (s->data[0] - '0');
            *s = (Str){s->data + 1, s->len - 1};
        }
    }
    *ret_ms = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + fraction_ms;
    return true;
}

static bool take_offset(Str *s, int64_t *ret_ms) {
    if (take_char(s, "Zz")) {
        *ret_ms = 0;
        return true;
    }
    int hour, minute;
    bool west = s->len && s->data[0] == '-';
    if (!take_char(s, "+-") || !date_take_number(s, 2, 0, 23, &hour) || !take_char(s, ":") ||
            !date_take_number(s, 2, 0, 59, &minute))
        return false;
    *ret_ms = (west ? -1 : 1) * (hour * HOUR_MS + minute * MINUTE_MS);
    return true;
}

bool timestamp_parse(Str text, int64_t *ret_ms) {
    int64_t days, time_ms, offset_ms;
    if (!take_date(&text, &days) || !take_char(&text, "Tt ") || !take_time(&text, &time_ms) ||
            !take_offset(&text, &offset_ms) || text.len != 0)
        return false;
    int64_t at_ms = days * DAY_MS + time_ms - offset_ms;
    if (at_ms < TIMESTAMP_PARSE_MS_MIN || at_ms > TIMESTAMP_MS_MAX)
        return false;
    *ret_ms = at_ms;
    return true;
}

/* Writes a number that is not negative with n digits; returns what follows. */
static char *put_number(char *at, int number, size_t n, char then) {
    for (size_t i = n; i-- > 0; number /= 10)
        at[i] = (char)('0' + number % 10);
    at[n] = then;
    return at + n + 1;
}

size_t timestamp_print(int64_t at_ms, char text[static TIMESTAMP_TEXT_SIZE]) {
    at_ms = MAX(MIN(at_ms, TIMESTAMP_MS_MAX), TIMESTAMP_MS_MIN);
    int64_t days = (at_ms >= 0 ? at_ms : at_ms - (DAY_MS - 1)) / DAY_MS;
    int ms = (int)(at_ms - days * DAY_MS);
    Date date = date_from_day((int32_t)days);

    char *at = put_number(text, date.year, 4, '-');
    at = put_number(at, date.month, 2, '-');
    at = put_number(at, date.day, 2, 'T');
    at = put_number(at, ms / (int)HOUR_MS, 2, ':');
    at = put_number(at, ms / (int)MINUTE_MS % 60, 2, ':');
    at = put_number(at, ms / (int)SECOND_MS % 60, 2, '.');
    at = put_number(at, ms % (int)SECOND_MS, 3, 'Z');
    *at = '\0';
    return (size_t)(at - text);
}

/* The largest first: among the units that divide a duration it gives the shortest text. */
static const struct {
    const char *name;
    int64_t ms;
} units[] = {
        {"w", WEEK_MS},
        {"d", DAY_MS},
        {"h", HOUR_MS},
        {"m", MINUTE_MS},
        {"s", SECOND_MS},
        {"ms", 1},
};

bool duration_parse(Str text, int64_t *ret_ms) {
    size_t n_digits = 0;
    int64_t number = 0;
    for (; n_digits < text.len && is_digit(text.data[n_digits]); n_digits++) {
        number = number * 10 + (text.data[n_digits] - '0');
        /* No unit is shorter than a millisecond. */
        if (number > DURATION_MS_MAX)
            return false;
    }
    if (n_digits == 0)
        return false;

    Str unit = {text.data + n_digits, text.len - n_digits};
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (!str_eq_c(unit, units[i].name))
            continue;
        if (number > DURATION_MS_MAX / units[i].ms)
            return false;
        *ret_ms = number * units[i].ms;
        return true;
    }
    return false;
}

size_t duration_print(int64_t duration_ms, char text[static DURATION_TEXT_SIZE]) {
    size_t i = 0;
    while (duration_ms % units[i].ms != 0)
        i++;
    /* Every unit divides nothing; seconds read best. */
    const char *name = duration_ms ? units[i].name : "s";
    int n = snprintf(text, DURATION_TEXT_SIZE, "%lld%s", (long long)(duration_ms / units[i].ms), name);
    assert(n > 0 && n < DURATION_TEXT_SIZE);
    return (size_t)n;
}
