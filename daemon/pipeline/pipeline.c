/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipeline/pipeline.h"

#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/clients.h"
#include "daemon/pipeline/proof.h"
#include "daemon/pipeline/round.h"
#include "daemon/pipeline/takeover.h"
#include "daemon/service/gauges.h"

/* How long an idle loop waits for a record: bounds how late a due moment is noticed, and a signal. */
#define IDLE_POLL_MS 50
#define RETRY_MS 1000
#define HALTED_RETRY_MS 10000
#define VIEW_CHECK_MS 5000
#define STATUS_MS 10000
/* How often routed sources are asked whether they have grown, and how long such a question may take. */
#define PARTITIONS_CHECK_MS 60000
#define PARTITIONS_TIMEOUT_MS 2000
/* Between two questions for a partition's end while a moment waits for the proof. */
#define PROOF_INTERVAL_MS 20
/* How long to wait for a record while others wait for those of their lead's other sources. */
#define ORDER_POLL_MS 5
/* Of batch.max_events, what the first batch of a backlog takes. */
#define BATCH_FIRST_PART 8
/* With so many bytes of records a batch is full, too. */
#define BATCH_BYTES_MAX ((size_t)16 * 1024 * 1024)
/* And while batches wait for another one that is on its way to Redis. */
#define VIEW_POLL_MS 5

/* The loop's own state. */
typedef struct Loop {
    Pipeline *p;
    int64_t status_at_ms, halted_at_ms, view_at_ms, proof_at_ms, partitions_at_ms; /* monotonic: when next */
    size_t batch_limit; /* events that the next batch takes */
    PipelineCounts last;
    int64_t last_status_ms;
} Loop;

void pipeline_note_progress(Pipeline *p) {
    int64_t now_ms = clock_monotonic_ms();
    (void)notify_watchdog(p->notify, now_ms);
    telemetry_note_progress(p->telemetry, now_ms);
    if (telemetry_is_due(p->telemetry, now_ms))
        gauges_show(p);
}

void pipeline_note_awaited(Pipeline *p, HealthServer server, const char *error) {
    char before[HEALTH_ERROR_SIZE], text[HEALTH_WAIT_SIZE];
    bool is_new = p->awaited != server;
    memcpy(before, p->awaited_error, sizeof(before));
    if (is_new || (error && error[0]))
        (void)snprintf(p->awaited_error, sizeof(p->awaited_error), "%s", error ? error : "");
    p->awaited = server;
    if (!is_new && strcmp(before, p->awaited_error) == 0)
        return;
    health_print_wait(server, p->awaited_error, text);
    (void)notify_status(p->notify, "%s", text);
}

void pipeline_note_redis(Pipeline *p, RedisOperation operation, int64_t duration_us, int outcome) {
    if (outcome >= 0)
        p->is_redis_away = outcome == VIEW_E_UNREACHABLE;
    telemetry_redis(p->telemetry, operation, duration_us, outcome);
}

/* --- shards come and go ------------------------------------------------------------------------------ */

/* Takes the shard over and begins to read it. 0 also if it is halted; PIPELINE_E_WAIT: to be tried again. */
static int take(Loop *loop, int32_t id) {
    Pipeline *p = loop->p;
    char text[KAFKA_TEXT_SIZE];
    int r = takeover_shard(
            p, id, (OutputSink){.output = round_output}, (MessageSink){.message = round_message}, &p->shards[id]);
    p->halted[id] = r == PIPELINE_E_HALT || r == PIPELINE_E_WAIT;
    if (r == PIPELINE_E_WAIT)
        loop->halted_at_ms = clock_monotonic_ms() + RETRY_MS;
    if (r != 0)
        return p->halted[id] ? 0 : r;
    p->n_owned++;
    r = kafka_source_start(p->source, id, p->shards[id]->offsets, text);
    if (r > 0)
        log_error("shard.start", LOG_INT("shard", id), LOG_STR("error", text));
    return r > 0 ? PIPELINE_E_RESTART : r;
}

static int on_assigned(void *userdata, const int32_t *shards, size_t n) {
    Loop *loop = userdata;
    log_info("shards.assigned", LOG_INT("count", n));
    if (round_settle(loop->p->round) != 0)
        return -ECONNABORTED;
    for (size_t i = 0; i < n; i++) {
        if (shards[i] >= loop->p->n_shards) {
            log_error("shards.grown", LOG_INT("shard", shards[i]), LOG_INT("known", loop->p->n_shards));
            return -ECONNABORTED; /* connecting anew finds the new number, and refuses it */
        }
        int r = take(loop, shards[i]);
        if (r != 0)
            return r < 0 ? r : -ECONNABORTED;
    }
    return 0;
}

/* Rounds close their transactions before they end, so there is only the commit to wait for; what was polled and not run is its next owner's. */
static int on_revoked(void *userdata, const int32_t *shards, size_t n, bool lost) {
    Loop *loop = userdata;
    Pipeline *p = loop->p;
    log_info("shards.revoked", LOG_INT("count", n), LOG_STR("lost", lost ? "true" : "false"));
    int settled = round_settle(p->round);
    round_drop(p->round);
    for (size_t i = 0; i < n; i++) {
        if (shards[i] >= p->n_shards)
            continue;
        LiveShard *shard = p->shards[shards[i]];
        p->halted[shards[i]] = false;
        if (!shard)
            continue;
        if (!lost && settled == 0 && view_queue_flush(shard->view_queue, shard) != 0)
            log_info("view.left_behind", LOG_INT("shard", shard->id), LOG_INT("batches", view_queue_count(shard->view_queue)));
        p->shards[shards[i]] = live_shard_free(shard);
        p->n_owned--;
    }
    return settled < 0 ? settled : settled > 0 ? -ECONNABORTED : 0;
}

static int retry_halted(Loop *loop) {
    Pipeline *p = loop->p;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < loop->halted_at_ms)
        return 0;
    loop->halted_at_ms = now_ms + HALTED_RETRY_MS; /* sooner if one only waits for a server: see take() */
    for (int32_t i = 0; i < p->n_shards; i++)
        if (p->halted[i]) {
            int r = take(loop, i);
            if (r != 0)
                return r;
        }
    return 0;
}

/* --- polling ----------------------------------------------------------------------------------------- */

static int halt_read(Pipeline *p, int32_t shard) {
    int r = round_settle(p->round);
    if (r == 0)
        round_halt(p->round, shard);
    return r;
}

static int take_poll(Pipeline *p, SourcePoll *poll) {
    bool of_partition = poll->type == SOURCE_RECORD || poll->type == SOURCE_END || poll->type == SOURCE_RANGE;
    LiveShard *shard = of_partition && poll->shard < p->n_shards ? p->shards[poll->shard] : NULL;
    SourceProgress *source = shard ? live_shard_progress(shard, poll->input) : NULL;
    switch (poll->type) {
    case SOURCE_RECORD:
        if (!shard)
            return 0;
        if (source)
            source_progress_read(source, poll->offset + 1, false);
        return round_add(p->round, poll);
    case SOURCE_END:
        if (source)
            source_progress_read(source, poll->offset, true);
        return 0;
    case SOURCE_RANGE:
        if (!shard)
            return 0;
        log_error("source.truncated", LOG_INT("shard", poll->shard), LOG_STR("topic", p->inputs.inputs[poll->input].topic),
                LOG_INT("partition", inputs_partition(&p->inputs, poll->input, poll->shard)), LOG_INT("offset", poll->offset),
                LOG_STR("error", poll->text));
        (void)live_shard_halt(poll->shard, "records were deleted before they were read",
                "lengthen the topic's retention; to go on without them, stop scored, then: scored skip --to first (see its help)");
        return halt_read(p, poll->shard);
    case SOURCE_ERROR:
        log_warning_burst(5, "kafka.error", LOG_STR("error", poll->text));
        return 0;
    default:
        return 0;
    }
}

/* How long to wait for a first record: not at all if there is work left, else until the next moment is due. */
static int idle_timeout(const Pipeline *p) {
    int64_t now_ms = clock_wall_ms(), timeout_ms = round_waits_for_order(p->round) ? ORDER_POLL_MS : IDLE_POLL_MS;
    if (round_count_ready(p->round))
        return 0;
    for (int32_t i = 0; i < p->n_shards; i++) {
        const LiveShard *shard = p->shards[i];
        if (!shard)
            continue;
        if (shard->moments_left || shard->walk)
            return 0;
        if (view_queue_count(shard->view_queue) && !p->is_redis_away)
            timeout_ms = MIN(timeout_ms, VIEW_POLL_MS);
        int64_t due_ms = shard_next_moment(shard->engine);
        if (p->config->watermark == WATERMARK_WALL && due_ms != TIME_NEVER)
            timeout_ms = earliest(timeout_ms, due_ms + p->model->lateness_ms > now_ms ? due_ms + p->model->lateness_ms - now_ms
                                              : proof_is_awaited(shard, now_ms)       ? 1
                                                                                      : IDLE_POLL_MS);
    }
    return (int)timeout_ms;
}

/* After an error of the consumer that it cannot recover from. */
static int poll_error(int r, const SourcePoll *poll) {
    if (r == -ECONNABORTED)
        return PIPELINE_E_RESTART; /* a handler's: said already */
    log_error("kafka.failed", LOG_STR("error", poll->text));
    return r == -ENOTRECOVERABLE ? PIPELINE_E_RESTART : r;
}

/* Who has left events behind takes twice as many the next time. A burst is not made one large batch for it, whose first events wait for its last. */
static size_t next_limit(const Pipeline *p, size_t limit) {
    size_t most = (size_t)p->config->batch_max_events;
    return p->is_busy ? MIN(2 * limit, most) : MAX(most / BATCH_FIRST_PART, (size_t)1);
}

/* What there is, up to a batch: waits for the first record only, then takes what has arrived. */
static int poll_batch(Loop *loop, int timeout_ms) {
    Pipeline *p = loop->p;
    int64_t until_ms = clock_monotonic_ms() + p->config->batch_max_ms;
    size_t n_bytes = 0;
    p->is_busy = false;
    while (round_count_ready(p->round) < loop->batch_limit && n_bytes < BATCH_BYTES_MAX) {
        SourcePoll poll;
        int r = kafka_source_poll(p->source, timeout_ms, &poll);
        if (r < 0)
            return poll_error(r, &poll);
        SourcePollType type = poll.type;
        n_bytes += type == SOURCE_RECORD ? poll.key.len + poll.value.len : 0;
        r = take_poll(p, &poll);
        kafka_source_release(&poll);
        if (r != 0)
            return r;
        if (type == SOURCE_NOTHING || *p->stop)
            return 0;
        if (round_count_ready(p->round))
            timeout_ms = 0;
        if (clock_monotonic_ms() > until_ms)
            return 0;
    }
    p->is_busy = true;
    return 0;
}

/*
 * With a full batch at hand the commit of the one before need not be waited for. Otherwise it is: so the next batch takes all that comes until
 * then, and none of it waits for a small batch that was made meanwhile.
 */
static int poll_records(Loop *loop) {
    Pipeline *p = loop->p;
    loop->batch_limit = next_limit(p, loop->batch_limit);
    if (round_is_committing(p->round)) {
        int r = poll_batch(loop, 0);
        if (r != 0 || p->is_busy)
            return r;
        r = round_settle(p->round);
        if (r == 0)
            r = round_view(p->round);
        if (r != 0)
            return r;
    }
    return poll_batch(loop, idle_timeout(p));
}

/* --- the loop ---------------------------------------------------------------------------------------- */

/* Also when idle: has the view lost something? A missing batch is found here at the latest. */
static void check_views(Loop *loop) {
    Pipeline *p = loop->p;
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < loop->view_at_ms)
        return;
    loop->view_at_ms = now_ms + VIEW_CHECK_MS;
    for (int32_t i = 0; i < p->n_shards; i++)
        if (p->shards[i])
            view_queue_look(p->shards[i]->view_queue, p->shards[i]);
}

/* Partitions that were added to a routed source fall to shards, too; those of the others the group finds. */
static int check_partitions(Loop *loop) {
    Pipeline *p = loop->p;
    char text[KAFKA_TEXT_SIZE];
    int64_t now_ms = clock_monotonic_ms();
    if (now_ms < loop->partitions_at_ms)
        return 0;
    loop->partitions_at_ms = now_ms + PARTITIONS_CHECK_MS;
    for (unsigned i = 0; i < p->inputs.n; i++) {
        const Input *input = &p->inputs.inputs[i];
        int32_t n;
        if (!input->is_routed || input->first > 0)
            continue;
        int r = kafka_cluster_partitions(p->cluster, input->topic, PARTITIONS_TIMEOUT_MS, text, &n);
        if (r < 0)
            return r;
        if (r == 0 && n != input->n_partitions) {
            log_info("source.grown", LOG_STR("topic", input->topic), LOG_INT("partitions", n), LOG_INT("before", input->n_partitions));
            return PIPELINE_E_RESTART;
        }
    }
    return 0;
}

static void tell_status(Loop *loop) {
    Pipeline *p = loop->p;
    int64_t now_ms = clock_monotonic_ms();
    const PipelineCounts *c = &p->counts;
    if (now_ms < loop->status_at_ms)
        return;
    double seconds = (double)MAX(now_ms - loop->last_status_ms, 1) / 1000;
    if (c->events != loop->last.events || c->outputs != loop->last.outputs)
        log_info("progress", LOG_INT("shards", p->n_owned), LOG_INT("events", c->events),
                LOG_INT("events_per_second", (double)(c->events - loop->last.events) / seconds),
                LOG_INT("applied", c->applied), LOG_INT("duplicates", c->duplicates), LOG_INT("ignored", c->ignored),
                LOG_INT("dead_letters", c->dead_letters), LOG_INT("outputs", c->outputs),
                LOG_INT("batches", c->batches), LOG_INT("cpu_ms", clock_cpu_us() / 1000));
    (void)notify_status(p->notify, "%d shards, %lld events, %lld outputs", (int)p->n_owned, (long long)c->events, (long long)c->outputs);
    loop->last = *c;
    loop->last_status_ms = now_ms;
    loop->status_at_ms = now_ms + STATUS_MS;
}

/* The loop goes round; the producer has its say, too, which nobody else asks as long as there is no transaction. */
static void note_turn(Pipeline *p) {
    if (p->telemetry)
        kafka_sink_serve(p->sink);
    pipeline_note_progress(p);
}

/* Keeps polling while a server is away, so that the group keeps us; records stay where they are. */
static int wait_paused(Loop *loop) {
    Pipeline *p = loop->p;
    char text[KAFKA_TEXT_SIZE];
    if (!p->is_paused) {
        log_warning("pipeline.paused", LOG_INT("records_waiting", round_count(p->round)));
        int r = kafka_source_pause(p->source, true, text);
        if (r != 0)
            return r < 0 ? r : PIPELINE_E_RESTART;
        p->is_paused = true;
    }
    int64_t until_ms = clock_monotonic_ms() + RETRY_MS;
    while (clock_monotonic_ms() < until_ms && !*p->stop && p->is_paused) {
        SourcePoll poll;
        int r = kafka_source_poll(p->source, 100, &poll);
        if (r < 0)
            return poll_error(r, &poll);
        r = take_poll(p, &poll);
        kafka_source_release(&poll);
        note_turn(p);
        if (r != 0)
            return r;
    }
    return 0;
}

static int resume(Loop *loop) {
    Pipeline *p = loop->p;
    char text[KAFKA_TEXT_SIZE];
    if (!p->is_paused)
        return 0;
    log_info("pipeline.resumed", LOG_INT("records_waiting", round_count(p->round)));
    p->is_paused = false;
    int r = kafka_source_pause(p->source, false, text);
    return r > 0 ? PIPELINE_E_RESTART : r;
}

/* A signal asks for the model to be read again. PIPELINE_E_RELOAD: there is a new version. */
static int take_new_model(Pipeline *p) {
    _cleanup_(model_free) Model *model = NULL;
    *p->reload = 0;
    int r = p->loader.load(p->loader.userdata, &model);
    if (r < 0 || !model)
        return r; /* the present one stays; said already */
    if (memcmp(model->hash, p->model->hash, MODEL_HASH_SIZE) == 0) {
        log_info("model.unchanged", LOG_INT("version", model->version));
        return 0;
    }
    if (model->version <= p->model->version) {
        log_error("model.not_newer", LOG_INT("version", model->version), LOG_INT("present", p->model->version),
                LOG_STR("remedy", "raise the version with each change; the present model stays"));
        return 0;
    }
    p->next_model = TAKE_PTR(model);
    return PIPELINE_E_RELOAD;
}

/* Does a record wait of which nothing has been asked yet? An answer lets it go at once, unless a source is really behind. */
static bool is_order_unasked(const Pipeline *p) {
    for (int32_t i = 0; i < p->n_shards; i++)
        if (p->shards[i] && p->shards[i]->waits_for_order && p->shards[i]->waiting_asked_no == p->n_asked)
            return true;
    return false;
}

static int turn(Loop *loop) {
    Pipeline *p = loop->p;
    int r = registry_refresh(p->registry, clock_monotonic_ms()) ? round_look_again(p->round) : 0;
    if (r == 0 && !p->is_paused)
        r = poll_records(loop);
    if (r == 0)
        r = round_order(p->round);
    if (r == 0 && (clock_monotonic_ms() >= loop->proof_at_ms || is_order_unasked(p))) {
        r = proof_seek(p);
        loop->proof_at_ms = clock_monotonic_ms() + PROOF_INTERVAL_MS;
    }
    if (r == 0 && *p->stop)
        return 0;
    if (r == 0 && *p->reload)
        r = take_new_model(p);
    if (r == 0)
        r = round_run(p->round);
    if (r == PIPELINE_E_WAIT)
        return wait_paused(loop);
    if (r == 0)
        r = resume(loop);
    if (r == 0)
        check_views(loop);
    if (r == 0)
        r = retry_halted(loop);
    if (r == 0)
        r = check_partitions(loop);
    note_turn(p);
    tell_status(loop);
    return r == PIPELINE_E_HALT ? PIPELINE_E_RESTART : r;
}

/* --- sessions ---------------------------------------------------------------------------------------- */

static void on_statistics(void *userdata, Str json) {
    const Loop *loop = userdata;
    telemetry_kafka(loop->p->telemetry, KAFKA_CONSUMER, json);
}

/* From connecting to the next reason to connect anew. */
static int session(Loop *loop) {
    Pipeline *p = loop->p;
    KafkaSourceHandler handler = {.assigned = on_assigned, .revoked = on_revoked,
            .statistics = p->telemetry ? on_statistics : NULL, .userdata = loop};
    p->phase = HEALTH_CONNECTING;
    p->is_paused = false;
    loop->partitions_at_ms = clock_monotonic_ms() + PARTITIONS_CHECK_MS;
    int r = clients_connect(p, handler);
    if (r == 0) {
        log_info("pipeline.ready", LOG_STR("group", p->config->group), LOG_INT("partitions", p->n_shards),
                LOG_STR("embedded", p->config->embedded ? "true: broker checks are skipped, one instance only" : "false"));
        (void)notify_ready(p->notify);
        p->phase = HEALTH_RUNNING;
        p->awaited = HEALTH_NO_SERVER;
    }
    while (r == 0 && !*p->stop)
        r = turn(loop);
    p->phase = *p->stop ? HEALTH_STOPPING : HEALTH_CONNECTING;
    gauges_show(p);
    clients_disconnect(p);
    return r;
}

static void pause_before_retry(const Pipeline *p) {
    for (int64_t until_ms = clock_monotonic_ms() + RETRY_MS; clock_monotonic_ms() < until_ms && !*p->stop;)
        clock_sleep_ms(20);
}

static void set_model(Pipeline *p, const Model *model) {
    p->model = model;
    hex_print(model->hash, MODEL_HASH_SIZE, p->model_hash);
    telemetry_take_model(p->telemetry, model);
}

/* Nothing refers to the present one any more: the session has ended. The shards are taken over under the new one. */
static int change_model(Pipeline *p) {
    clients_close(p);
    model_free(p->owned_model);
    p->owned_model = TAKE_PTR(p->next_model);
    set_model(p, p->owned_model);
    log_info("model.loaded", LOG_BYTES("model", p->model->id), LOG_INT("version", p->model->version));
    return clients_open(p);
}

static int run_sessions(Loop *loop) {
    Pipeline *p = loop->p;
    for (;;) {
        int r = session(loop);
        if (*p->stop || r < 0 || r == PIPELINE_E_REFUSED)
            return *p->stop ? 0 : r;
        if (r == PIPELINE_E_RELOAD) {
            r = change_model(p);
            if (r != 0)
                return r;
            continue;
        }
        p->counts.restarts++;
        log_warning("pipeline.restart", LOG_INT("outcome", r), LOG_INT("restarts", p->counts.restarts));
        pipeline_note_progress(p);
        pause_before_retry(p);
    }
}

int pipeline_run(const Config *config, const Model *model, ModelLoader loader, Registry *registry, AvroOutput *encoder,
        Notify *notify, Telemetry *telemetry, PipelineSignals signals) {
    Pipeline p = {.config = config, .loader = loader, .stop = signals.stop, .reload = signals.reload, .notify = notify,
            .telemetry = telemetry, .registry = registry, .encoder = encoder, .is_redis_away = true};
    Loop loop = {.p = &p, .last_status_ms = clock_monotonic_ms(), .status_at_ms = clock_monotonic_ms() + STATUS_MS};
    set_model(&p, model);
    (void)snprintf(p.ce_source, sizeof(p.ce_source), "/scored/%s", config->group);

    int r = clients_open(&p);
    if (r == 0)
        r = run_sessions(&loop);
    log_info("pipeline.stopped", LOG_INT("events", p.counts.events), LOG_INT("applied", p.counts.applied),
            LOG_INT("duplicates", p.counts.duplicates), LOG_INT("ignored", p.counts.ignored),
            LOG_INT("dead_letters", p.counts.dead_letters), LOG_INT("outputs", p.counts.outputs),
            LOG_INT("batches", p.counts.batches), LOG_INT("cpu_ms", clock_cpu_us() / 1000),
            LOG_DOUBLE("events_per_cpu_second", (double)p.counts.events * 1e6 / (double)latest(clock_cpu_us(), 1)));
    clients_close(&p);
    model_free(p.next_model);
    model_free(p.owned_model);
    return r;
}
