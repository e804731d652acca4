-- SPDX-License-Identifier: Apache-2.0
--
-- Readers
--
-- What the library of Redis Functions does for other programs (daemon/view/readers.h): the readable fields with all scores as of now, the best of a
-- board, and the clocks that run out next. Before this text the daemon puts NAME, the library's, DIGEST, which tells it from others, and
-- JSON, what readers have to know of the model.
--
-- The readable hashes have scores with six decimals, and those with linear and window decays as of their clock only, and there may be
-- none (redis.hashes). So all comes from the packed records (lib/record/record.h, lib/record/account_record.h), as in `scored lead`, with the names and
-- texts of the hashes (daemon/view/view_fields.h). A record is read up to where what is asked for has its place. One of another format, or of
-- another version of the model, is not taken apart: its reader falls back on the hash, and says so.
--
-- Nothing here writes. The library replaces none that knows more (daemon/io/redis/redis_library.h); a reader of any version has to get along
-- with records of earlier programs.

-- What the JSON says, and functions of Lua's libraries, which cost a tenth so: set by the first call, for when it is loaded this text cannot
-- get at them.
local MODEL, byte, sub, floor, unpack_struct

local FORMAT, FORMAT_ACCOUNT, FORMAT_MERGED, FORMAT_MERGED_1 = 1, 128, 126, 127
-- Up to where a lead's record is read: scores, tracks, clocks, profile.
local TRACKS, CLOCKS, PROFILE = 1, 2, 3
local FIELD_MAX, CUT_MARK = 64, '\226\128\166'
local EPSILON = 1e-9 -- below it a score is 0
local LEAST = 1 -- what is worth less stands on no board
local PAGE, LOOKED_AT_MAX = 50, 500 -- places of a sorted set: in one step, in one call
local ASKED_MAX = 100
-- A rank is a logarithm, rounded: the bound that follows from it is too low by less than that.
local ROUNDING = 1 + 1e-9

-- ---- bytes (lib/record/packing.h) ----

local function number(r)
  local at, scale = r.at, 128
  local value = byte(r.bytes, at)
  if value < 128 then
    r.at = at + 1
    return value
  end
  value = value - 128
  while true do
    at = at + 1
    local next_byte = byte(r.bytes, at)
    if next_byte < 128 then
      r.at = at + 1
      return value + next_byte * scale
    end
    value, scale = value + (next_byte - 128) * scale, scale * 128
  end
end

local function unzigzag(code)
  if code % 2 == 0 then return code / 2 end
  return -(code + 1) / 2
end

local function signed(r) return unzigzag(number(r)) end

local function double(r)
  local code = number(r)
  if code > 0 then return unzigzag(code - 1) end
  r.at = r.at + 8
  return (unpack_struct('<d', r.bytes, r.at - 8))
end

local function take(r, n)
  r.at = r.at + n
  return sub(r.bytes, r.at - n, r.at - 1)
end

local function text(r) return take(r, number(r)) end

local function text_or_none(r)
  local code = number(r)
  if code > 0 then return take(r, code - 1) end
end

local function past(r) return r.clock - signed(r) end

-- A time that is none, or never, is 0. Those behind the clock count the other way.
local function past_or_none(r)
  local code = number(r)
  if code > 0 then return r.clock - unzigzag(code - 1) end
end

local function future_or_never(r)
  local code = number(r)
  if code > 0 then return r.clock + unzigzag(code - 1) end
end

local function skip(r, n)
  for _ = 1, n do number(r) end
end

-- ---- scores (lib/lead/score_state.h, lib/lead/decay.h) ----

local function step_of(score) return math.max(floor(score.span / 64), 1) end

local function is_stepped(score) return score.decay == 'linear' or score.decay == 'window' end

local function read_score(r, score)
  if not is_stepped(score) then
    local at = past_or_none(r)
    return { at = at, value = double(r) }
  end
  local step, steps = step_of(score), {}
  local latest = r.clock - r.clock % step
  for i = 1, number(r) do
    local at = latest - number(r) * step
    steps[i] = { at = at, value = double(r) }
  end
  return { steps = steps }
end

local function halved(value, half_life, from, at)
  return value * 2 ^ math.min((from - at) / half_life, 1023)
end

-- Before it is read as 0.
local function raw_worth(state, score, at)
  if score.decay == 'none' then return state.value end
  if score.decay == 'half_life' then
    return state.at and halved(state.value, score.span, state.at, at) or 0
  end
  local value = 0
  for _, step in ipairs(state.steps) do
    local elapsed = at - step.at
    if elapsed < score.span then
      value = value + step.value * (score.decay == 'window' and 1 or 1 - elapsed / score.span)
    end
  end
  return value
end

local function as_read(value)
  if value < EPSILON and value > -EPSILON then return 0 end
  return value
end

-- ---- records ----

local function read_times(r)
  local times, n = {}, number(r)
  for i = 1, n do times[i] = i == 1 and past(r) or times[i - 1] + number(r) end
  return times
end

local function read_track(r, n_stages)
  local track = { stage = number(r) + 1, stages = {} }
  number(r) -- sequence
  local mask = number(r)
  for i = 1, n_stages do
    if mask % 2 == 1 then
      track.stages[i] = { entries = number(r), entered = past(r), left = past_or_none(r) }
    end
    mask = floor(mask / 2)
  end
  return track
end

local function read_tracks(r, of_model)
  local tracks = {}
  number(r) -- how many
  for i, track in ipairs(of_model) do tracks[i] = read_track(r, #track.stages) end
  return tracks
end

local function skip_levels(r)
  for _ = 1, number(r) do
    text(r)
    number(r)
  end
end

local function skip_event_id(r)
  local code = number(r)
  if code == 1 then
    take(r, 16)
  elseif code > 1 and code <= 65 then
    take(r, code - 1)
  end
end

local function read_clock(r)
  local head = number(r)
  if head % 4 == 0 then return {} end -- none is open, nor can one be revised
  local clock = { is_open = head % 4 == 1, breached = floor(head / 4) % 2 }
  clock.started = past(r)
  clock.due = future_or_never(r)
  clock.calendar = number(r)
  head = number(r)
  local has_times, n_pauses = head >= 512, floor(head % 512 / 4)
  clock.is_paused = head % 2 == 1
  skip(r, (head % 4 >= 2 and 2 or 0) + 2 * n_pauses - head % 2)
  if has_times then
    skip(r, 2)
    skip_levels(r)
    skip_levels(r)
  end
  skip(r, 2) -- levels that were told
  skip_event_id(r)
  return clock
end

local function skip_award(r)
  skip(r, 2)
  double(r)
  number(r)
  skip_event_id(r)
end

local function read_value(r)
  local code = number(r)
  if code <= 1 then return code == 1 end
  if code == 2 then return signed(r) end
  if code == 3 then return double(r) end
  return text(r)
end

local function read_profile(r)
  local profile = {}
  for _ = 1, number(r) do skip_award(r) end
  for _ = 1, number(r) do
    local name = text(r)
    profile[name] = read_value(r)
  end
  return profile
end

-- What stands behind the scores, as far as it is asked for.
local function read_rest(r, lead, asks)
  if asks < TRACKS then return end
  number(r)
  lead.counters = {}
  for i = 1, #MODEL.counters do lead.counters[i] = read_times(r) end
  for _ = 1, number(r) do read_times(r) end -- limits
  for _ = 1, number(r) do skip(r, 2) end -- idle rules
  lead.tracks = read_tracks(r, MODEL.tracks)
  if asks < CLOCKS then return end
  number(r)
  lead.clocks = {}
  for i = 1, #MODEL.policies do lead.clocks[i] = read_clock(r) end
  if asks >= PROFILE then lead.profile = read_profile(r) end
end

local function opened(bytes, format)
  local r = { bytes = bytes, at = 2 }
  if byte(bytes, 1) ~= format or signed(r) ~= MODEL.version then return nil end
  r.clock = signed(r)
  return r
end

-- nil: it cannot be read by this model.
local function read_lead(bytes, asks)
  local r = opened(bytes, FORMAT)
  if not r then return nil end
  local lead = { clock = r.clock, scores = {} }
  lead.account = text_or_none(r)
  lead.first_source, lead.last_source = text_or_none(r), text_or_none(r)
  number(r) -- when the first source came
  lead.active = past_or_none(r)
  lead.segment = number(r) + 1
  lead.route = number(r)
  number(r) -- ordinal
  local internal, sla = future_or_never(r), future_or_never(r)
  lead.next_moment = internal and sla and math.min(internal, sla) or internal or sla
  take(r, 16 * number(r)) -- ids of events
  number(r)
  for i, score in ipairs(MODEL.scores) do lead.scores[i] = read_score(r, score) end
  read_rest(r, lead, asks)
  return lead
end

local function read_member(r)
  local member, clock = { scores = {} }, r.clock
  text(r)
  r.clock = past(r)
  member.committee = past_or_none(r)
  number(r) -- entries awaited
  for i, score in ipairs(MODEL.account_scores) do member.scores[i] = read_score(r, score) end
  r.clock = clock
  return member
end

local function read_account(bytes)
  local r = opened(bytes, FORMAT_ACCOUNT)
  if not r then return nil end
  local account = { clock = r.clock, members = {} }
  number(r) -- ordinal
  account.next_moment = future_or_never(r)
  account.tracks = read_tracks(r, MODEL.account_tracks)
  number(r)
  for i = 1, number(r) do account.members[i] = read_member(r) end
  return account
end

-- ---- values ----

local function lead_score(lead, i, at) return as_read(raw_worth(lead.scores[i], MODEL.scores[i], at)) end

local function account_score(account, i, at)
  local score, value = MODEL.account_scores[i], 0
  for _, member in ipairs(account.members) do value = value + raw_worth(member.scores[i], score, at) end
  return as_read(score.max and math.min(value, score.max) or value)
end

local function committee(account, at)
  local n = 0
  for _, member in ipairs(account.members) do
    if member.committee and at - member.committee < MODEL.window then n = n + 1 end
  end
  return n
end

local function is_number(value) return type(value) == 'number' end

local function finite(value)
  if value == value and math.abs(value) < math.huge then return value end
end

local function arithmetic(fn)
  return function(a, b)
    if is_number(a) and is_number(b) then return finite(fn(a, b)) end
  end
end

local function number_of(value)
  if type(value) ~= 'string' then return is_number(value) and value or nil end
  if #value >= 64 or not string.find(value, '^[%d+%-.][%d+%-.eE]*$') then return nil end
  local found = tonumber(value)
  return found and finite(found)
end

-- Two to one.
local binary = {
  ['+'] = arithmetic(function(a, b) return a + b end),
  ['-'] = arithmetic(function(a, b) return a - b end),
  ['*'] = arithmetic(function(a, b) return a * b end),
  ['/'] = arithmetic(function(a, b) return b ~= 0 and a / b or math.huge end),
  min = arithmetic(function(a, b) return math.min(a, b) end),
  max = arithmetic(function(a, b) return math.max(a, b) end),
  default = function(a, b)
    if a == nil then return b end
    return a
  end,
  -- A comparison, whatever comes of it: a truth is no number, and makes none.
  truth = function() return false end,
}

-- One to one.
local unary = {
  negate = function(a) return is_number(a) and -a or nil end,
  number = number_of,
  is = function() return false end,
}

local function elapsed(from, at) return from and at - from end

local function stage(lead, track, i) return lead.tracks[track].stages[i] or {} end

local derived_value

local function count(times, from, to)
  local n = 0
  for _, time in ipairs(times) do
    if time > from and time <= to then n = n + 1 end
  end
  return n
end

-- None to one, of a lead at an instant.
local push = {
  constant = function(_, _, value) return value end,
  none = function() return nil end,
  param = function(lead, _, i) return MODEL.params[lead.segment][i] end,
  score = function(lead, at, i) return lead_score(lead, i, at) end,
  derived = function(lead, at, i) return derived_value(lead, i, at) end,
  profile = function(lead, _, name) return lead.profile[name] end,
  first_source = function(lead) return lead.first_source end,
  last_source = function(lead) return lead.last_source end,
  counter = function(lead, at, i) return count(lead.counters[i], at - MODEL.counters[i], at) end,
  age = function(lead, at, track) return at - stage(lead, track, lead.tracks[track].stage).entered end,
  since = function(lead, at, track, i) return elapsed(stage(lead, track, i).entered, at) end,
  left = function(lead, at, track, i) return elapsed(stage(lead, track, i).left, at) end,
  entries = function(lead, _, track, i) return stage(lead, track, i).entries or 0 end,
  idle = function(lead, at) return elapsed(lead.active, at) end,
}

-- The model's program, in postfix order. nil: no number.
function derived_value(lead, i, at)
  local stack, n = {}, 0
  for _, op in ipairs(MODEL.derived[i].program) do
    local name = op[1]
    if unary[name] then
      stack[n] = unary[name](stack[n])
    elseif binary[name] then
      n = n - 1
      stack[n] = binary[name](stack[n], stack[n + 1])
    elseif name == 'drop' then -- the items of a list, and all but the one before them
      n = n - op[2]
      stack[n] = false
    else
      n = n + 1
      stack[n] = push[name](lead, at, op[2], op[3])
    end
  end
  return is_number(stack[1]) and stack[1] or nil
end

-- ---- keys and arguments ----

local function fail(message) return redis.error_reply('ERR ' .. message) end

local function now_of(args, i)
  if args[i] then return tonumber(args[i]) end
  local time = redis.call('TIME')
  return time[1] * 1000 + floor(time[2] / 1000)
end

-- What the shard's keys begin with, and what follows the kind of key.
local function split(key, kind)
  local base, rest = string.match(key or '', '^(.-:{%d+}:)(.*)$')
  if base and sub(rest, 1, #kind) == kind then return base, sub(rest, #kind + 1) end
end

local function print_number(value) return string.format('%.15g', value) end

local function add(reply, name, value)
  reply[#reply + 1] = name
  reply[#reply + 1] = value
end

-- ---- one lead, one account ----

-- As in a hash.
local function cut(value)
  if #value <= FIELD_MAX then return value end
  local n = FIELD_MAX - #CUT_MARK
  for back = 0, 3 do -- no character is cut in two
    local code = byte(value, n - back + 1)
    if code < 128 or code >= 192 then return sub(value, 1, n - back) .. CUT_MARK end
  end
  return sub(value, 1, n) .. CUT_MARK
end

local function add_text(reply, name, value)
  if value then add(reply, name, cut(value)) end
end

local function print_integer(value) return string.format('%d', value) end

local function add_time(reply, name, at)
  if at then add(reply, name, print_integer(at)) end
end

local function add_stages(reply, tracks, of_model)
  for i, track in ipairs(of_model) do add(reply, track.stage, track.stages[tracks[i].stage]) end
end

local function add_sinces(reply, tracks, of_model)
  for i, track in ipairs(of_model) do add_time(reply, track.since, tracks[i].stages[tracks[i].stage].entered) end
end

local function add_clocks(reply, clocks)
  for i, policy in ipairs(MODEL.policies) do
    local clock = clocks[i]
    if clock.is_open then
      local due = clock.due and print_integer(clock.due) or clock.is_paused and 'paused' or 'never'
      local calendar = MODEL.calendars[clock.calendar]
      add_text(reply, policy.name, print_integer(clock.started) .. '/' .. due .. '/' .. clock.breached .. (calendar and '/' .. calendar or ''))
    end
  end
end

local function add_lead_fields(reply, lead)
  add_time(reply, 'clock', lead.clock)
  add_time(reply, 'next_moment', lead.next_moment)
  add_text(reply, 'account', lead.account)
  add(reply, 'segment', MODEL.segments[lead.segment])
  add_text(reply, 'route', MODEL.routes[lead.route])
  add_stages(reply, lead.tracks, MODEL.tracks)
  add_clocks(reply, lead.clocks)
  add_sinces(reply, lead.tracks, MODEL.tracks)
  add_text(reply, 'first_source', lead.first_source)
  add_text(reply, 'last_source', lead.last_source)
end

local function add_account_fields(reply, account, at)
  add_time(reply, 'clock', account.clock)
  add_time(reply, 'next_moment', account.next_moment)
  add(reply, 'members', tostring(#account.members))
  add(reply, 'committee', tostring(committee(account, at)))
  add_stages(reply, account.tracks, MODEL.account_tracks)
  add_sinces(reply, account.tracks, MODEL.account_tracks)
end

-- The fields of a hash but for scores and their times, in the order in which they come.
local function add_other_fields(reply, fields)
  for i = 1, #fields, 2 do
    if not string.find(fields[i], '^score:') and not string.find(fields[i], '^at:') then
      add(reply, fields[i], fields[i + 1])
    end
  end
end

-- Half-lives are applied; all else is as it stands there, with its time.
local function add_scores_of_fields(reply, fields, scores, at)
  local times, half_lives = {}, {}
  for _, score in ipairs(scores) do
    if score.decay == 'half_life' then half_lives[score.id] = score.span end
  end
  for i = 1, #fields, 2 do
    local id = string.match(fields[i], '^at:(.*)$')
    if id then times[id] = tonumber(fields[i + 1]) end
  end
  for i = 1, #fields, 2 do
    local id = string.match(fields[i], '^score:(.*)$')
    if id and times[id] and half_lives[id] then
      add(reply, fields[i], print_number(halved(tonumber(fields[i + 1]), half_lives[id], times[id], at)))
    elseif id then
      add(reply, fields[i], fields[i + 1])
      add_time(reply, 'at:' .. id, times[id])
    end
  end
end

local function add_lead_values(reply, lead, at)
  for i, score in ipairs(MODEL.scores) do add(reply, 'score:' .. score.id, print_number(lead_score(lead, i, at))) end
  for i, derived in ipairs(MODEL.derived) do
    local value = derived_value(lead, i, at)
    if value then add(reply, 'derived:' .. derived.id, print_number(value)) end
  end
end

local function add_account_values(reply, account, at)
  for i, score in ipairs(MODEL.account_scores) do
    add(reply, 'score:' .. score.id, print_number(account_score(account, i, at)))
  end
end

-- Of one whose record cannot be read.
local function read_hash(key, now, kind)
  local fields, clock = redis.call('HGETALL', key), 0
  local why = 'the record is not of version ' .. MODEL.version .. ' of the model ' .. MODEL.model
  if #fields == 0 then return { 'unread', why } end
  for i = 1, #fields, 2 do
    if fields[i] == 'clock' then clock = tonumber(fields[i + 1]) end
  end
  local reply, at = {}, math.max(now, clock)
  add_time(reply, 'at', at)
  add_other_fields(reply, fields)
  add_scores_of_fields(reply, fields, MODEL[kind.scores], at)
  add(reply, 'approximate', why)
  return reply
end

local function merged_into(bytes)
  local format = byte(bytes, 1)
  if format == FORMAT_MERGED or format == FORMAT_MERGED_1 then return text { bytes = bytes, at = 2 } end
end

-- As of `now`, or of its clock if that is later.
local function read_entity(key, args, kind)
  local base, id = split(key, kind.hash)
  local now = now_of(args, 1)
  if not base or not now then
    return fail('usage: FCALL_RO ' .. NAME .. '_' .. kind.name .. ' 1 ' .. MODEL.prefix .. ':{TAG}:' .. kind.hash .. 'ID [NOW]')
  end
  local bytes = redis.call('GET', base .. kind.record .. id)
  if not bytes then return false end
  local other = merged_into(bytes)
  if other then return { 'merged_into', cut(other) } end
  local entity = kind.read(bytes, math.max(MODEL.asks, CLOCKS))
  if not entity then return read_hash(key, now, kind) end
  local reply, at = {}, math.max(now, entity.clock)
  add_time(reply, 'at', at)
  kind.add_fields(reply, entity, at)
  kind.add_values(reply, entity, at)
  return reply
end

local LEAD = {
  name = 'lead', hash = 'lead:', record = 'record:', rank = 'rank:', read = read_lead, add_fields = add_lead_fields,
  add_values = add_lead_values,
  scores = 'scores', boards = 'boards',
}
local ACCOUNT = {
  name = 'account', hash = 'account:', record = 'account-record:', rank = 'account-rank:', read = read_account,
  add_fields = add_account_fields, add_values = add_account_values, scores = 'account_scores', boards = 'account_boards',
}

-- ---- lists ----

-- The best n: in order, by `is_before`.
local function keep(list, item, n, is_before)
  local i = #list
  while i > 0 and is_before(item, list[i]) do i = i - 1 end
  if i == n then return end
  table.insert(list, i + 1, item)
  if #list > n then table.remove(list) end
end

-- Goes along a sorted set from a place until `is_done` says so of a place's score: 0. Else where to go on: one call must not hold up the
-- server's other clients.
local function walk(command, key, begin, is_done, look)
  for from = begin, begin + LOOKED_AT_MAX - 1, PAGE do
    local places = redis.call(command, key, from, from + PAGE - 1, 'WITHSCORES')
    for i = 1, #places, 2 do
      if is_done(tonumber(places[i + 1])) then return 0 end
      look(places[i])
    end
    if #places < 2 * PAGE then return 0 end
  end
  return begin + LOOKED_AT_MAX
end

-- What a list was asked for: how many, from which place on, and what an item must come up to. nil: not as it has to be.
local function list_asked(args, i_from, bound)
  local asked = { n = tonumber(args[1] or 10), from = tonumber(args[i_from] or 0), bound = tonumber(args[i_from + 1] or bound) }
  local n, from = asked.n, asked.from
  if n and n >= 1 and n <= ASKED_MAX and from and from >= 0 and from % 1 == 0 and asked.bound then return asked end
end

local function by_value(a, b)
  if a.value ~= b.value then return a.value > b.value end
  return a.id < b.id
end

local function value_on(board, kind, entity, at)
  if kind == ACCOUNT then return account_score(entity, board.score, at) end
  if board.derived then return derived_value(entity, board.derived, at) end
  return lead_score(entity, board.score, at)
end

-- A place tells a bound of the present value (daemon/view/view_fields.h), the record tells the value.
local function list_best(keys, args, kind)
  local base, name = split(keys[1], kind.rank)
  local asked, now = list_asked(args, 3, LEAST), now_of(args, 2)
  if not base or not asked or not now then
    return fail('usage: FCALL_RO ' .. NAME .. '_' .. kind.name .. 's 1 ' .. MODEL.prefix .. ':{TAG}:' .. kind.rank ..
                'BOARD [N, 1 to ' .. ASKED_MAX .. ' [NOW [FROM [LEAST]]]]')
  end
  local board = MODEL[kind.boards][name]
  if not board then return fail('the model ' .. MODEL.model .. ' has no board ' .. name) end
  local n, best, n_unread = asked.n, {}, 0
  local least = math.max(asked.bound, LEAST)
  local function is_done(rank)
    local bound = 2 ^ (board.half_life > 0 and rank - now / board.half_life or rank) * ROUNDING
    return bound < least or #best == n and best[n].value >= bound
  end
  local function look(id)
    local bytes = redis.call('GET', base .. kind.record .. id)
    local entity = bytes and kind.read(bytes, board.asks)
    if not entity then
      n_unread = n_unread + 1
      return
    end
    local value = value_on(board, kind, entity, math.max(now, entity.clock))
    if value and value >= least then keep(best, { id = id, value = value }, n, by_value) end
  end
  local next_place = walk('ZREVRANGE', keys[1], asked.from, is_done, look)
  local list = {}
  for i, item in ipairs(best) do list[i] = { item.id, print_number(item.value) } end
  return { next_place, list, n_unread }
end

local function by_due(a, b)
  if a.due ~= b.due then return a.due < b.due end
  if a.id ~= b.id then return a.id < b.id end
  return a.policy < b.policy
end

-- Those that run and are not breached yet. nil: that cannot be read.
local function clocks_of(base, id)
  local bytes, found = redis.call('GET', base .. 'record:' .. id), {}
  local lead = bytes and read_lead(bytes, CLOCKS)
  for i, clock in ipairs(lead and lead.clocks or {}) do
    if clock.is_open and clock.due and clock.breached == 0 then
      found[#found + 1] = { id = id, policy = MODEL.policies[i].id, started = clock.started, due = clock.due }
    end
  end
  if lead then return found end
  local fields = redis.call('HGETALL', base .. 'lead:' .. id)
  for i = 1, #fields, 2 do
    local policy = string.match(fields[i], '^sla:(.*)$')
    local started, due = string.match(policy and fields[i + 1] or '', '^(%d+)/(%d+)/0')
    if due then found[#found + 1] = { id = id, policy = policy, started = tonumber(started), due = tonumber(due) } end
  end
  return #fields > 0 and found or nil
end

-- An open clock that is not breached is due no earlier than its lead's next moment.
local function list_clocks(keys, args)
  local base, rest = split(keys[1], 'moments')
  local asked = list_asked(args, 2, math.huge)
  if rest ~= '' or not asked then
    return fail('usage: FCALL_RO ' .. NAME .. '_clocks 1 ' .. MODEL.prefix .. ':{TAG}:moments [N, 1 to ' .. ASKED_MAX .. ' [FROM [UNTIL]]]')
  end
  local n, first, n_unread = asked.n, {}, 0
  local function is_done(moment) return moment > asked.bound or #first == n and first[n].due <= moment end
  local function look(id)
    local clocks = clocks_of(base, id)
    if not clocks then n_unread = n_unread + 1 end
    for _, clock in ipairs(clocks or {}) do
      if clock.due <= asked.bound then keep(first, clock, n, by_due) end
    end
  end
  local next_place = walk('ZRANGE', keys[1], asked.from, is_done, look)
  local list = {}
  for i, item in ipairs(first) do list[i] = { item.id, item.policy, print_integer(item.due), print_integer(item.started) } end
  return { next_place, list, n_unread }
end

-- ---- where a lead or an account is ----

local function times_32(a, b)
  local low, high = a % 65536, floor(a / 65536)
  return (low * b + high * b % 65536 * 65536) % 4294967296
end

local function xor(a, b) return bit.bxor(a, b) % 4294967296 end

-- The Java clients' default partitioner.
local function murmur2(key)
  local M = 0x5bd1e995
  local hash = xor(0x9747b28c, #key)
  for i = 1, #key - 3, 4 do
    local a, b, c, d = string.byte(key, i, i + 3)
    local k = times_32(a + b * 256 + c * 65536 + d * 16777216, M)
    k = times_32(xor(k, bit.rshift(k, 24)), M)
    hash = xor(times_32(hash, M), k)
  end
  local n_left = #key % 4
  if n_left > 0 then
    local a, b, c = string.byte(key, #key - n_left + 1, #key)
    hash = times_32(xor(hash, a + (b or 0) * 256 + (c or 0) * 65536), M)
  end
  hash = times_32(xor(hash, bit.rshift(hash, 13)), M)
  return xor(hash, bit.rshift(hash, 15))
end

local function find_key(_, args)
  local kind = args[1] == 'lead' and LEAD or args[1] == 'account' and ACCOUNT
  if not kind or not args[2] then return fail('usage: FCALL_RO ' .. NAME .. '_key 0 lead|account ID') end
  if MODEL.partitioner ~= 'murmur2_random' then
    return fail('kafka.partitioner is ' .. MODEL.partitioner .. ': ask scored ' .. kind.name .. ' ID --key')
  end
  local shard = murmur2(args[2]) % 2147483648 % #MODEL.tags
  return MODEL.prefix .. ':{' .. MODEL.tags[shard + 1] .. '}:' .. kind.hash .. args[2]
end

-- The shards' tags, in the order of the partitions.
local function list_tags() return MODEL.tags end

local function tell_version() return { tostring(MODEL.readers), MODEL.model, string.format('%d', MODEL.version), DIGEST } end

-- ---- names ----

local function offer(name, callback)
  local function with_model(keys, args)
    if not MODEL then
      MODEL, byte, sub, floor, unpack_struct = cjson.decode(JSON), string.byte, string.sub, math.floor, struct.unpack
    end
    return callback(keys, args)
  end
  redis.register_function { function_name = NAME .. '_' .. name, callback = with_model, flags = { 'no-writes' } }
end

offer('lead', function(keys, args) return read_entity(keys[1], args, LEAD) end)
offer('account', function(keys, args) return read_entity(keys[1], args, ACCOUNT) end)
offer('leads', function(keys, args) return list_best(keys, args, LEAD) end)
offer('accounts', function(keys, args) return list_best(keys, args, ACCOUNT) end)
offer('clocks', list_clocks)
offer('key', find_key)
offer('tags', list_tags)
offer('version', tell_version)
