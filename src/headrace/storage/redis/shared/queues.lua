-- The queues that this store has met, in that order: a sorted set. Node's are met when they are claimed from.

local function know(queues)
  for queue in pairs(queues) do
    if not redis.call('ZSCORE', KEYS[1], queue) then
      redis.call('ZADD', KEYS[1], redis.call('ZCARD', KEYS[1]) + 1, queue)
    end
  end
end
