/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open addressing with linear probing: a look-up per event touches one or two neighbouring slots, and the
 * hash beside the pointer spares the visit to entities that are not meant. Removal moves the followers of the
 * gap back (Knuth, volume 3, algorithm 6.4R), so no tombstones pile up in a cache that evicts all day.
 *
 * The order of use and the list of changed leads run through the entities themselves.
 */
#include "lib/base/siphash.h"
#include "lib/shard/entity_table.h"

#define SLOTS_MIN 64

typedef struct Slot {
    uint64_t hash;
    Entity *entity; /* NULL: free */
} Slot;

struct EntityTable {
    const EntityOps *ops;
    const Model *model;
    SipKey key;
    Slot *slots;
    size_t n_slots; /* a power of two, or 0 before the first entity */
    size_t n_entities;
    size_t entities_bytes;        /* the sum of their size_bytes */
    Entity *lru_head, *lru_tail; /* latest and longest ago used */
    Entity *dirty_head, *dirty_tail;
    uint32_t n_cleans; /* counts round: it is differences that matter */
};

int entity_table_new(const EntityOps *ops, const Model *model, EntityTable **ret) {
    EntityTable *table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;
    table->ops = ops;
    table->model = model;
    entity_table_seed(table, 0);
    *ret = table;
    return 0;
}

EntityTable *entity_table_free(EntityTable *table) {
    if (!table)
        return NULL;
    for (size_t i = 0; i < table->n_slots; i++)
        if (table->slots[i].entity)
            table->ops->free(table->slots[i].entity);
    free(table->slots);
    return free_null(table);
}

void entity_table_seed(EntityTable *table, uint64_t seed) {
    assert(table->n_entities == 0);
    table->key = (SipKey){seed, ~seed};
}

size_t entity_table_count(const EntityTable *table) {
    return table->n_entities;
}

size_t entity_table_memory(const EntityTable *table) {
    return sizeof(*table) + table->n_slots * sizeof(Slot) + table->entities_bytes;
}

/* ---- slots ---- */

/* The slot that holds the id, or the free one where the search for it ended. */
static Slot *find_slot(const EntityTable *table, uint64_t hash, Str id) {
    size_t mask = table->n_slots - 1;
    size_t i = hash & mask;
    while (table->slots[i].entity &&
            (table->slots[i].hash != hash || !str_eq(table->slots[i].entity->id, id)))
        i = (i + 1) & mask;
    return &table->slots[i];
}

static int grow_slots(EntityTable *table) {
    size_t n_slots = table->n_slots ? table->n_slots * 2 : SLOTS_MIN;
    Slot *slots = calloc(n_slots, sizeof(Slot));
    if (!slots)
        return -ENOMEM;
    for (size_t i = 0; i < table->n_slots; i++) {
        if (!table->slots[i].entity)
            continue;
        size_t at = table->slots[i].hash & (n_slots - 1);
        while (slots[at].entity)
            at = (at + 1) & (n_slots - 1);
        slots[at] = table->slots[i];
    }
    free(table->slots);
    table->slots = slots;
    table->n_slots = n_slots;
    return 0;
}

static void empty_slot(EntityTable *table, Slot *slot) {
    size_t mask = table->n_slots - 1;
    size_t gap = (size_t)(slot - table->slots);
    for (size_t i = (gap + 1) & mask; table->slots[i].entity; i = (i + 1) & mask) {
        /* It may fill the gap if its search passes there: if its home is no nearer to it than the gap. */
        size_t home = table->slots[i].hash & mask;
        if (((i - home) & mask) < ((i - gap) & mask))
            continue;
        table->slots[gap] = table->slots[i];
        gap = i;
    }
    table->slots[gap].entity = NULL;
}

/* ---- order of use ---- */

static void lru_link(EntityTable *table, Entity *entity) {
    entity->lru_prev = NULL;
    entity->lru_next = table->lru_head;
    if (entity->lru_next)
        entity->lru_next->lru_prev = entity;
    else
        table->lru_tail = entity;
    table->lru_head = entity;
}

static void lru_unlink(EntityTable *table, Entity *entity) {
    if (entity->lru_prev)
        entity->lru_prev->lru_next = entity->lru_next;
    else
        table->lru_head = entity->lru_next;
    if (entity->lru_next)
        entity->lru_next->lru_prev = entity->lru_prev;
    else
        table->lru_tail = entity->lru_prev;
}

/* ---- look-up, in and out ---- */

uint64_t entity_table_hash(const EntityTable *table, Str id) {
    return siphash_13(table->key, id);
}

/* Ids of the same hash are as good as never met: what is first in the row is meant. */
void entity_table_prefetch(const EntityTable *table, uint64_t hash, Prefetch what) {
    if (table->n_slots == 0)
        return;
    size_t i = hash & (table->n_slots - 1);
    if (what == PREFETCH_SLOT) {
        __builtin_prefetch(&table->slots[i]);
        return;
    }
    while (table->slots[i].entity && table->slots[i].hash != hash)
        i = (i + 1) & (table->n_slots - 1);
    if (table->slots[i].entity)
        entity_table_prefetch_entity(table, table->slots[i].entity, what);
}

void entity_table_prefetch_entity(const EntityTable *table, const Entity *entity, Prefetch what) {
    if (what == PREFETCH_ENTITY) {
        table->ops->prefetch(entity, table->model);
    } else if (what == PREFETCH_PARTS) {
        __builtin_prefetch(entity->lru_prev, 1);
        __builtin_prefetch(entity->lru_next, 1);
        table->ops->prefetch_parts(entity);
    } else {
        table->ops->prefetch_record(entity);
    }
}

Entity *entity_table_get(EntityTable *table, Str id) {
    /* On its way an event asks for its lead several times in a row. */
    if (table->n_entities > 0 && str_eq(table->lru_head->id, id))
        return table->lru_head;
    return entity_table_get_by_hash(table, entity_table_hash(table, id), id);
}

Entity *entity_table_get_by_hash(EntityTable *table, uint64_t hash, Str id) {
    if (table->n_entities == 0)
        return NULL;
    Entity *entity = find_slot(table, hash, id)->entity;
    if (entity && entity != table->lru_head) {
        lru_unlink(table, entity);
        lru_link(table, entity);
    }
    return entity;
}

int entity_table_consume(EntityTable *table, Entity *entity) {
    /* At most three quarters full: linear probing stays short. */
    if ((table->n_entities + 1) * 4 > table->n_slots * 3) {
        int r = grow_slots(table);
        if (r)
            return r;
    }
    entity->hash = entity_table_hash(table, entity->id);
    Slot *slot = find_slot(table, entity->hash, entity->id);
    assert(!slot->entity);
    *slot = (Slot){entity->hash, entity};
    table->n_entities++;

    lru_link(table, entity);
    entity->dirty = false;
    entity->dirty_next = NULL;
    entity->cleaned_no = table->n_cleans - UINT32_MAX / 2; /* as long ago as can be */
    entity->size_bytes = table->ops->memory(entity, table->model);
    table->entities_bytes += entity->size_bytes;
    return 0;
}

/* The list has no way back: removing a changed entity is rare, marking one is not. */
static void dirty_unlink(EntityTable *table, Entity *entity) {
    Entity *prev = NULL;
    for (Entity *i = table->dirty_head; i != entity; i = i->dirty_next)
        prev = i;
    if (prev)
        prev->dirty_next = entity->dirty_next;
    else
        table->dirty_head = entity->dirty_next;
    if (table->dirty_tail == entity)
        table->dirty_tail = prev;
}

void entity_table_remove(EntityTable *table, Entity *entity) {
    assert(entity->heap_index == 0);
    Slot *slot = find_slot(table, entity->hash, entity->id);
    assert(slot->entity == entity);
    empty_slot(table, slot);
    table->n_entities--;
    table->entities_bytes -= entity->size_bytes;
    lru_unlink(table, entity);
    if (entity->dirty)
        dirty_unlink(table, entity);
    table->ops->free(entity);
}

/* ---- changed ones ---- */

void entity_table_mark_dirty(EntityTable *table, Entity *entity) {
    if (entity->dirty)
        return;
    entity->dirty = true;
    entity->dirty_next = NULL;
    if (table->dirty_tail)
        table->dirty_tail->dirty_next = entity;
    else
        table->dirty_head = entity;
    table->dirty_tail = entity;
}

Entity *entity_table_dirty(const EntityTable *table) {
    return table->dirty_head;
}

static void weigh(EntityTable *table, Entity *entity) {
    table->entities_bytes -= entity->size_bytes;
    entity->size_bytes = table->ops->memory(entity, table->model);
    table->entities_bytes += entity->size_bytes;
}

void entity_table_clean(EntityTable *table) {
    Entity *entity = table->dirty_head;
    table->dirty_head = table->dirty_tail = NULL;
    table->n_cleans++;
    while (entity) {
        Entity *next = entity->dirty_next;
        if (next) /* it is on its way while this one is weighed */
            table->ops->prefetch(next, table->model);
        entity->dirty = false;
        entity->dirty_next = NULL;
        entity->cleaned_no = table->n_cleans;
        if (entity->erased)
            entity_table_remove(table, entity);
        else
            weigh(table, entity);
        entity = next;
    }
}

void entity_table_trim(EntityTable *table, EntityTrim trim) {
    Entity *entity = table->lru_tail;
    while (entity && entity_table_memory(table) > trim.max_bytes) {
        Entity *prev = entity->lru_prev;
        if (!entity->dirty && table->n_cleans - entity->cleaned_no >= trim.n_kept) {
            if (trim.evict)
                trim.evict(trim.userdata, entity);
            entity_table_remove(table, entity);
        }
        entity = prev;
    }
}

Entity *entity_table_next(const EntityTable *table, size_t *iterator) {
    while (*iterator < table->n_slots) {
        Entity *entity = table->slots[(*iterator)++].entity;
        if (entity)
            return entity;
    }
    return NULL;
}
