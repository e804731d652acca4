/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "daemon/io/redis_library.h"
#include "daemon/io/redis_view_internal.h"

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

static int load(RedisView *view, const RedisLibrary *library, char *text) {
    RedisTransport *t = view->transport;
    redis_request_command(t, 4);
    redis_request_arg(t, STR_LITERAL("FUNCTION"));
    redis_request_arg(t, STR_LITERAL("LOAD"));
    redis_request_arg(t, STR_LITERAL("REPLACE"));
    redis_request_arg(t, library->text);
    return view_exchange(view, 1, text);
}

static int offer(RedisView *view, unsigned slot, const void *context, char *text) {
    const RedisLibrary *library = context;
    bool needed = false;
    int r = view_begin_slot(view, slot, text);
    if (r == 0)
        r = is_needed(view, library, text, &needed);
    return r || !needed ? r : load(view, library, text);
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
