/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table by linear probing, at most half full, of pointers to the entries: these stay where they are. It is made anew when
 * something is forgotten, which is seldom.
 */
#include "daemon/io/registry/schema_cache.h"

struct SchemaCache {
    CachedSchema **slots; /* a power of two of them */
    size_t n_slots, n, max;
    CachedSchema *last; /* found or added; most messages have the id of the one before */
    int64_t now_ms, over_ms; /* from when the first one holds no more */
};

int schema_cache_new(size_t max, SchemaCache **ret) {
    _cleanup_(schema_cache_free) SchemaCache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return -ENOMEM;
    cache->max = max;
    cache->over_ms = TIME_NEVER;
    for (cache->n_slots = 16; cache->n_slots < 2 * max;)
        cache->n_slots *= 2;
    cache->slots = calloc(cache->n_slots, sizeof(*cache->slots));
    if (!cache->slots)
        return -ENOMEM;
    *ret = TAKE_PTR(cache);
    return 0;
}

static void entry_free(CachedSchema *entry) {
    avro_plan_free(entry->plan);
    free(entry->text);
    free(entry);
}

SchemaCache *schema_cache_free(SchemaCache *cache) {
    if (!cache)
        return NULL;
    for (size_t i = 0; cache->slots && i < cache->n_slots; i++)
        if (cache->slots[i])
            entry_free(cache->slots[i]);
    free(cache->slots);
    return free_null(cache);
}

/* Where it stands, or would. */
static CachedSchema **slot_of(const SchemaCache *cache, const SchemaId *id) {
    uint64_t hash = id->is_guid;
    for (size_t i = 0; i < sizeof(id->bytes); i++)
        hash = (hash ^ id->bytes[i]) * UINT64_C(0x100000001b3);
    size_t i = (size_t)(hash ^ hash >> 32) & (cache->n_slots - 1);
    while (cache->slots[i] && !schema_id_eq(&cache->slots[i]->id, id))
        i = (i + 1) & (cache->n_slots - 1);
    return &cache->slots[i];
}

CachedSchema *schema_cache_find(SchemaCache *cache, const SchemaId *id) {
    if (!cache->last || !schema_id_eq(&cache->last->id, id)) {
        CachedSchema *found = *slot_of(cache, id);
        if (!found)
            return NULL;
        cache->last = found;
    }
    cache->last->used_ms = cache->now_ms;
    return cache->last;
}

CachedSchema *schema_cache_add(SchemaCache *cache, const SchemaId *id, int *ret_r) {
    *ret_r = 0;
    if (cache->n == cache->max)
        return NULL;
    CachedSchema *entry = calloc(1, sizeof(*entry));
    if (!entry) {
        *ret_r = -ENOMEM;
        return NULL;
    }
    *entry = (CachedSchema){.id = *id, .state = SCHEMA_WANTED, .used_ms = cache->now_ms, .until_ms = TIME_NEVER};
    *slot_of(cache, id) = entry;
    cache->n++;
    cache->last = entry;
    return entry;
}

void schema_cache_settle(SchemaCache *cache, CachedSchema *schema, SchemaState state, AvroPlan *plan, char *text) {
    schema->state = state;
    schema->plan = plan;
    schema->text = text;
    schema->used_ms = cache->now_ms;
    schema->until_ms = state == SCHEMA_KNOWN ? TIME_NEVER : cache->now_ms + SCHEMA_REFUSAL_MS;
    cache->over_ms = MIN(cache->over_ms, schema->until_ms);
}

static int by_use(const void *x, const void *y) {
    const CachedSchema *const *a = x, *const *b = y;
    bool a_waits = (*a)->state == SCHEMA_WANTED, b_waits = (*b)->state == SCHEMA_WANTED;
    if (a_waits != b_waits)
        return a_waits ? 1 : -1;
    return ((*a)->used_ms > (*b)->used_ms) - ((*a)->used_ms < (*b)->used_ms);
}

/* Frees the first n of `entries`, and puts the others back. */
static void forget(SchemaCache *cache, CachedSchema **entries, size_t n, size_t n_all) {
    memset(cache->slots, 0, cache->n_slots * sizeof(CachedSchema *));
    for (size_t i = 0; i < n; i++)
        entry_free(entries[i]);
    cache->over_ms = TIME_NEVER;
    for (size_t i = n; i < n_all; i++) {
        *slot_of(cache, &entries[i]->id) = entries[i];
        cache->over_ms = MIN(cache->over_ms, entries[i]->until_ms);
    }
    cache->n = n_all - n;
    cache->last = NULL;
}

/* Moves those that hold no more to the front; how many. */
static size_t overs_first(const SchemaCache *cache, CachedSchema **entries, size_t n) {
    size_t n_over = 0;
    for (size_t i = 0; i < n; i++)
        if (cache->now_ms >= entries[i]->until_ms) {
            CachedSchema *over = entries[i];
            entries[i] = entries[n_over];
            entries[n_over++] = over;
        }
    return n_over;
}

bool schema_cache_refresh(SchemaCache *cache, int64_t now_ms) {
    bool is_due = cache->n == cache->max || now_ms >= cache->over_ms;
    cache->now_ms = now_ms;
    _cleanup_(free_null) CachedSchema **entries = is_due ? calloc(cache->n, sizeof(CachedSchema *)) : NULL;
    if (!entries)
        return false; /* the next time will do, too */
    size_t n = 0;
    for (size_t i = 0; i < cache->n_slots; i++)
        if (cache->slots[i])
            entries[n++] = cache->slots[i];
    size_t n_gone = overs_first(cache, entries, n);
    if (n_gone == 0) { /* too many: an eighth makes room for a while */
        qsort(entries, n, sizeof(CachedSchema *), by_use);
        while (n_gone < MAX(cache->max / 8, (size_t)1) && n_gone < n && entries[n_gone]->state != SCHEMA_WANTED)
            n_gone++;
    }
    if (n_gone > 0)
        forget(cache, entries, n_gone, n);
    return n_gone > 0;
}

size_t schema_cache_count(const SchemaCache *cache) {
    return cache->n;
}
