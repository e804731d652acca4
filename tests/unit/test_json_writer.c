/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

#include "daemon/io/json/json_reader.h"
#include "daemon/io/json/json_writer.h"
#include "tests/unit/suite.h"

static JsonWriter writer;

static void setup(void) {
    writer = JSON_WRITER_INIT;
}

static void teardown(void) {
    json_writer_deinit(&writer);
}

static void assert_written(Str expected) {
    ck_assert_int_eq(writer.error, 0);
    if (!str_eq((Str){writer.data, writer.len}, expected))
        ck_abort_msg("wrote %.*s, expected %.*s", (int)writer.len, writer.data, STR_FMT(expected));
}

static const struct {
    double value;
    const char *text;
} numbers[] = {
        {0.0, "0"},
        {-0.0, "0"},
        {5.0, "5"},
        {-12.5, "-12.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.0 / 3, "0.3333333333333333"},
        {123456789.0, "123456789"},
        {9007199254740993.0, "9007199254740992"},
        {1e100, "1e+100"},
        {1e-7, "1e-07"},
        /* 16 digits would round up to infinity. */
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_TRUE_MIN, "4.94065645841247e-324"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
};

START_TEST(number_takes_the_fewest_digits_that_read_back) {
    json_write_number(&writer, STR_NULL, numbers[_i].value);
    assert_written(str_from(numbers[_i].text));
}
END_TEST

START_TEST(any_double_reads_back_exactly) {
    JsonReader reader;
    JsonToken token;
    uint64_t bits = 0x9E3779B97F4A7C15U;
    ck_assert_int_eq(json_reader_init(&reader), 0);
    for (int i = 0; i < 20000; i++) {
        double value;
        bits = bits * 6364136223846793005U + 1442695040888963407U;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        json_writer_reset(&writer);
        json_write_number(&writer, STR_NULL, value);
        json_reader_start(&reader, (Str){writer.data, writer.len});
        ck_assert_int_eq(json_reader_next(&reader, &token), 0);
        if (token == JSON_TOKEN_INTEGER)
            ck_assert_double_eq((double)reader.integer, value);
        else
            ck_assert_double_eq(reader.number, value);
    }
    json_reader_deinit(&reader);
}
END_TEST

static const struct {
    Str value, text;
} strings[] = {
        {{"", 0}, {"\"\"", 2}},
        {{NULL, 0}, {"null", 4}},
        {{"a\"b\\c/d", 7}, {"\"a\\\"b\\\\c/d\"", 11}},
        {{"\b\f\n\r\t", 5}, {"\"\\b\\f\\n\\r\\t\"", 12}},
        {{"\0\x1F\x7F", 3}, {"\"\\u0000\\u001f\x7F\"", 15}},
        {{"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9}, {"\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"", 11}},
        /* One replacement for what begins well and then breaks off, one for each byte that begins nothing. */
        {{"a\xFFz", 3}, {"\"a\xEF\xBF\xBDz\"", 7}},
        {{"\xE2\x82", 2}, {"\"\xEF\xBF\xBD\"", 5}},
        {{"\xF0\x9F\x98\"", 4}, {"\"\xEF\xBF\xBD\\\"\"", 7}},
        {{"\xC0\xAF", 2}, {"\"\xEF\xBF\xBD\xEF\xBF\xBD\"", 8}},
        {{"\xED\xA0\x80", 3}, {"\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"", 11}},
};

START_TEST(string_is_escaped_and_made_utf8) {
    json_write_string(&writer, STR_NULL, strings[_i].value);
    assert_written(strings[_i].text);
}
END_TEST

START_TEST(commas_stand_where_they_belong) {
    json_write_object_begin(&writer, STR_NULL);
    json_write_null(&writer, STR_LITERAL("a"));
    json_write_array_begin(&writer, STR_LITERAL("b,["));
    json_write_boolean(&writer, STR_NULL, true);
    json_write_integer(&writer, STR_NULL, INT64_MIN);
    json_write_object_begin(&writer, STR_NULL);
    json_write_object_end(&writer);
    json_write_array_begin(&writer, STR_NULL);
    json_write_array_end(&writer);
    json_write_string(&writer, STR_NULL, STR_LITERAL("{"));
    json_write_string(&writer, STR_NULL, STR_LITERAL("["));
    json_write_array_end(&writer);
    json_write_boolean(&writer, STR_LITERAL(""), false);
    json_write_object_end(&writer);
    json_write_newline(&writer);
    json_write_integer(&writer, STR_NULL, 1);
    assert_written(
            STR_LITERAL("{\"a\":null,\"b,[\":[true,-9223372036854775808,{},[],\"{\",\"[\"],\"\":false}\n1"));
}
END_TEST

START_TEST(time_is_utc_with_milliseconds) {
    json_write_array_begin(&writer, STR_NULL);
    json_write_time(&writer, STR_NULL, 0);
    json_write_time(&writer, STR_NULL, INT64_C(1767225600007));
    json_write_time(&writer, STR_NULL, TIME_NONE);
    json_write_time(&writer, STR_NULL, TIME_NEVER);
    json_write_array_end(&writer);
    assert_written(STR_LITERAL("[\"1970-01-01T00:00:00.000Z\",\"2026-01-01T00:00:00.007Z\",null,null]"));
}
END_TEST

/* A locale with a decimal comma, if the machine has one. */
static bool set_comma_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (setlocale(LC_ALL, names[i]))
            return true;
    return false;
}

START_TEST(locale_changes_nothing) {
    JsonReader reader;
    JsonToken token;
    if (!set_comma_locale())
        return;
    json_write_number(&writer, STR_NULL, -1234.5e-10);
    assert_written(STR_LITERAL("-1.2345e-07"));
    ck_assert_int_eq(json_reader_init(&reader), 0);
    json_reader_start(&reader, STR_LITERAL("1.5"));
    ck_assert_int_eq(json_reader_next(&reader, &token), 0);
    ck_assert_double_eq(reader.number, 1.5);
    json_reader_deinit(&reader);
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(reset_keeps_the_memory) {
    for (int i = 0; i < 1000; i++)
        json_write_integer(&writer, STR_NULL, i);
    const char *data = writer.data;
    json_writer_reset(&writer);
    json_write_integer(&writer, STR_NULL, 7);
    ck_assert_ptr_eq(writer.data, data);
    assert_written(STR_LITERAL("7"));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("json_writer");
    TCase *tcase = tcase_create("json_writer");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, number_takes_the_fewest_digits_that_read_back, 0, ARRAY_SIZE(numbers));
    tcase_add_test(tcase, any_double_reads_back_exactly);
    tcase_add_loop_test(tcase, string_is_escaped_and_made_utf8, 0, ARRAY_SIZE(strings));
    tcase_add_test(tcase, commas_stand_where_they_belong);
    tcase_add_test(tcase, time_is_utc_with_milliseconds);
    tcase_add_test(tcase, locale_changes_nothing);
    tcase_add_test(tcase, reset_keeps_the_memory);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
