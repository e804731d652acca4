#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons: the contributions that explain where a lead's scores stand (SPEC section 7, StageChanged). */
#include "lib/engine/output.h"
#include "lib/lead/lead.h"

/* Texts of the reasons' event ids. */
typedef struct ReasonIds {
    char texts[REASONS_MAX][EVENT_ID_LEN_MAX];
} ReasonIds;

/*
 * The greatest contributions at the lead's clock, ordered by absolute present value, then later occurred_at, then
 * file order, profile rules last. Strings are borrowed from the model, the lead and `ids`. Returns how many.
 */
size_t reasons_of(const Lead *lead, const Model *model, Reason ret[static REASONS_MAX], ReasonIds *ids);
/* All that are kept, as worth at at_ms (not before the clock), in the same order. 0 or -ENOMEM. */
MUST_CHECK int reasons_all(
        Arena *arena, const Lead *lead, const Model *model, int64_t at_ms, const Reason **ret, size_t *ret_n);
