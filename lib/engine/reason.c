/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/reason.h"

#include <math.h>

#include "lib/engine/score.h"

/* A contribution under consideration, with its place in file order. */
typedef struct Candidate {
    Reason reason; /* but for its event id */
    const EventId *event_id; /* NULL: of a profile rule */
    unsigned rule, award;
} Candidate;

typedef struct Best {
    Candidate *items;
    size_t n, n_max;
    int64_t at_ms;
} Best;

/* Two sizes that differ by no more than the last bits of their arithmetic are a tie. */
#define TIE_RELATIVE 1e-12

/* Does a come before b? */
static bool comes_before(const Candidate *a, const Candidate *b) {
    double x = fabs(a->reason.present_value), y = fabs(b->reason.present_value);
    if (fabs(x - y) > TIE_RELATIVE * fmax(x, y))
        return x > y;
    if (a->reason.from_profile != b->reason.from_profile)
        return !a->reason.from_profile;
    if (a->reason.occurred_at_ms != b->reason.occurred_at_ms)
        return a->reason.occurred_at_ms > b->reason.occurred_at_ms;
    if (a->rule != b->rule)
        return a->rule < b->rule;
    return a->award < b->award;
}

static void consider(Best *best, const Candidate *candidate) {
    size_t i = best->n;
    if (best->n < best->n_max)
        best->n++;
    else if (i == 0 || !comes_before(candidate, &best->items[--i]))
        return;
    for (; i > 0 && comes_before(candidate, &best->items[i - 1]); i--)
        best->items[i] = best->items[i - 1];
    best->items[i] = *candidate;
}

/* What gave an award: a rule, or an idle rule. */
typedef struct Giver {
    Str id;
    const Award *awards;
    size_t n_awards;
} Giver;

static Giver giver_of(const Model *model, const GivenAward *given) {
    if (given->rule < model->n_rules) {
        const Rule *rule = &model->rules[given->rule];
        return (Giver){rule->id, rule->awards, rule->n_awards};
    }
    const IdleRule *rule = &model->idle_rules[given->rule - model->n_rules];
    return (Giver){rule->id, rule->awards, rule->n_awards};
}

/* Where the award for the score stands among them. */
static unsigned award_place(const Giver *giver, unsigned score) {
    unsigned i = 0;
    while (i < giver->n_awards && giver->awards[i].score != score)
        i++;
    return i;
}

static void consider_awards(Best *best, const Lead *lead, const Model *model) {
    for (size_t i = 0; i < lead->n_awards; i++) {
        const GivenAward *given = lead_award(lead, i);
        const Score *score = &model->scores[given->score];
        Giver giver = giver_of(model, given);
        double factor = decay_factor(&score->decay, given->occurred_at_ms, best->at_ms);
        Candidate candidate = {
            .reason = {.rule = giver.id, .score = score->id, .points = given->points,
                    .present_value = given->points * factor, .occurred_at_ms = given->occurred_at_ms},
            .event_id = &given->event_id,
            .rule = given->rule,
            .award = award_place(&giver, given->score),
        };
        consider(best, &candidate);
    }
}

static void consider_profile_rules(Best *best, const Lead *lead, const Model *model) {
    for (unsigned i = 0; i < model->n_profile_rules; i++) {
        const Rule *rule = &model->profile_rules[i];
        for (unsigned k = 0; k < rule->n_awards; k++) {
            double points = score_profile_points(lead, model, rule, &rule->awards[k]);
            Candidate candidate = {
                .reason = {.rule = rule->id, .score = model->scores[rule->awards[k].score].id, .points = points,
                        .present_value = points, .from_profile = true},
                .rule = i,
                .award = k,
            };
            bool is_counted = lead->scores[rule->awards[k].score].at_ms != TIME_NONE; /* step 7 has been */
            if (points != 0 && is_counted)
                consider(best, &candidate);
        }
    }
}

/* Into the candidates of `best`, in order. */
static void find_best(Best *best, const Lead *lead, const Model *model) {
    consider_awards(best, lead, model);
    consider_profile_rules(best, lead, model);
}

static Reason reason_of(const Candidate *candidate, char text[static EVENT_ID_LEN_MAX]) {
    Reason reason = candidate->reason;
    reason.event_id = candidate->event_id ? event_id_text(candidate->event_id, text) : STR_NULL;
    return reason;
}

size_t reasons_of(const Lead *lead, const Model *model, Reason ret[static REASONS_MAX], ReasonIds *ids) {
    Candidate items[REASONS_MAX];
    Best best = {.items = items, .n_max = REASONS_MAX, .at_ms = lead->clock_ms};
    find_best(&best, lead, model);
    for (size_t i = 0; i < best.n; i++)
        ret[i] = reason_of(&best.items[i], ids->texts[i]);
    return best.n;
}

int reasons_all(Arena *arena, const Lead *lead, const Model *model, int64_t at_ms, const Reason **ret, size_t *ret_n) {
    Best best = {.n_max = lead->n_awards, .at_ms = at_ms};
    for (size_t i = 0; i < model->n_profile_rules; i++)
        best.n_max += model->profile_rules[i].n_awards;
    best.items = arena_new_array(arena, Candidate, MAX(best.n_max, (size_t)1));
    Reason *reasons = arena_new_array(arena, Reason, MAX(best.n_max, (size_t)1));
    char *texts = arena_alloc(arena, best.n_max + 1, EVENT_ID_LEN_MAX);
    if (!best.items || !reasons || !texts)
        return -ENOMEM;
    find_best(&best, lead, model);
    for (size_t i = 0; i < best.n; i++)
        reasons[i] = reason_of(&best.items[i], texts + i * EVENT_ID_LEN_MAX);
    *ret = reasons;
    *ret_n = best.n;
    return 0;
}
