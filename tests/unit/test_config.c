/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scored.yaml: what a good one becomes, and what is said of bad ones. The latter are the files of
 * tests/config/errors, each beside the diagnostics expected of it. With SCORED_UPDATE_EXPECTED set these are
 * written instead of compared: read the difference before you keep it.
 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/config/config_keys.h"
#include "daemon/config/config_reader.h"
#include "lib/calendar/timestamp.h"
#include "tests/unit/suite.h"

#define ERRORS_DIR SOURCE_DIR "/tests/config/errors"
#define CONFIG_DIR SOURCE_DIR "/config"
/* Where the files in the tests are said to be. */
#define HOME_DIR "/etc/scored"

/* All that is required. */
#define MINIMAL                                                                                              \
    "model: model.yaml\n"                                                                                    \
    "sources: [lead-events]\n"                                                                               \
    "redis: { address: 'tcp:localhost:6379' }\n"                                                             \
    "schemas: { directory: ../schemas, events: { 100: ../schemas/LeadEvent.avsc } }\n"
#define WITH_KAFKA(more) MINIMAL "kafka:\n  bootstrap_servers: localhost:9092\n" more

static void diagnostics_done_cleanup(Diagnostics *d) {
    diagnostics_done(d);
}

static Config *load_at(const char *text, const char *directory, Diagnostics *d) {
    Config *config = NULL;
    ck_assert_int_eq(config_load(str_from(text), directory, d, &config), 0);
    ck_assert_msg((config == NULL) == (d->n_errors > 0), "a configuration, or errors");
    return config;
}

static Config *load_clean(const char *text, const char *directory) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Config *config = load_at(text, directory, &d);
    _cleanup_(free_null) char *rendered = diagnostics_render(&d, "config", str_from(text));
    if (d.n_errors + d.n_warnings > 0)
        (void)fputs(rendered, stderr);
    ck_assert_uint_eq(d.n_errors + d.n_warnings, 0);
    return config;
}

/* What is said of a bad file; the caller's to free. */
static char *diagnose(const char *text, const char *name) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    (void)config_free(load_at(text, HOME_DIR, &d));
    diagnostics_sort(&d);
    return diagnostics_render(&d, name, str_from(text));
}

/* The whole of a file without NULs; NULL if there is none. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    if (!file)
        return NULL;
    if (getdelim(&text, &size, '\0', file) < 0) {
        free(text);
        text = strdup("");
    }
    (void)fclose(file);
    return text;
}

static void write_bytes(const char *path, const char *bytes, size_t len) {
    FILE *file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

/* --- good files -------------------------------------------------------------------------------------- */

START_TEST(defaults_hold_without_keys) {
    _cleanup_(config_free) Config *c = load_clean(WITH_KAFKA(""), HOME_DIR);
    char host_name[256];
    ck_assert_int_eq(gethostname(host_name, sizeof(host_name)), 0);
    ck_assert_str_eq(c->instance, host_name);
    ck_assert_str_eq(c->group, "scored");
    ck_assert_str_eq(c->partitioner, "murmur2_random");
    ck_assert_int_eq(c->start, START_EARLIEST);
    ck_assert(!c->embedded);
    ck_assert_uint_eq(c->n_kafka_properties, 0);
    ck_assert_str_eq(c->output_topics[OUTPUT_STAGE_CHANGED], "scored.stages");
    ck_assert_str_eq(c->output_topics[OUTPUT_SLA_EVENT], "scored.sla");
    ck_assert_str_eq(c->output_topics[OUTPUT_REFUSED], "scored.refused");
    ck_assert_str_eq(c->output_topics[OUTPUT_LEAD_RETIRED], "scored.retired");
    ck_assert_str_eq(c->output_topics[OUTPUT_DEAD_LETTER], "scored.dead-letters");
    ck_assert_str_eq(c->changelog_topic, "scored.changelog");
    ck_assert_str_eq(c->internal_topic, "scored.internal");
    ck_assert(c->create_topics);
    ck_assert_int_eq(c->replication_factor, -1);
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++)
        ck_assert_int_eq(c->output_schema_ids[i], i + 1);
    ck_assert_uint_eq(c->n_registry_urls, 0);
    ck_assert_ptr_null(c->redis_username);
    ck_assert_ptr_null(c->redis_password_file);
    ck_assert_int_eq(c->redis_database, 0);
    ck_assert_str_eq(c->redis_prefix, "scored");
    ck_assert(c->redis_hashes);
    ck_assert_int_eq(c->watermark, WATERMARK_WALL);
    ck_assert_int_eq(c->max_future_ms, 600000);
    ck_assert_int_eq(c->batch_max_events, 50000);
    ck_assert_int_eq(c->batch_max_ms, 20);
    ck_assert_int_eq(c->batch_max_moments, 5000);
    ck_assert_int_eq(c->batch_order_wait_ms, 10000);
    ck_assert_int_eq(c->view_max_pending, 200);
    ck_assert_int_eq(c->view_max_bytes, 32 * 1024 * 1024);
    ck_assert_int_eq(c->view_max_delay_ms, 200);
    ck_assert_int_eq(c->cache_max_bytes, 256 * 1024 * 1024);
    ck_assert_int_eq(c->moments_near_max, 100000);
    ck_assert_ptr_null(c->http_listen);
    ck_assert(!c->http_allow_remote);
    ck_assert_int_eq(c->http_stuck_after_ms, 60000);
    ck_assert_int_eq(c->http_max_sources, 20);
    ck_assert(!c->http_board);
    ck_assert_ptr_null(c->http_token_file);
    ck_assert_ptr_null(c->http_host);
    ck_assert_int_eq(c->log_format, LOG_AUTO);
    ck_assert_int_eq(c->log_level, LOG_INFO);
}
END_TEST

START_TEST(values_take_the_place_of_defaults) {
    _cleanup_(config_free) Config *c =
            load_clean("model: /models/acme.yaml\n"
                       "sources: [web, product]\n"
                       "instance: node-7\n"
                       "watermark: data\n"
                       "max_future: 0s\n"
                       "kafka:\n"
                       "  bootstrap_servers: a:9092,b:9092\n"
                       "  group: acme\n"
                       "  partitioner: fnv1a_random\n"
                       "  start: latest\n"
                       "  embedded: true\n"
                       "  properties: { session.timeout.ms: 6000, security.protocol: plaintext }\n"
                       "topics: { prefix: acme, sla: clocks, internal: acme-own, create: false, "
                       "replication_factor: 3 }\n"
                       "schemas:\n"
                       "  directory: ours\n"
                       "  events: { 2147483647: a.avsc, 0: /b.avsc }\n"
                       "  outputs: { Refused: 30, DeadLetter: 50 }\n"
                       "redis: { address: 'tcp:[::1]:6380', username: u, password_file: /dev/null, database: 3, prefix: 'acme:live', hashes: false }\n"
                       "batch: { max_events: 1, max_time: 1ms, max_moments: 2 }\n"
                       "view: { max_pending: 1, max: 1MiB, max_delay: 0ms }\n"
                       "cache: { max: 64KiB, moments: 7 }\n"
                       "http: { listen: '[::1]:80', allow_remote: true, stuck_after: 5s, max_sources: 0, board: true, host: s.example }\n"
                       "log: { format: json, level: debug }\n",
                    HOME_DIR);
    ck_assert_str_eq(c->model_path, "/models/acme.yaml");
    ck_assert_uint_eq(c->n_sources, 2);
    ck_assert_str_eq(c->sources[0], "web");
    ck_assert_str_eq(c->sources[1], "product");
    ck_assert_str_eq(c->instance, "node-7");
    ck_assert_int_eq(c->watermark, WATERMARK_DATA);
    ck_assert_int_eq(c->max_future_ms, 0);
    ck_assert_str_eq(c->bootstrap_servers, "a:9092,b:9092");
    ck_assert_str_eq(c->group, "acme");
    ck_assert_str_eq(c->partitioner, "fnv1a_random");
    ck_assert_int_eq(c->start, START_LATEST);
    ck_assert(c->embedded);
    ck_assert_uint_eq(c->n_kafka_properties, 2);
    ck_assert_str_eq(c->kafka_properties[0].name, "session.timeout.ms");
    ck_assert_str_eq(c->kafka_properties[0].value, "6000");
    ck_assert_str_eq(c->kafka_properties[1].value, "plaintext");
    ck_assert_str_eq(c->output_topics[OUTPUT_STAGE_CHANGED], "acme.stages");
    ck_assert_str_eq(c->output_topics[OUTPUT_SLA_EVENT], "clocks");
    ck_assert_str_eq(c->changelog_topic, "acme.changelog");
    ck_assert_str_eq(c->internal_topic, "acme-own");
    ck_assert(!c->create_topics);
    ck_assert_int_eq(c->replication_factor, 3);
    ck_assert_str_eq(c->output_schema_dir, HOME_DIR "/ours");
    ck_assert_uint_eq(c->n_schemas, 2);
    ck_assert_int_eq(c->schemas[0].id, INT32_MAX);
    ck_assert_str_eq(c->schemas[0].path, HOME_DIR "/a.avsc");
    ck_assert_int_eq(c->schemas[1].id, 0);
    ck_assert_str_eq(c->schemas[1].path, "/b.avsc");
    ck_assert_int_eq(c->output_schema_ids[OUTPUT_STAGE_CHANGED], 1);
    ck_assert_int_eq(c->output_schema_ids[OUTPUT_REFUSED], 30);
    ck_assert_int_eq(c->output_schema_ids[OUTPUT_DEAD_LETTER], 50);
    ck_assert_str_eq(c->redis_address, "tcp:[::1]:6380");
    ck_assert_str_eq(c->redis_username, "u");
    ck_assert_int_eq(c->redis_database, 3);
    ck_assert_str_eq(c->redis_prefix, "acme:live");
    ck_assert(!c->redis_hashes);
    ck_assert_int_eq(c->batch_max_events, 1);
    ck_assert_int_eq(c->batch_max_ms, 1);
    ck_assert_int_eq(c->batch_max_moments, 2);
    ck_assert_int_eq(c->view_max_pending, 1);
    ck_assert_int_eq(c->view_max_bytes, 1024 * 1024);
    ck_assert_int_eq(c->view_max_delay_ms, 0);
    ck_assert_int_eq(c->cache_max_bytes, 65536);
    ck_assert_int_eq(c->moments_near_max, 7);
    ck_assert_str_eq(c->http_listen, "[::1]:80");
    ck_assert(c->http_allow_remote);
    ck_assert_int_eq(c->http_stuck_after_ms, 5000);
    ck_assert_int_eq(c->http_max_sources, 0);
    ck_assert(c->http_board);
    ck_assert_str_eq(c->http_host, "s.example");
    ck_assert_int_eq(c->log_format, LOG_JSON);
    ck_assert_int_eq(c->log_level, LOG_DEBUG);
}
END_TEST

START_TEST(registry_takes_the_place_of_files) {
    _cleanup_(config_free) Config *c = load_clean("model: m.yaml\n"
                                                  "sources: [lead-events]\n"
                                                  "kafka: { bootstrap_servers: localhost:9092 }\n"
                                                  "redis: { address: 'tcp:localhost:6379' }\n"
                                                  "schemas: { directory: ours }\n"
                                                  "registry: { urls: ['http://a:8081', 'https://[::1]/apis/ccompat/v7'] }\n",
            HOME_DIR);
    ck_assert_uint_eq(c->n_registry_urls, 2);
    ck_assert_str_eq(c->registry_urls[0], "http://a:8081");
    ck_assert_str_eq(c->registry_urls[1], "https://[::1]/apis/ccompat/v7");
    ck_assert(c->registry_register);
    ck_assert_int_eq(c->registry_timeout_ms, 5000);
    ck_assert_ptr_null(c->registry_username);
    ck_assert_ptr_null(c->registry_ca_file);
    ck_assert_uint_eq(c->n_schemas, 0);
}
END_TEST

START_TEST(registry_has_one_login_and_one_identity) {
    _cleanup_(config_free) Config *c =
            load_clean(MINIMAL "kafka: { bootstrap_servers: localhost:9092 }\n"
                               "registry:\n"
                               "  urls: ['https://a']\n"
                               "  register: false\n"
                               "  username: u\n"
                               "  password_file: /dev/null\n"
                               "  certificate_file: /dev/null\n"
                               "  key_file: /dev/null\n"
                               "  key_password_file: /dev/null\n"
                               "  timeout: 100ms\n",
                    HOME_DIR);
    ck_assert(!c->registry_register);
    ck_assert_str_eq(c->registry_username, "u");
    ck_assert_str_eq(c->registry_password_file, "/dev/null");
    ck_assert_str_eq(c->registry_key_file, "/dev/null");
    ck_assert_int_eq(c->registry_timeout_ms, 100);
    ck_assert_uint_eq(c->n_schemas, 1); /* known without being asked for */
}
END_TEST

/* Text of a field for comparison: a number, a word, a name. */
static void print_field(const Config *config, const ConfigKey *key, char text[static 256]) {
    const char *field = (const char *)config + key->offset;
    const char *string = NULL;
    int64_t number = 0;
    switch (key->type) {
    case CONFIG_BOOLEAN:
        number = *(const bool *)field;
        break;
    case CONFIG_CHOICE:
        memcpy(&number, field, sizeof(int));
        break;
    case CONFIG_INTEGER:
    case CONFIG_DURATION:
    case CONFIG_SIZE:
        memcpy(&number, field, sizeof(number));
        break;
    case CONFIG_OUTPUT_IDS:
        for (int i = 0; i < _OUTPUT_TYPE_MAX; i++)
            number = 10 * number + config->output_schema_ids[i];
        break;
    case CONFIG_PROPERTIES:
    case CONFIG_SECRETS:
        number = (int64_t)config->n_kafka_properties;
        break;
    case CONFIG_SCHEMAS:
        string = config->schemas[0].path;
        break;
    default:
        memcpy(&string, field, sizeof(string));
    }
    if (string)
        (void)snprintf(text, 256, "%s", string);
    else
        (void)snprintf(text, 256, "%lld", (long long)number);
}

START_TEST(sample_says_the_defaults) {
    _cleanup_(free_null) char *text = read_file(CONFIG_DIR "/scored.yaml");
    ck_assert_ptr_nonnull(text);
    _cleanup_(config_free) Config *sample = load_clean(text, CONFIG_DIR);
    _cleanup_(config_free) Config *minimal = load_clean(WITH_KAFKA(""), CONFIG_DIR);
    for (size_t i = 0; i < config_n_keys; i++) {
        char in_sample[256], by_default[256];
        print_field(sample, &config_keys[i], in_sample);
        print_field(minimal, &config_keys[i], by_default);
        ck_assert_msg(strcmp(in_sample, by_default) == 0, "%s: %s in the sample, %s by default",
                config_keys[i].key, in_sample, by_default);
    }
}
END_TEST

START_TEST(model_is_found_beside_errors) {
    _cleanup_(free_null) char *path = NULL;
    ck_assert_int_eq(config_find_model(str_from("kafka: 5\nmodel: m.yaml\nmdoel: x\n"), "d", &path), 0);
    ck_assert_str_eq(path, "d/m.yaml");
    static const char *const without[] = {
            "", "kafka: {}\n", "model: []\n", "model: [\n", "- model\n", "model: ''\n"};
    for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
        char *none = NULL;
        ck_assert_int_eq(config_find_model(str_from(without[i]), "d", &none), 0);
        ck_assert_msg(!none, "a model in \"%s\"", without[i]);
    }
}
END_TEST

static const struct {
    const char *address;
    bool is_good;
} addresses[] = {
        {"unix:/run/redis/redis.sock", true},
        {"unix:relative.sock", false},
        {"unix:", false},
        {"tcp:localhost:6379", true},
        {"tcp:10.0.0.1:65535", true},
        {"tcp:[fe80::1]:6379", true},
        {"tcp:fe80::1:6379", false},
        {"tcp:[]:6379", false},
        {"tcp:localhost", false},
        {"tcp::6379", false},
        {"tcp:localhost:0", false},
        {"tcp:localhost:65536", false},
        {"tcp:localhost:6379x", false},
        {"tcp:localhost:", false},
        {"redis://localhost:6379", false},
        {"localhost:6379", false},
        {"unix:/"
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxx",
                false},
};

START_TEST(redis_address_is_checked) {
    char text[1024];
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    (void)snprintf(text, sizeof(text),
            "model: m\nsources: [s]\nkafka: { bootstrap_servers: k }\nschemas: { directory: d, events: { 9: "
            "e } }\n"
            "redis: { address: '%s' }\n",
            addresses[_i].address);
    _cleanup_(config_free) Config *c = load_at(text, HOME_DIR, &d);
    ck_assert_int_eq(c != NULL, addresses[_i].is_good);
    ck_assert_uint_eq(d.n_errors, !addresses[_i].is_good);
}
END_TEST

/* Is the value of a numeric key taken? */
static bool is_taken(const ConfigKey *key, int64_t number) {
    char value[DURATION_TEXT_SIZE], text[512];
    if (key->type == CONFIG_DURATION)
        (void)duration_print(number, value);
    else
        (void)snprintf(value, sizeof(value), "%lld%s",
                (long long)(key->type == CONFIG_SIZE ? number / 1024 : number),
                key->type == CONFIG_SIZE ? "KiB" : "");
    if (key->section)
        (void)snprintf(text, sizeof(text), "%s: { %s: %s }\n", key->section, key->key, value);
    else
        (void)snprintf(text, sizeof(text), "%s: %s\n", key->key, value);
    _cleanup_(free_null) char *diagnostics = diagnose(text, "config");
    return !strstr(diagnostics, " expected, got ");
}

START_TEST(number_is_taken_within_its_range_only) {
    const ConfigKey *key = &config_keys[_i];
    if (key->type != CONFIG_INTEGER && key->type != CONFIG_DURATION && key->type != CONFIG_SIZE)
        return;
    int64_t unit = key->type == CONFIG_SIZE ? 1024 : 1;
    ck_assert_int_lt(key->min, key->max);
    ck_assert_msg(is_taken(key, key->min) && is_taken(key, key->max), "%s: a bound is refused", key->key);
    ck_assert_msg(!is_taken(key, key->max + unit), "%s: more than the most is taken", key->key);
    if (key->min > 0 || key->type == CONFIG_INTEGER)
        ck_assert_msg(!is_taken(key, key->min - unit), "%s: less than the least is taken", key->key);
}
END_TEST

START_TEST(every_key_has_a_default_or_says_what_holds_without) {
    const ConfigKey *key = &config_keys[_i];
    ck_assert_msg(!key->default_text || !key->absent, "%s: both", key->key);
    ck_assert_msg(key->summary && key->summary[0], "%s: no summary", key->key);
    for (int k = 0; k < _i; k++)
        ck_assert_msg(strcmp(config_keys[k].key, key->key) != 0 ||
                              strcmp(config_keys[k].section ? config_keys[k].section : "",
                                      key->section ? key->section : "") != 0,
                "%s: twice", key->key);
}
END_TEST

/* --- secrets ----------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/scored-config-XXXXXX";
static char secret_path[64];

static void folder_setup(void) {
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(secret_path, sizeof(secret_path), "%s/secret", folder);
}

static void folder_teardown(void) {
    (void)unlink(secret_path);
    (void)rmdir(folder);
}

static const struct {
    Str content;
    const char *value; /* NULL: an error */
} secrets[] = {
        {{"hunter2", 7}, "hunter2"},
        {{"hunter2\n", 8}, "hunter2"},
        {{"hunter2\r\n", 9}, "hunter2"},
        {{"two\nlines\n\n", 11}, "two\nlines\n"},
        {{" spaces ", 8}, " spaces "},
        {{"\n", 1}, NULL},
        {{"\r\n", 2}, NULL},
        {{"", 0}, NULL},
        {{"a\0b", 3}, NULL},
};

START_TEST(secret_is_read_from_its_file) {
    static const char text[] = WITH_KAFKA("  secrets: { sasl.password: secret }\n");
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    write_bytes(secret_path, secrets[_i].content.data, secrets[_i].content.len);
    _cleanup_(config_free) Config *c = load_at(text, folder, &d);
    ck_assert_int_eq(c != NULL, secrets[_i].value != NULL);
    if (!c)
        return;
    ck_assert_uint_eq(c->n_kafka_properties, 1);
    ck_assert_str_eq(c->kafka_properties[0].name, "sasl.password");
    ck_assert_str_eq(c->kafka_properties[0].value, secrets[_i].value);
}
END_TEST

START_TEST(credentials_directory_is_expanded) {
    static const char text[] =
            "model: m\nsources: [s]\nschemas: { directory: d, events: { 9: e } }\n"
            "kafka: { bootstrap_servers: k, secrets: { sasl.password: '${CREDENTIALS_DIRECTORY}/secret' } }\n"
            "redis: { address: 'tcp:h:1', password_file: '${CREDENTIALS_DIRECTORY}/secret' }\n";
    write_bytes(secret_path, "hunter2\n", 8);
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
    _cleanup_(config_free) Config *c = load_clean(text, "elsewhere");
    ck_assert_str_eq(c->redis_password_file, secret_path);
    ck_assert_str_eq(c->kafka_properties[0].value, "hunter2");
}
END_TEST

static const struct {
    const char *http, *token; /* NULL: there is no file */
    const char *error;        /* NULL: none */
} boards[] = {
        {"listen: '127.0.0.1:1', board: true", NULL, NULL},
        {"listen: 'unix:/s', board: true", NULL, NULL},
        {"listen: off, board: true", NULL, NULL}, /* a socket may be passed */
        {"listen: '0.0.0.0:1', allow_remote: true", NULL, NULL},
        {"listen: '0.0.0.0:1', allow_remote: true, board: true", NULL, "it needs http.token_file"},
        {"listen: '0.0.0.0:1', allow_remote: true, board: true, token_file: secret", "0123456789abcdef\n", NULL},
        {"listen: '0.0.0.0:1', board: true, token_file: secret", "0123456789abcdef\n", "http.allow_remote"},
        {"listen: '127.0.0.1:1', board: true, token_file: secret", "0123456789abcde\n", "16 to 1024 characters"},
        {"listen: '127.0.0.1:1', board: true, token_file: secret", NULL, "cannot be read"},
};

START_TEST(board_beyond_this_machine_needs_a_token) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    char text[512];
    if (boards[_i].token)
        write_bytes(secret_path, boards[_i].token, strlen(boards[_i].token));
    (void)snprintf(text, sizeof(text), WITH_KAFKA("http: { %s }\n"), boards[_i].http);
    _cleanup_(config_free) Config *c = load_at(text, folder, &d);
    ck_assert_int_eq(c == NULL, boards[_i].error != NULL);
    _cleanup_(free_null) char *shown = diagnostics_render(&d, "scored.yaml", str_from(text));
    ck_assert(!boards[_i].error || strstr(shown, boards[_i].error));
}
END_TEST

START_TEST(secret_that_librdkafka_refuses_is_not_shown) {
    static const char text[] =
            WITH_KAFKA("  secrets: { security.protocol: secret, no.such.property: secret }\n");
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    write_bytes(secret_path, "hunter2\n", 8);
    ck_assert_ptr_null(load_at(text, folder, &d));
    ck_assert_uint_eq(d.n_errors, 2);
    _cleanup_(free_null) char *said = diagnostics_render(&d, "config", str_from(text));
    ck_assert_ptr_null(strstr(said, "hunter2"));
    ck_assert_ptr_nonnull(strstr(said, "no property \"no.such.property\""));
}
END_TEST

START_TEST(file_of_many_megabytes_is_no_secret) {
    static const char text[] = WITH_KAFKA("  secrets: { sasl.password: /dev/zero }\n");
    _cleanup_(free_null) char *said = diagnose(text, "config");
    ck_assert_msg(strstr(said, "cannot be used: File too large"), "%s", said);
}
END_TEST

START_TEST(property_is_in_properties_or_in_secrets) {
    static const char text[] =
            WITH_KAFKA("  properties: { sasl.username: u }\n  secrets: { sasl.username: secret }\n");
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    write_bytes(secret_path, "u\n", 2);
    ck_assert_ptr_null(load_at(text, folder, &d));
    ck_assert_uint_eq(d.n_errors, 1);
    ck_assert_str_eq(d.items[0].message, "\"sasl.username\" is in kafka.properties already");
}
END_TEST

/* Files with a secret in the open, whatever else is wrong with them. */
static const char *const leaks[] = {
        WITH_KAFKA("  properties: { sasl.password: hunter2 }\n"),
        WITH_KAFKA("  properties: { sasl.pasword: hunter2 }\n"),
        WITH_KAFKA("  properties: { foo: x, ssl.key.password: hunter2 }\n"),
        WITH_KAFKA("  properties:\n    sasl.oauthbearer.client.secret: [hunter2]\n"),
        WITH_KAFKA("  properties: { sasl.password: 'hunter2 }\n"),
        WITH_KAFKA("  sasl.password: hunter2\n"),
        MINIMAL "redis: { password: hunter2, password_file: x }\n",
        MINIMAL "password: hunter2\n",
};

START_TEST(secret_in_the_open_is_an_error_that_does_not_show_it) {
    _cleanup_(free_null) char *said = diagnose(leaks[_i], "config");
    ck_assert_msg(said[0] != '\0', "nothing is said");
    ck_assert_msg(!strstr(said, "hunter2"), "%s", said);
}
END_TEST

static const struct {
    const char *name, *value;
    bool is_shown; /* the line, as nothing in it can be a secret */
} bad_properties[] = {
        {"no.such.property", "1", false},
        {"session.timeout.ms", "soon", true},
        {"session.timeout.ms", "0", true},
        {"security.protocol", "tls", true},
};

START_TEST(property_that_librdkafka_refuses_is_an_error) {
    char text[1024];
    (void)snprintf(text, sizeof(text), WITH_KAFKA("  properties:\n    %s: %s\n"), bad_properties[_i].name,
            bad_properties[_i].value);
    _cleanup_(free_null) char *said = diagnose(text, "config");
    ck_assert_msg(strncmp(said, "config:8:", 9) == 0, "%s", said);
    ck_assert_msg((strchr(said, '^') != NULL) == bad_properties[_i].is_shown, "%s", said);
}
END_TEST

/* --- bad files --------------------------------------------------------------------------------------- */

static char **case_names; /* "unknown_keys.yaml" */
static int n_cases;

static int is_yaml(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);
    return n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static void find_cases(void) {
    struct dirent **entries;
    n_cases = scandir(ERRORS_DIR, &entries, is_yaml, alphasort);
    if (n_cases <= 0) {
        perror(ERRORS_DIR);
        exit(EXIT_FAILURE);
    }
    case_names = calloc((size_t)n_cases, sizeof(*case_names));
    for (int i = 0; i < n_cases; i++) {
        case_names[i] = strdup(entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

static void free_cases(void) {
    for (int i = 0; i < n_cases; i++)
        free(case_names[i]);
    free(case_names);
}

START_TEST(bad_file_is_diagnosed_as_expected) {
    const char *name = case_names[_i];
    char path[4096], path_expected[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", ERRORS_DIR, name);
    (void)snprintf(path_expected, sizeof(path_expected), "%s/%.*s.expected", ERRORS_DIR,
            (int)strlen(name) - 5, name);
    ck_assert_int_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);

    _cleanup_(free_null) char *text = read_file(path);
    _cleanup_(free_null) char *said = diagnose(text, name);
    if (getenv("SCORED_UPDATE_EXPECTED"))
        write_bytes(path_expected, said, strlen(said));
    _cleanup_(free_null) char *expected = read_file(path_expected);
    ck_assert_msg(expected, "%s: no expected diagnostics", name);
    ck_assert_msg(said[0] != '\0', "%s: nothing is wrong with it", name);
    /* Not in the message: TAP is a line for each test. */
    if (strcmp(said, expected) != 0)
        (void)fprintf(stderr, "expected:\n%s\ngot:\n%s", expected, said);
    ck_assert_msg(strcmp(said, expected) == 0, "%s: other diagnostics than expected", name);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("config");
    TCase *good = tcase_create("good files"), *secret = tcase_create("secrets"),
          *bad = tcase_create("bad files");
    find_cases();
    tcase_add_test(good, defaults_hold_without_keys);
    tcase_add_test(good, values_take_the_place_of_defaults);
    tcase_add_test(good, registry_takes_the_place_of_files);
    tcase_add_test(good, registry_has_one_login_and_one_identity);
    tcase_add_test(good, sample_says_the_defaults);
    tcase_add_test(good, model_is_found_beside_errors);
    tcase_add_loop_test(good, redis_address_is_checked, 0, ARRAY_SIZE(addresses));
    tcase_add_loop_test(good, number_is_taken_within_its_range_only, 0, (int)config_n_keys);
    tcase_add_loop_test(good, every_key_has_a_default_or_says_what_holds_without, 0, (int)config_n_keys);
    suite_add_tcase(suite, good);
    tcase_add_checked_fixture(secret, folder_setup, folder_teardown);
    tcase_add_loop_test(secret, secret_is_read_from_its_file, 0, ARRAY_SIZE(secrets));
    tcase_add_test(secret, credentials_directory_is_expanded);
    tcase_add_loop_test(secret, board_beyond_this_machine_needs_a_token, 0, ARRAY_SIZE(boards));
    tcase_add_test(secret, secret_that_librdkafka_refuses_is_not_shown);
    tcase_add_test(secret, file_of_many_megabytes_is_no_secret);
    tcase_add_test(secret, property_is_in_properties_or_in_secrets);
    tcase_add_loop_test(secret, secret_in_the_open_is_an_error_that_does_not_show_it, 0, ARRAY_SIZE(leaks));
    tcase_add_loop_test(secret, property_that_librdkafka_refuses_is_an_error, 0, ARRAY_SIZE(bad_properties));
    suite_add_tcase(suite, secret);
    tcase_add_loop_test(bad, bad_file_is_diagnosed_as_expected, 0, n_cases);
    suite_add_tcase(suite, bad);
    int status = suite_run(suite);
    free_cases();
    return status;
}
