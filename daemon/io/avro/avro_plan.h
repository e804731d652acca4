#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Avro Decode Plans
 *
 * What to do with each field of a writer's record to make a LeadEvent of it, worked out once per schema. The
 * record may have any name, and other fields in any order. Fields match by name, without aliases:
 *   - event_id, occurred_at, lead_id and type must be there; the others are null when absent, and properties
 * empty;
 *   - a string may be written as string, bytes or enum; text must be UTF-8;
 *   - occurred_at may be timestamp-millis, -micros or -nanos (rounded down), or a plain int or long of
 * milliseconds;
 *   - properties is a map; its values may be null, boolean, int, long, float, double, string, bytes or enum;
 *   - each of these may stand in a union, which has to hold one that fits; a datum with another, or with null
 *     in a field that must be there, is bad;
 *   - what else is there, of any type, is passed over.
 */
#include "daemon/io/avro/avro_type.h"
#include "lib/event/event.h"

enum {
    _AVRO_PLAN_E_SUCCESS,
    AVRO_PLAN_E_SCHEMA, /* not a schema, or none that lead events can be read from; the text says why */
};

typedef enum PlanAction {
    PLAN_SKIP,
    PLAN_STRING, /* into the Str at `offset` */
    PLAN_TIME,   /* into occurred_at_ms */
    PLAN_PROPERTIES,
} PlanAction;

/* One step, in the order of the writer's fields. */
typedef struct PlanField {
    PlanAction action;
    bool required;
    size_t offset; /* in LeadEvent */
    const AvroType *type;
    Str name;
} PlanField;

typedef struct AvroPlan {
    Arena *arena; /* of all that it points to */
    PlanField *fields;
    size_t n_fields;
} AvroPlan;

/*
 * Compiles a writer's schema. 0, AVRO_PLAN_E_SCHEMA with an explanation in `text` (`size` bytes, always
 * terminated then), or -ENOMEM. *ret is set on 0 only; the caller frees it.
 */
MUST_CHECK int avro_plan_new(Str schema_json, char *text, size_t size, AvroPlan **ret);
/* The same of one that refers to other schemas: avro_type_parse_behind(). */
MUST_CHECK int avro_plan_new_behind(const Str *others, size_t n_others, Str schema_json, char *text, size_t size, AvroPlan **ret);
AvroPlan *avro_plan_free(AvroPlan *plan);
DEFINE_CLEANUP(AvroPlan *, avro_plan_free)
