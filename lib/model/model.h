#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Model
 *
 * A loaded and checked model file (SPEC section 2): what earns points, which stages there are and what moves
 * a lead between them, which clocks run. Immutable once loaded; everything in it lives in its arena. Things
 * are referred to by their index in file order, which is also the order in which they act.
 */
#include "lib/calendar/calendar.h"
#include "lib/condition/condition.h"
#include "lib/event/event_index.h"
#include "lib/lead/score_state.h"

/*
 * Limits on what a model may hold. A record has a place for each score, track, stage and policy, so these also
 * bound the record; the figures are several times what the largest published scoring schemes use.
 */
#define MODEL_PARAMS_MAX 256
#define MODEL_SEGMENTS_MAX 64
#define MODEL_ROUTES_MAX 256
#define MODEL_SCORES_MAX 32
#define MODEL_DERIVED_MAX 32
#define MODEL_RULES_MAX 2000 /* of each kind: ignore, profile_rules, rules */
#define MODEL_IDLE_RULES_MAX 64
#define MODEL_COUNTERS_MAX 64
#define MODEL_LIMITS_MAX 256 /* rules with a limit: each keeps instants in the record */
#define MODEL_LIMIT_TIMES_MAX 64 /* SPEC section 2 */
#define MODEL_COUNTER_KEEP_MAX 64 /* SPEC section 2 */
#define MODEL_ACCOUNT_SCORES_MAX 16 /* times ACCOUNT_MEMBERS_MAX members */
/* Of these with a linear or window decay: each takes up to some 190 KB of a full account's record, which holds 900 KiB. */
#define MODEL_ACCOUNT_STEPPED_SCORES_MAX 4
#define MODEL_TRACKS_MAX 16
#define MODEL_STAGES_MAX 64
#define MODEL_TRANSITIONS_MAX 256
#define MODEL_POLICIES_MAX 32
#define MODEL_CALENDARS_MAX 32
#define MODEL_LEVELS_MAX 16 /* warnings of a policy, and escalations */
#define MODEL_LEVEL_LEN_MAX 32 /* of its text: a clock may have to carry it */
#define MODEL_CALENDAR_CHOICES_MAX 256 /* of a policy */
#define MODEL_EVENT_TYPES_MAX 1024
#define MODEL_CARRY_MAX 64
#define MODEL_ID_LEN_MAX 64

/* The default segment's index is model->n_segments. */
#define ROUTE_NONE (-1)
#define MODEL_HASH_SIZE 20

typedef struct Param {
    Str id;
    double value;
} Param;

typedef struct Segment {
    Str id;
    Condition *when;
} Segment;

typedef struct Route {
    Str id;
    Condition *when;
} Route;

typedef struct IgnoreRule {
    Str id;
    Condition *when;
} IgnoreRule;

typedef struct Score {
    Str id;
    Decay decay;
    ScoreBounds bounds;
    bool from_profile; /* fed by profile_rules: the clamped sum of those that hold */
} Score;

typedef struct Derived {
    Str id;
    Condition *value;
} Derived;

/* Points for one score. */
typedef struct Award {
    unsigned score;
    Condition *points;
} Award;

/* `limit`: a rule gives points only if it did so fewer than `times` times in the `per_ms` up to the event. */
typedef struct Limit {
    unsigned rule;
    unsigned times;
    int64_t per_ms;
} Limit;
#define LIMIT_NONE (-1)

/* A profile rule (then `on` and `limit` are not used) or a rule. */
typedef struct Rule {
    Str id;
    EventTypes on;
    Condition *when;
    Award *awards; /* in file order, a score at most once */
    size_t n_awards;
    int limit; /* index into the model's limits, or LIMIT_NONE */
} Rule;

/* Points for silence. */
typedef struct IdleRule {
    Str id;
    int64_t after_ms;
    int64_t every_ms; /* 0: once */
    EventTypes reset_on;
    Award *awards;
    size_t n_awards;
} IdleRule;

/* How many matching events there were lately. */
typedef struct Counter {
    Str id;
    EventTypes on;
    Condition *when;
    int64_t window_ms;
    unsigned keep;
} Counter;

typedef struct Stage {
    Str id;
    Str owner; /* null when absent */
    bool terminal;
    const unsigned *unprompted; /* numbers of the transitions out of it that are made by what holds, ascending */
    size_t n_unprompted;
} Stage;

/* Kinds of an SlaEvent, SPEC section 7; `on_sla` takes the first three. */
typedef enum SlaKind {
    SLA_WARNING,
    SLA_BREACHED,
    SLA_ESCALATED,
    SLA_MET,
    SLA_LATE,
    SLA_CANCELLED,
    SLA_RETRACTED,
    _SLA_KIND_MAX,
} SlaKind;
const char *sla_kind_name(SlaKind kind);

typedef struct SlaTrigger {
    unsigned policy;
    SlaKind kind;
} SlaTrigger;

typedef struct Transition {
    Str id;
    uint64_t from;    /* bit i: stage i (MODEL_STAGES_MAX is 64) */
    unsigned to;
    EventTypes on;    /* for has_on */
    bool has_on;
    SlaTrigger *on_sla;
    size_t n_on_sla;
    Condition *when;    /* NULL: always */
    Condition *require; /* NULL: nothing required */
    int64_t cooldown_ms; /* 0: none */
} Transition;

/* Is it made by what holds, not by what happens? */
static inline bool transition_is_unprompted(const Transition *transition) {
    return !transition->has_on && transition->n_on_sla == 0;
}
/* Does it lead out of the stage? */
static inline bool transition_leaves(const Transition *transition, unsigned stage) {
    return transition->from >> stage & 1;
}

/* A transition's number among those of all tracks. */
#define TRANSITION_NUMBER(track, transition) ((uint32_t)((track) * MODEL_TRANSITIONS_MAX + (transition)))

typedef struct Track {
    Str id;
    unsigned initial;
    Stage *stages;
    size_t n_stages;
    Transition *transitions;
    size_t n_transitions;
} Track;

/* A stage of a track, in `enter` lists and as an operand of since(), left(), entries(). */
typedef struct StageRef {
    unsigned track, stage;
} StageRef;

typedef struct NamedCalendar {
    Str id;
    const Calendar *calendar;
} NamedCalendar;

/* What starts, stops or cancels a clock: an event of a type, a stage entered, or either. */
typedef struct SlaCondition {
    bool present;
    bool has_on;
    EventTypes on;
    StageRef *enter;
    size_t n_enter;
    Condition *when; /* for `on` and `enter` alike; event.* is null for `enter` */
} SlaCondition;

/* A warning or an escalation. */
typedef struct SlaLevel {
    Str text;          /* as written: "50%", "15m" */
    int64_t after_ms;  /* from the start, in working time */
} SlaLevel;

/* A calendar for the leads that `when` fits. */
typedef struct CalendarChoice {
    Condition *when; /* NULL: always */
    unsigned calendar;
} CalendarChoice;

typedef struct SlaPolicy {
    Str id;
    SlaCondition start, stop, cancel;
    StageRef *pause; /* in these stages working time stands still */
    size_t n_pause;
    CalendarChoice *calendars; /* the first that fits at the start; none: round the clock */
    size_t n_calendars;
    int64_t target_ms;
    int64_t revise_ms;
    SlaLevel *warnings;
    size_t n_warnings;
    SlaLevel *escalations;
    size_t n_escalations;
    unsigned track; /* whose present stage's owner travels on outputs; n_tracks if the model has no tracks */
} SlaPolicy;

typedef struct AccountScore {
    Str id;
    unsigned from; /* the lead's score whose awards feed it */
    Condition *when; /* on the lead, judged at step 8 */
    Decay decay;
    ScoreBounds per_lead;
    double max; /* INFINITY when absent */
} AccountScore;

/* Members with an event of the `on` types, for which `when` held, in the last window_ms. */
typedef struct Committee {
    bool present;
    EventTypes on;
    Condition *when; /* on the lead, judged at step 8 */
    int64_t window_ms;
} Committee;

struct Model {
    Arena *arena;
    Str id;
    int64_t version;
    uint8_t hash[MODEL_HASH_SIZE]; /* SHA-1 of the file's bytes */
    int64_t lateness_ms;

    Param *params;
    size_t n_params;
    Segment *segments;
    size_t n_segments;
    /* params by segment: segment_params[segment * n_params + param]; the last row is the default segment's */
    double *segment_params;
    Route *routes;
    size_t n_routes;
    IgnoreRule *ignore;
    size_t n_ignore;
    Score *scores;
    size_t n_scores;
    Derived *derived;
    size_t n_derived;
    Rule *profile_rules;
    size_t n_profile_rules;
    Rule *rules;
    size_t n_rules;
    Limit *limits;
    size_t n_limits;
    IdleRule *idle_rules;
    size_t n_idle_rules;
    Counter *counters;
    size_t n_counters;
    Track *tracks;
    size_t n_tracks;
    NamedCalendar *calendars;
    size_t n_calendars;
    SlaPolicy *policies;
    size_t n_policies;

    const EventIndex *rules_by_type;
    const EventIndex *transitions_by_type; /* on leads' tracks; TRANSITION_NUMBER */
    bool awards_see_scores; /* what decides on points or counts asks for scores: those as before anything is awarded (score.c) */

    bool has_accounts;
    AccountScore *account_scores;
    size_t n_account_scores;
    Committee committee;
    Track *account_tracks;
    size_t n_account_tracks;

    /* names without their prefix "profile." or "event." */
    Str *carry_profile;
    size_t n_carry_profile;
    Str *carry_event;
    size_t n_carry_event;
};

/*
 * What a model refers to outside its file, as bytes that the caller hands in: time zones (TZif, RFC 8536) and
 * holidays (iCalendar). Each function returns 0, with *ret allocated in `arena`; a positive number with
 * *ret_why (static or in the arena) where it is not to be had; or a negative errno. The arena lives until the
 * message is made.
 */
typedef struct ModelFiles {
    int (*zone)(void *userdata, Arena *arena, Str name, Str *ret, const char **ret_why);
    int (*holidays)(void *userdata, Arena *arena, Str path, Str *ret, const char **ret_why);
    void *userdata;
} ModelFiles;

/*
 * Loads a model from a file's bytes. All errors and warnings go to `diagnostics`; *ret is set only if there
 * is no error. `files` may be NULL: then whatever the model refers to is not to be had. Returns 0 or -ENOMEM, or what
 * `files` returned; the caller frees *ret with model_free().
 */
MUST_CHECK int model_load(Str source, const ModelFiles *files, Diagnostics *diagnostics, Model **ret);
Model *model_free(Model *model);
DEFINE_CLEANUP(Model *, model_free)

/* The id of a segment index; "default" for the last. */
Str model_segment_id(const Model *model, unsigned segment);
/* The id of a route index, or null for ROUTE_NONE. */
Str model_route_id(const Model *model, int route);
/* A calendar and its id by its number: 0 is round the clock, NULL and null; from 1 on they count the model's. */
const Calendar *model_calendar(const Model *model, unsigned number);
Str model_calendar_id(const Model *model, unsigned number);
