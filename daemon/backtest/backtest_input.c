/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/backtest/backtest_input.h"

#include <signal.h>

#define CONNECT_TIMEOUT_MS 15000

static volatile sig_atomic_t stop; /* the signal's number */

static void on_signal(int signal) {
    stop = signal;
}

/* Until the client is there nothing needs to be ended in order. */
static int catch_signals(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal}, old;
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
        if (sigaction(signals[i], NULL, &old) < 0)
            return -errno;
        /* As under nohup, or in a shell's background. */
        if (old.sa_handler != SIG_IGN && sigaction(signals[i], &action, NULL) < 0)
            return -errno;
    }
    return 0;
}

static int kafka_failed(const BacktestInput *input, int r, const char *text) {
    if (r < 0)
        return command_error(input->command, "%s", strerror(-r)), EX_OSERR;
    if (r == TOPICS_FEED_E_REGISTRY)
        return command_error(input->command, "%s", text), EX_UNAVAILABLE;
    command_error(input->command, "Kafka at %s: %s", input->config->bootstrap_servers, text);
    return r == KAFKA_E_CONFIG || r == KAFKA_E_UNKNOWN ? EX_CONFIG : EX_UNAVAILABLE;
}

static int open_topics(BacktestInput *input) {
    _cleanup_(avro_output_free) AvroOutput *encoder = NULL; /* comes with the registry */
    TopicsFeed *topics = &input->topics_feed;

    int status = command_load_config(input->command, input->arg_config, &input->config);
    if (status == EXIT_SUCCESS)
        status = command_load_schemas(input->command, input->config, SCHEMAS_OF_EVENTS, &stop, &topics->registry, &encoder);
    if (status != EXIT_SUCCESS)
        return status;
    topics->topics = input->config->sources;
    topics->stop = &stop;
    const KafkaHistoryOptions options = {
            .topics = topics->topics,
            .n_topics = input->config->n_sources,
            .from_ms = input->arg_from_ms,
            .to_ms = input->arg_to_ms,
    };
    int r = avro_event_decoder_new(&topics->decoder);
    if (r == 0)
        r = kafka_history_new(input->config, &options, NULL, CONNECT_TIMEOUT_MS, topics->text, &topics->history);
    if (r == 0)
        r = catch_signals();
    if (r)
        return kafka_failed(input, r, topics->text);
    input->feed = event_feed_of_topics(topics);
    return EXIT_SUCCESS;
}

static int open_file(BacktestInput *input) {
    input->file_feed.name = input->arg_events ? input->arg_events : "<stdin>";
    input->file = input->arg_events ? fopen(input->arg_events, "re") : stdin;
    if (!input->file) {
        command_error(input->command, "%s: %s", input->arg_events, strerror(errno));
        return EX_NOINPUT;
    }
    int r = file_source_new(input->file, &input->file_feed.source);
    if (r)
        return command_error(input->command, "%s", strerror(-r)), EX_OSERR;
    input->feed = event_feed_of_file(&input->file_feed);
    return EXIT_SUCCESS;
}

int backtest_input_open(BacktestInput *input) {
    return input->arg_config ? open_topics(input) : open_file(input);
}

int backtest_input_failed(const BacktestInput *input, int r, const FedEvent *fed) {
    if (r == EVENT_FEED_E_STOPPED)
        return EXIT_FAILURE;
    if (r == EVENT_FEED_E_FAILED)
        return kafka_failed(input, input->topics_feed.outcome, fed->text);
    if (r == -ENOMEM || input->arg_config)
        return command_error(input->command, "%s", strerror(-r)), EX_OSERR;
    command_error(input->command, "%s: %s", input->file_feed.name, strerror(-r));
    return EX_IOERR;
}

void backtest_input_close(BacktestInput *input) {
    kafka_history_free(input->topics_feed.history);
    avro_event_decoder_free(input->topics_feed.decoder);
    registry_free(input->topics_feed.registry);
    config_free(input->config);
    file_source_free(input->file_feed.source);
    if (input->file && input->file != stdin)
        (void)fclose(input->file);
    if (!stop)
        return;
    (void)signal(stop, SIG_DFL);
    (void)raise(stop);
}
