/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored check
 *
 * Reads what `scored run` would read at its start, to the end even after errors, and does nothing else; with --live it also asks the
 * servers.
 */
#include <getopt.h>
#include <stdio.h>

#include "daemon/check/check_live.h"
#include "daemon/command/command.h"
#include "daemon/io/file/file_sink.h"

enum { OPTION_CONFIG = 1, OPTION_MODEL, OPTION_LIVE, OPTION_JSON };

static const CommandOption check_options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration, by default " COMMAND_CONFIG_PATH},
        {"model", OPTION_MODEL, "FILE", "A model to check in the place of the configuration's"},
        {"live", OPTION_LIVE, NULL, "Also ask the servers that the configuration names"},
        {"json", OPTION_JSON, NULL, "Print what was found as one JSON array"},
        {0},
};

static int run_check(const Command *self, int argc, char **argv);

const Command command_check = {
        .name = "check",
        .summary = "Check a configuration and its model",
        .usage = "[--config FILE] [--model FILE] [--live] [--json]",
        .description =
                "Reports everything that is wrong with the configuration, the model that it names and its\n"
                "schemas, and asks no server. With --model alone, only that model is checked. The exit\n"
                "status is 78 if there are errors.\n"
                "With --live it then asks the brokers, the Schema Registry and Redis: what is wrong with them, what scored would find\n"
                "in the topics, and, by a sample of their latest records, which sources need `route`. Nothing is\n"
                "changed but a key in Redis that is gone at once. The exit status is 1 if that finds errors.\n",
        .options = check_options,
        .json = "An array of findings, each with `severity` (ok, note, warning, error), `subject`, `text` and `remedy` (or null).\n"
                "Of a file with errors it says that it cannot be used, and standard error has what is wrong, a line each.\n",
        .run = run_check,
};

typedef struct Check {
    const Command *command;
    const char *arg_config, *arg_model;
    bool arg_live, arg_json;
    Config *config;
    Registry *registry;
    Findings findings; /* all of them with --json, else those of the servers */
} Check;

/* "3 rules", "1 rule" */
#define COUNTED(n, what) (n), (what), (n) == 1 ? "" : "s"

static void print_warnings(size_t n) {
    if (n > 0)
        printf("  %zu %s%s\n", COUNTED(n, "warning"));
}

static void print_model(const char *path, const Model *model, size_t n_warnings) {
    printf("%s: model %.*s, version %lld\n", path, STR_FMT(model->id), (long long)model->version);
    printf("  %zu %s%s, %zu %s%s\n", COUNTED(model->n_scores, "score"),
            COUNTED(model->n_derived, "derived score"));
    printf("  %zu %s%s for events, %zu %s%s for the profile\n", COUNTED(model->n_rules, "rule"),
            COUNTED(model->n_profile_rules, "rule"));
    for (size_t i = 0; i < model->n_tracks; i++) {
        const Track *track = &model->tracks[i];
        printf("  track %.*s: %zu %s%s, %zu %s%s\n", STR_FMT(track->id), COUNTED(track->n_stages, "stage"),
                COUNTED(track->n_transitions, "transition"));
    }
    printf("  %zu %s%s\n", COUNTED(model->n_policies, "SLA clock"));
    print_warnings(n_warnings);
}

static void print_config(const char *path, const Config *config, size_t n_warnings) {
    printf("%s: group %s of %s\n", path, config->group, config->bootstrap_servers);
    printf("  reads");
    for (size_t i = 0; i < config->n_sources; i++)
        printf(" %s", config->sources[i]);
    printf("\n  writes");
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        printf(" %s", config->output_topics[i]);
    printf("\n  keeps its state in %s and %s\n", config->changelog_topic, config->internal_topic);
    printf("  shows it in Redis at %s\n", config->redis_address);
    print_warnings(n_warnings);
}

/* Of a file, whose errors and warnings standard error tells with their places. */
static void find_file(Check *check, const char *path, int status, size_t n_warnings) {
    if (status != EXIT_SUCCESS)
        findings_add(&check->findings, FINDING_ERROR, path, "it cannot be used; standard error says why");
    else if (n_warnings > 0)
        findings_add(&check->findings, FINDING_WARNING, path, "%zu warning%s, on standard error", n_warnings, n_warnings == 1 ? "" : "s");
    else
        findings_add(&check->findings, FINDING_OK, path, "no errors");
}

static int check_config(Check *check, const char *path, char **ret_model_path) {
    _cleanup_(avro_output_free) AvroOutput *encoder = NULL;
    size_t n_warnings;

    int status = command_load_config_counted(check->command, path, &check->config, &n_warnings);
    *ret_model_path = check->config ? strdup(check->config->model_path) : command_find_model(path);
    if (status == EXIT_SUCCESS)
        status = command_load_schemas(check->command, check->config, check->arg_live ? SCHEMAS_OF_EVENTS : SCHEMAS_OF_FILES, NULL,
                &check->registry, &encoder);
    if (check->arg_json)
        find_file(check, path, status, n_warnings);
    else if (status == EXIT_SUCCESS)
        print_config(path, check->config, n_warnings);
    return status;
}

static int check_model(Check *check, const char *path) {
    _cleanup_(model_free) Model *model = NULL;
    size_t n_warnings;

    int status = command_load_model_counted(check->command, path, &model, &n_warnings);
    if (check->arg_json)
        find_file(check, path, status, n_warnings);
    else if (status == EXIT_SUCCESS)
        print_model(path, model, n_warnings);
    return status;
}

static int check_servers(Check *check) {
    if (!check->arg_json) {
        printf("servers:\n");
        (void)fflush(stdout); /* it can take a while */
    }
    int r = check_live(check->config, check->registry, &check->findings);
    if (r)
        return command_error(check->command, "%s", strerror(-r)), EX_OSERR;
    return check->findings.counts[FINDING_ERROR] > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int print_findings(const Check *check) {
    JsonWriter writer = JSON_WRITER_INIT;
    int r = check->findings.out_of_memory ? -ENOMEM : 0;

    if (check->arg_json) {
        findings_write(&check->findings, &writer);
        r = r ? r : json_writer_flush(&writer, stdout);
        json_writer_deinit(&writer);
    } else if (check->arg_live && check->registry) {
        findings_print(&check->findings, stdout);
    }
    return r;
}

/* What was printed is of use only if it arrived. */
static int finish(const Check *check) {
    int r = print_findings(check);
    if (r == -ENOMEM)
        return command_error(check->command, "%s", strerror(-r)), EX_OSERR;
    if (r == 0 && fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    command_error(check->command, "standard output: %s", strerror(r ? -r : errno));
    return EX_IOERR;
}

/* All of it, whatever the beginning says; the first status that is not well. */
static int check_all(Check *check) {
    _cleanup_(free_null) char *model_path = NULL;
    int statuses[3] = {EXIT_SUCCESS, EXIT_SUCCESS, EXIT_SUCCESS};

    if (check->arg_config || !check->arg_model || check->arg_live)
        statuses[0] = check_config(check, check->arg_config ? check->arg_config : COMMAND_CONFIG_PATH, &model_path);
    if (check->arg_model || model_path)
        statuses[1] = check_model(check, check->arg_model ? check->arg_model : model_path);
    if (check->arg_live && check->registry)
        statuses[2] = check_servers(check);
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
        if (statuses[i] != EXIT_SUCCESS)
            return statuses[i];
    return EXIT_SUCCESS;
}

static int parse_arguments(Check *check, int argc, char **argv, int *ret_status) {
    int option;

    while ((option = command_option(check->command, argc, argv, ret_status)) != 0) {
        if (option < 0)
            return -1;
        if (option == OPTION_CONFIG)
            check->arg_config = optarg;
        else if (option == OPTION_MODEL)
            check->arg_model = optarg;
        else if (option == OPTION_LIVE)
            check->arg_live = true;
        else
            check->arg_json = true;
    }
    if (argc == optind)
        return 0;
    *ret_status = command_usage_error(check->command, "unexpected argument \"%s\"", argv[optind]);
    return -1;
}

static int run_check(const Command *self, int argc, char **argv) {
    Check check = {.command = self};
    int status;

    if (parse_arguments(&check, argc, argv, &status) != 0)
        return status;
    status = check_all(&check);
    int finish_status = finish(&check);
    findings_deinit(&check.findings);
    registry_free(check.registry);
    config_free(check.config);
    return status == EXIT_SUCCESS ? finish_status : status;
}
