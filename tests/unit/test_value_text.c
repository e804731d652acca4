/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/base/value_text.h"

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

/* The lead is empty; the event has url "/a or b" and minutes 7. `values` is of the first part. */
static const struct {
    const char *when, *values;
} rows[] = {
        {"fit >= mark", "0 >= 20"},
        {"fit + heat > 3", "0 > 3"},
        {"(fit + heat) * 2 > 3.50", "0 > 3.50"},
        {"(fit >= 1)", "(0 >= 1)"},
        {"present(event.url)", NULL},
        {"event.minutes == 7 + 1", "7 == 8"},
        {"event.url == \"/c or d\"", "\"/a or b\" == \"/c or d\""},
        {"event.url == profile.url", "\"/a or b\" == null"},
        {"event.url like \"*and*\"", "\"/a or b\" like \"*and*\""},
        {"profile.country in [\"DE\", \"FR\"]", "null in [\"DE\", \"FR\"]"},
        {"t == \"b\"", "\"a\" == \"b\""},
        {"max(fit, 2) >= min(mark, event.minutes)", "2 >= 7"},
        {"age(t) >= 24h", "2h00m >= 24h"},
        {"age(t) >= event.minutes * 1d", "2h00m >= 7d00h"},
        {"since(t.b) < 1h", "null < 1h"},
        {"7 == 8", NULL},
        {"false", NULL},
};

START_TEST(values_stand_for_the_sides_of_a_comparison) {
    char text[2048];
    const Property properties[] = {{STR_LITERAL("url"), value_string(STR_LITERAL("/a or b"))},
            {STR_LITERAL("minutes"), value_long(7)}};
    LeadEvent event = fixture_event("l", "e", "x", 0);
    event.properties = properties;
    event.n_properties = ARRAY_SIZE(properties);
    _cleanup_(arena_free) Arena *arena = NULL;
    _cleanup_(lead_free) Lead *lead = NULL;
    const ConditionPart *parts;
    size_t n;
    PartTruth truth;

    snprintf(text, sizeof(text), "%s%s' }\n", head, rows[_i].when);
    _cleanup_(model_free) Model *model = fixture_model(text);
    ck_assert_int_eq(arena_new(&arena), 0);
    ck_assert_int_eq(lead_new(model, STR_LITERAL("l"), &lead), 0);
    lead_begin(lead, model, 0);
    const Situation situation = {.model = model, .lead = lead, .event = &event, .at_ms = 7200000};
    const Condition *when = model->tracks[0].transitions[0].when;

    ck_assert_int_eq(condition_take_apart(arena, when, &situation, &parts, &n, &truth), 0);
    ck_assert_uint_eq(n, 1);
    Str values = part_show_values(arena, &parts[0]);
    ck_assert_msg(str_eq(values, str_from(rows[_i].values)), "%.*s", STR_FMT(values));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("value_text");
    TCase *tcase = tcase_create("value_text");
    tcase_add_loop_test(tcase, values_stand_for_the_sides_of_a_comparison, 0, ARRAY_SIZE(rows));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
