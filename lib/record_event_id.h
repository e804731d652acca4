#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event Ids in a Packed Record
 *
 * An event id that is a UUID is stored as its 16 bytes or, if the lead's seen ring holds it (as it does for recent awards), as its
 * distance from the ring's newest entry; another one is stored as a string.
 */
#include "lib/lead.h"
#include "lib/packing.h"

/* An empty id is none. */
void pack_event_id(Packer *p, const Lead *lead, Str id);
/* After the lead's seen ring was read. `id` and *ret_len are as they were if there is none. */
void unpack_event_id(Unpacker *u, const Lead *lead, char id[static EVENT_ID_LEN_MAX], uint8_t *ret_len);
