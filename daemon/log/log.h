#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging
 *
 * One line an event that matters, as logfmt or JSON on standard error, or as fields in the journal. A line has a level, a stable
 * event name that can be searched for, and fields:
 *     log_info("shard.taken", LOG_INT("shard", 3), LOG_STR("lineage", lineage), LOG_INT("bno", 42));
 * Only daemon/ logs; lib/ and daemon/io return errors. What errors and warnings mean stands in log_catalogue.c: one that is missing
 * there fails a lint. Any thread may log.
 *
 * No line repeats without end: of one place in the source there are at most so many lines in 10 s (of errors and warnings 20, or as
 * many as log_warning_burst() says, of others 200, of debug all). How many were left out is told by the next line of that place, as
 * left_out, or, if another place has something to say first, by log.left_out.
 */
#include "daemon/config/config.h"

typedef struct LogField {
    const char *name;
    enum {
        LOG_FIELD_STR,
        LOG_FIELD_INT,
        LOG_FIELD_DOUBLE,
        LOG_FIELD_ID,    /* of a lead, an account or an event: log.lead_ids says how it is shown */
        LOG_FIELD_QUOTE, /* a text that may quote ids, or other things of an event: shown only if ids are in the clear */
    } type;
    Str string;
    int64_t integer;
    double number;
} LogField;

#define LOG_STR(name_arg, s) ((LogField){.name = (name_arg), .type = LOG_FIELD_STR, .string = str_from(s)})
#define LOG_BYTES(name_arg, s) ((LogField){.name = (name_arg), .type = LOG_FIELD_STR, .string = (s)})
#define LOG_INT(name_arg, i) ((LogField){.name = (name_arg), .type = LOG_FIELD_INT, .integer = (int64_t)(i)})
#define LOG_DOUBLE(name_arg, d) ((LogField){.name = (name_arg), .type = LOG_FIELD_DOUBLE, .number = (d)})
#define LOG_ID(name_arg, s) ((LogField){.name = (name_arg), .type = LOG_FIELD_ID, .string = (s)})
#define LOG_QUOTE(name_arg, s) ((LogField){.name = (name_arg), .type = LOG_FIELD_QUOTE, .string = str_from(s)})

typedef struct LogOptions {
    LogFormat format;
    LogLevel level; /* the least that is written */
    LogIds ids;
    const char *journal; /* its socket; NULL: the system's */
} LogOptions;

/* Process-wide, before there are other threads. What is to be hidden says log_hide.h. */
void log_configure(const LogOptions *options);
/* At the end of the process: what has been left out and not told of yet. */
void log_finish(void);

/* At most `burst` of something in 10 s. */
typedef struct LogLimit {
    int64_t window_start_ms;
    unsigned n, n_left_out;
} LogLimit;
/* Is there room for one now? *ret_left_out: how many there was none for before this one. */
bool log_limit_allows(LogLimit *limit, int64_t now_ms, unsigned burst, unsigned *ret_left_out);

/* A place in the source that logs. */
typedef struct LogSite {
    LogLimit limit;
    struct LogSite *next; /* of those that have left something out, ever */
    bool is_listed;
    LogLevel level;
    const char *event;
} LogSite;
/* `burst` 0: what its level has. */
void log_write(LogSite *site, LogLevel level, unsigned burst, const char *event, const LogField *fields, size_t n);

/* Values are escaped, and cut at 1,000 bytes. */
#define log_at(level_arg, burst_arg, event_arg, ...)                                                         \
    do {                                                                                                     \
        static LogSite _site;                                                                                \
        const LogField _fields[] = {__VA_ARGS__};                                                            \
        log_write(&_site, (level_arg), (burst_arg), (event_arg), _fields, ARRAY_SIZE(_fields));              \
    } while (0)
#define log_error(event, ...) log_at(LOG_ERROR, 0, event, __VA_ARGS__)
#define log_warning(event, ...) log_at(LOG_WARNING, 0, event, __VA_ARGS__)
#define log_warning_burst(burst, event, ...) log_at(LOG_WARNING, burst, event, __VA_ARGS__)
#define log_info(event, ...) log_at(LOG_INFO, 0, event, __VA_ARGS__)
#define log_debug(event, ...) log_at(LOG_DEBUG, 0, event, __VA_ARGS__)
