/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/kafka_fixture.h"

/* --- the group ----------------------------------------------------------------------------------------- */

START_TEST(two_members_share_the_shards_and_find_each_others_offsets) {
    World world;
    world_init(&world, 4);
    for (int32_t shard = 0; shard < 4; shard++)
        world_fill(&world, world_topic(&world, 0), shard, 5);

    Member a, b;
    member_init(&a, &world, "a");
    member_await_shards(&a, 4);
    ck_assert_int_eq(a.committed[2][0].offset, -1);
    ck_assert_str_eq(a.committed[2][0].metadata, "");
    member_await_records(&a, 20);
    KafkaSink *sink = sink_open(&a.config);
    assert_ok(kafka_sink_begin(sink, text));
    assert_ok(member_commit(&a, sink, "bGluZWFnZTo0Mg=="));

    member_init(&b, &world, "b");
    int64_t deadline = now_ms() + TIMEOUT_MS;
    while (a.n_shards != 2 || b.n_shards != 2) {
        ck_assert_int_lt(now_ms(), deadline);
        ck_assert_int_eq(member_poll(&a, 10), 0);
        ck_assert_int_eq(member_poll(&b, 10), 0);
    }
    ck_assert_uint_eq(a.n_revoked, 1);
    ck_assert_uint_eq(a.n_lost, 0);
    for (int32_t shard = 0; shard < 4; shard++) {
        Member *owner = member_owns(&a, shard) ? &a : &b;
        ck_assert(!(member_owns(&a, shard) && member_owns(&b, shard)));
        ck_assert_int_eq(owner->committed[shard][0].offset, 5);
        ck_assert_int_eq(owner->committed[shard][2].offset, 0);
        for (unsigned topic = 0; topic < N_TOPICS; topic++)
            ck_assert_str_eq(owner->committed[shard][topic].metadata, "bGluZWFnZTo0Mg==");
    }

    /* What a has read, b does not read again; b leaves at once, and a has all shards back. */
    member_await_ends(&b);
    ck_assert_uint_eq(b.n_total, 0);
    int64_t left_at = now_ms();
    member_done(&b);
    ck_assert_uint_eq(b.n_revoked, 1);
    member_await_shards(&a, 4);
    ck_assert_int_lt(now_ms() - left_at, 8000);
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(a_member_can_commit_before_it_gives_a_shard_up) {
    World world;
    world_init(&world, 2);
    world_fill(&world, world_topic(&world, 0), 0, 7);
    Member a, b;
    member_init(&a, &world, "a");
    member_await_records(&a, 7);
    KafkaSink *sink = sink_open(&a.config);
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, world.names[4], 0, "lead", "stage");
    a.sink_on_revoke = sink;
    a.revoke_commit = -1;
    member_done(&a);
    ck_assert_int_eq(a.revoke_commit, 0);
    kafka_sink_free(sink);

    member_init(&b, &world, "b");
    member_await_shards(&b, 2);
    ck_assert_int_eq(b.committed[0][0].offset, 7);
    ck_assert_str_eq(b.committed[0][0].metadata, "at the last moment");
    member_done(&b);
    world_done(&world);
}
END_TEST

START_TEST(topics_that_do_not_pair_up_end_the_source) {
    World world;
    world_open(&world, getenv("SCORED_TEST_BOOTSTRAP"));
    for (int i = 0; i < 3; i++) {
        if (i == 2 && _i == 1)
            continue; /* a missing topic */
        assert_ok(kafka_cluster_create_topic(
                world.cluster, world.names[i], i == _i * 9 + 1 ? 3 : 2, -1, NULL, TIMEOUT_MS, text));
    }
    Member a;
    member_init(&a, &world, "a");
    int64_t deadline = now_ms() + TIMEOUT_MS;
    int r;
    while ((r = member_poll(&a, 50)) == 0)
        ck_assert_int_lt(now_ms(), deadline);
    ck_assert_int_eq(r, -EPROTO);
    ck_assert_int_eq(a.last.type, SOURCE_ERROR);
    ck_assert_msg(strstr(a.last.text, "same number of partitions") != NULL, "%s", a.last.text);
    ck_assert_int_eq(member_poll(&a, 50), -EPROTO);
    ck_assert_uint_eq(a.n_assigned, 0);
    member_done(&a);
    ck_assert_uint_eq(a.n_revoked, 0);
    world_done(&world);
}
END_TEST

START_TEST(an_error_of_the_handler_ends_the_poll) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    a.handler_returns = -ENOMEM;
    int64_t deadline = now_ms() + TIMEOUT_MS;
    int r;
    while ((r = member_poll(&a, 1000)) == 0)
        ck_assert_int_lt(now_ms(), deadline);
    ck_assert_int_eq(r, -ENOMEM);
    member_done(&a);
    ck_assert_uint_eq(a.n_revoked, 0);
    world_done(&world);
}
END_TEST

/* --- what is read ----------------------------------------------------------------------------------------
 */

START_TEST(null_and_empty_are_told_apart) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config);
    int64_t before = now_ms();
    assert_ok(kafka_sink_begin(sink, text));
    static const struct {
        Str key, value;
    } rows[] = {
            {{NULL, 0}, {NULL, 0}},
            {{"", 0}, {"", 0}},
            {{"k", 1}, {NULL, 0}},
            {{NULL, 0}, {"v\0w", 3}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        assert_ok(kafka_sink_produce(
                sink, world_topic(&world, 1), 0, rows[i].key, rows[i].value, NULL, 0, NULL, text));
    assert_ok(member_commit(&a, sink, "m"));
    size_t n = 0;
    while (n < ARRAY_SIZE(rows)) {
        ck_assert_int_lt(now_ms(), before + TIMEOUT_MS);
        SourcePoll poll;
        ck_assert_int_eq(kafka_source_poll(a.source, 100, &poll), 0);
        if (poll.type != SOURCE_RECORD)
            continue;
        ck_assert_uint_eq(poll.input, 1);
        ck_assert_int_eq(poll.shard, 0);
        ck_assert_int_eq(poll.offset, (int64_t)n);
        ck_assert(str_eq(poll.key, rows[n].key));
        ck_assert(str_eq(poll.value, rows[n].value));
        ck_assert_int_gt(poll.timestamp_ms, INT64_C(1700000000000));
        kafka_source_release(&poll);
        n++;
    }
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(an_offset_out_of_the_log_is_told_and_can_be_put_right) {
    World world;
    world_init(&world, 2);
    world_fill(&world, world_topic(&world, 0), 1, 3);
    Member a;
    member_init(&a, &world, "a");
    a.has_start[1] = true;
    a.start_at[1][0] = 1000;
    int64_t deadline = now_ms() + TIMEOUT_MS;
    while (a.n_ranges == 0) {
        ck_assert_int_lt(now_ms(), deadline);
        ck_assert_int_eq(member_poll(&a, 50), 0);
    }
    ck_assert_int_eq(a.last.type, SOURCE_RANGE);
    ck_assert_uint_eq(a.last.input, 0);
    ck_assert_int_eq(a.last.shard, 1);
    ck_assert_int_eq(a.last.offset, 1000);
    ck_assert_uint_gt(strlen(a.last.text), 0);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(member_poll(&a, 50), 0);
    ck_assert_uint_eq(a.n_ranges, 1);
    ck_assert_uint_eq(a.n_total, 0);

    int64_t offsets[N_TOPICS] = {-2, 0, 0};
    memcpy(a.next[1], offsets, sizeof(offsets));
    assert_ok(kafka_source_start(a.source, 1, offsets, text));
    member_await_records(&a, 3);
    ck_assert_int_eq(kafka_source_start(a.source, 2, offsets, text), KAFKA_E_UNKNOWN);
    offsets[1] = -1001;
    ck_assert_int_eq(kafka_source_start(a.source, 1, offsets, text), -EINVAL);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(a_shard_can_start_at_its_end) {
    World world;
    world_init(&world, 1);
    world_fill(&world, world_topic(&world, 0), 0, 5);
    Member a;
    member_init(&a, &world, "a");
    a.has_start[0] = true;
    for (unsigned topic = 0; topic < N_TOPICS; topic++)
        a.start_at[0][topic] = -1;
    member_await_shards(&a, 1);
    member_await_ends(&a);
    ck_assert_int_eq(a.end[0][0], 6); /* five records and the commit's marker */
    ck_assert_uint_eq(a.n_total, 0);
    world_fill(&world, world_topic(&world, 0), 0, 2);
    member_await_records(&a, 2);
    ck_assert_int_eq(a.next[0][0], 8);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(a_halted_shard_is_not_read_until_it_is_started) {
    World world;
    world_init(&world, 2);
    world_fill(&world, world_topic(&world, 0), 0, 10);
    world_fill(&world, world_topic(&world, 0), 1, 10);
    Member a;
    member_init(&a, &world, "a");
    a.held[1] = true;
    member_await_records(&a, 10);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(member_poll(&a, 20), 0);
    ck_assert_uint_eq(a.n_records[0][0], 10);
    ck_assert_uint_eq(a.n_total, 10);

    int64_t offsets[N_TOPICS] = {4, 0, 0};
    memcpy(a.next[1], offsets, sizeof(offsets));
    a.held[1] = false;
    assert_ok(kafka_source_start(a.source, 1, offsets, text));
    member_await_records(&a, 16);
    ck_assert_uint_eq(a.n_records[1][0], 6);

    kafka_source_stop(a.source, 1);
    a.held[1] = true;
    world_fill(&world, world_topic(&world, 0), 1, 4);
    world_fill(&world, world_topic(&world, 0), 0, 4);
    member_await_records(&a, 20);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(member_poll(&a, 20), 0);
    ck_assert_uint_eq(a.n_records[0][0], 14);
    ck_assert_uint_eq(a.n_records[1][0], 6);
    ck_assert_uint_eq(a.n_errors, 0);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(a_pause_delivers_nothing_and_outlasts_a_rebalance) {
    World world;
    world_init(&world, 2);
    Member a, b;
    member_init(&a, &world, "a");
    member_await_shards(&a, 2);
    member_await_ends(&a);
    assert_ok(kafka_source_pause(a.source, true, text));
    world_fill(&world, world_topic(&world, 0), 0, 10);
    world_fill(&world, world_topic(&world, 0), 1, 10);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(member_poll(&a, 20), 0);
    ck_assert_uint_eq(a.n_total, 0);

    /* b comes and goes: a gets back what it had, still paused. */
    member_init(&b, &world, "b");
    int64_t deadline = now_ms() + TIMEOUT_MS;
    while (a.n_shards != 1 || b.n_shards != 1) {
        ck_assert_int_lt(now_ms(), deadline);
        ck_assert_int_eq(member_poll(&a, 10), 0);
        ck_assert_int_eq(member_poll(&b, 10), 0);
    }
    member_done(&b);
    member_await_shards(&a, 2);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(member_poll(&a, 20), 0);
    ck_assert_uint_eq(a.n_total, 0);
    assert_ok(kafka_source_pause(a.source, false, text));
    member_await_records(&a, 20);
    ck_assert_uint_eq(a.n_records[0][0], 10);
    ck_assert_uint_eq(a.n_records[1][0], 10);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(input_on_hold_is_not_read_and_the_others_are) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    member_await_ends(&a);
    assert_ok(kafka_source_hold(a.source, 0, 0, true, text));
    world_fill(&world, world_topic(&world, 0), 0, 10);
    world_fill(&world, world_topic(&world, 1), 0, 10);
    member_await_records(&a, 10);
    /* Neither a pause of all nor its end changes that. */
    assert_ok(kafka_source_pause(a.source, true, text));
    assert_ok(kafka_source_pause(a.source, false, text));
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(member_poll(&a, 20), 0);
    ck_assert_uint_eq(a.n_records[0][0], 0);
    ck_assert_uint_eq(a.n_records[0][1], 10);
    assert_ok(kafka_source_hold(a.source, 0, 0, false, text));
    member_await_records(&a, 20);
    ck_assert_uint_eq(a.n_records[0][0], 10);
    ck_assert_int_eq(kafka_source_hold(a.source, 7, 0, true, text), 0); /* not assigned: nothing to be done */
    member_done(&a);
    world_done(&world);
}
END_TEST

static const KafkaProperty short_fetch[] = {{"fetch.wait.max.ms", "10"}};

/* Pauses, stops and starts at every turn: each record is delivered once, in order. */
START_TEST(pauses_and_late_starts_lose_and_repeat_nothing) {
    enum { N = 1000 };
    World world;
    world_init(&world, 2);
    world.config.kafka_properties = (KafkaProperty *)short_fetch;
    world.config.n_kafka_properties = ARRAY_SIZE(short_fetch);
    world_fill(&world, world_topic(&world, 0), 0, N);
    world_fill(&world, world_topic(&world, 1), 1, N);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 2);
    int64_t deadline = now_ms() + 2 * TIMEOUT_MS;
    for (unsigned turn = 0; a.n_total < 2 * N; turn++) {
        ck_assert_int_lt(now_ms(), deadline);
        for (int i = 0; i < 40; i++) {
            unsigned n = a.n_total;
            ck_assert_int_eq(member_poll(&a, 2), 0);
            if (a.n_total > n) /* dense: all in one transaction */
                ck_assert_int_eq(a.last.offset, a.n_records[a.last.shard][a.last.input] - 1);
        }
        if (turn % 3 == 0) {
            assert_ok(kafka_source_pause(a.source, true, text));
            ck_assert_int_eq(member_poll(&a, 1), 0);
            if (turn % 2)
                assert_ok(kafka_source_start(a.source, 0, a.next[0], text));
            assert_ok(kafka_source_pause(a.source, false, text));
        } else {
            kafka_source_stop(a.source, 1);
            a.held[1] = true;
            for (int i = 0; i < 20; i++)
                ck_assert_int_eq(member_poll(&a, 1), 0);
            a.held[1] = false;
            assert_ok(kafka_source_start(a.source, 1, a.next[1], text));
        }
    }
    ck_assert_uint_eq(a.n_records[0][0], N);
    ck_assert_uint_eq(a.n_records[1][1], N);
    member_done(&a);
    world_done(&world);
}
END_TEST

static Suite *kafka_source_suite(void) {
    Suite *suite = suite_create("Kafka source");
    TCase *group = tcase_create("group");
    tcase_set_timeout(group, 90);
    tcase_add_test(group, two_members_share_the_shards_and_find_each_others_offsets);
    tcase_add_test(group, a_member_can_commit_before_it_gives_a_shard_up);
    tcase_add_loop_test(group, topics_that_do_not_pair_up_end_the_source, 0, 2);
    tcase_add_test(group, an_error_of_the_handler_ends_the_poll);
    suite_add_tcase(suite, group);

    TCase *reading = tcase_create("reading");
    tcase_set_timeout(reading, 90);
    tcase_add_test(reading, null_and_empty_are_told_apart);
    tcase_add_test(reading, an_offset_out_of_the_log_is_told_and_can_be_put_right);
    tcase_add_test(reading, a_shard_can_start_at_its_end);
    tcase_add_test(reading, a_halted_shard_is_not_read_until_it_is_started);
    tcase_add_test(reading, a_pause_delivers_nothing_and_outlasts_a_rebalance);
    tcase_add_test(reading, input_on_hold_is_not_read_and_the_others_are);
    tcase_add_test(reading, pauses_and_late_starts_lose_and_repeat_nothing);
    suite_add_tcase(suite, reading);
    return suite;
}

int main(void) {
    return kafka_suite_run(kafka_source_suite);
}
