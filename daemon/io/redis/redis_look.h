#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at the View
 *
 * For who checks what is there, and changes nothing: all that the view holds of leads or accounts, as of one instant, and whose keys there
 * are at all. The daemon itself never needs to.
 */
#include "daemon/io/redis/redis_view.h"
#include "lib/base/arena.h"

/* What the view holds of one lead or account. */
typedef struct ViewLook {
    Str record; /* null: none */
    const ViewField *fields;
    size_t n_fields;
    double moment_ms;    /* -INFINITY: none */
    const double *ranks; /* by board; -INFINITY: not on it */
} ViewLook;

/* How many may be asked for at once. */
size_t redis_look_max(const RedisView *view, EntityKind kind);
/*
 * Looks at n leads or accounts and at the shard's meta, all of one instant. Memory is the arena's; its strings are the view's until its
 * next call. Returns as redis_view.h says.
 */
MUST_CHECK int redis_look(RedisView *view, int32_t shard, EntityKind kind, const Str *ids, size_t n, Arena *arena, char *text,
        ViewMeta *ret_meta, ViewLook *ret);

/* Whose key, or member of a sorted set, it is. Borrowed until the view's next call. */
typedef struct ViewOwner {
    EntityKind kind;
    Str id;
} ViewOwner;

/* One step through all keys of the server that are the shard's, and whose they are. Some come more than once. */
MUST_CHECK int redis_look_keys(RedisView *view, int32_t shard, ViewScan *scan, Arena *arena, char *text,
        const ViewOwner **ret, size_t *ret_n);
/* The same through the members of a sorted set: the moments (set 0), or the board 1, 2, … of the kind. */
size_t redis_look_sets(const RedisView *view, EntityKind kind);
MUST_CHECK int redis_look_members(RedisView *view, int32_t shard, EntityKind kind, size_t set, ViewScan *scan,
        Arena *arena, char *text, const ViewOwner **ret, size_t *ret_n);
