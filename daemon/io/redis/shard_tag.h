#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shard Tags
 *
 * Every key of a shard carries one hash tag, so that a shard lives in one slot of a Redis Cluster and is
 * written atomically. The tag of shard s of n is the smallest decimal number that hashes to slot
 * (s + 1/2) * 16384 / n, rounded down: tags like {0}, {1}, … would crowd some nodes, these spread over the
 * slots evenly, whatever the number of nodes. Anybody can compute it again: the tags are part of the
 * documented keys and never change.
 */
#include "lib/base/util.h"

#define REDIS_SLOTS 16384
/* With more shards than slots two of them would share a tag, and their keys. */
#define SHARDS_MAX REDIS_SLOTS
/* All slots are met by 6 digits at most; and a NUL. */
#define SHARD_TAG_SIZE 8

/* The slot that Redis Cluster puts keys with this hash tag into: CRC16 (XMODEM) modulo 16384. */
unsigned redis_slot(Str tag);
/* The slot that shard `shard` of n_shards (1 to SHARDS_MAX) shall be in. */
unsigned shard_slot(int32_t shard, int32_t n_shards);
/* The tag of one shard, terminated; takes up to a few ms. */
void shard_tag(int32_t shard, int32_t n_shards, char tag[static SHARD_TAG_SIZE]);
/* The tags of all shards in one go: n_shards of them, to be freed. 0 or -ENOMEM. */
MUST_CHECK int shard_tags(int32_t n_shards, char (**ret)[SHARD_TAG_SIZE]);
