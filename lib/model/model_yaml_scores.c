/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scores, derived scores, and by what each score is fed.
 */
#include <math.h>
#include <stdio.h>

#include "lib/model/model_yaml.h"

#define DECAY_EXPECTED "none, { half_life: 7d }, { linear: 60d } or { window: 90d }"

void loader_decay(ModelLoader *l, const YamlNode *node, Decay *ret) {
    static const char *const keys[] = {"half_life", "linear", "window"};
    static const DecayKind kinds[] = {DECAY_HALF_LIFE, DECAY_LINEAR, DECAY_WINDOW};

    if (node->type == YAML_SCALAR) {
        if (!str_eq_c(node->text, "none"))
            loader_error(l, node, "decay: " DECAY_EXPECTED " expected, got \"%.*s\"", SHOWN(node));
        return;
    }
    if (!loader_check_type(l, node, YAML_MAPPING, "decay", DECAY_EXPECTED) ||
            !loader_check_mapping(l, node, "decay", KEY_SET(keys)))
        return;

    if (node->n_items != 1) {
        loader_error(l, node, "decay: " DECAY_EXPECTED " expected, got %s",
                node->n_items == 0 ? "an empty mapping" : "several kinds at once");
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const YamlNode *span = loader_get(node, keys[i]);
        if (span && yaml_duration(span, keys[i], 1, l->diagnostics, &ret->span_ms))
            ret->kind = kinds[i];
    }
}

static void read_score(ModelLoader *l, const YamlNode *key, const YamlNode *node, Score *score) {
    static const char *const keys[] = {"decay", "min", "max"};
    const YamlNode *decay, *min, *max;

    if (!loader_check_mapping(l, node, "a score", KEY_SET(keys)))
        return;

    decay = loader_get(node, "decay");
    if (decay)
        loader_decay(l, decay, &score->decay);
    else
        loader_error(l, key, "score \"%.*s\" has no \"decay\": expected " DECAY_EXPECTED, SHOWN(key));

    min = loader_get(node, "min");
    max = loader_get(node, "max");
    bool bounded = min && yaml_double(min, "min", l->diagnostics, &score->bounds.min);
    bounded &= max && yaml_double(max, "max", l->diagnostics, &score->bounds.max);
    if (bounded && score->bounds.min > score->bounds.max)
        loader_error(l, min, "min %.*s is greater than max %.*s", SHOWN(min), SHOWN(max));
}

int loader_declare_scores(ModelLoader *l) {
    static const Collection scores = {
            "scores", YAML_MAPPING, "scores by name such as { fit: { decay: none } }", 0, MODEL_SCORES_MAX};
    Model *model = l->model;
    int r;

    l->scores = loader_collection(l, l->root, &scores, &model->n_scores);
    r = LOADER_ALLOC(l, model->scores, model->n_scores);
    if (r < 0)
        return r;

    for (size_t i = 0; i < model->n_scores; i++) {
        Score *score = &model->scores[i];

        *score = (Score){.decay = {.kind = DECAY_NONE}, .bounds = {-INFINITY, INFINITY}};
        score->id = loader_name(l, l->scores->keys[i], "score", &l->names);
        read_score(l, l->scores->keys[i], l->scores->items[i], score);
    }
    return 0;
}

/* A score is the sum of what holds now, or of what happened; the two can't be told apart once added. */
int loader_check_feeding(ModelLoader *l) {
    Model *model = l->model;

    for (size_t i = 0; i < model->n_scores; i++) {
        Score *score = &model->scores[i];
        const YamlNode *profile = l->fed_by_profile_rules[i], *event = l->fed_by_rules[i];

        score->from_profile = profile && !event;
        if (profile && event)
            loader_error(l, event,
                    "score \"%.*s\" is fed by profile_rules (line %u), so rules can't feed it too",
                    STR_FMT(score->id), profile->mark.line);
        else if (profile && score->decay.kind != DECAY_NONE)
            loader_error(l, loader_get(l->scores->items[i], "decay"),
                    "score \"%.*s\" is fed by profile_rules (line %u), so its decay must be none",
                    STR_FMT(score->id), profile->mark.line);
        /* With errors about, the rule that feeds it may be among them. */
        else if (!profile && !event && l->diagnostics->n_errors == 0)
            loader_warning(l, l->scores->keys[i], "no rule feeds score \"%.*s\": it is always 0",
                    STR_FMT(score->id));
    }
    return 0;
}

int loader_declare_derived(ModelLoader *l) {
    static const Collection derived = {"derived", YAML_MAPPING,
            "expressions by name such as { total: 'fit + intent' }", 0, MODEL_DERIVED_MAX};
    Model *model = l->model;
    int r;

    l->derived = loader_collection(l, l->root, &derived, &model->n_derived);
    r = LOADER_ALLOC(l, model->derived, model->n_derived);
    for (size_t i = 0; r == 0 && i < model->n_derived; i++)
        model->derived[i].id = loader_name(l, l->derived->keys[i], "derived score", &l->names);
    return r;
}

/* Derived scores on their way to being compiled, as sets of bits: bit i is derived score i. */
typedef struct DerivedOrder {
    ModelLoader *l;
    Arena *scratch;
    uint32_t pending;                  /* not compiled yet */
    uint32_t wrong;                    /* of these: don't compile, whatever they name */
    uint32_t names[MODEL_DERIVED_MAX]; /* what the others name */
    unsigned path[MODEL_DERIVED_MAX];
    uint32_t on_path, walked;
} DerivedOrder;

static_assert(MODEL_DERIVED_MAX <= 32, "a set of derived scores is 32 bits");
#define BIT(i) (UINT32_C(1) << (i))

/* What does derived score i name? Its errors wait for the real compilation. */
static int learn_names(DerivedOrder *o, unsigned i) {
    Diagnostics unseen = DIAGNOSTICS_INIT;
    Condition *condition = NULL;
    int r;

    r = condition_compile(
            o->scratch, o->l->model, o->l->derived->items[i], CONDITION_LEAD, &unseen, &condition);
    o->names[i] = condition ? condition_derived(condition) : 0;
    o->wrong = condition ? o->wrong & ~BIT(i) : o->wrong | BIT(i);
    diagnostics_done(&unseen);
    arena_reset(o->scratch);
    return r;
}

static int compile_derived(DerivedOrder *o, unsigned i) {
    ModelLoader *l = o->l;

    return condition_compile(l->arena, l->model, l->derived->items[i], CONDITION_LEAD, l->diagnostics,
            &l->model->derived[i].value);
}

/* One round over what is pending; those that name nothing pending are compiled. *ret_progress: some were. */
static int compile_round(DerivedOrder *o, bool *ret_progress) {
    int r = 0;

    *ret_progress = false;
    for (unsigned i = 0; r == 0 && i < o->l->model->n_derived; i++) {
        if (!(o->pending & BIT(i)))
            continue;
        r = learn_names(o, i);
        if (r < 0 || (o->wrong & BIT(i)) || (o->names[i] & o->pending))
            continue;
        r = compile_derived(o, i);
        o->pending &= ~BIT(i);
        *ret_progress = true;
    }
    return r;
}

static void report_circle(DerivedOrder *o, size_t from, size_t n_path) {
    char text[512];
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = from; i < n_path && len < sizeof(text); i++) {
        int k = snprintf(text + len, sizeof(text) - len, "%.*s, which names ",
                STR_FMT(o->l->model->derived[o->path[i]].id));
        len += k > 0 ? (size_t)k : 0;
    }
    const YamlNode *key = o->l->derived->keys[o->path[from]];
    loader_error(o->l, key, "derived scores go in a circle: %s%.*s", text, SHOWN(key));
}

/* Depth first; at most MODEL_DERIVED_MAX deep. */
static void find_circles(DerivedOrder *o, unsigned i, size_t n_path) {
    o->path[n_path++] = i;
    o->on_path |= BIT(i);
    o->walked |= BIT(i);

    for (unsigned k = 0; k < MODEL_DERIVED_MAX; k++) {
        if (!(o->names[i] & o->pending & BIT(k)))
            continue;
        if (!(o->walked & BIT(k))) {
            find_circles(o, k, n_path);
        } else if (o->on_path & BIT(k)) {
            size_t from = 0;
            while (o->path[from] != k)
                from++;
            report_circle(o, from, n_path);
        }
    }
    o->on_path &= ~BIT(i);
}

/*
 * Each after those that it names, in rounds. Whether an expression compiles can depend on the derived scores
 * that it names, so one that doesn't is tried again as long as others do.
 */
int loader_read_derived(ModelLoader *l) {
    _cleanup_(arena_free) Arena *scratch = NULL;
    DerivedOrder o = {.l = l};
    bool progress = true;
    int r;

    r = arena_new(&scratch);
    o.scratch = scratch;
    for (unsigned i = 0; i < l->model->n_derived; i++)
        if (loader_check_type(l, l->derived->items[i], YAML_SCALAR, l->derived->keys[i]->text.data,
                    "an expression in quotes"))
            o.pending |= BIT(i);

    while (r == 0 && progress)
        r = compile_round(&o, &progress);

    for (unsigned i = 0; r == 0 && i < l->model->n_derived; i++) {
        if (o.pending & o.wrong & BIT(i))
            r = compile_derived(&o, i);
        else if ((o.pending & BIT(i)) && !(o.walked & BIT(i)))
            find_circles(&o, i, 0);
    }
    return r;
}
