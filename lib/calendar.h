#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Working-Time Calendars
 *
 * When people work: the open intervals of each day in a time zone, with closed days, days with hours of their own and
 * holidays (SPEC section 5). Instants are UTC, milliseconds since 1970; working time is counted in milliseconds, too.
 * Where a calendar is taken, NULL is round the clock.
 */
#include "lib/util.h"

typedef struct Calendar Calendar;

/*
 * The earliest instant at or after from_ms by which work_ms (>= 0) of working time have passed since from_ms. For
 * work_ms of 0 that is from_ms itself, also while closed. A deadline may fall on a closing instant. TIME_NEVER: it would be after the
 * last instant that can be written, or nothing is open within 10 years.
 */
int64_t calendar_add(const Calendar *calendar, int64_t from_ms, int64_t work_ms);
/* Working time in [from_ms, to_ms]; 0 if to_ms is not after from_ms. */
int64_t calendar_between(const Calendar *calendar, int64_t from_ms, int64_t to_ms);
