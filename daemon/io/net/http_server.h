#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP Server
 *
 * Answers GET and HEAD with what a handler says, on a thread of its own. The only file that knows libmicrohttpd. Nothing is ever changed by
 * a request, and its body is not read. An answer may come later, or be a stream that goes on: until somebody calls http_server_wake() it
 * takes no more than its connection.
 */
#include <sys/types.h>

#include "daemon/config/listen_address.h"

#define HTTP_TEXT_SIZE 256
#define HTTP_HEADERS_MAX 8
#define HTTP_COOKIE_SIZE 256

typedef struct HttpRequest {
    const char *path; /* decoded, without the query */
    void *ticket;     /* what the handler left in `ret->ticket` when it put the answer off; NULL at first */
    void *connection; /* for the functions below */
} HttpRequest;

/* NULL: it was not sent. */
const char *http_request_header(const HttpRequest *request, const char *name);
/* Of the query, decoded; null: it is not there. */
Str http_request_argument(const HttpRequest *request, const char *name);
/* Of the Cookie header; NULL: it is not there. */
const char *http_request_cookie(const HttpRequest *request, const char *name);

/* A body without an end, on the server's thread. */
typedef struct HttpStream {
    /* Bytes written to the buffer; 0: nothing at present, it is asked again after http_server_wake(); -1: it ends. */
    ssize_t (*read)(void *userdata, char *buffer, size_t size);
    void (*done)(void *userdata);
    void *userdata;
} HttpStream;

typedef struct HttpHeader {
    const char *name, *value; /* as long as the handler */
} HttpHeader;

typedef struct HttpResponse {
    unsigned status;
    const char *content_type;  /* static */
    const char *cache_control; /* static; NULL: no-store */
    HttpHeader headers[HTTP_HEADERS_MAX]; /* the first without a name ends them */
    char cookie[HTTP_COOKIE_SIZE]; /* Set-Cookie, if not empty */
    char *body;                /* allocated; the server frees it */
    size_t body_len;
    HttpStream stream; /* with a `read`: in the place of a body */
    void *ticket;      /* of an answer that was put off */
} HttpResponse;

/* The answer will be there after some http_server_wake(), when the request is handled again, with its ticket. */
#define HTTP_LATER 1

/* Called from the server's thread, for one request at a time. 0, HTTP_LATER, or a negative errno, which is told as 500. */
typedef struct HttpHandler {
    int (*handle)(void *userdata, const HttpRequest *request, HttpResponse *ret);
    /* The request of the ticket is no more, answered or not; NULL: no answer is ever put off. */
    void (*drop)(void *userdata, void *ticket);
    void *userdata;
} HttpHandler;

/* Connections beside those of streams. */
#define HTTP_CONNECTIONS_MAX 16

typedef struct HttpServer HttpServer;

/* Binds and listens; a Unix socket that nobody listens at any more is taken away before. 0 or a negative errno with `text`. */
MUST_CHECK int http_listen(const ListenAddress *address, char *text, int *ret_fd);
/*
 * Serves what comes to the listening socket, which is taken, also on failure. `path`: of a Unix socket that is to be removed at the end; else
 * NULL. 0 or a negative errno with `text`.
 */
MUST_CHECK int http_server_new(int fd, const char *path, HttpHandler handler, unsigned connections_max, char *text, HttpServer **ret);
/* From any thread: streams have something, or answers that were put off are there. */
void http_server_wake(HttpServer *server);
/* Is the listening socket reached from this machine only? */
bool http_is_local(int fd);
/* Waits for an answer that is being made, and ends streams. */
HttpServer *http_server_free(HttpServer *server);
DEFINE_CLEANUP(HttpServer *, http_server_free)
