/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/worker.h"

#include <pthread.h>

#include "tests/unit/suite.h"

#define N_TASKS 100

/* What the tasks leave behind; read only when they are done. */
static struct {
    unsigned order[N_TASKS];
    unsigned n;
    pthread_t thread;
} trace;

static void note(void *userdata) {
    trace.order[trace.n++] = *(const unsigned *)userdata;
    trace.thread = pthread_self();
}

static void wait_until_open(void *userdata) {
    pthread_mutex_t *gate = userdata;
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
}

static void setup(void) {
    trace.n = 0;
}

START_TEST(tasks_are_done_in_their_order_by_another_thread) {
    _cleanup_(worker_free) Worker *worker = NULL;
    WorkerTask tasks[N_TASKS];
    unsigned numbers[N_TASKS];
    ck_assert_int_eq(worker_new("test", &worker), 0);
    for (unsigned i = 0; i < N_TASKS; i++) {
        numbers[i] = i;
        tasks[i] = (WorkerTask){.run = note, .userdata = &numbers[i]};
        worker_begin(worker, &tasks[i]);
    }
    worker_wait(worker, &tasks[N_TASKS - 1]);
    for (unsigned i = 0; i < N_TASKS; i++) {
        ck_assert(worker_is_done(worker, &tasks[i]));
        ck_assert_uint_eq(trace.order[i], i);
    }
    ck_assert(!pthread_equal(trace.thread, pthread_self()));
}
END_TEST

START_TEST(nobody_waits_but_who_asks_to) {
    _cleanup_(worker_free) Worker *worker = NULL;
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    unsigned number = 7;
    WorkerTask stuck = {.run = wait_until_open, .userdata = &gate}, behind = {.run = note, .userdata = &number};
    ck_assert_int_eq(worker_new("test", &worker), 0);
    pthread_mutex_lock(&gate);
    worker_begin(worker, &stuck);
    worker_begin(worker, &behind);
    ck_assert(!worker_is_done(worker, &stuck) && !worker_is_done(worker, &behind));
    pthread_mutex_unlock(&gate);
    worker_wait(worker, &behind);
    ck_assert(worker_is_done(worker, &stuck));
    ck_assert_uint_eq(trace.n, 1);
    worker_begin(worker, &behind); /* a task can be begun again */
    worker_wait(worker, &behind);
    ck_assert_uint_eq(trace.n, 2);
}
END_TEST

START_TEST(what_was_begun_is_done_before_the_end) {
    Worker *worker = NULL;
    WorkerTask tasks[N_TASKS];
    unsigned number = 3;
    ck_assert_int_eq(worker_new("test", &worker), 0);
    for (unsigned i = 0; i < N_TASKS; i++) {
        tasks[i] = (WorkerTask){.run = note, .userdata = &number};
        worker_begin(worker, &tasks[i]);
    }
    worker_free(worker);
    ck_assert_uint_eq(trace.n, N_TASKS);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("worker");
    TCase *tcase = tcase_create("worker");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, tasks_are_done_in_their_order_by_another_thread);
    tcase_add_test(tcase, nobody_waits_but_who_asks_to);
    tcase_add_test(tcase, what_was_begun_is_done_before_the_end);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
