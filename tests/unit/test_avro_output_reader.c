/* SPDX-License-Identifier: Apache-2.0 */
/* What the encoder writes comes back; what somebody else writes does no harm. */
#include "daemon/io/avro/avro_output_reader.h"

#include <jansson.h>
#include <stdio.h>

#include "daemon/io/avro/avro_output.h"
#include "daemon/io/avro/avro_output_sample.h"
#include "daemon/io/file/file_sink.h"
#include "tests/unit/suite.h"

#define TEXT_SIZE 512

static RegistryOutput outputs[_OUTPUT_TYPE_MAX];
static AvroOutput *encoder;
static AvroOutputReader *reader;
static char text[TEXT_SIZE];

static json_t *load_schema(OutputType type) {
    char path[512];
    json_error_t error;
    snprintf(path, sizeof(path), SCHEMAS_DIR "/%s.avsc", output_type_name(type));
    json_t *json = json_load_file(path, 0, &error);
    ck_assert_msg(json != NULL, "%s: %s", path, error.text);
    return json;
}

/* Takes the JSON. */
static void set_schema(OutputType type, json_t *json) {
    free((char *)outputs[type].schema.data);
    outputs[type] = (RegistryOutput){.id = 100U + type, .schema = str_from(json_dumps(json, 0))};
    json_decref(json);
}

static void open_reader(void) {
    reader = avro_output_reader_free(reader);
    ck_assert_msg(avro_output_reader_new(outputs, text, sizeof(text), &reader) == 0, "%s", text);
}

static void setup(void) {
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++)
        set_schema((OutputType)i, load_schema((OutputType)i));
    ck_assert_msg(avro_output_new(outputs, text, sizeof(text), &encoder) == 0, "%s", text);
    open_reader();
}

static void teardown(void) {
    reader = avro_output_reader_free(reader);
    encoder = avro_output_free(encoder);
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        free((char *)outputs[i].schema.data);
        outputs[i].schema = STR_NULL;
    }
}

/* The message in memory of exactly its size, so that a read beyond it is seen. */
static Str encode(const Output *output) {
    Str bytes;
    ck_assert_msg(avro_output_encode(encoder, output, &bytes, text, sizeof(text)) == 0, "%s", text);
    char *copy = malloc(bytes.len);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes.data, bytes.len);
    return (Str){copy, bytes.len};
}

static Str encode_sample(OutputType type, bool full) {
    Output output;
    output_sample(type, full, &output);
    return encode(&output);
}

static JsonWriter to_json(const Output *output) {
    JsonWriter writer = JSON_WRITER_INIT;
    ck_assert_int_eq(json_write_output(&writer, output), 0);
    return writer;
}

static void assert_same(const Output *expected, const Output *found) {
    JsonWriter a = to_json(expected), b = to_json(found);
    ck_assert_msg(a.len == b.len && memcmp(a.data, b.data, a.len) == 0, "%.*s\n%.*s", (int)a.len, a.data,
            (int)b.len, b.data);
    ck_assert_int_eq(found->type, expected->type);
    json_writer_deinit(&a);
    json_writer_deinit(&b);
}

START_TEST(output_is_read_back_as_it_was) {
    Output expected, found;
    output_sample((OutputType)(_i / 2), _i % 2, &expected);
    Str message = encode(&expected);
    int r = avro_output_read(reader, message, &found, text, sizeof(text));
    ck_assert_msg(r == 0, "%s", text);
    assert_same(&expected, &found);
    if (expected.type != OUTPUT_DEAD_LETTER)
        ck_assert_int_eq(found.at_ms, expected.at_ms);
    free((char *)message.data);
}
END_TEST

START_TEST(nothing_of_an_earlier_output_stays) {
    Output expected, found;
    Str full = encode_sample((OutputType)_i, true), sparse = encode_sample((OutputType)_i, false);
    ck_assert_int_eq(avro_output_read(reader, full, &found, text, sizeof(text)), 0);
    ck_assert_int_eq(avro_output_read(reader, sparse, &found, text, sizeof(text)), 0);
    output_sample((OutputType)_i, false, &expected);
    assert_same(&expected, &found);
    free((char *)full.data);
    free((char *)sparse.data);
}
END_TEST

START_TEST(message_that_is_cut_off_is_refused) {
    Output found = {.ordinal = 77};
    Str message = encode_sample((OutputType)_i, true);
    for (size_t len = 0; len < message.len; len++) {
        _cleanup_(free_null) char *part = malloc(len + 1);
        ck_assert_ptr_nonnull(part);
        memcpy(part, message.data, len);
        /* Its last byte does not belong to the message, and sanitizers don't know: the exact size is better.
         */
        char *exact = realloc(part, MAX(len, (size_t)1));
        part = exact ? exact : part;
        text[0] = '\0';
        ck_assert_int_gt(avro_output_read(reader, (Str){part, len}, &found, text, sizeof(text)), 0);
        ck_assert_int_ne(text[0], '\0');
    }
    ck_assert_uint_eq(found.ordinal, 77);
    free((char *)message.data);
}
END_TEST

START_TEST(message_with_something_behind_it_is_refused) {
    char longer[4096] = {0};
    Output found;
    Str message = encode_sample(OUTPUT_REFUSED, true);
    memcpy(longer, message.data, message.len);
    int r = avro_output_read(reader, (Str){longer, message.len + 2}, &found, text, sizeof(text));
    ck_assert_int_eq(r, AVRO_OUTPUT_READER_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(text, "expected the end of the datum, found 2 bytes more"));
    free((char *)message.data);
}
END_TEST

/* Whatever comes of it: no crash, no read beyond the end, and text for whoever is told. */
START_TEST(changed_bytes_do_no_harm) {
    Output found;
    Str message = encode_sample((OutputType)_i, true);
    char *bytes = (char *)message.data;
    for (size_t i = 0; i < message.len; i++)
        for (unsigned change = 1; change < 256; change = change * 2 + 1) {
            bytes[i] = (char)(bytes[i] ^ (char)change);
            int r = avro_output_read(reader, message, &found, text, sizeof(text));
            ck_assert(r >= 0 && r <= AVRO_OUTPUT_READER_E_CORRUPT);
            bytes[i] = (char)(bytes[i] ^ (char)change);
        }
    free(bytes);
}
END_TEST

static const struct {
    const char *bytes;
    size_t len;
} foreign[] = {
        {NULL, 0},
        {"", 0},
        {"\0\0\0\0", 4},
        {"\1\0\0\0\144", 5},
        {"\0\0\0\0\1", 5},
        {"{\"a\": 1}", 8},
};

START_TEST(what_is_none_of_ours_is_told_apart) {
    Output found;
    int r = avro_output_read(reader, (Str){foreign[_i].bytes, foreign[_i].len}, &found, text, sizeof(text));
    ck_assert_int_eq(r, AVRO_OUTPUT_READER_E_FOREIGN);
}
END_TEST

static json_t *field_named(json_t *fields, const char *name) {
    json_t *field;
    size_t i;
    json_array_foreach(fields, i,
            field) if (strcmp(json_string_value(json_object_get(field, "name")), name) == 0) return field;
    ck_abort_msg("no field %s", name);
    return NULL;
}

/* The messages of a program whose schema has a field more, and one less. */
START_TEST(other_versions_of_a_schema_can_be_read) {
    static const char extra[] = "{\"name\": \"extra\", \"type\": {\"type\": \"map\", \"values\": \"long\"}}";
    const char tail[] = {2, 2, 'k', 14, 0}; /* one entry, "k": 7 */
    Output found;
    Str message = encode_sample(OUTPUT_REFUSED, true);
    json_t *schema = load_schema(OUTPUT_REFUSED), *fields = json_object_get(schema, "fields");
    json_array_append_new(fields, json_loads(extra, 0, NULL));
    json_object_set_new(field_named(fields, "stage"), "name", json_string("place"));
    set_schema(OUTPUT_REFUSED, schema);
    open_reader();

    char longer[4096];
    memcpy(longer, message.data, message.len);
    memcpy(longer + message.len, tail, sizeof(tail));
    int r = avro_output_read(reader, (Str){longer, message.len + sizeof(tail)}, &found, text, sizeof(text));
    ck_assert_msg(r == 0, "%s", text);
    ck_assert(str_is_null(found.refused.stage));
    ck_assert(str_eq_c(found.refused.requirement, "present(event.reason)"));
    free((char *)message.data);
}
END_TEST

START_TEST(field_of_another_type_is_refused) {
    Output found;
    Str message = encode_sample(OUTPUT_REFUSED, true);
    json_t *schema = load_schema(OUTPUT_REFUSED);
    json_object_set_new(
            field_named(json_object_get(schema, "fields"), "event_id"), "type", json_string("boolean"));
    set_schema(OUTPUT_REFUSED, schema);
    open_reader();
    ck_assert_int_eq(
            avro_output_read(reader, message, &found, text, sizeof(text)), AVRO_OUTPUT_READER_E_CORRUPT);
    ck_assert_str_eq(text, "field \"event_id\", byte 0: expected a string, found boolean");
    free((char *)message.data);
}
END_TEST

START_TEST(name_that_is_not_known_is_refused) {
    Output output, found;
    output_sample(OUTPUT_SLA_EVENT, true, &output);
    Str message = encode(&output);
    char *kind = memmem(message.data, message.len, "warning", 7);
    ck_assert_ptr_nonnull(kind);
    memcpy(kind, "evening", 7);
    ck_assert_int_eq(
            avro_output_read(reader, message, &found, text, sizeof(text)), AVRO_OUTPUT_READER_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(text, "field \"kind\""));
    free((char *)message.data);
}
END_TEST

START_TEST(more_items_than_an_output_has_are_refused) {
    NamedStr stages[MODEL_TRACKS_MAX + 1];
    char names[MODEL_TRACKS_MAX + 1][8];
    Output output, found;
    for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
        snprintf(names[i], sizeof(names[i]), "t%zu", i);
        stages[i] = (NamedStr){str_from(names[i]), STR_LITERAL("s")};
    }
    output_sample(OUTPUT_SLA_EVENT, true, &output);
    output.sla_event.stages = stages;
    for (size_t n = ARRAY_SIZE(stages) - 1; n <= ARRAY_SIZE(stages); n++) {
        output.sla_event.n_stages = n;
        Str message = encode(&output);
        int r = avro_output_read(reader, message, &found, text, sizeof(text));
        ck_assert_int_eq(r, n == ARRAY_SIZE(stages) ? AVRO_OUTPUT_READER_E_CORRUPT : 0);
        free((char *)message.data);
    }
    ck_assert_ptr_nonnull(strstr(text, "more than 16 items"));
}
END_TEST

static const char *const bad_schemas[] = {"\"string\"", "{\"type\": ", ""};

START_TEST(schema_that_is_no_record_is_refused) {
    RegistryOutput changed[_OUTPUT_TYPE_MAX];
    AvroOutputReader *other = NULL;
    memcpy(changed, outputs, sizeof(changed));
    changed[OUTPUT_SLA_EVENT].schema = str_from(bad_schemas[_i]);
    ck_assert_int_eq(
            avro_output_reader_new(changed, text, sizeof(text), &other), AVRO_OUTPUT_READER_E_SCHEMA);
    ck_assert(str_starts_with(str_from(text), "SlaEvent: "));
    ck_assert_ptr_null(other);
}
END_TEST

static Suite *avro_output_reader_suite(void) {
    Suite *suite = suite_create("avro_output_reader");
    TCase *tcase = tcase_create("read");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, output_is_read_back_as_it_was, 0, 2 * _OUTPUT_TYPE_MAX);
    tcase_add_loop_test(tcase, nothing_of_an_earlier_output_stays, 0, _OUTPUT_TYPE_MAX);
    tcase_add_loop_test(tcase, message_that_is_cut_off_is_refused, 0, _OUTPUT_TYPE_MAX);
    tcase_add_test(tcase, message_with_something_behind_it_is_refused);
    tcase_add_loop_test(tcase, changed_bytes_do_no_harm, 0, _OUTPUT_TYPE_MAX);
    tcase_add_loop_test(tcase, what_is_none_of_ours_is_told_apart, 0, (int)ARRAY_SIZE(foreign));
    tcase_add_test(tcase, other_versions_of_a_schema_can_be_read);
    tcase_add_test(tcase, field_of_another_type_is_refused);
    tcase_add_test(tcase, name_that_is_not_known_is_refused);
    tcase_add_test(tcase, more_items_than_an_output_has_are_refused);
    tcase_add_loop_test(tcase, schema_that_is_no_record_is_refused, 0, (int)ARRAY_SIZE(bad_schemas));
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return suite_run(avro_output_reader_suite());
}
