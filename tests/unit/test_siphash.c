/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash against figures from other implementations: OpenSSL's (128 bits) and CPython's (1-3). */
#include <stdio.h>

#include "lib/base/siphash.h"
#include "tests/unit/suite.h"

/* The input of each row is the bytes 0, 1, 2, … */
static Str input(size_t len) {
    static char bytes[64];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)i;
    return (Str){bytes, len};
}

static const struct {
    size_t len;
    const char *hex;
} long_rows[] = {
        {0, "A3817F04BA25A8E66DF67214C7550293"},
        {1, "DA87C1D86B99AF44347659119B22FC45"},
        {7, "A1F1EBBED8DBC153C0B84AA61FF08239"},
        {8, "3B62A9BA6258F5610F83E264F31497B4"},
        {15, "5493E99933B0A8117E08EC0F97CFC3D9"},
        {40, "DF6A301E95C95DAD97AE0CC8C6913BD8"},
};

START_TEST(long_hash_is_openssl_s) {
    SipKey key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    uint8_t hash[16];
    siphash_24_128(key, input(long_rows[_i].len), hash);
    char hex[33];
    for (size_t i = 0; i < sizeof(hash); i++)
        snprintf(hex + 2 * i, 3, "%02X", hash[i]);
    ck_assert_str_eq(hex, long_rows[_i].hex);
}
END_TEST

static const struct {
    size_t len;
    uint64_t hash;
} short_rows[] = {
        {1, UINT64_C(0x68a914128e01e473)},
        {7, UINT64_C(0x2f098ab0c751325a)},
        {8, UINT64_C(0xead411e67ebe2eea)},
        {15, UINT64_C(0xf30eb725bb91c9ea)},
        {40, UINT64_C(0x95bc321ab41d8206)},
};

START_TEST(short_hash_is_python_s) {
    ck_assert_uint_eq(siphash_13((SipKey){0, 0}, input(short_rows[_i].len)), short_rows[_i].hash);
}
END_TEST

START_TEST(key_changes_the_hash) {
    Str s = input(20);
    ck_assert_uint_ne(siphash_13((SipKey){1, 0}, s), siphash_13((SipKey){0, 0}, s));
    ck_assert_uint_ne(siphash_13((SipKey){0, 1}, s), siphash_13((SipKey){0, 0}, s));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("siphash");
    TCase *tcase = tcase_create("vectors");
    tcase_add_loop_test(tcase, long_hash_is_openssl_s, 0, ARRAY_SIZE(long_rows));
    tcase_add_loop_test(tcase, short_hash_is_python_s, 0, ARRAY_SIZE(short_rows));
    tcase_add_test(tcase, key_changes_the_hash);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
