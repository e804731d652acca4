/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/track.h"
#include "lib/explain/explain_parts.h"

static Str dotted(Arena *arena, Str a, Str b) {
    char *text = arena_alloc(arena, a.len + 1 + b.len, 1);
    if (!text)
        return STR_NULL;
    memcpy(text, a.data, a.len);
    text[a.len] = '.';
    memcpy(text + a.len + 1, b.data, b.len);
    return (Str){text, a.len + 1 + b.len};
}

static int explain_triggers(Arena *arena, const Model *model, const Transition *transition, const Str **ret) {
    Str *on_sla = explain_array(arena, Str, transition->n_on_sla);
    for (size_t i = 0; i < transition->n_on_sla && on_sla; i++) {
        const SlaTrigger *trigger = &transition->on_sla[i];
        on_sla[i] = dotted(arena, model->policies[trigger->policy].id, str_from(sla_kind_name(trigger->kind)));
        if (!on_sla[i].data)
            return -ENOMEM;
    }
    *ret = on_sla;
    return on_sla ? 0 : -ENOMEM;
}

/* Which transition is taken by time alone, and when, was settled at the clock: what has come since is what will be done, not what was. */
static int explain_transition(Arena *arena, const Situation *now, int64_t clock_ms, unsigned track, const TrackState *state,
        const Transition *transition, ExplainedTransition *ret) {
    Situation then = *now;
    int64_t cools_at_ms = transition_cools_at(transition, state);
    then.at_ms = clock_ms;
    ret->transition = transition;
    ret->cools_at_ms = cools_at_ms > now->at_ms ? cools_at_ms : TIME_NONE;
    ret->begins_at_ms =
            transition_is_unprompted(transition) ? track_transition_begins(&then, track, transition) : TIME_NEVER;
    int r = condition_take_apart(arena, transition->when, now, &ret->when, &ret->n_when, &ret->when_truth);
    ret->passed_over = transition_is_unprompted(transition) && state->stages[transition->to].entered_at_ms == clock_ms &&
            ret->cools_at_ms == TIME_NONE && ret->when_truth == PART_HOLDS;
    if (r == 0)
        r = condition_take_apart(arena, transition->require, now, &ret->require, &ret->n_require, &ret->require_truth);
    return r ? r : explain_triggers(arena, now->model, transition, &ret->on_sla);
}

static int explain_track(Arena *arena, const Situation *now, int64_t clock_ms, const Track *tracks, const TrackState *states,
        unsigned i, ExplainedTrack *ret) {
    const Track *track = &tracks[i];
    const TrackState *state = &states[i];
    const StageState *stage = &state->stages[state->stage];
    ExplainedTransition *transitions = explain_array(arena, ExplainedTransition, track->n_transitions);
    size_t n = 0;
    int r = transitions ? 0 : -ENOMEM;
    *ret = (ExplainedTrack){.id = track->id, .stage = track->stages[state->stage].id, .owner = track->stages[state->stage].owner,
            .since_ms = stage->entered_at_ms, .entries = stage->entries, .transitions = transitions, .changes_at_ms = TIME_NEVER};
    for (size_t k = 0; k < track->n_transitions && r == 0; k++) {
        const Transition *transition = &track->transitions[k];
        if (!transition_leaves(transition, state->stage))
            continue;
        ExplainedTransition *explained = &transitions[n++];
        explained->to = track->stages[transition->to].id;
        r = explain_transition(arena, now, clock_ms, i, state, transition, explained);
        if (r == 0 && explained->begins_at_ms < ret->changes_at_ms) {
            ret->changes_at_ms = explained->begins_at_ms;
            ret->changes_by = explained;
        }
    }
    ret->n_transitions = n;
    return r;
}

int explain_tracks(Arena *arena, const Situation *now, int64_t clock_ms, const ExplainedTrack **ret, size_t *ret_n) {
    const Model *model = now->model;
    size_t n = now->lead ? model->n_tracks : model->n_account_tracks;
    const Track *tracks = now->lead ? model->tracks : model->account_tracks;
    const TrackState *states = now->lead ? now->lead->tracks : now->account->tracks;
    ExplainedTrack *explained = explain_array(arena, ExplainedTrack, n);
    int r = explained ? 0 : -ENOMEM;
    for (unsigned i = 0; i < n && r == 0; i++)
        r = explain_track(arena, now, clock_ms, tracks, states, i, &explained[i]);
    *ret = explained;
    *ret_n = n;
    return r;
}
