#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Backtest
 *
 * The same events under two models, A and B, and what sales did with the leads that each put into a stage.
 * Two shards side by side; besides them a little is kept of every lead, and nothing of an event.
 */
#include "daemon/base/names.h"
#include "lib/shard/shard.h"

/* Sides are called by these letters wherever they are shown. */
#define BACKTEST_SIDES 2
/* Types of an outcome that can be named. */
#define BACKTEST_TYPES_MAX 16
/* First sources and reasons of rejections that are told apart. */
#define BACKTEST_NAMES_MAX 1000
/* Of a lead's latest change of a track. */
#define BACKTEST_REASONS_MAX 3

/* What sales did with a lead. */
typedef enum Outcome { OUTCOME_ACCEPTED, OUTCOME_REJECTED, OUTCOME_WON, _OUTCOME_MAX } Outcome;

typedef struct OutcomeTypes {
    Str types[BACKTEST_TYPES_MAX];
    size_t n;
} OutcomeTypes;

typedef struct BacktestOptions {
    const Model *models[BACKTEST_SIDES];
    Str track, stage; /* which both models have */
    OutcomeTypes outcomes[_OUTCOME_MAX];
    Str reason; /* the property that says why a lead was rejected */
} BacktestOptions;

/* The latest change of a lead's track. Names are the model's, or kept in Backtest.names. */
typedef struct BacktestMove {
    int64_t at_ms;  /* TIME_NONE: none yet */
    Str transition; /* null: none (a merge) */
    struct {
        Str rule, score;
        double value;
    } reasons[BACKTEST_REASONS_MAX];
    unsigned n_reasons;
} BacktestMove;

/* What a model made of a lead, and what sales did then. */
typedef struct SideLead {
    int64_t reached_at_ms; /* when it was in the stage first; TIME_NONE: never */
    /* The first of acceptance and rejection at or after that. */
    bool answered;
    Outcome answer;
    int64_t answered_at_ms;
    unsigned reason;                  /* of a rejection: in Backtest.reasons */
    bool won;                         /* its first win came after that */
    bool missed_accepted, missed_won; /* its first acceptance, or win, came before or without that */
    BacktestMove *moves;              /* by track */
    uint32_t *verdicts;               /* SlaEvents, by policy * _SLA_KIND_MAX + kind */
} SideLead;

typedef struct BacktestLead {
    Str lead_id; /* owned */
    bool was_accepted, was_won, was_rejected;
    SideLead sides[BACKTEST_SIDES];
} BacktestLead;

typedef struct BacktestSide {
    struct Backtest *backtest;
    unsigned index;
    const Model *model;
    Shard *shard;
    unsigned track, stage; /* of the options */
} BacktestSide;

typedef struct Backtest {
    BacktestOptions options;
    BacktestSide sides[BACKTEST_SIDES];
    BacktestLead **leads;
    size_t n_leads, n_leads_alloc;
    void *root; /* of tsearch(), by id */
    Names *reasons;
    Names *names; /* rules and scores of moves */
    uint64_t n_events, n_bad;
    int64_t first_ms, last_ms; /* of events; TIME_NONE before the first */
} Backtest;

/* Finds the stage in a model. False: it has no such stage. */
MUST_CHECK bool backtest_find_stage(
        const Model *model, Str track, Str stage, unsigned *ret_track, unsigned *ret_stage);

/* The models outlive the backtest. 0 or -ENOMEM. */
MUST_CHECK int backtest_init(Backtest *backtest, const BacktestOptions *options);
void backtest_deinit(Backtest *backtest);
/*
 * An event for both models. *ret_rejected: why it cannot be applied, in words, or NULL. 0 or a negative
 * errno, after which the backtest is of no use.
 */
MUST_CHECK int backtest_event(Backtest *backtest, const LeadEvent *event, const char **ret_rejected);
/* After the last event: time passes up to until_ms; TIME_NONE: no further. */
MUST_CHECK int backtest_end(Backtest *backtest, int64_t until_ms);

/* The lead as the side has it; NULL: it does not, or not any more, or as a part of another since they were
 * merged. */
const Lead *backtest_lead(const BacktestSide *side, const BacktestLead *lead);
