#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dead Letters That Are Chosen
 *
 * Which letters of the topic are meant, and what is kept of each: not its original, which can be large. Pure.
 */
#include "lib/engine/output.h"

/* Where a letter stands in the topic of dead letters. */
typedef struct DlqPosition {
    int32_t partition;
    int64_t offset;
} DlqPosition;

/* "3:1042" */
#define DLQ_POSITION_TEXT_SIZE 40
MUST_CHECK bool dlq_position_parse(const char *text, DlqPosition *ret);
void dlq_position_print(DlqPosition position, char text[static DLQ_POSITION_TEXT_SIZE]);
static inline bool dlq_position_eq(DlqPosition a, DlqPosition b) {
    return a.partition == b.partition && a.offset == b.offset;
}

/* A letter as it is read: borrowed. */
typedef struct DlqLetter {
    DlqPosition position;
    int64_t at_ms; /* when it was written */
    Str key;       /* the original's */
    DeadLetter dead_letter;
} DlqLetter;

/* All that is given must hold. */
typedef struct DlqChoice {
    const char *reason; /* NULL: any */
    int64_t from_ms, to_ms; /* TIME_NONE, TIME_NEVER; before to_ms */
    const DlqPosition *positions;
    size_t n_positions; /* 0: any */
    size_t latest;      /* of those at most so many, the latest; 0: all */
} DlqChoice;
bool dlq_choice_is_of(const DlqChoice *choice, const DlqLetter *letter);

/* Which letter a record in a source was requeued from; the header's value is "TOPIC/PARTITION/OFFSET" of the letter. */
#define DLQ_HEADER "scored_requeued"
#define DLQ_MARK_SIZE 320
void dlq_mark_print(const char *topic, DlqPosition position, char mark[static DLQ_MARK_SIZE]);
/* False: it is not of this topic. */
MUST_CHECK bool dlq_mark_parse(Str mark, const char *topic, DlqPosition *ret);

typedef struct DlqEntry {
    DlqPosition position;
    int64_t at_ms;
    char *reason, *text, *topic, *key; /* key: NULL if it has none; of key_len bytes */
    size_t key_len;
    int32_t partition; /* of `topic` */
    int64_t offset;
    bool has_original, is_cut;
    size_t original_len;
    /* Of requeueing. */
    const char *refusal; /* why it is not; NULL: it is, or is to be */
    int64_t earlier;     /* the offset to which it was before; -1: it was not */
    bool is_requeued;    /* it was now */
    int64_t requeued;    /* to this offset; -1: the broker has not told, which can be after a retry */
} DlqEntry;

typedef struct DlqEntries {
    DlqEntry *items;
    size_t n, n_alloc;
    size_t n_left_out; /* older ones, by the choice's limit */
    DlqEntry **by_position; /* all of them, after dlq_entries_finish() */
} DlqEntries;

/* 0 or -ENOMEM. */
MUST_CHECK int dlq_entries_add(DlqEntries *entries, const DlqChoice *choice, const DlqLetter *letter);
/* After the last, once: no more than the choice wants. 0 or -ENOMEM. */
MUST_CHECK int dlq_entries_finish(DlqEntries *entries, const DlqChoice *choice);
/* NULL: there is none. For entries that are finished. */
DlqEntry *dlq_entries_find(const DlqEntries *entries, DlqPosition position);
void dlq_entries_deinit(DlqEntries *entries);
