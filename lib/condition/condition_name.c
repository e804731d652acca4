/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/condition/condition_name.h"

static bool place_has_event(ConditionPlace place) {
    return place == CONDITION_EVENT || place == CONDITION_TRACK_EVENT;
}

static bool place_has_route(ConditionPlace place) {
    return place == CONDITION_TRACK || place == CONDITION_TRACK_EVENT;
}

/* Scores, tracks and elapsed times. */
static bool place_has_state(ConditionPlace place) {
    return place != CONDITION_SEGMENT && place != CONDITION_PROFILE;
}

/* Reports a name that the place may not use; it compiles to null so that the rest is checked too. */
static Operand not_here(Compiler *c, Mark mark, Str name) {
    if (str_eq_c(name, "event"))
        lexer_error(&c->lexer, mark, "event.* cannot be named here: no event is at hand");
    else if (c->place == CONDITION_ACCOUNT)
        lexer_error(&c->lexer, mark, "\"%.*s\" cannot be named here: only the account's own scores, committee, its tracks, and params",
                STR_FMT(name));
    else if (str_eq_c(name, "route"))
        lexer_error(&c->lexer, mark, "route can be named in tracks and sla only");
    else
        lexer_error(&c->lexer, mark, "\"%.*s\" cannot be named here: only profile.*, first_source, last_source%s and params",
                STR_FMT(name), c->place == CONDITION_SEGMENT ? "" : ", segment");
    return emit_constant(c, VALUE_NONE);
}

/* All names that mean something in this place, for suggestions. */
static size_t known_names(const Compiler *c, const char **names) {
    static const char *const words[] = {"age", "since", "left", "entries", "present", "default", "number", "min", "max", "true",
            "false", "null", "not", "and", "or", "in", "like"};
    static const char *const lead_words[] = {
            "event", "profile", "segment", "route", "first_source", "last_source", "idle"};
    const Model *m = c->model;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        names[n++] = words[i];
    for (size_t i = 0; i < m->n_params; i++)
        names[n++] = m->params[i].id.data;
    if (c->place == CONDITION_ACCOUNT) {
        names[n++] = "committee";
        for (size_t i = 0; i < m->n_account_scores; i++)
            names[n++] = m->account_scores[i].id.data;
        for (size_t i = 0; i < m->n_account_tracks; i++)
            names[n++] = m->account_tracks[i].id.data;
        return n;
    }
    for (size_t i = 0; i < ARRAY_SIZE(lead_words); i++)
        names[n++] = lead_words[i];
    for (size_t i = 0; i < m->n_scores; i++)
        names[n++] = m->scores[i].id.data;
    for (size_t i = 0; i < m->n_derived; i++)
        names[n++] = m->derived[i].id.data;
    for (size_t i = 0; i < m->n_counters; i++)
        names[n++] = m->counters[i].id.data;
    for (size_t i = 0; i < m->n_tracks; i++)
        names[n++] = m->tracks[i].id.data;
    return n;
}

/* More than known_names() gives. */
#define NAMES_MAX                                                                                                    \
    (32 + MODEL_PARAMS_MAX + MODEL_SCORES_MAX + MODEL_DERIVED_MAX + MODEL_COUNTERS_MAX + MODEL_ACCOUNT_SCORES_MAX +  \
            2 * MODEL_TRACKS_MAX)

static Operand unknown_name(Compiler *c, Mark mark, Str name) {
    const char *names[NAMES_MAX];
    const char *nearest = diagnostic_nearest(name, names, known_names(c, names));
    if (nearest)
        lexer_error(&c->lexer, mark, "unknown name \"%.*s\"; did you mean \"%s\"?", STR_FMT(name), nearest);
    else if (c->place == CONDITION_ACCOUNT)
        lexer_error(&c->lexer, mark,
                "unknown name \"%.*s\": an account score, committee, an account track, a param or a function was expected",
                STR_FMT(name));
    else
        /* What is forgotten most often are the quotes, and `profile.`. */
        lexer_error(&c->lexer, mark,
                "unknown name \"%.*s\": no score, derived score, counter, param or track is called so; a "
                "text stands in double quotes, an attribute is profile.%.*s%s",
                STR_FMT(name), STR_FMT(name), place_has_event(c->place) ? ", a property event.…" : "");
    /* what belongs to a name that is not understood is not, either */
    c->lexer.failed |= lexer_at(&c->lexer, ".") || lexer_at(&c->lexer, "(");
    return emit_constant(c, VALUE_NONE);
}

#define find_index(array, n, name_arg)                                                                       \
    ({                                                                                                       \
        int _found = -1;                                                                                     \
        for (size_t _i = 0; _i < (n) && _found < 0; _i++)                                                    \
            if (str_eq((array)[_i].id, (name_arg)))                                                          \
                _found = (int)_i;                                                                            \
        _found;                                                                                              \
    })

static Str member(Compiler *c) {
    lexer_expect(&c->lexer, ".");
    if (!c->lexer.failed && c->lexer.token.type != TOKEN_NAME)
        lexer_unexpected(&c->lexer, "a name");
    if (c->lexer.failed)
        return STR_NULL;
    Str name = arena_str(c->lexer.arena, c->lexer.token.text);
    c->lexer.no_memory |= !name.data;
    lexer_next(&c->lexer);
    return name;
}

Operand name_event(Compiler *c, Mark mark, Str word) {
    Str name = member(c);
    if (c->lexer.failed)
        return OPERAND_STATIC(0);
    if (!place_has_event(c->place))
        return not_here(c, mark, word);
    static const struct {
        const char *name;
        Op op;
    } fields[] = {{"type", OP_EVENT_TYPE}, {"source", OP_EVENT_SOURCE}, {"campaign", OP_EVENT_CAMPAIGN},
            {"topic", OP_EVENT_TOPIC}};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (str_eq_c(name, fields[i].name))
            return emit_operand(c, (Instruction){.op = fields[i].op}, TIME_STATIC);
    return emit_operand(c, (Instruction){.op = OP_EVENT_PROPERTY, .constant = value_string(name)}, TIME_STATIC);
}

Operand name_profile(Compiler *c, Mark mark, Str word) {
    Str name = member(c);
    if (c->place == CONDITION_ACCOUNT)
        return not_here(c, mark, word);
    return emit_operand(c, (Instruction){.op = OP_PROFILE, .constant = value_string(name)}, TIME_STATIC);
}

/* Those of leads, or of accounts. */
static const Track *tracks_of(const Compiler *c, size_t *ret_n) {
    bool account = c->place == CONDITION_ACCOUNT;
    *ret_n = account ? c->model->n_account_tracks : c->model->n_tracks;
    return account ? c->model->account_tracks : c->model->tracks;
}

static int resolve_track(Compiler *c, Str name, Mark mark) {
    size_t n_tracks;
    const Track *tracks = tracks_of(c, &n_tracks);
    int track = find_index(tracks, n_tracks, name);
    if (track >= 0)
        return track;
    const char *names[MODEL_TRACKS_MAX];
    size_t n = MIN(n_tracks, ARRAY_SIZE(names));
    for (size_t i = 0; i < n; i++)
        names[i] = tracks[i].id.data;
    const char *nearest = diagnostic_nearest(name, names, n);
    lexer_error(&c->lexer, mark, "unknown track \"%.*s\"%s%s%s", STR_FMT(name), nearest ? "; did you mean \"" : "",
            nearest ? nearest : "", nearest ? "\"?" : "");
    return -1;
}

static int resolve_stage(Compiler *c, const Track *track, Str name, Mark mark) {
    int stage = find_index(track->stages, track->n_stages, name);
    if (stage >= 0)
        return stage;
    const char *names[MODEL_STAGES_MAX];
    size_t n = MIN(track->n_stages, ARRAY_SIZE(names));
    for (size_t i = 0; i < n; i++)
        names[i] = track->stages[i].id.data;
    const char *nearest = diagnostic_nearest(name, names, n);
    lexer_error(&c->lexer, mark, "track \"%.*s\" has no stage \"%.*s\"%s%s%s", STR_FMT(track->id), STR_FMT(name),
            nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return -1;
}

/* age(track), since(track.stage), left(track.stage), entries(track.stage) */
Operand name_track_function(Compiler *c, Mark mark, Str word, Op op) {
    lexer_expect(&c->lexer, "(");
    if (!c->lexer.failed && c->lexer.token.type != TOKEN_NAME)
        lexer_unexpected(&c->lexer, "a track");
    if (c->lexer.failed)
        return OPERAND_STATIC(0);
    Mark track_mark = lexer_mark(&c->lexer);
    Str track_name = c->lexer.token.text;
    lexer_next(&c->lexer);
    Mark stage_mark = {0};
    Str stage_name = STR_NULL;
    if (op != OP_AGE) {
        if (!c->lexer.failed && lexer_at(&c->lexer, "."))
            lexer_next_stage(&c->lexer);
        else
            lexer_unexpected(&c->lexer, "\".\"");
        if (!c->lexer.failed && c->lexer.token.type != TOKEN_NAME)
            lexer_unexpected(&c->lexer, "a stage");
        if (c->lexer.failed)
            return OPERAND_STATIC(0);
        stage_mark = lexer_mark(&c->lexer);
        stage_name = c->lexer.token.text;
        lexer_next(&c->lexer);
    }
    lexer_expect(&c->lexer, ")");
    if (c->lexer.failed)
        return OPERAND_STATIC(0);
    if (!place_has_state(c->place))
        return not_here(c, mark, word);
    size_t n_tracks;
    const Track *tracks = tracks_of(c, &n_tracks);
    int track = resolve_track(c, track_name, track_mark);
    int stage = track >= 0 && op != OP_AGE ? resolve_stage(c, &tracks[track], stage_name, stage_mark) : 0;
    if (track < 0 || stage < 0)
        return emit_constant(c, VALUE_NONE);
    return emit_operand(c, (Instruction){.op = op, .index = (unsigned)track, .stage = (unsigned)stage},
            op == OP_ENTRIES ? TIME_STATIC : TIME_LINEAR);
}

static Operand derived_score(Compiler *c, unsigned derived) {
    const Condition *value = c->model->derived[derived].value;
    c->derived |= UINT32_C(1) << derived;
    c->n_expanded += value ? MIN(value->n_expanded, (unsigned)CONDITION_STEPS_MAX) : 0;
    Operand operand = emit_operand(
            c, (Instruction){.op = OP_DERIVED, .index = derived}, value ? value->kind : TIME_LINEAR);
    operand.is_measured = !value || value->is_measured;
    return operand;
}

/* A word of the language that is a value by itself. False: it is none. */
static bool plain_word(Compiler *c, Mark mark, Str word, Operand *ret) {
    static const struct {
        const char *name;
        Op op;
        TimeKind kind;
    } names[] = {{"first_source", OP_FIRST_SOURCE, TIME_STATIC}, {"last_source", OP_LAST_SOURCE, TIME_STATIC},
            {"segment", OP_SEGMENT, TIME_STATIC}, {"route", OP_ROUTE, TIME_STATIC}, {"idle", OP_IDLE, TIME_LINEAR}};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!str_eq_c(word, names[i].name))
            continue;
        bool here = c->place != CONDITION_ACCOUNT && !(names[i].op == OP_SEGMENT && c->place == CONDITION_SEGMENT) &&
                    !(names[i].op == OP_ROUTE && !place_has_route(c->place)) &&
                    !(names[i].op == OP_IDLE && !place_has_state(c->place));
        *ret = here ? emit_operand(c, (Instruction){.op = names[i].op}, names[i].kind) : not_here(c, mark, word);
        return true;
    }
    return false;
}

static Operand param_value(Compiler *c, unsigned param) {
    const Model *m = c->model;
    bool is_global = c->place == CONDITION_SEGMENT || c->place == CONDITION_ACCOUNT;
    Operand operand = emit_operand(
            c, (Instruction){.op = is_global ? OP_PARAM_GLOBAL : OP_PARAM, .index = param}, TIME_STATIC);
    double max = m->params[param].value;
    for (size_t i = 0; !is_global && i < m->n_segments; i++)
        max = MAX(max, m->segment_params[i * m->n_params + param]);
    operand.number_max = emit_number(c, max);
    return operand;
}

static TimeKind score_kind(const Decay *decay) {
    return decay->kind == DECAY_NONE ? TIME_STILL : TIME_LINEAR;
}

static Operand account_name(Compiler *c, Mark mark, Str word) {
    const Model *m = c->model;
    int score = find_index(m->account_scores, m->n_account_scores, word);
    int track = find_index(m->account_tracks, m->n_account_tracks, word);
    if (str_eq_c(word, "committee") && m->committee.present)
        return emit_operand(c, (Instruction){.op = OP_COMMITTEE}, TIME_STEPS);
    if (str_eq_c(word, "committee")) {
        lexer_error(&c->lexer, mark, "\"committee\" is not defined: accounts: { committee: … } was expected");
        return emit_constant(c, VALUE_NONE);
    }
    if (score >= 0)
        return emit_operand(c, (Instruction){.op = OP_SCORE, .index = (unsigned)score},
                score_kind(&m->account_scores[score].decay));
    if (track >= 0)
        return emit_operand(c, (Instruction){.op = OP_STAGE, .index = (unsigned)track}, TIME_STATIC);
    bool of_leads = find_index(m->scores, m->n_scores, word) >= 0 || find_index(m->derived, m->n_derived, word) >= 0 ||
                    find_index(m->counters, m->n_counters, word) >= 0 || find_index(m->tracks, m->n_tracks, word) >= 0;
    return of_leads ? not_here(c, mark, word) : unknown_name(c, mark, word);
}

static Operand counter_value(Compiler *c, unsigned counter) {
    Operand operand = emit_operand(c, (Instruction){.op = OP_COUNTER, .index = counter}, TIME_STEPS);
    operand.counter = &c->model->counters[counter];
    return operand;
}

static bool is_of_accounts(const Compiler *c, Str word) {
    const Model *m = c->model;
    return str_eq_c(word, "committee") || find_index(m->account_scores, m->n_account_scores, word) >= 0 ||
           find_index(m->account_tracks, m->n_account_tracks, word) >= 0;
}

static Operand of_accounts(Compiler *c, Mark mark, Str word) {
    lexer_error(&c->lexer, mark, "\"%.*s\" can be named in the tracks of accounts only", STR_FMT(word));
    return emit_constant(c, VALUE_NONE);
}

static Operand lead_name(Compiler *c, Mark mark, Str word) {
    const Model *m = c->model;
    int score = find_index(m->scores, m->n_scores, word);
    int derived = find_index(m->derived, m->n_derived, word);
    int counter = find_index(m->counters, m->n_counters, word);
    int track = find_index(m->tracks, m->n_tracks, word);
    if (score < 0 && derived < 0 && counter < 0 && track < 0)
        return is_of_accounts(c, word) ? of_accounts(c, mark, word) : unknown_name(c, mark, word);
    if (!place_has_state(c->place))
        return not_here(c, mark, word);
    if (score >= 0)
        return emit_operand(
                c, (Instruction){.op = OP_SCORE, .index = (unsigned)score}, score_kind(&m->scores[score].decay));
    if (derived >= 0)
        return derived_score(c, (unsigned)derived);
    if (counter >= 0)
        return counter_value(c, (unsigned)counter);
    return emit_operand(c, (Instruction){.op = OP_STAGE, .index = (unsigned)track}, TIME_STATIC);
}

Operand name_plain(Compiler *c, Mark mark, Str word) {
    Operand operand;
    if (plain_word(c, mark, word, &operand))
        return operand;
    int param = find_index(c->model->params, c->model->n_params, word);
    if (param >= 0)
        return param_value(c, (unsigned)param);
    return c->place == CONDITION_ACCOUNT ? account_name(c, mark, word) : lead_name(c, mark, word);
}

/* All that a segment, a route or a track can be. Returns how many; 0 if the instruction is none of these. */
static size_t possible_values(
        const Compiler *c, const Instruction *i, const char **values, const char **ret_what) {
    const Model *m = c->model;
    size_t n = 0, n_tracks;
    const Track *tracks = tracks_of(c, &n_tracks);

    if (i->op == OP_SEGMENT) {
        *ret_what = "segment";
        values[n++] = "default";
        for (size_t k = 0; k < m->n_segments; k++)
            values[n++] = m->segments[k].id.data;
    } else if (i->op == OP_ROUTE) {
        *ret_what = "route";
        for (size_t k = 0; k < m->n_routes; k++)
            values[n++] = m->routes[k].id.data;
    } else if (i->op == OP_STAGE) {
        *ret_what = tracks[i->index].id.data;
        for (size_t k = 0; k < tracks[i->index].n_stages; k++)
            values[n++] = tracks[i->index].stages[k].id.data;
    }
    return n;
}

#define VALUES_MAX (1 + MAX(MODEL_SEGMENTS_MAX, MAX(MODEL_ROUTES_MAX, MODEL_STAGES_MAX)))

/* A text compared with a segment, a route or a track that is never it is a slip that nothing else shows. */
void name_check_text(Compiler *c, const Instruction *name, const Instruction *text, Mark mark) {
    const char *values[VALUES_MAX], *what = NULL;

    if (!name || !text || text->op != OP_CONSTANT || text->constant.type != VALUE_STRING)
        return;
    size_t n = possible_values(c, name, values, &what);
    for (size_t i = 0; i < n; i++)
        if (str_eq_c(text->constant.string, values[i]))
            return;
    if (n == 0)
        return;
    const char *nearest = diagnostic_nearest(text->constant.string, values, n);
    diagnostics_add(c->lexer.diagnostics, DIAGNOSTIC_WARNING, mark, "%s is never \"%.*s\"%s%s%s", what,
            STR_FMT(text->constant.string), nearest ? "; did you mean \"" : "", nearest ? nearest : "",
            nearest ? "\"?" : "");
}
