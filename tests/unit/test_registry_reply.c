/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/registry/registry_reply.h"

#include <jansson.h>

#include "tests/unit/suite.h"

#define TEXT_SIZE 256

static Arena *arena;

static void setup(void) {
    ck_assert_int_eq(arena_new(&arena), 0);
}

static void teardown(void) {
    arena = arena_free(arena);
}

START_TEST(schema_is_read_with_its_references) {
    char text[TEXT_SIZE];
    SchemaReply reply;
    ck_assert_int_eq(registry_reply_schema(STR_LITERAL("{\"schema\": \"\\\"int\\\"\", \"references\": [{\"name\": \"n.A\", \"subject\": \"a/b\", "
                                                       "\"version\": 3}], \"maxId\": 9, \"guid\": null}"),
                             arena, &reply, text, sizeof(text)),
            0);
    ck_assert(str_eq_c(reply.schema, "\"int\"") && str_eq_c(reply.type, "AVRO"));
    ck_assert_uint_eq(reply.n_references, 1);
    ck_assert(str_eq_c(reply.references[0].subject, "a/b") && reply.references[0].version == 3);
    ck_assert_int_eq(registry_reply_schema(STR_LITERAL("{\"schema\": \"x\", \"schemaType\": \"PROTOBUF\", \"references\": null}"), arena, &reply,
                             text, sizeof(text)),
            0);
    ck_assert(str_eq_c(reply.type, "PROTOBUF") && reply.n_references == 0);
}
END_TEST

static const struct {
    const char *body, *text;
} bad_schemas[] = {
        {"", "expected a JSON object, found at line 1, column 0: '[' or '{' expected near end of file"},
        {"[]", "expected a JSON object, found another value"},
        {"{}", "expected a \"schema\" that is a string"},
        {"{\"schema\": {}}", "expected a \"schema\" that is a string"},
        {"{\"schema\": \"x\", \"schemaType\": 7}", "expected a \"schemaType\" that is a string"},
        {"{\"schema\": \"x\", \"references\": {}}", "expected a list of \"references\""},
        {"{\"schema\": \"x\", \"references\": [1]}", "expected a reference with a \"subject\" and a \"version\""},
        {"{\"schema\": \"x\", \"references\": [{\"subject\": \"s\", \"version\": \"1\"}]}",
                "expected a reference with a \"subject\" and a \"version\""},
};

START_TEST(what_is_no_schema_says_why) {
    char text[TEXT_SIZE];
    SchemaReply reply;
    ck_assert_int_eq(registry_reply_schema(str_from(bad_schemas[_i].body), arena, &reply, text, sizeof(text)), REGISTRY_REPLY_E_MALFORMED);
    ck_assert_str_eq(text, bad_schemas[_i].text);
}
END_TEST

START_TEST(references_are_bounded) {
    json_t *list = json_array(), *root = json_pack("{s:s}", "schema", "x");
    char text[TEXT_SIZE];
    SchemaReply reply;
    for (int n = 1; n <= SCHEMA_REFERENCES_MAX + 1; n++) {
        json_array_append_new(list, json_pack("{s:s,s:i}", "subject", "s", "version", n));
        json_object_set(root, "references", list);
        char *body = json_dumps(root, 0);
        int r = registry_reply_schema(str_from(body), arena, &reply, text, sizeof(text));
        ck_assert_int_eq(r, n <= SCHEMA_REFERENCES_MAX ? 0 : REGISTRY_REPLY_E_MALFORMED);
        free(body);
    }
    ck_assert_str_eq(text, "expected at most 64 references, found 65");
    json_decref(list);
    json_decref(root);
}
END_TEST

START_TEST(id_has_32_bits) {
    static const struct {
        const char *body;
        int r;
        uint32_t id;
    } rows[] = {
            {"{\"id\": 7}", 0, 7},
            {"{\"subject\": \"s\", \"version\": 1, \"id\": 4294967295}", 0, UINT32_MAX},
            {"{\"id\": 4294967296}", REGISTRY_REPLY_E_MALFORMED, 0},
            {"{\"id\": -1}", REGISTRY_REPLY_E_MALFORMED, 0},
            {"{\"id\": \"7\"}", REGISTRY_REPLY_E_MALFORMED, 0},
            {"{}", REGISTRY_REPLY_E_MALFORMED, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char text[TEXT_SIZE] = "";
        uint32_t id = 0;
        ck_assert_int_eq(registry_reply_id(str_from(rows[i].body), &id, text, sizeof(text)), rows[i].r);
        ck_assert_uint_eq(id, rows[i].id);
        ck_assert_str_eq(text, rows[i].r ? "expected an \"id\" of 32 bits" : "");
    }
}
END_TEST

START_TEST(verdict_on_compatibility_has_its_reasons) {
    char text[TEXT_SIZE], reasons[32];
    bool is_compatible = false;
    ck_assert_int_eq(registry_reply_compatible(STR_LITERAL("{\"is_compatible\": true}"), &is_compatible, reasons, sizeof(reasons), text,
                             sizeof(text)),
            0);
    ck_assert(is_compatible);
    ck_assert_str_eq(reasons, "");
    ck_assert_int_eq(registry_reply_compatible(STR_LITERAL("{\"is_compatible\": false, \"messages\": [\"one\", 2, \"thr\\u00e9e\"]}"),
                             &is_compatible, reasons, sizeof(reasons), text, sizeof(text)),
            0);
    ck_assert(!is_compatible);
    ck_assert_str_eq(reasons, "one; ; thr??e");
    ck_assert_int_eq(registry_reply_compatible(STR_LITERAL("{\"is_compatible\": false, \"messages\": [\"0123456789012345678901234567890\", \"x\"]}"),
                             &is_compatible, reasons, sizeof(reasons), text, sizeof(text)),
            0);
    ck_assert_str_eq(reasons, "0123456789012345678901234567890");
    ck_assert_int_eq(registry_reply_compatible(STR_LITERAL("{\"is_compatible\": 1}"), &is_compatible, reasons, sizeof(reasons), text,
                             sizeof(text)),
            REGISTRY_REPLY_E_MALFORMED);
    ck_assert_str_eq(text, "expected \"is_compatible\", true or false");
}
END_TEST

START_TEST(error_is_a_registrys_if_it_has_a_code) {
    static const struct {
        const char *body;
        int code;
        const char *message;
    } rows[] = {
            {"{\"error_code\": 40403, \"message\": \"Schema 7 not found\"}", 40403, "Schema 7 not found"},
            {"{\"error_code\": 409, \"message\": \"a\\nb\"}", 409, "a?b"},
            {"{\"error_code\": \"40403\"}", 0, ""},
            {"{\"error_code\": 99999999}", 0, ""},
            {"<html>404</html>", 0, ""},
            {"", 0, ""},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char message[TEXT_SIZE];
        ck_assert_int_eq(registry_reply_error(str_from(rows[i].body), message, sizeof(message)), rows[i].code);
        ck_assert_str_eq(message, rows[i].message);
    }
}
END_TEST

START_TEST(schema_is_asked_about_as_a_string) {
    _cleanup_(free_null) char *body = registry_request_body(STR_LITERAL("{\n\"type\": \"int\"}"));
    ck_assert_str_eq(body, "{\"schema\":\"{\\n\\\"type\\\": \\\"int\\\"}\"}");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("registry_reply");
    TCase *tcase = tcase_create("replies");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, schema_is_read_with_its_references);
    tcase_add_loop_test(tcase, what_is_no_schema_says_why, 0, (int)ARRAY_SIZE(bad_schemas));
    tcase_add_test(tcase, references_are_bounded);
    tcase_add_test(tcase, id_has_32_bits);
    tcase_add_test(tcase, verdict_on_compatibility_has_its_reasons);
    tcase_add_test(tcase, error_is_a_registrys_if_it_has_a_code);
    tcase_add_test(tcase, schema_is_asked_about_as_a_string);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
