-- The key prefix of a queue, `P:Q:`, and the queues that this store has met, in that order: a sorted set. Node's are
-- met when somebody wants to claim from them, if there is anything.

local KEPT_MAX = 1000
local QUEUE_KEYS, KEPT = {}, { of = ARGV[1], count = 0 } -- made anew with another prefix
local known = {}

local function queue_key(name)
  local K = QUEUE_KEYS[name]
  if not K then
    if KEPT.count >= KEPT_MAX then
      QUEUE_KEYS, KEPT.count = {}, 0
    end
    K = ARGV[1] .. ':' .. name .. ':'
    QUEUE_KEYS[name], KEPT.count = K, KEPT.count + 1
  end
  return K
end

-- The queue and the id that a key of a job names; one of another prefix is read from the right, as BullMQ does.
local function ref_of(key)
  local start = ARGV[1] .. ':'
  if string.sub(key, 1, #start) == start then
    return string.match(string.sub(key, #start + 1), '^([^:]*):(.*)$')
  end
  return string.match(key, '([^:]*):([^:]*)$')
end

-- A queue that is known to be there.
local function know_again(queue)
  known[queue] = true
end

local function know(queue)
  if not known[queue] and not redis.call('ZSCORE', KEYS[1], queue) then
    local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
    redis.call('ZADD', KEYS[1], (tonumber(last[2]) or 0) + 1, queue)
    redis.call('ZADD', ARGV[1] .. '~::channels', 0, 'jobs/' .. queue)
  end
  known[queue] = true
end
