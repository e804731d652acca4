/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/explain/explain_json.h"

#include <math.h>

#define NAME(text) STR_LITERAL(text)

static void write_strings(JsonWriter *w, Str name, const Str *items, size_t n) {
    json_write_array_begin(w, name);
    for (size_t i = 0; i < n; i++)
        json_write_string(w, STR_NULL, items[i]);
    json_write_array_end(w);
}

static void write_numbers(JsonWriter *w, Str name, const NamedNumber *items, size_t n) {
    json_write_object_begin(w, name);
    for (size_t i = 0; i < n; i++)
        json_write_number(w, items[i].name, items[i].value);
    json_write_object_end(w);
}

/* ---- scores ---- */

static void write_decay(JsonWriter *w, const Decay *decay) {
    static const char *const names[] = {
        [DECAY_NONE] = "none", [DECAY_HALF_LIFE] = "half_life", [DECAY_LINEAR] = "linear", [DECAY_WINDOW] = "window"};
    json_write_string(w, NAME("decay"), str_from(names[decay->kind]));
    if (decay->kind != DECAY_NONE)
        json_write_integer(w, NAME("decay_ms"), decay->span_ms);
}

static void write_contribution(JsonWriter *w, const Reason *reason) {
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("rule"), reason->rule);
    json_write_boolean(w, NAME("from_profile"), reason->from_profile);
    json_write_number(w, NAME("points"), reason->points);
    json_write_number(w, NAME("present_value"), reason->present_value);
    json_write_time(w, NAME("occurred_at"), reason->from_profile ? TIME_NONE : reason->occurred_at_ms);
    json_write_string(w, NAME("event_id"), reason->event_id);
    json_write_object_end(w);
}

static void write_scores(JsonWriter *w, const Explanation *e) {
    json_write_array_begin(w, NAME("scores"));
    for (size_t i = 0; i < e->n_scores; i++) {
        const ExplainedScore *score = &e->scores[i];
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("score"), score->id);
        json_write_number(w, NAME("value"), score->value);
        write_decay(w, &score->decay);
        json_write_number(w, NAME("min"), score->bounds.min);
        json_write_number(w, NAME("max"), score->bounds.max);
        if (e->kind == ENTITY_LEAD) {
            json_write_array_begin(w, NAME("contributions"));
            for (size_t k = 0; k < score->n_reasons; k++)
                write_contribution(w, &score->reasons[k]);
            json_write_array_end(w);
        } else {
            json_write_string(w, NAME("from"), score->from);
        }
        json_write_number(w, NAME("rest"), score->rest);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

/* ---- conditions ---- */

static Str kind_name(PartKind kind) {
    static const char *const names[] = {[PART_ALL] = "all", [PART_ANY] = "any", [PART_NOT] = "not", [PART_COMPARE] = "compare",
        [PART_IN] = "in", [PART_LIKE] = "like", [PART_PRESENT] = "present", [PART_VALUE] = "value"};
    return str_from(names[kind]);
}

static void write_truth(JsonWriter *w, Str name, PartTruth truth) {
    if (truth == PART_OPEN)
        json_write_null(w, name);
    else
        json_write_boolean(w, name, truth == PART_HOLDS);
}

static void write_sides(JsonWriter *w, const ConditionPart *part) {
    json_write_string(w, NAME("left_text"), part->left_text);
    json_write_value(w, NAME("left"), part->left);
    if (part->kind == PART_COMPARE || part->kind == PART_LIKE) {
        json_write_string(w, NAME("right_text"), part->right_text);
        json_write_value(w, NAME("right"), part->right);
    }
    if (part->is_order)
        json_write_number(w, NAME("missing"), part->has_missing ? part->missing : NAN);
    if (part->is_span)
        json_write_string(w, NAME("unit"), NAME("ms"));
}

/* Those of one depth, from *at on, with what is below them. */
static void write_parts(JsonWriter *w, const ConditionPart *parts, size_t n, size_t *at, unsigned depth) {
    json_write_array_begin(w, NAME("parts"));
    while (*at < n && parts[*at].depth == depth) {
        const ConditionPart *part = &parts[(*at)++];
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("kind"), kind_name(part->kind));
        json_write_string(w, NAME("text"), part->text);
        write_truth(w, NAME("holds"), part->truth);
        if (part->kind <= PART_NOT)
            write_parts(w, parts, n, at, depth + 1);
        else
            write_sides(w, part);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_condition(JsonWriter *w, Str name, const ConditionPart *parts, size_t n, PartTruth truth) {
    size_t at = 0;
    json_write_object_begin(w, name);
    write_truth(w, NAME("holds"), truth);
    write_parts(w, parts, n, &at, 0);
    json_write_object_end(w);
}

/* ---- tracks ---- */

static void write_transition(JsonWriter *w, const ExplainedTransition *t) {
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("transition"), t->transition->id);
    json_write_string(w, NAME("to"), t->to);
    write_strings(w, NAME("on"), t->transition->on.types, t->transition->has_on ? t->transition->on.n_types : 0);
    write_strings(w, NAME("on_sla"), t->on_sla, t->transition->n_on_sla);
    write_condition(w, NAME("when"), t->when, t->n_when, t->when_truth);
    write_condition(w, NAME("require"), t->require, t->n_require, t->require_truth);
    json_write_time(w, NAME("cooldown_until"), t->cools_at_ms);
    json_write_time(w, NAME("begins_at"), t->begins_at_ms);
    json_write_boolean(w, NAME("passed_over"), t->passed_over);
    json_write_object_end(w);
}

static void write_tracks(JsonWriter *w, const Explanation *e) {
    json_write_array_begin(w, NAME("tracks"));
    for (size_t i = 0; i < e->n_tracks; i++) {
        const ExplainedTrack *track = &e->tracks[i];
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("track"), track->id);
        json_write_string(w, NAME("stage"), track->stage);
        json_write_string(w, NAME("owner"), track->owner);
        json_write_time(w, NAME("since"), track->since_ms);
        json_write_integer(w, NAME("entries"), track->entries);
        json_write_time(w, NAME("next_change_at"), track->changes_at_ms);
        json_write_string(w, NAME("next_transition"), track->changes_by ? track->changes_by->transition->id : STR_NULL);
        json_write_string(w, NAME("next_stage"), track->changes_by ? track->changes_by->to : STR_NULL);
        json_write_array_begin(w, NAME("transitions"));
        for (size_t k = 0; k < track->n_transitions; k++)
            write_transition(w, &track->transitions[k]);
        json_write_array_end(w);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

/* ---- clocks ---- */

static void write_levels(JsonWriter *w, const ExplainedClock *clock) {
    json_write_array_begin(w, NAME("levels"));
    for (size_t i = 0; i < clock->n_levels; i++) {
        const ExplainedLevel *level = &clock->levels[i];
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("kind"), str_from(sla_kind_name(level->kind)));
        json_write_string(w, NAME("level"), level->text);
        json_write_integer(w, NAME("after_ms"), level->after_ms);
        json_write_time(w, NAME("at"), level->at_ms);
        json_write_boolean(w, NAME("told"), level->told);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_pauses(JsonWriter *w, const ExplainedClock *clock) {
    json_write_array_begin(w, NAME("pauses"));
    for (size_t i = 0; i < clock->n_pauses; i++) {
        json_write_object_begin(w, STR_NULL);
        json_write_time(w, NAME("from"), clock->pauses[i].from_ms);
        json_write_time(w, NAME("to"), clock->pauses[i].to_ms);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

/* One that has ended works no more. */
static void write_work(JsonWriter *w, const ExplainedClock *clock) {
    if (clock->phase == SLA_PHASE_OPEN) {
        json_write_integer(w, NAME("worked_ms"), clock->worked_ms);
        json_write_integer(w, NAME("left_ms"), clock->target_ms - clock->worked_ms);
    } else {
        json_write_null(w, NAME("worked_ms"));
        json_write_null(w, NAME("left_ms"));
    }
}

static void write_clock(JsonWriter *w, const ExplainedClock *clock) {
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("policy"), clock->policy);
    json_write_integer(w, NAME("epoch"), clock->epoch);
    json_write_boolean(w, NAME("open"), clock->phase == SLA_PHASE_OPEN);
    json_write_boolean(w, NAME("breached"), clock->breached);
    json_write_time(w, NAME("started_at"), clock->started_at_ms);
    json_write_string(w, NAME("start_event_id"), clock->start_event_id);
    json_write_string(w, NAME("calendar"), clock->calendar);
    json_write_integer(w, NAME("target_ms"), clock->target_ms);
    write_work(w, clock);
    json_write_time(w, NAME("due_at"), clock->due_at_ms);
    json_write_time(w, NAME("paused_since"), clock->paused_since_ms);
    write_pauses(w, clock);
    write_levels(w, clock);
    json_write_time(w, NAME("next_level_at"), clock->next ? clock->next->at_ms : TIME_NEVER);
    json_write_time(w, NAME("revisable_until"), clock->revisable_until_ms);
    json_write_string(w, NAME("owner"), clock->owner);
    json_write_object_end(w);
}

/* ---- what leads and accounts have of their own ---- */

static void write_counters(JsonWriter *w, const Explanation *e) {
    json_write_array_begin(w, NAME("counters"));
    for (size_t i = 0; i < e->n_counters; i++) {
        const ExplainedCounter *counter = &e->counters[i];
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("counter"), counter->id);
        json_write_integer(w, NAME("value"), counter->value);
        json_write_integer(w, NAME("window_ms"), counter->window_ms);
        json_write_integer(w, NAME("keep"), counter->keep);
        json_write_time(w, NAME("changes_at"), counter->changes_at_ms);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_idle(JsonWriter *w, const Explanation *e) {
    json_write_array_begin(w, NAME("idle"));
    for (size_t i = 0; i < e->n_idle; i++) {
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("rule"), e->idle[i].rule);
        json_write_time(w, NAME("due_at"), e->idle[i].due_at_ms);
        write_numbers(w, NAME("points"), e->idle[i].points, e->idle[i].n_points);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_lead(JsonWriter *w, const Explanation *e) {
    json_write_string(w, NAME("account_id"), e->account_id);
    json_write_string(w, NAME("segment"), e->segment);
    json_write_string(w, NAME("route"), e->route);
    json_write_string(w, NAME("first_source"), e->first_source);
    json_write_string(w, NAME("last_source"), e->last_source);
    json_write_time(w, NAME("active_at"), e->active_at_ms);
    write_strings(w, NAME("merged_ids"), e->aliases, e->n_aliases);
    write_scores(w, e);
    write_numbers(w, NAME("derived"), e->derived, e->n_derived);
    write_counters(w, e);
    write_idle(w, e);
    write_tracks(w, e);
    json_write_array_begin(w, NAME("sla"));
    for (size_t i = 0; i < e->n_clocks; i++)
        write_clock(w, &e->clocks[i]);
    json_write_array_end(w);
}

static void write_members(JsonWriter *w, const Explanation *e) {
    json_write_array_begin(w, NAME("members"));
    for (size_t i = 0; i < e->n_members; i++) {
        const ExplainedMember *member = &e->members[i];
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("lead_id"), member->lead_id);
        json_write_object_begin(w, NAME("brings"));
        for (size_t k = 0; k < e->n_scores; k++)
            json_write_number(w, e->scores[k].id, member->brings[k]);
        json_write_object_end(w);
        json_write_time(w, NAME("active_at"), member->active_at_ms);
        json_write_boolean(w, NAME("in_committee"), member->in_committee);
        json_write_time(w, NAME("committee_at"), member->committee_at_ms);
        json_write_time(w, NAME("committee_until"), member->committee_until_ms);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_account(JsonWriter *w, const Explanation *e) {
    write_scores(w, e);
    json_write_integer(w, NAME("committee"), e->committee);
    json_write_time(w, NAME("committee_changes_at"), e->committee_changes_at_ms);
    write_members(w, e);
    write_tracks(w, e);
}

void explain_json_begin(JsonWriter *w, const Explanation *e) {
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("entity"), e->kind == ENTITY_LEAD ? NAME("lead") : NAME("account"));
    json_write_string(w, e->kind == ENTITY_LEAD ? NAME("lead_id") : NAME("account_id"), e->id);
    json_write_time(w, NAME("at"), e->at_ms);
    json_write_time(w, NAME("clock"), e->clock_ms);
    json_write_time(w, NAME("next_moment_at"), e->next_moment_ms);
    json_write_integer(w, NAME("ordinal"), (int64_t)e->ordinal);
    json_write_string(w, NAME("model"), e->model->id);
    json_write_integer(w, NAME("model_version"), e->model->version);
    if (e->kind == ENTITY_LEAD)
        write_lead(w, e);
    else
        write_account(w, e);
}

void explain_json(JsonWriter *writer, const Explanation *explanation, Str asked_id, int64_t record_version) {
    explain_json_begin(writer, explanation);
    json_write_string(writer, STR_LITERAL("asked_id"), asked_id);
    if (record_version)
        json_write_integer(writer, STR_LITERAL("record_model_version"), record_version);
    else
        json_write_null(writer, STR_LITERAL("record_model_version"));
    json_write_object_end(writer);
    json_write_newline(writer);
}
