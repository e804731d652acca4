/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/model_test/test_report.h"

#include "daemon/base/top_text.h"
#include "daemon/io/file/file_sink.h"
#include "daemon/model_test/case_instant.h"

void test_report_deinit(TestReport *report) {
    json_writer_deinit(&report->writer);
}

/* --- for people -------------------------------------------------------------------------------------- */

static void add_line(TopText *text, const char *before, Str s) {
    top_text_add(text, "%s", before);
    top_text_add_str(text, s);
    top_text_add(text, "\n");
}

static void add_failure(TopText *text, const char *path, const TestRun *run, const TestFailure *failure) {
    char at[CASE_INSTANT_TEXT_SIZE];

    case_instant_print(failure->at_ms, run->test->start_ms, at);
    top_text_add(text, "%s:%u:%u: failed: ", path, failure->mark.line, failure->mark.column);
    add_line(text, "", run->test->name);
    top_text_add(text, "    at %s", at);
    if (!str_eq_c(failure->subject, TEST_LEAD)) {
        top_text_add(text, ", ");
        top_text_add_str(text, failure->subject);
    }
    add_line(text, ": ", failure->what);
    add_line(text, "        expected  ", failure->expected);
    add_line(text, "        got       ", failure->got);
    for (size_t i = 0; i < failure->n_notes; i++)
        add_line(text, "      - ", failure->notes[i]);
}

static int print_case(FILE *file, const char *path, const TestRun *run) {
    TopText text = TOP_TEXT_INIT;
    int r = 0;

    for (size_t i = 0; i < run->n_failures; i++)
        add_failure(&text, path, run, &run->failures[i]);
    if (run->n_all_failures > run->n_failures) {
        top_text_add(&text, "%s: %zu more not shown: ", path, run->n_all_failures - run->n_failures);
        add_line(&text, "", run->test->name);
    }
    if (text.out_of_memory)
        r = -ENOMEM;
    else if (text.len > 0 && fwrite(text.data, 1, text.len, file) != text.len)
        r = errno > 0 ? -errno : -EIO;
    top_text_deinit(&text);
    return r;
}

/* --- as JSON ----------------------------------------------------------------------------------------- */

static void write_failure(JsonWriter *writer, const TestFailure *failure) {
    json_write_object_begin(writer, STR_NULL);
    json_write_integer(writer, STR_LITERAL("line"), failure->mark.line);
    json_write_integer(writer, STR_LITERAL("column"), failure->mark.column);
    json_write_time(writer, STR_LITERAL("at"), failure->at_ms);
    json_write_string(writer, STR_LITERAL("subject"), failure->subject);
    json_write_string(writer, STR_LITERAL("what"), failure->what);
    json_write_string(writer, STR_LITERAL("expected"), failure->expected);
    json_write_string(writer, STR_LITERAL("got"), failure->got);
    json_write_array_begin(writer, STR_LITERAL("notes"));
    for (size_t i = 0; i < failure->n_notes; i++)
        json_write_string(writer, STR_NULL, failure->notes[i]);
    json_write_array_end(writer);
    json_write_object_end(writer);
}

static int write_case(TestReport *report, const char *path, const TestRun *run) {
    JsonWriter *writer = &report->writer;

    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("file"), str_from(path));
    json_write_integer(writer, STR_LITERAL("line"), run->test->mark.line);
    json_write_string(writer, STR_LITERAL("case"), run->test->name);
    json_write_boolean(writer, STR_LITERAL("passed"), run->n_all_failures == 0);
    json_write_integer(writer, STR_LITERAL("expectations"), (int64_t)run->n_expected);
    json_write_integer(writer, STR_LITERAL("failed"), (int64_t)run->n_all_failures);
    json_write_array_begin(writer, STR_LITERAL("failures"));
    for (size_t i = 0; i < run->n_failures; i++)
        write_failure(writer, &run->failures[i]);
    json_write_array_end(writer);
    json_write_object_end(writer);
    json_write_newline(writer);
    return json_writer_flush(writer, report->file);
}

/* --- both -------------------------------------------------------------------------------------------- */

int test_report_case(TestReport *report, const char *path, const TestRun *run) {
    if (run->n_all_failures > 0)
        report->n_failed++;
    else
        report->n_passed++;
    return report->json ? write_case(report, path, run) : print_case(report->file, path, run);
}

int test_report_sum(TestReport *report) {
    JsonWriter *writer = &report->writer;

    if (!report->json) {
        if (report->n_passed + report->n_failed > 0)
            fprintf(report->file, "%zu passed, %zu failed\n", report->n_passed, report->n_failed);
        return ferror(report->file) ? -EIO : 0;
    }
    json_write_object_begin(writer, STR_NULL);
    json_write_integer(writer, STR_LITERAL("cases_passed"), (int64_t)report->n_passed);
    json_write_integer(writer, STR_LITERAL("cases_failed"), (int64_t)report->n_failed);
    json_write_object_end(writer);
    json_write_newline(writer);
    return json_writer_flush(writer, report->file);
}
