#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Times of an SLA Policy
 *
 * What a policy says of time: its target, when a late verdict can still be taken back, and its levels. A clock goes on under those
 * that it was started with (SPEC section 5), so where a new model version says something else, it has a copy of its own.
 */
#include "lib/model/model.h"
#include "lib/record/packing.h"

typedef struct SlaTimes {
    int64_t target_ms;
    int64_t revise_ms;
    const SlaLevel *warnings;
    size_t n_warnings;
    const SlaLevel *escalations;
    size_t n_escalations;
} SlaTimes;

/* Borrowed from the policy. */
SlaTimes sla_times_of(const SlaPolicy *policy);
/* The same by what they say, texts included? */
bool sla_times_equal(const SlaTimes *a, const SlaTimes *b);
/* A copy in one piece, for free(). 0 or -ENOMEM. */
MUST_CHECK int sla_times_dup(const SlaTimes *times, SlaTimes **ret);
/* Bytes of that piece. */
size_t sla_times_memory(const SlaTimes *times);

/* Target, revise; warnings and escalations: how many, each: text, after. */
void pack_sla_times(Packer *p, const SlaTimes *times);
/* Texts are borrowed from the bytes, levels are put into the arrays; u->corrupt says whether they are any. */
typedef struct SlaTimesBuffer {
    SlaLevel warnings[MODEL_LEVELS_MAX], escalations[MODEL_LEVELS_MAX];
} SlaTimesBuffer;
SlaTimes unpack_sla_times(Unpacker *u, SlaTimesBuffer *buffer);
