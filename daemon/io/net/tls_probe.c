/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/io/net/tls_probe.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

static SSL_CTX *context_free(SSL_CTX *context) {
    SSL_CTX_free(context);
    return NULL;
}
DEFINE_CLEANUP(SSL_CTX *, context_free)

static SSL *connection_free(SSL *connection) {
    SSL_free(connection);
    return NULL;
}
DEFINE_CLEANUP(SSL *, connection_free)

/* The reason of the latest error, in OpenSSL's words. */
static void tell_error(const char *what, char text[static TLS_TEXT_SIZE]) {
    unsigned long error = ERR_peek_last_error();
    const char *reason = ERR_GET_LIB(error) == ERR_LIB_SYS ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    (void)snprintf(text, TLS_TEXT_SIZE, "%s%s%s", what, *what ? ": " : "", reason ? reason : "it gives no reason");
}

/* Dates are told apart from who vouches for it; the first other trouble is the reason. */
static int note_chain(int is_good, X509_STORE_CTX *store) {
    SSL *connection = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    TlsReport *report = SSL_get_app_data(connection);
    int error = X509_STORE_CTX_get_error(store);
    bool is_date = X509_STORE_CTX_get_error_depth(store) == 0 && (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID);
    if (!is_good && !is_date && !report->chain_error[0])
        (void)snprintf(report->chain_error, sizeof(report->chain_error), "%s", X509_verify_cert_error_string(error));
    return 1;
}

/* Called if the server asks for a certificate, and there is none. */
static int note_wanted(SSL *connection, X509 **certificate, EVP_PKEY **key) {
    TlsReport *report = SSL_get_app_data(connection);
    (void)certificate;
    (void)key;
    report->wants_certificate = SSL_get_certificate(connection) == NULL;
    return 0;
}

static int give_password(char *buffer, int size, int is_writing, void *userdata) {
    const char *password = userdata;
    (void)is_writing;
    int n = snprintf(buffer, (size_t)size, "%s", password ? password : "");
    return MIN(n, size - 1);
}

static void load_own(const TlsProbe *probe, SSL_CTX *context, TlsReport *report) {
    if (!probe->certificate_file)
        return;
    SSL_CTX_set_default_passwd_cb(context, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(context, (void *)(uintptr_t)probe->key_password);
    if (SSL_CTX_use_certificate_chain_file(context, probe->certificate_file) != 1)
        tell_error(probe->certificate_file, report->own_error);
    else if (probe->key_file && SSL_CTX_use_PrivateKey_file(context, probe->key_file, SSL_FILETYPE_PEM) != 1)
        tell_error(probe->key_file, report->own_error);
}

static int64_t instant_of(const ASN1_TIME *time) {
    struct tm tm;
    return ASN1_TIME_to_tm(time, &tm) == 1 ? (int64_t)timegm(&tm) * 1000 : TIME_NONE;
}

static void print_name(const X509_NAME *name, char text[static TLS_TEXT_SIZE]) {
    BIO *out = BIO_new(BIO_s_mem());
    text[0] = '\0';
    if (out && X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253) >= 0) {
        int n = BIO_read(out, text, TLS_TEXT_SIZE - 1);
        text[MAX(n, 0)] = '\0';
    }
    BIO_free(out);
}

static void print_address(const ASN1_OCTET_STRING *address, char *text, size_t size) {
    const unsigned char *bytes = ASN1_STRING_get0_data(address);
    if (ASN1_STRING_length(address) == 4)
        (void)snprintf(text, size, "%d.%d.%d.%d", bytes[0], bytes[1], bytes[2], bytes[3]);
    else
        (void)snprintf(text, size, "an IPv6 address");
}

static void print_names(const X509 *certificate, char text[static TLS_TEXT_SIZE]) {
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    text[0] = '\0';
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        char one[256] = "";
        size_t len = strlen(text);
        if (name->type == GEN_DNS)
            (void)snprintf(one, sizeof(one), "%.*s", ASN1_STRING_length(name->d.dNSName), (const char *)ASN1_STRING_get0_data(name->d.dNSName));
        else if (name->type == GEN_IPADD)
            print_address(name->d.iPAddress, one, sizeof(one));
        if (one[0])
            (void)snprintf(text + len, TLS_TEXT_SIZE - len, "%s%s", len ? ", " : "", one);
    }
    GENERAL_NAMES_free(names);
}

static void look_at(const X509 *certificate, const char *host, TlsReport *report) {
    X509 *not_const = (X509 *)(uintptr_t)certificate; /* OpenSSL reads it, but does not say so */
    print_name(X509_get_subject_name(certificate), report->subject);
    print_name(X509_get_issuer_name(certificate), report->issuer);
    print_names(certificate, report->names);
    report->not_before_ms = instant_of(X509_get0_notBefore(certificate));
    report->not_after_ms = instant_of(X509_get0_notAfter(certificate));
    report->is_for_host = X509_check_ip_asc(not_const, host, 0) == 1 || X509_check_host(not_const, host, 0, 0, NULL) == 1;
}

/* Words of OpenSSL for bytes that are no record of TLS. */
static bool is_no_tls(unsigned long error) {
    int reason = ERR_GET_REASON(error);
    return ERR_GET_LIB(error) == ERR_LIB_SSL && (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
                                                         reason == SSL_R_UNEXPECTED_MESSAGE || reason == SSL_R_BAD_PACKET_LENGTH);
}

static void handshake(SSL *connection, const char *host, TlsReport *report) {
    errno = 0;
    int r = SSL_connect(connection);
    if (r != 1 && ERR_peek_last_error() == 0) {
        /* A Kafka without TLS hangs up on a greeting that it takes for an oversized request. */
        report->is_no_tls = true;
        (void)snprintf(report->error, sizeof(report->error), "%s", errno == EAGAIN ? "it says nothing" : "it hangs up");
    } else if (r != 1) {
        report->is_no_tls = is_no_tls(ERR_peek_error()) || ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
        tell_error("", report->error);
    }
    const X509 *certificate = SSL_get0_peer_certificate(connection);
    if (certificate)
        look_at(certificate, host, report);
    if (certificate)
        report->is_no_tls = false;
    (void)snprintf(report->protocol, sizeof(report->protocol), "%s", SSL_get_version(connection));
}

int tls_probe(const TlsProbe *probe, TlsReport *ret) {
    _cleanup_(context_free) SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    _cleanup_(connection_free) SSL *connection = NULL;
    *ret = (TlsReport){.not_before_ms = TIME_NONE, .not_after_ms = TIME_NEVER};
    if (!context)
        return -ENOMEM;
    ERR_clear_error();
    if (probe->ca_file ? SSL_CTX_load_verify_locations(context, probe->ca_file, NULL) != 1 : SSL_CTX_set_default_verify_paths(context) != 1)
        tell_error(probe->ca_file ? probe->ca_file : "the system's certificate authorities", ret->own_error);
    load_own(probe, context, ret);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, note_chain);
    SSL_CTX_set_client_cert_cb(context, note_wanted);
    ERR_clear_error();
    connection = SSL_new(context);
    if (!connection || SSL_set_fd(connection, probe->fd) != 1)
        return -ENOMEM;
    SSL_set_app_data(connection, ret);
    (void)SSL_set_tlsext_host_name(connection, probe->host);
    handshake(connection, probe->host, ret);
    ERR_clear_error();
    return 0;
}
