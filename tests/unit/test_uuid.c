/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-1 against FIPS 180's examples and CPython's hashlib; identifiers against CPython's uuid.uuid5(). */
#include <stdio.h>

#include "lib/base/uuid.h"
#include "tests/unit/suite.h"

static void assert_sha1(const void *data, size_t len, const char *expected) {
    uint8_t hash[SHA1_SIZE];
    sha1(data, len, hash);
    char hex[2 * SHA1_SIZE + 1];
    for (size_t i = 0; i < SHA1_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    ck_assert_str_eq(hex, expected);
}

static const struct {
    const char *text, *hex;
} fips_rows[] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmno"
         "pqrstnopqrstu",
                "a49b2446a02c645bf419f995b67091253a04a259"},
};

START_TEST(sha1_is_fips_s) {
    assert_sha1(fips_rows[_i].text, strlen(fips_rows[_i].text), fips_rows[_i].hex);
}
END_TEST

START_TEST(sha1_of_a_million_letters_is_fips_s) {
    size_t n = 1000000;
    _cleanup_(free_null) char *data = malloc(n);
    ck_assert_ptr_nonnull(data);
    memset(data, 'a', n);
    assert_sha1(data, n, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}
END_TEST

/* The lengths about which padding takes one block more. */
static const struct {
    size_t len;
    const char *hex;
} length_rows[] = {
        {55, "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
        {56, "c2db330f6083854c99d4b5bfb6e8f29f201be699"},
        {63, "03f09f5b158a7a8cdad920bddc29b81c18a551f5"},
        {64, "0098ba824b5c16427bd7a1122a5a442a25ec644d"},
        {65, "11655326c708d70319be2610e8a57d9a5b959d3b"},
        {119, "ee971065aaa017e0632a8ca6c77bb3bf8b1dfc56"},
        {120, "f34c1488385346a55709ba056ddd08280dd4c6d6"},
        {128, "ad5b3fdbcb526778c2839d2f151ea753995e26a0"},
};

START_TEST(sha1_pads_every_length) {
    char data[128];
    memset(data, 'a', sizeof(data));
    assert_sha1(data, length_rows[_i].len, length_rows[_i].hex);
}
END_TEST

START_TEST(sha1_of_nothing_needs_no_memory) {
    assert_sha1(NULL, 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}
END_TEST

static const struct {
    const char *name, *uuid;
} name_rows[] = {
        {"", "1b4db7eb-4057-5ddf-91e0-36dec72071f5"},
        {"http://www.example.com/", "fcde3c85-2270-590f-9e7c-ee003d65e0e2"},
        {"scored:stage/lead/L1/lifecycle/2/1767225600000", "390d42e3-e44f-5a57-bb4d-e43f3490f748"},
        {"scored:refused/l\xC3\xA9/ev-1/lifecycle", "57cf2bd5-b475-5c10-b890-be691fc811ba"},
};

START_TEST(name_makes_a_version_5_uuid) {
    Uuid uuid = uuid_from_name(str_from(name_rows[_i].name));
    char text[UUID_TEXT_LEN + 1];
    uuid_print(&uuid, text);
    ck_assert_str_eq(text, name_rows[_i].uuid);

    Uuid parsed;
    ck_assert(uuid_parse(str_from(text), &parsed));
    ck_assert_mem_eq(&parsed, &uuid, sizeof(uuid));
}
END_TEST

static const char *const refused_rows[] = {
        "",
        "390d42e3-e44f-5a57-bb4d-e43f3490f74",
        "390d42e3-e44f-5a57-bb4d-e43f3490f7488",
        "390D42E3-E44F-5A57-BB4D-E43F3490F748",
        "390d42e3-e44f-5a57-bb4d-e43f3490f74g",
        "390d42e3-e44f-5a57-bb4d_e43f3490f748",
        "390d42e-3e44f-5a57-bb4d-e43f3490f748",
        "390d42e3ee44f-5a57-bb4d-e43f3490f748",
        "{390d42e3-e44f-5a57-bb4d-e43f3490f74",
        "-90d42e3-e44f-5a57-bb4d-e43f3490f748",
        "390d42e3-e44f-5a57-bb4d-e43f3490f7 8",
};

START_TEST(only_the_canonical_form_is_read) {
    Uuid uuid, before;
    memset(&uuid, 0xA5, sizeof(uuid));
    before = uuid;
    ck_assert(!uuid_parse(str_from(refused_rows[_i]), &uuid));
    ck_assert_mem_eq(&uuid, &before, sizeof(uuid));
}
END_TEST

START_TEST(null_is_no_uuid) {
    Uuid uuid;
    ck_assert(!uuid_parse(STR_NULL, &uuid));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("uuid");
    TCase *tc = tcase_create("uuid");
    tcase_add_loop_test(tc, sha1_is_fips_s, 0, ARRAY_SIZE(fips_rows));
    tcase_add_test(tc, sha1_of_a_million_letters_is_fips_s);
    tcase_add_loop_test(tc, sha1_pads_every_length, 0, ARRAY_SIZE(length_rows));
    tcase_add_test(tc, sha1_of_nothing_needs_no_memory);
    tcase_add_loop_test(tc, name_makes_a_version_5_uuid, 0, ARRAY_SIZE(name_rows));
    tcase_add_loop_test(tc, only_the_canonical_form_is_read, 0, ARRAY_SIZE(refused_rows));
    tcase_add_test(tc, null_is_no_uuid);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
