/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>

#include "daemon/explain/explain_text_pieces.h"

static void add_level(TopText *text, const ExplainedLevel *level, bool paused, int64_t at_ms) {
    char kind[32];
    snprintf(kind, sizeof(kind), "%s%s%.*s", sla_kind_name(level->kind), level->text.len ? " " : "", STR_FMT(level->text));
    top_text_add(text, "    %-16s after ", kind);
    text_duration(text, level->after_ms);
    top_text_add(text, ": ");
    if (level->told)
        top_text_add(text, "told, ");
    else if (level->at_ms < at_ms)
        top_text_add(text, "not told yet, ");
    if (level->at_ms == TIME_NEVER && paused)
        top_text_add(text, "not while it is paused");
    else
        text_instant(text, level->at_ms, at_ms);
    text_line_end(text);
}

static void add_clock_state(TopText *text, const ExplainedClock *clock, int64_t at_ms) {
    if (clock->phase == SLA_PHASE_REVISABLE) {
        top_text_add(text, "ended late; can be taken back until ");
        text_instant(text, clock->revisable_until_ms, at_ms);
        return;
    }
    top_text_add(text, clock->paused_since_ms != TIME_NONE ? "paused" : clock->breached ? "breached" : "running");
    top_text_add(text, clock->paused_since_ms != TIME_NONE ? ", due if it went on now: " : ", due ");
    text_instant(text, clock->due_at_ms, at_ms);
}

static void add_pauses(TopText *text, const ExplainedClock *clock, int64_t at_ms) {
    for (size_t i = 0; i < clock->n_pauses; i++) {
        text_line(text, i == 0 ? "paused" : "");
        text_instant(text, clock->pauses[i].from_ms, at_ms);
        top_text_add(text, " until ");
        if (clock->pauses[i].to_ms == TIME_NEVER)
            top_text_add(text, "now");
        else
            text_instant(text, clock->pauses[i].to_ms, at_ms);
        text_line_end(text);
    }
}

static void add_work(TopText *text, const ExplainedClock *clock) {
    int64_t left_ms = clock->target_ms - clock->worked_ms;
    text_line(text, "worked");
    text_span(text, clock->worked_ms);
    top_text_add(text, " of ");
    text_duration(text, clock->target_ms);
    top_text_add(text, left_ms >= 0 ? ", left " : ", over by ");
    text_span(text, left_ms >= 0 ? left_ms : -left_ms);
    text_line_end(text);
}

void explain_text_clock(TopText *text, const ExplainedClock *clock, int64_t at_ms) {
    top_text_add(text, "\nclock ");
    top_text_add_str(text, clock->policy);
    top_text_add(text, " #%" PRIu32 ": ", clock->epoch);
    add_clock_state(text, clock, at_ms);
    text_line_end(text);
    text_line(text, "started");
    text_instant(text, clock->started_at_ms, at_ms);
    if (!str_is_null(clock->start_event_id)) {
        top_text_add(text, " by ");
        top_text_add_str(text, clock->start_event_id);
    }
    text_line_end(text);
    text_line(text, "calendar");
    text_str_or(text, clock->calendar, "round the clock");
    text_line_end(text);
    if (clock->phase == SLA_PHASE_OPEN)
        add_work(text, clock);
    if (!str_is_null(clock->owner)) {
        text_line(text, "owner");
        top_text_add_str(text, clock->owner);
        text_line_end(text);
    }
    add_pauses(text, clock, at_ms);
    for (size_t i = 0; i < clock->n_levels && clock->phase == SLA_PHASE_OPEN; i++)
        add_level(text, &clock->levels[i], clock->paused_since_ms != TIME_NONE, at_ms);
}
