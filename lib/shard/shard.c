/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/shard/shard.h"

#include "lib/base/owned.h"
#include "lib/engine/engine.h"
#include "lib/engine/merge.h"
#include "lib/shard/moments.h"

struct Shard {
    const Model *model;
    OutputSink sink;
    Engine *engine;
    EntityTable *leads, *accounts;
    Moments *moments;
    ShardLinks links;
    bool is_linked; /* it is one of several */
    int64_t watermark_ms;
    int64_t reached_ms; /* moments have happened up to here: the watermark, but on the way there */
};

int shard_new(const Model *model, OutputSink sink, Shard **ret) {
    _cleanup_(shard_free) Shard *shard = calloc(1, sizeof(*shard));
    if (!shard)
        return -ENOMEM;
    *shard = (Shard){.model = model, .sink = sink, .watermark_ms = TIME_NONE, .reached_ms = TIME_NONE};
    int r = engine_new(model, sink, &shard->engine);
    if (r == 0)
        r = entity_table_new(&lead_entity_ops, model, &shard->leads);
    if (r == 0)
        r = entity_table_new(&account_entity_ops, model, &shard->accounts);
    if (r == 0)
        r = moments_new(&shard->moments);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(shard);
    return 0;
}

Shard *shard_free(Shard *shard) {
    if (!shard)
        return NULL;
    moments_free(shard->moments);
    entity_table_free(shard->leads);
    entity_table_free(shard->accounts);
    engine_free(shard->engine);
    free(shard);
    return NULL;
}

EntityTable *shard_leads(Shard *shard) {
    return shard->leads;
}

EntityTable *shard_accounts(Shard *shard) {
    return shard->accounts;
}

void shard_set_links(Shard *shard, ShardLinks links) {
    shard->links = links;
    shard->is_linked = true;
}

int64_t shard_watermark(const Shard *shard) {
    return shard->watermark_ms;
}

void shard_restore_watermark(Shard *shard, int64_t watermark_ms) {
    shard->watermark_ms = shard->reached_ms = watermark_ms;
}

static EntityTable *table_of(const Shard *shard, EntityKind kind) {
    return kind == ENTITY_LEAD ? shard->leads : shard->accounts;
}

/* After a lead has changed. */
static int note_change(Shard *shard, Lead *lead) {
    entity_table_mark_dirty(shard->leads, &lead->entity);
    return moments_set(shard->moments, &lead->entity, lead_next_moment(lead));
}

static int note_account_change(Shard *shard, Account *account) {
    entity_table_mark_dirty(shard->accounts, &account->entity);
    return moments_set(shard->moments, &account->entity, account->next_internal_ms);
}

/* --- a new model ------------------------------------------------------------------------------------- */

/* As far as the moments have got, but for the one's own that is next (by the model before), and not before its clock. */
static int64_t settling_instant(const Shard *shard, int64_t next_moment_ms, int64_t clock_ms) {
    return MAX(MIN(shard->reached_ms, next_moment_ms - 1), clock_ms);
}

/* Before anything else happens to one that was migrated. */
static int settle(Shard *shard, Entity *entity) {
    if (!entity->migrated)
        return 0;
    int r;
    if (entity->kind == ENTITY_LEAD) {
        Lead *lead = lead_of(entity);
        r = engine_apply_model(shard->engine, lead, settling_instant(shard, lead_next_moment(lead), lead->clock_ms));
        return r < 0 ? r : note_change(shard, lead);
    }
    Account *account = account_of(entity);
    r = engine_apply_account_model(
            shard->engine, account, settling_instant(shard, account->next_internal_ms, account->clock_ms));
    return r < 0 ? r : note_account_change(shard, account);
}

int shard_apply_model(Shard *shard, EntityKind kind, Str id) {
    Entity *entity = entity_table_get(table_of(shard, kind), id);
    return entity ? settle(shard, entity) : 0;
}

/* --- touches ----------------------------------------------------------------------------------------- */

int shard_leave_account(
        Shard *shard, const Touch *touch, Str account_id, Str lead_id, Member *ret, bool *ret_found) {
    *ret_found = false;
    Account *account = account_of(entity_table_get(shard->accounts, account_id));
    if (!account)
        return 0;
    int r = settle(shard, &account->entity);
    if (r == 0)
        r = engine_leave_account(shard->engine, account, touch, lead_id, ret, ret_found);
    if (r == 0)
        r = note_account_change(shard, account);
    if (r < 0 && *ret_found) {
        member_done(ret, shard->model->n_account_scores);
        *ret_found = false;
    }
    return r;
}

static int find_account(Shard *shard, Str account_id, Account **ret) {
    *ret = account_of(entity_table_get(shard->accounts, account_id));
    if (*ret)
        return settle(shard, &(*ret)->entity);
    _cleanup_(account_free) Account *account = NULL;
    int r = account_new(shard->model, account_id, &account);
    if (r == 0)
        r = entity_table_consume(shard->accounts, &account->entity);
    if (r == 0)
        *ret = TAKE_PTR(account);
    return r;
}

int shard_touch_account(Shard *shard, const Touch *touch, Member *entry) {
    Account *account;
    int r = find_account(shard, touch->account_id, &account);
    if (r == 0)
        r = engine_touch_account(shard->engine, account, touch, entry);
    return r < 0 ? r : note_account_change(shard, account);
}

/* A merged lead's entry goes, unless it becomes part of the lead's own (engine_touch_account() sees to that). */
static int drop_merged(Shard *shard, const Touch *touch) {
    if (!touch->merged_account_id.data || str_eq(touch->merged_account_id, touch->account_id))
        return 0;
    Member entry;
    bool found;
    int r = shard_leave_account(shard, touch, touch->merged_account_id, touch->merged_lead_id, &entry, &found);
    if (found)
        member_done(&entry, shard->model->n_account_scores);
    return r;
}

int shard_touch(Shard *shard, const Touch *touch) {
    Member entry;
    bool found = false;
    int r = drop_merged(shard, touch);
    if (r == 0 && touch->left_account_id.data)
        r = shard_leave_account(shard, touch, touch->left_account_id, touch->lead_id, &entry, &found);
    if (r == 0 && touch->account_id.data)
        r = shard_touch_account(shard, touch, found ? &entry : NULL);
    if (found)
        member_done(&entry, shard->model->n_account_scores);
    return r;
}

/* After a lead's step: what it says to its account. */
static int pass_touch_on(Shard *shard) {
    const Touch *touch = engine_touch(shard->engine);
    if (!touch)
        return 0;
    return shard->is_linked ? shard->links.touch(shard->links.userdata, touch) : shard_touch(shard, touch);
}

/* --- moments ----------------------------------------------------------------------------------------- */

static int apply_internal_moment(Shard *shard, Lead *lead) {
    int r = engine_apply_internal_moment(shard->engine, lead);
    if (r == 0)
        r = note_change(shard, lead);
    return r < 0 ? r : pass_touch_on(shard);
}

/* The lead's next moment; at one millisecond a transition comes before an SLA verdict. */
static int apply_lead_moment(Shard *shard, Lead *lead) {
    if (lead->next_internal_ms <= lead->next_sla_ms)
        return apply_internal_moment(shard, lead);
    int r = engine_apply_sla_moment(shard->engine, lead);
    return r < 0 ? r : note_change(shard, lead);
}

static int apply_moment(Shard *shard, Entity *entity) {
    if (entity->migrated)
        return settle(shard, entity); /* and it has other moments */
    if (entity->kind == ENTITY_LEAD)
        return apply_lead_moment(shard, lead_of(entity));
    int r = engine_apply_account_moment(shard->engine, account_of(entity));
    return r < 0 ? r : note_account_change(shard, account_of(entity));
}

int shard_advance(Shard *shard, int64_t watermark_ms) {
    if (watermark_ms > shard->watermark_ms)
        shard->watermark_ms = watermark_ms;
    for (;;) {
        Moment moment = moments_first(shard->moments);
        if (moment.at_ms == TIME_NEVER || moment.at_ms > shard->watermark_ms)
            break;
        if (!moment.entity)
            return SHARD_E_COLD;
        shard->reached_ms = MAX(shard->reached_ms, moment.at_ms);
        int r = apply_moment(shard, moment.entity);
        if (r < 0)
            return r;
    }
    shard->reached_ms = shard->watermark_ms;
    return 0;
}

int64_t shard_next_moment(const Shard *shard) {
    return moments_first(shard->moments).at_ms;
}

/* --- events ------------------------------------------------------------------------------------------ */

/* The lead of that id, `known` if there is one; one that never was is made, and belongs to the caller until it is put into the table. */
static int settle_or_make(Shard *shard, Lead *known, Str lead_id, Lead **ret, Lead **ret_new) {
    *ret_new = NULL;
    *ret = known;
    if (known)
        return settle(shard, &known->entity);
    int r = lead_new(shard->model, lead_id, ret_new);
    *ret = *ret_new;
    return r;
}

static int find_lead(Shard *shard, Str lead_id, Lead **ret, Lead **ret_new) {
    return settle_or_make(shard, lead_of(entity_table_get(shard->leads, lead_id)), lead_id, ret, ret_new);
}

/* Section 3, "when an event arrives": (1) and (2). */
static int apply_moments_before(Shard *shard, Lead *lead, const LeadEvent *event, int64_t watermark_ms) {
    int r = shard_advance(shard, watermark_ms);
    while (r == 0 && lead->next_internal_ms <= event->occurred_at_ms)
        r = apply_internal_moment(shard, lead);
    return r;
}

static EventResult rejected(const char *reason, const char *text) {
    return (EventResult){.outcome = EVENT_REJECTED, .reason = reason, .text = text};
}

static bool is_merge(const LeadEvent *event) {
    return str_eq(event->type, STR_LITERAL("lead_merged"));
}

/*
 * The lead that an id stands for: of one that was merged, through however many merges, the lead that it became. Of several shards one
 * knows the next name only: behind that the names may lead in a circle, as long as merged leads are on their way (see MergeWay).
 */
static Str resolve_lead(Shard *shard, Str id, Lead **ret) {
    while ((*ret = lead_of(entity_table_get(shard->leads, id))) && (*ret)->merged_into.data) {
        id = (*ret)->merged_into;
        if (shard->is_linked)
            break;
    }
    return id;
}

static Str resolve(Shard *shard, Str id) {
    Lead *lead;
    return resolve_lead(shard, id, &lead);
}

/* What `lead_merged` merges into; null: the event does not say so as it should. */
static Str merge_target(const LeadEvent *event) {
    Value into = event_property(event, STR_LITERAL("into"));
    bool is_id = into.type == VALUE_STRING && into.string.len >= 1 && into.string.len <= EVENT_LEAD_ID_LEN_MAX;
    return is_id ? into.string : STR_NULL;
}

static bool merge_has_room(Shard *shard, const Lead *lead, const LeadEvent *event) {
    if (shard->is_linked)
        return true; /* known in the other shard only */
    const Lead *into = lead_of(entity_table_get(shard->leads, resolve(shard, merge_target(event))));
    return !into || into == lead || merge_fits(into, lead);
}

/* Steps 1 (what of it is not the decoder's) to 3, and what cannot be applied at all. */
static EventResult judge(Shard *shard, const Lead *lead, const LeadEvent *event, const EventId *event_id) {
    EventResult result = {.outcome = EVENT_APPLIED};
    if (is_merge(event) && !merge_target(event).data)
        return rejected("bad_merge", "lead_merged needs a property \"into\": the id, of 1 to 128 bytes, of the lead that it becomes");
    if (lead_has_seen(lead, event_key(*event_id)))
        result.outcome = EVENT_DUPLICATE;
    else if (engine_ignores(shard->engine, lead, event, &result.ignore_rule))
        result.outcome = EVENT_IGNORED;
    else if (event_is_profile_update(event) && !lead_profile_fits(lead, event->properties, event->n_properties))
        return rejected("too_large", "with these properties the lead's profile would pass its limits (1024 "
                                     "attributes, 512 KiB)");
    else if (is_merge(event) && !merge_has_room(shard, lead, event))
        return rejected("too_large", "more than 256 ids would have been merged into one lead");
    return result;
}

int shard_accepts(Shard *shard, const LeadEvent *event, bool *ret) {
    _cleanup_(lead_free) Lead *fresh = NULL;
    Lead *lead = lead_of(entity_table_get(shard->leads, resolve(shard, event->lead_id)));
    if (lead && lead->entity.migrated) {
        *ret = true;
        return 0;
    }
    EventId event_id = event_id_of(event->event_id);
    int r = find_lead(shard, resolve(shard, event->lead_id), &lead, &fresh);
    if (r == 0)
        *ret = judge(shard, lead, event, &event_id).outcome == EVENT_APPLIED;
    return r;
}

static int apply_event(Shard *shard, Lead *lead, const LeadEvent *event, const EventId *event_id) {
    int r = engine_apply_event(shard->engine, lead, event, event_id);
    if (r == 0)
        r = note_change(shard, lead);
    return r < 0 ? r : pass_touch_on(shard);
}

/* The other names of a lead that is forgotten go with it. */
static int forget_aliases(Shard *shard, const Lead *lead) {
    int r = 0;
    for (size_t i = 0; i < lead->n_aliases && r == 0; i++)
        r = shard->is_linked ? shard->links.unname(shard->links.userdata, lead->aliases[i])
                             : shard_unname(shard, lead->aliases[i]);
    return r;
}

int shard_unname(Shard *shard, Str alias_id) {
    Lead *alias = lead_of(entity_table_get(shard->leads, alias_id));
    if (!alias || !alias->merged_into.data)
        return 0;
    lead_clear(alias, shard->model);
    alias->entity.erased = true;
    return note_change(shard, alias);
}

/* The account is told first, for then the lead is no more. */
static int forget_lead(Shard *shard, Lead *lead, const LeadEvent *event) {
    int r = engine_leave(shard->engine, lead, event);
    if (r == 0)
        r = pass_touch_on(shard);
    if (r == 0)
        r = forget_aliases(shard, lead);
    if (r == 0)
        r = engine_forget(shard->engine, lead, event);
    lead->entity.erased = true;
    return r < 0 ? r : note_change(shard, lead);
}

/* The lead that another is merged into; one that never was is made. */
static int find_target(Shard *shard, Str lead_id, Lead **ret) {
    _cleanup_(lead_free) Lead *fresh = NULL;
    int r = find_lead(shard, lead_id, ret, &fresh);
    if (r == 0 && fresh)
        r = entity_table_consume(shard->leads, &fresh->entity);
    if (r < 0)
        return r;
    fresh = NULL;
    (*ret)->entity.erased = false;
    return 0;
}

/* From where both are at hand on; the merged lead is none any more afterwards. */
static int take_merged(Shard *shard, Lead *into, Lead *merged, const LeadEvent *event) {
    int r = 0;
    while (r == 0 && into->next_internal_ms <= event->occurred_at_ms)
        r = apply_internal_moment(shard, into);
    if (r == 0)
        r = engine_merge(shard->engine, into, merged, event);
    if (r == 0)
        r = note_change(shard, into);
    if (r == 0)
        r = pass_touch_on(shard);
    if (r < 0 || str_eq(into->lead_id, merged->lead_id))
        return r; /* it came back to itself */
    return engine_retire_merged(shard->engine, merged, into, event);
}

/* The lead that takes it is in a shard of its own. */
static int send_merged(Shard *shard, Lead *lead, const LeadEvent *event) {
    _cleanup_(free_null) char *into = strndup(merge_target(event).data, merge_target(event).len);
    if (!into)
        return -ENOMEM;
    int r = shard->links.merge(shard->links.userdata, lead, merge_target(event), event);
    if (r < 0)
        return r;
    r = lead_give_up(lead, shard->model, str_from(into));
    return r < 0 ? r : note_change(shard, lead);
}

static bool is_name_of(const Lead *lead, Str id) {
    bool found = str_eq(lead->lead_id, id);
    for (size_t i = 0; i < lead->n_aliases && !found; i++)
        found = str_eq(lead->aliases[i], id);
    return found;
}

static int merge_lead_event(Shard *shard, Lead *lead, const LeadEvent *event, const EventId *event_id) {
    Str into_id = shard->is_linked ? merge_target(event) : resolve(shard, merge_target(event));
    Lead *into;
    int r = engine_arrive(shard->engine, lead, event, event_id);
    if (r < 0 || is_name_of(lead, into_id))
        return r < 0 ? r : note_change(shard, lead);
    if (shard->is_linked)
        return send_merged(shard, lead, event);
    r = find_target(shard, into_id, &into);
    if (r == 0)
        r = take_merged(shard, into, lead, event);
    return r < 0 ? r : note_change(shard, lead);
}

/*
 * `name` was merged, too. Where to go on; a null `into`: it is to be a lead again, and to take the merged one. What was passed may have
 * changed meanwhile, when a lead that came to life was merged again: then another round is gone.
 */
static MergeWay next_way(const Lead *name, const Lead *merged, MergeWay way) {
    bool is_home = str_eq(name->lead_id, merged->lead_id);
    bool is_least = str_eq(name->lead_id, way.least) && str_eq(name->merged_into, way.least_into);
    if (is_least && (way.is_circle || is_home))
        return (MergeWay){0};
    bool is_round = is_home && !way.is_circle;
    if (is_home && way.is_circle)
        way.least = STR_NULL; /* it is not in the circle any more */
    if (!way.least.data || str_compare(name->lead_id, way.least) <= 0) {
        way.least = name->lead_id;
        way.least_into = name->merged_into;
        way.is_circle = is_round = false;
    }
    way.is_circle |= is_round;
    way.into = name->merged_into;
    return way;
}

/* A lead that is again what it was: what a new model says of it is still to be told. */
static int note_return(Shard *shard, Lead *lead) {
    int r = settle(shard, &lead->entity);
    return r < 0 ? r : note_change(shard, lead);
}

int shard_take_merged(Shard *shard, Lead *merged, const MergeWay *way, const LeadEvent *event, MergeWay *ret_way) {
    Lead *into;
    *ret_way = (MergeWay){0};
    const Lead *known = lead_of(entity_table_get(shard->leads, way->into));
    if (known && known->merged_into.data)
        *ret_way = next_way(known, merged, *way);
    if (ret_way->into.data)
        return 0;
    int r = find_target(shard, way->into, &into);
    if (r < 0)
        return r;
    /* It has come home before any other did: a merge into itself, which changes nothing. */
    if (lead_take_back(into, merged, shard->model))
        return note_return(shard, into);
    if (into->merged_into.data)
        lead_come_back(into, shard->model);
    return take_merged(shard, into, merged, event);
}

int shard_event(Shard *shard, const LeadEvent *original, int64_t watermark_ms, EventResult *ret) {
    _cleanup_(lead_free) Lead *fresh = NULL;
    LeadEvent event = *original;
    Lead *lead;
    Str lead_id = resolve_lead(shard, original->lead_id, &lead);
    if (lead && lead->merged_into.data) {
        *ret = (EventResult){.outcome = EVENT_ELSEWHERE, .lead_id = lead_id};
        return 0;
    }
    int r = settle_or_make(shard, lead, lead_id, &lead, &fresh);
    if (r < 0)
        return r;
    event.lead_id = lead->lead_id;
    EventId event_id = event_id_of(event.event_id);
    *ret = judge(shard, lead, &event, &event_id);
    if (ret->outcome != EVENT_APPLIED)
        return 0;
    r = apply_moments_before(shard, lead, &event, watermark_ms);
    bool forget = str_eq(event.type, STR_LITERAL("lead_forgotten"));
    if (r != 0 || (forget && lead->clock_ms == TIME_NONE))
        return r;
    if (fresh) {
        r = entity_table_consume(shard->leads, &fresh->entity);
        if (r < 0)
            return r;
        fresh = NULL;
    }
    lead->entity.erased = false;
    if (forget)
        return forget_lead(shard, lead, &event);
    return is_merge(&event) ? merge_lead_event(shard, lead, &event, &event_id) : apply_event(shard, lead, &event, &event_id);
}

/* --- cold ones --------------------------------------------------------------------------------------- */

int shard_add_cold(Shard *shard, EntityKind kind, Str id, int64_t moment_ms) {
    if (entity_table_get(table_of(shard, kind), id) || moments_has_cold(shard->moments, kind, id))
        return 0;
    return moments_set_cold(shard->moments, kind, id, moment_ms);
}

Moment shard_next_cold(const Shard *shard) {
    return moments_first_cold(shard->moments);
}

size_t shard_count_moments(const Shard *shard) {
    return moments_count(shard->moments);
}

size_t shard_count_due(const Shard *shard, int64_t at_ms, size_t max) {
    return moments_count_due(shard->moments, at_ms, max);
}

size_t shard_count_cold(const Shard *shard) {
    return moments_count_cold(shard->moments);
}

static int load(Shard *shard, Entity *entity, int64_t moment_ms) {
    int r = moments_set(shard->moments, entity, moment_ms);
    if (r == 0)
        r = entity_table_consume(table_of(shard, entity->kind), entity);
    if (r == 0)
        moments_remove_cold(shard->moments, entity->kind, entity->id);
    else
        (void)moments_remove(shard->moments, entity);
    return r;
}

int shard_load(Shard *shard, Lead *lead) {
    return load(shard, &lead->entity, lead_next_moment(lead));
}

int shard_load_account(Shard *shard, Account *account) {
    return load(shard, &account->entity, account->next_internal_ms);
}

void shard_drop_cold(Shard *shard, EntityKind kind, Str id) {
    moments_remove_cold(shard->moments, kind, id);
}

void shard_clean(Shard *shard) {
    entity_table_clean(shard->leads);
    entity_table_clean(shard->accounts);
}

typedef struct Trim {
    Shard *shard;
    int64_t horizon_ms;
    int error;
} Trim;

static void evict(void *userdata, Entity *entity) {
    Trim *trim = userdata;
    int64_t moment_ms = moments_remove(trim->shard->moments, entity);
    if (moment_ms < trim->horizon_ms) {
        int r = moments_set_cold(trim->shard->moments, entity->kind, entity->id, moment_ms);
        if (r < 0)
            trim->error = r;
    }
}

int shard_trim(Shard *shard, size_t max_bytes, uint32_t n_kept, int64_t horizon_ms) {
    Trim trim = {.shard = shard, .horizon_ms = horizon_ms};
    EntityTrim how = {.max_bytes = max_bytes / 4, .n_kept = n_kept, .evict = evict, .userdata = &trim};
    entity_table_trim(shard->accounts, how);
    size_t taken = entity_table_memory(shard->accounts);
    how.max_bytes = max_bytes - MIN(max_bytes, taken);
    entity_table_trim(shard->leads, how);
    return trim.error;
}
