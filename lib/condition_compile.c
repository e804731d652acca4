/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler: recursive descent over the text, one function a level of precedence (SPEC section 2),
 * writing instructions as it goes. Each function returns what is known of its operand at load: whether and
 * how time alone can change it. From that the linearity check follows on the spot. After the first syntax
 * error a condition is given up, so that one slip makes one message; wrong names do not stop it.
 */
#include <math.h>
#include <stdio.h>

#include "lib/condition_program.h"
#include "lib/model.h"
#include "lib/timestamp.h"

#define NEST_MAX 24
#define CODE_MAX 1024

typedef enum TokenType {
    TOKEN_END,
    TOKEN_NUMBER, /* durations too */
    TOKEN_STRING,
    TOKEN_NAME,
    TOKEN_SYMBOL,
    TOKEN_BAD, /* reported already */
} TokenType;

typedef struct Token {
    TokenType type;
    Str text; /* the source's bytes */
    size_t offset;
    double number;
    Str string;
} Token;

typedef struct Compiler {
    Arena *arena;
    const Model *model;
    const YamlNode *node;
    ConditionPlace place;
    Diagnostics *diagnostics;
    Str text;
    size_t offset;
    Token token;
    Instruction *code;
    unsigned n_code;
    unsigned atoms[CODE_MAX];
    unsigned n_atoms;
    unsigned depth; /* of the stack at run time */
    unsigned nest;
    uint32_t derived;
    unsigned n_expanded;
    bool failed;    /* by syntax: stop */
    bool bad;       /* some error was reported */
    bool no_memory;
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

/* --- places and errors ------------------------------------------------------------------------------- */

static unsigned count_characters(Str text) {
    unsigned n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((uint8_t)text.data[i] & 0xC0) != 0x80;
    return n;
}

static Mark mark_at(const Compiler *c, size_t offset, size_t len) {
    if (!c->node->text_exact)
        return c->node->mark;
    unsigned characters = count_characters((Str){c->text.data + offset, len});
    return (Mark){.line = c->node->mark.line,
            .column = c->node->text_column + count_characters((Str){c->text.data, offset}),
            .length = MAX(characters, 1)};
}

static Mark token_mark(const Compiler *c) {
    return mark_at(c, c->token.offset, c->token.text.len);
}

#define compile_error(c, mark, ...)                                                                          \
    do {                                                                                                     \
        (c)->bad = true;                                                                                     \
        diagnostics_add((c)->diagnostics, DIAGNOSTIC_ERROR, (mark), __VA_ARGS__);                            \
    } while (0)

#define syntax_error(c, mark, ...)                                                                           \
    do {                                                                                                     \
        if (!(c)->failed)                                                                                    \
            compile_error((c), (mark), __VA_ARGS__);                                                         \
        (c)->failed = true;                                                                                  \
    } while (0)

/* --- tokens ------------------------------------------------------------------------------------------ */

static bool is_letter(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}

static bool is_digit(char ch) {
    return ch >= '0' && ch <= '9';
}

static char peek(const Compiler *c, size_t ahead) {
    return c->offset + ahead < c->text.len ? c->text.data[c->offset + ahead] : '\0';
}

static void token_finish(Compiler *c, TokenType type) {
    c->token.type = type;
    c->token.text = (Str){c->text.data + c->token.offset, c->offset - c->token.offset};
}

static void lex_digits(Compiler *c) {
    while (is_digit(peek(c, 0)))
        c->offset++;
}

static void lex_number(Compiler *c) {
    lex_digits(c);
    if (peek(c, 0) == '.' && is_digit(peek(c, 1))) {
        c->offset++;
        lex_digits(c);
    }
    size_t sign = peek(c, 1) == '+' || peek(c, 1) == '-';
    if ((peek(c, 0) == 'e' || peek(c, 0) == 'E') && is_digit(peek(c, 1 + sign))) {
        c->offset += 1 + sign;
        lex_digits(c);
    }
    bool duration = is_letter(peek(c, 0));
    while (is_letter(peek(c, 0)) || is_digit(peek(c, 0)))
        c->offset++;
    token_finish(c, TOKEN_NUMBER);

    int64_t ms;
    char copy[64];
    if (duration) {
        if (duration_parse(c->token.text, &ms)) {
            c->token.number = (double)ms;
            return;
        }
        syntax_error(c, token_mark(c), "\"%.*s\" is neither a number nor a duration (such as 90s, 24h, 30d)",
                STR_FMT(c->token.text));
    } else if (c->token.text.len < sizeof(copy)) {
        memcpy(copy, c->token.text.data, c->token.text.len);
        copy[c->token.text.len] = '\0';
        c->token.number = strtod(copy, NULL);
        if (isfinite(c->token.number))
            return;
    }
    syntax_error(c, token_mark(c), "the number is too large");
    c->token.type = TOKEN_BAD;
}

/* Bytes up to the closing quote or the end, escapes as they stand. */
static size_t string_length(const Compiler *c) {
    size_t n = 0;
    for (size_t i = c->offset + 1; i < c->text.len && c->text.data[i] != '"'; i++, n++)
        if (c->text.data[i] == '\\')
            i++;
    return n;
}

static void lex_string(Compiler *c) {
    char *string = arena_alloc(c->arena, string_length(c) + 1, 1);
    size_t n = 0;
    if (!string) {
        c->no_memory = c->failed = true;
        c->token.type = TOKEN_BAD;
        return;
    }
    c->offset++;
    while (c->offset < c->text.len && peek(c, 0) != '"') {
        if (peek(c, 0) == '\\') {
            if (peek(c, 1) != '"' && peek(c, 1) != '\\')
                syntax_error(c, mark_at(c, c->offset, 1), "in a string only \\\" and \\\\ are escapes");
            c->offset++;
        }
        if (c->offset < c->text.len)
            string[n++] = peek(c, 0);
        c->offset++;
    }
    bool closed = c->offset < c->text.len;
    c->offset = MIN(c->offset + closed, c->text.len);
    token_finish(c, TOKEN_STRING);
    c->token.string = (Str){string, n};
    if (!closed)
        syntax_error(c, token_mark(c), "the string has no closing \"");
}

static void lex_symbol(Compiler *c) {
    static const char *const two[] = {"==", "!=", "<=", ">="};
    for (size_t i = 0; i < ARRAY_SIZE(two); i++)
        if (peek(c, 0) == two[i][0] && peek(c, 1) == two[i][1]) {
            c->offset += 2;
            token_finish(c, TOKEN_SYMBOL);
            return;
        }
    char ch = peek(c, 0);
    /* A whole character, so that a message never shows half of one. */
    do
        c->offset++;
    while (((uint8_t)peek(c, 0) & 0xC0) == 0x80);
    token_finish(c, TOKEN_SYMBOL);
    if (strchr("()[],.<>+-*/", ch))
        return;
    c->token.type = TOKEN_BAD;
    if (ch == '=')
        syntax_error(c, token_mark(c), "unexpected \"=\"; did you mean \"==\"?");
    else if (ch == '\'')
        syntax_error(c, token_mark(c), "strings are written in double quotes: \"…\"");
    else if (ch == '&' || ch == '|' || ch == '!')
        syntax_error(c, token_mark(c), "unexpected \"%c\"; \"and\", \"or\" and \"not\" are words here", ch);
    else
        syntax_error(c, token_mark(c), "unexpected \"%.*s\"", STR_FMT(c->token.text));
}

static void skip_blanks(Compiler *c) {
    while (peek(c, 0) == ' ' || peek(c, 0) == '\t' || peek(c, 0) == '\n' || peek(c, 0) == '\r')
        c->offset++;
}

static void next_token(Compiler *c) {
    skip_blanks(c);
    c->token = (Token){.offset = c->offset};
    if (c->offset >= c->text.len) {
        token_finish(c, TOKEN_END);
    } else if (is_digit(peek(c, 0))) {
        lex_number(c);
    } else if (peek(c, 0) == '"') {
        lex_string(c);
    } else if (is_letter(peek(c, 0))) {
        while (is_letter(peek(c, 0)) || is_digit(peek(c, 0)))
            c->offset++;
        token_finish(c, TOKEN_NAME);
    } else {
        lex_symbol(c);
    }
}

/* After the dot of `track.stage`: stage ids may begin with a digit and hold '-', which elsewhere is a minus. */
static void next_stage_token(Compiler *c) {
    skip_blanks(c);
    if (!is_letter(peek(c, 0)) && !is_digit(peek(c, 0)) && peek(c, 0) != '-') {
        next_token(c);
        return;
    }
    c->token = (Token){.offset = c->offset};
    while (is_letter(peek(c, 0)) || is_digit(peek(c, 0)) || peek(c, 0) == '-')
        c->offset++;
    token_finish(c, TOKEN_NAME);
}

static bool at_symbol(const Compiler *c, const char *symbol) {
    return c->token.type == TOKEN_SYMBOL && str_eq_c(c->token.text, symbol);
}

static bool at_word(const Compiler *c, const char *word) {
    return c->token.type == TOKEN_NAME && str_eq_c(c->token.text, word);
}

static bool accept_symbol(Compiler *c, const char *symbol) {
    if (c->failed || !at_symbol(c, symbol))
        return false;
    next_token(c);
    return true;
}

static bool accept_word(Compiler *c, const char *word) {
    if (c->failed || !at_word(c, word))
        return false;
    next_token(c);
    return true;
}

static void unexpected(Compiler *c, const char *expected) {
    if (c->token.type == TOKEN_END)
        syntax_error(c, mark_at(c, c->text.len, 0), "the condition ends where %s was expected", expected);
    else
        syntax_error(c, token_mark(c), "unexpected \"%.*s\" where %s was expected", STR_FMT(c->token.text), expected);
}

static void expect_symbol(Compiler *c, const char *symbol) {
    char expected[8];
    if (accept_symbol(c, symbol))
        return;
    (void)snprintf(expected, sizeof(expected), "\"%s\"", symbol);
    unexpected(c, expected);
}

/* --- instructions ------------------------------------------------------------------------------------ */

/* How many cells deeper the stack is afterwards. Jumps are counted as falling through. */
static int stack_effect(const Instruction *i) {
    if (i->op <= OP_IDLE)
        return 1;
    if (i->op <= OP_LIKE || i->op == OP_TRUTH)
        return 0;
    return i->op == OP_IN ? -(int)i->index : -1;
}

static unsigned emit(Compiler *c, Instruction instruction) {
    if (c->failed)
        return 0;
    int depth = (int)c->depth + stack_effect(&instruction);
    if (c->n_code == CODE_MAX || depth > CONDITION_STACK_MAX) {
        syntax_error(c, c->node->mark, "the condition is too long or too deeply nested");
        return 0;
    }
    c->depth = (unsigned)depth;
    c->code[c->n_code] = instruction;
    return c->n_code++;
}

static Operand emit_operand(Compiler *c, Instruction instruction, TimeKind kind) {
    unsigned begin = emit(c, instruction);
    return (Operand){.kind = kind, .begin = begin, .is_measured = kind == TIME_STILL || kind == TIME_LINEAR};
}

static const double *number_copy(Compiler *c, double number) {
    double *copy = arena_new_array(c->arena, double, 1);
    if (copy)
        *copy = number;
    else
        c->no_memory = true;
    return copy;
}

static Operand emit_constant(Compiler *c, Value value) {
    Operand operand = emit_operand(c, (Instruction){.op = OP_CONSTANT, .constant = value}, TIME_STATIC);
    operand.is_null_literal = value.type == VALUE_NULL;
    if (value.type == VALUE_DOUBLE)
        operand.number_max = number_copy(c, value.number);
    return operand;
}

/* --- names ------------------------------------------------------------------------------------------- */

static bool place_has_event(ConditionPlace place) {
    return place == CONDITION_EVENT || place == CONDITION_TRACK_EVENT;
}

static bool place_has_route(ConditionPlace place) {
    return place == CONDITION_TRACK || place == CONDITION_TRACK_EVENT;
}

/* Scores, tracks and elapsed times. */
static bool place_has_state(ConditionPlace place) {
    return place != CONDITION_SEGMENT && place != CONDITION_PROFILE;
}

/* Reports a name that the place may not use; it compiles to null so that the rest is checked too. */
static Operand not_here(Compiler *c, Mark mark, Str name) {
    if (str_eq_c(name, "event"))
        compile_error(c, mark, "event.* cannot be named here: no event is at hand");
    else if (c->place == CONDITION_ACCOUNT)
        compile_error(c, mark, "\"%.*s\" cannot be named here: only the account's own scores, committee, its tracks, and params",
                STR_FMT(name));
    else if (str_eq_c(name, "route"))
        compile_error(c, mark, "route can be named in tracks and sla only");
    else
        compile_error(c, mark, "\"%.*s\" cannot be named here: only profile.*, first_source, last_source%s and params",
                STR_FMT(name), c->place == CONDITION_SEGMENT ? "" : ", segment");
    return emit_constant(c, VALUE_NONE);
}

/* All names that mean something in this place, for suggestions. */
static size_t known_names(const Compiler *c, const char **names) {
    static const char *const words[] = {"age", "since", "left", "entries", "present", "default", "number", "min", "max", "true",
            "false", "null", "not", "and", "or", "in", "like"};
    static const char *const lead_words[] = {
            "event", "profile", "segment", "route", "first_source", "last_source", "idle"};
    const Model *m = c->model;
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        names[n++] = words[i];
    for (size_t i = 0; i < m->n_params; i++)
        names[n++] = m->params[i].id.data;
    if (c->place == CONDITION_ACCOUNT) {
        names[n++] = "committee";
        for (size_t i = 0; i < m->n_account_scores; i++)
            names[n++] = m->account_scores[i].id.data;
        for (size_t i = 0; i < m->n_account_tracks; i++)
            names[n++] = m->account_tracks[i].id.data;
        return n;
    }
    for (size_t i = 0; i < ARRAY_SIZE(lead_words); i++)
        names[n++] = lead_words[i];
    for (size_t i = 0; i < m->n_scores; i++)
        names[n++] = m->scores[i].id.data;
    for (size_t i = 0; i < m->n_derived; i++)
        names[n++] = m->derived[i].id.data;
    for (size_t i = 0; i < m->n_counters; i++)
        names[n++] = m->counters[i].id.data;
    for (size_t i = 0; i < m->n_tracks; i++)
        names[n++] = m->tracks[i].id.data;
    return n;
}

/* More than known_names() gives. */
#define NAMES_MAX                                                                                                    \
    (32 + MODEL_PARAMS_MAX + MODEL_SCORES_MAX + MODEL_DERIVED_MAX + MODEL_COUNTERS_MAX + MODEL_ACCOUNT_SCORES_MAX +  \
            2 * MODEL_TRACKS_MAX)

static Operand unknown_name(Compiler *c, Mark mark, Str name) {
    const char *names[NAMES_MAX];
    const char *nearest = diagnostic_nearest(name, names, known_names(c, names));
    if (nearest)
        compile_error(c, mark, "unknown name \"%.*s\"; did you mean \"%s\"?", STR_FMT(name), nearest);
    else if (c->place == CONDITION_ACCOUNT)
        compile_error(c, mark,
                "unknown name \"%.*s\": an account score, committee, an account track, a param or a function was expected",
                STR_FMT(name));
    else
        /* What is forgotten most often are the quotes, and `profile.`. */
        compile_error(c, mark,
                "unknown name \"%.*s\": no score, derived score, counter, param or track is called so; a "
                "text stands in double quotes, an attribute is profile.%.*s%s",
                STR_FMT(name), STR_FMT(name), place_has_event(c->place) ? ", a property event.…" : "");
    /* what belongs to a name that is not understood is not, either */
    c->failed |= at_symbol(c, ".") || at_symbol(c, "(");
    return emit_constant(c, VALUE_NONE);
}

#define find_index(array, n, name_arg)                                                                       \
    ({                                                                                                       \
        int _found = -1;                                                                                     \
        for (size_t _i = 0; _i < (n) && _found < 0; _i++)                                                    \
            if (str_eq((array)[_i].id, (name_arg)))                                                          \
                _found = (int)_i;                                                                            \
        _found;                                                                                              \
    })

static Str member_name(Compiler *c) {
    expect_symbol(c, ".");
    if (!c->failed && c->token.type != TOKEN_NAME)
        unexpected(c, "a name");
    if (c->failed)
        return STR_NULL;
    Str name = arena_str(c->arena, c->token.text);
    c->no_memory |= !name.data;
    next_token(c);
    return name;
}

static Operand parse_event(Compiler *c, Mark mark, Str word) {
    Str name = member_name(c);
    if (c->failed)
        return OPERAND_STATIC(0);
    if (!place_has_event(c->place))
        return not_here(c, mark, word);
    static const struct {
        const char *name;
        Op op;
    } fields[] = {{"type", OP_EVENT_TYPE}, {"source", OP_EVENT_SOURCE}, {"campaign", OP_EVENT_CAMPAIGN},
            {"topic", OP_EVENT_TOPIC}};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (str_eq_c(name, fields[i].name))
            return emit_operand(c, (Instruction){.op = fields[i].op}, TIME_STATIC);
    return emit_operand(c, (Instruction){.op = OP_EVENT_PROPERTY, .constant = value_string(name)}, TIME_STATIC);
}

/* Those of leads, or of accounts. */
static const Track *tracks_of(const Compiler *c, size_t *ret_n) {
    bool account = c->place == CONDITION_ACCOUNT;
    *ret_n = account ? c->model->n_account_tracks : c->model->n_tracks;
    return account ? c->model->account_tracks : c->model->tracks;
}

static int resolve_track(Compiler *c, Str name, Mark mark) {
    size_t n_tracks;
    const Track *tracks = tracks_of(c, &n_tracks);
    int track = find_index(tracks, n_tracks, name);
    if (track >= 0)
        return track;
    const char *names[MODEL_TRACKS_MAX];
    size_t n = MIN(n_tracks, ARRAY_SIZE(names));
    for (size_t i = 0; i < n; i++)
        names[i] = tracks[i].id.data;
    const char *nearest = diagnostic_nearest(name, names, n);
    compile_error(c, mark, "unknown track \"%.*s\"%s%s%s", STR_FMT(name), nearest ? "; did you mean \"" : "",
            nearest ? nearest : "", nearest ? "\"?" : "");
    return -1;
}

static int resolve_stage(Compiler *c, const Track *track, Str name, Mark mark) {
    int stage = find_index(track->stages, track->n_stages, name);
    if (stage >= 0)
        return stage;
    const char *names[MODEL_STAGES_MAX];
    size_t n = MIN(track->n_stages, ARRAY_SIZE(names));
    for (size_t i = 0; i < n; i++)
        names[i] = track->stages[i].id.data;
    const char *nearest = diagnostic_nearest(name, names, n);
    compile_error(c, mark, "track \"%.*s\" has no stage \"%.*s\"%s%s%s", STR_FMT(track->id), STR_FMT(name),
            nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
    return -1;
}

/* age(track), since(track.stage), left(track.stage), entries(track.stage) */
static Operand parse_track_function(Compiler *c, Mark mark, Str word, Op op) {
    expect_symbol(c, "(");
    if (!c->failed && c->token.type != TOKEN_NAME)
        unexpected(c, "a track");
    if (c->failed)
        return OPERAND_STATIC(0);
    Mark track_mark = token_mark(c);
    Str track_name = c->token.text;
    next_token(c);
    Mark stage_mark = {0};
    Str stage_name = STR_NULL;
    if (op != OP_AGE) {
        if (!c->failed && at_symbol(c, "."))
            next_stage_token(c);
        else
            unexpected(c, "\".\"");
        if (!c->failed && c->token.type != TOKEN_NAME)
            unexpected(c, "a stage");
        if (c->failed)
            return OPERAND_STATIC(0);
        stage_mark = token_mark(c);
        stage_name = c->token.text;
        next_token(c);
    }
    expect_symbol(c, ")");
    if (c->failed)
        return OPERAND_STATIC(0);
    if (!place_has_state(c->place))
        return not_here(c, mark, word);
    size_t n_tracks;
    const Track *tracks = tracks_of(c, &n_tracks);
    int track = resolve_track(c, track_name, track_mark);
    int stage = track >= 0 && op != OP_AGE ? resolve_stage(c, &tracks[track], stage_name, stage_mark) : 0;
    if (track < 0 || stage < 0)
        return emit_constant(c, VALUE_NONE);
    return emit_operand(c, (Instruction){.op = op, .index = (unsigned)track, .stage = (unsigned)stage},
            op == OP_ENTRIES ? TIME_STATIC : TIME_LINEAR);
}

static Operand parse_derived(Compiler *c, unsigned derived) {
    const Condition *value = c->model->derived[derived].value;
    c->derived |= UINT32_C(1) << derived;
    c->n_expanded += value ? MIN(value->n_expanded, (unsigned)CONDITION_STEPS_MAX) : 0;
    Operand operand = emit_operand(
            c, (Instruction){.op = OP_DERIVED, .index = derived}, value ? value->kind : TIME_LINEAR);
    operand.is_measured = !value || value->is_measured;
    return operand;
}

/* A word of the language that is a value by itself. False: it is none. */
static bool parse_word(Compiler *c, Mark mark, Str word, Operand *ret) {
    static const struct {
        const char *name;
        Op op;
        TimeKind kind;
    } names[] = {{"first_source", OP_FIRST_SOURCE, TIME_STATIC}, {"last_source", OP_LAST_SOURCE, TIME_STATIC},
            {"segment", OP_SEGMENT, TIME_STATIC}, {"route", OP_ROUTE, TIME_STATIC}, {"idle", OP_IDLE, TIME_LINEAR}};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (!str_eq_c(word, names[i].name))
            continue;
        bool here = c->place != CONDITION_ACCOUNT && !(names[i].op == OP_SEGMENT && c->place == CONDITION_SEGMENT) &&
                    !(names[i].op == OP_ROUTE && !place_has_route(c->place)) &&
                    !(names[i].op == OP_IDLE && !place_has_state(c->place));
        *ret = here ? emit_operand(c, (Instruction){.op = names[i].op}, names[i].kind) : not_here(c, mark, word);
        return true;
    }
    return false;
}

static Operand parse_param(Compiler *c, unsigned param) {
    const Model *m = c->model;
    bool is_global = c->place == CONDITION_SEGMENT || c->place == CONDITION_ACCOUNT;
    Operand operand = emit_operand(
            c, (Instruction){.op = is_global ? OP_PARAM_GLOBAL : OP_PARAM, .index = param}, TIME_STATIC);
    double max = m->params[param].value;
    for (size_t i = 0; !is_global && i < m->n_segments; i++)
        max = MAX(max, m->segment_params[i * m->n_params + param]);
    operand.number_max = number_copy(c, max);
    return operand;
}

static TimeKind score_kind(const Decay *decay) {
    return decay->kind == DECAY_NONE ? TIME_STILL : TIME_LINEAR;
}

static Operand parse_account_name(Compiler *c, Mark mark, Str word) {
    const Model *m = c->model;
    int score = find_index(m->account_scores, m->n_account_scores, word);
    int track = find_index(m->account_tracks, m->n_account_tracks, word);
    if (str_eq_c(word, "committee") && m->committee.present)
        return emit_operand(c, (Instruction){.op = OP_COMMITTEE}, TIME_STEPS);
    if (str_eq_c(word, "committee")) {
        compile_error(c, mark, "\"committee\" is not defined: accounts: { committee: … } was expected");
        return emit_constant(c, VALUE_NONE);
    }
    if (score >= 0)
        return emit_operand(c, (Instruction){.op = OP_SCORE, .index = (unsigned)score},
                score_kind(&m->account_scores[score].decay));
    if (track >= 0)
        return emit_operand(c, (Instruction){.op = OP_STAGE, .index = (unsigned)track}, TIME_STATIC);
    bool of_leads = find_index(m->scores, m->n_scores, word) >= 0 || find_index(m->derived, m->n_derived, word) >= 0 ||
                    find_index(m->counters, m->n_counters, word) >= 0 || find_index(m->tracks, m->n_tracks, word) >= 0;
    return of_leads ? not_here(c, mark, word) : unknown_name(c, mark, word);
}

static Operand parse_counter(Compiler *c, unsigned counter) {
    Operand operand = emit_operand(c, (Instruction){.op = OP_COUNTER, .index = counter}, TIME_STEPS);
    operand.counter = &c->model->counters[counter];
    return operand;
}

static bool is_of_accounts(const Compiler *c, Str word) {
    const Model *m = c->model;
    return str_eq_c(word, "committee") || find_index(m->account_scores, m->n_account_scores, word) >= 0 ||
           find_index(m->account_tracks, m->n_account_tracks, word) >= 0;
}

static Operand of_accounts(Compiler *c, Mark mark, Str word) {
    compile_error(c, mark, "\"%.*s\" can be named in the tracks of accounts only", STR_FMT(word));
    return emit_constant(c, VALUE_NONE);
}

static Operand parse_lead_name(Compiler *c, Mark mark, Str word) {
    const Model *m = c->model;
    int score = find_index(m->scores, m->n_scores, word);
    int derived = find_index(m->derived, m->n_derived, word);
    int counter = find_index(m->counters, m->n_counters, word);
    int track = find_index(m->tracks, m->n_tracks, word);
    if (score < 0 && derived < 0 && counter < 0 && track < 0)
        return is_of_accounts(c, word) ? of_accounts(c, mark, word) : unknown_name(c, mark, word);
    if (!place_has_state(c->place))
        return not_here(c, mark, word);
    if (score >= 0)
        return emit_operand(
                c, (Instruction){.op = OP_SCORE, .index = (unsigned)score}, score_kind(&m->scores[score].decay));
    if (derived >= 0)
        return parse_derived(c, (unsigned)derived);
    if (counter >= 0)
        return parse_counter(c, (unsigned)counter);
    return emit_operand(c, (Instruction){.op = OP_STAGE, .index = (unsigned)track}, TIME_STATIC);
}

static Operand parse_plain_name(Compiler *c, Mark mark, Str word) {
    Operand operand;
    if (parse_word(c, mark, word, &operand))
        return operand;
    int param = find_index(c->model->params, c->model->n_params, word);
    if (param >= 0)
        return parse_param(c, (unsigned)param);
    return c->place == CONDITION_ACCOUNT ? parse_account_name(c, mark, word) : parse_lead_name(c, mark, word);
}

/* --- expressions, loosest first ---------------------------------------------------------------------- */

static Operand parse_or(Compiler *c);

static Operand parse_function_1(Compiler *c, Mark mark, Op op) {
    expect_symbol(c, "(");
    Operand x = parse_or(c);
    expect_symbol(c, ")");
    emit(c, (Instruction){.op = op});
    if (op == OP_NUMBER)
        return (Operand){
                .kind = x.kind == TIME_TRUTH ? TIME_STATIC : x.kind, .begin = x.begin, .is_measured = x.is_measured};
    /* present(): whether a linear value is null does not change with time */
    if (x.kind == TIME_NONLINEAR)
        compile_error(c, mark,
                "present() takes scores and elapsed times, their sums, and their products with values that "
                "time does not change");
    return OPERAND_STATIC(x.begin);
}

static Operand parse_function_2(Compiler *c, Op op) {
    expect_symbol(c, "(");
    Operand x = parse_or(c);
    expect_symbol(c, ",");
    Operand y = parse_or(c);
    expect_symbol(c, ")");
    emit(c, (Instruction){.op = op});
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
    Mark mark = token_mark(c);
    Str word = c->token.text;
    next_token(c);

    if (str_eq_c(word, "true") || str_eq_c(word, "false"))
        return emit_constant(c, value_boolean(str_eq_c(word, "true")));
    if (str_eq_c(word, "null"))
        return emit_constant(c, VALUE_NONE);
    if (str_eq_c(word, "event"))
        return parse_event(c, mark, word);
    if (str_eq_c(word, "profile")) {
        Str name = member_name(c);
        if (c->place == CONDITION_ACCOUNT)
            return not_here(c, mark, word);
        return emit_operand(c, (Instruction){.op = OP_PROFILE, .constant = value_string(name)}, TIME_STATIC);
    }
    for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
        if (!str_eq_c(word, functions[i].name))
            continue;
        switch (functions[i].shape) {
        case FUNCTION_1:
            return parse_function_1(c, mark, functions[i].op);
        case FUNCTION_2:
            return parse_function_2(c, functions[i].op);
        default:
            return parse_track_function(c, mark, word, functions[i].op);
        }
    }
    return parse_plain_name(c, mark, word);
}

static Operand parse_primary(Compiler *c) {
    Operand operand = OPERAND_STATIC(0);
    if (c->failed)
        return operand;
    switch (c->token.type) {
    case TOKEN_NUMBER:
        operand = emit_constant(c, value_double(c->token.number));
        next_token(c);
        return operand;
    case TOKEN_STRING:
        operand = emit_constant(c, value_string(c->token.string));
        next_token(c);
        return operand;
    case TOKEN_NAME:
        if (at_word(c, "and") || at_word(c, "or") || at_word(c, "not") || at_word(c, "in") || at_word(c, "like"))
            break;
        return parse_name(c);
    default:
        break;
    }
    if (!accept_symbol(c, "(")) {
        unexpected(c, "a value");
        return operand;
    }
    operand = parse_or(c);
    expect_symbol(c, ")");
    operand = (Operand){.kind = operand.kind, .begin = operand.begin, .is_measured = operand.is_measured};
    return operand;
}

/* Guards the recursion of parentheses, `not` and unary minus. */
static bool enter(Compiler *c) {
    if (c->failed)
        return false;
    if (++c->nest > NEST_MAX) {
        syntax_error(c, token_mark(c), "more than %d levels of nesting", NEST_MAX);
        return false;
    }
    return true;
}

static Operand parse_unary(Compiler *c) {
    if (!accept_symbol(c, "-"))
        return parse_primary(c);
    if (!enter(c))
        return OPERAND_STATIC(0);
    Operand x = parse_unary(c);
    c->nest--;
    emit(c, (Instruction){.op = OP_NEGATE});
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
    while (!c->failed && (at_symbol(c, "*") || at_symbol(c, "/"))) {
        bool divide = at_symbol(c, "/");
        next_token(c);
        Operand y = parse_unary(c);
        emit(c, (Instruction){.op = divide ? OP_DIVIDE : OP_MULTIPLY});
        x = (Operand){.kind = product_kind(x.kind, y.kind, divide), .begin = x.begin,
                .is_measured = x.is_measured || y.is_measured};
    }
    return x;
}

static Operand parse_sum(Compiler *c) {
    Operand x = parse_product(c);
    while (!c->failed && (at_symbol(c, "+") || at_symbol(c, "-"))) {
        bool subtract = at_symbol(c, "-");
        next_token(c);
        Operand y = parse_product(c);
        emit(c, (Instruction){.op = subtract ? OP_SUBTRACT : OP_ADD});
        TimeKind kind = MAX(x.kind, y.kind);
        x = (Operand){.kind = kind == TIME_TRUTH ? TIME_NONLINEAR : kind, .begin = x.begin,
                .is_measured = x.is_measured || y.is_measured};
    }
    return x;
}

static bool comparison_op(const Compiler *c, Op *ret) {
    static const struct {
        const char *symbol;
        Op op;
    } ops[] = {{"==", OP_EQUAL}, {"!=", OP_NOT_EQUAL}, {"<", OP_LESS}, {"<=", OP_LESS_EQUAL}, {">", OP_GREATER},
            {">=", OP_GREATER_EQUAL}};
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
        if (at_symbol(c, ops[i].symbol)) {
            *ret = ops[i].op;
            return true;
        }
    return false;
}

/* What the instructions from `begin` on are if they are one; NULL: more than that. */
static const Instruction *sole_instruction(const Compiler *c, unsigned begin, unsigned end) {
    return !c->failed && end == begin + 1 ? &c->code[begin] : NULL;
}

/* All that a segment, a route or a track can be. Returns how many; 0 if the instruction is none of these. */
static size_t possible_values(
        const Compiler *c, const Instruction *i, const char **values, const char **ret_what) {
    const Model *m = c->model;
    size_t n = 0, n_tracks;
    const Track *tracks = tracks_of(c, &n_tracks);

    if (i->op == OP_SEGMENT) {
        *ret_what = "segment";
        values[n++] = "default";
        for (size_t k = 0; k < m->n_segments; k++)
            values[n++] = m->segments[k].id.data;
    } else if (i->op == OP_ROUTE) {
        *ret_what = "route";
        for (size_t k = 0; k < m->n_routes; k++)
            values[n++] = m->routes[k].id.data;
    } else if (i->op == OP_STAGE) {
        *ret_what = tracks[i->index].id.data;
        for (size_t k = 0; k < tracks[i->index].n_stages; k++)
            values[n++] = tracks[i->index].stages[k].id.data;
    }
    return n;
}

#define VALUES_MAX (1 + MAX(MODEL_SEGMENTS_MAX, MAX(MODEL_ROUTES_MAX, MODEL_STAGES_MAX)))

/* A text compared with a segment, a route or a track that is never it is a slip that nothing else shows. */
static void check_text(Compiler *c, const Instruction *name, const Instruction *text, Mark mark) {
    const char *values[VALUES_MAX], *what = NULL;

    if (!name || !text || text->op != OP_CONSTANT || text->constant.type != VALUE_STRING)
        return;
    size_t n = possible_values(c, name, values, &what);
    for (size_t i = 0; i < n; i++)
        if (str_eq_c(text->constant.string, values[i]))
            return;
    if (n == 0)
        return;
    const char *nearest = diagnostic_nearest(text->constant.string, values, n);
    diagnostics_add(c->diagnostics, DIAGNOSTIC_WARNING, mark, "%s is never \"%.*s\"%s%s%s", what,
            STR_FMT(text->constant.string), nearest ? "; did you mean \"" : "", nearest ? nearest : "",
            nearest ? "\"?" : "");
}

/* A counter is never more than what it keeps, so that comparing it with more is a slip. */
static void check_keep(Compiler *c, const Counter *counter, const double *number, Mark mark) {
    if (counter && number && *number > counter->keep && !c->failed)
        compile_error(c, mark, "counter \"%.*s\" keeps %u events, so it cannot be compared with %g: raise its \"keep\" (at most %d)",
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
        compile_error(c, mark,
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
    compile_error(c, mark,
            "a score or an elapsed time cannot be compared by == or != (other than with null); "
            "use <, <=, > or >=");
    return TIME_STATIC;
}

static void note_atom(Compiler *c, unsigned at) {
    if (!c->failed)
        c->atoms[c->n_atoms++] = at;
}

static Operand parse_in(Compiler *c, Operand x, Mark mark) {
    unsigned n = 0, x_end = c->n_code;
    expect_symbol(c, "[");
    TimeKind kind = x.kind;
    bool measured = x.is_measured;
    while (!c->failed && !at_symbol(c, "]")) {
        Mark y_mark = token_mark(c);
        Operand y = parse_sum(c);
        check_keep(c, x.counter, y.number_max, mark);
        check_text(c, sole_instruction(c, x.begin, x_end), sole_instruction(c, y.begin, c->n_code), y_mark);
        kind = MAX(kind, y.kind);
        measured |= y.is_measured;
        n++;
        if (!accept_symbol(c, ","))
            break;
    }
    expect_symbol(c, "]");
    bool steps = kind == TIME_STEPS && !measured;
    if (kind != TIME_STATIC && !steps && !c->failed)
        compile_error(c, mark, "\"in\" cannot test a score or an elapsed time; use <, <=, > or >=");
    unsigned at = emit(c, (Instruction){.op = OP_IN, .index = n, .left = x.begin});
    if (steps)
        note_atom(c, at);
    return (Operand){.kind = steps ? TIME_TRUTH : TIME_STATIC, .begin = x.begin};
}

static Operand parse_comparison(Compiler *c) {
    Mark x_mark = token_mark(c);
    Operand x = parse_sum(c);
    unsigned x_end = c->n_code;
    Mark mark = token_mark(c);
    Op op;
    if (accept_word(c, "in"))
        return parse_in(c, x, mark);
    if (accept_word(c, "like")) {
        if (!c->failed && c->token.type != TOKEN_STRING)
            unexpected(c, "a pattern in double quotes");
        emit(c, (Instruction){.op = OP_LIKE, .constant = value_string(c->token.string)});
        if (!c->failed)
            next_token(c);
        return OPERAND_STATIC(x.begin);
    }
    if (c->failed || !comparison_op(c, &op))
        return x;
    next_token(c);
    Mark y_mark = token_mark(c);
    Operand y = parse_sum(c);
    if (c->failed)
        return x;
    check_text(c, sole_instruction(c, x.begin, x_end), sole_instruction(c, y.begin, c->n_code), y_mark);
    check_text(c, sole_instruction(c, y.begin, c->n_code), sole_instruction(c, x.begin, x_end), x_mark);
    TimeKind kind = check_comparison(c, op, x, y, mark);
    unsigned at = emit(c, (Instruction){.op = op, .left = x.begin, .right = y.begin, .mark = mark});
    if (kind == TIME_TRUTH)
        note_atom(c, at);
    Op chained;
    if (!c->failed && comparison_op(c, &chained))
        syntax_error(c, token_mark(c), "comparisons do not chain; join them with \"and\"");
    return (Operand){.kind = kind, .begin = x.begin};
}

static Operand parse_not(Compiler *c) {
    if (!accept_word(c, "not"))
        return parse_comparison(c);
    if (!enter(c))
        return OPERAND_STATIC(0);
    Operand x = parse_not(c);
    c->nest--;
    emit(c, (Instruction){.op = OP_NOT});
    return (Operand){.kind = x.kind == TIME_TRUTH ? TIME_TRUTH : TIME_STATIC, .begin = x.begin};
}

static Operand join(Compiler *c, const char *word, Op op, Operand (*parse_operand)(Compiler *)) {
    Operand x = parse_operand(c);
    while (accept_word(c, word)) {
        unsigned jump = emit(c, (Instruction){.op = op});
        Operand y = parse_operand(c);
        emit(c, (Instruction){.op = OP_TRUTH});
        if (!c->failed)
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
    Condition *condition = arena_alloc(c->arena, 1, sizeof(*condition));
    if (!condition)
        return -ENOMEM;
    *condition = (Condition){.text = c->text, .kind = operand.kind, .is_measured = operand.is_measured, .n_code = c->n_code, .n_atoms = c->n_atoms,
            .derived = c->derived, .n_expanded = c->n_expanded + c->n_code};
    condition->code = arena_new_array(c->arena, Instruction, c->n_code);
    condition->atoms = arena_new_array(c->arena, unsigned, MAX(c->n_atoms, 1));
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
    _cleanup_(free_null) Instruction *code = calloc(CODE_MAX, sizeof(*code));
    *ret = NULL;
    if (!c || !code)
        return -ENOMEM;
    *c = (Compiler){.arena = arena, .model = model, .node = node, .place = place, .diagnostics = diagnostics,
            .code = code};
    if (node->type != YAML_SCALAR || node->text.len > CONDITION_TEXT_LEN_MAX) {
        compile_error(c, node->mark, "a condition of at most %d bytes was expected", CONDITION_TEXT_LEN_MAX);
        return 0;
    }
    c->text = arena_str(arena, node->text);
    if (!c->text.data)
        return -ENOMEM;
    next_token(c);
    Operand operand = parse_or(c);
    if (!c->failed && c->token.type != TOKEN_END)
        unexpected(c, "the end, \"and\" or \"or\"");
    if (c->n_expanded + c->n_code > CONDITION_STEPS_MAX)
        compile_error(c, node->mark,
                "the condition takes more than %d steps, with those of the derived scores that it names", CONDITION_STEPS_MAX);
    if (place == CONDITION_LEAD && operand.kind == TIME_TRUTH)
        compile_error(c, node->mark, "a derived score must be a number, and this is a condition");
    if (c->no_memory)
        return -ENOMEM;
    return c->bad ? 0 : finish(c, operand, ret);
}
