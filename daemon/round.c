/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round has four phases.
 *
 *   load     all that Redis is asked for: leads of the events, leads with due moments. It may have to wait; nothing has been changed yet.
 *   engine   events and moments, in memory; outputs are queued in the transaction, which begins with the first.
 *   commit   state records and footers are added, the transaction is committed.
 *   view     the committed batches are handed to the view queues.
 *
 * When more moments are due than one round may load, a shard's events stop before the first one that would pass the barrier up to which
 * all moments are known (live_shard.h); the watermark is brought up to the barrier, and the next round goes on.
 */
#include "daemon/round.h"

#include <stdio.h>

#include "daemon/batch.h"
#include "daemon/clock.h"
#include "daemon/log.h"
#include "daemon/model_walk.h"
#include "daemon/takeover.h"

/* A record as polled. */
typedef struct Record {
    int32_t shard;
    unsigned topic;
    int64_t offset;
    Str key, value;
    void *message;
} Record;

struct Round {
    Pipeline *pipeline;
    Arena *arena; /* of the message at hand */
    Record *records; /* of one round, sorted; the first n_done of a shard's run are done */
    size_t n_records, n_alloc;
    Batch **batches; /* one a shard, by id; NULL: nothing to commit */
};

/* A shard's part of the sorted records. */
typedef struct Run {
    LiveShard *shard;
    Record *records;
    size_t n, n_done;
} Run;

int round_new(Pipeline *p, Round **ret) {
    _cleanup_(round_free) Round *round = calloc(1, sizeof(*round));
    if (!round)
        return -ENOMEM;
    round->pipeline = p;
    round->batches = calloc((size_t)p->n_shards, sizeof(*round->batches));
    int r = round->batches ? arena_new(&round->arena) : -ENOMEM;
    if (r < 0)
        return r;
    *ret = TAKE_PTR(round);
    return 0;
}

static void release(Record *record) {
    SourcePoll poll;
    poll.message = TAKE_PTR(record->message);
    kafka_source_release(&poll);
}

static void drop_batches(Round *round) {
    for (int32_t i = 0; i < round->pipeline->n_shards; i++)
        round->batches[i] = batch_free(round->batches[i]);
}

void round_drop(Round *round) {
    for (size_t i = 0; i < round->n_records; i++)
        release(&round->records[i]);
    round->n_records = 0;
    drop_batches(round);
}

Round *round_free(Round *round) {
    if (!round)
        return NULL;
    if (round->batches)
        round_drop(round);
    arena_free(round->arena);
    free(round->records);
    free(round->batches);
    free(round);
    return NULL;
}

size_t round_count(const Round *round) {
    return round->n_records;
}

int round_consume(Round *round, SourcePoll *poll) {
    int r = array_reserve(&round->records, &round->n_alloc, round->n_records, sizeof(*round->records));
    if (r < 0)
        return r;
    round->records[round->n_records++] = (Record){.shard = poll->shard, .topic = poll->topic, .offset = poll->offset,
            .key = poll->key, .value = poll->value, .message = TAKE_PTR(poll->message)};
    return 0;
}

/* By shard, then source as configured, then offset: the order in which a batch takes them. */
static int compare_records(const void *x, const void *y) {
    const Record *a = x, *b = y;
    if (a->shard != b->shard)
        return a->shard < b->shard ? -1 : 1;
    if (a->topic != b->topic)
        return a->topic < b->topic ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* --- load -------------------------------------------------------------------------------------------- */

static bool is_message(const Pipeline *p, const Record *record) {
    return record->topic >= p->config->n_sources;
}

/* What the run's records are about, so that it can be fetched in one go. */
typedef struct Wanted {
    Str *ids[_ENTITY_KIND_MAX]; /* borrowed from the records */
    size_t n[_ENTITY_KIND_MAX];
    int64_t accounts_ms; /* where the accounts' watermark gets to */
} Wanted;

static void want(Wanted *wanted, EntityKind kind, Str id) {
    wanted->ids[kind][wanted->n[kind]++] = id;
}

/* What a message is about; one that cannot be read is found out when it is its turn. */
static int want_of_message(Run *run, const Record *record, int64_t *watermarks_ms, Wanted *wanted) {
    ShardMessage message;
    arena_reset(run->shard->pipeline->round->arena);
    int r = shard_message_unpack(record->value, run->shard->pipeline->round->arena, &message);
    if (r != 0)
        return MIN(r, 0);
    bool is_account = message.kind == MESSAGE_TOUCH || message.kind == MESSAGE_LEAVE || message.kind == MESSAGE_ENTRY;
    if (message.kind == MESSAGE_WATERMARK && message.from_shard < run->shard->pipeline->n_shards)
        watermarks_ms[message.from_shard] = MAX(watermarks_ms[message.from_shard], message.at_ms);
    else if (message.kind != MESSAGE_WATERMARK)
        want(wanted, is_account ? ENTITY_ACCOUNT : ENTITY_LEAD, shard_message_target(&message));
    return 0;
}

static int want_all(Run *run, Wanted *wanted) {
    const Pipeline *p = run->shard->pipeline;
    _cleanup_(free_null) int64_t *watermarks_ms = calloc((size_t)p->n_shards, sizeof(*watermarks_ms));
    if (!watermarks_ms)
        return -ENOMEM;
    memcpy(watermarks_ms, run->shard->lead_watermarks_ms, (size_t)p->n_shards * sizeof(*watermarks_ms));
    for (size_t i = 0; i < run->n; i++) {
        const Record *record = &run->records[i];
        if (is_message(p, record)) {
            int r = want_of_message(run, record, watermarks_ms, wanted);
            if (r < 0)
                return r;
        } else if (record->key.len > 0 && record->key.len <= EVENT_LEAD_ID_LEN_MAX) {
            want(wanted, ENTITY_LEAD, record->key); /* the key is the lead id, or the record is a dead letter */
        }
    }
    wanted->accounts_ms = TIME_NEVER;
    for (int32_t i = 0; i < p->n_shards; i++)
        wanted->accounts_ms = MIN(wanted->accounts_ms, watermarks_ms[i]);
    return 0;
}

/* Decodes and checks; an event that cannot be applied is told of by the reason of its dead letter. */
static const char *decode(Pipeline *p, const Record *record, int64_t now_ms, LeadEvent *ret, char *text, size_t size) {
    const char *reason;
    int r = message_decode(p->registry, p->decoder, record->value.data, record->value.len, ret, &reason, text, size);
    if (r != 0)
        return reason;
    if (!str_eq(record->key, ret->lead_id)) {
        (void)snprintf(text, size, "the record's key is not its lead_id \"%.*s\"", STR_FMT(ret->lead_id));
        return "misrouted";
    }
    if (kafka_partition_of(p->config, record->key, p->n_shards) != record->shard) {
        (void)snprintf(text, size, "the key belongs to partition %d by %s, not to %d",
                (int)kafka_partition_of(p->config, record->key, p->n_shards), p->config->partitioner, (int)record->shard);
        return "misrouted";
    }
    if (ret->occurred_at_ms > now_ms + p->config->max_future_ms) {
        (void)snprintf(text, size, "occurred_at is %lld ms ahead of the clock, more than max_future",
                (long long)(ret->occurred_at_ms - now_ms));
        return "future";
    }
    return NULL;
}

/* The watermark at the end of the run, if all of its events count. */
static int64_t foresee_watermark(const Run *run, int64_t now_ms) {
    const LiveShard *shard = run->shard;
    const Pipeline *p = shard->pipeline;
    SourceProgress sources[CONFIG_SOURCES_MAX];
    memcpy(sources, shard->sources, sizeof(sources));
    for (size_t i = 0; i < run->n; i++) {
        LeadEvent event;
        char text[256];
        const Record *record = &run->records[i];
        if (!is_message(p, record) && !decode(shard->pipeline, record, now_ms, &event, text, sizeof(text))) {
            SourceProgress *source = &sources[record->topic];
            source->newest_ms = MAX(source->newest_ms, MIN(event.occurred_at_ms, now_ms));
        }
    }
    for (size_t i = 0; i < p->config->n_sources; i++)
        sources[i].proved_ms = MAX(sources[i].proved_ms, sources[i].proof_ms);
    return watermark_of(p->config->watermark, sources, p->config->n_sources, p->model->lateness_ms);
}

/* What is due up to the watermark that the run will get to. */
static int load_due(Run *run, EntityKind kind, int64_t until_ms) {
    LiveShard *shard = run->shard;
    size_t n_due;
    return live_shard_load_due(shard, kind, until_ms, (size_t)shard->pipeline->config->batch_max_moments, &n_due);
}

static int load_wanted(Run *run, const Wanted *wanted, int64_t now_ms) {
    LiveShard *shard = run->shard;
    int r = 0;
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX && r == 0; kind++)
        r = live_shard_load(shard, kind, wanted->ids[kind], wanted->n[kind]);
    if (r == 0 && live_shard_barrier(shard, ENTITY_LEAD) != TIME_NEVER)
        r = load_due(run, ENTITY_LEAD, MAX(foresee_watermark(run, now_ms), shard_watermark(shard->engine)));
    if (r == 0 && live_shard_barrier(shard, ENTITY_ACCOUNT) <= wanted->accounts_ms)
        r = load_due(run, ENTITY_ACCOUNT, wanted->accounts_ms);
    return r;
}

static int load(Run *run, int64_t now_ms) {
    LiveShard *shard = run->shard;
    Wanted wanted = {0};
    int r = view_queue_flush(shard->view_queue, shard);
    if (r == PIPELINE_E_WAIT && view_queue_count(shard->view_queue) < (size_t)shard->pipeline->config->view_max_pending)
        r = 0;
    if (r != 0)
        return r;
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX && r == 0; kind++) {
        wanted.ids[kind] = calloc(MAX(run->n, (size_t)1), sizeof(Str));
        r = wanted.ids[kind] ? 0 : -ENOMEM;
    }
    if (r == 0 && shard->walk)
        r = model_walk_load(shard);
    if (r == 0)
        r = want_all(run, &wanted);
    if (r == 0)
        r = load_wanted(run, &wanted, now_ms);
    for (EntityKind kind = 0; kind < _ENTITY_KIND_MAX; kind++)
        free(wanted.ids[kind]);
    return r;
}

/* What of a message too large for a dead letter is kept: with schema overhead it must fit Kafka's default of 1 MB. */
#define DEAD_LETTER_ORIGINAL_MAX (900 * 1024)

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

/* The batch that the shard's round makes; begun with the first thing that has to be committed. */
static int batch_of(Round *round, LiveShard *shard, Batch **ret) {
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
    int r = batch_of(shard->pipeline->round, shard, &batch);
    if (r == 0)
        r = batch_add_output(batch, output, STR_NULL);
    /* the engine forwards negative codes only: see run_error() */
    return r > 0 ? -ECONNABORTED : r;
}

int round_message(void *userdata, const ShardMessage *message) {
    LiveShard *shard = userdata;
    Batch *batch;
    int r = batch_of(shard->pipeline->round, shard, &batch);
    if (r == 0)
        r = batch_add_message(batch, message);
    return r > 0 ? -ECONNABORTED : r;
}

/* What came out of the engine: its own errors are fatal, an output that could not be sent needs a restart. */
static int run_error(int r) {
    if (r == SHARD_E_COLD)
        return -EPROTO; /* the barrier was looked at before */
    return r == -ECONNABORTED ? PIPELINE_E_RESTART : r;
}

/* A message as it came from a source, whichever way it has gone since. */
typedef struct Original {
    Str topic, key, value;
    int64_t offset;
} Original;

static Original original_of(const Pipeline *p, const Record *record) {
    return (Original){.topic = str_from(p->config->sources[record->topic]), .key = record->key, .value = record->value,
            .offset = record->offset};
}

static int send_dead_letter(Round *round, LiveShard *shard, const Original *original, const char *reason, const char *text) {
    static LogLimit limit;
    unsigned left_out;
    Pipeline *p = round->pipeline;
    Output output = {
        .type = OUTPUT_DEAD_LETTER,
        .at_ms = clock_wall_ms(),
        .dead_letter = {.original = {original->value.data, MIN(original->value.len, (size_t)DEAD_LETTER_ORIGINAL_MAX)},
                .topic = original->topic, .partition = shard->id, .offset = original->offset, .reason = str_from(reason),
                .text = str_from(text)},
    };
    Batch *batch;
    if (log_limit_allows(&limit, clock_monotonic_ms(), 10, &left_out))
        log_warning("event.dead_letter", LOG_BYTES("topic", original->topic), LOG_INT("partition", shard->id),
                LOG_INT("offset", original->offset), LOG_STR("reason", reason), LOG_STR("error", text),
                LOG_INT("left_out", left_out));
    int r = batch_of(round, shard, &batch);
    if (r == 0)
        r = batch_add_output(batch, &output, original->key);
    p->counts.dead_letters++;
    return r;
}

static void count(Pipeline *p, const EventResult *result) {
    p->counts.applied += result->outcome == EVENT_APPLIED;
    p->counts.duplicates += result->outcome == EVENT_DUPLICATE;
    p->counts.ignored += result->outcome == EVENT_IGNORED;
}

/* Brings the watermark of the leads or accounts as far as all moments are known. */
static int advance_to_barrier(LiveShard *shard, EntityKind kind) {
    shard->moments_left = true;
    int r = shard_advance(live_shard_engine(shard, kind), live_shard_barrier(shard, kind) - 1);
    return r == SHARD_E_COLD ? 0 : run_error(r);
}

/* With what a message needs around it, it must fit Kafka's default of 1 MB once more. */
#define FORWARDED_MAX DEAD_LETTER_ORIGINAL_MAX

/* The event's lead is another's now, who may live in another shard. */
static int forward(Round *round, LiveShard *shard, const Original *original, Str lead_id) {
    if (original->value.len > FORWARDED_MAX)
        return send_dead_letter(round, shard, original, "too_large",
                "the event's lead was merged into another, and a message over 900 KiB cannot be sent on to it");
    ShardMessage message = {.kind = MESSAGE_EVENT, .at_ms = 0, .lead_id = lead_id, .topic = original->topic,
            .offset = original->offset, .bytes = original->value};
    return run_error(round_message(shard, &message));
}

/* What became of an event that the engine was handed. */
static int settle_event(Round *round, LiveShard *shard, const Original *original, const EventResult *result) {
    count(round->pipeline, result);
    if (result->outcome == EVENT_REJECTED)
        return send_dead_letter(round, shard, original, result->reason, result->text);
    return result->outcome == EVENT_ELSEWHERE ? forward(round, shard, original, result->lead_id) : 0;
}

/* One event. *ret_done false: the watermark cannot pass yet; the event waits for the next round. */
static int apply_event(Round *round, Run *run, const Record *record, int64_t now_ms, bool *ret_done) {
    LiveShard *shard = run->shard;
    Pipeline *p = round->pipeline;
    Original original = original_of(p, record);
    LeadEvent event;
    char text[512];
    *ret_done = true;
    const char *reason = decode(p, record, now_ms, &event, text, sizeof(text));
    if (reason)
        return send_dead_letter(round, shard, &original, reason, text);

    int64_t counted_ms = MIN(event.occurred_at_ms, now_ms);
    int64_t watermark_ms = watermark_with(p->config->watermark, shard->sources, p->config->n_sources,
            p->model->lateness_ms, record->topic, counted_ms);
    if (live_shard_barrier(shard, ENTITY_LEAD) <= watermark_ms) {
        bool accepts;
        int r = shard_accepts(shard->engine, &event, &accepts);
        *ret_done = !accepts;
        if (r < 0 || accepts)
            return r < 0 ? r : advance_to_barrier(shard, ENTITY_LEAD);
    }
    EventResult result;
    int r = run_error(shard_event(shard->engine, &event, watermark_ms, &result));
    if (r != 0)
        return r;
    if (result.outcome == EVENT_APPLIED || result.outcome == EVENT_ELSEWHERE)
        shard->sources[record->topic].newest_ms = MAX(shard->sources[record->topic].newest_ms, counted_ms);
    return settle_event(round, shard, &original, &result);
}

/* --- messages of other shards ------------------------------------------------------------------------ */

/* An event that another shard has sent on: its time has been counted there. */
static int apply_sent_event(Round *round, LiveShard *shard, const ShardMessage *message) {
    Pipeline *p = round->pipeline;
    Original original = {.topic = message->topic, .key = message->lead_id, .value = message->bytes, .offset = message->offset};
    LeadEvent event;
    EventResult result;
    const char *reason;
    char text[512];
    int r = message_decode(p->registry, p->decoder, message->bytes.data, message->bytes.len, &event, &reason, text, sizeof(text));
    if (r != 0)
        return r < 0 ? r : send_dead_letter(round, shard, &original, reason, text);
    event.lead_id = message->lead_id;
    r = run_error(shard_event(shard->engine, &event, shard_watermark(shard->engine), &result));
    return r != 0 ? r : settle_event(round, shard, &original, &result);
}

/* How far another shard's leads are. *ret_done false: the accounts' watermark cannot pass yet. */
static int apply_watermark(LiveShard *shard, const ShardMessage *message, bool *ret_done) {
    if (message->from_shard >= shard->pipeline->n_shards)
        return 0;
    int64_t *of_sender_ms = &shard->lead_watermarks_ms[message->from_shard];
    *of_sender_ms = MAX(*of_sender_ms, message->at_ms);
    int64_t watermark_ms = live_shard_accounts_watermark(shard);
    if (live_shard_barrier(shard, ENTITY_ACCOUNT) <= watermark_ms) {
        *ret_done = false;
        return advance_to_barrier(shard, ENTITY_ACCOUNT);
    }
    return run_error(shard_advance(shard->accounts, watermark_ms));
}

static int unreadable(const LiveShard *shard, const Record *record, const char *why) {
    log_error("message.unreadable", LOG_INT("shard", shard->id), LOG_INT("offset", record->offset), LOG_STR("error", why),
            LOG_STR("remedy", "run the version, and the model, of the instance that wrote it"));
    return PIPELINE_E_RESTART;
}

static int apply_message(Round *round, Run *run, const Record *record, bool *ret_done) {
    LiveShard *shard = run->shard;
    ShardMessage message;
    arena_reset(round->arena);
    int r = shard_message_unpack(record->value, round->arena, &message);
    if (r != 0)
        return r < 0 ? r : unreadable(shard, record, r == SHARD_MESSAGE_E_FORMAT ? "of a newer version" : "not a message");
    switch (message.kind) {
    case MESSAGE_WATERMARK:
        return apply_watermark(shard, &message, ret_done);
    case MESSAGE_EVENT:
        return apply_sent_event(round, shard, &message);
    default:
        r = courier_apply(shard->courier, &message);
        if (r == COURIER_E_MODEL)
            return unreadable(shard, record, "it goes by a model version that is not known here; load the new model (SIGHUP)");
        return r == COURIER_E_CORRUPT ? unreadable(shard, record, "what it carries cannot be read") : run_error(r);
    }
}

static int apply_record(Round *round, Run *run, const Record *record, int64_t now_ms, bool *ret_done) {
    Batch *batch;
    int r = batch_of(round, run->shard, &batch);
    *ret_done = true;
    if (r == 0)
        r = is_message(round->pipeline, record) ? apply_message(round, run, record, ret_done)
                                                : apply_event(round, run, record, now_ms, ret_done);
    if (r == 0 && *ret_done) {
        batch_note_input(batch, record->topic, record->offset + 1);
        round->pipeline->counts.events += !is_message(round->pipeline, record);
    }
    return r;
}

/* After all records: what is proved now counts, and the moments up to the watermark happen. */
static int advance(LiveShard *shard) {
    const Pipeline *p = shard->pipeline;
    for (size_t i = 0; i < p->config->n_sources; i++)
        shard->sources[i].proved_ms = MAX(shard->sources[i].proved_ms, shard->sources[i].proof_ms);
    int64_t watermark_ms =
            watermark_of(p->config->watermark, shard->sources, p->config->n_sources, p->model->lateness_ms);
    if (live_shard_barrier(shard, ENTITY_LEAD) <= MAX(watermark_ms, shard_watermark(shard->engine)))
        return advance_to_barrier(shard, ENTITY_LEAD);
    return run_error(shard_advance(shard->engine, watermark_ms));
}

/* After how long a watermark is told again that has not moved: a shard that was taken over meanwhile has not heard of it. */
#define TELL_AGAIN_MS 30000

/* Tells all shards how far the leads here are. */
static int tell_watermark(LiveShard *shard) {
    int64_t watermark_ms = shard_watermark(shard->engine), now_ms = clock_monotonic_ms();
    if (!live_shard_is_to_tell(shard) || watermark_ms == TIME_NONE ||
            (watermark_ms == shard->told_watermark_ms && now_ms - shard->told_at_ms < TELL_AGAIN_MS))
        return 0;
    ShardMessage message = {.kind = MESSAGE_WATERMARK, .from_shard = shard->id, .at_ms = MAX(watermark_ms, 0)};
    shard->told_watermark_ms = watermark_ms;
    shard->told_at_ms = now_ms;
    return run_error(round_message(shard, &message));
}

/* The next step of a new model's way through all records. */
static int walk(Round *round, LiveShard *shard) {
    Batch *batch;
    bool done;
    int r = batch_of(round, shard, &batch); /* also where nothing comes of it: the footer says how far it is */
    if (r == 0)
        r = run_error(model_walk_apply(shard, &done));
    if (r == 0 && done) {
        shard->walk = model_walk_free(shard->walk);
        shard->walk_ended = true;
    }
    return r;
}

static int run_engine(Round *round, Run *run, int64_t now_ms) {
    run->shard->moments_left = false;
    while (run->n_done < run->n) {
        bool done;
        int r = apply_record(round, run, &run->records[run->n_done], now_ms, &done);
        if (r != 0 || !done)
            return r;
        run->n_done++;
    }
    int r = run->shard->walk ? walk(round, run->shard) : 0;
    if (r == 0)
        r = advance(run->shard);
    return r == 0 ? tell_watermark(run->shard) : r;
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

static int commit(Round *round) {
    Pipeline *p = round->pipeline;
    char text[KAFKA_TEXT_SIZE] = "";
    _cleanup_(free_null) ShardOffsets *offsets = calloc((size_t)p->n_shards, sizeof(*offsets));
    size_t n;
    int r = offsets ? finish_batches(round, offsets, &n) : -ENOMEM;
    if (r != 0)
        return r;
    r = kafka_sink_commit(p->sink, p->source, offsets, n, text);
    if (r > 0) {
        log_warning("transaction.failed", LOG_INT("code", r), LOG_STR("error", text));
        /* The restart makes a new producer, which aborts what this one leaves; an orderly abort only spares readers the wait. */
        if (r == KAFKA_E_ABORT && kafka_sink_abort(p->sink, text) != 0)
            log_warning("transaction.abort", LOG_STR("error", text));
        return PIPELINE_E_RESTART;
    }
    p->in_transaction = false;
    p->counts.batches++;
    return r;
}

/* Committed: from here on nothing can take it back. */
static int hand_to_views(Round *round) {
    Pipeline *p = round->pipeline;
    for (int32_t i = 0; i < p->n_shards; i++) {
        if (!round->batches[i])
            continue;
        batch_settle(round->batches[i]);
        round->batches[i] = batch_free(round->batches[i]);
    }
    int result = 0;
    for (int32_t i = 0; i < p->n_shards; i++) {
        LiveShard *shard = p->shards[i];
        if (!shard)
            continue;
        if (shard->walk_ended)
            log_info("model.applied", LOG_INT("shard", shard->id), LOG_INT("version", p->model->version));
        shard->walk_ended = false;
        int r = view_queue_flush(shard->view_queue, shard);
        if (r == 0)
            r = live_shard_trim(shard);
        if (r < 0 || r == PIPELINE_E_RESTART)
            result = r; /* PIPELINE_E_WAIT: it is in the queue */
    }
    return result;
}

/* --- the whole --------------------------------------------------------------------------------------- */

/* One run a shard that is ours, with or without records. */
static size_t make_runs(Round *round, Run *runs) {
    const Pipeline *p = round->pipeline;
    size_t n = 0, at = 0;
    if (round->n_records)
        qsort(round->records, round->n_records, sizeof(*round->records), compare_records);
    for (int32_t i = 0; i < p->n_shards; i++) {
        size_t begin = at;
        while (at < round->n_records && round->records[at].shard == i)
            at++;
        if (p->shards[i])
            runs[n++] = (Run){.shard = p->shards[i], .records = &round->records[begin], .n = at - begin};
    }
    return n;
}

/* Releases what is done and keeps the rest for the next round. */
static void keep_rest(Round *round, const Run *runs, size_t n_runs) {
    size_t n = 0;
    for (size_t k = 0; k < n_runs; k++)
        for (size_t i = 0; i < runs[k].n; i++) {
            if (i < runs[k].n_done)
                release(&runs[k].records[i]);
            else
                round->records[n++] = runs[k].records[i];
        }
    round->n_records = n;
}

int round_run(Round *round) {
    Pipeline *p = round->pipeline;
    int64_t now_ms = clock_wall_ms();
    _cleanup_(free_null) Run *runs = calloc((size_t)p->n_shards, sizeof(*runs));
    if (!runs)
        return -ENOMEM;
    size_t n = make_runs(round, runs);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++)
        r = load(&runs[i], now_ms);
    if (r != 0)
        return r;
    for (size_t i = 0; i < n && r == 0; i++)
        r = run_engine(round, &runs[i], now_ms);
    if (r == 0 && p->in_transaction)
        r = commit(round);
    if (r == 0)
        keep_rest(round, runs, n);
    return r == 0 ? hand_to_views(round) : r;
}
