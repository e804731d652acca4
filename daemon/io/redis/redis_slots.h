#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which Node of a Cluster serves which Slot
 *
 * What CLUSTER SLOTS answers, which every version has, and what a node answers in place of a reply. Pure. Included by
 * files of daemon/io/redis only.
 */
#include <hiredis/hiredis.h>

#include "daemon/io/redis/redis_address.h"
#include "daemon/io/redis/shard_tag.h"

/* A cluster's own bound. */
#define REDIS_NODES_MAX 1000

typedef struct RedisSlots {
    RedisAddress *nodes; /* masters; n_nodes of them */
    size_t n_nodes, n_alloc;
    int16_t owner[REDIS_SLOTS]; /* a node's place; -1: nobody */
} RedisSlots;

void redis_slots_init(RedisSlots *slots);
void redis_slots_done(RedisSlots *slots);
/* The node's place, made if it is not there. -ENOMEM, or -E2BIG if there are too many. */
MUST_CHECK int redis_slots_node(RedisSlots *slots, const RedisAddress *address, size_t *ret);
/*
 * Reads the answer of the node `from` to CLUSTER SLOTS into *ret, which is initialised. -EPROTO if it is not one, or nobody serves any slot.
 */
MUST_CHECK int redis_slots_read(const redisReply *reply, const RedisAddress *from, RedisSlots *ret);

typedef enum Redirect {
    REDIRECT_NONE,
    REDIRECT_MOVED, /* the slot is served there from now on */
    REDIRECT_ASK,   /* this time only: the slot is on its way there */
} Redirect;
/* Takes an error apart; `from`, who says so, may leave out its own host. One that cannot be read is none. */
MUST_CHECK Redirect redis_redirect_parse(Str error, const RedisAddress *from, unsigned *ret_slot, RedisAddress *ret);
