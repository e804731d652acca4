/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/redis/redis_secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/io/redis/redis_view.h"

int redis_secret_read(const char *path, char ret[static REDIS_SECRET_LEN_MAX + 1], char *text) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, REDIS_SECRET_LEN_MAX + 1);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        snprintf(text, REDIS_TEXT_SIZE, "the password file %s cannot be read: %s", path, strerror(error));
        return VIEW_E_REFUSED;
    }
    size_t len = 0;
    while (len < (size_t)n && ret[len] != '\n' && ret[len] != '\r' && ret[len] != '\0')
        len++;
    if (len == 0 || len > REDIS_SECRET_LEN_MAX) {
        snprintf(text, REDIS_TEXT_SIZE, "the password file %s must begin with a line of 1 to %d bytes", path, REDIS_SECRET_LEN_MAX);
        return VIEW_E_REFUSED;
    }
    ret[len] = '\0';
    return 0;
}
