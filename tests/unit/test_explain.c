/* SPDX-License-Identifier: Apache-2.0 */
/* What an explanation is made of, from events that the engine has applied. tests/explain has the whole of one, to the letter. */
#include "lib/explain/explain.h"

#include "lib/shard/shard.h"
#include "tests/unit/engine_fixture.h"

#define T0 INT64_C(1767225600000) /* 2026-01-01 */
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

/* clang-format off */
static const char model_text[] =
    "model: m\nversion: 1\n"
    "scores: { heat: { decay: { half_life: 1d }, max: 1000 }, plain: { decay: none, max: 1000 } }\n"
    "rules: [ { id: view, on: [view], add: { heat: 64 } }, { id: one, on: [one], add: { plain: 1 } } ]\n"
    "idle_rules: [ { id: quiet, after: 3d, reset_on: [view], add: { plain: 'heat + 1' } } ]\n"
    "counters: { views: { on: [view], window: 2d, keep: 3 } }\n"
    "tracks:\n"
    "  life:\n"
    "    initial: lead\n"
    "    stages: [ { id: lead }, { id: mql, owner: sales }, { id: cold } ]\n"
    "    transitions:\n"
    "      - { id: up, from: [lead, cold], to: mql, when: 'heat >= 64', cooldown: 5d }\n"
    "      - { id: late, from: [mql], to: cold, when: 'age(life) >= 9d' }\n"
    "      - { id: down, from: [mql], to: cold, when: 'heat < 16' }\n"
    "  flip: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [\n"
    "    { id: there, from: [a], to: b, when: 'plain >= 1' }, { id: back, from: [b], to: a, when: 'plain >= 1' } ] }\n"
    "sla:\n"
    "  - { id: call, start: { enter: [life.mql] }, stop: { on: [touch] }, target: 10h, warn: [50%], escalate: [20h],\n"
    "      pause: { enter: [life.cold] } }\n"
    "accounts:\n"
    "  scores: { sum: { from: heat, decay: none, max: 100 } }\n"
    "  committee: { window: 2d, on: [one] }\n"
    "  tracks: { state: { initial: calm, stages: [ { id: calm }, { id: busy } ], transitions: [ { id: go, from: [calm], to: busy, when: 'sum > 200' } ] } }\n";
/* clang-format on */

static Model *model;
static Shard *shard;
static Arena *arena;
static Record told;
static unsigned n_events;

static void setup(void) {
    model = fixture_model(model_text);
    n_events = 0;
    ck_assert_int_eq(arena_new(&arena), 0);
    ck_assert_int_eq(shard_new(model, record_sink(&told), &shard), 0);
}

static void teardown(void) {
    shard_free(shard);
    arena_free(arena);
    model_free(model);
    record_done(&told);
}

static void happen(const char *lead_id, const char *type, int64_t at_ms) {
    char event_id[16];
    EventResult result;
    (void)snprintf(event_id, sizeof(event_id), "e%u", n_events++);
    LeadEvent event = fixture_event(lead_id, event_id, type, at_ms);
    event.account_id = STR_LITERAL("acme");
    ck_assert_int_eq(shard_event(shard, &event, at_ms, &result), 0);
    ck_assert_int_eq(result.outcome, EVENT_APPLIED);
}

static Explanation explain(const char *lead_id, int64_t at_ms) {
    Explanation explanation;
    Entity *entity = entity_table_get(shard_leads(shard), str_from(lead_id));
    ck_assert_int_eq(explain_lead(arena, model, lead_of(entity), at_ms, &explanation), 0);
    return explanation;
}

START_TEST(score_is_the_sum_of_its_contributions) {
    happen("lead", "view", T0);
    happen("lead", "view", T0 + DAY_MS);
    Explanation e = explain("lead", T0 + 2 * DAY_MS);
    ck_assert_uint_eq(e.scores[0].n_reasons, 2);
    ck_assert_double_eq_tol(e.scores[0].value, 48, 1e-9);
    /* greatest first, as worth now */
    ck_assert_double_eq_tol(e.scores[0].reasons[0].present_value, 32, 1e-9);
    ck_assert_double_eq_tol(e.scores[0].reasons[1].present_value, 16, 1e-9);
    ck_assert_double_eq(e.scores[0].rest, 0);
}
END_TEST

START_TEST(what_is_no_longer_itemised_is_the_rest) {
    for (int i = 0; i < LEAD_AWARDS_MAX + 8; i++)
        happen("lead", "one", T0 + i);
    Explanation e = explain("lead", T0 + DAY_MS);
    ck_assert_uint_eq(e.scores[1].n_reasons, LEAD_AWARDS_MAX);
    ck_assert_double_eq(e.scores[1].value, LEAD_AWARDS_MAX + 8);
    ck_assert_double_eq(e.scores[1].rest, 8);
}
END_TEST

START_TEST(time_alone_takes_the_first_transition_that_begins_to_hold) {
    happen("lead", "view", T0);
    Explanation e = explain("lead", T0 + HOUR_MS);
    const ExplainedTrack *track = &e.tracks[0];
    ck_assert(str_eq_c(track->stage, "mql") && str_eq_c(track->owner, "sales"));
    ck_assert_int_eq(track->since_ms, T0);
    ck_assert_uint_eq(track->n_transitions, 2);
    ck_assert_int_eq(track->transitions[0].begins_at_ms, T0 + 9 * DAY_MS);
    /* 64 falls below 16 a millisecond or so after two half-lives */
    ck_assert(str_eq_c(track->changes_by->transition->id, "down") && str_eq_c(track->changes_by->to, "cold"));
    ck_assert_int_ge(track->changes_at_ms, T0 + 2 * DAY_MS);
    ck_assert_int_le(track->changes_at_ms, T0 + 2 * DAY_MS + 2);
    ck_assert_int_eq(track->changes_at_ms, lead_of(entity_table_get(shard_leads(shard), STR_LITERAL("lead")))->next_internal_ms);
}
END_TEST

START_TEST(what_time_will_change_was_settled_at_the_clock) {
    happen("lead", "view", T0);
    /* nobody has let the lead's moment happen yet */
    Explanation e = explain("lead", T0 + 3 * DAY_MS);
    ck_assert(str_eq_c(e.tracks[0].stage, "mql"));
    ck_assert(str_eq_c(e.tracks[0].changes_by->transition->id, "down"));
    ck_assert_int_lt(e.tracks[0].changes_at_ms, e.at_ms);
}
END_TEST

START_TEST(what_was_passed_over_waits_for_what_happens_next) {
    /* the lead begins in a, goes to b, and could go back to a, but entered that at the same instant */
    happen("lead", "one", T0);
    Explanation e = explain("lead", T0 + HOUR_MS);
    ck_assert(str_eq_c(e.tracks[1].stage, "b"));
    ck_assert(e.tracks[1].transitions[0].passed_over);
    ck_assert_int_eq(e.tracks[1].changes_at_ms, TIME_NEVER);
    happen("lead", "touch", T0 + DAY_MS);
    /* to a, to b again, and no further */
    e = explain("lead", T0 + DAY_MS);
    ck_assert_int_eq(e.tracks[1].since_ms, T0 + DAY_MS);
    ck_assert(str_eq_c(e.tracks[1].stage, "b") && e.tracks[1].transitions[0].passed_over);
}
END_TEST

START_TEST(cooldown_is_told_while_it_lasts) {
    happen("lead", "view", T0);
    ck_assert_int_eq(shard_advance(shard, T0 + 3 * DAY_MS), 0);
    const Lead *lead = lead_of(entity_table_get(shard_leads(shard), STR_LITERAL("lead")));
    int64_t left_ms = lead->tracks[0].stages[1].left_at_ms;
    Explanation e = explain("lead", T0 + 3 * DAY_MS);
    ck_assert(str_eq_c(e.tracks[0].stage, "cold"));
    ck_assert_int_eq(e.tracks[0].transitions[0].cools_at_ms, left_ms + 5 * DAY_MS);
    ck_assert_int_eq(e.tracks[0].transitions[0].when_truth, PART_FAILS);
    e = explain("lead", left_ms + 5 * DAY_MS);
    ck_assert_int_eq(e.tracks[0].transitions[0].cools_at_ms, TIME_NONE);
}
END_TEST

START_TEST(counters_and_silence_look_ahead) {
    happen("lead", "view", T0);
    Explanation e = explain("lead", T0 + DAY_MS);
    ck_assert_uint_eq(e.counters[0].value, 1);
    ck_assert_int_eq(e.counters[0].changes_at_ms, T0 + 2 * DAY_MS);
    ck_assert_uint_eq(e.n_idle, 1);
    ck_assert_int_eq(e.idle[0].due_at_ms, T0 + 3 * DAY_MS);
    /* heat + 1, as it will be then: 8 + 1 */
    ck_assert_double_eq_tol(e.idle[0].points[0].value, 9, 1e-9);
}
END_TEST

START_TEST(clock_counts_its_work_and_knows_its_next_level) {
    happen("lead", "view", T0);
    Explanation e = explain("lead", T0 + 4 * HOUR_MS);
    ck_assert_uint_eq(e.n_clocks, 1);
    ck_assert_int_eq(e.clocks[0].worked_ms, 4 * HOUR_MS);
    ck_assert_int_eq(e.clocks[0].due_at_ms, T0 + 10 * HOUR_MS);
    ck_assert_int_eq(e.clocks[0].next->kind, SLA_WARNING);
    ck_assert_int_eq(e.clocks[0].next->at_ms, T0 + 5 * HOUR_MS);
    ck_assert_uint_eq(e.clocks[0].n_levels, 3);
    ck_assert_int_eq(shard_advance(shard, T0 + 12 * HOUR_MS), 0);
    e = explain("lead", T0 + 12 * HOUR_MS);
    ck_assert(e.clocks[0].breached && e.clocks[0].levels[0].told && e.clocks[0].levels[1].told);
    ck_assert_int_eq(e.clocks[0].next->kind, SLA_ESCALATED);
}
END_TEST

START_TEST(late_clock_can_be_taken_back_for_a_while) {
    happen("lead", "view", T0);
    happen("lead", "touch", T0 + 12 * HOUR_MS);
    Explanation e = explain("lead", T0 + 13 * HOUR_MS);
    ck_assert_int_eq(e.clocks[0].phase, SLA_PHASE_REVISABLE);
    ck_assert_int_eq(e.clocks[0].revisable_until_ms, T0 + 10 * HOUR_MS + 7 * DAY_MS);
    ck_assert_ptr_null(e.clocks[0].next);
}
END_TEST

START_TEST(account_is_what_its_members_bring) {
    Explanation e;
    happen("a", "view", T0);
    happen("b", "view", T0 + 1);
    happen("b", "view", T0 + 2);
    happen("a", "one", T0 + 3);
    const Account *account = account_of(entity_table_get(shard_accounts(shard), STR_LITERAL("acme")));
    ck_assert_int_eq(explain_account(arena, model, account, T0 + DAY_MS, &e), 0);
    ck_assert_double_eq(e.scores[0].value, 100);
    ck_assert_double_eq(e.scores[0].rest, 100 - 3 * 64);
    ck_assert_uint_eq(e.n_members, 2);
    ck_assert(str_eq_c(e.members[0].lead_id, "b"));
    ck_assert_double_eq(e.members[0].brings[0], 128);
    ck_assert(!e.members[0].in_committee && e.members[1].in_committee);
    ck_assert_int_eq(e.members[1].committee_until_ms, T0 + 3 + 2 * DAY_MS);
    ck_assert_uint_eq(e.committee, 1);
    ck_assert_uint_eq(e.tracks[0].n_transitions, 1);
    ck_assert(e.tracks[0].transitions[0].when[0].has_missing);
    ck_assert_double_eq(e.tracks[0].transitions[0].when[0].missing, 100);
    ck_assert_int_eq(explain_account(arena, model, account, T0 + 3 * DAY_MS, &e), 0);
    ck_assert_uint_eq(e.committee, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("explain");
    TCase *tcase = tcase_create("explain");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, score_is_the_sum_of_its_contributions);
    tcase_add_test(tcase, what_is_no_longer_itemised_is_the_rest);
    tcase_add_test(tcase, time_alone_takes_the_first_transition_that_begins_to_hold);
    tcase_add_test(tcase, what_time_will_change_was_settled_at_the_clock);
    tcase_add_test(tcase, what_was_passed_over_waits_for_what_happens_next);
    tcase_add_test(tcase, cooldown_is_told_while_it_lasts);
    tcase_add_test(tcase, counters_and_silence_look_ahead);
    tcase_add_test(tcase, clock_counts_its_work_and_knows_its_next_level);
    tcase_add_test(tcase, late_clock_can_be_taken_back_for_a_while);
    tcase_add_test(tcase, account_is_what_its_members_bring);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
