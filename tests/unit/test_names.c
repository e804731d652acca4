/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/names.h"

#include "tests/unit/suite.h"

static unsigned put(Names *names, const char *text) {
    unsigned number = 99;
    ck_assert_int_eq(names_put(names, str_from(text), &number), 0);
    return number;
}

START_TEST(names_are_numbered_as_they_come) {
    _cleanup_(names_free) Names *names = NULL;
    ck_assert_int_eq(names_new(10, &names), 0);
    ck_assert_uint_eq(names_count(names), 0);
    ck_assert_uint_eq(put(names, "web"), 0);
    ck_assert_uint_eq(put(names, ""), 1);
    ck_assert_uint_eq(put(names, "we"), 2);
    ck_assert_uint_eq(put(names, "web"), 0);
    ck_assert_uint_eq(names_count(names), 3);
    ck_assert(str_eq_c(names_text(names, 0), "web"));
    ck_assert(str_eq_c(names_text(names, 1), ""));
}
END_TEST

START_TEST(beyond_the_limit_are_others) {
    _cleanup_(names_free) Names *names = NULL;
    ck_assert_int_eq(names_new(2, &names), 0);
    ck_assert_uint_eq(put(names, "a"), 0);
    ck_assert_uint_eq(put(names, "b"), 1);
    ck_assert_uint_eq(names_count(names), 2);
    ck_assert_uint_eq(put(names, "c"), 2);
    ck_assert_uint_eq(put(names, "d"), 2);
    ck_assert_uint_eq(put(names, "a"), 0);
    ck_assert_uint_eq(names_count(names), 3);
    ck_assert(str_eq_c(names_text(names, 2), "(others)"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("names");
    tcase_add_test(tcase, names_are_numbered_as_they_come);
    tcase_add_test(tcase, beyond_the_limit_are_others);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
