/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three waits one behind the other (slot, entity, its parts), each of which takes as long as some events: they are begun that many events
 * apart, as in "group prefetching" (Chen, Ailamaki, Gibbons, Mowry: Improving Hash Join Performance through Prefetching, 2004).
 */
#include "lib/shard/entity_window.h"

#define ENTITY_BEHIND 8
#define PARTS_BEHIND 16

static uint64_t earlier(const EntityWindow *window, unsigned behind) {
    return window->hashes[(window->n - behind) % ENTITY_WINDOW_AHEAD];
}

void entity_window_tell(EntityWindow *window, Str id) {
    uint64_t hash = entity_table_hash(window->table, id);
    window->hashes[window->n % ENTITY_WINDOW_AHEAD] = hash;
    entity_table_prefetch(window->table, hash, PREFETCH_SLOT);
    if (window->n >= ENTITY_BEHIND)
        entity_table_prefetch(window->table, earlier(window, ENTITY_BEHIND), PREFETCH_ENTITY);
    if (window->n >= PARTS_BEHIND)
        entity_table_prefetch(window->table, earlier(window, PARTS_BEHIND), PREFETCH_PARTS);
    window->n++;
}

/* An entity's own memory holds the way to the next one: it was begun to be fetched when the entity before it was met here. */
ChangedWalk changed_walk(const EntityTable *table) {
    ChangedWalk walk = {.table = table, .coming = {entity_table_dirty(table)}};
    for (unsigned i = 1; i < CHANGED_WALK_AHEAD && walk.coming[i - 1]; i++)
        walk.coming[i] = walk.coming[i - 1]->dirty_next;
    return walk;
}

Entity *changed_walk_next(ChangedWalk *walk) {
    Entity *next = walk->coming[0], *last = walk->coming[CHANGED_WALK_AHEAD - 1];
    memmove(walk->coming, walk->coming + 1, (CHANGED_WALK_AHEAD - 1) * sizeof(*walk->coming));
    walk->coming[CHANGED_WALK_AHEAD - 1] = last ? last->dirty_next : NULL;
    if (walk->coming[CHANGED_WALK_AHEAD - 1])
        entity_table_prefetch_entity(walk->table, walk->coming[CHANGED_WALK_AHEAD - 1], PREFETCH_ENTITY);
    if (walk->coming[1])
        entity_table_prefetch_entity(walk->table, walk->coming[1], PREFETCH_RECORD);
    return next;
}
