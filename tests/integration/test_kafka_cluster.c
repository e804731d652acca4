/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "tests/integration/kafka_fixture.h"

/* --- questions and configuration ---------------------------------------------------------------------------
 */

/* A topic that was just created may not have a leader yet, which answers otherwise than an unknown partition. */
static void await_leader(World *world, const char *topic) {
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    KafkaEnd end = {topic, 0, -5};
    int r = -1;
    for (int i = 0; i < 1000 && r != 0; i++) {
        r = kafka_cluster_ends(world->cluster, &end, 1, 5000, text);
        if (r != 0)
            (void)nanosleep(&pause, NULL);
    }
    ck_assert_msg(r == 0, "%d %s", r, text);
}

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
    await_leader(&world, topic);
    KafkaEnd ends[] = {{topic, 0, -5}, {topic, 3, -5}};
    r = kafka_cluster_ends(world.cluster, ends, 2, 5000, text);
    ck_assert_msg(r == KAFKA_E_UNKNOWN, "%d %s", r, text);
    ck_assert(first == -5 && end == -5 && ends[0].end == -5);
    world_done(&world);
}
END_TEST

START_TEST(one_list_of_properties_serves_consumers_and_the_producer) {
    static const KafkaProperty properties[] = {
            {"fetch.min.bytes", "1"},
            {"fetch.wait.max.ms", "100"},
            {"session.timeout.ms", "12000"},
            {"max.partition.fetch.bytes", "500000"},
            {"queued.min.messages", "1000"},
            {"check.crcs", "false"},
            {"linger.ms", "1"},
            {"compression.codec", "zstd"},
            {"batch.num.messages", "500"},
            {"acks", "all"},
            {"socket.keepalive.enable", "true"},
            {"client.id", "somebody"},
            {"retries", "10"},
            {"message.max.bytes", "2000000"},
            {"statistics.interval.ms", "0"},
    };
    World world;
    world_init(&world, 1);
    world.config.kafka_properties = (KafkaProperty *)properties;
    world.config.n_kafka_properties = ARRAY_SIZE(properties);
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        ck_assert(!kafka_property_is_reserved(properties[i].name));
        ck_assert_msg(kafka_property_check(properties[i].name, properties[i].value, text), "%s", text);
    }
    /* A broker's first transaction finds its coordinator still loading, of which the client warns. */
    world_fill(&world, world.config.changelog_topic, 0, 1);
    unsigned n_before = n_log_lines();
    world_fill(&world, world.config.changelog_topic, 0, 3);
    KafkaChangelog *changelog = changelog_open(&world, 0, -2);
    int64_t end;
    ck_assert_uint_eq(changelog_count(changelog, &end), 4);
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
            "enable.auto.offset.store", "isolation.level", "enable.idempotence",
            "partition.assignment.strategy", "auto.offset.reset", "enable.partition.eof", "bootstrap.servers",
            "metadata.broker.list", "group.instance.id", "transaction.timeout.ms", "partitioner"};
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
    ck_assert_int_eq(kafka_sink_new(&world.config, &(KafkaSinkHandlers){.log = keep_log}, 1000, text, &sink), KAFKA_E_CONFIG);
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
        ck_assert_int_eq(
                kafka_partition_of(&world.config, str_from("21"), INT32_MAX), (-973932308 & 0x7fffffff));
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
    r = kafka_sink_new(&world.config, &(KafkaSinkHandlers){.log = keep_log}, 700, text, &sink);
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

static Suite *kafka_cluster_suite(void) {
    Suite *suite = suite_create("Kafka cluster");
    TCase *questions = tcase_create("questions and configuration");
    tcase_set_timeout(questions, 90);
    tcase_add_test(questions, topics_are_created_once_and_described);
    tcase_add_test(questions, one_list_of_properties_serves_consumers_and_the_producer);
    tcase_add_test(questions, wrong_properties_are_told);
    tcase_add_loop_test(questions, partitions_are_those_that_the_sink_chooses, 0, 3);
    tcase_add_test(questions, nobody_at_the_address_is_a_timeout);
    suite_add_tcase(suite, questions);
    return suite;
}

int main(void) {
    return kafka_suite_run(kafka_cluster_suite);
}
