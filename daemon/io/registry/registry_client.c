/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/registry/registry_client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "daemon/io/registry/registry_reply.h"

/* A schema of a megabyte in JSON, with room for what is escaped. */
#define BODY_SIZE_MAX (4u * 1024 * 1024)
/* Tokens are some kilobytes. */
#define SECRET_SIZE_MAX (16 * 1024)
/* How soon it is noticed that it is to stop, where nobody wakes it. */
#define POLL_MS 100

struct RegistryClient {
    const Config *config;
    const volatile sig_atomic_t *stop;
    atomic_bool is_stopped;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    size_t preferred; /* URL that has answered last */
    char *body;
    size_t body_len, body_alloc;
    bool is_too_large;
    char error[CURL_ERROR_SIZE];
};

int registry_client_new(const Config *config, const volatile sig_atomic_t *stop, RegistryClient **ret) {
    static const char *const headers[] = {
            "Accept: application/vnd.schemaregistry.v1+json, application/json",
            "Content-Type: application/vnd.schemaregistry.v1+json",
            "Expect:", /* not "100-continue", which some proxies do not know */
    };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -EIO;
    _cleanup_(registry_client_free) RegistryClient *client = calloc(1, sizeof(*client));
    if (!client) {
        curl_global_cleanup();
        return -ENOMEM;
    }
    client->config = config;
    client->stop = stop;
    atomic_init(&client->is_stopped, false);
    client->multi = curl_multi_init();
    client->easy = curl_easy_init();
    for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
        struct curl_slist *longer = curl_slist_append(client->headers, headers[i]);
        if (!longer)
            return -ENOMEM;
        client->headers = longer;
    }
    if (!client->multi || !client->easy)
        return -ENOMEM;
    *ret = TAKE_PTR(client);
    return 0;
}

RegistryClient *registry_client_free(RegistryClient *client) {
    if (!client)
        return NULL;
    curl_easy_cleanup(client->easy);
    if (client->multi)
        (void)curl_multi_cleanup(client->multi);
    curl_slist_free_all(client->headers);
    free(client->body);
    free(client);
    curl_global_cleanup();
    return NULL;
}

/* --- one request to one URL -------------------------------------------------------------------------- */

static size_t take_body(char *data, size_t size, size_t n, void *userdata) {
    RegistryClient *client = userdata;
    size_t len = size * n;
    client->is_too_large = len > BODY_SIZE_MAX - client->body_len;
    if (client->is_too_large)
        return 0;
    while (client->body_len + len > client->body_alloc) {
        size_t n_alloc = MAX(client->body_alloc * 2, (size_t)4096);
        char *grown = realloc(client->body, n_alloc);
        if (!grown)
            return 0;
        client->body = grown;
        client->body_alloc = n_alloc;
    }
    memcpy(client->body + client->body_len, data, len);
    client->body_len += len;
    return len;
}

/* The first line of the file, on the heap until secret_free(). NULL after a text. */
static char *secret_read(const char *path, char *text, size_t size) {
    char *secret = calloc(1, SECRET_SIZE_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = secret && fd >= 0 ? read(fd, secret, SECRET_SIZE_MAX) : -1;
    int error = errno;
    if (fd >= 0)
        (void)close(fd);
    if (n < 0) {
        (void)snprintf(text, size, "%s cannot be read: %s", path, strerror(secret ? error : ENOMEM));
        free(secret);
        return NULL;
    }
    secret[strcspn(secret, "\r\n")] = '\0';
    return secret;
}

static void secret_free(char **secret) {
    if (!*secret)
        return;
    explicit_bzero(*secret, SECRET_SIZE_MAX);
    free(*secret);
}

/* An option whose value is in a file; NULL: it is not set. False after a text. */
static bool set_secret(RegistryClient *client, CURLoption option, const char *path, char *text, size_t size) {
    if (!path)
        return true;
    __attribute__((cleanup(secret_free))) char *secret = secret_read(path, text, size);
    if (!secret)
        return false;
    (void)curl_easy_setopt(client->easy, option, secret);
    return true;
}

/* What is not set is nobody's: libcurl's own place for it may be elsewhere. */
static bool set_identity(RegistryClient *client, char *text, size_t size) {
    const Config *config = client->config;
    CURL *easy = client->easy;
    (void)curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (config->registry_ca_file) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, config->registry_ca_file);
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (config->registry_certificate_file) {
        (void)curl_easy_setopt(easy, CURLOPT_SSLCERT, config->registry_certificate_file);
        (void)curl_easy_setopt(easy, CURLOPT_SSLKEY, config->registry_key_file);
    }
    if (config->registry_username) {
        (void)curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        (void)curl_easy_setopt(easy, CURLOPT_USERNAME, config->registry_username);
    }
    if (config->registry_token_file)
        (void)curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
    return set_secret(client, CURLOPT_KEYPASSWD, config->registry_key_password_file, text, size) &&
           set_secret(client, CURLOPT_PASSWORD, config->registry_password_file, text, size) &&
           set_secret(client, CURLOPT_XOAUTH2_BEARER, config->registry_token_file, text, size);
}

/* Redirections are not followed: they would take the login elsewhere. */
static bool prepare(RegistryClient *client, const char *url, const RegistryRequest *request, char *text, size_t size) {
    char whole[2048];
    CURL *easy = client->easy;
    long timeout_ms = (long)MIN(client->config->registry_timeout_ms, (int64_t)INT_MAX);
    size_t len = strlen(url);
    if (snprintf(whole, sizeof(whole), "%.*s%s", (int)(url[len - 1] == '/' ? len - 1 : len), url, request->path) >= (int)sizeof(whole)) {
        (void)snprintf(text, size, "the name of a subject is too long for a request");
        return false;
    }
    curl_easy_reset(easy);
    client->body_len = 0;
    client->is_too_large = false;
    client->error[0] = '\0';
    (void)curl_easy_setopt(easy, CURLOPT_URL, whole);
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "scored");
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, client->error);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, client);
    if (request->body) {
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
        (void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    }
    return set_identity(client, text, size);
}

/* CURLE_ABORTED_BY_CALLBACK: it was told to stop. */
static CURLcode perform(RegistryClient *client) {
    CURLcode outcome = CURLE_OUT_OF_MEMORY;
    int n_running = 1, n_left;
    if (curl_multi_add_handle(client->multi, client->easy) != CURLM_OK)
        return outcome;
    while (n_running > 0 && !registry_client_is_stopped(client)) {
        if (curl_multi_perform(client->multi, &n_running) != CURLM_OK)
            break;
        if (n_running > 0 && curl_multi_poll(client->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK)
            break;
    }
    CURLMsg *message = curl_multi_info_read(client->multi, &n_left);
    if (message && message->msg == CURLMSG_DONE)
        outcome = message->data.result;
    else if (registry_client_is_stopped(client))
        outcome = CURLE_ABORTED_BY_CALLBACK;
    (void)curl_multi_remove_handle(client->multi, client->easy);
    return outcome;
}

/* Has the registry itself spoken? Else the text says what it was instead. */
static bool judge(RegistryClient *client, RegistryAnswer *ret, char *text, size_t size) {
    long status = 0;
    (void)curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
    ret->body = (Str){client->body ? client->body : "", client->body_len};
    ret->code = 0;
    ret->message[0] = '\0';
    if (status >= 200 && status < 300)
        return true;
    ret->code = registry_reply_error(ret->body, ret->message, sizeof(ret->message));
    const char *colon = ret->message[0] ? ": " : "";
    if (status == 401 || status == 403)
        (void)snprintf(text, size, "HTTP %ld: it does not accept who asks%s%s", status, colon, ret->message);
    else if (status == 404 && (ret->code == 0 || ret->code == 404))
        (void)snprintf(text, size, "HTTP 404 for the path, not for a schema: is that a registry, and does it know such requests?");
    else if (status < 400 || status >= 500 || status == 407 || status == 408 || status == 429 || ret->code == 0)
        (void)snprintf(text, size, "HTTP %ld%s%s", status, colon, ret->message);
    else
        return true;
    return false;
}

/* 0, REGISTRY_CLIENT_E_AWAY with a text, or another outcome. */
static int ask_url(RegistryClient *client, const char *url, const RegistryRequest *request, RegistryAnswer *ret, char *text, size_t size) {
    if (!prepare(client, url, request, text, size))
        return REGISTRY_CLIENT_E_AWAY;
    CURLcode outcome = perform(client);
    if (outcome == CURLE_OK)
        return judge(client, ret, text, size) ? 0 : REGISTRY_CLIENT_E_AWAY;
    if (registry_client_is_stopped(client))
        return REGISTRY_CLIENT_E_STOPPED;
    if (client->is_too_large)
        (void)snprintf(text, size, "an answer of more than %u bytes", BODY_SIZE_MAX);
    else
        (void)snprintf(text, size, "%s", client->error[0] ? client->error : curl_easy_strerror(outcome));
    return outcome == CURLE_OUT_OF_MEMORY ? -ENOMEM : REGISTRY_CLIENT_E_AWAY;
}

/* --- requests ---------------------------------------------------------------------------------------- */

static void add_text(char text[static REGISTRY_TEXT_SIZE], const char *url, const char *what) {
    size_t len = strlen(text);
    (void)snprintf(text + len, REGISTRY_TEXT_SIZE - len, "%s%s: %s", len ? "; " : "", url, what);
}

int registry_client_ask(RegistryClient *client, const RegistryRequest *request, RegistryAnswer *ret,
        char text[static REGISTRY_TEXT_SIZE]) {
    const Config *config = client->config;
    RegistryAnswer answer;
    size_t first = client->preferred;
    bool is_absent = false;
    text[0] = '\0';
    for (size_t i = 0; i < config->n_registry_urls; i++) {
        size_t k = (first + i) % config->n_registry_urls;
        char what[512];
        int r = ask_url(client, config->registry_urls[k], request, &answer, what, sizeof(what));
        if (r == REGISTRY_CLIENT_E_AWAY) {
            add_text(text, config->registry_urls[k], what);
            continue;
        }
        if (r != 0)
            return r;
        *ret = answer;
        is_absent = request->ask_all && answer.code == REGISTRY_NO_SCHEMA;
        if (!is_absent)
            client->preferred = k;
        if (!is_absent)
            return 0;
    }
    ret->body = STR_NULL;
    return is_absent ? 0 : REGISTRY_CLIENT_E_AWAY;
}

char *registry_client_escape(RegistryClient *client, Str name) {
    char *escaped = curl_easy_escape(client->easy, name.data, (int)MIN(name.len, (size_t)INT_MAX));
    char *copy = escaped && name.len > 0 ? strdup(escaped) : NULL;
    curl_free(escaped);
    return copy;
}

void registry_client_sleep(RegistryClient *client, int64_t ms) {
    if (!registry_client_is_stopped(client))
        (void)curl_multi_poll(client->multi, NULL, 0, (int)MAX(MIN(ms, (int64_t)3600000), INT64_C(1)), NULL);
}

void registry_client_wake(RegistryClient *client) {
    (void)curl_multi_wakeup(client->multi);
}

void registry_client_take_over(RegistryClient *client) {
    client->stop = NULL;
}

void registry_client_stop(RegistryClient *client) {
    atomic_store(&client->is_stopped, true);
    registry_client_wake(client);
}

bool registry_client_is_stopped(const RegistryClient *client) {
    return atomic_load(&client->is_stopped) || (client->stop && *client->stop);
}
