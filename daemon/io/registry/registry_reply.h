#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Registry's Replies
 *
 * The JSON that a Schema Registry answers with, and that it is asked with, as Confluent's API has it. What others send may be anything:
 * each reader says what it expected. Pure.
 */
#include "lib/base/arena.h"

/* Schemas that one may refer to, with those that they refer to in turn; and how deep. */
#define SCHEMA_REFERENCES_MAX 64
#define SCHEMA_REFERENCES_DEPTH_MAX 16

/* Confluent's error codes. */
enum {
    REGISTRY_NO_SUBJECT = 40401,
    REGISTRY_NO_VERSION = 40402,
    REGISTRY_NO_SCHEMA = 40403,
    REGISTRY_INCOMPATIBLE = 409,
};

enum {
    _REGISTRY_REPLY_E_SUCCESS,
    REGISTRY_REPLY_E_MALFORMED, /* not what was expected; the text says what is */
};

typedef struct SchemaReference {
    Str subject;
    int64_t version;
} SchemaReference;

typedef struct SchemaReply {
    Str type; /* "AVRO", also where the registry says none */
    Str schema;
    SchemaReference *references;
    size_t n_references;
} SchemaReply;

/*
 * Of a schema, by id, GUID or version. All of *ret is in the arena. 0, REGISTRY_REPLY_E_MALFORMED with a text (`size` bytes, always
 * terminated then), or -ENOMEM; so are the others'.
 */
MUST_CHECK int registry_reply_schema(Str body, Arena *arena, SchemaReply *ret, char *text, size_t size);
/* Of one that was registered or looked up. */
MUST_CHECK int registry_reply_id(Str body, uint32_t *ret, char *text, size_t size);
/* Of a check of compatibility; the reasons, if it is not, are in `reasons`. */
MUST_CHECK int registry_reply_compatible(Str body, bool *ret, char *reasons, size_t reasons_size, char *text, size_t size);
/* Of a request that failed: its error code, 0 if that is no registry's reply; and its message, printable. */
int registry_reply_error(Str body, char *message, size_t size);

/* The body that asks about a schema; the caller's to free. NULL when out of memory. */
MUST_CHECK char *registry_request_body(Str schema);
