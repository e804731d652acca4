/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log/log.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/log/log_catalogue.h"
#include "daemon/log/log_hide.h"
#include "daemon/log/log_journal.h"
#include "daemon/log/log_line.h"
#include "lib/calendar/timestamp.h"

#define LIMIT_WINDOW_MS 10000

/* Set once, before there are other threads. */
static LogOptions configured = {.format = LOG_LOGFMT, .level = LOG_INFO};
/* Standard error is the journal, which takes a line's priority from a prefix. */
static bool is_stderr_journal;

/* Of what follows, and of the sites; lines come one after another, too. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static LogSite *sites;

static const struct {
    const char *name, *priority, *prefix;
    unsigned burst; /* 0: no bound */
} levels[] = {
        [LOG_ERROR] = {"error", "3", "<3>", 20},
        [LOG_WARNING] = {"warning", "4", "<4>", 20},
        [LOG_INFO] = {"info", "6", "<6>", 200},
        [LOG_DEBUG] = {"debug", "7", "<7>", 0},
};

void log_configure(const LogOptions *options) {
    configured = *options;
    is_stderr_journal = log_journal_is_stderr();
    if (!configured.journal)
        configured.journal = LOG_JOURNAL_SOCKET;
    if (configured.format == LOG_AUTO)
        configured.format = is_stderr_journal ? LOG_JOURNAL : LOG_LOGFMT;
}

/* --- values ------------------------------------------------------------------------------------------ */

static size_t print_number(double value, char *text, size_t size) {
    int n = 0;
    for (int precision = 15; precision <= 17; precision++) {
        n = snprintf(text, size, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return (size_t)n;
}

/* Cut between characters, of what is left without secrets: half of one must not stay, either. */
static void show_text(Str text, LogValue *ret) {
    ret->is_text = true;
    ret->is_null = str_is_null(text);
    ret->len = log_hide_copy(text, ret->bytes, sizeof(ret->bytes));
    ret->is_cut = ret->len > LOG_VALUE_LEN_MAX;
    ret->len = str_cut((Str){ret->bytes, ret->len}, LOG_VALUE_LEN_MAX);
}

static void show_id(Str id, LogValue *ret) {
    char hash[LOG_ID_HASH_SIZE];
    ret->is_shown = configured.ids != LOG_IDS_NONE;
    if (configured.ids == LOG_IDS_HASHED && !str_is_null(id)) {
        log_hide_id(id, hash);
        id = str_from(hash);
    }
    show_text(id, ret);
}

static void show(const LogField *field, LogValue *ret) {
    ret->name = field->name;
    ret->is_shown = true;
    ret->is_null = ret->is_text = ret->is_cut = false;
    switch (field->type) {
    case LOG_FIELD_INT:
        ret->len = (size_t)snprintf(ret->bytes, sizeof(ret->bytes), "%" PRId64, field->integer);
        return;
    case LOG_FIELD_DOUBLE:
        ret->len = print_number(field->number, ret->bytes, sizeof(ret->bytes));
        ret->is_null = !isfinite(field->number); /* JSON has no such number */
        return;
    case LOG_FIELD_ID:
        show_id(field->string, ret);
        return;
    case LOG_FIELD_QUOTE:
        ret->is_shown = configured.ids == LOG_IDS_CLEAR;
        show_text(field->string, ret);
        return;
    case LOG_FIELD_STR:
        show_text(field->string, ret);
        return;
    }
}

/* --- lines ------------------------------------------------------------------------------------------- */

/* What is to be written. */
typedef struct Message {
    LogLevel level;
    const char *event;
    const LogField *fields;
    size_t n_fields;
    unsigned n_left_out;
} Message;

static void add_fields(const LogField *fields, size_t n, LogLine *line, LogEntry *entry) {
    LogValue value;
    for (size_t i = 0; i < n; i++) {
        show(&fields[i], &value);
        log_line_add(line, &value);
        if (entry)
            log_entry_add_value(entry, &value);
    }
}

static void add_message(const Message *message, LogLine *line, LogEntry *entry) {
    const LogField event = LOG_STR("event", message->event), left_out = LOG_INT("left_out", message->n_left_out);
    add_fields(&event, 1, line, entry);
    add_fields(message->fields, message->n_fields, line, entry);
    add_fields(&left_out, message->n_left_out > 0, line, entry);
}

/* What can't be written can't be reported either. */
static void put_out(const LogLine *line) {
    for (size_t done = 0; done < line->len;) {
        ssize_t n = write(STDERR_FILENO, line->data + done, line->len - done);
        if (n < 0 && errno != EINTR)
            return;
        done += n > 0 ? (size_t)n : 0;
    }
}

static void write_line(const Message *message) {
    char time[TIMESTAMP_TEXT_SIZE];
    LogLine line;
    (void)timestamp_print(clock_wall_ms(), time);
    const LogField head[] = {LOG_STR("time", time), LOG_STR("level", levels[message->level].name)};
    log_line_begin(&line, configured.format == LOG_JSON, is_stderr_journal ? levels[message->level].prefix : "");
    add_fields(head, ARRAY_SIZE(head), &line, NULL);
    add_message(message, &line, NULL);
    log_line_end(&line);
    put_out(&line);
}

/* False: the journal has not taken it. */
static bool write_entry(const Message *message) {
    const LogMeaning *meaning = log_catalogue_find(message->event);
    LogEntry entry;
    LogLine line;
    log_entry_begin(&entry);
    log_line_begin(&line, false, "");
    log_entry_add(&entry, "PRIORITY", str_from(levels[message->level].priority));
    log_entry_add(&entry, "SYSLOG_IDENTIFIER", STR_LITERAL("scored"));
    if (meaning)
        log_entry_add(&entry, "MESSAGE_ID", str_from(meaning->id));
    add_message(message, &line, &entry);
    log_entry_add(&entry, "MESSAGE", (Str){line.data, line.len});
    return log_entry_send(&entry, configured.journal) == 0;
}

static void write_message(const Message *message) {
    if (configured.format != LOG_JOURNAL || !write_entry(message))
        write_line(message);
}

/* --- limits ------------------------------------------------------------------------------------------ */

static bool is_window_over(const LogLimit *limit, int64_t now_ms) {
    /* A clock that went back starts a window too, else a site could be silent for long. */
    return now_ms < limit->window_start_ms || now_ms - limit->window_start_ms >= LIMIT_WINDOW_MS;
}

bool log_limit_allows(LogLimit *limit, int64_t now_ms, unsigned burst, unsigned *ret_left_out) {
    if (limit->n == 0 || is_window_over(limit, now_ms)) {
        limit->window_start_ms = now_ms;
        limit->n = 0;
    }
    if (limit->n >= burst) {
        limit->n_left_out++;
        return false;
    }
    limit->n++;
    *ret_left_out = limit->n_left_out;
    limit->n_left_out = 0;
    return true;
}

/* Of other sites, whose window is over: they may have nothing more to say. */
static void tell_left_out(int64_t now_ms, bool is_end) {
    for (LogSite *site = sites; site; site = site->next) {
        if (site->limit.n_left_out == 0 || !(is_end || is_window_over(&site->limit, now_ms)))
            continue;
        const LogField fields[] = {LOG_STR("of", site->event), LOG_INT("count", site->limit.n_left_out)};
        write_message(&(Message){.level = site->level, .event = "log.left_out", .fields = fields, .n_fields = ARRAY_SIZE(fields)});
        site->limit.n_left_out = 0;
    }
}

static bool is_allowed(LogSite *site, int64_t now_ms, unsigned burst, unsigned *ret_left_out) {
    *ret_left_out = 0;
    if (burst == 0 || log_limit_allows(&site->limit, now_ms, burst, ret_left_out))
        return true;
    if (!site->is_listed) {
        site->is_listed = true;
        site->next = sites;
        sites = site;
    }
    return false;
}

void log_write(LogSite *site, LogLevel level, unsigned burst, const char *event, const LogField *fields, size_t n) {
    if (level > configured.level)
        return;
    int saved_errno = errno;
    int64_t now_ms = clock_monotonic_ms();
    Message message = {.level = level, .event = event, .fields = fields, .n_fields = n};
    (void)pthread_mutex_lock(&mutex);
    site->level = level;
    site->event = event;
    if (is_allowed(site, now_ms, burst ? burst : levels[level].burst, &message.n_left_out)) {
        tell_left_out(now_ms, false);
        write_message(&message);
    }
    (void)pthread_mutex_unlock(&mutex);
    errno = saved_errno;
}

void log_finish(void) {
    (void)pthread_mutex_lock(&mutex);
    tell_left_out(clock_monotonic_ms(), true);
    (void)pthread_mutex_unlock(&mutex);
}
