/* SPDX-License-Identifier: Apache-2.0 */
/* `scored lead` and `scored account`: why is it where it is? */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/explain/explain_json.h"
#include "daemon/explain/explain_subject.h"
#include "daemon/explain/explain_text.h"
#include "lib/calendar/timestamp.h"
#include "lib/explain/explain.h"

enum {
    OPTION_CONFIG = 1,
    OPTION_MODEL,
    OPTION_AT,
    OPTION_JSON,
    OPTION_HISTORY,
    OPTION_LIMIT,
    OPTION_KEY,
    OPTION_REPLAY,
    OPTION_UNTIL,
};

#define LIMIT_DEFAULT 50
#define LIMIT_MAX 100000

/* ---- the command line ---- */

static bool parse_limit(const char *text, size_t *ret) {
    int64_t limit;
    if (!command_parse_number(text, 1, LIMIT_MAX, &limit))
        return false;
    *ret = (size_t)limit;
    return true;
}

static int take_time(Subject *s, const char *option, const char *text, int64_t *ret_ms) {
    if (command_parse_time(text, ret_ms))
        return EXIT_SUCCESS;
    return command_usage_error(s->command, "--%s: \"%s\" is neither RFC 3339 nor milliseconds since 1970", option, text);
}

/* EXIT_SUCCESS or EX_USAGE. */
static int take_option(Subject *s, int option) {
    switch (option) {
    case OPTION_CONFIG:
        s->arg_config = optarg;
        break;
    case OPTION_MODEL:
        s->arg_model = optarg;
        break;
    case OPTION_REPLAY:
        s->arg_replay = optarg;
        break;
    case OPTION_AT:
        return take_time(s, "at", optarg, &s->arg_at_ms);
    case OPTION_UNTIL:
        return take_time(s, "until", optarg, &s->arg_until_ms);
    case OPTION_JSON:
        s->arg_json = true;
        break;
    case OPTION_HISTORY:
        s->arg_history = true;
        break;
    case OPTION_KEY:
        s->arg_key = true;
        break;
    default:
        if (!parse_limit(optarg, &s->arg_limit))
            return command_usage_error(s->command, "--limit: \"%s\" is not a number from 1 to %d", optarg, LIMIT_MAX);
    }
    return EXIT_SUCCESS;
}

static int check_arguments(const Subject *s) {
    if (s->arg_replay && !s->arg_model)
        return command_usage_error(s->command, "--replay needs --model");
    if (s->arg_replay && (s->arg_key || s->arg_config))
        return command_usage_error(s->command, "--replay asks no server: it doesn't go with --%s", s->arg_key ? "key" : "config");
    if (!s->arg_replay && s->arg_until_ms != TIME_NONE)
        return command_usage_error(s->command, "--until goes with --replay only; did you mean --at?");
    return EXIT_SUCCESS;
}

/* EXIT_SUCCESS, or -1 with *ret_status what to end with. */
static int parse_arguments(Subject *s, int argc, char **argv, int *ret_status) {
    int option;
    while ((option = command_option(s->command, argc, argv, ret_status)) > 0) {
        *ret_status = take_option(s, option);
        if (*ret_status != EXIT_SUCCESS)
            return -1;
    }
    if (option < 0)
        return -1;
    if (argc - optind != 1)
        *ret_status = command_usage_error(s->command, "expected the id of one %s", subject_kind(s));
    else if (strlen(argv[optind]) > sizeof(s->id) || !argv[optind][0])
        *ret_status = command_usage_error(s->command, "an id has 1 to %zu bytes", sizeof(s->id));
    else
        *ret_status = check_arguments(s);
    if (*ret_status != EXIT_SUCCESS)
        return -1;
    s->arg_id = argv[optind];
    subject_set_id(s, str_from(s->arg_id));
    if (!s->arg_config)
        s->arg_config = COMMAND_CONFIG_PATH;
    return EXIT_SUCCESS;
}

/* ---- showing ---- */

static int print(const Subject *s, TopText *text) {
    bool no_memory = text->out_of_memory;
    bool printed = !no_memory && fwrite(text->data, 1, text->len, stdout) == text->len && fflush(stdout) == 0;
    int error = errno;
    top_text_deinit(text);
    if (printed)
        return EXIT_SUCCESS;
    command_error(s->command, "%s%s", no_memory ? "" : "standard output: ", strerror(no_memory ? ENOMEM : error));
    return no_memory ? EX_OSERR : EX_IOERR;
}

static void write_json(const Subject *s, const Explanation *explanation, TopText *text) {
    JsonWriter writer = JSON_WRITER_INIT;
    bool merged = !str_eq_c(subject_id(s), s->arg_id);
    explain_json(&writer, explanation, merged ? str_from(s->arg_id) : STR_NULL, s->record_version);
    if (writer.error)
        text->out_of_memory = true;
    else
        top_text_add_raw(text, writer.data, writer.len);
    json_writer_deinit(&writer);
}

static void write_text(const Subject *s, const Explanation *explanation, TopText *text) {
    if (!str_eq_c(subject_id(s), s->arg_id)) {
        top_text_add_str(text, str_from(s->arg_id));
        top_text_add(text, " was merged into ");
        top_text_add_str(text, subject_id(s));
        top_text_add(text, ", of which this is\n\n");
    }
    if (s->record_version)
        top_text_add(text,
                "version %" PRId64 " of the model has not come to it yet: its record is of version %" PRId64
                ", and this is what it will be\n\n",
                s->model->version, s->record_version);
    explain_text(text, explanation);
}

static int explain(const Subject *s, Arena *arena, int64_t at_ms, Explanation *ret) {
    int r = s->lead ? explain_lead(arena, s->model, s->lead, at_ms, ret) : explain_account(arena, s->model, s->account, at_ms, ret);
    if (r == 0)
        return EXIT_SUCCESS;
    command_error(s->command, "%s", strerror(-r));
    return EX_OSERR;
}

static int show(Subject *s) {
    _cleanup_(arena_free) Arena *arena = NULL;
    TopText text = TOP_TEXT_INIT;
    Explanation explanation;
    char clock[TIMESTAMP_TEXT_SIZE];
    int64_t clock_ms = s->lead ? s->lead->clock_ms : s->account->clock_ms;
    int64_t at_ms = s->arg_at_ms != TIME_NONE ? s->arg_at_ms : s->now_ms;
    if (at_ms < clock_ms) {
        timestamp_print(clock_ms, clock);
        return command_usage_error(s->command, "--at: the %s is known as of %s and later only", subject_kind(s), clock);
    }
    if (arena_new(&arena) < 0)
        return command_error(s->command, "%s", strerror(ENOMEM)), EX_OSERR;
    int status = explain(s, arena, at_ms, &explanation);
    if (status != EXIT_SUCCESS)
        return status;
    if (s->arg_json)
        write_json(s, &explanation, &text);
    else
        write_text(s, &explanation, &text);
    if (s->arg_history) {
        history_finish(&s->history);
        history_text(&s->history, &text);
    }
    return print(s, &text);
}

static void write_keys(char keys[static _BOARD_KEY_MAX][BOARD_KEY_SIZE], JsonWriter *writer) {
    static const char *const names[_BOARD_KEY_MAX] = {
            [BOARD_KEY_RECORD] = "record", [BOARD_KEY_FIELDS] = "fields", [BOARD_KEY_META] = "meta"};
    json_write_object_begin(writer, STR_NULL);
    for (int i = 0; i < _BOARD_KEY_MAX; i++)
        json_write_string(writer, str_from(names[i]), str_from(keys[i]));
    json_write_object_end(writer);
    json_write_newline(writer);
}

static int show_keys(Subject *s) {
    char keys[_BOARD_KEY_MAX][BOARD_KEY_SIZE];
    JsonWriter writer = JSON_WRITER_INIT;
    int status = subject_keys(s, keys);
    if (status != EXIT_SUCCESS)
        return status;
    if (s->arg_json)
        write_keys(keys, &writer);
    for (int i = 0; !s->arg_json && i < _BOARD_KEY_MAX; i++)
        puts(keys[i]);
    status = command_finish(s->command, &writer);
    json_writer_deinit(&writer);
    return status;
}

/* ---- the commands ---- */

static int run_explain(const Command *self, EntityKind kind, int argc, char **argv) {
    Subject s = {
            .command = self,
            .kind = kind,
            .arg_at_ms = TIME_NONE,
            .arg_until_ms = TIME_NONE,
            .arg_limit = LIMIT_DEFAULT,
    };
    int status;
    if (parse_arguments(&s, argc, argv, &status) != 0)
        return status;
    s.history = (History){.kind = kind, .as_json = s.arg_json, .max = s.arg_limit};
    if (s.arg_key) {
        status = show_keys(&s);
    } else {
        status = s.arg_replay ? subject_replay(&s) : subject_load(&s);
        if (status == EXIT_SUCCESS)
            status = show(&s);
    }
    if (status == EXIT_SUCCESS && s.bad_lines)
        status = EXIT_FAILURE;
    subject_deinit(&s);
    return status;
}

static int run_lead(const Command *self, int argc, char **argv) {
    return run_explain(self, ENTITY_LEAD, argc, argv);
}

static int run_account(const Command *self, int argc, char **argv) {
    return run_explain(self, ENTITY_ACCOUNT, argc, argv);
}

static const CommandOption options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration; default " COMMAND_CONFIG_PATH},
        {"model", OPTION_MODEL, "FILE", "The model; default: the configuration's"},
        {"at", OPTION_AT, "TIME", "Explain it as of here, if nothing happens until then; default: now"},
        {"json", OPTION_JSON, NULL, "One JSON object; with --history a further line for each output"},
        {"history", OPTION_HISTORY, NULL, "What was told of it, from the output topics"},
        {"limit", OPTION_LIMIT, "N", "The latest N of its history; default 50"},
        {"key", OPTION_KEY, NULL, "Print its keys in Redis, and nothing else"},
        {"replay", OPTION_REPLAY, "FILE", "Ask no server: explain it at the end of a replay of these events"},
        {"until", OPTION_UNTIL, "TIME", "Let time pass up to here after the replay's last event"},
        {0},
};

#define USAGE                                                                                                \
    "ID [--config FILE] [--model FILE] [--at TIME] [--json] [--history [--limit N]]\n"                       \
    "       [--key] [--replay FILE --model FILE [--until TIME]]"
#define DESCRIPTION                                                                                          \
    "Reads the record from Redis, or makes it by a replay, and shows what its scores are made of, what\n"    \
    "each transition out of its stages waits for, what time alone will change, and when.\n"                  \
    "\n"                                                                                                     \
    "TIME is RFC 3339 (2026-01-31T08:00:00Z) or integer milliseconds since 1970.\n"

#define JSON                                                                                                 \
    "An object: the id, `at` and `clock`, the lead's or account's own facts, `scores` with their contributions, `tracks` with their\n"  \
    "`transitions` (a condition is `holds` and `parts`; a part has `kind`, `text`, `holds`, which is null where the event decides,\n"    \
    "`left`, `right`, `missing`), clocks with `levels` and `pauses`, counters; `asked_id` if that was merged, and\n"           \
    "`record_model_version` if it is an earlier one. --history adds a line for each output, --key prints `record`,\n"                   \
    "`fields` and `meta` in the place of all that.\n"

const Command command_lead = {
        .name = "lead",
        .summary = "Show why a lead is where it is",
        .usage = USAGE,
        .description = DESCRIPTION,
        .options = options,
        .json = JSON,
        .run = run_lead,
};

const Command command_account = {
        .name = "account",
        .summary = "Show why an account is where it is",
        .usage = USAGE,
        .description = DESCRIPTION,
        .options = options,
        .json = JSON,
        .run = run_account,
};
