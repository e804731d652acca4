/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/lead/account.h"

#include <math.h>
#include <stdalign.h>

#include "lib/base/owned.h"

/* ---- making and freeing ---- */

static size_t block_size(const Model *model) {
    return sizeof(Account) + track_states_size(model->account_tracks, model->n_account_tracks);
}

int account_new(const Model *model, Str account_id, Account **ret) {
    static_assert(sizeof(Account) % alignof(TrackState) == 0, "tracks follow the account");
    _cleanup_(account_free) Account *account = calloc(1, block_size(model));
    if (!account)
        return -ENOMEM;
    account->clock_ms = TIME_NONE;
    account->next_internal_ms = TIME_NEVER;
    account->n_scores = model->n_account_scores;
    account->tracks = track_states_lay_out(account + 1, model->account_tracks, model->n_account_tracks);
    track_states_reset(account->tracks, model->account_tracks, model->n_account_tracks);
    int r = str_dup(account_id, &account->account_id);
    if (r < 0)
        return r;
    account->entity = (Entity){.kind = ENTITY_ACCOUNT, .id = account->account_id};
    *ret = TAKE_PTR(account);
    return 0;
}

void member_done(Member *member, size_t n_scores) {
    for (size_t i = 0; i < n_scores && member->scores; i++)
        score_state_done(&member->scores[i]);
    free(member->scores);
    str_free(&member->lead_id);
    *member = (Member){0};
}

Account *account_free(Account *account) {
    if (!account)
        return NULL;
    for (size_t i = 0; i < account->n_members; i++)
        member_done(&account->members[i], account->n_scores);
    free(account->members);
    free(account->lost);
    for (size_t i = 0; i < account->n_departures; i++)
        departure_done(&account->departures[i]);
    free(account->departures);
    str_free(&account->account_id);
    return free_null(account);
}

size_t account_memory(const Account *account, const Model *model) {
    size_t n = heap_bytes(block_size(model)) + str_heap_bytes(account->account_id) +
               heap_bytes(account->n_members_alloc * sizeof(Member)) +
               heap_bytes(account->n_departures_alloc * sizeof(Departure)) + heap_bytes(account->n_lost * sizeof(LostStage));
    for (size_t i = 0; i < account->n_departures; i++) {
        const Departure *d = &account->departures[i];
        n += str_heap_bytes(d->lead_id) + str_heap_bytes(d->to_account_id) + str_heap_bytes(d->to_lead_id);
    }
    for (size_t i = 0; i < account->n_members; i++) {
        const Member *member = &account->members[i];
        n += str_heap_bytes(member->lead_id) + heap_bytes(account->n_scores * sizeof(ScoreState));
        for (size_t k = 0; k < account->n_scores; k++)
            n += heap_bytes(score_state_memory(&member->scores[k]));
    }
    return n;
}

static size_t entity_memory(const Entity *entity, const Model *model) {
    return account_memory(account_of((Entity *)entity), model);
}

static void entity_free(Entity *entity) {
    account_free(account_of(entity));
}

static void entity_prefetch(const Entity *entity, const Model *model) {
    (void)model;
    prefetch_bytes(account_of((Entity *)entity), sizeof(Account));
}

static void entity_prefetch_parts(const Entity *entity) {
    const Account *account = account_of((Entity *)entity);
    prefetch_bytes(account->account_id.data, 1);
    prefetch_bytes(account->members, account->n_members * sizeof(*account->members));
}

const EntityOps account_entity_ops = {
        .memory = entity_memory, .free = entity_free, .prefetch = entity_prefetch, .prefetch_parts = entity_prefetch_parts,
        .prefetch_record = entity_prefetch_parts};

void account_begin(Account *account, const Model *model, int64_t at_ms) {
    account->clock_ms = at_ms;
    track_states_begin(account->tracks, model->account_tracks, model->n_account_tracks, at_ms);
}

/* ---- members ---- */

static size_t position(const Account *account, Str lead_id, bool *ret_found) {
    static_assert(offsetof(Member, lead_id) == 0, "a member begins with its lead's id");
    return str_position(account->members, account->n_members, sizeof(*account->members), lead_id, ret_found);
}

Member *account_find(const Account *account, Str lead_id) {
    bool found;
    size_t at = position(account, lead_id, &found);
    return found ? &account->members[at] : NULL;
}

int account_put_in(Account *account, Member *entry) {
    bool found;
    size_t at = position(account, entry->lead_id, &found);
    assert(!found);
    int r = array_reserve(&account->members, &account->n_members_alloc, account->n_members, sizeof(*account->members));
    if (r < 0)
        return r;
    memmove(account->members + at + 1, account->members + at, (account->n_members - at) * sizeof(*account->members));
    account->members[at] = *entry;
    account->n_members++;
    *entry = (Member){0};
    return 0;
}

static int member_init(Member *member, Str lead_id, size_t n_scores) {
    *member = (Member){.active_at_ms = TIME_NONE, .committee_at_ms = TIME_NONE};
    member->scores = n_scores ? calloc(n_scores, sizeof(*member->scores)) : NULL;
    if (n_scores && !member->scores)
        return -ENOMEM;
    for (size_t i = 0; i < n_scores; i++)
        score_state_clear(&member->scores[i], TIME_NONE);
    return str_dup(lead_id, &member->lead_id);
}

int account_add(Account *account, Str lead_id, Member **ret) {
    *ret = account_find(account, lead_id);
    if (*ret)
        return 0;
    Member member;
    int r = member_init(&member, lead_id, account->n_scores);
    if (r == 0)
        r = account_put_in(account, &member);
    if (r < 0)
        member_done(&member, account->n_scores);
    else
        *ret = account_find(account, lead_id);
    return r;
}

static void close_gap(Account *account, size_t at) {
    account->n_members--;
    memmove(account->members + at, account->members + at + 1, (account->n_members - at) * sizeof(*account->members));
}

bool account_take_out(Account *account, Str lead_id, Member *ret) {
    bool found;
    size_t at = position(account, lead_id, &found);
    if (!found)
        return false;
    *ret = account->members[at];
    close_gap(account, at);
    return true;
}

void account_bound(Account *account) {
    while (account->n_members > ACCOUNT_MEMBERS_MAX) {
        size_t oldest = 0; /* they are in the order of their ids: the first of the oldest has the smallest */
        for (size_t i = 1; i < account->n_members; i++)
            if (account->members[i].active_at_ms < account->members[oldest].active_at_ms)
                oldest = i;
        member_done(&account->members[oldest], account->n_scores);
        close_gap(account, oldest);
    }
}

/* ---- departures ---- */

void departure_done(Departure *departure) {
    str_free(&departure->lead_id);
    str_free(&departure->to_account_id);
    str_free(&departure->to_lead_id);
    *departure = (Departure){0};
}

static void remove_departure(Account *account, size_t at) {
    account->n_departures--;
    memmove(account->departures + at, account->departures + at + 1,
            (account->n_departures - at) * sizeof(*account->departures));
}

static int departure_init(Departure *departure, Str lead_id, Str to_account_id, Str to_lead_id) {
    *departure = (Departure){0};
    int r = str_dup(lead_id, &departure->lead_id);
    if (r == 0)
        r = str_dup(to_account_id, &departure->to_account_id);
    if (r == 0)
        r = str_dup(to_lead_id, &departure->to_lead_id);
    if (r < 0)
        departure_done(departure);
    return r;
}

int account_add_departure(Account *account, Str lead_id, Str to_account_id, Str to_lead_id, unsigned n_awaited) {
    int r = array_reserve(
            &account->departures, &account->n_departures_alloc, account->n_departures, sizeof(*account->departures));
    if (r == 0)
        r = departure_init(&account->departures[account->n_departures], lead_id, to_account_id, to_lead_id);
    if (r < 0)
        return r;
    account->departures[account->n_departures++].n_awaited = n_awaited;
    return 0;
}

bool account_forget_departure(Account *account, Departure *ret) {
    if (account->n_departures <= ACCOUNT_DEPARTURES_MAX)
        return false;
    *ret = account->departures[0];
    remove_departure(account, 0);
    return true;
}

int account_take_departure(Account *account, Str lead_id, unsigned *n_more, Departure *ret, bool *ret_found) {
    size_t i = 0;
    while (i < account->n_departures && !str_eq(account->departures[i].lead_id, lead_id))
        i++;
    *ret_found = i < account->n_departures;
    if (!*ret_found)
        return 0;
    Departure *d = &account->departures[i];
    unsigned n_sent_on = MIN(*n_more, ACCOUNT_DEPARTURES_MAX + 1 - d->n_awaited), n_awaited = d->n_awaited + n_sent_on - 1;
    if (n_awaited == 0) {
        *ret = *d;
        remove_departure(account, i);
    } else {
        int r = departure_init(ret, d->lead_id, d->to_account_id, d->to_lead_id);
        *ret_found = r == 0;
        if (r < 0)
            return r;
        d->n_awaited = n_awaited;
    }
    ret->n_awaited = 1;
    *n_more = n_sent_on;
    return 0;
}

/* ---- points ---- */

static const ScoreBounds unbounded = {-INFINITY, INFINITY};

/* The cut is made at the account's clock, the points are added at the lead's: see account.h. */
int account_award(const Account *account, const Model *model, Member *member, unsigned score, double points,
        int64_t occurred_at_ms, int64_t lead_ms) {
    const AccountScore *s = &model->account_scores[score];
    ScoreState *state = &member->scores[score];
    double factor = decay_factor(&s->decay, occurred_at_ms, account->clock_ms);
    double contribution = points * factor;
    double kept = score_state_cut(state, &s->decay, s->per_lead, contribution, account->clock_ms);
    if (kept != contribution)
        points = kept / factor;
    if (fabs(points) < SCORE_EPSILON)
        return 0;
    return score_state_award(state, &s->decay, unbounded, points, occurred_at_ms, lead_ms, &points);
}

static void scale(ScoreState *state, double factor) {
    state->value *= factor;
    for (uint32_t i = 0; i < state->n_buckets; i++)
        state->buckets[i].points *= factor;
}

int account_fold(const Account *account, const Model *model, Member *member, Member *entry, int64_t lead_ms) {
    for (unsigned i = 0; i < account->n_scores; i++) {
        const AccountScore *s = &model->account_scores[i];
        double contribution = score_state_value(&entry->scores[i], &s->decay, account->clock_ms), all;
        double kept = score_state_cut(&member->scores[i], &s->decay, s->per_lead, contribution, account->clock_ms);
        if (kept != contribution)
            scale(&entry->scores[i], kept / contribution);
        int r = score_state_merge(&member->scores[i], &s->decay, unbounded, &entry->scores[i], lead_ms, &all);
        if (r < 0)
            return r;
    }
    member->active_at_ms = MAX(member->active_at_ms, entry->active_at_ms);
    member->committee_at_ms = MAX(member->committee_at_ms, entry->committee_at_ms);
    return 0;
}

/* ---- what they make together ---- */

Course account_score_course(const Account *account, const Model *model, unsigned score, int64_t from_ms) {
    Course course = course_none(from_ms);
    for (size_t i = 0; i < account->n_members; i++)
        course_add(&course, &account->members[i].scores[score], &model->account_scores[score].decay);
    return course;
}

double account_score(const Account *account, const Model *model, unsigned score, int64_t at_ms) {
    Course course = account_score_course(account, model, score, at_ms);
    double value = fmin(course.constant + course.exponential, model->account_scores[score].max);
    return fabs(value) < SCORE_EPSILON ? 0 : value;
}

static bool in_committee(const Member *member, const Model *model, int64_t at_ms) {
    return member->committee_at_ms != TIME_NONE && at_ms - member->committee_at_ms < model->committee.window_ms;
}

unsigned account_committee(const Account *account, const Model *model, int64_t at_ms) {
    unsigned n = 0;
    for (size_t i = 0; i < account->n_members; i++)
        n += in_committee(&account->members[i], model, at_ms);
    return n;
}

int64_t account_committee_changes_at(const Account *account, const Model *model, int64_t from_ms) {
    int64_t next_ms = TIME_NEVER;
    for (size_t i = 0; i < account->n_members; i++)
        if (in_committee(&account->members[i], model, from_ms))
            next_ms = MIN(next_ms, account->members[i].committee_at_ms + model->committee.window_ms);
    return next_ms;
}

/* SPEC section 10: rounded to 1e-6, so that the last bits of arithmetic don't decide. */
static double present_contribution(const Account *account, const Model *model, const Member *member, int64_t at_ms) {
    double sum = 0;
    for (size_t i = 0; i < account->n_scores; i++)
        sum += score_state_value(&member->scores[i], &model->account_scores[i].decay, at_ms);
    return round(sum * 1e6);
}

size_t account_top_members(const Account *account, const Model *model, int64_t at_ms, Str ret[static OUTPUT_MEMBERS_MAX]) {
    double values[OUTPUT_MEMBERS_MAX];
    size_t n = 0;
    for (size_t m = 0; m < account->n_members; m++) {
        double value = present_contribution(account, model, &account->members[m], at_ms);
        size_t i = n;
        if (n < OUTPUT_MEMBERS_MAX)
            n++;
        else if (value <= values[--i]) /* they come in the order of their ids: on a tie the first ones stay */
            continue;
        for (; i > 0 && value > values[i - 1]; i--) {
            values[i] = values[i - 1];
            ret[i] = ret[i - 1];
        }
        values[i] = value;
        ret[i] = account->members[m].lead_id;
    }
    return n;
}
