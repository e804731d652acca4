/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>

#include "daemon/check/source_verdict.h"
#include "tests/unit/suite.h"

#define N_PARTITIONS 8
#define MURMUR2 0
#define CONSISTENT 1
#define FNV1A 2

static SourceSample samples[3];
static Findings findings;

static void setup(void) {
    static const char *const topics[] = {"web", "crm", "ads"};
    static const Config config = {.partitioner = "murmur2_random"};
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        samples[i] = (SourceSample){.topic = topics[i], .n_partitions = N_PARTITIONS, .partitioner = kafka_partitioner(&config)};
    findings = FINDINGS_INIT;
}

static void teardown(void) {
    findings_deinit(&findings);
}

/* Records of n leads that a partitioner placed; with a key of their own unless it is null. */
static void add(SourceSample *s, unsigned partitioner, int n, const char *key) {
    for (int i = 0; i < n; i++) {
        char lead_id[32];
        (void)snprintf(lead_id, sizeof(lead_id), "lead-%d", i);
        const LeadEvent event = {.lead_id = str_from(lead_id)};
        Str own = key ? str_from(key) : event.lead_id;
        const SampleRecord record = {
                .partition = kafka_partition_by(partitioner, own, s->n_partitions), .offset = i, .key = own};
        source_sample_add_event(s, &record, &event);
    }
}

static void judge_n(size_t n, bool has_state) {
    const SourcesVerdict verdict = {.samples = samples, .n = n, .n_shards = N_PARTITIONS, .has_state = has_state};
    sources_judge(&verdict, &findings);
    ck_assert(!findings.out_of_memory);
}

static void judge(size_t n) {
    judge_n(n, false);
}

static const Finding *find(const char *topic) {
    char subject[64];
    const Finding *found = NULL;
    (void)snprintf(subject, sizeof(subject), "source %s", topic);
    for (size_t i = 0; i < findings.n; i++) {
        if (strcmp(findings.items[i].subject, subject) != 0)
            continue;
        ck_assert_msg(!found, "two findings: %s; %s", found ? found->text : "", findings.items[i].text);
        found = &findings.items[i];
    }
    ck_assert_msg(found != NULL, "nothing of %s", topic);
    return found;
}

static void assert_found(const char *topic, FindingSeverity severity, const char *text, const char *remedy) {
    const Finding *found = find(topic);
    ck_assert_msg(strstr(found->text, text) != NULL, "%s", found->text);
    ck_assert_int_eq(found->severity, severity);
    ck_assert_pstr_eq(found->remedy, remedy);
}

/* --- samples ----------------------------------------------------------------------------------------- */

START_TEST(sample_counts_what_each_partitioner_would_do) {
    add(&samples[0], CONSISTENT, 100, NULL);
    ck_assert_uint_eq(samples[0].n_records, 100);
    ck_assert_uint_eq(samples[0].n_foreign, 0);
    ck_assert_uint_eq(samples[0].n_misplaced[CONSISTENT], 0);
    ck_assert_uint_gt(samples[0].n_misplaced[MURMUR2], 50);
    ck_assert_uint_gt(samples[0].n_misplaced[FNV1A], 50);
}
END_TEST

START_TEST(sample_keeps_the_first_of_each_kind) {
    const LeadEvent event = {.lead_id = STR_LITERAL("lead-1")};
    const SampleRecord records[] = {{3, 17, STR_LITERAL("acme\n")}, {4, 18, STR_NULL}};
    int32_t right = kafka_partition_by(MURMUR2, event.lead_id, N_PARTITIONS);
    const SampleRecord misplaced = {(right + 1) % N_PARTITIONS, 5, event.lead_id};
    char expected[128];
    for (size_t i = 0; i < ARRAY_SIZE(records); i++)
        source_sample_add_event(&samples[0], &records[i], &event);
    source_sample_add_event(&samples[0], &misplaced, &event);
    source_sample_add_unusable(&samples[0], &records[1], "unknown_schema", "no schema has the id 9");
    source_sample_add_unusable(&samples[0], &records[0], "schema", "cut");
    ck_assert_str_eq(samples[0].foreign, "partition 3 offset 17: key \"acme?\", lead_id \"lead-1\"");
    ck_assert_str_eq(samples[0].unusable, "partition 4 offset 18: no schema has the id 9");
    (void)snprintf(expected, sizeof(expected), "partition %d offset 5: lead_id \"lead-1\" belongs to partition %d",
            (int)misplaced.partition, (int)right);
    ck_assert_str_eq(samples[0].misplaced, expected);
    ck_assert_uint_eq(samples[0].n_records, 5);
    ck_assert_uint_eq(samples[0].n_foreign, 2);
    ck_assert_uint_eq(samples[0].n_unusable, 2);
    ck_assert_uint_eq(samples[0].n_unknown_schema, 1);
    ck_assert_uint_eq(source_sample_events(&samples[0]), 3);
}
END_TEST

START_TEST(long_keys_are_cut_between_characters) {
    char key[128];
    for (size_t i = 0; i < sizeof(key); i += 2)
        memcpy(key + i, "ä", 2);
    const LeadEvent event = {.lead_id = STR_LITERAL("l")};
    const SampleRecord record = {0, 0, {key + 1, sizeof(key) - 1}}; /* begins in the midst of one */
    source_sample_add_event(&samples[0], &record, &event);
    ck_assert(strstr(samples[0].foreign, "\"…, lead_id \"l\""));
    ck_assert_uint_lt(strlen(samples[0].foreign), 128);
}
END_TEST

/* --- the number of shards ---------------------------------------------------------------------------- */

static const struct {
    int32_t partitions[3];
    bool is_routed[3];
    ShardsKnown known;
    int32_t shards;
} shards_rows[] = {
        {{8, 8, 8}, {0}, {0}, 8},
        {{8, 4, 4}, {0}, {0}, 4},
        {{8, 4, 2}, {0}, {0}, 8},                               /* as good as any: the first */
        {{8, 4, 4}, {0}, {.changelog = 8}, 8},                  /* that is kept already */
        {{8, 4, 4}, {0}, {.changelog = 6}, 4},                  /* none of the sources agrees */
        {{8, 4, 4}, {false, true, true}, {0}, 8},               /* those that are routed don't matter */
        {{0, 4, 8}, {0}, {0}, 4},                               /* one is not there */
        {{8, 4, 4}, {true, true, true}, {0}, 8},                /* the largest */
        {{8, 4, 4}, {true, true, true}, {.configured = 6}, 6},
        {{8, 4, 4}, {true, true, true}, {.internal = 5, .configured = 6}, 5},
        {{8, 4, 4}, {true, true, true}, {.changelog = -1, .internal = -1}, 8}, /* the broker does not say */
        {{0, 0, 0}, {0}, {0}, 0},
};

START_TEST(shards_are_found) {
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        samples[i].n_partitions = shards_rows[_i].partitions[i];
        samples[i].is_routed = shards_rows[_i].is_routed[i];
    }
    ck_assert_int_eq(sources_shards(samples, ARRAY_SIZE(samples), &shards_rows[_i].known), shards_rows[_i].shards);
}
END_TEST

/* --- verdicts ---------------------------------------------------------------------------------------- */

START_TEST(right_source_is_told_to_be) {
    add(&samples[0], MURMUR2, 100, NULL);
    judge(1);
    assert_found("web", FINDING_OK, "8 partitions; 100 records sampled have their lead_id as key", NULL);
}
END_TEST

START_TEST(foreign_keys_need_route) {
    add(&samples[0], MURMUR2, 100, NULL);
    add(&samples[1], MURMUR2, 60, "acme");
    add(&samples[1], MURMUR2, 140, NULL);
    judge(2);
    assert_found("crm", FINDING_ERROR, "of 200 records sampled 60 have a key that is not the lead_id, such as partition ",
            "route: [crm]");
}
END_TEST

START_TEST(keys_that_no_partitioner_fits_need_route) {
    add(&samples[0], CONSISTENT, 100, NULL);
    add(&samples[0], FNV1A, 100, NULL);
    judge(1);
    const Finding *found = find("web");
    ck_assert_int_eq(found->severity, FINDING_ERROR);
    ck_assert(strstr(found->text, "are not in the partition that murmur2_random gives") && !strstr(found->text, "; all stand"));
    ck_assert_str_eq(found->remedy, "route: [web]");
}
END_TEST

START_TEST(another_partitioner_is_named_if_it_suits_all) {
    add(&samples[0], FNV1A, 100, NULL);
    add(&samples[1], FNV1A, 100, NULL);
    judge(2);
    assert_found("crm", FINDING_ERROR, "; all stand where fnv1a_random puts them", "kafka.partitioner: fnv1a_random; or route: [web, crm]");
}
END_TEST

START_TEST(another_partitioner_is_not_for_one_source_alone) {
    add(&samples[0], MURMUR2, 100, NULL);
    add(&samples[1], CONSISTENT, 100, NULL);
    judge(2);
    assert_found("crm", FINDING_ERROR, "; all stand where consistent_random puts them, but those of other sources do not", "route: [crm]");
}
END_TEST

START_TEST(another_partitioner_is_not_for_a_state_that_is_there) {
    add(&samples[0], CONSISTENT, 100, NULL);
    judge_n(1, true);
    assert_found("web", FINDING_ERROR, "; all stand where consistent_random puts them",
            "route: [web]; or kafka.partitioner: consistent_random, but with another topics.prefix, since the present state was kept by "
            "murmur2_random");
}
END_TEST

START_TEST(few_records_name_no_partitioner) {
    add(&samples[0], CONSISTENT, 10, NULL);
    judge(1);
    ck_assert(!strstr(find("web")->text, "consistent_random"));
    ck_assert_str_eq(find("web")->remedy, "route: [web]");
}
END_TEST

START_TEST(strays_are_a_warning) {
    add(&samples[0], MURMUR2, 100, NULL);
    add(&samples[0], MURMUR2, 5, "test");
    judge(1);
    const Finding *found = find("web");
    ck_assert_int_eq(found->severity, FINDING_WARNING);
    ck_assert(strstr(found->text, "of 105 records sampled 5 have a key") && strstr(found->remedy, "route: [web]"));
}
END_TEST

START_TEST(strays_elsewhere_are_not_in_the_list) {
    add(&samples[0], MURMUR2, 100, NULL);
    add(&samples[0], MURMUR2, 5, "test");
    add(&samples[1], MURMUR2, 100, "acme");
    samples[2].is_routed = true; /* nothing is known of it */
    judge(3);
    assert_found("crm", FINDING_ERROR, "100 have a key", "route: [crm, ads]");
}
END_TEST

START_TEST(counts_that_differ_need_route) {
    samples[0].n_partitions = 3;
    add(&samples[0], MURMUR2, 100, NULL);
    judge(1);
    assert_found("web", FINDING_ERROR, "it has 3 partitions, but there are 8 shards", "route: [web]");
}
END_TEST

START_TEST(routed_source_without_need_can_go) {
    samples[0].is_routed = samples[1].is_routed = true;
    add(&samples[0], MURMUR2, 100, NULL);
    add(&samples[1], MURMUR2, 100, "acme");
    judge(2);
    assert_found("web", FINDING_WARNING, "it is routed, but 100 records sampled have their lead_id as key", "route: [crm]");
    assert_found("crm", FINDING_OK, "it is routed, as it has to be: of 100 records sampled 100 have a key", NULL);
}
END_TEST

START_TEST(routed_source_of_another_count_or_partitioner_stays) {
    samples[0].is_routed = samples[1].is_routed = true;
    samples[0].n_partitions = 1;
    add(&samples[0], MURMUR2, 100, NULL);
    add(&samples[1], CONSISTENT, 100, NULL);
    judge(2);
    assert_found("web", FINDING_OK, "as it has to be: it has 1 partition, and there are 8 shards", NULL);
    assert_found("crm", FINDING_OK, "are not where murmur2_random puts the lead_id", NULL);
}
END_TEST

START_TEST(empty_source_tells_nothing) {
    samples[1].is_routed = true;
    judge(2);
    assert_found("web", FINDING_NOTE, "nothing can be told", NULL);
    assert_found("crm", FINDING_NOTE, "nothing can be told", NULL);
}
END_TEST

START_TEST(source_that_could_not_be_read_is_not_called_empty) {
    (void)snprintf(samples[0].cut, sizeof(samples[0].cut), "not authorized");
    judge(1);
    const Finding *found = find("web");
    ck_assert_int_eq(found->severity, FINDING_WARNING);
    ck_assert_str_eq(found->text, "no more than 0 records could be sampled: not authorized");
}
END_TEST

START_TEST(records_that_are_no_events_are_counted_apart) {
    const SampleRecord record = {1, 2, STR_NULL};
    source_sample_add_unusable(&samples[0], &record, "unknown_schema", "no schema has the id 9");
    judge(1);
    const Finding *found = find("web");
    ck_assert_int_eq(found->severity, FINDING_ERROR);
    ck_assert_str_eq(found->text, "of 1 records sampled 1 cannot be read as events, 1 of them by their schema's id, such as partition 1 "
                                  "offset 2: no schema has the id 9");
}
END_TEST

START_TEST(topic_that_is_not_there_has_been_told_of) {
    samples[0].n_partitions = 0;
    judge(1);
    ck_assert_uint_eq(findings.n, 0);
}
END_TEST

/* --- findings ---------------------------------------------------------------------------------------- */

START_TEST(findings_are_written) {
    static const char json[] = "[{\"severity\":\"error\",\"subject\":\"Redis\",\"text\":\"away\",\"expected\":null,\"remedy\":\"start it\"},"
                               "{\"severity\":\"ok\",\"subject\":\"Kafka\",\"text\":\"1 broker\",\"expected\":null,\"remedy\":null}]\n";
    static const char lines[] = "  error    Redis: away\n           to do: start it\n  ok       Kafka: 1 broker\n1 error, 0 warnings\n";
    JsonWriter writer = JSON_WRITER_INIT;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(file);
    findings_add(&findings, FINDING_ERROR, "Redis", "%s", "away");
    findings_remedy(&findings, "start %s", "it");
    findings_add(&findings, FINDING_OK, "Kafka", "%d broker", 1);
    findings_write(&findings, &writer);
    ck_assert_int_eq(writer.error, 0);
    ck_assert(str_eq_c((Str){writer.data, writer.len}, json));
    findings_print(&findings, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_str_eq(text, lines);
    free(text);
    json_writer_deinit(&writer);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("source_verdict");
    TCase *tcase = tcase_create("source_verdict");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, sample_counts_what_each_partitioner_would_do);
    tcase_add_test(tcase, sample_keeps_the_first_of_each_kind);
    tcase_add_test(tcase, long_keys_are_cut_between_characters);
    tcase_add_loop_test(tcase, shards_are_found, 0, ARRAY_SIZE(shards_rows));
    tcase_add_test(tcase, right_source_is_told_to_be);
    tcase_add_test(tcase, foreign_keys_need_route);
    tcase_add_test(tcase, keys_that_no_partitioner_fits_need_route);
    tcase_add_test(tcase, another_partitioner_is_named_if_it_suits_all);
    tcase_add_test(tcase, another_partitioner_is_not_for_one_source_alone);
    tcase_add_test(tcase, another_partitioner_is_not_for_a_state_that_is_there);
    tcase_add_test(tcase, few_records_name_no_partitioner);
    tcase_add_test(tcase, strays_are_a_warning);
    tcase_add_test(tcase, strays_elsewhere_are_not_in_the_list);
    tcase_add_test(tcase, counts_that_differ_need_route);
    tcase_add_test(tcase, routed_source_without_need_can_go);
    tcase_add_test(tcase, routed_source_of_another_count_or_partitioner_stays);
    tcase_add_test(tcase, empty_source_tells_nothing);
    tcase_add_test(tcase, source_that_could_not_be_read_is_not_called_empty);
    tcase_add_test(tcase, records_that_are_no_events_are_counted_apart);
    tcase_add_test(tcase, topic_that_is_not_there_has_been_told_of);
    tcase_add_test(tcase, findings_are_written);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
