/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may write what, when
 *
 * All that is ever written are absolute values of committed batches, so it is order alone that could go wrong: an
 * older value of a record over a newer one, with nobody left to notice. A batch or chunk that fits into one
 * script call is safe by its condition, since the call that writes the records also moves bno and next.
 *
 * A larger one is several calls, and only the last of them moves bno. Every call first puts the writer's token, unique
 * to this attempt at this batch, into the meta's field `applying`, and only then touches records; every call but the first demands to find
 * it there. So whatever anybody else writes in between, if only a part that then failed, ends the attempt, which
 * starts over under its full condition. The last call takes the token away.
 *
 * A chunk of the changelog that does not end with a footer makes the shard `rebuilding`, which refuses batches: a paused owner
 * that wakes in the middle of its successor's catching up cannot put its older values over those that
 * the successor wrote already. A catch-up itself never starts later in the log than the shard's bno says, so it
 * writes everything anew that a batch cut off in the middle may have left behind.
 *
 * What a reader sees in the meantime: each lead is as it was after some committed batch, and bno is the
 * batch up to which *all* leads are at least. Fetching records for the engine is stricter (redis_view.c): the owner of a
 * shard only takes values from a view that is not behind what it knows to be committed; if it is, the owner
 * catches up first. Values that are newer than bno says can so be read by nobody but an owner that has already
 * lost the shard, whose transaction the broker refuses, or after Kafka lost a committed batch, which is why a token
 * of somebody else in a live shard makes a fetch fail.
 *
 * Numbers are compared as the decimal strings that they are: Lua's numbers are doubles.
 */
#include <stddef.h>

#include "daemon/io/redis_script.h"
#include "lib/util.h"

/* unpack() of Lua 5.1 fails somewhat below 8,000 values. */
#define UNPACK_MAX "6000"

/*
 * Keys: meta, moments, the boards; records to be set, records to be erased, lead hashes of the latter, lead hashes of the former.
 * Arguments: as named in the second line; the values of the records to be set; for moments and each board the
 * number of pairs, the pairs score and id, the number of ids to be taken off, those; for each hash the number of
 * its fields, the pairs name and value.
 * Result: what happened, and the meta as it was found: mode, lineage, bno, next.
 */
static const char write_script[] =
        "local meta, moments = KEYS[1], KEYS[2]\n"
        "local first, last, token, kind, lineage, expected, to, after, watermark, now, boards, n_boards, n_set, "
        "n_erased = unpack(ARGV, 1, 14)\n"
        "first, last = first == '1', last == '1'\n"
        "n_boards, n_set, n_erased = tonumber(n_boards), tonumber(n_set), tonumber(n_erased)\n"
        "local found = redis.call('HMGET', meta, 'mode', 'lineage', 'bno', 'next', 'applying', 'boards')\n"
        "local function result(what)\n"
        "  return {what, found[1] or '', found[2] or '', found[3] or '', found[4] or ''}\n"
        "end\n"
        "local function less(a, b)\n"
        "  if #a ~= #b then return #a < #b end\n"
        "  return a < b\n"
        "end\n"

        /* The conditions, before anything is written. */
        "local bno = found[3] or ''\n"
        "if not first then\n"
        "  if found[5] ~= token then return result('interrupted') end\n"
        "elseif kind == 'batch' then\n"
        "  if not found[1] and expected == '0' then\n"
        "    redis.call('HSET', meta, 'mode', 'live', 'lineage', lineage, 'bno', '0', 'next', '0')\n"
        "  elseif found[1] ~= 'live' or found[2] ~= lineage or less(bno, expected) or not less(bno, to) then\n"
        "    return result('refused')\n"
        "  end\n"
        "elseif not found[1] or found[2] ~= lineage or found[4] ~= expected then\n"
        "  return result('refused')\n"
        "elseif to ~= '0' and not less(bno, to) then\n"
        "  return result('refused')\n"
        "end\n"

        "redis.call('HSET', meta, 'applying', token)\n"
        "if first and kind == 'chunk' then redis.call('HSET', meta, 'mode', 'rebuilding') end\n"

        /* Boards of an earlier model go: nobody would take erased leads off them. Their keys are in the shard's slot like all. */
        "if first and found[6] ~= boards then\n"
        "  local base = string.sub(meta, 1, -5) .. 'rank:'\n"
        "  for name in string.gmatch(found[6] or '', '[^\\n]+') do\n"
        "    if not string.find('\\n' .. boards, '\\n' .. name .. '\\n', 1, true) then\n"
        "      redis.call('UNLINK', base .. name)\n"
        "    end\n"
        "  end\n"
        "  redis.call('HSET', meta, 'boards', boards)\n"
        "end\n"

        "local a, k = 14, 2 + n_boards\n"
        "local function call(command, key, list, from, to)\n"
        "  while from <= to do\n"
        "    local upto = math.min(from + " UNPACK_MAX " - 1, to)\n"
        "    if key then redis.call(command, key, unpack(list, from, upto))\n"
        "    else redis.call(command, unpack(list, from, upto)) end\n"
        "    from = upto + 1\n"
        "  end\n"
        "end\n"

        "local pairs_set = {}\n"
        "for i = 1, n_set do\n"
        "  pairs_set[2 * i - 1], pairs_set[2 * i] = KEYS[k + i], ARGV[a + i]\n"
        "end\n"
        "call('MSET', nil, pairs_set, 1, 2 * n_set)\n"
        "call('UNLINK', nil, KEYS, k + n_set + 1, #KEYS)\n"
        "a = a + n_set\n"

        "for set = 2, 2 + n_boards do\n"
        "  local n = 2 * tonumber(ARGV[a + 1])\n"
        "  call('ZADD', KEYS[set], ARGV, a + 2, a + 1 + n)\n"
        "  a = a + 1 + n\n"
        "  n = tonumber(ARGV[a + 1])\n"
        "  call('ZREM', KEYS[set], ARGV, a + 2, a + 1 + n)\n"
        "  a = a + 1 + n\n"
        "end\n"

        "k = k + n_set + 2 * n_erased\n"
        "for i = 1, n_set do\n"
        "  local n = 2 * tonumber(ARGV[a + 1])\n"
        "  call('HSET', KEYS[k + i], ARGV, a + 2, a + 1 + n)\n"
        "  a = a + 1 + n\n"
        "end\n"

        "if last then\n"
        "  redis.call('HSET', meta, 'next', after, 'updated_at', now)\n"
        "  if to ~= '0' then redis.call('HSET', meta, 'mode', 'live', 'watermark', watermark, 'bno', to) end\n"
        "  redis.call('HDEL', meta, 'applying')\n"
        "end\n"
        "return result('done')\n";

/*
 * Keys: meta, and keys to be dropped. Arguments: token, and 1 if these were the last. Of a shard that is being dropped `next`
 * is -1, so that no chunk fits it, until all is gone. Result: 0 if somebody else has written to the shard.
 */
static const char unlink_script[] =
        "local meta = KEYS[1]\n"
        "if redis.call('HGET', meta, 'applying') ~= ARGV[1] then return 0 end\n"
        "local from = 2\n"
        "while from <= #KEYS do\n"
        "  local upto = math.min(from + " UNPACK_MAX " - 1, #KEYS)\n"
        "  redis.call('UNLINK', unpack(KEYS, from, upto))\n"
        "  from = upto + 1\n"
        "end\n"
        "if ARGV[2] == '1' then\n"
        "  redis.call('HSET', meta, 'next', '0')\n"
        "  redis.call('HDEL', meta, 'applying')\n"
        "end\n"
        "return 1\n";

const char *redis_script_text(RedisScript script) {
    static const char *const texts[] = {
            [REDIS_SCRIPT_WRITE] = write_script,
            [REDIS_SCRIPT_UNLINK] = unlink_script,
    };
    static_assert(ARRAY_SIZE(texts) == _REDIS_SCRIPT_MAX, "a text for each script");
    return texts[script];
}
