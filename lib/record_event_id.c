/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/record_event_id.h"

#include "lib/uuid.h"

/* Codes of an event id: none, a UUID, a text of 1 to 64 bytes, or the seen ring's entry of some age. */
#define ID_NONE 0
#define ID_UUID 1
#define ID_TEXT 1                                /* + length */
#define ID_SEEN (ID_TEXT + EVENT_ID_LEN_MAX + 1) /* + age; 0 is the newest */
#define ID_CODE_MAX (ID_SEEN + LEAD_SEEN_MAX - 1)

/* The age of the newest entry of the seen ring that is the UUID, or -1. The newest are the likely ones. */
static int seen_age(const Lead *lead, const Uuid *uuid) {
    uint32_t at = lead->seen_start + lead->n_seen;
    for (uint32_t age = 0; age < lead->n_seen; age++) {
        at--;
        const EventKey *key = &lead->seen[at < lead->n_seen_alloc ? at : at - lead->n_seen_alloc];
        if (memcmp(key->bytes, uuid->bytes, sizeof(uuid->bytes)) == 0)
            return (int)age;
    }
    return -1;
}

void pack_event_id(Packer *p, const Lead *lead, Str id) {
    if (id.len == 0) {
        pack_number(p, ID_NONE);
        return;
    }
    Uuid uuid;
    if (!uuid_parse(id, &uuid)) {
        pack_number(p, ID_TEXT + id.len);
        pack_bytes(p, id.data, id.len);
        return;
    }
    int age = seen_age(lead, &uuid);
    if (age >= 0) {
        pack_number(p, (uint64_t)(ID_SEEN + age));
        return;
    }
    pack_number(p, ID_UUID);
    pack_bytes(p, uuid.bytes, sizeof(uuid.bytes));
}

static void get_uuid_id(Unpacker *u, const Lead *lead, Uuid *ret) {
    const char *bytes = unpack_bytes(u, sizeof(ret->bytes));
    if (!bytes)
        return;
    memcpy(ret->bytes, bytes, sizeof(ret->bytes));
    if (seen_age(lead, ret) >= 0)
        u->corrupt = true;
}

static void get_seen_id(Unpacker *u, const Lead *lead, size_t age, Uuid *ret) {
    if (age >= lead->n_seen) {
        u->corrupt = true;
        return;
    }
    memcpy(ret->bytes, lead_seen(lead, lead->n_seen - 1 - age)->bytes, sizeof(ret->bytes));
    if (seen_age(lead, ret) != (int)age)
        u->corrupt = true;
}

void unpack_event_id(Unpacker *u, const Lead *lead, char id[static EVENT_ID_LEN_MAX], uint8_t *ret_len) {
    static_assert(EVENT_ID_LEN_MAX > UUID_TEXT_LEN, "a UUID's text and its NUL fit");
    size_t code = unpack_number_up_to(u, ID_CODE_MAX);
    Uuid uuid = {0};
    if (code == ID_NONE)
        return;
    if (code > ID_TEXT && code < ID_SEEN) {
        size_t len = code - ID_TEXT;
        const char *text = unpack_bytes(u, len);
        if (!text)
            return;
        if (uuid_parse((Str){text, len}, &uuid))
            u->corrupt = true;
        memcpy(id, text, len);
        *ret_len = (uint8_t)len;
        return;
    }
    if (code == ID_UUID)
        get_uuid_id(u, lead, &uuid);
    else
        get_seen_id(u, lead, code - ID_SEEN, &uuid);
    uuid_print(&uuid, id);
    *ret_len = UUID_TEXT_LEN;
}
