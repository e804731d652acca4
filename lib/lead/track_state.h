#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Where a lead or an account stands on a track, and has stood before. */
#include "lib/model/model.h"

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

/* A stage where one stood that a new model does not have. The track is in its initial stage by now, which is still to be told. */
typedef struct LostStage {
    unsigned track;
    int64_t entered_at_ms;
    uint8_t id_len;
    char id[MODEL_ID_LEN_MAX];
} LostStage;

/* Bytes for the states of the tracks, with their stages; they can stand where a TrackState can. */
size_t track_states_size(const Track *tracks, size_t n);
/* Lays them out in memory of that size, which stays the caller's. */
TrackState *track_states_lay_out(void *memory, const Track *tracks, size_t n);
/* As of one who has been nowhere yet. */
void track_states_reset(TrackState *states, const Track *tracks, size_t n);
/* Enters the initial stages at at_ms. */
void track_states_begin(TrackState *states, const Track *tracks, size_t n, int64_t at_ms);
