#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What tests of time need: the zones of the system's tz database, and instants as text. */
#include <stdio.h>

#include "lib/calendar/timestamp.h"
#include "lib/calendar/timezone.h"
#include "tests/unit/suite.h"

#define ZONES_DIR "/usr/share/zoneinfo"

static inline const Timezone *fixture_zone(Arena *arena, const char *name) {
    char path[4096], bytes[TIMEZONE_BYTES_MAX];
    const Timezone *zone = NULL;
    const char *why = "";

    (void)snprintf(path, sizeof(path), "%s/%s", ZONES_DIR, name);
    FILE *file = fopen(path, "re");
    ck_assert_msg(file, "%s: the package tzdata is needed", path);
    size_t n = fread(bytes, 1, sizeof(bytes), file);
    ck_assert_int_eq(fclose(file), 0);
    int r = timezone_read(arena, (Str){bytes, n}, &zone, &why);
    ck_assert_msg(r == 0, "%s: %s", path, why);
    return zone;
}

/* The names of all zones, from the database's own list; the caller frees each and the array. */
static inline char **fixture_zone_names(size_t *ret_n) {
    FILE *file = fopen(ZONES_DIR "/tzdata.zi", "re");
    char line[4096], first[1024], second[1024];
    char **names = NULL;
    size_t n_alloc = 0;

    ck_assert_msg(file, "the package tzdata is needed");
    *ret_n = 0;
    while (fgets(line, sizeof(line), file)) {
        /* "Z NAME ..." is a zone; links are the same under other names. */
        if (sscanf(line, "%1023s %1023s", first, second) != 2 || strcmp(first, "Z") != 0)
            continue;
        ck_assert_int_eq(array_reserve(&names, &n_alloc, *ret_n, sizeof(*names)), 0);
        names[(*ret_n)++] = strdup(second);
    }
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_uint_gt(*ret_n, 300);
    return names;
}

static inline int64_t fixture_instant(const char *text) {
    int64_t at_ms = TIME_NONE;
    ck_assert_msg(timestamp_parse(str_from(text), &at_ms), "%s", text);
    return at_ms;
}

#define ASSERT_INSTANT(at_ms, expected)                                                                      \
    do {                                                                                                     \
        int64_t _at_ms = (at_ms);                                                                            \
        char _text[TIMESTAMP_TEXT_SIZE];                                                                     \
        timestamp_print(_at_ms, _text);                                                                      \
        ck_assert_msg(_at_ms == fixture_instant(expected), "expected %s, got %s", (expected), _text);        \
    } while (0)
