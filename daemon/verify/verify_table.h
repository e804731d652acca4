#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Shard Has
 *
 * Every lead and account of a shard as its changelog has it, so far as that has been read, in some 150 bytes each: not the record, but a
 * hash of it. And whether what was seen of it in Redis is right. Pure.
 *
 * Redis is at a batch of its own, and goes on while it is looked at. What is seen at batch b of the view is right if it is the record as
 * of b; or of a later batch, for a large one is written bit by bit. So a look stays open until the changelog has been read far enough:
 *
 * - at the look the version known is as of b if its batch is not later than b; if it is later, what was before is not known; neither is
 *   it of what the changelog has nothing of, if b is before the end of the first reading: erasures are compacted away, too;
 * - of versions that are read afterwards one not later than b takes the place of what was right, a later one is right, too.
 */
#include "daemon/io/redis/redis_view.h"
#include "lib/base/siphash.h"

/* A record, or that there is none. */
typedef struct VerifyVersion {
    bool is_there;
    uint64_t digest;
} VerifyVersion;

typedef struct VerifyEntity {
    EntityKind kind;
    bool is_suspect; /* for the caller: it is to be looked at again */
    bool is_open;    /* a look waits for its verdict */
    bool is_right, may_be_older;
    Str id;
    VerifyVersion known; /* the latest by the changelog */
    int64_t bno;         /* of the batch that wrote it; 0: the changelog has nothing of it */
    VerifyVersion seen;
    int64_t seen_bno;
} VerifyEntity;

typedef struct VerifyTable VerifyTable;

MUST_CHECK int verify_table_new(SipKey key, VerifyTable **ret);
VerifyTable *verify_table_free(VerifyTable *table);
DEFINE_CLEANUP(VerifyTable *, verify_table_free)

/* Finds or makes it; its address stays. 0 or -ENOMEM. */
MUST_CHECK int verify_table_get(VerifyTable *table, EntityKind kind, Str id, VerifyEntity **ret);
size_t verify_table_count(const VerifyTable *table);
VerifyEntity *verify_table_at(const VerifyTable *table, size_t i);

/* What was noted as of the batch `from` is of the batch `to`. */
void verify_table_renumber(VerifyTable *table, int64_t from, int64_t to);
/* Looks begin: the changelog has been read up to the batch `bno`, and what it has nothing of may have been erased by then. */
void verify_table_settle(VerifyTable *table, int64_t bno);

/* The changelog's next version of it, by the batch `bno`; null: erased. */
void verify_entity_note(const VerifyTable *table, VerifyEntity *entity, Str record, int64_t bno);
/* What the view has, at its batch `bno`. */
void verify_entity_look(const VerifyTable *table, VerifyEntity *entity, Str record, int64_t bno);
typedef enum VerifyVerdict {
    VERIFY_RIGHT,
    VERIFY_OLDER, /* that cannot be told: the view is behind, and may have it as it was then */
    VERIFY_WRONG,
} VerifyVerdict;
/* Of the last look; the changelog has been read up to the view's batch at least. */
VerifyVerdict verify_entity_verdict(const VerifyEntity *entity);
