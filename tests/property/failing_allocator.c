/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/property/failing_allocator.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/arena.h"

static size_t until_failure; /* 0: none fails */
static bool has_failed;
static size_t n_pieces;

void allocator_fail(size_t nth) {
    until_failure = nth;
    has_failed = false;
}

bool allocator_relent(void) {
    until_failure = 0;
    return has_failed;
}

size_t allocator_count(void) {
    return n_pieces;
}

static bool fails(void) {
    if (until_failure == 0 || --until_failure > 0)
        return false;
    has_failed = true;
    return true;
}

static void *count(void *piece) {
    n_pieces += piece != NULL;
    return piece;
}

/* --- what the linker puts in place of libc's --------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *piece, size_t size);
void *__real_reallocarray(void *piece, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void __real_free(void *piece);
void *__real_arena_alloc(Arena *arena, size_t n, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *piece, size_t size);
void *__wrap_reallocarray(void *piece, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void __wrap_free(void *piece);
void *__wrap_arena_alloc(Arena *arena, size_t n, size_t size);

void *__wrap_malloc(size_t size) {
    return fails() ? NULL : count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : count(__real_calloc(n, size));
}

void *__wrap_realloc(void *piece, size_t size) {
    if (fails())
        return NULL;
    bool was = piece != NULL;
    void *moved = __real_realloc(piece, size);
    return was ? moved : count(moved);
}

void *__wrap_reallocarray(void *piece, size_t n, size_t size) {
    if (fails())
        return NULL;
    bool was = piece != NULL;
    void *moved = __real_reallocarray(piece, n, size);
    return was ? moved : count(moved);
}

char *__wrap_strdup(const char *s) {
    return fails() ? NULL : count(__real_strdup(s));
}

char *__wrap_strndup(const char *s, size_t n) {
    return fails() ? NULL : count(__real_strndup(s, n));
}

void __wrap_free(void *piece) {
    n_pieces -= piece != NULL;
    __real_free(piece);
}

/* Most find room in a block that is there. */
void *__wrap_arena_alloc(Arena *arena, size_t n, size_t size) {
    return fails() ? NULL : __real_arena_alloc(arena, n, size);
}
