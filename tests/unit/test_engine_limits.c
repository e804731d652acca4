/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine at the limits of what it accepts: the largest model, ids of full length, extreme instants and
 * numbers. Whatever a model file and an event may say, no step may fail over it.
 */
#include "lib/engine/engine.h"
#include "lib/shard/shard.h"
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
    char id[MODEL_ID_LEN_MAX + 1], lead_id[EVENT_LEAD_ID_LEN_MAX + 1], event_id[EVENT_ID_LEN_MAX + 1],
            text[4096];
    (void)repeated('x', MODEL_ID_LEN_MAX, id);
    (void)snprintf(text, sizeof(text),
            "model: %s\nversion: 1\ntracks: { %s: { initial: a, stages: [ { id: a }, { id: %s } ], "
            "transitions: [ "
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
    ck_assert_uint_eq(entity_table_count(shard_leads(shard)), 1);
    ck_assert_uint_eq(lead_of(entity_table_get(shard_leads(shard), event.lead_id))->ordinal, 3);
}
END_TEST

/* --- what is only counted ---------------------------------------------------------------------------- */

typedef struct Count {
    size_t n[_OUTPUT_TYPE_MAX];
    int64_t latest_ms; /* outputs never go back in time */
    size_t level_len_max;
} Count;

static int count_output(void *userdata, const Output *output) {
    Count *count = userdata;
    count->n[output->type]++;
    if (output->at_ms < count->latest_ms)
        return -EINVAL;
    count->latest_ms = output->at_ms;
    if (output->type == OUTPUT_SLA_EVENT)
        count->level_len_max = MAX(count->level_len_max, output->sla_event.level.len);
    return 0;
}

static Shard *new_counting_shard(const Model *model, Count *count) {
    Shard *shard = NULL;
    *count = (Count){.latest_ms = TIME_NONE};
    ck_assert_int_eq(shard_new(model, (OutputSink){count_output, count}, &shard), 0);
    return shard;
}

/* A level travels as it is written. */
START_TEST(levels_with_many_zeros_are_told) {
    char zeros[MODEL_LEVEL_LEN_MAX - 2], text[8192];
    (void)repeated('0', sizeof(zeros) - 1, zeros);
    (void)snprintf(text, sizeof(text),
            "model: m\nversion: 1\ntracks: { t: { initial: a, stages: [ { id: a } ] } }\n"
            "sla: [ { id: p, start: { on: [go] }, stop: { on: [stop] }, target: 1h, warn: [%s50%%], "
            "escalate: [%s2h] } ]\n",
            zeros, zeros);
    _cleanup_(model_free) Model *model = fixture_model(text);
    Count count;
    _cleanup_(shard_free) Shard *shard = new_counting_shard(model, &count);
    LeadEvent event = fixture_event("lead", "e1", "go", 0);
    apply(shard, &event);
    ck_assert_int_eq(shard_advance(shard, 3 * HOUR_MS), 0);
    ck_assert_uint_eq(count.n[OUTPUT_SLA_EVENT], 3);
    ck_assert_uint_eq(count.level_len_max, MODEL_LEVEL_LEN_MAX);
}
END_TEST

/* --- the largest model ------------------------------------------------------------------------------- */

static void add_scores(Record *text) {
    record_add(text, "model: m\nversion: 1\nscores:\n");
    for (unsigned i = 0; i < MODEL_SCORES_MAX; i++)
        record_add(text, "  s%u: { decay: { half_life: %uh } }\n", i, i + 1);
    record_add(text, "derived:\n");
    for (unsigned i = 0; i < MODEL_DERIVED_MAX; i++)
        record_add(text, "  d%u: 's%u + %s%u'\n", i, i, i ? "d" : "s", i ? i - 1 : 0);
    record_add(text, "rules: [ { id: r, on: [go], add: { s0: 1");
    for (unsigned i = 1; i < MODEL_SCORES_MAX; i++)
        record_add(text, ", s%u: %d", i, i % 2 ? -(int)i : (int)i);
    record_add(text, " } } ]\n");
}

/* Each goes through all its stages in one step, and looks ahead over some scores (over all of them:
 * test_crossing). */
static void add_tracks(Record *text) {
    record_add(text, "tracks:\n");
    for (unsigned t = 0; t < MODEL_TRACKS_MAX; t++) {
        record_add(text, "  t%u:\n    initial: g0\n    stages: [ { id: g0 }", t);
        for (unsigned i = 1; i < MODEL_STAGES_MAX; i++)
            record_add(text, ", { id: g%u }", i);
        record_add(text, " ]\n    transitions:\n");
        for (unsigned i = 1; i < MODEL_STAGES_MAX; i++)
            record_add(
                    text, "      - { id: x%u, from: [g%u], to: g%u, when: 'idle != null' }\n", i, i - 1, i);
        record_add(text, "      - { id: back, from: [g63], to: g0, when: 'd3 > 1e6 or s31 < -1e6' }\n");
    }
}

static void add_policies(Record *text) {
    record_add(text, "sla:\n");
    for (unsigned p = 0; p < MODEL_POLICIES_MAX; p++) {
        record_add(text, "  - { id: p%u, start: { on: [go] }, stop: { on: [stop] }, target: %uh, warn: [1%%",
                p, p + 1);
        for (unsigned i = 2; i <= MODEL_LEVELS_MAX; i++)
            record_add(text, ", %u%%", i);
        record_add(text, "], escalate: [200h");
        for (unsigned i = 2; i <= MODEL_LEVELS_MAX; i++)
            record_add(text, ", %uh", 200 + i);
        record_add(text, "] }\n");
    }
}

START_TEST(largest_model_runs) {
    _cleanup_(record_done) Record text = {0};
    add_scores(&text);
    add_tracks(&text);
    add_policies(&text);
    _cleanup_(model_free) Model *model = fixture_model(text.text);
    Count count;
    _cleanup_(shard_free) Shard *shard = new_counting_shard(model, &count);
    LeadEvent event = fixture_event("lead", "e1", "go", 1000);
    apply(shard, &event);
    ck_assert_uint_eq(count.n[OUTPUT_STAGE_CHANGED], MODEL_TRACKS_MAX * (MODEL_STAGES_MAX - 1));
    ck_assert_int_eq(shard_advance(shard, 1000 * HOUR_MS), 0);
    ck_assert_uint_eq(count.n[OUTPUT_SLA_EVENT], MODEL_POLICIES_MAX * (2 * MODEL_LEVELS_MAX + 1));
    ck_assert_int_eq(shard_next_moment(shard), TIME_NEVER);
}
END_TEST

/* Verdicts told at a stop move a track to and fro, and each entry stops the next clock: steps inside steps,
 * as deep as they get. */
START_TEST(steps_nest_as_deep_as_there_are_levels) {
    _cleanup_(record_done) Record text = {0};
    record_add(&text, "model: m\nversion: 1\nlateness: 30d\n"
                      "tracks: { t: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [\n");
    for (unsigned p = 0; p < MODEL_POLICIES_MAX; p++)
        record_add(&text,
                "  { id: ab%u, from: [a], to: b, on_sla: [p%u.warning, p%u.breached] },\n"
                "  { id: ba%u, from: [b], to: a, on_sla: [p%u.warning, p%u.breached] },\n",
                p, p, p, p, p, p);
    record_add(&text, "] } }\nsla:\n");
    for (unsigned p = 0; p < MODEL_POLICIES_MAX; p++) {
        record_add(&text,
                "  - { id: p%u, start: { on: [go] }, stop: { on: [stop], enter: [t.a, t.b] }, target: 1h, "
                "warn: [1%%",
                p);
        for (unsigned i = 2; i <= MODEL_LEVELS_MAX; i++)
            record_add(&text, ", %u%%", i);
        record_add(&text, "] }\n");
    }
    _cleanup_(model_free) Model *model = fixture_model(text.text);
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(model, &record);
    EventResult result;
    LeadEvent event = fixture_event("lead", "e1", "go", 40 * 24 * HOUR_MS);
    ck_assert_int_eq(shard_event(shard, &event, TIME_NONE, &result), 0);
    event = fixture_event("lead", "e2", "stop", 40 * 24 * HOUR_MS + 2 * HOUR_MS);
    ck_assert_int_eq(shard_event(shard, &event, TIME_NONE, &result), 0);
    Lead *lead = lead_of(entity_table_get(shard_leads(shard), STR_LITERAL("lead")));
    /* every clock told its 16 warnings and its breach, each moved the track, and every clock ended late */
    for (unsigned p = 0; p < MODEL_POLICIES_MAX; p++)
        ck_assert_int_eq(lead->clocks[p].phase, SLA_PHASE_REVISABLE);
    ck_assert_uint_eq(lead->tracks[0].sequence, MODEL_POLICIES_MAX * (MODEL_LEVELS_MAX + 1));
    ck_assert_uint_eq(lead->ordinal, MODEL_POLICIES_MAX * (2 * (MODEL_LEVELS_MAX + 1) + 1));
}
END_TEST

/* --- extreme instants and numbers -------------------------------------------------------------------- */

START_TEST(first_and_last_instants_are_instants) {
    _cleanup_(model_free) Model *model = fixture_model(
            "model: m\nversion: 1\nlateness: 36500d\n"
            "scores: { e: { decay: { half_life: 36500d } }, q: { decay: { half_life: 1ms } } }\n"
            "rules: [ { id: r, add: { e: 100, q: 100 } } ]\n"
            "tracks: { t: { initial: a, stages: [ { id: a }, { id: b } ], transitions: [ "
            "{ id: ab, from: [a], to: b, when: 'e < 1e-5 and age(t) > 36500d' }, "
            "{ id: ba, from: [b], to: a, when: 'q > 50', cooldown: 36500d } ] } }\n"
            "sla: [ { id: p, start: { on: [go] }, stop: { on: [stop] }, target: 36500d, warn: [1000%], "
            "escalate: [36500d], "
            "revise: 36500d } ]\n");
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(model, &record);
    const int64_t instants_ms[] = {
            EVENT_TIME_MS_MAX, EVENT_TIME_MS_MIN, EVENT_TIME_MS_MAX - 1, 1, EVENT_TIME_MS_MAX};
    EventResult result;
    for (unsigned i = 0; i < ARRAY_SIZE(instants_ms); i++) {
        char id[] = {'e', (char)('0' + i), '\0'};
        LeadEvent event =
                fixture_event(i % 2 ? "bea" : "ann", id, i % 3 == 2 ? "stop" : "go", instants_ms[i]);
        ck_assert_int_eq(shard_event(shard, &event, instants_ms[i] - model->lateness_ms, &result), 0);
    }
    ck_assert_int_eq(shard_advance(shard, EVENT_TIME_MS_MAX), 0);
    ck_assert_int_eq(shard_watermark(shard), EVENT_TIME_MS_MAX);
}
END_TEST

START_TEST(points_beyond_a_double_are_none) {
    _cleanup_(model_free) Model *model = fixture_model(
            "model: m\nversion: 1\nscores: { e: { decay: { half_life: 1h } }, n: { decay: none }, f: { "
            "decay: none } }\n"
            "rules: [ { id: r, on: [go], add: { e: 'event.points', n: 'event.points' } } ]\n"
            "profile_rules: [ { id: a, add: { f: 'profile.a' } }, { id: b, add: { f: 'profile.b' } } ]\n");
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(model, &record);
    const double points[] = {1.5e308, 1.5e308, -1e308, 1e308, -1.7e308, -1.7e308};
    for (unsigned i = 0; i < ARRAY_SIZE(points); i++) {
        char id[] = {'e', (char)('0' + i), '\0'};
        const Property property = {STR_LITERAL("points"), value_double(points[i])};
        LeadEvent event = fixture_event("lead", id, "go", 1000);
        event.properties = &property;
        event.n_properties = 1;
        apply(shard, &event);
    }
    const Property profile[] = {
            {STR_LITERAL("a"), value_double(1.7e308)}, {STR_LITERAL("b"), value_double(1.7e308)}};
    LeadEvent update = fixture_event("lead", "u", "profile_updated", 1000);
    update.properties = profile;
    update.n_properties = ARRAY_SIZE(profile);
    apply(shard, &update);
    Lead *lead = lead_of(entity_table_get(shard_leads(shard), STR_LITERAL("lead")));
    for (unsigned i = 0; i < 3; i++)
        ck_assert(isfinite(lead->scores[i].value));
    /* 1.5e308, - 1e308, + 1e308 and then -1.7e308; the second 1.5e308 and the second -1.7e308 are none */
    ck_assert_double_eq_tol(lead->scores[0].value / 1e307, -2, 1e-9);
    ck_assert_double_eq_tol(lead->scores[1].value / 1e307, -2, 1e-9);
}
END_TEST

START_TEST(profile_that_grows_too_large_is_rejected) {
    _cleanup_(model_free) Model *model = fixture_model("model: m\nversion: 1\n");
    _cleanup_(record_done) Record record = {0};
    _cleanup_(shard_free) Shard *shard = new_shard(model, &record);
    static Property properties[EVENT_PROPERTIES_MAX];
    static char names[EVENT_PROPERTIES_MAX][8];
    EventResult result;
    for (size_t i = 0; i < EVENT_PROPERTIES_MAX; i++) {
        int n = snprintf(names[i], sizeof(names[i]), "p%zu", i);
        properties[i] = (Property){{names[i], (size_t)n}, value_long((int64_t)i)};
    }
    LeadEvent event = fixture_event("lead", "e1", "profile_updated", 1000);
    event.properties = properties;
    event.n_properties = EVENT_PROPERTIES_MAX;
    apply(shard, &event);

    const Property more = {STR_LITERAL("more"), value_long(1)};
    event = fixture_event("lead", "e2", "profile_updated", 2000);
    event.properties = &more;
    event.n_properties = 1;
    bool accepted = true;
    ck_assert_int_eq(shard_accepts(shard, &event, &accepted), 0);
    ck_assert(!accepted);
    ck_assert_int_eq(shard_event(shard, &event, 2000, &result), 0);
    ck_assert_int_eq(result.outcome, EVENT_REJECTED);
    ck_assert_str_eq(result.reason, "too_large");
    /* nothing was changed, nor did W rise; the same event is no duplicate, and with room it is taken */
    ck_assert_int_eq(shard_watermark(shard), 1000);
    const Property exchange[] = {{STR_LITERAL("more"), value_long(1)}, {STR_LITERAL("p7"), VALUE_NONE}};
    event.properties = exchange;
    event.n_properties = 2;
    apply(shard, &event);
    ck_assert_uint_eq(lead_of(entity_table_get(shard_leads(shard), STR_LITERAL("lead")))->n_profile, LEAD_PROFILE_MAX);
}
END_TEST

START_TEST(error_of_the_sink_is_handed_on) {
    _cleanup_(model_free) Model *model = fixture_model("model: m\nversion: 1\ntracks: { t: { initial: a, "
                                                       "stages: [ { id: a }, { id: b } ], transitions: [ "
                                                       "{ id: ab, from: [a], to: b, on: [go] }, { id: ba, "
                                                       "from: [b], to: a, when: 'age(t) > 1m' } ] } }\n");
    _cleanup_(record_done) Record record = {.error = -EIO};
    EventResult result;
    LeadEvent event = fixture_event("lead", "e1", "go", 1000);
    {
        _cleanup_(shard_free) Shard *shard = new_shard(model, &record);
        ck_assert_int_eq(shard_event(shard, &event, 1000, &result), -EIO);
    }
    record.error = 0;
    _cleanup_(shard_free) Shard *shard = new_shard(model, &record);
    apply(shard, &event);
    record.error = -EPIPE;
    ck_assert_int_eq(shard_advance(shard, HOUR_MS), -EPIPE);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("engine_limits");
    TCase *tcase = tcase_create("engine_limits");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ids_of_full_length_name_outputs);
    tcase_add_test(tcase, levels_with_many_zeros_are_told);
    tcase_add_test(tcase, largest_model_runs);
    tcase_add_test(tcase, steps_nest_as_deep_as_there_are_levels);
    tcase_add_test(tcase, first_and_last_instants_are_instants);
    tcase_add_test(tcase, points_beyond_a_double_are_none);
    tcase_add_test(tcase, profile_that_grows_too_large_is_rejected);
    tcase_add_test(tcase, error_of_the_sink_is_handed_on);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
