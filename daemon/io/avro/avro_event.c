/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/avro/avro_event.h"

#include <endian.h>

#include "daemon/io/avro/avro_cursor.h"

/* Up to here, comparing with each name is quicker than hashing. */
#define PROPERTIES_LINEAR_MAX 16
/* A power of 2; half empty when all properties are in it. */
#define SLOTS_MAX (2 * EVENT_PROPERTIES_MAX)

static_assert((SLOTS_MAX & (SLOTS_MAX - 1)) == 0, "slots are found by a mask");
static_assert(EVENT_PROPERTIES_MAX < UINT16_MAX, "a slot holds a property's index plus 1");

struct AvroEventDecoder {
    size_t n_properties;
    Property properties[EVENT_PROPERTIES_MAX];
    /* By hash of the name: index plus 1, 0 is free. Kept from PROPERTIES_LINEAR_MAX properties on. */
    uint16_t slots[SLOTS_MAX];
};

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

static bool read_symbol(AvroCursor *c, const AvroType *type, Str *ret) {
    size_t i;

    if (!cursor_index(c, "a symbol of the enum", type->n, &i))
        return false;
    *ret = type->symbols[i];
    return true;
}

static bool read_string(AvroCursor *c, const PlanField *field, Str *ret) {
    const unsigned char *begin = c->at;
    const AvroType *type = cursor_branch(c, field->type);

    if (!type)
        return false;
    switch (type->kind) {
    case AVRO_KIND_STRING:
    case AVRO_KIND_BYTES:
        return cursor_text(c, "a string", ret);
    case AVRO_KIND_ENUM:
        return read_symbol(c, type, ret);
    case AVRO_KIND_NULL:
        if (!field->required)
            return true;
        __attribute__((fallthrough));
    default:
        return CURSOR_WRONG(c, begin, "expected a string, found %s", avro_kind_name(type->kind));
    }
}

static bool read_time(AvroCursor *c, const PlanField *field, int64_t *ret_ms) {
    const unsigned char *begin = c->at;
    const AvroType *type = cursor_branch(c, field->type);
    int64_t n;

    if (!type)
        return false;
    if (type->units_per_ms == 0)
        return CURSOR_WRONG(c, begin, "expected an instant, found %s", avro_kind_name(type->kind));
    if (!(type->kind == AVRO_KIND_INT ? cursor_int : cursor_long_slow)(c, "an instant", &n))
        return false;
    /* Rounded down, so that what is before 1970 stays there and is refused. */
    *ret_ms = type->units_per_ms == 1 ? n : n / type->units_per_ms - (n % type->units_per_ms < 0);
    return true;
}

static bool read_boolean(AvroCursor *c, bool *ret) {
    const unsigned char *byte;

    if (!cursor_fixed(c, "a boolean", 1, &byte))
        return false;
    if (*byte > 1)
        return CURSOR_WRONG(c, byte, "expected a boolean, found the byte %u", *byte);
    *ret = *byte;
    return true;
}

/* Avro is little-endian. */
static bool read_float(AvroCursor *c, double *ret) {
    const unsigned char *bytes;
    uint32_t bits;
    float number;

    if (!cursor_fixed(c, "a float", sizeof(bits), &bytes))
        return false;
    memcpy(&bits, bytes, sizeof(bits));
    bits = le32toh(bits);
    memcpy(&number, &bits, sizeof(number));
    *ret = (double)number;
    return true;
}

static bool read_double(AvroCursor *c, double *ret) {
    const unsigned char *bytes;
    uint64_t bits;

    if (!cursor_fixed(c, "a double", sizeof(bits), &bytes))
        return false;
    memcpy(&bits, bytes, sizeof(bits));
    bits = le64toh(bits);
    memcpy(ret, &bits, sizeof(bits));
    return true;
}

/* Sets the members one by one: copies of whole values are what would take longest here. */
static bool read_value(AvroCursor *c, const AvroType *written, Value *ret) {
    const unsigned char *begin = c->at;
    const AvroType *type = cursor_branch(c, written);

    if (!type)
        return false;
    switch (type->kind) {
    case AVRO_KIND_NULL:
        ret->type = VALUE_NULL;
        return true;
    case AVRO_KIND_BOOLEAN:
        ret->type = VALUE_BOOLEAN;
        return read_boolean(c, &ret->boolean);
    case AVRO_KIND_INT:
        ret->type = VALUE_LONG;
        return cursor_int(c, "an int", &ret->integer);
    case AVRO_KIND_LONG:
        ret->type = VALUE_LONG;
        return cursor_long(c, "a long", &ret->integer);
    case AVRO_KIND_FLOAT:
        ret->type = VALUE_DOUBLE;
        return read_float(c, &ret->number);
    case AVRO_KIND_DOUBLE:
        ret->type = VALUE_DOUBLE;
        return read_double(c, &ret->number);
    case AVRO_KIND_STRING:
    case AVRO_KIND_BYTES:
        ret->type = VALUE_STRING;
        return cursor_text(c, "a string", &ret->string);
    case AVRO_KIND_ENUM:
        ret->type = VALUE_STRING;
        return read_symbol(c, type, &ret->string);
    default:
        return CURSOR_WRONG(c, begin, "expected null, a boolean, a number or a string, found %s",
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

static bool read_property(AvroCursor *c, const AvroType *type, AvroEventDecoder *d) {
    const unsigned char *begin = c->at;
    Property *place;
    Str name;

    if (!cursor_text(c, "a property's name", &name))
        return false;
    c->key = name;
    place = property_place(d, name);
    if (!place)
        return CURSOR_WRONG(c, begin, "more than %d properties", EVENT_PROPERTIES_MAX);
    if (!read_value(c, type, &place->value))
        return false;
    c->key = STR_NULL;
    return true;
}

static bool read_properties(AvroCursor *c, const PlanField *field, AvroEventDecoder *d) {
    const unsigned char *begin = c->at, *end;
    const AvroType *type = cursor_branch(c, field->type);
    uint64_t n;

    if (!type)
        return false;
    if (type->kind == AVRO_KIND_NULL)
        return true;
    if (type->kind != AVRO_KIND_MAP)
        return CURSOR_WRONG(c, begin, "expected a map, found %s", avro_kind_name(type->kind));
    for (;;) {
        if (!cursor_block(c, &n, &end))
            return false;
        if (n == 0)
            return true;
        for (uint64_t i = 0; i < n; i++)
            if (!read_property(c, type->items, d))
                return false;
        if (end && c->at != end)
            return CURSOR_WRONG(c, c->at, "expected the end of a block at byte %td", end - c->start);
    }
}

static bool read_field(AvroCursor *c, const PlanField *field, AvroEventDecoder *d, LeadEvent *event) {
    switch (field->action) {
    case PLAN_SKIP:
        return cursor_skip(c, field->type);
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
    AvroCursor c = cursor_make(datum, len, text, size);
    LeadEvent event;

    /* What a plan need not have; setting all of it would take a tenth of the time of decoding. */
    event.account_id = event.source = event.campaign = event.topic = STR_NULL;
    event.properties = decoder->properties;
    decoder->n_properties = 0;
    for (size_t i = 0; i < plan->n_fields; i++) {
        c.field = plan->fields[i].name;
        if (!read_field(&c, &plan->fields[i], decoder, &event))
            return AVRO_EVENT_E_SCHEMA;
    }
    c.field = STR_NULL;
    if (c.at != c.end) {
        cursor_complain(&c, c.at, "expected the end of the datum, found %zu bytes more", cursor_left(&c));
        return AVRO_EVENT_E_SCHEMA;
    }
    event.n_properties = decoder->n_properties;
    if (!event_validate(&event, text, size))
        return AVRO_EVENT_E_SCHEMA;
    *ret = event;
    return 0;
}
