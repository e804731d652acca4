#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging
 *
 * One line an event that matters, to standard error, as logfmt (default) or JSON. A line has a level, a stable
 * event name that can be searched for, and fields:
 *     log_info("shard.taken", LOG_INT("shard", 3), LOG_STR("lineage", lineage), LOG_INT("bno", 42));
 * Only daemon/ logs; lib/ and daemon/io return errors.
 */
#include "daemon/config.h"

typedef struct LogField {
    const char *name;
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_DOUBLE } type;
    Str string;
    int64_t integer;
    double number;
} LogField;

#define LOG_STR(name_arg, s) ((LogField){.name = (name_arg), .type = LOG_FIELD_STR, .string = str_from(s)})
#define LOG_BYTES(name_arg, s) ((LogField){.name = (name_arg), .type = LOG_FIELD_STR, .string = (s)})
#define LOG_INT(name_arg, i) ((LogField){.name = (name_arg), .type = LOG_FIELD_INT, .integer = (int64_t)(i)})
#define LOG_DOUBLE(name_arg, d) ((LogField){.name = (name_arg), .type = LOG_FIELD_DOUBLE, .number = (d)})

/* Process-wide: format and the least level that is written. */
void log_configure(LogFormat format, LogLevel level);
void log_write(LogLevel level, const char *event, const LogField *fields, size_t n);
/* Values are escaped and cut at 1,000 bytes. */
#define log_event(level, event, ...)                                                                         \
    do {                                                                                                     \
        const LogField _fields[] = {__VA_ARGS__};                                                            \
        log_write((level), (event), _fields, ARRAY_SIZE(_fields));                                           \
    } while (0)
#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)
#define log_warning(event, ...) log_event(LOG_WARNING, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) log_event(LOG_DEBUG, event, __VA_ARGS__)

/*
 * For what may repeat without end: at most `burst` lines of one site in 10 s; the next line after a pause tells how many were left
 * out. The site is a static LogLimit.
 */
typedef struct LogLimit {
    int64_t window_start_ms;
    unsigned n, n_left_out;
} LogLimit;
/* May the site write now? *ret_left_out: how many lines were not written before this one. */
bool log_limit_allows(LogLimit *limit, int64_t now_ms, unsigned burst, unsigned *ret_left_out);
