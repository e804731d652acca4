#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dates
 *
 * Days of the proleptic Gregorian calendar, counted from 1970-01-01; years 0 to 9999.
 */
#include "lib/base/util.h"

/* 1970-01-01 and 9999-12-31: the days on which events can happen. */
#define DATE_DAY_MIN 0
#define DATE_DAY_MAX 2932896
#define DATE_YEAR_MAX 9999

typedef struct Date {
    int year, month, day; /* month and day from 1 */
} Date;

/* Days from 1970-01-01 to the date, which exists. */
int32_t date_to_day(Date date);
Date date_from_day(int32_t day);
/* How many days the month has. */
int date_month_days(int year, int month);
/* 0 for Monday to 6 for Sunday. */
int date_weekday(int32_t day);

/* Takes n digits from the start of *s as a number from min to max; false leaves both untouched. */
MUST_CHECK bool date_take_number(Str *s, size_t n, int min, int max, int *ret);
/* "2026-12-25", a date that exists, from the year 1 on. False leaves *ret_day untouched. */
MUST_CHECK bool date_parse(Str text, int32_t *ret_day);
