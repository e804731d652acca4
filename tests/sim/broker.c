/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/broker.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/adapters.h"
#include "tests/sim/scenario.h"

/* As the daemon asks for. */
#define TRANSACTION_TIMEOUT_MS 10000
#define SESSION_TIMEOUT_MS 10000
/* group.initial.rebalance.delay.ms, and how long the others wait at most. */
#define REBALANCE_DELAY_MS 500

unsigned broker_late_markers_percent;

static struct {
    Topic *topics;
    Producer *producers;
    uint64_t n_offsets_sent;
} broker;

/* --- logs -------------------------------------------------------------------------------------------- */

Topic *broker_find_topic(Str name) {
    Topic *topic = broker.topics;
    while (topic && (topic->name_len != name.len || memcmp(topic->name, name.data, name.len) != 0))
        topic = topic->next;
    return topic;
}

/* Whoever asks has the name at the same place each time. */
Topic *broker_topic(const char *name) {
    static struct {
        const char *name;
        Topic *topic;
    } asked[64];
    size_t i = ((uintptr_t)name >> 2) % ARRAY_SIZE(asked);
    if (asked[i].name != name || strcmp(asked[i].topic->name, name) != 0) {
        Topic *topic = broker_find_topic(str_from(name));
        if (!topic)
            return NULL;
        asked[i].name = name;
        asked[i].topic = topic;
    }
    return asked[i].topic;
}

Topic *broker_create_topic(const char *name, int32_t n_partitions, bool is_compacted) {
    Topic *topic = world_alloc(1, sizeof(*topic));
    *topic = (Topic){.name = world_copy(str_from(name)).data, .name_len = strlen(name), .n_partitions = n_partitions,
            .is_compacted = is_compacted, .next = broker.topics};
    topic->partitions = world_alloc((size_t)n_partitions, sizeof(Partition));
    for (int32_t i = 0; i < n_partitions; i++) {
        topic->partitions[i].topic = topic;
        topic->partitions[i].number = i;
    }
    return broker.topics = topic;
}

int64_t partition_stable_end(const Partition *partition) {
    int64_t end = (int64_t)partition->n;
    for (size_t i = 0; i < partition->n_open; i++)
        end = MIN(end, partition->open[i].first);
    return end;
}

bool record_is_committed(const LogRecord *record) {
    return !record->is_control && (!record->transaction || record->transaction->state == TRANSACTION_COMMITS);
}

const LogRecord *partition_read(const Partition *partition, int64_t *offset) {
    int64_t end = partition_stable_end(partition);
    for (; *offset < end; (*offset)++) {
        const LogRecord *record = &partition->records[*offset];
        bool is_seen = record_is_committed(record) || (adapter_lacks == GUARANTEE_COMMITTED && !record->is_control);
        if (is_seen && !record->is_compacted)
            return record;
    }
    return NULL;
}

static int64_t append(Partition *partition, LogRecord record) {
    partition->records = world_grow(partition->records, &partition->n_alloc, partition->n, sizeof(LogRecord));
    record.timestamp_ms = world.now_ms;
    partition->records[partition->n] = record;
    world_stir();
    return (int64_t)partition->n++;
}

static void open_part(Partition *partition, Transaction *transaction) {
    for (size_t i = 0; i < partition->n_open; i++)
        if (partition->open[i].transaction == transaction)
            return;
    partition->open = world_grow(partition->open, &partition->n_open_alloc, partition->n_open, sizeof(OpenPart));
    partition->open[partition->n_open++] = (OpenPart){transaction, (int64_t)partition->n};
    transaction->n_parts++;
}

void broker_append(Partition *partition, Str key, Str value, Transaction *transaction) {
    if (transaction)
        open_part(partition, transaction);
    (void)append(partition, (LogRecord){.key = world_copy(key), .value = world_copy(value), .decided_at_ms = TIME_NONE, .transaction = transaction});
}

static void compact(Partition *partition, int64_t lag_ms) {
    int64_t end = partition_stable_end(partition);
    for (int64_t i = 0; i < end; i++) {
        LogRecord *record = &partition->records[i];
        if (record->is_compacted || !record_is_committed(record))
            continue;
        for (int64_t k = i + 1; k < end && partition->records[k].timestamp_ms <= world.now_ms - lag_ms; k++)
            if (record_is_committed(&partition->records[k]) && str_eq(partition->records[k].key, record->key)) {
                record->is_compacted = true;
                break;
            }
    }
}

void broker_compact(Topic *topic, int64_t lag_ms) {
    for (int32_t i = 0; i < topic->n_partitions; i++)
        compact(&topic->partitions[i], lag_ms);
}

/* --- transactions ------------------------------------------------------------------------------------ */

/* A marker on its way; partition NULL: to the group's offsets. */
typedef struct Marker {
    Transaction *transaction;
    Partition *partition;
} Marker;

static void settle_offsets(Transaction *transaction);

static void write_marker(void *userdata) {
    Marker *marker = userdata;
    Partition *partition = marker->partition;
    marker->transaction->n_parts--;
    if (!partition) {
        settle_offsets(marker->transaction);
        return;
    }
    for (size_t i = 0; i < partition->n_open; i++)
        if (partition->open[i].transaction == marker->transaction)
            partition->open[i] = partition->open[--partition->n_open];
    (void)append(partition, (LogRecord){.is_control = true, .decided_at_ms = TIME_NONE, .transaction = marker->transaction});
}

static void send_marker(Transaction *transaction, Partition *partition) {
    Marker *marker = world_alloc(1, sizeof(*marker));
    *marker = (Marker){transaction, partition};
    int64_t most_ms = chance_percent(&world.chance, 10) ? 50 : 3;
    if (chance_percent(&world.chance, broker_late_markers_percent)) {
        most_ms = 3000;
        fault_counts[FAULT_LATE_MARKERS]++;
    }
    world_at(world.now_ms + chance_between(&world.chance, 0, most_ms), write_marker, marker);
}

void transaction_end(Transaction *transaction, bool commits) {
    transaction->state = commits ? TRANSACTION_COMMITS : TRANSACTION_ABORTS;
    for (Topic *topic = broker.topics; topic; topic = topic->next)
        for (int32_t i = 0; i < topic->n_partitions; i++)
            for (size_t k = 0; k < topic->partitions[i].n_open; k++)
                if (topic->partitions[i].open[k].transaction == transaction)
                    send_marker(transaction, &topic->partitions[i]);
    if (transaction->has_offsets)
        send_marker(transaction, NULL);
}

Transaction *transaction_new(void) {
    return world_alloc(1, sizeof(Transaction));
}

Producer *broker_producer(const char *transactional_id) {
    for (Producer *producer = broker.producers; producer; producer = producer->next)
        if (strcmp(producer->id, transactional_id) == 0)
            return producer;
    Producer *producer = world_alloc(1, sizeof(*producer));
    *producer = (Producer){.id = world_copy(str_from(transactional_id)).data, .next = broker.producers};
    return broker.producers = producer;
}

static bool has_open(const Producer *producer) {
    return producer->transaction && producer->transaction->state == TRANSACTION_OPEN;
}

bool producer_is_settled(const Producer *producer) {
    return !producer->transaction || (!has_open(producer) && producer->transaction->n_parts == 0);
}

void producer_init(Producer *producer) {
    producer->epoch++;
    if (has_open(producer))
        transaction_end(producer->transaction, false);
}

static void expire(void *userdata) {
    Transaction *transaction = userdata;
    if (transaction->state != TRANSACTION_OPEN)
        return;
    world_trace("-- a transaction of %s times out", transaction->producer->id);
    producer_init(transaction->producer);
}

/* The open transaction, which begins if there is none; NULL: not of this epoch. */
static Transaction *join(Producer *producer, int64_t epoch) {
    if (producer->epoch != epoch && adapter_lacks != GUARANTEE_EPOCH)
        return NULL;
    if (has_open(producer))
        return producer->transaction;
    if (!producer_is_settled(producer))
        return NULL; /* who asks at the wrong time is refused; adapters wait */
    producer->transaction = transaction_new();
    producer->transaction->producer = producer;
    world_at(world.now_ms + TRANSACTION_TIMEOUT_MS, expire, producer->transaction);
    return producer->transaction;
}

bool producer_send(Producer *producer, int64_t epoch, const NewRecord *record) {
    Transaction *transaction = join(producer, epoch);
    if (!transaction)
        return false;
    open_part(record->partition, transaction);
    int64_t offset = append(record->partition, (LogRecord){.key = record->key, .value = record->value, .decided_at_ms = record->decided_at_ms,
                                                       .transaction = transaction, .sequence = transaction->n_records++});
    if (record->ret_offset)
        *record->ret_offset = offset;
    return true;
}

bool producer_send_offset(Producer *producer, int64_t epoch, const PendingOffset *offset) {
    Transaction *t = join(producer, epoch);
    if (!t)
        return false;
    t->offsets = world_grow(t->offsets, &t->n_offsets_alloc, t->n_offsets, sizeof(PendingOffset));
    t->offsets[t->n_offsets] = *offset;
    t->offsets[t->n_offsets++].sequence = ++broker.n_offsets_sent;
    t->n_parts += !t->has_offsets;
    t->has_offsets = true;
    return true;
}

bool producer_end(Producer *producer, int64_t epoch, bool commits) {
    Transaction *transaction = producer->transaction;
    if (producer->epoch != epoch && adapter_lacks != GUARANTEE_EPOCH)
        return false;
    if (has_open(producer))
        transaction_end(transaction, commits);
    /* said again: the same answer */
    return transaction && (transaction->state == TRANSACTION_COMMITS) == commits;
}

/* --- the group --------------------------------------------------------------------------------------- */

typedef struct Committed {
    const Partition *partition;
    int64_t offset;
    const char *metadata;
    uint64_t sequence;
} Committed;

static struct {
    GroupMember *members;
    unsigned n_ids;
    int32_t generation, n_shards;
    bool rebalances;
    Committed *committed;
    size_t n_committed, n_committed_alloc;
} group;

GroupMember *group_find(unsigned member_id) {
    GroupMember *member = group.members;
    while (member && member->id != member_id)
        member = member->next;
    return member;
}

bool group_rebalances(void) {
    return group.rebalances;
}

int32_t group_generation(void) {
    return group.generation;
}

bool group_has(unsigned member_id, int32_t generation) {
    return group_find(member_id) && group.generation == generation;
}

/* `range`: each member has a run of numbers, those of the first members are longer by one. */
static void deal_out(void) {
    int32_t n_members = 0, next = 0, i = 0;
    for (GroupMember *member = group.members; member; member = member->next)
        n_members++;
    for (GroupMember *member = group.members; member; member = member->next, i++) {
        int32_t n = group.n_shards / n_members + (i < group.n_shards % n_members);
        member->shards = world_alloc((size_t)n, sizeof(int32_t));
        member->n_shards = (size_t)n;
        for (int32_t k = 0; k < n; k++)
            member->shards[k] = next++;
    }
}

static void complete(void *userdata) {
    (void)userdata;
    if (!group.rebalances || !group.members)
        return;
    for (GroupMember *member = group.members; member; member = member->next)
        if (!member->has_joined)
            return;
    group.rebalances = false;
    group.generation++;
    deal_out();
    world_trace("-- generation %d", (int)group.generation);
    world_stir();
}

static void look_for_completion(void) {
    world_at(world.now_ms + chance_between(&world.chance, 0, REBALANCE_DELAY_MS), complete, NULL);
}

static void rebalance(void) {
    if (!group.rebalances)
        for (GroupMember *member = group.members; member; member = member->next)
            member->has_joined = false;
    group.rebalances = true;
    world_stir();
    look_for_completion();
}

/* Members are sorted by their random ids. */
GroupMember *group_join(struct Process *process, int32_t n_shards) {
    GroupMember *member = world_alloc(1, sizeof(*member)), **place = &group.members;
    group.n_shards = n_shards;
    *member = (GroupMember){.id = ++group.n_ids, .process = process, .expires_at_ms = TIME_NEVER};
    while (*place && chance_percent(&world.chance, 50))
        place = &(*place)->next;
    member->next = *place;
    *place = member;
    rebalance();
    member->has_joined = true;
    return member;
}

void group_rejoin(GroupMember *member) {
    member->has_joined = true;
    look_for_completion();
}

void group_leave(GroupMember *member) {
    GroupMember **place = &group.members;
    while (*place && *place != member)
        place = &(*place)->next;
    if (!*place)
        return;
    *place = member->next;
    rebalance();
}

/* Heartbeats come from a thread of its own: as long as the process runs and its network is up. */
static bool is_heard_of(const GroupMember *member) {
    return !member->is_gone && member->process->state == PROCESS_RUNS && !process_is_frozen(member->process) && process_reaches_kafka(member->process);
}

void group_look_after_sessions(void) {
    for (GroupMember *member = group.members, *next; member; member = next) {
        next = member->next;
        /* While the broker itself is away, it judges nobody. */
        if (is_heard_of(member) || world.no_kafka_until_ms > world.now_ms)
            member->expires_at_ms = TIME_NEVER;
        else if (member->expires_at_ms == TIME_NEVER)
            member->expires_at_ms = world.now_ms + SESSION_TIMEOUT_MS;
        else if (member->expires_at_ms <= world.now_ms) {
            world_trace("-- the session of %s#%u expires", member->process->instance, member->process->number);
            group_leave(member);
        }
    }
}

static Committed *find_committed(const Partition *partition) {
    for (size_t i = 0; i < group.n_committed; i++)
        if (group.committed[i].partition == partition)
            return &group.committed[i];
    return NULL;
}

/* The group's part of a transaction is decided. Whatever the order of the markers: of two the one counts that was sent later. */
static void settle_offsets(Transaction *transaction) {
    for (size_t i = 0; i < transaction->n_offsets && transaction->state == TRANSACTION_COMMITS; i++) {
        const PendingOffset *offset = &transaction->offsets[i];
        Committed *committed = find_committed(offset->partition);
        if (!committed) {
            group.committed = world_grow(group.committed, &group.n_committed_alloc, group.n_committed, sizeof(Committed));
            committed = &group.committed[group.n_committed++];
        }
        if (committed->sequence < offset->sequence || adapter_lacks == GUARANTEE_LATEST)
            *committed = (Committed){offset->partition, offset->offset, offset->metadata, offset->sequence};
    }
    transaction->has_offsets = false;
}

static bool has_pending(const Transaction *transaction, const Partition *partition) {
    for (size_t i = 0; i < transaction->n_offsets; i++)
        if (transaction->offsets[i].partition == partition)
            return true;
    return false;
}

int64_t group_committed(const Partition *partition, const char **ret_metadata, bool *ret_is_pending) {
    const Committed *committed = find_committed(partition);
    *ret_metadata = committed ? committed->metadata : "";
    *ret_is_pending = false;
    for (const Producer *producer = broker.producers; producer; producer = producer->next)
        if (producer->transaction && producer->transaction->has_offsets && has_pending(producer->transaction, partition))
            *ret_is_pending = true;
    return committed ? committed->offset : -1;
}
