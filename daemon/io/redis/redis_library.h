#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Readers' Library
 *
 * Redis Functions by which other programs ask for what a view holds as of now (daemon/view/readers.h makes them, readers.lua is their
 * text). The server has them until somebody deletes them: they are in its snapshots, its append-only file and its replicas, and
 * survive FLUSHALL.
 *
 * Several prefixes on one server have a library each. Instances of one prefix need not be of the same version: the library of a
 * higher number, or of a later version of the model, is never replaced by one that knows less: whoever loads one is put off, to look
 * again, if another one has been loaded since the look (WATCH).
 */
#include "daemon/io/redis/redis_view.h"

/* The number of the readers: raised when readers.lua reads more than before, or what it replies changes. */
#define REDIS_LIBRARY_NUMBER 2

typedef struct RedisLibrary {
    const char *name; /* also what its functions' names begin with */
    const char *model; /* whose ids it knows */
    int64_t model_version;
    const char *digest; /* the same for the same text only */
    Str text;
} RedisLibrary;

/*
 * Sees to it that the server has these functions, or newer ones. 0, also when it has them; VIEW_E_UNREACHABLE; VIEW_E_REFUSED: it knows none, as before
 * Redis 7, or the user may not load them. Nothing of ours depends on them.
 */
MUST_CHECK int redis_library_offer(RedisView *view, const RedisLibrary *library, char *text);
/* Could it be given some, and would it run them? Outcomes as above. Changes nothing. */
MUST_CHECK int redis_library_try(RedisView *view, char *text);
