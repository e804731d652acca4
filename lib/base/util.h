#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small Helpers
 *
 * Cleanup attributes, string views and a growing array, in the shape that every file of the project
 * uses. A `Str` borrows: whoever stores one says whose memory it is.
 */
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(format_arg, first_arg) __attribute__((format(printf, format_arg, first_arg)))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The local is handed to `name` when its scope ends; `name` accepts NULL and returns NULL. */
#define _cleanup_(name) __attribute__((cleanup(name##_cleanup)))
#define DEFINE_CLEANUP(type, name)                                                                           \
    static inline void name##_cleanup(type *p) {                                                             \
        if (*p)                                                                                              \
            (void)name(*p);                                                                                  \
    }
#define TAKE_PTR(p)                                                                                          \
    ({                                                                                                       \
        __typeof__(p) _taken = (p);                                                                          \
        (p) = NULL;                                                                                          \
        _taken;                                                                                              \
    })

static inline void *free_null(void *p) {
    free(p);
    return NULL;
}
static inline void free_null_cleanup(void *pp) {
    void *p;
    memcpy(&p, pp, sizeof(p));
    free(p);
}

/* One of them is evaluated twice: for calls there are earliest() and latest(). */
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* "No time": before every instant that can occur. */
#define TIME_NONE INT64_MIN
/* "Never": after every instant that can occur. */
#define TIME_NEVER INT64_MAX

/* Of two instants, or spans. */
static inline int64_t earliest(int64_t a, int64_t b) {
    return MIN(a, b);
}
static inline int64_t latest(int64_t a, int64_t b) {
    return MAX(a, b);
}

/* Two lower-case hexadecimal digits a byte, and a NUL behind. */
static inline void hex_print(const uint8_t *bytes, size_t n, char *ret) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *ret++ = digits[bytes[i] >> 4];
        *ret++ = digits[bytes[i] & 0x0F];
    }
    *ret = '\0';
}

/* A borrowed run of bytes, not terminated. `data == NULL` is null, distinct from the empty string. */
typedef struct Str {
    const char *data;
    size_t len;
} Str;

#define STR_NULL ((Str){NULL, 0})
#define STR_LITERAL(s) ((Str){"" s, sizeof(s) - 1})
/* For printf's "%.*s". */
#define STR_FMT(s) (int)(s).len, (s).data ? (s).data : ""

static inline Str str_from(const char *s) {
    return s ? (Str){s, strlen(s)} : STR_NULL;
}
static inline bool str_is_null(Str s) {
    return s.data == NULL;
}
/* Null equals null only. */
static inline bool str_eq(Str a, Str b) {
    if (!a.data || !b.data)
        return a.data == b.data;
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool str_eq_c(Str a, const char *b) {
    return str_eq(a, str_from(b));
}
static inline bool str_starts_with(Str s, const char *prefix) {
    size_t n = strlen(prefix);
    return s.len >= n && memcmp(s.data, prefix, n) == 0;
}
/* Order by bytes, a prefix first (SPEC section 2: strings order by bytes). Neither may be null. */
static inline int str_compare(Str a, Str b) {
    size_t n = MIN(a.len, b.len);
    int c = n ? memcmp(a.data, b.data, n) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

/*
 * Makes room for one more element in a heap array of `*n_alloc` elements that holds `n`.
 * Returns 0 or -ENOMEM, in which case the array is as it was.
 */
MUST_CHECK int array_reserve(void *array_pp, size_t *n_alloc, size_t n, size_t element_size);

/* The length of the longest start of `s` that has at most `len_max` bytes and no UTF-8 character cut in two. */
size_t str_cut(Str s, size_t len_max);
