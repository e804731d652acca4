/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expectations of single facts; those of SLA policies and of outputs have files of their own.
 */
#include <math.h>

#include "daemon/base/arena_text.h"
#include "daemon/base/value_text.h"
#include "daemon/model_test/test_reader.h"

#define KNOWN_MAX (MODEL_SCORES_MAX + MODEL_DERIVED_MAX + MODEL_RULES_MAX)

/* --- facts ------------------------------------------------------------------------------------------- */

/* There is room: see count_facts(). */
ExpectedFact *reader_new_fact(const YamlNode *node, Expectation *expectation) {
    ExpectedFact *fact = &expectation->facts[expectation->n_facts++];
    *fact = (ExpectedFact){.mark = node->mark, .wanted = node->text};
    return fact;
}

static int set_path(
        TestReader *reader, ExpectedFact *fact, const char *group, Str name, const char *shown_group) {
    fact->path = arena_format(reader->arena, "%s.%.*s", group, STR_FMT(name));
    fact->shown = arena_format(reader->arena, "%s.%.*s", shown_group, STR_FMT(name));
    return str_is_null(fact->path) || str_is_null(fact->shown) ? -ENOMEM : 0;
}

/* {min: 20, max: 30}, or {near: 25, within: 0.5} */
static void read_range_mapping(TestReader *reader, const YamlNode *node, ExpectedFact *fact) {
    static const char *const keys[] = {"min", "max", "near", "within"};
    const YamlNode *nodes[ARRAY_SIZE(keys)];
    double values[ARRAY_SIZE(keys)] = {-HUGE_VAL, HUGE_VAL, 0, reader->tolerance};

    if (!yaml_check_keys(node, "a number", keys, ARRAY_SIZE(keys), reader->diagnostics))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        nodes[i] = yaml_get(node, keys[i]);
        if (nodes[i] && !yaml_double(nodes[i], keys[i], reader->diagnostics, &values[i]))
            values[i] = 0;
    }
    fact->min = nodes[2] ? values[2] - values[3] : values[0];
    fact->max = nodes[2] ? values[2] + values[3] : values[1];
    if (nodes[2] ? nodes[0] || nodes[1] : nodes[3] || (!nodes[0] && !nodes[1]))
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark,
                "expected a number, {min: 20, max: 30} or {near: 25, within: 0.5}");
    else if (fact->min > fact->max)
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, node->mark, "no number is within this");
}

static Str show_range(Arena *arena, const ExpectedFact *fact) {
    char min[NUMBER_SHOWN_SIZE], max[NUMBER_SHOWN_SIZE];

    number_show(fact->min, min);
    number_show(fact->max, max);
    if (fact->max == HUGE_VAL)
        return arena_format(arena, "at least %s", min);
    if (fact->min == -HUGE_VAL)
        return arena_format(arena, "at most %s", max);
    return arena_format(arena, "from %s to %s", min, max);
}

static int read_range(
        TestReader *reader, const YamlNode *node, const char *what, double tolerance, ExpectedFact *fact) {
    double number = 0;

    fact->type = EXPECTED_RANGE;
    if (yaml_is_null(node)) {
        fact->type = EXPECTED_NULL;
        fact->wanted = STR_LITERAL("null");
    } else if (node->type == YAML_MAPPING) {
        read_range_mapping(reader, node, fact);
        fact->wanted = show_range(reader->arena, fact);
    } else if (yaml_double(node, what, reader->diagnostics, &number)) {
        fact->min = number - tolerance;
        fact->max = number + tolerance;
    }
    return str_is_null(fact->wanted) ? -ENOMEM : 0;
}

/* The names that facts have under a group, for the nearest one. */
static size_t known_names(const TestReader *reader, const char *group, const char **known) {
    size_t n = 0, len = strlen(group);

    for (size_t i = 0; i < reader->fresh->n_items && n < KNOWN_MAX; i++) {
        Str path = reader->fresh->items[i].path;
        if (str_starts_with(path, group) && path.data[len] == '.')
            known[n++] = path.data + len + 1;
    }
    return n;
}

static bool has_fact(const TestReader *reader, const char *group, Str name) {
    for (size_t i = 0; i < reader->fresh->n_items; i++) {
        Str path = reader->fresh->items[i].path;
        size_t len = strlen(group);
        if (str_starts_with(path, group) && path.data[len] == '.' &&
                str_eq((Str){path.data + len + 1, path.len - len - 1}, name))
            return true;
    }
    return false;
}

/* Of a score or derived score: `scores` takes both, as outputs show both. */
static int read_score(
        TestReader *reader, const YamlNode *key, const YamlNode *node, Expectation *expectation) {
    const char *known[2 * KNOWN_MAX];
    bool is_derived = has_fact(reader, "derived", key->text);

    if (!is_derived && !has_fact(reader, "scores", key->text)) {
        size_t n = known_names(reader, "scores", known);
        reader_unknown(reader, key, "score", known, n + known_names(reader, "derived", known + n));
        return 0;
    }
    ExpectedFact *fact = reader_new_fact(node, expectation);
    int r = set_path(reader, fact, is_derived ? "derived" : "scores", key->text, "scores");
    return r ? r : read_range(reader, node, "scores", reader->tolerance, fact);
}

static int read_counter(
        TestReader *reader, const YamlNode *key, const YamlNode *node, Expectation *expectation) {
    const char *known[KNOWN_MAX];

    if (!has_fact(reader, "counters", key->text)) {
        reader_unknown(reader, key, "counter", known, known_names(reader, "counters", known));
        return 0;
    }
    ExpectedFact *fact = reader_new_fact(node, expectation);
    int r = set_path(reader, fact, "counters", key->text, "counters");
    return r ? r : read_range(reader, node, "counters", 0, fact);
}

/* Of an account: a number under a key that is the fact's path as well. */
static int read_number(
        TestReader *reader, const YamlNode *parent, const char *key, Expectation *expectation) {
    const YamlNode *node = yaml_get(parent, key);

    if (!node)
        return 0;
    ExpectedFact *fact = reader_new_fact(node, expectation);
    fact->path = fact->shown = str_from(key);
    return read_range(reader, node, key, 0, fact);
}

static const Track *find_track(TestReader *reader, const YamlNode *key) {
    const char *known[MODEL_TRACKS_MAX];

    for (size_t i = 0; i < reader->n_tracks; i++) {
        if (str_eq(reader->tracks[i].id, key->text))
            return &reader->tracks[i];
        known[i] = reader->tracks[i].id.data;
    }
    reader_unknown(reader, key, "track", known, reader->n_tracks);
    return NULL;
}

static int read_stage(
        TestReader *reader, const YamlNode *key, const YamlNode *node, Expectation *expectation) {
    const char *known[MODEL_STAGES_MAX];
    const Track *track = find_track(reader, key);
    Str text;

    if (!track || !yaml_string(node, "stages", reader->diagnostics, &text))
        return 0;
    for (size_t i = 0; i < track->n_stages; i++) {
        known[i] = track->stages[i].id.data;
        if (!str_eq(track->stages[i].id, text))
            continue;
        ExpectedFact *fact = reader_new_fact(node, expectation);
        fact->type = EXPECTED_TEXT;
        fact->text = text;
        return set_path(reader, fact, "stages", key->text, "stages");
    }
    reader_unknown(reader, node, "stage", known, track->n_stages);
    return 0;
}

typedef int (*ReadItemFn)(
        TestReader *reader, const YamlNode *key, const YamlNode *node, Expectation *expectation);

static int read_each(TestReader *reader, const YamlNode *parent, const char *key, ReadItemFn read,
        Expectation *expectation) {
    const YamlNode *node = yaml_get(parent, key);
    int r = 0;

    if (!node ||
            !reader_check(reader, node, YAML_MAPPING, key, "a mapping of names to values", TEST_ITEMS_MAX))
        return 0;
    for (size_t i = 0; r == 0 && i < node->n_items; i++)
        r = read(reader, node->keys[i], node->items[i], expectation);
    return r;
}

/* A text or null, under a key that is the fact's path as well. */
static void read_text(TestReader *reader, const YamlNode *parent, const char *key, const char *const *known,
        size_t n_known, Expectation *expectation) {
    const YamlNode *node = yaml_get(parent, key);
    bool found = !known;

    if (!node || !reader_check(reader, node, YAML_SCALAR, key, "a text or null", 0))
        return;
    for (size_t i = 0; i < n_known; i++)
        found = found || str_eq_c(node->text, known[i]);
    if (!found && !yaml_is_null(node)) {
        reader_unknown(reader, node, key, known, n_known);
        return;
    }
    ExpectedFact *fact = reader_new_fact(node, expectation);
    fact->path = fact->shown = str_from(key);
    fact->type = yaml_is_null(node) ? EXPECTED_NULL : EXPECTED_TEXT;
    fact->text = node->text;
    if (fact->type == EXPECTED_NULL)
        fact->wanted = STR_LITERAL("null");
}

static void read_texts(TestReader *reader, const YamlNode *node, Expectation *expectation) {
    const char *segments[MODEL_SEGMENTS_MAX + 1], *routes[MODEL_ROUTES_MAX];
    const Model *model = reader->model;

    for (size_t i = 0; i < model->n_segments; i++)
        segments[i] = model->segments[i].id.data;
    segments[model->n_segments] = "default";
    for (size_t i = 0; i < model->n_routes; i++)
        routes[i] = model->routes[i].id.data;
    read_text(reader, node, "segment", segments, model->n_segments + 1, expectation);
    read_text(reader, node, "route", routes, model->n_routes, expectation);
    read_text(reader, node, "account_id", NULL, 0, expectation);
}

/* --- the whole --------------------------------------------------------------------------------------- */

static const char *const lead_keys[] = {
        "lead", "stages", "scores", "counters", "segment", "route", "account_id", "sla", "told", "only"};
static const char *const account_keys[] = {
        "account", "stages", "scores", "committee", "members", "told", "only"};

static void read_subject(TestReader *reader, const YamlNode *node, Expectation *ret) {
    const YamlNode *account = yaml_get(node, "account"), *lead = yaml_get(node, "lead");

    ret->is_account = account != NULL;
    reader->fresh = account ? &reader->fresh_account : &reader->fresh_lead;
    reader->tracks = account ? reader->model->account_tracks : reader->model->tracks;
    reader->n_tracks = account ? reader->model->n_account_tracks : reader->model->n_tracks;
    if (account && !reader->model->has_accounts)
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, account->mark, "the model has no accounts");
    ret->id = STR_LITERAL(TEST_LEAD);
    if (account && !reader_name(reader, account, "account", EVENT_ACCOUNT_ID_LEN_MAX, &ret->id))
        ret->id = STR_LITERAL("?");
    if (lead && !reader_name(reader, lead, "lead", EVENT_LEAD_ID_LEN_MAX, &ret->id))
        ret->id = STR_LITERAL("?");
}

static int read_outputs(TestReader *reader, const YamlNode *node, Expectation *ret) {
    const YamlNode *told = yaml_get(node, "told"), *only = yaml_get(node, "only");

    if (told && only) {
        diagnostics_add(reader->diagnostics, DIAGNOSTIC_ERROR, only->mark,
                "\"told\" or \"only\" expected, not both: \"only\" is \"told\" and nothing else");
        return 0;
    }
    ret->only = only != NULL;
    return told || only ? reader_outputs(reader, told ? told : only, told ? "told" : "only", ret) : 0;
}

static size_t count_items(const YamlNode *parent, const char *key) {
    const YamlNode *node = yaml_get(parent, key);
    return node ? node->n_items : 0;
}

/* At most so many: segment, route and account_id, or committee and members, and of a policy due, breached and
 * paused. */
static size_t count_facts(const YamlNode *node) {
    return 3 + count_items(node, "stages") + count_items(node, "scores") + count_items(node, "counters") +
           3 * count_items(node, "sla");
}

int reader_expectation(TestReader *reader, const YamlNode *node, Expectation *ret) {
    bool is_account = node->type == YAML_MAPPING && yaml_get(node, "account");
    int r;

    *ret = (Expectation){.mark = node->mark};
    if (!yaml_check_keys(node, "expect", is_account ? account_keys : lead_keys,
                is_account ? ARRAY_SIZE(account_keys) : ARRAY_SIZE(lead_keys), reader->diagnostics))
        return 0;
    read_subject(reader, node, ret);
    r = READER_ALLOC(reader, ret->facts, count_facts(node));
    if (r == 0)
        r = READER_ALLOC(reader, ret->slas, count_items(node, "sla"));
    if (r == 0)
        r = read_each(reader, node, "stages", read_stage, ret);
    if (r == 0)
        r = read_each(reader, node, "scores", read_score, ret);
    if (r == 0)
        r = read_each(reader, node, "counters", read_counter, ret);
    if (r == 0)
        r = read_each(reader, node, "sla", reader_sla, ret);
    if (r == 0)
        r = read_number(reader, node, "committee", ret);
    if (r == 0)
        r = read_number(reader, node, "members", ret);
    if (r == 0)
        r = read_outputs(reader, node, ret);
    if (r == 0)
        read_texts(reader, node, ret);
    return r;
}
