/* SPDX-License-Identifier: Apache-2.0 */
/* `scored top`: who is hot, what happens, which clocks run. It reads only, and may run anywhere and often. */
#include <signal.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/command/command.h"
#include "daemon/io/file/file_sink.h"
#include "daemon/io/kafka/kafka_feed.h"
#include "daemon/top/top.h"
#include "daemon/top/top_terminal.h"

enum { OPTION_CONFIG = 1, OPTION_BOARD, OPTION_SECONDS, OPTION_PLAIN, OPTION_JSON, OPTION_SUMMARY };

#define FRAME_MS 250
/* A key is noticed after so long at the latest. */
#define POLL_MS 50
#define REFRESH_MS 1000
#define PROGRESS_MS 1000
#define LINES_MS 10000
#define LINES_LEADS 5
#define CONNECT_TIMEOUT_MS 15000
#define PROGRESS_TIMEOUT_MS 500
#define SECONDS_MAX (100 * 365 * 86400L)

typedef enum TopMode { MODE_SCREEN, MODE_PLAIN, MODE_JSON } TopMode;

typedef struct Viewer {
    const Command *command;
    const char *arg_config, *arg_board, *arg_summary;
    int64_t arg_span_ms; /* TIME_NEVER: until told to stop */
    TopMode mode;

    Config *config;
    Model *model;
    Registry *registry;
    AvroOutput *encoder; /* comes with the registry; not used */
    AvroOutputReader *reader;
    KafkaFeed *feed;
    RedisBoard *board;
    Top top;
    FileSink json;
    int64_t started_at_ms, frame_at_ms, refresh_at_ms, progress_at_ms, lines_at_ms; /* monotonic: when next */
} Viewer;

static volatile sig_atomic_t stop;

static void on_signal(int signal) {
    (void)signal;
    stop = 1;
}

static int catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    if (sigaction(SIGINT, &action, NULL) < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
            sigaction(SIGHUP, &action, NULL) < 0)
        return -errno;
    return 0;
}

/* ---- the command line ---- */

static bool parse_seconds(const char *text, int64_t *ret_ms) {
    int64_t seconds;
    if (!command_parse_number(text, 1, SECONDS_MAX, &seconds))
        return false;
    *ret_ms = seconds * 1000;
    return true;
}

/* EXIT_SUCCESS, or -1 with *ret_status what to end with. */
static int parse_arguments(Viewer *v, int argc, char **argv, int *ret_status) {
    int option;
    while ((option = command_option(v->command, argc, argv, ret_status)) > 0) {
        if (option == OPTION_CONFIG)
            v->arg_config = optarg;
        else if (option == OPTION_BOARD)
            v->arg_board = optarg;
        else if (option == OPTION_SUMMARY)
            v->arg_summary = optarg;
        else if (option == OPTION_PLAIN || option == OPTION_JSON)
            v->mode = option == OPTION_PLAIN ? MODE_PLAIN : MODE_JSON;
        else if (!parse_seconds(optarg, &v->arg_span_ms)) {
            *ret_status =
                    command_usage_error(v->command, "--seconds: \"%s\" is no number of seconds", optarg);
            return -1;
        }
    }
    if (option < 0)
        return -1;
    if (optind < argc) {
        *ret_status = command_usage_error(v->command, "unexpected argument \"%s\"", argv[optind]);
        return -1;
    }
    return EXIT_SUCCESS;
}

/* ---- beginning and end ---- */

static int load_files(Viewer *v) {
    char text[512];
    int status = command_load_config(v->command, v->arg_config, &v->config);
    if (status == EXIT_SUCCESS)
        status = command_load_model(v->command, v->config->model_path, &v->model);
    if (status == EXIT_SUCCESS)
        status = command_load_schemas(v->command, v->config, SCHEMAS_OF_BOTH, NULL, &v->registry, &v->encoder);
    if (status != EXIT_SUCCESS)
        return status;
    int r = avro_output_reader_new(registry_outputs(v->registry), text, sizeof(text), &v->reader);
    if (r > 0)
        command_error(v->command, "%s: %s", v->config->output_schema_dir, text);
    else if (r < 0)
        command_error(v->command, "%s", strerror(-r));
    return r > 0 ? EX_CONFIG : r < 0 ? EX_OSERR : EXIT_SUCCESS;
}

static int failed(const Viewer *v, int r, const char *text) {
    command_error(v->command, "%s", r < 0 ? strerror(-r) : text);
    return r < 0 ? EX_OSERR : r == KAFKA_E_CONFIG ? EX_CONFIG : EX_UNAVAILABLE;
}

static int connect_all(Viewer *v) {
    char text[KAFKA_TEXT_SIZE], why[REDIS_TEXT_SIZE];
    static_assert(_OUTPUT_TYPE_MAX < 31, "a bit for each");
    int r = redis_board_new(v->config, why, &v->board);
    if (r) {
        command_error(v->command, "%s", r < 0 ? strerror(-r) : why);
        return r < 0 ? EX_OSERR : EX_CONFIG;
    }
    r = kafka_feed_new(
            v->config, v->reader, (1U << _OUTPUT_TYPE_MAX) - 1, NULL, CONNECT_TIMEOUT_MS, text, &v->feed);
    return r ? failed(v, r, text) : EXIT_SUCCESS;
}

static int begin(Viewer *v) {
    int status = load_files(v);
    if (status != EXIT_SUCCESS)
        return status;
    if (!top_init(&v->top, v->config, v->model, v->arg_board)) {
        command_error(v->command,
                v->arg_board ? "the model ranks no leads by \"%s\"" : "the model has no scores",
                v->arg_board);
        return EX_CONFIG;
    }
    status = connect_all(v);
    if (status != EXIT_SUCCESS)
        return status;
    int r = catch_signals();
    if (!r && v->mode == MODE_SCREEN) {
        r = terminal_enter();
        v->top.arrow = terminal_style().has_utf8 ? "\xe2\x86\x92" /* → */ : "->";
    }
    return r ? failed(v, r, "") : EXIT_SUCCESS;
}

static void viewer_deinit(Viewer *v) {
    kafka_feed_free(v->feed);
    redis_board_free(v->board);
    top_deinit(&v->top);
    avro_output_reader_free(v->reader);
    avro_output_free(v->encoder);
    registry_free(v->registry);
    model_free(v->model);
    config_free(v->config);
    file_sink_deinit(&v->json);
}

/* ---- showing ---- */

static int print(TopText *text) {
    int r = text->out_of_memory ? -ENOMEM : 0;
    if (!r && text->len > 0 && fwrite(text->data, 1, text->len, stdout) != text->len)
        r = errno > 0 ? -errno : -EIO;
    if (!r && fflush(stdout) != 0)
        r = -errno;
    top_text_deinit(text);
    return r;
}

static int draw(Viewer *v) {
    TopText text = TOP_TEXT_INIT;
    ScreenStyle style = terminal_style();
    v->top.n_leads_wanted = top_screen_leads(style);
    top_screen_draw(&v->top, style, clock_wall_ms(), &text);
    int r = terminal_write(&text);
    top_text_deinit(&text);
    return r;
}

static int print_leads(Viewer *v) {
    TopText text = TOP_TEXT_INIT;
    int r = 0;
    if (v->mode == MODE_JSON)
        r = top_json_leads(&v->top, LINES_LEADS, clock_wall_ms(), &text);
    else
        top_lines_leads(&v->top, LINES_LEADS, clock_wall_ms(), &text);
    int r_print = print(&text);
    return r ? r : r_print;
}

/* At the end, whatever the mode. */
static int print_summary(Viewer *v) {
    TopText text = TOP_TEXT_INIT;
    int64_t span_ms = clock_monotonic_ms() - v->started_at_ms;
    int r = 0;
    if (v->mode == MODE_JSON)
        r = top_json_summary(&v->top, span_ms, &text);
    else
        top_lines_summary(&v->top, span_ms, &text);
    int r_print = print(&text);
    return r ? r : r_print;
}

static int save_summary(Viewer *v) {
    TopText text = TOP_TEXT_INIT;
    FILE *file = fopen(v->arg_summary, "we");
    if (!file) {
        command_error(v->command, "%s: %s", v->arg_summary, strerror(errno));
        return EX_CANTCREAT;
    }
    int r = top_json_summary(&v->top, clock_monotonic_ms() - v->started_at_ms, &text);
    bool written = !r && fwrite(text.data, 1, text.len, file) == text.len;
    top_text_deinit(&text);
    if (fclose(file) == 0 && written)
        return EXIT_SUCCESS;
    command_error(v->command, "%s: cannot be written", v->arg_summary);
    return EX_IOERR;
}

/* ---- the loop ---- */

/* Said once while it stays the same; on the screen, for as long as it lasts. */
static void tell(Viewer *v, const char *what, const char *text) {
    char line[sizeof(v->top.feed_status)];
    int n = snprintf(line, sizeof(line), "%s: %s", what, text);
    if (n < 0 || strcmp(line, v->top.feed_status) == 0)
        return;
    memcpy(v->top.feed_status, line, sizeof(line));
    if (v->mode != MODE_SCREEN)
        command_error(v->command, "%s", line);
}

static int take_output(Viewer *v, const FeedPoll *poll) {
    TopText text = TOP_TEXT_INIT;
    const News *news = top_note_output(&v->top, &poll->output, poll->timestamp_ms);
    if (v->mode == MODE_SCREEN)
        return 0;
    if (v->mode == MODE_JSON) {
        OutputSink sink = file_sink_output(&v->json);
        int r = sink.output(sink.userdata, &poll->output);
        return r ? r : fflush(stdout) == 0 ? 0 : -errno;
    }
    top_line_news(news, &text);
    return print(&text);
}

static int poll_feed(Viewer *v) {
    FeedPoll poll;
    kafka_feed_poll(v->feed, POLL_MS, &poll);
    switch (poll.type) {
    case FEED_OUTPUT:
        return take_output(v, &poll);
    case FEED_BROKEN:
        v->top.counts.broken++;
        tell(v, "unreadable", poll.text);
        return 0;
    case FEED_ERROR:
        tell(v, "Kafka", poll.text);
        return 0;
    default:
        return 0;
    }
}

static void ask_progress(Viewer *v, int64_t now_ms) {
    char text[KAFKA_TEXT_SIZE];
    FeedProgress progress;
    if (kafka_feed_progress(v->feed, PROGRESS_TIMEOUT_MS, text, &progress) != 0) {
        tell(v, "Kafka", text);
        top_forget_progress(&v->top);
        return;
    }
    v->top.feed_status[0] = '\0';
    top_note_progress(&v->top, progress.n_records, progress.lag, now_ms);
}

static bool is_due(int64_t *at_ms, int64_t now_ms, int64_t interval_ms) {
    if (now_ms < *at_ms)
        return false;
    *at_ms = now_ms + interval_ms;
    return true;
}

static int turn(Viewer *v) {
    int r = poll_feed(v);
    int64_t now_ms = clock_monotonic_ms();
    if (!r && is_due(&v->refresh_at_ms, now_ms, REFRESH_MS))
        r = top_refresh(&v->top, v->board, v->mode == MODE_SCREEN, clock_wall_ms());
    if (!r && is_due(&v->progress_at_ms, now_ms, PROGRESS_MS))
        ask_progress(v, now_ms);
    if (!r && v->mode == MODE_SCREEN && is_due(&v->frame_at_ms, now_ms, FRAME_MS))
        r = draw(v);
    if (!r && v->mode != MODE_SCREEN && is_due(&v->lines_at_ms, now_ms, LINES_MS))
        r = print_leads(v);
    if (v->mode == MODE_SCREEN && terminal_key() == 'q')
        stop = 1;
    return r;
}

static int view(Viewer *v) {
    int r = 0;
    v->started_at_ms = clock_monotonic_ms();
    v->lines_at_ms = v->started_at_ms + LINES_MS;
    while (!r && !stop &&
            (v->arg_span_ms == TIME_NEVER || clock_monotonic_ms() - v->started_at_ms < v->arg_span_ms))
        r = turn(v);
    terminal_leave();
    if (!r)
        r = print_summary(v);
    if (r) {
        command_error(v->command, "%s", strerror(-r));
        return r == -ENOMEM ? EX_OSERR : EX_IOERR;
    }
    return v->arg_summary ? save_summary(v) : EXIT_SUCCESS;
}

static int run(const Command *self, int argc, char **argv) {
    Viewer v = {
            .command = self,
            .arg_config = COMMAND_CONFIG_PATH,
            .arg_span_ms = TIME_NEVER,
            .mode = terminal_is_there() ? MODE_SCREEN : MODE_PLAIN,
            .json = FILE_SINK_INIT(stdout),
    };
    int status;
    if (parse_arguments(&v, argc, argv, &status) != 0)
        return status;
    status = begin(&v);
    if (status == EXIT_SUCCESS)
        status = view(&v);
    terminal_leave();
    viewer_deinit(&v);
    return status;
}

static const CommandOption options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration; default " COMMAND_CONFIG_PATH},
        {"board", OPTION_BOARD, "NAME", "Rank leads by this derived score; default: the model's last"},
        {"seconds", OPTION_SECONDS, "N", "End after so long"},
        {"plain", OPTION_PLAIN, NULL, "One line an event, as without a terminal"},
        {"json", OPTION_JSON, NULL, "The same as JSON lines"},
        {"summary", OPTION_SUMMARY, "FILE", "At the end, write what was seen as JSON"},
        {0},
};

const Command command_top = {
        .name = "top",
        .summary = "Show hot leads, stage changes and clocks as they happen",
        .usage = "[--config FILE] [--board NAME] [--seconds N] [--plain | --json] [--summary FILE]",
        .description =
                "Reads the output topics from their ends on, and the leaderboards in Redis; it changes "
                "nothing.\n"
                "On a terminal it fills the screen until q is pressed. Elsewhere it prints a line for each "
                "stage\n"
                "change and each word of a clock, with the reasons, and the hottest leads every 10 s.\n",
        .options = options,
        .json = "JSON lines: each output as in a replay (`output` says which record of the schemas it is); every 10 s\n"
                "`HotLeads` (`at`, `board`, `leads`: `lead_id`, `account_id`, `value`, `scores`, `stages`, `next_change_at`); and at\n"
                "the end `Summary` (`seconds`, `outputs`, `causes`, `sla`, `unreadable`, `decays`).\n",
        .run = run,
};
