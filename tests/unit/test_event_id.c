/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/event_id.h"
#include "tests/unit/suite.h"

static const char *const ids[] = {
        "018c2f60-abcd-7ef0-8123-456789abcdef",
        "00000000-0000-0000-0000-000000000000",
        /* not in the form in which a UUID is printed */
        "018C2F60-ABCD-7EF0-8123-456789ABCDEF",
        "x",
        "0123456789abcdef",
        "0123456789abcdefg",
        "0123456789012345678901234567890123456789012345678901234567890123",
};

START_TEST(an_id_is_told_as_it_came) {
    char buffer[EVENT_ID_LEN_MAX], copy[EVENT_ID_LEN_MAX];
    Str text = str_from(ids[_i]);
    memcpy(copy, text.data, text.len);
    EventId borrowed = event_id_of((Str){copy, text.len}), owned = {0};
    ck_assert_int_eq(event_id_dup(&borrowed, &owned), 0);
    ck_assert(str_eq(event_id_text(&borrowed, buffer), text));
    /* what was borrowed is gone */
    memset(copy, '?', sizeof(copy));
    ck_assert(str_eq(event_id_text(&owned, buffer), text));
    ck_assert(event_id_is_uuid(&owned) == (_i < 2));
    ck_assert_uint_eq(event_id_heap_size(&owned), text.len > sizeof(owned.bytes) && _i >= 2 ? text.len : 0);
    event_id_done(&owned);
    ck_assert(str_is_null(event_id_text(&owned, buffer)));
}
END_TEST

START_TEST(an_empty_id_is_none) {
    char buffer[EVENT_ID_LEN_MAX];
    EventId id = event_id_of(STR_LITERAL("")), null = event_id_of(STR_NULL), copy;
    ck_assert(str_is_null(event_id_text(&id, buffer)));
    ck_assert(str_is_null(event_id_text(&null, buffer)));
    ck_assert_int_eq(event_id_dup(&id, &copy), 0);
    ck_assert_uint_eq(copy.len, 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("event_id");
    TCase *tc = tcase_create("event_id");
    tcase_add_loop_test(tc, an_id_is_told_as_it_came, 0, ARRAY_SIZE(ids));
    tcase_add_test(tc, an_empty_id_is_none);
    suite_add_tcase(suite, tc);
    return suite_run(suite);
}
