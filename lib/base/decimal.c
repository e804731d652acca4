/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/decimal.h"

#define DOUBLE_DIGITS 17
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023

static const uint64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000, 100000000000,
        1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000, 100000000000000000, 1000000000000000000,
        10000000000000000000u};

/* As many digits as are asked for, with zeros before them. Two at a time: each division is by 100. */
static void print_digits(uint64_t value, size_t n, char *ret) {
    static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
                                "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    for (; n >= 2; value /= 100) {
        n -= 2;
        memcpy(ret + n, pairs + value % 100 * 2, 2);
    }
    if (n)
        *ret = (char)('0' + value % 10);
}

static size_t count_digits(uint64_t value) {
    /* A bit is 1233/4096 of a digit, or a little less. */
    size_t n = (size_t)(64 - __builtin_clzll(value | 1)) * 1233 >> 12;
    return n + (value >= powers[n] || n == 0);
}

static size_t print_whole(uint64_t value, char *ret) {
    size_t n = count_digits(value);
    print_digits(value, n, ret);
    return n;
}

/* A point and what is behind it, n digits; nothing if there are but zeros. */
static size_t print_decimals(uint64_t value, size_t n, char *ret) {
    if (value == 0)
        return 0;
    for (; value % 10 == 0; value /= 10)
        n--;
    *ret = '.';
    print_digits(value, n, ret + 1);
    return 1 + n;
}

size_t decimal_print(int64_t value, char ret[static DECIMAL_SIZE]) {
    size_t n = 0;
    if (value < 0)
        ret[n++] = '-';
    return n + print_whole(value < 0 ? -(uint64_t)value : (uint64_t)value, ret + n);
}

size_t decimal_print_millionths(int64_t millionths, char ret[static DECIMAL_SIZE]) {
    uint64_t size = millionths < 0 ? -(uint64_t)millionths : (uint64_t)millionths;
    size_t n = 0;
    if (millionths < 0)
        ret[n++] = '-';
    n += print_whole(size / 1000000, ret + n);
    return n + print_decimals(size % 1000000, 6, ret + n);
}

/*
 * The double is a whole number and a fraction of some 2^-s, s at most 52. Its digits behind the point, so many that there are 17 in all, are
 * the fraction times a power of ten that is below 2^54: less than 2^106 in all, so each digit and what is left for rounding is exact.
 */
size_t decimal_print_double(double value, char ret[static DECIMAL_SIZE]) {
    if (!(value >= 1 && value < (double)(INT64_C(1) << (MANTISSA_BITS + 1))))
        return 0;
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    unsigned shift = MANTISSA_BITS + EXPONENT_BIAS - (unsigned)(bits >> MANTISSA_BITS);
    uint64_t mantissa = (bits & ((UINT64_C(1) << MANTISSA_BITS) - 1)) | UINT64_C(1) << MANTISSA_BITS;
    uint64_t whole = mantissa >> shift, fraction = mantissa & ((UINT64_C(1) << shift) - 1);
    size_t n_decimals = DOUBLE_DIGITS - count_digits(whole);

    unsigned __int128 scaled = (unsigned __int128)fraction * powers[n_decimals];
    uint64_t decimals = (uint64_t)(scaled >> shift), left = (uint64_t)scaled & ((UINT64_C(1) << shift) - 1);
    uint64_t half = shift ? UINT64_C(1) << (shift - 1) : 1;
    decimals += left > half || (left == half && (decimals & 1));
    if (decimals == powers[n_decimals]) {
        decimals = 0;
        whole++;
    }
    size_t n = print_whole(whole, ret);
    return n + print_decimals(decimals, n_decimals, ret + n);
}
