#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs
 *
 * What a shard reads (DESIGN section 2): its own partition of each source that is keyed as the shards are, and of the internal topic;
 * and those partitions of the routed sources that fall to it, whose events it sends on to the shards of their leads. Of a routed
 * source with more partitions than there are shards, partition q is read by shard q modulo their number. One table describes the
 * inputs of all shards. Pure.
 */
#include "daemon/config/config.h"

/* Ours: a footer names each of them. */
#define INPUTS_MAX 128

typedef struct Input {
    unsigned source;   /* index in config->sources; n_sources: the internal topic */
    const char *topic; /* borrowed from the configuration */
    bool is_routed;
    int32_t first;     /* the partition that shard 0 reads; shard i has the i-th after it, if there is one */
    int32_t n_partitions; /* of the topic */
} Input;

typedef struct Inputs {
    Input inputs[INPUTS_MAX]; /* in the order in which a batch takes them; the internal topic is the last one */
    unsigned n;
    unsigned n_sources;
    unsigned n_paired; /* sources that are not routed */
    int32_t n_shards;
} Inputs;

/*
 * `n_partitions`: of each source. Those that are not routed have n_shards. False: more than INPUTS_MAX; a configuration with
 * CONFIG_SOURCES_MAX sources that have no more partitions than there are shards has room.
 */
MUST_CHECK bool inputs_make(const Config *config, const int32_t *n_partitions, int32_t n_shards, Inputs *ret);
/* -1: the shard does not have this input. */
int32_t inputs_partition(const Inputs *inputs, unsigned input, int32_t shard);
/* Whose input the partition is. `hint`: an input that it may well be of. False: nobody's. */
bool inputs_find(const Inputs *inputs, const char *topic, int32_t partition, unsigned hint, int32_t *ret_shard, unsigned *ret_input);

/* The routed source of that name. */
bool inputs_find_routed(const Inputs *inputs, Str topic, unsigned *ret_source);

static inline bool inputs_is_internal(const Inputs *inputs, unsigned input) {
    return input + 1 == inputs->n;
}
