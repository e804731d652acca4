/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why something is as it is, for somebody who has written the model and not the engine: as of the instant of
 * the expectation, not of the events before it, which is said where it matters.
 */
#include "daemon/base/value_text.h"
#include "daemon/model_test/test_run.h"
#include "lib/condition/condition_part.h"
#include "lib/engine/reason.h"

/* Members of an account that are named. */
#define MEMBERS_SHOWN_MAX 5
/* Parts of a condition that are told; a person reads no more. */
#define PARTS_SHOWN_MAX 8

typedef struct Explanation {
    TestRun *run;
    TestFailure *failure;
    TestSubject subject;
    /* The subject's. */
    const Track *tracks;
    size_t n_tracks;
    const TrackState *states;
    int64_t at_ms;
} Explanation;

static Explanation explanation(TestRun *run, TestFailure *failure, TestSubject subject) {
    const Model *model = run->file->model;
    const Lead *lead = subject.lead;
    const Account *account = subject.account;

    return (Explanation){
            .run = run,
            .failure = failure,
            .subject = subject,
            .tracks = lead ? model->tracks : model->account_tracks,
            .n_tracks = lead ? model->n_tracks : model->n_account_tracks,
            .states = lead ? lead->tracks : account->tracks,
            .at_ms = MAX(failure->at_ms, lead ? lead->clock_ms : account->clock_ms),
    };
}

static Situation situation(const Explanation *e, const LeadEvent *event) {
    return (Situation){
            .model = e->run->file->model,
            .lead = e->subject.lead,
            .account = e->subject.account,
            .event = event,
            .at_ms = e->at_ms,
    };
}

static bool is_output_of(TestSubject subject, const TestOutput *output) {
    Str id = subject.lead      ? subject.lead->lead_id
             : subject.account ? subject.account->account_id
                               : output->id;
    return str_eq(output->id, id) && output->of_account == (subject.account != NULL);
}

/* --- transitions ------------------------------------------------------------------------------------- */

static void note_part(Explanation *e, Str transition, const char *key, const ConditionPart *part) {
    Str values = part_show_values(e->run->arena, part);

    test_note(e->run, e->failure, "%.*s: %s: %.*s does not hold%s%.*s", STR_FMT(transition), key,
            STR_FMT(part->text), str_is_null(values) ? "" : ": ", STR_FMT(values));
}

/* What keeps the condition from holding. Of an `and` or `or` that does not hold these are parts of it; a `not` is told whole. */
static void note_parts(Explanation *e, Str transition, const char *key, const Condition *condition, const LeadEvent *event) {
    const Situation now = situation(e, event);
    const ConditionPart *parts;
    size_t n;
    PartTruth truth;
    unsigned n_told = 0;

    int r = condition_take_apart(e->run->arena, condition, &now, &parts, &n, &truth);
    if (r < 0) {
        e->run->error = r;
        return;
    }
    for (size_t i = 0, next; i < n && n_told < PARTS_SHOWN_MAX; i = next) {
        const ConditionPart *part = &parts[i];
        bool is_group = part->kind == PART_ALL || part->kind == PART_ANY;
        next = i + 1;
        if (part->truth == PART_FAILS && is_group)
            continue;
        while (next < n && parts[next].depth > part->depth)
            next++;
        if (part->truth == PART_FAILS) {
            note_part(e, transition, key, part);
            n_told++;
        }
    }
}

/* The lead's latest event that the list takes; NULL: none. */
static const LeadEvent *latest_event(const Explanation *e, const EventTypes *on) {
    for (size_t i = e->run->n_events; i > 0; i--) {
        const LeadEvent *event = e->run->events[i - 1];
        if (str_eq(event->lead_id, e->subject.lead->lead_id) && event_types_contain(on, event->type))
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
    const Situation now = situation(e, event);

    if (!event) {
        test_note(e->run, e->failure, "%.*s waits for an event %.*s: the lead has had none", STR_FMT(t->id),
                STR_FMT(show_types(e->run, &t->on)));
        return;
    }
    test_note(e->run, e->failure,
            "%.*s: the latest event %.*s was at %.*s; with it, as things stand now:", STR_FMT(t->id),
            STR_FMT(event->type), STR_FMT(test_instant(e->run, event->occurred_at_ms)));
    if (!condition_holds(t->when, &now))
        note_parts(e, t->id, "when", t->when, event);
    else if (!condition_holds(t->require, &now))
        note_parts(e, t->id, "require", t->require, event);
    else
        test_note(e->run, e->failure, "%.*s: it would be taken", STR_FMT(t->id));
}

static void explain_on_sla(Explanation *e, const Transition *t) {
    const Model *model = e->run->file->model;

    for (size_t i = 0; i < t->n_on_sla; i++) {
        Str policy = model->policies[t->on_sla[i].policy].id;
        test_note(e->run, e->failure, "%.*s waits for %.*s.%s", STR_FMT(t->id), STR_FMT(policy),
                sla_kind_name(t->on_sla[i].kind));
        test_explain_sla(e->run, e->failure, e->subject, policy);
    }
}

static void explain_when(Explanation *e, const Transition *t) {
    const Situation now = situation(e, NULL);

    if (!condition_holds(t->when, &now))
        note_parts(e, t->id, "when", t->when, NULL);
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
        test_note(e->run, e->failure,
                "%.*s: its condition holds; a transition before it was taken, or its stage had been entered "
                "at the same "
                "instant",
                STR_FMT(t->id));
}

static bool leaves(const Transition *t, const TrackState *state) {
    return t->from >> state->stage & 1;
}

void test_explain_transition(TestRun *run, TestFailure *failure, TestSubject subject, Str transition) {
    Explanation e = explanation(run, failure, subject);

    for (unsigned i = 0; i < e.n_tracks; i++)
        for (size_t k = 0; k < e.tracks[i].n_transitions; k++) {
            const Track *track = &e.tracks[i];
            const Transition *t = &track->transitions[k];
            if (!str_eq(t->id, transition))
                continue;
            if (leaves(t, &e.states[i]))
                explain_transition(&e, t, &e.states[i]);
            else
                test_note(run, failure, "%.*s does not begin at %.*s, where %.*s is now", STR_FMT(t->id),
                        STR_FMT(track->stages[e.states[i].stage].id), STR_FMT(track->id));
        }
}

/* --- stages ------------------------------------------------------------------------------------------ */

/* How the track came to be where it is. */
static void explain_present(const Explanation *e, const Track *track, unsigned stage) {
    TestRun *run = e->run;

    for (size_t i = run->log.n_items; i > 0; i--) {
        const TestOutput *o = &run->log.items[i - 1];
        if (o->type != OUTPUT_STAGE_CHANGED || !is_output_of(e->subject, o) || !str_eq(o->track, track->id))
            continue;
        test_note(run, e->failure, "%.*s moved it from %.*s to %.*s at %.*s (cause: %.*s)",
                STR_FMT(str_is_null(o->transition) ? STR_LITERAL("a merge") : o->transition),
                STR_FMT(o->from), STR_FMT(o->to), STR_FMT(test_instant(run, o->at_ms)), STR_FMT(o->cause));
        return;
    }
    test_note(run, e->failure, "it has been %.*s from the beginning", STR_FMT(track->stages[stage].id));
}

static void explain_track(Explanation *e, const Track *track, const TrackState *state, Str stage) {
    Str present = track->stages[state->stage].id;
    bool found = false;

    explain_present(e, track, state->stage);
    if (str_eq(present, stage))
        return;
    for (size_t i = 0; i < track->n_transitions; i++) {
        const Transition *t = &track->transitions[i];
        if (!leaves(t, state) || !str_eq(track->stages[t->to].id, stage))
            continue;
        found = true;
        explain_transition(e, t, state);
    }
    if (!found)
        test_note(e->run, e->failure, "no transition leads from %.*s to %.*s", STR_FMT(present),
                STR_FMT(stage));
    test_explain_scores(e->run, e->failure, e->subject, STR_NULL);
}

void test_explain_stage(TestRun *run, TestFailure *failure, TestSubject subject, Str track, Str stage) {
    Explanation e = explanation(run, failure, subject);

    for (unsigned i = 0; i < e.n_tracks; i++)
        if (str_eq(e.tracks[i].id, track))
            explain_track(&e, &e.tracks[i], &e.states[i], stage);
}

/* --- scores ------------------------------------------------------------------------------------------ */

static void note_reason(TestRun *run, TestFailure *failure, const Reason *reason) {
    char points[NUMBER_SHOWN_SIZE], value[NUMBER_SHOWN_SIZE];

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

static void explain_lead_scores(TestRun *run, TestFailure *failure, const Lead *lead, Str score) {
    Reason reasons[REASONS_MAX];
    ReasonIds ids;
    size_t n = reasons_of(lead, run->file->model, reasons, &ids), n_told = 0;

    for (size_t i = 0; i < n; i++) {
        if (!str_is_null(score) && !str_eq(reasons[i].score, score))
            continue;
        note_reason(run, failure, &reasons[i]);
        n_told++;
    }
    /* Fewer are all that there are. */
    if (n_told == 0 && n < REASONS_MAX)
        test_note(run, failure, "it has been given no points");
    else if (n_told == 0)
        test_note(run, failure, "the lead's %d greatest contributions are to other scores", REASONS_MAX);
}

/* Points come from members: who they are, and what the scores are. */
static void explain_account_scores(TestRun *run, TestFailure *failure, const Account *account) {
    const Model *model = run->file->model;
    char value[NUMBER_SHOWN_SIZE];
    int64_t at_ms = MAX(failure->at_ms, account->clock_ms);

    for (unsigned i = 0; i < model->n_account_scores; i++) {
        number_show(account_score(account, model, i, at_ms), value);
        test_note(run, failure, "%.*s is %s", STR_FMT(model->account_scores[i].id), value);
    }
    test_note(run, failure, "%u of %zu members are of the committee",
            account_committee(account, model, at_ms), account->n_members);
    for (size_t i = 0; i < MIN(account->n_members, (size_t)MEMBERS_SHOWN_MAX); i++)
        test_note(run, failure, "member %.*s, active at %.*s", STR_FMT(account->members[i].lead_id),
                STR_FMT(test_instant(run, account->members[i].active_at_ms)));
}

void test_explain_scores(TestRun *run, TestFailure *failure, TestSubject subject, Str score) {
    if (subject.lead)
        explain_lead_scores(run, failure, subject.lead, score);
    else
        explain_account_scores(run, failure, subject.account);
}

/* --- SLA policies ------------------------------------------------------------------------------------ */

void test_explain_sla(TestRun *run, TestFailure *failure, TestSubject subject, Str policy) {
    bool found = false;

    for (size_t i = 0; i < run->log.n_items; i++) {
        const TestOutput *o = &run->log.items[i];
        if (o->type != OUTPUT_SLA_EVENT || !str_eq(o->policy, policy) || !is_output_of(subject, o))
            continue;
        found = true;
        test_note(run, failure, "%.*s told %s%s%.*s at %.*s", STR_FMT(policy), sla_kind_name(o->kind),
                str_is_null(o->level) ? "" : " ", STR_FMT(o->level), STR_FMT(test_instant(run, o->at_ms)));
    }
    if (!found)
        test_note(run, failure, "%.*s has told nothing of the lead", STR_FMT(policy));
}
