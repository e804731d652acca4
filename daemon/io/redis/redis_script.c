/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may write what, when
 *
 * All that is ever written are absolute values of committed batches, so it is order alone that could go
 * wrong: an older value of a record over a newer one, with nobody left to notice. A batch or chunk that fits
 * into one script call is safe by its condition, since the call that writes the records also moves bno and
 * next.
 *
 * A larger one is several calls, and only the last of them moves bno. Every call first puts the writer's
 * token, unique to this attempt at this batch, into the meta's field `applying`, and only then touches
 * records; every call but the first demands to find it there. So whatever anybody else writes in between, if
 * only a part that then failed, ends the attempt, which starts over under its full condition. The last call
 * takes the token away. (A failover that loses the latest calls ends the connection, and thereby the
 * attempt.)
 *
 * A chunk of the changelog that does not end with a footer makes the shard `rebuilding`, which refuses
 * batches: a paused owner that wakes in the middle of its successor's catching up cannot put its older values
 * over those that the successor wrote already. A catch-up itself never starts later in the log than the
 * shard's bno says, so it writes everything anew that a batch cut off in the middle may have left behind.
 *
 * What a reader sees in the meantime: each lead or account is as it was after some committed batch, and bno is the
 * batch up to which *all* leads are at least. Fetching records for the engine is stricter (redis_view.c): the
 * owner of a shard only takes values from a view that is not behind what it knows to be committed; if it is,
 * the owner catches up first. Values that are newer than bno says can so be read by nobody but an owner that
 * has already lost the shard, whose transaction the broker refuses, or after Kafka lost a committed batch,
 * which is why a token of somebody else in a live shard makes a fetch fail.
 *
 * A shard's leads and accounts have hashes either all or none (redis.hashes), so who would write it the other way is refused until it is
 * dropped. That there are none say the meta's field `hashes` and, first of all, the list of boards. Programs that do not know of it, and
 * write hashes of what changes, leave the field alone and put their own list there: so it shows that they were here.
 *
 * Numbers are compared as the decimal strings that they are: Lua's numbers are doubles.
 */
#include <stddef.h>

#include "daemon/io/redis/redis_script.h"
#include "lib/base/util.h"

/* unpack() of Lua 5.1 fails somewhat below 8,000 values. */
#define UNPACK_MAX "6000"

/*
 * Keys: meta; the sorted sets, which are the moments and boards of each kind of entity that is written;
 * records to be set, records to be erased, hashes of the latter, hashes of the former. Arguments: as named in
 * the second and third line; the values of the records to be set; for each sorted set the number of pairs,
 * the pairs score and id, the number of ids to be taken off, those; for each hash the number of its fields,
 * the pairs name and value. Without hashes there are neither their keys nor their fields. Result: what happened,
 * and the meta as it was found: mode, lineage, bno, next, hashes.
 */
/* clang-format off */
static const char write_script[] =
"local meta = KEYS[1]\n"
"local first, last, token, kind, lineage, expected, to, after = unpack(ARGV, 1, 8)\n"
"local watermark, now, boards, hashes, n_sets, n_set, n_erased = unpack(ARGV, 9, 15)\n"
"first, last, hashes = first == '1', last == '1', hashes == '1'\n"
"n_sets, n_set, n_erased = tonumber(n_sets), tonumber(n_set), tonumber(n_erased)\n"

"local found = redis.call('HMGET', meta, 'mode', 'lineage', 'bno', 'next', 'applying', 'boards', 'hashes')\n"
"local mode, its_lineage, bno, position = found[1], found[2], found[3] or '', found[4]\n"
"local function result(what)\n"
"  return {what, mode or '', its_lineage or '', bno, position or '', found[7] or ''}\n"
"end\n"
"local function less(a, b)\n"
"  if #a ~= #b then return #a < #b end\n"
"  return a < b\n"
"end\n"

/* The conditions, before anything is written. */
"local empty = not mode or (its_lineage == lineage and bno == '0' and position == '0')\n"
"local ours = mode and its_lineage == lineage\n"
"local none = '" VIEW_NO_HASHES "'\n"
"local alike = hashes and not found[7] or not hashes and found[7] and string.sub(found[6] or '', 1, #none) == none\n"
"local fits\n"
"if kind == 'batch' then\n"
"  fits = empty and expected == '0' or\n"
"    ours and mode == 'live' and not less(bno, expected) and less(bno, to)\n"
"else\n"
"  fits = ours and position == expected and (to == '0' or not less(to, bno))\n"
"end\n"
"if not first and found[5] ~= token then return result('interrupted') end\n"
"if first and not (fits and (alike or not mode)) then return result('refused') end\n"

"redis.call('HSET', meta, 'applying', token)\n"
"if first and kind == 'chunk' then redis.call('HSET', meta, 'mode', 'rebuilding') end\n"
"if not mode and not hashes then redis.call('HSET', meta, 'hashes', '0') end\n"
"if first and kind == 'batch' and empty then\n"
"  redis.call('HSET', meta, 'mode', 'live', 'lineage', lineage, 'updated_at', now, 'next', '0', 'bno', '0')\n"
"end\n"

/* Boards of an earlier model go: nobody would take those who are erased off them. Boards of accounts are listed
 * as account-rank:<name>, boards of leads by their names alone, in which there is no colon. */
"if first and found[6] ~= boards then\n"
"  local base = string.sub(meta, 1, -5)\n"
"  for name in string.gmatch(found[6] or '', '[^\\n]+') do\n"
"    if not string.find('\\n' .. boards, '\\n' .. name .. '\\n', 1, true) then\n"
"      redis.call('UNLINK', base .. (string.find(name, ':', 1, true) and name or 'rank:' .. name))\n"
"    end\n"
"  end\n"
"  redis.call('HSET', meta, 'boards', boards)\n"
"end\n"

"local a, k = 15, 1 + n_sets\n"
"local function call(command, key, list, from, to)\n"
"  while from <= to do\n"
"    local upto = math.min(from + " UNPACK_MAX " - 1, to)\n"
"    if key then redis.call(command, key, unpack(list, from, upto))\n"
"    else redis.call(command, unpack(list, from, upto)) end\n"
"    from = upto + 1\n"
"  end\n"
"end\n"

"local records = {}\n"
"for i = 1, n_set do\n"
"  records[2 * i - 1], records[2 * i] = KEYS[k + i], ARGV[a + i]\n"
"end\n"
"call('MSET', nil, records, 1, 2 * n_set)\n"
"call('UNLINK', nil, KEYS, k + n_set + 1, #KEYS)\n"
"a = a + n_set\n"

"for set = 2, 1 + n_sets do\n"
"  local n = 2 * tonumber(ARGV[a + 1])\n"
"  call('ZADD', KEYS[set], ARGV, a + 2, a + 1 + n)\n"
"  a = a + 1 + n\n"
"  n = tonumber(ARGV[a + 1])\n"
"  call('ZREM', KEYS[set], ARGV, a + 2, a + 1 + n)\n"
"  a = a + 1 + n\n"
"end\n"

"k = k + n_set + 2 * n_erased\n"
"for i = 1, hashes and n_set or 0 do\n"
"  local n = 2 * tonumber(ARGV[a + 1])\n"
"  call('HSET', KEYS[k + i], ARGV, a + 2, a + 1 + n)\n"
"  a = a + 1 + n\n"
"end\n"

"if last then\n"
"  redis.call('HSET', meta, 'next', after, 'updated_at', now)\n"
"  if to ~= '0' then\n"
"    redis.call('HSET', meta, 'mode', 'live', 'watermark', watermark, 'bno', to)\n"
"  end\n"
"  redis.call('HDEL', meta, 'applying')\n"
"end\n"
"return result('done')\n";
/* clang-format on */

/*
 * Keys: meta, and keys to be dropped. Arguments: token, and 1 if these were the last. Of a shard that is
 * being dropped `next` is -1, so that no chunk fits it, until all is gone. Result: 0 if somebody else has
 * written to the shard.
 */
/* clang-format off */
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
/* clang-format on */

const char *redis_script_text(RedisScript script) {
    static const char *const texts[] = {
            [REDIS_SCRIPT_WRITE] = write_script,
            [REDIS_SCRIPT_UNLINK] = unlink_script,
    };
    static_assert(ARRAY_SIZE(texts) == _REDIS_SCRIPT_MAX, "a text for each script");
    return texts[script];
}
