/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/explain_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "lib/timestamp.h"

#define NUMBER_TEXT_SIZE 40
#define CONDITION_WIDTH 46
#define RULE_WIDTH 24
#define NUMBER_WIDTH 9
#define VALUE_LEN_MAX ((size_t)60)

/* ---- pieces ---- */

/* Two decimals at most, more where that would be nothing. */
static void print_number(double value, char text[static NUMBER_TEXT_SIZE]) {
    if (!isfinite(value) || fabs(value) >= 1e15 || (value != 0 && fabs(value) < 0.005)) {
        snprintf(text, NUMBER_TEXT_SIZE, isnan(value) ? "null" : "%.2g", value);
        return;
    }
    int n = snprintf(text, NUMBER_TEXT_SIZE, "%.2f", value);
    while (n > 0 && text[n - 1] == '0')
        text[--n] = '\0';
    if (n > 0 && (text[n - 1] < '0' || text[n - 1] > '9'))
        text[n - 1] = '\0';
}

static void add_number(TopText *text, double value) {
    char number[NUMBER_TEXT_SIZE];
    print_number(value, number);
    top_text_add(text, "%s", number);
}

static void add_number_cell(TopText *text, double value, bool with_sign) {
    char number[NUMBER_TEXT_SIZE + 1] = "+";
    bool plus = with_sign && value > 0;
    print_number(value, number + plus);
    top_text_add(text, "%*s", NUMBER_WIDTH, number);
}

static void add_span(TopText *text, int64_t span_ms) {
    char span[SPAN_TEXT_SIZE];
    top_span_print(span_ms, span);
    top_text_add(text, "%s", span);
}

/* As the model writes it. */
static void add_duration(TopText *text, int64_t duration_ms) {
    char duration[DURATION_TEXT_SIZE];
    duration_print(duration_ms, duration);
    top_text_add(text, "%s", duration);
}

/* "2026-01-31T08:00:00.000Z (in 2d04h)" */
static void add_instant(TopText *text, int64_t instant_ms, int64_t at_ms) {
    char instant[TIMESTAMP_TEXT_SIZE];
    if (instant_ms == TIME_NEVER || instant_ms == TIME_NONE) {
        top_text_add(text, "never");
        return;
    }
    timestamp_print(instant_ms, instant);
    top_text_add(text, "%s", instant);
    if (instant_ms == at_ms) {
        top_text_add(text, " (now)");
        return;
    }
    top_text_add(text, instant_ms > at_ms ? " (in " : " (");
    add_span(text, instant_ms > at_ms ? instant_ms - at_ms : at_ms - instant_ms);
    top_text_add(text, instant_ms > at_ms ? ")" : " ago)");
}

static void add_str_or(TopText *text, Str s, const char *otherwise) {
    if (str_is_null(s))
        top_text_add(text, "%s", otherwise);
    else
        top_text_add_str(text, s);
}

static void add_list(TopText *text, const Str *items, size_t n) {
    for (size_t i = 0; i < n; i++) {
        top_text_add(text, i == 0 ? "" : ", ");
        top_text_add_str(text, items[i]);
    }
}

static void begin_line(TopText *text, const char *label) {
    top_text_add(text, "  %-12s", label);
}

static void end_line(TopText *text) {
    top_text_add(text, "\n");
}

/* ---- who it is ---- */

static void add_head(TopText *text, const Explanation *e) {
    char instant[TIMESTAMP_TEXT_SIZE];
    timestamp_print(e->at_ms, instant);
    top_text_add(text, e->kind == ENTITY_LEAD ? "lead " : "account ");
    top_text_add_str(text, e->id);
    top_text_add(text, " at %s\n", instant);
    begin_line(text, "clock");
    add_instant(text, e->clock_ms, e->at_ms);
    end_line(text);
    begin_line(text, "model");
    top_text_add_str(text, e->model->id);
    top_text_add(text, ", version %" PRId64 "\n", e->model->version);
    begin_line(text, "next moment");
    add_instant(text, e->next_moment_ms, e->at_ms);
    end_line(text);
}

static void add_person(TopText *text, const Explanation *e) {
    begin_line(text, "account");
    add_str_or(text, e->account_id, "not known");
    end_line(text);
    begin_line(text, "segment");
    add_str_or(text, e->segment, "none");
    end_line(text);
    begin_line(text, "route");
    add_str_or(text, e->route, "none");
    end_line(text);
    begin_line(text, "sources");
    add_str_or(text, e->first_source, "not known");
    if (!str_is_null(e->last_source) && !str_eq(e->last_source, e->first_source)) {
        top_text_add(text, " at first, ");
        top_text_add_str(text, e->last_source);
        top_text_add(text, " at last");
    }
    end_line(text);
    begin_line(text, "last active");
    add_instant(text, e->active_at_ms, e->at_ms);
    end_line(text);
    if (e->n_aliases == 0)
        return;
    begin_line(text, "merged from");
    add_list(text, e->aliases, e->n_aliases);
    end_line(text);
}

/* ---- scores ---- */

static void add_decay(TopText *text, const Decay *decay) {
    static const char *const names[] = {
        [DECAY_NONE] = "does not decay", [DECAY_HALF_LIFE] = "half-life ", [DECAY_LINEAR] = "falls to 0 in ", [DECAY_WINDOW] = "counts for "};
    top_text_add(text, "%s", names[decay->kind]);
    if (decay->kind != DECAY_NONE)
        add_duration(text, decay->span_ms);
}

static void add_bounds(TopText *text, ScoreBounds bounds) {
    if (isfinite(bounds.min)) {
        top_text_add(text, ", at least ");
        add_number(text, bounds.min);
    }
    if (isfinite(bounds.max)) {
        top_text_add(text, ", at most ");
        add_number(text, bounds.max);
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
        add_instant(text, reason->occurred_at_ms, at_ms);
    if (!str_is_null(reason->event_id)) {
        top_text_add(text, "  ");
        top_text_add_str(text, reason->event_id);
    }
    end_line(text);
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
        end_line(text);
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
        add_duration(text, counter->window_ms);
        if (counter->changes_at_ms != TIME_NEVER) {
            top_text_add(text, ", fewer from ");
            add_instant(text, counter->changes_at_ms, e->at_ms);
        }
        end_line(text);
    }
}

static void add_idle(TopText *text, const Explanation *e) {
    if (e->n_idle > 0)
        top_text_add(text, "\npoints for silence\n");
    for (size_t i = 0; i < e->n_idle; i++) {
        top_text_add(text, "  ");
        top_text_add_cell(text, e->idle[i].rule, 20, false);
        top_text_add(text, " ");
        add_instant(text, e->idle[i].due_at_ms, e->at_ms);
        for (size_t k = 0; k < e->idle[i].n_points; k++) {
            top_text_add(text, k == 0 ? "  " : ", ");
            top_text_add_str(text, e->idle[i].points[k].name);
            top_text_add(text, e->idle[i].points[k].value > 0 ? " +" : " ");
            add_number(text, e->idle[i].points[k].value);
        }
        end_line(text);
    }
}

/* ---- conditions ---- */

static void add_value(TopText *text, Value value, bool is_span) {
    switch (value.type) {
    case VALUE_BOOLEAN:
        top_text_add(text, value.boolean ? "true" : "false");
        break;
    case VALUE_LONG:
    case VALUE_DOUBLE:
        if (is_span)
            add_span(text, (int64_t)fmin(fmax(value_number(value), -1e15), 1e15));
        else if (value.type == VALUE_LONG)
            top_text_add(text, "%" PRId64, value.integer);
        else
            add_number(text, value.number);
        break;
    case VALUE_STRING:
        top_text_add(text, "\"");
        top_text_add_str(text, (Str){value.string.data, str_cut(value.string, VALUE_LEN_MAX)});
        top_text_add(text, value.string.len > VALUE_LEN_MAX ? "...\"" : "\"");
        break;
    default:
        top_text_add(text, "null");
    }
}

static void add_missing(TopText *text, const ConditionPart *part) {
    if (part->missing == 0) {
        top_text_add(text, part->wants_less ? ", must be less" : ", must be more");
        return;
    }
    top_text_add(text, part->wants_less ? ", too much by " : ", missing ");
    add_value(text, value_double(part->missing), part->is_span);
}

static void add_sides(TopText *text, const ConditionPart *part) {
    if (part->truth == PART_OPEN) {
        top_text_add(text, "as the event says");
        return;
    }
    add_value(text, part->left, part->is_span);
    if (part->kind != PART_COMPARE || (!part->is_order && part->is_constant))
        return;
    top_text_add(text, part->is_order ? " of " : " against ");
    add_value(text, part->right, part->is_span);
    if (part->has_missing)
        add_missing(text, part);
}

static const char *group_name(PartKind kind) {
    return kind == PART_ALL ? "all of" : kind == PART_ANY ? "one of" : "not";
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* A condition's text on one line, however it was written. Returns how many columns it takes. */
static size_t add_condition(TopText *text, Str s) {
    size_t width = 0;
    for (size_t begin = 0, end; begin < s.len; begin = end) {
        bool blank = is_blank(s.data[begin]);
        for (end = begin; end < s.len && is_blank(s.data[end]) == blank; end++)
            width += !blank && ((unsigned char)s.data[end] & 0xC0) != 0x80;
        width += blank;
        top_text_add_str(text, blank ? STR_LITERAL(" ") : (Str){s.data + begin, end - begin});
    }
    return width;
}

/* The text in its column; what doesn't fit has a line of its own. */
static void add_condition_cell(TopText *text, Str s, int indent) {
    int left = CONDITION_WIDTH - indent - (int)add_condition(text, s);
    if (left >= 0)
        top_text_add(text, "%*s  ", left, "");
    else
        top_text_add(text, "\n%*s", 11 + CONDITION_WIDTH + 2, "");
}

static void add_parts(TopText *text, const ConditionPart *parts, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const ConditionPart *part = &parts[i];
        int indent = 2 * (int)part->depth;
        top_text_add(text, "    %-5s  %*s", part_truth_name(part->truth), indent, "");
        if (part->kind <= PART_NOT) {
            top_text_add(text, "%s", group_name(part->kind));
        } else {
            add_condition_cell(text, part->text, indent);
            add_sides(text, part);
        }
        end_line(text);
    }
}

/* ---- tracks ---- */

static void add_causes(TopText *text, const ExplainedTransition *t) {
    if (t->transition->has_on) {
        top_text_add(text, ", by ");
        add_list(text, t->transition->on.types, t->transition->on.n_types);
    }
    if (t->transition->n_on_sla > 0) {
        top_text_add(text, ", by the clock's ");
        add_list(text, t->on_sla, t->transition->n_on_sla);
    }
}

static void add_cooldown(TopText *text, const ExplainedTransition *t, int64_t at_ms) {
    if (t->cools_at_ms == TIME_NONE)
        return;
    top_text_add(text, "    no     cooldown of ");
    add_duration(text, t->transition->cooldown_ms);
    top_text_add(text, ", until ");
    add_instant(text, t->cools_at_ms, at_ms);
    end_line(text);
}

static void add_transition(TopText *text, const ExplainedTransition *t, int64_t at_ms) {
    top_text_add(text, "  to ");
    top_text_add_str(text, t->to);
    top_text_add(text, " (");
    top_text_add_str(text, t->transition->id);
    top_text_add(text, ")");
    add_causes(text, t);
    if (t->n_when == 0 && t->n_require == 0 && t->cools_at_ms == TIME_NONE)
        top_text_add(text, "; nothing else is asked for");
    end_line(text);
    if (t->passed_over)
        top_text_add(text, "    holds, but it was there at the same instant: what happens next takes it there\n");
    add_cooldown(text, t, at_ms);
    add_parts(text, t->when, t->n_when);
    if (t->n_require > 0)
        top_text_add(text, "    required, or it is refused\n");
    add_parts(text, t->require, t->n_require);
}

static void add_track(TopText *text, const ExplainedTrack *track, int64_t at_ms) {
    top_text_add(text, "\ntrack ");
    top_text_add_str(text, track->id);
    top_text_add(text, ": ");
    top_text_add_str(text, track->stage);
    top_text_add(text, " since ");
    add_instant(text, track->since_ms, at_ms);
    if (!str_is_null(track->owner)) {
        top_text_add(text, ", owner ");
        top_text_add_str(text, track->owner);
    }
    end_line(text);
    if (track->changes_by) {
        top_text_add(text, "  by time alone to ");
        top_text_add_str(text, track->changes_by->to);
        top_text_add(text, " (");
        top_text_add_str(text, track->changes_by->transition->id);
        top_text_add(text, ") at ");
        add_instant(text, track->changes_at_ms, at_ms);
        top_text_add(text, track->changes_at_ms <= at_ms ? ", as soon as scored gets there\n" : "\n");
    }
    for (size_t i = 0; i < track->n_transitions; i++)
        add_transition(text, &track->transitions[i], at_ms);
    if (track->n_transitions == 0)
        top_text_add(text, "  nothing leads out of it\n");
}

/* ---- clocks ---- */

static void add_level(TopText *text, const ExplainedLevel *level, bool paused, int64_t at_ms) {
    char kind[32];
    snprintf(kind, sizeof(kind), "%s%s%.*s", sla_kind_name(level->kind), level->text.len ? " " : "", STR_FMT(level->text));
    top_text_add(text, "    %-16s after ", kind);
    add_duration(text, level->after_ms);
    top_text_add(text, ": ");
    if (level->told)
        top_text_add(text, "told, ");
    else if (level->at_ms < at_ms)
        top_text_add(text, "not told yet, ");
    if (level->at_ms == TIME_NEVER && paused)
        top_text_add(text, "not while it is paused");
    else
        add_instant(text, level->at_ms, at_ms);
    end_line(text);
}

static void add_clock_state(TopText *text, const ExplainedClock *clock, int64_t at_ms) {
    if (clock->phase == SLA_PHASE_REVISABLE) {
        top_text_add(text, "ended late; can be taken back until ");
        add_instant(text, clock->revisable_until_ms, at_ms);
        return;
    }
    top_text_add(text, clock->paused_since_ms != TIME_NONE ? "paused" : clock->breached ? "breached" : "running");
    top_text_add(text, clock->paused_since_ms != TIME_NONE ? ", due if it went on now: " : ", due ");
    add_instant(text, clock->due_at_ms, at_ms);
}

static void add_pauses(TopText *text, const ExplainedClock *clock, int64_t at_ms) {
    for (size_t i = 0; i < clock->n_pauses; i++) {
        begin_line(text, i == 0 ? "paused" : "");
        add_instant(text, clock->pauses[i].from_ms, at_ms);
        top_text_add(text, " until ");
        if (clock->pauses[i].to_ms == TIME_NEVER)
            top_text_add(text, "now");
        else
            add_instant(text, clock->pauses[i].to_ms, at_ms);
        end_line(text);
    }
}

static void add_work(TopText *text, const ExplainedClock *clock) {
    int64_t left_ms = clock->target_ms - clock->worked_ms;
    begin_line(text, "worked");
    add_span(text, clock->worked_ms);
    top_text_add(text, " of ");
    add_duration(text, clock->target_ms);
    top_text_add(text, left_ms >= 0 ? ", left " : ", over by ");
    add_span(text, left_ms >= 0 ? left_ms : -left_ms);
    end_line(text);
}

static void add_clock(TopText *text, const ExplainedClock *clock, int64_t at_ms) {
    top_text_add(text, "\nclock ");
    top_text_add_str(text, clock->policy);
    top_text_add(text, " #%" PRIu32 ": ", clock->epoch);
    add_clock_state(text, clock, at_ms);
    end_line(text);
    begin_line(text, "started");
    add_instant(text, clock->started_at_ms, at_ms);
    if (!str_is_null(clock->start_event_id)) {
        top_text_add(text, " by ");
        top_text_add_str(text, clock->start_event_id);
    }
    end_line(text);
    begin_line(text, "calendar");
    add_str_or(text, clock->calendar, "round the clock");
    end_line(text);
    if (clock->phase == SLA_PHASE_OPEN)
        add_work(text, clock);
    if (!str_is_null(clock->owner)) {
        begin_line(text, "owner");
        top_text_add_str(text, clock->owner);
        end_line(text);
    }
    add_pauses(text, clock, at_ms);
    for (size_t i = 0; i < clock->n_levels && clock->phase == SLA_PHASE_OPEN; i++)
        add_level(text, &clock->levels[i], clock->paused_since_ms != TIME_NONE, at_ms);
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
        add_number(text, member->brings[k]);
        brings = true;
    }
    top_text_add(text, brings ? "\n" : "brings nothing\n");
    top_text_add(text, "      active ");
    add_instant(text, member->active_at_ms, e->at_ms);
    end_line(text);
    if (member->in_committee) {
        top_text_add(text, "      of the committee until ");
        add_instant(text, member->committee_until_ms, e->at_ms);
        end_line(text);
    }
}

static void add_members(TopText *text, const Explanation *e) {
    top_text_add(text, "\nmembers: %zu", e->n_members);
    if (e->has_committee) {
        top_text_add(text, ", of the committee %u (the last ", e->committee);
        add_duration(text, e->committee_window_ms);
        top_text_add(text, ")");
    }
    end_line(text);
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
        add_track(text, &e->tracks[i], e->at_ms);
    for (size_t i = 0; i < e->n_clocks; i++)
        add_clock(text, &e->clocks[i], e->at_ms);
}
