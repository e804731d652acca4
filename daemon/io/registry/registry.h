#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Schema Registry
 *
 * Which schema a message was written with, and under which ids our own outputs are written. In messages both stand in front of the datum
 * (schema_id.h). There are two kinds: one of files, which knows all that it will ever know; and one that asks a server (registry_http.h).
 */
#include "daemon/io/avro/avro_event.h"
#include "daemon/io/registry/schema_id.h"
#include "lib/engine/output.h"

/* In front of our own outputs: a zero byte, and an id. */
#define REGISTRY_WIRE_SIZE 5

enum {
    _REGISTRY_E_SUCCESS,
    REGISTRY_E_UNKNOWN,  /* there is no such schema */
    REGISTRY_E_UNUSABLE, /* there is one by which no events can be read; the text says why */
    REGISTRY_E_AWAY,     /* that is not known yet: the registry has not answered */
    REGISTRY_E_FILES,    /* files are missing or wrong; each was reported */
};

/* A schema of ours and the id that stands for it. */
typedef struct RegistryOutput {
    uint32_t id;
    Str schema; /* JSON; the registry's memory */
} RegistryOutput;

typedef struct Registry Registry;

typedef struct RegistryOps {
    int (*plan)(Registry *registry, const SchemaId *id, const AvroPlan **ret, const char **ret_text);
    int (*settled)(Registry *registry, const SchemaId *id);   /* NULL: always */
    bool (*refresh)(Registry *registry, int64_t now_ms);      /* NULL: nothing is ever forgotten */
    const RegistryOutput *(*outputs)(Registry *registry);
    void (*free)(Registry *registry);
} RegistryOps;

/* The first member of every kind of registry. */
struct Registry {
    const RegistryOps *ops;
};

/*
 * The plan for a writer's schema; it lives until registry_refresh(). 0, REGISTRY_E_UNKNOWN, _UNUSABLE or _AWAY, which set *ret_text, valid
 * as long, or a negative errno.
 */
MUST_CHECK static inline int registry_plan(Registry *registry, const SchemaId *id, const AvroPlan **ret, const char **ret_text) {
    return registry->ops->plan(registry, id, ret, ret_text);
}
/* Can anything be not settled? */
static inline bool registry_asks(const Registry *registry) {
    return registry->ops->settled != NULL;
}
/*
 * 1: what registry_plan() says of the id is not REGISTRY_E_AWAY, until registry_refresh(); 0: it is being asked for, and this is to be
 * called again; or a negative errno. Does not wait.
 */
MUST_CHECK static inline int registry_settled(Registry *registry, const SchemaId *id) {
    return registry->ops->settled ? registry->ops->settled(registry, id) : 1;
}
/* To be called from time to time: forgets what has not been used for long. True: something that was settled may be so no more. */
static inline bool registry_refresh(Registry *registry, int64_t now_ms) {
    return registry->ops->refresh && registry->ops->refresh(registry, now_ms);
}
/* Of every OutputType, in order. */
static inline const RegistryOutput *registry_outputs(Registry *registry) {
    return registry->ops->outputs(registry);
}
static inline Registry *registry_free(Registry *registry) {
    if (registry)
        registry->ops->free(registry);
    return NULL;
}
DEFINE_CLEANUP(Registry *, registry_free)

/* One writer schema of the file registry. */
typedef struct RegistryFile {
    uint32_t id;
    const char *path;
} RegistryFile;

typedef struct RegistryFileOptions {
    const RegistryFile *events;
    size_t n_events;
    const char *output_dir; /* holds StageChanged.avsc and so on for each OutputType */
    uint32_t output_ids[_OUTPUT_TYPE_MAX];
    bool ids_follow; /* those of outputs do not count: a server will tell them */
    /* Called for each thing that is wrong. `text` says all but the path; both are valid for the call. */
    void (*problem)(void *userdata, const char *path, const char *text);
    void *userdata;
} RegistryFileOptions;

/*
 * A registry of files, read here and never again. All of them are read and all problems reported before it
 * gives up. 0, REGISTRY_E_FILES or -ENOMEM; *ret is set on 0 only, and keeps nothing of `options`.
 */
MUST_CHECK int registry_file_new(const RegistryFileOptions *options, Registry **ret);

enum {
    _MESSAGE_E_SUCCESS,
    MESSAGE_E_REJECTED, /* for the dead-letter topic */
    MESSAGE_E_AWAITED,  /* its schema is not known yet; the text says of which id, and why if that is known */
};

/*
 * Decodes a message's value as avro_event_decode() does. MESSAGE_E_REJECTED sets *ret_reason, a dead letter's
 * code, and `text` (`size` bytes, always terminated then):
 *   bad_wire        too short, or another first byte than those of schema_id.h (also: no value at all)
 *   unknown_schema  no schema has the id
 *   schema          no events can be read by it, it does not decode by its schema, or the event breaks a limit
 * A negative errno is the registry's.
 */
MUST_CHECK int message_decode(Registry *registry, AvroEventDecoder *decoder, const void *bytes, size_t len,
        LeadEvent *ret, const char **ret_reason, char *text, size_t size);
