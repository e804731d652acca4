/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/integration/kafka_fixture.h"

/* The next one, also where the reader stands at the end of what is committed. */
static void await_record(KafkaChangelog *changelog, ChangelogRecord *record) {
    int r;
    while ((r = changelog_next(changelog, record)) == KAFKA_E_UNKNOWN)
        ;
    ck_assert_msg(r == 0, "%d %s", r, text);
}

START_TEST(committed_records_are_seen_and_aborted_ones_are_not) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config);
    const char *changelog_topic = world.config.changelog_topic;

    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, changelog_topic, 0, "lead", "dropped");
    assert_ok(kafka_sink_abort(sink, text));
    assert_ok(kafka_sink_begin(sink, text));
    int64_t offset = -7;
    assert_ok(kafka_sink_produce(
            sink, changelog_topic, 0, str_from("lead"), str_from("kept"), NULL, 0, &offset, text));
    assert_ok(kafka_sink_produce(sink, changelog_topic, 0, str_from("gone"), STR_NULL, NULL, 0, NULL, text));
    assert_ok(member_commit(&a, sink, "m"));

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
    assert_ok(member_commit(&a, sink, "m"));
    await_record(changelog, &record);
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
    KafkaEnd ends[] = {{world_topic(&world, 1), 0, -5}, {world_topic(&world, 0), 1, -5},
            {world_topic(&world, 0), 0, -5}};
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
    KafkaSink *sink = sink_open(&a.config);
    assert_ok(kafka_sink_begin(sink, text));
    const KafkaHeader headers[] = {
            {"type", str_from("StageChanged")}, {"none", STR_NULL}, {"empty", {"", 0}}};
    assert_ok(kafka_sink_produce(sink, world_topic(&world, 0), 0, str_from("k"), str_from("v"), headers,
            ARRAY_SIZE(headers), NULL, text));
    assert_ok(member_commit(&a, sink, "m"));
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
    KafkaSink *first = sink_open(&a.config);
    assert_ok(kafka_sink_begin(first, text));
    produce(first, world.config.changelog_topic, 0, "lead", "zombie");
    KafkaSink *second = sink_open(&a.config);

    int r = member_commit(&a, first, "zombie");
    ck_assert_msg(r == KAFKA_E_ABORT || r == KAFKA_E_FATAL, "%d %s", r, text);
    if (r == KAFKA_E_ABORT) {
        r = kafka_sink_abort(first, text);
        ck_assert_msg(r == KAFKA_E_FATAL, "%d %s", r, text);
    }
    ck_assert_int_eq(kafka_sink_begin(first, text), KAFKA_E_FATAL);
    kafka_sink_free(first);

    assert_ok(kafka_sink_begin(second, text));
    produce(second, world.config.changelog_topic, 0, "lead", "owner");
    assert_ok(member_commit(&a, second, "owner"));
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

/* Two clients take turns, and the second's transaction is decided while the markers of the first's are on their way. */
START_TEST(transactions_that_follow_each_other_at_once_are_read_in_their_order) {
    enum { N = 50 };
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config);
    char value[16];
    for (int i = 0; i < N; i++) {
        (void)snprintf(value, sizeof(value), "%d", i);
        assert_ok(kafka_sink_begin(sink, text));
        produce(sink, world.config.changelog_topic, 0, "lead", value);
        assert_ok(member_commit(&a, sink, value));
    }
    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    ChangelogRecord record;
    for (int i = 0; i < N; i++) {
        await_record(changelog, &record);
        (void)snprintf(value, sizeof(value), "%d", i);
        ck_assert(str_eq_c(record.value, value));
    }
    CommittedOffset committed[N_TOPICS];
    assert_ok(kafka_source_committed(a.source, 0, TIMEOUT_MS, text, committed));
    ck_assert_str_eq(committed[0].metadata, value); /* the latest, whichever marker came last */
    kafka_changelog_free(changelog);
    kafka_sink_free(sink);
    member_done(&a);
    world_done(&world);
}
END_TEST

/* More than is held here before it goes to librdkafka, and so to the broker. */
static int try_produce_much(KafkaSink *sink, const char *topic) {
    enum { SIZE = 900000, N = 20 };
    char *value = malloc(SIZE);
    memset(value, 'z', SIZE);
    int r = 0;
    for (int i = 0; i < N && !r; i++)
        r = kafka_sink_produce(sink, topic, 0, str_from("lead"), (Str){value, SIZE}, NULL, 0, NULL, text);
    free(value);
    return r;
}

static void produce_much(KafkaSink *sink, const char *topic) {
    assert_ok(try_produce_much(sink, topic));
}

static int64_t end_of(World *world) {
    int64_t first, end;
    assert_ok(kafka_cluster_range(world->cluster, world->config.changelog_topic, 0, TIMEOUT_MS, text, &first, &end));
    return end;
}

/* `_i` transactions before it: which client's turn it was. */
START_TEST(what_a_predecessor_left_open_is_aborted_whosever_turn_it_was) {
    World world;
    world_init(&world, 1);
    Member a;
    member_init(&a, &world, "a");
    member_await_shards(&a, 1);
    KafkaSink *first = sink_open(&a.config);
    for (int i = 0; i < _i; i++) {
        assert_ok(kafka_sink_begin(first, text));
        produce(first, world.config.changelog_topic, 0, "lead", "before");
        assert_ok(member_commit(&a, first, "before"));
    }
    int64_t begin = end_of(&world);
    assert_ok(kafka_sink_begin(first, text));
    produce_much(first, world.config.changelog_topic);
    while (end_of(&world) <= begin + 1) /* a marker may still have come */
        (void)poll(NULL, 0, 5);

    KafkaSink *second = sink_open(&a.config);
    assert_ok(kafka_sink_begin(second, text));
    produce(second, world.config.changelog_topic, 0, "lead", "owner");
    assert_ok(member_commit(&a, second, "owner"));
    ck_assert_int_eq(member_commit(&a, first, "zombie") == 0, 0);
    kafka_sink_free(first);

    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    ChangelogRecord record;
    for (int i = 0; i <= _i; i++) {
        await_record(changelog, &record);
        ck_assert(str_eq_c(record.value, i < _i ? "before" : "owner"));
    }
    int64_t end;
    ck_assert_uint_eq(changelog_count(changelog, &end), 0);
    kafka_changelog_free(changelog);
    kafka_sink_free(second);
    member_done(&a);
    world_done(&world);
}
END_TEST

/* Its requests are answered one after another, each with the same fatal error, while it goes. */
START_TEST(a_fenced_client_can_be_freed_in_the_midst_of_what_it_sends) {
    World world;
    world_init(&world, 1);
    KafkaSink *first = sink_open(&world.config);
    assert_ok(kafka_sink_begin(first, text));
    produce_much(first, world.config.changelog_topic);
    KafkaSink *second = sink_open(&world.config);
    int r;
    while ((r = try_produce_much(first, world.config.changelog_topic)) == 0)
        ;
    ck_assert_int_eq(r, KAFKA_E_FATAL);
    kafka_sink_free(first);
    kafka_sink_free(second);
    world_done(&world);
}
END_TEST

static const KafkaProperty short_session[] = {
        {"session.timeout.ms", "1500"}, {"heartbeat.interval.ms", "300"}};

/* The zombie, a process of its own: in a transaction when it is stopped, it commits as soon as it goes on. */
static void be_zombie(World *world, int ready, int go) {
    Member a;
    member_init(&a, world, "zombie");
    member_await_shards(&a, 1);
    KafkaSink *sink = sink_open(&a.config);
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, world->config.changelog_topic, 0, "lead", "zombie");
    ck_assert_int_eq(write(ready, "r", 1), 1);
    char byte;
    ck_assert_int_eq(read(go, &byte, 1), 1);
    _exit(10 + member_commit(&a, sink, "zombie"));
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
            assert_ok(
                    kafka_cluster_create_topic(world.cluster, world.names[i], 1, -1, NULL, TIMEOUT_MS, text));
        be_zombie(&world, ready[1], go[0]);
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(kill(zombie, SIGSTOP), 0);

    Member b;
    member_init(&b, &world, "b");
    member_await_shards(&b, 1);
    KafkaSink *sink = sink_open(&b.config);
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, world.config.changelog_topic, 0, "lead", "owner");
    assert_ok(member_commit(&b, sink, "owner"));

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
    kafka_sink_free(sink_open(&config));
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
    KafkaSink *sink = sink_open(&a.config);
    int64_t positions[N_TOPICS] = {1, 1, 1};
    ShardOffsets offsets = {0, positions, "outsider"};
    assert_ok(kafka_sink_begin(sink, text));
    ck_assert_int_eq(kafka_sink_commit(sink, a.source, &offsets, 1, text), KAFKA_E_ABORT);
    assert_ok(kafka_sink_abort(sink, text));

    /* No more: the group has waited too long for a poll. */
    member_await_shards(&a, 1);
    assert_ok(kafka_sink_begin(sink, text));
    assert_ok(member_commit(&a, sink, "member"));
    (void)poll(NULL, 0, 4000);
    ck_assert(kafka_source_is_lost(a.source));
    assert_ok(kafka_sink_begin(sink, text));
    ck_assert_int_eq(member_commit(&a, sink, "outsider"), KAFKA_E_ABORT);
    assert_ok(kafka_sink_abort(sink, text));

    /* It is told of the loss, joins again, and finds what was committed. */
    while (a.n_lost == 0)
        ck_assert_int_eq(member_poll(&a, 20), 0);
    member_await_shards(&a, 1);
    ck_assert_uint_eq(a.n_assigned, 2);
    ck_assert_str_eq(a.committed[0][0].metadata, "member");
    assert_ok(kafka_sink_begin(sink, text));
    assert_ok(member_commit(&a, sink, "again"));
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
    KafkaSink *sink = sink_open(&a.config);
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
    KafkaSink *sink = sink_open(&a.config);
    for (int turn = 0; turn < 2; turn++) {
        assert_ok(kafka_sink_begin(sink, text));
        produce(sink, world.config.changelog_topic, 0, "lead", "dropped");
        int r = kafka_sink_produce(sink, _i == 0 ? "check-nowhere" : world.names[4], _i == 0 ? 0 : 7,
                str_from("k"), str_from("v"), NULL, 0, NULL, text);
        if (r == 0) {
            r = member_commit(&a, sink, "m");
            ck_assert_msg(r == KAFKA_E_ABORT, "%d %s", r, text);
        } else {
            ck_assert_msg(r == KAFKA_E_UNKNOWN, "%d %s", r, text);
        }
        ck_assert_msg(strstr(text, _i == 0 ? "check-nowhere" : world.names[4]) != NULL, "%s", text);
        assert_ok(kafka_sink_abort(sink, text));
    }
    assert_ok(kafka_sink_begin(sink, text));
    produce(sink, world.config.changelog_topic, 0, "lead", "kept");
    assert_ok(member_commit(&a, sink, "m"));
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
    KafkaSink *sink = sink_open(&world.config);
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

static const KafkaProperty small_queue[] = {
        {"queue.buffering.max.messages", "100"}, {"compression.codec", "none"}};

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

static Suite *kafka_sink_suite(void) {
    Suite *suite = suite_create("Kafka sink");
    TCase *transactions = tcase_create("transactions");
    tcase_set_timeout(transactions, 90);
    tcase_add_test(transactions, committed_records_are_seen_and_aborted_ones_are_not);
    tcase_add_test(transactions, the_end_of_a_source_is_told_behind_control_records);
    tcase_add_test(transactions, the_end_asked_for_counts_records_of_open_transactions);
    tcase_add_test(transactions, committed_offsets_wait_for_a_pending_transaction);
    tcase_add_test(transactions, headers_arrive);
    tcase_add_test(transactions, a_second_sink_of_the_same_identity_fences_the_first);
    tcase_add_test(transactions, transactions_that_follow_each_other_at_once_are_read_in_their_order);
    tcase_add_loop_test(transactions, what_a_predecessor_left_open_is_aborted_whosever_turn_it_was, 0, 3);
    tcase_add_loop_test(transactions, a_fenced_client_can_be_freed_in_the_midst_of_what_it_sends, 0, 5);
    tcase_add_test(transactions, a_process_that_wakes_after_its_shards_moved_cannot_commit);
    tcase_add_test(transactions, who_is_not_in_the_group_cannot_commit);
    tcase_add_test(transactions, a_transaction_without_offsets_is_refused);
    tcase_add_loop_test(transactions, a_record_for_nowhere_fails_the_transaction_only, 0, 2);
    tcase_add_test(transactions, a_record_that_is_too_large_is_told_apart);
    tcase_add_test(transactions, more_records_than_the_queue_holds_fit_a_transaction);
    suite_add_tcase(suite, transactions);
    return suite;
}

int main(void) {
    return kafka_suite_run(kafka_sink_suite);
}
