#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files market*.c share. */
#include "lib/base/uuid.h"
#include "tests/demo/market.h"

#define COMPANIES 60
#define PEOPLE 220
#define PROPERTIES_MAX 12
#define NAME_SIZE 48

/* ---- chance: SplitMix64 ---- */

typedef struct Chance {
    uint64_t state;
} Chance;
uint64_t chance_draw(Chance *chance);
/* From 0 to below 1. */
double chance_uniform(Chance *chance);
/* From min to below max. */
int64_t chance_between(Chance *chance, int64_t min, int64_t max);
bool chance_of(Chance *chance, double probability);
/* An index, by weights. */
size_t chance_pick(Chance *chance, const unsigned *weights, size_t n);

/* ---- people ---- */

typedef struct Company {
    const char *name, *industry, *country;
    int64_t n_employees;
    bool is_competitor;
} Company;

typedef enum Persona {
    PERSONA_BUYER,
    PERSONA_RESEARCHER,
    PERSONA_USER,
    PERSONA_STUDENT,
    PERSONA_JOB_SEEKER,
    PERSONA_STAFF,
    _PERSONA_MAX,
} Persona;

/* Where sales has a lead, as far as sales knows. */
typedef enum Standing { STANDING_FREE, STANDING_WITH_SALES, STANDING_GONE } Standing;

typedef struct Person {
    char id[NAME_SIZE]; /* anna-keller */
    char email[2 * NAME_SIZE];
    const Company *company; /* NULL: a private person */
    Persona persona;
    const char *seniority, *department, *channel, *campaign;
    int64_t crm_id;
    bool is_known; /* the profile is sent */
    Standing standing;
} Person;

void market_make_people(Chance *chance, Company companies[static COMPANIES], Person people[static PEOPLE]);

/* ---- what happens ---- */

typedef enum TaskKind {
    /* What makes others */
    TASK_VISIT,
    TASK_HAND_RAISE,
    TASK_SCANNER,
    TASK_FORGET,
    TASK_BREAK,
    /* Events */
    TASK_PROFILE,
    TASK_PAGE,
    TASK_DOWNLOAD,
    TASK_WEBINAR,
    TASK_EMAIL_CLICK,
    TASK_TRIAL,
    TASK_DEMO_REQUEST,
    TASK_UNSUBSCRIBE,
    TASK_BOUNCE,
    TASK_SCANNER_CLICK,
    TASK_AUTO_REPLY,
    TASK_TOUCH,
    TASK_ACCEPT,
    TASK_REJECT,
    TASK_REJECT_BARE, /* without the reason that is required */
    TASK_QUALIFY,
    TASK_QUALIFY_BARE,
    TASK_RECYCLE,
    TASK_OPPORTUNITY,
    TASK_LOST,
    TASK_FORGOTTEN,
    TASK_BROKEN,
} TaskKind;
#define TASK_FIRST_EVENT TASK_PROFILE

typedef struct Task {
    int64_t at_ms;          /* when it is sent */
    int64_t occurred_at_ms; /* when it happened: earlier if it was synchronized late */
    uint64_t number;        /* order, and what the event's id is made from */
    TaskKind kind;
    unsigned person;
    unsigned detail; /* page, minutes, … */
} Task;

/* Pages by their index. */
extern const char *const market_pages[];
enum { PAGE_HOME, PAGE_BLOG, PAGE_FEATURES, PAGE_PRICING, PAGE_COMPARE, PAGE_CAREERS, PAGE_DOCS, _PAGE_MAX };

/* What an event borrows. */
typedef struct EventSpace {
    Property properties[PROPERTIES_MAX];
    char event_id[UUID_TEXT_LEN + 1];
    char opportunity_id[24];
} EventSpace;

/* The event that a task is. */
void market_make_event(
        const Task *task, const Person *person, uint64_t run_id, EventSpace *space, MarketEvent *ret);
