#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Writer
 *
 * Appends JSON to a growing buffer, with commas where they belong. Strings are put out as UTF-8, whatever is
 * in them: bytes that are not become U+FFFD. Doubles take the fewest digits that read back exactly.
 */
#include "lib/base/value.h"

typedef struct JsonWriter {
    char *data; /* `len` bytes, not terminated */
    size_t len, n_alloc;
    int error; /* 0 or -ENOMEM, after which nothing more is written */
} JsonWriter;

#define JSON_WRITER_INIT ((JsonWriter){0})
void json_writer_deinit(JsonWriter *writer);
/* Back to an empty buffer; keeps the memory, and forgets the error. */
void json_writer_reset(JsonWriter *writer);

/* `name` is null for items of arrays and for what stands outermost. Errors are kept in `error`. */
void json_write_null(JsonWriter *writer, Str name);
void json_write_boolean(JsonWriter *writer, Str name, bool value);
void json_write_integer(JsonWriter *writer, Str name, int64_t value);
/* Null if it is not finite: JSON has no such numbers. -0 is 0. */
void json_write_number(JsonWriter *writer, Str name, double value);
/* A null Str is null. */
void json_write_string(JsonWriter *writer, Str name, Str value);
void json_write_value(JsonWriter *writer, Str name, Value value);
/* RFC 3339 in UTC with milliseconds; TIME_NONE and TIME_NEVER are null. */
void json_write_time(JsonWriter *writer, Str name, int64_t at_ms);
void json_write_object_begin(JsonWriter *writer, Str name);
void json_write_object_end(JsonWriter *writer);
void json_write_array_begin(JsonWriter *writer, Str name);
void json_write_array_end(JsonWriter *writer);
/* Ends an outermost value: one JSON text a line. */
void json_write_newline(JsonWriter *writer);
