/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/source_order.h"

#include "tests/unit/suite.h"

/* Two sources that pair up around one that is routed. */
static Config config = {.sources = {"web", "mail", "crm"}, .n_sources = 3, .is_routed = {false, true, false}, .internal_topic = "i"};
static const int32_t counts[] = {1, 1, 1};
enum { WEB, MAIL, CRM, INTERNAL };
#define RECORDS_MAX 16

static Inputs inputs;
static SourceProgress progress[3];
static OrderGate gate;
static Record sorted[RECORDS_MAX], ordered[RECORDS_MAX];
static size_t n;

static void begin(void) {
    ck_assert(inputs_make(&config, counts, 1, &inputs));
    for (size_t i = 0; i < ARRAY_SIZE(progress); i++)
        progress[i] = SOURCE_PROGRESS_INIT;
    gate = (OrderGate){.sources = progress};
    n = 0;
}

/* Polled at 1000, after the question with that number. To be added by input. */
static void add(unsigned input, int64_t occurred_at_ms, uint64_t asked_no) {
    int64_t offset = n && sorted[n - 1].input == input ? sorted[n - 1].offset + 1 : 0;
    sorted[n++] = (Record){.input = input, .offset = offset, .occurred_at_ms = occurred_at_ms, .polled_ms = 1000, .asked_no = asked_no};
}

static void prove(unsigned source, uint64_t no) {
    source_progress_note_end(&progress[source], (SourceEnd){.offset = -1, .at_ms = 1, .no = no});
}

/* `expected`: a letter for each record in order, w m c i, and a bar before those that wait. */
static void assert_order(OrderGate *with, const char *expected) {
    char text[RECORDS_MAX + 2];
    size_t n_ready = source_order_merge(&inputs, sorted, n, with, ordered), len = 0;
    for (size_t i = 0; i < n; i++) {
        if (i == n_ready)
            text[len++] = '|';
        text[len++] = "wmci"[ordered[i].input];
    }
    text[len] = 0;
    ck_assert_str_eq(text, expected);
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            ck_assert(ordered[k].input != ordered[i].input || ordered[k].offset < ordered[i].offset);
}

START_TEST(sources_are_taken_by_when_it_happened) {
    begin();
    add(WEB, 10, 0);
    add(WEB, 30, 0);
    add(MAIL, TIME_NONE, 0);
    add(CRM, 20, 0);
    add(CRM, 40, 0);
    add(INTERNAL, TIME_NONE, 0);
    assert_order(NULL, "wcwcmi");
    begin();
    assert_order(NULL, "");
}
END_TEST

START_TEST(each_source_keeps_its_own_order) {
    begin();
    add(WEB, 50, 0);
    add(WEB, 10, 0); /* late where it stands: the one before it is not taken for its sake */
    add(CRM, 20, 0);
    assert_order(NULL, "cww");
}
END_TEST

START_TEST(of_one_instant_the_source_named_first_is_first) {
    begin();
    add(WEB, 10, 0);
    add(CRM, 10, 0);
    assert_order(NULL, "wc");
}
END_TEST

START_TEST(what_is_no_event_waits_for_no_time) {
    begin();
    add(WEB, 10, 0);
    add(CRM, TIME_NONE, 0);
    assert_order(NULL, "cw");
}
END_TEST

START_TEST(waits_until_the_other_source_shows_what_is_next) {
    begin();
    add(WEB, 10, 0);
    add(WEB, 30, 0);
    add(MAIL, TIME_NONE, 0);
    add(CRM, 20, 0);
    assert_order(&gate, "wcm|w"); /* crm may bring 25 */
    ck_assert(gate.waiting && gate.waiting->occurred_at_ms == 30);
    ck_assert_uint_eq(gate.awaited, CRM);
    ck_assert_uint_eq(gate.given_up, INPUTS_MAX);
    begin();
    add(WEB, 10, 0);
    add(CRM, 20, 0);
    add(CRM, 30, 0);
    assert_order(&gate, "w|cc");
    begin();
    add(CRM, 20, 0);
    assert_order(&gate, "|c");
}
END_TEST

START_TEST(only_a_question_asked_after_the_record_was_polled_lets_it_go) {
    begin();
    add(CRM, 20, 4);
    prove(WEB, 4);
    assert_order(&gate, "|c");
    prove(WEB, 5);
    assert_order(&gate, "c");
    add(CRM, 30, 5); /* polled since */
    assert_order(&gate, "c|c");
}
END_TEST

START_TEST(source_that_is_behind_lets_nothing_go) {
    begin();
    add(CRM, 20, 0);
    progress[WEB].read_to = 7;
    source_progress_note_end(&progress[WEB], (SourceEnd){.offset = 9, .at_ms = 1, .no = 1});
    assert_order(&gate, "|c");
    source_progress_read(&progress[WEB], 8, false);
    assert_order(&gate, "|c");
    source_progress_read(&progress[WEB], 9, false);
    assert_order(&gate, "c");
}
END_TEST

START_TEST(waiting_has_an_end) {
    begin();
    add(CRM, 20, 0);
    gate.waited_ms = 1000;
    assert_order(&gate, "|c");
    gate.waited_ms = 1001;
    assert_order(&gate, "c");
    ck_assert_ptr_null(gate.waiting);
    ck_assert_uint_eq(gate.given_up, WEB);
}
END_TEST

START_TEST(one_source_alone_waits_for_nothing) {
    Config plain = {.sources = {"mail", "crm"}, .n_sources = 2, .is_routed = {true, false}, .internal_topic = "i"};
    begin();
    ck_assert(source_order_matters(&inputs));
    ck_assert(inputs_make(&plain, counts, 1, &inputs));
    ck_assert(!source_order_matters(&inputs));
    add(0, TIME_NONE, 0);
    add(1, 20, 0);
    add(1, 10, 0);
    ck_assert_uint_eq(source_order_merge(&inputs, sorted, n, &gate, ordered), 3);
    for (size_t i = 0; i < n; i++)
        ck_assert(ordered[i].input == sorted[i].input && ordered[i].offset == sorted[i].offset);
}
END_TEST

/* The record that was added last. */
static void lack_schema(void) {
    sorted[n - 1].lacks_schema = true;
}

START_TEST(what_lacks_its_schema_holds_its_input_alone) {
    begin();
    add(WEB, 10, 0);
    add(WEB, TIME_NONE, 0);
    lack_schema();
    add(WEB, 11, 0);
    add(MAIL, TIME_NONE, 0);
    lack_schema();
    add(MAIL, TIME_NONE, 0);
    add(CRM, 5, 0);
    add(INTERNAL, TIME_NONE, 0);
    assert_order(NULL, "cwi|wwmm");
    sorted[3].lacks_schema = false;
    assert_order(NULL, "cwmmi|ww");
    sorted[1].lacks_schema = false;
    sorted[1].occurred_at_ms = 4;
    assert_order(NULL, "cwwwmmi");
}
END_TEST

START_TEST(message_of_another_shard_that_lacks_its_schema_holds_those_behind_it) {
    begin();
    add(WEB, 10, 0);
    add(CRM, 20, 0);
    add(INTERNAL, TIME_NONE, 0);
    add(INTERNAL, TIME_NONE, 0);
    lack_schema();
    add(INTERNAL, TIME_NONE, 0);
    assert_order(NULL, "wci|ii");
}
END_TEST

START_TEST(sources_wait_for_one_that_cannot_be_read_until_that_takes_too_long) {
    begin();
    add(WEB, TIME_NONE, 0);
    lack_schema();
    add(CRM, 20, 0);
    prove(WEB, 5); /* it is polled to its end, but what that is, nobody knows */
    assert_order(&gate, "|wc");
    ck_assert_uint_eq(gate.awaited, WEB);
    gate.waited_ms = 1001;
    assert_order(&gate, "c|w");
    ck_assert_uint_eq(gate.given_up, WEB);
    ck_assert_ptr_null(gate.waiting);
}
END_TEST

START_TEST(schema_is_waited_for_where_there_is_no_order_too) {
    Config plain = {.sources = {"crm"}, .n_sources = 1, .internal_topic = "i"};
    begin();
    ck_assert(inputs_make(&plain, counts, 1, &inputs));
    add(0, 20, 0);
    add(0, TIME_NONE, 0);
    lack_schema();
    add(0, 10, 0);
    add(1, TIME_NONE, 0);
    ck_assert_uint_eq(source_order_merge(&inputs, sorted, n, &gate, ordered), 2);
    ck_assert_ptr_null(gate.waiting);
    ck_assert(ordered[0].input == 0 && ordered[1].input == 1);
    ck_assert(ordered[2].offset == 1 && ordered[3].offset == 2);
}
END_TEST

/* --- progress ---------------------------------------------------------------------------------------- */

START_TEST(question_is_answered_when_all_before_its_end_is_polled) {
    SourceProgress p = SOURCE_PROGRESS_INIT;
    p.read_to = 5;
    source_progress_note_end(&p, (SourceEnd){.offset = 8, .at_ms = 100, .no = 1});
    ck_assert_uint_eq(p.proof.no, 0);
    source_progress_note_end(&p, (SourceEnd){.offset = 20, .at_ms = 200, .no = 2}); /* the first one is reached before */
    source_progress_read(&p, 8, false);
    ck_assert(p.proof.no == 1 && p.proof.at_ms == 100);
    source_progress_note_end(&p, (SourceEnd){.offset = 20, .at_ms = 300, .no = 3});
    source_progress_note_end(&p, (SourceEnd){.offset = 9, .at_ms = 400, .no = 4}); /* the log was cut */
    source_progress_read(&p, 9, true); /* also by control records alone */
    ck_assert(p.proof.no == 4 && p.proof.at_ms == 400);
    source_progress_note_end(&p, (SourceEnd){.offset = 9, .at_ms = 500, .no = 5});
    ck_assert(p.proof.no == 5);
}
END_TEST

START_TEST(proof_counts_once_nothing_before_it_waits) {
    SourceProgress p = SOURCE_PROGRESS_INIT;
    source_progress_take_proof(&p);
    ck_assert_int_eq(p.proved_ms, TIME_NONE);
    source_progress_read(&p, 8, true);
    source_progress_note_end(&p, (SourceEnd){.offset = 8, .at_ms = 100, .no = 1});
    p.is_held = true;
    p.held_from = 7;
    ck_assert(!source_progress_is_at_end(&p));
    source_progress_take_proof(&p);
    ck_assert_int_eq(p.proved_ms, TIME_NONE);
    p.held_from = 8; /* what waits came later */
    source_progress_take_proof(&p);
    ck_assert_int_eq(p.proved_ms, 100);
    p.is_held = false;
    ck_assert(source_progress_is_at_end(&p));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("source_order");
    TCase *tcase = tcase_create("order");
    tcase_add_test(tcase, sources_are_taken_by_when_it_happened);
    tcase_add_test(tcase, each_source_keeps_its_own_order);
    tcase_add_test(tcase, of_one_instant_the_source_named_first_is_first);
    tcase_add_test(tcase, what_is_no_event_waits_for_no_time);
    tcase_add_test(tcase, waits_until_the_other_source_shows_what_is_next);
    tcase_add_test(tcase, only_a_question_asked_after_the_record_was_polled_lets_it_go);
    tcase_add_test(tcase, source_that_is_behind_lets_nothing_go);
    tcase_add_test(tcase, waiting_has_an_end);
    tcase_add_test(tcase, one_source_alone_waits_for_nothing);
    tcase_add_test(tcase, what_lacks_its_schema_holds_its_input_alone);
    tcase_add_test(tcase, message_of_another_shard_that_lacks_its_schema_holds_those_behind_it);
    tcase_add_test(tcase, sources_wait_for_one_that_cannot_be_read_until_that_takes_too_long);
    tcase_add_test(tcase, schema_is_waited_for_where_there_is_no_order_too);
    suite_add_tcase(suite, tcase);
    TCase *of_progress = tcase_create("progress");
    tcase_add_test(of_progress, question_is_answered_when_all_before_its_end_is_polled);
    tcase_add_test(of_progress, proof_counts_once_nothing_before_it_waits);
    suite_add_tcase(suite, of_progress);
    return suite_run(suite);
}
