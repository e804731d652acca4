/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decoder against avro-c's generic one, on data that avro-c wrote: random writer schemas, and random
 * values of each. (avro-c cannot be given data that it did not write: it allocates what any length says.)
 */
#include <avro.h>
#include <stdarg.h>
#include <stdio.h>

#include "daemon/io/avro/avro_event.h"
#include "tests/unit/suite.h"

#define SCHEMAS 150
#define VALUES_PER_SCHEMA 8
#define FIELDS_MAX 16
#define LISTS_DEPTH_MAX 6

typedef struct Rng {
    uint64_t state;
} Rng;

/* splitmix64 */
static uint64_t rng_next(Rng *rng) {
    uint64_t z = rng->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static size_t rng_below(Rng *rng, size_t n) {
    return (size_t)(rng_next(rng) % n);
}

typedef struct Text {
    char data[16 * 1024];
    size_t len;
} Text;

static void add(Text *text, const char *format, ...) PRINTF_LIKE(2, 3);
static void add(Text *text, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    text->len += (size_t)vsnprintf(text->data + text->len, sizeof(text->data) - text->len, format, arguments);
    va_end(arguments);
    ck_assert_uint_lt(text->len, sizeof(text->data));
}

/* `%u` takes a number that makes named types distinct. */
static const char *const string_types[] = {
        "\"string\"",
        "\"bytes\"",
        "[\"null\", \"string\"]",
        "[\"bytes\", \"null\"]",
        "[\"null\", \"long\", \"string\"]",
        "{\"type\": \"enum\", \"name\": \"E%u\", \"symbols\": [\"A\", \"BB\", \"CCC\"]}",
};

static const char *const time_types[] = {
        "\"long\"",
        "\"int\"",
        "[\"null\", \"long\"]",
        "[\"string\", \"int\"]",
        "{\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}",
};

static const char *const properties_types[] = {
        "{\"type\": \"map\", \"values\": [\"null\", \"boolean\", \"long\", \"double\", \"string\"]}",
        "{\"type\": \"map\", \"values\": [\"int\", \"float\", \"bytes\", {\"type\": \"array\", \"items\": "
        "\"int\"}]}",
        "{\"type\": \"map\", \"values\": {\"type\": \"enum\", \"name\": \"E%u\", \"symbols\": [\"A\", "
        "\"BB\"]}}",
        "[\"null\", {\"type\": \"map\", \"values\": \"string\"}]",
        "[\"string\", {\"type\": \"map\", \"values\": \"double\"}, \"null\"]",
};

static const char *const other_types[] = {
        "\"null\"",
        "\"boolean\"",
        "\"int\"",
        "\"long\"",
        "\"float\"",
        "\"double\"",
        "\"bytes\"",
        "\"string\"",
        "{\"type\": \"fixed\", \"name\": \"F%u\", \"size\": 5}",
        "{\"type\": \"enum\", \"name\": \"E%u\", \"symbols\": [\"A\", \"BB\", \"CCC\"]}",
        "{\"type\": \"array\", \"items\": \"double\"}",
        "{\"type\": \"array\", \"items\": [\"null\", \"string\"]}",
        "{\"type\": \"map\", \"values\": {\"type\": \"array\", \"items\": \"long\"}}",
        ("{\"type\": \"array\", \"items\": {\"type\": \"record\", \"name\": \"R%u\", \"fields\": ["
         "{\"name\": \"a\", \"type\": \"string\"}, {\"name\": \"b\", \"type\": [\"int\", {\"type\": \"map\", "
         "\"values\": \"boolean\"}]}]}}"),
        ("{\"type\": \"record\", \"name\": \"L%u\", \"fields\": [{\"name\": \"v\", \"type\": \"int\"}, "
         "{\"name\": \"next\", \"type\": [\"null\", \"L%u\"]}]}"),
};

static const struct {
    const char *name;
    const char *const *types;
    size_t n_types;
    bool required;
} known[] = {
        {"event_id", string_types, ARRAY_SIZE(string_types), true},
        {"occurred_at", time_types, ARRAY_SIZE(time_types), true},
        {"lead_id", string_types, ARRAY_SIZE(string_types), true},
        {"account_id", string_types, ARRAY_SIZE(string_types), false},
        {"type", string_types, ARRAY_SIZE(string_types), true},
        {"source", string_types, ARRAY_SIZE(string_types), false},
        {"campaign", string_types, ARRAY_SIZE(string_types), false},
        {"topic", string_types, ARRAY_SIZE(string_types), false},
        {"properties", properties_types, ARRAY_SIZE(properties_types), false},
};

/* The type text with every %u replaced. */
static void add_type(Text *text, const char *type, unsigned number) {
    for (const char *hole; (hole = strstr(type, "%u")); type = hole + 2)
        add(text, "%.*s%u", (int)(hole - type), type, number);
    add(text, "%s", type);
}

/* Our fields, the others perhaps, and some of no meaning, in any order. */
static void make_schema(Rng *rng, Text *text) {
    unsigned fields[FIELDS_MAX];
    size_t n = 0, n_other = rng_below(rng, 5);

    for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
        if (known[i].required || rng_below(rng, 4) > 0)
            fields[n++] = i;
    for (unsigned i = 0; i < n_other; i++)
        fields[n++] = (unsigned)ARRAY_SIZE(known) + i;
    for (size_t i = n; i > 1; i--) {
        size_t j = rng_below(rng, i);
        unsigned other = fields[j];
        fields[j] = fields[i - 1];
        fields[i - 1] = other;
    }

    add(text, "{\"type\": \"record\", \"name\": \"Event\", \"fields\": [");
    for (size_t i = 0; i < n; i++) {
        unsigned f = fields[i];
        if (f < ARRAY_SIZE(known)) {
            add(text, "%s{\"name\": \"%s\", \"type\": ", i ? ", " : "", known[f].name);
            add_type(text, known[f].types[rng_below(rng, known[f].n_types)], f);
        } else {
            add(text, "%s{\"name\": \"x%u\", \"type\": ", i ? ", " : "", f);
            add_type(text, other_types[rng_below(rng, ARRAY_SIZE(other_types))], f);
        }
        add(text, "}");
    }
    add(text, "]}");
}

static void make_string(Rng *rng, char text[static 64]) {
    static const char *const pieces[] = {
            "a", "B", "7", "-", " ", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    size_t n = 1 + rng_below(rng, 12);

    text[0] = '\0';
    for (size_t i = 0; i < n; i++)
        strcat(text, pieces[rng_below(rng, ARRAY_SIZE(pieces))]);
}

static void fill(Rng *rng, avro_value_t *value, unsigned depth);

static void fill_items(Rng *rng, avro_value_t *value, bool map, unsigned depth) {
    size_t n = rng_below(rng, 30) ? rng_below(rng, 5) : 40;
    avro_value_t child;
    char key[64 + 8];

    for (size_t i = 0; i < n; i++) {
        make_string(rng, key);
        snprintf(key + strlen(key), 8, "%u", (unsigned)i & 0xFF);
        ck_assert_int_eq(
                map ? avro_value_add(value, key, &child, NULL, NULL) : avro_value_append(value, &child, NULL),
                0);
        fill(rng, &child, depth + 1);
    }
}

static void fill_record(Rng *rng, avro_value_t *value, unsigned depth) {
    avro_value_t child;
    size_t n;

    ck_assert_int_eq(avro_value_get_size(value, &n), 0);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(avro_value_get_by_index(value, i, &child, NULL), 0);
        fill(rng, &child, depth + 1);
    }
}

static void fill_union(Rng *rng, avro_value_t *value, unsigned depth) {
    avro_value_t child;
    size_t n = avro_schema_union_size(avro_value_get_schema(value));
    /* Null, where lists end. */
    int i = depth > LISTS_DEPTH_MAX ? 0 : (int)rng_below(rng, n);

    ck_assert_int_eq(avro_value_set_branch(value, i, &child), 0);
    fill(rng, &child, depth);
}

/* Numbers are such that they are instants too. */
static void fill(Rng *rng, avro_value_t *value, unsigned depth) {
    char text[64] = "";
    int r = 0;

    switch (avro_value_get_type(value)) {
    case AVRO_NULL:
        r = avro_value_set_null(value);
        break;
    case AVRO_BOOLEAN:
        r = avro_value_set_boolean(value, (int)rng_below(rng, 2));
        break;
    case AVRO_INT32:
        r = avro_value_set_int(value, (int32_t)(rng_next(rng) >> (33 + rng_below(rng, 31))));
        break;
    case AVRO_INT64:
        r = avro_value_set_long(value, (int64_t)(rng_next(rng) >> (17 + rng_below(rng, 47))));
        break;
    case AVRO_FLOAT:
        r = avro_value_set_float(value, (float)(int64_t)rng_next(rng) / 8);
        break;
    case AVRO_DOUBLE:
        r = avro_value_set_double(value, (double)(int64_t)rng_next(rng) / 8);
        break;
    case AVRO_STRING:
        make_string(rng, text);
        r = avro_value_set_string(value, text);
        break;
    case AVRO_BYTES:
        make_string(rng, text);
        r = avro_value_set_bytes(value, text, strlen(text));
        break;
    case AVRO_FIXED:
        make_string(rng, text);
        r = avro_value_set_fixed(value, text, 5);
        break;
    case AVRO_ENUM:
        r = avro_value_set_enum(value, (int)rng_below(rng, 2));
        break;
    case AVRO_ARRAY:
        fill_items(rng, value, false, depth);
        break;
    case AVRO_MAP:
        fill_items(rng, value, true, depth);
        break;
    case AVRO_UNION:
        fill_union(rng, value, depth);
        break;
    default:
        fill_record(rng, value, depth);
        break;
    }
    ck_assert_int_eq(r, 0);
}

/* A value of the oracle as one of ours; false if it cannot be one. */
static bool convert(avro_value_t *value, Value *ret) {
    avro_value_t branch = *value;
    const char *text = NULL;
    const void *bytes;
    int boolean = 0, symbol;
    int32_t n32;
    float f32;
    size_t size;

    if (avro_value_get_type(value) == AVRO_UNION)
        ck_assert_int_eq(avro_value_get_current_branch(value, &branch), 0);
    *ret = VALUE_NONE;
    switch (avro_value_get_type(&branch)) {
    case AVRO_NULL:
        return true;
    case AVRO_BOOLEAN:
        ck_assert_int_eq(avro_value_get_boolean(&branch, &boolean), 0);
        *ret = value_boolean(boolean);
        return true;
    case AVRO_INT32:
        ck_assert_int_eq(avro_value_get_int(&branch, &n32), 0);
        *ret = value_long(n32);
        return true;
    case AVRO_INT64:
        ret->type = VALUE_LONG;
        ck_assert_int_eq(avro_value_get_long(&branch, &ret->integer), 0);
        return true;
    case AVRO_FLOAT:
        ck_assert_int_eq(avro_value_get_float(&branch, &f32), 0);
        *ret = value_double((double)f32);
        return true;
    case AVRO_DOUBLE:
        ret->type = VALUE_DOUBLE;
        ck_assert_int_eq(avro_value_get_double(&branch, &ret->number), 0);
        return true;
    case AVRO_STRING:
        ck_assert_int_eq(avro_value_get_string(&branch, &text, &size), 0);
        *ret = value_string((Str){text, size - 1});
        return true;
    case AVRO_BYTES:
        ck_assert_int_eq(avro_value_get_bytes(&branch, &bytes, &size), 0);
        *ret = value_string((Str){bytes, size});
        return true;
    case AVRO_ENUM:
        ck_assert_int_eq(avro_value_get_enum(&branch, &symbol), 0);
        *ret = value_string(str_from(avro_schema_enum_get(avro_value_get_schema(&branch), symbol)));
        return true;
    default:
        return false;
    }
}

static bool same(Value a, Value b) {
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case VALUE_BOOLEAN:
        return a.boolean == b.boolean;
    case VALUE_LONG:
        return a.integer == b.integer;
    case VALUE_DOUBLE:
        return memcmp(&a.number, &b.number, sizeof(a.number)) == 0;
    case VALUE_STRING:
        return str_eq(a.string, b.string);
    default:
        return true;
    }
}

/* Should the field be refused? If not, and the event was decoded, it must have the oracle's value. */
static bool field_is_bad(avro_value_t *record, size_t field, const LeadEvent *event) {
    const Value ours[] = {
            value_string(event->event_id),
            value_long(event->occurred_at_ms),
            value_string(event->lead_id),
            value_string(event->account_id),
            value_string(event->type),
            value_string(event->source),
            value_string(event->campaign),
            value_string(event->topic),
    };
    bool time = field == 1;
    avro_value_t value;
    Value oracle;

    if (avro_value_get_by_name(record, known[field].name, &value, NULL))
        oracle = VALUE_NONE;
    else if (!convert(&value, &oracle))
        return true;
    if (oracle.type == VALUE_NULL ? known[field].required : oracle.type != (time ? VALUE_LONG : VALUE_STRING))
        return true;
    ck_assert(!event->event_id.data || same(oracle, ours[field]));
    return false;
}

static bool properties_are_bad(avro_value_t *record, const LeadEvent *event) {
    avro_value_t map, entry;
    const char *key;
    Value oracle;
    size_t n;

    if (avro_value_get_by_name(record, "properties", &map, NULL)) {
        ck_assert_uint_eq(event->n_properties, 0);
        return false;
    }
    if (avro_value_get_type(&map) == AVRO_UNION)
        ck_assert_int_eq(avro_value_get_current_branch(&map, &map), 0);
    if (avro_value_get_type(&map) == AVRO_NULL) {
        ck_assert_uint_eq(event->n_properties, 0);
        return false;
    }
    if (avro_value_get_type(&map) != AVRO_MAP)
        return true;
    ck_assert_int_eq(avro_value_get_size(&map, &n), 0);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(avro_value_get_by_index(&map, i, &entry, &key), 0);
        if (!convert(&entry, &oracle))
            return true;
        if (event->event_id.data) {
            ck_assert_uint_eq(event->n_properties, n);
            ck_assert(str_eq_c(event->properties[i].name, key));
            ck_assert(same(oracle, event->properties[i].value));
        }
    }
    return false;
}

static void check_datum(const char *datum, size_t len, avro_value_iface_t *iface, AvroEventDecoder *decoder,
        const AvroPlan *plan, size_t *n_good) {
    avro_reader_t reader = avro_reader_memory(datum, (int64_t)len);
    LeadEvent event = {0};
    char text[512] = "";
    avro_value_t value;
    bool bad = false;

    ck_assert_int_eq(avro_generic_value_new(iface, &value), 0);
    ck_assert_int_eq(avro_value_read(reader, &value), 0);
    int r = avro_event_decode(decoder, plan, datum, len, &event, text, sizeof(text));
    for (size_t i = 0; i + 1 < ARRAY_SIZE(known); i++)
        bad = field_is_bad(&value, i, &event) || bad;
    bad = properties_are_bad(&value, &event) || bad;
    ck_assert_msg(r == (bad ? AVRO_EVENT_E_SCHEMA : 0), "%s", text);
    *n_good += !bad;
    avro_value_decref(&value);
    avro_reader_free(reader);
}

/* Writes random values by one schema and reads them both ways; how many were good. */
static size_t check_schema(Rng *rng) {
    static Text schema_text;
    static char datum[256 * 1024];
    _cleanup_(avro_plan_free) AvroPlan *plan = NULL;
    _cleanup_(avro_event_decoder_free) AvroEventDecoder *decoder = NULL;
    avro_writer_t writer = avro_writer_memory(datum, sizeof(datum));
    avro_schema_t schema;
    char text[512] = "";
    size_t n_good = 0;

    schema_text.len = 0;
    make_schema(rng, &schema_text);
    ck_assert_int_eq(avro_schema_from_json_length(schema_text.data, schema_text.len, &schema), 0);
    ck_assert_msg(avro_plan_new((Str){schema_text.data, schema_text.len}, text, sizeof(text), &plan) == 0,
            "%s: %s", schema_text.data, text);
    ck_assert_int_eq(avro_event_decoder_new(&decoder), 0);
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    for (int i = 0; i < VALUES_PER_SCHEMA; i++) {
        avro_value_t value;
        ck_assert_int_eq(avro_generic_value_new(iface, &value), 0);
        fill(rng, &value, 0);
        avro_writer_reset(writer);
        ck_assert_int_eq(avro_value_write(writer, &value), 0);
        check_datum(datum, (size_t)avro_writer_tell(writer), iface, decoder, plan, &n_good);
        avro_value_decref(&value);
    }
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    avro_writer_free(writer);
    return n_good;
}

START_TEST(what_avro_c_writes_is_read_as_avro_c_reads_it) {
    Rng rng = {.state = 20260101};
    size_t n_good = 0;

    for (int i = 0; i < SCHEMAS; i++)
        n_good += check_schema(&rng);
    /* Neither side of the comparison may go idle. */
    ck_assert_uint_gt(n_good, SCHEMAS);
    ck_assert_uint_lt(n_good, (size_t)SCHEMAS * VALUES_PER_SCHEMA);
}
END_TEST

static Suite *avro_oracle_suite(void) {
    Suite *suite = suite_create("avro_oracle");
    TCase *tcase = tcase_create("oracle");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_avro_c_writes_is_read_as_avro_c_reads_it);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return suite_run(avro_oracle_suite());
}
