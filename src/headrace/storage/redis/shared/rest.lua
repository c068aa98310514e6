-- uses: usual
-- A queue that rests gives out nothing for a time.

local RESTING = 9007199254740991 -- what BullMQ writes into its limiter to rest a queue

-- How long the queue rests yet; nil if it does not.
local function rest_ms(K, ours, now, is_frozen)
  if is_frozen then
    local ends_at = tonumber(redis.call('GET', ours .. 'rest') or 0)
    if ends_at > now then
      return ends_at - now
    end
  end
  if not is_usual(K) and tonumber(redis.call('GET', K .. 'limiter') or 0) >= RESTING then
    local left = redis.call('PTTL', K .. 'limiter')
    return left > 0 and left or nil
  end
end

-- A rest that would end earlier does not shorten one. What was counted of the starts of a rate makes room, as for BullMQ.
local function rest(K, ours, ms, now, is_frozen)
  if (rest_ms(K, ours, now, is_frozen) or 0) >= ms then
    return
  end
  if is_frozen then
    redis.call('SET', ours .. 'rest', now + ms)
  else
    redis.call('SET', K .. 'limiter', RESTING, 'PX', ms)
    make_unusual(K)
  end
end
