/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lead Events from Avro
 *
 * One pass with a cursor over the datum. What is read costs at least a byte each, so the datum's length bounds
 * it; what is passed over may cost none (an array of 2^40 nulls takes seven bytes), so there steps are counted.
 */
#include "daemon/io/avro_event.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "daemon/io/json_reader.h"

/* Values passed over in a datum: every byte is at most a few, and a schema may have nulls and empty records. */
#define SKIP_STEPS_PER_BYTE 16
#define SKIP_STEPS_MIN 4096

/* Up to here, comparing with each name is quicker than hashing. */
#define PROPERTIES_LINEAR_MAX 16
/* A power of 2; half empty when all properties are in it. */
#define SLOTS_MAX (2 * EVENT_PROPERTIES_MAX)

static_assert((SLOTS_MAX & (SLOTS_MAX - 1)) == 0, "slots are found by a mask");
static_assert(EVENT_PROPERTIES_MAX < UINT16_MAX, "a slot holds a property's index plus 1");

struct AvroEventDecoder {
    size_t n_properties;
    Property properties[EVENT_PROPERTIES_MAX];
    uint16_t slots[SLOTS_MAX]; /* by hash of the name: index plus 1, 0 is free; kept past PROPERTIES_LINEAR_MAX */
};

typedef struct Cursor {
    const unsigned char *start, *at, *end;
    uint64_t n_steps_left;
    Str field;
    Str key; /* of the property at hand; null: none */
    char *text;
    size_t size;
} Cursor;

int avro_event_decoder_new(AvroEventDecoder **ret) {
    AvroEventDecoder *decoder = calloc(1, sizeof(*decoder));
    if (!decoder)
        return -ENOMEM;
    *ret = decoder;
    return 0;
}

AvroEventDecoder *avro_event_decoder_free(AvroEventDecoder *decoder) {
    free(decoder);
    return NULL;
}

static size_t left(const Cursor *c) {
    return (size_t)(c->end - c->at);
}

/* Says what is wrong with what begins at `at`. Returns false, for the caller to return. */
static bool wrong(Cursor *c, const unsigned char *at, const char *format, ...) PRINTF_LIKE(3, 4)
        __attribute__((cold, noinline));
static bool wrong(Cursor *c, const unsigned char *at, const char *format, ...) {
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
        snprintf(c->text, c->size, "field \"%.*s\", \"%s\", byte %td: %s", STR_FMT(c->field), key, at - c->start,
                what);
    return false;
}

static bool read_long_slow(Cursor *c, const char *what, int64_t *ret) {
    const unsigned char *begin = c->at;
    uint64_t n = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (c->at == c->end)
            return wrong(c, begin, "expected %s, found the end of the datum", what);
        unsigned char byte = *c->at++;
        if (shift == 63 && byte > 1)
            break;
        n |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *ret = (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
            return true;
        }
    }
    return wrong(c, begin, "expected %s, found a number of more than 64 bits", what);
}

/* A zigzag varint. `what` is for the error. */
static inline bool read_long(Cursor *c, const char *what, int64_t *ret) {
    if (c->at < c->end && *c->at < 0x80) {
        unsigned char byte = *c->at++;
        *ret = (byte >> 1) ^ -(byte & 1);
        return true;
    }
    return read_long_slow(c, what, ret);
}

static bool read_int(Cursor *c, const char *what, int64_t *ret) {
    const unsigned char *begin = c->at;

    if (!read_long(c, what, ret))
        return false;
    if (*ret < INT32_MIN || *ret > INT32_MAX)
        return wrong(c, begin, "expected %s, found an int of more than 32 bits", what);
    return true;
}

static bool read_fixed(Cursor *c, const char *what, size_t n, const unsigned char **ret) {
    if (n > left(c))
        return wrong(c, c->at, "expected %s of %zu bytes, found the end of the datum", what, n);
    *ret = c->at;
    c->at += n;
    return true;
}

/* What is written as a length and so many bytes. */
static inline bool read_bytes(Cursor *c, const char *what, Str *ret) {
    const unsigned char *begin = c->at;
    int64_t len;

    if (!read_long(c, what, &len))
        return false;
    if (len < 0 || (uint64_t)len > left(c))
        return wrong(c, begin, "expected %s, found a length of %lld with %zu bytes left", what, (long long)len,
                left(c));
    *ret = (Str){(const char *)c->at, (size_t)len};
    c->at += len;
    return true;
}

static bool is_utf8(Str s) {
    size_t at = 0, n, bad;
    uint64_t word;

    while (at < s.len) {
        if (s.len - at >= sizeof(word)) {
            memcpy(&word, s.data + at, sizeof(word));
            if (!(word & UINT64_C(0x8080808080808080))) {
                at += sizeof(word);
                continue;
            }
        }
        n = (unsigned char)s.data[at] < 0x80 ? 1 : utf8_sequence(s.data + at, s.len - at, &bad);
        if (n == 0)
            return false;
        at += n;
    }
    return true;
}

static bool read_text(Cursor *c, const char *what, Str *ret) {
    if (!read_bytes(c, what, ret))
        return false;
    if (!is_utf8(*ret))
        return wrong(c, (const unsigned char *)ret->data, "expected %s, found bytes that are not UTF-8", what);
    return true;
}

static bool read_index(Cursor *c, const char *what, size_t n, size_t *ret) {
    const unsigned char *begin = c->at;
    int64_t i;

    if (!read_long(c, what, &i))
        return false;
    if (i < 0 || (uint64_t)i >= n)
        return wrong(c, begin, "expected %s, found number %lld of %zu", what, (long long)i, n);
    *ret = (size_t)i;
    return true;
}

/* The type itself, or the branch that the datum names; NULL after an error. */
static inline const AvroType *read_branch(Cursor *c, const AvroType *type) {
    size_t i;

    if (type->kind != AVRO_KIND_UNION)
        return type;
    return read_index(c, "a branch of the union", type->n, &i) ? type->branches[i] : NULL;
}

static bool read_symbol(Cursor *c, const AvroType *type, Str *ret) {
    size_t i;

    if (!read_index(c, "a symbol of the enum", type->n, &i))
        return false;
    *ret = type->symbols[i];
    return true;
}

static bool read_string(Cursor *c, const PlanField *field, Str *ret) {
    const unsigned char *begin = c->at;
    const AvroType *type = read_branch(c, field->type);

    if (!type)
        return false;
    switch (type->kind) {
    case AVRO_KIND_STRING:
    case AVRO_KIND_BYTES:
        return read_text(c, "a string", ret);
    case AVRO_KIND_ENUM:
        return read_symbol(c, type, ret);
    case AVRO_KIND_NULL:
        if (!field->required)
            return true;
        __attribute__((fallthrough));
    default:
        return wrong(c, begin, "expected a string, found %s", avro_kind_name(type->kind));
    }
}

static bool read_time(Cursor *c, const PlanField *field, int64_t *ret_ms) {
    const unsigned char *begin = c->at;
    const AvroType *type = read_branch(c, field->type);
    int64_t n;

    if (!type)
        return false;
    if (type->units_per_ms == 0)
        return wrong(c, begin, "expected an instant, found %s", avro_kind_name(type->kind));
    if (!(type->kind == AVRO_KIND_INT ? read_int : read_long_slow)(c, "an instant", &n))
        return false;
    /* Rounded down, so that what is before 1970 stays there and is refused. */
    *ret_ms = type->units_per_ms == 1 ? n : n / type->units_per_ms - (n % type->units_per_ms < 0);
    return true;
}

static Value finite(double number) {
    return isfinite(number) ? value_double(number) : VALUE_NONE;
}

static bool read_boolean(Cursor *c, Value *ret) {
    const unsigned char *byte;

    if (!read_fixed(c, "a boolean", 1, &byte))
        return false;
    if (*byte > 1)
        return wrong(c, byte, "expected a boolean, found the byte %u", *byte);
    *ret = value_boolean(*byte);
    return true;
}

/* Avro is little-endian. */
static bool read_little_endian(Cursor *c, size_t n, uint64_t *ret) {
    const unsigned char *bytes;

    if (!read_fixed(c, "a number", n, &bytes))
        return false;
    *ret = 0;
    for (size_t i = 0; i < n; i++)
        *ret |= (uint64_t)bytes[i] << (8 * i);
    return true;
}

static bool read_float(Cursor *c, Value *ret) {
    uint64_t bits;
    float number;

    if (!read_little_endian(c, sizeof(number), &bits))
        return false;
    memcpy(&number, &(uint32_t){(uint32_t)bits}, sizeof(number));
    *ret = finite((double)number);
    return true;
}

static bool read_double(Cursor *c, Value *ret) {
    uint64_t bits;
    double number;

    if (!read_little_endian(c, sizeof(number), &bits))
        return false;
    memcpy(&number, &bits, sizeof(number));
    *ret = finite(number);
    return true;
}

static bool read_value(Cursor *c, const AvroType *written, Value *ret) {
    const unsigned char *begin = c->at;
    const AvroType *type = read_branch(c, written);

    if (!type)
        return false;
    *ret = VALUE_NONE;
    switch (type->kind) {
    case AVRO_KIND_NULL:
        return true;
    case AVRO_KIND_BOOLEAN:
        return read_boolean(c, ret);
    case AVRO_KIND_INT:
        ret->type = VALUE_LONG;
        return read_int(c, "an int", &ret->integer);
    case AVRO_KIND_LONG:
        ret->type = VALUE_LONG;
        return read_long(c, "a long", &ret->integer);
    case AVRO_KIND_FLOAT:
        return read_float(c, ret);
    case AVRO_KIND_DOUBLE:
        return read_double(c, ret);
    case AVRO_KIND_STRING:
    case AVRO_KIND_BYTES:
        ret->type = VALUE_STRING;
        return read_text(c, "a string", &ret->string);
    case AVRO_KIND_ENUM:
        ret->type = VALUE_STRING;
        return read_symbol(c, type, &ret->string);
    default:
        return wrong(c, begin, "expected null, a boolean, a number or a string, found %s",
                avro_kind_name(type->kind));
    }
}

/* FNV-1a. Names that collide on purpose cost a comparison each, of at most EVENT_PROPERTIES_MAX names. */
static uint32_t name_hash(Str name) {
    uint32_t hash = 2166136261U;

    for (size_t i = 0; i < name.len; i++)
        hash = (hash ^ (unsigned char)name.data[i]) * 16777619U;
    return hash;
}

/* The slot of the name: the one that holds it, or the free one where it belongs. */
static uint16_t *find_slot(AvroEventDecoder *d, Str name) {
    size_t i = name_hash(name) & (SLOTS_MAX - 1);

    while (d->slots[i] && !str_eq(d->properties[d->slots[i] - 1].name, name))
        i = (i + 1) & (SLOTS_MAX - 1);
    return &d->slots[i];
}

static void fill_slots(AvroEventDecoder *d) {
    memset(d->slots, 0, sizeof(d->slots));
    for (size_t i = 0; i < d->n_properties; i++)
        *find_slot(d, d->properties[i].name) = (uint16_t)(i + 1);
}

/* The place of a property: that of its earlier value, or a new one; NULL if there are too many. */
static Property *property_place(AvroEventDecoder *d, Str name) {
    uint16_t *slot = NULL;

    if (d->n_properties < PROPERTIES_LINEAR_MAX) {
        for (size_t i = 0; i < d->n_properties; i++)
            if (str_eq(d->properties[i].name, name))
                return &d->properties[i];
    } else {
        if (d->n_properties == PROPERTIES_LINEAR_MAX)
            fill_slots(d);
        slot = find_slot(d, name);
        if (*slot)
            return &d->properties[*slot - 1];
        if (d->n_properties == EVENT_PROPERTIES_MAX)
            return NULL;
        *slot = (uint16_t)(d->n_properties + 1);
    }
    Property *place = &d->properties[d->n_properties++];
    place->name = name;
    return place;
}

/* Of an array or a map: how many items follow, 0 at the end; *ret_end is NULL unless the block says its size. */
static bool read_block(Cursor *c, uint64_t *ret_n, const unsigned char **ret_end) {
    const unsigned char *begin = c->at;
    int64_t n, size;

    *ret_end = NULL;
    if (!read_long(c, "the count of a block", &n))
        return false;
    if (n >= 0) {
        *ret_n = (uint64_t)n;
        return true;
    }
    if (!read_long(c, "the size of a block", &size))
        return false;
    if (n == INT64_MIN || size < 0 || (uint64_t)size > left(c))
        return wrong(c, begin, "expected a block, found a count of %lld and a size of %lld with %zu bytes left",
                (long long)n, (long long)size, left(c));
    *ret_n = (uint64_t)-n;
    *ret_end = c->at + size;
    return true;
}

static bool read_property(Cursor *c, const AvroType *type, AvroEventDecoder *d) {
    const unsigned char *begin = c->at;
    Property *place;
    Str name;

    if (!read_text(c, "a property's name", &name))
        return false;
    c->key = name;
    place = property_place(d, name);
    if (!place)
        return wrong(c, begin, "more than %d properties", EVENT_PROPERTIES_MAX);
    if (!read_value(c, type, &place->value))
        return false;
    c->key = STR_NULL;
    return true;
}

static bool read_properties(Cursor *c, const PlanField *field, AvroEventDecoder *d) {
    const unsigned char *begin = c->at, *end;
    const AvroType *type = read_branch(c, field->type);
    uint64_t n;

    if (!type)
        return false;
    if (type->kind == AVRO_KIND_NULL)
        return true;
    if (type->kind != AVRO_KIND_MAP)
        return wrong(c, begin, "expected a map, found %s", avro_kind_name(type->kind));
    for (;;) {
        if (!read_block(c, &n, &end))
            return false;
        if (n == 0)
            return true;
        for (uint64_t i = 0; i < n; i++)
            if (!read_property(c, type->items, d))
                return false;
        if (end && c->at != end)
            return wrong(c, c->at, "expected the end of a block at byte %td", end - c->start);
    }
}

static bool skip(Cursor *c, const AvroType *type, unsigned depth);

static bool skip_items(Cursor *c, const AvroType *type, unsigned depth) {
    const unsigned char *end;
    uint64_t n;
    Str key;

    for (;;) {
        if (!read_block(c, &n, &end))
            return false;
        if (n == 0)
            return true;
        if (end) {
            c->at = end;
            continue;
        }
        for (uint64_t i = 0; i < n; i++) {
            if (type->kind == AVRO_KIND_MAP && !read_bytes(c, "a key", &key))
                return false;
            if (!skip(c, type->items, depth))
                return false;
        }
    }
}

static bool skip_nested(Cursor *c, const AvroType *type, unsigned depth) {
    if (depth == 0)
        return wrong(c, c->at, "values nested deeper than %d", AVRO_DEPTH_MAX);
    if (type->kind != AVRO_KIND_RECORD)
        return skip_items(c, type, depth - 1);
    for (size_t i = 0; i < type->n; i++)
        if (!skip(c, type->fields[i].type, depth - 1))
            return false;
    return true;
}

static bool skip(Cursor *c, const AvroType *written, unsigned depth) {
    const AvroType *type = read_branch(c, written);
    const unsigned char *bytes;
    int64_t n;
    Str s;

    if (!type)
        return false;
    if (c->n_steps_left == 0)
        return wrong(c, c->at, "more values than so few bytes should hold");
    c->n_steps_left--;
    switch (type->kind) {
    case AVRO_KIND_NULL:
        return true;
    case AVRO_KIND_BOOLEAN:
        return read_fixed(c, "a boolean", 1, &bytes);
    case AVRO_KIND_INT:
    case AVRO_KIND_LONG:
    case AVRO_KIND_ENUM:
        return read_long(c, avro_kind_name(type->kind), &n);
    case AVRO_KIND_FLOAT:
        return read_fixed(c, "a float", sizeof(float), &bytes);
    case AVRO_KIND_DOUBLE:
        return read_fixed(c, "a double", sizeof(double), &bytes);
    case AVRO_KIND_FIXED:
        return read_fixed(c, "a fixed", type->n, &bytes);
    case AVRO_KIND_BYTES:
    case AVRO_KIND_STRING:
        return read_bytes(c, avro_kind_name(type->kind), &s);
    default:
        return skip_nested(c, type, depth);
    }
}

static bool read_field(Cursor *c, const PlanField *field, AvroEventDecoder *d, LeadEvent *event) {
    switch (field->action) {
    case PLAN_SKIP:
        return skip(c, field->type, AVRO_DEPTH_MAX);
    case PLAN_STRING:
        return read_string(c, field, (Str *)((char *)event + field->offset));
    case PLAN_TIME:
        return read_time(c, field, &event->occurred_at_ms);
    case PLAN_PROPERTIES:
        return read_properties(c, field, d);
    }
    return false;
}

int avro_event_decode(AvroEventDecoder *decoder, const AvroPlan *plan, const void *datum, size_t len,
        LeadEvent *ret, char *text, size_t size) {
    const unsigned char *bytes = datum;
    LeadEvent event = {.properties = decoder->properties};
    Cursor c = {
        .start = bytes,
        .at = bytes,
        .end = bytes + len,
        .n_steps_left = SKIP_STEPS_MIN + SKIP_STEPS_PER_BYTE * (uint64_t)len,
        .text = text,
        .size = size,
    };

    decoder->n_properties = 0;
    for (size_t i = 0; i < plan->n_fields; i++) {
        c.field = plan->fields[i].name;
        if (!read_field(&c, &plan->fields[i], decoder, &event))
            return AVRO_EVENT_E_SCHEMA;
    }
    c.field = STR_NULL;
    if (c.at != c.end) {
        (void)wrong(&c, c.at, "expected the end of the datum, found %zu bytes more", left(&c));
        return AVRO_EVENT_E_SCHEMA;
    }
    event.n_properties = decoder->n_properties;
    if (!event_validate(&event, text, size))
        return AVRO_EVENT_E_SCHEMA;
    *ret = event;
    return 0;
}
