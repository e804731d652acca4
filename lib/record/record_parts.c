/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/record/record_parts.h"

/* The least that an entry takes; a count is checked against what is left before memory is taken for it. */
#define BUCKET_BYTES_MIN 2
#define TIME_BYTES_MIN 1

static_assert(MODEL_STAGES_MAX <= 64, "a mask holds them all");

static int64_t step_of(const Decay *decay) {
    return MAX(decay->span_ms / DECAY_STEPS, 1);
}

static bool counts(const ScoreBucket *bucket, const Decay *decay, int64_t clock_ms) {
    return clock_ms - bucket->at_ms < decay->span_ms;
}

void pack_score_state(Packer *p, const ScoreState *state, const Decay *decay) {
    if (!decay_is_stepped(decay)) {
        pack_past_or_none(p, state->at_ms);
        pack_double(p, state->value);
        return;
    }
    uint32_t first = 0;
    while (first < state->n_buckets && !counts(&state->buckets[first], decay, p->clock_ms))
        first++;
    int64_t clock_step_ms = decay_step(decay, p->clock_ms);
    pack_number(p, state->n_buckets - first);
    for (uint32_t i = first; i < state->n_buckets; i++) {
        pack_number(p, (uint64_t)((clock_step_ms - state->buckets[i].at_ms) / step_of(decay)));
        pack_double(p, state->buckets[i].points);
    }
}

int unpack_score_state(Unpacker *u, const Decay *decay, ScoreState *ret) {
    if (!decay_is_stepped(decay)) {
        ret->at_ms = unpack_past_or_none(u);
        ret->value = unpack_double(u);
        return 0;
    }
    uint32_t n = (uint32_t)unpack_count(u, SCORE_BUCKETS_MAX, BUCKET_BYTES_MIN);
    if (u->corrupt || n == 0)
        return 0;
    ret->buckets = calloc(n, sizeof(*ret->buckets));
    if (!ret->buckets)
        return -ENOMEM;
    ret->n_buckets = ret->n_buckets_alloc = n;
    int64_t clock_step_ms = decay_step(decay, u->clock_ms);
    uint64_t steps_max = (uint64_t)(clock_step_ms / step_of(decay));
    for (uint32_t i = 0; i < n && !u->corrupt; i++) {
        ScoreBucket *bucket = &ret->buckets[i];
        bucket->at_ms = clock_step_ms - (int64_t)unpack_number_up_to(u, steps_max) * step_of(decay);
        bucket->points = unpack_double(u);
        if (!counts(bucket, decay, u->clock_ms) || (i > 0 && bucket->at_ms <= ret->buckets[i - 1].at_ms))
            u->corrupt = true;
    }
    return 0;
}

void pack_time_list(Packer *p, const TimeList *list) {
    pack_number(p, list->n);
    for (uint32_t i = 0; i < list->n; i++) {
        if (i == 0)
            pack_past(p, list->at_ms[0]);
        else
            pack_number(p, (uint64_t)(list->at_ms[i] - list->at_ms[i - 1]));
    }
}

int unpack_time_list(Unpacker *u, uint32_t n_max, TimeList *ret) {
    uint32_t n = (uint32_t)unpack_count(u, n_max, TIME_BYTES_MIN);
    if (u->corrupt || n == 0)
        return 0;
    ret->at_ms = calloc(n, sizeof(*ret->at_ms));
    if (!ret->at_ms)
        return -ENOMEM;
    ret->n = ret->n_alloc = n;
    ret->at_ms[0] = unpack_past(u);
    for (uint32_t i = 1; i < n && !u->corrupt; i++) {
        int64_t left_ms = u->clock_ms - ret->at_ms[i - 1];
        ret->at_ms[i] = ret->at_ms[i - 1] + (int64_t)unpack_number_up_to(u, (uint64_t)MAX(left_ms, 0));
    }
    if (ret->at_ms[0] > u->clock_ms)
        u->corrupt = true; /* nothing has happened after the clock */
    return 0;
}

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
