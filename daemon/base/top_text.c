/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/top_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "daemon/io/json/json_reader.h"

#define PIECE_SIZE 512

void top_text_deinit(TopText *text) {
    free(text->data);
    *text = TOP_TEXT_INIT;
}

static void add_bytes(TopText *text, const char *bytes, size_t n) {
    while (text->n_alloc - text->len < n && !text->out_of_memory) {
        size_t n_alloc = MAX(2 * text->n_alloc, (size_t)1024);
        char *grown = realloc(text->data, n_alloc);
        text->out_of_memory = !grown;
        if (grown) {
            text->data = grown;
            text->n_alloc = n_alloc;
        }
    }
    if (text->out_of_memory || n == 0)
        return;
    memcpy(text->data + text->len, bytes, n);
    text->len += n;
}

void top_text_add(TopText *text, const char *format, ...) {
    char piece[PIECE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(piece, sizeof(piece), format, arguments);
    va_end(arguments);
    if (n > 0)
        add_bytes(text, piece, MIN((size_t)n, sizeof(piece) - 1));
}

void top_text_add_raw(TopText *text, const char *bytes, size_t n) {
    add_bytes(text, bytes, n);
}

/*
 * The character at the front of `s`, as it may be shown: in UTF-8, without the control characters C0 and C1.
 * *ret_len: how many bytes of `s` it stands for.
 */
static Str shown_character(Str s, size_t *ret_len) {
    unsigned char first = (unsigned char)s.data[0];
    size_t bad;
    *ret_len = 1;
    if (first < 0x80)
        return first < ' ' || first == 0x7F ? STR_LITERAL("?") : (Str){s.data, 1};
    size_t n = utf8_sequence(s.data, s.len, &bad);
    if (n == 0)
        return STR_LITERAL("?");
    *ret_len = n;
    if (n == 2 && first == 0xC2 && (unsigned char)s.data[1] < 0xA0)
        return STR_LITERAL("?");
    return (Str){s.data, n};
}

void top_text_add_str(TopText *text, Str s) {
    size_t len;
    while (s.len > 0) {
        Str character = shown_character(s, &len);
        add_bytes(text, character.data, character.len);
        s = (Str){s.data + len, s.len - len};
    }
}

static size_t count_characters(Str s) {
    size_t n = 0, len;
    for (; s.len > 0; n++) {
        (void)shown_character(s, &len);
        s = (Str){s.data + len, s.len - len};
    }
    return n;
}

void top_text_add_cell(TopText *text, Str s, size_t width, bool to_right) {
    size_t n = count_characters(s), len;
    size_t n_shown = n <= width ? n : width > 0 ? width - 1 : 0;
    if (to_right && n < width)
        top_text_add(text, "%*s", (int)(width - n), "");
    for (size_t i = 0; i < n_shown; i++) {
        Str character = shown_character(s, &len);
        add_bytes(text, character.data, character.len);
        s = (Str){s.data + len, s.len - len};
    }
    if (n > width && width > 0)
        add_bytes(text, "~", 1);
    if (!to_right && n < width)
        top_text_add(text, "%*s", (int)(width - n), "");
}

void top_text_copy(char *ret, size_t size, Str s) {
    size_t at = 0, len;
    while (s.len > 0) {
        Str character = shown_character(s, &len);
        if (character.len >= size - at)
            break;
        memcpy(ret + at, character.data, character.len);
        at += character.len;
        s = (Str){s.data + len, s.len - len};
    }
    ret[at] = '\0';
}

void top_span_print(int64_t span_ms, char text[static SPAN_TEXT_SIZE]) {
    const char *sign = span_ms < 0 ? "-" : "";
    /* Beyond 9999 days it is all the same. */
    int64_t ms = MIN(span_ms == INT64_MIN ? INT64_MAX
                     : span_ms < 0        ? -span_ms
                                          : span_ms,
            INT64_C(863999999999));
    int64_t s = ms / 1000, min = s / 60, h = min / 60;
    if (min == 0)
        snprintf(text, SPAN_TEXT_SIZE, "%s%" PRId64 ".%" PRId64 "s", sign, s, ms / 100 % 10);
    else if (h == 0)
        snprintf(text, SPAN_TEXT_SIZE, "%s%" PRId64 "m%02" PRId64 "s", sign, min, s % 60);
    else if (h < 24)
        snprintf(text, SPAN_TEXT_SIZE, "%s%" PRId64 "h%02" PRId64 "m", sign, h, min % 60);
    else
        snprintf(text, SPAN_TEXT_SIZE, "%s%" PRId64 "d%02" PRId64 "h", sign, h / 24, h % 24);
}

void top_clock_print(int64_t at_ms, bool with_ms, char text[static CLOCK_TEXT_SIZE]) {
    time_t at = (time_t)(at_ms / 1000);
    struct tm tm;
    size_t n = localtime_r(&at, &tm) ? strftime(text, CLOCK_TEXT_SIZE, "%H:%M:%S", &tm) : 0;
    if (n == 0)
        snprintf(text, CLOCK_TEXT_SIZE, "--:--:--");
    else if (with_ms)
        snprintf(text + n, CLOCK_TEXT_SIZE - n, ".%03u", (unsigned)(at_ms % 1000) % 1000);
}
