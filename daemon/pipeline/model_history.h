#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Earlier Models
 *
 * The model versions that a shard's records, and messages from other shards, may still go by, as skeletons (lib/model/skeleton.h). The
 * changelog keeps each under a key of its own, and footers say where.
 */
#include "lib/record/account_record.h"
#include "lib/record/migrate.h"

/*
 * Versions that are kept. Records of older ones are none any more, for each version walks through all records: unless that many versions
 * in a row came before the walk of one had ended. Ours: each costs every shard a skeleton in memory.
 */
#define MODEL_HISTORY_MAX 8

typedef struct PastModel {
    int64_t version;
    int64_t offset; /* of its skeleton in the shard's changelog; -1: it came from another shard's */
    Model *skeleton;
    Migration *migration; /* to the present model */
} PastModel;

typedef struct ModelHistory {
    PastModel models[MODEL_HISTORY_MAX]; /* oldest first */
    size_t n;
} ModelHistory;

void model_history_done(ModelHistory *history);
/* Adds a version by its skeleton's bytes; of more than there is room for the oldest goes. 0, SKELETON_E_* or -ENOMEM. */
MUST_CHECK int model_history_add(ModelHistory *history, const Model *present, int64_t offset, Str skeleton);
/* NULL: it is not known. */
const PastModel *model_history_find(const ModelHistory *history, int64_t version);

/* A record of the present or a known earlier version, as one of the present. 0, RECORD_E_* or -ENOMEM. */
MUST_CHECK int model_history_unpack_lead(
        const ModelHistory *history, const Model *present, Str bytes, Str lead_id, Lead **ret);
MUST_CHECK int model_history_unpack_account(
        const ModelHistory *history, const Model *present, Str bytes, Str account_id, Account **ret);
