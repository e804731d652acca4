#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An Index of `on` Lists
 *
 * Which of many lists of event types take an event: made once at load, so that an event asks one hash table instead of each
 * rule and transition.
 */
#include "lib/base/arena.h"
#include "lib/event/event_types.h"

/* One list and what it stands for. */
typedef struct IndexedTypes {
    const EventTypes *on;
    uint32_t number; /* of a rule, of a transition, … */
} IndexedTypes;

typedef struct EventIndex EventIndex;

/* `lists` with ascending numbers. 0, with *ret in the arena, or -ENOMEM. */
MUST_CHECK int event_index_new(Arena *arena, const IndexedTypes *lists, size_t n, const EventIndex **ret);

/* Numbers of the lists that take a type: those that name it and those that take any, each ascending. */
typedef struct EventMatches {
    const uint32_t *named, *any;
    size_t n_named, n_any;
} EventMatches;

EventMatches event_index_find(const EventIndex *index, Str type);

/* Takes the least number off; false: there is none left. */
static inline bool event_matches_next(EventMatches *matches, unsigned *ret) {
    if (matches->n_named == 0 && matches->n_any == 0)
        return false;
    if (matches->n_any == 0 || (matches->n_named > 0 && matches->named[0] < matches->any[0])) {
        *ret = *matches->named++;
        matches->n_named--;
    } else {
        *ret = *matches->any++;
        matches->n_any--;
    }
    return true;
}
