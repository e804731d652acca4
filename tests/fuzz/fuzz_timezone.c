/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TZif files: what is read has a next change that comes later, and later local times are never earlier
 * instants; a clock shows at that instant what was asked for, or skipped it.
 */
#include "lib/calendar/timezone.h"
#include "lib/event/event.h"

#define HOUR_MS INT64_C(3600000)
#define CHANGES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

static void check_around(const Timezone *zone, int64_t at_ms) {
    int64_t latest_ms = TIME_NONE;

    for (int64_t local_ms = at_ms - 60 * HOUR_MS; local_ms <= at_ms + 60 * HOUR_MS;
            local_ms += HOUR_MS / 2 + 1) {
        int64_t utc_ms = timezone_to_utc_ms(zone, local_ms);
        require(utc_ms >= latest_ms);
        require(utc_ms + timezone_offset_ms(zone, utc_ms) >= local_ms);
        require(utc_ms - 1 + timezone_offset_ms(zone, utc_ms - 1) < local_ms);
        latest_ms = utc_ms;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_(arena_free) Arena *arena = NULL;
    const Timezone *zone = NULL;
    const char *why = NULL;

    require(arena_new(&arena) == 0);
    int r = timezone_read(arena, (Str){size ? (const char *)data : "", size}, &zone, &why);
    if (r) {
        require(r == TIMEZONE_E_FORMAT && !zone && strlen(why) > 0);
        return 0;
    }
    check_around(zone, EVENT_TIME_MS_MIN);
    check_around(zone, EVENT_TIME_MS_MAX);
    int64_t at_ms = EVENT_TIME_MS_MIN;
    for (int i = 0; i < CHANGES_MAX && at_ms < EVENT_TIME_MS_MAX; i++) {
        int64_t next_ms = timezone_next_change_ms(zone, at_ms);
        require(next_ms > at_ms);
        require(timezone_offset_ms(zone, next_ms - 1) == timezone_offset_ms(zone, at_ms));
        at_ms = next_ms;
        if (at_ms < EVENT_TIME_MS_MAX)
            check_around(zone, at_ms);
    }
    return 0;
}
