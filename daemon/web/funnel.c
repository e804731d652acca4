/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/funnel.h"

#define HOUR_MS INT64_C(3600000)
#define SLOTS (FUNNEL_HOURS + 1)

void funnel_deinit(Funnel *funnel) {
    free(funnel->flows);
    free(funnel->policies);
    *funnel = FUNNEL_INIT;
}

/* The slots of the hours that have passed since the latest are for other hours now. */
static void count_one(FunnelCount *count, int64_t told_ms) {
    int64_t hour = told_ms / HOUR_MS;
    if (hour <= count->latest - SLOTS)
        return;
    for (int64_t h = MAX(count->latest, hour - SLOTS) + 1; h <= hour; h++)
        count->hours[h % SLOTS] = 0;
    count->latest = MAX(count->latest, hour);
    count->hours[hour % SLOTS]++;
}

int64_t funnel_count(const FunnelCount *count, int64_t now_ms) {
    int64_t hour = now_ms / HOUR_MS, n = 0;
    for (int64_t h = MAX(hour, count->latest) - FUNNEL_HOURS; h <= count->latest; h++)
        n += h > count->latest - SLOTS ? count->hours[h % SLOTS] : 0;
    return n;
}

static bool is_id(const char *id, Str text) {
    return str_eq_c(text, id);
}

/* What is longer is no model's id. */
static void copy_id(char ret[static MODEL_ID_LEN_MAX + 1], Str text) {
    size_t len = MIN(text.len, (size_t)MODEL_ID_LEN_MAX);
    memcpy(ret, text.data ? text.data : "", len);
    ret[len] = '\0';
}

static int find_flow(Funnel *funnel, const StageChanged *s, FunnelFlow **ret) {
    EntityKind kind = str_eq_c(s->entity, "account") ? ENTITY_ACCOUNT : ENTITY_LEAD;
    for (size_t i = 0; i < funnel->n_flows; i++) {
        FunnelFlow *flow = &funnel->flows[i];
        if (flow->kind == kind && is_id(flow->track, s->track) && is_id(flow->from, s->from) && is_id(flow->to, s->to)) {
            *ret = flow;
            return 0;
        }
    }
    if (funnel->n_flows == FUNNEL_FLOWS_MAX)
        return 0;
    int r = array_reserve(&funnel->flows, &funnel->n_flows_alloc, funnel->n_flows, sizeof(*funnel->flows));
    if (r < 0)
        return r;
    *ret = &funnel->flows[funnel->n_flows++];
    **ret = (FunnelFlow){.kind = kind};
    copy_id((*ret)->track, s->track);
    copy_id((*ret)->from, s->from);
    copy_id((*ret)->to, s->to);
    return 0;
}

static int find_policy(Funnel *funnel, Str id, FunnelPolicy **ret) {
    for (size_t i = 0; i < funnel->n_policies; i++)
        if (is_id(funnel->policies[i].policy, id)) {
            *ret = &funnel->policies[i];
            return 0;
        }
    if (funnel->n_policies == FUNNEL_FLOWS_MAX)
        return 0;
    int r = array_reserve(&funnel->policies, &funnel->n_policies_alloc, funnel->n_policies, sizeof(*funnel->policies));
    if (r < 0)
        return r;
    *ret = &funnel->policies[funnel->n_policies++];
    **ret = (FunnelPolicy){0};
    copy_id((*ret)->policy, id);
    return 0;
}

int funnel_note(Funnel *funnel, const Output *output, int64_t told_ms) {
    FunnelFlow *flow = NULL;
    FunnelPolicy *policy = NULL;
    int r = 0;
    if (told_ms < 0)
        return 0;
    if (output->type == OUTPUT_STAGE_CHANGED)
        r = find_flow(funnel, &output->stage_changed, &flow);
    else if (output->type == OUTPUT_SLA_EVENT)
        r = find_policy(funnel, output->sla_event.policy, &policy);
    if (flow)
        count_one(&flow->count, told_ms);
    if (policy)
        count_one(&policy->kinds[output->sla_event.kind], told_ms);
    if (flow || policy)
        funnel->since_ms = funnel->since_ms == TIME_NONE ? told_ms : earliest(funnel->since_ms, told_ms);
    return r;
}
