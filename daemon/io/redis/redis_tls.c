/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL's own socket would raise SIGPIPE when the other side is gone, in commands that do not ignore it; so it reads and writes through
 * ours. (It does not own the socket either.)
 */
#include "daemon/io/redis/redis_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "daemon/io/redis/redis_secret.h"
#include "daemon/io/redis/redis_view.h"

struct RedisTls {
    int fd;
    BIO_METHOD *method;
    SSL *ssl;
    char error[REDIS_TLS_TEXT_SIZE];
};

/* ---- the socket ---- */

static bool would_block(void) {
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int socket_write(BIO *bio, const char *data, int len) {
    const RedisTls *tls = BIO_get_data(bio);
    ssize_t n = send(tls->fd, data, (size_t)len, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (n < 0 && would_block())
        BIO_set_retry_write(bio);
    return (int)n;
}

static int socket_read(BIO *bio, char *buffer, int size) {
    const RedisTls *tls = BIO_get_data(bio);
    ssize_t n = recv(tls->fd, buffer, (size_t)size, 0);
    BIO_clear_retry_flags(bio);
    if (n < 0 && would_block())
        BIO_set_retry_read(bio);
    return (int)n;
}

static long socket_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing is kept back */
}

static int use_socket(RedisTls *tls) {
    tls->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "redis");
    BIO *bio = NULL;
    if (tls->method && BIO_meth_set_write(tls->method, socket_write) && BIO_meth_set_read(tls->method, socket_read) &&
            BIO_meth_set_ctrl(tls->method, socket_control))
        bio = BIO_new(tls->method);
    if (!bio)
        return -ENOMEM;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio);
    return 0;
}

/* ---- what we trust, and who we are ---- */

static int refuse(const char *what, const char *path, char *text) {
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    snprintf(text, REDIS_TEXT_SIZE, "%s %s cannot be used: %s", what, path, why ? why : "it is not what it should be");
    ERR_clear_error();
    return VIEW_E_REFUSED;
}

static int set_authorities(SSL_CTX *context, const Config *config, char *text) {
    if (!config->redis_ca_file)
        return SSL_CTX_set_default_verify_paths(context) == 1 ? 0 : refuse("the certificates of", "the system", text);
    return SSL_CTX_load_verify_file(context, config->redis_ca_file) == 1 ? 0 : refuse("redis.ca_file", config->redis_ca_file, text);
}

static int give_password(char *buffer, int size, int for_writing, void *userdata) {
    const char *password = userdata;
    (void)for_writing;
    size_t len = password ? strlen(password) : 0;
    if (len > (size_t)size)
        return -1;
    memcpy(buffer, password ? password : "", len);
    return (int)len;
}

/* Without a password of ours OpenSSL would ask the terminal for one. */
static int set_key(SSL_CTX *context, const Config *config, char *text) {
    char password[REDIS_SECRET_LEN_MAX + 1] = "";
    if (config->redis_key_password_file) {
        int r = redis_secret_read(config->redis_key_password_file, password, text);
        if (r)
            return r;
    }
    SSL_CTX_set_default_passwd_cb(context, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, password);
    int r = SSL_CTX_use_PrivateKey_file(context, config->redis_key_file, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(context) == 1
                    ? 0
                    : refuse("redis.key_file", config->redis_key_file, text);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    explicit_bzero(password, sizeof(password));
    return r;
}

static int set_own_certificate(SSL_CTX *context, const Config *config, char *text) {
    if (!config->redis_certificate_file)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(context, config->redis_certificate_file) != 1)
        return refuse("redis.certificate_file", config->redis_certificate_file, text);
    return set_key(context, config, text);
}

/* The name or the IP address that has to be in the certificate. */
static bool set_expected_name(SSL *ssl, const char *name) {
    uint8_t address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    return SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
}

static int prepare(RedisTls *tls, SSL_CTX *context, const Config *config, const char *host, char *text) {
    if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
        return -ENOMEM;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
    int r = set_authorities(context, config, text);
    if (!r)
        r = set_own_certificate(context, config, text);
    if (r)
        return r;
    tls->ssl = SSL_new(context);
    if (!tls->ssl || !set_expected_name(tls->ssl, config->redis_server_name ? config->redis_server_name : host))
        return -ENOMEM;
    SSL_set_connect_state(tls->ssl);
    return use_socket(tls);
}

int redis_tls_new(const Config *config, int fd, const char *host, char *text, RedisTls **ret) {
    RedisTls *tls = calloc(1, sizeof(*tls));
    SSL_CTX *context = tls ? SSL_CTX_new(TLS_client_method()) : NULL;
    int r = -ENOMEM;
    ERR_clear_error();
    if (context) {
        tls->fd = fd;
        r = prepare(tls, context, config, host, text);
    }
    SSL_CTX_free(context); /* the connection has a share of its own */
    if (r)
        redis_tls_free(tls);
    else
        *ret = tls;
    return r;
}

RedisTls *redis_tls_free(RedisTls *tls) {
    if (!tls)
        return NULL;
    SSL_free(tls->ssl);
    BIO_meth_free(tls->method);
    return free_null(tls);
}

/* ---- exchange ---- */

static void note_error(RedisTls *tls) {
    long verdict = SSL_get_verify_result(tls->ssl);
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    if (verdict != X509_V_OK)
        snprintf(tls->error, sizeof(tls->error), "its certificate is not accepted: %s", X509_verify_cert_error_string(verdict));
    else
        snprintf(tls->error, sizeof(tls->error), "TLS: %s", reason ? reason : "broken off");
    ERR_clear_error();
}

/* What has come of a call that returned `n`. */
static int judge(RedisTls *tls, int n, short *ret_events) {
    int error = errno;
    switch (SSL_get_error(tls->ssl, n)) {
    case SSL_ERROR_WANT_READ:
        *ret_events = POLLIN;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        *ret_events = POLLOUT;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return -ECONNRESET;
    case SSL_ERROR_SYSCALL:
        return n < 0 && error ? -error : -ECONNRESET;
    default:
        /* Without a farewell, as servers do that crash: no less to be told from one that has ended. */
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            ERR_clear_error();
            return -ECONNRESET;
        }
        note_error(tls);
        return -EPROTO;
    }
}

int redis_tls_handshake(RedisTls *tls, short *ret_events) {
    ERR_clear_error();
    errno = 0;
    int n = SSL_do_handshake(tls->ssl);
    return n == 1 ? 0 : judge(tls, n, ret_events);
}

/* Who closes for a reason says so before: a peer without the certificate that is wanted finds it only where it reads. */
static int look_for_alert(RedisTls *tls, int r) {
    char byte;
    short events;
    ERR_clear_error();
    errno = 0;
    int n = SSL_peek(tls->ssl, &byte, 1);
    return n <= 0 && judge(tls, n, &events) == -EPROTO ? -EPROTO : r;
}

ssize_t redis_tls_send(RedisTls *tls, const char *data, size_t len, short *ret_events) {
    ERR_clear_error();
    errno = 0;
    int n = SSL_write(tls->ssl, data, (int)earliest((int64_t)len, INT32_MAX));
    int r = n > 0 ? 0 : judge(tls, n, ret_events);
    if (r == -ECONNRESET || r == -EPIPE)
        r = look_for_alert(tls, r);
    return n > 0 ? n : r;
}

ssize_t redis_tls_receive(RedisTls *tls, char *buffer, size_t size, short *ret_events) {
    ERR_clear_error();
    errno = 0;
    int n = SSL_read(tls->ssl, buffer, (int)earliest((int64_t)size, INT32_MAX));
    return n > 0 ? n : judge(tls, n, ret_events);
}

const char *redis_tls_error(const RedisTls *tls) {
    return tls->error;
}
