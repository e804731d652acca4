/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/state_record.h"

/* The least that a step takes: its distance, its points. */
#define BUCKET_BYTES_MIN 2

static_assert(MODEL_STAGES_MAX <= 64, "a mask holds them all");

/* ---- tracks ---- */

static void put_track(Packer *p, const TrackState *state, const Track *track) {
    assert(state->sequence <= SEQUENCE_MAX);
    uint64_t mask = 0;
    for (size_t i = 0; i < track->n_stages; i++)
        if (state->stages[i].entries)
            mask |= UINT64_C(1) << i;
    assert(mask >> state->stage & 1);
    pack_number(p, state->stage);
    pack_number(p, state->sequence);
    pack_number(p, mask);
    for (size_t i = 0; i < track->n_stages; i++) {
        if (!(mask >> i & 1))
            continue;
        pack_number(p, state->stages[i].entries);
        pack_past(p, state->stages[i].entered_at_ms);
        pack_past_or_none(p, state->stages[i].left_at_ms);
    }
}

void pack_track_states(Packer *p, const TrackState *states, const Track *tracks, size_t n) {
    pack_number(p, n);
    for (size_t i = 0; i < n; i++)
        put_track(p, &states[i], &tracks[i]);
}

static void get_track(Unpacker *u, TrackState *state, const Track *track) {
    state->stage = unpack_index(u, track->n_stages);
    state->sequence = unpack_number_up_to(u, SEQUENCE_MAX);
    uint64_t mask = unpack_number(u);
    /* One cannot be where one never went. */
    if ((track->n_stages < 64 && mask >> track->n_stages) || !(mask >> state->stage & 1))
        u->corrupt = true;
    for (size_t i = 0; i < track->n_stages && !u->corrupt; i++) {
        if (!(mask >> i & 1))
            continue;
        StageState *stage = &state->stages[i];
        stage->entries = (uint32_t)unpack_number_up_to(u, UINT32_MAX);
        if (stage->entries == 0)
            u->corrupt = true;
        stage->entered_at_ms = unpack_past(u);
        stage->left_at_ms = unpack_past_or_none(u);
    }
}

void unpack_track_states(Unpacker *u, TrackState *states, const Track *tracks, size_t n) {
    if (unpack_number(u) != n)
        u->corrupt = true;
    for (size_t i = 0; i < n && !u->corrupt; i++)
        get_track(u, &states[i], &tracks[i]);
}

/* ---- scores ---- */

static int64_t step_ms(const Decay *decay) {
    return MAX(decay->span_ms / DECAY_STEPS, 1);
}

void pack_score_state(Packer *p, const ScoreState *state, const Decay *decay) {
    if (!decay_is_stepped(decay)) {
        pack_past_or_none(p, state->at_ms);
        if (state->at_ms != TIME_NONE)
            pack_double(p, state->value);
        return;
    }
    pack_number(p, state->n_buckets);
    int64_t from_ms = decay_step(decay, p->clock_ms);
    for (uint32_t i = 0; i < state->n_buckets; i++) {
        const ScoreBucket *bucket = &state->buckets[i];
        int64_t distance_ms = i == 0 ? from_ms - bucket->at_ms : bucket->at_ms - from_ms;
        assert(distance_ms >= (i > 0));
        pack_number(p, (uint64_t)(distance_ms / step_ms(decay)));
        pack_double(p, bucket->points);
        from_ms = bucket->at_ms;
    }
}

static void get_bucket(Unpacker *u, ScoreBucket *bucket, const ScoreBucket *before, const Decay *decay, int64_t latest_ms) {
    int64_t step = step_ms(decay), clock_ms = decay_step(decay, u->clock_ms);
    uint64_t distance = unpack_number_up_to(u, (uint64_t)(clock_ms / step));
    bucket->points = unpack_double(u);
    bucket->at_ms = before ? before->at_ms + (int64_t)distance * step : clock_ms - (int64_t)distance * step;
    if ((before && distance == 0) || bucket->at_ms > latest_ms)
        u->corrupt = true;
}

static int get_buckets(Unpacker *u, ScoreState *state, const Decay *decay, int64_t latest_ms) {
    uint32_t n = (uint32_t)unpack_count(u, SCORE_BUCKETS_MAX, BUCKET_BYTES_MIN);
    if (n == 0)
        return 0;
    state->buckets = calloc(n, sizeof(*state->buckets));
    if (!state->buckets)
        return -ENOMEM;
    state->n_buckets = state->n_buckets_alloc = n;
    for (uint32_t i = 0; i < n && !u->corrupt; i++)
        get_bucket(u, &state->buckets[i], i > 0 ? &state->buckets[i - 1] : NULL, decay, latest_ms);
    return 0;
}

int unpack_score_state(Unpacker *u, ScoreState *state, const Decay *decay, int64_t latest_ms) {
    if (decay_is_stepped(decay))
        return get_buckets(u, state, decay, latest_ms);
    state->at_ms = unpack_past_or_none(u);
    if (state->at_ms != TIME_NONE)
        state->value = unpack_double(u);
    if (state->at_ms > latest_ms)
        u->corrupt = true;
    return 0;
}
