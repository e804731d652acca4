/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/explain/explain_text_pieces.h"

#include <math.h>
#include <stdio.h>

#include "lib/calendar/timestamp.h"

void text_print_number(double value, char text[static TEXT_NUMBER_SIZE]) {
    if (!isfinite(value) || fabs(value) >= 1e15 || (value != 0 && fabs(value) < 0.005)) {
        snprintf(text, TEXT_NUMBER_SIZE, isnan(value) ? "null" : "%.2g", value);
        return;
    }
    int n = snprintf(text, TEXT_NUMBER_SIZE, "%.2f", value == 0 ? 0 : value); /* not -0 */
    while (n > 0 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 0 && (text[n - 1] < '0' || text[n - 1] > '9'))
        text[n - 1] = '\0';
}

void text_number(TopText *text, double value) {
    char number[TEXT_NUMBER_SIZE];
    text_print_number(value, number);
    top_text_add(text, "%s", number);
}

void text_span(TopText *text, int64_t span_ms) {
    char span[SPAN_TEXT_SIZE];
    top_span_print(span_ms, span);
    top_text_add(text, "%s", span);
}

void text_duration(TopText *text, int64_t duration_ms) {
    char duration[DURATION_TEXT_SIZE];
    duration_print(duration_ms, duration);
    top_text_add(text, "%s", duration);
}

void text_instant(TopText *text, int64_t instant_ms, int64_t at_ms) {
    char instant[TIMESTAMP_TEXT_SIZE];
    if (instant_ms == TIME_NEVER || instant_ms == TIME_NONE) {
        top_text_add(text, "never");
        return;
    }
    timestamp_print(instant_ms, instant);
    top_text_add(text, "%s", instant);
    if (instant_ms == at_ms) {
        top_text_add(text, " (now)");
        return;
    }
    top_text_add(text, instant_ms > at_ms ? " (in " : " (");
    text_span(text, instant_ms > at_ms ? instant_ms - at_ms : at_ms - instant_ms);
    top_text_add(text, instant_ms > at_ms ? ")" : " ago)");
}

void text_str_or(TopText *text, Str s, const char *otherwise) {
    if (str_is_null(s))
        top_text_add(text, "%s", otherwise);
    else
        top_text_add_str(text, s);
}

void text_list(TopText *text, const Str *items, size_t n) {
    for (size_t i = 0; i < n; i++) {
        top_text_add(text, i == 0 ? "" : ", ");
        top_text_add_str(text, items[i]);
    }
}

void text_line(TopText *text, const char *label) {
    top_text_add(text, "  %-12s", label);
}

void text_line_end(TopText *text) {
    top_text_add(text, "\n");
}
