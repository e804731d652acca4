/* SPDX-License-Identifier: Apache-2.0 */
/* The values of single keys, a reader for each type of the table. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/config/config_reader.h"
#include "daemon/config/listen_address.h"
#include "lib/calendar/timestamp.h"

#define EXPECTED_SIZE 160
#define CREDENTIALS "${CREDENTIALS_DIRECTORY}/"
#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define TOPIC_CHARS ALNUM "._-"
#define URL_CHARS ALNUM "-._~:/[]%!$&'()*+,;="
#define REGISTRY_URL_LEN_MAX 1000
#define HOST_LEN_MAX 250
#define PREFIX_CHARS ALNUM "._:-" /* a brace would move a key to another slot of a cluster */

static void *field_of(const ConfigReader *reader, const ConfigKey *key) {
    return (char *)reader->config + key->offset;
}

static void set_text(const ConfigReader *reader, const ConfigKey *key, const char *text) {
    memcpy(field_of(reader, key), &text, sizeof(text));
}

static void set_number(const ConfigReader *reader, const ConfigKey *key, int64_t number) {
    memcpy(field_of(reader, key), &number, sizeof(number));
}

static int read_text(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    char expected[EXPECTED_SIZE];
    Str text;
    if (!yaml_string(node, key->key, reader->diagnostics, &text))
        return 0;
    if (text.len >= (size_t)key->min && text.len <= (size_t)key->max) {
        set_text(reader, key, text.data);
        return 0;
    }
    snprintf(expected, sizeof(expected), "%" PRId64 " to %" PRId64 " bytes", key->min, key->max);
    config_expected(reader, node, key->key, expected);
    return 0;
}

static int read_prefix(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    char expected[EXPECTED_SIZE];
    Str text;
    if (!yaml_string(node, key->key, reader->diagnostics, &text))
        return 0;
    if (text.len >= 1 && text.len <= (size_t)key->max && strspn(text.data, PREFIX_CHARS) == text.len) {
        set_text(reader, key, text.data);
        return 0;
    }
    snprintf(expected, sizeof(expected), "1 to %" PRId64 " letters, digits, dots, colons, - and _", key->max);
    config_expected(reader, node, key->key, expected);
    return 0;
}

/* NULL: not a topic's name; an error has been added. */
static const char *topic_name(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    char expected[EXPECTED_SIZE];
    Str text;
    if (!yaml_string(node, key->key, reader->diagnostics, &text))
        return NULL;
    bool is_folder = str_eq_c(text, ".") || str_eq_c(text, "..");
    if (text.len >= 1 && text.len <= (size_t)key->max && strspn(text.data, TOPIC_CHARS) == text.len &&
            !is_folder)
        return text.data;
    snprintf(expected, sizeof(expected), "a topic's name (1 to %" PRId64 " letters, digits, dots, - and _)",
            key->max);
    config_expected(reader, node, key->key, expected);
    return NULL;
}

static int read_topic(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    const char *name = topic_name(reader, key, node);
    if (name)
        set_text(reader, key, name);
    return 0;
}

/* What is no name is left out, so that the others can still be compared: their places are looked up by name.
 */
static int read_topics(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    Config *config = reader->config;
    if (node->type != YAML_SEQUENCE || node->n_items == 0) {
        config_expected(reader, node, key->key, "a list of topics such as [lead-events]");
        return 0;
    }
    if (node->n_items > CONFIG_SOURCES_MAX)
        config_error(reader, node->items[CONFIG_SOURCES_MAX]->mark, "%s: %zu are too many, the limit is %d",
                key->key, node->n_items, CONFIG_SOURCES_MAX);
    for (size_t i = 0; i < MIN(node->n_items, (size_t)CONFIG_SOURCES_MAX); i++) {
        const char *name = topic_name(reader, key, node->items[i]);
        if (name)
            config->sources[config->n_sources++] = name;
    }
    return 0;
}

/* After the list of all of them. */
static int read_routed(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    Config *config = reader->config;
    if (node->type != YAML_SEQUENCE) {
        config_expected(reader, node, key->key, "a list of some of the sources, such as [web-events]");
        return 0;
    }
    for (size_t i = 0; i < node->n_items; i++) {
        Str name;
        size_t k = 0;
        if (!yaml_string(node->items[i], key->key, reader->diagnostics, &name))
            continue;
        while (k < config->n_sources && !str_eq_c(name, config->sources[k]))
            k++;
        const char *nearest = diagnostic_nearest(name, config->sources, config->n_sources);
        if (k < config->n_sources)
            config->is_routed[k] = true;
        else if (nearest)
            config_error(reader, node->items[i]->mark, "%s: \"%s\" is not one of the sources; did you mean \"%s\"?", key->key,
                    name.data, nearest);
        else
            config_error(reader, node->items[i]->mark, "%s: \"%s\" is not one of the sources", key->key, name.data);
    }
    return 0;
}

int config_read_path(ConfigReader *reader, const char *name, const YamlNode *node, const char **ret) {
    Str text;
    if (!yaml_string(node, name, reader->diagnostics, &text))
        return 0;
    const char *directory = reader->directory, *rest = text.data;
    if (str_starts_with(text, CREDENTIALS)) {
        directory = getenv("CREDENTIALS_DIRECTORY");
        rest += strlen(CREDENTIALS);
        if (!directory || directory[0] == '\0') {
            config_error(reader, node->mark,
                    "%s: CREDENTIALS_DIRECTORY is not set; systemd sets it for a service with "
                    "LoadCredential=",
                    name);
            return 0;
        }
    }
    if (strstr(rest, "${")) {
        config_error(
                reader, node->mark, "%s: nothing but " CREDENTIALS " at the beginning is expanded", name);
        return 0;
    }
    if (rest[0] == '\0') {
        config_expected(reader, node, name, "a path");
        return 0;
    }
    const char *path = rest[0] == '/' && directory == reader->directory
                               ? rest
                               : config_join(reader, directory, "/", rest);
    if (!path)
        return -ENOMEM;
    *ret = path;
    return 0;
}

static int read_path(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    const char *path = NULL;
    int r = config_read_path(reader, key->key, node, &path);
    if (path)
        set_text(reader, key, path);
    return r;
}

/* The file is read where its content is needed; that it can be is known here, with a place to point at. */
static int read_secret(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    const char *path = NULL;
    int r = config_read_path(reader, key->key, node, &path);
    if (!path)
        return r;
    if (access(path, R_OK) == 0)
        set_text(reader, key, path);
    else
        config_error(reader, node->mark, "%s: %s cannot be read: %s", key->key, path, strerror(errno));
    return 0;
}

/* host:port or [address]:port */
static bool is_host_and_port(const char *s) {
    const char *colon = strrchr(s, ':');
    size_t host_len = colon ? (size_t)(colon - s) : 0;
    if (host_len == 0)
        return false;
    bool in_brackets = s[0] == '[' && s[host_len - 1] == ']' && host_len > 2;
    if (!in_brackets && (s[0] == '[' || memchr(s, ':', host_len)))
        return false;
    size_t n_digits = strspn(colon + 1, "0123456789");
    if (n_digits == 0 || n_digits > 5 || colon[1 + n_digits] != '\0')
        return false;
    unsigned long port = strtoul(colon + 1, NULL, 10);
    return port >= 1 && port <= USHRT_MAX;
}

static int read_address(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    Str text;
    if (!yaml_string(node, key->key, reader->diagnostics, &text))
        return 0;
    /* The kernel's bound on a socket's path. */
    size_t path_size_max = sizeof(((struct sockaddr_un *)0)->sun_path);
    if ((str_starts_with(text, "unix:/") && text.len - strlen("unix:") < path_size_max) ||
            (str_starts_with(text, "tcp:") && text.len <= HOST_LEN_MAX && is_host_and_port(text.data + strlen("tcp:"))))
        set_text(reader, key, text.data);
    else
        config_expected(reader, node, key->key, "unix:/path (107 bytes at most) or tcp:host:port");
    return 0;
}

static int read_hosts(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    ConfigHosts *hosts = field_of(reader, key);
    if (node->type != YAML_SEQUENCE || node->n_items == 0) {
        config_expected(reader, node, key->key, "a list such as [redis-1:6379, redis-2:6379]");
        return 0;
    }
    if (node->n_items > CONFIG_REDIS_HOSTS_MAX)
        config_error(reader, node->items[CONFIG_REDIS_HOSTS_MAX]->mark, "%s: %zu are too many, the limit is %d", key->key, node->n_items,
                CONFIG_REDIS_HOSTS_MAX);
    for (size_t i = 0; i < MIN(node->n_items, (size_t)CONFIG_REDIS_HOSTS_MAX); i++) {
        Str text;
        if (!yaml_string(node->items[i], key->key, reader->diagnostics, &text))
            continue;
        if (text.len <= HOST_LEN_MAX && is_host_and_port(text.data))
            hosts->hosts[hosts->n++] = text.data;
        else
            config_expected(reader, node->items[i], key->key, "host:port or [address]:port");
    }
    return 0;
}

static int read_listen(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    ListenAddress address;
    Str text;
    if (!yaml_string(node, key->key, reader->diagnostics, &text))
        return 0;
    if (str_eq_c(text, "off"))
        set_text(reader, key, NULL);
    else if (listen_address_parse(text, &address))
        set_text(reader, key, text.data);
    else
        config_expected(reader, node, key->key, "off, unix:/path (107 bytes at most), or an IP address or localhost with a port, such as 127.0.0.1:9464");
    return 0;
}

/* The index of the word in key->words; -1 after an error. */
static int word_index(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    char expected[EXPECTED_SIZE] = "";
    size_t n = 0, len = 0;
    Str text;
    if (!yaml_string(node, key->key, reader->diagnostics, &text))
        return -1;
    for (; key->words[n]; n++) {
        if (str_eq_c(text, key->words[n]))
            return (int)n;
        const char *separator = n == 0 ? "" : key->words[n + 1] ? ", " : " or ";
        len += (size_t)snprintf(expected + len, sizeof(expected) - len, "%s%s", separator, key->words[n]);
        assert(len < sizeof(expected) && "the words of a key fit on a line");
    }
    const char *nearest = diagnostic_nearest(text, key->words, n);
    if (nearest)
        config_error(reader, node->mark, "%s: unknown word \"%s\"; did you mean \"%s\"?", key->key, text.data,
                nearest);
    else
        config_expected(reader, node, key->key, expected);
    return -1;
}

static int read_word(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    int i = word_index(reader, key, node);
    if (i >= 0)
        set_text(reader, key, key->words[i]);
    return 0;
}

static_assert(sizeof(LogLevel) == sizeof(int) && sizeof(WatermarkMode) == sizeof(int) &&
                      sizeof(LogFormat) == sizeof(int) && sizeof(StartAt) == sizeof(int),
        "enumerators are stored as an int");

static int read_choice(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    int i = word_index(reader, key, node);
    if (i >= 0)
        memcpy(field_of(reader, key), &i, sizeof(i));
    return 0;
}

static int read_boolean(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    (void)!yaml_boolean(node, key->key, reader->diagnostics, field_of(reader, key));
    return 0;
}

static int read_integer(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    int64_t number;
    if (yaml_integer(node, key->key, key->min, key->max, reader->diagnostics, &number))
        set_number(reader, key, number);
    return 0;
}

static int read_duration(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    char expected[EXPECTED_SIZE], min[DURATION_TEXT_SIZE], max[DURATION_TEXT_SIZE];
    int64_t duration_ms;
    if (node->type == YAML_SCALAR && duration_parse(node->text, &duration_ms) && duration_ms >= key->min &&
            duration_ms <= key->max) {
        set_number(reader, key, duration_ms);
        return 0;
    }
    (void)duration_print(key->min, min);
    (void)duration_print(key->max, max);
    snprintf(
            expected, sizeof(expected), "a duration from %s to %s (such as 250ms, 90s, 5m or 24h)", min, max);
    config_expected(reader, node, key->key, expected);
    return 0;
}

static const char *const size_units[] = {"KiB", "MiB", "GiB"};

static bool size_parse(Str text, int64_t *ret_bytes) {
    int64_t number = 0;
    size_t n_digits = strspn(text.data, "0123456789");
    if (n_digits == 0 || n_digits > 12 || (text.data[0] == '0' && n_digits > 1))
        return false;
    for (size_t i = 0; i < n_digits; i++)
        number = 10 * number + (text.data[i] - '0');
    for (size_t i = 0; i < ARRAY_SIZE(size_units); i++) {
        if (strcmp(text.data + n_digits, size_units[i]) != 0)
            continue;
        return !__builtin_mul_overflow(number, INT64_C(1) << (10 * (i + 1)), ret_bytes);
    }
    return false;
}

/* In the largest unit that divides it; limits are whole numbers of KiB. */
static void size_print(int64_t bytes, char *text, size_t size) {
    size_t i = 0;
    for (bytes /= 1024; i + 1 < ARRAY_SIZE(size_units) && bytes % 1024 == 0; i++)
        bytes /= 1024;
    snprintf(text, size, "%" PRId64 "%s", bytes, size_units[i]);
}

static int read_size(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    char expected[EXPECTED_SIZE], min[24], max[24];
    int64_t bytes;
    if (node->type == YAML_SCALAR && size_parse(node->text, &bytes) && bytes >= key->min &&
            bytes <= key->max) {
        set_number(reader, key, bytes);
        return 0;
    }
    size_print(key->min, min, sizeof(min));
    size_print(key->max, max, sizeof(max));
    snprintf(expected, sizeof(expected), "a size from %s to %s (in KiB, MiB or GiB)", min, max);
    config_expected(reader, node, key->key, expected);
    return 0;
}

static int read_schema(ConfigReader *reader, const YamlNode *id_node, const YamlNode *path_node) {
    Config *config = reader->config;
    int64_t id = -1;
    const char *path = NULL;
    bool has_id = yaml_integer(id_node, "events", 0, INT32_MAX, reader->diagnostics, &id);
    int r = config_read_path(reader, "events", path_node, &path);
    if (r || !has_id || !path)
        return r;
    for (size_t i = 0; i < config->n_schemas; i++)
        if (config->schemas[i].id == id)
            config_error(reader, id_node->mark, "events: the id %" PRId64 " is there twice", id);
    config->schemas[config->n_schemas++] = (SchemaFile){(int32_t)id, path};
    return 0;
}

static int read_schemas(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    if (node->type != YAML_MAPPING || node->n_items == 0) {
        config_expected(
                reader, node, key->key, "ids of schemas with their files, such as { 100: LeadEvent.avsc }");
        return 0;
    }
    size_t n = MIN(node->n_items, (size_t)CONFIG_SCHEMAS_MAX);
    if (n < node->n_items)
        config_error(reader, node->keys[n]->mark, "%s: %zu are too many, the limit is %zu", key->key,
                node->n_items, n);
    reader->config->schemas = arena_new_array(reader->arena, SchemaFile, n);
    if (!reader->config->schemas)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        int r = read_schema(reader, node->keys[i], node->items[i]);
        if (r)
            return r;
    }
    return 0;
}

static int read_output_ids(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    const char *names[_OUTPUT_TYPE_MAX];
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        names[i] = output_type_name((OutputType)i);
    if (!yaml_check_keys(node, key->key, names, ARRAY_SIZE(names), reader->diagnostics))
        return 0;
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        const YamlNode *value = yaml_get(node, names[i]);
        int64_t id;
        if (value && yaml_integer(value, names[i], 0, INT32_MAX, reader->diagnostics, &id))
            reader->config->output_schema_ids[i] = (int32_t)id;
    }
    return 0;
}

/* The host's name, an address, or one in brackets; then perhaps a port, and a path. */
static bool is_url(const char *s) {
    size_t len = strlen(s);
    const char *host = str_starts_with((Str){s, len}, "http://") ? s + 7 : str_starts_with((Str){s, len}, "https://") ? s + 8 : NULL;
    if (!host || len > REGISTRY_URL_LEN_MAX || host[strcspn(host, "@?#\\")] != '\0' || strspn(s, URL_CHARS) != len)
        return false;
    size_t n = host[0] == '[' ? strcspn(host, "]/") + 1 : strcspn(host, ":/");
    if (n < 1 || (host[0] == '[' && host[n - 1] != ']'))
        return false;
    if (host[n] != ':')
        return host[n] == '\0' || host[n] == '/';
    size_t n_digits = strspn(host + n + 1, "0123456789");
    unsigned long port = strtoul(host + n + 1, NULL, 10);
    return n_digits >= 1 && n_digits <= 5 && port >= 1 && port <= USHRT_MAX && (host[n + 1 + n_digits] == '\0' || host[n + 1 + n_digits] == '/');
}

/* A URL with a login in it is not shown. */
static void read_url(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    Config *config = reader->config;
    Str text;
    if (!yaml_string(node, key->key, reader->diagnostics, &text))
        return;
    if (memchr(text.data, '@', text.len))
        config_error(reader, (Mark){node->mark.line, node->mark.column, 0},
                "%s: a login does not belong into a URL: write registry.username and registry.password_file", key->key);
    else if (!is_url(text.data))
        config_expected(reader, node, key->key, "a URL such as https://registry:8081, with a path or without");
    else
        config->registry_urls[config->n_registry_urls++] = text.data;
}

static int read_urls(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    if (node->type != YAML_SEQUENCE || node->n_items == 0) {
        config_expected(reader, node, key->key, "a list of URLs such as [https://registry:8081]");
        return 0;
    }
    if (node->n_items > CONFIG_REGISTRY_URLS_MAX)
        config_error(reader, node->items[CONFIG_REGISTRY_URLS_MAX]->mark, "%s: %zu are too many, the limit is %d", key->key,
                node->n_items, CONFIG_REGISTRY_URLS_MAX);
    for (size_t i = 0; i < MIN(node->n_items, (size_t)CONFIG_REGISTRY_URLS_MAX); i++)
        read_url(reader, key, node->items[i]);
    return 0;
}

int config_read(ConfigReader *reader, const ConfigKey *key, const YamlNode *node) {
    static int (*const readers[_CONFIG_TYPE_MAX])(ConfigReader *, const ConfigKey *, const YamlNode *) = {
            [CONFIG_TEXT] = read_text,
            [CONFIG_PREFIX] = read_prefix,
            [CONFIG_TOPIC] = read_topic,
            [CONFIG_TOPICS] = read_topics,
            [CONFIG_ROUTED] = read_routed,
            [CONFIG_PATH] = read_path,
            [CONFIG_SECRET] = read_secret,
            [CONFIG_ADDRESS] = read_address,
            [CONFIG_LISTEN] = read_listen,
            [CONFIG_WORD] = read_word,
            [CONFIG_CHOICE] = read_choice,
            [CONFIG_BOOLEAN] = read_boolean,
            [CONFIG_INTEGER] = read_integer,
            [CONFIG_DURATION] = read_duration,
            [CONFIG_SIZE] = read_size,
            [CONFIG_PROPERTIES] = config_read_properties,
            [CONFIG_SECRETS] = config_read_secrets,
            [CONFIG_SCHEMAS] = read_schemas,
            [CONFIG_OUTPUT_IDS] = read_output_ids,
            [CONFIG_URLS] = read_urls,
            [CONFIG_HOSTS] = read_hosts,
    };
    return readers[key->type](reader, key, node);
}
