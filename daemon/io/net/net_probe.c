/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/net/net_probe.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void add_address(const struct addrinfo *info, char addresses[static PROBE_TEXT_SIZE]) {
    char host[64];
    size_t len = strlen(addresses);
    if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0)
        (void)snprintf(addresses + len, PROBE_TEXT_SIZE - len, "%s%s", len ? ", " : "", host);
}

/* 0 or errno. */
static int finish_connect(int fd, int timeout_ms) {
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof(error);
    int n = poll(&wait, 1, timeout_ms);
    if (n == 0)
        return ETIMEDOUT;
    if (n < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
        return errno;
    return error;
}

static int make_blocking(int fd, int timeout_ms) {
    const struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
        return errno;
    return 0;
}

/* 0 or errno. */
static int connect_to(const struct addrinfo *info, int timeout_ms, int *ret_fd) {
    int fd = socket(info->ai_family, info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, info->ai_protocol);
    if (fd < 0)
        return errno;
    int error = connect(fd, info->ai_addr, info->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS)
        error = finish_connect(fd, timeout_ms);
    if (error == 0)
        error = make_blocking(fd, timeout_ms);
    if (error == 0)
        *ret_fd = fd;
    else
        (void)close(fd);
    return error;
}

int net_probe(const char *host, const char *port, int timeout_ms, char addresses[static PROBE_TEXT_SIZE],
        char text[static PROBE_TEXT_SIZE], int *ret_fd) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int error = 0;
    addresses[0] = '\0';
    int r = getaddrinfo(host, port, &hints, &found);
    if (r != 0) {
        (void)snprintf(text, PROBE_TEXT_SIZE, "%s", r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
        return PROBE_E_NAME;
    }
    for (const struct addrinfo *info = found; info; info = info->ai_next)
        add_address(info, addresses);
    for (const struct addrinfo *info = found; info; info = info->ai_next) {
        error = connect_to(info, timeout_ms, ret_fd);
        if (error == 0)
            break;
    }
    freeaddrinfo(found);
    if (error == 0)
        return 0;
    (void)snprintf(text, PROBE_TEXT_SIZE, "%s", strerror(error));
    return PROBE_E_CONNECT;
}
