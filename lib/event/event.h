#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lead Event
 *
 * The one input record (SPEC section 1), as a decoder hands it to the engine: everything in it is borrowed
 * from the decoder's buffers and is valid until the decoder's next call. The engine copies what it keeps.
 */
#include "lib/base/value.h"

/* Sizes in bytes, from SPEC section 1. */
#define EVENT_ID_LEN_MAX 64
#define EVENT_LEAD_ID_LEN_MAX 128
#define EVENT_ACCOUNT_ID_LEN_MAX 128
#define EVENT_TYPE_LEN_MAX 64
/* SPEC sets no bound on these; ours keep a record small enough for one Kafka message of default size. */
#define EVENT_SOURCE_LEN_MAX 1024
#define EVENT_PROPERTIES_MAX 1024
#define EVENT_PROPERTY_NAME_LEN_MAX 256
#define EVENT_PROPERTY_STRING_LEN_MAX (32 * 1024)

/* 1970-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z (SPEC section 10). */
#define EVENT_TIME_MS_MIN INT64_C(0)
#define EVENT_TIME_MS_MAX INT64_C(253402300799999)

typedef struct LeadEvent {
    Str event_id;
    int64_t occurred_at_ms;
    Str lead_id;
    Str account_id; /* null: leaves the lead's account as it was */
    Str type;
    Str source, campaign, topic; /* null when absent */
    const Property *properties;  /* names are distinct */
    size_t n_properties;
} LeadEvent;

/*
 * Is the event within the limits above? On false `text` (size bytes, always terminated) says which field
 * is wrong and what was expected.
 */
MUST_CHECK bool event_validate(const LeadEvent *event, char *text, size_t size);

/* The property `name`, null if absent. */
static inline Value event_property(const LeadEvent *event, Str name) {
    return property_find(event->properties, event->n_properties, name);
}

/* Types with a meaning of their own (SPEC section 1); never ignored (section 4, step 3). */
static inline bool event_is_profile_update(const LeadEvent *e) {
    return str_eq(e->type, STR_LITERAL("profile_updated"));
}
static inline bool event_type_is_sales(Str type) {
    return str_starts_with(type, "sales_");
}
static inline bool event_type_is_lead(Str type) {
    return str_starts_with(type, "lead_");
}
