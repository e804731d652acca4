/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "lib/base/diagnostic.h"
#include "tests/unit/suite.h"

static Diagnostics diagnostics;

static void setup(void) {
    diagnostics = DIAGNOSTICS_INIT;
}

static void teardown(void) {
    diagnostics_done(&diagnostics);
    ck_assert_uint_eq(diagnostics.n_items, 0);
    ck_assert_ptr_null(diagnostics.items);
}

static void assert_rendered(const char *source, const char *expected) {
    _cleanup_(free_null) char *text = diagnostics_render(&diagnostics, "model.yaml", str_from(source));
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text, expected);
}

static const struct {
    const char *source;
    Mark mark;
    const char *line_and_caret;
} render_rows[] = {
        {"a\n      treshold: 5\n", {2, 7, 8}, "    treshold: 5\n    ^~~~~~~~\n"},
        {"key: value", {1, 6, 5}, "    key: value\n         ^~~~~\n"},
        {"key: value\r\n", {1, 6, 1}, "    key: value\n         ^\n"},
        /* a length of 0 asks for no line */
        {"key: value", {1, 6, 0}, ""},
        /* longer than the line, behind its end, and far behind it */
        {"key: v\nb", {1, 6, 99}, "    key: v\n         ^\n"},
        {"key: v\nb", {1, 7, 1}, "    key: v\n          ^\n"},
        {"key: v\nb", {1, 500, 1}, "    ...\n       ^\n"},
        /* a place within the indentation keeps it */
        {"a:\n \t  b", {2, 2, 1}, "       b\n    ^\n"},
        /* columns are characters, and a byte order mark is none */
        {"\xEF\xBB\xBFgr\xC3\xBC\xC3\x9F: \xE2\x82\xAC", {1, 7, 1},
                "    gr\xC3\xBC\xC3\x9F: \xE2\x82\xAC\n          ^\n"},
        /* what could steer a terminal is not shown */
        {"a\x1B[2J\xC2\x9B\x7F\xFF\xE2\x82", {1, 1, 1}, "    a?[2J?????\n    ^\n"},
        /* no such line, or nothing in it */
        {"a", {2, 1, 1}, ""},
        {"a\n\nb", {2, 1, 1}, ""},
        {"a\n   \nb", {2, 4, 1}, ""},
        {"", {1, 1, 1}, ""},
};

START_TEST(place_is_shown_in_its_line) {
    Mark mark = render_rows[_i].mark;
    diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, mark, "no");
    char expected[256];
    snprintf(expected, sizeof(expected), "model.yaml:%u:%u: error: no\n%s", mark.line, mark.column,
            render_rows[_i].line_and_caret);
    assert_rendered(render_rows[_i].source, expected);
}
END_TEST

START_TEST(long_line_is_shown_around_the_mark) {
    char source[1001];
    memset(source, 'x', sizeof(source) - 1);
    source[sizeof(source) - 1] = '\0';
    memcpy(source + 500, "here", 4);
    diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, (Mark){1, 501, 4}, "no");
    assert_rendered(source, "model.yaml:1:501: error: no\n"
                            "    ...xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
                            "herexxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\n"
                            "                                                                   ^~~~\n");
}
END_TEST

START_TEST(all_are_rendered_in_order) {
    diagnostics_add(&diagnostics, DIAGNOSTIC_WARNING, (Mark){2, 1, 1}, "second %d", 2);
    diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, (Mark){0, 0, 1}, "whole");
    diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, (Mark){1, 1, 1}, "first");
    diagnostics_sort(&diagnostics);
    ck_assert_uint_eq(diagnostics.n_errors, 2);
    ck_assert_uint_eq(diagnostics.n_warnings, 1);
    assert_rendered("a\nb\n", "model.yaml: error: whole\n"
                              "model.yaml:1:1: error: first\n    a\n    ^\n"
                              "model.yaml:2:1: warning: second 2\n    b\n    ^\n");
}
END_TEST

START_TEST(nothing_renders_as_nothing) {
    assert_rendered("a", "");
}
END_TEST

START_TEST(sort_is_by_place_and_stable) {
    static const Mark marks[] = {{2, 1, 1}, {1, 9, 1}, {1, 2, 1}, {2, 1, 5}, {1, 2, 9}};
    for (unsigned i = 0; i < ARRAY_SIZE(marks); i++)
        diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, marks[i], "%u", i);
    diagnostics_sort(&diagnostics);
    static const char *const order[] = {"2", "4", "1", "0", "3"};
    for (unsigned i = 0; i < ARRAY_SIZE(marks); i++)
        ck_assert_str_eq(diagnostics.items[i].message, order[i]);
}
END_TEST

START_TEST(what_is_left_out_is_counted) {
    for (unsigned i = 0; i < DIAGNOSTICS_MAX + 5; i++)
        diagnostics_add(&diagnostics, i % 2 ? DIAGNOSTIC_ERROR : DIAGNOSTIC_WARNING, (Mark){9, 1, 1}, "x");
    ck_assert_uint_eq(diagnostics.n_items, DIAGNOSTICS_MAX);
    ck_assert_uint_eq(diagnostics.n_errors + diagnostics.n_warnings, DIAGNOSTICS_MAX + 5);
    ck_assert_uint_eq(diagnostics.n_errors, (DIAGNOSTICS_MAX + 5) / 2);
    _cleanup_(free_null) char *text = diagnostics_render(&diagnostics, "model.yaml", STR_LITERAL("a"));
    static const char end[] =
            "model.yaml:9:1: warning: x\nmodel.yaml:9:1: error: x\nmodel.yaml: 5 more not shown\n";
    ck_assert_uint_gt(strlen(text), sizeof(end));
    ck_assert_str_eq(text + strlen(text) - (sizeof(end) - 1), end);
}
END_TEST

START_TEST(message_is_one_printable_line) {
    diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, (Mark){1, 1, 1}, "got \"%s\"",
            "a\nb\x1B[1m\xC2\x85 \xC3\xA9\xFF");
    ck_assert_str_eq(diagnostics.items[0].message, "got \"a?b?[1m? \xC3\xA9?\"");
}
END_TEST

START_TEST(long_message_is_cut_between_characters) {
    char long_text[3001];
    for (size_t i = 0; i + 1 < sizeof(long_text); i += 2)
        memcpy(long_text + i, "\xC3\xA9", 2);
    long_text[sizeof(long_text) - 1] = '\0';
    /* both phases of the two bytes */
    diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, (Mark){1, 1, 1}, "%s", long_text);
    diagnostics_add(&diagnostics, DIAGNOSTIC_ERROR, (Mark){1, 1, 1}, "x%s", long_text);
    for (size_t i = 0; i < 2; i++) {
        const char *message = diagnostics.items[i].message;
        ck_assert_uint_gt(strlen(message), 1000);
        ck_assert_uint_lt(strlen(message), 1100);
        ck_assert_ptr_null(strchr(message, '?'));
    }
}
END_TEST

static const char *const candidates[] = {"threshold", "decay", "half_life", "min", "max", "from", "form_fill",
        "to", "on", "when", "stage", "stages"};

static const struct {
    const char *name, *nearest;
} nearest_rows[] = {
        {"treshold", "threshold"},
        {"threshold", "threshold"},
        {"hresholdt", "threshold"},
        {"thrseohld", "threshold"},
        {"dcay", "decay"},
        {"deacy", "decay"},
        {"halflife", "half_life"},
        {"mni", "min"},
        {"mix", "min"},
        {"form", "from"},
        {"formfill", "form_fill"},
        {"stagse", "stage"},
        {"stagess", "stages"},
        /* over a third of the longer length */
        {"no", NULL},
        {"ot", NULL},
        {"ma", "max"},
        {"dcya", NULL},
        {"", NULL},
        {"segment", NULL},
        /* over three */
        {"th____old_is_long", NULL},
};

START_TEST(likely_slip_finds_the_name_meant) {
    const char *nearest =
            diagnostic_nearest(str_from(nearest_rows[_i].name), candidates, ARRAY_SIZE(candidates));
    ck_assert_pstr_eq(nearest, nearest_rows[_i].nearest);
}
END_TEST

START_TEST(very_long_names_are_near_nothing) {
    char name[1000];
    memset(name, 'x', sizeof(name));
    const char *const one[] = {"x"};
    ck_assert_ptr_null(diagnostic_nearest((Str){name, sizeof(name)}, one, 1));
    name[sizeof(name) - 1] = '\0';
    const char *const long_one[] = {name};
    ck_assert_ptr_null(diagnostic_nearest(STR_LITERAL("x"), long_one, 1));
    ck_assert_ptr_null(diagnostic_nearest(STR_LITERAL("x"), NULL, 0));
    name[128] = '\0';
    ck_assert_ptr_eq(diagnostic_nearest((Str){name, 127}, long_one, 1), name);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("diagnostic");
    TCase *tc = tcase_create("diagnostic");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, place_is_shown_in_its_line, 0, ARRAY_SIZE(render_rows));
    tcase_add_test(tc, long_line_is_shown_around_the_mark);
    tcase_add_test(tc, all_are_rendered_in_order);
    tcase_add_test(tc, nothing_renders_as_nothing);
    tcase_add_test(tc, sort_is_by_place_and_stable);
    tcase_add_test(tc, what_is_left_out_is_counted);
    tcase_add_test(tc, message_is_one_printable_line);
    tcase_add_test(tc, long_message_is_cut_between_characters);
    tcase_add_loop_test(tc, likely_slip_finds_the_name_meant, 0, ARRAY_SIZE(nearest_rows));
    tcase_add_test(tc, very_long_names_are_near_nothing);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
