/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Levels are found, not stored: an open clock knows which it has told, and the next is the earliest of the others.
 * A verdict can move a stage, which is a step of its own inside this one (`on_sla`), which can end or start clocks, this
 * policy's too. So whoever has told a level looks at the clock afresh before going on; `epoch` tells whether it still is the same one.
 */
#include "lib/sla.h"

#include <inttypes.h>

#include "lib/track.h"

typedef struct Level {
    SlaKind kind; /* warning, breached or escalated: in this order at one instant */
    unsigned index;
    int64_t instant_ms;
} Level;

/* The earliest level that has not been told of an open clock. */
static bool next_level(const SlaClock *clock, const SlaPolicy *policy, Level *ret) {
    bool found = false;
    Level best = {0};
#define consider(level_kind, level_index, level_instant_ms)                                                  \
    do {                                                                                                     \
        if (!found || (level_instant_ms) < best.instant_ms) {                                                \
            best = (Level){(level_kind), (level_index), (level_instant_ms)};                                 \
            found = true;                                                                                    \
        }                                                                                                    \
    } while (0)
    for (unsigned i = 0; i < policy->n_warnings; i++)
        if (!(clock->warned >> i & 1))
            consider(SLA_WARNING, i, clock->started_at_ms + policy->warnings[i].after_ms);
    if (!clock->breached)
        consider(SLA_BREACHED, 0, clock->due_at_ms);
    for (unsigned i = 0; i < policy->n_escalations; i++)
        if (!(clock->escalated >> i & 1))
            consider(SLA_ESCALATED, i, clock->started_at_ms + policy->escalations[i].after_ms);
#undef consider
    *ret = best;
    return found;
}

static void mark_told(SlaClock *clock, const Level *level) {
    if (level->kind == SLA_WARNING)
        clock->warned |= UINT32_C(1) << level->index;
    else if (level->kind == SLA_ESCALATED)
        clock->escalated |= UINT32_C(1) << level->index;
    else
        clock->breached = true;
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
    size_t len = clock->start_event_id_len;
    char *copy = len ? step_alloc(step, len, 1) : NULL;
    if (!copy)
        return STR_NULL;
    memcpy(copy, clock->start_event_id, len);
    return (Str){copy, len};
}

/* An SlaEvent of the policy's clock. `event`: in whose step the clock ended, for kinds that end one. */
static void tell(Step *step, unsigned policy_index, SlaKind kind, Str level, int64_t at_ms, const LeadEvent *event) {
    const Model *model = step->model;
    const SlaPolicy *policy = &model->policies[policy_index];
    const SlaClock *clock = &step->lead->clocks[policy_index];
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
        .due_at_ms = clock->due_at_ms,
        .occurred_at_ms = at_ms,
        .stopped_at_ms = is_stop ? at_ms : TIME_NONE,
        .elapsed_ms = at_ms - clock->started_at_ms,
        .calendar = STR_NULL,
        .breached = clock->breached,
        .start_event_id = start_event_id,
        .stop_event_id = is_stop && event ? event->event_id : STR_NULL,
        .stages = present_stages(step),
        .n_stages = model->n_tracks,
        .owner = track_owner(step->lead, model, policy->track),
    };
    step_name_output(step, output, "sla/%.*s/%.*s/%" PRIu32 "/%" PRId64 "/%s/%.*s", STR_FMT(step->lead->lead_id),
            STR_FMT(policy->id), clock->epoch, clock->started_at_ms, sla_kind_name(kind), STR_FMT(level));
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
    const SlaPolicy *policy = &step->model->policies[policy_index];
    Str text = level->kind == SLA_WARNING ? policy->warnings[level->index].text
            : level->kind == SLA_ESCALATED ? policy->escalations[level->index].text
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
    int64_t at_ms = MIN(trigger_by_event(step, condition, not_before_ms),
            trigger_by_stage(step, condition, stage_event, not_before_ms));
    return at_ms == TIME_NEVER ? TIME_NONE : at_ms;
}

/* Tells the levels with instants before at_ms. False: the clock has ended by one of them. */
static bool tell_levels_before(Step *step, unsigned policy, int64_t at_ms) {
    const SlaPolicy *p = &step->model->policies[policy];
    SlaClock *clock = &step->lead->clocks[policy];
    uint32_t epoch = clock->epoch;
    Level level;
    while (next_level(clock, p, &level) && level.instant_ms < at_ms) {
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
    SlaKind kind = at_ms > clock->due_at_ms ? SLA_LATE : clock->breached ? SLA_RETRACTED : SLA_MET;
    tell(step, policy, kind, STR_NULL, at_ms, step->event);
    clock->phase = kind == SLA_LATE ? SLA_PHASE_REVISABLE : SLA_PHASE_NONE;
}

/* A touch that was synced late: in time after all (SPEC section 5, `revise`). */
static void revise(Step *step, unsigned policy) {
    const SlaPolicy *p = &step->model->policies[policy];
    SlaClock *clock = &step->lead->clocks[policy];
    if (step->lead->clock_ms > clock->due_at_ms + p->revise_ms) {
        clock->phase = SLA_PHASE_NONE;
        return;
    }
    int64_t at_ms = trigger_by_event(step, &p->stop, clock->started_at_ms);
    if (at_ms > clock->due_at_ms)
        return;
    tell(step, policy, SLA_RETRACTED, STR_NULL, at_ms, step->event);
    clock->phase = SLA_PHASE_NONE;
}

static void cancel(Step *step, unsigned policy, int64_t at_ms) {
    SlaClock *clock = &step->lead->clocks[policy];
    if (!tell_levels_before(step, policy, at_ms))
        return;
    tell(step, policy, SLA_CANCELLED, STR_NULL, at_ms, step->event);
    clock->phase = SLA_PHASE_NONE;
}

static void start(Step *step, unsigned policy, int64_t at_ms) {
    SlaClock *clock = &step->lead->clocks[policy];
    const LeadEvent *event = step->event;
    *clock = (SlaClock){
        .phase = SLA_PHASE_OPEN,
        .epoch = clock->epoch + 1,
        .started_at_ms = at_ms,
        .due_at_ms = at_ms + step->model->policies[policy].target_ms,
        .start_event_id_len = event ? (uint8_t)event->event_id.len : 0,
    };
    if (event)
        memcpy(clock->start_event_id, event->event_id.data, event->event_id.len);
}

void sla_apply(Step *step) {
    const Model *model = step->model;
    for (unsigned i = 0; i < model->n_policies; i++) {
        const SlaPolicy *policy = &model->policies[i];
        const SlaClock *clock = &step->lead->clocks[i];
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
    }
}

/* --- moments ----------------------------------------------------------------------------------------- */

/* The lead's earliest level, in file order of policies at one instant. */
static bool earliest_level(const Lead *lead, const Model *model, unsigned *ret_policy, Level *ret) {
    bool found = false;
    Level level;
    for (unsigned i = 0; i < model->n_policies; i++) {
        if (lead->clocks[i].phase != SLA_PHASE_OPEN || !next_level(&lead->clocks[i], &model->policies[i], &level))
            continue;
        if (!found || level.instant_ms < ret->instant_ms) {
            *ret = level;
            *ret_policy = i;
            found = true;
        }
    }
    return found;
}

bool sla_apply_moment(Step *step, int64_t until_ms) {
    unsigned policy = 0;
    Level level = {0};
    if (!earliest_level(step->lead, step->model, &policy, &level) || level.instant_ms >= until_ms)
        return false;
    tell_level(step, policy, &level);
    return true;
}

int64_t sla_next_moment(const Lead *lead, const Model *model) {
    unsigned policy = 0;
    Level level = {0};
    return earliest_level(lead, model, &policy, &level) ? level.instant_ms + 1 : TIME_NEVER;
}
