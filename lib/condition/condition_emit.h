#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing a Condition's Program
 *
 * What the parts of the compiler have in common: the program so far, and what is known at load of the operand that was written last,
 * which is whether and how time alone can change it.
 */
#include "lib/condition/condition_lexer.h"
#include "lib/condition/condition_program.h"
#include "lib/model/model.h"

#define CONDITION_CODE_MAX 1024

typedef struct Compiler {
    Lexer lexer;
    const Model *model;
    ConditionPlace place;
    Instruction *code;
    unsigned n_code;
    unsigned atoms[CONDITION_CODE_MAX];
    unsigned n_atoms;
    unsigned depth; /* of the stack at run time */
    unsigned nest;
    uint32_t derived;
    unsigned n_expanded;
} Compiler;

typedef struct Operand {
    TimeKind kind;
    unsigned begin; /* of its instructions */
    bool is_measured; /* scores or elapsed times are part of it */
    /* What it is by itself, not as part of a greater expression. */
    bool is_null_literal;
    const Counter *counter; /* NULL: not a counter alone */
    const double *number_max; /* what a number or a param can be at most; NULL: not known */
} Operand;

#define OPERAND_STATIC(begin_arg) ((Operand){.kind = TIME_STATIC, .begin = (begin_arg)})

/* Appends it and returns where it stands; 0 after a failure, which the program being too long is as well. */
unsigned emit_instruction(Compiler *c, Instruction instruction);
/* An instruction that is an operand by itself. */
Operand emit_operand(Compiler *c, Instruction instruction, TimeKind kind);
Operand emit_constant(Compiler *c, Value value);
/* The number in the arena, for `number_max`; NULL when out of memory, which is noted. */
const double *emit_number(Compiler *c, double number);
