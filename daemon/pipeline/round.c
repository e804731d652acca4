/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round has four phases.
 *
 *   load     all that Redis is asked for: leads of the events, leads with due moments. It may have to wait; nothing has been changed yet.
 *   engine   events and moments, in memory; outputs are queued in the transaction, which begins with the first.
 *   commit   state records and footers are added, the transaction is closed. Another thread commits it.
 *   view     the committed batches are let go by the view queues.
 *
 * While one round's transaction is committed the next round may load and run its engine; then it waits. It goes by state that may not
 * become fact: should the commit fail, all of it is dropped with the shards, which are taken over anew, as after any failure. Nothing of it
 * can have left the process, for its own transaction begins after that.
 *
 * When more moments are due than one round may load, a shard's events stop before the first one that would pass the barrier up to which
 * all moments are known (live_shard.h); the watermark is brought up to the barrier, and the next round goes on.
 */
#include "daemon/pipeline/round.h"

#include "daemon/base/clock.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/model_walk.h"
#include "daemon/pipeline/round_internal.h"
#include "daemon/pipeline/takeover.h"
#include "lib/shard/entity_window.h"

int round_new(Pipeline *p, Round **ret) {
    _cleanup_(round_free) Round *round = calloc(1, sizeof(*round));
    if (!round)
        return -ENOMEM;
    round->pipeline = p;
    round->batches = calloc((size_t)p->n_shards, sizeof(Batch *));
    round->commit.batches = calloc((size_t)p->n_shards, sizeof(Batch *));
    int r = round->batches && round->commit.batches ? arena_new(&round->arena) : -ENOMEM;
    if (r == 0)
        r = arena_new(&round->texts);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(round);
    return 0;
}

static void free_batches(const Round *round, Batch **batches) {
    for (int32_t i = 0; batches && i < round->pipeline->n_shards; i++)
        batches[i] = batch_free(batches[i]);
}

void round_drop(Round *round) {
    round->n_records = round->n_waiting = 0;
    arena_reset(round->texts);
    round->is_in_order = round->waits_for_order = false;
    telemetry_drop(round->pipeline->telemetry);
    free_batches(round, round->batches);
}

static void wait_for_commit(Round *round) {
    if (round->commit.is_under_way)
        worker_wait(round->pipeline->committer, &round->commit.task);
}

Round *round_free(Round *round) {
    if (!round)
        return NULL;
    wait_for_commit(round);
    if (round->batches)
        round_drop(round);
    free_batches(round, round->commit.batches);
    arena_free(round->arena);
    arena_free(round->texts);
    free(round->records);
    free(round->sorted);
    free(round->batches);
    free(round->commit.batches);
    free(round->commit.appended_ms);
    free(round);
    return NULL;
}

size_t round_count(const Round *round) {
    return round->n_records;
}

size_t round_count_ready(const Round *round) {
    return round->n_records - round->n_waiting;
}

bool round_waits_for_order(const Round *round) {
    return round->waits_for_order;
}

int round_look_again(Round *round) {
    round->is_in_order = false;
    return round_look_at_schemas(round, true);
}

/* Copies the record's key and value there. */
static int move_texts(Record *record, Arena *arena) {
    Str key = arena_str(arena, record->key), value = arena_str(arena, record->value);
    if (str_is_null(key) != str_is_null(record->key) || str_is_null(value) != str_is_null(record->value))
        return -ENOMEM;
    record->key = key;
    record->value = value;
    return 0;
}

int round_add(Round *round, const SourcePoll *poll) {
    Pipeline *p = round->pipeline;
    bool is_ordered = source_order_matters(&p->inputs) && source_order_has(&p->inputs, poll->input);
    int r = array_reserve(&round->records, &round->n_alloc, round->n_records, sizeof(*round->records));
    if (r == 0)
        r = array_reserve(&round->sorted, &round->n_sorted_alloc, round->n_records, sizeof(*round->sorted));
    if (r < 0)
        return r;
    Record *record = &round->records[round->n_records];
    *record = (Record){.shard = poll->shard, .input = poll->input, .offset = poll->offset, .timestamp_ms = poll->timestamp_ms,
            .is_append_time = poll->is_append_time, .key = poll->key, .value = poll->value, .occurred_at_ms = TIME_NONE,
            .polled_ms = is_ordered ? clock_monotonic_ms() : 0, .asked_no = p->n_asked};
    r = move_texts(record, round->texts);
    if (r < 0)
        return r;
    round->n_records++;
    round->is_in_order = false;
    return round_look_at_schema(round, record);
}

/* --- engine ------------------------------------------------------------------------------------------ */

static int begin_transaction(Pipeline *p) {
    char text[KAFKA_TEXT_SIZE];
    if (p->in_transaction)
        return 0;
    int r = kafka_sink_begin(p->sink, text);
    if (r > 0) {
        log_error("transaction.begin", LOG_STR("error", text));
        return PIPELINE_E_RESTART;
    }
    p->in_transaction = r == 0;
    return r;
}

int round_batch(Round *round, LiveShard *shard, Batch **ret) {
    Batch **batch = &round->batches[shard->id];
    int r = begin_transaction(round->pipeline);
    if (r == 0 && !*batch)
        r = batch_new(shard, batch);
    *ret = *batch;
    return r;
}

int round_output(void *userdata, const Output *output) {
    LiveShard *shard = userdata;
    Batch *batch;
    int r = round_batch(shard->pipeline->round, shard, &batch);
    if (r == 0)
        r = batch_add_output(batch, output, STR_NULL);
    /* the engine forwards negative codes only: see round_run_error() */
    return r > 0 ? -ECONNABORTED : r;
}

int round_message(void *userdata, const ShardMessage *message) {
    LiveShard *shard = userdata;
    Batch *batch;
    int r = round_batch(shard->pipeline->round, shard, &batch);
    if (r == 0)
        r = batch_add_message(batch, message);
    return r > 0 ? -ECONNABORTED : r;
}

int round_run_error(int r) {
    if (r == SHARD_E_COLD)
        return -EPROTO; /* the barrier was looked at before */
    return r == -ECONNABORTED ? PIPELINE_E_RESTART : r;
}

int round_advance_to_barrier(LiveShard *shard, EntityKind kind) {
    shard->moments_left = true;
    int r = shard_advance(live_shard_engine(shard, kind), live_shard_barrier(shard, kind) - 1);
    return r == SHARD_E_COLD ? 0 : round_run_error(r);
}

/* After all records: what is proved now counts, and the moments up to the watermark happen. */
static int advance(LiveShard *shard) {
    const Pipeline *p = shard->pipeline;
    live_shard_take_proofs(shard);
    int64_t watermark_ms =
            watermark_of(p->config->watermark, shard->sources, p->config->n_sources, p->model->lateness_ms);
    if (live_shard_barrier(shard, ENTITY_LEAD) <= latest(watermark_ms, shard_watermark(shard->engine)))
        return round_advance_to_barrier(shard, ENTITY_LEAD);
    return round_run_error(shard_advance(shard->engine, watermark_ms));
}

/* After how long something is told again that has not changed: a shard that was taken over meanwhile has not heard of it. */
#define TELL_AGAIN_MS 30000

static int tell(LiveShard *shard, ShardMessage message) {
    message.from_shard = shard->id;
    message.at_ms = MAX(message.at_ms, 0);
    return round_run_error(round_message(shard, &message));
}

/* Tells all shards how far the leads here are, if they have moved. */
static int tell_watermark(LiveShard *shard) {
    int64_t watermark_ms = shard_watermark(shard->engine), now_ms = clock_monotonic_ms();
    if (!live_shard_is_to_tell_accounts(shard) || watermark_ms == TIME_NONE ||
            (watermark_ms == shard->told_watermark_ms && now_ms - shard->told_at_ms < TELL_AGAIN_MS))
        return 0;
    shard->told_watermark_ms = watermark_ms;
    shard->told_at_ms = now_ms;
    return tell(shard, (ShardMessage){.kind = MESSAGE_WATERMARK, .at_ms = watermark_ms});
}

/* And how far what is read here of routed sources has been sent on. */
static int tell_routed(LiveShard *shard) {
    const Config *config = shard->pipeline->config;
    RoutedNews news[CONFIG_SOURCES_MAX];
    int64_t now_ms = clock_monotonic_ms();
    bool again = now_ms - shard->told_routed_at_ms >= TELL_AGAIN_MS;
    size_t n = live_shard_is_to_tell_routed(shard) ? routed_news(shard->routed, shard->id, news) : 0;
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        RoutedNews *last = &shard->told_routed[news[i].source];
        if (last->at_ms == news[i].at_ms && last->at_end == news[i].at_end && !again)
            continue;
        *last = news[i];
        shard->told_routed_at_ms = now_ms;
        r = tell(shard, (ShardMessage){.kind = MESSAGE_PROGRESS, .topic = str_from(config->sources[news[i].source]), .at_ms = news[i].at_ms,
                                .at_end = news[i].at_end});
    }
    return r;
}

/* The next step of a new model's way through all records. */
static int walk(Round *round, LiveShard *shard) {
    Batch *batch;
    bool done;
    int r = round_batch(round, shard, &batch); /* also where nothing comes of it: the footer says how far it is */
    if (r == 0)
        r = round_run_error(model_walk_apply(shard, &done));
    if (r == 0 && done) {
        shard->walk = model_walk_free(shard->walk);
        shard->walk_ended = true;
    }
    return r;
}

static int run_engine(Round *round, Run *run, int64_t now_ms) {
    EntityWindow window = entity_window(shard_leads(run->shard->engine));
    size_t n_told = 0;
    run->shard->moments_left = false;
    while (run->n_done < run->n) {
        bool done;
        while (n_told < MIN(run->n_done + ENTITY_WINDOW_AHEAD, run->n))
            entity_window_tell(&window, run->records[n_told++].key); /* of events, the lead's id */
        int r = round_apply_record(round, run, &run->records[run->n_done], now_ms, &done);
        if (r != 0 || !done)
            return r;
        run->n_done++;
    }
    int r = run->shard->walk ? walk(round, run->shard) : 0;
    if (r == 0)
        r = advance(run->shard);
    if (r == 0)
        r = tell_watermark(run->shard);
    return r == 0 ? tell_routed(run->shard) : r;
}

/* --- commit and view --------------------------------------------------------------------------------- */

static int finish_batches(Round *round, ShardOffsets *offsets, size_t *ret_n) {
    size_t n = 0;
    for (int32_t i = 0; i < round->pipeline->n_shards; i++) {
        if (!round->batches[i])
            continue;
        int r = batch_finish(round->batches[i], &offsets[n]);
        if (r != 0)
            return r;
        n++;
    }
    *ret_n = n;
    return 0;
}

/* The restart makes a new producer, which aborts what this one leaves; an orderly abort only spares readers the wait. */
static int fail(Pipeline *p, int code, char *text) {
    log_warning("transaction.failed", LOG_INT("code", code), LOG_STR("error", text));
    telemetry_transaction_failed(p->telemetry);
    if (code == KAFKA_E_ABORT && kafka_sink_abort(p->sink, text) != 0)
        log_warning("transaction.abort", LOG_STR("error", text));
    return PIPELINE_E_RESTART;
}

/* The way that events have come since they were written, where that says something, is known when they are committed. */
static int note_events(Round *round, const Run *runs, size_t n_runs, int64_t begun_us) {
    const Pipeline *p = round->pipeline;
    Commit *c = &round->commit;
    c->n_appended = 0;
    c->figures = (TelemetryBatch){.duration_us = begun_us};
    for (size_t k = 0; k < n_runs && p->telemetry; k++)
        for (size_t i = 0; i < runs[k].n_done; i++) {
            const Record *record = &runs[k].records[i];
            if (round_is_message(p, record))
                continue;
            c->figures.n_events++;
            if (p->config->watermark != WATERMARK_WALL || record->timestamp_ms < 0)
                continue;
            int r = array_reserve(&c->appended_ms, &c->n_alloc, c->n_appended, sizeof(*c->appended_ms));
            if (r < 0)
                return r;
            c->appended_ms[c->n_appended++] = record->timestamp_ms;
        }
    return 0;
}

static void finish_transaction(void *userdata) {
    Commit *c = userdata;
    c->outcome = kafka_sink_finish(c->sink, c->text);
    c->ended_us = clock_monotonic_us();
    c->ended_ms = clock_wall_ms();
}

/* Closes the transaction; from here on the shards stand at what it makes of them. The one before must be settled. */
static int begin_commit(Round *round) {
    Pipeline *p = round->pipeline;
    Commit *c = &round->commit;
    char text[KAFKA_TEXT_SIZE] = "";
    _cleanup_(free_null) ShardOffsets *offsets = calloc((size_t)p->n_shards, sizeof(*offsets));
    size_t n;
    c->begun_us = clock_monotonic_us();
    int r = offsets ? finish_batches(round, offsets, &n) : -ENOMEM;
    if (r == 0)
        r = kafka_sink_close(p->sink, p->source, offsets, n, text);
    if (r != 0)
        return r > 0 && r != PIPELINE_E_RESTART ? fail(p, r, text) : r;
    p->in_transaction = false;
    telemetry_close(p->telemetry);
    for (int32_t i = 0; i < p->n_shards; i++)
        if (round->batches[i]) {
            batch_close(round->batches[i]);
            c->batches[i] = TAKE_PTR(round->batches[i]);
        }
    c->sink = p->sink;
    c->task = (WorkerTask){.run = finish_transaction, .userdata = c};
    c->is_under_way = true;
    worker_begin(p->committer, &c->task);
    return 0;
}

bool round_is_committing(const Round *round) {
    return round->commit.is_under_way;
}

int round_settle(Round *round) {
    Pipeline *p = round->pipeline;
    Commit *c = &round->commit;
    if (!c->is_under_way)
        return 0;
    wait_for_commit(round);
    c->is_under_way = false;
    if (c->outcome != 0)
        return c->outcome > 0 ? fail(p, c->outcome, c->text) : c->outcome;
    p->counts.batches++;
    for (size_t i = 0; i < c->n_appended; i++)
        telemetry_latency(p->telemetry, c->ended_ms - c->appended_ms[i]);
    c->figures.duration_us = c->ended_us - c->figures.duration_us;
    c->figures.commit_us = c->ended_us - c->begun_us;
    telemetry_commit(p->telemetry, c->figures);
    for (int32_t i = 0; i < p->n_shards; i++)
        if (c->batches[i]) {
            batch_settle(c->batches[i]);
            c->batches[i] = batch_free(c->batches[i]);
        }
    return 0;
}

int round_view(Round *round) {
    const Pipeline *p = round->pipeline;
    int result = 0;
    for (int32_t i = 0; i < p->n_shards; i++) {
        LiveShard *shard = p->shards[i];
        if (!shard)
            continue;
        int r = view_queue_go_on(shard->view_queue, shard);
        if (r == 0)
            r = live_shard_trim(shard);
        if (r < 0 || r == PIPELINE_E_RESTART)
            result = r; /* PIPELINE_E_WAIT: it is in the queue */
    }
    return result;
}

/* --- the whole --------------------------------------------------------------------------------------- */

/* One run a shard that is ours, with or without records. */
static size_t make_runs(const Round *round, Run *runs) {
    const Pipeline *p = round->pipeline;
    size_t n = 0, at = 0;
    for (int32_t i = 0; i < p->n_shards; i++) {
        size_t begin = at;
        while (at < round->n_records && round->records[at].shard == i)
            at++;
        if (p->shards[i])
            runs[n++] = (Run){.shard = p->shards[i], .records = at > begin ? &round->records[begin] : NULL,
                    .n = at - begin - p->shards[i]->n_waiting, .n_all = at - begin};
    }
    return n;
}

/* Beside what is still wanted, so much of the records' memory may be of records that are gone: bringing it elsewhere costs no more than it brings. */
#define TEXTS_WASTE_MAX ((size_t)1024 * 1024)

static int move_all_texts(Round *round) {
    _cleanup_(arena_free) Arena *texts = NULL;
    int r = arena_new(&texts);
    for (size_t i = 0; i < round->n_records && r == 0; i++)
        r = move_texts(&round->records[i], texts);
    if (r < 0)
        return r;
    arena_free(round->texts);
    round->texts = TAKE_PTR(texts);
    return 0;
}

/* The memory of records that are gone is used again. */
static int tidy_texts(Round *round) {
    size_t n_bytes = 0;
    for (size_t i = 0; i < round->n_records; i++)
        n_bytes += round->records[i].key.len + round->records[i].value.len;
    if (round->n_records == 0)
        arena_reset(round->texts);
    return round->n_records == 0 || arena_memory(round->texts) <= 2 * n_bytes + TEXTS_WASTE_MAX ? 0 : move_all_texts(round);
}

/* Keeps what is not done for the next round. */
static int keep_rest(Round *round, const Run *runs, size_t n_runs) {
    size_t n = 0;
    for (size_t k = 0; k < n_runs; k++)
        for (size_t i = runs[k].n_done; i < runs[k].n_all; i++)
            round->records[n++] = runs[k].records[i];
    round->n_records = n;
    round->is_in_order = false;
    return tidy_texts(round);
}

void round_halt(Round *round, int32_t shard) {
    Pipeline *p = round->pipeline;
    size_t n = 0;
    for (size_t i = 0; i < round->n_records; i++)
        if (round->records[i].shard != shard)
            round->records[n++] = round->records[i];
    round->n_records = n;
    round->n_waiting -= p->shards[shard]->n_waiting;
    kafka_source_stop(p->source, shard);
    p->shards[shard] = live_shard_free(p->shards[shard]);
    p->halted[shard] = true;
    p->n_owned--;
}

/* *ret_at: whose turn it was when it failed. */
static int load_runs(Pipeline *p, Run *runs, size_t n, int64_t now_ms, size_t *ret_at) {
    int r = 0;
    size_t i;
    for (i = 0; i < n && r == 0; i += r == 0)
        r = round_want(&runs[i]);
    if (r == 0)
        r = round_load_together(p, runs, n);
    for (i = r == 0 ? 0 : i; i < n && r == 0; i += r == 0)
        r = round_load(&runs[i], now_ms);
    for (size_t k = 0; k < n; k++)
        runs[k].wanted = round_wanted_free(runs[k].wanted);
    *ret_at = i;
    return r;
}

/* All that the runs will ask for is in memory then. Shards that turn out to be unable to go on are no more among the runs. */
static int load_all(Round *round, Run *runs, int64_t now_ms, size_t *ret_n) {
    for (;;) {
        size_t at;
        *ret_n = make_runs(round, runs);
        int r = load_runs(round->pipeline, runs, *ret_n, now_ms, &at);
        if (r != PIPELINE_E_HALT)
            return r;
        r = round_settle(round);
        if (r != 0)
            return r;
        round_halt(round, runs[at].shard->id); /* of the others, what is loaded is loaded */
    }
}

/* The commit of the round before is waited for only when there is another one. */
static int commit(Round *round, const Run *runs, size_t n_runs, int64_t begun_us) {
    int r = round_settle(round);
    if (r == 0)
        r = note_events(round, runs, n_runs, begun_us);
    return r == 0 ? begin_commit(round) : r;
}

int round_run(Round *round) {
    Pipeline *p = round->pipeline;
    int64_t now_ms = clock_wall_ms(), begun_us = clock_monotonic_us();
    _cleanup_(free_null) Run *runs = calloc((size_t)p->n_shards, sizeof(*runs));
    if (!runs)
        return -ENOMEM;
    size_t n;
    int r = round->is_in_order && round->n_waiting == 0 ? 0 : round_order(round);
    if (r == 0)
        r = load_all(round, runs, now_ms, &n);
    if (r != 0) {
        int settled = r > 0 ? round_settle(round) : 0;
        return settled != 0 ? settled : r;
    }
    for (size_t i = 0; i < n && r == 0; i++)
        r = run_engine(round, &runs[i], now_ms);
    if (r == 0 && p->in_transaction)
        r = commit(round, runs, n, begun_us);
    if (r == 0)
        r = keep_rest(round, runs, n);
    return r == 0 ? round_view(round) : r;
}
