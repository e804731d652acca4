/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <math.h>

#include "daemon/explain/explain_text_pieces.h"

#define CONDITION_WIDTH 46
#define VALUE_LEN_MAX ((size_t)60)

/* ---- conditions ---- */

static void add_value(TopText *text, Value value, bool is_span) {
    switch (value.type) {
    case VALUE_BOOLEAN:
        top_text_add(text, value.boolean ? "true" : "false");
        break;
    case VALUE_LONG:
    case VALUE_DOUBLE:
        if (is_span)
            text_span(text, (int64_t)fmin(fmax(value_number(value), -1e15), 1e15));
        else if (value.type == VALUE_LONG)
            top_text_add(text, "%" PRId64, value.integer);
        else
            text_number(text, value.number);
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
        text_line_end(text);
    }
}

/* ---- tracks ---- */

static void add_causes(TopText *text, const ExplainedTransition *t) {
    if (t->transition->has_on) {
        top_text_add(text, ", by ");
        text_list(text, t->transition->on.types, t->transition->on.n_types);
    }
    if (t->transition->n_on_sla > 0) {
        top_text_add(text, ", by the clock's ");
        text_list(text, t->on_sla, t->transition->n_on_sla);
    }
}

static void add_cooldown(TopText *text, const ExplainedTransition *t, int64_t at_ms) {
    if (t->cools_at_ms == TIME_NONE)
        return;
    top_text_add(text, "    no     cooldown of ");
    text_duration(text, t->transition->cooldown_ms);
    top_text_add(text, ", until ");
    text_instant(text, t->cools_at_ms, at_ms);
    text_line_end(text);
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
    text_line_end(text);
    if (t->passed_over)
        top_text_add(text, "    holds, but it was there at the same instant: what happens next takes it there\n");
    add_cooldown(text, t, at_ms);
    add_parts(text, t->when, t->n_when);
    if (t->n_require > 0)
        top_text_add(text, "    required, or it is refused\n");
    add_parts(text, t->require, t->n_require);
}

void explain_text_track(TopText *text, const ExplainedTrack *track, int64_t at_ms) {
    top_text_add(text, "\ntrack ");
    top_text_add_str(text, track->id);
    top_text_add(text, ": ");
    top_text_add_str(text, track->stage);
    top_text_add(text, " since ");
    text_instant(text, track->since_ms, at_ms);
    if (!str_is_null(track->owner)) {
        top_text_add(text, ", owner ");
        top_text_add_str(text, track->owner);
    }
    text_line_end(text);
    if (track->changes_by) {
        top_text_add(text, "  by time alone to ");
        top_text_add_str(text, track->changes_by->to);
        top_text_add(text, " (");
        top_text_add_str(text, track->changes_by->transition->id);
        top_text_add(text, ") at ");
        text_instant(text, track->changes_at_ms, at_ms);
        top_text_add(text, track->changes_at_ms <= at_ms ? ", as soon as scored gets there\n" : "\n");
    }
    for (size_t i = 0; i < track->n_transitions; i++)
        add_transition(text, &track->transitions[i], at_ms);
    if (track->n_transitions == 0)
        top_text_add(text, "  nothing leads out of it\n");
}
