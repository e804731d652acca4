/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored replay
 *
 * One shard over a file: no Kafka, no Redis, no clock. Time is what the events say.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/command/command.h"
#include "daemon/io/file/file_sink.h"
#include "daemon/replay/replay_dump.h"
#include "daemon/replay/replay_events.h"
#include "lib/shard/shard.h"

enum { OPTION_MODEL = 1, OPTION_UNTIL, OPTION_DUMP_LEADS, OPTION_DUMP_ACCOUNTS, OPTION_JSON };

static const CommandOption replay_options[] = {
        {"model", OPTION_MODEL, "FILE", "The model, a YAML file"},
        {"until", OPTION_UNTIL, "TIME", "Let time pass up to here after the last event"},
        {"dump-leads", OPTION_DUMP_LEADS, "FILE", "Write the leads as they stand at the end"},
        {"dump-accounts", OPTION_DUMP_ACCOUNTS, "FILE", "Write the accounts as they stand at the end"},
        {"json", OPTION_JSON, NULL, "Report errors as JSON, too; what it puts out is JSON in any case"},
        {0},
};

static int run_replay(const Command *self, int argc, char **argv);

const Command command_replay = {
        .name = "replay",
        .summary = "Run a model over a file of events",
        .usage = "--model FILE [--until TIME] [--dump-leads FILE] [--dump-accounts FILE] [--json] [EVENTS.jsonl]",
        .description =
                "Reads events as JSON lines in the order of their arrival, from the file or from standard\n"
                "input, and prints what the engine puts out as JSON lines. A line that is no valid event is\n"
                "reported, put out as a dead letter, and makes the exit status 1.\n"
                "\n"
                "TIME is RFC 3339 (2026-01-31T08:00:00Z) or integer milliseconds since 1970.\n",
        .options = replay_options,
        .json = "What is put out is a JSON object a line, with or without it: `output`, which says which record of the schemas it is, and\n"
                "the fields of that.\n",
        .takes_files = true,
        .run = run_replay,
};

typedef struct Replay {
    const Command *command;
    const char *arg_model;
    int64_t arg_until_ms; /* TIME_NONE: not given */
    const char *arg_dump_leads, *arg_dump_accounts;
    const char *arg_events; /* NULL: standard input */

    Model *model;
    Shard *shard;
    FileSink sink;
    FILE *events, *leads_file, *accounts_file;
    bool bad_lines;
    const char *at_work; /* the file that an error is about */
} Replay;

static const char *events_name(const Replay *replay) {
    return replay->arg_events ? replay->arg_events : "<stdin>";
}

/* EXIT_SUCCESS, or after help or an error -1, with *ret_status what to end with. */
static int parse_arguments(Replay *replay, int argc, char **argv, int *ret_status) {
    const Command *self = replay->command;
    int option;

    while ((option = command_option(self, argc, argv, ret_status)) != 0) {
        switch (option) {
        case OPTION_MODEL:
            replay->arg_model = optarg;
            break;
        case OPTION_UNTIL:
            if (!command_parse_time(optarg, &replay->arg_until_ms)) {
                *ret_status = command_usage_error(
                        self, "--until: \"%s\" is neither RFC 3339 nor milliseconds since 1970", optarg);
                return -1;
            }
            break;
        case OPTION_DUMP_LEADS:
            replay->arg_dump_leads = optarg;
            break;
        case OPTION_DUMP_ACCOUNTS:
            replay->arg_dump_accounts = optarg;
            break;
        case OPTION_JSON:
            break;
        default:
            return -1;
        }
    }
    *ret_status = EX_USAGE;
    if (argc - optind > 1)
        return command_usage_error(self, "expected one file of events"), -1;
    if (!replay->arg_model)
        return command_usage_error(self, "--model is missing"), -1;
    if (argc > optind && strcmp(argv[optind], "-") != 0)
        replay->arg_events = argv[optind];
    return 0;
}

/* NULL: an error has been reported. */
static FILE *open_file(const Replay *replay, const char *path, const char *mode) {
    FILE *file = fopen(path, mode);
    if (!file)
        command_error(replay->command, "%s: %s", path, strerror(errno));
    return file;
}

static int open_files(Replay *replay) {
    replay->events = replay->arg_events ? open_file(replay, replay->arg_events, "re") : stdin;
    if (!replay->events)
        return EX_NOINPUT;
    if (replay->arg_dump_leads && !(replay->leads_file = open_file(replay, replay->arg_dump_leads, "we")))
        return EX_CANTCREAT;
    if (replay->arg_dump_accounts &&
            !(replay->accounts_file = open_file(replay, replay->arg_dump_accounts, "we")))
        return EX_CANTCREAT;
    return EXIT_SUCCESS;
}

static void replay_deinit(Replay *replay) {
    shard_free(replay->shard);
    model_free(replay->model);
    file_sink_deinit(&replay->sink);
    if (replay->events && replay->events != stdin)
        (void)fclose(replay->events);
    if (replay->leads_file)
        (void)fclose(replay->leads_file);
    if (replay->accounts_file)
        (void)fclose(replay->accounts_file);
}

static int dead_letter(void *userdata, const FileLine *line, const char *reason, const char *text) {
    Replay *replay = userdata;
    Output output = {.type = OUTPUT_DEAD_LETTER};
    output.dead_letter = (DeadLetter){
            .original = line->original,
            .partition = -1,
            .offset = (int64_t)line->number,
            .reason = str_from(reason),
            .text = str_from(text),
    };
    const OutputSink sink = file_sink_output(&replay->sink);

    replay->bad_lines = true;
    command_bad_line(replay->command, events_name(replay), line->number, reason, text);
    return sink.output(sink.userdata, &output);
}

static int replay_lines(Replay *replay) {
    ReplayEvents events = {
            .file = replay->events,
            .model = replay->model,
            .shard = replay->shard,
            .until_ms = replay->arg_until_ms,
            .bad = dead_letter,
            .userdata = replay,
    };
    int r = replay_events(&events);
    if (events.cannot_read)
        replay->at_work = events_name(replay);
    return r;
}

/* Closes a dump, which is complete only if that succeeds. */
static int finish_dump(FILE **file) {
    return fclose(TAKE_PTR(*file)) == 0 ? 0 : -errno;
}

static int write_dump(Replay *replay, FILE **file, const char *name, const EntityTable *table) {
    if (!*file)
        return 0;
    replay->at_work = name;
    int r = entities_dump(*file, replay->model, table, shard_watermark(replay->shard));
    return r == 0 ? finish_dump(file) : r;
}

static int write_dumps(Replay *replay) {
    int r = write_dump(replay, &replay->leads_file, replay->arg_dump_leads, shard_leads(replay->shard));
    if (r == 0)
        r = write_dump(replay, &replay->accounts_file, replay->arg_dump_accounts, shard_accounts(replay->shard));
    return r;
}

static int replay_all(Replay *replay) {
    replay->at_work = "standard output";
    int r = shard_new(replay->model, file_sink_output(&replay->sink), &replay->shard);
    if (r == 0)
        r = replay_lines(replay);
    if (r == 0 && fflush(stdout) != 0)
        r = -errno;
    if (r == 0)
        r = write_dumps(replay);
    return r;
}

static int replay_run(Replay *replay) {
    int r = replay_all(replay);

    if (r == 0)
        return replay->bad_lines ? EXIT_FAILURE : EXIT_SUCCESS;
    if (r == -ENOMEM) {
        command_error(replay->command, "%s", strerror(-r));
        return EX_OSERR;
    }
    command_error(replay->command, "%s: %s", replay->at_work, strerror(-r));
    return EX_IOERR;
}

static int run_replay(const Command *self, int argc, char **argv) {
    Replay replay = {
            .command = self,
            .arg_until_ms = TIME_NONE,
            .sink = FILE_SINK_INIT(stdout),
    };
    int status;

    if (parse_arguments(&replay, argc, argv, &status) != 0)
        return status;
    status = command_load_model(self, replay.arg_model, &replay.model);
    if (status == EXIT_SUCCESS)
        status = open_files(&replay);
    if (status == EXIT_SUCCESS)
        status = replay_run(&replay);
    replay_deinit(&replay);
    return status;
}
