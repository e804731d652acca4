#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Service Manager
 *
 * What systemd wants to be told of a service of Type=notify, in sd_notify(3)'s protocol: one datagram of
 * lines to the socket that NOTIFY_SOCKET names. Without a service manager nothing is sent, and that is
 * success.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/util.h"

typedef struct Notify {
    int fd; /* -1: nobody wants to know */
    struct sockaddr_un address;
    socklen_t address_len;
    int64_t watchdog_interval_ms; /* how often to notify_watchdog(); 0: there is no watchdog */
    int64_t watchdog_sent_ms;
    bool is_ready;
    int64_t extended_ms; /* when more time to start was asked for last */
} Notify;

/*
 * Reads the environment, before there are other threads. 0, or a negative errno if that can't be used; then
 * `notify` is one that sends nothing.
 */
MUST_CHECK int notify_init(Notify *notify);
void notify_deinit(Notify *notify);

/* Return 0 or a negative errno, about which a service can do nothing. */
int notify_ready(Notify *notify);
int notify_stopping(const Notify *notify);
/* A line for `systemctl status`; cut at 500 bytes. */
int notify_status(const Notify *notify, const char *format, ...) PRINTF_LIKE(2, 3);
/*
 * To be called whenever there has been progress, however often: sends what is due at `now_ms` of the
 * monotonic clock, twice in the time after which the service would be killed. Until it is ready it asks for
 * more time to start as well: a server that is away is waited for, not started over for.
 */
int notify_watchdog(Notify *notify, int64_t now_ms);
