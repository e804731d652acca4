/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two binary heaps, of entities in memory (each knows its place, so that it can be moved) and of cold ones (found by kind and id through a
 * hash table of the entries). The first of all is the lesser of the two tops.
 */
#include "lib/shard/moments.h"

#include "lib/base/siphash.h"

typedef struct Cold {
    size_t heap_index; /* from 1 */
    uint64_t hash;
    struct Cold *next; /* of its bucket */
    EntityKind kind;
    size_t len;
    char id[];
} Cold;

/* With its time, so that those of different times are compared without looking at what they are of, which is all over the memory. */
typedef struct Entry {
    int64_t at_ms;
    union {
        Entity *entity;
        Cold *cold;
    };
} Entry;

/* A heap of one kind. Places count from 1, so that the parent of i is i / 2.  */
typedef struct Heap {
    bool is_cold;
    Entry *entries;
    size_t n, n_alloc;
} Heap;

struct Moments {
    Heap entities, colds;
    Cold **buckets;
    size_t n_buckets; /* a power of two */
};

static Moment moment_of(const Heap *heap, Entry entry) {
    if (heap->is_cold)
        return (Moment){.at_ms = entry.at_ms, .kind = entry.cold->kind, .id = {entry.cold->id, entry.cold->len}};
    return (Moment){.at_ms = entry.at_ms, .kind = entry.entity->kind, .entity = entry.entity, .id = entry.entity->id};
}

/* Does a happen before b? */
static bool happens_before(const Moment *a, const Moment *b) {
    if (a->at_ms != b->at_ms)
        return a->at_ms < b->at_ms;
    return a->kind != b->kind ? a->kind < b->kind : str_compare(a->id, b->id) < 0;
}

static bool comes_before(const Heap *heap, size_t a, size_t b) {
    Entry first = heap->entries[a - 1], second = heap->entries[b - 1];
    if (first.at_ms != second.at_ms)
        return first.at_ms < second.at_ms;
    Moment x = moment_of(heap, first), y = moment_of(heap, second);
    return happens_before(&x, &y);
}

static void place(Heap *heap, size_t i, Entry entry) {
    heap->entries[i - 1] = entry;
    if (heap->is_cold)
        entry.cold->heap_index = i;
    else
        entry.entity->heap_index = i;
}

static void swap(Heap *heap, size_t a, size_t b) {
    Entry entry = heap->entries[a - 1];
    place(heap, a, heap->entries[b - 1]);
    place(heap, b, entry);
}

static void sift(Heap *heap, size_t i) {
    for (; i > 1 && comes_before(heap, i, i / 2); i /= 2)
        swap(heap, i, i / 2);
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i; child <= 2 * i + 1 && child <= heap->n; child++)
            if (comes_before(heap, child, least))
                least = child;
        if (least == i)
            return;
        swap(heap, i, least);
        i = least;
    }
}

/* To another time. */
static void heap_move(Heap *heap, size_t i, int64_t at_ms) {
    if (heap->entries[i - 1].at_ms == at_ms)
        return;
    heap->entries[i - 1].at_ms = at_ms;
    sift(heap, i);
}

static int heap_add(Heap *heap, Entry entry) {
    int r = array_reserve(&heap->entries, &heap->n_alloc, heap->n, sizeof(*heap->entries));
    if (r < 0)
        return r;
    heap->n++;
    place(heap, heap->n, entry);
    sift(heap, heap->n);
    return 0;
}

static void heap_remove(Heap *heap, size_t i) {
    size_t last = heap->n;
    if (i != last)
        swap(heap, i, last);
    heap->n--;
    if (i != last)
        sift(heap, i);
}

int moments_new(Moments **ret) {
    _cleanup_(moments_free) Moments *moments = calloc(1, sizeof(*moments));
    if (!moments)
        return -ENOMEM;
    moments->colds.is_cold = true;
    moments->n_buckets = 64;
    moments->buckets = calloc(moments->n_buckets, sizeof(*moments->buckets));
    if (!moments->buckets)
        return -ENOMEM;
    *ret = TAKE_PTR(moments);
    return 0;
}

Moments *moments_free(Moments *moments) {
    if (!moments)
        return NULL;
    for (size_t i = 1; i <= moments->colds.n; i++)
        free(moments->colds.entries[i - 1].cold);
    free(moments->entities.entries);
    free(moments->colds.entries);
    free(moments->buckets);
    free(moments);
    return NULL;
}

int moments_set(Moments *moments, Entity *entity, int64_t at_ms) {
    if (at_ms == TIME_NEVER) {
        (void)moments_remove(moments, entity);
        return 0;
    }
    if (!entity->heap_index)
        return heap_add(&moments->entities, (Entry){.at_ms = at_ms, .entity = entity});
    heap_move(&moments->entities, entity->heap_index, at_ms);
    return 0;
}

int64_t moments_remove(Moments *moments, Entity *entity) {
    if (!entity->heap_index)
        return TIME_NEVER;
    int64_t at_ms = moments->entities.entries[entity->heap_index - 1].at_ms;
    heap_remove(&moments->entities, entity->heap_index);
    entity->heap_index = 0;
    return at_ms;
}

/* --- cold ones --------------------------------------------------------------------------------------- */

/* A fixed key: the table only spreads ids that have been accepted and stored before. */
static uint64_t cold_hash(EntityKind kind, Str id) {
    static const SipKey key = {UINT64_C(0x73636f7265642063), UINT64_C(0x6f6c64206c656164)};
    return siphash_13(key, id) + kind;
}

static Cold **find(const Moments *moments, EntityKind kind, Str id, uint64_t hash) {
    Cold **at = &moments->buckets[hash & (moments->n_buckets - 1)];
    while (*at && !((*at)->hash == hash && (*at)->kind == kind && str_eq((Str){(*at)->id, (*at)->len}, id)))
        at = &(*at)->next;
    return at;
}

static int grow_buckets(Moments *moments) {
    if (moments->colds.n < moments->n_buckets)
        return 0;
    size_t n = moments->n_buckets * 2;
    Cold **buckets = calloc(n, sizeof(*buckets));
    if (!buckets)
        return -ENOMEM;
    for (size_t i = 1; i <= moments->colds.n; i++) {
        Cold *cold = moments->colds.entries[i - 1].cold, **bucket = &buckets[cold->hash & (n - 1)];
        cold->next = *bucket;
        *bucket = cold;
    }
    free(moments->buckets);
    moments->buckets = buckets;
    moments->n_buckets = n;
    return 0;
}

int moments_set_cold(Moments *moments, EntityKind kind, Str id, int64_t at_ms) {
    uint64_t hash = cold_hash(kind, id);
    Cold **at = find(moments, kind, id, hash);
    if (*at) {
        heap_move(&moments->colds, (*at)->heap_index, at_ms);
        return 0;
    }
    int r = grow_buckets(moments);
    if (r < 0)
        return r;
    Cold *cold = malloc(sizeof(*cold) + id.len);
    if (!cold)
        return -ENOMEM;
    *cold = (Cold){.hash = hash, .kind = kind, .len = id.len};
    memcpy(cold->id, id.data, id.len);
    r = heap_add(&moments->colds, (Entry){.at_ms = at_ms, .cold = cold});
    if (r < 0) {
        free(cold);
        return r;
    }
    Cold **bucket = &moments->buckets[hash & (moments->n_buckets - 1)];
    cold->next = *bucket;
    *bucket = cold;
    return 0;
}

void moments_remove_cold(Moments *moments, EntityKind kind, Str id) {
    Cold **at = find(moments, kind, id, cold_hash(kind, id)), *cold = *at;
    if (!cold)
        return;
    *at = cold->next;
    heap_remove(&moments->colds, cold->heap_index);
    free(cold);
}

bool moments_has_cold(const Moments *moments, EntityKind kind, Str id) {
    return *find(moments, kind, id, cold_hash(kind, id)) != NULL;
}

size_t moments_count_cold(const Moments *moments) {
    return moments->colds.n;
}

/* --- the first --------------------------------------------------------------------------------------- */

static Moment top(const Heap *heap) {
    return heap->n ? moment_of(heap, heap->entries[0]) : (Moment){.at_ms = TIME_NEVER};
}

Moment moments_first(const Moments *moments) {
    Moment entity = top(&moments->entities), cold = top(&moments->colds);
    if (cold.at_ms == TIME_NEVER)
        return entity;
    return entity.at_ms == TIME_NEVER || happens_before(&cold, &entity) ? cold : entity;
}

Moment moments_first_cold(const Moments *moments) {
    return top(&moments->colds);
}

/* --- how many ---------------------------------------------------------------------------------------- */

size_t moments_count(const Moments *moments) {
    return moments->entities.n + moments->colds.n;
}

/* From place i on downwards: what is below one that is not due is not, either. */
static size_t count_due(const Heap *heap, size_t i, int64_t at_ms, size_t max) {
    if (max == 0 || i > heap->n || heap->entries[i - 1].at_ms > at_ms)
        return 0;
    size_t n = 1 + count_due(heap, 2 * i, at_ms, max - 1);
    return n + count_due(heap, 2 * i + 1, at_ms, max - n);
}

size_t moments_count_due(const Moments *moments, int64_t at_ms, size_t max) {
    size_t n = count_due(&moments->entities, 1, at_ms, max);
    return n + count_due(&moments->colds, 1, at_ms, max - n);
}
