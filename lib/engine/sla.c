/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Levels are found, not stored: an open clock knows which it has told, and the next is the earliest of the others.
 * A verdict can move a stage, which is a step of its own inside this one (`on_sla`), which can end or start clocks, this
 * policy's too. So whoever has told a level looks at the clock afresh before going on; `epoch` tells whether it still is the same one.
 */
#include "lib/engine/sla.h"

#include "lib/engine/track.h"
#include "lib/lead/sla_clock.h"

typedef struct Level {
    SlaKind kind; /* warning, breached or escalated: in this order at one instant */
    unsigned index;
    int64_t instant_ms;
} Level;

static SlaTerms terms_of(const Step *step, unsigned policy) {
    return sla_terms(&step->lead->clocks[policy], step->model, policy);
}

/*
 * The earliest level that has not been told of an open clock: the one that takes the least working time. False: none, or none that the
 * clock gets to as long as it is paused.
 */
static bool next_level(const SlaClock *clock, SlaTerms terms, Level *ret) {
    const SlaTimes *times = &terms.times;
    bool found = false;
    int64_t least_ms = 0;
#define consider(level_kind, level_index, level_after_ms)                                                    \
    do {                                                                                                     \
        if (!found || (level_after_ms) < least_ms) {                                                         \
            *ret = (Level){.kind = (level_kind), .index = (level_index)};                                    \
            least_ms = (level_after_ms);                                                                     \
            found = true;                                                                                    \
        }                                                                                                    \
    } while (0)
    for (unsigned i = 0; i < times->n_warnings; i++)
        if (!(clock->warned >> i & 1))
            consider(SLA_WARNING, i, times->warnings[i].after_ms);
    if (!clock->breached)
        consider(SLA_BREACHED, 0, times->target_ms);
    for (unsigned i = 0; i < times->n_escalations; i++)
        if (!(clock->escalated >> i & 1))
            consider(SLA_ESCALATED, i, times->escalations[i].after_ms);
#undef consider
    if (!found)
        return false;
    ret->instant_ms = ret->kind == SLA_BREACHED ? clock->due_at_ms : sla_clock_instant(clock, terms, least_ms);
    return ret->instant_ms != TIME_NEVER;
}

/* Its instant, or TIME_NEVER. Asked for after each step, though few steps change it. */
static int64_t next_level_at(SlaClock *clock, SlaTerms terms) {
    Level level;
    if (!clock->next_level_known) {
        clock->next_level_at_ms = next_level(clock, terms, &level) ? level.instant_ms : TIME_NEVER;
        clock->next_level_known = true;
    }
    return clock->next_level_at_ms;
}

static void mark_told(SlaClock *clock, const Level *level) {
    if (level->kind == SLA_WARNING)
        clock->warned |= UINT32_C(1) << level->index;
    else if (level->kind == SLA_ESCALATED)
        clock->escalated |= UINT32_C(1) << level->index;
    else
        clock->breached = true;
    clock->next_level_known = false;
}

/* --- telling ----------------------------------------------------------------------------------------- */

static const NamedStr *present_stages(Step *step) {
    const Model *model = step->model;
    NamedStr *stages = step_new_array(step, NamedStr, model->n_tracks);
    for (unsigned i = 0; stages && i < model->n_tracks; i++)
        stages[i] = (NamedStr){model->tracks[i].id, model->tracks[i].stages[step->lead->tracks[i].stage].id};
    return stages;
}

/* Copied, for the clock may be started anew before the output leaves. */
static Str copy_start_event_id(Step *step, const SlaClock *clock) {
    char buffer[EVENT_ID_LEN_MAX];
    Str text = event_id_text(&clock->start_event_id, buffer);
    char *copy = text.len ? step_alloc(step, text.len, 1) : NULL;
    if (!copy)
        return STR_NULL;
    memcpy(copy, text.data, text.len);
    return (Str){copy, text.len};
}

/* An SlaEvent of the policy's clock. `event`: in whose step the clock ended, for kinds that end one. */
static void tell(Step *step, unsigned policy_index, SlaKind kind, Str level, int64_t at_ms, const LeadEvent *event) {
    const Model *model = step->model;
    const SlaClock *clock = &step->lead->clocks[policy_index];
    SlaTerms terms = terms_of(step, policy_index);
    const SlaPolicy *policy = &model->policies[policy_index];
    bool is_stop = kind == SLA_MET || kind == SLA_LATE || kind == SLA_RETRACTED;
    Output *output = step_output(step, OUTPUT_SLA_EVENT, at_ms, event);
    if (!output)
        return;
    Str start_event_id = copy_start_event_id(step, clock);
    output->sla_event = (SlaEvent){
        .policy = policy->id,
        .epoch = clock->epoch,
        .kind = kind,
        .level = level,
        .started_at_ms = clock->started_at_ms,
        .due_at_ms = sla_clock_due(clock, terms, at_ms),
        .occurred_at_ms = at_ms,
        .stopped_at_ms = is_stop ? at_ms : TIME_NONE,
        .elapsed_ms = sla_clock_elapsed(clock, terms, at_ms),
        .calendar = model_calendar_id(model, clock->calendar),
        .breached = clock->breached,
        .start_event_id = start_event_id,
        .stop_event_id = is_stop && event ? event->event_id : STR_NULL,
        .stages = present_stages(step),
        .n_stages = model->n_tracks,
        .owner = track_owner(step->lead, model, policy->track),
    };
    char epoch[DECIMAL_SIZE], started_at[DECIMAL_SIZE];
    STEP_NAME_OUTPUT(step, output, STR_LITERAL("sla"), step->lead->lead_id, policy->id, step_name_number(clock->epoch, epoch),
            step_name_number(clock->started_at_ms, started_at), str_from(sla_kind_name(kind)), level);
}

/* What a verdict causes: a step of its own, without event, at the later of the lead's clock and the instant. */
static void judge(Step *outer, unsigned policy, SlaKind kind, int64_t instant_ms) {
    Step step = step_begin_inner(outer, CAUSE_SLA);
    if (track_apply_sla(&step, policy, kind, MAX(outer->lead->clock_ms, instant_ms))) {
        track_settle(&step);
        sla_apply(&step);
    }
    step_end_inner(outer, &step);
}

static void tell_level(Step *step, unsigned policy_index, const Level *level) {
    SlaTimes times = terms_of(step, policy_index).times;
    Str text = level->kind == SLA_WARNING ? times.warnings[level->index].text
            : level->kind == SLA_ESCALATED ? times.escalations[level->index].text
                                           : STR_NULL;
    mark_told(&step->lead->clocks[policy_index], level);
    tell(step, policy_index, level->kind, text, level->instant_ms, NULL);
    judge(step, policy_index, level->kind, level->instant_ms);
}

/* --- what starts, stops and cancels ------------------------------------------------------------------ */

/* The date of the step's event, if its `on` and `when` take it; TIME_NEVER if not, or before not_before_ms. */
static int64_t trigger_by_event(const Step *step, const SlaCondition *condition, int64_t not_before_ms) {
    if (!step->event || step->refused || !condition->has_on || step->event->occurred_at_ms < not_before_ms ||
            !event_types_contain(&condition->on, step->event->type))
        return TIME_NEVER;
    Situation situation = step_situation(step, step->event);
    return condition_holds(condition->when, &situation) ? step->event->occurred_at_ms : TIME_NEVER;
}

/* The earliest entry of this step into one of the stages; `event`: what event.* is in `when`. */
static int64_t trigger_by_stage(const Step *step, const SlaCondition *condition, const LeadEvent *event, int64_t not_before_ms) {
    const Entered *entered = step_entered(step);
    for (size_t i = 0; i < step->n_entered; i++)
        for (size_t k = 0; k < condition->n_enter; k++) {
            const StageRef *stage = &condition->enter[k];
            if (stage->track != entered[i].stage.track || stage->stage != entered[i].stage.stage ||
                    entered[i].at_ms < not_before_ms)
                continue;
            Situation situation = step_situation(step, event);
            return condition_holds(condition->when, &situation) ? entered[i].at_ms : TIME_NEVER;
        }
    return TIME_NEVER; /* all entries of a step are of one instant, so the first one speaks for the others */
}

/*
 * The earliest date not before not_before_ms at which the step meets the condition: by its event (dated when it
 * occurred) or by a stage entered in it (dated at the entry). TIME_NONE: not at all.
 */
static int64_t trigger(const Step *step, const SlaCondition *condition, const LeadEvent *stage_event, int64_t not_before_ms) {
    if (!condition->present)
        return TIME_NONE;
    int64_t at_ms = earliest(trigger_by_event(step, condition, not_before_ms),
            trigger_by_stage(step, condition, stage_event, not_before_ms));
    return at_ms == TIME_NEVER ? TIME_NONE : at_ms;
}

/* Tells the levels with instants before at_ms. False: the clock has ended by one of them. */
static bool tell_levels_before(Step *step, unsigned policy, int64_t at_ms) {
    SlaClock *clock = &step->lead->clocks[policy];
    SlaTerms terms = terms_of(step, policy);
    uint32_t epoch = clock->epoch;
    Level level;
    while (next_level(clock, terms, &level) && level.instant_ms < at_ms) {
        tell_level(step, policy, &level);
        if (clock->phase != SLA_PHASE_OPEN || clock->epoch != epoch)
            return false;
    }
    return true;
}

static void stop(Step *step, unsigned policy, int64_t at_ms) {
    SlaClock *clock = &step->lead->clocks[policy];
    if (!tell_levels_before(step, policy, at_ms))
        return;
    /* One that is not to be due as long as it is paused is met, as is one that is never due. */
    SlaKind kind = at_ms > clock->due_at_ms ? SLA_LATE : clock->breached ? SLA_RETRACTED : SLA_MET;
    tell(step, policy, kind, STR_NULL, at_ms, step->event);
    if (kind == SLA_LATE)
        clock->phase = SLA_PHASE_REVISABLE;
    else
        sla_clock_end(clock);
}

/* A touch that was synced late: in time after all (SPEC section 5, `revise`). */
static void revise(Step *step, unsigned policy) {
    SlaClock *clock = &step->lead->clocks[policy];
    if (step->lead->clock_ms - terms_of(step, policy).times.revise_ms > clock->due_at_ms) {
        sla_clock_end(clock);
        return;
    }
    int64_t at_ms = trigger_by_event(step, &step->model->policies[policy].stop, clock->started_at_ms);
    if (at_ms > clock->due_at_ms)
        return;
    tell(step, policy, SLA_RETRACTED, STR_NULL, at_ms, step->event);
    sla_clock_end(clock);
}

static void cancel(Step *step, unsigned policy, int64_t at_ms) {
    SlaClock *clock = &step->lead->clocks[policy];
    if (!tell_levels_before(step, policy, at_ms))
        return;
    tell(step, policy, SLA_CANCELLED, STR_NULL, at_ms, step->event);
    sla_clock_end(clock);
}

/* Since when the lead has been in stages that pause the policy's clocks; TIME_NEVER: it is in none. */
static int64_t paused_since(const Step *step, const SlaPolicy *policy) {
    int64_t since_ms = TIME_NEVER;
    for (size_t i = 0; i < policy->n_pause; i++) {
        const TrackState *track = &step->lead->tracks[policy->pause[i].track];
        if (track->stage == policy->pause[i].stage)
            since_ms = MIN(since_ms, track->stages[track->stage].entered_at_ms);
    }
    return since_ms;
}

/* Pauses an open clock, or lets it go on. Stages are entered and left at the lead's clock. */
static void follow_stages(Step *step, unsigned policy) {
    SlaClock *clock = &step->lead->clocks[policy];
    SlaTerms terms = terms_of(step, policy);
    if (step->model->policies[policy].n_pause == 0 && clock->n_pauses == 0)
        return;
    int64_t since_ms = paused_since(step, &step->model->policies[policy]);
    /* A stage that pauses by a new model only does so from now on, however long the lead has been there. */
    if (step->cause == CAUSE_MODEL && since_ms != TIME_NEVER)
        since_ms = step->lead->clock_ms;
    if (since_ms == TIME_NEVER && sla_clock_is_paused(clock)) {
        sla_clock_resume(clock, terms, step->lead->clock_ms);
    } else if (since_ms != TIME_NEVER && !sla_clock_is_paused(clock)) {
        int r = sla_clock_pause(clock, terms, MAX(since_ms, clock->taken_at_ms));
        if (r < 0)
            step->error = r;
    }
}

static unsigned choose_calendar(const Step *step, const SlaPolicy *policy) {
    Situation situation = step_situation(step, NULL);
    for (size_t i = 0; i < policy->n_calendars; i++)
        if (condition_holds(policy->calendars[i].when, &situation))
            return policy->calendars[i].calendar + 1;
    return 0;
}

static void start(Step *step, unsigned policy, int64_t at_ms) {
    SlaClock *clock = &step->lead->clocks[policy];
    const LeadEvent *event = step->event;
    sla_clock_start(clock, step->model, policy, at_ms, choose_calendar(step, &step->model->policies[policy]));
    EventId event_id = event_id_of(event ? event->event_id : STR_NULL);
    if (event_id_dup(&event_id, &clock->start_event_id) < 0)
        step->error = -ENOMEM;
}

void sla_apply(Step *step) {
    const Model *model = step->model;
    for (unsigned i = 0; i < model->n_policies; i++) {
        const SlaClock *clock = &step->lead->clocks[i];
        const SlaPolicy *policy = &model->policies[i];
        int64_t at_ms;
        if (clock->phase == SLA_PHASE_OPEN &&
                (at_ms = trigger(step, &policy->stop, step->event, clock->started_at_ms)) != TIME_NONE)
            stop(step, i, at_ms);
        else if (clock->phase == SLA_PHASE_REVISABLE)
            revise(step, i);
        if (clock->phase == SLA_PHASE_OPEN &&
                (at_ms = trigger(step, &policy->cancel, step->event, clock->started_at_ms)) != TIME_NONE)
            cancel(step, i, at_ms);
        if (clock->phase != SLA_PHASE_OPEN &&
                /* SPEC section 2: event.* is null in a start by `enter` */
                (at_ms = trigger(step, &policy->start, NULL, TIME_NONE)) != TIME_NONE)
            start(step, i, at_ms);
        /* After the start, because one that was not open until now is paused by the stages that it finds. */
        if (clock->phase == SLA_PHASE_OPEN)
            follow_stages(step, i);
    }
}

bool sla_is_to_follow(const Step *step) {
    for (unsigned i = 0; i < step->model->n_policies; i++) {
        const SlaClock *clock = &step->lead->clocks[i];
        bool is_to_pause = paused_since(step, &step->model->policies[i]) != TIME_NEVER;
        if (clock->phase == SLA_PHASE_OPEN && is_to_pause != sla_clock_is_paused(clock))
            return true;
    }
    return false;
}

/* --- moments ----------------------------------------------------------------------------------------- */

/* The clock whose next level is the lead's earliest; of several at one instant the first in file order. */
static bool earliest_clock(Lead *lead, const Model *model, unsigned *ret_policy, int64_t *ret_instant_ms) {
    *ret_instant_ms = TIME_NEVER;
    for (unsigned i = 0; i < model->n_policies; i++) {
        SlaClock *clock = &lead->clocks[i];
        if (clock->phase != SLA_PHASE_OPEN)
            continue;
        int64_t instant_ms = next_level_at(clock, sla_terms(clock, model, i));
        if (instant_ms < *ret_instant_ms) {
            *ret_policy = i;
            *ret_instant_ms = instant_ms;
        }
    }
    return *ret_instant_ms != TIME_NEVER;
}

bool sla_apply_moment(Step *step, int64_t until_ms) {
    unsigned policy = 0;
    int64_t instant_ms;
    Level level;
    if (!earliest_clock(step->lead, step->model, &policy, &instant_ms) || instant_ms >= until_ms ||
            !next_level(&step->lead->clocks[policy], terms_of(step, policy), &level))
        return false;
    tell_level(step, policy, &level);
    return true;
}

int64_t sla_next_moment(Lead *lead, const Model *model) {
    unsigned policy = 0;
    int64_t instant_ms;
    return earliest_clock(lead, model, &policy, &instant_ms) ? instant_ms + 1 : TIME_NEVER;
}
