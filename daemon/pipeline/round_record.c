/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/base/clock.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/round_internal.h"

/* What of a message can be sent on to another shard: with what it needs around it, it must fit Kafka's default once more. */
#define FORWARDED_MAX (900 * 1024)

bool round_is_message(const Pipeline *p, const Record *record) {
    return inputs_is_internal(&p->inputs, record->input);
}

static const Input *input_of(const Pipeline *p, const Record *record) {
    return &p->inputs.inputs[record->input];
}

static bool is_where_it_belongs(const Pipeline *p, const Record *record, Str lead_id, char *text, size_t size) {
    if (!str_eq(record->key, lead_id)) {
        (void)snprintf(text, size, "the record's key is not its lead_id \"%.*s\"", STR_FMT(lead_id));
        return false;
    }
    int32_t partition = kafka_partition_of(p->config, record->key, p->n_shards);
    if (partition == record->shard)
        return true;
    (void)snprintf(text, size, "the key belongs to partition %d by %s, not to %d", (int)partition, p->config->partitioner, (int)record->shard);
    return false;
}

static int reject(const char *reason, const char **ret) {
    *ret = reason;
    return MESSAGE_E_REJECTED;
}

/* A record whose schema is not known was not to be taken (round_schema.c). */
static int readable(int r) {
    return r == MESSAGE_E_AWAITED ? -EPROTO : r;
}

int round_decode(Pipeline *p, const Record *record, int64_t now_ms, LeadEvent *ret, const char **ret_reason, char *text, size_t size) {
    int r = message_decode(p->registry, p->decoder, record->value.data, record->value.len, ret, ret_reason, text, size);
    if (r != 0)
        return readable(r);
    if (!input_of(p, record)->is_routed && !is_where_it_belongs(p, record, ret->lead_id, text, size))
        return reject("misrouted", ret_reason);
    if (ret->occurred_at_ms > now_ms + p->config->max_future_ms) {
        (void)snprintf(text, size, "occurred_at is %lld ms ahead of the clock, more than max_future",
                (long long)(ret->occurred_at_ms - now_ms));
        return reject("future", ret_reason);
    }
    return 0;
}

/*
 * Not later than it was appended: it may be dated ahead, and read late it would otherwise stand for time of whose events some are behind
 * it in the log. When it was appended is known where the broker stamps records. Where producers do, one whose clock is ahead by up to
 * max_future is believed (more is no event), so all of them count as of so much earlier; what is exact is the proof of being caught up.
 * Loads of history know no time but that of the events.
 */
int64_t round_counted_time(const Pipeline *p, const Record *record, const LeadEvent *event, int64_t now_ms) {
    int64_t at_ms = MIN(event->occurred_at_ms, now_ms);
    if (p->config->watermark != WATERMARK_WALL)
        return at_ms;
    if (record->is_append_time)
        return MIN(at_ms, record->timestamp_ms);
    return (record->timestamp_ms >= 0 ? MIN(at_ms, record->timestamp_ms) : at_ms) - p->config->max_future_ms;
}

/* A message as it came from a source, whichever way it has gone since. */
typedef struct Original {
    Str topic, key, value;
    int32_t partition;
    int64_t offset;
} Original;

static Original original_of(const Pipeline *p, const Record *record) {
    return (Original){.topic = str_from(input_of(p, record)->topic), .key = record->key, .value = record->value,
            .partition = inputs_partition(&p->inputs, record->input, record->shard), .offset = record->offset};
}

static int send_dead_letter(Round *round, LiveShard *shard, const Original *original, const char *reason, const char *text) {
    Pipeline *p = round->pipeline;
    Output output = {
        .type = OUTPUT_DEAD_LETTER,
        .at_ms = clock_wall_ms(),
        .dead_letter = {.original = {original->value.data, MIN(original->value.len, (size_t)DEAD_LETTER_ORIGINAL_MAX)},
                .topic = original->topic, .partition = original->partition, .offset = original->offset, .reason = str_from(reason),
                .text = str_from(text)},
    };
    Batch *batch;
    log_warning_burst(10, "event.dead_letter", LOG_BYTES("topic", original->topic), LOG_INT("partition", original->partition),
            LOG_INT("offset", original->offset), LOG_ID("key", original->key), LOG_STR("reason", reason), LOG_QUOTE("error", text));
    int r = round_batch(round, shard, &batch);
    if (r == 0)
        r = batch_add_output(batch, &output, original->key);
    p->counts.dead_letters++;
    telemetry_event(p->telemetry, TELEMETRY_REJECTED, STR_NULL);
    return r;
}

static void count(Pipeline *p, const LeadEvent *event, const EventResult *result) {
    p->counts.applied += result->outcome == EVENT_APPLIED;
    p->counts.duplicates += result->outcome == EVENT_DUPLICATE;
    p->counts.ignored += result->outcome == EVENT_IGNORED;
    if (result->outcome == EVENT_APPLIED)
        telemetry_event(p->telemetry, TELEMETRY_APPLIED, event->type);
    else if (result->outcome == EVENT_DUPLICATE || result->outcome == EVENT_IGNORED)
        telemetry_event(p->telemetry, result->outcome == EVENT_IGNORED ? TELEMETRY_IGNORED : TELEMETRY_DUPLICATE, STR_NULL);
}

/* The event's lead may live in another shard. */
static int forward(Round *round, LiveShard *shard, const Original *original, Str lead_id) {
    if (original->value.len > FORWARDED_MAX)
        return send_dead_letter(round, shard, original, "too_large",
                "a message over 900 KiB cannot be sent on to the partition of its lead");
    telemetry_event(round->pipeline->telemetry, TELEMETRY_FORWARDED, STR_NULL);
    ShardMessage message = {.kind = MESSAGE_EVENT, .at_ms = 0, .lead_id = lead_id, .topic = original->topic,
            .partition = original->partition, .offset = original->offset, .bytes = original->value};
    return round_run_error(round_message(shard, &message));
}

/* What became of an event that the engine was handed. */
static int settle_event(Round *round, LiveShard *shard, const Original *original, const LeadEvent *event, const EventResult *result) {
    count(round->pipeline, event, result);
    if (result->outcome == EVENT_REJECTED)
        return send_dead_letter(round, shard, original, result->reason, result->text);
    return result->outcome == EVENT_ELSEWHERE ? forward(round, shard, original, result->lead_id) : 0;
}

/* An event of a routed source: what it does, it does where its lead is. */
static int route_event(Round *round, LiveShard *shard, const Record *record, int64_t now_ms) {
    Pipeline *p = round->pipeline;
    Original original = original_of(p, record);
    LeadEvent event;
    const char *reason;
    char text[512];
    int r = round_decode(p, record, now_ms, &event, &reason, text, sizeof(text));
    if (r != 0)
        return r < 0 ? r : send_dead_letter(round, shard, &original, reason, text);
    SourceProgress *progress = live_shard_progress(shard, record->input);
    progress->newest_ms = latest(progress->newest_ms, round_counted_time(p, record, &event, now_ms));
    return forward(round, shard, &original, event.lead_id);
}

/* One event. *ret_done false: the watermark cannot pass yet; the event waits for the next round. */
static int apply_event(Round *round, Run *run, const Record *record, int64_t now_ms, bool *ret_done) {
    LiveShard *shard = run->shard;
    Pipeline *p = round->pipeline;
    Original original = original_of(p, record);
    unsigned source = input_of(p, record)->source;
    LeadEvent event;
    const char *reason;
    char text[512];
    *ret_done = true;
    int r = round_decode(p, record, now_ms, &event, &reason, text, sizeof(text));
    if (r != 0)
        return r < 0 ? r : send_dead_letter(round, shard, &original, reason, text);

    int64_t counted_ms = round_counted_time(p, record, &event, now_ms);
    int64_t watermark_ms = watermark_with(p->config->watermark, shard->sources, p->config->n_sources,
            p->model->lateness_ms, source, counted_ms);
    if (live_shard_barrier(shard, ENTITY_LEAD) <= watermark_ms) {
        bool accepts;
        r = shard_accepts(shard->engine, &event, &accepts);
        *ret_done = !accepts;
        if (r < 0 || accepts)
            return r < 0 ? r : round_advance_to_barrier(shard, ENTITY_LEAD);
    }
    EventResult result;
    r = round_run_error(shard_event(shard->engine, &event, watermark_ms, &result));
    if (r != 0)
        return r;
    if (result.outcome == EVENT_APPLIED || result.outcome == EVENT_ELSEWHERE)
        shard->sources[source].newest_ms = MAX(shard->sources[source].newest_ms, counted_ms);
    return settle_event(round, shard, &original, &event, &result);
}

/* --- messages of other shards ------------------------------------------------------------------------ */

/* An event that another shard has sent on: its time has been counted there. */
static int apply_sent_event(Round *round, LiveShard *shard, const ShardMessage *message) {
    Pipeline *p = round->pipeline;
    Original original = {.topic = message->topic, .key = message->lead_id, .value = message->bytes,
            .partition = message->partition >= 0 ? message->partition : shard->id, .offset = message->offset};
    LeadEvent event;
    EventResult result;
    const char *reason;
    char text[512];
    int r = readable(message_decode(p->registry, p->decoder, message->bytes.data, message->bytes.len, &event, &reason, text, sizeof(text)));
    if (r != 0)
        return r < 0 ? r : send_dead_letter(round, shard, &original, reason, text);
    event.lead_id = message->lead_id;
    r = round_run_error(shard_event(shard->engine, &event, shard_watermark(shard->engine), &result));
    return r != 0 ? r : settle_event(round, shard, &original, &event, &result);
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
        return round_advance_to_barrier(shard, ENTITY_ACCOUNT);
    }
    return round_run_error(shard_advance(shard->accounts, watermark_ms));
}

/*
 * How far another shard has sent on a routed source. It happens where it stands among the events, so that what comes of them does not
 * depend on the batches: as long as the watermark cannot pass, nothing was heard. *ret_done false: it cannot yet.
 */
static int apply_progress(LiveShard *shard, const ShardMessage *message, bool *ret_done) {
    const Pipeline *p = shard->pipeline;
    RoutedNews news = {.at_ms = message->at_ms, .at_end = message->at_end};
    SourceProgress sources[CONFIG_SOURCES_MAX];
    memcpy(sources, shard->sources, sizeof(sources));
    if (!inputs_find_routed(&p->inputs, message->topic, &news.source) ||
            !routed_foresee(shard->routed, &news, message->from_shard, &sources[news.source]))
        return 0; /* of a source that is routed no more */
    int64_t watermark_ms = watermark_of(p->config->watermark, sources, p->config->n_sources, p->model->lateness_ms);
    if (live_shard_barrier(shard, ENTITY_LEAD) <= watermark_ms) {
        *ret_done = false;
        return round_advance_to_barrier(shard, ENTITY_LEAD);
    }
    (void)routed_hear(shard->routed, &news, message->from_shard);
    shard->sources[news.source] = sources[news.source];
    return round_run_error(shard_advance(shard->engine, watermark_ms));
}

static int apply_message(Round *round, Run *run, const Record *record, bool *ret_done) {
    LiveShard *shard = run->shard;
    ShardMessage message;
    arena_reset(round->arena);
    int r = shard_message_unpack(record->value, round->arena, &message);
    if (r != 0)
        return MIN(r, -EPROTO); /* it was looked at before */
    switch (message.kind) {
    case MESSAGE_WATERMARK:
        return apply_watermark(shard, &message, ret_done);
    case MESSAGE_PROGRESS:
        return apply_progress(shard, &message, ret_done);
    case MESSAGE_EVENT:
        return apply_sent_event(round, shard, &message);
    default:
        r = courier_apply(shard->courier, &message);
        return r > 0 ? -EPROTO : round_run_error(r);
    }
}

int round_apply_record(Round *round, Run *run, const Record *record, int64_t now_ms, bool *ret_done) {
    Batch *batch;
    int r = round_batch(round, run->shard, &batch);
    *ret_done = true;
    if (r == 0 && round_is_message(round->pipeline, record))
        r = apply_message(round, run, record, ret_done);
    else if (r == 0)
        r = input_of(round->pipeline, record)->is_routed ? route_event(round, run->shard, record, now_ms)
                                                         : apply_event(round, run, record, now_ms, ret_done);
    if (r == 0 && *ret_done) {
        batch_note_input(batch, record->input, record->offset + 1);
        round->pipeline->counts.events += !round_is_message(round->pipeline, record);
    }
    return r;
}
