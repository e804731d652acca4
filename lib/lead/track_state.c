/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/lead/track_state.h"

#include <stdalign.h>

size_t track_states_size(const Track *tracks, size_t n) {
    size_t n_stages = 0;
    for (size_t i = 0; i < n; i++)
        n_stages += tracks[i].n_stages;
    return n * sizeof(TrackState) + n_stages * sizeof(StageState);
}

TrackState *track_states_lay_out(void *memory, const Track *tracks, size_t n) {
    static_assert(sizeof(TrackState) % alignof(StageState) == 0, "stages follow the tracks");
    TrackState *states = memory;
    StageState *stages = (StageState *)(void *)(states + n);
    for (size_t i = 0; i < n; i++) {
        states[i].stages = stages;
        stages += tracks[i].n_stages;
    }
    return states;
}

void track_states_reset(TrackState *states, const Track *tracks, size_t n) {
    for (size_t i = 0; i < n; i++) {
        states[i].stage = tracks[i].initial;
        states[i].sequence = 0;
        for (size_t k = 0; k < tracks[i].n_stages; k++)
            states[i].stages[k] = (StageState){.entered_at_ms = TIME_NONE, .left_at_ms = TIME_NONE};
    }
}

void track_states_begin(TrackState *states, const Track *tracks, size_t n, int64_t at_ms) {
    for (size_t i = 0; i < n; i++) {
        states[i].stage = tracks[i].initial;
        states[i].stages[states[i].stage].entered_at_ms = at_ms;
        states[i].stages[states[i].stage].entries = 1;
    }
}
