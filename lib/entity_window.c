/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three waits one behind the other (slot, entity, its parts), each of which takes as long as some events: they are begun that many events
 * apart, as in "group prefetching" (Chen, Ailamaki, Gibbons, Mowry: Improving Hash Join Performance through Prefetching, 2004).
 */
#include "lib/entity_window.h"

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
