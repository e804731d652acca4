#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Market
 *
 * A made-up market of companies, their people, and a sales team, for demonstrations: people visit the site,
 * read, compare, ask for a meeting; sales people answer in time, late, or forget. A day of theirs takes
 * seconds of ours. The same seed makes the same people and the same decks of fates. Pure: time is told,
 * nothing is sent.
 */
#include "lib/event/event.h"

/* What model.yaml promises to those who ask for a meeting, and for those who are handed to sales. */
#define MARKET_ANSWER_TARGET_MS 10000
#define MARKET_ACCEPT_TARGET_MS 15000
/* Staff of the firm itself has addresses here; model.yaml ignores what they do. */
#define MARKET_OWN_DOMAIN "northwind.example"

typedef struct Market Market;

typedef struct MarketOptions {
    uint64_t seed;
    double pace;      /* events a second in working hours, about */
    int64_t day_ms;   /* how long a day of the market takes */
    int64_t begin_ms; /* the wall clock's time that is Monday, 8:30 there */
} MarketOptions;

typedef enum MarketSource { MARKET_WEB, MARKET_CRM, _MARKET_SOURCE_MAX } MarketSource;

typedef struct MarketEvent {
    MarketSource source;
    bool is_broken;  /* some other producer's fault: to be sent as something that cannot be read */
    LeadEvent event; /* borrows until the market's next call */
} MarketEvent;

/* 0 or -ENOMEM. */
MUST_CHECK int market_new(const MarketOptions *options, Market **ret);
Market *market_free(Market *market);
DEFINE_CLEANUP(Market *, market_free)

/* When something will be sent next. */
int64_t market_next_at(const Market *market);
/* What is to be sent next, by now_ms; false: nothing yet. -ENOMEM makes it fall silent. */
MUST_CHECK bool market_next(Market *market, int64_t now_ms, MarketEvent *ret);
/* Sales hears that a lead is in this stage of its lifecycle, and will act upon it. */
void market_note_stage(Market *market, Str lead_id, Str stage, int64_t now_ms);
