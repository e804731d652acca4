/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/json/json_event.h"
#include "tests/unit/suite.h"

#include <stdio.h>

static JsonEventReader reader;

static void setup(void) {
    ck_assert_int_eq(json_event_reader_init(&reader), 0);
}

static void teardown(void) {
    json_event_reader_deinit(&reader);
}

static LeadEvent read_event(const char *line) {
    LeadEvent event;
    int r = json_event_read(&reader, str_from(line), &event);
    if (r)
        ck_abort_msg("%s: %d %s: %s", line, r, reader.reason, reader.text);
    return event;
}

/* An event's beginning, with all that is required but what a test is about. */
#define BUT_TIME "\"event_id\":\"e1\",\"lead_id\":\"l1\",\"type\":\"page_view\""
#define REQUIRED BUT_TIME ",\"occurred_at\":1000"

START_TEST(event_has_all_fields) {
    LeadEvent e =
            read_event("{\"topic\":\"t\",\"campaign\":\"c\",\"source\":\"\",\"account_id\":\"a1\"," REQUIRED
                       ",\"properties\":{\"url\":\"/pricing\",\"n\":9007199254740993,\"x\":2.5,"
                       "\"automated\":false,\"gone\":null,\"\":1e2}}");
    ck_assert(str_eq_c(e.event_id, "e1"));
    ck_assert(str_eq_c(e.lead_id, "l1"));
    ck_assert(str_eq_c(e.type, "page_view"));
    ck_assert(str_eq_c(e.account_id, "a1"));
    ck_assert(str_eq_c(e.source, ""));
    ck_assert(str_eq_c(e.campaign, "c"));
    ck_assert(str_eq_c(e.topic, "t"));
    ck_assert_int_eq(e.occurred_at_ms, 1000);
    ck_assert_uint_eq(e.n_properties, 6);
    ck_assert(str_eq_c(event_property(&e, STR_LITERAL("url")).string, "/pricing"));
    ck_assert_int_eq(event_property(&e, STR_LITERAL("n")).integer, INT64_C(9007199254740993));
    ck_assert_double_eq(event_property(&e, STR_LITERAL("x")).number, 2.5);
    ck_assert_int_eq(event_property(&e, STR_LITERAL("automated")).type, VALUE_BOOLEAN);
    ck_assert_int_eq(event_property(&e, STR_LITERAL("gone")).type, VALUE_NULL);
    ck_assert_int_eq(event_property(&e, STR_LITERAL("")).type, VALUE_DOUBLE);
}
END_TEST

static const char *const bare_lines[] = {
        "{" REQUIRED "}",
        " {" REQUIRED "}\r",
        "{" REQUIRED
        ",\"account_id\":null,\"source\":null,\"campaign\":null,\"topic\":null,\"properties\":null}",
        "{" REQUIRED ",\"properties\":{}}",
        "{\"event\":{\"event_id\":[1,{\"lead_id\":null}]}," REQUIRED
        ",\"n\":99999999999999999999,\"m\":1e999}",
};

START_TEST(absent_is_null_and_unknown_is_passed_over) {
    LeadEvent e = read_event(bare_lines[_i]);
    ck_assert(str_is_null(e.account_id));
    ck_assert(str_is_null(e.source));
    ck_assert(str_is_null(e.campaign));
    ck_assert(str_is_null(e.topic));
    ck_assert_uint_eq(e.n_properties, 0);
}
END_TEST

static const struct {
    const char *value;
    int64_t ms;
} times[] = {
        {"0", 0},
        {"253402300799999", EVENT_TIME_MS_MAX},
        {"\"1970-01-01T00:00:01Z\"", 1000},
        {"\"2026-01-01T01:00:00.0079+01:00\"", INT64_C(1767225600007)},
};

START_TEST(time_is_milliseconds_or_rfc_3339) {
    char line[256];
    snprintf(line, sizeof(line), "{" BUT_TIME ",\"occurred_at\":%s}", times[_i].value);
    ck_assert_int_eq(read_event(line).occurred_at_ms, times[_i].ms);
}
END_TEST

START_TEST(last_of_repeated_members_counts) {
    LeadEvent e =
            read_event("{\"event_id\":5,\"occurred_at\":1e9,\"properties\":[1],\"source\":{\"a\":1},"
                       "\"topic\":\"t\"," REQUIRED ",\"properties\":{\"a\":[],\"b\":99999999999999999999,"
                       "\"a\":1,\"b\":2,\"c\":3,\"\\u0061\":4},\"source\":\"s\",\"topic\":null}");
    ck_assert(str_eq_c(e.source, "s"));
    ck_assert(str_is_null(e.topic));
    ck_assert_uint_eq(e.n_properties, 3);
    ck_assert_int_eq(event_property(&e, STR_LITERAL("a")).integer, 4);
    ck_assert_int_eq(event_property(&e, STR_LITERAL("b")).integer, 2);
    ck_assert_int_eq(event_property(&e, STR_LITERAL("c")).integer, 3);
    /* The same for the whole of the properties. */
    e = read_event("{\"properties\":{\"a\":[]}," REQUIRED ",\"properties\":{\"z\":1}}");
    ck_assert_uint_eq(e.n_properties, 1);
    e = read_event("{\"properties\":{\"a\":1}," REQUIRED ",\"properties\":null}");
    ck_assert_uint_eq(e.n_properties, 0);
}
END_TEST

static const struct {
    const char *line, *reason, *text;
} rejected[] = {
        {"", "bad_json", "expected a value, at byte 1"},
        {"{" REQUIRED, "bad_json", "expected a comma or }, at byte"},
        {"{" REQUIRED "} x", "bad_json", "something follows the value"},
        {"{" REQUIRED ",\"x\":\"\xFF\"}", "bad_json", "not UTF-8"},
        {"{" REQUIRED ",\"x\":\"\\ud800\"}", "bad_json", "surrogate"},
        /* Not JSON comes before not an event. */
        {"{\"event_id\":1,}", "bad_json", "expected a member's name"},
        {"null", "schema", "an object expected"},
        {"[{" REQUIRED "}]", "schema", "an object expected"},
        {"{}", "schema", "event_id: missing"},
        {"{\"event_id\":null,\"lead_id\":\"l\",\"type\":\"t\",\"occurred_at\":1}", "schema",
                "event_id: missing"},
        {"{" REQUIRED ",\"event_id\":7}", "schema", "event_id: a string expected"},
        {"{" REQUIRED ",\"lead_id\":null}", "schema", "lead_id: missing"},
        {"{" REQUIRED ",\"type\":{}}", "schema", "type: a string expected"},
        {"{" REQUIRED ",\"account_id\":1}", "schema", "account_id: a string or null expected"},
        {"{" REQUIRED ",\"source\":false}", "schema", "source: a string or null expected"},
        {"{" REQUIRED ",\"event_id\":\"\"}", "schema", "event_id"},
        {"{" REQUIRED ",\"account_id\":\"\"}", "schema", "account_id"},
        {"{" BUT_TIME "}", "schema", "occurred_at: missing"},
        {"{" REQUIRED ",\"occurred_at\":null}", "schema", "occurred_at: missing"},
        {"{" REQUIRED ",\"occurred_at\":1.5}", "schema", "occurred_at: integer milliseconds or"},
        {"{" REQUIRED ",\"occurred_at\":1e3}", "schema", "occurred_at: integer milliseconds or"},
        {"{" REQUIRED ",\"occurred_at\":\"yesterday\"}", "schema", "occurred_at: integer milliseconds or"},
        {"{" REQUIRED ",\"occurred_at\":\"1000\"}", "schema", "occurred_at: integer milliseconds or"},
        {"{" REQUIRED ",\"occurred_at\":true}", "schema", "occurred_at: integer milliseconds or"},
        {"{" REQUIRED ",\"occurred_at\":9223372036854775808}", "schema", "integer outside 64 bits"},
        {"{" REQUIRED ",\"occurred_at\":-1}", "schema", "occurred_at"},
        {"{" REQUIRED ",\"occurred_at\":253402300800000}", "schema", "occurred_at"},
        {"{" REQUIRED ",\"properties\":[]}", "schema", "properties: an object or null expected"},
        {"{" REQUIRED ",\"properties\":{\"a\":{\"b\":1}}}", "schema", "properties.a: null"},
        {"{" REQUIRED ",\"properties\":{\"a\":[]}}", "schema", "properties.a: null"},
        {"{" REQUIRED ",\"properties\":{\"a\":99999999999999999999}}", "schema",
                "properties.a: integer outside 64 bits"},
        {"{" REQUIRED ",\"properties\":{\"a\":-1e400}}", "schema", "properties.a: number outside"},
        {"{" REQUIRED ",\"properties\":{\"\\u001b[1m\\u0085\xC3\xA9\":[]}}", "schema",
                "properties.?[1m?\xC3\xA9: "},
};

START_TEST(no_event_is_rejected_with_reason_and_text) {
    LeadEvent event = {.occurred_at_ms = 77};
    ck_assert_int_eq(json_event_read(&reader, str_from(rejected[_i].line), &event), JSON_EVENT_E_REJECTED);
    ck_assert_str_eq(reader.reason, rejected[_i].reason);
    if (!strstr(reader.text, rejected[_i].text))
        ck_abort_msg("\"%s\" is not in \"%s\"", rejected[_i].text, reader.text);
    ck_assert_int_eq(event.occurred_at_ms, 77);
}
END_TEST

/* An event with n properties p0, p1, … on the heap. */
static char *line_with_properties(int n) {
    char *line;
    size_t len;
    FILE *file = open_memstream(&line, &len);
    fputs("{" REQUIRED ",\"properties\":{", file);
    for (int i = 0; i < n; i++)
        fprintf(file, "%s\"p%d\":%d", i ? "," : "", i, i);
    fputs("}}", file);
    fclose(file);
    return line;
}

START_TEST(properties_have_a_limit) {
    LeadEvent event;
    _cleanup_(free_null) char *most = line_with_properties(EVENT_PROPERTIES_MAX);
    _cleanup_(free_null) char *more = line_with_properties(EVENT_PROPERTIES_MAX + 1);
    ck_assert_uint_eq(read_event(most).n_properties, EVENT_PROPERTIES_MAX);
    ck_assert_int_eq(json_event_read(&reader, str_from(more), &event), JSON_EVENT_E_REJECTED);
    ck_assert_str_eq(reader.text, "properties: at most 1024 expected");
    ck_assert_uint_eq(read_event(most).n_properties, EVENT_PROPERTIES_MAX);
}
END_TEST

START_TEST(long_name_is_cut_in_the_text) {
    char line[1024];
    LeadEvent event;
    snprintf(line, sizeof(line), "{" REQUIRED ",\"properties\":{\"%0200d\":[]}}", 0);
    ck_assert_int_eq(json_event_read(&reader, str_from(line), &event), JSON_EVENT_E_REJECTED);
    ck_assert_ptr_nonnull(strstr(reader.text, "000: null"));
}
END_TEST

START_TEST(buffers_are_kept) {
    const char *line = "{" REQUIRED ",\"source\":\"a\\tb\",\"properties\":{\"a\\n\":1,\"b\":\"\\u00e9\"}}";
    read_event(line);
    const Property *properties = reader.properties;
    const char *scratch = reader.json.scratch;
    for (int i = 0; i < 10; i++) {
        LeadEvent e = read_event(line);
        ck_assert_ptr_eq(e.properties, properties);
        ck_assert_ptr_eq(e.source.data, scratch);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("json_event");
    TCase *tcase = tcase_create("json_event");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, event_has_all_fields);
    tcase_add_loop_test(tcase, absent_is_null_and_unknown_is_passed_over, 0, ARRAY_SIZE(bare_lines));
    tcase_add_loop_test(tcase, time_is_milliseconds_or_rfc_3339, 0, ARRAY_SIZE(times));
    tcase_add_test(tcase, last_of_repeated_members_counts);
    tcase_add_loop_test(tcase, no_event_is_rejected_with_reason_and_text, 0, ARRAY_SIZE(rejected));
    tcase_add_test(tcase, properties_have_a_limit);
    tcase_add_test(tcase, long_name_is_cut_in_the_text);
    tcase_add_test(tcase, buffers_are_kept);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
