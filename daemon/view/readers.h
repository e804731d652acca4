#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers
 *
 * Makes the library of Redis Functions by which other programs read the view (the README's "Reader functions" has their names and
 * replies). It is one text: what readers have to know of the model, as JSON, and then readers.lua, which is the same for all. The model
 * is in the text, and not in a key, so that a call reads no more keys than those of the shard that it is about.
 */
#include "daemon/config/config.h"
#include "daemon/io/redis/redis_library.h"
#include "lib/base/arena.h"

/* Characters of functions' names are letters, digits and `_`; other prefixes are made distinct by a hash. */
#define READERS_NAME_SIZE 64

/* In the arena. 0 or -ENOMEM. */
MUST_CHECK int readers_make(Arena *arena, const Config *config, const Model *model, int32_t n_shards, RedisLibrary *ret);
