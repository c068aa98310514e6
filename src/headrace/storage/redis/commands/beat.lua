-- uses: clock workers
-- flags: allow-oom
-- Beat: a worker lives.
--
-- ARGV: prefix, now or '', id, ttl in ms, what the worker says of itself as JSON. Answer: 1

local id, ttl_ms = ARGV[3], tonumber(ARGV[4])
local now = clock(ARGV[2])
forget_workers(now)
local expires_at = tonumber(redis.call('ZSCORE', ALIVE, id))
local known = expires_at and expires_at > now and redis.call('HGET', WORKERS, id)
local started_at = known and string.match(known, '^%d+') or now
redis.call('HSET', WORKERS, id, started_at .. ':' .. now .. ':' .. ARGV[5])
redis.call('ZADD', ALIVE, now + ttl_ms, id)
return 1
