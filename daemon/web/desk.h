#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Board's Desk
 *
 * Questions that somebody else's thread answers: the server leaves a ticket and comes back for the answer. There are at most DESK_TICKETS_MAX,
 * so that no crowd of askers makes more work than that. All functions may be called from any thread.
 */
#include "lib/event/event.h"
#include "lib/lead/entity.h"

#define DESK_TICKETS_MAX 16

typedef enum DeskQuestion { DESK_LEAD, DESK_ACCOUNT, DESK_STATE } DeskQuestion;

typedef struct Desk Desk;
typedef struct Ticket Ticket;

typedef struct DeskAnswer {
    unsigned status; /* of HTTP; 0: there is none yet */
    char *body;      /* owned by who has it */
    size_t body_len;
} DeskAnswer;

MUST_CHECK int desk_new(Desk **ret);
/* Nobody asks or answers any more; all tickets have been dropped. */
Desk *desk_free(Desk *desk);
DEFINE_CLEANUP(Desk *, desk_free)

/* -- who asks -- */

/* Of the lead or account `id`. NULL: there are too many, or no memory. */
Ticket *desk_ask(Desk *desk, DeskQuestion question, Str id);
/* The answer, which is the caller's then. */
DeskAnswer desk_take(Desk *desk, Ticket *ticket);
/* Whoever asked is not interested any more. */
void desk_drop(Desk *desk, Ticket *ticket);
/* Ends a desk_wait(): there may be something to do. */
void desk_nudge(Desk *desk);

/* -- who answers -- */

/* The question that has waited longest, which is to be answered; NULL: there is none. */
Ticket *desk_next(Desk *desk, bool with_state);
DeskQuestion ticket_question(const Ticket *ticket);
Str ticket_id(const Ticket *ticket);
/* Takes the body. */
void desk_answer(Desk *desk, Ticket *ticket, DeskAnswer answer);
/* Has anybody asked who has no answer yet? */
bool desk_is_open(Desk *desk);
/* Until it is nudged or asked, at most timeout_ms; negative: as long as it takes. */
void desk_wait(Desk *desk, int timeout_ms);
