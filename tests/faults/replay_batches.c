/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_batches CONFIG SHARD N_SHARDS [COMPACTED-TOPIC]... < commands
 *
 * Runs the batches of one shard again, as its footers say: which records of which topics each took, and by what watermarks. Prints
 * what each batch must have written, in order. Nothing is asked of a server (so those of the output topics that are compacted are to be
 * named), and all leads and accounts stay in memory.
 *
 * Numbers are of 8 bytes, big-endian; strings have their length in front, -1 for null. Commands:
 *
 *   1  MODEL    path; number of skeletons, of each its bytes; number of records, of each kind, id, bytes: the shard goes on under this
 *               model from these records
 *   2  BATCH    1 if the shard was taken over before; watermark; of each source: proved up to, greatest occurred_at at the end
 *   3  RECORD   topic (sources as configured, then the internal one), offset, its timestamp, wall clock at its reading, key, value
 *   4  SETTLE   kind, id: a new model's walk comes by
 *   5  END      watermark of the leads, of the accounts
 *
 * Answers:
 *
 *   1  WRITTEN  topic, partition, key, value
 *   2  OUTCOME  of each record, in order: see below
 *   3  TOLD     value of the watermark message that may have been sent to all shards at this point; null: it cannot have been
 *   4  ENDED    watermark of the leads, of the accounts; number of outputs
 */
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/command.h"
#include "daemon/footer.h"
#include "daemon/io/kafka_client.h"
#include "daemon/live_shard.h"
#include "daemon/model_history.h"
#include "daemon/round_internal.h"
#include "lib/account_record.h"
#include "lib/skeleton.h"
#include "tests/integration/frames.h"

enum { COMMAND_MODEL = 1, COMMAND_BATCH, COMMAND_RECORD, COMMAND_SETTLE, COMMAND_END };
enum { ANSWER_WRITTEN = 1, ANSWER_OUTCOME, ANSWER_TOLD, ANSWER_ENDED };
/* EventOutcome, and what is no event of this shard's source. */
enum { OUTCOME_DEAD_LETTER = 10, OUTCOME_MESSAGE };

static const Command command = {.name = "replay_batches"};

typedef struct Replay {
    Config *config;
    Registry *registry;
    AvroOutput *encoder;
    AvroEventDecoder *decoder;
    Pipeline pipeline; /* what decoding looks at */
    int32_t shard, n_shards;
    char **compacted; /* ends with NULL */

    Model *model;
    ModelHistory history;
    bool has_skeleton; /* the model's was written */
    Shard *leads, *accounts;
    Courier *courier;
    Arena *arena;
    Buffer buffer;
    SourceProgress sources[CONFIG_SOURCES_MAX];
    int64_t newest_end_ms[CONFIG_SOURCES_MAX];
    int64_t *watermarks_ms; /* of each shard's leads, as told here */
    int64_t n_outputs;      /* of the batch */
} Replay;

/* --- frames ------------------------------------------------------------------------------------------ */

static void expect_done(int r, const char *what) {
    if (r == 0)
        return;
    fprintf(stderr, "replay_batches: %s: %d\n", what, r);
    exit(EXIT_FAILURE);
}

static int64_t expect_number(void) {
    int64_t number;
    if (!read_number(&number))
        die("the input breaks off");
    return number;
}

static Str expect_string(Arena *arena) {
    int64_t len = expect_number();
    return len < 0 ? STR_NULL : read_bytes(arena, len);
}

static void write_number(int64_t number) {
    uint64_t bytes = htobe64((uint64_t)number);
    (void)fwrite(&bytes, sizeof(bytes), 1, stdout);
}

static void write_string(Str string) {
    write_number(string.data ? (int64_t)string.len : -1);
    if (string.len)
        (void)fwrite(string.data, string.len, 1, stdout);
}

static void write_record(const char *topic, int32_t partition, Str key, Str value) {
    write_number(ANSWER_WRITTEN);
    write_string(str_from(topic));
    write_number(partition);
    write_string(key);
    write_string(value);
}

static void write_outcome(int64_t outcome) {
    write_number(ANSWER_OUTCOME);
    write_number(outcome);
}

/* --- what the engine says ---------------------------------------------------------------------------- */

static int put_out(Replay *replay, const Output *output, Str key) {
    char text[256];
    Str value;
    expect_done(avro_output_encode(replay->encoder, output, &value, text, sizeof(text)), "avro_output_encode()");
    int32_t partition = kafka_partition_of(replay->config, key, replay->n_shards);
    write_record(replay->config->output_topics[output->type], partition, key, value);
    replay->n_outputs++;
    return 0;
}

/* Of a lead that is no more nothing stays in topics that keep the latest record of each key. */
static void erase(const Replay *replay, Str lead_id) {
    for (size_t type = 0; type < _OUTPUT_TYPE_MAX; type++)
        for (char **topic = replay->compacted; *topic; topic++)
            if (strcmp(*topic, replay->config->output_topics[type]) == 0)
                write_record(*topic, kafka_partition_of(replay->config, lead_id, replay->n_shards), lead_id, STR_NULL);
}

static int on_output(void *userdata, const Output *output) {
    Replay *replay = userdata;
    int r = put_out(replay, output, output->lead_id.data ? output->lead_id : output->account_id);
    if (output->type == OUTPUT_LEAD_RETIRED)
        erase(replay, output->lead_id);
    return r;
}

static Str pack_message(Replay *replay, const ShardMessage *message) {
    replay->buffer.len = 0;
    expect_done(shard_message_pack(message, replay->model, &replay->buffer), "shard_message_pack()");
    return (Str){(const char *)replay->buffer.data, replay->buffer.len};
}

static int on_message(void *userdata, const ShardMessage *message) {
    Replay *replay = userdata;
    Str target = shard_message_target(message);
    write_record(replay->config->internal_topic, kafka_partition_of(replay->config, target, replay->n_shards), target,
            pack_message(replay, message));
    return 0;
}

/* --- models ------------------------------------------------------------------------------------------ */

static void close_model(Replay *replay) {
    replay->courier = courier_free(replay->courier);
    replay->leads = shard_free(replay->leads);
    replay->accounts = shard_free(replay->accounts);
    model_history_done(&replay->history);
    replay->model = model_free(replay->model);
}

static void open_shards(Replay *replay, int64_t watermark_ms, int64_t accounts_ms) {
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

static void load_record(Replay *replay, EntityKind kind, Str id, Str bytes) {
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

static void take_model(Replay *replay) {
    int64_t watermark_ms = replay->leads ? shard_watermark(replay->leads) : TIME_NONE;
    int64_t accounts_ms = replay->accounts ? shard_watermark(replay->accounts) : TIME_NONE;
    Str path = expect_string(replay->arena);
    close_model(replay);
    if (command_load_model(&command, path.data, &replay->model) != EXIT_SUCCESS)
        exit(EXIT_FAILURE);
    replay->pipeline.model = replay->model;
    replay->has_skeleton = false;
    for (int64_t n = expect_number(); n > 0; n--)
        expect_done(model_history_add(&replay->history, replay->model, -1, expect_string(replay->arena)), "a skeleton");
    open_shards(replay, watermark_ms, accounts_ms);
    for (int64_t n = expect_number(); n > 0; n--) {
        EntityKind kind = expect_number() == ENTITY_LEAD ? ENTITY_LEAD : ENTITY_ACCOUNT;
        Str id = expect_string(replay->arena);
        load_record(replay, kind, id, expect_string(replay->arena));
    }
}

/* --- records ----------------------------------------------------------------------------------------- */

static void dead_letter(Replay *replay, Str topic, int32_t partition, int64_t offset, Str key, Str value, const char *reason,
        const char *text) {
    Output output = {
            .type = OUTPUT_DEAD_LETTER,
            .dead_letter = {.original = value, .topic = topic, .partition = partition, .offset = offset,
                    .reason = str_from(reason), .text = str_from(text)},
    };
    (void)put_out(replay, &output, key);
}

/* The rest of what becomes of an event. */
static int64_t settle_event(Replay *replay, Str topic, int32_t partition, int64_t offset, Str key, Str value, const EventResult *result) {
    if (result->outcome == EVENT_REJECTED)
        dead_letter(replay, topic, partition, offset, key, value, result->reason, result->text);
    if (result->outcome == EVENT_ELSEWHERE) {
        ShardMessage message = {.kind = MESSAGE_EVENT, .lead_id = result->lead_id, .topic = topic, .partition = partition,
                .offset = offset, .bytes = value};
        (void)on_message(replay, &message);
    }
    return result->outcome == EVENT_REJECTED ? OUTCOME_DEAD_LETTER : (int64_t)result->outcome;
}

static int64_t apply_event(Replay *replay, const Record *record, int64_t now_ms) {
    Str topic = str_from(replay->config->sources[record->input]);
    LeadEvent event;
    EventResult result;
    char text[512];
    const char *reason = round_decode(&replay->pipeline, record, now_ms, &event, text, sizeof(text));
    if (reason) {
        dead_letter(replay, topic, replay->shard, record->offset, record->key, record->value, reason, text);
        return OUTCOME_DEAD_LETTER;
    }
    SourceProgress *source = &replay->sources[record->input];
    /* If it was dated after the clock, too, that was the greatest by then, and stands in the footer. */
    int64_t counted_ms = MIN(MIN(event.occurred_at_ms, record->timestamp_ms), replay->newest_end_ms[record->input]);
    int64_t watermark_ms = watermark_with(replay->config->watermark, replay->sources, replay->config->n_sources,
            replay->model->lateness_ms, record->input, counted_ms);
    expect_done(shard_event(replay->leads, &event, watermark_ms, &result), "shard_event()");
    if (result.outcome == EVENT_APPLIED || result.outcome == EVENT_ELSEWHERE)
        source->newest_ms = MAX(source->newest_ms, counted_ms);
    return settle_event(replay, topic, replay->shard, record->offset, record->key, record->value, &result);
}

static void apply_sent_event(Replay *replay, const ShardMessage *message) {
    LeadEvent event;
    EventResult result;
    const char *reason;
    char text[512];
    int r = message_decode(replay->registry, replay->decoder, message->bytes.data, message->bytes.len, &event, &reason, text, sizeof(text));
    if (r > 0) {
        dead_letter(replay, message->topic, message->partition, message->offset, message->lead_id, message->bytes, reason, text);
        return;
    }
    expect_done(r, "message_decode()");
    event.lead_id = message->lead_id;
    expect_done(shard_event(replay->leads, &event, shard_watermark(replay->leads), &result), "shard_event()");
    (void)settle_event(replay, message->topic, message->partition, message->offset, message->lead_id, message->bytes, &result);
}

static void apply_watermark(Replay *replay, const ShardMessage *message) {
    int64_t least_ms = TIME_NEVER;
    if (message->from_shard >= replay->n_shards)
        return;
    int64_t *of_sender_ms = &replay->watermarks_ms[message->from_shard];
    *of_sender_ms = MAX(*of_sender_ms, message->at_ms);
    for (int32_t i = 0; i < replay->n_shards; i++)
        least_ms = MIN(least_ms, replay->watermarks_ms[i]);
    expect_done(shard_advance(replay->accounts, least_ms), "shard_advance()");
}

static int64_t apply_message(Replay *replay, const Record *record) {
    ShardMessage message;
    expect_done(shard_message_unpack(record->value, replay->arena, &message), "shard_message_unpack()");
    if (message.kind == MESSAGE_WATERMARK)
        apply_watermark(replay, &message);
    else if (message.kind == MESSAGE_EVENT)
        apply_sent_event(replay, &message);
    else
        expect_done(courier_apply(replay->courier, &message), "courier_apply()");
    return OUTCOME_MESSAGE;
}

static void take_record(Replay *replay) {
    int64_t topic = expect_number(), offset = expect_number(), timestamp_ms = expect_number(), now_ms = expect_number();
    Str key = expect_string(replay->arena), value = expect_string(replay->arena);
    Record record = {.shard = replay->shard, .input = (unsigned)topic, .offset = offset,
            .timestamp_ms = timestamp_ms, .key = key, .value = value};
    if (topic < 0 || (size_t)topic > replay->config->n_sources)
        die("there is no such topic");
    write_outcome(round_is_message(&replay->pipeline, &record) ? apply_message(replay, &record) : apply_event(replay, &record, now_ms));
}

/* --- batches ----------------------------------------------------------------------------------------- */

static void begin_batch(Replay *replay) {
    bool taken = expect_number() != 0;
    int64_t watermark_ms = expect_number();
    if (taken) /* what other shards had told is known to the owner before only */
        for (int32_t i = 0; i < replay->n_shards; i++)
            replay->watermarks_ms[i] = shard_watermark(replay->accounts);
    for (size_t i = 0; i < replay->config->n_sources; i++) {
        replay->sources[i].proved_ms = expect_number();
        replay->newest_end_ms[i] = expect_number();
    }
    replay->n_outputs = 0;
    expect_done(shard_advance(replay->leads, watermark_ms), "shard_advance()");
}

static void take_settle(Replay *replay) {
    EntityKind kind = expect_number() == ENTITY_LEAD ? ENTITY_LEAD : ENTITY_ACCOUNT;
    Str id = expect_string(replay->arena);
    expect_done(shard_apply_model(kind == ENTITY_LEAD ? replay->leads : replay->accounts, kind, id), "shard_apply_model()");
}

static void write_skeleton(Replay *replay) {
    char key[64];
    if (replay->has_skeleton)
        return;
    replay->buffer.len = 0;
    expect_done(skeleton_pack(replay->model, &replay->buffer), "skeleton_pack()");
    (void)snprintf(key, sizeof(key), CHANGELOG_MODEL_PREFIX "%" PRId64, replay->model->version);
    write_record(replay->config->changelog_topic, replay->shard, str_from(key),
            (Str){(const char *)replay->buffer.data, replay->buffer.len});
    replay->has_skeleton = true;
}

static void write_state(Replay *replay, Entity *entity) {
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
    write_record(replay->config->changelog_topic, replay->shard, (Str){key, (size_t)len}, value);
}

static void write_all_state(Replay *replay) {
    const EntityTable *tables[] = {shard_leads(replay->leads), shard_accounts(replay->accounts)};
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (Entity *entity = entity_table_dirty(tables[i]); entity; entity = entity->dirty_next)
            write_state(replay, entity);
    shard_clean(replay->leads);
    shard_clean(replay->accounts);
}

/*
 * Time goes on to where the footer says. The accounts' got there by messages, unless the round could not load all of their moments: then
 * it ended without looking at the leads again.
 */
static void end_batch(Replay *replay) {
    int64_t watermark_ms = expect_number(), accounts_ms = expect_number();
    bool is_cut = accounts_ms > shard_watermark(replay->accounts);
    expect_done(is_cut ? shard_advance(replay->accounts, accounts_ms) : shard_advance(replay->leads, watermark_ms), "shard_advance()");
    int64_t reached_ms = shard_watermark(replay->leads);
    ShardMessage message = {.kind = MESSAGE_WATERMARK, .from_shard = replay->shard, .at_ms = MAX(reached_ms, 0)};
    write_number(ANSWER_TOLD);
    write_string(reached_ms == TIME_NONE ? STR_NULL : pack_message(replay, &message));
    write_skeleton(replay);
    write_all_state(replay);
    write_number(ANSWER_ENDED);
    write_number(reached_ms);
    write_number(shard_watermark(replay->accounts));
    write_number(replay->n_outputs);
    arena_reset(replay->arena);
}

static void carry_out(Replay *replay, int64_t what) {
    if (what == COMMAND_MODEL) {
        take_model(replay);
        return;
    }
    if (!replay->model)
        die("there is no model yet");
    switch (what) {
    case COMMAND_BATCH:
        begin_batch(replay);
        break;
    case COMMAND_RECORD:
        take_record(replay);
        break;
    case COMMAND_SETTLE:
        take_settle(replay);
        break;
    case COMMAND_END:
        end_batch(replay);
        break;
    default:
        die("no such command");
    }
}

static void replay_init(Replay *replay, char **argv) {
    if (command_load_config(&command, argv[1], &replay->config) != EXIT_SUCCESS ||
            command_load_schemas(&command, replay->config, &replay->registry, &replay->encoder) != EXIT_SUCCESS)
        exit(EXIT_FAILURE);
    replay->shard = (int32_t)strtol(argv[2], NULL, 10);
    replay->n_shards = (int32_t)strtol(argv[3], NULL, 10);
    replay->compacted = &argv[4];
    if (replay->n_shards < 1 || replay->shard < 0 || replay->shard >= replay->n_shards)
        die("SHARD: one of N_SHARDS expected");
    expect_done(avro_event_decoder_new(&replay->decoder), "avro_event_decoder_new()");
    expect_done(arena_new(&replay->arena), "arena_new()");
    replay->pipeline = (Pipeline){.config = replay->config, .registry = replay->registry, .decoder = replay->decoder,
            .n_shards = replay->n_shards};
    replay->watermarks_ms = calloc((size_t)replay->n_shards, sizeof(int64_t));
    if (!replay->watermarks_ms)
        die("out of memory");
    int32_t n_partitions[CONFIG_SOURCES_MAX];
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        n_partitions[i] = replay->n_shards;
    if (!inputs_make(replay->config, n_partitions, replay->n_shards, &replay->pipeline.inputs))
        die("too many sources");
    for (int32_t i = 0; i < replay->n_shards; i++)
        replay->watermarks_ms[i] = TIME_NONE;
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        replay->sources[i] = SOURCE_PROGRESS_INIT;
}

static void replay_deinit(Replay *replay) {
    close_model(replay);
    buffer_done(&replay->buffer);
    arena_free(replay->arena);
    free(replay->watermarks_ms);
    avro_event_decoder_free(replay->decoder);
    avro_output_free(replay->encoder);
    registry_free(replay->registry);
    config_free(replay->config);
}

int main(int argc, char **argv) {
    static Replay replay;
    int64_t what;
    if (argc < 4)
        die("usage: replay_batches CONFIG SHARD N_SHARDS [COMPACTED-TOPIC]... < commands");
    replay_init(&replay, argv);
    while (read_number(&what))
        carry_out(&replay, what);
    replay_deinit(&replay);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
