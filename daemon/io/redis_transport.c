/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket is non-blocking and only ever waited for in one place, wait_for(), against a deadline. A request
 * is read back while it is still being sent: with both of its buffers full the server would not read on.
 *
 * The request is built in RESP right where it is sent from. (hiredis' formatter wants arrays of all arguments
 * and copies them twice; it took over twice the time.) It stays complete until the answer is there.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/io/redis_transport.h"
#include "lib/decimal.h"

/* What a request's buffer keeps from one request to the next. */
#define REQUEST_KEPT_BYTES ((size_t)4 * 1024 * 1024)
#define READ_BYTES ((size_t)64 * 1024)
#define HOST_SIZE 256
#define PORT_SIZE 8

struct RedisTransport {
    const Config *config;
    const char *socket_path; /* NULL: TCP */
    char host[HOST_SIZE], port[PORT_SIZE];
    int connect_timeout_ms, command_timeout_ms;

    int fd; /* -1: not connected */
    uint64_t n_connections;
    redisReader *reader;
    char *read_buffer; /* READ_BYTES */
    char *request;
    size_t request_len, n_request_alloc;
    int request_error; /* 0 or -ENOMEM */
};

/* ---- address ---- */

static int bad_address(const char *address, char *text) {
    snprintf(text, REDIS_TEXT_SIZE, "\"%s\" is no address of a Redis: expected unix:/path or tcp:host:port",
            address ? address : "");
    return VIEW_E_REFUSED;
}

static int parse_tcp(RedisTransport *t, const char *host, char *text) {
    const char *address = t->config->redis_address;
    const char *colon = strrchr(host, ':');
    if (!colon)
        return bad_address(address, text);

    size_t host_len = (size_t)(colon - host), port_len = strlen(colon + 1);
    if (host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']') {
        host++;
        host_len -= 2;
    }
    if (host_len == 0 || host_len >= HOST_SIZE || port_len == 0 || port_len > 5)
        return bad_address(address, text);
    if (strspn(colon + 1, "0123456789") != port_len)
        return bad_address(address, text);

    memcpy(t->host, host, host_len);
    memcpy(t->port, colon + 1, port_len);
    return 0;
}

static int parse_address(RedisTransport *t, char *text) {
    const char *address = t->config->redis_address;
    if (!address)
        return bad_address(address, text);
    if (strncmp(address, "tcp:", 4) == 0)
        return parse_tcp(t, address + 4, text);
    if (strncmp(address, "unix:", 5) != 0)
        return bad_address(address, text);
    t->socket_path = address + 5;
    if (!t->socket_path[0] || strlen(t->socket_path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return bad_address(address, text);
    return 0;
}

int redis_transport_new(const Config *config, char *text, RedisTransport **ret) {
    _cleanup_(redis_transport_free) RedisTransport *t = calloc(1, sizeof(*t));
    if (!t)
        return -ENOMEM;
    t->config = config;
    t->fd = -1;
    t->connect_timeout_ms = REDIS_CONNECT_TIMEOUT_MS;
    t->command_timeout_ms = REDIS_COMMAND_TIMEOUT_MS;
    t->read_buffer = malloc(READ_BYTES);
    if (!t->read_buffer)
        return -ENOMEM;

    int r = parse_address(t, text);
    if (r)
        return r;
    *ret = TAKE_PTR(t);
    return 0;
}

RedisTransport *redis_transport_free(RedisTransport *t) {
    if (!t)
        return NULL;
    redis_transport_close(t);
    free(t->request);
    free(t->read_buffer);
    return free_null(t);
}

void redis_transport_set_timeouts(RedisTransport *t, int connect_timeout_ms, int command_timeout_ms) {
    t->connect_timeout_ms = connect_timeout_ms;
    t->command_timeout_ms = command_timeout_ms;
}

void redis_transport_close(RedisTransport *t) {
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    if (t->reader)
        redisReaderFree(t->reader);
    t->reader = NULL;
}

/* ---- requests ---- */

static void request_reset(RedisTransport *t) {
    t->request_len = 0;
    t->request_error = 0;
    if (t->n_request_alloc > REQUEST_KEPT_BYTES) {
        t->request = free_null(t->request);
        t->n_request_alloc = 0;
    }
}

/* Where the next `len` bytes of the request go; NULL when out of memory, which sticks. */
static char *reserve(RedisTransport *t, size_t len) {
    if (t->request_error)
        return NULL;
    if (len > t->n_request_alloc - t->request_len) {
        size_t n_wanted = MAX(t->request_len + len, t->n_request_alloc * 2);
        n_wanted = MAX(n_wanted, READ_BYTES);
        char *request = realloc(t->request, n_wanted);
        if (!request) {
            t->request_error = -ENOMEM;
            return NULL;
        }
        t->request = request;
        t->n_request_alloc = n_wanted;
    }
    return t->request + t->request_len;
}

static void append(RedisTransport *t, const char *data, size_t len) {
    char *p = reserve(t, len);
    if (!p)
        return;
    if (len)
        memcpy(p, data, len);
    t->request_len += len;
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

static void append_count(RedisTransport *t, char type, size_t count) {
    char *p = reserve(t, COUNT_SIZE);
    if (p)
        t->request_len += (size_t)(put_count(p, type, count) - p);
}

void redis_request_command(RedisTransport *t, size_t n_args) {
    append_count(t, '*', n_args);
}

void redis_request_arg_begin(RedisTransport *t, size_t len) {
    append_count(t, '$', len);
}

void redis_request_arg_piece(RedisTransport *t, Str piece) {
    append(t, piece.data, piece.len);
}

void redis_request_arg_end(RedisTransport *t) {
    append(t, "\r\n", 2);
}

void redis_request_arg(RedisTransport *t, Str arg) {
    char *begin = reserve(t, COUNT_SIZE + arg.len + 2);
    if (!begin)
        return;
    char *p = put_count(begin, '$', arg.len);
    if (arg.len)
        memcpy(p, arg.data, arg.len);
    p += arg.len;
    *p++ = '\r';
    *p++ = '\n';
    t->request_len += (size_t)(p - begin);
}

void redis_request_arg_integer(RedisTransport *t, int64_t value) {
    char text[DECIMAL_SIZE];
    redis_request_arg(t, (Str){text, decimal_print(value, text)});
}

/* ---- exchange ---- */

static int unreachable(RedisTransport *t, char *text, const char *doing, const char *why) {
    snprintf(text, REDIS_TEXT_SIZE, "%s %s: %s", doing, t->config->redis_address, why);
    redis_transport_close(t);
    return VIEW_E_UNREACHABLE;
}

/* Until the socket is ready for one of `events` or the deadline is over: *ret_events is 0 then. Negative
 * errno. */
static int wait_for(int fd, short events, int64_t deadline_ms, short *ret_events) {
    for (;;) {
        int64_t left_ms = deadline_ms - clock_monotonic_ms();
        struct pollfd pfd = {.fd = fd, .events = events};
        int n = poll(&pfd, 1, (int)MAX(left_ms, 0));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        *ret_events = n ? pfd.revents : 0;
        return 0;
    }
}

static bool would_block(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Sends what goes at once of the request from *sent on. Negative errno. */
static int send_some(RedisTransport *t, size_t *sent) {
    ssize_t n = send(t->fd, t->request + *sent, t->request_len - *sent, MSG_NOSIGNAL);
    if (n < 0)
        return would_block() ? 0 : -errno;
    *sent += (size_t)n;
    return 0;
}

/* Feeds the reader with what is there. Negative errno; -ECONNRESET at the end of the stream. */
static int receive_some(RedisTransport *t) {
    ssize_t n = recv(t->fd, t->read_buffer, READ_BYTES, 0);
    if (n < 0)
        return would_block() ? 0 : -errno;
    if (n == 0)
        return -ECONNRESET;
    return redisReaderFeed(t->reader, t->read_buffer, (size_t)n) == REDIS_OK ? 0 : -EPROTO;
}

/* Takes complete replies off the reader. */
static int take_replies(RedisTransport *t, size_t n, redisReply **replies, size_t *n_taken) {
    while (*n_taken < n) {
        void *reply = NULL;
        if (redisReaderGetReply(t->reader, &reply) != REDIS_OK)
            return -EPROTO;
        if (!reply)
            return 0;
        replies[(*n_taken)++] = reply;
    }
    return 0;
}

static int converse(RedisTransport *t, size_t n, redisReply **replies, size_t *n_taken, int64_t deadline_ms) {
    size_t sent = 0;
    while (*n_taken < n) {
        short events = 0;
        int r = wait_for(
                t->fd, (short)(POLLIN | (sent < t->request_len ? POLLOUT : 0)), deadline_ms, &events);
        if (r)
            return r;
        if (!events)
            return -ETIMEDOUT;
        if (events & POLLOUT)
            r = send_some(t, &sent);
        if (!r && events & (POLLIN | POLLHUP | POLLERR))
            r = receive_some(t);
        if (!r)
            r = take_replies(t, n, replies, n_taken);
        if (r)
            return r;
    }
    return 0;
}

static const char *reader_error(const RedisTransport *t, int r) {
    if (r == -ECONNRESET)
        return "the connection was closed";
    if (r == -ETIMEDOUT)
        return "no answer in time";
    return r == -EPROTO && t->reader->err ? t->reader->errstr : strerror(-r);
}

static int exchange(RedisTransport *t, size_t n, redisReply **ret, int64_t deadline_ms, char *text) {
    assert(n > 0 && t->fd >= 0);
    size_t n_taken = 0;
    int r = t->request_error;
    if (!r)
        r = converse(t, n, ret, &n_taken, deadline_ms);
    request_reset(t);
    if (!r)
        return 0;

    for (size_t i = 0; i < n_taken; i++)
        ret[i] = redis_reply_free(ret[i]);
    if (r == -ENOMEM || (t->reader->err == REDIS_ERR_OOM)) {
        redis_transport_close(t);
        return -ENOMEM;
    }
    return unreachable(t, text, "waiting for Redis at", reader_error(t, r));
}

int redis_transport_exchange(RedisTransport *t, size_t n, redisReply **ret, char *text) {
    return exchange(t, n, ret, clock_monotonic_ms() + t->command_timeout_ms, text);
}

/* ---- connecting ---- */

/* A connected socket or a negative errno. */
static int connect_to(const struct sockaddr *address, socklen_t len, int64_t deadline_ms) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int r = connect(fd, address, len) ? -errno : 0;
    if (r == -EINPROGRESS) {
        short events = 0;
        r = wait_for(fd, POLLOUT, deadline_ms, &events);
        if (!r && !events)
            r = -ETIMEDOUT;
        int error = 0;
        socklen_t error_len = sizeof(error);
        if (!r)
            r = getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_len) ? -errno : -error;
    }
    if (r) {
        close(fd);
        return r;
    }
    return fd;
}

static int connect_unix(const RedisTransport *t, int64_t deadline_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, t->socket_path, strlen(t->socket_path));
    return connect_to((const struct sockaddr *)&address, sizeof(address), deadline_ms);
}

/* Resolving a name blocks for as long as the system's resolver does; an address in figures does not. */
static int connect_tcp(const RedisTransport *t, int64_t deadline_ms, const char **ret_why) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(t->host, t->port, &hints, &list);
    if (error) {
        *ret_why = gai_strerror(error);
        return -EHOSTUNREACH;
    }

    int fd = -EHOSTUNREACH;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_to(a->ai_addr, a->ai_addrlen, deadline_ms);
    freeaddrinfo(list);

    /* For speed, and to notice a host that is gone; without them it works as well. */
    int on = 1;
    if (fd >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    return fd;
}

/* The first line of the file. Read at each connection, so that a changed password needs no restart. */
static int read_password(const char *path, char password[static REDIS_PASSWORD_LEN_MAX + 1], char *text) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, password, REDIS_PASSWORD_LEN_MAX + 1);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        snprintf(text, REDIS_TEXT_SIZE, "the password file %s cannot be read: %s", path, strerror(error));
        return VIEW_E_REFUSED;
    }
    size_t len = 0;
    while (len < (size_t)n && password[len] != '\n' && password[len] != '\r' && password[len] != '\0')
        len++;
    if (len == 0 || len > REDIS_PASSWORD_LEN_MAX) {
        snprintf(text, REDIS_TEXT_SIZE, "the password file %s must begin with a line of 1 to %d bytes", path,
                REDIS_PASSWORD_LEN_MAX);
        return VIEW_E_REFUSED;
    }
    password[len] = '\0';
    return 0;
}

/* Sends what is built, one command, and judges its reply. */
static int greet_step(RedisTransport *t, int64_t deadline_ms, bool must_succeed, char *text) {
    _cleanup_(redis_reply_free) redisReply *reply = NULL;
    int r = exchange(t, 1, &reply, deadline_ms, text);
    if (r || !must_succeed)
        return r;
    return redis_reply_check(t, reply, text);
}

static int authenticate(RedisTransport *t, int64_t deadline_ms, char *text) {
    const Config *config = t->config;
    if (!config->redis_password_file)
        return 0;

    char password[REDIS_PASSWORD_LEN_MAX + 1];
    int r = read_password(config->redis_password_file, password, text);
    if (!r) {
        if (config->redis_username)
            redis_request(t, "AUTH", config->redis_username, password);
        else
            redis_request(t, "AUTH", password);
        size_t len = t->request_len;
        r = greet_step(t, deadline_ms, true, text);
        if (t->request)
            explicit_bzero(t->request, MIN(len, t->n_request_alloc));
    }
    explicit_bzero(password, sizeof(password));
    return r;
}

/* For CLIENT LIST. Redis takes printable ASCII without blanks only, so what else there is in a host's name
 * goes. */
static int set_name(RedisTransport *t, int64_t deadline_ms, char *text) {
    char name[128];
    snprintf(name, sizeof(name), "scored:%s", t->config->instance ? t->config->instance : "");
    for (char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~')
            *p = '-';
    redis_request(t, "CLIENT", "SETNAME", name);
    return greet_step(t, deadline_ms, false, text); /* may be forbidden, and is only a courtesy */
}

static int greet(RedisTransport *t, int64_t deadline_ms, char *text) {
    int r = authenticate(t, deadline_ms, text);
    if (!r && t->config->redis_database != 0) {
        redis_request_command(t, 2);
        redis_request_arg(t, STR_LITERAL("SELECT"));
        redis_request_arg_integer(t, t->config->redis_database);
        r = greet_step(t, deadline_ms, true, text);
    }
    if (!r)
        r = set_name(t, deadline_ms, text);
    return r;
}

/* Did the server close the idle connection? Then a new one can be made without any doubt about what was done.
 */
static bool is_stale(const RedisTransport *t) {
    char byte;
    ssize_t n = recv(t->fd, &byte, 1, MSG_PEEK);
    /* Bytes that nobody asked for would be taken for the next reply. */
    return n >= 0 || !would_block();
}

int redis_transport_open(RedisTransport *t, char *text) {
    request_reset(t);
    if (t->fd >= 0 && !is_stale(t))
        return 0;
    redis_transport_close(t);

    t->reader = redisReaderCreate();
    if (!t->reader)
        return -ENOMEM;
    int64_t deadline_ms = clock_monotonic_ms() + t->connect_timeout_ms;
    const char *why = NULL;
    int fd = t->socket_path ? connect_unix(t, deadline_ms) : connect_tcp(t, deadline_ms, &why);
    if (fd < 0)
        return unreachable(t, text, "connecting to Redis at", why ? why : strerror(-fd));
    t->fd = fd;
    t->n_connections++;

    int r = greet(t, deadline_ms, text);
    if (r)
        redis_transport_close(t);
    return r;
}

bool redis_transport_is_open(const RedisTransport *t) {
    return t->fd >= 0;
}

uint64_t redis_transport_connections(const RedisTransport *t) {
    return t->n_connections;
}

/* ---- error replies ---- */

int redis_reply_check(RedisTransport *t, const redisReply *reply, char *text) {
    /* On a new connection, perhaps to another server by then, the same call may succeed. */
    static const char *const passing[] = {"LOADING", "READONLY", "MASTERDOWN", "BUSY ", "TRYAGAIN",
            "CLUSTERDOWN", "NOREPLICAS", "UNBLOCKED"};
    if (reply->type != REDIS_REPLY_ERROR)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
        if (strncmp(reply->str, passing[i], strlen(passing[i])) == 0)
            return unreachable(t, text, "asking Redis at", reply->str);
    snprintf(text, REDIS_TEXT_SIZE, "Redis at %s refuses: %s", t->config->redis_address, reply->str);
    return VIEW_E_REFUSED;
}
