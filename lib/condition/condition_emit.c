/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/condition/condition_emit.h"

/* How many cells deeper the stack is afterwards. Jumps are counted as falling through. */
static int stack_effect(const Instruction *i) {
    if (i->op <= OP_IDLE)
        return 1;
    if (i->op <= OP_LIKE || i->op == OP_TRUTH)
        return 0;
    return i->op == OP_IN ? -(int)i->index : -1;
}

unsigned emit_instruction(Compiler *c, Instruction instruction) {
    if (c->lexer.failed)
        return 0;
    int depth = (int)c->depth + stack_effect(&instruction);
    if (c->n_code == CONDITION_CODE_MAX || depth > CONDITION_STACK_MAX) {
        lexer_syntax_error(&c->lexer, c->lexer.node->mark, "the condition is too long or too deeply nested");
        return 0;
    }
    c->depth = (unsigned)depth;
    c->code[c->n_code] = instruction;
    return c->n_code++;
}

Operand emit_operand(Compiler *c, Instruction instruction, TimeKind kind) {
    unsigned begin = emit_instruction(c, instruction);
    return (Operand){.kind = kind, .begin = begin, .is_measured = kind == TIME_STILL || kind == TIME_LINEAR};
}

const double *emit_number(Compiler *c, double number) {
    double *copy = arena_new_array(c->lexer.arena, double, 1);
    if (copy)
        *copy = number;
    else
        c->lexer.no_memory = true;
    return copy;
}

Operand emit_constant(Compiler *c, Value value) {
    Operand operand = emit_operand(c, (Instruction){.op = OP_CONSTANT, .constant = value}, TIME_STATIC);
    operand.is_null_literal = value.type == VALUE_NULL;
    if (value.type == VALUE_DOUBLE)
        operand.number_max = emit_number(c, value.number);
    return operand;
}
