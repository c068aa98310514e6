-- uses: numbers record
-- The jobs of a queue in one state, in an order, from a place on: lists of { first, second, id }, sorted by both.
-- One more than wanted tells that there are more.

local CHUNK = 1000
local SETS = {
  completed = { is_descending = true, ties = 'number' }, failed = { is_descending = true, ties = 'number' },
  ['waiting-children'] = { ties = 'number' }, prioritized = { ties = 'text' }, delayed = { ties = 'text' },
}

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
local function behind_in_set(K, state, after, wanted)
  local set, found, offset = SETS[state], {}, 0
  local sign = set.is_descending and -1 or 1
  local range = set.is_descending and 'ZREVRANGEBYSCORE' or 'ZRANGEBYSCORE'
  local from = after and string.format('%.0f', sign * after[1]) or (set.is_descending and '+inf' or '-inf')
  local to = set.is_descending and '-inf' or '+inf'
  repeat
    local page = redis.call(range, K .. state, from, to, 'WITHSCORES', 'LIMIT', offset, CHUNK)
    for i = 1, #page, 2 do
      local id = page[i]
      local tie = set.ties == 'text' and id or sign * number_of(K .. id, id)
      local each = { sign * tonumber(page[i + 1]), tie, id }
      if not after or before(after, each) then
        found[#found + 1] = each
      end
    end
    offset = offset + CHUNK
  until #page < 2 * CHUNK or (#found > wanted and found[wanted + 1][1] ~= found[#found][1])
  return sorted_behind(found, after, wanted)
end

local function ids_in(K, state)
  if SETS[state] then
    return redis.call('ZRANGE', K .. state, 0, -1)
  end
  return redis.call('LRANGE', K .. (state == 'waiting' and 'wait' or state), 0, -1)
end

-- The layout has no order of arrival: the whole state is read.
local function behind_as_added(K, state, after, wanted)
  local all = {}
  local ids = ids_in(K, state)
  for i, number in ipairs(numbers_of(K, ids)) do
    all[i] = { number, 0, ids[i] }
  end
  return sorted_behind(all, after, wanted)
end

-- Nor one of the ends of leases.
local function behind_by_lease(K, after, wanted, now)
  local all = {}
  for i, id in ipairs(ids_in(K, 'active')) do
    all[i] = { lease_end(K .. id, now) or 0, number_of(K .. id, id), id }
  end
  return sorted_behind(all, after, wanted)
end
