#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of a Backtest
 *
 * What came out, counted once all events are through: for all leads, by segment and by first source, each as
 * its own model sees it. A lead that was forgotten or merged away counts nowhere.
 */
#include "daemon/backtest/backtest.h"

/* A track's stage, or a policy, with its place in each model. */
#define PLACE_NONE (-1)
typedef struct StageName {
    Str track, stage;
    int track_index[BACKTEST_SIDES], stage_index[BACKTEST_SIDES]; /* PLACE_NONE: the model has none such */
} StageName;

typedef struct PolicyName {
    Str policy;
    int index[BACKTEST_SIDES];
} PolicyName;

/* Leads of a group under one model. */
typedef struct Figures {
    uint64_t leads, reached, accepted, rejected, won, missed_accepted, missed_won;
    uint64_t *stages;   /* by BacktestFigures.stages */
    uint64_t *verdicts; /* by BacktestFigures.policies * _SLA_KIND_MAX + kind */
} Figures;

typedef struct Group {
    Str name;
    Figures sides[BACKTEST_SIDES];
} Group;

/* Groups of one kind, the largest first. */
typedef struct Groups {
    const char *kind; /* "segment" */
    Names *names;
    Group *items; /* until sorted, by number in names */
    size_t n_items, n_alloc;
} Groups;

typedef struct StageMove {
    const StageName *a, *b;
    uint64_t leads;
} StageMove;

/* Leads by whether they were ever in the stage, and what sales did with them, before or after. */
typedef struct Overlap {
    uint64_t leads, accepted, rejected, won;
} Overlap;
enum { OVERLAP_NEITHER, OVERLAP_A, OVERLAP_B, OVERLAP_BOTH, _OVERLAP_MAX };

typedef struct ReasonCount {
    Str reason;
    uint64_t counts[BACKTEST_SIDES];
} ReasonCount;

/* All, by segment, by first source. */
enum { GROUPS_ALL, GROUPS_SEGMENT, GROUPS_SOURCE, _GROUPS_MAX };

typedef struct BacktestFigures {
    const Backtest *backtest;
    StageName *stages; /* A's in file order, then what only B has */
    size_t n_stages;
    PolicyName *policies;
    size_t n_policies;
    Groups groups[_GROUPS_MAX];
    Overlap overlaps[_OVERLAP_MAX];
    int64_t median_ms[BACKTEST_SIDES]; /* from the stage to acceptance; TIME_NONE: nobody was accepted */
    ReasonCount *reasons;              /* the most frequent first */
    size_t n_reasons;
    StageMove *moves; /* the most frequent first */
    size_t n_moves;
    const BacktestLead **changed; /* in another stage of a track that both models have; winners first, then
                                     the accepted, then by id */
    size_t n_changed;
} BacktestFigures;

MUST_CHECK int backtest_figures_make(BacktestFigures *figures, const Backtest *backtest);
void backtest_figures_deinit(BacktestFigures *figures);

/* The lead's stage of a side's track; null: the side does not have the lead, or the track. */
Str backtest_stage(const BacktestSide *side, const BacktestLead *lead, int track_index);
