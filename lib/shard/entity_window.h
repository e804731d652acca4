#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Window on What Comes
 *
 * With many entities in memory, an event waits longer for its lead's cache lines than it computes. Who knows some of the ids that will
 * be asked for next tells them here first, in the same order, and each one's memory is on its way by the time it is asked for: first its
 * slot in the table, then it, then what it points to. A hint only: nothing depends on what is told here, or whether it is.
 */
#include "lib/shard/entity_table.h"

/* How far the caller tells ahead, at best. */
#define ENTITY_WINDOW_AHEAD 24

typedef struct EntityWindow {
    const EntityTable *table;
    uint64_t hashes[ENTITY_WINDOW_AHEAD]; /* of the latest, by turns */
    uint64_t n;                           /* told so far */
} EntityWindow;

/* For one table, which outlives it. It can be changed at any time. */
static inline EntityWindow entity_window(const EntityTable *table) {
    return (EntityWindow){.table = table};
}
void entity_window_tell(EntityWindow *window, Str id);
/* The hash of the i-th id that was told, counted from 0, as long as no more than ENTITY_WINDOW_AHEAD were told from it on. */
static inline uint64_t entity_window_hash(const EntityWindow *window, uint64_t i) {
    assert(i < window->n && window->n - i <= ENTITY_WINDOW_AHEAD);
    return window->hashes[i % ENTITY_WINDOW_AHEAD];
}

/*
 * The table's changed entities in the order of their first change, each likewise on its way by the time it is handed out. The table must
 * not be changed meanwhile.
 */
#define CHANGED_WALK_AHEAD 4
typedef struct ChangedWalk {
    const EntityTable *table;
    Entity *coming[CHANGED_WALK_AHEAD]; /* the next first */
} ChangedWalk;

ChangedWalk changed_walk(const EntityTable *table);
/* NULL: there are no more. */
Entity *changed_walk_next(ChangedWalk *walk);
