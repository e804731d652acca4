#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of check_live() that ask Redis. */
#include "daemon/check/check_live.h"
#include "daemon/io/redis/redis_view.h"

/* All of it. 0 or a negative errno, as of the others. */
MUST_CHECK int check_redis(const Config *config, Findings *findings);

/* Who is asked. */
typedef struct CheckedRedis {
    const Config *config;
    RedisView *view;
    RedisServer server;
    bool is_one_of_many; /* of a cluster: findings name it */
    Findings *findings;
} CheckedRedis;

/* What it is called in findings: "Redis memory", "Redis memory at tcp:10.0.0.1:6379". */
typedef struct CheckedSubject {
    char text[REDIS_ADDRESS_SIZE + 32];
} CheckedSubject;
CheckedSubject check_redis_subject(const CheckedRedis *asked, const char *what);

/* What the server says of itself: its role, memory, disk and clock; and its replicas, where one may take its place. */
MUST_CHECK int check_redis_condition(const CheckedRedis *asked, const RedisCondition *redis);
/* Do two clocks agree? `whose` is the other's, such as "Redis's". */
void check_clock(const char *whose, int64_t their_ms, int64_t our_ms, Findings *findings);
