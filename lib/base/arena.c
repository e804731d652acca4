/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory is taken from the newest block; what does not fit opens another. A reset that finds several blocks
 * gives them back and makes the next one as large as all of them together: so rounds of about the same size
 * settle on a single block, and the arena never holds much more than its largest round needed, whatever the
 * order of small and large requests. (Keeping a list of blocks of many sizes would have neither property.)
 *
 * Under AddressSanitizer what is not handed out is poisoned, with a gap after each piece; otherwise an
 * overrun into the neighbour, or the use of an output after the reset, would go unnoticed.
 */
#include <stdalign.h>
#include "lib/base/arena.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_POISONS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_POISONS 1
#endif

#ifdef ARENA_POISONS
#include <sanitizer/asan_interface.h>
#define ARENA_GAP alignof(max_align_t)
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ARENA_GAP ((size_t)0)
#endif

#define BLOCK_SIZE_MIN ((size_t)4096)
/* Blocks grow with the arena up to this size, so that a large arena is not doubled for its last kilobyte. */
#define BLOCK_SIZE_GROWN_MAX ((size_t)1024 * 1024)

typedef struct Block Block;
struct Block {
    Block *older;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct Arena {
    Block *newest;
    size_t size_total;     /* of the bytes of all blocks */
    size_t first_size_min; /* what the first block after a reset should hold */
};

int arena_new(Arena **ret) {
    Arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        return -ENOMEM;
    *ret = arena;
    return 0;
}

static void blocks_free(Arena *arena) {
    while (arena->newest) {
        Block *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
    arena->size_total = 0;
}

Arena *arena_free(Arena *arena) {
    if (arena) {
        blocks_free(arena);
        free(arena);
    }
    return NULL;
}

/* Not inline: gcc 14 takes the poisoning of bytes that nobody has written yet for a use of them. */
static __attribute__((noinline)) void block_empty(Block *block) {
    block->used = 0;
    ASAN_POISON_MEMORY_REGION(block->bytes, block->size);
}

void arena_reset(Arena *arena) {
    Block *block = arena->newest;
    if (!block)
        return;
    if (block->older) {
        arena->first_size_min = arena->size_total;
        blocks_free(arena);
        return;
    }
    block_empty(block);
}

size_t arena_memory(const Arena *arena) {
    return arena->size_total;
}

static bool block_open(Arena *arena, size_t size_needed) {
    size_t size = MIN(arena->size_total / 2, BLOCK_SIZE_GROWN_MAX);
    size = MAX(size, BLOCK_SIZE_MIN);
    if (!arena->newest)
        size = MAX(size, arena->first_size_min);
    size = MAX(size, size_needed);

    Block *block = malloc(sizeof(*block) + size);
    if (!block)
        return false;
    block->older = arena->newest;
    block->size = size;
    block_empty(block);
    arena->newest = block;
    arena->size_total += size;
    return true;
}

static void *take(Arena *arena, size_t wanted) {
    if (wanted > PTRDIFF_MAX / 2)
        return NULL;
    /* Nothing still gets an address of its own, so that NULL always means failure. */
    size_t align = alignof(max_align_t);
    size_t taken = (MAX(wanted, (size_t)1) + align - 1) / align * align + ARENA_GAP;

    if (!arena->newest || arena->newest->size - arena->newest->used < taken)
        if (!block_open(arena, taken))
            return NULL;
    Block *block = arena->newest;
    void *p = block->bytes + block->used;
    block->used += taken;
    ASAN_UNPOISON_MEMORY_REGION(p, wanted);
    return p;
}

void *arena_alloc(Arena *arena, size_t n, size_t size) {
    size_t wanted;
    if (__builtin_mul_overflow(n, size, &wanted))
        return NULL;
    void *p = take(arena, wanted);
    return p ? memset(p, 0, wanted) : NULL;
}

Str arena_str(Arena *arena, Str s) {
    if (!s.data)
        return STR_NULL;
    char *copy = s.len < SIZE_MAX ? take(arena, s.len + 1) : NULL;
    if (!copy)
        return STR_NULL;
    if (s.len)
        memcpy(copy, s.data, s.len);
    copy[s.len] = '\0';
    return (Str){copy, s.len};
}
