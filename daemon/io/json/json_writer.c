/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Writer
 *
 * Whether a comma is due can be told from the byte before: none after an opening bracket or at the beginning
 * of a line, where no value can end, since a string ends in its quote.
 */
#include "daemon/io/json/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/io/json/json_reader.h"
#include "lib/calendar/timestamp.h"

/* "-1.7976931348623157e+308" and the terminator, and room for a decimal point of several bytes. */
#define NUMBER_TEXT_SIZE 40

void json_writer_deinit(JsonWriter *writer) {
    free(writer->data);
    *writer = JSON_WRITER_INIT;
}

void json_writer_reset(JsonWriter *writer) {
    writer->len = 0;
    writer->error = 0;
}

static void append(JsonWriter *writer, const char *bytes, size_t len) {
    if (writer->error || len == 0)
        return;
    if (writer->n_alloc - writer->len < len) {
        size_t n_alloc = MAX(MAX(2 * writer->n_alloc, writer->len + len), 256);
        char *data = realloc(writer->data, n_alloc);
        if (!data) {
            writer->error = -ENOMEM;
            return;
        }
        writer->data = data;
        writer->n_alloc = n_alloc;
    }
    memcpy(writer->data + writer->len, bytes, len);
    writer->len += len;
}

static void append_text(JsonWriter *writer, const char *text) {
    append(writer, text, strlen(text));
}

/* A quote, a backslash or a control character. */
static void append_escape(JsonWriter *writer, char c) {
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(escaped, c) : NULL;

    if (found) {
        append(writer, (char[]){'\\', letters[found - escaped]}, 2);
    } else {
        char text[] = "\\u0000";
        text[4] = digits[c >> 4];
        text[5] = digits[c & 0xF];
        append(writer, text, 6);
    }
}

static void append_string(JsonWriter *writer, Str value) {
    size_t begin = 0, at = 0, bad;

    append(writer, "\"", 1);
    while (at < value.len) {
        unsigned char c = (unsigned char)value.data[at];
        size_t n = c < 0x80 ? 1 : utf8_sequence(value.data + at, value.len - at, &bad);
        if (n > 0 && c >= ' ' && c != '"' && c != '\\') {
            at += n;
            continue;
        }
        append(writer, value.data + begin, at - begin);
        if (n > 0)
            append_escape(writer, (char)c);
        else
            append_text(writer, "\xEF\xBF\xBD"); /* U+FFFD */
        at += n > 0 ? n : bad;
        begin = at;
    }
    if (at > begin)
        append(writer, value.data + begin, at - begin);
    append(writer, "\"", 1);
}

/* What stands before a value: a comma where one is due, and the member's name. */
static void begin_value(JsonWriter *writer, Str name) {
    char last = writer->len > 0 ? writer->data[writer->len - 1] : '\n';

    if (last != '\n' && last != '{' && last != '[')
        append(writer, ",", 1);
    if (!str_is_null(name)) {
        append_string(writer, name);
        append(writer, ":", 1);
    }
}

void json_write_null(JsonWriter *writer, Str name) {
    begin_value(writer, name);
    append_text(writer, "null");
}

void json_write_boolean(JsonWriter *writer, Str name, bool value) {
    begin_value(writer, name);
    append_text(writer, value ? "true" : "false");
}

void json_write_integer(JsonWriter *writer, Str name, int64_t value) {
    char text[NUMBER_TEXT_SIZE];
    size_t at = sizeof(text);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    begin_value(writer, name);
    do {
        text[--at] = (char)('0' + left % 10);
    } while ((left /= 10) > 0);
    if (value < 0)
        text[--at] = '-';
    append(writer, text + at, sizeof(text) - at);
}

/* The digits as the process's locale writes them: its decimal point can be anything. */
static void print_shortest(double value, char text[static NUMBER_TEXT_SIZE]) {
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, NUMBER_TEXT_SIZE, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            return;
    }
}

void json_write_number(JsonWriter *writer, Str name, double value) {
    char text[NUMBER_TEXT_SIZE];
    size_t len = 0;

    if (!isfinite(value)) {
        json_write_null(writer, name);
        return;
    }
    begin_value(writer, name);
    print_shortest(value == 0 ? 0.0 : value, text);
    /* Whatever run of bytes the locale has for a decimal point becomes one. */
    for (const char *p = text; *p;) {
        size_t n = strcspn(p, "0123456789+-e");
        text[len++] = n ? '.' : *p;
        p += n ? n : 1;
    }
    append(writer, text, len);
}

void json_write_string(JsonWriter *writer, Str name, Str value) {
    if (str_is_null(value)) {
        json_write_null(writer, name);
        return;
    }
    begin_value(writer, name);
    append_string(writer, value);
}

void json_write_time(JsonWriter *writer, Str name, int64_t at_ms) {
    char text[TIMESTAMP_TEXT_SIZE];

    if (at_ms == TIME_NONE || at_ms == TIME_NEVER) {
        json_write_null(writer, name);
        return;
    }
    size_t len = timestamp_print(at_ms, text);
    json_write_string(writer, name, (Str){text, len});
}

void json_write_object_begin(JsonWriter *writer, Str name) {
    begin_value(writer, name);
    append(writer, "{", 1);
}

void json_write_object_end(JsonWriter *writer) {
    append(writer, "}", 1);
}

void json_write_array_begin(JsonWriter *writer, Str name) {
    begin_value(writer, name);
    append(writer, "[", 1);
}

void json_write_array_end(JsonWriter *writer) {
    append(writer, "]", 1);
}

void json_write_newline(JsonWriter *writer) {
    append(writer, "\n", 1);
}

void json_write_value(JsonWriter *w, Str name, Value value) {
    switch (value.type) {
    case VALUE_BOOLEAN:
        json_write_boolean(w, name, value.boolean);
        break;
    case VALUE_LONG:
        json_write_integer(w, name, value.integer);
        break;
    case VALUE_DOUBLE:
        json_write_number(w, name, value.number);
        break;
    case VALUE_STRING:
        json_write_string(w, name, value.string);
        break;
    default:
        json_write_null(w, name);
    }
}
