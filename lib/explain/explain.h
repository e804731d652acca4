#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explanations
 *
 * Why a lead or an account is where it is: what its scores are made of, what each transition out of its stages waits for, what time
 * alone will change, and how its clocks stand. Everything as of one instant not before its clock, as if nothing but time had passed
 * since. Text and JSON are made from this (daemon/explain/explain_text.h, daemon/explain/explain_json.h).
 */
#include "lib/condition/condition_part.h"
#include "lib/engine/output.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

/* What cannot be itemised and is smaller than this is rounding. */
#define EXPLAIN_REST_MIN 1e-6

typedef struct ExplainedScore {
    Str id;
    double value;
    Decay decay;
    ScoreBounds bounds; /* an account's: {-INFINITY, max} */
    bool from_profile;
    Str from;           /* an account's: the lead's score that feeds it; else null */
    const Reason *reasons; /* what is kept of a lead's, greatest first */
    size_t n_reasons;
    /* What those do not explain: points that are no longer itemised; of a score from the profile, what its bounds cut. */
    double rest;
} ExplainedScore;

typedef struct ExplainedCounter {
    Str id;
    unsigned value, keep;
    int64_t window_ms;
    int64_t changes_at_ms; /* by time alone; TIME_NEVER */
} ExplainedCounter;

/* An idle rule that will give points. */
typedef struct ExplainedIdle {
    Str rule;
    int64_t due_at_ms;
    const NamedNumber *points; /* by score, before caps; as they will be then */
    size_t n_points;
} ExplainedIdle;

typedef struct ExplainedTransition {
    const Transition *transition;
    Str to;
    const Str *on_sla; /* "policy.kind", n_on_sla of the transition */
    const ConditionPart *when, *require;
    size_t n_when, n_require;
    PartTruth when_truth, require_truth;
    int64_t cools_at_ms; /* the cooldown lasts until then; TIME_NONE: none does */
    int64_t begins_at_ms; /* by time alone, after the clock; TIME_NEVER. For those without `on` */
    /* It holds, but its stage was entered at the clock as well, and is not entered twice at one instant: what happens next takes it. */
    bool passed_over;
} ExplainedTransition;

typedef struct ExplainedTrack {
    Str id, stage, owner; /* owner: null if there is none */
    int64_t since_ms;
    uint32_t entries;
    const ExplainedTransition *transitions; /* out of the stage, in file order */
    size_t n_transitions;
    int64_t changes_at_ms;                  /* by time alone, after the clock; TIME_NEVER */
    const ExplainedTransition *changes_by;  /* NULL: it does not */
} ExplainedTrack;

/* A warning, the breach or an escalation. */
typedef struct ExplainedLevel {
    SlaKind kind;
    Str text;          /* null: the breach */
    int64_t after_ms;  /* working time from the start */
    int64_t at_ms;     /* TIME_NEVER: not as long as it is paused, or never */
    bool told;
} ExplainedLevel;

typedef struct ExplainedClock {
    Str policy;
    SlaPhase phase; /* open or revisable */
    uint32_t epoch;
    int64_t started_at_ms;
    Str start_event_id; /* null: started without */
    Str calendar;       /* null: round the clock */
    int64_t target_ms, worked_ms; /* working time; the latter of one that is open */
    int64_t due_at_ms;            /* if it is paused, as if it went on now; TIME_NEVER */
    int64_t paused_since_ms;      /* TIME_NONE: it runs */
    const SlaPause *pauses;
    size_t n_pauses;
    bool breached;
    int64_t revisable_until_ms; /* of one that ended late; else TIME_NEVER */
    Str owner;                  /* null: none */
    const ExplainedLevel *levels; /* in the order of their working time */
    size_t n_levels;
    const ExplainedLevel *next; /* the first that has not been told; NULL: none */
} ExplainedClock;

typedef struct ExplainedMember {
    Str lead_id;
    const double *brings; /* by account score */
    int64_t active_at_ms;
    bool in_committee;
    int64_t committee_at_ms, committee_until_ms; /* the event and the end of its window; TIME_NONE: never was in it */
} ExplainedMember;

typedef struct Explanation {
    const Model *model;
    EntityKind kind;
    Str id;
    int64_t at_ms, clock_ms;
    uint64_t ordinal; /* of the last output */
    /* leads; null where unknown */
    Str account_id, segment, route, first_source, last_source;
    int64_t active_at_ms; /* TIME_NONE: never */
    const Str *aliases;   /* ids that were merged into it */
    size_t n_aliases;
    const NamedNumber *derived;
    size_t n_derived;
    const ExplainedCounter *counters;
    size_t n_counters;
    const ExplainedIdle *idle; /* what is due, earliest first */
    size_t n_idle;
    const ExplainedClock *clocks;
    size_t n_clocks;
    /* accounts */
    bool has_committee;
    unsigned committee;
    int64_t committee_window_ms, committee_changes_at_ms;
    const ExplainedMember *members; /* who brings most first */
    size_t n_members;
    /* both */
    const ExplainedScore *scores;
    size_t n_scores;
    const ExplainedTrack *tracks;
    size_t n_tracks;
    int64_t next_moment_ms; /* at which anything will happen by time alone; TIME_NEVER */
} Explanation;

/*
 * Explains the lead, which has not been merged into another, or the account. at_ms is not before its clock. What is found lives in
 * `arena` and borrows from the model and the lead or account. 0 or -ENOMEM.
 */
MUST_CHECK int explain_lead(Arena *arena, const Model *model, const Lead *lead, int64_t at_ms, Explanation *ret);
MUST_CHECK int explain_account(Arena *arena, const Model *model, const Account *account, int64_t at_ms, Explanation *ret);
