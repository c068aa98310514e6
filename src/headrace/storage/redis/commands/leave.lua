-- uses: clock workers
-- flags: allow-oom
-- Leave: a worker has stopped.
--
-- ARGV: prefix, now or '', id. Answer: 1 if it was known, else 0.

local id, now = ARGV[3], clock(ARGV[2])
local expires_at = tonumber(redis.call('ZSCORE', ALIVE, id))
redis.call('ZREM', ALIVE, id)
redis.call('HDEL', WORKERS, id)
return expires_at and expires_at > now and 1 or 0
