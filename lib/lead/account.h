#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Account
 *
 * Everything that is known of one company: its members, what each brings to its scores, who of them was active lately (the
 * committee), and its stages (SPEC section 6). account_record.h packs it.
 *
 * A member's points are dated at or before its lead's clock, and its states stand at that clock; the account's is at or after those
 * of all members that it has. So an entry can move to an account whose clock is behind without losing what still counts there.
 */
#include "lib/condition/course.h"
#include "lib/engine/output.h"
#include "lib/lead/entity.h"
#include "lib/lead/track_state.h"

/* SPEC section 6: members that are kept. */
#define ACCOUNT_MEMBERS_MAX 256

/* What a lead brings to its account. */
typedef struct Member {
    Str lead_id; /* owned */
    int64_t active_at_ms;    /* the lead's clock when it touched the account last */
    int64_t committee_at_ms; /* the latest event that makes it one of the committee; TIME_NONE: none */
    ScoreState *scores;      /* model->n_account_scores, owned */
    int n_awaited;           /* entries on their way from accounts that it left, less those that came before word of it; see shard_message.h */
} Member;

/*
 * A lead that left before the entry came that it was to bring along: where it is to be sent on to. Of more than these the oldest is forgotten: an
 * entry that comes for it then makes the lead a member again, and where it was to be sent on to, it must not be awaited any more. Ours: they
 * are there for the time that a message takes, unless leads move in circles. For one lead no more entries than these are awaited, either.
 */
#define ACCOUNT_DEPARTURES_MAX 64
typedef struct Departure {
    Str lead_id;       /* owned, as are the others */
    Str to_account_id; /* null: nowhere */
    Str to_lead_id;    /* as whose; null: nowhere */
    unsigned n_awaited;
} Departure;

struct Account {
    Str account_id; /* owned */
    int64_t clock_ms; /* TIME_NONE: it has not begun */
    uint64_t ordinal; /* of the last output */
    Member *members;  /* by lead_id */
    size_t n_members, n_members_alloc;
    size_t n_scores;    /* of each member */
    Departure *departures; /* oldest first */
    size_t n_departures, n_departures_alloc;
    TrackState *tracks; /* model->n_account_tracks */
    LostStage *lost;    /* owned; as a lead's */
    size_t n_lost;
    int64_t next_internal_ms; /* TIME_NEVER: none. Kept by the engine */
    Entity entity;            /* not part of the record */
};

/* An account without members and without clock. 0 or -ENOMEM. */
MUST_CHECK int account_new(const Model *model, Str account_id, Account **ret);
Account *account_free(Account *account);
DEFINE_CLEANUP(Account *, account_free)
/* Bytes of memory that the account holds, all in. */
size_t account_memory(const Account *account, const Model *model);
extern const EntityOps account_entity_ops;
/* The account that the entity is; NULL for NULL. */
static inline Account *account_of(Entity *entity) {
    assert(!entity || entity->kind == ENTITY_ACCOUNT);
    return entity ? (Account *)(void *)((char *)entity - offsetof(Account, entity)) : NULL;
}

/* Enters the initial stages at at_ms and sets the clock there. */
void account_begin(Account *account, const Model *model, int64_t at_ms);

/* --- members; a pointer to one is valid until one comes or goes --- */

Member *account_find(const Account *account, Str lead_id);
/* A new member, without points, if it is none yet. 0 or -ENOMEM. */
MUST_CHECK int account_add(Account *account, Str lead_id, Member **ret);
/* Takes the entry out of the account into *ret, which is the caller's to free. False: there is none. */
bool account_take_out(Account *account, Str lead_id, Member *ret);
/* Puts an entry in (takes it, unless -ENOMEM is returned); the lead must not be a member. */
MUST_CHECK int account_put_in(Account *account, Member *entry);
void member_done(Member *member, size_t n_scores);
/*
 * Points that the lead was given while its clock was lead_ms, cut so that the member's value at the account's clock stays within the
 * bounds. 0 or -ENOMEM.
 */
MUST_CHECK int account_award(const Account *account, const Model *model, Member *member, unsigned score, double points,
        int64_t occurred_at_ms, int64_t lead_ms);
/* Adds all of `entry`, a merged lead's, to the member's, within the bounds likewise. The entry is scaled on the way. 0 or -ENOMEM. */
MUST_CHECK int account_fold(const Account *account, const Model *model, Member *member, Member *entry, int64_t lead_ms);
/* Notes where entries that still come for the lead go. 0 or -ENOMEM. */
MUST_CHECK int account_add_departure(Account *account, Str lead_id, Str to_account_id, Str to_lead_id, unsigned n_awaited);
/* Of more than ACCOUNT_DEPARTURES_MAX the oldest is forgotten, and the caller's: departure_done(). False: there are no more. */
bool account_forget_departure(Account *account, Departure *ret);
/*
 * An entry has come for the lead, and *n_more are to follow, which becomes how many of them will be sent on, too: where it goes, into *ret,
 * which the caller frees with departure_done(). Not found: it is for this account. 0 or -ENOMEM, with nothing found.
 */
MUST_CHECK int account_take_departure(Account *account, Str lead_id, unsigned *n_more, Departure *ret, bool *ret_found);
void departure_done(Departure *departure);
/* Of more than ACCOUNT_MEMBERS_MAX members the one with the oldest activity, then the smaller id, leaves. */
void account_bound(Account *account);
/* Up to OUTPUT_MEMBERS_MAX members by present contribution; their ids are borrowed. Returns how many. */
size_t account_top_members(const Account *account, const Model *model, int64_t at_ms, Str ret[static OUTPUT_MEMBERS_MAX]);

/* --- what they make together --- */

/* The account's value of a score at at_ms: the sum over its members, cut to max; smaller than SCORE_EPSILON reads as 0. */
double account_score(const Account *account, const Model *model, unsigned score, int64_t at_ms);
/* Its course, not yet as it is read (see course.h). */
Course account_score_course(const Account *account, const Model *model, unsigned score, int64_t from_ms);
/* How many members are of the committee at at_ms. */
unsigned account_committee(const Account *account, const Model *model, int64_t at_ms);
/* The first instant after from_ms at which one of them is no more; TIME_NEVER. */
int64_t account_committee_changes_at(const Account *account, const Model *model, int64_t from_ms);
