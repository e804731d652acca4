#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis Scripts
 *
 * The Lua that runs in Redis: what has to be decided and done there in one piece. The protocol between these
 * scripts is explained in redis_script.c, their arguments there and in redis_view_write.c.
 */

/* What the list of a shard's boards begins with if its leads and accounts have no hashes: no board is called so. */
#define VIEW_NO_HASHES "hashes:none"

typedef enum RedisScript {
    REDIS_SCRIPT_WRITE,  /* a batch or a chunk of the changelog, or a part of one */
    REDIS_SCRIPT_UNLINK, /* a step of dropping a shard */
    _REDIS_SCRIPT_MAX,
} RedisScript;

const char *redis_script_text(RedisScript script);
