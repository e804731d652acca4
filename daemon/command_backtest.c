/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored backtest
 *
 * The same events under two models, against what sales did afterwards.
 */
#include <getopt.h>
#include <inttypes.h>

#include "daemon/backtest_report.h"
#include "daemon/command.h"
#include "daemon/event_feed.h"
#include "daemon/io/file_sink.h"

enum {
    OPTION_MODEL = 1,
    OPTION_AGAINST,
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
        .usage = "--model A.yaml --against B.yaml [OPTION...] [EVENTS.jsonl]",
        .description =
                "Runs the events, JSON lines from the file or from standard input in the order of their "
                "arrival,\n"
                "under both models, and tells what each would have made of the leads: who reaches the stage\n"
                "that hands them to sales (--stage, as lifecycle.mql), how many of these sales accepted,\n"
                "rejected and won afterwards, and who was won without ever having been there; stages and "
                "SLA\n"
                "clocks by segment and by first source; and which leads end in another stage, and why.\n"
                "TYPES are event types with commas between them. What sales did, it did with the leads that\n"
                "it was given at the time. README, \"Comparing two models\", says how is counted.\n",
        .options = backtest_options,
        .run = run_backtest,
};

typedef struct Comparison {
    const Command *command;
    const char *arg_models[BACKTEST_SIDES];
    const char *arg_stage, *arg_events;
    int64_t arg_until_ms;
    size_t arg_limit;
    bool arg_json;
    BacktestOptions options;
    Model *models[BACKTEST_SIDES];
    FILE *events;
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
    char *end;

    errno = 0;
    long long n = strtoll(text, &end, 10);
    if (errno || *end || end == text || n < 0 || n > LIMIT_MAX)
        return command_usage_error(comparison->command,
                "--limit: a whole number from 0 to %d expected, got \"%s\"", LIMIT_MAX, text);
    *ret = (size_t)n;
    return EXIT_SUCCESS;
}

static int parse_option(Comparison *comparison, int option) {
    switch (option) {
    case OPTION_MODEL:
        comparison->arg_models[0] = optarg;
        return EXIT_SUCCESS;
    case OPTION_AGAINST:
        comparison->arg_models[1] = optarg;
        return EXIT_SUCCESS;
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
        if (command_parse_time(optarg, &comparison->arg_until_ms))
            return EXIT_SUCCESS;
        return command_usage_error(comparison->command,
                "--until: \"%s\" is neither RFC 3339 nor milliseconds since 1970", optarg);
    case OPTION_LIMIT:
        return parse_limit(comparison, optarg, &comparison->arg_limit);
    default:
        comparison->arg_json = true;
        return EXIT_SUCCESS;
    }
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
    if (argc - optind > 1)
        return command_usage_error(self, "expected one file of events"), -1;
    if (!comparison->arg_models[0] || !comparison->arg_models[1])
        return command_usage_error(self, "--%s is missing", comparison->arg_models[0] ? "against" : "model"),
               -1;
    if (argc > optind && strcmp(argv[optind], "-") != 0)
        comparison->arg_events = argv[optind];
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

static const char *events_name(const Comparison *comparison) {
    return comparison->arg_events ? comparison->arg_events : "<stdin>";
}

static void report_bad(const Comparison *comparison, Backtest *backtest, uint64_t place, const char *text) {
    backtest->n_bad++;
    fprintf(stderr, "%s:%" PRIu64 ": %s\n", events_name(comparison), place, text);
}

static int run_feed(const Comparison *comparison, Backtest *backtest, EventFeed feed) {
    const char *rejected;
    FedEvent fed;
    int r;

    while ((r = feed.next(feed.userdata, &fed)) != EVENT_FEED_E_END) {
        if (r < 0)
            return r;
        if (r == EVENT_FEED_E_BAD) {
            report_bad(comparison, backtest, fed.place, fed.text);
            continue;
        }
        r = backtest_event(backtest, &fed.event, &rejected);
        if (r)
            return r;
        if (rejected)
            report_bad(comparison, backtest, fed.place, rejected);
    }
    return backtest_end(backtest, comparison->arg_until_ms);
}

static int run_events(const Comparison *comparison, Backtest *backtest) {
    _cleanup_(file_source_free) FileSource *source = NULL;

    int r = file_source_new(comparison->events, &source);
    return r ? r : run_feed(comparison, backtest, event_feed_of_file(source));
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
    const char *at_work = events_name(comparison);
    Backtest backtest;

    int r = backtest_init(&backtest, &comparison->options);
    if (r == 0) {
        r = run_events(comparison, &backtest);
        if (r == 0) {
            at_work = "standard output";
            r = report(comparison, &backtest);
        }
    }
    bool bad = r == 0 && backtest.n_bad > 0;
    backtest_deinit(&backtest);
    if (r == 0)
        return bad ? EXIT_FAILURE : EXIT_SUCCESS;
    if (r == -ENOMEM)
        command_error(comparison->command, "%s", strerror(-r));
    else
        command_error(comparison->command, "%s: %s", at_work, strerror(-r));
    return r == -ENOMEM ? EX_OSERR : EX_IOERR;
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
    if (status != EXIT_SUCCESS)
        return status;
    comparison->events = comparison->arg_events ? fopen(comparison->arg_events, "re") : stdin;
    if (comparison->events)
        return EXIT_SUCCESS;
    command_error(comparison->command, "%s: %s", comparison->arg_events, strerror(errno));
    return EX_NOINPUT;
}

static int run_backtest(const Command *self, int argc, char **argv) {
    Comparison comparison = {
            .command = self,
            .arg_until_ms = TIME_NONE,
            .arg_limit = LIMIT_DEFAULT,
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
    if (comparison.events && comparison.events != stdin)
        (void)fclose(comparison.events);
    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        model_free(comparison.models[i]);
    return status;
}
