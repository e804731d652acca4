/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "daemon/backtest/backtest_report.h"

static const char *const side_names[BACKTEST_SIDES] = {"a", "b"};
static const char *const group_names[_GROUPS_MAX] = {"all", "segment", "first_source"};

static Str side_name(size_t i) {
    return str_from(side_names[i]);
}

static void write_count(JsonWriter *writer, const char *name, uint64_t n) {
    json_write_integer(writer, str_from(name), (int64_t)n);
}

static void write_models(JsonWriter *writer, const BacktestReport *report) {
    json_write_object_begin(writer, STR_LITERAL("models"));
    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        const Model *model = report->figures->backtest->sides[i].model;
        json_write_object_begin(writer, side_name(i));
        json_write_string(writer, STR_LITERAL("path"), str_from(report->paths[i]));
        json_write_string(writer, STR_LITERAL("model"), model->id);
        json_write_integer(writer, STR_LITERAL("version"), model->version);
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

static void write_stages(JsonWriter *writer, const BacktestFigures *figures, const Figures *side) {
    json_write_object_begin(writer, STR_LITERAL("stages"));
    for (size_t i = 0; i < figures->n_stages; i++) {
        bool first = true; /* of its track */
        for (size_t k = 0; k < i; k++)
            first = first && !str_eq(figures->stages[k].track, figures->stages[i].track);
        if (!first)
            continue;
        json_write_object_begin(writer, figures->stages[i].track);
        for (size_t k = i; k < figures->n_stages; k++)
            if (str_eq(figures->stages[k].track, figures->stages[i].track))
                json_write_integer(writer, figures->stages[k].stage, (int64_t)side->stages[k]);
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

static void write_verdicts(JsonWriter *writer, const BacktestFigures *figures, const Figures *side) {
    json_write_object_begin(writer, STR_LITERAL("sla"));
    for (size_t i = 0; i < figures->n_policies; i++) {
        json_write_object_begin(writer, figures->policies[i].policy);
        for (unsigned k = 0; k < _SLA_KIND_MAX; k++)
            write_count(writer, sla_kind_name(k), side->verdicts[i * _SLA_KIND_MAX + k]);
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

static void write_figures(JsonWriter *writer, const BacktestFigures *figures, size_t i, const Figures *side) {
    json_write_object_begin(writer, side_name(i));
    write_count(writer, "leads", side->leads);
    write_count(writer, "reached", side->reached);
    write_count(writer, "accepted", side->accepted);
    write_count(writer, "rejected", side->rejected);
    write_count(writer, "unanswered", side->reached - side->accepted - side->rejected);
    write_count(writer, "won", side->won);
    write_count(writer, "missed_accepted", side->missed_accepted);
    write_count(writer, "missed_won", side->missed_won);
    json_write_number(writer, STR_LITERAL("acceptance_rate"),
            side->reached ? (double)side->accepted / (double)side->reached : NAN);
    write_stages(writer, figures, side);
    write_verdicts(writer, figures, side);
    json_write_object_end(writer);
}

static void write_groups(JsonWriter *writer, const BacktestReport *report) {
    const BacktestFigures *figures = report->figures;

    json_write_array_begin(writer, STR_LITERAL("groups"));
    for (size_t g = 0; g < _GROUPS_MAX; g++)
        for (size_t i = 0; i < MIN(figures->groups[g].n_items, report->limit); i++) {
            const Group *group = &figures->groups[g].items[i];
            json_write_object_begin(writer, STR_NULL);
            json_write_string(writer, STR_LITERAL("by"), str_from(group_names[g]));
            json_write_string(writer, STR_LITERAL("name"), group->name);
            for (size_t k = 0; k < BACKTEST_SIDES; k++)
                write_figures(writer, figures, k, &group->sides[k]);
            json_write_object_end(writer);
        }
    json_write_array_end(writer);
}

static void write_overlaps(JsonWriter *writer, const BacktestFigures *figures) {
    static const char *const names[_OVERLAP_MAX] = {"neither", "a_alone", "b_alone", "both"};

    json_write_object_begin(writer, STR_LITERAL("reached_under"));
    for (size_t i = 0; i < _OVERLAP_MAX; i++) {
        const Overlap *overlap = &figures->overlaps[i];
        json_write_object_begin(writer, str_from(names[i]));
        write_count(writer, "leads", overlap->leads);
        write_count(writer, "accepted", overlap->accepted);
        write_count(writer, "rejected", overlap->rejected);
        write_count(writer, "won", overlap->won);
        json_write_object_end(writer);
    }
    json_write_object_end(writer);
}

static void write_reasons(JsonWriter *writer, const BacktestReport *report) {
    const BacktestFigures *figures = report->figures;

    json_write_array_begin(writer, STR_LITERAL("rejected_by_reason"));
    for (size_t i = 0; i < MIN(figures->n_reasons, report->limit); i++) {
        json_write_object_begin(writer, STR_NULL);
        json_write_string(writer, STR_LITERAL("reason"), figures->reasons[i].reason);
        for (size_t k = 0; k < BACKTEST_SIDES; k++)
            write_count(writer, side_names[k], figures->reasons[i].counts[k]);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void write_moves(JsonWriter *writer, const BacktestReport *report) {
    const BacktestFigures *figures = report->figures;

    json_write_array_begin(writer, STR_LITERAL("moves"));
    for (size_t i = 0; i < MIN(figures->n_moves, report->limit); i++) {
        json_write_object_begin(writer, STR_NULL);
        json_write_string(writer, STR_LITERAL("track"), figures->moves[i].a->track);
        json_write_string(writer, STR_LITERAL("a"), figures->moves[i].a->stage);
        json_write_string(writer, STR_LITERAL("b"), figures->moves[i].b->stage);
        write_count(writer, "leads", figures->moves[i].leads);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

static void write_side_move(JsonWriter *writer, size_t side, Str stage, const BacktestMove *move) {
    json_write_object_begin(writer, side_name(side));
    json_write_string(writer, STR_LITERAL("stage"), stage);
    json_write_time(writer, STR_LITERAL("since"), move->at_ms);
    json_write_string(writer, STR_LITERAL("transition"), move->transition);
    json_write_array_begin(writer, STR_LITERAL("reasons"));
    for (size_t i = 0; i < move->n_reasons; i++) {
        json_write_object_begin(writer, STR_NULL);
        json_write_string(writer, STR_LITERAL("rule"), move->reasons[i].rule);
        json_write_string(writer, STR_LITERAL("score"), move->reasons[i].score);
        json_write_number(writer, STR_LITERAL("value"), move->reasons[i].value);
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
    json_write_object_end(writer);
}

static void write_changed_track(
        JsonWriter *writer, const BacktestFigures *figures, const BacktestLead *lead, unsigned track_a) {
    const BacktestSide *sides = figures->backtest->sides;
    Str id = sides[0].model->tracks[track_a].id;
    unsigned tracks[BACKTEST_SIDES] = {track_a, 0};

    while (tracks[1] < sides[1].model->n_tracks && !str_eq(sides[1].model->tracks[tracks[1]].id, id))
        tracks[1]++;
    if (tracks[1] == sides[1].model->n_tracks)
        return;
    Str a = backtest_stage(&sides[0], lead, (int)tracks[0]),
        b = backtest_stage(&sides[1], lead, (int)tracks[1]);
    if (str_eq(a, b))
        return;
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("lead_id"), lead->lead_id);
    json_write_string(writer, STR_LITERAL("track"), id);
    json_write_boolean(writer, STR_LITERAL("accepted"), lead->was_accepted);
    json_write_boolean(writer, STR_LITERAL("rejected"), lead->was_rejected);
    json_write_boolean(writer, STR_LITERAL("won"), lead->was_won);
    for (size_t i = 0; i < BACKTEST_SIDES; i++)
        write_side_move(writer, i, i ? b : a, &lead->sides[i].moves[tracks[i]]);
    json_write_object_end(writer);
}

static void write_changed(JsonWriter *writer, const BacktestReport *report) {
    const BacktestFigures *figures = report->figures;

    json_write_array_begin(writer, STR_LITERAL("leads"));
    for (size_t i = 0; i < MIN(figures->n_changed, report->limit); i++)
        for (unsigned t = 0; t < figures->backtest->sides[0].model->n_tracks; t++)
            write_changed_track(writer, figures, figures->changed[i], t);
    json_write_array_end(writer);
}

void backtest_write(const BacktestReport *report, JsonWriter *writer) {
    const BacktestFigures *figures = report->figures;
    const Backtest *backtest = figures->backtest;

    json_write_object_begin(writer, STR_NULL);
    write_models(writer, report);
    json_write_object_begin(writer, STR_LITERAL("stage"));
    json_write_string(writer, STR_LITERAL("track"), backtest->options.track);
    json_write_string(writer, STR_LITERAL("stage"), backtest->options.stage);
    json_write_object_end(writer);
    write_count(writer, "events", backtest->n_events);
    write_count(writer, "bad_events", backtest->n_bad);
    json_write_time(writer, STR_LITERAL("first_event_at"), backtest->first_ms);
    json_write_time(writer, STR_LITERAL("last_event_at"), backtest->last_ms);
    write_overlaps(writer, figures);
    json_write_object_begin(writer, STR_LITERAL("median_ms_to_acceptance"));
    for (size_t i = 0; i < BACKTEST_SIDES; i++) {
        if (figures->median_ms[i] == TIME_NONE)
            json_write_null(writer, side_name(i));
        else
            json_write_integer(writer, side_name(i), figures->median_ms[i]);
    }
    json_write_object_end(writer);
    write_groups(writer, report);
    write_reasons(writer, report);
    write_count(writer, "leads_in_another_stage", figures->n_changed);
    write_moves(writer, report);
    write_changed(writer, report);
    json_write_object_end(writer);
    json_write_newline(writer);
}
