/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "lib/base/owned.h"
#include "lib/base/uuid.h"
#include "lib/lead/sla_clock.h"
#include "lib/record/record.h"
#include "tests/unit/suite.h"

#define BEGIN_MS INT64_C(1767225600000) /* 2026-01-01 */
#define HOUR_MS INT64_C(3600000)
#define DAY_MS (24 * HOUR_MS)

static Stage stages[MODEL_STAGES_MAX];
static Track tracks[] = {
        {.id = STR_LITERAL("lifecycle"), .initial = 0, .stages = stages, .n_stages = 6},
        {.id = STR_LITERAL("temperature"), .initial = 1, .stages = stages, .n_stages = 6},
};
static Score scores[] = {
        {.id = STR_LITERAL("fit"), .decay = {.kind = DECAY_NONE}},
        {.id = STR_LITERAL("engagement"), .decay = {DECAY_HALF_LIFE, 7 * DAY_MS}},
};
static NamedCalendar calendars[3];
static SlaLevel levels[MODEL_LEVELS_MAX];
static SlaPolicy policies[] = {{.id = STR_LITERAL("accept"), .warnings = levels, .n_warnings = 2, .escalations = levels, .n_escalations = 3}};
static const Model model = {
        .version = 3,
        .scores = scores,
        .n_scores = 2,
        .tracks = tracks,
        .n_tracks = 2,
        .policies = policies,
        .n_policies = 1,
        .n_segments = 4,
        .n_routes = 3,
        .n_rules = 10,
        .calendars = calendars,
        .n_calendars = 3,
};

/* All that a model can hold. */
static Track many_tracks[MODEL_TRACKS_MAX];
static Score many_scores[MODEL_SCORES_MAX];
static SlaPolicy many_policies[MODEL_POLICIES_MAX];
static Counter many_counters[MODEL_COUNTERS_MAX];
static Limit many_limits[MODEL_LIMITS_MAX];
static IdleRule many_idle_rules[MODEL_IDLE_RULES_MAX];
static NamedCalendar many_calendars[300];
static Model largest_model = {
        .version = INT64_MAX,
        .scores = many_scores,
        .n_scores = MODEL_SCORES_MAX,
        .tracks = many_tracks,
        .n_tracks = MODEL_TRACKS_MAX,
        .policies = many_policies,
        .n_policies = MODEL_POLICIES_MAX,
        .n_segments = MODEL_SEGMENTS_MAX,
        .n_routes = MODEL_ROUTES_MAX,
        .n_rules = MODEL_RULES_MAX,
        .counters = many_counters,
        .n_counters = MODEL_COUNTERS_MAX,
        .limits = many_limits,
        .n_limits = MODEL_LIMITS_MAX,
        .idle_rules = many_idle_rules,
        .n_idle_rules = MODEL_IDLE_RULES_MAX,
        .calendars = many_calendars,
        .n_calendars = ARRAY_SIZE(many_calendars),
};
static const Model empty_model = {.version = -1};

static const Model *const models[] = {&model, &largest_model, &empty_model};

static void set_up_models(void) {
    for (size_t i = 0; i < MODEL_TRACKS_MAX; i++)
        many_tracks[i] = (Track){.stages = stages, .n_stages = MODEL_STAGES_MAX - i, .initial = (unsigned)i};
    for (size_t i = 0; i < MODEL_COUNTERS_MAX; i++)
        many_counters[i] = (Counter){.keep = (unsigned)i + 1};
    for (size_t i = 0; i < MODEL_SCORES_MAX; i++)
        many_scores[i].decay = (Decay){(DecayKind)(i % 4), i % 4 ? (int64_t)(i * i * i) + 1 : 0};
    for (size_t i = 0; i < MODEL_POLICIES_MAX; i++)
        many_policies[i] = (SlaPolicy){.warnings = levels, .n_warnings = i % 17, .escalations = levels, .n_escalations = (i + 5) % 17};
}

static Str as_str(const Buffer *buffer) {
    return (Str){(const char *)buffer->data, buffer->len};
}

/* Unpacks from memory of exactly the record's size, so that a sanitizer sees each step beyond it. */
static int unpack(Str bytes, const Model *m, Lead **ret) {
    char *copy = malloc(bytes.len);
    ck_assert(copy || bytes.len == 0);
    if (bytes.len)
        memcpy(copy, bytes.data, bytes.len);
    int r = record_unpack((Str){copy ? copy : "", bytes.len}, STR_LITERAL("lead-1"), m, ret);
    free(copy);
    return r;
}

static void assert_refused(Str bytes, const Model *m, int expected) {
    Lead *const sentinel = (Lead *)(uintptr_t)0xad;
    Lead *lead = sentinel;
    ck_assert_int_eq(unpack(bytes, m, &lead), expected);
    ck_assert_ptr_eq(lead, sentinel);
}

/* ---- pseudo-random leads ---- */

static uint64_t random_bits(uint64_t *state) {
    /* splitmix64 */
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static size_t random_below(uint64_t *state, size_t n) {
    return n ? random_bits(state) % n : 0;
}

/* Long numbers are as likely as short ones. */
static uint64_t random_number(uint64_t *state, uint64_t max) {
    return random_bits(state) >> random_below(state, 64) & max;
}

static int64_t random_past(uint64_t *state) {
    switch (random_below(state, 8)) {
    case 0:
        return EVENT_TIME_MS_MIN;
    case 1:
        return EVENT_TIME_MS_MAX;
    default:
        return BEGIN_MS + (int64_t)random_number(state, (UINT64_C(1) << 40) - 1);
    }
}

static int64_t random_past_or_none(uint64_t *state) {
    return random_below(state, 4) ? random_past(state) : TIME_NONE;
}

static int64_t random_future(uint64_t *state) {
    switch (random_below(state, 8)) {
    case 0:
        return TIME_NEVER;
    case 1:
        return TIME_NEVER - 1;
    case 2:
        return EVENT_TIME_MS_MIN;
    default:
        return (int64_t)random_number(state, INT64_MAX - 1);
    }
}

static double random_double(uint64_t *state) {
    static const double values[] = {0, -0.0, 1, -1, 15, 12.5, 1e-9, -1e-300, 0x1p-1074, 1e308, -1e308,
            INT32_MIN, INT32_MAX, INT32_MIN - 1.0, INT32_MAX + 1.0, INT32_MAX - 0.5};
    return values[random_below(state, ARRAY_SIZE(values))];
}

static Str random_str(uint64_t *state, size_t len_max, char *text) {
    size_t len = random_below(state, 4) ? random_below(state, 20) : random_below(state, len_max + 1);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)random_bits(state);
    return (Str){text, MIN(len, len_max)};
}

/* A UUID that is in the ring or not, a text, or none. */
/* A text is borrowed from `text`. */
static EventId random_event_id(uint64_t *state, const Lead *lead, char text[static EVENT_ID_LEN_MAX]) {
    Uuid uuid;
    switch (random_below(state, 4)) {
    case 0:
        return (EventId){0};
    case 1:
        return event_id_of(random_str(state, EVENT_ID_LEN_MAX, text));
    case 2:
        for (size_t i = 0; i < sizeof(uuid.bytes); i++)
            uuid.bytes[i] = (uint8_t)random_bits(state);
        break;
    default:
        if (lead->n_seen == 0)
            return (EventId){0};
        memcpy(uuid.bytes, lead_seen(lead, random_below(state, lead->n_seen))->bytes, sizeof(uuid.bytes));
    }
    return event_id_of_uuid(&uuid);
}

static void fill_head(Lead *lead, const Model *m, uint64_t *state) {
    char text[EVENT_SOURCE_LEN_MAX];
    int64_t clock_ms = random_past(state);
    lead_begin(lead, m, clock_ms);
    if (random_below(state, 2)) {
        Str account = random_str(state, EVENT_ACCOUNT_ID_LEN_MAX, text);
        ck_assert_int_eq(str_set(&lead->account_id, account.len ? account : STR_LITERAL("a")), 0);
    }
    if (random_below(state, 2))
        ck_assert_int_eq(str_set(&lead->first_source, random_str(state, sizeof(text), text)), 0);
    if (random_below(state, 2))
        ck_assert_int_eq(str_set(&lead->last_source, random_str(state, sizeof(text), text)), 0);
    lead->first_source_at_ms = random_past_or_none(state);
    lead->latest_activity_ms = random_past_or_none(state);
    lead->segment = (unsigned)random_below(state, m->n_segments + 1);
    lead->route = (int)random_below(state, m->n_routes + 1) - 1;
    lead->ordinal = random_number(state, INT64_MAX);
    lead->next_internal_ms = random_future(state);
    lead->next_sla_ms = random_future(state);
}

static void fill_rings(Lead *lead, const Model *m, uint64_t *state) {
    for (size_t i = random_below(state, 3 * LEAD_SEEN_MAX); i > 0; i--) {
        EventKey key;
        for (size_t j = 0; j < sizeof(key.bytes); j++)
            key.bytes[j] = (uint8_t)random_bits(state);
        ck_assert_int_eq(lead_add_seen(lead, key), 0);
    }
    for (size_t i = m->n_rules && m->n_scores ? random_below(state, 3 * LEAD_AWARDS_MAX) : 0; i > 0; i--) {
        char text[EVENT_ID_LEN_MAX];
        GivenAward award = {
                .rule = (uint16_t)random_below(state, m->n_rules + m->n_idle_rules),
                .score = (uint16_t)random_below(state, m->n_scores),
                .points = random_double(state),
                .occurred_at_ms = random_past(state),
        };
        award.event_id = random_event_id(state, lead, text);
        ck_assert_int_eq(lead_add_award(lead, &award), 0);
    }
}

static void fill_score(size_t i, ScoreState *score, const Decay *decay, int64_t clock_ms, uint64_t *state) {
    if (!decay_is_stepped(decay)) {
        *score = (ScoreState){random_double(state), random_past_or_none(state)};
        return;
    }
    for (size_t n = random_below(state, i % 8 ? 9 : 200); n > 0; n--) {
        int64_t ago_ms = (int64_t)random_number(state, (uint64_t)decay->span_ms * 2);
        double kept;
        ck_assert_int_eq(score_state_award(score, decay, (ScoreBounds){-INFINITY, INFINITY}, 1 + (double)n / 7,
                                 MAX(clock_ms - ago_ms, 0), clock_ms, &kept), 0);
    }
}

/* Not after the clock. */
static int64_t random_before(const Lead *lead, uint64_t *state) {
    int64_t at_ms = random_past(state);
    return MIN(at_ms, lead->clock_ms);
}

static void fill_times(Lead *lead, const Model *m, uint64_t *state) {
    for (size_t i = 0; i < m->n_counters; i++)
        for (size_t n = random_below(state, i % 8 ? 3 : 70); n > 0; n--)
            ck_assert_int_eq(time_list_add(&lead->counters[i], random_before(lead, state), m->counters[i].keep), 0);
    for (size_t i = 0; i < m->n_limits; i++)
        for (size_t n = random_below(state, i % 8 ? 3 : 70); n > 0; n--)
            ck_assert_int_eq(time_list_add(&lead->limits[i], random_before(lead, state), MODEL_LIMIT_TIMES_MAX), 0);
    for (size_t i = 0; i < m->n_idle_rules; i++)
        lead->idle[i] = (IdleState){random_past_or_none(state), random_below(state, 2)};
}

/* Other levels than the policy's, as many as the masks name. */
static void fill_own_times(SlaClock *clock, const SlaPolicy *policy, uint64_t *state) {
    SlaLevel own[MODEL_LEVELS_MAX];
    SlaTimes times = sla_times_of(policy);
    for (size_t i = 0; i < MODEL_LEVELS_MAX; i++)
        own[i] = (SlaLevel){i % 2 ? STR_LITERAL("12.5%") : STR_LITERAL("1h"), (int64_t)random_below(state, DAY_MS)};
    times.target_ms = 1 + (int64_t)random_below(state, DAY_MS);
    times.warnings = times.escalations = own;
    ck_assert_int_eq(sla_times_dup(&times, &clock->times), 0);
}

/* As many as there may be at times; they end before the last instant that an event can have. */
static void fill_pauses(SlaClock *clock, uint64_t *state) {
    int64_t at_ms = clock->started_at_ms, length_ms;
    size_t n = random_below(state, 4) ? random_below(state, 4) : random_below(state, SLA_PAUSES_MAX + 1);
    if (at_ms + (SLA_PAUSES_MAX + 1) * 4 * DAY_MS > EVENT_TIME_MS_MAX)
        return;
    if (random_below(state, 3) == 0) {
        length_ms = 1 + (int64_t)random_below(state, DAY_MS);
        clock->base_after_ms = length_ms;
        clock->base_work_ms = (int64_t)random_below(state, (size_t)length_ms + 1);
        at_ms += length_ms;
    }
    if (n) {
        clock->pauses = calloc(n, sizeof(SlaPause));
        ck_assert_ptr_nonnull(clock->pauses);
    }
    clock->n_pauses = clock->n_pauses_alloc = n;
    for (size_t i = 0; i < n; i++) {
        SlaPause *pause = &clock->pauses[i];
        pause->from_ms = at_ms + (int64_t)random_number(state, DAY_MS) + (i > 0);
        pause->to_ms = at_ms = pause->from_ms + 1 + (int64_t)random_number(state, DAY_MS);
    }
    if (n && random_below(state, 2))
        clock->pauses[n - 1].to_ms = TIME_NEVER;
}

static void fill_stages(Lead *lead, const Model *m, uint64_t *state) {
    for (size_t i = 0; i < m->n_scores; i++)
        fill_score(i, &lead->scores[i], &m->scores[i].decay, lead->clock_ms, state);
    fill_times(lead, m, state);
    for (size_t i = 0; i < m->n_tracks; i++) {
        TrackState *track = &lead->tracks[i];
        track->sequence = random_number(state, INT64_MAX);
        for (size_t n = random_below(state, 5); n > 0; n--) {
            track->stage = (unsigned)random_below(state, m->tracks[i].n_stages);
            track->stages[track->stage] = (StageState){
                    .entered_at_ms = random_past(state),
                    .left_at_ms = random_past_or_none(state),
                    .entries = 1 + (uint32_t)random_number(state, UINT32_MAX - 1),
            };
        }
    }
    for (size_t i = 0; i < m->n_policies; i++) {
        SlaClock *clock = &lead->clocks[i];
        clock->epoch = (uint32_t)random_number(state, UINT32_MAX);
        if (clock->epoch == 0 || random_below(state, 3) == 0)
            continue;
        clock->phase = random_below(state, 2) ? SLA_PHASE_OPEN : SLA_PHASE_REVISABLE;
        clock->started_at_ms = random_past(state);
        clock->due_at_ms = random_future(state);
        clock->calendar = (unsigned)random_below(state, m->n_calendars + 1);
        fill_pauses(clock, state);
        if (random_below(state, 4) == 0)
            fill_own_times(clock, &m->policies[i], state);
        clock->breached = random_below(state, 2);
        clock->warned = (uint32_t)random_below(state, (size_t)1 << m->policies[i].n_warnings);
        clock->escalated = (uint32_t)random_below(state, (size_t)1 << m->policies[i].n_escalations);
        char text[EVENT_ID_LEN_MAX];
        EventId id = random_event_id(state, lead, text);
        ck_assert_int_eq(event_id_dup(&id, &clock->start_event_id), 0);
    }
}

static void fill_profile(Lead *lead, uint64_t *state) {
    char name[EVENT_PROPERTY_NAME_LEN_MAX], text[1000];
    for (size_t n = random_below(state, 40); n > 0; n--) {
        Value value = VALUE_NONE;
        switch (random_below(state, 4)) {
        case 0:
            value = value_boolean(random_below(state, 2));
            break;
        case 1:
            value = value_long((int64_t)random_number(state, UINT64_MAX));
            break;
        case 2:
            value = value_double(random_double(state));
            break;
        default:
            value = value_string(random_str(state, sizeof(text), text));
        }
        ck_assert_int_eq(lead_set_profile(lead, random_str(state, sizeof(name), name), value), 0);
    }
}

static Lead *random_lead(const Model *m, uint64_t seed) {
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(m, STR_LITERAL("lead-1"), &lead), 0);
    fill_head(lead, m, &seed);
    fill_rings(lead, m, &seed);
    fill_stages(lead, m, &seed);
    fill_profile(lead, &seed);
    return lead;
}

/* ---- comparison, field by field ---- */

/* By bits: -0.0 is not 0. */
static void assert_same_double(double a, double b) {
    ck_assert_mem_eq(&a, &b, sizeof(a));
}

static void assert_same_profile(const Lead *a, const Lead *b) {
    ck_assert_uint_eq(a->n_profile, b->n_profile);
    for (size_t i = 0; i < a->n_profile; i++) {
        const Value *x = &a->profile[i].value, *y = &b->profile[i].value;
        ck_assert(str_eq(a->profile[i].name, b->profile[i].name));
        ck_assert_int_eq(x->type, y->type);
        if (x->type == VALUE_BOOLEAN)
            ck_assert_int_eq(x->boolean, y->boolean);
        if (x->type == VALUE_LONG)
            ck_assert_int_eq(x->integer, y->integer);
        if (x->type == VALUE_DOUBLE)
            assert_same_double(x->number, y->number);
        if (x->type == VALUE_STRING)
            ck_assert(str_eq(x->string, y->string));
    }
}

static void assert_same_event_id(const EventId *a, const EventId *b) {
    char a_text[EVENT_ID_LEN_MAX], b_text[EVENT_ID_LEN_MAX];
    ck_assert(str_eq(event_id_text(a, a_text), event_id_text(b, b_text)));
}

static void assert_same_rings(const Lead *a, const Lead *b) {
    ck_assert_uint_eq(a->n_seen, b->n_seen);
    for (size_t i = 0; i < a->n_seen; i++)
        ck_assert_mem_eq(lead_seen(a, i), lead_seen(b, i), sizeof(EventKey));
    ck_assert_uint_eq(a->n_awards, b->n_awards);
    for (size_t i = 0; i < a->n_awards; i++) {
        const GivenAward *x = lead_award(a, i), *y = lead_award(b, i);
        ck_assert_uint_eq(x->rule, y->rule);
        ck_assert_uint_eq(x->score, y->score);
        assert_same_double(x->points, y->points);
        ck_assert_int_eq(x->occurred_at_ms, y->occurred_at_ms);
        assert_same_event_id(&x->event_id, &y->event_id);
    }
}

static void assert_same_clock(const SlaClock *a, const SlaClock *b) {
    ck_assert_int_eq(a->phase, b->phase);
    ck_assert_uint_eq(a->epoch, b->epoch);
    ck_assert_int_eq(a->started_at_ms, b->started_at_ms);
    ck_assert_int_eq(a->due_at_ms, b->due_at_ms);
    ck_assert_uint_eq(a->calendar, b->calendar);
    ck_assert_int_eq(a->base_after_ms, b->base_after_ms);
    ck_assert_int_eq(a->base_work_ms, b->base_work_ms);
    ck_assert_uint_eq(a->n_pauses, b->n_pauses);
    for (size_t i = 0; i < a->n_pauses; i++) {
        ck_assert_int_eq(a->pauses[i].from_ms, b->pauses[i].from_ms);
        ck_assert_int_eq(a->pauses[i].to_ms, b->pauses[i].to_ms);
    }
    ck_assert_int_eq(a->breached, b->breached);
    ck_assert_int_eq(a->times != NULL, b->times != NULL);
    ck_assert(!a->times || sla_times_equal(a->times, b->times));
    ck_assert_uint_eq(a->warned, b->warned);
    ck_assert_uint_eq(a->escalated, b->escalated);
    assert_same_event_id(&a->start_event_id, &b->start_event_id);
}

static void assert_same_score(const ScoreState *a, const ScoreState *b, const Decay *decay) {
    if (!decay_is_stepped(decay)) {
        assert_same_double(a->value, b->value);
        ck_assert_int_eq(a->at_ms, b->at_ms);
        return;
    }
    ck_assert_uint_eq(a->n_buckets, b->n_buckets);
    for (size_t i = 0; i < a->n_buckets; i++) {
        assert_same_double(a->buckets[i].points, b->buckets[i].points);
        ck_assert_int_eq(a->buckets[i].at_ms, b->buckets[i].at_ms);
    }
}

static void assert_same_list(const TimeList *a, const TimeList *b) {
    ck_assert_uint_eq(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        ck_assert_int_eq(a->at_ms[i], b->at_ms[i]);
}

static void assert_same_times(const Lead *a, const Lead *b, const Model *m) {
    for (size_t i = 0; i < m->n_counters; i++)
        assert_same_list(&a->counters[i], &b->counters[i]);
    for (size_t i = 0; i < m->n_limits; i++)
        assert_same_list(&a->limits[i], &b->limits[i]);
    for (size_t i = 0; i < m->n_idle_rules; i++) {
        ck_assert_int_eq(a->idle[i].last_ms, b->idle[i].last_ms);
        ck_assert_int_eq(a->idle[i].sleeps, b->idle[i].sleeps);
    }
}

static void assert_same_stages(const Lead *a, const Lead *b, const Model *m) {
    for (size_t i = 0; i < m->n_scores; i++)
        assert_same_score(&a->scores[i], &b->scores[i], &m->scores[i].decay);
    assert_same_times(a, b, m);
    for (size_t i = 0; i < m->n_tracks; i++) {
        ck_assert_uint_eq(a->tracks[i].stage, b->tracks[i].stage);
        ck_assert_uint_eq(a->tracks[i].sequence, b->tracks[i].sequence);
        for (size_t j = 0; j < m->tracks[i].n_stages; j++) {
            const StageState *x = &a->tracks[i].stages[j], *y = &b->tracks[i].stages[j];
            ck_assert_int_eq(x->entered_at_ms, y->entered_at_ms);
            ck_assert_int_eq(x->left_at_ms, y->left_at_ms);
            ck_assert_uint_eq(x->entries, y->entries);
        }
    }
    for (size_t i = 0; i < m->n_policies; i++)
        assert_same_clock(&a->clocks[i], &b->clocks[i]);
}

static void assert_same(const Lead *a, const Lead *b, const Model *m) {
    ck_assert(str_eq(a->lead_id, b->lead_id));
    ck_assert_int_eq(a->clock_ms, b->clock_ms);
    ck_assert(str_eq(a->account_id, b->account_id));
    ck_assert(str_eq(a->first_source, b->first_source));
    ck_assert(str_eq(a->last_source, b->last_source));
    ck_assert_int_eq(a->first_source_at_ms, b->first_source_at_ms);
    ck_assert_int_eq(a->latest_activity_ms, b->latest_activity_ms);
    ck_assert_uint_eq(a->segment, b->segment);
    ck_assert_int_eq(a->route, b->route);
    ck_assert_uint_eq(a->ordinal, b->ordinal);
    ck_assert_int_eq(a->next_internal_ms, b->next_internal_ms);
    ck_assert_int_eq(a->next_sla_ms, b->next_sla_ms);
    assert_same_profile(a, b);
    assert_same_rings(a, b);
    assert_same_stages(a, b, m);
}

/* ---- there and back ---- */

static void assert_comes_back(uint64_t seed) {
    const Model *m = models[seed % ARRAY_SIZE(models)];
    _cleanup_(lead_free) Lead *lead = random_lead(m, seed);
    Buffer packed = {0}, again = {0};
    ck_assert_int_eq(record_pack(lead, m, &packed), 0);

    _cleanup_(lead_free) Lead *back = NULL;
    ck_assert_int_eq(unpack(as_str(&packed), m, &back), 0);
    assert_same(lead, back, m);
    ck_assert_int_eq(record_pack(back, m, &again), 0);
    ck_assert(str_eq(as_str(&packed), as_str(&again)));

    /* What was read can be added to like what was made. */
    ck_assert_int_eq(lead_add_seen(back, event_key(event_id_of(STR_LITERAL("one more")))), 0);
    ck_assert_int_eq(lead_add_award(back, &(GivenAward){0}), 0);
    ck_assert_int_eq(lead_set_profile(back, STR_LITERAL("one more"), value_long(1)), 0);
    ck_assert(lead_has_seen(back, event_key(event_id_of(STR_LITERAL("one more")))));
    buffer_done(&packed);
    buffer_done(&again);
}

/* Each row has its own seeds; the models take turns. */
START_TEST(random_lead_comes_back_the_same) {
    enum { N_SEEDS = 6 };
    for (int i = 0; i < N_SEEDS; i++)
        assert_comes_back((uint64_t)(_i * N_SEEDS + i));
}
END_TEST

START_TEST(packing_appends) {
    _cleanup_(lead_free) Lead *lead = random_lead(&model, 5);
    Buffer alone = {0}, both = {0};
    ck_assert_int_eq(record_pack(lead, &model, &alone), 0);
    ck_assert_int_eq(record_pack(lead, &model, &both), 0);
    ck_assert_int_eq(record_pack(lead, &model, &both), 0);
    ck_assert_uint_eq(both.len, 2 * alone.len);
    ck_assert_mem_eq(both.data, alone.data, alone.len);
    ck_assert_mem_eq(both.data + alone.len, alone.data, alone.len);
    buffer_done(&alone);
    buffer_done(&both);
    ck_assert_ptr_null(both.data);
}
END_TEST

/* Two scores, two tracks of six stages, an open clock, three events, and a small profile. */
static Lead *typical_lead(void) {
    Lead *lead = NULL;
    ck_assert_int_eq(lead_new(&model, STR_LITERAL("lead-1"), &lead), 0);
    lead_begin(lead, &model, BEGIN_MS);
    lead->clock_ms = BEGIN_MS + 3 * DAY_MS;
    ck_assert_int_eq(str_set(&lead->account_id, STR_LITERAL("acme-4711")), 0);
    ck_assert_int_eq(str_set(&lead->first_source, STR_LITERAL("ads")), 0);
    ck_assert_int_eq(str_set(&lead->last_source, STR_LITERAL("web")), 0);
    lead->first_source_at_ms = BEGIN_MS;
    lead->latest_activity_ms = lead->clock_ms;
    lead->ordinal = 3;
    lead->scores[0] = (ScoreState){30, lead->clock_ms};
    lead->scores[1] = (ScoreState){41.7320508, lead->clock_ms};
    lead->tracks[0].stages[0].left_at_ms = BEGIN_MS + 2 * DAY_MS;
    lead->tracks[0].stages[2] = (StageState){BEGIN_MS + 2 * DAY_MS, TIME_NONE, 1};
    lead->tracks[0].stage = 2;
    lead->tracks[0].sequence = 1;
    for (int i = 0; i < 3; i++) {
        char id[UUID_TEXT_LEN + 1];
        snprintf(id, sizeof(id), "018c2f60-abcd-7ef0-8123-%012x", i);
        ck_assert_int_eq(lead_add_seen(lead, event_key(event_id_of(str_from(id)))), 0);
        GivenAward award = {
                .rule = (uint16_t)i, .score = 1, .points = i < 2 ? 15 : 12.5, .event_id = event_id_of(str_from(id))};
        award.occurred_at_ms = BEGIN_MS + i * DAY_MS;
        ck_assert_int_eq(lead_add_award(lead, &award), 0);
    }
    SlaClock *clock = &lead->clocks[0];
    *clock = (SlaClock){.phase = SLA_PHASE_OPEN, .epoch = 1, .warned = 1, .start_event_id = lead_award(lead, 2)->event_id};
    clock->started_at_ms = BEGIN_MS + 2 * DAY_MS;
    clock->due_at_ms = BEGIN_MS + 5 * DAY_MS;
    lead->next_internal_ms = BEGIN_MS + 20 * DAY_MS;
    lead->next_sla_ms = BEGIN_MS + 4 * DAY_MS;
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("aa"), value_string(STR_LITERAL("DE"))), 0);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("bb"), value_boolean(true)), 0);
    ck_assert_int_eq(lead_set_profile(lead, STR_LITERAL("cc"), value_double(0.75)), 0);
    return lead;
}

static Buffer pack_typical(void) {
    _cleanup_(lead_free) Lead *lead = typical_lead();
    Buffer buffer = {0};
    ck_assert_int_eq(record_pack(lead, &model, &buffer), 0);
    return buffer;
}

/* The same with a calendar and two pauses, whose distances and lengths are 100, 101, 102 and 103 ms. */
static Buffer pack_paused(void) {
    _cleanup_(lead_free) Lead *lead = typical_lead();
    SlaClock *clock = &lead->clocks[0];
    int64_t at_ms = clock->started_at_ms;
    SlaTerms terms = sla_terms(clock, &model, 0);
    Buffer buffer = {0};
    clock->calendar = 2;
    for (int64_t ms = 100; ms < 104; ms += 2) {
        ck_assert_int_eq(sla_clock_pause(clock, terms, at_ms + ms), 0);
        sla_clock_resume(clock, terms, at_ms + 2 * ms + 1);
        at_ms += 2 * ms + 1;
    }
    ck_assert_int_eq(record_pack(lead, &model, &buffer), 0);
    return buffer;
}

/* A clock's own times are there where they differ from its policy's, and nowhere else. */
START_TEST(times_of_its_own_are_others_than_its_policys) {
    _cleanup_(lead_free) Lead *lead = typical_lead(), *back = NULL;
    SlaTimes times = sla_times_of(&policies[0]);
    SlaLevel own[MODEL_LEVELS_MAX] = {{STR_LITERAL("50%"), 5}};
    Buffer packed = {0};
    times.target_ms = 12345;
    times.warnings = own;
    times.n_warnings = 1;
    times.n_escalations = 0;
    ck_assert_int_eq(sla_times_dup(&times, &lead->clocks[0].times), 0);
    ck_assert_int_eq(record_pack(lead, &model, &packed), 0);
    ck_assert_int_eq(unpack(as_str(&packed), &model, &back), 0);
    ck_assert(sla_times_equal(back->clocks[0].times, &times));
    /* the policy has come to say the same */
    Model other = model;
    SlaPolicy same = {.target_ms = 12345, .warnings = own, .n_warnings = 1};
    other.policies = &same;
    assert_refused(as_str(&packed), &other, RECORD_E_CORRUPT);
    /* a mask that names a level which the policy has, but not these times */
    lead->clocks[0].warned = 2;
    packed.len = 0;
    ck_assert_int_eq(record_pack(lead, &model, &packed), 0);
    assert_refused(as_str(&packed), &model, RECORD_E_CORRUPT);
    buffer_done(&packed);
}
END_TEST

/* What scoring itself needs; a profile takes what its texts take. */
START_TEST(typical_record_is_small) {
    _cleanup_(lead_free) Lead *lead = typical_lead();
    while (lead->n_profile)
        ck_assert_int_eq(lead_set_profile(lead, lead->profile[0].name, VALUE_NONE), 0);
    Buffer buffer = {0};
    ck_assert_int_eq(record_pack(lead, &model, &buffer), 0);
    ck_assert_uint_lt(buffer.len, 200);
    buffer_done(&buffer);
}
END_TEST

/* Of a clock that is over the record keeps the epoch, whatever else memory still holds. */
START_TEST(clock_that_is_over_keeps_its_epoch_only) {
    _cleanup_(lead_free) Lead *lead = typical_lead();
    lead->clocks[0].phase = SLA_PHASE_NONE;
    lead->clocks[0].breached = true;
    Buffer buffer = {0};
    ck_assert_int_eq(record_pack(lead, &model, &buffer), 0);
    _cleanup_(lead_free) Lead *back = NULL;
    ck_assert_int_eq(unpack(as_str(&buffer), &model, &back), 0);
    assert_same_clock(&back->clocks[0], &(SlaClock){.epoch = 1});
    buffer_done(&buffer);
}
END_TEST

static const char *const event_ids[] = {
        "018c2f60-abcd-7ef0-8123-456789abcdef",
        "00000000-0000-0000-0000-000000000000",
        "018C2F60-ABCD-7EF0-8123-456789ABCDEF",
        "018c2f60abcd7ef08123456789abcdef",
        "x",
        "0123456789012345678901234567890123456789012345678901234567890123",
        "",
};

START_TEST(event_id_comes_back_letter_by_letter) {
    Str id = str_from(event_ids[_i]);
    for (int seen = 0; seen < 2; seen++) {
        _cleanup_(lead_free) Lead *lead = typical_lead();
        if (seen)
            ck_assert_int_eq(lead_add_seen(lead, event_key(event_id_of(id))), 0);
        GivenAward award = {.points = 1, .occurred_at_ms = BEGIN_MS, .event_id = event_id_of(id)};
        ck_assert_int_eq(lead_add_award(lead, &award), 0);
        Buffer buffer = {0};
        ck_assert_int_eq(record_pack(lead, &model, &buffer), 0);
        _cleanup_(lead_free) Lead *back = NULL;
        ck_assert_int_eq(unpack(as_str(&buffer), &model, &back), 0);
        assert_same(lead, back, &model);
        buffer_done(&buffer);
    }
}
END_TEST

/* ---- what is refused ---- */

START_TEST(cut_off_record_is_refused) {
    Buffer buffer = pack_typical();
    for (size_t n = 0; n < buffer.len; n++)
        assert_refused((Str){(const char *)buffer.data, n}, &model, RECORD_E_CORRUPT);
    buffer_done(&buffer);
}
END_TEST

START_TEST(bytes_left_over_are_refused) {
    Buffer buffer = pack_typical();
    char longer[256] = {0};
    memcpy(longer, buffer.data, buffer.len);
    assert_refused((Str){longer, buffer.len + 1}, &model, RECORD_E_CORRUPT);
    assert_refused((Str){longer, sizeof(longer)}, &model, RECORD_E_CORRUPT);
    buffer_done(&buffer);
}
END_TEST

/* Each byte string has one reading at most, and each lead one byte string. */
START_TEST(altered_record_is_refused_or_canonical) {
    Buffer buffer = _i ? pack_paused() : pack_typical();
    for (size_t i = 0; i < buffer.len; i++) {
        uint8_t original = buffer.data[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            buffer.data[i] = (uint8_t)(original ^ 1u << bit);
            _cleanup_(lead_free) Lead *lead = NULL;
            if (unpack(as_str(&buffer), &model, &lead) != 0)
                continue;
            Buffer again = {0};
            ck_assert_int_eq(record_pack(lead, &model, &again), 0);
            ck_assert(str_eq(as_str(&buffer), as_str(&again)));
            buffer_done(&again);
        }
        buffer.data[i] = original;
    }
    buffer_done(&buffer);
}
END_TEST

START_TEST(random_bytes_are_refused_without_harm) {
    uint64_t state = (uint64_t)_i;
    char bytes[300];
    for (int round = 0; round < 200; round++) {
        Str s = {bytes, random_below(&state, sizeof(bytes))};
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)random_number(&state, 0xff);
        bytes[0] = RECORD_FORMAT;
        bytes[1] = 6; /* zig-zag of the model's version */
        assert_refused(s, &model, RECORD_E_CORRUPT);
    }
}
END_TEST

START_TEST(other_formats_and_models_are_told_apart) {
    Buffer buffer = pack_typical();
    Model other = model;
    other.version = 4;
    assert_refused(as_str(&buffer), &other, RECORD_E_MODEL);
    buffer.data[0] = RECORD_FORMAT + 1;
    assert_refused(as_str(&buffer), &model, RECORD_E_FORMAT);
    buffer.data[0] = RECORD_FORMAT_MERGED - 1;
    assert_refused(as_str(&buffer), &model, RECORD_E_FORMAT);
    buffer.data[0] = RECORD_FORMAT_END; /* an account's */
    assert_refused(as_str(&buffer), &model, RECORD_E_CORRUPT);
    buffer.data[0] = 0;
    assert_refused(as_str(&buffer), &model, RECORD_E_CORRUPT);
    buffer_done(&buffer);
}
END_TEST

START_TEST(lead_id_out_of_limits_is_refused) {
    Buffer buffer = pack_typical();
    char id[EVENT_LEAD_ID_LEN_MAX + 1];
    memset(id, 'x', sizeof(id));
    Lead *lead = NULL;
    ck_assert_int_eq(record_unpack(as_str(&buffer), STR_LITERAL(""), &model, &lead), RECORD_E_CORRUPT);
    ck_assert_int_eq(record_unpack(as_str(&buffer), (Str){id, sizeof(id)}, &model, &lead), RECORD_E_CORRUPT);
    ck_assert_int_eq(record_unpack(as_str(&buffer), (Str){id, sizeof(id) - 1}, &model, &lead), 0);
    lead_free(lead);
    buffer_done(&buffer);
}
END_TEST

/* A record of a lead that the model of the row cannot have. */
typedef struct SmallerModel {
    const char *what;
    void (*shrink)(Model *m, Track *first_track, SlaPolicy *policy);
} SmallerModel;

static void fewer_segments(Model *m, Track *track, SlaPolicy *policy) {
    (void)track, (void)policy;
    m->n_segments = 3;
}
static void fewer_routes(Model *m, Track *track, SlaPolicy *policy) {
    (void)track, (void)policy;
    m->n_routes = 2;
}
static void fewer_rules(Model *m, Track *track, SlaPolicy *policy) {
    (void)track, (void)policy;
    m->n_rules = 9;
}
static void no_rules(Model *m, Track *track, SlaPolicy *policy) {
    (void)track, (void)policy;
    m->n_rules = 0;
}
static void fewer_scores(Model *m, Track *track, SlaPolicy *policy) {
    (void)track, (void)policy;
    m->n_scores = 1;
}
static void fewer_tracks(Model *m, Track *track, SlaPolicy *policy) {
    (void)track, (void)policy;
    m->n_tracks = 1;
}
static void fewer_policies(Model *m, Track *track, SlaPolicy *policy) {
    (void)track, (void)policy;
    m->n_policies = 0;
}
static void fewer_stages(Model *m, Track *track, SlaPolicy *policy) {
    (void)m, (void)policy;
    track->n_stages = 5;
}
static void fewer_calendars(Model *m, Track *track, SlaPolicy *policy) {
    (void)track, (void)policy;
    m->n_calendars = 2;
}
static void fewer_warnings(Model *m, Track *track, SlaPolicy *policy) {
    (void)m, (void)track;
    policy->n_warnings = 1;
}
static void fewer_escalations(Model *m, Track *track, SlaPolicy *policy) {
    (void)m, (void)track;
    policy->n_escalations = 2;
}

static const SmallerModel smaller_models[] = {
        {"segments", fewer_segments},
        {"routes", fewer_routes},
        {"rules", fewer_rules},
        {"no rules", no_rules},
        {"scores", fewer_scores},
        {"tracks", fewer_tracks},
        {"policies", fewer_policies},
        {"stages", fewer_stages},
        {"calendars", fewer_calendars},
        {"warnings", fewer_warnings},
        {"escalations", fewer_escalations},
};

START_TEST(index_outside_the_model_is_refused) {
    _cleanup_(lead_free) Lead *lead = typical_lead();
    lead->segment = 4;
    lead->route = 2;
    lead->awards[0].rule = 9;
    lead->tracks[0].stages[5] = (StageState){BEGIN_MS, TIME_NONE, 1};
    lead->tracks[0].stage = 5;
    lead->clocks[0].calendar = 3;
    lead->clocks[0].warned = 2;
    lead->clocks[0].escalated = 4;
    Buffer buffer = {0};
    ck_assert_int_eq(record_pack(lead, &model, &buffer), 0);

    Model smaller = model;
    Track smaller_tracks[] = {tracks[0], tracks[1]};
    SlaPolicy smaller_policy = policies[0];
    smaller.tracks = smaller_tracks;
    smaller.policies = &smaller_policy;
    _cleanup_(lead_free) Lead *back = NULL;
    ck_assert_int_eq(unpack(as_str(&buffer), &smaller, &back), 0);
    smaller_models[_i].shrink(&smaller, &smaller_tracks[0], &smaller_policy);
    assert_refused(as_str(&buffer), &smaller, RECORD_E_CORRUPT);
    buffer_done(&buffer);
}
END_TEST

/* Replaces the first occurrence of a byte pattern, which must be there. */
static void replace(Buffer *buffer, const void *from, size_t n_from, const void *to, size_t n_to) {
    uint8_t *at = memmem(buffer->data, buffer->len, from, n_from);
    ck_assert_ptr_nonnull(at);
    size_t before = (size_t)(at - buffer->data), after = buffer->len - before - n_from;
    uint8_t *data = malloc(before + n_to + after);
    ck_assert_ptr_nonnull(data);
    memcpy(data, buffer->data, before);
    memcpy(data + before, to, n_to);
    memcpy(data + before + n_to, at + n_from, after);
    free(buffer->data);
    *buffer = (Buffer){data, before + n_to + after, before + n_to + after};
}

static const struct {
    double from, to;
} double_rows[] = {
        {41.7320508, NAN},
        {41.7320508, INFINITY},
        {41.7320508, -INFINITY},
        {12.5, NAN},
        {12.5, INFINITY},
        {0.75, NAN},
        {0.75, -INFINITY},
        /* these have a shorter form */
        {12.5, 12},
        {12.5, 0},
        {41.7320508, INT32_MIN},
};

START_TEST(number_not_in_its_form_is_refused) {
    Buffer buffer = pack_typical();
    replace(&buffer, &double_rows[_i].from, sizeof(double), &double_rows[_i].to, sizeof(double));
    assert_refused(as_str(&buffer), &model, RECORD_E_CORRUPT);
    buffer_done(&buffer);
}
END_TEST

#define BYTES(s) ("" s), sizeof(s) - 1

/* Places in the typical record, what is put there, and why it must not pass. */
static const struct {
    const char *why;
    const char *from;
    size_t n_from;
    const char *to;
    size_t n_to;
} byte_rows[] = {
        {"profile out of order", BYTES("\2aa"), BYTES("\2dd")},
        {"profile name twice", BYTES("\2bb"), BYTES("\2aa")},
        {"number longer than needed", BYTES("\2aa"), BYTES("\x82\0aa")},
        {"type unknown", BYTES("\2bb\1"), BYTES("\2bb\5")},
        {"string beyond the end", BYTES("\2DE"), BYTES("\177DE")},
        {"length of 64 bits", BYTES("\2DE"), BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1DE")},
        {"length of 70 bits", BYTES("\2DE"), BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\177DE")},
        {"length of 71 bits", BYTES("\2DE"), BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1DE")},
        {"more attributes than bytes", BYTES("\3\2aa"), BYTES("\177\2aa")},
        {"more attributes than allowed", BYTES("\3\2aa"), BYTES("\x81\x08\2aa")},
        {"account id empty", BYTES("\12acme-4711"), BYTES("\1")},
        {"account id too long", BYTES("\12acme-4711"), BYTES("\x82\1acme-4711")},
        {"more seen than allowed", BYTES("\3\1\x8c\x2f\x60"), BYTES("\x41\1\x8c\x2f\x60")},
        {"more seen than bytes", BYTES("\3\1\x8c\x2f\x60"), BYTES("\x40\1\x8c\x2f\x60")},
};

START_TEST(malformed_field_is_refused) {
    Buffer buffer = pack_typical();
    replace(&buffer, byte_rows[_i].from, byte_rows[_i].n_from, byte_rows[_i].to, byte_rows[_i].n_to);
    assert_refused(as_str(&buffer), &model, RECORD_E_CORRUPT);
    buffer_done(&buffer);
}
END_TEST

/* What is put in place of the calendar and the pauses. */
static const struct {
    const char *what;
    const char *to;
    size_t n_to;
    int expected;
} pause_rows[] = {
        {"as they are", BYTES("\2\x08\x64\x65\x66\x67"), 0},
        {"none", BYTES("\2\0"), 0},
        {"a calendar that is not there", BYTES("\4\x08\x64\x65\x66\x67"), RECORD_E_CORRUPT},
        {"the last one lasts", BYTES("\2\x09\x64\x65\x66"), 0},
        {"none lasts", BYTES("\2\1"), RECORD_E_CORRUPT},
        {"paused from the start", BYTES("\2\x08\0\x65\x66\x67"), 0},
        {"of no length", BYTES("\2\x08\x64\0\x66\x67"), RECORD_E_CORRUPT},
        {"without a run in between", BYTES("\2\x08\x64\x65\0\x67"), RECORD_E_CORRUPT},
        {"a base", BYTES("\2\x0a\5\5\x64\x65\x66\x67"), 0},
        {"a base alone", BYTES("\2\2\5\5"), 0},
        {"a base that is the start", BYTES("\2\x0a\0\0\x64\x65\x66\x67"), RECORD_E_CORRUPT},
        {"more work than time", BYTES("\2\x0a\5\6\x64\x65\x66\x67"), RECORD_E_CORRUPT},
        {"beyond all instants", BYTES("\2\x08\xff\xff\xff\xff\xff\xff\x7f\x65\x66\x67"), RECORD_E_CORRUPT},
        {"more than are kept", BYTES("\2\x84\2\x64\x65\x66\x67"), RECORD_E_CORRUPT},
        {"more than bytes", BYTES("\2\x80\2\x64\x65\x66\x67"), RECORD_E_CORRUPT},
};

START_TEST(malformed_pauses_are_refused) {
    Buffer buffer = pack_paused();
    _cleanup_(lead_free) Lead *lead = NULL;
    replace(&buffer, BYTES("\2\x08\x64\x65\x66\x67"), pause_rows[_i].to, pause_rows[_i].n_to);
    if (pause_rows[_i].expected)
        assert_refused(as_str(&buffer), &model, pause_rows[_i].expected);
    else
        ck_assert_int_eq(unpack(as_str(&buffer), &model, &lead), 0);
    buffer_done(&buffer);
}
END_TEST

/* Writes what pack never would: an empty model's record whose fields the row chooses. */
static size_t put_varint(char *bytes, uint64_t value) {
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (char)(value | 0x80);
    bytes[n++] = (char)value;
    return n;
}

#define ZIGZAG(value) ((uint64_t)(value) << 1 ^ ((value) < 0 ? UINT64_MAX : 0))
#define CLOCK_AT(ms) ZIGZAG(ms)
#define DISTANCE(ms) (ZIGZAG(ms) + 1) /* of a time that can be absent */

static const struct {
    uint64_t clock, first_source_at, ordinal, next_internal;
    int expected;
} head_rows[] = {
        {CLOCK_AT(BEGIN_MS), 0, 0, 0, 0},
        {CLOCK_AT(EVENT_TIME_MS_MIN), 0, 0, 0, 0},
        {CLOCK_AT(EVENT_TIME_MS_MAX), 0, 0, 0, 0},
        {CLOCK_AT(-1), 0, 0, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(EVENT_TIME_MS_MAX + 1), 0, 0, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(INT64_MAX), 0, 0, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(INT64_MIN), 0, 0, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(BEGIN_MS), DISTANCE(BEGIN_MS), 0, 0, 0},
        {CLOCK_AT(BEGIN_MS), DISTANCE(BEGIN_MS + 1), 0, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(BEGIN_MS), DISTANCE(BEGIN_MS - EVENT_TIME_MS_MAX), 0, 0, 0},
        {CLOCK_AT(BEGIN_MS), DISTANCE(BEGIN_MS - EVENT_TIME_MS_MAX - 1), 0, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(BEGIN_MS), DISTANCE(INT64_MAX), 0, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(BEGIN_MS), UINT64_MAX, 0, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(BEGIN_MS), 0, INT64_MAX, 0, 0},
        {CLOCK_AT(BEGIN_MS), 0, (uint64_t)INT64_MAX + 1, 0, RECORD_E_CORRUPT},
        {CLOCK_AT(BEGIN_MS), 0, 0, DISTANCE(INT64_MAX - 1 - BEGIN_MS), 0},
        {CLOCK_AT(BEGIN_MS), 0, 0, DISTANCE(INT64_MAX - BEGIN_MS), RECORD_E_CORRUPT},
        {CLOCK_AT(BEGIN_MS), 0, 0, DISTANCE(-BEGIN_MS), 0},
        {CLOCK_AT(BEGIN_MS), 0, 0, DISTANCE(-BEGIN_MS - 1), RECORD_E_CORRUPT},
        {CLOCK_AT(BEGIN_MS), 0, 0, UINT64_MAX, RECORD_E_CORRUPT},
};

START_TEST(times_and_counters_have_ranges) {
    const uint64_t numbers[] = {
            ZIGZAG(empty_model.version), head_rows[_i].clock, 0, 0, 0, /* account, sources */
            head_rows[_i].first_source_at, 0, 0, 0, head_rows[_i].ordinal, head_rows[_i].next_internal, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, /* seen, scores, counters, limits, idle rules, tracks, clocks, awards, profile, aliases */
    };
    char bytes[256] = {RECORD_FORMAT};
    size_t n = 1;
    for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
        n += put_varint(bytes + n, numbers[i]);
    if (head_rows[_i].expected) {
        assert_refused((Str){bytes, n}, &empty_model, head_rows[_i].expected);
        return;
    }
    _cleanup_(lead_free) Lead *lead = NULL;
    ck_assert_int_eq(unpack((Str){bytes, n}, &empty_model, &lead), 0);
}
END_TEST

START_TEST(size_has_a_limit) {
    _cleanup_(lead_free) Lead *lead = typical_lead();
    _cleanup_(free_null) char *text = malloc(EVENT_PROPERTY_STRING_LEN_MAX);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', EVENT_PROPERTY_STRING_LEN_MAX);
    Buffer buffer = {0};
    ck_assert_int_eq(record_pack(lead, &model, &buffer), 0);
    size_t len = buffer.len;

    int r = 0, n = 0;
    for (; r == 0 && n < 100; n++) {
        char name[32];
        snprintf(name, sizeof(name), "long-%d", n);
        Value value = value_string((Str){text, EVENT_PROPERTY_STRING_LEN_MAX});
        ck_assert_int_eq(lead_set_profile(lead, str_from(name), value), 0);
        buffer.len = len;
        r = record_pack(lead, &model, &buffer);
    }
    ck_assert_int_eq(r, RECORD_E_SIZE);
    ck_assert_int_gt(n * EVENT_PROPERTY_STRING_LEN_MAX, RECORD_BYTES_MAX - EVENT_PROPERTY_STRING_LEN_MAX);
    ck_assert_uint_eq(buffer.len, len);
    _cleanup_(lead_free) Lead *back = NULL;
    ck_assert_int_eq(unpack(as_str(&buffer), &model, &back), 0);
    buffer_done(&buffer);
}
END_TEST

START_TEST(too_long_a_record_is_refused) {
    _cleanup_(free_null) char *bytes = calloc(1, RECORD_BYTES_MAX + 1);
    ck_assert_ptr_nonnull(bytes);
    assert_refused((Str){bytes, RECORD_BYTES_MAX + 1}, &model, RECORD_E_SIZE);
    assert_refused((Str){bytes, RECORD_BYTES_MAX}, &model, RECORD_E_CORRUPT);
}
END_TEST

int main(void) {
    set_up_models();
    Suite *suite = suite_create("record");
    TCase *there = tcase_create("there and back");
    tcase_add_loop_test(there, random_lead_comes_back_the_same, 0, 12);
    tcase_add_test(there, packing_appends);
    tcase_add_test(there, times_of_its_own_are_others_than_its_policys);
    tcase_add_test(there, typical_record_is_small);
    tcase_add_test(there, clock_that_is_over_keeps_its_epoch_only);
    tcase_add_loop_test(there, event_id_comes_back_letter_by_letter, 0, ARRAY_SIZE(event_ids));
    suite_add_tcase(suite, there);

    TCase *refused = tcase_create("refused");
    tcase_add_test(refused, cut_off_record_is_refused);
    tcase_add_test(refused, bytes_left_over_are_refused);
    tcase_add_loop_test(refused, altered_record_is_refused_or_canonical, 0, 2);
    tcase_add_loop_test(refused, random_bytes_are_refused_without_harm, 0, 4);
    tcase_add_test(refused, other_formats_and_models_are_told_apart);
    tcase_add_test(refused, lead_id_out_of_limits_is_refused);
    tcase_add_loop_test(refused, index_outside_the_model_is_refused, 0, ARRAY_SIZE(smaller_models));
    tcase_add_loop_test(refused, number_not_in_its_form_is_refused, 0, ARRAY_SIZE(double_rows));
    tcase_add_loop_test(refused, malformed_field_is_refused, 0, ARRAY_SIZE(byte_rows));
    tcase_add_loop_test(refused, malformed_pauses_are_refused, 0, ARRAY_SIZE(pause_rows));
    tcase_add_loop_test(refused, times_and_counters_have_ranges, 0, ARRAY_SIZE(head_rows));
    tcase_add_test(refused, size_has_a_limit);
    tcase_add_test(refused, too_long_a_record_is_refused);
    suite_add_tcase(suite, refused);
    return suite_run(suite);
}
