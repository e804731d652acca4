#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* What round.c, round_order.c, round_load.c and round_record.c are made of. Results are those of round_run(). */
#include "daemon/pipeline/batch.h"
#include "daemon/pipeline/round.h"
#include "daemon/pipeline/source_order.h"

/* What the committer has of a round. */
typedef struct Commit {
    WorkerTask task;
    bool is_under_way;
    KafkaSink *sink;
    Batch **batches; /* one a shard, by id; NULL: it has no part in it */
    int64_t *appended_ms; /* when its events were written, where that says something */
    size_t n_appended, n_alloc;
    TelemetryBatch figures;
    int64_t begun_us, ended_us, ended_ms; /* monotonic, and by the wall clock */
    int outcome;
    char text[KAFKA_TEXT_SIZE];
} Commit;

struct Round {
    Pipeline *pipeline;
    Arena *arena; /* of the message at hand */
    Arena *texts; /* of the records' keys and values */
    Record *records; /* by shard; of each in the order in which it takes them, once round_order() was called, behind them those that wait */
    size_t n_records, n_alloc;
    Record *sorted; /* room for as many */
    size_t n_sorted_alloc;
    size_t n_waiting;
    bool waits_for_order; /* some shard does */
    bool is_in_order;
    Batch **batches; /* one a shard, by id; NULL: nothing to commit */
    Commit commit;   /* of the round before */
};

typedef struct Wanted Wanted; /* round_load.c */

/* A shard's part of the records. */
typedef struct Run {
    LiveShard *shard;
    Record *records;
    size_t n, n_all; /* to be run; with those behind them that have to wait */
    size_t n_done;
    Wanted *wanted; /* owned, while it is loaded */
} Run;

/* --- round_schema.c ---------------------------------------------------------------------------------- */

/* Notes whether the record's schema is known, and if so, when its event happened. 0 or negative errno; so are the other's. */
MUST_CHECK int round_look_at_schema(Round *round, Record *record);
/* Once more at those that lacked theirs, or at all. */
MUST_CHECK int round_look_at_schemas(Round *round, bool at_all);
/* The input's first record that lacks its schema; NULL: there is none. */
void round_note_schema_wait(LiveShard *shard, unsigned input, const Record *first);

/* --- round_load.c ------------------------------------------------------------------------------------ */

/* What the run will ask of its shard. It is freed by who has it. */
MUST_CHECK int round_want(Run *run);
Wanted *round_wanted_free(Wanted *wanted);
DEFINE_CLEANUP(Wanted *, round_wanted_free)
/* Loads as much of what all runs want as can be asked for together; the rest is for round_load(). 0 or negative errno. */
MUST_CHECK int round_load_together(Pipeline *p, Run *runs, size_t n);
/* All that the run will ask of its shard is in memory afterwards, or the barrier is known that it may not pass. */
MUST_CHECK int round_load(Run *run, int64_t now_ms);

/* --- round_record.c ---------------------------------------------------------------------------------- */

/* Another shard's message, not an event. */
bool round_is_message(const Pipeline *p, const Record *record);
/*
 * Decodes and checks. 0; MESSAGE_E_REJECTED, if it is no event that can be applied, with the reason of its dead letter and a text; or a
 * negative errno.
 */
MUST_CHECK int round_decode(
        Pipeline *p, const Record *record, int64_t now_ms, LeadEvent *ret, const char **ret_reason, char *text, size_t size);
/* As of when the event counts for the watermark. */
int64_t round_counted_time(const Pipeline *p, const Record *record, const LeadEvent *event, int64_t now_ms);
/* *ret_done false: the watermark cannot pass yet; the record waits for the next round. */
MUST_CHECK int round_apply_record(Round *round, Run *run, const Record *record, int64_t now_ms, bool *ret_done);

/* --- round.c ----------------------------------------------------------------------------------------- */

/* The batch that the shard's round makes; begun with the first thing that has to be committed. */
MUST_CHECK int round_batch(Round *round, LiveShard *shard, Batch **ret);
/* What came out of the engine: its own errors are fatal, an output that could not be sent needs a restart. */
int round_run_error(int r);
/* Brings the watermark of the leads or accounts as far as all moments are known. */
MUST_CHECK int round_advance_to_barrier(LiveShard *shard, EntityKind kind);
