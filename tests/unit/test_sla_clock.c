/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock's working time, by pauses that the rows write as instants. All start at 1000; the target is 100 and, where a row doesn't say
 * otherwise, the clock runs round the clock.
 */
#include <stdio.h>

#include "lib/lead/sla_clock.h"
#include "tests/unit/suite.h"

#define START_MS 1000
#define TARGET_MS 100

static SlaPolicy policies[] = {{.id = STR_LITERAL("accept"), .target_ms = TARGET_MS}};
static const Model model = {.policies = policies, .n_policies = 1};

static SlaClock clock_;

static SlaTerms terms(void) {
    return sla_terms(&clock_, &model, 0);
}

static void setup(void) {
    clock_ = (SlaClock){0};
    sla_clock_start(&clock_, &model, 0, START_MS, 0);
}

static void teardown(void) {
    sla_clock_end(&clock_);
}

static void pause_at(int64_t at_ms) {
    ck_assert_int_eq(sla_clock_pause(&clock_, terms(), at_ms), 0);
}

static void resume_at(int64_t at_ms) {
    sla_clock_resume(&clock_, terms(), at_ms);
}

/* Pairs of a pause and its end; 0 ends the list, a pause without an end lasts. */
#define INSTANTS_MAX 8
static void pause_by(const int64_t *instants) {
    for (size_t i = 0; i < INSTANTS_MAX && instants[i]; i++)
        if (i % 2 == 0)
            pause_at(instants[i]);
        else
            resume_at(instants[i]);
}

/* --- what it has run ---------------------------------------------------------------------------------- */

static const struct {
    int64_t pauses[INSTANTS_MAX];
    int64_t at_ms, elapsed_ms;
} elapsed_rows[] = {
        {{0}, 1000, 0},
        {{0}, 1070, 70},
        {{0}, 999, 0},
        /* one pause: before, in and after it */
        {{1030, 1050}, 1010, 10},
        {{1030, 1050}, 1030, 30},
        {{1030, 1050}, 1040, 30},
        {{1030, 1050}, 1050, 30},
        {{1030, 1050}, 1051, 31},
        /* it lasts */
        {{1030}, 1020, 20},
        {{1030}, 9000, 30},
        /* two, the second of which lasts */
        {{1030, 1050, 1060}, 1045, 30},
        {{1030, 1050, 1060}, 1055, 35},
        {{1030, 1050, 1060}, 2000, 40},
        /* paused from the start */
        {{1000, 1200}, 1100, 0},
        {{1000, 1200}, 1201, 1},
};

START_TEST(elapsed_leaves_pauses_out) {
    pause_by(elapsed_rows[_i].pauses);
    ck_assert_int_eq(sla_clock_elapsed(&clock_, terms(), elapsed_rows[_i].at_ms), elapsed_rows[_i].elapsed_ms);
}
END_TEST

/* --- when it will have run so long -------------------------------------------------------------------- */

static const struct {
    int64_t pauses[INSTANTS_MAX];
    int64_t work_ms, at_ms;
} instant_rows[] = {
        {{0}, 0, 1000},
        {{0}, 70, 1070},
        {{1030, 1050}, 29, 1029},
        {{1030, 1050}, 30, 1050}, /* not at the beginning of a pause, but when it ends */
        {{1030, 1050}, 31, 1051},
        {{1030}, 29, 1029},
        {{1030}, 30, TIME_NEVER},
        {{1030}, 31, TIME_NEVER},
        {{1000}, 0, TIME_NEVER},
        {{1000, 1200}, 0, 1200},
        {{1030, 1050, 1060, 1090}, 35, 1055},
        {{1030, 1050, 1060, 1090}, 40, 1090},
        {{1030, 1050, 1060, 1090}, 45, 1095},
        {{1030, 1050, 1060}, 39, 1059},
        {{1030, 1050, 1060}, 40, TIME_NEVER},
        /* one that goes on at once is one pause; of no length it is none */
        {{1030, 1050, 1050, 1080}, 30, 1080},
        {{1030, 1030}, 30, 1030},
        /* beyond the last instant that can be written */
        {{0}, EVENT_TIME_MS_MAX, TIME_NEVER},
};

START_TEST(instant_moves_with_pauses) {
    pause_by(instant_rows[_i].pauses);
    ck_assert_int_eq(sla_clock_instant(&clock_, terms(), instant_rows[_i].work_ms), instant_rows[_i].at_ms);
}
END_TEST

START_TEST(instant_and_elapsed_are_inverse) {
    pause_by((const int64_t[INSTANTS_MAX]){1007, 1011, 1030, 1050, 1061, 1062});
    for (int64_t work_ms = 0; work_ms < 200; work_ms++) {
        int64_t at_ms = sla_clock_instant(&clock_, terms(), work_ms);
        ck_assert_int_eq(sla_clock_elapsed(&clock_, terms(), at_ms), work_ms);
        ck_assert_int_eq(sla_clock_elapsed(&clock_, terms(), at_ms + 1), work_ms + 1);
    }
}
END_TEST

/* --- due ---------------------------------------------------------------------------------------------- */

static const struct {
    int64_t pauses[INSTANTS_MAX];
    int64_t at_ms, due_ms, known_ms; /* due as of at_ms, and as the clock keeps it */
} due_rows[] = {
        {{0}, 1000, 1100, 1100},
        {{0}, 5000, 1100, 1100},
        {{1030, 1050}, 1010, 1120, 1120},
        {{1030, 1050, 1060, 1090}, 1010, 1150, 1150},
        /* while paused: as if it went on then, but not before the pause has begun */
        {{1030}, 1030, 1100, TIME_NEVER},
        {{1030}, 1500, 1570, TIME_NEVER},
        {{1030}, 1010, 1100, TIME_NEVER},
        {{1030, 1050, 1060}, 1060, 1120, TIME_NEVER},
        {{1030, 1050, 1060}, 1100, 1160, TIME_NEVER},
        /* due at the beginning of the pause: not before its end */
        {{1100}, 1100, 1100, TIME_NEVER},
        {{1100}, 1300, 1300, TIME_NEVER},
        {{1100, 1300}, 1300, 1300, 1300},
        /* due before it was paused */
        {{1101}, 1300, 1100, 1100},
        {{1101, 1300}, 1300, 1100, 1100},
};

START_TEST(due_is_known_or_as_if_it_went_on) {
    pause_by(due_rows[_i].pauses);
    ck_assert_int_eq(sla_clock_due(&clock_, terms(), due_rows[_i].at_ms), due_rows[_i].due_ms);
    ck_assert_int_eq(clock_.due_at_ms, due_rows[_i].known_ms);
}
END_TEST

START_TEST(due_beyond_all_instants_is_never) {
    policies[0].target_ms = EVENT_TIME_MS_MAX;
    sla_clock_start(&clock_, &model, 0, START_MS, 0);
    ck_assert_int_eq(sla_clock_due(&clock_, terms(), START_MS), TIME_NEVER);
    pause_by((const int64_t[INSTANTS_MAX]){1030, 1050, 1060});
    ck_assert_int_eq(sla_clock_due(&clock_, terms(), 1060), TIME_NEVER);
    policies[0].target_ms = TARGET_MS;
}
END_TEST

/* --- start and end ------------------------------------------------------------------------------------ */

START_TEST(next_epoch_begins_without_pauses) {
    pause_at(1030);
    clock_.warned = 1;
    clock_.breached = true;
    sla_clock_start(&clock_, &model, 0, 5000, 0);
    ck_assert_int_eq(clock_.phase, SLA_PHASE_OPEN);
    ck_assert_uint_eq(clock_.epoch, 2);
    ck_assert(!sla_clock_is_paused(&clock_) && !clock_.breached && !clock_.warned);
    ck_assert_int_eq(clock_.due_at_ms, 5100);

    pause_at(5010);
    sla_clock_end(&clock_);
    ck_assert_int_eq(clock_.phase, SLA_PHASE_NONE);
    ck_assert_uint_eq(clock_.epoch, 2);
    ck_assert_ptr_null(clock_.pauses);
}
END_TEST

/* Only a record that was tampered with leads there; it must not lead further. */
START_TEST(pause_before_the_last_one_ends_begins_there) {
    pause_by((const int64_t[INSTANTS_MAX]){1030, 1050});
    pause_at(1010);
    ck_assert_uint_eq(clock_.n_pauses, 1);
    resume_at(1000);
    ck_assert_int_eq(sla_clock_elapsed(&clock_, terms(), 1060), 60);
}
END_TEST

/* --- more pauses than are kept ------------------------------------------------------------------------ */

/* Runs 1 ms and stands still for 9, again and again. */
static void pause_often(int n) {
    for (int i = 0; i < n; i++) {
        pause_at(START_MS + 10 * i + 1);
        resume_at(START_MS + 10 * i + 10);
    }
}

START_TEST(oldest_pauses_become_a_sum) {
    enum { N = SLA_PAUSES_MAX + 10 };
    pause_often(N);
    ck_assert_uint_eq(clock_.n_pauses, SLA_PAUSES_MAX);
    ck_assert_int_eq(clock_.base_after_ms, 100);
    ck_assert_int_eq(clock_.base_work_ms, 10);
    /* what is not older is exact */
    for (int64_t work_ms = 10; work_ms < N; work_ms++)
        ck_assert_int_eq(sla_clock_instant(&clock_, terms(), work_ms), START_MS + 10 * work_ms);
    ck_assert_int_eq(sla_clock_instant(&clock_, terms(), N + 5), START_MS + 10 * N + 5);
    ck_assert_int_eq(sla_clock_elapsed(&clock_, terms(), START_MS + 10 * N), N);
    ck_assert_int_eq(clock_.due_at_ms, START_MS + 10 * N + TARGET_MS - N);
    /* what is older is measured as if there had been no pause, up to the sum */
    ck_assert_int_eq(sla_clock_elapsed(&clock_, terms(), START_MS + 1), 1);
    ck_assert_int_eq(sla_clock_elapsed(&clock_, terms(), START_MS + 5), 5);
    ck_assert_int_eq(sla_clock_elapsed(&clock_, terms(), START_MS + 15), 10);
    ck_assert_int_eq(sla_clock_instant(&clock_, terms(), 9), START_MS + 9);
}
END_TEST

START_TEST(due_before_the_sum_stays_known) {
    policies[0].target_ms = 5;
    sla_clock_start(&clock_, &model, 0, START_MS, 0);
    pause_often(SLA_PAUSES_MAX + 10);
    policies[0].target_ms = TARGET_MS;
    ck_assert_int_eq(clock_.due_at_ms, START_MS + 50);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sla_clock");
    TCase *tcase = tcase_create("working time");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, elapsed_leaves_pauses_out, 0, ARRAY_SIZE(elapsed_rows));
    tcase_add_loop_test(tcase, instant_moves_with_pauses, 0, ARRAY_SIZE(instant_rows));
    tcase_add_test(tcase, instant_and_elapsed_are_inverse);
    tcase_add_loop_test(tcase, due_is_known_or_as_if_it_went_on, 0, ARRAY_SIZE(due_rows));
    tcase_add_test(tcase, due_beyond_all_instants_is_never);
    tcase_add_test(tcase, next_epoch_begins_without_pauses);
    tcase_add_test(tcase, pause_before_the_last_one_ends_begins_there);
    tcase_add_test(tcase, oldest_pauses_become_a_sum);
    tcase_add_test(tcase, due_before_the_sum_stays_known);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
