/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored backtest
 *
 * The same events under two models, against what sales did afterwards.
 */
#include <getopt.h>

#include "daemon/backtest/backtest_input.h"
#include "daemon/backtest/backtest_report.h"
#include "daemon/io/file/file_sink.h"

enum {
    OPTION_MODEL = 1,
    OPTION_AGAINST,
    OPTION_CONFIG,
    OPTION_FROM,
    OPTION_TO,
    OPTION_STAGE,
    OPTION_ACCEPTED,
    OPTION_REJECTED,
    OPTION_WON,
    OPTION_REASON,
    OPTION_UNTIL,
    OPTION_LIMIT,
    OPTION_JSON,
};

/* Of every list that is shown. */
#define LIMIT_DEFAULT 20
#define LIMIT_MAX 1000000

static const CommandOption backtest_options[] = {
        {"model", OPTION_MODEL, "FILE", "A: a model, the new one say"},
        {"against", OPTION_AGAINST, "FILE", "B: another, the present one say"},
        {"config", OPTION_CONFIG, "FILE", "Read events from the sources of this configuration"},
        {"from", OPTION_FROM, "TIME", "With --config: what came in from then on (all there is)"},
        {"to", OPTION_TO, "TIME", "With --config: what came in before then (all there is now)"},
        {"stage", OPTION_STAGE, "NAME", "The stage to look at (where A's first transition leads)"},
        {"accepted", OPTION_ACCEPTED, "TYPES", "Events that mean: accepted by sales (sales_accepted)"},
        {"rejected", OPTION_REJECTED, "TYPES", "Events that mean: rejected by sales (sales_rejected)"},
        {"won", OPTION_WON, "TYPES", "Events that mean: won (deal_won)"},
        {"reason", OPTION_REASON, "NAME", "The property that says why a lead was rejected (reason)"},
        {"until", OPTION_UNTIL, "TIME", "Let time pass up to here after the last event"},
        {"limit", OPTION_LIMIT, "N", "Show at most so many of every list (20)"},
        {"json", OPTION_JSON, NULL, "Print one JSON object"},
        {0},
};

static int run_backtest(const Command *self, int argc, char **argv);

const Command command_backtest = {
        .name = "backtest",
        .summary = "Compare two models over past events",
        .usage = "--model A.yaml --against B.yaml [OPTION...] [EVENTS.jsonl | --config FILE [--from TIME] [--to TIME]]",
        .description =
                "Runs the events, JSON lines from the file or from standard input in the order of their "
                "arrival,\n"
                "under both models, and tells what each would have made of the leads: who reaches the stage\n"
                "that hands them to sales (--stage, as lifecycle.mql), how many of these sales accepted,\n"
                "rejected and won afterwards, and who was won without ever having been there; stages and "
                "SLA\n"
                "clocks by segment and by first source; and which leads end in another stage, and why.\n"
                "With --config the events are those in all partitions of the configured sources, in the order of\n"
                "their records' timestamps, up to the topics' present ends; reading them changes nothing there.\n"
                "TYPES are event types with commas between them. What sales did, it did with the leads that\n"
                "it was given at the time. README, \"Comparing two models\", says how is counted.\n",
        .options = backtest_options,
        .json = "An object: `models` (of `a` and `b`: `path`, `model`, `version`), `stage` (`track`, `stage`), `first_event_at`,\n"
                "`last_event_at`, figures by model (counts, `acceptance_rate`, `stages`, `sla`, `median_ms_to_acceptance`), `groups`,\n"
                "`reached_under`, `rejected_by_reason`, `moves` (`track`, `a`, `b`), and `leads`, those that end in another stage.\n",
        .takes_files = true,
        .run = run_backtest,
};

typedef struct Comparison {
    const Command *command;
    const char *arg_models[BACKTEST_SIDES];
    const char *arg_stage;
    int64_t arg_until_ms;
    size_t arg_limit;
    bool arg_json;
    BacktestOptions options;
    Model *models[BACKTEST_SIDES];
    BacktestInput input;
} Comparison;

/* --- the command line -------------------------------------------------------------------------------- */

/* "sales_accepted,sales_taken" */
static int parse_types(
        const Comparison *comparison, const char *option, const char *text, OutcomeTypes *ret) {
    ret->n = 0;
    for (;;) {
        size_t len = strcspn(text, ",");
        if (len == 0 || len > EVENT_TYPE_LEN_MAX)
            return command_usage_error(comparison->command,
                    "--%s: event types of 1 to %d bytes expected, with commas "
                    "between them",
                    option, EVENT_TYPE_LEN_MAX);
        if (ret->n == BACKTEST_TYPES_MAX)
            return command_usage_error(
                    comparison->command, "--%s: at most %d event types expected", option, BACKTEST_TYPES_MAX);
        ret->types[ret->n++] = (Str){text, len};
        if (!text[len])
            return EXIT_SUCCESS;
        text += len + 1;
    }
}

static int parse_limit(const Comparison *comparison, const char *text, size_t *ret) {
    int64_t n;

    if (!command_parse_number(text, 0, LIMIT_MAX, &n))
        return command_usage_error(comparison->command,
                "--limit: a whole number from 0 to %d expected, got \"%s\"", LIMIT_MAX, text);
    *ret = (size_t)n;
    return EXIT_SUCCESS;
}

static int parse_time(const Comparison *comparison, const char *option, const char *text, int64_t *ret_ms) {
    if (command_parse_time(text, ret_ms))
        return EXIT_SUCCESS;
    return command_usage_error(
            comparison->command, "--%s: \"%s\" is neither RFC 3339 nor milliseconds since 1970", option, text);
}

static int parse_option(Comparison *comparison, int option) {
    switch (option) {
    case OPTION_MODEL:
        comparison->arg_models[0] = optarg;
        return EXIT_SUCCESS;
    case OPTION_AGAINST:
        comparison->arg_models[1] = optarg;
        return EXIT_SUCCESS;
    case OPTION_CONFIG:
        comparison->input.arg_config = optarg;
        return EXIT_SUCCESS;
    case OPTION_FROM:
        return parse_time(comparison, "from", optarg, &comparison->input.arg_from_ms);
    case OPTION_TO:
        return parse_time(comparison, "to", optarg, &comparison->input.arg_to_ms);
    case OPTION_STAGE:
        comparison->arg_stage = optarg;
        return EXIT_SUCCESS;
    case OPTION_ACCEPTED:
        return parse_types(comparison, "accepted", optarg, &comparison->options.outcomes[OUTCOME_ACCEPTED]);
    case OPTION_REJECTED:
        return parse_types(comparison, "rejected", optarg, &comparison->options.outcomes[OUTCOME_REJECTED]);
    case OPTION_WON:
        return parse_types(comparison, "won", optarg, &comparison->options.outcomes[OUTCOME_WON]);
    case OPTION_REASON:
        comparison->options.reason = str_from(optarg);
        return EXIT_SUCCESS;
    case OPTION_UNTIL:
        return parse_time(comparison, "until", optarg, &comparison->arg_until_ms);
    case OPTION_LIMIT:
        return parse_limit(comparison, optarg, &comparison->arg_limit);
    default:
        comparison->arg_json = true;
        return EXIT_SUCCESS;
    }
}

/* Where events come from: one thing or the other. */
static int check_input(const Comparison *comparison, int n_files) {
    const BacktestInput *input = &comparison->input;
    bool has_times = input->arg_from_ms != TIME_NONE || input->arg_to_ms != TIME_NEVER;

    if (n_files > 1)
        return command_usage_error(comparison->command, "expected one file of events");
    if (n_files > 0 && input->arg_config)
        return command_usage_error(comparison->command, "expected a file of events or --config, not both");
    if (has_times && !input->arg_config)
        return command_usage_error(comparison->command, "--from and --to are about topics: --config is missing");
    if (input->arg_from_ms >= input->arg_to_ms)
        return command_usage_error(comparison->command, "--from is not before --to");
    return EXIT_SUCCESS;
}

/* 0, or after help or an error -1, with *ret_status what to end with. */
static int parse_arguments(Comparison *comparison, int argc, char **argv, int *ret_status) {
    const Command *self = comparison->command;
    int option;

    while ((option = command_option(self, argc, argv, ret_status)) != 0) {
        if (option < 0)
            return -1;
        *ret_status = parse_option(comparison, option);
        if (*ret_status != EXIT_SUCCESS)
            return -1;
    }
    *ret_status = EX_USAGE;
    if (check_input(comparison, argc - optind) != EXIT_SUCCESS)
        return -1;
    if (!comparison->arg_models[0] || !comparison->arg_models[1])
        return command_usage_error(self, "--%s is missing", comparison->arg_models[0] ? "against" : "model"),
               -1;
    if (argc > optind && strcmp(argv[optind], "-") != 0)
        comparison->input.arg_events = argv[optind];
    return 0;
}

/* --- the stage --------------------------------------------------------------------------------------- */

/* Where A's authors begin to tell what moves leads is, as a rule, where it matters. */
static int choose_stage(Comparison *comparison) {
    const Model *model = comparison->models[0];
    const char *dot = comparison->arg_stage ? strchr(comparison->arg_stage, '.') : NULL;

    if (dot) {
        comparison->options.track = (Str){comparison->arg_stage, (size_t)(dot - comparison->arg_stage)};
        comparison->options.stage = str_from(dot + 1);
        return EXIT_SUCCESS;
    }
    if (comparison->arg_stage)
        return command_usage_error(comparison->command,
                "--stage: a track and its stage expected, such as lifecycle.mql, got \"%s\"",
                comparison->arg_stage);
    if (model->n_tracks == 0 || model->tracks[0].n_transitions == 0) {
        command_error(comparison->command, "%s: a model without transitions moves nobody",
                comparison->arg_models[0]);
        return EX_CONFIG;
    }
    const Track *track = &model->tracks[0];
    comparison->options.track = track->id;
    comparison->options.stage = track->stages[track->transitions[0].to].id;
    return EXIT_SUCCESS;
}

/* Both models must have it. */
static int check_stage(const Comparison *comparison, size_t side) {
    const Model *model = comparison->models[side];
    const char *known[MODEL_STAGES_MAX];
    const BacktestOptions *options = &comparison->options;
    unsigned track, stage;

    if (backtest_find_stage(model, options->track, options->stage, &track, &stage))
        return EXIT_SUCCESS;
    for (unsigned t = 0; t < model->n_tracks; t++) {
        if (!str_eq(model->tracks[t].id, options->track))
            continue;
        for (unsigned s = 0; s < model->tracks[t].n_stages; s++)
            known[s] = model->tracks[t].stages[s].id.data;
        const char *nearest = diagnostic_nearest(options->stage, known, model->tracks[t].n_stages);
        if (nearest)
            return command_usage_error(comparison->command,
                    "--stage: %s has no stage \"%.*s.%.*s\"; did you mean \"%.*s.%s\"?",
                    comparison->arg_models[side], STR_FMT(options->track), STR_FMT(options->stage),
                    STR_FMT(options->track), nearest);
    }
    return command_usage_error(comparison->command, "--stage: %s has no stage \"%.*s.%.*s\"",
            comparison->arg_models[side], STR_FMT(options->track), STR_FMT(options->stage));
}

/* --- at work ----------------------------------------------------------------------------------------- */

static void report_bad(const Comparison *comparison, Backtest *backtest, const char *text) {
    const EventFeed *feed = &comparison->input.feed;
    char place[EVENT_PLACE_SIZE];

    backtest->n_bad++;
    feed->place(feed->userdata, place);
    command_bad_input(&command_backtest, place, text);
}

static int failed(const Comparison *comparison, int r) {
    command_error(comparison->command, "%s", strerror(-r));
    return EX_OSERR;
}

/* All events. Returns the exit status. */
static int run_events(const Comparison *comparison, Backtest *backtest) {
    const EventFeed *feed = &comparison->input.feed;
    const char *rejected;
    FedEvent fed;
    int r;

    while ((r = feed->next(feed->userdata, &fed)) != EVENT_FEED_E_END) {
        if (r == EVENT_FEED_E_BAD) {
            report_bad(comparison, backtest, fed.text);
            continue;
        }
        if (r != 0)
            return backtest_input_failed(&comparison->input, r, &fed);
        r = backtest_event(backtest, &fed.event, &rejected);
        if (r)
            return failed(comparison, r);
        if (rejected)
            report_bad(comparison, backtest, rejected);
    }
    r = backtest_end(backtest, comparison->arg_until_ms);
    return r ? failed(comparison, r) : EXIT_SUCCESS;
}

static int report_json(const BacktestReport *report) {
    JsonWriter writer = JSON_WRITER_INIT;

    backtest_write(report, &writer);
    int r = json_writer_flush(&writer, stdout);
    json_writer_deinit(&writer);
    return r;
}

static int report(const Comparison *comparison, const Backtest *backtest) {
    BacktestFigures figures;

    int r = backtest_figures_make(&figures, backtest);
    if (r)
        return r;
    const BacktestReport report = {
            .figures = &figures,
            .paths = {comparison->arg_models[0], comparison->arg_models[1]},
            .limit = comparison->arg_limit,
    };
    r = comparison->arg_json ? report_json(&report) : backtest_print(&report, stdout);
    if (r == 0 && fflush(stdout) != 0)
        r = -errno;
    backtest_figures_deinit(&figures);
    return r;
}

static int compare(Comparison *comparison) {
    Backtest backtest;

    int r = backtest_init(&backtest, &comparison->options);
    if (r)
        return failed(comparison, r);
    int status = run_events(comparison, &backtest);
    r = status == EXIT_SUCCESS ? report(comparison, &backtest) : 0;
    if (r == -ENOMEM) {
        status = failed(comparison, r);
    } else if (r) {
        command_error(comparison->command, "standard output: %s", strerror(-r));
        status = EX_IOERR;
    } else if (status == EXIT_SUCCESS && backtest.n_bad > 0) {
        status = EXIT_FAILURE;
    }
    backtest_deinit(&backtest);
    return status;
}

static int load(Comparison *comparison) {
    int status = EXIT_SUCCESS;

    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        int model_status =
                command_load_model(comparison->command, comparison->arg_models[i], &comparison->models[i]);
        if (status == EXIT_SUCCESS)
            status = model_status;
        comparison->options.models[i] = comparison->models[i];
    }
    if (status == EXIT_SUCCESS)
        status = choose_stage(comparison);
    for (size_t i = 0; status == EXIT_SUCCESS && i < BACKTEST_SIDES; i++)
        status = check_stage(comparison, i);
    return status == EXIT_SUCCESS ? backtest_input_open(&comparison->input) : status;
}

static int run_backtest(const Command *self, int argc, char **argv) {
    Comparison comparison = {
            .command = self,
            .arg_until_ms = TIME_NONE,
            .arg_limit = LIMIT_DEFAULT,
            .input = BACKTEST_INPUT_INIT(self),
            .options =
                    {
                            .outcomes =
                                    {
                                            [OUTCOME_ACCEPTED] = {{STR_LITERAL("sales_accepted")}, 1},
                                            [OUTCOME_REJECTED] = {{STR_LITERAL("sales_rejected")}, 1},
                                            [OUTCOME_WON] = {{STR_LITERAL("deal_won")}, 1},
                                    },
                            .reason = STR_LITERAL("reason"),
                    },
    };
    int status;

    if (parse_arguments(&comparison, argc, argv, &status) != 0)
        return status;
    status = load(&comparison);
    if (status == EXIT_SUCCESS)
        status = compare(&comparison);
    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        model_free(comparison.models[i]);
    backtest_input_close(&comparison.input);
    return status;
}
