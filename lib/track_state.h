#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Where a lead or an account stands on a track, and has stood before. */
#include "lib/model.h"

typedef struct StageState {
    int64_t entered_at_ms; /* last; TIME_NONE: never */
    int64_t left_at_ms;    /* last; TIME_NONE: never */
    uint32_t entries;
} StageState;

typedef struct TrackState {
    unsigned stage;
    uint64_t sequence;  /* of the last StageChanged */
    StageState *stages; /* track->n_stages */
} TrackState;
