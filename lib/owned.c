/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/owned.h"

int str_dup(Str s, Str *ret) {
    *ret = STR_NULL;
    if (!s.data)
        return 0;
    char *data = malloc(MAX(s.len, (size_t)1)); /* an empty string is not null */
    if (!data)
        return -ENOMEM;
    if (s.len)
        memcpy(data, s.data, s.len);
    *ret = (Str){data, s.len};
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
    return size ? MAX((size + 8 + 15) / 16 * 16, (size_t)32) : 0;
}

size_t str_heap_bytes(Str s) {
    return s.data ? heap_bytes(MAX(s.len, (size_t)1)) : 0;
}
