/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of 100 columns at most: a name, then figures of A and B side by side.
 */
#include <inttypes.h>

#include "daemon/backtest/backtest_report.h"
#include "daemon/base/top_text.h"
#include "daemon/base/value_text.h"
#include "lib/calendar/timestamp.h"

#define NAME_WIDTH 32
#define FIGURE_WIDTH 10
#define NARROW_WIDTH 7
#define CELL_SIZE 32

static void add_name(TopText *text, unsigned indent, Str name, size_t width) {
    top_text_add(text, "%*s", (int)indent, "");
    top_text_add_cell(text, name, width - indent, false);
}

static void add_right(TopText *text, const char *cell, size_t width) {
    top_text_add_cell(text, str_from(cell), width, true);
}

static void add_count(TopText *text, uint64_t n, size_t width) {
    char cell[CELL_SIZE];

    (void)snprintf(cell, sizeof(cell), "%" PRIu64, n);
    add_right(text, cell, width);
}

/* "-" where there is nothing to be a part of. */
static void add_percent(TopText *text, uint64_t n, uint64_t of, size_t width) {
    char cell[CELL_SIZE];

    (void)snprintf(cell, sizeof(cell), "%.1f%%", of ? 100.0 * (double)n / (double)of : 0);
    add_right(text, of ? cell : "-", width);
}

static void add_row(TopText *text, unsigned indent, Str name, uint64_t a, uint64_t b) {
    char cell[CELL_SIZE];

    add_name(text, indent, name, NAME_WIDTH);
    add_count(text, a, FIGURE_WIDTH);
    add_count(text, b, FIGURE_WIDTH);
    (void)snprintf(cell, sizeof(cell), "%+" PRId64, (int64_t)(a - b));
    if (a != b)
        add_right(text, cell, FIGURE_WIDTH);
    top_text_add(text, "\n");
}

static void add_more(TopText *text, size_t n, size_t limit, const char *what) {
    if (n > limit)
        top_text_add(text, "  and %zu more %s (see --limit)\n", n - limit, what);
}

/* --- the head ---------------------------------------------------------------------------------------- */

static void add_types(TopText *text, const char *name, const OutcomeTypes *types) {
    top_text_add(text, "; %s:", name);
    for (size_t i = 0; i < types->n; i++) {
        top_text_add(text, " ");
        top_text_add_str(text, types->types[i]);
    }
}

static void add_head(TopText *text, const BacktestReport *report) {
    const Backtest *backtest = report->figures->backtest;
    char first[TIMESTAMP_TEXT_SIZE], last[TIMESTAMP_TEXT_SIZE];

    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        const Model *model = backtest->sides[i].model;
        top_text_add(text, "%c  %s: %.*s, version %lld\n", "AB"[i], report -> paths[i], STR_FMT(model->id),
                (long long)model -> version);
    }
    top_text_add(text, "%" PRIu64 " events", backtest->n_events);
    if (backtest->n_events > 0) {
        timestamp_print(backtest->first_ms, first);
        timestamp_print(backtest->last_ms, last);
        top_text_add(text, ", %s to %s", first, last);
    }
    if (backtest->n_bad > 0)
        top_text_add(text, "; %" PRIu64 " more that could not be used", backtest->n_bad);
    top_text_add(
            text, "\nStage: %.*s.%.*s", STR_FMT(backtest->options.track), STR_FMT(backtest->options.stage));
    add_types(text, "accepted", &backtest->options.outcomes[OUTCOME_ACCEPTED]);
    add_types(text, "rejected", &backtest->options.outcomes[OUTCOME_REJECTED]);
    add_types(text, "won", &backtest->options.outcomes[OUTCOME_WON]);
    top_text_add(text, "\n");
}

static void add_title(TopText *text, const char *title) {
    size_t len = strlen(title);

    top_text_add(text, "\n%s%*s%*s%*s%*s\n", title, (int)(NAME_WIDTH - MIN(len, (size_t)NAME_WIDTH)), "",
            FIGURE_WIDTH, "A", FIGURE_WIDTH, "B", FIGURE_WIDTH, "A-B");
}

/* --- what sales did ---------------------------------------------------------------------------------- */

static void add_rate(TopText *text, const Figures *a, const Figures *b) {
    add_name(text, 4, STR_LITERAL("of those in the stage"), NAME_WIDTH);
    add_percent(text, a->accepted, a->reached, FIGURE_WIDTH);
    add_percent(text, b->accepted, b->reached, FIGURE_WIDTH);
    top_text_add(text, "\n");
}

static void add_medians(TopText *text, const BacktestFigures *figures) {
    char span[SPAN_TEXT_SIZE];

    add_name(text, 4, STR_LITERAL("median time until then"), NAME_WIDTH);
    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        if (figures->median_ms[i] != TIME_NONE)
            top_span_print(figures->median_ms[i], span);
        add_right(text, figures->median_ms[i] == TIME_NONE ? "-" : span, FIGURE_WIDTH);
    }
    top_text_add(text, "\n");
}

static void add_answers(TopText *text, const BacktestReport *report) {
    const BacktestFigures *figures = report->figures;
    static const Figures nothing;
    const Figures *a = &nothing, *b = &nothing;

    if (figures->groups[GROUPS_ALL].n_items > 0) {
        a = &figures->groups[GROUPS_ALL].items[0].sides[0];
        b = &figures->groups[GROUPS_ALL].items[0].sides[1];
    }
    add_title(text, "What sales did");
    add_row(text, 0, STR_LITERAL("leads"), a->leads, b->leads);
    add_row(text, 0, STR_LITERAL("ever in the stage"), a->reached, b->reached);
    add_row(text, 2, STR_LITERAL("accepted afterwards"), a->accepted, b->accepted);
    add_rate(text, a, b);
    add_medians(text, figures);
    add_row(text, 2, STR_LITERAL("rejected afterwards"), a->rejected, b->rejected);
    for (size_t i = 0; i < MIN(figures->n_reasons, report->limit); i++)
        add_row(text, 4, figures->reasons[i].reason, figures->reasons[i].counts[0],
                figures->reasons[i].counts[1]);
    add_more(text, figures->n_reasons, report->limit, "reasons");
    add_row(text, 2, STR_LITERAL("neither"), a->reached - a->accepted - a->rejected,
            b->reached - b->accepted - b->rejected);
    add_row(text, 2, STR_LITERAL("won afterwards"), a->won, b->won);
    top_text_add(text, "Missed: not in the stage before\n");
    add_row(text, 2, STR_LITERAL("it was accepted"), a->missed_accepted, b->missed_accepted);
    add_row(text, 2, STR_LITERAL("it was won"), a->missed_won, b->missed_won);
}

static void add_overlaps(TopText *text, const BacktestFigures *figures) {
    static const char *const names[] = {
            [OVERLAP_NEITHER] = "under neither",
            [OVERLAP_A] = "under A alone",
            [OVERLAP_B] = "under B alone",
            [OVERLAP_BOTH] = "under both",
    };
    static const unsigned order[_OVERLAP_MAX] = {OVERLAP_BOTH, OVERLAP_A, OVERLAP_B, OVERLAP_NEITHER};

    top_text_add(text, "\n%-*s%*s%*s%*s%*s   (before or after)\n", NAME_WIDTH, "Ever in the stage",
            FIGURE_WIDTH, "leads", FIGURE_WIDTH, "accepted", FIGURE_WIDTH, "rejected", FIGURE_WIDTH, "won");
    for (size_t i = 0; i < _OVERLAP_MAX; i++) {
        const Overlap *overlap = &figures->overlaps[order[i]];
        add_name(text, 2, str_from(names[order[i]]), NAME_WIDTH);
        add_count(text, overlap->leads, FIGURE_WIDTH);
        add_count(text, overlap->accepted, FIGURE_WIDTH);
        add_count(text, overlap->rejected, FIGURE_WIDTH);
        add_count(text, overlap->won, FIGURE_WIDTH);
        top_text_add(text, "\n");
    }
}

/* --- groups ------------------------------------------------------------------------------------------ */

static void add_pairs_head(TopText *text, const char *title, const char *const *names, size_t n) {
    top_text_add(text, "\n");
    add_name(text, 0, str_from(title), NAME_WIDTH - 2);
    for (size_t i = 0; i < n; i++)
        top_text_add(text, "%*s", 2 * NARROW_WIDTH, names[i]);
    top_text_add(text, "\n%*s", NAME_WIDTH - 2, "");
    for (size_t i = 0; i < n; i++)
        top_text_add(text, "%*s%*s", NARROW_WIDTH, "A", NARROW_WIDTH, "B");
    top_text_add(text, "\n");
}

static void add_group(TopText *text, const Group *group) {
    const Figures *a = &group->sides[0], *b = &group->sides[1];

    add_name(text, 2, group->name, NAME_WIDTH - 2);
    add_count(text, a->leads, NARROW_WIDTH);
    add_count(text, b->leads, NARROW_WIDTH);
    add_count(text, a->reached, NARROW_WIDTH);
    add_count(text, b->reached, NARROW_WIDTH);
    add_percent(text, a->accepted, a->reached, NARROW_WIDTH);
    add_percent(text, b->accepted, b->reached, NARROW_WIDTH);
    add_count(text, a->won, NARROW_WIDTH);
    add_count(text, b->won, NARROW_WIDTH);
    add_count(text, a->missed_won, NARROW_WIDTH);
    add_count(text, b->missed_won, NARROW_WIDTH);
    top_text_add(text, "\n");
}

static void add_groups(TopText *text, const BacktestReport *report, const Groups *groups) {
    static const char *const names[] = {"leads", "in the stage", "accepted", "won", "missed"};
    char title[CELL_SIZE];

    (void)snprintf(title, sizeof(title), "By %s", groups->kind);
    add_pairs_head(text, title, names, ARRAY_SIZE(names));
    for (size_t i = 0; i < MIN(groups->n_items, report->limit); i++)
        add_group(text, &groups->items[i]);
    add_more(text, groups->n_items, report->limit, "groups");
}

static void add_stages(TopText *text, const BacktestReport *report, const Groups *groups) {
    const BacktestFigures *figures = report->figures;
    char name[2 * MODEL_ID_LEN_MAX + 2];

    for (size_t i = 0; i < MIN(groups->n_items, report->limit); i++) {
        const Group *group = &groups->items[i];
        if (groups != &figures->groups[GROUPS_ALL]) {
            top_text_add(text, "%s ", groups->kind);
            top_text_add_str(text, group->name);
            top_text_add(text, "\n");
        }
        for (size_t k = 0; k < figures->n_stages; k++) {
            uint64_t a = group->sides[0].stages[k], b = group->sides[1].stages[k];
            (void)snprintf(name, sizeof(name), "%.*s.%.*s", STR_FMT(figures->stages[k].track),
                    STR_FMT(figures->stages[k].stage));
            if (a > 0 || b > 0)
                add_row(text, 2, str_from(name), a, b);
        }
    }
    add_more(text, groups->n_items, report->limit, "groups");
}

static bool has_verdicts(const Group *group, size_t policy) {
    uint64_t n = 0;

    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        for (size_t k = 0; k < _SLA_KIND_MAX; k++)
            n += group->sides[i].verdicts[policy * _SLA_KIND_MAX + k];
    return n > 0;
}

static void add_verdicts(TopText *text, const BacktestReport *report, const Groups *groups) {
    static const SlaKind kinds[] = {SLA_MET, SLA_BREACHED, SLA_LATE, SLA_RETRACTED, SLA_CANCELLED};
    const BacktestFigures *figures = report->figures;

    for (size_t i = 0; i < MIN(groups->n_items, report->limit); i++) {
        const Group *group = &groups->items[i];
        for (size_t p = 0; p < figures->n_policies; p++) {
            if (!has_verdicts(group, p))
                continue;
            if (groups != &figures->groups[GROUPS_ALL]) {
                top_text_add(text, "%s ", groups->kind);
                top_text_add_str(text, group->name);
                top_text_add(text, "\n");
            }
            add_name(text, 2, figures->policies[p].policy, NAME_WIDTH - 2);
            for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
                for (size_t s = 0; s < BACKTEST_SIDES; s++)
                    add_count(text, group->sides[s].verdicts[p * _SLA_KIND_MAX + kinds[k]], NARROW_WIDTH);
            top_text_add(text, "\n");
        }
    }
}

/* --- leads in another stage -------------------------------------------------------------------------- */

static void add_move(TopText *text, char side, Str stage, const BacktestMove *move) {
    char at[TIMESTAMP_TEXT_SIZE], value[NUMBER_SHOWN_SIZE];

    top_text_add(text, "    %c  ", side);
    top_text_add_cell(text, stage, 14, false);
    if (move->at_ms == TIME_NONE) {
        top_text_add(text, " from the beginning\n");
        return;
    }
    timestamp_print(move->at_ms, at);
    top_text_add(text, " since %.16sZ by ", at);
    top_text_add_str(text, str_is_null(move->transition) ? STR_LITERAL("a merge") : move->transition);
    top_text_add(text, "\n");
    for (size_t i = 0; i < move->n_reasons; i++) {
        number_show(move->reasons[i].value, value);
        top_text_add(text, "%s%.*s %s (%.*s)", i ? ", " : "         ", STR_FMT(move->reasons[i].rule), value,
                STR_FMT(move->reasons[i].score));
    }
    if (move->n_reasons > 0)
        top_text_add(text, "\n");
}

static void add_changed_track(
        TopText *text, const BacktestFigures *figures, const BacktestLead *lead, unsigned track_a) {
    const BacktestSide *sides = figures->backtest->sides;
    Str id = sides[0].model->tracks[track_a].id;
    unsigned track_b = 0;

    while (track_b < sides[1].model->n_tracks && !str_eq(sides[1].model->tracks[track_b].id, id))
        track_b++;
    if (track_b == sides[1].model->n_tracks)
        return;
    Str a = backtest_stage(&sides[0], lead, (int)track_a), b = backtest_stage(&sides[1], lead, (int)track_b);
    if (str_eq(a, b))
        return;
    top_text_add(text, "  ");
    top_text_add_str(text, lead->lead_id);
    top_text_add(text, ", %.*s%s%s%s\n", STR_FMT(id), lead->was_accepted ? ", accepted" : "",
            lead->was_rejected ? ", rejected" : "", lead->was_won ? ", won" : "");
    add_move(text, 'A', a, &lead->sides[0].moves[track_a]);
    add_move(text, 'B', b, &lead->sides[1].moves[track_b]);
}

static void add_changed(TopText *text, const BacktestReport *report) {
    const BacktestFigures *figures = report->figures;

    top_text_add(text, "\nLeads that end in another stage: %zu\n", figures->n_changed);
    for (size_t i = 0; i < MIN(figures->n_moves, report->limit); i++) {
        const StageMove *move = &figures->moves[i];
        top_text_add(text, "%10" PRIu64 "  %.*s: %.*s under A, %.*s under B\n", move->leads,
                STR_FMT(move->a->track), STR_FMT(move->a->stage), STR_FMT(move->b->stage));
    }
    add_more(text, figures->n_moves, report->limit, "pairs of stages");
    if (figures->n_changed > 0)
        top_text_add(text, "\nSuch leads, and the greatest contributions when they were moved\n");
    for (size_t i = 0; i < MIN(figures->n_changed, report->limit); i++)
        for (unsigned t = 0; t < figures->backtest->sides[0].model->n_tracks; t++)
            add_changed_track(text, figures, figures->changed[i], t);
    add_more(text, figures->n_changed, report->limit, "leads");
}

/* One group alone is all leads once more. */
static bool is_worth_showing(const BacktestFigures *figures, size_t groups) {
    return groups == GROUPS_ALL || figures->groups[groups].n_items > 1;
}

int backtest_print(const BacktestReport *report, FILE *file) {
    static const char *const kinds[] = {"met", "breached", "late", "retracted", "cancelled"};
    const BacktestFigures *figures = report->figures;
    TopText text = TOP_TEXT_INIT;
    int r = 0;

    add_head(&text, report);
    add_answers(&text, report);
    add_overlaps(&text, figures);
    for (size_t i = GROUPS_SEGMENT; i < _GROUPS_MAX; i++)
        add_groups(&text, report, &figures->groups[i]);
    add_title(&text, "Leads by stage at the end");
    for (size_t i = 0; i < _GROUPS_MAX; i++)
        if (is_worth_showing(figures, i))
            add_stages(&text, report, &figures->groups[i]);
    if (figures->n_policies > 0)
        add_pairs_head(&text, "SLA clocks", kinds, ARRAY_SIZE(kinds));
    for (size_t i = 0; figures->n_policies > 0 && i < _GROUPS_MAX; i++)
        if (is_worth_showing(figures, i))
            add_verdicts(&text, report, &figures->groups[i]);
    add_changed(&text, report);
    if (text.out_of_memory)
        r = -ENOMEM;
    else if (fwrite(text.data, 1, text.len, file) != text.len)
        r = errno > 0 ? -errno : -EIO;
    top_text_deinit(&text);
    return r;
}
