-- The queues that this store has met, in that order: a sorted set. Node's are met when they are claimed from.

local known = {}

local function know(queue)
  if not known[queue] and not redis.call('ZSCORE', KEYS[1], queue) then
    local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
    redis.call('ZADD', KEYS[1], (tonumber(last[2]) or 0) + 1, queue)
  end
  known[queue] = true
end
