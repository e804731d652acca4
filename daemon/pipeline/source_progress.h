#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Progress of a Source
 *
 * How far a shard has read one of its sources, and up to which instant that is all there was (DESIGN section 4, "Proof"). A proof begins
 * with a question: at that instant the log ended there. It holds once the records before that end were polled, and counts for the
 * watermark once they have been through the engine. Pure.
 */
#include "lib/base/util.h"

/* The end of a log, as it was told; -1: nothing was asked. */
typedef struct SourceEnd {
    int64_t offset;
    int64_t at_ms; /* wall clock, noted before the question */
    uint64_t no;   /* of the question: each later one has a higher number; 0: none */
} SourceEnd;

typedef struct SourceProgress {
    int64_t newest_ms; /* the greatest occurred_at read, each counted at most as the wall clock at its reading */
    int64_t proved_ms; /* everything appended before is read, and has been through the engine */
    int64_t read_to;   /* offset: everything before it is polled */
    int64_t held_from; /* offset: if `is_held`, what was polled waits from here on for its turn (source_order.h) */
    SourceEnd proof;   /* the last one that everything before is polled of */
    SourceEnd asked;   /* one that is not reached yet */
    bool is_held;
    bool at_end;       /* the last thing polled was the partition's end */
} SourceProgress;

#define SOURCE_PROGRESS_INIT \
    ((SourceProgress){.newest_ms = TIME_NONE, .proved_ms = TIME_NONE, .read_to = -1, .proof = {.offset = -1, .at_ms = TIME_NONE}, .asked = {.offset = -1, .at_ms = TIME_NONE}})

/* A record was polled, or the end seen: everything before `read_to` is. */
void source_progress_read(SourceProgress *progress, int64_t read_to, bool at_end);
/* The log ends there, as was answered. */
void source_progress_note_end(SourceProgress *progress, SourceEnd end);
/* All that was polled and does not wait for its turn has been through the engine. */
void source_progress_take_proof(SourceProgress *progress);

/* Nothing of what was polled waits, and it was all for now. */
static inline bool source_progress_is_at_end(const SourceProgress *progress) {
    return progress->at_end && !progress->is_held;
}
