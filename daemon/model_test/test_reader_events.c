/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a test's case: what is not said is filled in.
 */
#include <stdio.h>

#include "daemon/base/arena_text.h"
#include "daemon/model_test/test_reader.h"

/* A property is what it looks like: quoted, a text; else null, true, false, a number or a text. */
static Value read_value(const YamlNode *node) {
    Diagnostics ignored = DIAGNOSTICS_INIT;
    Value value;

    if (yaml_is_null(node))
        return VALUE_NONE;
    if (!node->quoted && yaml_boolean(node, "", &ignored, &value.boolean))
        value.type = VALUE_BOOLEAN;
    else if (!node->quoted && yaml_integer(node, "", INT64_MIN, INT64_MAX, &ignored, &value.integer))
        value.type = VALUE_LONG;
    else if (!node->quoted && yaml_double(node, "", &ignored, &value.number))
        value.type = VALUE_DOUBLE;
    else
        value = value_string(node->text);
    diagnostics_done(&ignored);
    return value;
}

static int read_properties(TestReader *reader, const YamlNode *node, const char *what, LeadEvent *event) {
    Property *properties = NULL;

    if (!reader_check(reader, node, YAML_MAPPING, what, "a mapping of names to values", EVENT_PROPERTIES_MAX))
        return 0;
    int r = READER_ALLOC(reader, properties, node->n_items);
    if (r)
        return r;
    for (size_t i = 0; i < node->n_items; i++)
        if (reader_check(
                    reader, node->items[i], YAML_SCALAR, what, "a text, a number, true, false or null", 0))
            properties[event->n_properties++] = (Property){node->keys[i]->text, read_value(node->items[i])};
    event->properties = properties;
    return 0;
}

/* The profile itself, or the name of one of the file's. */
static const YamlNode *find_profile(TestReader *reader, const YamlNode *node) {
    const char *known[TEST_PROFILES_MAX];
    const YamlNode *profiles = reader->profiles;
    size_t n = profiles ? profiles->n_items : 0;

    if (node->type != YAML_SCALAR || yaml_is_null(node))
        return node;
    for (size_t i = 0; i < n; i++) {
        if (str_eq(profiles->keys[i]->text, node->text))
            return profiles->items[i];
        known[i] = profiles->keys[i]->text.data;
    }
    const char *nearest = diagnostic_nearest(node->text, known, n);
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
            nearest ? "unknown profile \"%.*s\"; did you mean \"%s\"?"
                    : "unknown profile \"%.*s\": \"profiles\" at the top of the file has none of this name%s",
            READER_SHOWN(node), nearest ? nearest : "");
    return NULL;
}

static const struct {
    const char *key;
    size_t len_max, offset;
} strings[] = {
        {"lead", EVENT_LEAD_ID_LEN_MAX, offsetof(LeadEvent, lead_id)},
        {"account", EVENT_ACCOUNT_ID_LEN_MAX, offsetof(LeadEvent, account_id)},
        {"source", EVENT_SOURCE_LEN_MAX, offsetof(LeadEvent, source)},
        {"campaign", EVENT_SOURCE_LEN_MAX, offsetof(LeadEvent, campaign)},
        {"topic", EVENT_SOURCE_LEN_MAX, offsetof(LeadEvent, topic)},
        {"id", EVENT_ID_LEN_MAX, offsetof(LeadEvent, event_id)},
};

static void read_strings(TestReader *reader, const YamlNode *step, LeadEvent *event) {
    event->lead_id = STR_LITERAL(TEST_LEAD);
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        const YamlNode *node = yaml_get(step, strings[i].key);
        Str *field = (Str *)(void *)((char *)event + strings[i].offset);
        if (node && !reader_name(reader, node, strings[i].key, strings[i].len_max, field))
            *field = STR_LITERAL("?");
    }
}

/* Types that the model's rules, transitions and clocks are about: another one that looks like one of them is
 * a slip. */
static void warn_of_slip(TestReader *reader, const YamlNode *node) {
    const Model *model = reader->model;
    const char *nearest = NULL;
    bool found = false;

#define LOOK_AT(on)                                                                                          \
    for (size_t k = 0; k < (on).n_types; k++) {                                                              \
        found = found || str_eq((on).types[k], node->text);                                                  \
        if (!nearest)                                                                                        \
            nearest = diagnostic_nearest(node->text, &(on).types[k].data, 1);                                \
    }
    for (size_t i = 0; i < model->n_rules; i++)
        LOOK_AT(model->rules[i].on)
    for (size_t t = 0; t < model->n_tracks; t++)
        for (size_t i = 0; i < model->tracks[t].n_transitions; i++)
            LOOK_AT(model->tracks[t].transitions[i].on)
    for (size_t i = 0; i < model->n_policies; i++) {
        LOOK_AT(model->policies[i].start.on)
        LOOK_AT(model->policies[i].stop.on)
        LOOK_AT(model->policies[i].cancel.on)
    }
#undef LOOK_AT
    if (!found && nearest)
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_WARNING, node->mark,
                "the model says nothing about \"%.*s\"; did you mean \"%s\"?", READER_SHOWN(node), nearest);
}

/* Ids that are not said count through the case. */
static int name_event(TestReader *reader, LeadEvent *event) {
    reader->n_events++;
    if (!str_is_null(event->event_id))
        return 0;
    event->event_id = arena_format(reader->arena, "e%u", reader->n_events);
    return str_is_null(event->event_id) ? -ENOMEM : 0;
}

static int add_event(TestReader *reader, const YamlNode *node, LeadEvent event, TestStep *step) {
    char text[256];

    int r = name_event(reader, &event);
    if (r)
        return r;
    if (event_validate(&event, text, sizeof(text)))
        step->events[step->n_events++] = event;
    else
        diagnostics_add(
                reader->diagnostics, DIAGNOSTIC_ERROR, node->mark, "this is no valid event: %s", text);
    reader->now_ms = MAX(reader->now_ms, event.occurred_at_ms);
    return 0;
}

static int add_profile(TestReader *reader, const YamlNode *node, LeadEvent event, TestStep *step) {
    const YamlNode *profile = find_profile(reader, node);

    if (!profile)
        return 0;
    event.type = STR_LITERAL("profile_updated");
    int r = read_properties(reader, profile, "profile", &event);
    return r ? r : add_event(reader, node, event, step);
}

static int add_typed(TestReader *reader, const YamlNode *step_node, LeadEvent event, int64_t times,
        int64_t every_ms, TestStep *step) {
    const YamlNode *type = yaml_get(step_node, "event"), *with = yaml_get(step_node, "with");
    int r = 0;

    if (!reader_name(reader, type, "event", EVENT_TYPE_LEN_MAX, &event.type))
        return 0;
    warn_of_slip(reader, type);
    if (with)
        r = read_properties(reader, with, "with", &event);
    for (int64_t i = 0; r == 0 && i < times; i++) {
        r = add_event(reader, type, event, step);
        event.occurred_at_ms += every_ms;
    }
    return r;
}

/* Keys that say something about an event need one. */
static void check_alone(TestReader *reader, const YamlNode *step, bool has_event, bool has_profile) {
    static const char *const of_events[] = {"with", "times", "every"};
    static const char *const of_both[] = {"lead", "account", "source", "campaign", "topic", "id"};

    for (size_t i = 0; !has_event && i < ARRAY_SIZE(of_events); i++)
        if (yaml_get(step, of_events[i]))
            diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, step->mark,
                    "\"%s\" is for steps with \"event\"", of_events[i]);
    for (size_t i = 0; !has_event && !has_profile && i < ARRAY_SIZE(of_both); i++)
        if (yaml_get(step, of_both[i]))
            diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, step->mark,
                    "\"%s\" is for steps with \"event\" or \"profile\"%s", of_both[i],
                    i < 2 ? "; whom an expectation is about stands within \"expect\"" : "");
}

int reader_events(TestReader *reader, const YamlNode *step, int64_t at_ms, TestStep *ret) {
    const YamlNode *profile = yaml_get(step, "profile"), *event = yaml_get(step, "event");
    const YamlNode *times_node = yaml_get(step, "times"), *every_node = yaml_get(step, "every");
    LeadEvent common = {.occurred_at_ms = at_ms};
    int64_t times = 1, every_ms = 0;
    int r;

    check_alone(reader, step, event != NULL, profile != NULL);
    read_strings(reader, step, &common);
    if (times_node && !yaml_integer(times_node, "times", 1, TEST_TIMES_MAX, reader->diagnostics, &times))
        times = 1;
    if (every_node && !yaml_duration(every_node, "every", 0, reader->diagnostics, &every_ms))
        every_ms = 0;
    r = READER_ALLOC(reader, ret->events, (size_t)times + 1);
    if (r == 0 && profile)
        r = add_profile(reader, profile, common, ret);
    if (r == 0 && event)
        r = add_typed(reader, step, common, times, every_ms, ret);
    return r;
}
