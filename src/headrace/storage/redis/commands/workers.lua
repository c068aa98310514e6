-- uses: clock workers
-- flags: allow-oom
-- Workers: those that live, in no order.
--
-- ARGV: prefix, now or ''. Answer: {now, {what it says of itself, started at, seen at, expires at} of each}.

local now = clock(ARGV[2])
forget_workers(now)
local found = {}
local alive = redis.call('ZRANGEBYSCORE', ALIVE, '(' .. string.format('%.0f', now), '+inf', 'WITHSCORES')
for i = 1, #alive, 2 do
  local kept = redis.call('HGET', WORKERS, alive[i])
  local started_at, seen_at, record = string.match(kept or '', '^(%d+):(%d+):(.*)$')
  if record then
    found[#found + 1] = { record, tonumber(started_at), tonumber(seen_at), tonumber(alive[i + 1]) }
  end
end
return { now, found }
