#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS to Redis
 *
 * On a non-blocking socket of the caller's: OpenSSL, which reads and writes through that socket and never waits. Files are read at each
 * connection, so that a renewed certificate needs no restart. Included by files of daemon/io/redis only.
 */
#include <sys/types.h>

#include "daemon/config/config.h"

/* What is said of a failure. */
#define REDIS_TLS_TEXT_SIZE 256

typedef struct RedisTls RedisTls;

/*
 * `host`: as in the address; the server's certificate has to be for it, or for redis.server_name. VIEW_E_REFUSED with a text (of
 * REDIS_TEXT_SIZE) if one of our own files is no good. The socket remains the caller's.
 */
MUST_CHECK int redis_tls_new(const Config *config, int fd, const char *host, char *text, RedisTls **ret);
RedisTls *redis_tls_free(RedisTls *tls);

/*
 * Each does what can be done at once. -EAGAIN: as soon as the socket is ready for `*ret_events` (of poll); -ECONNRESET: the other
 * side has ended; -EPROTO: see redis_tls_error(). Sent and received are 1 byte at least.
 */
MUST_CHECK int redis_tls_handshake(RedisTls *tls, short *ret_events);
MUST_CHECK ssize_t redis_tls_send(RedisTls *tls, const char *data, size_t len, short *ret_events);
MUST_CHECK ssize_t redis_tls_receive(RedisTls *tls, char *buffer, size_t size, short *ret_events);
const char *redis_tls_error(const RedisTls *tls);
