-- BullMQ's metrics, of a queue that has them as a worker of Node's was asked to keep them: `K metrics:<target>` counts what
-- finished, and `K metrics:<target>:data` has of each minute how many did, the newest at the left. A minute is
-- added with the first end after it.

local POINTS_MAX = 14 * 24 * 60 -- Node's workers cut to the bound of theirs
local PUSHED_AT_ONCE = 1000

local function push_idle(key, minutes)
  for first = 1, minutes, PUSHED_AT_ONCE do
    local idle = {}
    for i = 1, math.min(PUSHED_AT_ONCE, minutes - first + 1) do
      idle[i] = 0
    end
    redis.call('LPUSH', key, unpack(idle))
  end
end

local function count_metrics(K, target, count, now)
  local key = K .. 'metrics:' .. target
  local before = redis.call('HINCRBY', key, 'count', count) - count
  local counted_at, counted = unpack(redis.call('HMGET', key, 'prevTS', 'prevCount'), 1, 2)
  if not counted_at then
    redis.call('HSET', key, 'prevTS', now, 'prevCount', 0)
    return
  end
  local minutes = math.min(math.floor(now / 60000) - math.floor(counted_at / 60000), POINTS_MAX)
  if minutes > 0 then
    redis.call('LPUSH', key .. ':data', before - (tonumber(counted) or 0))
    push_idle(key .. ':data', minutes - 1)
    redis.call('LTRIM', key .. ':data', 0, POINTS_MAX - 1)
    redis.call('HSET', key, 'prevTS', now, 'prevCount', before)
  end
end

-- Of a queue of which a worker of Node's keeps metrics.
local function write_metrics(K, completions, failures, now)
  if redis.call('EXISTS', K .. 'metrics:completed', K .. 'metrics:failed') == 0 then
    return
  end
  if completions > 0 then
    count_metrics(K, 'completed', completions, now)
  end
  if failures > 0 then
    count_metrics(K, 'failed', failures, now)
  end
end
