#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moments in Order
 *
 * A heap of the leads and accounts of a shard by (time of the next moment, lead before account, id), the order in which moments
 * happen (SPEC section 3). One in memory stands in it by itself; a cold one by its kind and id alone.
 */
#include "lib/lead/entity.h"

typedef struct Moments Moments;

typedef struct Moment {
    int64_t at_ms;
    EntityKind kind;
    Entity *entity; /* NULL: cold */
    Str id;         /* borrowed from the entity, or valid until the cold entry goes */
} Moment;

MUST_CHECK int moments_new(Moments **ret);
Moments *moments_free(Moments *moments);
DEFINE_CLEANUP(Moments *, moments_free)

/* Puts the entity at at_ms, or takes it out for TIME_NEVER. -ENOMEM: as before. */
MUST_CHECK int moments_set(Moments *moments, Entity *entity, int64_t at_ms);
/* The time at which it stood; TIME_NEVER if it did not. */
int64_t moments_remove(Moments *moments, Entity *entity);
/* Adds or moves a cold one. */
MUST_CHECK int moments_set_cold(Moments *moments, EntityKind kind, Str id, int64_t at_ms);
void moments_remove_cold(Moments *moments, EntityKind kind, Str id);
bool moments_has_cold(const Moments *moments, EntityKind kind, Str id);
size_t moments_count_cold(const Moments *moments);
/* All of them; and those at or before at_ms, of which up to `max` are counted. */
size_t moments_count(const Moments *moments);
size_t moments_count_due(const Moments *moments, int64_t at_ms, size_t max);

/* The first in order; at_ms is TIME_NEVER if there is none. */
Moment moments_first(const Moments *moments);
/* The earliest cold one; at_ms is TIME_NEVER if there is none. */
Moment moments_first_cold(const Moments *moments);
