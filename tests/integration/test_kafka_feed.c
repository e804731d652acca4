/* SPDX-License-Identifier: Apache-2.0 */
/* The feed on librdkafka's own cluster, within this process: it needs no server. */
#include "daemon/io/kafka/kafka_feed.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/io/avro/avro_output.h"
#include "daemon/io/avro/avro_output_sample.h"
#include "tests/unit/suite.h"

#define N_SHARDS 2
#define TIMEOUT_MS 20000

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *cluster;
static Config config;
static Registry *registry;
static AvroOutput *encoder;
static AvroOutputReader *reader;
static KafkaFeed *feed;
static char text[KAFKA_TEXT_SIZE];

static void assert_no_problem(void *userdata, const char *path, const char *problem) {
    (void)userdata;
    ck_abort_msg("%s: %s", path, problem);
}

static void load_schemas(void) {
    RegistryFileOptions options = {.output_dir = SCHEMAS_DIR, .problem = assert_no_problem};
    for (uint32_t i = 0; i < _OUTPUT_TYPE_MAX; i++)
        options.output_ids[i] = 10 + i;
    ck_assert_int_eq(registry_file_new(&options, &registry), 0);
    ck_assert_int_eq(avro_output_new(registry_outputs(registry), text, sizeof(text), &encoder), 0);
    ck_assert_int_eq(avro_output_reader_new(registry_outputs(registry), text, sizeof(text), &reader), 0);
}

static void setup(void) {
    static const char *const topics[] = {"source", "stages", "sla", "rest"};
    char error[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
    rd_kafka_conf_set(conf, "test.mock.num.brokers", "1", NULL, 0);
    host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ck_assert_ptr_nonnull(host);
    cluster = rd_kafka_handle_mock_cluster(host);
    for (size_t i = 0; i < ARRAY_SIZE(topics); i++)
        ck_assert_int_eq(rd_kafka_mock_topic_create(cluster, topics[i], N_SHARDS, 1), 0);
    config = (Config){
            .bootstrap_servers = rd_kafka_mock_cluster_bootstraps(cluster),
            .group = "watched",
            .instance = "a",
            .partitioner = "murmur2_random",
            .embedded = true,
            .sources = {"source"},
            .n_sources = 1,
            .output_topics = {"stages", "sla", "rest", "rest", "rest"},
    };
    load_schemas();
}

static void teardown(void) {
    feed = kafka_feed_free(feed);
    reader = avro_output_reader_free(reader);
    encoder = avro_output_free(encoder);
    registry = registry_free(registry);
    rd_kafka_destroy(host);
}

static void open_feed(unsigned types) {
    int r = kafka_feed_new(&config, reader, types, NULL, TIMEOUT_MS, text, &feed);
    ck_assert_msg(r == 0, "%d %s", r, text);
}

static void produce_keyed(const char *topic, int32_t partition, const char *key, Str value) {
    rd_kafka_resp_err_t err = rd_kafka_producev(host, RD_KAFKA_V_TOPIC(topic),
            RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_KEY(key, key ? strlen(key) : 0),
            RD_KAFKA_V_VALUE((void *)value.data, value.len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    ck_assert_int_eq(err, 0);
    ck_assert_int_eq(rd_kafka_flush(host, TIMEOUT_MS), 0);
}

static void produce(const char *topic, int32_t partition, Str value) {
    produce_keyed(topic, partition, NULL, value);
}

static void produce_sample_keyed(OutputType type, int32_t partition, const char *key) {
    Output output;
    Str bytes;
    output_sample(type, true, &output);
    ck_assert_int_eq(avro_output_encode(encoder, &output, &bytes, text, sizeof(text)), 0);
    produce_keyed(config.output_topics[type], partition, key, bytes);
}

static void produce_sample(OutputType type, int32_t partition) {
    produce_sample_keyed(type, partition, NULL);
}

/* The next that is not nothing. */
static FeedPoll poll_feed(void) {
    FeedPoll poll = {.type = FEED_NOTHING};
    for (int64_t end_ms = clock_monotonic_ms() + TIMEOUT_MS; clock_monotonic_ms() < end_ms;) {
        kafka_feed_poll(feed, 100, &poll);
        if (poll.type != FEED_NOTHING)
            return poll;
    }
    ck_abort_msg("nothing came");
    return poll;
}

#define ALL ((1U << _OUTPUT_TYPE_MAX) - 1)

START_TEST(what_comes_after_the_beginning_is_seen) {
    produce_sample(OUTPUT_REFUSED, 0);
    open_feed(ALL);
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++) {
        int64_t now_ms = clock_wall_ms();
        produce_sample((OutputType)i, i % N_SHARDS);
        FeedPoll poll = poll_feed();
        ck_assert_msg(poll.type == FEED_OUTPUT, "%s", poll.text);
        ck_assert_int_eq(poll.output.type, i);
        ck_assert_int_ge(poll.timestamp_ms, now_ms);
    }
}
END_TEST

START_TEST(topics_that_were_not_asked_for_are_not_read) {
    open_feed(1U << OUTPUT_SLA_EVENT);
    produce_sample(OUTPUT_STAGE_CHANGED, 0);
    produce_sample(OUTPUT_SLA_EVENT, 0);
    ck_assert_int_eq(poll_feed().output.type, OUTPUT_SLA_EVENT);
}
END_TEST

START_TEST(broken_record_is_told_and_passed) {
    open_feed(ALL);
    produce("stages", 1, STR_LITERAL("hello"));
    produce("stages", 1, STR_LITERAL("\0\0\0\0\12cut"));
    produce("stages", 1, STR_NULL); /* a tombstone is nothing to be told */
    produce_sample(OUTPUT_STAGE_CHANGED, 1);
    FeedPoll poll = poll_feed();
    ck_assert_int_eq(poll.type, FEED_BROKEN);
    ck_assert(str_starts_with(str_from(poll.text), "stages [1] offset 0: "));
    poll = poll_feed();
    ck_assert_int_eq(poll.type, FEED_BROKEN);
    ck_assert(str_starts_with(str_from(poll.text), "stages [1] offset 1: field "));
    ck_assert_int_eq(poll_feed().type, FEED_OUTPUT);
}
END_TEST

static void open_past(FeedKeys keys) {
    int r = kafka_feed_new_past(&config, reader, ALL, keys, NULL, TIMEOUT_MS, text, &feed);
    ck_assert_msg(r == 0, "%d %s", r, text);
}

START_TEST(past_of_a_key_is_read_to_its_end) {
    int32_t own = kafka_partition_of(&config, STR_LITERAL("lead-1"), N_SHARDS);
    produce_sample_keyed(OUTPUT_STAGE_CHANGED, own, "lead-1");
    produce_sample_keyed(OUTPUT_STAGE_CHANGED, own, "lead-2");
    produce_sample_keyed(OUTPUT_SLA_EVENT, own, "lead-1");
    /* another partition is not looked at */
    produce_sample_keyed(OUTPUT_STAGE_CHANGED, 1 - own, "lead-1");
    open_past((FeedKeys){&STR_LITERAL("lead-1"), 1});
    unsigned seen[_OUTPUT_TYPE_MAX] = {0};
    for (FeedPoll poll = poll_feed(); poll.type != FEED_END; poll = poll_feed()) {
        ck_assert_msg(poll.type == FEED_OUTPUT, "%s", poll.text);
        seen[poll.output.type]++;
    }
    ck_assert_uint_eq(seen[OUTPUT_STAGE_CHANGED], 1);
    ck_assert_uint_eq(seen[OUTPUT_SLA_EVENT], 1);
    ck_assert_uint_eq(seen[OUTPUT_REFUSED], 0);
}
END_TEST

START_TEST(past_of_several_keys_is_that_of_all_their_partitions) {
    const Str keys[] = {STR_LITERAL("lead-1"), STR_LITERAL("lead-2"), STR_LITERAL("lead-3")};
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        produce_sample_keyed(OUTPUT_LEAD_RETIRED, kafka_partition_of(&config, keys[i], N_SHARDS), keys[i].data);
    open_past((FeedKeys){keys, 2});
    unsigned n = 0;
    for (FeedPoll poll = poll_feed(); poll.type != FEED_END; poll = poll_feed(), n++)
        ck_assert_msg(poll.type == FEED_OUTPUT, "%s", poll.text);
    ck_assert_uint_eq(n, 2);
}
END_TEST

/* The cluster keeps 5 MiB of a partition. */
#define LARGE_SIZE (900 * 1024)
#define N_KEPT 5

START_TEST(past_that_is_deleted_while_it_is_read_has_an_end) {
    static const KafkaProperty properties[] = {{"queued.min.messages", "1"}, {"fetch.message.max.bytes", "1"}};
    static char large[LARGE_SIZE];
    int32_t own = kafka_partition_of(&config, STR_LITERAL("lead-1"), N_SHARDS);
    config.kafka_properties = (KafkaProperty *)properties;
    config.n_kafka_properties = ARRAY_SIZE(properties);
    for (int i = 0; i < N_KEPT; i++)
        produce_keyed("stages", own, "lead-1", (Str){large, sizeof(large)});
    open_past((FeedKeys){&STR_LITERAL("lead-1"), 1});
    ck_assert_int_eq(poll_feed().type, FEED_BROKEN);
    for (int i = 0; i < 2 * N_KEPT; i++)
        produce_keyed("stages", own, "lead-1", (Str){large, sizeof(large)});
    int n_broken = 1;
    FeedPoll poll;
    while ((poll = poll_feed()).type != FEED_END)
        n_broken += poll.type == FEED_BROKEN;
    ck_assert_int_ge(n_broken, N_KEPT);
    ck_assert_int_lt(n_broken, 3 * N_KEPT);
}
END_TEST

START_TEST(past_of_nothing_ends_at_once) {
    open_past((FeedKeys){&STR_LITERAL("lead-1"), 1});
    ck_assert_int_eq(poll_feed().type, FEED_END);
}
END_TEST

START_TEST(progress_is_what_went_into_the_sources) {
    FeedProgress progress;
    open_feed(ALL);
    ck_assert_int_eq(kafka_feed_progress(feed, TIMEOUT_MS, text, &progress), 0);
    ck_assert_int_eq(progress.n_records, 0);
    ck_assert_int_eq(progress.lag, -1);
    for (int32_t i = 0; i < 3; i++)
        produce("source", i % N_SHARDS, STR_LITERAL("event"));
    ck_assert_int_eq(kafka_feed_progress(feed, TIMEOUT_MS, text, &progress), 0);
    ck_assert_int_eq(progress.n_records, 3);
}
END_TEST

START_TEST(broker_that_is_not_there_ends_the_attempt) {
    KafkaFeed *other = NULL;
    config.bootstrap_servers = "127.0.0.1:1";
    int r = kafka_feed_new(&config, reader, ALL, NULL, 500, text, &other);
    ck_assert_msg(r == KAFKA_E_TIMEOUT || r == KAFKA_E_RETRY, "%d %s", r, text);
    ck_assert_ptr_null(other);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("kafka_feed");
    TCase *tcase = tcase_create("feed");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_comes_after_the_beginning_is_seen);
    tcase_add_test(tcase, topics_that_were_not_asked_for_are_not_read);
    tcase_add_test(tcase, broken_record_is_told_and_passed);
    tcase_add_test(tcase, past_of_a_key_is_read_to_its_end);
    tcase_add_test(tcase, past_that_is_deleted_while_it_is_read_has_an_end);
    tcase_add_test(tcase, past_of_nothing_ends_at_once);
    tcase_add_test(tcase, past_of_several_keys_is_that_of_all_their_partitions);
    tcase_add_test(tcase, progress_is_what_went_into_the_sources);
    tcase_add_test(tcase, broker_that_is_not_there_ends_the_attempt);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
