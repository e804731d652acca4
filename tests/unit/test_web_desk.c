/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/desk.h"

#include "tests/unit/suite.h"

static Desk *desk;

static void setup(void) {
    ck_assert_int_eq(desk_new(&desk), 0);
}

static void teardown(void) {
    desk = desk_free(desk);
}

static DeskAnswer answer_of(const char *text) {
    return (DeskAnswer){.status = 200, .body = strdup(text), .body_len = strlen(text)};
}

START_TEST(questions_are_answered_in_their_order) {
    Ticket *first = desk_ask(desk, DESK_LEAD, STR_LITERAL("a")), *second = desk_ask(desk, DESK_ACCOUNT, STR_LITERAL("b\0c"));
    ck_assert(desk_is_open(desk));
    ck_assert_uint_eq(desk_take(desk, first).status, 0);
    ck_assert_ptr_eq(desk_next(desk, true), first);
    ck_assert_ptr_eq(desk_next(desk, true), second);
    ck_assert_ptr_null(desk_next(desk, true));
    ck_assert(!desk_is_open(desk));
    ck_assert_int_eq(ticket_question(second), DESK_ACCOUNT);
    ck_assert(str_eq(ticket_id(second), STR_LITERAL("b\0c")));
    desk_answer(desk, second, answer_of("two"));
    ck_assert_uint_eq(desk_take(desk, first).status, 0);
    DeskAnswer taken = desk_take(desk, second);
    ck_assert_str_eq(taken.body, "two");
    free(taken.body);
    desk_answer(desk, first, answer_of("one"));
    desk_drop(desk, first); /* with its answer */
    desk_drop(desk, second);
}
END_TEST

START_TEST(the_state_waits_until_it_is_there) {
    Ticket *state = desk_ask(desk, DESK_STATE, STR_LITERAL("")), *lead = desk_ask(desk, DESK_LEAD, STR_LITERAL("a"));
    ck_assert_ptr_eq(desk_next(desk, false), lead);
    ck_assert_ptr_null(desk_next(desk, false));
    ck_assert(desk_is_open(desk));
    ck_assert_ptr_eq(desk_next(desk, true), state);
    desk_answer(desk, state, answer_of("s"));
    desk_answer(desk, lead, answer_of("l"));
    desk_drop(desk, state);
    desk_drop(desk, lead);
}
END_TEST

START_TEST(who_leaves_is_not_waited_for) {
    Ticket *open = desk_ask(desk, DESK_LEAD, STR_LITERAL("a"));
    desk_drop(desk, open);
    ck_assert_ptr_null(desk_next(desk, true));
    Ticket *at_work = desk_ask(desk, DESK_LEAD, STR_LITERAL("a"));
    ck_assert_ptr_eq(desk_next(desk, true), at_work);
    desk_drop(desk, at_work);
    ck_assert(str_eq_c(ticket_id(at_work), "a"));
    desk_answer(desk, at_work, answer_of("nobody is there"));
}
END_TEST

START_TEST(there_is_an_end_to_questions) {
    Ticket *tickets[DESK_TICKETS_MAX];
    for (size_t i = 0; i < DESK_TICKETS_MAX; i++) {
        tickets[i] = desk_ask(desk, DESK_LEAD, STR_LITERAL("a"));
        ck_assert_ptr_nonnull(tickets[i]);
    }
    ck_assert_ptr_null(desk_ask(desk, DESK_LEAD, STR_LITERAL("a")));
    for (size_t i = 0; i < DESK_TICKETS_MAX; i++)
        desk_drop(desk, tickets[i]);
    Ticket *again = desk_ask(desk, DESK_LEAD, STR_LITERAL("a"));
    ck_assert_ptr_nonnull(again);
    desk_drop(desk, again);
}
END_TEST

/* Otherwise it would be killed by the suite's own time limit. */
START_TEST(a_nudge_that_came_before_is_not_missed) {
    desk_nudge(desk);
    desk_wait(desk, -1);
    Ticket *ticket = desk_ask(desk, DESK_LEAD, STR_LITERAL("a"));
    desk_wait(desk, -1);
    desk_wait(desk, 1);
    desk_drop(desk, ticket);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("web_desk");
    TCase *tcase = tcase_create("web_desk");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, questions_are_answered_in_their_order);
    tcase_add_test(tcase, the_state_waits_until_it_is_there);
    tcase_add_test(tcase, who_leaves_is_not_waited_for);
    tcase_add_test(tcase, there_is_an_end_to_questions);
    tcase_add_test(tcase, a_nudge_that_came_before_is_not_missed);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
