#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entities
 *
 * What leads and accounts have in common for those who keep them (entity_table.h) and wake them (moments.h): an id, and the
 * bookkeeping of being in memory. It is a member of each and no part of its record.
 */
#include "lib/model/model.h"

/* In the order in which their moments happen at one millisecond (SPEC section 3). */
typedef enum EntityKind { ENTITY_LEAD, ENTITY_ACCOUNT, _ENTITY_KIND_MAX } EntityKind;

typedef struct Entity Entity;
struct Entity {
    EntityKind kind;
    uint32_t cleaned_no; /* of the table's clean that took its latest change; counts round */
    Str id;            /* the lead's or account's own */
    size_t heap_index; /* in the moments' heap, counted from 1; 0: not in it */
    uint64_t hash;
    Entity *lru_prev, *lru_next;
    Entity *dirty_next;
    size_t size_bytes; /* as accounted by the table */
    bool dirty;
    bool migrated;     /* from an earlier model (migrate.h), and not settled under the present one yet */
    bool erased;       /* forgotten in this batch: to be written as null */
};

/* What the table does with entities of one kind. */
typedef struct EntityOps {
    /* Bytes of memory that it holds, all in. */
    size_t (*memory)(const Entity *entity, const Model *model);
    void (*free)(Entity *entity);
    /* Has its memory fetched into the processor's caches, what an event looks at of what it points to, or all that its record is made of. */
    void (*prefetch)(const Entity *entity, const Model *model);
    void (*prefetch_parts)(const Entity *entity);
    void (*prefetch_record)(const Entity *entity);
} EntityOps;

#define CACHE_LINE_SIZE 64

static inline void prefetch_bytes(const void *from, size_t n) {
    for (size_t i = 0; i < n; i += CACHE_LINE_SIZE)
        __builtin_prefetch((const char *)from + i);
}
