-- uses: queues
-- flags: no-writes
-- Lines: the log lines of a job, from number `after` on.
--
-- ARGV: prefix, now or '', queue, id, after, limit. Answer: false or {lines, number of the first, how many ever}

local key, after, limit = queue_key(ARGV[3]) .. ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])

if redis.call('EXISTS', key) == 0 then
  return false
end
local gone = tonumber(redis.call('HGET', key, 'hrg') or 0)
local kept = redis.call('LLEN', key .. ':logs')
local first = math.max(after, gone)
local lines = limit > 0 and redis.call('LRANGE', key .. ':logs', first - gone, first - gone + limit - 1) or {}
return { lines, first, gone + kept }
