-- uses: remove
-- Which finished jobs go.

local REMOVED_MAX = 1000 -- jobs removed by retention in one settlement

local function erase_all(K, target, ids, now)
  if #ids == 0 then
    return
  end
  redis.call('ZREM', K .. target, unpack(ids))
  local keys = {}
  for i, id in ipairs(ids) do
    keys[i] = K .. id
  end
  erase(keys, now)
end

-- The `count` newest stay, none older than `age_ms`; the oldest go first.
local function retain(K, target, count, age_ms, now)
  if age_ms then
    local old = redis.call('ZRANGEBYSCORE', K .. target, '-inf', now - age_ms, 'LIMIT', 0, REMOVED_MAX)
    erase_all(K, target, old, now)
  end
  if count then
    local excess = redis.call('ZCARD', K .. target) - count
    if excess > 0 then
      erase_all(K, target, redis.call('ZRANGE', K .. target, 0, math.min(excess, REMOVED_MAX) - 1), now)
    end
  end
end
