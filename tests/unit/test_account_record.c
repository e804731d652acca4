/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/record/account_record.h"

#include "tests/unit/engine_fixture.h"

#define DAY_MS INT64_C(86400000)
#define NOW_MS (1000 * DAY_MS)

static Stage stages[3];
static Track tracks[] = {{.id = STR_LITERAL("buying"), .stages = stages, .n_stages = 3},
        {.id = STR_LITERAL("heat"), .stages = stages, .n_stages = 2, .initial = 1}};
static AccountScore scores[] = {
        {.decay = {.kind = DECAY_NONE}, .per_lead = {-INFINITY, INFINITY}},
        {.decay = {DECAY_HALF_LIFE, DAY_MS}, .per_lead = {-INFINITY, INFINITY}},
        {.decay = {DECAY_LINEAR, 64 * DAY_MS}, .per_lead = {-INFINITY, INFINITY}},
        {.decay = {DECAY_WINDOW, 100}, .per_lead = {-INFINITY, INFINITY}},
};
static const Model model = {.version = 3, .account_scores = scores, .n_account_scores = ARRAY_SIZE(scores),
        .account_tracks = tracks, .n_account_tracks = ARRAY_SIZE(tracks)};
static const Model empty_model = {.version = 3};

static Str as_str(const Buffer *buffer) {
    return (Str){(const char *)buffer->data, buffer->len};
}

/* Unpacks from memory of exactly the record's size, so that a sanitizer sees each step beyond it. */
static int unpack(Str bytes, const Model *m, Account **ret) {
    char *copy = malloc(MAX(bytes.len, (size_t)1));
    ck_assert_ptr_nonnull(copy);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    int r = account_record_unpack((Str){copy, bytes.len}, STR_LITERAL("acme"), m, ret);
    free(copy);
    return r;
}

static void assert_refused(Str bytes, const Model *m, int expected) {
    Account *const sentinel = (Account *)(uintptr_t)0xad;
    Account *account = sentinel;
    ck_assert_int_eq(unpack(bytes, m, &account), expected);
    ck_assert_ptr_eq(account, sentinel);
}

static Account *make_account(size_t n_members) {
    Account *account = NULL;
    uint64_t random = 7 + n_members;
    ck_assert_int_eq(account_new(&model, STR_LITERAL("acme"), &account), 0);
    account_begin(account, &model, NOW_MS - DAY_MS);
    account->clock_ms = NOW_MS;
    account->ordinal = 12;
    account->next_internal_ms = NOW_MS + 5;
    account->tracks[0].stage = 2;
    account->tracks[0].sequence = 4;
    account->tracks[0].stages[2] = (StageState){.entered_at_ms = NOW_MS - 4, .left_at_ms = NOW_MS - 5, .entries = 2};
    for (size_t i = 0; i < n_members; i++) {
        char id[32];
        (void)snprintf(id, sizeof(id), "lead-%03zu", i);
        Member *member;
        ck_assert_int_eq(account_add(account, str_from(id), &member), 0);
        member->active_at_ms = NOW_MS - (int64_t)random_below(&random, 10) * DAY_MS;
        member->committee_at_ms = i % 3 ? member->active_at_ms - (int64_t)random_below(&random, 1000) : TIME_NONE;
        for (unsigned k = 0; k < 12; k++)
            ck_assert_int_eq(account_award(account, &model, member, k % 4, random_between(&random, -9, 9),
                                     member->active_at_ms - (int64_t)random_below(&random, 20) * DAY_MS / 3,
                                     member->active_at_ms),
                    0);
    }
    return account;
}

static const size_t member_counts[] = {0, 1, 2, 17, ACCOUNT_MEMBERS_MAX};

START_TEST(unpacked_account_is_the_packed_one) {
    _cleanup_(account_free) Account *account = make_account(member_counts[_i]), *again = NULL;
    Buffer packed = {0}, repacked = {0};
    ck_assert_int_eq(account_record_pack(account, &model, &packed), 0);
    ck_assert_int_eq(unpack(as_str(&packed), &model, &again), 0);
    ck_assert_int_eq(account_record_pack(again, &model, &repacked), 0);
    ck_assert(str_eq(as_str(&packed), as_str(&repacked)));
    ck_assert(str_eq_c(again->account_id, "acme"));
    ck_assert_int_eq(again->clock_ms, NOW_MS);
    ck_assert_int_eq(again->next_internal_ms, NOW_MS + 5);
    ck_assert_uint_eq(again->ordinal, 12);
    ck_assert_uint_eq(again->tracks[0].stage, 2);
    ck_assert_uint_eq(again->tracks[0].stages[2].entries, 2);
    ck_assert_uint_eq(again->n_members, account->n_members);
    for (size_t i = 0; i < account->n_members; i++) {
        ck_assert(str_eq(again->members[i].lead_id, account->members[i].lead_id));
        ck_assert_int_eq(again->members[i].active_at_ms, account->members[i].active_at_ms);
        ck_assert_int_eq(again->members[i].committee_at_ms, account->members[i].committee_at_ms);
    }
    for (unsigned k = 0; k < ARRAY_SIZE(scores); k++)
        ck_assert_double_eq(account_score(again, &model, k, NOW_MS), account_score(account, &model, k, NOW_MS));
    buffer_done(&packed);
    buffer_done(&repacked);
}
END_TEST

START_TEST(cut_off_or_changed_bytes_are_refused_or_a_record) {
    _cleanup_(account_free) Account *account = make_account(3);
    Buffer packed = {0};
    ck_assert_int_eq(account_record_pack(account, &model, &packed), 0);
    for (size_t len = 0; len < packed.len; len++)
        assert_refused((Str){(const char *)packed.data, len}, &model, RECORD_E_CORRUPT);
    for (size_t i = 1; i < packed.len; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            packed.data[i] ^= (uint8_t)(1 << bit);
            _cleanup_(account_free) Account *read = NULL;
            int r = unpack(as_str(&packed), &model, &read);
            ck_assert(r >= 0);
            Buffer again = {0};
            if (r == 0) {
                ck_assert_int_eq(account_record_pack(read, &model, &again), 0);
                ck_assert(str_eq(as_str(&again), as_str(&packed)));
            }
            buffer_done(&again);
            packed.data[i] ^= (uint8_t)(1 << bit);
        }
    buffer_done(&packed);
}
END_TEST

START_TEST(other_formats_and_models_are_told_apart) {
    _cleanup_(account_free) Account *account = make_account(1);
    Model newer = model;
    newer.version = 4;
    Buffer packed = {0};
    ck_assert_int_eq(account_record_pack(account, &model, &packed), 0);
    assert_refused(as_str(&packed), &newer, RECORD_E_MODEL);
    assert_refused(as_str(&packed), &empty_model, RECORD_E_CORRUPT);
    packed.data[0] = ACCOUNT_RECORD_FORMAT + 1;
    assert_refused(as_str(&packed), &model, RECORD_E_FORMAT);
    packed.data[0] = RECORD_FORMAT;
    assert_refused(as_str(&packed), &model, RECORD_E_CORRUPT);
    buffer_done(&packed);
}
END_TEST

START_TEST(neither_is_taken_for_the_other) {
    _cleanup_(account_free) Account *account = make_account(1);
    Lead *lead = NULL;
    Buffer packed = {0};
    ck_assert_int_eq(account_record_pack(account, &model, &packed), 0);
    ck_assert_int_eq(record_unpack(as_str(&packed), STR_LITERAL("acme"), &model, &lead), RECORD_E_CORRUPT);
    packed.len = 0;
    ck_assert_int_eq(lead_new(&model, STR_LITERAL("ann"), &lead), 0);
    lead_begin(lead, &model, NOW_MS);
    ck_assert_int_eq(record_pack(lead, &model, &packed), 0);
    assert_refused(as_str(&packed), &model, RECORD_E_CORRUPT);
    lead_free(lead);
    buffer_done(&packed);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("account record");
    TCase *tcase = tcase_create("account record");
    tcase_add_loop_test(tcase, unpacked_account_is_the_packed_one, 0, ARRAY_SIZE(member_counts));
    tcase_add_test(tcase, cut_off_or_changed_bytes_are_refused_or_a_record);
    tcase_add_test(tcase, other_formats_and_models_are_told_apart);
    tcase_add_test(tcase, neither_is_taken_for_the_other);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
