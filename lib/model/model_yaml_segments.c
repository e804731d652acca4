/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What sorts leads and events before anything is scored: params, segments, routes, ignore rules.
 */
#include "lib/model/model_yaml.h"

int loader_declare_params(ModelLoader *l) {
    static const Collection params = {
            "params", YAML_MAPPING, "named numbers such as { mql_up: 60 }", 0, MODEL_PARAMS_MAX};
    Model *model = l->model;
    const YamlNode *node = loader_collection(l, l->root, &params, &model->n_params);
    int r;

    r = LOADER_ALLOC(l, model->params, model->n_params);
    if (r < 0)
        return r;

    for (size_t i = 0; i < model->n_params; i++) {
        Param *param = &model->params[i];

        param->id = loader_name(l, node->keys[i], "param", &l->names);
        if (!yaml_double(node->items[i], node->keys[i]->text.data, l->diagnostics, &param->value))
            param->value = 0;
    }
    return 0;
}

/* One row of segment_params: the params with what a segment puts in their place. */
static void fill_params(const Model *model, double *row) {
    for (size_t i = 0; i < model->n_params; i++)
        row[i] = model->params[i].value;
}

static void read_overrides(ModelLoader *l, const YamlNode *item, double *row) {
    static const Collection params = {
            "params", YAML_MAPPING, "numbers for params such as { mql_up: 80 }", 0, MODEL_PARAMS_MAX};
    const Model *model = l->model;
    size_t n;
    const YamlNode *node = loader_collection(l, item, &params, &n);

    for (size_t i = 0; i < n; i++) {
        const YamlNode *key = node->keys[i];
        IdList ids = ID_LIST(model->params, model->n_params);
        double value;
        unsigned param;

        bool known = loader_find(l, key, "param", ids, &param);
        if (yaml_double(node->items[i], key->text.data, l->diagnostics, &value) && known)
            row[param] = value;
    }
}

int loader_declare_segments(ModelLoader *l) {
    static const Collection segments = {
            "segments", YAML_SEQUENCE, "a list of segments", 0, MODEL_SEGMENTS_MAX};
    static const char *const keys[] = {"id", "when", "params"};
    Model *model = l->model;
    TakenIds taken = {0};
    int r;

    l->segments = loader_collection(l, l->root, &segments, &model->n_segments);
    r = taken_ids_init(l, &taken, model->n_segments);
    if (r == 0)
        r = LOADER_ALLOC(l, model->segments, model->n_segments);
    if (r == 0)
        /* Never NULL, so that a row without params has an address too. */
        r = LOADER_ALLOC(l, model->segment_params, (model->n_segments + 1) * MAX(model->n_params, 1));
    if (r < 0)
        return r;

    for (size_t i = 0; i < model->n_segments; i++) {
        const YamlNode *item = l->segments->items[i];
        Segment *segment = &model->segments[i];
        double *row = model->segment_params + i * model->n_params;

        fill_params(model, row);
        segment->id = STR_LITERAL("");
        if (!loader_check_mapping(l, item, "a segment", KEY_SET(keys)))
            continue;
        segment->id = loader_id(l, item, "segment", &taken);
        if (str_eq_c(segment->id, "default"))
            loader_error(
                    l, loader_get(item, "id"), "\"default\" is the segment of leads that match no other");
        read_overrides(l, item, row);
    }
    fill_params(model, model->segment_params + model->n_segments * model->n_params);
    return 0;
}

int loader_read_segments(ModelLoader *l) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < l->model->n_segments; i++) {
        const YamlNode *item = l->segments->items[i];

        (void)loader_require(l, item, "segment", "when", "a condition in quotes");
        r = loader_condition(l, item, "when", CONDITION_SEGMENT, &l->model->segments[i].when);
    }
    return r;
}

int loader_declare_routes(ModelLoader *l) {
    static const Collection routes = {"routes", YAML_SEQUENCE, "a list of routes", 0, MODEL_ROUTES_MAX};
    static const char *const keys[] = {"id", "when"};
    Model *model = l->model;
    TakenIds taken = {0};
    int r;

    l->routes = loader_collection(l, l->root, &routes, &model->n_routes);
    r = taken_ids_init(l, &taken, model->n_routes);
    if (r == 0)
        r = LOADER_ALLOC(l, model->routes, model->n_routes);
    if (r < 0)
        return r;

    for (size_t i = 0; i < model->n_routes; i++) {
        const YamlNode *item = l->routes->items[i];

        model->routes[i].id = STR_LITERAL("");
        if (loader_check_mapping(l, item, "a route", KEY_SET(keys)))
            model->routes[i].id = loader_id(l, item, "route", &taken);
    }
    return 0;
}

/* A route without a condition is for the leads that match no other, so it comes last. */
int loader_read_routes(ModelLoader *l) {
    size_t n = l->model->n_routes;
    int r = 0;

    for (size_t i = 0; r == 0 && i < n; i++) {
        const YamlNode *item = l->routes->items[i];

        r = loader_condition(l, item, "when", CONDITION_PROFILE, &l->model->routes[i].when);
        if (item->type == YAML_MAPPING && !loader_get(item, "when") && i + 1 < n)
            loader_warning(
                    l, item, "a route without \"when\" takes every lead: those after it are never used");
    }
    return r;
}

int loader_read_ignore(ModelLoader *l) {
    static const Collection ignore = {"ignore", YAML_SEQUENCE, "a list of ignore rules", 0, MODEL_RULES_MAX};
    static const char *const keys[] = {"id", "when"};
    Model *model = l->model;
    const YamlNode *list = loader_collection(l, l->root, &ignore, &model->n_ignore);
    TakenIds taken = {0};
    int r;

    r = taken_ids_init(l, &taken, model->n_ignore);
    if (r == 0)
        r = LOADER_ALLOC(l, model->ignore, model->n_ignore);

    for (size_t i = 0; r == 0 && i < model->n_ignore; i++) {
        const YamlNode *item = list->items[i];

        if (!loader_check_mapping(l, item, "an ignore rule", KEY_SET(keys)))
            continue;
        model->ignore[i].id = loader_id(l, item, "ignore rule", &taken);
        (void)loader_require(l, item, "ignore rule", "when", "a condition in quotes");
        r = loader_condition(l, item, "when", CONDITION_EVENT, &model->ignore[i].when);
    }
    return r;
}
