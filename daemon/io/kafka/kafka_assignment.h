#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Assignment
 *
 * The shards that the group has given to this member, and where to read on in each of their inputs. The group deals out the
 * partitions of the topics that are subscribed, which are those that pair up; the partitions of routed sources come along with
 * their shards, without the group's knowledge. Part of the Kafka source; nobody else includes it.
 */
#include "daemon/base/inputs.h"
#include "daemon/io/kafka/kafka_internal.h"

typedef struct AssignedInput {
    bool is_on_hold; /* no more of it is wanted for now */
    bool is_paused;  /* in the client */
} AssignedInput;

typedef struct AssignedShard {
    int32_t number;
    bool is_started;    /* only then it is read */
    AssignedInput *inputs;
    int64_t *positions; /* next to read, one per input; RD_KAFKA_OFFSET_BEGINNING and _END until known better */
} AssignedShard;

typedef struct Assignment {
    const Inputs *inputs;      /* borrowed */
    const char *const *topics; /* that are subscribed; borrowed */
    unsigned n_topics;
    AssignedShard *shards; /* in order of their numbers */
    size_t n_shards;
    int32_t *numbers; /* of the shards */
    int64_t *positions;
    AssignedInput *shard_inputs; /* of all shards */
} Assignment;

void assignment_clear(Assignment *assignment);
/*
 * Takes what the group has assigned; no shard is started. -EPROTO with a text if a shard does not have the
 * same partition of every topic that is subscribed, and then, as with -ENOMEM, the assignment is empty.
 */
MUST_CHECK int assignment_take(
        Assignment *assignment, const rd_kafka_topic_partition_list_t *list, const char *group, char *text);
/* NULL if it is not assigned. */
AssignedShard *assignment_find(const Assignment *assignment, int32_t number);
/* Makes the client read the started shards from their positions on; paused or not. */
MUST_CHECK int assignment_apply(Assignment *assignment, rd_kafka_t *rk, bool pause, char *text);
/* Pauses the started shards, or resumes what of them is not on hold. */
int assignment_pause(Assignment *assignment, rd_kafka_t *rk, bool pause, char *text);
/* Nothing is assigned any more, here and in the client. */
void assignment_end(Assignment *assignment, rd_kafka_t *rk);
