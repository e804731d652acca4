/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/case_instant.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/event/event.h"

/* "1d4h30m": durations one after the other. */
static bool parse_span(Str text, int64_t *ret_ms) {
    int64_t sum_ms = 0, part_ms;

    while (text.len > 0) {
        size_t n = 0;
        while (n < text.len && text.data[n] >= '0' && text.data[n] <= '9')
            n++;
        while (n < text.len && (text.data[n] < '0' || text.data[n] > '9'))
            n++;
        if (!duration_parse((Str){text.data, n}, &part_ms) || sum_ms > EVENT_TIME_MS_MAX - part_ms)
            return false;
        sum_ms += part_ms;
        text = (Str){text.data + n, text.len - n};
    }
    *ret_ms = sum_ms;
    return true;
}

bool case_instant_parse(Str text, int64_t start_ms, int64_t *ret_ms) {
    int64_t span_ms;

    if (!str_starts_with(text, "+"))
        return timestamp_parse(text, ret_ms);
    if (text.len == 1 || !parse_span((Str){text.data + 1, text.len - 1}, &span_ms) ||
            start_ms > EVENT_TIME_MS_MAX - span_ms)
        return false;
    *ret_ms = start_ms + span_ms;
    return true;
}

/* "1d4h30m"; "0s" for nothing. */
static void print_span(int64_t span_ms, char *text, size_t size) {
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    size_t len = 0;

    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        int64_t n = span_ms / units[i].ms;
        span_ms %= units[i].ms;
        if (n > 0 && len < size)
            len += (size_t)snprintf(text + len, size - len, "%" PRId64 "%s", n, units[i].name);
    }
    if (len == 0)
        (void)snprintf(text, size, "0s");
}

void case_instant_print(int64_t at_ms, int64_t start_ms, char text[static CASE_INSTANT_TEXT_SIZE]) {
    char instant[TIMESTAMP_TEXT_SIZE], span[40];

    timestamp_print(at_ms, instant);
    if (at_ms < start_ms) {
        (void)snprintf(text, CASE_INSTANT_TEXT_SIZE, "%s", instant);
        return;
    }
    print_span(at_ms - start_ms, span, sizeof(span));
    (void)snprintf(text, CASE_INSTANT_TEXT_SIZE, "+%s (%s)", span, instant);
}
