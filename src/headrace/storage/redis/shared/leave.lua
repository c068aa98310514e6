-- uses: wake lines
-- Out of a state, by hand.

local LISTS = { waiting = 'wait', active = 'active' }

-- A state in BullMQ's words, for its events.
local function word_of(state)
  return LISTS[state] or state
end

-- What runs no more makes room for others.
local function leave(K, id, state)
  if state == 'active' then
    redis.call('LREM', K .. 'active', -1, id)
    redis.call('SREM', K .. 'stalled', id)
    redis.call('DEL', K .. id .. ':lock')
    woken[K] = woken[K] or redis.call('EXISTS', K .. 'wait', K .. 'prioritized', ours_key(K, 'parked')) > 0 or nil
  elseif LISTS[state] then
    redis.call('LREM', K .. LISTS[state], -1, id)
  else
    redis.call('ZREM', K .. state, id)
  end
  if state == 'waiting' or state == 'prioritized' then
    unpark(K, id)
  end
end
