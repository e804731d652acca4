/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a record cannot be known before the schema that it was written with is. A registry that asks a server for schemas may not know
 * it yet: such a record waits, and so does what stands behind it in its partition, until the registry says which schema it is, or that there
 * is none. Nothing else does, except what would wait for records of that partition that have not been polled yet.
 */
#include "daemon/base/clock.h"
#include "daemon/log/log.h"
#include "daemon/pipeline/round_internal.h"

/* After so long it is said in the log that an input waits. */
#define SILENCE_MS 2000

/* The bytes of an event that the record brings, from a source or from another shard; null: it brings none. 0 or -ENOMEM. */
static int event_of(Round *round, const Record *record, Str *ret) {
    ShardMessage message;
    *ret = record->value;
    if (!round_is_message(round->pipeline, record))
        return 0;
    arena_reset(round->arena);
    int r = shard_message_unpack(record->value, round->arena, &message);
    *ret = r == 0 && message.kind == MESSAGE_EVENT ? message.bytes : STR_NULL;
    return MIN(r, 0);
}

/* By when what is in it happened it is put in order, if there is one to keep. */
static void note_time(const Pipeline *p, Record *record) {
    if (source_order_matters(&p->inputs) && source_order_has(&p->inputs, record->input))
        record->occurred_at_ms = source_order_time(p->registry, p->decoder, record->value);
}

static int look(Round *round, Record *record) {
    Pipeline *p = round->pipeline;
    SchemaId id;
    char text[128];
    Str value;
    int r = event_of(round, record, &value);
    if (r < 0)
        return r;
    r = schema_id_read(value, &id, text, sizeof(text)) == 0 ? 1 : registry_settled(p->registry, &id);
    if (r < 0)
        return r;
    record->lacks_schema = r == 0;
    if (!record->lacks_schema)
        note_time(p, record);
    return 0;
}

int round_look_at_schema(Round *round, Record *record) {
    if (registry_asks(round->pipeline->registry))
        return look(round, record);
    note_time(round->pipeline, record);
    return 0;
}

int round_look_at_schemas(Round *round, bool at_all) {
    int r = 0;
    for (size_t i = 0; i < round->n_records && r == 0; i++)
        if (at_all || round->records[i].lacks_schema)
            r = look(round, &round->records[i]);
    return r;
}

void round_note_schema_wait(LiveShard *shard, unsigned input, const Record *first) {
    const Pipeline *p = shard->pipeline;
    int64_t now_ms = clock_monotonic_ms();
    SchemaWait *wait = &shard->schema_waits[input];
    char text[128], name[SCHEMA_ID_TEXT_SIZE] = "an id";
    SchemaId id;
    bool is_told = wait->is_told;
    if (!first) {
        if (is_told)
            log_info("source.readable", LOG_INT("shard", shard->id), LOG_STR("topic", p->inputs.inputs[input].topic),
                    LOG_INT("after_ms", now_ms - wait->since_ms));
        *wait = (SchemaWait){.since_ms = 0};
        return;
    }
    if (wait->since_ms == 0)
        wait->since_ms = now_ms;
    wait->is_told = is_told || now_ms - wait->since_ms >= SILENCE_MS;
    if (is_told || !wait->is_told)
        return;
    Str value;
    if (event_of(p->round, first, &value) == 0 && schema_id_read(value, &id, text, sizeof(text)) > 0)
        schema_id_print(&id, name);
    log_warning("source.unreadable", LOG_INT("shard", shard->id), LOG_STR("topic", p->inputs.inputs[input].topic),
            LOG_INT("partition", inputs_partition(&p->inputs, input, shard->id)), LOG_INT("offset", first->offset),
            LOG_STR("schema", name), LOG_STR("remedy", "it waits here until the Schema Registry says what that is"));
}
