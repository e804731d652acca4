/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/footer.h"

#include <stdio.h>

#include "tests/unit/suite.h"

#define LINEAGE "0123456789abcdef0123456789abcdef"
#define MODEL_HASH "00112233445566778899aabbccddeeff00112233"
#define BATCH_HASH "fedcba9876543210fedcba9876543210"

/* Part of the stored format: what this says must be read in years, and by people. */
#define INPUTS                                                                                               \
    "[{\"topic\":\"events\",\"offset\":42,\"newest\":1767225600000,\"proved\":1767225590000},"             \
    "{\"topic\":\"p.internal\",\"offset\":-1,\"newest\":null,\"proved\":null}]"
#define REST                                                                                                 \
    ",\"model\":{\"version\":3,\"hash\":\"" MODEL_HASH                                                       \
    "\",\"skeletons\":[{\"version\":2,\"offset\":7},{\"version\":3,\"offset\":900}],\"walk_next\":40,\"walk_end\":800}," \
    "\"counts\":{\"events\":5,\"outputs\":6,\"records\":7,\"written\":8},"                                             \
    "\"hash\":\"" BATCH_HASH "\"}"
#define WITH(lineage, bno, shards, watermark, inputs)                                                        \
    "{\"format\":1,\"lineage\":" lineage ",\"bno\":" bno ",\"shards\":" shards ",\"watermark\":" watermark   \
    ",\"accounts_watermark\":1767225400000,\"begun_watermark\":1767225300000,\"taken\":9,\"inputs\":" inputs REST
static const char text[] = WITH("\"" LINEAGE "\"", "12", "8", "1767225500000", INPUTS);

static Footer make_footer(void) {
    return (Footer){
            .lineage = LINEAGE,
            .bno = 12,
            .watermark_ms = 1767225500000,
            .accounts_watermark_ms = 1767225400000,
            .begun_watermark_ms = 1767225300000,
            .taken_bno = 9,
            .inputs = {{.topic = "events", .partition = -1, .offset = 42, .newest_ms = 1767225600000, .proved_ms = 1767225590000},
                    {.topic = "p.internal", .partition = -1, .offset = -1, .newest_ms = TIME_NONE, .proved_ms = TIME_NONE}},
            .n_inputs = 2,
            .model_version = 3,
            .model_hash = MODEL_HASH,
            .skeletons = {{2, 7}, {3, 900}},
            .n_skeletons = 2,
            .walk_next = 40,
            .walk_end = 800,
            .n_events = 5,
            .n_outputs = 6,
            .n_records = 7,
            .n_written = 8,
            .hash = BATCH_HASH,
            .shards = 8,
    };
}

static void assert_equal(const Footer *a, const Footer *b) {
    ck_assert_str_eq(a->lineage, b->lineage);
    ck_assert_int_eq(a->bno, b->bno);
    ck_assert_int_eq(a->watermark_ms, b->watermark_ms);
    ck_assert_int_eq(a->accounts_watermark_ms, b->accounts_watermark_ms);
    ck_assert_int_eq(a->begun_watermark_ms, b->begun_watermark_ms);
    ck_assert_int_eq(a->taken_bno, b->taken_bno);
    ck_assert_uint_eq(a->n_inputs, b->n_inputs);
    for (size_t i = 0; i < a->n_inputs; i++) {
        ck_assert_str_eq(a->inputs[i].topic, b->inputs[i].topic);
        ck_assert_int_eq(a->inputs[i].partition, b->inputs[i].partition);
        ck_assert_int_eq(a->inputs[i].offset, b->inputs[i].offset);
        ck_assert_int_eq(a->inputs[i].newest_ms, b->inputs[i].newest_ms);
        ck_assert_int_eq(a->inputs[i].proved_ms, b->inputs[i].proved_ms);
    }
    ck_assert_uint_eq(a->n_routed, b->n_routed);
    for (size_t i = 0; i < a->n_routed; i++) {
        ck_assert_str_eq(a->routed[i].topic, b->routed[i].topic);
        ck_assert_int_eq(a->routed[i].newest_ms, b->routed[i].newest_ms);
    }
    ck_assert_int_eq(a->model_version, b->model_version);
    ck_assert_str_eq(a->model_hash, b->model_hash);
    ck_assert_uint_eq(a->n_skeletons, b->n_skeletons);
    for (size_t i = 0; i < a->n_skeletons; i++) {
        ck_assert_int_eq(a->skeletons[i].version, b->skeletons[i].version);
        ck_assert_int_eq(a->skeletons[i].offset, b->skeletons[i].offset);
    }
    ck_assert_int_eq(a->walk_next, b->walk_next);
    ck_assert_int_eq(a->walk_end, b->walk_end);
    ck_assert_int_eq(a->n_events, b->n_events);
    ck_assert_int_eq(a->n_outputs, b->n_outputs);
    ck_assert_int_eq(a->n_records, b->n_records);
    ck_assert_int_eq(a->n_written, b->n_written);
    ck_assert_str_eq(a->hash, b->hash);
    ck_assert_int_eq(a->shards, b->shards);
}

static Str printed(const Footer *footer, JsonWriter *writer) {
    json_writer_reset(writer);
    ck_assert_int_eq(footer_print(footer, writer), 0);
    return (Str){writer->data, writer->len};
}

START_TEST(footer_is_written_as_documented_and_reads_back) {
    JsonWriter writer = JSON_WRITER_INIT;
    Footer footer = make_footer(), again;
    Str json = printed(&footer, &writer);
    ck_assert_msg(str_eq_c(json, text), "%.*s", STR_FMT(json));
    ck_assert_int_eq(footer_parse(json, &again), 0);
    assert_equal(&footer, &again);

    /* nothing known yet, and all there is room for */
    footer.watermark_ms = TIME_NONE;
    footer.n_inputs = 0;
    ck_assert_int_eq(footer_parse(printed(&footer, &writer), &again), 0);
    assert_equal(&footer, &again);
    footer.bno = INT64_MAX;
    for (footer.n_inputs = 0; footer.n_inputs < INPUTS_MAX; footer.n_inputs++) {
        FooterInput *input = &footer.inputs[footer.n_inputs];
        *input = (FooterInput){.offset = INT64_MAX, .newest_ms = 0, .partition = INT32_MAX};
        memset(input->topic, 'a' + (int)footer.n_inputs % 26, TOPIC_NAME_MAX);
    }
    ck_assert_int_eq(footer_parse(printed(&footer, &writer), &again), 0);
    assert_equal(&footer, &again);
    json_writer_deinit(&writer);
}
END_TEST

/* Such a footer is longer by two things, which others do without. */
static const char with_partition[] = "{\"topic\":\"events\",\"partition\":13,\"offset\":42,";
static const char with_routed[] =
        "],\"routed\":[{\"topic\":\"events\",\"newest\":1767225300000},{\"topic\":\"others\",\"newest\":null}],";

START_TEST(routed_sources_are_written_and_read_back) {
    JsonWriter writer = JSON_WRITER_INIT;
    Footer footer = make_footer(), again;
    footer.inputs[0].partition = 13;
    footer.n_routed = 2;
    footer.routed[0] = (FooterRouted){"events", 1767225300000};
    footer.routed[1] = (FooterRouted){"others", TIME_NONE};
    Str json = printed(&footer, &writer);
    ck_assert_ptr_nonnull(memmem(json.data, json.len, with_partition, strlen(with_partition)));
    ck_assert_ptr_nonnull(memmem(json.data, json.len, with_routed, strlen(with_routed)));
    ck_assert_int_eq(footer_parse(json, &again), 0);
    assert_equal(&footer, &again);
    ck_assert_int_eq(footer_routed(&again, "events"), 1767225300000);
    ck_assert_int_eq(footer_routed(&again, "others"), TIME_NONE);
    ck_assert_int_eq(footer_routed(&again, "none"), TIME_NONE);
    json_writer_deinit(&writer);
}
END_TEST

START_TEST(footer_of_an_earlier_program_is_read) {
    static const char earlier[] = "{\"format\":1,\"lineage\":\"" LINEAGE "\",\"bno\":12,\"shards\":8,\"watermark\":1,"
                                  "\"accounts_watermark\":null,\"inputs\":[{\"topic\":\"events\",\"offset\":42,\"newest\":7}]" REST;
    Footer footer;
    ck_assert_int_eq(footer_parse(str_from(earlier), &footer), 0);
    ck_assert_int_eq(footer.inputs[0].offset, 42);
    ck_assert_int_eq(footer.inputs[0].proved_ms, TIME_NONE);
    ck_assert_int_eq(footer.begun_watermark_ms, TIME_NONE);
    ck_assert_int_eq(footer.taken_bno, 0);
}
END_TEST

START_TEST(input_is_found_by_its_topic) {
    Footer footer = make_footer();
    ck_assert_ptr_eq(footer_input(&footer, 5, "p.internal", 5), &footer.inputs[1]);
    ck_assert_ptr_null(footer_input(&footer, 5, "event", 5));
    ck_assert_ptr_null(footer_input(&footer, 5, "", 5));
    /* without a partition it is that of the shard's number */
    ck_assert_ptr_null(footer_input(&footer, 5, "p.internal", 6));
    footer.inputs[1].partition = 6;
    ck_assert_ptr_null(footer_input(&footer, 5, "p.internal", 5));
    ck_assert_ptr_eq(footer_input(&footer, 5, "p.internal", 6), &footer.inputs[1]);
}
END_TEST

#define L "\"" LINEAGE "\""
#define LONG_TOPIC_50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *json;
    int result;
} bad_rows[] = {
        {"", FOOTER_E_CORRUPT},
        {"{", FOOTER_E_CORRUPT},
        {"null", FOOTER_E_CORRUPT},
        {"[]", FOOTER_E_CORRUPT},
        {"{}", FOOTER_E_CORRUPT},
        {"{\"format\":1}", FOOTER_E_CORRUPT},
        {"{\"format\":\"1\"}", FOOTER_E_CORRUPT},
        {"{\"format\":0}", FOOTER_E_CORRUPT},
        {"{\"format\":-1}", FOOTER_E_CORRUPT},
        {"{\"format\":2}", FOOTER_E_FORMAT},
        {"{\"format\":2,\"anything\":[]}", FOOTER_E_FORMAT},
        {WITH("5", "12", "8", "1", INPUTS), FOOTER_E_CORRUPT},
        {WITH("\"" LINEAGE "0\"", "12", "8", "1", INPUTS), FOOTER_E_CORRUPT},
        {WITH(L, "0", "8", "1", INPUTS), FOOTER_E_CORRUPT},
        {WITH(L, "-3", "8", "1", INPUTS), FOOTER_E_CORRUPT},
        {WITH(L, "1.5", "8", "1", INPUTS), FOOTER_E_CORRUPT},
        {WITH(L, "12", "null", "1", INPUTS), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "\"1\"", INPUTS), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "null"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "{}"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "[5]"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "[{\"topic\":\"t\",\"offset\":1,\"newest\":\"x\"}]"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "[{\"topic\":\"t\",\"newest\":1}]"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "[{\"offset\":1,\"newest\":1}]"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1",
                 "[{\"topic\":\"" LONG_TOPIC_50 LONG_TOPIC_50 LONG_TOPIC_50 LONG_TOPIC_50 LONG_TOPIC_50
                 "\",\"offset\":1,\"newest\":1}]"),
                FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "[{\"topic\":\"t\",\"partition\":-1,\"offset\":1,\"newest\":1}]"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "[{\"topic\":\"t\",\"partition\":null,\"offset\":1,\"newest\":1}]"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", "[{\"topic\":\"t\",\"partition\":2147483648,\"offset\":1,\"newest\":1}]"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", INPUTS ",\"routed\":5"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", INPUTS ",\"routed\":[{\"topic\":\"t\"}]"), FOOTER_E_CORRUPT},
        {WITH(L, "12", "8", "1", INPUTS ",\"routed\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]"), FOOTER_E_CORRUPT},
};

START_TEST(what_is_no_footer_is_refused_and_changes_nothing) {
    for (size_t i = 0; i < ARRAY_SIZE(bad_rows); i++) {
        Footer footer = make_footer(), sentinel = footer;
        int r = footer_parse(str_from(bad_rows[i].json), &footer);
        ck_assert_msg(r == bad_rows[i].result, "row %zu: %d", i, r);
        assert_equal(&footer, &sentinel);
    }
    Footer footer = make_footer();
    ck_assert_int_eq(footer_parse(STR_NULL, &footer), FOOTER_E_CORRUPT);
}
END_TEST

START_TEST(more_inputs_than_there_is_room_for_are_refused) {
    static char json[sizeof(text) + (INPUTS_MAX + 1) * 48] = WITH(L, "12", "8", "1", "[");
    char *end = strstr(json, "\"inputs\":[") + strlen("\"inputs\":[");
    for (int i = 0; i <= INPUTS_MAX; i++)
        end += sprintf(end, "%s{\"topic\":\"t%d\",\"offset\":1,\"newest\":1}", i ? "," : "", i);
    strcpy(end, "]" REST);
    Footer footer;
    ck_assert_int_eq(footer_parse(str_from(json), &footer), FOOTER_E_CORRUPT);
    /* one less does */
    char *last = strstr(json, ",{\"topic\":\"t128\"");
    strcpy(last, "]" REST);
    ck_assert_int_eq(footer_parse(str_from(json), &footer), 0);
}
END_TEST

/* Whatever is cut off is no footer. */
START_TEST(cut_footer_is_refused) {
    for (size_t len = 0; len < strlen(text); len++) {
        Footer footer;
        ck_assert_int_eq(footer_parse((Str){text, len}, &footer), FOOTER_E_CORRUPT);
    }
}
END_TEST

static const struct {
    const char *text;
    bool accepted;
} hint_rows[] = {
        {"scored1 " LINEAGE " 12 345", true},
        {"scored1 " LINEAGE " 1 -1", true},
        {"scored1 " LINEAGE " 9223372036854775807 9223372036854775807", true},
        {"scored1 " LINEAGE " 12 345 skip", true},
        {"scored1 " LINEAGE " 12 345 skip ", false},
        {"scored1 " LINEAGE " 12 345skip", false},
        {"", false},
        {"scored1", false},
        {"scored2 " LINEAGE " 12 345", false},
        {"scored1 " LINEAGE " 12", false},
        {"scored1 " LINEAGE " 12 345 6", false},
        {"scored1 " LINEAGE " 12 345x", false},
        {"scored1 " LINEAGE " 0 345", false},
        {"scored1 " LINEAGE " -5 345", false},
        {"scored1 " LINEAGE "0 12 345", false},
        {"scored1 0123456789abcdef 12 345", false},
        {"scored1 0123456789ABCDEF0123456789ABCDEF 12 345", false},
        {"another program's own", false},
};

START_TEST(hint_reads_back_and_nothing_else_is_one) {
    char written[HINT_SIZE];
    for (size_t i = 0; i < ARRAY_SIZE(hint_rows); i++) {
        Hint hint = {.lineage = "sentinel", .bno = 77, .footer_offset = 88};
        ck_assert_msg(hint_parse(hint_rows[i].text, &hint) == hint_rows[i].accepted, "%s", hint_rows[i].text);
        if (!hint_rows[i].accepted) {
            ck_assert_str_eq(hint.lineage, "sentinel");
            ck_assert(hint.bno == 77 && hint.footer_offset == 88);
            continue;
        }
        hint_print(&hint, written);
        ck_assert_str_eq(written, hint_rows[i].text);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("footer");
    TCase *tcase = tcase_create("footer");
    tcase_add_test(tcase, footer_is_written_as_documented_and_reads_back);
    tcase_add_test(tcase, routed_sources_are_written_and_read_back);
    tcase_add_test(tcase, more_inputs_than_there_is_room_for_are_refused);
    tcase_add_test(tcase, footer_of_an_earlier_program_is_read);
    tcase_add_test(tcase, input_is_found_by_its_topic);
    tcase_add_test(tcase, what_is_no_footer_is_refused_and_changes_nothing);
    tcase_add_test(tcase, cut_footer_is_refused);
    tcase_add_test(tcase, hint_reads_back_and_nothing_else_is_one);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
