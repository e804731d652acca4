/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/condition/condition_lexer.h"

#include <math.h>
#include <stdio.h>

#include "lib/calendar/timestamp.h"

static unsigned count_characters(Str text) {
    unsigned n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((uint8_t)text.data[i] & 0xC0) != 0x80;
    return n;
}

static Mark mark_at(const Lexer *l, size_t offset, size_t len) {
    if (!l->node->text_exact)
        return l->node->mark;
    unsigned characters = count_characters((Str){l->text.data + offset, len});
    return (Mark){.line = l->node->mark.line,
            .column = l->node->text_column + count_characters((Str){l->text.data, offset}),
            .length = MAX(characters, 1)};
}

Mark lexer_mark(const Lexer *l) {
    return mark_at(l, l->token.offset, l->token.text.len);
}

static bool is_letter(char ch) {
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || ch == '_';
}

static bool is_digit(char ch) {
    return ch >= '0' && ch <= '9';
}

static char peek(const Lexer *l, size_t ahead) {
    return l->offset + ahead < l->text.len ? l->text.data[l->offset + ahead] : '\0';
}

static void token_finish(Lexer *l, TokenType type) {
    l->token.type = type;
    l->token.text = (Str){l->text.data + l->token.offset, l->offset - l->token.offset};
}

static void lex_digits(Lexer *l) {
    while (is_digit(peek(l, 0)))
        l->offset++;
}

static void lex_number(Lexer *l) {
    lex_digits(l);
    if (peek(l, 0) == '.' && is_digit(peek(l, 1))) {
        l->offset++;
        lex_digits(l);
    }
    size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
    if ((peek(l, 0) == 'e' || peek(l, 0) == 'E') && is_digit(peek(l, 1 + sign))) {
        l->offset += 1 + sign;
        lex_digits(l);
    }
    bool duration = is_letter(peek(l, 0));
    while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)))
        l->offset++;
    token_finish(l, TOKEN_NUMBER);

    int64_t ms;
    char copy[64];
    if (duration) {
        if (duration_parse(l->token.text, &ms)) {
            l->token.number = (double)ms;
            return;
        }
        lexer_syntax_error(l, lexer_mark(l), "\"%.*s\" is neither a number nor a duration (such as 90s, 24h, 30d)",
                STR_FMT(l->token.text));
    } else if (l->token.text.len < sizeof(copy)) {
        memcpy(copy, l->token.text.data, l->token.text.len);
        copy[l->token.text.len] = '\0';
        l->token.number = strtod(copy, NULL);
        if (isfinite(l->token.number))
            return;
    }
    lexer_syntax_error(l, lexer_mark(l), "the number is too large");
    l->token.type = TOKEN_BAD;
}

/* Bytes up to the closing quote or the end, escapes as they stand. */
static size_t string_length(const Lexer *l) {
    size_t n = 0;
    for (size_t i = l->offset + 1; i < l->text.len && l->text.data[i] != '"'; i++, n++)
        if (l->text.data[i] == '\\')
            i++;
    return n;
}

static void lex_string(Lexer *l) {
    char *string = arena_alloc(l->arena, string_length(l) + 1, 1);
    size_t n = 0;
    if (!string) {
        l->no_memory = l->failed = true;
        l->token.type = TOKEN_BAD;
        return;
    }
    l->offset++;
    while (l->offset < l->text.len && peek(l, 0) != '"') {
        if (peek(l, 0) == '\\') {
            if (peek(l, 1) != '"' && peek(l, 1) != '\\')
                lexer_syntax_error(l, mark_at(l, l->offset, 1), "in a string only \\\" and \\\\ are escapes");
            l->offset++;
        }
        if (l->offset < l->text.len)
            string[n++] = peek(l, 0);
        l->offset++;
    }
    bool closed = l->offset < l->text.len;
    l->offset = MIN(l->offset + closed, l->text.len);
    token_finish(l, TOKEN_STRING);
    l->token.string = (Str){string, n};
    if (!closed)
        lexer_syntax_error(l, lexer_mark(l), "the string has no closing \"");
}

static void lex_symbol(Lexer *l) {
    static const char *const two[] = {"==", "!=", "<=", ">="};
    for (size_t i = 0; i < ARRAY_SIZE(two); i++)
        if (peek(l, 0) == two[i][0] && peek(l, 1) == two[i][1]) {
            l->offset += 2;
            token_finish(l, TOKEN_SYMBOL);
            return;
        }
    char ch = peek(l, 0);
    /* A whole character, so that a message never shows half of one. */
    do
        l->offset++;
    while (((uint8_t)peek(l, 0) & 0xC0) == 0x80);
    token_finish(l, TOKEN_SYMBOL);
    if (strchr("()[],.<>+-*/", ch))
        return;
    l->token.type = TOKEN_BAD;
    if (ch == '=')
        lexer_syntax_error(l, lexer_mark(l), "unexpected \"=\"; did you mean \"==\"?");
    else if (ch == '\'')
        lexer_syntax_error(l, lexer_mark(l), "strings are written in double quotes: \"…\"");
    else if (ch == '&' || ch == '|' || ch == '!')
        lexer_syntax_error(l, lexer_mark(l), "unexpected \"%c\"; \"and\", \"or\" and \"not\" are words here", ch);
    else
        lexer_syntax_error(l, lexer_mark(l), "unexpected \"%.*s\"", STR_FMT(l->token.text));
}

static void skip_blanks(Lexer *l) {
    while (peek(l, 0) == ' ' || peek(l, 0) == '\t' || peek(l, 0) == '\n' || peek(l, 0) == '\r')
        l->offset++;
}

void lexer_next(Lexer *l) {
    l->taken = l->offset;
    skip_blanks(l);
    l->token = (Token){.offset = l->offset};
    if (l->offset >= l->text.len) {
        token_finish(l, TOKEN_END);
    } else if (is_digit(peek(l, 0))) {
        lex_number(l);
    } else if (peek(l, 0) == '"') {
        lex_string(l);
    } else if (is_letter(peek(l, 0))) {
        while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)))
            l->offset++;
        token_finish(l, TOKEN_NAME);
    } else {
        lex_symbol(l);
    }
}

/* After the dot of `track.stage`: stage ids may begin with a digit and hold '-', which elsewhere is a minus. */
void lexer_next_stage(Lexer *l) {
    l->taken = l->offset;
    skip_blanks(l);
    if (!is_letter(peek(l, 0)) && !is_digit(peek(l, 0)) && peek(l, 0) != '-') {
        lexer_next(l);
        return;
    }
    l->token = (Token){.offset = l->offset};
    while (is_letter(peek(l, 0)) || is_digit(peek(l, 0)) || peek(l, 0) == '-')
        l->offset++;
    token_finish(l, TOKEN_NAME);
}

bool lexer_at(const Lexer *l, const char *symbol) {
    return l->token.type == TOKEN_SYMBOL && str_eq_c(l->token.text, symbol);
}

bool lexer_at_word(const Lexer *l, const char *word) {
    return l->token.type == TOKEN_NAME && str_eq_c(l->token.text, word);
}

bool lexer_accept(Lexer *l, const char *symbol) {
    if (l->failed || !lexer_at(l, symbol))
        return false;
    lexer_next(l);
    return true;
}

bool lexer_accept_word(Lexer *l, const char *word) {
    if (l->failed || !lexer_at_word(l, word))
        return false;
    lexer_next(l);
    return true;
}

void lexer_unexpected(Lexer *l, const char *expected) {
    if (l->token.type == TOKEN_END)
        lexer_syntax_error(l, mark_at(l, l->text.len, 0), "the condition ends where %s was expected", expected);
    else
        lexer_syntax_error(l, lexer_mark(l), "unexpected \"%.*s\" where %s was expected", STR_FMT(l->token.text), expected);
}

void lexer_expect(Lexer *l, const char *symbol) {
    char expected[8];
    if (lexer_accept(l, symbol))
        return;
    (void)snprintf(expected, sizeof(expected), "\"%s\"", symbol);
    lexer_unexpected(l, expected);
}
