/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/merge.h"

#include <math.h>

#include "lib/base/owned.h"
#include "lib/lead/sla_clock.h"

/* Awards of `from` come after those of `into`: they are given now. What a cap cut is cut of all parts alike. */
static int take_awards(Lead *into, const Lead *from, const double *scales) {
    for (size_t i = 0; i < from->n_awards; i++) {
        GivenAward award = *lead_award(from, i);
        double scale = scales[award.score];
        award.points *= scale;
        if (scale != 1 && fabs(award.points) < SCORE_EPSILON)
            continue;
        int r = lead_add_award(into, &award);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_scores(Lead *into, const Lead *from, const Model *model) {
    double scales[MODEL_SCORES_MAX] = {0};
    for (size_t i = 0; i < model->n_scores; i++) {
        const Score *score = &model->scores[i];
        if (score->from_profile)
            continue; /* found anew from the profile */
        int r = score_state_merge(
                &into->scores[i], &score->decay, score->bounds, &from->scores[i], into->clock_ms, &scales[i]);
        if (r < 0)
            return r;
    }
    return take_awards(into, from, scales);
}

static int take_times(Lead *into, const Lead *from, const Model *model) {
    int r = 0;
    for (size_t i = 0; i < model->n_counters && r == 0; i++)
        r = time_list_merge(&into->counters[i], &from->counters[i], model->counters[i].keep);
    for (size_t i = 0; i < model->n_limits && r == 0; i++)
        r = time_list_merge(&into->limits[i], &from->limits[i], MODEL_LIMIT_TIMES_MAX);
    for (size_t i = 0; i < model->n_idle_rules; i++) {
        into->idle[i].last_ms = MAX(into->idle[i].last_ms, from->idle[i].last_ms);
        into->idle[i].sleeps = false;
    }
    into->latest_activity_ms = MAX(into->latest_activity_ms, from->latest_activity_ms);
    return r;
}

/* Event ids of both, those of `from` as the older; one that both have seen stays where `into` has it. */
static int take_seen(Lead *into, const Lead *from) {
    EventKey keys[2 * LEAD_SEEN_MAX];
    size_t n = 0;
    for (size_t i = 0; i < from->n_seen; i++)
        if (!lead_has_seen(into, *lead_seen(from, i)))
            keys[n++] = *lead_seen(from, i);
    for (size_t i = 0; i < into->n_seen; i++)
        keys[n++] = *lead_seen(into, i);
    into->n_seen = into->seen_start = 0;
    for (size_t i = n > LEAD_SEEN_MAX ? n - LEAD_SEEN_MAX : 0; i < n; i++) {
        int r = lead_add_seen(into, keys[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Attributes that `into` lacks, by name, as far as a profile may grow. */
static int take_profile(Lead *into, const Lead *from) {
    for (size_t i = 0; i < from->n_profile; i++) {
        const Property *property = &from->profile[i];
        if (lead_profile(into, property->name).type != VALUE_NULL || !lead_profile_fits(into, property, 1))
            continue;
        int r = lead_set_profile(into, property->name, property->value);
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_facts(Lead *into, const Lead *from) {
    int r = take_profile(into, from);
    if (r == 0 && from->first_source.data &&
            (!into->first_source.data || from->first_source_at_ms < into->first_source_at_ms)) {
        into->first_source_at_ms = from->first_source_at_ms;
        r = str_set(&into->first_source, from->first_source);
    }
    if (r == 0 && !into->account_id.data)
        r = str_set(&into->account_id, from->account_id);
    return r;
}

/* Open clocks, where `into` has none open. It counts as a start: one that could be revised is so no more. */
static void take_clocks(Lead *into, Lead *from, const Model *model) {
    for (size_t i = 0; i < model->n_policies; i++)
        if (from->clocks[i].phase == SLA_PHASE_OPEN && into->clocks[i].phase != SLA_PHASE_OPEN)
            sla_clock_move(&into->clocks[i], &from->clocks[i], into->clock_ms);
}

/* Where merge_fits() could not be asked before, which is live with leads of other shards, those that find no room are left out. */
static int take_alias(Lead *into, Str id) {
    return into->n_aliases < LEAD_ALIASES_MAX && !str_eq(id, into->lead_id) ? lead_add_alias(into, id) : 0;
}

static int take_aliases(Lead *into, const Lead *from) {
    int r = take_alias(into, from->lead_id);
    for (size_t i = 0; i < from->n_aliases && r == 0; i++)
        r = take_alias(into, from->aliases[i]);
    return r;
}

bool merge_fits(const Lead *into, const Lead *from) {
    return into->n_aliases + from->n_aliases + 1 <= LEAD_ALIASES_MAX;
}

int merge_lead(Lead *into, Lead *from, const Model *model) {
    int r = take_scores(into, from, model);
    if (r == 0)
        r = take_times(into, from, model);
    if (r == 0)
        r = take_seen(into, from);
    if (r == 0)
        r = take_facts(into, from);
    if (r == 0)
        r = take_aliases(into, from);
    if (r == 0)
        take_clocks(into, from, model);
    return r;
}
