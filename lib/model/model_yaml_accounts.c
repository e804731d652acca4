/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts: scores that members' points feed, the committee, tracks. Their names are apart from those of leads, but for params, which
 * both can name.
 */
#include <math.h>

#include "lib/model/model_yaml.h"

static const char *const account_keys[] = {"scores", "committee", "tracks"};

static int take_params(ModelLoader *l) {
    int r = taken_ids_init(
            l, &l->account_names, MODEL_PARAMS_MAX + MODEL_ACCOUNT_SCORES_MAX + MODEL_TRACKS_MAX);

    for (size_t i = 0; r == 0 && i < l->names.n; i++)
        if (strcmp(l->names.ids[i].kind, "param") == 0)
            l->account_names.ids[l->account_names.n++] = l->names.ids[i];
    return r;
}

static void read_bounds(ModelLoader *l, const YamlNode *node, AccountScore *score) {
    const YamlNode *min = loader_get(node, "per_lead_min"), *max = loader_get(node, "per_lead_max");
    const YamlNode *total = loader_get(node, "max");
    bool good = true;

    if (min)
        good &= yaml_double(min, "per_lead_min", l->diagnostics, &score->per_lead.min);
    if (max)
        good &= yaml_double(max, "per_lead_max", l->diagnostics, &score->per_lead.max);
    if (good && (min || max) && score->per_lead.min > score->per_lead.max)
        loader_error(l, min ? min : max, "per_lead_min %g is greater than per_lead_max %g%s", score->per_lead.min,
                score->per_lead.max, min && max ? "" : ": the one that is absent is the lead score's min");
    if (total && !yaml_double(total, "max", l->diagnostics, &score->max))
        score->max = INFINITY;
}

static void read_score(ModelLoader *l, const YamlNode *key, const YamlNode *node, AccountScore *score) {
    static const char *const keys[] = {"from", "when", "decay", "per_lead_min", "per_lead_max", "max"};
    const Model *model = l->model;
    IdList scores = ID_LIST(model->scores, model->n_scores);
    const YamlNode *from, *decay;

    if (!loader_check_mapping(l, node, "an account score", KEY_SET(keys)))
        return;

    from = loader_get(node, "from");
    decay = loader_get(node, "decay");
    if (!from)
        loader_error(l, key, "account score \"%.*s\" has no \"from\": expected a score whose points feed it", SHOWN(key));
    else if (loader_check_type(l, from, YAML_SCALAR, "from", "a score") &&
            loader_find(l, from, "score", scores, &score->from))
        score->per_lead.min = model->scores[score->from].bounds.min;
    if (decay)
        loader_decay(l, decay, &score->decay);
    else
        loader_error(l, key, "account score \"%.*s\" has no \"decay\": expected none or a decay such as { half_life: 14d }",
                SHOWN(key));
    read_bounds(l, node, score);
}

static int declare_scores(ModelLoader *l, const YamlNode *accounts) {
    static const Collection collection = {"scores", YAML_MAPPING,
            "account scores by name such as { interest: { from: intent, decay: none } }", 0, MODEL_ACCOUNT_SCORES_MAX};
    Model *model = l->model;
    const YamlNode *node = loader_collection(l, accounts, &collection, &model->n_account_scores);
    unsigned n_stepped = 0;
    int r;

    r = LOADER_ALLOC(l, model->account_scores, model->n_account_scores);
    for (size_t i = 0; r == 0 && i < model->n_account_scores; i++) {
        AccountScore *score = &model->account_scores[i];

        *score = (AccountScore){.decay = {.kind = DECAY_NONE}, .per_lead = {-INFINITY, INFINITY}, .max = INFINITY};
        score->id = loader_name(l, node->keys[i], "account score", &l->account_names);
        read_score(l, node->keys[i], node->items[i], score);
        n_stepped += decay_is_stepped(&score->decay);
        if (n_stepped == MODEL_ACCOUNT_STEPPED_SCORES_MAX + 1 && decay_is_stepped(&score->decay))
            loader_error(l, node->keys[i], "too many account scores have a linear or window decay: there can be %d",
                    MODEL_ACCOUNT_STEPPED_SCORES_MAX);
    }
    return r;
}

static int declare_committee(ModelLoader *l, const YamlNode *accounts) {
    static const char *const keys[] = {"window", "on", "when"};
    Committee *committee = &l->model->committee;
    const YamlNode *node = loader_get(accounts, "committee"), *window;
    bool has_on;

    if (!node ||
            !loader_check_type(l, node, YAML_MAPPING, "committee",
                    "a mapping such as { window: 30d, on: [page_view] }") ||
            !loader_check_mapping(l, node, "the committee", KEY_SET(keys)))
        return 0;
    committee->present = true;
    committee->window_ms = 1;
    window = loader_require(l, node, "committee", "window", "how long a member counts after an event, such as 30d");
    if (window && !yaml_duration(window, "window", 1, l->diagnostics, &committee->window_ms))
        committee->window_ms = 1;
    return loader_event_types(l, node, "on", &committee->on, &has_on);
}

static TrackPlace account_tracks(ModelLoader *l, const YamlNode *accounts) {
    return (TrackPlace){.parent = accounts, .names = &l->account_names, .is_account = true,
            .tracks = &l->model->account_tracks, .n_tracks = &l->model->n_account_tracks};
}

/* The mapping, if it is there and is one; what is wrong with it has been reported when it was declared. */
static const YamlNode *find_accounts(ModelLoader *l) {
    const YamlNode *accounts = loader_get(l->root, "accounts");

    return accounts && accounts->type == YAML_MAPPING ? accounts : NULL;
}

int loader_declare_accounts(ModelLoader *l) {
    const YamlNode *accounts = loader_get(l->root, "accounts");
    int r;

    if (!accounts || !loader_check_mapping(l, accounts, "accounts", KEY_SET(account_keys)))
        return 0;
    l->model->has_accounts = true;
    TrackPlace place = account_tracks(l, accounts);
    r = take_params(l);
    if (r == 0)
        r = declare_scores(l, accounts);
    if (r == 0)
        r = declare_committee(l, accounts);
    return r == 0 ? loader_declare_tracks_of(l, &place) : r;
}

static int read_score_condition(ModelLoader *l, const YamlNode *node, AccountScore *score) {
    const YamlNode *from = loader_get(node, "from");

    if (from && from->type == YAML_SCALAR && l->model->n_scores > 0 &&
            str_eq(from->text, l->model->scores[score->from].id) && l->fed_by_profile_rules[score->from])
        loader_error(l, from, "score \"%.*s\" is fed by profile_rules (line %u): it has no points to bring to an account",
                SHOWN(from), l->fed_by_profile_rules[score->from]->mark.line);
    return loader_condition(l, node, "when", CONDITION_EVENT, &score->when);
}

int loader_read_accounts(ModelLoader *l) {
    const YamlNode *accounts = find_accounts(l), *scores, *committee;
    Model *model = l->model;
    int r = 0;

    if (!accounts || !model->has_accounts)
        return 0;
    TrackPlace place = account_tracks(l, accounts);
    scores = loader_get(accounts, "scores");
    for (size_t i = 0; r == 0 && i < model->n_account_scores; i++)
        r = read_score_condition(l, scores->items[i], &model->account_scores[i]);
    committee = loader_get(accounts, "committee");
    if (r == 0 && model->committee.present)
        r = loader_condition(l, committee, "when", CONDITION_EVENT, &model->committee.when);
    return r == 0 ? loader_read_tracks_of(l, &place) : r;
}
