/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions are compiled without keeping their tree, so their text is taken apart again: at words and signs
 * that stand outside of parentheses, brackets and quotes. Each part is a condition of its own and is compiled
 * and judged as such. What cannot be taken apart any further is told as it is.
 */
#include "daemon/condition_parts.h"

#include "daemon/value_text.h"

typedef struct Parts {
    const Situation *situation;
    ConditionPlace place;
    Arena *arena;
    ConditionPart *items;
    size_t n;
    int error;
} Parts;

static Str trim(Str s) {
    while (s.len && (s.data[0] == ' ' || s.data[0] == '\n' || s.data[0] == '\t'))
        s = (Str){s.data + 1, s.len - 1};
    while (s.len && (s.data[s.len - 1] == ' ' || s.data[s.len - 1] == '\n' || s.data[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* The index behind the string, word or sign at i; *depth counts open parentheses and brackets. */
static size_t skip_token(Str s, size_t i, unsigned *depth) {
    char c = s.data[i];

    if (c == '"') {
        for (i++; i < s.len && s.data[i] != '"'; i++)
            i += s.data[i] == '\\';
        return MIN(i + 1, s.len);
    }
    if (is_word_char(c)) {
        while (i < s.len && is_word_char(s.data[i]))
            i++;
        return i;
    }
    *depth += c == '(' || c == '[';
    *depth -= (c == ')' || c == ']') && *depth > 0;
    return i + 1;
}

/* Where `word` stands outside of everything, or s.len. */
static size_t find_word(Str s, const char *word) {
    unsigned depth = 0;
    size_t end;

    for (size_t i = 0; i < s.len; i = end) {
        end = skip_token(s, i, &depth);
        if (depth == 0 && str_eq_c((Str){s.data + i, end - i}, word))
            return i;
    }
    return s.len;
}

/* "(a or b)" is what is within. */
static Str strip_parentheses(Str s) {
    for (s = trim(s); s.len > 1 && s.data[0] == '(';) {
        unsigned depth = 0;
        size_t i = 0;
        do
            i = skip_token(s, i, &depth);
        while (i < s.len && depth > 0);
        if (i < s.len || depth > 0)
            break;
        s = trim((Str){s.data + 1, s.len - 2});
    }
    return s;
}

/* A part of the text as a condition; NULL if it is none alone. */
static Condition *compile(Parts *parts, Str text) {
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    YamlNode node = {.type = YAML_SCALAR, .quoted = true, .text = arena_str(parts->arena, text)};
    Condition *condition = NULL;

    int r = str_is_null(node.text) ? -ENOMEM
                                   : condition_compile(parts->arena, parts->situation->model, &node,
                                             parts->place, &diagnostics, &condition);
    diagnostics_done(&diagnostics);
    if (r)
        parts->error = r;
    return r ? NULL : condition;
}

/* A sign of comparison outside of everything: where, and how long it is; s.len if there is none. */
static size_t find_comparison(Str s, size_t *ret_len) {
    static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">"};
    unsigned depth = 0;

    for (size_t i = 0; i < s.len; i = skip_token(s, i, &depth))
        for (size_t k = 0; depth == 0 && k < ARRAY_SIZE(signs); k++)
            if (str_starts_with((Str){s.data + i, s.len - i}, signs[k])) {
                *ret_len = strlen(signs[k]);
                return i;
            }
    return s.len;
}

static Str show_side(Parts *parts, Str text) {
    const Condition *condition = compile(parts, trim(text));
    if (!condition)
        return STR_NULL;
    return value_show(parts->arena, condition_value(condition, parts->situation));
}

/* What the sides of a comparison are worth; of `in` and `like` the left one. */
static Str show_values(Parts *parts, Str text) {
    size_t len, at = find_comparison(text, &len);

    if (find_word(text, "not") == 0)
        return STR_NULL;
    if (at < text.len) {
        Str left = show_side(parts, (Str){text.data, at});
        Str right = show_side(parts, (Str){text.data + at + len, text.len - at - len});
        if (str_is_null(left) || str_is_null(right))
            return STR_NULL;
        return arena_format(
                parts->arena, "%.*s %.*s %.*s", STR_FMT(left), (int)len, text.data + at, STR_FMT(right));
    }
    at = find_word(text, "in");
    if (at == text.len)
        at = find_word(text, "like");
    if (at == text.len)
        return STR_NULL;
    Str left = show_side(parts, (Str){text.data, at});
    return str_is_null(left) ? STR_NULL
                             : arena_format(parts->arena, "%.*s %.*s", STR_FMT(left), (int)(text.len - at),
                                       text.data + at);
}

static void add_part(Parts *parts, Str text) {
    if (parts->n == CONDITION_PARTS_MAX)
        return;
    Str values = show_values(parts, text);
    if (str_eq(values, text))
        values = STR_NULL;
    parts->items[parts->n++] = (ConditionPart){arena_str(parts->arena, text), values};
}

static void take_apart(Parts *parts, Str text, unsigned depth);

/* The parts of the text between the words; nothing if the word does not stand there. */
static bool split(Parts *parts, Str text, const char *word, unsigned depth) {
    size_t at = find_word(text, word);
    bool found = at < text.len;

    while (found) {
        take_apart(parts, (Str){text.data, at}, depth + 1);
        if (at == text.len)
            break;
        text = (Str){text.data + at + strlen(word), text.len - at - strlen(word)};
        at = find_word(text, word);
    }
    return found;
}

static void take_apart(Parts *parts, Str text, unsigned depth) {
    text = strip_parentheses(text);
    const Condition *condition = compile(parts, text);
    if (parts->error || !condition || condition_holds(condition, parts->situation))
        return;
    /* Conditions nest no deeper than their stack; what lies beyond is told in one. */
    if (depth < CONDITION_STACK_MAX && (split(parts, text, "or", depth) || split(parts, text, "and", depth)))
        return;
    add_part(parts, text);
}

int condition_parts(const Condition *condition, ConditionPlace place, const Situation *situation,
        Arena *arena, ConditionPart ret[static CONDITION_PARTS_MAX]) {
    Parts parts = {.situation = situation, .place = place, .arena = arena, .items = ret};

    take_apart(&parts, condition_text(condition), 0);
    return parts.error ? parts.error : (int)parts.n;
}
