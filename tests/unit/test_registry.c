/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/registry/registry.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/avro_bytes.h"
#include "tests/unit/suite.h"

#define EVENT_SCHEMA_PATH SCHEMAS_DIR "/LeadEvent.avsc"
#define TEXT_SIZE 512

static AvroEventDecoder *decoder;
static char directory[64];

/* What a registry complains of, a line each. */
static char problems[4096];

static void note_problem(void *userdata, const char *path, const char *text) {
    size_t len = strlen(problems);

    (void)userdata;
    ck_assert_int_lt(snprintf(problems + len, sizeof(problems) - len, "%s: %s\n", path, text),
            (int)(sizeof(problems) - len));
}

static RegistryFileOptions make_options(const RegistryFile *events, size_t n_events) {
    return (RegistryFileOptions){
            .events = events,
            .n_events = n_events,
            .output_dir = SCHEMAS_DIR,
            .output_ids = {1001, 1002, 1003, 1004, 1005},
            .problem = note_problem,
    };
}

static void setup(void) {
    problems[0] = '\0';
    snprintf(directory, sizeof(directory), "/tmp/test_registry.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(avro_event_decoder_new(&decoder), 0);
}

static void remove_file(const char *name) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    unlink(path);
}

static void teardown(void) {
    remove_file("bad.avsc");
    remove_file("large.avsc");
    remove_file("other.avsc");
    ck_assert_int_eq(rmdir(directory), 0);
    decoder = avro_event_decoder_free(decoder);
}

/* Writes a file of the test's directory; its path, valid until the test ends. */
static const char *write_file(const char *name, const char *text, size_t len) {
    static char paths[4][256];
    static size_t n_paths;
    char *path = paths[n_paths++ % ARRAY_SIZE(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

/* The registry of LeadEvent.avsc under two ids, neither first nor last of its kind. */
static Registry *make_registry(void) {
    static const RegistryFile events[] = {
            {7, EVENT_SCHEMA_PATH},
            {0xFEDCBA98, EVENT_SCHEMA_PATH},
            {3, EVENT_SCHEMA_PATH},
    };
    RegistryFileOptions options = make_options(events, ARRAY_SIZE(events));
    Registry *registry = NULL;

    ck_assert_int_eq(registry_file_new(&options, &registry), 0);
    ck_assert_str_eq(problems, "");
    return registry;
}

START_TEST(plans_are_found_by_id) {
    static const struct {
        uint32_t id;
        int r;
    } rows[] = {
            {0, REGISTRY_E_UNKNOWN},
            {3, 0},
            {4, REGISTRY_E_UNKNOWN},
            {7, 0},
            {8, REGISTRY_E_UNKNOWN},
            {0xFEDCBA98, 0},
            {UINT32_MAX, REGISTRY_E_UNKNOWN},
    };
    _cleanup_(registry_free) Registry *registry = make_registry();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const AvroPlan *plan = NULL;
        const SchemaId id = schema_id_of(rows[i].id);
        const char *text;
        ck_assert_int_eq(registry_plan(registry, &id, &plan, &text), rows[i].r);
        ck_assert(rows[i].r == 0 ? plan != NULL : plan == NULL);
    }
}
END_TEST

START_TEST(outputs_have_their_ids_and_schemas) {
    _cleanup_(registry_free) Registry *registry = make_registry();
    const RegistryOutput *outputs = registry_outputs(registry);
    char name[64];

    for (uint32_t i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        ck_assert_uint_eq(outputs[i].id, 1001 + i);
        snprintf(name, sizeof(name), "\"name\": \"%s\"", output_type_name((OutputType)i));
        ck_assert_ptr_nonnull(memmem(outputs[i].schema.data, outputs[i].schema.len, name, strlen(name)));
    }
}
END_TEST

START_TEST(every_problem_is_reported_with_its_file) {
    static const char bad[] = "{\"type\": \"record\", \"name\": \"E\", \"fields\": []}";
    char expected[2048];
    Registry *registry = NULL;

    _cleanup_(free_null) char *large = malloc(AVRO_SCHEMA_SIZE_MAX + 1);
    ck_assert_ptr_nonnull(large);
    memset(large, ' ', AVRO_SCHEMA_SIZE_MAX + 1);
    const RegistryFile events[] = {
            {1, write_file("bad.avsc", bad, strlen(bad))},
            {2, "/nowhere/at.avsc"},
            {1, EVENT_SCHEMA_PATH},
            {3, write_file("large.avsc", large, AVRO_SCHEMA_SIZE_MAX + 1)},
            {1005, EVENT_SCHEMA_PATH},
            {4, SCHEMAS_DIR},
    };
    RegistryFileOptions options = make_options(events, ARRAY_SIZE(events));
    options.output_dir = "/nowhere";
    options.output_ids[OUTPUT_REFUSED] = options.output_ids[OUTPUT_STAGE_CHANGED];

    ck_assert_int_eq(registry_file_new(&options, &registry), REGISTRY_E_FILES);
    ck_assert_ptr_null(registry);
    snprintf(expected, sizeof(expected),
            EVENT_SCHEMA_PATH
            ": has the id 1 of %s/bad.avsc\n" EVENT_SCHEMA_PATH ": has the id 1005 of DeadLetter\n"
            "/nowhere: Refused has the id 1001 of StageChanged\n"
            "%s/bad.avsc: the record lacks \"event_id\", \"occurred_at\", \"lead_id\", \"type\"\n"
            "/nowhere/at.avsc: cannot be opened: No such file or directory\n"
            "%s/large.avsc: larger than 1048576 bytes\n" SCHEMAS_DIR ": cannot be read: Is a directory\n"
            "/nowhere/StageChanged.avsc: cannot be opened: No such file or directory\n"
            "/nowhere/SlaEvent.avsc: cannot be opened: No such file or directory\n"
            "/nowhere/Refused.avsc: cannot be opened: No such file or directory\n"
            "/nowhere/LeadRetired.avsc: cannot be opened: No such file or directory\n"
            "/nowhere/DeadLetter.avsc: cannot be opened: No such file or directory\n",
            directory, directory, directory);
    ck_assert_str_eq(problems, expected);
}
END_TEST

/* An event by LeadEvent.avsc in the wire format. */
static void make_message(AvroBytes *message, const char *lead_id) {
    message->len = 0;
    put_raw(message, "\0\xFE\xDC\xBA\x98", 5);
    put_text(message, "e-1");
    put_long(message, 1000);
    put_text(message, lead_id);
    put_long(message, 1); /* account_id */
    put_text(message, "acme");
    put_text(message, "page_view");
    put_raw(message, "\0\0\0", 3); /* source, campaign, topic */
    put_long(message, 1);
    put_text(message, "minutes");
    put_long(message, 2);
    put_long(message, 5);
    put_long(message, 0);
}

START_TEST(message_is_decoded_by_the_schema_it_names) {
    _cleanup_(registry_free) Registry *registry = make_registry();
    const char *reason = NULL;
    char text[TEXT_SIZE] = "";
    AvroBytes message;
    LeadEvent event;

    make_message(&message, "lead-1");
    int r = message_decode(registry, decoder, message.data, message.len, &event, &reason, text, sizeof(text));
    ck_assert_msg(r == 0, "%s", text);
    ck_assert(str_eq_c(event.lead_id, "lead-1"));
    ck_assert(str_eq_c(event.account_id, "acme"));
    ck_assert(str_eq_c(event.type, "page_view"));
    ck_assert_int_eq(event.occurred_at_ms, 1000);
    ck_assert(str_is_null(event.source));
    ck_assert_int_eq(event_property(&event, STR_LITERAL("minutes")).integer, 5);
}
END_TEST

/* Bytes that are refused without a look at a datum. */
static const struct {
    const char *bytes;
    size_t len;
    const char *reason, *text;
} wires[] = {
        {NULL, 0, "bad_wire", "expected a byte 0 and a schema id of 4 bytes, found 0 bytes"},
        {"", 0, "bad_wire", "expected a byte 0 and a schema id of 4 bytes, found 0 bytes"},
        {"\0\0\0\0", 4, "bad_wire", "expected a byte 0 and a schema id of 4 bytes, found 4 bytes"},
        {"\1\0\0\0\7\0", 6, "bad_wire", "expected a byte 1 and a schema's GUID of 16 bytes, found 6 bytes"},
        {"{\"event_id\": 1}", 15, "bad_wire", "expected a byte 0 and a schema id, found the byte 123 first"},
        {"\0\0\0\0\6\0", 6, "unknown_schema", "no schema has the id 6"},
        {"\0\x98\xBA\xDC\xFE\0", 6, "unknown_schema", "no schema has the id 2562383102"},
        {"\0\0\0\0\7", 5, "schema",
                "field \"event_id\", byte 0: expected a string, found the end of the datum"},
};

START_TEST(message_is_refused_with_a_reason) {
    _cleanup_(registry_free) Registry *registry = make_registry();
    const char *reason = NULL;
    char text[TEXT_SIZE] = "";
    LeadEvent event;

    _cleanup_(free_null) unsigned char *copy =
            wires[_i].bytes ? exact_copy(wires[_i].bytes, wires[_i].len) : NULL;
    ck_assert_int_eq(
            message_decode(registry, decoder, copy, wires[_i].len, &event, &reason, text, sizeof(text)),
            MESSAGE_E_REJECTED);
    ck_assert_str_eq(reason, wires[_i].reason);
    ck_assert_str_eq(text, wires[_i].text);
}
END_TEST

START_TEST(message_that_breaks_a_limit_is_refused) {
    _cleanup_(registry_free) Registry *registry = make_registry();
    const char *reason = NULL;
    char text[TEXT_SIZE] = "";
    AvroBytes message;
    LeadEvent event;

    make_message(&message, "");
    ck_assert_int_eq(
            message_decode(registry, decoder, message.data, message.len, &event, &reason, text, sizeof(text)),
            MESSAGE_E_REJECTED);
    ck_assert_str_eq(reason, "schema");
    ck_assert_ptr_nonnull(strstr(text, "lead_id"));
}
END_TEST

static int no_plan;

static int say_why(Registry *registry, const SchemaId *id, const AvroPlan **ret, const char **ret_text) {
    (void)registry;
    (void)id;
    (void)ret;
    *ret_text = "why";
    return no_plan;
}

START_TEST(without_a_plan_the_registrys_word_is_passed_on) {
    static const struct {
        int no_plan, r;
        const char *reason, *text;
    } rows[] = {
            {REGISTRY_E_UNKNOWN, MESSAGE_E_REJECTED, "unknown_schema", "no schema has the id 7"},
            {REGISTRY_E_UNUSABLE, MESSAGE_E_REJECTED, "schema", "the schema with the id 7: why"},
            {REGISTRY_E_AWAY, MESSAGE_E_AWAITED, NULL, "the registry has not told the schema with the id 7: why"},
            {-EIO, -EIO, NULL, ""},
    };
    static const RegistryOps ops = {.plan = say_why};
    Registry registry = {.ops = &ops};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *reason = NULL;
        char text[TEXT_SIZE] = "";
        LeadEvent event;
        no_plan = rows[i].no_plan;
        ck_assert_int_eq(message_decode(&registry, decoder, "\0\0\0\0\7", 5, &event, &reason, text, sizeof(text)), rows[i].r);
        ck_assert_str_eq(text, rows[i].text);
        ck_assert(rows[i].reason ? reason && strcmp(reason, rows[i].reason) == 0 : !reason);
    }
}
END_TEST

START_TEST(files_know_no_guids_and_settle_everything) {
    static const char wire[] = "\1\0\0\0\7aaaaaaaaaaaa";
    _cleanup_(registry_free) Registry *registry = make_registry();
    const SchemaId id = schema_id_of(99);
    const char *reason = NULL;
    char text[TEXT_SIZE] = "";
    LeadEvent event;

    ck_assert_int_eq(message_decode(registry, decoder, wire, sizeof(wire) - 1, &event, &reason, text, sizeof(text)), MESSAGE_E_REJECTED);
    ck_assert_str_eq(reason, "unknown_schema");
    ck_assert_str_eq(text, "no schema has the GUID 00000007-6161-6161-6161-616161616161");
    ck_assert(!registry_asks(registry));
    ck_assert_int_eq(registry_settled(registry, &id), 1);
    ck_assert(!registry_refresh(registry, 1));
}
END_TEST

START_TEST(ids_that_are_to_follow_may_be_anything) {
    static const RegistryFile events[] = {{1001, EVENT_SCHEMA_PATH}};
    RegistryFileOptions options = make_options(events, ARRAY_SIZE(events));
    _cleanup_(registry_free) Registry *registry = NULL;

    options.ids_follow = true;
    memset(options.output_ids, 0, sizeof(options.output_ids));
    ck_assert_int_eq(registry_file_new(&options, &registry), 0);
    ck_assert_str_eq(problems, "");
}
END_TEST

static Suite *registry_suite(void) {
    Suite *suite = suite_create("registry");
    TCase *tcase = tcase_create("registry");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, plans_are_found_by_id);
    tcase_add_test(tcase, outputs_have_their_ids_and_schemas);
    tcase_add_test(tcase, every_problem_is_reported_with_its_file);
    tcase_add_test(tcase, message_is_decoded_by_the_schema_it_names);
    tcase_add_loop_test(tcase, message_is_refused_with_a_reason, 0, (int)ARRAY_SIZE(wires));
    tcase_add_test(tcase, message_that_breaks_a_limit_is_refused);
    tcase_add_test(tcase, without_a_plan_the_registrys_word_is_passed_on);
    tcase_add_test(tcase, files_know_no_guids_and_settle_everything);
    tcase_add_test(tcase, ids_that_are_to_follow_may_be_anything);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return suite_run(registry_suite());
}
