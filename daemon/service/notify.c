/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/service/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define STATUS_LEN_MAX 500
/* Longer than anything takes that happens before it is ready, and how often it is asked for. */
#define EXTEND_START "EXTEND_TIMEOUT_USEC=90000000"
#define EXTEND_INTERVAL_MS 10000

/* A whole number of the environment. */
static bool read_number(const char *name, int64_t *ret) {
    const char *text = getenv(name);
    char *end;
    if (!text || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || *end != '\0')
        return false;
    *ret = number;
    return true;
}

/* The service is killed after WATCHDOG_USEC; half of it leaves time for a message that comes late. */
static int64_t watchdog_interval_ms(void) {
    int64_t watchdog_us, pid;
    if (!read_number("WATCHDOG_USEC", &watchdog_us) || watchdog_us <= 0)
        return 0;
    /* It may be meant for the process that has started this one. */
    if (getenv("WATCHDOG_PID") && (!read_number("WATCHDOG_PID", &pid) || pid != getpid()))
        return 0;
    return MAX(watchdog_us / 1000 / 2, 1);
}

int notify_init(Notify *notify) {
    const char *path = getenv("NOTIFY_SOCKET");
    *notify = (Notify){.fd = -1, .address.sun_family = AF_UNIX, .watchdog_sent_ms = TIME_NONE, .extended_ms = TIME_NONE};
    if (!path || path[0] == '\0')
        return 0;

    size_t len = strlen(path);
    if (path[0] != '/' && path[0] != '@')
        return -EAFNOSUPPORT;
    if (len < 2 || len >= sizeof(notify->address.sun_path))
        return -EINVAL;
    memcpy(notify->address.sun_path, path, len);
    /* An abstract socket's name begins with a NUL and has none at its end. */
    notify->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/'));
    if (path[0] == '@')
        notify->address.sun_path[0] = '\0';

    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->fd < 0)
        return -errno;
    notify->watchdog_interval_ms = watchdog_interval_ms();
    return 0;
}

void notify_deinit(Notify *notify) {
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
}

static int send_lines(const Notify *notify, const char *lines) {
    size_t len = strlen(lines);
    ssize_t n;
    if (notify->fd < 0)
        return 0;
    do
        n = sendto(notify->fd, lines, len, MSG_NOSIGNAL, (const struct sockaddr *)&notify->address,
                notify->address_len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int notify_ready(Notify *notify) {
    notify->is_ready = true;
    return send_lines(notify, "READY=1");
}

int notify_stopping(const Notify *notify) {
    return send_lines(notify, "STOPPING=1");
}

int notify_status(const Notify *notify, const char *format, ...) {
    char lines[sizeof("STATUS=") + STATUS_LEN_MAX] = "STATUS=";
    char *text = lines + strlen(lines);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, STATUS_LEN_MAX + 1, format, args);
    va_end(args);
    /* A second line would be an assignment of its own. */
    for (; *text; text++)
        if (*text == '\n')
            *text = ' ';
    return send_lines(notify, lines);
}

static bool is_due(int64_t *sent_ms, int64_t interval_ms, int64_t now_ms) {
    if (*sent_ms != TIME_NONE && now_ms - *sent_ms < interval_ms)
        return false;
    *sent_ms = now_ms;
    return true;
}

int notify_watchdog(Notify *notify, int64_t now_ms) {
    int r = 0;
    if (!notify->is_ready && is_due(&notify->extended_ms, EXTEND_INTERVAL_MS, now_ms))
        r = send_lines(notify, EXTEND_START);
    if (r == 0 && notify->watchdog_interval_ms != 0 && is_due(&notify->watchdog_sent_ms, notify->watchdog_interval_ms, now_ms))
        r = send_lines(notify, "WATCHDOG=1");
    return r;
}
