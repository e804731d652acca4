#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recurrence of Days
 *
 * The RRULE of an all-day event (RFC 5545 section 3.3.10): FREQ of YEARLY, MONTHLY, WEEKLY or DAILY with
 * INTERVAL, COUNT, UNTIL, BYMONTH, BYMONTHDAY and BYDAY. Weeks begin on Monday. Private to the reading of
 * iCalendar files.
 */
#include "lib/base/util.h"

#define RECURRENCE_NUMBER_MAX 1000000 /* of INTERVAL and COUNT: a day each for 2,700 years */
#define RECURRENCE_NUMBERED_MAX 64    /* numbered weekdays in BYDAY; ours, nobody lists as many */
#define RECURRENCE_TEXT_SIZE 200

typedef enum Frequency { FREQUENCY_YEARLY, FREQUENCY_MONTHLY, FREQUENCY_WEEKLY, FREQUENCY_DAILY } Frequency;

/* "2MO", "-1FR" */
typedef struct NumberedWeekday {
    int number;  /* from the end if negative */
    int weekday; /* 0 for Monday */
} NumberedWeekday;

typedef struct Recurrence {
    Frequency frequency;
    int interval;       /* from 1 */
    int count;          /* 0: any number */
    int32_t until;      /* the last day on which it may occur */
    uint16_t months;    /* BYMONTH: bit m is month m; 0: absent */
    uint32_t days;      /* BYMONTHDAY: bit d is day d */
    uint32_t last_days; /* the same from the end: bit 1 is the last day of the month */
    uint8_t weekdays;   /* BYDAY without a number: bit 0 is Monday */
    NumberedWeekday numbered[RECURRENCE_NUMBERED_MAX];
    size_t n_numbered;
} Recurrence;

#define RECURRENCE_E_TEXT 1

/* "20261225". False leaves *ret_day untouched: not of the form, or no such date. */
MUST_CHECK bool recurrence_parse_date(Str text, int32_t *ret_day);
/* Returns 0; or RECURRENCE_E_TEXT, with what was wrong in `text`, and *ret in any state. */
MUST_CHECK int recurrence_parse(Str rule, Recurrence *ret, char text[static RECURRENCE_TEXT_SIZE]);

/*
 * Calls `found` with each day, in order, up to the year 9999. `start` is the event's first day, from which
 * intervals are counted; it is among the days only if the rule says so.
 */
void recurrence_expand(
        const Recurrence *rule, int32_t start, void (*found)(void *userdata, int32_t day), void *userdata);
