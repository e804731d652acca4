#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Lead
 *
 * Everything that is known of one person, as a record in memory: its clock, profile, scores, stages and SLA
 * clocks. Arrays are sized by the model that the lead was made with. record.h packs it for the changelog and
 * the view.
 */
#include "lib/engine/sla_times.h"
#include "lib/event/event_id.h"
#include "lib/lead/entity.h"
#include "lib/lead/time_list.h"
#include "lib/lead/track_state.h"

/* SPEC section 4, step 2. */
#define LEAD_SEEN_MAX 64
/* SPEC section 7: the latest awards kept for reasons. */
#define LEAD_AWARDS_MAX 32
/* Attributes of a profile; an update that would pass it is refused as too large (see event limits). */
#define LEAD_PROFILE_MAX 1024
/* Names and values together; keeps a record well below RECORD_BYTES_MAX, and so below Kafka's message size. */
#define LEAD_PROFILE_BYTES_MAX (512 * 1024)

/* 128 bits that stand for an event id: the UUID itself where it is one in canonical form, else a hash. */
typedef struct EventKey {
    uint8_t bytes[16];
} EventKey;
EventKey event_key(EventId id);

/* One award that was given, for reasons. */
typedef struct GivenAward {
    double points; /* as kept after caps */
    int64_t occurred_at_ms;
    EventId event_id;
    uint16_t rule; /* an idle rule's number is model->n_rules more */
    uint16_t score;
} GivenAward;

/* Where a lead stands with an idle rule. */
typedef struct IdleState {
    int64_t last_ms; /* the greatest occurred_at of its reset_on events; TIME_NONE: none yet */
    bool sleeps;     /* it had nothing to give, until the lead's next event */
} IdleState;

/* A policy's clock: open, or the last one that ended late and may still be revised. */
typedef enum SlaPhase { SLA_PHASE_NONE, SLA_PHASE_OPEN, SLA_PHASE_REVISABLE } SlaPhase;

/* While [from, to) the clock stood still. */
typedef struct SlaPause {
    int64_t from_ms, to_ms; /* to: TIME_NEVER while it lasts */
} SlaPause;
/*
 * The latest pauses kept; what came before them is kept as a sum. Each takes some bytes of every record of the lead, and a lead
 * that is put aside and taken up more often within one clock is a loop in the model.
 */
#define SLA_PAUSES_MAX 64

typedef struct SlaClock {
    SlaPhase phase;
    uint32_t epoch; /* of the last clock started; 0: none yet */
    int64_t started_at_ms;
    int64_t due_at_ms; /* TIME_NEVER: within no known time, or not as long as the clock is paused */
    unsigned calendar; /* its number in the model; 0: round the clock */
    SlaTimes *times;   /* owned; NULL: those of its policy. Where that has changed since the start: never the same as those */
    SlaPause *pauses;  /* owned; apart from each other, oldest first; only the last one can last */
    size_t n_pauses, n_pauses_alloc;
    /* Where the pauses kept go on from, as a distance from the start: that itself, or the end of the last one that is not kept. */
    int64_t base_after_ms;
    int64_t base_work_ms; /* working time until then */
    /* The instant of the next level, once it has been asked for; not part of the record. */
    bool next_level_known;
    int64_t next_level_at_ms;
    /* When a merge brought it to this lead, whose stages count from then on; not part of the record, for step 10 follows at once. */
    int64_t taken_at_ms;
    bool breached;
    uint32_t warned, escalated; /* bit i: level i was emitted (MODEL_LEVELS_MAX is 16) */
    EventId start_event_id; /* owned; none: started without an event */
} SlaClock;

/*
 * Ids that were merged into one lead, kept so that forgetting it can take them along. Ours: a person has some, and 256 of the longest are
 * 33 KiB of every record. Another merge is refused then; a shard that is one of several cannot know: it is done, and the id not kept.
 */
#define LEAD_ALIASES_MAX 256

struct Lead {
    Str lead_id;       /* behind the rest of the lead */
    int64_t clock_ms;
    Str account_id;    /* owned; null if unknown */
    Str first_source, last_source; /* owned; null: none yet */
    int64_t first_source_at_ms;    /* the clock when it came */
    int64_t latest_activity_ms;    /* for `idle`; TIME_NONE: none yet */
    unsigned segment;
    int route;
    uint64_t ordinal; /* of the last output; once merged: the greatest number of any kind that was told, LeadRetired's included */
    Str merged_into;   /* owned; not null: this id is that lead's now, and nothing but the ordinal counts */
    Str *aliases;      /* ids that were merged into this lead, directly or not; owned */
    size_t n_aliases, n_aliases_alloc;
    Property *profile; /* sorted by name; names and strings owned */
    size_t n_profile, n_profile_alloc;
    size_t n_scores, n_counters, n_limits;
    EventKey *seen;    /* ring, oldest first from seen_start */
    uint32_t n_seen, seen_start, n_seen_alloc;
    GivenAward *awards; /* ring, oldest first from awards_start */
    uint32_t n_awards, awards_start, n_awards_alloc;
    size_t award_ids_bytes; /* that their event ids take of the heap */
    ScoreState *scores;   /* n_scores, as the model has */
    TrackState *tracks;   /* model->n_tracks */
    TimeList *counters;   /* n_counters: times of matching events */
    TimeList *limits;     /* n_limits: times at which the rule gave points */
    IdleState *idle;      /* model->n_idle_rules */
    SlaClock *clocks;     /* model->n_policies */
    size_t n_clocks;      /* as many; for freeing what they hold */
    LostStage *lost;      /* owned; not part of the record: the stages that a new model took away, until that is told */
    size_t n_lost;

    /* The next internal and the next SLA moment; TIME_NEVER if there is none. Kept by the engine. */
    int64_t next_internal_ms, next_sla_ms;

    Entity entity; /* not part of the record */
};

/* A lead without history and without clock; clock_ms is TIME_NONE. 0 or -ENOMEM. */
MUST_CHECK int lead_new(const Model *model, Str lead_id, Lead **ret);
Lead *lead_free(Lead *lead);
DEFINE_CLEANUP(Lead *, lead_free)
/* As lead_new() made it, but for the id: what is forgotten. */
void lead_clear(Lead *lead, const Model *model);
/* Leaves nothing but that the id is the other lead's from now on, and up to where it has counted. 0 or -ENOMEM. */
MUST_CHECK int lead_give_up(Lead *lead, const Model *model, Str into);
/* Makes one that was given up a lead again, without history. What it will be told counts on, so that no fact has the id of another. */
void lead_come_back(Lead *lead, const Model *model);
/* If `lead` is what the id of `name` was given up with, and not what it was at an earlier time: makes that of `name` again, and true. */
MUST_CHECK bool lead_take_back(Lead *name, Lead *lead, const Model *model);
/* Bytes of memory that the lead holds, all in. */
size_t lead_memory(const Lead *lead, const Model *model);
extern const EntityOps lead_entity_ops;
/* The lead that the entity is; NULL for NULL. */
static inline Lead *lead_of(Entity *entity) {
    assert(!entity || entity->kind == ENTITY_LEAD);
    return entity ? (Lead *)(void *)((char *)entity - offsetof(Lead, entity)) : NULL;
}
static inline int64_t lead_next_moment(const Lead *lead) {
    return MIN(lead->next_internal_ms, lead->next_sla_ms);
}

/* Notes that an id is this lead's now. 0 or -ENOMEM. There must be room. */
MUST_CHECK int lead_add_alias(Lead *lead, Str id);
/* Enters the initial stages at at_ms and sets the clock there (SPEC section 4, step 4). */
void lead_begin(Lead *lead, const Model *model, int64_t at_ms);

bool lead_has_seen(const Lead *lead, EventKey key);
MUST_CHECK int lead_add_seen(Lead *lead, EventKey key);
/* Copies its event id. */
MUST_CHECK int lead_add_award(Lead *lead, const GivenAward *award);
/* Of the i-th entry, without a division: the oldest is within the ring, and i is less than its size. */
static inline size_t ring_place(size_t start, size_t i, size_t n_alloc) {
    size_t at = start + i;
    return at < n_alloc ? at : at - n_alloc;
}
/* i = 0 is the oldest kept. */
static inline const GivenAward *lead_award(const Lead *lead, size_t i) {
    return &lead->awards[ring_place(lead->awards_start, i, lead->n_awards_alloc)];
}
static inline const EventKey *lead_seen(const Lead *lead, size_t i) {
    return &lead->seen[ring_place(lead->seen_start, i, lead->n_seen_alloc)];
}
/* Copies `value` under `name`; null deletes. -E2BIG: over LEAD_PROFILE_MAX attributes, nothing changed. */
MUST_CHECK int lead_set_profile(Lead *lead, Str name, Value value);
/* Would the profile be within LEAD_PROFILE_MAX and LEAD_PROFILE_BYTES_MAX with these updates (of distinct names)? */
bool lead_profile_fits(const Lead *lead, const Property *updates, size_t n_updates);
Value lead_profile(const Lead *lead, Str name);

/* The score's value at at_ms; smaller than SCORE_EPSILON in size reads as 0. */
double lead_score(const Lead *lead, const Model *model, unsigned score, int64_t at_ms);
/* The counter's value at at_ms, and the first instant after from_ms at which time changes it; TIME_NEVER. */
unsigned lead_counter(const Lead *lead, const Model *model, unsigned counter, int64_t at_ms);
int64_t lead_counter_changes_at(const Lead *lead, const Model *model, unsigned counter, int64_t from_ms);
