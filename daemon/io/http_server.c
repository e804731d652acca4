/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/http_server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A scraper or two, probes, and somebody who looks. Each may hold an answer that it does not take. */
#define CONNECTIONS_MAX 16
/* Without a byte going either way. */
#define CONNECTION_TIMEOUT_S 10
/* For a request's line and headers. */
#define CONNECTION_MEMORY ((size_t)16 * 1024)
#define BACKLOG 16

struct HttpServer {
    struct MHD_Daemon *daemon;
    char *path;
    HttpHandler handler;
};

static int fail(char *text, const char *what, int error) {
    (void)snprintf(text, HTTP_TEXT_SIZE, "%s: %s", what, strerror(error));
    return -error;
}

/* --- listening --------------------------------------------------------------------------------------- */

/* Is it a socket, and has the process gone that has bound it? */
static bool is_left_over(const ListenAddress *address) {
    struct stat info;
    if (lstat(address->un.sun_path, &info) < 0 || !S_ISSOCK(info.st_mode))
        return false; /* to connect to any other file is refused as well */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_refused = fd >= 0 && connect(fd, &address->any, address->len) < 0 && errno == ECONNREFUSED;
    if (fd >= 0)
        (void)close(fd);
    return is_refused;
}

static int bind_to(int fd, const ListenAddress *address) {
    if (bind(fd, &address->any, address->len) == 0)
        return 0;
    if (errno != EADDRINUSE || address->any.sa_family != AF_UNIX)
        return errno;
    if (!is_left_over(address) || unlink(address->un.sun_path) < 0)
        return EADDRINUSE;
    return bind(fd, &address->any, address->len) == 0 ? 0 : errno;
}

int http_listen(const ListenAddress *address, char *text, int *ret_fd) {
    const int on = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(text, "socket", errno);
    /* so that a restart does not wait for the connections before it; it may fail where it means nothing */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    int error = bind_to(fd, address);
    if (error) {
        (void)close(fd);
        return fail(text, "bind", error);
    }
    if (listen(fd, BACKLOG) < 0) {
        error = errno;
        (void)close(fd);
        return fail(text, "listen", error);
    }
    *ret_fd = fd;
    return 0;
}

/* --- serving ----------------------------------------------------------------------------------------- */

static enum MHD_Result respond(struct MHD_Connection *connection, HttpResponse *response, const char *allow) {
    struct MHD_Response *answer = MHD_create_response_from_buffer(response->body_len, response->body, MHD_RESPMEM_MUST_FREE);
    if (!answer) {
        free(response->body);
        return MHD_NO; /* closes the connection */
    }
    (void)MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    (void)MHD_add_response_header(answer, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
    if (allow)
        (void)MHD_add_response_header(answer, MHD_HTTP_HEADER_ALLOW, allow);
    enum MHD_Result r = MHD_queue_response(connection, response->status, answer);
    MHD_destroy_response(answer);
    return r;
}

static enum MHD_Result respond_text(struct MHD_Connection *connection, unsigned status, const char *text, const char *allow) {
    char *body = strdup(text);
    if (!body)
        return MHD_NO;
    HttpResponse response = {.status = status, .content_type = "text/plain; charset=utf-8", .body = body, .body_len = strlen(body)};
    return respond(connection, &response, allow);
}

/* Called when the headers are there, and again until there is an answer. */
static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
        const char *upload, size_t *upload_len, void **state) {
    static int is_begun;
    const HttpServer *server = userdata;
    HttpResponse response = {0};
    (void)version;
    (void)upload;
    if (*state != &is_begun) {
        *state = &is_begun;
        return MHD_YES;
    }
    if (*upload_len > 0) { /* read over, so that the connection can go on */
        *upload_len = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return respond_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n", "GET, HEAD");
    HttpRequest request = {.path = url, .accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT)};
    int r = server->handler.handle(server->handler.userdata, &request, &response);
    if (r < 0)
        return respond_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory or worse\n", NULL);
    return respond(connection, &response, NULL);
}

/* Signals are for the pipeline's thread. */
static struct MHD_Daemon *start(HttpServer *server, int fd) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL, NULL, on_request, server,
            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
            (unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

int http_server_new(int fd, const char *path, HttpHandler handler, char *text, HttpServer **ret) {
    _cleanup_(http_server_free) HttpServer *server = calloc(1, sizeof(*server));
    if (server) {
        server->handler = handler;
        server->path = path ? strdup(path) : NULL;
        if (!path || server->path) {
            errno = EIO;
            server->daemon = start(server, fd);
        } else {
            errno = ENOMEM;
        }
    }
    if (!server || !server->daemon) {
        int error = errno;
        (void)close(fd);
        return fail(text, "HTTP server", error);
    }
    *ret = TAKE_PTR(server);
    return 0;
}

HttpServer *http_server_free(HttpServer *server) {
    if (!server)
        return NULL;
    if (server->daemon)
        MHD_stop_daemon(server->daemon); /* closes the socket */
    if (server->path)
        (void)unlink(server->path);
    free(server->path);
    free(server);
    return NULL;
}
