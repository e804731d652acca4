/* SPDX-License-Identifier: Apache-2.0 */
/* What was told of one lead or account: whose it is, in which order it comes, and that it is bounded. */
#include "daemon/explain/history.h"

#include "tests/unit/suite.h"

static History history;
static TopText text;

static void setup(void) {
    history = (History){.kind = ENTITY_LEAD, .id = STR_LITERAL("lead-1"), .max = 2};
    text = TOP_TEXT_INIT;
}

static void teardown(void) {
    history_deinit(&history);
    top_text_deinit(&text);
}

/* A retirement of the lead; `cause` tells which. */
static void note(const char *lead_id, const char *cause, int64_t told_at_ms, uint64_t ordinal) {
    Output output = {.type = OUTPUT_LEAD_RETIRED, .lead_id = str_from(lead_id), .account_id = STR_LITERAL("acme"), .ordinal = ordinal,
            .at_ms = 0};
    output.lead_retired.cause = str_from(cause);
    ck_assert_int_eq(history_note(&history, &output, told_at_ms), 0);
}

static const char *finish(void) {
    history_finish(&history);
    history_text(&history, &text);
    top_text_add(&text, "%c", '\0');
    ck_assert(!text.out_of_memory);
    return text.data;
}

#define AT "  1970-01-01T00:00:00.000Z  "

START_TEST(outputs_of_others_are_passed_over) {
    note("lead-2", "a", 1, 1);
    note("lead-1", "b", 2, 1);
    note(NULL, "c", 3, 1); /* of the account acme */
    ck_assert_str_eq(finish(), "\nhistory\n" AT "b\n");
}
END_TEST

START_TEST(account_has_its_own) {
    history.kind = ENTITY_ACCOUNT;
    history.id = STR_LITERAL("acme");
    note("lead-1", "a", 1, 1);
    note(NULL, "b", 2, 1);
    ck_assert_str_eq(finish(), "\nhistory\n" AT "b\n");
}
END_TEST

START_TEST(topics_are_joined_by_time_then_ordinal) {
    note("lead-1", "second", 5, 2);
    note("lead-1", "first", 5, 1);
    ck_assert_str_eq(finish(), "\nhistory\n" AT "first\n" AT "second\n");
}
END_TEST

START_TEST(ordinals_begin_anew_when_a_lead_returns) {
    note("lead-1", "forgotten", 5, 9);
    note("lead-1", "returned", 6, 1);
    ck_assert_str_eq(finish(), "\nhistory\n" AT "forgotten\n" AT "returned\n");
}
END_TEST

START_TEST(history_of_merged_leads_is_joined_and_marked) {
    const Str former[] = {STR_LITERAL("lead-2"), STR_LITERAL("lead-3")};
    history.former_ids = former;
    history.n_former_ids = ARRAY_SIZE(former);
    history.max = 9;
    note("lead-1", "last", 5, 1);
    note("lead-2", "third", 5, 9);
    note("lead-3", "second", 5, 8);
    note("lead-3", "first", 4, 7);
    note("lead-4", "never", 4, 7);
    ck_assert_str_eq(finish(), "\nhistory\n" AT "first  (as lead-3)\n" AT "second  (as lead-3)\n" AT "third  (as lead-2)\n" AT "last\n");
}
END_TEST

START_TEST(latest_are_kept) {
    static const char *const causes[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    for (size_t i = 0; i < ARRAY_SIZE(causes); i++)
        note("lead-1", causes[i], (int64_t)i, i + 1);
    ck_assert_uint_le(history.n, 2 * history.max);
    ck_assert_str_eq(finish(), "\nhistory, without 7 older ones (--limit)\n" AT "h\n" AT "i\n");
}
END_TEST

START_TEST(json_is_a_line_each) {
    history.as_json = true;
    note("lead-1", "a", 1, 1);
    note("lead-1", "b", 2, 2);
    const char *got = finish();
    ck_assert_int_eq(strncmp(got, "{\"output\":\"LeadRetired\",", 24), 0);
    ck_assert_ptr_nonnull(strstr(got, "}\n{\"output\":\"LeadRetired\","));
    ck_assert_int_eq(got[strlen(got) - 1], '\n');
}
END_TEST

START_TEST(nothing_is_said_to_be_nothing) {
    ck_assert_str_eq(finish(), "\nhistory\n  nothing was told\n");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("history");
    TCase *tcase = tcase_create("history");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, outputs_of_others_are_passed_over);
    tcase_add_test(tcase, account_has_its_own);
    tcase_add_test(tcase, topics_are_joined_by_time_then_ordinal);
    tcase_add_test(tcase, ordinals_begin_anew_when_a_lead_returns);
    tcase_add_test(tcase, history_of_merged_leads_is_joined_and_marked);
    tcase_add_test(tcase, latest_are_kept);
    tcase_add_test(tcase, json_is_a_line_each);
    tcase_add_test(tcase, nothing_is_said_to_be_nothing);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
