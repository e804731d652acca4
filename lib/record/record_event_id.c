/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/record/record_event_id.h"

/* Codes of an event id: none, a UUID, a text of 1 to 64 bytes, or the seen ring's entry of some age. */
#define ID_NONE 0
#define ID_UUID 1
#define ID_TEXT 1                                /* + length */
#define ID_SEEN (ID_TEXT + EVENT_ID_LEN_MAX + 1) /* + age; 0 is the newest */
#define ID_CODE_MAX (ID_SEEN + LEAD_SEEN_MAX - 1)

/* Entry `age` of the ring; 0 is the newest. */
static const uint8_t *seen_bytes(const Lead *lead, size_t age) {
    return lead_seen(lead, lead->n_seen - 1 - age)->bytes;
}

/* The slot that holds the id, or the free one where the search for it ended. There are four for each entry. */
static uint8_t *seen_slot(SeenIndex *seen, const uint8_t bytes[static sizeof(Uuid)]) {
    static_assert(SEEN_SLOTS >= 4 * LEAD_SEEN_MAX && LEAD_SEEN_MAX < UINT8_MAX, "ages fit");
    uint64_t halves[2];
    memcpy(halves, bytes, sizeof(halves));
    size_t i = (size_t)((halves[0] ^ halves[1]) * UINT64_C(0x9E3779B97F4A7C15) >> 56) % SEEN_SLOTS;
    while (seen->ages[i] && memcmp(seen_bytes(seen->lead, seen->ages[i] - 1u), bytes, sizeof(Uuid)) != 0)
        i = (i + 1) % SEEN_SLOTS;
    return &seen->ages[i];
}

/* The age of the newest entry of the seen ring that is the UUID, or -1. */
static int seen_age(SeenIndex *seen, const uint8_t bytes[static sizeof(Uuid)]) {
    for (uint32_t age = 0; age < seen->lead->n_seen && !seen->is_made; age++) {
        uint8_t *slot = seen_slot(seen, seen_bytes(seen->lead, age));
        if (*slot == 0)
            *slot = (uint8_t)(age + 1);
    }
    seen->is_made = true;
    return *seen_slot(seen, bytes) - 1;
}

void pack_event_id(Packer *p, SeenIndex *seen, const EventId *id) {
    char buffer[EVENT_ID_LEN_MAX];
    if (!event_id_is_uuid(id)) {
        Str text = event_id_text(id, buffer);
        pack_number(p, text.len ? ID_TEXT + text.len : ID_NONE);
        pack_bytes(p, text.data, text.len);
        return;
    }
    int age = seen_age(seen, id->bytes);
    if (age >= 0) {
        pack_number(p, (uint64_t)(ID_SEEN + age));
        return;
    }
    pack_number(p, ID_UUID);
    pack_bytes(p, id->bytes, sizeof(id->bytes));
}

static void get_uuid_id(Unpacker *u, SeenIndex *seen, EventId *ret) {
    const char *bytes = unpack_bytes(u, sizeof(Uuid));
    Uuid uuid;
    if (!bytes)
        return;
    memcpy(uuid.bytes, bytes, sizeof(uuid.bytes));
    if (seen_age(seen, uuid.bytes) >= 0)
        u->corrupt = true;
    *ret = event_id_of_uuid(&uuid);
}

static void get_seen_id(Unpacker *u, SeenIndex *seen, size_t age, EventId *ret) {
    Uuid uuid;
    if (age >= seen->lead->n_seen) {
        u->corrupt = true;
        return;
    }
    memcpy(uuid.bytes, seen_bytes(seen->lead, age), sizeof(uuid.bytes));
    if (seen_age(seen, uuid.bytes) != (int)age)
        u->corrupt = true;
    *ret = event_id_of_uuid(&uuid);
}

static int get_text_id(Unpacker *u, size_t len, EventId *ret) {
    const char *text = unpack_bytes(u, len);
    if (!text)
        return 0;
    EventId id = event_id_of((Str){text, len});
    if (event_id_is_uuid(&id))
        u->corrupt = true;
    return event_id_dup(&id, ret);
}

int unpack_event_id(Unpacker *u, SeenIndex *seen, EventId *ret) {
    size_t code = unpack_number_up_to(u, ID_CODE_MAX);
    if (code == ID_NONE)
        return 0;
    if (code > ID_TEXT && code < ID_SEEN)
        return get_text_id(u, code - ID_TEXT, ret);
    if (code == ID_UUID)
        get_uuid_id(u, seen, ret);
    else
        get_seen_id(u, seen, code - ID_SEEN, ret);
    return 0;
}
