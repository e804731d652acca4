/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread, one loop: of all processes that are due and of all events, the earliest goes on; among those of one millisecond lots decide.
 * Two runs of a seed are the same to the last bit, since nothing else is ever asked: the daemon's clock and its random bytes come from
 * here, too (platform.c).
 */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* gcc says so by a macro, clang by a feature. */
#ifdef __SANITIZE_ADDRESS__
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif
#ifdef HAS_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

/* As much as the daemon's main thread would have; pages that are not used cost nothing. */
#define STACK_SIZE ((size_t)4 * 1024 * 1024)
/* 2026-01-05T08:00:00Z */
#define BEGIN_MS INT64_C(1767600000000)
#define STIR_MS 5
/* Of memory. */
#define CHUNK_SIZE ((size_t)8 * 1024 * 1024)

World world;

/* --- chance ------------------------------------------------------------------------------------------ */

/* SplitMix64. */
uint64_t chance_next(Chance *chance) {
    uint64_t z = (chance->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t chance_between(Chance *chance, int64_t least, int64_t most) {
    assert(least <= most);
    return least + (int64_t)(chance_next(chance) % ((uint64_t)(most - least) + 1));
}

bool chance_percent(Chance *chance, unsigned percent) {
    return chance_next(chance) % 100 < percent;
}

/* --- memory ------------------------------------------------------------------------------------------ */

/* The sanitizer is to see each piece for itself; otherwise they are cut off one large one, which is zero as it comes. */
static void *cut(size_t size) {
#ifdef HAS_ASAN
    return calloc(1, size);
#else
    static char *place;
    static size_t left;
    size = (size + 15) & ~(size_t)15;
    if (size > left) {
        left = MAX(size, CHUNK_SIZE);
        place = mmap(NULL, left, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (place == MAP_FAILED)
            return NULL;
        /* One fault in place of hundreds, where the kernel does so. */
        (void)madvise(place, left, MADV_HUGEPAGE);
    }
    place += size;
    left -= size;
    return place - size;
#endif
}

void *world_alloc(size_t n, size_t size) {
    void *memory = cut(MAX(n, (size_t)1) * size);
    if (!memory)
        world_fail("out of memory");
    return memory;
}

void *world_grow(void *array, size_t *n_alloc, size_t n, size_t element_size) {
    if (n < *n_alloc)
        return array;
    *n_alloc = MAX(2 * n, (size_t)16);
    void *larger = world_alloc(*n_alloc, element_size);
    if (n)
        memcpy(larger, array, n * element_size);
    return larger;
}

Str world_copy(Str bytes) {
    if (str_is_null(bytes))
        return STR_NULL;
    char *copy = world_alloc(bytes.len + 1, 1);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    return (Str){copy, bytes.len};
}

/* --- what is told ------------------------------------------------------------------------------------ */

int64_t world_since_begin(int64_t at_ms) {
    return at_ms < 0 ? -1 : at_ms - world.begun_ms;
}

static void __attribute__((format(printf, 2, 0))) put_line(const char *what, const char *format, va_list args) {
    printf("%9.3f %s", (double)(world.now_ms - world.begun_ms) / 1000, what);
    if (world.current)
        printf("%s#%u ", world.current->instance, world.current->number);
    vprintf(format, args);
    putchar('\n');
}

void world_trace(const char *format, ...) {
    va_list args;
    for (const char *c = format; *c; c++)
        world.digest = (world.digest ^ (uint64_t)(unsigned char)*c) * UINT64_C(0x100000001b3);
    world.digest = (world.digest ^ (uint64_t)world.now_ms ^ (world.current ? world.current->number : 0)) * UINT64_C(0x100000001b3);
    if (!world.is_verbose)
        return;
    va_start(args, format);
    put_line("", format, args);
    va_end(args);
}

void world_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    printf("seed %llu: ", (unsigned long long)world.seed);
    put_line("FAILED: ", format, args);
    va_end(args);
    (void)fflush(stdout);
    _exit(EXIT_FAILURE);
}

/* --- events ------------------------------------------------------------------------------------------ */

typedef struct Event {
    int64_t at_ms;
    uint64_t number; /* of one instant, the first that was planned comes first */
    void (*happen)(void *);
    void *userdata;
} Event;

/* A binary heap. */
static struct {
    Event *events;
    size_t n, n_alloc;
    uint64_t n_planned;
} agenda;

static bool comes_before(const Event *a, const Event *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static void swap_events(size_t a, size_t b) {
    Event event = agenda.events[a];
    agenda.events[a] = agenda.events[b];
    agenda.events[b] = event;
}

void world_at(int64_t at_ms, void (*happen)(void *), void *userdata) {
    agenda.events = world_grow(agenda.events, &agenda.n_alloc, agenda.n, sizeof(Event));
    agenda.events[agenda.n] = (Event){MAX(at_ms, world.now_ms), agenda.n_planned++, happen, userdata};
    for (size_t i = agenda.n++; i > 0 && comes_before(&agenda.events[i], &agenda.events[(i - 1) / 2]); i = (i - 1) / 2)
        swap_events(i, (i - 1) / 2);
}

static Event take_event(void) {
    Event first = agenda.events[0];
    agenda.events[0] = agenda.events[--agenda.n];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < agenda.n; child++)
            if (comes_before(&agenda.events[child], &agenda.events[least]))
                least = child;
        if (least == i)
            return first;
        swap_events(i, least);
        i = least;
    }
}

/* --- processes --------------------------------------------------------------------------------------- */

/*
 * A context is entered once, by swapcontext(); from then on threads and scheduler jump, which asks nothing of the kernel. The address
 * sanitizer must know which stack is in use.
 */
static void enter(Coroutine *thread) {
#ifdef HAS_ASAN
    void *fake_stack;
    __sanitizer_start_switch_fiber(&fake_stack, thread->stack, STACK_SIZE);
#endif
    if (_setjmp(world.scheduler) == 0) {
        if (thread->has_begun)
            _longjmp(thread->place, 1);
        thread->has_begun = true;
        (void)setcontext(&thread->context);
    }
#ifdef HAS_ASAN
    __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
#endif
}

#ifdef HAS_ASAN
static const void *scheduler_stack;
static size_t scheduler_stack_size;
#endif

static void leave(Coroutine *thread) {
#ifdef HAS_ASAN
    __sanitizer_start_switch_fiber(&thread->fake_stack, scheduler_stack, scheduler_stack_size);
#endif
    if (_setjmp(thread->place) == 0)
        _longjmp(world.scheduler, 1);
#ifdef HAS_ASAN
    __sanitizer_finish_switch_fiber(thread->fake_stack, NULL, NULL);
#endif
}

static void thread_begin(void) {
    Coroutine *thread = world.running;
#ifdef HAS_ASAN
    __sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_stack_size);
#endif
    thread->run(thread->userdata);
    thread->has_ended = true;
    leave(thread);
}

static Coroutine *add_thread(Process *process, void (*run)(void *), void *userdata) {
    Coroutine *thread = world_alloc(1, sizeof(*thread));
    *thread = (Coroutine){.process = process, .run = run, .userdata = userdata, .wake_at_ms = world.now_ms, .next = process->threads};
    thread->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (thread->stack == MAP_FAILED || getcontext(&thread->context) < 0)
        world_fail("no stack");
    thread->context.uc_stack.ss_sp = thread->stack;
    thread->context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&thread->context, thread_begin, 0);
    process->threads = thread;
    return thread;
}

Coroutine *world_start_thread(void (*run)(void *userdata), void *userdata) {
    return add_thread(world.current, run, userdata);
}

static void run_process(void *userdata) {
    Process *process = userdata;
    process->result = world.process_main(process);
    process->state = PROCESS_ENDED;
    for (const Coroutine *thread = process->threads; thread; thread = thread->next)
        if (thread != world.running && !thread->has_ended)
            world_fail("a thread outlives its process");
    world_trace("ends with %d", process->result);
}

Process *world_start(const char *instance, const Config *config, const struct Model *model) {
    Process *process = world_alloc(1, sizeof(*process));
    process->number = ++world.n_processes;
    (void)snprintf(process->instance, sizeof(process->instance), "%s", instance);
    process->config = *config;
    process->config.instance = process->instance;
    process->notify = (Notify){.fd = -1};
    process->model = model;
    process->clock_ahead_ms = chance_between(&world.clock_chance, -world.clocks_differ_ms, world.clocks_differ_ms);
    (void)add_thread(process, run_process, process);
    process->next = world.processes;
    world.processes = process;
    world_trace("-- %s#%u starts", instance, process->number);
    return process;
}

void world_crash(Process *process) {
    if (process->state != PROCESS_RUNS)
        return;
    world_trace("-- %s#%u crashes", process->instance, process->number);
    process->state = PROCESS_CRASHED;
    world.crashed(process);
}

void world_freeze(Process *process, int64_t ms) {
    world_trace("-- %s#%u is frozen for %lld ms", process->instance, process->number, (long long)ms);
    process->frozen_until_ms = MAX(process->frozen_until_ms, world.now_ms + ms);
}

bool process_is_frozen(const Process *process) {
    return process->frozen_until_ms > world.now_ms;
}

bool process_reaches_kafka(const Process *process) {
    return MAX(world.no_kafka_until_ms, process->no_kafka_until_ms) <= world.now_ms;
}

bool process_reaches_redis(const Process *process) {
    return MAX(world.no_redis_until_ms, process->no_redis_until_ms) <= world.now_ms;
}

/* --- the loop ---------------------------------------------------------------------------------------- */

void world_init(uint64_t seed, bool is_verbose, ProcessMain process_main) {
    world = (World){.seed = seed, .now_ms = BEGIN_MS, .begun_ms = BEGIN_MS, .chance = {seed * UINT64_C(0x9e3779b97f4a7c15) + 1},
            .clock_chance = {~seed}, .registry_chance = {seed ^ UINT64_C(0x5ca1ab1e)}, .is_verbose = is_verbose, .process_main = process_main, .digest = UINT64_C(0xcbf29ce484222325)};
    for (unsigned i = 0; i < 4; i++)
        (void)chance_next(&world.chance);
}

static int64_t due_at(const Coroutine *thread) {
    return thread->has_ended ? TIME_NEVER : MAX(MAX(thread->wake_at_ms, thread->process->frozen_until_ms), world.now_ms);
}

/* One of the threads that are due first, by lot. */
static Coroutine *choose_thread(int64_t *ret_at_ms) {
    Coroutine *chosen = NULL;
    int64_t n = 0;
    *ret_at_ms = TIME_NEVER;
    for (Process *process = world.processes; process; process = process->next)
        for (Coroutine *thread = process->threads; thread && process->state == PROCESS_RUNS; thread = thread->next) {
            int64_t at_ms = due_at(thread);
            if (at_ms == TIME_NEVER || at_ms > *ret_at_ms)
                continue;
            n = at_ms < *ret_at_ms ? 1 : n + 1;
            *ret_at_ms = at_ms;
            if (n == 1 || chance_between(&world.chance, 1, n) == 1)
                chosen = thread;
        }
    return chosen;
}

bool world_step(void) {
    int64_t at_ms;
    Coroutine *thread = choose_thread(&at_ms);
    if (agenda.n && agenda.events[0].at_ms <= at_ms) {
        Event event = take_event();
        world.now_ms = MAX(world.now_ms, event.at_ms);
        event.happen(event.userdata);
        return true;
    }
    if (!thread)
        return false;
    world.now_ms = at_ms;
    world.running = thread;
    world.current = thread->process;
    world.n_switches++;
    enter(thread);
    world.running = NULL;
    world.current = NULL;
    return true;
}

void world_run(int64_t until_ms, bool (*done)(void)) {
    while (world.now_ms < until_ms && !(done && done()))
        if (!world_step())
            world.now_ms = until_ms;
}

/* --- giving way -------------------------------------------------------------------------------------- */

static void strike(Process *process, Point point) {
    if (world.aim_passes == 0 || world.aim != point || --world.aim_passes > 0)
        return;
    world.n_hits++;
    if (world.aim_freeze_ms)
        world_freeze(process, world.aim_freeze_ms);
    else
        world_crash(process);
}

void world_pass(Point point, int64_t least_ms, int64_t most_ms) {
    Coroutine *thread = world.running;
    thread->wake_at_ms = world.now_ms + chance_between(&world.chance, least_ms, most_ms);
    strike(thread->process, point);
    leave(thread);
}

void world_wait(Point point, int64_t most_ms) {
    Coroutine *thread = world.running;
    thread->wake_at_ms = world.now_ms + most_ms;
    thread->can_be_stirred = true;
    strike(thread->process, point);
    leave(thread);
    thread->can_be_stirred = false;
}

void world_wake(Coroutine *thread) {
    if (thread->can_be_stirred && thread->wake_at_ms > world.now_ms + STIR_MS)
        thread->wake_at_ms = world.now_ms + chance_between(&world.chance, 0, STIR_MS);
}

void world_stir(void) {
    for (Process *process = world.processes; process; process = process->next)
        for (Coroutine *thread = process->threads; thread; thread = thread->next)
            world_wake(thread);
}
