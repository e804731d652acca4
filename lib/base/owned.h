#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owned Strings
 *
 * What leads and accounts keep for themselves: copies of strings, arrays in the order of a string, and how much of the heap it takes.
 */
#include "lib/base/util.h"

/* *ret is the caller's to free; null stays null, and an empty string is not null. 0 or -ENOMEM, with *ret null. */
MUST_CHECK int str_dup(Str s, Str *ret);
/* Puts a copy in place of what the field has; 0 or -ENOMEM, with the field as it was. */
MUST_CHECK int str_set(Str *field, Str value);
/* Frees and makes it null; it may be null. */
void str_free(Str *s);

/*
 * Where the item named `name` is among n items of item_bytes, or where it would have to be put in. Each item begins with its name, a
 * Str, and the names rise.
 */
size_t str_position(const void *items, size_t n, size_t item_bytes, Str name, bool *ret_found);

/* What glibc's malloc takes for a piece of that size; 0 for none. */
size_t heap_bytes(size_t size);
/* And for a copy of the string. */
size_t str_heap_bytes(Str s);
