-- uses: limits member classes
-- Where the ready jobs of a queue stand that has limits per key: parked, in a line of their key. Of Node's `wait` and
-- `prioritized` they have only a few, the next in turn, none that may not run: what Node must not take it cannot see.
--
-- In `prefix~:<queue>:…` are `parked`, a sorted set of the jobs that are parked by class and position; `lines`, one of
-- `<key>\0<score><id>` in the order of bytes; `heads`, of each key that has a line when its turn comes; `turns`, a hash of
-- the place that a key got with its last turn, and of the counters `back` and `front`; `emptied`, the keys that had
-- none at a time since the last claim; `dealt`, a hash of the jobs that Node may take, each with its score and key;
-- `keyed`, of all unfinished jobs `<key>\0<id>`.

local MIDDLE = 2147483648 -- of a class; positions in front are below
local PARKED = { 'parked', 'lines', 'heads', 'turns', 'dealt', 'keyed', 'emptied' }
local DIGITS = 16

local function digits(score)
  return string.format('%016.0f', score)
end

-- The key of a job by the data that it came with; nil if the job is gone. The field `hrb` is `<member><key>`.
local function key_of(K, id, per_key)
  local known, data = unpack(redis.call('HMGET', K .. id, 'hrb', 'data'), 1, 2)
  local name = known and string.match(known, '^[%w_]*')
  if name == per_key.member then
    return string.sub(known, #name + 1)
  end
  local key = data and key_in(data, per_key.member)
  if key then
    redis.call('HSET', K .. id, 'hrb', per_key.member .. key)
  end
  return key or nil
end

-- A job counts for its key until it has finished or is gone.
local function enroll(K, id)
  local per_key = limits_of(K).per_key
  local key = per_key and key_of(K, id, per_key)
  if key then
    redis.call('ZADD', ours_key(K, 'keyed'), 0, key .. '\0' .. id)
  end
  return key
end

local function strike(K, id)
  local per_key = limits_of(K).per_key
  local key = per_key and key_of(K, id, per_key)
  if key then
    redis.call('ZREM', ours_key(K, 'keyed'), key .. '\0' .. id)
  end
end

-- A turn at the back, unless the job stands further back itself.
local function with_turn(score, turn)
  return turn and math.max(score, math.floor(score / CLASS) * CLASS + MIDDLE + turn) or score
end

local function rehead(K, key)
  local first = redis.call('ZRANGEBYLEX', ours_key(K, 'lines'), '[' .. key .. '\0', '(' .. key .. '\1', 'LIMIT', 0, 1)[1]
  if first then
    local score = tonumber(string.sub(first, #key + 2, #key + 1 + DIGITS))
    local turn = tonumber(redis.call('HGET', ours_key(K, 'turns'), key))
    redis.call('ZADD', ours_key(K, 'heads'), digits(with_turn(score, turn)), key)
  else
    redis.call('ZREM', ours_key(K, 'heads'), key)
    redis.call('SADD', ours_key(K, 'emptied'), key)
  end
end

local function rehead_all(K, keys)
  for key in pairs(keys) do
    rehead(K, key)
  end
end

-- There are no limits per key any more.
local function forget_lines(K)
  for _, name in ipairs(PARKED) do
    redis.call('DEL', ours_key(K, name))
  end
end

local function park(K, id, key, score)
  redis.call('ZADD', ours_key(K, 'parked'), digits(score), id)
  redis.call('ZADD', ours_key(K, 'lines'), 0, key .. '\0' .. digits(score) .. id)
end

local function pull(K, id, key, score)
  redis.call('ZREM', ours_key(K, 'parked'), id)
  redis.call('ZREM', ours_key(K, 'lines'), key .. '\0' .. digits(score) .. id)
end

-- A job leaves the line by hand.
local function unpark(K, id)
  local per_key = limits_of(K).per_key
  local score = per_key and tonumber(redis.call('ZSCORE', ours_key(K, 'parked'), id))
  if per_key then
    redis.call('HDEL', ours_key(K, 'dealt'), id)
  end
  if score then
    local key = key_of(K, id, per_key)
    pull(K, id, key, score)
    rehead(K, key)
  end
end

-- The score of a job among those that are parked, or nil.
local function parked_at(K, id)
  return tonumber(redis.call('ZSCORE', ours_key(K, 'parked'), id))
end

local function dealt_in(K)
  local flat, dealt = redis.call('HGETALL', ours_key(K, 'dealt')), {}
  for i = 1, #flat, 2 do
    dealt[flat[i]] = { score = tonumber(string.sub(flat[i + 1], 1, DIGITS)), key = string.sub(flat[i + 1], DIGITS + 1) }
  end
  return dealt
end

-- All that stands where Node takes jobs, in order; it stands there no more.
local function taken_back(K)
  local ids = {}
  repeat
    local page = redis.call('RPOP', K .. 'wait', 1000) or {}
    for _, id in ipairs(page) do
      ids[#ids + 1] = id
    end
  until #page == 0
  for _, id in ipairs(redis.call('ZRANGE', K .. 'prioritized', 0, -1)) do
    ids[#ids + 1] = id
  end
  redis.call('DEL', K .. 'prioritized')
  return ids
end

-- Everybody that is ready goes to his line. What was dealt and is there no more Node has taken: its key had a turn.
local function gather(K)
  local dealt, turns = dealt_in(K), ours_key(K, 'turns')
  local touched, behind, before = {}, {}, {}
  for _, id in ipairs(taken_back(K)) do
    local known = dealt[id]
    if known then
      park(K, id, known.key, known.score)
      touched[known.key], dealt[id] = true, nil
    else
      local list = fronted[K .. id] and before or behind
      list[#list + 1] = id
    end
  end
  table.sort(before, function(a, b) return fronted[K .. a] < fronted[K .. b] end)
  for counter, list in pairs({ back = behind, front = before }) do
    for _, id in ipairs(list) do
      local key = enroll(K, id)
      if key then
        local position = redis.call('HINCRBY', turns, counter, counter == 'back' and 1 or -1)
        local priority = tonumber(redis.call('HGET', K .. id, 'priority')) or 0
        park(K, id, key, priority * CLASS + MIDDLE + position)
        touched[key] = true
      end
    end
  end
  for _, gone in pairs(dealt) do
    redis.call('HSET', turns, gone.key, redis.call('HINCRBY', turns, 'back', 1))
    touched[gone.key] = true
  end
  redis.call('DEL', ours_key(K, 'dealt'))
  rehead_all(K, touched)
end
