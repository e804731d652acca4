/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdio.h>

#include "daemon/dlq/dlq_choice.h"
#include "daemon/dlq/dlq_show.h"
#include "tests/unit/suite.h"

static const struct {
    const char *text;
    bool is_good;
    DlqPosition position;
} position_rows[] = {
        {"0:0", true, {0, 0}},
        {"3:1042", true, {3, 1042}},
        {"2147483647:9223372036854775807", true, {INT32_MAX, INT64_MAX}},
        {"2147483648:0", false, {0, 0}},
        {"0:9223372036854775808", false, {0, 0}},
        {"3", false, {0, 0}},
        {"3:", false, {0, 0}},
        {":4", false, {0, 0}},
        {"-3:4", false, {0, 0}},
        {"3:4:5", false, {0, 0}},
        {"3: 4", false, {0, 0}},
        {"", false, {0, 0}},
};

START_TEST(a_position_is_two_numbers) {
    DlqPosition position = {-7, -7};
    char text[DLQ_POSITION_TEXT_SIZE];
    ck_assert_int_eq(dlq_position_parse(position_rows[_i].text, &position), position_rows[_i].is_good);
    if (!position_rows[_i].is_good) {
        ck_assert(dlq_position_eq(position, (DlqPosition){-7, -7}));
        return;
    }
    ck_assert(dlq_position_eq(position, position_rows[_i].position));
    dlq_position_print(position, text);
    ck_assert_str_eq(text, position_rows[_i].text);
}
END_TEST

START_TEST(a_mark_tells_its_letter) {
    char mark[DLQ_MARK_SIZE];
    DlqPosition position;
    dlq_mark_print("scored.dead-letters", (DlqPosition){3, 1042}, mark);
    ck_assert_str_eq(mark, "scored.dead-letters/3/1042");
    ck_assert(dlq_mark_parse(str_from(mark), "scored.dead-letters", &position));
    ck_assert(dlq_position_eq(position, (DlqPosition){3, 1042}));
}
END_TEST

static const char *const foreign_marks[] = {"", "scored", "scored/", "scored/3", "scored/3/", "scored/3/x", "scored/3/4/5", "scored2/3/4",
        "other/3/4", "scored:3:4"};

START_TEST(foreign_marks_are_none_of_ours) {
    DlqPosition position = {-7, -7};
    ck_assert(!dlq_mark_parse(str_from(foreign_marks[_i]), "scored", &position));
    ck_assert(dlq_position_eq(position, (DlqPosition){-7, -7}));
}
END_TEST

static DlqLetter letter_of(int64_t offset, int64_t at_ms, const char *reason) {
    return (DlqLetter){
            .position = {1, offset},
            .at_ms = at_ms,
            .key = STR_LITERAL("k\0y"),
            .dead_letter = {.original = STR_LITERAL("bytes"), .topic = STR_LITERAL("web"), .partition = 2, .offset = 7,
                    .reason = str_from(reason), .text = STR_LITERAL("why")},
    };
}

START_TEST(all_that_is_given_must_hold) {
    const DlqPosition positions[] = {{1, 4}, {1, 5}};
    const DlqLetter letter = letter_of(5, 1000, "future");
    DlqChoice choice = {.from_ms = TIME_NONE, .to_ms = TIME_NEVER};
    ck_assert(dlq_choice_is_of(&choice, &letter));
    choice = (DlqChoice){.reason = "future", .from_ms = 1000, .to_ms = 1001, .positions = positions, .n_positions = 2};
    ck_assert(dlq_choice_is_of(&choice, &letter));
    choice.reason = "futur";
    ck_assert(!dlq_choice_is_of(&choice, &letter));
    choice.reason = NULL;
    choice.from_ms = 1001;
    ck_assert(!dlq_choice_is_of(&choice, &letter));
    choice.from_ms = TIME_NONE;
    choice.to_ms = 1000;
    ck_assert(!dlq_choice_is_of(&choice, &letter));
    choice.to_ms = TIME_NEVER;
    choice.n_positions = 1;
    ck_assert(!dlq_choice_is_of(&choice, &letter));
}
END_TEST

START_TEST(the_latest_are_kept) {
    const DlqChoice choice = {.from_ms = TIME_NONE, .to_ms = TIME_NEVER, .latest = 3};
    DlqEntries entries = {0};
    for (int64_t i = 0; i < 20; i++) {
        const DlqLetter letter = letter_of(i, i, "schema");
        ck_assert_int_eq(dlq_entries_add(&entries, &choice, &letter), 0);
    }
    ck_assert_int_eq(dlq_entries_finish(&entries, &choice), 0);
    ck_assert_uint_eq(entries.n, 3);
    ck_assert_uint_eq(entries.n_left_out, 17);
    ck_assert_int_eq(entries.items[0].position.offset, 17);
    ck_assert_ptr_eq(dlq_entries_find(&entries, (DlqPosition){1, 19}), &entries.items[2]);
    ck_assert_ptr_null(dlq_entries_find(&entries, (DlqPosition){1, 16}));
    dlq_entries_deinit(&entries);
}
END_TEST

/* Whatever the order in which they came, which is that of time. */
START_TEST(a_letter_is_found_by_its_position) {
    const DlqChoice choice = {.from_ms = TIME_NONE, .to_ms = TIME_NEVER};
    DlqEntries entries = {0};
    for (int64_t i = 0; i < 60; i++) {
        DlqLetter letter = letter_of(i * 7 % 60 / 3, i, "schema");
        letter.position.partition = (int32_t)(i * 7 % 60 % 3);
        ck_assert_int_eq(dlq_entries_add(&entries, &choice, &letter), 0);
    }
    ck_assert_int_eq(dlq_entries_finish(&entries, &choice), 0);
    for (int32_t i = 0; i < 60; i++) {
        const DlqEntry *entry = dlq_entries_find(&entries, (DlqPosition){i % 3, i / 3});
        ck_assert_ptr_nonnull(entry);
        ck_assert(dlq_position_eq(entry->position, (DlqPosition){i % 3, i / 3}));
    }
    ck_assert_ptr_null(dlq_entries_find(&entries, (DlqPosition){3, 0}));
    ck_assert_ptr_null(dlq_entries_find(&entries, (DlqPosition){0, 20}));
    dlq_entries_deinit(&entries);
    ck_assert_ptr_null(dlq_entries_find(&entries, (DlqPosition){0, 0}));
}
END_TEST

static const struct {
    size_t len;
    bool is_cut;
} cut_rows[] = {{DEAD_LETTER_ORIGINAL_MAX - 1, false}, {DEAD_LETTER_ORIGINAL_MAX, true}};

START_TEST(an_original_of_the_greatest_length_may_be_cut) {
    const DlqChoice choice = {.from_ms = TIME_NONE, .to_ms = TIME_NEVER};
    DlqEntries entries = {0};
    DlqLetter letter = letter_of(1, 1, "too_large");
    char *bytes = calloc(1, cut_rows[_i].len);
    letter.dead_letter.original = (Str){bytes, cut_rows[_i].len};
    ck_assert_int_eq(dlq_entries_add(&entries, &choice, &letter), 0);
    ck_assert_int_eq(entries.items[0].is_cut, cut_rows[_i].is_cut);
    dlq_entries_deinit(&entries);
    free(bytes);
}
END_TEST

START_TEST(shown_in_text_and_json) {
    const DlqChoice choice = {.from_ms = TIME_NONE, .to_ms = TIME_NEVER};
    const DlqLetter letter = letter_of(5, 1000, "future");
    DlqEntries entries = {0};
    JsonWriter writer = JSON_WRITER_INIT;
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    ck_assert_int_eq(dlq_entries_add(&entries, &choice, &letter), 0);
    dlq_entry_print(&entries.items[0], file);
    dlq_hex_print(STR_LITERAL("\0" "0123456789abcdef\x1b"), file);
    fclose(file);
    ck_assert_str_eq(text,
            "1:5        1970-01-01T00:00:01.000Z  future         web [2] at 7, key \"k\\x00y\", 5 bytes\n"
            "           why\n"
            "  00000000  00 30 31 32 33 34 35 36 37 38 39 61 62 63 64 65  .0123456789abcde\n"
            "  00000010  66 1b                                            f.\n");
    free(text);
    json_write_object_begin(&writer, STR_NULL);
    dlq_entry_write(&entries.items[0], &writer);
    dlq_hex_write(STR_LITERAL("\0\xff"), STR_LITERAL("hex"), &writer);
    json_write_object_end(&writer);
    ck_assert(str_eq_c((Str){writer.data, writer.len},
            "{\"partition\":1,\"offset\":5,\"at\":\"1970-01-01T00:00:01.000Z\",\"reason\":\"future\",\"text\":\"why\",\"original\":"
            "{\"topic\":\"web\",\"partition\":2,\"offset\":7,\"key\":\"k\\u0000y\",\"bytes\":5,\"cut\":false},\"hex\":\"00ff\"}"));
    json_writer_deinit(&writer);
    dlq_entries_deinit(&entries);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("dlq");
    TCase *tcase = tcase_create("dlq");
    tcase_add_loop_test(tcase, a_position_is_two_numbers, 0, ARRAY_SIZE(position_rows));
    tcase_add_test(tcase, a_mark_tells_its_letter);
    tcase_add_loop_test(tcase, foreign_marks_are_none_of_ours, 0, ARRAY_SIZE(foreign_marks));
    tcase_add_test(tcase, all_that_is_given_must_hold);
    tcase_add_test(tcase, the_latest_are_kept);
    tcase_add_test(tcase, a_letter_is_found_by_its_position);
    tcase_add_loop_test(tcase, an_original_of_the_greatest_length_may_be_cut, 0, ARRAY_SIZE(cut_rows));
    tcase_add_test(tcase, shown_in_text_and_json);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
