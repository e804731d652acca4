/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every part of a model file needs: mappings with known keys, lists of things, event types, conditions.
 */
#include <stdarg.h>
#include <stdio.h>

#include "lib/model/model_yaml.h"

/* Long enough for any id, short enough for a line. */
#define SHOWN_LEN_MAX 72
#define MESSAGE_SIZE 1024

Str loader_shown(Str text) {
    return (Str){text.data, str_cut(text, SHOWN_LEN_MAX)};
}

static void add(ModelLoader *l, DiagnosticLevel level, const YamlNode *node, const char *format,
        va_list arguments) PRINTF_LIKE(4, 0);
static void add(
        ModelLoader *l, DiagnosticLevel level, const YamlNode *node, const char *format, va_list arguments) {
    char message[MESSAGE_SIZE];

    (void)vsnprintf(message, sizeof(message), format, arguments);
    diagnostics_add(l->diagnostics, level, node->mark, "%s", message);
}

void loader_error(ModelLoader *l, const YamlNode *node, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    add(l, DIAGNOSTIC_ERROR, node, format, arguments);
    va_end(arguments);
}

void loader_warning(ModelLoader *l, const YamlNode *node, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    add(l, DIAGNOSTIC_WARNING, node, format, arguments);
    va_end(arguments);
}

bool loader_check_mapping(ModelLoader *l, const YamlNode *node, const char *what, KeySet set) {
    return yaml_check_keys(node, what, set.keys, set.n, l->diagnostics);
}

bool loader_check_type(
        ModelLoader *l, const YamlNode *node, YamlType type, const char *key, const char *expected) {
    if (node->type == type && !yaml_is_null(node))
        return true;

    if (yaml_is_null(node))
        loader_error(l, node, "%s: %s expected, got nothing", key, expected);
    else if (node->type == YAML_SCALAR)
        loader_error(l, node, "%s: %s expected, got \"%.*s\"", key, expected, SHOWN(node));
    else
        loader_error(l, node, "%s: %s expected, got %s", key, expected,
                node->type == YAML_SEQUENCE ? "a list" : "a mapping");
    return false;
}

const YamlNode *loader_get(const YamlNode *node, const char *key) {
    return node->type == YAML_MAPPING ? yaml_get(node, key) : NULL;
}

const YamlNode *loader_require(
        ModelLoader *l, const YamlNode *node, const char *kind, const char *key, const char *expected) {
    const YamlNode *value = loader_get(node, key);
    const YamlNode *id = loader_get(node, "id");

    if (value || node->type != YAML_MAPPING)
        return value;

    /* The id is what a reader looks for; a mapping alone is at best a brace. */
    if (id && id->type == YAML_SCALAR)
        loader_error(l, id, "%s \"%.*s\" has no \"%s\": expected %s", kind, SHOWN(id), key, expected);
    else
        loader_error(l, node, "this %s has no \"%s\": expected %s", kind, key, expected);
    return NULL;
}

const YamlNode *loader_collection(
        ModelLoader *l, const YamlNode *parent, const Collection *collection, size_t *ret_n) {
    const YamlNode *node = loader_get(parent, collection->key);

    *ret_n = 0;
    if (!node || !loader_check_type(l, node, collection->type, collection->key, collection->expected))
        return NULL;

    if (node->n_items < collection->min) {
        loader_error(l, node, "%s: %s expected, got an empty one", collection->key, collection->expected);
        return NULL;
    }
    if (node->n_items > collection->max)
        loader_error(l,
                node->type == YAML_MAPPING ? node->keys[collection->max] : node->items[collection->max],
                "%s: %zu are too many, the limit is %zu", collection->key, node->n_items, collection->max);
    *ret_n = MIN(node->n_items, collection->max);
    return node;
}

/* An event type of an `on` list. False: it is none that could trigger anything; what a merge does is said by SPEC section 9 alone. */
static bool read_event_type(ModelLoader *l, const YamlNode *node, const char *key, Str *ret) {
    if (!yaml_string(node, key, l->diagnostics, ret))
        return false;
    bool is_built_in = str_eq_c(*ret, "lead_merged") || str_eq_c(*ret, "lead_forgotten");
    if (ret->len == 0 || ret->len > EVENT_TYPE_LEN_MAX)
        loader_error(
                l, node, "bad event type \"%.*s\": expected 1 to %d bytes", SHOWN(node), EVENT_TYPE_LEN_MAX);
    else if (is_built_in)
        loader_warning(l, node, "%.*s does only what is built in: it triggers nothing here", SHOWN(node));
    return !is_built_in;
}

int loader_event_types(ModelLoader *l, const YamlNode *item, const char *key, EventTypes *ret, bool *ret_present) {
    const Collection on = {
            key, YAML_SEQUENCE, "a list of event types such as [page_view]", 1, MODEL_EVENT_TYPES_MAX};
    const YamlNode *list;
    Str *types = NULL;
    size_t n;
    int r;

    *ret_present = loader_get(item, key) != NULL;
    list = loader_collection(l, item, &on, &n);
    if (!list) {
        ret->any = !*ret_present;
        return 0;
    }

    r = LOADER_ALLOC(l, types, n);
    if (r < 0)
        return r;
    ret->n_types = 0;
    for (size_t i = 0; i < n; i++)
        ret->n_types += read_event_type(l, list->items[i], key, &types[ret->n_types]);
    loader_check_repeats(l, list, n, key);
    ret->types = types;
    return 0;
}

int loader_condition(
        ModelLoader *l, const YamlNode *item, const char *key, ConditionPlace place, Condition **ret) {
    const YamlNode *node = loader_get(item, key);

    if (!node || !loader_check_type(l, node, YAML_SCALAR, key, "a condition in quotes"))
        return 0;
    return condition_compile(l->arena, l->model, node, place, l->diagnostics, ret);
}
