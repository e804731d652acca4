#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a Condition
 *
 * The text of one condition, token by token, and where its errors go. After the first syntax error it has failed: nothing more is
 * accepted and nothing more is said of syntax, so that one slip makes one message.
 */
#include "lib/base/diagnostic.h"
#include "lib/model/yaml.h"

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

typedef struct Lexer {
    Arena *arena; /* of strings */
    const YamlNode *node;
    Diagnostics *diagnostics;
    Str text;
    size_t offset;
    size_t taken; /* where the last token before `token` ends */
    Token token;
    bool failed;    /* by syntax: stop */
    bool bad;       /* some error was reported */
    bool no_memory;
} Lexer;

/* Where the token stands. */
Mark lexer_mark(const Lexer *l);

#define lexer_error(l, mark, ...)                                                                            \
    do {                                                                                                     \
        (l)->bad = true;                                                                                     \
        diagnostics_add((l)->diagnostics, DIAGNOSTIC_ERROR, (mark), __VA_ARGS__);                            \
    } while (0)

#define lexer_syntax_error(l, mark, ...)                                                                     \
    do {                                                                                                     \
        if (!(l)->failed)                                                                                    \
            lexer_error((l), (mark), __VA_ARGS__);                                                           \
        (l)->failed = true;                                                                                  \
    } while (0)

/* On to the next token; the first one, too, has to be asked for. */
void lexer_next(Lexer *l);
/* After the dot of `track.stage`: stage ids may begin with a digit and hold '-', which elsewhere is a minus. */
void lexer_next_stage(Lexer *l);
bool lexer_at(const Lexer *l, const char *symbol);
bool lexer_at_word(const Lexer *l, const char *word);
/* Takes the token if it is that one and nothing has failed. */
bool lexer_accept(Lexer *l, const char *symbol);
bool lexer_accept_word(Lexer *l, const char *word);
/* Takes the token, which has to be that symbol. */
void lexer_expect(Lexer *l, const char *symbol);
/* The token is not what was expected, such as "a name". */
void lexer_unexpected(Lexer *l, const char *expected);
