-- The limits of a queue, all in its `meta`: BullMQ's `concurrency`, and of ours `hrmax`, how many jobs may wait.

local limits = {} -- by queue key, as this command found them

local function limits_of(K)
  if not limits[K] then
    local meta = redis.call('HMGET', K .. 'meta', 'concurrency', 'hrmax')
    limits[K] = { concurrency = tonumber(meta[1]), max_waiting = tonumber(meta[2]) }
  end
  return limits[K]
end
