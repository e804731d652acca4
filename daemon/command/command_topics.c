/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored topics
 *
 * The topics that a configuration names: what is there, and, by the rules of check_topics.c and check_sources.c, what is wrong; with
 * --create what the daemon would do about those that are missing (topics.c), without starting it. With --acls the rights that the brokers
 * have to grant (rights.c), which asks no server.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/check/check_kafka.h"
#include "daemon/check/kafka_cause.h"
#include "daemon/check/rights.h"
#include "daemon/command/command.h"
#include "daemon/io/file/file_sink.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/topics.h"

enum { OPTION_CONFIG = 1, OPTION_CREATE, OPTION_ACLS, OPTION_PRINCIPAL, OPTION_JSON };

static const CommandOption topics_options[] = {
        {"config", OPTION_CONFIG, "FILE", "The configuration; default " COMMAND_CONFIG_PATH},
        {"create", OPTION_CREATE, NULL, "Create those of our own that are missing, as `scored run` would"},
        {"acls", OPTION_ACLS, NULL, "Print the rights that scored needs, for kafka-acls.sh"},
        {"principal", OPTION_PRINCIPAL, "T:NAME", "Whose rights; default User: and sasl.username"},
        {"json", OPTION_JSON, NULL, "Print JSON"},
        {0},
};

static int run_topics(const Command *self, int argc, char **argv);

const Command command_topics = {
        .name = "topics",
        .summary = "List, check and create topics, or tell the rights they need",
        .usage = "[--config FILE] [--create] [--json] | --acls [--principal T:NAME] [--config FILE] [--json]",
        .description = "Lists the sources and scored's own topics, and says what is wrong with them and what to do. Exit\n"
                       "status 1: something is wrong; 69: no broker answers. With --create, topics are created if nothing\n"
                       "else is wrong, whatever topics.create says.\n"
                       "With --acls no server is asked. Each line is arguments of kafka-acls.sh:\n"
                       "  scored topics --acls | xargs -L 1 kafka-acls.sh --bootstrap-server HOST:PORT\n",
        .options = topics_options,
        .json = "An object: `topics`, an array of `use`, `topic`, `partitions` (0: it is not there; null: not known),\n"
                "`cleanup_policy` (or null) and `created`; and `findings`, an array of `severity` (ok, note, warning, error), `subject`,\n"
                "`text` and `remedy` (or null). With --acls an array of `principal`, `resource`, `name`, `pattern` and\n"
                "`operation`, in Kafka's words.\n",
        .run = run_topics,
};

#define ROWS_MAX (CONFIG_SOURCES_MAX + 2 + _OUTPUT_TYPE_MAX)

/* One topic of the list. */
typedef struct Row {
    const char *use, *topic;
    bool is_own;
    bool is_created;      /* just now */
    int32_t n_partitions; /* 0: there is no such topic; -1: the broker does not say */
    char policy[64];      /* "": it is not known */
} Row;

typedef struct Topics {
    const Command *command;
    const char *arg_config, *arg_principal;
    bool arg_create, arg_acls, arg_json;
    Config *config;
    KafkaCluster *cluster;
    SourceSample *samples;
    Findings findings;
    Row rows[ROWS_MAX];
    size_t n_rows;
} Topics;

static int parse_arguments(Topics *t, int argc, char **argv, int *ret_status) {
    int option;
    while ((option = command_option(t->command, argc, argv, ret_status)) > 0) {
        if (option == OPTION_CONFIG)
            t->arg_config = optarg;
        else if (option == OPTION_PRINCIPAL)
            t->arg_principal = optarg;
        else if (option == OPTION_CREATE)
            t->arg_create = true;
        else if (option == OPTION_ACLS)
            t->arg_acls = true;
        else
            t->arg_json = true;
    }
    if (option < 0)
        return -1;
    *ret_status = EX_USAGE;
    if (optind < argc)
        return command_usage_error(t->command, "unexpected argument \"%s\"", argv[optind]), -1;
    if (t->arg_acls && t->arg_create)
        return command_usage_error(t->command, "--acls asks no server: it does not go with --create"), -1;
    if (t->arg_principal && !t->arg_acls)
        return command_usage_error(t->command, "--principal goes with --acls only"), -1;
    if (t->arg_principal && !strchr(t->arg_principal, ':'))
        return command_usage_error(t->command, "--principal: a type and a name expected, such as User:scored"), -1;
    return EXIT_SUCCESS;
}

/* --- rights ------------------------------------------------------------------------------------------ */

/* On the heap; NULL, after an error, if it cannot be told. */
static char *find_principal(const Topics *t) {
    char *principal = NULL;
    if (t->arg_principal)
        return strdup(t->arg_principal);
    for (size_t i = 0; i < t->config->n_kafka_properties && !principal; i++)
        if (strcmp(t->config->kafka_properties[i].name, "sasl.username") == 0 &&
                asprintf(&principal, "User:%s", t->config->kafka_properties[i].value) < 0)
            return NULL;
    if (!principal)
        command_usage_error(t->command, "--principal is needed: the configuration has no sasl.username, by which brokers know scored");
    return principal;
}

static int print_rights(const Topics *t) {
    _cleanup_(free_null) char *principal = find_principal(t);
    JsonWriter writer = JSON_WRITER_INIT;
    Rights rights;
    if (!principal)
        return EX_USAGE;
    rights_list(t->config, &rights);
    if (t->arg_json)
        json_write_array_begin(&writer, STR_NULL);
    for (size_t i = 0; i < rights.n; i++) {
        if (t->arg_json)
            right_write(&rights.items[i], principal, &writer);
        else
            right_print(&rights.items[i], principal, stdout);
    }
    if (t->arg_json) {
        json_write_array_end(&writer);
        json_write_newline(&writer);
    }
    int status = command_finish(t->command, &writer);
    json_writer_deinit(&writer);
    return status;
}

/* --- the list ---------------------------------------------------------------------------------------- */

static void add_row(Topics *t, const char *use, const char *topic, bool is_own) {
    assert(t->n_rows < ROWS_MAX);
    t->rows[t->n_rows++] = (Row){.use = use, .topic = topic, .is_own = is_own, .n_partitions = -1};
}

static void make_rows(Topics *t) {
    static const char *const outputs[_OUTPUT_TYPE_MAX] = {
            [OUTPUT_STAGE_CHANGED] = "stages",
            [OUTPUT_SLA_EVENT] = "sla",
            [OUTPUT_REFUSED] = "refused",
            [OUTPUT_LEAD_RETIRED] = "retired",
            [OUTPUT_DEAD_LETTER] = "dead_letters",
    };
    for (size_t i = 0; i < t->config->n_sources; i++)
        add_row(t, t->config->is_routed[i] ? "routed source" : "source", t->config->sources[i], false);
    add_row(t, "changelog", t->config->changelog_topic, true);
    add_row(t, "internal", t->config->internal_topic, true);
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        add_row(t, outputs[i], t->config->output_topics[i], true);
}

/* What the broker does not say is a finding already, and stays unknown here. */
static int look_at(const Topics *t, Row *row) {
    char text[KAFKA_TEXT_SIZE];
    int32_t n;
    int r = kafka_cluster_partitions(t->cluster, row->topic, CHECK_TIMEOUT_MS, text, &n);
    if (r < 0)
        return r;
    row->is_created = row->n_partitions == 0 && r == 0;
    row->n_partitions = r == 0 ? n : r == KAFKA_E_UNKNOWN ? 0 : -1;
    row->policy[0] = '\0';
    if (r != 0 || !row->is_own || t->config->embedded)
        return 0;
    r = kafka_cluster_topic_property(t->cluster, row->topic, "cleanup.policy", CHECK_TIMEOUT_MS, text, row->policy, sizeof(row->policy));
    if (r > 0)
        row->policy[0] = '\0';
    return MIN(r, 0);
}

static int look_at_all(Topics *t) {
    int r = 0;
    for (size_t i = 0; i < t->n_rows && r == 0; i++)
        r = look_at(t, &t->rows[i]);
    return r;
}

static void print_row(const Row *row) {
    printf("  %-13s %-40s ", row->use, row->topic);
    if (row->n_partitions <= 0) {
        puts(row->n_partitions == 0 ? "not there" : "not known");
        return;
    }
    printf("%s%" PRId32 " partition%s", row->is_created ? "created, " : "", row->n_partitions, row->n_partitions == 1 ? "" : "s");
    printf("%s%s\n", row->policy[0] ? ", " : "", row->policy);
}

static void write_row(const Row *row, JsonWriter *writer) {
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("use"), str_from(row->use));
    json_write_string(writer, STR_LITERAL("topic"), str_from(row->topic));
    if (row->n_partitions < 0)
        json_write_null(writer, STR_LITERAL("partitions"));
    else
        json_write_integer(writer, STR_LITERAL("partitions"), row->n_partitions);
    json_write_string(writer, STR_LITERAL("cleanup_policy"), row->policy[0] ? str_from(row->policy) : STR_NULL);
    json_write_boolean(writer, STR_LITERAL("created"), row->is_created);
    json_write_object_end(writer);
}

static int print_all(const Topics *t) {
    JsonWriter writer = JSON_WRITER_INIT;
    if (t->findings.out_of_memory)
        return command_error(t->command, "%s", strerror(ENOMEM)), EX_OSERR;
    if (t->arg_json) {
        json_write_object_begin(&writer, STR_NULL);
        json_write_array_begin(&writer, STR_LITERAL("topics"));
        for (size_t i = 0; i < t->n_rows; i++)
            write_row(&t->rows[i], &writer);
        json_write_array_end(&writer);
        findings_write_array(&t->findings, STR_LITERAL("findings"), &writer);
        json_write_object_end(&writer);
        json_write_newline(&writer);
    } else {
        puts("topics:");
        for (size_t i = 0; i < t->n_rows; i++)
            print_row(&t->rows[i]);
        puts("findings:");
        findings_print(&t->findings, stdout);
    }
    int status = command_finish(t->command, &writer);
    json_writer_deinit(&writer);
    return status;
}

/* --- servers ----------------------------------------------------------------------------------------- */

/* KAFKA_E_TIMEOUT, after a finding: nobody answers. */
static int check(Topics *t) {
    ShardsKnown known;
    findings_deinit(&t->findings);
    int r = check_brokers(t->config, t->cluster, &t->findings);
    if (r == 0)
        r = check_sources_exist(t->config, t->cluster, t->samples, &t->findings);
    if (r == 0)
        r = check_topics_known(t->config, t->cluster, &t->findings, &known);
    if (r)
        return r;
    const SourcesVerdict verdict = {
            .samples = t->samples,
            .n = t->config->n_sources,
            .n_shards = sources_shards(t->samples, t->config->n_sources, &known),
            .has_state = known.changelog > 0,
    };
    sources_judge_counts(&verdict, &t->findings);
    check_inputs(t->config, t->samples, verdict.n_shards, &t->findings);
    r = check_topics(t->config, t->cluster, &known, verdict.n_shards, &t->findings);
    return r ? r : look_at_all(t);
}

/* Only where nothing else is wrong, so that none is created that would have to be deleted again. What keeps it from it is in the log. */
static int create(Topics *t) {
    bool is_output_compacted[_OUTPUT_TYPE_MAX];
    int64_t tombstones_ms;
    Inputs inputs;
    int r = topics_prepare(t->config, t->cluster, &inputs, is_output_compacted, &tombstones_ms);
    if (r < 0)
        return r;
    t->config->create_topics = false; /* who is missing now is missing */
    return check(t);
}

static int check_and_create(Topics *t) {
    if (t->arg_create)
        t->config->create_topics = true;
    int r = check(t);
    if (r == 0 && t->arg_create && t->findings.counts[FINDING_ERROR] == 0)
        r = create(t);
    if (r < 0)
        return command_error(t->command, "%s", strerror(-r)), EX_OSERR;
    int status = print_all(t);
    if (status != EXIT_SUCCESS)
        return status;
    return r == KAFKA_E_TIMEOUT ? EX_UNAVAILABLE : t->findings.counts[FINDING_ERROR] > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int ask_servers(Topics *t) {
    char text[KAFKA_TEXT_SIZE] = "";
    make_rows(t);
    t->samples = calloc(t->config->n_sources, sizeof(*t->samples));
    int r = t->samples ? kafka_cluster_new(t->config, kafka_cause_note, text, &t->cluster) : -ENOMEM;
    int status = EX_CONFIG;
    if (r == 0)
        status = check_and_create(t);
    else
        command_error(t->command, "%s", r < 0 ? strerror(-r) : text);
    kafka_cluster_free(t->cluster);
    findings_deinit(&t->findings);
    free(t->samples);
    return r < 0 ? EX_OSERR : status;
}

static int run_topics(const Command *self, int argc, char **argv) {
    Topics topics = {.command = self, .arg_config = COMMAND_CONFIG_PATH};
    int status;
    if (parse_arguments(&topics, argc, argv, &status) != EXIT_SUCCESS)
        return status;
    status = command_load_config(self, topics.arg_config, &topics.config);
    if (status == EXIT_SUCCESS && topics.arg_create)
        status = command_configure_log(self, topics.config, LOG_WARNING);
    if (status == EXIT_SUCCESS)
        status = topics.arg_acls ? print_rights(&topics) : ask_servers(&topics);
    config_free(topics.config);
    return status;
}
