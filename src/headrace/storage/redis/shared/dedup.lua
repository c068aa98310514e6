-- Dedup keys that end with their job.

local function forget_deduplication(K, id, deid)
  local key = K .. 'de:' .. deid
  if redis.call('PTTL', key) == -1 and redis.call('GET', key) == id then
    redis.call('DEL', key)
  end
end
