#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentinels
 *
 * Which Redis is the master now. The first sentinel that answers is believed if the server that it names agrees; the sentinel is listened to
 * from then on, and says when there is another one. What was written to a former master meanwhile is what the view is caught up with
 * (DESIGN section 3). Included by files of daemon/io/redis only.
 */
#include "daemon/io/redis/redis_link.h"

typedef struct RedisSentinels RedisSentinels;

/* The configuration is borrowed. Connects to nothing yet. */
MUST_CHECK int redis_sentinels_new(const Config *config, RedisSentinels **ret);
RedisSentinels *redis_sentinels_free(RedisSentinels *sentinels);

/* Connects the link to the master. As redis_link_connect(). */
MUST_CHECK int redis_sentinels_connect(RedisSentinels *sentinels, RedisLink *link, int64_t deadline_ms, char *text);
/* Is another master than that spoken of? Does not wait, but for another sentinel where the one that was listened to is gone. */
MUST_CHECK bool redis_sentinels_tell_another(RedisSentinels *sentinels, const RedisLink *link);
