/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/shard/moments.h"

#include <stdio.h>

#include "lib/lead/account.h"
#include "lib/lead/lead.h"
#include "tests/unit/engine_fixture.h"

static const Model model;

static Lead *new_lead(const char *id, int64_t internal_ms, int64_t sla_ms) {
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(&model, str_from(id), &lead), 0);
    lead->next_internal_ms = internal_ms;
    lead->next_sla_ms = sla_ms;
    return lead;
}

static int set(Moments *moments, Lead *lead) {
    return moments_set(moments, &lead->entity, lead_next_moment(lead));
}

static Moments *new_moments(void) {
    Moments *moments = NULL;
    ck_assert_int_eq(moments_new(&moments), 0);
    return moments;
}

static void expect_first(const Moments *moments, int64_t at_ms, const Lead *lead, const char *id) {
    Moment first = moments_first(moments);
    ck_assert_int_eq(first.at_ms, at_ms);
    if (at_ms == TIME_NEVER)
        return;
    ck_assert_ptr_eq(lead_of(first.entity), lead);
    ck_assert(str_eq_c(first.id, id));
}

START_TEST(no_moment_is_never) {
    _cleanup_(moments_free) Moments *moments = new_moments();
    _cleanup_(lead_free) Lead *lead = new_lead("a", TIME_NEVER, TIME_NEVER);
    expect_first(moments, TIME_NEVER, NULL, NULL);
    ck_assert_int_eq(set(moments, lead), 0);
    expect_first(moments, TIME_NEVER, NULL, NULL);
    ck_assert_uint_eq(lead->entity.heap_index, 0);
    moments_remove(moments, &lead->entity);
    moments_remove_cold(moments, ENTITY_LEAD, STR_LITERAL("nobody"));
    ck_assert_int_eq(moments_first_cold(moments).at_ms, TIME_NEVER);
}
END_TEST

START_TEST(first_is_the_earliest_then_the_lesser_id_cold_or_not) {
    _cleanup_(moments_free) Moments *moments = new_moments();
    _cleanup_(lead_free) Lead *b = new_lead("b", 10, 20), *d = new_lead("d", TIME_NEVER, 10);
    ck_assert_int_eq(set(moments, d), 0);
    ck_assert_int_eq(set(moments, b), 0);
    expect_first(moments, 10, b, "b");
    ck_assert_int_eq(moments_set_cold(moments, ENTITY_LEAD, STR_LITERAL("c"), 10), 0);
    expect_first(moments, 10, b, "b");
    ck_assert_int_eq(moments_set_cold(moments, ENTITY_LEAD, STR_LITERAL("a"), 10), 0);
    expect_first(moments, 10, NULL, "a");
    /* moved */
    ck_assert_int_eq(moments_set_cold(moments, ENTITY_LEAD, STR_LITERAL("a"), 11), 0);
    ck_assert_uint_eq(moments_count_cold(moments), 2);
    expect_first(moments, 10, b, "b");
    b->next_internal_ms = 12;
    ck_assert_int_eq(set(moments, b), 0);
    expect_first(moments, 10, NULL, "c");
    moments_remove_cold(moments, ENTITY_LEAD, STR_LITERAL("c"));
    ck_assert(!moments_has_cold(moments, ENTITY_LEAD, STR_LITERAL("c")));
    ck_assert(moments_has_cold(moments, ENTITY_LEAD, STR_LITERAL("a")));
    expect_first(moments, 10, d, "d");
    ck_assert(str_eq_c(moments_first_cold(moments).id, "a"));
    /* without a moment it leaves */
    d->next_sla_ms = TIME_NEVER;
    ck_assert_int_eq(set(moments, d), 0);
    expect_first(moments, 11, NULL, "a");
    moments_remove_cold(moments, ENTITY_LEAD, STR_LITERAL("a"));
    expect_first(moments, 12, b, "b");
    moments_remove(moments, &b->entity);
    expect_first(moments, TIME_NEVER, NULL, NULL);
}
END_TEST

static void expect_account(const Moments *moments, int64_t at_ms, const char *id, bool cold) {
    Moment first = moments_first(moments);
    ck_assert_int_eq(first.at_ms, at_ms);
    ck_assert_int_eq(first.kind, ENTITY_ACCOUNT);
    ck_assert(str_eq_c(first.id, id));
    ck_assert_int_eq(first.entity == NULL, cold);
}

START_TEST(leads_come_before_accounts_whatever_their_ids) {
    _cleanup_(moments_free) Moments *moments = new_moments();
    _cleanup_(lead_free) Lead *z = new_lead("z", 10, TIME_NEVER);
    _cleanup_(account_free) Account *b = NULL;
    ck_assert_int_eq(account_new(&model, STR_LITERAL("b"), &b), 0);
    ck_assert_int_eq(moments_set(moments, &b->entity, 10), 0);
    ck_assert_int_eq(moments_set_cold(moments, ENTITY_ACCOUNT, STR_LITERAL("a"), 10), 0);
    ck_assert_int_eq(moments_set_cold(moments, ENTITY_LEAD, STR_LITERAL("a"), 11), 0);
    ck_assert_int_eq(set(moments, z), 0);
    expect_first(moments, 10, z, "z");
    moments_remove(moments, &z->entity);
    expect_account(moments, 10, "a", true);
    /* one id, two kinds */
    ck_assert_int_eq(moments_set_cold(moments, ENTITY_LEAD, STR_LITERAL("a"), 10), 0);
    expect_first(moments, 10, NULL, "a");
    moments_remove_cold(moments, ENTITY_LEAD, STR_LITERAL("a"));
    ck_assert(moments_has_cold(moments, ENTITY_ACCOUNT, STR_LITERAL("a")));
    ck_assert(!moments_has_cold(moments, ENTITY_LEAD, STR_LITERAL("a")));
    moments_remove_cold(moments, ENTITY_ACCOUNT, STR_LITERAL("a"));
    expect_account(moments, 10, "b", false);
    moments_remove(moments, &b->entity);
}
END_TEST

/* --- by chance --------------------------------------------------------------------------------------- */

enum { N = 300 };

typedef struct Plain {
    Lead *leads[N];
    int64_t cold_ms[N]; /* TIME_NEVER: not cold */
    bool in[N];
} Plain;

/* The plainest heap there is. */
static void expect_as_plain(const Moments *moments, const Plain *plain) {
    int64_t best_ms = TIME_NEVER;
    Str best_id = STR_NULL;
    const Lead *best = NULL;
    size_t n_cold = 0;
    for (size_t i = 0; i < N; i++) {
        int64_t at_ms = plain->in[i] ? lead_next_moment(plain->leads[i]) : plain->cold_ms[i];
        n_cold += plain->cold_ms[i] != TIME_NEVER;
        Str id = plain->leads[i]->lead_id;
        if (at_ms == TIME_NEVER || at_ms > best_ms || (at_ms == best_ms && str_compare(id, best_id) > 0))
            continue;
        best_ms = at_ms;
        best_id = id;
        best = plain->in[i] ? plain->leads[i] : NULL;
    }
    Moment first = moments_first(moments);
    ck_assert_int_eq(first.at_ms, best_ms);
    ck_assert_uint_eq(moments_count_cold(moments), n_cold);
    if (best_ms == TIME_NEVER)
        return;
    ck_assert_ptr_eq(lead_of(first.entity), best);
    ck_assert(str_eq(first.id, best_id));
}

static void random_step(Moments *moments, Plain *plain, uint64_t *random) {
    size_t i = random_below(random, N);
    Lead *lead = plain->leads[i];
    int64_t at_ms = (int64_t)random_below(random, 60);
    bool cold = plain->cold_ms[i] != TIME_NEVER;
    switch (random_below(random, 4)) {
    case 0: /* cold, or no more */
        if (plain->in[i])
            break;
        if (cold)
            moments_remove_cold(moments, ENTITY_LEAD, lead->lead_id);
        else
            ck_assert_int_eq(moments_set_cold(moments, ENTITY_LEAD, lead->lead_id, at_ms), 0);
        plain->cold_ms[i] = cold ? TIME_NEVER : at_ms;
        break;
    case 1:
        moments_remove(moments, &lead->entity);
        plain->in[i] = false;
        break;
    default:
        if (cold) {
            ck_assert_int_eq(moments_set_cold(moments, ENTITY_LEAD, lead->lead_id, at_ms), 0);
            plain->cold_ms[i] = at_ms;
            break;
        }
        lead->next_internal_ms = random_below(random, 3) ? at_ms : TIME_NEVER;
        lead->next_sla_ms = random_below(random, 3) ? at_ms + 1 : TIME_NEVER;
        ck_assert_int_eq(set(moments, lead), 0);
        plain->in[i] = lead_next_moment(lead) != TIME_NEVER;
    }
}

START_TEST(random_changes_agree_with_a_plain_search) {
    _cleanup_(moments_free) Moments *moments = new_moments();
    static Plain plain;
    uint64_t random = 5;
    for (size_t i = 0; i < N; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "lead-%zu", i);
        plain.leads[i] = new_lead(id, TIME_NEVER, TIME_NEVER);
        plain.cold_ms[i] = TIME_NEVER;
    }
    for (int step = 0; step < 6000; step++) {
        random_step(moments, &plain, &random);
        if (step % 3 == 0)
            expect_as_plain(moments, &plain);
    }
    for (size_t i = 0; i < N; i++) {
        moments_remove(moments, &plain.leads[i]->entity);
        lead_free(plain.leads[i]);
    }
}
END_TEST

START_TEST(those_that_are_due_are_counted_up_to_a_bound) {
    _cleanup_(moments_free) Moments *moments = new_moments();
    char id[16];
    ck_assert_uint_eq(moments_count_due(moments, INT64_MAX - 1, 10), 0);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof(id), "%d", i);
        ck_assert_int_eq(moments_set_cold(moments, ENTITY_LEAD, str_from(id), 37 * i % 100), 0);
    }
    _cleanup_(lead_free) Lead *early = new_lead("early", 5, TIME_NEVER), *late = new_lead("late", 50, TIME_NEVER);
    ck_assert_int_eq(set(moments, early), 0);
    ck_assert_int_eq(set(moments, late), 0);
    ck_assert_uint_eq(moments_count(moments), 102);
    ck_assert_uint_eq(moments_count_due(moments, -1, 1000), 0);
    ck_assert_uint_eq(moments_count_due(moments, 49, 1000), 51);
    ck_assert_uint_eq(moments_count_due(moments, 50, 1000), 53);
    for (size_t max = 0; max <= 53; max++)
        ck_assert_uint_eq(moments_count_due(moments, 50, max), max);
    moments_remove(moments, &late->entity);
    ck_assert_uint_eq(moments_count_due(moments, 50, 1000), 52);
    moments_remove(moments, &early->entity);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("moments");
    TCase *tcase = tcase_create("moments");
    tcase_add_test(tcase, no_moment_is_never);
    tcase_add_test(tcase, first_is_the_earliest_then_the_lesser_id_cold_or_not);
    tcase_add_test(tcase, leads_come_before_accounts_whatever_their_ids);
    tcase_add_test(tcase, random_changes_agree_with_a_plain_search);
    tcase_add_test(tcase, those_that_are_due_are_counted_up_to_a_bound);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
