#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Entity Table
 *
 * A shard's leads, or its accounts, in memory: a hash table by id with the list of those changed since the last commit and
 * the order of last use. It never forgets a changed one; entity_table_trim() drops the ones used longest ago
 * when a bound of memory is set (live, where the view has them), and a replay keeps them all.
 */
#include "lib/lead/entity.h"

typedef struct EntityTable EntityTable;

/* `ops` and `model` outlive the table. */
MUST_CHECK int entity_table_new(const EntityOps *ops, const Model *model, EntityTable **ret);
/* Frees the entities too. */
EntityTable *entity_table_free(EntityTable *table);
DEFINE_CLEANUP(EntityTable *, entity_table_free)

/* Seeded by the caller against keys chosen to collide; lib reads no randomness. Before the first put. */
void entity_table_seed(EntityTable *table, uint64_t seed);

size_t entity_table_count(const EntityTable *table);
/* What has changed is weighed when the list of changed ones is forgotten, once a batch. */
size_t entity_table_memory(const EntityTable *table);

/* For entity_window.h: what an id's entity is found by, and what of it is to be on its way to the processor's caches. */
uint64_t entity_table_hash(const EntityTable *table, Str id);
typedef enum Prefetch { PREFETCH_SLOT, PREFETCH_ENTITY, PREFETCH_PARTS, PREFETCH_RECORD } Prefetch;
void entity_table_prefetch(const EntityTable *table, uint64_t hash, Prefetch what);
void entity_table_prefetch_entity(const EntityTable *table, const Entity *entity, Prefetch what);

/* The entity, moved to the front of the order of use, or NULL. */
Entity *entity_table_get(EntityTable *table, Str id);
/* The same for who has the id's entity_table_hash(). */
Entity *entity_table_get_by_hash(EntityTable *table, uint64_t hash, Str id);
/* Takes the entity; its id must not be in the table. On -ENOMEM the caller still owns it. */
MUST_CHECK int entity_table_consume(EntityTable *table, Entity *entity);
/* Takes the entity out and frees it. It must not be in a moments' heap any more. */
void entity_table_remove(EntityTable *table, Entity *entity);

/* Puts the entity on the list of changed ones (once). */
void entity_table_mark_dirty(EntityTable *table, Entity *entity);
/* First of the changed ones, in the order of their first change; go on by ->dirty_next. */
Entity *entity_table_dirty(const EntityTable *table);
/* Forgets the list; those marked `erased` are removed and freed, the accounted sizes of the others brought up to date. */
void entity_table_clean(EntityTable *table);

/* How a table is trimmed. */
typedef struct EntityTrim {
    size_t max_bytes;
    uint32_t n_kept; /* what was on the list at the latest so many cleans stays, too */
    void (*evict)(void *userdata, Entity *entity); /* called before each removal, to take it out of the moments' heap; may be NULL */
    void *userdata;
} EntityTrim;
/* Removes unchanged entities, longest unused first, until the table holds at most max_bytes. */
void entity_table_trim(EntityTable *table, EntityTrim trim);

/* All of them, in no order: *iterator starts at 0; NULL at the end. */
Entity *entity_table_next(const EntityTable *table, size_t *iterator);
