/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "lib/base/decimal.h"
#include "tests/unit/suite.h"

static void assert_text(const char *text, size_t len, const char *expected) {
    ck_assert_msg(len == strlen(expected) && memcmp(text, expected, len) == 0, "\"%.*s\", not \"%s\"", (int)len, text, expected);
}

static void assert_integer(int64_t value) {
    char text[DECIMAL_SIZE], expected[DECIMAL_SIZE];
    (void)snprintf(expected, sizeof(expected), "%" PRId64, value);
    assert_text(text, decimal_print(value, text), expected);
}

static void assert_double(double value) {
    char text[DECIMAL_SIZE], expected[DECIMAL_SIZE];
    (void)snprintf(expected, sizeof(expected), "%.17g", value);
    assert_text(text, decimal_print_double(value, text), expected);
}

START_TEST(integers_are_those_of_printf) {
    const int64_t values[] = {0, 1, -1, 9, 10, -10, 99, 100, 1795873628123, INT64_MAX, INT64_MIN, INT64_MIN + 1};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        assert_integer(values[i]);
    for (int64_t power = 1; power < INT64_MAX / 10; power *= 10) {
        assert_integer(power - 1);
        assert_integer(power);
        assert_integer(-power);
    }
}
END_TEST

START_TEST(millionths_have_no_zeros_at_the_end) {
    const struct {
        int64_t millionths;
        const char *expected;
    } rows[] = {{0, "0"}, {1, "0.000001"}, {-1, "-0.000001"}, {1000000, "1"}, {-12500000, "-12.5"}, {123456789, "123.456789"},
            {10, "0.00001"}, {100000000, "100"}, {INT64_MAX, "9223372036854.775807"}, {INT64_MIN, "-9223372036854.775808"}};
    char text[DECIMAL_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_text(text, decimal_print_millionths(rows[i].millionths, text), rows[i].expected);
}
END_TEST

START_TEST(doubles_are_those_of_printf) {
    /* halves that go to the even digit; sums that carry into the whole number, and that make it longer */
    const double values[] = {1, 1.5, 2, 10, 0x1p52, 0x1p53 - 1, 0x1p52 + 0.5, 4503599627370497.5, 1 + 0x1p-52, 2 - 0x1p-52, 10 - 0x1p-49,
            100 - 0x1p-46, 99999999999999.98, 999999999999999.9, 1099511627776.00048828125, 1e15 + 0.125, 1e15 + 0.375, 123.456, 0x1p47 + 0x1p-5};
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        assert_double(values[i]);
    srandom(1);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t mantissa = (uint64_t)random() << 31 ^ (uint64_t)random() ^ (uint64_t)random() << 48;
        /* with few bits, too: there the digits end, and halves are found */
        mantissa &= UINT64_MAX << random() % 52;
        assert_double(ldexp(1 + (double)(mantissa >> 12) * 0x1p-52, (int)(random() % 53)));
    }
}
END_TEST

START_TEST(other_doubles_are_left_to_printf) {
    const double values[] = {0, -0.0, 0.5, 1 - 0x1p-53, -1, 0x1p53, 1e300, INFINITY, -INFINITY, NAN};
    char text[DECIMAL_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(values); i++)
        ck_assert_uint_eq(decimal_print_double(values[i], text), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("decimal");
    TCase *tc = tcase_create("decimal");
    tcase_add_test(tc, integers_are_those_of_printf);
    tcase_add_test(tc, millionths_have_no_zeros_at_the_end);
    tcase_add_test(tc, doubles_are_those_of_printf);
    tcase_add_test(tc, other_doubles_are_left_to_printf);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
