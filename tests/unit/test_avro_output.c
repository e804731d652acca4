/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle is avro-c: it reads what the encoder wrote, and writes the same bytes. */
#include "daemon/io/avro/avro_output.h"

#include <avro.h>
#include <jansson.h>
#include <stdio.h>

#include "daemon/io/avro/avro_output_sample.h"
#include "daemon/io/avro/avro_witness.h"
#include "tests/unit/suite.h"

#define TEXT_SIZE 512
#define LEVELS_MAX 4

static RegistryOutput outputs[_OUTPUT_TYPE_MAX];
static AvroOutput *avro;
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
    char *schema = json_dumps(json, 0);

    ck_assert_ptr_nonnull(schema);
    free((char *)outputs[type].schema.data);
    outputs[type] = (RegistryOutput){.id = UINT32_C(0x01020300) + type, .schema = str_from(schema)};
    json_decref(json);
}

static void setup(void) {
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++)
        set_schema((OutputType)i, load_schema((OutputType)i));
    ck_assert_msg(avro_output_new(outputs, text, sizeof(text), &avro) == 0, "%s", text);
}

static void teardown(void) {
    avro = avro_output_free(avro);
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        free((char *)outputs[i].schema.data);
        outputs[i].schema = STR_NULL;
    }
}

/* Compares a walk over an output with a value that was read, in the order of both. */
typedef struct Comparison {
    avro_value_t levels[LEVELS_MAX];
    size_t next[LEVELS_MAX]; /* field, item or entry */
    size_t n_levels;
} Comparison;

static avro_value_t next_value(Comparison *c, Str name) {
    avro_value_t *level = &c->levels[c->n_levels - 1], value;
    const char *key = NULL;

    ck_assert_int_eq(avro_value_get_by_index(level, c->next[c->n_levels - 1]++, &value, &key), 0);
    if (avro_value_get_type(level) != AVRO_ARRAY)
        ck_assert_msg(str_eq_c(name, key), "expected %.*s, found %s", STR_FMT(name), key);
    if (avro_value_get_type(&value) == AVRO_UNION)
        ck_assert_int_eq(avro_value_get_current_branch(&value, &value), 0);
    return value;
}

static int see_null(void *userdata, Str name) {
    avro_value_t value = next_value(userdata, name);
    ck_assert_int_eq(avro_value_get_type(&value), AVRO_NULL);
    return 0;
}

static int see_boolean(void *userdata, Str name, bool expected) {
    avro_value_t value = next_value(userdata, name);
    int found = -1;
    ck_assert_int_eq(avro_value_get_boolean(&value, &found), 0);
    ck_assert_int_eq(found, expected);
    return 0;
}

static int see_integer(void *userdata, Str name, int64_t expected) {
    avro_value_t value = next_value(userdata, name);
    int64_t found = -1;
    int32_t found_int = -1;
    if (avro_value_get_type(&value) == AVRO_INT32) {
        ck_assert_int_eq(avro_value_get_int(&value, &found_int), 0);
        found = found_int;
    } else {
        ck_assert_int_eq(avro_value_get_long(&value, &found), 0);
    }
    ck_assert_int_eq(found, expected);
    return 0;
}

static int see_number(void *userdata, Str name, double expected) {
    avro_value_t value = next_value(userdata, name);
    double found = -1;
    ck_assert_int_eq(avro_value_get_double(&value, &found), 0);
    ck_assert_double_eq(found, expected);
    return 0;
}

static int see_string(void *userdata, Str name, Str expected) {
    avro_value_t value = next_value(userdata, name);
    const char *found = NULL;
    size_t size = 0;
    ck_assert_int_eq(avro_value_get_string(&value, &found, &size), 0);
    ck_assert(str_eq(expected, (Str){found, size - 1}));
    return 0;
}

static int see_bytes(void *userdata, Str name, Str expected) {
    avro_value_t value = next_value(userdata, name);
    const void *found = NULL;
    size_t size = 0;
    ck_assert_int_eq(avro_value_get_bytes(&value, &found, &size), 0);
    ck_assert(str_eq(expected, (Str){found, size}));
    return 0;
}

static int see_begin(void *userdata, Str name) {
    Comparison *c = userdata;
    avro_value_t value = next_value(c, name);
    ck_assert_uint_lt(c->n_levels, LEVELS_MAX);
    c->levels[c->n_levels] = value;
    c->next[c->n_levels++] = 0;
    return 0;
}

static int see_end(void *userdata) {
    Comparison *c = userdata;
    size_t n;
    c->n_levels--;
    ck_assert_int_eq(avro_value_get_size(&c->levels[c->n_levels], &n), 0);
    ck_assert_uint_eq(c->next[c->n_levels], n);
    return 0;
}

static const OutputVisitor comparing_visitor = {
        .null = see_null,
        .boolean = see_boolean,
        .integer = see_integer,
        .number = see_number,
        .string = see_string,
        .bytes = see_bytes,
        .time = see_integer,
        .map_begin = see_begin,
        .map_end = see_end,
        .list_begin = see_begin,
        .list_end = see_end,
        .record_begin = see_begin,
        .record_end = see_end,
};

static void encode(const Output *output, Str *ret) {
    int r = avro_output_encode(avro, output, ret, text, sizeof(text));
    ck_assert_msg(r == 0, "%s", text);
}

static void check_written(avro_value_t *value, Str bytes) {
    _cleanup_(free_null) char *again = malloc(bytes.len);
    ck_assert_ptr_nonnull(again);
    avro_writer_t writer = avro_writer_memory(again, (int64_t)bytes.len);
    ck_assert_int_eq(avro_value_write(writer, value), 0);
    ck_assert_uint_eq((size_t)avro_writer_tell(writer), bytes.len);
    ck_assert_mem_eq(again, bytes.data, bytes.len);
    avro_writer_free(writer);
}

/* Reads the bytes back, all of them, and compares. */
static void check_encoded(const Output *output, Str bytes) {
    const char header[] = {0, 1, 2, 3, (char)output->type};
    Comparison c = {.n_levels = 1};
    avro_schema_t schema;

    ck_assert_uint_ge(bytes.len, sizeof(header));
    ck_assert_mem_eq(bytes.data, header, sizeof(header));
    Str json = outputs[output->type].schema;
    ck_assert_int_eq(avro_schema_from_json_length(json.data, json.len, &schema), 0);
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    ck_assert_int_eq(avro_generic_value_new(iface, &c.levels[0]), 0);
    avro_value_t value = c.levels[0];
    avro_reader_t reader =
            avro_reader_memory(bytes.data + sizeof(header), (int64_t)(bytes.len - sizeof(header)));
    ck_assert_int_eq(avro_value_read(reader, &value), 0);
    ck_assert_int_ne(avro_skip(reader, 1), 0);

    ck_assert_int_eq(output_visit(output, &comparing_visitor, &c), 0);
    (void)see_end(&c);
    check_written(&value, (Str){bytes.data + sizeof(header), bytes.len - sizeof(header)});
    avro_reader_free(reader);
    avro_value_decref(&value);
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
}

START_TEST(output_is_read_back_as_it_was) {
    Output full, sparse;
    Str bytes;

    output_sample((OutputType)_i, true, &full);
    output_sample((OutputType)_i, false, &sparse);
    encode(&full, &bytes);
    check_encoded(&full, bytes);
    encode(&sparse, &bytes);
    check_encoded(&sparse, bytes);
}
END_TEST

START_TEST(nothing_of_an_earlier_output_stays) {
    Output full, sparse;
    Str bytes;

    output_sample((OutputType)_i, true, &full);
    output_sample((OutputType)_i, false, &sparse);
    encode(&sparse, &bytes);
    _cleanup_(free_null) char *first = malloc(bytes.len);
    ck_assert_ptr_nonnull(first);
    memcpy(first, bytes.data, bytes.len);
    size_t len = bytes.len;
    encode(&full, &bytes);
    encode(&sparse, &bytes);
    ck_assert_uint_eq(bytes.len, len);
    ck_assert_mem_eq(bytes.data, first, len);
}
END_TEST

START_TEST(avro_c_is_a_witness_that_can_disagree) {
    Output sample;
    Str bytes;
    output_sample(OUTPUT_REFUSED, true, &sample);
    encode(&sample, &bytes);
    Str record = {bytes.data + REGISTRY_WIRE_SIZE, bytes.len - REGISTRY_WIRE_SIZE}, schema = outputs[OUTPUT_REFUSED].schema;
    ck_assert_int_eq(avro_witness(schema, record, text, sizeof(text)), 0);
    ck_assert_int_eq(avro_witness(schema, (Str){record.data, record.len - 1}, text, sizeof(text)), AVRO_WITNESS_E_DISAGREES);
    ck_assert_msg(strstr(text, "cannot read what was written"), "%s", text);
    char longer[4096] = {0};
    memcpy(longer, record.data, record.len);
    ck_assert_int_eq(avro_witness(schema, (Str){longer, record.len + 1}, text, sizeof(text)), AVRO_WITNESS_E_DISAGREES);
    ck_assert_str_eq(text, "avro-c writes other bytes for the same record");
    ck_assert_int_eq(avro_witness(STR_LITERAL("{}"), record, text, sizeof(text)), AVRO_WITNESS_E_DISAGREES);
    ck_assert_msg(strstr(text, "refuses the schema"), "%s", text);
}
END_TEST

/* Of a record's fields: the one removed, the one added, the one whose type is replaced; in `reasons` or not.
 */
static const struct {
    OutputType type;
    bool in_reasons;
    const char *removed, *added, *retyped, *new_type;
    const char *error;
} misfits[] = {
        {OUTPUT_STAGE_CHANGED, false, "owner", NULL, NULL, NULL,
                "StageChanged, field \"owner\": the schema has no such field"},
        {OUTPUT_STAGE_CHANGED, true, "points", NULL, NULL, NULL,
                "StageChanged, field \"points\": the schema has no such field"},
        {OUTPUT_SLA_EVENT, false, NULL, "extra", NULL, NULL, "SlaEvent, field \"extra\": no output has it"},
        {OUTPUT_STAGE_CHANGED, true, NULL, "extra", NULL, NULL,
                "StageChanged, field \"extra\": no output has it"},
        {OUTPUT_REFUSED, false, NULL, NULL, "track", "\"long\"",
                "Refused, field \"track\": the schema has another type"},
        {OUTPUT_REFUSED, false, NULL, NULL, "account_id", "[\"null\", \"long\"]",
                "Refused, field \"account_id\": the schema has another type"},
        {OUTPUT_REFUSED, false, NULL, NULL, "account_id", "[\"string\", \"long\"]",
                "Refused, field \"account_id\": the schema does not allow null"},
        {OUTPUT_LEAD_RETIRED, false, NULL, NULL, "into", "\"string\"",
                "LeadRetired, field \"into\": the schema does not allow null"},
        {OUTPUT_LEAD_RETIRED, false, NULL, NULL, "carried", "{\"type\": \"map\", \"values\": \"string\"}",
                "LeadRetired, field \"profile.n\": the schema does not allow null"},
        {OUTPUT_DEAD_LETTER, false, NULL, NULL, "original", "[\"null\", \"string\"]",
                "DeadLetter, field \"original\": the schema has another type"},
        {OUTPUT_DEAD_LETTER, false, NULL, NULL, "offset", "\"int\"",
                "DeadLetter, field \"offset\": does not fit an int"},
        {OUTPUT_STAGE_CHANGED, true, NULL, NULL, "occurred_at", "\"long\"",
                "StageChanged, field \"occurred_at\": the schema does not allow null"},
};

static json_t *fields_of_reasons(json_t *fields) {
    json_t *field;
    size_t i;

    json_array_foreach(fields, i, field) {
        if (strcmp(json_string_value(json_object_get(field, "name")), "reasons") == 0)
            return json_object_get(json_object_get(json_object_get(field, "type"), "items"), "fields");
    }
    ck_abort_msg("no reasons");
    return NULL;
}

static void edit_fields(
        json_t *fields, const char *removed, const char *added, const char *retyped, const char *new_type) {
    for (size_t i = 0; i < json_array_size(fields); i++) {
        json_t *field = json_array_get(fields, i);
        const char *name = json_string_value(json_object_get(field, "name"));
        if (retyped && strcmp(name, retyped) == 0) {
            json_object_set_new(field, "type", json_loads(new_type, JSON_DECODE_ANY, NULL));
            json_object_del(field, "default");
        } else if (removed && strcmp(name, removed) == 0) {
            json_array_remove(fields, i--);
        }
    }
    if (added)
        json_array_append_new(fields, json_pack("{s:s, s:s}", "name", added, "type", "string"));
}

START_TEST(schema_that_misfits_is_refused_by_name) {
    OutputType type = misfits[_i].type;
    AvroOutput *other = NULL;

    json_t *schema = load_schema(type);
    json_t *fields = json_object_get(schema, "fields");
    if (misfits[_i].in_reasons)
        fields = fields_of_reasons(fields);
    edit_fields(fields, misfits[_i].removed, misfits[_i].added, misfits[_i].retyped, misfits[_i].new_type);
    set_schema(type, schema);
    ck_assert_int_eq(avro_output_new(outputs, text, sizeof(text), &other), AVRO_OUTPUT_E_SCHEMA);
    ck_assert_str_eq(text, misfits[_i].error);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(what_is_not_a_record_schema_is_refused) {
    static const char *const schemas[] = {"\"string\"", "{\"type\": ", "", "[]"};
    RegistryOutput changed[_OUTPUT_TYPE_MAX];
    AvroOutput *other = NULL;

    memcpy(changed, outputs, sizeof(changed));
    for (size_t i = 0; i < ARRAY_SIZE(schemas); i++) {
        changed[OUTPUT_REFUSED].schema = str_from(schemas[i]);
        ck_assert_int_eq(avro_output_new(changed, text, sizeof(text), &other), AVRO_OUTPUT_E_SCHEMA);
        ck_assert(str_starts_with(str_from(text), "Refused: "));
        ck_assert_uint_gt(strlen(text), strlen("Refused: "));
    }
}
END_TEST

START_TEST(fields_may_be_in_another_order) {
    Output output;
    Str bytes;

    json_t *schema = load_schema(OUTPUT_REFUSED);
    json_t *fields = json_object_get(schema, "fields");
    json_array_append(fields, json_array_get(fields, 0));
    json_array_remove(fields, 0);
    set_schema(OUTPUT_REFUSED, schema);
    avro = avro_output_free(avro);
    ck_assert_msg(avro_output_new(outputs, text, sizeof(text), &avro) == 0, "%s", text);
    output_sample(OUTPUT_REFUSED, true, &output);
    encode(&output, &bytes);
    /* The lead id comes first. */
    ck_assert_mem_eq(bytes.data + REGISTRY_WIRE_SIZE, "\14lead-1", 7);
}
END_TEST

/* The same fields, with their values, by their names. */
static void assert_same_fields(const avro_value_t *a, const avro_value_t *b) {
    size_t n;
    ck_assert_int_eq(avro_value_get_size(a, &n), 0);
    for (size_t i = 0; i < n; i++) {
        avro_value_t x, y;
        const char *name;
        ck_assert_int_eq(avro_value_get_by_index(a, i, &x, &name), 0);
        ck_assert_int_eq(avro_value_get_by_name(b, name, &y, NULL), 0);
        ck_assert_msg(avro_value_equal_fast(&x, &y), "%s", name);
    }
}

static avro_value_t read_back(OutputType type, Str bytes) {
    avro_schema_t schema;
    avro_value_t value;
    Str json = outputs[type].schema;
    ck_assert_int_eq(avro_schema_from_json_length(json.data, json.len, &schema), 0);
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    ck_assert_int_eq(avro_generic_value_new(iface, &value), 0);
    avro_reader_t reader = avro_reader_memory(bytes.data + REGISTRY_WIRE_SIZE, (int64_t)(bytes.len - REGISTRY_WIRE_SIZE));
    ck_assert_int_eq(avro_value_read(reader, &value), 0);
    ck_assert_int_ne(avro_skip(reader, 1), 0);
    avro_reader_free(reader);
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    return value;
}

static void reverse(json_t *list) {
    for (size_t i = json_array_size(list); i-- > 0;) {
        json_array_append(list, json_array_get(list, i));
        json_array_remove(list, i);
    }
}

START_TEST(fields_in_reverse_have_the_same_values) {
    Output output;
    Str bytes;

    output_sample(OUTPUT_STAGE_CHANGED, true, &output);
    encode(&output, &bytes);
    avro_value_t usual = read_back(OUTPUT_STAGE_CHANGED, bytes);
    json_t *schema = load_schema(OUTPUT_STAGE_CHANGED);
    reverse(json_object_get(schema, "fields"));
    set_schema(OUTPUT_STAGE_CHANGED, schema);
    avro = avro_output_free(avro);
    ck_assert_msg(avro_output_new(outputs, text, sizeof(text), &avro) == 0, "%s", text);
    encode(&output, &bytes);
    avro_value_t reversed = read_back(OUTPUT_STAGE_CHANGED, bytes);
    assert_same_fields(&usual, &reversed);
    avro_value_decref(&usual);
    avro_value_decref(&reversed);
}
END_TEST

/* Their count has more than a byte. */
START_TEST(many_entries_are_one_block) {
    enum { N = 1000 };
    static char names[N][16];
    static NamedNumber scores[N];
    Output output;
    Str bytes;

    output_sample(OUTPUT_STAGE_CHANGED, true, &output);
    for (size_t i = 0; i < N; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "score%zu", i);
        scores[i] = (NamedNumber){str_from(names[i]), (double)i / 7};
    }
    output.stage_changed.scores = scores;
    for (size_t n = 60; n <= 70; n++) {
        output.stage_changed.n_scores = n;
        encode(&output, &bytes);
        check_encoded(&output, bytes);
    }
    output.stage_changed.n_scores = N;
    encode(&output, &bytes);
    check_encoded(&output, bytes);
}
END_TEST

START_TEST(large_output_is_encoded_up_to_the_limit) {
    size_t size = AVRO_OUTPUT_SIZE_MAX;
    Output output;
    Str bytes;

    _cleanup_(free_null) char *original = calloc(1, size);
    ck_assert_ptr_nonnull(original);
    memset(original, 'x', size);
    output_sample(OUTPUT_DEAD_LETTER, true, &output);
    output.dead_letter.original = (Str){original, size - 1024};
    encode(&output, &bytes);
    check_encoded(&output, bytes);
    output.dead_letter.original = (Str){original, size};
    ck_assert_int_eq(avro_output_encode(avro, &output, &bytes, text, sizeof(text)), AVRO_OUTPUT_E_TOO_LARGE);
    ck_assert_str_eq(text, "DeadLetter of more than 8388608 bytes");
    output.dead_letter.original = (Str){original, 3};
    encode(&output, &bytes);
    check_encoded(&output, bytes);
}
END_TEST

START_TEST(output_without_what_it_must_have_is_refused) {
    Output output;
    Str bytes;

    output_sample(OUTPUT_STAGE_CHANGED, true, &output);
    output.stage_changed.track = STR_NULL;
    ck_assert_int_eq(avro_output_encode(avro, &output, &bytes, text, sizeof(text)), AVRO_OUTPUT_E_SCHEMA);
    ck_assert_str_eq(text, "StageChanged, field \"track\": the schema does not allow null");
    /* The failure in the middle of it does no harm to the next. */
    output_sample(OUTPUT_STAGE_CHANGED, true, &output);
    encode(&output, &bytes);
    check_encoded(&output, bytes);
}
END_TEST

START_TEST(map_key_with_a_nul_is_refused) {
    const Property carried = {.name = STR_LITERAL("event.a\0b"), .value = VALUE_NONE};
    Output output;
    Str bytes;

    output_sample(OUTPUT_LEAD_RETIRED, true, &output);
    output.carried = &carried;
    output.n_carried = 1;
    ck_assert_int_eq(avro_output_encode(avro, &output, &bytes, text, sizeof(text)), AVRO_OUTPUT_E_SCHEMA);
    ck_assert_ptr_nonnull(strstr(text, "a map's key holds a NUL"));
}
END_TEST

static Suite *avro_output_suite(void) {
    Suite *suite = suite_create("avro_output");
    TCase *tcase = tcase_create("encode");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, output_is_read_back_as_it_was, 0, _OUTPUT_TYPE_MAX);
    tcase_add_loop_test(tcase, nothing_of_an_earlier_output_stays, 0, _OUTPUT_TYPE_MAX);
    tcase_add_test(tcase, avro_c_is_a_witness_that_can_disagree);
    tcase_add_loop_test(tcase, schema_that_misfits_is_refused_by_name, 0, (int)ARRAY_SIZE(misfits));
    tcase_add_test(tcase, what_is_not_a_record_schema_is_refused);
    tcase_add_test(tcase, fields_may_be_in_another_order);
    tcase_add_test(tcase, fields_in_reverse_have_the_same_values);
    tcase_add_test(tcase, many_entries_are_one_block);
    tcase_add_test(tcase, large_output_is_encoded_up_to_the_limit);
    tcase_add_test(tcase, output_without_what_it_must_have_is_refused);
    tcase_add_test(tcase, map_key_with_a_nul_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return suite_run(avro_output_suite());
}
