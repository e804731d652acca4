/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/explain/explain_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "daemon/explain/explain_text_pieces.h"
#include "lib/calendar/timestamp.h"

#define RULE_WIDTH 24
#define NUMBER_WIDTH 9

/* ---- who it is ---- */

static void add_head(TopText *text, const Explanation *e) {
    char instant[TIMESTAMP_TEXT_SIZE];
    timestamp_print(e->at_ms, instant);
    top_text_add(text, e->kind == ENTITY_LEAD ? "lead " : "account ");
    top_text_add_str(text, e->id);
    top_text_add(text, " at %s\n", instant);
    text_line(text, "clock");
    text_instant(text, e->clock_ms, e->at_ms);
    text_line_end(text);
    text_line(text, "model");
    top_text_add_str(text, e->model->id);
    top_text_add(text, ", version %" PRId64 "\n", e->model->version);
    text_line(text, "next moment");
    text_instant(text, e->next_moment_ms, e->at_ms);
    text_line_end(text);
}

static void add_person(TopText *text, const Explanation *e) {
    text_line(text, "account");
    text_str_or(text, e->account_id, "not known");
    text_line_end(text);
    text_line(text, "segment");
    text_str_or(text, e->segment, "none");
    text_line_end(text);
    text_line(text, "route");
    text_str_or(text, e->route, "none");
    text_line_end(text);
    text_line(text, "sources");
    text_str_or(text, e->first_source, "not known");
    if (!str_is_null(e->last_source) && !str_eq(e->last_source, e->first_source)) {
        top_text_add(text, " at first, ");
        top_text_add_str(text, e->last_source);
        top_text_add(text, " at last");
    }
    text_line_end(text);
    text_line(text, "last active");
    text_instant(text, e->active_at_ms, e->at_ms);
    text_line_end(text);
    if (e->n_aliases == 0)
        return;
    text_line(text, "merged from");
    text_list(text, e->aliases, e->n_aliases);
    text_line_end(text);
}

/* ---- scores ---- */

static void add_number_cell(TopText *text, double value, bool with_sign) {
    char number[TEXT_NUMBER_SIZE + 1] = "+";
    bool plus = with_sign && value > 0;
    text_print_number(value, number + plus);
    top_text_add(text, "%*s", NUMBER_WIDTH, number);
}

static void add_decay(TopText *text, const Decay *decay) {
    static const char *const names[] = {
        [DECAY_NONE] = "does not decay", [DECAY_HALF_LIFE] = "half-life ", [DECAY_LINEAR] = "falls to 0 in ", [DECAY_WINDOW] = "counts for "};
    top_text_add(text, "%s", names[decay->kind]);
    if (decay->kind != DECAY_NONE)
        text_duration(text, decay->span_ms);
}

static void add_bounds(TopText *text, ScoreBounds bounds) {
    if (isfinite(bounds.min)) {
        top_text_add(text, ", at least ");
        text_number(text, bounds.min);
    }
    if (isfinite(bounds.max)) {
        top_text_add(text, ", at most ");
        text_number(text, bounds.max);
    }
}

static void add_reason(TopText *text, const Reason *reason, int64_t at_ms) {
    top_text_add(text, "    ");
    add_number_cell(text, reason->points, true);
    add_number_cell(text, reason->present_value, false);
    top_text_add(text, "  ");
    top_text_add_cell(text, reason->rule, RULE_WIDTH, false);
    top_text_add(text, "  ");
    if (reason->from_profile)
        top_text_add(text, "profile");
    else
        text_instant(text, reason->occurred_at_ms, at_ms);
    if (!str_is_null(reason->event_id)) {
        top_text_add(text, "  ");
        top_text_add_str(text, reason->event_id);
    }
    text_line_end(text);
}

static void add_rest(TopText *text, const ExplainedScore *score, EntityKind kind) {
    if (score->rest == 0)
        return;
    top_text_add(text, "    %*s", NUMBER_WIDTH, "");
    add_number_cell(text, score->rest, false);
    if (kind == ENTITY_ACCOUNT || score->from_profile)
        top_text_add(text, "  cut by the score's bounds\n");
    else
        top_text_add(text, "  from before, no longer itemised\n");
}

static void add_scores(TopText *text, const Explanation *e) {
    top_text_add(text, "\nscores%s\n", e->kind == ENTITY_LEAD && e->n_scores ? "           points      now" : "");
    for (size_t i = 0; i < e->n_scores; i++) {
        const ExplainedScore *score = &e->scores[i];
        top_text_add(text, "  ");
        top_text_add_cell(text, score->id, 11, false);
        add_number_cell(text, score->value, false);
        top_text_add(text, "  ");
        add_decay(text, &score->decay);
        add_bounds(text, score->bounds);
        if (!str_is_null(score->from)) {
            top_text_add(text, ", from ");
            top_text_add_str(text, score->from);
        }
        text_line_end(text);
        for (size_t k = 0; k < score->n_reasons; k++)
            add_reason(text, &score->reasons[k], e->at_ms);
        add_rest(text, score, e->kind);
    }
    for (size_t i = 0; i < e->n_derived; i++) {
        top_text_add(text, "  ");
        top_text_add_cell(text, e->derived[i].name, 11, false);
        add_number_cell(text, e->derived[i].value, false);
        top_text_add(text, "  derived\n");
    }
}

static void add_counters(TopText *text, const Explanation *e) {
    if (e->n_counters > 0)
        top_text_add(text, "\ncounters\n");
    for (size_t i = 0; i < e->n_counters; i++) {
        const ExplainedCounter *counter = &e->counters[i];
        top_text_add(text, "  ");
        top_text_add_cell(text, counter->id, 20, false);
        top_text_add(text, " %3u in ", counter->value);
        text_duration(text, counter->window_ms);
        if (counter->changes_at_ms != TIME_NEVER) {
            top_text_add(text, ", fewer from ");
            text_instant(text, counter->changes_at_ms, e->at_ms);
        }
        text_line_end(text);
    }
}

static void add_idle(TopText *text, const Explanation *e) {
    if (e->n_idle > 0)
        top_text_add(text, "\npoints for silence\n");
    for (size_t i = 0; i < e->n_idle; i++) {
        top_text_add(text, "  ");
        top_text_add_cell(text, e->idle[i].rule, 20, false);
        top_text_add(text, " ");
        text_instant(text, e->idle[i].due_at_ms, e->at_ms);
        for (size_t k = 0; k < e->idle[i].n_points; k++) {
            top_text_add(text, k == 0 ? "  " : ", ");
            top_text_add_str(text, e->idle[i].points[k].name);
            top_text_add(text, e->idle[i].points[k].value > 0 ? " +" : " ");
            text_number(text, e->idle[i].points[k].value);
        }
        text_line_end(text);
    }
}

/* ---- members ---- */

static void add_member(TopText *text, const Explanation *e, const ExplainedMember *member) {
    bool brings = false;
    top_text_add(text, "  ");
    top_text_add_str(text, member->lead_id);
    top_text_add(text, ": ");
    for (size_t k = 0; k < e->n_scores; k++) {
        if (member->brings[k] == 0)
            continue;
        top_text_add(text, brings ? ", " : "");
        top_text_add_str(text, e->scores[k].id);
        top_text_add(text, " ");
        text_number(text, member->brings[k]);
        brings = true;
    }
    top_text_add(text, brings ? "\n" : "brings nothing\n");
    top_text_add(text, "      active ");
    text_instant(text, member->active_at_ms, e->at_ms);
    text_line_end(text);
    if (member->in_committee) {
        top_text_add(text, "      of the committee until ");
        text_instant(text, member->committee_until_ms, e->at_ms);
        text_line_end(text);
    }
}

static void add_members(TopText *text, const Explanation *e) {
    top_text_add(text, "\nmembers: %zu", e->n_members);
    if (e->has_committee) {
        top_text_add(text, ", of the committee %u (the last ", e->committee);
        text_duration(text, e->committee_window_ms);
        top_text_add(text, ")");
    }
    text_line_end(text);
    for (size_t i = 0; i < e->n_members; i++)
        add_member(text, e, &e->members[i]);
}

void explain_text(TopText *text, const Explanation *e) {
    add_head(text, e);
    if (e->kind == ENTITY_LEAD)
        add_person(text, e);
    add_scores(text, e);
    add_counters(text, e);
    add_idle(text, e);
    if (e->kind == ENTITY_ACCOUNT)
        add_members(text, e);
    for (size_t i = 0; i < e->n_tracks; i++)
        explain_text_track(text, &e->tracks[i], e->at_ms);
    for (size_t i = 0; i < e->n_clocks; i++)
        explain_text_clock(text, &e->clocks[i], e->at_ms);
}
