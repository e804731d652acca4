/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids, names and references: their form, that they are given once, and what a slip was meant to be.
 */
#include <stdio.h>

#include "lib/model/model_yaml.h"

/* How many ids to offer when none is near. */
#define OFFERED_MAX 8

/* Words with a meaning of their own in conditions (SPEC section 2), those of later versions too. */
static const char *const reserved_words[] = {"event", "profile", "segment", "route", "first_source",
        "last_source", "idle", "committee", "or", "and", "not", "in", "like", "true", "false", "null", "min",
        "max", "number", "present", "default", "age", "since", "left", "entries"};

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_id(Str text) {
    for (size_t i = 0; i < text.len; i++)
        if (!is_letter(text.data[i]) && !is_digit(text.data[i]) && text.data[i] != '-')
            return false;
    return text.len >= 1 && text.len <= MODEL_ID_LEN_MAX;
}

/* Names stand in conditions bare, where '-' is minus and a digit begins a number. */
static bool is_name(Str text) {
    return is_id(text) && !is_digit(text.data[0]) && !memchr(text.data, '-', text.len);
}

int taken_ids_init(ModelLoader *l, TakenIds *taken, size_t n_max) {
    taken->n_max = n_max;
    return LOADER_ALLOC(l, taken->ids, n_max);
}

static void take_id(ModelLoader *l, TakenIds *taken, const YamlNode *node, const char *kind) {
    for (size_t i = 0; i < taken->n; i++) {
        if (!str_eq(taken->ids[i].node->text, node->text))
            continue;
        loader_error(l, node, "\"%.*s\" is taken already by the %s on line %u", SHOWN(node),
                taken->ids[i].kind, taken->ids[i].node->mark.line);
        return;
    }
    assert(taken->n < taken->n_max);
    taken->ids[taken->n++] = (TakenId){node, kind};
}

static bool check_id(ModelLoader *l, const YamlNode *node, const char *kind) {
    if (is_id(node->text))
        return true;
    loader_error(l, node, "bad %s id \"%.*s\": expected 1 to %d letters, digits, \"_\" or \"-\"", kind,
            SHOWN(node), MODEL_ID_LEN_MAX);
    return false;
}

Str loader_key_id(ModelLoader *l, const YamlNode *key, const char *kind) {
    return check_id(l, key, kind) ? key->text : STR_LITERAL("");
}

Str loader_id(ModelLoader *l, const YamlNode *item, const char *kind, TakenIds *taken) {
    const YamlNode *node = loader_require(l, item, kind, "id", "a name for outputs and messages");
    Str id;

    if (!node || !yaml_string(node, "id", l->diagnostics, &id))
        return STR_LITERAL("");
    if (!check_id(l, node, kind))
        return STR_LITERAL("");
    take_id(l, taken, node, kind);
    return id;
}

Str loader_name(ModelLoader *l, const YamlNode *key, const char *kind, TakenIds *taken) {
    if (!is_name(key->text)) {
        loader_error(l, key,
                "bad %s name \"%.*s\": expected a letter or \"_\", then letters, digits or \"_\", %d at most",
                kind, SHOWN(key), MODEL_ID_LEN_MAX);
        return STR_LITERAL("");
    }
    for (size_t i = 0; i < ARRAY_SIZE(reserved_words); i++)
        if (str_eq_c(key->text, reserved_words[i]))
            loader_error(l, key, "\"%s\" can't name %s %s: it is a word of the condition language",
                    reserved_words[i], strchr("aeiou", kind[0]) ? "an" : "a", kind);
    take_id(l, taken, key, kind);
    return key->text;
}

static Str id_at(const IdList *ids, size_t i) {
    Str id;

    memcpy(&id, (const char *)ids->first + i * ids->stride, sizeof(id));
    return id;
}

/* `; did you mean "x"?`, or what there is to choose from. */
static void suggest(const IdList *ids, Str name, char *text, size_t size) {
    const char *candidates[MODEL_RULES_MAX] = {NULL};
    size_t n = 0, len = 0;

    for (size_t i = 0; i < ids->n && n < ARRAY_SIZE(candidates); i++)
        if (id_at(ids, i).len > 0)
            candidates[n++] = id_at(ids, i).data;

    const char *nearest = diagnostic_nearest(name, candidates, n);
    if (nearest) {
        (void)snprintf(text, size, "; did you mean \"%s\"?", nearest);
        return;
    }
    (void)snprintf(text, size, "%s", n == 0 ? ": the model has none" : "");
    for (size_t i = 0; i < MIN(n, OFFERED_MAX); i++) {
        const char *before = i > 0 ? ", " : n > 1 ? "; expected one of " : "; expected ";
        int k = snprintf(text + len, size - len, "%s%s", before, candidates[i]);
        if (k < 0 || (size_t)k >= size - len)
            return;
        len += (size_t)k;
    }
    if (n > OFFERED_MAX)
        (void)snprintf(text + len, size - len, ", …");
}

YamlNode loader_part(const YamlNode *node, size_t offset, size_t len) {
    YamlNode part = *node;

    part.text = (Str){node->text.data + offset, len};
    /* Columns are characters: only in ASCII can they be counted in bytes. */
    for (size_t i = 0; i < offset + len; i++)
        if ((unsigned char)node->text.data[i] >= 0x80)
            part.text_exact = false;
    if (part.text_exact) {
        part.text_column = node->text_column + (unsigned)offset;
        part.mark.column = part.text_column;
        part.mark.length = MAX((unsigned)len, 1);
    }
    return part;
}

bool loader_find(ModelLoader *l, const YamlNode *node, const char *kind, IdList ids, unsigned *ret) {
    char suggestion[OFFERED_MAX * (MODEL_ID_LEN_MAX + 2) + 64];

    for (size_t i = 0; i < ids.n; i++) {
        if (!str_eq(id_at(&ids, i), node->text))
            continue;
        *ret = (unsigned)i;
        return true;
    }
    suggest(&ids, node->text, suggestion, sizeof(suggestion));
    loader_error(l, node, "unknown %s \"%.*s\"%s", kind, SHOWN(node), suggestion);
    return false;
}

void loader_check_repeats(ModelLoader *l, const YamlNode *list, size_t n, const char *key) {
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            const YamlNode *a = list->items[i], *b = list->items[k];

            if (a->type != YAML_SCALAR || b->type != YAML_SCALAR || !str_eq(a->text, b->text))
                continue;
            loader_error(l, a, "%s: \"%.*s\" is in the list twice", key, SHOWN(a));
            break;
        }
    }
}
