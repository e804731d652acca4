/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Left less right of a comparison (condition_form.h) is, piece by piece, a sum of exponentials and a straight line (course.h), and the comparison changes
 * where that sum passes +1e-9 or -1e-9, the borders of "equal" (SPEC section 2), or where a piece ends: a score falls below 1e-9 and
 * reads as 0 from then on, points of a window run out, an event leaves a counter. What is found may be a millisecond off, and at the
 * end of a piece perhaps nothing changes; who asks looks at the condition itself there.
 */
#include "lib/condition/condition_crossing.h"

#include <math.h>

#include "lib/condition/condition_form.h"
#include "lib/condition/crossing.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

/* The end of the search: the last instant that can be written. */
#define HORIZON_MS EVENT_TIME_MS_MAX

static Course score_course(const Situation *s, unsigned score) {
    Course course;
    if (s->account) {
        course = account_score_course(s->account, s->model, score, s->at_ms);
        course_read(&course, s->model->account_scores[score].max);
    } else {
        course = course_none(s->at_ms);
        course_add(&course, &s->lead->scores[score], situation_decay(s, score));
        course_read(&course, INFINITY);
    }
    return course;
}

/* A form and `offset` as a sum, from the situation's instant on until *until_ms at most. */
static ExponentialSum sum_of(const Form *form, double offset, const Situation *s, int64_t *until_ms) {
    ExponentialSum sum = {.origin_ms = s->at_ms, .slope = form->slope, .constant = form->constant, .offset = offset};
    for (unsigned i = 0; i < form->n_terms; i++) {
        double factor = form->terms[i].factor;
        Course course = score_course(s, form->terms[i].score);
        sum.constant += factor * course.constant;
        sum.slope += factor * course.slope;
        exponential_sum_add(&sum, factor * course.exponential, course.half_life_ms);
        *until_ms = MIN(*until_ms, course.until_ms);
    }
    return sum;
}

/* Which ways a sum may go from now on, whatever pieces its course has. */
typedef struct Ways {
    bool falls, rises;
} Ways;

/* Towards 0, from whichever side each part of it is. */
static void add_ways(Ways *ways, double factor, const ScoreState *state, const Decay *decay) {
    if (!decay_is_stepped(decay)) {
        ways->falls |= factor * state->value > 0;
        ways->rises |= factor * state->value < 0;
        return;
    }
    for (uint32_t i = 0; i < state->n_buckets; i++) {
        ways->falls |= factor * state->buckets[i].points > 0;
        ways->rises |= factor * state->buckets[i].points < 0;
    }
}

static Ways ways_of(const Form *form, const Situation *s) {
    Ways ways = {.falls = form->slope < 0, .rises = form->slope > 0};
    for (unsigned i = 0; i < form->n_terms && !(ways.falls && ways.rises); i++)
        add_ways(&ways, form->terms[i].factor, &s->lead->scores[form->terms[i].score], situation_decay(s, form->terms[i].score));
    return ways;
}

/* Without the constant. */
static double scores_now(const Form *form, const Situation *s) {
    double value = 0;
    for (unsigned i = 0; i < form->n_terms; i++)
        value += form->terms[i].factor * condition_score(s, form->terms[i].score);
    return value;
}

/*
 * What is not positive and never rises stays so, and what is positive and never falls. Most leads are below what they are to reach, and
 * time alone only takes them further from it. An account's scores are those of many, cut at a maximum: of them nothing is known.
 */
static bool is_settled(const Form *form, double offset, const Situation *s) {
    if (s->account)
        return false;
    Ways ways = ways_of(form, s);
    return !(ways.falls && ways.rises) && (scores_now(form, s) + form->constant + offset > 0 ? !ways.falls : !ways.rises);
}

/* More than the comparison's own arithmetic can be off by, in parts of what is compared. */
#define BOUND_SLACK 1e-9

/* What the members were given, each at an instant that is not after the account's clock. Negative: of one that has less than nothing nothing is known. */
static double given_to_account(const Account *account, unsigned score) {
    double given = 0;
    for (size_t i = 0; i < account->n_members; i++) {
        double value = account->members[i].scores[score].value;
        if (value < 0)
            return -1;
        given += value;
    }
    return given;
}

/* What the form's scores were when points were last given. Negative: as above. */
static double given_of(const Form *form, const Situation *s) {
    double given = 0;
    for (unsigned i = 0; i < form->n_terms; i++) {
        unsigned score = form->terms[i].score;
        double value = s->account ? given_to_account(s->account, score) : s->lead->scores[score].value;
        if (value < 0)
            return -1;
        given += form->terms[i].factor * value;
    }
    return given;
}

static bool is_too_little(const Form *form, double most) {
    return most * (1 + BOUND_SLACK) + 2 * SCORE_EPSILON < -form->constant;
}

/* Scores that are not negative are at most what they were, when points were last given or at any other time. Those of all members are worth the look at now. */
static bool stays_below(const Form *form, const Situation *s) {
    double given = given_of(form, s);
    return given >= 0 && (is_too_little(form, given) || (s->account && is_too_little(form, scores_now(form, s))));
}

bool condition_is_out_of_reach(const Condition *condition, const Situation *s) {
    for (unsigned i = 0; condition && i < condition->n_atoms; i++) {
        const Form *form = condition_kept_form(condition, i, s);
        if (form && form->is_bounded && stays_below(form, s))
            return true;
    }
    return false;
}

/* When a counter or the committee in code[begin, end) changes next. */
static int64_t next_step(const Condition *condition, unsigned begin, unsigned end, const Situation *s) {
    int64_t next_ms = TIME_NEVER;
    if (s->lead && s->model->n_counters == 0)
        return TIME_NEVER;
    for (unsigned pc = begin; pc < end; pc++) {
        const Instruction *i = &condition->code[pc];
        const Condition *derived = i->op == OP_DERIVED ? s->model->derived[i->index].value : NULL;
        if (i->op == OP_COUNTER)
            next_ms = earliest(next_ms, lead_counter_changes_at(s->lead, s->model, i->index, s->at_ms));
        else if (i->op == OP_COMMITTEE)
            next_ms = earliest(next_ms, account_committee_changes_at(s->account, s->model, s->at_ms));
        else if (derived)
            next_ms = earliest(next_ms, next_step(derived, 0, derived->n_code, s));
    }
    return next_ms;
}

/* An order of two numbers, at least one of which time changes. */
static int64_t order_changes_at(const Condition *condition, unsigned comparison, const Situation *s, int64_t until_ms) {
    Form room;
    const Form *form = condition_form(condition, comparison, s, &room);
    if (!form)
        return TIME_NEVER;

    /* a >= b and a < b turn where the difference passes -1e-9, a > b and a <= b where it passes +1e-9 */
    Op op = condition->code[condition->atoms[comparison]].op;
    double offset = op == OP_GREATER_EQUAL || op == OP_LESS ? SCORE_EPSILON : -SCORE_EPSILON;
    if (until_ms == TIME_NEVER && is_settled(form, offset, s))
        return TIME_NEVER;
    ExponentialSum sum = sum_of(form, offset, s, &until_ms);
    return earliest(crossing_first(&sum, s->at_ms, earliest(until_ms, HORIZON_MS)), until_ms);
}

static int64_t comparison_next_change(const Condition *condition, unsigned comparison, const Situation *s) {
    unsigned at = condition->atoms[comparison];
    const Instruction *atom = &condition->code[at];
    int64_t until_ms = next_step(condition, atom->left, at, s);
    return op_is_order(atom->op) ? order_changes_at(condition, comparison, s, until_ms) : until_ms;
}

int64_t condition_next_change(const Condition *condition, const Situation *situation, int64_t from_ms) {
    int64_t next_ms = TIME_NEVER;
    Situation s = *situation;
    s.at_ms = from_ms;
    if (!condition)
        return TIME_NEVER;
    /* A derived score is a number, so it holds no comparison that could change by itself. */
    for (unsigned i = 0; i < condition->n_atoms; i++)
        next_ms = earliest(next_ms, comparison_next_change(condition, i, &s));
    return next_ms > HORIZON_MS ? TIME_NEVER : next_ms;
}
