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
#include "tests/faults/batch_replay.h"
#include "tests/integration/frames.h"

enum { COMMAND_MODEL = 1, COMMAND_BATCH, COMMAND_RECORD, COMMAND_SETTLE, COMMAND_END };
enum { ANSWER_WRITTEN = 1, ANSWER_OUTCOME, ANSWER_TOLD, ANSWER_ENDED };

static const Command command = {.name = "replay_batches"};

typedef struct Program {
    Config *config;
    Registry *registry;
    AvroOutput *encoder;
    Inputs inputs;
    int32_t shard;
    Model *model;
    Arena *arena; /* of what was read since the last batch */
    BatchReplay *replay;
} Program;

/* --- frames ------------------------------------------------------------------------------------------ */

static int64_t expect_number(void) {
    int64_t number;
    if (!read_number(&number))
        die("the input breaks off");
    return number;
}

static EntityKind expect_kind(void) {
    return expect_number() == ENTITY_LEAD ? ENTITY_LEAD : ENTITY_ACCOUNT;
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

static void on_written(void *userdata, const char *topic, int32_t partition, Str key, Str value) {
    (void)userdata;
    write_number(ANSWER_WRITTEN);
    write_string(str_from(topic));
    write_number(partition);
    write_string(key);
    write_string(value);
}

/* --- commands ---------------------------------------------------------------------------------------- */

static void take_model(Program *p) {
    Model *model;
    Str path = expect_string(p->arena);
    if (command_load_model(&command, path.data, &model) != EXIT_SUCCESS)
        exit(EXIT_FAILURE);
    batch_replay_set_model(p->replay, model);
    model_free(p->model);
    p->model = model;
    for (int64_t n = expect_number(); n > 0; n--)
        batch_replay_add_skeleton(p->replay, expect_string(p->arena));
    batch_replay_open(p->replay);
    for (int64_t n = expect_number(); n > 0; n--) {
        EntityKind kind = expect_kind();
        Str id = expect_string(p->arena);
        batch_replay_load(p->replay, kind, id, expect_string(p->arena));
    }
}

static void take_batch(const Program *p) {
    BatchReplaySource sources[CONFIG_SOURCES_MAX];
    bool is_taken = expect_number() != 0;
    int64_t watermark_ms = expect_number();
    for (size_t i = 0; i < p->config->n_sources; i++) {
        sources[i].proved_ms = expect_number();
        sources[i].newest_end_ms = expect_number();
    }
    batch_replay_begin(p->replay, is_taken, watermark_ms, sources);
}

static void take_record(const Program *p) {
    int64_t topic = expect_number(), offset = expect_number(), timestamp_ms = expect_number(), now_ms = expect_number();
    Str key = expect_string(p->arena), value = expect_string(p->arena);
    Record record = {.shard = p->shard, .input = (unsigned)topic, .offset = offset, .timestamp_ms = timestamp_ms, .key = key, .value = value};
    if (topic < 0 || (size_t)topic > p->config->n_sources)
        die("there is no such topic");
    int64_t outcome = batch_replay_record(p->replay, &record, now_ms);
    write_number(ANSWER_OUTCOME);
    write_number(outcome);
}

static void take_settle(const Program *p) {
    EntityKind kind = expect_kind();
    batch_replay_settle(p->replay, kind, expect_string(p->arena));
}

static void take_end(const Program *p) {
    int64_t watermark_ms = expect_number(), accounts_ms = expect_number();
    batch_replay_advance(p->replay, watermark_ms, accounts_ms);
    write_number(ANSWER_TOLD);
    write_string(batch_replay_told(p->replay));
    batch_replay_end(p->replay);
    write_number(ANSWER_ENDED);
    write_number(batch_replay_watermark(p->replay, ENTITY_LEAD));
    write_number(batch_replay_watermark(p->replay, ENTITY_ACCOUNT));
    write_number(batch_replay_outputs(p->replay));
    arena_reset(p->arena);
}

static void carry_out(Program *p, int64_t what) {
    if (what != COMMAND_MODEL && !batch_replay_has_model(p->replay))
        die("there is no model yet");
    switch (what) {
    case COMMAND_MODEL:
        take_model(p);
        break;
    case COMMAND_BATCH:
        take_batch(p);
        break;
    case COMMAND_RECORD:
        take_record(p);
        break;
    case COMMAND_SETTLE:
        take_settle(p);
        break;
    case COMMAND_END:
        take_end(p);
        break;
    default:
        die("no such command");
    }
}

static void init(Program *p, char **argv) {
    int32_t n_partitions[CONFIG_SOURCES_MAX], n_shards = (int32_t)strtol(argv[3], NULL, 10);
    p->shard = (int32_t)strtol(argv[2], NULL, 10);
    if (command_load_config(&command, argv[1], &p->config) != EXIT_SUCCESS ||
            command_load_schemas(&command, p->config, &p->registry, &p->encoder) != EXIT_SUCCESS)
        exit(EXIT_FAILURE);
    if (n_shards < 1 || p->shard < 0 || p->shard >= n_shards)
        die("SHARD: one of N_SHARDS expected");
    for (size_t i = 0; i < CONFIG_SOURCES_MAX; i++)
        n_partitions[i] = n_shards;
    if (!inputs_make(p->config, n_partitions, n_shards, &p->inputs))
        die("too many sources");
    if (arena_new(&p->arena) < 0)
        die("out of memory");
    BatchReplayOptions options = {.config = p->config, .registry = p->registry, .encoder = p->encoder, .inputs = &p->inputs, .shard = p->shard,
            .written = on_written};
    for (size_t type = 0; type < _OUTPUT_TYPE_MAX; type++)
        for (char **topic = &argv[4]; *topic; topic++)
            options.is_compacted[type] |= strcmp(*topic, p->config->output_topics[type]) == 0;
    p->replay = batch_replay_new(&options);
}

static void deinit(Program *p) {
    batch_replay_free(p->replay);
    model_free(p->model);
    arena_free(p->arena);
    avro_output_free(p->encoder);
    registry_free(p->registry);
    config_free(p->config);
}

int main(int argc, char **argv) {
    static Program program;
    int64_t what;
    if (argc < 4)
        die("usage: replay_batches CONFIG SHARD N_SHARDS [COMPACTED-TOPIC]... < commands");
    init(&program, argv);
    while (read_number(&what))
        carry_out(&program, what);
    deinit(&program);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
