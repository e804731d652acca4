#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Redis's Address
 *
 * A Unix socket, or a host and a port: as the configuration writes it, as sentinels and nodes of a cluster tell it.
 */
#include "lib/base/util.h"

#define REDIS_HOST_SIZE 256
#define REDIS_PORT_SIZE 8
/* As a text: the longest is tcp:[HOST]:PORT. */
#define REDIS_ADDRESS_SIZE (REDIS_HOST_SIZE + REDIS_PORT_SIZE + 8)

typedef struct RedisAddress {
    const char *path; /* of a Unix socket, borrowed; NULL: host and port */
    char host[REDIS_HOST_SIZE], port[REDIS_PORT_SIZE];
} RedisAddress;

/* unix:/path, tcp:host:port or tcp:[address]:port; `text` may be NULL, which is none. False: *ret is as it was. */
MUST_CHECK bool redis_address_parse(const char *text, RedisAddress *ret);
/* host:port or [address]:port; a cluster's nodes leave out the brackets. */
MUST_CHECK bool redis_address_parse_host(Str text, RedisAddress *ret);
/* Of a host and a port that are known apart. */
MUST_CHECK bool redis_address_make(Str host, Str port, RedisAddress *ret);

bool redis_address_eq(const RedisAddress *a, const RedisAddress *b);
/* As the configuration would write it. */
void redis_address_print(const RedisAddress *address, char ret[static REDIS_ADDRESS_SIZE]);
