#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text for Terminals
 *
 * A growing text of which each piece is fit to be shown: what comes from outside loses its control
 * characters, so that no lead's name can move the cursor.
 */
#include "lib/base/util.h"

typedef struct TopText {
    char *data; /* `len` bytes, not terminated */
    size_t len, n_alloc;
    bool out_of_memory; /* after which nothing more is added */
} TopText;

#define TOP_TEXT_INIT ((TopText){0})
void top_text_deinit(TopText *text);
/* Adds our own text, as it is. */
void top_text_add(TopText *text, const char *format, ...) PRINTF_LIKE(2, 3);
/* Adds bytes as they are: what another writer has made fit. */
void top_text_add_raw(TopText *text, const char *bytes, size_t n);
/* Adds text from outside. */
void top_text_add_str(TopText *text, Str s);
/*
 * The same in exactly `width` columns: cut with a mark at the end, or filled with spaces, in front if
 * to_right. A character is taken to be a column wide.
 */
void top_text_add_cell(TopText *text, Str s, size_t width, bool to_right);
/* A copy of text from outside, cut to `size` - 1 bytes and terminated. */
void top_text_copy(char *ret, size_t size, Str s);

#define SPAN_TEXT_SIZE 48
/* A span of time for people: 0.4s, 12.3s, 4m05s, 3h12m, 2d04h. A negative one has a sign. */
void top_span_print(int64_t span_ms, char text[static SPAN_TEXT_SIZE]);
#define CLOCK_TEXT_SIZE 16
/* Local time of day, with milliseconds or without. */
void top_clock_print(int64_t at_ms, bool with_ms, char text[static CLOCK_TEXT_SIZE]);
