#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Failing Allocator
 *
 * Linked with --wrap (see meson.build), it stands between what the program is linked from and libc's: it counts what is allocated and
 * not freed, and can have one allocation fail, of an arena's pieces, too. What shared libraries allocate for themselves does not come
 * by here.
 */
#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now on fails, counted from 1, and no other one. */
void allocator_fail(size_t nth);
/* None will fail any more. Has one failed? */
bool allocator_relent(void);
/* Pieces that are allocated and not freed. */
size_t allocator_count(void);
