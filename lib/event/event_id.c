/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/event_id.h"

EventId event_id_of(Str text) {
    Uuid uuid;
    assert(text.len <= EVENT_ID_LEN_MAX);
    if (uuid_parse(text, &uuid))
        return event_id_of_uuid(&uuid);
    EventId id = {.len = (uint8_t)text.len};
    if (text.len > sizeof(id.bytes))
        id.text = (char *)text.data;
    else if (text.len > 0)
        memcpy(id.bytes, text.data, text.len);
    return id;
}

int event_id_dup(const EventId *id, EventId *ret) {
    size_t n = event_id_heap_size(id);
    char *text = n ? malloc(n) : NULL;
    if (n && !text)
        return -ENOMEM;
    *ret = *id;
    if (text)
        ret->text = memcpy(text, id->text, n);
    return 0;
}

void event_id_done(EventId *id) {
    if (event_id_heap_size(id))
        free(id->text);
    *id = (EventId){0};
}

Str event_id_text(const EventId *id, char buffer[static EVENT_ID_LEN_MAX]) {
    static_assert(EVENT_ID_LEN_MAX > UUID_TEXT_LEN, "a UUID's text and its NUL fit");
    if (id->len == 0)
        return STR_NULL;
    if (event_id_heap_size(id))
        return (Str){id->text, id->len};
    if (event_id_is_uuid(id)) {
        Uuid uuid;
        memcpy(uuid.bytes, id->bytes, sizeof(uuid.bytes));
        uuid_print(&uuid, buffer);
        return (Str){buffer, UUID_TEXT_LEN};
    }
    memcpy(buffer, id->bytes, id->len);
    return (Str){buffer, id->len};
}
