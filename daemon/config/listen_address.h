#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where to Listen
 *
 * unix:/path, or host:port with an IP address (IPv6 in brackets) or "localhost" as host: what names resolve to is not asked. Pure.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/base/util.h"

typedef struct ListenAddress {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
    socklen_t len;
    bool is_local; /* reached from this machine only */
} ListenAddress;

/* False: it is none. Port 0 is any that is free. */
MUST_CHECK bool listen_address_parse(Str text, ListenAddress *ret);
