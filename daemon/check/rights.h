#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kafka's Rights
 *
 * What the user of `scored run` has to be allowed on brokers that ask who it is, and no more: from one table, which README's "Kafka's
 * rights" shows. Pure.
 */
#include <stdio.h>

#include "daemon/config/config.h"
#include "daemon/io/json/json_writer.h"

/* Sources; two for the changelog and the internal topic; three for topics by prefix, and for each with a name of its own; outputs to read; group and ids. */
#define RIGHTS_MAX (CONFIG_SOURCES_MAX + 2 + 3 * (1 + 2 + _OUTPUT_TYPE_MAX) + _OUTPUT_TYPE_MAX + 2)

typedef enum RightResource { RIGHT_TOPIC, RIGHT_GROUP, RIGHT_TRANSACTIONAL_ID } RightResource;
typedef enum RightOperation { RIGHT_READ, RIGHT_WRITE, RIGHT_CREATE, RIGHT_DESCRIBE_CONFIGS } RightOperation;

typedef struct Right {
    RightResource resource;
    RightOperation operation;
    const char *name;
    bool is_prefix; /* all whose names begin with it */
} Right;

typedef struct Rights {
    Right items[RIGHTS_MAX]; /* names are the configuration's, or those below */
    size_t n;
    char topics_prefix[512], ids_prefix[1024];
} Rights;

void rights_list(const Config *config, Rights *ret);

/* As arguments of kafka-acls.sh, quoted for a shell where they need it, and a line's end. */
void right_print(const Right *right, const char *principal, FILE *file);
/* In Kafka's own words. */
void right_write(const Right *right, const char *principal, JsonWriter *writer);
