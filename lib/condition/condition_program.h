#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Condition Programs
 *
 * What condition_compile.c writes, condition.c runs and condition_crossing.c runs once more over linear forms:
 * instructions in postfix order on a stack of values. The operands of a comparison are two adjacent runs of
 * instructions, so either side can be evaluated alone.
 */
#include "lib/condition/condition.h"

typedef enum Op {
    /* push one */
    OP_CONSTANT,
    OP_PARAM,        /* by the lead's segment */
    OP_PARAM_GLOBAL, /* as in `params`: where the segment is what is being found */
    OP_SCORE,
    OP_DERIVED,
    OP_PROFILE,
    OP_EVENT_TYPE,
    OP_EVENT_SOURCE,
    OP_EVENT_CAMPAIGN,
    OP_EVENT_TOPIC,
    OP_EVENT_PROPERTY,
    OP_SEGMENT,
    OP_ROUTE,
    OP_FIRST_SOURCE,
    OP_LAST_SOURCE,
    OP_STAGE, /* a track's present stage */
    OP_AGE,
    OP_SINCE,
    OP_LEFT,
    OP_ENTRIES,
    OP_COUNTER,
    OP_COMMITTEE,
    OP_IDLE,
    /* one to one */
    OP_NEGATE,
    OP_NUMBER,
    OP_PRESENT,
    OP_NOT,
    OP_LIKE, /* against `constant` */
    /* two to one */
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_MIN,
    OP_MAX,
    OP_DEFAULT,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    /* 1 + index to one: the value, then the list's items */
    OP_IN,
    /*
     * `a and b` is: a, OP_AND_THEN, b, OP_TRUTH. OP_AND_THEN jumps to behind OP_TRUTH with false on the
     * stack if a is not true, else takes a off; OP_OR_ELSE likewise with true.
     */
    OP_AND_THEN,
    OP_OR_ELSE,
    OP_TRUTH, /* makes the top a boolean */
} Op;

static inline bool op_is_order(Op op) {
    return op >= OP_LESS && op <= OP_GREATER_EQUAL;
}

typedef struct Instruction {
    Op op;
    unsigned index;  /* of a param, score, derived score, counter, track; items of OP_IN; target of a jump */
    unsigned stage;  /* of OP_SINCE, OP_LEFT, OP_ENTRIES */
    unsigned left;   /* comparisons, OP_IN: where the left side's instructions begin …; OP_LIKE: bytes before the first star, or all … */
    unsigned right;  /* … and the right side's, or the list's; … and bytes behind the last star */
    Value constant;  /* OP_CONSTANT, OP_LIKE; the name of OP_PROFILE and OP_EVENT_PROPERTY */
    Mark mark;
    Str text;        /* the greatest expression that ends with this instruction, as it was written */
} Instruction;

/* Can the value of an operand change by time alone, and how? */
typedef enum TimeKind {
    TIME_STATIC,    /* it cannot */
    TIME_STILL,     /* it cannot, but is made of scores, ones that do not decay */
    TIME_STEPS,     /* a number made of counters: it changes now and then, all at once */
    TIME_LINEAR,    /* a number, linear in scores and elapsed times */
    TIME_NONLINEAR, /* a number, otherwise */
    TIME_TRUTH,     /* the truth of a comparison that involves time */
} TimeKind;

struct Condition {
    Str text;
    TimeKind kind;
    bool is_measured; /* scores or elapsed times are part of it */
    Instruction *code;
    unsigned n_code;
    unsigned *atoms; /* the comparisons that involve time, as indices into code */
    unsigned n_atoms;
    const struct Form **forms; /* of atom i for a lead of segment k: i * (n_segments + 1) + k, for an account: i; NULL: to be worked out (condition_form.h) */
    uint32_t derived; /* bit i: names derived score i */
    unsigned n_expanded; /* instructions, with those of the derived scores that it names, each time that it names them */
};

/* A score of the lead or account, as the situation has it. */
double condition_score(const Situation *situation, unsigned score);
/* What an instruction that takes nothing from the stack (up to OP_IDLE) puts on it. */
Value condition_push(const Instruction *i, const Situation *situation);
/* A two-to-one instruction other than a jump. */
Value condition_binary(const Instruction *i, Value a, Value b);
/* A one-to-one instruction. */
Value condition_unary(const Instruction *i, Value v);
/* Runs code[begin, end), which contains no jump out of it, and returns the one value it leaves. */
Value condition_run(const Condition *condition, unsigned begin, unsigned end, const Situation *situation);
