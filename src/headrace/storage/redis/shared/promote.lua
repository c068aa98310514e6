-- uses: place usual events
-- Jobs whose delay has ended become ready.

local PROMOTED_MAX = 1000 -- of one queue, at once

local function promote(K, now)
  if is_usual(K) then
    return
  end
  local due = redis.call('ZRANGEBYSCORE', K .. 'delayed', 0, (now + 1) * 4096 - 1, 'LIMIT', 0, PROMOTED_MAX)
  if #due == 0 then
    return
  end
  redis.call('ZREM', K .. 'delayed', unpack(due))
  for _, id in ipairs(due) do
    local priority = redis.call('HGET', K .. id, 'priority')
    if priority then
      redis.call('HSET', K .. id, 'delay', 0)
      push_back(K, id, tonumber(priority), now)
      emit_ready(K, id, tonumber(priority), 'delayed')
    end
  end
end
