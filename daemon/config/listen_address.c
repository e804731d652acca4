/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config/listen_address.h"

#include <arpa/inet.h>

static bool parse_path(Str path, ListenAddress *ret) {
    if (path.len == 0 || path.data[0] != '/' || path.len >= sizeof(ret->un.sun_path) || memchr(path.data, '\0', path.len))
        return false;
    ret->un.sun_family = AF_UNIX;
    memcpy(ret->un.sun_path, path.data, path.len);
    ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    ret->is_local = true;
    return true;
}

static bool parse_port(Str text, in_port_t *ret) {
    uint32_t port = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i == 5)
            return false;
        port = 10 * port + (uint32_t)(text.data[i] - '0');
    }
    *ret = htons((uint16_t)port);
    return text.len > 0 && port <= UINT16_MAX;
}

static bool parse_ipv4(const char *host, in_port_t port, ListenAddress *ret) {
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &ret->in.sin_addr) != 1)
        return false;
    ret->in.sin_family = AF_INET;
    ret->in.sin_port = port;
    ret->len = sizeof(ret->in);
    ret->is_local = ntohl(ret->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return true;
}

/* In brackets. */
static bool parse_ipv6(char *host, in_port_t port, ListenAddress *ret) {
    size_t len = strlen(host);
    if (len < 2 || host[0] != '[' || host[len - 1] != ']')
        return false;
    host[len - 1] = '\0';
    if (inet_pton(AF_INET6, host + 1, &ret->in6.sin6_addr) != 1)
        return false;
    ret->in6.sin6_family = AF_INET6;
    ret->in6.sin6_port = port;
    ret->len = sizeof(ret->in6);
    ret->is_local = IN6_IS_ADDR_LOOPBACK(&ret->in6.sin6_addr);
    return true;
}

bool listen_address_parse(Str text, ListenAddress *ret) {
    static const char scheme[] = "unix:";
    char host[INET6_ADDRSTRLEN + 3];
    in_port_t port;
    ListenAddress address = {0};
    bool is_good;
    if (str_starts_with(text, scheme)) {
        is_good = parse_path((Str){text.data + strlen(scheme), text.len - strlen(scheme)}, &address);
    } else {
        const char *colon = text.len ? memrchr(text.data, ':', text.len) : NULL;
        size_t host_len = colon ? (size_t)(colon - text.data) : 0;
        if (!colon || host_len >= sizeof(host) || !parse_port((Str){colon + 1, text.len - host_len - 1}, &port))
            return false;
        memcpy(host, text.data, host_len);
        host[host_len] = '\0';
        is_good = parse_ipv4(host, port, &address) || parse_ipv6(host, port, &address);
    }
    if (is_good)
        *ret = address;
    return is_good;
}
