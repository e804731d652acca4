/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/io/redis/shard_tag.h"
#include "tests/unit/suite.h"

/* The check value of CRC-16/XMODEM, and answers of CLUSTER KEYSLOT. */
static const struct {
    const char *tag;
    unsigned slot;
} slot_rows[] = {
        {"123456789", 0x31c3},
        {"foo", 12182},
        {"bar", 5061},
        {"hello", 866},
        {"", 0},
        {"\xff\x80", 4727},
};

START_TEST(slot_is_the_one_of_redis_cluster) {
    ck_assert_uint_eq(redis_slot(str_from(slot_rows[_i].tag)), slot_rows[_i].slot);
}
END_TEST

static const int32_t shard_counts[] = {1, 2, 3, 7, 12, 64, 100, 1000, 16384};

START_TEST(tags_lie_in_the_middle_of_equal_parts) {
    int32_t n = shard_counts[_i];
    char(*tags)[SHARD_TAG_SIZE] = NULL;
    ck_assert_int_eq(shard_tags(n, &tags), 0);
    for (int32_t shard = 0; shard < n; shard++) {
        double middle = (shard + 0.5) * 16384.0 / n;
        ck_assert_uint_eq(redis_slot(str_from(tags[shard])), (unsigned)middle);
    }
    free(tags);
}
END_TEST

START_TEST(a_single_tag_is_the_one_of_the_table) {
    int32_t n = shard_counts[_i];
    char(*tags)[SHARD_TAG_SIZE] = NULL;
    ck_assert_int_eq(shard_tags(n, &tags), 0);
    for (int32_t shard = 0; shard < n; shard += MAX(1, n / 16)) {
        char tag[SHARD_TAG_SIZE];
        shard_tag(shard, n, tag);
        ck_assert_str_eq(tag, tags[shard]);
    }
    free(tags);
}
END_TEST

/* They are part of the keys that others read. */
START_TEST(tags_never_change) {
    static const char *const expected[] = {"48576", "1296", "2821", "16248"};
    for (int32_t shard = 0; shard < 4; shard++) {
        char tag[SHARD_TAG_SIZE];
        shard_tag(shard, 4, tag);
        ck_assert_str_eq(tag, expected[shard]);
    }
}
END_TEST

START_TEST(no_slot_needs_a_longer_search_than_documented) {
    char(*tags)[SHARD_TAG_SIZE] = NULL;
    ck_assert_int_eq(shard_tags(SHARDS_MAX, &tags), 0);
    long greatest = 0;
    for (size_t i = 0; i < SHARDS_MAX; i++)
        greatest = latest(greatest, strtol(tags[i], NULL, 10));
    ck_assert_int_eq(greatest, 109757);
    free(tags);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("shard_tag");
    TCase *tcase = tcase_create("shard_tag");
    tcase_add_loop_test(tcase, slot_is_the_one_of_redis_cluster, 0, ARRAY_SIZE(slot_rows));
    tcase_add_loop_test(tcase, tags_lie_in_the_middle_of_equal_parts, 0, ARRAY_SIZE(shard_counts));
    tcase_add_loop_test(tcase, a_single_tag_is_the_one_of_the_table, 0, ARRAY_SIZE(shard_counts));
    tcase_add_test(tcase, tags_never_change);
    tcase_add_test(tcase, no_slot_needs_a_longer_search_than_documented);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
