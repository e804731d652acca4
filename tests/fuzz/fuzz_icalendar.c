/* SPDX-License-Identifier: Apache-2.0 */
/*
 * iCalendar files: either days or an error with its line; the same days once more, and with the ends of lines
 * of the other kind.
 */
#include "lib/calendar/date.h"
#include "lib/calendar/icalendar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

static int read_bytes(Arena *arena, Str bytes, DaySet **ret, IcalendarError *error) {
    *error = (IcalendarError){0};
    require((*ret = day_set_new(arena)) != NULL);
    int r = icalendar_read(arena, bytes, *ret, error);
    require(r == 0 || r == ICALENDAR_E_FORMAT);
    require(r == 0 || (error->line > 0 && strlen(error->text) > 0));
    return r;
}

/* With each "\n" as "\r\n". */
static Str longer_ends(Arena *arena, const uint8_t *data, size_t size) {
    char *text = arena_new_array(arena, char, 2 * size);
    size_t len = 0;
    require(text != NULL);
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
            text[len++] = '\r';
        text[len++] = (char)data[i];
    }
    return (Str){text, len};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_(arena_free) Arena *arena = NULL;
    IcalendarError error, other_error;
    DaySet *days, *other_days;

    require(arena_new(&arena) == 0);
    int r = read_bytes(arena, (Str){size ? (const char *)data : "", size}, &days, &error);
    require(read_bytes(arena, longer_ends(arena, data, size), &other_days, &other_error) == r);
    require(error.line == other_error.line);
    for (int32_t day = 0; r == 0 && day <= DATE_DAY_MAX; day += 1 + day / 100000)
        require(day_set_contains(days, day) == day_set_contains(other_days, day));
    return 0;
}
