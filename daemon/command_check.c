/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored check
 *
 * Reads what `scored run` would read at its start, to the end even after errors, and does nothing else.
 */
#include <getopt.h>
#include <stdio.h>

#include "daemon/command.h"

enum { OPTION_CONFIG = 1, OPTION_MODEL };

static const CommandOption check_options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration, by default " COMMAND_CONFIG_PATH},
        {"model", OPTION_MODEL, "FILE", "A model to check in the place of the configuration's"},
        {0},
};

static int run_check(const Command *self, int argc, char **argv);

const Command command_check = {
        .name = "check",
        .summary = "Check a configuration and its model",
        .usage = "[--config FILE] [--model FILE]",
        .description =
                "Reports everything that is wrong with the configuration, the model that it names and its\n"
                "schemas, and asks no server. With --model alone, only that model is checked. The exit\n"
                "status is 78 if there are errors.\n",
        .options = check_options,
        .run = run_check,
};

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

static int check_config(const Command *self, const char *path, char **ret_model_path) {
    _cleanup_(config_free) Config *config = NULL;
    _cleanup_(registry_free) Registry *registry = NULL;
    _cleanup_(avro_output_free) AvroOutput *encoder = NULL;
    size_t n_warnings;

    int status = command_load_config_counted(self, path, &config, &n_warnings);
    *ret_model_path = config ? strdup(config->model_path) : command_find_model(path);
    if (status == EXIT_SUCCESS)
        status = command_load_schemas(self, config, &registry, &encoder);
    if (status == EXIT_SUCCESS)
        print_config(path, config, n_warnings);
    return status;
}

static int check_model(const Command *self, const char *path) {
    _cleanup_(model_free) Model *model = NULL;
    size_t n_warnings;

    int status = command_load_model_counted(self, path, &model, &n_warnings);
    if (status == EXIT_SUCCESS)
        print_model(path, model, n_warnings);
    return status;
}

/* What was printed is of use only if it arrived. */
static int finish_stdout(const Command *self) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    command_error(self, "standard output: %s", strerror(errno));
    return EX_IOERR;
}

static int run_check(const Command *self, int argc, char **argv) {
    const char *arg_config = NULL, *arg_model = NULL;
    _cleanup_(free_null) char *model_path = NULL;
    int option, status = EXIT_SUCCESS, model_status = EXIT_SUCCESS;

    while ((option = command_option(self, argc, argv, &status)) != 0) {
        if (option < 0)
            return status;
        if (option == OPTION_CONFIG)
            arg_config = optarg;
        else
            arg_model = optarg;
    }
    if (argc > optind)
        return command_usage_error(self, "unexpected argument \"%s\"", argv[optind]);

    if (arg_config || !arg_model)
        status = check_config(self, arg_config ? arg_config : COMMAND_CONFIG_PATH, &model_path);
    if (arg_model || model_path)
        model_status = check_model(self, arg_model ? arg_model : model_path);
    if (status == EXIT_SUCCESS)
        status = model_status;
    return status == EXIT_SUCCESS ? finish_stdout(self) : status;
}
