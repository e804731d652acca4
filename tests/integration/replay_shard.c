/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_internal MODEL N_SHARDS < frames
 *
 * Runs one partition of an internal topic, in its order, through the engine of that shard's accounts, and prints their outputs as JSON
 * lines, then the accounts themselves: what a live shard must have told, and must hold, whoever owned it and however often. A frame is a record's value. Messages about leads are
 * passed over, for what becomes of them hangs on their own events, too.
 */
#include <stdlib.h>

#include "daemon/io/file_sink.h"
#include "daemon/replay_dump.h"
#include "lib/shard_courier.h"
#include "tests/integration/frames.h"

typedef struct Replay {
    Shard *leads, *accounts;
    Courier *courier;
    int64_t *watermarks_ms;
    int64_t n_shards;
} Replay;

/* It is in the topic of the shard that it is for already. */
static int drop(void *userdata, const ShardMessage *message) {
    (void)userdata;
    (void)message;
    return 0;
}

static int advance(Replay *replay, const ShardMessage *message) {
    int64_t least_ms = TIME_NEVER, *of_sender_ms = &replay->watermarks_ms[message->from_shard % replay->n_shards];
    *of_sender_ms = MAX(*of_sender_ms, message->at_ms);
    for (int64_t i = 0; i < replay->n_shards; i++)
        least_ms = MIN(least_ms, replay->watermarks_ms[i]);
    return shard_advance(replay->accounts, least_ms);
}

static int apply(Replay *replay, Arena *arena, Str value) {
    ShardMessage message;
    int r = shard_message_unpack(value, arena, &message);
    if (r != 0)
        return r;
    switch (message.kind) {
    case MESSAGE_WATERMARK:
        return advance(replay, &message);
    case MESSAGE_TOUCH:
    case MESSAGE_LEAVE:
    case MESSAGE_ENTRY:
        return courier_apply(replay->courier, &message);
    default:
        return 0;
    }
}

static int dump(const Replay *replay, const Model *model) {
    JsonWriter writer = JSON_WRITER_INIT;
    size_t iterator = 0;
    Entity *entity;
    int r = 0;
    while (r == 0 && (entity = entity_table_next(shard_accounts(replay->accounts), &iterator))) {
        r = account_dump(&writer, model, account_of(entity), account_of(entity)->clock_ms);
        json_write_newline(&writer);
        if (r == 0)
            r = json_writer_flush(&writer, stdout);
    }
    json_writer_deinit(&writer);
    return r;
}

int main(int argc, char **argv) {
    if (argc != 3)
        die("usage: replay_internal MODEL N_SHARDS < frames");
    _cleanup_(model_free) Model *model = load_model(argv[1]);
    _cleanup_(arena_free) Arena *arena = NULL;
    FileSink sink = FILE_SINK_INIT(stdout);
    Replay replay = {.n_shards = strtoll(argv[2], NULL, 10)};
    int64_t len;
    int r = arena_new(&arena);
    if (replay.n_shards < 1 || replay.n_shards > 1000)
        die("N_SHARDS: 1 to 1000 expected");
    replay.watermarks_ms = calloc((size_t)replay.n_shards, sizeof(int64_t));
    for (int64_t i = 0; replay.watermarks_ms && i < replay.n_shards; i++)
        replay.watermarks_ms[i] = TIME_NONE;
    if (r == 0)
        r = shard_new(model, file_sink_output(&sink), &replay.leads);
    if (r == 0)
        r = shard_new(model, file_sink_output(&sink), &replay.accounts);
    if (r == 0)
        r = courier_new(model, replay.leads, replay.accounts, (MessageSink){.message = drop}, &replay.courier);
    while (r == 0 && replay.watermarks_ms && read_number(&len)) {
        arena_reset(arena);
        r = apply(&replay, arena, read_bytes(arena, len));
    }
    if (r == 0)
        r = dump(&replay, model);
    if (r != 0 || fflush(stdout) != 0)
        die("the replay failed");
    courier_free(replay.courier);
    shard_free(replay.leads);
    shard_free(replay.accounts);
    free(replay.watermarks_ms);
    file_sink_deinit(&sink);
    return EXIT_SUCCESS;
}
