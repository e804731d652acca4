/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Properties that are passed on to librdkafka. Secrets among them come from files: a configuration is copied
 * into tickets, repositories and logs, and for a secret each of these is one place too many.
 */
#include <stdio.h>

#include "daemon/base/file_read.h"
#include "daemon/config/config_reader.h"
#include "daemon/io/kafka/kafka_client.h"

/* A private key of 16,384 bits with its chain of certificates. */
#define SECRET_LEN_MAX (64 * 1024)

bool config_is_secret(const char *property) {
    return strstr(property, "password") || strstr(property, "secret") ||
           strcmp(property, "ssl.key.pem") == 0 || strcmp(property, "sasl.oauthbearer.config") == 0;
}

/* What stands in the configuration for a property that scored sets itself. */
static const char *remedy_for(const char *property) {
    static const char *const remedies[][2] = {
            {"bootstrap.servers", "write kafka.bootstrap_servers"},
            {"metadata.broker.list", "write kafka.bootstrap_servers"},
            {"group.id", "write kafka.group"},
            {"transactional.id", "it is made of kafka.group and instance"},
            {"partitioner", "write kafka.partitioner"},
            {"auto.offset.reset", "write kafka.start"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
        if (strcmp(property, remedies[i][0]) == 0)
            return remedies[i][1];
    return "the guarantees rest on it";
}

/* The property's name, if it may be given; else NULL, after an error. */
static const char *property_name(ConfigReader *reader, const YamlNode *node) {
    const Config *config = reader->config;
    const char *name = node->text.data;
    if (config->n_kafka_properties >= CONFIG_PROPERTIES_MAX) {
        config_error(reader, node->mark, "more than %d properties", CONFIG_PROPERTIES_MAX);
        return NULL;
    }
    if (kafka_property_is_reserved(name)) {
        config_error(reader, node->mark, "\"%s\" is set by scored itself: %s", name, remedy_for(name));
        return NULL;
    }
    for (size_t i = 0; i < config->n_kafka_properties; i++)
        if (strcmp(config->kafka_properties[i].name, name) == 0)
            config_error(reader, node->mark, "\"%s\" is in kafka.properties already", name);
    return name;
}

/* Is it a mapping? Makes room for properties the first time. */
static int check_mapping(ConfigReader *reader, const ConfigKey *key, const YamlNode *node, bool *ret) {
    Config *config = reader->config;
    *ret = node->type == YAML_MAPPING;
    if (!*ret)
        config_expected(reader, node, key->key, "a mapping of librdkafka properties");
    if (config->kafka_properties)
        return 0;
    config->kafka_properties = arena_new_array(reader->arena, KafkaProperty, CONFIG_PROPERTIES_MAX);
    return config->kafka_properties ? 0 : -ENOMEM;
}

static void add_property(ConfigReader *reader, const char *name, const char *value) {
    Config *config = reader->config;
    config->kafka_properties[config->n_kafka_properties++] = (KafkaProperty){name, value};
}

/* Is librdkafka's complaint that there is no such property? By its words, up to the name, for one that isn't.
 */
static bool is_unknown(const char *text) {
    char reference[KAFKA_TEXT_SIZE] = "";
    bool is_good = kafka_property_check("no.such.property", "", reference);
    assert(!is_good && "librdkafka has not learnt it");
    (void)is_good;
    return strncmp(text, reference, strcspn(reference, "\"")) == 0;
}

int config_read_properties(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    bool is_mapping;
    int r = check_mapping(reader, key, node, &is_mapping);
    for (size_t i = 0; !r && is_mapping && i < node->n_items; i++) {
        char text[KAFKA_TEXT_SIZE];
        Mark mark = node->keys[i]->mark;
        const char *name = property_name(reader, node->keys[i]);
        Str value;
        if (!name)
            continue;
        if (config_is_secret(name)) {
            config_error(reader, mark,
                    "\"%s\" is a secret: put it into a file and write kafka.secrets: { %s: FILE } instead",
                    name, name);
            continue;
        }
        if (!yaml_string(node->items[i], name, reader->diagnostics, &value))
            continue;
        if (kafka_property_check(name, value.data, text)) {
            add_property(reader, name, value.data);
            continue;
        }
        /* An unknown name may be a secret's with a slip in it. */
        config_error(reader, is_unknown(text) ? (Mark){mark.line, mark.column, 0} : node->items[i]->mark,
                "%s", text);
    }
    return r;
}

/* The content of a secret's file without its line's end, in the arena; *ret stays NULL after an error. */
static int read_secret(ConfigReader *reader, const char *name, const YamlNode *node, const char **ret) {
    const char *path = NULL, *problem = NULL;
    char *data = NULL;
    size_t len = 0;
    int r = config_read_path(reader, name, node, &path);
    if (r || !path)
        return r;

    r = file_read(path, SECRET_LEN_MAX, &data, &len);
    if (r == -ENOMEM)
        return r;
    size_t n_read = len;
    if (len > 0 && data[len - 1] == '\n')
        len -= len > 1 && data[len - 2] == '\r' ? 2 : 1;
    if (r)
        problem = strerror(-r);
    else if (len == 0)
        problem = "it is empty";
    else if (memchr(data, '\0', len))
        problem = "it holds a NUL";
    if (problem) {
        config_error(reader, node->mark, "%s: %s cannot be used: %s", name, path, problem);
        r = 0;
    } else {
        *ret = arena_str(reader->arena, (Str){data, len}).data;
        r = *ret ? 0 : -ENOMEM;
    }
    if (data)
        explicit_bzero(data, n_read);
    free(data);
    return r;
}

int config_read_secrets(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    bool is_mapping;
    int r = check_mapping(reader, key, node, &is_mapping);
    for (size_t i = 0; !r && is_mapping && i < node->n_items; i++) {
        char text[KAFKA_TEXT_SIZE];
        const char *name = property_name(reader, node->keys[i]), *value = NULL;
        if (name)
            r = read_secret(reader, name, node->items[i], &value);
        if (!value)
            continue;
        /* Librdkafka's own words might show the value. */
        if (kafka_property_check(name, value, text))
            add_property(reader, name, value);
        else
            config_error(reader, node->keys[i]->mark,
                    "librdkafka knows no property \"%s\", or does not take what the file holds", name);
    }
    return r;
}

/* Line `number` from 1; empty past the last. */
static Str line_of(Str source, unsigned number) {
    for (; number > 1 && source.len > 0; number--) {
        const char *end = memchr(source.data, '\n', source.len);
        size_t len = end ? (size_t)(end - source.data) + 1 : source.len;
        source = (Str){source.data + len, source.len - len};
    }
    const char *end = source.len > 0 ? memchr(source.data, '\n', source.len) : NULL;
    return (Str){source.data, end ? (size_t)(end - source.data) : source.len};
}

/* `password_file:` and `secrets:` are no secrets, but the names of files are what follows them. */
static bool may_hold_secret(Str line) {
    static const struct {
        const char *word, *unless;
    } words[] = {
            {"password", "_file"}, {"secret", "s:"}, {"ssl.key.pem", "-"}, {"sasl.oauthbearer.config", "-"}};
    for (size_t i = 0; i < line.len; i++) {
        if (str_starts_with((Str){line.data + i, line.len - i}, "://") && memchr(line.data + i, '@', line.len - i))
            return true; /* a URL with a login in it */
        for (size_t k = 0; k < ARRAY_SIZE(words); k++) {
            Str rest = {line.data + i, line.len - i};
            if (!str_starts_with(rest, words[k].word))
                continue;
            size_t len = strlen(words[k].word);
            if (!str_starts_with((Str){rest.data + len, rest.len - len}, words[k].unless))
                return true;
        }
    }
    return false;
}

void config_hide_secrets(Diagnostics *diagnostics, Str source) {
    for (size_t i = 0; i < diagnostics->n_items; i++) {
        Mark *mark = &diagnostics->items[i].mark;
        if (mark->line > 0 && may_hold_secret(line_of(source, mark->line)))
            mark->length = 0;
    }
}
