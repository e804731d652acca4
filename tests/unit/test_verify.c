/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "daemon/verify/verify_batches.h"
#include "daemon/verify/verify_chain.h"
#include "daemon/verify/verify_table.h"
#include "daemon/verify/verify_view.h"
#include "tests/unit/suite.h"

static Findings findings;
static VerifyReport report;

static void setup(void) {
    findings = FINDINGS_INIT;
    report = (VerifyReport){.findings = &findings, .redis_prefix = "P", .shard = 3, .tag = "12"};
}

static void teardown(void) {
    findings_deinit(&findings);
}

/* Exactly one thing is wrong, and that is said of it. */
static void assert_found(const char *text) {
    ck_assert_msg(findings.n == 1, "%zu findings, first: %s; expected: %s", findings.n, findings.n ? findings.items[0].text : "-", text);
    ck_assert_msg(strstr(findings.items[0].text, text) != NULL, "%s; expected: %s", findings.items[0].text, text);
    ck_assert_int_eq(findings.items[0].shard, 3);
    ck_assert_ptr_nonnull(findings.items[0].remedy);
}

/* --- the chain --------------------------------------------------------------------------------------- */

static Footer make_footer(int64_t bno) {
    return (Footer){
            .lineage = "a",
            .bno = bno,
            .watermark_ms = 1000 + bno,
            .accounts_watermark_ms = TIME_NONE,
            .inputs = {{.topic = "events", .partition = -1, .offset = 10 * bno}, {.topic = "calls", .partition = 11, .offset = 5}},
            .n_inputs = 2,
            .model_version = 2,
            .model_hash = "abc",
            .n_records = 1,
            .shards = 4,
    };
}

static VerifyChain *make_chain(int64_t bno) {
    VerifyChain *chain = calloc(1, sizeof(*chain));
    ck_assert_ptr_nonnull(chain);
    chain->n_shards = 4;
    Footer footer = make_footer(bno);
    verify_chain_add(chain, 100);
    ck_assert(!verify_chain_doubts(chain, &footer));
    ck_assert(verify_chain_footer(chain, &footer, 101, &report));
    return chain;
}

static void leave(Footer *footer) {
    (void)footer;
}
static void skip_one(Footer *footer) {
    footer->bno = 9;
}
static void skip_many(Footer *footer) {
    footer->bno = 20;
}
static void repeat(Footer *footer) {
    footer->bno = 7;
}
static void go_back(Footer *footer) {
    footer->bno = 2;
}
static void change_lineage(Footer *footer) {
    memcpy(footer->lineage, "b", 2);
}
static void lose_time(Footer *footer) {
    footer->watermark_ms = 1006;
}
static void forget_time(Footer *footer) {
    footer->watermark_ms = TIME_NONE;
}
static void gain_time(Footer *footer) {
    footer->accounts_watermark_ms = 5;
}
static void rewind_source(Footer *footer) {
    footer->inputs[0].offset = 69;
}
static void rewind_routed(Footer *footer) {
    footer->inputs[1].offset = 4;
}
static void drop_source(Footer *footer) {
    footer->n_inputs = 1;
}
static void lower_version(Footer *footer) {
    footer->model_version = 1;
}
static void change_model(Footer *footer) {
    memcpy(footer->model_hash, "abd", 4);
}
static void raise_version(Footer *footer) {
    footer->model_version = 3;
    memcpy(footer->model_hash, "abd", 4);
}
static void count_more(Footer *footer) {
    footer->n_records = 2;
}
static void count_less(Footer *footer) {
    footer->n_records = 0;
}
static void widen(Footer *footer) {
    footer->shards = 8;
}

/* The second batch as it should not be. */
static const struct {
    const char *text; /* NULL: it is right */
    bool is_doubtful;
    void (*change)(Footer *footer);
} footers[] = {
        {NULL, false, leave},
        {"batch 8 has no footer between offsets 101 and 203", true, skip_one},
        {"batches 8 to 19 have no footers between offsets 101 and 203", true, skip_many},
        {"the footer at offset 203 is batch 7 again, after batch 7 at offset 101", true, repeat},
        {"the footer at offset 203 is batch 2 again, after batch 7 at offset 101", true, go_back},
        {"is batch 8 of lineage b, after batch 7 of lineage a", true, change_lineage},
        {"batch 8: the watermark goes back from 1007 to 1006", false, lose_time},
        {"batch 8: the watermark goes back from 1007 to -1", false, forget_time},
        {NULL, false, gain_time},
        {"batch 8: the offset in events [3] goes back from 70 to 69", false, rewind_source},
        {"batch 8: the offset in calls [11] goes back from 5 to 4", false, rewind_routed},
        {NULL, false, drop_source},
        {"batch 8: the model's version goes back from 2 to 1", false, lower_version},
        {"batch 8: the model has changed, but not its version, 2", false, change_model},
        {NULL, false, raise_version},
        {"batch 8 has 1 records in the changelog, and says that it has 2", true, count_more},
        {"batch 8 has 1 records in the changelog, and says that it has 0", true, count_less},
        {"batch 8 was written with 8 partitions; the topic has 4", false, widen},
};

START_TEST(batch_follows_the_one_before) {
    VerifyChain *chain = make_chain(7);
    Footer footer = make_footer(8);
    footers[_i].change(&footer);
    verify_chain_add(chain, 202);
    ck_assert_int_eq(verify_chain_doubts(chain, &footer), footers[_i].is_doubtful);
    bool whole = verify_chain_footer(chain, &footer, 203, &report);
    ck_assert_int_eq(chain->first_bno, 7);
    if (footers[_i].text)
        assert_found(footers[_i].text);
    else
        ck_assert(findings.n == 0 && whole);

    /* what is wrong is told once: the next one follows */
    Footer next = footer;
    next.bno++;
    next.n_records = 0;
    next.inputs[0].offset += 100;
    ck_assert(verify_chain_footer(chain, &next, 300, &report));
    ck_assert_uint_eq(findings.n, footers[_i].text ? 1 : 0);
    free(chain);
}
END_TEST

/* Whatever the log has lost by compaction is no damage; what follows is judged again. */
START_TEST(chain_begins_anew_where_compaction_has_been) {
    VerifyChain *chain = make_chain(7);
    Footer footer = make_footer(40);
    ck_assert(verify_chain_doubts(chain, &footer));
    verify_chain_restart(chain);
    ck_assert(!verify_chain_doubts(chain, &footer));
    ck_assert(!verify_chain_footer(chain, &footer, 500, &report)); /* records were taken from it */
    ck_assert_int_eq(chain->first_bno, 40);
    ck_assert_uint_eq(findings.n, 0);
    footer = make_footer(42);
    verify_chain_add(chain, 501);
    (void)verify_chain_footer(chain, &footer, 502, &report);
    assert_found("batch 41 has no footer between offsets 500 and 502");
    free(chain);
}
END_TEST

START_TEST(records_behind_the_last_footer_are_loose) {
    VerifyChain *chain = make_chain(7);
    verify_chain_end(chain, 200, &report);
    verify_chain_add(chain, 150);
    verify_chain_add(chain, 151);
    verify_chain_end(chain, 150, &report); /* of a batch that was not committed when the end was asked for */
    ck_assert_uint_eq(findings.n, 0);
    verify_chain_end(chain, 151, &report);
    assert_found("records from offset 150 on belong to no batch");
    free(chain);
}
END_TEST

/* --- hashes ------------------------------------------------------------------------------------------ */

#define CHANGELOG "p.changelog"
#define LINEAGE "0123456789abcdef0123456789abcdef"

/* A batch of two outputs and two records, the second of which is an erasure; all that it wrote is "<bno>" and a letter. */
static void add_batch(VerifyBatches *batches, int64_t bno, int64_t n_written) {
    _cleanup_(batch_hash_free) BatchHash *hash = NULL;
    Footer footer = {.lineage = LINEAGE, .bno = bno, .n_outputs = 2, .n_written = n_written};
    char value[32];
    (void)snprintf(value, sizeof(value), "%d", (int)bno);
    ck_assert_int_eq(batch_hash_new(&hash), 0);
    batch_hash_add(hash, "p.stages", STR_LITERAL("a"), str_from(value));
    batch_hash_add(hash, "p.sla", STR_NULL, STR_LITERAL(""));
    batch_hash_add(hash, CHANGELOG, STR_LITERAL("lead:a"), str_from(value));
    batch_hash_add(hash, CHANGELOG, STR_LITERAL("lead:b"), STR_NULL);
    batch_hash_finish(hash, footer.hash);
    ck_assert_int_eq(verify_batches_add(batches, STR_LITERAL("lead:a"), str_from(value), 1000 * bno), 0);
    ck_assert_int_eq(verify_batches_add(batches, STR_LITERAL("lead:b"), STR_NULL, 1000 * bno + 1), 0);
    ck_assert_int_eq(verify_batches_end(batches, &footer, true, 1000 * bno + 2), 0);
}

static void add_output(VerifyBatches *batches, int64_t bno, int64_t number, const char *topic, Str key, Str value) {
    BatchTag tag = {.lineage = LINEAGE, .shard = 3, .bno = bno, .number = number};
    ck_assert_int_eq(verify_batches_output(batches, &tag, topic, key, value), 0);
}

/* As the topics have them, one after the other. */
static void add_outputs(VerifyBatches *batches, int64_t bno) {
    char value[32];
    (void)snprintf(value, sizeof(value), "%d", (int)bno);
    add_output(batches, bno, 1, "p.sla", STR_NULL, STR_LITERAL(""));
    add_output(batches, bno, 0, "p.stages", STR_LITERAL("a"), str_from(value));
}

START_TEST(hash_is_that_of_what_was_written) {
    _cleanup_(verify_batches_free) VerifyBatches *batches = NULL;
    VerifyHashes hashes;
    ck_assert_int_eq(verify_batches_new(3, 1 << 20, &batches), 0);
    ck_assert_int_eq(verify_batches_since(batches), TIME_NEVER);
    for (int64_t bno = 4; bno < 9; bno++)
        add_batch(batches, bno, 2);
    ck_assert_uint_eq(verify_batches_count(batches), 3); /* the latest */
    ck_assert_int_eq(verify_batches_since(batches), 6000);
    for (int64_t bno = 0; bno < 12; bno++)
        add_outputs(batches, bno);
    ck_assert_int_eq(verify_batches_judge(batches, CHANGELOG, true, &report, &hashes), 0);
    ck_assert_uint_eq(hashes.n_right, 3);
    ck_assert_int_eq(hashes.first_bno, 6);
    ck_assert_uint_eq(findings.n, 0);

    /* nothing is added up over two readings */
    verify_batches_forget_outputs(batches);
    ck_assert_int_eq(verify_batches_judge(batches, CHANGELOG, true, NULL, &hashes), 0);
    ck_assert_uint_eq(hashes.n_incomplete, 3);
    for (int64_t bno = 6; bno < 9; bno++)
        add_outputs(batches, bno);
    ck_assert_int_eq(verify_batches_judge(batches, "other", true, NULL, &hashes), 0);
    ck_assert_uint_eq(hashes.n_wrong, 3);
}
END_TEST

/* Of the batches 1 to 3 the second as it should not be. */
static const struct {
    const char *text; /* NULL: nothing is told */
    bool complete;
    int64_t n_written;
    int n_outputs;
    const char *topic; /* where the second of its outputs stands */
    int64_t number;    /* its number */
} batch_rows[] = {
        {NULL, true, 2, 2, "p.stages", 0},
        {"batch 2: what stands in the changelog and other topics is not what its footer has the hash of", true, 2, 2, "p.refused", 0},
        {"batch 2: 1 of the 2 records that it wrote to other topics are not there", true, 2, 1, NULL, 0},
        {"batch 2: 2 of the 2 records that it wrote to other topics are not there", true, 2, 0, NULL, 0},
        {"batch 2: other topics have records more than once, or of nobody's, that say that it wrote them", true, 2, 3, "p.stages", 0},
        {"batch 2: 1 of the 2 records", true, 2, 2, "p.stages", 1},
        {"batch 2: 1 of the 2 records", true, 2, 2, "p.stages", 7},
        {NULL, false, 2, 1, NULL, 0},
        {NULL, true, -1, 2, "p.stages", 1}, /* of a version that did not say */
};

START_TEST(wrong_batch_is_named) {
    _cleanup_(verify_batches_free) VerifyBatches *batches = NULL;
    VerifyHashes hashes;
    ck_assert_int_eq(verify_batches_new(10, 1 << 20, &batches), 0);
    for (int64_t bno = 1; bno < 4; bno++)
        add_batch(batches, bno, bno == 2 ? batch_rows[_i].n_written : 2);
    add_outputs(batches, 1);
    add_outputs(batches, 3);
    if (batch_rows[_i].n_outputs > 0)
        add_output(batches, 2, 1, "p.sla", STR_NULL, STR_LITERAL(""));
    for (int i = 1; i < batch_rows[_i].n_outputs; i++)
        add_output(batches, 2, batch_rows[_i].number, batch_rows[_i].topic, STR_LITERAL("a"), STR_LITERAL("2"));
    ck_assert_int_eq(verify_batches_judge(batches, CHANGELOG, batch_rows[_i].complete, &report, &hashes), 0);
    ck_assert_uint_eq(hashes.n_right, _i == 0 ? 3 : 2);
    ck_assert_uint_eq(hashes.n_right + hashes.n_wrong + hashes.n_incomplete + hashes.n_untold, 3);
    if (batch_rows[_i].text)
        assert_found(batch_rows[_i].text);
    else
        ck_assert_uint_eq(findings.n, 0);
}
END_TEST

START_TEST(what_is_held_of_batches_is_bounded) {
    _cleanup_(verify_batches_free) VerifyBatches *batches = NULL;
    VerifyHashes hashes;
    static const char large[3000];
    Footer footer = {.lineage = LINEAGE, .bno = 6, .n_written = 2};
    ck_assert_int_eq(verify_batches_new(100, 4000, &batches), 0);
    for (int64_t bno = 1; bno < 6; bno++)
        add_batch(batches, bno, 2);
    /* one that is too large is left out, with nothing of it in the next */
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(verify_batches_add(batches, STR_LITERAL("k"), (Str){large, sizeof(large)}, 1), 0);
    ck_assert_int_eq(verify_batches_end(batches, &footer, true, 1), 0);
    add_batch(batches, 7, 2);
    /* so is one that was not seen whole */
    ck_assert_int_eq(verify_batches_add(batches, STR_LITERAL("k"), STR_LITERAL("v"), 1), 0);
    ck_assert_int_eq(verify_batches_end(batches, &footer, false, 1), 0);
    ck_assert_uint_eq(verify_batches_count(batches), 6);
    for (int64_t bno = 1; bno < 7; bno++)
        add_outputs(batches, bno);
    for (int i = 0; i < 3; i++)
        add_output(batches, 7, i, "p.stages", STR_NULL, (Str){large, sizeof(large)});
    ck_assert_int_eq(verify_batches_judge(batches, CHANGELOG, true, &report, &hashes), 0);
    ck_assert_uint_eq(hashes.n_right, 5);
    ck_assert_uint_eq(hashes.n_too_large, 1);
    ck_assert_uint_eq(findings.n, 0);
}
END_TEST

static const struct {
    const char *text;
    bool good;
} tags[] = {
        {LINEAGE " 3 12 0", true},
        {LINEAGE " 0 9223372036854775807 5", true},
        {LINEAGE " 3 12 0 ", false},
        {LINEAGE " 3 12", false},
        {LINEAGE " -1 12 0", false},
        {LINEAGE " 3 0 0", false},
        {LINEAGE " 3 12 -1", false},
        {"0123 3 12 0", false},
        {"", false},
};

START_TEST(tag_is_read_as_written) {
    BatchTag tag, sentinel = {.shard = 77};
    char again[BATCH_TAG_SIZE];
    tag = sentinel;
    ck_assert_int_eq(batch_tag_parse(str_from(tags[_i].text), &tag), tags[_i].good);
    if (tags[_i].good)
        batch_tag_print(&tag, again);
    ck_assert(tags[_i].good ? strcmp(again, tags[_i].text) == 0 : memcmp(&tag, &sentinel, sizeof(tag)) == 0);
    ck_assert(!batch_tag_parse(STR_NULL, &tag));
}
END_TEST

/* --- lag and damage ---------------------------------------------------------------------------------- */

/* Versions of one lead by batch, as a look and the reading that goes on beside it come by them. "-": erased. */
typedef struct Step {
    int64_t bno; /* of the version; for the look: that of the view */
    const char *record; /* NULL: that is all */
} Step;
static const struct {
    const char *name;
    Step before[3], look, after[3];
    int64_t settled_bno;
    VerifyVerdict verdict;
} looks[] = {
        {"as it is", {{3, "a"}}, {5, "a"}, {{0}}, 5, VERIFY_RIGHT},
        {"not as it is", {{3, "a"}}, {5, "b"}, {{0}}, 5, VERIFY_WRONG},
        {"missing", {{3, "a"}}, {5, "-"}, {{0}}, 5, VERIFY_WRONG},
        {"an earlier version", {{2, "a"}, {3, "b"}}, {5, "a"}, {{0}}, 5, VERIFY_WRONG},
        {"erased, and gone", {{2, "a"}, {3, "-"}}, {5, "-"}, {{0}}, 5, VERIFY_RIGHT},
        {"erased, but there", {{2, "a"}, {3, "-"}}, {5, "a"}, {{0}}, 5, VERIFY_WRONG},
        {"never there", {{0}}, {5, "a"}, {{0}}, 5, VERIFY_WRONG},
        {"never there, and the view is behind", {{0}}, {4, "a"}, {{0}}, 5, VERIFY_OLDER},
        {"behind, as it was then", {{5, "b"}}, {4, "a"}, {{0}}, 5, VERIFY_OLDER},
        {"behind, and erased since", {{5, "-"}}, {4, "a"}, {{0}}, 5, VERIFY_OLDER},
        {"behind, but unchanged since", {{4, "b"}}, {4, "a"}, {{0}}, 5, VERIFY_WRONG},
        {"behind, but this one was written already", {{5, "b"}}, {4, "b"}, {{0}}, 5, VERIFY_RIGHT},
        {"ahead", {{3, "a"}}, {7, "c"}, {{6, "b"}, {7, "c"}}, 5, VERIFY_RIGHT},
        {"ahead, with the version before", {{3, "a"}}, {7, "b"}, {{6, "b"}, {7, "c"}}, 5, VERIFY_WRONG},
        {"ahead, with the version from the first reading", {{3, "a"}}, {7, "a"}, {{7, "c"}}, 5, VERIFY_WRONG},
        {"ahead, and being written further", {{3, "a"}}, {6, "c"}, {{6, "b"}, {7, "c"}}, 5, VERIFY_RIGHT},
        {"ahead, and written further since", {{3, "a"}}, {6, "b"}, {{6, "b"}, {7, "c"}}, 5, VERIFY_RIGHT},
        {"new", {{0}}, {6, "a"}, {{6, "a"}}, 5, VERIFY_RIGHT},
        {"new, as it never was", {{0}}, {6, "b"}, {{6, "a"}}, 5, VERIFY_WRONG},
        {"behind, then known", {{6, "a"}}, {5, "x"}, {{7, "x"}}, 6, VERIFY_RIGHT},
        {"erased meanwhile", {{3, "a"}}, {6, "-"}, {{6, "-"}}, 5, VERIFY_RIGHT},
        {"erased meanwhile, but there", {{3, "a"}}, {6, "a"}, {{6, "-"}}, 5, VERIFY_WRONG},
};

static Str record_of(const char *text) {
    return strcmp(text, "-") == 0 ? STR_NULL : str_from(text);
}

START_TEST(lag_is_told_from_damage) {
    _cleanup_(verify_table_free) VerifyTable *table = NULL;
    VerifyEntity *entity;
    ck_assert_int_eq(verify_table_new((SipKey){1, 2}, &table), 0);
    ck_assert_int_eq(verify_table_get(table, ENTITY_LEAD, STR_LITERAL("x"), &entity), 0);
    for (const Step *step = looks[_i].before; step->record; step++)
        verify_entity_note(table, entity, record_of(step->record), step->bno);
    verify_table_settle(table, looks[_i].settled_bno);
    verify_entity_look(table, entity, record_of(looks[_i].look.record), looks[_i].look.bno);
    for (const Step *step = looks[_i].after; step->record; step++)
        verify_entity_note(table, entity, record_of(step->record), step->bno);
    ck_assert_msg(verify_entity_verdict(entity) == looks[_i].verdict, "%s: %d", looks[_i].name, verify_entity_verdict(entity));
}
END_TEST

START_TEST(table_keeps_leads_and_accounts_apart) {
    _cleanup_(verify_table_free) VerifyTable *table = NULL;
    VerifyEntity *lead, *account, *again;
    ck_assert_int_eq(verify_table_new((SipKey){1, 2}, &table), 0);
    ck_assert_int_eq(verify_table_get(table, ENTITY_LEAD, STR_LITERAL("x"), &lead), 0);
    ck_assert_int_eq(verify_table_get(table, ENTITY_ACCOUNT, STR_LITERAL("x"), &account), 0);
    ck_assert_ptr_ne(lead, account);
    for (int i = 0; i < 5000; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "lead-%d", i);
        ck_assert_int_eq(verify_table_get(table, ENTITY_LEAD, str_from(id), &again), 0);
        verify_entity_note(table, again, STR_LITERAL("r"), i < 10 ? 4 : 5);
    }
    ck_assert_uint_eq(verify_table_count(table), 5002);
    ck_assert_int_eq(verify_table_get(table, ENTITY_LEAD, STR_LITERAL("x"), &again), 0);
    ck_assert_ptr_eq(again, lead);
    verify_table_renumber(table, 4, 9);
    ck_assert_int_eq(verify_table_get(table, ENTITY_LEAD, STR_LITERAL("lead-3"), &again), 0);
    ck_assert_int_eq(again->bno, 9);
    ck_assert_int_eq(verify_table_get(table, ENTITY_LEAD, STR_LITERAL("lead-30"), &again), 0);
    ck_assert_int_eq(again->bno, 5);
}
END_TEST

/* --- what follows from a record ---------------------------------------------------------------------- */

static const char *const boards[] = {"total", "warm"};
static const ViewField fields[] = {{STR_LITERAL("clock"), STR_LITERAL("5")}, {STR_LITERAL("stage:x"), STR_LITERAL("mql")}};
static const ViewField wrong_fields[] = {{STR_LITERAL("clock"), STR_LITERAL("5")}, {STR_LITERAL("stage:x"), STR_LITERAL("won")}};
static const ViewField more_fields[] = {
        {STR_LITERAL("stage:x"), STR_LITERAL("mql")}, {STR_LITERAL("clock"), STR_LITERAL("5")}, {STR_LITERAL("more"), STR_LITERAL("1")}};
static const ViewRank ranks[] = {{.rank = 0, .score = 12.5}, {.rank = 1, .score = -INFINITY}};

static const struct {
    const char *text;
    double moment_ms, ranks[2];
    const ViewField *fields;
    size_t n_fields;
} parts[] = {
        {NULL, 1000, {12.5, -INFINITY}, fields, 2},
        {NULL, 1000, {12.5 + 1e-9, -INFINITY}, fields, 2},
        {NULL, 999, {12.5, -INFINITY}, fields, 2}, /* too early does no harm */
        {"its next moment is 1000, but stands in Redis at 1001: it would come too late", 1001, {12.5, -INFINITY}, fields, 2},
        {"its next moment, 1000, is not among the moments in Redis", -INFINITY, {12.5, -INFINITY}, fields, 2},
        {"its rank on the board total is 12.6, and should be 12.5", 1000, {12.6, -INFINITY}, fields, 2},
        {"it is not on the board total, where its rank is 12.5", 1000, {-INFINITY, -INFINITY}, fields, 2},
        {"it is on the board warm with the rank 3, and should not be", 1000, {12.5, 3}, fields, 2},
        {"the readable field stage:x is \"won\", and should be \"mql\"", 1000, {12.5, -INFINITY}, wrong_fields, 2},
        {"the readable field stage:x is missing; it should be \"mql\"", 1000, {12.5, -INFINITY}, fields, 1},
        {"there is a readable field more that should not be", 1000, {12.5, -INFINITY}, more_fields, 3},
};

START_TEST(what_follows_from_a_record_is_compared) {
    const ViewWrite write = {.kind = ENTITY_LEAD, .id = STR_LITERAL("x"), .record = STR_LITERAL("r"), .moment_ms = 1000, .fields = fields,
            .n_fields = 2, .ranks = ranks, .n_ranks = 2};
    const ViewLook look = {.record = STR_LITERAL("r"), .fields = parts[_i].fields, .n_fields = parts[_i].n_fields,
            .moment_ms = parts[_i].moment_ms, .ranks = parts[_i].ranks};
    size_t n_wrong = parts[_i].text ? 1 : 0;
    ck_assert_uint_eq(verify_view_parts(&write, boards, &look, NULL), n_wrong);
    ck_assert_uint_eq(findings.n, 0);
    ck_assert_uint_eq(verify_view_parts(&write, boards, &look, &report), n_wrong);
    if (n_wrong == 0)
        return;
    assert_found(parts[_i].text);
    ck_assert_str_eq(findings.items[0].subject, "lead x");
    ck_assert_ptr_nonnull(strstr(findings.items[0].remedy, "delete the key P:{12}:meta "));
}
END_TEST

START_TEST(what_is_left_of_one_is_named) {
    const double on_board[] = {-INFINITY, 2}, on_none[] = {-INFINITY, -INFINITY};
    ViewLook look = {.record = STR_NULL, .moment_ms = -INFINITY, .ranks = on_none};
    ck_assert(verify_view_is_empty(&look, 2));
    look.ranks = on_board;
    ck_assert(!verify_view_is_empty(&look, 2));
    look = (ViewLook){.record = STR_LITERAL(""), .fields = fields, .n_fields = 2, .moment_ms = 5, .ranks = on_board};
    ck_assert(!verify_view_is_empty(&look, 2));
    verify_view_tell_stray(ENTITY_ACCOUNT, STR_LITERAL("acme"), boards, 2, &look, true, &report);
    assert_found("Redis holds a record, readable fields, a moment, a place on the board warm of it, but the changelog says that it was erased");
    ck_assert_str_eq(findings.items[0].subject, "account acme");
}
END_TEST

START_TEST(much_of_a_kind_is_counted) {
    for (int i = 0; i < VERIFY_TOLD_MAX + 30; i++)
        ck_assert_int_eq(verify_tell(&report, VERIFY_VIEW_RECORD, "lead x", "number %d", i), i < VERIFY_TOLD_MAX);
    (void)verify_tell(&report, VERIFY_CHAIN, "changelog", "once");
    verify_tell_rest(&report);
    ck_assert_uint_eq(findings.n, VERIFY_TOLD_MAX + 2);
    ck_assert_str_eq(findings.items[findings.n - 1].text, "30 more such records");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("verify");
    TCase *tcase = tcase_create("verify");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, batch_follows_the_one_before, 0, ARRAY_SIZE(footers));
    tcase_add_test(tcase, chain_begins_anew_where_compaction_has_been);
    tcase_add_test(tcase, records_behind_the_last_footer_are_loose);
    tcase_add_test(tcase, hash_is_that_of_what_was_written);
    tcase_add_loop_test(tcase, wrong_batch_is_named, 0, ARRAY_SIZE(batch_rows));
    tcase_add_test(tcase, what_is_held_of_batches_is_bounded);
    tcase_add_loop_test(tcase, tag_is_read_as_written, 0, ARRAY_SIZE(tags));
    tcase_add_loop_test(tcase, lag_is_told_from_damage, 0, ARRAY_SIZE(looks));
    tcase_add_test(tcase, table_keeps_leads_and_accounts_apart);
    tcase_add_loop_test(tcase, what_follows_from_a_record_is_compared, 0, ARRAY_SIZE(parts));
    tcase_add_test(tcase, what_is_left_of_one_is_named);
    tcase_add_test(tcase, much_of_a_kind_is_counted);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
