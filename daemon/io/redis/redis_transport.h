#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis Transport
 *
 * One Redis, as the rest sees it: a server, the master that sentinels name, or a cluster. A request is built, sent and answered as a whole
 * within a time limit; whatever goes wrong on the way closes the connection, and the next call opens a new one. Included by
 * files of daemon/io/redis only.
 *
 *   redis_request.c    a request in RESP
 *   redis_link.c       a connection to one server, with redis_tls.c, redis_secret.c, redis_address.c
 *   redis_sentinel.c   who is the master
 *   redis_cluster.c    a link to each node of a cluster, with redis_slots.c
 */
#include "daemon/io/redis/redis_link.h"
#include "daemon/io/redis/shard_tag.h"

/* A healthy Redis connects within a round trip and answers a request of ours within some 10 ms. */
#define REDIS_CONNECT_TIMEOUT_MS 2000
#define REDIS_COMMAND_TIMEOUT_MS 5000

typedef struct RedisTransport RedisTransport;

/*
 * Of redis.cluster, redis.sentinels or redis.address, whichever is given. VIEW_E_REFUSED with a text (of REDIS_TEXT_SIZE) if the address is
 * not one. The strings of `config` are borrowed. Connects to nothing yet.
 */
MUST_CHECK int redis_transport_new(const Config *config, char *text, RedisTransport **ret);
RedisTransport *redis_transport_free(RedisTransport *t);
DEFINE_CLEANUP(RedisTransport *, redis_transport_free)
void redis_transport_set_timeouts(RedisTransport *t, int connect_timeout_ms, int command_timeout_ms);

/*
 * Makes sure of a connection to who serves the slot (which has not been closed, as far as is known), logged in, with the
 * database selected; then begins an empty request. VIEW_E_UNREACHABLE at once when it fails, or has failed lately: waiting before the next
 * try is the caller's. VIEW_E_REFUSED: password or database not accepted.
 *
 * In a cluster a request is a single command, or a transaction from MULTI to EXEC, whose keys are all of that slot.
 */
MUST_CHECK int redis_transport_open(RedisTransport *t, unsigned slot, char *text);
/*
 * Until the next call with false (returns what it was): what follows goes over the present connection, or not at all. For work in several requests that
 * would be done by half if a server that knows less had taken the other's place in the middle.
 */
bool redis_transport_pin(RedisTransport *t, bool is_pinned);
/* The number of the present connection, of all there have been. What a server has said of itself, as a cursor of SCAN, holds on it only. */
uint64_t redis_transport_connection(const RedisTransport *t);
/* Where the present connection goes to. */
void redis_transport_print(const RedisTransport *t, char ret[static REDIS_ADDRESS_SIZE]);

/* Learns which servers share the keys, which needs none of them in particular where it is a cluster. Else as redis_transport_open(). */
MUST_CHECK int redis_transport_learn(RedisTransport *t, unsigned slot, char *text);
/* A cluster: requests for different slots go apart. */
bool redis_transport_is_cluster(const RedisTransport *t);
/* How many servers share the keys, as far as is known since the last opening; a slot of the i-th, or -1 if it has none. */
size_t redis_transport_servers(const RedisTransport *t);
int redis_transport_slot_of(const RedisTransport *t, size_t server);
void redis_transport_print_server(const RedisTransport *t, size_t server, char ret[static REDIS_ADDRESS_SIZE]);
/* How many slots of a cluster nobody serves. */
unsigned redis_transport_unserved(const RedisTransport *t);

/* The request that is being built: see redis_request.h. Out of memory is reported by the exchange. */
static inline RedisRequest *redis_transport_request(RedisTransport *t) {
    return (RedisRequest *)t; /* its first member */
}
static inline void redis_request_command(RedisTransport *t, size_t n_args) {
    request_command(redis_transport_request(t), n_args);
}
static inline void redis_request_arg(RedisTransport *t, Str arg) {
    request_arg(redis_transport_request(t), arg);
}
static inline void redis_request_arg_begin(RedisTransport *t, size_t len) {
    request_arg_begin(redis_transport_request(t), len);
}
static inline void redis_request_arg_piece(RedisTransport *t, Str piece) {
    request_arg_piece(redis_transport_request(t), piece);
}
static inline void redis_request_arg_end(RedisTransport *t) {
    request_arg_end(redis_transport_request(t));
}
static inline void redis_request_arg_integer(RedisTransport *t, int64_t value) {
    request_arg_integer(redis_transport_request(t), value);
}
/* A whole command of C strings. */
#define redis_request(t, ...) request_of(redis_transport_request(t), __VA_ARGS__)

/*
 * Sends the request and waits for its `n` replies, which the caller frees; error replies are replies. Returns
 * VIEW_E_UNREACHABLE (connection closed; none of `ret` is set; whether anything was done is unknown) or
 * -ENOMEM. The request is empty afterwards. In a cluster it goes to where the slot has moved meanwhile.
 */
MUST_CHECK int redis_transport_exchange(RedisTransport *t, size_t n, redisReply **ret, char *text);

/*
 * 0 if the reply is no error. Errors that pass by themselves, after a failover, while Redis loads or a slot moves, are VIEW_E_UNREACHABLE,
 * and most of them close the connection; all others are VIEW_E_REFUSED.
 */
MUST_CHECK int redis_reply_check(RedisTransport *t, const redisReply *reply, char *text);
