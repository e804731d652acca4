/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading values from a YAML tree: one grammar for each type, stricter than YAML's own where that has traps
 * (`010` is eight, `1_000` a thousand, `yes` true).
 */
#include <math.h>
#include <stdio.h>
#include "lib/calendar/timestamp.h"
#include "lib/model/yaml.h"

#define GOT_SIZE 80
/* Of a text that is shown in a message. */
#define GOT_TEXT_LEN_MAX 60
#define KNOWN_KEYS_SIZE 400

YamlNode *yaml_get(const YamlNode *mapping, const char *key) {
    if (mapping->type != YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->n_items; i++)
        if (str_eq_c(mapping->keys[i]->text, key))
            return mapping->items[i];
    return NULL;
}

bool yaml_is_null(const YamlNode *node) {
    return node->type == YAML_SCALAR && !node->quoted &&
           (node->text.len == 0 || str_eq_c(node->text, "~") || str_eq_c(node->text, "null"));
}

/* Adds the error that `node` is not what was expected. */
static void add_expected(const YamlNode *node, const char *what, const char *expected, Diagnostics *d) {
    char got[GOT_SIZE];
    if (node->type == YAML_SEQUENCE)
        snprintf(got, sizeof(got), "a list");
    else if (node->type == YAML_MAPPING)
        snprintf(got, sizeof(got), "a mapping");
    else if (yaml_is_null(node))
        snprintf(got, sizeof(got), "nothing");
    else
        snprintf(got, sizeof(got), "\"%.*s%s\"", (int)str_cut(node->text, GOT_TEXT_LEN_MAX), node->text.data,
                node->text.len > GOT_TEXT_LEN_MAX ? "..." : "");
    diagnostics_add(d, DIAGNOSTIC_ERROR, node->mark, "%s: %s expected, got %s", what, expected, got);
}

/* Numbers and booleans in quotes are texts; who reads `"40"` in a message doesn't see why. */
static bool is_quoted(const YamlNode *node) {
    return node->type == YAML_SCALAR && node->quoted;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *s) {
    while (is_digit(*s))
        s++;
    return s;
}

static const char *skip_sign(const char *s) {
    return *s == '-' || *s == '+' ? s + 1 : s;
}

/* Skips digits without a leading zero; NULL if there are none. */
static const char *skip_whole(const char *s) {
    const char *end = skip_digits(s);
    return end == s || (*s == '0' && end > s + 1) ? NULL : end;
}

/* [+-] whole [. digits] [e [+-] digits] and nothing more: no hexadecimal, infinity or locale, as strtod()
 * has. */
static bool is_number(const char *s) {
    s = skip_whole(skip_sign(s));
    if (!s)
        return false;
    if (*s == '.') {
        if (!is_digit(*++s))
            return false;
        s = skip_digits(s);
    }
    if (*s == 'e' || *s == 'E') {
        s = skip_sign(s + 1);
        if (!is_digit(*s))
            return false;
        s = skip_digits(s);
    }
    return *s == '\0';
}

bool yaml_double(const YamlNode *node, const char *what, Diagnostics *d, double *ret) {
    if (node->type == YAML_SCALAR && !node->quoted && is_number(node->text.data)) {
        char *end;
        double number = strtod(node->text.data, &end);
        if (*end == '\0' && isfinite(number)) {
            *ret = number;
            return true;
        }
    }
    add_expected(node, what, is_quoted(node) ? "a number without quotes" : "a number", d);
    return false;
}

static bool parse_integer(const char *s, int64_t *ret) {
    bool negative = *s == '-';
    s = skip_sign(s);
    const char *end = skip_whole(s);
    if (!end || *end != '\0')
        return false;
    int64_t number = 0;
    for (; s < end; s++) {
        int digit = negative ? -(*s - '0') : *s - '0';
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, digit, &number))
            return false;
    }
    *ret = number;
    return true;
}

bool yaml_integer(
        const YamlNode *node, const char *what, int64_t min, int64_t max, Diagnostics *d, int64_t *ret) {
    int64_t number;
    if (node->type == YAML_SCALAR && !node->quoted && parse_integer(node->text.data, &number) &&
            number >= min && number <= max) {
        *ret = number;
        return true;
    }
    const char *unquoted = is_quoted(node) ? " without quotes" : "";
    char expected[96];
    if (max < INT64_MAX)
        snprintf(expected, sizeof(expected), "a whole number from %lld to %lld%s", (long long)min,
                (long long)max, unquoted);
    else if (min > INT64_MIN)
        snprintf(expected, sizeof(expected), "a whole number of at least %lld%s", (long long)min, unquoted);
    else
        snprintf(expected, sizeof(expected), "a whole number%s", unquoted);
    add_expected(node, what, expected, d);
    return false;
}

bool yaml_boolean(const YamlNode *node, const char *what, Diagnostics *d, bool *ret) {
    bool is_true = str_eq_c(node->text, "true");
    if (node->type == YAML_SCALAR && !node->quoted && (is_true || str_eq_c(node->text, "false"))) {
        *ret = is_true;
        return true;
    }
    add_expected(node, what, is_quoted(node) ? "true or false without quotes" : "true or false", d);
    return false;
}

bool yaml_duration(const YamlNode *node, const char *what, int64_t min_ms, Diagnostics *d, int64_t *ret_ms) {
    int64_t duration_ms;
    if (node->type == YAML_SCALAR && duration_parse(node->text, &duration_ms) && duration_ms >= min_ms) {
        *ret_ms = duration_ms;
        return true;
    }
    char expected[80] = "a duration such as 250ms, 90s, 5m, 24h, 30d or 2w";
    if (min_ms > 0) {
        char min[DURATION_TEXT_SIZE];
        duration_print(min_ms, min);
        snprintf(expected, sizeof(expected), "a duration (such as 90s, 5m, 24h or 30d) of at least %s", min);
    }
    add_expected(node, what, expected, d);
    return false;
}

bool yaml_string(const YamlNode *node, const char *what, Diagnostics *d, Str *ret) {
    if (node->type == YAML_SCALAR && !yaml_is_null(node)) {
        *ret = node->text;
        return true;
    }
    add_expected(node, what, "a text", d);
    return false;
}

static void add_unknown_key(
        const YamlNode *key, const char *what, const char *const *known, size_t n_known, Diagnostics *d) {
    int shown_len = (int)str_cut(key->text, GOT_TEXT_LEN_MAX);
    const char *more = key->text.len > GOT_TEXT_LEN_MAX ? "..." : "";
    const char *nearest = diagnostic_nearest(key->text, known, n_known);
    if (nearest) {
        diagnostics_add(d, DIAGNOSTIC_ERROR, key->mark, "unknown key \"%.*s%s\"; did you mean \"%s\"?",
                shown_len, key->text.data, more, nearest);
        return;
    }
    char names[KNOWN_KEYS_SIZE] = "";
    size_t len = 0;
    for (size_t i = 0; i < n_known && len < sizeof(names); i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? ", " : "", known[i]);
    diagnostics_add(d, DIAGNOSTIC_ERROR, key->mark, "unknown key \"%.*s%s\"; %s takes %s", shown_len,
            key->text.data, more, what, n_known ? names : "none");
}

bool yaml_check_keys(
        const YamlNode *node, const char *what, const char *const *known, size_t n_known, Diagnostics *d) {
    if (node->type != YAML_MAPPING) {
        add_expected(node, what, "a mapping", d);
        return false;
    }
    for (size_t i = 0; i < node->n_items; i++) {
        bool found = false;
        for (size_t k = 0; k < n_known && !found; k++)
            found = str_eq_c(node->keys[i]->text, known[k]);
        if (!found)
            add_unknown_key(node->keys[i], what, known, n_known, d);
    }
    return true;
}
