#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas from a Registry
 *
 * What a registry is asked for: a writer's schema, with those that it refers to, as a plan for its events; and our own schemas, which
 * stand under the subject of their topic (TOPIC-value, Confluent's TopicNameStrategy).
 */
#include "daemon/io/avro/avro_plan.h"
#include "daemon/io/registry/registry_client.h"

/* Beside REGISTRY_CLIENT_E_*, with a text for each. */
enum {
    REGISTRY_FETCH_E_ABSENT = 10, /* the registry has no such schema */
    REGISTRY_FETCH_E_UNUSABLE,    /* no events can be read by it */
    REGISTRY_FETCH_E_REFUSED,     /* the registry does not take it */
};

/* The plan by which events are read that were written with the schema; the caller's. 0, an outcome above or -ENOMEM. */
MUST_CHECK int registry_fetch_plan(RegistryClient *client, const SchemaId *id, AvroPlan **ret, char text[static REGISTRY_TEXT_SIZE]);

/* The id of the schema under the subject; REGISTRY_FETCH_E_ABSENT: it is not there. */
MUST_CHECK int registry_fetch_id(
        RegistryClient *client, const char *subject, Str schema, uint32_t *ret, char text[static REGISTRY_TEXT_SIZE]);
/* May it be the subject's next version? REGISTRY_FETCH_E_REFUSED says why not. */
MUST_CHECK int registry_fetch_check(RegistryClient *client, const char *subject, Str schema, char text[static REGISTRY_TEXT_SIZE]);
/* Makes it the next version. */
MUST_CHECK int registry_fetch_register(
        RegistryClient *client, const char *subject, Str schema, uint32_t *ret, char text[static REGISTRY_TEXT_SIZE]);
