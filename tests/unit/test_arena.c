/* SPDX-License-Identifier: Apache-2.0 */
#include <stdalign.h>

#include "lib/base/arena.h"
#include "tests/unit/suite.h"

static Arena *arena;

static void setup(void) {
    ck_assert_int_eq(arena_new(&arena), 0);
}

static void teardown(void) {
    arena = arena_free(arena);
    ck_assert_ptr_null(arena);
}

static bool is_zero(const unsigned char *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i])
            return false;
    return true;
}

START_TEST(pieces_are_zeroed_aligned_and_apart) {
    unsigned char *pieces[200];
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
        pieces[i] = arena_alloc(arena, i * 7, 1);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % alignof(max_align_t), 0);
        ck_assert(is_zero(pieces[i], i * 7));
        memset(pieces[i], (int)i, i * 7);
    }
    for (size_t i = 0; i < ARRAY_SIZE(pieces); i++)
        for (size_t k = 0; k < i * 7; k++)
            if (pieces[i][k] != (unsigned char)i)
                ck_abort_msg("piece %zu is overwritten at %zu", i, k);
}
END_TEST

START_TEST(nothing_has_an_address_too) {
    void *a = arena_alloc(arena, 0, 8);
    void *b = arena_alloc(arena, 8, 0);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_nonnull(b);
    ck_assert_ptr_ne(a, b);
}
END_TEST

START_TEST(product_that_overflows_is_refused) {
    ck_assert_ptr_null(arena_alloc(arena, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(arena_alloc(arena, SIZE_MAX, 1));
    ck_assert_ptr_null(arena_alloc(arena, 1, (size_t)PTRDIFF_MAX));
    ck_assert_ptr_nonnull(arena_alloc(arena, 1, 1));
}
END_TEST

START_TEST(memory_is_zeroed_again_after_reset) {
    for (int round = 0; round < 4; round++) {
        for (size_t n = 1; n < 20000; n = n * 2 + 1) {
            unsigned char *p = arena_alloc(arena, n, 1);
            ck_assert_ptr_nonnull(p);
            ck_assert(is_zero(p, n));
            memset(p, 0xFF, n);
        }
        arena_reset(arena);
    }
}
END_TEST

START_TEST(equal_rounds_settle_on_the_same_memory) {
    void *first = NULL;
    for (int round = 0; round < 5; round++) {
        void *p = arena_alloc(arena, 100, 1);
        for (int i = 0; i < 100; i++)
            ck_assert_ptr_nonnull(arena_alloc(arena, 1000, 1));
        /* The second round opens one block for all; from then on it is reused. */
        if (round == 1)
            first = p;
        if (round > 1)
            ck_assert_ptr_eq(p, first);
        arena_reset(arena);
    }
}
END_TEST

START_TEST(text_is_copied_with_a_terminator) {
    char source[] = {'a', '\0', 'b', 'c'};
    Str copy = arena_str(arena, (Str){source, 3});
    source[0] = 'x';
    ck_assert_uint_eq(copy.len, 3);
    ck_assert_mem_eq(copy.data, "a\0b", 4);

    Str empty = arena_str(arena, STR_LITERAL(""));
    ck_assert(!str_is_null(empty));
    ck_assert_str_eq(empty.data, "");
    ck_assert(str_is_null(arena_str(arena, STR_NULL)));
}
END_TEST

START_TEST(array_grows_and_keeps_its_elements) {
    _cleanup_(free_null) uint32_t *array = NULL;
    size_t n_alloc = 0;
    for (uint32_t n = 0; n < 1000; n++) {
        ck_assert_int_eq(array_reserve(&array, &n_alloc, n, sizeof(*array)), 0);
        ck_assert_uint_gt(n_alloc, n);
        array[n] = n;
    }
    for (uint32_t n = 0; n < 1000; n += 111)
        ck_assert_uint_eq(array[n], n);
}
END_TEST

START_TEST(array_that_cannot_grow_is_left_as_it_was) {
    _cleanup_(free_null) char *array = malloc(1);
    char *before = array;
    size_t n_alloc = SIZE_MAX / 4;
    ck_assert_int_eq(array_reserve(&array, &n_alloc, n_alloc, 64), -ENOMEM);
    ck_assert_ptr_eq(array, before);
    ck_assert_uint_eq(n_alloc, SIZE_MAX / 4);
    n_alloc = SIZE_MAX;
    ck_assert_int_eq(array_reserve(&array, &n_alloc, n_alloc, 1), -ENOMEM);
    ck_assert_uint_eq(n_alloc, SIZE_MAX);
}
END_TEST

static const struct {
    const char *text;
    size_t len_max, len;
} cut_rows[] = {
        {"abc", 3, 3},
        {"abc", 9, 3},
        {"abc", 2, 2},
        {"abc", 0, 0},
        {"a\xC3\xA9", 2, 1},
        {"a\xC3\xA9", 3, 3},
        {"\xF0\x9F\x98\x80", 3, 0},
        {"x\xF0\x9F\x98\x80y", 5, 5},
        {"x\xF0\x9F\x98\x80y", 4, 1},
        /* not UTF-8: anywhere */
        {"\x80\x80\x80\x80\x80\x80", 5, 5},
};

START_TEST(text_is_cut_between_characters) {
    ck_assert_uint_eq(str_cut(str_from(cut_rows[_i].text), cut_rows[_i].len_max), cut_rows[_i].len);
}
END_TEST

START_TEST(memory_is_told) {
    ck_assert_uint_eq(arena_memory(arena), 0);
    ck_assert_ptr_nonnull(arena_alloc(arena, 1, 100000));
    ck_assert_uint_ge(arena_memory(arena), 100000);
    ck_assert_uint_lt(arena_memory(arena), 200000);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("arena");
    TCase *tc = tcase_create("arena");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, pieces_are_zeroed_aligned_and_apart);
    tcase_add_test(tc, nothing_has_an_address_too);
    tcase_add_test(tc, product_that_overflows_is_refused);
    tcase_add_test(tc, memory_is_zeroed_again_after_reset);
    tcase_add_test(tc, equal_rounds_settle_on_the_same_memory);
    tcase_add_test(tc, text_is_copied_with_a_terminator);
    tcase_add_test(tc, memory_is_told);
    suite_add_tcase(suite, tc);

    TCase *tc_util = tcase_create("util");
    tcase_add_test(tc_util, array_grows_and_keeps_its_elements);
    tcase_add_test(tc_util, array_that_cannot_grow_is_left_as_it_was);
    tcase_add_loop_test(tc_util, text_is_cut_between_characters, 0, ARRAY_SIZE(cut_rows));
    suite_add_tcase(suite, tc_util);
    return suite_run(suite);
}
