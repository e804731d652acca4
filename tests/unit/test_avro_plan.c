/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/avro/avro_plan.h"

#include <stdio.h>

#include "tests/unit/suite.h"

#define FIELD(name, type) "{\"name\": \"" name "\", \"type\": " type "}"
#define RECORD(name, fields) "{\"type\": \"record\", \"name\": \"" name "\", \"fields\": [" fields "]}"
#define EVENT(more)                                                                                          \
    RECORD("Event", FIELD("event_id", "\"string\"") "," FIELD("occurred_at", "\"long\"") "," FIELD(          \
                            "lead_id", "\"string\"") "," FIELD("type", "\"string\"") more)
#define WITH(name, type) EVENT("," FIELD(name, type))
#define OCCURRED_AT(type)                                                                                    \
    RECORD("Event", FIELD("event_id", "\"string\"") "," FIELD("occurred_at", type) "," FIELD(                \
                            "lead_id", "\"string\"") "," FIELD("type", "\"string\""))

/* Schemas, and what is said of those that cannot be used. */
static const struct {
    const char *schema, *error;
} rows[] = {
        {EVENT(""), NULL},
        {WITH("source", "[\"null\", \"string\"]"), NULL},
        {WITH("source", "\"null\""), NULL},
        {WITH("source", "[\"null\", \"int\"]"), NULL},
        {WITH("properties",
                 "{\"type\": \"map\", \"values\": [\"null\", {\"type\": \"array\", \"items\": \"int\"}]}"),
                NULL},
        {OCCURRED_AT("[\"string\", \"int\"]"), NULL},
        /* Names: in full, by the namespace at hand, and of what contains the reference. */
        {EVENT("," FIELD("x", RECORD("a.b.P", FIELD("p", "[\"null\", \"P\"]"))) "," FIELD("y", "\"a.b.P\"")),
                NULL},
        {WITH("x", "{\"type\": \"fixed\", \"name\": \"F\", \"namespace\": \"n\", \"size\": 2}"), NULL},
        {WITH("x", "{\"type\": \"bytes\", \"logicalType\": \"decimal\", \"precision\": 4}"), NULL},
        {WITH("x", "{\"type\": {\"type\": \"array\", \"items\": {\"type\": \"Event\"}}}"), NULL},
        {EVENT(", {\"name\": \"x\", \"type\": \"bytes\", \"default\": \"\\u0000\\u00ff\"}"), NULL},

        {RECORD("Event", FIELD("event_id", "\"string\"") "," FIELD("type", "\"string\"")),
                "the record lacks \"occurred_at\", \"lead_id\""},
        {RECORD("Event", ""), "the record lacks \"event_id\", \"occurred_at\", \"lead_id\", \"type\""},
        {"\"string\"", "expected a record, the schema is string"},
        {"[\"null\", \"int\"]", "expected a record, the schema is union of null, int"},
        {WITH("source", "\"int\""), "field \"source\": expected a string, the schema has int"},
        {WITH("source", "[\"int\", \"double\"]"),
                "field \"source\": expected a string, the schema has union of int, double"},
        {WITH("account_id", "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 2}"),
                "field \"account_id\": expected a string, the schema has fixed"},
        {OCCURRED_AT("\"double\""), "field \"occurred_at\": expected timestamp-millis or another count of "
                                    "time since 1970, the schema has double"},
        {OCCURRED_AT("\"null\""), "field \"occurred_at\": expected timestamp-millis or another count of time "
                                  "since 1970, the schema has null"},
        {OCCURRED_AT("{\"type\": \"long\", \"logicalType\": \"local-timestamp-millis\"}"),
                "field \"occurred_at\": expected timestamp-millis or another count of time since 1970, the "
                "schema has "
                "long (local-timestamp-millis)"},
        {OCCURRED_AT("{\"type\": \"int\", \"logicalType\": \"date\"}"),
                "field \"occurred_at\": expected timestamp-millis or another count of time since 1970, the "
                "schema has "
                "int (date)"},
        {WITH("properties", RECORD("P", FIELD("a", "\"int\""))),
                "field \"properties\": expected a map of null, boolean, long, double or string, the schema "
                "has record"},
        {WITH("properties", "{\"type\": \"map\", \"values\": {\"type\": \"array\", \"items\": \"int\"}}"),
                "field \"properties\": expected a map of null, boolean, long, double or string, the schema "
                "has map"},

        {"", "line 1, column 0: unexpected token near end of file"},
        {"{\"type\": ", "line 1, column 9: unexpected token near end of file"},
        {"{\"type\": \"record\", \"type\": \"record\"}",
                "line 1, column 25: duplicate object key near '\"type\"'"},
        {"3", "a type must be a string, an object or an array"},
        {"\"Nobody\"", "unknown type \"Nobody\""},
        {"\"no-name\"", "a type's name must be of letters, digits, _ and dots"},
        {"\"record\"", "unknown type \"record\""},
        {"[]", "a union of nothing"},
        {"[\"int\", [\"long\"]]", "a union directly within a union"},
        {"{\"name\": \"X\"}", "a type without \"type\""},
        {"{\"type\": \"record\", \"fields\": []}", "record without a valid \"name\""},
        {"{\"type\": \"record\", \"name\": \"1x\", \"fields\": []}", "record without a valid \"name\""},
        {"{\"type\": \"record\", \"name\": \"X\", \"namespace\": \"a..b\", \"fields\": []}",
                "record \"X\" has an invalid \"namespace\""},
        {"{\"type\": \"record\", \"name\": \"X\"}", "record \"X\" has no \"fields\""},
        {"{\"type\": \"array\"}", "array without \"items\""},
        {"{\"type\": \"map\"}", "map without \"values\""},
        {"{\"type\": \"enum\", \"name\": \"E\", \"symbols\": []}", "enum \"E\" has no \"symbols\""},
        {"{\"type\": \"enum\", \"name\": \"E\", \"symbols\": [\"A\", 1]}",
                "enum \"E\": symbol 2 is not a string"},
        {"{\"type\": \"fixed\", \"name\": \"F\", \"size\": -1}", "fixed \"F\" has no valid \"size\""},
        {RECORD("X", "{\"type\": \"int\"}"), "record \"X\" has a field without a valid \"name\""},
        {RECORD("X", "{\"name\": \"a\"}"), "field \"a\" of record \"X\" has no \"type\""},
        {RECORD("X", FIELD("a", "\"int\"") "," FIELD("a", "\"int\"")), "record \"X\" has two fields \"a\""},
        {RECORD("a.X", FIELD("p", RECORD("X", ""))), "field \"p\": type \"a.X\" is defined twice"},
        {RECORD("X", FIELD("p", RECORD("a.P", "")) "," FIELD("q", "\"P\"")),
                "field \"q\": unknown type \"P\""},
        {RECORD("X", FIELD("p", "[\"null\", \"Nobody\"]")), "field \"p\": unknown type \"Nobody\""},
};

START_TEST(schema_is_usable_or_refused_with_a_reason) {
    char text[512] = "";
    AvroPlan *plan = NULL;

    int r = avro_plan_new(str_from(rows[_i].schema), text, sizeof(text), &plan);
    if (rows[_i].error) {
        ck_assert_int_eq(r, AVRO_PLAN_E_SCHEMA);
        ck_assert_str_eq(text, rows[_i].error);
        ck_assert_ptr_null(plan);
    } else {
        ck_assert_msg(r == 0, "%s", text);
    }
    avro_plan_free(plan);
}
END_TEST

/* Arrays of arrays, so many. */
static char *make_nested(size_t n) {
    static const char open[] = "{\"type\": \"array\", \"items\": ", close[] = "}";
    char *schema = malloc(n * (sizeof(open) + sizeof(close)) + 16);
    char *end = schema;

    ck_assert_ptr_nonnull(schema);
    for (size_t i = 0; i < n; i++)
        end = stpcpy(end, open);
    end = stpcpy(end, "\"int\"");
    for (size_t i = 0; i < n; i++)
        end = stpcpy(end, close);
    return schema;
}

START_TEST(types_may_be_of_schemas_that_are_referred_to) {
    static const Str others[] = {
            STR_LITERAL("{\"type\": \"enum\", \"name\": \"n.Kind\", \"symbols\": [\"form\"]}"),
            STR_LITERAL(RECORD("n.Place", FIELD("kind", "\"Kind\""))),
    };
    const Str schema = STR_LITERAL(WITH("place", "\"n.Place\""));
    char text[512] = "";
    _cleanup_(avro_plan_free) AvroPlan *plan = NULL;
    AvroPlan *none = NULL;

    ck_assert_int_eq(avro_plan_new_behind(others, 2, schema, text, sizeof(text), &plan), 0);
    ck_assert_uint_eq(plan->n_fields, 5);
    ck_assert_int_eq(avro_plan_new_behind(others, 1, schema, text, sizeof(text), &none), AVRO_PLAN_E_SCHEMA);
    ck_assert_str_eq(text, "field \"place\": unknown type \"n.Place\"");
    ck_assert_int_eq(avro_plan_new_behind(others + 1, 1, schema, text, sizeof(text), &none), AVRO_PLAN_E_SCHEMA);
    ck_assert_str_eq(text, "field \"kind\": unknown type \"n.Kind\"");
}
END_TEST

START_TEST(deep_schema_is_refused) {
    char text[512] = "";
    AvroPlan *plan = NULL;

    _cleanup_(free_null) char *shallow = make_nested(AVRO_DEPTH_MAX - 1);
    ck_assert_int_eq(avro_plan_new(str_from(shallow), text, sizeof(text), &plan), AVRO_PLAN_E_SCHEMA);
    ck_assert_str_eq(text, "expected a record, the schema is array");
    _cleanup_(free_null) char *deep = make_nested(AVRO_DEPTH_MAX);
    ck_assert_int_eq(avro_plan_new(str_from(deep), text, sizeof(text), &plan), AVRO_PLAN_E_SCHEMA);
    ck_assert_str_eq(text, "types nested deeper than 32");
}
END_TEST

START_TEST(large_schema_is_refused) {
    char text[512] = "";
    AvroPlan *plan = NULL;

    _cleanup_(free_null) char *large = malloc(AVRO_SCHEMA_SIZE_MAX + 1);
    ck_assert_ptr_nonnull(large);
    memset(large, ' ', AVRO_SCHEMA_SIZE_MAX + 1);
    ck_assert_int_eq(avro_plan_new((Str){large, AVRO_SCHEMA_SIZE_MAX + 1}, text, sizeof(text), &plan),
            AVRO_PLAN_E_SCHEMA);
    ck_assert_str_eq(text, "larger than 1048576 bytes");
}
END_TEST

START_TEST(text_of_any_size_is_terminated) {
    AvroPlan *plan = NULL;

    for (size_t size = 1; size < 80; size++) {
        _cleanup_(free_null) char *text = malloc(size);
        ck_assert_ptr_nonnull(text);
        memset(text, 'x', size);
        ck_assert_int_eq(
                avro_plan_new(str_from(WITH("source", "\"int\"")), text, size, &plan), AVRO_PLAN_E_SCHEMA);
        ck_assert_uint_lt(strlen(text), size);
        memset(text, 'x', size);
        ck_assert_int_eq(avro_plan_new(str_from("\"Nobody\""), text, size, &plan), AVRO_PLAN_E_SCHEMA);
        ck_assert_uint_lt(strlen(text), size);
    }
}
END_TEST

static Suite *avro_plan_suite(void) {
    Suite *suite = suite_create("avro_plan");
    TCase *tcase = tcase_create("plan");

    tcase_add_loop_test(tcase, schema_is_usable_or_refused_with_a_reason, 0, (int)ARRAY_SIZE(rows));
    tcase_add_test(tcase, types_may_be_of_schemas_that_are_referred_to);
    tcase_add_test(tcase, deep_schema_is_refused);
    tcase_add_test(tcase, large_schema_is_refused);
    tcase_add_test(tcase, text_of_any_size_is_terminated);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return suite_run(avro_plan_suite());
}
