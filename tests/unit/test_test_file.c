/* SPDX-License-Identifier: Apache-2.0 */
/* What a file of tests becomes; its errors are tested word by word in tests/model_test. */
#include "daemon/model_test/test_file.h"
#include "daemon/model_test/test_run.h"
#include "tests/unit/engine_fixture.h"

static const char model_text[] = "model: m\n"
                                 "version: 1\n"
                                 "scores: { heat: { decay: none, max: 100 } }\n"
                                 "rules: [{ id: view, on: [page_view], add: { heat: 8 } }]\n"
                                 "tracks:\n"
                                 "  stage:\n"
                                 "    initial: new\n"
                                 "    stages: [{ id: new }, { id: hot }]\n"
                                 "    transitions: [{ id: up, from: [new], to: hot, when: 'heat > 50' }]\n";

/* Where the model was looked for. */
typedef struct Loader {
    char path[64];
    int result;
} Loader;

static int load_model(void *userdata, const char *path, Model **ret) {
    Loader *loader = userdata;
    snprintf(loader->path, sizeof(loader->path), "%s", path);
    if (loader->result == 0)
        *ret = fixture_model(model_text);
    return loader->result;
}

static TestFile *load(const char *text) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Loader loader = {.result = 0};
    TestFile *file = NULL;
    int r = test_file_load(
            str_from(text), "tests.yaml", NULL, (TestModelLoader){load_model, &loader}, &d, &file);
    ck_assert_int_eq(r, 0);
    _cleanup_(free_null) char *rendered = diagnostics_render(&d, "tests", str_from(text));
    ck_assert_msg(file != NULL, "%s", rendered);
    return file;
}

/* file's path, --model, where the model is looked for */
static const struct {
    const char *path, *model_path, *text, *looked_for;
} paths[] = {
        {"t.yaml", NULL, "model: m.yaml\n", "m.yaml"},
        {"a/b/t.yaml", NULL, "model: m.yaml\n", "a/b/m.yaml"},
        {"a/t.yaml", NULL, "model: ../m.yaml\n", "a/../m.yaml"},
        {"a/t.yaml", NULL, "model: /x/m.yaml\n", "/x/m.yaml"},
        {"a/t.yaml", "o.yaml", "model: m.yaml\n", "o.yaml"},
        {"a/t.yaml", "o.yaml", "cases: []\n", "o.yaml"},
};

START_TEST(model_is_found_from_the_file) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Loader loader = {.result = 1};
    TestFile *file = NULL;
    int r = test_file_load(str_from(paths[_i].text), paths[_i].path, paths[_i].model_path,
            (TestModelLoader){load_model, &loader}, &d, &file);
    ck_assert_int_eq(r, TEST_FILE_E_MODEL);
    ck_assert_ptr_null(file);
    ck_assert_str_eq(loader.path, paths[_i].looked_for);
}
END_TEST

START_TEST(events_are_filled_in) {
    _cleanup_(test_file_free) TestFile *file =
            load("model: m\nstart: 1970-01-01T00:00:10Z\ncases:\n  - name: c\n    steps:\n"
                 "      - { profile: { a: 1, b: 1.5, c: yes, d: \"1\", e: null, f: true } }\n"
                 "      - { at: +5s, event: page_view, times: 3, every: 2s, lead: x, source: web }\n"
                 "      - { at: +1s, event: page_view, id: late }\n"
                 "      - { event: page_view, with: { url: u } }\n");
    const TestStep *steps = file->cases[0].steps;
    const LeadEvent *profile = &steps[0].events[0];
    static const ValueType types[] = {
            VALUE_LONG, VALUE_DOUBLE, VALUE_STRING, VALUE_STRING, VALUE_NULL, VALUE_BOOLEAN};

    ck_assert_uint_eq(file->cases[0].n_steps, 4);
    ck_assert(str_eq_c(profile->type, "profile_updated"));
    ck_assert(str_eq_c(profile->lead_id, TEST_LEAD));
    ck_assert(str_eq_c(profile->event_id, "e1"));
    ck_assert_int_eq(profile->occurred_at_ms, 10000);
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        ck_assert_int_eq(profile->properties[i].value.type, types[i]);
    ck_assert_uint_eq(steps[1].n_events, 3);
    ck_assert_int_eq(steps[1].events[2].occurred_at_ms, 19000);
    ck_assert(str_eq_c(steps[1].events[2].event_id, "e4"));
    ck_assert(str_eq_c(steps[1].events[2].source, "web"));
    ck_assert_int_eq(steps[2].events[0].occurred_at_ms, 11000);
    ck_assert(str_eq_c(steps[2].events[0].event_id, "late"));
    /* an event that is late does not turn time back */
    ck_assert_int_eq(steps[3].events[0].occurred_at_ms, 19000);
    ck_assert(str_eq_c(steps[3].events[0].event_id, "e6"));
}
END_TEST

START_TEST(failures_beyond_the_limit_are_counted) {
    char text[16384] = "model: m\ncases:\n  - name: c\n    steps:\n      - { event: page_view }\n";
    for (int i = 0; i < TEST_FAILURES_MAX + 7; i++)
        strcat(text, "      - { expect: { scores: { heat: 1 } } }\n");
    _cleanup_(test_file_free) TestFile *file = load(text);
    TestRun run;

    ck_assert_int_eq(test_run_init(&run, file, &file->cases[0]), 0);
    ck_assert_int_eq(test_run_steps(&run), 0);
    ck_assert_uint_eq(run.n_failures, TEST_FAILURES_MAX);
    ck_assert_uint_eq(run.n_all_failures, TEST_FAILURES_MAX + 7);
    ck_assert_uint_eq(run.n_expected, TEST_FAILURES_MAX + 7);
    test_run_deinit(&run);
}
END_TEST

START_TEST(tolerance_is_on_both_sides) {
    _cleanup_(test_file_free) TestFile *file =
            load("model: m\ntolerance: 0.5\ncases:\n  - name: c\n    steps:\n"
                 "      - { event: page_view, expect: { scores: { heat: 7.5 } } }\n"
                 "      - { expect: { scores: { heat: 8.5 } } }\n"
                 "      - { expect: { scores: { heat: 8.51 } } }\n"
                 "      - { expect: { scores: { heat: 7.49 } } }\n"
                 "      - { expect: { scores: { heat: { near: 9, within: 1 } } } }\n"
                 "      - { expect: { scores: { heat: { near: 9 } } } }\n"
                 "      - { expect: { scores: { heat: { min: 8 } } } }\n"
                 "      - { expect: { scores: { heat: { max: 7 } } } }\n"
                 "      - { expect: { scores: { heat: null } } }\n");
    static const unsigned failed[] = {8, 9, 11, 13, 14};
    TestRun run;

    ck_assert_int_eq(test_run_init(&run, file, &file->cases[0]), 0);
    ck_assert_int_eq(test_run_steps(&run), 0);
    ck_assert_uint_eq(run.n_failures, ARRAY_SIZE(failed));
    for (size_t i = 0; i < ARRAY_SIZE(failed); i++)
        ck_assert_uint_eq(run.failures[i].mark.line, failed[i]);
    test_run_deinit(&run);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("test_file");
    TCase *tcase = tcase_create("test_file");
    tcase_add_loop_test(tcase, model_is_found_from_the_file, 0, ARRAY_SIZE(paths));
    tcase_add_test(tcase, events_are_filled_in);
    tcase_add_test(tcase, failures_beyond_the_limit_are_counted);
    tcase_add_test(tcase, tolerance_is_on_both_sides);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
