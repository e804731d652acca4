/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/record/migrate.h"

#include <math.h>

#include "lib/lead/sla_clock.h"

/* There is none of that id. */
#define NONE (-1)

/* For one of the new model's tracks. */
typedef struct TrackMap {
    int from;
    int stages[MODEL_STAGES_MAX]; /* of the old one's: its number in the new */
} TrackMap;

struct Migration {
    const Model *from, *to;
    /* Of the new model's: its number in the old. */
    int scores[MODEL_SCORES_MAX];
    int counters[MODEL_COUNTERS_MAX];
    int limits[MODEL_LIMITS_MAX];
    int idle_rules[MODEL_IDLE_RULES_MAX];
    int policies[MODEL_POLICIES_MAX];
    int account_scores[MODEL_ACCOUNT_SCORES_MAX];
    TrackMap tracks[MODEL_TRACKS_MAX];
    TrackMap account_tracks[MODEL_TRACKS_MAX];
    /* Of the old model's: its number in the new. */
    int calendars[MODEL_CALENDARS_MAX];
    int given_scores[MODEL_SCORES_MAX];
    int fed_scores[MODEL_ACCOUNT_SCORES_MAX];
    int givers[MODEL_RULES_MAX + MODEL_IDLE_RULES_MAX]; /* as in GivenAward */
};

/* --- what has become of what ------------------------------------------------------------------------- */

/* The number of the thing with the id among things that begin with theirs. */
static int find_id(const void *things, size_t n, size_t size, Str id) {
    for (size_t i = 0; i < n; i++) {
        const Str *other = (const void *)((const char *)things + i * size);
        if (str_eq(*other, id))
            return (int)i;
    }
    return NONE;
}
#define FIND(things, n, id_wanted)                                                                           \
    ({                                                                                                       \
        static_assert(offsetof(__typeof__(*(things)), id) == 0, "they begin with their ids");                \
        find_id((things), (n), sizeof(*(things)), (id_wanted));                                              \
    })

static int find_limit(const Model *from, const Model *to, const Limit *limit) {
    int rule = FIND(from->rules, from->n_rules, to->rules[limit->rule].id);
    return rule == NONE ? NONE : from->rules[rule].limit;
}
static_assert(LIMIT_NONE == NONE, "one without a limit has none to take over");

static void map_tracks(TrackMap *maps, const Track *from, size_t n_from, const Track *to, size_t n_to) {
    for (size_t i = 0; i < n_to; i++) {
        TrackMap *map = &maps[i];
        map->from = FIND(from, n_from, to[i].id);
        if (map->from == NONE)
            continue;
        const Track *track = &from[map->from];
        for (size_t k = 0; k < track->n_stages; k++)
            map->stages[k] = FIND(to[i].stages, to[i].n_stages, track->stages[k].id);
    }
}

static void map_rules(Migration *m) {
    const Model *from = m->from, *to = m->to;
    for (size_t i = 0; i < to->n_counters; i++)
        m->counters[i] = FIND(from->counters, from->n_counters, to->counters[i].id);
    for (size_t i = 0; i < to->n_limits; i++)
        m->limits[i] = find_limit(from, to, &to->limits[i]);
    for (size_t i = 0; i < to->n_idle_rules; i++)
        m->idle_rules[i] = FIND(from->idle_rules, from->n_idle_rules, to->idle_rules[i].id);
    for (size_t i = 0; i < from->n_rules; i++)
        m->givers[i] = FIND(to->rules, to->n_rules, from->rules[i].id);
    for (size_t i = 0; i < from->n_idle_rules; i++) {
        int rule = FIND(to->idle_rules, to->n_idle_rules, from->idle_rules[i].id);
        m->givers[from->n_rules + i] = rule == NONE ? NONE : (int)to->n_rules + rule;
    }
}

static void map_scores(Migration *m) {
    const Model *from = m->from, *to = m->to;
    for (size_t i = 0; i < to->n_scores; i++)
        m->scores[i] = FIND(from->scores, from->n_scores, to->scores[i].id);
    for (size_t i = 0; i < from->n_scores; i++)
        m->given_scores[i] = FIND(to->scores, to->n_scores, from->scores[i].id);
    for (size_t i = 0; i < to->n_account_scores; i++)
        m->account_scores[i] = FIND(from->account_scores, from->n_account_scores, to->account_scores[i].id);
    for (size_t i = 0; i < from->n_account_scores; i++)
        m->fed_scores[i] = FIND(to->account_scores, to->n_account_scores, from->account_scores[i].id);
}

static void map_policies(Migration *m) {
    const Model *from = m->from, *to = m->to;
    for (size_t i = 0; i < to->n_policies; i++)
        m->policies[i] = FIND(from->policies, from->n_policies, to->policies[i].id);
    for (size_t i = 0; i < from->n_calendars; i++)
        m->calendars[i] = FIND(to->calendars, to->n_calendars, from->calendars[i].id);
}

int migration_new(const Model *from, const Model *to, Migration **ret) {
    Migration *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    m->from = from;
    m->to = to;
    map_scores(m);
    map_rules(m);
    map_tracks(m->tracks, from->tracks, from->n_tracks, to->tracks, to->n_tracks);
    map_tracks(m->account_tracks, from->account_tracks, from->n_account_tracks, to->account_tracks, to->n_account_tracks);
    map_policies(m);
    *ret = m;
    return 0;
}

Migration *migration_free(Migration *migration) {
    return free_null(migration);
}

const Model *migration_from(const Migration *migration) {
    return migration->from;
}

int migration_account_score(const Migration *migration, unsigned score) {
    return score < migration->from->n_account_scores ? migration->fed_scores[score] : NONE;
}

/* --- scores ------------------------------------------------------------------------------------------ */

static bool same_decay(const Decay *a, const Decay *b) {
    return a->kind == b->kind && (a->kind == DECAY_NONE || a->span_ms == b->span_ms);
}

/* Bounds act on awards: what is there stays, beyond them too. */
static int move_score(ScoreState *to, const Decay *to_decay, ScoreState *from, const Decay *from_decay, int64_t at_ms) {
    static const ScoreBounds unbounded = {-INFINITY, INFINITY};
    double kept;
    if (same_decay(to_decay, from_decay)) {
        *to = *from;
        *from = (ScoreState){.at_ms = TIME_NONE};
        return 0;
    }
    double value = score_state_value(from, from_decay, at_ms);
    return value == 0 ? 0 : score_state_award(to, to_decay, unbounded, value, at_ms, at_ms, &kept);
}

static int move_scores(const Migration *m, Lead *to, Lead *from) {
    int r = 0;
    for (size_t i = 0; i < m->to->n_scores && r == 0; i++) {
        const Score *score = &m->to->scores[i], *old = m->scores[i] == NONE ? NULL : &m->from->scores[m->scores[i]];
        score_state_clear(&to->scores[i], score->from_profile ? TIME_NONE : to->clock_ms);
        if (old && !old->from_profile && !score->from_profile)
            r = move_score(&to->scores[i], &score->decay, &from->scores[m->scores[i]], &old->decay, to->clock_ms);
    }
    return r;
}

static int move_awards(const Migration *m, Lead *to, const Lead *from) {
    int r = 0;
    for (size_t i = 0; i < from->n_awards && r == 0; i++) {
        GivenAward award = *lead_award(from, i);
        int rule = m->givers[award.rule], score = m->given_scores[award.score];
        if (rule == NONE || score == NONE || m->to->scores[score].from_profile)
            continue;
        award.rule = (uint16_t)rule;
        award.score = (uint16_t)score;
        r = lead_add_award(to, &award);
    }
    return r;
}

/* --- times ------------------------------------------------------------------------------------------- */

/* The latest n_max. */
static void move_list(TimeList *to, TimeList *from, uint32_t n_max) {
    *to = *from;
    *from = (TimeList){0};
    if (to->n <= n_max)
        return;
    memmove(to->at_ms, to->at_ms + (to->n - n_max), n_max * sizeof(*to->at_ms));
    to->n = n_max;
}

static void move_times(const Migration *m, Lead *to, Lead *from) {
    for (size_t i = 0; i < m->to->n_counters; i++)
        if (m->counters[i] != NONE)
            move_list(&to->counters[i], &from->counters[m->counters[i]], m->to->counters[i].keep);
    for (size_t i = 0; i < m->to->n_limits; i++)
        if (m->limits[i] != NONE)
            move_list(&to->limits[i], &from->limits[m->limits[i]], MODEL_LIMIT_TIMES_MAX);
    for (size_t i = 0; i < m->to->n_idle_rules; i++)
        if (m->idle_rules[i] != NONE)
            to->idle[i] = from->idle[m->idle_rules[i]];
}

/* --- tracks ------------------------------------------------------------------------------------------ */

/* The tracks of a lead or an account, on the way from one model to the other. */
typedef struct TrackMove {
    const TrackMap *maps;
    const Track *tracks, *from_tracks;
    size_t n;
    TrackState *to;
    const TrackState *from;
    int64_t clock_ms;
    LostStage **lost;
    size_t *n_lost;
} TrackMove;

static int lose_stage(const TrackMove *move, unsigned track) {
    const TrackMap *map = &move->maps[track];
    const TrackState *state = &move->from[map->from];
    Str id = move->from_tracks[map->from].stages[state->stage].id;
    if (!*move->lost)
        *move->lost = calloc(move->n, sizeof(**move->lost));
    if (!*move->lost)
        return -ENOMEM;
    LostStage *lost = &(*move->lost)[(*move->n_lost)++];
    *lost = (LostStage){.track = track, .entered_at_ms = state->stages[state->stage].entered_at_ms, .id_len = (uint8_t)id.len};
    assert(id.len <= sizeof(lost->id));
    memcpy(lost->id, id.data, id.len);
    return 0;
}

static int move_track(const TrackMove *move, unsigned track) {
    const TrackMap *map = &move->maps[track];
    TrackState *to = &move->to[track];
    to->stage = move->tracks[track].initial;
    if (map->from != NONE) {
        const TrackState *from = &move->from[map->from];
        to->sequence = from->sequence;
        for (size_t i = 0; i < move->from_tracks[map->from].n_stages; i++)
            if (map->stages[i] != NONE)
                to->stages[map->stages[i]] = from->stages[i];
        if (map->stages[from->stage] != NONE) {
            to->stage = (unsigned)map->stages[from->stage];
            return 0;
        }
        int r = lose_stage(move, track);
        if (r < 0)
            return r;
    }
    StageState *initial = &to->stages[to->stage];
    initial->entered_at_ms = move->clock_ms;
    initial->entries++;
    return 0;
}

static int move_tracks(const TrackMove *move) {
    int r = 0;
    for (unsigned i = 0; i < move->n && r == 0; i++)
        r = move_track(move, i);
    return r;
}

/* --- clocks ------------------------------------------------------------------------------------------ */

static int move_clock(const Migration *m, unsigned policy, SlaClock *to, SlaClock *from, int64_t clock_ms) {
    const SlaTimes present = sla_times_of(&m->to->policies[policy]);
    SlaTimes times = from->times ? *from->times : sla_times_of(&m->from->policies[m->policies[policy]]);
    *to = (SlaClock){.epoch = from->epoch};
    if (from->phase == SLA_PHASE_NONE)
        return 0;
    SlaTimes *own = NULL;
    int r = sla_times_equal(&times, &present) ? 0 : sla_times_dup(&times, &own);
    if (r < 0)
        return r;
    *to = *from;
    from->pauses = NULL; /* `times` of the old one stays there, and is freed with it */
    to->times = own;
    to->next_level_known = false;
    int calendar = to->calendar ? m->calendars[to->calendar - 1] : NONE;
    if (calendar != NONE)
        to->calendar = (unsigned)calendar + 1;
    else if (to->calendar)
        sla_clock_lose_calendar(to, &times, clock_ms);
    return 0;
}

static int move_clocks(const Migration *m, Lead *to, Lead *from) {
    int r = 0;
    for (unsigned i = 0; i < m->to->n_policies && r == 0; i++)
        if (m->policies[i] != NONE)
            r = move_clock(m, i, &to->clocks[i], &from->clocks[m->policies[i]], to->clock_ms);
    return r;
}

/* --- leads ------------------------------------------------------------------------------------------- */

#define MOVE(to, from, field)                                                                                \
    do {                                                                                                     \
        (to)->field = (from)->field;                                                                         \
        memset(&(from)->field, 0, sizeof((from)->field));                                                    \
    } while (0)

/* What no model has a say in. */
static void move_facts(Lead *to, Lead *from) {
    to->clock_ms = from->clock_ms;
    to->first_source_at_ms = from->first_source_at_ms;
    to->latest_activity_ms = from->latest_activity_ms;
    to->ordinal = from->ordinal;
    to->next_internal_ms = from->next_internal_ms;
    to->next_sla_ms = from->next_sla_ms;
    MOVE(to, from, account_id);
    MOVE(to, from, first_source);
    MOVE(to, from, last_source);
    MOVE(to, from, aliases);
    MOVE(to, from, n_aliases);
    MOVE(to, from, n_aliases_alloc);
    MOVE(to, from, profile);
    MOVE(to, from, n_profile);
    MOVE(to, from, n_profile_alloc);
    MOVE(to, from, seen);
    MOVE(to, from, n_seen);
    MOVE(to, from, seen_start);
    MOVE(to, from, n_seen_alloc);
}

int migrate_lead(const Migration *m, Lead *from, Lead **ret) {
    assert(from->clock_ms != TIME_NONE && !from->merged_into.data);
    _cleanup_(lead_free) Lead *lead = NULL;
    int r = lead_new(m->to, from->lead_id, &lead);
    if (r < 0)
        return r;
    move_facts(lead, from);
    move_times(m, lead, from);
    r = move_scores(m, lead, from);
    if (r == 0)
        r = move_awards(m, lead, from);
    if (r == 0)
        r = move_tracks(&(TrackMove){m->tracks, m->to->tracks, m->from->tracks, m->to->n_tracks, lead->tracks,
                from->tracks, lead->clock_ms, &lead->lost, &lead->n_lost});
    if (r == 0)
        r = move_clocks(m, lead, from);
    if (r < 0)
        return r;
    lead->entity.migrated = true;
    *ret = TAKE_PTR(lead);
    return 0;
}

/* --- accounts ---------------------------------------------------------------------------------------- */

/* Its states stand at the lead's clock when it touched the account last. */
int migrate_member(const Migration *m, Member *from, Member *ret) {
    size_t n = m->to->n_account_scores;
    int r = 0;
    *ret = (Member){.active_at_ms = from->active_at_ms, .committee_at_ms = from->committee_at_ms, .n_awaited = from->n_awaited,
            .scores = n ? calloc(n, sizeof(*ret->scores)) : NULL};
    if (n && !ret->scores)
        return -ENOMEM;
    MOVE(ret, from, lead_id);
    for (size_t i = 0; i < n; i++)
        score_state_clear(&ret->scores[i], TIME_NONE);
    for (size_t i = 0; i < n && r == 0; i++)
        if (m->account_scores[i] != NONE)
            r = move_score(&ret->scores[i], &m->to->account_scores[i].decay, &from->scores[m->account_scores[i]],
                    &m->from->account_scores[m->account_scores[i]].decay, ret->active_at_ms);
    return r;
}

static int move_member(const Migration *m, Account *to, Member *from) {
    Member member;
    int r = migrate_member(m, from, &member);
    if (r == 0)
        r = account_put_in(to, &member);
    member_done(&member, to->n_scores);
    return r;
}

int migrate_account(const Migration *m, Account *from, Account **ret) {
    assert(from->clock_ms != TIME_NONE);
    _cleanup_(account_free) Account *account = NULL;
    int r = account_new(m->to, from->account_id, &account);
    if (r < 0)
        return r;
    account->clock_ms = from->clock_ms;
    account->ordinal = from->ordinal;
    account->next_internal_ms = from->next_internal_ms;
    MOVE(account, from, departures);
    MOVE(account, from, n_departures);
    MOVE(account, from, n_departures_alloc);
    r = move_tracks(&(TrackMove){m->account_tracks, m->to->account_tracks, m->from->account_tracks,
            m->to->n_account_tracks, account->tracks, from->tracks, account->clock_ms, &account->lost, &account->n_lost});
    for (size_t i = 0; i < from->n_members && r == 0; i++)
        r = move_member(m, account, &from->members[i]);
    if (r < 0)
        return r;
    account->entity.migrated = true;
    *ret = TAKE_PTR(account);
    return 0;
}
