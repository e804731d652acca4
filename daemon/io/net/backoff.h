#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Back-off
 *
 * How long to wait for a server that is away before it is asked again: twice as long each time, up to a bound, and of that a random part
 * between half and all, so that many who lost it at one instant do not come back at one instant. Pure: the lots are the caller's.
 */
#include "lib/base/util.h"

typedef struct Backoff {
    int64_t least_ms, most_ms;
    unsigned n; /* times that it was asked in vain */
} Backoff;

/* The next wait; `lot` is a random number. */
static inline int64_t backoff_next(Backoff *backoff, uint32_t lot) {
    int64_t ms = backoff->least_ms;
    for (unsigned i = 0; i < backoff->n && ms < backoff->most_ms; i++)
        ms *= 2;
    ms = MIN(ms, backoff->most_ms);
    backoff->n++;
    return ms / 2 + (ms - ms / 2) * (int64_t)lot / UINT32_MAX;
}
/* It has answered. */
static inline void backoff_reset(Backoff *backoff) {
    backoff->n = 0;
}

/* The same for who does not wait itself, but is asked again and again: shut for a while after each failure. Begins open. */
typedef struct RetryGate {
    Backoff backoff;
    int64_t open_at_ms; /* monotonic */
} RetryGate;

/* For how long it is shut still; 0: it is open. */
static inline int64_t retry_gate_wait(const RetryGate *gate, int64_t now_ms) {
    return gate->backoff.n ? latest(gate->open_at_ms - now_ms, 0) : 0;
}
static inline void retry_gate_shut(RetryGate *gate, int64_t now_ms, uint32_t lot) {
    gate->open_at_ms = now_ms + backoff_next(&gate->backoff, lot);
}
static inline void retry_gate_open(RetryGate *gate) {
    backoff_reset(&gate->backoff);
}
