/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/track.h"
#include "lib/explain/explain_parts.h"
#include "lib/lead/sla_clock.h"

static ExplainedLevel *add_level(ExplainedClock *explained, ExplainedLevel *levels, SlaKind kind, Str text, int64_t after_ms) {
    ExplainedLevel *level = &levels[explained->n_levels++];
    *level = (ExplainedLevel){.kind = kind, .text = text, .after_ms = after_ms, .at_ms = TIME_NEVER};
    return level;
}

static int by_work(const void *a, const void *b) {
    const ExplainedLevel *x = a, *y = b;
    if (x->after_ms != y->after_ms)
        return x->after_ms < y->after_ms ? -1 : 1;
    return (int)x->kind - (int)y->kind; /* as they are told */
}

static int explain_levels(Arena *arena, const SlaClock *clock, SlaTerms terms, ExplainedClock *ret) {
    const SlaTimes *times = &terms.times;
    ExplainedLevel *levels = explain_array(arena, ExplainedLevel, times->n_warnings + times->n_escalations + 1);
    if (!levels)
        return -ENOMEM;
    for (size_t i = 0; i < times->n_warnings; i++)
        add_level(ret, levels, SLA_WARNING, times->warnings[i].text, times->warnings[i].after_ms)->told = clock->warned >> i & 1;
    for (size_t i = 0; i < times->n_escalations; i++)
        add_level(ret, levels, SLA_ESCALATED, times->escalations[i].text, times->escalations[i].after_ms)->told =
                clock->escalated >> i & 1;
    add_level(ret, levels, SLA_BREACHED, STR_NULL, times->target_ms)->told = clock->breached;
    qsort(levels, ret->n_levels, sizeof(*levels), by_work);
    for (size_t i = 0; i < ret->n_levels; i++) {
        levels[i].at_ms = levels[i].kind == SLA_BREACHED ? clock->due_at_ms : sla_clock_instant(clock, terms, levels[i].after_ms);
        if (!levels[i].told && !ret->next && clock->phase == SLA_PHASE_OPEN)
            ret->next = &levels[i];
    }
    ret->levels = levels;
    return 0;
}

static int explain_clock(Arena *arena, const Model *model, const Lead *lead, unsigned i, int64_t at_ms, ExplainedClock *ret) {
    const SlaClock *clock = &lead->clocks[i];
    const SlaPolicy *policy = &model->policies[i];
    SlaTerms terms = sla_terms(clock, model, i);
    bool paused = sla_clock_is_paused(clock);
    char buffer[EVENT_ID_LEN_MAX];
    Str id = event_id_text(&clock->start_event_id, buffer), start_event_id = arena_str(arena, id);
    if (str_is_null(start_event_id) != str_is_null(id))
        return -ENOMEM;
    *ret = (ExplainedClock){
        .policy = policy->id,
        .phase = clock->phase,
        .epoch = clock->epoch,
        .started_at_ms = clock->started_at_ms,
        .start_event_id = start_event_id,
        .calendar = model_calendar_id(model, clock->calendar),
        .target_ms = terms.times.target_ms,
        .worked_ms = sla_clock_elapsed(clock, terms, at_ms),
        .due_at_ms = sla_clock_due(clock, terms, at_ms),
        .paused_since_ms = paused ? clock->pauses[clock->n_pauses - 1].from_ms : TIME_NONE,
        .pauses = clock->pauses,
        .n_pauses = clock->n_pauses,
        .breached = clock->breached,
        .revisable_until_ms = clock->phase == SLA_PHASE_REVISABLE ? clock->due_at_ms + terms.times.revise_ms : TIME_NEVER,
        .owner = track_owner(lead, model, policy->track),
    };
    return explain_levels(arena, clock, terms, ret);
}

int explain_clocks(Arena *arena, const Model *model, const Lead *lead, int64_t at_ms, const ExplainedClock **ret, size_t *ret_n) {
    ExplainedClock *clocks = explain_array(arena, ExplainedClock, model->n_policies);
    size_t n = 0;
    int r = clocks ? 0 : -ENOMEM;
    for (unsigned i = 0; i < model->n_policies && r == 0; i++)
        if (lead->clocks[i].phase != SLA_PHASE_NONE)
            r = explain_clock(arena, model, lead, i, at_ms, &clocks[n++]);
    *ret = clocks;
    *ret_n = n;
    return r;
}
