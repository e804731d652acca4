/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/view/view_queue.h"

#include "daemon/base/clock.h"
#include "daemon/base/worker.h"
#include "daemon/pipeline/live_shard.h"
#include "daemon/pipeline/takeover.h"
#include "daemon/view/view_fields.h"
#include "lib/record/account_record.h"

struct ViewJob {
    ViewJob *next; /* in the queue */
    int64_t to_bno, next_offset, watermark_ms;
    int64_t committed_ms; /* monotonic */
    size_t n_bytes;       /* once it is queued */
    Arena *arena; /* records */
    ViewFieldsBuffer *fields;
    ViewWrite *writes;
    size_t n_writes, n_alloc;
    size_t n_erasures; /* of them */
};

/* What the worker has of the queue. */
typedef enum Errand {
    ERRAND_NONE,
    ERRAND_WRITE, /* what waited when it was begun, as one batch */
    ERRAND_LOOK,  /* where the view stands */
} Errand;

/* The worker's from the errand's beginning until it is done. */
typedef struct ErrandData {
    WorkerTask task;
    Errand errand;
    uint64_t number; /* of all that were begun */
    RedisView *view;
    ViewBatch batch;
    ViewWrite *collected; /* the batch's writes, where they are not a job's own */
    ViewMeta meta;
    int64_t begun_us, ended_us, ended_ms; /* monotonic */
    int outcome;
    char text[REDIS_TEXT_SIZE];
} ErrandData;

struct ViewQueue {
    ViewJob *first, **last;
    size_t n;
    size_t n_committed; /* of them: all, or all but the last */
    size_t n_written;   /* the first of them are on their way */
    Pipeline *pipeline;
    ErrandData errand;
};

/* --- jobs -------------------------------------------------------------------------------------------- */

int view_job_new(bool with_hashes, ViewJob **ret) {
    _cleanup_(view_job_free) ViewJob *job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    int r = arena_new(&job->arena);
    if (r == 0)
        r = view_fields_new(with_hashes, &job->fields);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(job);
    return 0;
}

ViewJob *view_job_free(ViewJob *job) {
    if (!job)
        return NULL;
    arena_free(job->arena);
    view_fields_free(job->fields);
    free(job->writes);
    free(job);
    return NULL;
}

/* `write`: all but the record. */
static int add_write(ViewJob *job, ViewWrite write, Str record) {
    int r = array_reserve(&job->writes, &job->n_alloc, job->n_writes, sizeof(*job->writes));
    if (r < 0)
        return r;
    write.record = arena_str(job->arena, record);
    if (record.data && !write.record.data)
        return -ENOMEM;
    job->writes[job->n_writes++] = write;
    job->n_erasures += !record.data;
    return 0;
}

static int add_erasure(ViewJob *job, EntityKind kind, Str id) {
    ViewWrite write;
    int r = view_fields_make_erasure(job->fields, kind, id, &write);
    return r < 0 ? r : add_write(job, write, STR_NULL);
}

int view_job_add(ViewJob *job, const Model *model, const Lead *lead, Str record) {
    ViewWrite write;
    if (!record.data)
        return add_erasure(job, ENTITY_LEAD, lead->lead_id);
    int r = view_fields_make(job->fields, model, lead, &write);
    return r < 0 ? r : add_write(job, write, record);
}

int view_job_add_account(ViewJob *job, const Model *model, const Account *account, Str record) {
    ViewWrite write;
    if (!record.data)
        return add_erasure(job, ENTITY_ACCOUNT, account->account_id);
    int r = view_fields_make_account(job->fields, model, account, &write);
    return r < 0 ? r : add_write(job, write, record);
}

int view_job_add_record(ViewJob *job, const Model *model, const ModelHistory *history, Str lead_id, Str record) {
    _cleanup_(lead_free) Lead *lead = NULL;
    if (!record.data)
        return add_erasure(job, ENTITY_LEAD, lead_id);
    int r = model_history_unpack_lead(history, model, record, lead_id, &lead);
    return r == 0 ? view_job_add(job, model, lead, record) : r;
}

int view_job_add_account_record(
        ViewJob *job, const Model *model, const ModelHistory *history, Str account_id, Str record) {
    _cleanup_(account_free) Account *account = NULL;
    if (!record.data)
        return add_erasure(job, ENTITY_ACCOUNT, account_id);
    int r = model_history_unpack_account(history, model, record, account_id, &account);
    return r == 0 ? view_job_add_account(job, model, account, record) : r;
}

size_t view_job_count(const ViewJob *job) {
    return job->n_writes;
}

size_t view_job_memory(const ViewJob *job) {
    return arena_memory(job->arena) + view_fields_memory(job->fields) + job->n_alloc * sizeof(*job->writes);
}

const ViewWrite *view_job_writes(const ViewJob *job) {
    return job->writes;
}

/* --- the queue --------------------------------------------------------------------------------------- */

int view_queue_new(Pipeline *p, ViewQueue **ret) {
    ViewQueue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return -ENOMEM;
    queue->last = &queue->first;
    queue->pipeline = p;
    *ret = queue;
    return 0;
}

static void pop(ViewQueue *queue) {
    ViewJob *job = queue->first;
    queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->n--;
    queue->n_committed -= queue->n_committed > 0;
    queue->pipeline->view_bytes -= job->n_bytes;
    view_job_free(job);
}

/* What came of it is for finish() to see. */
void view_queue_stop(ViewQueue *queue) {
    if (queue->errand.errand != ERRAND_NONE)
        worker_wait(queue->pipeline->worker, &queue->errand.task);
}

static void forget_errand(ViewQueue *queue) {
    queue->errand.collected = free_null(queue->errand.collected);
    queue->errand.errand = ERRAND_NONE;
    queue->n_written = 0;
}

void view_queue_clear(ViewQueue *queue) {
    view_queue_stop(queue);
    forget_errand(queue);
    while (queue->first)
        pop(queue);
}

ViewQueue *view_queue_free(ViewQueue *queue) {
    if (!queue)
        return NULL;
    view_queue_clear(queue);
    free(queue);
    return NULL;
}

void view_queue_consume(ViewQueue *queue, ViewJob *job, int64_t to_bno, int64_t watermark_ms) {
    assert(queue->n_committed == queue->n);
    job->to_bno = to_bno;
    job->watermark_ms = watermark_ms;
    job->n_bytes = view_job_memory(job);
    *queue->last = job;
    queue->last = &job->next;
    queue->n++;
    queue->pipeline->view_bytes += job->n_bytes;
}

static ViewJob *nth(const ViewQueue *queue, size_t n) {
    ViewJob *job = queue->first;
    while (n-- > 1)
        job = job->next;
    return job;
}

void view_queue_release(ViewQueue *queue, int64_t next_offset) {
    assert(queue->n_committed == queue->n - 1);
    ViewJob *job = nth(queue, queue->n);
    job->next_offset = next_offset;
    job->committed_ms = clock_monotonic_ms();
    queue->n_committed++;
}

size_t view_queue_count(const ViewQueue *queue) {
    return queue->n;
}

int64_t view_queue_age(const ViewQueue *queue, int64_t now_ms) {
    return queue->n_committed ? now_ms - queue->first->committed_ms : 0;
}

bool view_queue_erases(const ViewQueue *queue, EntityKind kind, Str id) {
    for (const ViewJob *job = queue->first; job; job = job->next)
        for (size_t i = 0; i < job->n_writes && job->n_erasures; i++) {
            const ViewWrite *write = &job->writes[i];
            if (!write->record.data && write->kind == kind && str_eq(write->id, id))
                return true;
        }
    return false;
}

/* Of several batches the writes in their order: of each lead and account the last one counts. */
static int collect_writes(const ViewQueue *queue, ViewWrite **ret, size_t *ret_n) {
    const ViewJob *job = queue->first;
    size_t n = 0;
    for (size_t i = 0; i < queue->n_committed; i++, job = job->next)
        n += job->n_writes;
    ViewWrite *writes = calloc(MAX(n, (size_t)1), sizeof(*writes));
    if (!writes)
        return -ENOMEM;
    *ret = writes;
    *ret_n = n;
    job = queue->first;
    for (size_t i = 0; i < queue->n_committed; i++, job = job->next)
        for (size_t k = 0; k < job->n_writes; k++)
            *writes++ = job->writes[k];
    return 0;
}

static void run_errand(void *userdata) {
    ErrandData *e = userdata;
    e->begun_us = clock_monotonic_us();
    e->outcome = e->errand == ERRAND_WRITE ? redis_view_apply(e->view, &e->batch, e->text)
                                           : redis_view_meta(e->view, e->batch.shard, e->text, &e->meta);
    e->ended_us = clock_monotonic_us();
    e->ended_ms = clock_monotonic_ms();
}

static void begin(ViewQueue *queue, Errand errand) {
    queue->errand.errand = errand;
    queue->errand.number = ++queue->pipeline->n_errands;
    queue->errand.view = queue->pipeline->writer;
    queue->errand.task = (WorkerTask){.run = run_errand, .userdata = &queue->errand};
    worker_begin(queue->pipeline->worker, &queue->errand.task);
}

/* Sends all that waits and is committed as one batch: it goes from before the first to behind the last. */
static int begin_writing(ViewQueue *queue, const LiveShard *shard) {
    const ViewJob *last = nth(queue, queue->n_committed);
    ViewBatch batch = {.writes = last->writes, .n_writes = last->n_writes};
    if (queue->n_committed > 1) {
        int r = collect_writes(queue, &queue->errand.collected, &batch.n_writes);
        if (r < 0)
            return r;
        batch.writes = queue->errand.collected;
    }
    batch.shard = shard->id;
    batch.lineage = shard->lineage;
    batch.from_bno = queue->first->to_bno - 1;
    batch.to_bno = last->to_bno;
    batch.next_offset = last->next_offset;
    batch.watermark_ms = last->watermark_ms;
    batch.now_ms = clock_wall_ms();
    queue->errand.batch = batch;
    queue->n_written = queue->n_committed;
    begin(queue, ERRAND_WRITE);
    return 0;
}

/* Catching up empties the queue; else what could not be written waits for the next time. */
static int finish_writing(ViewQueue *queue, LiveShard *shard) {
    ErrandData *e = &queue->errand;
    Pipeline *p = queue->pipeline;
    size_t n = queue->n_written;
    forget_errand(queue);
    pipeline_note_redis(p, REDIS_APPLY, e->ended_us - e->begun_us, e->outcome);
    if (e->outcome != 0)
        return e->outcome < 0 ? e->outcome : takeover_repair(shard, e->outcome, e->text);
    for (; n > 0; n--) {
        telemetry_view_delay(p->telemetry, e->ended_ms - queue->first->committed_ms);
        pop(queue);
    }
    return 0;
}

/* Nothing of ours was written meanwhile: what has become of the view since is for the one to find out who repairs it. */
static int finish_looking(ViewQueue *queue, LiveShard *shard) {
    const ErrandData *e = &queue->errand;
    forget_errand(queue);
    pipeline_note_redis(queue->pipeline, REDIS_LOOK, e->ended_us - e->begun_us, e->outcome);
    if (e->outcome != 0)
        return e->outcome < 0 ? e->outcome : takeover_repair(shard, e->outcome, e->text);
    int64_t expected = shard->bno - (int64_t)queue->n;
    bool is_there = e->meta.mode == VIEW_LIVE && !e->meta.is_torn && strcmp(e->meta.lineage, shard->lineage) == 0 && e->meta.bno == expected;
    bool is_new = expected == 0 && e->meta.mode == VIEW_ABSENT && e->meta.next_offset >= 0;
    return is_there || is_new ? 0 : takeover_catch_up(shard);
}

static int finish(ViewQueue *queue, LiveShard *shard) {
    return queue->errand.errand == ERRAND_WRITE  ? finish_writing(queue, shard)
           : queue->errand.errand == ERRAND_LOOK ? finish_looking(queue, shard)
                                                 : 0;
}

int view_queue_flush(ViewQueue *queue, LiveShard *shard) {
    int r = 0;
    do {
        view_queue_stop(queue);
        r = finish(queue, shard);
        if (r == 0 && queue->n_committed)
            r = begin_writing(queue, shard);
    } while (r == 0 && queue->n_committed);
    return r;
}

/* Does at least one of so many parts of what may wait? */
static bool has_part(const ViewQueue *queue, size_t n_parts) {
    const Pipeline *p = queue->pipeline;
    return queue->n * n_parts >= (size_t)p->config->view_max_pending || p->view_bytes >= (size_t)p->config->view_max_bytes / n_parts;
}

bool view_queue_is_full(const ViewQueue *queue) {
    return has_part(queue, 1);
}

/* Half of what may wait is on its way while the other half comes: so nobody waits for Redis as long as it keeps up. */
static bool is_due(const ViewQueue *queue) {
    const Pipeline *p = queue->pipeline;
    return queue->n_committed && (!p->is_busy || has_part(queue, 2) || view_queue_age(queue, clock_monotonic_ms()) >= p->config->view_max_delay_ms);
}

static bool is_under_way(const ViewQueue *queue) {
    return queue->errand.errand != ERRAND_NONE && !worker_is_done(queue->pipeline->worker, &queue->errand.task);
}

/* Takes note of what has arrived, and sends what is due. */
static int turn(ViewQueue *queue, LiveShard *shard) {
    if (is_under_way(queue))
        return 0;
    int r = finish(queue, shard);
    return r == 0 && is_due(queue) ? begin_writing(queue, shard) : r;
}

/* Whether its writing gives room once it is done. Of another shard's that failed nothing is to be had: what is to be done then is for its own turn. */
static bool gives_room(const ViewQueue *queue, const ViewQueue *own) {
    return queue->errand.errand == ERRAND_WRITE && (queue == own || is_under_way(queue) || queue->errand.outcome == 0);
}

/* Whose is the next to be done; NULL: nobody's. */
static LiveShard *next_to_give_room(const ViewQueue *own) {
    const Pipeline *p = own->pipeline;
    LiveShard *next = NULL;
    for (int32_t i = 0; i < p->n_shards; i++) {
        LiveShard *shard = p->shards[i];
        if (shard && gives_room(shard->view_queue, own) &&
                (!next || shard->view_queue->errand.number < next->view_queue->errand.number))
            next = shard;
    }
    return next;
}

int view_queue_go_on(ViewQueue *queue, LiveShard *shard) {
    int r = turn(queue, shard);
    while (r == 0 && view_queue_is_full(queue)) {
        LiveShard *next = next_to_give_room(queue);
        if (!next)
            break;
        view_queue_stop(next->view_queue);
        if (gives_room(next->view_queue, queue))
            r = turn(next->view_queue, next);
    }
    return r;
}

void view_queue_look(ViewQueue *queue, const LiveShard *shard) {
    if (queue->first || queue->errand.errand != ERRAND_NONE)
        return;
    queue->errand.batch.shard = shard->id;
    begin(queue, ERRAND_LOOK);
}
