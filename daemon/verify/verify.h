#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verifying a Deployment
 *
 * Whether what a running deployment has written is whole: each shard's changelog in itself (verify_chain.h), the group's offsets against
 * it, and Redis against it (verify_table.h, verify_view.h). It reads only, outside of the group, and takes no notice of who is at work:
 * what is only lag is told apart from damage by the batch that each of them is at.
 *
 *   verify_log.c      reading the changelog, from its beginning to where it is needed
 *   verify_offsets.c  the group's offsets
 *   verify_redis.c    the view
 *   verify_shard.c    all of a shard, and what is said of it
 *   verify_outputs.c  after all shards: the hashes of their latest batches, with what these wrote to other topics
 *
 * Memory: of one shard at a time, some 150 bytes and the id for each of its leads and accounts; and the latest batches of all shards.
 */
#include "daemon/io/kafka/kafka_changelog.h"
#include "daemon/io/kafka/kafka_offsets.h"
#include "daemon/io/redis/redis_look.h"
#include "daemon/verify/verify_batches.h"
#include "daemon/verify/verify_chain.h"
#include "daemon/verify/verify_table.h"
#include "daemon/view/view_fields.h"

enum {
    _VERIFY_E_SUCCESS,
    VERIFY_E_AWAY, /* a server does not answer; see text */
    VERIFY_E_STOP, /* what is being looked at makes no sense, which has been told */
};
#define VERIFY_TEXT_SIZE MAX(KAFKA_TEXT_SIZE, REDIS_TEXT_SIZE)

/* What is common to all shards. */
typedef struct Verify {
    const Config *config;
    const Model *model; /* as the file has it */
    char model_hash[2 * MODEL_HASH_SIZE + 1];
    int32_t n_shards;
    KafkaCluster *cluster; /* that tells read_committed ends */
    KafkaChangelog *changelog, *again; /* the second one looks at a single record again */
    KafkaOffsets *offsets;
    RedisView *view;
    const char *boards[_ENTITY_KIND_MAX][VIEW_BOARDS_MAX];
    size_t n_boards[_ENTITY_KIND_MAX];
    size_t n_batches;        /* whose hashes are verified, of each shard */
    VerifyBatches **batches; /* n_shards; NULL: of that one none */
    Findings *findings;
    void (*progress)(int32_t shard, const char *what, int64_t done, int64_t all); /* NULL: nobody looks */
    char text[VERIFY_TEXT_SIZE]; /* beside VERIFY_E_AWAY */
} Verify;

/* One shard on the way. */
typedef struct VerifyShard {
    Verify *v;
    int32_t id;
    VerifyReport report;
    VerifyChain *chain;
    VerifyTable *table;
    Model **skeletons; /* by which records are read, as the changelog has them */
    size_t n_skeletons, n_skeletons_alloc;
    int64_t first, position; /* in the changelog: where it begins, and next to read */
    int64_t n_read;
    /* Of the view. */
    int64_t view_bno;
    size_t n_compared, n_behind, n_parts_left_out;
    const char *view_left_out; /* why it was not compared; NULL: it was */
    /* Of the group. */
    size_t n_offsets, n_without_offset, n_skipped;
} VerifyShard;

/* Verifies one shard; *v->findings says what was found. 0, VERIFY_E_AWAY or negative errno. */
MUST_CHECK int verify_shard(Verify *v, int32_t shard);

/* To be called after all shards. */
MUST_CHECK int verify_outputs(Verify *v);

/* Parts of it. All return 0, VERIFY_E_AWAY, VERIFY_E_STOP or negative errno. */

/* Begins with the first record there is. */
MUST_CHECK int verify_log_open(VerifyShard *s);
/* *ret: the end as of now. */
MUST_CHECK int verify_log_end(VerifyShard *s, int64_t *ret);
/*
 * Reads on until all before `end` has been read and, if bno > 0, the footer of that batch or a later one. That is waited for a while:
 * whether it came the chain says. Stops behind the record that it waits for.
 */
MUST_CHECK int verify_log_read(VerifyShard *s, int64_t end, int64_t bno);
MUST_CHECK int verify_offsets(VerifyShard *s);
MUST_CHECK int verify_redis(VerifyShard *s);

void verify_progress(const VerifyShard *s, const char *what, int64_t done, int64_t all);
void verify_pause(void);
