/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/lead/account.h"

#include "lib/shard/shard.h"
#include "tests/unit/engine_fixture.h"

#define DAY_MS INT64_C(86400000)
#define NOW_MS (1000 * DAY_MS)

static AccountScore scores[] = {
        {.id = STR_LITERAL("plain"), .decay = {.kind = DECAY_NONE}, .per_lead = {-5, 40}, .max = 70},
        {.id = STR_LITERAL("half"), .decay = {DECAY_HALF_LIFE, DAY_MS}, .per_lead = {-INFINITY, 40}, .max = INFINITY},
        {.id = STR_LITERAL("window"), .decay = {DECAY_WINDOW, 64 * DAY_MS}, .per_lead = {-INFINITY, INFINITY}, .max = INFINITY},
};
static const Model model = {.account_scores = scores, .n_account_scores = ARRAY_SIZE(scores),
        .committee = {.present = true, .window_ms = 2 * DAY_MS}};

enum { PLAIN, HALF, WINDOW };

static Account *new_account(const char *id, int64_t at_ms) {
    Account *account = NULL;
    ck_assert_int_eq(account_new(&model, str_from(id), &account), 0);
    account_begin(account, &model, at_ms);
    return account;
}

static Member *add(Account *account, const char *lead_id) {
    Member *member;
    ck_assert_int_eq(account_add(account, str_from(lead_id), &member), 0);
    return member;
}

static void give(Account *account, const char *lead_id, unsigned score, double points, int64_t occurred_at_ms, int64_t lead_ms) {
    Member *member = add(account, lead_id);
    ck_assert_int_eq(account_award(account, &model, member, score, points, occurred_at_ms, lead_ms), 0);
    member->active_at_ms = MAX(member->active_at_ms, lead_ms);
}

static void expect_score(const Account *account, unsigned score, int64_t at_ms, double expected) {
    double value = account_score(account, &model, score, at_ms);
    ck_assert_msg(fabs(value - expected) < 1e-9, "score %u: %.12g, expected %.12g", score, value, expected);
}

/* --- members ----------------------------------------------------------------------------------------- */

START_TEST(members_are_kept_by_id) {
    _cleanup_(account_free) Account *account = new_account("acme", NOW_MS);
    static const char *const ids[] = {"cid", "ann", "dan", "bea", "ann"};
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
        ck_assert(str_eq_c(add(account, ids[i])->lead_id, ids[i]));
    ck_assert_uint_eq(account->n_members, 4);
    for (size_t i = 1; i < account->n_members; i++)
        ck_assert_int_lt(str_compare(account->members[i - 1].lead_id, account->members[i].lead_id), 0);
    ck_assert_ptr_nonnull(account_find(account, STR_LITERAL("bea")));
    ck_assert_ptr_null(account_find(account, STR_LITERAL("eve")));
}
END_TEST

START_TEST(taken_out_entry_goes_into_another_account_whole) {
    _cleanup_(account_free) Account *from = new_account("acme", NOW_MS), *to = new_account("bolt", NOW_MS - 100 * DAY_MS);
    give(from, "ann", PLAIN, 10, NOW_MS, NOW_MS);
    give(from, "ann", HALF, 16, NOW_MS, NOW_MS);
    add(from, "ann")->committee_at_ms = NOW_MS - 1;
    add(from, "bea");
    size_t before = account_memory(from, &model);
    Member entry;
    ck_assert(!account_take_out(from, STR_LITERAL("eve"), &entry));
    ck_assert(account_take_out(from, STR_LITERAL("ann"), &entry));
    ck_assert_uint_lt(account_memory(from, &model), before);
    expect_score(from, PLAIN, NOW_MS, 0);
    ck_assert_int_eq(account_put_in(to, &entry), 0);
    ck_assert_ptr_null(entry.scores);
    to->clock_ms = NOW_MS;
    expect_score(to, PLAIN, NOW_MS, 10);
    expect_score(to, HALF, NOW_MS + DAY_MS, 8);
    ck_assert_uint_eq(account_committee(to, &model, NOW_MS), 1);
    ck_assert_int_eq(account_find(to, STR_LITERAL("ann"))->active_at_ms, NOW_MS);
}
END_TEST

/* An account whose clock is ahead must not drop what still counts in one whose clock is behind. */
START_TEST(entry_can_move_to_an_account_whose_clock_is_behind) {
    int64_t lead_ms = NOW_MS - 100 * DAY_MS;
    _cleanup_(account_free) Account *from = new_account("acme", NOW_MS), *to = new_account("bolt", lead_ms);
    give(from, "ann", WINDOW, 7, lead_ms - 10 * DAY_MS, lead_ms);
    give(from, "ann", WINDOW, 5, lead_ms, lead_ms);
    give(from, "ann", HALF, 8, lead_ms - DAY_MS, lead_ms);
    expect_score(from, WINDOW, NOW_MS, 0);
    Member entry;
    ck_assert(account_take_out(from, STR_LITERAL("ann"), &entry));
    ck_assert_int_eq(account_put_in(to, &entry), 0);
    expect_score(to, WINDOW, lead_ms, 12);
    expect_score(to, WINDOW, lead_ms + 54 * DAY_MS, 5);
    expect_score(to, HALF, lead_ms, 4);
}
END_TEST

START_TEST(the_257th_member_displaces_the_longest_inactive_one) {
    _cleanup_(account_free) Account *account = new_account("acme", NOW_MS);
    char id[16];
    for (int i = 0; i < ACCOUNT_MEMBERS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "lead-%03d", i);
        add(account, id)->active_at_ms = i == 7 || i == 9 ? NOW_MS - 5 : NOW_MS;
    }
    account_bound(account);
    ck_assert_uint_eq(account->n_members, ACCOUNT_MEMBERS_MAX);
    add(account, "new")->active_at_ms = NOW_MS - 4;
    account_bound(account);
    ck_assert_uint_eq(account->n_members, ACCOUNT_MEMBERS_MAX);
    ck_assert_ptr_null(account_find(account, STR_LITERAL("lead-007"))); /* as old as 009: the smaller id */
    ck_assert_ptr_nonnull(account_find(account, STR_LITERAL("lead-009")));
    /* a newcomer whose clock lies furthest back is the one that leaves */
    add(account, "late")->active_at_ms = NOW_MS - 100;
    account_bound(account);
    ck_assert_ptr_null(account_find(account, STR_LITERAL("late")));
    ck_assert_ptr_nonnull(account_find(account, STR_LITERAL("lead-009")));
}
END_TEST

/* --- points ------------------------------------------------------------------------------------------ */

START_TEST(points_are_cut_per_lead_and_the_sum_when_read) {
    _cleanup_(account_free) Account *account = new_account("acme", NOW_MS);
    give(account, "ann", PLAIN, 50, NOW_MS, NOW_MS);
    expect_score(account, PLAIN, NOW_MS, 40);
    give(account, "bea", PLAIN, 39, NOW_MS, NOW_MS);
    expect_score(account, PLAIN, NOW_MS, 70);
    give(account, "ann", PLAIN, -100, NOW_MS, NOW_MS);
    expect_score(account, PLAIN, NOW_MS, 34); /* -5 and 39 */
    /* the cut is made at the account's clock: 64 of yesterday are 32 now, and 8 more fit, which are 16 of yesterday */
    give(account, "cid", HALF, 64, NOW_MS - DAY_MS, NOW_MS - DAY_MS);
    give(account, "cid", HALF, 64, NOW_MS - DAY_MS, NOW_MS - DAY_MS);
    expect_score(account, HALF, NOW_MS, 40);
    expect_score(account, HALF, NOW_MS + DAY_MS, 20);
}
END_TEST

START_TEST(fold_is_one_award_within_the_bounds) {
    _cleanup_(account_free) Account *account = new_account("acme", NOW_MS);
    give(account, "ann", HALF, 30, NOW_MS, NOW_MS);
    give(account, "ann", WINDOW, 3, NOW_MS - DAY_MS, NOW_MS);
    give(account, "ann", WINDOW, 4, NOW_MS, NOW_MS);
    add(account, "ann")->committee_at_ms = NOW_MS - DAY_MS;
    give(account, "bea", HALF, 20, NOW_MS, NOW_MS);
    give(account, "bea", WINDOW, 1, NOW_MS, NOW_MS);
    Member entry;
    ck_assert(account_take_out(account, STR_LITERAL("ann"), &entry));
    ck_assert_int_eq(account_fold(account, &model, add(account, "bea"), &entry, NOW_MS), 0);
    member_done(&entry, ARRAY_SIZE(scores));
    ck_assert_uint_eq(account->n_members, 1);
    expect_score(account, HALF, NOW_MS, 40);
    expect_score(account, HALF, NOW_MS + DAY_MS, 20);
    expect_score(account, WINDOW, NOW_MS, 8);
    ck_assert_int_eq(account_find(account, STR_LITERAL("bea"))->committee_at_ms, NOW_MS - DAY_MS);
}
END_TEST

START_TEST(course_is_the_sum_of_the_members) {
    _cleanup_(account_free) Account *account = new_account("acme", NOW_MS);
    give(account, "ann", HALF, 30, NOW_MS - DAY_MS, NOW_MS);
    give(account, "bea", HALF, 20, NOW_MS, NOW_MS);
    Course course = account_score_course(account, &model, HALF, NOW_MS);
    ck_assert_double_eq_tol(course.exponential, 35, 1e-9);
    ck_assert_double_eq(course.half_life_ms, (double)DAY_MS);
    give(account, "bea", WINDOW, 20, NOW_MS - 3 * DAY_MS, NOW_MS);
    give(account, "ann", WINDOW, 1, NOW_MS, NOW_MS);
    course = account_score_course(account, &model, WINDOW, NOW_MS);
    ck_assert_double_eq(course.constant, 21);
    ck_assert_int_eq(course.until_ms, NOW_MS + 61 * DAY_MS);
}
END_TEST

START_TEST(committee_counts_events_within_the_window) {
    _cleanup_(account_free) Account *account = new_account("acme", NOW_MS);
    ck_assert_int_eq(account_committee_changes_at(account, &model, NOW_MS), TIME_NEVER);
    add(account, "ann")->committee_at_ms = NOW_MS - 2 * DAY_MS;     /* out since now */
    add(account, "bea")->committee_at_ms = NOW_MS - 2 * DAY_MS + 1; /* out in a millisecond */
    add(account, "cid")->committee_at_ms = NOW_MS;
    add(account, "dan");
    ck_assert_uint_eq(account_committee(account, &model, NOW_MS), 2);
    ck_assert_int_eq(account_committee_changes_at(account, &model, NOW_MS), NOW_MS + 1);
    ck_assert_uint_eq(account_committee(account, &model, NOW_MS + 1), 1);
    ck_assert_int_eq(account_committee_changes_at(account, &model, NOW_MS + 1), NOW_MS + 2 * DAY_MS);
    ck_assert_uint_eq(account_committee(account, &model, NOW_MS + 2 * DAY_MS), 0);
    ck_assert_int_eq(account_committee_changes_at(account, &model, NOW_MS + 2 * DAY_MS), TIME_NEVER);
}
END_TEST

START_TEST(top_members_go_by_present_contribution_then_id) {
    _cleanup_(account_free) Account *account = new_account("acme", NOW_MS);
    Str top[OUTPUT_MEMBERS_MAX];
    ck_assert_uint_eq(account_top_members(account, &model, NOW_MS, top), 0);
    give(account, "fay", PLAIN, 1, NOW_MS, NOW_MS);
    give(account, "eve", PLAIN, 1 + 1e-8, NOW_MS, NOW_MS); /* the same, rounded to 1e-6 */
    give(account, "dan", HALF, 4, NOW_MS - DAY_MS, NOW_MS);
    give(account, "cid", PLAIN, -1, NOW_MS, NOW_MS);
    give(account, "bea", WINDOW, 3, NOW_MS, NOW_MS);
    add(account, "ann");
    ck_assert_uint_eq(account_top_members(account, &model, NOW_MS, top), OUTPUT_MEMBERS_MAX);
    static const char *const expected[] = {"bea", "dan", "eve", "fay", "ann"};
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
        ck_assert_msg(str_eq_c(top[i], expected[i]), "%zu: %.*s", i, STR_FMT(top[i]));
}
END_TEST

/* --- touches, through a shard ------------------------------------------------------------------------ */

static const char model_text[] =
        "model: m\nversion: 1\n"
        "scores: { e: { decay: none } }\n"
        "rules: [ { id: visit, on: [visit], add: { e: 10 } } ]\n"
        "accounts:\n"
        "  scores: { e: { from: e, decay: none, per_lead_max: 15 } }\n"
        "  tracks: { t: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [\n"
        "    { id: up, from: [a], to: b, when: 'e >= 20' }, { id: down, from: [b], to: a, when: 'e < 20' } ] } }\n";

static void apply(Shard *shard, const char *lead_id, const char *account_id, const char *event_id, int64_t at_ms) {
    LeadEvent event = fixture_event(lead_id, event_id, "visit", at_ms);
    EventResult result;
    event.account_id = str_from(account_id);
    ck_assert_int_eq(shard_event(shard, &event, at_ms, &result), 0);
    ck_assert_int_eq(result.outcome, EVENT_APPLIED);
}

static Account *account_in(Shard *shard, const char *id) {
    return account_of(entity_table_get(shard_accounts(shard), str_from(id)));
}

static void expect_members(Shard *shard, const char *account_id, size_t n, double score) {
    Account *account = account_in(shard, account_id);
    ck_assert_ptr_nonnull(account);
    ck_assert_uint_eq(account->n_members, n);
    ck_assert_double_eq(account->members[0].scores[0].value, score);
}

START_TEST(merged_leads_entry_is_folded_or_leaves) {
    _cleanup_(model_free) Model *m = fixture_model(model_text);
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = NULL;
    ck_assert_int_eq(shard_new(m, record_sink(&record), &shard), 0);
    apply(shard, "ann", "acme", "e1", 1000);
    apply(shard, "bea", "acme", "e2", 1000);
    apply(shard, "cid", "bolt", "e3", 1000);
    apply(shard, "dan", "bolt", "e4", 1000);
    record_expect(&record, "acme t a>b @1000 event\nbolt t a>b @1000 event\n");

    /* ann into bea, of the same account: 10 and 10, of which 15 stay */
    LeadEvent merged = fixture_event("ann", "e5", "lead_merged", 2000);
    Touch touch = {.lead_id = STR_LITERAL("bea"), .at_ms = 2000, .account_id = STR_LITERAL("acme"),
            .merged_lead_id = STR_LITERAL("ann"), .merged_account_id = STR_LITERAL("acme"), .event = &merged,
            .committee_at_ms = TIME_NONE};
    ck_assert(touch_is_due(&touch));
    ck_assert_int_eq(shard_touch(shard, &touch), 0);
    record_expect(&record, "acme t b>a @2000 event\n");
    expect_members(shard, "acme", 1, 15);

    /* cid, of bolt, into bea, of acme: his account is told first */
    touch.at_ms = 3000;
    touch.merged_lead_id = STR_LITERAL("cid");
    touch.merged_account_id = STR_LITERAL("bolt");
    ck_assert_int_eq(shard_touch(shard, &touch), 0);
    record_expect(&record, "bolt t b>a @3000 event\n");
    expect_members(shard, "bolt", 1, 10);
    expect_members(shard, "acme", 1, 15);
    ck_assert_int_eq(account_in(shard, "acme")->clock_ms, 3000);

    /* dan, of bolt, into eve, who has no account and takes his: what he brought is hers */
    touch = (Touch){.lead_id = STR_LITERAL("eve"), .at_ms = 4000, .account_id = STR_LITERAL("bolt"),
            .merged_lead_id = STR_LITERAL("dan"), .merged_account_id = STR_LITERAL("bolt"), .event = &merged,
            .committee_at_ms = TIME_NONE};
    ck_assert_int_eq(shard_touch(shard, &touch), 0);
    expect_members(shard, "bolt", 1, 10);
    ck_assert(str_eq_c(account_in(shard, "bolt")->members[0].lead_id, "eve"));
    record_expect(&record, "");
}
END_TEST

/* What a sink was handed, told to another shard, as if the accounts were there. */
static int pass_on(void *userdata, const Touch *touch) {
    return shard_touch(userdata, touch);
}

START_TEST(touches_can_go_to_another_shard) {
    _cleanup_(model_free) Model *m = fixture_model(model_text);
    _cleanup_(record_done) Record here = {0}, there = {0}, whole = {0};
    _cleanup_(shard_free) Shard *leads = NULL, *accounts = NULL, *both = NULL;
    ck_assert_int_eq(shard_new(m, record_sink(&here), &leads), 0);
    ck_assert_int_eq(shard_new(m, record_sink(&there), &accounts), 0);
    ck_assert_int_eq(shard_new(m, record_sink(&whole), &both), 0);
    shard_set_links(leads, (ShardLinks){.touch = pass_on, .userdata = accounts});
    static const char *const ids[] = {"ann", "bea", "cid"}, *const account_ids[] = {"acme", "bolt", NULL};
    uint64_t random = 3;
    for (int i = 0; i < 300; i++) {
        char event_id[16];
        (void)snprintf(event_id, sizeof(event_id), "e%d", i);
        const char *id = ids[random_below(&random, 3)], *account_id = account_ids[random_below(&random, 3)];
        apply(leads, id, account_id, event_id, i * 1000);
        apply(both, id, account_id, event_id, i * 1000);
    }
    ck_assert_ptr_null(here.text);
    ck_assert_uint_gt(whole.len, 500);
    ck_assert_str_eq(there.text, whole.text);
    ck_assert_uint_eq(entity_table_count(shard_accounts(leads)), 0);
    ck_assert_uint_eq(entity_table_count(shard_accounts(accounts)), 2);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("account");
    TCase *members = tcase_create("members");
    tcase_add_test(members, members_are_kept_by_id);
    tcase_add_test(members, taken_out_entry_goes_into_another_account_whole);
    tcase_add_test(members, entry_can_move_to_an_account_whose_clock_is_behind);
    tcase_add_test(members, the_257th_member_displaces_the_longest_inactive_one);
    suite_add_tcase(suite, members);

    TCase *points = tcase_create("points");
    tcase_add_test(points, points_are_cut_per_lead_and_the_sum_when_read);
    tcase_add_test(points, fold_is_one_award_within_the_bounds);
    tcase_add_test(points, course_is_the_sum_of_the_members);
    tcase_add_test(points, committee_counts_events_within_the_window);
    tcase_add_test(points, top_members_go_by_present_contribution_then_id);
    suite_add_tcase(suite, points);

    TCase *touches = tcase_create("touches");
    tcase_add_test(touches, merged_leads_entry_is_folded_or_leaves);
    tcase_add_test(touches, touches_can_go_to_another_shard);
    suite_add_tcase(suite, touches);
    return suite_run(suite);
}
