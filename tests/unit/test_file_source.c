/* SPDX-License-Identifier: Apache-2.0 */
/* Lines in, outputs out: the adapters of a run without servers. */
#include "daemon/io/file/file_sink.h"
#include "daemon/io/file/file_source.h"
#include "daemon/io/json/json_reader.h"
#include "tests/unit/suite.h"

#define EVENT(id) "{\"event_id\":\"" id "\",\"lead_id\":\"l\",\"type\":\"t\",\"occurred_at\":1}"

static FILE *file;
static FileSource *source;

/* `text` outlives the source. */
static void open_text(const char *text, size_t len) {
    file = fmemopen((char *)(uintptr_t)text, len, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(file_source_new(file, &source), 0);
}

static void teardown(void) {
    source = file_source_free(source);
    if (file)
        fclose(file);
    file = NULL;
}

static void assert_event(uint64_t number, const char *event_id) {
    FileLine line;
    ck_assert_int_eq(file_source_next(source, &line), 0);
    ck_assert_uint_eq(line.number, number);
    ck_assert(str_eq_c(line.event.event_id, event_id));
}

static void assert_bad(uint64_t number, const char *reason, Str original) {
    FileLine line;
    ck_assert_int_eq(file_source_next(source, &line), FILE_SOURCE_E_BAD_LINE);
    ck_assert_uint_eq(line.number, number);
    ck_assert_str_eq(line.reason, reason);
    ck_assert_str_ne(line.text, "");
    ck_assert(str_eq(line.original, original));
}

static void assert_end(void) {
    FileLine line = {.number = 77};
    ck_assert_int_eq(file_source_next(source, &line), FILE_SOURCE_E_END);
    ck_assert_uint_eq(line.number, 77);
}

START_TEST(lines_come_in_order_and_blank_ones_are_passed_over) {
    static const char text[] = "\n" EVENT("e1") "\n \t\r\n" EVENT("e2") "\r\n{\n\n[]\r\n" EVENT("e3");
    open_text(text, sizeof(text) - 1);
    assert_event(2, "e1");
    assert_event(4, "e2");
    assert_bad(5, "bad_json", STR_LITERAL("{"));
    assert_bad(7, "schema", STR_LITERAL("[]\r"));
    assert_event(8, "e3");
    assert_end();
    assert_end();
}
END_TEST

static const char *const empty_texts[] = {"", "\n", "  ", "\n\r\n\t"};

START_TEST(nothing_but_blank_lines_is_the_end) {
    open_text(empty_texts[_i], strlen(empty_texts[_i]));
    assert_end();
}
END_TEST

START_TEST(nul_byte_is_part_of_its_line) {
    static const char text[] = "\0\n{}\0\n" EVENT("e1") "\n";
    open_text(text, sizeof(text) - 1);
    assert_bad(1, "bad_json", STR_LITERAL("\0"));
    assert_bad(2, "bad_json", STR_LITERAL("{}\0"));
    assert_event(3, "e1");
    assert_end();
}
END_TEST

START_TEST(line_has_a_limit_and_the_rest_goes_on) {
    static const char before[] = EVENT("e1") "\n", after[] = "\n" EVENT("e2") "\n";
    size_t n = JSON_TEXT_LEN_MAX + 5, len = sizeof(before) - 1 + n + sizeof(after) - 1;
    _cleanup_(free_null) char *text = malloc(len);
    memset(text, ' ', len);
    memcpy(text, before, sizeof(before) - 1);
    memcpy(text + len - (sizeof(after) - 1), after, sizeof(after) - 1);
    open_text(text, len);
    assert_event(1, "e1");
    assert_bad(2, "bad_json", (Str){text + sizeof(before) - 1, JSON_TEXT_LEN_MAX});
    assert_event(3, "e2");
    assert_end();
}
END_TEST

START_TEST(failure_to_read_is_passed_on) {
    FileLine line;
    file = fopen("/", "re"); /* opens, and cannot be read */
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(file_source_new(file, &source), 0);
    ck_assert_int_eq(file_source_next(source, &line), -EISDIR);
}
END_TEST

START_TEST(output_is_a_line_of_json) {
    char *text;
    size_t len;
    file = open_memstream(&text, &len);
    FileSink sink = FILE_SINK_INIT(file);
    OutputSink output_sink = file_sink_output(&sink);
    const Output output = {
            .type = OUTPUT_DEAD_LETTER,
            .dead_letter = {.original = STR_LITERAL("{\"\xFF\n"),
                    .partition = -1,
                    .offset = 12,
                    .reason = STR_LITERAL("bad_json"),
                    .text = STR_LITERAL("not UTF-8")},
    };
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(output_sink.output(output_sink.userdata, &output), 0);
    fflush(file);
#define LINE                                                                                                 \
    "{\"output\":\"DeadLetter\",\"original\":\"{\\\"\xEF\xBF\xBD\\n\",\"topic\":null,\"partition\":null,"    \
    "\"offset\":12,\"reason\":\"bad_json\",\"text\":\"not UTF-8\"}\n"
    ck_assert_str_eq(text, LINE LINE);
    file_sink_deinit(&sink);
    fclose(file);
    file = NULL;
    free(text);
}
END_TEST

START_TEST(failure_to_write_is_passed_on) {
    file = fopen("/dev/full", "we");
    ck_assert_ptr_nonnull(file);
    setvbuf(file, NULL, _IONBF, 0);
    FileSink sink = FILE_SINK_INIT(file);
    OutputSink output_sink = file_sink_output(&sink);
    const Output output = {.type = OUTPUT_DEAD_LETTER};
    ck_assert_int_eq(output_sink.output(output_sink.userdata, &output), -ENOSPC);
    file_sink_deinit(&sink);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("file_source");
    TCase *tcase = tcase_create("source");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, lines_come_in_order_and_blank_ones_are_passed_over);
    tcase_add_loop_test(tcase, nothing_but_blank_lines_is_the_end, 0, ARRAY_SIZE(empty_texts));
    tcase_add_test(tcase, nul_byte_is_part_of_its_line);
    tcase_add_test(tcase, line_has_a_limit_and_the_rest_goes_on);
    tcase_add_test(tcase, failure_to_read_is_passed_on);
    suite_add_tcase(suite, tcase);

    TCase *sink = tcase_create("sink");
    tcase_add_checked_fixture(sink, NULL, teardown);
    tcase_add_test(sink, output_is_a_line_of_json);
    tcase_add_test(sink, failure_to_write_is_passed_on);
    suite_add_tcase(suite, sink);
    return suite_run(suite);
}
