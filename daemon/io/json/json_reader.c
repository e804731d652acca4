/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON Reader
 *
 * A machine with one word of state: what may come next. Between tokens it holds, beside the place in the
 * text, one bit for each open container, which says whether that is an object.
 *
 * The scratch buffer takes unescaped strings one after the other. No escape is shorter than the bytes it
 * stands for, so all strings of a text, and the copy of a number while it is converted, fit in as many bytes
 * as the text has. It is therefore sized at the first need in a text and never moves while one is read.
 */
#include "daemon/io/json/json_reader.h"

#include <math.h>

enum {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* after [ */
    EXPECT_NAME_OR_END,  /* after { */
    EXPECT_MORE_OR_END,  /* after a value in a container */
    EXPECT_NOTHING,      /* after the outermost value */
    EXPECT_FAILED,
};

static_assert(JSON_DEPTH_MAX <= 32, "JsonReader.objects has a bit for each level");

int json_reader_init(JsonReader *reader) {
    *reader = (JsonReader){.expect = EXPECT_NOTHING};
    reader->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    return reader->locale ? 0 : -ENOMEM;
}

void json_reader_deinit(JsonReader *reader) {
    if (reader->locale)
        freelocale(reader->locale);
    free(reader->scratch);
    *reader = (JsonReader){0};
}

void json_reader_start(JsonReader *reader, Str text) {
    reader->text = text;
    reader->at = 0;
    reader->depth = 0;
    reader->objects = 0;
    reader->scratch_len = 0;
    reader->error = NULL;
    reader->expect = EXPECT_VALUE;
}

static int fail_at(JsonReader *reader, size_t at, const char *error) {
    reader->error = error;
    reader->error_at = at;
    reader->expect = EXPECT_FAILED;
    return JSON_E_SYNTAX;
}

static int fail(JsonReader *reader, const char *error) {
    return fail_at(reader, reader->at, error);
}

/* Room for everything that can still come of this text, and a terminator. */
static int scratch_prepare(JsonReader *reader) {
    size_t size = reader->text.len + 1;

    if (reader->n_scratch_alloc >= size)
        return 0;
    /* Once a text has strings in the buffer it is large enough for that text. */
    assert(reader->scratch_len == 0);
    size = MAX(size, 2 * reader->n_scratch_alloc);
    char *scratch = realloc(reader->scratch, size);
    if (!scratch)
        return -ENOMEM;
    reader->scratch = scratch;
    reader->n_scratch_alloc = size;
    return 0;
}

static void scratch_append(JsonReader *reader, const char *bytes, size_t len) {
    assert(reader->scratch_len + len < reader->n_scratch_alloc);
    memcpy(reader->scratch + reader->scratch_len, bytes, len);
    reader->scratch_len += len;
}

static void scratch_append_code_point(JsonReader *reader, uint32_t c) {
    char bytes[4];
    size_t len = 0;

    if (c < 0x80) {
        bytes[len++] = (char)c;
    } else if (c < 0x800) {
        bytes[len++] = (char)(0xC0 | c >> 6);
        bytes[len++] = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        bytes[len++] = (char)(0xE0 | c >> 12);
        bytes[len++] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[len++] = (char)(0x80 | (c & 0x3F));
    } else {
        bytes[len++] = (char)(0xF0 | c >> 18);
        bytes[len++] = (char)(0x80 | (c >> 12 & 0x3F));
        bytes[len++] = (char)(0x80 | (c >> 6 & 0x3F));
        bytes[len++] = (char)(0x80 | (c & 0x3F));
    }
    scratch_append(reader, bytes, len);
}

size_t utf8_sequence(const char *bytes, size_t len, size_t *ret_bad) {
    const unsigned char *b = (const unsigned char *)bytes;
    unsigned char low = 0x80, high = 0xBF; /* of the second byte; Unicode 15, table 3-7 */
    size_t need;

    assert(len > 0);
    *ret_bad = 1;
    if (b[0] < 0x80)
        return 1;
    if (b[0] < 0xC2 || b[0] > 0xF4)
        return 0;
    need = b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
    if (b[0] == 0xE0)
        low = 0xA0; /* else it were overlong */
    else if (b[0] == 0xED)
        high = 0x9F; /* else a surrogate */
    else if (b[0] == 0xF0)
        low = 0x90;
    else if (b[0] == 0xF4)
        high = 0x8F; /* else beyond U+10FFFF */
    for (size_t i = 1; i < need; i++) {
        if (i == len || b[i] < low || b[i] > high) {
            *ret_bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xBF;
    }
    return need;
}

static int peek(const JsonReader *reader) {
    return reader->at < reader->text.len ? (unsigned char)reader->text.data[reader->at] : -1;
}

static bool is_digit(int c) {
    return c >= '0' && c <= '9';
}

static void skip_space(JsonReader *reader) {
    int c;

    while ((c = peek(reader)) == ' ' || c == '\t' || c == '\n' || c == '\r')
        reader->at++;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four hexadecimal digits. */
static bool read_code_unit(JsonReader *reader, uint32_t *ret) {
    uint32_t unit = 0;

    if (reader->text.len - reader->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(reader->text.data[reader->at + i]);
        if (digit < 0)
            return false;
        unit = unit << 4 | (uint32_t)digit;
    }
    reader->at += 4;
    *ret = unit;
    return true;
}

/* After `\u`. Characters beyond U+FFFF are two escapes, a high and a low surrogate. */
static int read_unicode_escape(JsonReader *reader) {
    size_t begin = reader->at - 2;
    uint32_t c, low;

    if (!read_code_unit(reader, &c))
        return fail_at(reader, begin, "expected four hexadecimal digits after \\u");
    if (c >= 0xD800 && c <= 0xDFFF) {
        if (c >= 0xDC00)
            return fail_at(reader, begin, "a low surrogate without a high one");
        if (reader->text.len - reader->at < 6 || memcmp(reader->text.data + reader->at, "\\u", 2) != 0)
            return fail_at(reader, begin, "a high surrogate without a low one");
        reader->at += 2;
        if (!read_code_unit(reader, &low) || low < 0xDC00 || low > 0xDFFF)
            return fail_at(reader, begin, "a high surrogate without a low one");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    scratch_append_code_point(reader, c);
    return 0;
}

/* At a backslash. */
static int read_escape(JsonReader *reader) {
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *escape;

    reader->at++;
    int c = peek(reader);
    if (c == 'u') {
        reader->at++;
        return read_unicode_escape(reader);
    }
    if (c <= 0 || !(escape = strchr(escapes, c)))
        return fail_at(reader, reader->at - 1, "unknown escape");
    reader->at++;
    scratch_append(reader, &meanings[escape - escapes], 1);
    return 0;
}

/* Reads over characters that stand for themselves, up to a quote or a backslash. */
static int read_plain(JsonReader *reader) {
    const unsigned char *data = (const unsigned char *)reader->text.data;
    size_t len = reader->text.len, at = reader->at, bad;

    for (;;) {
        while (at < len && data[at] >= ' ' && data[at] < 0x80 && data[at] != '"' && data[at] != '\\')
            at++;
        reader->at = at;
        if (at == len)
            return fail(reader, "the string has no end");
        if (data[at] == '"' || data[at] == '\\')
            return 0;
        if (data[at] < ' ')
            return fail(reader, "control characters in a string must be escaped");
        size_t n = utf8_sequence(reader->text.data + at, len - at, &bad);
        if (n == 0)
            return fail(reader, "not UTF-8");
        at += n;
    }
}

/* At the opening quote. */
static int read_string(JsonReader *reader) {
    size_t begin = ++reader->at, scratch_begin;
    int r;

    r = read_plain(reader);
    if (r)
        return r;
    if (reader->text.data[reader->at] == '"') {
        reader->string = (Str){reader->text.data + begin, reader->at++ - begin};
        return 0;
    }
    r = scratch_prepare(reader);
    if (r)
        return r;
    scratch_begin = reader->scratch_len;
    scratch_append(reader, reader->text.data + begin, reader->at - begin);
    while (reader->text.data[reader->at] == '\\') {
        r = read_escape(reader);
        if (r)
            return r;
        begin = reader->at;
        r = read_plain(reader);
        if (r)
            return r;
        scratch_append(reader, reader->text.data + begin, reader->at - begin);
    }
    reader->at++;
    reader->string = (Str){reader->scratch + scratch_begin, reader->scratch_len - scratch_begin};
    return 0;
}

static size_t skip_digits(JsonReader *reader) {
    size_t begin = reader->at;

    while (is_digit(peek(reader)))
        reader->at++;
    return reader->at - begin;
}

/* The fraction and the exponent of a number, if it has them. */
static int read_number_tail(JsonReader *reader, bool *ret_integer) {
    *ret_integer = true;
    if (peek(reader) == '.') {
        reader->at++;
        *ret_integer = false;
        if (skip_digits(reader) == 0)
            return fail(reader, "expected a digit after the decimal point");
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        reader->at++;
        *ret_integer = false;
        if (peek(reader) == '+' || peek(reader) == '-')
            reader->at++;
        if (skip_digits(reader) == 0)
            return fail(reader, "expected a digit in the exponent");
    }
    return 0;
}

static JsonToken convert_integer(JsonReader *reader, Str text) {
    bool negative = text.data[0] == '-';
    int64_t value = 0;

    for (size_t i = negative; i < text.len; i++) {
        int digit = text.data[i] - '0';
        /* Counted on the negative side, which reaches one further. */
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, digit, &value))
            return JSON_TOKEN_HUGE_INTEGER;
    }
    if (!negative && value == INT64_MIN)
        return JSON_TOKEN_HUGE_INTEGER;
    reader->integer = negative ? value : -value;
    return JSON_TOKEN_INTEGER;
}

static int convert_number(JsonReader *reader, Str text, JsonToken *ret) {
    int r = scratch_prepare(reader);
    if (r)
        return r;
    /* strtod() wants a terminator; the copy is not kept. */
    char *copy = reader->scratch + reader->scratch_len;
    assert(reader->scratch_len + text.len < reader->n_scratch_alloc);
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    double number = strtod_l(copy, NULL, reader->locale);
    if (isinf(number)) {
        *ret = JSON_TOKEN_HUGE_NUMBER;
        return 0;
    }
    reader->number = number;
    *ret = JSON_TOKEN_NUMBER;
    return 0;
}

/* At a minus or a digit. */
static int read_number(JsonReader *reader, JsonToken *ret) {
    size_t begin = reader->at;
    bool integer;

    if (peek(reader) == '-')
        reader->at++;
    if (peek(reader) == '0') {
        reader->at++;
        if (is_digit(peek(reader)))
            return fail(reader, "a number has no leading zeros");
    } else if (skip_digits(reader) == 0) {
        return fail(reader, "expected a digit");
    }
    int r = read_number_tail(reader, &integer);
    if (r)
        return r;
    Str text = {reader->text.data + begin, reader->at - begin};
    if (!integer)
        return convert_number(reader, text, ret);
    *ret = convert_integer(reader, text);
    return 0;
}

static int read_word(JsonReader *reader, const char *word) {
    size_t len = strlen(word);

    if (reader->text.len - reader->at < len || memcmp(reader->text.data + reader->at, word, len) != 0)
        return fail(reader, "expected a value");
    reader->at += len;
    return 0;
}

static bool in_object(const JsonReader *reader) {
    return reader->depth > 0 && (reader->objects >> (reader->depth - 1) & 1);
}

/* After a whole value. */
static void expect_after_value(JsonReader *reader) {
    reader->expect = reader->depth > 0 ? EXPECT_MORE_OR_END : EXPECT_NOTHING;
}

static int open_container(JsonReader *reader, bool is_object, JsonToken *ret) {
    if (reader->depth == JSON_DEPTH_MAX)
        return fail(reader, "nested too deeply");
    uint32_t bit = UINT32_C(1) << reader->depth++;
    reader->objects = is_object ? reader->objects | bit : reader->objects & ~bit;
    reader->expect = is_object ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
    reader->at++;
    *ret = is_object ? JSON_TOKEN_OBJECT_BEGIN : JSON_TOKEN_ARRAY_BEGIN;
    return 0;
}

static int close_container(JsonReader *reader, JsonToken *ret) {
    *ret = in_object(reader) ? JSON_TOKEN_OBJECT_END : JSON_TOKEN_ARRAY_END;
    reader->at++;
    reader->depth--;
    expect_after_value(reader);
    return 0;
}

static int read_scalar(JsonReader *reader, int c, JsonToken *ret) {
    switch (c) {
    case '"':
        *ret = JSON_TOKEN_STRING;
        return read_string(reader);
    case 't':
    case 'f':
        *ret = JSON_TOKEN_BOOLEAN;
        reader->boolean = c == 't';
        return read_word(reader, c == 't' ? "true" : "false");
    case 'n':
        *ret = JSON_TOKEN_NULL;
        return read_word(reader, "null");
    default:
        if (c == '-' || is_digit(c))
            return read_number(reader, ret);
        return fail(reader, "expected a value");
    }
}

static int read_value(JsonReader *reader, JsonToken *ret) {
    int c = peek(reader);

    if (c == '{' || c == '[')
        return open_container(reader, c == '{', ret);
    int r = read_scalar(reader, c, ret);
    if (r == 0)
        expect_after_value(reader);
    return r;
}

static int read_name(JsonReader *reader, JsonToken *ret) {
    if (peek(reader) != '"')
        return fail(reader, "expected a member's name in quotes");
    int r = read_string(reader);
    if (r)
        return r;
    skip_space(reader);
    if (peek(reader) != ':')
        return fail(reader, "expected a colon");
    reader->at++;
    reader->expect = EXPECT_VALUE;
    *ret = JSON_TOKEN_NAME;
    return 0;
}

/* In a container, after a value. */
static int read_more(JsonReader *reader, JsonToken *ret) {
    bool object = in_object(reader);
    int c = peek(reader);

    if (c == (object ? '}' : ']'))
        return close_container(reader, ret);
    if (c != ',')
        return fail(reader, object ? "expected a comma or }" : "expected a comma or ]");
    reader->at++;
    skip_space(reader);
    return object ? read_name(reader, ret) : read_value(reader, ret);
}

static int read_token(JsonReader *reader, JsonToken *ret) {
    skip_space(reader);
    switch (reader->expect) {
    case EXPECT_VALUE_OR_END:
        return peek(reader) == ']' ? close_container(reader, ret) : read_value(reader, ret);
    case EXPECT_VALUE:
        return read_value(reader, ret);
    case EXPECT_NAME_OR_END:
        return peek(reader) == '}' ? close_container(reader, ret) : read_name(reader, ret);
    case EXPECT_MORE_OR_END:
        return read_more(reader, ret);
    case EXPECT_NOTHING:
        if (reader->at < reader->text.len)
            return fail(reader, "something follows the value");
        *ret = JSON_TOKEN_END;
        return 0;
    default:
        return JSON_E_SYNTAX;
    }
}

int json_reader_next(JsonReader *reader, JsonToken *ret) {
    JsonToken token;

    if (reader->text.len > JSON_TEXT_LEN_MAX)
        return fail_at(reader, JSON_TEXT_LEN_MAX, "too long");
    int r = read_token(reader, &token);
    if (r)
        return r;
    *ret = token;
    return 0;
}

int json_reader_skip(JsonReader *reader, JsonToken token) {
    if (token != JSON_TOKEN_OBJECT_BEGIN && token != JSON_TOKEN_ARRAY_BEGIN)
        return 0;
    unsigned depth = reader->depth;
    while (reader->depth >= depth) {
        int r = json_reader_next(reader, &token);
        if (r)
            return r;
    }
    return 0;
}
