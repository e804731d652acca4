#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments in Order
 *
 * A heap of the leads of a shard by (time of the next moment, lead id), the order in which moments happen (SPEC
 * section 3). A lead in memory stands in it by itself; a cold one by its id alone.
 */
#include "lib/lead.h"

typedef struct Moments Moments;

typedef struct Moment {
    int64_t at_ms;
    Lead *lead; /* NULL: cold */
    Str lead_id; /* borrowed from the lead, or valid until the cold entry goes */
} Moment;

MUST_CHECK int moments_new(Moments **ret);
Moments *moments_free(Moments *moments);
DEFINE_CLEANUP(Moments *, moments_free)

/* Puts the lead at its next moment, or takes it out if it has none. -ENOMEM: as before. */
MUST_CHECK int moments_set(Moments *moments, Lead *lead);
void moments_remove(Moments *moments, Lead *lead);
/* Adds or moves a cold lead. */
MUST_CHECK int moments_set_cold(Moments *moments, Str lead_id, int64_t at_ms);
void moments_remove_cold(Moments *moments, Str lead_id);
bool moments_has_cold(const Moments *moments, Str lead_id);
size_t moments_count_cold(const Moments *moments);

/* The first in order; at_ms is TIME_NEVER if there is none. */
Moment moments_first(const Moments *moments);
/* The earliest cold one; at_ms is TIME_NEVER if there is none. */
Moment moments_first_cold(const Moments *moments);
