/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/passed_socket.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/socket.h>
#include <unistd.h>

/* The first; they follow one another. */
#define FIRST_FD 3

/* A number of the environment; -1: there is none. */
static long read_number(const char *name) {
    const char *text = getenv(name);
    char *end;
    if (!text || text[0] < '0' || text[0] > '9')
        return -1;
    errno = 0;
    long number = strtol(text, &end, 10);
    return errno || *end != '\0' || number > INT_MAX ? -1 : number;
}

/* Which of `n` has the name; -1: none. */
static long find(const char *name, long n) {
    const char *names = getenv("LISTEN_FDNAMES");
    size_t name_len = strlen(name);
    if (n == 1)
        return 0;
    for (long i = 0; names && i < n; i++) {
        size_t len = strcspn(names, ":");
        if (len == name_len && strncmp(names, name, len) == 0)
            return i;
        names = names[len] ? names + len + 1 : NULL;
    }
    return -1;
}

static bool is_listening_stream(int fd) {
    int type = 0, listens = 0;
    socklen_t len = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens;
}

int passed_socket(const char *name, int *ret_fd) {
    long n = read_number("LISTEN_FDS");
    *ret_fd = -1;
    if (n <= 0 || read_number("LISTEN_PID") != getpid())
        return 0; /* they may be meant for the process that has started this one */
    long i = find(name, n);
    if (i < 0)
        return 0;
    int fd = FIRST_FD + (int)i;
    if (!is_listening_stream(fd))
        return -EINVAL;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}
