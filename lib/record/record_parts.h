#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of Packed Records
 *
 * What the records of leads and accounts have in common, as bytes and back: see packing.h for how. A state is read into one
 * that is empty. Reading returns 0 or -ENOMEM; what is wrong with the bytes sticks in the unpacker.
 */
#include "lib/lead/score_state.h"
#include "lib/lead/time_list.h"
#include "lib/lead/track_state.h"
#include "lib/record/packing.h"

/* Sequences and ordinals travel on as Avro longs. */
#define SEQUENCE_MAX ((uint64_t)INT64_MAX)

/*
 * Without decay steps: reference time or none, value. Else: how many steps still count at the clock; of each, oldest first, how
 * many steps before the clock's it is, and its points.
 */
void pack_score_state(Packer *p, const ScoreState *state, const Decay *decay);
MUST_CHECK int unpack_score_state(Unpacker *u, const Decay *decay, ScoreState *ret);
/* How many; the earliest; of each other the distance from the one before. */
void pack_time_list(Packer *p, const TimeList *list);
MUST_CHECK int unpack_time_list(Unpacker *u, uint32_t n_max, TimeList *ret);
/*
 * How many; each: stage, sequence, mask of the stages entered so far; of each such stage: entries, time of entry, time of leaving or
 * none.
 */
void pack_track_states(Packer *p, const TrackState *states, const Track *tracks, size_t n);
void unpack_track_states(Unpacker *u, TrackState *states, const Track *tracks, size_t n);
