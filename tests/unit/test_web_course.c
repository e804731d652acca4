/* SPDX-License-Identifier: Apache-2.0 */
/* What a browser computes from a course is what the engine says, at any instant. */
#include "daemon/web/course_json.h"

#include <jansson.h>

#include "tests/unit/engine_fixture.h"

#define NOW_MS INT64_C(1767225600000)
#define HOUR_MS INT64_C(3600000)

static const char model_text[] = "model: m\n"
                                 "version: 1\n"
                                 "params: { weight: 3 }\n"
                                 "scores:\n"
                                 "  fit: { decay: none }\n"
                                 "  fast: { decay: { half_life: 1h } }\n"
                                 "  slow: { decay: { half_life: 7d } }\n"
                                 "  even: { decay: { linear: 10h } }\n"
                                 "derived:\n"
                                 "  sum: 'fit + weight * fast - slow / 2 + 5'\n"
                                 "  of_sum: 'sum + fast'\n"
                                 "  capped: 'min(fast, 40) + slow'\n"
                                 "  aging: 'fast - 2 * fit'\n"
                                 "  timed: 'fast + idle / 1h'\n"
                                 "  with_even: 'fast + even'\n"
                                 "  none: 'fast + profile.unknown'\n"
                                 "rules: [{ id: r, on: [x], add: { fast: 1, slow: 1, even: 1 } }]\n"
                                 "accounts:\n"
                                 "  scores: { heat: { from: fast, decay: { half_life: 2h }, max: 50 }, flat: { from: slow, decay: none } }\n";

static Model *model;
static Lead *lead;

static void setup(void) {
    model = fixture_model(model_text);
    ck_assert_int_eq(lead_new(model, STR_LITERAL("l"), &lead), 0);
    lead_begin(lead, model, NOW_MS);
    lead->latest_activity_ms = NOW_MS;
    lead->scores[0] = (ScoreState){.value = 12, .at_ms = NOW_MS};
    lead->scores[1] = (ScoreState){.value = 80, .at_ms = NOW_MS - HOUR_MS};
    lead->scores[2] = (ScoreState){.value = 30, .at_ms = NOW_MS - 5 * HOUR_MS};
    double kept;
    ck_assert_int_eq(score_state_award(&lead->scores[3], &model->scores[3].decay, model->scores[3].bounds, 20, NOW_MS - HOUR_MS, NOW_MS, &kept), 0);
}

static void teardown(void) {
    lead = lead_free(lead);
    model = model_free(model);
}

/* As page.html computes it. */
static double worth(const char *text, size_t len, int64_t at_ms, size_t *ret_n_terms) {
    json_t *course = json_loadb(text, len, 0, NULL), *term;
    ck_assert_ptr_nonnull(course);
    double value = json_number_value(json_object_get(course, "c"));
    const json_t *max = json_object_get(course, "max");
    size_t i;
    json_array_foreach(json_object_get(course, "t"), i, term) value += json_number_value(json_array_get(term, 0)) *
            exp2((double)(json_integer_value(json_array_get(term, 1)) - at_ms) / (double)json_integer_value(json_array_get(term, 2)));
    if (max)
        value = fmin(value, json_number_value(max));
    *ret_n_terms = json_array_size(json_object_get(course, "t"));
    json_decref(course);
    return value;
}

static double present(unsigned derived, int64_t at_ms) {
    Situation situation = {.model = model, .lead = lead, .at_ms = at_ms};
    return value_number(condition_value(model->derived[derived].value, &situation));
}

static const struct {
    unsigned derived;
    size_t n_terms;
    int64_t until_ms; /* so long what was written holds */
} rows[] = {
        {0, 2, 48 * HOUR_MS},
        {1, 2, 48 * HOUR_MS},
        {2, 2, 48 * HOUR_MS}, /* what is cut has fallen below 40 */
        {3, 1, 48 * HOUR_MS},
        {4, 0, 0}, /* elapsed time counts */
        {5, 1, 0}, /* it falls evenly */
};

START_TEST(a_derived_score_goes_on_as_the_engine_has_it) {
    JsonWriter writer = JSON_WRITER_INIT;
    size_t n_terms;
    course_json_derived(&writer, STR_NULL, model, lead, rows[_i].derived, NOW_MS + HOUR_MS);
    for (int64_t after_ms = 0; after_ms <= rows[_i].until_ms; after_ms += HOUR_MS) {
        int64_t at_ms = NOW_MS + HOUR_MS + after_ms;
        ck_assert_double_eq_tol(worth(writer.data, writer.len, at_ms, &n_terms), present(rows[_i].derived, at_ms), 1e-5);
    }
    ck_assert_uint_eq(n_terms, rows[_i].n_terms);
    json_writer_deinit(&writer);
}
END_TEST

START_TEST(a_sum_has_the_same_text_while_nothing_happens) {
    JsonWriter now = JSON_WRITER_INIT, later = JSON_WRITER_INIT;
    course_json_derived(&now, STR_NULL, model, lead, 0, NOW_MS);
    course_json_derived(&later, STR_NULL, model, lead, 0, NOW_MS + 7 * HOUR_MS + 1);
    ck_assert_msg(str_eq((Str){now.data, now.len}, (Str){later.data, later.len}), "%.*s %.*s", (int)now.len, now.data, (int)later.len, later.data);
    json_writer_deinit(&now);
    json_writer_deinit(&later);
}
END_TEST

START_TEST(what_is_cut_is_as_of_now) {
    JsonWriter writer = JSON_WRITER_INIT;
    size_t n_terms;
    lead->scores[1].value = 1000;
    course_json_derived(&writer, STR_NULL, model, lead, 2, NOW_MS);
    ck_assert_double_eq_tol(worth(writer.data, writer.len, NOW_MS, &n_terms), present(2, NOW_MS), 1e-5);
    ck_assert_uint_eq(n_terms, 0);
    json_writer_deinit(&writer);
}
END_TEST

START_TEST(no_value_is_null) {
    JsonWriter writer = JSON_WRITER_INIT;
    course_json_derived(&writer, STR_NULL, model, lead, 6, NOW_MS);
    ck_assert(str_eq_c((Str){writer.data, writer.len}, "null"));
    json_writer_deinit(&writer);
}
END_TEST

START_TEST(a_score_goes_on_as_the_engine_has_it) {
    for (unsigned i = 0; i < model->n_scores; i++) {
        JsonWriter writer = JSON_WRITER_INIT;
        size_t n_terms;
        ck_assert_double_gt(lead_score(lead, model, i, NOW_MS), 0);
        course_json_score(&writer, STR_NULL, model, lead, i, NOW_MS);
        /* What falls evenly is as of the instant. */
        int64_t until_ms = NOW_MS + (model->scores[i].decay.kind == DECAY_LINEAR ? 0 : 48 * HOUR_MS);
        for (int64_t at_ms = NOW_MS; at_ms <= until_ms; at_ms += HOUR_MS)
            ck_assert_double_eq_tol(worth(writer.data, writer.len, at_ms, &n_terms), lead_score(lead, model, i, at_ms), 1e-5);
        json_writer_deinit(&writer);
    }
}
END_TEST

START_TEST(an_account_goes_on_and_is_cut_to_its_maximum) {
    Account *account;
    Member *member;
    ck_assert_int_eq(account_new(model, STR_LITERAL("a"), &account), 0);
    account_begin(account, model, NOW_MS);
    for (int i = 0; i < 3; i++) {
        const Str ids[] = {STR_LITERAL("x"), STR_LITERAL("y"), STR_LITERAL("z")};
        ck_assert_int_eq(account_add(account, ids[i], &member), 0);
        member->scores[0] = (ScoreState){.value = 40, .at_ms = NOW_MS - i * HOUR_MS};
        member->scores[1] = (ScoreState){.value = 7, .at_ms = NOW_MS};
    }
    for (unsigned score = 0; score < 2; score++) {
        JsonWriter writer = JSON_WRITER_INIT;
        size_t n_terms;
        course_json_account(&writer, STR_NULL, model, account, score, NOW_MS + 3 * HOUR_MS);
        for (int64_t at_ms = NOW_MS; at_ms < NOW_MS + 48 * HOUR_MS; at_ms += HOUR_MS)
            ck_assert_double_eq_tol(worth(writer.data, writer.len, at_ms, &n_terms), account_score(account, model, score, at_ms), 1e-5);
        ck_assert_uint_eq(n_terms, score == 0);
        json_writer_deinit(&writer);
    }
    account_free(account);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("web_course");
    TCase *tcase = tcase_create("web_course");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_derived_score_goes_on_as_the_engine_has_it, 0, ARRAY_SIZE(rows));
    tcase_add_test(tcase, a_sum_has_the_same_text_while_nothing_happens);
    tcase_add_test(tcase, what_is_cut_is_as_of_now);
    tcase_add_test(tcase, no_value_is_null);
    tcase_add_test(tcase, a_score_goes_on_as_the_engine_has_it);
    tcase_add_test(tcase, an_account_goes_on_and_is_cut_to_its_maximum);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
