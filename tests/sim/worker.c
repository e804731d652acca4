/* SPDX-License-Identifier: Apache-2.0 */
/* In place of daemon/base/worker.c: the thread is a coroutine. */
#include "daemon/base/worker.h"

#include "tests/sim/world.h"

/* Between two looks of those who are woken otherwise. */
#define LOOK_MS 1000

struct Worker {
    Coroutine *thread, *waiting; /* NULL: nobody waits */
    WorkerTask *first, **last;
    bool is_ending;
};

static void wait_for_worker(Worker *worker) {
    worker->waiting = world.running;
    world_wait(POINT_SLEEP, LOOK_MS);
    worker->waiting = NULL;
}

static void work(void *userdata) {
    Worker *worker = userdata;
    while (worker->first || !worker->is_ending) {
        WorkerTask *task = worker->first;
        if (!task) {
            world_wait(POINT_SLEEP, LOOK_MS);
            continue;
        }
        worker->first = task->next;
        if (!worker->first)
            worker->last = &worker->first;
        task->run(task->userdata);
        task->is_done = true;
        if (worker->waiting)
            world_wake(worker->waiting);
    }
    if (worker->waiting)
        world_wake(worker->waiting);
}

int worker_new(const char *name, Worker **ret) {
    (void)name;
    Worker *worker = world_alloc(1, sizeof(*worker));
    worker->last = &worker->first;
    worker->thread = world_start_thread(work, worker);
    *ret = worker;
    return 0;
}

Worker *worker_free(Worker *worker) {
    if (!worker)
        return NULL;
    worker->is_ending = true;
    world_wake(worker->thread);
    while (!worker->thread->has_ended)
        wait_for_worker(worker);
    return NULL;
}

void worker_begin(Worker *worker, WorkerTask *task) {
    task->is_done = false;
    task->next = NULL;
    *worker->last = task;
    worker->last = &task->next;
    world_wake(worker->thread);
}

bool worker_is_done(Worker *worker, const WorkerTask *task) {
    (void)worker;
    return task->is_done;
}

void worker_wait(Worker *worker, const WorkerTask *task) {
    while (!task->is_done)
        wait_for_worker(worker);
}
