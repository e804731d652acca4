#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subcommands
 *
 * `scored` is one program of many commands. The table in command.c names them all; help, manual pages (daemon/man/write_page.c) and the
 * completion of shells (command_completion.c) are made from it.
 */
#include <signal.h>
#include <sysexits.h>

#include "daemon/config/config.h"
#include "daemon/io/avro/avro_output.h"
#include "daemon/io/json/json_writer.h"
#include "lib/model/model.h"

/*
 * Exit statuses: EXIT_SUCCESS; EXIT_FAILURE, where the command ran and what it found was not well;
 * EX_USAGE (64), a wrong command line; EX_CONFIG (78), a configuration or a model with errors; and of
 * sysexits.h what else kept it from running: EX_NOINPUT, EX_CANTCREAT, EX_IOERR, EX_OSERR, EX_UNAVAILABLE.
 */

/* Values of options stay below every letter, so that the two cannot be confused. */
#define COMMAND_OPTION_MAX 31

typedef struct CommandOption {
    const char *name;     /* long, without its dashes; NULL ends the list */
    int value;            /* what command_option() returns for it; 1 to COMMAND_OPTION_MAX */
    const char *argument; /* what stands for it in help, or NULL: takes none. COMMAND_FILE is completed as a file */
    const char *summary;  /* in a few words */
    const char *const *words; /* ended by NULL: what the argument is completed to; may be NULL */
} CommandOption;

/* What stands for a file, among options and after them. */
#define COMMAND_FILE "FILE"

typedef struct Command Command;
struct Command {
    const char *name;
    const char *summary;          /* one line */
    const char *usage;            /* the command line after the name */
    const char *description;      /* whole lines, or NULL */
    const CommandOption *options; /* --help is understood besides */
    const char *json;             /* whole lines: what --json prints, field by field; NULL: there is no such option */
    const char *const *words;     /* ended by NULL: what its first argument may be; NULL: anything */
    bool takes_files;             /* as its arguments, behind such a word */
    /* Returns the exit status. `argv[0]` is the command's name. */
    int (*run)(const Command *self, int argc, char **argv);
};

extern const Command command_backtest;
extern const Command command_check;
extern const Command command_completion;
extern const Command command_doctor;
extern const Command command_dlq;
extern const Command command_log;
extern const Command command_replay;
extern const Command command_skip;
extern const Command command_test;
extern const Command command_top;
extern const Command command_lead;
extern const Command command_account;
extern const Command command_topics;
extern const Command command_verify;
extern const Command command_run;
extern const Command command_version;

/* All of them, in the order in which help lists them; ended by NULL. */
extern const Command *const command_table[];

/* The program: finds the command and runs it. Returns the exit status. */
int command_main(int argc, char **argv);

/*
 * The next option, as getopt_long() has it (optarg, optind): its value; 0 after the last; or -1: the command
 * ends with *ret_status, after an error that has been reported, or help that has been given.
 */
MUST_CHECK int command_option(const Command *self, int argc, char **argv, int *ret_status);
/* An instant as people give it on a command line: RFC 3339, or milliseconds since 1970. */
MUST_CHECK bool command_parse_time(const char *text, int64_t *ret_ms);
/* A whole number from min to max, likewise. */
MUST_CHECK bool command_parse_number(const char *text, int64_t min, int64_t max, int64_t *ret);
/*
 * Errors go to standard error: as a line for people, or, after --json, each as a line with one JSON object of "command" and "error", and
 * for a wrong command line "usage"; what is wrong in a file, as an object of "command", "severity", "file", "line", "column", "error".
 */
void command_set_errors_json(bool on);
bool command_errors_are_json(void);
/* One more such object: `writer` has it up to its end, without the line's. */
void command_print_error(JsonWriter *writer);
/* Reports a wrong command line. Returns EX_USAGE. */
int command_usage_error(const Command *self, const char *format, ...) PRINTF_LIKE(2, 3);
/* Reports what went wrong, as "scored NAME: ...". */
void command_error(const Command *self, const char *format, ...) PRINTF_LIKE(2, 3);
/* Reports input that cannot be used, by its place, or by file and line: standard error has "PLACE: TEXT", or a JSON object with "place". */
void command_bad_input(const Command *self, const char *place, const char *text);
void command_bad_line(const Command *self, const char *file, uint64_t line, const char *reason, const char *text);
/* Flushes what was printed, and the writer before it (NULL: there is none): it is of use only if it arrived. The exit status. */
int command_finish(const Command *self, JsonWriter *writer);

/*
 * Reads a YAML file and hands its bytes to `function`, which puts what is wrong with it into the diagnostics; they are then
 * reported on standard error. `function` returns 0, a positive number after an error that it has reported itself, or a negative
 * errno. Returns EXIT_SUCCESS or the exit status; whether there is a result is for the caller to see.
 */
typedef int (*CommandLoadFn)(void *userdata, Str source, const char *path, Diagnostics *diagnostics, void *ret);
MUST_CHECK int command_load_file(const Command *self, const char *path, CommandLoadFn function, void *userdata, void *ret,
        size_t *ret_n_warnings);
/*
 * Load a model or a configuration, with errors and warnings reported on standard error. Return EXIT_SUCCESS,
 * with *ret the caller's to free, or the exit status. The others tell how many warnings there were.
 */
MUST_CHECK int command_load_model(const Command *self, const char *path, Model **ret);
MUST_CHECK int command_load_config(const Command *self, const char *path, Config **ret);
MUST_CHECK int command_load_model_counted(
        const Command *self, const char *path, Model **ret, size_t *ret_n_warnings);
MUST_CHECK int command_load_config_counted(
        const Command *self, const char *path, Config **ret, size_t *ret_n_warnings);
/* Where a file is. On the heap; NULL when out of memory. */
char *command_directory_of(const char *path);
/* The same of a model without a word. 0, with *ret NULL if it has errors; or a negative errno. */
MUST_CHECK int command_read_model(const char *path, Model **ret);
/* The model's path in a configuration with errors, on the heap; NULL: it can't be told. */
char *command_find_model(const char *path);
/* Of a Schema Registry, where the configuration names one. */
typedef enum SchemaNeed {
    SCHEMAS_OF_FILES,  /* it is not asked */
    SCHEMAS_OF_EVENTS, /* it is asked when an event is read; outputs have no ids */
    SCHEMAS_OF_BOTH,   /* outputs have the ids under which it knows them */
    SCHEMAS_TO_RUN,    /* the same; ours are registered, a registry that is away is waited for, and asked for events in the background */
} SchemaNeed;
/*
 * Loads the schemas that the configuration names, of events and of outputs, with problems reported. Returns
 * EXIT_SUCCESS, with both the caller's to free, or the exit status. `stop` ends waiting for a registry, with EX_TEMPFAIL; may be NULL.
 */
MUST_CHECK int command_load_schemas(const Command *self, const Config *config, SchemaNeed need, const volatile sig_atomic_t *stop,
        Registry **ret_registry, AvroOutput **ret_encoder);

/* Before there are other threads: the log is written as the configuration says, without what it is to hide. Returns the exit status. */
MUST_CHECK int command_configure_log(const Command *self, const Config *config, LogLevel level);

/* Where the configuration is if no other place is given. */
#define COMMAND_CONFIG_PATH SCORED_CONFIG_DIR "/scored.yaml"
