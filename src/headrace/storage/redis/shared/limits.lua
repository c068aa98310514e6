-- The limits of a queue, all in its `meta`: BullMQ's `concurrency`, `max` and `duration`, and of ours `hrmax`, how many jobs
-- may wait, and `hrkey`, {member: {running, waiting}} as JSON.

local limits = {} -- by queue key, as this command found them

local function ours_key(K, name)
  return ARGV[1] .. '~' .. string.sub(K, #ARGV[1] + 1) .. name
end

local function per_key_of(K, text)
  local start = ARGV[1] .. ':' -- a parent may be of another prefix, which is not ours to arrange
  if string.sub(K, 1, #start) == start then
    local member, capacity = next(cjson.decode(text))
    return { member = member, running = capacity.running, waiting = capacity.waiting }
  end
end

local function limits_of(K)
  if not limits[K] then
    local meta = redis.call('HMGET', K .. 'meta', 'paused', 'concurrency', 'max', 'duration', 'hrmax', 'hrkey',
      'opts.maxLenEvents')
    limits[K] = {
      is_paused = meta[1], concurrency = meta[2] and tonumber(meta[2]), max_waiting = meta[5] and tonumber(meta[5]),
      rate = meta[3] and meta[4] and { most = tonumber(meta[3]), per_ms = tonumber(meta[4]) },
      per_key = meta[6] and per_key_of(K, meta[6]), events_max = meta[7], -- a text
    }
  end
  return limits[K]
end

local function bounds_waiting(K)
  local of = limits_of(K)
  return of.max_waiting or (of.per_key and of.per_key.waiting)
end

-- Whether any of these queues bounds what waits.
local function is_bounded(queue_keys)
  for K in pairs(queue_keys) do
    if bounds_waiting(K) then
      return true
    end
  end
end
