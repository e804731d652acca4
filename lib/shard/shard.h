#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Shard
 *
 * The engine over all leads and accounts of one partition: its watermark, who is there and their moments. Events go in one
 * by one, outputs come out through the sink, in the order that SPEC sections 3 and 4 define. Pure: the same
 * events and watermarks give the same outputs, whether they come from Kafka or from a file.
 *
 * Live, not every lead is in memory. Before shard_event() or shard_advance() the caller puts in those that
 * will be touched: the event's lead, and every lead with a moment at or before the new watermark
 * (see "Cold leads"). A lead that is not in the table then is one that never was.
 *
 * A lead's account, and the lead that it is merged into, may live in other shards. Then links take what is for them (shard_courier.h makes
 * messages of it); else all is here, as in a replay.
 */
#include "lib/engine/output.h"
#include "lib/lead/account.h"
#include "lib/lead/lead.h"
#include "lib/lead/touch.h"
#include "lib/shard/entity_table.h"
#include "lib/shard/moments.h"

typedef struct Shard Shard;

enum { _SHARD_E_SUCCESS, SHARD_E_COLD /* the moment of a cold lead or account is due: it must be loaded first */ };

/* What became of an event. */
typedef enum EventOutcome {
    EVENT_APPLIED,
    EVENT_DUPLICATE, /* SPEC section 4, step 2 */
    EVENT_IGNORED,   /* step 3; see ignore_rule */
    EVENT_REJECTED,  /* cannot be applied: goes to the dead letters with reason and text */
    EVENT_ELSEWHERE, /* of a lead that was merged into one that may be in another shard; see lead_id */
} EventOutcome;

typedef struct EventResult {
    EventOutcome outcome;
    unsigned ignore_rule;
    const char *reason; /* for EVENT_REJECTED: a code of SPEC section 8 */
    const char *text;
    Str lead_id; /* for EVENT_ELSEWHERE: borrowed until the shard's next call */
} EventResult;

/*
 * What leaves a shard that is one of several. What is borrowed is valid until the function returns. Negative errno is passed on.
 */
typedef struct ShardLinks {
    /* What a lead's step says to its account. */
    int (*touch)(void *userdata, const Touch *touch);
    /* A lead becomes another name of `into`, which is to take what it has: to be handed to shard_take_merged() there. */
    int (*merge)(void *userdata, const Lead *merged, Str into, const LeadEvent *event);
    /* A lead was forgotten; this was another name of it: to be handed to shard_unname() there. */
    int (*unname)(void *userdata, Str alias);
    void *userdata;
} ShardLinks;

/* `model` and what the sink refers to outlive the shard. */
MUST_CHECK int shard_new(const Model *model, OutputSink sink, Shard **ret);
Shard *shard_free(Shard *shard);
DEFINE_CLEANUP(Shard *, shard_free)

/* Of leads, and of accounts (see lead_of(), account_of()). */
EntityTable *shard_leads(Shard *shard);
EntityTable *shard_accounts(Shard *shard);
/* TIME_NONE before the first event. */
int64_t shard_watermark(const Shard *shard);
/* For taking over: where the predecessor stood. Fires nothing. */
void shard_restore_watermark(Shard *shard, int64_t watermark_ms);

/*
 * Applies one valid event (SPEC section 4). If it passes steps 1 to 3, the watermark first rises to
 * watermark_ms (if that is higher) and all moments up to it happen. Returns 0, or a negative errno: out of
 * memory or the sink's; the shard is then in no defined state and must be dropped; or SHARD_E_COLD: the event was not applied.
 */
MUST_CHECK int shard_event(Shard *shard, const LeadEvent *event, int64_t watermark_ms, EventResult *ret);
/*
 * Would the event pass steps 1 to 3, and so raise the watermark? For a caller that cannot load all moments up to there
 * at once, and goes there in several calls of shard_advance() before shard_event(). Nothing changes. Of a lead that was migrated and is
 * not settled yet that is not known: true.
 */
MUST_CHECK int shard_accepts(Shard *shard, const LeadEvent *event, bool *ret);
/*
 * The watermark rises to watermark_ms, if that is higher; all moments up to it happen. Errors as above. SHARD_E_COLD:
 * they happened up to a cold lead's.
 */
MUST_CHECK int shard_advance(Shard *shard, int64_t watermark_ms);

/* From now on this is one of several shards: what is for accounts and for leads that others are merged into goes to the links. */
void shard_set_links(Shard *shard, ShardLinks links);
/*
 * The way of a merged lead to the one that it becomes, from name to name. Leads of several shards can be merged into each other before
 * these know of it: then their names lead in a circle, and none of them is a lead. A merged one that comes back to its own name has been
 * all the way round, and knows the least of the circle's names (by bytes): that one becomes a lead again, whoever gets there first. All
 * that go round find the same one.
 */
typedef struct MergeWay {
    Str into;              /* whom it is for */
    Str least, least_into; /* of the names on its way, its own to begin with, and whom that one led to; null: not known */
    bool is_circle;        /* it has been all the way round, and is looking for the least */
} MergeWay;
/*
 * A merged lead has come (as it was when it left): its own shard has done step 4, this one does the rest of SPEC section 9. The lead
 * way->into must be in the table if it ever was. ret_way->into not null: it was merged, too, and `merged` is to be sent on, that way,
 * which borrows from `way` and the shard until its next call.
 */
MUST_CHECK int shard_take_merged(Shard *shard, Lead *merged, const MergeWay *way, const LeadEvent *event, MergeWay *ret_way);
/* Forgets an id that is another lead's name: of one that was merged, by however many merges, into one that is forgotten. */
MUST_CHECK int shard_unname(Shard *shard, Str alias);
/*
 * Applies a touch to accounts of this shard, all that it concerns: the accounts left and that of a merged lead, then the lead's own.
 * They must be in the table if they ever were. Errors as of shard_event(). The two below are its parts, for when the accounts are
 * in different shards.
 */
MUST_CHECK int shard_touch(Shard *shard, const Touch *touch);
/* Takes the lead's entry out of an account that it leaves; *ret is the caller's (member_done()) if *ret_found. */
MUST_CHECK int shard_leave_account(
        Shard *shard, const Touch *touch, Str account_id, Str lead_id, Member *ret, bool *ret_found);
/* Touches the lead's account, which is made if it never was. `entry`: from the account left, emptied here; NULL: none. */
MUST_CHECK int shard_touch_account(Shard *shard, const Touch *touch, Member *entry);

/* The earliest moment of all that are in the tables and of cold ones; TIME_NEVER if there is none. */
int64_t shard_next_moment(const Shard *shard);
/* How many there are; and up to `max` of them, how many are due at at_ms. */
size_t shard_count_moments(const Shard *shard);
size_t shard_count_due(const Shard *shard, int64_t at_ms, size_t max);

/*
 * Cold leads and accounts: known by kind, id and next moment only, until they are loaded. Adding one again, or one that
 * is in its table, does nothing.
 */
MUST_CHECK int shard_add_cold(Shard *shard, EntityKind kind, Str id, int64_t moment_ms);
/* The earliest cold one, its id borrowed until the shard's next call; at_ms is TIME_NEVER if there is none. */
Moment shard_next_cold(const Shard *shard);
size_t shard_count_cold(const Shard *shard);
/* Puts a loaded lead or account in (takes it, unless an error is returned) and arms its moments; it is cold no more. */
MUST_CHECK int shard_load(Shard *shard, Lead *lead);
MUST_CHECK int shard_load_account(Shard *shard, Account *account);
/* A cold one turned out not to exist: forgets it. */
void shard_drop_cold(Shard *shard, EntityKind kind, Str id);
/*
 * Under a new model version a shard is made anew, and loaded with what migrate.h makes of records of earlier ones. One that was migrated
 * is settled under the model (engine_apply_model()) before anything else happens to it: an event, a merge, a touch, a moment; and at
 * the latest when the walk through all records comes to it. Loading it alone tells and changes nothing. The instant is the watermark,
 * or its clock if that is later; on the way to a new watermark it is as far as the moments have got, or just before its own next one.
 */
/* The walk: settles the lead or account if it is in memory and was migrated, and so marks it changed. Errors as of shard_event(). */
MUST_CHECK int shard_apply_model(Shard *shard, EntityKind kind, Str id);
/* All that changed has been written: forgets that it did, and lets go of what was erased. */
void shard_clean(Shard *shard);
/*
 * Drops unchanged accounts until they take at most a quarter of max_bytes, then unchanged leads until all together hold at most
 * max_bytes. Those with a moment before horizon_ms stay known as cold ones. What changed before one of the latest n_kept cleans stays:
 * it is not yet where it could be loaded from.
 */
MUST_CHECK int shard_trim(Shard *shard, size_t max_bytes, uint32_t n_kept, int64_t horizon_ms);
