#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The View Queue
 *
 * Committed batches of a shard on their way to the view, and the one that is being committed. They are applied in order, each onto the one before, by a thread that waits for
 * Redis while the pipeline goes on; while Redis is away they wait, up to a configured number. Their leads and accounts stay in memory.
 */
#include "daemon/pipeline/model_history.h"
#include "daemon/pipeline/pipeline.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"

typedef struct ViewQueue ViewQueue;

/* Its batches go by the pipeline's writer and worker. */
MUST_CHECK int view_queue_new(Pipeline *p, ViewQueue **ret);
/* Waits for what is on its way. */
ViewQueue *view_queue_free(ViewQueue *queue);
DEFINE_CLEANUP(ViewQueue *, view_queue_free)

/* A batch under construction or waiting: the writes, in memory of its own. */
typedef struct ViewJob ViewJob;
/* `with_hashes`: as redis.hashes. */
MUST_CHECK int view_job_new(bool with_hashes, ViewJob **ret);
ViewJob *view_job_free(ViewJob *job);
DEFINE_CLEANUP(ViewJob *, view_job_free)
/* These add the lead's or account's state; `record`: its packed form, copied; null if it is erased. */
MUST_CHECK int view_job_add(ViewJob *job, const Model *model, const Lead *lead, Str record);
MUST_CHECK int view_job_add_account(ViewJob *job, const Model *model, const Account *account, Str record);
/* These add a record of the changelog as it is, also of an earlier model: for catching up. The value null erases. Corrupt records: RECORD_E_*. */
MUST_CHECK int view_job_add_record(
        ViewJob *job, const Model *model, const ModelHistory *history, Str lead_id, Str record);
MUST_CHECK int view_job_add_account_record(
        ViewJob *job, const Model *model, const ModelHistory *history, Str account_id, Str record);
size_t view_job_count(const ViewJob *job);
/* Bytes that it holds. */
size_t view_job_memory(const ViewJob *job);
const ViewWrite *view_job_writes(const ViewJob *job);

/* Queues the job as the batch to_bno, which is being committed; takes it. What was queued before is committed by then. */
void view_queue_consume(ViewQueue *queue, ViewJob *job, int64_t to_bno, int64_t watermark_ms);
/* It is committed, and may go. */
void view_queue_release(ViewQueue *queue, int64_t next_offset);
/* How many are in it, with that one. */
size_t view_queue_count(const ViewQueue *queue);
/* Do as many wait as may, of this shard or, in bytes, of all? */
bool view_queue_is_full(const ViewQueue *queue);
/* How long the first of them has waited since its commit; 0: none does. */
int64_t view_queue_age(const ViewQueue *queue, int64_t now_ms);
/* Does what waits erase that lead or account? */
bool view_queue_erases(const ViewQueue *queue, EntityKind kind, Str id);
/* Forgets what waits, once it is not on its way any more: the view was caught up otherwise. */
void view_queue_clear(ViewQueue *queue);
/* Waits for what is on its way: whoever writes to the shard by other ways does so first. */
void view_queue_stop(ViewQueue *queue);
/* Applies what waits and is committed, several batches at once. 0: nothing of it waits any more. Else PIPELINE_E_WAIT, _HALT, _RESTART or negative errno. */
MUST_CHECK int view_queue_flush(ViewQueue *queue, LiveShard *shard);
/*
 * Sees to it that what waits gets there, in general without waiting for it: takes note of what has arrived, and sends what waits, if it is
 * time for it. As long as events wait too, batches do for the next ones, of which one writing is made then, view.max_delay after the first
 * was committed, or as soon as half as many wait as may (view.max_pending, view.max). While all of them do it waits. Outcomes as above.
 */
MUST_CHECK int view_queue_go_on(ViewQueue *queue, LiveShard *shard);
/*
 * Begins to look whether the view still is where it should be, unless something waits or is on its way, which finds out as well. What has
 * been lost is put right by one of the two above.
 */
void view_queue_look(ViewQueue *queue, const LiveShard *shard);
