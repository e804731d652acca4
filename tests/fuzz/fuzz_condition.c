/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions. The first byte chooses the place in the model, the rest is the text. What compiles is judged of
 * a lead at several instants, with and without an event, and must not change between the instants at which it
 * says that it may.
 */
#include <math.h>

#include "lib/condition_crossing.h"
#include "lib/condition_part.h"
#include "lib/lead.h"
#include "lib/owned.h"

#define NOW_MS INT64_C(1767225600000) /* 2026-01-01 */
#define HOUR_MS INT64_C(3600000)
#define CHANGES_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* clang-format off */
static const char model_text[] =
    "model: m\n"
    "version: 1\n"
    "params: { high: 60, low: 40 }\n"
    "segments: [ { id: vip, when: 'profile.vip == true', params: { high: 80 } } ]\n"
    "routes: [ { id: emea, when: 'profile.country == \"DE\"' } ]\n"
    "scores:\n"
    "  fit: { decay: none }\n"
    "  engagement: { decay: { half_life: 1d } }\n"
    "  intent: { decay: { half_life: 2d } }\n"
    "derived:\n"
    "  total: 'fit + engagement + intent'\n"
    "  best: 'max(engagement, intent)'\n"
    "profile_rules: [ { id: p, add: { fit: 1 } } ]\n"
    "rules: [ { id: r, on: [page_view], add: { engagement: 1, intent: 1 } } ]\n"
    "tracks:\n"
    "  lifecycle:\n"
    "    initial: lead\n"
    "    stages: [ { id: lead }, { id: hand-raised }, { id: mql } ]\n"
    "    transitions:\n"
    "      - { id: a, from: [lead], to: hand-raised, on: [a] }\n"
    "      - { id: b, from: [lead, hand-raised], to: mql, on: [b] }\n";
/* clang-format on */

static const Property properties[] = {
        {STR_LITERAL("url"), {.type = VALUE_STRING, .string = STR_LITERAL("https://x.example/pricing?a=1")}},
        {STR_LITERAL("minutes"), {.type = VALUE_LONG, .integer = 30}},
        {STR_LITERAL("half"), {.type = VALUE_DOUBLE, .number = 0.5}},
        {STR_LITERAL("bot"), {.type = VALUE_BOOLEAN, .boolean = true}},
        {STR_LITERAL("nothing"), {.type = VALUE_NULL}},
};
static const LeadEvent event = {
        .event_id = STR_LITERAL("e1"),
        .occurred_at_ms = NOW_MS,
        .lead_id = STR_LITERAL("lead-1"),
        .type = STR_LITERAL("page_view"),
        .source = STR_LITERAL("webinar"),
        .properties = properties,
        .n_properties = ARRAY_SIZE(properties),
};
static Model *model;
static Lead *lead;

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

/* Once; kept from one input to the next. */
static void make_lead(void) {
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    require(model_load(str_from(model_text), NULL, &diagnostics, &model) == 0 && model);
    diagnostics_done(&diagnostics);
    require(lead_new(model, STR_LITERAL("lead-1"), &lead) == 0);
    lead_begin(lead, model, NOW_MS - 9 * HOUR_MS);
    require(lead_set_profile(lead, STR_LITERAL("country"), value_string(STR_LITERAL("DE"))) == 0);
    require(lead_set_profile(lead, STR_LITERAL("vip"), value_boolean(true)) == 0);
    require(str_set(&lead->first_source, STR_LITERAL("ads")) == 0);
    lead->clock_ms = NOW_MS;
    lead->latest_activity_ms = NOW_MS - HOUR_MS;
    lead->scores[0] = (ScoreState){10, NOW_MS};
    lead->scores[1] = (ScoreState){90, NOW_MS - HOUR_MS};
    lead->scores[2] = (ScoreState){-16, NOW_MS - 9 * HOUR_MS};
}

static Situation situation_at(int64_t at_ms, const LeadEvent *with) {
    return (Situation){.model = model, .lead = lead, .event = with, .at_ms = at_ms};
}

static bool holds_at(const Condition *condition, int64_t at_ms) {
    Situation situation = situation_at(at_ms, NULL);
    return condition_holds(condition, &situation);
}

static void check_value(const Condition *condition, const Situation *situation) {
    Value value = condition_value(condition, situation);
    if (value.type == VALUE_DOUBLE)
        require(isfinite(value.number));
    if (value.type == VALUE_STRING) /* reads all of it, so that the sanitizer sees it */
        require(str_compare(value.string, value.string) == 0);
    require(condition_holds(condition, situation) == (value.type == VALUE_BOOLEAN && value.boolean));
}

/* Truth rests between two changes; next to one, rounding may put it a millisecond off. */
static void check_changes(const Condition *condition) {
    int64_t from_ms = NOW_MS;
    for (unsigned i = 0; i < CHANGES_MAX && from_ms < EVENT_TIME_MS_MAX; i++) {
        Situation situation = situation_at(from_ms, NULL);
        int64_t next_ms = condition_next_change(condition, &situation, from_ms);
        require(next_ms > from_ms);
        require(next_ms == TIME_NEVER || condition_is_time_dependent(condition));
        int64_t end_ms = MIN(next_ms, EVENT_TIME_MS_MAX);
        if (end_ms - from_ms > 8) {
            bool held = holds_at(condition, from_ms + 2);
            require(holds_at(condition, from_ms + (end_ms - from_ms) / 2) == held);
            require(holds_at(condition, end_ms - 2) == held);
        }
        from_ms = end_ms;
    }
}

static Condition *compile(Arena *arena, Str text, ConditionPlace place) {
    YamlNode node = {.type = YAML_SCALAR, .text = text};
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    Condition *condition = NULL;
    require(condition_compile(arena, model, &node, place, &diagnostics, &condition) == 0);
    diagnostics_done(&diagnostics);
    return condition;
}

/* Each part of it is a condition, too, and as true as it is said to be. */
static void check_parts(Arena *arena, const Condition *condition, ConditionPlace place, const LeadEvent *at_hand) {
    Situation situation = situation_at(NOW_MS, at_hand);
    const ConditionPart *parts;
    size_t n;
    PartTruth truth;
    unsigned depth = 0;
    require(condition_take_apart(arena, condition, &situation, &parts, &n, &truth) == 0 && n > 0);
    require(truth == PART_OPEN || (truth == PART_HOLDS) == condition_holds(condition, &situation));
    require(truth != PART_OPEN || !at_hand);
    for (size_t i = 0; i < n; i++) {
        require(parts[i].depth <= depth);
        depth = parts[i].depth + (parts[i].kind <= PART_NOT);
        const Condition *part = compile(arena, parts[i].text, place);
        require(part != NULL);
        require(parts[i].truth == PART_OPEN || (parts[i].truth == PART_HOLDS) == condition_holds(part, &situation));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!model)
        make_lead();
    if (size == 0)
        return 0;
    ConditionPlace place = (ConditionPlace)(data[0] % (CONDITION_TRACK_EVENT + 1));
    _cleanup_(free_null) char *text = strndup((const char *)data + 1, size - 1); /* no scalar holds a NUL */
    require(text != NULL);
    Str source = str_from(text);
    YamlNode node = {
            .type = YAML_SCALAR,
            .text = source,
            .mark = {1, 1, 1},
            .text_exact = !strpbrk(text, "\r\n"),
            .text_column = 1,
    };
    _cleanup_(arena_free) Arena *arena = NULL;
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    Condition *condition = NULL;

    require(arena_new(&arena) == 0);
    require(condition_compile(arena, model, &node, place, &diagnostics, &condition) == 0);
    require((condition == NULL) == (diagnostics.n_errors > 0));
    _cleanup_(free_null) char *shown = diagnostics_render(&diagnostics, "model.yaml", source);
    require(shown != NULL);
    diagnostics_done(&diagnostics);
    if (!condition)
        return 0;
    require(str_eq(condition_text(condition), source));
    check_value(condition, &(Situation){.model = model, .lead = lead, .event = &event, .at_ms = NOW_MS});
    check_value(condition, &(Situation){.model = model, .lead = lead, .at_ms = EVENT_TIME_MS_MAX});
    check_changes(condition);
    if (place != CONDITION_LEAD) { /* a derived score is a number */
        check_parts(arena, condition, place, &event);
        check_parts(arena, condition, place, NULL);
    }
    return 0;
}
