/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/command.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/timestamp.h"

static int run_help(const Command *self, int argc, char **argv);

static const Command command_help = {
        .name = "help",
        .summary = "Show what a command does and takes",
        .usage = "[COMMAND]",
        .run = run_help,
};

/* All commands, in the order in which help lists them. */
static const Command *const commands[] = {
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
        &command_help,
};

#define OPTIONS_MAX COMMAND_OPTION_MAX
#define HELP_OPTION (-2)

static const Command *command_find(const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name) {
    const char *names[ARRAY_SIZE(commands)];

    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        names[i] = commands[i]->name;
    const char *nearest = diagnostic_nearest(str_from(name), names, ARRAY_SIZE(names));
    fprintf(stderr, "scored: unknown command \"%s\"", name);
    if (nearest)
        fprintf(stderr, "; did you mean \"%s\"?", nearest);
    fputs("\nscored: \"scored --help\" lists the commands\n", stderr);
    return EX_USAGE;
}

static void print_overview(FILE *file) {
    fputs("Usage: scored COMMAND [OPTION...] [ARGUMENT...]\n"
          "\n"
          "Scores leads from event streams.\n"
          "\n"
          "Commands:\n",
            file);
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        fprintf(file, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n"
          "Options:\n"
          "  --help     Show this help; after a command, that of the command\n"
          "  --version  Show the version\n",
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

/* What was printed is of use only if it arrived. */
static int finish_stdout(void) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return EXIT_SUCCESS;
    fprintf(stderr, "scored: standard output: %s\n", strerror(errno));
    return EX_IOERR;
}

static void PRINTF_LIKE(2, 0) report(const Command *self, const char *format, va_list arguments) {
    fprintf(stderr, "scored %s: ", self->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void command_error(const Command *self, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    report(self, format, arguments);
    va_end(arguments);
}

int command_usage_error(const Command *self, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    report(self, format, arguments);
    va_end(arguments);
    fprintf(stderr, "Usage: scored %s %s\n", self->name, self->usage);
    return EX_USAGE;
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
        *ret_status = finish_stdout();
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

static int run_help(const Command *self, int argc, char **argv) {
    int status;

    if (command_option(self, argc, argv, &status) != 0)
        return status;
    if (argc - optind > 1)
        return command_usage_error(self, "expected one command");
    if (argc == optind) {
        print_overview(stdout);
        return finish_stdout();
    }
    const Command *command = command_find(argv[optind]);
    if (!command)
        return unknown_command(argv[optind]);
    print_help(command);
    return finish_stdout();
}

int command_main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : NULL;

    if (!name) {
        print_overview(stderr);
        return EX_USAGE;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        print_overview(stdout);
        return finish_stdout();
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("scored " SCORED_VERSION);
        return finish_stdout();
    }
    const Command *command = command_find(name);
    if (!command)
        return unknown_command(name);
    /* 0, not 1: glibc's word for a command line that it has not seen yet. */
    optind = 0;
    return command->run(command, argc - 1, argv + 1);
}
