#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP Server
 *
 * Answers GET and HEAD with what a handler says, on a thread of its own. The only file that knows libmicrohttpd. Nothing is ever changed by
 * a request, and its body is not read.
 */
#include "daemon/listen_address.h"

#define HTTP_TEXT_SIZE 256

typedef struct HttpRequest {
    const char *path;   /* decoded, without the query */
    const char *accept; /* NULL: none was sent */
} HttpRequest;

typedef struct HttpResponse {
    unsigned status;
    const char *content_type; /* static */
    char *body;               /* allocated; the server frees it */
    size_t body_len;
} HttpResponse;

/* Called from the server's thread, for one request at a time. 0 or a negative errno, which is told as 500. */
typedef struct HttpHandler {
    int (*handle)(void *userdata, const HttpRequest *request, HttpResponse *ret);
    void *userdata;
} HttpHandler;

typedef struct HttpServer HttpServer;

/* Binds and listens; a Unix socket that nobody listens at any more is taken away before. 0 or a negative errno with `text`. */
MUST_CHECK int http_listen(const ListenAddress *address, char *text, int *ret_fd);
/*
 * Serves what comes to the listening socket, which is taken, also on failure. `path`: of a Unix socket that is to be removed at the end; else
 * NULL. 0 or a negative errno with `text`.
 */
MUST_CHECK int http_server_new(int fd, const char *path, HttpHandler handler, char *text, HttpServer **ret);
/* Waits for an answer that is being made. */
HttpServer *http_server_free(HttpServer *server);
DEFINE_CLEANUP(HttpServer *, http_server_free)
