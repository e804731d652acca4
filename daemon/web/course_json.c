/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a derived score a sum of scores with factors? That is not read off its expression but tried: it is computed for scores that are all 0, for
 * each of them alone, and for two mixtures, one of them later. If these are as the sum says, it is one; near the lead's own scores, at
 * least, and what changes these is written anew.
 */
#include "daemon/web/course_json.h"

#include <math.h>

/* Rounded, so that rounding in the last bits does not look like news. */
#define DIGITS 1e6
#define LINEAR_EPSILON 1e-6
/* By then whatever depends on time elapsed has another value. */
#define LATER_MS INT64_C(3600000)

typedef struct Linear {
    double constant, factors[MODEL_SCORES_MAX];
} Linear;

static double rounded(double value) {
    return round(value * DIGITS) / DIGITS;
}

static void write_term(JsonWriter *writer, double value, int64_t at_ms, int64_t half_life_ms) {
    json_write_array_begin(writer, STR_NULL);
    json_write_number(writer, STR_NULL, rounded(value));
    json_write_integer(writer, STR_NULL, at_ms);
    json_write_integer(writer, STR_NULL, half_life_ms);
    json_write_array_end(writer);
}

static bool halves(const Model *model, const Lead *lead, unsigned score) {
    return model->scores[score].decay.kind == DECAY_HALF_LIFE && lead->scores[score].at_ms != TIME_NONE;
}

void course_json_score(JsonWriter *writer, Str name, const Model *model, const Lead *lead, unsigned score, int64_t at_ms) {
    json_write_object_begin(writer, name);
    json_write_number(writer, STR_LITERAL("c"), halves(model, lead, score) ? 0 : rounded(lead_score(lead, model, score, at_ms)));
    json_write_array_begin(writer, STR_LITERAL("t"));
    if (halves(model, lead, score))
        write_term(writer, lead->scores[score].value, lead->scores[score].at_ms, model->scores[score].decay.span_ms);
    json_write_array_end(writer);
    json_write_object_end(writer);
}

/* NAN: it has no value. */
static double value_with(const Situation *situation, unsigned derived, const double *scores, int64_t at_ms) {
    Situation other = *situation;
    other.scores = scores;
    other.at_ms = at_ms;
    Value value = condition_value(other.model->derived[derived].value, &other);
    return value_is_number(value) ? value_number(value) : NAN;
}

static bool is_as_told(const Situation *s, unsigned derived, const Linear *linear, const double *scores, double part, int64_t at_ms) {
    double mixed[MODEL_SCORES_MAX], sum = linear->constant;
    for (size_t i = 0; i < s->model->n_scores; i++) {
        mixed[i] = scores[i] * part;
        sum += linear->factors[i] * mixed[i];
    }
    return fabs(value_with(s, derived, mixed, at_ms) - sum) <= LINEAR_EPSILON * fmax(1, fabs(sum));
}

static bool find_linear(const Situation *s, unsigned derived, const double *scores, Linear *ret) {
    double alone[MODEL_SCORES_MAX] = {0};
    ret->constant = value_with(s, derived, alone, s->at_ms);
    for (size_t i = 0; i < s->model->n_scores; i++) {
        alone[i] = scores[i];
        ret->factors[i] = scores[i] == 0 ? 0 : (value_with(s, derived, alone, s->at_ms) - ret->constant) / scores[i];
        alone[i] = 0;
    }
    return is_as_told(s, derived, ret, scores, 1, s->at_ms) && is_as_told(s, derived, ret, scores, 0.5, s->at_ms + LATER_MS);
}

void course_json_derived(JsonWriter *writer, Str name, const Model *model, const Lead *lead, unsigned derived, int64_t at_ms) {
    Situation situation = {.model = model, .lead = lead, .at_ms = at_ms};
    double scores[MODEL_SCORES_MAX], constant = value_with(&situation, derived, NULL, at_ms);
    Linear linear = {0};
    if (isnan(constant)) {
        json_write_null(writer, name);
        return;
    }
    for (unsigned i = 0; i < model->n_scores; i++)
        scores[i] = lead_score(lead, model, i, at_ms);
    bool is_linear = find_linear(&situation, derived, scores, &linear);
    for (unsigned i = 0; i < model->n_scores && is_linear; i++)
        constant -= halves(model, lead, i) ? linear.factors[i] * scores[i] : 0;
    json_write_object_begin(writer, name);
    json_write_number(writer, STR_LITERAL("c"), rounded(constant));
    json_write_array_begin(writer, STR_LITERAL("t"));
    for (unsigned i = 0; i < model->n_scores && is_linear; i++)
        if (halves(model, lead, i) && linear.factors[i] != 0)
            write_term(writer, linear.factors[i] * lead->scores[i].value, lead->scores[i].at_ms, model->scores[i].decay.span_ms);
    json_write_array_end(writer);
    json_write_object_end(writer);
}

void course_json_account(JsonWriter *writer, Str name, const Model *model, const Account *account, unsigned score, int64_t at_ms) {
    const AccountScore *s = &model->account_scores[score];
    bool is_halving = s->decay.kind == DECAY_HALF_LIFE;
    /* What halves is told as of the account's clock, which stands still until something happens. */
    int64_t from_ms = is_halving ? account->clock_ms : at_ms;
    Course course = account_score_course(account, model, score, from_ms);
    json_write_object_begin(writer, name);
    json_write_number(writer, STR_LITERAL("c"), rounded(course.constant));
    json_write_array_begin(writer, STR_LITERAL("t"));
    if (is_halving && course.exponential != 0)
        write_term(writer, course.exponential, from_ms, s->decay.span_ms);
    json_write_array_end(writer);
    if (isfinite(s->max))
        json_write_number(writer, STR_LITERAL("max"), s->max);
    json_write_object_end(writer);
}
