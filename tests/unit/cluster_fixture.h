#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shards that tell each other through queues: first in, first out from each to each, and in any order otherwise, as through the
 * partitions of a topic. Who is at home where follows from the last byte of the id: "l4" and "a1" are of one shard.
 */
#include "lib/shard/shard_courier.h"
#include "tests/unit/engine_fixture.h"

#define CLUSTER_SHARDS 3
/* One more, which is nobody's home: for leads that messages need not find. */
#define CLUSTER_STRAY CLUSTER_SHARDS
/* More are on their way only if they run in circles. */
#define CLUSTER_QUEUE_MAX 16384

typedef struct Cluster Cluster;

typedef struct ClusterShard {
    Cluster *cluster;
    unsigned index;
    Shard *leads, *accounts;
    Courier *courier;
} ClusterShard;

typedef struct ClusterQueue {
    Buffer *messages;
    size_t first, n, n_alloc;
} ClusterQueue;

/* An event that was sent on has come; 0 or a negative errno. */
typedef int (*ClusterEvent)(ClusterShard *shard, Str lead_id, Str bytes);

struct Cluster {
    const Model *model;
    uint64_t random;
    ClusterEvent event; /* NULL: none is sent on */
    ClusterShard shards[CLUSTER_SHARDS + 1];
    ClusterQueue queues[CLUSTER_SHARDS + 1][CLUSTER_SHARDS];
};

static inline unsigned cluster_home(Str id) {
    return (unsigned char)id.data[id.len - 1] % CLUSTER_SHARDS;
}

/* For those who look at states only. */
static inline int cluster_drop_output(void *userdata, const Output *output) {
    (void)userdata;
    (void)output;
    return 0;
}

static inline int cluster_send(void *userdata, const ShardMessage *message) {
    ClusterShard *shard = userdata;
    ClusterQueue *queue = &shard->cluster->queues[shard->index][cluster_home(shard_message_target(message))];
    if (queue->n >= CLUSTER_QUEUE_MAX)
        ck_abort_msg("there is no end of messages");
    int r = array_reserve(&queue->messages, &queue->n_alloc, queue->n, sizeof(*queue->messages));
    if (r < 0)
        return r;
    queue->messages[queue->n] = (Buffer){0};
    return shard_message_pack(message, shard->cluster->model, &queue->messages[queue->n++]);
}

static inline Cluster *cluster_free(Cluster *cluster) {
    if (!cluster)
        return NULL;
    for (unsigned i = 0; i <= CLUSTER_SHARDS; i++) {
        courier_free(cluster->shards[i].courier);
        shard_free(cluster->shards[i].leads);
        shard_free(cluster->shards[i].accounts);
        for (unsigned k = 0; k < CLUSTER_SHARDS; k++) {
            ClusterQueue *queue = &cluster->queues[i][k];
            for (size_t m = 0; m < queue->n; m++)
                buffer_done(&queue->messages[m]);
            free(queue->messages);
        }
    }
    return free_null(cluster);
}
DEFINE_CLEANUP(Cluster *, cluster_free)

static inline int cluster_shard_init(ClusterShard *shard, const Model *model, OutputSink sink) {
    int r = shard_new(model, sink, &shard->leads);
    if (r == 0)
        r = shard_new(model, sink, &shard->accounts);
    if (r == 0)
        r = courier_new(model, shard->leads, shard->accounts, (MessageSink){cluster_send, shard}, &shard->courier);
    return r;
}

/* `model` outlives it. 0 or -ENOMEM. */
static inline int cluster_new(const Model *model, uint64_t seed, ClusterEvent event, OutputSink sink, Cluster **ret) {
    _cleanup_(cluster_free) Cluster *cluster = calloc(1, sizeof(*cluster));
    if (!cluster)
        return -ENOMEM;
    cluster->model = model;
    cluster->random = seed;
    cluster->event = event;
    for (unsigned i = 0; i <= CLUSTER_SHARDS; i++) {
        cluster->shards[i].cluster = cluster;
        cluster->shards[i].index = i;
        int r = cluster_shard_init(&cluster->shards[i], model, sink);
        if (r < 0)
            return r;
    }
    *ret = TAKE_PTR(cluster);
    return 0;
}

static inline unsigned cluster_pick(Cluster *cluster, unsigned n) {
    return (unsigned)random_below(&cluster->random, n);
}

/* The next message from one shard to another: *ret_any, there was one. */
static inline int cluster_deliver(Cluster *cluster, unsigned from, unsigned to, bool *ret_any) {
    ClusterQueue *queue = &cluster->queues[from][to];
    *ret_any = queue->first < queue->n;
    if (!*ret_any)
        return 0;
    const Buffer *bytes = &queue->messages[queue->first++];
    _cleanup_(arena_free) Arena *arena = NULL;
    ShardMessage message;
    int r = arena_new(&arena);
    if (r == 0)
        r = shard_message_unpack((Str){(const char *)bytes->data, bytes->len}, arena, &message);
    if (r != 0)
        return r;
    ClusterShard *shard = &cluster->shards[to];
    return message.kind == MESSAGE_EVENT ? cluster->event(shard, message.lead_id, message.bytes)
                                         : courier_apply(shard->courier, &message);
}

/* Some, of any. */
static inline int cluster_deliver_some(Cluster *cluster, unsigned n) {
    bool any;
    int r = 0;
    for (; n > 0 && r == 0; n--) {
        unsigned from = cluster_pick(cluster, CLUSTER_SHARDS + 1), to = cluster_pick(cluster, CLUSTER_SHARDS);
        r = cluster_deliver(cluster, from, to, &any);
    }
    return r;
}

static inline int cluster_deliver_all(Cluster *cluster) {
    int r = 0;
    for (bool any = true; any && r == 0;) {
        any = false;
        for (unsigned from = 0; from <= CLUSTER_SHARDS; from++)
            for (unsigned to = 0; to < CLUSTER_SHARDS && r == 0; to++) {
                bool was;
                r = cluster_deliver(cluster, from, to, &was);
                any |= was;
            }
    }
    return r;
}
