/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs schedules, each in a process of its own: the daemon's pipeline against simulated servers, with faults (world.h, scenario.h), and
 * then what must hold (check.h). Files of seeds have one a line, with a comment behind it.
 */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/command/command.h"
#include "daemon/pipeline/batch_hash.h"
#include "daemon/pipeline/pipeline.h"
#include "tests/sim/adapters.h"
#include "tests/sim/check.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/registry.h"
#include "tests/sim/scenario.h"
#include "tests/sim/workload.h"

/* Virtual time that it may take until all is read, committed and seen, once nothing goes wrong any more. */
#define REST_MS_MAX 180000
#define STOP_MS_MAX 60000
/* What follows what was sent last, calls and the ends of transactions, comes within that time. */
#define LAST_MS 3100
/* After that much real time a schedule has hung. */
#define ALARM_S 60
#define JOBS_MAX 64
#define MEMORY_BYTES (16 << 20)
/* Of many schedules it is told now and then how far they are. */
#define PROGRESS_EACH 10000

static const Command command = {.name = "sim"};

/* Of all schedules; in memory that they share. */
typedef struct Figures {
    CheckFigures check;
    uint64_t n_schedules, n_failures, n_processes, n_switches, virtual_ms, faults[_FAULT_KIND_MAX];
    uint64_t digest; /* of the last one */
} Figures;
static Figures *figures;

/* --- one schedule ------------------------------------------------------------------------------------ */

static int load_model(int version, Model **ret) {
    return command_load_model(&command, version == 1 ? SIM_DIR "/model.yaml" : SIM_DIR "/model-2.yaml", ret);
}

static int load_present_model(void *userdata, Model **ret) {
    (void)userdata;
    return load_model((int)scenario.model->version, ret) == EXIT_SUCCESS ? 0 : -EIO;
}

static int run_process(Process *process) {
    int r = pipeline_run(&process->config, process->model, (ModelLoader){.load = load_present_model},
            registry_of_process(scenario.setting.registry), scenario.setting.encoder, &process->notify, NULL, (PipelineSignals){.stop = &process->stop, .reload = &process->reload});
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
    nemesis_end();
    for (Process *process = world.processes; process; process = process->next)
        process->stop = 1;
    world_run(world.now_ms + STOP_MS_MAX, all_have_ended);
    if (!all_have_ended())
        world_fail("a process does not stop");
}

static void add(uint64_t *figure, uint64_t n) {
    (void)__atomic_add_fetch(figure, n, __ATOMIC_RELAXED);
}

static void add_figures(void) {
    add(&figures->check.events, check_figures.events);
    add(&figures->check.batches, check_figures.batches);
    add(&figures->check.outputs, check_figures.outputs);
    add(&figures->check.breaches, check_figures.breaches);
    add(&figures->check.messages, check_figures.messages);
    add(&figures->n_processes, world.n_processes);
    add(&figures->n_switches, world.n_switches);
    add(&figures->virtual_ms, (uint64_t)(world.now_ms - world.begun_ms));
    fault_counts[FAULT_AIM] = world.n_hits;
    for (int kind = 0; kind < _FAULT_KIND_MAX; kind++)
        add(&figures->faults[kind], fault_counts[kind]);
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

static const char *const guarantees[] = {[GUARANTEE_NONE] = "none", [GUARANTEE_STABLE] = "stable-offsets", [GUARANTEE_EPOCH] = "epochs",
        [GUARANTEE_CONDITIONAL] = "conditional-writes", [GUARANTEE_POSITION] = "read-positions", [GUARANTEE_COMMITTED] = "read-committed",
        [GUARANTEE_END] = "uncommitted-ends", [GUARANTEE_LATEST] = "latest-offsets"};
static_assert(ARRAY_SIZE(guarantees) == _GUARANTEE_MAX, "a name for each");

/* --- many -------------------------------------------------------------------------------------------- */

typedef struct Child {
    pid_t pid;
    uint64_t seed;
} Child;

static struct {
    const char *program;
    const Setting *setting;
    bool is_verbose;
    Child children[JOBS_MAX];
    size_t n_children, n_children_max;
    struct timespec begun;
} runner = {.n_children_max = 1};

static void give_up(void) {
    perror("sim");
    exit(EXIT_FAILURE);
}

static double seconds_since_begin(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - runner.begun.tv_sec) + (double)(now.tv_nsec - runner.begun.tv_nsec) / 1e9;
}

static double schedules_per_minute(void) {
    return (double)figures->n_schedules * 60 / fmax(seconds_since_begin(), 0.001);
}

/* Whoever reads of a failure can have it again. */
static void tell_command(uint64_t seed) {
    printf("    again: %s --seeds %" PRIu64 " --verbose%s%s%s\n", runner.program, seed, registry_is_simulated ? " --registry" : "",
            adapter_lacks ? " --without " : "", adapter_lacks ? guarantees[adapter_lacks] : "");
}

/* True: what must hold, holds. */
static bool judge(uint64_t seed, int status) {
    if (++figures->n_schedules % PROGRESS_EACH == 0)
        fprintf(stderr, "%" PRIu64 " schedules, %" PRIu64 " failed; %.0f a minute\n", figures->n_schedules, figures->n_failures, schedules_per_minute());
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS)
        return true;
    figures->n_failures++;
    if (WIFSIGNALED(status))
        printf("seed %" PRIu64 ": FAILED: signal %d%s\n", seed, WTERMSIG(status), WTERMSIG(status) == SIGALRM ? " (it hangs)" : "");
    else if (WEXITSTATUS(status) != EXIT_FAILURE)
        printf("seed %" PRIu64 ": FAILED: exit status %d\n", seed, WEXITSTATUS(status));
    tell_command(seed);
    return false;
}

/* Waits for one of those that run. */
static bool end_one(void) {
    int status;
    pid_t pid = waitpid(-1, &status, 0);
    size_t i = 0;
    while (i < runner.n_children && runner.children[i].pid != pid)
        i++;
    if (i == runner.n_children)
        give_up();
    uint64_t seed = runner.children[i].seed;
    runner.children[i] = runner.children[--runner.n_children];
    return judge(seed, status);
}

static void begin_one(uint64_t seed) {
    (void)fflush(stdout);
    pid_t child = fork();
    if (child < 0)
        give_up();
    if (child == 0) {
        run_schedule(runner.setting, seed, runner.is_verbose);
        (void)fflush(stdout);
        _exit(EXIT_SUCCESS);
    }
    runner.children[runner.n_children++] = (Child){child, seed};
}

/* True: it holds. */
static bool run_one(uint64_t seed) {
    begin_one(seed);
    return end_one();
}

static void run_range(uint64_t first, uint64_t last, bool is_first_failure) {
    for (uint64_t seed = first; seed <= last && !(is_first_failure && figures->n_failures); seed++) {
        begin_one(seed);
        if (runner.n_children == runner.n_children_max)
            (void)end_one();
    }
    while (runner.n_children)
        (void)end_one();
}

static bool run_file(const char *path) {
    FILE *file = fopen(path, "re");
    char line[512];
    if (!file) {
        perror(path);
        return false;
    }
    while (fgets(line, sizeof(line), file)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end == line || run_one(seed))
            continue;
        printf("kept as:%s", *end ? end : "\n");
    }
    (void)fclose(file);
    return true;
}

/* A seed is a schedule: the same twice. */
static bool run_twice(uint64_t first, uint64_t last) {
    for (uint64_t seed = first; seed <= last; seed++) {
        (void)run_one(seed);
        uint64_t digest = figures->digest;
        (void)run_one(seed);
        if (figures->digest == digest)
            continue;
        printf("seed %" PRIu64 ": FAILED: a second run is another one\n", seed);
        return false;
    }
    return true;
}

static void tell_faults(void) {
    static const char *const names[] = {[FAULT_CRASH] = "crashes", [FAULT_STOP] = "stops", [FAULT_FREEZE] = "freezes",
            [FAULT_AIM] = "aimed crashes and freezes", [FAULT_MORE] = "processes more", [FAULT_NO_KAFKA] = "cut off from Kafka",
            [FAULT_NO_REDIS] = "cut off from Redis", [FAULT_EMPTY] = "Redis emptied", [FAULT_ROLL_BACK] = "Redis rolled back",
            [FAULT_COMPACT] = "compactions", [FAULT_LOST] = "answers lost", [FAULT_LATE_MARKERS] = "late markers", [FAULT_MODEL] = "new models"};
    static_assert(ARRAY_SIZE(names) == _FAULT_KIND_MAX, "a name for each");
    uint64_t n = 0;
    for (int kind = 0; kind < _FAULT_KIND_MAX; kind++)
        n += figures->faults[kind];
    printf("%" PRIu64 " faults:", n);
    for (int kind = 0; kind < _FAULT_KIND_MAX; kind++)
        printf("%s %" PRIu64 " %s", kind ? "," : "", figures->faults[kind], names[kind]);
    putchar('\n');
}

static void tell_figures(void) {
    printf("%" PRIu64 " schedules, %" PRIu64 " failed; %.0f a minute; %" PRIu64 " h of virtual time, %" PRIu64 " processes, %" PRIu64
           " batches of %" PRIu64 " records run again, %" PRIu64 " outputs, %" PRIu64 " breaches; ",
            figures->n_schedules, figures->n_failures, schedules_per_minute(), figures->virtual_ms / 3600000,
            figures->n_processes, figures->check.batches, figures->check.events, figures->check.outputs, figures->check.breaches);
    tell_faults();
}

static void load_setting(Setting *ret) {
    Config *config;
    char text[256];
    if (command_load_config(&command, SIM_DIR "/scored.yaml", &config) != EXIT_SUCCESS ||
            command_load_schemas(&command, config, SCHEMAS_OF_FILES, (RegistryPatience){0}, &ret->registry, &ret->encoder) != EXIT_SUCCESS ||
            avro_output_reader_new(registry_outputs(ret->registry), text, sizeof(text), &ret->reader) != 0)
        exit(EXIT_FAILURE);
    ret->config = config;
    for (int i = 0; i < MODEL_VERSIONS; i++) {
        Model *model;
        if (load_model(i + 1, &model) != EXIT_SUCCESS)
            exit(EXIT_FAILURE);
        ret->models[i] = model;
    }
}

/* A schedule's process lives for some milliseconds: it takes its memory at once and gives nothing back. */
static void set_memory(void) {
    (void)mallopt(M_TOP_PAD, MEMORY_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MEMORY_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

/* What libraries make once: here, not in each schedule's process. */
static void warm_up(void) {
    BatchHash *hash;
    char text[BATCH_HASH_LEN + 1];
    if (batch_hash_new(&hash) < 0)
        exit(EXIT_FAILURE);
    batch_hash_finish(hash, text);
    batch_hash_free(hash);
}

static void free_setting(Setting *setting) {
    avro_output_reader_free(setting->reader);
    avro_output_free(setting->encoder);
    registry_free(setting->registry);
    for (int i = 0; i < MODEL_VERSIONS; i++)
        model_free((Model *)(uintptr_t)setting->models[i]);
    config_free((Config *)(uintptr_t)setting->config);
}

static bool parse_range(const char *text, uint64_t *first, uint64_t *last) {
    char *end;
    *first = *last = strtoull(text, &end, 10);
    if (*end == '-')
        *last = strtoull(end + 1, &end, 10);
    return *text && !*end && *first <= *last;
}

static bool parse_guarantee(const char *name) {
    for (int i = 0; i < _GUARANTEE_MAX; i++)
        if (strcmp(name, guarantees[i]) == 0) {
            adapter_lacks = (Guarantee)i;
            return true;
        }
    return false;
}

static int usage(void) {
    fputs("usage: sim [--seeds A-B | --fresh N] [--verbose | --twice] [--jobs N]\n"
          "           [--first-failure] [--without PROMISE] [--registry] [FILE]...\n"
          "\n"
          "Runs the schedules of these seeds, and of those that stand in FILEs, one a line.\n"
          "Exit status 1: something does not hold; it is told, and the seed.\n"
          "\n"
          "--fresh    N seeds that go by the clock, and are told\n"
          "--verbose  tell what happens\n"
          "--twice    see that a seed always is the same schedule\n"
          "--jobs     so many schedules at a time (1)\n"
          "--first-failure\n"
          "           end with the first that fails; exit status 0: there is one\n"
          "--without  servers that do not keep a promise: stable-offsets, epochs,\n"
          "           conditional-writes, read-positions, read-committed, uncommitted-ends, latest-offsets\n"
          "--registry schemas are told by a registry, which takes its time\n",
            stderr);
    return 64;
}

/* What the command line says. */
typedef struct Arguments {
    uint64_t first, last;
    bool is_twice, is_first_failure;
} Arguments;

static bool parse_option(int option, Arguments *arguments) {
    switch (option) {
    case 's':
        return parse_range(optarg, &arguments->first, &arguments->last);
    case 'n':
        arguments->first = (uint64_t)time(NULL) * 1000;
        arguments->last = arguments->first + strtoull(optarg, NULL, 10) - 1;
        return arguments->first <= arguments->last;
    case 'v':
        return runner.is_verbose = true;
    case 't':
        return arguments->is_twice = true;
    case 'f':
        return arguments->is_first_failure = true;
    case 'j':
        runner.n_children_max = (size_t)strtoul(optarg, NULL, 10);
        return runner.n_children_max >= 1 && runner.n_children_max <= JOBS_MAX;
    case 'w':
        return parse_guarantee(optarg);
    case 'r':
        return registry_is_simulated = true;
    default:
        return false;
    }
}

static bool run_all(const Arguments *arguments, char **files) {
    bool is_whole = true;
    for (char **file = files; *file; file++)
        is_whole &= run_file(*file);
    if (arguments->is_twice)
        is_whole &= run_twice(arguments->first, arguments->last);
    else if (arguments->first <= arguments->last)
        run_range(arguments->first, arguments->last, arguments->is_first_failure);
    return is_whole && (figures->n_failures > 0) == arguments->is_first_failure;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"seeds", required_argument, NULL, 's'}, {"verbose", no_argument, NULL, 'v'},
            {"twice", no_argument, NULL, 't'}, {"jobs", required_argument, NULL, 'j'}, {"first-failure", no_argument, NULL, 'f'},
            {"without", required_argument, NULL, 'w'}, {"fresh", required_argument, NULL, 'n'},
            {"registry", no_argument, NULL, 'r'}, {0}};
    Arguments arguments = {.first = 1, .last = 0};
    Setting setting;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) >= 0;)
        if (!parse_option(option, &arguments))
            return usage();
    if (arguments.first > arguments.last && optind == argc)
        return usage();
    figures = mmap(NULL, sizeof(*figures), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (figures == MAP_FAILED)
        give_up();
    set_memory();
    load_setting(&setting);
    warm_up();
    runner.setting = &setting;
    runner.program = argv[0];
    (void)clock_gettime(CLOCK_MONOTONIC, &runner.begun);
    bool holds = run_all(&arguments, argv + optind);
    if (arguments.first <= arguments.last)
        printf("seeds %" PRIu64 "-%" PRIu64 ": ", arguments.first, arguments.last);
    tell_figures();
    free_setting(&setting);
    return holds ? EXIT_SUCCESS : EXIT_FAILURE;
}
