/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters: how many matching events there were lately.
 */
#include "lib/model/model_yaml.h"

static void read_size(ModelLoader *l, const YamlNode *key, const YamlNode *node, Counter *counter) {
    const YamlNode *window = loader_get(node, "window"), *keep = loader_get(node, "keep");
    int64_t n;

    if (!window)
        loader_error(l, key, "counter \"%.*s\" has no \"window\": expected a duration such as 7d", SHOWN(key));
    else if (!yaml_duration(window, "window", 1, l->diagnostics, &counter->window_ms))
        counter->window_ms = 1;
    if (keep && yaml_integer(keep, "keep", 1, MODEL_COUNTER_KEEP_MAX, l->diagnostics, &n))
        counter->keep = (unsigned)n;
}

int loader_declare_counters(ModelLoader *l) {
    static const Collection counters = {"counters", YAML_MAPPING,
            "counters by name such as { views: { on: [page_view], window: 7d } }", 0, MODEL_COUNTERS_MAX};
    static const char *const keys[] = {"on", "when", "window", "keep"};
    Model *model = l->model;
    int r;

    l->counters = loader_collection(l, l->root, &counters, &model->n_counters);
    r = LOADER_ALLOC(l, model->counters, model->n_counters);
    for (size_t i = 0; r == 0 && i < model->n_counters; i++) {
        const YamlNode *key = l->counters->keys[i], *node = l->counters->items[i];
        Counter *counter = &model->counters[i];
        bool has_on;

        *counter = (Counter){.window_ms = 1, .keep = MODEL_COUNTER_KEEP_MAX};
        counter->id = loader_name(l, key, "counter", &l->names);
        if (!loader_check_mapping(l, node, "a counter", KEY_SET(keys)))
            continue;
        read_size(l, key, node, counter);
        r = loader_event_types(l, node, "on", &counter->on, &has_on);
    }
    return r;
}

int loader_read_counters(ModelLoader *l) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < l->model->n_counters; i++)
        r = loader_condition(l, l->counters->items[i], "when", CONDITION_EVENT, &l->model->counters[i].when);
    return r;
}
