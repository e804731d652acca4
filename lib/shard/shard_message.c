/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout: format, kind, the instant; then what the kind has, in the order of the struct. Times are distances from the instant.
 */
#include "lib/shard/shard_message.h"

#include "lib/record/record.h"

/* 2: events tell their partition, too. */
#define MESSAGE_FORMAT 2
/* A merged lead and an event as it came are the largest. What librdkafka takes by default, message.max.bytes, is 1,000,000. */
#define MESSAGE_BYTES_MAX 990000
/* What travels of a carried text: what an output shows of it; with a merged lead less, for its record is large enough by itself. */
#define TEXT_LEN_MAX OUTPUT_CARRIED_LEN_MAX
#define MERGE_TEXT_LEN_MAX 512
static_assert(RECORD_BYTES_MAX + MODEL_CARRY_MAX * (MERGE_TEXT_LEN_MAX + EVENT_PROPERTY_NAME_LEN_MAX + 8) +
                              4 * EVENT_SOURCE_LEN_MAX + 4 * EVENT_LEAD_ID_LEN_MAX < MESSAGE_BYTES_MAX, "a merged lead fits");
/* The least that they take; counts are checked against what is left. */
#define AWARD_BYTES_MIN 3
#define PROPERTY_BYTES_MIN 2
#define TOPIC_LEN_MAX 255

Str shard_message_target(const ShardMessage *message) {
    switch (message->kind) {
    case MESSAGE_WATERMARK:
    case MESSAGE_PROGRESS:
        return STR_NULL;
    case MESSAGE_TOUCH:
    case MESSAGE_LEAVE:
    case MESSAGE_ENTRY:
        return message->account_id;
    case MESSAGE_MERGE:
        return message->way.into;
    default:
        return message->lead_id;
    }
}

/* --- writing ----------------------------------------------------------------------------------------- */

static void put_event(Packer *p, const ShardMessage *message, const Model *model) {
    const LeadEvent *event = message->event;
    size_t text_len_max = message->kind == MESSAGE_MERGE ? MERGE_TEXT_LEN_MAX : TEXT_LEN_MAX;
    pack_number(p, event != NULL);
    if (!event)
        return;
    pack_str(p, event->event_id);
    pack_past(p, event->occurred_at_ms);
    pack_str(p, event->type);
    pack_str_or_null(p, event->source);
    pack_str_or_null(p, event->campaign);
    pack_str_or_null(p, event->topic);
    size_t n = 0;
    for (size_t i = 0; i < model->n_carry_event; i++)
        n += event_property(event, model->carry_event[i]).type != VALUE_NULL;
    pack_number(p, n);
    for (size_t i = 0; i < model->n_carry_event; i++) {
        Value value = event_property(event, model->carry_event[i]);
        if (value.type == VALUE_NULL)
            continue;
        if (value.type == VALUE_STRING)
            value.string.len = str_cut(value.string, text_len_max);
        pack_str(p, model->carry_event[i]);
        pack_value(p, value);
    }
}

static void put_touch(Packer *p, const Touch *touch) {
    pack_number(p, touch->left_account_id.data != NULL);
    pack_str_or_null(p, touch->merged_lead_id);
    pack_str_or_null(p, touch->merged_account_id);
    pack_past_or_none(p, touch->committee_at_ms);
    pack_number(p, touch->n_awards);
    for (size_t i = 0; i < touch->n_awards; i++) {
        pack_number(p, touch->awards[i].score);
        pack_double(p, touch->awards[i].points);
        pack_past(p, touch->awards[i].occurred_at_ms);
    }
}

/* Older programs said no more of the way than where it leads. */
static void put_merge(Packer *p, const ShardMessage *m, const Model *model) {
    pack_str(p, m->lead_id);
    pack_str(p, m->way.into);
    put_event(p, m, model);
    pack_str(p, m->bytes);
    if (!m->way.least.data)
        return;
    pack_number(p, m->way.is_circle);
    pack_str(p, m->way.least);
    pack_str(p, m->way.least_into);
}

static void put_rest(Packer *p, const ShardMessage *m, const Model *model) {
    switch (m->kind) {
    case MESSAGE_WATERMARK:
        pack_number(p, (uint64_t)m->from_shard);
        return;
    case MESSAGE_TOUCH:
        pack_str(p, m->account_id);
        pack_str(p, m->lead_id);
        put_event(p, m, model);
        pack_signed(p, m->model_version);
        put_touch(p, m->touch);
        return;
    case MESSAGE_LEAVE:
        pack_str(p, m->account_id);
        pack_str(p, m->lead_id);
        pack_str_or_null(p, m->to_account_id);
        pack_str_or_null(p, m->to_lead_id);
        put_event(p, m, model);
        return;
    case MESSAGE_ENTRY:
        pack_str(p, m->account_id);
        pack_str(p, m->lead_id);
        pack_number(p, m->n_more);
        put_event(p, m, model);
        pack_signed(p, m->model_version);
        pack_str(p, m->bytes);
        return;
    case MESSAGE_MERGE:
        put_merge(p, m, model);
        return;
    case MESSAGE_EVENT:
        pack_str(p, m->lead_id);
        pack_str(p, m->topic);
        pack_signed(p, m->partition);
        pack_number(p, (uint64_t)m->offset);
        pack_str(p, m->bytes);
        return;
    case MESSAGE_PROGRESS:
        pack_number(p, (uint64_t)m->from_shard);
        pack_str(p, m->topic);
        pack_number(p, m->at_end);
        return;
    default:
        pack_str(p, m->lead_id);
    }
}

int shard_message_pack(const ShardMessage *message, const Model *model, Buffer *buffer) {
    Packer p = {.buffer = buffer, .start = buffer->len, .bytes_max = MESSAGE_BYTES_MAX, .clock_ms = message->at_ms};
    pack_bytes(&p, &(uint8_t){MESSAGE_FORMAT}, 1);
    pack_number(&p, message->kind);
    pack_signed(&p, message->at_ms);
    put_rest(&p, message, model);
    if (p.error)
        buffer->len = p.start;
    return p.error;
}

/* --- reading ----------------------------------------------------------------------------------------- */

static Str get_id(Unpacker *u) {
    Str id = unpack_str(u, EVENT_LEAD_ID_LEN_MAX);
    if (id.len == 0)
        u->corrupt = true;
    return id;
}

static int get_properties(Unpacker *u, Arena *arena, LeadEvent *event) {
    size_t n = unpack_count(u, MODEL_CARRY_MAX, PROPERTY_BYTES_MIN);
    Property *properties = arena_new_array(arena, Property, MAX(n, (size_t)1));
    if (!properties)
        return -ENOMEM;
    for (size_t i = 0; i < n && !u->corrupt; i++) {
        properties[i].name = unpack_str(u, EVENT_PROPERTY_NAME_LEN_MAX);
        properties[i].value = unpack_value(u);
    }
    event->properties = properties;
    event->n_properties = n;
    return 0;
}

static int get_event(Unpacker *u, Arena *arena, ShardMessage *m) {
    if (!unpack_index(u, 2))
        return 0;
    LeadEvent *event = arena_new_array(arena, LeadEvent, 1);
    if (!event)
        return -ENOMEM;
    event->lead_id = m->lead_id;
    event->event_id = unpack_str(u, EVENT_ID_LEN_MAX);
    event->occurred_at_ms = unpack_past(u);
    event->type = unpack_str(u, EVENT_TYPE_LEN_MAX);
    event->source = unpack_str_or_null(u, 0, EVENT_SOURCE_LEN_MAX);
    event->campaign = unpack_str_or_null(u, 0, EVENT_SOURCE_LEN_MAX);
    event->topic = unpack_str_or_null(u, 0, EVENT_SOURCE_LEN_MAX);
    m->event = event;
    return get_properties(u, arena, event);
}

/* An instant that is not after the message's. */
static int64_t get_until(Unpacker *u) {
    int64_t at_ms = unpack_past(u);
    if (at_ms > u->clock_ms)
        u->corrupt = true;
    return at_ms;
}

static int get_touch(Unpacker *u, Arena *arena, ShardMessage *m) {
    Touch *touch = arena_new_array(arena, Touch, 1);
    if (!touch)
        return -ENOMEM;
    *touch = (Touch){.lead_id = m->lead_id, .at_ms = m->at_ms, .account_id = m->account_id, .event = m->event, .gave_points = true};
    /* that it moved is all that is told: what it left is not this account's business */
    touch->left_account_id = unpack_index(u, 2) ? STR_LITERAL("") : STR_NULL;
    touch->merged_lead_id = unpack_str_or_null(u, 1, EVENT_LEAD_ID_LEN_MAX);
    touch->merged_account_id = unpack_str_or_null(u, 1, EVENT_ACCOUNT_ID_LEN_MAX);
    touch->committee_at_ms = unpack_past_or_none(u);
    if (touch->committee_at_ms > u->clock_ms)
        u->corrupt = true;
    touch->n_awards = unpack_count(u, MESSAGE_BYTES_MAX, AWARD_BYTES_MIN);
    touch->awards = arena_new_array(arena, TouchAward, MAX(touch->n_awards, (size_t)1));
    if (!touch->awards)
        return -ENOMEM;
    for (size_t i = 0; i < touch->n_awards && !u->corrupt; i++) {
        touch->awards[i].score = unpack_index(u, MODEL_ACCOUNT_SCORES_MAX);
        touch->awards[i].points = unpack_double(u);
        touch->awards[i].occurred_at_ms = get_until(u);
    }
    m->touch = touch;
    return 0;
}

static int get_of_account(Unpacker *u, Arena *arena, ShardMessage *m) {
    m->account_id = get_id(u);
    m->lead_id = get_id(u);
    if (m->kind == MESSAGE_LEAVE) {
        m->to_account_id = unpack_str_or_null(u, 1, EVENT_ACCOUNT_ID_LEN_MAX);
        m->to_lead_id = unpack_str_or_null(u, 1, EVENT_LEAD_ID_LEN_MAX);
        if (!m->to_account_id.data != !m->to_lead_id.data)
            u->corrupt = true;
    } else if (m->kind == MESSAGE_ENTRY) {
        m->n_more = (unsigned)unpack_number_up_to(u, ACCOUNT_DEPARTURES_MAX);
    }
    int r = get_event(u, arena, m);
    if (m->kind != MESSAGE_LEAVE)
        m->model_version = unpack_signed(u);
    if (r == 0 && m->kind == MESSAGE_TOUCH)
        r = get_touch(u, arena, m);
    if (m->kind == MESSAGE_ENTRY)
        m->bytes = unpack_str(u, MESSAGE_BYTES_MAX);
    return r;
}

static int get_merge(Unpacker *u, Arena *arena, ShardMessage *m) {
    m->lead_id = get_id(u);
    m->way.into = get_id(u);
    int r = get_event(u, arena, m);
    m->bytes = unpack_str(u, MESSAGE_BYTES_MAX);
    if (!m->event)
        u->corrupt = true;
    if (r < 0 || !unpack_left(u))
        return r;
    m->way.is_circle = unpack_index(u, 2);
    m->way.least = get_id(u);
    m->way.least_into = get_id(u);
    return 0;
}

static int32_t get_partition(Unpacker *u) {
    int64_t partition = unpack_signed(u);
    if (partition < -1 || partition > INT32_MAX)
        u->corrupt = true;
    return u->corrupt ? -1 : (int32_t)partition;
}

static int get_rest(Unpacker *u, uint8_t format, Arena *arena, ShardMessage *m) {
    switch (m->kind) {
    case MESSAGE_WATERMARK:
        m->from_shard = (int32_t)unpack_number_up_to(u, INT32_MAX);
        return 0;
    case MESSAGE_TOUCH:
    case MESSAGE_LEAVE:
    case MESSAGE_ENTRY:
        return get_of_account(u, arena, m);
    case MESSAGE_MERGE:
        return get_merge(u, arena, m);
    case MESSAGE_EVENT:
        m->lead_id = get_id(u);
        m->topic = unpack_str(u, TOPIC_LEN_MAX);
        m->partition = format < 2 ? -1 : get_partition(u);
        m->offset = (int64_t)unpack_number_up_to(u, INT64_MAX);
        m->bytes = unpack_str(u, MESSAGE_BYTES_MAX);
        return 0;
    case MESSAGE_PROGRESS:
        m->from_shard = (int32_t)unpack_number_up_to(u, INT32_MAX);
        m->topic = unpack_str(u, TOPIC_LEN_MAX);
        m->at_end = unpack_index(u, 2);
        return 0;
    default:
        m->lead_id = get_id(u);
        return 0;
    }
}

int shard_message_unpack(Str bytes, Arena *arena, ShardMessage *ret) {
    if (bytes.len == 0 || bytes.len > MESSAGE_BYTES_MAX || bytes.data[0] == 0)
        return SHARD_MESSAGE_E_CORRUPT;
    if ((uint8_t)bytes.data[0] > MESSAGE_FORMAT)
        return SHARD_MESSAGE_E_FORMAT;
    Unpacker u = {.at = bytes.data + 1, .end = bytes.data + bytes.len};
    ShardMessage m = {.kind = (MessageKind)unpack_number(&u)};
    if (m.kind >= _MESSAGE_KIND_MAX)
        return SHARD_MESSAGE_E_FORMAT; /* of a kind that came later */
    m.at_ms = unpack_clock(&u);
    int r = get_rest(&u, (uint8_t)bytes.data[0], arena, &m);
    if (r < 0)
        return r;
    if (u.corrupt || unpack_left(&u))
        return SHARD_MESSAGE_E_CORRUPT;
    *ret = m;
    return 0;
}
