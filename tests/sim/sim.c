/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim [--seeds A-B] [--verbose] [--jobs N] [FILE]...
 *
 * Runs schedules, each in a process of its own: the daemon's pipeline against simulated servers, with faults (world.h, scenario.h), and
 * then what must hold (check.h). FILEs have one seed a line, with a comment behind it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/command.h"
#include "daemon/pipeline.h"
#include "tests/sim/adapters.h"
#include "tests/sim/check.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/scenario.h"
#include "tests/sim/workload.h"

/* Virtual time that it may take until all is read, committed and seen, once nothing goes wrong any more. */
#define REST_MS_MAX 180000
#define STOP_MS_MAX 60000
/* What follows what was sent last, comes within that time. */
#define LAST_MS 6000
/* After that much real time a schedule has hung. */
#define ALARM_S 60
#define FAILURES_MAX 10

static const Command command = {.name = "sim"};

/* In place of daemon/command.c, whose table of commands would bring all adapters along. */
void command_error(const Command *self, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", self->name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

/* Of all schedules; in memory that they share. */
typedef struct Figures {
    CheckFigures check;
    uint64_t n_schedules, n_failures, n_processes, n_switches, virtual_ms;
    uint64_t digest; /* of the last one */
} Figures;
static Figures *figures;

/* --- one schedule ------------------------------------------------------------------------------------ */

static int no_other_model(void *userdata, Model **ret) {
    (void)userdata;
    (void)ret;
    return 0;
}

static int run_process(Process *process) {
    int r = pipeline_run(&process->config, process->model, (ModelLoader){.load = no_other_model}, scenario.setting.registry,
            scenario.setting.encoder, &process->notify, (PipelineSignals){.stop = &process->stop, .reload = &process->reload});
    if (r != 0)
        world_fail("the process ends with %d", r);
    return r;
}

static bool all_have_ended(void) {
    for (const Process *process = world.processes; process; process = process->next)
        if (process->state == PROCESS_RUNS)
            return false;
    return true;
}

/* Not asked with every step. */
static bool is_quiet(void) {
    static int64_t asked_at_ms;
    if (world.now_ms < asked_at_ms + 50)
        return false;
    asked_at_ms = world.now_ms;
    return check_is_quiet();
}

static void stop_all(void) {
    for (Process *process = world.processes; process; process = process->next)
        process->stop = 1;
    world_run(world.now_ms + STOP_MS_MAX, all_have_ended);
    if (!all_have_ended())
        world_fail("a process does not stop");
}

static void add_figures(void) {
    figures->check.events += check_figures.events;
    figures->check.batches += check_figures.batches;
    figures->check.outputs += check_figures.outputs;
    figures->check.breaches += check_figures.breaches;
    figures->check.messages += check_figures.messages;
    figures->n_processes += world.n_processes;
    figures->n_switches += world.n_switches;
    figures->virtual_ms += (uint64_t)(world.now_ms - world.begun_ms);
    figures->digest = world.digest;
}

static void run_schedule(const Setting *setting, uint64_t seed, bool is_verbose) {
    (void)alarm(ALARM_S);
    world_init(seed, is_verbose, run_process);
    scenario_make(setting);
    check_begin();
    workload_start();
    nemesis_start();
    world_run(scenario.ends_at_ms, NULL);
    nemesis_stop();
    world_run(world.now_ms + LAST_MS, NULL);
    world_run(world.now_ms + REST_MS_MAX, is_quiet);
    check_tell_unrest();
    world_trace("-- all is quiet");
    stop_all();
    /* Markers that are still on their way. */
    world_run(world.now_ms + 5000, NULL);
    check_end();
    add_figures();
}

/* True: it holds. */
static bool run_apart(const Setting *setting, uint64_t seed, bool is_verbose) {
    int status;
    (void)fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        run_schedule(setting, seed, is_verbose);
        (void)fflush(stdout);
        _exit(EXIT_SUCCESS);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("sim");
        exit(EXIT_FAILURE);
    }
    figures->n_schedules++;
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
        return true;
    figures->n_failures++;
    if (WIFSIGNALED(status))
        printf("seed %" PRIu64 ": FAILED: signal %d%s\n", seed, WTERMSIG(status), WTERMSIG(status) == SIGALRM ? " (it hangs)" : "");
    else if (WEXITSTATUS(status) != EXIT_FAILURE)
        printf("seed %" PRIu64 ": FAILED: exit status %d\n", seed, WEXITSTATUS(status));
    return false;
}

/* --- all of them ------------------------------------------------------------------------------------- */

static void run_range(const Setting *setting, uint64_t first, uint64_t last, bool is_verbose) {
    for (uint64_t seed = first; seed <= last && figures->n_failures < FAILURES_MAX; seed++)
        (void)run_apart(setting, seed, is_verbose);
}

static bool run_file(const Setting *setting, const char *path, bool is_verbose) {
    FILE *file = fopen(path, "re");
    char line[512];
    if (!file) {
        perror(path);
        return false;
    }
    while (fgets(line, sizeof(line), file)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end == line || run_apart(setting, seed, is_verbose))
            continue;
        printf("kept as:%s", *end ? end : "\n");
    }
    (void)fclose(file);
    return true;
}

/* A seed is a schedule: the same twice. */
static bool run_twice(const Setting *setting, uint64_t first, uint64_t last) {
    for (uint64_t seed = first; seed <= last; seed++) {
        (void)run_apart(setting, seed, false);
        uint64_t digest = figures->digest;
        (void)run_apart(setting, seed, false);
        if (figures->digest == digest)
            continue;
        printf("seed %" PRIu64 ": FAILED: a second run is another one\n", seed);
        return false;
    }
    return true;
}

static void tell_figures(double seconds) {
    printf("%" PRIu64 " schedules, %" PRIu64 " failed; %.0f a minute; %" PRIu64 " h of virtual time, %" PRIu64 " processes, %" PRIu64
           " batches of %" PRIu64 " records run again, %" PRIu64 " outputs, %" PRIu64 " breaches\n",
            figures->n_schedules, figures->n_failures, (double)figures->n_schedules * 60 / MAX(seconds, 0.001), figures->virtual_ms / 3600000,
            figures->n_processes, figures->check.batches, figures->check.events, figures->check.outputs, figures->check.breaches);
}

static void load_setting(Setting *ret) {
    Config *config;
    Model *model;
    if (command_load_config(&command, SIM_DIR "/scored.yaml", &config) != EXIT_SUCCESS ||
            command_load_model(&command, config->model_path, &model) != EXIT_SUCCESS ||
            command_load_schemas(&command, config, &ret->registry, &ret->encoder) != EXIT_SUCCESS)
        exit(EXIT_FAILURE);
    ret->config = config;
    ret->model = model;
}

static bool parse_range(const char *text, uint64_t *first, uint64_t *last) {
    char *end;
    *first = *last = strtoull(text, &end, 10);
    if (*end == '-')
        *last = strtoull(end + 1, &end, 10);
    return *text && !*end && *first <= *last;
}

static int usage(void) {
    fputs("usage: sim [--seeds A-B] [--verbose | --twice] [FILE]...\n"
          "\n"
          "Runs the schedules of these seeds, and of those that stand in FILEs, one a line.\n"
          "--verbose tells what happens, --twice sees that a seed always is the same\n"
          "schedule. Exit status 1: something does not hold; it is told, and the seed.\n",
            stderr);
    return 64;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
            {"seeds", required_argument, NULL, 's'}, {"verbose", no_argument, NULL, 'v'}, {"twice", no_argument, NULL, 't'}, {0}};
    uint64_t first = 1, last = 0;
    bool is_verbose = false, is_twice = false, is_whole = true;
    Setting setting;
    struct timespec begin, end;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
        if (option == 's' && parse_range(optarg, &first, &last))
            continue;
        if (option != 'v' && option != 't')
            return usage();
        is_verbose |= option == 'v';
        is_twice |= option == 't';
    }
    if (first > last && optind == argc)
        return usage();
    figures = mmap(NULL, sizeof(*figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (figures == MAP_FAILED)
        return EXIT_FAILURE;
    load_setting(&setting);
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = optind; i < argc; i++)
        is_whole &= run_file(&setting, argv[i], is_verbose);
    if (is_twice)
        is_whole &= run_twice(&setting, first, last);
    else if (first <= last)
        run_range(&setting, first, last, is_verbose);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    if (first <= last)
        printf("seeds %" PRIu64 "-%" PRIu64 ": ", first, last);
    tell_figures((double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    return is_whole && figures->n_failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
