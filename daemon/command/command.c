/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/command/command.h"

#include <getopt.h>
#include <stdio.h>

#include "lib/calendar/timestamp.h"

static int run_help(const Command *self, int argc, char **argv);

enum { OPTION_JSON = 1 };

static const CommandOption help_options[] = {
        {"json", OPTION_JSON, NULL, "Print the table of commands and options as one JSON array"},
        {0},
};

static const Command command_help = {
        .name = "help",
        .summary = "Show what a command does and takes",
        .usage = "[--json] [COMMAND]",
        .options = help_options,
        .json = "An array of commands, or of the one: `name`, `summary`, `usage`, and `options`, an array of `name`,\n"
                "`argument` (null: it takes none) and `summary`.\n",
        .run = run_help,
};

const Command *const command_table[] = {
        &command_run,
        &command_check,
        &command_test,
        &command_replay,
        &command_backtest,
        &command_top,
        &command_lead,
        &command_account,
        &command_verify,
        &command_topics,
        &command_dlq,
        &command_log,
        &command_skip,
        &command_doctor,
        &command_version,
        &command_completion,
        &command_help,
        NULL,
};
#define N_COMMANDS (ARRAY_SIZE(command_table) - 1)

#define OPTIONS_MAX COMMAND_OPTION_MAX
#define HELP_OPTION (-2)

static const Command *command_find(const char *name) {
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(command_table[i]->name, name) == 0)
            return command_table[i];
    return NULL;
}

static int unknown_command(const char *name) {
    const Command unknown = {.name = name};
    const char *names[N_COMMANDS];

    for (size_t i = 0; i < N_COMMANDS; i++)
        names[i] = command_table[i]->name;
    const char *nearest = diagnostic_nearest(str_from(name), names, ARRAY_SIZE(names));
    if (nearest)
        command_error(&unknown, "unknown command; did you mean \"%s\"? \"scored --help\" lists all", nearest);
    else
        command_error(&unknown, "unknown command; \"scored --help\" lists all");
    return EX_USAGE;
}

static void print_overview(FILE *file) {
    fputs("Usage: scored COMMAND [OPTION...] [ARGUMENT...]\n"
          "\n"
          "Scores leads from event streams.\n"
          "\n"
          "Commands:\n",
            file);
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(file, "  %-10s %s\n", command_table[i]->name, command_table[i]->summary);
    fputs("\n"
          "Options:\n"
          "  --help     Show this help; after a command, that of the command\n"
          "  --version  Show the version, as the command does\n",
            file);
}

static void print_option(const char *name, const char *argument, const char *summary) {
    int width = printf("  --%s%s%s", name, argument ? " " : "", argument ? argument : "");
    printf("%*s%s\n", MAX(24 - width, 2), "", summary);
}

static void print_help(const Command *command) {
    printf("Usage: scored %s %s\n\n%s.\n", command->name, command->usage, command->summary);
    if (command->description)
        printf("\n%s", command->description);
    fputs("\nOptions:\n", stdout);
    for (const CommandOption *o = command->options; o && o->name; o++)
        print_option(o->name, o->argument, o->summary);
    print_option("help", NULL, "Show this help");
}

/* Fills what getopt_long() wants, ended by zeros, and returns how many there are. */
static size_t make_options(const Command *self, struct option options[static OPTIONS_MAX + 2]) {
    size_t n = 0;

    for (const CommandOption *o = self->options; o && o->name; o++) {
        assert(n < OPTIONS_MAX);
        options[n++] = (struct option){
                .name = o->name,
                .has_arg = o->argument ? required_argument : no_argument,
                .val = o->value,
        };
    }
    options[n++] = (struct option){.name = "help", .has_arg = no_argument, .val = HELP_OPTION};
    options[n] = (struct option){0};
    return n;
}

/* After a '?' of getopt_long(): a letter, a name unknown or ambiguous, or one that takes no argument. */
static int wrong_option(const Command *self, const char *text, const struct option *options, size_t n) {
    const char *names[OPTIONS_MAX + 1];
    size_t len = strcspn(text, "=");

    for (size_t i = 0; i < n; i++)
        names[i] = options[i].name;
    if (optopt > COMMAND_OPTION_MAX)
        return command_usage_error(self, "unknown option \"-%c\"", optopt);
    if (optopt != 0)
        return command_usage_error(self, "option \"%.*s\" takes no argument", (int)len, text);
    const char *nearest = diagnostic_nearest((Str){text + 2, len - 2}, names, n);
    if (nearest)
        return command_usage_error(
                self, "unknown option \"%.*s\"; did you mean \"--%s\"?", (int)len, text, nearest);
    return command_usage_error(self, "unknown option \"%.*s\"", (int)len, text);
}

int command_option(const Command *self, int argc, char **argv, int *ret_status) {
    struct option options[OPTIONS_MAX + 2];
    size_t n = make_options(self, options);

    opterr = 0;
    int value = getopt_long(argc, argv, ":h", options, NULL);
    switch (value) {
    case -1:
        return 0;
    case 'h':
    case HELP_OPTION:
        print_help(self);
        *ret_status = command_finish(self, NULL);
        return -1;
    case ':':
        *ret_status = command_usage_error(self, "option \"%s\" needs an argument", argv[optind - 1]);
        return -1;
    case '?':
        *ret_status = wrong_option(self, argv[optind - 1], options, n);
        return -1;
    default:
        return value;
    }
}

bool command_parse_time(const char *text, int64_t *ret_ms) {
    char *end;

    if (timestamp_parse(str_from(text), ret_ms))
        return true;
    if (!strchr("0123456789", text[0]) || !text[0])
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || value > EVENT_TIME_MS_MAX)
        return false;
    *ret_ms = value;
    return true;
}

bool command_parse_number(const char *text, int64_t min, int64_t max, int64_t *ret) {
    char *end;

    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < min || number > max)
        return false;
    *ret = number;
    return true;
}

static void write_command(const Command *command, JsonWriter *writer) {
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("name"), str_from(command->name));
    json_write_string(writer, STR_LITERAL("summary"), str_from(command->summary));
    json_write_string(writer, STR_LITERAL("usage"), str_from(command->usage));
    json_write_array_begin(writer, STR_LITERAL("options"));
    for (const CommandOption *o = command->options; o && o->name; o++) {
        json_write_object_begin(writer, STR_NULL);
        json_write_string(writer, STR_LITERAL("name"), str_from(o->name));
        json_write_string(writer, STR_LITERAL("argument"), o->argument ? str_from(o->argument) : STR_NULL);
        json_write_string(writer, STR_LITERAL("summary"), str_from(o->summary));
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
    json_write_object_end(writer);
}

/* `command` NULL: all of them. */
static int print_table(const Command *self, const Command *command) {
    JsonWriter writer = JSON_WRITER_INIT;
    json_write_array_begin(&writer, STR_NULL);
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!command || command == command_table[i])
            write_command(command_table[i], &writer);
    json_write_array_end(&writer);
    json_write_newline(&writer);
    int status = command_finish(self, &writer);
    json_writer_deinit(&writer);
    return status;
}

static int run_help(const Command *self, int argc, char **argv) {
    const Command *command = NULL;
    bool arg_json = false;
    int status, option;

    while ((option = command_option(self, argc, argv, &status)) > 0)
        arg_json = true;
    if (option < 0)
        return status;
    if (argc - optind > 1)
        return command_usage_error(self, "expected one command");
    if (optind < argc && !(command = command_find(argv[optind])))
        return unknown_command(argv[optind]);
    if (arg_json)
        return print_table(self, command);
    if (command)
        print_help(command);
    else
        print_overview(stdout);
    return command_finish(self, NULL);
}

/* Known before the command line is taken apart, of which there may be something to say. `command` NULL: it is none of ours. */
static bool wants_json(const Command *command, int argc, char **argv) {
    bool can = !command;
    for (const CommandOption *o = command ? command->options : NULL; o && o->name; o++)
        can |= strcmp(o->name, "json") == 0;
    for (int i = 1; can && i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

static const Command *named_command(const char *name) {
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return &command_help;
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0)
        return &command_version;
    return command_find(name);
}

int command_main(int argc, char **argv) {
    if (argc < 2) {
        print_overview(stderr);
        return EX_USAGE;
    }
    const Command *command = named_command(argv[1]);
    command_set_errors_json(wants_json(command, argc - 1, argv + 1));
    /* 0, not 1: glibc's word for a command line that it has not seen yet. */
    optind = 0;
    return command ? command->run(command, argc - 1, argv + 1) : unknown_command(argv[1]);
}
