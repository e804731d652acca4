/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard: what becomes of events, whose moments happen when and in which order, leads that are not in
 * memory.
 */
#include "lib/shard/shard.h"

#include "lib/record/record.h"
#include "tests/unit/engine_fixture.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)

static const char model_text[] =
        "model: m\nversion: 1\n"
        "ignore: [ { id: never, when: 'event.type == \"none\"' }, { id: bots, when: 'event.type == \"bot\"' "
        "} ]\n"
        "tracks: { t: { initial: a, stages: [ { id: a }, { id: b }, { id: c } ], transitions: [ "
        "{ id: ab, from: [a], to: b, on: [go] }, { id: bc, from: [b], to: c, when: 'age(t) >= 1h' } ] } }\n"
        "sla: [ { id: p, start: { on: [go] }, stop: { on: [sales_touch] }, target: 10m } ]\n";

static Model *model;

static void setup(void) {
    model = fixture_model(model_text);
}

static void teardown(void) {
    model = model_free(model);
}

static Shard *new_shard(Record *record) {
    Shard *shard = NULL;
    ck_assert_int_eq(shard_new(model, record_sink(record), &shard), 0);
    return shard;
}

static EventOutcome apply_with(
        Shard *shard, const char *lead, const char *id, const char *type, int64_t at_ms, int64_t w_ms) {
    EventResult result;
    LeadEvent event = fixture_event(lead, id, type, at_ms);
    bool accepted;
    ck_assert_int_eq(shard_accepts(shard, &event, &accepted), 0);
    ck_assert_int_eq(shard_event(shard, &event, w_ms, &result), 0);
    ck_assert(accepted == (result.outcome == EVENT_APPLIED));
    if (result.outcome == EVENT_IGNORED)
        ck_assert_uint_eq(result.ignore_rule, 1);
    return result.outcome;
}
static EventOutcome apply(Shard *shard, const char *lead, const char *id, const char *type, int64_t at_ms) {
    return apply_with(shard, lead, id, type, at_ms, at_ms);
}

START_TEST(outcome_tells_what_became_of_an_event) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    ck_assert_int_eq(shard_watermark(shard), TIME_NONE);
    ck_assert_int_eq(apply(shard, "ann", "e1", "bot", 5000), EVENT_IGNORED);
    ck_assert_int_eq(shard_watermark(shard), TIME_NONE);
    ck_assert_uint_eq(entity_table_count(shard_leads(shard)), 0);
    ck_assert_int_eq(apply(shard, "ann", "e1", "visit", 1000), EVENT_APPLIED);
    ck_assert_int_eq(apply(shard, "ann", "e1", "visit", 9000), EVENT_DUPLICATE);
    ck_assert_int_eq(apply(shard, "bea", "e1", "visit", 900), EVENT_APPLIED);
    ck_assert_int_eq(apply(shard, "ann", "e2", "lead_merged", 9000), EVENT_REJECTED);
    ck_assert_int_eq(shard_watermark(shard), 1000);
    /* ignored ids are not kept: the id may come again with another type */
    ck_assert_int_eq(apply(shard, "ann", "e3", "bot", 9000), EVENT_IGNORED);
    ck_assert_int_eq(apply(shard, "ann", "e3", "visit", 2000), EVENT_APPLIED);
    ck_assert_uint_eq(entity_table_count(shard_leads(shard)), 2);
    record_expect(&record, "");
}
END_TEST

/* 256 ids can be one lead; what would be more stays as it was. */
START_TEST(merge_of_too_many_ids_is_rejected) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    Property into = {STR_LITERAL("into"), value_string(STR_LITERAL("ann"))};
    EventResult result;
    for (int i = 0; i <= LEAD_ALIASES_MAX; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "l%d", i);
        ck_assert_int_eq(apply(shard, id, id, "seen", 5000), EVENT_APPLIED);
        LeadEvent event = fixture_event(id, "merge", "lead_merged", 5000);
        event.properties = &into;
        event.n_properties = 1;
        bool has_room = i < LEAD_ALIASES_MAX, accepted;
        ck_assert_int_eq(shard_accepts(shard, &event, &accepted), 0);
        ck_assert(accepted == has_room);
        ck_assert_int_eq(shard_event(shard, &event, 5000, &result), 0);
        ck_assert_int_eq(result.outcome, has_room ? EVENT_APPLIED : EVENT_REJECTED);
    }
    ck_assert_str_eq(result.reason, "too_large");
    ck_assert_int_eq(apply(shard, "l256", "e2", "seen", 5000), EVENT_APPLIED); /* it is a lead as before */
    ck_assert_ptr_null(lead_of(entity_table_get(shard_leads(shard), STR_LITERAL("l256")))->merged_into.data);
}
END_TEST

START_TEST(watermark_never_falls_and_brings_moments_in_order) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    for (const char *const *lead = (const char *const[]){"bea", "ann", "cid", NULL}; *lead; lead++)
        ck_assert_int_eq(
                apply_with(shard, *lead, "e1", "go", **lead == 'c' ? 0 : MINUTE_MS, 0), EVENT_APPLIED);
    record_expect(&record, "bea t a>b @60000 event\nann t a>b @60000 event\ncid t a>b @0 event\n");
    ck_assert_int_eq(shard_next_moment(shard), 10 * MINUTE_MS + 1);
    ck_assert_int_eq(shard_advance(shard, 10 * MINUTE_MS), 0);
    record_expect(&record, "");
    ck_assert_int_eq(shard_advance(shard, 11 * MINUTE_MS + 1), 0);
    record_expect(&record, "cid p#1 breached @600000\nann p#1 breached @660000\nbea p#1 breached @660000\n");
    ck_assert_int_eq(shard_advance(shard, 5), 0);
    ck_assert_int_eq(shard_watermark(shard), 11 * MINUTE_MS + 1);
    ck_assert_int_eq(shard_next_moment(shard), HOUR_MS);
    ck_assert_int_eq(shard_advance(shard, 2 * HOUR_MS), 0);
    record_expect(&record, "cid t b>c @3600000 time\nann t b>c @3660000 time\nbea t b>c @3660000 time\n");
    ck_assert_int_eq(shard_next_moment(shard), TIME_NEVER);
}
END_TEST

START_TEST(own_internal_moments_come_before_an_event_beyond_the_watermark) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    (void)apply_with(shard, "ann", "e1", "go", 0, 0);
    (void)apply_with(shard, "bea", "e1", "go", 0, 0);
    record_expect(&record, "ann t a>b @0 event\nbea t a>b @0 event\n");
    /* ann's own transition of 1h happens; her SLA moment and bea's wait for W */
    ck_assert_int_eq(apply_with(shard, "ann", "e2", "visit", HOUR_MS, 0), EVENT_APPLIED);
    record_expect(&record, "ann t b>c @3600000 time\n");
    ck_assert_int_eq(shard_advance(shard, HOUR_MS), 0);
    record_expect(&record, "ann p#1 breached @600000\nbea p#1 breached @600000\nbea t b>c @3600000 time\n");
}
END_TEST

START_TEST(restored_watermark_brings_nothing_until_the_next_step) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    (void)apply_with(shard, "ann", "e1", "go", 0, 0);
    shard_restore_watermark(shard, HOUR_MS);
    ck_assert_int_eq(shard_watermark(shard), HOUR_MS);
    record_expect(&record, "ann t a>b @0 event\n");
    ck_assert_int_eq(shard_advance(shard, TIME_NONE), 0);
    record_expect(&record, "ann p#1 breached @600000\nann t b>c @3600000 time\n");
}
END_TEST

START_TEST(changed_leads_are_dirty_once_in_order_of_change) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    EntityTable *leads = shard_leads(shard);
    (void)apply_with(shard, "bea", "e1", "go", 0, 0);
    (void)apply_with(shard, "ann", "e1", "visit", 0, 0);
    (void)apply_with(shard, "bea", "e2", "visit", 0, 0);
    (void)apply_with(shard, "ann", "e1", "visit", 0, 0); /* a duplicate changes nothing */
    ck_assert(str_eq_c(entity_table_dirty(leads)->id, "bea"));
    ck_assert(str_eq_c(entity_table_dirty(leads)->dirty_next->id, "ann"));
    ck_assert_ptr_null(entity_table_dirty(leads)->dirty_next->dirty_next);
    entity_table_clean(leads);
    ck_assert_ptr_null(entity_table_dirty(leads));
    /* a moment changes its lead */
    ck_assert_int_eq(shard_advance(shard, HOUR_MS), 0);
    ck_assert(str_eq_c(entity_table_dirty(leads)->id, "bea"));
    ck_assert_ptr_null(entity_table_dirty(leads)->dirty_next);
}
END_TEST

START_TEST(forgotten_lead_is_gone_and_may_come_back_in_the_same_batch) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    EntityTable *leads = shard_leads(shard);
    (void)apply(shard, "ann", "e1", "go", 0);
    ck_assert_int_eq(apply(shard, "ann", "f1", "lead_forgotten", 1000), EVENT_APPLIED);
    record_expect(&record, "ann t a>b @0 event\nann LeadRetired @1000\n");
    Lead *lead = lead_of(entity_table_get(leads, STR_LITERAL("ann")));
    ck_assert(lead->entity.erased && lead->entity.dirty);
    ck_assert_int_eq(shard_next_moment(shard), TIME_NEVER);
    /* who never was is not retired, though W rises; nor is one that is forgotten twice */
    ck_assert_int_eq(apply(shard, "bea", "f1", "lead_forgotten", 2000), EVENT_APPLIED);
    ck_assert_int_eq(apply(shard, "ann", "f2", "lead_forgotten", 2000), EVENT_APPLIED);
    ck_assert_int_eq(shard_watermark(shard), 2000);
    record_expect(&record, "");
    ck_assert_ptr_null(lead_of(entity_table_get(leads, STR_LITERAL("bea"))));
    /* back again, with the ids of before */
    ck_assert_int_eq(apply(shard, "ann", "e1", "go", 3000), EVENT_APPLIED);
    record_expect(&record, "ann t a>b @3000 event\n");
    ck_assert(!lead_of(entity_table_get(leads, STR_LITERAL("ann")))->entity.erased);
    entity_table_clean(leads);
    ck_assert_ptr_nonnull(lead_of(entity_table_get(leads, STR_LITERAL("ann"))));
    (void)apply(shard, "ann", "f3", "lead_forgotten", 4000);
    entity_table_clean(leads);
    ck_assert_uint_eq(entity_table_count(leads), 0);
}
END_TEST

/* --- cold leads -------------------------------------------------------------------------------------- */

/* The record of a lead that was gone at 0 and whose breach was told. */
static Lead *stored_lead(Buffer *packed) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    Lead *lead = NULL;
    (void)apply(shard, "ann", "e1", "go", 0);
    ck_assert_int_eq(shard_advance(shard, 30 * MINUTE_MS), 0);
    ck_assert_int_eq(record_pack(lead_of(entity_table_get(shard_leads(shard), STR_LITERAL("ann"))), model, packed), 0);
    ck_assert_int_eq(
            record_unpack((Str){(const char *)packed->data, packed->len}, STR_LITERAL("ann"), model, &lead),
            0);
    return lead;
}

START_TEST(moment_of_a_cold_lead_waits_until_it_is_loaded) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    Buffer packed = {0};
    (void)apply_with(shard, "bea", "e1", "go", 1000, 1000);
    ck_assert_int_eq(shard_add_cold(shard, ENTITY_LEAD, STR_LITERAL("ann"), HOUR_MS), 0);
    ck_assert_int_eq(shard_add_cold(shard, ENTITY_LEAD, STR_LITERAL("ann"), 5), 0); /* again: as it was */
    ck_assert_int_eq(shard_add_cold(shard, ENTITY_LEAD, STR_LITERAL("bea"), 5), 0); /* in memory: nothing */
    ck_assert_uint_eq(shard_count_cold(shard), 1);
    ck_assert(str_eq_c(shard_next_cold(shard).id, "ann"));
    ck_assert_int_eq(shard_next_cold(shard).at_ms, HOUR_MS);
    record_expect(&record, "bea t a>b @1000 event\n");

    ck_assert_int_eq(shard_advance(shard, 2 * HOUR_MS), SHARD_E_COLD);
    record_expect(&record, "bea p#1 breached @601000\n"); /* what came before it happened */
    EventResult result;
    LeadEvent event = fixture_event("cid", "e1", "go", 2 * HOUR_MS);
    ck_assert_int_eq(shard_event(shard, &event, 2 * HOUR_MS, &result), SHARD_E_COLD);
    ck_assert_ptr_null(lead_of(entity_table_get(shard_leads(shard), STR_LITERAL("cid"))));

    ck_assert_int_eq(shard_load(shard, stored_lead(&packed)), 0);
    buffer_done(&packed);
    ck_assert_uint_eq(shard_count_cold(shard), 0);
    ck_assert(str_is_null(shard_next_cold(shard).id));
    ck_assert_int_eq(shard_next_cold(shard).at_ms, TIME_NEVER);
    ck_assert_int_eq(shard_event(shard, &event, 2 * HOUR_MS, &result), 0);
    record_expect(&record, "ann t b>c @3600000 time\nbea t b>c @3601000 time\ncid t a>b @7200000 event\n");
}
END_TEST

START_TEST(cold_lead_that_is_none_is_dropped) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    ck_assert_int_eq(shard_add_cold(shard, ENTITY_LEAD, STR_LITERAL("ann"), 5), 0);
    ck_assert_int_eq(shard_next_moment(shard), 5);
    shard_drop_cold(shard, ENTITY_LEAD, STR_LITERAL("ann"));
    shard_drop_cold(shard, ENTITY_LEAD, STR_LITERAL("ann"));
    ck_assert_int_eq(shard_advance(shard, HOUR_MS), 0);
}
END_TEST

START_TEST(trim_keeps_changed_leads_and_near_moments) {
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(&record);
    EntityTable *leads = shard_leads(shard);
    (void)apply_with(shard, "far", "e1", "go", 30 * MINUTE_MS, 0);
    (void)apply_with(shard, "near", "e1", "go", 0, 0);
    (void)apply_with(shard, "none", "e1", "visit", 0, 0);
    ck_assert_int_eq(shard_trim(shard, 0, 0, HOUR_MS), 0);
    ck_assert_uint_eq(entity_table_count(leads), 3); /* all are changed */
    entity_table_clean(leads);
    (void)apply_with(shard, "changed", "e1", "visit", 0, 0);
    /* moments: near 10m + 1, far 40m + 1 */
    ck_assert_int_eq(shard_trim(shard, 0, 0, 40 * MINUTE_MS), 0);
    ck_assert_uint_eq(entity_table_count(leads), 1);
    ck_assert_uint_eq(shard_count_cold(shard), 1);
    ck_assert(str_eq_c(shard_next_cold(shard).id, "near"));
    ck_assert_int_eq(shard_next_cold(shard).at_ms, 10 * MINUTE_MS + 1);
    ck_assert_int_eq(shard_next_moment(shard), 10 * MINUTE_MS + 1);
}
END_TEST

/* Whatever is thrown out and loaded again between two events, the outputs are the same. */
START_TEST(trimming_and_loading_between_events_changes_no_output) {
    enum { N = 400 };
    static const char *const ids[] = {"ann", "bea", "cid", "dan"};
    static const char *const types[] = {"go", "visit", "sales_touch", "bot", "lead_forgotten"};
    for (uint64_t seed = 1; seed <= 3; seed++) {
        _cleanup_(record_done) Record expected = {0}, got = {0};
        _cleanup_(shard_free) Shard *plain = new_shard(&expected), *trimmed = new_shard(&got);
        Buffer packed[ARRAY_SIZE(ids)] = {0};
        bool stored[ARRAY_SIZE(ids)] = {false};
        uint64_t random = seed;
        int64_t at_ms = 0;
        for (int i = 0; i < N; i++) {
            char event_id[16];
            size_t who = random_below(&random, ARRAY_SIZE(ids));
            at_ms += (int64_t)random_below(&random, 30 * (uint64_t)MINUTE_MS);
            const char *type = types[random_below(&random, random_below(&random, 8) ? 4 : 5)];
            (void)snprintf(event_id, sizeof(event_id), "e%d", i);
            (void)apply(plain, ids[who], event_id, type, at_ms);
            /* as the daemon does it: all leads whose moments are due and the event's own are loaded first */
            for (size_t k = 0; k < ARRAY_SIZE(ids); k++) {
                Lead *lead = NULL;
                if (!stored[k])
                    continue;
                ck_assert_int_eq(record_unpack((Str){(const char *)packed[k].data, packed[k].len},
                                         str_from(ids[k]), model, &lead),
                        0);
                if (k == who || lead_next_moment(lead) <= at_ms) {
                    ck_assert_int_eq(shard_load(trimmed, lead), 0);
                    stored[k] = false;
                } else {
                    lead_free(lead);
                }
            }
            (void)apply(trimmed, ids[who], event_id, type, at_ms);
            for (Entity *e = entity_table_dirty(shard_leads(trimmed)); e; e = e->dirty_next)
                for (size_t k = 0; k < ARRAY_SIZE(ids); k++)
                    if (str_eq_c(e->id, ids[k])) {
                        packed[k].len = 0;
                        ck_assert_int_eq(e->erased ? 0 : record_pack(lead_of(e), model, &packed[k]), 0);
                    }
            entity_table_clean(shard_leads(trimmed));
            ck_assert_int_eq(shard_trim(trimmed, 0, 0, TIME_NEVER), 0);
            for (size_t k = 0; k < ARRAY_SIZE(ids); k++)
                stored[k] = packed[k].len > 0;
        }
        ck_assert_uint_gt(expected.len, 1000);
        ck_assert_str_eq(got.text, expected.text);
        for (size_t k = 0; k < ARRAY_SIZE(ids); k++)
            buffer_done(&packed[k]);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("shard");
    TCase *tcase = tcase_create("shard");
    tcase_add_unchecked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, outcome_tells_what_became_of_an_event);
    tcase_add_test(tcase, merge_of_too_many_ids_is_rejected);
    tcase_add_test(tcase, watermark_never_falls_and_brings_moments_in_order);
    tcase_add_test(tcase, own_internal_moments_come_before_an_event_beyond_the_watermark);
    tcase_add_test(tcase, restored_watermark_brings_nothing_until_the_next_step);
    tcase_add_test(tcase, changed_leads_are_dirty_once_in_order_of_change);
    tcase_add_test(tcase, forgotten_lead_is_gone_and_may_come_back_in_the_same_batch);
    tcase_add_test(tcase, moment_of_a_cold_lead_waits_until_it_is_loaded);
    tcase_add_test(tcase, cold_lead_that_is_none_is_dropped);
    tcase_add_test(tcase, trim_keeps_changed_leads_and_near_moments);
    tcase_add_test(tcase, trimming_and_loading_between_events_changes_no_output);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
