#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas that were Asked For
 *
 * What a registry has said of the ids that messages had, or that it is still to say it. Bounded: those that were used longest ago go
 * when there are too many; what somebody waits for stays. That there is no such schema, or none that events can be read by, holds for a
 * while only. Nothing goes but in schema_cache_refresh(). Pure: the time is the caller's.
 */
#include "daemon/io/avro/avro_plan.h"
#include "daemon/io/registry/schema_id.h"

typedef enum SchemaState {
    SCHEMA_WANTED,   /* it is being asked for */
    SCHEMA_KNOWN,    /* … by its plan */
    SCHEMA_UNKNOWN,  /* the registry has none */
    SCHEMA_UNUSABLE, /* no events can be read by it; the text says why */
} SchemaState;

typedef struct CachedSchema {
    SchemaId id;
    SchemaState state;
    AvroPlan *plan;
    char *text;
    int64_t used_ms;
    int64_t until_ms; /* TIME_NEVER, or when it is forgotten */
} CachedSchema;

typedef struct SchemaCache SchemaCache;

/* For so long a registry's word that it has no such schema, or an unusable one, is taken. */
#define SCHEMA_REFUSAL_MS 60000

/* 0 or -ENOMEM. */
MUST_CHECK int schema_cache_new(size_t max, SchemaCache **ret);
SchemaCache *schema_cache_free(SchemaCache *cache);
DEFINE_CLEANUP(SchemaCache *, schema_cache_free)

/* NULL: it was not asked for. Valid until the next schema_cache_refresh(). */
CachedSchema *schema_cache_find(SchemaCache *cache, const SchemaId *id);
/* One that is not there yet, as wanted. NULL: there are too many, or (*ret_r negative) no memory is left. */
CachedSchema *schema_cache_add(SchemaCache *cache, const SchemaId *id, int *ret_r);
/* What became of one that was wanted; takes over `plan` and `text`, which are NULL where the state has none. */
void schema_cache_settle(SchemaCache *cache, CachedSchema *schema, SchemaState state, AvroPlan *plan, char *text);
/* It is now_ms; forgets what has to go. Was anything forgotten? */
bool schema_cache_refresh(SchemaCache *cache, int64_t now_ms);
size_t schema_cache_count(const SchemaCache *cache);
