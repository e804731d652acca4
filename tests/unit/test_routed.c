/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/routed.h"

#include "tests/unit/suite.h"

#define N_SHARDS 2

/* A source that pairs up, one that is routed and has three partitions, and one with a single one. */
static Config config = {.sources = {"web", "crm", "one"}, .n_sources = 3, .is_routed = {false, true, true}, .internal_topic = "i"};
static const int32_t counts[] = {N_SHARDS, 3, 1};
enum { WEB, CRM, ONE };
/* Inputs: web, crm 0 and 1, crm 2, one 0, internal. */
enum { INPUT_CRM_FIRST = 1, INPUT_CRM_SECOND, INPUT_ONE };

static Inputs inputs;
static Routed *routed;
static RoutedNews news[CONFIG_SOURCES_MAX];

static void begin(WatermarkMode mode) {
    ck_assert(inputs_make(&config, counts, N_SHARDS, &inputs));
    ck_assert_int_eq(routed_new(&inputs, mode, &routed), 0);
}

static void end(void) {
    routed = routed_free(routed);
}

static void hear(int32_t from_shard, unsigned source, int64_t at_ms, bool at_end) {
    RoutedNews heard = {source, at_ms, at_end};
    ck_assert(routed_hear(routed, &heard, from_shard));
}

START_TEST(without_a_routed_source_there_is_nothing) {
    Config plain = {.sources = {"web"}, .n_sources = 1, .internal_topic = "i"};
    ck_assert(inputs_make(&plain, counts, N_SHARDS, &inputs));
    ck_assert_int_eq(routed_new(&inputs, WATERMARK_WALL, &routed), 0);
    ck_assert_ptr_null(routed);
}
END_TEST

START_TEST(source_is_known_as_far_as_the_slowest_of_its_shards) {
    begin(WATERMARK_WALL);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, TIME_NONE);
    hear(0, CRM, 500, false);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, TIME_NONE); /* nobody knows of shard 1's */
    hear(1, CRM, 300, false);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 300);
    hear(1, CRM, 900, false);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 500);
    hear(0, CRM, 100, false); /* told again after a restart */
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 500);
    /* a source with one partition is read by the first shard alone */
    hear(0, ONE, 700, false);
    ck_assert_int_eq(routed_source(routed, ONE).newest_ms, 700);
    RoutedNews wrong = {ONE, 800, false};
    ck_assert(!routed_hear(routed, &wrong, 1));
    ck_assert(!routed_hear(routed, &wrong, -1));
    wrong.source = WEB;
    ck_assert(!routed_hear(routed, &wrong, 0));
    end();
}
END_TEST

START_TEST(what_is_foreseen_was_not_heard) {
    SourceProgress progress;
    RoutedNews next = {CRM, 900, false}, wrong = {ONE, 900, false};
    begin(WATERMARK_WALL);
    hear(0, CRM, 500, false);
    hear(1, CRM, 300, false);
    ck_assert(routed_foresee(routed, &next, 1, &progress));
    ck_assert_int_eq(progress.newest_ms, 500);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 300);
    ck_assert(!routed_foresee(routed, &wrong, 1, &progress));
    end();
}
END_TEST

START_TEST(shard_tells_the_least_of_what_it_reads_of_a_source) {
    begin(WATERMARK_WALL);
    ck_assert_uint_eq(routed_news(routed, 0, news), 0);
    routed_input(routed, INPUT_CRM_FIRST)->newest_ms = 400;
    ck_assert_uint_eq(routed_news(routed, 0, news), 0); /* of its second partition nothing is known */
    ck_assert_uint_eq(routed_news(routed, 1, news), 1); /* which would be all that shard 1 has */
    source_progress_note_end(routed_input(routed, INPUT_CRM_SECOND), (SourceEnd){.offset = -1, .at_ms = 350, .no = 1});
    ck_assert_uint_eq(routed_news(routed, 0, news), 0); /* records at hand are not sent on yet */
    routed_take_proofs(routed);
    ck_assert_uint_eq(routed_news(routed, 0, news), 1);
    ck_assert(news[0].source == CRM && news[0].at_ms == 350 && !news[0].at_end);
    routed_input(routed, INPUT_ONE)->newest_ms = 5;
    routed_input(routed, INPUT_CRM_SECOND)->newest_ms = 800;
    routed_input(routed, INPUT_CRM_FIRST)->at_end = routed_input(routed, INPUT_CRM_SECOND)->at_end = true; /* proves nothing */
    ck_assert_uint_eq(routed_news(routed, 0, news), 2);
    ck_assert(news[0].source == CRM && news[0].at_ms == 400 && !news[0].at_end);
    ck_assert(news[1].source == ONE && news[1].at_ms == 5);
    ck_assert_uint_eq(routed_news(routed, 1, news), 1); /* it reads none of the last source */
    end();
}
END_TEST

START_TEST(with_history_an_end_holds_nothing_back) {
    begin(WATERMARK_DATA);
    routed_input(routed, INPUT_CRM_FIRST)->newest_ms = 400;
    routed_input(routed, INPUT_CRM_SECOND)->at_end = true;
    ck_assert_uint_eq(routed_news(routed, 0, news), 1);
    ck_assert(news[0].at_ms == 400 && !news[0].at_end);
    routed_input(routed, INPUT_CRM_FIRST)->at_end = true;
    ck_assert_uint_eq(routed_news(routed, 0, news), 1);
    ck_assert(news[0].at_ms == 400 && news[0].at_end);
    routed_input(routed, INPUT_CRM_FIRST)->is_held = true; /* what waits for its schema is still to come */
    ck_assert_uint_eq(routed_news(routed, 0, news), 1);
    ck_assert(!news[0].at_end);
    routed_input(routed, INPUT_CRM_FIRST)->is_held = false;
    routed_input(routed, INPUT_ONE)->at_end = true; /* there never was anything */
    ck_assert_uint_eq(routed_news(routed, 0, news), 2);
    ck_assert(news[1].source == ONE && news[1].at_ms == TIME_NONE && news[1].at_end);

    hear(0, CRM, 400, true);
    hear(1, CRM, 200, false);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 200);
    ck_assert(!routed_source(routed, CRM).at_end);
    hear(1, CRM, 300, true);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 400);
    ck_assert(routed_source(routed, CRM).at_end);
    hear(0, CRM, 400, false); /* there is more again */
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 400);
    ck_assert(!routed_source(routed, CRM).at_end);
    end();
}
END_TEST

START_TEST(taken_over_it_is_as_it_was_left) {
    begin(WATERMARK_WALL);
    routed_restore(routed, CRM, 600);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 600);
    hear(0, CRM, 900, false);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 600);
    hear(1, CRM, 800, false);
    ck_assert_int_eq(routed_source(routed, CRM).newest_ms, 800);
    ck_assert_int_eq(routed_source(routed, ONE).newest_ms, TIME_NONE);
    end();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("routed");
    TCase *tcase = tcase_create("routed");
    tcase_add_test(tcase, without_a_routed_source_there_is_nothing);
    tcase_add_test(tcase, source_is_known_as_far_as_the_slowest_of_its_shards);
    tcase_add_test(tcase, what_is_foreseen_was_not_heard);
    tcase_add_test(tcase, shard_tells_the_least_of_what_it_reads_of_a_source);
    tcase_add_test(tcase, with_history_an_end_holds_nothing_back);
    tcase_add_test(tcase, taken_over_it_is_as_it_was_left);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
