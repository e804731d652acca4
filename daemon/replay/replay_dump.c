/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/replay/replay_dump.h"

#include <math.h>

#include "daemon/io/file/file_sink.h"
#include "lib/lead/sla_clock.h"

static void dump_scores(JsonWriter *writer, const Model *model, const Lead *lead, int64_t at_ms) {
    json_write_object_begin(writer, STR_LITERAL("scores"));
    for (unsigned i = 0; i < model->n_scores; i++)
        json_write_number(writer, model->scores[i].id, lead_score(lead, model, i, at_ms));
    json_write_object_end(writer);
}

static void dump_derived(JsonWriter *writer, const Model *model, const Lead *lead, int64_t at_ms) {
    const Situation situation = {.model = model, .lead = lead, .at_ms = at_ms};

    json_write_object_begin(writer, STR_LITERAL("derived"));
    for (size_t i = 0; i < model->n_derived; i++) {
        Value value = condition_value(model->derived[i].value, &situation);
        /* Null where its arithmetic has no result. */
        json_write_number(writer, model->derived[i].id, value_is_number(value) ? value_number(value) : NAN);
    }
    json_write_object_end(writer);
}

static void dump_counters(JsonWriter *writer, const Model *model, const Lead *lead, int64_t at_ms) {
    json_write_object_begin(writer, STR_LITERAL("counters"));
    for (unsigned i = 0; i < model->n_counters; i++)
        json_write_integer(writer, model->counters[i].id, lead_counter(lead, model, i, at_ms));
    json_write_object_end(writer);
}

static void dump_stages(JsonWriter *writer, const Track *tracks, const TrackState *states, size_t n) {
    json_write_object_begin(writer, STR_LITERAL("stages"));
    for (size_t i = 0; i < n; i++)
        json_write_string(writer, tracks[i].id, tracks[i].stages[states[i].stage].id);
    json_write_object_end(writer);
}

static void dump_clocks(JsonWriter *writer, const Model *model, const Lead *lead, int64_t at_ms) {
    json_write_array_begin(writer, STR_LITERAL("sla"));
    for (unsigned i = 0; i < model->n_policies; i++) {
        const SlaClock *clock = &lead->clocks[i];
        if (clock->phase != SLA_PHASE_OPEN)
            continue;
        json_write_object_begin(writer, STR_NULL);
        json_write_string(writer, STR_LITERAL("policy"), model->policies[i].id);
        json_write_integer(writer, STR_LITERAL("epoch"), clock->epoch);
        json_write_time(writer, STR_LITERAL("started_at"), clock->started_at_ms);
        json_write_time(writer, STR_LITERAL("due_at"),
                sla_clock_due(clock, sla_terms(clock, model, i), at_ms));
        json_write_boolean(writer, STR_LITERAL("breached"), clock->breached);
        json_write_boolean(writer, STR_LITERAL("paused"), sla_clock_is_paused(clock));
        json_write_object_end(writer);
    }
    json_write_array_end(writer);
}

int lead_dump(JsonWriter *writer, const Model *model, const Lead *lead, int64_t at_ms) {
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("lead_id"), lead->lead_id);
    json_write_string(writer, STR_LITERAL("account_id"), lead->account_id);
    json_write_time(writer, STR_LITERAL("at"), at_ms);
    json_write_string(writer, STR_LITERAL("segment"), model_segment_id(model, lead->segment));
    dump_scores(writer, model, lead, at_ms);
    dump_derived(writer, model, lead, at_ms);
    dump_counters(writer, model, lead, at_ms);
    dump_stages(writer, model->tracks, lead->tracks, model->n_tracks);
    dump_clocks(writer, model, lead, at_ms);
    json_write_object_end(writer);
    return writer->error;
}

int account_dump(JsonWriter *writer, const Model *model, const Account *account, int64_t at_ms) {
    json_write_object_begin(writer, STR_NULL);
    json_write_string(writer, STR_LITERAL("account_id"), account->account_id);
    json_write_time(writer, STR_LITERAL("at"), at_ms);
    json_write_object_begin(writer, STR_LITERAL("scores"));
    for (unsigned i = 0; i < model->n_account_scores; i++)
        json_write_number(writer, model->account_scores[i].id, account_score(account, model, i, at_ms));
    json_write_object_end(writer);
    json_write_integer(writer, STR_LITERAL("committee"), account_committee(account, model, at_ms));
    dump_stages(writer, model->account_tracks, account->tracks, model->n_account_tracks);
    json_write_integer(writer, STR_LITERAL("members"), (int64_t)account->n_members);
    json_write_object_end(writer);
    return writer->error;
}

static int dump_entity(JsonWriter *writer, const Model *model, Entity *entity, int64_t watermark_ms) {
    if (entity->kind == ENTITY_LEAD) {
        const Lead *lead = lead_of(entity);
        return lead_dump(writer, model, lead, MAX(watermark_ms, lead->clock_ms));
    }
    const Account *account = account_of(entity);
    return account_dump(writer, model, account, MAX(watermark_ms, account->clock_ms));
}

static int compare_by_id(const void *a, const void *b) {
    const Entity *const *left = a, *const *right = b;
    return str_compare((*left)->id, (*right)->id);
}

static int dump_sorted(FILE *file, const Model *model, Entity *const *entities, size_t n, int64_t watermark_ms) {
    JsonWriter writer = JSON_WRITER_INIT;
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        r = dump_entity(&writer, model, entities[i], watermark_ms);
        if (r)
            break;
        json_write_newline(&writer);
        r = json_writer_flush(&writer, file);
    }
    json_writer_deinit(&writer);
    return r;
}

int entities_dump(FILE *file, const Model *model, const EntityTable *table, int64_t watermark_ms) {
    size_t n = 0, n_alloc = entity_table_count(table), iterator = 0;
    Entity *entity;

    if (n_alloc == 0)
        return 0;
    _cleanup_(free_null) Entity **entities = calloc(n_alloc, sizeof(Entity *));
    if (!entities)
        return -ENOMEM;
    while ((entity = entity_table_next(table, &iterator)))
        if (!entity->erased && !(entity->kind == ENTITY_LEAD && lead_of(entity)->merged_into.data)) {
            assert(n < n_alloc);
            entities[n++] = entity;
        }
    qsort(entities, n, sizeof(Entity *), compare_by_id);
    return dump_sorted(file, model, entities, n, watermark_ms);
}
