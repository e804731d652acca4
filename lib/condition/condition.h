#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions
 *
 * The expressions of the model language (SPEC section 2, "Conditions"): compiled once at load into a postfix
 * program over resolved names, evaluated against a lead, an instant and, where one is at hand, an event.
 *
 * A comparison that involves time (scores, age, since, left, idle) is an *atom*: its two sides are checked
 * to be linear, so that `condition_crossing.h` can find the exact millisecond at which its truth changes.
 */
#include "lib/base/diagnostic.h"
#include "lib/event/event.h"
#include "lib/model/yaml.h"

typedef struct Condition Condition;
typedef struct Account Account;
typedef struct Lead Lead;
typedef struct Model Model;
typedef struct ScoreCache ScoreCache;

/* Which names a place of the model may use (SPEC section 2, "Names"). */
typedef enum ConditionPlace {
    CONDITION_SEGMENT,   /* profile, first_source, last_source, params */
    CONDITION_PROFILE,   /* the same and segment: routes, profile_rules, calendar choices */
    CONDITION_LEAD,      /* everything but event.* and route: derived scores */
    CONDITION_EVENT,     /* everything but route: ignore, rules, counters */
    CONDITION_TRACK,     /* everything but event.*: transitions without `on` */
    CONDITION_TRACK_EVENT, /* everything: `on` transitions, require, SLA start, stop and cancel */
    CONDITION_ACCOUNT,     /* the account's own: its scores, committee, its tracks; and params */
} ConditionPlace;

/* Stack cells that one evaluation may need; deeper nesting is a load error. */
#define CONDITION_STACK_MAX 32
/* Ours: what anybody can still read is shorter. */
#define CONDITION_TEXT_LEN_MAX 4096
/* Steps of one evaluation, derived scores and theirs included: those that name one another twice each would double it each time. */
#define CONDITION_STEPS_MAX 16384

/* What a condition is judged against. */
typedef struct Situation {
    const Model *model;
    const Lead *lead;        /* or, in place CONDITION_ACCOUNT, … */
    const Account *account;  /* … an account; the other is NULL */
    const LeadEvent *event;  /* NULL: event.* is null */
    const double *scores;    /* values to use in place of the lead's at at_ms (a snapshot), or NULL */
    ScoreCache *cache;       /* of the lead's scores, used where its instant is at_ms; or NULL */
    int64_t at_ms;
} Situation;

/*
 * Compiles the scalar `node`. Errors go to `diagnostics` with places inside the text where the scalar allows
 * it; then *ret is NULL. A derived score must be compiled after those that it names. Names are resolved against `model`, whose params, scores, derived scores, segments
 * and tracks must be known by then (see model_yaml.c for the order). Returns 0 or -ENOMEM.
 */
MUST_CHECK int condition_compile(Arena *arena, const Model *model, const YamlNode *node, ConditionPlace place,
        Diagnostics *diagnostics, Condition **ret);

/* The value of any expression; strings are borrowed from the model, the lead or the event. */
Value condition_value(const Condition *condition, const Situation *situation);
/* Does it hold? What is not a boolean counts as false; a NULL condition holds. */
bool condition_holds(const Condition *condition, const Situation *situation);
/* Can its truth change by time alone? False for NULL. */
bool condition_is_time_dependent(const Condition *condition);
/* Does it ask for a score or a derived score? False for NULL. */
bool condition_names_scores(const Condition *condition);
/* Bit i: it names derived score i. For finding cycles among derived scores, which may name one another. */
uint32_t condition_derived(const Condition *condition);
/* The text it was compiled from. */
Str condition_text(const Condition *condition);
