/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/step.h"

#include "lib/engine/score_cache.h"

struct StepContext {
    const Model *model;
    Arena *arena;     /* outputs and their pieces */
    Output **pending; /* outputs that wait for the end of the outermost step, in order */
    size_t n_pending, n_pending_alloc;
    Entered *entered; /* of the outermost step and, behind, of those inside it */
    size_t n_entered, n_entered_alloc;
    ScoreCache scores; /* of the step's lead at its clock */
};

int step_context_new(const Model *model, StepContext **ret) {
    _cleanup_(step_context_free) StepContext *context = calloc(1, sizeof(*context));
    if (!context)
        return -ENOMEM;
    context->model = model;
    int r = arena_new(&context->arena);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(context);
    return 0;
}

StepContext *step_context_free(StepContext *context) {
    if (!context)
        return NULL;
    arena_free(context->arena);
    free(context->pending);
    free(context->entered);
    free(context);
    return NULL;
}

/* --- steps ------------------------------------------------------------------------------------------- */

Step step_begin(StepContext *context, Lead *lead, const LeadEvent *event, Cause cause) {
    score_cache_reset(&context->scores, lead->clock_ms);
    return (Step){.context = context, .model = context->model, .lead = lead, .event = event, .cause = cause,
            .first_entered = context->n_entered};
}

Step step_begin_account(StepContext *context, Account *account, const LeadEvent *event, Cause cause) {
    return (Step){.context = context, .model = context->model, .account = account, .event = event, .cause = cause,
            .first_entered = context->n_entered};
}

Step step_begin_inner(const Step *outer, Cause cause) {
    return step_begin(outer->context, outer->lead, NULL, cause);
}

void step_end_inner(Step *outer, const Step *inner) {
    inner->context->n_entered = inner->first_entered;
    if (inner->error < 0)
        outer->error = inner->error;
}

int step_end(const Step *step, OutputSink sink) {
    StepContext *context = step->context;
    int r = step->error;
    for (size_t i = 0; i < context->n_pending && r >= 0; i++)
        r = sink.output(sink.userdata, context->pending[i]);
    context->n_pending = 0;
    context->n_entered = 0;
    arena_reset(context->arena);
    return MIN(r, 0);
}

void *step_alloc(Step *step, size_t n, size_t size) {
    void *memory = arena_alloc(step->context->arena, n, size);
    if (!memory)
        step->error = -ENOMEM;
    return memory;
}

void step_enter(Step *step, StageRef stage) {
    StepContext *context = step->context;
    int r = array_reserve(&context->entered, &context->n_entered_alloc, context->n_entered, sizeof(*context->entered));
    if (r < 0) {
        step->error = r;
        return;
    }
    context->entered[context->n_entered++] = (Entered){stage, step_clock(step)};
    step->n_entered++;
}

const Entered *step_entered(const Step *step) {
    /* Before the first entry there is no array, and nothing may be added to NULL. */
    return step->context->entered ? step->context->entered + step->first_entered : NULL;
}

Output *const *step_pending(const StepContext *context, size_t *ret_n) {
    *ret_n = context->n_pending;
    return context->pending;
}

Situation step_situation(const Step *step, const LeadEvent *event) {
    ScoreCache *cache = step->lead ? &step->context->scores : NULL;
    int64_t at_ms = step_clock(step);
    if (cache && cache->at_ms != at_ms)
        score_cache_reset(cache, at_ms);
    return (Situation){.model = step->model, .lead = step->lead, .account = step->account, .event = event, .cache = cache, .at_ms = at_ms};
}

/* --- outputs ----------------------------------------------------------------------------------------- */

/* Adds one carried value; null is left out. */
static void carry(Step *step, Property *carried, size_t *n, const char *prefix, Str name, Value value) {
    if (value.type == VALUE_NULL)
        return;
    size_t prefix_len = strlen(prefix);
    char *key = step_alloc(step, prefix_len + name.len, 1);
    if (!key)
        return;
    if (value.type == VALUE_STRING)
        value.string.len = str_cut(value.string, OUTPUT_CARRIED_LEN_MAX);
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
    const Model *model = step->model;
    size_t n = 0, n_max = model->n_carry_profile + model->n_carry_event;
    Property *carried = step_new_array(step, Property, n_max);
    if (!carried)
        return;
    for (size_t i = 0; i < model->n_carry_profile && step->lead; i++)
        carry(step, carried, &n, "profile.", model->carry_profile[i],
                lead_profile(step->lead, model->carry_profile[i]));
    for (size_t i = 0; i < model->n_carry_event && event; i++)
        carry(step, carried, &n, "event.", model->carry_event[i], event_field(event, model->carry_event[i]));
    output->carried = carried;
    output->n_carried = n;
}

static void describe_lead(Output *output, const Model *model, Lead *lead) {
    output->lead_id = lead->lead_id;
    output->account_id = lead->account_id;
    output->segment = model_segment_id(model, lead->segment);
    output->route = model_route_id(model, lead->route);
    output->ordinal = ++lead->ordinal;
}

static void describe_account(Output *output, Account *account) {
    output->account_id = account->account_id;
    output->ordinal = ++account->ordinal;
}

Output *step_output(Step *step, OutputType type, int64_t at_ms, const LeadEvent *event) {
    StepContext *context = step->context;
    int r = array_reserve(&context->pending, &context->n_pending_alloc, context->n_pending, sizeof(*context->pending));
    Output *output = r < 0 ? NULL : step_new_array(step, Output, 1);
    if (!output) {
        step->error = -ENOMEM;
        return NULL;
    }
    context->pending[context->n_pending++] = output;
    *output = (Output){.type = type, .at_ms = at_ms, .model = step->model->id, .model_version = step->model->version};
    if (step->lead)
        describe_lead(output, step->model, step->lead);
    else
        describe_account(output, step->account);
    carry_all(step, output, event);
    return output;
}

/* On the stack, what names take as a rule. */
#define NAME_SIZE 512

Str step_name_number(int64_t number, char buffer[static DECIMAL_SIZE]) {
    return (Str){buffer, decimal_print(number, buffer)};
}

void step_name_output(Step *step, Output *output, const Str *pieces, size_t n) {
    static const Str prefix = STR_LITERAL("scored:");
    size_t size = prefix.len + n, len = prefix.len;
    for (size_t i = 0; i < n; i++)
        size += pieces[i].len;
    char buffer[NAME_SIZE], *name = size <= sizeof(buffer) ? buffer : step_alloc(step, size, 1);
    if (!name)
        return;
    memcpy(name, prefix.data, prefix.len);
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            name[len++] = '/';
        if (pieces[i].len)
            memcpy(name + len, pieces[i].data, pieces[i].len);
        len += pieces[i].len;
    }
    output->event_id = uuid_from_name((Str){name, len});
}
