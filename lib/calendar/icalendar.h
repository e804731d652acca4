#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holidays of an iCalendar File
 *
 * The days of the all-day events in an iCalendar file (RFC 5545), recurring ones too. Events with a time of
 * day are no holidays, nor are cancelled ones. What would change which days are meant and is not understood
 * is an error; everything else in the file is passed over.
 */
#include "lib/calendar/day_set.h"

/* Ours, so that no file takes long to load or much memory: public calendars of holidays have some hundred events. */
#define ICALENDAR_BYTES_MAX (4 * 1024 * 1024)
#define ICALENDAR_EVENTS_MAX 20000 /* all-day events */
#define ICALENDAR_RULES_MAX 1000   /* of them with an RRULE */
#define ICALENDAR_MOVED_MAX 1000   /* of them with a RECURRENCE-ID */
#define ICALENDAR_DATES_MAX 50000  /* in all EXDATE and RDATE */
#define ICALENDAR_DEPTH_MAX 8      /* components within components */

typedef struct IcalendarError {
    unsigned line; /* from 1: where the content line begins */
    char text[256];
} IcalendarError;

#define ICALENDAR_E_FORMAT 1

/*
 * Adds all holidays in the file to `days`. `scratch` is an arena for what is needed meanwhile. Returns 0;
 * ICALENDAR_E_FORMAT, with *ret_error the first error of the file and `days` in any state; or -ENOMEM.
 */
MUST_CHECK int icalendar_read(Arena *scratch, Str bytes, DaySet *days, IcalendarError *ret_error);
