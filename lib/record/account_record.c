/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout, in the order of the bytes (see packing.h for how a number, a string or a time looks):
 *
 *     format, model version
 *     clock                  absolute; all other times are distances from it
 *     ordinal
 *     next internal moment   or never
 *     tracks                 as in record_parts.h
 *     scores                 how many each member has
 *     members                count; each, by id: id, activity, time of the committee or none, entries awaited, scores as in
 *                            record_parts.h
 *     departures             count; each, oldest first: id, to which account or none, as which lead or none, entries awaited
 *
 * Nothing of a member may be later than its activity, nor that than the clock.
 */
#include "lib/record/account_record.h"

#include "lib/base/owned.h"
#include "lib/record/record_parts.h"

static_assert(RECORD_FORMAT < RECORD_FORMAT_END, "a lead is not taken for an account");

/* The least that a member takes: length and id, two times. */
#define MEMBER_BYTES_MIN 5
#define DEPARTURE_BYTES_MIN 5

/* ---- writing ---- */

void account_record_pack_member(Packer *p, const Member *member, const Model *model) {
    int64_t clock_ms = p->clock_ms;
    pack_str(p, member->lead_id);
    pack_past(p, member->active_at_ms);
    p->clock_ms = member->active_at_ms;
    pack_past_or_none(p, member->committee_at_ms);
    pack_signed(p, member->n_awaited);
    for (size_t i = 0; i < model->n_account_scores; i++)
        pack_score_state(p, &member->scores[i], &model->account_scores[i].decay);
    p->clock_ms = clock_ms;
}

static void pack_departure(Packer *p, const Departure *departure) {
    pack_str(p, departure->lead_id);
    pack_str_or_null(p, departure->to_account_id);
    pack_str_or_null(p, departure->to_lead_id);
    pack_number(p, departure->n_awaited);
}

int account_record_pack(const Account *account, const Model *model, Buffer *buffer) {
    assert(account->clock_ms != TIME_NONE); /* one that never began has no record */
    assert(account->ordinal <= SEQUENCE_MAX);
    Packer p = {.buffer = buffer, .start = buffer->len, .bytes_max = RECORD_BYTES_MAX, .clock_ms = account->clock_ms};
    pack_bytes(&p, &(uint8_t){ACCOUNT_RECORD_FORMAT}, 1);
    pack_signed(&p, model->version);
    pack_signed(&p, account->clock_ms);
    pack_number(&p, account->ordinal);
    pack_future_or_never(&p, account->next_internal_ms);
    pack_track_states(&p, account->tracks, model->account_tracks, model->n_account_tracks);
    pack_number(&p, model->n_account_scores);
    pack_number(&p, account->n_members);
    for (size_t i = 0; i < account->n_members; i++)
        account_record_pack_member(&p, &account->members[i], model);
    pack_number(&p, account->n_departures);
    for (size_t i = 0; i < account->n_departures; i++)
        pack_departure(&p, &account->departures[i]);
    if (p.error)
        buffer->len = p.start;
    return p.error == PACKING_E_SIZE ? RECORD_E_SIZE : p.error;
}

/* ---- reading ---- */

static int copy_id(Unpacker *u, Member *member) {
    Str id = unpack_str(u, EVENT_LEAD_ID_LEN_MAX);
    if (id.len == 0)
        u->corrupt = true;
    return u->corrupt ? 0 : str_set(&member->lead_id, id);
}

static int get_states(Unpacker *u, ScoreState *states, const Model *model) {
    int r = 0;
    for (size_t i = 0; i < model->n_account_scores && r == 0 && !u->corrupt; i++) {
        r = unpack_score_state(u, &model->account_scores[i].decay, &states[i]);
        if (states[i].at_ms > u->clock_ms)
            u->corrupt = true;
    }
    return r;
}

/* Entries that a member awaits, or that came early. */
static int get_awaited(Unpacker *u) {
    int64_t n = unpack_signed(u);
    if (n < -ACCOUNT_DEPARTURES_MAX || n > ACCOUNT_DEPARTURES_MAX)
        u->corrupt = true;
    return u->corrupt ? 0 : (int)n;
}

int account_record_unpack_member(Unpacker *u, const Model *model, Member *ret) {
    size_t n = model->n_account_scores;
    int64_t clock_ms = u->clock_ms;
    *ret = (Member){.scores = n ? calloc(n, sizeof(*ret->scores)) : NULL};
    if (n && !ret->scores)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        score_state_clear(&ret->scores[i], TIME_NONE);
    int r = copy_id(u, ret);
    ret->active_at_ms = unpack_past(u);
    if (ret->active_at_ms > clock_ms)
        u->corrupt = true;
    u->clock_ms = ret->active_at_ms;
    ret->committee_at_ms = unpack_past_or_none(u);
    ret->n_awaited = get_awaited(u);
    if (ret->committee_at_ms > ret->active_at_ms)
        u->corrupt = true;
    if (r == 0)
        r = get_states(u, ret->scores, model);
    u->clock_ms = clock_ms;
    return r;
}

/* At the end of the members, whose ids rise. */
static int get_member(Unpacker *u, Account *account, const Model *model) {
    Member member;
    int r = account_record_unpack_member(u, model, &member);
    if (r == 0 && !u->corrupt && account->n_members > 0 &&
            str_compare(account->members[account->n_members - 1].lead_id, member.lead_id) >= 0)
        u->corrupt = true;
    if (r == 0 && !u->corrupt)
        r = account_put_in(account, &member);
    member_done(&member, account->n_scores);
    return r;
}

static int get_departure(Unpacker *u, Account *account) {
    Str lead_id = unpack_str(u, EVENT_LEAD_ID_LEN_MAX);
    Str to_account_id = unpack_str_or_null(u, 1, EVENT_ACCOUNT_ID_LEN_MAX);
    Str to_lead_id = unpack_str_or_null(u, 1, EVENT_LEAD_ID_LEN_MAX);
    unsigned n_awaited = (unsigned)unpack_number_up_to(u, ACCOUNT_DEPARTURES_MAX);
    if (lead_id.len == 0 || n_awaited == 0)
        u->corrupt = true;
    return u->corrupt ? 0 : account_add_departure(account, lead_id, to_account_id, to_lead_id, n_awaited);
}

static int get_departures(Unpacker *u, Account *account) {
    size_t n = unpack_count(u, ACCOUNT_DEPARTURES_MAX, DEPARTURE_BYTES_MIN);
    int r = 0;
    for (size_t i = 0; i < n && r == 0 && !u->corrupt; i++)
        r = get_departure(u, account);
    return r;
}

static int get_account(Unpacker *u, Account *account, const Model *model) {
    account->clock_ms = unpack_clock(u);
    account->ordinal = unpack_number_up_to(u, SEQUENCE_MAX);
    account->next_internal_ms = unpack_future_or_never(u);
    unpack_track_states(u, account->tracks, model->account_tracks, model->n_account_tracks);
    if (unpack_number(u) != model->n_account_scores)
        u->corrupt = true;
    size_t n = unpack_count(u, ACCOUNT_MEMBERS_MAX, MEMBER_BYTES_MIN);
    int r = 0;
    for (size_t i = 0; i < n && r == 0 && !u->corrupt; i++)
        r = get_member(u, account, model);
    return r == 0 ? get_departures(u, account) : r;
}

int account_record_unpack(Str bytes, Str account_id, const Model *model, Account **ret) {
    if (bytes.len > RECORD_BYTES_MAX)
        return RECORD_E_SIZE;
    if (bytes.len == 0 || (uint8_t)bytes.data[0] < RECORD_FORMAT_END || account_id.len == 0 ||
            account_id.len > EVENT_ACCOUNT_ID_LEN_MAX)
        return RECORD_E_CORRUPT;
    if ((uint8_t)bytes.data[0] > ACCOUNT_RECORD_FORMAT)
        return RECORD_E_FORMAT;

    Unpacker u = {.at = bytes.data + 1, .end = bytes.data + bytes.len};
    int64_t version = unpack_signed(&u);
    if (u.corrupt)
        return RECORD_E_CORRUPT;
    if (version != model->version)
        return RECORD_E_MODEL;

    _cleanup_(account_free) Account *account = NULL;
    int r = account_new(model, account_id, &account);
    if (r == 0)
        r = get_account(&u, account, model);
    if (r < 0)
        return r;
    if (u.corrupt || unpack_left(&u))
        return RECORD_E_CORRUPT;
    *ret = TAKE_PTR(account);
    return 0;
}
