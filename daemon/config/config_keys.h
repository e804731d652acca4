#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Keys of scored.yaml
 *
 * One row a key: what it is, what holds without it, and what it may be. The file is checked by this table,
 * defaults come from it, and tests compare it with config/scored.yaml and the README.
 */
#include "daemon/config/config.h"

typedef enum ConfigType {
    CONFIG_TEXT,       /* min to max bytes */
    CONFIG_PREFIX,     /* of keys: letters, digits and . _ : -; up to max of them */
    CONFIG_TOPIC,      /* a Kafka topic's name; up to max bytes */
    CONFIG_TOPICS,     /* a list of them */
    CONFIG_ROUTED,     /* a list of some of those */
    CONFIG_PATH,       /* a file or directory, from the configuration's own directory on */
    CONFIG_SECRET,     /* a file that must be readable, such as one with a secret in it */
    CONFIG_ADDRESS,    /* of a Redis */
    CONFIG_LISTEN,     /* unix:/path, host:port, or off, which is NULL */
    CONFIG_WORD,       /* one of `words`, kept as a text */
    CONFIG_CHOICE,     /* one of `words`, kept as an enumerator: its index */
    CONFIG_BOOLEAN,    /* true or false */
    CONFIG_INTEGER,    /* min to max */
    CONFIG_DURATION,   /* 20ms; min to max, in milliseconds */
    CONFIG_SIZE,       /* 64KiB, 256MiB; min to max, in bytes */
    CONFIG_PROPERTIES, /* a mapping of librdkafka properties */
    CONFIG_SECRETS,    /* a mapping of librdkafka properties to files with their values */
    CONFIG_SCHEMAS,    /* a mapping of ids to files */
    CONFIG_OUTPUT_IDS, /* a mapping of OutputTypes to ids */
    CONFIG_URLS,       /* a list of them, of one registry */
    CONFIG_HOSTS,      /* a list of host:port */
    _CONFIG_TYPE_MAX,
} ConfigType;

typedef struct ConfigKey {
    const char *section; /* NULL: the key is an outermost one */
    const char *key;
    ConfigType type;
    size_t offset; /* of its field in Config; for mappings, which fill several, of one of them */
    int64_t min, max;
    const char *const *words; /* ended by NULL */
    /* As it would be written in the file; NULL: there is none, because … */
    const char *default_text;
    const char *absent; /* … this holds then; NULL: the key is required */
    const char *summary;
} ConfigKey;

extern const ConfigKey config_keys[];
extern const size_t config_n_keys;

/* Outermost keys that hold others, in the order of the table; NULL past the last. */
const char *config_section(size_t i);
/* The most that config_section() counts to, and the most keys of one section. */
#define CONFIG_SECTIONS_MAX 16
#define CONFIG_SECTION_KEYS_MAX 24
