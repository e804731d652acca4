#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The History of One
 *
 * What was told of a lead, with those that were merged into it, or of an account: its latest outputs, in order, kept as text or as JSON.
 */
#include "daemon/top/top.h"
#include "lib/lead/entity.h"

typedef struct HistoryItem {
    int64_t told_at_ms; /* when it was put out, as far as is known */
    size_t former;      /* whose it is: former_ids[former - 1]'s; 0: its own */
    uint64_t ordinal;
    News news;   /* for text */
    char *json;  /* for JSON: one object and a newline; owned */
    size_t json_len;
} HistoryItem;

typedef struct History {
    EntityKind kind;
    Str id;          /* borrowed, as are the next ones */
    const Str *former_ids; /* of leads that were merged into it, each behind the one that it was merged into first: what was told of them is its history, too */
    size_t n_former_ids;
    bool as_json;
    size_t max;      /* outputs kept; 1 or more */
    HistoryItem *items;
    size_t n, n_alloc;
    size_t n_left_out; /* older ones */
} History;

void history_deinit(History *history);
/*
 * Takes an output, if it is about the lead or account. Outputs may come from several topics, each in its order: told_at_ms and
 * their ordinals tell which was first. At one instant what was told of a former id comes before what it was merged into. 0 or -ENOMEM.
 */
MUST_CHECK int history_note(History *history, const Output *output, int64_t told_at_ms);
/* Puts all that was taken in order, and drops what is more than `max`. */
void history_finish(History *history);
/* Appends them, oldest first: a heading and a line each, or JSON lines. */
void history_text(const History *history, TopText *text);
