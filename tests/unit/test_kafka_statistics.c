/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/kafka/kafka_statistics.h"

#include <stdio.h>

#include "tests/unit/suite.h"

static JsonReader reader;

static void setup(void) {
    ck_assert_int_eq(json_reader_init(&reader), 0);
}

static void teardown(void) {
    json_reader_deinit(&reader);
}

/* As librdkafka 2 writes it, shortened. */
static const char consumer[] =
        "{ \"name\": \"scored#consumer-2\", \"type\": \"consumer\", \"ts\":1, \"replyq\":3, \"msg_cnt\":0, \"msg_size\":0, \"tx\":9, "
        "\"tx_bytes\":1000, \"rx\":9, \"rx_bytes\":2000, \"txmsgs\":0, \"rxmsgs\":40, \"brokers\":{ "
        "\"localhost:9092/bootstrap\": { \"name\":\"localhost:9092/bootstrap\", \"nodeid\":-1, \"source\":\"configured\", \"state\":\"DOWN\", "
        "\"txerrs\":1, \"rxerrs\":2, \"req_timeouts\":4, \"disconnects\":8, \"rtt\": {\"avg\":9, \"p99\":9}, \"req\": { \"Fetch\":9 } }, "
        "\"localhost:9092/1\": { \"nodeid\":1, \"state\":\"UP\", \"txerrs\":10, \"rxerrs\":20, \"req_timeouts\":40, \"disconnects\":80, "
        "\"rtt\": { \"min\":1, \"max\":9, \"avg\":1234, \"sum\":5, \"p99\":5678, \"cnt\":3 }, \"toppars\":{ \"t-0\":{ \"topic\":\"t\"} } }, "
        "\"localhost:9093/2\": { \"nodeid\":2, \"state\":\"TRY_CONNECT\", \"rtt\":{\"avg\":0} } }, "
        "\"topics\":{ \"t\": { \"topic\":\"t\", \"age\":1, \"partitions\":{ \"0\":{ \"partition\":0, \"fetchq_cnt\":5, \"fetchq_size\":500 }, "
        "\"-1\":{ \"fetchq_cnt\":0 }, \"1\":{ \"fetchq_cnt\":6, \"fetchq_size\":600 } } } }, "
        "\"cgrp\": { \"state\":\"up\", \"join_state\":\"steady\", \"rebalance_cnt\":2, \"assignment_size\":8 } }";

START_TEST(consumers_figures_are_read) {
    KafkaStatistics s;
    ck_assert_int_eq(kafka_statistics_parse(&reader, str_from(consumer), &s), 0);
    ck_assert_int_eq(s.n_known, 2);
    ck_assert_int_eq(s.n_up, 1);
    ck_assert(s.is_connected);
    ck_assert_uint_eq(s.n_brokers, 2);
    ck_assert_int_eq(s.brokers[0].id, 1);
    ck_assert_int_eq(s.brokers[0].rtt_mean_us, 1234);
    ck_assert_int_eq(s.brokers[0].rtt_p99_us, 5678);
    ck_assert_int_eq(s.brokers[1].id, 2);
    ck_assert_int_eq(s.n_send_errors, 11);
    ck_assert_int_eq(s.n_receive_errors, 22);
    ck_assert_int_eq(s.n_timeouts, 44);
    ck_assert_int_eq(s.n_disconnects, 88);
    ck_assert_int_eq(s.sent_bytes, 1000);
    ck_assert_int_eq(s.received_bytes, 2000);
    ck_assert_int_eq(s.received_messages, 40);
    ck_assert_int_eq(s.queue_messages, 11);
    ck_assert_int_eq(s.queue_bytes, 1100);
    ck_assert_int_eq(s.reply_queue, 3);
    ck_assert(s.has_group);
    ck_assert(s.is_joined);
    ck_assert_int_eq(s.n_rebalances, 2);
    ck_assert_str_eq(s.transaction_state, "");
}
END_TEST

START_TEST(producers_figures_are_read) {
    KafkaStatistics s;
    ck_assert_int_eq(kafka_statistics_parse(&reader, STR_LITERAL("{\"msg_cnt\":7,\"msg_size\":70,\"txmsgs\":5,"
        "\"brokers\":{},\"eos\":{\"idemp_state\":\"Assigned\",\"txn_state\":\"InTransaction\",\"txn_stateage\":1}}"), &s), 0);
    ck_assert_int_eq(s.queue_messages, 7);
    ck_assert_int_eq(s.queue_bytes, 70);
    ck_assert_int_eq(s.sent_messages, 5);
    ck_assert(!s.is_connected);
    ck_assert(!s.has_group);
    ck_assert_str_eq(s.transaction_state, "InTransaction");
}
END_TEST

START_TEST(brokers_are_bounded_and_counted) {
    static char text[16384];
    size_t len = (size_t)snprintf(text, sizeof(text), "{\"brokers\":{");
    for (int i = 0; i < KAFKA_STATISTICS_BROKERS_MAX + 5; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s\"b%d\":{\"nodeid\":%d,\"state\":\"UP\"}", i ? "," : "", i, i);
    len += (size_t)snprintf(text + len, sizeof(text) - len, "}}");
    KafkaStatistics s;
    ck_assert_int_eq(kafka_statistics_parse(&reader, (Str){text, len}, &s), 0);
    ck_assert_uint_eq(s.n_brokers, KAFKA_STATISTICS_BROKERS_MAX);
    ck_assert_int_eq(s.n_up, KAFKA_STATISTICS_BROKERS_MAX + 5);
}
END_TEST

static const char *const odd[] = {
        "[]", "7", "{\"brokers\":[1,2]}", "{\"brokers\":{\"a\":3}}", "{\"topics\":{\"t\":{\"partitions\":null}}}",
        "{\"cgrp\":{\"join_state\":5}}", "{\"eos\":{\"txn_state\":{}}}", "{\"tx_bytes\":1.5}", "{\"tx_bytes\":\"x\"}",
        "{\"eos\":{\"txn_state\":\"a name that is longer than any that librdkafka has for a state\"}}",
};

START_TEST(what_is_formed_otherwise_is_passed_over) {
    KafkaStatistics s;
    ck_assert_int_eq(kafka_statistics_parse(&reader, str_from(odd[_i]), &s), 0);
    ck_assert_int_eq(s.sent_bytes, 0);
    ck_assert_uint_lt(strlen(s.transaction_state), sizeof(s.transaction_state));
}
END_TEST

START_TEST(what_is_no_json_leaves_the_output_as_it_was) {
    for (size_t len = 0; len < strlen(consumer); len++) {
        KafkaStatistics s = {.n_known = 77};
        ck_assert_int_eq(kafka_statistics_parse(&reader, (Str){consumer, len}, &s), JSON_E_SYNTAX);
        ck_assert_int_eq(s.n_known, 77);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("kafka_statistics");
    TCase *tcase = tcase_create("kafka_statistics");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, consumers_figures_are_read);
    tcase_add_test(tcase, producers_figures_are_read);
    tcase_add_test(tcase, brokers_are_bounded_and_counted);
    tcase_add_loop_test(tcase, what_is_formed_otherwise_is_passed_over, 0, ARRAY_SIZE(odd));
    tcase_add_test(tcase, what_is_no_json_leaves_the_output_as_it_was);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
