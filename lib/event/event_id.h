#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event Ids
 *
 * As leads keep them, by the dozen: a UUID as its 16 bytes, another text of up to 16 bytes as it is, and only a longer one as a piece of the
 * heap. Text is made of one where it is told.
 */
#include "lib/base/uuid.h"
#include "lib/event/event.h"

#define EVENT_ID_UUID (EVENT_ID_LEN_MAX + 1)

typedef struct EventId {
    union {
        uint8_t bytes[sizeof(Uuid)];
        char *text; /* of more than so many bytes */
    };
    uint8_t len; /* of the text, not terminated; 0: none; EVENT_ID_UUID: it is one, whose text has UUID_TEXT_LEN */
} EventId;

/* Borrows a longer text. */
EventId event_id_of(Str text);
static inline EventId event_id_of_uuid(const Uuid *uuid) {
    EventId id = {.len = EVENT_ID_UUID};
    memcpy(id.bytes, uuid->bytes, sizeof(id.bytes));
    return id;
}
static inline bool event_id_is_uuid(const EventId *id) {
    return id->len == EVENT_ID_UUID;
}
/* Bytes of the heap of one that owns its text. */
static inline size_t event_id_heap_size(const EventId *id) {
    return id->len > sizeof(id->bytes) && id->len != EVENT_ID_UUID ? id->len : 0;
}
/* One that owns its text, for event_id_done(). 0 or -ENOMEM. */
MUST_CHECK int event_id_dup(const EventId *id, EventId *ret);
/* Makes it none. */
void event_id_done(EventId *id);
/* Null if there is none; made in `buffer`, or borrowed. */
Str event_id_text(const EventId *id, char buffer[static EVENT_ID_LEN_MAX]);
