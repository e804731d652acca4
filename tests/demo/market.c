/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that will happen stands in a heap of tasks. Some tasks are events; the others make tasks: a
 * visit is a handful of page views and what comes of them, and the next visit.
 *
 * What sales does is dealt from decks, not rolled, so that a demonstration of a minute has something of each.
 */
#include <math.h>

#include "tests/demo/market_internal.h"

#define TASKS_MAX ((size_t)100000)
/* People who visit these days; now and then one gives way to another. */
#define ACTIVE 40
#define HOUR_BEGIN 8.5
/* Events of an average visit: what divides the pace into visits. */
#define VISIT_EVENTS 5.0

typedef enum Answer { ANSWER_IN_TIME, ANSWER_LATE, ANSWER_NEVER, ANSWER_TOLD_LATE } Answer;
typedef enum Uptake { UPTAKE_IN_TIME, UPTAKE_LATE, UPTAKE_NEVER, UPTAKE_REJECT, UPTAKE_REJECT_BARE } Uptake;

#define DECK_SIZE 10
/* Dealt in this order first, then shuffled each time that it is through. */
static const unsigned char answers[DECK_SIZE] = {ANSWER_IN_TIME, ANSWER_NEVER, ANSWER_TOLD_LATE,
        ANSWER_IN_TIME, ANSWER_LATE, ANSWER_IN_TIME, ANSWER_IN_TIME, ANSWER_LATE, ANSWER_NEVER,
        ANSWER_IN_TIME};
static const unsigned char uptakes[DECK_SIZE] = {UPTAKE_IN_TIME, UPTAKE_IN_TIME, UPTAKE_REJECT_BARE,
        UPTAKE_NEVER, UPTAKE_IN_TIME, UPTAKE_IN_TIME, UPTAKE_REJECT, UPTAKE_LATE, UPTAKE_IN_TIME,
        UPTAKE_IN_TIME};

typedef struct Deck {
    unsigned char cards[DECK_SIZE];
    size_t next;
} Deck;

struct Market {
    MarketOptions options;
    Chance chance;
    Company companies[COMPANIES];
    Person people[PEOPLE];
    unsigned active[ACTIVE];
    Deck answers, uptakes;
    Task *tasks; /* heap: the earliest first */
    size_t n_tasks, n_alloc;
    uint64_t n_numbers;
    EventSpace space;
};

/* ---- tasks ---- */

static bool comes_before(const Task *a, const Task *b) {
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static void swap_tasks(Task *a, Task *b) {
    Task task = *a;
    *a = *b;
    *b = task;
}

/* Beyond TASKS_MAX, and without memory, things don't happen. */
static void push(Market *m, Task task) {
    if (m->n_tasks == TASKS_MAX || array_reserve(&m->tasks, &m->n_alloc, m->n_tasks, sizeof(*m->tasks)))
        return;
    size_t i = m->n_tasks++;
    m->tasks[i] = task;
    for (; i > 0 && comes_before(&m->tasks[i], &m->tasks[(i - 1) / 2]); i = (i - 1) / 2)
        swap_tasks(&m->tasks[i], &m->tasks[(i - 1) / 2]);
}

static Task pop(Market *m) {
    Task first = m->tasks[0];
    m->tasks[0] = m->tasks[--m->n_tasks];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < m->n_tasks; child++)
            if (comes_before(&m->tasks[child], &m->tasks[least]))
                least = child;
        if (least == i)
            return first;
        swap_tasks(&m->tasks[i], &m->tasks[least]);
        i = least;
    }
}

static void plan(Market *m, TaskKind kind, unsigned person, unsigned detail, int64_t at_ms) {
    push(m, (Task){at_ms, at_ms, ++m->n_numbers, kind, person, detail});
}

static unsigned draw_detail(Market *m) {
    return (unsigned)chance_between(&m->chance, 0, 1000);
}

/* Something that sales does. */
static void plan_sales(Market *m, TaskKind kind, unsigned person, int64_t at_ms) {
    plan(m, kind, person, draw_detail(m), at_ms);
}

/* ---- the time of day ---- */

static double hours_since_monday(const Market *m, int64_t at_ms) {
    return HOUR_BEGIN + 24.0 * (double)(at_ms - m->options.begin_ms) / (double)m->options.day_ms;
}

static bool is_working_day(double hours) {
    return (int64_t)(hours / 24) % 7 < 5;
}

static bool is_working_time(const Market *m, int64_t at_ms) {
    double hours = hours_since_monday(m, at_ms), hour = fmod(hours, 24);
    return is_working_day(hours) && hour >= 9 && hour < 18;
}

/* The first working instant at or after this one, in steps of some minutes. */
static int64_t working_time_from(const Market *m, int64_t at_ms) {
    for (unsigned i = 0; i < 7 * 24 * 10 && !is_working_time(m, at_ms); i++)
        at_ms += MAX(m->options.day_ms / 240, INT64_C(1));
    return at_ms;
}

/* How busy the site is, of its busiest. */
static double business(const Market *m, int64_t at_ms) {
    double hours = hours_since_monday(m, at_ms), hour = fmod(hours, 24);
    if (!is_working_day(hours))
        return 0.25;
    return hour >= 9 && hour < 18 ? 1 : hour >= 7 && hour < 22 ? 0.6 : 0.25;
}

/* The time to the next of things that happen each interval_ms at the busiest. */
static int64_t draw_gap(Market *m, double interval_ms, int64_t now_ms) {
    double gap = -log(1 - chance_uniform(&m->chance)) * interval_ms / business(m, now_ms);
    return (int64_t)fmin(fmax(gap, 1), 20 * interval_ms);
}

/* ---- visits ---- */

static unsigned choose_visitor(Market *m) {
    unsigned *place = &m->active[chance_between(&m->chance, 0, ACTIVE)];
    if (chance_of(&m->chance, 0.1) || m->people[*place].standing == STANDING_GONE)
        *place = (unsigned)chance_between(&m->chance, 0, PEOPLE);
    return *place;
}

static unsigned choose_page(Market *m, Persona persona) {
    static const unsigned weights[_PERSONA_MAX][_PAGE_MAX] = {
            /* home, blog, features, pricing, compare, careers, docs */
            [PERSONA_BUYER] = {20, 12, 25, 24, 15, 0, 4},
            [PERSONA_RESEARCHER] = {15, 45, 20, 6, 6, 0, 8},
            [PERSONA_USER] = {10, 5, 20, 10, 0, 0, 55},
            [PERSONA_STUDENT] = {20, 50, 15, 5, 5, 5, 0},
            [PERSONA_JOB_SEEKER] = {30, 10, 5, 0, 0, 55, 0},
            [PERSONA_STAFF] = {40, 20, 20, 10, 0, 0, 10},
    };
    return (unsigned)chance_pick(&m->chance, weights[persona], _PAGE_MAX);
}

/* What a visit leads to. */
static void plan_outcome(Market *m, unsigned person, int64_t at_ms) {
    Persona persona = m->people[person].persona;
    bool is_buyer = persona == PERSONA_BUYER;
    if (chance_of(&m->chance, is_buyer ? 0.3 : 0.15))
        plan(m, TASK_DOWNLOAD, person, 0, at_ms);
    if (chance_of(&m->chance, is_buyer ? 0.2 : 0.1))
        plan(m, TASK_WEBINAR, person, (unsigned)chance_between(&m->chance, 8, 75), at_ms + 300);
    if (chance_of(&m->chance, 0.15))
        plan(m, TASK_EMAIL_CLICK, person, 0, at_ms + 900);
    if (persona == PERSONA_USER && chance_of(&m->chance, 0.25))
        plan(m, TASK_TRIAL, person, 0, at_ms + 500);
    if (chance_of(&m->chance, 0.02))
        plan(m, TASK_UNSUBSCRIBE, person, 0, at_ms + 1500);
    if (chance_of(&m->chance, 0.015))
        plan(m, TASK_BOUNCE, person, 0, at_ms + 1800);
}

static void visit(Market *m, unsigned person, int64_t now_ms) {
    int64_t at_ms = now_ms;
    do {
        plan(m, TASK_PAGE, person, choose_page(m, m->people[person].persona), at_ms);
        at_ms += chance_between(&m->chance, 150, 1200);
    } while (chance_of(&m->chance, 0.72));
    /* The form, or enrichment, tells who it is a little later. */
    if (!m->people[person].is_known)
        plan(m, TASK_PROFILE, person, 0, now_ms + chance_between(&m->chance, 20, 400));
    m->people[person].is_known = true;
    plan_outcome(m, person, at_ms);
}

/* ---- asking for a meeting ---- */

static unsigned char deal(Market *m, Deck *deck) {
    if (deck->next == DECK_SIZE) {
        deck->next = 0;
        for (size_t i = DECK_SIZE - 1; i > 0; i--) {
            size_t j = (size_t)chance_between(&m->chance, 0, (int64_t)i + 1);
            unsigned char card = deck->cards[i];
            deck->cards[i] = deck->cards[j];
            deck->cards[j] = card;
        }
    }
    return deck->cards[deck->next++];
}

/* The first touch by a person, if there is one; who asks at night is not answered before the morning. */
static void plan_answer(Market *m, unsigned person, Answer answer, int64_t asked_at_ms) {
    int64_t open_at_ms = working_time_from(m, asked_at_ms);
    const int64_t target_ms = MARKET_ANSWER_TARGET_MS;
    int64_t at_ms = open_at_ms + chance_between(&m->chance, target_ms / 8, target_ms * 3 / 4);
    if (answer == ANSWER_NEVER)
        return;
    if (open_at_ms > asked_at_ms)
        at_ms = open_at_ms + chance_between(&m->chance, 100, target_ms / 4);
    else if (answer == ANSWER_LATE)
        at_ms = asked_at_ms + target_ms + chance_between(&m->chance, target_ms / 4, target_ms * 9 / 10);
    Task touch = {at_ms, at_ms, ++m->n_numbers, TASK_TOUCH, person, draw_detail(m)};
    /* Called in time, and written down only after the target. */
    if (answer == ANSWER_TOLD_LATE)
        touch.at_ms = MAX(touch.at_ms, asked_at_ms + target_ms) + chance_between(&m->chance, 3000, 5000);
    push(m, touch);
}

/* Somebody who visits these days and whom sales has not got yet, preferably one who is known. */
static bool choose_asker(Market *m, unsigned *ret) {
    bool found = false;
    for (unsigned i = 0; i < 4 * ACTIVE; i++) {
        unsigned person = m->active[chance_between(&m->chance, 0, ACTIVE)];
        const Person *p = &m->people[person];
        if (p->standing != STANDING_FREE || p->persona != PERSONA_BUYER)
            continue;
        *ret = person;
        found = true;
        if (p->is_known)
            break;
    }
    return found;
}

static void raise_hand(Market *m, int64_t now_ms) {
    unsigned person;
    if (!choose_asker(m, &person))
        return;
    if (!m->people[person].is_known)
        plan(m, TASK_PROFILE, person, 0, now_ms);
    m->people[person].is_known = true;
    m->people[person].standing = STANDING_WITH_SALES;
    plan(m, TASK_PAGE, person, PAGE_PRICING, now_ms);
    int64_t asked_at_ms = now_ms + 300;
    plan(m, TASK_DEMO_REQUEST, person, 0, asked_at_ms);
    plan_sales(m, TASK_AUTO_REPLY, person, asked_at_ms + 250);
    plan_answer(m, person, (Answer)deal(m, &m->answers), asked_at_ms);
}

/* ---- sales ---- */

static void take_up(Market *m, unsigned person, Uptake uptake, int64_t now_ms) {
    const int64_t target_ms = MARKET_ACCEPT_TARGET_MS;
    int64_t from_ms = working_time_from(m, now_ms);
    int64_t soon_ms = from_ms + chance_between(&m->chance, target_ms / 8, target_ms * 3 / 4);
    switch (uptake) {
    case UPTAKE_IN_TIME:
        plan_sales(m, TASK_ACCEPT, person, soon_ms);
        break;
    case UPTAKE_LATE:
        plan_sales(m, TASK_ACCEPT, person,
                from_ms + target_ms + chance_between(&m->chance, 1000, target_ms / 2));
        break;
    case UPTAKE_REJECT_BARE:
        plan_sales(m, TASK_REJECT_BARE, person, soon_ms);
        plan_sales(m, TASK_REJECT, person, soon_ms + 2500);
        break;
    case UPTAKE_REJECT:
        plan_sales(m, TASK_REJECT, person, soon_ms);
        break;
    case UPTAKE_NEVER:
        break;
    }
}

static void work_on(Market *m, unsigned person, int64_t now_ms) {
    static const unsigned weights[] = {
            45, 20, 20, 15}; /* qualified, without evidence first, recycled, nothing */
    int64_t at_ms = working_time_from(m, now_ms) + chance_between(&m->chance, 3000, 9000);
    plan_sales(m, TASK_TOUCH, person, at_ms - 2000);
    switch (chance_pick(&m->chance, weights, ARRAY_SIZE(weights))) {
    case 0:
        plan_sales(m, TASK_QUALIFY, person, at_ms);
        break;
    case 1:
        plan_sales(m, TASK_QUALIFY_BARE, person, at_ms);
        plan_sales(m, TASK_QUALIFY, person, at_ms + 2500);
        break;
    case 2:
        plan_sales(m, TASK_RECYCLE, person, at_ms);
        break;
    default:
        break;
    }
}

static void close_deal(Market *m, unsigned person, int64_t now_ms) {
    int64_t at_ms = working_time_from(m, now_ms) + chance_between(&m->chance, 3000, 9000);
    plan_sales(m, chance_of(&m->chance, 0.7) ? TASK_OPPORTUNITY : TASK_RECYCLE, person, at_ms);
}

void market_note_stage(Market *m, Str lead_id, Str stage, int64_t now_ms) {
    unsigned i = 0;
    while (i < PEOPLE && !str_eq_c(lead_id, m->people[i].id))
        i++;
    if (i == PEOPLE || m->people[i].standing == STANDING_GONE)
        return;
    bool is_back = str_eq_c(stage, "lead") || str_eq_c(stage, "nurture") || str_eq_c(stage, "recycled");
    m->people[i].standing = str_eq_c(stage, "disqualified") ? STANDING_GONE
                            : is_back                       ? STANDING_FREE
                                                            : STANDING_WITH_SALES;
    if (str_eq_c(stage, "mql"))
        take_up(m, i, (Uptake)deal(m, &m->uptakes), now_ms);
    else if (str_eq_c(stage, "sal"))
        work_on(m, i, now_ms);
    else if (str_eq_c(stage, "sql"))
        close_deal(m, i, now_ms);
    else if (str_eq_c(stage, "opportunity") && chance_of(&m->chance, 0.4))
        plan_sales(m, TASK_LOST, i, working_time_from(m, now_ms) + chance_between(&m->chance, 6000, 15000));
}

/* ---- what else there is ---- */

/* A link scanner of a mail gateway follows every link of a mail within a blink. */
static void scan_links(Market *m, int64_t now_ms) {
    unsigned person = choose_visitor(m);
    for (unsigned i = 0; i < 6; i++)
        plan(m, TASK_SCANNER_CLICK, person, i, now_ms + 30 * (int64_t)i);
}

/* Somebody asks to be forgotten, whom sales has not got. */
static void forget_somebody(Market *m, int64_t now_ms) {
    for (unsigned i = 0; i < 2 * ACTIVE; i++) {
        unsigned person = m->active[chance_between(&m->chance, 0, ACTIVE)];
        if (m->people[person].standing != STANDING_FREE || !m->people[person].is_known)
            continue;
        m->people[person].standing = STANDING_GONE;
        plan(m, TASK_FORGOTTEN, person, 0, now_ms);
        return;
    }
}

/* A task that is no event. Each plans its next time. */
static void perform(Market *m, const Task *task) {
    double event_ms = 1000 / m->options.pace;
    int64_t now_ms = task->at_ms, gap_ms = 0;
    switch (task->kind) {
    case TASK_VISIT:
        visit(m, choose_visitor(m), now_ms);
        gap_ms = draw_gap(m, event_ms * VISIT_EVENTS, now_ms);
        break;
    case TASK_HAND_RAISE:
        raise_hand(m, now_ms);
        gap_ms = draw_gap(m, fmin(fmax(1500, 20 * event_ms), 3000), now_ms);
        break;
    case TASK_SCANNER:
        scan_links(m, now_ms);
        gap_ms = draw_gap(m, fmax(5000, 60 * event_ms), now_ms);
        break;
    case TASK_FORGET:
        forget_somebody(m, now_ms);
        gap_ms = draw_gap(m, 25000, now_ms);
        break;
    default:
        plan(m, TASK_BROKEN, choose_visitor(m), 0, now_ms);
        gap_ms = draw_gap(m, 15000, now_ms);
        break;
    }
    plan(m, task->kind, 0, 0, now_ms + gap_ms);
}

/* ---- the market ---- */

int market_new(const MarketOptions *options, Market **ret) {
    static const struct {
        TaskKind kind;
        int64_t after_ms;
    } first[] = {{TASK_VISIT, 0}, {TASK_HAND_RAISE, 3000}, {TASK_SCANNER, 4000}, {TASK_BREAK, 7000},
            {TASK_FORGET, 20000}};
    _cleanup_(market_free) Market *m = calloc(1, sizeof(*m));
    if (!m)
        return -ENOMEM;
    assert(options->pace > 0 && options->day_ms > 0);
    m->options = *options;
    m->chance.state = options->seed;
    market_make_people(&m->chance, m->companies, m->people);
    for (size_t i = 0; i < ACTIVE; i++)
        m->active[i] = (unsigned)chance_between(&m->chance, 0, PEOPLE);
    memcpy(m->answers.cards, answers, DECK_SIZE);
    memcpy(m->uptakes.cards, uptakes, DECK_SIZE);
    for (size_t i = 0; i < ARRAY_SIZE(first); i++)
        plan(m, first[i].kind, 0, 0, options->begin_ms + first[i].after_ms);
    if (m->n_tasks < ARRAY_SIZE(first))
        return -ENOMEM;
    *ret = TAKE_PTR(m);
    return 0;
}

Market *market_free(Market *m) {
    if (!m)
        return NULL;
    free(m->tasks);
    return free_null(m);
}

int64_t market_next_at(const Market *m) {
    return m->n_tasks ? m->tasks[0].at_ms : TIME_NEVER;
}

bool market_next(Market *m, int64_t now_ms, MarketEvent *ret) {
    while (market_next_at(m) <= now_ms) {
        Task task = pop(m);
        if (task.kind < TASK_FIRST_EVENT) {
            perform(m, &task);
            continue;
        }
        /* After one is forgotten, nothing more is heard. */
        if (m->people[task.person].standing == STANDING_GONE && task.kind != TASK_FORGOTTEN &&
                task.kind < TASK_AUTO_REPLY)
            continue;
        market_make_event(&task, &m->people[task.person], m->options.seed ^ (uint64_t)m->options.begin_ms,
                &m->space, ret);
        return true;
    }
    return false;
}
