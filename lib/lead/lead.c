/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lead is one block for what the model fixes (the struct itself, scores, tracks, stages, clocks) and, behind that, its id, and pieces
 * of their own for what grows: other strings, profile, rings. Live, a lead is made from its packed record whenever
 * it is not cached, so the number of allocations counts.
 *
 * The rings grow like arrays until they have their full size and only then begin to turn: while one holds
 * fewer than its maximum, its oldest entry is at index 0.
 */
#include <math.h>
#include <stdalign.h>

#include "lib/base/owned.h"
#include "lib/base/siphash.h"
#include "lib/base/uuid.h"
#include "lib/lead/lead.h"

#define RING_ALLOC_MIN 4

/* ---- event keys ---- */

/* Part of the stored format: a key computed today must be found again in years. No secret is meant by it. */
static const SipKey event_key_sip_key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

EventKey event_key(EventId id) {
    static_assert(sizeof(EventKey) == sizeof(Uuid), "an event key is a UUID or as long as one");
    EventKey key;
    char buffer[EVENT_ID_LEN_MAX];
    if (event_id_is_uuid(&id))
        memcpy(key.bytes, id.bytes, sizeof(key.bytes));
    else
        siphash_24_128(event_key_sip_key, event_id_text(&id, buffer), key.bytes);
    return key;
}

/* ---- making and freeing ---- */

/* Without the id. */
static size_t block_size(const Model *model) {
    return sizeof(Lead) + model->n_scores * sizeof(ScoreState) + track_states_size(model->tracks, model->n_tracks) +
           model->n_policies * sizeof(SlaClock) + (model->n_counters + model->n_limits) * sizeof(TimeList) +
           model->n_idle_rules * sizeof(IdleState);
}

/* Hands out the parts of the block one after the other; their order is theirs alone to know. */
static void *carve(char **at, size_t n, size_t size) {
    void *part = *at;
    *at += n * size;
    return part;
}

static void lay_out(Lead *lead, const Model *model) {
    static_assert(sizeof(Lead) % alignof(ScoreState) == 0, "scores follow the lead");
    static_assert(sizeof(ScoreState) % alignof(TrackState) == 0, "tracks follow the scores");
    static_assert(sizeof(StageState) % alignof(SlaClock) == 0, "clocks follow the stages");
    static_assert(sizeof(SlaClock) % alignof(TimeList) == 0, "counters and limits follow the clocks");
    static_assert(sizeof(TimeList) % alignof(IdleState) == 0, "idle rules follow the limits");

    char *at = (char *)(lead + 1);
    lead->scores = carve(&at, model->n_scores, sizeof(ScoreState));
    void *tracks = carve(&at, 1, track_states_size(model->tracks, model->n_tracks));
    lead->tracks = track_states_lay_out(tracks, model->tracks, model->n_tracks);
    lead->clocks = carve(&at, model->n_policies, sizeof(SlaClock));
    lead->counters = carve(&at, model->n_counters, sizeof(TimeList));
    lead->limits = carve(&at, model->n_limits, sizeof(TimeList));
    lead->idle = carve(&at, model->n_idle_rules, sizeof(IdleState));
    lead->n_clocks = model->n_policies;
}

/* Everything of the record but the id and what is on the heap, as of a lead without history. */
static void reset(Lead *lead, const Model *model) {
    lead->clock_ms = TIME_NONE;
    lead->first_source_at_ms = TIME_NONE;
    lead->latest_activity_ms = TIME_NONE;
    lead->segment = (unsigned)model->n_segments;
    lead->route = ROUTE_NONE;
    lead->ordinal = 0;
    lead->n_profile = 0;
    lead->n_seen = lead->seen_start = 0;
    lead->next_internal_ms = TIME_NEVER;
    lead->next_sla_ms = TIME_NEVER;
    for (size_t i = 0; i < model->n_scores; i++)
        score_state_clear(&lead->scores[i], TIME_NONE);
    track_states_reset(lead->tracks, model->tracks, model->n_tracks);
    for (size_t i = 0; i < model->n_policies; i++)
        lead->clocks[i] = (SlaClock){0};
    for (size_t i = 0; i < model->n_counters; i++)
        lead->counters[i].n = 0;
    for (size_t i = 0; i < model->n_limits; i++)
        lead->limits[i].n = 0;
    for (size_t i = 0; i < model->n_idle_rules; i++)
        lead->idle[i] = (IdleState){.last_ms = TIME_NONE};
}

int lead_new(const Model *model, Str lead_id, Lead **ret) {
    size_t size = block_size(model);
    Lead *lead = calloc(1, size + lead_id.len);
    if (!lead)
        return -ENOMEM;

    lay_out(lead, model);
    lead->n_scores = model->n_scores;
    lead->n_counters = model->n_counters;
    lead->n_limits = model->n_limits;
    lead->lead_id = (Str){(char *)lead + size, lead_id.len};
    memcpy((char *)lead + size, lead_id.data, lead_id.len);
    lead->entity = (Entity){.kind = ENTITY_LEAD, .id = lead->lead_id};
    reset(lead, model);
    *ret = lead;
    return 0;
}

static void property_done(Property *property) {
    str_free(&property->name);
    if (property->value.type == VALUE_STRING)
        str_free(&property->value.string);
}

static void clocks_done(Lead *lead) {
    for (size_t i = 0; i < lead->n_clocks; i++) {
        free(lead->clocks[i].pauses);
        free(lead->clocks[i].times);
        event_id_done(&lead->clocks[i].start_event_id);
    }
}

static void award_done(Lead *lead, GivenAward *award) {
    size_t n = event_id_heap_size(&award->event_id);
    lead->award_ids_bytes -= n ? heap_bytes(n) : 0;
    event_id_done(&award->event_id);
}

static void awards_clear(Lead *lead) {
    for (size_t i = 0; i < lead->n_awards && lead->award_ids_bytes > 0; i++)
        award_done(lead, &lead->awards[i]);
    lead->n_awards = lead->awards_start = 0;
}

static void aliases_clear(Lead *lead) {
    for (size_t i = 0; i < lead->n_aliases; i++)
        str_free(&lead->aliases[i]);
    lead->n_aliases = 0;
}

int lead_add_alias(Lead *lead, Str id) {
    assert(lead->n_aliases < LEAD_ALIASES_MAX);
    int r = array_reserve(&lead->aliases, &lead->n_aliases_alloc, lead->n_aliases, sizeof(*lead->aliases));
    if (r)
        return r;
    lead->aliases[lead->n_aliases] = STR_NULL;
    r = str_set(&lead->aliases[lead->n_aliases], id);
    if (r)
        return r;
    lead->n_aliases++;
    return 0;
}

void lead_clear(Lead *lead, const Model *model) {
    str_free(&lead->merged_into);
    aliases_clear(lead);
    clocks_done(lead);
    awards_clear(lead);
    str_free(&lead->account_id);
    str_free(&lead->first_source);
    str_free(&lead->last_source);
    for (size_t i = 0; i < lead->n_profile; i++)
        property_done(&lead->profile[i]);
    reset(lead, model);
}

/* LeadRetired, which is told where the lead is taken, has the next ordinal. */
static uint64_t greatest_number(const Lead *lead, const Model *model) {
    uint64_t n = lead->ordinal + 1;
    for (size_t i = 0; i < model->n_tracks; i++)
        n = MAX(n, lead->tracks[i].sequence);
    for (size_t i = 0; i < model->n_policies; i++)
        n = MAX(n, (uint64_t)lead->clocks[i].epoch);
    return n;
}

int lead_give_up(Lead *lead, const Model *model, Str into) {
    uint64_t ordinal = greatest_number(lead, model);
    lead_clear(lead, model);
    lead->ordinal = ordinal;
    return str_set(&lead->merged_into, into);
}

void lead_come_back(Lead *lead, const Model *model) {
    uint64_t ordinal = lead->ordinal;
    lead_clear(lead, model);
    lead->ordinal = ordinal;
    for (size_t i = 0; i < model->n_tracks; i++)
        lead->tracks[i].sequence = ordinal;
    for (size_t i = 0; i < model->n_policies; i++)
        lead->clocks[i].epoch = (uint32_t)MIN(ordinal, (uint64_t)UINT32_MAX / 2);
}

static void swap_bytes(unsigned char *a, unsigned char *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

/* All but what ties them to their tables. */
static void swap_leads(Lead *a, Lead *b, const Model *model) {
    Str a_id = a->lead_id, b_id = b->lead_id;
    Entity a_entity = a->entity, b_entity = b->entity;
    swap_bytes((unsigned char *)a, (unsigned char *)b, block_size(model));
    a->lead_id = a_id;
    b->lead_id = b_id;
    a->entity = a_entity;
    b->entity = b_entity;
    lay_out(a, model);
    lay_out(b, model);
}

bool lead_take_back(Lead *name, Lead *lead, const Model *model) {
    if (!name->merged_into.data || !str_eq(name->lead_id, lead->lead_id) || name->ordinal != greatest_number(lead, model))
        return false;
    swap_leads(name, lead, model);
    name->entity.migrated = lead->entity.migrated;
    return true;
}

Lead *lead_free(Lead *lead) {
    if (!lead)
        return NULL;
    str_free(&lead->merged_into);
    aliases_clear(lead);
    free(lead->aliases);
    str_free(&lead->account_id);
    str_free(&lead->first_source);
    str_free(&lead->last_source);
    for (size_t i = 0; i < lead->n_profile; i++)
        property_done(&lead->profile[i]);
    for (size_t i = 0; i < lead->n_scores; i++)
        score_state_done(&lead->scores[i]);
    for (size_t i = 0; i < lead->n_counters; i++)
        time_list_done(&lead->counters[i]);
    for (size_t i = 0; i < lead->n_limits; i++)
        time_list_done(&lead->limits[i]);
    clocks_done(lead);
    awards_clear(lead);
    free(lead->lost);
    free(lead->profile);
    free(lead->seen);
    free(lead->awards);
    return free_null(lead);
}

size_t lead_memory(const Lead *lead, const Model *model) {
    size_t n = heap_bytes(block_size(model) + lead->lead_id.len) +
               str_heap_bytes(lead->account_id) + str_heap_bytes(lead->first_source) +
               str_heap_bytes(lead->last_source) + str_heap_bytes(lead->merged_into) +
               heap_bytes(lead->n_aliases_alloc * sizeof(Str)) + heap_bytes(lead->n_profile_alloc * sizeof(Property)) +
               heap_bytes(lead->n_seen_alloc * sizeof(EventKey)) +
               heap_bytes(lead->n_awards_alloc * sizeof(GivenAward)) + lead->award_ids_bytes;
    for (size_t i = 0; i < lead->n_profile; i++) {
        const Property *property = &lead->profile[i];
        n += str_heap_bytes(property->name);
        if (property->value.type == VALUE_STRING)
            n += str_heap_bytes(property->value.string);
    }
    for (size_t i = 0; i < lead->n_aliases; i++)
        n += str_heap_bytes(lead->aliases[i]);
    for (size_t i = 0; i < lead->n_scores; i++)
        n += heap_bytes(score_state_memory(&lead->scores[i]));
    for (size_t i = 0; i < lead->n_counters; i++)
        n += heap_bytes(time_list_memory(&lead->counters[i]));
    for (size_t i = 0; i < lead->n_limits; i++)
        n += heap_bytes(time_list_memory(&lead->limits[i]));
    for (size_t i = 0; i < lead->n_clocks; i++) {
        const SlaClock *clock = &lead->clocks[i];
        n += heap_bytes(clock->n_pauses_alloc * sizeof(SlaPause)) + (clock->times ? heap_bytes(sla_times_memory(clock->times)) : 0) +
             heap_bytes(event_id_heap_size(&clock->start_event_id));
    }
    n += heap_bytes(lead->n_lost * sizeof(LostStage));
    return n;
}

static size_t entity_memory(const Entity *entity, const Model *model) {
    return lead_memory(lead_of((Entity *)entity), model);
}

static void entity_free(Entity *entity) {
    lead_free(lead_of(entity));
}

static void entity_prefetch(const Entity *entity, const Model *model) {
    prefetch_bytes(lead_of((Entity *)entity), block_size(model) + entity->id.len);
}

static void prefetch_text(Str text) {
    if (text.data)
        __builtin_prefetch(text.data);
}

/* What an event as a rule looks at. The rest of the ring of ids is read in a row, which the processor foresees. */
static void entity_prefetch_parts(const Entity *entity) {
    const Lead *lead = lead_of((Entity *)entity);
    prefetch_text(lead->account_id);
    prefetch_text(lead->last_source);
    prefetch_bytes(lead->seen, MIN(lead->n_seen, 16) * sizeof(*lead->seen));
    if (lead->n_awards_alloc > 0)
        prefetch_bytes(&lead->awards[lead->n_awards < lead->n_awards_alloc ? lead->n_awards : lead->awards_start], 2 * sizeof(*lead->awards));
}

static void entity_prefetch_record(const Entity *entity) {
    const Lead *lead = lead_of((Entity *)entity);
    prefetch_text(lead->account_id);
    prefetch_text(lead->first_source);
    prefetch_text(lead->last_source);
    prefetch_bytes(lead->seen, lead->n_seen * sizeof(*lead->seen));
    prefetch_bytes(lead->awards, lead->n_awards * sizeof(*lead->awards));
    prefetch_bytes(lead->profile, lead->n_profile * sizeof(*lead->profile));
}

const EntityOps lead_entity_ops = {.memory = entity_memory, .free = entity_free, .prefetch = entity_prefetch,
        .prefetch_parts = entity_prefetch_parts, .prefetch_record = entity_prefetch_record};

void lead_begin(Lead *lead, const Model *model, int64_t at_ms) {
    lead->clock_ms = at_ms;
    for (size_t i = 0; i < model->n_scores; i++)
        /* one by the profile has its first value when step 7 has been */
        score_state_clear(&lead->scores[i], model->scores[i].from_profile ? TIME_NONE : at_ms);
    track_states_begin(lead->tracks, model->tracks, model->n_tracks, at_ms);
}

/* ---- rings ---- */

static uint64_t word_of(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

bool lead_has_seen(const Lead *lead, EventKey key) {
    uint64_t first = word_of(key.bytes), second = word_of(key.bytes + sizeof(first));
    /* In any order: the entries fill the array from its beginning, wherever the oldest is. */
    for (uint32_t i = 0; i < lead->n_seen; i++)
        if (word_of(lead->seen[i].bytes) == first && word_of(lead->seen[i].bytes + sizeof(first)) == second)
            return true;
    return false;
}

/*
 * Finds the place for one more entry in a ring of at most `max`: a new one as long as there is room, else the
 * oldest one's. Returns 0 or -ENOMEM; then the ring is as it was.
 */
static int ring_push(void **array, uint32_t *n, uint32_t *start, uint32_t *n_alloc, uint32_t max, size_t size,
        uint32_t *ret_index) {
    if (*n == max) {
        *ret_index = *start;
        *start = (*start + 1) % max;
        return 0;
    }
    assert(*start == 0);
    if (*n == *n_alloc) {
        uint32_t n_wanted = MIN(max, MAX(*n_alloc * 2, (uint32_t)RING_ALLOC_MIN));
        void *bigger = realloc(*array, n_wanted * size);
        if (!bigger)
            return -ENOMEM;
        *array = bigger;
        *n_alloc = n_wanted;
    }
    *ret_index = (*n)++;
    return 0;
}

int lead_add_seen(Lead *lead, EventKey key) {
    uint32_t index;
    void *seen = lead->seen;
    int r = ring_push(
            &seen, &lead->n_seen, &lead->seen_start, &lead->n_seen_alloc, LEAD_SEEN_MAX, sizeof(key), &index);
    lead->seen = seen;
    if (r)
        return r;
    lead->seen[index] = key;
    return 0;
}

int lead_add_award(Lead *lead, const GivenAward *award) {
    uint32_t index;
    void *awards = lead->awards;
    EventId id = award->event_id;
    size_t id_size = event_id_heap_size(&id);
    bool is_full = lead->n_awards == LEAD_AWARDS_MAX;
    int r = id_size > 0 ? event_id_dup(&award->event_id, &id) : 0;
    if (r)
        return r;
    r = ring_push(&awards, &lead->n_awards, &lead->awards_start, &lead->n_awards_alloc, LEAD_AWARDS_MAX, sizeof(*award), &index);
    lead->awards = awards;
    if (r) {
        event_id_done(&id);
        return r;
    }
    if (is_full && lead->award_ids_bytes > 0)
        award_done(lead, &lead->awards[index]);
    lead->awards[index] = *award;
    lead->awards[index].event_id = id;
    lead->award_ids_bytes += heap_bytes(id_size);
    return 0;
}

/* ---- strings and profile ---- */

static int value_copy(Value value, Value *ret) {
    assert(value.type != VALUE_STRING || value.string.data);
    *ret = value;
    return value.type == VALUE_STRING ? str_dup(value.string, &ret->string) : 0;
}

static size_t profile_position(const Lead *lead, Str name, bool *ret_found) {
    static_assert(offsetof(Property, name) == 0, "an attribute begins with its name");
    return str_position(lead->profile, lead->n_profile, sizeof(*lead->profile), name, ret_found);
}

static void profile_delete(Lead *lead, size_t at) {
    property_done(&lead->profile[at]);
    lead->n_profile--;
    memmove(&lead->profile[at], &lead->profile[at + 1], (lead->n_profile - at) * sizeof(Property));
}

static int profile_insert(Lead *lead, size_t at, Str name, Value value) {
    if (lead->n_profile >= LEAD_PROFILE_MAX)
        return -E2BIG;
    int r = array_reserve(&lead->profile, &lead->n_profile_alloc, lead->n_profile, sizeof(Property));
    if (r)
        return r;
    Property property = {0};
    r = str_dup(name, &property.name);
    if (r)
        return r;
    r = value_copy(value, &property.value);
    if (r) {
        str_free(&property.name);
        return r;
    }
    memmove(&lead->profile[at + 1], &lead->profile[at], (lead->n_profile - at) * sizeof(Property));
    lead->profile[at] = property;
    lead->n_profile++;
    return 0;
}

static int profile_replace(Lead *lead, size_t at, Value value) {
    Value copy;
    int r = value_copy(value, &copy);
    if (r)
        return r;
    if (lead->profile[at].value.type == VALUE_STRING)
        str_free(&lead->profile[at].value.string);
    lead->profile[at].value = copy;
    return 0;
}

int lead_set_profile(Lead *lead, Str name, Value value) {
    assert(name.data);
    bool found;
    size_t at = profile_position(lead, name, &found);
    if (value.type != VALUE_NULL)
        return found ? profile_replace(lead, at, value) : profile_insert(lead, at, name, value);
    if (found)
        profile_delete(lead, at);
    return 0;
}

static size_t property_bytes(Str name, Value value) {
    return name.len + (value.type == VALUE_STRING ? value.string.len : sizeof(value.number));
}

bool lead_profile_fits(const Lead *lead, const Property *updates, size_t n_updates) {
    size_t n = lead->n_profile, n_bytes = 0;
    for (size_t i = 0; i < lead->n_profile; i++)
        n_bytes += property_bytes(lead->profile[i].name, lead->profile[i].value);
    for (size_t i = 0; i < n_updates; i++) {
        bool found;
        size_t at = profile_position(lead, updates[i].name, &found);
        if (found) {
            n--;
            n_bytes -= property_bytes(updates[i].name, lead->profile[at].value);
        }
        if (updates[i].value.type != VALUE_NULL) {
            n++;
            n_bytes += property_bytes(updates[i].name, updates[i].value);
        }
    }
    return n <= LEAD_PROFILE_MAX && n_bytes <= LEAD_PROFILE_BYTES_MAX;
}

Value lead_profile(const Lead *lead, Str name) {
    assert(name.data);
    bool found;
    size_t at = profile_position(lead, name, &found);
    return found ? lead->profile[at].value : VALUE_NONE;
}

/* ---- scores ---- */

double lead_score(const Lead *lead, const Model *model, unsigned score, int64_t at_ms) {
    assert(score < model->n_scores);
    return score_state_value(&lead->scores[score], &model->scores[score].decay, at_ms);
}

/* ---- counters ---- */

unsigned lead_counter(const Lead *lead, const Model *model, unsigned counter, int64_t at_ms) {
    return time_list_count(&lead->counters[counter], at_ms - model->counters[counter].window_ms, at_ms);
}

int64_t lead_counter_changes_at(const Lead *lead, const Model *model, unsigned counter, int64_t from_ms) {
    int64_t window_ms = model->counters[counter].window_ms;
    int64_t next_ms = time_list_next(&lead->counters[counter], from_ms - window_ms);
    return next_ms == TIME_NEVER ? TIME_NEVER : next_ms + window_ms;
}
