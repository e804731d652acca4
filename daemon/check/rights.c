/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/check/rights.h"

/* On what; one subject may stand for several names. */
typedef enum Subject {
    EACH_SOURCE,
    OWN_TOPICS, /* by their prefix; those with names of their own, each */
    CHANGELOG,
    INTERNAL,
    SHOWN, /* the outputs, where there is a board, which shows them */
    GROUP,
    TRANSACTIONAL_IDS,
} Subject;

/* README, "Kafka's rights". Describe comes with each of them. */
static const struct {
    Subject subject;
    RightOperation operation;
} table[] = {
        {EACH_SOURCE, RIGHT_READ},
        {OWN_TOPICS, RIGHT_WRITE},
        {OWN_TOPICS, RIGHT_DESCRIBE_CONFIGS},
        {OWN_TOPICS, RIGHT_CREATE}, /* unless topics.create is false */
        {CHANGELOG, RIGHT_READ},
        {INTERNAL, RIGHT_READ},
        {SHOWN, RIGHT_READ},
        {GROUP, RIGHT_READ},
        {TRANSACTIONAL_IDS, RIGHT_WRITE},
};

static const struct {
    const char *kafka, *option;
} resources[] = {
        [RIGHT_TOPIC] = {"TOPIC", "--topic"},
        [RIGHT_GROUP] = {"GROUP", "--group"},
        [RIGHT_TRANSACTIONAL_ID] = {"TRANSACTIONAL_ID", "--transactional-id"},
};

static const struct {
    const char *kafka, *argument;
} operations[] = {
        [RIGHT_READ] = {"READ", "Read"},
        [RIGHT_WRITE] = {"WRITE", "Write"},
        [RIGHT_CREATE] = {"CREATE", "Create"},
        [RIGHT_DESCRIBE_CONFIGS] = {"DESCRIBE_CONFIGS", "DescribeConfigs"},
};

static void add(Rights *rights, Right right) {
    for (size_t i = 0; i < rights->n; i++) {
        const Right *other = &rights->items[i];
        if (other->resource == right.resource && other->operation == right.operation && other->is_prefix == right.is_prefix &&
                strcmp(other->name, right.name) == 0)
            return; /* two outputs may share a topic */
    }
    assert(rights->n < RIGHTS_MAX);
    rights->items[rights->n++] = right;
}

static void add_own_topic(Rights *rights, RightOperation operation, const char *topic) {
    if (str_starts_with(str_from(topic), rights->topics_prefix))
        add(rights, (Right){RIGHT_TOPIC, operation, rights->topics_prefix, true});
    else
        add(rights, (Right){RIGHT_TOPIC, operation, topic, false});
}

static void add_own_topics(const Config *config, Rights *rights, RightOperation operation) {
    if (operation == RIGHT_CREATE && !config->create_topics)
        return;
    add_own_topic(rights, operation, config->changelog_topic);
    add_own_topic(rights, operation, config->internal_topic);
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        add_own_topic(rights, operation, config->output_topics[i]);
}

static void add_row(const Config *config, Rights *rights, Subject subject, RightOperation operation) {
    switch (subject) {
    case EACH_SOURCE:
        for (size_t i = 0; i < config->n_sources; i++)
            add(rights, (Right){RIGHT_TOPIC, operation, config->sources[i], false});
        return;
    case OWN_TOPICS:
        add_own_topics(config, rights, operation);
        return;
    case CHANGELOG:
        add(rights, (Right){RIGHT_TOPIC, operation, config->changelog_topic, false});
        return;
    case INTERNAL:
        add(rights, (Right){RIGHT_TOPIC, operation, config->internal_topic, false});
        return;
    case SHOWN:
        for (size_t i = 0; i < _OUTPUT_TYPE_MAX && config->http_board; i++)
            add(rights, (Right){RIGHT_TOPIC, operation, config->output_topics[i], false});
        return;
    case GROUP:
        add(rights, (Right){RIGHT_GROUP, operation, config->group, false});
        return;
    case TRANSACTIONAL_IDS:
        add(rights, (Right){RIGHT_TRANSACTIONAL_ID, operation, rights->ids_prefix, true});
        return;
    }
}

void rights_list(const Config *config, Rights *ret) {
    ret->n = 0;
    (void)snprintf(ret->topics_prefix, sizeof(ret->topics_prefix), "%s.", config->prefix);
    (void)snprintf(ret->ids_prefix, sizeof(ret->ids_prefix), "%s.", config->group);
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        add_row(config, ret, table[i].subject, table[i].operation);
}

static void print_quoted(const char *text, FILE *file) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:/@%+=,";
    if (text[0] && strspn(text, plain) == strlen(text)) {
        fputs(text, file);
        return;
    }
    fputc('\'', file);
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", file);
        else
            fputc(*text, file);
    }
    fputc('\'', file);
}

void right_print(const Right *right, const char *principal, FILE *file) {
    fputs("--add --allow-principal ", file);
    print_quoted(principal, file);
    fprintf(file, " --operation %s %s ", operations[right->operation].argument, resources[right->resource].option);
    print_quoted(right->name, file);
    fputs(right->is_prefix ? " --resource-pattern-type prefixed\n" : "\n", file);
}

void right_write(const Right *right, const char *principal, JsonWriter *writer) {
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("principal"), str_from(principal));
    json_write_string(writer, STR_LITERAL("resource"), str_from(resources[right->resource].kafka));
    json_write_string(writer, STR_LITERAL("name"), str_from(right->name));
    json_write_string(writer, STR_LITERAL("pattern"), right->is_prefix ? STR_LITERAL("PREFIXED") : STR_LITERAL("LITERAL"));
    json_write_string(writer, STR_LITERAL("operation"), str_from(operations[right->operation].kafka));
    json_write_object_end(writer);
}
