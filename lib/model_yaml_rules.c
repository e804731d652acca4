/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What gives points: profile_rules and rules.
 */
#include "lib/model_yaml.h"

#define ADD_EXPECTED "points by score such as { fit: 10 }"

/* The points under "add". Each score remembers in `fed` where it is fed first. */
static int read_awards(ModelLoader *l, const YamlNode *item, const char *kind, ConditionPlace place,
        const YamlNode **fed, Rule *rule) {
    static const Collection add = {"add", YAML_MAPPING, ADD_EXPECTED, 1, MODEL_SCORES_MAX};
    IdList scores = ID_LIST(l->model->scores, l->model->n_scores);
    const YamlNode *node;
    int r;

    (void)loader_require(l, item, kind, "add", ADD_EXPECTED);
    node = loader_collection(l, item, &add, &rule->n_awards);
    r = LOADER_ALLOC(l, rule->awards, rule->n_awards);

    for (size_t i = 0; r == 0 && i < rule->n_awards; i++) {
        const YamlNode *key = node->keys[i];
        Award *award = &rule->awards[i];

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

        if (!loader_check_mapping(l, item, "a profile rule", KEY_SET(keys, 0)))
            continue;
        rule->id = loader_id(l, item, "profile rule", &l->rule_ids);
        r = loader_condition(l, item, "when", CONDITION_PROFILE, &rule->when);
        if (r == 0)
            r = read_awards(l, item, "profile rule", CONDITION_PROFILE, l->fed_by_profile_rules, rule);
    }
    return r;
}

int loader_read_rules(ModelLoader *l) {
    static const Collection rules = {"rules", YAML_SEQUENCE, "a list of rules", 0, MODEL_RULES_MAX};
    static const char *const keys[] = {"id", "on", "when", "add", /* not yet */ "limit"};
    Model *model = l->model;
    const YamlNode *list = loader_collection(l, l->root, &rules, &model->n_rules);
    int r;

    r = LOADER_ALLOC(l, model->rules, model->n_rules);
    for (size_t i = 0; r == 0 && i < model->n_rules; i++) {
        const YamlNode *item = list->items[i];
        Rule *rule = &model->rules[i];
        bool has_on;

        if (!loader_check_mapping(l, item, "a rule", KEY_SET(keys, 1)))
            continue;
        rule->id = loader_id(l, item, "rule", &l->rule_ids);
        r = loader_event_types(l, item, &rule->on, &has_on);
        if (r == 0)
            r = loader_condition(l, item, "when", CONDITION_EVENT, &rule->when);
        if (r == 0)
            r = read_awards(l, item, "rule", CONDITION_EVENT, l->fed_by_rules, rule);
    }
    return r;
}
