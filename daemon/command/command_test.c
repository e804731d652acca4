/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored test
 *
 * Runs the cases of model tests, each through a shard of its own, and tells what was not as expected.
 */
#include <getopt.h>
#include <stdio.h>

#include "daemon/command/command.h"
#include "daemon/model_test/test_report.h"

enum { OPTION_MODEL = 1, OPTION_FILTER, OPTION_JSON };

static const CommandOption test_options[] = {
        {"model", OPTION_MODEL, "FILE", "The model, in the place of the one that the files name"},
        {"filter", OPTION_FILTER, "TEXT", "Run the cases whose name has this text in it, in any case"},
        {"json", OPTION_JSON, NULL, "Tell every case as a line of JSON"},
        {0},
};

static int run_test(const Command *self, int argc, char **argv);

const Command command_test = {
        .name = "test",
        .summary = "Run tests that are written for a model",
        .usage = "[--model FILE] [--filter TEXT] [--json] FILE.yaml...",
        .description =
                "Runs the cases of the files: events, and what is expected of leads at instants between "
                "them.\n"
                "What was not as expected is told with its place and with what led to it. The exit status "
                "is\n"
                "0 if all cases passed, 1 if one failed, and 78 if a file or its model has errors; README,\n"
                "\"Testing a model\", has the format.\n",
        .options = test_options,
        .json = "A line with an object for each case: `file`, `line`, `case`, `passed`, `expectations` and `failed` (how many), and\n"
                "`failures`, an array of `line`, `column`, `at`, `subject`, `what`, `expected`, `got` and `notes`. The last\n"
                "line has `cases_passed` and `cases_failed`.\n",
        .takes_files = true,
        .run = run_test,
};

typedef struct Testing {
    const Command *command;
    const char *arg_model, *arg_filter;
    TestReport report;
} Testing;

static int load_model(void *userdata, const char *path, Model **ret) {
    const Testing *testing = userdata;
    return command_load_model(testing->command, path, ret);
}

static int load_file(void *userdata, Str source, const char *path, Diagnostics *diagnostics, void *ret) {
    Testing *testing = userdata;
    const TestModelLoader loader = {.load = load_model, .userdata = testing};
    return test_file_load(source, path, testing->arg_model, loader, diagnostics, ret);
}

static bool is_chosen(const Testing *testing, const TestCase *test) {
    return !testing->arg_filter || strcasestr(test->name.data, testing->arg_filter);
}

static int run_case(Testing *testing, const char *path, const TestFile *file, const TestCase *test) {
    TestRun run;

    int r = test_run_init(&run, file, test);
    if (r)
        return r;
    r = test_run_steps(&run);
    if (r == 0)
        r = test_report_case(&testing->report, path, &run);
    test_run_deinit(&run);
    return r;
}

static int run_file(Testing *testing, const char *path) {
    _cleanup_(test_file_free) TestFile *file = NULL;
    size_t n_warnings;
    int r = 0;

    int status = command_load_file(testing->command, path, load_file, testing, &file, &n_warnings);
    if (!file)
        return status ? status : EX_CONFIG;
    for (size_t i = 0; r == 0 && i < file->n_cases; i++)
        if (is_chosen(testing, &file->cases[i]))
            r = run_case(testing, path, file, &file->cases[i]);
    if (r == 0)
        return EXIT_SUCCESS;
    command_error(testing->command, "%s: %s", path, strerror(-r));
    return r == -ENOMEM ? EX_OSERR : EX_IOERR;
}

/* A bad file does not keep the others from being run. */
static int run_files(Testing *testing, int n, char **paths) {
    TestReport *report = &testing->report;
    int status = EXIT_SUCCESS;

    for (int i = 0; i < n; i++) {
        int file_status = run_file(testing, paths[i]);
        if (status == EXIT_SUCCESS)
            status = file_status;
    }
    int r = test_report_sum(report);
    if (r == 0 && fflush(report->file) != 0)
        r = -errno;
    if (r) {
        command_error(testing->command, "standard output: %s", strerror(-r));
        return r == -ENOMEM ? EX_OSERR : EX_IOERR;
    }
    if (status == EXIT_SUCCESS && report->n_passed + report->n_failed == 0) {
        command_error(testing->command, "--filter: no case has \"%s\" in its name", testing->arg_filter);
        return EXIT_FAILURE;
    }
    return status == EXIT_SUCCESS && report->n_failed > 0 ? EXIT_FAILURE : status;
}

static int run_test(const Command *self, int argc, char **argv) {
    Testing testing = {.command = self, .report = {.file = stdout, .writer = JSON_WRITER_INIT}};
    int option, status = EXIT_SUCCESS;

    while ((option = command_option(self, argc, argv, &status)) != 0) {
        if (option < 0)
            return status;
        if (option == OPTION_MODEL)
            testing.arg_model = optarg;
        else if (option == OPTION_FILTER)
            testing.arg_filter = optarg;
        else
            testing.report.json = true;
    }
    if (optind == argc)
        return command_usage_error(self, "a file of tests is missing");
    status = run_files(&testing, argc - optind, argv + optind);
    test_report_deinit(&testing.report);
    return status;
}
