/* SPDX-License-Identifier: Apache-2.0 */
/* What `scored top` shows, without a terminal and without servers. */
#include "daemon/top/top.h"

#include <math.h>
#include <stdio.h>

#include "daemon/io/avro/avro_output_sample.h"
#include "daemon/io/json/json_reader.h"
#include "tests/unit/suite.h"

#define NOW_MS INT64_C(1767225600000)

static const char model_text[] =
        "model: t\n"
        "version: 1\n"
        "scores:\n"
        "  fit: { decay: none }\n"
        "  intent: { decay: { half_life: 10s } }\n"
        "derived: { behaviour: 'intent', total: 'fit + intent' }\n"
        "rules: [{ id: asked, on: [asked], add: { intent: 50 } }]\n"
        "profile_rules: [{ id: senior, when: 'profile.senior == true', add: { fit: 20 } }]\n"
        "tracks:\n"
        "  life: { initial: lead, stages: [{ id: lead }, { id: mql }],\n"
        "    transitions: [{ id: up, from: [lead], to: mql, when: 'intent > 60' }] }\n"
        "sla: [{ id: call, start: { on: [asked] }, stop: { on: [called] }, target: 10s }]\n";

static Model *model;
static Config config;
static Top top;
static TopText shown;

static void setup(void) {
    Diagnostics diagnostics = DIAGNOSTICS_INIT;
    ck_assert_int_eq(model_load(str_from(model_text), NULL, &diagnostics, &model), 0);
    ck_assert_ptr_nonnull(model);
    diagnostics_done(&diagnostics);
    config = (Config){.partitioner = "murmur2_random", .redis_prefix = "t"};
    ck_assert(top_init(&top, &config, model, NULL));
    shown = TOP_TEXT_INIT;
}

static void teardown(void) {
    top_text_deinit(&shown);
    top_deinit(&top);
    model = model_free(model);
}

static const char *shown_text(void) {
    top_text_add(&shown, "%c", '\0');
    ck_assert(!shown.out_of_memory);
    return shown.data;
}

/* ---- text ---- */

static const struct {
    const char *in;
    size_t width;
    bool to_right;
    const char *out;
} cells[] = {
        {"abc", 5, false, "abc  "},
        {"abc", 5, true, "  abc"},
        {"abc", 3, false, "abc"},
        {"abcd", 3, false, "ab~"},
        {"abcd", 1, true, "~"},
        {"abcd", 0, false, ""},
        {"", 2, false, "  "},
        {"m\xc3\xbcller", 6, false, "m\xc3\xbcller"},
        {"m\xc3\xbcller", 3, false, "m\xc3\xbc~"},
        {"a\x1b[31mb\n", 8, false, "a?[31mb?"},
        {"\xc2\x9b"
         "2J",
                4, false, "?2J "}, /* CSI as one character */
        {"\xff\xfe", 3, false, "?? "},
        {"\x7f", 1, false, "?"},
};

START_TEST(cell_has_its_width_and_no_control_characters) {
    top_text_add_cell(&shown, str_from(cells[_i].in), cells[_i].width, cells[_i].to_right);
    ck_assert_str_eq(shown_text(), cells[_i].out);
}
END_TEST

START_TEST(copy_is_cut_between_characters) {
    char copy[6];
    memset(copy, 0xAD, sizeof(copy));
    top_text_copy(copy, 5, STR_LITERAL("abc\xc3\xbc"));
    ck_assert_str_eq(copy, "abc");
    ck_assert_int_eq((unsigned char)copy[5], 0xAD);
    top_text_copy(copy, sizeof(copy), STR_LITERAL("abc\xc3\xbc"));
    ck_assert_str_eq(copy, "abc\xc3\xbc");
    top_text_copy(copy, sizeof(copy), STR_NULL);
    ck_assert_str_eq(copy, "");
}
END_TEST

static const struct {
    int64_t ms;
    const char *text;
} spans[] = {
        {0, "0.0s"},
        {449, "0.4s"},
        {59999, "59.9s"},
        {60000, "1m00s"},
        {3599999, "59m59s"},
        {3600000, "1h00m"},
        {86399999, "23h59m"},
        {86400000, "1d00h"},
        {-1500, "-1.5s"},
        {INT64_MAX, "9999d23h"},
        {INT64_MIN, "-9999d23h"},
};

START_TEST(span_is_printed_for_people) {
    char text[SPAN_TEXT_SIZE];
    top_span_print(spans[_i].ms, text);
    ck_assert_str_eq(text, spans[_i].text);
}
END_TEST

/* ---- news ---- */

static const struct {
    OutputType type;
    bool full;
    const char *who, *account, *what, *why;
    Tone tone;
} samples[] = {
        {OUTPUT_STAGE_CHANGED, true, "lead-1", "account-1", "lifecycle: lead > mql (qualify)",
                "pricing +15 intent (now 7.5), senior +30 fit (now 0)", TONE_PLAIN},
        {OUTPUT_STAGE_CHANGED, false, "", "", "lifecycle: lead > mql", "committee 3: lead-1, lead-2", TONE_PLAIN},
        {OUTPUT_SLA_EVENT, true, "lead-1", "account-1", "speed-to-lead warning 50%",
                "after 0.0s of 0.0s; owner sales", TONE_WARNING},
        {OUTPUT_SLA_EVENT, false, "lead-1", "", "speed-to-lead cancelled", "after 0.0s", TONE_PLAIN},
        {OUTPUT_REFUSED, true, "lead-1", "account-1", "sales_rejected refused",
                "lifecycle stays mql, reject needs present(event.reason)", TONE_WARNING},
        {OUTPUT_LEAD_RETIRED, true, "lead-1", "account-1", "merged into lead-2", "", TONE_PLAIN},
        {OUTPUT_LEAD_RETIRED, false, "lead-1", "", "forgotten", "", TONE_PLAIN},
        {OUTPUT_DEAD_LETTER, true, "leads", "account-1", "dead letter: schema",
                "field \"type\", byte 7: \xe2\x80\xa6", TONE_WARNING},
};

START_TEST(output_becomes_news) {
    Output output;
    News news;
    output_sample(samples[_i].type, samples[_i].full, &output);
    news_make(&output, ">", &news);
    ck_assert_str_eq(news.who, samples[_i].who);
    ck_assert_str_eq(news.account, samples[_i].account);
    ck_assert_str_eq(news.what, samples[_i].what);
    ck_assert_str_eq(news.why, samples[_i].why);
    ck_assert_int_eq(news.tone, samples[_i].tone);
}
END_TEST

START_TEST(cause_other_than_an_event_is_named) {
    Output output;
    News news;
    output_sample(OUTPUT_STAGE_CHANGED, true, &output);
    output.stage_changed.cause = CAUSE_TIME;
    news_make(&output, ">", &news);
    ck_assert_str_eq(news.what, "lifecycle: lead > mql (qualify, by time)");
}
END_TEST

START_TEST(long_text_is_cut_and_fits_for_a_terminal) {
    char id[2000];
    Output output;
    News news;
    memset(id, '\x1b', sizeof(id));
    output_sample(OUTPUT_REFUSED, true, &output);
    output.lead_id = output.account_id = output.refused.requirement = output.refused.type =
            (Str){id, sizeof(id)};
    news_make(&output, ">", &news);
    ck_assert_ptr_null(strchr(news.who, '\x1b'));
    ck_assert_ptr_null(strchr(news.what, '\x1b'));
    ck_assert_ptr_null(strchr(news.why, '\x1b'));
    ck_assert_uint_eq(strlen(news.why), sizeof(news.why) - 1);
}
END_TEST

START_TEST(outputs_are_counted_and_the_latest_kept) {
    Output stage, sla;
    output_sample(OUTPUT_STAGE_CHANGED, true, &stage);
    output_sample(OUTPUT_SLA_EVENT, true, &sla);
    sla.sla_event.kind = SLA_MET;
    for (unsigned i = 0; i < TOP_NEWS_MAX; i++)
        ck_assert_ptr_nonnull(top_note_output(&top, &stage, 3 + i));
    (void)top_note_output(&top, &sla, 3);
    ck_assert_uint_eq(top.n_news, TOP_NEWS_MAX);
    ck_assert_int_eq(top_news(&top, 0)->type, OUTPUT_SLA_EVENT);
    ck_assert_int_eq(top_news(&top, TOP_NEWS_MAX - 1)->type, OUTPUT_STAGE_CHANGED);
    ck_assert_int_eq(top.counts.outputs[OUTPUT_STAGE_CHANGED], TOP_NEWS_MAX);
    ck_assert_int_eq(top.counts.causes[CAUSE_EVENT], TOP_NEWS_MAX);
    ck_assert_int_eq(top.counts.sla_kinds[SLA_MET], 1);
    ck_assert_uint_eq(top.counts.n_tallies, 1);
    ck_assert_int_eq(top.counts.tallies[0].n, TOP_NEWS_MAX);
    /* Of delays 0, 1, 2, … the median of the latest. */
    ck_assert_int_eq(top_delay_ms(&top), TOP_NEWS_MAX - 1 - TOP_DELAYS_MAX / 2);
    ck_assert_uint_eq(top.n_watched, 1);
}
END_TEST

START_TEST(dead_letter_is_dated_by_its_record) {
    Output output;
    output_sample(OUTPUT_DEAD_LETTER, true, &output);
    output.at_ms = TIME_NONE;
    ck_assert_int_eq(top_note_output(&top, &output, 42)->at_ms, 42);
    ck_assert_int_eq(top_note_output(&top, &output, -1)->at_ms, TIME_NONE);
}
END_TEST

/* ---- the screen ---- */

static Lead *make_lead(const char *id, double fit, double intent) {
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(model, str_from(id), &lead), 0);
    lead_begin(lead, model, NOW_MS);
    lead->scores[0] = (ScoreState){fit, NOW_MS};
    lead->scores[1] = (ScoreState){intent, NOW_MS};
    return lead;
}

static void add_lead(const char *id, double fit, double intent) {
    Lead *lead = make_lead(id, fit, intent);
    top.leads[top.n_leads++] = (TopLead){lead, top_value(&top, lead, NOW_MS)};
}

static void add_clock(const char *id, int64_t due_at_ms, bool breached) {
    Lead *lead = make_lead(id, 0, 0);
    lead->clocks[0] = (SlaClock){
            .phase = SLA_PHASE_OPEN,
            .epoch = 1,
            .started_at_ms = NOW_MS - 5000,
            .due_at_ms = due_at_ms,
            .breached = breached,
    };
    top.clock_leads[top.n_clock_leads++] = lead;
    top.clocks[top.n_clocks++] = (TopClock){lead, &model->policies[0], &lead->clocks[0]};
}

/* Lines, and the greatest width of one without its escape sequences. */
static void measure(unsigned *ret_lines, unsigned *ret_width) {
    unsigned width = 0;
    size_t bad;
    *ret_lines = 1;
    *ret_width = 0;
    for (size_t i = 0; i < shown.len;) {
        char c = shown.data[i];
        if (c == '\x1b') {
            while (i < shown.len && !strchr("HJKm", shown.data[i]))
                i++;
            i++;
            continue;
        }
        if (c == '\n') {
            ++*ret_lines;
            width = 0;
        } else if (c != '\r') {
            width++;
            *ret_width = MAX(*ret_width, width);
        }
        size_t n = (unsigned char)c < 0x80 ? 1 : utf8_sequence(shown.data + i, shown.len - i, &bad);
        ck_assert_uint_gt(n, 0);
        i += n;
    }
}

static void fill_top(void) {
    Output output;
    for (unsigned i = 0; i < 20; i++) {
        char id[130];
        snprintf(id, sizeof(id), "lead-%u-m\xc3\xbcller-with-a-name-that-goes-on-and-on-and-on", i);
        add_lead(id, 10 * i, 3.5 * i);
        add_clock(id, NOW_MS - 9000 + 1000 * (int64_t)i, i < 8);
    }
    for (int i = 0; i < 5 * _OUTPUT_TYPE_MAX; i++) {
        output_sample((OutputType)(i % _OUTPUT_TYPE_MAX), i % 2, &output);
        (void)top_note_output(&top, &output, NOW_MS);
    }
}

static const ScreenStyle styles[] = {
        {24, 80, true, true},
        {24, 80, false, false},
        {50, 200, true, true},
        {70, 1000, true, false},
        {12, 80, false, true},
        {10, 119, true, true},
        {3, 80, true, true},
        {1, 80, true, true},
        {9, 66, true, true},
};

START_TEST(screen_fits_into_its_size) {
    unsigned lines, width;
    fill_top();
    for (unsigned has_status = 0; has_status < 2; has_status++) {
        if (has_status)
            snprintf(top.status, sizeof(top.status), "something is wrong, and it takes a while to say what");
        shown.len = 0;
        top_screen_draw(&top, styles[_i], NOW_MS, &shown);
        measure(&lines, &width);
        ck_assert_uint_le(lines, MAX(styles[_i].rows, 1 + has_status));
        ck_assert_uint_le(width, styles[_i].columns);
        if (!styles[_i].has_color)
            ck_assert_ptr_null(memmem(shown.data, shown.len, "\x1b[3", 3));
        if (styles[_i].rows >= 24)
            ck_assert_uint_eq(lines, styles[_i].rows);
    }
}
END_TEST

START_TEST(screen_of_nothing_is_drawn) {
    unsigned lines, width;
    top_screen_draw(&top, styles[0], NOW_MS, &shown);
    measure(&lines, &width);
    ck_assert_uint_eq(lines, 24);
}
END_TEST

START_TEST(scores_decay_between_two_readings) {
    ScreenStyle style = {24, 80, false, false};
    add_lead("slow", 60, 0);
    add_lead("quick", 0, 80);
    top_screen_draw(&top, style, NOW_MS, &shown);
    const char *text = shown_text();
    ck_assert(strstr(text, "80.0 v quick") && strstr(text, "60.0   slow"));
    ck_assert(strstr(text, "quick") < strstr(text, "slow"));
    shown.len = 0;
    top_screen_draw(&top, style, NOW_MS + 10000, &shown);
    text = shown_text();
    ck_assert(strstr(text, "40.0 v quick") && strstr(text, "60.0   slow"));
    ck_assert(strstr(text, "quick") > strstr(text, "slow"));
}
END_TEST

START_TEST(clocks_count_down_and_past_ones_come_first) {
    ScreenStyle style = {24, 80, true, false};
    add_clock("past", NOW_MS - 2500, true);
    add_clock("near", NOW_MS + 5000, false);
    top_screen_draw(&top, style, NOW_MS, &shown);
    const char *text = shown_text();
    const char *past = strstr(text, "\x1b[31m#################### 2.5s ago BREACHED");
    const char *near = strstr(text, "##########.......... 5.0s left");
    ck_assert_ptr_nonnull(past);
    ck_assert_ptr_nonnull(near);
    ck_assert(past < near);
    ck_assert_ptr_nonnull(strstr(text, "2 clocks, 1 breached"));
}
END_TEST

START_TEST(board_is_the_last_or_the_one_asked_for) {
    Top other;
    ck_assert_str_eq(top.board, "total");
    ck_assert(top_init(&other, &config, model, "behaviour"));
    ck_assert_int_eq(other.derived, 0);
    ck_assert(!top_init(&other, &config, model, "fit"));
}
END_TEST

/* ---- lines ---- */

START_TEST(news_is_one_line) {
    Output output;
    News news;
    output_sample(OUTPUT_REFUSED, true, &output);
    news_make(&output, "->", &news);
    top_line_news(&news, &shown);
    const char *text = shown_text();
    ck_assert_str_eq(strchr(text, ' '),
            " refused lead-1 (account-1) sales_rejected refused: lifecycle stays mql, reject needs "
            "present(event.reason)\n");
}
END_TEST

START_TEST(hot_leads_are_lines_too) {
    add_lead("quick", 0, 80);
    top_lines_leads(&top, 5, NOW_MS + 10000, &shown);
    ck_assert_str_eq(strchr(shown_text(), ' '), " hot 1   quick: total 40.0 (fit 0.0, intent 40.0) lead\n");
}
END_TEST

START_TEST(summary_tells_what_was_seen) {
    Output output;
    output_sample(OUTPUT_STAGE_CHANGED, true, &output);
    (void)top_note_output(&top, &output, -1);
    output.stage_changed.to = STR_LITERAL("sal");
    (void)top_note_output(&top, &output, -1);
    output.stage_changed.track = STR_LITERAL("temperature");
    (void)top_note_output(&top, &output, -1);
    output.stage_changed.track = STR_LITERAL("lifecycle");
    output.stage_changed.cause = CAUSE_TIME;
    (void)top_note_output(&top, &output, -1);
    top_lines_summary(&top, 60000, &shown);
    ck_assert_str_eq(shown_text(), "seen in 1m00s: 4 stage changes (by event 3, time 1)\n"
                                   "  lifecycle: mql 1, sal 2\n"
                                   "  temperature: sal 1\n"
                                   "  clocks: nothing\n"
                                   "  scores seen falling by time alone: 0 times\n");
}
END_TEST

START_TEST(json_is_one_object_a_line) {
    add_lead("a\"b", 20, 80);
    ck_assert_int_eq(top_json_leads(&top, 5, NOW_MS, &shown), 0);
    ck_assert_str_eq(shown_text(), "{\"output\":\"HotLeads\",\"at\":\"2026-01-01T00:00:00.000Z\",\"board\":"
                                   "\"total\",\"leads\":[{\"lead_id\":"
                                   "\"a\\\"b\",\"account_id\":null,\"value\":100,\"scores\":{\"fit\":20,"
                                   "\"intent\":80},\"stages\":{\"life\":"
                                   "\"lead\"},\"next_change_at\":null}]}\n");
    shown.len = 0;
    ck_assert_int_eq(top_json_summary(&top, 5000, &shown), 0);
    ck_assert_ptr_nonnull(strstr(shown_text(), "\"breached\":0"));
}
END_TEST

static Suite *top_suite(void) {
    Suite *suite = suite_create("top");
    TCase *tcase = tcase_create("top");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, cell_has_its_width_and_no_control_characters, 0, (int)ARRAY_SIZE(cells));
    tcase_add_test(tcase, copy_is_cut_between_characters);
    tcase_add_loop_test(tcase, span_is_printed_for_people, 0, (int)ARRAY_SIZE(spans));
    tcase_add_loop_test(tcase, output_becomes_news, 0, (int)ARRAY_SIZE(samples));
    tcase_add_test(tcase, cause_other_than_an_event_is_named);
    tcase_add_test(tcase, long_text_is_cut_and_fits_for_a_terminal);
    tcase_add_test(tcase, outputs_are_counted_and_the_latest_kept);
    tcase_add_test(tcase, dead_letter_is_dated_by_its_record);
    tcase_add_loop_test(tcase, screen_fits_into_its_size, 0, (int)ARRAY_SIZE(styles));
    tcase_add_test(tcase, screen_of_nothing_is_drawn);
    tcase_add_test(tcase, scores_decay_between_two_readings);
    tcase_add_test(tcase, clocks_count_down_and_past_ones_come_first);
    tcase_add_test(tcase, board_is_the_last_or_the_one_asked_for);
    tcase_add_test(tcase, news_is_one_line);
    tcase_add_test(tcase, hot_leads_are_lines_too);
    tcase_add_test(tcase, summary_tells_what_was_seen);
    tcase_add_test(tcase, json_is_one_object_a_line);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void) {
    return suite_run(top_suite());
}
