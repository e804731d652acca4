#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in an Arena
 *
 * Texts for people that live as long as what they are about.
 */
#include "lib/base/arena.h"

/* Terminated by NUL. STR_NULL when out of memory. */
Str arena_format(Arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
