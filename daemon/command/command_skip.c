/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored skip
 *
 * What an operator says who accepts a loss: a shard whose next record is gone or damaged is to go on behind it. The group's offset is moved
 * with a mark that tells it from a reset by mistake (footer.h); the takeover that follows believes it over the footer.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/command/command.h"
#include "daemon/io/kafka/kafka_offsets.h"
#include "daemon/pipeline/footer.h"

#define TIMEOUT_MS 15000

enum { OPTION_CONFIG = 1, OPTION_TOPIC, OPTION_PARTITION, OPTION_TO, OPTION_JSON };

static const CommandOption skip_options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration; default " COMMAND_CONFIG_PATH},
        {"topic", OPTION_TOPIC, "NAME", "A source, or the internal topic"},
        {"partition", OPTION_PARTITION, "N", "Its partition"},
        {"to", OPTION_TO, "OFFSET", "Where to go on: an offset, or `first` for the first there is"},
        {"json", OPTION_JSON, NULL, "Print one JSON object"},
        {0},
};

static int run_skip(const Command *self, int argc, char **argv);

const Command command_skip = {
        .name = "skip",
        .summary = "Go on behind records that are lost or damaged",
        .usage = "[--config FILE] --topic NAME --partition N --to OFFSET|first [--json]",
        .description = "For a partition that halts because its next record was deleted before it was read, or cannot be read.\n"
                       "All processes of the group must be stopped. What the records in between say is lost to the scores;\n"
                       "going back is refused, for it would count events twice.\n",
        .options = skip_options,
        .json = "An object: `topic`, `partition`, `from` (the first record that is left out) and `to` (where it goes on).\n",
        .run = run_skip,
};

typedef struct Skip {
    const Command *command;
    const char *arg_config, *arg_topic;
    bool arg_json;
    int64_t arg_partition, arg_to; /* -1: not given; arg_to -2: the first there is */
    Config *config;
    KafkaCluster *cluster;
    KafkaOffsets *offsets;
} Skip;

/* EXIT_SUCCESS, or -1 with *ret_status what to end with. */
static int parse_arguments(Skip *skip, int argc, char **argv, int *ret_status) {
    int option;
    while ((option = command_option(skip->command, argc, argv, ret_status)) > 0) {
        bool good = true;
        if (option == OPTION_CONFIG)
            skip->arg_config = optarg;
        else if (option == OPTION_TOPIC)
            skip->arg_topic = optarg;
        else if (option == OPTION_JSON)
            skip->arg_json = true;
        else if (option == OPTION_PARTITION)
            good = command_parse_number(optarg, 0, INT32_MAX, &skip->arg_partition);
        else if (strcmp(optarg, "first") == 0)
            skip->arg_to = -2;
        else
            good = command_parse_number(optarg, 0, INT64_MAX, &skip->arg_to);
        if (!good) {
            *ret_status = command_usage_error(skip->command, "--%s: a number from 0 expected, got \"%s\"",
                    option == OPTION_PARTITION ? "partition" : "to", optarg);
            return -1;
        }
    }
    if (option < 0)
        return -1;
    *ret_status = EX_USAGE;
    if (optind < argc)
        return command_usage_error(skip->command, "unexpected argument \"%s\"", argv[optind]), -1;
    if (!skip->arg_topic || skip->arg_partition < 0 || skip->arg_to == -1)
        return command_usage_error(skip->command, "--topic, --partition and --to are needed"), -1;
    return EXIT_SUCCESS;
}

static int check_topic(const Skip *skip) {
    const char *known[CONFIG_SOURCES_MAX + 1];
    size_t n = 0;
    for (size_t i = 0; i < skip->config->n_sources; i++)
        known[n++] = skip->config->sources[i];
    known[n++] = skip->config->internal_topic;
    for (size_t i = 0; i < n; i++)
        if (strcmp(skip->arg_topic, known[i]) == 0)
            return EXIT_SUCCESS;
    const char *nearest = diagnostic_nearest(str_from(skip->arg_topic), known, n);
    return command_usage_error(skip->command, "--topic: \"%s\" is neither a source nor the internal topic%s%s%s", skip->arg_topic,
            nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

static int unanswered(const Skip *skip, int r, const char *text) {
    command_error(skip->command, "%s", r < 0 ? strerror(-r) : text);
    return r < 0 ? EX_OSERR : EX_UNAVAILABLE;
}

/* Where to go on, which must be ahead and in the log. */
static int choose_target(const Skip *skip, int64_t committed, int64_t *ret) {
    char text[KAFKA_TEXT_SIZE];
    int64_t first, end;
    int r = kafka_cluster_range(skip->cluster, skip->arg_topic, (int32_t)skip->arg_partition, TIMEOUT_MS, text, &first, &end);
    if (r != 0)
        return unanswered(skip, r, text);
    *ret = skip->arg_to == -2 ? first : skip->arg_to;
    if (*ret > committed && *ret >= first && *ret <= end)
        return EXIT_SUCCESS;
    command_error(skip->command, "from offset %" PRId64 " there is no way ahead to %" PRId64 "; the topic has %" PRId64 " to %" PRId64,
            committed, *ret, first, end);
    return EXIT_FAILURE;
}

static int print_move(const Skip *skip, int64_t from, int64_t to) {
    if (!skip->arg_json) {
        printf("%s [%" PRId64 "]: goes on at offset %" PRId64 "; the records from %" PRId64 " on are left out\n", skip->arg_topic,
                skip->arg_partition, to, from);
        return command_finish(skip->command, NULL);
    }
    JsonWriter writer = JSON_WRITER_INIT;
    json_write_object_begin(&writer, STR_NULL);
    json_write_string(&writer, STR_LITERAL("topic"), str_from(skip->arg_topic));
    json_write_integer(&writer, STR_LITERAL("partition"), skip->arg_partition);
    json_write_integer(&writer, STR_LITERAL("from"), from);
    json_write_integer(&writer, STR_LITERAL("to"), to);
    json_write_object_end(&writer);
    json_write_newline(&writer);
    int status = command_finish(skip->command, &writer);
    json_writer_deinit(&writer);
    return status;
}

static int move(const Skip *skip) {
    char text[KAFKA_TEXT_SIZE];
    int32_t partition = (int32_t)skip->arg_partition;
    CommittedOffset committed;
    Hint hint;
    int64_t from, to;
    int r = kafka_offsets_get(skip->offsets, skip->arg_topic, partition, TIMEOUT_MS, text, &committed);
    if (r != 0)
        return unanswered(skip, r, text);
    if (committed.offset < 0 || !hint_parse(committed.metadata, &hint)) {
        command_error(skip->command, "group %s has no offset of its own in %s [%" PRId32 "]; if it was reset by hand, set it back first",
                skip->config->group, skip->arg_topic, partition);
        return EXIT_FAILURE;
    }
    from = committed.offset;
    int status = choose_target(skip, from, &to);
    if (status != EXIT_SUCCESS)
        return status;
    hint.is_skip = true;
    committed.offset = to;
    hint_print(&hint, committed.metadata);
    r = kafka_offsets_set(skip->offsets, skip->arg_topic, partition, &committed, text);
    if (r == KAFKA_E_FATAL) {
        command_error(skip->command, "group %s is at work: stop all of its processes first (%s)", skip->config->group, text);
        return EXIT_FAILURE;
    }
    if (r != 0)
        return unanswered(skip, r, text);
    return print_move(skip, from, to);
}

static int connect_and_move(Skip *skip) {
    char text[KAFKA_TEXT_SIZE];
    int r = kafka_cluster_new(skip->config, NULL, text, &skip->cluster);
    if (r == 0)
        r = kafka_offsets_new_stable(skip->config, NULL, text, &skip->offsets);
    int status = r == 0 ? move(skip) : unanswered(skip, r, text);
    kafka_offsets_free(skip->offsets);
    kafka_cluster_free(skip->cluster);
    return status;
}

static int run_skip(const Command *self, int argc, char **argv) {
    Skip skip = {.command = self, .arg_config = COMMAND_CONFIG_PATH, .arg_partition = -1, .arg_to = -1};
    int status;
    if (parse_arguments(&skip, argc, argv, &status) != EXIT_SUCCESS)
        return status;
    status = command_load_config(self, skip.arg_config, &skip.config);
    if (status == EXIT_SUCCESS)
        status = check_topic(&skip);
    if (status == EXIT_SUCCESS)
        status = connect_and_move(&skip);
    config_free(skip.config);
    return status;
}
