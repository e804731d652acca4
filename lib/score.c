/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/score.h"

#include <float.h>
#include <math.h>

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

static int award(Lead *lead, const Model *model, unsigned rule, unsigned score_index, double points, const LeadEvent *event,
        Touch *touch) {
    const Score *score = &model->scores[score_index];
    ScoreState *state = &lead->scores[score_index];
    int r = score_state_award(state, &score->decay, score->bounds, points, event->occurred_at_ms, lead->clock_ms, &points);
    if (r < 0 || points == 0)
        return r;
    touch_note_award(touch, model, score_index, points, event->occurred_at_ms);
    GivenAward given = {.rule = (uint16_t)rule, .score = (uint16_t)score_index, .points = points,
            .occurred_at_ms = event->occurred_at_ms, .event_id_len = (uint8_t)event->event_id.len};
    memcpy(given.event_id, event->event_id.data, event->event_id.len);
    return lead_add_award(lead, &given);
}

int score_apply_rules(Lead *lead, const Model *model, const LeadEvent *event, Touch *touch) {
    double scores[MODEL_SCORES_MAX];
    for (unsigned i = 0; i < model->n_scores; i++)
        scores[i] = lead_score(lead, model, i, lead->clock_ms);
    Situation situation = {.model = model, .lead = lead, .event = event, .scores = scores, .at_ms = lead->clock_ms};

    touch_judge(touch, &situation);
    for (unsigned i = 0; i < model->n_rules; i++) {
        const Rule *rule = &model->rules[i];
        if (!event_types_contain(&rule->on, event->type) || !condition_holds(rule->when, &situation))
            continue;
        for (size_t k = 0; k < rule->n_awards; k++) {
            double points = points_of(&rule->awards[k], &situation);
            int r = points == 0 ? 0 : award(lead, model, i, rule->awards[k].score, points, event, touch);
            if (r < 0)
                return r;
        }
    }
    return 0;
}
