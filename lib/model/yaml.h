#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML Tree
 *
 * A whole YAML document as a tree of nodes with their places, for files that people write. Read by libyaml;
 * what invites mistakes or attacks is an error: anchors, aliases, tags, duplicate keys, several documents,
 * more than YAML_DEPTH_MAX levels, YAML_NODES_MAX nodes or YAML_BYTES_MAX bytes. Scalars stay text: a schema
 * decides whether `no` is a country or a truth value, not YAML.
 */
#include "lib/base/arena.h"
#include "lib/base/diagnostic.h"

/* Ours: some hundred times the sample models, so that no file takes long to read or much memory. */
#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 200000
#define YAML_BYTES_MAX (4 * 1024 * 1024)

typedef enum YamlType { YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING } YamlType;

typedef struct YamlNode YamlNode;
struct YamlNode {
    YamlType type;
    Mark mark;
    /* scalar */
    Str text;      /* NUL-terminated */
    bool quoted;   /* '…', "…" or a block | or >: never a number or null */
    /*
     * Where character i of `text` stands in the file: mark.line and text_column + i, when the scalar is on one
     * line and has no escapes (then text_exact); lets a condition's error point into the condition.
     */
    unsigned text_column;
    bool text_exact;
    /* sequence: items; mapping: values, with keys[i] the scalar node of its key; both in file order */
    YamlNode **items;
    YamlNode **keys;
    size_t n_items;
};

/*
 * Parses `source` into nodes that live in `arena`. Syntax errors go to `diagnostics`; then, and for an empty
 * document, *ret_root is NULL (an empty document is an error too). After duplicate keys, errors as well, there
 * is a tree without the later ones, so that the rest can be checked. Returns 0 or -ENOMEM.
 */
MUST_CHECK int yaml_parse(Arena *arena, Str source, Diagnostics *diagnostics, YamlNode **ret_root);

/* The value under `key` of a mapping, or NULL. */
YamlNode *yaml_get(const YamlNode *mapping, const char *key);
/* An unquoted `~`, `null` or nothing at all. */
bool yaml_is_null(const YamlNode *node);

/*
 * Typed scalars. False: an error has been added that says what was expected, and *ret is untouched.
 * `what` names the thing in the message ("lateness", "times").
 */
MUST_CHECK bool yaml_double(const YamlNode *node, const char *what, Diagnostics *d, double *ret);
MUST_CHECK bool yaml_integer(const YamlNode *node, const char *what, int64_t min, int64_t max, Diagnostics *d, int64_t *ret);
MUST_CHECK bool yaml_boolean(const YamlNode *node, const char *what, Diagnostics *d, bool *ret); /* true or false only */
MUST_CHECK bool yaml_duration(const YamlNode *node, const char *what, int64_t min_ms, Diagnostics *d, int64_t *ret_ms);
/* Any scalar that is not null, as text. */
MUST_CHECK bool yaml_string(const YamlNode *node, const char *what, Diagnostics *d, Str *ret);

/*
 * Reports every key of `mapping` that is not among `known`, with the nearest known one; and, if `node` is not
 * a mapping at all, that. False in the latter case.
 */
MUST_CHECK bool yaml_check_keys(const YamlNode *node, const char *what, const char *const *known, size_t n_known, Diagnostics *d);
