#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Line of the Log
 *
 * A line is made in a buffer on the stack and put out by one write(2), so that lines of several threads never
 * run into each other. PIPE_BUF bounds it: up to there a pipe takes a write whole. What would not fit is cut,
 * value by value, so that a line is well-formed however long its values are.
 *
 * What is logged may come from anywhere (a broker's text, an id of an event) and ends up on terminals:
 * quotes, backslashes and control characters are escaped as JSON does, in logfmt too, and bytes that are not
 * UTF-8 become U+FFFD. Pure.
 */
#include <limits.h>

#include "daemon/log/log.h"

#define LOG_LINE_SIZE PIPE_BUF
#define LOG_VALUE_LEN_MAX 1000

typedef struct LogLine {
    char data[LOG_LINE_SIZE];
    size_t len;
    bool is_json;
    bool has_fields;
} LogLine;

/* What a field shows, as bytes: ids and secrets are hidden already. */
typedef struct LogValue {
    const char *name;
    bool is_shown;   /* else the field is left out */
    bool is_null;    /* a text that there is none of */
    bool is_text;    /* else a number */
    bool is_cut;
    size_t len;
    char bytes[LOG_VALUE_LEN_MAX + 8];
} LogValue;

/* Before fields: the journal's mark of the priority, or nothing. */
void log_line_begin(LogLine *line, bool is_json, const char *prefix);
void log_line_add(LogLine *line, const LogValue *value);
void log_line_end(LogLine *line);
