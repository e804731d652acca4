/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each side of a comparison that involves time is linear in scores and elapsed times (the compiler saw to
 * it), so running its instructions over linear forms in place of numbers gives the side as a function of time.
 * Left minus right is then a sum of exponentials, and the comparison changes where that sum passes +1e-9 or
 * -1e-9, the borders of "equal" (SPEC section 2). A score that falls below 1e-9 reads as 0 from then on: up to
 * there the sum is smooth, and there it is looked at anew.
 */
#include "lib/condition_crossing.h"

#include <math.h>

#include "lib/condition_program.h"
#include "lib/crossing.h"
#include "lib/lead.h"

/* The end of the search: the last instant that can be written. */
#define HORIZON_MS EVENT_TIME_MS_MAX

/*
 * A value as a function of time: as it is where time does not change it; else a number,
 * constant + slope * (t - at_ms) + sum of score[i] * (value of score i at t).
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

static void side_of(const Condition *condition, unsigned begin, unsigned end, const Situation *s, Linear *ret);

static void linear_push(const Instruction *i, const Situation *s, LinearStack *stack) {
    Linear *cell = &stack->cells[stack->n++];
    if (i->op == OP_DERIVED) {
        /* on a stack of its own: the compiler bounds each program's depth by itself */
        const Condition *derived = s->model->derived[i->index].value;
        side_of(derived, 0, derived->n_code, s, cell);
        return;
    }
    unsigned n_scores = (unsigned)s->model->n_scores;
    if (i->op == OP_SCORE && s->model->scores[i->index].decay.kind != DECAY_NONE) {
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
    unsigned n_scores = (unsigned)s->model->n_scores;
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

/* When the score's value falls below SCORE_EPSILON: the first millisecond after from_ms, or TIME_NEVER. */
static int64_t reads_as_zero_at(const ScoreState *state, const Decay *decay, int64_t from_ms) {
    double size = fabs(state->value) * decay_factor(decay, state->at_ms, from_ms);
    if (size < SCORE_EPSILON)
        return TIME_NEVER;
    double elapsed_ms = (double)decay->span_ms * log2(size / SCORE_EPSILON);
    if (elapsed_ms >= (double)(HORIZON_MS - from_ms))
        return TIME_NEVER;
    return from_ms + (int64_t)elapsed_ms + 1;
}

/* left - right as a sum of exponentials from from_ms on; *ret_smooth_until: a score in it reads as 0 from then on. */
static ExponentialSum difference_of(const Linear *d, const Situation *s, int64_t from_ms, int64_t *ret_smooth_until) {
    ExponentialSum sum = {.origin_ms = from_ms, .slope = d->slope,
            .constant = d->constant + d->slope * (double)(from_ms - s->at_ms)};
    *ret_smooth_until = TIME_NEVER;
    for (unsigned i = 0; i < s->model->n_scores; i++) {
        if (d->score[i] == 0)
            continue;
        const Decay *decay = &s->model->scores[i].decay;
        double value = d->score[i] * lead_score(s->lead, s->model, i, from_ms);
        exponential_sum_add(&sum, value, (double)decay->span_ms);
        int64_t zero_ms = reads_as_zero_at(&s->lead->scores[i], decay, from_ms);
        *ret_smooth_until = MIN(*ret_smooth_until, zero_ms);
    }
    return sum;
}

static int64_t atom_next_change(const Condition *condition, const Instruction *atom, unsigned at, const Situation *s,
        int64_t from_ms) {
    Linear left, right;
    unsigned n_scores = (unsigned)s->model->n_scores;
    side_of(condition, atom->left, atom->right, s, &left);
    side_of(condition, atom->right, at, s, &right);
    if (!make_linear(&left, n_scores) || !make_linear(&right, n_scores))
        return TIME_NEVER; /* with null or between different types it is false, whenever */
    linear_add(&left, &right, -1, n_scores);

    int64_t smooth_until_ms;
    ExponentialSum sum = difference_of(&left, s, from_ms, &smooth_until_ms);
    int64_t until_ms = MIN(smooth_until_ms, HORIZON_MS);
    double constant = sum.constant;
    /* a >= b and a < b turn where the difference passes -1e-9, a > b and a <= b where it passes +1e-9 */
    bool lower = atom->op == OP_GREATER_EQUAL || atom->op == OP_LESS;
    sum.constant = constant + (lower ? SCORE_EPSILON : -SCORE_EPSILON);
    int64_t change_ms = crossing_first(&sum, from_ms, until_ms);
    return MIN(change_ms, smooth_until_ms);
}

int64_t condition_next_change(const Condition *condition, const Situation *situation, int64_t from_ms) {
    int64_t next_ms = TIME_NEVER;
    if (!condition)
        return TIME_NEVER;
    /* A derived score is a number, so it holds no comparison that could change by itself. */
    for (unsigned i = 0; i < condition->n_atoms; i++) {
        unsigned at = condition->atoms[i];
        next_ms = MIN(next_ms, atom_next_change(condition, &condition->code[at], at, situation, from_ms));
    }
    return next_ms;
}
