#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a Condition
 *
 * A condition taken apart at its `and`, `or` and `not`, down to comparisons, each with what its sides are worth: so that one can
 * read which of them is missing.
 */
#include "lib/condition/condition.h"

typedef enum PartKind {
    PART_ALL,     /* of the parts below it */
    PART_ANY,
    PART_NOT,     /* the one below it does not hold */
    PART_COMPARE, /* left and right */
    PART_IN,      /* left is in a list */
    PART_LIKE,    /* left is like right */
    PART_PRESENT, /* left is not null */
    PART_VALUE,   /* left is true */
} PartKind;

/* What is said of a condition before an event is at hand. */
typedef enum PartTruth { PART_FAILS, PART_OPEN /* the event decides */, PART_HOLDS } PartTruth;
const char *part_truth_name(PartTruth truth);

typedef struct ConditionPart {
    PartKind kind;
    unsigned depth; /* those below a part follow it and are one deeper */
    PartTruth truth;
    Str text;       /* as it was written; borrowed from the model, as are the sides' */
    Str left_text, right_text; /* null: there is no such side */
    Value left, right;         /* null also where the event decides */
    bool is_span;              /* the sides are spans of time, in milliseconds */
    bool is_constant;          /* the right side is written out, and not made of names */
    bool is_order;             /* one side is asked to be more than the other: … */
    bool wants_less;           /* … the right one, not the left one */
    bool has_missing;          /* two numbers are not in that order, and should be: … */
    double missing;            /* … by so much; 0 or more */
} ConditionPart;

/*
 * Takes the condition apart, in `arena`. If it is an `and`, its parts are what stands outermost: all of them must hold. A NULL condition
 * has no parts and holds. In a situation without event, what names event.* is PART_OPEN. 0 or -ENOMEM.
 */
MUST_CHECK int condition_take_apart(Arena *arena, const Condition *condition, const Situation *situation,
        const ConditionPart **ret, size_t *ret_n, PartTruth *ret_truth);
