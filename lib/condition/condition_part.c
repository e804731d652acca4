/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last instruction of a run tells what the run is, and where those of its operands begin. So the program is
 * taken apart from its end, and the tree of the source comes out without being kept.
 */
#include "lib/condition/condition_part.h"

#include <math.h>

#include "lib/condition/condition_program.h"

typedef struct Taking {
    const Condition *condition;
    const Situation *situation;
    ConditionPart *parts; /* room for one an instruction */
    size_t n;
    bool negated; /* what is taken must not hold: then nothing is missing where it doesn't */
} Taking;

const char *part_truth_name(PartTruth truth) {
    static const char *const names[] = {[PART_FAILS] = "no", [PART_OPEN] = "event", [PART_HOLDS] = "yes"};
    return names[truth];
}

static PartTruth truth_of(bool holds) {
    return holds ? PART_HOLDS : PART_FAILS;
}

/* --- comparisons ------------------------------------------------------------------------------------- */

static bool names_event(const Taking *t, unsigned begin, unsigned end) {
    for (unsigned i = begin; i < end; i++)
        if (t->condition->code[i].op >= OP_EVENT_TYPE && t->condition->code[i].op <= OP_EVENT_PROPERTY)
            return true;
    return false;
}

static bool is_elapsed(Op op) {
    return op == OP_AGE || op == OP_SINCE || op == OP_LEFT || op == OP_IDLE;
}

static bool names_span(const Taking *t, unsigned begin, unsigned end) {
    for (unsigned i = begin; i < end; i++)
        if (is_elapsed(t->condition->code[i].op))
            return true;
    return false;
}

static Str text_of(const Taking *t, unsigned end) {
    return t->condition->code[end - 1].text;
}

static Value value_of(const Taking *t, unsigned begin, unsigned end) {
    bool unknown = !t->situation->event && names_event(t, begin, end);
    return unknown ? VALUE_NONE : condition_run(t->condition, begin, end, t->situation);
}

static void set_left(const Taking *t, ConditionPart *part, unsigned begin, unsigned end) {
    part->left_text = text_of(t, end);
    part->left = value_of(t, begin, end);
}

static void set_order(const Taking *t, ConditionPart *part, Op op) {
    part->is_order = op_is_order(op);
    part->wants_less = op == OP_LESS || op == OP_LESS_EQUAL;
    bool numbers = value_is_number(part->left) && value_is_number(part->right);
    part->has_missing = part->is_order && part->truth == PART_FAILS && numbers && !t->negated;
    if (part->has_missing)
        part->missing = fabs(value_number(part->right) - value_number(part->left));
}

/* code[begin, end), which is neither `and`, `or` nor `not`. */
static void set_comparison(const Taking *t, ConditionPart *part, unsigned begin, unsigned end) {
    const Instruction *last = &t->condition->code[end - 1];
    part->is_span = names_span(t, begin, end);
    switch (last->op) {
    case OP_IN:
        part->kind = PART_IN;
        set_left(t, part, begin, last->right);
        break;
    case OP_LIKE:
        part->kind = PART_LIKE;
        set_left(t, part, begin, end - 1);
        part->right = last->constant;
        part->is_constant = true;
        break;
    case OP_PRESENT:
        part->kind = PART_PRESENT;
        set_left(t, part, begin, end - 1);
        break;
    default:
        if (last->op < OP_EQUAL || last->op > OP_GREATER_EQUAL) {
            part->kind = PART_VALUE;
            set_left(t, part, begin, end);
            break;
        }
        part->kind = PART_COMPARE;
        set_left(t, part, begin, last->right);
        part->right_text = text_of(t, end - 1);
        part->right = value_of(t, last->right, end - 1);
        part->is_constant = end - 1 - last->right == 1 && t->condition->code[last->right].op == OP_CONSTANT;
        set_order(t, part, last->op);
    }
}

/* --- and, or, not ------------------------------------------------------------------------------------ */

static PartTruth take(Taking *t, unsigned begin, unsigned end, unsigned depth);

static PartTruth take_comparison(Taking *t, unsigned begin, unsigned end, unsigned depth) {
    ConditionPart *part = &t->parts[t->n++];
    bool open = !t->situation->event && names_event(t, begin, end);
    Value value = open ? VALUE_NONE : condition_run(t->condition, begin, end, t->situation);
    *part = (ConditionPart){.depth = depth, .text = text_of(t, end)};
    part->truth = open ? PART_OPEN : truth_of(value.type == VALUE_BOOLEAN && value.boolean);
    set_comparison(t, part, begin, end);
    return part->truth;
}

/* The jump of the OP_TRUTH that ends code[begin, end): its left operand ends before it, its right one begins after it. */
static unsigned jump_of(const Taking *t, unsigned begin, unsigned end) {
    const Instruction *code = t->condition->code;
    for (unsigned i = begin; i < end; i++)
        if ((code[i].op == OP_AND_THEN || code[i].op == OP_OR_ELSE) && code[i].index == end)
            return i;
    assert(false);
    return begin;
}

static bool is_joined_by(const Taking *t, unsigned begin, unsigned end, Op op) {
    return t->condition->code[end - 1].op == OP_TRUTH && t->condition->code[jump_of(t, begin, end)].op == op;
}

/* All operands of a chain of one word, however they are grouped. `all`: the least true of them counts, else the truest. */
static PartTruth take_chain(Taking *t, unsigned begin, unsigned end, Op op, unsigned depth) {
    if (!is_joined_by(t, begin, end, op))
        return take(t, begin, end, depth);
    unsigned jump = jump_of(t, begin, end);
    PartTruth left = take_chain(t, begin, jump, op, depth);
    PartTruth right = take_chain(t, jump + 1, end - 1, op, depth);
    return op == OP_AND_THEN ? MIN(left, right) : MAX(left, right);
}

static PartTruth take_group(Taking *t, unsigned begin, unsigned end, PartKind kind, unsigned depth) {
    ConditionPart *part = &t->parts[t->n++];
    *part = (ConditionPart){.kind = kind, .depth = depth, .text = text_of(t, end)};
    if (kind == PART_NOT) {
        t->negated = !t->negated;
        PartTruth inner = take(t, begin, end - 1, depth + 1);
        t->negated = !t->negated;
        part->truth = inner == PART_OPEN ? PART_OPEN : truth_of(inner == PART_FAILS);
    } else {
        part->truth = take_chain(t, begin, end, kind == PART_ALL ? OP_AND_THEN : OP_OR_ELSE, depth + 1);
    }
    return part->truth;
}

static PartTruth take(Taking *t, unsigned begin, unsigned end, unsigned depth) {
    Op last = t->condition->code[end - 1].op;
    if (last == OP_NOT)
        return take_group(t, begin, end, PART_NOT, depth);
    if (last != OP_TRUTH)
        return take_comparison(t, begin, end, depth);
    return take_group(t, begin, end, is_joined_by(t, begin, end, OP_AND_THEN) ? PART_ALL : PART_ANY, depth);
}

int condition_take_apart(Arena *arena, const Condition *condition, const Situation *situation, const ConditionPart **ret,
        size_t *ret_n, PartTruth *ret_truth) {
    Taking t = {.condition = condition, .situation = situation};
    *ret = NULL;
    *ret_n = 0;
    *ret_truth = PART_HOLDS;
    if (!condition)
        return 0;
    t.parts = arena_new_array(arena, ConditionPart, condition->n_code);
    if (!t.parts)
        return -ENOMEM;
    *ret_truth = take_chain(&t, 0, condition->n_code, OP_AND_THEN, 0);
    *ret = t.parts;
    *ret_n = t.n;
    return 0;
}
