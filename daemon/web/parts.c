/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/parts.h"

#include <math.h>

#include "daemon/io/file/file_sink.h"
#include "daemon/web/course_json.h"
#include "lib/lead/sla_clock.h"

/* Of what the page understands; a page of another one asks to be loaded again. */
#define FORMAT 1

#define NAME(s) STR_LITERAL(s)

static void write_instant(JsonWriter *w, Str name, int64_t at_ms) {
    if (at_ms == TIME_NONE || at_ms == TIME_NEVER)
        json_write_null(w, name);
    else
        json_write_integer(w, name, at_ms);
}

static void write_text(JsonWriter *w, Str name, const char *text) {
    json_write_string(w, name, text && text[0] ? str_from(text) : STR_NULL);
}

/* --- hello ------------------------------------------------------------------------------------------- */

static void write_tracks(JsonWriter *w, const char *entity, const Track *tracks, size_t n) {
    for (size_t i = 0; i < n; i++) {
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("entity"), str_from(entity));
        json_write_string(w, NAME("id"), tracks[i].id);
        json_write_array_begin(w, NAME("stages"));
        for (size_t k = 0; k < tracks[i].n_stages; k++) {
            json_write_object_begin(w, STR_NULL);
            json_write_string(w, NAME("id"), tracks[i].stages[k].id);
            json_write_string(w, NAME("owner"), tracks[i].stages[k].owner);
            json_write_boolean(w, NAME("terminal"), tracks[i].stages[k].terminal);
            json_write_object_end(w);
        }
        json_write_array_end(w);
        json_write_object_end(w);
    }
}

static void write_model(JsonWriter *w, const Top *top) {
    const Model *model = top->model;
    json_write_object_begin(w, NAME("model"));
    json_write_string(w, NAME("id"), model->id);
    json_write_integer(w, NAME("version"), model->version);
    json_write_string(w, NAME("board"), str_from(top->board));
    json_write_boolean(w, NAME("accounts"), model->n_account_scores > 0);
    json_write_array_begin(w, NAME("scores"));
    for (size_t i = 0; i < model->n_scores; i++)
        json_write_string(w, STR_NULL, model->scores[i].id);
    json_write_array_end(w);
    json_write_array_begin(w, NAME("tracks"));
    write_tracks(w, "lead", model->tracks, model->n_tracks);
    write_tracks(w, "account", model->account_tracks, model->n_account_tracks);
    json_write_array_end(w);
    json_write_object_end(w);
}

void parts_hello(JsonWriter *w, const Top *top) {
    json_write_object_begin(w, STR_NULL);
    json_write_integer(w, NAME("format"), FORMAT);
    json_write_string(w, NAME("scored"), STR_LITERAL(SCORED_VERSION));
    json_write_string(w, NAME("instance"), str_from(top->config->instance));
    json_write_string(w, NAME("group"), str_from(top->config->group));
    write_model(w, top);
    json_write_object_end(w);
}

/* --- status ------------------------------------------------------------------------------------------ */

static void write_shards(JsonWriter *w, const PartsStatus *status) {
    json_write_integer(w, NAME("n_shards"), status->n_shards);
    json_write_array_begin(w, NAME("shards"));
    for (int32_t i = 0; i < status->n_shards_known; i++) {
        const BoardShard *shard = &status->shards[i];
        bool has_lag = status->lags && i < status->n_lags && status->lags[i] >= 0;
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("state"),
                !shard->is_there ? NAME("absent") : shard->is_rebuilding ? NAME("rebuilding") : NAME("live"));
        json_write_integer(w, NAME("batch"), shard->bno);
        write_instant(w, NAME("watermark"), shard->watermark_ms);
        write_instant(w, NAME("updated"), shard->updated_at_ms);
        write_instant(w, NAME("lag"), has_lag ? status->lags[i] : TIME_NONE);
        json_write_object_end(w);
    }
    json_write_array_end(w);
}

static void write_instance(JsonWriter *w, const PartsStatus *status) {
    HealthReason reasons[HEALTH_REASONS_MAX];
    size_t n = health_reasons(&status->health, HEALTH_READY, status->monotonic_ms, reasons);
    json_write_object_begin(w, NAME("instance"));
    json_write_boolean(w, NAME("ready"), n == 0);
    json_write_integer(w, NAME("owned"), status->health.n_owned);
    json_write_integer(w, NAME("halted"), status->health.n_halted);
    json_write_array_begin(w, NAME("reasons"));
    for (size_t i = 0; i < n; i++)
        json_write_string(w, STR_NULL, str_from(reasons[i].text));
    json_write_array_end(w);
    json_write_object_end(w);
}

void parts_status(JsonWriter *w, const Top *top, const PartsStatus *status) {
    int64_t delay_ms = top_delay_ms(top);
    json_write_object_begin(w, STR_NULL);
    json_write_integer(w, NAME("now"), status->now_ms);
    write_instant(w, NAME("refreshed"), status->refreshed_ms);
    write_text(w, NAME("redis"), top->status);
    write_text(w, NAME("kafka"), top->feed_status);
    json_write_number(w, NAME("records_per_s"), isfinite(top->records_per_s) ? round(top->records_per_s * 10) / 10 : NAN);
    write_instant(w, NAME("lag"), top->lag >= 0 ? top->lag : TIME_NONE);
    write_instant(w, NAME("delay_ms"), delay_ms >= 0 ? delay_ms : TIME_NONE);
    json_write_integer(w, NAME("watchers"), (int64_t)status->n_watchers);
    write_instance(w, status);
    write_shards(w, status);
    json_write_object_end(w);
}

/* --- leads and accounts ------------------------------------------------------------------------------ */

static void write_stages(JsonWriter *w, const Track *tracks, size_t n, const TrackState *states) {
    json_write_object_begin(w, NAME("stages"));
    for (size_t i = 0; i < n; i++)
        json_write_string(w, tracks[i].id, tracks[i].stages[states[i].stage].id);
    json_write_object_end(w);
}

static void write_lead(JsonWriter *w, const Top *top, const Lead *lead, int64_t now_ms) {
    const Model *model = top->model;
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("id"), lead->lead_id);
    json_write_string(w, NAME("account"), lead->account_id);
    json_write_string(w, NAME("route"), model_route_id(model, lead->route));
    if (top->derived >= 0)
        course_json_derived(w, NAME("value"), model, lead, (unsigned)top->derived, now_ms);
    else
        course_json_score(w, NAME("value"), model, lead, (unsigned)top->score, now_ms);
    json_write_array_begin(w, NAME("scores"));
    for (unsigned i = 0; i < model->n_scores; i++)
        course_json_score(w, STR_NULL, model, lead, i, now_ms);
    json_write_array_end(w);
    write_stages(w, model->tracks, model->n_tracks, lead->tracks);
    write_instant(w, NAME("clock"), lead->clock_ms);
    write_instant(w, NAME("changes"), lead->next_internal_ms);
    json_write_object_end(w);
}

void parts_leads(JsonWriter *w, const Top *top, int64_t now_ms) {
    json_write_object_begin(w, STR_NULL);
    json_write_boolean(w, NAME("complete"), !top->leads_left_out);
    json_write_array_begin(w, NAME("leads"));
    for (size_t i = 0; i < top->n_leads; i++)
        write_lead(w, top, top->leads[i].lead, now_ms);
    json_write_array_end(w);
    json_write_object_end(w);
}

void parts_accounts(JsonWriter *w, const Model *model, const HotAccounts *hot, int64_t now_ms) {
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("board"), model->n_account_scores ? model->account_scores[model->n_account_scores - 1].id : STR_NULL);
    json_write_array_begin(w, NAME("accounts"));
    for (size_t i = 0; i < hot->n; i++) {
        const Account *account = hot->items[i].account;
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("id"), account->account_id);
        course_json_account(w, NAME("value"), model, account, hot->score, now_ms);
        json_write_integer(w, NAME("members"), (int64_t)account->n_members);
        if (model->committee.present)
            json_write_integer(w, NAME("committee"), account_committee(account, model, now_ms));
        else
            json_write_null(w, NAME("committee"));
        write_stages(w, model->account_tracks, model->n_account_tracks, account->tracks);
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

/* --- clocks ------------------------------------------------------------------------------------------ */

static Str owner_of(const Model *model, const Lead *lead, const SlaPolicy *policy) {
    if (policy->track >= model->n_tracks)
        return STR_NULL;
    return model->tracks[policy->track].stages[lead->tracks[policy->track].stage].owner;
}

static void write_clock(JsonWriter *w, const Model *model, const TopClock *c) {
    SlaTerms terms = sla_terms(c->clock, model, (unsigned)(c->policy - model->policies));
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("lead"), c->lead->lead_id);
    json_write_string(w, NAME("account"), c->lead->account_id);
    json_write_string(w, NAME("policy"), c->policy->id);
    write_instant(w, NAME("started"), c->clock->started_at_ms);
    write_instant(w, NAME("due"), c->clock->due_at_ms);
    json_write_integer(w, NAME("target"), terms.times.target_ms);
    json_write_boolean(w, NAME("paused"), sla_clock_is_paused(c->clock));
    json_write_boolean(w, NAME("breached"), c->clock->breached);
    json_write_boolean(w, NAME("warned"), c->clock->warned != 0);
    json_write_string(w, NAME("calendar"), model_calendar_id(model, c->clock->calendar));
    json_write_string(w, NAME("owner"), owner_of(model, c->lead, c->policy));
    json_write_object_end(w);
}

void parts_clocks(JsonWriter *w, const Top *top) {
    json_write_object_begin(w, STR_NULL);
    json_write_integer(w, NAME("n"), (int64_t)top->n_clocks);
    json_write_boolean(w, NAME("complete"), top->n_clock_leads < TOP_CLOCKS_MAX && top->n_clocks < TOP_CLOCKS_MAX);
    json_write_array_begin(w, NAME("clocks"));
    for (size_t i = 0; i < MIN(top->n_clocks, (size_t)PARTS_CLOCKS_MAX); i++)
        write_clock(w, top->model, &top->clocks[i]);
    json_write_array_end(w);
    json_write_object_end(w);
}

/* --- the funnel -------------------------------------------------------------------------------------- */

void parts_funnel(JsonWriter *w, const Funnel *funnel, int64_t now_ms) {
    json_write_object_begin(w, STR_NULL);
    write_instant(w, NAME("since"), funnel->since_ms == TIME_NONE ? TIME_NONE : latest(funnel->since_ms, now_ms - FUNNEL_SPAN_MS));
    json_write_array_begin(w, NAME("flows"));
    for (size_t i = 0; i < funnel->n_flows; i++) {
        const FunnelFlow *flow = &funnel->flows[i];
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("entity"), flow->kind == ENTITY_ACCOUNT ? NAME("account") : NAME("lead"));
        json_write_string(w, NAME("track"), str_from(flow->track));
        json_write_string(w, NAME("from"), str_from(flow->from));
        json_write_string(w, NAME("to"), str_from(flow->to));
        json_write_integer(w, NAME("n"), funnel_count(&flow->count, now_ms));
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_array_begin(w, NAME("sla"));
    for (size_t i = 0; i < funnel->n_policies; i++) {
        json_write_object_begin(w, STR_NULL);
        json_write_string(w, NAME("policy"), str_from(funnel->policies[i].policy));
        for (unsigned kind = 0; kind < _SLA_KIND_MAX; kind++)
            json_write_integer(w, str_from(sla_kind_name((SlaKind)kind)), funnel_count(&funnel->policies[i].kinds[kind], now_ms));
        json_write_object_end(w);
    }
    json_write_array_end(w);
    json_write_object_end(w);
}

/* --- news -------------------------------------------------------------------------------------------- */

static void write_dead_letter(JsonWriter *w, const DeadLetter *letter) {
    json_write_object_begin(w, STR_NULL);
    json_write_string(w, NAME("output"), NAME("DeadLetter"));
    json_write_string(w, NAME("topic"), letter->topic);
    json_write_integer(w, NAME("partition"), letter->partition);
    json_write_integer(w, NAME("offset"), letter->offset);
    json_write_string(w, NAME("reason"), letter->reason);
    json_write_string(w, NAME("text"), letter->text);
    json_write_object_end(w);
}

int parts_news(JsonWriter *w, const Output *output, int64_t told_ms) {
    Output plain = *output;
    int r = 0;
    plain.n_carried = 0;
    /* An object in two parts, for what writes an output begins without a name. */
    json_write_array_begin(w, STR_NULL);
    write_instant(w, STR_NULL, told_ms);
    if (output->type == OUTPUT_DEAD_LETTER)
        write_dead_letter(w, &output->dead_letter);
    else
        r = json_write_output(w, &plain);
    json_write_array_end(w);
    return r < 0 ? r : w->error;
}
