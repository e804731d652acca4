#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Hash of a Batch
 *
 * What a footer has of all that its batch wrote: over topics, keys and values, in order. What went to other topics comes first, then the
 * changelog's records, without the footer itself.
 */
#include "daemon/pipeline/footer.h"

typedef struct BatchHash BatchHash;

MUST_CHECK int batch_hash_new(BatchHash **ret);
BatchHash *batch_hash_free(BatchHash *hash);
DEFINE_CLEANUP(BatchHash *, batch_hash_free)

/* Key and value may be null. */
void batch_hash_add(BatchHash *hash, const char *topic, Str key, Str value);
/* The hash as the footer has it. Nothing can be added afterwards. */
void batch_hash_finish(BatchHash *hash, char ret[static BATCH_HASH_LEN + 1]);
