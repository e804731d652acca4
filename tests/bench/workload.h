#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Benchmark's Workload
 *
 * A made-up log of lead events, the same for the same options. Leads are drawn by Zipf's law; what they do is a mix of engagement,
 * profile updates and hands raised. Some of the latter are followed by what sales does: a touch (in time for the SLA or not), then it
 * is accepted or rejected, met, becomes an opportunity. Instants rise over the whole log.
 */
#include "lib/event/event.h"

typedef struct WorkloadOptions {
    uint64_t seed;
    uint64_t n_events;
    uint32_t n_leads;
    double exponent; /* of Zipf's law; 0: all leads alike */
    uint32_t n_active; /* so many of them, the first, are drawn from; 0: all */
    bool each_first;   /* the first n_leads events are one of each lead */
    bool each_raised;  /* the first 2 n_leads are two of each lead, by which it is qualified in the benchmark's model, so that time has
                          something to do for it */
    int64_t from_ms, span_ms; /* when the log begins, and how long it is; sales answers in proportion to WORKLOAD_SPAN_MS */
} WorkloadOptions;

/* The span in which the delays of sales are hours and days. */
#define WORKLOAD_SPAN_MS (INT64_C(90) * 24 * 3600 * 1000)
#define WORKLOAD_FROM_MS INT64_C(1735689600000) /* 2025-01-01 */

typedef struct Workload Workload;

/* 0 or -ENOMEM. */
MUST_CHECK int workload_new(const WorkloadOptions *options, Workload **ret);
Workload *workload_free(Workload *workload);
DEFINE_CLEANUP(Workload *, workload_free)

/* The next event, valid until the next call. False after the last one; also when out of memory. */
MUST_CHECK bool workload_next(Workload *workload, LeadEvent *ret);
