/* SPDX-License-Identifier: Apache-2.0 */
#include <endian.h>
#include <math.h>

#include "lib/event/event.h"
#include "lib/record/packing.h"

#define BUFFER_ALLOC_MIN ((size_t)256)
/* 64 bits, 7 in each byte. */
#define NUMBER_BYTES_MAX 10

/* Types of a value. */
enum { CODE_FALSE, CODE_TRUE, CODE_LONG, CODE_DOUBLE, CODE_STRING, _CODE_MAX };

static bool is_past(int64_t at_ms) {
    return at_ms >= EVENT_TIME_MS_MIN && at_ms <= EVENT_TIME_MS_MAX;
}

static bool is_future(int64_t at_ms) {
    return at_ms >= EVENT_TIME_MS_MIN && at_ms < TIME_NEVER;
}

/*
 * Points are mostly small whole numbers, and these take a byte or two in place of nine. -0.0 is not one of
 * them: it must come back with its sign.
 */
static bool is_short(double value) {
    if (value == 0)
        return !signbit(value);
    return value >= INT32_MIN && value <= INT32_MAX && value == (int32_t)value;
}

static uint64_t zigzag(int64_t value) {
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t value) {
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

/* ---- writing ---- */

void buffer_done(Buffer *buffer) {
    free(buffer->data);
    *buffer = (Buffer){0};
}

static int buffer_grow(Buffer *buffer, size_t n_wanted) {
    size_t n_alloc = MAX(buffer->n_alloc * 2, BUFFER_ALLOC_MIN);
    n_alloc = MAX(n_alloc, n_wanted);
    uint8_t *data = realloc(buffer->data, n_alloc);
    if (!data)
        return -ENOMEM;
    buffer->data = data;
    buffer->n_alloc = n_alloc;
    return 0;
}

void pack_bytes_slowly(Packer *p, const void *data, size_t n) {
    Buffer *buffer = p->buffer;
    if (p->error)
        return;
    if (buffer->len - p->start + n > p->bytes_max)
        p->error = PACKING_E_SIZE;
    else if (buffer->n_alloc - buffer->len < n)
        p->error = buffer_grow(buffer, buffer->len + n);
    p->room_end = 0;
    if (p->error)
        return;
    memcpy(buffer->data + buffer->len, data, n);
    buffer->len += n;
    p->room_end = p->bytes_max < buffer->n_alloc - p->start ? p->start + p->bytes_max : buffer->n_alloc;
}

static size_t put_number(uint8_t *bytes, uint64_t value) {
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return n;
}

void pack_number_slowly(Packer *p, uint64_t value) {
    uint8_t bytes[NUMBER_BYTES_MAX];
    Buffer *buffer = p->buffer;
    if (p->room_end >= NUMBER_BYTES_MAX && buffer->len <= p->room_end - NUMBER_BYTES_MAX)
        buffer->len += put_number(buffer->data + buffer->len, value);
    else
        pack_bytes_slowly(p, bytes, put_number(bytes, value));
}

void pack_signed(Packer *p, int64_t value) {
    pack_number(p, zigzag(value));
}

void pack_double(Packer *p, double value) {
    assert(isfinite(value));
    if (is_short(value)) {
        pack_number(p, zigzag((int64_t)value) + 1);
        return;
    }
    uint64_t bits;
    uint8_t bytes[1 + sizeof(bits)] = {0};
    memcpy(&bits, &value, sizeof(bits));
    bits = htole64(bits);
    memcpy(bytes + 1, &bits, sizeof(bits));
    pack_bytes(p, bytes, sizeof(bytes));
}

void pack_str(Packer *p, Str s) {
    pack_number(p, s.len);
    pack_bytes(p, s.data, s.len);
}

void pack_str_or_null(Packer *p, Str s) {
    pack_number(p, s.data ? s.len + 1 : 0);
    pack_bytes(p, s.data, s.len);
}

void pack_value(Packer *p, Value value) {
    assert(value.type != VALUE_NULL);
    switch (value.type) {
    case VALUE_BOOLEAN:
        pack_number(p, value.boolean ? CODE_TRUE : CODE_FALSE);
        break;
    case VALUE_LONG:
        pack_number(p, CODE_LONG);
        pack_signed(p, value.integer);
        break;
    case VALUE_DOUBLE:
        pack_number(p, CODE_DOUBLE);
        pack_double(p, value.number);
        break;
    case VALUE_STRING:
        pack_number(p, CODE_STRING);
        pack_str(p, value.string);
        break;
    case VALUE_NULL:
        break;
    }
}

void pack_past(Packer *p, int64_t at_ms) {
    assert(is_past(at_ms));
    pack_signed(p, p->clock_ms - at_ms);
}

void pack_past_or_none(Packer *p, int64_t at_ms) {
    assert(at_ms == TIME_NONE || is_past(at_ms));
    pack_number(p, at_ms == TIME_NONE ? 0 : zigzag(p->clock_ms - at_ms) + 1);
}

void pack_future_or_never(Packer *p, int64_t at_ms) {
    assert(at_ms == TIME_NEVER || is_future(at_ms));
    pack_number(p, at_ms == TIME_NEVER ? 0 : zigzag(at_ms - p->clock_ms) + 1);
}

/* ---- reading ---- */

const char *unpack_bytes(Unpacker *u, size_t n) {
    if (u->corrupt || n > unpack_left(u)) {
        u->corrupt = true;
        return NULL;
    }
    const char *bytes = u->at;
    u->at += n;
    return bytes;
}

uint64_t unpack_number(Unpacker *u) {
    uint64_t value = 0;
    for (unsigned i = 0; i < NUMBER_BYTES_MAX; i++) {
        const char *byte = unpack_bytes(u, 1);
        if (!byte)
            return 0;
        uint64_t bits = (uint8_t)*byte & 0x7f;
        bool is_last = !((uint8_t)*byte & 0x80);
        if (i == NUMBER_BYTES_MAX - 1 && bits > 1)
            break; /* more than 64 bits */
        if (is_last && bits == 0 && i > 0)
            break; /* longer than needed */
        value |= bits << 7 * i;
        if (is_last)
            return value;
    }
    u->corrupt = true;
    return 0;
}

uint64_t unpack_number_up_to(Unpacker *u, uint64_t max) {
    uint64_t value = unpack_number(u);
    if (value <= max)
        return value;
    u->corrupt = true;
    return 0;
}

unsigned unpack_index(Unpacker *u, size_t n) {
    uint64_t index = unpack_number(u);
    if (index < n)
        return (unsigned)index;
    u->corrupt = true;
    return 0;
}

size_t unpack_count(Unpacker *u, size_t max, size_t entry_bytes_min) {
    size_t n = unpack_number_up_to(u, max);
    if (n * entry_bytes_min <= unpack_left(u))
        return n;
    u->corrupt = true;
    return 0;
}

int64_t unpack_signed(Unpacker *u) {
    return unzigzag(unpack_number(u));
}

double unpack_double(Unpacker *u) {
    uint64_t code = unpack_number_up_to(u, (uint64_t)UINT32_MAX + 1);
    if (code)
        return (double)unzigzag(code - 1);
    uint64_t bits;
    const char *bytes = unpack_bytes(u, sizeof(bits));
    if (!bytes)
        return 0;
    memcpy(&bits, bytes, sizeof(bits));
    bits = le64toh(bits);
    double value;
    memcpy(&value, &bits, sizeof(value));
    if (isfinite(value) && !is_short(value))
        return value;
    u->corrupt = true;
    return 0;
}

Str unpack_str(Unpacker *u, size_t len_max) {
    size_t len = unpack_number_up_to(u, len_max);
    const char *data = unpack_bytes(u, len);
    return data ? (Str){data, len} : STR_NULL;
}

Str unpack_str_or_null(Unpacker *u, size_t len_min, size_t len_max) {
    size_t code = unpack_number_up_to(u, len_max + 1);
    if (code == 0)
        return STR_NULL;
    size_t len = code - 1;
    if (len < len_min)
        u->corrupt = true;
    const char *data = unpack_bytes(u, len);
    return data ? (Str){data, len} : STR_NULL;
}

Value unpack_value(Unpacker *u) {
    switch (unpack_number_up_to(u, _CODE_MAX - 1)) {
    case CODE_FALSE:
        return value_boolean(false);
    case CODE_TRUE:
        return value_boolean(true);
    case CODE_LONG:
        return value_long(unpack_signed(u));
    case CODE_DOUBLE:
        return value_double(unpack_double(u));
    default:
        return value_string(unpack_str(u, EVENT_PROPERTY_STRING_LEN_MAX));
    }
}

int64_t unpack_clock(Unpacker *u) {
    u->clock_ms = unpack_signed(u);
    if (!is_past(u->clock_ms)) {
        u->corrupt = true;
        u->clock_ms = EVENT_TIME_MS_MIN;
    }
    return u->clock_ms;
}

static int64_t before_clock(Unpacker *u, int64_t distance_ms) {
    int64_t at_ms;
    if (!__builtin_sub_overflow(u->clock_ms, distance_ms, &at_ms) && is_past(at_ms))
        return at_ms;
    u->corrupt = true;
    return u->clock_ms;
}

int64_t unpack_past(Unpacker *u) {
    return before_clock(u, unpack_signed(u));
}

int64_t unpack_past_or_none(Unpacker *u) {
    uint64_t code = unpack_number(u);
    return code == 0 ? TIME_NONE : before_clock(u, unzigzag(code - 1));
}

int64_t unpack_future_or_never(Unpacker *u) {
    uint64_t code = unpack_number(u);
    if (code == 0)
        return TIME_NEVER;
    int64_t at_ms;
    if (!__builtin_add_overflow(u->clock_ms, unzigzag(code - 1), &at_ms) && is_future(at_ms))
        return at_ms;
    u->corrupt = true;
    return TIME_NEVER;
}
