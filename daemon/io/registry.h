#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Schema Registry
 *
 * Which schema a message was written with, and under which ids our own outputs are written. In messages both
 * stand in front of the datum: a zero byte and the id, 4 bytes big-endian (Confluent's wire format).
 */
#include "daemon/io/avro_event.h"
#include "lib/output.h"

#define REGISTRY_WIRE_SIZE 5

enum {
    _REGISTRY_E_SUCCESS,
    REGISTRY_E_UNKNOWN, /* no schema has the id */
    REGISTRY_E_FILES,   /* files are missing or wrong; each was reported */
};

/* A schema of ours and the id that stands for it. */
typedef struct RegistryOutput {
    uint32_t id;
    Str schema; /* JSON; the registry's memory */
} RegistryOutput;

typedef struct Registry Registry;

typedef struct RegistryOps {
    int (*plan)(Registry *registry, uint32_t id, const AvroPlan **ret);
    const RegistryOutput *(*outputs)(Registry *registry);
    void (*free)(Registry *registry);
} RegistryOps;

/* The first member of every kind of registry. */
struct Registry {
    const RegistryOps *ops;
};

/* The plan for a writer schema's id; it lives as long as the registry. 0, REGISTRY_E_UNKNOWN or a negative
 * errno. */
MUST_CHECK static inline int registry_plan(Registry *registry, uint32_t id, const AvroPlan **ret) {
    return registry->ops->plan(registry, id, ret);
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
};

/*
 * Decodes a message's value as avro_event_decode() does. MESSAGE_E_REJECTED sets *ret_reason, a dead letter's
 * code, and `text` (`size` bytes, always terminated then):
 *   bad_wire        too short, or another first byte than 0 (also: no value at all)
 *   unknown_schema  no schema has the id
 *   schema          it does not decode by its schema, or the event breaks a limit
 * A negative errno is the registry's.
 */
MUST_CHECK int message_decode(Registry *registry, AvroEventDecoder *decoder, const void *bytes, size_t len,
        LeadEvent *ret, const char **ret_reason, char *text, size_t size);
