/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gives points: profile_rules, rules and idle_rules.
 */
#include "lib/model/model_yaml.h"

#define ADD_EXPECTED "points by score such as { fit: 10 }"

int loader_awards(ModelLoader *l, const YamlNode *item, const char *kind, ConditionPlace place, const YamlNode **fed,
        Award **ret, size_t *ret_n) {
    static const Collection add = {"add", YAML_MAPPING, ADD_EXPECTED, 1, MODEL_SCORES_MAX};
    IdList scores = ID_LIST(l->model->scores, l->model->n_scores);
    const YamlNode *node;
    int r;

    (void)loader_require(l, item, kind, "add", ADD_EXPECTED);
    node = loader_collection(l, item, &add, ret_n);
    r = LOADER_ALLOC(l, *ret, *ret_n);

    for (size_t i = 0; r == 0 && i < *ret_n; i++) {
        const YamlNode *key = node->keys[i];
        Award *award = &(*ret)[i];

        if (loader_find(l, key, "score", scores, &award->score) && !fed[award->score])
            fed[award->score] = key;
        r = loader_condition(l, node, key->text.data, place, &award->points);
    }
    return r;
}

int loader_read_profile_rules(ModelLoader *l) {
    static const Collection rules = {
            "profile_rules", YAML_SEQUENCE, "a list of profile rules", 0, MODEL_RULES_MAX};
    static const char *const keys[] = {"id", "when", "add"};
    Model *model = l->model;
    const YamlNode *list = loader_collection(l, l->root, &rules, &model->n_profile_rules);
    int r;

    r = LOADER_ALLOC(l, model->profile_rules, model->n_profile_rules);
    for (size_t i = 0; r == 0 && i < model->n_profile_rules; i++) {
        const YamlNode *item = list->items[i];
        Rule *rule = &model->profile_rules[i];

        if (!loader_check_mapping(l, item, "a profile rule", KEY_SET(keys)))
            continue;
        rule->id = loader_id(l, item, "profile rule", &l->rule_ids);
        r = loader_condition(l, item, "when", CONDITION_PROFILE, &rule->when);
        if (r == 0)
            r = loader_awards(l, item, "profile rule", CONDITION_PROFILE, l->fed_by_profile_rules, &rule->awards,
                    &rule->n_awards);
    }
    return r;
}

#define LIMIT_EXPECTED "how often, such as { times: 3, per: 1d }"

static void read_limit(ModelLoader *l, const YamlNode *item, unsigned index, Rule *rule) {
    static const char *const keys[] = {"times", "per"};
    Model *model = l->model;
    const YamlNode *node = loader_get(item, "limit");
    Limit limit = {.rule = index, .times = 1, .per_ms = 1};
    int64_t times;

    rule->limit = LIMIT_NONE;
    if (!node || !loader_check_type(l, node, YAML_MAPPING, "limit", LIMIT_EXPECTED) ||
            !loader_check_mapping(l, node, "limit", KEY_SET(keys)))
        return;
    if (model->n_limits == MODEL_LIMITS_MAX) {
        loader_error(l, node, "limit: more than %d rules have one", MODEL_LIMITS_MAX);
        return;
    }
    const YamlNode *times_node = loader_require(l, node, "limit", "times", "a number of times");
    const YamlNode *per = loader_require(l, node, "limit", "per", "a duration such as 1d");
    if (times_node && yaml_integer(times_node, "times", 1, MODEL_LIMIT_TIMES_MAX, l->diagnostics, &times))
        limit.times = (unsigned)times;
    if (per && !yaml_duration(per, "per", 1, l->diagnostics, &limit.per_ms))
        limit.per_ms = 1;
    rule->limit = (int)model->n_limits;
    model->limits[model->n_limits++] = limit;
}

int loader_read_rules(ModelLoader *l) {
    static const Collection rules = {"rules", YAML_SEQUENCE, "a list of rules", 0, MODEL_RULES_MAX};
    static const char *const keys[] = {"id", "on", "when", "add", "limit"};
    Model *model = l->model;
    const YamlNode *list = loader_collection(l, l->root, &rules, &model->n_rules);
    int r;

    r = LOADER_ALLOC(l, model->rules, model->n_rules);
    if (r == 0)
        r = LOADER_ALLOC(l, model->limits, MIN(model->n_rules, (size_t)MODEL_LIMITS_MAX));
    for (size_t i = 0; r == 0 && i < model->n_rules; i++) {
        const YamlNode *item = list->items[i];
        Rule *rule = &model->rules[i];
        bool has_on;

        if (!loader_check_mapping(l, item, "a rule", KEY_SET(keys)))
            continue;
        rule->id = loader_id(l, item, "rule", &l->rule_ids);
        read_limit(l, item, (unsigned)i, rule);
        r = loader_event_types(l, item, "on", &rule->on, &has_on);
        if (r == 0)
            r = loader_condition(l, item, "when", CONDITION_EVENT, &rule->when);
        if (r == 0)
            r = loader_awards(l, item, "rule", CONDITION_EVENT, l->fed_by_rules, &rule->awards, &rule->n_awards);
    }
    return r;
}

static int read_idle_rule(ModelLoader *l, const YamlNode *item, IdleRule *rule) {
    const YamlNode *after = loader_require(l, item, "idle rule", "after", "a duration such as 30d");
    const YamlNode *every = loader_get(item, "every");
    bool has_reset_on;
    int r;

    if (after && !yaml_duration(after, "after", 1, l->diagnostics, &rule->after_ms))
        rule->after_ms = 1;
    if (every && !yaml_duration(every, "every", 1, l->diagnostics, &rule->every_ms))
        rule->every_ms = 1;
    r = loader_event_types(l, item, "reset_on", &rule->reset_on, &has_reset_on);
    if (r == 0)
        r = loader_awards(l, item, "idle rule", CONDITION_LEAD, l->fed_by_rules, &rule->awards, &rule->n_awards);
    return r;
}

int loader_read_idle_rules(ModelLoader *l) {
    static const Collection rules = {"idle_rules", YAML_SEQUENCE, "a list of idle rules", 0, MODEL_IDLE_RULES_MAX};
    static const char *const keys[] = {"id", "after", "every", "reset_on", "add"};
    Model *model = l->model;
    const YamlNode *list = loader_collection(l, l->root, &rules, &model->n_idle_rules);
    int r;

    r = LOADER_ALLOC(l, model->idle_rules, model->n_idle_rules);
    for (size_t i = 0; r == 0 && i < model->n_idle_rules; i++) {
        const YamlNode *item = list->items[i];

        if (!loader_check_mapping(l, item, "an idle rule", KEY_SET(keys)))
            continue;
        model->idle_rules[i].id = loader_id(l, item, "idle rule", &l->rule_ids);
        r = read_idle_rule(l, item, &model->idle_rules[i]);
    }
    return r;
}
