#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Touch
 *
 * What one step of a lead says to its account (SPEC section 4, step 11, and section 6): that it was there, which points it was
 * given, and whether it is one of the committee now. The lead's side fills it in, the account's side takes it in; between them it
 * is plain data, for the two may be in different shards.
 *
 * Where a Touch is taken by the functions that fill it, NULL is a model without accounts: they do nothing then.
 */
#include "lib/lead/lead.h"

/* Points that were given to the lead's score which an account score is `from`. */
typedef struct TouchAward {
    unsigned score; /* of the account's */
    double points;  /* as kept after the lead's caps */
    int64_t occurred_at_ms;
} TouchAward;

typedef struct Touch {
    Str lead_id;                          /* borrowed, as is account_id */
    int64_t at_ms;                        /* the lead's clock */
    Str account_id;                       /* the lead's after the step; null: none */
    Str left_account_id;                  /* the one that it left in this step; null: none. Owned */
    Str merged_lead_id, merged_account_id; /* the lead folded into this one in this step, and its account; null: none. Owned */
    const LeadEvent *event;               /* that caused it, borrowed; NULL: an idle moment */
    bool gave_points;                     /* to any score of the lead: an idle moment that gave none touches nothing */
    int64_t committee_at_ms;              /* when it counted for the committee in this step; TIME_NONE: not */
    TouchAward *awards;                   /* in the order in which they were given; owned */
    size_t n_awards, n_awards_alloc;
    uint32_t taking; /* bit i: account score i takes awards of this step: its `when` held */
    int error;       /* -ENOMEM: it is not complete */
} Touch;

/* Frees what a touch, at first all zero, owns. */
void touch_done(Touch *touch);
/* Empties it for a new step of the lead. */
void touch_begin(Touch *touch, const Lead *lead, const LeadEvent *event);
/*
 * Evaluates `when` of the account scores and of the committee: once a step, before any points are given, with step 8's situation
 * (whose event is NULL at an idle moment: then the committee is not asked).
 */
void touch_judge(Touch *touch, const Situation *situation);
/* Points were given to the lead's score: `points` as kept after its caps. */
void touch_note_award(Touch *touch, const Model *model, unsigned lead_score, double points, int64_t occurred_at_ms);
/* The lead has left the account. */
void touch_note_left(Touch *touch, Str account_id);
/* Another lead, of the account (or null), was folded into this one. */
void touch_note_merged(Touch *touch, Str lead_id, Str account_id);
/* At the step's end: the lead's clock and account as they are now. */
void touch_end(Touch *touch, const Lead *lead);
/* Does it say anything to any account? */
bool touch_is_due(const Touch *touch);
