/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_shard MODEL N_SHARDS TOPIC SCHEMA < frames
 *
 * Runs what one shard has read, source and internal topic, in the order in which it was committed, through the engine in one go: what
 * a live shard must have told and must keep, whoever owned it and however often. A frame is a number that says what it is:
 *
 *   1  an event: its partition and offset in TOPIC and the message, in Confluent's wire format, written with SCHEMA
 *   2  a record of the internal topic
 *   3  the end of a batch
 *   4  another owner: of how far the other shards were it knows no more than the least
 *
 * Prints outputs as a replay does; what it says to other shards as {"for": ID, "message": HEX}, but for how far it is itself, which goes
 * by the clock; and at the end the state records, as {"key": KEY, "record": HEX}.
 */
#include <stdlib.h>

#include "daemon/footer.h"
#include "daemon/io/file_sink.h"
#include "daemon/io/registry.h"
#include "lib/account_record.h"
#include "lib/record.h"
#include "lib/shard_courier.h"
#include "tests/integration/frames.h"

#define SCHEMA_BYTES_MAX (64 * 1024)

enum { FRAME_EVENT = 1, FRAME_MESSAGE, FRAME_BATCH_END, FRAME_OWNER };

typedef struct Replay {
    const Model *model;
    Shard *leads, *accounts;
    Courier *courier;
    AvroPlan *plan;
    AvroEventDecoder *decoder;
    FileSink sink;
    Buffer buffer;
    const char *topic;
    int64_t newest_ms; /* the greatest occurred_at */
    int64_t *watermarks_ms, n_shards;
} Replay;

static void expect_done(int r, const char *what) {
    if (r == 0)
        return;
    fprintf(stderr, "%s: %d\n", what, r);
    die("the replay failed");
}

/* ---- what comes out --------------------------------------------------------------------------------- */

static void print_bytes(Replay *replay, Str name, Str id, Str hex_name, const Buffer *bytes) {
    static const char digits[] = "0123456789abcdef";
    _cleanup_(free_null) char *hex = malloc(2 * bytes->len + 1);
    if (!hex)
        die("out of memory");
    for (size_t i = 0; i < bytes->len; i++) {
        hex[2 * i] = digits[bytes->data[i] >> 4];
        hex[2 * i + 1] = digits[bytes->data[i] & 15];
    }
    JsonWriter *writer = &replay->sink.writer;
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, name, id);
    json_write_string(writer, hex_name, (Str){hex, 2 * bytes->len});
    json_write_object_end(writer);
    json_write_newline(writer);
    expect_done(json_writer_flush(writer, stdout), "standard output");
}

static int take_message(void *userdata, const ShardMessage *message) {
    Replay *replay = userdata;
    replay->buffer.len = 0;
    int r = shard_message_pack(message, replay->model, &replay->buffer);
    if (r == 0)
        print_bytes(replay, STR_LITERAL("for"), shard_message_target(message), STR_LITERAL("message"), &replay->buffer);
    return r;
}

static void print_records(Replay *replay, const EntityTable *table) {
    size_t iterator = 0;
    Entity *entity;
    while ((entity = entity_table_next(table, &iterator))) {
        bool is_lead = entity->kind == ENTITY_LEAD;
        char key[sizeof(CHANGELOG_ACCOUNT_PREFIX) + EVENT_LEAD_ID_LEN_MAX];
        int n = snprintf(key, sizeof(key), "%s%.*s", is_lead ? CHANGELOG_LEAD_PREFIX : CHANGELOG_ACCOUNT_PREFIX, STR_FMT(entity->id));
        replay->buffer.len = 0;
        expect_done(is_lead ? record_pack(lead_of(entity), replay->model, &replay->buffer)
                            : account_record_pack(account_of(entity), replay->model, &replay->buffer), key);
        print_bytes(replay, STR_LITERAL("key"), (Str){key, (size_t)n}, STR_LITERAL("record"), &replay->buffer);
    }
}

/* ---- what goes in ----------------------------------------------------------------------------------- */

static LeadEvent decode(const Replay *replay, Str message) {
    char text[256];
    LeadEvent event;
    if (message.len < REGISTRY_WIRE_SIZE)
        die("a message without its schema's id");
    expect_done(avro_event_decode(replay->decoder, replay->plan, message.data + REGISTRY_WIRE_SIZE, message.len - REGISTRY_WIRE_SIZE,
            &event, text, sizeof(text)), "an event");
    return event;
}

static void apply_event(Replay *replay, int64_t partition, int64_t offset, Str bytes) {
    LeadEvent event = decode(replay, bytes);
    int64_t newest_ms = MAX(replay->newest_ms, event.occurred_at_ms);
    EventResult result;
    expect_done(shard_event(replay->leads, &event, newest_ms - replay->model->lateness_ms, &result), "shard_event()");
    if (result.outcome == EVENT_APPLIED || result.outcome == EVENT_ELSEWHERE)
        replay->newest_ms = newest_ms;
    if (result.outcome == EVENT_ELSEWHERE)
        expect_done(take_message(replay, &(ShardMessage){.kind = MESSAGE_EVENT, .lead_id = result.lead_id, .topic = str_from(replay->topic),
                                                 .partition = (int32_t)partition, .offset = offset, .bytes = bytes}), "an event sent on");
}

static void apply_sent_event(Replay *replay, const ShardMessage *message) {
    LeadEvent event = decode(replay, message->bytes);
    EventResult result;
    event.lead_id = message->lead_id;
    expect_done(shard_event(replay->leads, &event, shard_watermark(replay->leads), &result), "shard_event()");
    ShardMessage onward = *message;
    onward.lead_id = result.lead_id;
    if (result.outcome == EVENT_ELSEWHERE)
        expect_done(take_message(replay, &onward), "an event sent on");
}

static void apply_watermark(Replay *replay, const ShardMessage *message) {
    int64_t least_ms = TIME_NEVER, *of_sender_ms = &replay->watermarks_ms[message->from_shard % replay->n_shards];
    *of_sender_ms = MAX(*of_sender_ms, message->at_ms);
    for (int64_t i = 0; i < replay->n_shards; i++)
        least_ms = MIN(least_ms, replay->watermarks_ms[i]);
    expect_done(shard_advance(replay->accounts, least_ms), "shard_advance()");
}

static void apply_message(Replay *replay, Arena *arena, Str bytes) {
    ShardMessage message;
    expect_done(shard_message_unpack(bytes, arena, &message), "shard_message_unpack()");
    if (message.kind == MESSAGE_WATERMARK)
        apply_watermark(replay, &message);
    else if (message.kind == MESSAGE_EVENT)
        apply_sent_event(replay, &message);
    else
        expect_done(courier_apply(replay->courier, &message), "courier_apply()");
}

static void set_watermarks(Replay *replay, int64_t watermark_ms) {
    for (int64_t i = 0; i < replay->n_shards; i++)
        replay->watermarks_ms[i] = watermark_ms;
}

static int64_t expect_number(void) {
    int64_t number;
    if (!read_number(&number))
        die("the input breaks off");
    return number;
}

static bool run_frame(Replay *replay, Arena *arena) {
    int64_t kind, partition, offset;
    if (!read_number(&kind))
        return false;
    switch (kind) {
    case FRAME_EVENT:
        partition = expect_number();
        offset = expect_number();
        apply_event(replay, partition, offset, read_bytes(arena, expect_number()));
        break;
    case FRAME_MESSAGE:
        apply_message(replay, arena, read_bytes(arena, expect_number()));
        break;
    case FRAME_BATCH_END:
        /* after events of former ids, too, which move nothing here */
        if (replay->newest_ms != TIME_NONE)
            expect_done(shard_advance(replay->leads, replay->newest_ms - replay->model->lateness_ms), "shard_advance()");
        shard_clean(replay->leads);
        shard_clean(replay->accounts);
        break;
    case FRAME_OWNER:
        set_watermarks(replay, shard_watermark(replay->accounts));
        break;
    default:
        die("an unknown frame");
    }
    return true;
}

/* ---- the whole -------------------------------------------------------------------------------------- */

static AvroPlan *load_plan(const char *path) {
    static char source[SCHEMA_BYTES_MAX];
    char text[256];
    AvroPlan *plan;
    FILE *file = fopen(path, "re");
    if (!file)
        die("the schema cannot be read");
    size_t len = fread(source, 1, sizeof(source), file);
    (void)fclose(file);
    expect_done(avro_plan_new((Str){source, len}, text, sizeof(text), &plan), "the schema");
    return plan;
}

static void init(Replay *replay, const char *schema_path) {
    MessageSink messages = {.message = take_message, .userdata = replay};
    if (replay->n_shards < 1 || replay->n_shards > 1000)
        die("N_SHARDS: 1 to 1000 expected");
    replay->plan = load_plan(schema_path);
    replay->watermarks_ms = calloc((size_t)replay->n_shards, sizeof(int64_t));
    if (!replay->watermarks_ms)
        die("out of memory");
    set_watermarks(replay, TIME_NONE);
    expect_done(avro_event_decoder_new(&replay->decoder), "avro_event_decoder_new()");
    expect_done(shard_new(replay->model, file_sink_output(&replay->sink), &replay->leads), "shard_new()");
    expect_done(shard_new(replay->model, file_sink_output(&replay->sink), &replay->accounts), "shard_new()");
    expect_done(courier_new(replay->model, replay->leads, replay->accounts, messages, &replay->courier), "courier_new()");
}

static void deinit(Replay *replay) {
    courier_free(replay->courier);
    shard_free(replay->leads);
    shard_free(replay->accounts);
    avro_event_decoder_free(replay->decoder);
    avro_plan_free(replay->plan);
    free(replay->watermarks_ms);
    buffer_done(&replay->buffer);
    file_sink_deinit(&replay->sink);
}

int main(int argc, char **argv) {
    if (argc != 5)
        die("usage: replay_shard MODEL N_SHARDS TOPIC SCHEMA < frames");
    _cleanup_(model_free) Model *model = load_model(argv[1]);
    _cleanup_(arena_free) Arena *arena = NULL;
    Replay replay = {.model = model, .sink = FILE_SINK_INIT(stdout), .topic = argv[3], .newest_ms = TIME_NONE,
            .n_shards = strtoll(argv[2], NULL, 10)};
    expect_done(arena_new(&arena), "arena_new()");
    init(&replay, argv[4]);
    while (run_frame(&replay, arena))
        arena_reset(arena);
    print_records(&replay, shard_leads(replay.leads));
    print_records(&replay, shard_accounts(replay.accounts));
    deinit(&replay);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
