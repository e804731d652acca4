/* SPDX-License-Identifier: Apache-2.0 */
/* `scored log`: what the log's events mean, and how an id stands in it. */
#include <stdio.h>
#include <unistd.h>

#include "daemon/command/command.h"
#include "daemon/io/json/json_writer.h"
#include "daemon/log/log_catalogue.h"
#include "daemon/log/log_hide.h"

enum { OPTION_CONFIG = 1, OPTION_CATALOG, OPTION_HASH, OPTION_JSON };

/* Columns of texts that are broken into lines. */
#define TEXT_WIDTH 76

typedef struct Log {
    const Command *command;
    const char *arg_config;
    bool arg_catalog, arg_hash, arg_json;
    char **names;
    size_t n_names;
} Log;

static int finish(const Log *log) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    return command_error(log->command, "standard output: %s", strerror(errno)), EX_IOERR;
}

/* A paragraph with a word in front. */
static void print_text(const char *label, const char *text) {
    int column = printf("%s", label);
    while (*text) {
        size_t n = strcspn(text, " ");
        if (column + 1 + (int)n > TEXT_WIDTH)
            column = (putchar('\n'), 0);
        else if (column > 0)
            column += (putchar(' '), 1);
        column += printf("%.*s", (int)n, text);
        text += n + strspn(text + n, " ");
    }
    putchar('\n');
}

static void print_meaning(const LogMeaning *m) {
    printf("%s\n%s%s.\n", m->event, m->title, m->needs_operator ? ": an operator is needed" : "");
    print_text("Cause:", m->cause);
    print_text("Remedy:", m->remedy);
    printf("Message id: %s\n", m->id);
}

static void write_meaning(const LogMeaning *m, JsonWriter *writer) {
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("event"), str_from(m->event));
    json_write_string(writer, STR_LITERAL("message_id"), str_from(m->id));
    json_write_boolean(writer, STR_LITERAL("needs_operator"), m->needs_operator);
    json_write_string(writer, STR_LITERAL("title"), str_from(m->title));
    json_write_string(writer, STR_LITERAL("cause"), str_from(m->cause));
    json_write_string(writer, STR_LITERAL("remedy"), str_from(m->remedy));
    json_write_object_end(writer);
}

/* As systemd.journal-fields(7) and journalctl's --update-catalog want it. */
static void print_catalog(void) {
    puts("# Made by `scored log --catalog`.");
    for (size_t i = 0; i < log_catalogue_n; i++) {
        const LogMeaning *m = &log_catalogue[i];
        printf("\n-- %s\nSubject: %s\nDefined-By: scored\n\n", m->id, m->title);
        print_text("Cause:", m->cause);
        putchar('\n');
        print_text("Remedy:", m->remedy);
    }
}

static bool is_chosen(const Log *log, const LogMeaning *m) {
    for (size_t i = 0; i < log->n_names; i++)
        if (strcmp(log->names[i], m->event) == 0)
            return true;
    return log->n_names == 0;
}

static int check_names(const Log *log) {
    const char **events = calloc(log_catalogue_n, sizeof(*events));
    int status = events ? EXIT_SUCCESS : EX_OSERR;
    for (size_t i = 0; i < log_catalogue_n && events; i++)
        events[i] = log_catalogue[i].event;
    for (size_t i = 0; i < log->n_names && status == EXIT_SUCCESS; i++) {
        if (log_catalogue_find(log->names[i]))
            continue;
        const char *nearest = diagnostic_nearest(str_from(log->names[i]), events, log_catalogue_n);
        command_error(log->command, "no error or warning is called \"%s\"%s%s%s", log->names[i], nearest ? "; did you mean \"" : "",
                nearest ? nearest : "", nearest ? "\"?" : "");
        status = EXIT_FAILURE;
    }
    free(events);
    return status;
}

static int print_json(const Log *log) {
    JsonWriter writer = JSON_WRITER_INIT;
    json_write_array_begin(&writer, STR_NULL);
    for (size_t i = 0; i < log_catalogue_n; i++)
        if (is_chosen(log, &log_catalogue[i]))
            write_meaning(&log_catalogue[i], &writer);
    json_write_array_end(&writer);
    json_write_newline(&writer);
    int r = writer.error;
    if (r == 0)
        (void)fwrite(writer.data, 1, writer.len, stdout);
    json_writer_deinit(&writer);
    return r == 0 ? finish(log) : (command_error(log->command, "%s", strerror(-r)), EX_OSERR);
}

static int print_meanings(const Log *log) {
    int status = check_names(log);
    if (status != EXIT_SUCCESS)
        return status;
    if (log->arg_json)
        return print_json(log);
    bool is_first = true;
    for (size_t i = 0; i < log_catalogue_n; i++) {
        const LogMeaning *m = &log_catalogue[i];
        if (!is_chosen(log, m))
            continue;
        if (log->n_names == 0) {
            printf("%-20s %s%s\n", m->event, m->needs_operator ? "! " : "  ", m->title);
            continue;
        }
        if (!is_first)
            putchar('\n');
        is_first = false;
        print_meaning(m);
    }
    return finish(log);
}

/* How ids stand in the logs of all instances that have the configuration's key. */
static int print_hashes(const Log *log) {
    _cleanup_(config_free) Config *config = NULL;
    LogKey key;
    int status = command_load_config(log->command, log->arg_config, &config);
    if (status != EXIT_SUCCESS)
        return status;
    if (!config->log_lead_ids_key_file) {
        command_error(log->command, "log.lead_ids_key_file is not set: each process hashes by a key of its own, which nobody else knows");
        return EX_CONFIG;
    }
    int r = log_hide_read_key(config->log_lead_ids_key_file, &key); /* its length was checked with the configuration */
    if (r != 0)
        return command_error(log->command, "%s: %s", config->log_lead_ids_key_file, r < 0 ? strerror(-r) : "it has changed"), EX_NOINPUT;
    for (size_t i = 0; i < log->n_names; i++) {
        char hash[LOG_ID_HASH_SIZE];
        log_hide_hash(&key, str_from(log->names[i]), hash);
        printf("%s  %s\n", hash, log->names[i]);
    }
    explicit_bzero(&key, sizeof(key));
    return finish(log);
}

static int run(const Command *self, int argc, char **argv) {
    Log log = {.command = self, .arg_config = COMMAND_CONFIG_PATH};
    int status, option;
    while ((option = command_option(self, argc, argv, &status)) > 0) {
        if (option == OPTION_CONFIG)
            log.arg_config = optarg;
        log.arg_catalog |= option == OPTION_CATALOG;
        log.arg_hash |= option == OPTION_HASH;
        log.arg_json |= option == OPTION_JSON;
    }
    if (option < 0)
        return status;
    log.names = argv + optind;
    log.n_names = (size_t)(argc - optind);
    if (log.arg_catalog + log.arg_hash + log.arg_json > 1)
        return command_usage_error(self, "--catalog, --hash and --json exclude one another");
    if (log.arg_hash)
        return log.n_names > 0 ? print_hashes(&log) : command_usage_error(self, "--hash needs an ID");
    if (!log.arg_catalog)
        return print_meanings(&log);
    if (log.n_names > 0)
        return command_usage_error(self, "unexpected argument \"%s\"", log.names[0]);
    print_catalog();
    return finish(&log);
}

static const CommandOption options[] = {
    {"json", OPTION_JSON, NULL, "an array of events, their message ids, causes and remedies"},
    {"catalog", OPTION_CATALOG, NULL, "all of it as a catalogue of systemd's journal"},
    {"hash", OPTION_HASH, NULL, "the arguments are ids of leads, accounts or events: how they stand in the log"},
    {"config", OPTION_CONFIG, "FILE", "the configuration with the key for --hash; by default " COMMAND_CONFIG_PATH},
    {0},
};

const Command command_log = {
    .name = "log",
    .summary = "Tell what errors and warnings in the log mean",
    .usage = "[EVENT...] [--json] | --catalog | --hash ID... [--config FILE]",
    .description = "Without an event it lists all errors and warnings that there can be, with ! those for which an\n"
                   "operator is needed; of those that are named it tells cause and remedy. With --hash it tells how\n"
                   "an id stands in the log where log.lead_ids is \"hashed\".\n",
    .options = options,
    .json = "An array of `event`, `message_id`, `needs_operator`, `title`, `cause` and `remedy`.\n",
    .run = run,
};
