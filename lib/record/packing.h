#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing
 *
 * The small change of packed records: numbers, doubles, strings and times as bytes, and back.
 *
 * Numbers are varints of 7 bits, low ones first; signed ones are zig-zag, so that small negative ones are
 * short. What can be absent is 0 if it is, else the number or length plus 1. A double that is whole and
 * within 32 bits is its zig-zag number plus 1, another is 0 and its 8 bytes, little-endian. Times are
 * distances from a clock. A property's value is the number of its type and, unless that is all, itself.
 *
 * Each value has exactly one form, and reading refuses the others (numbers longer than needed, doubles that
 * have a shorter form). So equal records are equal bytes, whoever packed them.
 */
#include "lib/base/value.h"

/* A growing run of bytes. */
typedef struct Buffer {
    uint8_t *data;
    size_t len, n_alloc;
} Buffer;
void buffer_done(Buffer *buffer);

enum { _PACKING_E_SUCCESS, PACKING_E_SIZE /* more than bytes_max */ };

/* Appends to a buffer. Errors stick, so that the lines that put fields need not look after each one. */
typedef struct Packer {
    Buffer *buffer;
    size_t start;     /* of what is packed, in the buffer */
    size_t bytes_max; /* that it may take */
    int64_t clock_ms; /* times are relative to it */
    int error;        /* PACKING_E_SIZE or -ENOMEM */
    size_t room_end;  /* up to where in the buffer there is room, and no error; set by what finds none */
} Packer;

/* For what finds no room. */
void pack_bytes_slowly(Packer *p, const void *data, size_t n);
void pack_number_slowly(Packer *p, uint64_t value);

static inline void pack_bytes(Packer *p, const void *data, size_t n) {
    Buffer *buffer = p->buffer;
    if (n == 0)
        return;
    if (n > p->room_end || buffer->len > p->room_end - n) {
        pack_bytes_slowly(p, data, n);
        return;
    }
    memcpy(buffer->data + buffer->len, data, n);
    buffer->len += n;
}

/* Most take one byte. */
static inline void pack_number(Packer *p, uint64_t value) {
    Buffer *buffer = p->buffer;
    if (value < 0x80 && buffer->len < p->room_end)
        buffer->data[buffer->len++] = (uint8_t)value;
    else
        pack_number_slowly(p, value);
}

void pack_signed(Packer *p, int64_t value);
/* Finite: neither points nor properties are infinite or NaN. */
void pack_double(Packer *p, double value);
void pack_str(Packer *p, Str s);
void pack_str_or_null(Packer *p, Str s);
/* Not null: a property that is null is not there. */
void pack_value(Packer *p, Value value);
/* An instant at which something happened: within the range of an event's time. */
void pack_past(Packer *p, int64_t at_ms);
void pack_past_or_none(Packer *p, int64_t at_ms);
/* A deadline: it can lie beyond the last instant that an event can have. */
void pack_future_or_never(Packer *p, int64_t at_ms);

/* Reads on in borrowed bytes. What is wrong sticks as well: from then on each field is 0 and takes no bytes.
 */
typedef struct Unpacker {
    const char *at, *end;
    int64_t clock_ms;
    bool corrupt;
} Unpacker;

static inline size_t unpack_left(const Unpacker *u) {
    return (size_t)(u->end - u->at);
}

/* The next n bytes, borrowed; NULL when there are fewer. */
const char *unpack_bytes(Unpacker *u, size_t n);
uint64_t unpack_number(Unpacker *u);
uint64_t unpack_number_up_to(Unpacker *u, uint64_t max);
/* An index into n things. */
unsigned unpack_index(Unpacker *u, size_t n);
/* How many entries follow: at most `max`, and no more than the bytes left can hold. So it is safe to allocate
 * them. */
size_t unpack_count(Unpacker *u, size_t max, size_t entry_bytes_min);
int64_t unpack_signed(Unpacker *u);
double unpack_double(Unpacker *u);
/* Borrowed; null only when corrupt. */
Str unpack_str(Unpacker *u, size_t len_max);
/* Borrowed; null also when corrupt. */
Str unpack_str_or_null(Unpacker *u, size_t len_min, size_t len_max);
/* A string in it is borrowed, and has at most EVENT_PROPERTY_STRING_LEN_MAX bytes. */
Value unpack_value(Unpacker *u);
/* A clock itself: absolute. The times after it are relative to it. */
int64_t unpack_clock(Unpacker *u);
int64_t unpack_past(Unpacker *u);
int64_t unpack_past_or_none(Unpacker *u);
int64_t unpack_future_or_never(Unpacker *u);
