/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is shown comes from a file that may hold anything, and goes to a terminal or a log: control characters
 * and broken UTF-8 are shown as '?', and texts and lines are cut to what a person reads.
 */
#include <stdarg.h>
#include <stdio.h>
#include "lib/base/diagnostic.h"

#define MESSAGE_SIZE 1024
#define INDENT ((size_t)4)
/* A longer source line is shown in part: this much before the mark, and so much in all. */
#define SHOWN_CHARS_BEFORE 60
#define SHOWN_CHARS_MAX 100
/* Longer names are nobody's slip of a finger. */
#define NEAREST_LEN_MAX 128
#define NEAREST_DISTANCE_MAX 3

void diagnostics_done(Diagnostics *diagnostics) {
    for (size_t i = 0; i < diagnostics->n_items; i++)
        free(diagnostics->items[i].message);
    free(diagnostics->items);
    *diagnostics = DIAGNOSTICS_INIT;
}

/*
 * The bytes of the character at the start of `s`, which is not empty; 1 for a byte that starts none.
 * *ret_shown tells if it may be printed.
 */
static size_t char_len(Str s, bool *ret_shown) {
    const unsigned char *p = (const unsigned char *)s.data;
    size_t n = p[0] < 0x80                   ? 1
               : p[0] >= 0xC2 && p[0] < 0xE0 ? 2
               : (p[0] & 0xF0) == 0xE0       ? 3
               : p[0] >= 0xF0 && p[0] < 0xF5 ? 4
                                             : 0;
    *ret_shown = false;
    if (n == 0 || n > s.len)
        return 1;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 1;
    /* U+0000 to U+001F, U+007F to U+009F */
    *ret_shown = !(n == 1 && (p[0] < 0x20 || p[0] == 0x7F)) && !(n == 2 && p[0] == 0xC2 && p[1] < 0xA0);
    return n;
}

/* In place; never longer than before. */
static void make_printable(char *text) {
    Str rest = str_from(text);
    char *out = text;
    while (rest.len) {
        bool shown;
        size_t n = char_len(rest, &shown);
        if (shown)
            memmove(out, rest.data, n);
        else
            *out = '?';
        out += shown ? n : 1;
        rest = (Str){rest.data + n, rest.len - n};
    }
    *out = '\0';
}

void diagnostics_add(Diagnostics *diagnostics, DiagnosticLevel level, Mark mark, const char *format, ...) {
    if (level == DIAGNOSTIC_ERROR)
        diagnostics->n_errors++;
    else
        diagnostics->n_warnings++;
    if (diagnostics->n_items >= DIAGNOSTICS_MAX)
        return;

    char text[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    /* A text that was cut loses its last character, which may not be whole. */
    if (len >= (int)sizeof(text))
        text[str_cut((Str){text, sizeof(text)}, sizeof(text) - 2)] = '\0';
    make_printable(text);

    char *message = len >= 0 ? strdup(text) : NULL;
    if (message && array_reserve(&diagnostics->items, &diagnostics->n_alloc, diagnostics->n_items,
                           sizeof(*diagnostics->items)) == 0) {
        diagnostics->items[diagnostics->n_items++] = (Diagnostic){level, mark, message};
        return;
    }
    free(message);
    /* A warning that is lost may have mattered. */
    if (level == DIAGNOSTIC_WARNING) {
        diagnostics->n_warnings--;
        diagnostics->n_errors++;
    }
}

static bool mark_before(Mark a, Mark b) {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

void diagnostics_sort(Diagnostics *diagnostics) {
    /* Insertion: stable, unlike qsort(), and there are at most DIAGNOSTICS_MAX. */
    for (size_t i = 1; i < diagnostics->n_items; i++) {
        Diagnostic moving = diagnostics->items[i];
        size_t k = i;
        for (; k > 0 && mark_before(moving.mark, diagnostics->items[k - 1].mark); k--)
            diagnostics->items[k] = diagnostics->items[k - 1];
        diagnostics->items[k] = moving;
    }
}

/* Text being written; `failed` once out of memory, and then nothing more is added. */
typedef struct Text {
    char *data;
    size_t len, n_alloc;
    bool failed;
} Text;

static void text_char(Text *text, char c) {
    if (text->failed || array_reserve(&text->data, &text->n_alloc, text->len, 1) < 0) {
        text->failed = true;
        return;
    }
    text->data[text->len++] = c;
}

static void text_bytes(Text *text, const char *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        text_char(text, bytes[i]);
}

static void text_string(Text *text, const char *s) {
    text_bytes(text, s, strlen(s));
}

static void text_unsigned(Text *text, size_t n) {
    char digits[24];
    snprintf(digits, sizeof(digits), "%zu", n);
    text_string(text, digits);
}

static void text_repeat(Text *text, char c, size_t n) {
    for (size_t i = 0; i < n; i++)
        text_char(text, c);
}

/* Line `line` from 1, without its end; null if there is none. */
static Str source_line(Str source, unsigned line) {
    /* A byte order mark is no part of the first line's columns. */
    if (str_starts_with(source, "\xEF\xBB\xBF"))
        source = (Str){source.data + 3, source.len - 3};
    for (; source.data; line--) {
        const char *end = source.len ? memchr(source.data, '\n', source.len) : NULL;
        size_t len = end ? (size_t)(end - source.data) : source.len;
        if (line == 1)
            return (Str){source.data, len && source.data[len - 1] == '\r' ? len - 1 : len};
        source = end ? (Str){end + 1, source.len - len - 1} : STR_NULL;
    }
    return STR_NULL;
}

/* Skips up to n characters. Returns how many were there. */
static size_t skip_chars(Str *s, size_t n) {
    size_t skipped = 0;
    for (; skipped < n && s->len; skipped++) {
        bool shown;
        size_t len = char_len(*s, &shown);
        *s = (Str){s->data + len, s->len - len};
    }
    return skipped;
}

/* The line of the mark from its first word on, and a caret below the mark. */
static void render_line(Text *text, Str line, Mark mark) {
    size_t n_before = mark.column > 0 ? mark.column - 1 : 0;
    size_t n_blank = 0;
    while (n_blank < line.len && n_blank < n_before &&
            (line.data[n_blank] == ' ' || line.data[n_blank] == '\t'))
        n_blank++;
    if (n_blank == line.len)
        return;
    line = (Str){line.data + n_blank, line.len - n_blank};
    n_before -= n_blank;

    const char *cut_sign = n_before > SHOWN_CHARS_BEFORE ? "..." : "";
    size_t n_cut_sign = strlen(cut_sign);
    if (n_before > SHOWN_CHARS_BEFORE)
        n_before -= skip_chars(&line, n_before - SHOWN_CHARS_BEFORE);

    text_repeat(text, ' ', INDENT);
    text_string(text, cut_sign);
    size_t n_shown = 0;
    for (; n_shown < SHOWN_CHARS_MAX && line.len; n_shown++) {
        bool shown;
        size_t n = char_len(line, &shown);
        if (shown)
            text_bytes(text, line.data, n);
        else
            text_char(text, line.data[0] == '\t' ? ' ' : '?');
        line = (Str){line.data + n, line.len - n};
    }
    text_string(text, line.len ? "...\n" : "\n");

    /* The mark of a missing end is behind the line's last character. */
    n_before = MIN(n_before, n_shown);
    size_t n_marked = MIN((size_t)mark.length, n_shown - n_before);
    text_repeat(text, ' ', INDENT + n_cut_sign + n_before);
    text_char(text, '^');
    text_repeat(text, '~', n_marked ? n_marked - 1 : 0);
    text_char(text, '\n');
}

static void render_one(Text *text, const Diagnostic *diagnostic, const char *file_name, Str source) {
    Mark mark = diagnostic->mark;
    text_string(text, file_name);
    /* Line 0: about the file as a whole. */
    if (mark.line > 0) {
        text_char(text, ':');
        text_unsigned(text, mark.line);
        text_char(text, ':');
        text_unsigned(text, mark.column);
    }
    text_string(text, diagnostic->level == DIAGNOSTIC_ERROR ? ": error: " : ": warning: ");
    text_string(text, diagnostic->message);
    text_char(text, '\n');
    if (mark.line > 0 && mark.length > 0) {
        Str line = source_line(source, mark.line);
        if (line.data)
            render_line(text, line, mark);
    }
}

char *diagnostics_render(const Diagnostics *diagnostics, const char *file_name, Str source) {
    Text text = {0};
    for (size_t i = 0; i < diagnostics->n_items; i++)
        render_one(&text, &diagnostics->items[i], file_name, source);

    size_t n_all = diagnostics->n_errors + diagnostics->n_warnings;
    if (n_all > diagnostics->n_items) {
        text_string(&text, file_name);
        text_string(&text, ": ");
        text_unsigned(&text, n_all - diagnostics->n_items);
        text_string(&text, " more not shown\n");
    }
    text_char(&text, '\0');
    if (text.failed)
        return free_null(text.data);
    return text.data;
}

/*
 * Damerau and Levenshtein's distance where no part is edited twice ("optimal string alignment"); both names
 * have at most NEAREST_LEN_MAX bytes.
 */
static unsigned edit_distance(Str a, Str b) {
    unsigned rows[3][NEAREST_LEN_MAX + 1];
    unsigned *row_before = rows[0], *row_above = rows[1], *row = rows[2];

    for (size_t k = 0; k <= b.len; k++)
        row_above[k] = (unsigned)k;
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = (unsigned)i;
        for (size_t k = 1; k <= b.len; k++) {
            unsigned changed = row_above[k - 1] + (a.data[i - 1] != b.data[k - 1]);
            unsigned added_or_removed = MIN(row_above[k], row[k - 1]) + 1;
            row[k] = MIN(changed, added_or_removed);
            if (i > 1 && k > 1 && a.data[i - 1] == b.data[k - 2] && a.data[i - 2] == b.data[k - 1])
                row[k] = MIN(row[k], row_before[k - 2] + 1);
        }
        unsigned *oldest = row_before;
        row_before = row_above;
        row_above = row;
        row = oldest;
    }
    return row_above[b.len];
}

const char *diagnostic_nearest(Str name, const char *const *candidates, size_t n_candidates) {
    const char *nearest = NULL;
    size_t nearest_distance = NEAREST_DISTANCE_MAX + 1;
    if (name.len > NEAREST_LEN_MAX)
        return NULL;
    for (size_t i = 0; i < n_candidates; i++) {
        Str candidate = str_from(candidates[i]);
        if (candidate.len > NEAREST_LEN_MAX)
            continue;
        size_t distance = edit_distance(name, candidate);
        if (distance < nearest_distance && distance <= MAX(name.len, candidate.len) / 3) {
            nearest = candidates[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}
