/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SLA policies: what starts, stops, cancels and pauses a clock, in which working time it runs, and when it speaks up.
 */
#include "lib/model/model_yaml.h"

#include "lib/calendar/timestamp.h"

#define REVISE_DEFAULT_MS (INT64_C(7) * 24 * 60 * 60 * 1000)
#define START_EXPECTED "what starts the clock such as { on: [demo_requested] } or { enter: [lifecycle.mql] }"

/* A percentage is kept in thousandths of a percent, so that fractions of a target are exact. */
#define PERCENT_DECIMALS 3
#define PERCENT_SCALE 1000
#define PERCENT_MAX 1000
/* duration_parse() takes nothing over 100 years. */
#define TARGET_MS_MAX (INT64_C(100) * 366 * 24 * 60 * 60 * 1000)
static_assert(TARGET_MS_MAX <= INT64_MAX / (PERCENT_MAX * PERCENT_SCALE), "fractions of a target fit");

int loader_declare_policies(ModelLoader *l) {
    static const Collection sla = {"sla", YAML_SEQUENCE, "a list of SLA policies", 0, MODEL_POLICIES_MAX};
    static const char *const keys[] = {"id", "start", "stop", "cancel", "target", "warn", "escalate",
            "revise", "track", "calendar", "pause"};
    Model *model = l->model;
    TakenIds taken = {0};
    int r;

    l->policies = loader_collection(l, l->root, &sla, &model->n_policies);
    r = taken_ids_init(l, &taken, model->n_policies);
    if (r == 0)
        r = LOADER_ALLOC(l, model->policies, model->n_policies);
    for (size_t i = 0; r == 0 && i < model->n_policies; i++) {
        const YamlNode *item = l->policies->items[i];

        model->policies[i].id = STR_LITERAL("");
        if (loader_check_mapping(l, item, "an SLA policy", KEY_SET(keys)))
            model->policies[i].id = loader_id(l, item, "policy", &taken);
    }
    return r;
}

/* "track.stage" of an `enter` list. */
static bool read_stage_ref(ModelLoader *l, const YamlNode *node, StageRef *ref) {
    const Model *model = l->model;
    Str text;

    if (!yaml_string(node, "enter", l->diagnostics, &text))
        return false;
    const char *dot = memchr(text.data, '.', text.len);
    if (!dot) {
        loader_error(l, node, "enter: a track and a stage such as lifecycle.mql expected, got \"%.*s\"",
                SHOWN(node));
        return false;
    }

    size_t n_track = (size_t)(dot - text.data);
    YamlNode track_node = loader_part(node, 0, n_track);
    YamlNode stage_node = loader_part(node, n_track + 1, text.len - n_track - 1);
    IdList tracks = ID_LIST(model->tracks, model->n_tracks);
    if (!loader_find(l, &track_node, "track", tracks, &ref->track))
        return false;
    const Track *track = &model->tracks[ref->track];
    IdList stages = ID_LIST(track->stages, track->n_stages);
    return loader_find(l, &stage_node, "stage", stages, &ref->stage);
}

/* A lead seen first is in its initial stages without entering them. */
static void check_can_be_entered(ModelLoader *l, const YamlNode *node, const StageRef *ref) {
    const Track *track = &l->model->tracks[ref->track];
    bool entered = ref->stage != track->initial;

    for (size_t i = 0; i < track->n_transitions; i++)
        entered |= track->transitions[i].to == ref->stage;
    if (!entered)
        loader_warning(l, node,
                "no transition leads to the initial stage \"%.*s\", and beginning there does not "
                "count as entering it",
                STR_FMT(loader_shown(track->stages[ref->stage].id)));
}

/* must_enter: to be in a stage from the beginning is not enough. */
static int read_enter(ModelLoader *l, const YamlNode *node, bool must_enter, StageRef **ret, size_t *ret_n) {
    static const Collection enter = {"enter", YAML_SEQUENCE, "a list of stages such as [lifecycle.mql]", 1,
            MODEL_TRACKS_MAX * MODEL_STAGES_MAX};
    size_t n, n_read = 0;
    const YamlNode *list = loader_collection(l, node, &enter, &n);
    int r;

    r = LOADER_ALLOC(l, *ret, n);
    if (r < 0 || !list)
        return r;
    for (size_t i = 0; i < n; i++) {
        StageRef *ref = &(*ret)[n_read];

        if (!read_stage_ref(l, list->items[i], ref))
            continue;
        if (must_enter)
            check_can_be_entered(l, list->items[i], ref);
        n_read++;
    }
    *ret_n = n_read;
    loader_check_repeats(l, list, n, "enter");
    return 0;
}

static int read_sla_condition(
        ModelLoader *l, const YamlNode *policy, const char *key, SlaCondition *condition) {
    static const char *const keys[] = {"on", "enter", "when"};
    const YamlNode *node = loader_get(policy, key);
    int r;

    if (!node || !loader_check_mapping(l, node, key, KEY_SET(keys)))
        return 0;
    condition->present = true;
    if (!loader_get(node, "on") && !loader_get(node, "enter"))
        loader_error(
                l, node, "%s: event types under \"on\" or stages under \"enter\", or both, expected", key);

    r = loader_event_types(l, node, "on", &condition->on, &condition->has_on);
    if (r == 0)
        r = read_enter(l, node, true, &condition->enter, &condition->n_enter);
    if (r == 0)
        r = loader_condition(l, node, "when", CONDITION_TRACK_EVENT, &condition->when);
    return r;
}

/* --- working time ------------------------------------------------------------------------------------ */

static int read_pause(ModelLoader *l, const YamlNode *item, SlaPolicy *policy) {
    static const char *const keys[] = {"enter"};
    const YamlNode *node = loader_get(item, "pause");

    if (!node || !loader_check_mapping(l, node, "pause", KEY_SET(keys)))
        return 0;
    if (!loader_get(node, "enter")) {
        loader_error(l, node, "pause: stages under \"enter\" expected, such as { enter: [lifecycle.nurture] }");
        return 0;
    }
    return read_enter(l, node, false, &policy->pause, &policy->n_pause);
}

static bool read_calendar_name(ModelLoader *l, const YamlNode *node, unsigned *ret) {
    IdList calendars = ID_LIST(l->model->calendars, l->model->n_calendars);
    Str name;

    return yaml_string(node, "calendar", l->diagnostics, &name) && loader_find(l, node, "calendar", calendars, ret);
}

static int read_calendar_choice(ModelLoader *l, const YamlNode *item, CalendarChoice *choice) {
    static const char *const keys[] = {"when", "calendar"};

    if (!loader_check_mapping(l, item, "a calendar's choice", KEY_SET(keys)))
        return 0;
    const YamlNode *name = loader_require(l, item, "choice", "calendar", "a calendar's name");
    if (name && !read_calendar_name(l, name, &choice->calendar))
        choice->calendar = 0;
    return loader_condition(l, item, "when", CONDITION_PROFILE, &choice->when);
}

static int read_calendar_choices(ModelLoader *l, const YamlNode *policy_item, SlaPolicy *policy) {
    static const Collection calendars = {"calendar", YAML_SEQUENCE,
            "a calendar's name, or a list such as [{ when: 'profile.country == \"US\"', calendar: us-east }]", 1,
            MODEL_CALENDAR_CHOICES_MAX};
    const YamlNode *list = loader_collection(l, policy_item, &calendars, &policy->n_calendars);
    bool takes_all = false;
    int r;

    r = LOADER_ALLOC(l, policy->calendars, policy->n_calendars);
    for (size_t i = 0; r == 0 && i < policy->n_calendars; i++) {
        const YamlNode *item = list->items[i];

        r = read_calendar_choice(l, item, &policy->calendars[i]);
        if (item->type != YAML_MAPPING || loader_get(item, "when"))
            continue;
        takes_all = true;
        if (i + 1 < policy->n_calendars)
            loader_warning(
                    l, item, "a calendar without \"when\" takes every lead: those after it are never used");
    }
    if (r == 0 && list && !takes_all)
        loader_warning(l, list,
                "calendar: the clocks of leads that none of these fits run round the clock; end the list with "
                "an entry without \"when\" to give them a calendar, too");
    return r;
}

/* The calendar is a name, or a list of which the first that fits is taken. */
static int read_calendar(ModelLoader *l, const YamlNode *item, SlaPolicy *policy) {
    const YamlNode *node = loader_get(item, "calendar");
    int r;

    if (!node || node->type != YAML_SCALAR || yaml_is_null(node))
        return read_calendar_choices(l, item, policy);
    r = LOADER_ALLOC(l, policy->calendars, 1);
    if (r == 0 && read_calendar_name(l, node, &policy->calendars[0].calendar))
        policy->n_calendars = 1;
    return r;
}

/* --- levels ------------------------------------------------------------------------------------------ */

/* `12.5%` as thousandths of a percent; -1 if it is none, or out of range. */
static int64_t parse_percent(Str text) {
    int64_t value = 0;
    int decimals = -1; /* digits after the point; -1 before it */
    size_t n_digits = 0;

    if (text.len < 2 || text.data[text.len - 1] != '%')
        return -1;
    for (size_t i = 0; i + 1 < text.len; i++) {
        char c = text.data[i];
        if (c == '.' && decimals < 0 && n_digits > 0) {
            decimals = 0;
            continue;
        }
        if (c < '0' || c > '9' || value > PERCENT_MAX * PERCENT_SCALE || decimals == PERCENT_DECIMALS)
            return -1;
        value = value * 10 + (c - '0');
        n_digits++;
        decimals += decimals >= 0;
    }
    if (decimals == 0)
        return -1;
    for (int i = MAX(decimals, 0); i < PERCENT_DECIMALS; i++)
        value *= 10;
    return value > 0 && value <= PERCENT_MAX * PERCENT_SCALE ? value : -1;
}

/* A fraction of the target is rounded down to a millisecond (SPEC section 5). */
static bool read_warning(
        ModelLoader *l, const YamlNode *node, int64_t target_ms, int64_t *ret_key, SlaLevel *level) {
    Str text;
    int64_t percent;

    if (!yaml_string(node, "warn", l->diagnostics, &text))
        return false;
    percent = parse_percent(text);
    if (percent < 0) {
        loader_error(l, node,
                "warn: a part of the target over 0%% and up to %d%%, such as 80%% or 12.5%%, expected, got "
                "\"%.*s\"",
                PERCENT_MAX, SHOWN(node));
        return false;
    }
    *level = (SlaLevel){text, target_ms * percent / (100 * PERCENT_SCALE)};
    *ret_key = percent;
    return true;
}

static bool read_escalation(ModelLoader *l, const YamlNode *node, int64_t *ret_key, SlaLevel *level) {
    if (!yaml_duration(node, "escalate", 1, l->diagnostics, &level->after_ms))
        return false;
    level->text = node->text;
    *ret_key = level->after_ms;
    return true;
}

/* Warnings or escalations. Two of a kind that mean the same, however written, are one too many. */
static int read_levels(ModelLoader *l, const YamlNode *policy, const Collection *collection,
        int64_t target_ms, SlaLevel **ret, size_t *ret_n) {
    bool is_warning = str_eq_c(STR_LITERAL("warn"), collection->key);
    int64_t values[MODEL_LEVELS_MAX];
    size_t n, n_read = 0;
    const YamlNode *list = loader_collection(l, policy, collection, &n);
    int r;

    r = LOADER_ALLOC(l, *ret, n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        const YamlNode *node = list->items[i];
        SlaLevel *level = &(*ret)[n_read];
        int64_t value;

        if (!(is_warning ? read_warning(l, node, target_ms, &value, level)
                         : read_escalation(l, node, &value, level)))
            continue;
        if (node->text.len > MODEL_LEVEL_LEN_MAX)
            loader_error(l, node, "%s: \"%.*s\" is longer than %d bytes", collection->key, SHOWN(node), MODEL_LEVEL_LEN_MAX);
        for (size_t k = 0; k < n_read; k++)
            if (values[k] == value)
                loader_error(l, node, "%s: \"%.*s\" is in the list already, as \"%.*s\"", collection->key,
                        SHOWN(node), STR_FMT((*ret)[k].text));
        values[n_read++] = value;
    }
    *ret_n = n_read;
    return r;
}

/* Default: that of the first stage that starts the clock, else the first of the model. */
static void read_policy_track(ModelLoader *l, const YamlNode *item, SlaPolicy *policy) {
    const YamlNode *node = loader_get(item, "track");
    IdList tracks = ID_LIST(l->model->tracks, l->model->n_tracks);
    Str name;

    policy->track = policy->start.n_enter > 0 ? policy->start.enter[0].track : 0;
    if (node && yaml_string(node, "track", l->diagnostics, &name) &&
            !loader_find(l, node, "track", tracks, &policy->track))
        policy->track = 0;
}

static void read_durations(ModelLoader *l, const YamlNode *item, SlaPolicy *policy) {
    const YamlNode *target = loader_require(l, item, "policy", "target", "a duration such as 9h");
    const YamlNode *revise = loader_get(item, "revise");

    if (target && !yaml_duration(target, "target", 1, l->diagnostics, &policy->target_ms))
        policy->target_ms = 1;
    policy->revise_ms = REVISE_DEFAULT_MS;
    if (revise && !yaml_duration(revise, "revise", 0, l->diagnostics, &policy->revise_ms))
        policy->revise_ms = REVISE_DEFAULT_MS;
}

static int read_policy(ModelLoader *l, const YamlNode *item, SlaPolicy *policy) {
    static const Collection warn = {
            "warn", YAML_SEQUENCE, "a list of parts of the target such as [50%, 80%]", 0, MODEL_LEVELS_MAX};
    static const Collection escalate = {
            "escalate", YAML_SEQUENCE, "a list of durations such as [15m, 1h]", 0, MODEL_LEVELS_MAX};
    const YamlNode *id = loader_get(item, "id");
    int r;

    (void)loader_require(l, item, "policy", "start", START_EXPECTED);
    r = read_sla_condition(l, item, "start", &policy->start);
    if (r == 0)
        r = read_sla_condition(l, item, "stop", &policy->stop);
    if (r == 0)
        r = read_sla_condition(l, item, "cancel", &policy->cancel);
    if (r == 0)
        r = read_pause(l, item, policy);
    if (r == 0)
        r = read_calendar(l, item, policy);
    if (r < 0)
        return r;
    if (!loader_get(item, "stop"))
        loader_warning(l, id ? id : item, "a policy without \"stop\" can never be met");

    read_durations(l, item, policy);
    read_policy_track(l, item, policy);
    r = read_levels(l, item, &warn, policy->target_ms, &policy->warnings, &policy->n_warnings);
    if (r == 0)
        r = read_levels(l, item, &escalate, policy->target_ms, &policy->escalations, &policy->n_escalations);
    return r;
}

int loader_read_policies(ModelLoader *l) {
    int r = 0;

    for (size_t i = 0; r == 0 && i < l->model->n_policies; i++)
        if (l->policies->items[i]->type == YAML_MAPPING)
            r = read_policy(l, l->policies->items[i], &l->model->policies[i]);
    return r;
}
