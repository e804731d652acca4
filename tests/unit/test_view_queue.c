/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs. The queue itself needs a Redis: tests/integration. */
#include "daemon/view/view_queue.h"

#include "lib/base/owned.h"
#include "lib/record/account_record.h"
#include "tests/unit/suite.h"

#define NOW_MS INT64_C(1767225600000)
#define DAY_MS INT64_C(86400000)

static const ModelHistory no_history = {.n = 0};

static Score scores[] = {{.id = STR_LITERAL("intent"), .decay = {DECAY_HALF_LIFE, DAY_MS}}};
static AccountScore account_scores[] = {{.id = STR_LITERAL("intent"),
        .decay = {DECAY_HALF_LIFE, DAY_MS},
        .per_lead = {-INFINITY, INFINITY},
        .max = INFINITY}};
static const Model model = {.version = 3,
        .scores = scores,
        .n_scores = 1,
        .has_accounts = true,
        .account_scores = account_scores,
        .n_account_scores = 1};

static ViewJob *job;
static Lead *lead;
static Account *account;
static Buffer lead_record, account_record;

static Str bytes_of(const Buffer *buffer) {
    return (Str){(const char *)buffer->data, buffer->len};
}

static void pack_both(void) {
    lead_record.len = account_record.len = 0;
    ck_assert_int_eq(record_pack(lead, &model, &lead_record), 0);
    ck_assert_int_eq(account_record_pack(account, &model, &account_record), 0);
}

/* Both have the same id. */
static void setup(void) {
    Member *member;
    ck_assert_int_eq(view_job_new(true, &job), 0);
    ck_assert_int_eq(lead_new(&model, STR_LITERAL("acme"), &lead), 0);
    lead_begin(lead, &model, NOW_MS);
    lead->scores[0].value = 16;
    lead->next_internal_ms = NOW_MS + 5;
    ck_assert_int_eq(account_new(&model, STR_LITERAL("acme"), &account), 0);
    account_begin(account, &model, NOW_MS);
    account->next_internal_ms = NOW_MS + 7;
    ck_assert_int_eq(account_add(account, STR_LITERAL("ann"), &member), 0);
    member->active_at_ms = NOW_MS;
    ck_assert_int_eq(account_award(account, &model, member, 0, 8, NOW_MS, NOW_MS), 0);
    pack_both();
}

static void teardown(void) {
    job = view_job_free(job);
    lead = lead_free(lead);
    account = account_free(account);
    buffer_done(&lead_record);
    buffer_done(&account_record);
}

static void assert_field(const ViewWrite *write, const char *name, const char *expected) {
    for (size_t i = 0; i < write->n_fields; i++)
        if (str_eq_c(write->fields[i].name, name)) {
            ck_assert(str_eq_c(write->fields[i].value, expected));
            return;
        }
    ck_abort_msg("no field %s", name);
}

static void assert_same(const ViewWrite *a, const ViewWrite *b) {
    ck_assert_int_eq(a->kind, b->kind);
    ck_assert(str_eq(a->id, b->id));
    ck_assert(str_eq(a->record, b->record));
    ck_assert_int_eq(a->moment_ms, b->moment_ms);
    ck_assert_uint_eq(a->n_fields, b->n_fields);
    for (size_t i = 0; i < a->n_fields; i++)
        ck_assert(str_eq(a->fields[i].name, b->fields[i].name) && str_eq(a->fields[i].value, b->fields[i].value));
    ck_assert_uint_eq(a->n_ranks, b->n_ranks);
    for (size_t i = 0; i < a->n_ranks; i++)
        ck_assert(a->ranks[i].rank == b->ranks[i].rank && a->ranks[i].score == b->ranks[i].score);
}

/* What the owner writes and what a catch-up makes of the record are the same, and nobody's memory but the job's. */
START_TEST(state_and_its_record_make_the_same_write) {
    ck_assert_int_eq(view_job_add(job, &model, lead, bytes_of(&lead_record)), 0);
    ck_assert_int_eq(view_job_add_account(job, &model, account, bytes_of(&account_record)), 0);
    ck_assert_int_eq(view_job_add_record(job, &model, &no_history, STR_LITERAL("acme"), bytes_of(&lead_record)), 0);
    ck_assert_int_eq(view_job_add_account_record(job, &model, &no_history, STR_LITERAL("acme"), bytes_of(&account_record)), 0);
    Str records[] = {bytes_of(&lead_record), bytes_of(&account_record)};
    const ViewWrite *writes = view_job_writes(job);
    ck_assert_uint_eq(view_job_count(job), 4);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(str_eq(writes[i].record, records[i]) && writes[i].record.data != records[i].data);
        assert_same(&writes[i], &writes[i + 2]);
    }
    lead = lead_free(lead);
    account = account_free(account);
    ck_assert_int_eq(writes[0].kind, ENTITY_LEAD);
    ck_assert_int_eq(writes[0].moment_ms, NOW_MS + 5);
    assert_field(&writes[0], "score:intent", "16");
    ck_assert_int_eq(writes[1].kind, ENTITY_ACCOUNT);
    ck_assert(str_eq_c(writes[1].id, "acme"));
    ck_assert_int_eq(writes[1].moment_ms, NOW_MS + 7);
    assert_field(&writes[1], "members", "1");
    assert_field(&writes[1], "score:intent", "8");
}
END_TEST

START_TEST(no_record_erases_what_is_of_its_kind) {
    ck_assert_int_eq(view_job_add(job, &model, lead, STR_NULL), 0);
    ck_assert_int_eq(view_job_add_account(job, &model, account, STR_NULL), 0);
    ck_assert_int_eq(view_job_add_record(job, &model, &no_history, STR_LITERAL("acme"), STR_NULL), 0);
    ck_assert_int_eq(view_job_add_account_record(job, &model, &no_history, STR_LITERAL("acme"), STR_NULL), 0);
    ck_assert_uint_eq(view_job_count(job), 4);
    for (size_t i = 0; i < 4; i++) {
        const ViewWrite *write = &view_job_writes(job)[i];
        ck_assert_int_eq(write->kind, i % 2 ? ENTITY_ACCOUNT : ENTITY_LEAD);
        ck_assert(str_eq_c(write->id, "acme"));
        ck_assert(str_is_null(write->record));
        ck_assert_uint_eq(write->n_fields + write->n_ranks, 0);
    }
}
END_TEST

START_TEST(merged_lead_is_written_as_its_record) {
    ck_assert_int_eq(lead_give_up(lead, &model, STR_LITERAL("other")), 0);
    pack_both();
    ck_assert_int_eq(view_job_add(job, &model, lead, bytes_of(&lead_record)), 0);
    ck_assert_int_eq(view_job_add_record(job, &model, &no_history, STR_LITERAL("acme"), bytes_of(&lead_record)), 0);
    const ViewWrite *writes = view_job_writes(job);
    assert_same(&writes[0], &writes[1]);
    ck_assert_int_eq((uint8_t)writes[0].record.data[0], RECORD_FORMAT_MERGED);
    ck_assert_int_eq(writes[0].moment_ms, TIME_NEVER);
    ck_assert_uint_eq(writes[0].n_fields, 1);
    assert_field(&writes[0], "merged_into", "other");
    ck_assert_uint_eq(writes[0].n_ranks, 1);
    ck_assert(writes[0].ranks[0].score == -INFINITY);
}
END_TEST

START_TEST(record_of_the_other_kind_is_refused) {
    ck_assert_int_gt(view_job_add_record(job, &model, &no_history, STR_LITERAL("acme"), bytes_of(&account_record)), 0);
    ck_assert_int_gt(view_job_add_account_record(job, &model, &no_history, STR_LITERAL("acme"), bytes_of(&lead_record)), 0);
    ck_assert_int_gt(view_job_add_account_record(job, &model, &no_history, STR_LITERAL("acme"), STR_LITERAL("")), 0);
    ck_assert_uint_eq(view_job_count(job), 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("view_queue");
    TCase *tcase = tcase_create("view_queue");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, state_and_its_record_make_the_same_write);
    tcase_add_test(tcase, no_record_erases_what_is_of_its_kind);
    tcase_add_test(tcase, merged_lead_is_written_as_its_record);
    tcase_add_test(tcase, record_of_the_other_kind_is_refused);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
