#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instants and Durations as Text
 *
 * Instants are milliseconds since 1970-01-01T00:00:00Z in the proleptic Gregorian calendar without leap
 * seconds; their text form is RFC 3339. Durations are written `250ms`, `90s`, `5m`, `24h`, `30d`, `2w`.
 */
#include "lib/base/util.h"

/* "2026-01-31T23:59:59.999Z" and the terminator; years up to 9999. */
#define TIMESTAMP_TEXT_SIZE 25

/*
 * RFC 3339 with any offset; digits beyond milliseconds are cut. False leaves *ret_ms untouched: not of the
 * form, a field out of range, or an instant outside the years 1970 to 9999.
 */
MUST_CHECK bool timestamp_parse(Str text, int64_t *ret_ms);
/* UTC with milliseconds. Instants outside the years 0 to 9999 are clamped. Returns the length, 24. */
size_t timestamp_print(int64_t at_ms, char text[static TIMESTAMP_TEXT_SIZE]);

/* A whole number and a unit. False leaves *ret_ms untouched: not of the form, or over 100 years. */
MUST_CHECK bool duration_parse(Str text, int64_t *ret_ms);
#define DURATION_TEXT_SIZE 24
/* The shortest of the forms that duration_parse() reads back to the same value ("90s", "2h"). */
size_t duration_print(int64_t duration_ms, char text[static DURATION_TEXT_SIZE]);
