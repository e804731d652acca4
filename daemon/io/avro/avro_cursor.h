#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Cursor over an Avro Datum
 *
 * Reads the binary encoding, whatever its bytes say: every length is checked against what is left. What is
 * read costs at least a byte each, so the datum's length bounds it; what is passed over may cost none (an
 * array of 2^40 nulls takes seven bytes), so there steps are counted.
 *
 * Each function returns false after an error, which the text then tells, with field and byte. `what` names
 * for it what was expected.
 */
#include "daemon/io/avro/avro_type.h"

typedef struct AvroCursor {
    const unsigned char *start, *at, *end;
    uint64_t n_steps_left;
    Str field; /* at hand, for the text; null: none */
    Str key;   /* of the property at hand; null: none */
    char *text;
    size_t size;
} AvroCursor;

/* At the start of a datum, which it borrows like `text` (`size` bytes). */
AvroCursor cursor_make(const void *datum, size_t len, char *text, size_t size);
static inline size_t cursor_left(const AvroCursor *c) {
    return (size_t)(c->end - c->at);
}

/* Says what is wrong with what begins at `at`. */
void cursor_complain(AvroCursor *c, const unsigned char *at, const char *format, ...) PRINTF_LIKE(3, 4)
        __attribute__((cold));
/* The same, and false for the caller to return. */
#define CURSOR_WRONG(c, at, ...) (cursor_complain((c), (at), __VA_ARGS__), false)

/* A long of any length; see cursor_long(). */
MUST_CHECK bool cursor_long_slow(AvroCursor *c, const char *what, int64_t *ret);
/* A long of 32 bits. */
MUST_CHECK bool cursor_int(AvroCursor *c, const char *what, int64_t *ret);
MUST_CHECK bool cursor_fixed(AvroCursor *c, const char *what, size_t n, const unsigned char **ret);
/* As cursor_bytes(), and UTF-8. */
MUST_CHECK bool cursor_text(AvroCursor *c, const char *what, Str *ret);
/* A number below `n`. */
MUST_CHECK bool cursor_index(AvroCursor *c, const char *what, size_t n, size_t *ret);
/* Of an array or a map: how many items follow, 0 at the end. *ret_end: where the block says it ends, or NULL.
 */
MUST_CHECK bool cursor_block(AvroCursor *c, uint64_t *ret_n, const unsigned char **ret_end);
/* Passes over a value. */
MUST_CHECK bool cursor_skip(AvroCursor *c, const AvroType *type);

/* A zigzag varint. */
MUST_CHECK static inline bool cursor_long(AvroCursor *c, const char *what, int64_t *ret) {
    if (c->at < c->end && *c->at < 0x80) {
        unsigned char byte = *c->at++;
        *ret = (byte >> 1) ^ -(byte & 1);
        return true;
    }
    return cursor_long_slow(c, what, ret);
}

/* What is written as a length and so many bytes. */
MUST_CHECK static inline bool cursor_bytes(AvroCursor *c, const char *what, Str *ret) {
    const unsigned char *begin = c->at;
    int64_t len;

    if (!cursor_long(c, what, &len))
        return false;
    if (len < 0 || (uint64_t)len > cursor_left(c))
        return CURSOR_WRONG(c, begin, "expected %s, found a length of %lld with %zu bytes left", what,
                (long long)len, cursor_left(c));
    *ret = (Str){(const char *)c->at, (size_t)len};
    c->at += len;
    return true;
}

/* The type itself, or the branch that the datum names; NULL after an error. */
static inline const AvroType *cursor_branch(AvroCursor *c, const AvroType *type) {
    size_t i;

    if (type->kind != AVRO_KIND_UNION)
        return type;
    if (c->at < c->end && *c->at < 0x80 && !(*c->at & 1) && (i = *c->at >> 1) < type->n) {
        c->at++;
        return type->branches[i];
    }
    return cursor_index(c, "a branch of the union", type->n, &i) ? type->branches[i] : NULL;
}
