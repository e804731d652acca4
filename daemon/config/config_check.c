/* SPDX-License-Identifier: Apache-2.0 */
/* Keys against each other. */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/config/config_reader.h"
#include "daemon/config/listen_address.h"
#include "daemon/log/log_hide.h"
#include "daemon/web/door.h"

/* What scored writes to, with the key that names it. */
typedef struct OwnTopic {
    const char *key, *name;
    const char *suffix; /* behind topics.prefix, where the key is absent */
    bool is_output;
} OwnTopic;

#define OWN_TOPICS (_OUTPUT_TYPE_MAX + 2)

static void own_topics(const Config *config, OwnTopic topics[static OWN_TOPICS]) {
    static const OwnTopic outputs[_OUTPUT_TYPE_MAX] = {
            [OUTPUT_STAGE_CHANGED] = {.key = "stages", .suffix = ".stages"},
            [OUTPUT_SLA_EVENT] = {.key = "sla", .suffix = ".sla"},
            [OUTPUT_REFUSED] = {.key = "refused", .suffix = ".refused"},
            [OUTPUT_LEAD_RETIRED] = {.key = "retired", .suffix = ".retired"},
            [OUTPUT_DEAD_LETTER] = {.key = "dead_letters", .suffix = ".dead-letters"},
    };
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        topics[i] = outputs[i];
        topics[i].name = config->output_topics[i];
        topics[i].is_output = true;
    }
    topics[_OUTPUT_TYPE_MAX] =
            (OwnTopic){.key = "changelog", .suffix = ".changelog", .name = config->changelog_topic};
    topics[_OUTPUT_TYPE_MAX + 1] =
            (OwnTopic){.key = "internal", .suffix = ".internal", .name = config->internal_topic};
}

int config_fill_topics(ConfigReader *reader) {
    Config *config = reader->config;
    OwnTopic topics[OWN_TOPICS];
    own_topics(config, topics);
    for (size_t i = 0; i < OWN_TOPICS; i++) {
        const char **field = i < _OUTPUT_TYPE_MAX    ? &config->output_topics[i]
                             : i == _OUTPUT_TYPE_MAX ? &config->changelog_topic
                                                     : &config->internal_topic;
        /* One that is given is wrong if it is not set by now, and has been reported. */
        if (*field || config_find(reader, "topics", topics[i].key))
            continue;
        *field = config_join(reader, config->prefix, topics[i].suffix, "");
        if (!*field)
            return -ENOMEM;
    }
    return 0;
}

/* Where the list has the name for the n-th time, counted from 0. */
static Mark source_mark(const ConfigReader *reader, const char *name, size_t n) {
    const YamlNode *list = config_find(reader, NULL, "sources");
    for (size_t i = 0; i < list->n_items; i++)
        if (list->items[i]->type == YAML_SCALAR && str_eq_c(list->items[i]->text, name) && n-- == 0)
            return list->items[i]->mark;
    return list->mark;
}

static void check_source(ConfigReader *reader, size_t index, const OwnTopic topics[static OWN_TOPICS]) {
    const Config *config = reader->config;
    const char *name = config->sources[index];
    size_t n_before = 0;
    for (size_t i = 0; i < index; i++)
        n_before += strcmp(config->sources[i], name) == 0;
    Mark mark = source_mark(reader, name, n_before);
    if (n_before > 0)
        config_error(reader, mark, "sources: \"%s\" is in the list twice", name);
    for (size_t i = 0; i < OWN_TOPICS; i++)
        if (topics[i].name && strcmp(topics[i].name, name) == 0)
            config_error(reader, mark, "sources: \"%s\" is topics.%s: scored would read what it writes", name,
                    topics[i].key);
}

/* Outputs may share a topic, since each message tells its schema; changelog and internal topic are alone. */
static void check_own(ConfigReader *reader, const OwnTopic topics[static OWN_TOPICS]) {
    for (size_t i = 0; i < OWN_TOPICS; i++) {
        for (size_t k = i + 1; k < OWN_TOPICS; k++) {
            const OwnTopic *a = &topics[i], *b = &topics[k];
            if (!a->name || !b->name || strcmp(a->name, b->name) != 0 || (a->is_output && b->is_output))
                continue;
            const char *given = config_find(reader, "topics", b->key) ? b->key : a->key;
            config_error(reader, config_mark(reader, "topics", given),
                    "topics.%s and topics.%s are both \"%s\": changelog and internal topic are for scored "
                    "alone",
                    a->key, b->key, a->name);
        }
    }
}

void config_check_topics(ConfigReader *reader) {
    OwnTopic topics[OWN_TOPICS];
    own_topics(reader->config, topics);
    for (size_t i = 0; i < reader->config->n_sources; i++)
        check_source(reader, i, topics);
    check_own(reader, topics);
}

/* Where schemas.events has the id. */
static Mark events_mark(const ConfigReader *reader, int32_t id) {
    const YamlNode *events = config_find(reader, "schemas", "events");
    char text[16];
    (void)snprintf(text, sizeof(text), "%" PRId32, id);
    for (size_t i = 0; i < events->n_items; i++)
        if (str_eq_c(events->keys[i]->text, text))
            return events->keys[i]->mark;
    return events->mark; /* written as +1 */
}

/* One id, one schema: else who reads would decode by the wrong one. */
void config_check_schemas(ConfigReader *reader) {
    const Config *config = reader->config;
    Mark mark = config_mark(reader, "schemas", "outputs");
    if (config_find(reader, "registry", "urls")) {
        if (config_find(reader, "schemas", "outputs"))
            config_error(reader, mark, "outputs: with a registry (registry.urls) it says under which ids it knows our schemas");
        return;
    }
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        int32_t id = config->output_schema_ids[i];
        for (int k = i + 1; k < _OUTPUT_TYPE_MAX; k++)
            if (config->output_schema_ids[k] == id)
                config_error(reader, mark, "outputs: %s and %s have the same id %" PRId32,
                        output_type_name((OutputType)i), output_type_name((OutputType)k), id);
        for (size_t k = 0; k < config->n_schemas; k++)
            if (config->schemas[k].id == id)
                config_error(reader, events_mark(reader, id),
                        "events: %" PRId32 " is the id of %s (schemas.outputs)", id,
                        output_type_name((OutputType)i));
    }
}

/* Two of our schemas under one subject would have to be versions of one another. */
static void check_subjects(ConfigReader *reader, const OwnTopic topics[static OWN_TOPICS]) {
    for (size_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        for (size_t k = 0; k < i; k++)
            if (topics[i].name && topics[k].name && strcmp(topics[i].name, topics[k].name) == 0)
                config_error(reader, config_mark(reader, "topics", topics[i].key),
                        "topics.%s and topics.%s are both \"%s\": a registry (registry.urls) keeps one schema a topic", topics[k].key,
                        topics[i].key, topics[i].name);
}

/* Keys of which one asks for the other. */
static void check_pair(ConfigReader *reader, const char *section, const char *key, const char *wanted) {
    if (config_find(reader, section, key) && !config_find(reader, section, wanted))
        config_error(reader, config_mark(reader, section, key), "%s: it needs %s.%s", key, section, wanted);
}

void config_check_registry(ConfigReader *reader) {
    static const char *const pairs[][2] = {
            {"username", "password_file"}, {"password_file", "username"}, {"certificate_file", "key_file"},
            {"key_file", "certificate_file"}, {"key_password_file", "key_file"}};
    OwnTopic topics[OWN_TOPICS];
    const YamlNode *section = config_find(reader, NULL, "registry");
    if (!section || yaml_is_null(section)) {
        if (!config_find(reader, "schemas", "events"))
            config_error(reader, config_mark(reader, "schemas", "events"),
                    "schemas.events is missing: the schemas of the sources: the id in a message, and the file; or registry.urls, a registry that "
                    "knows them");
        return;
    }
    if (!config_find(reader, "registry", "urls"))
        config_error(reader, config_mark(reader, "registry", "urls"), "registry.urls is missing: the registry that the other keys are about");
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        check_pair(reader, "registry", pairs[i][0], pairs[i][1]);
    if (config_find(reader, "registry", "token_file") && config_find(reader, "registry", "username"))
        config_error(reader, config_mark(reader, "registry", "token_file"), "token_file: there is a username, too; a request has one login");
    own_topics(reader->config, topics);
    check_subjects(reader, topics);
}

static Mark redis_mark(const ConfigReader *reader, const char *key) {
    return config_mark(reader, "redis", key);
}

/* Who Redis is: one of three keys says it. */
static void check_redis_kind(ConfigReader *reader) {
    static const char *const kinds[] = {"address", "sentinels", "cluster"};
    static const char *const of_sentinels[] = {"master", "sentinel_username", "sentinel_password_file", "sentinel_tls"};
    const char *given = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (!config_find(reader, "redis", kinds[i]))
            continue;
        if (given)
            config_error(reader, redis_mark(reader, kinds[i]), "%s: there is redis.%s, too; one of them says where Redis is", kinds[i], given);
        given = kinds[i];
    }
    if (!given)
        config_error(reader, redis_mark(reader, "address"),
                "redis.address is missing: unix:/path/of/socket or tcp:host:port; or redis.sentinels, or redis.cluster");
    for (size_t i = 0; i < ARRAY_SIZE(of_sentinels); i++)
        check_pair(reader, "redis", of_sentinels[i], "sentinels");
    check_pair(reader, "redis", "sentinels", "master");
    if (config_find(reader, "redis", "cluster") && reader->config->redis_database != 0)
        config_error(reader, redis_mark(reader, "database"), "database: a Redis Cluster has number 0 only");
}

static void check_redis_tls(ConfigReader *reader) {
    static const char *const keys[] = {"ca_file", "certificate_file", "key_file", "server_name"};
    const Config *config = reader->config;
    bool is_used = config->redis_tls || config->redis_sentinel_tls;
    for (size_t i = 0; i < ARRAY_SIZE(keys) && !is_used; i++)
        if (config_find(reader, "redis", keys[i]))
            config_error(reader, redis_mark(reader, keys[i]), "%s: it needs redis.tls: true", keys[i]);
    if (config->redis_tls && config->redis_address && strncmp(config->redis_address, "unix:", 5) == 0)
        config_error(reader, redis_mark(reader, "tls"), "tls: there is none on a Unix socket");
}

/* `what` and all of them, for texts. */
static int name_hosts(ConfigReader *reader, const char *what, const ConfigHosts *hosts) {
    const char *name = what;
    for (size_t i = 0; i < hosts->n && name; i++)
        name = config_join(reader, name, i ? "," : " ", hosts->hosts[i]);
    reader->config->redis_address = name;
    return name ? 0 : -ENOMEM;
}

/* A login that is not used, or a certificate that nobody sees, is a misunderstanding. */
int config_check_redis(ConfigReader *reader) {
    static const char *const pairs[][2] = {{"username", "password_file"}, {"sentinel_username", "sentinel_password_file"},
            {"certificate_file", "key_file"}, {"key_file", "certificate_file"}, {"key_password_file", "key_file"}};
    Config *config = reader->config;
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
        check_pair(reader, "redis", pairs[i][0], pairs[i][1]);
    if (!config_find(reader, "redis", "sentinel_tls"))
        config->redis_sentinel_tls = config->redis_tls;
    check_redis_kind(reader);
    check_redis_tls(reader);
    if (config->redis_sentinels.n && config->redis_master) {
        const char *what = config_join(reader, "the master ", config->redis_master, " of sentinels");
        return what ? name_hosts(reader, what, &config->redis_sentinels) : -ENOMEM;
    }
    return config->redis_cluster.n ? name_hosts(reader, "the cluster", &config->redis_cluster) : 0;
}

/* Leads' ids are for those that may see them. */
static void check_board(ConfigReader *reader) {
    const Config *config = reader->config;
    char token[DOOR_TOKEN_LEN_MAX + 1];
    ListenAddress address;
    int r = config->http_token_file ? door_read_token(config->http_token_file, token) : 0;
    if (r < 0)
        config_error(reader, config_mark(reader, "http", "token_file"), "token_file: %s: %s", config->http_token_file,
                r == -EINVAL ? "its first line has to be a token of 16 to 1024 characters" : strerror(-r));
    if (config->http_board && !config->http_token_file && config->http_listen &&
            listen_address_parse(str_from(config->http_listen), &address) && !address.is_local)
        config_error(reader, config_mark(reader, "http", "board"), "board: others than this machine reach %s, too; it needs http.token_file",
                config->http_listen);
}

/* What is told there needs no password: not by mistake to everybody. */
void config_check_http(ConfigReader *reader) {
    const Config *config = reader->config;
    ListenAddress address;
    check_board(reader);
    if (!config->http_listen || config->http_allow_remote || !listen_address_parse(str_from(config->http_listen), &address) ||
            address.is_local)
        return;
    config_error(reader, config_mark(reader, "http", "listen"),
            "listen: others than this machine reach %s, too; that is refused unless http.allow_remote is true", config->http_listen);
}

/* A file that cannot be read has been told of. */
void config_check_log(ConfigReader *reader) {
    const char *path = reader->config->log_lead_ids_key_file;
    LogKey key;
    if (path && log_hide_read_key(path, &key) == LOG_HIDE_E_KEY)
        config_error(reader, config_mark(reader, "log", "lead_ids_key_file"), "lead_ids_key_file: %s must hold %d to %d bytes", path,
                LOG_KEY_LEN_MIN, LOG_KEY_LEN_MAX);
    explicit_bzero(&key, sizeof(key));
}
