/* SPDX-License-Identifier: Apache-2.0 */
/*
 * replay_batches CONFIG SHARD N_SHARDS N_PARTITIONS,... [COMPACTED-TOPIC]... < commands
 *
 * Runs the batches of one shard again, as its footers say: which records of which topics each took, and by what watermarks. Holds
 * what each batch must have written against its footer and its records in the changelog. Nothing is asked of a server (so the number of
 * partitions of each source is to be given, and those of the output topics that are compacted are to be named), and all leads and accounts
 * stay in memory.
 *
 * Numbers are of 8 bytes, big-endian; strings have their length in front, -1 for null. Commands:
 *
 *   1  MODEL    path; number of models of before, of each its path; number of records, of each kind, id, bytes: the shard goes on under
 *               this model from these records
 *   2  BATCH    1 if the shard was taken over before; watermark; of each source: proved up to, greatest occurred_at at the end
 *   3  RECORD   input (inputs.h), offset, its timestamp, wall clock at its reading, key, value
 *   4  SETTLE   kind, id: a new model's walk comes by
 *   5  END      all from the footer: watermark of the leads, of the accounts; number of outputs, of records in other topics, the hash;
 *               then what is in the changelog: number of records, of each key, value
 *   6  TOLD     number of messages that the shard has sent to all others, their values in order: to be given first, once
 *
 * Answers:
 *
 *   1  WRITTEN  topic, partition, key, value: of each record that goes to another topic than the changelog, but for those to all shards
 *   2  SENT     topic, partition, offset, number in the batch: of each event that came from another shard, where it stood
 *   3  REACHED  source, instant: up to there the shard says to have sent on all that it reads of a routed source, when the batch ends
 *   4  PROBLEM  what is not as it must be, of the batch that ends; or, after the last one, of the whole
 *   5  ENDED    1; 0: no batch that follows can be run
 *   6  OUTCOMES after the last batch: number of kinds, of each how many records; see batch_replay.h
 *   7  ORDER    number of records; of each, as they were given, which place it has in the engine's order
 */
#include <endian.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "daemon/command/command.h"
#include "daemon/pipeline/batch_hash.h"
#include "lib/model/skeleton.h"
#include "lib/shard/shard_message.h"
#include "tests/faults/batch_replay.h"
#include "tests/integration/frames.h"

enum { COMMAND_MODEL = 1, COMMAND_BATCH, COMMAND_RECORD, COMMAND_SETTLE, COMMAND_END, COMMAND_TOLD };
enum { ANSWER_WRITTEN = 1, ANSWER_SENT, ANSWER_REACHED, ANSWER_PROBLEM, ANSWER_ENDED, ANSWER_OUTCOMES, ANSWER_ORDER };
#define N_OUTCOMES (REPLAY_SENT_ON + 1)

/* A record of the changelog, as the engine has it or as it is there. */
typedef struct StateRecord {
    Str key, value;
} StateRecord;

typedef struct StateRecords {
    StateRecord *items;
    size_t n, n_alloc;
} StateRecords;

typedef struct Program {
    Config *config;
    Registry *registry;
    AvroOutput *encoder;
    Inputs inputs;
    int32_t shard;
    Model *model;
    Arena *arena; /* of what was read or written since the last batch */
    BatchReplay *replay;
    int64_t outcomes[N_OUTCOMES];
    Arena *told_arena;
    Str *told; /* messages to all shards */
    int64_t n_told, next_told;
    /* of the batch */
    Record *records, *ordered; /* as they were given, and as they are taken */
    int64_t *clocks_ms, *places; /* of each as it was given: the wall clock at its reading; its place among those that are taken */
    size_t n_records, n_alloc, n_ordered_alloc, n_clocks_alloc, n_places_alloc;
    int64_t n_taken;   /* records */
    int64_t n_written; /* to other topics than the changelog */
    BatchHash *hash;
    StateRecords made;
} Program;

static const Command command = {.name = "replay_batches"};

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

static PRINTF_LIKE(1, 2) void write_problem(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    write_number(ANSWER_PROBLEM);
    write_string(str_from(text));
}

/* --- what the engine writes -------------------------------------------------------------------------- */

static void add_made(Program *p, Str key, Str value) {
    if (array_reserve(&p->made.items, &p->made.n_alloc, p->made.n, sizeof(StateRecord)) < 0)
        die("out of memory");
    p->made.items[p->made.n++] = (StateRecord){arena_str(p->arena, key), value.data ? arena_str(p->arena, value) : STR_NULL};
}

static void on_written(void *userdata, const char *topic, int32_t partition, Str key, Str value) {
    Program *p = userdata;
    batch_hash_add(p->hash, topic, key, value);
    if (strcmp(topic, p->config->changelog_topic) == 0) {
        add_made(p, key, value);
        return;
    }
    p->n_written++;
    write_number(ANSWER_WRITTEN);
    write_string(str_from(topic));
    write_number(partition);
    write_string(key);
    write_string(value);
}

/* --- what was told to all shards --------------------------------------------------------------------- */

static void take_told(Program *p) {
    p->n_told = expect_number();
    p->told = calloc((size_t)p->n_told + 1, sizeof(Str));
    if (!p->told)
        die("out of memory");
    for (int64_t i = 0; i < p->n_told; i++)
        p->told[i] = expect_string(p->told_arena);
}

/* A message to all shards is true as of the end of the batch. */
static void check_told(Program *p, Str bytes) {
    ShardMessage message;
    Str watermark = batch_replay_told(p->replay);
    if (shard_message_unpack(bytes, p->arena, &message) != 0) {
        write_problem("what is told to all shards cannot be read");
    } else if (message.kind == MESSAGE_PROGRESS) {
        write_number(ANSWER_REACHED);
        write_string(message.topic);
        write_number(message.at_ms);
    } else if (!str_eq(bytes, watermark)) {
        write_problem("all shards are told of %" PRId64 ", which is not how far the leads are", message.at_ms);
    }
}

/* How many there are, the clock says: as many as the footer counts more than the engine writes. They come behind all else. */
static void pass_told(Program *p, int64_t n_written) {
    for (; p->n_written < n_written && p->next_told < p->n_told; p->next_told++) {
        Str bytes = p->told[p->next_told];
        check_told(p, bytes);
        for (int32_t i = 0; i < p->inputs.n_shards; i++, p->n_written++)
            batch_hash_add(p->hash, p->config->internal_topic, STR_NULL, bytes);
    }
    if (p->n_written != n_written)
        write_problem("the engine writes %" PRId64 " records to other topics, the footer counts %" PRId64, p->n_written, n_written);
}

/* --- what there is ----------------------------------------------------------------------------------- */

static bool is_same(StateRecord a, StateRecord b) {
    return str_eq(a.key, b.key) && str_eq(a.value, b.value);
}

/* Records of the changelog against the engine's, in order. */
static bool check_records(Program *p) {
    int64_t n = expect_number(), n_made = (int64_t)p->made.n, first = -1;
    StateRecord there = {0};
    for (int64_t i = 0; i < n; i++) {
        StateRecord found = {.key = expect_string(p->arena)};
        found.value = expect_string(p->arena);
        if (first < 0 && (i >= n_made || !is_same(found, p->made.items[i]))) {
            first = i;
            there = found;
        }
    }
    if (first < 0 && n == n_made)
        return true;
    first = first < 0 ? n : first;
    StateRecord made = first < n_made ? p->made.items[first] : (StateRecord){0};
    write_problem("records: the changelog holds %" PRId64 ", the engine makes %" PRId64 "; the first to differ is %" PRId64
                  ": %.*s of %zu bytes, of the engine %.*s of %zu bytes", n, n_made, first, STR_FMT(there.key), there.value.len,
                  STR_FMT(made.key), made.value.len);
    return false;
}

static void check_end(Program *p, int64_t watermark_ms, int64_t accounts_ms, int64_t n_outputs) {
    if (batch_replay_watermark(p->replay, ENTITY_LEAD) != watermark_ms || batch_replay_watermark(p->replay, ENTITY_ACCOUNT) != accounts_ms)
        write_problem("time is not where the footer says: leads %" PRId64 ", accounts %" PRId64,
                batch_replay_watermark(p->replay, ENTITY_LEAD), batch_replay_watermark(p->replay, ENTITY_ACCOUNT));
    if (batch_replay_outputs(p->replay) != n_outputs)
        write_problem("the engine makes %" PRId64 " outputs, the footer counts %" PRId64, batch_replay_outputs(p->replay), n_outputs);
}

static bool check_hash(Program *p, Str expected) {
    char made[BATCH_HASH_LEN + 1];
    batch_hash_finish(p->hash, made);
    if (str_eq_c(expected, made))
        return true;
    write_problem("hash: what the engine makes of it is not what the footer has the hash of");
    return false;
}

/* --- commands ---------------------------------------------------------------------------------------- */

static Model *load_model_of(const Program *p) {
    Model *model;
    Str path = expect_string(p->arena);
    if (command_load_model(&command, path.data, &model) != EXIT_SUCCESS)
        exit(EXIT_FAILURE);
    return model;
}

static void add_skeleton_of(const Program *p) {
    _cleanup_(model_free) Model *model = load_model_of(p);
    Buffer buffer = {0};
    if (skeleton_pack(model, &buffer) != 0)
        die("a model of before");
    batch_replay_add_skeleton(p->replay, (Str){(const char *)buffer.data, buffer.len});
    buffer_done(&buffer);
}

static void take_model(Program *p) {
    Model *model = load_model_of(p);
    batch_replay_set_model(p->replay, model);
    model_free(p->model);
    p->model = model;
    for (int64_t n = expect_number(); n > 0; n--)
        add_skeleton_of(p);
    batch_replay_open(p->replay);
    for (int64_t n = expect_number(); n > 0; n--) {
        EntityKind kind = expect_kind();
        Str id = expect_string(p->arena);
        batch_replay_load(p->replay, kind, id, expect_string(p->arena));
    }
}

static void take_batch(Program *p) {
    BatchReplaySource sources[CONFIG_SOURCES_MAX];
    bool is_taken = expect_number() != 0;
    int64_t watermark_ms = expect_number();
    for (size_t i = 0; i < p->config->n_sources; i++) {
        sources[i].proved_ms = expect_number();
        sources[i].newest_end_ms = expect_number();
    }
    p->n_taken = p->n_written = 0;
    p->made.n = 0;
    if (batch_hash_new(&p->hash) < 0)
        die("out of memory");
    batch_replay_begin(p->replay, is_taken, watermark_ms, sources);
}

static void tell_sent(const Program *p, const Record *record) {
    ShardMessage message;
    if (!inputs_is_internal(&p->inputs, record->input) || shard_message_unpack(record->value, p->arena, &message) != 0 ||
            message.kind != MESSAGE_EVENT)
        return;
    write_number(ANSWER_SENT);
    write_string(message.topic);
    write_number(message.partition);
    write_number(message.offset);
    write_number(p->n_taken);
}

static void take_record(Program *p) {
    int64_t input = expect_number(), offset = expect_number(), timestamp_ms = expect_number(), now_ms = expect_number();
    Str key = expect_string(p->arena), value = expect_string(p->arena);
    if (input < 0 || input >= p->inputs.n)
        die("there is no such input");
    if (array_reserve(&p->records, &p->n_alloc, p->n_records, sizeof(*p->records)) != 0 ||
            array_reserve(&p->ordered, &p->n_ordered_alloc, p->n_records, sizeof(*p->ordered)) != 0 ||
            array_reserve(&p->clocks_ms, &p->n_clocks_alloc, p->n_records, sizeof(*p->clocks_ms)) != 0 ||
            array_reserve(&p->places, &p->n_places_alloc, p->n_records, sizeof(*p->places)) != 0)
        die("out of memory");
    p->clocks_ms[p->n_records] = now_ms;
    p->records[p->n_records++] = (Record){.shard = p->shard, .input = (unsigned)input, .offset = offset, .timestamp_ms = timestamp_ms,
            .key = key, .value = value};
}

/* All that were given, in the order in which the batch took them. Those of one input keep theirs, so the next of it is the next that was given. */
static void run_records(Program *p) {
    size_t next[INPUTS_MAX];
    if (p->n_records == 0)
        return;
    batch_replay_order(p->replay, p->records, p->n_records, p->ordered);
    for (size_t i = p->n_records; i > 0; i--)
        next[p->records[i - 1].input] = i - 1;
    for (size_t i = 0; i < p->n_records; i++) {
        const Record *record = &p->ordered[i];
        size_t given = next[record->input]++;
        tell_sent(p, record);
        p->outcomes[batch_replay_record(p->replay, record, p->clocks_ms[given])]++;
        p->places[given] = p->n_taken++;
    }
    write_number(ANSWER_ORDER);
    write_number((int64_t)p->n_records);
    for (size_t i = 0; i < p->n_records; i++)
        write_number(p->places[i]);
    p->n_records = 0;
}

static void take_settle(Program *p) {
    run_records(p);
    EntityKind kind = expect_kind();
    batch_replay_settle(p->replay, kind, expect_string(p->arena));
}

static void take_end(Program *p) {
    int64_t watermark_ms = expect_number(), accounts_ms = expect_number(), n_outputs = expect_number(), n_written = expect_number();
    Str hash = expect_string(p->arena);
    run_records(p);
    batch_replay_advance(p->replay, watermark_ms, accounts_ms);
    pass_told(p, n_written);
    batch_replay_end(p->replay);
    check_end(p, watermark_ms, accounts_ms, n_outputs);
    bool is_same_hash = check_hash(p, hash);
    p->hash = batch_hash_free(p->hash);
    bool goes_on = check_records(p) && is_same_hash;
    write_number(ANSWER_ENDED);
    write_number(goes_on);
    arena_reset(p->arena);
    if (!goes_on)
        exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE); /* what follows is built on it */
}

static void carry_out(Program *p, int64_t what) {
    if (what != COMMAND_MODEL && what != COMMAND_TOLD && !batch_replay_has_model(p->replay))
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
    case COMMAND_TOLD:
        take_told(p);
        break;
    default:
        die("no such command");
    }
}

static void finish(const Program *p) {
    if (p->next_told < p->n_told)
        write_problem("%" PRId64 " messages to all shards are of no batch", p->n_told - p->next_told);
    write_number(ANSWER_OUTCOMES);
    write_number(N_OUTCOMES);
    for (size_t i = 0; i < N_OUTCOMES; i++)
        write_number(p->outcomes[i]);
}

/* --- the whole --------------------------------------------------------------------------------------- */

/* Numbers with commas between them, one a source. */
static void read_partitions(const Program *p, const char *text, int32_t *ret) {
    for (size_t i = 0; i < p->config->n_sources; i++) {
        char *end;
        ret[i] = (int32_t)strtol(text, &end, 10);
        if (ret[i] < 1 || *end != (i + 1 < p->config->n_sources ? ',' : '\0'))
            die("N_PARTITIONS: a number for each source expected");
        text = end + 1;
    }
}

static void init(Program *p, char **argv) {
    int32_t n_partitions[CONFIG_SOURCES_MAX], n_shards = (int32_t)strtol(argv[3], NULL, 10);
    p->shard = (int32_t)strtol(argv[2], NULL, 10);
    if (command_load_config(&command, argv[1], &p->config) != EXIT_SUCCESS ||
            command_load_schemas(&command, p->config, SCHEMAS_OF_FILES, NULL, &p->registry, &p->encoder) != EXIT_SUCCESS)
        exit(EXIT_FAILURE);
    if (n_shards < 1 || p->shard < 0 || p->shard >= n_shards)
        die("SHARD: one of N_SHARDS expected");
    read_partitions(p, argv[4], n_partitions);
    if (!inputs_make(p->config, n_partitions, n_shards, &p->inputs))
        die("too many sources");
    if (arena_new(&p->arena) < 0 || arena_new(&p->told_arena) < 0)
        die("out of memory");
    BatchReplayOptions options = {.config = p->config, .registry = p->registry, .encoder = p->encoder, .inputs = &p->inputs, .shard = p->shard,
            .written = on_written, .userdata = p};
    for (size_t type = 0; type < _OUTPUT_TYPE_MAX; type++)
        for (char **topic = &argv[5]; *topic; topic++)
            options.is_compacted[type] |= strcmp(*topic, p->config->output_topics[type]) == 0;
    p->replay = batch_replay_new(&options);
}

static void deinit(Program *p) {
    batch_replay_free(p->replay);
    model_free(p->model);
    arena_free(p->arena);
    arena_free(p->told_arena);
    free(p->told);
    free(p->made.items);
    avro_output_free(p->encoder);
    registry_free(p->registry);
    config_free(p->config);
}

int main(int argc, char **argv) {
    static Program program;
    int64_t what;
    if (argc < 5)
        die("usage: replay_batches CONFIG SHARD N_SHARDS N_PARTITIONS,... [COMPACTED-TOPIC]... < commands");
    init(&program, argv);
    while (read_number(&what))
        carry_out(&program, what);
    finish(&program);
    deinit(&program);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
