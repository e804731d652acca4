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
 *     clocks     count; each: epoch, breached and phase in one number;
 *                if there is a phase: start, due or never, calendar, pauses, times if they are not its
 *                policy's (as pack_sla_times() writes them), masks of the warnings and escalations
 *                emitted, id of the starting event
 *     pauses     count, whether there is a base of its own, whether the last one lasts and whether there are
 *                times of its own in one number;
 *                the base if it is not the start: distance from the start, working time;
 *                each, oldest first: distance from the one before or the base, length unless it lasts
 *     awards     count; each, oldest first: rule, score, points, time, event id
 *     profile    count; each, by name: name, value
 *     aliases    count; each in the order of the merges: id
 *
 * An id that was merged into another lead has a format of its own, and then the other lead's id.
 *
 * An event id that is a UUID is stored as its 16 bytes or, if the seen ring holds it (as it does for recent
 * awards), as its distance from the ring's newest entry; another one is stored as a string.
 *
 * As each field has one form only, each lead has one record, and each byte string that is accepted is the
 * record of what was read: records can be compared and hashed as bytes.
 */
#include "lib/record.h"
#include "lib/owned.h"
#include "lib/record_parts.h"
#include "lib/sla_clock.h"
#include "lib/uuid.h"

/* Codes of an event id: none, a UUID, a text of 1 to 64 bytes, or the seen ring's entry of some age. */
#define ID_NONE 0
#define ID_UUID 1
#define ID_TEXT 1                                /* + length */
#define ID_SEEN (ID_TEXT + EVENT_ID_LEN_MAX + 1) /* + age; 0 is the newest */
#define ID_CODE_MAX (ID_SEEN + LEAD_SEEN_MAX - 1)

/* A clock's phase and whether it is breached share a number with its epoch. */
#define CLOCK_PHASE_MASK 3
#define CLOCK_BREACHED 4
#define CLOCK_EPOCH_SHIFT 3
#define CLOCK_HEAD_MAX ((uint64_t)UINT32_MAX << CLOCK_EPOCH_SHIFT | CLOCK_BREACHED | CLOCK_PHASE_MASK)

/* The least that an entry takes; a count is checked against what is left before memory is taken for it. */
#define AWARD_BYTES_MIN 5
#define PROPERTY_BYTES_MIN 2
#define ALIAS_BYTES_MIN 2

/* How many pauses a clock has shares a number with what there is to read of them. */
#define PAUSES_LAST 1 /* the last one lasts */
#define PAUSES_BASE 2 /* there is a base */
#define PAUSES_SHIFT 2
#define PAUSES_TIMES 512 /* the clock has times of its own, which follow the pauses; beyond what their number takes */
#define PAUSES_HEAD_MAX ((uint64_t)SLA_PAUSES_MAX << PAUSES_SHIFT | PAUSES_BASE | PAUSES_LAST)
#define PAUSE_BYTES_MIN 1

static_assert(MODEL_LEVELS_MAX <= 32, "masks hold them all");
static_assert(PAUSES_HEAD_MAX < PAUSES_TIMES, "they don't share bits");
static_assert(SLA_PHASE_REVISABLE <= CLOCK_PHASE_MASK, "phases fit their bits");

/* Does the mask name only the first n of its bits? */
static bool mask_within(uint64_t mask, size_t n) {
    return n >= 64 || mask >> n == 0;
}

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

/* ---- writing ---- */

static void put_event_id(Packer *p, const Lead *lead, Str id) {
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
    for (size_t i = 0; i < lead->n_seen; i++)
        pack_bytes(p, lead_seen(lead, i)->bytes, sizeof(EventKey));
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

static void put_pauses(Packer *p, const SlaClock *clock) {
    bool lasts = sla_clock_is_paused(clock), has_base = clock->base_after_ms > 0;
    int64_t at_ms = clock->started_at_ms + clock->base_after_ms;
    pack_number(p, clock->n_pauses << PAUSES_SHIFT | (has_base ? PAUSES_BASE : 0) | (lasts ? PAUSES_LAST : 0) |
            (clock->times ? PAUSES_TIMES : 0));
    if (has_base) {
        pack_number(p, (uint64_t)clock->base_after_ms);
        pack_number(p, (uint64_t)clock->base_work_ms);
    }
    for (size_t i = 0; i < clock->n_pauses; i++) {
        const SlaPause *pause = &clock->pauses[i];
        pack_number(p, (uint64_t)(pause->from_ms - at_ms));
        if (pause->to_ms != TIME_NEVER)
            pack_number(p, (uint64_t)(pause->to_ms - pause->from_ms));
        at_ms = pause->to_ms;
    }
}

static void put_clock(Packer *p, const Lead *lead, const SlaClock *clock) {
    uint64_t head = (uint64_t)clock->epoch << CLOCK_EPOCH_SHIFT | clock->phase;
    if (clock->phase == SLA_PHASE_NONE) {
        /* Of a clock that is over only the epoch counts. */
        pack_number(p, head);
        return;
    }
    assert(clock->epoch > 0);
    pack_number(p, head | (clock->breached ? CLOCK_BREACHED : 0));
    pack_past(p, clock->started_at_ms);
    pack_future_or_never(p, clock->due_at_ms);
    pack_number(p, clock->calendar);
    put_pauses(p, clock);
    if (clock->times)
        pack_sla_times(p, clock->times);
    pack_number(p, clock->warned);
    pack_number(p, clock->escalated);
    put_event_id(p, lead, (Str){clock->start_event_id, clock->start_event_id_len});
}

static void put_tracks_and_clocks(Packer *p, const Lead *lead, const Model *model) {
    pack_track_states(p, lead->tracks, model->tracks, model->n_tracks);
    pack_number(p, model->n_policies);
    for (size_t i = 0; i < model->n_policies; i++)
        put_clock(p, lead, &lead->clocks[i]);
}

static void put_awards(Packer *p, const Lead *lead) {
    pack_number(p, lead->n_awards);
    for (size_t i = 0; i < lead->n_awards; i++) {
        const GivenAward *award = lead_award(lead, i);
        pack_number(p, award->rule);
        pack_number(p, award->score);
        pack_double(p, award->points);
        pack_past(p, award->occurred_at_ms);
        put_event_id(p, lead, (Str){award->event_id, award->event_id_len});
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
    pack_bytes(&p, &(uint8_t){RECORD_FORMAT_MERGED}, 1);
    pack_str(&p, lead->merged_into);
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
    put_head(&p, lead, model);
    put_seen(&p, lead);
    put_scores(&p, lead, model);
    put_times(&p, lead, model);
    put_tracks_and_clocks(&p, lead, model);
    put_awards(&p, lead);
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

static void get_event_id(Unpacker *u, const Lead *lead, char id[static EVENT_ID_LEN_MAX], uint8_t *ret_len) {
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

/* An instant that many milliseconds after another one, at least min_ms. */
static int64_t get_after(Unpacker *u, int64_t at_ms, uint64_t min_ms) {
    uint64_t distance_ms = unpack_number_up_to(u, (uint64_t)(EVENT_TIME_MS_MAX - at_ms));
    if (distance_ms < min_ms)
        u->corrupt = true;
    return at_ms + (int64_t)distance_ms;
}

static int get_pauses(Unpacker *u, SlaClock *clock, bool *ret_times) {
    uint64_t head = unpack_number_up_to(u, PAUSES_TIMES | PAUSES_HEAD_MAX);
    *ret_times = head & PAUSES_TIMES;
    head &= ~(uint64_t)PAUSES_TIMES;
    if (head > PAUSES_HEAD_MAX)
        u->corrupt = true;
    size_t n = head >> PAUSES_SHIFT;
    int64_t at_ms = clock->started_at_ms;
    if (head & PAUSES_BASE) {
        at_ms = get_after(u, at_ms, 1);
        clock->base_after_ms = at_ms - clock->started_at_ms;
        clock->base_work_ms = (int64_t)unpack_number_up_to(u, (uint64_t)clock->base_after_ms);
    }
    if (n * PAUSE_BYTES_MIN > unpack_left(u) || (head & PAUSES_LAST && n == 0))
        u->corrupt = true;
    if (u->corrupt || n == 0)
        return 0;
    clock->pauses = calloc(n, sizeof(SlaPause));
    if (!clock->pauses)
        return -ENOMEM;
    clock->n_pauses = clock->n_pauses_alloc = n;
    for (size_t i = 0; i < n && !u->corrupt; i++) {
        bool lasts = head & PAUSES_LAST && i == n - 1;
        SlaPause *pause = &clock->pauses[i];
        pause->from_ms = get_after(u, at_ms, i > 0); /* only the first can begin where the base is */
        pause->to_ms = at_ms = lasts ? TIME_NEVER : get_after(u, pause->from_ms, 1);
    }
    return 0;
}

/* A clock has times of its own only if its policy says something else. */
static int get_times_of_its_own(Unpacker *u, SlaClock *clock, const SlaPolicy *policy) {
    SlaTimesBuffer buffer;
    SlaTimes times = unpack_sla_times(u, &buffer), present = sla_times_of(policy);
    if (u->corrupt || sla_times_equal(&times, &present)) {
        u->corrupt = true;
        return 0;
    }
    return sla_times_dup(&times, &clock->times);
}

static int get_clock(Unpacker *u, const Lead *lead, const Model *model, unsigned policy) {
    SlaClock *clock = &lead->clocks[policy];
    uint64_t head = unpack_number_up_to(u, CLOCK_HEAD_MAX);
    clock->epoch = (uint32_t)(head >> CLOCK_EPOCH_SHIFT);
    clock->breached = head & CLOCK_BREACHED;
    switch (head & CLOCK_PHASE_MASK) {
    case SLA_PHASE_NONE:
        if (clock->breached)
            u->corrupt = true;
        return 0;
    case SLA_PHASE_OPEN:
        clock->phase = SLA_PHASE_OPEN;
        break;
    case SLA_PHASE_REVISABLE:
        clock->phase = SLA_PHASE_REVISABLE;
        break;
    default:
        u->corrupt = true;
        return 0;
    }
    if (clock->epoch == 0)
        u->corrupt = true;
    clock->started_at_ms = unpack_past(u);
    clock->due_at_ms = unpack_future_or_never(u);
    clock->calendar = (unsigned)unpack_number_up_to(u, model->n_calendars);
    bool has_times;
    int error = get_pauses(u, clock, &has_times);
    if (!error && has_times)
        error = get_times_of_its_own(u, clock, &model->policies[policy]);
    if (error)
        return error;
    SlaTimes levels = sla_terms(clock, model, policy).times;
    clock->warned = (uint32_t)unpack_number_up_to(u, UINT32_MAX);
    clock->escalated = (uint32_t)unpack_number_up_to(u, UINT32_MAX);
    if (!mask_within(clock->warned, levels.n_warnings) || !mask_within(clock->escalated, levels.n_escalations))
        u->corrupt = true;
    get_event_id(u, lead, clock->start_event_id, &clock->start_event_id_len);
    return 0;
}

static int get_tracks_and_clocks(Unpacker *u, Lead *lead, const Model *model) {
    unpack_track_states(u, lead->tracks, model->tracks, model->n_tracks);
    get_count_of_model(u, model->n_policies);
    int error = 0;
    for (unsigned i = 0; i < model->n_policies && !u->corrupt && !error; i++)
        error = get_clock(u, lead, model, i);
    return error;
}

static int get_awards(Unpacker *u, Lead *lead, const Model *model) {
    uint32_t n = (uint32_t)unpack_count(u, LEAD_AWARDS_MAX, AWARD_BYTES_MIN);
    if (u->corrupt || n == 0)
        return 0;
    lead->awards = calloc(n, sizeof(GivenAward));
    if (!lead->awards)
        return -ENOMEM;
    lead->n_awards = lead->n_awards_alloc = n;
    for (uint32_t i = 0; i < n && !u->corrupt; i++) {
        GivenAward *award = &lead->awards[i];
        award->rule = (uint16_t)unpack_index(u, model->n_rules + model->n_idle_rules);
        award->score = (uint16_t)unpack_index(u, model->n_scores);
        award->points = unpack_double(u);
        award->occurred_at_ms = unpack_past(u);
        get_event_id(u, lead, award->event_id, &award->event_id_len);
    }
    return 0;
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
    error = get_tracks_and_clocks(u, lead, model);
    if (!error)
        error = get_awards(u, lead, model);
    if (!error)
        error = get_profile(u, lead);
    return error ? error : get_aliases(u, lead);
}

static int unpack_merged(Str bytes, Lead *lead) {
    Unpacker u = {.at = bytes.data + 1, .end = bytes.data + bytes.len};
    Str id = unpack_str(&u, EVENT_LEAD_ID_LEN_MAX);
    if (u.corrupt || unpack_left(&u) || id.len == 0 || str_eq(id, lead->lead_id))
        return RECORD_E_CORRUPT;
    return str_set(&lead->merged_into, id);
}

int record_model_version(Str bytes, int64_t *ret) {
    Unpacker u = {.at = bytes.data, .end = bytes.data + bytes.len};
    const char *format = unpack_bytes(&u, 1);
    int64_t version = unpack_signed(&u);
    if (u.corrupt || *format == 0 || (uint8_t)*format == RECORD_FORMAT_MERGED)
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
    bool merged = (uint8_t)bytes.data[0] == RECORD_FORMAT_MERGED;
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
