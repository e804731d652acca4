/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/owned.h"

#define MALLOC_OVERHEAD 8

/* All that malloc gives for that length anyway, so that another of about the same fits in its place. */
static size_t capacity(size_t len) {
    return heap_bytes(MAX(len, (size_t)1)) - MALLOC_OVERHEAD; /* an empty string is not null */
}

static Str put(char *data, Str s) {
    if (s.len)
        memmove(data, s.data, s.len);
    return (Str){data, s.len};
}

int str_dup(Str s, Str *ret) {
    *ret = STR_NULL;
    if (!s.data)
        return 0;
    char *data = malloc(capacity(s.len));
    if (!data)
        return -ENOMEM;
    *ret = put(data, s);
    return 0;
}

void str_free(Str *s) {
    free((char *)s->data);
    *s = STR_NULL;
}

int str_set(Str *field, Str value) {
    /* Most events repeat the account and source that are known. */
    if (str_eq(*field, value))
        return 0;
    if (field->data && value.data && capacity(field->len) == capacity(value.len)) {
        *field = put((char *)field->data, value);
        return 0;
    }
    Str copy;
    int r = str_dup(value, &copy);
    if (r)
        return r;
    str_free(field);
    *field = copy;
    return 0;
}

size_t str_position(const void *items, size_t n, size_t item_bytes, Str name, bool *ret_found) {
    size_t low = 0, high = n;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const Str *middle_name = (const void *)((const char *)items + middle * item_bytes);
        int c = str_compare(*middle_name, name);
        if (c == 0) {
            *ret_found = true;
            return middle;
        }
        if (c < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A word of its own, rounded up to 16 bytes, at least 32. */
size_t heap_bytes(size_t size) {
    return size ? MAX((size + MALLOC_OVERHEAD + 15) / 16 * 16, (size_t)32) : 0;
}

size_t str_heap_bytes(Str s) {
    return s.data ? heap_bytes(MAX(s.len, (size_t)1)) : 0;
}
