#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Registry that Asks a Server
 *
 * Writers' schemas are asked for when the first message has their id, and kept. In the daemon a thread of its own does that, and nobody
 * waits for it: until it has an answer, the id is not settled. A server that is away is asked again, after longer and longer waits.
 * "There is none" is asked twice, a second apart, before it is believed: servers of one cluster learn of a schema one after the other. In
 * commands there is no thread, and who asks waits.
 */
#include "daemon/io/registry/registry.h"
#include "daemon/io/registry/registry_client.h"

typedef enum RegistryNews {
    REGISTRY_NEWS_AWAY,     /* it does not answer; told at each try */
    REGISTRY_NEWS_BACK,     /* it does again */
    REGISTRY_NEWS_LEARNT,   /* of the schema that the text names */
    REGISTRY_NEWS_ABSENT,   /* there is no schema with the id that the text names */
    REGISTRY_NEWS_UNUSABLE, /* there is one that is of no use */
} RegistryNews;

typedef struct RegistryHttpOptions {
    Registry *files; /* of our own schemas, and of those that need not be asked for; taken over: NULL afterwards */
    RegistryClient *client; /* likewise */
    uint32_t output_ids[_OUTPUT_TYPE_MAX];
    bool has_thread;
    /* Called by the thread; the text is valid for the call. May be NULL. */
    void (*told)(RegistryNews news, const char *text);
} RegistryHttpOptions;

/* 0 or negative errno. */
MUST_CHECK int registry_http_new(RegistryHttpOptions *options, Registry **ret);
