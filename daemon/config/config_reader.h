#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading scored.yaml
 *
 * What the parts of config_load() share; private to config*.c. As with the model, each part goes on after an
 * error, so that all errors come out in one go; a configuration with errors is never handed out.
 *
 * Functions that return int return 0 or -ENOMEM; what is wrong with the file goes to the diagnostics.
 */
#include "daemon/config/config_keys.h"
#include "lib/model/yaml.h"

/* Properties of librdkafka, secrets included; it knows fewer. */
#define CONFIG_PROPERTIES_MAX 256

typedef struct ConfigReader {
    Config *config;
    Arena *arena; /* the configuration's; the YAML tree is in it too, and the strings are the tree's */
    Diagnostics *diagnostics;
    const char *directory;
    const YamlNode *root;
} ConfigReader;

void config_error(ConfigReader *reader, Mark mark, const char *format, ...) PRINTF_LIKE(3, 4);
/* Adds the error that the value of `name` is not what was expected. */
void config_expected(ConfigReader *reader, const YamlNode *node, const char *name, const char *expected);

/* The value of a key of the file, or NULL if it is not there. `section` NULL: an outermost key. */
const YamlNode *config_find(const ConfigReader *reader, const char *section, const char *key);
/* Where the value is given; else its section; else the file as a whole. */
Mark config_mark(const ConfigReader *reader, const char *section, const char *key);

/* `a`, `b` and `c` in a row; NULL when out of memory. */
const char *config_join(ConfigReader *reader, const char *a, const char *b, const char *c);

/* Reads the value of a key into its field. */
MUST_CHECK int config_read(ConfigReader *reader, const ConfigKey *key, const YamlNode *node);
/*
 * The path of a file, with a relative one taken from the configuration's directory, and the directory of
 * systemd's credentials where it is named. *ret stays as it is after an error.
 */
MUST_CHECK int config_read_path(
        ConfigReader *reader, const char *name, const YamlNode *node, const char **ret);

/* The same for kafka.properties and kafka.secrets, each of which adds to what is there. */
MUST_CHECK int config_read_properties(ConfigReader *reader, const ConfigKey *key, const YamlNode *node);
MUST_CHECK int config_read_secrets(ConfigReader *reader, const ConfigKey *key, const YamlNode *node);

/* What concerns several keys: topics that must differ, ids that should. */
MUST_CHECK int config_fill_topics(ConfigReader *reader);
void config_check_topics(ConfigReader *reader);
void config_check_schemas(ConfigReader *reader);
void config_check_registry(ConfigReader *reader);
MUST_CHECK int config_check_redis(ConfigReader *reader);
/* And an address that only this machine reaches, unless others are wanted. */
void config_check_http(ConfigReader *reader);
void config_check_log(ConfigReader *reader);

/*
 * Lines that may hold a secret are not shown by diagnostics_render(), which may go to a log. By their words,
 * for the file may be no YAML.
 */
void config_hide_secrets(Diagnostics *diagnostics, Str source);
