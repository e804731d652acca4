#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Courier
 *
 * Between shards: makes messages of what leaves one (its links), and does what the messages that come in say. Pure; who carries them
 * is the caller's business. The leads of a partition and its accounts are two shards, for they go by different watermarks.
 */
#include "lib/record/migrate.h"
#include "lib/shard/shard.h"
#include "lib/shard/shard_message.h"

/* Takes messages; what is borrowed in one is valid until it returns. Negative errno is passed on. */
typedef struct MessageSink {
    int (*message)(void *userdata, const ShardMessage *message);
    void *userdata;
} MessageSink;

typedef struct Courier Courier;

/* Links `leads` to the sink. `leads` and `accounts`, what the sink refers to and the model outlive it. */
MUST_CHECK int courier_new(const Model *model, Shard *leads, Shard *accounts, MessageSink sink, Courier **ret);
Courier *courier_free(Courier *courier);
DEFINE_CLEANUP(Courier *, courier_free)

enum {
    _COURIER_E_SUCCESS,
    COURIER_E_CORRUPT, /* what it carries cannot be read */
    COURIER_E_MODEL,   /* it goes by a model version that is not known here, as the next one that others have already: nothing was done */
};

/* So that messages of an earlier version are understood; it leads to the present model, and outlives the courier. */
MUST_CHECK int courier_add_migration(Courier *courier, const Migration *migration);

/*
 * Can courier_apply() do what it says? Changes nothing. 0, COURIER_E_* (with COURIER_E_MODEL: and the version) or -ENOMEM; for the kinds
 * that it takes.
 */
MUST_CHECK int courier_check(const Courier *courier, const ShardMessage *message, int64_t *ret_version);
/*
 * Does what a message of any kind but MESSAGE_WATERMARK, MESSAGE_PROGRESS and MESSAGE_EVENT says; those are the caller's. What it is for must be in its table if it
 * ever was. 0, COURIER_E_* or a negative errno, as of shard_event().
 */
MUST_CHECK int courier_apply(Courier *courier, const ShardMessage *message);
