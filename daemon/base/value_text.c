/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/value_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/base/top_text.h"

/* Longer texts are cut: they stand within a line. */
#define TEXT_SHOWN_LEN_MAX 60
/* Below this a rounded number shows nothing after its point but noise. */
#define NUMBER_SHOWN_EPSILON 5e-7
/* Longer spans, beyond 30,000 years, are told in milliseconds. */
#define SPAN_SHOWN_MS_MAX 1e15

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

static Str side_show(Arena *arena, Value value, bool is_span) {
    char text[SPAN_TEXT_SIZE];

    if (!is_span || !value_is_number(value) || fabs(value_number(value)) >= SPAN_SHOWN_MS_MAX)
        return value_show(arena, value);
    top_span_print((int64_t)value_number(value), text);
    return arena_str(arena, str_from(text));
}

Str part_show_values(Arena *arena, const ConditionPart *part) {
    if (part->kind != PART_COMPARE && part->kind != PART_IN && part->kind != PART_LIKE)
        return STR_NULL;
    const char *end = part->text.data + part->text.len, *left_end = part->left_text.data + part->left_text.len;
    bool has_right = !str_is_null(part->right_text);
    const char *right_end = has_right ? part->right_text.data + part->right_text.len : end;
    Str before = {part->text.data, (size_t)(part->left_text.data - part->text.data)};
    Str between = {left_end, (size_t)((has_right ? part->right_text.data : end) - left_end)};
    Str after = {right_end, (size_t)(end - right_end)};
    Str left = side_show(arena, part->left, part->is_span), right = STR_LITERAL("");

    if (has_right)
        right = part->is_constant ? part->right_text : side_show(arena, part->right, part->is_span);
    if (str_is_null(left) || str_is_null(right))
        return STR_NULL;
    Str values = arena_format(arena, "%.*s%.*s%.*s%.*s%.*s", STR_FMT(before), STR_FMT(left), STR_FMT(between), STR_FMT(right),
            STR_FMT(after));
    return str_eq(values, part->text) ? STR_NULL : values;
}
