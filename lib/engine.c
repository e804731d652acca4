/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/score.h"
#include "lib/sla.h"
#include "lib/track.h"

struct Engine {
    const Model *model;
    OutputSink sink;
    Arena *arena;     /* pieces of pending outputs */
    Output **pending; /* outputs that wait for the end of the outermost step, in order */
    size_t n_pending, n_pending_alloc;
    Entered *entered; /* of the present step and, behind, of those inside it */
    size_t n_entered, n_entered_alloc;
};

int engine_new(const Model *model, OutputSink sink, Engine **ret) {
    _cleanup_(engine_free) Engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return -ENOMEM;
    *engine = (Engine){.model = model, .sink = sink};
    int r = arena_new(&engine->arena);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(engine);
    return 0;
}

Engine *engine_free(Engine *engine) {
    if (!engine)
        return NULL;
    arena_free(engine->arena);
    free(engine->pending);
    free(engine->entered);
    free(engine);
    return NULL;
}

Arena *engine_arena(Engine *engine) {
    return engine->arena;
}

const Model *engine_model(const Engine *engine) {
    return engine->model;
}

/* --- steps ------------------------------------------------------------------------------------------- */

static Step step_begin(Engine *engine, Lead *lead, const LeadEvent *event, Cause cause) {
    return (Step){.engine = engine, .lead = lead, .event = event, .cause = cause,
            .first_entered = engine->n_entered};
}

void step_enter(Step *step, StageRef stage) {
    Engine *engine = step->engine;
    int r = array_reserve(&engine->entered, &engine->n_entered_alloc, engine->n_entered, sizeof(*engine->entered));
    if (r < 0) {
        step->error = r;
        return;
    }
    engine->entered[engine->n_entered++] = (Entered){stage, step->lead->clock_ms};
    step->n_entered++;
}

const Entered *step_entered(const Step *step) {
    return step->engine->entered + step->first_entered;
}

/* Gives the stage changes the time at which their track will change next, as of the end of all that happened. */
static void tell_next_changes(Engine *engine, const Lead *lead) {
    for (size_t i = 0; i < engine->n_pending; i++) {
        Output *output = engine->pending[i];
        if (output->type != OUTPUT_STAGE_CHANGED)
            continue;
        for (unsigned t = 0; t < engine->model->n_tracks; t++)
            if (str_eq(engine->model->tracks[t].id, output->stage_changed.track))
                output->stage_changed.next_change_at_ms = track_next_change(lead, engine->model, t);
    }
}

Step engine_inner_step(Step *outer, Cause cause) {
    return step_begin(outer->engine, outer->lead, NULL, cause);
}

void engine_end_inner_step(Step *outer, Step *step) {
    step->engine->n_entered = step->first_entered;
    if (step->error < 0)
        outer->error = step->error;
}

static void arm(Lead *lead, const Model *model) {
    lead->next_internal_ms = TIME_NEVER;
    for (unsigned t = 0; t < model->n_tracks; t++)
        lead->next_internal_ms = MIN(lead->next_internal_ms, track_next_change(lead, model, t));
    lead->next_sla_ms = sla_next_moment(lead, model);
}

static int step_end(Step *step) {
    Engine *engine = step->engine;
    int r = step->error;
    if (r == 0) {
        tell_next_changes(engine, step->lead);
        arm(step->lead, engine->model);
    }
    for (size_t i = 0; i < engine->n_pending && r >= 0; i++)
        r = engine->sink.output(engine->sink.userdata, engine->pending[i]);
    engine->n_pending = 0;
    engine->n_entered = 0;
    arena_reset(engine->arena);
    return MIN(r, 0);
}

/* --- outputs ----------------------------------------------------------------------------------------- */

/* Adds one carried value; null is left out. */
static void carry(Step *step, Property *carried, size_t *n, const char *prefix, Str name, Value value) {
    if (value.type == VALUE_NULL)
        return;
    size_t prefix_len = strlen(prefix);
    char *key = arena_alloc(step->engine->arena, prefix_len + name.len, 1);
    if (!key) {
        step->error = -ENOMEM;
        return;
    }
    memcpy(key, prefix, prefix_len);
    memcpy(key + prefix_len, name.data, name.len);
    carried[(*n)++] = (Property){{key, prefix_len + name.len}, value};
}

static Value event_field(const LeadEvent *event, Str name) {
    const struct {
        const char *name;
        Str value;
    } fields[] = {{"type", event->type}, {"source", event->source}, {"campaign", event->campaign},
            {"topic", event->topic}};
    for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
        if (str_eq_c(name, fields[i].name))
            return value_string(fields[i].value);
    return event_property(event, name);
}

static void carry_all(Step *step, Output *output, const LeadEvent *event) {
    const Model *model = step->engine->model;
    size_t n = 0, n_max = model->n_carry_profile + model->n_carry_event;
    Property *carried = arena_new_array(step->engine->arena, Property, MAX(n_max, 1));
    if (!carried) {
        step->error = -ENOMEM;
        return;
    }
    for (size_t i = 0; i < model->n_carry_profile; i++)
        carry(step, carried, &n, "profile.", model->carry_profile[i],
                lead_profile(step->lead, model->carry_profile[i]));
    for (size_t i = 0; i < model->n_carry_event && event; i++)
        carry(step, carried, &n, "event.", model->carry_event[i], event_field(event, model->carry_event[i]));
    output->carried = carried;
    output->n_carried = n;
}

Output *step_output(Step *step, OutputType type, int64_t at_ms, const LeadEvent *event) {
    Engine *engine = step->engine;
    Lead *lead = step->lead;
    int r = array_reserve(&engine->pending, &engine->n_pending_alloc, engine->n_pending, sizeof(*engine->pending));
    Output *output = r < 0 ? NULL : arena_alloc(engine->arena, 1, sizeof(*output));
    if (!output) {
        step->error = -ENOMEM;
        return NULL;
    }
    engine->pending[engine->n_pending++] = output;
    *output = (Output){
        .type = type,
        .lead_id = lead->lead_id,
        .account_id = lead->account_id,
        .segment = model_segment_id(engine->model, lead->segment),
        .route = model_route_id(engine->model, lead->route),
        .at_ms = at_ms,
        .ordinal = ++lead->ordinal,
        .model = engine->model->id,
        .model_version = engine->model->version,
    };
    carry_all(step, output, event);
    return output;
}

void step_name_output(Step *step, Output *output, const char *format, ...) {
    /* "scored:", ids of at most 128, 64 and 64 bytes, three numbers and separators */
    char name[512] = "scored:";
    size_t n = strlen(name);
    va_list args;
    va_start(args, format);
    int len = vsnprintf(name + n, sizeof(name) - n, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof(name) - n)
        step->error = -EOVERFLOW;
    else
        output->event_id = uuid_from_name((Str){name, n + (size_t)len});
}

/* --- what happens ------------------------------------------------------------------------------------ */

bool engine_ignores(Engine *engine, const Lead *lead, const LeadEvent *event, unsigned *ret_rule) {
    const Model *model = engine->model;
    if (event_type_is_sales(event->type) || event_type_is_lead(event->type) || event_is_profile_update(event))
        return false;
    Situation situation = {.model = model, .lead = lead, .event = event,
            .at_ms = MAX(lead->clock_ms, event->occurred_at_ms)};
    for (unsigned i = 0; i < model->n_ignore; i++)
        if (condition_holds(model->ignore[i].when, &situation)) {
            *ret_rule = i;
            return true;
        }
    return false;
}

/* Step 5. */
static int apply_facts(Lead *lead, const LeadEvent *event) {
    int r = 0;
    if (event->account_id.data)
        r = lead_set_str(&lead->account_id, event->account_id);
    if (r == 0 && event->source.data && !lead->first_source.data) {
        r = lead_set_str(&lead->first_source, event->source);
        lead->first_source_at_ms = event->occurred_at_ms;
    }
    if (r == 0 && event->source.data)
        r = lead_set_str(&lead->last_source, event->source);
    if (!event_is_profile_update(event))
        return r;
    /* Deletions first: lead_profile_fits() has judged where the whole update ends, not each step of it. */
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < event->n_properties && r == 0; i++)
            if ((event->properties[i].value.type == VALUE_NULL) == (round == 0))
                r = lead_set_profile(lead, event->properties[i].name, event->properties[i].value);
    return r;
}

/* After step 8: what `idle` counts from. */
static void note_activity(Lead *lead, const LeadEvent *event) {
    if (!event_type_is_sales(event->type) && !event_type_is_lead(event->type) && !event_is_profile_update(event))
        lead->latest_activity_ms = MAX(lead->latest_activity_ms, event->occurred_at_ms);
}

int engine_apply_event(Engine *engine, Lead *lead, const LeadEvent *event) {
    const Model *model = engine->model;
    if (lead->clock_ms == TIME_NONE)
        lead_begin(lead, model, event->occurred_at_ms);
    lead->clock_ms = MAX(lead->clock_ms, event->occurred_at_ms);
    int r = lead_add_seen(lead, event_key(event->event_id));
    if (r == 0)
        r = apply_facts(lead, event);
    if (r < 0)
        return r;
    score_classify(lead, model);
    score_apply_profile_rules(lead, model);
    r = score_apply_rules(lead, model, event);
    if (r < 0)
        return r;
    note_activity(lead, event);

    Step step = step_begin(engine, lead, event, CAUSE_EVENT);
    track_apply_event(&step);
    track_settle(&step);
    sla_apply(&step);
    return step_end(&step);
}

int engine_forget(Engine *engine, Lead *lead, const LeadEvent *event) {
    lead->clock_ms = MAX(lead->clock_ms, event->occurred_at_ms);
    Step step = step_begin(engine, lead, event, CAUSE_EVENT);
    Output *output = step_output(&step, OUTPUT_LEAD_RETIRED, lead->clock_ms, NULL);
    if (output) {
        /* nothing but the id */
        output->account_id = output->segment = output->route = STR_NULL;
        output->n_carried = 0;
        output->lead_retired = (LeadRetired){.cause = STR_LITERAL("forgotten"), .into = STR_NULL,
                .at_ms = lead->clock_ms};
        step_name_output(&step, output, "retired/%.*s/%.*s", STR_FMT(lead->lead_id), STR_FMT(event->event_id));
    }
    int r = step_end(&step);
    lead_clear(lead, engine->model);
    score_classify(lead, engine->model);
    return r;
}

int engine_apply_internal_moment(Engine *engine, Lead *lead) {
    lead->clock_ms = lead->next_internal_ms;
    Step step = step_begin(engine, lead, NULL, CAUSE_TIME);
    track_settle(&step);
    sla_apply(&step);
    return step_end(&step);
}

int engine_apply_sla_moment(Engine *engine, Lead *lead) {
    Step step = step_begin(engine, lead, NULL, CAUSE_SLA);
    (void)sla_apply_moment(&step, lead->next_sla_ms);
    return step_end(&step);
}
