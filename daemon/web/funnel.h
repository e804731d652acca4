#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Funnel
 *
 * How many went from which stage to which, and how the clocks ended, in the last 24 hours: counts by hour, so that what is older falls out.
 * Time is handed in. Pure.
 */
#include "lib/engine/output.h"
#include "lib/lead/entity.h"

#define FUNNEL_HOURS 24
#define FUNNEL_SPAN_MS (FUNNEL_HOURS * INT64_C(3600000))
/* Moves from one stage of a track to another, and policies, that are told apart. */
#define FUNNEL_FLOWS_MAX 512

typedef struct FunnelCount {
    int64_t hours[FUNNEL_HOURS + 1]; /* by the hour since 1970, modulo; one more, for the first of them is not over */
    int64_t latest;                  /* the hour of the latest that was counted */
} FunnelCount;

typedef struct FunnelFlow {
    EntityKind kind;
    char track[MODEL_ID_LEN_MAX + 1], from[MODEL_ID_LEN_MAX + 1], to[MODEL_ID_LEN_MAX + 1];
    FunnelCount count;
} FunnelFlow;

typedef struct FunnelPolicy {
    char policy[MODEL_ID_LEN_MAX + 1];
    FunnelCount kinds[_SLA_KIND_MAX];
} FunnelPolicy;

typedef struct Funnel {
    FunnelFlow *flows;
    size_t n_flows, n_flows_alloc;
    FunnelPolicy *policies;
    size_t n_policies, n_policies_alloc;
    int64_t since_ms; /* of the first output that was seen; TIME_NONE: none yet */
} Funnel;

#define FUNNEL_INIT ((Funnel){.since_ms = TIME_NONE})
void funnel_deinit(Funnel *funnel);
/* An output that was told at told_ms. 0 or -ENOMEM. What is beyond FUNNEL_FLOWS_MAX is not counted. */
MUST_CHECK int funnel_note(Funnel *funnel, const Output *output, int64_t told_ms);
/* In the 24 hours up to now_ms, to the hour. */
int64_t funnel_count(const FunnelCount *count, int64_t now_ms);
