/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/condition_parts.h"

#include "tests/unit/engine_fixture.h"

static const char head[] = "model: m\n"
                           "version: 1\n"
                           "params: { mark: 20 }\n"
                           "scores: { fit: { decay: none }, heat: { decay: { half_life: 1d } } }\n"
                           "rules: [{ id: r, add: { fit: 1, heat: 1 } }]\n"
                           "tracks:\n"
                           "  t:\n"
                           "    initial: a\n"
                           "    stages: [{ id: a }, { id: b }]\n"
                           "    transitions:\n"
                           "      - { id: go, from: [a], to: b, on: [x], when: '";

/* The lead is empty; the event has url "/a or b" and minutes 7. Parts with "=" before their values, one a
 * line. */
static const struct {
    const char *when, *parts;
} rows[] = {
        {"fit >= mark", "fit >= mark=0 >= 20\n"},
        {"fit + heat > 3 and event.minutes == 7", "fit + heat > 3=0 > 3\n"},
        {"fit >= mark and heat >= 5", "fit >= mark=0 >= 20\nheat >= 5=0 >= 5\n"},
        {"fit >= 1 or heat >= 1", "fit >= 1=0 >= 1\nheat >= 1=0 >= 1\n"},
        {"event.minutes == 7 and (fit >= 1 or heat >= 1)", "fit >= 1=0 >= 1\nheat >= 1=0 >= 1\n"},
        {"((fit >= 1))", "fit >= 1=0 >= 1\n"},
        {"(fit >= 1) or (heat >= 1 and fit >= 2)", "fit >= 1=0 >= 1\nheat >= 1=0 >= 1\nfit >= 2=0 >= 2\n"},
        {"not present(event.url)", "not present(event.url)\n"},
        {"not (event.minutes == 7)", "not (event.minutes == 7)\n"},
        {"event.url == \"/c or d\"", "event.url == \"/c or d\"=\"/a or b\" == \"/c or d\"\n"},
        {"event.url like \"*and*\"", "event.url like \"*and*\"=\"/a or b\" like \"*and*\"\n"},
        {"profile.country in [\"DE\", \"FR\"]",
                "profile.country in [\"DE\", \"FR\"]=null in [\"DE\", \"FR\"]\n"},
        {"present(profile.order) and false", "present(profile.order)\nfalse\n"},
        {"t == \"b\"", "t == \"b\"=\"a\" == \"b\"\n"},
        {"max(fit, 2) >= min(mark, event.minutes)", "max(fit, 2) >= min(mark, event.minutes)=2 >= 7\n"},
        {"false", "false\n"},
        {"fit >= 1 and fit >= 2 and fit >= 3 and fit >= 4 and fit >= 5 and fit >= 6 and fit >= 7 and fit >= "
         "8 and fit >= 9",
                "fit >= 1=0 >= 1\nfit >= 2=0 >= 2\nfit >= 3=0 >= 3\nfit >= 4=0 >= 4\nfit >= 5=0 >= 5\n"
                "fit >= 6=0 >= 6\nfit >= 7=0 >= 7\nfit >= 8=0 >= 8\n"},
};

START_TEST(parts_that_do_not_hold_are_told) {
    char text[2048], got[2048] = "";
    const Property properties[] = {{STR_LITERAL("url"), value_string(STR_LITERAL("/a or b"))},
            {STR_LITERAL("minutes"), value_long(7)}};
    LeadEvent event = fixture_event("l", "e", "x", 0);
    event.properties = properties;
    event.n_properties = ARRAY_SIZE(properties);
    _cleanup_(arena_free) Arena *arena = NULL;
    _cleanup_(lead_free) Lead *lead = NULL;
    ConditionPart parts[CONDITION_PARTS_MAX];

    snprintf(text, sizeof(text), "%s%s' }\n", head, rows[_i].when);
    _cleanup_(model_free) Model *model = fixture_model(text);
    ck_assert_int_eq(arena_new(&arena), 0);
    ck_assert_int_eq(lead_new(model, STR_LITERAL("l"), &lead), 0);
    lead_begin(lead, model, 0);
    const Situation situation = {.model = model, .lead = lead, .event = &event, .at_ms = 0};
    const Condition *when = model->tracks[0].transitions[0].when;
    ck_assert(!condition_holds(when, &situation));

    int n = condition_parts(when, CONDITION_TRACK_EVENT, &situation, arena, parts);
    ck_assert_int_ge(n, 0);
    for (int i = 0; i < n; i++) {
        size_t len = strlen(got);
        snprintf(got + len, sizeof(got) - len, "%.*s%s%.*s\n", STR_FMT(parts[i].text),
                str_is_null(parts[i].values) ? "" : "=", STR_FMT(parts[i].values));
    }
    ck_assert_str_eq(got, rows[_i].parts);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("condition_parts");
    TCase *tcase = tcase_create("condition_parts");
    tcase_add_loop_test(tcase, parts_that_do_not_hold_are_told, 0, ARRAY_SIZE(rows));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
