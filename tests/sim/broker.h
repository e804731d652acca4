#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Broker
 *
 * A Kafka cluster as far as the daemon can tell it apart: partitions with the records of transactions and their markers, which come
 * after the answer to EndTxn and end what read_committed readers see; transactional producers with epochs; a group with generations and
 * committed offsets, those of pending transactions among them. What is asked here happens at once; the adapters (kafka_*.c) add the way
 * there and back.
 */
#include "lib/base/util.h"

typedef struct Producer Producer;
typedef struct Transaction Transaction;

/* --- logs -------------------------------------------------------------------------------------------- */

typedef struct LogRecord {
    Str key, value;
    int64_t timestamp_ms;
    int64_t decided_at_ms; /* of the header scored_decided_at; TIME_NONE: it has none */
    Transaction *transaction; /* NULL: none */
    uint64_t sequence;     /* of what its transaction brought, over all partitions */
    bool is_control;
    bool is_compacted;     /* away: readers do not see it any more */
    const struct Footer *footer; /* the checker's, once it has read one here */
} LogRecord;

typedef struct OpenPart {
    Transaction *transaction;
    int64_t first;
} OpenPart;

typedef struct Partition {
    struct Topic *topic;
    int32_t number;
    LogRecord *records; /* by offset */
    size_t n, n_alloc;
    OpenPart *open;     /* transactions that have written here and have no marker yet */
    size_t n_open, n_open_alloc;
} Partition;

typedef struct Topic {
    const char *name;
    size_t name_len;
    int32_t n_partitions;
    Partition *partitions;
    bool is_compacted;
    struct Topic *next;
} Topic;

Topic *broker_create_topic(const char *name, int32_t n_partitions, bool is_compacted);
/* NULL: there is none. */
Topic *broker_find_topic(Str name);
/* The same, of a string that stays where it is. */
Topic *broker_topic(const char *name);
/* Before it, all is decided. */
int64_t partition_stable_end(const Partition *partition);
/* The next record at or after *offset that a read_committed reader sees; *offset goes to it, or to the end of what is decided: NULL. */
const LogRecord *partition_read(const Partition *partition, int64_t *offset);
/* Does a read_committed reader see it, now or later? */
bool record_is_committed(const LogRecord *record);
/* What somebody else writes. `transaction`: NULL, or of an upstream producer. */
void broker_append(Partition *partition, Str key, Str value, Transaction *transaction);
/* Keeps the latest of each key, but for what is younger than lag_ms. */
void broker_compact(Topic *topic, int64_t lag_ms);

/* --- transactions ------------------------------------------------------------------------------------ */

typedef enum TransactionState { TRANSACTION_OPEN, TRANSACTION_COMMITS, TRANSACTION_ABORTS } TransactionState;

typedef struct PendingOffset {
    Partition *partition;
    int64_t offset;
    const char *metadata;
    uint64_t sequence; /* of what was sent to the group, over all transactions; the broker's */
} PendingOffset;

struct Transaction {
    Producer *producer; /* NULL: an upstream one's */
    TransactionState state;
    size_t n_parts;     /* partitions, and the group's offsets, that have no marker yet */
    PendingOffset *offsets;
    size_t n_offsets, n_offsets_alloc;
    bool has_offsets;
    uint64_t n_records;
    struct Brought *brought; /* the checker's */
};

struct Producer {
    const char *id;
    int64_t epoch;
    Transaction *transaction; /* the last one; NULL: there was none */
    Producer *next;
};

Producer *broker_producer(const char *transactional_id);
/* A new epoch: what others do with the older ones is refused; what is open is aborted. */
void producer_init(Producer *producer);
/* Has the last transaction got all of its markers? */
bool producer_is_settled(const Producer *producer);

typedef struct NewRecord {
    Partition *partition;
    Str key, value;
    int64_t decided_at_ms;
    int64_t *ret_offset; /* NULL: nobody asks */
} NewRecord;
/* False: the epoch is over. The first record of a transaction begins it; the last one must be settled. */
MUST_CHECK bool producer_send(Producer *producer, int64_t epoch, const NewRecord *record);
/* The same for offsets. */
MUST_CHECK bool producer_send_offset(Producer *producer, int64_t epoch, const PendingOffset *offset);
/* False: the epoch is over, or it was decided otherwise. */
MUST_CHECK bool producer_end(Producer *producer, int64_t epoch, bool commits);
/* Of upstream producers: markers come like those of others. */
Transaction *transaction_new(void);
void transaction_end(Transaction *transaction, bool commits);

/* Of markers that come seconds after the answer to EndTxn. */
extern unsigned broker_late_markers_percent;

/* --- the group --------------------------------------------------------------------------------------- */

typedef struct GroupMember {
    unsigned id;
    struct Process *process;
    bool has_joined;      /* for the generation that is to come */
    bool is_gone;         /* without a word */
    int64_t expires_at_ms; /* TIME_NEVER while it is heard of */
    int32_t *shards;      /* of the present generation */
    size_t n_shards;
    struct GroupMember *next;
} GroupMember;

/* Only one group is there. It deals out partition numbers, which all topics subscribed have alike. */
GroupMember *group_join(struct Process *process, int32_t n_shards);
/* For the generation that is to come; after group_rebalances() was seen and what was held is given up. */
void group_rejoin(GroupMember *member);
void group_leave(GroupMember *member);
/* NULL: it is none any more. */
GroupMember *group_find(unsigned member_id);
bool group_rebalances(void);
int32_t group_generation(void);

/* What is committed: -1 and "" for nothing. *ret_is_pending: a transaction may still change it. */
int64_t group_committed(const Partition *partition, const char **ret_metadata, bool *ret_is_pending);
/* A member that is heard of, of the present generation? */
bool group_has(unsigned member_id, int32_t generation);
/* To be called when it may have become silent, or is heard of again. */
void group_look_after_sessions(void);
