#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Client of a Schema Registry
 *
 * One HTTP request at a time, to the first of the URLs of the configuration that answers it; the one that has answered is asked first the
 * next time. An answer is what a registry itself has said, refusals included. Everything else, such as a time-out, HTTP 503, a refused
 * login or a web page that is no registry's, is none, and then the next URL is asked. Secrets are read from their files for each request,
 * so that they can be renewed. The files daemon/io/registry/registry_client.c and nobody else knows libcurl.
 */
#include <signal.h>

#include "daemon/config/config.h"
#include "daemon/io/registry/schema_id.h"

#define REGISTRY_TEXT_SIZE 1024

enum {
    _REGISTRY_CLIENT_E_SUCCESS,
    REGISTRY_CLIENT_E_AWAY,    /* no URL has answered; the text says what each did instead */
    REGISTRY_CLIENT_E_STOPPED, /* it was told to stop */
};

typedef struct RegistryClient RegistryClient;

typedef struct RegistryRequest {
    const char *path; /* from the "/" on that follows the URL */
    const char *body; /* JSON to be posted; NULL: it is only asked */
    bool ask_all;     /* "there is none" is believed if no other URL knows it */
} RegistryRequest;

typedef struct RegistryAnswer {
    int code; /* 0, or the registry's error code */
    Str body; /* until the next request */
    char message[256]; /* of an error */
} RegistryAnswer;

/* `config` outlives it. `stop`: a request ends soon after it is not 0 any more; NULL: there is no such thing. 0, -ENOMEM or -EIO. */
MUST_CHECK int registry_client_new(const Config *config, const volatile sig_atomic_t *stop, RegistryClient **ret);
RegistryClient *registry_client_free(RegistryClient *client);
DEFINE_CLEANUP(RegistryClient *, registry_client_free)

/* 0, an outcome above, or -ENOMEM. */
MUST_CHECK int registry_client_ask(RegistryClient *client, const RegistryRequest *request, RegistryAnswer *ret,
        char text[static REGISTRY_TEXT_SIZE]);
/* A name as a part of a path; the caller's to free. NULL when out of memory. */
MUST_CHECK char *registry_client_escape(RegistryClient *client, Str name);

/* Sleeps until then, or registry_client_wake() is called, from another thread. */
void registry_client_sleep(RegistryClient *client, int64_t ms);
void registry_client_wake(RegistryClient *client);
/* From now on the client is used by another thread, and registry_client_stop() alone ends it. */
void registry_client_take_over(RegistryClient *client);
/* From another thread: ends what is under way, and everything after it at once. */
void registry_client_stop(RegistryClient *client);
bool registry_client_is_stopped(const RegistryClient *client);
