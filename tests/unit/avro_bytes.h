#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Avro's binary encoding, written by hand: the bytes of test data. */
#include <stdlib.h>
#include <string.h>

#include "lib/base/util.h"

typedef struct AvroBytes {
    unsigned char data[64 * 1024];
    size_t len;
} AvroBytes;

static inline void put_raw(AvroBytes *b, const void *data, size_t len) {
    if (b->len + len > sizeof(b->data))
        abort();
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void put_long(AvroBytes *b, int64_t n) {
    uint64_t zigzag = ((uint64_t)n << 1) ^ (uint64_t)(n >> 63);

    while (zigzag >= 0x80) {
        put_raw(b, &(unsigned char){(unsigned char)(zigzag | 0x80)}, 1);
        zigzag >>= 7;
    }
    put_raw(b, &(unsigned char){(unsigned char)zigzag}, 1);
}

static inline void put_text(AvroBytes *b, const char *text) {
    put_long(b, (int64_t)strlen(text));
    put_raw(b, text, strlen(text));
}

/* A heap copy of exactly so many bytes, so that a read behind them is seen. */
static inline unsigned char *exact_copy(const void *data, size_t len) {
    unsigned char *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    memcpy(copy, data, len);
    return copy;
}
