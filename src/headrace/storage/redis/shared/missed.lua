-- uses: follow parents remove cancel
-- Node ends and removes jobs that are followed, and knows nothing of followers: `Recover` looks at some of these jobs, the
-- longest not looked at first, and tells who waits.

local LOOKED_AT_MAX = 1000 -- jobs that are followed, each time
local UNSEEN_MAX_MS = 5000 -- for longer none of them is left alone, however many there are
local ENDED_REST_MS = 60 * 60 * 1000 -- until one that has ended is looked at again: it may have been removed

-- Who knew of this failure, and was retried, waits for another end.
local function untold(ties)
  local found = {}
  for _, tie in ipairs(ties) do
    local edge = edge_between(tie.parent.key, tie.child.key)
    if edge and edge[VALUE] ~= tie.child.finished_at then
      found[#found + 1] = tie
    end
  end
  return found
end

-- Whether others are to be looked at now.
local function tell_missed(now)
  local completed, failed, gone = {}, {}, {}
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', FOLLOWED, '-inf', now, 'LIMIT', 0, LOOKED_AT_MAX)) do
    local is_followed, finished_at, result = unpack(redis.call('HMGET', key, 'hrq', 'finishedOn', 'returnvalue'), 1, 3)
    local child = { key = key, is_followed = true, value = result or reason_of(key), finished_at = finished_at }
    if not is_followed then
      gone[#gone + 1] = child
    elseif finished_at then
      table.insert(result and completed or failed, child)
    end
    redis.call('ZADD', FOLLOWED, finished_at and now + ENDED_REST_MS or now, key)
  end
  drop(tell_completed(ties_of(completed), now), now)
  call_off(tell_failed(untold(ties_of(failed)), now), now)
  local ties = ties_of(gone)
  forget_followers(gone)
  drop(tell_removed(ties, now), now)
  return redis.call('ZCOUNT', FOLLOWED, '-inf', now - UNSEEN_MAX_MS) > 0
end
