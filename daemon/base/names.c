/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/names.h"

#include <search.h>

typedef struct Name {
    Str text; /* owned */
    unsigned number;
} Name;

struct Names {
    Name **items;
    size_t n_items, n_alloc, n_max;
    bool has_others;
    void *root; /* of tsearch(): a balanced tree, which no choice of texts makes slow */
};

static int compare(const void *a, const void *b) {
    const Name *left = a, *right = b;
    return str_compare(left->text, right->text);
}

static void keep(void *name) {
    (void)name;
}

int names_new(size_t n_max, Names **ret) {
    Names *names = calloc(1, sizeof(*names));
    if (!names)
        return -ENOMEM;
    names->n_max = n_max;
    *ret = names;
    return 0;
}

Names *names_free(Names *names) {
    if (!names)
        return NULL;
    tdestroy(names->root, keep);
    for (size_t i = 0; i < names->n_items; i++)
        free(names->items[i]);
    free(names->items);
    free(names);
    return NULL;
}

/* The text stands behind the name, in one piece of memory. */
static Name *name_new(Str text, unsigned number) {
    Name *name = malloc(sizeof(*name) + text.len + 1);
    if (!name)
        return NULL;
    char *copy = (char *)(name + 1);
    if (text.len)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    *name = (Name){{copy, text.len}, number};
    return name;
}

int names_put(Names *names, Str text, unsigned *ret) {
    const Name key = {.text = text};
    Name *const *found = tfind(&key, &names->root, compare);

    if (found) {
        *ret = (*found)->number;
        return 0;
    }
    if (names->n_items == names->n_max) {
        names->has_others = true;
        *ret = (unsigned)names->n_max;
        return 0;
    }
    int r = array_reserve(&names->items, &names->n_alloc, names->n_items, sizeof(Name *));
    if (r)
        return r;
    _cleanup_(free_null) Name *name = name_new(text, (unsigned)names->n_items);
    if (!name || !tsearch(name, &names->root, compare))
        return -ENOMEM;
    *ret = name->number;
    names->items[names->n_items++] = TAKE_PTR(name);
    return 0;
}

Str names_text(const Names *names, unsigned number) {
    return number < names->n_items ? names->items[number]->text : STR_LITERAL("(others)");
}

size_t names_count(const Names *names) {
    return names->n_items + names->has_others;
}
