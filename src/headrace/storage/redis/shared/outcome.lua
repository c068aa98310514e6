-- uses: place events failure
-- What a settlement does that is no success.

-- A failed child is named in BullMQ's words, which came with the deferred failure; ours are beside them. A run may end
-- otherwise than with the failure that was deferred meanwhile, and its own reason is what counts then.
local function record_failure(key, settlement, deferred, now)
  local is_final = settlement[4] == 'failed'
  local reason = is_final and settlement[15] == 'child-failed' and deferred or settlement[10] or (is_final and 'failed')
  if not settlement[10] then
    return reason
  end
  local line = stamped(settlement[12], now)
  redis.call('HSET', key, 'failedReason', reason)
  if is_final then
    redis.call('HSET', key, 'hrw', line)
  end
  if settlement[11] then
    local past = redis.call('HMGET', key, 'stacktrace', 'hrf')
    redis.call('HSET', key, 'stacktrace', stack_with(past[1], settlement[11]),
      'hrf', history_with(past[2], line))
  end
  return reason
end

local function attempts_of(key)
  local is_read, options = pcall(cjson.decode, redis.call('HGET', key, 'opts') or '')
  return is_read and tonumber(options.attempts) or 0
end

-- A job that has not finished; one that waits for children is put to those that are `awaiting`.
local function go_on(K, key, settlement, priority, awaiting, now)
  local id, to, delay = settlement[2], settlement[4], settlement[6]
  if to == 'delayed' then
    redis.call('HSET', key, 'delay', delay)
    delay_until(K, id, now + delay)
    emit(K, 'delayed', id, 'delay', now + delay)
  elseif to == 'waiting' then
    local put = settlement[8] and push_front or push_back
    put(K, id, priority, now)
    emit_ready(K, id, priority, 'active')
  else
    redis.call('ZADD', K .. 'waiting-children', now, id)
    emit(K, 'waiting-children', id, 'prev', 'active')
    local hurried, run = unpack(redis.call('HMGET', key, 'hrh', 'ats'), 1, 2)
    local is_forced = hurried and hurried == run
    awaiting[#awaiting + 1] = { K = K, id = id, key = key, is_forced = is_forced, asked = is_forced and 0 or delay }
  end
end
