/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/util.h"

/* The first allocation; most arrays of a model hold no more. */
#define ARRAY_ALLOC_MIN ((size_t)8)

int array_reserve(void *array_pp, size_t *n_alloc, size_t n, size_t element_size) {
    assert(n <= *n_alloc);
    if (n < *n_alloc)
        return 0;

    size_t n_wanted, size_wanted;
    if (__builtin_mul_overflow(*n_alloc, (size_t)2, &n_wanted))
        return -ENOMEM;
    n_wanted = MAX(n_wanted, ARRAY_ALLOC_MIN);
    if (__builtin_mul_overflow(n_wanted, element_size, &size_wanted))
        return -ENOMEM;

    /* By memcpy: the caller's pointer is not a `void *`, and reading it as one would break aliasing rules. */
    void *array;
    memcpy(&array, array_pp, sizeof(array));
    array = realloc(array, size_wanted);
    if (!array)
        return -ENOMEM;
    memcpy(array_pp, &array, sizeof(array));
    *n_alloc = n_wanted;
    return 0;
}

size_t str_cut(Str s, size_t len_max) {
    if (s.len <= len_max)
        return s.len;
    /* A character has at most three continuation bytes; what has more is not UTF-8 and is cut anywhere. */
    for (size_t back = 0; back <= 3 && back <= len_max; back++)
        if (((unsigned char)s.data[len_max - back] & 0xC0) != 0x80)
            return len_max - back;
    return len_max;
}
