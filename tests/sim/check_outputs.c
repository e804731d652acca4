/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/arena.h"
#include "lib/shard/shard_message.h"
#include "tests/sim/check_internal.h"
#include "tests/sim/workload.h"

/* An output as a read_committed reader has it, and what of it is looked at. */
typedef struct Shown {
    OutputType type;
    Uuid event_id;
    Str subject, policy, start_event_id;
    Str into; /* retired: the survivor, or null: forgotten */
    SlaKind kind;
    uint32_t epoch;
    int64_t started_at_ms, due_at_ms, decided_at_ms;
    const Transaction *transaction;
} Shown;

static struct {
    Shown *outputs;
    size_t n, n_alloc;
    int64_t *orders; /* of workload_events: in which order their shard took them; -1: it did not */
} check;

/* --- reading ----------------------------------------------------------------------------------------- */

/* For people. */
static void trace_output(const Output *output) {
    const StageChanged *stage = &output->stage_changed;
    if (output->type == OUTPUT_STAGE_CHANGED)
        world_trace("told: %.*s %.*s: %.*s from %.*s to %.*s at %" PRId64 ", number %" PRIu64 ", ordinal %" PRIu64, STR_FMT(output->lead_id),
                STR_FMT(output->account_id), STR_FMT(stage->track), STR_FMT(stage->from), STR_FMT(stage->to), world_since_begin(stage->changed_at_ms),
                stage->sequence, output->ordinal);
    if (output->type == OUTPUT_SLA_EVENT)
        world_trace("told: %.*s: %.*s %u %s %.*s, %" PRId64 " to %" PRId64 ", at %" PRId64 ", ordinal %" PRIu64, STR_FMT(output->lead_id),
                STR_FMT(output->sla_event.policy), output->sla_event.epoch, sla_kind_name(output->sla_event.kind), STR_FMT(output->sla_event.level),
                world_since_begin(output->sla_event.started_at_ms), world_since_begin(output->sla_event.due_at_ms), world_since_begin(output->sla_event.occurred_at_ms),
                output->ordinal);
    if (output->type == OUTPUT_LEAD_RETIRED)
        world_trace("told: %.*s is %.*s %.*s at %" PRId64 ", ordinal %" PRIu64, STR_FMT(output->lead_id), STR_FMT(output->lead_retired.cause),
                STR_FMT(output->lead_retired.into), world_since_begin(output->lead_retired.at_ms), output->ordinal);
}

static void show(const Output *output, const LogRecord *record) {
    if (world.is_verbose)
        trace_output(output);
    check.outputs = world_grow(check.outputs, &check.n_alloc, check.n, sizeof(Shown));
    Shown *shown = &check.outputs[check.n++];
    *shown = (Shown){.type = output->type, .event_id = output->event_id, .decided_at_ms = record->decided_at_ms, .transaction = record->transaction,
            .subject = world_copy(output->lead_id.data ? output->lead_id : output->account_id)};
    if (output->type == OUTPUT_LEAD_RETIRED)
        shown->into = world_copy(output->lead_retired.into);
    if (output->type != OUTPUT_SLA_EVENT)
        return;
    shown->policy = world_copy(output->sla_event.policy);
    shown->start_event_id = world_copy(output->sla_event.start_event_id);
    shown->kind = output->sla_event.kind;
    shown->epoch = output->sla_event.epoch;
    shown->started_at_ms = output->sla_event.started_at_ms;
    shown->due_at_ms = output->sla_event.due_at_ms;
}

static void read_outputs(OutputType type) {
    const Topic *topic = broker_topic(scenario.config.output_topics[type]);
    for (int32_t i = 0; topic && i < topic->n_partitions; i++) {
        const LogRecord *record;
        for (int64_t offset = 0; (record = partition_read(&topic->partitions[i], &offset)); offset++) {
            Output output;
            char text[256];
            check_figures.outputs++;
            if (str_is_null(record->value))
                continue;
            if (avro_output_read(scenario.setting.reader, record->value, &output, text, sizeof(text)) != 0)
                world_fail("%s [%d] %" PRId64 " cannot be read: %s", topic->name, (int)i, offset, text);
            show(&output, record);
        }
    }
}

/* --- told once --------------------------------------------------------------------------------------- */

/* The longest chain of merges that is followed. */
#define CHAIN_MAX 16

/* Who comes back after having been forgotten, by this name or by that of the survivor: what is sent again then counts again. */
static bool begins_anew(Str subject, unsigned depth) {
    for (size_t i = 0; i < check.n && depth < CHAIN_MAX; i++) {
        const Shown *output = &check.outputs[i];
        bool is_end = output->type == OUTPUT_LEAD_RETIRED && str_eq(output->subject, subject);
        if (is_end && (str_is_null(output->into) || begins_anew(output->into, depth + 1)))
            return true;
    }
    return false;
}

static int compare_ids(const void *a, const void *b) {
    const Shown *const *x = a, *const *y = b;
    int c = memcmp(&(*x)->event_id, &(*y)->event_id, sizeof(Uuid));
    return c ? c : (int)(*x)->type - (int)(*y)->type;
}

static void check_once(void) {
    const Shown **sorted = world_alloc(check.n, sizeof(*sorted));
    size_t n = 0;
    for (size_t i = 0; i < check.n; i++)
        if (check.outputs[i].type != OUTPUT_DEAD_LETTER)
            sorted[n++] = &check.outputs[i];
    if (n)
        qsort(sorted, n, sizeof(*sorted), compare_ids);
    for (size_t i = 1; i < n; i++)
        if (compare_ids(&sorted[i - 1], &sorted[i]) == 0 && !begins_anew(sorted[i]->subject, 0))
            world_fail("a fact of %.*s, %s, is told at %" PRId64 " and at %" PRId64 "%s", STR_FMT(sorted[i]->subject),
                    output_type_name(sorted[i]->type), world_since_begin(sorted[i - 1]->decided_at_ms), world_since_begin(sorted[i]->decided_at_ms),
                    sorted[i]->transaction == sorted[i - 1]->transaction ? ", by one transaction" : "");
}

/* --- verdicts ---------------------------------------------------------------------------------------- */

static void note_order(Str topic, int32_t partition, int64_t offset, int64_t order) {
    for (size_t i = 0; i < workload_n_events; i++) {
        const SentEvent *event = &workload_events[i];
        if (event->offset == offset && event->partition == partition && str_eq_c(topic, scenario.config.sources[event->source]))
            check.orders[i] = order;
    }
}

/* Events of routed sources come from other shards. */
static void note_message(const Record *record, Arena *arena, int64_t order) {
    ShardMessage message;
    arena_reset(arena);
    if (shard_message_unpack(record->value, arena, &message) == 0 && message.kind == MESSAGE_EVENT)
        note_order(message.topic, message.partition, message.offset, order);
}

static void note_taken(const Record *record, Arena *arena, int64_t order) {
    if (inputs_is_internal(&scenario.inputs, record->input))
        note_message(record, arena, order);
    else if (!scenario.inputs.inputs[record->input].is_routed)
        note_order(str_from(scenario.inputs.inputs[record->input].topic), inputs_partition(&scenario.inputs, record->input, record->shard),
                record->offset, order);
}

static void note_orders(void) {
    _cleanup_(arena_free) Arena *arena = NULL;
    check.orders = world_alloc(workload_n_events, sizeof(int64_t));
    for (size_t i = 0; i < workload_n_events; i++)
        check.orders[i] = -1;
    if (arena_new(&arena) < 0)
        world_fail("out of memory");
    for (int32_t shard = 0; shard < scenario.n_shards; shard++)
        for (size_t i = 0; i < check_taken(shard)->n; i++)
            note_taken(&check_taken(shard)->records[i], arena, (int64_t)i);
}

/* Not by time: a call came that was too late, before one that had been in time. */
static bool is_for_a_late_stop(const Shown *breach) {
    for (size_t i = 0; i < check.n; i++) {
        const Shown *other = &check.outputs[i];
        if (other->type == OUTPUT_SLA_EVENT && other->kind == SLA_LATE && str_eq(other->policy, breach->policy) && str_eq(other->subject, breach->subject) &&
                other->epoch == breach->epoch && other->transaction == breach->transaction)
            return true;
    }
    return false;
}

static int64_t order_of_start(const Shown *breach) {
    for (size_t i = 0; i < workload_n_events; i++)
        if (workload_events[i].kind == SENT_START && str_eq(workload_events[i].event_id, breach->start_event_id))
            return check.orders[i];
    return -1;
}

/* Nobody can have judged before due + lateness by a clock that is ahead; what was in the log before that instant counts. */
static void check_breach(const Shown *breach) {
    int64_t start = order_of_start(breach), judged_ms = breach->due_at_ms + scenario.model->lateness_ms - world.clocks_differ_ms;
    check_figures.breaches++;
    if (start < 0)
        return;
    for (size_t i = 0; i < workload_n_events; i++) {
        const SentEvent *stop = &workload_events[i];
        if (stop->kind == SENT_STOP && str_eq(stop->lead_id, breach->subject) && check.orders[i] > start &&
                stop->occurred_at_ms >= breach->started_at_ms && stop->occurred_at_ms <= breach->due_at_ms && stop->appended_at_ms < judged_ms)
            world_fail("%.*s is breached, due at %" PRId64 ", told at %" PRId64 ", though the call of %" PRId64 ", %s [%d] %" PRId64
                       ", was appended at %" PRId64 ", before anybody could judge",
                    STR_FMT(breach->subject), world_since_begin(breach->due_at_ms), world_since_begin(breach->decided_at_ms), world_since_begin(stop->occurred_at_ms),
                    scenario.config.sources[stop->source], (int)stop->partition, stop->offset, world_since_begin(stop->appended_at_ms));
    }
}

void check_outputs(void) {
    for (int i = 0; i < _OUTPUT_TYPE_MAX; i++)
        read_outputs((OutputType)i);
    check_once();
    note_orders();
    for (size_t i = 0; i < check.n; i++) {
        const Shown *output = &check.outputs[i];
        if (output->type == OUTPUT_SLA_EVENT && output->kind == SLA_BREACHED && str_eq_c(output->policy, "call") &&
                !workload_is_merged(output->subject) && !is_for_a_late_stop(output))
            check_breach(output);
    }
}
