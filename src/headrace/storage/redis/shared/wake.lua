-- uses: limits turns usual
-- Wakes sleeping workers by BullMQ's marker: member '0' says that there is work, '1' when the next delayed job is due.

local woken = {} -- queues with new work
local postponed = {} -- queues whose delayed jobs changed

local function is_closed(K)
  local of = limits_of(K)
  return of.is_paused or (of.concurrency and redis.call('LLEN', K .. 'active') >= of.concurrency)
    or (of.per_key and redis.call('EXISTS', K .. 'wait', K .. 'prioritized') == 0)
end

local function next_due(K)
  local head = redis.call('ZRANGE', K .. 'delayed', 0, 0, 'WITHSCORES')
  return head[2] and head[2] / 4096
end

-- Once at the end of a command. In a queue with limits per key, those that became ready go to their lines first.
local function wake()
  for K in pairs(woken) do
    if limits_of(K).per_key then
      arrange(K)
    end
    if not is_closed(K) then
      redis.call('ZADD', K .. 'marker', 0, '0')
    end
    woken[K] = nil
  end
  for K in pairs(postponed) do
    local due = next_due(K)
    if due then
      redis.call('ZADD', K .. 'marker', due, '1')
    end
    postponed[K] = nil
  end
end
