/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On librdkafka's own cluster, which can be told what to answer: the outcome that the sink makes of each
 * error. Transactions are not honoured there, so nothing else about them can be shown.
 */
#include "tests/integration/kafka_fixture.h"

#include <librdkafka/rdkafka_mock.h>

/* --- librdkafka's own cluster
 * ------------------------------------------------------------------------------- */

typedef struct Embedded {
    rd_kafka_t *host;
    rd_kafka_mock_cluster_t *cluster;
    World world;
    Member member;
    KafkaSink *sink;
} Embedded;

static void embedded_init(Embedded *embedded) {
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    embedded->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    embedded->cluster = rd_kafka_mock_cluster_new(embedded->host, 1);
    World *world = &embedded->world;
    world_open(world, rd_kafka_mock_cluster_bootstraps(embedded->cluster));
    world_done(world);
    world->config.embedded = true;
    assert_ok(kafka_cluster_new(&world->config, keep_log, text, &world->cluster));
    world->n_shards = 2;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(rd_kafka_mock_topic_create(embedded->cluster, world->names[i], 2, 1), 0);
    member_init(&embedded->member, world, "a");
    member_await_shards(&embedded->member, 2);
    embedded->sink = sink_open(&embedded->member.config);
}

static void embedded_done(Embedded *embedded) {
    kafka_sink_free(embedded->sink);
    member_done(&embedded->member);
    world_done(&embedded->world);
    rd_kafka_mock_cluster_destroy(embedded->cluster);
    rd_kafka_destroy(embedded->host);
}

/* The same calls go through, but for admin requests. */
START_TEST(the_embedded_cluster_is_good_enough_to_try_things) {
    Embedded embedded;
    embedded_init(&embedded);
    const World *world = &embedded.world;
    int r = kafka_cluster_create_topic(world->cluster, "t", 1, 1, NULL, 3000, text);
    ck_assert_msg(r == KAFKA_E_CONFIG, "%d %s", r, text);
    char value[8];
    r = kafka_cluster_topic_property(world->cluster, "t", "cleanup.policy", 3000, text, value, sizeof(value));
    ck_assert_msg(r == KAFKA_E_CONFIG, "%d %s", r, text);
    int32_t n;
    assert_ok(kafka_cluster_partitions(world->cluster, world->names[0], TIMEOUT_MS, text, &n));
    ck_assert_int_eq(n, 2);
    for (int i = 0; i < 3; i++) {
        assert_ok(kafka_sink_begin(embedded.sink, text));
        produce(embedded.sink, world_topic(world, 0), i % 2, "k", "v");
        assert_ok(member_commit(&embedded.member, embedded.sink, "m"));
    }
    member_await_records(&embedded.member, 3);
    assert_ok(kafka_sink_begin(embedded.sink, text));
    assert_ok(kafka_sink_abort(embedded.sink, text));
    int64_t first, end;
    assert_ok(kafka_cluster_range(world->cluster, world_topic(world, 0), 0, TIMEOUT_MS, text, &first, &end));
    ck_assert_int_eq(end, 2);
    embedded_done(&embedded);
}
END_TEST

/* Keys of the protocol. */
enum { PRODUCE = 0, ADD_PARTITIONS = 24, ADD_OFFSETS = 25, END_TXN = 26, TXN_OFFSET_COMMIT = 28 };

static const struct {
    int16_t request;
    size_t n;
    rd_kafka_resp_err_t err;
    int result;
} commit_errors[] = {
        {PRODUCE, 2, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 0},
        {PRODUCE, 1, RD_KAFKA_RESP_ERR_POLICY_VIOLATION, KAFKA_E_ABORT},
        {ADD_PARTITIONS, 2, RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 0},
        {ADD_PARTITIONS, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KAFKA_E_ABORT},
        {ADD_PARTITIONS, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, KAFKA_E_FATAL},
        {ADD_OFFSETS, 2, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 0},
        {ADD_OFFSETS, 1, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, KAFKA_E_ABORT},
        {ADD_OFFSETS, 1, RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, KAFKA_E_FATAL},
        {TXN_OFFSET_COMMIT, 2, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 0},
        {TXN_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, KAFKA_E_ABORT},
        {TXN_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, KAFKA_E_ABORT},
        {TXN_OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, KAFKA_E_FATAL},
        {END_TXN, 2, RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 0},
        {END_TXN, 2, RD_KAFKA_RESP_ERR__TRANSPORT, 0}, /* the connection breaks off */
        {END_TXN, 1, RD_KAFKA_RESP_ERR_PRODUCER_FENCED, KAFKA_E_FATAL},
        /* Librdkafka calls the next two abortable, but nobody knows what the coordinator has done. */
        {END_TXN, 1, RD_KAFKA_RESP_ERR_UNKNOWN, KAFKA_E_FATAL},
        {END_TXN, 1, RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID, KAFKA_E_FATAL},
};

/* One commit on the embedded cluster; `row` is told where it does not do what it should. */
static int try_commit(Embedded *embedded, int row) {
    int r = kafka_sink_begin(embedded->sink, text);
    ck_assert_msg(r == 0, "row %d: %d %s", row, r, text);
    r = kafka_sink_produce(embedded->sink, world_topic(&embedded->world, 0), 0, str_from("k"), str_from("v"),
            NULL, 0, NULL, text);
    ck_assert_msg(r == 0, "row %d: %d %s", row, r, text);
    text[0] = 0;
    return member_commit(&embedded->member, embedded->sink, "m");
}

/* In one test: a group on the embedded cluster takes three seconds to form. */
START_TEST(an_error_of_a_commit_is_sorted_by_what_is_known) {
    Embedded embedded;
    embedded_init(&embedded);
    for (int row = 0; row < (int)ARRAY_SIZE(commit_errors); row++) {
        rd_kafka_resp_err_t errors[] = {commit_errors[row].err, commit_errors[row].err};
        rd_kafka_mock_push_request_errors_array(
                embedded.cluster, commit_errors[row].request, commit_errors[row].n, errors);
        int r = try_commit(&embedded, row);
        ck_assert_msg(r == commit_errors[row].result, "row %d: %d %s", row, r, text);
        rd_kafka_mock_clear_request_errors(embedded.cluster, commit_errors[row].request);
        if (r == KAFKA_E_ABORT)
            r = kafka_sink_abort(embedded.sink, text);
        if (r == KAFKA_E_FATAL) {
            kafka_sink_free(embedded.sink);
            embedded.sink = sink_open(&embedded.member.config);
            r = 0;
        }
        ck_assert_msg(r == 0, "row %d: %d %s", row, r, text);
        /*
         * Then it goes on as if nothing had been, with both clients; but for a record that was refused, whose sequence number
         * librdkafka 2.0 misses only in the client's next transaction.
         */
        for (int turn = 0; turn < KAFKA_SINK_CLIENTS; turn++) {
            r = try_commit(&embedded, row);
            if (r == KAFKA_E_ABORT && commit_errors[row].request == PRODUCE) {
                assert_ok(kafka_sink_abort(embedded.sink, text));
                r = try_commit(&embedded, row);
            }
            ck_assert_msg(r == 0, "row %d, after it: %d %s", row, r, text);
        }
    }
    embedded_done(&embedded);
}
END_TEST

START_TEST(a_commit_that_is_not_answered_is_given_up_in_time) {
    Embedded embedded;
    embedded_init(&embedded);
    assert_ok(kafka_sink_begin(embedded.sink, text));
    produce(embedded.sink, world_topic(&embedded.world, 0), 0, "k", "v");
    rd_kafka_mock_broker_push_request_error_rtts(
            embedded.cluster, 1, END_TXN, 1, RD_KAFKA_RESP_ERR_NO_ERROR, 60000);
    int64_t before = now_ms();
    int r = member_commit(&embedded.member, embedded.sink, "m");
    ck_assert_msg(r == KAFKA_E_FATAL, "%d %s", r, text);
    ck_assert_int_lt(now_ms() - before, 15000);
    embedded_done(&embedded);
}
END_TEST

static Suite *kafka_embedded_suite(void) {
    Suite *suite = suite_create("Kafka adapters on the embedded cluster");
    TCase *embedded = tcase_create("embedded cluster");
    tcase_set_timeout(embedded, 90);
    tcase_add_test(embedded, the_embedded_cluster_is_good_enough_to_try_things);
    tcase_add_test(embedded, an_error_of_a_commit_is_sorted_by_what_is_known);
    tcase_add_test(embedded, a_commit_that_is_not_answered_is_given_up_in_time);
    suite_add_tcase(suite, embedded);
    return suite;
}

int main(void) {
    return kafka_suite_run(kafka_embedded_suite);
}
