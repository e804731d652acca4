/* SPDX-License-Identifier: Apache-2.0 */
/* Written by hand, so that it is no mirror of the decoder's library. A packed signed number is an Avro long.
 */
#include "tests/demo/event_avro.h"

static void write_string(Packer *p, Str s) {
    pack_signed(p, (int64_t)s.len);
    pack_bytes(p, s.data, s.len);
}

/* The union of null and string. */
static void write_optional(Packer *p, Str s) {
    pack_signed(p, str_is_null(s) ? 0 : 1);
    if (!str_is_null(s))
        write_string(p, s);
}

static void write_double(Packer *p, double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    for (unsigned i = 0; i < sizeof(bits); i++)
        pack_bytes(p, &(uint8_t){(uint8_t)(bits >> (8 * i))}, 1);
}

/* The union of null, boolean, long, double and string, which is the order of ValueType. */
static void write_value(Packer *p, Value value) {
    static_assert(VALUE_NULL == 0 && VALUE_BOOLEAN == 1 && VALUE_LONG == 2 && VALUE_DOUBLE == 3 &&
                          VALUE_STRING == 4,
            "the schema's order");
    pack_signed(p, (int64_t)value.type);
    switch (value.type) {
    case VALUE_NULL:
        break;
    case VALUE_BOOLEAN:
        pack_bytes(p, &(uint8_t){value.boolean}, 1);
        break;
    case VALUE_LONG:
        pack_signed(p, value.integer);
        break;
    case VALUE_DOUBLE:
        write_double(p, value.number);
        break;
    case VALUE_STRING:
        write_string(p, value.string);
        break;
    }
}

static void write_properties(Packer *p, const LeadEvent *event) {
    if (event->n_properties) {
        pack_signed(p, (int64_t)event->n_properties);
        for (size_t i = 0; i < event->n_properties; i++) {
            write_string(p, event->properties[i].name);
            write_value(p, event->properties[i].value);
        }
    }
    pack_signed(p, 0);
}

int event_avro_write(const LeadEvent *event, uint32_t schema_id, Buffer *buffer) {
    Packer p = {.buffer = buffer, .start = buffer->len, .bytes_max = SIZE_MAX};
    const uint8_t wire[] = {0, (uint8_t)(schema_id >> 24), (uint8_t)(schema_id >> 16),
            (uint8_t)(schema_id >> 8), (uint8_t)schema_id};
    pack_bytes(&p, wire, sizeof(wire));
    write_string(&p, event->event_id);
    pack_signed(&p, event->occurred_at_ms);
    write_string(&p, event->lead_id);
    write_optional(&p, event->account_id);
    write_string(&p, event->type);
    write_optional(&p, event->source);
    write_optional(&p, event->campaign);
    write_optional(&p, event->topic);
    write_properties(&p, event);
    return p.error;
}
