/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions. The first byte chooses the place in the model, the rest is the text. What compiles is judged of
 * a lead, or of an account, at several instants, with and without an event, and must not change between the
 * instants at which it says that it may.
 */
#include <math.h>

#include "lib/base/owned.h"
#include "lib/condition/condition_crossing.h"
#include "lib/condition/condition_part.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

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
    "  recent: { decay: { linear: 10h } }\n"
    "  burst: { decay: { window: 6h } }\n"
    "derived:\n"
    "  total: 'fit + engagement + intent'\n"
    "  best: 'max(engagement, intent)'\n"
    "profile_rules: [ { id: p, add: { fit: 1 } } ]\n"
    "rules: [ { id: r, on: [page_view], add: { engagement: 1, intent: 1, recent: 1, burst: 1 } } ]\n"
    "counters: { views: { on: [page_view], window: 1d, keep: 8 } }\n"
    "tracks:\n"
    "  lifecycle:\n"
    "    initial: lead\n"
    "    stages: [ { id: lead }, { id: hand-raised }, { id: mql } ]\n"
    "    transitions:\n"
    "      - { id: a, from: [lead], to: hand-raised, on: [a] }\n"
    "      - { id: b, from: [lead, hand-raised], to: mql, on: [b] }\n"
    "accounts:\n"
    "  scores:\n"
    "    interest: { from: engagement, decay: { half_life: 3d }, max: 100 }\n"
    "    lately: { from: recent, decay: { linear: 12h } }\n"
    "    now: { from: burst, decay: { window: 8h }, max: 7 }\n"
    "  committee: { window: 1d, on: [page_view] }\n"
    "  tracks:\n"
    "    buying:\n"
    "      initial: quiet\n"
    "      stages: [ { id: quiet }, { id: in_market } ]\n"
    "      transitions: [ { id: w, from: [quiet], to: in_market, when: 'committee >= 2' } ]\n";
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
static Account *account;

/* Not assert(): this must hold in a build without assertions, too. */
static void require(bool condition) {
    if (!condition)
        abort();
}

static void give(ScoreState *state, const Decay *decay, double points, int64_t hours_ago) {
    const ScoreBounds bounds = {-INFINITY, INFINITY};
    double kept;
    require(score_state_award(state, decay, bounds, points, NOW_MS - hours_ago * HOUR_MS, NOW_MS, &kept) == 0 && kept == points);
}

static void make_lead(void) {
    require(lead_new(model, STR_LITERAL("lead-1"), &lead) == 0);
    lead_begin(lead, model, NOW_MS - 9 * HOUR_MS);
    require(lead_set_profile(lead, STR_LITERAL("country"), value_string(STR_LITERAL("DE"))) == 0);
    require(lead_set_profile(lead, STR_LITERAL("vip"), value_boolean(true)) == 0);
    require(str_set(&lead->first_source, STR_LITERAL("ads")) == 0);
    lead->clock_ms = NOW_MS;
    lead->latest_activity_ms = NOW_MS - HOUR_MS;
    lead->scores[0] = (ScoreState){.value = 10, .at_ms = NOW_MS};
    lead->scores[1] = (ScoreState){.value = 90, .at_ms = NOW_MS - HOUR_MS};
    lead->scores[2] = (ScoreState){.value = -16, .at_ms = NOW_MS - 9 * HOUR_MS};
    for (int64_t hours = 0; hours < 9; hours += 2) {
        require(time_list_add(&lead->counters[0], NOW_MS - hours * HOUR_MS, model->counters[0].keep) == 0);
        give(&lead->scores[3], &model->scores[3].decay, 20 - 6 * (double)hours, hours);
        if (hours < 6)
            give(&lead->scores[4], &model->scores[4].decay, 5 - (double)hours, hours);
    }
}

/* Two members; of the second one's there is less. */
static void make_account(void) {
    require(account_new(model, STR_LITERAL("acme"), &account) == 0);
    account_begin(account, model, NOW_MS - 9 * HOUR_MS);
    account->clock_ms = NOW_MS;
    for (int64_t i = 0; i < 2; i++) {
        Member *member;
        require(account_add(account, i ? STR_LITERAL("lead-2") : STR_LITERAL("lead-1"), &member) == 0);
        member->active_at_ms = NOW_MS - i * HOUR_MS;
        member->committee_at_ms = NOW_MS - 5 * i * HOUR_MS;
        for (unsigned k = 0; k < model->n_account_scores; k++)
            give(&member->scores[k], &model->account_scores[k].decay, 40 - 60 * (double)i, 1 + 3 * i);
    }
}

/* Once; kept from one input to the next. */
static void make_model(void) {
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    require(model_load(str_from(model_text), NULL, &diagnostics, &model) == 0 && model);
    diagnostics_done(&diagnostics);
    make_lead();
    make_account();
}

/* Where conditions on accounts are judged there is no lead and no event. */
static Situation situation_at(ConditionPlace place, int64_t at_ms, const LeadEvent *with) {
    if (place == CONDITION_ACCOUNT)
        return (Situation){.model = model, .account = account, .at_ms = at_ms};
    return (Situation){.model = model, .lead = lead, .event = with, .at_ms = at_ms};
}

static bool holds_at(const Condition *condition, ConditionPlace place, int64_t at_ms) {
    Situation situation = situation_at(place, at_ms, NULL);
    return condition_holds(condition, &situation);
}

static void check_value(const Condition *condition, Situation of) {
    const Situation *situation = &of;
    Value value = condition_value(condition, situation);
    if (value.type == VALUE_DOUBLE)
        require(isfinite(value.number));
    if (value.type == VALUE_STRING) /* reads all of it, so that the sanitizer sees it */
        require(str_compare(value.string, value.string) == 0);
    require(condition_holds(condition, situation) == (value.type == VALUE_BOOLEAN && value.boolean));
}

/* Truth rests between two changes; next to one, rounding may put it a millisecond off. */
static void check_changes(const Condition *condition, ConditionPlace place) {
    int64_t from_ms = NOW_MS;
    for (unsigned i = 0; i < CHANGES_MAX && from_ms < EVENT_TIME_MS_MAX; i++) {
        Situation situation = situation_at(place, from_ms, NULL);
        int64_t next_ms = condition_next_change(condition, &situation, from_ms);
        require(next_ms > from_ms);
        require(next_ms == TIME_NEVER || condition_is_time_dependent(condition));
        int64_t end_ms = MIN(next_ms, EVENT_TIME_MS_MAX);
        if (end_ms - from_ms > 8) {
            bool held = holds_at(condition, place, from_ms + 2);
            require(holds_at(condition, place, from_ms + (end_ms - from_ms) / 2) == held);
            require(holds_at(condition, place, end_ms - 2) == held);
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
    Situation situation = situation_at(place, NOW_MS, at_hand);
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
        make_model();
    if (size == 0)
        return 0;
    ConditionPlace place = (ConditionPlace)(data[0] % (CONDITION_ACCOUNT + 1));
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
    check_value(condition, situation_at(place, NOW_MS, &event));
    check_value(condition, situation_at(place, EVENT_TIME_MS_MAX, NULL));
    check_changes(condition, place);
    if (place != CONDITION_LEAD) { /* a derived score is a number */
        check_parts(arena, condition, place, &event);
        check_parts(arena, condition, place, NULL);
    }
    return 0;
}
