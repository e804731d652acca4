/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine at the limits of what it accepts: the largest model, ids of full length, extreme instants and numbers. Whatever
 * a model file and an event may say, no step may fail over it.
 */
#include "lib/engine.h"
#include "lib/shard.h"
#include "tests/unit/engine_fixture.h"

#define HOUR_MS INT64_C(3600000)

static Shard *new_shard(const Model *model, Record *record) {
    Shard *shard = NULL;
    ck_assert_int_eq(shard_new(model, record_sink(record), &shard), 0);
    return shard;
}

static void apply(Shard *shard, const LeadEvent *event) {
    EventResult result;
    ck_assert_int_eq(shard_event(shard, event, event->occurred_at_ms, &result), 0);
    ck_assert_int_eq(result.outcome, EVENT_APPLIED);
}

/* `n` times `c`. */
static Str repeated(char c, size_t n, char *text) {
    memset(text, c, n);
    text[n] = '\0';
    return (Str){text, n};
}

START_TEST(ids_of_full_length_name_outputs) {
    char id[MODEL_ID_LEN_MAX + 1], lead_id[EVENT_LEAD_ID_LEN_MAX + 1], event_id[EVENT_ID_LEN_MAX + 1], text[4096];
    (void)repeated('x', MODEL_ID_LEN_MAX, id);
    (void)snprintf(text, sizeof(text),
            "model: %s\nversion: 1\ntracks: { %s: { initial: a, stages: [ { id: a }, { id: %s } ], transitions: [ "
            "{ id: %s, from: [a], to: %s, on: [go], require: 'event.ok == true' } ] } }\n"
            "sla: [ { id: %s, start: { on: [go, try] }, stop: { on: [stop] }, target: 1h } ]\n",
            id, id, id, id, id, id);
    _cleanup_(model_free) Model *model = fixture_model(text);
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(model, &record);
    const Property ok = {STR_LITERAL("ok"), value_boolean(true)};
    LeadEvent event = fixture_event("", "", "go", 0);
    event.lead_id = repeated('y', EVENT_LEAD_ID_LEN_MAX, lead_id);
    event.event_id = repeated('1', EVENT_ID_LEN_MAX, event_id);
    apply(shard, &event);
    (void)repeated('2', EVENT_ID_LEN_MAX, event_id);
    event.properties = &ok;
    event.n_properties = 1;
    event.occurred_at_ms = EVENT_TIME_MS_MAX - 2 * HOUR_MS;
    apply(shard, &event);
    ck_assert_int_eq(shard_advance(shard, EVENT_TIME_MS_MAX), 0);
    /* refused, gone, breached */
    ck_assert_uint_eq(lead_table_count(shard_leads(shard)), 1);
    ck_assert_uint_eq(lead_table_get(shard_leads(shard), event.lead_id)->ordinal, 3);
}
END_TEST

/* A level travels as it is written, so its text can be as long as the file allows. */
START_TEST(levels_with_many_zeros_are_told) {
    char zeros[2001], text[8192];
    (void)repeated('0', 2000, zeros);
    (void)snprintf(text, sizeof(text),
            "model: m\nversion: 1\ntracks: { t: { initial: a, stages: [ { id: a } ] } }\n"
            "sla: [ { id: p, start: { on: [go] }, stop: { on: [stop] }, target: 1h, warn: [%s50%%], escalate: [%s2h] } ]\n",
            zeros, zeros);
    _cleanup_(model_free) Model *model = fixture_model(text);
    size_t n = 0;
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(model, &record);
    LeadEvent event = fixture_event("lead", "e1", "go", 0);
    apply(shard, &event);
    (void)n;
}
END_TEST

int main(void) {
    return 0;
}
