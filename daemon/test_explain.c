/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something is as it is, for somebody who has written the model and not the engine: as of the instant of the expectation,
 * not of the events before it, which is said where it matters.
 */
#include "daemon/condition_parts.h"
#include "daemon/test_run.h"
#include "daemon/value_text.h"
#include "lib/reason.h"

/* --- transitions ------------------------------------------------------------------------------------- */

typedef struct Explanation {
    TestRun *run;
    TestFailure *failure;
    const Lead *lead;
    int64_t at_ms;
} Explanation;

static void note_parts(Explanation *e, Str transition, const char *key, const Condition *condition, ConditionPlace place,
        const LeadEvent *event) {
    ConditionPart parts[CONDITION_PARTS_MAX];
    const Situation situation = {
            .model = e->run->file->model, .lead = e->lead, .event = event, .at_ms = e->at_ms};

    int n = condition_parts(condition, place, &situation, e->run->arena, parts);
    if (n < 0) {
        e->run->error = n;
        return;
    }
    for (int i = 0; i < n; i++)
        test_note(e->run, e->failure, "%.*s: %s: %.*s does not hold%s%.*s", STR_FMT(transition), key,
                STR_FMT(parts[i].text), str_is_null(parts[i].values) ? "" : ": ", STR_FMT(parts[i].values));
}

/* The lead's latest event that the list takes; NULL: none. */
static const LeadEvent *latest_event(const Explanation *e, const EventTypes *on) {
    for (size_t i = e->run->n_events; i > 0; i--) {
        const LeadEvent *event = e->run->events[i - 1];
        if (str_eq(event->lead_id, e->lead->lead_id) && event_types_contain(on, event->type))
            return event;
    }
    return NULL;
}

/* "demo_requested or contact_requested" */
static Str show_types(TestRun *run, const EventTypes *on) {
    Str text = on->n_types ? on->types[0] : STR_LITERAL("any event");
    for (size_t i = 1; i < on->n_types; i++)
        text = test_text(run, "%.*s or %.*s", STR_FMT(text), STR_FMT(on->types[i]));
    return text;
}

static void explain_on(Explanation *e, const Transition *t) {
    const LeadEvent *event = latest_event(e, &t->on);
    const Situation situation = {
            .model = e->run->file->model, .lead = e->lead, .event = event, .at_ms = e->at_ms};

    if (!event) {
        test_note(e->run, e->failure, "%.*s waits for an event %.*s: the lead has had none", STR_FMT(t->id),
                STR_FMT(show_types(e->run, &t->on)));
        return;
    }
    test_note(e->run, e->failure, "%.*s: the latest event %.*s was at %.*s; with it, as things stand now:",
            STR_FMT(t->id), STR_FMT(event->type), STR_FMT(test_instant(e->run, event->occurred_at_ms)));
    if (!condition_holds(t->when, &situation))
        note_parts(e, t->id, "when", t->when, CONDITION_TRACK_EVENT, event);
    else if (!condition_holds(t->require, &situation))
        note_parts(e, t->id, "require", t->require, CONDITION_TRACK_EVENT, event);
    else
        test_note(e->run, e->failure, "%.*s: it would be taken", STR_FMT(t->id));
}

static void explain_on_sla(Explanation *e, const Transition *t) {
    const Model *model = e->run->file->model;

    for (size_t i = 0; i < t->n_on_sla; i++) {
        Str policy = model->policies[t->on_sla[i].policy].id;
        test_note(e->run, e->failure, "%.*s waits for %.*s.%s", STR_FMT(t->id), STR_FMT(policy),
                sla_kind_name(t->on_sla[i].kind));
        test_explain_sla(e->run, e->failure, e->lead, policy);
    }
}

static void explain_when(Explanation *e, const Transition *t) {
    const Situation situation = {.model = e->run->file->model, .lead = e->lead, .at_ms = e->at_ms};

    if (!condition_holds(t->when, &situation))
        note_parts(e, t->id, "when", t->when, CONDITION_TRACK, NULL);
}

/* True: that is why. */
static bool explain_cooldown(Explanation *e, const Transition *t, const TrackState *state) {
    int64_t left_at_ms = state->stages[t->to].left_at_ms;

    if (t->cooldown_ms == 0 || left_at_ms == TIME_NONE || e->at_ms - left_at_ms >= t->cooldown_ms)
        return false;
    test_note(e->run, e->failure, "%.*s: cooldown: not before %.*s", STR_FMT(t->id),
            STR_FMT(test_instant(e->run, left_at_ms + t->cooldown_ms)));
    return true;
}

static void explain_transition(Explanation *e, const Transition *t, const TrackState *state) {
    size_t n_notes = e->failure->n_notes;
    bool cooling = explain_cooldown(e, t, state);

    if (t->has_on)
        explain_on(e, t);
    else if (t->n_on_sla > 0)
        explain_on_sla(e, t);
    else
        explain_when(e, t);
    if (!cooling && e->failure->n_notes == n_notes)
        test_note(e->run, e->failure, "%.*s: its condition holds; a transition before it was taken, or its stage had "
                "been entered at the same instant", STR_FMT(t->id));
}

static bool leaves(const Transition *t, const TrackState *state) {
    return t->from >> state->stage & 1;
}

void test_explain_transition(TestRun *run, TestFailure *failure, const Lead *lead, Str transition) {
    const Model *model = run->file->model;
    Explanation e = {run, failure, lead, MAX(failure->at_ms, lead->clock_ms)};

    for (unsigned i = 0; i < model->n_tracks; i++)
        for (size_t k = 0; k < model->tracks[i].n_transitions; k++) {
            const Track *track = &model->tracks[i];
            const Transition *t = &track->transitions[k];
            if (!str_eq(t->id, transition))
                continue;
            if (leaves(t, &lead->tracks[i]))
                explain_transition(&e, t, &lead->tracks[i]);
            else
                test_note(run, failure, "%.*s does not begin at %.*s, where %.*s is now", STR_FMT(t->id),
                        STR_FMT(track->stages[lead->tracks[i].stage].id), STR_FMT(track->id));
        }
}

/* --- stages ------------------------------------------------------------------------------------------ */

/* How the track came to be where it is. */
static void explain_present(TestRun *run, TestFailure *failure, const Lead *lead, const Track *track, unsigned stage) {
    for (size_t i = run->log.n_items; i > 0; i--) {
        const TestOutput *o = &run->log.items[i - 1];
        if (o->type != OUTPUT_STAGE_CHANGED || o->of_account || !str_eq(o->id, lead->lead_id) ||
                !str_eq(o->track, track->id))
            continue;
        test_note(run, failure, "%.*s moved it from %.*s to %.*s at %.*s (cause: %.*s)",
                STR_FMT(str_is_null(o->transition) ? STR_LITERAL("a merge") : o->transition), STR_FMT(o->from),
                STR_FMT(o->to), STR_FMT(test_instant(run, o->at_ms)), STR_FMT(o->cause));
        return;
    }
    test_note(run, failure, "it has been %.*s from the lead's beginning", STR_FMT(track->stages[stage].id));
}

void test_explain_stage(TestRun *run, TestFailure *failure, const Lead *lead, unsigned track_index, Str stage) {
    const Track *track = &run->file->model->tracks[track_index];
    const TrackState *state = &lead->tracks[track_index];
    Explanation e = {run, failure, lead, MAX(failure->at_ms, lead->clock_ms)};
    bool found = false;

    explain_present(run, failure, lead, track, state->stage);
    if (str_eq(track->stages[state->stage].id, stage))
        return;
    for (size_t i = 0; i < track->n_transitions; i++) {
        const Transition *t = &track->transitions[i];
        if (!leaves(t, state) || !str_eq(track->stages[t->to].id, stage))
            continue;
        found = true;
        explain_transition(&e, t, state);
    }
    if (!found)
        test_note(run, failure, "no transition leads from %.*s to %.*s", STR_FMT(track->stages[state->stage].id),
                STR_FMT(stage));
    test_explain_scores(run, failure, lead, STR_NULL);
}

/* --- scores ------------------------------------------------------------------------------------------ */

void test_explain_scores(TestRun *run, TestFailure *failure, const Lead *lead, Str score) {
    char points[NUMBER_SHOWN_SIZE], value[NUMBER_SHOWN_SIZE];
    Reason reasons[REASONS_MAX];
    size_t n = reasons_of(lead, run->file->model, reasons), n_told = 0;

    for (size_t i = 0; i < n; i++) {
        const Reason *reason = &reasons[i];
        if (!str_is_null(score) && !str_eq(reason->score, score))
            continue;
        n_told++;
        number_show(reason->points, points);
        number_show(reason->present_value, value);
        if (reason->from_profile)
            test_note(run, failure, "%.*s %s by the profile rule %.*s", STR_FMT(reason->score), points,
                    STR_FMT(reason->rule));
        else
            test_note(run, failure, "%.*s %s by the rule %.*s at %.*s, worth %s at the lead's latest change",
                    STR_FMT(reason->score), points, STR_FMT(reason->rule),
                    STR_FMT(test_instant(run, reason->occurred_at_ms)), value);
    }
    /* Fewer are all that there are. */
    if (n_told == 0 && n < REASONS_MAX)
        test_note(run, failure, "it has been given no points");
    else if (n_told == 0)
        test_note(run, failure, "the lead's %d greatest contributions are to other scores", REASONS_MAX);
}

/* --- SLA policies ------------------------------------------------------------------------------------ */

void test_explain_sla(TestRun *run, TestFailure *failure, const Lead *lead, Str policy) {
    bool found = false;

    for (size_t i = 0; i < run->log.n_items; i++) {
        const TestOutput *o = &run->log.items[i];
        if (o->type != OUTPUT_SLA_EVENT || !str_eq(o->policy, policy) || (lead && !str_eq(o->id, lead->lead_id)))
            continue;
        found = true;
        test_note(run, failure, "%.*s told %s%s%.*s at %.*s", STR_FMT(policy), sla_kind_name(o->kind),
                str_is_null(o->level) ? "" : " ", STR_FMT(o->level), STR_FMT(test_instant(run, o->at_ms)));
    }
    if (!found)
        test_note(run, failure, "%.*s has told nothing of the lead", STR_FMT(policy));
}
