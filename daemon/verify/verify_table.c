/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/verify/verify_table.h"

#include "lib/base/arena.h"

struct VerifyTable {
    SipKey key; /* secret: ids and records are chosen by others */
    Arena *arena;
    VerifyEntity **items;
    size_t n, n_alloc;
    uint32_t *slots; /* index + 1; 0: empty. Open addressing */
    size_t n_slots;  /* a power of two, at least twice n */
    int64_t settled_bno;
};

int verify_table_new(SipKey key, VerifyTable **ret) {
    _cleanup_(verify_table_free) VerifyTable *table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;
    table->key = key;
    table->n_slots = 1024;
    table->slots = calloc(table->n_slots, sizeof(*table->slots));
    int r = table->slots ? arena_new(&table->arena) : -ENOMEM;
    if (r)
        return r;
    *ret = TAKE_PTR(table);
    return 0;
}

VerifyTable *verify_table_free(VerifyTable *table) {
    if (!table)
        return NULL;
    arena_free(table->arena);
    free(table->items);
    free(table->slots);
    return free_null(table);
}

size_t verify_table_count(const VerifyTable *table) {
    return table->n;
}

VerifyEntity *verify_table_at(const VerifyTable *table, size_t i) {
    return table->items[i];
}

/* Where it is, or would be. */
static size_t find_slot(const VerifyTable *table, EntityKind kind, Str id) {
    size_t mask = table->n_slots - 1, i = (size_t)(siphash_13(table->key, id) + (uint64_t)kind) & mask;
    for (; table->slots[i]; i = (i + 1) & mask) {
        const VerifyEntity *other = table->items[table->slots[i] - 1];
        if (other->kind == kind && str_eq(other->id, id))
            break;
    }
    return i;
}

static int grow(VerifyTable *table) {
    if (table->n_slots >= UINT32_MAX / 2)
        return -ENOMEM;
    uint32_t *slots = calloc(2 * table->n_slots, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    free(table->slots);
    table->slots = slots;
    table->n_slots *= 2;
    for (size_t i = 0; i < table->n; i++)
        table->slots[find_slot(table, table->items[i]->kind, table->items[i]->id)] = (uint32_t)(i + 1);
    return 0;
}

int verify_table_get(VerifyTable *table, EntityKind kind, Str id, VerifyEntity **ret) {
    size_t slot = find_slot(table, kind, id);
    if (table->slots[slot]) {
        *ret = table->items[table->slots[slot] - 1];
        return 0;
    }
    if (2 * (table->n + 1) > table->n_slots) {
        int r = grow(table);
        if (r)
            return r;
        slot = find_slot(table, kind, id);
    }
    VerifyEntity *entity = arena_new_array(table->arena, VerifyEntity, 1);
    Str copy = arena_str(table->arena, id);
    if (!entity || str_is_null(copy))
        return -ENOMEM;
    int r = array_reserve(&table->items, &table->n_alloc, table->n, sizeof(VerifyEntity *));
    if (r)
        return r;
    entity->kind = kind;
    entity->id = copy;
    table->items[table->n++] = entity;
    table->slots[slot] = (uint32_t)table->n;
    *ret = entity;
    return 0;
}

void verify_table_renumber(VerifyTable *table, int64_t from, int64_t to) {
    for (size_t i = 0; i < table->n; i++)
        if (table->items[i]->bno == from)
            table->items[i]->bno = to;
}

void verify_table_settle(VerifyTable *table, int64_t bno) {
    table->settled_bno = bno;
}

/* ---- versions ---- */

static VerifyVersion version_of(const VerifyTable *table, Str record) {
    return str_is_null(record) ? (VerifyVersion){0} : (VerifyVersion){true, siphash_13(table->key, record)};
}

static bool is_same(VerifyVersion a, VerifyVersion b) {
    return a.is_there == b.is_there && a.digest == b.digest;
}

void verify_entity_note(const VerifyTable *table, VerifyEntity *entity, Str record, int64_t bno) {
    entity->known = version_of(table, record);
    entity->bno = bno;
    if (!entity->is_open)
        return;
    bool fits = is_same(entity->known, entity->seen);
    if (bno > entity->seen_bno) {
        entity->is_right = entity->is_right || fits;
    } else {
        entity->is_right = fits;
        entity->may_be_older = false;
    }
}

void verify_entity_look(const VerifyTable *table, VerifyEntity *entity, Str record, int64_t bno) {
    entity->seen = version_of(table, record);
    entity->seen_bno = bno;
    entity->is_open = true;
    entity->is_right = is_same(entity->known, entity->seen);
    entity->may_be_older = entity->bno > bno || (entity->bno == 0 && bno < table->settled_bno);
}

VerifyVerdict verify_entity_verdict(const VerifyEntity *entity) {
    if (entity->is_right)
        return VERIFY_RIGHT;
    return entity->may_be_older ? VERIFY_OLDER : VERIFY_WRONG;
}
