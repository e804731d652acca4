#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Request in RESP
 *
 * One or several commands, built right where they are sent from. (hiredis' formatter wants arrays of all arguments and copies them
 * twice; it took over twice the time.) It stays complete until it is reset, so that it can be sent again, elsewhere.
 */
#include "lib/base/util.h"

typedef struct RedisRequest {
    char *data;
    size_t len, n_alloc;
    int error; /* 0 or -ENOMEM */
} RedisRequest;

void request_done(RedisRequest *request);
/* Empty again. */
void request_reset(RedisRequest *request);
/* Overwrites what it holds: for passwords. Empty afterwards. */
void request_wipe(RedisRequest *request);

/* Appends a command of exactly n_args arguments. Being out of memory sticks in `error`. */
void request_command(RedisRequest *request, size_t n_args);
void request_arg(RedisRequest *request, Str arg);
/* An argument that consists of several pieces: `len` in all. */
void request_arg_begin(RedisRequest *request, size_t len);
void request_arg_piece(RedisRequest *request, Str piece);
void request_arg_end(RedisRequest *request);
void request_arg_integer(RedisRequest *request, int64_t value);
/* A whole command of C strings. */
void request_whole(RedisRequest *request, const char *const *args, size_t n);
#define request_of(request, ...)                                                                             \
    do {                                                                                                     \
        const char *const _args[] = {__VA_ARGS__};                                                           \
        request_whole((request), _args, ARRAY_SIZE(_args));                                                  \
    } while (0)
