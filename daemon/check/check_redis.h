#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of check_live() that ask Redis. */
#include "daemon/check/check_live.h"
#include "daemon/io/redis/redis_view.h"

/* All of it. 0 or a negative errno, as of the other. */
MUST_CHECK int check_redis(const Config *config, Findings *findings);
/* What the server says of itself: its role, memory, disk and clock. */
MUST_CHECK int check_redis_condition(RedisView *view, Findings *findings);
/* Do two clocks agree? `whose` is the other's, such as "Redis's". */
void check_clock(const char *whose, int64_t their_ms, int64_t our_ms, Findings *findings);
