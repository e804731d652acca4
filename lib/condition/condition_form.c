/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each side of a comparison that involves time is linear in scores and elapsed times (the compiler saw to
 * it), so running its instructions over linear forms in place of numbers gives the side as a function of time.
 */
#include "lib/condition/condition_form.h"

#include "lib/lead/account.h"
#include "lib/lead/lead.h"

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

const Decay *situation_decay(const Situation *s, unsigned score) {
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
    if (i->op == OP_SCORE && situation_decay(s, i->index)->kind != DECAY_NONE) {
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

static void to_form(const Linear *linear, unsigned n_scores, Form *ret) {
    ret->constant = linear->constant;
    ret->slope = linear->slope;
    ret->is_bounded = false;
    ret->n_terms = 0;
    for (unsigned i = 0; i < n_scores; i++)
        if (linear->score[i] != 0)
            ret->terms[ret->n_terms++] = (FormTerm){linear->score[i], i};
}

/* Left less right. */
static bool make_form(const Condition *condition, const Instruction *comparison, unsigned at, const Situation *s, Form *ret) {
    Linear left, right;
    unsigned n_scores = count_scores(s);
    side_of(condition, comparison->left, comparison->right, s, &left);
    side_of(condition, comparison->right, at, s, &right);
    if (!make_linear(&left, n_scores) || !make_linear(&right, n_scores))
        return false;
    linear_add(&left, &right, -1, n_scores);
    to_form(&left, n_scores, ret);
    return true;
}

/* --- forms that are the same for all leads of a segment, or for all accounts ------------------------- */

/* Is code[begin, end) made of params and of scores that decay, so that nothing else of a lead or an account is part of its form? */
static bool is_plain(const Situation *s, const Condition *condition, unsigned begin, unsigned end) {
    for (unsigned pc = begin; pc < end; pc++) {
        const Instruction *i = &condition->code[pc];
        const Condition *derived = i->op == OP_DERIVED ? s->model->derived[i->index].value : NULL;
        bool is_known = i->op == OP_CONSTANT || i->op == OP_PARAM || i->op == OP_PARAM_GLOBAL || i->op == OP_NEGATE ||
                (i->op >= OP_ADD && i->op <= OP_DIVIDE) || (i->op == OP_SCORE && situation_decay(s, i->index)->kind != DECAY_NONE) ||
                (derived && is_plain(s, derived, 0, derived->n_code));
        if (!is_known)
            return false;
    }
    return true;
}

/* --- forms that are bounded by what scores were when points were last given -------------------------- */

static bool is_number(const Instruction *i) {
    return i->op == OP_CONSTANT || i->op == OP_PARAM || i->op == OP_PARAM_GLOBAL;
}

static bool is_factor(const Instruction *i, const Situation *s) {
    Value value = is_number(i) ? condition_push(i, s) : VALUE_NONE;
    return value_is_number(value) && value_number(value) >= 0;
}

/*
 * Is code[begin, end) made of scores that halve, and of numbers that are not negative, by sums and products alone? Where the scores are
 * not negative either, nothing is taken from anything, so that it is computed to a few last bits.
 */
static bool only_halves(const Condition *condition, unsigned begin, unsigned end, const Situation *s) {
    for (unsigned pc = begin; pc < end; pc++) {
        const Instruction *i = &condition->code[pc];
        const Condition *derived = i->op == OP_DERIVED ? s->model->derived[i->index].value : NULL;
        bool is_known = i->op == OP_ADD || i->op == OP_MULTIPLY || is_factor(i, s) ||
                (i->op == OP_SCORE && situation_decay(s, i->index)->kind == DECAY_HALF_LIFE) ||
                (derived && only_halves(derived, 0, derived->n_code, s));
        if (!is_known)
            return false;
    }
    return true;
}

/* Does the condition hold only where the comparison at `at` does? It is part of no `or` and no `not`, so its false goes through to the end. */
static bool is_needed(const Condition *condition, unsigned at) {
    for (unsigned pc = 0; pc < at; pc++)
        if (condition->code[pc].op == OP_OR_ELSE && condition->code[pc].index > at)
            return false;
    unsigned pc = at + 1;
    while (pc < condition->n_code && (condition->code[pc].op == OP_TRUTH || condition->code[pc].op == OP_AND_THEN))
        pc = condition->code[pc].op == OP_TRUTH ? pc + 1 : condition->code[pc].index;
    return pc == condition->n_code;
}

/* Is it of `scores >= number`, or with `>`, without which the condition does not hold? Its constant is that number, and none is added to scores. */
static bool is_bounded(const Condition *condition, unsigned at, const Situation *s, const Form *form) {
    const Instruction *i = &condition->code[at], *number = &condition->code[i->right];
    return (i->op == OP_GREATER || i->op == OP_GREATER_EQUAL) && i->right + 1 == at && is_number(number) &&
            form->constant == -value_number(condition_push(number, s)) && only_halves(condition, i->left, i->right, s) &&
            is_needed(condition, at);
}

static int keep_form(Arena *arena, const Form *form, const Form **ret) {
    size_t size = offsetof(Form, terms) + form->n_terms * sizeof(*form->terms);
    Form *kept = arena_alloc(arena, 1, size);
    if (!kept)
        return -ENOMEM;
    memcpy(kept, form, size);
    *ret = kept;
    return 0;
}

/* A comparison's forms: one a segment, or of accounts one. */
static unsigned count_forms(const Model *model, bool of_accounts) {
    return of_accounts ? 1 : (unsigned)model->n_segments + 1;
}

static int prepare_comparison(Arena *arena, const Situation *s, Condition *condition, unsigned comparison, const Form **ret) {
    unsigned at = condition->atoms[comparison];
    const Instruction *i = &condition->code[at];
    Form form;
    if (!op_is_order(i->op) || !is_plain(s, condition, i->left, at) || !make_form(condition, i, at, s, &form))
        return 0;
    form.is_bounded = is_bounded(condition, at, s, &form);
    return keep_form(arena, &form, ret);
}

int condition_prepare_forms(Arena *arena, const Model *model, Condition *condition, bool of_accounts) {
    if (!condition || condition->n_atoms == 0)
        return 0;
    const Account account = {0};
    unsigned n_forms = count_forms(model, of_accounts);
    condition->forms = arena_new_array(arena, const Form *, condition->n_atoms * n_forms);
    if (!condition->forms)
        return -ENOMEM;
    int r = 0;
    for (unsigned i = 0; i < condition->n_atoms * n_forms && r == 0; i++) {
        const Lead lead = {.segment = i % n_forms};
        Situation s = {.model = model, .lead = of_accounts ? NULL : &lead, .account = of_accounts ? &account : NULL};
        r = prepare_comparison(arena, &s, condition, i / n_forms, &condition->forms[i]);
    }
    return r;
}

const Form *condition_kept_form(const Condition *condition, unsigned comparison, const Situation *s) {
    unsigned segment = s->account ? 0 : s->lead->segment;
    return condition->forms ? condition->forms[comparison * count_forms(s->model, s->account) + segment] : NULL;
}

const Form *condition_form(const Condition *condition, unsigned comparison, const Situation *s, Form *room) {
    const Form *kept = condition_kept_form(condition, comparison, s);
    unsigned at = condition->atoms[comparison];
    if (kept)
        return kept;
    return make_form(condition, &condition->code[at], at, s, room) ? room : NULL;
}

