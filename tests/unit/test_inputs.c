/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/inputs.h"

#include "tests/unit/suite.h"

/* Two that pair up with four shards, and between them one with ten partitions that is routed. */
static Config config = {.sources = {"web", "crm", "mail"}, .n_sources = 3, .is_routed = {false, true, false},
        .internal_topic = "p.internal"};
static const int32_t counts[] = {4, 10, 4};

static const struct {
    const char *topic;
    bool is_routed;
    int32_t partitions[4]; /* by shard */
} expected[] = {
        {"web", false, {0, 1, 2, 3}},
        {"crm", true, {0, 1, 2, 3}},
        {"crm", true, {4, 5, 6, 7}},
        {"crm", true, {8, 9, -1, -1}},
        {"mail", false, {0, 1, 2, 3}},
        {"p.internal", false, {0, 1, 2, 3}},
};

START_TEST(every_partition_is_the_input_of_one_shard) {
    Inputs inputs;
    ck_assert(inputs_make(&config, counts, 4, &inputs));
    ck_assert_uint_eq(inputs.n, ARRAY_SIZE(expected));
    for (unsigned i = 0; i < inputs.n; i++) {
        ck_assert_str_eq(inputs.inputs[i].topic, expected[i].topic);
        ck_assert(inputs.inputs[i].is_routed == expected[i].is_routed);
        ck_assert(inputs_is_internal(&inputs, i) == (i == 5));
        for (int32_t shard = 0; shard < 4; shard++)
            ck_assert_int_eq(inputs_partition(&inputs, i, shard), expected[i].partitions[shard]);
    }
}
END_TEST

START_TEST(input_is_found_by_its_partition_whatever_the_hint) {
    Inputs inputs;
    ck_assert(inputs_make(&config, counts, 4, &inputs));
    for (unsigned i = 0; i < inputs.n; i++)
        for (int32_t shard = 0; shard < 4; shard++)
            for (unsigned hint = 0; hint <= inputs.n; hint++) {
                int32_t found_shard = -1;
                unsigned found = 99;
                bool has = expected[i].partitions[shard] >= 0;
                if (!has)
                    continue;
                ck_assert(inputs_find(&inputs, expected[i].topic, expected[i].partitions[shard], hint, &found_shard, &found));
                ck_assert_int_eq(found_shard, shard);
                ck_assert_uint_eq(found, i);
            }
    int32_t shard;
    unsigned input, source;
    ck_assert(inputs_find_routed(&inputs, STR_LITERAL("crm"), &source));
    ck_assert_uint_eq(source, 1);
    ck_assert(!inputs_find_routed(&inputs, STR_LITERAL("web"), &source));
    ck_assert(!inputs_find(&inputs, "crm", 10, 3, &shard, &input));
    ck_assert(!inputs_find(&inputs, "web", 4, 0, &shard, &input));
    ck_assert(!inputs_find(&inputs, "web", -1, 0, &shard, &input));
    ck_assert(!inputs_find(&inputs, "we", 0, 0, &shard, &input));
}
END_TEST

START_TEST(source_with_fewer_partitions_than_shards_has_some_without) {
    Config small = {.sources = {"crm"}, .n_sources = 1, .is_routed = {true}, .internal_topic = "i"};
    Inputs inputs;
    ck_assert(inputs_make(&small, (const int32_t[]){2}, 3, &inputs));
    ck_assert_uint_eq(inputs.n, 2);
    ck_assert_int_eq(inputs_partition(&inputs, 0, 1), 1);
    ck_assert_int_eq(inputs_partition(&inputs, 0, 2), -1);
    ck_assert_int_eq(inputs_partition(&inputs, 1, 2), 2);
}
END_TEST

START_TEST(more_partitions_than_there_is_room_for_are_refused) {
    Config large = {.sources = {"crm"}, .n_sources = 1, .is_routed = {true}, .internal_topic = "i"};
    Inputs inputs;
    ck_assert(inputs_make(&large, (const int32_t[]){2 * (INPUTS_MAX - 1)}, 2, &inputs));
    ck_assert_uint_eq(inputs.n, INPUTS_MAX);
    ck_assert(!inputs_make(&large, (const int32_t[]){2 * (INPUTS_MAX - 1) + 1}, 2, &inputs));
    ck_assert(inputs_make(&large, (const int32_t[]){INT32_MAX}, INT32_MAX - 1, &inputs));
    ck_assert_uint_eq(inputs.n, 3);
    ck_assert_int_eq(inputs_partition(&inputs, 1, 0), INT32_MAX - 1);
    ck_assert_int_eq(inputs_partition(&inputs, 1, 1), -1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("inputs");
    TCase *tcase = tcase_create("inputs");
    tcase_add_test(tcase, every_partition_is_the_input_of_one_shard);
    tcase_add_test(tcase, input_is_found_by_its_partition_whatever_the_hint);
    tcase_add_test(tcase, source_with_fewer_partitions_than_shards_has_some_without);
    tcase_add_test(tcase, more_partitions_than_there_is_room_for_are_refused);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
