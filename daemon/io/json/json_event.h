#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lead Events as JSON
 *
 * The JSON form of the input record (SPEC section 1): one object, whose unknown members are passed over and
 * of whose repeated members the last counts. Reading many events allocates nothing once the buffers have
 * grown to the largest.
 */
#include "daemon/io/json/json_reader.h"
#include "lib/event/event.h"

enum {
    _JSON_EVENT_E_SUCCESS,
    JSON_EVENT_E_REJECTED, /* see `reason` and `text` */
};

#define JSON_EVENT_TEXT_SIZE 256

typedef struct JsonEventReader {
    /* After JSON_EVENT_E_REJECTED: a code of SPEC section 8, "bad_json" or "schema", and a text for people.
     */
    const char *reason;
    char text[JSON_EVENT_TEXT_SIZE];

    /* The reader's own. */
    JsonReader json;
    Property *properties;
    size_t n_properties, n_properties_alloc;
    struct JsonPropertyNote *notes; /* beside properties */
    size_t n_notes_alloc;
    bool too_many_properties;
} JsonEventReader;

/* 0 or -ENOMEM. */
MUST_CHECK int json_event_reader_init(JsonEventReader *reader);
void json_event_reader_deinit(JsonEventReader *reader);

/*
 * Reads one event, which is valid by event_validate() and borrows from `line` and from the reader until its
 * next call. 0, JSON_EVENT_E_REJECTED or -ENOMEM; *ret is set on 0 only.
 */
MUST_CHECK int json_event_read(JsonEventReader *reader, Str line, LeadEvent *ret);
