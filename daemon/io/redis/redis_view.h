#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Redis View
 *
 * What others read, and where records that are not cached come from. It follows the changelog: a shard's keys
 * change only by one conditional transaction that carries absolute values from batch `from` to batch `to`
 * (DESIGN section 3, step 4), so that no paused, restarted or duplicated writer can harm it.
 *
 * Keys of shard s, where T is the shard's hash tag (shard_tag.h) and P the configured prefix:
 *   P:{T}:meta          hash: lineage, bno, next (changelog offset), mode (live or rebuilding), watermark,
 *                       updated_at, hashes (0: there are none); and the writers' own: applying (who is in a large
 *                       write), boards (names)
 *   P:{T}:record:<id>   string: the packed record (lib/record/record.h)
 *   P:{T}:lead:<id>     hash: readable fields (daemon/view/view_fields.h), unless redis.hashes says that there are none
 *   P:{T}:moments       sorted set: lead id by next moment, ms
 *   P:{T}:rank:<name>   sorted set: leaderboard of a derived score (daemon/view/view_fields.h)
 *   P:{T}:account-record:<id>, account:<id>, account-moments, account-rank:<name>
 *                       the same of the accounts that live in the shard; their records are those of
 *                       lib/record/account_record.h, and each of their scores has a leaderboard
 *   P:info              hash: shards, partitioner, prefix, model, model_version, …
 * All leads and accounts are at least at batch bno; each one alone is as it was after some committed batch,
 * which may be a later one while a large batch is being written. In a shard that is not live some may be
 * missing or older. A lead and an account may have the same id, and have nothing to do with each other.
 *
 * Only the files of daemon/io/redis know hiredis. A view is used by one thread at a time.
 */
#include "daemon/config/config.h"
#include "daemon/io/redis/redis_address.h"
#include "lib/lead/entity.h"
#include "lib/record/record.h"

#define REDIS_TEXT_SIZE 512
/* And for where a scan goes on: a number of 64 bits. */
#define REDIS_CURSOR_SIZE 24

/* A scan of a shard's keys, or of a set's members, in steps. It holds on one connection only: behind the next one may be another server. */
typedef struct ViewScan {
    char cursor[REDIS_CURSOR_SIZE]; /* where it goes on; empty: it is through */
    uint64_t connection;            /* that it began on */
} ViewScan;
#define VIEW_SCAN_BEGIN ((ViewScan){.cursor = "0"})
static inline bool view_scan_is_through(const ViewScan *scan) {
    return scan->cursor[0] == '\0';
}
#define VIEW_LINEAGE_SIZE 33 /* 32 hexadecimal digits and a NUL */

enum {
    _VIEW_E_SUCCESS,
    VIEW_E_UNREACHABLE, /* connection down or timed out: whether a write happened is unknown; repeat it */
    VIEW_E_BEHIND,      /* the shard stands at an older batch than asked for, or has no meta: catch up */
    VIEW_E_AHEAD,       /* it stands at a newer one: somebody else owns the shard, or Kafka lost data */
    VIEW_E_LINEAGE,     /* the keys belong to another changelog */
    VIEW_E_REFUSED,     /* Redis answers with an error: out of memory, wrong type, no permission; see text */
};

typedef enum ViewMode {
    VIEW_ABSENT, /* no meta, or dropped by half: drop it (again) before catching up */
    VIEW_LIVE,
    VIEW_REBUILDING, /* in the middle of catching up, or empty after a drop: go on from next_offset */
} ViewMode;

/* Whether leads and accounts of a shard have their hashes. */
typedef enum ViewHashes {
    VIEW_HASHES_ALL,
    VIEW_HASHES_NONE,
    VIEW_HASHES_SOME, /* those that a program has written since that does not know how to leave them out */
} ViewHashes;

typedef struct ViewMeta {
    ViewMode mode;
    char lineage[VIEW_LINEAGE_SIZE];
    int64_t bno;           /* 0: none applied yet */
    int64_t next_offset;   /* of the changelog: everything before it is in the view */
    int64_t watermark_ms;  /* TIME_NONE: not known */
    int64_t updated_at_ms; /* as now_ms of the last write */
    ViewHashes hashes;
    /*
     * Live, but another writer has begun a large batch after bno and not ended it: records may be newer than
     * bno says. At the committed bno this cannot be, unless Kafka lost that batch.
     */
    bool is_torn;
} ViewMeta;

/* A readable field of a lead's or an account's hash. */
typedef struct ViewField {
    Str name, value;
} ViewField;

typedef struct ViewRank {
    unsigned rank; /* index into the boards of its kind given to redis_view_new() */
    double score;  /* -INFINITY: not on the board */
} ViewRank;

/* One entity's absolute state. */
typedef struct ViewWrite {
    EntityKind kind;
    Str id;
    Str record;        /* packed; null: erase everything of this lead or account */
    int64_t moment_ms; /* next moment; TIME_NEVER: none */
    const ViewField *fields;
    size_t n_fields;
    const ViewRank *ranks;
    size_t n_ranks;
} ViewWrite;

typedef struct RedisView RedisView;

/* The names of the leaderboards, by kind of entity. */
typedef struct ViewBoards {
    const char *const *names[_ENTITY_KIND_MAX];
    size_t n[_ENTITY_KIND_MAX];
} ViewBoards;

/* The boards' names are copied. */
MUST_CHECK int redis_view_new(const Config *config, const ViewBoards *boards, char *text, RedisView **ret);
RedisView *redis_view_free(RedisView *view);
/*
 * Makes the other one, used by another thread, the same writer: a large batch that either has begun is not torn to the other. To be
 * called before either is used.
 */
void redis_view_join(RedisView *view, const RedisView *other);
DEFINE_CLEANUP(RedisView *, redis_view_free)

/*
 * The number of partitions, from which the keys' tags follow: before any call that takes a shard.
 * VIEW_E_REFUSED if it is not 1 to SHARDS_MAX (shard_tag.h).
 */
MUST_CHECK int redis_view_set_shards(RedisView *view, int32_t n_shards, char *text);
/* How long connecting and one request may take; default 2 s and 5 s. */
void redis_view_set_timeouts(RedisView *view, int connect_timeout_ms, int command_timeout_ms);

/*
 * Connects if not connected; every other call does so too, and fails with VIEW_E_UNREACHABLE at once if that
 * fails: waiting before the next try is the caller's. No single request waits longer than the timeout.
 */
MUST_CHECK int redis_view_connect(RedisView *view, char *text);
/* Eviction policy must be noeviction: VIEW_E_REFUSED with the remedy otherwise. */
MUST_CHECK int redis_view_check(RedisView *view, char *text);
/* Writes a key that is gone at once, P:check: VIEW_E_REFUSED if that is not allowed. */
MUST_CHECK int redis_view_try_write(RedisView *view, char *text);

/* ---- each server by itself, for who tells of all that is wrong ---- */

/* One that has keys. */
typedef struct RedisServer {
    unsigned slot; /* one of its */
    char address[REDIS_ADDRESS_SIZE];
} RedisServer;
/*
 * The server, or the master; of a cluster all nodes that serve slots, whether they answer or not. The caller frees them. *ret_n_unserved:
 * slots that none of them serves.
 */
MUST_CHECK int redis_view_servers(RedisView *view, char *text, RedisServer **ret, size_t *ret_n, unsigned *ret_n_unserved);
/* As redis_view_check() and redis_view_try_write(), of one. */
MUST_CHECK int redis_view_check_server(RedisView *view, const RedisServer *server, char *text);
MUST_CHECK int redis_view_try_write_server(RedisView *view, const RedisServer *server, char *text);

/* What for: all of it; reader functions; the board and `scored top`. */
typedef enum RedisRightUse {
    REDIS_RIGHT_NEEDED,
    REDIS_RIGHT_OF_READERS,
    REDIS_RIGHT_OF_BOARD,
    _REDIS_RIGHT_USE_MAX,
} RedisRightUse;
#define REDIS_RIGHTS_MAX 32
typedef struct RedisRights {
    const char *missing[_REDIS_RIGHT_USE_MAX][REDIS_RIGHTS_MAX]; /* commands, as a user's rule names them */
    size_t n_missing[_REDIS_RIGHT_USE_MAX];
    bool lacks_keys; /* the keys of redis.prefix may not be read, or not be written */
} RedisRights;
/* What the user may not do, of all that is ever done. Changes nothing. */
MUST_CHECK int redis_view_rights(RedisView *view, const RedisServer *server, char *text, RedisRights *ret);

/* Of a master as many as are told. */
#define REDIS_REPLICAS_MAX 8

/* What the server says of itself. */
typedef struct RedisCondition {
    char version[32];
    char role[16]; /* master, slave or sentinel */
    int64_t time_ms; /* on its clock; TIME_NONE: it does not tell */
    int64_t used_bytes, max_bytes; /* of memory; max 0: there is no limit; -1: it does not tell */
    bool keeps_log;                /* each write goes to an append-only file */
    bool last_save_failed, log_failed;
    char policy[32]; /* of eviction; empty: it does not tell */
    bool is_cut_off; /* a replica that does not hear of its master */
    RedisAddress replicas[REDIS_REPLICAS_MAX];
    size_t n_replicas;
} RedisCondition;
MUST_CHECK int redis_view_condition(RedisView *view, const RedisServer *server, char *text, RedisCondition *ret);
/* Writes P:info anew. */
MUST_CHECK int redis_view_set_info(RedisView *view, const ViewField *fields, size_t n, char *text);

MUST_CHECK int redis_view_meta(RedisView *view, int32_t shard, char *text, ViewMeta *ret);

/*
 * Applies a batch: if the shard is live, of `lineage` and at batch from_bno (or a later one before to_bno),
 * performs the writes and stands at to_bno, next_offset afterwards. Already at to_bno: success (it was
 * applied before). A shard without meta, or just dropped, takes a batch from 0 and is live then. Of several
 * writes of one lead or account the last counts. Without redis.hashes their fields are not written. A shard that was
 * begun under the other setting is refused (VIEW_E_AHEAD) until it is dropped, here and in catching up.
 *
 * Large batches are cut into several calls of which the last one moves bno; a shard cut off in between is at
 * from_bno and takes the same absolute writes again (redis_view_write.c tells why this is safe).
 */
typedef struct ViewBatch {
    int32_t shard;
    const char *lineage;
    int64_t from_bno, to_bno, next_offset, watermark_ms, now_ms;
    const ViewWrite *writes;
    size_t n_writes;
} ViewBatch;
MUST_CHECK int redis_view_apply(RedisView *view, const ViewBatch *batch, char *text);

/*
 * Catching up. Begins a rebuild from nothing: marks the shard rebuilding and drops its keys in bounded steps,
 * each of which goes through all keys of the server: it takes a second for some million of them. Afterwards
 * bno and next_offset are 0. When it is cut off, the shard is VIEW_ABSENT. VIEW_E_AHEAD: somebody else has
 * written to the shard meanwhile.
 */
MUST_CHECK int redis_view_drop(
        RedisView *view, int32_t shard, const char *lineage, int64_t now_ms, char *text);
/*
 * One chunk of changelog records: conditional on the stored next offset being expect_next (VIEW_E_AHEAD if
 * not: somebody else moved it; success if it is next_offset already). With to_bno > 0 the chunk ends with
 * that batch's footer and the shard is live afterwards; with 0 it is rebuilding, with its bno as it was.
 * VIEW_E_BEHIND: there is no meta; begin with a drop. Large chunks are cut like large batches.
 */
MUST_CHECK int redis_view_catch_up(RedisView *view, int32_t shard, const char *lineage, int64_t expect_next,
        int64_t next_offset, int64_t to_bno, int64_t watermark_ms, int64_t now_ms, const ViewWrite *writes,
        size_t n_writes, char *text);

/*
 * The packed records of leads or accounts with the shard's lineage and bno in the same atomic answer:
 * VIEW_E_BEHIND, _AHEAD or _LINEAGE unless it is live, of `lineage` and at a batch from min_bno to max_bno,
 * and VIEW_E_AHEAD if it is torn. values[i] is null where there is none; they are borrowed until the view's
 * next call.
 */
MUST_CHECK int redis_view_fetch(RedisView *view, int32_t shard, const char *lineage, int64_t min_bno,
        int64_t max_bno, EntityKind kind, const Str *ids, size_t n, char *text, Str *values);

/* A fetch of several: what it asks for, and `values` and `outcome` as redis_view_fetch() has them. */
typedef struct ViewFetch {
    int32_t shard;
    const char *lineage;
    int64_t min_bno, max_bno;
    EntityKind kind;
    const Str *ids; /* VIEW_FETCH_MAX of all fetches at most */
    size_t n;
    Str *values;
    int outcome; /* 0, VIEW_E_BEHIND, _AHEAD, _LINEAGE or _REFUSED */
} ViewFetch;
/* Records that are asked for in one transaction: about a millisecond of Redis, which serves others besides us. */
#define VIEW_FETCH_MAX 1000
/*
 * Several at once: of one server all together, so that they take one round trip; of a cluster each by itself. 0: each has its outcome. All
 * values are borrowed until the view's next call.
 */
MUST_CHECK int redis_view_fetch_all(RedisView *view, ViewFetch *fetches, size_t n, char *text);

typedef struct ViewMoment {
    Str id; /* borrowed until the view's next call */
    int64_t moment_ms;
} ViewMoment;
/*
 * Up to `max` earliest moments of one kind at or after `from_ms` (TIME_NONE: all), in order; *ret_n of them
 * into `ret`. Reads them atomically with lineage and bno, as redis_view_fetch() does. To page on, ask from
 * the last moment again: those at that instant come once more. A page that has one instant only must be asked
 * for again with a greater `max`.
 */
MUST_CHECK int redis_view_moments(RedisView *view, int32_t shard, const char *lineage, int64_t min_bno,
        int64_t max_bno, EntityKind kind, int64_t from_ms, size_t max, char *text, ViewMoment *ret,
        size_t *ret_n);
