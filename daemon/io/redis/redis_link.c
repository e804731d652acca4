/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket is only ever waited for in one place, wait_for(), against a deadline. A request is read back while it is still being sent:
 * with both of its buffers full the server would not read on.
 */
#include "daemon/io/redis/redis_link.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/clock.h"
#include "daemon/base/random.h"
#include "daemon/io/net/backoff.h"
#include "daemon/io/redis/redis_secret.h"
#include "daemon/io/redis/redis_tls.h"

#define READ_BYTES ((size_t)64 * 1024)
/* A server that is starting again answers within a second; one that is gone for good is asked every few. */
#define RETRY_LEAST_MS 50
#define RETRY_MOST_MS 3000

struct RedisLink {
    const Config *config;
    RedisLogin login;
    RedisAddress address;

    int fd; /* -1: not connected */
    RedisTls *tls; /* NULL: none */
    redisReader *reader;
    char *buffer; /* READ_BYTES */
    uint64_t number; /* of this connection */

    RetryGate gate;
    char why[REDIS_TEXT_SIZE]; /* it is shut */
};

void redis_replies_free(redisReply **replies, size_t n) {
    for (size_t i = 0; i < n; i++)
        replies[i] = redis_reply_free(replies[i]);
}

/* ---- making ---- */

int redis_link_new(const Config *config, const RedisLogin *login, const RedisAddress *address, RedisLink **ret) {
    _cleanup_(redis_link_free) RedisLink *link = calloc(1, sizeof(*link));
    if (!link)
        return -ENOMEM;
    link->config = config;
    link->login = *login;
    link->address = *address;
    link->gate.backoff = (Backoff){.least_ms = RETRY_LEAST_MS, .most_ms = RETRY_MOST_MS};
    link->fd = -1;
    link->buffer = malloc(READ_BYTES);
    if (!link->buffer)
        return -ENOMEM;
    *ret = TAKE_PTR(link);
    return 0;
}

RedisLink *redis_link_free(RedisLink *link) {
    if (!link)
        return NULL;
    redis_link_close(link);
    free(link->buffer);
    return free_null(link);
}

const RedisAddress *redis_link_address(const RedisLink *link) {
    return &link->address;
}

void redis_link_set_address(RedisLink *link, const RedisAddress *address) {
    if (redis_address_eq(&link->address, address))
        return;
    redis_link_close(link);
    link->address = *address;
    retry_gate_open(&link->gate); /* that was another server's */
}

void redis_link_close(RedisLink *link) {
    link->tls = redis_tls_free(link->tls);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    if (link->reader)
        redisReaderFree(link->reader);
    link->reader = NULL;
}

bool redis_link_is_open(const RedisLink *link) {
    return link->fd >= 0;
}

uint64_t redis_link_number(const RedisLink *link) {
    return link->number;
}

void redis_link_set_number(RedisLink *link, uint64_t number) {
    link->number = number;
}

/* ---- failures ---- */

static int unreachable(RedisLink *link, char *text, const char *doing, const char *why) {
    char address[REDIS_ADDRESS_SIZE];
    redis_address_print(&link->address, address);
    snprintf(text, REDIS_TEXT_SIZE, "%s %s: %.200s", doing, address, why);
    redis_link_close(link);
    return VIEW_E_UNREACHABLE;
}

/* All who have lost a server at one instant shall not come back at one instant. */
static void leave_alone(RedisLink *link, const char *text) {
    uint32_t lot;
    if (random_bytes(&lot, sizeof(lot)) < 0)
        lot = UINT32_MAX;
    retry_gate_shut(&link->gate, clock_monotonic_ms(), lot);
    snprintf(link->why, sizeof(link->why), "%s", text);
}

int redis_link_fail(RedisLink *link, char *text, const char *doing, const char *why) {
    int r = unreachable(link, text, doing, why);
    leave_alone(link, text);
    return r;
}

int redis_link_may_try(const RedisLink *link, char *text) {
    if (retry_gate_wait(&link->gate, clock_monotonic_ms()) == 0)
        return 0;
    snprintf(text, REDIS_TEXT_SIZE, "%s", link->why);
    return VIEW_E_UNREACHABLE;
}

/* ---- waiting, sending, receiving ---- */

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

/* What of it goes at once; -EAGAIN if nothing does, and what to wait for. Negative errno. */
static ssize_t send_once(RedisLink *link, const char *data, size_t len, short *ret_events) {
    *ret_events = POLLOUT;
    if (link->tls)
        return redis_tls_send(link->tls, data, len, ret_events);
    ssize_t n = send(link->fd, data, len, MSG_NOSIGNAL);
    return n >= 0 ? n : would_block() ? -EAGAIN : -errno;
}

/* Into the buffer, likewise; -ECONNRESET at the end of the stream. */
static ssize_t receive_once(RedisLink *link, short *ret_events) {
    *ret_events = POLLIN;
    if (link->tls)
        return redis_tls_receive(link->tls, link->buffer, READ_BYTES, ret_events);
    ssize_t n = recv(link->fd, link->buffer, READ_BYTES, 0);
    return n > 0 ? n : n == 0 ? -ECONNRESET : would_block() ? -EAGAIN : -errno;
}

/*
 * Feeds the reader with what is there; *ret_events: what to wait for before there can be more. TLS may have taken more from the socket
 * than one record, of which the socket knows nothing any more.
 */
static int receive_some(RedisLink *link, short *ret_events) {
    do {
        ssize_t n = receive_once(link, ret_events);
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        if (redisReaderFeed(link->reader, link->buffer, (size_t)n) != REDIS_OK)
            return -EPROTO;
    } while (link->tls);
    return 0;
}

/* Sends what goes at once of the request from *sent on. */
static int send_some(RedisLink *link, const RedisRequest *request, size_t *sent, short *ret_events) {
    do {
        ssize_t n = send_once(link, request->data + *sent, request->len - *sent, ret_events);
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        *sent += (size_t)n;
    } while (link->tls && *sent < request->len); /* a record at a time */
    return 0;
}

/* Takes complete replies off the reader. */
static int take_replies(RedisLink *link, size_t n, redisReply **replies, size_t *n_taken) {
    while (*n_taken < n) {
        void *reply = NULL;
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK)
            return -EPROTO;
        if (!reply)
            return 0;
        replies[(*n_taken)++] = reply;
    }
    return 0;
}

static int converse(
        RedisLink *link, const RedisRequest *request, size_t n, redisReply **replies, size_t *n_taken, int64_t deadline_ms) {
    size_t sent = 0;
    short to_send = POLLOUT, to_receive = POLLIN;
    while (*n_taken < n) {
        short events = 0;
        int r = wait_for(link->fd, (short)(to_receive | (sent < request->len ? to_send : 0)), deadline_ms, &events);
        if (r)
            return r;
        if (!events)
            return -ETIMEDOUT;
        if (sent < request->len && events & to_send)
            r = send_some(link, request, &sent, &to_send);
        if (!r && events & (to_receive | POLLHUP | POLLERR))
            r = receive_some(link, &to_receive);
        if (!r)
            r = take_replies(link, n, replies, n_taken);
        if (r)
            return r;
    }
    return 0;
}

static const char *why_not(const RedisLink *link, int r) {
    if (r == -ECONNRESET)
        return "the connection was closed";
    if (r == -ETIMEDOUT)
        return "no answer in time";
    if (r == -EPROTO && link->reader->err)
        return link->reader->errstr;
    return r == -EPROTO && link->tls ? redis_tls_error(link->tls) : strerror(-r);
}

int redis_link_exchange(
        RedisLink *link, const RedisRequest *request, size_t n, redisReply **ret, int64_t deadline_ms, char *text) {
    assert(n > 0 && link->fd >= 0);
    size_t n_taken = 0;
    int r = request->error;
    if (!r)
        r = converse(link, request, n, ret, &n_taken, deadline_ms);
    if (!r) {
        /* One that says LOADING is not there yet. */
        if (ret[n - 1]->type != REDIS_REPLY_ERROR)
            retry_gate_open(&link->gate);
        return 0;
    }
    redis_replies_free(ret, n_taken);
    if (r == -ENOMEM || link->reader->err == REDIS_ERR_OOM) {
        redis_link_close(link);
        return -ENOMEM;
    }
    return unreachable(link, text, "waiting for Redis at", why_not(link, r));
}

int redis_link_receive(RedisLink *link, redisReply **ret) {
    short events;
    size_t n_taken = 0;
    *ret = NULL;
    int r = take_replies(link, 1, ret, &n_taken);
    if (!r && n_taken == 0)
        r = receive_some(link, &events);
    if (!r && n_taken == 0)
        r = take_replies(link, 1, ret, &n_taken);
    if (r)
        redis_link_close(link);
    return r == -ENOMEM ? r : 0;
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

static int connect_unix(const RedisLink *link, int64_t deadline_ms) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, link->address.path, strlen(link->address.path));
    return connect_to((const struct sockaddr *)&address, sizeof(address), deadline_ms);
}

/* Resolving a name blocks for as long as the system's resolver does; an address in figures does not. */
static int connect_tcp(const RedisLink *link, int64_t deadline_ms, const char **ret_why) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int error = getaddrinfo(link->address.host, link->address.port, &hints, &list);
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

static int encrypt(RedisLink *link, int64_t deadline_ms, char *text) {
    int r = redis_tls_new(link->config, link->fd, link->address.host, text, &link->tls);
    if (r)
        return r;
    for (;;) {
        short events = 0, ready = 0;
        r = redis_tls_handshake(link->tls, &events);
        if (r == -EAGAIN) {
            r = wait_for(link->fd, events, deadline_ms, &ready);
            if (!r && ready)
                continue;
            r = r ? r : -ETIMEDOUT;
        }
        return r ? unreachable(link, text, "connecting to Redis at", why_not(link, r)) : 0;
    }
}

/* ---- logging in ---- */

/* Sends one command and judges its reply. */
static int greet_step(RedisLink *link, const RedisRequest *request, int64_t deadline_ms, bool must_succeed, char *text) {
    _cleanup_(redis_reply_free) redisReply *reply = NULL;
    int r = redis_link_exchange(link, request, 1, &reply, deadline_ms, text);
    if (r || !must_succeed || reply->type != REDIS_REPLY_ERROR)
        return r;
    char address[REDIS_ADDRESS_SIZE];
    redis_address_print(&link->address, address);
    snprintf(text, REDIS_TEXT_SIZE, "Redis at %s refuses: %.200s", address, reply->str);
    return VIEW_E_REFUSED;
}

static int authenticate(RedisLink *link, RedisRequest *request, int64_t deadline_ms, char *text) {
    const RedisLogin *login = &link->login;
    char password[REDIS_SECRET_LEN_MAX + 1];
    if (!login->password_file)
        return 0;
    int r = redis_secret_read(login->password_file, password, text);
    if (!r) {
        if (login->username)
            request_of(request, "AUTH", login->username, password);
        else
            request_of(request, "AUTH", password);
        r = greet_step(link, request, deadline_ms, true, text);
        request_wipe(request);
    }
    explicit_bzero(password, sizeof(password));
    return r;
}

static int select_database(RedisLink *link, RedisRequest *request, int64_t deadline_ms, char *text) {
    if (link->login.database == 0)
        return 0;
    request_command(request, 2);
    request_arg(request, STR_LITERAL("SELECT"));
    request_arg_integer(request, link->login.database);
    int r = greet_step(link, request, deadline_ms, true, text);
    request_reset(request);
    return r;
}

/* For CLIENT LIST. Redis takes printable ASCII without blanks only, so what else there is in a host's name
 * goes. */
static int set_name(RedisLink *link, RedisRequest *request, int64_t deadline_ms, char *text) {
    char name[128];
    snprintf(name, sizeof(name), "scored:%s", link->config->instance ? link->config->instance : "");
    for (char *p = name; *p; p++)
        if (*p <= ' ' || *p > '~')
            *p = '-';
    request_of(request, "CLIENT", "SETNAME", name);
    return greet_step(link, request, deadline_ms, false, text); /* may be forbidden, and is only a courtesy */
}

static int greet(RedisLink *link, int64_t deadline_ms, char *text) {
    RedisRequest request = {0};
    int r = authenticate(link, &request, deadline_ms, text);
    if (!r)
        r = select_database(link, &request, deadline_ms, text);
    if (!r)
        r = set_name(link, &request, deadline_ms, text);
    request_done(&request);
    return r;
}

static int connect_and_greet(RedisLink *link, int64_t deadline_ms, char *text) {
    link->reader = redisReaderCreate();
    if (!link->reader)
        return -ENOMEM;
    const char *why = NULL;
    int fd = link->address.path ? connect_unix(link, deadline_ms) : connect_tcp(link, deadline_ms, &why);
    if (fd < 0)
        return unreachable(link, text, "connecting to Redis at", why ? why : strerror(-fd));
    link->fd = fd;
    link->number = 0;
    int r = link->login.has_tls ? encrypt(link, deadline_ms, text) : 0;
    return r ? r : greet(link, deadline_ms, text);
}

int redis_link_connect(RedisLink *link, int64_t deadline_ms, char *text) {
    redis_link_close(link);
    int r = connect_and_greet(link, deadline_ms, text);
    if (r)
        redis_link_close(link);
    if (r == VIEW_E_UNREACHABLE)
        leave_alone(link, text);
    return r;
}

bool redis_link_is_good(RedisLink *link) {
    char byte;
    if (link->fd < 0)
        return false;
    ssize_t n = recv(link->fd, &byte, 1, MSG_PEEK);
    bool is_quiet = n < 0 && would_block();
    if (n > 0 && link->tls) {
        /* Most likely a ticket, to be taken by TLS itself. */
        short events;
        is_quiet = receive_once(link, &events) == -EAGAIN;
    }
    /* The server has closed the idle connection: a new one can be made without any doubt about what was done. Bytes that nobody asked for
     * would be taken for the next reply. */
    if (!is_quiet)
        redis_link_close(link);
    return is_quiet;
}

int redis_link_open(RedisLink *link, int64_t deadline_ms, char *text) {
    if (redis_link_is_good(link))
        return 0;
    int r = redis_link_may_try(link, text);
    return r ? r : redis_link_connect(link, deadline_ms, text);
}
