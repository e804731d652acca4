/* SPDX-License-Identifier: Apache-2.0 */
/* How points get into scores: caps, dating back, what is no award, profile rules, segment and route. */
#include "lib/engine/score.h"

#include "tests/unit/engine_fixture.h"

#define HOUR_MS INT64_C(3600000)
#define NOW_MS INT64_C(1767225600000)

static const char model_text[] =
        "model: m\nversion: 1\nparams: { bonus: 3 }\n"
        "segments: [ { id: big, when: 'profile.size > bonus', params: { bonus: 5 } } ]\n"
        "routes: [ { id: r1, when: 'segment == \"big\"' }, { id: r2, when: 'present(profile.size)' } ]\n"
        "scores:\n"
        "  fading: { decay: { half_life: 1h }, min: -50, max: 100 }\n"
        "  plain: { decay: none }\n"
        "  fit: { decay: none, min: -20, max: 40 }\n"
        "profile_rules:\n"
        "  - { id: size, when: 'profile.size >= 1', add: { fit: 'profile.size' } }\n"
        "  - { id: text, add: { fit: 'number(profile.text)' } }\n"
        "  - { id: seg, when: 'segment == \"big\"', add: { fit: bonus } }\n"
        "rules:\n"
        "  - { id: give, on: [give], add: { fading: 'event.points' } }\n"
        "  - { id: both, on: [both], when: 'plain < 10', add: { plain: 6, fading: 'plain + 1' } }\n"
        "  - { id: other, on: [both], when: 'plain < 10', add: { plain: 6 } }\n"
        "  - { id: any, when: 'event.any == true', add: { plain: 1 } }\n";

enum { FADING, PLAIN, FIT };

static Model *model;
static Lead *lead;

static void setup(void) {
    model = fixture_model(model_text);
    ck_assert_int_eq(lead_new(model, STR_LITERAL("lead-1"), &lead), 0);
    lead_begin(lead, model, NOW_MS);
}

static void teardown(void) {
    lead = lead_free(lead);
    model = model_free(model);
}

/* Of a type at the clock or before; `property` may be NULL. */
static void apply(const char *type, int64_t ago_ms, const Property *property) {
    LeadEvent event = fixture_event("lead-1", "e1", type, lead->clock_ms - ago_ms);
    event.properties = property;
    event.n_properties = property ? 1 : 0;
    EventId event_id = event_id_of(event.event_id);
    ck_assert_int_eq(score_apply_event(lead, model, &event, &event_id, NULL), 0);
}

static double score(unsigned i) {
    return lead_score(lead, model, i, lead->clock_ms);
}

/* Points with which the score begins, points given and how long ago they happened; what is kept. */
static const struct {
    double before, points;
    int64_t ago_ms;
    double after, kept; /* kept 0: no award */
} cap_rows[] = {
        {0, 30, 0, 30, 30}, {90, 30, 0, 100, 10}, {100, 30, 0, 100, 0}, {99.5, 0.5, 0, 100, 0.5},
        {-40, -30, 0, -50, -10}, {-50, -30, 0, -50, 0}, {90, -200, 0, -50, -140}, {-40, 200, 0, 100, 140},
        {0, 80, HOUR_MS, 40, 80},       /* dated back: half of it is left */
        {90, 80, HOUR_MS, 100, 20},     /* 40 are cut to 10, which were 20 an hour ago */
        {90, 80, 2 * HOUR_MS, 100, 40}, /* 20 to 10 */
        {-45, -80, 2 * HOUR_MS, -50, -20},
        {10, 80, 60 * HOUR_MS, 10 + 80 * 0x1p-60, 80}, /* too small to see, but an award */
        {10, 80, 20000 * HOUR_MS, 10, 80},
        {99.9999999999, 5, 0, 99.9999999999, 0}, /* cut to less than 1e-9: nothing */
};

START_TEST(points_are_cut_at_the_clock) {
    for (size_t i = 0; i < ARRAY_SIZE(cap_rows); i++) {
        const Property points = {STR_LITERAL("points"), value_double(cap_rows[i].points)};
        lead->scores[FADING] = (ScoreState){cap_rows[i].before, lead->clock_ms};
        lead->n_awards = 0;
        apply("give", cap_rows[i].ago_ms, &points);
        double after = score(FADING);
        ck_assert_msg(fabs(after - cap_rows[i].after) < 1e-12, "row %zu: %.17g", i, after);
        ck_assert_msg(lead->n_awards == (cap_rows[i].kept != 0), "row %zu: %u awards", i, lead->n_awards);
        if (lead->n_awards == 0)
            continue;
        const GivenAward *award = lead_award(lead, 0);
        ck_assert_msg(fabs(award->points - cap_rows[i].kept) < 1e-9, "row %zu: %.17g kept", i, award->points);
        ck_assert_int_eq(award->occurred_at_ms, lead->clock_ms - cap_rows[i].ago_ms);
        ck_assert(award->rule == 0 && award->score == FADING && award->event_id.len == 2);
    }
}
END_TEST

/* Given so long ago that a window is over: how much of it is kept, for the account and as a reason. */
START_TEST(points_that_count_nothing_are_cut_only_where_nothing_would_be_left) {
    static const struct {
        double present, points, kept;
    } rows[] = {
            {0, 7, 7}, {19, 7, 7}, {20, 7, 7}, {20 + 1e-10, 7, 7}, {20.001, 7, 0}, {20.001, -7, -7},
            {-5, -7, -7}, {-5 - 1e-10, -7, -7}, {-5.001, -7, 0}, {-5.001, 7, 7},
    };
    static const Decay window = {DECAY_WINDOW, 64 * HOUR_MS};
    static const ScoreBounds unbounded = {-INFINITY, INFINITY}, bounds = {-5, 20};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ScoreState state = {.at_ms = TIME_NONE};
        double kept;
        ck_assert_int_eq(score_state_award(&state, &window, unbounded, rows[i].present, NOW_MS, NOW_MS, &kept), 0);
        ck_assert_int_eq(score_state_award(&state, &window, bounds, rows[i].points, NOW_MS - 70 * HOUR_MS, NOW_MS, &kept), 0);
        ck_assert_msg(kept == rows[i].kept, "row %zu: %g is kept", i, kept);
        ck_assert(score_state_value(&state, &window, NOW_MS) == rows[i].present);
        score_state_done(&state);
    }
}
END_TEST

START_TEST(what_is_no_number_or_next_to_nothing_is_no_award) {
    const Property properties[] = {
            {STR_LITERAL("points"), VALUE_NONE},
            {STR_LITERAL("points"), value_string(STR_LITERAL("12"))},
            {STR_LITERAL("points"), value_boolean(true)},
            {STR_LITERAL("points"), value_double(0)},
            {STR_LITERAL("points"), value_long(0)},
            {STR_LITERAL("points"), value_double(9e-10)},
            {STR_LITERAL("points"), value_double(-9e-10)},
            {STR_LITERAL("else"), value_double(5)},
    };
    lead->n_awards = 0;
    lead->scores[FADING] = (ScoreState){0, lead->clock_ms};
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
        apply("give", 0, &properties[i]);
    ck_assert_double_eq(score(FADING), 0);
    ck_assert_uint_eq(lead->n_awards, 0);
}
END_TEST

START_TEST(rules_see_the_scores_before_the_first_of_them) {
    lead->n_awards = 0;
    lead->scores[PLAIN] = (ScoreState){0, lead->clock_ms};
    lead->scores[FADING] = (ScoreState){0, lead->clock_ms};
    apply("both", 0, NULL);
    ck_assert_double_eq(score(PLAIN), 12); /* `other` too still saw 0 */
    ck_assert_double_eq(score(FADING), 1);
    apply("both", 0, NULL);
    ck_assert_double_eq(score(PLAIN), 12);
    ck_assert_double_eq(score(FADING), 1);
}
END_TEST

START_TEST(rule_without_on_takes_all_but_profile_and_lead_events) {
    static const struct {
        const char *type;
        double points;
    } rows[] = {{"visit", 1}, {"sales_touch", 1}, {"profile_updated", 0}, {"lead_scanned", 0}, {"lead", 1},
            {"profile", 1}, {"lead_merged", 0}};
    const Property any = {STR_LITERAL("any"), value_boolean(true)};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        lead->scores[PLAIN] = (ScoreState){0, lead->clock_ms};
        apply(rows[i].type, 0, &any);
        ck_assert_msg(score(PLAIN) == rows[i].points, "%s: %g", rows[i].type, score(PLAIN));
    }
}
END_TEST

static const struct {
    Value size, text;
    const char *segment, *route;
    double fit;
} profile_rows[] = {
        {{.type = VALUE_NULL}, {.type = VALUE_NULL}, "default", NULL, 0},
        {{.type = VALUE_LONG, .integer = 2}, {.type = VALUE_NULL}, "default", "r2", 2},
        {{.type = VALUE_LONG, .integer = 3}, {.type = VALUE_NULL}, "default", "r2", 3},
        /* the segment is found with the base bonus 3, its rule then gives its own 5 */
        {{.type = VALUE_LONG, .integer = 4}, {.type = VALUE_NULL}, "big", "r1", 9},
        {{.type = VALUE_LONG, .integer = 400}, {.type = VALUE_NULL}, "big", "r1", 40},
        {{.type = VALUE_NULL}, {.type = VALUE_STRING, .string = STR_LITERAL("-7.5")}, "default", NULL, -7.5},
        {{.type = VALUE_NULL}, {.type = VALUE_STRING, .string = STR_LITERAL("-70")}, "default", NULL, -20},
        {{.type = VALUE_LONG, .integer = 400}, {.type = VALUE_STRING, .string = STR_LITERAL("-390")}, "big",
                "r1", 15},
        {{.type = VALUE_NULL}, {.type = VALUE_STRING, .string = STR_LITERAL("x")}, "default", NULL, 0},
};

START_TEST(profile_decides_segment_route_and_fed_scores_anew) {
    for (size_t i = 0; i < ARRAY_SIZE(profile_rows); i++) {
        ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("size"), profile_rows[i].size), 0);
        ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("text"), profile_rows[i].text), 0);
        score_classify(lead, model);
        score_apply_profile_rules(lead, model);
        ck_assert_msg(
                str_eq_c(model_segment_id(model, lead->segment), profile_rows[i].segment), "row %zu", i);
        ck_assert_msg(str_eq_c(model_route_id(model, lead->route), profile_rows[i].route), "row %zu", i);
        ck_assert_msg(fabs(score(FIT) - profile_rows[i].fit) < 1e-12, "row %zu: %g", i, score(FIT));
    }
}
END_TEST

START_TEST(points_of_a_profile_rule_are_none_unless_it_holds) {
    const Rule *size = &model->profile_rules[0], *text = &model->profile_rules[1];
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("size"), value_double(0.5)), 0);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("text"), value_string(STR_LITERAL("8"))), 0);
    ck_assert_double_eq(score_profile_points(lead, model, size, &size->awards[0]), 0);
    ck_assert_double_eq(score_profile_points(lead, model, text, &text->awards[0]), 8);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("size"), value_double(1.5)), 0);
    ck_assert_double_eq(score_profile_points(lead, model, size, &size->awards[0]), 1.5);
}
END_TEST

/* However awards come, one by one decayed sums stay within 1e-9 of the sum over all contributions. */
START_TEST(sum_kept_is_the_sum_of_contributions) {
    enum { N = 300 };
    uint64_t random = 11;
    double points[N];
    int64_t at_ms[N];
    lead->clock_ms = NOW_MS;
    lead->scores[FADING] = (ScoreState){0, NOW_MS};
    for (int i = 0; i < N; i++) {
        lead->clock_ms += (int64_t)random_below(&random, (uint64_t)HOUR_MS);
        int64_t ago_ms = (int64_t)random_below(&random, 3 * (uint64_t)HOUR_MS);
        points[i] = random_between(&random, -1, 1.5);
        at_ms[i] = lead->clock_ms - ago_ms;
        const Property property = {STR_LITERAL("points"), value_double(points[i])};
        apply("give", ago_ms, &property);
        double sum = 0;
        for (int k = 0; k <= i; k++)
            sum += points[k] * exp2(-(double)(lead->clock_ms - at_ms[k]) / (double)HOUR_MS);
        ck_assert_double_eq_tol(score(FADING), sum, 1e-9);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("score");
    TCase *tcase = tcase_create("score");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, points_are_cut_at_the_clock);
    tcase_add_test(tcase, points_that_count_nothing_are_cut_only_where_nothing_would_be_left);
    tcase_add_test(tcase, what_is_no_number_or_next_to_nothing_is_no_award);
    tcase_add_test(tcase, rules_see_the_scores_before_the_first_of_them);
    tcase_add_test(tcase, rule_without_on_takes_all_but_profile_and_lead_events);
    tcase_add_test(tcase, profile_decides_segment_route_and_fed_scores_anew);
    tcase_add_test(tcase, points_of_a_profile_rule_are_none_unless_it_holds);
    tcase_add_test(tcase, sum_kept_is_the_sum_of_contributions);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
