/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/log/log_line.h"

#include <stdio.h>

#include "daemon/io/json/json_reader.h"

#define CUT_SIGN "..."
/* Kept free behind the last value: the sign of a cut, its quote, the object's end and the line's. */
#define TAIL_SIZE (sizeof(CUT_SIGN) - 1 + 3)
/* As much as any number needs; of a text it is enough for a beginning. */
#define VALUE_ROOM_MIN 40

static size_t room(const LogLine *line) {
    return line->len < LOG_LINE_SIZE - TAIL_SIZE ? LOG_LINE_SIZE - TAIL_SIZE - line->len : 0;
}

/* All of it or, where the line has no room, nothing. */
static bool add(LogLine *line, Str bytes) {
    if (bytes.len > room(line))
        return false;
    memcpy(line->data + line->len, bytes.data, bytes.len);
    line->len += bytes.len;
    return true;
}

static void add_tail(LogLine *line, const char *text) {
    size_t len = strlen(text);
    assert(len <= LOG_LINE_SIZE - line->len);
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

static void add_text(LogLine *line, const LogValue *value) {
    Str rest = {value->bytes, value->len};
    bool is_cut = value->is_cut;
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

void log_line_begin(LogLine *line, bool is_json, const char *prefix) {
    line->len = 0;
    line->is_json = is_json;
    line->has_fields = false;
    (void)add(line, str_from(prefix));
    if (is_json)
        (void)add(line, STR_LITERAL("{"));
}

void log_line_add(LogLine *line, const LogValue *value) {
    char name[64];
    const char *separator = !line->has_fields ? "" : line->is_json ? "," : " ";
    int n = snprintf(name, sizeof(name), line->is_json ? "%s\"%s\":" : "%s%s=", separator, value->name);
    assert(n > 0 && (size_t)n < sizeof(name) && "names are short words of ours");
    if (!value->is_shown || room(line) < (size_t)n + VALUE_ROOM_MIN)
        return;
    line->has_fields = true;
    (void)add(line, (Str){name, (size_t)n});
    if (value->is_null && line->is_json)
        (void)add(line, STR_LITERAL("null"));
    else if (value->is_text && !value->is_null)
        add_text(line, value);
    else
        (void)add(line, (Str){value->bytes, value->len});
}

void log_line_end(LogLine *line) {
    add_tail(line, line->is_json ? "}\n" : "\n");
}
