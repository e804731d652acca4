#pragma once
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Board's Reader
 *
 * Reads the view (redis_view.h has its keys) without ever writing: who leads a leaderboard, whose moment is
 * near, and the records of leads and accounts. For programs that watch; the daemon itself reads by redis_view.h, under its
 * conditions.
 */
#include "daemon/io/redis/redis_view.h"
#include "lib/event/event.h"

/* What one call asks for at most, so that a watcher is no burden to the server. */
#define BOARD_ASK_MAX ((size_t)1000)

typedef struct RedisBoard RedisBoard;

MUST_CHECK int redis_board_new(const Config *config, char *text, RedisBoard **ret);
RedisBoard *redis_board_free(RedisBoard *board);
DEFINE_CLEANUP(RedisBoard *, redis_board_free)

/*
 * All calls below return 0, -ENOMEM, VIEW_E_UNREACHABLE or VIEW_E_REFUSED with a text of REDIS_TEXT_SIZE;
 * they connect by themselves. Each Str that they set is valid until the next call.
 */

typedef struct BoardInfo {
    int32_t n_shards; /* 0: no daemon has written here yet */
    int64_t model_version;
    bool has_board;       /* the leaderboard asked about */
    int64_t half_life_ms; /* its h of daemon/view/view_fields.h; 0: none */
    /* As the daemon has them; null if there is none yet. Valid until the next call. */
    Str model, partitioner;
} BoardInfo;
/* Reads P:info, of the leaderboard `name` too. To be called before those that take or return shards. */
MUST_CHECK int redis_board_info(RedisBoard *board, const char *name, char *text, BoardInfo *ret);

/* A lead and where it stands. */
typedef struct BoardEntry {
    int32_t shard;
    double score; /* its rank on the board, or its moment */
    size_t id_len;
    char id[EVENT_LEAD_ID_LEN_MAX];
} BoardEntry;
static inline Str board_entry_id(const BoardEntry *entry) {
    return (Str){entry->id, entry->id_len};
}
/* False: too long to be the id of a lead. */
MUST_CHECK bool board_entry_make(int32_t shard, Str lead_id, double score, BoardEntry *ret);

/*
 * Places `from` to from + n_each - 1 of each shard's leaderboard `name` of leads or of accounts, all shards' together, highest first:
 * at most `max` into `ret`. *ret_bound is the highest score that may have been left out; -INFINITY: none.
 */
MUST_CHECK int redis_board_leaders(RedisBoard *board, EntityKind kind, const char *name, size_t from, size_t n_each,
        char *text, BoardEntry *ret, size_t max, size_t *ret_n, double *ret_bound);
/* The earliest moments, at most n_each of each shard and at most `max`, earliest first. */
MUST_CHECK int redis_board_moments(
        RedisBoard *board, size_t n_each, char *text, BoardEntry *ret, size_t max, size_t *ret_n);
/* The packed records (lib/record/record.h) of n leads or accounts, at most BOARD_ASK_MAX; null where there is none. */
MUST_CHECK int redis_board_records(
        RedisBoard *board, EntityKind kind, const BoardEntry *entries, size_t n, char *text, Str *values);

/* Where a shard stands, as its owner has told Redis last. */
typedef struct BoardShard {
    bool is_there, is_rebuilding;
    int64_t bno, watermark_ms, updated_at_ms; /* TIME_NONE: not known */
} BoardShard;
/* Of the first n shards, which there must be; at most BOARD_ASK_MAX. */
MUST_CHECK int redis_board_shards(RedisBoard *board, int32_t n, char *text, BoardShard *ret);

/* What is known of one lead or account. */
typedef struct BoardRecord {
    Str value;            /* packed (lib/record/record.h, lib/record/account_record.h); null: there is none */
    bool is_rebuilding;   /* its shard is, so that it may be missing, or older than it was */
    int64_t watermark_ms; /* of its shard; TIME_NONE: not known */
    int64_t next_offset;  /* how far its shard is in the changelog; -1: not known */
} BoardRecord;
MUST_CHECK int redis_board_record(
        RedisBoard *board, EntityKind kind, int32_t shard, Str id, char *text, BoardRecord *ret);
/* The keys of a lead or account: its record's, its readable fields' and its shard's, in the caller's buffers. */
#define BOARD_KEY_SIZE 512
typedef enum BoardKey { BOARD_KEY_RECORD, BOARD_KEY_FIELDS, BOARD_KEY_META, _BOARD_KEY_MAX } BoardKey;
void redis_board_keys(
        const RedisBoard *board, EntityKind kind, int32_t shard, Str id, char ret[static _BOARD_KEY_MAX][BOARD_KEY_SIZE]);
