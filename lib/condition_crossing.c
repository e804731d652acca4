/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each side of a comparison that involves time is linear in scores and elapsed times (the compiler saw to
 * it), so running its instructions over linear forms in place of numbers gives the side as a function of time.
 * Left minus right is then, piece by piece, a sum of exponentials and a straight line (course.h), and the comparison changes
 * where that sum passes +1e-9 or -1e-9, the borders of "equal" (SPEC section 2), or where a piece ends: a score falls below 1e-9 and
 * reads as 0 from then on, points of a window run out, an event leaves a counter. What is found may be a millisecond off, and at the
 * end of a piece perhaps nothing changes; who asks looks at the condition itself there.
 */
#include "lib/condition_crossing.h"

#include <math.h>

#include "lib/account.h"
#include "lib/condition_program.h"
#include "lib/crossing.h"
#include "lib/lead.h"

/* The end of the search: the last instant that can be written. */
#define HORIZON_MS EVENT_TIME_MS_MAX

/*
 * A value as a function of time from an instant (the situation's) on: as it is where time does not change it, for now at least; else a
 * number, constant + slope * (t - at_ms) + sum of score[i] * (value of score i at t).
 */
typedef struct Linear {
    bool is_linear;
    Value value; /* unless is_linear */
    double constant, slope;
    double score[MODEL_SCORES_MAX];
} Linear;

typedef struct LinearStack {
    Linear cells[CONDITION_STACK_MAX];
    unsigned n;
} LinearStack;

/* Only the first n_scores of `score` are ever set or read, and only of what is linear: cells are large. */
static void set_value(Linear *a, Value value) {
    a->is_linear = false;
    a->value = value;
}

static void set_linear(Linear *a, double constant, unsigned n_scores) {
    a->is_linear = true;
    a->constant = constant;
    a->slope = 0;
    for (unsigned i = 0; i < n_scores; i++)
        a->score[i] = 0;
}

/* As a sum of one constant; false for what is not a number. */
static bool make_linear(Linear *a, unsigned n_scores) {
    if (a->is_linear)
        return true;
    if (!value_is_number(a->value))
        return false;
    set_linear(a, value_number(a->value), n_scores);
    return true;
}

static void linear_add(Linear *a, const Linear *b, double sign, unsigned n_scores) {
    a->constant += sign * b->constant;
    a->slope += sign * b->slope;
    for (unsigned i = 0; i < n_scores; i++)
        a->score[i] += sign * b->score[i];
}

static void linear_scale(Linear *a, double factor, unsigned n_scores) {
    a->constant *= factor;
    a->slope *= factor;
    for (unsigned i = 0; i < n_scores; i++)
        a->score[i] *= factor;
}

/* The compiler lets a product through only where one side is a plain value, a quotient where the right one is. */
static void linear_product(Linear *a, const Linear *b, bool divide, unsigned n_scores) {
    Value factor = b->is_linear ? a->value : b->value;
    if (!value_is_number(factor) || (divide && value_number(factor) == 0)) {
        set_value(a, VALUE_NONE);
        return;
    }
    if (b->is_linear)
        *a = *b;
    linear_scale(a, divide ? 1 / value_number(factor) : value_number(factor), n_scores);
}

/* a becomes `a op b`; b is used up. */
static void linear_binary(const Instruction *i, Linear *a, Linear *b, unsigned n_scores) {
    if (!a->is_linear && !b->is_linear) {
        set_value(a, condition_binary(i, a->value, b->value));
        return;
    }
    switch (i->op) {
    case OP_ADD:
    case OP_SUBTRACT:
        if (make_linear(a, n_scores) && make_linear(b, n_scores))
            linear_add(a, b, i->op == OP_ADD ? 1 : -1, n_scores);
        else
            set_value(a, VALUE_NONE);
        return;
    case OP_MULTIPLY:
    case OP_DIVIDE:
        linear_product(a, b, i->op == OP_DIVIDE, n_scores);
        return;
    case OP_DEFAULT:
        if (!a->is_linear && a->value.type == VALUE_NULL)
            *a = *b;
        return;
    default:
        set_value(a, VALUE_NONE); /* nothing that the compiler lets into a linear side */
    }
}

static void linear_unary(const Instruction *i, Linear *a, unsigned n_scores) {
    if (!a->is_linear)
        set_value(a, condition_unary(i, a->value));
    else if (i->op == OP_NEGATE)
        linear_scale(a, -1, n_scores);
    else if (i->op != OP_NUMBER) /* any other asks for a text, a truth value or null, and gets a number */
        set_value(a, condition_unary(i, value_double(0)));
}

/* The lead's scores, or the account's. */
static unsigned count_scores(const Situation *s) {
    return (unsigned)(s->account ? s->model->n_account_scores : s->model->n_scores);
}

static const Decay *decay_of(const Situation *s, unsigned score) {
    return s->account ? &s->model->account_scores[score].decay : &s->model->scores[score].decay;
}

static void side_of(const Condition *condition, unsigned begin, unsigned end, const Situation *s, Linear *ret);

static void linear_push(const Instruction *i, const Situation *s, LinearStack *stack) {
    Linear *cell = &stack->cells[stack->n++];
    if (i->op == OP_DERIVED) {
        /* on a stack of its own: the compiler bounds each program's depth by itself */
        const Condition *derived = s->model->derived[i->index].value;
        side_of(derived, 0, derived->n_code, s, cell);
        return;
    }
    unsigned n_scores = count_scores(s);
    if (i->op == OP_SCORE && decay_of(s, i->index)->kind != DECAY_NONE) {
        set_linear(cell, 0, n_scores);
        cell->score[i->index] = 1;
        return;
    }
    set_value(cell, condition_push(i, s));
    bool elapses = i->op == OP_AGE || i->op == OP_SINCE || i->op == OP_LEFT || i->op == OP_IDLE;
    if (elapses && make_linear(cell, n_scores))
        cell->slope = 1;
}

/* `in` and jumps take only values that time does not change; a linear one is not true. */
static void linear_rest(const Instruction *i, LinearStack *stack, unsigned *pc) {
    if (i->op == OP_IN) {
        stack->n -= i->index;
        bool found = false;
        const Linear *value = &stack->cells[stack->n - 1];
        for (unsigned k = 0; k < i->index; k++) {
            Instruction equal = {.op = OP_EQUAL};
            found |= condition_binary(&equal, value->value, stack->cells[stack->n + k].value).boolean;
        }
        set_value(&stack->cells[stack->n - 1], value_boolean(found && value->value.type != VALUE_NULL));
        return;
    }
    const Linear *top = &stack->cells[stack->n - 1];
    bool truth = !top->is_linear && top->value.type == VALUE_BOOLEAN && top->value.boolean;
    if (truth == (i->op == OP_OR_ELSE)) {
        set_value(&stack->cells[stack->n - 1], value_boolean(truth));
        *pc = i->index - 1;
    } else {
        stack->n--;
    }
}

/* One side of a comparison, code[begin, end), as a function of time. */
static void side_of(const Condition *condition, unsigned begin, unsigned end, const Situation *s, Linear *ret) {
    unsigned n_scores = count_scores(s);
    LinearStack stack;
    stack.n = 0;
    for (unsigned pc = begin; pc < end; pc++) {
        const Instruction *i = &condition->code[pc];
        Linear *top = stack.n ? &stack.cells[stack.n - 1] : NULL;
        if (i->op <= OP_IDLE) {
            linear_push(i, s, &stack);
        } else if (i->op <= OP_LIKE || i->op == OP_TRUTH) {
            linear_unary(i, top, n_scores);
        } else if (i->op <= OP_GREATER_EQUAL) {
            linear_binary(i, top - 1, top, n_scores);
            stack.n--;
        } else {
            linear_rest(i, &stack, &pc);
        }
    }
    assert(stack.n == 1);
    *ret = stack.cells[0];
}

static Course score_course(const Situation *s, unsigned score) {
    Course course;
    if (s->account) {
        course = account_score_course(s->account, s->model, score, s->at_ms);
        course_read(&course, s->model->account_scores[score].max);
    } else {
        course = course_none(s->at_ms);
        course_add(&course, &s->lead->scores[score], decay_of(s, score));
        course_read(&course, INFINITY);
    }
    return course;
}

/* A form as a sum, from the situation's instant on until *until_ms at most. */
static ExponentialSum sum_of(const Linear *form, const Situation *s, int64_t *until_ms) {
    ExponentialSum sum = {.origin_ms = s->at_ms, .slope = form->slope, .constant = form->constant};
    for (unsigned i = 0; i < count_scores(s); i++) {
        if (form->score[i] == 0)
            continue;
        Course course = score_course(s, i);
        sum.constant += form->score[i] * course.constant;
        sum.slope += form->score[i] * course.slope;
        exponential_sum_add(&sum, form->score[i] * course.exponential, course.half_life_ms);
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

static Ways ways_of(const Linear *form, const Situation *s) {
    Ways ways = {.falls = form->slope < 0, .rises = form->slope > 0};
    for (unsigned i = 0; i < s->model->n_scores && !(ways.falls && ways.rises); i++)
        if (form->score[i] != 0)
            add_ways(&ways, form->score[i], &s->lead->scores[i], decay_of(s, i));
    return ways;
}

static double value_now(const Linear *form, const Situation *s) {
    double value = form->constant;
    for (unsigned i = 0; i < s->model->n_scores; i++)
        if (form->score[i] != 0)
            value += form->score[i] * lead_score(s->lead, s->model, i, s->at_ms);
    return value;
}

/*
 * What is not positive and never rises stays so, and what is positive and never falls. Most leads are below what they are to reach, and
 * time alone only takes them further from it. An account's scores are those of many, cut at a maximum: of them nothing is known.
 */
static bool is_settled(const Linear *form, const Situation *s) {
    if (s->account)
        return false;
    Ways ways = ways_of(form, s);
    return !(ways.falls && ways.rises) && (value_now(form, s) > 0 ? !ways.falls : !ways.rises);
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
static int64_t order_changes_at(const Condition *condition, const Instruction *atom, unsigned at, const Situation *s,
        int64_t until_ms) {
    Linear left, right;
    unsigned n_scores = count_scores(s);
    side_of(condition, atom->left, atom->right, s, &left);
    side_of(condition, atom->right, at, s, &right);
    if (!make_linear(&left, n_scores) || !make_linear(&right, n_scores))
        return TIME_NEVER; /* with null or between different types it is false, whenever */
    linear_add(&left, &right, -1, n_scores);

    /* a >= b and a < b turn where the difference passes -1e-9, a > b and a <= b where it passes +1e-9 */
    bool lower = atom->op == OP_GREATER_EQUAL || atom->op == OP_LESS;
    left.constant += lower ? SCORE_EPSILON : -SCORE_EPSILON;
    if (until_ms == TIME_NEVER && is_settled(&left, s))
        return TIME_NEVER;
    ExponentialSum sum = sum_of(&left, s, &until_ms);
    return earliest(crossing_first(&sum, s->at_ms, earliest(until_ms, HORIZON_MS)), until_ms);
}

static int64_t atom_next_change(const Condition *condition, unsigned at, const Situation *s) {
    const Instruction *atom = &condition->code[at];
    int64_t until_ms = next_step(condition, atom->left, at, s);
    bool is_order = atom->op >= OP_LESS && atom->op <= OP_GREATER_EQUAL;
    return is_order ? order_changes_at(condition, atom, at, s, until_ms) : until_ms;
}

int64_t condition_next_change(const Condition *condition, const Situation *situation, int64_t from_ms) {
    int64_t next_ms = TIME_NEVER;
    Situation s = *situation;
    s.at_ms = from_ms;
    if (!condition)
        return TIME_NEVER;
    /* A derived score is a number, so it holds no comparison that could change by itself. */
    for (unsigned i = 0; i < condition->n_atoms; i++)
        next_ms = earliest(next_ms, atom_next_change(condition, condition->atoms[i], &s));
    return next_ms > HORIZON_MS ? TIME_NEVER : next_ms;
}
