-- A queue that rests, or that has used up its rate, gives out nothing for a time.

local RESTING = 9007199254740991 -- what BullMQ writes into its limiter to rest a queue

-- How long the queue rests yet; nil if it does not. `max` is its rate, nil if that is no matter.
local function rest_ms(K, ours, max, now, is_frozen)
  if is_frozen then
    local ends_at = tonumber(redis.call('GET', ours .. 'rest') or 0)
    if ends_at > now then
      return ends_at - now
    end
  end
  local used = tonumber(redis.call('GET', K .. 'limiter') or 0)
  if used >= (max or RESTING) then
    local left = redis.call('PTTL', K .. 'limiter')
    return left > 0 and left or nil
  end
end
