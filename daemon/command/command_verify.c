/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored verify
 *
 * For operators: is what a deployment has written whole? See verify.h.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/command/command.h"
#include "daemon/io/file/file_sink.h"
#include "daemon/verify/verify.h"

#define ASK_TIMEOUT_MS 15000
#define PROGRESS_MS 200
#define BATCHES_DEFAULT 100
#define BATCHES_MAX 1000000

enum { OPTION_CONFIG = 1, OPTION_MODEL, OPTION_SHARD, OPTION_BATCHES, OPTION_JSON };

static const CommandOption verify_options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration; default " COMMAND_CONFIG_PATH},
        {"model", OPTION_MODEL, "FILE", "The model, in place of the configuration's"},
        {"shard", OPTION_SHARD, "N", "This shard only; default all of them, one after the other"},
        {"batches", OPTION_BATCHES, "N", "Verify the hashes of the latest N batches of each shard; default 100, 0: none"},
        {"json", OPTION_JSON, NULL, "Print the findings as a JSON array"},
        {0},
};

static int run_verify(const Command *self, int argc, char **argv);

const Command command_verify = {
        .name = "verify",
        .summary = "Check what a running deployment has written, without stopping it",
        .usage = "[--config FILE] [--model FILE] [--shard N] [--batches N] [--json]",
        .description = "Reads the changelog, and compares the group's offsets and Redis with it. What is only lag is not\n"
                       "reported. It changes nothing; memory is bounded by what one shard has. Exit status 1: something\n"
                       "is wrong, and standard output says what and what to do; 69: a server is away.\n",
        .options = verify_options,
        .json = "An array of findings, each with `severity` (ok, note, warning, error), `subject`, `text` and `remedy` (or null);\n"
                "`shard` is the one that it is about, if it is about one.\n",
        .run = run_verify,
};

typedef struct Arguments {
    const Command *command;
    const char *config, *model;
    int64_t shard; /* -1: all */
    int64_t batches;
    bool json;
} Arguments;

/* EXIT_SUCCESS, or -1 with *ret_status what to end with. */
static int parse_arguments(Arguments *args, int argc, char **argv, int *ret_status) {
    int option;
    while ((option = command_option(args->command, argc, argv, ret_status)) > 0) {
        if (option == OPTION_CONFIG) {
            args->config = optarg;
        } else if (option == OPTION_MODEL) {
            args->model = optarg;
        } else if (option == OPTION_JSON) {
            args->json = true;
        } else {
            bool is_shard = option == OPTION_SHARD;
            if (!command_parse_number(optarg, 0, is_shard ? SHARDS_MAX - 1 : BATCHES_MAX, is_shard ? &args->shard : &args->batches)) {
                *ret_status = command_usage_error(args->command, "--%s: a number from 0 expected, got \"%s\"", is_shard ? "shard" : "batches", optarg);
                return -1;
            }
        }
    }
    if (option < 0)
        return -1;
    if (optind == argc)
        return EXIT_SUCCESS;
    *ret_status = command_usage_error(args->command, "unexpected argument \"%s\"", argv[optind]);
    return -1;
}

/* --- the line that tells how far it is --------------------------------------------------------------- */

static int64_t told_at_ms;

static void show_progress(int32_t shard, const char *what, int64_t done, int64_t all) {
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms - told_at_ms < PROGRESS_MS)
        return;
    told_at_ms = now_ms;
    fprintf(stderr, "\rshard %d: %s", (int)shard, what);
    if (all > 0)
        fprintf(stderr, " %d %%", (int)(100 * MIN(done, all) / all));
    fputs("\033[K", stderr);
}

static void clear_progress(const Verify *v) {
    if (v->progress && told_at_ms)
        fputs("\r\033[K", stderr);
}

/* --- servers ----------------------------------------------------------------------------------------- */

static int failed(const Arguments *args, int r, const char *text) {
    command_error(args->command, "%s", r < 0 ? strerror(-r) : text);
    return r < 0 ? EX_OSERR : EX_UNAVAILABLE;
}

static int open_kafka(const Arguments *args, Verify *v) {
    char text[KAFKA_TEXT_SIZE] = "";
    int r = kafka_cluster_new_committed(v->config, NULL, text, &v->cluster);
    if (r == 0)
        r = kafka_changelog_new(v->config, NULL, text, &v->changelog);
    if (r == 0)
        r = kafka_changelog_new(v->config, NULL, text, &v->again);
    if (r == 0)
        r = kafka_offsets_new(v->config, NULL, text, &v->offsets);
    if (r == 0)
        r = kafka_cluster_partitions(v->cluster, v->config->changelog_topic, ASK_TIMEOUT_MS, text, &v->n_shards);
    if (r == 0)
        return EXIT_SUCCESS;
    if (r == KAFKA_E_UNKNOWN)
        (void)snprintf(text, sizeof(text), "there is no topic %s: no daemon has been here yet", v->config->changelog_topic);
    int status = failed(args, r, text);
    return r == KAFKA_E_CONFIG ? EX_CONFIG : status;
}

static int open_redis(const Arguments *args, Verify *v) {
    char text[REDIS_TEXT_SIZE];
    ViewBoards boards = {0};
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++) {
        v->n_boards[kind] = view_fields_boards(v->model, kind, v->boards[kind]);
        boards.names[kind] = v->boards[kind];
        boards.n[kind] = v->n_boards[kind];
    }
    int r = redis_view_new(v->config, &boards, text, &v->view);
    if (r == 0)
        r = redis_view_set_shards(v->view, v->n_shards, text);
    if (r == 0)
        r = redis_view_connect(v->view, text);
    return r ? failed(args, r, text) : EXIT_SUCCESS;
}

static void close_servers(Verify *v) {
    for (int32_t i = 0; v->batches && i < v->n_shards; i++)
        verify_batches_free(v->batches[i]);
    free(v->batches);
    redis_view_free(v->view);
    kafka_offsets_free(v->offsets);
    kafka_changelog_free(v->again);
    kafka_changelog_free(v->changelog);
    kafka_cluster_free(v->cluster);
}

/* --- all of it --------------------------------------------------------------------------------------- */

static int verify_shards(const Arguments *args, Verify *v) {
    int32_t begin = args->shard < 0 ? 0 : (int32_t)args->shard, end = args->shard < 0 ? v->n_shards : begin + 1;
    if (begin >= v->n_shards)
        return command_usage_error(args->command, "--shard: there are %d shards, from 0 on", (int)v->n_shards);
    int r = 0;
    v->n_batches = (size_t)args->batches;
    v->batches = calloc((size_t)v->n_shards, sizeof(VerifyBatches *));
    if (!v->batches)
        return failed(args, -ENOMEM, "");
    for (int32_t shard = begin; shard < end && r == 0; shard++)
        r = verify_shard(v, shard);
    if (r == 0 && v->n_batches > 0)
        r = verify_outputs(v);
    clear_progress(v);
    if (r)
        return failed(args, r, v->text);
    return v->findings->counts[FINDING_ERROR] + v->findings->counts[FINDING_WARNING] > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What was printed is of use only if it arrived. */
static int print(const Arguments *args, const Findings *findings) {
    JsonWriter writer = JSON_WRITER_INIT;
    int r = 0;
    if (findings->out_of_memory)
        return failed(args, -ENOMEM, "");
    if (args->json) {
        findings_write(findings, &writer);
        r = json_writer_flush(&writer, stdout);
        json_writer_deinit(&writer);
    } else {
        findings_print(findings, stdout);
    }
    if (r == 0 && fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    command_error(args->command, "standard output: %s", strerror(r ? -r : errno));
    return EX_IOERR;
}

static int connect_and_verify(const Arguments *args, Verify *v) {
    Findings findings = FINDINGS_INIT;
    v->findings = &findings;
    v->progress = isatty(STDERR_FILENO) ? show_progress : NULL;
    hex_print(v->model->hash, MODEL_HASH_SIZE, v->model_hash);
    int status = open_kafka(args, v);
    if (status == EXIT_SUCCESS)
        status = open_redis(args, v);
    if (status == EXIT_SUCCESS) {
        status = verify_shards(args, v);
        int printed = status == EX_USAGE ? EXIT_SUCCESS : print(args, &findings);
        if (printed != EXIT_SUCCESS)
            status = printed;
    }
    close_servers(v);
    findings_deinit(&findings);
    return status;
}

static int run_verify(const Command *self, int argc, char **argv) {
    Arguments args = {.command = self, .config = COMMAND_CONFIG_PATH, .shard = -1, .batches = BATCHES_DEFAULT};
    _cleanup_(config_free) Config *config = NULL;
    _cleanup_(model_free) Model *model = NULL;
    int status;
    if (parse_arguments(&args, argc, argv, &status) != EXIT_SUCCESS)
        return status;
    status = command_load_config(self, args.config, &config);
    if (status == EXIT_SUCCESS)
        status = command_load_model(self, args.model ? args.model : config->model_path, &model);
    if (status != EXIT_SUCCESS)
        return status;
    Verify v = {.config = config, .model = model};
    return connect_and_verify(&args, &v);
}
