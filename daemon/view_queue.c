/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/view_queue.h"

#include "daemon/clock.h"
#include "daemon/live_shard.h"
#include "daemon/takeover.h"
#include "daemon/view_fields.h"
#include "lib/account_record.h"

struct ViewJob {
    ViewJob *next; /* in the queue */
    int64_t to_bno, next_offset, watermark_ms;
    int64_t committed_ms; /* monotonic */
    Arena *arena; /* records */
    ViewFieldsBuffer *fields;
    ViewWrite *writes;
    size_t n_writes, n_alloc;
    size_t n_erasures; /* of them */
};

struct ViewQueue {
    ViewJob *first, **last;
    size_t n;
};

/* --- jobs -------------------------------------------------------------------------------------------- */

int view_job_new(ViewJob **ret) {
    _cleanup_(view_job_free) ViewJob *job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    int r = arena_new(&job->arena);
    if (r == 0)
        r = view_fields_new(&job->fields);
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

const ViewWrite *view_job_writes(const ViewJob *job) {
    return job->writes;
}

/* --- the queue --------------------------------------------------------------------------------------- */

int view_queue_new(ViewQueue **ret) {
    ViewQueue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return -ENOMEM;
    queue->last = &queue->first;
    *ret = queue;
    return 0;
}

static void pop(ViewQueue *queue) {
    ViewJob *job = queue->first;
    queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    queue->n--;
    view_job_free(job);
}

void view_queue_clear(ViewQueue *queue) {
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

void view_queue_consume(ViewQueue *queue, ViewJob *job, int64_t to_bno, int64_t next_offset, int64_t watermark_ms) {
    job->to_bno = to_bno;
    job->next_offset = next_offset;
    job->watermark_ms = watermark_ms;
    job->committed_ms = clock_monotonic_ms();
    *queue->last = job;
    queue->last = &job->next;
    queue->n++;
}

size_t view_queue_count(const ViewQueue *queue) {
    return queue->n;
}

int64_t view_queue_age(const ViewQueue *queue, int64_t now_ms) {
    return queue->first ? now_ms - queue->first->committed_ms : 0;
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
    size_t n = 0;
    for (const ViewJob *job = queue->first; job; job = job->next)
        n += job->n_writes;
    ViewWrite *writes = calloc(MAX(n, (size_t)1), sizeof(*writes));
    if (!writes)
        return -ENOMEM;
    *ret = writes;
    *ret_n = n;
    for (const ViewJob *job = queue->first; job; job = job->next)
        for (size_t i = 0; i < job->n_writes; i++)
            *writes++ = job->writes[i];
    return 0;
}

/* All of them as one batch: it goes from before the first to behind the last. */
static int apply_waiting(const ViewQueue *queue, const LiveShard *shard, char *text) {
    const ViewJob *last = queue->first;
    _cleanup_(free_null) ViewWrite *writes = NULL;
    ViewBatch batch = {.writes = last->writes, .n_writes = last->n_writes};
    while (last->next)
        last = last->next;
    if (queue->n > 1) {
        int r = collect_writes(queue, &writes, &batch.n_writes);
        if (r < 0)
            return r;
        batch.writes = writes;
    }
    batch.shard = shard->id;
    batch.lineage = shard->lineage;
    batch.from_bno = queue->first->to_bno - 1;
    batch.to_bno = last->to_bno;
    batch.next_offset = last->next_offset;
    batch.watermark_ms = last->watermark_ms;
    batch.now_ms = clock_wall_ms();
    return redis_view_apply(shard->pipeline->view, &batch, text);
}

int view_queue_flush(ViewQueue *queue, LiveShard *shard) {
    Telemetry *telemetry = shard->pipeline->telemetry;
    char text[REDIS_TEXT_SIZE];
    while (queue->first) {
        int64_t begun_us = clock_monotonic_us();
        int r = apply_waiting(queue, shard, text);
        telemetry_redis(telemetry, REDIS_APPLY, begun_us, r);
        if (r == 0) {
            for (; queue->first; pop(queue))
                telemetry_view_delay(telemetry, clock_monotonic_ms() - queue->first->committed_ms);
            return 0;
        }
        if (r > 0)
            r = takeover_repair(shard, r, text); /* catching up empties the queue */
        if (r != 0)
            return r;
    }
    return 0;
}

static bool is_due(const ViewQueue *queue, const Pipeline *p) {
    /* The first batch of all makes the shard's meta, which whoever asks for anything looks at. */
    return queue->first && (!p->is_busy || queue->first->to_bno == 1 || queue->n >= (size_t)p->config->view_max_pending ||
                                   view_queue_age(queue, clock_monotonic_ms()) >= p->config->view_max_delay_ms);
}

int view_queue_flush_due(ViewQueue *queue, LiveShard *shard) {
    return is_due(queue, shard->pipeline) ? view_queue_flush(queue, shard) : 0;
}
