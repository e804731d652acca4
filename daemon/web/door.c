/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/web/door.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

#include "daemon/io/digest.h"

/* A week, in seconds: after that the token is asked for again. */
#define COOKIE_AGE_S (7 * 24 * 3600)
/* What is signed with the token: the cookie is good for this and nothing else. */
#define COOKIE_TEXT "scored board, version 1"
/* A host name of the DNS. */
#define HOST_LEN_MAX 255

/* --- the host ---------------------------------------------------------------------------------------- */

/* Without the port. False: it is none. */
static bool split_host(const char *text, char ret[static HOST_LEN_MAX + 1]) {
    const char *end = text[0] == '[' ? strchr(text, ']') : NULL;
    size_t len = end ? (size_t)(end + 1 - text) : strcspn(text, ":");
    if (len == 0 || len > HOST_LEN_MAX || (text[len] != '\0' && text[len] != ':'))
        return false;
    memcpy(ret, text, len);
    ret[len] = '\0';
    return true;
}

/* No name that somebody else could make resolve to us. */
static bool is_address(const char *host) {
    struct in6_addr address;
    char inner[INET6_ADDRSTRLEN];
    size_t len = strlen(host);
    if (host[0] != '[')
        return inet_pton(AF_INET, host, &address) == 1;
    if (len < 3 || len - 2 >= sizeof(inner))
        return false;
    memcpy(inner, host + 1, len - 2);
    inner[len - 2] = '\0';
    return inet_pton(AF_INET6, inner, &address) == 1;
}

static bool is_our_host(const Config *config, const char *text) {
    char host[HOST_LEN_MAX + 1];
    return split_host(text, host) && (strcasecmp(host, "localhost") == 0 || is_address(host) ||
                                             (config->http_host && strcasecmp(host, config->http_host) == 0));
}

/* "none": by its address bar, or no page at all. Browsers that do not say have not been told to. */
static bool is_our_site(const char *site) {
    return !site || strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
}

/* --- the token --------------------------------------------------------------------------------------- */

int door_read_token(const char *path, char ret[static DOOR_TOKEN_LEN_MAX + 1]) {
    FILE *file = fopen(path, "re");
    if (!file)
        return -errno;
    char line[DOOR_TOKEN_LEN_MAX + 2] = "";
    errno = 0;
    const char *read = fgets(line, sizeof(line), file);
    int error = read || feof(file) ? 0 : errno;
    (void)fclose(file);
    size_t len = strcspn(line, "\r\n");
    if (error)
        return -error;
    if (len < DOOR_TOKEN_LEN_MIN || len > DOOR_TOKEN_LEN_MAX)
        return -EINVAL;
    memcpy(ret, line, len);
    ret[len] = '\0';
    return 0;
}

static bool has_bearer(const DoorCaller *caller, Str token) {
    static const char scheme[] = "bearer ";
    size_t len = strlen(scheme);
    return caller->authorization && strncasecmp(caller->authorization, scheme, len) == 0 &&
           digest_same(token, str_from(caller->authorization + len));
}

/* Over what a proxy says was TLS it is for TLS only. */
static void make_cookie(const DoorCaller *caller, const char *value, char ret[static DOOR_COOKIE_SIZE]) {
    bool is_secure = caller->scheme && strcasecmp(caller->scheme, "https") == 0;
    (void)snprintf(ret, DOOR_COOKIE_SIZE, DOOR_COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict%s", value, COOKIE_AGE_S,
            is_secure ? "; Secure" : "");
}

static DoorAnswer check_token(const char *path, const DoorCaller *caller, char cookie[static DOOR_COOKIE_SIZE]) {
    char token[DOOR_TOKEN_LEN_MAX + 1], value[DIGEST_HEX_SIZE];
    if (door_read_token(path, token) < 0 || digest_keyed_hex(str_from(token), STR_LITERAL(COOKIE_TEXT), value) < 0)
        return DOOR_BROKEN;
    if (!str_is_null(caller->token) && digest_same(str_from(token), caller->token)) {
        make_cookie(caller, value, cookie);
        return DOOR_OPEN;
    }
    bool has_cookie = caller->cookie && digest_same(str_from(value), str_from(caller->cookie));
    return has_cookie || has_bearer(caller, str_from(token)) ? DOOR_OPEN : DOOR_NO_TOKEN;
}

void door_ask(const Config *config, const DoorCaller *caller, DoorVerdict *ret) {
    *ret = (DoorVerdict){.answer = DOOR_OPEN};
    if (!caller->host)
        ret->answer = DOOR_NO_HOST;
    else if (!is_our_host(config, caller->host))
        ret->answer = DOOR_OTHER_HOST;
    else if (!is_our_site(caller->site))
        ret->answer = DOOR_OTHER_SITE;
    else if (config->http_token_file)
        ret->answer = check_token(config->http_token_file, caller, ret->cookie);
}
