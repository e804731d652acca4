#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis Cluster
 *
 * A link to each node that is needed, found by slot. Slots are learnt from any node that answers, and again once one of them has turned
 * out to be wrong. Included by files of daemon/io/redis only.
 */
#include "daemon/io/redis/redis_link.h"
#include "daemon/io/redis/redis_slots.h"

typedef struct RedisCluster RedisCluster;

/* The configuration is borrowed. Connects to nothing yet. */
MUST_CHECK int redis_cluster_new(const Config *config, const RedisLogin *login, RedisCluster **ret);
RedisCluster *redis_cluster_free(RedisCluster *cluster);

/* Asks the cluster for its slots, if they are not known or not to be relied upon. Else as redis_link_open(). */
MUST_CHECK int redis_cluster_learn(RedisCluster *cluster, int64_t deadline_ms, char *text);
/*
 * Who serves the slot, not connected to yet. Asks the cluster if that is not known, or not to be relied upon. Links live until the slots
 * are asked for again. VIEW_E_UNREACHABLE, VIEW_E_REFUSED as redis_link_open().
 */
MUST_CHECK int redis_cluster_find(RedisCluster *cluster, unsigned slot, int64_t deadline_ms, char *text, RedisLink **ret);
/* A slot has moved, or a node is not there: the next to look for one asks anew. */
void redis_cluster_doubt(RedisCluster *cluster);
/* Is the error one that tells of another node? *ret: its link. -ENOMEM or -E2BIG, with a text. */
MUST_CHECK int redis_cluster_follow(
        RedisCluster *cluster, const RedisLink *from, Str error, char *text, Redirect *ret_redirect, RedisLink **ret);

/* Masters, as far as is known; and a slot that the i-th of them serves, or -1. */
size_t redis_cluster_count(const RedisCluster *cluster);
int redis_cluster_slot_of(const RedisCluster *cluster, size_t node);
const RedisAddress *redis_cluster_address(const RedisCluster *cluster, size_t node);
/* Slots that nobody serves. */
unsigned redis_cluster_unserved(const RedisCluster *cluster);
