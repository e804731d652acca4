#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs
 *
 * What the engine tells the world (SPEC section 7). An output borrows everything and is valid until the sink
 * returns. Its fields are listed in one place, output_visit(), from which JSON lines, Avro records and
 * anything else are made, so that names and order cannot differ between them.
 */
#include "lib/base/uuid.h"
#include "lib/model/model.h"

typedef enum OutputType {
    OUTPUT_STAGE_CHANGED,
    OUTPUT_SLA_EVENT,
    OUTPUT_REFUSED,
    OUTPUT_LEAD_RETIRED,
    OUTPUT_DEAD_LETTER,
    _OUTPUT_TYPE_MAX,
} OutputType;
/* "StageChanged", … */
const char *output_type_name(OutputType type);

typedef enum Cause { CAUSE_EVENT, CAUSE_TIME, CAUSE_SLA, CAUSE_MERGE, CAUSE_MODEL } Cause;
const char *cause_name(Cause cause);

/* SPEC section 7: the contributions shown with a stage change. */
#define REASONS_MAX 5
/* … and the members of an account. */
#define OUTPUT_MEMBERS_MAX 5

typedef struct Reason {
    Str rule, score;
    double points;        /* as kept after caps */
    double present_value; /* at the change */
    bool from_profile;    /* then without the next two */
    int64_t occurred_at_ms;
    Str event_id;
} Reason;

/* A name and a number; NAN is null (a derived score can be). */
typedef struct NamedNumber {
    Str name;
    double value;
} NamedNumber;

typedef struct NamedStr {
    Str name, value;
} NamedStr;

typedef struct StageChanged {
    Str entity; /* "lead" or "account" */
    Str track, from, to;
    int64_t changed_at_ms;
    Str transition; /* null: none (a merge) */
    Cause cause;
    Str cause_event_id; /* null: none */
    const NamedNumber *scores;
    size_t n_scores;
    Str owner;
    uint64_t sequence;
    int64_t previous_entered_at_ms;
    Str first_source, last_source;
    Reason reasons[REASONS_MAX];
    size_t n_reasons;
    int64_t next_change_at_ms; /* TIME_NEVER: null */
    bool has_committee;        /* an account's; else the rest is null */
    int64_t committee;
    Str members[OUTPUT_MEMBERS_MAX];
    size_t n_members;
} StageChanged;

typedef struct SlaEvent {
    Str policy;
    uint32_t epoch;
    SlaKind kind;
    Str level; /* null: none */
    int64_t started_at_ms, due_at_ms, occurred_at_ms;
    int64_t stopped_at_ms; /* TIME_NONE: null */
    int64_t elapsed_ms;
    Str calendar; /* null: round the clock */
    bool breached;
    Str start_event_id, stop_event_id;
    const NamedStr *stages;
    size_t n_stages;
    Str owner;
} SlaEvent;

typedef struct Refused {
    Str refused_event_id;
    Str type, track, stage, transition, requirement;
    int64_t at_ms;
} Refused;

typedef struct LeadRetired {
    Str cause; /* "merged" or "forgotten" */
    Str into;  /* null: none */
    int64_t at_ms;
} LeadRetired;

/* What of a message too large for a dead letter is kept: with schema overhead it must fit Kafka's default of 1 MB. */
#define DEAD_LETTER_ORIGINAL_MAX (900 * 1024)

typedef struct DeadLetter {
    Str original;
    Str topic;         /* null in a replay */
    int64_t partition; /* -1 in a replay: null */
    int64_t offset;    /* the line number in a replay */
    Str reason;        /* a code: bad_json, schema, bad_merge, future, misrouted, … */
    Str text;          /* for people */
} DeadLetter;

/*
 * A carried text's length, in bytes: what outputs bring along are ids and short notes, and with all of MODEL_CARRY_MAX they must
 * fit a Kafka message. Longer ones are cut.
 */
#define OUTPUT_CARRIED_LEN_MAX 4096

typedef struct Output {
    OutputType type;
    Uuid event_id;       /* deterministic: the same input gives the same id; not for dead letters */
    Str lead_id, account_id;
    Str segment, route;  /* route: null if there is none */
    int64_t at_ms;       /* the instant it speaks of: changed_at, occurred_at or at */
    uint64_t ordinal;
    const Property *carried; /* keys in full: "profile.crm_id" */
    size_t n_carried;
    Str model;
    int64_t model_version;
    union {
        StageChanged stage_changed;
        SlaEvent sla_event;
        Refused refused;
        LeadRetired lead_retired;
        DeadLetter dead_letter;
    };
} Output;

/* Receives outputs in the order in which they happen. Negative errno stops the engine and is passed on. */
typedef struct OutputSink {
    int (*output)(void *userdata, const Output *output);
    void *userdata;
} OutputSink;

/*
 * A walk over an output's fields in SPEC's order. Within list_begin/list_end and map_begin/map_end, `name` is
 * NULL for list items and the key for map entries. Each function returns 0 or a negative errno, which ends
 * the walk.
 */
typedef struct OutputVisitor {
    int (*null)(void *userdata, Str name);
    int (*boolean)(void *userdata, Str name, bool value);
    int (*integer)(void *userdata, Str name, int64_t value);
    int (*number)(void *userdata, Str name, double value);
    int (*string)(void *userdata, Str name, Str value);
    int (*bytes)(void *userdata, Str name, Str value); /* need not be UTF-8: a dead letter's original */
    int (*time)(void *userdata, Str name, int64_t at_ms);
    int (*map_begin)(void *userdata, Str name);
    int (*map_end)(void *userdata);
    int (*list_begin)(void *userdata, Str name);
    int (*list_end)(void *userdata);
    int (*record_begin)(void *userdata, Str name); /* a list item with named fields */
    int (*record_end)(void *userdata);
} OutputVisitor;

MUST_CHECK int output_visit(const Output *output, const OutputVisitor *visitor, void *userdata);
