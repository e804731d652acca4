/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks: stages, and the transitions between them.
 */
#include "lib/model/model_yaml.h"

static int read_stages(ModelLoader *l, const YamlNode *node, Track *track) {
    static const Collection stages = {
            "stages", YAML_SEQUENCE, "a list of stages such as [{ id: cold }]", 1, MODEL_STAGES_MAX};
    static const char *const keys[] = {"id", "owner", "terminal"};
    const YamlNode *list = loader_collection(l, node, &stages, &track->n_stages);
    TakenIds taken = {0};
    int r;

    r = taken_ids_init(l, &taken, track->n_stages);
    if (r == 0)
        r = LOADER_ALLOC(l, track->stages, track->n_stages);
    if (r < 0)
        return r;

    for (size_t i = 0; i < track->n_stages; i++) {
        const YamlNode *item = list->items[i], *owner, *terminal;
        Stage *stage = &track->stages[i];

        stage->id = STR_LITERAL("");
        if (!loader_check_mapping(l, item, "a stage", KEY_SET(keys)))
            continue;
        stage->id = loader_id(l, item, "stage", &taken);

        owner = loader_get(item, "owner");
        if (owner && yaml_string(owner, "owner", l->diagnostics, &stage->owner) &&
                (stage->owner.len == 0 || stage->owner.len > MODEL_ID_LEN_MAX))
            loader_error(
                    l, owner, "bad owner \"%.*s\": expected 1 to %d bytes", SHOWN(owner), MODEL_ID_LEN_MAX);
        terminal = loader_get(item, "terminal");
        if (terminal && !yaml_boolean(terminal, "terminal", l->diagnostics, &stage->terminal))
            stage->terminal = false;
    }
    return 0;
}

static int declare_track(
        ModelLoader *l, const TrackPlace *place, const YamlNode *key, const YamlNode *node, Track *track) {
    static const char *const keys[] = {"initial", "stages", "transitions"};
    const YamlNode *initial;
    Str name;
    int r;

    track->id = loader_name(l, key, place->is_account ? "account track" : "track", place->names);
    if (!loader_check_mapping(l, node, "a track", KEY_SET(keys)))
        return 0;

    (void)loader_require(l, node, "track", "stages", "a list of stages such as [{ id: cold }]");
    r = read_stages(l, node, track);
    if (r < 0)
        return r;

    initial = loader_require(l, node, "track", "initial",
            place->is_account ? "the stage in which an account begins" : "the stage in which a lead begins");
    IdList stages = ID_LIST(track->stages, track->n_stages);
    if (initial && track->n_stages > 0 && yaml_string(initial, "initial", l->diagnostics, &name) &&
            !loader_find(l, initial, "stage", stages, &track->initial))
        track->initial = 0;
    return 0;
}

int loader_declare_tracks_of(ModelLoader *l, const TrackPlace *place) {
    static const Collection collection = {"tracks", YAML_MAPPING, "tracks by name", 0, MODEL_TRACKS_MAX};
    const YamlNode *node;
    Track *tracks = NULL;
    int r;

    node = loader_collection(l, place->parent, &collection, place->n_tracks);
    r = LOADER_ALLOC(l, tracks, *place->n_tracks);
    *place->tracks = tracks;
    for (size_t i = 0; r == 0 && i < *place->n_tracks; i++)
        r = declare_track(l, place, node->keys[i], node->items[i], &tracks[i]);
    return r;
}

static TrackPlace lead_tracks(ModelLoader *l) {
    return (TrackPlace){.parent = l->root, .names = &l->names, .tracks = &l->model->tracks, .n_tracks = &l->model->n_tracks};
}

int loader_declare_tracks(ModelLoader *l) {
    TrackPlace place = lead_tracks(l);
    return loader_declare_tracks_of(l, &place);
}

static void read_from_and_to(
        ModelLoader *l, const YamlNode *item, const Track *track, Transition *transition) {
    static const Collection from = {
            "from", YAML_SEQUENCE, "a list of stages such as [lead, nurture]", 1, MODEL_STAGES_MAX};
    IdList stages = ID_LIST(track->stages, track->n_stages);
    const YamlNode *list, *to;
    unsigned stage;
    Str name;
    size_t n;

    (void)loader_require(l, item, "transition", "from", "a list of stages such as [lead, nurture]");
    list = loader_collection(l, item, &from, &n);
    for (size_t i = 0; i < n; i++)
        if (yaml_string(list->items[i], "from", l->diagnostics, &name) &&
                loader_find(l, list->items[i], "stage", stages, &stage))
            transition->from |= UINT64_C(1) << stage;
    if (list)
        loader_check_repeats(l, list, n, "from");

    to = loader_require(l, item, "transition", "to", "the stage that it leads to");
    if (to && yaml_string(to, "to", l->diagnostics, &name) &&
            !loader_find(l, to, "stage", stages, &transition->to))
        transition->to = 0;
}

/* An item of "on_sla": `policy.kind`. */
static void read_sla_trigger(ModelLoader *l, const YamlNode *node, SlaTrigger *trigger) {
    static const struct {
        Str id;
        SlaKind kind;
    } kinds[] = {{STR_LITERAL("warning"), SLA_WARNING}, {STR_LITERAL("breached"), SLA_BREACHED},
            {STR_LITERAL("escalated"), SLA_ESCALATED}};
    const Model *model = l->model;
    unsigned kind;
    Str text;

    if (!yaml_string(node, "on_sla", l->diagnostics, &text))
        return;
    const char *dot = memchr(text.data, '.', text.len);
    if (!dot) {
        loader_error(l, node, "on_sla: a policy and a kind such as accept.breached expected, got \"%.*s\"",
                SHOWN(node));
        return;
    }

    size_t n_policy = (size_t)(dot - text.data);
    YamlNode policy_node = loader_part(node, 0, n_policy);
    YamlNode kind_node = loader_part(node, n_policy + 1, text.len - n_policy - 1);
    IdList policies = ID_LIST(model->policies, model->n_policies);
    IdList kind_ids = ID_LIST(kinds, ARRAY_SIZE(kinds));
    bool found = loader_find(l, &policy_node, "policy", policies, &trigger->policy);
    if (loader_find(l, &kind_node, "kind of SLA event", kind_ids, &kind) && found)
        trigger->kind = kinds[kind].kind;
}

static int read_on_sla(ModelLoader *l, const YamlNode *item, Transition *transition) {
    static const Collection on_sla = {
            "on_sla", YAML_SEQUENCE, "a list such as [accept.breached]", 1, MODEL_POLICIES_MAX * 3};
    const YamlNode *list = loader_collection(l, item, &on_sla, &transition->n_on_sla);
    int r;

    r = LOADER_ALLOC(l, transition->on_sla, transition->n_on_sla);
    if (r < 0 || !list)
        return r;
    for (size_t i = 0; i < transition->n_on_sla; i++)
        read_sla_trigger(l, list->items[i], &transition->on_sla[i]);
    loader_check_repeats(l, list, transition->n_on_sla, "on_sla");
    return 0;
}

static void warn_of_always(ModelLoader *l, const YamlNode *item) {
    const YamlNode *id = loader_get(item, "id");

    if (!loader_get(item, "on") && !loader_get(item, "on_sla") && !loader_get(item, "when") &&
            !loader_get(item, "cooldown"))
        loader_warning(l, id ? id : item,
                "a transition without \"on\", \"when\", \"on_sla\" or \"cooldown\" "
                "always holds: its \"from\" stages are left at once");
}

/* Keys that only make sense, or don't, together with others. */
static void check_combination(ModelLoader *l, const YamlNode *item) {
    const YamlNode *on = loader_get(item, "on"), *on_sla = loader_get(item, "on_sla");
    const YamlNode *require = loader_get(item, "require");

    if (on && on_sla)
        loader_error(l, on_sla, "a transition has \"on\" or \"on_sla\", not both: write two transitions");
    if (require && !on)
        loader_error(
                l, require, "\"require\" is for transitions with \"on\": without an event nobody is refused");
}

/* An account has no events of its own, no SLA clocks, and nobody to refuse. */
static void refuse_prompts(ModelLoader *l, const YamlNode *item) {
    static const char *const keys[] = {"on", "on_sla", "require"};

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const YamlNode *node = loader_get(item, keys[i]);
        if (node)
            loader_error(l, node, "\"%s\" is not for accounts: they move by what holds, under \"when\"", keys[i]);
    }
}

/* What makes a lead move, beside what holds. */
static int read_prompts(ModelLoader *l, const YamlNode *item, Transition *transition) {
    int r;

    check_combination(l, item);
    r = loader_event_types(l, item, "on", &transition->on, &transition->has_on);
    if (r == 0)
        r = read_on_sla(l, item, transition);
    if (r == 0)
        r = loader_condition(l, item, "require", CONDITION_TRACK_EVENT, &transition->require);
    return r;
}

static int read_transition(ModelLoader *l, const TrackPlace *place, const YamlNode *item, const Track *track,
        TakenIds *taken, Transition *transition) {
    static const char *const keys[] = {"id", "from", "to", "on", "when", "require", "on_sla", "cooldown"};
    const YamlNode *cooldown;
    ConditionPlace when = CONDITION_ACCOUNT;
    int r = 0;

    transition->id = STR_LITERAL("");
    if (!loader_check_mapping(l, item, "a transition", KEY_SET(keys)))
        return 0;
    transition->id = loader_id(l, item, "transition", taken);
    read_from_and_to(l, item, track, transition);

    cooldown = loader_get(item, "cooldown");
    if (cooldown && !yaml_duration(cooldown, "cooldown", 1, l->diagnostics, &transition->cooldown_ms))
        transition->cooldown_ms = 0;

    warn_of_always(l, item);
    if (place->is_account) {
        refuse_prompts(l, item);
    } else {
        r = read_prompts(l, item, transition);
        when = transition->has_on ? CONDITION_TRACK_EVENT : CONDITION_TRACK;
    }
    return r == 0 ? loader_condition(l, item, "when", when, &transition->when) : r;
}

static void check_reachable(ModelLoader *l, const YamlNode *node, const Track *track) {
    const YamlNode *stages = loader_get(node, "stages");
    uint64_t reached = UINT64_C(1) << track->initial, before;

    do {
        before = reached;
        for (size_t i = 0; i < track->n_transitions; i++)
            if (track->transitions[i].from & reached)
                reached |= UINT64_C(1) << track->transitions[i].to;
    } while (reached != before);

    for (size_t i = 0; i < track->n_stages; i++)
        if (!(reached & UINT64_C(1) << i))
            loader_error(l, loader_get(stages->items[i], "id"),
                    "no transition leads to stage \"%.*s\" from the initial stage \"%.*s\"",
                    STR_FMT(track->stages[i].id), STR_FMT(track->stages[track->initial].id));
}

static int read_track(ModelLoader *l, const TrackPlace *place, const YamlNode *node, Track *track) {
    static const Collection transitions = {
            "transitions", YAML_SEQUENCE, "a list of transitions", 0, MODEL_TRANSITIONS_MAX};
    const YamlNode *list = loader_collection(l, node, &transitions, &track->n_transitions);
    TakenIds taken = {0};
    int r;

    r = taken_ids_init(l, &taken, track->n_transitions);
    if (r == 0)
        r = LOADER_ALLOC(l, track->transitions, track->n_transitions);
    for (size_t i = 0; r == 0 && i < track->n_transitions; i++)
        r = read_transition(l, place, list->items[i], track, &taken, &track->transitions[i]);
    return r;
}

/*
 * Were stages, initial stage and the ends of all transitions understood? Only then does "unreachable" mean
 * what it says, rather than repeat another error.
 */
static bool is_connected_as_written(const YamlNode *node, const Track *track) {
    const YamlNode *initial = loader_get(node, "initial"), *list = loader_get(node, "transitions");

    if (track->n_stages == 0 || !initial || !str_eq(initial->text, track->stages[track->initial].id))
        return false;
    for (size_t i = 0; i < track->n_stages; i++)
        if (track->stages[i].id.len == 0)
            return false;
    if (list && (list->type != YAML_SEQUENCE || list->n_items != track->n_transitions))
        return false;
    for (size_t i = 0; i < track->n_transitions; i++) {
        const YamlNode *from = loader_get(list->items[i], "from"), *to = loader_get(list->items[i], "to");
        const Transition *t = &track->transitions[i];

        if (!from || !to || t->from == 0 || (size_t)__builtin_popcountll(t->from) != from->n_items ||
                !str_eq(to->text, track->stages[t->to].id))
            return false;
    }
    return true;
}

int loader_read_tracks_of(ModelLoader *l, const TrackPlace *place) {
    const YamlNode *tracks = loader_get(place->parent, "tracks");
    int r = 0;

    for (size_t i = 0; r == 0 && i < *place->n_tracks; i++) {
        const YamlNode *node = tracks->items[i];
        Track *track = &(*place->tracks)[i];

        r = read_track(l, place, node, track);
        if (r == 0 && is_connected_as_written(node, track))
            check_reachable(l, node, track);
    }
    return r;
}

int loader_read_tracks(ModelLoader *l) {
    TrackPlace place = lead_tracks(l);
    return loader_read_tracks_of(l, &place);
}
