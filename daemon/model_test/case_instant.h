#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instants of a Case
 *
 * A test's case has a start, and most of its instants are said from there: `+90s`, `+2d`, `+1d4h30m`.
 */
#include "lib/calendar/timestamp.h"

/* An instant as RFC 3339 or from start_ms. False leaves *ret_ms untouched: neither, or outside the years 1970
 * to 9999. */
MUST_CHECK bool case_instant_parse(Str text, int64_t start_ms, int64_t *ret_ms);

#define CASE_INSTANT_TEXT_SIZE 80
/* As case_instant_parse() reads it, from start_ms if it is not before that; RFC 3339 in any case: "+1d4h
 * (2026-…Z)". */
void case_instant_print(int64_t at_ms, int64_t start_ms, char text[static CASE_INSTANT_TEXT_SIZE]);
