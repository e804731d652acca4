#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The History of One
 *
 * What was told of a lead or an account: its latest outputs, in order, kept as text or as JSON.
 */
#include "daemon/top.h"
#include "lib/entity.h"

typedef struct HistoryItem {
    int64_t told_at_ms; /* when it was put out, as far as is known */
    uint64_t ordinal;
    News news;   /* for text */
    char *json;  /* for JSON: one object and a newline; owned */
    size_t json_len;
} HistoryItem;

typedef struct History {
    EntityKind kind;
    Str id;          /* borrowed */
    bool as_json;
    size_t max;      /* outputs kept; 1 or more */
    HistoryItem *items;
    size_t n, n_alloc;
    size_t n_left_out; /* older ones */
} History;

void history_deinit(History *history);
/*
 * Takes an output, if it is about the lead or account. Outputs may come from several topics, each in its order: told_at_ms and
 * their ordinals tell which was first. 0 or -ENOMEM.
 */
MUST_CHECK int history_note(History *history, const Output *output, int64_t told_at_ms);
/* Puts all that was taken in order, and drops what is more than `max`. */
void history_finish(History *history);
/* Appends them, oldest first: a heading and a line each, or JSON lines. */
void history_text(const History *history, TopText *text);
