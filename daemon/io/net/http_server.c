/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/net/http_server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* Without a byte going either way. */
#define CONNECTION_TIMEOUT_S 10
/* For a request's line and headers. */
#define CONNECTION_MEMORY ((size_t)16 * 1024)
#define BACKLOG 16
/* What a stream is asked for at a time. */
#define STREAM_BLOCK ((size_t)16 * 1024)

/*
 * Whoever waits for http_server_wake(). Between being asked in vain and being suspended a call may come: so the calls are counted, and who has
 * seen fewer of them than there were is asked again at once.
 */
typedef struct Waiter {
    struct Waiter *next; /* of those that are suspended */
    struct MHD_Connection *connection;
} Waiter;

struct HttpServer {
    struct MHD_Daemon *daemon;
    char *path;
    HttpHandler handler;
    pthread_mutex_t lock; /* of what follows */
    Waiter *suspended;
    uint64_t n_wakes;
    bool is_ending;
};

/* One request, from its headers to its end. */
typedef struct Exchange {
    void *ticket;
    Waiter waiter;
} Exchange;

/* A stream, as long as its response. */
typedef struct Flow {
    HttpServer *server;
    HttpStream stream;
    Waiter waiter;
} Flow;

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

bool http_is_local(int fd) {
    ListenAddress address = {.len = sizeof(struct sockaddr_un)};
    if (getsockname(fd, &address.any, &address.len) < 0)
        return false;
    switch (address.any.sa_family) {
    case AF_UNIX:
        return true;
    case AF_INET:
        return ntohl(address.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    case AF_INET6:
        return IN6_IS_ADDR_LOOPBACK(&address.in6.sin6_addr);
    default:
        return false;
    }
}

/* --- waiting ----------------------------------------------------------------------------------------- */

static uint64_t count_wakes(HttpServer *server, bool *ret_is_ending) {
    (void)pthread_mutex_lock(&server->lock);
    uint64_t n = server->n_wakes;
    *ret_is_ending = server->is_ending;
    (void)pthread_mutex_unlock(&server->lock);
    return n;
}

/* On the server's thread. False: somebody has called since it counted n_wakes, so it is to look again. */
static bool suspend(HttpServer *server, Waiter *waiter, uint64_t n_wakes) {
    (void)pthread_mutex_lock(&server->lock);
    bool is_to_wait = server->n_wakes == n_wakes && !server->is_ending;
    if (is_to_wait) {
        MHD_suspend_connection(waiter->connection);
        waiter->next = server->suspended; /* what is suspended does not end before it is resumed */
        server->suspended = waiter;
    }
    (void)pthread_mutex_unlock(&server->lock);
    return is_to_wait;
}

static void resume_all(HttpServer *server) {
    server->n_wakes++;
    for (Waiter *waiter = server->suspended, *next; waiter; waiter = next) {
        next = waiter->next;
        MHD_resume_connection(waiter->connection);
    }
    server->suspended = NULL;
}

void http_server_wake(HttpServer *server) {
    (void)pthread_mutex_lock(&server->lock);
    resume_all(server);
    (void)pthread_mutex_unlock(&server->lock);
}

/* --- what was asked ---------------------------------------------------------------------------------- */

const char *http_request_header(const HttpRequest *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_request_cookie(const HttpRequest *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_COOKIE_KIND, name);
}

Str http_request_argument(const HttpRequest *request, const char *name) {
    const char *value = NULL;
    size_t len = 0;
    enum MHD_Result r =
            MHD_lookup_connection_value_n(request->connection, MHD_GET_ARGUMENT_KIND, name, strlen(name), &value, &len);
    return r == MHD_YES && value ? (Str){value, len} : STR_NULL;
}

/* --- serving ----------------------------------------------------------------------------------------- */

static ssize_t read_stream(void *userdata, uint64_t position, char *buffer, size_t size) {
    Flow *flow = userdata;
    (void)position;
    for (;;) {
        bool is_ending;
        uint64_t n_wakes = count_wakes(flow->server, &is_ending);
        ssize_t n = is_ending ? -1 : flow->stream.read(flow->stream.userdata, buffer, size);
        if (n < 0)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (n > 0 || suspend(flow->server, &flow->waiter, n_wakes))
            return n;
    }
}

static void end_stream(void *userdata) {
    Flow *flow = userdata;
    flow->stream.done(flow->stream.userdata);
    free(flow);
}

/* Takes the stream. */
static struct MHD_Response *make_stream(HttpServer *server, struct MHD_Connection *connection, HttpStream stream) {
    Flow *flow = calloc(1, sizeof(*flow));
    struct MHD_Response *answer = NULL;
    if (flow) {
        *flow = (Flow){.server = server, .stream = stream, .waiter.connection = connection};
        answer = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream, flow, end_stream);
    }
    if (!answer) {
        stream.done(stream.userdata);
        free(flow);
    }
    return answer;
}

static struct MHD_Response *make_body(HttpResponse *response) {
    struct MHD_Response *answer = MHD_create_response_from_buffer(response->body_len, response->body, MHD_RESPMEM_MUST_FREE);
    if (!answer)
        free(response->body);
    return answer;
}

static enum MHD_Result respond(HttpServer *server, struct MHD_Connection *connection, HttpResponse *response) {
    struct MHD_Response *answer =
            response->stream.read ? make_stream(server, connection, response->stream) : make_body(response);
    if (!answer)
        return MHD_NO; /* closes the connection */
    if (response->content_type)
        (void)MHD_add_response_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type);
    (void)MHD_add_response_header(answer, MHD_HTTP_HEADER_CACHE_CONTROL, response->cache_control ? response->cache_control : "no-store");
    (void)MHD_add_response_header(answer, "X-Content-Type-Options", "nosniff");
    for (size_t i = 0; i < HTTP_HEADERS_MAX && response->headers[i].name; i++)
        (void)MHD_add_response_header(answer, response->headers[i].name, response->headers[i].value);
    if (response->cookie[0])
        (void)MHD_add_response_header(answer, MHD_HTTP_HEADER_SET_COOKIE, response->cookie);
    enum MHD_Result r = MHD_queue_response(connection, response->status, answer);
    MHD_destroy_response(answer);
    return r;
}

static enum MHD_Result respond_text(HttpServer *server, struct MHD_Connection *connection, unsigned status, const char *text, const char *allow) {
    char *body = strdup(text);
    if (!body)
        return MHD_NO;
    HttpResponse response = {.status = status, .content_type = "text/plain; charset=utf-8", .body = body, .body_len = strlen(body)};
    if (allow)
        response.headers[0] = (HttpHeader){MHD_HTTP_HEADER_ALLOW, allow};
    return respond(server, connection, &response);
}

/* Asks the handler, and waits if it has put the answer off. */
static enum MHD_Result answer_request(HttpServer *server, Exchange *exchange, struct MHD_Connection *connection, const char *path) {
    for (;;) {
        bool is_ending;
        uint64_t n_wakes = count_wakes(server, &is_ending);
        if (is_ending)
            return MHD_NO;
        HttpResponse response = {0};
        HttpRequest request = {.path = path, .ticket = exchange->ticket, .connection = connection};
        int r = server->handler.handle(server->handler.userdata, &request, &response);
        if (r < 0)
            return respond_text(server, connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory or worse\n", NULL);
        if (r == 0)
            return respond(server, connection, &response);
        exchange->ticket = response.ticket;
        if (suspend(server, &exchange->waiter, n_wakes))
            return MHD_YES;
    }
}

/* Called when the headers are there, and again until there is an answer. */
static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
        const char *upload, size_t *upload_len, void **state) {
    HttpServer *server = userdata;
    (void)version;
    (void)upload;
    if (!*state) {
        Exchange *exchange = calloc(1, sizeof(*exchange));
        if (!exchange)
            return MHD_NO;
        exchange->waiter.connection = connection;
        *state = exchange;
        return MHD_YES;
    }
    if (*upload_len > 0) { /* read over, so that the connection can go on */
        *upload_len = 0;
        return MHD_YES;
    }
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return respond_text(server, connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n", "GET, HEAD");
    return answer_request(server, *state, connection, url);
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code) {
    Exchange *exchange = *state;
    HttpServer *server = userdata;
    (void)connection;
    (void)code;
    if (exchange && exchange->ticket && server->handler.drop)
        server->handler.drop(server->handler.userdata, exchange->ticket);
    free(exchange);
    *state = NULL;
}

/* Signals are for the pipeline's thread. */
static struct MHD_Daemon *start(HttpServer *server, int fd, unsigned connections_max) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
            NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections_max,
            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY,
            MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

int http_server_new(int fd, const char *path, HttpHandler handler, unsigned connections_max, char *text, HttpServer **ret) {
    _cleanup_(http_server_free) HttpServer *server = calloc(1, sizeof(*server));
    if (server) {
        (void)pthread_mutex_init(&server->lock, NULL);
        server->handler = handler;
        server->path = path ? strdup(path) : NULL;
        if (!path || server->path) {
            errno = EIO;
            server->daemon = start(server, fd, connections_max);
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
    if (server->daemon) {
        /* It must not be stopped while anybody waits, and nobody begins to from here on. */
        (void)pthread_mutex_lock(&server->lock);
        server->is_ending = true;
        resume_all(server);
        (void)pthread_mutex_unlock(&server->lock);
        MHD_stop_daemon(server->daemon); /* closes the socket */
    }
    (void)pthread_mutex_destroy(&server->lock);
    if (server->path)
        (void)unlink(server->path);
    free(server->path);
    free(server);
    return NULL;
}
