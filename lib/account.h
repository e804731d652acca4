#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Account
 *
 * Everything that is known of one company: its members, what each brings to its scores, who of them was active lately (the
 * committee), and its stages (SPEC section 6). account_record.h packs it.
 */
#include "lib/course.h"
#include "lib/track_state.h"

/* SPEC section 6: members that are kept. */
#define ACCOUNT_MEMBERS_MAX 256

/* What a lead brings to its account. */
typedef struct Member {
    Str lead_id; /* owned */
    int64_t active_at_ms;    /* the lead's clock when it touched the account last */
    int64_t committee_at_ms; /* the latest event that makes it one of the committee; TIME_NONE: none */
    ScoreState *scores;      /* model->n_account_scores, owned */
} Member;

struct Account {
    Str account_id; /* owned */
    int64_t clock_ms;
    uint64_t ordinal; /* of the last output */
    Member *members;  /* by lead_id */
    size_t n_members, n_members_alloc;
    TrackState *tracks; /* model->n_account_tracks */
    int64_t next_internal_ms; /* TIME_NEVER: none. Kept by the engine */
};

/* The account's value of a score at at_ms: the sum over its members, cut to max; smaller than SCORE_EPSILON reads as 0. */
double account_score(const Account *account, const Model *model, unsigned score, int64_t at_ms);
/* Its course, not yet as it is read (see course.h). */
Course account_score_course(const Account *account, const Model *model, unsigned score, int64_t from_ms);
/* How many members are of the committee at at_ms. */
unsigned account_committee(const Account *account, const Model *model, int64_t at_ms);
/* The first instant after from_ms at which one of them is no more; TIME_NEVER. */
int64_t account_committee_changes_at(const Account *account, const Model *model, int64_t from_ms);
