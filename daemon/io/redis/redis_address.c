/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/redis/redis_address.h"

#include <stdio.h>
#include <sys/un.h>

static bool is_port(Str port) {
    if (port.len == 0 || port.len > 5)
        return false;
    for (size_t i = 0; i < port.len; i++)
        if (port.data[i] < '0' || port.data[i] > '9')
            return false;
    return true;
}

bool redis_address_make(Str host, Str port, RedisAddress *ret) {
    if (host.len == 0 || host.len >= REDIS_HOST_SIZE || memchr(host.data, '\0', host.len) || !is_port(port))
        return false;
    *ret = (RedisAddress){0};
    memcpy(ret->host, host.data, host.len);
    memcpy(ret->port, port.data, port.len);
    return true;
}

bool redis_address_parse_host(Str text, RedisAddress *ret) {
    const char *colon = text.len ? memrchr(text.data, ':', text.len) : NULL;
    if (!colon)
        return false;
    Str host = {text.data, (size_t)(colon - text.data)};
    Str port = {colon + 1, text.len - host.len - 1};
    if (host.len >= 2 && host.data[0] == '[' && host.data[host.len - 1] == ']')
        host = (Str){host.data + 1, host.len - 2};
    return redis_address_make(host, port, ret);
}

bool redis_address_parse(const char *text, RedisAddress *ret) {
    Str s = str_from(text);
    if (str_starts_with(s, "tcp:"))
        return redis_address_parse_host((Str){s.data + 4, s.len - 4}, ret);
    if (!str_starts_with(s, "unix:") || s.len == strlen("unix:") ||
            s.len - strlen("unix:") >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return false;
    *ret = (RedisAddress){.path = text + strlen("unix:")};
    return true;
}

bool redis_address_eq(const RedisAddress *a, const RedisAddress *b) {
    if (a->path || b->path)
        return a->path && b->path && strcmp(a->path, b->path) == 0;
    return strcmp(a->host, b->host) == 0 && strcmp(a->port, b->port) == 0;
}

void redis_address_print(const RedisAddress *address, char ret[static REDIS_ADDRESS_SIZE]) {
    if (address->path)
        (void)snprintf(ret, REDIS_ADDRESS_SIZE, "unix:%s", address->path);
    else if (strchr(address->host, ':'))
        (void)snprintf(ret, REDIS_ADDRESS_SIZE, "tcp:[%s]:%s", address->host, address->port);
    else
        (void)snprintf(ret, REDIS_ADDRESS_SIZE, "tcp:%s:%s", address->host, address->port);
}
