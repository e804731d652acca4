/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/faults/batch_replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/io/kafka/kafka_client.h"
#include "daemon/pipeline/footer.h"
#include "daemon/pipeline/model_history.h"
#include "lib/model/skeleton.h"
#include "lib/record/account_record.h"

struct BatchReplay {
    BatchReplayOptions options;
    AvroEventDecoder *decoder;
    Pipeline pipeline; /* what decoding looks at */

    const Model *model;
    ModelHistory history;
    int64_t restored_ms[_ENTITY_KIND_MAX]; /* where time was under the model before */
    bool has_skeleton; /* the model's was written */
    Shard *leads, *accounts;
    Courier *courier;
    Arena *arena;
    Buffer buffer;
    SourceProgress sources[CONFIG_SOURCES_MAX];
    int64_t newest_end_ms[CONFIG_SOURCES_MAX];
    Routed *routed;         /* NULL: no source is */
    int64_t *watermarks_ms; /* of each shard's leads, as told here */
    int64_t n_outputs;      /* of the batch */
};

static void expect_done(int r, const char *what) {
    if (r == 0)
        return;
    fprintf(stderr, "batches run again: %s: %d\n", what, r);
    exit(EXIT_FAILURE);
}

static void write_record(const BatchReplay *replay, const char *topic, int32_t partition, Str key, Str value) {
    replay->options.written(replay->options.userdata, topic, partition, key, value);
}

/* --- what the engine says ---------------------------------------------------------------------------- */

static int put_out(BatchReplay *replay, const Output *output, Str key) {
    char text[256];
    Str value;
    expect_done(avro_output_encode(replay->options.encoder, output, &value, text, sizeof(text)), "avro_output_encode()");
    int32_t partition = kafka_partition_of(replay->options.config, key, replay->options.inputs->n_shards);
    write_record(replay, replay->options.config->output_topics[output->type], partition, key, value);
    replay->n_outputs++;
    return 0;
}

/* Of a lead that is no more nothing stays in topics that keep the latest record of each key. */
static void erase(const BatchReplay *replay, Str lead_id) {
    const Config *config = replay->options.config;
    for (size_t type = 0; type < _OUTPUT_TYPE_MAX; type++)
        if (replay->options.is_compacted[type])
            write_record(replay, config->output_topics[type], kafka_partition_of(config, lead_id, replay->options.inputs->n_shards), lead_id, STR_NULL);
}

static int on_output(void *userdata, const Output *output) {
    BatchReplay *replay = userdata;
    int r = put_out(replay, output, output->lead_id.data ? output->lead_id : output->account_id);
    if (output->type == OUTPUT_LEAD_RETIRED)
        erase(replay, output->lead_id);
    return r;
}

static Str pack_message(BatchReplay *replay, const ShardMessage *message) {
    replay->buffer.len = 0;
    expect_done(shard_message_pack(message, replay->model, &replay->buffer), "shard_message_pack()");
    return (Str){(const char *)replay->buffer.data, replay->buffer.len};
}

static int on_message(void *userdata, const ShardMessage *message) {
    BatchReplay *replay = userdata;
    Str target = shard_message_target(message);
    write_record(replay, replay->options.config->internal_topic, kafka_partition_of(replay->options.config, target, replay->options.inputs->n_shards), target,
            pack_message(replay, message));
    return 0;
}

/* --- models ------------------------------------------------------------------------------------------ */

static void close_model(BatchReplay *replay) {
    replay->courier = courier_free(replay->courier);
    replay->leads = shard_free(replay->leads);
    replay->accounts = shard_free(replay->accounts);
    model_history_done(&replay->history);
}

static void open_shards(BatchReplay *replay, int64_t watermark_ms, int64_t accounts_ms) {
    OutputSink sink = {.output = on_output, .userdata = replay};
    expect_done(shard_new(replay->model, sink, &replay->leads), "shard_new()");
    expect_done(shard_new(replay->model, sink, &replay->accounts), "shard_new()");
    expect_done(courier_new(replay->model, replay->leads, replay->accounts,
                        (MessageSink){.message = on_message, .userdata = replay}, &replay->courier),
            "courier_new()");
    for (size_t i = 0; i < replay->history.n; i++)
        expect_done(courier_add_migration(replay->courier, replay->history.models[i].migration), "courier_add_migration()");
    shard_restore_watermark(replay->leads, watermark_ms);
    shard_restore_watermark(replay->accounts, accounts_ms);
}

void batch_replay_set_model(BatchReplay *replay, const Model *model) {
    replay->restored_ms[ENTITY_LEAD] = replay->leads ? shard_watermark(replay->leads) : TIME_NONE;
    replay->restored_ms[ENTITY_ACCOUNT] = replay->accounts ? shard_watermark(replay->accounts) : TIME_NONE;
    close_model(replay);
    replay->model = replay->pipeline.model = model;
    replay->has_skeleton = false;
}

void batch_replay_add_skeleton(BatchReplay *replay, Str skeleton) {
    expect_done(model_history_add(&replay->history, replay->model, -1, skeleton), "a skeleton");
}

void batch_replay_open(BatchReplay *replay) {
    open_shards(replay, replay->restored_ms[ENTITY_LEAD], replay->restored_ms[ENTITY_ACCOUNT]);
}

void batch_replay_load(BatchReplay *replay, EntityKind kind, Str id, Str bytes) {
    Lead *lead;
    Account *account;
    if (kind == ENTITY_LEAD) {
        expect_done(model_history_unpack_lead(&replay->history, replay->model, bytes, id, &lead), "a lead's record");
        expect_done(shard_load(replay->leads, lead), "shard_load()");
    } else {
        expect_done(model_history_unpack_account(&replay->history, replay->model, bytes, id, &account), "an account's record");
        expect_done(shard_load_account(replay->accounts, account), "shard_load_account()");
    }
}

bool batch_replay_has_model(const BatchReplay *replay) {
    return replay->model != NULL;
}

/* --- records ----------------------------------------------------------------------------------------- */

static void dead_letter(BatchReplay *replay, Str topic, int32_t partition, int64_t offset, Str key, Str value, const char *reason, const char *text) {
    Output output = {
            .type = OUTPUT_DEAD_LETTER,
            .dead_letter = {.original = value, .topic = topic, .partition = partition, .offset = offset,
                    .reason = str_from(reason), .text = str_from(text)},
    };
    (void)put_out(replay, &output, key);
}

/* The rest of what becomes of an event. */
static int64_t settle_event(BatchReplay *replay, Str topic, int32_t partition, int64_t offset, Str key, Str value, const EventResult *result) {
    if (result->outcome == EVENT_REJECTED)
        dead_letter(replay, topic, partition, offset, key, value, result->reason, result->text);
    if (result->outcome == EVENT_ELSEWHERE) {
        ShardMessage message = {.kind = MESSAGE_EVENT, .lead_id = result->lead_id, .topic = topic, .partition = partition,
                .offset = offset, .bytes = value};
        (void)on_message(replay, &message);
    }
    return result->outcome == EVENT_REJECTED ? REPLAY_DEAD_LETTER : (int64_t)result->outcome;
}

/* The partition that the record stands in, as its dead letter names it. */
static int32_t partition_of(const BatchReplay *replay, const Record *record) {
    return inputs_partition(&replay->pipeline.inputs, record->input, record->shard);
}

/* An event of a routed source: what it does, it does where its lead is. */
static int64_t route_event(BatchReplay *replay, const Record *record, const LeadEvent *event) {
    ShardMessage message = {.kind = MESSAGE_EVENT, .lead_id = event->lead_id, .topic = str_from(replay->pipeline.inputs.inputs[record->input].topic),
            .partition = partition_of(replay, record), .offset = record->offset, .bytes = record->value};
    (void)on_message(replay, &message);
    return REPLAY_SENT_ON;
}

static int64_t apply_event(BatchReplay *replay, const Record *record, int64_t now_ms) {
    const Config *config = replay->options.config;
    const Input *input = &replay->pipeline.inputs.inputs[record->input];
    Str topic = str_from(input->topic);
    LeadEvent event;
    EventResult result;
    char text[512];
    const char *reason;
    int r = round_decode(&replay->pipeline, record, now_ms, &event, &reason, text, sizeof(text));
    if (r < 0)
        expect_done(r, "round_decode()");
    if (r != 0) {
        dead_letter(replay, topic, partition_of(replay, record), record->offset, record->key, record->value, reason, text);
        return REPLAY_DEAD_LETTER;
    }
    if (input->is_routed)
        return route_event(replay, record, &event);
    SourceProgress *source = &replay->sources[input->source];
    /* If it was dated after the clock, too, that was the greatest by then, and stands in the footer. */
    int64_t counted_ms = MIN(MIN(event.occurred_at_ms, record->timestamp_ms), replay->newest_end_ms[input->source]);
    int64_t watermark_ms = watermark_with(config->watermark, replay->sources, config->n_sources, replay->model->lateness_ms, input->source, counted_ms);
    expect_done(shard_event(replay->leads, &event, watermark_ms, &result), "shard_event()");
    if (result.outcome == EVENT_APPLIED || result.outcome == EVENT_ELSEWHERE)
        source->newest_ms = MAX(source->newest_ms, counted_ms);
    return settle_event(replay, topic, partition_of(replay, record), record->offset, record->key, record->value, &result);
}

static void apply_sent_event(BatchReplay *replay, const ShardMessage *message) {
    LeadEvent event;
    EventResult result;
    const char *reason;
    char text[512];
    int r = message_decode(replay->options.registry, replay->decoder, message->bytes.data, message->bytes.len, &event, &reason, text, sizeof(text));
    if (r > 0) {
        dead_letter(replay, message->topic, message->partition, message->offset, message->lead_id, message->bytes, reason, text);
        return;
    }
    expect_done(r, "message_decode()");
    Str key = event.lead_id; /* of a lead that was merged its former one */
    event.lead_id = message->lead_id;
    expect_done(shard_event(replay->leads, &event, shard_watermark(replay->leads), &result), "shard_event()");
    (void)settle_event(replay, message->topic, message->partition, message->offset, key, message->bytes, &result);
}

static void apply_watermark(BatchReplay *replay, const ShardMessage *message) {
    int64_t least_ms = TIME_NEVER;
    if (message->from_shard >= replay->options.inputs->n_shards)
        return;
    int64_t *of_sender_ms = &replay->watermarks_ms[message->from_shard];
    *of_sender_ms = MAX(*of_sender_ms, message->at_ms);
    for (int32_t i = 0; i < replay->options.inputs->n_shards; i++)
        least_ms = MIN(least_ms, replay->watermarks_ms[i]);
    expect_done(shard_advance(replay->accounts, least_ms), "shard_advance()");
}

/* How far another shard has sent on a routed source. */
static void apply_progress(BatchReplay *replay, const ShardMessage *message) {
    const Config *config = replay->options.config;
    RoutedNews news = {.at_ms = message->at_ms, .at_end = message->at_end};
    if (!inputs_find_routed(&replay->pipeline.inputs, message->topic, &news.source) || !routed_hear(replay->routed, &news, message->from_shard))
        return;
    replay->sources[news.source] = routed_source(replay->routed, news.source);
    expect_done(shard_advance(replay->leads, watermark_of(config->watermark, replay->sources, config->n_sources, replay->model->lateness_ms)),
            "shard_advance()");
}

static int64_t apply_message(BatchReplay *replay, const Record *record) {
    ShardMessage message;
    expect_done(shard_message_unpack(record->value, replay->arena, &message), "shard_message_unpack()");
    if (message.kind == MESSAGE_WATERMARK)
        apply_watermark(replay, &message);
    else if (message.kind == MESSAGE_PROGRESS)
        apply_progress(replay, &message);
    else if (message.kind == MESSAGE_EVENT)
        apply_sent_event(replay, &message);
    else
        expect_done(courier_apply(replay->courier, &message), "courier_apply()");
    return REPLAY_MESSAGE;
}

int64_t batch_replay_record(BatchReplay *replay, const Record *record, int64_t now_ms) {
    return round_is_message(&replay->pipeline, record) ? apply_message(replay, record) : apply_event(replay, record, now_ms);
}

void batch_replay_order(BatchReplay *replay, Record *sorted, size_t n, Record *ret) {
    for (size_t i = 0; i < n; i++)
        sorted[i].occurred_at_ms = source_order_has(&replay->pipeline.inputs, sorted[i].input)
                ? source_order_time(replay->options.registry, replay->decoder, sorted[i].value)
                : TIME_NONE;
    (void)source_order_merge(&replay->pipeline.inputs, sorted, n, NULL, ret);
}

/* --- batches ----------------------------------------------------------------------------------------- */

void batch_replay_begin(BatchReplay *replay, bool is_taken, int64_t watermark_ms, const BatchReplaySource *sources) {
    const Config *config = replay->options.config;
    for (int32_t i = 0; i < replay->options.inputs->n_shards && is_taken; i++)
        replay->watermarks_ms[i] = shard_watermark(replay->accounts); /* what others had told is known to the owner before only */
    for (unsigned i = 0; i < config->n_sources; i++) {
        if (config->is_routed[i] && is_taken) {
            routed_restore(replay->routed, i, replay->sources[i].newest_ms);
            replay->sources[i] = routed_source(replay->routed, i);
        } else if (!config->is_routed[i]) {
            replay->sources[i].proved_ms = sources[i].proved_ms;
            replay->newest_end_ms[i] = sources[i].newest_end_ms;
        }
    }
    replay->n_outputs = 0;
    expect_done(shard_advance(replay->leads, watermark_ms), "shard_advance()");
}

void batch_replay_settle(BatchReplay *replay, EntityKind kind, Str id) {
    expect_done(shard_apply_model(kind == ENTITY_LEAD ? replay->leads : replay->accounts, kind, id), "shard_apply_model()");
}

static void write_skeleton(BatchReplay *replay) {
    char key[64];
    if (replay->has_skeleton)
        return;
    replay->buffer.len = 0;
    expect_done(skeleton_pack(replay->model, &replay->buffer), "skeleton_pack()");
    (void)snprintf(key, sizeof(key), CHANGELOG_MODEL_PREFIX "%" PRId64, replay->model->version);
    write_record(replay, replay->options.config->changelog_topic, replay->options.shard, str_from(key),
            (Str){(const char *)replay->buffer.data, replay->buffer.len});
    replay->has_skeleton = true;
}

static void write_state(BatchReplay *replay, Entity *entity) {
    bool is_lead = entity->kind == ENTITY_LEAD;
    char key[256];
    int len = snprintf(key, sizeof(key), "%s%.*s", is_lead ? CHANGELOG_LEAD_PREFIX : CHANGELOG_ACCOUNT_PREFIX, STR_FMT(entity->id));
    Str value = STR_NULL;
    if (!entity->erased) {
        replay->buffer.len = 0;
        expect_done(is_lead ? record_pack(lead_of(entity), replay->model, &replay->buffer)
                            : account_record_pack(account_of(entity), replay->model, &replay->buffer), "a record");
        value = (Str){(const char *)replay->buffer.data, replay->buffer.len};
    }
    write_record(replay, replay->options.config->changelog_topic, replay->options.shard, (Str){key, (size_t)len}, value);
}

static void write_all_state(BatchReplay *replay) {
    const EntityTable *tables[] = {shard_leads(replay->leads), shard_accounts(replay->accounts)};
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (Entity *entity = entity_table_dirty(tables[i]); entity; entity = entity->dirty_next)
            write_state(replay, entity);
    shard_clean(replay->leads);
    shard_clean(replay->accounts);
}

/*
 * The accounts' got there by messages, unless the round could not load all of their moments: then it ended without looking at the leads
 * again.
 */
void batch_replay_advance(BatchReplay *replay, int64_t watermark_ms, int64_t accounts_ms) {
    bool is_cut = accounts_ms > shard_watermark(replay->accounts);
    expect_done(is_cut ? shard_advance(replay->accounts, accounts_ms) : shard_advance(replay->leads, watermark_ms), "shard_advance()");
}

Str batch_replay_told(BatchReplay *replay) {
    int64_t reached_ms = shard_watermark(replay->leads);
    ShardMessage message = {.kind = MESSAGE_WATERMARK, .from_shard = replay->options.shard, .at_ms = MAX(reached_ms, 0)};
    return reached_ms == TIME_NONE ? STR_NULL : pack_message(replay, &message);
}

void batch_replay_end(BatchReplay *replay) {
    write_skeleton(replay);
    write_all_state(replay);
    arena_reset(replay->arena);
}

int64_t batch_replay_watermark(const BatchReplay *replay, EntityKind kind) {
    return shard_watermark(kind == ENTITY_LEAD ? replay->leads : replay->accounts);
}

int64_t batch_replay_outputs(const BatchReplay *replay) {
    return replay->n_outputs;
}

/* --- the whole --------------------------------------------------------------------------------------- */

BatchReplay *batch_replay_new(const BatchReplayOptions *options) {
    BatchReplay *replay = calloc(1, sizeof(*replay));
    size_t n_shards = (size_t)options->inputs->n_shards;
    if (!replay)
        expect_done(-ENOMEM, "calloc()");
    replay->options = *options;
    replay->pipeline = (Pipeline){.config = options->config, .registry = options->registry, .inputs = *options->inputs,
            .n_shards = options->inputs->n_shards};
    replay->options.inputs = &replay->pipeline.inputs;
    expect_done(avro_event_decoder_new(&replay->decoder), "avro_event_decoder_new()");
    replay->pipeline.decoder = replay->decoder;
    expect_done(arena_new(&replay->arena), "arena_new()");
    expect_done(routed_new(replay->options.inputs, options->config->watermark, &replay->routed), "routed_new()");
    replay->watermarks_ms = calloc(n_shards, sizeof(int64_t));
    if (!replay->watermarks_ms)
        expect_done(-ENOMEM, "calloc()");
    for (size_t i = 0; i < n_shards; i++)
        replay->watermarks_ms[i] = TIME_NONE;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        replay->sources[i] = SOURCE_PROGRESS_INIT;
    return replay;
}

BatchReplay *batch_replay_free(BatchReplay *replay) {
    close_model(replay);
    buffer_done(&replay->buffer);
    routed_free(replay->routed);
    arena_free(replay->arena);
    free(replay->watermarks_ms);
    avro_event_decoder_free(replay->decoder);
    free(replay);
    return NULL;
}
