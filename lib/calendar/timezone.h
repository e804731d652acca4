#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time Zone
 *
 * What clocks show in a place, read from the bytes of a TZif file (RFC 8536, versions 1 to 4), as they stand
 * in /usr/share/zoneinfo: when its offset from UTC changes, with the rule in the file's footer for all years
 * after. Instants are UTC; a local time is what a clock there shows, written as the milliseconds that lie
 * between 1970-01-01T00:00:00 and it where no clock is ever changed.
 */
#include "lib/base/arena.h"

/* The largest file of the tz database has 4 KiB. */
#define TIMEZONE_BYTES_MAX (64 * 1024)
/* No offset is larger (RFC 8536 section 3.2: up to 25:59:59). */
#define TIMEZONE_OFFSET_MS_MAX (INT64_C(26) * 60 * 60 * 1000)

typedef struct Timezone Timezone;

/* not a TZif file, damaged, or one that counts leap seconds */
#define TIMEZONE_E_FORMAT 1

/*
 * Reads a zone into `arena`; `tzif` is not needed any more afterwards. Returns 0; TIMEZONE_E_FORMAT, with
 * *ret_why a static text; or -ENOMEM.
 */
MUST_CHECK int timezone_read(Arena *arena, Str tzif, const Timezone **ret, const char **ret_why);

/* What is added to UTC at the instant, to give local time. */
int64_t timezone_offset_ms(const Timezone *zone, int64_t at_ms);
/*
 * The first instant at which a clock shows the local time, or a later one: so a local time that occurs twice
 * is the first of both, and one that is skipped is the instant at which clocks are put forward. A later local
 * time is never an earlier instant.
 */
int64_t timezone_to_utc_ms(const Timezone *zone, int64_t local_ms);
/* The first instant after at_ms at which the offset may change; TIME_NEVER: there is none. */
int64_t timezone_next_change_ms(const Timezone *zone, int64_t at_ms);
