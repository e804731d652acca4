/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line break with a blank behind it is no more than a place where a long line was folded, in the middle of
 * a character even. Lines may end with a newline alone, and empty ones are passed over: files come from
 * editors.
 */
#include "lib/calendar/icalendar_line.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

int icalendar_lines_init(IcalendarLines *lines, Arena *arena, Str bytes) {
    if (str_starts_with(bytes, BYTE_ORDER_MARK))
        bytes = (Str){bytes.data + strlen(BYTE_ORDER_MARK), bytes.len - strlen(BYTE_ORDER_MARK)};
    *lines = (IcalendarLines){.rest = bytes, .unfolded = arena_new_array(arena, char, bytes.len)};
    return lines->unfolded ? 0 : -ENOMEM;
}

/* A line of the file without its end. */
static Str take_physical(IcalendarLines *lines) {
    Str rest = lines->rest;
    const char *end = memchr(rest.data, '\n', rest.len);
    Str line = {rest.data, end ? (size_t)(end - rest.data) : rest.len};

    lines->rest = (Str){rest.data + line.len + (end != NULL), rest.len - line.len - (end != NULL)};
    lines->n_lines++;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool is_folded(Str rest) {
    return rest.len > 0 && (rest.data[0] == ' ' || rest.data[0] == '\t');
}

static Str take_unfolded(IcalendarLines *lines) {
    Str line = take_physical(lines);
    char *begin = lines->unfolded;

    memcpy(lines->unfolded, line.data, line.len);
    lines->unfolded += line.len;
    while (is_folded(lines->rest)) {
        line = take_physical(lines);
        memcpy(lines->unfolded, line.data + 1, line.len - 1);
        lines->unfolded += line.len - 1;
    }
    return (Str){begin, (size_t)(lines->unfolded - begin)};
}

/* Up to a character of `set` outside of quotes; the whole of it if there is none. */
static size_t span_unquoted(Str s, const char *set) {
    bool quoted = false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.data[i] != '\0' && strchr(set, s.data[i]))
            return i;
    }
    return s.len;
}

bool icalendar_lines_next(IcalendarLines *lines, IcalendarLine *ret) {
    Str line = {NULL, 0};

    *ret = (IcalendarLine){0};
    while (line.len == 0 && lines->rest.len > 0) {
        ret->number = lines->n_lines + 1;
        line = take_unfolded(lines);
    }
    if (line.len == 0)
        return false;

    size_t n_before = span_unquoted(line, ":");
    ret->name = (Str){line.data, span_unquoted((Str){line.data, n_before}, ";")};
    ret->parameters = (Str){line.data + ret->name.len, n_before - ret->name.len};
    if (n_before == line.len)
        return false;
    ret->value = (Str){line.data + n_before + 1, line.len - n_before - 1};
    return true;
}

bool icalendar_name_is(Str name, const char *b) {
    if (name.len != strlen(b))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if ((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != b[i])
            return false;
    }
    return true;
}

Str icalendar_parameter(const IcalendarLine *line, const char *name) {
    Str rest = line->parameters;

    while (rest.len > 0) {
        rest = (Str){rest.data + 1, rest.len - 1};
        Str parameter = {rest.data, span_unquoted(rest, ";")};
        rest = (Str){rest.data + parameter.len, rest.len - parameter.len};

        size_t n_name = span_unquoted(parameter, "=");
        if (n_name == parameter.len || !icalendar_name_is((Str){parameter.data, n_name}, name))
            continue;
        Str value = {parameter.data + n_name + 1, parameter.len - n_name - 1};
        if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
            value = (Str){value.data + 1, value.len - 2};
        return value;
    }
    return STR_NULL;
}
