-- A job is to fail at its next claim.

-- The first deferred failure stays. `hrd` says since when.
local function defer(key, reason, now)
  if redis.call('HSETNX', key, 'defa', reason) == 1 then
    redis.call('HSET', key, 'hrd', now .. ':' .. reason)
  end
end
