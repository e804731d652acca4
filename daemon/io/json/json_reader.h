#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Reader
 *
 * A pull parser for one JSON text held in memory, strict to the letter of RFC 8259. Strings are borrowed:
 * from the text where they stand there as they are, else from a buffer of the reader's that is kept from one
 * text to the next, so that reading many texts allocates nothing once the buffer has grown.
 */
#include <locale.h>

#include "lib/base/util.h"

/* What one text may take: the size of the largest message that Kafka takes as configured by default. */
#define JSON_TEXT_LEN_MAX (1024 * 1024)
/* Objects and arrays within each other. An event needs two; the rest is room for members that are skipped. */
#define JSON_DEPTH_MAX 32

enum {
    _JSON_E_SUCCESS,
    JSON_E_SYNTAX, /* not JSON, or over a limit above; see `error` */
};

typedef enum JsonToken {
    JSON_TOKEN_NULL,
    JSON_TOKEN_BOOLEAN,      /* .boolean */
    JSON_TOKEN_INTEGER,      /* .integer: neither fraction nor exponent */
    JSON_TOKEN_NUMBER,       /* .number */
    JSON_TOKEN_HUGE_INTEGER, /* outside 64 bits */
    JSON_TOKEN_HUGE_NUMBER,  /* outside the range of a double */
    JSON_TOKEN_STRING,       /* .string */
    JSON_TOKEN_OBJECT_BEGIN,
    JSON_TOKEN_NAME, /* .string; the member's value follows */
    JSON_TOKEN_OBJECT_END,
    JSON_TOKEN_ARRAY_BEGIN,
    JSON_TOKEN_ARRAY_END,
    JSON_TOKEN_END, /* of the text; again at every further call */
} JsonToken;

typedef struct JsonReader {
    /* Of the token read last. Strings stay valid until the next json_reader_start(). */
    union {
        bool boolean;
        int64_t integer;
        double number;
        Str string;
    };
    /* After JSON_E_SYNTAX: what was expected, a static string, and where: error_at bytes into the text. */
    const char *error;
    size_t error_at;

    /* The reader's own. */
    Str text;
    size_t at;
    int expect;
    unsigned depth;
    uint32_t objects; /* bit i: the container at depth i is an object */
    char *scratch;
    size_t scratch_len, n_scratch_alloc;
    locale_t locale; /* a number's point is a point, whatever the process's locale says */
} JsonReader;

/* 0 or -ENOMEM. */
MUST_CHECK int json_reader_init(JsonReader *reader);
void json_reader_deinit(JsonReader *reader);

/* Begins a text, which is borrowed until the next start. */
void json_reader_start(JsonReader *reader, Str text);
/* The next token: 0, JSON_E_SYNTAX (also at every further call) or -ENOMEM. *ret is set on 0 only. */
MUST_CHECK int json_reader_next(JsonReader *reader, JsonToken *ret);
/* Reads over the rest of the value that began with `token`. Errors as above. */
MUST_CHECK int json_reader_skip(JsonReader *reader, JsonToken token);

/*
 * The length of the well-formed UTF-8 sequence that the bytes begin with; 0 if they do not. Then *ret_bad is
 * the length of what one replacement character stands for: the longest beginning of a sequence, at least 1.
 */
size_t utf8_sequence(const char *bytes, size_t len, size_t *ret_bad);
