/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/idle.h"

void idle_note_event(Lead *lead, const Model *model, const LeadEvent *event) {
    for (unsigned i = 0; i < model->n_idle_rules; i++) {
        IdleState *state = &lead->idle[i];
        state->sleeps = false;
        if (event_types_contain(&model->idle_rules[i].reset_on, event->type))
            state->last_ms = MAX(state->last_ms, event->occurred_at_ms);
    }
}

/* The first instant of the rule's series after after_ms, awake or not. */
static int64_t series_next(const IdleState *state, const IdleRule *rule, int64_t after_ms) {
    if (state->last_ms == TIME_NONE)
        return TIME_NEVER;
    int64_t first_ms = state->last_ms + rule->after_ms;
    if (first_ms > after_ms)
        return first_ms;
    if (!rule->every_ms)
        return TIME_NEVER;
    return first_ms + ((after_ms - first_ms) / rule->every_ms + 1) * rule->every_ms;
}

int64_t idle_rule_next_moment(const Lead *lead, const Model *model, unsigned rule) {
    if (lead->idle[rule].sleeps)
        return TIME_NEVER;
    int64_t next_ms = series_next(&lead->idle[rule], &model->idle_rules[rule], lead->clock_ms);
    return next_ms > EVENT_TIME_MS_MAX ? TIME_NEVER : next_ms;
}

int64_t idle_next_moment(const Lead *lead, const Model *model) {
    int64_t next_ms = TIME_NEVER;
    for (unsigned i = 0; i < model->n_idle_rules; i++)
        next_ms = earliest(next_ms, idle_rule_next_moment(lead, model, i));
    return next_ms;
}

bool idle_is_due(const Lead *lead, const Model *model, unsigned rule, int64_t at_ms) {
    const IdleState *state = &lead->idle[rule];
    return !state->sleeps && series_next(state, &model->idle_rules[rule], at_ms - 1) == at_ms;
}
