#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena
 *
 * Memory that lives and dies together: a loaded model, the outputs of one engine step. Single pieces are
 * not freed; arena_reset() keeps the blocks for the next round, so a steady state allocates nothing.
 */
#include "lib/base/util.h"

typedef struct Arena Arena;

MUST_CHECK int arena_new(Arena **ret);
Arena *arena_free(Arena *arena);
DEFINE_CLEANUP(Arena *, arena_free)
/* Everything handed out so far becomes invalid. */
void arena_reset(Arena *arena);

/* Bytes that it holds, whether handed out or not. */
size_t arena_memory(const Arena *arena);

/* Zeroed memory aligned for any type, or NULL when out of memory or when n * size overflows. */
void *arena_alloc(Arena *arena, size_t n, size_t size);
#define arena_new_array(arena, type, n) ((type *)arena_alloc((arena), (n), sizeof(type)))
/* A copy with a terminating NUL, so that `.data` is a C string too; null stays null. STR_NULL also when out of memory. */
Str arena_str(Arena *arena, Str s);
