/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/shard.h"

#include "lib/engine.h"
#include "lib/moments.h"
#include "lib/score.h"

struct Shard {
    const Model *model;
    Engine *engine;
    LeadTable *leads;
    Moments *moments;
    int64_t watermark_ms;
};

int shard_new(const Model *model, OutputSink sink, Shard **ret) {
    _cleanup_(shard_free) Shard *shard = calloc(1, sizeof(*shard));
    if (!shard)
        return -ENOMEM;
    *shard = (Shard){.model = model, .watermark_ms = TIME_NONE};
    int r = engine_new(model, sink, &shard->engine);
    if (r == 0)
        r = lead_table_new(model, &shard->leads);
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
    lead_table_free(shard->leads);
    engine_free(shard->engine);
    free(shard);
    return NULL;
}

LeadTable *shard_leads(Shard *shard) {
    return shard->leads;
}

int64_t shard_watermark(const Shard *shard) {
    return shard->watermark_ms;
}

void shard_restore_watermark(Shard *shard, int64_t watermark_ms) {
    shard->watermark_ms = watermark_ms;
}

/* After a lead has changed. */
static int note_change(Shard *shard, Lead *lead) {
    lead_table_mark_dirty(shard->leads, lead);
    return moments_set(shard->moments, lead);
}

/* --- moments ----------------------------------------------------------------------------------------- */

/* The lead's next moment; at one millisecond a transition comes before an SLA verdict. */
static int apply_moment(Shard *shard, Lead *lead) {
    int r = lead->next_internal_ms <= lead->next_sla_ms ? engine_apply_internal_moment(shard->engine, lead)
                                                        : engine_apply_sla_moment(shard->engine, lead);
    return r < 0 ? r : note_change(shard, lead);
}

int shard_advance(Shard *shard, int64_t watermark_ms) {
    if (watermark_ms > shard->watermark_ms)
        shard->watermark_ms = watermark_ms;
    for (;;) {
        Moment moment = moments_first(shard->moments);
        if (moment.at_ms == TIME_NEVER || moment.at_ms > shard->watermark_ms)
            return 0;
        if (!moment.lead)
            return SHARD_E_COLD;
        int r = apply_moment(shard, moment.lead);
        if (r < 0)
            return r;
    }
}

int64_t shard_next_moment(const Shard *shard) {
    return moments_first(shard->moments).at_ms;
}

/* --- events ------------------------------------------------------------------------------------------ */

/* The event's lead; one that never was is made, and belongs to the caller until it is put into the table. */
static int find_lead(Shard *shard, Str lead_id, Lead **ret, Lead **ret_new) {
    *ret_new = NULL;
    *ret = lead_table_get(shard->leads, lead_id);
    if (*ret)
        return 0;
    int r = lead_new(shard->model, lead_id, ret_new);
    if (r < 0)
        return r;
    score_classify(*ret_new, shard->model);
    *ret = *ret_new;
    return 0;
}

/* Section 3, "when an event arrives": (1) and (2). */
static int apply_moments_before(Shard *shard, Lead *lead, const LeadEvent *event, int64_t watermark_ms) {
    int r = shard_advance(shard, watermark_ms);
    while (r == 0 && lead->next_internal_ms <= event->occurred_at_ms) {
        r = engine_apply_internal_moment(shard->engine, lead);
        if (r == 0)
            r = note_change(shard, lead);
    }
    return r;
}

static EventResult rejected(const char *reason, const char *text) {
    return (EventResult){.outcome = EVENT_REJECTED, .reason = reason, .text = text};
}

/* Steps 2 and 3, and what cannot be applied at all. */
static EventResult judge(Shard *shard, const Lead *lead, const LeadEvent *event) {
    EventResult result = {.outcome = EVENT_APPLIED};
    if (str_eq(event->type, STR_LITERAL("lead_merged")))
        return rejected("unsupported", "lead_merged is not supported yet: nothing was changed");
    if (lead_has_seen(lead, event_key(event->event_id)))
        result.outcome = EVENT_DUPLICATE;
    else if (engine_ignores(shard->engine, lead, event, &result.ignore_rule))
        result.outcome = EVENT_IGNORED;
    else if (event_is_profile_update(event) && !lead_profile_fits(lead, event->properties, event->n_properties))
        return rejected("too_large", "with these properties the lead's profile would pass its limits (1024 "
                                     "attributes, 512 KiB)");
    return result;
}

int shard_accepts(Shard *shard, const LeadEvent *event, bool *ret) {
    _cleanup_(lead_free) Lead *fresh = NULL;
    Lead *lead;
    int r = find_lead(shard, event->lead_id, &lead, &fresh);
    if (r == 0)
        *ret = judge(shard, lead, event).outcome == EVENT_APPLIED;
    return r;
}

int shard_event(Shard *shard, const LeadEvent *event, int64_t watermark_ms, EventResult *ret) {
    _cleanup_(lead_free) Lead *fresh = NULL;
    Lead *lead;
    int r = find_lead(shard, event->lead_id, &lead, &fresh);
    if (r < 0)
        return r;
    *ret = judge(shard, lead, event);
    if (ret->outcome != EVENT_APPLIED)
        return 0;
    r = apply_moments_before(shard, lead, event, watermark_ms);
    bool forget = str_eq(event->type, STR_LITERAL("lead_forgotten"));
    if (r != 0 || (forget && lead->clock_ms == TIME_NONE))
        return r;
    if (fresh) {
        r = lead_table_consume(shard->leads, fresh);
        if (r < 0)
            return r;
        fresh = NULL;
    }
    lead->erased = forget;
    r = forget ? engine_forget(shard->engine, lead, event) : engine_apply_event(shard->engine, lead, event);
    return r < 0 ? r : note_change(shard, lead);
}

/* --- cold leads -------------------------------------------------------------------------------------- */

int shard_add_cold(Shard *shard, Str lead_id, int64_t moment_ms) {
    if (lead_table_get(shard->leads, lead_id) || moments_has_cold(shard->moments, lead_id))
        return 0;
    return moments_set_cold(shard->moments, lead_id, moment_ms);
}

Str shard_next_cold(const Shard *shard, int64_t *ret_moment_ms) {
    Moment moment = moments_first_cold(shard->moments);
    *ret_moment_ms = moment.at_ms;
    return moment.lead_id;
}

size_t shard_count_cold(const Shard *shard) {
    return moments_count_cold(shard->moments);
}

int shard_load(Shard *shard, Lead *lead) {
    int r = lead_table_consume(shard->leads, lead);
    if (r < 0)
        return r;
    moments_remove_cold(shard->moments, lead->lead_id);
    return moments_set(shard->moments, lead);
}

void shard_drop_cold(Shard *shard, Str lead_id) {
    moments_remove_cold(shard->moments, lead_id);
}

typedef struct Trim {
    Shard *shard;
    int64_t horizon_ms;
    int error;
} Trim;

static void evict(void *userdata, Lead *lead) {
    Trim *trim = userdata;
    int64_t at_ms = lead_next_moment(lead);
    moments_remove(trim->shard->moments, lead);
    if (at_ms != TIME_NEVER && at_ms < trim->horizon_ms) {
        int r = moments_set_cold(trim->shard->moments, lead->lead_id, at_ms);
        if (r < 0)
            trim->error = r;
    }
}

int shard_trim(Shard *shard, size_t max_bytes, int64_t horizon_ms) {
    Trim trim = {.shard = shard, .horizon_ms = horizon_ms};
    lead_table_trim(shard->leads, max_bytes, evict, &trim);
    return trim.error;
}
