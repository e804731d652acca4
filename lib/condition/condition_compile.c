/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler: recursive descent over the text, one function a level of precedence (SPEC section 2),
 * writing instructions as it goes. Each function returns what is known of its operand at load: whether and
 * how time alone can change it. From that the linearity check follows on the spot. After the first syntax
 * error a condition is given up, so that one slip makes one message; wrong names do not stop it.
 */
#include "lib/condition/condition_name.h"

#define NEST_MAX 24

/* The expression that begins at the offset is complete: its last instruction gets its text. */
static void note_text(Compiler *c, size_t offset) {
    if (!c->lexer.failed && c->n_code > 0)
        c->code[c->n_code - 1].text = (Str){c->lexer.text.data + offset, c->lexer.taken - offset};
}

/* --- expressions, loosest first ---------------------------------------------------------------------- */

static Operand parse_or(Compiler *c);

static Operand parse_function_1(Compiler *c, Mark mark, Op op) {
    lexer_expect(&c->lexer, "(");
    Operand x = parse_or(c);
    lexer_expect(&c->lexer, ")");
    emit_instruction(c, (Instruction){.op = op});
    if (op == OP_NUMBER)
        return (Operand){
                .kind = x.kind == TIME_TRUTH ? TIME_STATIC : x.kind, .begin = x.begin, .is_measured = x.is_measured};
    /* present(): whether a linear value is null does not change with time */
    if (x.kind == TIME_NONLINEAR)
        lexer_error(&c->lexer, mark,
                "present() takes scores and elapsed times, their sums, and their products with values that "
                "time does not change");
    return OPERAND_STATIC(x.begin);
}

static Operand parse_function_2(Compiler *c, Op op) {
    lexer_expect(&c->lexer, "(");
    Operand x = parse_or(c);
    lexer_expect(&c->lexer, ",");
    Operand y = parse_or(c);
    lexer_expect(&c->lexer, ")");
    emit_instruction(c, (Instruction){.op = op});
    TimeKind kind = MAX(x.kind, y.kind); /* static < still < steps < linear < nonlinear < truth */
    if (op != OP_DEFAULT && kind > TIME_STILL)
        kind = TIME_NONLINEAR;
    return (Operand){.kind = kind, .begin = x.begin, .is_measured = x.is_measured || y.is_measured};
}

static Operand parse_name(Compiler *c) {
    static const struct {
        const char *name;
        Op op;
        enum { FUNCTION_1, FUNCTION_2, FUNCTION_TRACK } shape;
    } functions[] = {{"min", OP_MIN, FUNCTION_2}, {"max", OP_MAX, FUNCTION_2}, {"default", OP_DEFAULT, FUNCTION_2},
            {"number", OP_NUMBER, FUNCTION_1}, {"present", OP_PRESENT, FUNCTION_1}, {"age", OP_AGE, FUNCTION_TRACK},
            {"since", OP_SINCE, FUNCTION_TRACK}, {"left", OP_LEFT, FUNCTION_TRACK},
            {"entries", OP_ENTRIES, FUNCTION_TRACK}};
    Mark mark = lexer_mark(&c->lexer);
    Str word = c->lexer.token.text;
    lexer_next(&c->lexer);

    if (str_eq_c(word, "true") || str_eq_c(word, "false"))
        return emit_constant(c, value_boolean(str_eq_c(word, "true")));
    if (str_eq_c(word, "null"))
        return emit_constant(c, VALUE_NONE);
    if (str_eq_c(word, "event"))
        return name_event(c, mark, word);
    if (str_eq_c(word, "profile"))
        return name_profile(c, mark, word);
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        if (!str_eq_c(word, functions[i].name))
            continue;
        switch (functions[i].shape) {
        case FUNCTION_1:
            return parse_function_1(c, mark, functions[i].op);
        case FUNCTION_2:
            return parse_function_2(c, functions[i].op);
        default:
            return name_track_function(c, mark, word, functions[i].op);
        }
    }
    return name_plain(c, mark, word);
}

/* A word that joins values, and is none. */
static bool at_operator(const Lexer *l) {
    static const char *const words[] = {"and", "or", "not", "in", "like"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (lexer_at_word(l, words[i]))
            return true;
    return false;
}

static Operand parse_primary(Compiler *c) {
    Operand operand = OPERAND_STATIC(0);
    if (c->lexer.failed)
        return operand;
    switch (c->lexer.token.type) {
    case TOKEN_NUMBER:
        operand = emit_constant(c, value_double(c->lexer.token.number));
        lexer_next(&c->lexer);
        return operand;
    case TOKEN_STRING:
        operand = emit_constant(c, value_string(c->lexer.token.string));
        lexer_next(&c->lexer);
        return operand;
    case TOKEN_NAME:
        if (at_operator(&c->lexer))
            break;
        return parse_name(c);
    default:
        break;
    }
    if (!lexer_accept(&c->lexer, "(")) {
        lexer_unexpected(&c->lexer, "a value");
        return operand;
    }
    operand = parse_or(c);
    lexer_expect(&c->lexer, ")");
    operand = (Operand){.kind = operand.kind, .begin = operand.begin, .is_measured = operand.is_measured};
    return operand;
}

/* Guards the recursion of parentheses, `not` and unary minus. */
static bool enter(Compiler *c) {
    if (c->lexer.failed)
        return false;
    if (++c->nest > NEST_MAX) {
        lexer_syntax_error(&c->lexer, lexer_mark(&c->lexer), "more than %d levels of nesting", NEST_MAX);
        return false;
    }
    return true;
}

static Operand parse_unary(Compiler *c) {
    if (!lexer_accept(&c->lexer, "-"))
        return parse_primary(c);
    if (!enter(c))
        return OPERAND_STATIC(0);
    Operand x = parse_unary(c);
    c->nest--;
    emit_instruction(c, (Instruction){.op = OP_NEGATE});
    return (Operand){.kind = x.kind == TIME_TRUTH ? TIME_STATIC : x.kind, .begin = x.begin, .is_measured = x.is_measured};
}

/* Linear where time changes one factor only, linearly, and not the divisor. */
static TimeKind product_kind(TimeKind x, TimeKind y, bool divide) {
    if (x <= TIME_STILL && y <= TIME_STILL)
        return MAX(x, y);
    bool linear = x <= TIME_LINEAR && y <= TIME_LINEAR && (y <= TIME_STILL || (x <= TIME_STILL && !divide));
    return linear ? MAX(x, y) : TIME_NONLINEAR;
}

static Operand parse_product(Compiler *c) {
    Operand x = parse_unary(c);
    while (!c->lexer.failed && (lexer_at(&c->lexer, "*") || lexer_at(&c->lexer, "/"))) {
        bool divide = lexer_at(&c->lexer, "/");
        lexer_next(&c->lexer);
        Operand y = parse_unary(c);
        emit_instruction(c, (Instruction){.op = divide ? OP_DIVIDE : OP_MULTIPLY});
        x = (Operand){.kind = product_kind(x.kind, y.kind, divide), .begin = x.begin,
                .is_measured = x.is_measured || y.is_measured};
    }
    return x;
}

static Operand parse_sum(Compiler *c) {
    size_t offset = c->lexer.token.offset;
    Operand x = parse_product(c);
    while (!c->lexer.failed && (lexer_at(&c->lexer, "+") || lexer_at(&c->lexer, "-"))) {
        bool subtract = lexer_at(&c->lexer, "-");
        lexer_next(&c->lexer);
        Operand y = parse_product(c);
        emit_instruction(c, (Instruction){.op = subtract ? OP_SUBTRACT : OP_ADD});
        TimeKind kind = MAX(x.kind, y.kind);
        x = (Operand){.kind = kind == TIME_TRUTH ? TIME_NONLINEAR : kind, .begin = x.begin,
                .is_measured = x.is_measured || y.is_measured};
    }
    note_text(c, offset);
    return x;
}

static bool comparison_op(const Compiler *c, Op *ret) {
    static const struct {
        const char *symbol;
        Op op;
    } ops[] = {{"==", OP_EQUAL}, {"!=", OP_NOT_EQUAL}, {"<", OP_LESS}, {"<=", OP_LESS_EQUAL}, {">", OP_GREATER},
            {">=", OP_GREATER_EQUAL}};
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
        if (lexer_at(&c->lexer, ops[i].symbol)) {
            *ret = ops[i].op;
            return true;
        }
    return false;
}

/* What the instructions from `begin` on are if they are one; NULL: more than that. */
static const Instruction *sole_instruction(const Compiler *c, unsigned begin, unsigned end) {
    return !c->lexer.failed && end == begin + 1 ? &c->code[begin] : NULL;
}

/* A counter is never more than what it keeps, so that comparing it with more is a slip. */
static void check_keep(Compiler *c, const Counter *counter, const double *number, Mark mark) {
    if (counter && number && *number > counter->keep && !c->lexer.failed)
        lexer_error(&c->lexer, mark, "counter \"%.*s\" keeps %u events, so it cannot be compared with %g: raise its \"keep\" (at most %d)",
                STR_FMT(counter->id), counter->keep, *number, MODEL_COUNTER_KEEP_MAX);
}

/* The check of SPEC section 2: what a comparison that involves scores or elapsed times may look like. */
static TimeKind check_comparison(Compiler *c, Op op, Operand x, Operand y, Mark mark) {
    TimeKind kind = MAX(x.kind, y.kind);
    bool equality = op == OP_EQUAL || op == OP_NOT_EQUAL;
    check_keep(c, x.counter, y.number_max, mark);
    check_keep(c, y.counter, x.number_max, mark);
    if (kind == TIME_STATIC)
        return TIME_STATIC;
    if (kind > TIME_LINEAR) {
        lexer_error(&c->lexer, mark,
                "each side of a comparison that involves scores or elapsed times must be linear in them: sums, "
                "and products and quotients with values that time does not change");
        return TIME_STATIC;
    }
    if (!equality)
        return kind == TIME_STILL ? TIME_STATIC : TIME_TRUTH;
    if (x.is_null_literal || y.is_null_literal)
        return TIME_STATIC; /* whether it is null does not change with time */
    if (kind == TIME_STEPS && !x.is_measured && !y.is_measured)
        return TIME_TRUTH;
    lexer_error(&c->lexer, mark,
            "a score or an elapsed time cannot be compared by == or != (other than with null); "
            "use <, <=, > or >=");
    return TIME_STATIC;
}

static void note_atom(Compiler *c, unsigned at) {
    if (!c->lexer.failed)
        c->atoms[c->n_atoms++] = at;
}

static Operand parse_in(Compiler *c, Operand x, Mark mark) {
    unsigned n = 0, x_end = c->n_code;
    lexer_expect(&c->lexer, "[");
    TimeKind kind = x.kind;
    bool measured = x.is_measured;
    while (!c->lexer.failed && !lexer_at(&c->lexer, "]")) {
        Mark y_mark = lexer_mark(&c->lexer);
        Operand y = parse_sum(c);
        check_keep(c, x.counter, y.number_max, mark);
        name_check_text(c, sole_instruction(c, x.begin, x_end), sole_instruction(c, y.begin, c->n_code), y_mark);
        kind = MAX(kind, y.kind);
        measured |= y.is_measured;
        n++;
        if (!lexer_accept(&c->lexer, ","))
            break;
    }
    lexer_expect(&c->lexer, "]");
    bool steps = kind == TIME_STEPS && !measured;
    if (kind != TIME_STATIC && !steps && !c->lexer.failed)
        lexer_error(&c->lexer, mark, "\"in\" cannot test a score or an elapsed time; use <, <=, > or >=");
    unsigned at = emit_instruction(c, (Instruction){.op = OP_IN, .index = n, .left = x.begin, .right = x_end});
    if (steps)
        note_atom(c, at);
    return (Operand){.kind = steps ? TIME_TRUTH : TIME_STATIC, .begin = x.begin};
}

static Instruction like_instruction(Str pattern) {
    Instruction i = {.op = OP_LIKE, .constant = value_string(pattern), .left = (unsigned)pattern.len};
    for (size_t at = pattern.len; at-- > 0;) {
        if (pattern.data[at] != '*')
            continue;
        if (i.left == pattern.len)
            i.right = (unsigned)(pattern.len - at - 1);
        i.left = (unsigned)at;
    }
    return i;
}

static Operand parse_relation(Compiler *c) {
    Mark x_mark = lexer_mark(&c->lexer);
    Operand x = parse_sum(c);
    unsigned x_end = c->n_code;
    Mark mark = lexer_mark(&c->lexer);
    Op op;
    if (lexer_accept_word(&c->lexer, "in"))
        return parse_in(c, x, mark);
    if (lexer_accept_word(&c->lexer, "like")) {
        if (!c->lexer.failed && c->lexer.token.type != TOKEN_STRING)
            lexer_unexpected(&c->lexer, "a pattern in double quotes");
        if (!c->lexer.failed)
            emit_instruction(c, like_instruction(c->lexer.token.string));
        if (!c->lexer.failed)
            lexer_next(&c->lexer);
        return OPERAND_STATIC(x.begin);
    }
    if (c->lexer.failed || !comparison_op(c, &op))
        return x;
    lexer_next(&c->lexer);
    Mark y_mark = lexer_mark(&c->lexer);
    Operand y = parse_sum(c);
    if (c->lexer.failed)
        return x;
    name_check_text(c, sole_instruction(c, x.begin, x_end), sole_instruction(c, y.begin, c->n_code), y_mark);
    name_check_text(c, sole_instruction(c, y.begin, c->n_code), sole_instruction(c, x.begin, x_end), x_mark);
    TimeKind kind = check_comparison(c, op, x, y, mark);
    unsigned at = emit_instruction(c, (Instruction){.op = op, .left = x.begin, .right = y.begin, .mark = mark});
    if (kind == TIME_TRUTH)
        note_atom(c, at);
    Op chained;
    if (!c->lexer.failed && comparison_op(c, &chained))
        lexer_syntax_error(&c->lexer, lexer_mark(&c->lexer), "comparisons do not chain; join them with \"and\"");
    return (Operand){.kind = kind, .begin = x.begin};
}

static Operand parse_comparison(Compiler *c) {
    size_t offset = c->lexer.token.offset;
    Operand x = parse_relation(c);
    note_text(c, offset);
    return x;
}

static Operand parse_not(Compiler *c) {
    size_t offset = c->lexer.token.offset;
    if (!lexer_accept_word(&c->lexer, "not"))
        return parse_comparison(c);
    if (!enter(c))
        return OPERAND_STATIC(0);
    Operand x = parse_not(c);
    c->nest--;
    emit_instruction(c, (Instruction){.op = OP_NOT});
    note_text(c, offset);
    return (Operand){.kind = x.kind == TIME_TRUTH ? TIME_TRUTH : TIME_STATIC, .begin = x.begin};
}

static Operand join(Compiler *c, const char *word, Op op, Operand (*parse_operand)(Compiler *)) {
    size_t offset = c->lexer.token.offset;
    Operand x = parse_operand(c);
    while (lexer_accept_word(&c->lexer, word)) {
        unsigned jump = emit_instruction(c, (Instruction){.op = op});
        Operand y = parse_operand(c);
        emit_instruction(c, (Instruction){.op = OP_TRUTH});
        note_text(c, offset);
        if (!c->lexer.failed)
            c->code[jump].index = c->n_code;
        bool time = x.kind == TIME_TRUTH || y.kind == TIME_TRUTH;
        x = (Operand){.kind = time ? TIME_TRUTH : TIME_STATIC, .begin = x.begin};
    }
    return x;
}

static Operand parse_and(Compiler *c) {
    return join(c, "and", OP_AND_THEN, parse_not);
}

static Operand parse_or(Compiler *c) {
    if (!enter(c))
        return OPERAND_STATIC(0);
    Operand x = join(c, "or", OP_OR_ELSE, parse_and);
    c->nest--;
    return x;
}

/* --- the whole --------------------------------------------------------------------------------------- */

static int finish(const Compiler *c, Operand operand, Condition **ret) {
    Condition *condition = arena_alloc(c->lexer.arena, 1, sizeof(*condition));
    if (!condition)
        return -ENOMEM;
    *condition = (Condition){.text = c->lexer.text, .kind = operand.kind, .is_measured = operand.is_measured,
            .n_code = c->n_code, .n_atoms = c->n_atoms, .derived = c->derived, .n_expanded = c->n_expanded + c->n_code};
    condition->code = arena_new_array(c->lexer.arena, Instruction, c->n_code);
    condition->atoms = arena_new_array(c->lexer.arena, unsigned, MAX(c->n_atoms, 1));
    if (!condition->code || !condition->atoms)
        return -ENOMEM;
    memcpy(condition->code, c->code, c->n_code * sizeof(*c->code));
    memcpy(condition->atoms, c->atoms, c->n_atoms * sizeof(*c->atoms));
    *ret = condition;
    return 0;
}

int condition_compile(Arena *arena, const Model *model, const YamlNode *node, ConditionPlace place,
        Diagnostics *diagnostics, Condition **ret) {
    _cleanup_(free_null) Compiler *c = calloc(1, sizeof(*c));
    _cleanup_(free_null) Instruction *code = calloc(CONDITION_CODE_MAX, sizeof(*code));
    *ret = NULL;
    if (!c || !code)
        return -ENOMEM;
    *c = (Compiler){.lexer = {.arena = arena, .node = node, .diagnostics = diagnostics}, .model = model, .place = place,
            .code = code};
    if (node->type != YAML_SCALAR || node->text.len > CONDITION_TEXT_LEN_MAX) {
        lexer_error(&c->lexer, node->mark, "a condition of at most %d bytes was expected", CONDITION_TEXT_LEN_MAX);
        return 0;
    }
    c->lexer.text = arena_str(arena, node->text);
    if (!c->lexer.text.data)
        return -ENOMEM;
    lexer_next(&c->lexer);
    Operand operand = parse_or(c);
    if (!c->lexer.failed && c->lexer.token.type != TOKEN_END)
        lexer_unexpected(&c->lexer, "the end, \"and\" or \"or\"");
    if (c->n_expanded + c->n_code > CONDITION_STEPS_MAX)
        lexer_error(&c->lexer, node->mark,
                "the condition takes more than %d steps, with those of the derived scores that it names", CONDITION_STEPS_MAX);
    if (place == CONDITION_LEAD && operand.kind == TIME_TRUTH)
        lexer_error(&c->lexer, node->mark, "a derived score must be a number, and this is a condition");
    if (c->lexer.no_memory)
        return -ENOMEM;
    return c->lexer.bad ? 0 : finish(c, operand, ret);
}
