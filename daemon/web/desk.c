/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/desk.h"

#include <pthread.h>
#include <time.h>

typedef enum TicketState { TICKET_OPEN, TICKET_AT_WORK, TICKET_DONE } TicketState;

struct Ticket {
    Ticket *next; /* of those of the desk, the first asked first */
    TicketState state;
    bool is_dropped; /* while at work: who answers frees it */
    DeskQuestion question;
    DeskAnswer answer;
    size_t id_len;
    char id[EVENT_LEAD_ID_LEN_MAX];
};

struct Desk {
    pthread_mutex_t lock;
    pthread_cond_t nudge;
    Ticket *tickets;
    size_t n_tickets;
    bool is_nudged;
};

int desk_new(Desk **ret) {
    pthread_condattr_t attributes;
    Desk *desk = calloc(1, sizeof(*desk));
    if (!desk)
        return -ENOMEM;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&desk->lock, NULL);
    (void)pthread_cond_init(&desk->nudge, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    *ret = desk;
    return 0;
}

Desk *desk_free(Desk *desk) {
    if (!desk)
        return NULL;
    assert(desk->n_tickets == 0);
    (void)pthread_cond_destroy(&desk->nudge);
    (void)pthread_mutex_destroy(&desk->lock);
    return free_null(desk);
}

static void lock(Desk *desk) {
    (void)pthread_mutex_lock(&desk->lock);
}

static void unlock(Desk *desk) {
    (void)pthread_mutex_unlock(&desk->lock);
}

static void nudge_locked(Desk *desk) {
    desk->is_nudged = true;
    (void)pthread_cond_signal(&desk->nudge);
}

void desk_nudge(Desk *desk) {
    lock(desk);
    nudge_locked(desk);
    unlock(desk);
}

/* --- asking ------------------------------------------------------------------------------------------ */

Ticket *desk_ask(Desk *desk, DeskQuestion question, Str id) {
    _cleanup_(free_null) Ticket *ticket = calloc(1, sizeof(*ticket));
    assert(id.len <= sizeof(ticket->id));
    if (!ticket)
        return NULL;
    ticket->question = question;
    ticket->id_len = id.len;
    if (id.len > 0)
        memcpy(ticket->id, id.data, id.len);
    lock(desk);
    bool has_room = desk->n_tickets < DESK_TICKETS_MAX;
    if (has_room) {
        Ticket **end = &desk->tickets;
        while (*end)
            end = &(*end)->next;
        *end = ticket;
        desk->n_tickets++;
        nudge_locked(desk);
    }
    unlock(desk);
    return has_room ? TAKE_PTR(ticket) : NULL;
}

DeskAnswer desk_take(Desk *desk, Ticket *ticket) {
    lock(desk);
    DeskAnswer answer = ticket->answer;
    ticket->answer.body = NULL;
    unlock(desk);
    return answer;
}

static void remove_locked(Desk *desk, Ticket *ticket) {
    Ticket **link = &desk->tickets;
    while (*link != ticket)
        link = &(*link)->next;
    *link = ticket->next;
    desk->n_tickets--;
    free(ticket->answer.body);
    free(ticket);
}

void desk_drop(Desk *desk, Ticket *ticket) {
    lock(desk);
    if (ticket->state == TICKET_AT_WORK)
        ticket->is_dropped = true;
    else
        remove_locked(desk, ticket);
    unlock(desk);
}

/* --- answering --------------------------------------------------------------------------------------- */

Ticket *desk_next(Desk *desk, bool with_state) {
    lock(desk);
    Ticket *ticket = desk->tickets;
    while (ticket && (ticket->state != TICKET_OPEN || (ticket->question == DESK_STATE && !with_state)))
        ticket = ticket->next;
    if (ticket)
        ticket->state = TICKET_AT_WORK;
    unlock(desk);
    return ticket;
}

DeskQuestion ticket_question(const Ticket *ticket) {
    return ticket->question;
}

Str ticket_id(const Ticket *ticket) {
    return (Str){ticket->id, ticket->id_len};
}

void desk_answer(Desk *desk, Ticket *ticket, DeskAnswer answer) {
    lock(desk);
    ticket->state = TICKET_DONE;
    ticket->answer = answer;
    if (ticket->is_dropped)
        remove_locked(desk, ticket);
    unlock(desk);
}

bool desk_is_open(Desk *desk) {
    lock(desk);
    bool is_open = false;
    for (const Ticket *ticket = desk->tickets; ticket && !is_open; ticket = ticket->next)
        is_open = ticket->state == TICKET_OPEN;
    unlock(desk);
    return is_open;
}

void desk_wait(Desk *desk, int timeout_ms) {
    struct timespec until;
    int r = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    if (timeout_ms > 0) {
        until.tv_sec += timeout_ms / 1000;
        until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    lock(desk);
    while (!desk->is_nudged && r == 0)
        r = timeout_ms < 0 ? pthread_cond_wait(&desk->nudge, &desk->lock) : pthread_cond_timedwait(&desk->nudge, &desk->lock, &until);
    desk->is_nudged = false;
    unlock(desk);
}
