/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout, in the order of the bytes (see packing.h for how a number or a string looks); lists are a count, then as many:
 *
 *     format, version, hash (20 bytes), id
 *     segments, routes         their numbers only: they are found anew
 *     calendars                id
 *     scores                   id, decay, fed by the profile or not
 *     counters                 id, keep - 1
 *     rules, idle rules        id
 *     limits                   number of the rule
 *     tracks                   id, number of the initial stage; stages: id
 *     policies                 id, times as pack_sla_times() writes them
 *     account scores           id, decay
 *     account tracks           as tracks
 *     decay                    kind; span unless there is none
 */
#include "lib/model/skeleton.h"

#include "lib/engine/sla_times.h"

/* The least that an entry takes: an id of one byte and its length. */
#define ENTRY_BYTES_MIN 2

/* ---- writing ---- */

static void put_decay(Packer *p, const Decay *decay) {
    pack_number(p, decay->kind);
    if (decay->kind != DECAY_NONE)
        pack_number(p, (uint64_t)decay->span_ms);
}

static void put_scores(Packer *p, const Model *model) {
    pack_number(p, model->n_scores);
    for (size_t i = 0; i < model->n_scores; i++) {
        pack_str(p, model->scores[i].id);
        put_decay(p, &model->scores[i].decay);
        pack_number(p, model->scores[i].from_profile);
    }
}

static void put_rules(Packer *p, const Model *model) {
    pack_number(p, model->n_counters);
    for (size_t i = 0; i < model->n_counters; i++) {
        pack_str(p, model->counters[i].id);
        pack_number(p, model->counters[i].keep - 1);
    }
    pack_number(p, model->n_rules);
    for (size_t i = 0; i < model->n_rules; i++)
        pack_str(p, model->rules[i].id);
    pack_number(p, model->n_idle_rules);
    for (size_t i = 0; i < model->n_idle_rules; i++)
        pack_str(p, model->idle_rules[i].id);
    pack_number(p, model->n_limits);
    for (size_t i = 0; i < model->n_limits; i++)
        pack_number(p, model->limits[i].rule);
}

static void put_tracks(Packer *p, const Track *tracks, size_t n) {
    pack_number(p, n);
    for (size_t i = 0; i < n; i++) {
        pack_str(p, tracks[i].id);
        pack_number(p, tracks[i].initial);
        pack_number(p, tracks[i].n_stages);
        for (size_t k = 0; k < tracks[i].n_stages; k++)
            pack_str(p, tracks[i].stages[k].id);
    }
}

static void put_policies(Packer *p, const Model *model) {
    pack_number(p, model->n_policies);
    for (size_t i = 0; i < model->n_policies; i++) {
        SlaTimes times = sla_times_of(&model->policies[i]);
        pack_str(p, model->policies[i].id);
        pack_sla_times(p, &times);
    }
}

static void put_account_scores(Packer *p, const Model *model) {
    pack_number(p, model->n_account_scores);
    for (size_t i = 0; i < model->n_account_scores; i++) {
        pack_str(p, model->account_scores[i].id);
        put_decay(p, &model->account_scores[i].decay);
    }
}

int skeleton_pack(const Model *model, Buffer *buffer) {
    Packer p = {.buffer = buffer, .start = buffer->len, .bytes_max = SKELETON_BYTES_MAX};
    pack_bytes(&p, &(uint8_t){SKELETON_FORMAT}, 1);
    pack_signed(&p, model->version);
    pack_bytes(&p, model->hash, sizeof(model->hash));
    pack_str(&p, model->id);
    pack_number(&p, model->n_segments);
    pack_number(&p, model->n_routes);
    pack_number(&p, model->n_calendars);
    for (size_t i = 0; i < model->n_calendars; i++)
        pack_str(&p, model->calendars[i].id);
    put_scores(&p, model);
    put_rules(&p, model);
    put_tracks(&p, model->tracks, model->n_tracks);
    put_policies(&p, model);
    put_account_scores(&p, model);
    put_tracks(&p, model->account_tracks, model->n_account_tracks);
    if (p.error)
        buffer->len = p.start;
    return p.error == PACKING_E_SIZE ? SKELETON_E_SIZE : p.error;
}

/* ---- reading ---- */

/* The model under way. What is wrong with the bytes sticks in `u`, a lack of memory here. */
typedef struct Reader {
    Unpacker u;
    Arena *arena;
    int error;
} Reader;

static bool goes_on(const Reader *reader) {
    return reader->error == 0 && !reader->u.corrupt;
}

/* A list's count, and an array for as many entries, still to be filled in; none if it is none. */
static void *get_list(Reader *reader, size_t n_max, size_t size, size_t *ret_n) {
    size_t n = unpack_count(&reader->u, n_max, ENTRY_BYTES_MIN);
    void *array = arena_alloc(reader->arena, n, size);
    if (!array)
        reader->error = -ENOMEM;
    *ret_n = array ? n : 0;
    return array;
}

static Str copy(Reader *reader, Str s) {
    Str copied = reader->u.corrupt ? STR_NULL : arena_str(reader->arena, s);
    if (!reader->u.corrupt && !copied.data)
        reader->error = -ENOMEM;
    return copied;
}

static Str get_id(Reader *reader) {
    Str id = unpack_str(&reader->u, MODEL_ID_LEN_MAX);
    if (id.len == 0)
        reader->u.corrupt = true;
    return copy(reader, id);
}

static Decay get_decay(Unpacker *u) {
    Decay decay = {.kind = (DecayKind)unpack_number_up_to(u, DECAY_WINDOW)};
    if (decay.kind != DECAY_NONE)
        decay.span_ms = (int64_t)unpack_number_up_to(u, EVENT_TIME_MS_MAX);
    if (decay.kind != DECAY_NONE && decay.span_ms == 0)
        u->corrupt = true;
    return decay;
}

static void get_calendars(Reader *reader, Model *model) {
    model->calendars = get_list(reader, MODEL_CALENDARS_MAX, sizeof(NamedCalendar), &model->n_calendars);
    for (size_t i = 0; i < model->n_calendars && goes_on(reader); i++)
        model->calendars[i].id = get_id(reader);
}

static void get_scores(Reader *reader, Model *model) {
    model->scores = get_list(reader, MODEL_SCORES_MAX, sizeof(Score), &model->n_scores);
    for (size_t i = 0; i < model->n_scores && goes_on(reader); i++) {
        Score *score = &model->scores[i];
        score->id = get_id(reader);
        score->decay = get_decay(&reader->u);
        score->from_profile = unpack_index(&reader->u, 2);
    }
}

static void get_counters(Reader *reader, Model *model) {
    model->counters = get_list(reader, MODEL_COUNTERS_MAX, sizeof(Counter), &model->n_counters);
    for (size_t i = 0; i < model->n_counters && goes_on(reader); i++) {
        model->counters[i].id = get_id(reader);
        model->counters[i].keep = 1 + unpack_index(&reader->u, MODEL_COUNTER_KEEP_MAX);
    }
}

static void get_rules(Reader *reader, Model *model) {
    model->rules = get_list(reader, MODEL_RULES_MAX, sizeof(Rule), &model->n_rules);
    for (size_t i = 0; i < model->n_rules && goes_on(reader); i++)
        model->rules[i] = (Rule){.id = get_id(reader), .limit = LIMIT_NONE};
    model->idle_rules = get_list(reader, MODEL_IDLE_RULES_MAX, sizeof(IdleRule), &model->n_idle_rules);
    for (size_t i = 0; i < model->n_idle_rules && goes_on(reader); i++)
        model->idle_rules[i].id = get_id(reader);
}

/* Each of another rule. */
static void get_limits(Reader *reader, Model *model) {
    size_t n = unpack_count(&reader->u, MIN(model->n_rules, (size_t)MODEL_LIMITS_MAX), 1);
    model->limits = arena_new_array(reader->arena, Limit, n);
    if (!model->limits)
        reader->error = -ENOMEM;
    model->n_limits = model->limits ? n : 0;
    for (size_t i = 0; i < model->n_limits && goes_on(reader); i++) {
        unsigned rule = unpack_index(&reader->u, model->n_rules);
        if (model->rules[rule].limit != LIMIT_NONE)
            reader->u.corrupt = true;
        model->limits[i].rule = rule;
        model->rules[rule].limit = (int)i;
    }
}

/* Is it one of the first n? Two stages of one id would become one. */
static bool has_stage(const Track *track, size_t n, Str id) {
    for (size_t i = 0; i < n; i++)
        if (str_eq(track->stages[i].id, id))
            return true;
    return false;
}

static Track *get_tracks(Reader *reader, size_t *ret_n) {
    Track *tracks = get_list(reader, MODEL_TRACKS_MAX, sizeof(Track), ret_n);
    for (size_t i = 0; i < *ret_n && goes_on(reader); i++) {
        Track *track = &tracks[i];
        track->id = get_id(reader);
        track->initial = unpack_index(&reader->u, MODEL_STAGES_MAX);
        track->stages = get_list(reader, MODEL_STAGES_MAX, sizeof(Stage), &track->n_stages);
        for (size_t k = 0; k < track->n_stages && goes_on(reader); k++) {
            track->stages[k].id = get_id(reader);
            if (has_stage(track, k, track->stages[k].id))
                reader->u.corrupt = true;
        }
        if (track->initial >= track->n_stages)
            reader->u.corrupt = true;
    }
    return tracks;
}

static SlaLevel *copy_levels(Reader *reader, const SlaLevel *levels, size_t n) {
    SlaLevel *copied = arena_new_array(reader->arena, SlaLevel, n);
    if (!copied)
        reader->error = -ENOMEM;
    for (size_t i = 0; i < n && goes_on(reader); i++)
        copied[i] = (SlaLevel){copy(reader, levels[i].text), levels[i].after_ms};
    return copied;
}

static void get_policies(Reader *reader, Model *model) {
    model->policies = get_list(reader, MODEL_POLICIES_MAX, sizeof(SlaPolicy), &model->n_policies);
    for (size_t i = 0; i < model->n_policies && goes_on(reader); i++) {
        SlaPolicy *policy = &model->policies[i];
        SlaTimesBuffer buffer;
        policy->id = get_id(reader);
        SlaTimes times = unpack_sla_times(&reader->u, &buffer);
        policy->target_ms = times.target_ms;
        policy->revise_ms = times.revise_ms;
        policy->warnings = copy_levels(reader, times.warnings, times.n_warnings);
        policy->n_warnings = times.n_warnings;
        policy->escalations = copy_levels(reader, times.escalations, times.n_escalations);
        policy->n_escalations = times.n_escalations;
    }
}

static void get_account_scores(Reader *reader, Model *model) {
    model->account_scores =
            get_list(reader, MODEL_ACCOUNT_SCORES_MAX, sizeof(AccountScore), &model->n_account_scores);
    for (size_t i = 0; i < model->n_account_scores && goes_on(reader); i++) {
        model->account_scores[i].id = get_id(reader);
        model->account_scores[i].decay = get_decay(&reader->u);
    }
}

static void get_head(Reader *reader, Model *model) {
    model->version = unpack_signed(&reader->u);
    const char *hash = unpack_bytes(&reader->u, sizeof(model->hash));
    if (hash)
        memcpy(model->hash, hash, sizeof(model->hash));
    model->id = get_id(reader);
    model->n_segments = unpack_number_up_to(&reader->u, MODEL_SEGMENTS_MAX);
    model->n_routes = unpack_number_up_to(&reader->u, MODEL_ROUTES_MAX);
}

static void get_model(Reader *reader, Model *model) {
    get_head(reader, model);
    get_calendars(reader, model);
    get_scores(reader, model);
    get_counters(reader, model);
    get_rules(reader, model);
    get_limits(reader, model);
    model->tracks = get_tracks(reader, &model->n_tracks);
    get_policies(reader, model);
    get_account_scores(reader, model);
    model->account_tracks = get_tracks(reader, &model->n_account_tracks);
}

int skeleton_unpack(Str bytes, Model **ret) {
    if (bytes.len > SKELETON_BYTES_MAX)
        return SKELETON_E_SIZE;
    if (bytes.len == 0 || bytes.data[0] == 0)
        return SKELETON_E_CORRUPT;
    if ((uint8_t)bytes.data[0] > SKELETON_FORMAT)
        return SKELETON_E_FORMAT;

    Reader reader = {.u = {.at = bytes.data + 1, .end = bytes.data + bytes.len}};
    _cleanup_(arena_free) Arena *arena = NULL;
    int r = arena_new(&arena);
    if (r < 0)
        return r;
    reader.arena = arena;
    Model *model = arena_new_array(arena, Model, 1);
    if (!model)
        return -ENOMEM;
    get_model(&reader, model);
    if (reader.error < 0)
        return reader.error;
    if (reader.u.corrupt || unpack_left(&reader.u))
        return SKELETON_E_CORRUPT;
    model->arena = TAKE_PTR(arena);
    *ret = model;
    return 0;
}
