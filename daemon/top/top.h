#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `scored top` Shows
 *
 * The state of the display, without the display: hot leads and running clocks as they were last read from the
 * view, the latest outputs as they came. Leads are kept whole, so that scores decay and clocks run between
 * two readings.
 *
 *   top_news.c     outputs to lines of text, and counts of them
 *   top_board.c    reading the view
 *   top_screen.c   a screen's text of a given size
 *   top_lines.c    the same as plain lines or JSON lines, and the summary
 *   top_terminal.c the terminal itself
 *
 * All text in here is fit for a terminal (top_text.h). Memory is bounded by the constants.
 */
#include "daemon/base/top_text.h"
#include "daemon/io/redis/redis_board.h"
#include "lib/engine/output.h"
#include "lib/lead/lead.h"

#define TOP_LEADS_MAX 64
#define TOP_CLOCKS_MAX 64
#define TOP_NEWS_MAX 128
#define TOP_WATCHED_MAX 64
#define TOP_TALLIES_MAX 64
#define TOP_DELAYS_MAX 15
/* The rate is that of the latest seconds. */
#define TOP_RATE_SAMPLES 6

/* How a line is to be looked upon. */
typedef enum Tone { TONE_PLAIN, TONE_GOOD, TONE_WARNING, TONE_BAD } Tone;

/* An output for people. */
typedef struct News {
    OutputType type;
    Tone tone;
    int64_t at_ms;
    char who[72], account[72];
    char what[112];
    char why[240];
} News;

/* Makes news of an output, with `arrow` between two stages. */
void news_make(const Output *output, const char *arrow, News *ret);

/* Stages entered, by track and stage. */
typedef struct StageTally {
    char track[MODEL_ID_LEN_MAX + 1], stage[MODEL_ID_LEN_MAX + 1];
    int64_t n;
} StageTally;

/* Since the start. */
typedef struct TopCounts {
    int64_t outputs[_OUTPUT_TYPE_MAX];
    int64_t causes[CAUSE_MODEL + 1]; /* of stage changes */
    int64_t sla_kinds[_SLA_KIND_MAX];
    int64_t broken; /* records that could not be read */
    int64_t decays; /* hot leads that were seen to lose points while nothing happened to them */
    StageTally tallies[TOP_TALLIES_MAX];
    size_t n_tallies;
} TopCounts;

/* A lead of the view. */
typedef struct TopLead {
    Lead *lead;
    double value; /* on the board, when it was read */
} TopLead;

/* An open clock of a lead of the view. */
typedef struct TopClock {
    const Lead *lead; /* of Top.clock_leads */
    const SlaPolicy *policy;
    const SlaClock *clock;
} TopClock;

typedef struct Top {
    const Config *config;
    const Model *model;
    const char *board; /* the leaderboard's name */
    int derived;       /* index of the derived score that it ranks, or -1: */
    int score;         /* that of the score */
    const char *arrow;
    size_t n_leads_wanted;

    TopLead leads[TOP_LEADS_MAX]; /* the highest value first, when they were read */
    size_t n_leads;
    bool leads_left_out; /* the board is too long to be sure that these are the best */

    Lead *clock_leads[TOP_CLOCKS_MAX];
    size_t n_clock_leads;
    TopClock clocks[TOP_CLOCKS_MAX]; /* the one due first is first */
    size_t n_clocks;

    News news[TOP_NEWS_MAX]; /* ring */
    size_t n_news, news_end;
    BoardEntry watched[TOP_WATCHED_MAX]; /* ring: leads that were in the news, which may have clocks */
    size_t n_watched, watched_end;
    int64_t delays_ms[TOP_DELAYS_MAX]; /* ring: from an event to the output that it caused */
    size_t n_delays, delays_end;

    struct {
        int64_t at_ms, n_records;
    } samples[TOP_RATE_SAMPLES]; /* ring: of the sources' ends */
    size_t n_samples;

    TopCounts counts;
    double records_per_s; /* of the sources; NAN: unknown */
    int64_t lag;          /* records; -1: unknown */
    /* What is wrong at the moment with the view and with the feed; empty: nothing. */
    char status[REDIS_TEXT_SIZE], feed_status[REDIS_TEXT_SIZE];
} Top;

/*
 * Shows the leaderboard `board`, or the model's last one for NULL. `config` and `model` are borrowed. False:
 * the model has no such leaderboard.
 */
MUST_CHECK bool top_init(Top *top, const Config *config, const Model *model, const char *board);
void top_deinit(Top *top);
/* What the leaderboard ranks, of the lead at at_ms; NAN: it has no value. */
double top_value(const Top *top, const Lead *lead, int64_t at_ms);

/* Takes an output in. timestamp_ms: when it was produced, or -1. Returns its news, valid until as many have
 * come again. */
const News *top_note_output(Top *top, const Output *output, int64_t timestamp_ms);
/* The i-th latest news, i < n_news. */
const News *top_news(const Top *top, size_t i);
/* What has gone into the sources at now_ms of the monotonic clock, and what of it is not committed; or that it is not known. */
void top_note_progress(Top *top, int64_t n_records, int64_t lag, int64_t now_ms);
void top_forget_progress(Top *top);
/* The median; -1: unknown. */
int64_t top_delay_ms(const Top *top);

/* Reads hot leads, and clocks if so told, as of now_ms. What is wrong goes to `status`. 0 or -ENOMEM. */
MUST_CHECK int top_refresh(Top *top, RedisBoard *board, bool with_clocks, int64_t now_ms);

/* How a screen is drawn. */
typedef struct ScreenStyle {
    unsigned rows, columns;
    bool has_color, has_utf8;
} ScreenStyle;
/* How many hot leads fit. */
size_t top_screen_leads(ScreenStyle style);
/* A whole screen, from its home position on. */
void top_screen_draw(const Top *top, ScreenStyle style, int64_t now_ms, TopText *ret);

/* One line of plain text each, ended. */
void top_line_news(const News *news, TopText *ret);
/* The n hottest leads, one line each. */
void top_lines_leads(const Top *top, size_t n, int64_t now_ms, TopText *ret);
/* What was seen in all, for people. */
void top_lines_summary(const Top *top, int64_t span_ms, TopText *ret);
/* The n hottest leads as one JSON object, and what was seen in all as another; each on a line. 0 or -ENOMEM.
 */
MUST_CHECK int top_json_leads(const Top *top, size_t n, int64_t now_ms, TopText *ret);
MUST_CHECK int top_json_summary(const Top *top, int64_t span_ms, TopText *ret);
