/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/inputs.h"

static_assert(CONFIG_SOURCES_MAX < INPUTS_MAX, "each source has an input at least, and the internal topic one");

static bool add(Inputs *inputs, Input input) {
    if (inputs->n == INPUTS_MAX)
        return false;
    inputs->inputs[inputs->n++] = input;
    return true;
}

bool inputs_make(const Config *config, const int32_t *n_partitions, int32_t n_shards, Inputs *ret) {
    *ret = (Inputs){.n_sources = (unsigned)config->n_sources, .n_shards = n_shards};
    for (unsigned i = 0; i < config->n_sources; i++) {
        Input input = {.source = i, .topic = config->sources[i], .is_routed = config->is_routed[i], .n_partitions = n_partitions[i]};
        ret->n_paired += !input.is_routed;
        assert(n_shards > 0 && (input.is_routed || n_partitions[i] == n_shards));
        for (int64_t first = 0; first < n_partitions[i]; first += n_shards) {
            input.first = (int32_t)first;
            if (!add(ret, input))
                return false;
        }
    }
    return add(ret, (Input){.source = ret->n_sources, .topic = config->internal_topic, .n_partitions = n_shards});
}

int32_t inputs_partition(const Inputs *inputs, unsigned input, int32_t shard) {
    const Input *i = &inputs->inputs[input];
    return shard < i->n_partitions - i->first ? i->first + shard : -1;
}

static bool is_of(const Inputs *inputs, unsigned input, const char *topic, int32_t partition) {
    const Input *i = &inputs->inputs[input];
    return partition >= i->first && partition - i->first < inputs->n_shards && partition < i->n_partitions && strcmp(i->topic, topic) == 0;
}

bool inputs_find(const Inputs *inputs, const char *topic, int32_t partition, unsigned hint, int32_t *ret_shard, unsigned *ret_input) {
    unsigned found = hint < inputs->n && is_of(inputs, hint, topic, partition) ? hint : 0;
    while (found < inputs->n && !is_of(inputs, found, topic, partition))
        found++;
    if (found == inputs->n)
        return false;
    *ret_shard = partition - inputs->inputs[found].first;
    *ret_input = found;
    return true;
}

bool inputs_find_routed(const Inputs *inputs, Str topic, unsigned *ret_source) {
    for (unsigned i = 0; i < inputs->n; i++) {
        if (!inputs->inputs[i].is_routed || !str_eq_c(topic, inputs->inputs[i].topic))
            continue;
        *ret_source = inputs->inputs[i].source;
        return true;
    }
    return false;
}
