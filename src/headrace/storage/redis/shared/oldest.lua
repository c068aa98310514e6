-- uses: lines
-- How long the ready job that waits longest has stood ready.
--
-- Our field `hrs` says since when, where a job did not become ready with its add; Node does not write it. A job that
-- was started since then was made ready by Node, at an instant that nobody wrote down: that start stands for it.

local LOOKED_MAX = 1000 -- jobs looked at in each of the two orders
local CLASSES_MAX = 100 -- priorities that are looked at

local function ready_at(K, id)
  local job = redis.call('HMGET', K .. id, 'hrs', 'timestamp', 'processedOn')
  return math.max(tonumber(job[1] or job[2]) or 0, tonumber(job[3]) or 0)
end

-- In the list the older ones stand further right, but for those that were put in front of them: these stand still
-- further right, the newest first. So from the right end the age grows, and where it falls the oldest was seen.
local function oldest_waiting(K)
  local oldest
  for i = 1, math.min(LOOKED_MAX, redis.call('LLEN', K .. 'wait')) do
    local at = ready_at(K, redis.call('LINDEX', K .. 'wait', -i))
    if oldest and at > oldest then
      return oldest
    end
    oldest = at
  end
  local left = redis.call('LINDEX', K .. 'wait', 0)
  return left and math.min(oldest, ready_at(K, left))
end

-- The first of each class, and those that were put in front of it.
local function oldest_prioritized(K)
  local oldest, from, classes, class = nil, '-inf', 0, nil
  while true do
    local id, score = unpack(redis.call('ZRANGEBYSCORE', K .. 'prioritized', from, '+inf', 'WITHSCORES', 'LIMIT', 0, 1))
    if not id then
      return oldest
    end
    score = tonumber(score)
    if class ~= math.floor(score / 4294967296) then
      class, classes = math.floor(score / 4294967296), classes + 1
      if classes > CLASSES_MAX then
        return oldest
      end
    end
    oldest = math.min(oldest or math.huge, ready_at(K, id))
    local is_in_front = score % 4294967296 == 0
    from = string.format(is_in_front and '(%.0f' or '%.0f', is_in_front and score or (class + 1) * 4294967296)
    if is_in_front then
      for _, other in ipairs(redis.call('ZRANGEBYSCORE', K .. 'prioritized', score, score, 'LIMIT', 1, LOOKED_MAX)) do
        oldest = math.min(oldest, ready_at(K, other))
      end
    end
  end
end

-- With limits per key no place tells of age: of those that are next, and as many that are parked.
local function oldest_in_lines(K)
  local oldest, parked = nil, redis.call('ZRANGE', ours_key(K, 'parked'), 0, LOOKED_MAX - 1)
  local waiting = redis.call('LRANGE', K .. 'wait', -LOOKED_MAX, -1)
  local prioritized = redis.call('ZRANGE', K .. 'prioritized', 0, LOOKED_MAX - 1)
  for _, ids in ipairs({ parked, waiting, prioritized }) do
    for _, id in ipairs(ids) do
      oldest = math.min(oldest or math.huge, ready_at(K, id))
    end
  end
  return oldest
end

local function oldest_ms(K, now)
  local at = limits_of(K).per_key and oldest_in_lines(K)
    or math.min(oldest_waiting(K) or math.huge, oldest_prioritized(K) or math.huge)
  return at < math.huge and math.max(now - at, 0)
end
