#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The View
 *
 * Redis as far as the daemon can tell it apart: what daemon/io/redis/redis_view.h promises, by the rules of daemon/io/redis/redis_view_write.c. A large
 * write is several calls here, too, only that large begins with a few leads. Redis can be emptied, and put back to where it was.
 */
#include "daemon/io/redis/redis_view.h"

/* A lead or an account; never changed once it is there. */
typedef struct ViewEntry {
    ViewWrite write; /* as it was written: deep */
} ViewEntry;

typedef struct ViewShard {
    bool exists;
    ViewMode mode; /* VIEW_LIVE or VIEW_REBUILDING */
    char lineage[VIEW_LINEAGE_SIZE];
    int64_t bno, next_offset, watermark_ms, updated_at_ms;
    char applying[40]; /* empty: nobody */
    const ViewEntry **entries;
    size_t n, n_alloc;
} ViewShard;

/* By number; made by the first who asks for a number of shards. */
ViewShard *view_shard(int32_t shard);
const ViewEntry *view_find(const ViewShard *shard, EntityKind kind, Str id);

void view_init(int32_t n_shards, size_t writes_max);
/* FLUSHALL. */
void view_empty(void);
/* A failover, or an older dump: all shards as they were at one earlier instant. False: there is no earlier one. */
bool view_roll_back(void);
/* Called after each call that moved a shard's batch number. */
void view_watch(void (*moved)(int32_t shard, int64_t before_bno));
