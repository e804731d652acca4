/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/track.h"

#include <math.h>

#include "lib/condition/condition_crossing.h"
#include "lib/engine/reason.h"

/* Those of the lead or account that it is about. */
typedef struct Tracks {
    const Track *tracks;
    TrackState *states;
    size_t n;
} Tracks;

static Tracks tracks_of(const Model *model, const Lead *lead, const Account *account) {
    if (lead)
        return (Tracks){model->tracks, lead->tracks, model->n_tracks};
    return (Tracks){model->account_tracks, account->tracks, model->n_account_tracks};
}

static Tracks step_tracks(const Step *step) {
    return tracks_of(step->model, step->lead, step->account);
}

static bool leaves(const Transition *transition, const TrackState *state) {
    return transition_leaves(transition, state->stage);
}

int64_t transition_cools_at(const Transition *transition, const TrackState *state) {
    int64_t left_at_ms = state->stages[transition->to].left_at_ms;
    return transition->cooldown_ms && left_at_ms != TIME_NONE ? left_at_ms + transition->cooldown_ms : TIME_NONE;
}

static bool cooled_down(const Transition *transition, const TrackState *state, int64_t at_ms) {
    return at_ms >= transition_cools_at(transition, state);
}

/* `when` and `cooldown` together: one that is not over is as a false `when` (SPEC section 10). */
static bool holds(const Transition *transition, const TrackState *state, const Situation *situation) {
    return cooled_down(transition, state, situation->at_ms) && condition_holds(transition->when, situation);
}

/* --- taking one -------------------------------------------------------------------------------------- */

static const NamedNumber *present_scores(Step *step, size_t *ret_n) {
    const Model *model = step->model;
    size_t n = model->n_scores + model->n_derived;
    NamedNumber *scores = step_new_array(step, NamedNumber, n);
    *ret_n = scores ? n : 0;
    if (!scores)
        return NULL;
    Situation situation = step_situation(step, NULL);
    for (unsigned i = 0; i < model->n_scores; i++)
        scores[i] = (NamedNumber){model->scores[i].id, lead_score(step->lead, model, i, step->lead->clock_ms)};
    for (unsigned i = 0; i < model->n_derived; i++) {
        Value value = condition_value(model->derived[i].value, &situation);
        scores[model->n_scores + i] =
                (NamedNumber){model->derived[i].id, value_is_number(value) ? value_number(value) : NAN};
    }
    return scores;
}

static void describe_lead(Step *step, StageChanged *change) {
    const Lead *lead = step->lead;
    change->entity = STR_LITERAL("lead");
    change->scores = present_scores(step, &change->n_scores);
    change->first_source = lead->first_source;
    change->last_source = lead->last_source;
    ReasonIds *ids = step_new_array(step, ReasonIds, 1);
    change->n_reasons = ids ? reasons_of(lead, step->model, change->reasons, ids) : 0;
}

static void describe_account(Step *step, StageChanged *change) {
    const Model *model = step->model;
    const Account *account = step->account;
    NamedNumber *scores = step_new_array(step, NamedNumber, model->n_account_scores);
    for (unsigned i = 0; i < model->n_account_scores && scores; i++)
        scores[i] = (NamedNumber){model->account_scores[i].id, account_score(account, model, i, account->clock_ms)};
    change->entity = STR_LITERAL("account");
    change->scores = scores;
    change->n_scores = scores ? model->n_account_scores : 0;
    change->has_committee = true;
    change->committee = account_committee(account, model, account->clock_ms);
    change->n_members = account_top_members(account, model, account->clock_ms, change->members);
}

/* The stage that is left. */
typedef struct From {
    Str id;
    int64_t entered_at_ms;
} From;

/* `transition`: null for a merge, and where a stage is gone. */
static void tell(Step *step, unsigned track_index, From from, unsigned to, Str transition) {
    const Track *track = &step_tracks(step).tracks[track_index];
    const TrackState *state = &step_tracks(step).states[track_index];
    Output *output = step_output(step, OUTPUT_STAGE_CHANGED, step_clock(step), step->event);
    if (!output)
        return;
    StageChanged *change = &output->stage_changed;
    *change = (StageChanged){
        .track = track->id,
        .from = from.id,
        .to = track->stages[to].id,
        .changed_at_ms = step_clock(step),
        .transition = transition,
        .cause = step->cause,
        .cause_event_id = step->event ? step->event->event_id : STR_NULL,
        .owner = track->stages[to].owner,
        .sequence = state->sequence + 1,
        .previous_entered_at_ms = from.entered_at_ms,
        .next_change_at_ms = TIME_NEVER, /* known at the step's end */
    };
    if (step->lead)
        describe_lead(step, change);
    else
        describe_account(step, change);
    Str id = step->lead ? step->lead->lead_id : step->account->account_id;
    char sequence[DECIMAL_SIZE], changed_at[DECIMAL_SIZE];
    STEP_NAME_OUTPUT(step, output, STR_LITERAL("stage"), change->entity, id, track->id, step_name_number((int64_t)change->sequence, sequence),
            step_name_number(change->changed_at_ms, changed_at));
}

static void move(Step *step, unsigned track_index, unsigned to, Str transition) {
    int64_t clock_ms = step_clock(step);
    const Track *track = &step_tracks(step).tracks[track_index];
    TrackState *state = &step_tracks(step).states[track_index];
    From from = {track->stages[state->stage].id, state->stages[state->stage].entered_at_ms};
    tell(step, track_index, from, to, transition);
    state->sequence++;
    state->stages[state->stage].left_at_ms = clock_ms;
    state->stage = to;
    state->stages[state->stage].entered_at_ms = clock_ms;
    state->stages[state->stage].entries++;
}

static void take(Step *step, unsigned track_index, const Transition *transition) {
    move(step, track_index, transition->to, transition->id);
    step_enter(step, (StageRef){track_index, transition->to});
}

/* --- from a merged lead ------------------------------------------------------------------------------ */

void track_apply_merge(Step *step, const Lead *merged) {
    const Model *model = step->model;
    Cause cause = step->cause;
    step->cause = CAUSE_MERGE;
    for (unsigned t = 0; t < model->n_tracks; t++) {
        unsigned stage = merged->tracks[t].stage;
        if (stage > step->lead->tracks[t].stage && !model->tracks[t].stages[stage].terminal)
            move(step, t, stage, STR_NULL);
    }
    step->cause = cause;
}

/* --- by an event ------------------------------------------------------------------------------------- */

static void refuse(Step *step, unsigned track_index, const Transition *transition) {
    const Track *track = &step->model->tracks[track_index];
    Lead *lead = step->lead;
    step->refused = true;
    Output *output = step_output(step, OUTPUT_REFUSED, lead->clock_ms, step->event);
    if (!output)
        return;
    output->refused = (Refused){
        .refused_event_id = step->event->event_id,
        .type = step->event->type,
        .track = track->id,
        .stage = track->stages[lead->tracks[track_index].stage].id,
        .transition = transition->id,
        .requirement = condition_text(transition->require),
        .at_ms = lead->clock_ms,
    };
    STEP_NAME_OUTPUT(step, output, STR_LITERAL("refused"), lead->lead_id, step->event->event_id, track->id);
}

/* Takes the transition, or refuses it. False: it is not the one. */
static bool try_by_event(Step *step, const Situation *situation, unsigned track_index, const Transition *transition) {
    const TrackState *state = &step->lead->tracks[track_index];
    if (!leaves(transition, state) || !holds(transition, state, situation))
        return false;
    if (condition_holds(transition->require, situation))
        take(step, track_index, transition);
    else
        refuse(step, track_index, transition);
    return true;
}

void track_apply_event(Step *step) {
    const Model *model = step->model;
    Situation situation = step_situation(step, step->event);
    EventMatches matches = event_index_find(model->transitions_by_type, step->event->type);
    unsigned done = MODEL_TRACKS_MAX; /* the first that can be is all that a track does */
    for (unsigned number; event_matches_next(&matches, &number);) {
        unsigned track = number / MODEL_TRANSITIONS_MAX;
        const Transition *transition = &model->tracks[track].transitions[number % MODEL_TRANSITIONS_MAX];
        if (track != done && try_by_event(step, &situation, track, transition))
            done = track;
    }
}

/* --- by what holds ----------------------------------------------------------------------------------- */

/* The track's first unprompted transition that holds at an instant, as a rule the clock's; stages entered at this instant are passed over. */
static const Transition *first_that_holds(const Step *step, unsigned track_index, int64_t at_ms) {
    const Track *track = &step_tracks(step).tracks[track_index];
    const TrackState *state = &step_tracks(step).states[track_index];
    const Stage *stage = &track->stages[state->stage];
    if (stage->n_unprompted == 0)
        return NULL;
    Situation situation = step_situation(step, NULL);
    situation.at_ms = at_ms;
    for (size_t i = 0; i < stage->n_unprompted; i++) {
        const Transition *transition = &track->transitions[stage->unprompted[i]];
        bool entered_now = state->stages[transition->to].entered_at_ms == situation.at_ms;
        if (!entered_now && !condition_is_out_of_reach(transition->when, &situation) && holds(transition, state, &situation))
            return transition;
    }
    return NULL;
}

/* Ends, because each transition enters a stage that was not entered at this instant before. */
void track_settle(Step *step) {
    bool changed;
    do {
        changed = false;
        for (unsigned t = 0; t < step_tracks(step).n; t++) {
            const Transition *transition = first_that_holds(step, t, step_clock(step));
            if (!transition)
                continue;
            take(step, t, transition);
            changed = true;
        }
    } while (changed);
}

/* --- by a new model ---------------------------------------------------------------------------------- */

bool track_is_to_move(const Step *step, int64_t at_ms) {
    for (unsigned t = 0; t < step_tracks(step).n; t++)
        if (first_that_holds(step, t, at_ms))
            return true;
    return false;
}

void track_apply_model(Step *step, const LostStage *lost, size_t n_lost) {
    for (size_t i = 0; i < n_lost; i++) {
        TrackState *state = &step_tracks(step).states[lost[i].track];
        From from = {{lost[i].id, lost[i].id_len}, lost[i].entered_at_ms};
        tell(step, lost[i].track, from, state->stage, STR_NULL);
        state->sequence++;
        state->stages[state->stage].entered_at_ms = step_clock(step);
    }
}

/* --- by an SLA verdict ------------------------------------------------------------------------------- */

static bool is_triggered(const Transition *transition, unsigned policy, SlaKind kind) {
    for (size_t i = 0; i < transition->n_on_sla; i++)
        if (transition->on_sla[i].policy == policy && transition->on_sla[i].kind == kind)
            return true;
    return false;
}

bool track_apply_sla(Step *step, unsigned policy, SlaKind kind, int64_t at_ms) {
    const Model *model = step->model;
    bool taken = false;
    for (unsigned t = 0; t < model->n_tracks; t++) {
        const TrackState *state = &step->lead->tracks[t];
        Situation situation = step_situation(step, NULL);
        situation.at_ms = at_ms;
        for (size_t i = 0; i < model->tracks[t].n_transitions; i++) {
            const Transition *transition = &model->tracks[t].transitions[i];
            if (!is_triggered(transition, policy, kind) || !leaves(transition, state) ||
                    !holds(transition, state, &situation))
                continue;
            step->lead->clock_ms = at_ms;
            take(step, t, transition);
            taken = true;
            break;
        }
    }
    return taken;
}

/* --- by time alone ----------------------------------------------------------------------------------- */

static bool holds_at(const Transition *transition, const TrackState *state, const Situation *now, int64_t at_ms) {
    Situation then = *now;
    then.at_ms = at_ms;
    return holds(transition, state, &then);
}

/* The first millisecond of [first_ms, last_ms] at which it holds and did not before; TIME_NEVER. As a rule it does not hold at the first. */
static int64_t begins_within(
        const Transition *transition, const TrackState *state, const Situation *now, int64_t first_ms, int64_t last_ms) {
    bool before = false;
    for (int64_t at_ms = first_ms; at_ms <= last_ms; at_ms++) {
        bool after = holds_at(transition, state, now, at_ms);
        if (after && at_ms == first_ms)
            before = holds_at(transition, state, now, at_ms - 1);
        if (after && !before)
            return at_ms;
        before = after;
    }
    return TIME_NEVER;
}

/*
 * Where a condition may change, after from_ms: at the ends of comparisons' truth, and when the cooldown is over. Each change that
 * the conditions' arithmetic finds may be a millisecond off by rounding, so all three are judged.
 */
static int64_t begins_to_hold(
        const Transition *transition, const TrackState *state, const Situation *now) {
    int64_t cooled_at_ms = transition_cools_at(transition, state);
    /* One change at least is passed a round; their number is bounded by the terms of the comparisons. */
    for (int64_t from_ms = now->at_ms;;) {
        int64_t change_ms = condition_next_change(transition->when, now, from_ms);
        if (cooled_at_ms > from_ms)
            change_ms = MIN(change_ms, cooled_at_ms);
        if (change_ms == TIME_NEVER)
            return TIME_NEVER;
        int64_t begins_ms = begins_within(transition, state, now, MAX(change_ms - 1, now->at_ms + 1), change_ms + 1);
        if (begins_ms != TIME_NEVER)
            return begins_ms;
        from_ms = change_ms;
    }
}

int64_t track_transition_begins(const Situation *now, unsigned track, const Transition *transition) {
    bool can_begin = transition->cooldown_ms || condition_is_time_dependent(transition->when);
    can_begin = can_begin && !condition_is_out_of_reach(transition->when, now);
    return can_begin ? begins_to_hold(transition, &tracks_of(now->model, now->lead, now->account).states[track], now) : TIME_NEVER;
}

int64_t track_next_change(const Situation *now, unsigned track_index) {
    Tracks tracks = tracks_of(now->model, now->lead, now->account);
    const Track *track = &tracks.tracks[track_index];
    const Stage *stage = &track->stages[tracks.states[track_index].stage];
    int64_t next_ms = TIME_NEVER;
    for (size_t i = 0; i < stage->n_unprompted; i++)
        next_ms = earliest(next_ms, track_transition_begins(now, track_index, &track->transitions[stage->unprompted[i]]));
    return next_ms;
}

int64_t track_look_ahead(const Step *step) {
    Tracks tracks = step_tracks(step);
    Situation now = step_situation(step, NULL);
    int64_t earliest_ms = TIME_NEVER;
    size_t n;
    Output *const *outputs = step_pending(step->context, &n);
    /* once a track: to look ahead is what costs most in a step */
    for (unsigned t = 0; t < tracks.n; t++) {
        int64_t next_ms = track_next_change(&now, t);
        earliest_ms = MIN(earliest_ms, next_ms);
        for (size_t i = 0; i < n; i++)
            if (outputs[i]->type == OUTPUT_STAGE_CHANGED && str_eq(outputs[i]->stage_changed.track, tracks.tracks[t].id))
                outputs[i]->stage_changed.next_change_at_ms = next_ms;
    }
    return earliest_ms;
}

Str track_owner(const Lead *lead, const Model *model, unsigned track) {
    if (track >= model->n_tracks)
        return STR_NULL;
    return model->tracks[track].stages[lead->tracks[track].stage].owner;
}
