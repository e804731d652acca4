/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout, in the order of the bytes (see packing.h for how a number, a string or a time looks):
 *
 *     format, model version
 *     clock                                  absolute; all other times are distances from it
 *     account, first source, last source     null or a string
 *     first source's time, latest activity   or none
 *     segment, route + 1, ordinal
 *     next internal and next SLA moment      or never
 *     seen       count; 16 bytes each, oldest first
 *     scores     count; each as pack_score_state() writes it
 *     counters   count; each as pack_time_list() writes it; then the limits likewise
 *     idle rules count; each: asleep or not, last reset or none
 *     tracks     as pack_track_states() writes them
 *     clocks     count; each as pack_sla_clock() writes it
 *     awards     count; each, oldest first: rule, score, points, time, and its event id as pack_event_id() writes it
 *     profile    count; each, by name: name, value
 *     aliases    count; each in the order of the merges: id
 *
 * An id that was merged into another lead has a format of its own, and then the other lead's id.
 *
 * As each field has one form only, each lead has one record, and each byte string that is accepted is the
 * record of what was read: records can be compared and hashed as bytes.
 */
#include "lib/record/record.h"

#include "lib/base/owned.h"
#include "lib/record/record_clock.h"
#include "lib/record/record_event_id.h"
#include "lib/record/record_parts.h"

/* The least that an entry takes; a count is checked against what is left before memory is taken for it. */
#define AWARD_BYTES_MIN 5
#define PROPERTY_BYTES_MIN 2
#define ALIAS_BYTES_MIN 2

/* ---- writing ---- */

static void put_head(Packer *p, const Lead *lead, const Model *model) {
    assert(lead->clock_ms != TIME_NONE); /* one that never began has no record */
    assert(lead->ordinal <= SEQUENCE_MAX);
    pack_bytes(p, &(uint8_t){RECORD_FORMAT}, 1);
    pack_signed(p, model->version);
    pack_signed(p, lead->clock_ms);
    pack_str_or_null(p, lead->account_id);
    pack_str_or_null(p, lead->first_source);
    pack_str_or_null(p, lead->last_source);
    pack_past_or_none(p, lead->first_source_at_ms);
    pack_past_or_none(p, lead->latest_activity_ms);
    pack_number(p, lead->segment);
    pack_number(p, (uint64_t)(lead->route + 1));
    pack_number(p, lead->ordinal);
    pack_future_or_never(p, lead->next_internal_ms);
    pack_future_or_never(p, lead->next_sla_ms);
}

static void put_seen(Packer *p, const Lead *lead) {
    pack_number(p, lead->n_seen);
    if (lead->n_seen == 0)
        return;
    /* only a full ring does not begin where its array does */
    size_t n_older = lead->n_seen - lead->seen_start;
    pack_bytes(p, lead->seen + lead->seen_start, n_older * sizeof(EventKey));
    pack_bytes(p, lead->seen, lead->seen_start * sizeof(EventKey));
}

static void put_scores(Packer *p, const Lead *lead, const Model *model) {
    pack_number(p, model->n_scores);
    for (size_t i = 0; i < model->n_scores; i++)
        pack_score_state(p, &lead->scores[i], &model->scores[i].decay);
}

static void put_times(Packer *p, const Lead *lead, const Model *model) {
    pack_number(p, model->n_counters);
    for (size_t i = 0; i < model->n_counters; i++)
        pack_time_list(p, &lead->counters[i]);
    pack_number(p, model->n_limits);
    for (size_t i = 0; i < model->n_limits; i++)
        pack_time_list(p, &lead->limits[i]);
    pack_number(p, model->n_idle_rules);
    for (size_t i = 0; i < model->n_idle_rules; i++) {
        pack_number(p, lead->idle[i].sleeps);
        pack_past_or_none(p, lead->idle[i].last_ms);
    }
}

static void put_tracks_and_clocks(Packer *p, const Lead *lead, const Model *model, SeenIndex *seen) {
    pack_track_states(p, lead->tracks, model->tracks, model->n_tracks);
    pack_number(p, model->n_policies);
    for (size_t i = 0; i < model->n_policies; i++)
        pack_sla_clock(p, seen, &lead->clocks[i]);
}

static void put_awards(Packer *p, const Lead *lead, SeenIndex *seen) {
    pack_number(p, lead->n_awards);
    for (size_t i = 0; i < lead->n_awards; i++) {
        const GivenAward *award = lead_award(lead, i);
        pack_number(p, award->rule);
        pack_number(p, award->score);
        pack_double(p, award->points);
        pack_past(p, award->occurred_at_ms);
        pack_event_id(p, seen, &award->event_id);
    }
}

static void put_profile(Packer *p, const Lead *lead) {
    pack_number(p, lead->n_profile);
    for (size_t i = 0; i < lead->n_profile; i++) {
        pack_str(p, lead->profile[i].name);
        pack_value(p, lead->profile[i].value);
    }
}

static void put_aliases(Packer *p, const Lead *lead) {
    pack_number(p, lead->n_aliases);
    for (size_t i = 0; i < lead->n_aliases; i++)
        pack_str(p, lead->aliases[i]);
}

static int pack_merged(const Lead *lead, Buffer *buffer) {
    Packer p = {.buffer = buffer, .start = buffer->len, .bytes_max = RECORD_BYTES_MAX};
    assert(lead->ordinal <= SEQUENCE_MAX);
    pack_bytes(&p, &(uint8_t){lead->ordinal ? RECORD_FORMAT_MERGED : RECORD_FORMAT_MERGED_1}, 1);
    pack_str(&p, lead->merged_into);
    if (lead->ordinal)
        pack_number(&p, lead->ordinal);
    if (p.error)
        buffer->len = p.start;
    return p.error;
}

int record_pack(const Lead *lead, const Model *model, Buffer *buffer) {
    if (lead->merged_into.data)
        return pack_merged(lead, buffer);
    Packer p = {
            .buffer = buffer,
            .start = buffer->len,
            .bytes_max = RECORD_BYTES_MAX,
            .clock_ms = lead->clock_ms,
    };
    SeenIndex seen = {.lead = lead};
    put_head(&p, lead, model);
    put_seen(&p, lead);
    put_scores(&p, lead, model);
    put_times(&p, lead, model);
    put_tracks_and_clocks(&p, lead, model, &seen);
    put_awards(&p, lead, &seen);
    put_profile(&p, lead);
    put_aliases(&p, lead);
    if (p.error)
        buffer->len = p.start;
    return p.error == PACKING_E_SIZE ? RECORD_E_SIZE : p.error;
}

/* ---- reading ---- */

/* A count that must be the model's. */
static void get_count_of_model(Unpacker *u, size_t n) {
    if (unpack_number(u) != n)
        u->corrupt = true;
}

static int get_head(Unpacker *u, Lead *lead, const Model *model) {
    lead->clock_ms = unpack_clock(u);
    int error = str_set(&lead->account_id, unpack_str_or_null(u, 1, EVENT_ACCOUNT_ID_LEN_MAX));
    if (!error)
        error = str_set(&lead->first_source, unpack_str_or_null(u, 0, EVENT_SOURCE_LEN_MAX));
    if (!error)
        error = str_set(&lead->last_source, unpack_str_or_null(u, 0, EVENT_SOURCE_LEN_MAX));
    if (error)
        return error;

    lead->first_source_at_ms = unpack_past_or_none(u);
    lead->latest_activity_ms = unpack_past_or_none(u);
    lead->segment = (unsigned)unpack_number_up_to(u, model->n_segments);
    lead->route = (int)unpack_number_up_to(u, model->n_routes) - 1;
    lead->ordinal = unpack_number_up_to(u, SEQUENCE_MAX);
    lead->next_internal_ms = unpack_future_or_never(u);
    lead->next_sla_ms = unpack_future_or_never(u);
    return 0;
}

static int get_seen(Unpacker *u, Lead *lead) {
    uint32_t n = (uint32_t)unpack_count(u, LEAD_SEEN_MAX, sizeof(EventKey));
    const char *bytes = unpack_bytes(u, n * sizeof(EventKey));
    if (!bytes || n == 0)
        return 0;
    lead->seen = malloc(n * sizeof(EventKey));
    if (!lead->seen)
        return -ENOMEM;
    memcpy(lead->seen, bytes, n * sizeof(EventKey));
    lead->n_seen = lead->n_seen_alloc = n;
    return 0;
}

static int get_scores(Unpacker *u, Lead *lead, const Model *model) {
    int error = 0;
    get_count_of_model(u, model->n_scores);
    for (size_t i = 0; i < model->n_scores && !u->corrupt && !error; i++)
        error = unpack_score_state(u, &model->scores[i].decay, &lead->scores[i]);
    return error;
}

static int get_times(Unpacker *u, Lead *lead, const Model *model) {
    int error = 0;
    get_count_of_model(u, model->n_counters);
    for (size_t i = 0; i < model->n_counters && !u->corrupt && !error; i++)
        error = unpack_time_list(u, model->counters[i].keep, &lead->counters[i]);
    if (error)
        return error;
    get_count_of_model(u, model->n_limits);
    for (size_t i = 0; i < model->n_limits && !u->corrupt && !error; i++)
        error = unpack_time_list(u, MODEL_LIMIT_TIMES_MAX, &lead->limits[i]);
    if (error)
        return error;
    get_count_of_model(u, model->n_idle_rules);
    for (size_t i = 0; i < model->n_idle_rules && !u->corrupt; i++) {
        lead->idle[i].sleeps = unpack_index(u, 2);
        lead->idle[i].last_ms = unpack_past_or_none(u);
    }
    return 0;
}

static int get_tracks_and_clocks(Unpacker *u, Lead *lead, const Model *model, SeenIndex *seen) {
    unpack_track_states(u, lead->tracks, model->tracks, model->n_tracks);
    get_count_of_model(u, model->n_policies);
    int error = 0;
    for (unsigned i = 0; i < model->n_policies && !u->corrupt && !error; i++)
        error = unpack_sla_clock(u, &lead->clocks[i], seen, model, i);
    return error;
}

static int get_awards(Unpacker *u, Lead *lead, const Model *model, SeenIndex *seen) {
    uint32_t n = (uint32_t)unpack_count(u, LEAD_AWARDS_MAX, AWARD_BYTES_MIN);
    if (u->corrupt || n == 0)
        return 0;
    lead->awards = calloc(n, sizeof(GivenAward));
    if (!lead->awards)
        return -ENOMEM;
    lead->n_awards = lead->n_awards_alloc = n;
    int error = 0;
    for (uint32_t i = 0; i < n && !u->corrupt && !error; i++) {
        GivenAward *award = &lead->awards[i];
        award->rule = (uint16_t)unpack_index(u, model->n_rules + model->n_idle_rules);
        award->score = (uint16_t)unpack_index(u, model->n_scores);
        award->points = unpack_double(u);
        award->occurred_at_ms = unpack_past(u);
        error = unpack_event_id(u, seen, &award->event_id);
        lead->award_ids_bytes += heap_bytes(event_id_heap_size(&award->event_id));
    }
    return error;
}

static int get_profile(Unpacker *u, Lead *lead) {
    size_t n = unpack_count(u, LEAD_PROFILE_MAX, PROPERTY_BYTES_MIN);
    if (u->corrupt || n == 0)
        return 0;
    lead->profile = calloc(n, sizeof(Property));
    if (!lead->profile)
        return -ENOMEM;
    lead->n_profile_alloc = n;

    Str previous = STR_NULL;
    for (size_t i = 0; i < n; i++) {
        Str name = unpack_str(u, EVENT_PROPERTY_NAME_LEN_MAX);
        Value value = unpack_value(u);
        if (!u->corrupt && previous.data && str_compare(previous, name) >= 0)
            u->corrupt = true;
        if (u->corrupt)
            return 0;
        previous = name;
        /* Names rise, so each goes to the end of the array, which has room. */
        int error = lead_set_profile(lead, name, value);
        if (error)
            return error;
    }
    return 0;
}

static int get_aliases(Unpacker *u, Lead *lead) {
    size_t n = unpack_count(u, LEAD_ALIASES_MAX, ALIAS_BYTES_MIN);
    int error = 0;
    for (size_t i = 0; i < n && !u->corrupt && !error; i++) {
        Str id = unpack_str(u, EVENT_LEAD_ID_LEN_MAX);
        if (id.len == 0)
            u->corrupt = true;
        else
            error = lead_add_alias(lead, id);
    }
    return error;
}

static int get_lead(Unpacker *u, Lead *lead, const Model *model) {
    int error = get_head(u, lead, model);
    if (!error)
        error = get_seen(u, lead);
    if (!error)
        error = get_scores(u, lead, model);
    if (!error)
        error = get_times(u, lead, model);
    if (error)
        return error;
    SeenIndex seen = {.lead = lead};
    error = get_tracks_and_clocks(u, lead, model, &seen);
    if (!error)
        error = get_awards(u, lead, model, &seen);
    if (!error)
        error = get_profile(u, lead);
    return error ? error : get_aliases(u, lead);
}

static bool is_merged_format(char format) {
    return (uint8_t)format == RECORD_FORMAT_MERGED || (uint8_t)format == RECORD_FORMAT_MERGED_1;
}

static int unpack_merged(Str bytes, Lead *lead) {
    Unpacker u = {.at = bytes.data + 1, .end = bytes.data + bytes.len};
    Str id = unpack_str(&u, EVENT_LEAD_ID_LEN_MAX);
    if ((uint8_t)bytes.data[0] == RECORD_FORMAT_MERGED) {
        lead->ordinal = unpack_number_up_to(&u, SEQUENCE_MAX);
        u.corrupt |= lead->ordinal == 0;
    }
    if (u.corrupt || unpack_left(&u) || id.len == 0 || str_eq(id, lead->lead_id))
        return RECORD_E_CORRUPT;
    return str_set(&lead->merged_into, id);
}

int record_model_version(Str bytes, int64_t *ret) {
    Unpacker u = {.at = bytes.data, .end = bytes.data + bytes.len};
    const char *format = unpack_bytes(&u, 1);
    int64_t version = unpack_signed(&u);
    if (u.corrupt || *format == 0 || is_merged_format(*format))
        return RECORD_E_CORRUPT;
    *ret = version;
    return 0;
}

int record_unpack(Str bytes, Str lead_id, const Model *model, Lead **ret) {
    if (bytes.len > RECORD_BYTES_MAX)
        return RECORD_E_SIZE;
    if (bytes.len == 0 || bytes.data[0] == 0 || lead_id.len == 0 || lead_id.len > EVENT_LEAD_ID_LEN_MAX)
        return RECORD_E_CORRUPT;
    if ((uint8_t)bytes.data[0] >= RECORD_FORMAT_END)
        return RECORD_E_CORRUPT;
    bool merged = is_merged_format(bytes.data[0]);
    if ((uint8_t)bytes.data[0] > RECORD_FORMAT && !merged)
        return RECORD_E_FORMAT;

    Unpacker u = {.at = bytes.data + 1, .end = bytes.data + bytes.len};
    int64_t version = merged ? model->version : unpack_signed(&u);
    if (u.corrupt)
        return RECORD_E_CORRUPT;
    if (version != model->version)
        return RECORD_E_MODEL;

    _cleanup_(lead_free) Lead *lead = NULL;
    int error = lead_new(model, lead_id, &lead);
    if (!error)
        error = merged ? unpack_merged(bytes, lead) : get_lead(&u, lead, model);
    if (error)
        return error;
    if (!merged && (u.corrupt || unpack_left(&u)))
        return RECORD_E_CORRUPT;
    *ret = TAKE_PTR(lead);
    return 0;
}
