#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event Types
 *
 * What an `on` list takes (SPEC section 2).
 */
#include "lib/event/event.h"

typedef struct EventTypes {
    bool any;           /* no list: every type but profile_updated and lead_* */
    const Str *types;   /* distinct */
    size_t n_types;
} EventTypes;

/* Is the type one of those that `any` takes? */
static inline bool event_type_is_ordinary(Str type) {
    return !event_type_is_lead(type) && !str_eq(type, STR_LITERAL("profile_updated"));
}
/* Does an `on` list take the type? */
bool event_types_contain(const EventTypes *on, Str type);
