/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expected outputs: `hand-raise` for short, a transition; else one of `moved`, `entered`, `refused`, `sla`,
 * `retired`, with `at`.
 */
#include "daemon/model_test/test_reader.h"

static const char *const output_keys[] = {"moved", "entered", "refused", "sla", "retired", "at"};

/* A transition of one of the tracks. */
static void check_transition(TestReader *reader, const YamlNode *node) {
    const char *known[MODEL_TRACKS_MAX * MODEL_TRANSITIONS_MAX];
    size_t n = 0;

    for (size_t t = 0; t < reader->n_tracks; t++)
        for (size_t i = 0; i < reader->tracks[t].n_transitions; i++) {
            if (str_eq(reader->tracks[t].transitions[i].id, node->text))
                return;
            known[n++] = reader->tracks[t].transitions[i].id.data;
        }
    reader_unknown(reader, node, "transition", known, n);
}

static void read_entered(TestReader *reader, const YamlNode *node, ExpectedOutput *ret) {
    const char *dot = memchr(node->text.data, '.', node->text.len);

    if (dot) {
        ret->track = (Str){node->text.data, (size_t)(dot - node->text.data)};
        ret->name = (Str){dot + 1, node->text.len - ret->track.len - 1};
        for (size_t t = 0; t < reader->n_tracks; t++)
            for (size_t i = 0; i < reader->tracks[t].n_stages; i++)
                if (str_eq(reader->tracks[t].id, ret->track) &&
                        str_eq(reader->tracks[t].stages[i].id, ret->name))
                    return;
    }
    diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
            "entered: a stage of the model such as lifecycle.mql expected, got \"%.*s\"", READER_SHOWN(node));
}

/* "speed-to-lead warning 50%" */
static void read_sla(TestReader *reader, const YamlNode *node, ExpectedOutput *ret) {
    const char *space = memchr(node->text.data, ' ', node->text.len);
    unsigned policy;

    if (!space) {
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
                "sla: a policy and what it told expected, such as \"accept breached\", got \"%.*s\"",
                READER_SHOWN(node));
        return;
    }
    ret->name = (Str){node->text.data, (size_t)(space - node->text.data)};
    if (reader_policy(reader, node, ret->name, &policy) &&
            !reader_verdict(reader, node, (Str){space + 1, node->text.len - ret->name.len - 1}, policy,
                    &ret->verdict))
        ret->verdict = (ExpectedVerdict){0};
}

static void read_named(
        TestReader *reader, const YamlNode *node, ExpectedOutputType type, ExpectedOutput *ret) {
    static const char *const causes[] = {"forgotten", "merged"};
    Str text;

    if (!yaml_string(node, output_keys[type], reader->diagnostics, &text))
        return;
    *ret = (ExpectedOutput){
            .mark = node->mark, .type = type, .name = text, .at_ms = TIME_NONE, .wanted = text};
    if (type == EXPECTED_ENTERED)
        read_entered(reader, node, ret);
    else if (type == EXPECTED_SLA)
        read_sla(reader, node, ret);
    else if (type != EXPECTED_RETIRED)
        check_transition(reader, node);
    else if (!str_eq_c(text, causes[0]) && !str_eq_c(text, causes[1]))
        reader_unknown(reader, node, "end of a lead", causes, ARRAY_SIZE(causes));
}

static void read_output(TestReader *reader, const YamlNode *node, ExpectedOutput *ret) {
    unsigned n_found = 0;

    if (node->type == YAML_SCALAR) {
        read_named(reader, node, EXPECTED_MOVED, ret);
        return;
    }
    if (!yaml_check_keys(node, "an output", output_keys, ARRAY_SIZE(output_keys), reader->diagnostics))
        return;
    for (int type = EXPECTED_MOVED; type <= EXPECTED_RETIRED; type++) {
        const YamlNode *value = yaml_get(node, output_keys[type]);
        if (!value)
            continue;
        n_found++;
        read_named(reader, value, type, ret);
    }
    if (n_found != 1)
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
                "an output is one of moved, entered, refused, sla and retired, got %s",
                n_found ? "several" : "none");
    const YamlNode *at = yaml_get(node, "at");
    if (at && !reader_instant(reader, at, "at", &ret->at_ms))
        ret->at_ms = TIME_NONE;
}

int reader_outputs(TestReader *reader, const YamlNode *list, const char *key, Expectation *ret) {
    ret->has_outputs = true;
    ret->outputs_mark = list->mark;
    if (!reader_check(
                reader, list, YAML_SEQUENCE, key, "a list of outputs such as [hand-raise]", TEST_ITEMS_MAX))
        return 0;
    int r = READER_ALLOC(reader, ret->outputs, list->n_items);
    if (r)
        return r;
    for (; ret->n_outputs < list->n_items; ret->n_outputs++)
        read_output(reader, list->items[ret->n_outputs], &ret->outputs[ret->n_outputs]);
    return 0;
}
