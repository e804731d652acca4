/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group member, in place of daemon/io/kafka/kafka_source.c. What the client knows is older than what the broker does: that the group
 * rebalances, and that it is no member any more, it learns with a heartbeat's answer, at a poll.
 */
#include "tests/sim/adapters.h"

#include <stdio.h>

#include "daemon/base/clock.h"

#define COMMITTED_POLL_MS 50
/* Between two heartbeats at most. */
#define HEARTBEAT_MS 500

typedef struct Reading {
    int64_t position;   /* next to read */
    int64_t told_end;   /* an end is told once */
    bool is_on_hold;
} Reading;

typedef struct Assigned {
    int32_t shard;
    bool is_started;
    Reading readings[INPUTS_MAX];
} Assigned;

struct KafkaSource {
    const Config *config;
    const Inputs *inputs;
    KafkaSourceHandler handler;
    Process *process;
    unsigned member_id;     /* 0: none */
    int32_t generation;     /* of the assignment; -1: none */
    Assigned *assigned;
    int32_t *numbers;
    size_t n_assigned;
    int64_t heartbeat_at_ms;
    bool is_paused, is_stale;
    int error;
};

int kafka_source_new(const Config *config, const Inputs *inputs, KafkaSourceHandler handler, KafkaLog log, char *text, KafkaSource **ret) {
    (void)log;
    (void)text;
    KafkaSource *source = world_alloc(1, sizeof(*source));
    *source = (KafkaSource){.config = config, .inputs = inputs, .handler = handler, .process = world.current, .generation = -1};
    *ret = source;
    return 0;
}

const Inputs *kafka_source_inputs(const KafkaSource *source) {
    return source->inputs;
}

static Partition *partition_of(const KafkaSource *source, unsigned input, int32_t shard) {
    int32_t number = inputs_partition(source->inputs, input, shard);
    return number < 0 ? NULL : adapter_partition(source->inputs->inputs[input].topic, number);
}

static Assigned *find_assigned(const KafkaSource *source, int32_t shard) {
    for (size_t i = 0; i < source->n_assigned; i++)
        if (source->assigned[i].shard == shard)
            return &source->assigned[i];
    return NULL;
}

/* --- rebalances -------------------------------------------------------------------------------------- */

static void give_up(KafkaSource *source, bool lost) {
    if (!source->error && source->n_assigned > 0)
        source->error = source->handler.revoked(source->handler.userdata, source->numbers, source->n_assigned, lost);
    source->n_assigned = 0;
    source->generation = -1;
}

static void take_over(KafkaSource *source, const GroupMember *member) {
    source->generation = group_generation();
    source->n_assigned = member->n_shards;
    source->assigned = world_alloc(member->n_shards, sizeof(Assigned));
    source->numbers = world_alloc(member->n_shards, sizeof(int32_t));
    for (size_t i = 0; i < member->n_shards; i++) {
        source->numbers[i] = member->shards[i];
        source->assigned[i].shard = member->shards[i];
    }
    if (source->n_assigned > 0)
        source->error = source->handler.assigned(source->handler.userdata, source->numbers, source->n_assigned);
    if (source->error)
        source->n_assigned = 0;
    source->is_stale = true;
}

/* True: something was done, and the poll is over. */
static bool follow_group(KafkaSource *source) {
    if (!process_reaches_kafka(source->process) || world.now_ms < source->heartbeat_at_ms)
        return false;
    GroupMember *member = source->member_id ? group_find(source->member_id) : NULL;
    source->heartbeat_at_ms = world.now_ms + chance_between(&world.chance, 0, HEARTBEAT_MS);
    if (!member) {
        bool was_member = source->member_id != 0;
        source->member_id = 0;
        if (was_member && source->generation >= 0)
            give_up(source, true);
        else
            source->member_id = group_join(source->process, source->inputs->n_shards)->id;
        return true;
    }
    if (group_rebalances() && !member->has_joined) {
        if (source->generation >= 0)
            give_up(source, false);
        /* who was thrown out meanwhile learns it with the next heartbeat */
        member = group_find(source->member_id);
        if (member && group_rebalances())
            group_rejoin(member);
        return true;
    }
    if (!group_rebalances() && source->generation < 0 && member->has_joined) {
        take_over(source, member);
        return true;
    }
    return false;
}

KafkaSource *kafka_source_free(KafkaSource *source) {
    if (!source)
        return NULL;
    if (source->generation >= 0)
        give_up(source, source->member_id && !group_find(source->member_id));
    world_pass(POINT_POLL, 0, 3);
    GroupMember *member = source->member_id ? group_find(source->member_id) : NULL;
    if (member && process_reaches_kafka(source->process))
        group_leave(member);
    else if (member)
        member->is_gone = true;
    return NULL;
}

/* --- records ----------------------------------------------------------------------------------------- */

/* What is read anew has its end told anew. */
static void read_anew(KafkaSource *source) {
    for (size_t i = 0; i < source->n_assigned; i++)
        for (unsigned input = 0; input < source->inputs->n; input++)
            source->assigned[i].readings[input].told_end = -1;
    source->is_stale = false;
}

static void take_record(const LogRecord *record, Reading *reading, SourcePoll *ret) {
    ret->type = SOURCE_RECORD;
    ret->offset = reading->position++;
    ret->timestamp_ms = record->timestamp_ms;
    ret->is_append_time = true;
    ret->key = record->key;
    ret->value = record->value;
}

/* False: there is nothing there for now. */
static bool read_input(KafkaSource *source, Assigned *assigned, unsigned input, SourcePoll *ret) {
    Partition *partition = partition_of(source, input, assigned->shard);
    Reading *reading = &assigned->readings[input];
    if (!partition)
        return false;
    ret->shard = assigned->shard;
    ret->input = input;
    const LogRecord *record = partition_read(partition, &reading->position);
    if (record) {
        take_record(record, reading, ret);
        world_trace("reads %s [%d] %lld %.*s", partition->topic->name, (int)partition->number, (long long)ret->offset, STR_FMT(record->key));
        return true;
    }
    if (reading->told_end == reading->position)
        return false;
    ret->type = SOURCE_END;
    ret->offset = reading->told_end = reading->position;
    return true;
}

/* From any of the inputs, in any order: each is fetched on its own. */
static bool read_some(KafkaSource *source, SourcePoll *ret) {
    size_t n = source->n_assigned * source->inputs->n;
    if (n == 0 || source->is_paused || !process_reaches_kafka(source->process) || chance_percent(&world.chance, 5))
        return false;
    size_t begin = (size_t)chance_between(&world.chance, 0, (int64_t)n - 1);
    for (size_t i = 0; i < n; i++) {
        size_t at = (begin + i) % n;
        Assigned *assigned = &source->assigned[at / source->inputs->n];
        unsigned input = (unsigned)(at % source->inputs->n);
        if (assigned->is_started && !assigned->readings[input].is_on_hold && read_input(source, assigned, input, ret))
            return true;
    }
    return false;
}

int kafka_source_poll(KafkaSource *source, int timeout_ms, SourcePoll *ret) {
    int64_t until_ms = world.now_ms + timeout_ms;
    ret->type = SOURCE_NOTHING;
    ret->message = NULL;
    ret->own_value = NULL;
    ret->text[0] = 0;
    for (bool is_first = true; !source->error; is_first = false) {
        if (is_first)
            world_pass(POINT_POLL, 0, chance_percent(&world.chance, 2) ? 20 : chance_percent(&world.chance, 20));
        if (source->is_stale)
            read_anew(source);
        if (follow_group(source) || read_some(source, ret) || world.now_ms >= until_ms)
            break;
        int64_t heartbeat_ms = source->heartbeat_at_ms - world.now_ms;
        world_wait(POINT_POLL, heartbeat_ms > 0 ? MIN(until_ms - world.now_ms, heartbeat_ms) : until_ms - world.now_ms);
    }
    if (source->error) {
        ret->type = SOURCE_ERROR;
        (void)snprintf(ret->text, sizeof(ret->text), "a handler's error");
    }
    return source->error;
}

void kafka_source_release(SourcePoll *result) {
    result->message = NULL;
}

int kafka_source_start(KafkaSource *source, int32_t shard, const int64_t *offsets, char *text) {
    Assigned *assigned = find_assigned(source, shard);
    if (!assigned) {
        (void)snprintf(text, KAFKA_TEXT_SIZE, "shard %d is not assigned", (int)shard);
        return KAFKA_E_UNKNOWN;
    }
    for (unsigned i = 0; i < source->inputs->n; i++) {
        if (partition_of(source, i, shard) && offsets[i] < 0)
            world_fail("shard %d starts at %lld", (int)shard, (long long)offsets[i]);
        assigned->readings[i].position = offsets[i];
        assigned->readings[i].is_on_hold = false;
    }
    assigned->is_started = source->is_stale = true;
    return 0;
}

void kafka_source_stop(KafkaSource *source, int32_t shard) {
    Assigned *assigned = find_assigned(source, shard);
    if (!assigned || !assigned->is_started)
        return;
    assigned->is_started = false;
    source->is_stale = true;
}

int kafka_source_pause(KafkaSource *source, bool pause, char *text) {
    (void)text;
    source->is_paused = pause;
    return 0;
}

int kafka_source_hold(KafkaSource *source, int32_t shard, unsigned input, bool hold, char *text) {
    (void)text;
    Assigned *assigned = find_assigned(source, shard);
    if (assigned)
        assigned->readings[input].is_on_hold = hold;
    return 0;
}

/* --- offsets and generations ------------------------------------------------------------------------- */

static bool ask_committed(const KafkaSource *source, int32_t shard, CommittedOffset *ret) {
    for (unsigned i = 0; i < source->inputs->n; i++) {
        const char *metadata = "";
        bool is_pending = false;
        Partition *partition = partition_of(source, i, shard);
        ret[i] = (CommittedOffset){.offset = partition ? group_committed(partition, &metadata, &is_pending) : -1};
        (void)snprintf(ret[i].metadata, sizeof(ret[i].metadata), "%s", metadata);
        if (is_pending && adapter_lacks != GUARANTEE_STABLE)
            return false;
    }
    return true;
}

int kafka_source_committed(KafkaSource *source, int32_t shard, int timeout_ms, char *text, CommittedOffset *ret) {
    for (int64_t until_ms = world.now_ms + timeout_ms; world.now_ms < until_ms; world_pass(POINT_ASK, 1, COMMITTED_POLL_MS)) {
        int64_t left_ms = until_ms - world.now_ms;
        int r = adapter_go_to_kafka(POINT_ASK, left_ms, text);
        if (r != 0)
            return r;
        if (ask_committed(source, shard, ret)) {
            world_pass(POINT_ASK, 0, 2);
            return 0;
        }
    }
    (void)snprintf(text, KAFKA_TEXT_SIZE, "the offsets are not stable");
    return KAFKA_E_TIMEOUT;
}

SourceMembership adapter_membership(const KafkaSource *source) {
    return (SourceMembership){source->member_id, source->generation};
}

int64_t kafka_source_end(const KafkaSource *source, int32_t shard, unsigned input) {
    const Partition *partition = partition_of(source, input, shard);
    return partition ? partition_stable_end(partition) : -1;
}
