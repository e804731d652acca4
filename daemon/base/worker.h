#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Worker
 *
 * A thread beside the pipeline's own that does what has to wait for a server, one task after the other, while the pipeline goes on.
 * What a task touches is the worker's from worker_begin() until worker_is_done() says so, or worker_wait() returns.
 */
#include "lib/base/util.h"

typedef struct WorkerTask WorkerTask;
struct WorkerTask {
    void (*run)(void *userdata);
    void *userdata;
    /* The worker's own: */
    bool is_done;
    WorkerTask *next;
};

typedef struct Worker Worker;

/* `name` is what the thread is called, of at most 15 characters. 0, -ENOMEM or -EAGAIN. */
MUST_CHECK int worker_new(const char *name, Worker **ret);
/* Waits until all that was begun is done. */
Worker *worker_free(Worker *worker);
DEFINE_CLEANUP(Worker *, worker_free)

/* The task stays the caller's, and where it is, until it is done. */
void worker_begin(Worker *worker, WorkerTask *task);
bool worker_is_done(Worker *worker, const WorkerTask *task);
void worker_wait(Worker *worker, const WorkerTask *task);
