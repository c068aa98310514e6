-- uses: numbers record lines
-- The jobs of a queue in one state, in an order, from a place on: lists of { first, second, id }, sorted by both.
-- One more than wanted tells that there are more.

local CHUNK = 1000
local LAST = 9007199254740991 -- behind every score
local LISTS_OF = { waiting = 'wait', active = 'active' }
local TIES_ARE_TEXT = { prioritized = true, delayed = true } -- of one score; the others go by number

local function before(a, b)
  if a[1] ~= b[1] then return a[1] < b[1] end
  return a[2] < b[2]
end

-- The first of all that stand behind `after`.
local function sorted_behind(all, after, wanted)
  local behind = {}
  for _, each in ipairs(all) do
    if not after or before(after, each) then
      behind[#behind + 1] = each
    end
  end
  table.sort(behind, before)
  for i = #behind, wanted + 2, -1 do
    behind[i] = nil
  end
  return behind
end

-- A sorted set is read from the score of `after` on, up to the end of the last score that is wanted: those of one
-- score are sorted here. A descending order is one by negative numbers.
local function behind_in_set(K, state, after, wanted, is_descending)
  local found, offset = {}, 0
  local sign = is_descending and -1 or 1
  local range = is_descending and 'ZREVRANGEBYSCORE' or 'ZRANGEBYSCORE'
  local from = after and string.format('%.0f', sign * after[1]) or (is_descending and '+inf' or '-inf')
  local to = is_descending and '-inf' or '+inf'
  repeat
    local page = redis.call(range, K .. state, from, to, 'WITHSCORES', 'LIMIT', offset, CHUNK)
    for i = 1, #page, 2 do
      local id = page[i]
      local tie = TIES_ARE_TEXT[state] and id or sign * number_of(K .. id, id)
      local each = { sign * tonumber(page[i + 1]), tie, id }
      if not after or before(after, each) then
        found[#found + 1] = each
      end
    end
    offset = offset + CHUNK
  until #page < 2 * CHUNK or (#found > wanted and found[wanted + 1][1] ~= found[#found][1])
  return sorted_behind(found, after, wanted)
end

-- The scores that jobs of a state may have where they are parked, from one on; nothing if none of them is ever parked.
local function parked_range(state, from)
  if state == 'waiting' then
    return digits(from), '(' .. CLASS
  elseif state == 'prioritized' then
    return digits(math.max(from, CLASS)), '+inf'
  end
end

-- In a queue with limits per key the ready jobs stand in their lines, but for the few that Node may take. What Node has
-- added since comes last.
local function behind_in_lines(K, state, after, wanted)
  local all, dealt = {}, dealt_in(K)
  local from, to = parked_range(state, after and after[1] or 0)
  local parked = redis.call('ZRANGEBYSCORE', ours_key(K, 'parked'), from, to, 'WITHSCORES', 'LIMIT', 0, wanted + 2)
  local ids = state == 'waiting' and redis.call('LRANGE', K .. 'wait', 0, -1) or redis.call('ZRANGE', K .. 'prioritized', 0, -1)
  for i = 1, #parked, 2 do
    all[#all + 1] = { tonumber(parked[i + 1]), parked[i], parked[i] }
  end
  for _, id in ipairs(ids) do
    all[#all + 1] = { dealt[id] and dealt[id].score or LAST, id, id }
  end
  return sorted_behind(all, after, wanted)
end

local function count_in(K, state)
  local list = LISTS_OF[state]
  local count = list and redis.call('LLEN', K .. list) or redis.call('ZCARD', K .. state)
  local from, to = parked_range(state, 0)
  return from and count + redis.call('ZCOUNT', ours_key(K, 'parked'), from, to) or count
end

-- The first ids of a state, from the end at which it is taken.
local function state_ids(K, state, count)
  local list = LISTS_OF[state]
  if parked_range(state, 0) and limits_of(K).per_key then
    local ids = {}
    for i, each in ipairs(behind_in_lines(K, state, nil, count)) do
      ids[i] = each[3]
    end
    return ids
  end
  if count == 0 then
    return {} -- `-count` would be -0, which Redis 7 takes for no number
  end
  return list and redis.call('LRANGE', K .. list, -count, -1) or redis.call('ZRANGE', K .. state, 0, count - 1)
end

-- The layout has no order of arrival: the whole state is read.
local function behind_as_added(K, state, after, wanted)
  local all = {}
  local ids = state_ids(K, state, count_in(K, state))
  for i, number in ipairs(numbers_of(K, ids)) do
    all[i] = { number, 0, ids[i] }
  end
  return sorted_behind(all, after, wanted)
end

-- Nor one of the ends of leases.
local function behind_by_lease(K, after, wanted, now)
  local all = {}
  for i, id in ipairs(state_ids(K, 'active', count_in(K, 'active'))) do
    all[i] = { lease_end(K .. id, now) or 0, number_of(K .. id, id), id }
  end
  return sorted_behind(all, after, wanted)
end
