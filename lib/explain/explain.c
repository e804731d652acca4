/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/explain/explain.h"

#include <math.h>

#include "lib/engine/idle.h"
#include "lib/engine/reason.h"
#include "lib/explain/explain_parts.h"

static double no_rounding(double rest) {
    return fabs(rest) < EXPLAIN_REST_MIN ? 0 : rest;
}

/* --- scores ------------------------------------------------------------------------------------------ */

/* The reasons of one score, in the order of all. */
static int take_reasons(Arena *arena, Str score, const Reason *all, size_t n_all, const Reason **ret, size_t *ret_n) {
    size_t n = 0;
    for (size_t i = 0; i < n_all; i++)
        n += str_eq(all[i].score, score);
    Reason *reasons = explain_array(arena, Reason, n);
    if (!reasons)
        return -ENOMEM;
    n = 0;
    for (size_t i = 0; i < n_all; i++)
        if (str_eq(all[i].score, score))
            reasons[n++] = all[i];
    *ret = reasons;
    *ret_n = n;
    return 0;
}

static int explain_scores(Arena *arena, const Model *model, const Lead *lead, int64_t at_ms, Explanation *ret) {
    ExplainedScore *scores = explain_array(arena, ExplainedScore, model->n_scores);
    const Reason *all;
    size_t n_all;
    int r = scores ? reasons_all(arena, lead, model, at_ms, &all, &n_all) : -ENOMEM;
    for (unsigned i = 0; i < model->n_scores && r == 0; i++) {
        const Score *score = &model->scores[i];
        scores[i] = (ExplainedScore){.id = score->id, .value = lead_score(lead, model, i, at_ms), .decay = score->decay,
                .bounds = score->bounds, .from_profile = score->from_profile};
        r = take_reasons(arena, score->id, all, n_all, &scores[i].reasons, &scores[i].n_reasons);
        double sum = 0;
        for (size_t k = 0; k < scores[i].n_reasons && r == 0; k++)
            sum += scores[i].reasons[k].present_value;
        scores[i].rest = no_rounding(scores[i].value - sum);
    }
    ret->scores = scores;
    ret->n_scores = model->n_scores;
    return r;
}

static int explain_derived(Arena *arena, const Situation *now, Explanation *ret) {
    const Model *model = now->model;
    NamedNumber *derived = explain_array(arena, NamedNumber, model->n_derived);
    for (size_t i = 0; i < model->n_derived && derived; i++) {
        Value value = condition_value(model->derived[i].value, now);
        derived[i] = (NamedNumber){model->derived[i].id, value_is_number(value) ? value_number(value) : NAN};
    }
    ret->derived = derived;
    ret->n_derived = model->n_derived;
    return derived ? 0 : -ENOMEM;
}

/* --- what is counted --------------------------------------------------------------------------------- */

static int explain_counters(Arena *arena, const Model *model, const Lead *lead, int64_t at_ms, Explanation *ret) {
    ExplainedCounter *counters = explain_array(arena, ExplainedCounter, model->n_counters);
    for (unsigned i = 0; i < model->n_counters && counters; i++) {
        const Counter *counter = &model->counters[i];
        counters[i] = (ExplainedCounter){.id = counter->id, .value = lead_counter(lead, model, i, at_ms), .keep = counter->keep,
                .window_ms = counter->window_ms, .changes_at_ms = lead_counter_changes_at(lead, model, i, at_ms)};
    }
    ret->counters = counters;
    ret->n_counters = model->n_counters;
    return counters ? 0 : -ENOMEM;
}

/* --- points for silence ------------------------------------------------------------------------------ */

static int explain_idle_rule(Arena *arena, const Model *model, const Lead *lead, const IdleRule *rule, int64_t due_at_ms,
        ExplainedIdle *ret) {
    Situation then = {.model = model, .lead = lead, .at_ms = due_at_ms};
    NamedNumber *points = explain_array(arena, NamedNumber, rule->n_awards);
    if (!points)
        return -ENOMEM;
    for (size_t i = 0; i < rule->n_awards; i++) {
        Value value = condition_value(rule->awards[i].points, &then);
        points[i] = (NamedNumber){model->scores[rule->awards[i].score].id, value_is_number(value) ? value_number(value) : 0};
    }
    *ret = (ExplainedIdle){.rule = rule->id, .due_at_ms = due_at_ms, .points = points, .n_points = rule->n_awards};
    return 0;
}

static int by_due(const void *a, const void *b) {
    const ExplainedIdle *x = a, *y = b;
    return (x->due_at_ms > y->due_at_ms) - (x->due_at_ms < y->due_at_ms);
}

static int explain_idle(Arena *arena, const Model *model, const Lead *lead, Explanation *ret) {
    ExplainedIdle *idle = explain_array(arena, ExplainedIdle, model->n_idle_rules);
    size_t n = 0;
    int r = idle ? 0 : -ENOMEM;
    for (unsigned i = 0; i < model->n_idle_rules && r == 0; i++) {
        int64_t due_at_ms = idle_rule_next_moment(lead, model, i);
        if (due_at_ms != TIME_NEVER)
            r = explain_idle_rule(arena, model, lead, &model->idle_rules[i], due_at_ms, &idle[n++]);
    }
    if (r == 0)
        qsort(idle, n, sizeof(*idle), by_due);
    ret->idle = idle;
    ret->n_idle = n;
    return r;
}

/* --- the whole --------------------------------------------------------------------------------------- */

int explain_lead(Arena *arena, const Model *model, const Lead *lead, int64_t at_ms, Explanation *ret) {
    assert(at_ms >= lead->clock_ms && str_is_null(lead->merged_into));
    Situation now = {.model = model, .lead = lead, .at_ms = at_ms};
    Explanation explanation = {
        .model = model,
        .kind = ENTITY_LEAD,
        .id = lead->lead_id,
        .at_ms = at_ms,
        .clock_ms = lead->clock_ms,
        .ordinal = lead->ordinal,
        .account_id = lead->account_id,
        .segment = model_segment_id(model, lead->segment),
        .route = model_route_id(model, lead->route),
        .first_source = lead->first_source,
        .last_source = lead->last_source,
        .active_at_ms = lead->latest_activity_ms,
        .aliases = lead->aliases,
        .n_aliases = lead->n_aliases,
        .next_moment_ms = lead_next_moment(lead),
    };
    int r = explain_scores(arena, model, lead, at_ms, &explanation);
    if (r == 0)
        r = explain_derived(arena, &now, &explanation);
    if (r == 0)
        r = explain_counters(arena, model, lead, at_ms, &explanation);
    if (r == 0)
        r = explain_idle(arena, model, lead, &explanation);
    if (r == 0)
        r = explain_tracks(arena, &now, lead->clock_ms, &explanation.tracks, &explanation.n_tracks);
    if (r == 0)
        r = explain_clocks(arena, model, lead, at_ms, &explanation.clocks, &explanation.n_clocks);
    if (r == 0)
        *ret = explanation;
    return r;
}
