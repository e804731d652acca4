/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/telemetry.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/config/config.h"
#include "daemon/io/redis/redis_view.h"
#include "tests/unit/engine_fixture.h"

static const char model_text[] = "model: m\n"
                                 "version: 3\n"
                                 "tracks:\n"
                                 "  t:\n"
                                 "    initial: a\n"
                                 "    stages: [{ id: a }, { id: b }, { id: c }]\n"
                                 "    transitions:\n"
                                 "      - { id: go, from: [a, b], to: c, on: [x] }\n"
                                 "      - { id: step, from: [a], to: b, on: [z] }\n"
                                 "sla: [{ id: call, start: { on: [x] }, stop: { on: [y] }, target: 5m }]\n";

static Config config;
static Telemetry *t;
static Metrics *seen;
static Model *model;

static void setup(void) {
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    config = (Config){.http_max_sources = 2, .http_stuck_after_ms = 5000};
    ck_assert_int_eq(telemetry_new(&config, &t), 0);
    ck_assert_int_eq(telemetry_new_copy(&seen), 0);
    ck_assert_int_eq(model_load(str_from(model_text), NULL, &diagnostics, &model), 0);
    ck_assert_ptr_nonnull(model);
    diagnostics_done(&diagnostics);
}

static void teardown(void) {
    t = telemetry_free(t);
    seen = metrics_free(seen);
    model = model_free(model);
}

#define VALUES(...) ((const Str[]){__VA_ARGS__})
#define L(s) STR_LITERAL(s)

/* What is shown of the series; -1: nothing. Of a histogram, how much was observed. */
static double value_of(MetricId id, const Str *labels) {
    Health health;
    MetricSample sample;
    telemetry_show(t, &(Health){.phase = HEALTH_RUNNING}, clock_monotonic_ms());
    ck_assert_int_eq(telemetry_copy(t, seen, &health), 0);
    for (size_t iterator = 0; metrics_next(seen, id, &iterator, &sample);) {
        bool is_it = true;
        for (size_t i = 0; i < METRIC_LABELS_MAX && metrics_table[id].labels[i]; i++)
            is_it &= str_eq(sample.labels[i], labels[i]);
        if (is_it)
            return metrics_table[id].type == METRIC_HISTOGRAM ? sample.sum : sample.value;
    }
    return -1;
}

static Output stage_change(Str from, Str to, Str source) {
    return (Output){.type = OUTPUT_STAGE_CHANGED,
            .stage_changed = {.entity = L("lead"), .track = L("t"), .from = from, .to = to, .first_source = source}};
}

static void commit_closed(void) {
    telemetry_commit(t, (TelemetryBatch){.n_events = 1, .duration_us = 2500000, .commit_us = 500000});
}

static void commit(void) {
    telemetry_close(t);
    commit_closed();
}

START_TEST(nothing_counts_before_it_is_committed) {
    Output output = stage_change(L("a"), L("c"), STR_NULL);
    telemetry_event(t, TELEMETRY_APPLIED, L("sales_accepted"));
    telemetry_output(t, model, &output);
    telemetry_close(t);
    telemetry_latency(t, 1500);
    telemetry_event(t, TELEMETRY_APPLIED, L("sales_accepted")); /* of the next one */
    telemetry_output(t, model, &output);
    ck_assert_double_eq(value_of(METRIC_EVENTS, VALUES(L("applied"))), 0);
    ck_assert_double_eq(value_of(METRIC_TRANSITIONS, VALUES(L("lead"), L("t"), L("a"), L("c"))), -1);
    commit_closed();
    ck_assert_double_eq(value_of(METRIC_EVENTS, VALUES(L("applied"))), 1);
    ck_assert_double_eq(value_of(METRIC_SALES_EVENTS, VALUES(L("sales_accepted"))), 1);
    ck_assert_double_eq(value_of(METRIC_TRANSITIONS, VALUES(L("lead"), L("t"), L("a"), L("c"))), 1);
    ck_assert_double_eq(value_of(METRIC_EVENT_LATENCY, NULL), 1.5);
    ck_assert_double_eq(value_of(METRIC_BATCH_DURATION, NULL), 2.5);
    ck_assert_double_eq(value_of(METRIC_COMMIT_DURATION, NULL), 0.5);
    commit();
    ck_assert_double_eq(value_of(METRIC_EVENTS, VALUES(L("applied"))), 2);
    ck_assert_double_eq(value_of(METRIC_TRANSITIONS, VALUES(L("lead"), L("t"), L("a"), L("c"))), 2);
}
END_TEST

START_TEST(what_was_taken_back_never_counts) {
    Output output = stage_change(L("a"), L("c"), STR_NULL);
    telemetry_event(t, TELEMETRY_REJECTED, STR_NULL);
    telemetry_output(t, model, &output);
    telemetry_close(t);
    telemetry_latency(t, 1500);
    telemetry_event(t, TELEMETRY_REJECTED, STR_NULL);
    telemetry_drop(t);
    commit();
    ck_assert_double_eq(value_of(METRIC_EVENTS, VALUES(L("rejected"))), 0);
    ck_assert_double_eq(value_of(METRIC_OUTPUTS, VALUES(L("StageChanged"))), 0);
    ck_assert_double_eq(value_of(METRIC_EVENT_LATENCY, NULL), -1);
}
END_TEST

START_TEST(sources_are_bounded) {
    char name[100];
    memset(name, 'x', sizeof(name));
    const Str sources[] = {L("a"), {name, sizeof(name)}, L("b"), L("c"), STR_NULL, L("a"), L("d")};
    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        Output output = stage_change(L("a"), L("b"), sources[i]);
        telemetry_output(t, model, &output);
    }
    commit();
    ck_assert_double_eq(value_of(METRIC_STAGE_ENTRIES, VALUES(L("t"), L("b"), L("a"))), 2);
    ck_assert_double_eq(value_of(METRIC_STAGE_ENTRIES, VALUES(L("t"), L("b"), L("b"))), 1);
    ck_assert_double_eq(value_of(METRIC_STAGE_ENTRIES, VALUES(L("t"), L("b"), L("other"))), 3);
    ck_assert_double_eq(value_of(METRIC_STAGE_ENTRIES, VALUES(L("t"), L("b"), L("none"))), 1);
    ck_assert_double_eq(value_of(METRIC_STAGE_ENTRIES, VALUES(L("t"), L("b"), L("c"))), -1);
}
END_TEST

START_TEST(moves_back_are_recycles) {
    static const struct {
        const char *from, *to;
    } moves[] = {{"a", "b"}, {"b", "a"}, {"c", "b"}, {"c", "a"}, {"b", "c"}, {"c", "gone"}, {"gone", "a"}};
    for (size_t i = 0; i < ARRAY_SIZE(moves); i++) {
        Output output = stage_change(str_from(moves[i].from), str_from(moves[i].to), STR_NULL);
        telemetry_output(t, model, &output);
    }
    commit();
    ck_assert_double_eq(value_of(METRIC_RECYCLES, VALUES(L("t"), L("b"))), 1);
    ck_assert_double_eq(value_of(METRIC_RECYCLES, VALUES(L("t"), L("c"))), 2);
    ck_assert_double_eq(value_of(METRIC_RECYCLES, VALUES(L("t"), L("a"))), -1);
}
END_TEST

START_TEST(accounts_enter_no_stage_of_the_funnel) {
    Output output = stage_change(L("b"), L("a"), L("web"));
    output.stage_changed.entity = L("account");
    telemetry_output(t, model, &output);
    commit();
    ck_assert_double_eq(value_of(METRIC_TRANSITIONS, VALUES(L("account"), L("t"), L("b"), L("a"))), 1);
    ck_assert_double_eq(value_of(METRIC_STAGE_ENTRIES, VALUES(L("t"), L("a"), L("web"))), -1);
    ck_assert_double_eq(value_of(METRIC_RECYCLES, VALUES(L("t"), L("b"))), -1);
}
END_TEST

START_TEST(clocks_tell_how_long_they_ran_when_they_were_stopped) {
    static const SlaKind kinds[] = {SLA_WARNING, SLA_BREACHED, SLA_LATE, SLA_MET, SLA_MET};
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        telemetry_output(t, model,
                &(Output){.type = OUTPUT_SLA_EVENT, .sla_event = {.policy = L("call"), .kind = kinds[i], .elapsed_ms = 1000 * ((int64_t)i + 1)}});
    commit();
    ck_assert_double_eq(value_of(METRIC_SLA_EVENTS, VALUES(L("call"), L("met"))), 2);
    ck_assert_double_eq(value_of(METRIC_SLA_EVENTS, VALUES(L("call"), L("warning"))), 1);
    ck_assert_double_eq(value_of(METRIC_SLA_ELAPSED, VALUES(L("call"), L("met"))), 9);
    ck_assert_double_eq(value_of(METRIC_SLA_ELAPSED, VALUES(L("call"), L("late"))), 3);
    ck_assert_double_eq(value_of(METRIC_SLA_ELAPSED, VALUES(L("call"), L("breached"))), -1);
}
END_TEST

START_TEST(types_that_nobody_knows_make_no_label) {
    telemetry_event(t, TELEMETRY_APPLIED, L("sales_made_up"));
    telemetry_event(t, TELEMETRY_APPLIED, L("deal_won"));
    telemetry_event(t, TELEMETRY_APPLIED, L("page_view"));
    commit();
    ck_assert_double_eq(value_of(METRIC_EVENTS, VALUES(L("applied"))), 3);
    ck_assert_double_eq(value_of(METRIC_SALES_EVENTS, VALUES(L("deal_won"))), 1);
    ck_assert_double_eq(value_of(METRIC_SALES_EVENTS, VALUES(L("sales_made_up"))), -1);
    ck_assert_double_eq(value_of(METRIC_SALES_EVENTS, VALUES(L("page_view"))), -1);
}
END_TEST

START_TEST(what_a_model_may_bring_is_there_as_0) {
    telemetry_take_model(t, model);
    ck_assert_double_eq(value_of(METRIC_MODEL_INFO, VALUES(L("m"), L("3"))), 1);
    ck_assert_double_eq(value_of(METRIC_SLA_EVENTS, VALUES(L("call"), L("retracted"))), 0);
    ck_assert_double_eq(value_of(METRIC_TRANSITIONS, VALUES(L("lead"), L("t"), L("b"), L("c"))), 0);
    ck_assert_double_eq(value_of(METRIC_TRANSITIONS, VALUES(L("lead"), L("t"), L("c"), L("c"))), -1);
}
END_TEST

static void take_statistics(KafkaClient client, const char *json) {
    telemetry_kafka(t, client, str_from(json));
}

START_TEST(kafka_is_away_if_no_broker_is_connected) {
    ck_assert(!telemetry_is_kafka_away(t));
    take_statistics(KAFKA_CONSUMER, "{\"brokers\":{\"a\":{\"nodeid\":1,\"state\":\"UP\"},\"b\":{\"nodeid\":2,\"state\":\"DOWN\"}}}");
    ck_assert(!telemetry_is_kafka_away(t));
    ck_assert_double_eq(value_of(METRIC_KAFKA_BROKERS_UP, VALUES(L("consumer"))), 1);
    take_statistics(KAFKA_PRODUCER, "{\"brokers\":{\"a\":{\"nodeid\":1,\"state\":\"DOWN\"}}}");
    ck_assert(!telemetry_is_kafka_away(t));
    take_statistics(KAFKA_CONSUMER, "{\"brokers\":{\"a\":{\"nodeid\":1,\"state\":\"DOWN\"},\"b\":{\"nodeid\":2,\"state\":\"DOWN\"}}}");
    ck_assert(telemetry_is_kafka_away(t));
    take_statistics(KAFKA_CONSUMER, "{\"brokers\":{\"a\":"); /* cut off: what was known stays */
    ck_assert(telemetry_is_kafka_away(t));
    telemetry_forget_kafka(t);
    ck_assert(!telemetry_is_kafka_away(t));
    ck_assert_double_eq(value_of(METRIC_KAFKA_BROKERS_UP, VALUES(L("consumer"))), -1);
    ck_assert_double_eq(value_of(METRIC_KAFKA_STATISTICS_AGE, VALUES(L("consumer"))), -1);
}
END_TEST

START_TEST(a_producer_is_in_one_state) {
    take_statistics(KAFKA_PRODUCER, "{\"eos\":{\"txn_state\":\"Ready\"}}");
    take_statistics(KAFKA_PRODUCER, "{\"eos\":{\"txn_state\":\"InTransaction\"}}");
    take_statistics(KAFKA_SECOND_PRODUCER, "{\"eos\":{\"txn_state\":\"Ready\"}}");
    ck_assert_double_eq(value_of(METRIC_KAFKA_TRANSACTION_STATE, VALUES(L("producer"), L("InTransaction"))), 1);
    ck_assert_double_eq(value_of(METRIC_KAFKA_TRANSACTION_STATE, VALUES(L("producer"), L("Ready"))), -1);
    ck_assert_double_eq(value_of(METRIC_KAFKA_TRANSACTION_STATE, VALUES(L("producer-2"), L("Ready"))), 1);
}
END_TEST

START_TEST(redis_errors_have_a_kind) {
    static const int outcomes[] = {0, VIEW_E_UNREACHABLE, VIEW_E_REFUSED, VIEW_E_BEHIND, VIEW_E_AHEAD, VIEW_E_LINEAGE};
    for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
        telemetry_redis(t, REDIS_FETCH, clock_monotonic_us(), outcomes[i]);
    ck_assert_double_eq(value_of(METRIC_REDIS_ERRORS, VALUES(L("fetch"), L("unreachable"))), 1);
    ck_assert_double_eq(value_of(METRIC_REDIS_ERRORS, VALUES(L("fetch"), L("refused"))), 1);
    ck_assert_double_eq(value_of(METRIC_REDIS_ERRORS, VALUES(L("fetch"), L("behind"))), 1);
    ck_assert_double_eq(value_of(METRIC_REDIS_ERRORS, VALUES(L("fetch"), L("foreign"))), 2);
    ck_assert_double_eq(value_of(METRIC_REDIS_ERRORS, VALUES(L("apply"), L("refused"))), -1);
}
END_TEST

START_TEST(health_is_shown_with_its_progress) {
    Health health;
    telemetry_show(t, &(Health){.phase = HEALTH_STOPPING, .n_owned = 5}, clock_monotonic_ms());
    telemetry_note_progress(t, 123456);
    ck_assert_int_eq(telemetry_copy(t, seen, &health), 0);
    ck_assert_int_eq(health.phase, HEALTH_STOPPING);
    ck_assert_int_eq(health.n_owned, 5);
    ck_assert_int_eq(health.progress_ms, 123456);
    ck_assert_int_eq(health.stuck_after_ms, 5000);
}
END_TEST

START_TEST(it_is_due_a_few_times_a_second) {
    int64_t now_ms = clock_monotonic_ms();
    telemetry_show(t, &(Health){0}, now_ms);
    ck_assert(!telemetry_is_due(t, now_ms));
    ck_assert(!telemetry_is_due(t, now_ms + 100));
    ck_assert(telemetry_is_due(t, now_ms + 1000));
}
END_TEST

START_TEST(nobody_wants_to_know) {
    Output output = stage_change(L("a"), L("c"), STR_NULL);
    telemetry_event(NULL, TELEMETRY_APPLIED, L("x"));
    telemetry_output(NULL, model, &output);
    telemetry_latency(NULL, 1);
    telemetry_close(NULL);
    telemetry_commit(NULL, (TelemetryBatch){0});
    telemetry_drop(NULL);
    telemetry_transaction_failed(NULL);
    telemetry_order_given_up(NULL, "t");
    telemetry_cache(NULL, ENTITY_LEAD, 1, 1);
    telemetry_redis(NULL, REDIS_APPLY, 0, 0);
    telemetry_view_delay(NULL, 1);
    telemetry_kafka(NULL, KAFKA_CONSUMER, L("{}"));
    telemetry_forget_kafka(NULL);
    telemetry_take_model(NULL, model);
    telemetry_note_progress(NULL, 1);
    telemetry_show(NULL, &(Health){0}, 1);
    ck_assert(!telemetry_is_due(NULL, INT64_MAX));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("telemetry");
    TCase *tcase = tcase_create("telemetry");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nothing_counts_before_it_is_committed);
    tcase_add_test(tcase, what_was_taken_back_never_counts);
    tcase_add_test(tcase, sources_are_bounded);
    tcase_add_test(tcase, moves_back_are_recycles);
    tcase_add_test(tcase, accounts_enter_no_stage_of_the_funnel);
    tcase_add_test(tcase, clocks_tell_how_long_they_ran_when_they_were_stopped);
    tcase_add_test(tcase, types_that_nobody_knows_make_no_label);
    tcase_add_test(tcase, what_a_model_may_bring_is_there_as_0);
    tcase_add_test(tcase, kafka_is_away_if_no_broker_is_connected);
    tcase_add_test(tcase, a_producer_is_in_one_state);
    tcase_add_test(tcase, redis_errors_have_a_kind);
    tcase_add_test(tcase, health_is_shown_with_its_progress);
    tcase_add_test(tcase, it_is_due_a_few_times_a_second);
    tcase_add_test(tcase, nobody_wants_to_know);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
