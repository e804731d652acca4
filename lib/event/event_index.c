/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An open hash table of the types that are named, at most half full. Its types come from the model, which is trusted, so the hash
 * needs no secret.
 */
#include "lib/event/event_index.h"

typedef struct Slot {
    Str type; /* null: free */
    uint32_t first, n; /* its numbers in `named` */
} Slot;

struct EventIndex {
    Slot *slots;
    size_t mask;
    uint32_t *named, *any;
    size_t n_any;
};

bool event_types_contain(const EventTypes *on, Str type) {
    if (on->any)
        return event_type_is_ordinary(type);
    for (size_t i = 0; i < on->n_types; i++)
        if (str_eq(on->types[i], type))
            return true;
    return false;
}

/* Of the first and the last bytes, which tell types apart; no more is asked of it. */
static size_t hash(Str type) {
    uint64_t first = 0, last = 0;
    if (type.len >= sizeof(first)) {
        memcpy(&first, type.data, sizeof(first));
        memcpy(&last, type.data + type.len - sizeof(last), sizeof(last));
    } else if (type.len > 0) {
        memcpy(&first, type.data, type.len);
    }
    return (first * UINT64_C(0x9E3779B97F4A7C15) ^ last * UINT64_C(0xC2B2AE3D27D4EB4F) ^ type.len) >> 24;
}

/* The type's slot, or the free one where it would be. */
static Slot *find(const EventIndex *index, Str type) {
    size_t at = hash(type) & index->mask;
    while (index->slots[at].type.data && !str_eq(index->slots[at].type, type))
        at = (at + 1) & index->mask;
    return &index->slots[at];
}

static void count_names(EventIndex *index, const IndexedTypes *lists, size_t n_lists) {
    for (size_t i = 0; i < n_lists; i++)
        for (size_t k = 0; k < lists[i].on->n_types; k++) {
            Slot *slot = find(index, lists[i].on->types[k]);
            slot->type = lists[i].on->types[k];
            slot->n++;
        }
    uint32_t first = 0;
    for (size_t i = 0; i <= index->mask; i++) {
        index->slots[i].first = first;
        first += index->slots[i].n;
        index->slots[i].n = 0;
    }
}

static void fill(EventIndex *index, const IndexedTypes *lists, size_t n_lists) {
    for (size_t i = 0; i < n_lists; i++) {
        if (lists[i].on->any)
            index->any[index->n_any++] = lists[i].number;
        for (size_t k = 0; k < lists[i].on->n_types; k++) {
            Slot *slot = find(index, lists[i].on->types[k]);
            index->named[slot->first + slot->n++] = lists[i].number;
        }
    }
}

int event_index_new(Arena *arena, const IndexedTypes *lists, size_t n, const EventIndex **ret) {
    size_t n_names = 0, n_slots = 2;
    for (size_t i = 0; i < n; i++)
        n_names += lists[i].on->n_types;
    while (n_slots < 2 * n_names)
        n_slots *= 2;
    EventIndex *index = arena_new_array(arena, EventIndex, 1);
    if (!index)
        return -ENOMEM;
    *index = (EventIndex){.slots = arena_new_array(arena, Slot, n_slots), .mask = n_slots - 1,
            .named = arena_new_array(arena, uint32_t, n_names + 1), .any = arena_new_array(arena, uint32_t, n + 1)};
    if (!index->slots || !index->named || !index->any)
        return -ENOMEM;
    count_names(index, lists, n);
    fill(index, lists, n);
    *ret = index;
    return 0;
}

EventMatches event_index_find(const EventIndex *index, Str type) {
    const Slot *slot = find(index, type);
    return (EventMatches){.named = index->named + slot->first, .n_named = slot->n, .any = index->any,
            .n_any = event_type_is_ordinary(type) ? index->n_any : 0};
}
