/* SPDX-License-Identifier: Apache-2.0 */
/* A condition taken apart: which parts it has, what was written, what they are worth, and which is missing. */
#include "lib/condition/condition_part.h"

#include "lib/engine/score.h"
#include "tests/unit/engine_fixture.h"

#define NOW_MS INT64_C(1767225600000)
#define DAY_MS INT64_C(86400000)

/* clang-format off */
static const char model_text[] =
    "model: m\nversion: 1\n"
    "params: { high: 60 }\n"
    "scores: { fit: { decay: none }, heat: { decay: { half_life: 1d } } }\n"
    "derived: { total: 'fit + heat' }\n"
    "rules: [ { id: r, add: { fit: 1, heat: 1 } } ]\n"
    "tracks: { life: { initial: lead, stages: [ { id: lead }, { id: mql-2 } ], transitions: [ { id: t, from: [lead], to: mql-2, on: [x] } ] } }\n";
/* clang-format on */

static Model *model;
static Lead *lead;
static Arena *arena;

static void setup(void) {
    double kept;
    model = fixture_model(model_text);
    ck_assert_int_eq(arena_new(&arena), 0);
    ck_assert_int_eq(lead_new(model, STR_LITERAL("lead"), &lead), 0);
    lead_begin(lead, model, NOW_MS - DAY_MS);
    ScoreBounds none = {-INFINITY, INFINITY};
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(score_state_award(&lead->scores[i], &model->scores[i].decay, none, 40, NOW_MS, NOW_MS, &kept), 0);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("country"), value_string(STR_LITERAL("DE"))), 0);
}

static void teardown(void) {
    lead_free(lead);
    arena_free(arena);
    model_free(model);
}

static Condition *compile(const char *text) {
    _cleanup_(diagnostics_done) Diagnostics d = DIAGNOSTICS_INIT;
    YamlNode node = {.type = YAML_SCALAR, .text = str_from(text), .text_exact = true};
    Condition *condition = NULL;
    ck_assert_int_eq(condition_compile(arena, model, &node, CONDITION_TRACK_EVENT, &d, &condition), 0);
    ck_assert_msg(condition != NULL, "%s", text);
    return condition;
}

static void add_value(Record *record, Value value) {
    if (value.type == VALUE_STRING)
        record_add(record, "%.*s", STR_FMT(value.string));
    else if (value.type == VALUE_BOOLEAN)
        record_add(record, "%s", value.boolean ? "true" : "false");
    else if (value.type == VALUE_NULL)
        record_add(record, "null");
    else
        record_add(record, "%g", value_number(value));
}

/* A line each: depth, truth, kind or text, and of comparisons "{left=value|right=value}" and what is missing. */
static void print(Record *record, const ConditionPart *part) {
    static const char *const groups[] = {[PART_ALL] = "ALL", [PART_ANY] = "ANY", [PART_NOT] = "NOT"};
    record_add(record, "%u %s ", part->depth, part_truth_name(part->truth));
    if (part->kind <= PART_NOT) {
        record_add(record, "%s\n", groups[part->kind]);
        return;
    }
    record_add(record, "[%.*s] {%.*s=", STR_FMT(part->text), STR_FMT(part->left_text));
    add_value(record, part->left);
    if (part->kind == PART_COMPARE || part->kind == PART_LIKE) {
        record_add(record, "|%.*s=", STR_FMT(part->right_text));
        add_value(record, part->right);
    }
    record_add(record, "}");
    if (part->has_missing)
        record_add(record, " %s%g", part->wants_less ? "over by " : "missing ", part->missing);
    record_add(record, "%s\n", part->is_span ? " span" : "");
}

static const struct {
    const char *text;
    PartTruth truth;
    const char *parts;
} rows[] = {
        {"fit + heat >= high and fit > 100", PART_FAILS,
                "0 yes [fit + heat >= high] {fit + heat=80|high=60}\n0 no [fit > 100] {fit=40|100=100} missing 60\n"},
        {"fit < 10", PART_FAILS, "0 no [fit < 10] {fit=40|10=10} over by 30\n"},
        {"fit > 40", PART_FAILS, "0 no [fit > 40] {fit=40|40=40} missing 0\n"},
        /* parentheses belong to what they enclose; groups of one word are one */
        {"(fit>1 and (fit > 2 and fit > 3)) and  (( fit )) > 4", PART_HOLDS,
                "0 yes [fit>1] {fit=40|1=1}\n0 yes [fit > 2] {fit=40|2=2}\n0 yes [fit > 3] {fit=40|3=3}\n"
                "0 yes [(( fit )) > 4] {(( fit ))=40|4=4}\n"},
        {"fit > 50 or total > 50 or present(profile.email)", PART_HOLDS,
                "0 yes ANY\n1 no [fit > 50] {fit=40|50=50} missing 10\n1 yes [total > 50] {total=80|50=50}\n"
                "1 no [present(profile.email)] {profile.email=null}\n"},
        {"fit > 1 and (fit > 90 or fit > 2 and fit > 80)", PART_FAILS,
                "0 yes [fit > 1] {fit=40|1=1}\n0 no ANY\n1 no [fit > 90] {fit=40|90=90} missing 50\n1 no ALL\n"
                "2 yes [fit > 2] {fit=40|2=2}\n2 no [fit > 80] {fit=40|80=80} missing 40\n"},
        /* what must not hold lacks nothing */
        {"not fit > 50", PART_HOLDS, "0 yes NOT\n1 no [fit > 50] {fit=40|50=50}\n"},
        {"not (not fit > 50)", PART_FAILS, "0 no NOT\n1 yes NOT\n2 no [fit > 50] {fit=40|50=50} missing 10\n"},
        {"profile.country in [\"FR\", \"DE\"] and profile.country like \"d*\" and profile.country != \"X\"", PART_HOLDS,
                "0 yes [profile.country in [\"FR\", \"DE\"]] {profile.country=DE}\n"
                "0 yes [profile.country like \"d*\"] {profile.country=DE|=d*}\n"
                "0 yes [profile.country != \"X\"] {profile.country=DE|\"X\"=X}\n"},
        /* null is nothing to measure by */
        {"profile.size >= 5", PART_FAILS, "0 no [profile.size >= 5] {profile.size=null|5=5}\n"},
        {"age(life) >= 2d and since(life.mql-2) < 1d", PART_FAILS,
                "0 no [age(life) >= 2d] {age(life)=8.64e+07|2d=1.728e+08} missing 8.64e+07 span\n"
                "0 no [since(life.mql-2) < 1d] {since(life.mql-2)=null|1d=8.64e+07} span\n"},
        {"true", PART_HOLDS, "0 yes [true] {true=true}\n"},
        {"life == \"lead\"", PART_HOLDS, "0 yes [life == \"lead\"] {life=lead|\"lead\"=lead}\n"},
        {"default(profile.size, fit) - -3 > 2 * 4", PART_HOLDS, "0 yes [default(profile.size, fit) - -3 > 2 * 4] {default(profile.size, fit) - -3=43|2 * 4=8}\n"},
        /* the event decides, unless the rest has decided already */
        {"event.a == 1 and fit > 1", PART_OPEN, "0 event [event.a == 1] {event.a=null|1=1}\n0 yes [fit > 1] {fit=40|1=1}\n"},
        {"event.a == 1 and fit > 50", PART_FAILS,
                "0 event [event.a == 1] {event.a=null|1=1}\n0 no [fit > 50] {fit=40|50=50} missing 10\n"},
        {"present(event.a) or fit > 1", PART_HOLDS,
                "0 yes ANY\n1 event [present(event.a)] {event.a=null}\n1 yes [fit > 1] {fit=40|1=1}\n"},
        {"not present(event.a)", PART_OPEN, "0 event NOT\n1 event [present(event.a)] {event.a=null}\n"},
};

START_TEST(condition_comes_apart) {
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        _cleanup_(record_done) Record record = {0};
        Situation now = {.model = model, .lead = lead, .at_ms = NOW_MS};
        const ConditionPart *parts;
        PartTruth truth;
        size_t n;
        Condition *condition = compile(rows[i].text);
        ck_assert_int_eq(condition_take_apart(arena, condition, &now, &parts, &n, &truth), 0);
        for (size_t k = 0; k < n; k++)
            print(&record, &parts[k]);
        ck_assert_str_eq(record.text, rows[i].parts);
        ck_assert_int_eq(truth, rows[i].truth);
        if (truth != PART_OPEN)
            ck_assert_int_eq(truth == PART_HOLDS, condition_holds(condition, &now));
    }
}
END_TEST

START_TEST(no_condition_has_no_parts_and_holds) {
    Situation now = {.model = model, .lead = lead, .at_ms = NOW_MS};
    const ConditionPart *parts;
    PartTruth truth;
    size_t n;
    ck_assert_int_eq(condition_take_apart(arena, NULL, &now, &parts, &n, &truth), 0);
    ck_assert_uint_eq(n, 0);
    ck_assert_int_eq(truth, PART_HOLDS);
}
END_TEST

START_TEST(event_at_hand_decides) {
    static const Property properties[] = {{STR_LITERAL("a"), {.type = VALUE_LONG, .integer = 1}}};
    LeadEvent event = fixture_event("lead", "e", "x", NOW_MS);
    event.properties = properties;
    event.n_properties = 1;
    Situation now = {.model = model, .lead = lead, .event = &event, .at_ms = NOW_MS};
    const ConditionPart *parts;
    PartTruth truth;
    size_t n;
    ck_assert_int_eq(condition_take_apart(arena, compile("event.a == 1"), &now, &parts, &n, &truth), 0);
    ck_assert_int_eq(truth, PART_HOLDS);
    ck_assert(parts[0].left.type == VALUE_LONG && parts[0].left.integer == 1);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("condition_part");
    TCase *tcase = tcase_create("condition_part");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, condition_comes_apart);
    tcase_add_test(tcase, no_condition_has_no_parts_and_holds);
    tcase_add_test(tcase, event_at_hand_decides);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
