/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes are either a tree or errors, whose places can be shown; never both missing. */
#include "lib/model/yaml.h"

/* Reads every text and follows every pointer, so that the sanitizer sees them; counts the nodes. */
static size_t walk(const YamlNode *node, unsigned depth) {
    if (node->mark.line < 1 || node->mark.column < 1 || node->mark.length < 1)
        abort();
    if (node->type == YAML_SCALAR) {
        if (strlen(node->text.data) != node->text.len)
            abort();
        return 1;
    }
    if (depth >= YAML_DEPTH_MAX)
        abort();
    size_t n = 1;
    for (size_t i = 0; i < node->n_items; i++) {
        if (node->type == YAML_MAPPING) {
            n += walk(node->keys[i], depth + 1);
            if (yaml_get(node, node->keys[i]->text.data) != node->items[i])
                abort();
        }
        n += walk(node->items[i], depth + 1);
    }
    return n;
}

/* Every reader on every value; what they say is not judged. */
static void read_values(const YamlNode *mapping, Diagnostics *diagnostics) {
    for (size_t i = 0; i < mapping->n_items; i++) {
        const YamlNode *node = mapping->items[i];
        double number;
        int64_t integer;
        bool boolean;
        Str text;
        (void)!yaml_double(node, "value", diagnostics, &number);
        (void)!yaml_integer(node, "value", -10, 10, diagnostics, &integer);
        (void)!yaml_duration(node, "value", 1000, diagnostics, &integer);
        (void)!yaml_boolean(node, "value", diagnostics, &boolean);
        (void)!yaml_string(node, "value", diagnostics, &text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const known[] = {"model", "version", "scores"};
    Str source = {(const char *)data, size};
    _cleanup_(arena_free) Arena *arena = NULL;
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    YamlNode *root;
    if (arena_new(&arena) < 0 || yaml_parse(arena, source, &diagnostics, &root) < 0)
        abort();

    if (!root && diagnostics.n_errors == 0)
        abort();
    if (root) {
        if (walk(root, 0) > YAML_NODES_MAX)
            abort();
        if (yaml_check_keys(root, "the file", known, ARRAY_SIZE(known), &diagnostics))
            read_values(root, &diagnostics);
    }

    diagnostics_sort(&diagnostics);
    _cleanup_(free_null) char *text = diagnostics_render(&diagnostics, "fuzz.yaml", source);
    if (!text)
        abort();
    diagnostics_done(&diagnostics);
    return 0;
}
