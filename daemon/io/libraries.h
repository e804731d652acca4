#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries that the program is linked with, and what these can do. */
#include "lib/base/util.h"

typedef struct Library {
    const char *name;
    char version[64]; /* as it runs; of those that don't tell (avro-c, hiredis), as it was built */
} Library;

#define LIBRARIES_MAX 16
/* Returns how many there are. */
size_t libraries_list(Library ret[static LIBRARIES_MAX]);
/* What librdkafka was built with, such as "gzip,ssl,sasl_scram"; empty when out of memory. */
void libraries_kafka_features(char *ret, size_t size);
