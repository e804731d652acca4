/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored-demo-traffic: a Kafka cluster within this process (librdkafka's mock cluster), and a made-up market
 * that sends events to it. Sales people of that market read the stage changes that the daemon tells, and act
 * upon them.
 *
 * ./demo and this program tell each other how far they are by files in one directory:
 *   bootstrap    host:port of the cluster, written here first
 *   scored.yaml  the configuration, written by ./demo then: which topics there are
 *   topics       written here once they are made
 *   go           written by ./demo when all else runs: events begin
 *   traffic.json written here when no more events will be sent; the cluster stays until SIGTERM
 */
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/command/command.h"
#include "daemon/io/kafka/kafka_feed.h"
#include "tests/demo/event_avro.h"
#include "tests/demo/market.h"

#define PARTITIONS_DEFAULT 4
#define SECONDS_DEFAULT 60
#define PACE_DEFAULT 20.0
/* A day of the market: long enough for answers of some seconds, and two of them fit into a minute. */
#define DAY_SECONDS_DEFAULT 24
#define WAIT_MS 20
#define FEED_TIMEOUT_MS 10000
#define FLUSH_TIMEOUT_MS 10000

typedef struct Traffic {
    const char *arg_dir;
    double arg_pace;
    long arg_seconds, arg_partitions, arg_day_seconds;
    unsigned long long arg_seed;

    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
    Config *config;
    Registry *registry;
    AvroOutput *encoder; /* comes with the registry; not used */
    AvroOutputReader *reader;
    KafkaFeed *feed;
    Market *market;
    Buffer message;
    int64_t n_events, n_broken, n_asked, n_bot, n_failed;
} Traffic;

/* For the functions that report by a command's name. */
static const Command program = {.name = "demo traffic", .usage = ""};
static volatile sig_atomic_t stop;

static void on_signal(int signal) {
    (void)signal;
    stop = 1;
}

/* ---- files ---- */

static void path_of(const Traffic *t, const char *name, char path[static 4096]) {
    snprintf(path, 4096, "%s/%s", t->arg_dir, name);
}

/* As a whole or not at all, since somebody waits for it. */
static bool put_file(const Traffic *t, const char *name, const char *text) {
    char path[4096], path_new[4096 + 8];
    path_of(t, name, path);
    snprintf(path_new, sizeof(path_new), "%s.new", path);
    FILE *file = fopen(path_new, "we");
    bool done = file && fputs(text, file) >= 0;
    if (file)
        done = fclose(file) == 0 && done;
    if (done && rename(path_new, path) == 0)
        return true;
    command_error(&program, "%s: %s", path, strerror(errno));
    return false;
}

/* False: told to stop before it was there. */
static bool await_file(const Traffic *t, const char *name) {
    char path[4096];
    path_of(t, name, path);
    while (!stop && access(path, R_OK) != 0)
        (void)poll(NULL, 0, WAIT_MS);
    return !stop;
}

/* ---- the cluster ---- */

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
    (void)rk;
    ((Traffic *)opaque)->n_failed += message->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool start_cluster(Traffic *t) {
    static const char *const properties[][2] = {{"test.mock.num.brokers", "1"}, {"client.id", "demo-traffic"},
            {"partitioner", "murmur2_random"}, {"linger.ms", "2"}, {"log_level", "3"}};
    char error[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++)
        if (rd_kafka_conf_set(conf, properties[i][0], properties[i][1], error, sizeof(error))) {
            command_error(&program, "%s", error);
            rd_kafka_conf_destroy(conf);
            return false;
        }
    rd_kafka_conf_set_opaque(conf, t);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    t->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (!t->rk) {
        command_error(&program, "%s", error);
        rd_kafka_conf_destroy(conf);
        return false;
    }
    t->cluster = rd_kafka_handle_mock_cluster(t->rk);
    return put_file(t, "bootstrap", rd_kafka_mock_cluster_bootstraps(t->cluster));
}

static bool create_topic(Traffic *t, const char *topic) {
    rd_kafka_resp_err_t err = rd_kafka_mock_topic_create(t->cluster, topic, (int)t->arg_partitions, 1);
    if (!err || err == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return true;
    command_error(&program, "topic %s: %s", topic, rd_kafka_err2str(err));
    return false;
}

/* It answers no admin requests, so that the daemon cannot do it. */
static bool create_topics(Traffic *t) {
    const Config *config = t->config;
    bool done = create_topic(t, config->changelog_topic) && create_topic(t, config->internal_topic);
    for (size_t i = 0; i < config->n_sources && done; i++)
        done = create_topic(t, config->sources[i]);
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX && done; i++)
        done = create_topic(t, config->output_topics[i]);
    return done && put_file(t, "topics", "made\n");
}

/* ---- sending and hearing ---- */

/* Librdkafka keeps a copy. */
static void produce(Traffic *t, const char *topic, Str key, Str value) {
    rd_kafka_resp_err_t err = rd_kafka_producev(t->rk, RD_KAFKA_V_TOPIC(topic),
            RD_KAFKA_V_KEY(key.data, key.len), RD_KAFKA_V_VALUE((void *)value.data, value.len),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    t->n_failed += err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static int send_event(Traffic *t, const MarketEvent *event) {
    const Config *config = t->config;
    const char *topic = config->sources[MIN((size_t)event->source, config->n_sources - 1)];
    t->message.len = 0;
    int r = event_avro_write(&event->event, (uint32_t)config->schemas[0].id, &t->message);
    if (r)
        return r;
    Str value = {(const char *)t->message.data, t->message.len};
    /* Cut off in the middle, as by somebody's bug. */
    if (event->is_broken)
        value.len /= 2;
    produce(t, topic, event->event.lead_id, value);
    t->n_events++;
    t->n_broken += event->is_broken;
    t->n_asked += str_eq_c(event->event.type, "demo_requested");
    Value is_bot = event_property(&event->event, STR_LITERAL("is_bot"));
    t->n_bot += is_bot.type == VALUE_BOOLEAN && is_bot.boolean;
    return 0;
}

static int send_due(Traffic *t) {
    MarketEvent event;
    int r = 0;
    while (!r && market_next(t->market, clock_wall_ms(), &event))
        r = send_event(t, &event);
    (void)rd_kafka_poll(t->rk, 0);
    return r;
}

/* Hears for a while what the daemon tells. */
static void hear(Traffic *t, int timeout_ms) {
    FeedPoll poll;
    kafka_feed_poll(t->feed, timeout_ms, &poll);
    if (poll.type != FEED_OUTPUT || poll.output.type != OUTPUT_STAGE_CHANGED)
        return;
    const StageChanged *change = &poll.output.stage_changed;
    if (str_eq_c(change->track, "lifecycle"))
        market_note_stage(t->market, poll.output.lead_id, change->to, clock_wall_ms());
}

static int run_market(Traffic *t) {
    MarketOptions options = {
            .seed = t->arg_seed,
            .pace = t->arg_pace,
            .day_ms = t->arg_day_seconds * INT64_C(1000),
            .begin_ms = clock_wall_ms(),
    };
    int r = market_new(&options, &t->market);
    int64_t end_ms = clock_monotonic_ms() + t->arg_seconds * INT64_C(1000);
    while (!r && !stop && clock_monotonic_ms() < end_ms) {
        r = send_due(t);
        int64_t wait_ms = earliest(market_next_at(t->market) - clock_wall_ms(), WAIT_MS);
        if (!r)
            hear(t, (int)MAX(wait_ms, (int64_t)0));
    }
    (void)rd_kafka_flush(t->rk, FLUSH_TIMEOUT_MS);
    return r;
}

static bool put_counts(const Traffic *t) {
    char text[256];
    snprintf(text, sizeof(text),
            "{\"events\":%lld,\"meetings_asked_for\":%lld,\"by_bots\":%lld,\"broken\":%lld,\"not_delivered\":"
            "%lld}\n",
            (long long)t->n_events, (long long)t->n_asked, (long long)t->n_bot, (long long)t->n_broken,
            (long long)t->n_failed);
    return put_file(t, "traffic.json", text);
}

/* ---- the program ---- */

static bool load_config(Traffic *t) {
    char path[4096], text[KAFKA_TEXT_SIZE];
    path_of(t, "scored.yaml", path);
    if (command_load_config(&program, path, &t->config) != EXIT_SUCCESS ||
            command_load_schemas(&program, t->config, SCHEMAS_OF_FILES, NULL, &t->registry, &t->encoder) != EXIT_SUCCESS)
        return false;
    if (t->config->n_schemas == 0) {
        command_error(&program, "%s: schemas.events names no schema", path);
        return false;
    }
    int r = avro_output_reader_new(registry_outputs(t->registry), text, sizeof(text), &t->reader);
    if (r)
        command_error(&program, "%s", r < 0 ? strerror(-r) : text);
    return r == 0;
}

static bool open_feed(Traffic *t) {
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_feed_new(
            t->config, t->reader, 1U << OUTPUT_STAGE_CHANGED, NULL, FEED_TIMEOUT_MS, text, &t->feed);
    if (r)
        command_error(&program, "%s", r < 0 ? strerror(-r) : text);
    return r == 0;
}

static bool run(Traffic *t) {
    if (!start_cluster(t) || !await_file(t, "scored.yaml"))
        return false;
    if (!load_config(t) || !create_topics(t) || !open_feed(t) || !await_file(t, "go"))
        return false;
    int r = run_market(t);
    if (r) {
        command_error(&program, "%s", strerror(-r));
        return false;
    }
    if (!put_counts(t))
        return false;
    while (!stop)
        (void)poll(NULL, 0, WAIT_MS);
    return true;
}

static void traffic_deinit(Traffic *t) {
    buffer_done(&t->message);
    market_free(t->market);
    kafka_feed_free(t->feed);
    avro_output_reader_free(t->reader);
    avro_output_free(t->encoder);
    registry_free(t->registry);
    config_free(t->config);
    if (t->rk)
        rd_kafka_destroy(t->rk);
}

static bool parse_number(const char *text, long min, long max, long *ret) {
    char *end;
    errno = 0;
    *ret = strtol(text, &end, 10);
    return !errno && end != text && !*end && *ret >= min && *ret <= max;
}

static bool parse_arguments(Traffic *t, int argc, char **argv) {
    static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
            {"pace", required_argument, NULL, 'p'}, {"seconds", required_argument, NULL, 's'},
            {"seed", required_argument, NULL, 'r'}, {"partitions", required_argument, NULL, 'n'},
            {"day-seconds", required_argument, NULL, 'y'}, {0}};
    long number;
    int option;
    bool good = true;
    while (good && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        good = option == 'd' ||
               (option != '?' && parse_number(optarg, option == 'r' ? 0 : 1, 1000000, &number));
        if (!good)
            break;
        if (option == 'd')
            t->arg_dir = optarg;
        else if (option == 'p')
            t->arg_pace = (double)number;
        else if (option == 's')
            t->arg_seconds = number;
        else if (option == 'r')
            t->arg_seed = (unsigned long long)number;
        else if (option == 'n')
            t->arg_partitions = number;
        else
            t->arg_day_seconds = number;
    }
    return good && t->arg_dir && optind == argc && t->arg_partitions <= 64;
}

int main(int argc, char **argv) {
    Traffic t = {
            .arg_pace = PACE_DEFAULT,
            .arg_seconds = SECONDS_DEFAULT,
            .arg_partitions = PARTITIONS_DEFAULT,
            .arg_day_seconds = DAY_SECONDS_DEFAULT,
            .arg_seed = 1,
    };
    struct sigaction action = {.sa_handler = on_signal};
    if (!parse_arguments(&t, argc, argv)) {
        fputs("usage: scored-demo-traffic --dir DIR [--pace EVENTS/S] [--seconds N] [--seed N] [--partitions "
              "N] "
              "[--day-seconds N]\n",
                stderr);
        return EX_USAGE;
    }
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    bool done = run(&t);
    traffic_deinit(&t);
    return done || stop ? EXIT_SUCCESS : EXIT_FAILURE;
}
