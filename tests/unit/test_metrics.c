/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/metrics.h"

#include <stdio.h>

#include "daemon/service/metrics_text.h"
#include "tests/unit/suite.h"

enum { TEST_EVENTS, TEST_DEPTH, TEST_LATENCY, TEST_PLAIN, _TEST_MAX };

static const double bounds[] = {0.25, 1, 10};
static const Metric table[] = {
        [TEST_EVENTS] = {.name = "t_events_total", .type = METRIC_COUNTER, .labels = {"kind", "who"}, .series_max = 3, .help = "Say \"a\\b\"\nand on."},
        [TEST_DEPTH] = {.name = "t_depth_bytes", .type = METRIC_GAUGE, .unit = "bytes", .labels = {"shard"}, .series_max = 500, .help = "Depth."},
        [TEST_LATENCY] = {.name = "t_latency_seconds", .type = METRIC_HISTOGRAM, .unit = "seconds", .labels = {"kind"}, .bounds = bounds,
                .n_bounds = ARRAY_SIZE(bounds), .series_max = 10, .help = "Latency."},
        [TEST_PLAIN] = {.name = "t_plain_total", .type = METRIC_COUNTER, .series_max = 1, .help = "Plain."},
};

#define VALUES(...) ((const Str[]){__VA_ARGS__})
#define A STR_LITERAL("a")
#define B STR_LITERAL("b")

static Metrics *new_metrics(void) {
    Metrics *metrics = NULL;
    ck_assert_int_eq(metrics_new(table, _TEST_MAX, &metrics), 0);
    return metrics;
}

/* All of it as lines; the caller's. */
static char *text_of(const Metrics *metrics, MetricsFormat format) {
    char *text = NULL;
    size_t len;
    ck_assert_int_eq(metrics_text(metrics, format, 1 << 20, &text, &len), 0);
    text = realloc(text, len + 1);
    ck_assert_ptr_nonnull(text);
    text[len] = '\0';
    return text;
}

static void expect_text(const Metrics *metrics, MetricsFormat format, const char *expected) {
    _cleanup_(free_null) char *text = text_of(metrics, format);
    ck_assert_str_eq(text, expected);
}

static void expect_line(const Metrics *metrics, const char *line, bool is_there) {
    _cleanup_(free_null) char *text = text_of(metrics, METRICS_PROMETHEUS);
    char whole[512];
    (void)snprintf(whole, sizeof(whole), "\n%s\n", line);
    ck_assert_msg((strstr(text, whole) != NULL) == is_there, "%s is %s in:\n%s", line, is_there ? "not" : "also", text);
}

START_TEST(prometheus_text_is_as_its_format_says) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    metrics_add(m, TEST_EVENTS, VALUES(A, STR_LITERAL("q\"b\\s\nn")), 2);
    metrics_add(m, TEST_EVENTS, VALUES(A, STR_LITERAL("q\"b\\s\nn")), 1);
    metrics_set(m, TEST_DEPTH, &A, 0.1);
    metrics_observe(m, TEST_LATENCY, &B, 0.25);
    metrics_observe(m, TEST_LATENCY, &B, 0.5);
    metrics_observe(m, TEST_LATENCY, &B, 11);
    expect_text(m, METRICS_PROMETHEUS,
            "# HELP t_events_total Say \"a\\\\b\"\\nand on.\n"
            "# TYPE t_events_total counter\n"
            "t_events_total{kind=\"a\",who=\"q\\\"b\\\\s\\nn\"} 3\n"
            "# HELP t_depth_bytes Depth.\n"
            "# TYPE t_depth_bytes gauge\n"
            "t_depth_bytes{shard=\"a\"} 0.1\n"
            "# HELP t_latency_seconds Latency.\n"
            "# TYPE t_latency_seconds histogram\n"
            "t_latency_seconds_bucket{kind=\"b\",le=\"0.25\"} 1\n"
            "t_latency_seconds_bucket{kind=\"b\",le=\"1.0\"} 2\n"
            "t_latency_seconds_bucket{kind=\"b\",le=\"10.0\"} 2\n"
            "t_latency_seconds_bucket{kind=\"b\",le=\"+Inf\"} 3\n"
            "t_latency_seconds_sum{kind=\"b\"} 11.75\n"
            "t_latency_seconds_count{kind=\"b\"} 3\n"
            "# HELP t_plain_total Plain.\n"
            "# TYPE t_plain_total counter\n");
}
END_TEST

START_TEST(openmetrics_has_families_units_and_an_end) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    metrics_add(m, TEST_PLAIN, NULL, 1e15);
    metrics_set(m, TEST_DEPTH, &A, 7);
    expect_text(m, METRICS_OPENMETRICS,
            "# HELP t_events Say \\\"a\\\\b\\\"\\nand on.\n"
            "# TYPE t_events counter\n"
            "# HELP t_depth_bytes Depth.\n"
            "# TYPE t_depth_bytes gauge\n"
            "# UNIT t_depth_bytes bytes\n"
            "t_depth_bytes{shard=\"a\"} 7\n"
            "# HELP t_latency_seconds Latency.\n"
            "# TYPE t_latency_seconds histogram\n"
            "# UNIT t_latency_seconds seconds\n"
            "# HELP t_plain Plain.\n"
            "# TYPE t_plain counter\n"
            "t_plain_total 1000000000000000\n"
            "# EOF\n");
}
END_TEST

START_TEST(what_is_no_utf8_is_replaced) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    metrics_set(m, TEST_DEPTH, VALUES(STR_LITERAL("x\xFFy\xC3\xA9")), 1);
    expect_line(m, "t_depth_bytes{shard=\"x\xEF\xBF\xBDy\xC3\xA9\"} 1", true);
}
END_TEST

START_TEST(long_labels_are_cut_and_a_nul_ends_one) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    char label[METRIC_LABEL_LEN_MAX + 20], line[256];
    memset(label, 'x', sizeof(label));
    metrics_set(m, TEST_DEPTH, VALUES(((Str){label, sizeof(label)})), 1);
    metrics_set(m, TEST_DEPTH, VALUES(((Str){"a\0b", 3})), 2);
    metrics_set(m, TEST_DEPTH, VALUES(STR_NULL), 3);
    (void)snprintf(line, sizeof(line), "t_depth_bytes{shard=\"%.*s\"} 1", METRIC_LABEL_LEN_MAX, label);
    expect_line(m, line, true);
    expect_line(m, "t_depth_bytes{shard=\"a\"} 2", true);
    expect_line(m, "t_depth_bytes{shard=\"\"} 3", true);
}
END_TEST

START_TEST(series_beyond_the_limit_are_left_out_and_counted) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    for (int round = 0; round < 2; round++)
        for (char c = 'a'; c <= 'e'; c++)
            metrics_add(m, TEST_EVENTS, VALUES(((Str){&c, 1}), A), 1);
    expect_line(m, "t_events_total{kind=\"c\",who=\"a\"} 2", true);
    expect_line(m, "t_events_total{kind=\"d\",who=\"a\"} 2", false);
    ck_assert_double_eq(metrics_left_out(m), 4);
    ck_assert_uint_eq(metrics_series(m, TEST_EVENTS, VALUES(B, B)), METRICS_NONE);
    metrics_add_to(m, METRICS_NONE, 1);
    metrics_set_to(m, METRICS_NONE, 1);
    metrics_observe_to(m, METRICS_NONE, 1);
}
END_TEST

START_TEST(many_series_are_found_again) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    char label[16];
    for (int round = 1; round <= 2; round++)
        for (int i = 0; i < 500; i++) {
            (void)snprintf(label, sizeof(label), "%d", i);
            metrics_add(m, TEST_DEPTH, VALUES(str_from(label)), i);
        }
    MetricSample sample;
    size_t n = 0;
    for (size_t iterator = 0; metrics_next(m, TEST_DEPTH, &iterator, &sample); n++) {
        (void)snprintf(label, sizeof(label), "%zu", n);
        ck_assert(str_eq_c(sample.labels[0], label));
        ck_assert_double_eq(sample.value, 2.0 * (double)n);
    }
    ck_assert_uint_eq(n, 500);
    ck_assert_double_eq(metrics_left_out(m), 0);
}
END_TEST

START_TEST(hidden_gauges_come_back_when_they_are_set) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    metrics_set(m, TEST_DEPTH, &A, 1);
    metrics_set(m, TEST_DEPTH, &B, 2);
    metrics_hide(m, TEST_DEPTH);
    metrics_set(m, TEST_DEPTH, &B, 3);
    expect_line(m, "t_depth_bytes{shard=\"a\"} 1", false);
    expect_line(m, "t_depth_bytes{shard=\"b\"} 3", true);
}
END_TEST

/* There is no memory for labels then. */
START_TEST(what_has_no_labels_is_moved_alone) {
    _cleanup_(metrics_free) Metrics *to = new_metrics(), *from = new_metrics();
    metrics_add(from, TEST_PLAIN, NULL, 2);
    metrics_move(to, from);
    expect_line(to, "t_plain_total 2", true);
}
END_TEST

START_TEST(moving_adds_counts_takes_gauges_and_empties) {
    _cleanup_(metrics_free) Metrics *to = new_metrics(), *from = new_metrics();
    for (int i = 1; i <= 2; i++) {
        metrics_add(from, TEST_EVENTS, VALUES(A, B), 2);
        metrics_set(from, TEST_DEPTH, &A, i);
        metrics_observe(from, TEST_LATENCY, &A, i);
        metrics_move(to, from);
    }
    expect_line(to, "t_events_total{kind=\"a\",who=\"b\"} 4", true);
    expect_line(to, "t_depth_bytes{shard=\"a\"} 2", true);
    expect_line(to, "t_latency_seconds_bucket{kind=\"a\",le=\"1.0\"} 1", true);
    expect_line(to, "t_latency_seconds_count{kind=\"a\"} 2", true);
    expect_line(to, "t_latency_seconds_sum{kind=\"a\"} 3", true);
    _cleanup_(metrics_free) Metrics *empty = new_metrics();
    _cleanup_(free_null) char *expected = text_of(empty, METRICS_PROMETHEUS);
    expect_text(from, METRICS_PROMETHEUS, expected);
}
END_TEST

START_TEST(what_has_no_labels_moves_alone) {
    _cleanup_(metrics_free) Metrics *to = new_metrics(), *from = new_metrics();
    metrics_add(from, TEST_PLAIN, NULL, 2);
    metrics_move(to, from);
    expect_line(to, "t_plain_total 2", true);
}
END_TEST

START_TEST(a_copy_stands_for_itself) {
    _cleanup_(metrics_free) Metrics *copy = new_metrics(), *m = new_metrics();
    char label[16];
    for (int i = 0; i < 300; i++) { /* so many that the table has grown */
        (void)snprintf(label, sizeof(label), "%d", i);
        metrics_set(m, TEST_DEPTH, VALUES(str_from(label)), i);
    }
    metrics_add(copy, TEST_EVENTS, VALUES(B, B), 1);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(metrics_copy(copy, m), 0);
        _cleanup_(free_null) char *expected = text_of(m, METRICS_PROMETHEUS);
        expect_text(copy, METRICS_PROMETHEUS, expected);
        metrics_set(copy, TEST_DEPTH, VALUES(STR_LITERAL("7")), -1);
        metrics_set(copy, TEST_DEPTH, VALUES(STR_LITERAL("new")), 1);
        expect_line(copy, "t_depth_bytes{shard=\"7\"} -1", true);
        expect_line(copy, "t_depth_bytes{shard=\"new\"} 1", true);
        expect_line(m, "t_depth_bytes{shard=\"7\"} 7", true);
        expect_line(m, "t_depth_bytes{shard=\"new\"} 1", false);
    }
}
END_TEST

START_TEST(text_is_bounded) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    char *text = (char *)m; /* a sentinel */
    size_t len = 77;
    _cleanup_(free_null) char *whole = text_of(m, METRICS_OPENMETRICS);
    ck_assert_int_eq(metrics_text(m, METRICS_OPENMETRICS, strlen(whole) - 1, &text, &len), METRICS_TEXT_E_SIZE);
    ck_assert_ptr_eq(text, m);
    ck_assert_uint_eq(len, 77);
    ck_assert_int_eq(metrics_text(m, METRICS_OPENMETRICS, strlen(whole), &text, &len), 0);
    ck_assert_uint_eq(len, strlen(whole));
    free(text);
}
END_TEST

static const struct {
    const char *accept;
    MetricsFormat format;
} accepts[] = {
        {NULL, METRICS_PROMETHEUS},
        {"", METRICS_PROMETHEUS},
        {"*/*", METRICS_PROMETHEUS},
        {"text/html, text/plain;q=0.5", METRICS_PROMETHEUS},
        {"application/openmetrics-text", METRICS_OPENMETRICS},
        {"Application/OpenMetrics-Text; version=1.0.0", METRICS_OPENMETRICS},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                METRICS_OPENMETRICS},
        {"application/openmetrics-text; q=0.3, text/plain; q=0.4", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=0", METRICS_PROMETHEUS},
        {"application/openmetrics-text-not", METRICS_PROMETHEUS},
        {"text/plain;version=0.0.4;q=1,application/openmetrics-text;q=1", METRICS_OPENMETRICS},
        {";q=,;;,", METRICS_PROMETHEUS},
};

START_TEST(accept_chooses_the_format) {
    ck_assert_int_eq(metrics_text_format(accepts[_i].accept), accepts[_i].format);
}
END_TEST

static const struct {
    double value;
    const char *text;
} numbers[] = {
        {0, "0"}, {-3, "-3"}, {9007199254740992, "9007199254740992"}, {1e300, "1e+300"}, {0.1, "0.1"}, {1.0 / 3, "0.3333333333333333"},
        {__builtin_nan(""), "NaN"}, {-__builtin_inf(), "-Inf"}, {1792000000.123, "1792000000.123"},
};

START_TEST(numbers_read_back_as_they_are) {
    _cleanup_(metrics_free) Metrics *m = new_metrics();
    char line[128];
    metrics_set(m, TEST_DEPTH, &A, numbers[_i].value);
    (void)snprintf(line, sizeof(line), "t_depth_bytes{shard=\"a\"} %s", numbers[_i].text);
    expect_line(m, line, true);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("metrics");
    TCase *tcase = tcase_create("registry and text");
    tcase_add_test(tcase, prometheus_text_is_as_its_format_says);
    tcase_add_test(tcase, openmetrics_has_families_units_and_an_end);
    tcase_add_test(tcase, what_is_no_utf8_is_replaced);
    tcase_add_test(tcase, long_labels_are_cut_and_a_nul_ends_one);
    tcase_add_test(tcase, series_beyond_the_limit_are_left_out_and_counted);
    tcase_add_test(tcase, many_series_are_found_again);
    tcase_add_test(tcase, hidden_gauges_come_back_when_they_are_set);
    tcase_add_test(tcase, what_has_no_labels_is_moved_alone);
    tcase_add_test(tcase, moving_adds_counts_takes_gauges_and_empties);
    tcase_add_test(tcase, what_has_no_labels_moves_alone);
    tcase_add_test(tcase, a_copy_stands_for_itself);
    tcase_add_test(tcase, text_is_bounded);
    tcase_add_loop_test(tcase, accept_chooses_the_format, 0, ARRAY_SIZE(accepts));
    tcase_add_loop_test(tcase, numbers_read_back_as_they_are, 0, ARRAY_SIZE(numbers));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
