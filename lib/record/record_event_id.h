#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event Ids in a Packed Record
 *
 * An event id that is a UUID is stored as its 16 bytes or, if the lead's seen ring holds it (as it does for recent awards), as its
 * distance from the ring's newest entry; another one is stored as a string.
 */
#include "lib/event/event_id.h"
#include "lib/lead/lead.h"
#include "lib/record/packing.h"

#define SEEN_SLOTS 256

/* Where the lead's seen ring holds which id, as long as that does not change. Begins as {.lead = lead}; made when it is first asked. */
typedef struct SeenIndex {
    const Lead *lead;
    bool is_made;
    uint8_t ages[SEEN_SLOTS]; /* counted from 1; 0: free */
} SeenIndex;

/* An empty id is none. */
void pack_event_id(Packer *p, SeenIndex *seen, const EventId *id);
/* After the lead's seen ring was read. *ret owns its text; it is as it was if there is none. 0 or -ENOMEM. */
MUST_CHECK int unpack_event_id(Unpacker *u, SeenIndex *seen, EventId *ret);
