/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/redis/redis_request.h"

#include "lib/base/decimal.h"

/* What the buffer keeps from one request to the next, and begins with. */
#define KEPT_BYTES ((size_t)4 * 1024 * 1024)
#define FIRST_BYTES ((size_t)64 * 1024)

void request_done(RedisRequest *request) {
    free(request->data);
    *request = (RedisRequest){0};
}

void request_reset(RedisRequest *request) {
    request->len = 0;
    request->error = 0;
    if (request->n_alloc > KEPT_BYTES)
        request_done(request);
}

void request_wipe(RedisRequest *request) {
    if (request->data)
        explicit_bzero(request->data, request->len);
    request_reset(request);
}

/* Where the next `len` bytes go; NULL when out of memory. */
static char *reserve(RedisRequest *request, size_t len) {
    if (request->error)
        return NULL;
    if (len > request->n_alloc - request->len) {
        size_t n_wanted = MAX(request->len + len, request->n_alloc * 2);
        n_wanted = MAX(n_wanted, FIRST_BYTES);
        char *data = realloc(request->data, n_wanted);
        if (!data) {
            request->error = -ENOMEM;
            return NULL;
        }
        request->data = data;
        request->n_alloc = n_wanted;
    }
    return request->data + request->len;
}

static void append(RedisRequest *request, const char *data, size_t len) {
    char *p = reserve(request, len);
    if (!p)
        return;
    if (len)
        memcpy(p, data, len);
    request->len += len;
}

/* `*3\r\n` or `$12\r\n`; a request has several of these for each record, so not by printf. */
#define COUNT_SIZE (DECIMAL_SIZE + 3)
static char *put_count(char *p, char type, size_t count) {
    *p++ = type;
    if (count < 10)
        *p++ = (char)('0' + count);
    else
        p += decimal_print((int64_t)count, p);
    *p++ = '\r';
    *p++ = '\n';
    return p;
}

static void append_count(RedisRequest *request, char type, size_t count) {
    char *p = reserve(request, COUNT_SIZE);
    if (p)
        request->len += (size_t)(put_count(p, type, count) - p);
}

void request_command(RedisRequest *request, size_t n_args) {
    append_count(request, '*', n_args);
}

void request_arg_begin(RedisRequest *request, size_t len) {
    append_count(request, '$', len);
}

void request_arg_piece(RedisRequest *request, Str piece) {
    append(request, piece.data, piece.len);
}

void request_arg_end(RedisRequest *request) {
    append(request, "\r\n", 2);
}

void request_arg(RedisRequest *request, Str arg) {
    char *begin = reserve(request, COUNT_SIZE + arg.len + 2);
    if (!begin)
        return;
    char *p = put_count(begin, '$', arg.len);
    if (arg.len)
        memcpy(p, arg.data, arg.len);
    p += arg.len;
    *p++ = '\r';
    *p++ = '\n';
    request->len += (size_t)(p - begin);
}

void request_arg_integer(RedisRequest *request, int64_t value) {
    char text[DECIMAL_SIZE];
    request_arg(request, (Str){text, decimal_print(value, text)});
}

void request_whole(RedisRequest *request, const char *const *args, size_t n) {
    request_command(request, n);
    for (size_t i = 0; i < n; i++)
        request_arg(request, str_from(args[i]));
}
