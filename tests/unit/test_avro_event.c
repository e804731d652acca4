/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/avro/avro_event.h"

#include <stdio.h>

#include "tests/unit/avro_bytes.h"
#include "tests/unit/suite.h"

#define TEXT_SIZE 512

static AvroEventDecoder *decoder;

static void setup(void) {
    ck_assert_int_eq(avro_event_decoder_new(&decoder), 0);
}

static void teardown(void) {
    decoder = avro_event_decoder_free(decoder);
}

/* A field's type, its bytes, and what comes of it: the field's value in print, or the error. */
typedef struct Row {
    const char *field, *type;
    const char *bytes;
    size_t len;
    const char *value, *error;
} Row;
#define B(bytes) "" bytes, sizeof(bytes) - 1

#define TIME(logical) "{\"type\": \"long\", \"logicalType\": \"" logical "\"}"
#define MAP(values) "{\"type\": \"map\", \"values\": " values "}"
#define ARRAY(items) "{\"type\": \"array\", \"items\": " items "}"
#define RECORD(name, fields) "{\"type\": \"record\", \"name\": \"" name "\", \"fields\": [" fields "]}"
#define FIELD(name, type) "{\"name\": \"" name "\", \"type\": " type "}"
#define COLOUR "{\"type\": \"enum\", \"name\": \"Colour\", \"symbols\": [\"red\", \"green\"]}"
#define ANY                                                                                                  \
    "[\"null\", \"boolean\", \"int\", \"long\", \"float\", \"double\", \"string\", \"bytes\", " COLOUR "]"
#define LIST RECORD("List", FIELD("next", "[\"null\", \"List\"]"))

/* The value expected of a field that is passed over: that what follows it is read right. */
static const char passed[] = "passed";

static const Row rows[] = {
        /* Strings. */
        {"lead_id", "\"string\"", B("\6abc"), "abc", NULL},
        {"lead_id", "\"bytes\"", B("\6abc"), "abc", NULL},
        {"lead_id", COLOUR, B("\2"), "green", NULL},
        {"lead_id", "{\"type\": \"string\", \"logicalType\": \"uuid\"}", B("\6abc"), "abc", NULL},
        {"lead_id", "{\"type\": {\"type\": \"string\", \"avro.java.string\": \"String\"}}", B("\6abc"), "abc",
                NULL},
        {"lead_id", "[\"null\", \"string\"]", B("\2\6abc"), "abc", NULL},
        {"lead_id", "[\"int\", \"bytes\", \"null\"]", B("\2\6abc"), "abc", NULL},
        {"lead_id", "[\"null\", \"string\"]", B("\0"), NULL,
                "field \"lead_id\", byte 8: expected a string, found null"},
        {"lead_id", "[\"int\", \"string\"]", B("\0\2"), NULL,
                "field \"lead_id\", byte 8: expected a string, found int"},
        {"lead_id", "[\"null\", \"string\"]", B("\4"), NULL,
                "field \"lead_id\", byte 8: expected a branch of the union, found number 2 of 2"},
        {"lead_id", "[\"null\", \"string\"]", B("\1"), NULL,
                "field \"lead_id\", byte 8: expected a branch of the union, found number -1 of 2"},
        {"lead_id", COLOUR, B("\4"), NULL,
                "field \"lead_id\", byte 8: expected a symbol of the enum, found number 2 of 2"},
        {"lead_id", COLOUR, B("\1"), NULL,
                "field \"lead_id\", byte 8: expected a symbol of the enum, found number -1 of 2"},
        {"lead_id", "\"string\"", B("\x80\x80\x80\x80\x10"), NULL,
                "field \"lead_id\", byte 8: expected a string, found a length of 2147483648 with 2 bytes "
                "left"},
        {"lead_id", "\"string\"", B("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), NULL,
                "field \"lead_id\", byte 8: expected a string, found a length of 9223372036854775807 with 2 "
                "bytes left"},
        {"lead_id", "\"string\"", B("\1"), NULL,
                "field \"lead_id\", byte 8: expected a string, found a length of -1 with 2 bytes left"},
        {"lead_id", "\"string\"", B("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\2"), NULL,
                "field \"lead_id\", byte 8: expected a string, found a number of more than 64 bits"},
        {"lead_id", "\"string\"", B("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), NULL,
                "field \"lead_id\", byte 8: expected a string, found a number of more than 64 bits"},
        {"lead_id", "\"string\"", B("\x84\x00zw"), "zw", NULL}, /* a longer varint than it need be */
        {"lead_id", "\"string\"", B("\6\xE2\x82\xAC"), "\xE2\x82\xAC", NULL},
        {"lead_id", "\"string\"", B("\6\xE2\x82z"), NULL,
                "field \"lead_id\", byte 9: expected a string, found bytes that are not UTF-8"},
        {"lead_id", "\"string\"", B("\30abcdefghij\xC0\x80"), NULL,
                "field \"lead_id\", byte 9: expected a string, found bytes that are not UTF-8"},
        {"lead_id", "\"bytes\"", B("\2\xFF"), NULL,
                "field \"lead_id\", byte 9: expected a string, found bytes that are not UTF-8"},
        {"lead_id", "\"string\"", B("\0"), NULL, "lead_id: 1 to 128 bytes expected, got 0"},
        {"source", "\"string\"", B("\6web"), "web", NULL},
        {"source", "\"string\"", B("\0"), "", NULL},
        {"source", "\"null\"", B(""), "null", NULL},
        {"source", "[\"null\", \"long\"]", B("\0"), "null", NULL},
        {"source", "[\"string\", \"null\"]", B("\2"), "null", NULL},
        {"source", "[\"string\", \"null\"]", B("\0\6web"), "web", NULL},
        {"source", "[\"null\", \"long\"]", B("\2\2"), NULL,
                "field \"source\", byte 12: expected a string, found long"},
        {"campaign", "[\"null\", \"string\"]", B("\2\4q3"), "q3", NULL},
        {"topic", "[\"null\", \"string\"]", B("\2\4ai"), "ai", NULL},
        {"account_id", "[\"null\", \"string\"]", B("\2\4a1"), "a1", NULL},
        {"account_id", "[\"null\", \"string\"]", B("\2\0"), NULL,
                "account_id: null or 1 to 128 bytes expected, got 0"},

        /* Instants. */
        {"occurred_at", TIME("timestamp-millis"), B("\xD0\x0F"), "1000", NULL},
        {"occurred_at", "\"long\"", B("\xD0\x0F"), "1000", NULL},
        {"occurred_at", "\"int\"", B("\xD0\x0F"), "1000", NULL},
        {"occurred_at", TIME("nobody-knows-it"), B("\xD0\x0F"), "1000", NULL},
        {"occurred_at", TIME("timestamp-micros"), B("\xDE\x0F"), "1", NULL},    /* 1007 */
        {"occurred_at", TIME("timestamp-nanos"), B("\xFE\x88\x7A"), "0", NULL}, /* 999999 */
        {"occurred_at", TIME("timestamp-nanos"), B("\x80\x89\x7A"), "1", NULL}, /* 1000000 */
        {"occurred_at", "[\"null\", " TIME("timestamp-micros") "]", B("\2\xDE\x0F"), "1", NULL},
        {"occurred_at", "[" TIME("timestamp-millis") ", \"string\"]", B("\0\2"), "1", NULL},
        {"occurred_at", TIME("timestamp-micros"), B("\1"), NULL,
                "occurred_at: 0 to 253402300799999 (the years 1970 to 9999) expected, got -1"},
        {"occurred_at", "[\"null\", \"long\"]", B("\0"), NULL,
                "field \"occurred_at\", byte 6: expected an instant, found null"},
        {"occurred_at", "[\"string\", \"long\"]", B("\0\2x"), NULL,
                "field \"occurred_at\", byte 6: expected an instant, found string"},
        {"occurred_at", "\"int\"", B("\x80\x80\x80\x80\x20"), NULL,
                "field \"occurred_at\", byte 6: expected an instant, found an int of more than 32 bits"},
        {"occurred_at", "\"long\"", B("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), NULL,
                "occurred_at: 0 to 253402300799999 (the years 1970 to 9999) expected, got "
                "9223372036854775807"},

        /* Properties. */
        {"properties", MAP("\"string\""), B("\0"), "{}", NULL},
        {"properties", MAP("\"null\""), B("\2\2a\0"), "{a: null}", NULL},
        {"properties", "[\"null\", " MAP("\"long\"") "]", B("\0"), "{}", NULL},
        {"properties", "[\"null\", " MAP("\"long\"") "]", B("\2\2\2a\6\0"), "{a: long 3}", NULL},
        {"properties", "[\"null\", \"string\", " MAP("\"long\"") "]", B("\2\2x"), NULL,
                "field \"properties\", byte 12: expected a map, found string"},
        {"properties", MAP(ANY), B("\4\2a\0\2b\2\1\0"), "{a: null, b: boolean 1}", NULL},
        {"properties", MAP(ANY), B("\4\2a\4\1\2b\6\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\0"),
                "{a: long -1, b: long 9223372036854775807}", NULL},
        {"properties", MAP(ANY), B("\4\2a\10\0\0\xC0\x3F\2b\12\0\0\0\0\0\0\4\xC0\0"),
                "{a: double 1.5, b: double -2.5}", NULL},
        {"properties", MAP(ANY), B("\6\2a\14\2x\2b\16\2y\2c\20\2\0"),
                "{a: string x, b: string y, c: string green}", NULL},
        {"properties", MAP("\"long\""), B("\2\2a\2\2\2b\4\0"), "{a: long 1, b: long 2}", NULL},
        {"properties", MAP("\"long\""), B("\1\6\2a\2\2\2b\4\0"), "{a: long 1, b: long 2}", NULL},
        {"properties", MAP("\"long\""), B("\1\4\2a\2\0"), NULL,
                "field \"properties\", byte 17: expected the end of a block at byte 16"},
        {"properties", MAP("\"long\""), B("\1\10\2a\2\0"), NULL,
                "field \"properties\", byte 17: expected the end of a block at byte 18"},
        {"properties", MAP("\"long\""), B("\2\2a\2\2\2a\4\0"), "{a: long 2}", NULL},
        {"properties", MAP("\"boolean\""), B("\2\2a\2\0"), NULL,
                "field \"properties\", \"a\", byte 15: expected a boolean, found the byte 2"},
        {"properties", MAP("[\"null\", " ARRAY("\"int\"") "]"), B("\2\2a\2\0\0"), NULL,
                "field \"properties\", \"a\", byte 15: expected null, a boolean, a number or a string, found "
                "array"},
        {"properties", MAP("\"string\""), B("\2\6a\xFFz\2x\0"), NULL,
                "field \"properties\", byte 14: expected a property's name, found bytes that are not UTF-8"},
        {"properties", MAP("\"string\""), B("\2\6a\nz\2\xFF\0"), NULL,
                "field \"properties\", \"a?z\", byte 18: expected a string, found bytes that are not UTF-8"},
        {"properties", MAP("\"double\""), B("\2\2a\0\0\0\0\0\0\xF0\x7F\0"), NULL,
                "properties.a: a finite number expected, got inf"},
        {"properties", MAP("\"double\""), B("\2\2a\0\0\0\0"), NULL,
                "field \"properties\", \"a\", byte 15: expected a double of 8 bytes, found the end of the "
                "datum"},
        {"properties", MAP("\"null\""), B("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\2a"), NULL,
                "field \"properties\", byte 24: expected a property's name, found the end of the datum"},
        {"properties", MAP("\"null\""), B("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\0"), NULL,
                "field \"properties\", byte 12: expected a block, found a count of -9223372036854775808 and "
                "a size of 0 "
                "with 0 bytes left"},
        {"properties", MAP("\"null\""), B("\1\1"), NULL,
                "field \"properties\", byte 12: expected a block, found a count of -1 and a size of -1 with "
                "0 bytes left"},

        /* What is passed over: a mark follows. */
        {"x", "\"null\"", B(""), passed, NULL},
        {"x", "\"boolean\"", B("\1"), passed, NULL},
        {"x", "\"int\"", B("\x80\x01"), passed, NULL},
        {"x", "\"long\"", B("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), passed, NULL},
        {"x", "\"float\"", B("1234"), passed, NULL},
        {"x", "\"double\"", B("12345678"), passed, NULL},
        {"x", "\"bytes\"", B("\4\xFF\xFF"), passed, NULL},
        {"x", "\"string\"", B("\4\xFF\xFF"), passed, NULL},
        {"x", "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 3}", B("123"), passed, NULL},
        {"x", "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 0}", B(""), passed, NULL},
        {"x", COLOUR, B("\2"), passed, NULL},
        {"x", "[\"string\", \"double\"]", B("\0\0"), passed, NULL},
        {"x", ARRAY("\"int\""), B("\4\2\2\2\4\0"), passed, NULL},
        {"x", ARRAY("\"int\""), B("\3\4zz\0"), passed, NULL},
        {"x", ARRAY("\"null\""), B("\xF4\3\0"), passed, NULL},
        {"x", MAP("\"string\""), B("\2\2a\2b\2\2c\2d\0"), passed, NULL},
        {"x", MAP("\"string\""), B("\1\10zzzz\0"), passed, NULL},
        {"x", RECORD("Point", FIELD("x", "\"int\"") "," FIELD("y", "[\"null\", \"string\"]")), B("\2\2\2z"),
                passed, NULL},
        {"x", RECORD("None", ""), B(""), passed, NULL},
        {"x", "{\"type\": \"error\", \"name\": \"E\", \"fields\": []}", B(""), passed, NULL},
        {"x", LIST, B("\2\2\2\0"), passed, NULL},
        {"x", ARRAY(MAP("[\"null\", " ARRAY("\"boolean\"") "]")), B("\2\2\2k\2\4\1\0\0\0\0"), passed, NULL},
        {"x", LIST, B("\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\0"), NULL,
                "field \"x\", byte 44: values nested deeper than 32"},
        {"x", RECORD("Self", FIELD("self", "\"Self\"")), B(""), NULL,
                "field \"x\", byte 12: values nested deeper than 32"},
        {"x", ARRAY("\"null\""), B("\x80\x80\x80\x80\x80\x80\1\0"), NULL,
                "field \"x\", byte 19: more values than so few bytes should hold"},
        {"x", ARRAY(RECORD("None", "")), B("\x80\x80\x80\x80\x80\x80\1\0"), NULL,
                "field \"x\", byte 19: more values than so few bytes should hold"},
        {"x", ARRAY("\"int\""), B("\3\10zz\0"), NULL,
                "field \"x\", byte 12: expected a block, found a count of -2 and a size of 4 with 3 bytes "
                "left"},
        {"x", ARRAY("\"long\""), B("\4\2"), NULL,
                "field \"x\", byte 14: expected long, found the end of the datum"},
        {"x", "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 9000000000000000000}", B("123"), NULL,
                "field \"x\", byte 12: expected a fixed of 9000000000000000000 bytes, found the end of the "
                "datum"},
        {"x", "[\"string\"]", B("\2"), NULL,
                "field \"x\", byte 12: expected a branch of the union, found number 1 of 1"},
};

/* The fields that must be there. */
static const char *const required[] = {"event_id", "occurred_at", "lead_id", "type"};

static size_t add_field(char *schema, size_t size, size_t n, const char *name, const char *type) {
    int len = snprintf(schema + n, size - n, "%s" FIELD("%s", "%s"), n ? "," : "", name, type);
    ck_assert_int_ge(len, 0);
    ck_assert_uint_lt(n + (size_t)len, size);
    return n + (size_t)len;
}

/* A record of the required fields, one of which is the row's or else the row's follows; a mark is the last.
 */
static void make_schema(const Row *row, char *schema, size_t size) {
    char fields[4096];
    bool done = false;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
        bool own = strcmp(row->field, required[i]) == 0;
        done = done || own;
        n = add_field(fields, sizeof(fields), n, required[i],
                own      ? row->type
                : i == 1 ? "\"long\""
                         : "\"string\"");
    }
    if (!done)
        n = add_field(fields, sizeof(fields), n, row->field, row->type);
    if (row->value == passed)
        (void)add_field(fields, sizeof(fields), n, "source", "\"string\"");
    ck_assert_int_lt(snprintf(schema, size, RECORD("Event", "%s"), fields), (int)size);
}

static void make_datum(const Row *row, AvroBytes *datum) {
    bool done = false;

    datum->len = 0;
    for (size_t i = 0; i < ARRAY_SIZE(required); i++) {
        if (strcmp(row->field, required[i]) == 0) {
            put_raw(datum, row->bytes, row->len);
            done = true;
        } else if (i == 1) {
            put_long(datum, 1000);
        } else {
            put_text(datum, i == 0 ? "ev-01" : i == 2 ? "l" : "t");
        }
    }
    if (!done)
        put_raw(datum, row->bytes, row->len);
    if (row->value == passed)
        put_text(datum, passed);
}

static size_t print_property(const Property *property, char *text, size_t size) {
    Value v = property->value;
    int n = snprintf(text, size, "%.*s: ", STR_FMT(property->name));

    switch (v.type) {
    case VALUE_NULL:
        n += snprintf(text + n, size - (size_t)n, "null");
        break;
    case VALUE_BOOLEAN:
        n += snprintf(text + n, size - (size_t)n, "boolean %d", v.boolean);
        break;
    case VALUE_LONG:
        n += snprintf(text + n, size - (size_t)n, "long %lld", (long long)v.integer);
        break;
    case VALUE_DOUBLE:
        n += snprintf(text + n, size - (size_t)n, "double %.17g", v.number);
        break;
    case VALUE_STRING:
        n += snprintf(text + n, size - (size_t)n, "string %.*s", STR_FMT(v.string));
        break;
    }
    ck_assert_int_lt(n, (int)size);
    return (size_t)n;
}

/* A field of the event, in print. */
static void print_field(const LeadEvent *event, const char *field, char *text, size_t size) {
    const struct {
        const char *name;
        Str value;
    } strings[] = {
            {"event_id", event->event_id},
            {"lead_id", event->lead_id},
            {"account_id", event->account_id},
            {"type", event->type},
            {"source", event->source},
            {"campaign", event->campaign},
            {"topic", event->topic},
            {"x", event->source},
    };
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(strings); i++)
        if (strcmp(field, strings[i].name) == 0)
            snprintf(text, size, str_is_null(strings[i].value) ? "null" : "%.*s", STR_FMT(strings[i].value));
    if (strcmp(field, "occurred_at") == 0)
        snprintf(text, size, "%lld", (long long)event->occurred_at_ms);
    if (strcmp(field, "properties") == 0) {
        n += (size_t)snprintf(text, size, "{");
        for (size_t i = 0; i < event->n_properties; i++) {
            n += (size_t)snprintf(text + n, size - n, i ? ", " : "");
            n += print_property(&event->properties[i], text + n, size - n);
        }
        snprintf(text + n, size - n, "}");
    }
}

static AvroPlan *plan_of(const char *schema) {
    AvroPlan *plan = NULL;
    char text[TEXT_SIZE] = "";

    ck_assert_msg(avro_plan_new(str_from(schema), text, sizeof(text), &plan) == 0, "%s: %s", schema, text);
    return plan;
}

START_TEST(field_is_read_by_the_rules_or_refused_with_a_reason) {
    const Row *row = &rows[_i];
    char schema[8192], text[TEXT_SIZE] = "", value[1024] = "";
    LeadEvent event, untouched;
    AvroBytes datum;

    make_schema(row, schema, sizeof(schema));
    make_datum(row, &datum);
    _cleanup_(avro_plan_free) AvroPlan *plan = plan_of(schema);
    _cleanup_(free_null) unsigned char *copy = exact_copy(datum.data, datum.len);
    memset(&event, 0xAD, sizeof(event));
    memset(&untouched, 0xAD, sizeof(untouched));

    int r = avro_event_decode(decoder, plan, copy, datum.len, &event, text, sizeof(text));
    if (row->error) {
        ck_assert_int_eq(r, AVRO_EVENT_E_SCHEMA);
        ck_assert_str_eq(text, row->error);
        ck_assert_mem_eq(&event, &untouched, sizeof(event));
    } else {
        ck_assert_msg(r == 0, "%s", text);
        print_field(&event, row->field, value, sizeof(value));
        ck_assert_str_eq(value, row->value);
    }
}
END_TEST

/* Every type of field at once. */
static const char rich_schema[] =
        "{\"type\": \"record\", \"name\": \"Rich\", \"namespace\": \"a.b\", \"fields\": [" FIELD(
                "extra", ARRAY(RECORD("Point", FIELD("x", "\"int\"") "," FIELD("y",
                                                       "[\"null\", \"double\"]")))) "," FIELD("properties",
                MAP(ANY)) "," FIELD("type", "\"string\"") "," FIELD("lead_id",
                "\"bytes\"") "," FIELD("points", MAP("\"a.b.Point\"")) "," FIELD("occurred_at",
                "[\"null\", " TIME("timestamp-micros") "]") "," FIELD("event_id",
                "\"string\"") "," FIELD("account_id", "[\"null\", \"string\"]") "," FIELD("tail", LIST) "]}";

static void make_rich_datum(AvroBytes *datum) {
    datum->len = 0;
    /* A point, then a block of one point that says its size. */
    put_raw(datum, B("\2\2\2\0\0\0\0\0\0\xF0\x3F\1\4\2\0\0"));
    put_raw(datum, B("\10\2a\0\2b\2\1\2c\6\xD0\x0F\2d\14\4\xC3\xA4\0"));
    put_text(datum, "page_view");
    put_text(datum, "lead-1");
    put_raw(datum, B("\2\2p\2\0\0"));
    put_raw(datum, B("\2\xDE\x0F"));
    put_text(datum, "e-1");
    put_raw(datum, B("\2"));
    put_text(datum, "account-1");
    put_raw(datum, B("\2\2\0"));
}

START_TEST(fields_are_matched_by_name_in_any_order) {
    char text[TEXT_SIZE] = "", value[1024];
    LeadEvent event;
    AvroBytes datum;

    make_rich_datum(&datum);
    _cleanup_(avro_plan_free) AvroPlan *plan = plan_of(rich_schema);
    int r = avro_event_decode(decoder, plan, datum.data, datum.len, &event, text, sizeof(text));
    ck_assert_msg(r == 0, "%s", text);
    ck_assert(str_eq_c(event.event_id, "e-1"));
    ck_assert(str_eq_c(event.lead_id, "lead-1"));
    ck_assert(str_eq_c(event.type, "page_view"));
    ck_assert(str_eq_c(event.account_id, "account-1"));
    ck_assert(str_is_null(event.source) && str_is_null(event.campaign) && str_is_null(event.topic));
    ck_assert_int_eq(event.occurred_at_ms, 1);
    print_field(&event, "properties", value, sizeof(value));
    ck_assert_str_eq(value, "{a: null, b: boolean 1, c: long 1000, d: string \xC3\xA4}");
}
END_TEST

START_TEST(datum_cut_anywhere_or_followed_by_anything_is_refused) {
    _cleanup_(avro_plan_free) AvroPlan *plan = plan_of(rich_schema);
    char text[TEXT_SIZE] = "";
    LeadEvent event;
    AvroBytes datum;

    make_rich_datum(&datum);
    for (size_t len = 0; len < datum.len; len++) {
        _cleanup_(free_null) unsigned char *copy = exact_copy(datum.data, len);
        ck_assert_int_eq(
                avro_event_decode(decoder, plan, copy, len, &event, text, sizeof(text)), AVRO_EVENT_E_SCHEMA);
        ck_assert_ptr_nonnull(strstr(text, "byte "));
    }
    put_raw(&datum, B("\0"));
    ck_assert_int_eq(avro_event_decode(decoder, plan, datum.data, datum.len, &event, text, sizeof(text)),
            AVRO_EVENT_E_SCHEMA);
    ck_assert_ptr_nonnull(strstr(text, "expected the end of the datum, found 1 bytes more"));
}
END_TEST

START_TEST(datum_with_any_byte_changed_is_valid_or_refused) {
    _cleanup_(avro_plan_free) AvroPlan *plan = plan_of(rich_schema);
    char text[TEXT_SIZE], reason[TEXT_SIZE];
    AvroBytes datum;

    make_rich_datum(&datum);
    for (size_t i = 0; i < datum.len; i++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            _cleanup_(free_null) unsigned char *copy = exact_copy(datum.data, datum.len);
            LeadEvent event;
            copy[i] = (unsigned char)byte;
            int r = avro_event_decode(decoder, plan, copy, datum.len, &event, text, sizeof(text));
            ck_assert(r == AVRO_EVENT_E_SCHEMA || event_validate(&event, reason, sizeof(reason)));
        }
    }
}
END_TEST

/* So many properties named p0, p1, …, then p0 again. */
static void make_properties(AvroBytes *datum, size_t n) {
    char name[32];

    datum->len = 0;
    put_text(datum, "e-1");
    put_long(datum, 1000);
    put_text(datum, "lead-1");
    put_text(datum, "t");
    put_long(datum, (int64_t)n + 1);
    for (size_t i = 0; i <= n; i++) {
        snprintf(name, sizeof(name), "p%zu", i % n);
        put_text(datum, name);
        put_long(datum, (int64_t)i);
    }
    put_long(datum, 0);
}

static const size_t property_counts[] = {1, 15, 16, 17, 18, 1023, EVENT_PROPERTIES_MAX};

START_TEST(last_of_repeated_properties_counts) {
    static const Row row = {"properties", MAP("\"long\""), B(""), NULL, NULL};
    size_t n = property_counts[_i];
    char schema[2048], text[TEXT_SIZE] = "";
    LeadEvent event;
    AvroBytes datum;

    make_schema(&row, schema, sizeof(schema));
    _cleanup_(avro_plan_free) AvroPlan *plan = plan_of(schema);
    make_properties(&datum, n);
    for (int round = 0; round < 2; round++) {
        int r = avro_event_decode(decoder, plan, datum.data, datum.len, &event, text, sizeof(text));
        ck_assert_msg(r == 0, "%s", text);
        ck_assert_uint_eq(event.n_properties, n);
        for (size_t i = 0; i < n; i++)
            ck_assert_int_eq(event.properties[i].value.integer, (int64_t)(i == 0 ? n : i));
    }
}
END_TEST

START_TEST(too_many_properties_are_refused) {
    static const Row row = {"properties", MAP("\"long\""), B(""), NULL, NULL};
    char schema[2048], text[TEXT_SIZE] = "";
    LeadEvent event;
    AvroBytes datum;

    make_schema(&row, schema, sizeof(schema));
    _cleanup_(avro_plan_free) AvroPlan *plan = plan_of(schema);
    make_properties(&datum, EVENT_PROPERTIES_MAX + 1);
    ck_assert_int_eq(avro_event_decode(decoder, plan, datum.data, datum.len, &event, text, sizeof(text)),
            AVRO_EVENT_E_SCHEMA);
    ck_assert_ptr_nonnull(strstr(text, "more than 1024 properties"));
}
END_TEST

static Suite *avro_event_suite(void) {
    Suite *suite = suite_create("avro_event");
    TCase *tcase = tcase_create("decode");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, field_is_read_by_the_rules_or_refused_with_a_reason, 0, (int)ARRAY_SIZE(rows));
    tcase_add_test(tcase, fields_are_matched_by_name_in_any_order);
    tcase_add_test(tcase, datum_cut_anywhere_or_followed_by_anything_is_refused);
    tcase_add_test(tcase, datum_with_any_byte_changed_is_valid_or_refused);
    tcase_add_loop_test(tcase, last_of_repeated_properties_counts, 0, (int)ARRAY_SIZE(property_counts));
    tcase_add_test(tcase, too_many_properties_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return suite_run(avro_event_suite());
}
