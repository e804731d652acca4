#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Link to one Redis Server
 *
 * A non-blocking socket of our own (Unix or TCP, with TLS or without) on which we have logged in. Replies are parsed by hiredis, which
 * is used as a codec only. Whatever goes wrong closes it, and the next call connects anew; a server to which no connection could be made
 * is left alone for a while, longer each time. Included by files of daemon/io/redis only.
 */
#include <hiredis/hiredis.h>

#include "daemon/config/config.h"
#include "daemon/io/redis/redis_address.h"
#include "daemon/io/redis/redis_request.h"
#include "daemon/io/redis/redis_view.h"

static inline redisReply *redis_reply_free(redisReply *reply) {
    if (reply)
        freeReplyObject(reply);
    return NULL;
}
DEFINE_CLEANUP(redisReply *, redis_reply_free)
/* Those of an exchange, which are not set any more. */
void redis_replies_free(redisReply **replies, size_t n);

/* How to log in. */
typedef struct RedisLogin {
    const char *username, *password_file;
    int64_t database;
    bool has_tls;
} RedisLogin;

typedef struct RedisLink RedisLink;

/* The configuration is borrowed. Connects to nothing yet. */
MUST_CHECK int redis_link_new(const Config *config, const RedisLogin *login, const RedisAddress *address, RedisLink **ret);
RedisLink *redis_link_free(RedisLink *link);
DEFINE_CLEANUP(RedisLink *, redis_link_free)

const RedisAddress *redis_link_address(const RedisLink *link);
/* Another one closes it. */
void redis_link_set_address(RedisLink *link, const RedisAddress *address);

/* Is there a connection that the server has not closed, as far as is known? One on which there are bytes that nobody asked for is closed. */
MUST_CHECK bool redis_link_is_good(RedisLink *link);
/* Is there one as far as the latest call knows? */
bool redis_link_is_open(const RedisLink *link);
/* VIEW_E_UNREACHABLE, with the text of the latest failure, as long as the server is to be left alone. */
MUST_CHECK int redis_link_may_try(const RedisLink *link, char *text);
/* Connects and logs in. VIEW_E_UNREACHABLE; VIEW_E_REFUSED: password, database or a file of ours is not accepted. */
MUST_CHECK int redis_link_connect(RedisLink *link, int64_t deadline_ms, char *text);
/* The three of them: makes sure of a connection. */
MUST_CHECK int redis_link_open(RedisLink *link, int64_t deadline_ms, char *text);
void redis_link_close(RedisLink *link);
/* Closes it for what a server has answered, or not answered: VIEW_E_UNREACHABLE, and the server is left alone for a while. */
int redis_link_fail(RedisLink *link, char *text, const char *doing, const char *why);
/* A number that the caller gives the present connection; 0: none yet. */
uint64_t redis_link_number(const RedisLink *link);
void redis_link_set_number(RedisLink *link, uint64_t number);

/*
 * Sends the request and waits for its `n` replies, which the caller frees; error replies are replies. VIEW_E_UNREACHABLE (closed; none
 * of `ret` is set; whether anything was done is unknown) or -ENOMEM. The request stays as it is.
 */
MUST_CHECK int redis_link_exchange(
        RedisLink *link, const RedisRequest *request, size_t n, redisReply **ret, int64_t deadline_ms, char *text);
/* What has come unasked, as for a subscription; NULL: nothing (more). Closes the connection where it has ended. Does not wait. */
MUST_CHECK int redis_link_receive(RedisLink *link, redisReply **ret);
