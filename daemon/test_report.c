/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/test_report.h"

#include "daemon/case_instant.h"
#include "daemon/io/file_sink.h"

void test_report_deinit(TestReport *report) {
    json_writer_deinit(&report->writer);
}

/* --- for people -------------------------------------------------------------------------------------- */

static void print_failure(FILE *file, const char *path, const TestRun *run, const TestFailure *failure) {
    char at[CASE_INSTANT_TEXT_SIZE];

    case_instant_print(failure->at_ms, run->test->start_ms, at);
    fprintf(file, "%s:%u:%u: failed: %.*s\n", path, failure->mark.line, failure->mark.column,
            STR_FMT(run->test->name));
    fprintf(file, "    at %s", at);
    if (!str_eq_c(failure->subject, TEST_LEAD))
        fprintf(file, ", %.*s", STR_FMT(failure->subject));
    fprintf(file, ": %.*s\n        expected  %.*s\n        got       %.*s\n", STR_FMT(failure->what),
            STR_FMT(failure->expected), STR_FMT(failure->got));
    for (size_t i = 0; i < failure->n_notes; i++)
        fprintf(file, "      - %.*s\n", STR_FMT(failure->notes[i]));
}

static int print_case(FILE *file, const char *path, const TestRun *run) {
    for (size_t i = 0; i < run->n_failures; i++)
        print_failure(file, path, run, &run->failures[i]);
    if (run->n_all_failures > run->n_failures)
        fprintf(file, "%s: %zu more not shown: %.*s\n", path, run->n_all_failures - run->n_failures,
                STR_FMT(run->test->name));
    return ferror(file) ? -EIO : 0;
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
