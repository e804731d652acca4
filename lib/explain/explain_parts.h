#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What explain.c and explain_account.c are made of. All return 0 or -ENOMEM. */
#include "lib/explain/explain.h"

/* Of the situation's lead or account, whose clock is clock_ms. */
MUST_CHECK int explain_tracks(
        Arena *arena, const Situation *situation, int64_t clock_ms, const ExplainedTrack **ret, size_t *ret_n);
/* The lead's open clocks, and those that ended late and may still be revised. */
MUST_CHECK int explain_clocks(
        Arena *arena, const Model *model, const Lead *lead, int64_t at_ms, const ExplainedClock **ret, size_t *ret_n);
/* Room for n of them, or for one if n is 0, so that NULL means out of memory. */
#define explain_array(arena, type, n) arena_new_array((arena), type, MAX((size_t)(n), (size_t)1))
