/* SPDX-License-Identifier: Apache-2.0 */
/* Lines as they arrive at standard error, which is a file here. */
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"
#include "lib/timestamp.h"
#include "tests/unit/suite.h"

#define LOGFMT_HEAD "time="
#define JSON_HEAD "{\"time\":\""
#define CAPTURE_SIZE (256 * 1024)

static int saved_stderr = -1;
static FILE *captured;

static void capture_begin(void) {
    captured = tmpfile();
    saved_stderr = dup(STDERR_FILENO);
    ck_assert(captured && saved_stderr >= 0);
    ck_assert_int_ge(dup2(fileno(captured), STDERR_FILENO), 0);
}

/* What was written since, as a string that is good until the next call. */
static const char *capture_end(void) {
    static char text[CAPTURE_SIZE];
    ck_assert_int_ge(dup2(saved_stderr, STDERR_FILENO), 0);
    (void)close(saved_stderr);
    ssize_t n = pread(fileno(captured), text, sizeof(text) - 1, 0);
    (void)fclose(captured);
    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    return text;
}

/* What follows the head and the time, which must be one. */
static const char *after_time(const char *line, const char *head) {
    int64_t at_ms;
    ck_assert_msg(strncmp(line, head, strlen(head)) == 0, "no time: %s", line);
    line += strlen(head);
    ck_assert_msg(strlen(line) > TIMESTAMP_TEXT_SIZE &&
                          timestamp_parse((Str){line, TIMESTAMP_TEXT_SIZE - 1}, &at_ms),
            "no time: %s", line);
    return line + TIMESTAMP_TEXT_SIZE - 1;
}

START_TEST(logfmt_line_has_time_level_event_and_fields) {
    capture_begin();
    log_configure(LOG_LOGFMT, LOG_INFO);
    log_info("shard.taken", LOG_INT("shard", 3), LOG_STR("lineage", "ab12"), LOG_DOUBLE("share", 0.1),
            LOG_BYTES("id", ((Str){"lead-77", 6})));
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD),
            " level=info event=shard.taken shard=3 lineage=ab12 share=0.1 id=lead-7\n");
}
END_TEST

START_TEST(json_line_has_time_level_event_and_fields) {
    capture_begin();
    log_configure(LOG_JSON, LOG_INFO);
    log_warning("shard.taken", LOG_INT("shard", INT64_MIN), LOG_STR("lineage", "ab12"),
            LOG_DOUBLE("share", NAN), LOG_STR("none", NULL));
    ck_assert_str_eq(after_time(capture_end(), JSON_HEAD),
            "\",\"level\":\"warning\",\"event\":\"shard.taken\",\"shard\":-9223372036854775808,"
            "\"lineage\":\"ab12\",\"share\":null,\"none\":null}\n");
}
END_TEST

#define BYTES(literal)                                                                                       \
    { literal, sizeof(literal) - 1 }
static const struct {
    Str value;
    const char *logfmt, *json;
} values[] = {
        {BYTES("plain-1.2/x:y"), "plain-1.2/x:y", "\"plain-1.2/x:y\""},
        {BYTES(""), "\"\"", "\"\""},
        {BYTES("two words"), "\"two words\"", "\"two words\""},
        {BYTES("a=b"), "\"a=b\"", "\"a=b\""},
        {BYTES("say \"hi\""), "\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\""},
        {BYTES("back\\slash"), "\"back\\\\slash\"", "\"back\\\\slash\""},
        {BYTES("line\nline\r\ttab"), "\"line\\nline\\r\\ttab\"", "\"line\\nline\\r\\ttab\""},
        {BYTES("\x1b[31mred\x7f"), "\"\\u001b[31mred\\u007f\"", "\"\\u001b[31mred\\u007f\""},
        {BYTES("nul\0nul"), "\"nul\\u0000nul\"", "\"nul\\u0000nul\""},
        {BYTES("\xC2\x9B"), "\"\\u009b\"", "\"\\u009b\""},
        {BYTES("Z\xC3\xBCrich"), "\"Z\xC3\xBCrich\"", "\"Z\xC3\xBCrich\""},
        {BYTES("bad \xFF\xC3("), "\"bad \xEF\xBF\xBD\xEF\xBF\xBD(\"", "\"bad \xEF\xBF\xBD\xEF\xBF\xBD(\""},
};

START_TEST(value_is_escaped) {
    char expected[256];
    capture_begin();
    log_configure(LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_BYTES("v", values[_i].value));
    (void)snprintf(expected, sizeof(expected), " level=info event=e v=%s\n", values[_i].logfmt);
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD), expected);

    capture_begin();
    log_configure(LOG_JSON, LOG_INFO);
    log_info("e", LOG_BYTES("v", values[_i].value));
    (void)snprintf(
            expected, sizeof(expected), "\",\"level\":\"info\",\"event\":\"e\",\"v\":%s}\n", values[_i].json);
    ck_assert_str_eq(after_time(capture_end(), JSON_HEAD), expected);
}
END_TEST

START_TEST(null_text_differs_from_empty_one) {
    capture_begin();
    log_configure(LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_STR("none", NULL), LOG_INT("n", 1));
    ck_assert_str_eq(after_time(capture_end(), LOGFMT_HEAD), " level=info event=e none= n=1\n");
}
END_TEST

START_TEST(long_value_is_cut_between_characters) {
    char value[1200];
    /* The thousandth byte is the first of a character of two. */
    memset(value, 'a', sizeof(value));
    memcpy(value + 999, "\xC3\xBC", 2);
    capture_begin();
    log_configure(LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_BYTES("v", ((Str){value, sizeof(value)})), LOG_INT("n", 1));
    const char *line = strstr(capture_end(), " v=");
    ck_assert_ptr_nonnull(line);
    ck_assert_uint_eq(strspn(line + 3, "a"), 999);
    ck_assert_str_eq(line + 3 + 999, "... n=1\n");
}
END_TEST

/* A line of values that each make it longer by up to six times, with every remainder of room at its end. */
START_TEST(long_line_stays_whole_and_well_formed) {
    char padding[64], control[1000];
    memset(padding, 'x', sizeof(padding));
    memset(control, '\x01', sizeof(control));
    capture_begin();
    log_configure(_i % 2 ? LOG_JSON : LOG_LOGFMT, LOG_INFO);
    log_info("e", LOG_BYTES("p", ((Str){padding, (size_t)_i})), LOG_BYTES("a", ((Str){control, 600})),
            LOG_BYTES("b", ((Str){control, sizeof(control)})), LOG_INT("c", 1), LOG_STR("d", "x"));
    const char *line = capture_end();
    size_t len = strlen(line);
    ck_assert_uint_le(len, PIPE_BUF);
    ck_assert_uint_gt(len, PIPE_BUF - 100);
    ck_assert_ptr_eq(strchr(line, '\n'), line + len - 1);
    ck_assert_msg(strstr(line, _i % 2 ? "\\u0001...\"}\n" : "\\u0001...\"\n"), "no end: %s", line + len - 40);
}
END_TEST

START_TEST(lines_below_the_level_are_left_out) {
    capture_begin();
    log_configure(LOG_LOGFMT, LOG_WARNING);
    log_debug("no", LOG_INT("n", 1));
    log_info("no", LOG_INT("n", 2));
    log_warning("yes", LOG_INT("n", 3));
    log_error("yes", LOG_INT("n", 4));
    const char *text = capture_end();
    ck_assert_ptr_null(strstr(text, "event=no"));
    ck_assert_ptr_nonnull(strstr(text, "level=warning event=yes n=3\n"));
    ck_assert_ptr_nonnull(strstr(text, "level=error event=yes n=4\n"));
}
END_TEST

START_TEST(errno_is_kept) {
    capture_begin();
    (void)close(STDERR_FILENO);
    errno = ENOSPC;
    log_error("e", LOG_INT("n", 1));
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_str_eq(capture_end(), "");
}
END_TEST

START_TEST(journal_is_told_the_priority) {
    char stream[64];
    struct stat st;
    capture_begin();
    ck_assert_int_eq(fstat(STDERR_FILENO, &st), 0);
    (void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
            (unsigned long long)st.st_ino);
    ck_assert_int_eq(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_configure(LOG_LOGFMT, LOG_INFO);
    log_error("e", LOG_INT("n", 1));
    ck_assert_str_eq(after_time(capture_end(), "<3>" LOGFMT_HEAD), " level=error event=e n=1\n");
}
END_TEST

#define N_THREADS 4
#define N_LINES 40

static void *write_lines(void *userdata) {
    const char *letter = userdata;
    char value[900];
    memset(value, *letter, sizeof(value));
    for (int i = 0; i < N_LINES; i++)
        log_info("e", LOG_BYTES("v", ((Str){value, sizeof(value)})));
    return NULL;
}

START_TEST(lines_of_threads_do_not_interleave) {
    pthread_t threads[N_THREADS];
    int n_lines = 0;
    capture_begin();
    log_configure(LOG_LOGFMT, LOG_INFO);
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t) & "abcd"[i]), 0);
    for (int i = 0; i < N_THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    for (const char *line = capture_end(); *line; n_lines++) {
        static const char fields[] = " level=info event=e v=";
        line = after_time(line, LOGFMT_HEAD);
        ck_assert_int_eq(strncmp(line, fields, strlen(fields)), 0);
        line += strlen(fields);
        ck_assert_uint_eq(strspn(line, (char[]){line[0], '\0'}), 900);
        ck_assert_int_eq(line[900], '\n');
        line += 901;
    }
    ck_assert_int_eq(n_lines, N_THREADS * N_LINES);
}
END_TEST

START_TEST(limit_lets_a_burst_through_and_counts_the_rest) {
    LogLimit limit = {0};
    unsigned left_out = 99;
    ck_assert(log_limit_allows(&limit, 5, 2, &left_out));
    ck_assert_uint_eq(left_out, 0);
    ck_assert(log_limit_allows(&limit, 6, 2, &left_out));
    left_out = 99;
    for (int64_t now_ms = 7; now_ms < 10; now_ms++)
        ck_assert(!log_limit_allows(&limit, now_ms, 2, &left_out));
    ck_assert(!log_limit_allows(&limit, 10004, 2, &left_out));
    ck_assert_uint_eq(left_out, 99);

    ck_assert(log_limit_allows(&limit, 10005, 2, &left_out));
    ck_assert_uint_eq(left_out, 4);
    ck_assert(log_limit_allows(&limit, 10006, 2, &left_out));
    ck_assert_uint_eq(left_out, 0);
}
END_TEST

START_TEST(limit_starts_anew_when_the_clock_goes_back) {
    LogLimit limit = {0};
    unsigned left_out;
    ck_assert(log_limit_allows(&limit, 50000, 1, &left_out));
    ck_assert(!log_limit_allows(&limit, 50001, 1, &left_out));
    ck_assert(log_limit_allows(&limit, 20000, 1, &left_out));
    ck_assert_uint_eq(left_out, 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_test(tcase, logfmt_line_has_time_level_event_and_fields);
    tcase_add_test(tcase, json_line_has_time_level_event_and_fields);
    tcase_add_loop_test(tcase, value_is_escaped, 0, ARRAY_SIZE(values));
    tcase_add_test(tcase, null_text_differs_from_empty_one);
    tcase_add_test(tcase, long_value_is_cut_between_characters);
    tcase_add_loop_test(tcase, long_line_stays_whole_and_well_formed, 0, 64);
    tcase_add_test(tcase, lines_below_the_level_are_left_out);
    tcase_add_test(tcase, errno_is_kept);
    tcase_add_test(tcase, journal_is_told_the_priority);
    tcase_add_test(tcase, lines_of_threads_do_not_interleave);
    tcase_add_test(tcase, limit_lets_a_burst_through_and_counts_the_rest);
    tcase_add_test(tcase, limit_starts_anew_when_the_clock_goes_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
