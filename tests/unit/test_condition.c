/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition language: what expressions are worth, which are refused and where, and what counts as linear.
 * Tables, each judged in one test, for a test is a process of its own and rows are many.
 */
#include "lib/base/owned.h"
#include "lib/condition/condition_program.h"
#include "lib/engine/score.h"
#include "lib/model/model.h"
#include "tests/unit/engine_fixture.h"

#define NOW_MS INT64_C(1767225600000) /* 2026-01-01 */
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

/* clang-format off */
static const char model_text[] =
    "model: m\n"
    "version: 1\n"
    "params: { high: 60, low: 40 }\n"
    "segments: [ { id: vip, when: 'profile.vip == true', params: { high: 80 } } ]\n"
    "routes: [ { id: emea, when: 'profile.country == \"DE\"' } ]\n"
    "scores:\n"
    "  fit: { decay: none }\n"
    "  tally: { decay: none }\n"
    "  engagement: { decay: { half_life: 1d } }\n"
    "  intent: { decay: { half_life: 2d } }\n"
    "derived:\n"
    "  total: 'fit + engagement + intent'\n"
    "  still: 'fit * 2'\n"
    "  best: 'max(engagement, intent)'\n"
    "  size: 'number(profile.text) * 2'\n"
    "profile_rules: [ { id: p, add: { fit: 1 } } ]\n"
    "rules: [ { id: r, on: [page_view], add: { engagement: 1, intent: 1, tally: 1 } } ]\n"
    "tracks:\n"
    "  lifecycle:\n"
    "    initial: lead\n"
    "    stages: [ { id: lead }, { id: hand-raised }, { id: 2nd }, { id: mql } ]\n"
    "    transitions:\n"
    "      - { id: a, from: [lead], to: hand-raised, on: [a] }\n"
    "      - { id: b, from: [lead], to: 2nd, on: [b] }\n"
    "      - { id: c, from: [lead], to: mql, on: [c] }\n"
    "      - { id: d, from: [mql], to: lead, on: [d] }\n";
/* clang-format on */

static Model *model;
static Lead *lead;
static Arena *arena;
static LeadEvent event;

static const Property properties[] = {
        {STR_LITERAL("url"), {.type = VALUE_STRING, .string = STR_LITERAL("https://x.example/pricing?a=1")}},
        {STR_LITERAL("minutes"), {.type = VALUE_LONG, .integer = 30}},
        {STR_LITERAL("half"), {.type = VALUE_DOUBLE, .number = 0.5}},
        {STR_LITERAL("big"), {.type = VALUE_LONG, .integer = INT64_C(9007199254740993)}},
        {STR_LITERAL("yes"), {.type = VALUE_BOOLEAN, .boolean = true}},
        {STR_LITERAL("no"), {.type = VALUE_BOOLEAN, .boolean = false}},
        {STR_LITERAL("nothing"), {.type = VALUE_NULL}},
        {STR_LITERAL("empty"), {.type = VALUE_STRING, .string = STR_LITERAL("")}},
        {STR_LITERAL("and"), {.type = VALUE_STRING, .string = STR_LITERAL("a word")}},
};

static void set_profile(const char *name, Value value) {
    ck_assert_int_eq(lead_set_profile(lead, str_from(name), value), 0);
}

/* At NOW_MS: fit 10, engagement 20, intent 8; mql for three hours, lead left then, idle for a day. */
static void make_lead(void) {
    ck_assert_int_eq(lead_new(model, STR_LITERAL("lead-1"), &lead), 0);
    lead_begin(lead, model, NOW_MS - 2 * DAY_MS);
    set_profile("country", value_string(STR_LITERAL("DE")));
    set_profile("email", value_string(STR_LITERAL("Ann@Gmail.com")));
    set_profile("text", value_string(STR_LITERAL("12.5")));
    set_profile("vip", value_boolean(true));
    set_profile("empty", value_string(STR_LITERAL("")));
    ck_assert_int_eq(str_set(&lead->first_source, STR_LITERAL("ads")), 0);
    lead->clock_ms = NOW_MS;
    score_classify(lead, model);
    lead->scores[0] = (ScoreState){10, NOW_MS};
    lead->scores[1] = (ScoreState){3, NOW_MS};
    lead->scores[2] = (ScoreState){40, NOW_MS - DAY_MS};
    lead->scores[3] = (ScoreState){16, NOW_MS - 2 * DAY_MS};
    TrackState *track = &lead->tracks[0];
    track->stages[0].left_at_ms = track->stages[3].entered_at_ms = NOW_MS - 3 * HOUR_MS;
    track->stages[3].entries = 2;
    track->stage = 3;
    lead->latest_activity_ms = NOW_MS - DAY_MS;
}

static void setup(void) {
    model = fixture_model(model_text);
    make_lead();
    ck_assert_int_eq(arena_new(&arena), 0);
    event = fixture_event("lead-1", "e1", "page_view", NOW_MS);
    event.source = STR_LITERAL("webinar");
    event.topic = STR_LITERAL("crm");
    event.properties = properties;
    event.n_properties = ARRAY_SIZE(properties);
}

static void teardown(void) {
    arena = arena_free(arena);
    lead = lead_free(lead);
    model = model_free(model);
}

/* The condition in a scalar of its own, from line 7, column 11 on. */
static Condition *compile(const char *text, ConditionPlace place, Diagnostics *d) {
    YamlNode node = {.type = YAML_SCALAR,
            .text = str_from(text),
            .mark = {7, 10, 1},
            .text_exact = true,
            .text_column = 11};
    Condition *condition = NULL;
    ck_assert_int_eq(condition_compile(arena, model, &node, place, d, &condition), 0);
    ck_assert_msg((condition == NULL) == (d->n_errors > 0), "\"%s\": a condition, or errors", text);
    return condition;
}

static Condition *compile_clean(const char *text, ConditionPlace place) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Condition *condition = compile(text, place, &d);
    ck_assert_msg(condition != NULL, "\"%s\": %s", text, d.n_items ? d.items[0].message : "");
    return condition;
}

static const char *shown(Value v, char text[static 256]) {
    switch (v.type) {
    case VALUE_NULL:
        return "null";
    case VALUE_BOOLEAN:
        return v.boolean ? "true" : "false";
    case VALUE_STRING:
        (void)snprintf(text, 256, "\"%.*s\"", STR_FMT(v.string));
        return text;
    default:
        (void)snprintf(text, 256, "%.12g", value_number(v));
        return text;
    }
}

typedef struct ValueRow {
    const char *text, *value;
} ValueRow;

static void check_values(const ValueRow *rows, size_t n, const LeadEvent *at_hand) {
    Situation situation = {.model = model, .lead = lead, .event = at_hand, .at_ms = NOW_MS};
    for (size_t i = 0; i < n; i++) {
        char text[256];
        Condition *condition = compile_clean(rows[i].text, CONDITION_TRACK_EVENT);
        const char *value = shown(condition_value(condition, &situation), text);
        ck_assert_msg(
                strcmp(value, rows[i].value) == 0, "%s: %s, expected %s", rows[i].text, value, rows[i].value);
        ck_assert(condition_holds(condition, &situation) == (strcmp(value, "true") == 0));
        ck_assert(str_eq_c(condition_text(condition), rows[i].text));
    }
}
#define CHECK_VALUES(rows) check_values((rows), ARRAY_SIZE(rows), &event)

/* clang-format off */
static const ValueRow precedence_rows[] = {
    {"1 + 2 * 3", "7"}, {"(1 + 2) * 3", "9"}, {"10 - 4 - 3", "3"}, {"10 - (4 - 3)", "9"}, {"24 / 4 / 2", "3"},
    {"24 / (4 / 2)", "12"}, {"2 * 3 + 4 * 5", "26"}, {"7 - 6 / 3", "5"}, {"8 / 2 * 4", "16"},
    {"-2 * 3", "-6"}, {"2 * -3", "-6"}, {"- -2", "2"}, {"--2", "2"}, {"2 - -2", "4"}, {"2--2", "4"}, {"-(1 + 2)", "-3"},
    {"-1 + 2", "1"}, {"-4 / -2", "2"},
    {"1 + 2 < 4", "true"}, {"4 > 1 + 2", "true"}, {"-1 < 0", "true"}, {"1 + 1 in [2]", "true"}, {"1 in [2 - 1]", "true"},
    {"not 1 == 2", "true"}, {"not 2 in [3]", "true"}, {"not \"a\" like \"b\"", "true"}, {"not not true", "true"},
    {"not false and false", "false"}, {"not (false and false)", "true"}, {"not false or true", "true"},
    {"true or false and false", "true"}, {"(true or false) and false", "false"}, {"false and true or true", "true"},
    {"false and (true or true)", "false"}, {"true and not false", "true"},
    {"1 < 2 and 2 < 3 and 3 < 4", "true"}, {"1 < 2 and 2 < 3 and 4 < 3", "false"},
    {"false or false or 1 < 2", "true"}, {"1 == 1 and 2 == 2 or 1 / 0 == 3", "true"}, {"(1 < 2) == true", "true"},
    {"(1 < 2) == (3 < 4)", "true"}, {"min(1, 2) + max(3, 4) * 2", "9"}, {"min(max(1, 5), 3)", "3"},
    {" \t\n\r( ( 1 ) )\n", "1"}, {"(1<2)and(3>2)or(false)", "true"}, {"(1)+(2)", "3"},
};

static const ValueRow null_rows[] = {
    {"null", "null"}, {"null == null", "true"}, {"null != null", "false"}, {"null == 0", "false"}, {"0 == null", "false"},
    {"null == \"\"", "false"}, {"null == false", "false"}, {"null != 0", "true"}, {"null != \"\"", "true"},
    {"null < 1", "false"}, {"null <= 1", "false"}, {"null > 1", "false"}, {"null >= 1", "false"}, {"1 < null", "false"},
    {"null <= null", "false"}, {"null >= null", "false"}, {"null < \"a\"", "false"}, {"not (null < 1)", "true"},
    {"null in [null]", "false"}, {"null in []", "false"}, {"1 in [null]", "false"}, {"not null in [1]", "true"},
    {"null like \"*\"", "false"}, {"event.nothing like \"*\"", "false"},
    {"1 + null", "null"}, {"null - 1", "null"}, {"null * 0", "null"}, {"null / 1", "null"}, {"-null", "null"},
    {"null and true", "false"}, {"null or true", "true"}, {"true and null", "false"}, {"null or null", "false"},
    {"not null", "true"}, {"min(null, 1)", "null"}, {"max(1, null)", "null"},
    {"present(null)", "false"}, {"present(profile.missing)", "false"}, {"present(\"\")", "true"}, {"present(false)", "true"},
    {"present(0)", "true"}, {"present(event.nothing)", "false"}, {"present(event.empty)", "true"}, {"present(1 / 0)", "false"},
    {"default(null, 3)", "3"}, {"default(2, 3)", "2"}, {"default(false, 3)", "false"}, {"default(\"\", 3)", "\"\""},
    {"default(null, null)", "null"}, {"default(profile.missing, \"x\") == \"x\"", "true"},
    {"default(default(null, null), 1)", "1"},
    {"profile.missing == null", "true"}, {"event.missing == null", "true"}, {"event.nothing == null", "true"},
    {"event.campaign == null", "true"}, {"last_source == null", "true"},
    {"1 / 0", "null"}, {"0 / 0", "null"}, {"1 / 0 == null", "true"}, {"1 / 0 > 0", "false"}, {"1 / -0", "null"},
    {"1e308 * 10", "null"}, {"1e308 + 1e308", "null"}, {"-1e308 - 1e308", "null"}, {"1e308 / 1e-10", "null"},
    {"1e308 * 10 - 1e308 * 10", "null"}, {"0 * 1e308 * 1e308", "0"},
};

static const ValueRow type_rows[] = {
    {"1 == \"1\"", "false"}, {"1 != \"1\"", "true"}, {"true == 1", "false"}, {"true != 1", "true"},
    {"\"true\" == true", "false"}, {"true == true", "true"}, {"true != false", "true"}, {"false == false", "true"},
    {"true > false", "false"}, {"false < true", "false"}, {"false <= false", "false"}, {"true >= true", "false"},
    {"\"a\" < 1", "false"}, {"1 < \"a\"", "false"}, {"\"2\" > 1", "false"}, {"true < 1", "false"}, {"true < \"z\"", "false"},
    {"\"a\" < \"b\"", "true"}, {"\"B\" < \"a\"", "true"}, {"\"10\" < \"9\"", "true"}, {"\"a\" < \"ab\"", "true"},
    {"\"ab\" > \"a\"", "true"}, {"\"\" < \"a\"", "true"}, {"\"a\" <= \"a\"", "true"}, {"\"a\" >= \"a\"", "true"},
    {"\"a\" < \"a\"", "false"}, {"\"z\" < \"ä\"", "true"}, {"\"a\" == \"A\"", "false"}, {"\"a\" != \"A\"", "true"},
    {"1 + \"1\"", "null"}, {"\"a\" + \"b\"", "null"}, {"true + 1", "null"}, {"-\"1\"", "null"}, {"-true", "null"},
    {"min(1, \"a\")", "null"}, {"max(true, 1)", "null"}, {"min(2, 1.5)", "1.5"}, {"max(-1, -2)", "-1"},
    {"1 and true", "false"}, {"\"true\" and true", "false"}, {"1 or 0", "false"}, {"not 0", "true"}, {"not \"x\"", "true"},
    {"1 or true", "true"}, {"true and 1", "false"}, {"(true and 1) == false", "true"},
    {"1 in [\"1\", true]", "false"}, {"\"a\" in [1, \"a\"]", "true"}, {"true in [true]", "true"}, {"false in [0, null]", "false"},
    {"1 in []", "false"}, {"1 in [1,]", "true"}, {"2 in [1, 1 + 1, 3]", "true"}, {"event.type in [event.type]", "true"},
    {"event.minutes == 30.0", "true"}, {"event.half == 0.5", "true"}, {"event.minutes + event.half", "30.5"},
    {"event.yes", "true"}, {"not event.no", "true"}, {"event.yes == true", "true"}, {"event.no != true", "true"},
    {"event.minutes", "30"}, {"event.missing != true", "true"},
};

static const ValueRow equality_rows[] = {
    {"1 == 1.0000000005", "true"}, {"1 == 1.000000002", "false"}, {"1 != 1.0000000005", "false"},
    {"1 != 1.000000002", "true"}, {"1 < 1.0000000005", "false"}, {"1 < 1.000000002", "true"},
    {"1 <= 0.9999999995", "true"}, {"1 <= 0.999999998", "false"}, {"1 > 0.9999999995", "false"},
    {"1 > 0.999999998", "true"}, {"1 >= 1.0000000005", "true"}, {"1 >= 1.000000002", "false"},
    {"5e-10 == 0", "true"}, {"-5e-10 == 0", "true"}, {"2e-9 == 0", "false"}, {"0.1 + 0.2 == 0.3", "true"},
    {"1 in [1.0000000005]", "true"}, {"1 in [1.000000002]", "false"}, {"event.minutes in [30.0000000001]", "true"},
    {"event.big == 9007199254740992", "true"}, {"1e300 == 1e300", "true"}, {"1e15 + 1 > 1e15", "true"},
};

static const ValueRow like_rows[] = {
    {"\"abc\" like \"abc\"", "true"}, {"\"ABC\" like \"abc\"", "true"}, {"\"abc\" like \"ABC\"", "true"},
    {"\"abc\" like \"ab\"", "false"}, {"\"ab\" like \"abc\"", "false"}, {"\"abc\" like \"a*\"", "true"},
    {"\"abc\" like \"*c\"", "true"}, {"\"abc\" like \"*b*\"", "true"}, {"\"abc\" like \"a*c\"", "true"},
    {"\"ac\" like \"a*c\"", "true"}, {"\"abc\" like \"a*b\"", "false"}, {"\"abc\" like \"*d*\"", "false"},
    {"\"\" like \"\"", "true"}, {"\"\" like \"*\"", "true"}, {"\"a\" like \"\"", "false"}, {"\"\" like \"a\"", "false"},
    {"\"a\" like \"**\"", "true"}, {"\"aXbXc\" like \"a*b*c\"", "true"}, {"\"aab\" like \"*ab\"", "true"},
    {"\"abab\" like \"*ab\"", "true"}, {"\"ababa\" like \"*ab\"", "false"}, {"\"aaa\" like \"a*a*a*a\"", "false"},
    {"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac\" like \"*a*a*a*a*a*a*a*a*a*a*b\"", "false"},
    {"\"äB\" like \"äb\"", "true"}, {"\"Äb\" like \"äb\"", "false"}, {"\"äb\" like \"*b\"", "true"}, {"\"ä\" like \"*\"", "true"},
    {"\"abc\" like \"a?c\"", "false"}, {"\"a?c\" like \"a?c\"", "true"}, {"\"abc\" like \"a.c\"", "false"},
    {"\"[x]\" like \"[*]\"", "true"}, {"\"a\\\\b\" like \"a\\\\*\"", "true"}, {"\"a\\\"b\" like \"*\\\"*\"", "true"},
    {"5 like \"5\"", "false"}, {"true like \"true\"", "false"}, {"event.minutes like \"*\"", "false"},
    {"event.url like \"*/pricing*\"", "true"}, {"event.url like \"*/Pricing\"", "false"},
    {"profile.email like \"*@gmail.com\"", "true"}, {"profile.email like \"*@mail.com\"", "false"},
    {"\"@\" like \"`\"", "false"}, {"\"[\" like \"{\"", "false"}, {"\"Z\" like \"z\"", "true"},
    {"(\"a\" like \"a\") == true", "true"},
};

static const ValueRow number_rows[] = {
    {"number(\"12.5\")", "12.5"}, {"number(\"-3\")", "-3"}, {"number(\"+7\")", "7"}, {"number(\"1e2\")", "100"},
    {"number(\"1.5E-1\")", "0.15"}, {"number(\".5\")", "0.5"}, {"number(\"007\")", "7"}, {"number(\"0\")", "0"},
    {"number(\"\")", "null"}, {"number(\" 1\")", "null"}, {"number(\"1 \")", "null"}, {"number(\"1x\")", "null"},
    {"number(\"x\")", "null"}, {"number(\"0x10\")", "null"}, {"number(\"inf\")", "null"}, {"number(\"nan\")", "null"},
    {"number(\"1e400\")", "null"}, {"number(\"-1e400\")", "null"}, {"number(\"--1\")", "null"}, {"number(\"e5\")", "null"},
    {"number(\"-\")", "null"}, {"number(\".\")", "null"}, {"number(\"1e\")", "null"}, {"number(\"1,5\")", "null"},
    {"number(\"12h\")", "null"}, {"number(7)", "7"}, {"number(event.minutes)", "30"}, {"number(true)", "null"},
    {"number(null)", "null"}, {"number(profile.text) * 2", "25"}, {"number(profile.missing) > 1", "false"},
    {"number(\"12.5\") == 12.5", "true"}, {"12.5 == \"12.5\"", "false"},
    {"1", "1"}, {"1.25", "1.25"}, {"1e3", "1000"}, {"1E3", "1000"}, {"1.5e-3", "0.0015"}, {"1e+2", "100"}, {"007", "7"},
    {"250ms", "250"}, {"90s", "90000"}, {"5m", "300000"}, {"24h", "86400000"}, {"30d", "2592000000"},
    {"2w", "1209600000"}, {"0s", "0"}, {"1d + 1h == 25h", "true"}, {"2d == 48h", "true"}, {"-5m", "-300000"},
    {"1w / 1d", "7"}, {"1000 == 1s", "true"},
};

static const ValueRow name_rows[] = {
    {"event.type", "\"page_view\""}, {"event.source", "\"webinar\""}, {"event.campaign", "null"}, {"event.topic", "\"crm\""},
    {"event.url", "\"https://x.example/pricing?a=1\""}, {"event.and", "\"a word\""}, {"event.big", "9.00719925474e+15"},
    {"profile.country", "\"DE\""}, {"profile.vip", "true"}, {"profile.in", "null"}, {"profile.event", "null"},
    {"segment", "\"vip\""}, {"route", "\"emea\""}, {"first_source", "\"ads\""}, {"last_source", "null"},
    {"high", "80"}, {"low", "40"}, {"high - low", "40"},
    {"fit", "10"}, {"engagement", "20"}, {"intent", "8"}, {"tally", "3"}, {"total", "38"}, {"still", "20"}, {"best", "20"},
    {"size", "25"}, {"best - total", "-18"}, {"lifecycle", "\"mql\""}, {"lifecycle == \"mql\"", "true"},
    {"age(lifecycle)", "10800000"}, {"age( lifecycle ) == null", "false"}, {"since(lifecycle.mql)", "10800000"},
    {"since(lifecycle.lead)", "172800000"}, {"since(lifecycle . hand-raised)", "null"}, {"since(lifecycle.2nd)", "null"},
    {"left(lifecycle.lead)", "10800000"}, {"left(lifecycle.mql)", "null"}, {"left(lifecycle.mql) >= 0", "false"},
    {"entries(lifecycle.lead)", "1"}, {"entries(lifecycle.mql)", "2"}, {"entries(lifecycle.hand-raised)", "0"},
    {"entries(lifecycle.mql) == 2", "true"}, {"entries(lifecycle.mql) in [1, 2]", "true"},
    {"idle", "86400000"}, {"idle >= 1d", "true"}, {"idle > 1d", "false"}, {"idle == null", "false"}, {"idle / 1h", "24"},
    {"engagement + intent >= 28", "true"}, {"engagement + intent > 28", "false"}, {"engagement * 2 - intent / 4 <= 38", "true"},
    {"engagement > intent", "true"}, {"total < high", "true"}, {"default(left(lifecycle.2nd), 0) + age(lifecycle) >= 3h", "true"},
    {"present(left(lifecycle.2nd))", "false"}, {"present(engagement)", "true"}, {"\"a\\\"b\"", "\"a\"b\""}, {"\"\\\\\"", "\"\\\""},
    {"\"DE\" in [profile.country, \"FR\"]", "true"}, {"\"#{}'\"", "\"#{}'\""},
};

static const ValueRow without_event_rows[] = {
    {"event.type", "null"}, {"event.url", "null"}, {"event.source == null", "true"}, {"event.minutes > 1", "false"},
    {"event.automated != true", "true"}, {"fit", "10"},
};
/* clang-format on */

START_TEST(operators_bind_by_precedence_and_from_the_left) {
    CHECK_VALUES(precedence_rows);
}
END_TEST

START_TEST(null_makes_comparisons_false_and_arithmetic_null) {
    CHECK_VALUES(null_rows);
}
END_TEST

START_TEST(types_do_not_mix) {
    CHECK_VALUES(type_rows);
}
END_TEST

START_TEST(numbers_closer_than_1e9_are_equal) {
    CHECK_VALUES(equality_rows);
}
END_TEST

START_TEST(like_takes_any_run_for_a_star_and_any_case) {
    CHECK_VALUES(like_rows);
}
END_TEST

START_TEST(number_reads_decimal_texts_and_literals_may_be_durations) {
    CHECK_VALUES(number_rows);
}
END_TEST

START_TEST(names_give_what_is_known_of_the_lead_and_the_event) {
    CHECK_VALUES(name_rows);
}
END_TEST

START_TEST(event_is_null_where_none_is_at_hand) {
    check_values(without_event_rows, ARRAY_SIZE(without_event_rows), NULL);
}
END_TEST

/* --- what stands around an evaluation ---------------------------------------------------------------- */

START_TEST(no_condition_always_holds_and_never_changes) {
    Situation situation = {.model = model, .lead = lead, .at_ms = NOW_MS};
    ck_assert(condition_holds(NULL, &situation));
    ck_assert(!condition_is_time_dependent(NULL));
}
END_TEST

START_TEST(a_snapshot_of_scores_is_used_for_derived_scores_too) {
    double scores[] = {1, 2, 3, 4};
    Situation situation = {.model = model, .lead = lead, .scores = scores, .at_ms = NOW_MS};
    ck_assert_double_eq(condition_value(compile_clean("total", CONDITION_TRACK), &situation).number, 8);
    ck_assert_double_eq(condition_value(compile_clean("engagement", CONDITION_TRACK), &situation).number, 3);
}
END_TEST

START_TEST(params_are_the_segments_except_where_the_segment_is_found) {
    Situation situation = {.model = model, .lead = lead, .at_ms = NOW_MS};
    ck_assert_double_eq(condition_value(compile_clean("high", CONDITION_PROFILE), &situation).number, 80);
    ck_assert_double_eq(condition_value(compile_clean("high", CONDITION_SEGMENT), &situation).number, 60);
    lead->segment = (unsigned)model->n_segments;
    ck_assert_double_eq(condition_value(compile_clean("high", CONDITION_PROFILE), &situation).number, 60);
    ck_assert(str_eq_c(
            condition_value(compile_clean("segment", CONDITION_PROFILE), &situation).string, "default"));
    lead->segment = 0;
}
END_TEST

START_TEST(score_below_1e9_reads_as_0) {
    /* 40 halves every day from a day ago on: 2^36 > 40e9 > 2^35 */
    Situation situation = {.model = model, .lead = lead, .at_ms = NOW_MS + 34 * DAY_MS};
    Condition *condition = compile_clean("engagement * 1e12 > 0", CONDITION_TRACK);
    ck_assert(condition_holds(condition, &situation));
    situation.at_ms = NOW_MS + 35 * DAY_MS;
    ck_assert(!condition_holds(condition, &situation));
}
END_TEST

static const struct {
    const char *text;
    bool time_dependent;
    uint32_t derived;
} fact_rows[] = {
        {"fit >= 5", false, 0},
        {"still >= 5", false, 2},
        {"engagement >= 5", true, 0},
        {"total > 3 or still > 1", true, 3},
        {"profile.vip and age(lifecycle) > 1d", true, 0},
        {"entries(lifecycle.lead) > 1", false, 0},
        {"idle == null", false, 0},
        {"lifecycle == \"mql\"", false, 0},
        {"true", false, 0},
};

START_TEST(what_can_change_by_time_alone_is_known) {
    for (size_t i = 0; i < ARRAY_SIZE(fact_rows); i++) {
        Condition *condition = compile_clean(fact_rows[i].text, CONDITION_TRACK);
        ck_assert_msg(condition_is_time_dependent(condition) == fact_rows[i].time_dependent, "%s",
                fact_rows[i].text);
        ck_assert_uint_eq(condition_derived(condition), fact_rows[i].derived);
    }
}
END_TEST

/* --- errors ------------------------------------------------------------------------------------------ */

/* Column from 1 within the text; 0: the whole scalar. `part` of the message. */
typedef struct ErrorRow {
    const char *text;
    unsigned column, length;
    const char *part;
} ErrorRow;

/* clang-format off */
static const ErrorRow error_rows[] = {
    {"", 1, 1, "the condition ends where a value was expected"},
    {"  ", 3, 1, "the condition ends where a value was expected"},
    {"fit >", 6, 1, "the condition ends where a value was expected"},
    {"fit > 1 and", 12, 1, "ends where a value was expected"},
    {"not", 4, 1, "ends where a value was expected"},
    {"-", 2, 1, "ends where a value was expected"},
    {"(1", 3, 1, "ends where \")\" was expected"},
    {"1)", 2, 1, "unexpected \")\" where the end, \"and\" or \"or\" was expected"},
    {"()", 2, 1, "unexpected \")\" where a value was expected"},
    {"fit fit", 5, 3, "unexpected \"fit\" where the end, \"and\" or \"or\" was expected"},
    {"1 2", 3, 1, "unexpected \"2\" where the end"},
    {"fit = 1", 5, 1, "unexpected \"=\"; did you mean \"==\"?"},
    {"fit == 'a'", 8, 1, "strings are written in double quotes: \"…\""},
    {"fit > 1 && fit < 2", 9, 1, "unexpected \"&\"; \"and\", \"or\" and \"not\" are words here"},
    {"!profile.vip", 1, 1, "unexpected \"!\"; \"and\""},
    {"fit > 1 | fit < 2", 9, 1, "unexpected \"|\"; \"and\""},
    {"fit § 1", 5, 1, "unexpected \"§\""},
    {"fit % 2 == 0", 5, 1, "unexpected \"%\""},
    {"\"äöü\" = 1", 7, 1, "did you mean \"==\"?"},
    {"1 < 2 < 3", 7, 1, "comparisons do not chain; join them with \"and\""},
    {"1 == 1 != false", 8, 2, "comparisons do not chain"},
    {"\"abc", 1, 4, "the string has no closing \""},
    {"profile.x == \"a\\n\"", 16, 1, "in a string only \\\" and \\\\ are escapes"},
    {"fit > 5x", 7, 2, "\"5x\" is neither a number nor a duration (such as 90s, 24h, 30d)"},
    {"fit > 1.5h", 7, 4, "\"1.5h\" is neither a number nor a duration"},
    {"fit > 5minutes", 7, 8, "\"5minutes\" is neither"},
    {"fit > 101000d", 7, 7, "is neither a number nor a duration"},
    {"fit > 1e999", 7, 5, "the number is too large"},
    {"1.", 2, 1, "unexpected \".\""},
    {".5 > 1", 1, 1, "unexpected \".\" where a value was expected"},
    {"fit in 3", 8, 1, "unexpected \"3\" where \"[\" was expected"},
    {"profile.x in [1, 2", 19, 1, "ends where \"]\" was expected"},
    {"profile.x in [1 2]", 17, 1, "unexpected \"2\" where \"]\" was expected"},
    {"profile.x in [,]", 15, 1, "unexpected \",\" where a value was expected"},
    {"profile.x like 5", 16, 1, "unexpected \"5\" where a pattern in double quotes was expected"},
    {"profile.x like", 15, 1, "ends where a pattern in double quotes was expected"},
    {"profile.x like profile.y", 16, 7, "where a pattern in double quotes was expected"},
    {"profile", 8, 1, "ends where \".\" was expected"},
    {"profile.", 9, 1, "ends where a name was expected"},
    {"profile.5", 9, 1, "unexpected \"5\" where a name was expected"},
    {"event", 6, 1, "ends where \".\" was expected"},
    {"min(1)", 6, 1, "unexpected \")\" where \",\" was expected"},
    {"min(1, 2, 3)", 9, 1, "unexpected \",\" where \")\" was expected"},
    {"min 1", 5, 1, "unexpected \"1\" where \"(\" was expected"},
    {"present()", 9, 1, "unexpected \")\" where a value was expected"},
    {"number(1, 2)", 9, 1, "unexpected \",\" where \")\" was expected"},
    {"age", 4, 1, "ends where \"(\" was expected"},
    {"age()", 5, 1, "unexpected \")\" where a track was expected"},
    {"age(\"lifecycle\")", 5, 11, "where a track was expected"},
    {"age(lifecycle.mql)", 14, 1, "unexpected \".\" where \")\" was expected"},
    {"since(lifecycle)", 16, 1, "unexpected \")\" where \".\" was expected"},
    {"since(lifecycle.)", 17, 1, "unexpected \")\" where a stage was expected"},
    {"age(livecycle) > 1d", 5, 9, "unknown track \"livecycle\"; did you mean \"lifecycle\"?"},
    {"age(zzz) > 1d", 5, 3, "unknown track \"zzz\""},
    {"since(lifecycle.mgl) > 1d", 17, 3, "track \"lifecycle\" has no stage \"mgl\"; did you mean \"mql\"?"},
    {"left(lifecycle.hand-raisd) > 1d", 16, 10, "no stage \"hand-raisd\"; did you mean \"hand-raised\"?"},
    {"entries(fit.mql) > 1", 9, 3, "unknown track \"fit\""},
    {"engagment > 5", 1, 9, "unknown name \"engagment\"; did you mean \"engagement\"?"},
    {"true or qqqqqqqq", 9, 8, "unknown name \"qqqqqqqq\": no score, derived score, counter, param or track is called so; a text stands "
            "in double quotes, an attribute is profile.qqqqqqqq, a property event.…"},
    {"fit > 1 And fit < 2", 9, 3, "unexpected \"And\" where the end"},
    {"hihg > 5", 1, 4, "did you mean \"high\"?"},
    {"profil.x == 1", 1, 6, "did you mean \"profile\"?"},
    {"and true", 1, 3, "unexpected \"and\" where a value was expected"},
    {"true or or true", 9, 2, "unexpected \"or\" where a value was expected"},
    {"1 + not true", 5, 3, "unexpected \"not\" where a value was expected"},
    {"1 in [2] in [3]", 10, 2, "unexpected \"in\" where the end"},
    {"best > 5", 6, 1, "each side of a comparison that involves scores or elapsed times must be linear"},
    {"engagement == 5", 12, 2, "a score or an elapsed time cannot be compared by == or !="},
    {"engagement in [5]", 12, 2, "\"in\" cannot test a score or an elapsed time; use <, <=, > or >="},
    {"present(best)", 1, 7, "present() takes scores and elapsed times, their sums, and their products with values that time "
            "does not change"},
    {"engagement > 5 and intent * engagement > 3", 40, 1, "must be linear"},
};
/* clang-format on */

START_TEST(error_points_at_the_character) {
    for (size_t i = 0; i < ARRAY_SIZE(error_rows); i++) {
        const ErrorRow *row = &error_rows[i];
        _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
        ck_assert_msg(compile(row->text, CONDITION_TRACK_EVENT, &d) == NULL, "%s", row->text);
        ck_assert_msg(d.n_errors == 1, "%s: %zu errors", row->text, d.n_errors);
        const Diagnostic *e = &d.items[0];
        ck_assert_msg(strstr(e->message, row->part) != NULL, "%s: %s", row->text, e->message);
        ck_assert_msg(
                e->mark.line == 7 && e->mark.column == 10 + row->column && e->mark.length == row->length,
                "%s: column %u, length %u", row->text, e->mark.column - 10, e->mark.length);
    }
}
END_TEST

START_TEST(wrong_names_do_not_hide_one_another_nor_what_follows) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    compile("xxxxxxxx > 1 and yyyyyyyy > 2 and (1", CONDITION_TRACK, &d);
    ck_assert_uint_eq(d.n_errors, 3);
    ck_assert_uint_eq(d.items[0].mark.column, 11);
    ck_assert_uint_eq(d.items[1].mark.column, 11 + 17);
    ck_assert_uint_eq(d.items[2].mark.column, 11 + 36);
}
END_TEST

START_TEST(scalar_that_is_not_as_in_the_file_is_marked_as_a_whole) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    YamlNode node = {.type = YAML_SCALAR, .text = STR_LITERAL("1 +\n1 ="), .mark = {3, 9, 12}};
    Condition *condition = NULL;
    ck_assert_int_eq(condition_compile(arena, model, &node, CONDITION_TRACK, &d, &condition), 0);
    ck_assert_ptr_null(condition);
    ck_assert_uint_eq(d.n_errors, 1);
    ck_assert(d.items[0].mark.line == 3 && d.items[0].mark.column == 9 && d.items[0].mark.length == 12);
}
END_TEST

/* `n` times `before`, then `middle`, then `n` times `after`. */
static char *nested(size_t n, const char *before, const char *middle, const char *after) {
    Record text = {0};
    for (size_t i = 0; i < n; i++)
        record_add(&text, "%s", before);
    record_add(&text, "%s", middle);
    for (size_t i = 0; i < n; i++)
        record_add(&text, "%s", after);
    return text.text;
}

static const struct {
    size_t n;
    const char *before, *middle, *after, *error; /* NULL: none */
} size_rows[] = {
        {20, "(", "1 < 2", ")", NULL},
        {30, "(", "1 < 2", ")", "more than 24 levels of nesting"},
        {100000 / 20, "(", "1", ")", "a condition of at most 4096 bytes was expected"},
        {20, "not ", "true", "", NULL},
        {1000, "not ", "true", "", "more than 24 levels of nesting"},
        {20, "-", "1 < 2", "", NULL},
        {4000, "-", "1", "", "more than 24 levels of nesting"},
        {20, "min(1, ", "1", ")", NULL},
        {23, "1 + (", "1", ")", NULL},
        {200, "1 + ", "1", "", NULL},
        {200, "true and ", "true", "", NULL},
        {350, "true and ", "true", "", "the condition is too long or too deeply nested"},
        {600, "1 + ", "1", "", "the condition is too long or too deeply nested"},
        {1, "1 in [", "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20", "]", NULL},
        {1, "1 in [", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "]",
                "the condition is too long or too deeply nested"},
};

START_TEST(length_and_depth_are_bounded) {
    for (size_t i = 0; i < ARRAY_SIZE(size_rows); i++) {
        _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
        _cleanup_(free_null) char *text =
                nested(size_rows[i].n, size_rows[i].before, size_rows[i].middle, size_rows[i].after);
        Condition *condition = compile(text, CONDITION_TRACK, &d);
        if (!size_rows[i].error) {
            Situation situation = {.model = model, .lead = lead, .at_ms = NOW_MS};
            ck_assert_msg(condition != NULL, "row %zu: %s", i, d.n_items ? d.items[0].message : "");
            ck_assert(condition_value(condition, &situation).type != VALUE_NULL);
            continue;
        }
        ck_assert_msg(d.n_errors == 1, "row %zu: %zu errors", i, d.n_errors);
        ck_assert_msg(
                strstr(d.items[0].message, size_rows[i].error) != NULL, "row %zu: %s", i, d.items[0].message);
    }
}
END_TEST

/* --- linearity (SPEC section 2) ---------------------------------------------------------------------- */

static const struct {
    const char *text;
    bool accepted;
} linear_rows[] = {
        /* sums, and products and quotients with what time does not change */
        {"engagement >= 5", true},
        {"5 <= engagement", true},
        {"engagement + intent - fit >= high", true},
        {"engagement * 2 >= 1", true},
        {"2 * engagement >= 1", true},
        {"engagement / 2 >= 1", true},
        {"-engagement < -1", true},
        {"-(engagement + intent) * 3 < -1", true},
        {"engagement * high / low >= 1", true},
        {"engagement * profile.x >= 1", true},
        {"engagement * entries(lifecycle.mql) >= 1", true},
        {"engagement * number(profile.text) >= 1", true},
        {"engagement * min(high, low) >= 1", true},
        {"engagement * fit >= 1", true},
        {"(engagement + 1) * 2 > (intent - 1) / 3", true},
        {"engagement > intent", true},
        {"total >= 10", true},
        {"total - engagement * 0.5 >= 10", true},
        {"number(engagement) >= 10", true},
        {"default(engagement, 0) >= 10", true},
        {"default(profile.x, engagement) >= 10", true},
        {"default(idle, 30d) >= 30d", true},
        {"age(lifecycle) >= 1d", true},
        {"age(lifecycle) + idle >= 1d", true},
        {"since(lifecycle.mql) - left(lifecycle.lead) > 0", true},
        {"age(lifecycle) / 1h + engagement >= 3", true},
        {"engagement * 1h < age(lifecycle)", true},
        {"engagement == null", true},
        {"null != idle", true},
        {"left(lifecycle.mql) == null or left(lifecycle.mql) >= 7d", true},
        {"present(idle)", true},
        {"present(engagement) == true", true},
        {"not (engagement > 5)", true},
        {"fit > 5 and engagement > 5 or intent > 5", true},
        {"entries(lifecycle.mql) == 2", true},
        {"entries(lifecycle.mql) * entries(lifecycle.lead) == 2", true},
        {"lifecycle == \"mql\"", true},
        {"lifecycle in [\"mql\"]", true},
        /* nothing else */
        {"engagement * intent >= 1", false},
        {"engagement * engagement >= 1", false},
        {"1 / engagement >= 1", false},
        {"engagement / intent >= 1", false},
        {"fit / engagement >= 1", false},
        {"engagement * age(lifecycle) > 1", false},
        {"idle * idle > 1", false},
        {"1h / age(lifecycle) < 1", false},
        {"min(engagement, 5) > 3", false},
        {"max(1, age(lifecycle)) > 3", false},
        {"best > 3", false},
        {"3 > best + 1", false},
        {"best * 2 > 3", false},
        {"-best < 3", false},
        {"number(best) < 3", false},
        {"default(best, 1) < 3", false},
        {"present(best)", false},
        {"total * total > 3", false},
        {"(engagement > 5) == true", false},
        {"(engagement > 5) != (intent > 5)", false},
        {"(engagement > 5) + 1 > 1", false},
        {"engagement == 5", false},
        {"5 == engagement", false},
        {"engagement != 5", false},
        {"engagement == intent", false},
        {"engagement == profile.x", false},
        {"engagement - intent == 0", false},
        {"total != 0", false},
        {"age(lifecycle) == 1d", false},
        {"idle != 1d", false},
        {"since(lifecycle.mql) == left(lifecycle.lead)", false},
        {"engagement in [1, 2]", false},
        {"1 in [engagement]", false},
        {"idle in [null]", false},
        {"(engagement > 5) in [true]", false},
        /* a score is a score, whether it decays or not */
        {"fit == 10", false},
        {"10 != fit", false},
        {"still == 20", false},
        {"fit + 1 == tally * 2", false},
        {"fit in [10, 20]", false},
        {"10 in [fit]", false},
        {"default(fit, 1) == 1", false},
        {"-fit == 1", false},
        {"min(fit, 3) == 1", false},
        {"fit == null", true},
        {"size == 25", true},
};

START_TEST(comparisons_with_time_must_be_linear) {
    for (size_t i = 0; i < ARRAY_SIZE(linear_rows); i++) {
        _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
        bool accepted = compile(linear_rows[i].text, CONDITION_TRACK, &d) != NULL;
        ck_assert_msg(accepted == linear_rows[i].accepted, "%s: %s", linear_rows[i].text,
                d.n_items ? d.items[0].message : "accepted");
    }
}
END_TEST

START_TEST(points_may_be_anything_and_a_derived_score_no_truth) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    Situation situation = {.model = model, .lead = lead, .event = &event, .at_ms = NOW_MS};
    Condition *points = compile_clean("min(engagement, 60) * intent / event.minutes", CONDITION_EVENT);
    ck_assert_double_eq_tol(condition_value(points, &situation).number, 20.0 * 8 / 30, 1e-12);
    compile("engagement > 5", CONDITION_LEAD, &d);
    ck_assert_uint_eq(d.n_errors, 1);
    ck_assert_ptr_nonnull(strstr(d.items[0].message, "a derived score must be a number, and this is a condition"));
}
END_TEST

/* --- places ------------------------------------------------------------------------------------------ */

enum {
    S = 1 << CONDITION_SEGMENT,
    P = 1 << CONDITION_PROFILE,
    L = 1 << CONDITION_LEAD,
    E = 1 << CONDITION_EVENT,
    T = 1 << CONDITION_TRACK,
    TE = 1 << CONDITION_TRACK_EVENT,
    ALL = S | P | L | E | T | TE
};

static const struct {
    const char *text;
    int places;        /* where it may stand */
    const char *error; /* elsewhere */
} place_rows[] = {
        {"profile.x", ALL, NULL},
        {"first_source", ALL, NULL},
        {"last_source", ALL, NULL},
        {"high", ALL, NULL},
        {"segment", ALL & ~S,
                "\"segment\" cannot be named here: only profile.*, first_source, last_source and params"},
        {"route", T | TE, "route can be named in tracks and sla only"},
        {"event.x", E | TE, "event.* cannot be named here: no event is at hand"},
        {"event.type", E | TE, "event.* cannot be named here"},
        {"fit", L | E | T | TE, "\"fit\" cannot be named here: only profile.*, first_source, last_source"},
        {"engagement", L | E | T | TE, "\"engagement\" cannot be named here"},
        {"total", L | E | T | TE, "\"total\" cannot be named here"},
        {"lifecycle", L | E | T | TE, "\"lifecycle\" cannot be named here"},
        {"idle", L | E | T | TE, "\"idle\" cannot be named here"},
        {"age(lifecycle)", L | E | T | TE, "\"age\" cannot be named here"},
        {"since(lifecycle.mql)", L | E | T | TE, "\"since\" cannot be named here"},
        {"left(lifecycle.mql)", L | E | T | TE, "\"left\" cannot be named here"},
        {"entries(lifecycle.mql)", L | E | T | TE, "\"entries\" cannot be named here"},
};

START_TEST(names_are_refused_where_they_mean_nothing) {
    for (size_t i = 0; i < ARRAY_SIZE(place_rows); i++)
        for (int place = CONDITION_SEGMENT; place <= CONDITION_TRACK_EVENT; place++) {
            _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
            bool accepted = compile(place_rows[i].text, (ConditionPlace)place, &d) != NULL;
            ck_assert_msg(accepted == (place_rows[i].places >> place & 1), "%s in place %d: %s",
                    place_rows[i].text, place, d.n_items ? d.items[0].message : "accepted");
            if (accepted)
                continue;
            ck_assert_msg(strstr(d.items[0].message, place_rows[i].error) != NULL, "%s", d.items[0].message);
            ck_assert_uint_eq(d.items[0].mark.column, 11);
        }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("condition");
    TCase *values = tcase_create("values"), *errors = tcase_create("errors");
    tcase_add_unchecked_fixture(values, setup, teardown);
    tcase_add_test(values, operators_bind_by_precedence_and_from_the_left);
    tcase_add_test(values, null_makes_comparisons_false_and_arithmetic_null);
    tcase_add_test(values, types_do_not_mix);
    tcase_add_test(values, numbers_closer_than_1e9_are_equal);
    tcase_add_test(values, like_takes_any_run_for_a_star_and_any_case);
    tcase_add_test(values, number_reads_decimal_texts_and_literals_may_be_durations);
    tcase_add_test(values, names_give_what_is_known_of_the_lead_and_the_event);
    tcase_add_test(values, event_is_null_where_none_is_at_hand);
    tcase_add_test(values, no_condition_always_holds_and_never_changes);
    tcase_add_test(values, a_snapshot_of_scores_is_used_for_derived_scores_too);
    tcase_add_test(values, params_are_the_segments_except_where_the_segment_is_found);
    tcase_add_test(values, score_below_1e9_reads_as_0);
    tcase_add_test(values, what_can_change_by_time_alone_is_known);
    suite_add_tcase(suite, values);
    tcase_add_unchecked_fixture(errors, setup, teardown);
    tcase_add_test(errors, error_points_at_the_character);
    tcase_add_test(errors, wrong_names_do_not_hide_one_another_nor_what_follows);
    tcase_add_test(errors, scalar_that_is_not_as_in_the_file_is_marked_as_a_whole);
    tcase_add_test(errors, length_and_depth_are_bounded);
    tcase_add_test(errors, comparisons_with_time_must_be_linear);
    tcase_add_test(errors, points_may_be_anything_and_a_derived_score_no_truth);
    tcase_add_test(errors, names_are_refused_where_they_mean_nothing);
    suite_add_tcase(suite, errors);
    return suite_run(suite);
}
