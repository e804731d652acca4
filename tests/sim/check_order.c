/* SPDX-License-Identifier: Apache-2.0 */
/* Sources in order, unless a schedule is one of those in which nobody waits for long. */
#include <inttypes.h>

#include "tests/sim/check_internal.h"

/* What is left of one source, and the latest that happened of what was before. */
typedef struct Left {
    size_t *at; /* indexes of the shard's records */
    size_t n, n_alloc, next;
    int64_t latest_ms;
} Left;

static void line_up(const TakenRecords *taken, Left *left) {
    for (size_t i = 0; i < taken->n; i++) {
        Left *of = &left[taken->records[i].input];
        of->at = world_grow(of->at, &of->n_alloc, of->n, sizeof(*of->at));
        of->at[of->n++] = i;
    }
}

/* Behind what an upstream producer writes in a transaction, readers see nothing for some time after it was appended. */
#define HIDDEN_MS_MAX 15000

static bool is_seen_at_once(const Record *record) {
    const Partition *partition = adapter_partition(scenario.inputs.inputs[record->input].topic,
            inputs_partition(&scenario.inputs, record->input, record->shard));
    for (int64_t i = record->offset; i >= 0 && partition->records[i].timestamp_ms > record->timestamp_ms - HIDDEN_MS_MAX; i--)
        if (partition->records[i].transaction)
            return false;
    return true;
}

/* The next record of another source was there, and nothing of that source up to it happened later than what was taken. */
static void compare(const TakenRecords *taken, const Record *record, const Left *left, unsigned input) {
    if (left->next == left->n)
        return;
    const Record *other = &taken->records[left->at[left->next]];
    int64_t latest_ms = MAX(left->latest_ms, other->occurred_at_ms);
    bool is_before = latest_ms < record->occurred_at_ms || (latest_ms == record->occurred_at_ms && input < record->input);
    if (is_before && other->timestamp_ms < record->timestamp_ms && is_seen_at_once(other))
        world_fail("shard %d takes %s %" PRId64 " of %" PRId64 " before %s %" PRId64 " of %" PRId64 ", which was there", (int)record->shard,
                scenario.inputs.inputs[record->input].topic, record->offset, world_since_begin(record->occurred_at_ms),
                scenario.inputs.inputs[input].topic, other->offset, world_since_begin(other->occurred_at_ms));
}

static void check_shard(int32_t shard) {
    const TakenRecords *taken = check_taken(shard);
    Left left[INPUTS_MAX] = {0};
    line_up(taken, left);
    for (unsigned i = 0; i < scenario.inputs.n; i++)
        left[i].latest_ms = TIME_NONE;
    for (size_t i = 0; i < taken->n; i++) {
        const Record *record = &taken->records[i];
        left[record->input].next++;
        left[record->input].latest_ms = MAX(left[record->input].latest_ms, record->occurred_at_ms);
        for (unsigned k = 0; k < scenario.inputs.n; k++)
            if (k != record->input && source_order_has(&scenario.inputs, k) && source_order_has(&scenario.inputs, record->input))
                compare(taken, record, &left[k], k);
    }
}

void check_order(void) {
    if (!scenario.is_order_awaited)
        return;
    for (int32_t i = 0; i < scenario.n_shards; i++)
        check_shard(i);
}
