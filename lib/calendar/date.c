/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Years are counted from March here, so that the leap day is a year's last and months have a regular length:
 * (153 * m + 2) / 5 days lie before the month m, 0 for March. 400 years, an era, have 146097 days; 1970-01-01
 * is day 719468 after 0000-03-01.
 */
#include "lib/calendar/date.h"

#define ERA_DAYS 146097
#define EPOCH_DAY 719468
/* 1970-01-01 was a Thursday. */
#define EPOCH_WEEKDAY 3

int32_t date_to_day(Date date) {
    int shifted_year = date.month <= 2 ? date.year - 1 : date.year;
    /* January and February of the year 0 lie in the era before. */
    int era = shifted_year >= 0 ? shifted_year / 400 : -1;
    int year_of_era = shifted_year - era * 400;
    int day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
    int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAY;
}

Date date_from_day(int32_t day) {
    int32_t shifted = day + EPOCH_DAY;
    int era = (shifted >= 0 ? shifted : shifted - (ERA_DAYS - 1)) / ERA_DAYS;
    int day_of_era = shifted - era * ERA_DAYS;
    int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int shifted_month = (5 * day_of_year + 2) / 153;
    int month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;

    return (Date){
            .year = era * 400 + year_of_era + (month <= 2),
            .month = month,
            .day = day_of_year - (153 * shifted_month + 2) / 5 + 1,
    };
}

int date_month_days(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

int date_weekday(int32_t day) {
    int weekday = (day + EPOCH_WEEKDAY) % 7;
    return weekday < 0 ? weekday + 7 : weekday;
}

bool date_take_number(Str *s, size_t n, int min, int max, int *ret) {
    if (s->len < n)
        return false;
    int number = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->data[i] < '0' || s->data[i] > '9')
            return false;
        number = number * 10 + (s->data[i] - '0');
    }
    if (number < min || number > max)
        return false;
    *s = (Str){s->data + n, s->len - n};
    *ret = number;
    return true;
}

static bool take_dash(Str *s) {
    if (s->len == 0 || s->data[0] != '-')
        return false;
    *s = (Str){s->data + 1, s->len - 1};
    return true;
}

bool date_parse(Str text, int32_t *ret_day) {
    Date date;
    if (!date_take_number(&text, 4, 1, DATE_YEAR_MAX, &date.year) || !take_dash(&text) ||
            !date_take_number(&text, 2, 1, 12, &date.month) || !take_dash(&text) ||
            !date_take_number(&text, 2, 1, date_month_days(date.year, date.month), &date.day) ||
            text.len != 0)
        return false;
    *ret_day = date_to_day(date);
    return true;
}
