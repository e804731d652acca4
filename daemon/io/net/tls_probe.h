#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Server's TLS Is Like
 *
 * A handshake that goes on whatever the certificate is, so that all that is wrong with it can be told, not the first thing only. Nothing
 * is sent over the connection.
 */
#include "lib/base/util.h"

#define TLS_TEXT_SIZE 512

typedef struct TlsProbe {
    int fd;
    const char *host;        /* the name or address that the certificate is to be for */
    const char *ca_file;     /* NULL: the system's */
    const char *certificate_file, *key_file, *key_password; /* our own; NULL: none */
} TlsProbe;

typedef struct TlsReport {
    char error[TLS_TEXT_SIZE];     /* why there is no connection; "" if there is one */
    bool is_no_tls;                /* what answered there is something else */
    char own_error[TLS_TEXT_SIZE]; /* what is wrong with the files of ours; "": nothing */
    char protocol[16];
    char subject[TLS_TEXT_SIZE], issuer[TLS_TEXT_SIZE];
    char names[TLS_TEXT_SIZE];     /* that it is for */
    int64_t not_before_ms, not_after_ms;
    char chain_error[TLS_TEXT_SIZE]; /* why nobody vouches for it, its dates apart; "": somebody does */
    bool is_for_host;
    bool wants_certificate;        /* of ours, and there is none */
} TlsReport;

/* 0 or -ENOMEM. */
MUST_CHECK int tls_probe(const TlsProbe *probe, TlsReport *ret);
