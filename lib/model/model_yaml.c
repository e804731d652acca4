/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_load(): a model file from its first key to its last.
 *
 * Order of resolution. A condition may name things that stand anywhere in the file, so reading takes two
 * rounds. The first *declares* what conditions and references can name: params with their values by segment,
 * segments, routes, scores, derived scores, counters, tracks with their stages, and policies get their ids and their
 * places (the index in file order). The second *reads* what refers to them. It begins with the derived
 * scores, each after those that it names, because a condition that names a derived score looks into its
 * expression to see whether a comparison is linear. Only then are the other conditions compiled.
 */
#include "lib/model/model_yaml.h"

#include "lib/base/uuid.h"
#include "lib/condition/condition_form.h"

#define MODEL_VERSION_MAX INT32_MAX

static_assert(MODEL_HASH_SIZE == SHA1_SIZE, "a model's hash is a SHA-1");

static int (*const steps[])(ModelLoader *) = {
        loader_declare_params,
        loader_declare_segments,
        loader_declare_routes,
        loader_declare_scores,
        loader_declare_derived,
        loader_declare_counters,
        loader_declare_tracks,
        loader_declare_calendars,
        loader_declare_policies,
        loader_declare_accounts,

        loader_read_derived,
        loader_read_segments,
        loader_read_routes,
        loader_read_ignore,
        loader_read_profile_rules,
        loader_read_rules,
        loader_read_idle_rules,
        loader_read_counters,
        loader_check_feeding,
        loader_read_tracks,
        loader_read_policies,
        loader_read_accounts,
        loader_read_carry,
};

static const char *const model_keys[] = {"model", "version", "lateness", "params", "segments", "routes",
        "ignore", "scores", "derived", "counters", "profile_rules", "rules", "idle_rules", "tracks", "calendars", "sla", "carry",
        "accounts"};

/* Model ids stand in outputs, in the changelog and in file names. */
static void read_model_id(ModelLoader *l) {
    const YamlNode *node =
            loader_require(l, l->root, "file", "model", "an id for the model such as acme-b2b");
    Str id;

    if (!node || !yaml_string(node, "model", l->diagnostics, &id))
        return;

    bool valid = id.len >= 1 && id.len <= MODEL_ID_LEN_MAX;
    for (size_t i = 0; valid && i < id.len; i++) {
        char c = id.data[i];
        valid = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                c == '.' || c == '-';
    }
    if (!valid)
        loader_error(l, node,
                "bad model id \"%.*s\": expected 1 to %d letters, digits, \"_\", \".\" or \"-\"", SHOWN(node),
                MODEL_ID_LEN_MAX);
    l->model->id = id;
}

static void read_header(ModelLoader *l) {
    read_model_id(l);

    const YamlNode *version =
            loader_require(l, l->root, "file", "version", "a number to raise with each change");
    if (version &&
            !yaml_integer(version, "version", 1, MODEL_VERSION_MAX, l->diagnostics, &l->model->version))
        l->model->version = 1;

    const YamlNode *lateness = loader_get(l->root, "lateness");
    if (lateness && !yaml_duration(lateness, "lateness", 0, l->diagnostics, &l->model->lateness_ms))
        l->model->lateness_ms = 0;
}

static int read_document(ModelLoader *l) {
    int r;

    if (!loader_check_mapping(l, l->root, "the model", KEY_SET(model_keys)))
        return 0;

    r = taken_ids_init(
            l, &l->names, MODEL_PARAMS_MAX + MODEL_SCORES_MAX + MODEL_DERIVED_MAX + MODEL_COUNTERS_MAX + MODEL_TRACKS_MAX);
    if (r == 0)
        r = taken_ids_init(l, &l->rule_ids, 2 * MODEL_RULES_MAX + MODEL_IDLE_RULES_MAX);

    read_header(l);
    for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
        r = steps[i](l);
    return r;
}

static bool award_sees_scores(const Award *awards, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (condition_names_scores(awards[i].points))
            return true;
    return false;
}

/* All that is judged before or while points are given (score.c, touch.c). */
static bool awards_see_scores(const Model *model) {
    bool sees = condition_names_scores(model->committee.when);
    for (size_t i = 0; i < model->n_rules; i++)
        sees = sees || condition_names_scores(model->rules[i].when) || award_sees_scores(model->rules[i].awards, model->rules[i].n_awards);
    for (size_t i = 0; i < model->n_idle_rules; i++)
        sees = sees || award_sees_scores(model->idle_rules[i].awards, model->idle_rules[i].n_awards);
    for (size_t i = 0; i < model->n_counters; i++)
        sees = sees || condition_names_scores(model->counters[i].when);
    for (size_t i = 0; i < model->n_account_scores; i++)
        sees = sees || condition_names_scores(model->account_scores[i].when);
    return sees;
}

static int index_rules(Model *model, Arena *arena) {
    IndexedTypes *lists = arena_new_array(arena, IndexedTypes, model->n_rules + 1);
    if (!lists)
        return -ENOMEM;
    for (size_t i = 0; i < model->n_rules; i++)
        lists[i] = (IndexedTypes){&model->rules[i].on, (uint32_t)i};
    return event_index_new(arena, lists, model->n_rules, &model->rules_by_type);
}

static int index_transitions(Model *model, Arena *arena) {
    size_t n_max = 0, n = 0;
    for (size_t t = 0; t < model->n_tracks; t++)
        n_max += model->tracks[t].n_transitions;
    IndexedTypes *lists = arena_new_array(arena, IndexedTypes, n_max + 1);
    if (!lists)
        return -ENOMEM;
    for (size_t t = 0; t < model->n_tracks; t++)
        for (size_t i = 0; i < model->tracks[t].n_transitions; i++)
            if (model->tracks[t].transitions[i].has_on)
                lists[n++] = (IndexedTypes){&model->tracks[t].transitions[i].on, TRANSITION_NUMBER(t, i)};
    return event_index_new(arena, lists, n, &model->transitions_by_type);
}

/* Most stages have few, and each step asks for them. */
static int index_stage(const Track *track, unsigned stage, Arena *arena) {
    unsigned *unprompted = arena_new_array(arena, unsigned, track->n_transitions);
    size_t n = 0;
    if (!unprompted)
        return -ENOMEM;
    for (unsigned i = 0; i < track->n_transitions; i++)
        if (transition_is_unprompted(&track->transitions[i]) && transition_leaves(&track->transitions[i], stage))
            unprompted[n++] = i;
    track->stages[stage].unprompted = unprompted;
    track->stages[stage].n_unprompted = n;
    return 0;
}

static int index_stages(const Track *tracks, size_t n, Arena *arena) {
    int r = 0;
    for (size_t t = 0; t < n; t++)
        for (unsigned i = 0; i < tracks[t].n_stages && r == 0; i++)
            r = index_stage(&tracks[t], i, arena);
    return r;
}

static int prepare_forms(const Model *model, const Track *tracks, size_t n, bool of_accounts, Arena *arena) {
    int r = 0;
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < tracks[t].n_transitions && r == 0; i++)
            r = condition_prepare_forms(arena, model, tracks[t].transitions[i].when, of_accounts);
    return r;
}

/* What is derived from the whole, so that an event finds it done. */
static int prepare(Model *model, Arena *arena) {
    model->awards_see_scores = awards_see_scores(model);
    int r = index_rules(model, arena);
    if (r == 0)
        r = index_transitions(model, arena);
    if (r == 0)
        r = index_stages(model->tracks, model->n_tracks, arena);
    if (r == 0)
        r = index_stages(model->account_tracks, model->n_account_tracks, arena);
    if (r == 0)
        r = prepare_forms(model, model->tracks, model->n_tracks, false, arena);
    return r < 0 ? r : prepare_forms(model, model->account_tracks, model->n_account_tracks, true, arena);
}

int model_load(Str source, const ModelFiles *files, Diagnostics *diagnostics, Model **ret) {
    _cleanup_(arena_free) Arena *arena = NULL;
    ModelLoader l = {.files = files, .diagnostics = diagnostics};
    size_t n_errors = diagnostics->n_errors;
    YamlNode *root = NULL;
    int r;

    r = arena_new(&arena);
    if (r < 0)
        return r;
    l.arena = arena;
    r = LOADER_ALLOC(&l, l.model, 1);
    if (r == 0)
        r = yaml_parse(arena, source, diagnostics, &root);
    if (r == 0 && root) {
        l.root = root;
        r = read_document(&l);
    }
    if (r < 0)
        return r;

    diagnostics_sort(diagnostics);
    if (diagnostics->n_errors > n_errors)
        return 0;

    assert(root);
    sha1(source.data, source.len, l.model->hash);
    r = prepare(l.model, arena);
    if (r < 0)
        return r;
    l.model->arena = TAKE_PTR(arena);
    *ret = l.model;
    return 0;
}

/* A list of names under `key` of "carry". */
static int read_carried(ModelLoader *l, const YamlNode *carry, const char *key, Str **ret, size_t *ret_n) {
    const Collection collection = {key, YAML_SEQUENCE, "a list of names", 0, MODEL_CARRY_MAX};
    const YamlNode *list = loader_collection(l, carry, &collection, ret_n);
    int r;

    r = LOADER_ALLOC(l, *ret, *ret_n);
    if (r < 0)
        return r;

    for (size_t i = 0; i < *ret_n; i++) {
        const YamlNode *node = list->items[i];
        size_t n_prefix = strlen(key);
        Str *name = &(*ret)[i];

        if (!yaml_string(node, "a name to carry", l->diagnostics, name))
            continue;
        if (name->len == 0 || name->len > EVENT_PROPERTY_NAME_LEN_MAX)
            loader_error(l, node, "bad name \"%.*s\" to carry: expected 1 to %d bytes", SHOWN(node),
                    EVENT_PROPERTY_NAME_LEN_MAX);
        else if (str_starts_with(*name, key) && name->len > n_prefix && name->data[n_prefix] == '.')
            loader_error(l, node, "write the name alone: \"%.*s\", without \"%s.\"",
                    (int)MIN(name->len - n_prefix - 1, EVENT_PROPERTY_NAME_LEN_MAX),
                    name->data + n_prefix + 1, key);
    }
    if (list)
        loader_check_repeats(l, list, *ret_n, key);
    return 0;
}

int loader_read_carry(ModelLoader *l) {
    static const char *const keys[] = {"profile", "event"};
    const YamlNode *carry = loader_get(l->root, "carry");
    Model *model = l->model;
    int r;

    if (!carry || !loader_check_mapping(l, carry, "carry", KEY_SET(keys)))
        return 0;
    r = read_carried(l, carry, "profile", &model->carry_profile, &model->n_carry_profile);
    if (r == 0)
        r = read_carried(l, carry, "event", &model->carry_event, &model->n_carry_event);
    return r;
}
