/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/io/redis/redis_library.h"
#include "daemon/io/redis/redis_view_internal.h"

/* The key that loading touches need not live longer than who watches it; it is changed by being set. */
#define MARK_MS "1000"

/* What the server has of the name, as its function `version` tells it. */
typedef struct Present {
    int64_t number, model_version;
    Str model, digest;
} Present;

static bool read_present(const redisReply *reply, Present *ret) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 4)
        return false;
    *ret = (Present){.model = view_reply_str(reply->element[1]), .digest = view_reply_str(reply->element[3])};
    return view_parse_integer(view_reply_str(reply->element[0]), &ret->number) &&
           view_parse_integer(view_reply_str(reply->element[2]), &ret->model_version);
}

static bool knows_more(const Present *present, const RedisLibrary *library) {
    if (present->number != REDIS_LIBRARY_NUMBER)
        return present->number > REDIS_LIBRARY_NUMBER;
    return str_eq_c(present->model, library->model) && present->model_version > library->model_version;
}

/* Of a function that is not there, as of all others: an error. */
static int is_needed(RedisView *view, const RedisLibrary *library, char *text, bool *ret) {
    char function[REDIS_TEXT_SIZE];
    Present present;
    (void)snprintf(function, sizeof(function), "%s_version", library->name);
    redis_request(view->transport, "FCALL_RO", function, "0");
    int r = view_exchange(view, 1, text);
    *ret = true;
    if (r == 0 && read_present(view_last_reply(view), &present))
        *ret = !str_eq_c(present.digest, library->digest) && !knows_more(&present, library);
    return r == VIEW_E_REFUSED ? 0 : r;
}

/* From a look that says so on: who loads it meanwhile sets this key. */
static int watch(RedisView *view, unsigned slot, char *text) {
    redis_request_command(view->transport, 2);
    redis_request_arg(view->transport, STR_LITERAL("WATCH"));
    view_request_server_key(view, slot, "readers");
    return view_exchange(view, 1, text);
}

static void request_load(RedisView *view, unsigned slot, const RedisLibrary *library) {
    RedisTransport *t = view->transport;
    redis_request_command(t, 5);
    redis_request_arg(t, STR_LITERAL("SET"));
    view_request_server_key(view, slot, "readers");
    redis_request_arg(t, str_from(library->digest));
    redis_request_arg(t, STR_LITERAL("PX"));
    redis_request_arg(t, STR_LITERAL(MARK_MS));
    redis_request_command(t, 4);
    redis_request_arg(t, STR_LITERAL("FUNCTION"));
    redis_request_arg(t, STR_LITERAL("LOAD"));
    redis_request_arg(t, STR_LITERAL("REPLACE"));
    redis_request_arg(t, library->text);
}

/* The transaction ends the watch in any case. *ret: there was no need, or it is done; not if somebody else has loaded one meanwhile. */
static int load_if(RedisView *view, unsigned slot, const RedisLibrary *library, bool needed, char *text, bool *ret) {
    redis_request(view->transport, "MULTI");
    if (needed)
        request_load(view, slot, library);
    redis_request(view->transport, "EXEC");
    int r = view_exchange(view, needed ? 4 : 2, text);
    if (r)
        return r;
    const redisReply *done = view_last_reply(view);
    *ret = !needed || done->type == REDIS_REPLY_ARRAY;
    for (size_t i = 0; i < done->elements && !r; i++)
        r = redis_reply_check(view->transport, done->element[i], text);
    return r;
}

static int load(RedisView *view, unsigned slot, const RedisLibrary *library, char *text) {
    bool is_done = false, needed = false;
    int r;
    do {
        r = watch(view, slot, text);
        if (r == 0)
            r = is_needed(view, library, text, &needed);
        if (r == 0)
            r = load_if(view, slot, library, needed, text, &is_done);
    } while (r == 0 && !is_done);
    return r;
}

static int offer(RedisView *view, unsigned slot, const void *context, char *text) {
    const RedisLibrary *library = context;
    bool needed = false;
    int r = view_begin_slot(view, slot, text);
    if (r == 0)
        r = is_needed(view, library, text, &needed);
    if (r || !needed)
        return r;
    (void)redis_transport_pin(view->transport, true); /* a watch is a connection's */
    r = load(view, slot, library, text);
    (void)redis_transport_pin(view->transport, false);
    return r;
}

int redis_library_offer(RedisView *view, const RedisLibrary *library, char *text) {
    return view_ask_each(view, offer, library, text);
}

/* An error, for there is no such library and no such function; but not one that says that there cannot be. */
static bool is_command_known(const redisReply *reply) {
    Str error = {reply->str, reply->len};
    return reply->type == REDIS_REPLY_ERROR && str_starts_with(error, "ERR ") && !str_starts_with(error, "ERR unknown");
}

static int try_functions(RedisView *view, unsigned slot, const void *context, char *text) {
    (void)context;
    int r = view_begin_slot(view, slot, text);
    if (r)
        return r;
    redis_request(view->transport, "FUNCTION", "LOAD", "nothing");
    r = view_exchange(view, 1, text);
    if (r == VIEW_E_REFUSED && is_command_known(view_last_reply(view))) {
        redis_request(view->transport, "FCALL_RO", "nothing", "0");
        r = view_exchange(view, 1, text);
    }
    return r == VIEW_E_REFUSED && is_command_known(view_last_reply(view)) ? 0 : r;
}

int redis_library_try(RedisView *view, char *text) {
    return view_ask_each(view, try_functions, NULL, text);
}
