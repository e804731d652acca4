/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/kafka/kafka_assignment.h"

#include <inttypes.h>

void assignment_clear(Assignment *assignment) {
    free(assignment->shards);
    free(assignment->numbers);
    free(assignment->positions);
    free(assignment->shard_inputs);
    *assignment = (Assignment){.inputs = assignment->inputs, .topics = assignment->topics, .n_topics = assignment->n_topics};
}

static int alloc_shards(Assignment *assignment, size_t n) {
    if (n == 0)
        return 0;
    assignment->shards = calloc(n, sizeof(*assignment->shards));
    assignment->numbers = calloc(n, sizeof(*assignment->numbers));
    assignment->positions = calloc(n * assignment->inputs->n, sizeof(*assignment->positions));
    assignment->shard_inputs = calloc(n * assignment->inputs->n, sizeof(*assignment->shard_inputs));
    if (!assignment->shards || !assignment->numbers || !assignment->positions || !assignment->shard_inputs) {
        assignment_clear(assignment);
        return -ENOMEM;
    }
    assignment->n_shards = n;
    return 0;
}

static int compare_numbers(const void *a, const void *b) {
    int32_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static size_t count_partitions(const rd_kafka_topic_partition_list_t *list, const char *topic) {
    size_t n = 0;
    for (int i = 0; i < list->cnt; i++)
        n += strcmp(list->elems[i].topic, topic) == 0;
    return n;
}

/* The first topic's partitions are the shards. */
static int take_first_topic(Assignment *assignment, const rd_kafka_topic_partition_list_t *list) {
    const char *topic = assignment->topics[0];
    size_t n = count_partitions(list, topic);
    int r = alloc_shards(assignment, n);
    if (r || n == 0)
        return r;
    size_t n_taken = 0;
    for (int i = 0; i < list->cnt; i++)
        if (strcmp(list->elems[i].topic, topic) == 0)
            assignment->numbers[n_taken++] = list->elems[i].partition;
    qsort(assignment->numbers, n, sizeof(*assignment->numbers), compare_numbers);
    for (size_t i = 0; i < n; i++)
        assignment->shards[i] = (AssignedShard){
                .number = assignment->numbers[i],
                .inputs = assignment->shard_inputs + i * assignment->inputs->n,
                .positions = assignment->positions + i * assignment->inputs->n,
        };
    return 0;
}

/*
 * Every partition belongs to a shard, and every topic has as many as there are shards. Else the topics differ
 * in their partition counts, or the group's members in their topics, and a shard's records would go to two
 * owners.
 */
static bool is_paired(const Assignment *assignment, const rd_kafka_topic_partition_list_t *list,
        const char *group, char *text) {
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *partition = &list->elems[i];
        if (assignment_find(assignment, partition->partition))
            continue;
        kafka_tell(text,
                "partition %" PRId32
                " of topic %s was assigned without that of topic %s; all source topics that are not routed and the "
                "internal topic must have the same number of partitions, and all members of group %s the "
                "same topics",
                partition->partition, partition->topic, assignment->topics[0], group);
        return false;
    }
    for (unsigned i = 0; i < assignment->n_topics; i++) {
        size_t n = count_partitions(list, assignment->topics[i]);
        if (n == assignment->n_shards)
            continue;
        kafka_tell(text,
                "%zu partitions of topic %s were assigned, but %zu of topic %s; all source topics that are not routed and "
                "the internal "
                "topic must exist with the same number of partitions, and all members of group %s have the "
                "same topics",
                n, assignment->topics[i], assignment->n_shards, assignment->topics[0], group);
        return false;
    }
    return true;
}

int assignment_take(
        Assignment *assignment, const rd_kafka_topic_partition_list_t *list, const char *group, char *text) {
    assignment_clear(assignment);
    int r = take_first_topic(assignment, list);
    if (r)
        return r;
    if (is_paired(assignment, list, group, text))
        return 0;
    assignment_clear(assignment);
    return -EPROTO;
}

AssignedShard *assignment_find(const Assignment *assignment, int32_t number) {
    size_t low = 0, high = assignment->n_shards;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        AssignedShard *shard = &assignment->shards[middle];
        if (shard->number == number)
            return shard;
        if (shard->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void add_shard(
        const Assignment *assignment, const AssignedShard *shard, rd_kafka_topic_partition_list_t *list) {
    const Inputs *inputs = assignment->inputs;
    for (unsigned i = 0; i < inputs->n; i++) {
        int32_t partition = inputs_partition(inputs, i, shard->number);
        if (partition >= 0)
            rd_kafka_topic_partition_list_add(list, inputs->inputs[i].topic, partition)->offset = shard->positions[i];
    }
}

/* Pauses those inputs of the shard that are to be, or resumes those that are not, as far as the client does otherwise. */
static int pause_inputs(const Assignment *assignment, AssignedShard *shard, rd_kafka_t *rk, bool all, bool pause, char *text) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new((int)assignment->inputs->n);
    bool changes[INPUTS_MAX] = {0};
    for (unsigned i = 0; i < assignment->inputs->n; i++) {
        const AssignedInput *input = &shard->inputs[i];
        int32_t partition = inputs_partition(assignment->inputs, i, shard->number);
        bool wanted = shard->is_started && (all || input->is_on_hold);
        /* To resume what is not paused is no empty call: it fetches again what was fetched. */
        changes[i] = partition >= 0 && wanted == pause && input->is_paused != pause;
        if (changes[i])
            rd_kafka_topic_partition_list_add(list, assignment->inputs->inputs[i].topic, partition);
    }
    if (list->cnt == 0)
        return 0;
    rd_kafka_resp_err_t err =
            pause ? rd_kafka_pause_partitions(rk, list) : rd_kafka_resume_partitions(rk, list);
    if (err)
        kafka_tell(text, "%s: %s", pause ? "pause" : "resume", rd_kafka_err2str(err));
    for (unsigned i = 0; i < assignment->inputs->n && !err; i++)
        if (changes[i])
            shard->inputs[i].is_paused = pause;
    return kafka_sort(err);
}

/* A pause outlives an assignment in the client, so what is not read must not be paused. */
int assignment_pause(Assignment *assignment, rd_kafka_t *rk, bool pause, char *text) {
    int result = 0;
    for (size_t i = 0; i < assignment->n_shards; i++) {
        AssignedShard *shard = &assignment->shards[i];
        for (int on = 0; on < 2; on++) {
            int r = pause_inputs(assignment, shard, rk, pause, on, text);
            if (r)
                result = r;
        }
    }
    return result;
}

int assignment_apply(Assignment *assignment, rd_kafka_t *rk, bool pause, char *text) {
    _cleanup_(partition_list_free) rd_kafka_topic_partition_list_t *list =
            rd_kafka_topic_partition_list_new((int)(assignment->n_shards * assignment->inputs->n));
    for (size_t i = 0; i < assignment->n_shards; i++)
        if (assignment->shards[i].is_started)
            add_shard(assignment, &assignment->shards[i], list);
    rd_kafka_resp_err_t err = rd_kafka_assign(rk, list);
    if (!err)
        return assignment_pause(assignment, rk, pause, text);
    kafka_tell(text, "assignment: %s", rd_kafka_err2str(err));
    return kafka_sort(err);
}

void assignment_end(Assignment *assignment, rd_kafka_t *rk) {
    char text[KAFKA_TEXT_SIZE];
    (void)assignment_pause(assignment, rk, false, text);
    assignment_clear(assignment);
    (void)rd_kafka_assign(rk, NULL);
}
