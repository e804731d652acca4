#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The World
 *
 * Virtual time, chance, and the processes of one schedule. Each simulated process runs the daemon's own pipeline_run() in a coroutine,
 * and has others for its further threads. It gives way wherever an adapter would wait for a server: there time passes, and there it can be crashed (it is never
 * gone on with), or frozen and woken later. All that happens is drawn from the schedule's seed, so that a seed is a schedule.
 *
 * One schedule is all that a process simulates: it is forked for it, and nothing is freed.
 */
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include "daemon/config/config.h"
#include "daemon/service/notify.h"

/* --- chance ------------------------------------------------------------------------------------------ */

/* A generator of its own for what is to stay the same when something else changes. */
typedef struct Chance {
    uint64_t state;
} Chance;
uint64_t chance_next(Chance *chance);
/* From `least` to `most`, both included. */
int64_t chance_between(Chance *chance, int64_t least, int64_t most);
bool chance_percent(Chance *chance, unsigned percent);

/* --- processes --------------------------------------------------------------------------------------- */

typedef enum ProcessState {
    PROCESS_RUNS,
    PROCESS_ENDED,   /* pipeline_run() has returned `result` */
    PROCESS_CRASHED, /* it is never gone on with */
} ProcessState;

/* One of a process's threads. */
typedef struct Coroutine {
    struct Process *process;
    void (*run)(void *userdata);
    void *userdata;
    bool has_begun, has_ended;
    ucontext_t context; /* where it begins */
    jmp_buf place;      /* where it goes on */
    void *stack, *fake_stack; /* the latter is the address sanitizer's */
    int64_t wake_at_ms;
    bool can_be_stirred; /* it waits for whatever comes first: see world_stir() */
    struct Coroutine *next; /* of the process */
} Coroutine;

typedef struct Process {
    unsigned number;     /* counts up: a process that is started again is another one */
    char instance[16];   /* the configuration's: the same after a restart, or not */
    Config config;       /* as the schedule's, but for the instance */
    Notify notify;
    ProcessState state;
    int result;
    Coroutine *threads; /* the last is the first that began: when it ends, the process does */
    int64_t frozen_until_ms;
    int64_t no_kafka_until_ms, no_redis_until_ms; /* it alone is cut off */
    int64_t clock_ahead_ms; /* its wall clock, of the brokers' */
    volatile sig_atomic_t stop, reload;
    const struct Model *model;
    struct Process *next;
} Process;

/* What a process does. */
typedef int (*ProcessMain)(Process *process);

/* --- the world --------------------------------------------------------------------------------------- */

/* Where a process gives way; a crash or a freeze can be aimed at one. */
typedef enum Point {
    POINT_POLL,
    POINT_ASK,      /* a question to the cluster, or for committed offsets */
    POINT_CHANGELOG,
    POINT_INIT,     /* init_transactions */
    POINT_SEND,     /* records of a transaction */
    POINT_OFFSETS,  /* its offsets */
    POINT_COMMIT,   /* before EndTxn arrives */
    POINT_COMMITTED, /* after it has */
    POINT_VIEW,     /* before a write to the view */
    POINT_VIEWED,   /* after it */
    POINT_READ,     /* a read of it */
    POINT_SLEEP,
    _POINT_MAX,
} Point;

typedef struct World {
    uint64_t seed;
    int64_t now_ms, begun_ms;
    Chance chance;
    bool is_verbose;
    ProcessMain process_main;
    Process *processes; /* the latest first */
    unsigned n_processes;
    Process *current;   /* NULL: none of them runs */
    Coroutine *running; /* its thread */
    jmp_buf scheduler;
    int64_t no_kafka_until_ms, no_redis_until_ms;
    /* Aimed at the n-th pass of a point from now on. */
    Point aim;
    int64_t aim_passes;    /* 0: nothing is aimed */
    int64_t aim_freeze_ms; /* 0: a crash */
    uint64_t n_hits;
    void (*crashed)(Process *process);
    /* Wall clocks are ahead or behind by so much at most; drawn apart, so that a schedule is the same with and without. */
    int64_t clocks_differ_ms;
    Chance clock_chance, registry_chance;
    uint64_t n_switches;
    uint64_t digest;       /* of all that was traced: two runs of a seed must agree */
} World;
extern World world;

void world_init(uint64_t seed, bool is_verbose, ProcessMain process_main);
/* Calls `happen` at that instant, outside of all processes. */
void world_at(int64_t at_ms, void (*happen)(void *userdata), void *userdata);
Process *world_start(const char *instance, const Config *config, const struct Model *model);
void world_crash(Process *process);
void world_freeze(Process *process, int64_t ms);
bool process_is_frozen(const Process *process);
bool process_reaches_kafka(const Process *process);
bool process_reaches_redis(const Process *process);
/* Runs whatever is next, and says whether there was anything. Time goes on to it. */
bool world_step(void);
/* Until then, or until `done` says so. */
void world_run(int64_t until_ms, bool (*done)(void));

/* --- for adapters, within a process ------------------------------------------------------------------ */

/* Gives way for about so long. */
void world_pass(Point point, int64_t least_ms, int64_t most_ms);
/* Gives way for so long at most, until world_stir(). */
void world_wait(Point point, int64_t most_ms);
/* Something has happened that those may see who wait. */
void world_stir(void);
/* The same for one only. */
void world_wake(Coroutine *thread);
/* Begins another thread of the process that runs. It must have ended before the process does. */
Coroutine *world_start_thread(void (*run)(void *userdata), void *userdata);

/* --- what is told ------------------------------------------------------------------------------------ */

/* For people: since the beginning; negative for no time. */
int64_t world_since_begin(int64_t at_ms);
/* A line of the trace; cheap, unless it is wanted. */
void world_trace(const char *format, ...) PRINTF_LIKE(1, 2);
/* Something that must not be: the schedule has failed, and ends here. */
_Noreturn void world_fail(const char *format, ...) PRINTF_LIKE(1, 2);

/* Memory that is never given back. Never NULL. */
void *world_alloc(size_t n, size_t size);
void *world_grow(void *array, size_t *n_alloc, size_t n, size_t element_size);
Str world_copy(Str bytes);
