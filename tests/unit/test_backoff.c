/* SPDX-License-Identifier: Apache-2.0 */
/* No clock runs here: what time it is, and what the lot is, the test says. */
#include "daemon/io/net/backoff.h"
#include "tests/unit/suite.h"

#define LEAST_MS 50
#define MOST_MS 3000
#define NOW_MS INT64_C(1000000)

static RetryGate new_gate(void) {
    return (RetryGate){.backoff = {.least_ms = LEAST_MS, .most_ms = MOST_MS}};
}

START_TEST(gate_is_open_before_anything_has_failed) {
    RetryGate gate = new_gate();
    ck_assert_int_eq(retry_gate_wait(&gate, 0), 0);
    ck_assert_int_eq(retry_gate_wait(&gate, NOW_MS), 0);
}
END_TEST

START_TEST(failure_shuts_it_for_a_part_between_half_and_all) {
    static const struct {
        uint32_t lot;
        int64_t wait_ms;
    } rows[] = {{0, LEAST_MS / 2}, {UINT32_MAX, LEAST_MS}};
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        RetryGate gate = new_gate();
        retry_gate_shut(&gate, NOW_MS, rows[i].lot);
        ck_assert_int_eq(retry_gate_wait(&gate, NOW_MS), rows[i].wait_ms);
        ck_assert_int_eq(retry_gate_wait(&gate, NOW_MS + rows[i].wait_ms - 1), 1);
        ck_assert_int_eq(retry_gate_wait(&gate, NOW_MS + rows[i].wait_ms), 0);
        ck_assert_int_eq(retry_gate_wait(&gate, NOW_MS + 10 * MOST_MS), 0);
    }
}
END_TEST

START_TEST(failures_in_a_row_shut_it_twice_as_long_up_to_a_bound) {
    RetryGate gate = new_gate();
    int64_t now_ms = NOW_MS, expected_ms = LEAST_MS;
    for (int i = 0; i < 200; i++) {
        retry_gate_shut(&gate, now_ms, UINT32_MAX);
        ck_assert_int_eq(retry_gate_wait(&gate, now_ms), expected_ms);
        now_ms += expected_ms;
        ck_assert_int_eq(retry_gate_wait(&gate, now_ms), 0);
        expected_ms = MIN(2 * expected_ms, MOST_MS);
    }
    ck_assert_int_eq(expected_ms, MOST_MS);
}
END_TEST

START_TEST(success_opens_it_and_the_next_failure_begins_anew) {
    RetryGate gate = new_gate();
    for (int i = 0; i < 10; i++)
        retry_gate_shut(&gate, NOW_MS, UINT32_MAX);
    ck_assert_int_eq(retry_gate_wait(&gate, NOW_MS), MOST_MS);
    retry_gate_open(&gate);
    ck_assert_int_eq(retry_gate_wait(&gate, NOW_MS), 0);
    retry_gate_shut(&gate, NOW_MS, UINT32_MAX);
    ck_assert_int_eq(retry_gate_wait(&gate, NOW_MS), LEAST_MS);
}
END_TEST

/* A thousand that lose a server at one instant come back spread over half of the wait. */
START_TEST(lots_spread_those_who_come_back) {
    enum { N = 1000, N_PARTS = 10 };
    int n[N_PARTS] = {0};
    for (uint32_t i = 0; i < N; i++) {
        RetryGate gate = new_gate();
        for (int k = 0; k < 10; k++)
            retry_gate_shut(&gate, NOW_MS, i * (UINT32_MAX / N));
        int64_t wait_ms = retry_gate_wait(&gate, NOW_MS);
        ck_assert_int_ge(wait_ms, MOST_MS / 2);
        ck_assert_int_le(wait_ms, MOST_MS);
        n[MIN((wait_ms - MOST_MS / 2) * N_PARTS / (MOST_MS / 2), N_PARTS - 1)]++;
    }
    for (size_t i = 0; i < N_PARTS; i++)
        ck_assert_int_ge(n[i], N / N_PARTS / 2);
}
END_TEST

int main(void) {
    TCase *tcase = tcase_create("gate");
    tcase_add_test(tcase, gate_is_open_before_anything_has_failed);
    tcase_add_test(tcase, failure_shuts_it_for_a_part_between_half_and_all);
    tcase_add_test(tcase, failures_in_a_row_shut_it_twice_as_long_up_to_a_bound);
    tcase_add_test(tcase, success_opens_it_and_the_next_failure_begins_anew);
    tcase_add_test(tcase, lots_spread_those_who_come_back);
    Suite *suite = suite_create("backoff");
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
