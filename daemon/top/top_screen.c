/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Screen
 *
 * Three lists under each other: hot leads, clocks, news. Each line ends with an erasure to the right of it,
 * so that drawing anew over the old screen does not flicker.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/top/top.h"
#include "lib/lead/sla_clock.h"

#define COLUMNS_MAX 300
/* From here on a line of news has room for its reasons. */
#define WIDE_COLUMNS 120
#define TABLE_COLUMNS_MAX (8 + MODEL_SCORES_MAX)
/* Ahead of which a score is compared with itself, to see whether it falls. */
#define TREND_MS 1000
#define TREND_SEEN_MIN 0.01

typedef struct Layout {
    size_t n_leads, n_clocks, n_news; /* lines of each list; 0: the list is left out */
} Layout;

static Layout lay_out(ScreenStyle style, bool has_status) {
    Layout layout = {0};
    size_t rows = style.rows > 1U + has_status ? style.rows - 1U - has_status : 0;
    if (rows < 9) {
        layout.n_leads = rows > 1 ? rows - 1 : 0;
        return layout;
    }
    rows -= 3; /* titles */
    layout.n_leads = MIN(rows * 2 / 5, (size_t)TOP_LEADS_MAX);
    layout.n_clocks = MIN(rows / 4, (size_t)TOP_CLOCKS_MAX);
    layout.n_news = rows - layout.n_leads - layout.n_clocks;
    return layout;
}

size_t top_screen_leads(ScreenStyle style) {
    size_t n = lay_out(style, false).n_leads;
    return MAX(n, (size_t)1);
}

/* ---- colors ---- */

#define BOLD "1"
#define REVERSE "7"
#define RED "31"
#define GREEN "32"
#define YELLOW "33"

static void color(TopText *text, ScreenStyle style, const char *code) {
    if (style.has_color && code)
        top_text_add(text, "\x1b[%sm", code);
}

static void plain(TopText *text, ScreenStyle style) {
    color(text, style, "0");
}

static const char *tone_color(Tone tone) {
    return tone == TONE_BAD ? RED : tone == TONE_WARNING ? YELLOW : tone == TONE_GOOD ? GREEN : NULL;
}

static void line_end(TopText *text) {
    top_text_add(text, "\x1b[K\r\n");
}

static void blank_lines(TopText *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        line_end(text);
}

/* A title over the whole width. */
static void title(TopText *text, ScreenStyle style, Str s) {
    color(text, style, REVERSE);
    top_text_add_cell(text, s, MIN(style.columns, COLUMNS_MAX), false);
    plain(text, style);
    line_end(text);
}

/* ---- the first line ---- */

static void draw_header(const Top *top, ScreenStyle style, int64_t now_ms, TopText *text) {
    char clock[CLOCK_TEXT_SIZE], span[SPAN_TEXT_SIZE];
    size_t n_breached = 0;
    TopText parts = TOP_TEXT_INIT;
    for (size_t i = 0; i < top->n_clocks; i++)
        n_breached += top->clocks[i].clock->breached;
    top_clock_print(now_ms, false, clock);
    top_text_add(&parts, "scored top  %s  ", clock);
    top_text_add_str(&parts, top->model->id);
    top_text_add(&parts, " %" PRId64, top->model->version);
    if (!isnan(top->records_per_s))
        top_text_add(&parts, "  %.0f events/s", top->records_per_s);
    if (top->lag >= 0)
        top_text_add(&parts, "  lag %" PRId64, top->lag);
    int64_t delay_ms = top_delay_ms(top);
    top_span_print(delay_ms, span);
    if (delay_ms >= 1000)
        top_text_add(&parts, "  delay %s", span);
    else if (delay_ms >= 0)
        top_text_add(&parts, "  delay %" PRId64 " ms", delay_ms);
    top_text_add(&parts, "  %zu clocks, %zu breached  q quits", top->n_clocks, n_breached);
    color(text, style, BOLD);
    top_text_add_cell(text, (Str){parts.data, parts.len}, MIN(style.columns, COLUMNS_MAX), false);
    plain(text, style);
    line_end(text);
    top_text_deinit(&parts);
}

/* ---- hot leads ---- */

typedef enum ColumnKind {
    COLUMN_VALUE,
    COLUMN_LEAD,
    COLUMN_ACCOUNT,
    COLUMN_STAGES,
    COLUMN_NEXT,
    COLUMN_SCORE,
} ColumnKind;

typedef struct Column {
    ColumnKind kind;
    unsigned score;
    size_t width;
    Str title;
} Column;

typedef struct Table {
    Column columns[TABLE_COLUMNS_MAX];
    size_t n;
    size_t width_left;
} Table;

/* Adds the column if there is room for it. */
static void table_add(Table *table, ColumnKind kind, unsigned score, size_t width, Str name) {
    if (table->width_left < width + 1 || table->n == TABLE_COLUMNS_MAX)
        return;
    table->width_left -= width + 1;
    table->columns[table->n++] = (Column){kind, score, width, name};
}

static int by_place(const void *a, const void *b) {
    const Column *x = a, *y = b;
    return x->kind != y->kind ? (int)x->kind - (int)y->kind : (int)x->score - (int)y->score;
}

/* Which columns fit: the most telling are added first, and shown in the order of their kinds. */
static Table make_table(const Top *top, ScreenStyle style) {
    Table table = {.width_left = MIN(style.columns, COLUMNS_MAX)};
    const Model *model = top->model;
    table_add(&table, COLUMN_VALUE, 0, 8, str_from(top->board));
    table_add(&table, COLUMN_LEAD, 0, 18, STR_LITERAL("lead"));
    table_add(&table, COLUMN_STAGES, 0, 16, STR_LITERAL("stages"));
    table_add(&table, COLUMN_NEXT, 0, 8, STR_LITERAL("changes"));
    for (unsigned i = 0; i < model->n_scores && i < 3; i++)
        table_add(&table, COLUMN_SCORE, i, MAX(MIN(model->scores[i].id.len, (size_t)10), (size_t)6),
                model->scores[i].id);
    table_add(&table, COLUMN_ACCOUNT, 0, 18, STR_LITERAL("account"));
    for (unsigned i = 3; i < model->n_scores; i++)
        table_add(&table, COLUMN_SCORE, i, MAX(MIN(model->scores[i].id.len, (size_t)10), (size_t)6),
                model->scores[i].id);
    qsort(table.columns, table.n, sizeof(*table.columns), by_place);
    for (size_t i = 0; i < table.n; i++) {
        Column *column = &table.columns[i];
        if (column->kind != COLUMN_STAGES && column->kind != COLUMN_LEAD && column->kind != COLUMN_ACCOUNT)
            continue;
        size_t more = MIN(table.width_left, (size_t)10);
        column->width += more;
        table.width_left -= more;
    }
    return table;
}

static bool is_number(ColumnKind kind) {
    return kind == COLUMN_VALUE || kind == COLUMN_SCORE || kind == COLUMN_NEXT;
}

static void draw_titles(const Table *table, ScreenStyle style, TopText *text) {
    color(text, style, REVERSE);
    size_t width = 0;
    for (size_t i = 0; i < table->n; i++) {
        const Column *column = &table->columns[i];
        top_text_add_cell(text, column->title, column->width, is_number(column->kind));
        top_text_add(text, " ");
        width += column->width + 1;
    }
    top_text_add(text, "%*s", (int)(MIN(style.columns, COLUMNS_MAX) - width), "");
    plain(text, style);
    line_end(text);
}

static void add_stages(const Top *top, const Lead *lead, TopText *text, size_t width) {
    char stages[COLUMNS_MAX];
    size_t len = 0;
    for (size_t i = 0; i < top->model->n_tracks && len < sizeof(stages) - 1; i++) {
        Str stage = top->model->tracks[i].stages[lead->tracks[i].stage].id;
        int n = snprintf(stages + len, sizeof(stages) - len, "%s%.*s", i ? "/" : "", STR_FMT(stage));
        len = MIN(len + (size_t)MAX(n, 0), sizeof(stages) - 1);
    }
    top_text_add_cell(text, (Str){stages, len}, width, false);
}

static void add_number(double value, TopText *text, size_t width) {
    char number[32];
    if (isnan(value))
        snprintf(number, sizeof(number), "-");
    else
        snprintf(number, sizeof(number), fabs(value) < 99999 ? "%.1f" : "%.2g", value);
    top_text_add_cell(text, str_from(number), width, true);
}

/* The value, with a mark if it falls by itself. */
static void add_value(
        const Top *top, const Lead *lead, ScreenStyle style, int64_t now_ms, TopText *text, size_t width) {
    double value = top_value(top, lead, now_ms);
    double later = top_value(top, lead, now_ms + TREND_MS);
    bool falls = later < value - TREND_SEEN_MIN;
    color(text, style, BOLD);
    add_number(value, text, width - 2);
    plain(text, style);
    top_text_add(text, " %s", !falls ? " " : style.has_utf8 ? "\xe2\x86\x93" /* ↓ */ : "v");
}

static void draw_lead(const Top *top, const Table *table, const Lead *lead, ScreenStyle style, int64_t now_ms,
        TopText *text) {
    char span[SPAN_TEXT_SIZE] = "-";
    for (size_t i = 0; i < table->n; i++) {
        const Column *column = &table->columns[i];
        switch (column->kind) {
        case COLUMN_VALUE:
            add_value(top, lead, style, now_ms, text, column->width);
            break;
        case COLUMN_LEAD:
            top_text_add_cell(text, lead->lead_id, column->width, false);
            break;
        case COLUMN_ACCOUNT:
            top_text_add_cell(text, lead->account_id, column->width, false);
            break;
        case COLUMN_STAGES:
            add_stages(top, lead, text, column->width);
            break;
        case COLUMN_NEXT:
            if (lead->next_internal_ms != TIME_NEVER)
                top_span_print(MAX(lead->next_internal_ms - now_ms, 0), span);
            top_text_add_cell(text, str_from(span), column->width, true);
            break;
        case COLUMN_SCORE:
            add_number(lead_score(lead, top->model, column->score, now_ms), text, column->width);
            break;
        }
        top_text_add(text, " ");
    }
    line_end(text);
}

typedef struct RankedLead {
    const Lead *lead;
    double value;
} RankedLead;

static int by_value(const void *a, const void *b) {
    const RankedLead *x = a, *y = b;
    return (x->value < y->value) - (x->value > y->value);
}

static void draw_leads(const Top *top, ScreenStyle style, size_t n, int64_t now_ms, TopText *text) {
    RankedLead leads[TOP_LEADS_MAX];
    Table table = make_table(top, style);
    draw_titles(&table, style, text);
    /* They were in order when they were read; scores that fall at different rates pass each other. */
    for (size_t i = 0; i < top->n_leads; i++)
        leads[i] = (RankedLead){top->leads[i].lead, top_value(top, top->leads[i].lead, now_ms)};
    qsort(leads, top->n_leads, sizeof(*leads), by_value);
    for (size_t i = 0; i < MIN(n, top->n_leads); i++)
        draw_lead(top, &table, leads[i].lead, style, now_ms, text);
    if (n > top->n_leads)
        blank_lines(text, n - top->n_leads);
}

/* ---- clocks ---- */

#define BAR_WIDTH 20

static void add_bar(const SlaClock *clock, ScreenStyle style, int64_t now_ms, TopText *text) {
    int64_t span_ms = MAX(clock->due_at_ms - clock->started_at_ms, INT64_C(1));
    double part = (double)(now_ms - clock->started_at_ms) / (double)span_ms;
    unsigned full = (unsigned)(fmax(fmin(part, 1), 0) * BAR_WIDTH + 0.5);
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        if (style.has_utf8)
            top_text_add(text, "%s", i < full ? "\xe2\x96\x88" /* █ */ : "\xe2\x96\x91" /* ░ */);
        else
            top_text_add(text, "%s", i < full ? "#" : ".");
}

static void draw_clock(const TopClock *c, ScreenStyle style, int64_t now_ms, TopText *text) {
    const SlaClock *clock = c->clock;
    char span[SPAN_TEXT_SIZE];
    Tone tone = clock->breached || clock->due_at_ms < now_ms ? TONE_BAD
                : clock->warned                              ? TONE_WARNING
                                                             : TONE_PLAIN;
    top_text_add_cell(text, c->policy->id, 16, false);
    top_text_add(text, " ");
    top_text_add_cell(text, c->lead->lead_id, 22, false);
    top_text_add(text, " ");
    color(text, style, tone_color(tone));
    if (clock->due_at_ms == TIME_NEVER) {
        top_text_add(text, sla_clock_is_paused(clock) ? "paused" : "never due");
    } else {
        int64_t left_ms = clock->due_at_ms - now_ms;
        top_span_print(left_ms < 0 ? -left_ms : left_ms, span);
        add_bar(clock, style, now_ms, text);
        top_text_add(text, " %s %s", span, left_ms >= 0 ? "left" : clock->breached ? "ago BREACHED" : "ago");
    }
    plain(text, style);
    line_end(text);
}

/* The latest breaches, in at most half of the lines; then what is due next. */
static void draw_clocks(const Top *top, ScreenStyle style, size_t n, int64_t now_ms, TopText *text) {
    size_t n_past = 0, n_drawn = 0;
    title(text, style, STR_LITERAL("clocks"));
    while (n_past < top->n_clocks && top->clocks[n_past].clock->due_at_ms < now_ms)
        n_past++;
    size_t n_to_come = top->n_clocks - n_past;
    size_t past_max = n - MIN(n_to_come, n - n / 2);
    for (size_t i = n_past; i-- > 0 && n_drawn < past_max; n_drawn++)
        draw_clock(&top->clocks[i], style, now_ms, text);
    for (size_t i = n_past; i < top->n_clocks && n_drawn < n; i++, n_drawn++)
        draw_clock(&top->clocks[i], style, now_ms, text);
    blank_lines(text, n - n_drawn);
}

/* ---- news ---- */

static void draw_news_line(const News *news, ScreenStyle style, TopText *text) {
    char clock[CLOCK_TEXT_SIZE];
    size_t width = MIN(style.columns, COLUMNS_MAX);
    bool is_wide = width >= WIDE_COLUMNS;
    top_clock_print(news->at_ms, false, clock);
    top_text_add(text, "%s ", news->at_ms == TIME_NONE ? "        " : clock);
    top_text_add_cell(text, str_from(news->who), 20, false);
    top_text_add(text, " ");
    color(text, style, tone_color(news->tone));
    top_text_add_cell(text, str_from(news->what), is_wide ? 44 : width > 31 ? width - 31 : 0, false);
    plain(text, style);
    if (is_wide) {
        top_text_add(text, " ");
        top_text_add_cell(text, str_from(news->why), width - 76, false);
    }
    line_end(text);
    if (is_wide || !news->why[0])
        return;
    top_text_add(text, "         ");
    top_text_add_cell(text, str_from(news->why), width > 10 ? width - 10 : 0, false);
    line_end(text);
}

static void draw_news(const Top *top, ScreenStyle style, size_t n, TopText *text) {
    bool is_wide = MIN(style.columns, COLUMNS_MAX) >= WIDE_COLUMNS;
    size_t n_left = n;
    title(text, style, STR_LITERAL("news"));
    for (size_t i = 0; i < top->n_news; i++) {
        const News *news = top_news(top, i);
        size_t n_lines = is_wide || !news->why[0] ? 1 : 2;
        if (n_lines > n_left)
            break;
        draw_news_line(news, style, text);
        n_left -= n_lines;
    }
    blank_lines(text, n_left);
}

void top_screen_draw(const Top *top, ScreenStyle style, int64_t now_ms, TopText *ret) {
    const char *status = top->status[0] ? top->status : top->feed_status;
    bool has_status = status[0] != '\0';
    Layout layout = lay_out(style, has_status);
    top_text_add(ret, "\x1b[H");
    draw_header(top, style, now_ms, ret);
    if (has_status) {
        color(ret, style, RED);
        top_text_add_cell(ret, str_from(status), MIN(style.columns, COLUMNS_MAX), false);
        plain(ret, style);
        line_end(ret);
    }
    if (layout.n_leads)
        draw_leads(top, style, layout.n_leads, now_ms, ret);
    if (layout.n_clocks)
        draw_clocks(top, style, layout.n_clocks, now_ms, ret);
    if (layout.n_news)
        draw_news(top, style, layout.n_news, ret);
    /* The last line ends without a new one, which would scroll. */
    if (!ret->out_of_memory && ret->len >= 2)
        ret->len -= 2;
    top_text_add(ret, "\x1b[J");
}
