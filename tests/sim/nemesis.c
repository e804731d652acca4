/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/nemesis.h"

#include <stdio.h>

#include "tests/sim/adapters.h"
#include "tests/sim/check.h"
#include "tests/sim/scenario.h"
#include "tests/sim/view.h"

#define PROCESSES_MAX 4
#define RESTART_MS_MAX 5000
/* Compaction leaves alone what is younger. */
#define COMPACTION_LAG_MS 4000

static struct {
    bool is_over, has_ended;
    unsigned n_names;
} nemesis;

static void start(void *userdata) {
    const char *instance = userdata;
    if (nemesis.has_ended)
        return;
    (void)world_start(instance, &scenario.config, scenario.model);
}

static void start_another(void *userdata) {
    (void)userdata;
    char name[16];
    (void)snprintf(name, sizeof(name), "%c", (char)('a' + nemesis.n_names++ % 26));
    start((void *)(uintptr_t)world_copy(str_from(name)).data);
}

/* Under its own name as a rule: that makes the successor's producer end what is open. */
static void start_again(const Process *process) {
    int64_t after_ms = nemesis.is_over ? 1 : chance_between(&world.chance, 1, RESTART_MS_MAX);
    bool keeps_name = chance_percent(&world.chance, 80);
    world_at(world.now_ms + after_ms, keeps_name ? start : start_another, (void *)(uintptr_t)process->instance);
}

static bool runs(const Process *process) {
    return process->state == PROCESS_RUNS && !process->stop;
}

static unsigned count_running(void) {
    unsigned n = 0;
    for (const Process *process = world.processes; process; process = process->next)
        n += runs(process);
    return n;
}

static Process *some_process(void) {
    unsigned n = count_running();
    if (n == 0)
        return NULL;
    int64_t left = chance_between(&world.chance, 1, n);
    for (Process *process = world.processes; process; process = process->next)
        if (runs(process) && --left == 0)
            return process;
    return NULL;
}

/* Mostly short, sometimes longer than sessions and transactions last. */
static int64_t some_time_ms(void) {
    return chance_between(&world.chance, 10, chance_percent(&world.chance, 30) ? 25000 : 3000);
}

static void aim(void) {
    static const Point points[] = {POINT_SEND, POINT_OFFSETS, POINT_COMMIT, POINT_COMMITTED, POINT_VIEW, POINT_VIEWED, POINT_CHANGELOG, POINT_INIT,
            POINT_ASK, POINT_READ};
    world.aim = points[chance_between(&world.chance, 0, ARRAY_SIZE(points) - 1)];
    world.aim_passes = chance_between(&world.chance, 1, 20);
    world.aim_freeze_ms = chance_percent(&world.chance, 60) ? some_time_ms() : 0;
}

static void stop_in_order(Process *process) {
    world_trace("-- %s#%u is told to stop", process->instance, process->number);
    process->stop = 1;
    start_again(process);
}

static bool cut_off(const char *what, int64_t *of_all_ms, int64_t *of_one_ms) {
    int64_t until_ms = world.now_ms + some_time_ms();
    bool is_one = of_one_ms && chance_percent(&world.chance, 60);
    world_trace("-- no %s for %s until %lld", what, is_one ? "one" : "all", (long long)(until_ms - world.begun_ms));
    *(is_one ? of_one_ms : of_all_ms) = until_ms;
    return true;
}

/* Soon all have it who run, and from now on those who start. */
static void ask_to_reload(void *userdata) {
    ((Process *)userdata)->reload = 1;
}

/* False, here and below: nothing comes of it. */
static bool change_model(void) {
    if (scenario.model->version == MODEL_VERSIONS)
        return false;
    scenario.model = scenario.setting.models[scenario.model->version];
    world_trace("-- version %d of the model", (int)scenario.model->version);
    for (Process *process = world.processes; process; process = process->next)
        if (process->state == PROCESS_RUNS)
            world_at(world.now_ms + chance_between(&world.chance, 0, 3000), ask_to_reload, process);
    return true;
}

static bool begin_another(void) {
    if (count_running() >= PROCESSES_MAX)
        return false;
    start_another(NULL);
    return true;
}

static bool empty(void) {
    world_trace("-- Redis is emptied");
    view_empty();
    return true;
}

static bool roll_back(void) {
    bool is_back = view_roll_back();
    world_trace("-- Redis goes back%s", is_back ? "" : ": there is nothing to go back to");
    return is_back;
}

static bool compact(void) {
    broker_compact(broker_topic(scenario.config.changelog_topic), COMPACTION_LAG_MS);
    return true;
}

static bool do_to_one(FaultKind kind, Process *process) {
    if (!process)
        return false;
    if (kind == FAULT_CRASH)
        world_crash(process);
    else if (kind == FAULT_STOP)
        stop_in_order(process);
    else
        world_freeze(process, some_time_ms());
    return true;
}

static bool do_one(FaultKind kind, Process *process) {
    switch (kind) {
    case FAULT_CRASH:
    case FAULT_STOP:
    case FAULT_FREEZE:
        return do_to_one(kind, process);
    case FAULT_AIM:
        aim();
        return false; /* it counts if it hits */
    case FAULT_MORE:
        return begin_another();
    case FAULT_NO_KAFKA:
        return cut_off("Kafka", &world.no_kafka_until_ms, process ? &process->no_kafka_until_ms : NULL);
    case FAULT_NO_REDIS:
        return cut_off("Redis", &world.no_redis_until_ms, process ? &process->no_redis_until_ms : NULL);
    case FAULT_EMPTY:
        return empty();
    case FAULT_ROLL_BACK:
        return roll_back();
    case FAULT_MODEL:
        return change_model();
    case FAULT_COMPACT:
        return compact();
    default:
        return false; /* what is there all the time */
    }
}

static void strike(void *userdata) {
    (void)userdata;
    if (nemesis.is_over)
        return;
    FaultKind kind = (FaultKind)chance_between(&world.chance, 0, _FAULT_KIND_MAX - 1);
    bool has_begun = broker_topic(scenario.config.changelog_topic) != NULL;
    if (scenario.has_fault[kind] && has_begun)
        fault_counts[kind] += do_one(kind, some_process());
    world_at(world.now_ms + chance_between(&world.chance, 0, 2 * scenario.faults_each_ms) / 3, strike, NULL);
}

static void look_after_sessions(void *userdata) {
    (void)userdata;
    group_look_after_sessions();
    world_at(world.now_ms + 100, look_after_sessions, NULL);
}

/* Who had been told to stop is started again already: two of one name would fence each other without end. */
static void on_crash(Process *process) {
    if (!process->stop)
        start_again(process);
}

void nemesis_start(void) {
    world.crashed = on_crash;
    for (unsigned i = 0; i < scenario.n_processes; i++)
        world_at(world.now_ms + chance_between(&world.chance, 0, 1000), start_another, NULL);
    if (scenario.has_fault[FAULT_LOST])
        adapter_faults = (AdapterFaults){.lost_commits_percent = 1, .lost_writes_percent = 2, .lost_questions_percent = 1};
    if (scenario.has_fault[FAULT_LATE_MARKERS])
        broker_late_markers_percent = 2;
    strike(NULL);
    look_after_sessions(NULL);
}

void nemesis_stop(void) {
    world_trace("-- all is well from now on");
    nemesis.is_over = true;
    world.no_kafka_until_ms = world.no_redis_until_ms = world.aim_passes = 0;
    adapter_faults = (AdapterFaults){0};
    broker_late_markers_percent = 0;
    for (Process *process = world.processes; process; process = process->next)
        process->frozen_until_ms = process->no_kafka_until_ms = process->no_redis_until_ms = 0;
}

void nemesis_end(void) {
    nemesis.has_ended = true;
}
