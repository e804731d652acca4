/* SPDX-License-Identifier: Apache-2.0 */
/* Needs a broker that nothing else depends on: its address in SCORED_TEST_BOOTSTRAP (tests/env/kafka start DIR). */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/kafka_fixture.h"
#include "tests/unit/suite.h"

#define SKIPPED 77

static char text[KAFKA_TEXT_SIZE];

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        text[0] = 0;                                                                                         \
        int _r = (call);                                                                                     \
        ck_assert_msg(_r == 0, "%s: %d %s", #call, _r, text);                                                \
    } while (0)

static void produce(KafkaSink *sink, const char *topic, int32_t partition, const char *key, const char *value) {
    assert_ok(kafka_sink_produce(sink, topic, partition, str_from(key), str_from(value), NULL, 0, NULL, text));
}

static KafkaChangelog *changelog_open(const World *world, int32_t shard, int64_t offset) {
    KafkaChangelog *changelog = NULL;
    assert_ok(kafka_changelog_new(&world->config, keep_log, text, &changelog));
    assert_ok(kafka_changelog_seek(changelog, shard, offset, text));
    return changelog;
}

/* The next record or the end; what kafka_changelog_next() returned. */
static int changelog_next(KafkaChangelog *changelog, ChangelogRecord *ret) {
    int64_t deadline = now_ms() + TIMEOUT_MS;
    for (;;) {
        int r = kafka_changelog_next(changelog, 100, text, ret);
        if (r != KAFKA_E_TIMEOUT || now_ms() > deadline)
            return r;
    }
}

static unsigned changelog_count(KafkaChangelog *changelog, int64_t *ret_end) {
    ChangelogRecord record;
    for (unsigned n = 0;; n++) {
        int r = changelog_next(changelog, &record);
        if (r == KAFKA_E_UNKNOWN) {
            *ret_end = record.offset;
            return n;
        }
        ck_assert_msg(r == 0, "%d %s", r, text);
    }
}

/* A plain transactional producer, for what the sink does not do: stay in a transaction whose records are delivered. */
static rd_kafka_t *raw_producer(const World *world, const char *id) {
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", world->config.bootstrap_servers, NULL, 0);
    rd_kafka_conf_set(conf, "transactional.id", id, NULL, 0);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ck_assert_msg(rk != NULL, "%s", error);
    ck_assert_ptr_null(rd_kafka_init_transactions(rk, TIMEOUT_MS));
    return rk;
}

static void raw_produce(rd_kafka_t *rk, const char *topic, int32_t partition, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        ck_assert_int_eq(rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                 RD_KAFKA_V_VALUE((void *)"open", 4), RD_KAFKA_V_END),
                0);
    ck_assert_int_eq(rd_kafka_flush(rk, TIMEOUT_MS), 0);
}

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
    KafkaSink *sink = sink_open(&a.config, text);
    assert_ok(kafka_sink_begin(sink, text));
    assert_ok(member_commit(&a, sink, "bGluZWFnZTo0Mg==", text));

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
    KafkaSink *sink = sink_open(&a.config, text);
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
        assert_ok(kafka_cluster_create_topic(world.cluster, world.names[i], i == _i * 9 + 1 ? 3 : 2, -1, NULL,
                TIMEOUT_MS, text));
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

/* --- what is read ---------------------------------------------------------------------------------------- */

START_TEST(null_and_empty_are_told_apart) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config, text);
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
    assert_ok(member_commit(&a, sink, "m", text));
    size_t n = 0;
    while (n < ARRAY_SIZE(rows)) {
        ck_assert_int_lt(now_ms(), before + TIMEOUT_MS);
        SourcePoll poll;
        ck_assert_int_eq(kafka_source_poll(a.source, 100, &poll), 0);
        if (poll.type != SOURCE_RECORD)
            continue;
        ck_assert_uint_eq(poll.topic, 1);
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
    ck_assert_uint_eq(a.last.topic, 0);
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
                ck_assert_int_eq(a.last.offset, a.n_records[a.last.shard][a.last.topic] - 1);
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

/* --- transactions --------------------------------------------------------------------------------------- */

START_TEST(committed_records_are_seen_and_aborted_ones_are_not) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config, text);
    const char *changelog_topic = world.config.changelog_topic;

    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, changelog_topic, 0, "lead", "dropped");
    assert_ok(kafka_sink_abort(sink, text));
    assert_ok(kafka_sink_begin(sink, text));
    int64_t offset = -7;
    assert_ok(kafka_sink_produce(
            sink, changelog_topic, 0, str_from("lead"), str_from("kept"), NULL, 0, &offset, text));
    assert_ok(kafka_sink_produce(sink, changelog_topic, 0, str_from("gone"), STR_NULL, NULL, 0, NULL, text));
    assert_ok(member_commit(&a, sink, "m", text));

    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    ChangelogRecord record;
    ck_assert_int_eq(changelog_next(changelog, &record), 0);
    ck_assert(str_eq_c(record.key, "lead") && str_eq_c(record.value, "kept"));
    ck_assert_int_eq(record.offset, offset);
    ck_assert_int_eq(changelog_next(changelog, &record), 0);
    ck_assert(str_eq_c(record.key, "gone") && str_is_null(record.value));
    int64_t end, first, high;
    ck_assert_uint_eq(changelog_count(changelog, &end), 0);
    assert_ok(kafka_cluster_range(world.cluster, changelog_topic, 0, TIMEOUT_MS, text, &first, &high));
    ck_assert_int_eq(first, 0);
    ck_assert_int_eq(end, high);
    ck_assert_int_gt(end, record.offset + 1); /* the commit's marker stands between */

    /* The reader goes on behind the end when more comes, here an aborted transaction first. */
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, changelog_topic, 0, "lead", "dropped");
    assert_ok(kafka_sink_abort(sink, text));
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, changelog_topic, 0, "lead", "later");
    assert_ok(member_commit(&a, sink, "m", text));
    int r;
    while ((r = changelog_next(changelog, &record)) == KAFKA_E_UNKNOWN)
        ;
    ck_assert_msg(r == 0, "%d %s", r, text);
    ck_assert(str_eq_c(record.value, "later"));
    kafka_changelog_free(changelog);
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(the_end_of_a_source_is_told_behind_control_records) {
    World world;
    world_init(&world, 1);
    rd_kafka_t *upstream = raw_producer(&world, world.names[0]);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_null(rd_kafka_begin_transaction(upstream));
        raw_produce(upstream, world_topic(&world, 0), 0, 2);
        ck_assert_ptr_null(i == 1 ? rd_kafka_commit_transaction(upstream, TIMEOUT_MS)
                                  : rd_kafka_abort_transaction(upstream, TIMEOUT_MS));
    }
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    member_await_ends(&a);
    ck_assert_uint_eq(a.n_total, 2);
    int64_t first, high;
    assert_ok(kafka_cluster_range(world.cluster, world_topic(&world, 0), 0, TIMEOUT_MS, text, &first, &high));
    ck_assert_int_eq(high, 9);
    ck_assert_int_eq(a.end[0][0], high);
    ck_assert_int_eq(a.end[0][1], 0);
    rd_kafka_destroy(upstream);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(the_end_asked_for_counts_records_of_open_transactions) {
    World world;
    world_init(&world, 2);
    world_fill(&world, world_topic(&world, 0), 1, 3);
    rd_kafka_t *upstream = raw_producer(&world, world.names[0]);
    ck_assert_ptr_null(rd_kafka_begin_transaction(upstream));
    raw_produce(upstream, world_topic(&world, 0), 1, 5);

    int64_t first, end;
    assert_ok(kafka_cluster_range(world.cluster, world_topic(&world, 0), 1, TIMEOUT_MS, text, &first, &end));
    ck_assert_int_eq(first, 0);
    ck_assert_int_eq(end, 9); /* three, a marker, five */
    KafkaEnd ends[] = {
            {world_topic(&world, 1), 0, -5}, {world_topic(&world, 0), 1, -5}, {world_topic(&world, 0), 0, -5}};
    assert_ok(kafka_cluster_ends(world.cluster, ends, 3, TIMEOUT_MS, text));
    ck_assert_int_eq(ends[0].end, 0);
    ck_assert_int_eq(ends[1].end, 9);
    ck_assert_int_eq(ends[2].end, 0);

    /* The consumer's end is before the open transaction: no proof until it is decided. */
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 2);
    member_await_ends(&a);
    ck_assert_int_eq(a.end[1][0], 4);
    ck_assert_ptr_null(rd_kafka_abort_transaction(upstream, TIMEOUT_MS));
    int64_t deadline = now_ms() + TIMEOUT_MS;
    while (a.end[1][0] < 10) {
        ck_assert_int_lt(now_ms(), deadline);
        ck_assert_int_eq(member_poll(&a, 50), 0);
    }
    ck_assert_uint_eq(a.n_total, 3);
    rd_kafka_destroy(upstream);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(committed_offsets_wait_for_a_pending_transaction) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    /* Another producer, the group's offsets in its open transaction. */
    rd_kafka_t *pending = raw_producer(&world, world.names[0]);
    ck_assert_ptr_null(rd_kafka_begin_transaction(pending));
    rd_kafka_consumer_group_metadata_t *metadata = kafka_source_group_metadata(a.source);
    ck_assert_ptr_nonnull(metadata);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, world_topic(&world, 0), 0)->offset = 12;
    ck_assert_ptr_null(rd_kafka_send_offsets_to_transaction(pending, list, metadata, TIMEOUT_MS));
    CommittedOffset committed[N_TOPICS];
    int64_t before = now_ms();
    ck_assert_int_eq(kafka_source_committed(a.source, 0, 1500, text, committed), KAFKA_E_TIMEOUT);
    ck_assert_int_ge(now_ms() - before, 1000);
    ck_assert_int_le(now_ms() - before, 6000);
    ck_assert_ptr_null(rd_kafka_commit_transaction(pending, TIMEOUT_MS));
    assert_ok(kafka_source_committed(a.source, 0, TIMEOUT_MS, text, committed));
    ck_assert_int_eq(committed[0].offset, 12);
    ck_assert_int_eq(committed[1].offset, -1);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_consumer_group_metadata_destroy(metadata);
    rd_kafka_destroy(pending);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(headers_arrive) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config, text);
    assert_ok(kafka_sink_begin(sink, text));
    const KafkaHeader headers[] = {{"type", str_from("StageChanged")}, {"none", STR_NULL}, {"empty", {"", 0}}};
    assert_ok(kafka_sink_produce(sink, world_topic(&world, 0), 0, str_from("k"), str_from("v"), headers,
            ARRAY_SIZE(headers), NULL, text));
    assert_ok(member_commit(&a, sink, "m", text));
    SourcePoll poll = {.type = SOURCE_NOTHING};
    int64_t deadline = now_ms() + TIMEOUT_MS;
    while (poll.type != SOURCE_RECORD) {
        ck_assert_int_lt(now_ms(), deadline);
        ck_assert_int_eq(kafka_source_poll(a.source, 100, &poll), 0);
    }
    rd_kafka_headers_t *list;
    ck_assert_int_eq(rd_kafka_message_headers(poll.message, &list), 0);
    ck_assert_uint_eq(rd_kafka_header_cnt(list), 3);
    const void *value;
    size_t size;
    ck_assert_int_eq(rd_kafka_header_get_last(list, "type", &value, &size), 0);
    ck_assert(str_eq_c((Str){value, size}, "StageChanged"));
    ck_assert_int_eq(rd_kafka_header_get_last(list, "none", &value, &size), 0);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(rd_kafka_header_get_last(list, "empty", &value, &size), 0);
    ck_assert(value && size == 0);
    kafka_source_release(&poll);
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(a_second_sink_of_the_same_identity_fences_the_first) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *first = sink_open(&a.config, text);
    assert_ok(kafka_sink_begin(first, text));
    produce(first, world.config.changelog_topic, 0, "lead", "zombie");
    KafkaSink *second = sink_open(&a.config, text);

    int r = member_commit(&a, first, "zombie", text);
    ck_assert_msg(r == KAFKA_E_ABORT || r == KAFKA_E_FATAL, "%d %s", r, text);
    if (r == KAFKA_E_ABORT) {
        r = kafka_sink_abort(first, text);
        ck_assert_msg(r == KAFKA_E_FATAL, "%d %s", r, text);
    }
    ck_assert_int_eq(kafka_sink_begin(first, text), KAFKA_E_FATAL);
    kafka_sink_free(first);

    assert_ok(kafka_sink_begin(second, text));
    produce(second, world.config.changelog_topic, 0, "lead", "owner");
    assert_ok(member_commit(&a, second, "owner", text));
    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    ChangelogRecord record;
    ck_assert_int_eq(changelog_next(changelog, &record), 0);
    ck_assert(str_eq_c(record.value, "owner"));
    CommittedOffset committed[N_TOPICS];
    assert_ok(kafka_source_committed(a.source, 0, TIMEOUT_MS, text, committed));
    ck_assert_str_eq(committed[0].metadata, "owner");
    kafka_changelog_free(changelog);
    kafka_sink_free(second);
    member_done(&a);
    world_done(&world);
}
END_TEST

static const KafkaProperty short_session[] = {{"session.timeout.ms", "1500"}, {"heartbeat.interval.ms", "300"}};

/* The zombie, a process of its own: in a transaction when it is stopped, it commits as soon as it goes on. */
static void be_zombie(World *world, int ready, int go) {
    Member a;
    member_init(&a, world, "zombie");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config, text);
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, world->config.changelog_topic, 0, "lead", "zombie");
    ck_assert_int_eq(write(ready, "r", 1), 1);
    char byte;
    ck_assert_int_eq(read(go, &byte, 1), 1);
    _exit(10 + member_commit(&a, sink, "zombie", text));
}

START_TEST(a_process_that_wakes_after_its_shards_moved_cannot_commit) {
    World world;
    world_open(&world, getenv("SCORED_TEST_BOOTSTRAP"));
    world.cluster = kafka_cluster_free(world.cluster); /* no client may be there when the process forks */
    world.config.kafka_properties = (KafkaProperty *)short_session;
    world.config.n_kafka_properties = ARRAY_SIZE(short_session);
    int ready[2], go[2];
    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(go), 0);
    pid_t zombie = fork();
    ck_assert_int_ge(zombie, 0);
    if (zombie == 0) {
        assert_ok(kafka_cluster_new(&world.config, keep_log, text, &world.cluster));
        for (int i = 0; i < 5; i++)
            assert_ok(kafka_cluster_create_topic(
                    world.cluster, world.names[i], 1, -1, NULL, TIMEOUT_MS, text));
        be_zombie(&world, ready[1], go[0]);
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(kill(zombie, SIGSTOP), 0);

    Member b;
    member_init(&b, &world, "b");
    member_await_shards(&b, 1);
    KafkaSink *sink = sink_open(&b.config, text);
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, world.config.changelog_topic, 0, "lead", "owner");
    assert_ok(member_commit(&b, sink, "owner", text));

    ck_assert_int_eq(write(go[1], "g", 1), 1);
    ck_assert_int_eq(kill(zombie, SIGCONT), 0);
    int status;
    ck_assert_int_eq(waitpid(zombie, &status, 0), zombie);
    ck_assert(WIFEXITED(status));
    int r = WEXITSTATUS(status) - 10;
    ck_assert_msg(r == KAFKA_E_ABORT || r == KAFKA_E_FATAL, "%d", r);

    CommittedOffset committed[N_TOPICS];
    assert_ok(kafka_source_committed(b.source, 0, TIMEOUT_MS, text, committed));
    ck_assert_str_eq(committed[0].metadata, "owner");
    /* Its identity comes back and ends the transaction that it left open. */
    Config config = world.config;
    config.instance = "zombie";
    kafka_sink_free(sink_open(&config, text));
    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    int64_t end;
    ck_assert_uint_eq(changelog_count(changelog, &end), 1);
    kafka_changelog_free(changelog);
    kafka_sink_free(sink);
    member_done(&b);
}
END_TEST

static const KafkaProperty short_poll_interval[] = {
        {"session.timeout.ms", "1500"}, {"heartbeat.interval.ms", "300"}, {"max.poll.interval.ms", "2000"}};

START_TEST(who_is_not_in_the_group_cannot_commit) {
    World world;
    world_init(&world, 1);
    world.config.kafka_properties = (KafkaProperty *)short_poll_interval;
    world.config.n_kafka_properties = ARRAY_SIZE(short_poll_interval);
    Member a;
    member_init(&a, &world, "a");
    /* Not yet. A commit without a member's id would not be fenced. */
    ck_assert_ptr_null(kafka_source_group_metadata(a.source));
    KafkaSink *sink = sink_open(&a.config, text);
    int64_t positions[N_TOPICS] = {1, 1, 1};
    ShardOffsets offsets = {0, positions, "outsider"};
    assert_ok(kafka_sink_begin(sink, text));
    ck_assert_int_eq(kafka_sink_commit(sink, a.source, &offsets, 1, text), KAFKA_E_ABORT);
    assert_ok(kafka_sink_abort(sink, text));

    /* No more: the group has waited too long for a poll. */
    member_await_shards(&a, 1);
    assert_ok(kafka_sink_begin(sink, text));
    assert_ok(member_commit(&a, sink, "member", text));
    (void)poll(NULL, 0, 4000);
    ck_assert(kafka_source_is_lost(a.source));
    assert_ok(kafka_sink_begin(sink, text));
    ck_assert_int_eq(member_commit(&a, sink, "outsider", text), KAFKA_E_ABORT);
    assert_ok(kafka_sink_abort(sink, text));

    /* It is told of the loss, joins again, and finds what was committed. */
    while (a.n_lost == 0)
        ck_assert_int_eq(member_poll(&a, 20), 0);
    member_await_shards(&a, 1);
    ck_assert_uint_eq(a.n_assigned, 2);
    ck_assert_str_eq(a.committed[0][0].metadata, "member");
    assert_ok(kafka_sink_begin(sink, text));
    assert_ok(member_commit(&a, sink, "again", text));
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(a_transaction_without_offsets_is_refused) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config, text);
    assert_ok(kafka_sink_begin(sink, text));
    int64_t unknown[N_TOPICS] = {-1, -1, -1};
    ShardOffsets offsets = {0, unknown, "m"};
    ck_assert_int_eq(kafka_sink_commit(sink, a.source, &offsets, 1, text), -EINVAL);
    ck_assert_int_eq(kafka_sink_commit(sink, a.source, NULL, 0, text), -EINVAL);
    assert_ok(kafka_sink_abort(sink, text));
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
}
END_TEST

/* row 0: no such topic; row 1: no such partition */
START_TEST(a_record_for_nowhere_fails_the_transaction_only) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config, text);
    for (int turn = 0; turn < 2; turn++) {
        assert_ok(kafka_sink_begin(sink, text));
        produce(sink, world.config.changelog_topic, 0, "lead", "dropped");
        int r = kafka_sink_produce(sink, _i == 0 ? "check-nowhere" : world.names[4], _i == 0 ? 0 : 7,
                str_from("k"), str_from("v"), NULL, 0, NULL, text);
        if (r == 0) {
            r = member_commit(&a, sink, "m", text);
            ck_assert_msg(r == KAFKA_E_ABORT, "%d %s", r, text);
        } else {
            ck_assert_msg(r == KAFKA_E_UNKNOWN, "%d %s", r, text);
        }
        ck_assert_msg(strstr(text, _i == 0 ? "check-nowhere" : world.names[4]) != NULL, "%s", text);
        assert_ok(kafka_sink_abort(sink, text));
    }
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, world.config.changelog_topic, 0, "lead", "kept");
    assert_ok(member_commit(&a, sink, "m", text));
    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    int64_t end;
    ck_assert_uint_eq(changelog_count(changelog, &end), 1);
    kafka_changelog_free(changelog);
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
}
END_TEST

START_TEST(a_record_that_is_too_large_is_told_apart) {
    World world;
    world_init(&world, 1);
    KafkaSink *sink = sink_open(&world.config, text);
    static char large[2000000];
    assert_ok(kafka_sink_begin(sink, text));
    int r = kafka_sink_produce(
            sink, world.names[4], 0, str_from("k"), (Str){large, sizeof(large)}, NULL, 0, NULL, text);
    ck_assert_msg(r == KAFKA_E_CONFIG, "%d %s", r, text);
    ck_assert_msg(strstr(text, "2000001 bytes") != NULL, "%s", text);
    assert_ok(kafka_sink_abort(sink, text));
    kafka_sink_free(sink);
    world_done(&world);
}
END_TEST

static const KafkaProperty small_queue[] = {{"queue.buffering.max.messages", "100"}, {"compression.codec", "none"}};

START_TEST(more_records_than_the_queue_holds_fit_a_transaction) {
    enum { N = 5000 };
    World world;
    world_init(&world, 1);
    world.config.kafka_properties = (KafkaProperty *)small_queue;
    world.config.n_kafka_properties = ARRAY_SIZE(small_queue);
    world_fill(&world, world.config.changelog_topic, 0, N);
    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    int64_t end;
    ck_assert_uint_eq(changelog_count(changelog, &end), N);
    ck_assert_int_eq(end, N + 1);
    /* A changelog read from the middle, and from behind its end. */
    assert_ok(kafka_changelog_seek(changelog, 0, N - 10, text));
    ck_assert_uint_eq(changelog_count(changelog, &end), 10);
    assert_ok(kafka_changelog_seek(changelog, 0, N + 2, text));
    ChangelogRecord record;
    int r = changelog_next(changelog, &record);
    ck_assert_msg(r == KAFKA_E_OFFSET, "%d %s", r, text);
    ck_assert_int_eq(kafka_changelog_seek(changelog, 0, -1, text), -EINVAL);
    kafka_changelog_free(changelog);
    world_done(&world);
}
END_TEST

/* --- questions and configuration --------------------------------------------------------------------------- */

START_TEST(topics_are_created_once_and_described) {
    World world;
    world_open(&world, getenv("SCORED_TEST_BOOTSTRAP"));
    const char *const compacted[] = {"cleanup.policy", "compact", "min.compaction.lag.ms", "3600000", NULL};
    const char *topic = world.config.changelog_topic;
    int32_t n = -5;
    ck_assert_int_eq(kafka_cluster_partitions(world.cluster, topic, TIMEOUT_MS, text, &n), KAFKA_E_UNKNOWN);
    ck_assert_int_eq(n, -5);
    char value[64] = "untouched";
    int r = kafka_cluster_topic_property(
            world.cluster, topic, "cleanup.policy", TIMEOUT_MS, text, value, sizeof(value));
    ck_assert_msg(r == KAFKA_E_UNKNOWN, "%d %s", r, text);
    ck_assert_str_eq(value, "untouched");

    assert_ok(kafka_cluster_create_topic(world.cluster, topic, 3, 1, compacted, TIMEOUT_MS, text));
    assert_ok(kafka_cluster_partitions(world.cluster, topic, TIMEOUT_MS, text, &n));
    ck_assert_int_eq(n, 3);
    assert_ok(kafka_cluster_create_topic(world.cluster, topic, 5, 1, compacted, TIMEOUT_MS, text));
    assert_ok(kafka_cluster_partitions(world.cluster, topic, TIMEOUT_MS, text, &n));
    ck_assert_int_eq(n, 3);
    assert_ok(kafka_cluster_topic_property(
            world.cluster, topic, "cleanup.policy", TIMEOUT_MS, text, value, sizeof(value)));
    ck_assert_str_eq(value, "compact");
    r = kafka_cluster_topic_property(world.cluster, topic, "no.such", TIMEOUT_MS, text, value, sizeof(value));
    ck_assert_msg(r == KAFKA_E_CONFIG, "%d %s", r, text);
    const char *const wrong[] = {"cleanup.policy", "sometimes", NULL};
    r = kafka_cluster_create_topic(world.cluster, world.names[4], 1, 1, wrong, TIMEOUT_MS, text);
    ck_assert_msg(r == KAFKA_E_CONFIG, "%d %s", r, text);
    r = kafka_cluster_create_topic(world.cluster, world.names[4], 1, 99, NULL, TIMEOUT_MS, text);
    ck_assert_msg(r == KAFKA_E_CONFIG, "%d %s", r, text);

    int64_t first = -5, end = -5;
    r = kafka_cluster_range(world.cluster, world.names[4], 0, 5000, text, &first, &end);
    ck_assert_msg(r == KAFKA_E_UNKNOWN, "%d %s", r, text);
    r = kafka_cluster_range(world.cluster, topic, 3, 5000, text, &first, &end);
    ck_assert_msg(r == KAFKA_E_UNKNOWN, "%d %s", r, text);
    KafkaEnd ends[] = {{topic, 0, -5}, {topic, 3, -5}};
    r = kafka_cluster_ends(world.cluster, ends, 2, 5000, text);
    ck_assert_msg(r == KAFKA_E_UNKNOWN, "%d %s", r, text);
    ck_assert(first == -5 && end == -5 && ends[0].end == -5);
    world_done(&world);
}
END_TEST

START_TEST(one_list_of_properties_serves_consumers_and_the_producer) {
    static const KafkaProperty properties[] = {
            {"fetch.min.bytes", "1"}, {"fetch.wait.max.ms", "100"}, {"session.timeout.ms", "12000"},
            {"max.partition.fetch.bytes", "500000"}, {"queued.min.messages", "1000"}, {"check.crcs", "false"},
            {"linger.ms", "1"}, {"compression.codec", "zstd"}, {"batch.num.messages", "500"}, {"acks", "all"},
            {"socket.keepalive.enable", "true"}, {"client.id", "somebody"}, {"retries", "10"},
            {"message.max.bytes", "2000000"}, {"statistics.interval.ms", "0"},
    };
    World world;
    world_init(&world, 1);
    world.config.kafka_properties = (KafkaProperty *)properties;
    world.config.n_kafka_properties = ARRAY_SIZE(properties);
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        ck_assert(!kafka_property_is_reserved(properties[i].name));
        ck_assert_msg(kafka_property_check(properties[i].name, properties[i].value, text), "%s", text);
    }
    unsigned n_before = n_log_lines();
    world_fill(&world, world.config.changelog_topic, 0, 3);
    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    int64_t end;
    ck_assert_uint_eq(changelog_count(changelog, &end), 3);
    kafka_changelog_free(changelog);
    KafkaCluster *cluster = NULL;
    assert_ok(kafka_cluster_new(&world.config, keep_log, text, &cluster));
    kafka_cluster_free(cluster);
    ck_assert_uint_eq(n_log_lines(), n_before);
    world_done(&world);
}
END_TEST

START_TEST(wrong_properties_are_told) {
    ck_assert(!kafka_property_check("no.such.property", "1", text));
    ck_assert_msg(strstr(text, "no.such.property") != NULL, "%s", text);
    ck_assert(!kafka_property_check("linger.ms", "soon", text));
    ck_assert(!kafka_property_check("rebalance_cb", "x", text));
    static const char *const reserved[] = {"group.id", "transactional.id", "enable.auto.commit",
            "enable.auto.offset.store", "isolation.level", "enable.idempotence", "partition.assignment.strategy",
            "auto.offset.reset", "enable.partition.eof", "bootstrap.servers", "metadata.broker.list",
            "group.instance.id", "transaction.timeout.ms", "partitioner"};
    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
        ck_assert_msg(kafka_property_is_reserved(reserved[i]), "%s", reserved[i]);
    ck_assert(!kafka_property_is_reserved("group.idx"));

    /* Each right by itself, but not together with what the sink needs. */
    static const KafkaProperty late[] = {{"message.timeout.ms", "60000"}};
    World world;
    world_open(&world, getenv("SCORED_TEST_BOOTSTRAP"));
    world.config.kafka_properties = (KafkaProperty *)late;
    world.config.n_kafka_properties = 1;
    KafkaSink *sink = NULL;
    ck_assert_int_eq(kafka_sink_new(&world.config, keep_log, 1000, text, &sink), KAFKA_E_CONFIG);
    ck_assert_msg(strstr(text, "message.timeout.ms") != NULL, "%s", text);
    ck_assert_ptr_null(sink);
    world_done(&world);
}
END_TEST

START_TEST(partitions_are_those_that_the_sink_chooses) {
    static const char *const partitioners[] = {"murmur2_random", "consistent_random", "fnv1a_random"};
    enum { N = 100 };
    World world;
    world_init(&world, 7);
    world.config.partitioner = partitioners[_i];
    ck_assert_int_eq(kafka_partition_of(&world.config, STR_NULL, 7), -1);
    world_fill(&world, world.config.changelog_topic, -1, N);
    unsigned n = 0;
    for (int32_t shard = 0; shard < 7; shard++) {
        KafkaChangelog *changelog = changelog_open(&world, shard, -2);
        ChangelogRecord record;
        for (; changelog_next(changelog, &record) == 0; n++)
            ck_assert_int_eq(kafka_partition_of(&world.config, record.key, 7), shard);
        kafka_changelog_free(changelog);
    }
    ck_assert_uint_eq(n, N);
    /* As Kafka's own test of its Java client has them: murmur2 of "21" and "foobar". */
    if (_i == 0) {
        ck_assert_int_eq(kafka_partition_of(&world.config, str_from("21"), INT32_MAX), (-973932308 & 0x7fffffff));
        ck_assert_int_eq(
                kafka_partition_of(&world.config, str_from("foobar"), INT32_MAX), (-790332482 & 0x7fffffff));
    }
    world_done(&world);
}
END_TEST

START_TEST(nobody_at_the_address_is_a_timeout) {
    World world;
    world_open(&world, "127.0.0.1:1");
    int32_t n;
    int64_t before = now_ms(), first, end;
    int r = kafka_cluster_partitions(world.cluster, "t", 700, text, &n);
    ck_assert_msg(r == KAFKA_E_TIMEOUT || r == KAFKA_E_RETRY, "%d %s", r, text);
    r = kafka_cluster_range(world.cluster, "t", 0, 700, text, &first, &end);
    ck_assert_msg(r == KAFKA_E_TIMEOUT || r == KAFKA_E_RETRY, "%d %s", r, text);
    KafkaSink *sink = NULL;
    r = kafka_sink_new(&world.config, keep_log, 700, text, &sink);
    ck_assert_msg(r == KAFKA_E_TIMEOUT, "%d %s", r, text);
    ck_assert_int_lt(now_ms() - before, 6000);
    Member a;
    member_init(&a, &world, "a");
    ck_assert_int_eq(member_poll(&a, 100), 0);
    before = now_ms();
    member_done(&a);
    ck_assert_int_lt(now_ms() - before, 5000);
    world_done(&world);
}
END_TEST

/* Librdkafka's own cluster: the same calls go through, but for admin requests; offsets are dropped there. */
START_TEST(the_embedded_cluster_is_good_enough_to_try_things) {
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(host, 1);
    World world;
    world_open(&world, rd_kafka_mock_cluster_bootstraps(mock));
    world_done(&world);
    world.config.embedded = true;
    assert_ok(kafka_cluster_new(&world.config, keep_log, text, &world.cluster));
    world.n_shards = 2;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(rd_kafka_mock_topic_create(mock, world.names[i], 2, 1), 0);
    int r = kafka_cluster_create_topic(world.cluster, "t", 1, 1, NULL, 3000, text);
    ck_assert_msg(r == KAFKA_E_CONFIG, "%d %s", r, text);
    char value[8];
    r = kafka_cluster_topic_property(world.cluster, "t", "cleanup.policy", 3000, text, value, sizeof(value));
    ck_assert_msg(r == KAFKA_E_CONFIG, "%d %s", r, text);
    int32_t n;
    assert_ok(kafka_cluster_partitions(world.cluster, world.names[0], TIMEOUT_MS, text, &n));
    ck_assert_int_eq(n, 2);

    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 2);
    KafkaSink *sink = sink_open(&a.config, text);
    for (int i = 0; i < 3; i++) {
        assert_ok(kafka_sink_begin(sink, text));
        produce(sink, world_topic(&world, 0), i % 2, "k", "v");
        assert_ok(member_commit(&a, sink, "m", text));
    }
    member_await_records(&a, 3);
    assert_ok(kafka_sink_begin(sink, text));
    assert_ok(kafka_sink_abort(sink, text));
    int64_t first, end;
    assert_ok(kafka_cluster_range(world.cluster, world_topic(&world, 0), 0, TIMEOUT_MS, text, &first, &end));
    ck_assert_int_eq(end, 2);
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(host);
}
END_TEST

static Suite *kafka_adapters_suite(void) {
    Suite *suite = suite_create("Kafka adapters");
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
    tcase_add_test(reading, pauses_and_late_starts_lose_and_repeat_nothing);
    suite_add_tcase(suite, reading);

    TCase *transactions = tcase_create("transactions");
    tcase_set_timeout(transactions, 90);
    tcase_add_test(transactions, committed_records_are_seen_and_aborted_ones_are_not);
    tcase_add_test(transactions, the_end_of_a_source_is_told_behind_control_records);
    tcase_add_test(transactions, the_end_asked_for_counts_records_of_open_transactions);
    tcase_add_test(transactions, committed_offsets_wait_for_a_pending_transaction);
    tcase_add_test(transactions, headers_arrive);
    tcase_add_test(transactions, a_second_sink_of_the_same_identity_fences_the_first);
    tcase_add_test(transactions, a_process_that_wakes_after_its_shards_moved_cannot_commit);
    tcase_add_test(transactions, who_is_not_in_the_group_cannot_commit);
    tcase_add_test(transactions, a_transaction_without_offsets_is_refused);
    tcase_add_loop_test(transactions, a_record_for_nowhere_fails_the_transaction_only, 0, 2);
    tcase_add_test(transactions, a_record_that_is_too_large_is_told_apart);
    tcase_add_test(transactions, more_records_than_the_queue_holds_fit_a_transaction);
    suite_add_tcase(suite, transactions);

    TCase *questions = tcase_create("questions and configuration");
    tcase_set_timeout(questions, 90);
    tcase_add_test(questions, topics_are_created_once_and_described);
    tcase_add_test(questions, one_list_of_properties_serves_consumers_and_the_producer);
    tcase_add_test(questions, wrong_properties_are_told);
    tcase_add_loop_test(questions, partitions_are_those_that_the_sink_chooses, 0, 3);
    tcase_add_test(questions, nobody_at_the_address_is_a_timeout);
    tcase_add_test(questions, the_embedded_cluster_is_good_enough_to_try_things);
    suite_add_tcase(suite, questions);
    return suite;
}

int main(void) {
    if (!getenv("SCORED_TEST_BOOTSTRAP")) {
        puts("1..0 # SKIP SCORED_TEST_BOOTSTRAP is not set to a Kafka broker's address");
        return SKIPPED;
    }
    return suite_run(kafka_adapters_suite());
}
