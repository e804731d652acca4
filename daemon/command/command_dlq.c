/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored dlq
 *
 * Dead letters, for whoever has to say what becomes of them: a list, one of them in full, and back to where they came from.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/command/command.h"
#include "daemon/dlq/dlq_requeue.h"
#include "daemon/dlq/dlq_show.h"
#include "daemon/io/avro/avro_event.h"
#include "daemon/io/file/file_sink.h"

#define LIST_DEFAULT 100
#define LIMIT_MAX 1000000000
#define POSITIONS_MAX 1000

enum { OPTION_CONFIG = 1, OPTION_REASON, OPTION_FROM, OPTION_TO, OPTION_LIMIT, OPTION_ALL, OPTION_AGAIN, OPTION_DRY_RUN, OPTION_JSON };

static const char *const action_names[] = {"list", "show", "requeue", NULL};
/* README, "Topics". */
static const char *const reasons[] = {"bad_wire", "unknown_schema", "schema", "misrouted", "future", "bad_merge", "too_large", NULL};

static const CommandOption dlq_options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration; default " COMMAND_CONFIG_PATH},
        {"reason", OPTION_REASON, "REASON", "Only letters with this reason, such as misrouted", reasons},
        {"from", OPTION_FROM, "T", "Only letters written from this instant on: RFC 3339, or milliseconds"},
        {"to", OPTION_TO, "T", "Only letters written before this instant"},
        {"limit", OPTION_LIMIT, "N", "Of these only the latest N; 0: all; default: 100 to list, else all"},
        {"all", OPTION_ALL, NULL, "requeue: all there are, if nothing else chooses"},
        {"again", OPTION_AGAIN, NULL, "requeue: also what was requeued before"},
        {"dry-run", OPTION_DRY_RUN, NULL, "requeue: tell what would be done, and do nothing"},
        {"json", OPTION_JSON, NULL, "Print JSON"},
        {0},
};

static int run_dlq(const Command *self, int argc, char **argv);

const Command command_dlq = {
        .name = "dlq",
        .summary = "List dead letters, show one, or requeue them",
        .usage = "list|show|requeue [OPTION...] [PARTITION:OFFSET...]",
        .description = "A letter goes by where it stands in the topic of dead letters, as the list tells it. `show` takes one\n"
                       "and prints it in full: the event, where its schema is known, else its bytes. `requeue` takes some, or\n"
                       "--reason, --from, --to or --all, and sends their originals once more to the topic and partition that they\n"
                       "came from, with their keys; it refuses what was cut, and what was requeued before. Exit status 1: a\n"
                       "letter is not there, or was not requeued; 69: Kafka is not there.\n",
        .options = dlq_options,
        .json = "An array of letters: `partition`, `offset`, `at`, `reason`, `text`, and `original`, an object of `topic`,\n"
                "`partition`, `offset`, `key`, `bytes` (null: there was no value) and `cut`. `show` prints one object, with\n"
                "`event` (null: it cannot be read, and `unreadable` says why) and `hex` besides; `requeue` adds\n"
                "`refused` (why, or null), `requeued_before`, `requeued` and `requeued_to` (offsets, or null).\n",
        .words = action_names,
        .run = run_dlq,
};

typedef struct Dlq Dlq;
typedef struct Action {
    int (*run)(Dlq *dlq);
} Action;

struct Dlq {
    const Command *command;
    const Action *action;
    const char *arg_config;
    bool arg_all, arg_again, arg_dry_run, arg_json;
    int64_t arg_limit; /* -1: not given */
    DlqPosition positions[POSITIONS_MAX];
    DlqChoice choice;
    Config *config;
    Registry *registry;
    AvroOutputReader *decoder;
    DlqEntries entries;
    size_t n_foreign;
};

static int run_list(Dlq *dlq);
static int run_show(Dlq *dlq);
static int run_requeue(Dlq *dlq);

static_assert(ARRAY_SIZE(action_names) == 3 + 1, "a function for each");
static const Action actions[] = {{run_list}, {run_show}, {run_requeue}}; /* by action_names */

/* --- the command line -------------------------------------------------------------------------------- */

static bool take_option(Dlq *dlq, int option) {
    switch (option) {
    case OPTION_CONFIG:
        dlq->arg_config = optarg;
        return true;
    case OPTION_REASON:
        dlq->choice.reason = optarg;
        return true;
    case OPTION_FROM:
        return command_parse_time(optarg, &dlq->choice.from_ms);
    case OPTION_TO:
        return command_parse_time(optarg, &dlq->choice.to_ms);
    case OPTION_LIMIT:
        return command_parse_number(optarg, 0, LIMIT_MAX, &dlq->arg_limit);
    case OPTION_ALL:
        return dlq->arg_all = true;
    case OPTION_AGAIN:
        return dlq->arg_again = true;
    case OPTION_DRY_RUN:
        return dlq->arg_dry_run = true;
    default:
        return dlq->arg_json = true;
    }
}

static int take_positions(Dlq *dlq, int n, char **texts) {
    if (n > POSITIONS_MAX)
        return command_usage_error(dlq->command, "more than %d letters", POSITIONS_MAX);
    for (int i = 0; i < n; i++)
        if (!dlq_position_parse(texts[i], &dlq->positions[i]))
            return command_usage_error(dlq->command, "PARTITION:OFFSET expected, got \"%s\"", texts[i]);
    dlq->choice.positions = dlq->positions;
    dlq->choice.n_positions = (size_t)n;
    return EXIT_SUCCESS;
}

/* What goes with the action. */
static int check_arguments(const Dlq *dlq) {
    const DlqChoice *c = &dlq->choice;
    bool has_filter = c->reason || c->from_ms != TIME_NONE || c->to_ms != TIME_NEVER || dlq->arg_limit >= 0;
    bool is_requeue = dlq->action->run == run_requeue;
    if (!is_requeue && (dlq->arg_all || dlq->arg_again || dlq->arg_dry_run))
        return command_usage_error(dlq->command, "--all, --again and --dry-run go with requeue only");
    if (dlq->action->run == run_show && (c->n_positions != 1 || has_filter))
        return command_usage_error(dlq->command, "show takes one PARTITION:OFFSET, and nothing that chooses");
    if (c->n_positions > 0 && (has_filter || dlq->arg_all))
        return command_usage_error(dlq->command, "letters are named, or chosen by options: not both");
    if (is_requeue && c->n_positions == 0 && !has_filter && !dlq->arg_all)
        return command_usage_error(dlq->command, "which? Name letters, or choose them by --reason, --from, --to or --limit; or --all");
    return EXIT_SUCCESS;
}

static int find_action(Dlq *dlq, const char *name) {
    for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
        if (name && strcmp(action_names[i], name) == 0)
            dlq->action = &actions[i];
    if (dlq->action)
        return EXIT_SUCCESS;
    if (!name)
        return command_usage_error(dlq->command, "list, show or requeue expected");
    const char *nearest = diagnostic_nearest(str_from(name), action_names, ARRAY_SIZE(actions));
    return command_usage_error(dlq->command, "list, show or requeue expected, got \"%s\"%s%s%s", name, nearest ? "; did you mean \"" : "",
            nearest ? nearest : "", nearest ? "\"?" : "");
}

/* EXIT_SUCCESS, or -1 with *ret_status what to end with. */
static int parse_arguments(Dlq *dlq, int argc, char **argv, int *ret_status) {
    int option;
    while ((option = command_option(dlq->command, argc, argv, ret_status)) > 0)
        if (!take_option(dlq, option)) {
            *ret_status = command_usage_error(dlq->command, "--%s: %s expected, got \"%s\"", dlq_options[option - 1].name,
                    option == OPTION_LIMIT ? "a number from 0" : "an instant", optarg);
            return -1;
        }
    if (option < 0)
        return -1;
    *ret_status = find_action(dlq, optind < argc ? argv[optind] : NULL);
    if (*ret_status == EXIT_SUCCESS)
        *ret_status = take_positions(dlq, argc - optind - 1, argv + optind + 1);
    if (*ret_status == EXIT_SUCCESS)
        *ret_status = check_arguments(dlq);
    dlq->choice.latest = dlq->arg_limit >= 0 ? (size_t)dlq->arg_limit : dlq->action && dlq->action->run == run_list ? LIST_DEFAULT : 0;
    return *ret_status == EXIT_SUCCESS ? EXIT_SUCCESS : -1;
}

/* --- reading ----------------------------------------------------------------------------------------- */

static int failed(const Dlq *dlq, int r, const char *text) {
    command_error(dlq->command, "%s", r < 0 ? strerror(-r) : text);
    return r < 0 ? EX_OSERR : r == KAFKA_E_CONFIG ? EX_CONFIG : EX_UNAVAILABLE;
}

static int open_schemas(Dlq *dlq) {
    _cleanup_(avro_output_free) AvroOutput *encoder = NULL; /* comes with the registry; not used */
    char text[512];
    int status = command_load_schemas(dlq->command, dlq->config, SCHEMAS_OF_BOTH, NULL, &dlq->registry, &encoder);
    if (status != EXIT_SUCCESS)
        return status;
    int r = avro_output_reader_new(registry_outputs(dlq->registry), text, sizeof(text), &dlq->decoder);
    if (r == 0)
        return EXIT_SUCCESS;
    command_error(dlq->command, "%s: %s", dlq->config->output_schema_dir, r < 0 ? strerror(-r) : text);
    return r < 0 ? EX_OSERR : EX_CONFIG;
}

/* What is to be done with each letter of the choice: 0, a negative errno, or DLQ_E_END: enough. */
typedef int (*LetterFn)(Dlq *dlq, const DlqLetter *letter);

static int read_letters(Dlq *dlq, LetterFn function) {
    char text[KAFKA_TEXT_SIZE];
    DlqReader reader;
    DlqLetter letter;
    int r = dlq_reader_init(&reader, dlq->config, dlq->decoder, dlq->choice.from_ms, dlq->choice.to_ms, text);
    while (r == 0) {
        r = dlq_reader_next(&reader, &dlq->choice, text, &letter);
        if (r == 0)
            r = function(dlq, &letter);
    }
    dlq->n_foreign = reader.n_foreign;
    dlq_reader_deinit(&reader);
    if (r == KAFKA_E_UNKNOWN)
        (void)snprintf(text, sizeof(text), "there is no topic %s: no daemon has been here yet",
                dlq->config->output_topics[OUTPUT_DEAD_LETTER]);
    return r == DLQ_E_END ? EXIT_SUCCESS : failed(dlq, r, text);
}

static int keep(Dlq *dlq, const DlqLetter *letter) {
    return dlq_entries_add(&dlq->entries, &dlq->choice, letter);
}

static int keep_all(Dlq *dlq) {
    int status = read_letters(dlq, keep);
    if (status == EXIT_SUCCESS && dlq_entries_finish(&dlq->entries, &dlq->choice) != 0)
        return failed(dlq, -ENOMEM, "");
    return status;
}

/* Each letter that was named and is not there is told: a number of them. */
static size_t tell_missing(const Dlq *dlq) {
    size_t n = 0;
    for (size_t i = 0; i < dlq->choice.n_positions; i++)
        if (!dlq_entries_find(&dlq->entries, dlq->positions[i])) {
            char position[DLQ_POSITION_TEXT_SIZE];
            dlq_position_print(dlq->positions[i], position);
            command_error(dlq->command, "there is no dead letter %s in %s", position, dlq->config->output_topics[OUTPUT_DEAD_LETTER]);
            n++;
        }
    return n;
}

static int finish(const Dlq *dlq, JsonWriter *writer) {
    int status = command_finish(dlq->command, writer);
    json_writer_deinit(writer);
    return status;
}

static void print_count(const Dlq *dlq) {
    printf("%zu dead letter%s", dlq->entries.n, dlq->entries.n == 1 ? "" : "s");
    if (dlq->entries.n_left_out > 0)
        printf(", without %zu older ones (--limit)", dlq->entries.n_left_out);
    if (dlq->n_foreign > 0)
        printf("; %zu other records in the topic cannot be read", dlq->n_foreign);
    putchar('\n');
}

/* --- list -------------------------------------------------------------------------------------------- */

static int run_list(Dlq *dlq) {
    JsonWriter writer = JSON_WRITER_INIT;
    int status = keep_all(dlq);
    if (status != EXIT_SUCCESS)
        return status;
    size_t n_missing = tell_missing(dlq);
    if (dlq->arg_json)
        json_write_array_begin(&writer, STR_NULL);
    for (size_t i = 0; i < dlq->entries.n; i++) {
        if (dlq->arg_json) {
            json_write_object_begin(&writer, STR_NULL);
            dlq_entry_write(&dlq->entries.items[i], &writer);
            json_write_object_end(&writer);
        } else {
            dlq_entry_print(&dlq->entries.items[i], stdout);
        }
    }
    if (dlq->arg_json) {
        json_write_array_end(&writer);
        json_write_newline(&writer);
    } else {
        print_count(dlq);
    }
    status = finish(dlq, &writer);
    return status == EXIT_SUCCESS && n_missing > 0 ? EXIT_FAILURE : status;
}

/* --- show -------------------------------------------------------------------------------------------- */

static void write_original(const DlqEntry *entry, const LeadEvent *event, const char *why, Str original, JsonWriter *writer) {
    json_write_object_begin(writer, STR_NULL);
    dlq_entry_write(entry, writer);
    if (event)
        dlq_event_write(event, STR_LITERAL("event"), writer);
    else
        json_write_null(writer, STR_LITERAL("event"));
    json_write_string(writer, STR_LITERAL("unreadable"), event ? STR_NULL : str_from(why));
    if (str_is_null(original))
        json_write_null(writer, STR_LITERAL("hex"));
    else
        dlq_hex_write(original, STR_LITERAL("hex"), writer);
    json_write_object_end(writer);
    json_write_newline(writer);
}

static void print_original(const DlqEntry *entry, const LeadEvent *event, const char *why, Str original, JsonWriter *writer) {
    dlq_entry_print(entry, stdout);
    if (event) {
        dlq_event_write(event, STR_NULL, writer);
        json_write_newline(writer);
    } else {
        printf("no event can be read: %s\n", why);
        dlq_hex_print(original, stdout);
    }
}

static int show(Dlq *dlq, const DlqLetter *letter) {
    _cleanup_(avro_event_decoder_free) AvroEventDecoder *decoder = NULL;
    JsonWriter writer = JSON_WRITER_INIT;
    Str original = letter->dead_letter.original;
    char why[512];
    const char *reason;
    LeadEvent event;
    int r = keep(dlq, letter);
    if (r == 0)
        r = dlq_entries_finish(&dlq->entries, &dlq->choice);
    if (r == 0)
        r = avro_event_decoder_new(&decoder);
    if (r == 0)
        r = message_decode(dlq->registry, decoder, original.data, original.len, &event, &reason, why, sizeof(why));
    if (r < 0)
        return r;
    (dlq->arg_json ? write_original : print_original)(&dlq->entries.items[0], r == 0 ? &event : NULL, why, original, &writer);
    return finish(dlq, &writer) == EXIT_SUCCESS ? DLQ_E_END : -EIO;
}

static int run_show(Dlq *dlq) {
    int status = read_letters(dlq, show);
    return status == EXIT_SUCCESS && tell_missing(dlq) > 0 ? EXIT_FAILURE : status;
}

/* --- requeue ----------------------------------------------------------------------------------------- */

static void print_outcome(const Dlq *dlq, const DlqEntry *entry) {
    dlq_entry_print(entry, stdout);
    printf("%-10s ", "");
    if (entry->earlier >= 0)
        printf("requeued before, to offset %" PRId64 "; ", entry->earlier);
    if (entry->refusal)
        printf("refused: %s\n", entry->refusal);
    else if (dlq->arg_dry_run)
        puts("it would be requeued");
    else if (entry->is_requeued && entry->requeued >= 0)
        printf("requeued to %s [%" PRId32 "], at %" PRId64 "\n", entry->topic, entry->partition, entry->requeued);
    else if (entry->is_requeued)
        printf("requeued to %s [%" PRId32 "]\n", entry->topic, entry->partition);
    else
        puts("not requeued");
}

static void write_offset(JsonWriter *writer, Str name, int64_t offset) {
    if (offset < 0)
        json_write_null(writer, name);
    else
        json_write_integer(writer, name, offset);
}

static void write_outcome(const DlqEntry *entry, JsonWriter *writer) {
    json_write_object_begin(writer, STR_NULL);
    dlq_entry_write(entry, writer);
    json_write_string(writer, STR_LITERAL("refused"), str_from(entry->refusal));
    write_offset(writer, STR_LITERAL("requeued_before"), entry->earlier);
    json_write_boolean(writer, STR_LITERAL("requeued"), entry->is_requeued);
    write_offset(writer, STR_LITERAL("requeued_to"), entry->requeued);
    json_write_object_end(writer);
}

static int tell_outcomes(const Dlq *dlq, size_t *ret_n_refused) {
    JsonWriter writer = JSON_WRITER_INIT;
    size_t n_refused = 0, n_requeued = 0;
    if (dlq->arg_json)
        json_write_array_begin(&writer, STR_NULL);
    for (size_t i = 0; i < dlq->entries.n; i++) {
        const DlqEntry *entry = &dlq->entries.items[i];
        n_refused += entry->refusal != NULL;
        n_requeued += entry->is_requeued;
        if (dlq->arg_json)
            write_outcome(entry, &writer);
        else
            print_outcome(dlq, entry);
    }
    *ret_n_refused = n_refused;
    if (dlq->arg_json) {
        json_write_array_end(&writer);
        json_write_newline(&writer);
    } else {
        print_count(dlq);
        printf("%zu %srequeued, %zu refused\n", dlq->arg_dry_run ? dlq->entries.n - n_refused : n_requeued,
                dlq->arg_dry_run ? "would be " : "", n_refused);
    }
    return finish(dlq, &writer);
}

static int run_requeue(Dlq *dlq) {
    const DlqRequeue requeue = {.config = dlq->config, .decoder = dlq->decoder, .entries = &dlq->entries, .is_dry = dlq->arg_dry_run,
            .again = dlq->arg_again};
    char text[KAFKA_TEXT_SIZE];
    size_t n_refused, n_missing;
    int status = keep_all(dlq);
    if (status != EXIT_SUCCESS)
        return status;
    n_missing = tell_missing(dlq);
    int r = dlq->entries.n > 0 ? dlq_requeue(&requeue, text) : 0;
    status = tell_outcomes(dlq, &n_refused);
    if (r == 0)
        return status == EXIT_SUCCESS && n_refused + n_missing > 0 ? EXIT_FAILURE : status;
    if (r == KAFKA_E_FATAL)
        command_error(dlq->command, "whether the last of them were requeued is not known; the same command does those that were not");
    return failed(dlq, r, text);
}

/* --- all of it --------------------------------------------------------------------------------------- */

static int load_and_act(Dlq *dlq) {
    int status = command_load_config(dlq->command, dlq->arg_config, &dlq->config);
    if (status == EXIT_SUCCESS)
        status = open_schemas(dlq);
    if (status == EXIT_SUCCESS)
        status = dlq->action->run(dlq);
    dlq_entries_deinit(&dlq->entries);
    avro_output_reader_free(dlq->decoder);
    registry_free(dlq->registry);
    config_free(dlq->config);
    return status;
}

static int run_dlq(const Command *self, int argc, char **argv) {
    Dlq dlq = {.command = self, .arg_config = COMMAND_CONFIG_PATH, .arg_limit = -1, .choice = {.from_ms = TIME_NONE, .to_ms = TIME_NEVER}};
    int status;
    if (parse_arguments(&dlq, argc, argv, &status) != EXIT_SUCCESS)
        return status;
    return load_and_act(&dlq);
}
