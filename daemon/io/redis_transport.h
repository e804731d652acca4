#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Redis Transport
 *
 * One Redis, as the rest sees it. A request is built, sent and answered as a whole within a time limit; whatever goes wrong on the way
 * closes the connection, and the next call opens a new one. Included by daemon/io/redis_*.c only.
 *
 *   redis_request.c   a request in RESP          redis_link.c   a connection to one server, with
 *   redis_tls.c       its encryption             redis_secret.c, redis_address.c
 */
#include "daemon/io/redis_link.h"

/* A healthy Redis connects within a round trip and answers a request of ours within some 10 ms. */
#define REDIS_CONNECT_TIMEOUT_MS 2000
#define REDIS_COMMAND_TIMEOUT_MS 5000

typedef struct RedisTransport RedisTransport;

/*
 * VIEW_E_REFUSED with a text (of REDIS_TEXT_SIZE) if the address is not one: unix:/path, tcp:host:port or
 * tcp:[address]:port. The strings of `config` are borrowed. Connects to nothing yet.
 */
MUST_CHECK int redis_transport_new(const Config *config, char *text, RedisTransport **ret);
RedisTransport *redis_transport_free(RedisTransport *t);
DEFINE_CLEANUP(RedisTransport *, redis_transport_free)
void redis_transport_set_timeouts(RedisTransport *t, int connect_timeout_ms, int command_timeout_ms);

/*
 * Makes sure of a connection (which the server has not closed, as far as is known), logs in and selects the
 * database; then begins an empty request. VIEW_E_UNREACHABLE at once when it fails, or has failed lately: waiting before the next
 * try is the caller's. VIEW_E_REFUSED: password or database not accepted.
 */
MUST_CHECK int redis_transport_open(RedisTransport *t, char *text);
void redis_transport_close(RedisTransport *t);
bool redis_transport_is_open(const RedisTransport *t);
/* How many there have been. What a server has said of itself, as a cursor of SCAN, holds on the same connection only: behind the next one may be another. */
uint64_t redis_transport_connections(const RedisTransport *t);

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
 * -ENOMEM. The request is empty afterwards.
 */
MUST_CHECK int redis_transport_exchange(RedisTransport *t, size_t n, redisReply **ret, char *text);

/*
 * 0 if the reply is no error. Errors that pass by themselves, after a failover or while Redis loads, close
 * the connection and are VIEW_E_UNREACHABLE; all others are VIEW_E_REFUSED.
 */
MUST_CHECK int redis_reply_check(RedisTransport *t, const redisReply *reply, char *text);
