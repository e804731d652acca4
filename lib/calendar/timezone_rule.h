#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rule of a Time Zone
 *
 * The footer of a TZif file: a POSIX TZ string such as `CET-1CEST,M3.5.0,M10.5.0/3`, which says how clocks
 * go in all years to come. Private to timezone*.c.
 */
#include "lib/base/util.h"

/* A day in each year, and the local time on it at which clocks are changed. */
typedef struct TimezoneRuleDay {
    enum {
        TIMEZONE_DAY_JULIAN,  /* 1 to 365 without February 29 */
        TIMEZONE_DAY_OF_YEAR, /* 0 to 365 */
        TIMEZONE_DAY_OF_WEEK, /* of the `week`th week of a month; 5 is the last */
    } type;
    int day; /* of the year, or of the week: 0 for Sunday */
    int month, week;
    int32_t time_s; /* may lie on another day */
} TimezoneRuleDay;

typedef struct TimezoneRule {
    int32_t standard_s, daylight_s; /* offsets from UTC */
    bool has_daylight;
    TimezoneRuleDay start, end; /* of daylight saving */
} TimezoneRule;

/* False: not of the form; *ret is untouched. */
MUST_CHECK bool timezone_rule_parse(Str text, TimezoneRule *ret);
/* The instant in seconds at which clocks that are offset_s from UTC are changed in the year. */
int64_t timezone_rule_day_at_s(const TimezoneRuleDay *day, int year, int32_t offset_s);
