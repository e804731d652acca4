#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packed States
 *
 * The parts that the records of leads and of accounts have in common: where one stands on tracks, and the points of a score.
 * As with packing.h, each has one form, and reading refuses the others.
 */
#include "lib/packing.h"
#include "lib/track_state.h"

/* Sequences and ordinals travel on as Avro longs. */
#define SEQUENCE_MAX ((uint64_t)INT64_MAX)

/*
 * The number of tracks; each: stage, sequence, mask of the stages entered so far; of each such stage: entries, time of entry, time of
 * leaving or none.
 */
void pack_track_states(Packer *p, const TrackState *states, const Track *tracks, size_t n);
void unpack_track_states(Unpacker *u, TrackState *states, const Track *tracks, size_t n);

/*
 * Without steps: reference time or none; if there is one, the value then. With steps: their count, then of each, by time: how many
 * steps it lies after the one before (the first: before the clock's), its points. Nothing may be dated after latest_ms.
 */
void pack_score_state(Packer *p, const ScoreState *state, const Decay *decay);
/* Into a state without memory. 0 or -ENOMEM. */
MUST_CHECK int unpack_score_state(Unpacker *u, ScoreState *state, const Decay *decay, int64_t latest_ms);
