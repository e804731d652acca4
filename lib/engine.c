/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine.h"

#include "lib/idle.h"
#include "lib/score.h"
#include "lib/sla.h"
#include "lib/step.h"
#include "lib/track.h"

struct Engine {
    const Model *model;
    OutputSink sink;
    StepContext *context;
};

int engine_new(const Model *model, OutputSink sink, Engine **ret) {
    _cleanup_(engine_free) Engine *engine = calloc(1, sizeof(*engine));
    if (!engine)
        return -ENOMEM;
    *engine = (Engine){.model = model, .sink = sink};
    int r = step_context_new(model, &engine->context);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(engine);
    return 0;
}

Engine *engine_free(Engine *engine) {
    if (!engine)
        return NULL;
    step_context_free(engine->context);
    free(engine);
    return NULL;
}

/* --- the end of a step ------------------------------------------------------------------------------- */

/* Gives the stage changes the time at which their track will change next, as of the end of all that happened. */
static void tell_next_changes(const Engine *engine, const int64_t *next_change_ms) {
    size_t n;
    Output *const *outputs = step_pending(engine->context, &n);
    for (size_t i = 0; i < n; i++) {
        if (outputs[i]->type != OUTPUT_STAGE_CHANGED)
            continue;
        for (unsigned t = 0; t < engine->model->n_tracks; t++)
            if (str_eq(engine->model->tracks[t].id, outputs[i]->stage_changed.track))
                outputs[i]->stage_changed.next_change_at_ms = next_change_ms[t];
    }
}

static void arm(Lead *lead, const Model *model, const int64_t *next_change_ms) {
    lead->next_internal_ms = idle_next_moment(lead, model);
    for (unsigned t = 0; t < model->n_tracks; t++)
        lead->next_internal_ms = MIN(lead->next_internal_ms, next_change_ms[t]);
    lead->next_sla_ms = sla_next_moment(lead, model);
}

static int end(Engine *engine, const Step *step) {
    /* once a track: to look ahead is what costs most in a step */
    int64_t next_change_ms[MODEL_TRACKS_MAX];
    if (step->error == 0) {
        for (unsigned t = 0; t < engine->model->n_tracks; t++)
            next_change_ms[t] = track_next_change(step->lead, engine->model, t);
        tell_next_changes(engine, next_change_ms);
        arm(step->lead, engine->model, next_change_ms);
    }
    return step_end(step, engine->sink);
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
    r = score_apply_event(lead, model, event, NULL);
    if (r < 0)
        return r;
    note_activity(lead, event);
    idle_note_event(lead, model, event);

    Step step = step_begin(engine->context, lead, event, CAUSE_EVENT);
    track_apply_event(&step);
    track_settle(&step);
    sla_apply(&step);
    return end(engine, &step);
}

int engine_forget(Engine *engine, Lead *lead, const LeadEvent *event) {
    lead->clock_ms = MAX(lead->clock_ms, event->occurred_at_ms);
    Step step = step_begin(engine->context, lead, event, CAUSE_EVENT);
    Output *output = step_output(&step, OUTPUT_LEAD_RETIRED, lead->clock_ms, NULL);
    if (output) {
        /* nothing but the id */
        output->account_id = output->segment = output->route = STR_NULL;
        output->n_carried = 0;
        output->lead_retired = (LeadRetired){.cause = STR_LITERAL("forgotten"), .into = STR_NULL,
                .at_ms = lead->clock_ms};
        step_name_output(&step, output, "retired/%.*s/%.*s", STR_FMT(lead->lead_id), STR_FMT(event->event_id));
    }
    int r = end(engine, &step);
    lead_clear(lead, engine->model);
    score_classify(lead, engine->model);
    return r;
}

int engine_apply_internal_moment(Engine *engine, Lead *lead) {
    lead->clock_ms = lead->next_internal_ms;
    int r = score_apply_idle(lead, engine->model, NULL);
    if (r < 0)
        return r;
    Step step = step_begin(engine->context, lead, NULL, CAUSE_TIME);
    track_settle(&step);
    sla_apply(&step);
    return end(engine, &step);
}

int engine_apply_sla_moment(Engine *engine, Lead *lead) {
    Step step = step_begin(engine->context, lead, NULL, CAUSE_SLA);
    (void)sla_apply_moment(&step, lead->next_sla_ms);
    return end(engine, &step);
}
