#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Oracle of the JSON Reader and Writer
 *
 * jansson reads the same bytes: it must accept what our reader accepts, with equal values, and refuse the
 * rest. What our reader accepted is then written by our writer and read back by jansson. Where the two
 * programs mean to differ stands in oracle_check(). Any other difference ends the process.
 */
#include <jansson.h>
#include <stdio.h>

#include "daemon/io/json/json_reader.h"
#include "daemon/io/json/json_writer.h"

#define ORACLE(condition)                                                                                    \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: the oracle disagrees: %s\n", __FILE__, __LINE__, #condition);            \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

typedef struct OracleBuild {
    JsonReader *reader;
    JsonWriter *writer;
    bool huge;        /* a number that jansson does not take either */
    bool nul_in_name; /* which jansson refuses */
} OracleBuild;

static inline json_t *oracle_build(OracleBuild *b, JsonToken token, Str name, int *ret_r);

static inline json_t *oracle_build_object(OracleBuild *b, int *ret_r) {
    json_t *object = json_object();
    JsonToken token;

    for (;;) {
        *ret_r = json_reader_next(b->reader, &token);
        if (*ret_r || token == JSON_TOKEN_OBJECT_END)
            break;
        ORACLE(token == JSON_TOKEN_NAME);
        Str name = b->reader->string;
        if (memchr(name.data, '\0', name.len))
            b->nul_in_name = true;
        *ret_r = json_reader_next(b->reader, &token);
        if (*ret_r)
            break;
        json_t *value = oracle_build(b, token, name, ret_r);
        if (value)
            json_object_setn_new(object, name.data, name.len, value);
        if (*ret_r)
            break;
    }
    return object;
}

static inline json_t *oracle_build_array(OracleBuild *b, int *ret_r) {
    json_t *array = json_array();
    JsonToken token;

    for (;;) {
        *ret_r = json_reader_next(b->reader, &token);
        if (*ret_r || token == JSON_TOKEN_ARRAY_END)
            break;
        json_t *value = oracle_build(b, token, STR_NULL, ret_r);
        if (value)
            json_array_append_new(array, value);
        if (*ret_r)
            break;
    }
    return array;
}

/* The value that begins with `token`, as jansson would have it; also goes through the writer. */
static inline json_t *oracle_build(OracleBuild *b, JsonToken token, Str name, int *ret_r) {
    JsonReader *reader = b->reader;
    json_t *value;

    *ret_r = 0;
    switch (token) {
    case JSON_TOKEN_NULL:
        json_write_null(b->writer, name);
        return json_null();
    case JSON_TOKEN_BOOLEAN:
        json_write_boolean(b->writer, name, reader->boolean);
        return json_boolean(reader->boolean);
    case JSON_TOKEN_INTEGER:
        json_write_integer(b->writer, name, reader->integer);
        return json_integer(reader->integer);
    case JSON_TOKEN_NUMBER:
        json_write_number(b->writer, name, reader->number);
        return json_real(reader->number);
    case JSON_TOKEN_STRING:
        json_write_string(b->writer, name, reader->string);
        return json_stringn(reader->string.data, reader->string.len);
    case JSON_TOKEN_HUGE_INTEGER:
    case JSON_TOKEN_HUGE_NUMBER:
        b->huge = true;
        json_write_null(b->writer, name);
        return json_null();
    case JSON_TOKEN_OBJECT_BEGIN:
        json_write_object_begin(b->writer, name);
        value = oracle_build_object(b, ret_r);
        json_write_object_end(b->writer);
        return value;
    case JSON_TOKEN_ARRAY_BEGIN:
        json_write_array_begin(b->writer, name);
        value = oracle_build_array(b, ret_r);
        json_write_array_end(b->writer);
        return value;
    default:
        fprintf(stderr, "token %d begins no value\n", (int)token);
        abort();
    }
}

/* Numbers are equal by value: the writer prints 5.0 as 5. */
static inline bool oracle_equal(const json_t *a, const json_t *b) {
    const char *name;
    json_t *member;
    size_t i;

    if (json_is_number(a) && json_is_number(b) && json_typeof(a) != json_typeof(b))
        return json_number_value(a) == json_number_value(b);
    if (json_is_array(a) && json_is_array(b)) {
        if (json_array_size(a) != json_array_size(b))
            return false;
        for (i = 0; i < json_array_size(a); i++)
            if (!oracle_equal(json_array_get(a, i), json_array_get(b, i)))
                return false;
        return true;
    }
    if (json_is_object(a) && json_is_object(b)) {
        if (json_object_size(a) != json_object_size(b))
            return false;
        json_object_foreach((json_t *)a, name, member) {
            if (!oracle_equal(member, json_object_get(b, name)))
                return false;
        }
        return true;
    }
    return json_equal(a, b);
}

/* What the writer made of the tree reads back as the tree. */
static inline void oracle_check_written(const JsonWriter *writer, const json_t *tree) {
    json_error_t error;

    ORACLE(writer->error == 0);
    json_t *back = json_loadb(writer->data, writer->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    ORACLE(back);
    ORACLE(oracle_equal(tree, back));
    json_decref(back);
}

/* Reads the whole text and builds what it says. NULL: it is no JSON for our reader. */
static inline json_t *oracle_read(OracleBuild *b) {
    JsonToken token;
    int r;

    json_t *tree = NULL;
    r = json_reader_next(b->reader, &token);
    if (r == 0)
        tree = oracle_build(b, token, STR_NULL, &r);
    if (r == 0)
        r = json_reader_next(b->reader, &token);
    if (r) {
        ORACLE(r == JSON_E_SYNTAX);
        ORACLE(b->reader->error);
        ORACLE(b->reader->error_at <= b->reader->text.len);
        json_decref(tree);
        return NULL;
    }
    ORACLE(token == JSON_TOKEN_END);
    return tree;
}

/* Compares the two readers on the text, and the writer with both. Does our reader accept it? */
static inline bool oracle_check(JsonReader *reader, Str text) {
    JsonWriter writer = JSON_WRITER_INIT;
    OracleBuild build = {.reader = reader, .writer = &writer};
    json_error_t error;

    json_reader_start(reader, text);
    json_t *ours = oracle_read(&build);
    json_t *theirs = json_loadb(text.data, text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool accepted = ours != NULL;
    if (ours && build.huge) {
        ORACLE(!theirs);
    } else if (ours && build.nul_in_name) {
        ORACLE(!theirs && json_error_code(&error) == json_error_null_byte_in_key);
    } else if (ours) {
        ORACLE(theirs && json_equal(ours, theirs));
        oracle_check_written(&writer, ours);
    } else if (theirs) {
        /* Our limits are our own, and jansson loses a NUL byte that follows a number. */
        ORACLE(strcmp(reader->error, "nested too deeply") == 0 || strcmp(reader->error, "too long") == 0 ||
                (reader->error_at < text.len && text.data[reader->error_at] == '\0'));
    }
    json_decref(ours);
    json_decref(theirs);
    json_writer_deinit(&writer);
    return accepted;
}
