/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/engine/engine.h"

#include "lib/base/owned.h"
#include "lib/engine/idle.h"
#include "lib/engine/merge.h"
#include "lib/engine/score.h"
#include "lib/engine/sla.h"
#include "lib/engine/step.h"
#include "lib/engine/track.h"

struct Engine {
    const Model *model;
    OutputSink sink;
    StepContext *context;
    Touch touch;      /* of the lead's last step */
    bool touch_is_due;
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
    touch_done(&engine->touch);
    free(engine);
    return NULL;
}

/* --- the end of a step ------------------------------------------------------------------------------- */

static int end(Engine *engine, const Step *step) {
    if (step->error == 0) {
        int64_t next_change_ms = track_look_ahead(step);
        if (step->lead) {
            step->lead->next_internal_ms = earliest(next_change_ms, idle_next_moment(step->lead, engine->model));
            step->lead->next_sla_ms = sla_next_moment(step->lead, engine->model);
        } else {
            step->account->next_internal_ms = next_change_ms;
        }
    }
    return step_end(step, engine->sink);
}

/* The lead's step has been told: what it says to its account. */
static int end_touch(Engine *engine, const Lead *lead, Touch *touch) {
    touch_end(touch, lead);
    engine->touch_is_due = touch && touch_is_due(touch);
    return touch ? touch->error : 0;
}

const Touch *engine_touch(const Engine *engine) {
    return engine->touch_is_due ? &engine->touch : NULL;
}

/* NULL: the model has no accounts. */
static Touch *begin_touch(Engine *engine, const Lead *lead, const LeadEvent *event) {
    engine->touch_is_due = false;
    Touch *touch = engine->model->has_accounts ? &engine->touch : NULL;
    touch_begin(touch, lead, event);
    return touch;
}

/* --- what happens to leads ------------------------------------------------------------------------------------ */

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
static int apply_facts(Lead *lead, const LeadEvent *event, Touch *touch) {
    int r = 0;
    if (event->account_id.data && !str_eq(lead->account_id, event->account_id))
        touch_note_left(touch, lead->account_id);
    if (event->account_id.data)
        r = str_set(&lead->account_id, event->account_id);
    if (r == 0 && event->source.data && !lead->first_source.data) {
        r = str_set(&lead->first_source, event->source);
        lead->first_source_at_ms = lead->clock_ms;
    }
    if (r == 0 && event->source.data)
        r = str_set(&lead->last_source, event->source);
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

/* Step 4. */
static int arrive(Lead *lead, const Model *model, const LeadEvent *event, const EventId *event_id) {
    if (lead->clock_ms == TIME_NONE)
        lead_begin(lead, model, event->occurred_at_ms);
    lead->clock_ms = MAX(lead->clock_ms, event->occurred_at_ms);
    return lead_add_seen(lead, event_key(*event_id));
}

int engine_apply_event(Engine *engine, Lead *lead, const LeadEvent *event, const EventId *event_id) {
    const Model *model = engine->model;
    Touch *touch = begin_touch(engine, lead, event);
    int r = arrive(lead, model, event, event_id);
    if (r == 0)
        r = apply_facts(lead, event, touch);
    if (r < 0)
        return r;
    score_classify(lead, model);
    score_apply_profile_rules(lead, model);
    r = score_apply_event(lead, model, event, event_id, touch);
    if (r < 0)
        return r;
    note_activity(lead, event);
    idle_note_event(lead, model, event);

    Step step = step_begin(engine->context, lead, event, CAUSE_EVENT);
    track_apply_event(&step);
    track_settle(&step);
    sla_apply(&step);
    r = end(engine, &step);
    return r < 0 ? r : end_touch(engine, lead, touch);
}

int engine_arrive(Engine *engine, Lead *lead, const LeadEvent *event, const EventId *event_id) {
    engine->touch_is_due = false;
    int r = arrive(lead, engine->model, event, event_id);
    if (r < 0)
        return r;
    idle_note_event(lead, engine->model, event);
    Step step = step_begin(engine->context, lead, event, CAUSE_EVENT);
    return end(engine, &step);
}

int engine_merge(Engine *engine, Lead *lead, Lead *merged, const LeadEvent *event) {
    const Model *model = engine->model;
    Touch *touch = begin_touch(engine, lead, event);
    touch_note_merged(touch, merged->lead_id, merged->account_id);
    int64_t clock_ms = MAX(MAX(lead->clock_ms, merged->clock_ms), event->occurred_at_ms);
    if (lead->clock_ms == TIME_NONE)
        lead_begin(lead, model, clock_ms);
    lead->clock_ms = clock_ms;
    int r = merge_lead(lead, merged, model);
    if (r < 0)
        return r;
    score_classify(lead, model);
    score_apply_profile_rules(lead, model);

    Step step = step_begin(engine->context, lead, event, CAUSE_EVENT);
    track_apply_merge(&step, merged);
    track_settle(&step);
    sla_apply(&step);
    r = end(engine, &step);
    return r < 0 ? r : end_touch(engine, lead, touch);
}

/* LeadRetired, and then an empty record. `into`: null if it is forgotten. */
static int retire(Engine *engine, Lead *lead, const LeadEvent *event, Str into, int64_t at_ms) {
    engine->touch_is_due = false;
    Step step = step_begin(engine->context, lead, event, CAUSE_EVENT);
    Output *output = step_output(&step, OUTPUT_LEAD_RETIRED, at_ms, event);
    if (output) {
        output->lead_retired =
                (LeadRetired){.cause = into.data ? STR_LITERAL("merged") : STR_LITERAL("forgotten"), .into = into, .at_ms = at_ms};
        STEP_NAME_OUTPUT(&step, output, STR_LITERAL("retired"), lead->lead_id, event->event_id);
        if (!into.data) {
            /* nothing but the id */
            output->account_id = output->segment = output->route = STR_NULL;
            output->n_carried = 0;
        }
    }
    return end(engine, &step);
}

int engine_retire_merged(Engine *engine, Lead *lead, const Lead *into, const LeadEvent *event) {
    int r = retire(engine, lead, event, into->lead_id, into->clock_ms);
    return r < 0 ? r : lead_give_up(lead, engine->model, into->lead_id);
}

int engine_leave(Engine *engine, Lead *lead, const LeadEvent *event) {
    lead->clock_ms = MAX(lead->clock_ms, event->occurred_at_ms);
    Touch *touch = begin_touch(engine, lead, event);
    touch_note_left(touch, lead->account_id);
    int r = end_touch(engine, lead, touch);
    engine->touch.account_id = STR_NULL;
    return r;
}

int engine_forget(Engine *engine, Lead *lead, const LeadEvent *event) {
    lead->clock_ms = MAX(lead->clock_ms, event->occurred_at_ms);
    int r = retire(engine, lead, event, STR_NULL, lead->clock_ms);
    lead_clear(lead, engine->model);
    return r;
}

int engine_apply_internal_moment(Engine *engine, Lead *lead) {
    Touch *touch = begin_touch(engine, lead, NULL);
    lead->clock_ms = lead->next_internal_ms;
    int r = score_apply_idle(lead, engine->model, touch);
    if (r < 0)
        return r;
    Step step = step_begin(engine->context, lead, NULL, CAUSE_TIME);
    track_settle(&step);
    sla_apply(&step);
    r = end(engine, &step);
    return r < 0 ? r : end_touch(engine, lead, touch);
}

int engine_apply_sla_moment(Engine *engine, Lead *lead) {
    engine->touch_is_due = false;
    Step step = step_begin(engine->context, lead, NULL, CAUSE_SLA);
    (void)sla_apply_moment(&step, lead->next_sla_ms);
    return end(engine, &step);
}

/* --- a new model ------------------------------------------------------------------------------------- */

/* For both: at at_ms, if it comes to anything there, the stages that are gone are told and the tracks settle. */
static void settle_under_model(Step *step, int64_t *clock_ms, int64_t at_ms, bool is_called_for, const LostStage *lost, size_t n_lost) {
    assert(at_ms >= *clock_ms);
    if (!is_called_for && n_lost == 0 && !track_is_to_move(step, at_ms) && track_look_ahead(step) > at_ms)
        return;
    *clock_ms = at_ms;
    track_apply_model(step, lost, n_lost);
    track_settle(step);
}

static void forget_lost(Entity *entity, LostStage **lost, size_t *n_lost) {
    free(*lost);
    *lost = NULL;
    *n_lost = 0;
    entity->migrated = false;
}

int engine_apply_model(Engine *engine, Lead *lead, int64_t at_ms) {
    const Model *model = engine->model;
    engine->touch_is_due = false;
    score_classify(lead, model);
    score_apply_profile_rules(lead, model);
    Step step = step_begin(engine->context, lead, NULL, CAUSE_MODEL);
    bool is_called_for = sla_is_to_follow(&step) || idle_next_moment(lead, model) <= at_ms;
    settle_under_model(&step, &lead->clock_ms, at_ms, is_called_for, lead->lost, lead->n_lost);
    sla_apply(&step);
    int r = end(engine, &step);
    forget_lost(&lead->entity, &lead->lost, &lead->n_lost);
    return r;
}

int engine_apply_account_model(Engine *engine, Account *account, int64_t at_ms) {
    Step step = step_begin_account(engine->context, account, NULL, CAUSE_MODEL);
    settle_under_model(&step, &account->clock_ms, at_ms, false, account->lost, account->n_lost);
    int r = end(engine, &step);
    forget_lost(&account->entity, &account->lost, &account->n_lost);
    return r;
}

/* --- what happens to accounts ------------------------------------------------------------------------ */

static int settle(Engine *engine, Account *account, const LeadEvent *event, Cause cause) {
    Step step = step_begin_account(engine->context, account, event, cause);
    track_settle(&step);
    return end(engine, &step);
}

int engine_apply_account_moment(Engine *engine, Account *account) {
    account->clock_ms = account->next_internal_ms;
    return settle(engine, account, NULL, CAUSE_TIME);
}

/* Before an account is touched, its own moments up to there happen. */
static int rise(Engine *engine, Account *account, int64_t at_ms) {
    int r = 0;
    if (account->clock_ms == TIME_NONE)
        account_begin(account, engine->model, at_ms);
    while (r == 0 && account->next_internal_ms <= at_ms)
        r = engine_apply_account_moment(engine, account);
    account->clock_ms = MAX(account->clock_ms, at_ms);
    return r;
}

static int settle_after(Engine *engine, Account *account, const Touch *touch) {
    return settle(engine, account, touch->event, touch->event ? CAUSE_EVENT : CAUSE_TIME);
}

int engine_leave_account(
        Engine *engine, Account *account, const Touch *touch, Str lead_id, Member *ret, bool *ret_found) {
    int r = rise(engine, account, touch->at_ms);
    *ret_found = r == 0 && account_take_out(account, lead_id, ret);
    if (r == 0)
        r = settle_after(engine, account, touch);
    if (r < 0 && *ret_found) {
        member_done(ret, account->n_scores);
        *ret_found = false;
    }
    return r;
}

/* The merged lead's entry becomes part of the lead's, if they share the account. */
static int fold_merged(const Engine *engine, Account *account, const Touch *touch) {
    Member merged, *member;
    if (!touch->merged_lead_id.data || !str_eq(touch->merged_account_id, account->account_id) ||
            !account_take_out(account, touch->merged_lead_id, &merged))
        return 0;
    int r = account_add(account, touch->lead_id, &member);
    if (r == 0)
        r = account_fold(account, engine->model, member, &merged, touch->at_ms);
    if (r == 0 && merged.n_awaited > 0)
        r = account_add_departure(account, merged.lead_id, account->account_id, touch->lead_id, (unsigned)merged.n_awaited);
    member_done(&merged, account->n_scores);
    return r;
}

static int enter(const Engine *engine, Account *account, const Touch *touch, Member *entry) {
    Member *member = account_find(account, touch->lead_id);
    if (!member)
        return account_put_in(account, entry);
    int r = account_fold(account, engine->model, member, entry, touch->at_ms);
    member_done(entry, account->n_scores);
    return r;
}

static int add_awards(const Engine *engine, Account *account, const Touch *touch) {
    Member *member;
    int r = account_add(account, touch->lead_id, &member);
    for (size_t i = 0; i < touch->n_awards && r == 0; i++)
        r = account_award(account, engine->model, member, touch->awards[i].score, touch->awards[i].points,
                touch->awards[i].occurred_at_ms, touch->at_ms);
    if (r < 0)
        return r;
    member->active_at_ms = MAX(member->active_at_ms, touch->at_ms);
    member->committee_at_ms = MAX(member->committee_at_ms, touch->committee_at_ms);
    return 0;
}

int engine_touch_account(Engine *engine, Account *account, const Touch *touch, Member *entry) {
    int r = rise(engine, account, touch->at_ms);
    if (r == 0 && entry)
        r = enter(engine, account, touch, entry);
    if (r == 0)
        r = fold_merged(engine, account, touch);
    if (r == 0)
        r = add_awards(engine, account, touch);
    if (r < 0)
        return r;
    account_bound(account);
    return settle_after(engine, account, touch);
}
