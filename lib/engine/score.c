/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/score.h"

#include <float.h>
#include <math.h>

#include "lib/engine/idle.h"

void score_classify(Lead *lead, const Model *model) {
    Situation situation = {.model = model, .lead = lead, .at_ms = lead->clock_ms};
    unsigned segment = 0;
    while (segment < model->n_segments && !condition_holds(model->segments[segment].when, &situation))
        segment++;
    lead->segment = segment;

    lead->route = ROUTE_NONE;
    for (size_t i = 0; i < model->n_routes && lead->route == ROUTE_NONE; i++)
        if (condition_holds(model->routes[i].when, &situation))
            lead->route = (int)i;
}

/* An award's points; null and what is not a number are none. */
static double points_of(const Award *award, const Situation *situation) {
    Value points = condition_value(award->points, situation);
    return value_is_number(points) ? value_number(points) : 0;
}

double score_profile_points(const Lead *lead, const Model *model, const Rule *rule, const Award *award) {
    Situation situation = {.model = model, .lead = lead, .at_ms = lead->clock_ms};
    return condition_holds(rule->when, &situation) ? points_of(award, &situation) : 0;
}

/* Within the score's bounds, and finite also where it has none. */
static double clamp(double value, const Score *score) {
    return fmax(fmax(score->bounds.min, -DBL_MAX), fmin(fmin(score->bounds.max, DBL_MAX), value));
}

void score_apply_profile_rules(Lead *lead, const Model *model) {
    if (model->n_profile_rules == 0)
        return; /* and no score is fed by any */
    double sums[MODEL_SCORES_MAX] = {0};
    for (size_t i = 0; i < model->n_profile_rules; i++) {
        const Rule *rule = &model->profile_rules[i];
        for (size_t k = 0; k < rule->n_awards; k++)
            sums[rule->awards[k].score] += score_profile_points(lead, model, rule, &rule->awards[k]);
    }
    for (size_t i = 0; i < model->n_scores; i++) {
        const Score *score = &model->scores[i];
        if (score->from_profile)
            lead->scores[i] = (ScoreState){.value = clamp(sums[i], score), .at_ms = lead->clock_ms}; /* has no buckets */
    }
}

/* --- awards ------------------------------------------------------------------------------------------ */

/* What gives points: the rule's number as in GivenAward, the instant that they are dated at, and the event's id, if it was one. */
typedef struct Source {
    unsigned rule;
    int64_t at_ms;
    EventId event_id; /* borrowed */
} Source;

static int note_reason(Lead *lead, const Source *source, unsigned score, double points) {
    GivenAward given = {.rule = (uint16_t)source->rule, .score = (uint16_t)score, .points = points, .occurred_at_ms = source->at_ms,
            .event_id = source->event_id};
    return lead_add_award(lead, &given);
}

/* *ret_given: points were awarded, even if all were cut; *ret_kept: some were kept. Neither is reset. */
static int award_all(Lead *lead, const Situation *s, const Source *source, const Award *awards, size_t n_awards, Touch *touch,
        bool *ret_given, bool *ret_kept) {
    for (size_t i = 0; i < n_awards; i++) {
        const Score *score = &s->model->scores[awards[i].score];
        double points = points_of(&awards[i], s);
        if (points == 0)
            continue;
        *ret_given = true;
        int r = score_state_award(
                &lead->scores[awards[i].score], &score->decay, score->bounds, points, source->at_ms, lead->clock_ms, &points);
        if (r == 0 && points != 0) {
            *ret_kept = true;
            r = note_reason(lead, source, awards[i].score, points);
            touch_note_award(touch, s->model, awards[i].score, points, source->at_ms);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* Scores as they are before anything is awarded in this step: what conditions and points see, if any of them looks. */
static Situation situation_before(const Lead *lead, const Model *model, const LeadEvent *event, double scores[static MODEL_SCORES_MAX]) {
    for (unsigned i = 0; i < model->n_scores && model->awards_see_scores; i++)
        scores[i] = lead_score(lead, model, i, lead->clock_ms);
    return (Situation){.model = model, .lead = lead, .event = event, .scores = model->awards_see_scores ? scores : NULL, .at_ms = lead->clock_ms};
}

static int count(Lead *lead, const Situation *s) {
    for (unsigned i = 0; i < s->model->n_counters; i++) {
        const Counter *counter = &s->model->counters[i];
        if (!event_types_contain(&counter->on, s->event->type) || !condition_holds(counter->when, s))
            continue;
        int r = time_list_add(&lead->counters[i], s->event->occurred_at_ms, counter->keep);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_within_limit(const Lead *lead, const Model *model, const Rule *rule, int64_t at_ms) {
    if (rule->limit == LIMIT_NONE)
        return true;
    const Limit *limit = &model->limits[rule->limit];
    return time_list_count(&lead->limits[rule->limit], at_ms - limit->per_ms, at_ms) < limit->times;
}

/* A rule that takes events of this type. */
static int apply_rule(Lead *lead, const Situation *s, const EventId *event_id, unsigned index, Touch *touch) {
    const Rule *rule = &s->model->rules[index];
    const LeadEvent *event = s->event;
    if (!condition_holds(rule->when, s) || !is_within_limit(lead, s->model, rule, event->occurred_at_ms))
        return 0;
    Source source = {.rule = index, .at_ms = event->occurred_at_ms, .event_id = *event_id};
    bool given = false, kept = false;
    int r = award_all(lead, s, &source, rule->awards, rule->n_awards, touch, &given, &kept);
    if (r == 0 && given && rule->limit != LIMIT_NONE)
        r = time_list_add(&lead->limits[rule->limit], event->occurred_at_ms, MODEL_LIMIT_TIMES_MAX);
    return r;
}

int score_apply_event(Lead *lead, const Model *model, const LeadEvent *event, const EventId *event_id, Touch *touch) {
    double scores[MODEL_SCORES_MAX];
    Situation s = situation_before(lead, model, event, scores);
    int r = count(lead, &s);
    touch_judge(touch, &s);
    EventMatches matches = event_index_find(model->rules_by_type, event->type);
    for (unsigned i; r == 0 && event_matches_next(&matches, &i);)
        r = apply_rule(lead, &s, event_id, i, touch);
    return r;
}

int score_apply_idle(Lead *lead, const Model *model, Touch *touch) {
    double scores[MODEL_SCORES_MAX];
    Situation s = situation_before(lead, model, NULL, scores);
    touch_judge(touch, &s);
    for (unsigned i = 0; i < model->n_idle_rules; i++) {
        const IdleRule *rule = &model->idle_rules[i];
        if (!idle_is_due(lead, model, i, lead->clock_ms))
            continue;
        Source source = {.rule = (unsigned)model->n_rules + i, .at_ms = lead->clock_ms};
        bool given = false, kept = false;
        int r = award_all(lead, &s, &source, rule->awards, rule->n_awards, touch, &given, &kept);
        if (r < 0)
            return r;
        lead->idle[i].sleeps = !kept;
    }
    return 0;
}
