/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

struct Worker {
    pthread_t thread;
    pthread_mutex_t mutex; /* of all that follows, and of the tasks' own part */
    pthread_cond_t has_news; /* a task has come, or none will any more */
    pthread_cond_t has_done;
    WorkerTask *first, **last;
    bool is_ending;
};

static WorkerTask *next_task(Worker *worker) {
    while (!worker->first && !worker->is_ending)
        pthread_cond_wait(&worker->has_news, &worker->mutex);
    WorkerTask *task = worker->first;
    if (!task)
        return NULL;
    worker->first = task->next;
    if (!worker->first)
        worker->last = &worker->first;
    return task;
}

static void *work(void *userdata) {
    Worker *worker = userdata;
    WorkerTask *task;
    pthread_mutex_lock(&worker->mutex);
    while ((task = next_task(worker))) {
        pthread_mutex_unlock(&worker->mutex);
        task->run(task->userdata);
        pthread_mutex_lock(&worker->mutex);
        task->is_done = true;
        pthread_cond_broadcast(&worker->has_done);
    }
    pthread_mutex_unlock(&worker->mutex);
    return NULL;
}

/* Signals are the main thread's: it is what they are to wake. */
static int start(Worker *worker) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&worker->thread, NULL, work, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -r;
}

static void destroy(Worker *worker) {
    pthread_cond_destroy(&worker->has_done);
    pthread_cond_destroy(&worker->has_news);
    pthread_mutex_destroy(&worker->mutex);
    free(worker);
}

int worker_new(const char *name, Worker **ret) {
    Worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->last = &worker->first;
    pthread_mutex_init(&worker->mutex, NULL);
    pthread_cond_init(&worker->has_news, NULL);
    pthread_cond_init(&worker->has_done, NULL);
    int r = start(worker);
    if (r < 0) {
        destroy(worker);
        return r;
    }
    (void)pthread_setname_np(worker->thread, name);
    *ret = worker;
    return 0;
}

Worker *worker_free(Worker *worker) {
    if (!worker)
        return NULL;
    pthread_mutex_lock(&worker->mutex);
    worker->is_ending = true;
    pthread_cond_signal(&worker->has_news);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    destroy(worker);
    return NULL;
}

void worker_begin(Worker *worker, WorkerTask *task) {
    pthread_mutex_lock(&worker->mutex);
    task->is_done = false;
    task->next = NULL;
    *worker->last = task;
    worker->last = &task->next;
    pthread_cond_signal(&worker->has_news);
    pthread_mutex_unlock(&worker->mutex);
}

bool worker_is_done(Worker *worker, const WorkerTask *task) {
    pthread_mutex_lock(&worker->mutex);
    bool is_done = task->is_done;
    pthread_mutex_unlock(&worker->mutex);
    return is_done;
}

void worker_wait(Worker *worker, const WorkerTask *task) {
    pthread_mutex_lock(&worker->mutex);
    while (!task->is_done)
        pthread_cond_wait(&worker->has_done, &worker->mutex);
    pthread_mutex_unlock(&worker->mutex);
}
