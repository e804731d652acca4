#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Avro Types
 *
 * A schema's JSON as a graph of types, with names resolved: a record may contain itself. avro-c's own parser
 * is not used for what others wrote, because it drops logical types, without which microseconds cannot be
 * told from milliseconds.
 */
#include "lib/base/arena.h"

/* Schemas are some kilobytes; these bound the work that one can cause. */
#define AVRO_SCHEMA_SIZE_MAX (1024 * 1024)
#define AVRO_NAMED_TYPES_MAX 1000
#define AVRO_FIELDS_MAX 10000 /* of a record */
/* Of types within types, in a schema and in data. */
#define AVRO_DEPTH_MAX 32

enum {
    _AVRO_TYPE_E_SUCCESS,
    AVRO_TYPE_E_SCHEMA, /* not an Avro schema; the text says why */
};

typedef enum AvroKind {
    AVRO_KIND_NULL,
    AVRO_KIND_BOOLEAN,
    AVRO_KIND_INT,
    AVRO_KIND_LONG,
    AVRO_KIND_FLOAT,
    AVRO_KIND_DOUBLE,
    AVRO_KIND_BYTES,
    AVRO_KIND_STRING,
    AVRO_KIND_FIXED,
    AVRO_KIND_ENUM,
    AVRO_KIND_ARRAY,
    AVRO_KIND_MAP,
    AVRO_KIND_UNION,
    AVRO_KIND_RECORD,
    _AVRO_KIND_MAX,
} AvroKind;
#define AVRO_KIND_PRIMITIVE_MAX AVRO_KIND_STRING
/* "null", "boolean", … as in schemas. */
const char *avro_kind_name(AvroKind kind);

typedef struct AvroType AvroType;
typedef struct AvroField AvroField;

struct AvroType {
    AvroKind kind;
    Str name;    /* in full, of a fixed, enum or record; null for others */
    Str logical; /* logicalType; null: none */
    /* Of an int or a long taken as an instant: 1 for milliseconds, also without a logical type. 0: not an
     * instant. */
    int64_t units_per_ms;
    size_t n; /* bytes of a fixed; symbols of an enum; branches of a union; fields of a record */
    union {
        const Str *symbols;
        const AvroType *items; /* of an array; values of a map */
        const AvroType **branches;
        AvroField *fields;
    };
};

struct AvroField {
    Str name;
    const AvroType *type;
};

/*
 * Parses a schema into `arena`. 0, AVRO_TYPE_E_SCHEMA with an explanation in `text` (`size` bytes, always
 * terminated then), or -ENOMEM. *ret is set on 0 only.
 */
MUST_CHECK int avro_type_parse(Str json, Arena *arena, char *text, size_t size, const AvroType **ret);
/* The same of one that may name types of other schemas: each of these may name those of the ones before it. */
MUST_CHECK int avro_type_parse_behind(const Str *others, size_t n_others, Str json, Arena *arena, char *text, size_t size,
        const AvroType **ret);
