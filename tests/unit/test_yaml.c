/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "lib/model/yaml.h"
#include "tests/unit/suite.h"

static Arena *arena;
static Diagnostics diagnostics;

static void setup(void) {
    ck_assert_int_eq(arena_new(&arena), 0);
    diagnostics = DIAGNOSTICS_INIT;
}

static void teardown(void) {
    diagnostics_done(&diagnostics);
    arena = arena_free(arena);
}

static YamlNode *parse(Str source) {
    YamlNode *root = (YamlNode *)&diagnostics; /* must be replaced */
    ck_assert_int_eq(yaml_parse(arena, source, &diagnostics, &root), 0);
    diagnostics_sort(&diagnostics);
    return root;
}

static YamlNode *parse_good(const char *source) {
    YamlNode *root = parse(str_from(source));
    ck_assert_msg(diagnostics.n_errors == 0, "%s", diagnostics.n_items ? diagnostics.items[0].message : "");
    ck_assert_ptr_nonnull(root);
    return root;
}

static void assert_mark(Mark mark, unsigned line, unsigned column, unsigned length) {
    ck_assert_uint_eq(mark.line, line);
    ck_assert_uint_eq(mark.column, column);
    ck_assert_uint_eq(mark.length, length);
}

static void assert_error(size_t i, unsigned line, unsigned column, const char *message) {
    ck_assert_uint_lt(i, diagnostics.n_items);
    ck_assert_str_eq(diagnostics.items[i].message, message);
    ck_assert_uint_eq(diagnostics.items[i].mark.line, line);
    ck_assert_uint_eq(diagnostics.items[i].mark.column, column);
    ck_assert_int_eq(diagnostics.items[i].level, DIAGNOSTIC_ERROR);
}

/* The node that `path` leads to: keys and indexes, separated by '/'. */
static YamlNode *at(YamlNode *node, const char *path) {
    char buffer[100];
    snprintf(buffer, sizeof(buffer), "%s", path);
    char *state;
    for (char *part = strtok_r(buffer, "/", &state); part; part = strtok_r(NULL, "/", &state)) {
        if (node->type == YAML_SEQUENCE) {
            size_t i = (size_t)atoi(part);
            ck_assert_uint_lt(i, node->n_items);
            node = node->items[i];
        } else {
            node = yaml_get(node, part);
        }
        ck_assert_ptr_nonnull(node);
    }
    return node;
}

static const char document[] = "model: acme\n"
                               "params: { up: 60, \"d\xC3\xB6wn\": '40' }\n"
                               "# a comment\n"
                               "list:\n"
                               "  - \xE2\x82\xAC"
                               "1\n"
                               "  - [a, [b c]]\n"
                               "  -\n"
                               "    id: x\n"
                               "last:\n"
                               "- y\n"
                               "nothing:\n";

static const struct {
    const char *path;
    Mark mark;
    YamlType type;
    const char *text;
} place_rows[] = {
        {"", {1, 1, 1}, YAML_MAPPING, NULL},
        {"model", {1, 8, 4}, YAML_SCALAR, "acme"},
        {"params", {2, 9, 1}, YAML_MAPPING, NULL},
        {"params/up", {2, 15, 2}, YAML_SCALAR, "60"},
        {"params/d\xC3\xB6wn", {2, 27, 4}, YAML_SCALAR, "40"},
        {"list", {5, 3, 1}, YAML_SEQUENCE, NULL},
        {"list/0", {5, 5, 2}, YAML_SCALAR,
                "\xE2\x82\xAC"
                "1"},
        {"list/1", {6, 5, 1}, YAML_SEQUENCE, NULL},
        {"list/1/1", {6, 9, 1}, YAML_SEQUENCE, NULL},
        {"list/1/1/0", {6, 10, 3}, YAML_SCALAR, "b c"},
        {"list/2", {8, 5, 1}, YAML_MAPPING, NULL},
        {"list/2/id", {8, 9, 1}, YAML_SCALAR, "x"},
        {"last", {10, 1, 1}, YAML_SEQUENCE, NULL},
        {"last/0", {10, 3, 1}, YAML_SCALAR, "y"},
        {"nothing", {11, 9, 1}, YAML_SCALAR, ""},
};

static void assert_place(YamlNode *root, int i) {
    const YamlNode *node = at(root, place_rows[i].path);
    ck_assert_int_eq(node->type, place_rows[i].type);
    assert_mark(node->mark, place_rows[i].mark.line, place_rows[i].mark.column, place_rows[i].mark.length);
    if (place_rows[i].text)
        ck_assert_str_eq(node->text.data, place_rows[i].text);
}

START_TEST(every_node_knows_its_place) {
    assert_place(parse_good(document), _i);
}
END_TEST

START_TEST(byte_order_mark_and_carriage_returns_change_no_place) {
    char source[2 * sizeof(document) + 3];
    size_t n = 0;
    n += (size_t)snprintf(source, sizeof(source), "\xEF\xBB\xBF");
    for (const char *p = document; *p; p++) {
        if (*p == '\n')
            source[n++] = '\r';
        source[n++] = *p;
    }
    source[n] = '\0';
    assert_place(parse_good(source), _i);
}
END_TEST

START_TEST(keys_are_in_file_order_with_their_places) {
    YamlNode *root = parse_good("zeta: 1\n\"alpha\": 2\n  \n'mid dle': 3\n");
    ck_assert_uint_eq(root->n_items, 3);
    ck_assert_str_eq(root->keys[0]->text.data, "zeta");
    assert_mark(root->keys[0]->mark, 1, 1, 4);
    ck_assert_str_eq(root->keys[1]->text.data, "alpha");
    assert_mark(root->keys[1]->mark, 2, 1, 7);
    ck_assert_str_eq(root->keys[2]->text.data, "mid dle");
    assert_mark(root->keys[2]->mark, 4, 1, 9);
    ck_assert_str_eq(root->items[2]->text.data, "3");
    ck_assert_ptr_null(yaml_get(root, "other"));
    ck_assert_ptr_null(yaml_get(root->items[0], "zeta"));
}
END_TEST

static const struct {
    const char *source;
    const char *text;
    bool quoted, exact;
    unsigned text_column;
} scalar_rows[] = {
        {"a: plain text", "plain text", false, true, 4},
        {"a:   plain   # comment", "plain", false, true, 6},
        {"a: 'fit >= 20'", "fit >= 20", true, true, 5},
        {"a: \"fit >= 20\"", "fit >= 20", true, true, 5},
        {"a: '\xC3\xA9 == 1'", "\xC3\xA9 == 1", true, true, 5},
        {"a: ''", "", true, true, 5},
        {"a:", "", false, true, 3},
        {"a: 'it''s'", "it's", true, false, 5},
        {"a: \"tab\\t\"", "tab\t", true, false, 5},
        {"a: \"\\u00e9\"", "\xC3\xA9", true, false, 5},
        {"a: 'two\n  lines'", "two lines", true, false, 5},
        {"a: two\n  lines", "two lines", false, false, 4},
        {"a: |\n  one\n  two\n", "one\ntwo\n", true, false, 4},
        {"a: >-\n  one\n  two\n", "one two", true, false, 4},
};

START_TEST(scalar_says_where_its_text_stands) {
    const YamlNode *node = at(parse_good(scalar_rows[_i].source), "a");
    ck_assert_int_eq(node->type, YAML_SCALAR);
    ck_assert_str_eq(node->text.data, scalar_rows[_i].text);
    ck_assert_uint_eq(node->text.len, strlen(scalar_rows[_i].text));
    ck_assert_int_eq(node->quoted, scalar_rows[_i].quoted);
    ck_assert_int_eq(node->text_exact, scalar_rows[_i].exact);
    ck_assert_uint_eq(node->text_column, scalar_rows[_i].text_column);
}
END_TEST

static const struct {
    const char *source;
    unsigned line, column;
    const char *message;
} bad_rows[] = {
        {"", 1, 1, "the file is empty"},
        {"# only a comment\n", 1, 1, "the file is empty"},
        {"---\n...\n", 1, 1, "the file is empty"},
        {"a: &x 1", 1, 4, "anchors are not supported; write the value out"},
        {"a: &x [1]", 1, 4, "anchors are not supported; write the value out"},
        {"a: &x\n  b: 1", 1, 4, "anchors are not supported; write the value out"},
        {"a: *x", 1, 4, "aliases are not supported; write the value out"},
        {"*x : 1", 1, 1, "aliases are not supported; write the value out"},
        {"a: !!str 1", 1, 4, "tags are not supported; types follow from the key"},
        {"a: ! 1", 1, 4, "tags are not supported; types follow from the key"},
        {"\xC3\xA9: ! 1", 1, 4, "tags are not supported; types follow from the key"},
        {"a: ! {}", 1, 4, "tags are not supported; types follow from the key"},
        {"a: !x {}", 1, 4, "tags are not supported; types follow from the key"},
        {"%TAG !e! tag:example.com,2000:\n---\na: 1", 1, 1, "tags are not supported"},
        {"a: 1\n---\nb: 1", 2, 1, "a second document; only one is expected"},
        {"? [x, y]\n: 1", 1, 3, "a key must be a plain text"},
        {"{ {x: y}: 1, [z]: 2 }", 1, 3, "a key must be a plain text"},
        {"{? : 1}", 1, 4, "a key is missing here"},
        {"a: @x", 1, 4, "a text that starts with \"@\" must be quoted"},
        {"a: \"\\q\"", 1, 5,
                "an unknown escape; within single quotes \"\\\" stands for itself (of the text)"},
        {"a: \"x\\0y\"", 1, 4, "a text cannot hold the character \"\\0\""},
        {"a: 1\n\tb: 2", 2, 1, "a tab cannot stand here; indent with spaces"},
        {"a: [1, 2\nb: 3", 2, 2,
                "\",\" or \"]\" expected; a text with quotes, commas or brackets in it stands in single "
                "quotes: '…' (within [ ] from line 1)"},
        {"a: 'x\n\n", 3, 1, "the file ends here, and the closing quote is missing (of the text from line 1)"},
        {"a: 1\n b: 2", 2, 3,
                "a \":\" cannot stand here; a text that has one is quoted, and keys side by side begin as "
                "far in"},
        {"\xC3\xA9: 1\n\xC3\xA9: \xFF", 2, 4, "invalid leading UTF-8 octet"},
        {"\xC3\xA9: 1\n\xC3\xA9: \x01", 2, 4, "control characters are not allowed"},
        {"a: 1\n\xC3\xA9\rb: 2", 2, 2, "a line break other than LF or CR LF"},
        {"a: 'x\xE2\x80\xA8y'", 1, 6, "a line break other than LF or CR LF"},
        {"a: 1\xC2\x85", 1, 5, "a line break other than LF or CR LF"},
        {"\xFF\xFE"
         "a",
                1, 1, "invalid leading UTF-8 octet"},
};

START_TEST(what_is_no_plain_yaml_is_refused_with_its_place) {
    ck_assert_ptr_null(parse(str_from(bad_rows[_i].source)));
    assert_error(0, bad_rows[_i].line, bad_rows[_i].column, bad_rows[_i].message);
}
END_TEST

START_TEST(tag_of_a_key_is_reported_once) {
    ck_assert_ptr_null(parse(str_from("! a: 1\n!!str b: 2\n")));
    ck_assert_uint_eq(diagnostics.n_errors, 2);
    assert_error(0, 1, 1, "tags are not supported; types follow from the key");
    assert_error(1, 2, 1, "tags are not supported; types follow from the key");
}
END_TEST

START_TEST(nul_in_the_source_is_refused) {
    ck_assert_ptr_null(parse(STR_LITERAL("a: 1\nb: \0c")));
    assert_error(0, 2, 4, "control characters are not allowed");
}
END_TEST

START_TEST(null_source_is_empty) {
    ck_assert_ptr_null(parse(STR_NULL));
    assert_error(0, 1, 1, "the file is empty");
}
END_TEST

START_TEST(all_refused_things_are_reported_at_once) {
    ck_assert_ptr_null(parse(str_from("a: &x 1\nb: *x\na: 2\nc: !!int 3\n")));
    ck_assert_uint_eq(diagnostics.n_errors, 4);
    assert_error(0, 1, 4, "anchors are not supported; write the value out");
    assert_error(1, 2, 4, "aliases are not supported; write the value out");
    assert_error(2, 3, 1, "duplicate key \"a\"; the first is in line 1");
    assert_error(3, 4, 4, "tags are not supported; types follow from the key");
}
END_TEST

START_TEST(duplicate_keys_are_errors_and_the_first_one_counts) {
    YamlNode *root = parse(str_from("a: 1\nb: {x: 1, y: 2, 'x': 3, x: 4}\nc: 1\na: 2\n"));
    ck_assert_uint_eq(diagnostics.n_errors, 3);
    assert_error(0, 2, 17, "duplicate key \"x\"; the first is in line 2");
    assert_error(1, 2, 25, "duplicate key \"x\"; the first is in line 2");
    assert_error(2, 4, 1, "duplicate key \"a\"; the first is in line 1");

    ck_assert_ptr_nonnull(root);
    ck_assert_uint_eq(root->n_items, 3);
    ck_assert_str_eq(at(root, "a")->text.data, "1");
    ck_assert_uint_eq(at(root, "b")->n_items, 2);
    ck_assert_str_eq(at(root, "b/x")->text.data, "1");
    ck_assert_str_eq(root->keys[2]->text.data, "c");
}
END_TEST

START_TEST(empty_key_in_quotes_is_a_key_like_others) {
    YamlNode *root = parse(str_from("'': 1\nb: 2\n\"\": 3\n"));
    ck_assert_ptr_nonnull(root);
    ck_assert_uint_eq(root->n_items, 2);
    assert_error(0, 3, 1, "duplicate key \"\"; the first is in line 1");
}
END_TEST

/* `n` times `open`, then `n` times `close`. */
static Str nested(size_t n, char open, char close) {
    char *text = arena_alloc(arena, 2 * n, 1);
    memset(text, open, n);
    memset(text + n, close, n);
    return (Str){text, 2 * n};
}

START_TEST(depth_is_limited) {
    ck_assert_ptr_nonnull(parse(nested(YAML_DEPTH_MAX, '[', ']')));
    ck_assert_uint_eq(diagnostics.n_errors, 0);
    ck_assert_ptr_null(parse(nested(YAML_DEPTH_MAX + 1, '[', ']')));
    assert_error(0, 1, YAML_DEPTH_MAX + 1, "nested more than 32 levels deep");
    ck_assert_ptr_null(parse(nested(500, '[', ']')));
    ck_assert_ptr_null(parse(nested(500, '{', '}')));
    ck_assert_ptr_null(parse(nested(100000, '[', ' ')));
}
END_TEST

START_TEST(number_of_nodes_is_limited) {
    size_t n = YAML_NODES_MAX;
    char *text = arena_alloc(arena, 2 * n + 2, 1);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 1 + 2 * i, i % 40 ? "a," : "a\n", 2);
    for (size_t i = 0; i < n; i += 40)
        text[2 + 2 * i] = ',';
    text[0] = '[';
    text[2 * n + 1] = ']';
    ck_assert_ptr_null(parse((Str){text, 2 * n + 2}));
    ck_assert_str_eq(diagnostics.items[0].message, "more than 200000 values");

    /* one less, with the sequence itself */
    diagnostics_done(&diagnostics);
    text[2 * n - 1] = ']';
    YamlNode *root = parse((Str){text, 2 * n});
    ck_assert_ptr_nonnull(root);
    ck_assert_uint_eq(root->n_items, YAML_NODES_MAX - 1);
}
END_TEST

START_TEST(number_of_bytes_is_limited) {
    size_t n = YAML_BYTES_MAX + 1;
    char *text = arena_alloc(arena, n, 1);
    memset(text, '\n', n);
    text[0] = 'a';
    ck_assert_ptr_nonnull(parse((Str){text, n - 1}));
    ck_assert_uint_eq(diagnostics.n_errors, 0);
    ck_assert_ptr_null(parse((Str){text, n}));
    assert_error(0, 1, 1, "more than 4194304 bytes");
}
END_TEST

START_TEST(many_keys_are_read) {
    char *text = arena_alloc(arena, 50000 * 12, 1);
    size_t len = 0;
    for (int i = 0; i < 50000; i++)
        len += (size_t)sprintf(text + len, "k%d: %d\n", i, i % 10);
    YamlNode *root = parse((Str){text, len});
    ck_assert_ptr_nonnull(root);
    ck_assert_uint_eq(root->n_items, 50000);
    ck_assert_uint_eq(root->keys[49999]->mark.line, 50000);
}
END_TEST

static const struct {
    const char *source;
    bool null;
} null_rows[] = {
        {"a:", true},
        {"a: ~", true},
        {"a: null", true},
        {"a: ''", false},
        {"a: 'null'", false},
        {"a: Null", false},
        {"a: []", false},
        {"a: {}", false},
        {"a: |\n", false},
};

START_TEST(null_is_unquoted) {
    ck_assert_int_eq(yaml_is_null(at(parse_good(null_rows[_i].source), "a")), null_rows[_i].null);
}
END_TEST

static const struct {
    const char *source;
    double number;
    const char *message;
} double_rows[] = {
        {"a: 0", 0, NULL},
        {"a: -0.5", -0.5, NULL},
        {"a: +12.25", 12.25, NULL},
        {"a: 1e3", 1000, NULL},
        {"a: 2.5E-1", 0.25, NULL},
        {"a: 1.7976931348623157e308", 1.7976931348623157e308, NULL},
        {"a: '5'", 0, "a: a number without quotes expected, got \"5\""},
        {"a: 010", 0, "a: a number expected, got \"010\""},
        {"a: 0x10", 0, "a: a number expected, got \"0x10\""},
        {"a: 1_000", 0, "a: a number expected, got \"1_000\""},
        {"a: 1,5", 0, "a: a number expected, got \"1,5\""},
        {"a: .5", 0, "a: a number expected, got \".5\""},
        {"a: 5.", 0, "a: a number expected, got \"5.\""},
        {"a: 1e", 0, "a: a number expected, got \"1e\""},
        {"a: 1e999", 0, "a: a number expected, got \"1e999\""},
        {"a: .inf", 0, "a: a number expected, got \".inf\""},
        {"a: nan", 0, "a: a number expected, got \"nan\""},
        {"a: 5 apples", 0, "a: a number expected, got \"5 apples\""},
        {"a: --5", 0, "a: a number expected, got \"--5\""},
        {"a:", 0, "a: a number expected, got nothing"},
        {"a: [1]", 0, "a: a number expected, got a list"},
        {"a: {b: 1}", 0, "a: a number expected, got a mapping"},
};

START_TEST(double_is_a_plain_decimal_number) {
    const YamlNode *node = at(parse_good(double_rows[_i].source), "a");
    double number = -77;
    const char *message = double_rows[_i].message;
    ck_assert_int_eq(yaml_double(node, "a", &diagnostics, &number), message == NULL);
    ck_assert_double_eq(number, message ? -77 : double_rows[_i].number);
    if (message)
        assert_error(0, 1, node->mark.column, message);
}
END_TEST

static const struct {
    const char *source;
    int64_t min, max, number;
    const char *message;
} integer_rows[] = {
        {"a: 1", 1, 10, 1, NULL},
        {"a: +10", 1, 10, 10, NULL},
        {"a: -3", -3, 10, -3, NULL},
        {"a: -0", 0, 0, 0, NULL},
        {"a: 9223372036854775807", 0, INT64_MAX, INT64_MAX, NULL},
        {"a: -9223372036854775808", INT64_MIN, 0, INT64_MIN, NULL},
        {"a: 0", 1, 10, 0, "a: a whole number from 1 to 10 expected, got \"0\""},
        {"a: 11", 1, 10, 0, "a: a whole number from 1 to 10 expected, got \"11\""},
        {"a: 0", 1, INT64_MAX, 0, "a: a whole number of at least 1 expected, got \"0\""},
        {"a: 9223372036854775808", INT64_MIN, INT64_MAX, 0,
                "a: a whole number expected, got \"9223372036854775808\""},
        {"a: -9223372036854775809", INT64_MIN, INT64_MAX, 0,
                "a: a whole number expected, got \"-9223372036854775809\""},
        {"a: 1.0", 1, 10, 0, "a: a whole number from 1 to 10 expected, got \"1.0\""},
        {"a: 07", 1, 10, 0, "a: a whole number from 1 to 10 expected, got \"07\""},
        {"a: '7'", 1, 10, 0, "a: a whole number from 1 to 10 without quotes expected, got \"7\""},
        {"a: ~", 1, 10, 0, "a: a whole number from 1 to 10 expected, got nothing"},
};

START_TEST(integer_is_within_its_limits) {
    const YamlNode *node = at(parse_good(integer_rows[_i].source), "a");
    int64_t number = -77;
    const char *message = integer_rows[_i].message;
    ck_assert_int_eq(
            yaml_integer(node, "a", integer_rows[_i].min, integer_rows[_i].max, &diagnostics, &number),
            message == NULL);
    ck_assert_int_eq(number, message ? -77 : integer_rows[_i].number);
    if (message)
        assert_error(0, 1, 4, message);
}
END_TEST

static const struct {
    const char *source;
    int value; /* -1: none */
    const char *got;
} boolean_rows[] = {
        {"a: true", 1, NULL},
        {"a: false", 0, NULL},
        {"a: yes", -1, "\"yes\""},
        {"a: True", -1, "\"True\""},
        {"a: 1", -1, "\"1\""},
        {"a:", -1, "nothing"},
        {"a: []", -1, "a list"},
};

START_TEST(boolean_is_true_or_false) {
    const YamlNode *node = at(parse_good(boolean_rows[_i].source), "a");
    bool value = _i % 2;
    if (boolean_rows[_i].value >= 0) {
        ck_assert(yaml_boolean(node, "a", &diagnostics, &value));
        ck_assert_int_eq(value, boolean_rows[_i].value);
        return;
    }
    ck_assert(!yaml_boolean(node, "a", &diagnostics, &value));
    ck_assert_int_eq(value, _i % 2);
    char message[100];
    snprintf(message, sizeof(message), "a: true or false expected, got %s", boolean_rows[_i].got);
    ck_assert_str_eq(diagnostics.items[0].message, message);
}
END_TEST

START_TEST(boolean_in_quotes_is_a_text) {
    bool value;
    ck_assert(!yaml_boolean(at(parse_good("a: 'true'"), "a"), "a", &diagnostics, &value));
    ck_assert_str_eq(diagnostics.items[0].message, "a: true or false without quotes expected, got \"true\"");
}
END_TEST

START_TEST(duration_has_a_unit_and_a_least_value) {
    YamlNode *root = parse_good("a: 5m\nb: '90s'\nc: 5\nd: 0s\ne: {}\n");
    int64_t ms = -77;
    ck_assert(yaml_duration(at(root, "a"), "target", 0, &diagnostics, &ms));
    ck_assert_int_eq(ms, 300000);
    ck_assert(yaml_duration(at(root, "b"), "target", 90000, &diagnostics, &ms));
    ck_assert_int_eq(ms, 90000);
    ck_assert(yaml_duration(at(root, "d"), "target", 0, &diagnostics, &ms));
    ck_assert_int_eq(ms, 0);

    ms = -77;
    ck_assert(!yaml_duration(at(root, "c"), "target", 0, &diagnostics, &ms));
    ck_assert(!yaml_duration(at(root, "d"), "target", 1000, &diagnostics, &ms));
    ck_assert(!yaml_duration(at(root, "e"), "target", 0, &diagnostics, &ms));
    ck_assert_int_eq(ms, -77);
    assert_error(0, 3, 4, "target: a duration such as 250ms, 90s, 5m, 24h, 30d or 2w expected, got \"5\"");
    assert_error(
            1, 4, 4, "target: a duration (such as 90s, 5m, 24h or 30d) of at least 1s expected, got \"0s\"");
    assert_error(
            2, 5, 4, "target: a duration such as 250ms, 90s, 5m, 24h, 30d or 2w expected, got a mapping");
}
END_TEST

START_TEST(string_is_any_scalar_but_null) {
    YamlNode *root = parse_good("a: no\nb: 'null'\nc: 12\nd: ~\ne: []\nf: ''\n");
    Str text = STR_NULL;
    ck_assert(yaml_string(at(root, "a"), "id", &diagnostics, &text));
    ck_assert(str_eq_c(text, "no"));
    ck_assert(yaml_string(at(root, "b"), "id", &diagnostics, &text));
    ck_assert(str_eq_c(text, "null"));
    ck_assert(yaml_string(at(root, "c"), "id", &diagnostics, &text));
    ck_assert(str_eq_c(text, "12"));
    ck_assert(yaml_string(at(root, "f"), "id", &diagnostics, &text));
    ck_assert(str_eq_c(text, ""));

    text = STR_NULL;
    ck_assert(!yaml_string(at(root, "d"), "id", &diagnostics, &text));
    ck_assert(!yaml_string(at(root, "e"), "id", &diagnostics, &text));
    ck_assert(str_is_null(text));
    assert_error(0, 4, 4, "id: a text expected, got nothing");
    assert_error(1, 5, 4, "id: a text expected, got a list");
}
END_TEST

START_TEST(long_text_is_shown_in_part) {
    YamlNode *root =
            parse_good("a: 0123456789012345678901234567890123456789012345678901234567\xC3\xA9\xC3\xA9z\n");
    double number;
    ck_assert(!yaml_double(at(root, "a"), "a", &diagnostics, &number));
    assert_error(0, 1, 4,
            "a: a number expected, got "
            "\"0123456789012345678901234567890123456789012345678901234567\xC3\xA9...\"");
}
END_TEST

START_TEST(unknown_keys_are_reported_with_the_nearest_known) {
    static const char *const known[] = {"id", "threshold", "when"};
    YamlNode *root = parse_good("id: 1\ntreshold: 5\nwhen: x\nother: 1\n");
    ck_assert(yaml_check_keys(root, "a rule", known, ARRAY_SIZE(known), &diagnostics));
    ck_assert_uint_eq(diagnostics.n_errors, 2);
    assert_error(0, 2, 1, "unknown key \"treshold\"; did you mean \"threshold\"?");
    ck_assert_uint_eq(diagnostics.items[0].mark.length, 8);
    assert_error(1, 4, 1, "unknown key \"other\"; a rule takes id, threshold, when");

    ck_assert(yaml_check_keys(root, "it", NULL, 0, &diagnostics));
    ck_assert_str_eq(diagnostics.items[2].message, "unknown key \"id\"; it takes none");
}
END_TEST

START_TEST(what_is_no_mapping_has_no_keys) {
    YamlNode *root = parse_good("a: [1]\nb: text\n");
    ck_assert(!yaml_check_keys(at(root, "a"), "scores", NULL, 0, &diagnostics));
    ck_assert(!yaml_check_keys(at(root, "b"), "scores", NULL, 0, &diagnostics));
    assert_error(0, 1, 4, "scores: a mapping expected, got a list");
    assert_error(1, 2, 4, "scores: a mapping expected, got \"text\"");
}
END_TEST

int main(void) {
    Suite *suite = suite_create("yaml");
    TCase *tc = tcase_create("tree");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, every_node_knows_its_place, 0, ARRAY_SIZE(place_rows));
    tcase_add_loop_test(tc, byte_order_mark_and_carriage_returns_change_no_place, 0, ARRAY_SIZE(place_rows));
    tcase_add_test(tc, keys_are_in_file_order_with_their_places);
    tcase_add_loop_test(tc, scalar_says_where_its_text_stands, 0, ARRAY_SIZE(scalar_rows));
    tcase_add_loop_test(tc, what_is_no_plain_yaml_is_refused_with_its_place, 0, ARRAY_SIZE(bad_rows));
    tcase_add_test(tc, tag_of_a_key_is_reported_once);
    tcase_add_test(tc, nul_in_the_source_is_refused);
    tcase_add_test(tc, null_source_is_empty);
    tcase_add_test(tc, all_refused_things_are_reported_at_once);
    tcase_add_test(tc, duplicate_keys_are_errors_and_the_first_one_counts);
    tcase_add_test(tc, empty_key_in_quotes_is_a_key_like_others);
    tcase_add_test(tc, depth_is_limited);
    tcase_add_test(tc, number_of_nodes_is_limited);
    tcase_add_test(tc, number_of_bytes_is_limited);
    tcase_add_test(tc, many_keys_are_read);
    suite_add_tcase(suite, tc);

    TCase *tc_values = tcase_create("values");
    tcase_add_checked_fixture(tc_values, setup, teardown);
    tcase_add_loop_test(tc_values, null_is_unquoted, 0, ARRAY_SIZE(null_rows));
    tcase_add_loop_test(tc_values, double_is_a_plain_decimal_number, 0, ARRAY_SIZE(double_rows));
    tcase_add_loop_test(tc_values, integer_is_within_its_limits, 0, ARRAY_SIZE(integer_rows));
    tcase_add_loop_test(tc_values, boolean_is_true_or_false, 0, ARRAY_SIZE(boolean_rows));
    tcase_add_test(tc_values, boolean_in_quotes_is_a_text);
    tcase_add_test(tc_values, duration_has_a_unit_and_a_least_value);
    tcase_add_test(tc_values, string_is_any_scalar_but_null);
    tcase_add_test(tc_values, long_text_is_shown_in_part);
    tcase_add_test(tc_values, unknown_keys_are_reported_with_the_nearest_known);
    tcase_add_test(tc_values, what_is_no_mapping_has_no_keys);
    suite_add_tcase(suite, tc_values);
    return suite_run(suite);
}
