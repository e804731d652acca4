/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs
 *
 * The order of the calls below is the order of SPEC section 7's lists, which is the order of the fields in
 * every encoding. The walk stops by itself at the first error, so that the lists can be read as lists.
 */
#include "lib/engine/output.h"

#include <math.h>

typedef struct Walk {
    const OutputVisitor *visitor;
    void *userdata;
    int r; /* the first error, after which nothing more is visited */
} Walk;

#define VISIT(walk, call, ...)                                                                               \
    do {                                                                                                     \
        if ((walk)->r == 0)                                                                                  \
            (walk)->r = (walk)->visitor->call((walk)->userdata, __VA_ARGS__);                                \
    } while (0)
#define VISIT_END(walk, call)                                                                                \
    do {                                                                                                     \
        if ((walk)->r == 0)                                                                                  \
            (walk)->r = (walk)->visitor->call((walk)->userdata);                                             \
    } while (0)

const char *output_type_name(OutputType type) {
    static const char *const names[_OUTPUT_TYPE_MAX] = {
            [OUTPUT_STAGE_CHANGED] = "StageChanged",
            [OUTPUT_SLA_EVENT] = "SlaEvent",
            [OUTPUT_REFUSED] = "Refused",
            [OUTPUT_LEAD_RETIRED] = "LeadRetired",
            [OUTPUT_DEAD_LETTER] = "DeadLetter",
    };
    assert((unsigned)type < ARRAY_SIZE(names));
    return names[type];
}

const char *cause_name(Cause cause) {
    static const char *const names[] = {
            [CAUSE_EVENT] = "event",
            [CAUSE_TIME] = "time",
            [CAUSE_SLA] = "sla",
            [CAUSE_MERGE] = "merge",
            [CAUSE_MODEL] = "model",
    };
    assert((unsigned)cause < ARRAY_SIZE(names));
    return names[cause];
}

static void put_null(Walk *w, const char *name) {
    VISIT(w, null, str_from(name));
}

static void put_string(Walk *w, const char *name, Str value) {
    if (str_is_null(value))
        put_null(w, name);
    else
        VISIT(w, string, str_from(name), value);
}

static void put_integer(Walk *w, const char *name, int64_t value) {
    VISIT(w, integer, str_from(name), value);
}

static void put_time(Walk *w, const char *name, int64_t at_ms) {
    if (at_ms == TIME_NONE || at_ms == TIME_NEVER)
        put_null(w, name);
    else
        VISIT(w, time, str_from(name), at_ms);
}

static void put_number(Walk *w, Str name, double value) {
    if (isnan(value))
        VISIT(w, null, name);
    else
        VISIT(w, number, name, value);
}

static void put_value(Walk *w, Str name, Value value) {
    switch (value.type) {
    case VALUE_NULL:
        VISIT(w, null, name);
        break;
    case VALUE_BOOLEAN:
        VISIT(w, boolean, name, value.boolean);
        break;
    case VALUE_LONG:
        VISIT(w, integer, name, value.integer);
        break;
    case VALUE_DOUBLE:
        put_number(w, name, value.number);
        break;
    case VALUE_STRING:
        VISIT(w, string, name, value.string);
        break;
    }
}

static void put_event_id(Walk *w, const Output *output) {
    char text[UUID_TEXT_LEN + 1];
    uuid_print(&output->event_id, text);
    put_string(w, "event_id", (Str){text, UUID_TEXT_LEN});
}

static void put_lead(Walk *w, const Output *output) {
    put_string(w, "lead_id", output->lead_id);
    put_string(w, "account_id", output->account_id);
}

static void put_segment(Walk *w, const Output *output) {
    put_string(w, "segment", output->segment);
    put_string(w, "route", output->route);
}

static void put_model(Walk *w, const Output *output) {
    put_string(w, "model", output->model);
    put_integer(w, "model_version", output->model_version);
}

static void put_carried(Walk *w, const Output *output) {
    put_integer(w, "ordinal", (int64_t)output->ordinal);
    VISIT(w, map_begin, STR_LITERAL("carried"));
    for (size_t i = 0; i < output->n_carried; i++)
        put_value(w, output->carried[i].name, output->carried[i].value);
    VISIT_END(w, map_end);
}

static void put_reason(Walk *w, const Reason *reason) {
    VISIT(w, record_begin, STR_NULL);
    put_string(w, "rule", reason->rule);
    put_string(w, "score", reason->score);
    put_number(w, STR_LITERAL("points"), reason->points);
    put_number(w, STR_LITERAL("present_value"), reason->present_value);
    put_time(w, "occurred_at", reason->from_profile ? TIME_NONE : reason->occurred_at_ms);
    put_string(w, "event_id", reason->from_profile ? STR_NULL : reason->event_id);
    VISIT_END(w, record_end);
}

/* Only an account has these two; a lead's change carries them as null. */
static void put_account(Walk *w, const StageChanged *s) {
    if (!s->has_committee) {
        put_null(w, "committee");
        put_null(w, "members");
        return;
    }
    put_integer(w, "committee", s->committee);
    VISIT(w, list_begin, STR_LITERAL("members"));
    for (size_t i = 0; i < s->n_members; i++)
        VISIT(w, string, STR_NULL, s->members[i]);
    VISIT_END(w, list_end);
}

static void visit_stage_changed(Walk *w, const Output *output) {
    const StageChanged *s = &output->stage_changed;

    put_event_id(w, output);
    put_string(w, "entity", s->entity);
    put_lead(w, output);
    put_string(w, "track", s->track);
    put_string(w, "from", s->from);
    put_string(w, "to", s->to);
    put_time(w, "changed_at", s->changed_at_ms);
    put_string(w, "transition", s->transition);
    put_string(w, "cause", str_from(cause_name(s->cause)));
    put_string(w, "cause_event_id", s->cause_event_id);
    VISIT(w, map_begin, STR_LITERAL("scores"));
    for (size_t i = 0; i < s->n_scores; i++)
        put_number(w, s->scores[i].name, s->scores[i].value);
    VISIT_END(w, map_end);
    put_segment(w, output);
    put_string(w, "owner", s->owner);
    put_integer(w, "sequence", (int64_t)s->sequence);
    put_time(w, "previous_entered_at", s->previous_entered_at_ms);
    put_string(w, "first_source", s->first_source);
    put_string(w, "last_source", s->last_source);
    VISIT(w, list_begin, STR_LITERAL("reasons"));
    for (size_t i = 0; i < s->n_reasons; i++)
        put_reason(w, &s->reasons[i]);
    VISIT_END(w, list_end);
    put_time(w, "next_change_at", s->next_change_at_ms);
    put_account(w, s);
    put_model(w, output);
    put_carried(w, output);
}

static void visit_sla_event(Walk *w, const Output *output) {
    const SlaEvent *s = &output->sla_event;

    put_event_id(w, output);
    put_lead(w, output);
    put_string(w, "policy", s->policy);
    put_integer(w, "epoch", s->epoch);
    put_string(w, "kind", str_from(sla_kind_name(s->kind)));
    put_string(w, "level", s->level);
    put_time(w, "started_at", s->started_at_ms);
    put_time(w, "due_at", s->due_at_ms);
    put_time(w, "occurred_at", s->occurred_at_ms);
    put_time(w, "stopped_at", s->stopped_at_ms);
    put_integer(w, "elapsed_ms", s->elapsed_ms);
    put_string(w, "calendar", s->calendar);
    put_segment(w, output);
    VISIT(w, boolean, STR_LITERAL("breached"), s->breached);
    put_string(w, "start_event_id", s->start_event_id);
    put_string(w, "stop_event_id", s->stop_event_id);
    VISIT(w, map_begin, STR_LITERAL("stages"));
    for (size_t i = 0; i < s->n_stages; i++)
        put_value(w, s->stages[i].name, value_string(s->stages[i].value));
    VISIT_END(w, map_end);
    put_string(w, "owner", s->owner);
    put_model(w, output);
    put_carried(w, output);
}

static void visit_refused(Walk *w, const Output *output) {
    const Refused *r = &output->refused;

    put_event_id(w, output);
    put_lead(w, output);
    put_string(w, "refused_event_id", r->refused_event_id);
    put_string(w, "type", r->type);
    put_string(w, "track", r->track);
    put_string(w, "stage", r->stage);
    put_string(w, "transition", r->transition);
    put_string(w, "requirement", r->requirement);
    put_time(w, "at", r->at_ms);
    put_model(w, output);
    put_carried(w, output);
}

static void visit_lead_retired(Walk *w, const Output *output) {
    const LeadRetired *r = &output->lead_retired;

    put_event_id(w, output);
    put_lead(w, output);
    put_string(w, "cause", r->cause);
    put_string(w, "into", r->into);
    put_time(w, "at", r->at_ms);
    put_carried(w, output);
}

static void visit_dead_letter(Walk *w, const Output *output) {
    const DeadLetter *d = &output->dead_letter;

    if (str_is_null(d->original))
        put_null(w, "original");
    else
        VISIT(w, bytes, STR_LITERAL("original"), d->original);
    put_string(w, "topic", d->topic);
    if (d->partition < 0)
        put_null(w, "partition");
    else
        put_integer(w, "partition", d->partition);
    put_integer(w, "offset", d->offset);
    put_string(w, "reason", d->reason);
    put_string(w, "text", d->text);
}

typedef void Visit(Walk *w, const Output *output);

int output_visit(const Output *output, const OutputVisitor *visitor, void *userdata) {
    static Visit *const visits[_OUTPUT_TYPE_MAX] = {
            [OUTPUT_STAGE_CHANGED] = visit_stage_changed,
            [OUTPUT_SLA_EVENT] = visit_sla_event,
            [OUTPUT_REFUSED] = visit_refused,
            [OUTPUT_LEAD_RETIRED] = visit_lead_retired,
            [OUTPUT_DEAD_LETTER] = visit_dead_letter,
    };
    Walk walk = {.visitor = visitor, .userdata = userdata};

    assert((unsigned)output->type < ARRAY_SIZE(visits));
    visits[output->type](&walk, output);
    return walk.r;
}
