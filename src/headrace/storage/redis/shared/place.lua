-- uses: wake classes usual
-- Where a job stands in its queue. `wait` is taken from the right; scores are BullMQ's. `since` is the instant at which
-- a job becomes ready, if that is not the one of its add.

local function push_back(K, id, priority, since)
  if since then
    redis.call('HSET', K .. id, 'hrs', since)
  end
  if priority > 0 then
    local turn = redis.call('INCR', K .. 'pc') % CLASS
    redis.call('ZADD', K .. 'prioritized', priority * CLASS + turn, id)
  else
    redis.call('LPUSH', K .. 'wait', id)
  end
  woken[K] = true
end

-- Of several prioritized jobs put in front of one class, the layout keeps no order but that of their ids.
local function push_front(K, id, priority, since)
  fronts = fronts + 1
  fronted[K .. id] = fronts
  if since then
    redis.call('HSET', K .. id, 'hrs', since)
  end
  if priority > 0 then
    redis.call('ZADD', K .. 'prioritized', priority * CLASS, id)
  else
    redis.call('RPUSH', K .. 'wait', id)
  end
  woken[K] = true
end

-- First in, first out for the first 4096 jobs of one millisecond.
local function delay_until(K, id, at)
  local lowest = at * 4096
  local highest = lowest + 4095
  local last = redis.call('ZREVRANGEBYSCORE', K .. 'delayed', highest, lowest, 'WITHSCORES', 'LIMIT', 0, 1)
  local score = last[2] and math.min(last[2] + 1, highest) or lowest
  redis.call('ZADD', K .. 'delayed', score, id)
  make_unusual(K)
  postponed[K] = true
end
