#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Verifying Finds
 *
 * The kinds of damage that `scored verify` knows, each with its severity and what an operator does about it. Of one kind and shard so many
 * are told in full, the others counted: a lost disk damages a million leads in the same way.
 */
#include "daemon/base/findings.h"
#include "daemon/io/redis/shard_tag.h"

#define VERIFY_TOLD_MAX 20

typedef enum VerifyKind {
    /* The changelog. */
    VERIFY_FOOTER,  /* cannot be read, or was erased */
    VERIFY_CHAIN,   /* a batch is missing, or there twice, or of another lineage */
    VERIFY_BACK,    /* offsets, time or the model go back */
    VERIFY_COUNT,   /* a batch has more or fewer records than it says */
    VERIFY_HASH,    /* what a batch wrote is not what it says */
    VERIFY_FOREIGN, /* records that no batch has written */
    VERIFY_RECORD,  /* a state record cannot be read */
    VERIFY_MODEL,   /* the model's file is not the one that the records were made with */
    VERIFY_SHARDS,
    /* The group. */
    VERIFY_OFFSET,
    /* Redis. */
    VERIFY_VIEW_META,   /* the shard as a whole */
    VERIFY_VIEW_AWAY,   /* Redis has nothing of the shard */
    VERIFY_VIEW_RECORD, /* a record is missing or another */
    VERIFY_VIEW_STRAY,  /* something of a lead or account that is no more */
    VERIFY_VIEW_MOMENT,
    VERIFY_VIEW_RANK,
    VERIFY_VIEW_FIELD,
    _VERIFY_KIND_MAX,
} VerifyKind;

typedef struct VerifyReport {
    Findings *findings;
    const char *redis_prefix; /* for remedies */
    int32_t shard;
    char tag[SHARD_TAG_SIZE];
    size_t counts[_VERIFY_KIND_MAX];
} VerifyReport;

/* Tells a finding of the shard with the kind's remedy. False: it was only counted. */
bool verify_tell(VerifyReport *report, VerifyKind kind, const char *subject, const char *format, ...) PRINTF_LIKE(4, 5);
/* After all of the shard: how many were not told. */
void verify_tell_rest(VerifyReport *report);
