/* SPDX-License-Identifier: Apache-2.0 */
/* The five contributions that explain a score: which, and in which order. */
#include "lib/engine/reason.h"
#include "lib/engine/score.h"

#include "tests/unit/engine_fixture.h"

#define HOUR_MS INT64_C(3600000)
#define NOW_MS INT64_C(1767225600000)

static const char model_text[] =
        "model: m\nversion: 1\n"
        "scores: { fading: { decay: { half_life: 1h } }, plain: { decay: none }, fit: { decay: none } }\n"
        "profile_rules:\n"
        "  - { id: p0, when: 'profile.p0 != 0', add: { fit: 'profile.p0' } }\n"
        "  - { id: p1, add: { fit: 'profile.p1' } }\n"
        "rules: [ { id: r0, add: { plain: 1, fading: 1 } }, { id: r1, add: { fading: 1 } }, { id: r2, add: { "
        "plain: 1 } } ]\n";

static Model *model;

static void setup(void) {
    model = fixture_model(model_text);
}

static void teardown(void) {
    model = model_free(model);
}

static Lead *new_lead(void) {
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(model, STR_LITERAL("lead"), &lead), 0);
    lead_begin(lead, model, NOW_MS);
    return lead;
}

/* Rule, score, points and hours ago. */
typedef struct Given {
    unsigned rule, score;
    double points;
    int hours_ago;
} Given;
enum { FADING, PLAIN };

static void add(Lead *lead, const Given *given, unsigned number) {
    GivenAward award = {.rule = (uint16_t)given->rule,
            .score = (uint16_t)given->score,
            .points = given->points,
            .occurred_at_ms = NOW_MS - given->hours_ago * HOUR_MS};
    char id[16];
    (void)snprintf(id, sizeof(id), "e%u", number);
    award.event_id = event_id_of(str_from(id));
    ck_assert_int_eq(lead_add_award(lead, &award), 0);
}

/* "rule/event present", a reason a word; profile rules without an event. */
static void expect(const Lead *lead, const char *expected) {
    _cleanup_(record_done) Record text = {0};
    Reason reasons[REASONS_MAX];
    ReasonIds ids;
    size_t n = reasons_of(lead, model, reasons, &ids);
    ck_assert_uint_le(n, REASONS_MAX);
    for (size_t i = 0; i < n; i++)
        record_add(&text, "%s%.*s%s%.*s:%g", i ? " " : "", STR_FMT(reasons[i].rule),
                reasons[i].from_profile ? "" : "/", STR_FMT(reasons[i].event_id), reasons[i].present_value);
    ck_assert_str_eq(text.text ? text.text : "", expected);
}

static const struct {
    Given given[8];
    unsigned n;
    double p0, p1;
    const char *expected;
} rows[] = {
        {{{0}}, 0, 0, 0, ""},
        {{{1, FADING, 40, 0}}, 1, 0, 0, "r1/e0:40"},
        /* by size of the present value, whatever the sign and the points */
        {{{1, FADING, 40, 2}, {2, PLAIN, -15, 5}, {2, PLAIN, 12, 0}}, 3, 0, 0, "r2/e1:-15 r2/e2:12 r1/e0:10"},
        /* a tie: later first, then file order of rules, then order within `add`, then order of award */
        {{{1, FADING, 20, 1}, {2, PLAIN, 10, 0}, {1, FADING, 10, 0}, {0, FADING, 10, 0}, {0, PLAIN, -10, 0}},
                5, 0, 0, "r0/e4:-10 r0/e3:10 r1/e2:10 r2/e1:10 r1/e0:10"},
        {{{2, PLAIN, 5, 0}, {2, PLAIN, 5, 0}, {2, PLAIN, 5, 0}}, 3, 0, 0, "r2/e0:5 r2/e1:5 r2/e2:5"},
        /* profile rules hold now, come last of a tie, and count only with points */
        {{{2, PLAIN, 10, 3}, {2, PLAIN, 9, 0}}, 2, -10, 11, "p1:11 r2/e0:10 p0:-10 r2/e1:9"},
        {{{0}}, 0, 7, 7, "p0:7 p1:7"},
        {{{0}}, 0, 0, 3, "p1:3"},
        /* five at most */
        {{{2, PLAIN, 1, 0}, {2, PLAIN, 2, 0}, {2, PLAIN, 3, 0}, {2, PLAIN, 4, 0}, {2, PLAIN, 5, 0},
                 {2, PLAIN, 6, 0}},
                6, 3, 2, "r2/e5:6 r2/e4:5 r2/e3:4 r2/e2:3 p0:3"},
        {{{2, PLAIN, 6, 0}, {2, PLAIN, 5, 0}, {2, PLAIN, 4, 0}, {2, PLAIN, 3, 0}, {2, PLAIN, 2, 0},
                 {2, PLAIN, 1, 0}},
                6, 0, 0, "r2/e0:6 r2/e1:5 r2/e2:4 r2/e3:3 r2/e4:2"},
        /* rounding makes no order: 10 halved thrice from 80, and 10 itself */
        {{{1, FADING, 80, 3}, {1, FADING, 10, 0}, {1, FADING, 40, 2}}, 3, 0, 0, "r1/e1:10 r1/e2:10 r1/e0:10"},
};

START_TEST(reasons_come_by_size_time_and_file_order) {
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(lead_free) Lead *lead = new_lead();
        for (unsigned k = 0; k < rows[i].n; k++)
            add(lead, &rows[i].given[k], k);
        ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("p0"), value_double(rows[i].p0)), 0);
        ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("p1"), value_double(rows[i].p1)), 0);
        score_apply_profile_rules(lead, model);
        expect(lead, rows[i].expected);
    }
}
END_TEST

START_TEST(reasons_are_of_the_latest_32_awards) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    for (unsigned k = 0; k < LEAD_AWARDS_MAX + 3; k++)
        add(lead, &(Given){2, PLAIN, 100 - (double)k, 0}, k);
    /* e0, e1 and e2, the greatest, have been pushed out */
    expect(lead, "r2/e3:97 r2/e4:96 r2/e5:95 r2/e6:94 r2/e7:93");
}
END_TEST

START_TEST(reason_tells_points_as_kept_and_when) {
    _cleanup_(lead_free) Lead *lead = new_lead();
    Reason reasons[REASONS_MAX];
    ReasonIds ids;
    add(lead, &(Given){1, FADING, 40, 1}, 7);
    ck_assert_uint_eq(reasons_of(lead, model, reasons, &ids), 1);
    ck_assert(str_eq_c(reasons[0].score, "fading") && str_eq_c(reasons[0].event_id, "e7"));
    ck_assert_double_eq(reasons[0].points, 40);
    ck_assert_double_eq(reasons[0].present_value, 20);
    ck_assert_int_eq(reasons[0].occurred_at_ms, NOW_MS - HOUR_MS);
    ck_assert(!reasons[0].from_profile);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("reason");
    TCase *tcase = tcase_create("reason");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, reasons_come_by_size_time_and_file_order);
    tcase_add_test(tcase, reasons_are_of_the_latest_32_awards);
    tcase_add_test(tcase, reason_tells_points_as_kept_and_when);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
