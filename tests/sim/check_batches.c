/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round commits batches of several shards in one transaction: first what the engines say, shard by shard, then each shard's state records
 * and footer. So what the batches write when they are run again, put in that order, is what the transaction must hold, record by
 * record. What a shard tells all others (how far it is) goes by the clock of its owner: it may be there or not, and must be true.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/arena.h"
#include "lib/shard/shard_message.h"
#include "tests/faults/batch_replay.h"
#include "tests/sim/check_internal.h"

typedef struct Written {
    const char *topic;
    int32_t partition; /* -1: any */
    Str key, value;
} Written;

typedef struct WrittenList {
    Written *items;
    size_t n, n_alloc;
} WrittenList;

/* A batch, run again. */
typedef struct Expected {
    WrittenList said, kept; /* by the engine; in the changelog */
    int64_t n_outputs;
} Expected;

/* What a transaction brought, in order. */
typedef struct Brought {
    Transaction *transaction;
    const Partition **partitions;
    const LogRecord **records;
    const ShownBatch **batches; /* by shard; NULL: it has none of it */
    struct Brought *next;
} Brought;

static struct {
    const ShownShard *shards;
    Expected **expected; /* by shard and batch */
    TakenRecords *taken; /* by shard */
    Brought *brought, **brought_end; /* in the order in which they were come by */
    WrittenList *list;   /* where what is written goes */
    Arena *arena;
} check;

static void on_written(void *userdata, const char *topic, int32_t partition, Str key, Str value) {
    (void)userdata;
    WrittenList *list = check.list;
    /* Outputs' topics may have other numbers of partitions than there are shards. */
    if (strcmp(topic, scenario.config.changelog_topic) != 0 && strcmp(topic, scenario.config.internal_topic) != 0)
        partition = kafka_partition_of(&scenario.config, key, broker_topic(topic)->n_partitions);
    list->items = world_grow(list->items, &list->n_alloc, list->n, sizeof(Written));
    list->items[list->n++] = (Written){topic, partition, world_copy(key), world_copy(value)};
}

/* --- running again ----------------------------------------------------------------------------------- */

static int64_t stands_at(const Footer *footer, int32_t shard, unsigned input) {
    const Input *found = &scenario.inputs.inputs[input];
    const FooterInput *stands = footer ? footer_input(footer, shard, found->topic, inputs_partition(&scenario.inputs, input, shard)) : NULL;
    return stands ? MAX(stands->offset, 0) : 0;
}

/* The wall clock by which an event was too far ahead is told by its dead letter only. */
typedef struct FutureLetter {
    Str topic;
    int64_t partition, offset, ahead_ms;
} FutureLetter;

static struct {
    FutureLetter *letters;
    size_t n, n_alloc;
    AvroEventDecoder *decoder;
} future;

static void note_letter(const Output *output) {
    const DeadLetter *letter = &output->dead_letter;
    char text[256];
    long long ahead_ms;
    (void)snprintf(text, sizeof(text), "%.*s", STR_FMT(letter->text));
    if (!str_eq_c(letter->reason, "future") || sscanf(text, "occurred_at is %lld ms", &ahead_ms) != 1)
        return;
    future.letters = world_grow(future.letters, &future.n_alloc, future.n, sizeof(FutureLetter));
    future.letters[future.n++] = (FutureLetter){world_copy(letter->topic), letter->partition, letter->offset, ahead_ms};
}

static void read_letters(void) {
    const Topic *topic = broker_topic(scenario.config.output_topics[OUTPUT_DEAD_LETTER]);
    char text[256];
    if (avro_event_decoder_new(&future.decoder) != 0)
        world_fail("out of memory");
    for (int32_t i = 0; topic && i < topic->n_partitions; i++) {
        const LogRecord *record;
        for (int64_t offset = 0; (record = partition_read(&topic->partitions[i], &offset)); offset++) {
            Output output;
            if (avro_output_read(scenario.setting.reader, record->value, &output, text, sizeof(text)) == 0)
                note_letter(&output);
        }
    }
}

/* Of other events the clock does not matter: none is read before it was appended. */
static int64_t clock_at(const Partition *partition, int64_t offset, const LogRecord *record) {
    for (size_t i = 0; i < future.n; i++) {
        const FutureLetter *letter = &future.letters[i];
        LeadEvent event;
        const char *reason;
        char text[256];
        if (letter->offset == offset && letter->partition == partition->number && str_eq_c(letter->topic, partition->topic->name) &&
                message_decode(scenario.setting.registry, future.decoder, record->value.data, record->value.len, &event, &reason, text, sizeof(text)) == 0)
            return event.occurred_at_ms - letter->ahead_ms;
    }
    return record->timestamp_ms;
}

const TakenRecords *check_taken(int32_t shard) {
    return &check.taken[shard];
}

/* What the batch took, one input after the other. */
static void gather(int32_t shard, const Footer *before, const Footer *footer, TakenRecords *ret) {
    for (unsigned i = 0; i < scenario.inputs.n; i++) {
        int32_t number = inputs_partition(&scenario.inputs, i, shard);
        if (number < 0)
            continue;
        const Partition *partition = adapter_partition(scenario.inputs.inputs[i].topic, number);
        int64_t to = stands_at(footer, shard, i);
        const LogRecord *found;
        for (int64_t offset = stands_at(before, shard, i); (found = partition_read(partition, &offset)) && offset < to; offset++) {
            ret->records = world_grow(ret->records, &ret->n_alloc, ret->n, sizeof(Record));
            ret->records[ret->n++] = (Record){.shard = shard, .input = i, .offset = offset, .timestamp_ms = found->timestamp_ms, .key = found->key,
                    .value = found->value};
        }
    }
}

static void run_record(BatchReplay *replay, const Record *record) {
    const Partition *partition = adapter_partition(scenario.inputs.inputs[record->input].topic,
            inputs_partition(&scenario.inputs, record->input, record->shard));
    int64_t offset = record->offset;
    (void)batch_replay_record(replay, record, clock_at(partition, offset, partition_read(partition, &offset)));
}

static void run_records(BatchReplay *replay, int32_t shard, const Footer *before, const Footer *footer) {
    TakenRecords *taken = &check.taken[shard], sorted = {0};
    gather(shard, before, footer, &sorted);
    while (taken->n_alloc < taken->n + sorted.n)
        taken->records = world_grow(taken->records, &taken->n_alloc, taken->n_alloc, sizeof(Record));
    if (sorted.n == 0)
        return;
    batch_replay_order(replay, sorted.records, sorted.n, &taken->records[taken->n]);
    for (size_t end = taken->n + sorted.n; taken->n < end; taken->n++)
        run_record(replay, &taken->records[taken->n]);
}

static void begin_batch(BatchReplay *replay, int32_t shard, const Footer *before, const Footer *footer) {
    BatchReplaySource sources[CONFIG_SOURCES_MAX] = {0};
    bool is_taken = before && footer->taken_bno == before->bno && before->taken_bno != before->bno;
    for (unsigned i = 0; i + 1 < scenario.inputs.n; i++) {
        const Input *input = &scenario.inputs.inputs[i];
        const FooterInput *found = input->is_routed ? NULL : footer_input(footer, shard, input->topic, shard);
        if (found)
            sources[input->source] = (BatchReplaySource){found->proved_ms, found->newest_ms};
    }
    batch_replay_begin(replay, is_taken, footer->begun_watermark_ms, sources);
}

/* --- a new model ------------------------------------------------------------------------------------- */

/* What the changelog has of a lead or an account. */
static bool is_state(const LogRecord *record, EntityKind *ret_kind, Str *ret_id) {
    *ret_kind = ENTITY_LEAD;
    if (changelog_take_prefix(record->key, CHANGELOG_LEAD_PREFIX, ret_id))
        return true;
    *ret_kind = ENTITY_ACCOUNT;
    return changelog_take_prefix(record->key, CHANGELOG_ACCOUNT_PREFIX, ret_id);
}

static bool is_superseded(const Partition *changelog, int64_t at, int64_t end) {
    for (int64_t i = at + 1; i < end; i++)
        if (record_is_committed(&changelog->records[i]) && str_eq(changelog->records[i].key, changelog->records[at].key))
            return true;
    return false;
}

/* Of any shard: one that has none of a version yet learns them from the others when they write to it. */
static void add_skeletons(BatchReplay *replay) {
    for (int32_t shard = 0; shard < scenario.n_shards; shard++) {
        const Partition *changelog = check_changelog(shard);
        for (size_t i = 0; i < changelog->n; i++)
            if (record_is_committed(&changelog->records[i]) && str_starts_with(changelog->records[i].key, CHANGELOG_MODEL_PREFIX))
                batch_replay_add_skeleton(replay, changelog->records[i].value);
    }
}

/* The shard goes on under the batch's model from the records of before. */
static void change_model(BatchReplay *replay, int32_t shard, const ShownBatch *batch) {
    const Partition *changelog = check_changelog(shard);
    batch_replay_set_model(replay, scenario.setting.models[batch->footer->model_version - 1]);
    add_skeletons(replay);
    batch_replay_open(replay);
    for (int64_t i = 0; i < batch->first_offset; i++) {
        const LogRecord *record = &changelog->records[i];
        EntityKind kind;
        Str id;
        if (record_is_committed(record) && record->value.data && is_state(record, &kind, &id) && !is_superseded(changelog, i, batch->first_offset))
            batch_replay_load(replay, kind, id, record->value);
    }
}

/* What the walk through all records came by in the batch. */
static void settle_walked(BatchReplay *replay, int32_t shard, const ShownBatch *before, const Footer *footer) {
    const Partition *changelog = check_changelog(shard);
    bool begins = before && before->footer->model_version != footer->model_version;
    if (!before || (!begins && before->footer->walk_end == 0))
        return;
    int64_t from = begins ? 0 : MAX(before->footer->walk_next, 0), end = begins ? before->offset : before->footer->walk_end;
    int64_t to = footer->walk_end ? MAX(footer->walk_next, 0) : end;
    for (EntityKind wanted = 0; wanted < _ENTITY_KIND_MAX; wanted++)
        for (int64_t i = from; i < to; i++) {
            const LogRecord *record = &changelog->records[i];
            EntityKind kind;
            Str id;
            if (record_is_committed(record) && record->value.data && is_state(record, &kind, &id) && kind == wanted)
                batch_replay_settle(replay, kind, id);
        }
}

static void run_batch(BatchReplay *replay, int32_t shard, size_t index, Expected *expected) {
    const ShownBatch *batch = &check.shards[shard].batches[index];
    const Footer *footer = batch->footer, *before = index ? batch[-1].footer : NULL;
    check.list = &expected->said;
    if (!before || before->model_version != footer->model_version)
        change_model(replay, shard, batch);
    begin_batch(replay, shard, before, footer);
    run_records(replay, shard, before, footer);
    settle_walked(replay, shard, index ? &batch[-1] : NULL, footer);
    batch_replay_advance(replay, footer->watermark_ms, footer->accounts_watermark_ms);
    check.list = &expected->kept;
    batch_replay_end(replay);
    if (batch_replay_watermark(replay, ENTITY_LEAD) != footer->watermark_ms ||
            batch_replay_watermark(replay, ENTITY_ACCOUNT) != footer->accounts_watermark_ms)
        world_fail("shard %d batch %" PRId64 ": time is not where the footer says", (int)shard, footer->bno);
    world_trace("shard %d batch %" PRId64 ": %" PRId64 " to %" PRId64 ", accounts to %" PRId64 ", of an owner since %" PRId64, (int)shard, footer->bno,
            world_since_begin(footer->begun_watermark_ms), world_since_begin(footer->watermark_ms),
            world_since_begin(footer->accounts_watermark_ms), footer->taken_bno);
    expected->n_outputs = batch_replay_outputs(replay);
}

static void run_shard(int32_t shard) {
    BatchReplayOptions options = {.config = &scenario.config, .registry = scenario.setting.registry, .encoder = scenario.setting.encoder,
            .inputs = &scenario.inputs, .shard = shard, .written = on_written};
    memcpy(options.is_compacted, scenario.is_compacted, sizeof(options.is_compacted));
    BatchReplay *replay = batch_replay_new(&options);
    check.expected[shard] = world_alloc(check.shards[shard].n, sizeof(Expected));
    for (size_t i = 0; i < check.shards[shard].n; i++)
        run_batch(replay, shard, i, &check.expected[shard][i]);
    batch_replay_free(replay);
}

/* --- what is there ----------------------------------------------------------------------------------- */

static Brought *brought_by(Transaction *transaction) {
    if (transaction->brought)
        return transaction->brought;
    Brought *brought = world_alloc(1, sizeof(*brought));
    *brought = (Brought){transaction, world_alloc(transaction->n_records, sizeof(Partition *)),
            world_alloc(transaction->n_records, sizeof(LogRecord *)), world_alloc((size_t)scenario.n_shards, sizeof(ShownBatch *)), NULL};
    *check.brought_end = brought;
    check.brought_end = &brought->next;
    return transaction->brought = brought;
}

static void collect(const char *topic) {
    const Topic *found = broker_topic(topic);
    for (int32_t i = 0; found && i < found->n_partitions; i++)
        for (size_t k = 0; k < found->partitions[i].n; k++) {
            const LogRecord *record = &found->partitions[i].records[k];
            if (!record_is_committed(record))
                continue;
            Brought *brought = brought_by(record->transaction);
            brought->partitions[record->sequence] = &found->partitions[i];
            brought->records[record->sequence] = record;
        }
}

static void tell_difference(const Brought *brought, uint64_t at, int32_t shard, int64_t bno, const Written *expected) {
    const LogRecord *found = at < brought->transaction->n_records ? brought->records[at] : NULL;
    world_fail("shard %d batch %" PRId64 ": record %" PRIu64 " of its transaction is %s [%d] %.*s (%zu bytes), where the engine has %s [%d] %.*s (%zu bytes)",
            (int)shard, bno, at, found ? brought->partitions[at]->topic->name : "none", found ? (int)brought->partitions[at]->number : -1,
            STR_FMT(found ? found->key : STR_NULL), found ? found->value.len : 0, expected ? expected->topic : "none",
            expected ? (int)expected->partition : -1, STR_FMT(expected ? expected->key : STR_NULL), expected ? expected->value.len : 0);
}

/* For people: what was written, and what should have been. */
static void show_lists(const Brought *brought, const WrittenList *list) {
    for (uint64_t i = 0; i < brought->transaction->n_records; i++)
        world_trace("there is %3" PRIu64 ": %s [%d] %.*s (%zu bytes)", i, brought->partitions[i]->topic->name, (int)brought->partitions[i]->number,
                STR_FMT(brought->records[i]->key), brought->records[i]->value.len);
    for (size_t i = 0; i < list->n; i++)
        world_trace("expected %3zu: %s [%d] %.*s (%zu bytes)", i, list->items[i].topic, (int)list->items[i].partition, STR_FMT(list->items[i].key),
                list->items[i].value.len);
}

static bool matches(const Brought *brought, uint64_t at, const Written *expected) {
    return at < brought->transaction->n_records && str_eq_c(str_from(expected->topic), brought->partitions[at]->topic->name) &&
           (expected->partition < 0 || expected->partition == brought->partitions[at]->number) &&
           str_eq(expected->key, brought->records[at]->key) && str_eq(expected->value, brought->records[at]->value);
}

static void match_list(const Brought *brought, uint64_t *at, int32_t shard, const ShownBatch *batch, const WrittenList *list) {
    for (size_t i = 0; i < list->n; i++, (*at)++)
        if (!matches(brought, *at, &list->items[i])) {
            show_lists(brought, list);
            tell_difference(brought, *at, shard, batch->footer->bno, &list->items[i]);
        }
}

/* --- what is told ------------------------------------------------------------------------------------ */

/* All that was appended before that instant to what the shard reads of the source was read by then, as far as clocks agree. */
static void check_progress(int32_t shard, const Footer *footer, const ShardMessage *message) {
    for (unsigned i = 0; i + 1 < scenario.inputs.n; i++) {
        int32_t number = inputs_partition(&scenario.inputs, i, shard);
        if (number < 0 || !str_eq_c(message->topic, scenario.inputs.inputs[i].topic))
            continue;
        const Partition *partition = adapter_partition(scenario.inputs.inputs[i].topic, number);
        int64_t offset = stands_at(footer, shard, i);
        const LogRecord *next = partition_read(partition, &offset);
        if (next && next->timestamp_ms < message->at_ms - world.clocks_differ_ms)
            world_fail("shard %d batch %" PRId64 " tells that it has read %s up to %" PRId64 ", but %" PRId64 " of [%d] is of before", (int)shard,
                    footer->bno, partition->topic->name, message->at_ms, offset, (int)number);
    }
}

/* What is told all shards; true: it is such a message, one for each shard. */
static bool pass_told(const Brought *brought, uint64_t *at, int32_t shard, const Footer *footer) {
    ShardMessage message;
    uint64_t n = (uint64_t)scenario.n_shards;
    if (*at + n > brought->transaction->n_records || strcmp(brought->partitions[*at]->topic->name, scenario.config.internal_topic) != 0 ||
            !str_is_null(brought->records[*at]->key))
        return false;
    arena_reset(check.arena);
    if (shard_message_unpack(brought->records[*at]->value, check.arena, &message) != 0 || message.from_shard != shard)
        return false;
    if (message.kind == MESSAGE_WATERMARK && message.at_ms != MAX(footer->watermark_ms, 0))
        world_fail("shard %d batch %" PRId64 " tells another watermark than its own", (int)shard, footer->bno);
    if (message.kind == MESSAGE_PROGRESS)
        check_progress(shard, footer, &message);
    for (uint64_t i = 0; i < n; i++)
        if (brought->partitions[*at + i]->number != (int32_t)i || !str_eq(brought->records[*at + i]->value, brought->records[*at]->value))
            world_fail("shard %d batch %" PRId64 " does not tell all shards the same", (int)shard, footer->bno);
    *at += n;
    check_figures.messages += n;
    return true;
}

/* --- the whole --------------------------------------------------------------------------------------- */

/* Of two in one transaction the first is kept: the other's records are then too many. */
static void note_batches(int32_t shard) {
    for (size_t i = check.shards[shard].n; i-- > 0;) {
        const ShownBatch *batch = &check.shards[shard].batches[i];
        brought_by(batch->record->transaction)->batches[shard] = batch;
    }
}

static const Expected *expected_of(int32_t shard, const ShownBatch *batch) {
    return &check.expected[shard][batch->footer->bno - 1];
}

/* The offsets that were committed with the batch are those of its footer. */
static void check_offsets(const Brought *brought, int32_t shard, const ShownBatch *batch) {
    for (unsigned i = 0; i < scenario.inputs.n; i++) {
        int32_t number = inputs_partition(&scenario.inputs, i, shard);
        const char *topic = scenario.inputs.inputs[i].topic;
        const FooterInput *input = number < 0 ? NULL : footer_input(batch->footer, shard, topic, number);
        bool is_there = !input || input->offset < 0;
        for (size_t k = 0; k < brought->transaction->n_offsets && !is_there; k++) {
            const PendingOffset *offset = &brought->transaction->offsets[k];
            is_there = offset->partition == adapter_partition(topic, number) && offset->offset == input->offset;
        }
        if (!is_there)
            world_fail("shard %d batch %" PRId64 ": the offset of %s [%d] was not committed with it", (int)shard, batch->footer->bno, topic, (int)number);
    }
}

static void check_transaction(const Brought *brought) {
    uint64_t at = 0;
    for (int32_t shard = 0; shard < scenario.n_shards; shard++) {
        const ShownBatch *batch = brought->batches[shard];
        if (!batch)
            continue;
        match_list(brought, &at, shard, batch, &expected_of(shard, batch)->said);
        while (pass_told(brought, &at, shard, batch->footer))
            continue;
    }
    for (int32_t shard = 0; shard < scenario.n_shards; shard++) {
        const ShownBatch *batch = brought->batches[shard];
        if (!batch)
            continue;
        match_list(brought, &at, shard, batch, &expected_of(shard, batch)->kept);
        if (at >= brought->transaction->n_records || brought->records[at++] != batch->record)
            tell_difference(brought, at - 1, shard, batch->footer->bno, NULL);
        check_offsets(brought, shard, batch);
        if (batch->footer->n_outputs != expected_of(shard, batch)->n_outputs)
            world_fail("shard %d batch %" PRId64 " counts outputs otherwise than the engine", (int)shard, batch->footer->bno);
    }
    if (at != brought->transaction->n_records)
        world_fail("a transaction brought %" PRIu64 " records, of which the engine knows %" PRIu64, brought->transaction->n_records, at);
}

void check_batches(const ShownShard *shards) {
    const Config *config = &scenario.config;
    check.shards = shards;
    check.brought_end = &check.brought;
    check.expected = world_alloc((size_t)scenario.n_shards, sizeof(Expected *));
    check.taken = world_alloc((size_t)scenario.n_shards, sizeof(TakenRecords));
    if (arena_new(&check.arena) < 0)
        world_fail("out of memory");
    read_letters();
    for (int32_t i = 0; i < scenario.n_shards; i++)
        run_shard(i);
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++)
        collect(config->output_topics[i]);
    collect(config->changelog_topic);
    collect(config->internal_topic);
    for (int32_t i = 0; i < scenario.n_shards; i++)
        note_batches(i);
    for (const Brought *brought = check.brought; brought; brought = brought->next)
        check_transaction(brought);
}
