/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/watermark.h"

#include "tests/unit/suite.h"

#define NONE TIME_NONE

static const struct {
    WatermarkMode mode;
    SourceProgress sources[3];
    size_t n;
    int64_t lateness_ms, watermark_ms;
} rows[] = {
        /* one source: the greater of what was read and what is proved, less the lateness */
        {WATERMARK_WALL, {{.newest_ms = NONE, .proved_ms = NONE}}, 1, 0, NONE},
        {WATERMARK_WALL, {{.newest_ms = 500, .proved_ms = NONE}}, 1, 0, 500},
        {WATERMARK_WALL, {{.newest_ms = NONE, .proved_ms = 700}}, 1, 0, 700},
        {WATERMARK_WALL, {{.newest_ms = 500, .proved_ms = 700}}, 1, 0, 700},
        {WATERMARK_WALL, {{.newest_ms = 900, .proved_ms = 700}}, 1, 0, 900},
        {WATERMARK_WALL, {{.newest_ms = 900, .proved_ms = 700}}, 1, 250, 650},
        {WATERMARK_WALL, {{.newest_ms = 100, .proved_ms = NONE}}, 1, 250, -150},
        {WATERMARK_WALL, {{.newest_ms = 0, .proved_ms = NONE}}, 1, 0, 0},
        /* a proof counts once the records at hand have been through the engine */
        {WATERMARK_WALL, {{.newest_ms = 500, .proved_ms = NONE, .proof = {.offset = 0, .at_ms = 800, .no = 1}}}, 1, 0, 500},
        /* the least of several; one of which nothing is known holds all back */
        {WATERMARK_WALL, {{.newest_ms = 500, .proved_ms = 100}, {.newest_ms = 300, .proved_ms = NONE}}, 2, 0,
                300},
        {WATERMARK_WALL, {{.newest_ms = 500, .proved_ms = 100}, {.newest_ms = 300, .proved_ms = 600}}, 2, 0,
                500},
        {WATERMARK_WALL, {{.newest_ms = 500, .proved_ms = 900}, {.newest_ms = NONE, .proved_ms = NONE}}, 2, 0,
                NONE},
        {WATERMARK_WALL, {{.newest_ms = 500, .proved_ms = 900}, {.newest_ms = NONE, .proved_ms = 800}}, 2,
                100, 700},
        {WATERMARK_WALL,
                {{.newest_ms = 500, .proved_ms = 900, .at_end = true},
                        {.newest_ms = NONE, .proved_ms = NONE, .at_end = true}},
                2, 0, NONE}, /* an end alone proves nothing: it was passed long ago, perhaps */
        /* data: proofs do not count, and a source at its end does not hold back */
        {WATERMARK_DATA, {{.newest_ms = 500, .proved_ms = 900}}, 1, 100, 400},
        {WATERMARK_DATA, {{.newest_ms = NONE, .proved_ms = 900}}, 1, 0, NONE},
        {WATERMARK_DATA, {{.newest_ms = 500, .proved_ms = 900}, {.newest_ms = 300, .proved_ms = 900}}, 2, 0,
                300},
        {WATERMARK_DATA,
                {{.newest_ms = 500, .proved_ms = NONE},
                        {.newest_ms = 300, .proved_ms = NONE, .at_end = true}},
                2, 0, 500},
        {WATERMARK_DATA,
                {{.newest_ms = 500, .proved_ms = NONE},
                        {.newest_ms = NONE, .proved_ms = NONE, .at_end = true}},
                2, 0, 500},
        {WATERMARK_DATA, {{.newest_ms = 500, .proved_ms = NONE}, {.newest_ms = NONE, .proved_ms = NONE}}, 2,
                0, NONE},
        {WATERMARK_DATA,
                {{.newest_ms = 500, .proved_ms = NONE, .at_end = true},
                        {.newest_ms = 800, .proved_ms = NONE, .at_end = true},
                        {.newest_ms = 100, .proved_ms = NONE, .at_end = true}},
                3, 50, 750}, /* all at their ends: the greatest */
        {WATERMARK_DATA,
                {{.newest_ms = 500, .proved_ms = NONE, .at_end = true},
                        {.newest_ms = 200, .proved_ms = NONE}},
                2, 0, 200},
        {WATERMARK_DATA, {{.newest_ms = NONE, .proved_ms = NONE, .at_end = true}}, 1, 0, NONE},
};

START_TEST(watermark_is_as_far_as_all_sources_are_known) {
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        int64_t watermark_ms = watermark_of(rows[i].mode, rows[i].sources, rows[i].n, rows[i].lateness_ms);
        ck_assert_msg(watermark_ms == rows[i].watermark_ms, "row %zu: %lld", i, (long long)watermark_ms);
    }
}
END_TEST

START_TEST(one_event_more_counts_for_its_source_only) {
    SourceProgress sources[] = {{.newest_ms = 500, .proved_ms = NONE}, {.newest_ms = 300, .proved_ms = NONE}};
    ck_assert_int_eq(watermark_with(WATERMARK_WALL, sources, 2, 0, 1, 400), 400);
    ck_assert_int_eq(watermark_with(WATERMARK_WALL, sources, 2, 0, 1, 900), 500);
    ck_assert_int_eq(watermark_with(WATERMARK_WALL, sources, 2, 0, 1, 100), 300);
    ck_assert_int_eq(watermark_with(WATERMARK_WALL, sources, 2, 50, 0, 900), 250);
    ck_assert_int_eq(watermark_with(WATERMARK_DATA, sources, 2, 0, 1, 450), 450);
    /* what is not noted is not remembered */
    ck_assert_int_eq(sources[1].newest_ms, 300);
    ck_assert_int_eq(watermark_of(WATERMARK_WALL, sources, 2, 0), 300);
}
END_TEST

START_TEST(progress_begins_with_nothing_known) {
    SourceProgress source = SOURCE_PROGRESS_INIT;
    ck_assert_int_eq(watermark_of(WATERMARK_WALL, &source, 1, 0), NONE);
    ck_assert_int_eq(watermark_of(WATERMARK_DATA, &source, 1, 0), NONE);
    ck_assert_int_eq(watermark_with(WATERMARK_WALL, &source, 1, 5, 0, 12), 7);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("watermark");
    TCase *tcase = tcase_create("watermark");
    tcase_add_test(tcase, watermark_is_as_far_as_all_sources_are_known);
    tcase_add_test(tcase, one_event_more_counts_for_its_source_only);
    tcase_add_test(tcase, progress_begins_with_nothing_known);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
