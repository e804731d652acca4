#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between Shards
 *
 * What shards tell each other, as plain data and as the bytes that travel (DESIGN section 2): a lead's touches on an account that lives
 * elsewhere, members that move, merged leads, events for a lead of another shard, and how far each shard has come. The
 * order in which they arrive is the order in which they happen.
 *
 * A lead's own shard sends its touches and leaves in order, but the entry that it brings along comes from the account it left, so it
 * can be late: the lead may have left the new account, too, by then. So a touch that comes with a move says that an entry is on its way,
 * and an account remembers where to send on those of leads that did not wait for theirs (Member.n_awaited, Departure).
 */
#include "lib/lead/account.h"
#include "lib/record/packing.h"
#include "lib/shard/shard.h"

typedef enum MessageKind {
    MESSAGE_WATERMARK, /* how far the sender's leads are, for accounts */
    MESSAGE_TOUCH,     /* a lead's, on its account */
    MESSAGE_LEAVE,     /* a lead has left the account: its entry is to be sent on */
    MESSAGE_ENTRY,     /* that entry */
    MESSAGE_MERGE,     /* a lead that was merged, to the one that it becomes */
    MESSAGE_EVENT,     /* an event, to the shard of its lead */
    MESSAGE_UNNAME,    /* a lead was forgotten: this other name of it is to be forgotten, too */
    MESSAGE_PROGRESS,  /* how far the sender has sent on what is in its partitions of a routed source, for leads */
    _MESSAGE_KIND_MAX,
} MessageKind;

typedef struct ShardMessage {
    MessageKind kind;
    int32_t from_shard;  /* watermark, progress */
    int64_t at_ms;       /* the watermark; progress: up to which instant all is sent; else the lead's clock */
    Str account_id;      /* touch, leave, entry: whom it is for */
    Str lead_id;         /* whom it is about; merge: the one merged; event, unname: whom it is for */
    MergeWay way;        /* merge: whom it is for, and how it has come */
    Str to_account_id;   /* leave: where the entry goes; null: nowhere … */
    Str to_lead_id;      /* … and as whose */
    int64_t model_version; /* touch, entry: by whose numbers of account scores it goes */
    unsigned n_more;     /* entry: how many more of the lead follow */
    const LeadEvent *event; /* that caused it; NULL: time did. Carried fields only */
    const Touch *touch;  /* touch */
    Str bytes;           /* entry: the packed member, empty if there was none; merge: the packed lead; event: the message as it came */
    Str topic;           /* event: where it came from; progress: of which source */
    int32_t partition;   /* event: where it stood there; -1: not told, by a version before */
    int64_t offset;
    bool at_end;         /* progress: there was no more */
} ShardMessage;

/* The entity whose shard the message is for; null: it is for all of them. */
Str shard_message_target(const ShardMessage *message);

/* Appends the message. `model` says which fields of the event are carried. 0, PACKING_E_SIZE or -ENOMEM. */
MUST_CHECK int shard_message_pack(const ShardMessage *message, const Model *model, Buffer *buffer);
enum { _SHARD_MESSAGE_E_SUCCESS, SHARD_MESSAGE_E_CORRUPT, SHARD_MESSAGE_E_FORMAT /* of a newer program */ };
/* Borrows from `bytes` and from the arena. 0, SHARD_MESSAGE_E_* or -ENOMEM. */
MUST_CHECK int shard_message_unpack(Str bytes, Arena *arena, ShardMessage *ret);
