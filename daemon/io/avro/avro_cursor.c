/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/avro/avro_cursor.h"

#include <stdarg.h>
#include <stdio.h>

#include "daemon/io/json/json_reader.h"

/* Values passed over in a datum: a few per byte, and a schema may have nulls and empty records. */
#define SKIP_STEPS_PER_BYTE 16
#define SKIP_STEPS_MIN 4096

AvroCursor cursor_make(const void *datum, size_t len, char *text, size_t size) {
    const unsigned char *bytes = datum;

    return (AvroCursor){
            .start = bytes,
            .at = bytes,
            .end = bytes + len,
            .n_steps_left = SKIP_STEPS_MIN + SKIP_STEPS_PER_BYTE * (uint64_t)len,
            .text = text,
            .size = size,
    };
}

void cursor_complain(AvroCursor *c, const unsigned char *at, const char *format, ...) {
    char key[64] = "", what[160];
    size_t n = MIN(c->key.len, sizeof(key) - 1);
    va_list arguments;

    /* The name came with the datum: it is cut anywhere, and may hold anything. */
    for (size_t i = 0; i < n; i++)
        key[i] = c->key.data[i] >= ' ' && c->key.data[i] <= '~' ? c->key.data[i] : '?';
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    if (str_is_null(c->field))
        snprintf(c->text, c->size, "byte %td: %s", at - c->start, what);
    else if (str_is_null(c->key))
        snprintf(c->text, c->size, "field \"%.*s\", byte %td: %s", STR_FMT(c->field), at - c->start, what);
    else
        snprintf(c->text, c->size, "field \"%.*s\", \"%s\", byte %td: %s", STR_FMT(c->field), key,
                at - c->start, what);
}

bool cursor_long_slow(AvroCursor *c, const char *what, int64_t *ret) {
    const unsigned char *begin = c->at;
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (c->at == c->end)
            return CURSOR_WRONG(c, begin, "expected %s, found the end of the datum", what);
        unsigned char byte = *c->at++;
        if (shift == 63 && byte > 1)
            break;
        n |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret = (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
            return true;
        }
    }
    return CURSOR_WRONG(c, begin, "expected %s, found a number of more than 64 bits", what);
}

bool cursor_int(AvroCursor *c, const char *what, int64_t *ret) {
    const unsigned char *begin = c->at;

    if (!cursor_long(c, what, ret))
        return false;
    if (*ret < INT32_MIN || *ret > INT32_MAX)
        return CURSOR_WRONG(c, begin, "expected %s, found an int of more than 32 bits", what);
    return true;
}

bool cursor_fixed(AvroCursor *c, const char *what, size_t n, const unsigned char **ret) {
    if (n > cursor_left(c))
        return CURSOR_WRONG(c, c->at, "expected %s of %zu bytes, found the end of the datum", what, n);
    *ret = c->at;
    c->at += n;
    return true;
}

#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Nearly all text is; words overlap at the end rather than leave single bytes. */
static bool is_ascii(const char *data, size_t len) {
    uint64_t word = 0, bits = 0;

    if (len < sizeof(word)) {
        for (size_t i = 0; i < len; i++)
            bits |= (unsigned char)data[i];
        return !(bits & HIGH_BITS);
    }
    for (size_t at = 0; at + sizeof(word) < len; at += sizeof(word)) {
        memcpy(&word, data + at, sizeof(word));
        bits |= word;
    }
    memcpy(&word, data + len - sizeof(word), sizeof(word));
    return !((bits | word) & HIGH_BITS);
}

static bool is_utf8(Str s) {
    size_t n, bad;

    if (is_ascii(s.data, s.len))
        return true;
    for (size_t at = 0; at < s.len; at += n) {
        n = (unsigned char)s.data[at] < 0x80 ? 1 : utf8_sequence(s.data + at, s.len - at, &bad);
        if (n == 0)
            return false;
    }
    return true;
}

bool cursor_text(AvroCursor *c, const char *what, Str *ret) {
    if (!cursor_bytes(c, what, ret))
        return false;
    if (!is_utf8(*ret))
        return CURSOR_WRONG(
                c, (const unsigned char *)ret->data, "expected %s, found bytes that are not UTF-8", what);
    return true;
}

bool cursor_index(AvroCursor *c, const char *what, size_t n, size_t *ret) {
    const unsigned char *begin = c->at;
    int64_t i;

    if (!cursor_long(c, what, &i))
        return false;
    if (i < 0 || (uint64_t)i >= n)
        return CURSOR_WRONG(c, begin, "expected %s, found number %lld of %zu", what, (long long)i, n);
    *ret = (size_t)i;
    return true;
}

bool cursor_block(AvroCursor *c, uint64_t *ret_n, const unsigned char **ret_end) {
    const unsigned char *begin = c->at;
    int64_t n, size;

    *ret_end = NULL;
    if (!cursor_long(c, "the count of a block", &n))
        return false;
    if (n >= 0) {
        *ret_n = (uint64_t)n;
        return true;
    }
    if (!cursor_long(c, "the size of a block", &size))
        return false;
    if (n == INT64_MIN || size < 0 || (uint64_t)size > cursor_left(c))
        return CURSOR_WRONG(c, begin,
                "expected a block, found a count of %lld and a size of %lld with %zu bytes left",
                (long long)n, (long long)size, cursor_left(c));
    *ret_n = (uint64_t)-n;
    *ret_end = c->at + size;
    return true;
}

static bool skip(AvroCursor *c, const AvroType *type, unsigned depth);

static bool skip_items(AvroCursor *c, const AvroType *type, unsigned depth) {
    const unsigned char *end;
    uint64_t n;
    Str key;

    for (;;) {
        if (!cursor_block(c, &n, &end))
            return false;
        if (n == 0)
            return true;
        if (end) {
            c->at = end;
            continue;
        }
        for (uint64_t i = 0; i < n; i++) {
            if (type->kind == AVRO_KIND_MAP && !cursor_bytes(c, "a key", &key))
                return false;
            if (!skip(c, type->items, depth))
                return false;
        }
    }
}

static bool skip_nested(AvroCursor *c, const AvroType *type, unsigned depth) {
    if (depth == 0)
        return CURSOR_WRONG(c, c->at, "values nested deeper than %d", AVRO_DEPTH_MAX);
    if (type->kind != AVRO_KIND_RECORD)
        return skip_items(c, type, depth - 1);
    for (size_t i = 0; i < type->n; i++)
        if (!skip(c, type->fields[i].type, depth - 1))
            return false;
    return true;
}

static bool skip(AvroCursor *c, const AvroType *written, unsigned depth) {
    const AvroType *type = cursor_branch(c, written);
    const unsigned char *bytes;
    int64_t n;
    Str s;

    if (!type)
        return false;
    if (c->n_steps_left == 0)
        return CURSOR_WRONG(c, c->at, "more values than so few bytes should hold");
    c->n_steps_left--;
    switch (type->kind) {
    case AVRO_KIND_NULL:
        return true;
    case AVRO_KIND_BOOLEAN:
        return cursor_fixed(c, "a boolean", 1, &bytes);
    case AVRO_KIND_INT:
    case AVRO_KIND_LONG:
    case AVRO_KIND_ENUM:
        return cursor_long(c, avro_kind_name(type->kind), &n);
    case AVRO_KIND_FLOAT:
        return cursor_fixed(c, "a float", sizeof(float), &bytes);
    case AVRO_KIND_DOUBLE:
        return cursor_fixed(c, "a double", sizeof(double), &bytes);
    case AVRO_KIND_FIXED:
        return cursor_fixed(c, "a fixed", type->n, &bytes);
    case AVRO_KIND_BYTES:
    case AVRO_KIND_STRING:
        return cursor_bytes(c, avro_kind_name(type->kind), &s);
    default:
        return skip_nested(c, type, depth);
    }
}

bool cursor_skip(AvroCursor *c, const AvroType *type) {
    return skip(c, type, AVRO_DEPTH_MAX);
}
