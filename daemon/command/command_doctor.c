/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored doctor
 *
 * For who asks why it does not run: goes through all that a deployment rests on, from the files to the servers, and says of each thing what
 * it looked at, what it found, what it should have found, and what to do.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>

#include "daemon/check/check_kafka.h"
#include "daemon/check/check_redis.h"
#include "daemon/check/doctor.h"
#include "daemon/command/own_schemas.h"

enum { OPTION_CONFIG = 1, OPTION_JSON };

static const CommandOption doctor_options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration; default " COMMAND_CONFIG_PATH},
        {"json", OPTION_JSON, NULL, "Print what was found as one JSON array"},
        {0},
};

static int run_doctor(const Command *self, int argc, char **argv);

const Command command_doctor = {
        .name = "doctor",
        .summary = "Tell what is wrong with a deployment and all that it rests on",
        .usage = "[--config FILE] [--json]",
        .description = "Looks at the files; the tz database and the model's zones; limits of the process, the service manager and\n"
                       "the clock; the brokers' names, ports, certificates and login, the rights there and the topics; the Schema\n"
                       "Registry; and Redis's policy, role, memory, disk and clock. Run it as the user that runs scored, on\n"
                       "the same machine. Exit status 1: there is an error; 78: the configuration cannot be used.\n"
                       "\n"
                       "Nothing is changed but a key in Redis that is gone at once; on the brokers a transactional id is\n"
                       "opened whose instance is `doctor`. Whether topics may be written and created is not tried:\n"
                       "`scored topics --acls` prints these rights.\n",
        .options = doctor_options,
        .json = "An array of findings, each with `severity` (ok, note, warning, error), `subject` (what was looked at), `text` (what was\n"
                "found), `expected` (or null) and `remedy` (or null).\n",
        .run = run_doctor,
};

typedef struct Doctor {
    const Command *command;
    const char *arg_config;
    bool arg_json;
    Config *config;
    Registry *registry;
    Findings findings;
} Doctor;

/* --- files ------------------------------------------------------------------------------------------- */

/* Standard error has the places. */
static void find_file(Doctor *d, const char *path, int status, size_t n_warnings, const char *remedy) {
    if (status == EXIT_SUCCESS) {
        if (n_warnings == 0)
            findings_add(&d->findings, FINDING_OK, path, "no errors");
        else
            findings_add(&d->findings, FINDING_WARNING, path, "%zu warning%s, on standard error", n_warnings, n_warnings == 1 ? "" : "s");
        if (n_warnings > 0)
            findings_remedy(&d->findings, "%s", remedy);
        return;
    }
    findings_add(&d->findings, FINDING_ERROR, path, "it cannot be used; standard error says where and why");
    findings_expected(&d->findings, "no errors");
    findings_remedy(&d->findings, "%s", remedy);
}

static void check_model(Doctor *d) {
    _cleanup_(model_free) Model *model = NULL;
    size_t n_warnings;
    int status = command_load_model_counted(d->command, d->config->model_path, &model, &n_warnings);
    find_file(d, d->config->model_path, status, n_warnings, "correct the model");
}

/* Without a configuration there is nothing else to look at. */
static int check_files(Doctor *d) {
    _cleanup_(avro_output_free) AvroOutput *encoder = NULL;
    size_t n_warnings;
    int status = command_load_config_counted(d->command, d->arg_config, &d->config, &n_warnings);
    find_file(d, d->arg_config, status, n_warnings, "correct it; scored.yaml(5) lists what it may have");
    if (status != EXIT_SUCCESS)
        return status;
    check_model(d);
    status = command_load_schemas(d->command, d->config, SCHEMAS_OF_EVENTS, NULL, &d->registry, &encoder);
    find_file(d, d->config->output_schema_dir, status, 0, "correct schemas.events and schemas.directory");
    return EXIT_SUCCESS;
}

/* --- servers ----------------------------------------------------------------------------------------- */

static int check_cluster(Doctor *d) {
    bool is_reachable;
    size_t n_errors;
    int r = doctor_endpoints(d->config, &d->findings, &is_reachable);
    if (r < 0 || !is_reachable || !d->registry)
        return r; /* what else is wrong there shows when this is mended */
    n_errors = d->findings.counts[FINDING_ERROR];
    r = check_kafka(d->config, d->registry, &d->findings);
    bool no_broker = d->findings.counts[FINDING_ERROR] > n_errors && strcmp(d->findings.items[d->findings.n - 1].subject, "Kafka") == 0;
    return r == 0 && !no_broker ? doctor_kafka(d->config, &d->findings) : r;
}

static int check_registry(Doctor *d) {
    return d->registry ? own_schemas_check(d->config, registry_outputs(d->registry), &d->findings) : 0;
}

static int check_all(Doctor *d) {
    int status = check_files(d);
    if (status != EXIT_SUCCESS)
        return status;
    int r = doctor_zones(d->config->model_path, &d->findings);
    doctor_machine(&d->findings);
    if (r == 0)
        r = check_cluster(d);
    if (r == 0)
        r = check_registry(d);
    if (r == 0)
        r = check_redis(d->config, &d->findings);
    if (r < 0 || d->findings.out_of_memory)
        return command_error(d->command, "%s", strerror(r < 0 ? -r : ENOMEM)), EX_OSERR;
    return d->findings.counts[FINDING_ERROR] > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int print_all(const Doctor *d) {
    JsonWriter writer = JSON_WRITER_INIT;
    if (d->arg_json)
        findings_write(&d->findings, &writer);
    else
        findings_print(&d->findings, stdout);
    int status = command_finish(d->command, &writer);
    json_writer_deinit(&writer);
    return status;
}

static int run_doctor(const Command *self, int argc, char **argv) {
    Doctor d = {.command = self, .arg_config = COMMAND_CONFIG_PATH};
    int status, option;
    while ((option = command_option(self, argc, argv, &status)) > 0) {
        if (option == OPTION_CONFIG)
            d.arg_config = optarg;
        else
            d.arg_json = true;
    }
    if (option < 0)
        return status;
    if (optind < argc)
        return command_usage_error(self, "unexpected argument \"%s\"", argv[optind]);
    (void)signal(SIGPIPE, SIG_IGN); /* what is no TLS hangs up while it is greeted */
    status = check_all(&d);
    int print_status = print_all(&d);
    findings_deinit(&d.findings);
    registry_free(d.registry);
    config_free(d.config);
    return print_status == EXIT_SUCCESS ? status : print_status;
}
