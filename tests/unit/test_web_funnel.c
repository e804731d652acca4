/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/funnel.h"

#include <stdio.h>

#include "tests/unit/suite.h"

#define HOUR_MS INT64_C(3600000)
#define NOON_MS (INT64_C(490896) * HOUR_MS) /* an hour's beginning, in 2026 */

static Funnel funnel;

static void setup(void) {
    funnel = FUNNEL_INIT;
}

static void teardown(void) {
    funnel_deinit(&funnel);
}

static Output move(const char *entity, const char *from, const char *to) {
    return (Output){.type = OUTPUT_STAGE_CHANGED,
            .stage_changed = {.entity = str_from(entity), .track = STR_LITERAL("life"), .from = str_from(from), .to = str_from(to)}};
}

static void note(Output output, int64_t told_ms) {
    ck_assert_int_eq(funnel_note(&funnel, &output, told_ms), 0);
}

START_TEST(flows_are_told_apart) {
    note(move("lead", "a", "b"), NOON_MS);
    note(move("lead", "a", "b"), NOON_MS + 1);
    note(move("lead", "b", "a"), NOON_MS);
    note(move("account", "a", "b"), NOON_MS);
    note((Output){.type = OUTPUT_SLA_EVENT, .sla_event = {.policy = STR_LITERAL("call"), .kind = SLA_MET}}, NOON_MS);
    note((Output){.type = OUTPUT_SLA_EVENT, .sla_event = {.policy = STR_LITERAL("call"), .kind = SLA_LATE}}, NOON_MS);
    note((Output){.type = OUTPUT_SLA_EVENT, .sla_event = {.policy = STR_LITERAL("call"), .kind = SLA_LATE}}, NOON_MS);
    note((Output){.type = OUTPUT_LEAD_RETIRED}, NOON_MS - 5);
    note(move("lead", "a", "b"), -1); /* whose instant is not known */
    ck_assert_uint_eq(funnel.n_flows, 3);
    ck_assert_int_eq(funnel_count(&funnel.flows[0].count, NOON_MS), 2);
    ck_assert_int_eq(funnel_count(&funnel.flows[1].count, NOON_MS), 1);
    ck_assert_int_eq(funnel.flows[2].kind, ENTITY_ACCOUNT);
    ck_assert_uint_eq(funnel.n_policies, 1);
    ck_assert_int_eq(funnel_count(&funnel.policies[0].kinds[SLA_MET], NOON_MS), 1);
    ck_assert_int_eq(funnel_count(&funnel.policies[0].kinds[SLA_LATE], NOON_MS), 2);
    ck_assert_int_eq(funnel.since_ms, NOON_MS);
}
END_TEST

/* Hours from noon at which something was told, and how much of it counts so many hours after noon. */
static const struct {
    int told[4];
    size_t n;
    int now;
    int64_t counted;
} rows[] = {
        {{0}, 1, 0, 1},
        {{0}, 1, 24, 1}, /* the first hour is not over yet */
        {{0}, 1, 25, 0},
        {{0}, 1, 1000, 0},
        {{0, 12, 24}, 3, 24, 3},
        {{0, 12, 24}, 3, 30, 2},
        {{0, 25}, 2, 25, 1}, /* the same slot, a day later */
        {{25, 0}, 2, 25, 1}, /* topics are read side by side: not in order */
        {{24, 0}, 2, 24, 2},
        {{5, 3, 4, 5}, 4, 5, 4},
        {{0, 100, 100}, 3, 100, 2},
};

START_TEST(a_day_counts) {
    for (size_t i = 0; i < rows[_i].n; i++)
        note(move("lead", "a", "b"), NOON_MS + rows[_i].told[i] * HOUR_MS + 1);
    ck_assert_int_eq(funnel_count(&funnel.flows[0].count, NOON_MS + rows[_i].now * HOUR_MS + 2), rows[_i].counted);
}
END_TEST

START_TEST(there_is_an_end_to_flows) {
    char to[16];
    for (int i = 0; i < FUNNEL_FLOWS_MAX + 10; i++) {
        (void)snprintf(to, sizeof(to), "s%d", i);
        note(move("lead", "a", to), NOON_MS);
    }
    ck_assert_uint_eq(funnel.n_flows, FUNNEL_FLOWS_MAX);
    note(move("lead", "a", "s0"), NOON_MS);
    ck_assert_int_eq(funnel_count(&funnel.flows[0].count, NOON_MS), 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("web_funnel");
    TCase *tcase = tcase_create("web_funnel");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, flows_are_told_apart);
    tcase_add_loop_test(tcase, a_day_counts, 0, ARRAY_SIZE(rows));
    tcase_add_test(tcase, there_is_an_end_to_flows);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
