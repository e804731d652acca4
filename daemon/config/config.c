/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key is read by the table of config_keys.c: first its default, which the table holds as text, then
 * what the file says; so both go one way. What depends on other keys (the names of our topics) is filled in
 * after that, and then keys are checked against each other.
 */
#include "daemon/config/config_reader.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define MESSAGE_SIZE 1024
#define GOT_LEN_MAX 60

static const Mark whole_file = {0, 0, 1};

void config_error(ConfigReader *reader, Mark mark, const char *format, ...) {
    char message[MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, mark, "%s", message);
}

void config_expected(ConfigReader *reader, const YamlNode *node, const char *name, const char *expected) {
    if (node->type != YAML_SCALAR || yaml_is_null(node)) {
        const char *got = node->type == YAML_SEQUENCE  ? "a list"
                          : node->type == YAML_MAPPING ? "a mapping"
                                                       : "nothing";
        if (node->type != YAML_SCALAR && node->n_items == 0)
            got = "an empty one";
        config_error(reader, node->mark, "%s: %s expected, got %s", name, expected, got);
        return;
    }
    config_error(reader, node->mark, "%s: %s expected, got \"%.*s%s\"", name, expected,
            (int)str_cut(node->text, GOT_LEN_MAX), node->text.data,
            node->text.len > GOT_LEN_MAX ? "..." : "");
}

const YamlNode *config_find(const ConfigReader *reader, const char *section, const char *key) {
    const YamlNode *parent = section ? yaml_get(reader->root, section) : reader->root;
    return parent ? yaml_get(parent, key) : NULL;
}

Mark config_mark(const ConfigReader *reader, const char *section, const char *key) {
    const YamlNode *node = config_find(reader, section, key);
    if (node)
        return node->mark;
    for (size_t i = 0; section && i < reader->root->n_items; i++)
        if (str_eq_c(reader->root->keys[i]->text, section))
            return reader->root->keys[i]->mark;
    return whole_file;
}

const char *config_join(ConfigReader *reader, const char *a, const char *b, const char *c) {
    size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
    char *text = arena_alloc(reader->arena, size, 1);
    if (text)
        (void)snprintf(text, size, "%s%s%s", a, b, c);
    return text;
}

/* Of one section, or with NULL the outermost. Returns how many. */
static size_t known_keys(
        const char *section, const char *names[static CONFIG_SECTIONS_MAX + CONFIG_SECTION_KEYS_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < config_n_keys; i++) {
        const char *of = config_keys[i].section;
        if (of == section || (of && section && strcmp(of, section) == 0))
            names[n++] = config_keys[i].key;
    }
    assert(n <= CONFIG_SECTION_KEYS_MAX);
    for (size_t i = 0; !section && config_section(i); i++) {
        assert(i < CONFIG_SECTIONS_MAX);
        names[n++] = config_section(i);
    }
    return n;
}

/* A section with nothing in it is as good as none: all of its lines may be comments. */
static bool check_keys(ConfigReader *reader) {
    const char *names[CONFIG_SECTIONS_MAX + CONFIG_SECTION_KEYS_MAX];
    size_t n = known_keys(NULL, names);
    if (!yaml_check_keys(reader->root, "the configuration", names, n, reader->diagnostics))
        return false;
    for (size_t i = 0; config_section(i); i++) {
        const char *section = config_section(i);
        const YamlNode *node = yaml_get(reader->root, section);
        if (!node || yaml_is_null(node))
            continue;
        n = known_keys(section, names);
        (void)!yaml_check_keys(node, section, names, n, reader->diagnostics);
    }
    return true;
}

static int read_default(ConfigReader *reader, const ConfigKey *key) {
    YamlNode *node;
    if (!key->default_text)
        return 0;
    int r = yaml_parse(reader->arena, str_from(key->default_text), reader->diagnostics, &node);
    if (r)
        return r;
    assert(node && "a default is a value in YAML");
    return config_read(reader, key, node);
}

static void report_missing(ConfigReader *reader, const ConfigKey *key) {
    const char *section = key->section;
    config_error(reader, config_mark(reader, section, key->key), "%s%s%s is missing: %s",
            section ? section : "", section ? "." : "", key->key, key->summary);
}

static int read_keys(ConfigReader *reader) {
    for (size_t i = 0; i < config_n_keys; i++) {
        const ConfigKey *key = &config_keys[i];
        const YamlNode *node = config_find(reader, key->section, key->key);
        size_t n_errors = reader->diagnostics->n_errors;
        int r = read_default(reader, key);
        assert((r || reader->diagnostics->n_errors == n_errors) && "a default is a good value");
        (void)n_errors;
        if (!r && node)
            r = config_read(reader, key, node);
        if (r)
            return r;
        if (!node && !key->default_text && !key->absent)
            report_missing(reader, key);
    }
    return 0;
}

static int fill_instance(ConfigReader *reader) {
    char name[HOST_NAME_MAX + 1] = "";
    if (reader->config->instance || config_find(reader, NULL, "instance"))
        return 0;
    if (gethostname(name, sizeof(name)) < 0 || name[0] == '\0' || !memchr(name, '\0', sizeof(name))) {
        config_error(reader, whole_file, "instance is missing: the host has no name that could stand for it");
        return 0;
    }
    reader->config->instance = arena_str(reader->arena, str_from(name)).data;
    return reader->config->instance ? 0 : -ENOMEM;
}

/* Of an instance's two transactional ids one ends with it (kafka_sink.h): its name would be another's. */
static void check_instance(ConfigReader *reader) {
    const char *instance = reader->config->instance;
    size_t len = instance ? strlen(instance) : 0, end_len = strlen(CONFIG_SECOND_PRODUCER);
    if (len >= end_len && strcmp(instance + len - end_len, CONFIG_SECOND_PRODUCER) == 0)
        config_error(reader, config_mark(reader, NULL, "instance"),
                "instance: a name that does not end with \"" CONFIG_SECOND_PRODUCER "\" expected, got \"%s\": the second producer of another may be called so",
                instance);
}

static void check_replication(ConfigReader *reader) {
    if (reader->config->replication_factor == 0)
        config_error(reader, config_mark(reader, "topics", "replication_factor"),
                "replication_factor: 0 copies of a topic are none; -1 leaves it to the brokers");
}

static int read_all(ConfigReader *reader) {
    if (!check_keys(reader))
        return 0;
    int r = read_keys(reader);
    if (!r)
        r = fill_instance(reader);
    if (!r)
        r = config_fill_topics(reader);
    if (r)
        return r;
    config_check_topics(reader);
    config_check_schemas(reader);
    config_check_registry(reader);
    config_check_http(reader);
    config_check_log(reader);
    check_instance(reader);
    check_replication(reader);
    return config_check_redis(reader);
}

int config_load(Str source, const char *directory, Diagnostics *diagnostics, Config **ret) {
    _cleanup_(arena_free) Arena *arena = NULL;
    YamlNode *root;
    size_t n_errors = diagnostics->n_errors;
    int r = arena_new(&arena);
    if (r)
        return r;
    Config *config = arena_new_array(arena, Config, 1);
    if (!config)
        return -ENOMEM;
    r = yaml_parse(arena, source, diagnostics, &root);
    if (r)
        return r;
    if (root) {
        ConfigReader reader = {.config = config,
                .arena = arena,
                .diagnostics = diagnostics,
                .directory = directory,
                .root = root};
        r = read_all(&reader);
    }
    config_hide_secrets(diagnostics, source);
    config->arena = TAKE_PTR(arena);
    if (r || diagnostics->n_errors > n_errors)
        (void)config_free(config);
    else
        *ret = config;
    return r;
}

int config_find_model(Str source, const char *directory, char **ret) {
    Diagnostics unused = DIAGNOSTICS_INIT;
    _cleanup_(arena_free) Arena *arena = NULL;
    YamlNode *root = NULL;
    const char *path = NULL;
    int r = arena_new(&arena);
    if (!r)
        r = yaml_parse(arena, source, &unused, &root);
    ConfigReader reader = {.arena = arena, .diagnostics = &unused, .directory = directory, .root = root};
    const YamlNode *node = !r && root ? config_find(&reader, NULL, "model") : NULL;
    if (node)
        r = config_read_path(&reader, "model", node, &path);
    diagnostics_done(&unused);
    if (r)
        return r;
    *ret = path ? strdup(path) : NULL;
    return path && !*ret ? -ENOMEM : 0;
}

Config *config_free(Config *config) {
    if (!config)
        return NULL;
    /* Some are secrets. The arena's memory is not read-only, though we only look at it. */
    for (size_t i = 0; i < config->n_kafka_properties; i++) {
        const char *value = config->kafka_properties[i].value;
        explicit_bzero((void *)(uintptr_t)value, strlen(value));
    }
    (void)arena_free(config->arena);
    return NULL;
}
