/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is made in a buffer on the stack and put out by one write(2), so that lines of several threads never
 * run into each other. PIPE_BUF bounds it: up to there a pipe takes a write whole. What would not fit is cut,
 * value by value, so that a line is well-formed however long its values are.
 *
 * What is logged may come from anywhere (a broker's text, an id of an event) and ends up on terminals:
 * quotes, backslashes and control characters are escaped as JSON does, in logfmt too, and bytes that are not
 * UTF-8 become U+FFFD.
 */
#include "daemon/log.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/io/json_reader.h"
#include "lib/timestamp.h"

#define LINE_SIZE PIPE_BUF
#define VALUE_LEN_MAX 1000
#define CUT_SIGN "..."
/* Kept free behind the last value: the sign of a cut, its quote, the object's end and the line's. */
#define TAIL_SIZE (sizeof(CUT_SIGN) - 1 + 3)
#define LIMIT_WINDOW_MS 10000

/* Set once, before there are other threads. */
static LogFormat configured_format = LOG_LOGFMT;
static LogLevel configured_level = LOG_INFO;
/* Standard error is the journal, which takes a line's priority from a prefix. */
static bool is_journal;

static const struct {
    const char *name, *journal_prefix;
} levels[] = {
        [LOG_ERROR] = {"error", "<3>"},
        [LOG_WARNING] = {"warning", "<4>"},
        [LOG_INFO] = {"info", "<6>"},
        [LOG_DEBUG] = {"debug", "<7>"},
};

typedef struct Line {
    char data[LINE_SIZE];
    size_t len;
    bool is_json;
    bool has_fields;
} Line;

/* JOURNAL_STREAM names the journal's socket; standard error may have been redirected away from it since. */
static bool stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    uint64_t device, inode;
    return stream && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_configure(LogFormat format, LogLevel level) {
    configured_format = format;
    configured_level = level;
    is_journal = stderr_is_journal();
}

static size_t room(const Line *line) {
    return line->len < LINE_SIZE - TAIL_SIZE ? LINE_SIZE - TAIL_SIZE - line->len : 0;
}

/* All of it or, where the line has no room, nothing. */
static bool add(Line *line, Str bytes) {
    if (bytes.len > room(line))
        return false;
    memcpy(line->data + line->len, bytes.data, bytes.len);
    line->len += bytes.len;
    return true;
}

static void add_tail(Line *line, const char *text) {
    size_t len = strlen(text);
    assert(len <= LINE_SIZE - line->len);
    memcpy(line->data + line->len, text, len);
    line->len += len;
}

/* The character at the start of `s` as it is put out, which may be in `text`; *ret_len: the bytes it takes in
 * `s`. */
static Str escape(Str s, char text[static 8], size_t *ret_len) {
    static const char escaped[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
    unsigned char c = (unsigned char)s.data[0];
    size_t bad = 1, n = c < 0x80 ? 1 : utf8_sequence(s.data, s.len, &bad);
    *ret_len = n > 0 ? n : bad;
    if (n == 0)
        return STR_LITERAL("\xEF\xBF\xBD");

    const char *found = n == 1 && c ? strchr(escaped, c) : NULL;
    if (found) {
        text[0] = '\\';
        text[1] = letters[found - escaped];
        return (Str){text, 2};
    }
    /* U+0000 to U+001F, U+007F to U+009F */
    unsigned second = n == 2 ? (unsigned char)s.data[1] : 0;
    bool is_control = n == 1 ? c < ' ' || c == 0x7F : n == 2 && c == 0xC2 && second < 0xA0;
    if (is_control)
        return (Str){text, (size_t)snprintf(text, 8, "\\u%04x", n == 1 ? c : second)};
    return (Str){s.data, n};
}

static bool needs_quotes(Str value) {
    for (size_t i = 0; i < value.len; i++) {
        char c = value.data[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\')
            return true;
    }
    return value.len == 0;
}

static void add_string(Line *line, Str value) {
    Str rest = {value.data, str_cut(value, VALUE_LEN_MAX)};
    bool is_cut = rest.len < value.len;
    bool is_quoted = line->is_json || needs_quotes(rest);

    if (is_quoted && !add(line, STR_LITERAL("\"")))
        return;
    while (rest.len > 0) {
        char text[8];
        size_t len;
        if (!add(line, escape(rest, text, &len))) {
            is_cut = true;
            break;
        }
        rest = (Str){rest.data + len, rest.len - len};
    }
    /* The tail's bytes are for this. */
    if (is_cut && !add(line, STR_LITERAL(CUT_SIGN)))
        add_tail(line, CUT_SIGN);
    if (is_quoted && !add(line, STR_LITERAL("\"")))
        add_tail(line, "\"");
}

static size_t print_number(double value, char *text, size_t size) {
    int n = 0;
    for (int precision = 15; precision <= 17; precision++) {
        n = snprintf(text, size, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return (size_t)n;
}

static Str print_value(const Line *line, const LogField *field, char *text, size_t size) {
    if (field->type == LOG_FIELD_INT)
        return (Str){text, (size_t)snprintf(text, size, "%" PRId64, field->integer)};
    if (line->is_json && !isfinite(field->number))
        return STR_LITERAL("null");
    return (Str){text, print_number(field->number, text, size)};
}

static void add_field(Line *line, const LogField *field) {
    char name[64], text[40];
    const char *separator = !line->has_fields ? "" : line->is_json ? "," : " ";
    int n = snprintf(name, sizeof(name), line->is_json ? "%s\"%s\":" : "%s%s=", separator, field->name);
    assert(n > 0 && (size_t)n < sizeof(name) && "names are short words of ours");

    /* As much as any number needs; of a text it is enough for a beginning. */
    if (room(line) < (size_t)n + sizeof(text))
        return;
    line->has_fields = true;
    (void)add(line, (Str){name, (size_t)n});
    if (field->type != LOG_FIELD_STR)
        (void)add(line, print_value(line, field, text, sizeof(text)));
    else if (!str_is_null(field->string))
        add_string(line, field->string);
    else if (line->is_json)
        (void)add(line, STR_LITERAL("null"));
}

/* What can't be written can't be reported either. */
static void put_out(const Line *line) {
    for (size_t done = 0; done < line->len;) {
        ssize_t n = write(STDERR_FILENO, line->data + done, line->len - done);
        if (n < 0 && errno != EINTR)
            return;
        done += n > 0 ? (size_t)n : 0;
    }
}

void log_write(LogLevel level, const char *event, const LogField *fields, size_t n) {
    if (level > configured_level)
        return;
    int saved_errno = errno;
    Line line = {.is_json = configured_format == LOG_JSON};
    char time[TIMESTAMP_TEXT_SIZE];
    (void)timestamp_print(clock_wall_ms(), time);

    if (is_journal)
        (void)add(&line, str_from(levels[level].journal_prefix));
    if (line.is_json)
        (void)add(&line, STR_LITERAL("{"));
    const LogField head[] = {
            LOG_STR("time", time),
            LOG_STR("level", levels[level].name),
            LOG_STR("event", event),
    };
    for (size_t i = 0; i < ARRAY_SIZE(head); i++)
        add_field(&line, &head[i]);
    for (size_t i = 0; i < n; i++)
        add_field(&line, &fields[i]);
    add_tail(&line, line.is_json ? "}\n" : "\n");

    put_out(&line);
    errno = saved_errno;
}

bool log_limit_allows(LogLimit *limit, int64_t now_ms, unsigned burst, unsigned *ret_left_out) {
    /* A clock that went back starts a window too, else a site could be silent for long. */
    if (limit->n == 0 || now_ms < limit->window_start_ms ||
            now_ms - limit->window_start_ms >= LIMIT_WINDOW_MS) {
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
