/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/value_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

/* Longer texts are cut: they stand within a line. */
#define TEXT_SHOWN_LEN_MAX 60
/* Below this a rounded number shows nothing after its point but noise. */
#define NUMBER_SHOWN_EPSILON 5e-7

void number_show(double number, char text[static NUMBER_SHOWN_SIZE]) {
    if (fabs(number) < NUMBER_SHOWN_EPSILON)
        number = 0;
    (void)snprintf(text, NUMBER_SHOWN_SIZE, "%.6g", number);
}

Str value_show(Arena *arena, Value value) {
    char number[NUMBER_SHOWN_SIZE];

    switch (value.type) {
    case VALUE_BOOLEAN:
        return value.boolean ? STR_LITERAL("true") : STR_LITERAL("false");
    case VALUE_LONG:
        return arena_format(arena, "%" PRId64, value.integer);
    case VALUE_DOUBLE:
        number_show(value.number, number);
        return arena_str(arena, str_from(number));
    case VALUE_STRING:
        return arena_format(arena, "\"%.*s%s\"", (int)str_cut(value.string, TEXT_SHOWN_LEN_MAX),
                value.string.data, value.string.len > TEXT_SHOWN_LEN_MAX ? "..." : "");
    default:
        return STR_LITERAL("null");
    }
}
