/* SPDX-License-Identifier: Apache-2.0 */
/* The reader against the letter of RFC 8259, and against jansson on the same texts. */
#include <float.h>

#include "tests/fuzz/json_oracle.h"
#include "tests/unit/suite.h"

static JsonReader reader;

static void setup(void) {
    ck_assert_int_eq(json_reader_init(&reader), 0);
}

static void teardown(void) {
    json_reader_deinit(&reader);
}

#define LITERAL(s)                                                                                           \
    { "" s, sizeof(s) - 1 }

static const Str accepted[] = {
        LITERAL("null"),
        LITERAL(" \t\r\n true \t\r\n "),
        LITERAL("{}"),
        LITERAL("[]"),
        LITERAL("[ ]"),
        LITERAL("{ \"a\" : [ 1 , { } , \"\" ] , \"b\" : false }"),
        LITERAL("{\"a\":1,\"a\":2}"),
        LITERAL("{\"\":null}"),
        LITERAL("0"),
        LITERAL("-0"),
        LITERAL("-0.0e-0"),
        LITERAL("1E+2"),
        LITERAL("[1e2,1.5e-3,0.1,123456789012345678]"),
        LITERAL("[9223372036854775807,-9223372036854775808]"),
        LITERAL("[9223372036854775808]"),
        LITERAL("1e308"),
        LITERAL("1e309"),
        LITERAL("4.9e-324"),
        LITERAL("1e-999"),
        LITERAL("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20AC\\ud83d\\ude00\""),
        LITERAL("\"\\u0000\""),
        LITERAL("{\"a\\u0000b\":1}"),
        LITERAL("\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \x7F\""),
        LITERAL("\"\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF4\x8F\xBF\xBF\""),
};

START_TEST(json_is_accepted) {
    ck_assert(oracle_check(&reader, accepted[_i]));
}
END_TEST

static const struct {
    Str text;
    size_t at; /* where the error is */
} rejected[] = {
        {LITERAL(""), 0},
        {LITERAL("  "), 2},
        {LITERAL("nul"), 0},
        {LITERAL("True"), 0},
        {LITERAL("NaN"), 0},
        {LITERAL("Infinity"), 0},
        {LITERAL("-Infinity"), 1},
        {LITERAL("01"), 1},
        {LITERAL("-01"), 2},
        {LITERAL("+1"), 0},
        {LITERAL(".5"), 0},
        {LITERAL("5."), 2},
        {LITERAL("1e"), 2},
        {LITERAL("1e+"), 3},
        {LITERAL("0x10"), 1},
        {LITERAL("1 2"), 2},
        {LITERAL("nulll"), 4},
        {LITERAL("[1,]"), 3},
        {LITERAL("[,1]"), 1},
        {LITERAL("[1 2]"), 3},
        {LITERAL("[1"), 2},
        {LITERAL("[1}"), 2},
        {LITERAL("]"), 0},
        {LITERAL("{\"a\":1,}"), 7},
        {LITERAL("{,}"), 1},
        {LITERAL("{a:1}"), 1},
        {LITERAL("{'a':1}"), 1},
        {LITERAL("{\"a\"}"), 4},
        {LITERAL("{\"a\":}"), 5},
        {LITERAL("{\"a\" 1}"), 5},
        {LITERAL("{\"a\":1]"), 6},
        {LITERAL("{1:1}"), 1},
        {LITERAL("[1]//"), 3},
        {LITERAL("\"a"), 2},
        {LITERAL("\"a\\"), 2},
        {LITERAL("\"a\\\""), 4},
        {LITERAL("\"\\x\""), 1},
        {LITERAL("\"\\\0\""), 1},
        {LITERAL("\"\\u12g4\""), 1},
        {LITERAL("\"\\u12"), 1},
        {LITERAL("\"\\ud800\""), 1},
        {LITERAL("\"\\ud800\\n\""), 1},
        {LITERAL("\"\\ud800\\u0041\""), 1},
        {LITERAL("\"\\ud800\\ud800\""), 1},
        {LITERAL("\"\\udc00\""), 1},
        {LITERAL("\"\t\""), 1},
        {LITERAL("\"\0\""), 1},
        {LITERAL("\"\xFF\""), 1},
        {LITERAL("\"\x80\""), 1},
        {LITERAL("\"\xC3\""), 1},
        {LITERAL("\"\xC0\xAF\""), 1},
        {LITERAL("\"\xE0\x80\x80\""), 1},
        {LITERAL("\"\xED\xA0\x80\""), 1},
        {LITERAL("\"\xF4\x90\x80\x80\""), 1},
        {LITERAL("\"\xF0\x9F\x98"), 1},
        {LITERAL("\xEF\xBB\xBF{}"), 0},
        {LITERAL("{}\0"), 2},
};

START_TEST(other_text_is_rejected_where_it_goes_wrong) {
    ck_assert(!oracle_check(&reader, rejected[_i].text));
    ck_assert_uint_eq(reader.error_at, rejected[_i].at);
}
END_TEST

START_TEST(no_beginning_of_a_text_is_a_text) {
    static const char text[] = "{\"a\":[null,true,-1.5e+3,\"\\u00e9\\ud83d\\ude00\xC3\xA9\"],\"b\":{}}";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        /* A copy of just these bytes, so that reading one more is seen. */
        _cleanup_(free_null) char *copy = malloc(len + 1);
        memcpy(copy, text, len);
        copy = realloc(copy, MAX(len, 1));
        ck_assert(!oracle_check(&reader, (Str){copy, len}));
    }
    ck_assert(oracle_check(&reader, str_from(text)));
}
END_TEST

static JsonToken read_one(const char *text) {
    JsonToken token;
    json_reader_start(&reader, str_from(text));
    ck_assert_int_eq(json_reader_next(&reader, &token), 0);
    return token;
}

static const struct {
    const char *text;
    JsonToken token;
    int64_t integer;
} integers[] = {
        {"0", JSON_TOKEN_INTEGER, 0},
        {"-0", JSON_TOKEN_INTEGER, 0},
        {"42", JSON_TOKEN_INTEGER, 42},
        {"9223372036854775807", JSON_TOKEN_INTEGER, INT64_MAX},
        {"-9223372036854775808", JSON_TOKEN_INTEGER, INT64_MIN},
        {"9223372036854775808", JSON_TOKEN_HUGE_INTEGER, 0},
        {"-9223372036854775809", JSON_TOKEN_HUGE_INTEGER, 0},
        {"18446744073709551616", JSON_TOKEN_HUGE_INTEGER, 0},
        {"100000000000000000000000000000000000000000", JSON_TOKEN_HUGE_INTEGER, 0},
};

START_TEST(integer_is_exact_or_huge) {
    ck_assert_int_eq(read_one(integers[_i].text), integers[_i].token);
    if (integers[_i].token == JSON_TOKEN_INTEGER)
        ck_assert_int_eq(reader.integer, integers[_i].integer);
}
END_TEST

static const struct {
    const char *text;
    JsonToken token;
    double number;
} numbers[] = {
        {"5.0", JSON_TOKEN_NUMBER, 5},
        {"5e0", JSON_TOKEN_NUMBER, 5},
        {"0.1", JSON_TOKEN_NUMBER, 0.1},
        {"1.7976931348623157e308", JSON_TOKEN_NUMBER, DBL_MAX},
        {"-4.9406564584124654e-324", JSON_TOKEN_NUMBER, -DBL_TRUE_MIN},
        {"1e-999", JSON_TOKEN_NUMBER, 0},
        {"0.000000000000000000000000000000000000000000000000001e51", JSON_TOKEN_NUMBER, 1},
        {"1e309", JSON_TOKEN_HUGE_NUMBER, 0},
        {"-1e99999999999999999999", JSON_TOKEN_HUGE_NUMBER, 0},
};

START_TEST(number_with_fraction_or_exponent_is_a_double) {
    ck_assert_int_eq(read_one(numbers[_i].text), numbers[_i].token);
    if (numbers[_i].token == JSON_TOKEN_NUMBER)
        ck_assert_double_eq(reader.number, numbers[_i].number);
}
END_TEST

START_TEST(strings_stay_until_the_next_text) {
    JsonToken token;
    Str strings[3];
    json_reader_start(&reader, STR_LITERAL("[\"plain\",\"\\u0041\\n\",\"x\\u0000y\",1.5]"));
    ck_assert_int_eq(json_reader_next(&reader, &token), 0);
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        ck_assert_int_eq(json_reader_next(&reader, &token), 0);
        ck_assert_int_eq(token, JSON_TOKEN_STRING);
        strings[i] = reader.string;
    }
    ck_assert_int_eq(json_reader_next(&reader, &token), 0);
    ck_assert_int_eq(token, JSON_TOKEN_NUMBER);
    ck_assert(str_eq_c(strings[0], "plain"));
    ck_assert(str_eq_c(strings[1], "A\n"));
    ck_assert(str_eq(strings[2], STR_LITERAL("x\0y")));
}
END_TEST

START_TEST(buffer_is_kept) {
    read_one("\"\\n 0123456789\"");
    const char *scratch = reader.scratch;
    for (int i = 0; i < 10; i++) {
        read_one("\"\\n\"");
        ck_assert_ptr_eq(reader.scratch, scratch);
        ck_assert_ptr_eq(reader.string.data, scratch);
    }
}
END_TEST

START_TEST(value_is_skipped_whole) {
    JsonToken token;
    json_reader_start(&reader, STR_LITERAL("[{\"a\":[[],{}]},7]"));
    ck_assert_int_eq(json_reader_next(&reader, &token), 0);
    ck_assert_int_eq(json_reader_next(&reader, &token), 0);
    ck_assert_int_eq(json_reader_skip(&reader, token), 0);
    ck_assert_int_eq(json_reader_next(&reader, &token), 0);
    ck_assert_int_eq(token, JSON_TOKEN_INTEGER);
    ck_assert_int_eq(json_reader_skip(&reader, token), 0);
    ck_assert_int_eq(json_reader_next(&reader, &token), 0);
    ck_assert_int_eq(token, JSON_TOKEN_ARRAY_END);
}
END_TEST

START_TEST(depth_has_a_limit) {
    char text[2 * (JSON_DEPTH_MAX + 1)];
    for (int over = 0; over <= 1; over++) {
        size_t depth = JSON_DEPTH_MAX + (size_t)over;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        ck_assert_int_eq(oracle_check(&reader, (Str){text, 2 * depth}), !over);
    }
    ck_assert_uint_eq(reader.error_at, JSON_DEPTH_MAX);
}
END_TEST

START_TEST(length_has_a_limit) {
    _cleanup_(free_null) char *text = malloc(JSON_TEXT_LEN_MAX + 1);
    memset(text, ' ', JSON_TEXT_LEN_MAX + 1);
    text[0] = '1';
    ck_assert(oracle_check(&reader, (Str){text, JSON_TEXT_LEN_MAX}));
    ck_assert(!oracle_check(&reader, (Str){text, JSON_TEXT_LEN_MAX + 1}));
}
END_TEST

START_TEST(failure_lasts_and_leaves_the_token) {
    JsonToken token = JSON_TOKEN_BOOLEAN;
    json_reader_start(&reader, STR_LITERAL("?"));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(json_reader_next(&reader, &token), JSON_E_SYNTAX);
    ck_assert_int_eq(token, JSON_TOKEN_BOOLEAN);
    ck_assert_uint_eq(reader.error_at, 0);
}
END_TEST

START_TEST(end_lasts) {
    JsonToken token;
    read_one("1 ");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(json_reader_next(&reader, &token), 0);
        ck_assert_int_eq(token, JSON_TOKEN_END);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("json_reader");
    TCase *tcase = tcase_create("json_reader");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, json_is_accepted, 0, ARRAY_SIZE(accepted));
    tcase_add_loop_test(tcase, other_text_is_rejected_where_it_goes_wrong, 0, ARRAY_SIZE(rejected));
    tcase_add_test(tcase, no_beginning_of_a_text_is_a_text);
    tcase_add_loop_test(tcase, integer_is_exact_or_huge, 0, ARRAY_SIZE(integers));
    tcase_add_loop_test(tcase, number_with_fraction_or_exponent_is_a_double, 0, ARRAY_SIZE(numbers));
    tcase_add_test(tcase, strings_stay_until_the_next_text);
    tcase_add_test(tcase, buffer_is_kept);
    tcase_add_test(tcase, value_is_skipped_whole);
    tcase_add_test(tcase, depth_has_a_limit);
    tcase_add_test(tcase, length_has_a_limit);
    tcase_add_test(tcase, failure_lasts_and_leaves_the_token);
    tcase_add_test(tcase, end_lasts);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
